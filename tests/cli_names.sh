#!/bin/sh
# Names hold anything: escapes for a terminal, characters that turn or hide text, bytes
# that are not UTF-8. No command shows them raw; data has them escaped, sweep's lines have
# them exactly.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs
"$DQN" train short.ini total_timesteps=600 --out base -q >"$tmp/log" || exit 1

raw() { grep -qFf bad "$@"; } # FILE...: has what must not be shown
shown() # the name is there, and nothing of it raw
{
	t_err_seen=1
	no_if raw "$out" "$err"
	yes_if grep -q 'x?.*o?' "$out" "$err"
}
same_string() # JSON key: its value is the name $want
{
	command -v python3 >/dev/null || return 0
	WANT=$2 python3 -c 'if True:
		import json, os, sys
		got, want = json.load(open(sys.argv[1]))[sys.argv[2]], os.environb[b"WANT"]
		sys.exit(got != want.decode(errors="replace"))' "$out" "$1"
}
config_names() # prints a configuration that has the name in a section, a key and a value
{
	printf '[%s]\n%s = 1\n[agent]\ngamma = %s\nloss = %s\n' "$name" "$name" "$name" "$name"
}

# What must not be shown, as printf has it: the name has all of it, a letter between.
odd='\033[2J            an escape
\177               delete
\302\233           CSI as UTF-8
\233               CSI as a byte
\302\205           next line
\342\200\256       right-to-left override
\342\200\216       left-to-right mark
\330\234           Arabic letter mark
\342\201\246       left-to-right isolate
\342\200\213       zero width space
\302\255           soft hyphen
\357\273\277       byte order mark
\342\200\250       line separator
\342\200\251       paragraph separator
\343\205\244       Hangul filler
\357\270\217       variation selector
\363\240\201\201   tag
\357\277\276       noncharacter
\377               no UTF-8
\303               a character cut short
\340\200\200       an overlong one
\355\240\200       a surrogate'
odd=$(echo "$odd" | sed 's/ .*//')
# shellcheck disable=SC2059 # it is a format
printf "$odd\n" >bad
# shellcheck disable=SC2059
name=x$(printf "$(echo "$odd" | tr '\n' o)")y

t 'the name has all of them' 0 sh -c 'printf %s "$1" | grep -oFf bad | sort -u | wc -l' sh "$name"
out_is "$(grep -c . bad)"
cp -r base "$name" || exit 1
t "train's summary" 0 "$DQN" train short.ini total_timesteps=600 --out "$name"
shown
t "train's JSON" 0 "$DQN" train short.ini total_timesteps=600 --out "$name" --json -q
out_json
t "train with another configuration" 6 "$DQN" train short.ini --out "$name"
shown
t "eval" 0 "$DQN" eval "$name" -n 1
shown
t "eval --json" 0 "$DQN" eval "$name" -n 1 --json
no_if raw "$out"
out_json
yes_if same_string weights "$name/final.safetensors"
t "inspect" 0 "$DQN" inspect "$name"
shown
t "watch" 0 "$DQN" watch "$name" --once
shown
mkdir "some$name" && cp -r base "some$name/a" && cp -r base "some$name/b$name" || exit 1
t "watch of several" 0 "$DQN" watch "some$name" --once
shown
t "report" 0 "$DQN" report "some$name"
err_any
no_if raw "$out" "$err"
echo '{' >"some$name/a/config.ini"
t "report of what it cannot read" 0 "$DQN" report "some$name"
shown
t "plot of what it cannot read" 0 "$DQN" plot "some$name" -o "$name.svg"
shown
no_if raw "$name.svg"
for command in 'train' 'eval' 'config' 'sweep' 'report' 'plot' 'watch --once' 'inspect' \
	'bench -n 1' 'completions' 'help'; do
	# shellcheck disable=SC2086 # a command and its flag
	"$DQN" $command "./no$name" >"$tmp/said" 2>&1
	status=$?
	t "$command of what is not there" 0 cat "$tmp/said"
	yes_if test $status -eq 1 -o $status -eq 2
	shown
done
for flag in "--by=$name" "--metric=$name" "--threshold=$name" "--$name" "-$name"; do
	t "a flag" 2 "$DQN" report base "$flag"
	shown
done
for flag in "--x=$name" "--y=$name" "--size=$name" "--out=$name/no/p.svg" "--out=$name.png"; do
	"$DQN" plot base "$flag" >"$tmp/plot" 2>&1
	t "a flag of plot, $flag" 0 cat "$tmp/plot"
	shown
done
t "a command" 2 "$DQN" "$name"
shown
t "a key" 2 "$DQN" train short.ini "$name=1"
shown
t "a value" 2 "$DQN" sweep short.ini "gamma=$name"
shown
t "--explain" 2 "$DQN" config --explain "$name"
shown
config_names >"$name.ini"
for command in train config sweep bench; do
	t "$command with a hostile file" 2 "$DQN" $command "$name.ini"
	shown
done
cp short.ini "$name.ini"
t "sweep" 0 "$DQN" sweep "$name.ini" total_timesteps=600
no_if raw "$out"
out_lines 1
cp "$out" line
t "the shell gets the name as it is" 0 sh -c "$(cat line)"
err_any
yes_if test -f "runs/$name/total_timesteps=600/seed-1/result.json"

header='{"__metadata__":{"k\u009b":"a\u202eb\nc\u0007"},"t\u2028":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
{
	# shellcheck disable=SC2059 # it is a format
	printf "$(printf '\\%03o\\0\\0\\0\\0\\0\\0\\0' ${#header})"
	printf '%s' "$header"
	printf '\0\0\0\0'
} >foreign
t 'metadata and names in a file' 0 "$DQN" inspect foreign
out_has '^  t\?  \(1\)'
out_has '^  k\? =$'
out_has '^    a\?b$'
out_has '^    c\?$'
t 'a name that ends in a line break' 2 "$DQN" sweep "a
"
err_has '^dqn: .* ends in a line break'
end
