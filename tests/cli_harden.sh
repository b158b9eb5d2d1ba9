#!/bin/sh
# What the program is built with against mistakes nobody knows of, as the binary shows it.
# shellcheck disable=SC2317 # t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
flags=$(cat "$BUILD/flags") # of the compiler and the linker, the user's last

has() { case " $flags " in *" $1 "*) true ;; *) false ;; esac; }

t 'the Makefile asks for it' 0 grep -E '^HARDEN' "$root/Makefile"
out_has 'fstack-protector-strong .*-fPIE.*fortify'
out_has 'relro.*now.*-pie'
if ! has -fstack-protector-strong; then
	skip 'what the binary has: it was built without'
	end
fi

# --- a small stack ---

if grep -q __asan_init "$DQN"; then
	skip 'a small stack: a sanitizer needs more'
else
	copy_configs
	small() { sh -c 'ulimit -s 64 && exec "$@"' sh "$DQN" "$@"; }
	t 'train with a stack of 64 KiB' 0 small train short.ini -q --out run
	t 'a run with every component' 0 small train short.ini prioritized=true dueling=true n_steps=3 \
		net_arch=64,64,64,64,64,64,64,64 batch_size=256 -q --out whole
	t 'one that is stopped' 124 timeout -s TERM 1 sh -c 'ulimit -s 64 && exec "$@"' sh "$DQN" \
		train short.ini total_timesteps=1e9 -q --out stopped
	err_any
	yes_if [ -f stopped/checkpoint.safetensors ]
	t 'and goes on' 124 timeout -s TERM 1 sh -c 'ulimit -s 64 && exec "$@"' sh "$DQN" \
		train short.ini total_timesteps=1e9 -q --out stopped
	err_any
	for seed in 2 3; do "$DQN" train short.ini seed=$seed -q --out run$seed >"$tmp/null" || exit 1; done
	for command in 'train short.ini -q --out run' 'eval run' 'config short.ini' 'config --explain' 'report .' \
		'report . --json' 'plot .' 'plot . -o x.svg' 'plot . --x seed' 'plot . --x seed -o x.svg' 'watch .' \
		'bench -n 1' 'inspect run' 'inspect stopped/checkpoint.safetensors' 'completions bash' help \
		'help --man' 'sweep configs/sweep-cartpole.ini'; do
		# shellcheck disable=SC2086 # words
		t "$command with a stack of 64 KiB" 0 small $command
		err_any
	done
	yes "sede = 1" | head -n 1000 >bad.ini
	down=down/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23/24/25/26/27/28/29/30
	mkdir -p $down && cp -r run $down/run
	t 'a run 31 directories down, with a stack of 64 KiB' 0 small report down
	out_lines 2
	t 'errors with a stack of 64 KiB' 2 small config bad.ini
	err_has 'unknown key'
fi

if ! command -v readelf >/dev/null || ! readelf -h "$DQN" >/dev/null 2>&1; then
	skip 'what the binary has: no readelf, or no ELF'
	end
fi

if has -static || has -no-pie || has -fno-pie; then
	skip 'its place in memory: the flags leave it out'
else
	t 'the program can lie anywhere in memory' 0 readelf -h "$DQN"
	out_has 'Type: *DYN'
fi
t 'its tables are read-only once it runs' 0 readelf -lW "$DQN"
out_has 'GNU_RELRO'
out_has 'GNU_STACK .* RW +0x'
t 'and filled before it does' 0 readelf -dW "$DQN"
has -static || out_has '\(FLAGS(_1)?\).*(BIND_NOW|NOW)'
t 'nothing is writable and executable' 0 readelf -lW "$DQN"
out_lacks 'LOAD .* RWE'
t 'a stack that was written over is noticed' 0 readelf -sW "$DQN"
out_has '__stack_chk_fail'
if has -D_FORTIFY_SOURCE=2; then
	t 'and so are copies beyond their buffer' 0 readelf -sW "$DQN"
	out_has '__[a-z]*printf_chk|__mem[a-z]*_chk'
else
	skip 'copies beyond their buffer: the flags leave it out'
fi
end
