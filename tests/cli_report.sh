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
	echo 'timesteps,n_updates,return_mean,return_std,return_min,return_max,is_best,q_start,discounted_return' >"$dir/eval.csv"
	for step in 500 1000 1500 2000; do
		[ "$step" -ge "$first" ] && mean=480 || mean=20
		echo "$step,$step,$mean,0,$mean,$mean,true,$mean,3.5"
	done >>"$dir/eval.csv"
	printf 'timesteps,wall_s,steps_per_s,max_rss_kib\n1000,1,1000,9\n2000,%s,1000,9\n' "$((seed * 2))" >"$dir/timing.csv"
	hash=0123456789012345678901234567890123456789012345678901234567890123
	budget=$(sed -n 's/^total_timesteps = //p' "$dir/config.ini")
	printf '{"format_version":1,"env_id":"CartPole-v1","seed":%s,"timesteps":2000,"total_timesteps":%s,"stopped":false,"episodes":9,"n_updates":1900,"final_episodes":5,"final_return_mean":%s,"final_return_std":0,"final_return_min":1,"final_return_max":2,"final_length_mean":3,"best_timesteps":500,"best_return_mean":480,"final_sha256":"%s","best_sha256":"%s"}\n' \
		"$seed" "$budget" "$return" $hash $hash >"$dir/result.json"
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
out_has '^0.9  +8 +8 +0 +0 +345.0 +needs 13 runs +311.2 +350.0 +3/8 +9 to 76 % +1000 +0 +9.00$'
out_has '^0.99 +8 +8 +0 +0 +172.5 +needs 13 runs +155.6 +175.0 +0/8 +0 to 37 % +never +8 +9.00$'
out_has '^8 and 8 runs are too few to tell whether gamma=0.9 is better than gamma=0.99: a run of the first beats one of the second with probability 0.75 \(95 %: 0.39 to 0.96\); if that is right, 16 runs of each would tell\.$'
is 'the better one is first' "$(sed -n 2p "$out" | cut -c 1-4)" '0.9 '
cp "$out" table
t 'the same every time' 0 "$DQN" report all
same_file "$out" table
t 'and in whatever order they are named' 0 "$DQN" report all/b all/a/seed-8 all/a/ all
same_file "$out" table
t 'one run' 0 "$DQN" report all/a/seed-3
out_lines 2
out_has '^ +1 +1 +0 +0 +300.0 +needs 13 runs +300.0 +300.0 +0/1 +0 to 98 % +1000 +0 +6.00$'
t '--tsv' 0 "$DQN" report all --tsv
out_lines 3
is header "$(head -n 1 "$out" | tr '\t' ' ')" 'gamma runs done failed unfinished iqm iqm_low iqm_high mean median solved solved_low solved_high steps_to_threshold censored wall_s unreadable counted counted_as_worst iqm_at_least steps_counted wall_s_counted'
is row "$(sed -n 2p "$out" | cut -f 1-6,9-11,14-)" "$(printf '0.9\t8\t8\t0\t0\t345\t311.25\t350\t3\t1000\t0\t9\t0\t8\t0\t0\t8\t8')"
is 'never is infinite' "$(sed -n 3p "$out" | cut -f 14)" inf
t '--csv' 0 "$DQN" report all --csv
is widths "$(awk -F, '{ print NF }' "$out" | sort -u)" "$(head -n 1 "$out" | tr , '\n' | wc -l)"
t '--json' 0 "$DQN" report all --json
out_json
out_lines 1
out_has '"keys":\{"gamma":0.9\},"runs":8,"done":8,"failed":0,"unfinished":0,"iqm":345,'
out_has '"steps_to_threshold":null,"censored":8'
out_has '"improvement":\{"probability":0.75,"low":0.3[0-9]*,"high":0.9[0-9]*,"can_tell":false,"unit":"runs","enough":16\}'
t '--md' 0 "$DQN" report all --md
out_has '^\| 0.9 \| 8 \| 8 \| 0 \| 0 \| 345.0 \| '
is widths "$(awk -F'|' '/^\|/ { print NF }' "$out" | sort -u)" 16

# --- metrics, thresholds, keys ---

t '--threshold' 0 "$DQN" report all --threshold 200 --tsv
is 'solved' "$(cut -f 11 "$out" | tr '\n' ' ')" 'solved 6 4 '
is 'evaluations that reached it' "$(cut -f 14 "$out" | tr '\n' ' ')" 'steps_to_threshold 1000 inf '
t '--metric, less being better' 0 "$DQN" report all --metric wall_s
out_has '^0.9 +8 +8 +0 +0 +9.00 +needs 13 runs +9.00'
out_has '^The two best do not differ in these runs: gamma=0.9; gamma=0.99\.$'
t 'best_return_mean' 0 "$DQN" report all --metric best_return_mean --tsv
is iqm "$(cut -f 6 "$out" | tr '\n' ' ')" 'iqm 480 480 '
t 'eval_return_mean' 0 "$DQN" report all --metric eval_return_mean --tsv
is iqm "$(cut -f 6 "$out" | tr '\n' ' ')" 'iqm 365 20 '
t 'values of another discount do not compare' 0 "$DQN" report all --metric value_gap
out_has '^The first two .*, or have different gamma or reward_scale: their values do not compare\.$'
out_lacks 'better'
t 'nor in JSON' 0 "$DQN" report all --metric q_start --json
out_lacks '"improvement":\{'
t 'value_gap, of the last evaluation' 0 "$DQN" report all --metric value_gap --tsv
is iqm "$(cut -f 6 "$out" | tr '\n' ' ')" 'iqm 16.5 476.5 '
for i in 1 2 3 4 5 6; do run "all/c/seed-$i" $i 499 500 gamma=0.9 loss=mse; done
t 'another key' 0 "$DQN" report all
out_has '^loss +gamma|^gamma +loss '
out_lines 6
sed -i 's/"final_length_mean":3/"final_length_mean":5/' all/c/*/result.json
t 'longer episodes are not better ones' 0 "$DQN" report all/a all/c --metric final_length_mean
out_has '^loss=mse is larger than loss=huber: a run of the first exceeds one of the second with probability 1.00 '
out_lacks 'better|best'
sed -i 's/"final_length_mean":5/"final_length_mean":3/' all/c/*/result.json
t 'nor worse ones if they are as long' 0 "$DQN" report all/a all/c --metric final_length_mean
out_has '^The first two do not differ in these runs: loss=mse; loss=huber\.$'
t '--by pools the others' 0 "$DQN" report all --by loss
out_lines 5
out_has '^huber +16 +16 '
out_has '^mse +6 +6 +0 +0 +499.0 +needs 13 settings '
out_has '^1 and 2 settings are too few to tell whether loss=mse is better than loss=huber: .* 0.94; if that is right, 6 settings of each would tell\.$'
t '--by a key that does not differ' 0 "$DQN" report all --by n_steps
out_lines 2
out_has '^3 +22 '
t '--by two' 0 "$DQN" report all --by gamma,loss --tsv
is groups "$(sed 1d "$out" | cut -f 1,2 | tr '\t\n' ', ')" '0.9,mse 0.9,huber 0.99,huber '
t '--by list values' 0 sh -c '"$DQN" config short.ini net_arch=8,8 2>/dev/null >all/c/seed-1/config.ini; exec "$DQN" report all/c --csv'
out_has '^"8,8",0.99,huber,1,1,'
is widths "$(sed 's/"[^"]*"/x/' "$out" | awk -F, '{ print NF }' | sort -u)" "$(head -n 1 "$out" | tr , '\n' | wc -l)"
run all/c/seed-1 1 499 500 gamma=0.9 loss=mse
t 'two runs cannot tell' 0 "$DQN" report all/a/seed-1 all/c/seed-2
out_has '^1 and 1 runs are too few to tell whether loss=mse is better than loss=huber: .* with probability 1.00; if that is right, 6 runs of each would tell\.$'

# --- states ---

diverge() # DIR: as a run that ends so leaves it
{
	rm "$1/result.json"
	echo 'step 1234: loss is not finite' >"$1/failed.txt"
}
rm all/a/seed-1/result.json
diverge all/a/seed-2
echo '{' >all/a/seed-3/result.json
t 'an unfinished, a diverged and an unreadable run' 0 "$DQN" report all/a
# Of 1 20 400 480 490 500 the middle four have mean 347.5; one is of no known value, one has none yet.
out_has '^ +8 +5 +1 +1 +347.5 \(6/8\) .* 315.2 \(6/8\) +440.0 \(6/8\) +3/6 .* 1000 \(6/8\) +1 +12.00 \(5/8\) +1$'
out_has '^1 run diverged: the lowest return each, 1.0\.$'
err_has "^dqn: warning: cannot read all of 1 of the runs: 'all/a/seed-3/result.json': unexpected character at byte 2$"
t 'a run that has only begun' 0 sh -c 'mkdir new; cp all/a/seed-1/config.ini new; exec "$DQN" report new'
out_has '^ +1 +0 +0 +1 +0/0 +0 *$'
t 'it is a row of its own' 0 "$DQN" report all/b new
out_lines 3
t 'which runs are not done' 0 "$DQN" report all/a
err_lines 1
out_has '^8 runs in all/a: 1 running, 1 failed, 1 unreadable, 5 done; 1 cannot be read$'
out_has '^running: seed-1$'
out_has '^failed: seed-2$'
out_has '^unreadable: seed-3$'
for i in 1 2 3 4 5 6 7 8 9; do
	run begun/$i $i 1 9999
	rm begun/$i/result.json begun/$i/eval.csv
	printf 'timesteps,episodes,n_updates,ep_rew_mean\n500,5,0,%s\n' $((i * i * 10)) >begun/$i/progress.csv
	touch -d '1 hour ago' begun/$i/*
done
t 'without any evaluation the return of training' 0 "$DQN" report begun
out_has '^ +9 +0 +0 +9 +250\.0 \(training\) '
out_has '^\(training\): no run of the group is done; .* \(ep_rew_mean\), the median of its runs\.$'
out_has '^9 runs in begun: 9 stopped$'
out_has '^stopped: 1, 2, 3, 4, 5, 6, 7, 8 and 1 more$'
t 'another metric has none' 0 "$DQN" report begun --metric n_updates
out_lacks 'training'
t 'nor have programs' 0 "$DQN" report begun --tsv
out_lines 2
out_lacks 'training|stopped'
rm -r begun
cp all/b/seed-1/timing.csv whole
t 'a log of a done run that breaks off' 0 sh -c 'printf "1500,3" >>all/b/seed-1/timing.csv; exec "$DQN" report all/b --metric wall_s --tsv'
is iqm "$(sed -n 2p "$out" | cut -f 5)" 10 # of seconds 4 6 8 10 12 14 16
err_has "'all/b/seed-1/timing.csv': its last line has no end$"
: >all/b/seed-1/timing.csv
t 'one that is empty' 0 "$DQN" report all/b --metric wall_s --tsv
err_has "'all/b/seed-1/timing.csv': it is empty$"
cp whole all/b/seed-1/timing.csv

# --- survivors: it must not be better to diverge than to be bad ---

for i in 1 2 3 4 5 6 7 8; do
	run "surv/lives/$i" $i $((110 + i)) 3000
	run "surv/dies/$i" $i $((200 + i)) 3000 learning_rate=0.5
done
t 'all of them live' 0 "$DQN" report surv --tsv
is order "$(sed 1d "$out" | cut -f 1,6 | tr '\t\n' ', ')" '0.5,204.5 0.002,114.5 '
for i in 1 2 3 4; do diverge surv/dies/$i; done
t 'half of the seeds diverge' 0 "$DQN" report surv
is 'first is what always works' "$(sed -n 2p "$out" | cut -c 1-5)" 0.002
# Of 1 1 1 1 205 206 207 208 the middle four have mean 103.25.
out_has '^0.5 +8 +4 +4 +0 +103.2 '
out_has '^4 runs diverged: the lowest return each, 1.0\.$'
t 'as data' 0 "$DQN" report surv --tsv
awk -F'\t' 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i } $1 == "0.5" { print $column["counted"], $column["counted_as_worst"] }' "$out" >counts
is counts "$(cat counts)" '8 4'
t 'as JSON' 0 "$DQN" report surv --json
out_json
out_has '"keys":\{"learning_rate":0.5\},"runs":8,"done":4,"failed":4,.*"counted":8,"counted_as_worst":4,'
for metric in best_return_mean eval_return_mean; do
	t "$metric" 0 "$DQN" report surv --metric $metric --tsv
	is 'first is what always works' "$(sed -n 2p "$out" | cut -f 1)" 0.002
done
for metric in wall_s timesteps n_updates episodes final_length_mean; do
	t "$metric has no worst: behind what is complete" 0 "$DQN" report surv --metric $metric
	is 'first is what always works' "$(sed -n 2p "$out" | cut -c 1-5)" 0.002
	out_has '^0.5 +8 +4 +4 +0 +[0-9.]+ \(4/8\) .* [0-9.]+ \(4/8\) +[0-9.]+ \(4/8\) '
	out_has 'cannot be told: 8 of 8 and 4 of 8 runs have a value\.$'
	t "$metric as JSON" 0 "$DQN" report surv --metric $metric --json
	out_json
	out_has '"can_tell":false'
done
for i in 1 2 3 4; do rm surv/dies/$i/failed.txt; done
t 'half of the seeds are not done: behind what is' 0 "$DQN" report surv --md
is 'first is what is done' "$(sed -n 3p "$out" | cut -c 1-7)" '| 0.002'
out_has '^\| 0.5 \| 8 \| 4 \| 0 \| 4 \| 206.5 \(4/8\) \| .* \| 206.5 \(4/8\) \| 206.5 \(4/8\) \| 0/4 \| .* \| never \(4/8\) \| 4 \| 13.00 \(4/8\) \|$'
out_has '^Whether learning_rate=0.002 is better than learning_rate=0.5 cannot be told: 8 of 8 and 4 of 8 runs have a value\.$'
rm -r surv/dies/[5678]
for i in 1 2 3 4; do diverge surv/dies/$i 2>/dev/null; done
t 'nothing but diverged runs' 0 "$DQN" report surv
out_has '^0.5 +4 +0 +4 +0 +1.0 +.* 1.0 +1.0 +0/4 .* never +4 *$'

# --- steps to the threshold, a metric like any other ---

i=0
for first in 500 500 1000 1500 2000 9999; do
	i=$((i + 1))
	run "steps/a/$i" $i 500 "$first"
	run "steps/b/$i" $i 500 $((first < 1500 ? 1500 : 9999)) gamma=0.9
done
t 'steps to the threshold' 0 "$DQN" report steps --metric steps_to_threshold
# Of 500 500 1000 1500 2000 2000 or more the middle four have mean 1250.
out_has '^0.99 +6 +6 +0 +0 +1250 +needs 13 runs +>= 1250 +1250 +'
is 'less is better' "$(sed -n 2p "$out" | cut -c 1-4)" 0.99
# Of 1500 1500 1500 and three that are 2000 or more, two of these are in the middle.
out_has '^0.9 +6 +6 +0 +0 +>= 1750 +needs 13 runs +>= 1750 +>= 1750 '
out_has '^4 runs never reached the threshold: at least total_timesteps each\.$'
out_has 'gamma=0.99.* better than gamma=0.9.*: a run of the first beats one of the second with probability 0\.[0-9]+'
t 'as data' 0 "$DQN" report steps --metric steps_to_threshold --tsv
awk -F'\t' 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
	{ print $1, $column["iqm"], $column["iqm_at_least"], $column["iqm_high"], $column["censored"], $column["steps_counted"] }' "$out" >cells
is cells "$(sed 1d cells | sed 's/\(0.99 1250 0\) [0-9.a-z]*/\1 x/' | tr '\n' ';')" '0.99 1250 0 x 1 6;0.9 1750 1  3 6;'
t 'as JSON' 0 "$DQN" report steps --metric steps_to_threshold --json
out_json
out_has '"metric":"steps_to_threshold"'
t '--threshold applies' 0 "$DQN" report steps/a --metric steps_to_threshold --threshold 15
out_has '^ +6 +6 +0 +0 +500 +needs 13 runs +500 +500 '
out_lacks 'never reached'
t '--threshold that none reaches' 0 "$DQN" report steps/a --metric steps_to_threshold --threshold 481
out_has '^ +6 +6 +0 +0 +>= 2000 +needs 13 runs +>= 2000 +>= 2000 .* never +6 '
cp -r steps/b/1 keep
diverge steps/b/1
t 'a run that diverged never gets there' 0 "$DQN" report steps --metric steps_to_threshold
out_has '^0.9 +6 +5 +1 +0 +>= 1875 '
out_has '^5 runs never reached'
rm steps/b/1/failed.txt
t 'one that is not done: behind what is' 0 "$DQN" report steps --metric steps_to_threshold
out_has '^0.9 +6 +5 +0 +1 +>= 1833 \(5/6\) '
rm -r steps/b/1
cp -r keep steps/b/1
for i in 1 2 3 4 5 6; do run "steps/c/$i" $i 500 9999 gamma=0.8 total_timesteps=600; done
t 'a smaller budget is no head start' 0 "$DQN" report steps --by gamma --metric steps_to_threshold --tsv
is order "$(sed 1d "$out" | cut -f 1 | tr '\n' ' ')" '0.99 0.9 0.8 '
for i in 1 2 3 4 5 6; do run "steps/d/$i" $i 500 500 eval_max_episode_steps=1000; done
t 'another limit in evaluations: no steps to the threshold of the environment' 0 "$DQN" report steps/d --metric steps_to_threshold --tsv
is 'no figure' "$(sed -n 2p "$out" | cut -f 5,13,18)" "$(printf '\t\t0')"
err_has 'time limit'
t 'but to one that is named' 0 "$DQN" report steps/d --metric steps_to_threshold --threshold 475
out_has '^ +6 +6 +0 +0 +500 '

# --- an interval whose upper end is not known: from 13 runs on, some of which never got there ---

for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
	run "cens/all/$i" $i 500 $((i % 4 * 500 + 500))
	run "cens/most/$i" $i 500 $((i > 3 ? i % 4 * 500 + 500 : 9999)) gamma=0.9
	run "cens/few/$i" $i 500 $((i > 13 ? 500 : 9999)) gamma=0.8
done
column() # NAME [GROUP]: that column's cell of a --tsv report, of all rows or a group's
{
	awk -F'\t' -v name="$1" -v group="${2-}" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i }
		NR > 1 && (group == "" || $1 == group) { print $at }' "$out"
}
t 'censored intervals' 0 "$DQN" report cens --metric steps_to_threshold
out_has '^0.99 +16 +16 +0 +0 +1250 +[0-9]+ to 1[0-9]+ '
out_has '^0.9 +16 +16 +0 +0 +1[0-9]+ +>= [0-9]+ +'
out_has '^0.8 +16 +16 +0 +0 +>= 2000 +>= 1[0-9]+ '
t 'as data' 0 "$DQN" report cens --metric steps_to_threshold --tsv
is 'an upper end where all got there' "$(column iqm_high 0.99 | grep -cE '^1[0-9.]+$')" 1
is 'none elsewhere' "$(column iqm_high 0.9),$(column iqm_high 0.8)" inf,inf
for gamma in 0.9 0.8; do
	yes_if awk "BEGIN { exit !(500 <= $(column iqm_low $gamma) && $(column iqm_low $gamma) <= $(column iqm $gamma)) }"
done
t 'as JSON' 0 "$DQN" report cens --metric steps_to_threshold --json
out_json
is 'upper ends' "$(grep -o '"iqm_high":[a-z]*' "$out" | tr '\n' ' ')" '"iqm_high": "iqm_high":null "iqm_high":null '
for i in 1 2 3; do diverge cens/all/$i; done
t 'runs that diverged never get there' 0 "$DQN" report cens --metric steps_to_threshold
out_has '^0.99 +16 +13 +3 +0 +1[0-9]+ +>= [0-9]+ '
t 'of a return they are the lowest: both ends are known' 0 "$DQN" report cens --tsv
is 'upper ends' "$(column iqm_high 0.99)" 500
yes_if awk "BEGIN { exit !($(column iqm_low 0.99) < 500) }"
for i in 1 2 3; do rm cens/all/$i/failed.txt; done
t 'runs that are not done: of the others' 0 "$DQN" report cens --metric steps_to_threshold
out_has '^0.99 +16 +13 +0 +3 +1[0-9]+ \(13/16\) +[0-9]+ to [0-9]+ '
rm cens/all/4/result.json
t 'and too few of them' 0 "$DQN" report cens --metric steps_to_threshold
out_has '^0.99 +16 +12 +0 +4 +1[0-9]+ \(12/16\) +needs 13 runs '

# --- what cannot be read is counted and named ---

damaged() # WHAT 'WHY' WHERE: both rows and the warning; $DQN report lost is run
{
	t "$1" 0 "$DQN" report lost
	err_has "^dqn: warning: cannot read all of 1 of the runs: .*lost/b/3/$2$"
	err_lines 1
	t "$1: plot" 0 "$DQN" plot lost --size 60x12
	err_has "^dqn: warning: cannot read all of 1 of the runs: .*lost/b/3/$2$"
}
for i in 1 2 3 4; do
	run lost/a/$i $i 200 1000
	run lost/b/$i $i 400 1000 gamma=0.9
done
cp -r lost/b/3 whole-run
header=$(head -n 1 lost/b/3/eval.csv | cut -d, -f 1-7)
for rows in '500,500,20\0,0,20,20,true' '500,500,20' '500,500,2x,0,20,20,true' '500,500,20,0,20,20,true,9' \
	'500,500,20,0,20,20,true\n400,500,20,0,20,20,true' '500,500,20,0,20,20,true\n1000,5\n1500,5,1,1,1,1,true'; do
	# shellcheck disable=SC2059 # the rows are a format
	printf "$header\n$rows\n" >lost/b/3/eval.csv
	damaged "eval.csv with '$rows'" "eval.csv': .*"
	out_has 'gamma=0.9, 3 of 4 runs$'
	t 'its other figures stand' 0 "$DQN" report lost
	err_any
	out_has '^0.9 +4 +4 +0 +0 +400.0 .* 1000 \(3/4\) '
	t 'a metric of it' 0 "$DQN" report lost --metric eval_return_mean
	err_any
	out_has '^0.9 +4 +4 +0 +0 +365.0 \(3/4\) '
	out_has 'cannot be told: 4 of 4 and 3 of 4 runs have a value\.$'
done
printf 'r,l,timesteps,terminated\n9,9,9,true\n' >lost/b/3/eval.csv
damaged 'a foreign header in eval.csv' "eval.csv': it has no column 'return_mean'"
: >lost/b/3/eval.csv
damaged 'an empty eval.csv' "eval.csv': .*"
rm lost/b/3/eval.csv
damaged 'no eval.csv' "eval.csv': No such file or directory"
ln -s eval.csv lost/b/3/eval.csv
damaged 'a link to itself' "eval.csv': Too many levels of symbolic links"
rm lost/b/3/eval.csv
mkfifo lost/b/3/eval.csv
damaged 'a pipe' "eval.csv' is not a file"
rm -r lost/b/3
cp -r whole-run lost/b/3
printf 'timesteps,wall_s\n1000,\0\n' >lost/b/3/timing.csv
t 'timing.csv' 0 "$DQN" report lost
err_has "lost/b/3/timing.csv': a NUL byte is in it$"
out_has '^0.9 .* [0-9.]+ \(3/4\)$'
for result in '{' '' '{"format_version":1}' '{"format_version":2}'; do
	rm -r lost/b/3
	cp -r whole-run lost/b/3
	echo "$result" >lost/b/3/result.json
	damaged "result.json '$result'" "result.json': .*"
	t 'it has no value' 0 "$DQN" report lost
	err_any
	out_has '^0.9 +4 +3 +0 +0 +400.0 \(3/4\) .* 0/3 .* 1$'
	is 'behind what is complete' "$(sed -n 2p "$out" | cut -c 1-4)" 0.99
done
t 'nothing but such runs' 5 "$DQN" report lost/b/3
err_has '^dqn: no run can be read$'
rm lost/b/3/result.json
ln -s result.json lost/b/3/result.json
damaged 'a link to itself for result.json' "result.json': Too many levels of symbolic links"
rm -r lost/b/3
cp -r whole-run lost/b/3
for i in 1 2 3 4; do echo x >>lost/a/$i/timing.csv; done
t 'three are named, all are counted' 0 "$DQN" report lost
err_has "^dqn: warning: cannot read all of 4 of the runs: 'lost/a/1/timing.csv': .*; 'lost/a/2/timing.csv': .*; 'lost/a/3/timing.csv': [^;]*; \.\.\.$"
t 'however often they are named' 0 "$DQN" report lost lost/a ./lost/a/1
err_has '^dqn: warning: cannot read all of 4 of the runs: '
rm -r lost/a
for i in 1 2 3 4; do run lost/a/$i $i 200 1000; done

left_out() # WHAT WHY [COMMAND ...]: the other runs are reported, and this directory is named
{
	what=$1 why=$2
	shift 2
	for command in report plot watch; do
		t "$what: $command" 0 "$@" $command lost
		err_has "^dqn: warning: left out 1 of the directories: $why$"
		err_lines 1
	done
	out_has '; 1 cannot be read$'
}
# Root may read everything, and the owner is held to his own bits.
cp "$DQN" "$tmp/dqn" && chmod 755 "$tmp/dqn" "$tmp" "$tmp/work"
as_other() { "$tmp/dqn" "$@"; }
if [ "$(id -u)" -eq 0 ]; then
	as_other() { setpriv --reuid=65534 --regid=65534 --clear-groups "$tmp/dqn" "$@"; }
fi
if as_other --version >/dev/null 2>&1; then
	mkdir -p lost/closed && run lost/closed/1 5 400 1000 gamma=0.9
	for mode in 111 000 444; do
		chmod $mode lost/closed
		# What cannot be listed is closed itself, what can be listed shows names.
		left_out "a directory of mode $mode" "(open|stat) 'lost/closed(/config.ini|/1)?': Permission denied" as_other
	done
	chmod 111 lost/closed
	t 'the directory itself' 1 as_other report lost/closed
	err_has "^dqn: open 'lost/closed': Permission denied$"
	chmod 755 lost/closed
	chmod 000 lost/closed/1/config.ini
	left_out 'its config.ini' "open 'lost/closed/1/config.ini': Permission denied" as_other
	chmod 644 lost/closed/1/config.ini
	chmod 000 lost/closed/1/result.json
	t 'its result.json' 0 as_other report lost
	err_has "^dqn: warning: cannot read all of 1 of the runs: open 'lost/closed/1/result.json': Permission denied$"
	out_has '^0.9 +5 +4 +0 +0 +400.0 \(4/5\) '
	rm -rf lost/closed
else
	skip 'directories that may not be read: no other user'
fi
mkdir lost/c
echo 'learning_rate = x' >lost/c/config.ini
left_out 'a config.ini that is none' 'lost/c/config.ini:1: .*' "$DQN"
rm lost/c/config.ini
ln -s config.ini lost/c/config.ini
left_out 'a link to itself for config.ini' "open 'lost/c/config.ini': Too many levels of symbolic links" "$DQN"
rm lost/c/config.ini
ln -s nowhere lost/c/config.ini
left_out 'a link to nowhere' "open 'lost/c/config.ini': No such file or directory" "$DQN"
rm -r lost/c
deep=lost/deep
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31; do deep=$deep/$i; done
run $deep 9 400 1000 gamma=0.9
t 'a run 32 directories down' 0 "$DQN" report lost
out_has '^0.9 +5 +5 '
mkdir $deep/x $deep/x/y
rm $deep/config.ini
left_out 'one that is deeper' "more than 32 directories down: '$deep/x'" "$DQN"
rm -r lost/deep
name=$(printf '%0200d' 0)
mkdir lost/long
(cd lost/long && for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21; do mkdir "$name" && cd -P "$name" || exit 1; done &&
	cp "$tmp/work/whole-run/"* .) 2>"$tmp/long"
left_out 'a path beyond 4096 bytes' "path too long: 'lost/long/0000.*\.\.\.'" "$DQN"
rm -r lost/long
rm -r all/a
i=0
for return in 100 200 300 400 500 490 480 20; do
	i=$((i + 1))
	run "all/a/seed-$i" $i $return 1000 gamma=0.9
done

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
err_has "^dqn: 'report' needs RUN_OR_DIR"
t 'output that cannot be written' 1 sh -c 'exec "$DQN" report all/b >/dev/full'
err_has 'write standard output'

# --- with real runs ---

t 'a sweep' 0 sh -c '"$DQN" sweep short.ini seed=1..4 "n_steps=1 | 3" total_timesteps=500 eval_freq=100 buffer_size=500 >lines && sed "s/\$/ -q/" lines | sh'
err_has '^dqn: warning: ema_decay = '
t 'its report' 0 "$DQN" report runs/short --tsv
is groups "$(sed 1d "$out" | cut -f 1-5 | sort | tr '\t\n' ', ')" '1,4,4,0,0 3,4,4,0,0 '
for n in 1 3; do
	is "mean of $n" "$(awk -v n=$n -F'\t' '$1 == n { printf "%.6f", $9 }' "$out")" \
		"$(cat runs/short/*n_steps=$n,*/*/result.json | sed 's/.*"final_return_mean":\([^,]*\),.*/\1/' |
			awk '{ sum += $1 } END { printf "%.6f", sum / NR }')"
done
# --- environments of one's own ---

# Runs that diverged, of commands that are hard to show.
"$DQN" train short.ini -q --out base >"$tmp/log"
n=0
for command in 'a | b' '"x", y' 'python3 a_script_with_a_long_name.py --with --many=arguments' \
	'python3 another_with_a_long_name.py --with --many=arguments'; do
	n=$((n + 1))
	mkdir -p "own/$n" && cp base/*.csv "own/$n" && echo failed >"own/$n/failed.txt" &&
		"$DQN" config short.ini id=process "command=$command" stop_return=none \
			'declaration=env mine 1 obs=4 actions=2 limit=500 reward=-1..1 high=2' >"own/$n/config.ini"
done
t 'groups by command' 0 "$DQN" report own --by command
err_lines 1
err_has "^dqn: warning: 4 of the runs are of environments without a threshold \('solved=...' was not declared\); --threshold R judges them$"
out_has '^a \| b  .* -500\.0 '
out_has '^"x", y  '
out_has '^python3 a_script_w\.\.\.any=arguments~[0-9a-f]{4}  '
is 'commands that differ' "$(grep -o '^python3 [^ ]*' "$out" | sort -u | wc -l)" 2
t 'the same for Markdown' 0 "$DQN" report own --by command --md --threshold 1
out_has '^\| a \\\| b \| '
t 'and for programs' 0 "$DQN" report own --by command --csv --threshold 1
out_has '^"""x"", y",1,'
out_has '^a \| b,1,'
out_has '^python3 a_script_with_a_long_name.py --with --many=arguments,1,'
t 'as JSON' 0 "$DQN" report own --by command --json --threshold 1
out_json
out_has '"keys":\{"command":"\\"x\\", y"\}'
sed -i 's/^declaration = env mine 1/declaration = env mine 2/' own/2/config.ini
t 'another version is another environment' 0 "$DQN" report own/1 own/2 --by declaration --threshold 1
out_has 'The first two were judged in different environments'
t 'where steps do not compare, either' 0 "$DQN" report own/1 own/2 --by declaration --threshold 1 --metric steps_to_threshold
out_has 'The first two were judged in different environments'
sed -i 's/^declaration = .*/declaration = env mine/' own/2/config.ini
t 'a declaration that cannot be read' 0 "$DQN" report own --threshold 1
err_has "own/2/config.ini:[0-9]+: declaration = 'env mine' is not valid: "
end
