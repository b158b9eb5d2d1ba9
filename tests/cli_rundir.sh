#!/bin/sh
# The directory of a run: where it is, and what becomes of it while the run works.
# shellcheck disable=SC2086,SC2317 # $run is a list of words; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs

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
yes_if grep -q "^dqn: saved; the same command with --out and the directory's new name resumes from there$" "$tmp/launched.err"
launch env --default-signal=TERM $endless --out b
yes_if wait_for grep -q 'resuming from step' "$tmp/launched.err"
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

# --- where it is ---

# train names a run NAME,key=value,... and sweep a directory NAME/key=value,... of runs; all
# else must be the same.
of_train() # OVERRIDES...
{
	"$DQN" train short.ini "$@" -q >"$out" 2>"$err" && sed -n 's/^weights: \(.*\)\/final.safetensors$/\1/p' "$out"
}
of_sweep() { "$DQN" sweep short.ini "$@" | sed 's/.* --out //; s/^.runs\(.*\).$/runs\1/'; }
long="adam_beta1=0.91234567 adam_beta2=0.99912345 adam_eps=1.2345678e-8 exploration_final_eps=0.0512345 \
exploration_fraction=0.21234567 exploration_initial_eps=0.91234567 initial_q=0.12345678 gamma=0.98765432 \
learning_rate=0.0012345678 max_grad_norm=9.87654321 obs_scale=0.12345,0.23456,0.34567,0.45678 tau=0.987654"
rm -rf runs
n=0
while read -r overrides; do
	n=$((n + 1))
	t "train and sweep agree on: $(printf %.60s "$overrides")" 0 true
	trained=$(of_train total_timesteps=200 $overrides)
	swept=$(of_sweep total_timesteps=200 $overrides)
	yes_if [ -f "$trained/result.json" ]
	is names "$(printf %s "${trained#runs/short}" | tr / ,)" "$(printf %s "${swept#runs/short}" | tr / ,)"
	is 'a name too long' "$(printf %s "$trained" | tr / '\n' | awk 'length > 255')" ''
	t 'and sweep --missing knows the run' 0 "$DQN" train short.ini total_timesteps=200 $overrides -q --out "$swept"
	t 'and leaves it out' 0 "$DQN" sweep short.ini total_timesteps=200 $overrides --missing --count
	out_is 0
done <<END

seed=7
seed=7 gamma=0.9
gamma=.90 seed=07
gamma=9e-1
checkpoint_interval=3
checkpoint_interval=3 gamma=0.9
tau=0.5 seed=3 checkpoint_interval=0 net_arch=8,8 batch_size=1_6
net_arch=8,8 batch_size=16 tau=5e-1 seed=3
double_q=true activation=tanh
$long
$long batch_size=16 buffer_size=1234 log_interval=321 n_steps=3 eval_freq=111 eval_episodes=2 seed=11
END
yes_if [ $n -eq 12 ]
t 'equal overrides are the same run' 0 find runs -path 'runs/short,*' -name result.json
out_lines 8
t 'a long name is parted' 0 find runs -path 'runs/short,*/*=*/seed-11'
out_lines 1
name=$(printf '%0200d' 0)
mv short.ini "$name.ini"
t 'nor is it an error to have a long name' 0 "$DQN" train "$name.ini" total_timesteps=200 $long -q
yes_if [ -d "runs/$name"* ]
mv "$name.ini" short.ini
t 'what changes no result does not vary' 2 "$DQN" sweep short.ini 'checkpoint_interval=1|2'
err_has "^dqn: 'checkpoint_interval=1\|2': checkpoint_interval changes no result: all its values would be one run in one directory$"

# --- what the system does, by libraries that are loaded before ---

compile() { # LIBRARY SOURCE
	"${CC:-cc}" -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -fPIC -shared -o "$1" "$2" -ldl -lm 2>/dev/null &&
		env LD_PRELOAD="$PWD/$1" "$DQN" --version >/dev/null 2>&1
}
with_fault() { # FAULT COMMAND...
	fault=$1
	shift
	timeout 60 env LD_PRELOAD="$PWD/faults.so" FAULT="$fault" "$@" # into it alone
}
rm -rf a plain
t 'a run without faults' 0 "$DQN" train short.ini --out plain -q
if compile faults.so "$root/tests/faults.c"; then
	for error in ENOSYS ENOLCK EOPNOTSUPP EINVAL; do
		rm -rf a
		t "a file system without locks: $error" 0 with_fault lock:1+:$error "$DQN" train short.ini --out a
		is 'lines about it' "$(grep -c "^dqn: warning: the file system of 'a' has no locks: make sure that no other process works there$" "$err")" 1
		err_any
		same_tree plain a
		t 'the done run is recognised without a warning' 0 with_fault lock:1+:$error "$DQN" train short.ini --out a
		err_has 'is already done'
		err_lacks warning
	done
	rm -rf a
	t 'another error of the lock still is one' 1 with_fault lock:1:EIO "$DQN" train short.ini --out a
	err_has "^dqn: lock 'a/.lock': Input/output error$"
	for at in 1 5 12; do
		rm -rf a
		t "a write that takes nothing ends the run: number $at" 1 with_fault write:$at+:zero "$DQN" train short.ini --out a -q
		err_has "^dqn: write '[a-z./]*': no byte is taken$"
		err_lines 1
		t 'and the next run comes to the same bytes' 0 "$DQN" train short.ini --out a -q
		same_tree plain a
	done
	t 'so does that of a figure' 1 with_fault write:1:zero "$DQN" plot plain -o a.svg
	err_has "^dqn: write 'a.svg.tmp': no byte is taken$"
	no_if [ -e a.svg ]
	for at in 3 5; do
		t "a file of ours that ends early: $at" 1 with_fault read:$at+:zero "$DQN" train short.ini --out plain
		err_has "^dqn: 'plain/(config.ini|result.json)' ends too early$"
		err_lines 1
	done
else
	skip 'faults: no library can be loaded before the program'
fi
cat >mode.c <<'END'
#include <fenv.h>
#include <stdlib.h>
static void __attribute__((constructor)) set(void)
{
	static const int modes[] = { FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO };
	const int mode = atoi(getenv("MODE"));
	if (mode < 3)
		fesetround(modes[mode]);
#if defined(__x86_64__)
	unsigned csr = __builtin_ia32_stmxcsr();
	if (mode == 3)
		__builtin_ia32_ldmxcsr(csr | 0x8040); /* flush to zero, denormals are zero */
#endif
}
END
if MODE=0 compile mode.so mode.c; then
	# Inputs and rewards so small that most Q values are denormal floats.
	denormal='learning_rate=1.2e-38 net_arch=none weight_init=glorot_uniform obs_scale=1.2e-38,1.2e-38,1.2e-38,1.2e-38
		reward_scale=1.2e-38 initial_q=0 clip_targets=false'
	t 'tiny numbers' 0 "$DQN" train short.ini $denormal --out tiny -q
	for mode in 0 1 2 3; do
		rm -rf a
		t "rounding and denormals are the program's own: $mode" 0 env MODE=$mode LD_PRELOAD="$PWD/mode.so" "$DQN" train short.ini --out a -q
		same_tree plain a
		rm -rf a
		t 'with tiny numbers, too' 0 env MODE=$mode LD_PRELOAD="$PWD/mode.so" "$DQN" train short.ini $denormal --out a -q
		same_tree tiny a
	done
else
	skip 'rounding modes: no library can be loaded before the program'
fi

# --- files of five gigabytes, which take no room ---

limit='ulimit -v 2000000' # more than that is what a sanitizer reserves
(eval "$limit" && "$DQN" --version) >/dev/null 2>&1 || limit=:
for file in config.ini result.json final.safetensors checkpoint.safetensors eval.csv; do
	rm -rf a
	cp -r plain a
	[ $file != checkpoint.safetensors ] || rm a/result.json
	if ! truncate -s 5G a/$file 2>/dev/null; then
		skip 'large files: there are none here'
		break
	fi
	for command in "train short.ini --out a" "report a" "plot a" "eval a" "inspect a/$file" "config a/$file" "watch a --once"; do
		# shellcheck disable=SC2016,SC2086 # sh -c expands; a command of words
		t "$command with $file of 5 GB" 0 sh -c "$limit"'; timeout 20 "$@" >log 2>&1; s=$?; cat log
			[ $s -ne 124 ] && [ $s -lt 128 ]' sh "$DQN" $command
		err_any
	done
done
truncate -s 5G a/final.safetensors
for command in eval inspect; do
	t "$command: too large" 0 sh -c '"$@" 2>&1; [ $? -ne 0 ]' sh "$DQN" "$command" a/final.safetensors
	out_has "^dqn: 'a/final.safetensors'( is larger than the [0-9]+ bytes allowed|: the data has gaps)$"
	# shellcheck disable=SC2016
	t "$command: standard input is too large before all of it is read" 0 sh -c \
		'{ "$@"; cat /proc/self/fdinfo/0; } <a/final.safetensors 2>&1' sh "$DQN" "$command" -
	out_has "^dqn: 'standard input'( is larger than the [0-9]+ bytes allowed|: the data has gaps)$"
	[ ! -e /proc/self/fdinfo/0 ] || yes_if [ "$(sed -n 's/^pos:[^0-9]*//p' "$out")" -lt 2000000000 ]
done
# shellcheck disable=SC2016
t 'standard input without end stops at the limit' 2 sh -c 'timeout 60 "$DQN" train - </dev/zero'
err_has "^dqn: 'standard input' is larger than the 1048576 bytes allowed$"
end
