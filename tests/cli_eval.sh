#!/bin/sh
# dqn eval and dqn inspect: good weights, bad weights, no weights.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs
"$DQN" train short.ini --out run -q >/dev/null || exit 1
"$DQN" train short.ini seed=2 gradient_steps=0 net_arch=none --out linear -q >/dev/null || exit 1
weights=run/final.safetensors
size=$(wc -c <$weights)

# --- what is printed ---

t 'a run directory' 0 "$DQN" eval run
out_has '^CartPole-v1: return [0-9.]+ \+- [0-9.]+ over 100 episodes \(min [0-9]+, max [0-9]+\), length [0-9.]+$'
out_has '^weights: run/final.safetensors; seed default, epsilon 0$'
out_lines 2
cp "$out" text
t 'again' 0 "$DQN" eval run
same_file "$out" text
t 'its weights file' 0 "$DQN" eval $weights
same_file "$out" text
t 'on standard input' 0 "$DQN" eval - <$weights
is 'first line' "$(head -n 1 "$out")" "$(head -n 1 text)"
out_has '^weights: standard input;'
t 'a directory with a slash' 0 "$DQN" eval run/
is 'first line' "$(head -n 1 "$out")" "$(head -n 1 text)"
for isa in scalar sse2 avx2 avx512 neon; do
	if DQN_ISA=$isa "$DQN" eval run --episodes 1 >/dev/null 2>&1; then
		t "the same with DQN_ISA=$isa" 0 env DQN_ISA=$isa "$DQN" eval run
		same_file "$out" text
	fi
done
t 'an unknown DQN_ISA' 2 env DQN_ISA=x "$DQN" eval run
err_has "^dqn: DQN_ISA = 'x'"
t 'a network without hidden layers' 0 "$DQN" eval linear --episodes 3
out_has 'over 3 episodes'

t '--json' 0 "$DQN" eval run --json --episodes 7
out_json
out_lines 1
out_has '^\{"weights":"run/final.safetensors","env_id":"CartPole-v1","seed":null,"episodes":7,"epsilon":0,"return_mean":[0-9.e+]+,.*,"q_start":[-0-9.e+]+,"discounted_return":[0-9.]+,"returns":\[([0-9]+,){6}[0-9]+\],"max_episode_steps":500\}$'
t '--csv' 0 "$DQN" eval run --csv --episodes 7
out_lines 8
is header "$(head -n 1 "$out")" episode,return,length
is 'the episodes' "$(sed 1d "$out" | cut -d, -f1 | tr '\n' ' ')" '1 2 3 4 5 6 7 '
is 'CartPole pays 1 per step' "$(sed 1d "$out" | awk -F, '$2 != $3 || NF != 3')" ''
cp "$out" seven.csv
t 'the JSON has the same returns' 0 "$DQN" eval run --json --episodes 7
is returns "$(sed 's/.*\[\(.*\)\].*/\1/' "$out")" "$(sed 1d seven.csv | cut -d, -f2 | paste -sd,)"
is mean "$(sed 's/.*"return_mean":\([^,]*\),.*/\1/' "$out" | xargs printf '%.6g')" \
	"$(sed 1d seven.csv | awk -F, '{ s += $2 } END { printf "%.6g", s / NR }')"
t 'more episodes begin with the same ones' 0 "$DQN" eval run --csv --episodes 9
is episodes "$(head -n 8 "$out" | cksum)" "$(cksum <seven.csv)"
t 'no number is missing' 1 grep -iE 'nan|inf|null' text seven.csv

# --- seeds and randomness ---

seven() { "$DQN" eval run --csv --episodes 7 "$@"; }
t 'a seed' 0 seven --seed 10000
no_if cmp -s "$out" seven.csv
cp "$out" 10000.csv
t 'another one' 0 seven --seed 10001 --epsilon 1
no_if cmp -s "$out" seven.csv
cp "$out" random.csv
t 'random actions are reproducible' 0 seven --seed=10001 --epsilon=1
same_file "$out" random.csv
t 'and differ between seeds' 0 seven --seed 10002 --epsilon 1
no_if cmp -s "$out" random.csv
t 'they are not good at it' 0 "$DQN" eval run --epsilon 1 --require 15
t 'not at all' 3 "$DQN" eval run --epsilon 1 --require 40
err_has '^dqn: mean return [0-9.]+ is below the required 40$'
out_has '^CartPole-v1: return'
t 'epsilon 0 is no epsilon' 0 seven --epsilon 0
same_file "$out" seven.csv
t 'the largest seed' 0 seven --seed 18446744073709551615
t 'short flags' 0 "$DQN" eval -n 7 -s 10000 --csv run
same_file "$out" 10000.csv
t 'flags behind --' 2 "$DQN" eval -- run --csv
err_has "'--csv' is one argument too many"
t 'reward_scale and stop_return change no return' 0 sh -c '"$DQN" train short.ini reward_scale=0.5 \
	gradient_steps=0 seed=2 net_arch=none --out scaled -q >/dev/null &&
	"$DQN" eval scaled --csv >scaled.csv && "$DQN" eval linear --csv | cmp - scaled.csv'

# --- --require ---

mean=$("$DQN" eval run --json | sed 's/.*"return_mean":\([^,]*\),.*/\1/')
t '--require, just met' 0 "$DQN" eval run --require "$mean"
t '--require, not met' 3 "$DQN" eval run --require 500.5
err_has '^dqn: mean return [0-9.]+ is below the required 500.5; no episode can return more than 500$'
t '--require with --json' 3 "$DQN" eval run --require 1e9 --json
out_json
err_has 'below the required 1e9'
t '--require below zero' 0 "$DQN" eval run --require -5
t '--require and a full disk' 1 sh -c 'exec "$DQN" eval run --require 1 >/dev/full'
err_has '^dqn: write standard output: No space left on device$'

# --- usage ---

usage() # PATTERN ARGUMENT...: a usage error
{
	pattern=$1
	shift
	t "eval $*" 2 "$DQN" eval "$@"
	err_has "$pattern"
	err_lines 1
	out_empty
}
usage "dqn eval RUN\|WEIGHTS"
usage "'run' is one argument too many" run run
for value in 0 -1 1.5 abc '' 1000001 ' 1' 1e7 99999999999999999999; do
	usage "^dqn: --episodes '$value' is not a whole number from 1 to 1000000$" run --episodes "$value"
done
for value in -1 1.5 abc '' 18446744073709551616; do
	usage "^dqn: --seed '$value' is not a whole number from 0 to 2\^64-1$" run --seed "$value"
done
for value in abc '' nan inf 1x 0,5; do
	usage "^dqn: --epsilon '$value' is not a real number$" run --epsilon "$value"
	usage "^dqn: --require '$value' is not a real number$" run --require "$value"
done
for value in -0.1 1.1; do
	usage "^dqn: --epsilon '$value' is not in \[0, 1\]$" run --epsilon "$value"
done
for flag in episodes seed epsilon require; do
	usage "^dqn: --$flag needs a value \(.\)$" run --$flag
	usage "^dqn: --$flag is given twice$" run --$flag 1 --$flag 1
	usage "^dqn: unknown flag '--x$flag'; did you mean '--$flag'\?$" run "--x$flag" 1
done
usage '^dqn: --json is given twice$' run --json --json
usage '^dqn: --json and --csv exclude each other$' run --json --csv
usage '^dqn: --json takes no value$' run --json=1
usage "did you mean '--episodes'" run --episode 3
usage "did you mean '--require'" run --requires 3
usage "'dqn help eval' lists them" run --zzzzzzz
usage "^dqn: unknown flag '-x'" run -x

# --- what is not there, and what is broken ---

t 'a missing file' 1 "$DQN" eval missing
err_has "^dqn: open 'missing': No such file or directory$"
t 'a directory without a run' 1 "$DQN" eval configs
err_has "^dqn: no 'final.safetensors' in 'configs'; is it a run directory"
t 'an empty name' 1 "$DQN" eval ''
err_has "^dqn: open ''"
t 'a name that is too long' 1 "$DQN" eval "$(head -c 5000 /dev/zero | tr '\0' x)"
err_has 'path too long'
t 'a closed standard input' 1 sh -c 'exec "$DQN" eval - <&-'
err_has "read 'standard input': Bad file descriptor"
t 'an unfinished run' 1 sh -c 'cp -r run unfinished; rm unfinished/final.safetensors; exec "$DQN" eval unfinished'
err_has "no 'final.safetensors' in 'unfinished'"

corrupt() # WHAT PATTERN: bad.safetensors is refused by eval
{
	t "eval of $1" 5 "$DQN" eval bad.safetensors
	err_has "^dqn: 'bad.safetensors': $2"
	err_lines 1
	out_empty
}
both() # WHAT PATTERN: and by inspect, too
{
	corrupt "$@"
	t "inspect of $1" 5 "$DQN" inspect bad.safetensors
	err_has "^dqn: 'bad.safetensors': $2"
	out_empty
}
: >bad.safetensors
both 'an empty file' 'not a safetensors file: only 0 bytes'
echo hello >bad.safetensors
both 'seven bytes' 'not a safetensors file'
cp configs/cartpole.ini bad.safetensors
both 'a configuration' 'not a safetensors file'
head -c 100000 "$DQN" >bad.safetensors
both 'a program' 'not a safetensors file'
head -c 30000 /dev/zero >bad.safetensors
both 'zeros' ''
head -c 30000 /dev/zero | tr '\0' '\377' >bad.safetensors
both 'ones' 'not a safetensors file'
t 'the first 100 bytes, as the issue has it' 5 sh -c 'head -c 100 run/final.safetensors >cut; exec "$DQN" eval - <cut'
err_has "^dqn: 'standard input': cut off: the header has [0-9]+ bytes, the file ends after 92$"
for n in 7 8 9 50 1000 $((size - 1000)) $((size - 4)) $((size - 1)); do
	head -c "$n" $weights >bad.safetensors
	both "the first $n bytes" ''
done
{ cat $weights; echo; } >bad.safetensors
both 'a byte too many' ''
cat $weights $weights >bad.safetensors
both 'the file twice' ''
# shellcheck disable=SC2059 # an escape in the format is the byte
put() # OFFSET OCTAL: one byte of bad.safetensors
{
	printf "\\$2" | dd of=bad.safetensors bs=1 seek="$1" conv=notrunc 2>/dev/null
}
for back in 1 2 3 4 100 400; do
	cp $weights bad.safetensors
	put $((size - back)) 125
	both "a changed byte, $back from the end" '.*sha256|.*checksum|.*hash'
done
patch() # FROM TO: in the header, of the same length; without the checksum that would tell
{
	sed -e "s/$1/$2/" -e 's/"dqn_sha256_v2"/"dqn_sha256_no"/' $weights >bad.safetensors
	no_if cmp -s $weights bad.safetensors
	is "length of $2" "$(wc -c <bad.safetensors)" "$size"
}
t 'the files that are patched below' 0 grep -q '"env_id":"CartPole-v1"' $weights
patch '"env_id":"CartPole-v1"' '"env_id":"CartPole-v9"'
corrupt 'an unknown environment' "unknown environment 'CartPole-v9'"
patch '"env_id"' '"env_ix"'
corrupt 'metadata without env_id' "no usable 'env_id'"
patch '"format_version":"1"' '"format_version":"2"'
corrupt 'a later format' "format_version '2' is not the one known here"
patch '"activation":"relu"' '"activation":"silu"'
corrupt 'an unknown activation' "unknown activation 'silu'"
patch '"max_episode_steps":"500"' '"max_episode_steps":"0.5"'
corrupt 'half a step' "max_episode_steps '0.5'"
patch '"max_episode_steps":"500"' '"max_episode_steps":"000"'
corrupt 'no steps' "max_episode_steps '000'"
patch '"obs_scale":"\[' '"obs_scale":"{'
corrupt 'another scale' "obs_scale"
patch '0.weight' '1.weight'
corrupt 'another name' "'0.bias' is not of a dense layer"
patch 'F32' 'F16'
both 'half precision' "shape and data_offsets disagree in tensor '0.weight'"
patch 'F32' 'F23'
both 'no data type' "data type 'F23', which is not one of safetensors"
patch '"shape":\[16,4\]' '"shape":[4,16]'
corrupt 'a matrix the other way round' "'0.weight' does not fit its bias; it has "
patch '"shape":\[16,4\]' '"shape":[16,5]'
both 'a shape that does not fit the data' "shape and data_offsets disagree"
patch '{"__metadata__"' '("__metadata__"'
both 'no JSON' 'bad header'
# Any byte of the header may be wrong: never a crash, and never a wrong number.
t 'changed bytes in the header' 0 true
offset=0
while [ $offset -lt $((size - 456)) ]; do
	cp $weights bad.safetensors
	put $offset $((60 + offset % 3))
	"$DQN" eval bad.safetensors >got 2>got_err
	status=$?
	[ $status -eq 5 ] || [ $status -eq 0 ] || bad "exit status $status with byte $offset changed"
	[ $status -eq 0 ] && [ -s got_err ] && bad "byte $offset: message, but status 0"
	[ $status -eq 5 ] && [ -s got ] && bad "byte $offset: result, but status 5"
	offset=$((offset + 17))
done
# --- files that another program has written again ---

if command -v python3 >/dev/null; then
	rewrite() { python3 -B "$root/tests/rewrite_weights.py" "$1" "${2-$weights}" bad.safetensors || exit 1; }
	for how in order spaces padded escaped library; do
		rewrite $how
		t "weights that another program has written again: $how" 0 "$DQN" eval bad.safetensors
		is 'the same result' "$(head -n 1 "$out")" "$(head -n 1 text)"
		t "inspect of them: $how" 0 "$DQN" inspect bad.safetensors
		is 'the same tensors' "$(grep '  mean ' "$out" | sort | cksum)" "$("$DQN" inspect $weights | grep '  mean ' | sort | cksum)"
	done
	for how in value pair more fewer moved; do
		rewrite $how
		both "weights that another program has changed: $how" 'the file does not match its checksum$'
	done
	"$DQN" train short.ini net_arch=16,16,16 gradient_steps=0 --out deep -q >/dev/null || exit 1
	rewrite swapped deep/final.safetensors
	both 'two layers that were swapped' 'the file does not match its checksum$'
else
	skip 'weights that another program has written again: no python3'
fi

t 'a run without its file is told apart from a broken one' 5 sh -c 'rm -rf unfinished; cp -r run unfinished
	echo x >unfinished/final.safetensors; exec "$DQN" eval unfinished'
err_has "^dqn: 'unfinished/final.safetensors': not a safetensors file"
t 'results that cannot be written' 1 sh -c 'exec "$DQN" eval run --csv --episodes 2000 >/dev/full'
err_has '^dqn: write standard output: No space left on device$'
t 'a closed standard output' 1 sh -c 'exec "$DQN" eval run >&-'
err_has '^dqn: write standard output: Bad file descriptor$'
t 'eval changes nothing' 0 ls -A run
is files "$(tr '\n' ' ' <"$out")" '.lock best.safetensors config.ini episodes.csv eval.csv final.safetensors progress.csv result.json timing.csv '

# --- inspect ---

t 'inspect of a run' 0 "$DQN" inspect run
out_has "^run/final.safetensors: $size bytes, 4 tensors, 114 float32 values$"
out_has '^  0.weight  \(16 x 4\)  mean -?[0-9.e-]+, std [0-9.e-]+, min -[0-9.e-]+, max [0-9.e-]+$'
out_has '^  2.bias  \(2\)  mean '
out_has '^  env_id = CartPole-v1$'
out_has '^    net_arch = 16$'
cp "$out" inspected
t 'inspect of its file' 0 "$DQN" inspect $weights
same_file "$out" inspected
t 'inspect of standard input' 0 "$DQN" inspect - <$weights
is 'all but the name' "$(sed 's/^[^:]*://' "$out" | cksum)" "$(sed 's/^[^:]*://' inspected | cksum)"
t 'the configuration in it reads back' 0 sh -c \
	'sed -n "s/^    //p" <inspected >inner.ini && "$DQN" config inner.ini >inner && grep = <inner >x && grep = <short.ini | cmp - x'
# shellcheck disable=SC2059 # the formats are the bytes
st() # HEADER [DATA in printf's notation]: a safetensors file of that header
{
	{ printf "\\$(printf %o $((${#1} % 256)))\\$(printf %o $((${#1} / 256)))\0\0\0\0\0\0"
	printf %s "$1"
	printf "${2-}"; } >bad.safetensors
}
st '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}' '\0\0\200\077\0\0\0\100'
t "inspect of somebody else's file" 0 "$DQN" inspect bad.safetensors
out_has '^  a  \(2\)  mean 1.5, std 0.5, min 1, max 2$'
corrupt "somebody else's file" "no usable 'format_version' in the metadata; was it written by dqn\?"
st '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}' '\0\0\200\077'
t 'inspect of a scalar' 0 "$DQN" inspect bad.safetensors
out_has '^  a  \(\)  1$'
st '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}' '\0\0\300\177\0\0\200\077'
t 'inspect of a NaN' 0 "$DQN" inspect bad.safetensors
out_has 'min 1, max 1, 1 NOT FINITE$'
# Any valid file, whatever its types, names and metadata are.
st '{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}' '\0\0\0\0\0\0\360\277'
t 'inspect of F64' 0 "$DQN" inspect bad.safetensors
out_has '^  a  \(1\) F64  mean -1, std 0, min -1, max -1$'
st '{"a":{"dtype":"F16","shape":[3],"data_offsets":[0,6]}}' '\0\74\0\300\1\0'
t 'inspect of F16' 0 "$DQN" inspect bad.safetensors
out_has '^  a  \(3\) F16  mean -0.3333, std 1.247, min -2, max 1$'
st '{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}' '\200\77\0\300'
t 'inspect of BF16' 0 "$DQN" inspect bad.safetensors
out_has '^  a  \(2\) BF16  mean -0.5, std 1.5, min -2, max 1$'
for type in I8:1 I16:2 I32:4 I64:8; do
	n=${type#*:}
	st "{\"a\":{\"dtype\":\"${type%:*}\",\"shape\":[],\"data_offsets\":[0,$n]}}" "$(printf '\\377%.0s' $(seq "$n"))"
	t "inspect of ${type%:*}" 0 "$DQN" inspect bad.safetensors
	out_has "^  a  \(\) ${type%:*}  -1$"
done
for type in U8:1:255 U16:2:65535 U32:4:4294967295 BOOL:1:255; do
	n=${type#*:} n=${n%:*}
	st "{\"a\":{\"dtype\":\"${type%%:*}\",\"shape\":[],\"data_offsets\":[0,$n]}}" "$(printf '\\377%.0s' $(seq "$n"))"
	t "inspect of ${type%%:*}" 0 "$DQN" inspect bad.safetensors
	out_has "^  a  \(\) ${type%%:*}  ${type##*:}$"
done
for type in F8_E4M3:8 F8_E5M2:8 F8_E8M0:8 F6_E2M3:6 F6_E3M2:6 F4:4 C64:64; do
	st "{\"a\":{\"dtype\":\"${type%:*}\",\"shape\":[2,4],\"data_offsets\":[0,${type#*:}]}}" \
		"$(printf '\\1%.0s' $(seq "${type#*:}"))"
	t "inspect of ${type%:*}" 0 "$DQN" inspect bad.safetensors
	out_has "^  a  \(2 x 4\) ${type%:*}  ${type#*:} bytes$"
done
st '{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}' '\1\1'
both 'half a byte' 'shape and data_offsets disagree'
st '{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]},"e":{"dtype":"F32","shape":[5,0],"data_offsets":[8,8]}}' '\0\0\200\077\0\0\0\100'
t 'inspect of nine dimensions, and of none of five' 0 "$DQN" inspect bad.safetensors
out_has '^  a  \(1 x 1 x 1 x 1 x 1 x 1 x 1 x 1 x 2\)  mean 1.5'
out_has '^  e  \(5 x 0\)  empty$'
name=$(head -c 5000 /dev/zero | tr '\0' n)
st "{\"__metadata__\":{\"$name\":\"$name\",\"sha256\":\"of something else\",\"\":\"\"},\"$name\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}" '\1'
t 'inspect of long names' 0 "$DQN" inspect bad.safetensors
out_has "^  $name  \(1\) U8  mean 1"
out_has "^  $name = $name$"
out_has '^  sha256 = of something else$'
header='{' i=0
while [ $i -lt 300 ]; do
	header="$header\"t$i\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[$i,$((i + 1))]},"
	i=$((i + 1))
done
st "$header\"last\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}" "$(printf '\\1%.0s' $(seq 300))"
t 'inspect of 301 tensors' 0 "$DQN" inspect bad.safetensors
out_has ', 301 tensors, 300 values$'
out_has '^  t299  \(\) U8  1$'
st '{"a":{"dtype":"F32","shape":[549755813888],"data_offsets":[0,2199023255552]}}'
if truncate -s $((2199023255552 + $(wc -c <bad.safetensors))) bad.safetensors 2>/dev/null; then
	t 'inspect of two terabytes' 0 timeout 20 "$DQN" inspect bad.safetensors
	out_has ' 549755813888 float32 values, too large: only the header was read$'
	out_has '^  a  \(549755813888\)  2199023255552 bytes$'
	truncate -s 2T bad.safetensors
	t 'two terabytes cut off' 5 timeout 20 "$DQN" inspect bad.safetensors
	err_has "^dqn: 'bad.safetensors': data_offsets outside the file in tensor 'a'$"
	: >bad.safetensors
	truncate -s 2T bad.safetensors
	t 'a hole of two terabytes' 5 timeout 20 "$DQN" inspect bad.safetensors
	err_has "^dqn: 'bad.safetensors': bad header: it does not begin with '\{'$"
	rm bad.safetensors
else
	skip 'inspect of two terabytes: no such files here'
fi
st '{}'
t 'inspect of no tensors' 0 "$DQN" inspect bad.safetensors
out_has ' 0 tensors, 0 float32 values$'
st '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'
t 'inspect of an empty tensor' 0 "$DQN" inspect bad.safetensors
out_lacks 'nan|inf'
st "$(printf '{"__metadata__":{"k":"\\\\u001b[31m"},"\\\\u001b[31m":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}')" '\0\0\0\0'
t 'inspect shows nothing raw' 0 "$DQN" inspect bad.safetensors
out_lacks "$(printf '\033')"
broken() # WHAT HEADER DATA PATTERN
{
	st "$2" "$3"
	both "$1" "$4"
}
four='\0\0\0\0'
broken 'overlapping tensors' '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' \
	$four 'overlapping data'
broken 'a gap' '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}' $four$four 'the data has gaps'
broken 'data past the end' '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}' $four 'data_offsets outside the file'
broken 'offsets backwards' '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}' $four 'data_offsets outside'
broken 'a huge shape' '{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}' $four 'shape '
broken 'a huge offset' '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551616]}}' $four 'bad header'
broken 'a negative shape' '{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}' $four 'bad header'
broken 'a name twice' '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' '' 'repeated name'
broken 'metadata twice' '{"__metadata__":{},"__metadata__":{}}' '' 'two __metadata__'
broken 'metadata that is no text' '{"__metadata__":{"a":1}}' '' 'bad header'
broken 'text behind the header' '{} x' '' 'bad header'
broken 'a header that stops' '{"a":{"dtype":"F32"' '' 'bad header'
broken 'deep nesting' "{\"a\":$(head -c 50000 /dev/zero | tr '\0' '[')}" '' ''
t 'inspect of a missing file' 1 "$DQN" inspect missing
err_has "^dqn: open 'missing'"
t 'inspect of nothing' 2 "$DQN" inspect
err_has 'dqn inspect FILE'
t 'inspect with a flag' 2 "$DQN" inspect run --json
err_has "unknown flag '--json'"
t 'inspect that cannot be written' 1 sh -c 'exec "$DQN" inspect run >/dev/full'
err_has '^dqn: write standard output: No space left on device$'
end
