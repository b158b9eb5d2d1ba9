#!/bin/sh
# The directory of a run: where it is, and what becomes of it while the run works.
# shellcheck disable=SC2086,SC2317 # $run is a list of words; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs

launch()
{
	"$@" >"$tmp/launched.out" 2>"$tmp/launched.err" &
	pid=$!
	t_pids="$t_pids $pid"
}
ended() # STATUS: what `wait` must say of $pid
{
	wait "$pid" 2>/dev/null
	is 'exit status' $? "$1"
}
has_rows() { [ "$(wc -l <"$1/progress.csv")" -gt "$2" ]; }

# --- moved, removed, replaced while its run works ---

endless="$DQN train short.ini total_timesteps=5e6 log_interval=100"
run="$DQN train short.ini total_timesteps=30000 log_interval=100 checkpoint_interval=0.01"
t 'an undisturbed run' 0 $run --out whole -q
t 'and another' 0 $run seed=2 --out whole2 -q

launch $run --out a
t 'a directory that is moved keeps its run' 0 wait_for has_rows a 3
mv a b
ended 0
same_tree whole b
no_if [ -e a ]
yes_if grep -q "^dqn: warning: 'a' was moved while the run worked; its files went with it$" "$tmp/launched.err"
yes_if grep -q "^weights: final.safetensors in the directory that was 'a'$" "$tmp/launched.out"
rm -rf b

launch $run --out a -q
t 'a new run under the old name, too' 0 wait_for has_rows a 3
mv a b
first=$pid
launch $run seed=2 --out a -q
ended 0
pid=$first
ended 0
same_tree whole b
same_tree whole2 a
rm -rf a b

mkdir other
echo of somebody >other/result.json
snapshot other >before
launch $run --out a -q
t 'a link to another directory takes its name' 0 wait_for has_rows a 3
mv a b && ln -s other a
ended 0
same_tree whole b
snapshot other >after
same_file before after
rm -rf a b

launch env --default-signal=TERM $endless --out a
t 'a moved run that is stopped' 0 wait_for has_rows a 3
mv a b
kill -TERM "$pid"
ended 143
yes_if [ -e b/checkpoint.safetensors ]
yes_if grep -q "^dqn: saved; the same command with --out and the directory's new name goes on from there$" "$tmp/launched.err"
launch env --default-signal=TERM $endless --out b
yes_if wait_for grep -q 'going on from step' "$tmp/launched.err"
t 'the lock moves with it' 6 $endless --out b
err_has "^dqn: 'b' is in use by process [0-9]+$"
kill -TERM "$pid"
ended 143
rm -rf a b

# A file goes before the directory does.
gone()
{
	is lines "$(wc -l <"$tmp/launched.err")" 1
	yes_if grep -Eq "^dqn: (the run's directory 'a'|'a/[a-z.]+') was removed or replaced while (it|the run) worked$" \
		"$tmp/launched.err"
}
# rm may find a directory that is not empty, since a checkpoint was just written.
remove() { rm -rf "$1" 2>/dev/null || rm -rf "$1"; }
for keys in checkpoint_interval=0.01 checkpoint_interval=0; do
	launch $endless $keys --out a -q
	t "a directory that is removed ends its run ($keys)" 0 wait_for has_rows a 3
	yes_if wait_for remove a
	ended 1
	gone
	same_file "$tmp/launched.out" /dev/null
	no_if [ -e a ]
done
launch $endless --out a -q
t 'so does one that is replaced' 0 wait_for has_rows a 3
yes_if wait_for remove a
cp -r whole2 a
snapshot a >before
ended 1
gone
snapshot a >after
same_file before after
rm -rf a

for file in progress.csv eval.csv episodes.csv timing.csv config.ini .lock; do
	for how in removed replaced; do
		[ "$file $how" != 'config.ini replaced' ] || continue # decides nothing any more
		launch $endless --out a -q
		t "a file that is $how ends its run, too: $file" 0 wait_for has_rows a 3
		case $how in removed) rm a/$file ;; *) cp a/$file new && mv new a/$file ;; esac
		ended 1
		is message "$(cat "$tmp/launched.err")" "dqn: 'a/$file' was removed or replaced while the run worked"
		no_if [ -e a/result.json ]
		rm -rf a
	done
done
end
