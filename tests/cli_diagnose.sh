#!/bin/sh
# dqn diagnose: each of its rules, on short runs that are broken in one way or whose logs are
# rewritten, and silence where there is nothing to say. tests/diagnose counts how often it is
# right.
# shellcheck disable=SC2016 # awk programs
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs
"$DQN" config short.ini total_timesteps=4000 eval_freq=200 log_interval=100 learning_rate_schedule=constant \
	clip_targets=false reward_scale=1 initial_q=0 ema_decay=0 >base.ini || exit 1

train() { "$DQN" train "$@" -q >"$tmp/log" 2>&1 || bad "$(cat "$tmp/log")"; } # CONFIG ...

# first RUN RULE KEY: its first finding, in text and JSON
first()
{
	t "$1: $2" 0 "$DQN" diagnose "$1" --json
	out_json
	out_has "\"findings\":\[\{\"rule\":\"$2\",\"key\":\"$3\",\"value\":\"[^\"]+\",\"timesteps\":[0-9]+,\"number\":-?[0-9]"
	t "$1: $2, in words" 0 "$DQN" diagnose "$1"
	out_has '^[A-Za-z]+-v1, .* of [0-9]+ steps: (return -?[0-9.]+|no evaluation)(, target 475)?$'
	out_has "^1\. $3 = [^ ]+, from step [0-9]+ on: .*[0-9]"
	yes_if [ "$(wc -l <"$out")" -le 4 ]
}

# --- keys far from what works ---

while read -r rule key words; do
	rm -rf run
	# shellcheck disable=SC2086 # a list of words
	train base.ini --out run $words
	first run "$(echo "$rule" | tr _ ' ')" "$key"
done <<'END'
other_evaluation_limit eval_max_episode_steps eval_max_episode_steps=7
early_stop stop_return stop_return=9 stop_episodes=2
no_updates gradient_steps gradient_steps=0
no_updates train_freq train_freq=500
no_updates train_freq train_freq=1000000
no_updates train_freq train_freq=1000000 gradient_steps=-1
late_start learning_starts learning_starts=3500
short_sight gamma gamma=0.5
long_sight gamma gamma=1
small_rewards reward_scale reward_scale=1e-6
large_rewards reward_scale reward_scale=1e4
far_start initial_q initial_q=-500
small_observations obs_scale obs_scale=1e-4
uneven_observations obs_scale obs_scale=1,1,1e-5,1
large_observations obs_scale obs_scale=1e4
large_learning_rate learning_rate learning_rate=0.5
short_run total_timesteps total_timesteps=1500
rare_target_copies target_update_interval target_update_interval=3000
rare_target_copies tau tau=1e-4
no_target_network target_update_interval target_update_interval=1 clip_targets=true
small_steps learning_rate learning_rate=1e-8
small_steps adam_eps adam_eps=1 reward_scale=0.01
small_steps max_grad_norm max_grad_norm=1e-12
slow_average ema_decay ema_decay=0.99999
small_network net_arch net_arch=none
small_network net_arch net_arch=16,2,16
small_minibatch batch_size batch_size=1
many_steps n_steps n_steps=64
many_steps n_steps_final n_steps_final=64
short_memory buffer_size buffer_size=128
random_to_the_end exploration_final_eps exploration_final_eps=1
little_exploration exploration_final_eps exploration_initial_eps=0.01 exploration_final_eps=0.001 learning_starts=32
little_exploration exploration_fraction exploration_fraction=0.001 exploration_final_eps=0.001 learning_starts=32
short_training_episodes max_episode_steps max_episode_steps=5
END

# --- what findings say is so ---

rm -rf run
train base.ini --out run train_freq=1000000 gradient_steps=-1 exploration_final_eps=0.01
t 'without an update, no other finding' 0 "$DQN" diagnose run
out_lines 2
out_has '^1\. train_freq = 1000000, from step 1 on: the run made only 0 updates; 1 is usual$'
rm -rf run
train base.ini --out run n_steps_final=64 exploration_fraction=0.1
half=$(sed -n 's/^total_timesteps = //p' run/config.ini)
half=$((half / 2))
t 'n_steps_final counts from where it begins' 0 "$DQN" diagnose run
out_has "n_steps_final = 64, from step $half on: "
rm -rf run
train base.ini --out run total_timesteps=101 learning_starts=100
t 'a single update' 0 "$DQN" diagnose run
out_has ' the whole run made only 1 update; '
rm -rf run
train base.ini --out run gamma=0.9999 target_update_interval=1 exploration_final_eps=1 batch_size=1
t 'a discount near 1, and shares of 1' 0 "$DQN" diagnose run
out_has '^1\. gamma = 0.9999, from step 101 on: a step discounts values by only 0.0001 of them'
out_has '^[23]\. exploration_final_eps = 1, .*: the share of random actions does not fall below 1; '
t 'steps of a CSV file' 0 "$DQN" eval run --steps --episodes 90 --epsilon 1 --seed 5
cp "$out" demo.csv
rm -rf run
train base.ini --out run preload=demo.csv learning_starts=2500 learning_rate=0.5 buffer_size=10000
first run 'large learning rate' learning_rate
t 'those of preload count as those before learning' 0 "$DQN" diagnose run
out_lacks 'learning_starts'
rm -rf run
train base.ini --out run preload=demo.csv learning_starts=6000 learning_rate=0.5 buffer_size=10000
first run 'late start' learning_starts
out_has 'from step 1 on: nothing is learned before step 3600'
rm -rf run
train base.ini --out run train_freq=32 gradient_steps=32 target_update_interval=25
t 'a target network that is copied after many updates' 0 "$DQN" diagnose run
out_lacks target_update_interval
err_any

rm -rf run
train base.ini --out run stop_return=-5 stop_episodes=2
t 'the return that stopped it, not the key' 0 "$DQN" diagnose run
out_has "^1\. stop_return = -5, from step 200 on: the run stopped at a return of $(sed -n 2p run/eval.csv | cut -d, -f3 | cut -c 1-3)"
rm -rf run
train base.ini --out run ema_decay=0.9985 learning_starts=3000 train_freq=16 learning_rate=1e-3 reward_scale=0.01
t 'no advice is to set a key to what it is, or to what is further off' 0 "$DQN" diagnose run
out_has '^1\. learning_starts = 3000, from step 1 on: nothing is learned before step 3000; an earlier '
out_has '^[23]\. ema_decay = 0.9985, .*; a smaller one forgets '
rm -rf run
train base.ini --out run train_freq=16 learning_rate=1e-3 reward_scale=0.01
t 'small steps of a key that has its default' 0 "$DQN" diagnose run
out_has '^[123]\. learning_rate = 0.001, .*; larger steps, or more of them, move it further$'

# --- symptoms: logs of a run that fails for no such reason, rewritten ---

rm -rf run
train base.ini --out run learning_starts=1000 buffer_size=2000 double_q=false
cp -r run failing
rewrite() # LOG EXPRESSION: awk over its rows; a column is c["name"], t the step
{
	awk -F, -v OFS=, 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; print; next }
		{ t = $c["timesteps"]; '"$2"'; print }' "failing/$1.csv" >"run/$1.csv"
}
rewritten() # RULE KEY
{
	first run "$1" "$2"
	for log in progress eval episodes; do
		cp failing/$log.csv run/
	done
}
rewrite eval '$c["return_mean"] = 20; $c["q_start"] = $c["discounted_return"] = 1'
rewrite progress '$c["dead_share"] = $c["q_min"] = 0; $c["q_max"] = 90'
t 'a run that fails for no reason to be seen' 0 "$DQN" diagnose run
out_empty
err_has '^dqn: no finding: the run fails, but its logs do not say why$'
t 'in JSON' 0 "$DQN" diagnose run --json
out_has '"verdict":"failing",.*"return_mean":[0-9.]+,"target":475,"findings":\[\]\}$'
cp run/eval.csv run/progress.csv failing/
rewrite progress 'if (t > 2000) $c["q_max"] = 1e6'
rewritten 'values beyond the bound' clip_targets
rewrite progress 'if (t > 2000) $c["q_min"] = -1e6'
t 'the step where it began, and how far' 0 "$DQN" diagnose run
out_has '^1\. clip_targets = false, from step 2100 on: values leave the range of possible returns by 10000 times its width'
rewritten 'values beyond the bound' clip_targets
rewrite progress 'if (t > 1500) $c["dead_share"] = 0.97'
rewritten 'dead network' learning_rate
rewrite progress 'if (t > 1000 && t < 3500) $c["dead_share"] = 0.97'
rewritten 'dead network' learning_rate
rewrite progress 'if (t < 2000) $c["dead_share"] = 1'
t 'units that were dead at first' 0 "$DQN" diagnose run
err_has 'no finding'
rewrite episodes '$c["r"] = 0; $c["terminated"] = "false"'
rewritten 'goal never seen' max_episode_steps
rewrite progress 'if (t > 2000) $c["terminal_share"] = 0'
rewrite episodes '$c["terminated"] = t < 1500 ? "true" : "false"; $c["r"] = t < 1500 ? -5 : -9'
rewritten 'only failures in memory' buffer_size
rewrite progress 'if (t > 2000) $c["terminal_share"] = 0'
t 'a buffer of successes' 0 "$DQN" diagnose run
err_has 'no finding'
cp failing/progress.csv run/
sed -i 's/^buffer_size = .*/buffer_size = 1000/' run/config.ini
t 'a configuration that is not that of the result' 5 "$DQN" diagnose run
err_has 'is of another run|buffer_size'
cp failing/config.ini run/
rewrite eval '$c["return_mean"] = int(t / 400) % 2 ? 480 : 20'
rewritten 'alternating evaluations' ema_decay
rewrite eval '$c["return_mean"] = t < 2000 ? 20 : int(t / 400) % 2 ? 300 : t > 3800 ? 480 : 20'
rewritten 'alternating evaluations' ema_decay
out_has '^1\. ema_decay = 0, from step 2400 on: evaluations fell back 2 times'
rewrite episodes 'if (t > 2000) $c["r"] = 21'
rewritten 'stuck evaluations' ema_decay
rewrite eval '$c["q_start"] = -60'
rewritten 'wrong values' double_q
rewrite eval '$c["return_mean"] = t < 2000 ? 20 + t / 5 : 30'
rewritten collapsed learning_rate
rewrite eval '$c["return_mean"] = 20 + t / 50'
rewritten 'out of time' total_timesteps
rewrite episodes '$c["terminated"] = t > 3000 ? "true" : "false"'
rewritten 'weak exploration' exploration_fraction
rewrite eval '$c["return_mean"] = int(t / 400) % 2 ? 480 : 20'
rewrite episodes '$c["terminated"] = t > 3000 ? "true" : "false"'
rewritten 'alternating evaluations' ema_decay
rewrite episodes '$c["terminated"] = "false"; $c["r"] = 0'
sed -i 's/^exploration_fraction = .*/exploration_fraction = 0.001/' run/config.ini
rm run/result.json
t 'the goal never seen, and epsilon gone at once' 0 "$DQN" diagnose run
out_has '^1\. exploration_fraction = 0.001, from step [0-9]+ on: all [0-9]+ training episodes were cut'

# --- silence ---

t 'a healthy run' 0 "$DQN" train configs/cartpole.ini --out good -q
t 'has no finding' 0 "$DQN" diagnose good
out_empty
err_has '^dqn: no finding: the run reached what it was asked for$'
t 'nor in JSON' 0 "$DQN" diagnose good --json
out_json
out_has '^\{"run":"good","env_id":"CartPole-v1","verdict":"healthy",.*,"findings":\[\]\}$'
cat >untold.sh <<'EOF'
while read -r verb i x; do
	case $verb in
	hello) echo "env untold 1 obs=1 actions=2 reward=0..1 limit=5 high=1" ;;
	reset) echo "obs $i 1" ;;
	step) echo "step $i $x 0 0 1" ;;
	quit) exit ;;
	esac
done
EOF
t 'a run without a target' 0 "$DQN" train base.ini id=process command='sh untold.sh' initial_q=-5 \
	total_timesteps=500 eval_freq=50 exploration_initial_eps=0.5 --out untold -q
t 'that has gained' 0 "$DQN" diagnose untold
err_has '^dqn: no finding: there is no target, and its evaluations have risen by more than their spread$'
t 'nor with a key far from what works' 0 "$DQN" train configs/cartpole.ini --out lucky -q buffer_size=64
t 'as long as it is solved' 0 "$DQN" diagnose lucky
err_has 'no finding: the run reached'

# part FROM TO: the logs of the first TO steps, without a result
part()
{
	rm -rf "$1" && mkdir "$1" && cp "$2/config.ini" "$1"
	for log in progress eval episodes timing; do
		awk -F, -v to="$3" 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i } NR == 1 || $c["timesteps"] <= to' \
			"$2/$log.csv" >"$1/$log.csv"
	done
}
part under-way good 700
cp -r failing near
sed 's/"final_return_mean":[^,]*,/"final_return_mean":474.98,/' failing/result.json >near/result.json
rewrite eval '$c["return_mean"] = 20 + t / 50'
mv run/eval.csv near/
t 'a return just below its target is not printed as the target' 0 "$DQN" diagnose near
out_has ': return 474.98, target 475$'
t 'a run under way' 0 "$DQN" diagnose under-way
err_has '^dqn: no finding: the run may still get there$'
rm under-way/*.csv
t 'that has just begun' 0 "$DQN" diagnose under-way
err_has 'may still get there'
rm -rf run
train base.ini --out run learning_rate=0.5
part half run 2400
first half 'large learning rate' learning_rate
part early run 600
t 'too early to tell' 0 "$DQN" diagnose early
err_has 'may still get there'
printf '100,1,2' >>half/progress.csv
first half 'large learning rate' learning_rate

cat >child <<'END'
while read -r word _; do
	case $word in
	hello) echo 'env walk 1 obs=1 actions=2 limit=9 reward=0..1' ;;
	reset) echo 'obs 0 1' ;;
	step) echo 'step 0 1 0 0 1' ;;
	esac
done
END
for n in 0 1000; do
	rm -rf run
	train base.ini --out run id=process 'command=sh child' obs_scale=none total_timesteps=1000 eval_freq=$n
	t "a run that nothing judges: eval_freq=$n" 0 "$DQN" diagnose run
	err_has 'no finding: without a target, a run is judged by its evaluations, and it has fewer than two$'
done

# --- runs that diverged, and what cannot be diagnosed ---

t 'a run that diverges' 4 "$DQN" train short.ini --out diverged -q clip_targets=false learning_rate=1 reward_scale=1e6 \
	obs_scale=1e6,1e6,1e6,1e6 max_grad_norm=0 loss=mse target_update_interval=1 eval_freq=50 log_interval=50 \
	adam_beta1=0 adam_beta2=0 adam_eps=1e-10 net_arch=16,16,16,16,16,16,16,16
err_any
first diverged "large learning rate" learning_rate
out_has "^CartPole-v1, diverged after $(sed 's/.* at step \([0-9]*\) .*/\1/' diverged/failed.txt) of 2000 steps: "
rm diverged/best.safetensors
t 'its weights' 1 "$DQN" eval diverged
err_has "^dqn: the run in 'diverged' diverged and has no weights$"
t 'no argument' 2 "$DQN" diagnose
err_has "RUN"
t 'no such directory' 1 "$DQN" diagnose nowhere
err_has "^dqn: open 'nowhere': "
mkdir empty
t 'a directory that is no run' 1 "$DQN" diagnose empty
err_has "^dqn: 'empty' is not a run directory: it has no config.ini$"
t 'a file' 1 "$DQN" diagnose base.ini
err_any
t 'several runs' 2 "$DQN" diagnose .
err_has "^dqn: '\.' holds [0-9]+ runs; name one, as '\./"
echo 'x' >half/config.ini
t 'a configuration that cannot be read' 5 "$DQN" diagnose half
err_has 'config.ini'
echo '1,2' >>good/eval.csv
t 'a log that cannot be read' 5 "$DQN" diagnose good
err_has 'eval.csv'
end
