#!/bin/sh
# dqn train: the run directory, its promises, and everything that stands in the way.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
# shellcheck disable=SC2086 # $train and $short are lists of words
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs
train="$DQN train configs/cartpole.ini"
short="$DQN train short.ini"
export train short

# --- the README's commands ---

t 'the default configuration trains' 0 $train
out_has '^CartPole-v1, seed 1: return [0-9.]+ \+- [0-9.]+ over 100 fresh episodes'
out_has '^weights: runs/cartpole/seed-1/final.safetensors$'
err_has '^dqn: step [0-9]+ of [0-9]+ \([0-9]+ %\): evaluation '
err_lacks "$(printf '[\033\r]')"
t 'and has solved CartPole' 0 "$DQN" eval runs/cartpole/seed-1 --require 475
t 'nothing but the files of a run is there' 0 ls -A runs/cartpole/seed-1
is files "$(tr '\n' ' ' <"$out")" '.lock best.safetensors config.ini episodes.csv eval.csv final.safetensors progress.csv result.json timing.csv '

# --- same input, same bytes ---

t 'a run' 0 $train seed=2 --out a
err_any
t 'the same again, elsewhere and quietly' 0 $train seed=2 --out b -q
same_tree a b
no_if cmp -s a/timing.csv b/timing.csv
t 'another seed gives other bytes' 0 $train seed=3 --out c -q
no_if cmp -s a/final.safetensors c/final.safetensors
odd="$short total_timesteps=1000 net_arch=67,19 batch_size=33" # leaves remainders in vectors
t 'a run with the best instruction set' 0 $odd --out isa -q
for isa in scalar sse2 avx2 avx512 neon; do
	if DQN_ISA=$isa "$DQN" eval a --episodes 1 >/dev/null 2>isa.err; then
		t "the same with DQN_ISA=$isa" 0 env DQN_ISA=$isa $odd --out isa-$isa -q
		same_tree isa isa-$isa
	else
		skip "DQN_ISA=$isa: $(cat isa.err)"
	fi
done
yes_if [ -d isa-scalar ]
t 'an empty DQN_ISA is none' 0 env DQN_ISA= $odd --out isa-empty -q
same_tree isa isa-empty
t 'an unknown DQN_ISA' 2 env DQN_ISA=sse9 $train --out isa-sse9
err_has "^dqn: DQN_ISA = 'sse9'"
no_if [ -e isa-sse9 ]
t 'the order of overrides does not matter' 0 $short log_interval=400 gamma=0.9 --out order-1 -q
t 'nor how a value is written' 0 $short gamma=.90 log_interval=4e2 --out order-2 -q
same_tree order-1 order-2
"$DQN" config configs/cartpole.ini seed=2 >full.ini 2>"$err"
t 'the printed configuration is the same run' 0 "$DQN" train full.ini --out full -q
same_tree a full
t 'the configuration of a run directory is the same run' 0 "$DQN" train a/config.ini --out again -q
same_tree a again

# --- the files ---

t 'a short run' 0 $short log_interval=100 --out files
err_lines 6
t 'config.ini is what dqn config prints' 0 "$DQN" config short.ini log_interval=100
same_file "$out" files/config.ini
t 'progress.csv' 0 cat files/progress.csv
is header "$(head -n 1 "$out")" 'timesteps,episodes,n_updates,ep_rew_mean,ep_len_mean,exploration_rate,learning_rate,loss,q_mean,grad_norm,q_max,q_bound,action_gap,td_error_mean,td_error_p95,weight_norm,terminal_share,dead_share,q_min,q_bound_low,obs_max,obs_min'
out_lines 21
out_has '^100,[0-9]+,0,([0-9.]+)?,([0-9.]+)?,[0-9.]+,0.0019,,,,,[0-9.]+,,,,,[0-9.]+,,,0,,$'
out_has '^2000,[0-9]+,1900,([-+.e0-9]+,){18}[-+.e0-9]+$'
is 'widths of the rows' "$(awk -F, '{ print NF }' "$out" | sort -u)" 22
is 'first column' "$(sed 1d "$out" | cut -d, -f1 | tr '\n' ' ')" "$(seq 100 100 2000 | tr '\n' ' ')"
is 'exploration_rate falls' "$(sed 1d "$out" | cut -d, -f6 | sort -gr | cksum)" "$(sed 1d "$out" | cut -d, -f6 | cksum)"
t 'eval.csv' 0 cat files/eval.csv
is header "$(head -n 1 "$out")" 'timesteps,n_updates,return_mean,return_std,return_min,return_max,is_best,q_start,discounted_return'
is 'first columns' "$(sed 1d "$out" | cut -d, -f1,2 | tr '\n' ' ')" '500,400 1000,900 1500,1400 2000,1900 '
is 'widths of the rows' "$(awk -F, '{ print NF }' "$out" | sort -u)" 9
is 'the best rows' "$(awk -F, 'NR > 1 && $3 >= best { best = $3; print $1 }' "$out")" "$(grep ',true,' "$out" | cut -d, -f1)"
is 'every row is best or not' "$(sed 1d "$out" | grep -cE ',(true|false),')" 4
t 'timing.csv' 0 cat files/timing.csv
is header "$(head -n 1 "$out")" 'timesteps,wall_s,steps_per_s,max_rss_kib'
out_lines 21
t 'episodes.csv' 0 cat files/episodes.csv
is header "$(head -n 1 "$out")" 'r,l,timesteps,terminated'
is 'a row per episode' "$(sed 1d "$out" | wc -l)" "$(tail -n 1 files/progress.csv | cut -d, -f2)"
is 'their lengths add up to the steps' "$(awk -F, 'NR > 1 { sum += $2; if (sum != $3) print }' "$out")" ''
is 'a reward of 1 a step' "$(awk -F, 'NR > 1 && $1 != $2' "$out")" ''
is 'what ends them' "$(sed 1d "$out" | grep -cvE '^[0-9]+,[0-9]+,[0-9]+,(true|false)$')" 0
is 'the last hundred' "$(sed 1d "$out" | tail -n 100 | awk -F, '{ sum += $1; n++ } END { printf "%.6g", sum / n }')" \
	"$(tail -n 1 files/progress.csv | cut -d, -f4 | awk '{ printf "%.6g", $1 }')"
t 'no cell of a CSV is infinite or not a number' 1 grep -iE 'nan|inf|[^a-z0-9_.,+e-]' files/progress.csv files/eval.csv files/episodes.csv files/timing.csv
t 'result.json' 0 cat files/result.json
out_json
out_lines 1
for name in final best; do
	is "$name.safetensors" "$(sed "s/.*\"${name}_sha256\":\"\([^\"]*\)\".*/\1/" "$out")" \
		"$(sha256sum <files/$name.safetensors | cut -d' ' -f1)"
done
out_has '"seed":1,"timesteps":2000,"total_timesteps":2000,"stopped":false,.*"n_updates":1900,"final_episodes":5,'
is 'best_timesteps' "$(sed 's/.*"best_timesteps":\([0-9]*\),.*/\1/' "$out")" "$(grep ',true,' files/eval.csv | tail -n 1 | cut -d, -f1)"
t 'a run that no evaluation looks at' 0 $short eval_freq=0 --out blind -q
same_file blind/best.safetensors blind/final.safetensors
is eval.csv "$(wc -l <blind/eval.csv)" 1
t 'it says so in JSON' 0 cat blind/result.json
out_json
out_has '"best_return_mean":null'
t 'evaluations never change the training' 0 $short log_interval=100 eval_freq=300 eval_episodes=1 \
	--out seldom -q
same_file files/progress.csv seldom/progress.csv
t 'a run that cannot learn' 0 $short gradient_steps=0 --out idle
err_has '^dqn: warning: gradient_steps = 0: nothing is learned$'
t 'stop_return ends a run' 0 $short stop_return=1 stop_episodes=2 --out early -q
out_has '^stopped after 500 of 2000 steps, stop_return = 1 was reached: '
t 'its result says so' 0 grep -q '"timesteps":500,"total_timesteps":2000,"stopped":true' early/result.json

# --- what is printed ---

t '--json prints the line of result.json' 0 $short --out json --json -q
out_json
out_lines 1
same_file "$out" json/result.json
t '--json again, of a run that is done' 0 $short --out json --json -q
same_file "$out" json/result.json
t '-q is silent on standard error' 0 $short seed=4 tau=0.1 --out quiet -q
t '--quiet also' 0 $short seed=4 tau=0.1 --out quiet --quiet
t 'without it there are warnings, a head and a line per evaluation' 0 $short seed=5 tau=0.1 --out loud
err_has '^dqn: warning: .*tau = 0.1'
err_has '^dqn: CartPole-v1, seed 5, 2000 steps; network 4-16-2, 114 weights$'
err_has "^dqn: writing to 'loud'; Ctrl-C or SIGTERM saves and stops$"
is evaluations "$(grep -c '^dqn: step [0-9]* of 2000 ([0-9]* %): evaluation [0-9.]* +- [0-9.]* over 3 episodes' "$err")" 4
err_lines 7
t 'two heads on the observations' 0 $short net_arch=none dueling=true --out heads
err_has '; network 4-2 \(dueling\), 15 weights$'
t 'as good as the best before is not a new best' 0 "$DQN" train configs/mountaincar.ini total_timesteps=2000 --out valley
err_has 'evaluation -200.0 [+]- 0.0 over 10 episodes, best, '
is bests "$(grep -c 'evaluation -200.0 .*, best, ' "$err") of $(grep -c 'evaluation -200.0 ' "$err")" '1 of 4'
says() # KEY=VALUE ...: a run that is stopped once it has said $pattern
{
	$short seed=5 "$@" >"$tmp/null" 2>said &
	wait_for grep -qE "$pattern" said
	kill $!
	wait $!
	status=$?
	cat said >&2
	return $status
}
pattern='^dqn: step [0-9]+ of 1000000000 \(0 %\): training return'
t 'a run that has no evaluations says every so often how it is' 143 says total_timesteps=1e9 eval_freq=0 --out rare
err_has '^dqn: step [0-9]+ of 1000000000 \(0 %\): training return [0-9.]+, [0-9]+[dhm][0-9][0-9][hms] left, [0-9]+ steps/s$'
yes_if [ "$(grep -c 'steps/s' "$err")" -le 2 ]
pattern='of them over'
t 'so does one whose evaluation takes long' 143 says eval_episodes=1e6 net_arch=256,256 --out slow
err_has '^dqn: step 500 of 2000 \(25 %\): evaluation of 1000000 episodes, [0-9]+ of them over, [0-9]+ steps/s$'
t '-v before the first update' 0 $short learning_starts=1500 log_interval=400 --out verbose-early -v
err_has '^dqn: step 400 of 2000 [(]20 %[)]: training return [0-9.]+, epsilon 0[.][0-9]+, [0-9]+ steps/s$'
err_lacks nan
t '-v has a line per row of progress.csv, too' 0 $short log_interval=400 --out verbose -v
err_lines 10
err_has 'step 400 of 2000 \(20 %\): training return '
t 'NO_COLOR and TERM change nothing elsewhere' 0 env NO_COLOR=1 TERM=xterm $short --out color
err_lacks "$(printf '[\033\r]')"
# --- already done, or somebody else's ---

snapshot a >before
start=$(date +%s%N)
t 'a run that is done is recognised' 0 $train seed=2 --out a
end_ns=$(date +%s%N)
err_has "^dqn: 'a' is already done; --fresh runs it again$"
out_has '^CartPole-v1, seed 2: return '
yes_if [ $(((end_ns - start) / 1000000)) -lt 1000 ]
t 'and left alone' 0 snapshot a
same_file "$out" before
t 'another configuration' 6 $train seed=3 gamma=.8 --out a
err_has "'a' holds a run of another configuration"
err_has 'seed: 2, not 3'
err_has 'gamma: 0.[0-9]+, not 0.8'
err_lacks 'learning_rate: '
err_has -- '--out .*--fresh'
out_empty
t 'touches nothing' 0 snapshot a
same_file "$out" before
t 'a result that is damaged' 5 sh -c 'cp -r a damaged && echo "{}" >damaged/result.json &&
	exec $train seed=2 --out damaged'
err_has "damaged/result.json"
t 'is replaced by --fresh' 0 $train seed=2 --out damaged --fresh -q
same_tree a damaged
t 'a done run without its weights' 5 sh -c 'rm damaged/final.safetensors && exec $train seed=2 --out damaged'
err_has 'final.safetensors'
t 'a damaged config.ini' 5 sh -c 'echo junk >>damaged/config.ini; exec $train seed=2 --out damaged'
err_has 'damaged/config.ini:[0-9]+: '
t '--fresh says what it removes' 0 $train seed=3 --out b --fresh
err_has "^dqn: removed from 'b': .*result.json"
same_tree b c
echo mine >b/notes.txt
t '--fresh leaves what is not its own' 0 $train seed=3 --out b --fresh -q
yes_if [ "$(cat b/notes.txt)" = mine ]
t '--fresh in a new place' 0 $short --out new --fresh
err_lacks removed
mkdir foreign
echo precious >foreign/notes.txt
snapshot foreign >before
t 'a directory of something else' 6 $train --out foreign
err_has "'foreign' is not a run directory: it holds 'notes.txt'"
t 'even with --fresh' 6 $train --out foreign --fresh
err_has "'foreign' is not a run directory"
t 'it is left as it is' 0 snapshot foreign
same_file "$out" before
mkdir hydra
printf '[database]\nhost = example.org\n' >hydra/config.ini
echo '{}' >hydra/result.json
snapshot hydra >before
t "another program's config.ini" 5 $train --out hydra
err_has 'hydra/config.ini:1: '
t "is not replaced by --fresh either" 5 $train --out hydra --fresh
err_has 'hydra/config.ini:1: '
t "it is left as it is" 0 snapshot hydra
same_file "$out" before
mkdir empty
t 'an empty directory will do' 0 $short --out empty -q
t 'so will one with a hidden file' 0 sh -c 'mkdir hidden; >hidden/.nfs; exec $short --out hidden -q'

# --- two at once ---

$train total_timesteps=5e6 stop_return=none --out busy -q >/dev/null 2>&1 &
pid=$!
t_pids="$t_pids $pid"
t 'a run starts' 0 wait_for [ -s busy/timing.csv ]
t 'a second process is turned away' 6 $train total_timesteps=5e6 stop_return=none --out busy
err_has "^dqn: 'busy' is in use by process $pid$"
t 'with --fresh, too' 6 $train total_timesteps=5e6 stop_return=none --out busy --fresh
err_has "process $pid$"
t 'with another configuration, too' 6 $train --out busy
err_has "^dqn: 'busy' "
yes_if kill -0 "$pid"
kill -9 "$pid"
wait "$pid" 2>/dev/null
t 'the lock ends with the process' 6 $train --out busy
err_has 'another configuration \(total_timesteps: 5000000, not [0-9]+; stop_return: none, not [0-9.]+\)'

# --- cut short ---

long='total_timesteps=8000 log_interval=100 net_arch=64,64 eval_episodes=10'
t 'an uninterrupted run' 0 $short $long --out whole -q
for rows in 1 3 20; do
	tries=0
	while [ $tries -lt 20 ]; do # on a machine that finishes before it is killed, again
		tries=$((tries + 1))
		rm -rf killed
		$short $long --out killed -q >/dev/null 2>&1 &
		pid=$!
		until [ "$(wc -l 2>/dev/null <killed/progress.csv || echo 0)" -gt $rows ]; do :; done
		kill -9 $pid
		wait $pid 2>/dev/null
		[ -e killed/result.json ] || break
	done
	if [ -e killed/result.json ]; then
		skip "kill -9 after $rows rows: too fast to be killed"
		continue
	fi
	t "kill -9 after $rows rows, and the same command" 0 $short $long --out killed
	err_has "^dqn: 'killed' holds an unfinished run of this configuration"
	same_tree whole killed
	is files "$(ls -A killed)" "$(ls -A whole)"
done
limit() { sh -c 'trap "" XFSZ; ulimit -f '"$1"'; shift; exec "$@"' sh "$@"; }
t 'a file that cannot be written' 1 limit 3 $short --out full-disk -q
err_has '^dqn: a checkpoint of this run has up to [0-9]+ bytes, but files may have no more than 1536 '
out_empty
no_if [ -e full-disk/result.json ]
is 'leftovers' "$(find full-disk -name '*.tmp')" ''
t 'a configuration that cannot be written' 1 limit 1 $short --out full-disk-2 -q
err_has 'no more than 512 \(see ulimit -f\)$'
$short --out plain -q >"$out"
for dir in full-disk full-disk-2; do
	t "$dir: the same command resumes" 0 $short --out $dir -q
	same_tree plain $dir
done
t 'a diverging run' 4 $short clip_targets=false learning_rate=1 reward_scale=1e6 obs_scale=1e6,1e6,1e6,1e6 max_grad_norm=0 loss=mse \
	adam_beta2=0 adam_eps=1e-10 adam_beta1=0 net_arch=16,16,16,16,16,16,16,16 \
	target_update_interval=1 --out diverged
err_has '^dqn: diverged at step [0-9]+ \(update [0-9]+\): '
out_empty
no_if [ -e diverged/result.json ]
no_if grep -qiE 'nan|inf' diverged/progress.csv diverged/eval.csv

# --- standard streams ---

t 'results that cannot be written' 1 sh -c 'exec $short --out devfull -q >/dev/full'
err_has '^dqn: write standard output: No space left on device$'
t 'the run is complete all the same' 0 $short --out devfull -q
same_tree plain devfull
t 'messages that cannot be written' 0 sh -c 'exec $short --out devfull-2 2>/dev/full'
same_tree plain devfull-2
for closed in '0:<&-' '1:>&-' '0:2>&-' '1:<&- >&-' '1:>&- 2>&-' '0:<&- 2>&-' '1:<&- >&- 2>&-'; do
	how=${closed#*:}
	dir="closed $how"
	t "closed: $how" "${closed%%:*}" sh -c 'dir=$1; exec $short --out "$dir" '"$how" sh "$dir"
	err_any
	same_tree plain "$dir"
	no_if grep -q 'dqn: ' "$dir/timing.csv"
done
t 'closed: messages go nowhere else' 2 sh -c 'exec "$DQN" train nothing.ini --out none 2>&-'
no_if [ -e none ]
t 'a closed standard input holds no configuration' 2 sh -c 'exec "$DQN" train - --out none <&-'
err_has "^dqn: read 'standard input': Bad file descriptor$"
no_if [ -e none ]

# --- names ---

t 'the configuration from standard input' 0 "$DQN" train - -q <full.ini
same_tree runs/stdin/seed-2 a
t 'overrides make the name, sorted and canonical' 0 $train seed=2 learning_rate=5e-4 gamma=.9 \
	total_timesteps=1_000 learning_starts=1e2 -q
dir=runs/cartpole,gamma=0.9,learning_rate=0.0005,learning_starts=100,total_timesteps=1000/seed-2
out_has "^weights: $dir/final.safetensors$"
yes_if [ -f $dir/result.json ]
t 'another spelling is the same run' 0 $train gamma=0.90 total_timesteps=1e3 seed=2 \
	learning_starts=100 learning_rate=0.00050
err_has 'is already done'
t 'lists in a name' 0 $short net_arch=8,8 -q
yes_if [ -d 'runs/short,net_arch=8,8/seed-1' ]
cp configs/cartpole.ini plain-name
t 'a configuration without .ini' 0 "$DQN" train plain-name -q
yes_if [ -d runs/plain-name/seed-1 ]
for dir in 'with space' "gr$(printf '\303\266\303\237')e" "$(printf 'two\nlines')" ./-x deep/er/than/this \
	trailing/ "qu'o\"te" "\$HOME" '*'; do
	t "--out $dir" 0 $short --out "$dir" -q
	same_tree plain "$dir"
	t "eval $dir" 0 "$DQN" eval "$dir" --episodes 1 --json
	out_json
done
t '--out=DIR' 0 $short --out=equals -q
t '-o DIR' 0 $short -o equals
err_has 'already done'
t '-- ends the flags' 0 sh -c 'cp configs/cartpole.ini -- -c.ini && exec "$DQN" train --out=-- -q -- -c.ini seed=2'
same_tree a ./--
t 'a file where the directory should be' 1 sh -c ': >file; exec $train --out file'
err_has "'file' is not a directory"
t 'or above it' 1 $train --out file/run
err_has "mkdir 'file/run': Not a directory"
if [ "$(id -u)" -ne 0 ]; then
	mkdir sealed
	chmod 555 sealed
	t 'no permission' 1 $train --out sealed/run
	err_has "mkdir 'sealed/run': Permission denied"
	t 'no permission to write' 1 $train --out sealed
	err_has 'Permission denied'
else
	skip 'no permission: root has all of them'
fi
t 'a name that is too long' 1 $train --out "$(head -c 5000 /dev/zero | tr '\0' x)"
err_has 'path too long'
t 'a name that the file system refuses' 1 $train --out "$(head -c 300 /dev/zero | tr '\0' x)"
err_has 'File name too long'

# --- usage ---

snapshot runs >before
t 'a key with a typing error' 2 $train learnig_rate=1e-3
err_has "unknown key 'learnig_rate'; did you mean 'learning_rate'\?"
t 'no configuration' 2 "$DQN" train
err_has "dqn train CONFIG"
t 'overrides before the configuration' 2 "$DQN" train seed=1 configs/cartpole.ini
err_has "the configuration file comes before 'seed=1'"
t 'something that is no override' 2 $train seed
err_has "'seed': not a key=value override"
t '--out without a value' 2 $train --out
err_has -- '--out needs a value \(DIR\)'
t '--out with an empty one' 2 $train --out=
err_has -- '--out needs a value \(DIR\)'
t '--out twice' 2 $train --out x --out y
err_has -- '--out is given twice'
t '--fresh=1' 2 $train --fresh=1
err_has -- '--fresh takes no value'
t '-qv' 2 $train -qv
err_has "unknown flag '-qv'"
t '-q -v' 2 $train -q -v
err_has 'exclude each other'
t '--frsh' 2 $train --frsh
err_has "did you mean '--fresh'"
t '--seed 7' 2 $train --seed 7
err_has "written 'seed=7'"
t 'no usage error starts a run' 0 snapshot runs
same_file "$out" before
t 'more memory than there is' 2 $train buffer_size=2147483648 total_timesteps=9e15
err_has 'need [0-9]+ MiB; this machine has [0-9]+ MiB'
end
