#!/bin/sh
# The pages say what is so: README.md, and the README.md of configs/, tests/ and src/. What
# they show of a terminal is what a terminal shows. The kinds of blocks:
#
#     ```sh                      commands, which end with status 0; without a marker they
#                                are run here, and what they print is held against a
#                                ```text block that follows
#     ```text, first line '$ '   a command, of any status, and what it prints
#     ```text                    anything else
#
# '...' in a page stands for any lines, and figures of time and speed are not compared. A
# marker on the line before a block says who runs it instead:
#
#     <!-- tests/engines NAME -->    that recipe of 'make engines'
#     <!-- tests/interop -->         'make interop'
#     <!-- tests/cli_act.sh -->      that test
#     <!-- by make tutorial -->      'make tutorial' does the same
#     <!-- by hand -->               nobody: it takes hours, or a quiet machine
# shellcheck disable=SC2016,SC2086,SC2317 # commands in quotes expand their variables; lists of words; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1
pages='README.md configs/README.md tests/README.md src/README.md'
readmes="$pages tests/trials.md tests/golden/README.md"

# --- the commands of the pages ---

# The blocks of a page that are run here, in order: DIR/N.sh with the commands, DIR/N.want
# with what they print, if the page shows that; DIR/N.any if the status may be any.
cat >"$tmp/blocks.awk" <<'EOF'
function end_block() { if (n) close(file); file = "" }
/^```/ && inside { inside = 0; last = $0; end_block(); next }
/^```/ {
	inside = 1
	kind = substr($0, 4)
	base = ""
	marked = last ~ /^<!-- (tests\/|by )/
	shown = kind == "text" && follows
	if (kind == "sh") follows = !marked
	else follows = 0
	if (kind == "sh" && !marked) { base = sprintf("%s/%03d", dir, ++n); file = base ".sh" }
	if (shown) { base = sprintf("%s/%03d", dir, n); file = base ".want" }
	first = 1
	next
}
inside && first {
	first = 0
	if (kind == "text" && !shown && !marked && /^\$ /) {
		base = sprintf("%s/%03d", dir, ++n)
		print substr($0, 3) >(base ".sh")
		close(base ".sh")
		print "" >(base ".any")
		close(base ".any")
		file = base ".want"
		next
	}
}
inside { if (file != "") print >file; next }
!/^$/ { follows = 0 }
{ last = $0 }
EOF
blocks() # PAGE DIR
{
	mkdir "$2" && awk -v dir="$2" -f "$tmp/blocks.awk" "$1"
}
steady()
{
	sed -E 's/[0-9.]+ s( |$|,)/N s\1/g; s/[0-9]+ steps\/s/N steps\/s/g; s/[0-9.e+]+ us( |;)/N us\1/g
		s/so [0-9dhms]+ for the training and up to [0-9dhms]+ for/so N for the training and up to N for/
		/: evaluation of [0-9]+ episodes, [0-9]+ of them over/d' "$1" # on a slow machine
}
matches() # WANT GOT: line by line; '...' is any lines
{
	awk 'FNR == NR { want[++n] = $0; next }
		{ got[++m] = $0 }
		END {
			for (i = j = 1; i <= n; i++) {
				if (want[i] == "...") { any = 1; continue }
				while (any && j <= m && got[j] != want[i]) j++
				if (j > m || got[j] != want[i]) { print "lacks: " want[i]; print "has:   " got[j]; exit 1 }
				any = 0
				j++
			}
			if (!any && j <= m) { print "more: " got[j]; exit 1 }
		}' "$1" "$2"
}

cat >"$tmp/sample.md" <<'EOF'
```sh
printf '%s\n' one two three 'in 0.25 s, 17 steps/s'
```

```text
one
...
in 3 s, 4 steps/s
```
<!-- by hand -->
```sh
exit 1
```
<!-- by hand -->
```text
$ false
```
```text
$ sh -c 'echo no; exit 3'
no
```
EOF
t 'the blocks of a page' 0 blocks "$tmp/sample.md" "$tmp/sample"
is 'files' "$(cd "$tmp/sample" && echo *)" '001.sh 001.want 002.any 002.sh 002.want'
is 'commands' "$(cat "$tmp"/sample/*.sh)" "printf '%s\\n' one two three 'in 0.25 s, 17 steps/s'
sh -c 'echo no; exit 3'"
printf '%s\n' one ... last >"$tmp/want"
for got in 'one last' 'one two last' 'one two three last'; do
	printf '%s\n' $got >"$tmp/got"
	t "one ... last is $got" 0 matches "$tmp/want" "$tmp/got"
done
for got in one 'one two' 'two last' 'one last more'; do
	printf '%s\n' $got >"$tmp/got"
	t "one ... last is not $got" 1 matches "$tmp/want" "$tmp/got"
done

run_block() # FILE, in a directory like a checkout, on a terminal's locale
{
	(cd "$tmp/checkout" && LC_ALL=C.UTF-8 sh -eu "$1" >"$tmp/shown" 2>&1)
}
n_shown=0
for page in $pages; do
	dir=$tmp/blocks-$(echo "$page" | tr / -)
	blocks "$page" "$dir"
	rm -rf "$tmp/checkout" && mkdir "$tmp/checkout" && cp -R configs "$tmp/checkout" && cp "$DQN" "$tmp/checkout/dqn"
	# What the other pages' readers have: the run of the first example.
	[ "$page" = README.md ] || (cd "$tmp/checkout" && ./dqn train configs/cartpole.ini -q >/dev/null)
	for block in "$dir"/*.sh; do
		[ -e "$block" ] || continue
		case $(cat "$block") in
		'make '*) continue ;; # of a checkout; .ci/run does
		*python3*) command -v python3 >/dev/null || { skip "$page: a block with Python: no python3"; continue; } ;;
		esac
		t "$page: $(head -n 1 "$block")" 0 true
		run_block "$block"
		status=$?
		[ $status -eq 0 ] || [ -e "${block%.sh}.any" ] || bad "status $status: $(tail -n 5 "$tmp/shown")"
		[ -e "${block%.sh}.want" ] || continue
		n_shown=$((n_shown + 1))
		steady "${block%.sh}.want" >"$tmp/want"
		steady "$tmp/shown" >"$tmp/got"
		matches "$tmp/want" "$tmp/got" >"$tmp/difference" || bad "$(cat "$tmp/difference")"
	done
done
t 'the animation at the top of README.md is what its commands write' 0 true
rm -rf "$tmp/checkout" && mkdir "$tmp/checkout" && cp -R configs "$tmp/checkout" && cp "$DQN" "$tmp/checkout/dqn" && rm "$tmp/checkout/configs/play-cartpole.svg"
(cd "$tmp/checkout" && ./dqn train configs/cartpole.ini -q && sed -n '/total_timesteps=1 learning_starts=0/p; /dqn play .*--svg/p' "$root/README.md" | sh) >/dev/null 2>&1
same_file configs/play-cartpole.svg "$tmp/checkout/configs/play-cartpole.svg"
t 'that was something' 0 [ "$n_shown" -ge 5 ]

t 'recipes are run by tests/engines' 0 sed -n 's/^<!-- tests.engines \(.*\) -->$/\1/p' $pages
out_lines 6
while read -r name; do
	yes_if grep -q "^\(engine_$name\|${name}_begin\)()\|recipe $name >" tests/engines
done <"$out"
t 'and one by tests/interop' 0 grep -hA 2 '^<!-- tests/interop -->$' $pages
out_lines 3
out_has '^awk .*/monitor\.csv$'
t 'there are no other markers' 1 sh -c 'grep -hE "^<!-- (tests|by)" "$@" |
	grep -vE "^<!-- (tests/engines [a-z-]+|tests/interop|tests/cli_act\.sh|by make tutorial|by hand) -->$"' sh $pages
t 'what a newcomer types' 0 sed -n '/^<!-- by/,/^```$/d; /^```sh$/,/^```$/ { /^```/!p; }' README.md
for command in 'make -j' './dqn train configs/cartpole.ini' './dqn eval runs/cartpole/seed-1' 'make test'; do
	yes_if grep -qxF "$command" "$out"
done
sed -n '/^readme_blocks() {$/,/^}$/p' .ci/run >"$tmp/blocks.sh"
mkdir "$tmp/newcomer"
yes_if sh -c 'scratch=$1; . "$2"; readme_blocks' sh "$tmp/newcomer" "$tmp/blocks.sh"
is 'the blocks of .ci/run' "$(cat "$tmp"/newcomer/* | cksum)" "$(cksum <"$out")"
yes_if grep -qx 'readme_blocks' .ci/run
yes_if grep -q 'make test' .ci/run
is 'kinds of blocks' "$(sed -n 's/^```\(.\)/\1/p' $pages | sort -u | tr '\n' ' ')" 'c gnuplot python sh text '

# --- what the pages say of the program ---

t 'README.md is under 16 KB' 0 sh -c 'wc -c <README.md'
yes_if [ "$(cat "$out")" -lt 16384 ]
t 'the option reference is what dqn config --explain prints' 0 "$DQN" config --explain
sed -n '/^<!-- options -->$/,/^<!-- \/options -->$/p' configs/README.md | sed '1d; $d' >"$tmp/options"
is 'fences' "$(sed -n '1p; $p' "$tmp/options" | tr '\n' ' ')" '```text ``` '
sed '1d; $d' "$tmp/options" >"$tmp/reference"
same_file "$out" "$tmp/reference"
t 'the keys that matter have these defaults' 0 "$DQN" config /dev/null
sed -n '/^## Keys that matter$/,/^## /p' README.md | sed -n 's/^| `\([^|]*\)` | \([^|]*\) | .*/\1 | \2/p' | tr -d '`' |
	awk -F ' [|] ' '{ n = split($1, key, ", "); if (n == 1) print $1 " = " $2
		else { split($2, value, ", "); for (i = 1; i <= n; i++) print key[i] " = " value[i] } }' >"$tmp/keys"
yes_if [ "$(wc -l <"$tmp/keys")" -ge 12 ]
while read -r line; do
	yes_if grep -qxF "$line" "$out"
done <"$tmp/keys"
t 'and the exit statuses' 0 true
sed -n 's/^| \([0-9]*\) | \(.*\) |$/  \1  \2/p' README.md | tr -d '`' >"$tmp/readme"
for command in $("$DQN" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
	"$DQN" help "$command" | sed -n '/^Exit status:/,$p' | sed 1d
done | sort -n -u >"$tmp/usage"
same_file "$tmp/readme" "$tmp/usage"
t 'every configuration is in configs/README.md' 0 ls configs
while read -r name; do
	[ "$name" = README.md ] || yes_if grep -qF "\`$name\`" configs/README.md
done <"$out"

# --- files and links ---

t 'the map has every source file' 0 true
find src include -name '*.[ch]' | sort >"$tmp/files"
sed -n 's/^| `\([^`]*\)` | .*/\1/p' src/README.md >"$tmp/map"
in_map() # FILE: by its name or by a pattern
{
	while read -r row; do
		# shellcheck disable=SC2254 # a pattern
		case $1 in $row) return 0 ;; esac
	done <"$tmp/map"
	return 1
}
while read -r file; do
	source=src/${file#include/}
	in_map "$file" || in_map "${source%.h}.c" || bad "$file is missing"
done <"$tmp/files"
t 'and no other' 0 grep -ohE '`(src|include|tests|configs|\.ci)/[A-Za-z0-9_./*-]*`' $pages
tr -d '`' <"$out" | while read -r file; do
	ls -d $file >/dev/null 2>&1 || echo "$file" # a name or a pattern
done >"$tmp/gone"
is 'files that do not exist' "$(cat "$tmp/gone")" ''
t 'nor do the commands that are run by hand' 0 sh -c 'sed -n "/^<!-- by hand/,/^\`\`\`$/p" "$@" |
	grep -ohE "(tests|configs)/[a-z0-9-]+(\.ini)?( |$)"' sh $pages
sort -u "$out" | while read -r file; do
	[ -e "$file" ] || echo "$file"
done >"$tmp/gone"
is 'files that do not exist' "$(cat "$tmp/gone")" ''
t 'no link leads nowhere' 0 true
has_heading() # PAGE ANCHOR, as GitHub makes one of a heading
{
	sed -n 's/^##* //p' "$1" | tr '[:upper:] ' '[:lower:]-' | tr -d '?.,:`' | grep -qx -- "$2"
}
for page in $readmes; do
	folder=$(dirname "$page")
	grep -oE '\]\([^)]*\)' "$page" | tr -d '()]' >"$tmp/links"
	while read -r link; do
		case $link in
		http*) ;;
		'#'*) has_heading "$page" "${link#?}" || bad "$page: $link" ;;
		*'#'*) has_heading "$folder/${link%%#*}" "${link#*#}" || bad "$page: $link" ;;
		*) [ -e "$folder/$link" ] || bad "$page: $link" ;;
		esac
	done <"$tmp/links"
done
end
