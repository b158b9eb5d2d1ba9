#!/bin/sh
# dqn act: the policy as a filter, and weights that other programs wrote.
# shellcheck disable=SC2016,SC2059,SC2317 # commands in quotes expand their variables; lines are formats; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs
"$DQN" train short.ini obs_scale=bounds --out run -q >/dev/null || exit 1
act() { "$DQN" act "$@"; }
lines() { printf "$1" >lines && shift && act run "$@" <lines; }

# --- what a line may be ---

t 'one observation' 0 lines '0.1 -0.2 0.3 -0.4\n'
out_has '^[01]$'
out_lines 1
one=$(cat "$out")
for line in '0.1 -0.2 0.3 -0.4' '0.1 -0.2 0.3 -0.4\r\n' '0.1,-0.2,0.3,-0.4\n' '0.1\t-0.2\t0.3\t-0.4\n' \
	'  .1 ,\t-2e-1 , +0.3   -4E-1  \n' '0.1 -0.2 0.3 -0.4 mask 11\n' '0.1,-0.2,0.3,-0.4,mask,11\r\n' \
	'a b c d\n0.1 -0.2 0.3 -0.4\n' '# x, y 2, z, w, mask\n0.1 -0.2 0.3 -0.4\n' \
	'"cart position","its velocity","angle","its velocity"\r\n0.1 -0.2 0.3 -0.4\n'; do
	t "the same as '$line'" 0 lines "$line"
	out_is "$one"
done
for mask in 01 10; do
	t "a mask, $mask" 0 lines "0.1 -0.2 0.3 -0.4 mask $mask\n"
	out_is "${mask#?}" # the action that is allowed: 01 allows the second
done
t 'no input' 0 act run
out_empty
t 'names alone' 0 lines 'a b c d\n'
out_empty

t '--q' 0 lines '0.1 -0.2 0.3 -0.4\n1 1 1 1\n' --q
out_lines 2
out_has "^$one -?[0-9.]+(e-[0-9]+)? -?[0-9.]+(e-[0-9]+)?$"
is 'the action is the larger' "$(awk '$1 != ($3 > $2)' "$out")" ''
is 'floats have at most 9 digits' "$(grep -cE '[0-9]{10}' "$out")" 0
q=$(sed -n 's/^. \([^ ]*\) \([^ ]*\)$/\1,\2/p;q' "$out")
t '--json' 0 lines '0.1 -0.2 0.3 -0.4\n' --json
out_json
out_is "{\"action\":$one}"
t '--json --q' 0 lines '0.1 -0.2 0.3 -0.4\n' --q --json
out_json
out_is "{\"action\":$one,\"q\":[$q]}"

t 'FLT_MAX as it is printed' 0 lines '3.4028235e+38 -3.4028235e+38 0 0\n'

# --- what it may not be ---

bad_line() # LINE MESSAGE: also after 20 good lines
{
	t "'$1'" 5 lines "$1\n1 1 1 1\n"
	out_empty
	err_has "^dqn: standard input, line 1: $2"
	err_lines 1
	seq 20 | sed 's/.*/1 1 1 1/' >lines
	printf "$1\n1 1 1 1\n" >>lines
	t "'$1' in line 21" 5 sh -c '"$DQN" act run <lines'
	out_lines 20
	err_has "^dqn: standard input, line 21: "
}
bad_line '' '0 numbers; an observation has 4$'
bad_line '   ' '0 numbers; an observation has 4$'
bad_line '1 2 3' '3 numbers; an observation has 4$'
bad_line '1 2 3 4 5' '5 numbers; an observation has 4$'
bad_line 'a b c' '3 names; an observation has 4$'
bad_line 'a,b,c,d,e' '5 names; an observation has 4$'
bad_line 'obs_1,obs_0,obs_2,obs_3' "'obs_1' is not in its place: numbers are taken in the order obs_0, obs_1, ...$"
bad_line '"obs_0" "obs_1" "obs_2" "obs_4"' "'.obs_4.' is not in its place: "
bad_line '1 2 3 x' "'x' is not a finite number$"
bad_line 'nan 2 3 4' "'nan' is not a finite number$"
bad_line 'inf 2 3 4' "'inf' is not a finite number$"
bad_line '1 2 3 -Infinity' "'-Infinity' is not a finite number$"
bad_line '1 2 3 1e39' "'1e39' is not a finite number$"
bad_line '1 2 3 -1e999' "'-1e999' is not a finite number$"
bad_line '1 2 3 0x10' "'0x10' is not a finite number$"
bad_line '1 2 3 1_0' "'1_0' is not a finite number$"
bad_line '1,2,3,,4' "'' is not a finite number$"
bad_line '1,2,3,4,' "'' is not a finite number$"
bad_line ',1,2,3,4' "'' is not a finite number$"
bad_line '1;2;3;4' "'1;2;3;4' is not a finite number$"
bad_line '1 2 3 4 mask' "'mask' is not followed by 2 digits 0 or 1$"
bad_line '1 2 3 4 mask 1' "'mask' is not followed by 2 digits 0 or 1$"
bad_line '1 2 3 4 mask 111' "'mask' is not followed by 2 digits 0 or 1$"
bad_line '1 2 3 4 mask 12' "'mask' is not followed by 2 digits 0 or 1$"
bad_line '1 2 3 4 mask 1 1' "'mask' is not followed by 2 digits 0 or 1$"
bad_line '1 2 3 4 mask 00' 'the mask allows no action$'
bad_line '[1,2,3,4]' "'\\[1' is not a finite number$"
bad_line '"1","2","3","4"' "'.1.' is not a finite number$"
bad_line '\357\273\2771,2,3,4' "'.+1' is not a finite number$"
bad_line '\357\273\2771 2 3 4' "'.+1' is not a finite number$"
bad_line 'o,2,3,4' "'o' is not a finite number$"
bad_line 'o 2 3 4' "'o' is not a finite number$"
bad_line '1 2 3 4\0' 'a NUL byte$'
bad_line '1 2 3 4\r\r' "'4.' is not a finite number$"
t 'names in the second line' 5 lines '1 1 1 1\na b c d\n'
err_has "^dqn: standard input, line 2: 'a' is not a finite number$"
t 'a line without end' 5 sh -c '"$DQN" act run </dev/zero'
err_has '^dqn: standard input, line 1: longer than [0-9]+ bytes$'
t 'no NULs in it' 5 sh -c 'yes "1 1 1" | tr -d "\n" | "$DQN" act run'
err_has '^dqn: standard input, line 1: longer than [0-9]+ bytes$'
t 'a Q value that is not finite' 4 lines '1 1 1 1\n1 3e38 3e38 3e38\n1 1 1 1\n'
out_lines 1
err_has '^dqn: standard input, line 2: a Q value is not finite$'
t 'it comes before a bad line' 4 lines '1 1 1 1\n1 3e38 3e38 3e38\n1 1 1\n'
err_has '^dqn: standard input, line 2: a Q value is not finite$'

t 'a directory as standard input' 1 sh -c '"$DQN" act run </'
err_has '^dqn: read standard input: '
t 'a full disk' 1 sh -c 'echo 1 1 1 1 | "$DQN" act run >/dev/full'
err_has '^dqn: write standard output: No space left on device$'
t 'nobody reads' 0 sh -c '{ yes 1 1 1 1 | "$DQN" act run; echo $? >&2; } 2>status | head -n 1; grep -qx "141" status'
t 'weights on standard input' 2 act -
err_has 'the observations come from standard input'
t 'no weights' 1 act nowhere
err_has "'nowhere'"
t '--seed alone' 2 act run --seed 3
err_has '^dqn: --seed is for the random actions of --epsilon$'
t '--epsilon 2' 2 act run --epsilon 2
err_has "^dqn: --epsilon '2' is not in \[0, 1\]$"

# --- blocks and single lines ---

awk 'BEGIN { srand(5); for (i = 0; i < 5000; i++) print 4 * rand() - 2, 4 * rand() - 2, rand() - .5, 4 * rand() - 2 }' >many
t 'many observations' 0 sh -c '"$DQN" act run --q <many'
out_lines 5000
cp "$out" many.q
t 'in other pieces' 0 sh -c 'dd if=many bs=37 2>/dev/null | "$DQN" act run --q'
same_file "$out" many.q
t 'one at a time' 0 sh -c 'head -n 50 many | while read -r line; do echo "$line" | "$DQN" act run --q || exit 1; done'
is 'the same' "$(cksum <"$out")" "$(head -n 50 many.q | cksum)"
for isa in scalar sse2 avx2 avx512 neon; do
	if DQN_ISA=$isa "$DQN" act run </dev/null 2>/dev/null; then
		t "the same with DQN_ISA=$isa" 0 env DQN_ISA=$isa sh -c '"$DQN" act run --q <many'
		same_file "$out" many.q
	fi
done
t 'random actions' 0 sh -c '"$DQN" act run --epsilon 0.3 --seed 5 <many'
paste -d ' ' "$out" many.q | awk '$1 != $2 { n++ } END { exit !(n > 500 && n < 1000) }' || bad 'about 0.15 differ'
cp "$out" random
t 'the same, in pieces' 0 sh -c 'dd if=many bs=37 2>/dev/null | "$DQN" act run --epsilon 0.3 --seed 5'
same_file "$out" random
t 'all random, with masks' 0 sh -c 'sed "s/$/ mask 01/" many | "$DQN" act run --epsilon 1'
is 'allowed' "$(sort -u "$out")" 1

# --- an environment and a policy, joined by a shell ---

mkfifo obs actions requests replies
cat >join.sh <<'END'
"$DQN" act "$@" <obs >actions &
"$DQN" env serve CartPole-v1 <requests >replies &
exec 3>obs 4<actions 5>requests 6<replies
for seed in 11 12 13 14; do
	echo "reset 0 $seed" >&5 && read -r _ _ obs <&6 && n=0 terminated=0
	while [ $terminated = 0 ] && [ $n -lt 500 ]; do
		echo "$obs" >&3 && read -r action <&4
		echo "step 0 $action" >&5 && read -r _ _ reward terminated _ obs <&6
		n=$((n + 1))
	done
	echo "$n"
done
END
t 'ten lines of shell' 0 sh -e join.sh run
cp "$out" joined
t 'the returns of eval' 0 "$DQN" eval run --seed 11 --episodes 4 --csv
is returns "$(sed 1d "$out" | cut -d, -f2)" "$(cat joined)"
t 'with random actions' 0 sh -e join.sh run --epsilon 0.2 --seed 11
cp "$out" joined
t 'the returns of eval --epsilon' 0 "$DQN" eval run --seed 11 --episodes 4 --epsilon 0.2 --csv
is returns "$(sed 1d "$out" | cut -d, -f2)" "$(cat joined)"
# --- weights that other programs wrote ---

golden=$root/tests/golden
numbers() # NAME: observations and Q values of a file of golden/foreign
{
	awk -v name="$1" '$1 == "file" { on = $2 == name; next } on' "$golden/foreign.txt"
}
near() # WANT: lines of numbers, within 1e-5 of the Q values in $out
{
	cut -d ' ' -f 2- "$out" | paste -d ' ' - "$1" | awk '{ for (i = 1; i <= NF / 2; i++) { d = $i - $(i + NF / 2)
		if (d > 1e-5 || d < -1e-5) exit 1 } } END { exit NR != 6 }'
}
sed -n 's/^file //p' "$golden/foreign.txt" >names
while read -r name activation; do
	numbers "$name" | cut -d ' ' -f 1-4 >seen
	numbers "$name" | cut -d ' ' -f 5- >want
	t "$name" 0 sh -c '"$DQN" act "$0" --env CartPole-v1 --activation "$1" --q <seen' \
		"$golden/foreign/$name.safetensors" "$activation"
	yes_if near want
done <names
sb3=$golden/foreign/sb3.safetensors
numbers sb3 | cut -d ' ' -f 1-4 >seen
t 'of a child process' 0 sh -c '"$DQN" act "$0" --command "\"\$DQN\" env serve CartPole-v1" --q <seen' "$sb3"
numbers sb3 | cut -d ' ' -f 5- >want
yes_if near want
t 'with obs_scale' 0 sh -c 'sed "s/[^ ]*/&e1/g" seen | "$DQN" act "$0" --env CartPole-v1 --obs-scale 0.1 --q' "$sb3"
yes_if near want
t 'with the bounds as obs_scale' 0 sh -c '"$DQN" act "$0" --env CartPole-v1 --obs-scale bounds --q <seen' "$sb3"
no_if near want
t 'eval' 0 "$DQN" eval "$sb3" --env CartPole-v1 --seed 11 --episodes 4 --csv
sed 1d "$out" | cut -d, -f2 >returns
t 'the returns of eval' 0 sh -e join.sh "$sb3" --env CartPole-v1
same_file "$out" returns
t 'eval in a child process' 0 "$DQN" eval "$sb3" --command '"$DQN" env serve CartPole-v1' --seed 11 --episodes 4 --csv
is returns "$(sed 1d "$out" | cut -d, -f2)" "$(cat returns)"
t 'eval, on standard input' 0 sh -c '"$DQN" eval - --env CartPole-v1 --episodes 2 <"$0"' "$sb3"
out_has '^CartPole-v1: return '

page=$root/configs/README.md
sed -n "s/^echo .* | .\/dqn act/cd \"\$root\" \&\& &/; s/\.\/dqn act/\"\$DQN\" act/p" "$page" | grep '^cd ' >page.sh
t "the page's command" 0 sh -e page.sh
out_is "$(sed -n '/^echo .* | .\/dqn act/,/^[0-9]/p' "$page" | tail -n 1)"

t 'no environment' 5 act "$sb3"
err_has "sb3.safetensors': no usable 'format_version' in the metadata; was it written by dqn\? If not, --env says what it is for$"
t 'an unknown one' 2 act "$sb3" --env CartPole-v9
err_has "^dqn: --env 'CartPole-v9' is not valid \(one of CartPole-v1, .*\); did you mean 'CartPole-v1'\?$"
t 'one that is a command' 2 act "$sb3" --env process
err_has "^dqn: --env 'process' needs --command instead$"
t 'another one' 5 act "$sb3" --env Acrobot-v1
err_has "lead in no order from 6 observations to 3 actions; it has q_net\.q_net\.0\.bias \(8\), q_net\.q_net\.0\.weight \(8,4\), "
t 'two environments' 2 act "$sb3" --env CartPole-v1 --command true
err_has '^dqn: --env and --command exclude each other$'
t 'a child that fails' 7 act "$sb3" --command 'exit 3'
err_any
t 'an unknown activation' 2 act "$sb3" --env CartPole-v1 --activation gelu
err_has "^dqn: --activation 'gelu' is not valid \(one of relu, tanh\); did you mean 'relu'\?$"
t 'a wrong obs_scale' 2 act "$sb3" --env CartPole-v1 --obs-scale 1,0
err_has "^dqn: --obs-scale '1,0' is not valid \(none, bounds, or "
t 'one as Python has it' 2 act "$sb3" --env CartPole-v1 --obs-scale '[1, 2, 3, 4]'
err_has "did you mean '1, 2, 3, 4'\?$"
t 'one for fewer observations' 2 act "$sb3" --env CartPole-v1 --obs-scale 1,2
err_has '^dqn: --obs-scale: obs_scale has 2 factors; CartPole-v1 has 4 observations$'
t 'our own weights, the right environment' 0 act run --env CartPole-v1
t 'another environment' 2 act run --env Acrobot-v1
err_has "^dqn: 'run/final.safetensors' is for CartPole-v1, not Acrobot-v1$"
t 'our own weights know their activation' 2 act run --activation relu
err_has "^dqn: 'run/final.safetensors' says all about itself: leave out --activation$"
t 'and their obs_scale' 2 "$DQN" eval run --env CartPole-v1 --obs-scale 1
err_has 'leave out --obs-scale$'
t 'and nothing is played' 2 act run --command true
err_has 'leave out --command$'
head -c 100 "$sb3" >cut.st
t 'a file cut off' 5 act cut.st --env CartPole-v1
err_has "^dqn: 'cut.st': cut off"
end
