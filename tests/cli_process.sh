#!/bin/sh
# Children that misbehave, each in its own way. dqn train ends in time, with status 7 and a
# line that names the cause; no process is left; and with a child that behaves, the same
# command comes to the same bytes as a run that was never disturbed.
# shellcheck disable=SC2086 # $keys are words
# shellcheck disable=SC2016,SC2317 # the child's variables; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

# A walk between -5 and 5: the goal is at 5, and the start depends on the seed. What $BAD says
# happens after the 12th step, or before the first one. Each process writes its number into pids.
cat >child <<'END'
echo $$ >>pids
two='obs=2 actions=2' head='env walk 1' more='reward=-1..1 limit=30 solved=0.9 instances=4 masks=0'
n=0 after=12
sleeps() { sleep 1000 & echo $! >>pids; wait; }
case ${BAD-} in
silent) sleeps ;;
slow) sleep 5 ;;
early) echo "$head $two $more"; echo 'obs 0 0 0' ;;
unasked) echo "$head $two $more"; sleep 0.3; echo 'obs 0 0 0' ;;
hangs) after=100 ;;
word) more="$more colour=red" ;;
missing) two='actions=2' ;;
changed) head='env walk 2' ;;
mute) exec >&- ;;
stubborn | unruly) trap '' TERM ;;
esac
answer() # INSTANCE WORDS...: the observation comes last
{
	i=$1
	shift
	eval "echo \"\$*\" \"\$x_$i \$k_$i\""
}
bad() # in place of a reply, or before it
{
	case ${BAD-} in
	hangs | stubborn) sleeps; sleeps; sleeps ;;
	dies) echo 'first words' >&2; echo 'out of cheese' >&2; exit 3 ;;
	killed) kill -KILL $$ ;;
	segv) kill -SEGV $$ ;;
	closes) exec >&-; sleeps ;;
	many) echo "step $1 0 0 0 1 2 3" ;;
	few) echo "step $1 0 0 0 1" ;;
	nan) echo "step $1 0 0 0 nan 0" ;;
	inf) echo "step $1 0 0 0 0 inf" ;;
	text) echo 'Traceback (most recent call last):' ;;
	half) printf 'step %s 0 0' "$1"; sleeps ;;
	endless) tr '\0' 'a' </dev/zero ;;
	junk) printf '\377\001\033[31mstep\n' ;;
	nul) printf 'step %s 0 0 0 \0001 2\n' "$1" ;;
	range) echo "step $1 1.5 0 0 1 1" ;;
	flag) echo "step $1 0 2 0 1 1" ;;
	instance) echo "step 3 0 0 0 1 1" ;;
	word-obs) echo "obs $1 1 1" ;;
	mask) echo "step $1 0 0 0 1 1 mask 11" ;;
	forks) sleep 1000 & echo $! >>pids; exit 0 ;;
	deaf) exec <&-; sleeps ;;
	error) echo "error no such map 'x'"; exit 1 ;;
	flood) yes noise | head -c 3000000 >&2; echo 'the last words' >&2; exit 4 ;;
	esac
}
while read -r word i a; do
	case $word in
	hello) echo "$head $two $more" ;;
	reset)
		seed=${a#"${a%?}"}
		eval "x_$i=$((seed % 5 - 2)) k_$i=0"
		answer "$i" obs "$i"
		;;
	step)
		n=$((n + 1))
		[ $n -ne 12 ] || [ "${BAD-}" != noisy ] || yes noise | head -c 3000000 >&2
		[ $n -le $after ] || [ -z "${BAD-}" ] || bad "$i"
		eval "x=\$((x_$i + 2 * a - 1)) k_$i=\$((k_$i + 1)) x_$i=\$x"
		case $x in
		5) answer "$i" step "$i" 1 1 0 ;;
		-5) answer "$i" step "$i" -1 1 0 ;;
		*) answer "$i" step "$i" 0 0 0 ;;
		esac
		[ $n -ne 12 ] || [ "${BAD-}" != twice ] || answer "$i" step "$i" 0 0 0
		;;
	quit) break ;;
	*) echo "error cannot do '$word'"; exit 1 ;;
	esac
done
while [ "${BAD-}" = unruly ]; do sleep 1; done
END

cat >walk.ini <<'END'
[run]
total_timesteps = 1000
seed = 7
[env]
id = process
command = exec sh child
obs_scale = 0.2,0.05
[network]
net_arch = 8
[agent]
learning_starts = 50
batch_size = 8
[replay]
buffer_size = 500
[eval]
eval_freq = 400
eval_episodes = 5
final_eval_episodes = 10
[log]
log_interval = 100
[checkpoint]
checkpoint_interval = 0
END


train() # BAD [key=value ...]
{
	BAD=$1
	shift
	BAD=$BAD "$DQN" train walk.ini --out run "$@"
}

: >pids
t 'a child that behaves' 0 "$DQN" train walk.ini --out whole -q
none_left
yes_if grep -q '^command = ' whole/config.ini
t 'the same again' 0 "$DQN" train walk.ini --out again -q
same_tree whole again
is 'children' "$(wc -l <pids)" 2
none_left

# BAD keys... : CAUSE, a pattern
misbehave()
{
	what=$1 keys=$2 cause=$3
	rm -rf run
	start=$(date +%s)
	keys="$keys checkpoint_interval=1e-6" # after each step
	t "a child that is bad: $what" 7 train "$what" -q $keys
	yes_if [ $(($(date +%s) - start)) -lt 30 ]
	grep '^dqn: ' "$err" >said
	is 'lines of dqn' "$(wc -l <said)" 1
	err_has "^dqn: environment: $cause"
	out_empty
	none_left
	no_if [ -e run/result.json ]
	[ -z "${4-}" ] || yes_if [ -e run/checkpoint.safetensors ]
	if [ "$what" = dies ]; then
		t "once more: $what" 7 train "$what" -q $keys
		err_any
		none_left
	fi
	t "and when it behaves again: $what" 0 train '' -q
	err_any
	none_left
	cp whole/config.ini run/config.ini # of them only the deadlines may differ
	same_tree whole run
}
running='; the command was still running'
late='within env_timeout = 0[.]5 s'
misbehave silent env_start_timeout=0.5 \
	"no reply to 'hello 1' within env_start_timeout = 0[.]5 s [(]does it flush its output[?][)]$running$"
misbehave slow env_start_timeout=0.5 "no reply to 'hello 1' within env_start_timeout = 0[.]5 s [(]does it flush"
misbehave early '' 'line [12]: .*"(env walk 1 .*|obs 0 0 0)"'
misbehave unasked '' 'line [123]: .*"(env walk 1 .*|obs 0 0 0)"'
misbehave word '' "line 1: the word 'colour' is unknown: \"env walk 1 obs=2 "
misbehave missing '' "line 1: 'obs' is missing: "
misbehave mute '' "no reply to 'hello 1', its output has ended"
misbehave hangs env_timeout=0.5 "no reply to 'step [0-9] [01]' $late$running$" saved
misbehave stubborn env_timeout=0.5 "no reply to 'step [0-9] [01]' $late$running$" saved
misbehave dies '' "no reply to 'step 0 [01]', its output has ended; the command has ended with status 3; its standard error ends in \"first words | out of cheese\"$" saved
misbehave killed '' "no reply to 'step 0 [01]', its output has ended; the command was killed by signal 9 [(]Killed[)]" saved
misbehave segv '' "no reply to 'step 0 [01]', its output has ended; the command was killed by signal 11 " saved
misbehave closes '' "no reply to 'step 0 [01]', its output has ended$running" saved
misbehave many '' "line [0-9]+: 'step 0' wants 5 numbers, got 6: \"step 0 0 0 0 1 2 3\"" saved
misbehave few '' "line [0-9]+: 'step 0' wants 5 numbers, got 4: \"step 0 0 0 0 1\"" saved
misbehave nan '' "line [0-9]+: 'nan' is not a finite number: \"step 0 0 0 0 nan 0\"" saved
misbehave inf '' "line [0-9]+: 'inf' is not a finite number: \"step 0 0 0 0 0 inf\"" saved
misbehave text '' "line [0-9]+: the reply does not begin with 'step 0': \"Traceback [(]most recent call last[)]:\"" saved
misbehave half env_timeout=0.5 "no reply to 'step 0 [01]' $late; its last line lacks a newline: \"step 0 0 0\"$running" saved
misbehave endless '' 'line [0-9]+: the line is longer than 1048576 bytes: "aaaa' saved
misbehave junk '' "line [0-9]+: the reply does not begin with 'step 0': \"[?][?][?]\[31mstep\"" saved
misbehave nul '' 'line [0-9]+: the line has a NUL byte: "step 0 0 0 0 [?]1 2"' saved
misbehave range '' 'line [0-9]+: the reward 1[.]5 is not within the declared -1[.][.]1: "step 0 1.5 0 0 1 1"' saved
misbehave flag '' "line [0-9]+: terminated is '2', not 0 or 1: \"step 0 0 2 0 1 1\"" saved
misbehave instance '' "line [0-9]+: the reply does not begin with 'step 0': \"step 3 0 0 0 1 1\"" saved
misbehave word-obs '' "line [0-9]+: the reply does not begin with 'step 0': \"obs 0 1 1\"" saved
misbehave mask '' "line [0-9]+: a mask, but 'masks=1' was not declared: \"step 0 0 0 0 1 1 mask 11\"" saved
misbehave twice '' 'line [0-9]+: .*: "(step|obs) 0 ' saved
misbehave forks env_timeout=0.5 "no reply to 'step 0 [01]' $late.*; the command has ended with status 0, but a process that it started keeps its output open" saved
misbehave deaf env_timeout=0.5 "no reply to 'step 0 [01]' $late; it has closed its input$running" saved
misbehave error '' "no such map 'x'; the command has ended with status 1" saved
misbehave flood '' "no reply to 'step 0 [01]', its output has ended; the command has ended with status 4; its standard error ends in \"[.][.][.].*noise | the last words\"$" saved

t 'standard error in plenty does no harm' 0 train noisy -q --fresh
err_any
is 'what two children wrote there' "$(grep -c '^noise$' "$err")" 1000000
none_left
same_tree whole run
rm -rf run
t 'a child that does not end when it should' 0 train unruly -q
none_left
same_tree whole run

# --- the child's first line is part of what a run is ---

rm -rf run
launch "$DQN" train walk.ini total_timesteps=1e6 checkpoint_interval=0.01 --out run -q
t 'a run that is stopped' 0 wait_for [ -e run/checkpoint.safetensors ]
kill -TERM "$pid"
ended 143
none_left
snapshot run >before
t 'does not resume with a child that declares something else' 6 train changed -q total_timesteps=1e6
err_has 'env walk [12]'
none_left
t 'and is left alone' 0 snapshot run
same_file "$out" before

# --- a built-in is the same in a child ---

values() # FILE: the bytes of its tensors
{
	n=$("$DQN" inspect "$1" | sed -n 's/.* tensors, \([0-9]*\) float32 values$/\1/p')
	tail -c $((4 * n)) "$1"
}
while read -r config keys; do
	id=$(sed -n 's/^id = //p' "$root/configs/$config.ini")
	t "$id" 0 "$DQN" train "$root/configs/$config.ini" $keys --out here -q
	t "$id in a child" 0 "$DQN" train "$root/configs/$config.ini" $keys id=process \
		command='exec "$DQN" env serve '"$id" --out there -q
	for log in progress.csv eval.csv episodes.csv; do
		same_file here/$log there/$log
	done
	for weights in best final; do
		values here/$weights.safetensors >here.values
		values there/$weights.safetensors >there.values
		yes_if [ -s here.values ]
		same_file here.values there.values
	done
	rm -rf here there
done <<'END'
cartpole seed=3 total_timesteps=3000 eval_freq=1000
acrobot seed=4 total_timesteps=3000 eval_freq=1000
mountaincar seed=5 total_timesteps=3000 eval_freq=1000
END
end
