#!/bin/sh
# A run that starts from weights: init_weights. Its file decides the bytes as a key does; the
# run keeps a copy and needs the original no more.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
# shellcheck disable=SC2086 # $keys is a list of words
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs
golden=$root/tests/golden/foreign

t 'the run that the weights are of' 0 "$DQN" train short.ini --out first -q
cp first/final.safetensors w.safetensors
cp w.safetensors kept
sum=$(sha256sum <w.safetensors | cut -d' ' -f1)

# --- where it starts ---

# Without updates the networks stay what they were.
t 'a run without updates' 0 "$DQN" train short.ini seed=2 gradient_steps=0 init_weights=w.safetensors \
	--out still -q
t 'its weights are those of the file' 0 "$DQN" eval still --episodes 30 --seed 5 --csv
cp "$out" still.csv
t 'as evaluated' 0 "$DQN" eval w.safetensors --episodes 30 --seed 5 --csv
same_file "$out" still.csv
awk 'BEGIN { srand(1); for (i = 0; i < 200; i++) print rand() - .5, rand() - .5, rand() / 5 - .1, rand() - .5 }' >obs4
t 'and to the bit' 0 "$DQN" act w.safetensors --q <obs4
cp "$out" q
t 'in the run' 0 "$DQN" act still --q <obs4
same_file "$out" q
t 'evaluated before the first update' 0 "$DQN" train short.ini seed=2 learning_starts=1000 \
	init_weights=w.safetensors --out late -q
is 'two evaluations' "$(head -n 3 late/eval.csv | cut -d, -f1,3-)" "$(head -n 3 still/eval.csv | cut -d, -f1,3-)"
no_if cmp -s late/eval.csv still/eval.csv
t 'Adam is new, and the schedules are those of the configuration' 0 "$DQN" train short.ini seed=2 \
	init_weights=w.safetensors log_interval=101 --out a -q
t 'a run from the beginning' 0 "$DQN" train short.ini seed=2 log_interval=101 --out scratch -q
is 'n_updates, exploration_rate, learning_rate' "$(cut -d, -f1,3,6,7 a/progress.csv)" "$(cut -d, -f1,3,6,7 scratch/progress.csv)"
no_if cmp -s a/final.safetensors scratch/final.safetensors
t 'weight_init and initial_q do not matter' 0 "$DQN" train short.ini seed=2 init_weights=w.safetensors \
	weight_init=he_uniform initial_q=9 log_interval=101 --out other -q
same_file a/progress.csv other/progress.csv

# --- equal files are equal configurations ---

keys='seed=3 checkpoint_interval=0.001'
t 'a run' 0 "$DQN" train short.ini $keys init_weights=w.safetensors --out a3 -q
same_file a3/init_weights.safetensors w.safetensors
t 'its configuration' 0 grep '^init_weights' a3/config.ini
out_is "init_weights = init_weights.safetensors@sha256:$sum"
mkdir far && cp w.safetensors far/x
for file in "$PWD/far/x" first far/../far/x "w.safetensors@sha256:$sum" a3; do
	rm -rf b3
	[ "$file" != a3 ] || file=a3/init_weights.safetensors
	t "from $file" 0 "$DQN" train short.ini $keys init_weights="$file" --out b3 -q
	same_tree a3 b3
done
t 'its own configuration, from here' 0 "$DQN" train a3/config.ini --out c3 -q
same_tree a3 c3
t 'in its own directory it is done' 0 "$DQN" train a3/config.ini --out a3
err_has "^dqn: 'a3' is already done"
t 'the default directory has the name of the file' 0 "$DQN" train short.ini init_weights=far/x -q
yes_if [ -s 'runs/short,init_weights=far%2Fx/seed-1/init_weights.safetensors' ]
t 'dqn config' 0 "$DQN" config short.ini init_weights=nowhere/y
out_has '^init_weights = nowhere/y$'

# --- without the original ---

has_or_is_done() { [ -e "$1/$2" ] || [ -e "$1/result.json" ]; } # DIR FILE
for file in config.ini init_weights.safetensors checkpoint.safetensors best.safetensors; do
	rm -rf cut && cp w.safetensors gone
	launch "$DQN" train short.ini $keys init_weights=gone --out cut -q
	t "killed once it has its $file" 0 wait_for has_or_is_done cut "$file"
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	[ ! -e cut/init_weights.safetensors ] || rm gone
	t 'and resumed' 0 "$DQN" train short.ini $keys init_weights=gone --out cut -q
	same_tree a3 cut
done
rm -f gone
t 'a run that is done needs no file' 0 "$DQN" train short.ini $keys init_weights=gone --out cut
err_has "^dqn: 'cut' is already done"
err_has "^dqn: warning: init_weights = 'gone': no such file; taking the copy of the run in 'cut'$"
t 'nor does --recheck' 0 "$DQN" eval cut --recheck
out_has 'the same as in its result.json'
t 'it can be run again' 0 "$DQN" train short.ini $keys init_weights=gone --out cut --fresh -q
same_tree a3 cut
t 'only the configuration was written' 0 mkdir begun
cp cut/config.ini begun
t 'then the file is needed' 2 "$DQN" train short.ini $keys init_weights=gone --out begun
err_has "^dqn: init_weights = 'gone': no such file$"
t 'and taken' 0 "$DQN" train short.ini $keys init_weights=w.safetensors --out begun -q
same_tree a3 begun
t 'a damaged copy of a run that is under way' 0 sh -c 'rm -rf begun && mkdir begun && cp cut/config.ini begun &&
	head -c 100 w.safetensors >begun/init_weights.safetensors'
t 'is no file to start from' 5 "$DQN" train short.ini $keys init_weights=gone --out begun
err_has "^dqn: 'begun/init_weights.safetensors' is not the file that init_weights asks for: its SHA-256 is [0-9a-f]{64}, not $sum$"
t 'and is replaced' 0 "$DQN" train short.ini $keys init_weights=w.safetensors --out begun -q
same_tree a3 begun
t 'a damaged copy of a run that is done' 0 cp first/best.safetensors begun/init_weights.safetensors
printf x >>begun/init_weights.safetensors
t 'is an error' 5 "$DQN" train short.ini $keys init_weights=w.safetensors --out begun
err_has "^dqn: 'begun/init_weights.safetensors' is not the file that init_weights asks for: its SHA-256 is another; --fresh runs it again$"
t 'of --recheck, too' 5 "$DQN" eval begun --recheck
err_has "^dqn: 'begun/init_weights.safetensors' is not the file that init_weights asks for"
rm begun/init_weights.safetensors
t 'none at all' 5 "$DQN" eval begun --recheck
err_has "^dqn: 'begun' has no 'init_weights.safetensors', which its init_weights asks for"

# --- another file is another run ---

t 'another file' 0 "$DQN" train short.ini seed=4 --out four -q
snapshot a3 >before
cp four/final.safetensors w.safetensors
t 'the file has changed' 6 "$DQN" train short.ini $keys init_weights=w.safetensors --out a3
err_has "^dqn: 'a3' holds a run of another configuration \(init_weights: another file, with SHA-256 $(echo "$sum" | cut -c1-12)\.\.\., not [0-9a-f]{12}\.\.\.\); --out chooses another directory, --fresh replaces the run$"
t 'no file is another run, too' 6 "$DQN" train short.ini $keys --out a3
err_has "\(init_weights: init_weights.safetensors@sha256:[0-9a-f]+..., not \"\"\)"
t 'its digest is asked for' 5 "$DQN" train short.ini $keys init_weights="w.safetensors@sha256:$sum" --out no
err_has "^dqn: 'w.safetensors' is not the file that init_weights asks for: its SHA-256 is [0-9a-f]{64}, not $sum$"
t 'nothing was touched' 0 snapshot a3
same_file "$out" before
no_if [ -e no ]
cp kept w.safetensors
t 'report tells them apart' 0 "$DQN" report a3 scratch four
out_has "^init_weights "
out_has "^sha256:$(echo "$sum" | cut -c1-12) "

# --- a finished run, given more steps ---

t 'more steps' 6 "$DQN" train short.ini total_timesteps=5000 --out first
err_has "^dqn: 'first' holds a run of another configuration \(total_timesteps: 2000, not 5000\)"
err_has '^dqn: to train its weights further: the same command with init_weights=first/final.safetensors and another directory by --out$'
t 'as it says' 0 "$DQN" train short.ini total_timesteps=5000 init_weights=first/final.safetensors --out more -q
t 'fewer steps' 6 "$DQN" train short.ini total_timesteps=1500 --out first
err_lacks 'further'
t 'in place of the run whose weights it takes' 0 "$DQN" train short.ini $keys init_weights=four/final.safetensors \
	--out four2 -q
t 'with --fresh' 0 "$DQN" train short.ini $keys init_weights=four/final.safetensors --out four --fresh -q
same_tree four2 four

# --- files that cannot be ---

refused() # WHAT STATUS MESSAGE KEY...: nothing is made
{
	rm -rf no
	which=$1 status=$2 message=$3
	shift 3
	t "$which" "$status" "$DQN" train short.ini "$@" --out no
	err_has "$message"
	no_if [ -e no ]
}
refused 'no file' 2 "^dqn: init_weights = 'none': no such file$" init_weights=none
mkdir empty
refused 'no run' 2 "no 'final.safetensors' in 'empty'" init_weights=empty
: >zero && head -c 1000 w.safetensors >half && echo text >text
refused 'an empty file' 5 "^dqn: 'zero'" init_weights=zero
refused 'half a file' 5 "^dqn: 'half'" init_weights=half
refused 'a text' 5 "^dqn: 'text'" init_weights=text
printf '\377\377\377\377\377\377\377\177{' >huge
refused 'a header of 2^63 bytes' 5 "^dqn: 'huge'" init_weights=huge
tr '\000' '\001' <w.safetensors >wrong
refused 'other bytes' 5 "^dqn: 'wrong'" init_weights=wrong
if [ "$(id -u)" -ne 0 ]; then
	cp w.safetensors locked && chmod 0 locked
	refused 'no permission' 2 'ermission' init_weights=locked
fi
mkfifo fifo
cat w.safetensors >fifo &
t_pids="$t_pids $!"
t 'a FIFO is read' 0 "$DQN" train short.ini $keys init_weights=fifo --out pipe -q
same_tree a3 pipe
what="^dqn: 'w.safetensors' cannot be init_weights of this run:"
refused 'another net_arch' 5 "$what the network is 4-16-2, not 4-16-8-2$" init_weights=w.safetensors net_arch=16,8
refused 'dueling' 5 "$what the network is 4-16-2, not 4-16-2 \(dueling\)$" init_weights=w.safetensors dueling=true
refused 'another activation' 5 "$what activation is relu, not tanh$" init_weights=w.safetensors activation=tanh
refused 'another obs_scale' 5 "$what obs_scale is .*, not \[1,1,1,1\]$" init_weights=w.safetensors obs_scale=none
refused 'another environment' 5 "$what the network is 4-16-2, not 6-16-3$" init_weights=w.safetensors id=Acrobot-v1
t 'another reward_scale' 0 "$DQN" train short.ini init_weights=w.safetensors reward_scale=1 --out reward
err_has "^dqn: warning: 'w.safetensors' was trained with reward_scale = 0.01, not 1: its Q values are of another scale$"
t 'another environment of that size' 0 "$DQN" train short.ini init_weights=w.safetensors id=process \
	command='"$DQN" env serve CartPole-v1' --out child -q

# --- weights of other programs ---

# As 'dqn export' makes ours of them, which say their net_arch, and as they are.
sed -n 's/^file //p' "$golden.txt" >names
while read -r name activation; do
	file=$golden/$name.safetensors
	t "what weights of $name do" 0 "$DQN" act "$file" --env CartPole-v1 --activation "$activation" --q <obs4
	cp "$out" q
	"$DQN" export "$file" --env CartPole-v1 --activation "$activation" --to safetensors --out ours
	"$DQN" inspect ours >inside
	arch=$(sed -n 's/^  net_arch = //p' inside)
	dueling=false && ! grep -q 'value\.weight' inside || dueling=true
	for weights in "$file" ours; do
		rm -rf theirs
		t "a run from $(basename "$weights")" 0 "$DQN" train short.ini net_arch="$arch" dueling=$dueling \
			activation="$activation" obs_scale=none gradient_steps=0 total_timesteps=600 init_weights="$weights" --out theirs -q
		t 'does the same' 0 "$DQN" act theirs --q <obs4
		same_file "$out" q
	done
done <names
sb3=$golden/sb3.safetensors arch=8,8
t 'scaled observations' 0 "$DQN" train short.ini net_arch="$arch" gradient_steps=0 init_weights="$sb3" --out sb3s
err_has "^dqn: warning: '$sb3' does not say how its observations were scaled; .*obs_scale"
refused 'of another size' 5 "the network is 4-.*, not 4-7-2$" net_arch=7 init_weights="$sb3"
refused 'for another environment' 5 'its layers lead in no order from 6 observations to 3 actions; it has ' \
	id=Acrobot-v1 init_weights="$sb3"

# --- tests/finetune ---

t 'fine-tuning, on two seeds' 0 env OUT=tuned GRAVITY=12 sh "$root/tests/finetune" 7 8
out_has '^gravity 12: the beginning takes [0-9.]+ times the steps, 95 %: [0-9.]+ to [0-9.]+$'
cp "$out" table
for start in scratch weights; do
	row=$(tail -q -n 1 tuned/$start-12/[78]/timing.csv | awk -F, '{ sum += $1 } END { print sum / 2 }')
	is "steps, $start" "$(grep "$([ $start = weights ] && echo v1 || echo beginning) |" table | cut -d'|' -f6,7 | tr -d ' ')" "$row|$row"
done
is 'whose weights they are' "$(sha256sum <tuned/weights-12/7/init_weights.safetensors)" \
	"$(sha256sum <tuned/v1/7/final.safetensors)"

# --- sweeps, completions ---

cat short.ini >space.ini
sed -i 's/^seed = .*/seed = 1..2/; s/^init_weights = .*/init_weights = w.safetensors/' space.ini
t 'a sweep prints the file as it was written' 0 "$DQN" sweep space.ini init_weights=far/x
out_has 'train space.ini init_weights=far/x seed=1 --brief --out .*init_weights=far%2Fx/seed-1$'
cp "$out" written
t 'also those that are missing' 0 "$DQN" sweep space.ini init_weights=far/x --missing
same_file "$out" written
t 'a sweep' 0 "$DQN" sweep space.ini
sh "$out" >runs.out
t 'all is done' 0 "$DQN" sweep space.ini --missing --count
out_is 0
cp four/final.safetensors w.safetensors
t 'with another file nothing is' 0 "$DQN" sweep space.ini --missing --count
out_is 2
rm w.safetensors
t 'without the file those that are done are done' 0 "$DQN" sweep space.ini --missing --count
out_is 0
t 'completions: files after init_weights=' 0 "$DQN" completions query -- train short.ini init_weights=
out_is ':value'

end
