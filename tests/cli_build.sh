#!/bin/sh
# The Makefile as people and packagers use it, in a copy whose path has a blank and quotes.
# shellcheck disable=SC2016 # commands in quotes expand their variables themselves
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES CPPFLAGS CFLAGS LDFLAGS LDLIBS
unset PREFIX DESTDIR bindir datadir mandir V
cc=${CC:-cc}
export CC="$cc"

mkdir copy && (cd "$root" && cp -R .ci .clang-format .clang-tidy .gitignore LICENSE Makefile README.md \
	configs include src tests "$tmp/work/copy") || exit 1
t 'make dist without git' 0 make -C copy dist
if command -v git >/dev/null && [ -e "$root/.git" ] && (cd "$root" && git rev-parse HEAD) >/dev/null 2>&1; then
	# shellcheck disable=SC2016
	t 'has what git has' 0 sh -c 'cd "$root" && git ls-files | sort'
	(cd copy && tar -tzf "build/dqn-$version.tar.gz") | sed -n "s,^dqn-$version/\(.*[^/]\)$,\1,p" | sort >made
	yes_if [ "$(comm -23 "$out" made | while read -r f; do [ ! -e "$root/$f" ] || echo "$f"; done | wc -l)" -eq 0 ]
else
	skip 'what make dist packs: no git, or no checkout of it'
fi
dir="it's a \"dir\""
mkdir "$dir" && tar -xzf "copy/build/dqn-$version.tar.gz" -C "$dir" && mv "$dir/dqn-$version"/* "$dir" &&
	cd "$dir" || exit 1

t 'make prints a line per file' 0 make -j2 CFLAGS=-O0
out_has '^CC src/run/run.c$'
out_has '^CC src/nn/kernels.c \(scalar\)$'
out_has '^LD dqn$'
out_lacks ' -o '
is 'the lines that are not one' "$(grep -cvE '^(CC src/[a-z_/0-9]+\.c( \([a-z0-9]+\))?|LD dqn)$' "$out")" 0
t 'and builds nothing twice' 0 make CFLAGS=-O0
out_empty
touch src/base/err.c
t 'V=1 prints the commands' 0 make V=1 CFLAGS=-O0
out_has "^$cc .* -c -o build/base/err.o src/base/err.c$"
out_lacks '^CC'
touch src/base/err.c
t '-s prints nothing' 0 make -s CFLAGS=-O0
out_empty
t 'a header is a prerequisite' 0 sh -c 'touch include/base/err.h; make CFLAGS=-O0 build/base/err.o'
out_is 'CC src/base/err.c'

flags="CC=./mycc CPPFLAGS=-DA1 CFLAGS=-DA2 LDFLAGS=-LA3 LDLIBS=-lA4"
printf '#!/bin/sh\nexec %s "$@"\n' "$cc" >mycc && chmod +x mycc
for how in "env $flags make -nB V=1" "make -nB V=1 $flags"; do
	# shellcheck disable=SC2086 # a list of words
	t "flags: $how" 0 $how
	out_has '^./mycc .* -DA1 -DA2 .* -c -o build/base/err.o '
	out_has '^./mycc .*-DA2 -LA3 -o .*dqn .* -lA4 -lm$'
	out_has '^./mycc .*-std=c11 '
done
quoted="-O0 -DX='\"a b\"'"
t 'flags with quotes' 0 make BUILD=q CFLAGS="$quoted" q/base/err.o
out_is 'CC src/base/err.c'
t 'the same ones build nothing again' 0 make BUILD=q CFLAGS="$quoted" q/base/err.o
out_empty
t 'others do' 0 make BUILD=q CFLAGS=-O0 q/base/err.o
out_is 'CC src/base/err.c'
t 'a fortified compiler is left as it is' 0 make -nB V=1 CPPFLAGS=-D_FORTIFY_SOURCE=3 CFLAGS=-O2
out_lacks '_FORTIFY_SOURCE=2'

t 'make test' 0 make CFLAGS=-O0 test tests=test_text fuzzers= TESTS='test_text.c cli_help.sh'
is 'its last line' "$(tail -n 1 "$out" | sed 's/^[1-9][0-9]*/N/')" 'N passed, 0 failed'
out_has '^ok   tests/cli_help.sh '
# shellcheck disable=SC2016
t 'make -C, from elsewhere' 0 sh -c 'cd / && make -s -C "$1" CFLAGS=-O0' sh "$PWD"
out_empty

installed() { (cd "$1" && find . -type f | sort); }
prefix="/opt/it's mine"
t 'make install' 0 make CFLAGS=-O0 install DESTDIR="$PWD/a root" PREFIX="$prefix"
t 'what it installs' 0 installed "a root$prefix"
out_has '^./bin/dqn$'
out_has '^./share/man/man1/dqn.1$'
out_has '^./share/zsh/site-functions/_dqn$'
is 'configurations' "$(grep -c '^./share/dqn/configs/.*\.ini$' "$out")" "$(find configs -name '*.ini' | wc -l)"
is 'environments' "$(grep -c '^./share/dqn/configs/env/' "$out")" "$(find configs/env -type f | wc -l)"
t 'the installed program' 0 "a root$prefix/bin/dqn" --version
out_is "dqn $version"
t 'finds the configurations beside it' 0 sh -c 'cd / && exec "$1" config cartpole' sh "$PWD/a root$prefix/bin/dqn"
err_has "a root$prefix/share/dqn/configs/cartpole.ini'$"
mv "a root" "moved root"
t 'wherever it is moved to' 0 sh -c 'cd / && exec "$1" config --list' sh "$PWD/moved root$prefix/bin/dqn"
out_has '^cartpole$'
mv "moved root" "a root"
t 'make uninstall leaves no file' 0 make uninstall DESTDIR="$PWD/a root" PREFIX="$prefix"
is 'files left' "$(installed 'a root')" ''
t 'bindir, datadir, mandir' 0 make CFLAGS=-O0 install DESTDIR="$PWD/b" bindir=/B/in datadir=/D mandir=/M
yes_if [ -x b/B/in/dqn ]
yes_if [ -f b/M/man1/dqn.1 ]
yes_if [ -f b/D/dqn/configs/cartpole.ini ]
yes_if [ -f b/D/zsh/site-functions/_dqn ]
t 'datadir elsewhere, named by XDG_DATA_DIRS' 0 env XDG_DATA_DIRS="$PWD/b/D" b/B/in/dqn config --list
out_has '^cartpole$'
t 'and back' 0 make uninstall DESTDIR="$PWD/b" bindir=/B/in datadir=/D mandir=/M
is 'files left' "$(installed b)" ''
t 'make clean' 0 make clean
no_if [ -e build ]
no_if [ -e dqn ]
end
