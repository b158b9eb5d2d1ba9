#!/bin/sh
# dqn watch: how runs are going, from their files alone.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs
unset LINES
on_terminal() # SIZE COMMAND: what a terminal of LINESxCOLUMNS gets, in $tmp/screen
{
	TERM=xterm LC_ALL=C.UTF-8 script -qfec "stty rows ${1%x*} cols ${1#*x}; $2" "$tmp/screen" >/dev/null
}

# run DIR STEPS SECONDS [key=value ...]: a directory that looks like a run of 4000 steps
# that has come so far
run()
{
	dir=$1 steps=$2 seconds=$3
	shift 3
	mkdir -p "$dir" && "$DQN" config short.ini total_timesteps=4000 log_interval=100 "$@" \
		>"$dir/config.ini" 2>/dev/null || exit 1
	[ "$steps" -gt 0 ] || return 0
	printf 'timesteps,episodes,n_updates,ep_rew_mean\n100,5,0,20\n%s,9,50,%s.25\n' "$steps" "$((steps / 10))" >"$dir/progress.csv"
	printf 'timesteps,wall_s,steps_per_s,max_rss_kib\n100,0.1,1000,9\n%s,%s,7,9\n' "$steps" "$seconds" >"$dir/timing.csv"
}
finish() # DIR: and then ended at 3000
{
	hash=0123456789012345678901234567890123456789012345678901234567890123
	printf '{"format_version":1,"env_id":"CartPole-v1","seed":1,"timesteps":3000,"total_timesteps":4000,"stopped":true,"episodes":9,"n_updates":1900,"final_episodes":5,"final_return_mean":487.5,"final_return_std":0,"final_return_min":1,"final_return_max":2,"final_length_mean":3,"best_timesteps":500,"best_return_mean":480,"final_sha256":"%s","best_sha256":"%s"}\n' \
		$hash $hash >"$1/result.json"
	printf 'timesteps,return_mean\n500,480\n' >"$1/eval.csv"
}
age() { find "$1" -exec touch -d "$2 seconds ago" {} +; } # DIR SECONDS

run all/b/fresh 0 0
run all/b/half 2000 40
run all/a/done 3000 6
finish all/a/done
run all/a/old 1000 10
age all/a/old 100
run all/a/broken 1000 10
printf 'timesteps,return_mean\n500,480\n' >all/a/broken/eval.csv
cp -r all/a/broken all/a/nan
echo '{' >all/a/broken/result.json
echo 'step 1234: loss is not finite' >all/a/nan/failed.txt

# --- the table ---

t 'a table' 0 "$DQN" watch all
cat >want <<'END'
6 runs in all: 2 running, 1 stopped, 1 failed, 1 unreadable, 1 done; 1 cannot be read
return: best 487.5, median 100.2, worst 100.2; running ones need up to 40s; best a/done, worst a/old
stuck: a/old, a/nan
run       progress  steps  return  steps/s  left  state
b/fresh        0 %      0                         running
b/half        50 %   2000   200.2       50   40s  running
a/old         25 %   1000   100.2      100        stopped
a/nan         25 %   1000   100.2      100        failed
a/broken      25 %   1000   100.2      100        unreadable
a/done       100 %   3000   487.5      500        done
END
same_file "$out" want
warning="^dqn: warning: cannot read all of 1 of the runs: 'all/a/broken/result.json': unexpected character at byte 2$"
err_has "$warning"
err_lines 1
t '--once is the same here' 0 "$DQN" watch --once all/a all/b
same_file "$out" want
err_has "$warning"
t 'one run' 0 "$DQN" watch all/a/done/
out_has '^1 run in all/a: 1 done$'
out_has '^done +100 %'
(cd all/a/done && "$DQN" watch . >"$tmp/here" 2>"$err")
is 'in it' "$(head -n 1 "$tmp/here")" '1 run in .: 1 done'
for left in 0.2:1s 59.5:1m00s 65:1m05s 3600:1h00m 7290:2h01m 180000:2d02h; do
	run left/1 2000 "${left%:*}" stop_return=475 stop_episodes=5
	t "${left%:*} seconds left" 0 "$DQN" watch left
	out_has " <${left#*:}  running$"
done
run 'odd/a b
c' 0 0
t 'a name with a line break' 0 "$DQN" watch odd
out_lines 3
mkdir all/c
echo 'learning_rate = x' >all/c/config.ini
t 'a directory that is no run' 0 "$DQN" watch all
out_has '^6 runs in all: .*; 2 cannot be read$'
err_has '^dqn: warning: left out 1 of the directories: all/c/config.ini:1: '
t 'nothing else' 5 "$DQN" watch all/c
err_has '^dqn: warning: left out 1 of the directories: '
err_has '^dqn: no run can be read$'
rm -r all/c
printf 'timesteps,wall_s\n1000,\0\n' >all/a/old/timing.csv
t 'a log that cannot be read' 0 "$DQN" watch all
out_has '^6 runs in all: .*; 2 cannot be read$'
err_has "^dqn: warning: cannot read all of 2 of the runs: .*; 'all/a/old/timing.csv': a NUL byte is in it$"
run all/a/old 1000 10
age all/a/old 100
rm -r all/a/broken

# --- who is at work ---

age all/b/half 60
t 'nothing new for a minute' 0 "$DQN" watch all/b/half
out_has ' stopped$'
touch all/b/half/timing.csv
t 'a row' 0 "$DQN" watch all/b/half
out_has ' running$'
age all/b/half 60
: >all/b/half/checkpoint.safetensors
t 'a checkpoint' 0 "$DQN" watch all/b/half
out_has ' running$'
run slow 200 200 checkpoint_interval=0
age slow 200
t 'a row every hundred seconds' 0 "$DQN" watch slow
out_has ' 1  1h03m  running$'
run rare 2000 40 checkpoint_interval=100
age rare 200
t 'a checkpoint every hundred seconds' 0 "$DQN" watch rare
out_has ' running$'
"$DQN" train short.ini total_timesteps=1e7 --out live/1 -q >"$tmp/train" 2>&1 &
pid=$!
t_pids="$t_pids $pid"
t 'a process at work' 0 wait_for [ -e live/1/timing.csv ]
wait_for grep -q 000 live/1/timing.csv
kill -STOP $pid
age live 3600
snapshot live >before
t 'its lock is enough' 0 "$DQN" watch live
out_has ' running$'
t 'nothing is touched' 0 snapshot live
same_file "$out" before

is 'silent for an hour' "$("$DQN" watch live all/a | grep '^silent: ')" 'silent: live/1 (nothing written for 1h00m)'
"$DQN" train short.ini total_timesteps=1e7 --out int/1 -q >"$tmp/train2" 2>&1 &
pid2=$!
t_pids="$t_pids $pid2"
wait_for [ -e int/1/checkpoint.safetensors ]
kill -TERM $pid2
wait $pid2
t 'a run that was interrupted, at once' 0 "$DQN" watch int
out_has ' stopped$'
t 'a copy of it' 0 sh -c 'cp -r int copy && exec "$DQN" watch copy'
out_has ' stopped$'
"$DQN" train short.ini total_timesteps=1e7 --out int/1 -q >"$tmp/train2" 2>&1 &
pid2=$!
t_pids="$t_pids $pid2"
runs() { "$DQN" watch int | grep -q ' running$'; }
t 'resumed' 0 wait_for runs
wait_for [ ! -s int/1/.lock ]
kill -KILL $pid2
wait $pid2 2>"$tmp/null"
rm -r int copy

# --- a terminal ---

if has_terminal 'watch on a terminal'; then
	for i in 1 2 3 4 5 6 7 8 9; do
		run "many/n_steps=$i,learning_rate=0.001/seed-1" 3000 6
		finish "many/n_steps=$i,learning_rate=0.001/seed-1"
	done
	t 'all done: it ends' 0 on_terminal 8x50 "$DQN watch many -n 0.1"
	tail -n 6 "$tmp/screen" | tr -d '\r' >last
	# What stays is the table; the screen is put back before it.
	sed -n "s/.*$(printf '\033\\[?25h\033\\[?1049l')//p" "$tmp/screen" | tr -d '\r' >first
	is 'the first line' "$(cat first)" '9 runs in many: 9 done'
	yes_if grep -q "^\.\.\.ning_rate=0.001/seed-1     100 %   487.5  .*done" last
	yes_if grep -q '^and 6 done' "$tmp/screen"
	is 'no line is wider than the terminal' "$(tr -d '\r' <"$tmp/screen" | grep -v Script |
		sed "s/$(printf '\033')\\[[?0-9]*[a-zA-Z]//g" | awk 'length($0) > 50')" ''
	is 'the cursor' "$(grep -o "$(printf '\033\\[?25[hl]')" "$tmp/screen" | tr -d '\033' | tr '\n' ' ')" '[?25l [?25h '
	for columns in 1 2 3 4 5; do
		t "a terminal of $columns columns" 0 on_terminal 24x$columns "COLUMNS=$columns $DQN watch many --once"
		yes_if grep -q "^\.\{1,3\}[0-9./a-z-]*$(printf '\r')$" "$tmp/screen"
	done
	t '--once' 0 on_terminal 8x70 "$DQN watch many --once"
	no_if grep -q "$(printf '\033\\[[?HJK]')" "$tmp/screen"
	is rows "$(grep -c ' 100 % ' "$tmp/screen")" 9
	t 'a dumb terminal' 0 on_terminal 8x70 "TERM=dumb $DQN watch many"
	no_if grep -q "$(printf '\033')" "$tmp/screen"
	t 'colours' 0 on_terminal 24x80 "$DQN watch all --once"
	yes_if grep -q "$(printf '\033\\[33mstopped\033\\[0m')" "$tmp/screen"
	t 'NO_COLOR' 0 on_terminal 24x80 "NO_COLOR=1 $DQN watch all --once"
	no_if grep -q "$(printf '\033')" "$tmp/screen"

	drawn() { [ "$(grep -c 'running' "$tmp/screen")" -ge "$1" ]; }
	for signal in INT:130 TERM:143; do
		: >"$tmp/screen"
		on_terminal 24x80 "echo \$\$ >watcher; exec env --default-signal=INT $DQN watch live -n 0.1" &
		script_pid=$!
		t "SIG${signal%:*}, once it is drawn twice" 0 wait_for drawn 3
		kill "-${signal%:*}" "$(cat watcher)"
		wait $script_pid
		is 'exit status' $? "${signal#*:}"
		is 'screen and cursor' "$(grep -o "$(printf '\033\\[?[0-9]*[hl]')" "$tmp/screen" | tr -d '\033' | tr '\n' ' ')" \
			'[?1049h [?25l [?25h [?1049l '
	done
	mkfifo keys && exec 9<>keys
	: >"$tmp/screen"
	on_terminal 24x80 "$DQN watch live -n 1000; echo \$? >status; stty -a >modes" <keys &
	script_pid=$!
	t 'q, once it is drawn' 0 wait_for drawn 1
	printf q >&9
	wait $script_pid
	is 'exit status' "$(cat status)" 0
	yes_if grep -q ' icanon .* echo ' modes
	exec 9>&-
	: >"$tmp/screen"
	on_terminal 24x80 "echo \$\$ >watcher; tty >terminal; exec $DQN watch live -n 1000" &
	script_pid=$!
	t 'a window that changes' 0 wait_for drawn 1
	stty -F "$(cat terminal)" cols 20
	kill -WINCH "$(cat watcher)"
	narrow() { grep -q "^run  progress$(printf '\033\[K')" "$tmp/screen"; }
	yes_if wait_for narrow
	kill -9 $pid # the run
	wait $pid 2>"$tmp/null"
	kill -WINCH "$(cat watcher)"
	stty -F "$(cat terminal)" cols 80
	kill -WINCH "$(cat watcher)"
	yes_if wait_for grep -q 'stopped' "$tmp/screen"
	kill -TERM "$(cat watcher)"
	wait $script_pid
	is 'exit status' $? 143
fi

# --- mistakes ---

for s in 0 -1 1e6 x; do
	t "--interval $s" 2 "$DQN" watch all --interval=$s
	err_has "^dqn: --interval '$s' is not "
done
t 'no such directory' 1 "$DQN" watch nowhere
err_has "^dqn: open 'nowhere': No such file or directory$"
mkdir empty
t 'no run' 1 "$DQN" watch empty
err_has "^dqn: no run in 'empty' or below$"
t 'a full disk' 1 sh -c 'exec "$DQN" watch all >/dev/full'
err_has 'write standard output'
end
