#!/bin/sh
# What the program is built with against mistakes nobody knows of, as the binary shows it.
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
