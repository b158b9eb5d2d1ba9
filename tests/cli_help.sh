#!/bin/sh
# Usage, help, the version, the manual page, and what make install installs.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
commands=$("$DQN" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')

t 'nothing' 2 sh -c 'exec "$DQN"'
err_has '^Examples:$'
out_empty
cp "$err" usage
page() # what every help is: examples first, at most 80 columns, no blanks at line ends
{
	is 'first line' "$(head -n 1 "$out")" Examples:
	yes_if awk 'length($0) > 80 { exit 1 }' "$out"
	no_if grep -qE ' +$' "$out"
	no_if grep -q '[^[:print:]]' "$out"
}
for how in --help -h help; do
	t "$how" 0 "$DQN" $how
	page
	same_file "$out" usage
done
for command in $commands; do
	out_has "^  $command +[a-z]"
done
for command in $commands; do
	t "help $command" 0 "$DQN" help "$command"
	page
	out_has "^  dqn $command( |$)"
	out_has '^Usage:$'
	out_has '^  2  usage or configuration$'
	case $command in eval) out_has '^  3  ' ;; *) out_lacks '^  3  ' ;; esac
	case $command in train) out_has '^  6  .*' && out_has '^  143  ' ;; config) out_lacks '^  [3-9]  ' ;; bench) out_has '^  4  ' ;; esac
	cp "$out" page
	t "$command --help" 0 "$DQN" "$command" --help
	same_file "$out" page
	t "$command -h among other things" 0 "$DQN" "$command" x -h --nothing
	same_file "$out" page
done
t 'behind -- it is a name' 2 "$DQN" config -- --help x
err_has "^dqn: open '--help'"
t 'help of help' 0 "$DQN" help --help
page
for command in train eval sweep report plot; do
	t "help $command has a line for every flag of its usage" 0 "$DQN" help $command
	sed -n '/^Usage:/,/^What/p' "$out" | grep -o -e '--[a-z-]*' | sort -u >flags
	yes_if [ "$(wc -l <flags)" -ge 3 ]
	while read -r flag; do
		out_has "^  (-[a-z],|   ) $flag( [A-Zx]+)? +[a-z]"
	done <flags
done
topics=$("$DQN" help | sed -n 's/^Topics: //p')
is topics "$topics" 'dqn keys environments transitions run-directory sweeps faults'
for topic in $topics; do
	t "help $topic" 0 "$DQN" help "$topic"
	yes_if [ "$(wc -l <"$out")" -ge 20 ]
	yes_if awk 'length($0) > 80 { exit 1 }' "$out"
	no_if grep -qE ' +$' "$out"
	no_if grep -q '[^[:print:]]' "$out"
	t "help $topic that cannot be written" 1 sh -c "exec \"\$DQN\" help $topic >/dev/full"
	err_has 'No space left'
done
t 'the algorithm has every key of how it learns, with its default' 0 "$DQN" help dqn
tr ' ' '\n' <"$out" >words
"$DQN" config /dev/null | sed -n '/^\[network\]/,/^\[eval\]/s/ = /=/p' >pairs
yes_if [ "$(wc -l <pairs)" -ge 30 ]
while read -r pair; do
	yes_if grep -qxF "$pair" words
done <pairs
t 'every key is in keys' 0 "$DQN" help keys
"$DQN" config /dev/null | sed -n 's/ = .*//p' >keys
while read -r key; do
	out_has "^  $key = "
done <keys
t 'every environment in environments' 0 "$DQN" help environments
"$DQN" env list | sed -n 's/^\([A-Za-z]*-v[0-9]\) .*/\1/p' >environments
yes_if [ "$(wc -l <environments)" -ge 4 ]
while read -r id; do
	out_has "^  $id$"
done <environments
t 'a topic that is nearly one' 2 "$DQN" help environment
err_has "^dqn: unknown topic 'environment'; did you mean 'environments'\?$"
t 'a word near a topic and nearer to a command' 2 "$DQN" help swep
err_has "^dqn: unknown command 'swep'; did you mean 'sweep'\?$"
for how in --version -V; do
	t "$how" 0 "$DQN" $how
	out_is "dqn $version"
done
is 'the version' "$version" 0.1.0

# --- mistakes ---

t 'an unknown command' 2 "$DQN" trian
err_has "^dqn: unknown command 'trian'; did you mean 'train'\?$"
out_empty
t 'nothing like it' 2 "$DQN" xyzzy
err_has "^dqn: unknown command 'xyzzy'; 'dqn help' lists them$"
t 'an empty command' 2 "$DQN" ''
err_has "^dqn: unknown command ''"
t 'a flag for a command' 2 "$DQN" --vresion
err_has "^dqn: unknown flag '--vresion'; did you mean '--version'\?$"
t 'the version as a command' 2 "$DQN" version
err_has "did you mean '--version'\?$"
t 'a flag before its command' 2 "$DQN" --explain lr
err_has "^dqn: flags follow the command: 'dqn config --explain'$"
t 'a command as a flag' 2 "$DQN" --train
err_has "did you mean 'dqn train'\?$"
t 'a flag of none' 2 "$DQN" --xyzzy
err_has "^dqn: unknown flag '--xyzzy'; 'dqn help' lists the commands$"
t 'help of an unknown command' 2 "$DQN" help trian
err_has "'trian'; did you mean 'train'\?$"
t 'help of two commands' 2 "$DQN" help train eval
err_has "'eval' is one argument too many"
t 'help with an unknown flag' 2 "$DQN" help --men
err_has "unknown flag '--men'; did you mean '--man'"
t 'an escape sequence' 2 "$DQN" "$(printf '\033[31mx')"
err_has 'unknown command'
no_if grep -q "$(printf '\033')" "$err"
for what in --help --version 'help train' 'help --man'; do
	t "$what that cannot be written" 1 sh -c "exec \"\$DQN\" $what >/dev/full"
	err_has '^dqn: write standard output: No space left on device$'
	t "$what to a closed standard output" 1 sh -c "exec \"\$DQN\" $what >&-"
	err_has '^dqn: write standard output: Bad file descriptor$'
done
t 'usage that cannot be written' 2 sh -c 'exec "$DQN" 2>/dev/full'
t 'all closed' 2 sh -c 'exec "$DQN" <&- >&- 2>&-'

# --- the manual page ---

t 'help --man' 0 "$DQN" help --man
cp "$out" dqn.1
out_has '^\.TH DQN 1 '
for section in NAME SYNOPSIS DESCRIPTION COMMANDS ALGORITHM CONFIGURATION ENVIRONMENTS FILES SWEEPS FAULTS ENVIRONMENT 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
	out_has "^\.SH $section$"
done
no_if grep -q '[^[:print:]]' "$out"
if command -v mandoc >/dev/null; then
	t 'mandoc has no warning' 0 mandoc -T lint -W warning dqn.1
	out_empty
else
	skip 'the manual page in mandoc: not installed'
fi
if command -v groff >/dev/null; then
	t 'groff has no warning' 0 groff -man -Tascii -ww -z dqn.1
else
	skip 'the manual page in groff: not installed'
fi
render() { mandoc -T ascii dqn.1 2>/dev/null || groff -man -Tascii -rHY=0 dqn.1; }
if command -v mandoc >/dev/null || command -v groff >/dev/null; then
	render | sed "s/.$(printf '\b')//g; s/$(printf '\033')\\[[0-9;]*m//g" >man.txt
	tr -s ' \n' '  ' <man.txt >man.words
	t 'every command, flag and key is in it' 0 true
	for command in $commands; do
		yes_if grep -q "dqn $command" man.txt
		"$DQN" help "$command" | sed -n '/^Flags:/,/^$/s/.*\(--[a-z]*\).*/\1/p' >flags
		while read -r flag; do
			yes_if grep -qe "$flag" man.txt
		done <flags
	done
	"$DQN" config /dev/null | sed -n 's/ = .*//p' >keys
	while read -r key; do
		yes_if grep -q "^ *$key = " man.txt
	done <keys
	yes_if grep -q 'DQN_ISA' man.txt
	t 'a run, for its files' 0 "$DQN" train "$root/configs/cartpole.ini" total_timesteps=200 learning_starts=100 --out run -q
	sed -n '/^FILES$/,/^ENVIRONMENT$/p' man.txt >man.files
	for file in run/*; do
		yes_if grep -q "^ *${file#run/}\( \|$\)" man.files
	done
	t 'every file and column is in FILES' 0 sh -c 'head -qn 1 run/*.csv | tr , "\n"'
	while read -r column; do
		yes_if grep -q "^  *$column\( \|$\)" man.files
	done <"$out"
	for command in $commands; do
		"$DQN" help "$command" | sed -n '/^Exit status/,$s/^  [0-9]  //p'
	done | sort -u >statuses
	is 'statuses explained' "$(wc -l <statuses)" 8
	while read -r status; do
		yes_if grep -qF "$status" man.words
	done <statuses
fi

# --- make install ---

# A build of its own; the flags that an outer make was given do not reach it.
build()
{
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make --no-print-directory -s -C "$root" CFLAGS=-O0 \
		BUILD="$tmp/build" DESTDIR="$tmp/dest" PREFIX=/usr "$@"
}
mkdir "$tmp/dest"
t 'make install, with an absolute BUILD' 0 build install
is 'what is installed' "$(cd "$tmp/dest" && find . -type f | sort | tr '\n' ' ')" \
	"./usr/bin/dqn ./usr/share/bash-completion/completions/dqn ./usr/share/dqn/configs/$(cd "$root/configs" && printf '%s\n' *.ini env/* | sort |
		tr '\n' ' ' | sed 's, \(.\), ./usr/share/dqn/configs/\1,g')./usr/share/fish/vendor_completions.d/dqn.fish ./usr/share/man/man1/dqn.1 ./usr/share/zsh/site-functions/_dqn "
t 'the installed program' 0 "$tmp/dest/usr/bin/dqn" --version
out_is "dqn $version"
t 'and its configuration' 0 "$tmp/dest/usr/bin/dqn" config "$tmp/dest/usr/share/dqn/configs/cartpole.ini"
t 'the installed manual page' 0 cat "$tmp/dest/usr/share/man/man1/dqn.1"
same_file "$out" dqn.1
t 'modes' 0 find "$tmp/dest" -type f -printf '%m %f\n'
out_lacks '^(666|777|755 .*\.(1|ini))'
out_has '^755 dqn$'
t 'again, over it' 0 build install
t 'make uninstall' 0 build uninstall
is 'what is left' "$(find "$tmp/dest" -type f)$(find "$tmp/dest" -path '*dqn*')" ''
t 'a build that is done is not done again' 0 touch now
yes_if build
is 'newer objects' "$(find "$tmp/build" -newer now ! -type d)" ''
t 'another flag builds all of it anew' 0 build CFLAGS='-O0 -g0'
is 'objects' "$(find "$tmp/build" -name '*.o' -newer now | wc -l)" "$(find "$tmp/build" -name '*.o' | wc -l)"
end
