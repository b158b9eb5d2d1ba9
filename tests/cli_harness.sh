#!/bin/sh
# The harness tests itself: a wrong status, a crash, a failed check, unexpected
# messages are failures, and the runner counts what it should. Nothing of lib.sh
# judges here.
# shellcheck disable=SC2016 # the scripts in quotes expand their variables themselves
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/tests" "$tmp/build" "$tmp/build/tests" "$tmp/include" "$tmp/include/cli"
cp "$here/lib.sh" "$here/run" "$tmp/tests/"
cp "$here/../include/cli/version.h" "$tmp/include/cli/"
cd "$tmp" || exit 1
printf '%s\n' '#!/bin/sh' 'echo "$1"; [ -z "${2-}" ] || echo "$2" >&2; exit "${3-0}"' >fake
chmod +x fake
passed=0 failed=0

verdict() # WHAT GOT WANT
{
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf 'FAIL %s: "%s", not "%s"\n' "$1" "$2" "$3"
		cat "$tmp/log"
	fi
}

script() # WHAT 'STATUS CLOSING LINE' BODY: a script with that body ends so
{
	printf '. "$(dirname "$0")/lib.sh"\n%s\n' "$3" >tests/s.sh
	DQN=./fake sh tests/s.sh >log 2>&1
	verdict "$1" "$? $(tail -n 1 log)" "$2"
	verdict "$1: scratch directory" "$(sed -n 's/^scratch //p' log | xargs -r ls -d 2>/dev/null)" ''
}

script 'a test that passes' '0 1 passed, 0 failed' 'echo "scratch $tmp"
	t yes 0 "$DQN" hello; out_is hello; end'
script 'many tests' '0 3 passed, 0 failed' '
	t a 0 "$DQN" x; t b 3 "$DQN" x "" 3; t c 2 "$DQN" x "dqn: no" 2; err_has "^dqn: no$"; end'
script 'no test at all' '1 0 passed, 0 failed' end
script 'wrong status' '1 0 passed, 1 failed' 't x 0 "$DQN" a "" 3; end'
script 'wrong status, the other way' '1 0 passed, 1 failed' 't x 3 "$DQN" a; end'
script 'a crash is not status 1' '1 0 passed, 1 failed' 't x 1 sh -c "kill -SEGV \$\$"; err_any; end'
script 'nor is a missing program' '1 0 passed, 1 failed' 't x 1 ./nothing; err_any; end'
script 'a sanitizer report is not status 1' '0 1 passed, 0 failed' '
	t x 0 sh -c "case \$ASAN_OPTIONS in *exitcode=99) ;; *) exit 1 ;; esac"; end'
script 'unexpected stderr' '1 0 passed, 1 failed' 't x 0 "$DQN" a "dqn: oops"; end'
script 'unexpected stderr before another test' '1 1 passed, 1 failed' '
	t x 0 "$DQN" a "dqn: oops"; t y 0 "$DQN" a; end'
script 'message without the prefix' '1 0 passed, 1 failed' '
	t x 2 "$DQN" a "oops" 2; err_has oops; end'
script 'failed check' '1 1 passed, 1 failed' 't x 0 "$DQN" a; out_is b; t y 0 "$DQN" a; end'
script 'two failed checks, one test' '1 0 passed, 1 failed' '
	t x 0 "$DQN" a; out_is b; out_has c; end'
for check in 'out_is A' 'out_has ^A' 'out_lacks ^a$' out_empty 'out_lines 2' 'err_has A' \
	'err_lacks ^dqn: b$' 'err_lines 2' 'is x y z' 'yes_if false' 'no_if true' out_json \
	'same_file tree/1 tree/2' 'same_file tree/1 tree/3' 'same_tree a b' 'yes_if wait_none'; do
	script "check that fails: $check" '1 0 passed, 1 failed' '
		wait_none() { sleep() { :; }; wait_for false; }
		mkdir tree a b; echo 1 >tree/1; echo 2 >tree/2; echo 1 >a/x
		t x 0 "$DQN" a "dqn: b"; err_any; '"$check; end"
done
for check in 'out_is a' 'out_has ^a$' 'out_lacks ^b$' 'out_lines 1' 'err_has ^dqn:.b$' \
	'err_lacks ^b' 'err_lines 1' 'is x y y' 'yes_if true' 'no_if false' \
	'same_file tree/1 tree/2' 'same_tree a b' 'yes_if wait_for true'; do
	script "check that holds: $check" '0 1 passed, 0 failed' '
		mkdir tree a b; echo 1 >tree/1; echo 1 >tree/2; echo 1 >a/timing.csv
		t x 0 "$DQN" a "dqn: b"; err_any; '"$check; end"
done
script 'out_json that holds' '0 1 passed, 0 failed' 't x 0 "$DQN" "{\"a\":[1,null]}"; out_json; end'
script 'out_empty that holds' '0 1 passed, 0 failed' 't x 0 true; out_empty; end'
script 'a snapshot sees a byte, a time, a file' '0 3 passed, 0 failed' '
	mkdir d; echo 1 >d/x; touch -d 2020-01-01 d/x; snapshot d >1
	t same 0 snapshot d; same_file "$out" 1
	touch d/x; t time 0 snapshot d; no_if cmp -s "$out" 1
	touch -d 2020-01-01 d/x; touch d/.y; t file 0 snapshot d; no_if cmp -s "$out" 1; end'
script 'a broken script has no closing line' '1 stopped' '
	t a 0 "$DQN" x; (echo "$unset") 2>/dev/null || echo stopped; exit 1'
verdict 'input is empty' "$(echo x | (printf '. tests/lib.sh; cat' >tests/s.sh; DQN=./fake sh tests/s.sh))" ''
rm tests/s.sh

runner() # WHAT 'STATUS CLOSING LINE' BODY: the runner with one test of that body ends so
{
	printf '%s\n' "$3" >tests/cli_fake.sh
	DQN=./fake BUILD=build sh tests/run >log 2>&1
	verdict "runner: $1" "$? $(tail -n 1 log)" "$2"
}

runner 'a good test' '0 3 passed, 0 failed' 'echo 3 passed, 0 failed'
runner 'a bad one' '1 2 passed, 1 failed' 'echo 2 passed, 1 failed; exit 1'
runner 'a bad one that says 0' '1 2 passed, 1 failed' 'echo 2 passed, 1 failed'
runner 'a good one that says 1' '1 2 passed, 1 failed' 'echo 2 passed, 0 failed; exit 1'
runner 'no closing line' '1 0 passed, 1 failed' 'echo hello'
runner 'text after the closing line' '1 0 passed, 1 failed' 'echo 3 passed, 0 failed; echo x'
runner 'a crash' '1 0 passed, 1 failed' 'kill -SEGV $$'
runner 'a crash after the closing line' '1 3 passed, 1 failed' 'echo 3 passed, 0 failed; exit 139'
runner 'what is skipped' '0 1 passed, 0 failed' 'echo skip this: why; echo 1 passed, 0 failed'
verdict 'runner: is said again at the end' "$(tail -n 2 log | head -n 1)" 'skip cli_fake.sh: this: why'
runner 'what failed may have skipped, too' '1 1 passed, 1 failed' 'echo skip a: b; echo 1 passed, 1 failed; exit 1'
verdict 'runner: and says it' "$(tail -n 2 log | head -n 1)" 'skip cli_fake.sh: a: b'
runner 'zero tests' '1 0 passed, 1 failed' 'echo 0 passed, 0 failed'
rm tests/cli_fake.sh
DQN=./fake BUILD=build sh tests/run >log 2>&1
verdict 'runner: nothing to run' "$? $(tail -n 1 log)" '1 0 passed, 0 failed'

echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
