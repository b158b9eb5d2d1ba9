#!/bin/sh
# dqn sweep: what its lines say, and that a shell which runs them gets what they say.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs
sed -i 's/^learning_starts = .*/learning_starts = 300/' short.ini # enough for the largest batch
cat >space.ini <<'END'
[run]
seed = 1..3
total_timesteps = 300
[agent]
learning_starts = 100
n_steps = 1 | 3
target_update_interval = 100
[network]
net_arch = 8
[eval]
eval_freq = 100
eval_episodes = 1
final_eval_episodes = 2
END

# --- the lines ---

t 'a grid' 0 "$DQN" sweep space.ini
out_lines 6
out_has " train space.ini n_steps=3 seed=2 --brief --out runs/space/n_steps=3/seed-2$"
is 'seeds vary slowest' "$(grep -o 'seed=.' "$out" | tr -d '\n')" 'seed=1seed=1seed=2seed=2seed=3seed=3'
cp "$out" lines
t 'the same every time' 0 "$DQN" sweep space.ini
same_file "$out" lines
t '--count' 0 "$DQN" sweep space.ini --count
out_is 6
for i in 0 3 5; do
	t "--index $i" 0 "$DQN" sweep space.ini --index $i
	is line "$(cat "$out")" "$(sed -n "$((i + 1))p" lines)"
done
t '--index beyond the end' 2 "$DQN" sweep space.ini --index 6
err_has '^dqn: --index 6 is not below the count, 6$'
for range in 0-5 1-3 4-4 5-5; do
	t "--index $range is these lines" 0 "$DQN" sweep space.ini --index $range
	is lines "$(cat "$out")" "$(sed -n "$((${range%-*} + 1)),$((${range#*-} + 1))p" lines)"
done
t 'a range may end beyond the last line, as the last task of an array does' 0 \
	"$DQN" sweep space.ini --index 4-18446744073709551615
is lines "$(cat "$out")" "$(tail -n 2 lines)"
t 'but not begin there' 2 "$DQN" sweep space.ini --index 6-9
err_has '^dqn: --index 6 is not below the count, 6$'
t 'a range that runs backwards' 2 "$DQN" sweep space.ini --index 3-2
err_has "^dqn: --index '3-2' runs backwards$"
t 'an empty --index' 2 "$DQN" sweep space.ini --index=
err_has '^dqn: --index needs a value \(I\)$'
for word in - -1 1- 1-2-3 1..2 1,2 x 0x1 99999999999999999999 \
	00000000000000000000000000000000000000001 "1 - 2"; do
	t "--index='$word'" 2 "$DQN" sweep space.ini "--index=$word"
	err_has "^dqn: --index '$word' is not a number or a range as 10-19$"
done
t 'lines that end with a NUL' 0 "$DQN" sweep space.ini -0
is 'line breaks' "$(tr -dc '\n' <"$out" | wc -c)" 0
tr '\0' '\n' <"$out" >newlines
same_file newlines lines
t '--null' 0 "$DQN" sweep space.ini --null --index 2
tr '\0' '\n' <"$out" >newlines
is line "$(cat newlines)" "$(sed -n 3p lines)"
t 'the numbers of the lines' 0 "$DQN" sweep space.ini --indices
out_is 0-5
t 'those of a range' 0 "$DQN" sweep space.ini --index 2-3 --indices
out_is 2-3
t 'of one line' 0 "$DQN" sweep space.ini --index 2 --indices
out_is 2
t '--out' 0 "$DQN" sweep space.ini --out some/where
out_has ' --out some/where/n_steps=1/seed-1$'
t 'overrides, which may be choices' 0 "$DQN" sweep space.ini seed=5 'gamma=0.90 | 0.99' total_timesteps=4e2
out_lines 4
out_has ' train space.ini gamma=0.9 n_steps=1 seed=5 total_timesteps=400 --brief --out runs/space/gamma=0.9,n_steps=1,total_timesteps=400/seed-5$'
t 'an ordinary configuration is one line' 0 "$DQN" sweep short.ini
is line "$(cat "$out")" "$DQN train short.ini --brief --out runs/short/seed-1"
t 'a grid of 10^18 lines has its last one at once' 0 "$DQN" sweep space.ini seed=1..1e9 \
	total_timesteps=1001..1_000_001_000 n_steps=1 --index 999999999999999999
out_has ' seed=1000000000 total_timesteps=1000001000 '
t 'more than there are numbers' 2 "$DQN" sweep space.ini seed=0..18446744073709551614 --count
err_has 'the grid has more than 2\^64-1 points'
t 'directories for many keys' 0 "$DQN" sweep space.ini seed=1 n_steps=1 gamma=0.123456789012345 \
	tau=0.123456789012345 per_alpha=0.123456789012345 per_beta0=0.123456789012345 \
	adam_beta1=0.123456789012345 adam_beta2=0.123456789012345 learning_rate=0.123456789012345 \
	exploration_final_eps=0.0123456789012345 exploration_fraction=0.0123456789012345
err_has '^dqn: warning: '
is 'longest part' "$(sed 's/.* --out //' "$out" | tr / '\n' | awk 'length($0) > 220')" ''
is 'keys in it' "$(sed 's/.* --out //' "$out" | tr -c = '\n' | grep -c =)" 10
mine() # COMMAND [key=value]...: the lines of a sweep over an environment of one's own
{
	command=$1
	shift
	"$DQN" sweep space.ini seed=1 n_steps=1 id=process "command=$command" --out own "$@"
}
dir_of() { sed "s/.* --out //; s/'//g" "$out"; }
t 'a command is part of the name, as in a URL' 0 mine './mine.py --wind 3'
is 'directory' "$(dir_of)" 'own/command=.%2Fmine.py%20--wind%203,id=process,n_steps=1/seed-1'
t 'every byte that is not plain' 0 mine "a,b=c:d@e+f_g.h-i/j|k;l#m%n~o'p\"q\\r\$s*t	u\303\244"
is 'directory' "$(dir_of | sed 's/,id=.*//; s/.*command=//')" \
	'a%2Cb=c:d@e+f_g.h-i%2Fj%7Ck%3Bl%23m%25n%7Eo%27p%22q%5Cr%24s%2At%09u%5C303%5C244'
t 'a command is one value' 0 mine 'a | b'
out_lines 1
out_has " 'command=a \| b' "
t 'what the shell gets is the command' 0 mine "it's \"\$HOME\" | \`x\` # \\ ; ä"
args=$(sed 's/ train / /; s/^[^ ]* //' "$out")
t 'exactly' 0 sh -c "printf '%s\n' $args"
out_has "^command=it's \"\\\$HOME\" \| \`x\` # \\\\ ; ä$"
long=$(printf '%0300d' 0)
t 'a long command ends in a hash' 0 mine "$long"
dir=$(dir_of)
is 'directory' "$(echo "$dir" | sed 's/~[0-9a-f]\{12\}/~HASH/')" \
	"own/command=$(printf '%0179d' 0)~HASH/id=process,n_steps=1/seed-1"
t 'that is the same every time' 0 mine "$long"
is 'directory' "$(dir_of)" "$dir"
t 'and of all of it' 0 mine "${long}1"
no_if [ "$(dir_of)" = "$dir" ]
is 'but for the hash' "$(dir_of | sed 's/~[0-9a-f]*//')" "$(echo "$dir" | sed 's/~[0-9a-f]*//')"
t 'as does a long list' 0 mine x "obs_scale=$(seq 1000.5 1 1099.5 | paste -sd, -)"
out_lines 1
is 'longest part' "$(dir_of | tr / '\n' | awk 'length($0) > 210')" ''
is 'directory' "$(dir_of | sed 's/~[0-9a-f]\{12\}/~HASH/; s/obs_scale=[0-9.,]*~/obs_scale=LIST~/')" \
	'own/command=x,id=process,n_steps=1/obs_scale=LIST~HASH/seed-1'
t 'each part is a name that file systems take' 0 mine "$(printf '%01023d' 0 | tr 0 /)"
is 'longest part' "$(dir_of | tr / '\n' | awk 'length($0) > 210')" ''
t 'a command that is too long' 2 mine "$(printf '%01024d' 0)"
err_has 'is not valid \(printable text of up to 1023 bytes\)$'
t 'what needs the environment waits for it' 0 mine x stop_return=1e9 clip_targets=true
t 'several values of a key' 0 mine x 'gamma=0.9 | 0.99'
out_lines 2

# --- draws ---

draw() # [seed=...] FLAG...: of a space of three seeds
{
	case $1 in seed=*) ;; *) set -- seed=1..3 "$@" ;; esac
	"$DQN" sweep short.ini 'learning_rate=log(1e-4, 1e-2)' 'batch_size=log(16, 256)' "$@"
}
settings() { sed 's/ seed=[0-9]*.*//' "$1"; }
for how in random sobol; do
	t "--$how" 0 draw --$how 50
	out_lines 150
	cp "$out" $how
	is 'lines that differ' "$(sort -u "$out" | wc -l)" 150
	is 'settings, one after the other' "$(settings $how | uniq | wc -l)" 50
	is 'settings that differ' "$(settings $how | sort -u | wc -l)" 50
	is 'every setting has every seed' "$(grep -o 'seed=.' $how | uniq | tr -d '\n')" \
		"$(for i in $(seq 50); do printf 'seed=1seed=2seed=3'; done)"
	yes_if awk '{ for (i = 1; i <= NF; i++) if (split($i, a, "=") == 2) v[a[1]] = a[2]
		if (v["learning_rate"] < 1e-4 || v["learning_rate"] > 1e-2 || v["batch_size"] < 16 ||
			v["batch_size"] > 256) exit 1 }' $how
	t "--$how again" 0 draw --$how 50
	same_file "$out" $how
	t "--$how, more of them" 0 draw --$how 60
	head -n 150 "$out" >first
	same_file first $how
	t "--$how, more seeds" 0 draw seed=1..4 --$how 50
	is settings "$(settings "$out" | uniq)" "$(settings $how | uniq)"
	t "--$how --count" 0 draw --$how 50 --count
	out_is 150
	t "--$how --indices" 0 draw --$how 50 --indices
	out_is 0-149
	t "--$how --index" 0 draw --$how 50 --index 149
	is line "$(cat "$out")" "$(tail -n 1 $how)"
	t "--$how --index of a range" 0 draw --$how 50 --index 2-4
	is lines "$(cat "$out")" "$(sed -n 3,5p $how)"
	t "--$how of another seed" 0 draw --$how 50 --seed 2
	no_if cmp -s "$out" $how
	t "--$how of one seed" 0 draw seed=8 --$how 50
	is lines "$(cat "$out")" "$(sed -n 's/seed=1 /seed=8 /; s/seed-1$/seed-8/p' $how)"
	t "--$how of all there is" 0 "$DQN" sweep space.ini --$how 2
	sort "$out" >all
	sort lines | cmp -s - all || bad 'not the grid'
	t "--$how of more" 2 "$DQN" sweep space.ini --$how 3
	err_has '^dqn: the space has only 2 settings, not 3$'
	t "--$how of more, however many seeds" 2 "$DQN" sweep space.ini seed=1..1e9 --$how 3
	err_has '^dqn: the space has only 2 settings, not 3$'
	t "--$how, more seeds than could be listed" 0 "$DQN" sweep space.ini seed=1..1e15 --$how 2 \
		--index 1999999999999999
	out_has ' seed=1000000000000000 '
	t "--$how, more than there are numbers" 2 "$DQN" sweep space.ini --$how 2 \
		seed=0..18446744073709551613
	err_has '^dqn: 2 settings with 18446744073709551614 seeds each are more than 2\^64-1 lines$'
	t "--$how of seeds alone" 2 "$DQN" sweep short.ini seed=1..100 --$how 24
	err_has "^dqn: --$how draws settings and prints each with every seed, but only the seed varies: for 24 seeds write seed=1..24$"
	t "--$how of nothing" 2 "$DQN" sweep short.ini --$how 1
	err_has "^dqn: --$how draws settings, but no key has several values$"
done
# What every build must print; the bytes are this program's own.
t 'the draws are these' 0 sh -c "sed 's/.* train //; s/ --brief.*//' random sobol | sha256sum"
out_is 'f110912f1c0543459408113cc82f87480128e36033ebe5a74603af7b53de23f7  -'

# --- mistakes ---

t 'an interval has no grid' 2 "$DQN" sweep space.ini 'gamma=uniform(0.9, 1)'
err_has "^dqn: 'gamma=uniform\(0.9, 1\)': gamma = 'uniform\(0.9, 1\)' has no grid; --random N or --sobol N"
printf '[agent]\nn_step = 1 | 2\ngamma = 0.9 | 1.1\ntau = uniform(1)\n' >bad.ini
t 'all that is wrong with a space' 2 "$DQN" sweep bad.ini
err_lines 3
err_has "^dqn: bad.ini:2: unknown key 'n_step'; did you mean 'n_steps'\?$"
err_has "^dqn: bad.ini:3: gamma = '1.1' is not valid \(real in \[0, 1\]\)$"
err_has "^dqn: bad.ini:4: tau = 'uniform\(1\)' is not uniform\(a, b\)$"
out_empty
t 'a space is not trained' 2 "$DQN" train space.ini
err_lines 2
err_has "^dqn: space.ini:2: seed = '1..3' stands for several values: 'dqn sweep' runs them all, 'seed=...' chooses one$"
t 'nor printed' 2 "$DQN" config space.ini seed=1
err_has '^dqn: space.ini:6: n_steps '
t 'but each of its points is a configuration' 0 "$DQN" config space.ini seed=1 n_steps=5 \
	buffer_size=300 target_update_interval=100
out_has '^n_steps = 5$'
t 'a combination that cannot run' 2 "$DQN" sweep space.ini 'buffer_size=32|64'
out_lines 6
err_lines 7
t 'has no number' 2 "$DQN" sweep space.ini 'buffer_size=32|64' --indices
out_is 1,3,5,7,9,11
err_has '^dqn: line 0, counted from 0, cannot run: batch_size = 64 must not exceed buffer_size = 32$'
t 'standard input' 2 "$DQN" sweep -
err_has '^dqn: SPACE must be a file'
t 'no such file' 2 "$DQN" sweep none.ini
err_has "^dqn: open 'none.ini'"
t '--seed alone' 2 "$DQN" sweep space.ini --seed 7
err_has "the runs' own is written 'seed=7'$"
t '--random and --sobol' 2 "$DQN" sweep space.ini --random 2 --sobol 2
err_has 'exclude each other'
t '--count of some lines' 0 "$DQN" sweep space.ini --count --index 1-2
out_is 2
t '--count and --indices' 2 "$DQN" sweep space.ini --count --indices
err_has '^dqn: --count and --indices exclude each other$'
t 'a habit from elsewhere' 2 "$DQN" sweep space.ini --lr 1e-3
err_has "configuration keys are written 'learning_rate=1e-3'$"
t 'an empty --out' 2 "$DQN" sweep space.ini --out ''
err_has '^dqn: --out needs'
t 'output that cannot be written' 1 sh -c 'exec "$DQN" sweep space.ini >/dev/full'
err_has '^dqn: write standard output: No space left on device$'

# --- running them ---

t '--missing at first' 0 "$DQN" sweep space.ini --missing
same_file "$out" lines
t 'one run' 0 sh -c "$(sed -n 4p lines) -q"
t '--missing leaves it out' 0 "$DQN" sweep space.ini --missing
sed 4d lines >rest
same_file "$out" rest
t '--missing --count' 0 "$DQN" sweep space.ini --missing --count
out_is 5
t '--missing --indices' 0 "$DQN" sweep space.ini --missing --indices
out_is 0-2,4-5
t 'those of a range that are missing' 0 "$DQN" sweep space.ini --missing --indices --index 3-4
out_is 4
t 'none of them' 0 "$DQN" sweep space.ini --missing --indices --index 3
out_empty
t 'the lines of a range that are missing' 0 "$DQN" sweep space.ini --missing --index 2-4
is lines "$(cat "$out")" "$(sed -n '3p;5p' lines)"
t '--missing --index of a done run' 0 "$DQN" sweep space.ini --missing --index 3
out_empty
t 'all of them' 0 sh -c "sed 's/$/ -q/' lines | sh"
is 'a line for each of them, which names it' "$(sed 's/[0-9.]* s$/TIME/; s/return [0-9.]*/return R/' "$out" | sort | tr '\n' '|')" \
	"$(for n in 1 3; do for s in 1 2 3; do
		[ "$n $s" = '3 2' ] && last='already done' || last=TIME
		printf '%s' "n_steps=$n seed=$s: not solved, return R, 300 steps, $last|"
	done; done)"
t 'nothing is missing' 0 "$DQN" sweep space.ini --missing
out_empty
is runs "$(find runs/space -name result.json | sort | tr '\n' ' ')" \
	"$(for n in 1 3; do for s in 1 2 3; do printf 'runs/space/n_steps=%s/seed-%s/result.json ' $n $s; done; done)"
is 'their settings' "$(grep -h '^n_steps =' runs/space/n_steps=3/*/config.ini | sort -u)" 'n_steps = 3'
rm runs/space/n_steps=1/seed-2/result.json
echo >>runs/space/n_steps=3/seed-3/final.safetensors
t 'unfinished and damaged runs are missing' 0 "$DQN" sweep space.ini --missing
out_lines 2
out_has 'n_steps=1/seed-2$'
out_has 'n_steps=3/seed-3$'
t 'of the settings that are drawn, too' 0 "$DQN" sweep space.ini --random 2 --missing
out_lines 2
out_has 'n_steps=1/seed-2$'
out_has 'n_steps=3/seed-3$'
t 'their numbers, which are those of their lines' 0 "$DQN" sweep space.ini --missing --indices
is lines "$(tr , '\n' <"$out" | while read -r i; do sed -n "$((i + 1))p" lines; done)" \
	"$("$DQN" sweep space.ini --missing)"
cat >three.sh <<'END'
while read -r word i action; do
	case $word in
	hello) echo 'env three 1 obs=1 actions=2 reward=0..1' ;;
	reset) n=0 && echo "obs $i 0" ;;
	step) n=$((n + 1)) && echo "step $i $action $((n == 3)) 0 $n" ;;
	quit) exit ;;
	esac
done
END
three() { "$DQN" sweep space.ini n_steps=1 seed=1..2 id=process 'command=sh three.sh # "a" | b' --out three "$@"; }
t 'runs of a child process' 0 sh -c "$(three --index 0-1 | sed 's/$/ -q \&\&/'; echo :)"
out_lines 2
t 'are found done before it has declared anything' 0 three --missing
out_empty
t 'unless they are of another one' 0 three --missing 'declaration=env three 2 obs=1 actions=2 reward=0..1' --count
out_is 2
t 'their summary has no time limit, as they have none' 0 "$DQN" train space.ini n_steps=1 seed=1 id=process \
	'command=sh three.sh # "a" | b' --out "$(echo three/*/seed-1)" -q
out_has '^three, seed 1: return [0-9.]+ \+- [0-9.]+ over 2 fresh episodes \(min '

# --- what many runs say ---

t 'a warning of many lines is one, and says of how many' 0 "$DQN" sweep space.ini 'tau=0.5|1' --out warned
cp "$out" warned.sh
err_lines 1
err_has '^dqn: warning: .*tau = 0.5: .* \(line 0 and 5 more of 12\)$'
t 'or of all' 0 "$DQN" sweep space.ini tau=0.5
err_lines 1
err_has '^dqn: warning: .*tau = 0.5: [^(]* \(line 0 and 5 more of 6\)$'
t 'or of the only one' 0 "$DQN" sweep space.ini tau=0.5 --index 2
err_has '^dqn: warning: .*tau = 0.5: [^(]*$'
t 'it is the same warning with another number' 0 "$DQN" sweep space.ini n_steps=1 seed=1..4 \
	'tau=1|0.1|2e-2|0.3|0.4|0.5'
err_lines 1
err_has '^dqn: warning: .*tau = 0.1: .* \(line 1 and 19 more of 24\)$'
t '--count has nothing to warn of' 0 "$DQN" sweep space.ini tau=0.5 --count
t 'twelve runs at once' 0 sh -c 'tr "\n" "\0" <warned.sh | xargs -0 -n 1 -P 4 sh -c'
out_lines 12
is settings "$(sed 's/:.*//' "$out" | sort -u | wc -l)" 12
is others "$(grep -cvE '^n_steps=[13] seed=[123] tau=(0.5|1): not solved, return [0-9.]+, 300 steps, [0-9.]+ s$' "$out")" 0
t 'again: they are already done' 0 sh warned.sh
out_lines 12
is others "$(grep -cv ', 300 steps, already done$' "$out")" 0
t 'solved' 0 "$DQN" train configs/cartpole.ini --brief --out solved
out_has '^cartpole seed=1: solved, return [0-9.]+, [0-9]+ steps, [0-9.]+ s$'
t 'another limit than that of the threshold: neither solved nor not' 0 "$DQN" train short.ini --brief \
	eval_max_episode_steps=50 --out unsure
out_has '^eval_max_episode_steps=50 seed=1: return [0-9.]+, 2000 steps, [0-9.]+ s$'
t 'a run that diverges is named, too' 4 sh -c "$("$DQN" sweep short.ini clip_targets=false learning_rate=1 \
	reward_scale=1e6 obs_scale=1e6,1e6,1e6,1e6 max_grad_norm=0 loss=mse adam_beta2=0 adam_eps=1e-10 adam_beta1=0 \
	net_arch=16,16,16,16,16,16,16,16 target_update_interval=1 seed=9 2>"$tmp/null")"
out_empty
err_has '^dqn: adam_beta1=0 .* seed=9 target_update_interval=1: diverged at step [0-9]+ '
is 'lines without its name' "$(grep -cv '^dqn: adam_beta1=0 ' "$err")" 0
t 'or has a key that is wrong' 2 "$DQN" train short.ini seed=7 n_step=3 --brief
err_has "^dqn: seed=7 n_step=3: 'n_step=3': unknown key"
"$DQN" train short.ini total_timesteps=1e9 eval_freq=0 seed=4 --brief --out halves >"$tmp/null" 2>"$tmp/stopped" &
pid=$!
t 'one that is stopped' 0 wait_for [ -s halves/timing.csv ]
kill $pid
wait $pid
is messages "$(sed 's/step [0-9]*/step N/' "$tmp/stopped" | tr '\n' '|')" \
	'dqn: total_timesteps=1e9 eval_freq=0 seed=4: SIGTERM: saving at step N of 1000000000|dqn: total_timesteps=1e9 eval_freq=0 seed=4: saved; the same command resumes from there|'
t 'and resumes says where' 143 sh -c '"$DQN" train short.ini seed=4 total_timesteps=4e5 eval_freq=1000 --brief --out part &
	until grep -q "^2000," part/eval.csv; do :; done 2>/dev/null; kill $!; wait $!'
err_any
t 'in its line' 0 "$DQN" train short.ini seed=4 total_timesteps=4e5 eval_freq=1000 --brief --out part
out_has '^seed=4 total_timesteps=4e5 eval_freq=1000: .*, 400000 steps, resumed at step [0-9]+, [0-9.]+ s$'
t '--brief and --json' 2 "$DQN" train short.ini --brief --json
err_has '^dqn: --json and --brief exclude each other$'
t '--brief with progress' 0 "$DQN" train short.ini seed=4 --brief -v --out part-verbose
err_has '^dqn: seed=4: step [0-9]+ of [0-9]+ .*: evaluation '
out_lines 1

# --- names that a shell would take apart ---

nl='
'
odd() # NAME: a space and a directory of that name; runs what is printed, then finds it done
{
	mkdir "odd" && cd odd && cp ../space.ini "./$1.ini" || return 9
	"$DQN" sweep --index 0 "--out=$1" -- "$1.ini" >../line || return 8
	[ "$(wc -l <../line)" -eq 1 ] || return 7
	sh -c "$(cat ../line) -q" >/dev/null || return 6
	[ -f "./$1/n_steps=1/seed-1/result.json" ] || return 5
	[ -z "$("$DQN" sweep --index 0 --missing "--out=$1" -- "$1.ini")" ] || return 4
	cd .. && rm -r odd
}
for name in 'a b' "it's" 'a"b' 'a$HOME`x`' 'a\b' "a${nl}b" "*" '-x' 'a;b' '~' 'ä' "a${nl}'\\0101 %s"; do
	t "a space and a directory named '$name'" 0 odd "$name"
done
end
