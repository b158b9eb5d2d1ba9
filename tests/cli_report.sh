#!/bin/sh
# dqn report: groups, figures, formats, and directories that are not what they seem.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs

# run DIR SEED RETURN FIRST [key=value ...]: a directory that looks like a done run, whose
# evaluations at step 500, 1000 ... reach 475 at step FIRST
run()
{
	dir=$1 seed=$2 return=$3 first=$4
	shift 4
	mkdir -p "$dir" && "$DQN" config short.ini seed="$seed" "$@" >"$dir/config.ini" 2>/dev/null || exit 1
	echo 'timesteps,n_updates,return_mean,return_std,return_min,return_max,is_best' >"$dir/eval.csv"
	for step in 500 1000 1500 2000; do
		[ "$step" -ge "$first" ] && mean=480 || mean=20
		echo "$step,$step,$mean,0,$mean,$mean,true"
	done >>"$dir/eval.csv"
	printf 'timesteps,wall_s,steps_per_s,max_rss_kib\n1000,1,1000,9\n2000,%s,1000,9\n' "$((seed * 2))" >"$dir/timing.csv"
	hash=0123456789012345678901234567890123456789012345678901234567890123
	printf '{"format_version":1,"env_id":"CartPole-v1","seed":%s,"timesteps":2000,"total_timesteps":2000,"stopped":false,"episodes":9,"n_updates":1900,"final_episodes":5,"final_return_mean":%s,"final_return_std":0,"final_return_min":1,"final_return_max":2,"final_length_mean":3,"best_timesteps":500,"best_return_mean":480,"final_sha256":"%s","best_sha256":"%s"}\n' \
		"$seed" "$return" $hash $hash >"$dir/result.json"
}
i=0
for return in 100 200 300 400 500 490 480 20; do
	i=$((i + 1))
	run "all/a/seed-$i" $i $return 1000 gamma=0.9
	run "all/b/seed-$i" $i $((return / 2)) 3000 gamma=0.99
done

t 'two groups' 0 "$DQN" report all
out_lines 5
# Of 20 100 200 300 400 480 490 500 the middle four have mean 345; all have 311.25. Of
# the 64 pairs with half of each, 47 are larger and 2 equal.
out_has '^0.9  +8 +8 +0 +0 +345.0 +[0-9.]+ to [0-9.]+ +311.2 +350.0 +3/8 +14 to 69 % +1000 +0 +9.00$'
out_has '^0.99 +8 +8 +0 +0 +172.5 +[0-9.]+ to [0-9.]+ +155.6 +175.0 +0/8 +0 to 32 % +never +8 +9.00$'
out_has '^Whether gamma=0.9 is better than gamma=0.99, 8 and 8 runs are too few to tell: a run of the first beats one of the second with probability 0.75 \(95 %: 0.4[0-9] to 1.00\)\.$'
is 'the better one is first' "$(sed -n 2p "$out" | cut -c 1-4)" '0.9 '
cp "$out" table
t 'the same every time' 0 "$DQN" report all
same_file "$out" table
t 'and in whatever order they are named' 0 "$DQN" report all/b all/a/seed-8 all/a/ all
same_file "$out" table
t 'one run' 0 "$DQN" report all/a/seed-3
out_lines 2
out_has '^ +1 +1 +0 +0 +300.0 +300.0 +300.0 +0/1 +0 to 79 % +1000 +0 +6.00$'
t '--tsv' 0 "$DQN" report all --tsv
out_lines 3
is header "$(head -n 1 "$out" | tr '\t' ' ')" 'gamma runs done failed unfinished iqm iqm_low iqm_high mean median solved solved_low solved_high steps_to_threshold censored wall_s'
is row "$(sed -n 2p "$out" | cut -f 1-6,9-11,14-)" "$(printf '0.9\t8\t8\t0\t0\t345\t311.25\t350\t3\t1000\t0\t9')"
is 'never is infinite' "$(sed -n 3p "$out" | cut -f 14)" inf
t '--csv' 0 "$DQN" report all --csv
is widths "$(awk -F, '{ print NF }' "$out" | sort -u)" 16
t '--json' 0 "$DQN" report all --json
out_json
out_lines 1
out_has '"keys":\{"gamma":0.9\},"runs":8,"done":8,"failed":0,"unfinished":0,"iqm":345,'
out_has '"steps_to_threshold":null,"censored":8'
out_has '"improvement":\{"probability":0.75,"low":0.4[0-9]*,"high":(1|0.9[0-9]*),"can_tell":false\}'
t '--md' 0 "$DQN" report all --md
out_has '^\| 0.9 \| 8 \| 8 \| 0 \| 0 \| 345.0 \| '
is widths "$(awk -F'|' '/^\|/ { print NF }' "$out" | sort -u)" 16

# --- metrics, thresholds, keys ---

t '--threshold' 0 "$DQN" report all --threshold 200 --tsv
is 'solved' "$(cut -f 11 "$out" | tr '\n' ' ')" 'solved 6 4 '
is 'evaluations that reached it' "$(cut -f 14 "$out" | tr '\n' ' ')" 'steps_to_threshold 1000 inf '
t '--metric, less being better' 0 "$DQN" report all --metric wall_s
out_has '^0.9 +8 +8 +0 +0 +9.00 +[0-9.]+ to [0-9.]+ +9.00'
out_has '^The two best do not differ: gamma=0.9; gamma=0.99\.$'
t 'best_return_mean' 0 "$DQN" report all --metric best_return_mean --tsv
is iqm "$(cut -f 6 "$out" | tr '\n' ' ')" 'iqm 480 480 '
t 'eval_return_mean' 0 "$DQN" report all --metric eval_return_mean --tsv
is iqm "$(cut -f 6 "$out" | tr '\n' ' ')" 'iqm 365 20 '
for i in 1 2 3 4 5 6; do run "all/c/seed-$i" $i 499 500 gamma=0.9 loss=mse; done
t 'another key' 0 "$DQN" report all
out_has '^loss +gamma|^gamma +loss '
out_lines 6
t '--by pools the others' 0 "$DQN" report all --by loss
out_lines 5
out_has '^huber +16 +16 '
out_has '^mse +6 +6 +0 +0 +499.0 +499.0 to 499.0'
out_has '^loss=mse is better than loss=huber: a run of the first beats one of the second with probability 0.94 \(95 %: 0.8[0-9] to 1.00\)\.$'
t '--by a key that does not differ' 0 "$DQN" report all --by n_steps
out_lines 2
out_has '^3 +22 '
t '--by two' 0 "$DQN" report all --by gamma,loss --tsv
is groups "$(sed 1d "$out" | cut -f 1,2 | tr '\t\n' ', ')" '0.9,mse 0.9,huber 0.99,huber '
t '--by list values' 0 sh -c '"$DQN" config short.ini net_arch=8,8 2>/dev/null >all/c/seed-1/config.ini; exec "$DQN" report all/c --csv'
out_has '^"8,8",0.99,huber,1,1,'
is widths "$(sed 's/"[^"]*"/x/' "$out" | awk -F, '{ print NF }' | sort -u)" 18
run all/c/seed-1 1 499 500 gamma=0.9 loss=mse
t 'two runs cannot tell' 0 "$DQN" report all/a/seed-1 all/c/seed-2
out_has 'Whether loss=mse is better than loss=huber, 1 and 1 runs are too few to tell: .* with probability 1.00\.$'

# --- states ---

rm all/a/seed-1/result.json all/a/seed-2/result.json
echo 'step 12: loss is not finite' >all/a/seed-2/failed.txt
echo '{' >all/a/seed-3/result.json
t 'unfinished and failed runs' 0 "$DQN" report all/a
out_has '^ +8 +5 +2 +1 +[0-9.]+ .* 3/7 '
t 'a run that has only begun' 0 sh -c 'mkdir new; cp all/a/seed-1/config.ini new; exec "$DQN" report new'
out_has '^ +1 +0 +0 +1 +0/0 +0 *$'
t 'it is a row of its own' 0 "$DQN" report all/b new
out_lines 3
t 'a log that breaks off' 0 sh -c 'printf "1500,3" >>all/b/seed-1/timing.csv; exec "$DQN" report all/b --metric wall_s --tsv'
is iqm "$(sed -n 2p "$out" | cut -f 5)" 9
t 'a copy counts once' 0 sh -c 'cp -r all/b copy; exec "$DQN" report all/b copy'
err_has '^dqn: warning: 8 of the runs have the configuration and seed of another; counted once$'
out_has '^ +8 +8 '
t 'a link is not followed twice' 0 sh -c 'ln -s ../.. all/b/up; exec "$DQN" report all/b'
out_has '^ +8 +8 '
t 'a link that is named is' 0 sh -c 'ln -s all/b link; exec "$DQN" report link'
out_has '^ +8 +8 '

# --- what is no run ---

t 'nothing there' 1 "$DQN" report nowhere
err_has "^dqn: open 'nowhere': No such file or directory$"
t 'no run there' 1 sh -c 'mkdir empty; exec "$DQN" report all empty'
err_has "^dqn: no run in 'empty' or below$"
t 'a file' 1 "$DQN" report short.ini
err_has "'short.ini'"
mkdir -p foreign/x && echo '[core]' >foreign/x/config.ini
t 'a directory of something else' 5 "$DQN" report foreign
err_has '^dqn: warning: left out 1 of the directories: foreign/x/config.ini:1: unknown section \[core\]'
err_has '^dqn: no run can be read$'
t 'beside runs' 0 "$DQN" report foreign all/b
err_has '^dqn: warning: left out 1'
out_has '^ +8 +8 '
# Hostile bytes in every file that is read.
for file in config.ini result.json eval.csv timing.csv progress.csv failed.txt; do
	for bytes in '' '\n' '\000' ',,,\n,,\n' 'timesteps,return_mean,wall_s\n1e999,nan,inf\n-1,-1,-1\n' '\377\376\n1,2\n'; do
		# shellcheck disable=SC2059 # the bytes are a format
		rm -rf hostile && cp -r all/b/seed-2 hostile && printf "$bytes" >hostile/$file
		t "'$bytes' in $file" 0 sh -c '"$DQN" report hostile --json || [ $? -eq 5 ]'
		err_any
	done
	rm hostile/$file && mkdir hostile/$file
	t "a directory for $file" 0 sh -c '"$DQN" report hostile --json || [ $? -eq 5 ] || [ $? -eq 1 ]'
	err_any
	rmdir hostile/$file && mkfifo hostile/$file
	t "a pipe for $file" 0 timeout 60 sh -c '"$DQN" report hostile --json || [ $? -eq 5 ] || [ $? -eq 1 ]'
	err_any
done

# --- mistakes ---

t 'an unknown key' 2 "$DQN" report all --by n_step
err_has "^dqn: unknown key 'n_step'; did you mean 'n_steps'\?$"
t 'an unknown metric' 2 "$DQN" report all --metric final_return
err_has "^dqn: unknown metric 'final_return'"
t 'one that is nearly right' 2 "$DQN" report all --metric wall_ms
err_has "did you mean 'wall_s'\?$"
t 'two formats' 2 "$DQN" report all --md --json
err_has 'exclude each other'
t 'no directory' 2 "$DQN" report
err_has "^dqn: 'report' needs more"
t 'output that cannot be written' 1 sh -c 'exec "$DQN" report all/b >/dev/full'
err_has 'write standard output'

# --- with real runs ---

t 'a sweep' 0 sh -c '"$DQN" sweep short.ini seed=1..4 "n_steps=1 | 3" total_timesteps=500 eval_freq=100 buffer_size=500 >lines && sed "s/\$/ -q/" lines | sh'
t 'its report' 0 "$DQN" report runs/short --tsv
is groups "$(sed 1d "$out" | cut -f 1-5 | sort | tr '\t\n' ', ')" '1,4,4,0,0 3,4,4,0,0 '
for n in 1 3; do
	is "mean of $n" "$(awk -v n=$n -F'\t' '$1 == n { printf "%.6f", $9 }' "$out")" \
		"$(cat runs/short/*n_steps=$n,*/*/result.json | sed 's/.*"final_return_mean":\([^,]*\),.*/\1/' |
			awk '{ sum += $1 } END { printf "%.6f", sum / NR }')"
done
end
