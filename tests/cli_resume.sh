#!/bin/sh
# dqn train, cut short: signals, kill -9, checkpoints good and bad, two processes at
# once. Whatever happens, the same command comes to the same bytes.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
# shellcheck disable=SC2086 # $run is a list of words
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs
# A run that takes long enough to be stopped anywhere, most components on; shorter if
# the program or the machine is slow.
run="$DQN train configs/cartpole-fixed.ini seed=9 buffer_size=2000 prioritized=true dueling=true log_interval=100"
steps=2500
start=$(date +%s%N)
$run total_timesteps=1500 --out pilot -q >"$out"
[ $((($(date +%s%N) - start) / 1000000)) -gt 1500 ] || steps=20000
run="$run total_timesteps=$steps"
long="$DQN train configs/cartpole-fixed.ini seed=9 total_timesteps=5e6"
export run long

is_saved() { [ -e "$1/checkpoint.safetensors" ]; }
is_held() { [ -s "$1/timing.csv" ]; }

names() { find "$1" -mindepth 1 -printf '%f\n' | sort | tr '\n' ' '; }
# The files of an unfinished run.
unfinished='.lock checkpoint.safetensors config.ini episodes.csv eval.csv progress.csv timing.csv '

t 'an uninterrupted run' 0 $run --out whole -q

# --- signals ---

for signal in INT:130 TERM:143 HUP:129 USR1:138; do
	name=${signal%:*} status=${signal#*:}
	rm -rf cut
	# A shell would have its background jobs ignore SIGINT.
	launch env --default-signal=INT,TERM,HUP,USR1 $run --out cut
	t "SIG$name, once it is under way" 0 wait_for has_rows cut 5
	kill -"$name" "$pid"
	ended "$status"
	same_file "$tmp/launched.out" /dev/null
	is 'what it says' "$(grep -c "^dqn: SIG$name: saving at step [0-9]* of $steps\$" "$tmp/launched.err")" 1
	is 'and at last' "$(tail -n 1 "$tmp/launched.err")" 'dqn: saved; the same command resumes from there'
	is files "$(names cut | sed 's/best.safetensors //')" "$unfinished" # it may have evaluated
	t 'the same command resumes' 0 $run --out cut
	err_has "^dqn: 'cut' holds an unfinished run of this configuration; resuming from step [0-9]+$"
	same_tree whole cut
	is files "$(names cut)" "$(names whole)"
	yes_if awk -F, 'NR == 1 { next } $1 <= step || $2 < wall { exit 1 } { step = $1; wall = $2 }' cut/timing.csv
	is 'rows of timing.csv' "$(wc -l <cut/timing.csv)" "$(wc -l <whole/timing.csv)"
done

rm -rf cut
launch env --default-signal=INT $run --out cut -q
t 'stopped twice in one run' 0 wait_for has_rows cut 3
kill -INT "$pid"
ended 130
n_rows=$(wc -l <cut/progress.csv)
launch env --default-signal=INT $run --out cut
yes_if wait_for grep -q 'resuming from step' "$tmp/launched.err"
yes_if wait_for has_rows cut "$n_rows" # before its first step, there is nothing to save
kill -INT "$pid"
ended 130
yes_if [ -e cut/checkpoint-previous.safetensors ]
t 'and to the end' 0 $run --out cut -q
same_tree whole cut

launch env --default-signal=INT $run --out cut --fresh
t 'stopped after --fresh' 0 wait_for grep -q "removed from 'cut'" "$tmp/launched.err"
kill -INT "$pid"
ended 130
is 'what it says' "$(tail -n 1 "$tmp/launched.err")" 'dqn: saved; the same command without --fresh resumes from there'

# An evaluation of hours does not make it wait; nor does the last one; nor updates.
for keys in 'learning_starts=1500 eval_freq=1000 eval_episodes=1e6' \
	'learning_starts=1500 final_eval_episodes=1e6' 'learning_starts=600 gradient_steps=1e6'; do
	rm -rf slow
	slow="$DQN train configs/cartpole-fixed.ini total_timesteps=2000 log_interval=500 $keys --out slow"
	launch $slow
	t "SIGTERM with $keys" 0 wait_for has_rows slow 0
	sleep 0.3
	before=$(date +%s)
	kill -TERM "$pid"
	ended 143
	yes_if [ $(($(date +%s) - before)) -lt 60 ] # all of it takes hours
	yes_if is_saved slow
	launch $slow
	yes_if wait_for grep -q 'resuming from step' "$tmp/launched.err"
	kill -TERM "$pid"
	ended 143
done

# timeout(1) sends its signal twice.
n=0
while [ $n -lt 5 ]; do
	n=$((n + 1))
	rm -rf cut
	launch $long checkpoint_interval=0 --out cut
	t "a signal that comes twice ($n)" 0 wait_for is_held cut
	kill -TERM "$pid"
	kill -TERM "$pid"
	ended 143
	is 'at last' "$(tail -n 1 "$tmp/launched.err")" 'dqn: saved; the same command resumes from there'
	yes_if is_saved cut
done
# The second signal comes as soon as the first one is answered, long before the state of a
# million steps is saved.
rm -rf cut
mkfifo said
"$DQN" train configs/cartpole-fixed.ini seed=9 total_timesteps=1e9 gradient_steps=0 eval_freq=0 \
	buffer_size=2e6 log_interval=2e6 checkpoint_interval=0 --out cut >"$tmp/null" 2>said &
pid=$!
exec 3<said
t 'a second signal ends at once' 0 wait_for has_rows cut 1
kill -TERM "$pid"
while read -r line <&3; do
	echo "$line"
	case $line in *': saving at step '*) ;; *) continue ;; esac
	for _ in 1 2 3 4 5 6; do # what comes within 50 ms counts as the same signal
		sleep 0.02
		kill -HUP "$pid" 2>"$tmp/null"
	done
done >heard
exec 3<&-
ended 129
no_if is_saved cut
yes_if grep -q '^dqn: SIGTERM: saving' heard
no_if grep -q 'saved; the same' heard
rm -rf cut
launch nohup $long --out cut
t 'nohup: SIGHUP is ignored' 0 wait_for has_rows cut 0
kill -HUP "$pid"
wait_for has_rows cut 3
yes_if kill -0 "$pid"
kill -TERM "$pid"
ended 143
rm -rf cut
launch sh -c 'trap "" INT; exec $long --out cut'
t 'nor is SIGINT where it is ignored' 0 wait_for has_rows cut 0
kill -INT "$pid"
wait_for has_rows cut 3
yes_if kill -0 "$pid"
kill -KILL "$pid"
ended 137
rm -rf cut
t 'progress that nobody reads' 0 sh -c '{ $run --out cut 2>&1 >cut.out; echo $? >cut.status; } | :'
is status "$(cat cut.status)" 0
same_tree whole cut
t 'a result that nobody reads' 0 sh -c '{ sleep 0.2; $run --out cut -q; echo $? >cut.status; } 2>cut.err | :'
is status "$(cat cut.status)" 1
is message "$(cat cut.err)" 'dqn: write standard output: Broken pipe'
rm -rf cut
launch sh -c 'exec $run --out cut -q <&- >&- 2>&-'
t 'without any stream' 0 wait_for has_rows cut 3
kill -TERM "$pid"
ended 143
t 'goes on' 0 $run --out cut -q
same_tree whole cut

# --- kill -9 ---

rm -rf cut
kills=0
while :; do
	launch $run checkpoint_interval=0.02 --out cut -q
	sleep "0.$((kills % 4 + 1))"
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null && break
	kills=$((kills + 1))
	[ $kills -lt 20 ] || break
done
t "kill -9, $kills times" 0 $run --out cut
err_any
yes_if [ $kills -gt 0 ]
cp whole/config.ini cut/config.ini # of them only checkpoint_interval differs
same_tree whole cut
is files "$(names cut)" "$(names whole)"

# --- the checkpoint ---

rm -rf stopped
launch env --default-signal=INT $run checkpoint_interval=0.05 --out stopped -q
t 'two checkpoints' 0 wait_for [ -e stopped/checkpoint-previous.safetensors ]
kill -INT "$pid"
ended 130
t 'inspect shows what is in one' 0 "$DQN" inspect stopped/checkpoint.safetensors
out_has '^  agent.online  \([0-9]+\)  mean '
out_has '^  timesteps  \(\) I64  [0-9]+$'
out_has '^  replay.obs  \([0-9]+ x 4\)  mean '
out_has '^  format = dqn checkpoint$'
out_has '^    seed = 9$'
if command -v python3 >/dev/null && python3 -c 'import safetensors.numpy' 2>/dev/null; then
	t 'the safetensors library reads it' 0 python3 -c 'import safetensors.numpy as s; s.load_file("stopped/checkpoint.safetensors")'
else
	skip 'the safetensors library reads a checkpoint: no python3 that has it'
fi
snapshot stopped >before
t 'a larger total_timesteps may not be slipped in' 6 $long --out stopped
err_has "'stopped' holds a run of another configuration \(total_timesteps: $steps, not 5000000; "
t 'and touches nothing' 0 snapshot stopped
same_file "$out" before

damage() # FILE: another byte in its middle
{
	size=$(wc -c <"$1")
	byte=$(od -An -tu1 -j $((size / 2)) -N 1 "$1")
	# shellcheck disable=SC2059 # the byte in octal
	printf "\\$(printf %o $(((byte + 1) % 256)))" | dd of="$1" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
}
cp -r stopped one
damage one/checkpoint.safetensors
t 'a damaged checkpoint: the one before it will do' 0 $run --out one
err_has "^dqn: warning: 'one/checkpoint.safetensors': the file does not match its checksum; the checkpoint before it will do$"
err_has 'resuming from step [0-9]+$'
cp whole/config.ini one/config.ini
same_tree whole one
cp -r stopped two
damage two/checkpoint.safetensors
: >two/checkpoint-previous.safetensors
snapshot two >before
t 'both damaged' 5 $run --out two
err_has "^dqn: 'two/checkpoint.safetensors': the file does not match its checksum; --fresh starts the run again$"
t 'is refused and left alone' 0 snapshot two
same_file "$out" before
t '--fresh starts again, and says what it removes' 0 $run --out two --fresh
err_has "^dqn: removed from 'two': checkpoint.safetensors checkpoint-previous.safetensors (best.safetensors )?timing.csv episodes.csv eval.csv progress.csv config.ini$"
same_tree whole two
cp -r stopped three
rm three/checkpoint.safetensors
t 'only the one before' 0 $run --out three -q
cp whole/config.ini three/config.ini
same_tree whole three
cp -r stopped four
rm four/checkpoint*
t 'none at all: from the beginning' 0 $run --out four
err_has 'starting it again$'
cp whole/config.ini four/config.ini
same_tree whole four
cp -r stopped five
: >five/progress.csv
t 'a log that is shorter than it was' 5 $run --out five
err_has "^dqn: 'five/progress.csv' is shorter than the checkpoint says; --fresh starts the run again$"
for what in directory fifo; do
	rm -rf six
	cp -r stopped six
	rm six/checkpoint*
	case $what in fifo) mkfifo six/checkpoint.safetensors ;; *) mkdir six/checkpoint.safetensors ;; esac
	t "a $what for a checkpoint" 5 $run --out six
	err_has "'six/checkpoint.safetensors' is not a file"
done
cp -r stopped locked
: >locked/checkpoint.safetensors.tmp
if [ "$(id -u)" -eq 0 ]; then # who may write everywhere
	somebody='setpriv --reuid=65534 --clear-groups'
	chmod -R a+rwX locked && chmod a+x "$tmp" "$tmp/work"
else
	somebody=''
fi
chmod a-w locked
if $somebody test -x "$DQN" 2>/dev/null; then
	t 'a directory that has become read-only' 1 $somebody $run --out locked
	err_has "^dqn: write to 'locked': Permission denied$"
	err_lacks 'resuming from'
else
	skip 'a read-only directory: somebody who is not root cannot run the program'
fi
chmod u+w locked
cp -r stopped seven
cp whole/best.safetensors seven/checkpoint.safetensors
cp whole/best.safetensors seven/checkpoint-previous.safetensors
t 'weights for a checkpoint' 5 $run --out seven
err_has 'not a checkpoint'
t "another run's checkpoint" 6 sh -c 'cp -r stopped eight && $long --out far -q & pid=$!
	until [ -s far/progress.csv ]; do sleep 0.1; done; kill -TERM $pid; wait $pid
	cp far/checkpoint.safetensors eight/ && exec $run --out eight'
err_has "is of another configuration \(total_timesteps: 5000000, not $steps"
cp -r stopped nine
echo junk >>nine/progress.csv
echo junk >>nine/eval.csv
echo junk >>nine/episodes.csv
: >nine/checkpoint.safetensors.tmp
: >nine/final.safetensors.tmp
t 'what came behind the checkpoint is cut off' 0 $run checkpoint_interval=3 --out nine -q
cp whole/config.ini nine/config.ini
same_tree whole nine
is files "$(names nine)" "$(names whole)"
cp -r stopped columns
sed -i '1s/,loss,/,looss,/' columns/progress.csv
t 'a log with the columns of another version' 5 $run --out columns
err_has "^dqn: the columns of 'columns/progress.csv' are not those of this version of dqn; --fresh starts the run again$"
sed -i '1s/,looss,/,los,/' columns/progress.csv
echo more >>columns/progress.csv
t 'or with a shorter header' 5 $run --out columns
err_has "^dqn: the columns of 'columns/progress.csv' are not"
cp -r whole ten
cp stopped/checkpoint.safetensors ten/
t 'leftovers of a run that was killed when it was done' 0 $run --out ten -q
same_tree whole ten

t 'checkpoint_interval names no other directory' 0 "$DQN" train short.ini checkpoint_interval=1 seed=3 -q
yes_if [ -d runs/short/seed-3 ]
t 'and is no other run' 0 "$DQN" train short.ini checkpoint_interval=0.5 seed=3
err_has 'is already done'
t 'a short run writes none' 0 ls -A runs/short/seed-3
out_lacks checkpoint
wild='clip_targets=false learning_rate=1 reward_scale=1e6 obs_scale=1e6,1e6,1e6,1e6 max_grad_norm=0 loss=mse adam_beta2=0 adam_eps=1e-10 adam_beta1=0
	net_arch=16,16,16,16,16,16,16,16 target_update_interval=1 eval_freq=50 -q --out'
t 'divergence keeps the checkpoint' 4 "$DQN" train short.ini checkpoint_interval=1e-9 $wild diverged
err_has '^dqn: diverged at step [0-9]+ \(update [0-9]+\): .*; a smaller learning_rate or max_grad_norm usually helps$'
yes_if is_saved diverged
yes_if [ -s diverged/best.safetensors ]
sed 's/^dqn: //' "$err" >why
same_file diverged/failed.txt why
t 'a report counts it' 0 "$DQN" report diverged --csv
out_has '^1,0,1,0,.*,0,0,0[.]975,inf,1,,'
t 'and so does watch' 0 "$DQN" watch --once diverged
out_has ' failed$'
cp -r diverged again
t 'from which it diverges again' 4 "$DQN" train short.ini $wild diverged
err_has '^dqn: diverged at step [0-9]+ '
diff -r -x timing.csv diverged again >"$out"
out_empty
rm again/checkpoint*
t 'or from the beginning, with the same bytes' 4 "$DQN" train short.ini $wild again
err_any
diff -r -x timing.csv -x 'checkpoint*' diverged again >"$out"
out_empty
rm again/failed.txt
mkdir -p again/failed.txt/x
t 'a name that is taken' 5 "$DQN" train short.ini $wild again
err_has "^dqn: 'again/failed.txt' is not a file$"

# --- two at once ---

n=0
while [ $n -lt 20 ]; do # who is first is chance
	n=$((n + 1))
	"$DQN" train short.ini total_timesteps=4000 --out race -q >/dev/null 2>race-1.err &
	first=$!
	"$DQN" train short.ini total_timesteps=4000 --out race -q >/dev/null 2>race-2.err &
	second=$!
	wait $first
	one=$?
	wait $second
	two=$?
	t "two processes make the same directory ($n)" 0 true
	case "$one $two" in
	'0 0') ;;
	'0 6') yes_if grep -q "in use by process $first$" race-2.err ;;
	'6 0') yes_if grep -q "in use by process $second$" race-1.err ;;
	*) bad "exit status $one and $two: $(cat race-1.err race-2.err)" ;;
	esac
	[ $n -gt 1 ] || mv race race-first
	[ $n -eq 1 ] || { same_tree race race-first && rm -rf race; }
done
# --- resources ---

limited() { # LIMIT COMMAND...
	sh -c 'ulimit '"$1"' && shift && exec "$@"' sh "$@"
}
t 'a file that may not be so large' 1 limited '-f 20' "$DQN" train short.ini --out limited -q
err_has '^dqn: a checkpoint of this run has up to [0-9]+ bytes, but files may have no more than 10240 \(see ulimit -f\)$'
if [ "$(limited '-v 1000000' "$DQN" --version 2>/dev/null)" ]; then # not under a sanitizer
	t 'more memory than a process may have' 1 limited '-v 100000' "$DQN" train short.ini buffer_size=5e6 \
		total_timesteps=5e6 --out limited -q
	err_has '^dqn: buffer_size, net_arch and batch_size need [0-9]+ MiB; this process may have 97 MiB \(see ulimit -v\)$'
	t 'nearly so much' 1 limited '-v 100000' "$DQN" train short.ini buffer_size=2.4e6 total_timesteps=2.4e6 --out limited -q
	err_has '^dqn: out of memory: buffer_size = 2400000 needs [0-9]+ bytes'
else
	skip 'ulimit -v: a sanitizer needs more'
fi
for n in 4 5 6 7 8 9; do
	t "no more than $n open files" 1 limited "-n $n" "$DQN" train short.ini --out limited -q
	err_has '^dqn: [a-z ]+ .limited.*: Too many open files'
done
t 'ten are enough, and the directory is none the worse' 0 limited '-n 10' "$DQN" train short.ini --out limited -q \
	checkpoint_interval=0.01
t 'the same run' 0 "$DQN" train short.ini --out unlimited -q
same_tree limited unlimited
million=1000000
[ "$(limited '-v 1000000' "$DQN" --version 2>/dev/null)" ] || million=200000 # a sanitizer takes minutes
long_run() # CHECKPOINT_INTERVAL DIR
{
	"$DQN" train short.ini total_timesteps=$million gradient_steps=0 log_interval=$((million / 10)) \
		eval_freq=$((million / 10)) eval_episodes=1 prioritized=true buffer_size=$((million * 3 / 10)) \
		checkpoint_interval="$1" --out "$2" -q
}
t 'a long run' 0 long_run 0.05 grown
t 'does not grow' 0 awk -F, 'NR == 3 { first = $4 } END { exit !($4 <= first + 256) }' grown/timing.csv
t 'nor does one that saves nothing' 0 long_run 0 timed
# The quickest tenth of each half is compared, as others use this machine, too. If a step
# took time in proportion to the steps before it, that would be 6.
t 'get slower' 0 awk -F, 'NR > 1 { s = $2 - before; before = $2; half = NR > 6 }
	NR > 1 && (!(half in least) || s < least[half]) { least[half] = s }
	END { exit !(NR == 11 && least[1] < 5 * least[0]) }' timed/timing.csv
end
