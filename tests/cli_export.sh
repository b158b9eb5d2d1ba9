#!/bin/sh
# dqn export: policies for other programs. Here are the compilers that are at hand; `make
# interop` has other CPUs, and the readers of ONNX.
# shellcheck disable=SC2016,SC2086,SC2317 # commands in quotes expand their variables; lists of words; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs

# The policy of a header, as a filter like `dqn act --q`. NAME is x.
cat >filter.c <<'EOF2'
#include "x.h"
#include <stdio.h>
int main(void)
{
	float obs[X_N_OBS], q[X_N_ACTIONS];
	int i;
	for (;;) {
		for (i = 0; i < X_N_OBS; i++)
			if (scanf("%f", &obs[i]) != 1)
				return 0;
		x_q(obs, q);
		printf("%d", x_act(obs));
		for (i = 0; i < X_N_ACTIONS; i++)
			printf(" %.9g", (double)q[i]);
		printf("\n");
	}
}
EOF2
close_to() # WANT GOT: the same actions, Q values within 1e-6
{
	awk 'FNR == NR { want[FNR] = $0; next }
		{
			n = split(want[FNR], w)
			if (n != NF || w[1] != $1) exit 1
			for (i = 2; i <= n; i++) {
				off = w[i] - $i
				size = w[i] < 0 ? 1 - w[i] : 1 + w[i]
				if (off > 1e-6 * size || -off > 1e-6 * size) exit 1
			}
		}
		END { if (FNR != 2000) exit 1 }' "$1" "$2"
}
awk 'BEGIN { srand(1); for (i = 0; i < 2000; i++) { for (k = 0; k < 6; k++) printf "%s%.4f", k ? " " : "", 4 * rand() - 2; print "" } }' >obs6
cut -d ' ' -f 1-4 obs6 >obs4

# --- C ---

warnings='-Wall -Wextra -pedantic -Wconversion -Wshadow -Werror'
compilers='cc -std=c99'
for other in 'clang -std=c99' 'g++ -x c++ -std=c++11' 'clang++ -x c++ -std=c++11'; do
	if command -v "${other%% *}" >"$tmp/which"; then
		compilers="$compilers,$other"
	else
		skip "the header under ${other%% *}: not installed"
	fi
done
each_compiler() # COMMAND...: with every compiler's first words
{
	(IFS=, && for compiler in $compilers; do
		(IFS=' ' && "$@" $compiler) || exit 1
	done)
}
compile() # OUTPUT FILE FLAG COMPILER...
{
	o=$1 file=$2 flag=$3
	shift 3
	"$@" $warnings $flag -o "$o" "$file" -lm
}
self_test() { echo '#include "x.h"' >self.c && compile self self.c -DX_SELF_TEST "$@" && ./self; }
compare() # OBSERVATIONS WANT COMPILER...
{
	in=$1 want=$2
	shift 2
	compile filter filter.c -O1 "$@" && ./filter <"$in" >got && close_to "$want" got
}
policy() # WEIGHTS OBSERVATIONS: everything about one network
{
	t "$1: a header" 0 "$DQN" export $1 --to c --name x --out x.h
	out_empty
	t "$1: its self-test" 0 each_compiler self_test
	t "$1: the policy" 0 "$DQN" act $1 --q <$2
	cp "$out" want
	t "$1: the same in C and C++" 0 each_compiler compare $2 want
	t "$1: int8" 0 "$DQN" export $1 --to c --name x --out x.h --int8 --episodes 2
	err_has '^dqn: int8: [0-9]+ of [0-9]+ actions on recorded observations are those of float weights; return -?[0-9.]+ over 2 episodes, -?[0-9.]+ with float weights$'
	t "$1: its self-test" 0 each_compiler self_test
	t "$1: safetensors" 0 "$DQN" export $1 --to safetensors --out x.safetensors
	t "$1: nothing is left to scale" 0 "$DQN" inspect x.safetensors
	out_has '^  obs_scale = \[1(,1)*\]$'
	t "$1: read again" 0 "$DQN" act x.safetensors --q <$2
	yes_if close_to want "$out"
}
for keys in 'net_arch=16 obs_scale=1e-30,1,-3,0.25' 'net_arch=16,8,8 activation=tanh obs_scale=none' \
	'net_arch=none' 'net_arch=none obs_scale=none dueling=true' 'net_arch=8,12 dueling=true activation=tanh'; do
	rm -rf run
	t "a run with $keys" 0 "$DQN" train short.ini $keys stop_return=none total_timesteps=600 eval_freq=0 --out run -q
	policy run obs4
done
rm -rf acrobot
t 'a run with three actions' 0 "$DQN" train configs/acrobot.ini total_timesteps=600 learning_starts=100 final_eval_episodes=2 \
	net_arch=8,8,8 dueling=true --out acrobot -q
policy acrobot obs6
t 'no library' 1 sh -c '"$DQN" export acrobot --to c | grep "include <math"'
t 'nor for tanh' 1 sh -c '"$DQN" export run --to c | grep "include <math"'

t 'on standard output' 0 "$DQN" export run --to c
cp "$out" first
t 'the same bytes again' 0 "$DQN" export run/final.safetensors --to c --out cartpole.h
same_file first cartpole.h
t 'and on other instructions' 0 env DQN_ISA=scalar "$DQN" export - --to c <run/final.safetensors
same_file "$out" first
is 'names' "$(grep -c '^static inline.* cartpole_v1_' first)" 4
out_has '^#define CARTPOLE_V1_N_OBS 4$'
out_has '^ \* Network: 4, 8 tanh, 24 tanh, 2 \(dueling\); weights in float\.$'
out_has '^ \* Flash: [0-9]+ bytes of tables\. RAM: 200 bytes of stack for arrays\.$'
is 'bytes of flash' "$(sed -n 's/.*Flash: \([0-9]*\).*/\1/p' first)" $((4 * (4 + 4 * 8 + 8 + 8 * 24 + 24 + 12 + 1 + 24 + 2)))
yes_if [ "$(awk 'length > 132' first | wc -l)" -eq 0 ]


# --- int8 ---

t 'CartPole, solved' 0 "$DQN" train configs/cartpole.ini --out solved -q
t 'int8 of it' 0 "$DQN" export solved --to c --int8 --episodes 1000
err_has 'return ([0-9.]+) over 1000 episodes, '
int8=$(sed -n 's/.*return \([0-9]*\).*over.*/\1/p' "$err")
yes_if [ "${int8:-0}" -ge 475 ]
out_has 'static const signed char cartpole_v1_w1\['

# --- ONNX ---

t 'ONNX' 0 "$DQN" export run --to onnx --out x.onnx
t 'on standard output' 0 "$DQN" export run --to onnx --name x
t 'the same, with another name' 0 sh -c '"$DQN" export run --to onnx | cmp - x.onnx'
t 'operators' 0 sh -c 'grep -aoE "Gemm|Tanh|Mul|Split|ReduceMean|Sub|Add" x.onnx | sort | uniq -c | tr -s " \n" " "'
is 'protocol: IR version 7, "dqn"' "$(od -An -tx1 -N 7 x.onnx)" ' 08 07 12 03 64 71 6e'

# --- masks, and an environment that is a child process ---

cat >masked.awk <<'EOF2'
$1 == "hello" { print "env masked 1 obs=1 actions=3 reward=0..1 limit=5 masks=1" }
$1 == "reset" { n = 0; print "obs " $2 " 0 mask 011" }
$1 == "step" { n++; print "step " $2 " " ($3 == 2) " 0 " (n == 5) " " n / 5 " mask 011" }
{ fflush() }
EOF2
t 'a run with masks' 0 "$DQN" train short.ini id=process 'command=exec awk -Winteractive -f masked.awk 2>/dev/null' obs_scale=0.5 stop_return=none \
	eval_freq=0 total_timesteps=600 max_episode_steps=0 --out masked -q
err_any
t 'its header' 0 "$DQN" export masked --to c --name x --out x.h
t 'its self-test' 0 each_compiler self_test
cat >mask.c <<'EOF2'
#include "x.h"
int main(void)
{
	const float obs[1] = { 0.4f };
	unsigned char mask[3] = { 0, 0, 0 };
	int i;
	if (x_act_masked(obs, mask) != x_act(obs))
		return 1;
	for (i = 0; i < 3; i++) {
		mask[i] = 1;
		if (x_act_masked(obs, mask) != i)
			return 2;
		mask[i] = 0;
	}
	return 0;
}
EOF2
masked() { compile mask mask.c -O1 "$@" && ./mask; }
t 'masked actions' 0 each_compiler masked
t 'int8: no episodes' 0 "$DQN" export masked --to c --int8 --out x.h
err_has '^dqn: int8: [0-9]+ of 10000 actions on random observations are those of float weights$'
t 'its safetensors' 0 "$DQN" export masked --to safetensors --out x.safetensors
t 'which know the environment' 0 "$DQN" eval x.safetensors --command 'exec awk -Winteractive -f masked.awk 2>/dev/null' --episodes 2
out_has '^masked: return '

# --- weights of other programs ---

foreign=$root/tests/golden/foreign/sb3.safetensors
t 'weights of SB3: what they do' 0 "$DQN" act $foreign --env CartPole-v1 --obs-scale 0.5,1,2,4 --q <obs4
cp "$out" want
t 'as a header' 0 "$DQN" export $foreign --env CartPole-v1 --obs-scale 0.5,1,2,4 --to c --name x --out x.h
t 'that does the same' 0 each_compiler compare obs4 want
t 'as ours' 0 "$DQN" export $foreign --env CartPole-v1 --obs-scale 0.5,1,2,4 --to safetensors --out x.safetensors
t 'which need no flags' 0 "$DQN" act x.safetensors --q <obs4
yes_if close_to want "$out"
t 'and evaluate' 0 "$DQN" eval x.safetensors --episodes 2
cat >four.awk <<'EOF2'
$1 == "hello" { print "env four 1 obs=4 actions=2 reward=0..1 limit=5" }
$1 == "reset" { n = 0; print "obs " $2 " 0 0 0 0" }
$1 == "step" { n++; print "step " $2 " 1 0 " (n == 5) " " n " 0 0 0" }
{ fflush() }
EOF2
t 'for a child process' 0 "$DQN" export $foreign --command 'exec awk -Winteractive -f four.awk 2>/dev/null' --to safetensors --out x.safetensors
t 'which is known afterwards' 0 "$DQN" eval x.safetensors --command 'exec awk -Winteractive -f four.awk 2>/dev/null' --episodes 2
out_has '^four: return 5\.0 '

# --- what is refused ---

refused() # PATTERN ARGUMENT...
{
	pattern=$1
	shift
	t "refused: $*" 2 "$DQN" export "$@"
	out_empty
	err_has "$pattern"
}
refused "needs --to c, onnx or safetensors$" run
refused "'export' needs a?.*RUN" --to c
refused "'onx' is not c, onnx or safetensors.*did you mean 'onnx'" run --to onx
refused '--int8 is for --to c$' run --to onnx --int8
refused '--episodes is for' run --to c --episodes 3
refused '--name is for' run --to safetensors --name x
for name in 1x a-b 'a b' 'a*/' "$(printf '%064d' 0 | tr 0 a)"; do
	refused "is not an identifier of C" run --to c --name "$name"
done
for out_file in run/final.safetensors run/result.json run/config.ini; do
	refused "'$out_file' belongs to a run, " run --to safetensors --out $out_file
done
t 'other files of its directory' 0 "$DQN" export run --to safetensors --out run/exported.safetensors
t 'the run is whole' 0 "$DQN" eval run --recheck
if has_terminal 'binary output on a terminal'; then
	t 'binary output on a terminal' 2 script -qec '"$DQN" export run --to onnx' typescript
	out_has 'name a file by --out'
fi
t 'a full disk' 1 sh -c '"$DQN" export run --to c >/dev/full'
err_any
t 'a missing directory' 1 "$DQN" export run --to c --out missing/x.h
err_has 'missing/x.h'
t 'a damaged file' 5 sh -c 'head -c 2000 run/final.safetensors | "$DQN" export - --to c'
out_empty
err_any
end
