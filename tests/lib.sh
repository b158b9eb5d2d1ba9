# shellcheck shell=sh
# What the shell tests share. A script sources it, runs tests, and ends:
#
#     . "$(dirname "$0")/lib.sh"
#     t 'prints its version' 0 "$DQN" --version     # a test: what, exit status, command
#     out_is "dqn $version"                         # checks on what it printed
#     end
#
# A test has failed if its exit status is not exactly the one it names (so a crash
# is never the failure that was expected), if one of its checks fails, if standard
# error is not empty and no check looks at it, or if the program's messages lack
# their "dqn: ". The program under test is never in a pipe: its output is in $out
# and $err.
#
# $root is the repository, $tmp a scratch directory that is removed at the end, and
# the script starts in $tmp/work. Standard input is empty unless redirected.
set -u
LC_ALL=C
export LC_ALL
unset DQN_ISA NO_COLOR COLUMNS CDPATH
# A sanitizer's report has an exit status that no test asks for.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}exitcode=99
UBSAN_OPTIONS=${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}exitcode=99
export ASAN_OPTIONS UBSAN_OPTIONS

absolute() { case $1 in /*) echo "$1" ;; *) echo "$PWD/${1#./}" ;; esac; }

root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
DQN=$(absolute "${DQN:-./dqn}")
BUILD=$(absolute "${BUILD:-build}")
export DQN BUILD root
tmp=$(mktemp -d) || exit 1
out=$tmp/out err=$tmp/err
export tmp out err
t_pids=''
cleanup()
{
	for pid in $t_pids; do
		kill -9 "$pid" 2>/dev/null
	done
	cd / && chmod -R u+rwx "$tmp" && rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
mkdir "$tmp/work" && cd "$tmp/work" || exit 1
exec </dev/null

t_name='' t_passed=0 t_failed=0

bad()
{
	[ "$t_ok" = 1 ] && echo "FAIL $t_name"
	t_ok=0
	printf '%s\n' "  $*" | head -c 2000
}

show() { # what a file holds, its first lines, nothing that a terminal would obey
	[ -s "$2" ] && head -n 12 "$2" | cut -c 1-300 | tr -c '[:print:]\n' '?' | sed "s/^/    $1: /"
}

close_test()
{
	[ -n "$t_name" ] || return 0
	[ "$t_err_seen" = 1 ] || [ ! -s "$err" ] || bad 'standard error is not empty'
	if [ "$t_ok" = 1 ]; then
		t_passed=$((t_passed + 1))
	else
		t_failed=$((t_failed + 1))
		show stdout "$out"
		show stderr "$err"
	fi
	t_name=''
}

t()
{
	close_test
	t_name=$1 t_want=$2 t_ok=1 t_err_seen=0
	shift 2
	"$@" >"$out" 2>"$err"
	t_status=$?
	[ "$t_status" -eq "$t_want" ] || bad "exit status $t_status, not $t_want: $*"
	if [ "$1" = "$DQN" ] && grep -qv '^dqn: ' "$err"; then
		bad 'a line on standard error without "dqn: "'
	fi
}

skip() # 'NAME: why', of what is left out; the runner repeats it at its end
{
	close_test
	echo "skip $*"
}

has_terminal() # WHAT: script(1) can play a terminal; or WHAT is left out
{
	script -qec true /dev/null >/dev/null 2>&1 && return
	skip "$1: no script(1), or no pseudo-terminals"
	return 1
}

end()
{
	close_test
	echo "$t_passed passed, $t_failed failed"
	[ "$t_failed" -eq 0 ] && [ "$t_passed" -gt 0 ]
	exit
}

# --- checks; patterns are extended regular expressions ---

out_is() { printf '%s\n' "$1" | cmp -s - "$out" || bad "standard output is not '$1'"; }
out_has() { grep -Eq -e "$1" "$out" || bad "standard output lacks '$1'"; }
out_lacks() { ! grep -Eq -e "$1" "$out" || bad "standard output has '$1'"; }
out_empty() { [ ! -s "$out" ] || bad 'standard output is not empty'; }
out_lines() { is 'lines of standard output' "$(wc -l <"$out")" "$1"; }
err_has() { t_err_seen=1; grep -Eq -e "$1" "$err" || bad "standard error lacks '$1'"; }
err_lacks() { t_err_seen=1; ! grep -Eq -e "$1" "$err" || bad "standard error has '$1'"; }
err_lines() { t_err_seen=1; is 'lines of standard error' "$(wc -l <"$err")" "$1"; }
err_any() { t_err_seen=1; }
is() { [ "$2" = "$3" ] || bad "$1: '$2', not '$3'"; }
yes_if() { "$@" || bad "not true: $*"; }
no_if() { ! "$@" || bad "true: $*"; }

same_file() { cmp "$1" "$2" >"$tmp/cmp" 2>&1 || bad "$(cat "$tmp/cmp")"; }

# Two run directories are equal, timing.csv apart.
same_tree() { diff -r -x timing.csv "$1" "$2" >"$tmp/diff" 2>&1 || bad "$(head -n 5 "$tmp/diff")"; }

# Every name, size, time, inode and byte below a directory, to see that it was left alone.
snapshot()
{
	(cd -- "$1" && find . -exec stat -c '%n %F %s %y %i' {} + && find . -type f \
		-exec sha256sum {} +) | sort
}

# Standard output is JSON.
if command -v python3 >/dev/null; then
	out_json() { python3 -m json.tool <"$out" >/dev/null 2>"$tmp/json" || bad "JSON: $(cat "$tmp/json")"; }
else
	out_json()
	{
		out_has '^\{.*\}$'
		[ -n "${t_no_json-}" ] || echo 'skip whether JSON is valid: no python3'
		t_no_json=1
	}
fi

# Waits up to a minute for a command to succeed; the test fails if it never does.
wait_for()
{
	t_tries=0
	until "$@" 2>/dev/null; do
		t_tries=$((t_tries + 1))
		[ $t_tries -lt 1200 ] || return 1
		sleep 0.05
	done
}

# Starts a command in the background; $pid is its process, not a shell's.
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

has_rows() { [ "$(wc -l <"$1/progress.csv")" -gt "$2" ]; } # DIR N: the log has more than N rows

version=$(sed -n 's/^.define DQN_VERSION "\(.*\)"/\1/p' "$root/include/cli/version.h")
export version

# The configurations, and one of them as a run that is over at once: short.ini. What
# tests rely on is written out, so that a better cartpole.ini changes no test.
copy_configs()
{
	cp -r "$root/configs" . && "$DQN" config configs/cartpole.ini total_timesteps=2000 \
		buffer_size=2000 learning_starts=100 train_freq=1 gradient_steps=1 net_arch=16 \
		gamma=0.99 learning_rate=2e-3 learning_rate_schedule=linear eval_freq=500 \
		eval_episodes=3 final_eval_episodes=5 stop_return=none log_interval=1000 >short.ini || exit 1
}

# --- processes that a test has started, a number a line in the file pids; a group has its leader's ---

is_gone() { ! kill -0 "$1" && ! kill -0 "-$1"; }
all_gone()
{
	while read -r process; do
		is_gone "$process" || return
	done <pids
}
none_left() # a process may still be a zombie for a moment
{
	yes_if [ -s pids ]
	if ! wait_for all_gone; then
		bad_ones=$(while read -r process; do is_gone "$process" || ps -o pid=,stat=,args= -p "$process"; done <pids)
		bad "processes are left: $bad_ones"
		while read -r process; do kill -KILL "$process"; done <pids
	fi
	: >pids
}
