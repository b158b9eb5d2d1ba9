#!/bin/sh
# dqn trace: one update, number by number; check_trace.py computes all of them again.
# shellcheck disable=SC2016,SC2086,SC2154,SC2317 # commands in quotes expand their variables; words are split on purpose
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs
here=$root/tests
base='/dev/null total_timesteps=3000 learning_starts=100 batch_size=32'
trace() { "$DQN" trace $base "$@"; }

no_python=''
command -v python3 >/dev/null || no_python=1
[ -z "$no_python" ] || skip 'every number of ten updates, computed again: no python3'

# checked WANTED ARGUMENT...: the same update as JSON and as text; WANTED: what it is a case of
checked()
{
	wanted=$1
	shift
	t "$* as JSON" 0 trace "$@" --json
	cp "$out" one.json
	t "$* as text" 0 trace "$@"
	cp "$out" one.txt
	[ -z "$no_python" ] || return 0
	t "$*, computed again" 0 python3 "$here/check_trace.py" one.json one.txt $wanted
	out_has '^[0-9]+ numbers, '
}
checked 'linear square terminated due' net_arch=24,16 reward_scale=20 --update 900
checked 'square' net_arch=24,16 loss=mse --update 1
checked 'double' net_arch=24,16 double_q=true --update 400
checked 'short short-and-terminated whole' net_arch=24,16 n_steps=5 --update 700
checked 'short truncated' net_arch=24,16 n_steps=5 max_episode_steps=12 --update 700
checked 'mirrored whole' net_arch=24,16 mirror_obs=-1 n_steps=3 --update 700
checked 'late short whole' net_arch=24,16 n_steps=2 n_steps_final=9 exploration_fraction=1 --update 1500
checked 'whole' net_arch=24,16 n_steps=2 n_steps_final=9 --update 400
checked 'weighted' net_arch=24,16 prioritized=true n_steps=3 buffer_size=150 --update 500
checked 'square' net_arch=24,16 dueling=true double_q=true prioritized=true --update 300
checked 'clipped' net_arch=24,16 max_grad_norm=0.5 loss=mse --update 2000
checked 'target-clipped' net_arch=24,16 clip_targets=true gamma=0.9 initial_q=10 --update 5
checked 'due' net_arch=24,16 tau=0.01 target_update_interval=1 ema_decay=0.99 \
	learning_rate_schedule=linear --update 1200
checked '' net_arch=none --update 100
checked '' net_arch=none dueling=true --update 100
checked '' net_arch=8 activation=tanh dueling=true --update 100
checked '' net_arch=16 id=Acrobot-v1 train_freq=4 gradient_steps=3 --update 100
checked '' net_arch=16 id=MountainCar-v0 train_freq=4 gradient_steps=-1 max_grad_norm=0 \
	prioritized=true per_alpha=0 --update 99
# A child that declares masks: the maximum is over the actions that they allow.
for keys in 'double_q=true n_steps=3' 'dueling=true loss=mse prioritized=true'; do
	checked 'masked truncated' id=process command="awk -Winteractive -f $here/../configs/env/maze.awk 2>/dev/null" max_episode_steps=10 \
		net_arch=4 buffer_size=300 $keys --update 40
done

# --- it is the run ---

t 'a run of 50 updates' 0 "$DQN" train /dev/null total_timesteps=150 learning_starts=100 batch_size=32 net_arch=8 eval_freq=0 -q --out run
if [ -z "$no_python" ]; then
	t 'the weights after its last update' 0 "$DQN" trace run/config.ini --update 50 --json
	cp "$out" last.json
	t 'are those of the run' 0 python3 -c 'import json, struct
raw = open("run/final.safetensors", "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
head = json.loads(raw[8:8 + n])
for t in json.load(open("last.json"))["parameters"]:
    begin, end = head[t["name"]]["data_offsets"]
    data = raw[8 + n + begin:8 + n + end]
    assert list(struct.unpack("<%df" % (len(data) // 4), data)) == t["after"], t["name"]'
fi
t 'from the weights of a run' 0 trace init_weights=run net_arch=8 --update 1 --json
[ -n "$no_python" ] || yes_if python3 -c 'import json
of = lambda name, column: [t[column] for t in json.load(open(name))["parameters"]]
assert of("last.json", "after") == of("'"$out"'", "before")'
t 'once' 0 trace net_arch=8 --update 700 --json
cp "$out" once.json
t 'and again, by other instructions' 0 env DQN_ISA=scalar "$DQN" trace $base net_arch=8 --update 700 --json
same_file once.json "$out"
err_is() { err_has "^$1\$"; }
mkdir empty && cd empty || exit 1
t 'nothing is written' 0 trace --update 1
is files "$(ls)" ''
cd .. || exit 1
t '--rows' 0 trace --update 1 --rows 7
yes_if grep -q '^6 ' "$out"
no_if grep -q '^7 ' "$out"
t 'more rows than there are' 0 trace --update 1 --rows 100
yes_if grep -q '^31 ' "$out"
no_if grep -q '^32 ' "$out"
t 'a child process' 0 trace id=process command="awk -Winteractive -f $here/../configs/env/cartpole.awk 2>/dev/null" --update 4
out_has '^CartPole, seed 1: update 4, in step 104 of 3000; 4 of 32 transitions$'

# --- updates that do not exist ---

for n in 0 2901 18446744073709551615; do
	t "--update $n" 2 trace --update $n
	out_empty
	err_is "dqn: --update $n: this run has the updates 1 to 2900"
done
t 'the last one' 0 trace --update 2900
t 'without --update' 2 trace
err_is "dqn: 'trace' needs --update N"
t '--update x' 2 trace --update x
err_has "^dqn: --update 'x' is not a whole number"
t 'no updates' 2 "$DQN" trace /dev/null gradient_steps=0 total_timesteps=3000 --update 1
err_is 'dqn: this run has no update: see learning_starts, train_freq and gradient_steps'
t 'a run that stops' 2 trace eval_freq=500 stop_return=9 --update 2000
out_empty
err_is 'dqn: --update 2000: this run has the updates 1 to 400; stop_return ended it at step 500'
t 'its last update' 0 trace eval_freq=500 stop_return=9 --update 400
t 'a child process that ends' 7 trace id=process command='exit 3' --update 4
err_has 'the command has ended with status 3$'
t 'a bad key' 2 trace gama=0.9 --update 4
err_has "did you mean 'gamma'"
t 'a full disk' 1 sh -c '"$DQN" trace /dev/null --update 1 >/dev/full'
err_has 'No space left on device$'
end
