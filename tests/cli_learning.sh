#!/bin/sh
# tests/learning: its counts and statistics against numbers worked out by hand, on runs
# that a fake program makes up, and a few real ones.
# shellcheck disable=SC2016 # commands in quotes expand their variables
# shellcheck disable=SC2086 # $fake and $args are lists of words
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs
learning="$root/tests/learning"
export learning
mkdir "$tmp/tmpdir"
TMPDIR=$tmp/tmpdir
export TMPDIR

# fake: 'config' prints $id; 'train FILE seed=N ... --out DIR -q' writes a run whose
# figures are line N of the file 'table': exit status, return, steps, first evaluation at
# the threshold, wall clock, training return. Columns are in an order of their own.
cat >fake <<'END'
#!/bin/sh
echo "$*" >>"$tmp/calls"
if [ "$1" = config ]; then
	[ -f "$2" ] || { echo "dqn: cannot read '$2'" >&2; exit 2; }
	echo "id = ${id-CartPole-v1}"
	echo "eval_max_episode_steps = ${limit-0}"
	exit 0
fi
for word in "$@"; do
	case $word in seed=*) seed=${word#seed=} ;; esac
	[ "${last-}" != --out ] || dir=$word
	last=$word
done
# shellcheck disable=SC2046 # words
set -- $(sed -n "${seed}p" table)
case $1 in kill) kill -9 $PPID; exit 0 ;; esac
mkdir -p "$dir"
[ "$1" = 0 ] || { echo "dqn: no luck" >&2; exit "$1"; }
echo "{\"format_version\":1,\"timesteps\":$3,\"stopped\":true,\"final_return_mean\":$2,\"final_return_std\":0}" >"$dir/result.json"
{
	echo 'is_best,return_mean,timesteps'
	echo 'true,474.99,100'
	[ "$4" = - ] || printf '%s\n' "true,475,$4" "true,500,$(($4 + 1))"
	[ "$2" != 480 ] || echo 'true,474,2002'
} >"$dir/eval.csv"
printf '%s\n' 'wall_s,timesteps' 99,1 "$5,$3" >"$dir/timing.csv"
[ "$6" = - ] || printf '%s\n' 'timesteps,ep_rew_mean' 1,9 "$3,$6" >"$dir/progress.csv"
echo "time: $5 s, 1 steps/s"
END
chmod +x fake
fake="env DQN=./fake sh $learning"
export fake

# --- ten seeds: six solved, one exactly at the threshold, one just below, one fails ---

cat >table <<'END'
0 500 10000 1000 0.1 10
0 480 20000 2000 0.2 20
0 474.9 30000 3000 0.3 30
0 500 40000 4000 0.4 40
0 490 50000 5000 0.5 50
0 300 60000 6000 0.6 60
0 475 70000 7000 0.7 70
0 1e2 80000 - 0.8 80
0 500 90000 - 0.9 90
4 0 0 - 0 0
END
touch ten.ini
t 'ten seeds' 1 env OUT=ten $fake ten.ini 1 10 gamma=0.9
cat >want <<'END'
configuration: ten.ini gamma=0.9
seeds: 1 to 10
solved (>= 475): 6 of 10
solved, 95 %: 26.24 to 87.84 %
at least 495: 3 of 10
failed runs: 1
return, IQM: 453.32
return, lowest: 0.00
return, 5 %: 45.00
return, 25 %: 343.73
return, 50 %: 477.50
return, 75 %: 497.50
return, 95 %: 500.00
steps to the threshold, median: 5500
steps to the threshold, 95 %: never
steps to the threshold, most: 7000
threshold never reached: 3
evaluations below it, last two fifths: 27.78 %
steps, mean: 50000
steps, median: 50000
steps, most: 90000
training return at the end, mean: 50.00
training return at the end, std: 25.82
wall clock training, mean s: 0.500
wall clock training, most s: 0.900
wall clock run, mean s: 0.50
wall clock run, most s: 0.90
not solved: seed 3, return 474.9, in ten/seed-3
not solved: seed 6, return 300, in ten/seed-6
not solved: seed 8, return 1e2, in ten/seed-8
not solved: seed 10, exit status 4, in ten/seed-10
END
# (300 + 474.9 + 475 + 480 + 490 + 500) / 6 = 453.32; with a share of 0.2624 six or
# more of ten have probability 0.025, with 0.8784 six or fewer; std: 10 * sqrt(60 / 9).
# Late evaluations below the threshold: all of seeds 8 and 9, half of seed 2's: 2.5 / 9.
same_file want "$out"
is 'what is left' "$(echo ten/*)" 'ten/seed-10 ten/seed-10.log ten/seed-3 ten/seed-3.log ten/seed-6 ten/seed-6.log ten/seed-8 ten/seed-8.log'
is 'the log of a failed run' "$(cat ten/seed-10.log)" 'dqn: no luck'
is 'one run per seed' "$(grep -c '^train ' "$tmp/calls")" 10
yes_if grep -qx 'train ten.ini seed=7 gamma=0.9 --out ten/seed-7 -q' "$tmp/calls"
t 'the same, one at a time' 1 env OUT=ten JOBS=1 $fake ten.ini 1 10 gamma=0.9
same_file want "$out"

t 'a row of a table' 1 env OUT=ten $fake --row 'ten' ten.ini 1 10
out_is '| ten | 6/10 | 26.2 to 87.8 % | 453.3 | 45.0 | 5500 | 0.50 |'
err_has '^learning: the runs of seeds that are not solved are in ten$'
err_lines 1
t 'a name like \n & %s stays what it is' 0 env OUT=one $fake --row '\n & %s' ten.ini 1 1
out_is '| \n & %s | 1/1 | 2.5 to 100.0 % | 500.0 | 500.0 | 1000 | 0.10 |'

# --- what is kept ---

t 'all solved: nothing is left' 0 env OUT=two $fake ten.ini 1 2
out_has '^solved \(>= 475\): 2 of 2$'
out_has '^solved, 95 %: 15.81 to 100.00 %$' # 0.025^(1/2)
out_has '^return, IQM: 490.00$'                    # of two nothing is trimmed
out_lacks '^not solved'
is left "$(ls -A two)" ''
t 'KEEP keeps the solved ones, too' 0 env OUT=two KEEP=1 $fake ten.ini 1 2
out_has '^kept: two$'
yes_if [ -s two/seed-1/result.json ]
yes_if [ -s two/seed-2/result.json ]
t 'without OUT' 0 $fake ten.ini 4 5
is 'nothing is left in TMPDIR' "$(ls -A "$TMPDIR")" ''
t 'without OUT, one not solved' 1 $fake ten.ini 5 6
yes_if [ -s "$(sed -n 's/^not solved: seed 6, return 300, in //p' "$out")/result.json" ]

# --- runs that go wrong ---

printf '%s\n' '0 500 1000 100 0.1 -' '0 nan 1000 100 0.1 10' '3 1 1 1 1 1' '0 1 1000 - 0.1 10' >table
t 'incomplete runs are not solved' 1 env OUT=wrong $fake ten.ini 1 4
out_has '^solved \(>= 475\): 0 of 4$'
out_has '^solved, 95 %: 0.00 to 60.24 %$' # 1 - 0.025^(1/4)
out_has '^failed runs: 3$'
out_has '^return, IQM: 0.00$'
out_has '^threshold never reached: 4$'
out_has '^steps, mean: 1000$'
out_has '^steps to the threshold, median: never$'
out_has '^steps to the threshold, most: -$'
out_has '^not solved: seed 1, run incomplete, in wrong/seed-1$'
out_has '^not solved: seed 2, run incomplete, in wrong/seed-2$'
out_has '^not solved: seed 3, exit status 3, in wrong/seed-3$'
printf '%s\n' '3 1 1 1 1 1' '3 1 1 1 1 1' >table
t 'no run at all' 1 env OUT=none $fake ten.ini 1 2
out_has '^failed runs: 2$'
out_has '^steps, mean: -$'
out_has '^wall clock training, mean s: -$'
t 'no run at all, as a row' 1 env OUT=none $fake --row none ten.ini 1 2
err_any
out_is '| none | 0/2 | 0.0 to 84.2 % | 0.0 | 0.0 | never | - |'
printf '%s\n' '0 500 1000 100 0.1 10' kill '0 500 1000 100 0.1 10' >table
t 'runs that vanish are failed ones' 1 env OUT=gone JOBS=1 $fake ten.ini 1 3
err_any # what xargs has to say
out_has '^solved \(>= 475\): 1 of 3$'
out_has '^failed runs: 2$'
out_has '^not run: 2$'

# --- CartPole-v0, thresholds ---

t 'another time limit has no threshold' 2 env OUT=v0 limit=2000 $fake ten.ini 1 2
err_has '^learning: the threshold is one for evaluations of 500 steps$'

printf '%s\n' '0 195 1000 100 0.1 10' '0 198 1000 100 0.1 10' >table
t 'CartPole-v0 has its own threshold' 0 env OUT=v0 id=CartPole-v0 $fake ten.ini 1 2
out_has '^solved \(>= 195\): 2 of 2$'
out_has '^at least 198: 1 of 2$'
printf '%s\n' '0 -100 1000 100 0.1 10' '0 -87 1000 100 0.1 10' '1 0 0 0 0 0' >table
t 'a failed run of Acrobot has its least return' 1 env OUT=acrobot id=Acrobot-v1 $fake ten.ini 1 3
out_has '^solved \(>= -100\): 2 of 3$'
out_has '^at least -88: 1 of 3$'
out_has '^return, lowest: -500.00$'
printf '%s\n' '0 -110 1000 100 0.1 10' '0 -110.5 1000 100 0.1 10' >table
t 'MountainCar has its own threshold' 1 env OUT=car id=MountainCar-v0 $fake ten.ini 1 2
out_has '^solved \(>= -110\): 1 of 2$'
t 'an environment without a threshold' 2 env OUT=other id=Other-v0 $fake ten.ini 1 2
err_has '^learning: the environment has no threshold$'

# --- usage ---

for args in '' 'ten.ini' 'ten.ini 1' '--row' '--row x ten.ini 1'; do
	t "usage: $args" 2 $fake $args
	err_has '^learning: usage: '
	out_empty
done
for args in 'ten.ini a 2' 'ten.ini 1 2.5' 'ten.ini -1 2' 'ten.ini 1 1000000000' 'ten.ini 3 2' \
	'ten.ini 1 2 seed=3' 'ten.ini 1 2 --fresh' 'missing.ini 1 2'; do
	t "refused: $args" 2 $fake $args
	err_has '^learning: '
	err_lines 1
	out_empty
done
t 'JOBS=0' 2 env JOBS=0 $fake ten.ini 1 2
err_has "^learning: JOBS = '0'"

# --- the program itself ---

t 'three seeds' 1 env OUT=real KEEP=1 sh "$learning" short.ini 11 13
out_has '^seeds: 11 to 13$'
out_has '^failed runs: 0$'
out_has '^steps, mean: 2000$'
out_has '^steps, most: 2000$'
for figure in 'return, IQM' 'return, lowest' 'training return at the end, mean' 'wall clock training, mean s' 'wall clock run, mean s'; do
	out_has "^$figure: [0-9.]+$"
done
cp "$out" figures
t 'the interval is that of dqn report' 0 "$DQN" report real --tsv
is 'ends, in percent' "$(sed -n 's/^solved, 95 %: //p' figures)" "$(awk -F'\t' '
	NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	{ printf "%.2f to %.2f %%", 100 * $at["solved_low"], 100 * $at["solved_high"] }' "$out")"
t 'seed 12 by hand' 0 "$DQN" train short.ini seed=12 --out by-hand -q
same_tree by-hand real/seed-12
is 'the mean of three is their IQM' "$(sed -n 's/^return, IQM: //p' figures)" \
	"$(cat real/seed-1[123]/result.json | tr , '\n' |
		awk -F: '/"final_return_mean"/ { sum += $2 } END { printf "%.2f", sum / 3 }')"
is 'training return' "$(sed -n 's/^training return at the end, mean: //p' figures)" \
	"$(tail -q -n 1 real/seed-1[123]/progress.csv | awk -F, '{ sum += $4 } END { printf "%.2f", sum / 3 }')"
t 'again: done already, the same figures' 1 env OUT=real KEEP=1 sh "$learning" short.ini 11 13
sed 's/^\(wall clock run.*\): .*/\1: -/' figures >want
same_file want "$out"
t 'a mistake in the configuration is one error' 2 sh "$learning" short.ini 1 3 lr=1
err_has "unknown key 'lr'"
err_lines 1

end
