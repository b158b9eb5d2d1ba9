#!/bin/sh
# dqn bench: every line is there, in each form; no figure is judged here.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs

t 'a line for everything that a run consists of' 0 "$DQN" bench short.ini total_timesteps=300 -n 1
err_any
out_lines 14
for line in '^what +best +median +GFLOP/s +of peak' 'fused multiply-adds .* 100 %' 'update 4-16-2, batch 32 .* %' \
	'  sample the minibatch' '  TD targets .* %' '  forward pass and loss .* %' '  backward pass .* %' \
	'  Adam and the norm' 'act .* %' 'act, side by side .* %' 'store a transition' 'a step of the environment' \
	'the training loop .* 300 steps, 200 updates; network and Adam [0-9.]+ %'; do
	out_has "$line"
done
out_lacks 'nan|inf| -[0-9]'

t 'keys without a configuration change the defaults' 0 "$DQN" bench net_arch=16,8 batch_size=5 prioritized=true \
	total_timesteps=300 learning_starts=100 buffer_size=500 -n 1
err_any
out_has 'update 4-16-8-2, batch 5 '
out_has '  new priorities '

t 'random steps ask no network' 0 "$DQN" bench short.ini total_timesteps=20000 learning_starts=19999 eval_freq=0 -n 3
err_any
out_has 'the training loop .* 20000 steps, 1 updates; network and Adam [0-9]\.[0-9] %'

t 'the returns of the second half' 0 "$DQN" bench short.ini n_steps=2 n_steps_final=5 -n 1 total_timesteps=300
err_any
out_has '^  sample the minibatch .* 5-step returns, as in most updates$'

t '--json' 0 "$DQN" bench --samples 2 --json short.ini total_timesteps=150
err_any
out_lines 1
out_json
out_has "^\{\"version\":\"$version\",\"isa\":\"[a-z0-9]+\",\"samples\":2,\"rows\":\["
is 'rows' "$(grep -o '"name":' "$out" | wc -l)" 12
is 'rows with times' "$(grep -oE '"seconds":[0-9.e-]+,"best":[0-9.e-]+,' "$out" | wc -l)" 12
out_has '"name":"the training loop"'

# shellcheck disable=SC2016 # the script's own
t 'the median is never less than the best' 0 sh -c 'tr "{" "\n" <"$1" | sed -n "s/.*seconds\":\([^,]*\),\"best\":\([^,]*\),.*/\1 \2/p" |
	awk "\$1 < \$2 { exit 1 }"' sh "$out"

t '--sizes: an update of each' 0 "$DQN" bench --sizes -n 1 short.ini
err_any
out_lines 33
out_has '^what +best +median +GFLOP/s +of peak'
out_has '^update 4-8-8-2, batch 32 '
is 'times with a rate and a share of the peak' \
	"$(grep -cE '^update 4-([0-9]+)-\1-2, batch (32|64|256) +([0-9.]+ [num]s +){2}[0-9.e+]+ +[0-9.e+]+ % *$' "$out")" 30

t 'an environment in a child process' 0 "$DQN" bench -n 1 short.ini total_timesteps=150 id=process \
	command="'$DQN' env serve CartPole-v1"
err_any
out_has '^a step of the environment '
out_has '^the same, [0-9]+ together '

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
