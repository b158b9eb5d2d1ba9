#!/bin/sh
# The source keeps to its rules: who includes whom, who prints, what the arithmetic may
# use. What the pages say is held by cli_pages.sh.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1

# --- the source, without comments, strings and character constants, in $tmp/code ---

strip_file() # FILE: the same lines, with only what the compiler sees of names
{
	awk '
	{
		line = ""
		n = length($0)
		include = /^[ \t]*#[ \t]*include/
		for (i = 1; i <= n; i++) {
			c = substr($0, i, 1)
			two = substr($0, i, 2)
			if (comment) {
				if (two == "*/") { comment = 0; i++ }
			} else if (quote) {
				if (c == "\\") i++
				else if (c == quote) { quote = ""; line = line c }
			} else if (two == "/*") { comment = 1; i++; line = line " " }
			else if (two == "//") break
			else if (!include && (c == "\"" || c == "\047")) { quote = c; line = line c }
			else line = line c
		}
		print line
	}' "$1"
}
find src include -name '*.[ch]' | sort >"$tmp/files"
while read -r file; do
	mkdir -p "$tmp/code/$(dirname "$file")"
	strip_file "$file" >"$tmp/code/$file"
done <"$tmp/files"

cat >"$tmp/sample.c" <<'END'
int a; /* printf( */ int b; // exit(
const char *s = "abort(\"getenv("; char q = '"'; int c;
/* two
   lines puts( */ int d;
#include "nn/net.h"
END
t 'what is stripped of a source file' 0 strip_file "$tmp/sample.c"
out_lacks 'printf|exit|abort|getenv|puts|lines'
out_has '^int a;   int b; $'
out_has "^const char \*s = \"\"; char q = ''; int c;$"
out_has '^ *int d;$'
out_has '^#include "nn/net.h"$'
t 'there is source' 0 [ "$(wc -l <"$tmp/files")" -gt 40 ]
is 'a copy of each file' "$(cd "$tmp/code" && find . -type f | wc -l)" "$(wc -l <"$tmp/files")"

# shellcheck disable=SC2086 # a list of folders
uses() # WHERE PATTERN: file:line of every use in the stripped source
{
	(cd "$tmp/code" && find $1 -name '*.[ch]' -exec grep -nE -e "$2" {} +)
}
none() # WHAT WHERE PATTERN
{
	t "$1" 1 sh -c '[ -n "$1" ] && printf "%s\n" "$1"' sh "$(uses "$2" "$3")"
	out_empty
}
word='(^|[^A-Za-z0-9_.])' # a name of the C library begins here
core='src/base src/nn src/env src/rl src/run src/study include/base include/nn include/env include/rl include/run include/study'

# --- who includes whom ---

t 'the folders' 0 ls src include
is folders "$(sort -u "$out" | grep -v ':$' | tr '\n' ' ')" ' README.md base cli env nn rl run study '
while read -r file; do
	folder=${file#*/} folder=${folder%%/*}
	case $folder in
	base) may='base' ;;
	nn) may='base nn' ;;
	env) may='base env' ;;
	rl) may='base nn env rl' ;;
	run) may='base nn env rl run' ;;
	study) may='base nn env rl run study' ;;
	cli) may='base nn env rl run study cli' ;;
	esac
	t "$file includes only itself and what is left of it" 0 sed -n 's/^[ \t]*#[ \t]*include[ \t]*"\([^"]*\)".*/\1/p' "$tmp/code/$file"
	while read -r header; do
		case $header in
		*/*) yes_if [ -f "include/$header" ] ;;
		*) yes_if [ -f "src/$folder/$header" ] ;;
		esac
		case $header in */*) of=${header%%/*} ;; *) of=$folder ;; esac
		case " $may " in *" $of "*) ;; *) bad "includes '$header'" ;; esac
	done <"$out"
	own=${file#src/} own=${own%.c}.h
	[ "$own" = "$folder/kernels.h" ] || [ ! -f "include/$own" ] || [ "${file%.c}" = "$file" ] ||
		is 'first include' "$(head -n 1 "$out")" "$own"
	case $file in
	*.h)
		name=$(basename "$file" .h)
		guard=$(echo "DQN_${folder}_${name}_H" | tr '[:lower:]' '[:upper:]')
		is 'guard' "$(grep -m 1 '^#' "$tmp/code/$file")" "#ifndef $guard"
		is 'its definition' "$(grep '^#' "$tmp/code/$file" | sed -n 2p)" "#define $guard"
		;;
	esac
done <"$tmp/files"
t 'what looks at runs from outside never sees the training loop' 1 sh -c 'for file in src/study/*.c; do
	${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -Iinclude -MM "$file"; done | grep run/train.h'

# How many lines a folder may have. A feature that needs more raises its number, and says
# why in the same commit.
while read -r folder most; do
	[ "$folder" != env ] || most=$((most + 100 * $(find src/env -name '*.c' | # each environment
		grep -cvE '/(env|table|declare|process|reply)\.c$')))
	t "$folder has at most $most lines" 0 sh -c 'cat "$@" | wc -l' sh src/"$folder"/*.[ch] include/"$folder"/*.h
	yes_if [ "$(cat "$out")" -le "$most" ]
done <<'END'
base 3710
nn 2568
env 1567
rl 1429
run 6922
study 2927
cli 12245
END
t 'every header compiles on its own' 0 sh -c 'for header in include/*/*.h; do
	echo "#include \"${header#include/}\"" | ${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -Iinclude \
		-fsyntax-only -Wall -Wextra -x c - || exit 1; done'

# --- what only cli does, and what nobody does ---

none 'below cli nothing prints' "$core" "$word(v?f?printf|f?puts|f?putc|putchar|fwrite|perror|psignal|v?dprintf) *\(|$word(stdout|stderr|stdin)([^A-Za-z0-9_]|$)"
none 'or starts or ends a program, but for process.c' "$core ! -path src/env/process.c" "$word(system|popen|fork|exit|_exit|_Exit|quick_exit|abort|atexit|raise|kill|longjmp) *\("
none 'or asks the environment' "$core" "$word(getenv|secure_getenv|setenv|putenv|environ|setlocale|time|localtime|gethostname|getpid|rand|srand|random) *\("
none 'nothing depends on the locale' 'src include' "$word(setlocale|newlocale|uselocale) *\("
none 'nothing is copied without bounds' 'src include' "$word(gets|strcat|sprintf|vsprintf|strtok|scanf|alloca|tmpnam|mktemp) *\("
none 'no transcendental of libm' 'src include' "$word(a?(sin|cos|tan)h?|atan2|exp|exp2|expm1|exp10|log|log2|log10|log1p|pow|cbrt|hypot|erfc?|[tl]gamma|sincos|jn?|yn?)[fl]? *\("
none 'no typedef but the vector of simd.h' 'src include' '(^|[^A-Za-z0-9_])typedef +(struct|union|enum|[^;]*[({])|(^|[^A-Za-z0-9_])typedef *$'
none 'no goto but to out, fail or undo' 'src include' '(^|[^A-Za-z0-9_])goto +[^ofu]'
none 'no bare done' include '(bool|int) done;'
none 'no arithmetic that the compiler may reorder' 'src include' '__attribute__.*optimize|#pragma.*(STDC|fast|omp)'
vla()
{
	for file in src/*/*.c; do
		${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -Iinclude -fsyntax-only -Wvla -Werror "$file" || return 1
	done
}
t 'no array of variable length' 0 vla
t 'no line is longer than 120 columns or ends in blanks' 1 grep -nE '^.{121}|[ 	]$' -r src include Makefile
t 'no file is without its newline' 0 true
for file in src/* src/*/* include/*/* tests/*.* configs/* configs/env/* Makefile README.md LICENSE; do
	[ ! -f "$file" ] || [ -z "$(tail -c 1 "$file")" ] || bad "$file"
done

# --- the repository ---

t 'the top level' 0 ls
while read -r name; do
	case $name in
	Makefile | README.md | LICENSE | src | include | tests | configs) ;; # fixed
	dqn | build | runs) yes_if grep -qx "/$name/\{0,1\}" .gitignore ;;    # made
	*) bad "'$name' does not belong here" ;;
	esac
done <"$out"
for name in Makefile README.md LICENSE src include tests configs .ci/run .gitignore .clang-format; do
	yes_if [ -e $name ]
done
yes_if [ -x .ci/run ]
end
