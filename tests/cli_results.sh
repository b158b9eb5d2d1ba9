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
	refused "result.json' is of another configuration \($differs\)"
	cp "$from/result.json" $own
	refused "result.json' is of another configuration \($differs\)"
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

# --- a run that is not done has weights ---

start() # DIR KEY=VALUE...: a long run in the background, once it has evaluated
{
	dir=$1
	shift
	"$DQN" train short.ini total_timesteps=1e9 buffer_size=1000 exploration_fraction=1e-5 "$@" --out "$dir" -q &
	pid=$!
	t_pids=$pid
	wait_for test -s "$dir/eval.csv"
	wait_for sh -c "[ \$(wc -l <$dir/eval.csv) -gt 1 ]"
	wait_for test -s "$dir/best.safetensors" # follows the row
}
# shellcheck disable=SC2086 # a number
stop() # SIGNAL
{
	kill -"$1" $pid
	wait $pid 2>/dev/null
	t_pids=''
}
t 'a run that works' 0 start working checkpoint_interval=1000
no_if [ -e working/checkpoint.safetensors ]
t 'has its best weights at once' 0 "$DQN" eval working
out_has '^weights: working/best.safetensors; '
err_has "^dqn: 'working' holds a run that is not done; taking 'best.safetensors', the weights that evaluated best so far$"
err_lines 1
t 'the same as by their name' 0 "$DQN" eval working/best.safetensors --csv
cp "$out" best.csv
t 'with --csv' 0 "$DQN" eval working --csv
err_any
same_file "$out" best.csv
t 'inspect takes them, too' 0 "$DQN" inspect working
err_has "taking 'best.safetensors'"
stop KILL
t 'after a kill they are there still' 0 "$DQN" eval working
err_has "taking 'best.safetensors'"
t 'of a run that is stopped' 0 start stopped ema_decay=0.9
stop TERM
err_any
step() { "$DQN" inspect "$1" | sed -n 's/^  timesteps = //p'; }
t 'a checkpoint has a best' 0 "$DQN" inspect stopped/checkpoint.safetensors
best=$(sed -n 's/^  best_row.timesteps  () I64  //p' "$out")
t 'it is that of best.safetensors' 0 step stopped/best.safetensors
out_is "$best"
t 'a checkpoint can be evaluated' 0 "$DQN" eval stopped/checkpoint.safetensors
out_has "^weights: stopped/checkpoint.safetensors, the average of the weights at step $(step stopped/checkpoint.safetensors); "
t 'as JSON' 0 "$DQN" eval stopped/checkpoint.safetensors --json
out_json
out_has '"part":"agent.average","timesteps":[0-9]+\}$'
t 'without averages' 0 start online eval_freq=1000 ema_decay=0
stop TERM
err_any
t 'it is the online network' 0 "$DQN" eval online/checkpoint.safetensors
out_has ", the online network at step [0-9]+; "
rm online/best.safetensors
t 'where there is no best yet, a run has that' 0 "$DQN" eval online
err_has "^dqn: 'online' holds a run that is not done; taking 'checkpoint.safetensors', as there is no 'best.safetensors' yet$"
cp stopped/checkpoint.safetensors stopped/best.safetensors online
t 'not that of another run' 5 "$DQN" eval online
err_has "^dqn: 'online/best.safetensors' is of another configuration \(ema_decay: 0.9, not 0; eval_freq: 500, not 1000\)$"
rm online/best.safetensors
t 'nor its checkpoint' 5 "$DQN" eval online
err_has "^dqn: 'online/checkpoint.safetensors' is of another configuration"
rm online/checkpoint.safetensors
t 'one without any' 1 "$DQN" eval online
err_has "^dqn: the run in 'online' is not done and has no weights yet$"
t 'one that diverged' 4 train clip_targets=false learning_rate=1 reward_scale=1e6 obs_scale=1e6,1e6,1e6,1e6 max_grad_norm=0 \
	loss=mse adam_beta2=0 adam_eps=1e-10 adam_beta1=0 net_arch=16,16,16,16,16,16,16,16 target_update_interval=1 \
	eval_freq=50 --out diverged
err_has 'diverged'
t 'has those of before' 0 "$DQN" eval diverged
err_has "^dqn: 'diverged' holds a run that diverged; taking 'best.safetensors', the weights that evaluated best$"
rm stopped/best.safetensors
echo 'diverged at step 500' >stopped/failed.txt
t 'or those of its checkpoint' 0 "$DQN" eval stopped
err_has "^dqn: 'stopped' holds a run that diverged; taking 'checkpoint.safetensors', as there is no 'best.safetensors'$"
t 'a run that was not interrupted' 0 train total_timesteps=20000 eval_freq=200 --out whole
t 'one that is killed and goes on' 0 sh -c 'for ms in 1 3 5 7; do
	"$DQN" train short.ini total_timesteps=20000 eval_freq=200 checkpoint_interval=0.001 -q --out cut >/dev/null & pid=$!
	sleep 0.1$ms; kill -9 $pid; wait $pid; ls cut; done 2>/dev/null; "$DQN" train short.ini total_timesteps=20000 eval_freq=200 -q --out cut'
out_has best.safetensors
sed -i 's/^checkpoint_interval = .*/checkpoint_interval = 10/' cut/config.ini
same_tree whole cut

# --- kills in the middle of long evaluations: each goes on from its last episodes ---

"$DQN" config configs/cartpole-fixed.ini total_timesteps=1000 eval_freq=1000 eval_episodes=4000 stop_return=100 \
	stop_episodes=4000 final_eval_episodes=4000 checkpoint_interval=0.001 >long.ini 2>/dev/null
long() { "$DQN" train long.ini -q --out "$1"; }
long slow >summary
t 'the three evaluations were' 0 cat slow/result.json
out_has '"stopped":true.*"final_episodes":4000,'
kills=0 tries=0 pause=$(awk '/^time: / { print $2 / 8 }' summary)
until { [ -e hurried/result.json ] && [ $kills -ge 3 ]; } || [ $tries -ge 300 ]; do
	if [ -e hurried/result.json ]; then # sooner than thought: the machine was busier before
		rm -r hurried
		kills=0 pause=$(awk -v pause="$pause" 'BEGIN { print pause / 2 }')
	fi
	tries=$((tries + 1))
	"$DQN" train long.ini -q --out hurried >/dev/null 2>&1 &
	pid=$!
	sleep "$pause"
	kill -9 $pid 2>/dev/null && kills=$((kills + 1))
	wait $pid 2>/dev/null
done
t "killed $kills times" 0 test -e hurried/result.json
yes_if [ $kills -ge 3 ]
t 'it gets to the same end' 0 long hurried
err_any
is 'what it prints' "$(sed 's/hurried/slow/' "$out")" "$(grep -v '^time:' summary)"
same_tree slow hurried
t 'which --recheck confirms' 0 "$DQN" eval hurried --recheck
out_has 'over 4000 episodes'

# --- the final figures, again ---

train --out again eval_max_episode_steps=100 obs_scale=bounds ema_decay=0.9 seed=7
recheck() { "$DQN" eval again --recheck "$@"; }
t '--recheck' 0 recheck
out_has "^weights: again/final.safetensors; the run's final evaluation: the same as in its result.json, "
t 'its returns are those of result.json' 0 recheck --csv
is returns "$(sed 1d "$out" | cut -d, -f2 | paste -sd,)" \
	"$(sed 's/.*"final_returns":\[\(.*\)\]}$/\1/' again/result.json)"
t 'as JSON' 0 recheck --json
out_json
out_has '"seed":7,"episodes":5,'
t 'with --require' 3 recheck --require 101
err_has 'below the required 101'
cp again/result.json good.json
for change in final_return_mean final_return_std final_return_min final_return_max final_length_mean; do
	sed "s/\"$change\":[0-9.e-]*/\"$change\":12.25/" good.json >again/result.json
	t "another $change" 5 recheck
	err_has "^dqn: 'again/result.json' has $change = 12.25, but its weights have [0-9.e-]+$"
	out_empty
done
sed 's/"final_episodes":5/"final_episodes":6/' good.json >again/result.json
t 'another number of episodes' 5 recheck
err_has 'has final_episodes = 6, but its weights have 5$'
sed 's/"final_returns":\[[0-9]*,/"final_returns":[/' good.json >again/result.json
t 'one return less' 5 recheck
err_has "^dqn: 'again/result.json' has "
sed 's/\]}$/,9]}/' good.json >again/result.json
t 'one more' 5 recheck
err_has 'has a return of episode 6 = 9, but its weights have '
sed 's/"final_returns":\[[0-9]*/&1/' good.json >again/result.json
t 'another one' 5 recheck
err_has 'has a return of episode 1 = [0-9]+1, but its weights have [0-9]+$'
cp good.json again/result.json
t 'a run that is not done' 1 "$DQN" eval stopped --recheck
err_has "^dqn: the run in 'stopped' is not done$"
t 'a file' 1 "$DQN" eval again/final.safetensors --recheck
err_has '^dqn: open .*Not a directory$'
for flag in '--seed 1' '--episodes 5' '--epsilon 0' '--max-episode-steps 500'; do
	# shellcheck disable=SC2086 # a flag and its value
	t "--recheck with $flag" 2 recheck $flag
	err_has "^dqn: --recheck repeats the run's own evaluation; ${flag% *} belongs to another$"
done
sed 's/"final_sha256":"./&0/; s/\("final_sha256":"[0-9a-f]*\)."/\1"/' good.json >again/result.json
t 'weights that are not those of the result' 5 recheck
err_has "^dqn: 'again/final.safetensors' does not match the hash in 'again/result.json'$"

# --- seeds of episodes ---

# Episode i of --seed S has the seed S + i; by default the episodes are others.
greedy='gradient_steps=0 learning_starts=0 exploration_initial_eps=0 exploration_final_eps=0 total_timesteps=3000'
# shellcheck disable=SC2086 # a list of words
train $greedy --out greedy
t 'episodes of seeds 100 to 139' 0 "$DQN" eval greedy --seed 100 -n 40 --csv
sed 1d "$out" | cut -d, -f2- >evaluated
for seed in 100 101 117 139; do
	t "the episode of seed $seed" 0 "$DQN" eval greedy --seed $seed -n 1 --csv
	is 'return and length' "$(sed -n 2p "$out" | cut -d, -f2-)" "$(sed -n $((seed - 99))p evaluated)"
done
t 'the largest seed, and the one after it' 0 "$DQN" eval greedy --seed 18446744073709551615 -n 2 --csv
is 'which is 0' "$(sed -n 3p "$out" | cut -d, -f2-)" "$("$DQN" eval greedy --seed 0 -n 1 --csv | sed -n 2p | cut -d, -f2-)"
t 'without a seed' 0 "$DQN" eval greedy -n 40 --csv
sed 1d "$out" | cut -d, -f2- >others
no_if cmp -s evaluated others

end
