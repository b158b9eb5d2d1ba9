#!/bin/sh
# The environments of configs/env: what they answer, in each language that is here.
# shellcheck disable=SC2016,SC2317 # awk's variables; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
cp -r "$root/configs" "$root/tests/gymnasium_standin" .

has() { command -v "$1" >/dev/null; }

# Name and command of each CartPole.
${CC:-cc} -O2 -o cartpole configs/env/cartpole.c -lm && echo 'C ./cartpole' >children
for awk in mawk gawk original-awk 'busybox awk'; do
	! has "${awk%% *}" || echo "${awk%% *} $awk -Winteractive -f configs/env/cartpole.awk" >>children
done
for language in 'Python python3' 'JavaScript node'; do
	suffix=$(echo "${language%% *}" | sed 's/Python/py/; s/JavaScript/js/')
	if has "${language#* }"; then
		echo "$language configs/env/cartpole.$suffix" >>children
	else
		skip "CartPole in ${language%% *}: no ${language#* }"
	fi
done
yes_if [ -s children ]

answers() { # COMMAND: to the requests on standard input
	sh -c "exec $1"
}

# Episodes 0 and 2 have the same seed and the same actions, and 1 is in between; the last
# seed is the largest.
awk 'BEGIN {
	print "hello 1"
	for (seed = 1; seed <= 20; seed++) {
		print "reset 0 " seed; print "reset 15 " 1000 * seed; print "reset 2 " seed
		for (k = 0; k < 12; k++) { print "step 0 " k % 2; print "step 15 1"; print "step 2 " k % 2 }
	}
	print "reset 7 18446744073709551615"
}' >requests
cat >check.awk <<'EOF'
function fail(why) { print "line " FNR ", " why ": " $0; bad = 1 }
NR == FNR { request[FNR] = $0; next }
FNR == 1 { next }
{
	split(request[FNR], words, " ")
	is_step = words[1] == "step"
	if ($1 != (is_step ? "step" : "obs") || $2 != words[2]) fail("not the answer to " request[FNR])
	if (NF != (is_step ? 9 : 6) || / $|  /) fail("fields")
	if (is_step && ($3 !~ /^1(\.0)?$/ || $4 !~ /^[01]$/ || $5 != 0)) fail("reward and flags")
	for (k = is_step ? 6 : 3; k <= NF; k++)
		if ($k !~ /^-?[0-9]+(\.[0-9]+)?(e-[0-9]+)?$/) fail("number " $k)
	if (!is_step)
		for (k = 3; k <= 6; k++) if ($k < -0.05 || $k > 0.05) fail("first observation")
	if (is_step && $4 != ($6 < -2.4 || $6 > 2.4 || $8 < -0.2094395 || $8 > 0.2094395)) fail("terminated")
	rest = substr($0, index($0, " " words[2] " ") + length(words[2]) + 2)
	if ($2 == 0) zero = rest
	else if (zero == rest) { if ($2 != 2) fail("another seed, the same episode") }
	else if ($2 == 2) fail("the same episode, other answers")
	if (is_step && $4) n_terminated++
}
END { if (FNR != n_requests || !n_terminated) fail("answers"); exit bad }
EOF
head='env CartPole 1 obs=4 actions=2 limit=500 reward=1..1 solved=475 high=2.4,3,0.20943951023931953,3 instances=16'
while read -r name command <&3; do
	t "$name: answers" 0 answers "$command" <requests
	err_any # awks that do not know -W say so
	is 'first line' "$(head -n 1 "$out")" "$head"
	cp "$out" first
	t "$name: which are right" 0 awk -v n_requests="$(wc -l <requests)" -f check.awk requests first
	out_empty
	t "$name: the same again, and 'quit'" 0 answers "$command" <<END
$(cat requests)
quit
reset 0 1
END
	err_any
	same_file "$out" first
	case $name in # arithmetic alone makes the bytes of all awks equal
	*awk | busybox) [ ! -s awk-first ] || same_file awk-first first; cp first awk-first ;;
	esac
	t "$name: nothing asked" 0 answers "$command"
	err_any
	out_empty
	t "$name: an unknown request" 1 answers "$command" <<END
hello 1
jump 0 1
END
	err_any
	is last "$(tail -n 1 "$out" | cut -c 1-20)" 'error cannot do jump'
	t "$name: another protocol" 1 answers "$command" <<END
hello 2
END
	err_any
	out_has '^error '
done 3<children

t 'the templates are short' 0 sh -c 'wc -l configs/env/cartpole.*'
is longest "$(sed '/total/d' "$out" | awk '$1 >= 40')" ''
for compiler in gcc clang; do
	has $compiler || continue
	t "the child in C has no warnings of $compiler" 0 $compiler -std=c99 -pedantic -Wall -Wextra -Wconversion -Wshadow \
		-O2 -c -o "$tmp/cartpole.o" configs/env/cartpole.c
done

# --- trained ---

# As the built-in CartPole is, twice for each seed up to SEEDS.
train() # DIR COMMAND [key=value ...]
{
	dir=$1 command=$2
	shift 2
	"$DQN" train configs/cartpole.ini id=process "command=$command" -q --out "$dir" "$@"
}
said_nothing() # apart from awks that do not know -W
{
	err_any
	is 'lines of standard error' "$(grep -vc 'option .\{0,1\}-W' "$err")" 0
}
sed '/^mawk/!d' children | sed 1q >trained
[ -s trained ] || sed -n '/awk/p' children | sed 1q >trained # all of them say the same
sed '/awk/d' children >>trained
while read -r name command <&3; do
	seed=1
	while [ $seed -le "${SEEDS:-1}" ]; do
		rm -rf one two
		t "$name, seed $seed" 0 train one "$command" seed=$seed
		said_nothing
		out_has "^CartPole, seed $seed: return "
		yes_if awk -F'"final_return_mean":' '{ exit !($2 + 0 >= 475) }' one/result.json
		t "$name, seed $seed, again" 0 train two "$command" seed=$seed
		said_nothing
		same_tree one two
		seed=$((seed + 1))
	done
done 3<trained

# --- the maze ---

printf 'hello 1\nreset 3 18446744073709551615\nreset 4 0\n' >requests
for action in 3 0 2 2 1; do echo "step 3 $action"; done >>requests
maze='configs/env/maze.awk'
for awk in mawk gawk original-awk 'busybox awk'; do
	has "${awk%% *}" || continue
	t "the maze in ${awk%% *}" 0 answers "$awk -Winteractive -f $maze" <requests
	err_any
	is 'first line' "$(head -n 1 "$out")" \
		'env Maze 1 obs=2500 actions=4 limit=200 reward=-1..-1 solved=-30 instances=16 masks=1'
	is cells "$(sed -n 's/ mask/ &/; s/^\([a-z]* [34]\)\( -1 0 0\)*\(\( [01]\)\{2500\}\) /\1\2 :\3/p' "$out" |
		awk -F ' *: *| mask ' '{ print $1, (index($2, "1") - 1) / 2, gsub(1, 1, $2), $3 }' | tr '\n' ';')" \
		'obs 3 259 1 1110;obs 4 296 1 0111;step 3 -1 0 0 259 1 1110;step 3 -1 0 0 260 1 1110;step 3 -1 0 0 310 1 1101;step 3 -1 0 0 310 1 1101;step 3 -1 0 0 309 1 1101;'
done
briefly() { "$DQN" train "$@" -q; }
t 'the maze trains' 0 briefly configs/maze.ini total_timesteps=1200 buffer_size=1000 learning_starts=500 eval_freq=500 \
	eval_episodes=3 final_eval_episodes=3 stop_return=none --out maze
said_nothing
out_has '^Maze, seed 1: return -'
t 'the maze is short' 0 sh -c 'wc -l <configs/env/maze.awk'
yes_if [ "$(cat "$out")" -le 60 ]

# --- the pendulum ---

t 'the pendulum keeps the rules' 0 "$DQN" env check 'exec awk -Winteractive -f configs/env/pendulum.awk 2>/dev/null'
t 'the pendulum from a known start' 0 awk -Winteractive -f configs/env/pendulum.awk <<'END'
hello 1
reset 0 7
step 0 2
END
err_any
is "one step is Gymnasium's formula" "$(awk '
$1 == "obs" { angle = atan2($4, $3); speed = $5 }
$1 == "step" {
	reward = -(angle * angle + 0.1 * speed * speed + 0.004)
	speed += (15 * sin(angle) + 6) * 0.05
	angle += speed * 0.05
	good = ($3 - reward) ^ 2 + ($6 - cos(angle)) ^ 2 + ($7 - sin(angle)) ^ 2 + ($8 - speed) ^ 2 < 1e-12
	print good && !$4 && !$5
}' "$out")" 1

# --- the bridge to Gymnasium ---

if has python3; then
	bridge=configs/env/gymnasium_env.py
	gym() { # ID [key=value ...]: with the stand-in
		PYTHONPATH=gymnasium_standin PYTHONDONTWRITEBYTECODE=1 answers "python3 $bridge $*"
	}
	t 'Gymnasium: CartPole' 0 gym CartPole-v1 <<END
hello 1
reset 0 1
reset 15 18446744073709551615
step 0 1
reset 1 1
step 1 1
quit
END
	err_has '^a library that greets on standard output$'
	is 'closed' "$(grep -c '^CartPole-v1 is closed$' "$err")" 4
	is 'first line' "$(head -n 1 "$out")" \
		'env CartPole-v1 0.standin obs=4 actions=2 limit=500 reward=-inf..inf instances=16 masks=0 solved=475.0'
	is 'words' "$(sed -n '2,$s/ -\{0,1\}0\.[0-9]*\(e-[0-9]*\)\{0,1\}/ x/gp' "$out" | tr '\n' ';')" \
		'obs 0 x x x x;obs 15 x x x x;step 0 1.0 0 0 x x x x;obs 1 x x x x;step 1 1.0 0 0 x x x x;'
	is 'the same episode' "$(sed -n 's/^step 0 //p' "$out")" "$(sed -n 's/^step 1 //p' "$out")"
	t 'its time limit is for dqn to apply' 0 gym CartPole-v1 max_episode_steps=2 'reward=1..1' instances=1 <<END
hello 1
reset 0 1
step 0 1
step 0 0
step 0 1
END
	err_any
	out_has '^env .* limit=2 reward=1[.][.]1 instances=1 '
	is 'truncated' "$(grep -c '^step 0 1.0 0 0 ' "$out")" 3
	t 'discrete observations, actions from -1, masks, a truncation of its own, arguments' 0 gym Corridor-v0 bonus=1.5 <<END
hello 1
reset 3 2
step 3 0
step 3 2
reset 3 1
step 3 2
step 3 2
END
	err_has '^a step by -1$'
	printf '%s\n' >want 'env Corridor-v0 0.standin obs=5 actions=3 limit=0 reward=-1..2 instances=16 masks=1' \
		'obs 3 0.0 0.0 0.0 1.0 0.0 mask 111' 'step 3 -0.125 0 0 0.0 0.0 1.0 0.0 0.0 mask 111' \
		'step 3 -0.125 0 1 0.0 0.0 0.0 1.0 0.0 mask 111' 'obs 3 0.0 0.0 1.0 0.0 0.0 mask 111' \
		'step 3 -0.125 0 0 0.0 0.0 0.0 1.0 0.0 mask 111' 'step 3 1.5 1 0 0.0 0.0 0.0 0.0 1.0 mask 110'
	same_file "$out" want
	t 'an environment that fails' 1 gym Broken-v0 <<END
hello 1
reset 0 1
step 0 0
END
	err_has '^RuntimeError: the wheel$'
	out_has '^env Broken-v0 0.standin obs=4 .* high=8.0$'
	is 'last' "$(tail -n 1 "$out")" 'error RuntimeError: the wheel came off'
	refused() { # REPLY ID [key=value ...]
		reply=$1
		shift
		t "what cannot be: '$*'" 1 gym "$@" <<END
hello 1
END
		err_lacks Traceback
		out_has "^error $reply$"
		out_lines 1
	}
	refused 'ValueError: No registered env with id: Nope-v0' Nope-v0
	refused 'TypeError: .*unexpected keyword argument .wind.' Corridor-v0 wind=3
	refused 'ValueError: the actions of Continuous-v0 are .*, not Discrete' Continuous-v0
	refused 'ValueError: usage: gymnasium_env.py ID \[key=value ...\]'
	export PYTHONPATH=gymnasium_standin PYTHONDONTWRITEBYTECODE=1
	short='total_timesteps=600 learning_starts=100 eval_freq=300 final_eval_episodes=5 stop_return=none'
	# shellcheck disable=SC2086 # words
	t 'dqn with the bridge' 0 train gym "python3 $bridge CartPole-v1 reward=1..1" obs_scale=none $short
	err_any
	out_has '^CartPole-v1, seed 1: return '
	# shellcheck disable=SC2086
	t 'dqn with its masks' 0 train corridor "python3 $bridge Corridor-v0" obs_scale=none max_episode_steps=50 \
		eval_max_episode_steps=50 $short
	err_any
	yes_if grep -q '^declaration = env Corridor-v0 .* masks=1$' corridor/config.ini
	# shellcheck disable=SC2086
	t 'dqn with one that fails' 7 train broken "python3 $bridge Broken-v0 reward=0..1" $short
	err_has '^dqn: environment: RuntimeError: the wheel came off; the command has ended with status 1; its standard error ends in '
	unset PYTHONPATH
	t 'no Gymnasium' 1 answers "python3 -S $bridge Any-v0" <<END
hello 1
END
	out_has '^error ImportError: No module named .gymnasium.; to install it: pip install gymnasium$'
	t 'the bridge is short' 0 sh -c 'wc -l <configs/env/gymnasium_env.py'
	yes_if [ "$(cat "$out")" -lt 90 ]
else
	skip 'the bridge to Gymnasium: no python3'
fi
end
