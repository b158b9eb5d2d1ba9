#!/bin/sh
# dqn bench: every line is there, in each form; no figure is judged here.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs

t 'a line for everything that a run consists of' 0 "$DQN" bench short.ini total_timesteps=300 -n 1
err_any
out_lines 22
for line in 'fused multiply-adds .*100\.0 % of peak' 'update 4-128-128-2, batch 64 .* % of peak' \
	'act 4-64-64-2 .* GB/s of weights' 'env: a step of CartPole-v1 .* million steps/s' \
	'env: the same, 16 in turn .* million steps/s' \
	'act 4-24-24-2, 16 side by side .* % of peak' \
	'replay: sample a minibatch of 32' 'replay: store a transition' \
	'run: the training loop .* 300 steps, 200 updates; network and Adam [0-9.]+ %'; do
	out_has "$line"
done
out_lacks 'nan|inf| -[0-9]'

t '--json' 0 "$DQN" bench --samples 2 --json short.ini total_timesteps=150
err_any
out_lines 1
out_json
out_has "^\{\"version\":\"$version\",\"isa\":\"[a-z0-9]+\",\"samples\":2,\"rows\":\["
is 'rows' "$(grep -o '"name":' "$out" | wc -l)" 21
is 'rows with a time' "$(grep -oE '"seconds":[0-9.e-]+,' "$out" | wc -l)" 21
out_has '"name":"run: the training loop"'

t 'DQN_ISA is measured' 0 env DQN_ISA=scalar "$DQN" bench -n 1 --json short.ini total_timesteps=150
err_any
out_has '"isa":"scalar"'

t 'it writes nothing' 0 ls
out_lacks 'runs'

usage() { # PATTERN ARGUMENT...
	pattern=$1
	shift
	t "bench $*" 2 "$DQN" bench "$@"
	err_has "$pattern"
	out_empty
}
usage "^dqn: 'lr=1': unknown key 'lr'; did you mean 'learning_rate'\?$" short.ini lr=1
usage "^dqn: unknown flag '--sample'; did you mean '--samples'\?$" --sample 3
usage "^dqn: --samples '0'" --samples 0
usage "^dqn: --samples '1001' is more than 1000$" --samples 1001
usage "^dqn: .*no-such.ini" no-such.ini

t 'a run that diverges' 4 "$DQN" bench -n 1 short.ini clip_targets=false learning_rate=1 reward_scale=1e6 obs_scale=1e6,1e6,1e6,1e6 \
	max_grad_norm=0 loss=mse \
	adam_beta2=0 adam_eps=1e-10 adam_beta1=0 net_arch=16,16,16,16,16,16,16,16 \
	target_update_interval=1
err_has '^dqn: diverged at step'
end
