#!/bin/sh
# The program with the environments of tests/toy.c: 3 actions, 2 observations, chance in the
# steps, rewards that are negative or mostly 0. What a command takes for granted because every
# reward of CartPole is 1 shows here.
# shellcheck disable=SC2016,SC2086 # awk programs; lists of words
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
DQN=$BUILD/tests/dqn-toy
export DQN
cat >toy.ini <<'END'
[run]
total_timesteps = 12000
[network]
net_arch = 32,32
[agent]
gamma = 0.95
batch_size = 32
learning_starts = 500
target_update_interval = 100
[replay]
buffer_size = 12000
[eval]
eval_freq = 1000
eval_episodes = 50
END
sparse='toy.ini id=ToySparse-v0'
negative='toy.ini id=ToyNegative-v0'

figure() { sed -n "s/.*\"$2\":\([^,}]*\).*/\1/p" "$1/result.json"; } # the first of that name

for id in ToySparse-v0 ToyNegative-v0; do
	for seed in 1 2 3 4; do
		t "$id, seed $seed: trains" 0 "$DQN" train toy.ini id=$id seed=$seed -q --out runs/$id/seed-$seed
	done
	t "$id: and again gives the same bytes" 0 "$DQN" train toy.ini id=$id seed=1 -q --out again-$id
	same_tree runs/$id/seed-1 again-$id
done

# An evaluation's returns are what the rewards allow, and the best one is the largest.
t 'returns of mostly 0 are -1, 0 or 1' 0 sh -c "cut -d , -f 1 runs/ToySparse-v0/seed-?/episodes.csv | sort -u"
out_is '-1
0
1
r'
t 'negative returns are at least those of the worst episode' 0 awk -F, \
	'FNR > 1 && ($1 > -2 || $1 < -49 - 30) { print FILENAME, $0 }' runs/ToyNegative-v0/seed-?/episodes.csv
out_empty
for id in ToySparse-v0 ToyNegative-v0; do
	for seed in 1 2 3 4; do
		dir=runs/$id/seed-$seed
		t "$dir: the best evaluation is the largest" 0 awk -F, \
			'NR > 1 && (NR == 2 || $3 > best) { best = $3 } END { print best }' $dir/eval.csv
		is best "$(figure $dir best_return_mean)" "$(cat "$out")"
	done
done

# Every step counts where each costs 1: what was learned is far from chance.
t 'negative rewards: chance' 0 "$DQN" eval runs/ToyNegative-v0/seed-1 --epsilon 1 --episodes 1000
chance=$(sed -n 's/.*return \(-[0-9.]*\) +-.*/\1/p' "$out")
yes_if awk "BEGIN { exit !($chance < -15) }"
for seed in 1 2 3 4; do
	t "negative rewards, seed $seed: solved" 0 "$DQN" eval runs/ToyNegative-v0/seed-$seed --require -8
done
t 'a requirement of 0 is not reached by -5' 3 "$DQN" eval runs/ToyNegative-v0/seed-1 --require 0
err_has "below the required 0; no episode can return more than -1\$"

# kill -9 on the way: the checkpoint has the state of an environment with chance in it.
for id in ToySparse-v0 ToyNegative-v0; do
	run="$DQN train toy.ini id=$id total_timesteps=60000 seed=5 checkpoint_interval=0.01 -q"
	t "$id: a run to compare with" 0 $run --out whole-$id
	kills=0
	while [ ! -e cut-$id/result.json ] && [ $kills -lt 40 ]; do
		kills=$((kills + 1))
		$run --out cut-$id >/dev/null 2>&1 &
		sleep "$(awk "BEGIN { print 0.05 + $kills / 100 }")" # longer each time, for machines that are slow
		kill -9 $!
		wait $!
	done
	t "$id: killed $kills times" 0 $run --out cut-$id
	yes_if [ $kills -gt 1 ]
	same_tree whole-$id cut-$id
done

t 'report: an environment is a key like any other' 0 "$DQN" report runs --csv
is groups "$(cut -d , -f 1 "$out" | sort | tr '\n' ' ')" 'ToyNegative-v0 ToySparse-v0 id '
t 'report: the larger negative return is the better one' 0 "$DQN" report runs/ToyNegative-v0 whole-ToyNegative-v0 \
	--by total_timesteps --json
out_json
t 'plot: an axis with negative returns' 0 "$DQN" plot runs --by id
out_has '-[0-9]'
t 'inspect: 3 actions' 0 "$DQN" inspect runs/ToySparse-v0/seed-1/final.safetensors
out_has ToySparse-v0
t 'another environment is another configuration' 6 "$DQN" train $sparse --out runs/ToyNegative-v0/seed-1
err_has 'id: ToyNegative-v0, not ToySparse-v0'
t 'obs_scale has as many factors as there are observations' 2 "$DQN" config $negative obs_scale=1,1,1
err_has 'obs_scale has 3 factors; ToyNegative-v0 has 2 observations'
end
