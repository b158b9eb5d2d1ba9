#!/bin/sh
# A result is its run's own: what was copied from another run is not taken for it, the
# final figures can be computed again, and a run that is not done has weights to use.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs
train() { "$DQN" train short.ini -q "$@" >/dev/null; }

# --- a result that is not the run's ---

missing() { "$DQN" sweep both.ini --out runs --missing; }
sed 's/^seed = .*/seed = 1..2/; s/^learning_rate = .*/learning_rate = 1e-3 | 1e-2/' short.ini >both.ini
missing >commands
t 'four runs' 0 sh -e commands
err_any
t 'nothing is missing' 0 missing
out_empty
own=runs/learning_rate=0.001/seed-1

# what differs is named by train, report and plot; sweep counts the run as missing
refused() # PATTERN OF THE FILE AND WHAT DIFFERS
{
	t "train: $1" 5 train learning_rate=1e-3 --out $own
	err_has "^dqn: .*$1.*; --fresh runs it again$"
	err_lines 1
	t "report: $1" 0 "$DQN" report runs --csv
	err_has "^dqn: warning: cannot read all of 1 of the runs: .*$1"
	t "watch: $1" 0 "$DQN" watch runs --once
	err_has "$1"
	t "sweep --missing: $1" 0 missing
	out_lines 1
	out_has " learning_rate=0.001 .*seed=1 "
	rm -rf $own && cp -r kept $own
}
cp -r $own kept

for other in learning_rate=0.001/seed-2:'seed: 2, not 1' learning_rate=0.01/seed-1:'learning_rate: 0.01, not 0.001'; do
	from=runs/${other%%:*} differs=${other#*:}
	cp "$from/result.json" "$from/final.safetensors" "$from/best.safetensors" $own
	refused "result.json' is of another (run|configuration) \($differs\)"
	cp "$from/result.json" $own
	refused "result.json' is of another (run|configuration) \($differs\)"
	cp "$from/final.safetensors" $own
	refused "final.safetensors' is of another configuration \($differs\)"
	cp "$from/best.safetensors" $own
	refused "best.safetensors' is of another configuration \($differs\)"
	# with the hashes made right
	for w in final best; do
		old=$(sha256sum <$own/$w.safetensors) new=$(sha256sum <"$from/$w.safetensors")
		sed -i "s/\"${w}_sha256\":\"${old%% *}\"/\"${w}_sha256\":\"${new%% *}\"/" $own/result.json
		cp "$from/$w.safetensors" $own
	done
	refused "final.safetensors' is of another configuration \($differs\)"
done

# of an earlier version, whose result.json has no configuration
sed -i 's/,"config":.*/}/' runs/*/*/result.json
rm -rf kept && cp -r $own kept
t 'a result without a configuration' 0 train learning_rate=1e-3 --out $own
cp runs/learning_rate=0.001/seed-2/result.json $own
refused "result.json' is of another run \(seed: 2, not 1\)"
train total_timesteps=1000 --out steps && sed 's/,"config":.*/}/' steps/result.json >$own/result.json
refused "result.json' is of another run \(total_timesteps: 1000, not 2000\)"
sed -i 's/CartPole-v1/CartPole-v0/' $own/result.json
refused "result.json' is of another run \(id: CartPole-v0, not CartPole-v1\)"

end
