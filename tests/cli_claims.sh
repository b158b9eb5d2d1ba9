#!/bin/sh
# What the program says of a run is so: what is called solved, which alarms come.
# shellcheck disable=SC2016,SC2086 # commands in quotes expand their variables; lists of words
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs
train="$DQN train configs/cartpole.ini -q"

# --- solved: only by the environment's own rule ---

t 'longer training episodes leave evaluations as they are' 0 $train max_episode_steps=2000 seed=1 --out own
out_has '^CartPole-v1, seed 1: return 500\.0 .* over 100 fresh episodes \(min'
out_has '^solved after '
t 'their weights keep the same under the own limit' 0 "$DQN" eval own
out_lacks 'limit'
t 'with longer evaluations nothing is called solved' 0 $train max_episode_steps=2000 eval_max_episode_steps=2000 \
	stop_return=1000 seed=1 --out long
out_has ' over 100 fresh episodes of up to 2000 steps \(min'
out_lacks solved
out_has '^stopped after [0-9]+ of 50000 steps, stop_return = 1000 was reached: '
t 'nor when it is done already' 0 "$DQN" train configs/cartpole.ini -q max_episode_steps=2000 \
	eval_max_episode_steps=2000 stop_return=1000 seed=1 --out long
out_lacks solved
t 'nor with shorter ones' 0 $train eval_max_episode_steps=499 seed=1 --out short
out_lacks solved
t 'a stop_return below the threshold is not solved' 0 $train stop_return=300 seed=1 --out below
out_lacks solved
out_has '^stopped after [0-9]+ of 50000 steps, stop_return = 300 was reached: '
t 'nor is a run whose final evaluation is below it' 0 $train stop_return=475 eval_episodes=1 stop_episodes=1 \
	final_eval_episodes=1 seed=2 --out one
final=$(sed 's/.*"final_return_mean":\([0-9.]*\),.*/\1/' one/result.json)
is 'solved' "$(grep -c '^solved' "$out")" "$(awk "BEGIN { print ($final >= 475) }")"

t 'report: no verdict under another limit' 0 "$DQN" report own long --csv
err_has '^dqn: warning: 1 of the runs had evaluations under another time limit'
is 'solved of own and long' "$(awk -F, '
	NR == 1 { for (i = 1; i <= NF; i++) col[$i] = i; next }
	{ print $col["eval_max_episode_steps"], "[" $col["solved"] "][" $col["censored"] "]" }' "$out" | sort)" \
	'0 [1][0]
2000 [][]'
t 'report: nor in JSON' 0 "$DQN" report long --json
out_json
out_has '"solved":null,"solved_low":null,"solved_high":null,"steps_to_threshold":null,"censored":null'
err_any
t 'report: returns under different limits are not compared' 0 "$DQN" report own long
out_has '^The first two were judged in different environments or under different time limits'
out_lacks 'better'
err_any
t 'report: a threshold of your own judges all' 0 "$DQN" report own long --threshold 475 --csv
is 'solved of both' "$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "solved") c = i; next } { print $c }' "$out")" '1
1'

t 'eval: the own limit, whatever the run had' 0 "$DQN" eval long --json
out_json
out_has '"return_max":500,'
out_has ',"max_episode_steps":500\}$'
t 'eval: says which limit it had' 0 "$DQN" eval long
out_has "; episodes of up to 500 steps \(CartPole-v1's own limit: 500; in the run's evaluations: 2000\)$"
t 'eval: --max-episode-steps' 0 "$DQN" eval own --max-episode-steps 20
out_has 'return 20\.0 '
out_has "; episodes of up to 20 steps \(CartPole-v1's own limit: 500; in the run's evaluations: 500\)$"
t 'eval: --max-episode-steps with --csv' 0 "$DQN" eval own --max-episode-steps 1200 --csv
yes_if awk -F, 'NR > 1 && $3 > 500 && $3 <= 1200 { n++ } END { exit !n }' "$out"
for n in 0 -1 x 1.5; do
	t "eval: --max-episode-steps $n" 2 "$DQN" eval own --max-episode-steps=$n
	err_has '^dqn: --max-episode-steps .* is not a whole number'
done
t 'eval: a requirement that no episode can meet' 3 "$DQN" eval own --require 501
err_has 'is below the required 501; no episode can return more than 500$'
sed -e 's/"max_episode_steps":"500"/"max_episode_steps":"900"/' -e 's/"dqn_sha256_v2"/"dqn_sha256_no"/' own/final.safetensors >old.safetensors
t 'eval: weights of the time when 0 was the limit of training' 0 "$DQN" eval old.safetensors --json
out_has '"return_max":500,.*,"max_episode_steps":500\}$'
t 'eval: says what their run had' 0 "$DQN" eval old.safetensors
out_has "\(CartPole-v1's own limit: 500; in the run's evaluations: 900\)$"
t 'stop_return beyond what an evaluation can return' 2 $train stop_return=501
err_has '^dqn: stop_return = 501 can never be met: an evaluation of up to 500 steps an episode returns at most 500$'
t 'longer training episodes do not help' 2 $train stop_return=501 max_episode_steps=2000
err_has 'can never be met'
t 'longer evaluations do' 0 "$DQN" config configs/cartpole.ini stop_return=501 eval_max_episode_steps=502

# --- diverged: also in evaluations ---

# All values of the weights become 0x7f7f7f7f, 3.4e38: finite, but their sums are not.
size=$(od -An -tu8 -N8 own/final.safetensors)
data=$((8 + size))
{
	head -c $data own/final.safetensors | sed 's/"dqn_sha256_v2"/"dqn_sha256_no"/'
	tail -c +$((data + 1)) own/final.safetensors | tr '\000-\377' '[\177*]'
} >huge.safetensors
t 'eval: finite weights whose Q values overflow have diverged' 4 "$DQN" eval huge.safetensors
out_empty
err_has "^dqn: 'huge.safetensors' has diverged: a Q value is not finite$"
for how in '--json' '--csv' '--epsilon 0.9' '--require 5' '--max-episode-steps 3'; do
	t "eval: diverged with $how" 4 "$DQN" eval huge.safetensors $how
	out_empty
	err_has 'has diverged'
done
t 'eval: random actions need no Q value' 0 "$DQN" eval huge.safetensors --epsilon 1

# --- alarms: judged by what the environment declares ---

toy="$BUILD/tests/dqn-toy train short.ini total_timesteps=6000 gamma=0.95 obs_scale=none reward_scale=1 initial_q=0 log_interval=100"
wild='learning_rate=1 learning_rate_schedule=constant loss=mse max_grad_norm=0 target_update_interval=1 clip_targets=false
	ema_decay=0'
for id in ToySparse-v0 ToyNegative-v0; do
	for clip in true false; do
		t "$id learns without an alarm, clip_targets=$clip" 0 $toy id=$id clip_targets=$clip --out toy/$id-$clip
		err_lacks warning
	done
done
t 'sparse rewards: their bounds are there before the first of them' 0 $toy id=ToySparse-v0 --out toy/early
err_any
is bounds "$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next } { printf "%.3f %.3f\n", $c["q_bound"], $c["q_bound_low"] }' \
	toy/early/progress.csv | sort -u)" '20.000 -20.000'
wilder='gamma=0.95 obs_scale=none reward_scale=1 initial_q=0 log_interval=100 net_arch=16'
t 'sparse rewards: Q values beyond them are one' 0 "$BUILD/tests/dqn-toy" train short.ini id=ToySparse-v0 $wild $wilder \
	double_q=false n_steps=1 --out toy/wild
err_has '^dqn: warning: step [0-9]+: Q reaches -?[0-9.e+]+, but no return can (exceed 20|be below -20); the run seems to diverge$'
t 'negative rewards: so are Q values above 0' 0 "$BUILD/tests/dqn-toy" train short.ini id=ToyNegative-v0 $wild double_q=false \
	gamma=0.95 obs_scale=1000,1000 reward_scale=1 initial_q=0 log_interval=100 net_arch=16 --out toy/high
err_has '^dqn: warning: step [0-9]+: Q reaches [0-9.e+]+, but no return can exceed 0; '
for seed in 1 2 3; do
	t "small rewards are no divergence, seed $seed" 0 "$DQN" train short.ini reward_scale=1e-6 initial_q=0 clip_targets=false \
		seed=$seed --out small/$seed
	err_lacks warning
done
end
