#!/bin/sh
# Runs with a child process that are stopped in the middle of an episode: by signals, with the
# child stopped or dqn itself. The same command replays the episode and comes to the same bytes;
# a child that does not answer as before is refused. A run that is done starts no child.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

# A walk on a line with masks, in episodes of 50 steps. AT=N:WHAT does something with step N of
# this process (0: its first reset): SIGNAL to dqn or to its group, or one other answer. Not in
# the child that evaluates, which is known by its instance 1: with -q it is not timed first.
cat >child <<'END'
echo $$ >>pids
trap 'echo INT >>hit' INT
n=0
both() { (exec </dev/null >/dev/null 2>&1; kill -STOP "$PPID" $$; sleep 2.5; kill -CONT "$PPID" $$) & }
while read -r word i a; do
	reward=$a terminated=0 truncated=0 mask=11 more=0 do=
	[ "$i" != 1 ] || [ "$word" = hello ] || AT=
	[ "${AT%%:*}" != $n ] || do=${AT#*:}
	case $word-$do in
	hello-* | quit-*) ;;
	*-group) kill -INT "-$PPID" ;;
	*-STOP) kill -STOP "$PPID"; sleep 2.5; kill -CONT "$PPID" ;;
	*-both) both; sleep 0.5 ;;
	*-hang) kill -STOP $$ ;;
	*-stuck) kill -INT "$PPID"; kill -STOP $$ ;;
	*-INT | *-TERM | *-HUP | *-USR1) kill "-$do" "$PPID" ;;
	*-obs) more=0.001 ;;
	*-mask) mask=01 ;;
	step-reward) reward=0.5 ;;
	step-terminated) terminated=1 ;;
	step-truncated) truncated=1 ;;
	esac
	case $word in
	hello) echo "env walk ${VERSION-1} obs=2 actions=2 reward=0..1 limit=50 instances=4 masks=1" ;;
	reset)
		[ "$i" -lt 4 ] || { echo "error no instance $i"; exit 1; }
		x=${a#"${a%?}"} # the last digit of the seed
		eval "x_$i=$x"
		echo "obs $i $x $more mask $mask"
		[ $n -gt 0 ] || n=1
		;;
	step)
		eval "x=\$((x_$i + 2 * a - 1)) x_$i=\$x"
		echo "step $i $reward $terminated $truncated $x $more mask $mask"
		n=$((n + 1))
		;;
	*) break ;;
	esac
done
echo $((n > 0 ? n - 1 : 0)) >>steps
END
cat >walk.ini <<'END'
[run]
total_timesteps = 160
[env]
id = process
command = "echo x >>started; exec sh child"
obs_scale = 0.1
[network]
net_arch = 8
[agent]
learning_starts = 20
batch_size = 8
target_update_interval = 10
n_steps = 3
[replay]
buffer_size = 60
prioritized = true
[eval]
eval_freq = 90
eval_episodes = 2
final_eval_episodes = 6
[log]
log_interval = 20
[checkpoint]
checkpoint_interval = 0
END

train() # AT [more ...]
{
	at=$1
	shift
	AT=$at "$DQN" train walk.ini --out cut "$@"
}
inside() # PATTERN: a line of what the checkpoint has
{
	"$DQN" inspect cut/checkpoint.safetensors >inside || bad 'no checkpoint'
	grep -Eq "$1" inside || bad "the checkpoint lacks '$1'"
}
stop_at() # STEP SIGNAL STATUS
{
	rm -rf cut
	t "SIG$2 in step $1" "$3" train "$1:$2" -q
	err_has "^dqn: SIG$2: saving at step $1 of 160$"
	err_has '^dqn: saved; the same command resumes from there$'
	none_left
}
same_but_for_the_timeout()
{
	cp whole/config.ini cut/config.ini
	same_tree whole cut
}
resume() # WHAT STEP
{
	t "$1: the same command resumes" 0 train ''
	err_has "resuming from step $2$"
	none_left
	same_tree whole cut
}

t 'an uninterrupted run' 0 "$DQN" train walk.ini --out whole -q
none_left

# --- signals, which the child itself sends while dqn waits for it ---

for signal in INT:130 TERM:143 HUP:129 USR1:138; do
	stop_at 37 "${signal%:*}" "${signal#*:}"
	inside '^  episode\.action  \(37\) '
	cp -R cut "at-${signal%:*}"
	resume "SIG${signal%:*}" 37
done
for n in 1 49 51 90 99 159; do # evaluations, updates, the first and last step of an episode
	stop_at "$n" TERM 143
	inside "^  episode\\.action  \\($((n % 50))\\) "
	inside '^  in_episode .* 1$'
	resume "step $n" "$n"
done
for n in 50 100; do
	stop_at "$n" TERM 143
	inside '^  in_episode .* 0$'
	cp -R cut "between-$n"
	resume "between two episodes" "$n"
done
stop_at 37 TERM 143
for n in 38 39 50 1 30; do # counted from the replay on
	t "stopped again at step $n of this process" 143 train "$n:TERM" -q
	err_any
	none_left
done
resume 'at last' 80
rm -rf cut
cp -R at-TERM cut
: >steps
t 'stopped in the middle of the replay' 143 train 10:TERM -q
err_has '^dqn: SIGTERM: saving at step 37 of 160$'
none_left
is 'the checkpoint is the same' "$(cmp cut/checkpoint.safetensors at-TERM/checkpoint.safetensors)" ''
is 'steps of the two children' "$(sort -n steps | tr '\n' ' ')" '0 10 '
damage()
{
	cp -R at-TERM cut && cp cut/checkpoint.safetensors cut/checkpoint-previous.safetensors && : >cut/checkpoint.safetensors
}
rm -rf cut
t 'also where the last checkpoint is damaged' 0 damage
t 'and has to be written again' 143 train 10:TERM -q
err_has '^dqn: SIGTERM: saving at step 37 of 160$'
none_left
resume 'after both' 37

# Ctrl-C goes to the foreground process group, which is dqn's; the child is not in it.
rm -rf cut hit
if command -v setsid >"$tmp/null"; then
	AT=37:group launch setsid env --default-signal=INT "$DQN" train walk.ini --out cut -q
	t 'Ctrl-C' 0 true
	ended 130
	yes_if grep -q '^dqn: SIGINT: saving at step 37 of 160$' "$tmp/launched.err"
	none_left
	no_if [ -e hit ]
	resume 'Ctrl-C' 37
else
	skip 'Ctrl-C: no setsid'
fi

# --- a signal while a reply does not come, long before its deadline ---

for n in 0 1 37; do
	rm -rf cut
	before=$((n > 0 ? n - 1 : 0))
	t "Ctrl-C while reply $n does not come" 130 train "$n:stuck" env_timeout=9999 -q
	err_has "^dqn: SIGINT: saving at step $before of 160$"
	none_left
	cp -R cut "stuck-$n"
	t 'again in the replay' 130 train 0:stuck env_timeout=9999 -q
	err_has "^dqn: SIGINT: saving at step $before of 160$"
	none_left
	t 'the same command resumes' 0 train '' -q
	same_but_for_the_timeout
done
t 'while the first line does not come' 130 sh -c 'exec "$DQN" train walk.ini --out none -q env_start_timeout=9999 \
	command="kill -INT \$PPID; kill -STOP \$\$"'
err_has '^dqn: SIGINT: stopped before the first step$'
no_if [ -e none ]
none_left

# --- stopped for longer than env_timeout ---

for who in STOP both; do
	rm -rf cut
	t "stopped for 2.5 s: $who" 0 train "37:$who" env_timeout=0.7 -q
	none_left
	same_but_for_the_timeout
done
rm -rf cut
t 'the child is stopped' 7 train 37:hang checkpoint_interval=1e-9 env_timeout=0.7 -q
err_has "^dqn: environment: no reply to 'step 0 [01]' within env_timeout = 0\\.7 s; the command was still running$"
none_left
inside '^  episode\.action  \(36\) '
t 'and again in the replay' 7 train 10:hang checkpoint_interval=1e-9 env_timeout=0.7 -q
err_has "within env_timeout = 0\\.7 s"
none_left
t 'and not any more' 0 train '' env_timeout=0.7
err_has 'resuming from step 36$'
none_left
same_but_for_the_timeout

# --- a child that does not answer as before ---

snapshot_cut() { snapshot cut | grep -v '^\./\.lock \|^\. '; } # times of the lock and its directory
for n in 0 1 20 37; do
	for what in obs mask reward terminated truncated; do
		case $n$what in 0reward | 0t*) continue ;; esac
		rm -rf cut
		cp -R at-TERM cut
		snapshot_cut >before
		t "another $what in reply $n" 7 train "$n:$what" -q
		case $n in
		0) where='the reset' ;;
		*) where="action $n" ;;
		esac
		err_has "^dqn: environment: it is not deterministic: $where of the episode under way got another reply before the run was interrupted; env_deterministic = false drops such an episode$"
		none_left
		out_empty
		snapshot_cut >after
		same_file before after
	done
done
resume 'and with the one that it was' 37
cp -R at-TERM again
rm -rf cut && mv again cut
t 'what was not there before is not compared' 0 train 38:obs -q
none_left
t 'and gives other bytes' 1 cmp cut/final.safetensors whole/final.safetensors
err_any

for between in between-50 between-100; do
	rm -rf cut
	cp -R $between cut
	t "$between: nothing is replayed" 0 train 0:obs -q
	none_left
	t 'and the new episode starts elsewhere' 1 cmp cut/final.safetensors whole/final.safetensors
	err_any
done

# --- env_deterministic = false ---

warning='^dqn: (.*: )?warning: env_deterministic = false: the episode that was interrupted is given up; an uninterrupted run would have other bytes$'
drop() # WHAT STATUS AT [more ...]
{
	what=$1 status=$2
	shift 2
	t "$what" "$status" train "$@" env_deterministic=false
	none_left
}
rm -rf cut
cp -R at-TERM cut
drop 'an episode is given up' 143 5:TERM --brief
err_has "$warning"
inside '^  timesteps .* 42$'
inside '^  episode\.action  \(5\) '
inside '^  replay\.truncated  \(42\) .* mean 0\.02381, ' # one of 42
inside '^  replay\.terminated  \(42\) .* mean 0, '
drop 'and another' 0 0:none
err_has "$warning"
rm -rf cut
cp -R between-50 cut
drop 'between two episodes nothing is lost' 0 0:none
err_lacks "$warning"
same_but_for_the_timeout
rm -rf cut
cp -R at-TERM cut
drop 'with -q' 0 0:none -q
rm -rf cut
drop 'without an interruption' 0 0:none
err_lacks "$warning"
same_but_for_the_timeout

# --- another environment; a run that is done ---

other()
{
	VERSION=2 AT=0:none "$DQN" train walk.ini --out cut "$@"
}
rm -rf cut
cp -R at-TERM cut
snapshot cut >before
t 'a run does not resume with a child that declares something else' 6 other
err_has "^dqn: environment: it declares 'env walk 2 obs=.*', not 'env walk 1 obs=.*'$"
none_left
t 'which loses nothing' 0 snapshot cut
same_file "$out" before
t '--fresh starts anew' 0 other --fresh -q
none_left
yes_if grep -q '^declaration = env walk 2 ' cut/config.ini
t 'and with the first again' 0 train '' --fresh -q
none_left
same_tree whole cut

rm started
snapshot cut >before
t 'a run that is done starts no child' 0 train ''
err_has "^dqn: 'cut' is already done; --fresh runs it again$"
out_has '^walk, seed 1: return '
mv child moved
t 'not even one that is there no longer' 0 train '' -q
no_if [ -e started ]
t 'and is left alone' 0 snapshot cut
same_file "$out" before
t 'another run does need it' 7 train '' seed=2 --fresh -q
err_has '^dqn: environment: .*; the command has ended with status'
mv moved child

# --- as wide as may be ---

cat >wide <<'END'
BEGIN { for (i = 1; i < 65536; i++) { zeros = zeros " 0"; ones = ones "1" } }
$1 == "quit" { exit }
$1 == "hello" { print "env wide 1 obs=65536 actions=65536 reward=0..1 masks=1 limit=4" }
$1 == "reset" { print "obs " $2 " 1" zeros " mask 1" ones }
$1 == "step" { print "step " $2 " 0.5 0 0 -1" zeros " mask 0" ones }
{ fflush() }
END
t '65536 observations and actions' 0 "$DQN" train /dev/null id=process command='exec awk -Winteractive -f wide 2>&-' \
	total_timesteps=20 learning_starts=10 net_arch=4 batch_size=2 buffer_size=20 final_eval_episodes=1 --out wide-run -q
out_has '^wide, seed 1: return 2\.0 '
end
