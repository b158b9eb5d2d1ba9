#!/bin/sh
# dqn env: what is built in, a built-in as a child process, the check of a command.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

# --- list, show ---

t 'no word' 2 "$DQN" env
err_has "^dqn: 'env' needs list, show, serve or check: dqn env list \| show ID "
t 'list' 0 "$DQN" env list
is 'a line for each, and a header' "$(wc -l <"$out")" 5
out_has '^id +observations +actions +limit +solved$'
out_has '^Acrobot-v1 +6 +3 +500 +-100$'
out_lacks process
t 'show' 0 "$DQN" env show MountainCar-v0
out_is 'env MountainCar-v0 1 obs=2 actions=3 limit=200 reward=-1..-1 solved=-110 high=1.2,0.07 instances=16'
for args in '' 'lsit' 'list CartPole-v1' show serve check 'show CartPole' 'serve process' 'check true --timeout 0'; do
	# shellcheck disable=SC2086 # a list of words
	t "env $args" 2 "$DQN" env $args
	out_empty
	err_any
done
t 'a near miss' 2 "$DQN" env show Acrobot-v0
err_has "did you mean 'Acrobot-v1'\?$"

# --- serve ---

serve() # ID LINE...: its answers
{
	id=$1
	shift
	printf '%s\n' "$@" | "$DQN" env serve "$id"
}
t 'a conversation' 0 serve CartPole-v1 'hello 1' 'reset 0 42' 'reset 15 7' 'step 0 1' 'step 15 0' quit 'step 0 1'
is 'lines' "$(wc -l <"$out")" 5
out_has '^env CartPole-v1 1 obs=4 actions=2 limit=500 reward=1\.\.1 solved=475 high=[0-9.,]+ instances=16$'
out_has '^obs 0 0\.0273956042 -0\.00611215597 0\.0358597934 0\.0197368022$' # Gymnasium's reset(seed=42)
out_has '^obs 15 '
out_has '^step 0 1 0 0 0\.0272733625 0\.188477665 0\.0362545289 -0\.261419773$'
t 'the end of the input ends it' 0 serve Acrobot-v1 'hello 1'
t 'also at once' 0 "$DQN" env serve Acrobot-v1
out_empty
for line in hello 'hello 2' 'reset 0' 'reset 16 1' 'reset -1 1' 'reset 0 -1' 'reset 0 18446744073709551616' 'reset 0 1 ' \
	'reset 0 1x' 'step 1 0' 'step 0 2' 'step 0 -1' 'step 0 0.5' 'Reset 0 1' ' reset 0 1' 'observe 0' ''; do
	t "refused: '$line'" 1 serve CartPole-v1 'hello 1' 'reset 0 18446744073709551615' "$line"
	is 'the last line' "$(tail -n 1 "$out")" "error '$line' is not a request that can be answered here"
done
t 'an episode that has terminated is not stepped' 1 serve CartPole-v1 'reset 0 1' 'step 0 1' 'step 0 1' 'step 0 1' 'step 0 1' \
	'step 0 1' 'step 0 1' 'step 0 1' 'step 0 1' 'step 0 1' 'step 0 1' 'step 0 1' 'step 0 1' 'step 0 1'
out_has '^step 0 1 1 0 '
out_has '^error '
t 'a full disk' 1 sh -c 'printf "hello 1\n" | "$DQN" env serve CartPole-v1 >/dev/full'
err_any

# A built-in trains to the same bytes whether it is a child or not; masks and numbers of
# instances have no part in it.
copy_configs
data() # RUN: the weights, without the file's header
{
	tail -c +$((9 + $(od -An -tu8 -N8 "$1/final.safetensors"))) "$1/final.safetensors" >"$1.data"
}
for name in cartpole acrobot mountaincar; do
	id=$("$DQN" config configs/$name.ini | sed -n 's/^id = //p')
	keys='seed=3 total_timesteps=3000 learning_starts=500 eval_freq=1000 eval_episodes=20 final_eval_episodes=5 stop_return=none'
	# shellcheck disable=SC2086 # a list of words
	t "$id" 0 "$DQN" train configs/$name.ini $keys --out $name -q
	# shellcheck disable=SC2086
	t "$id as a child" 0 "$DQN" train configs/$name.ini $keys --out $name-child -q id=process command="$DQN env serve $id"
	for log in progress episodes eval; do
		same_file $name/$log.csv $name-child/$log.csv
	done
	data $name
	data $name-child
	same_file $name.data $name-child.data
	yes_if [ -s $name.data ]
	t "evaluated, $id" 0 "$DQN" eval $name --seed 5 -n 20 --csv
	cp "$out" built-in
	t "evaluated as a child, $id" 0 "$DQN" eval $name-child --seed 5 -n 20 --csv --command "$DQN env serve $id"
	same_file built-in "$out"
	t "checked again, $id" 0 "$DQN" eval $name-child --recheck --command "$DQN env serve $id"
done
t 'a request that is too long' 1 sh -c '{ echo hello 1; yes | tr -d "\n"; } | "$DQN" env serve CartPole-v1'
out_has '^error the request is too long$'
out_lines 2
t 'one that is no text' 1 sh -c 'printf "hello\000 1\n" | "$DQN" env serve CartPole-v1'
out_is 'error the request holds a NUL byte'
t 'one that cannot be read' 1 sh -c '"$DQN" env serve CartPole-v1 <.'
out_is 'error standard input cannot be read'
t 'no command is taken from a file' 2 "$DQN" eval cartpole-child
err_has "its command by --command; in training it was '$DQN env serve CartPole-v1'$"
t 'nor from a weights file' 2 "$DQN" eval cartpole-child/final.safetensors
err_any
t 'another environment' 2 "$DQN" eval cartpole-child --command "$DQN env serve Acrobot-v1"
err_has ' is for 4 observations and 2 actions; the environment has 6 and 3$'
t 'a command for a built-in' 2 "$DQN" eval cartpole --command true
err_has "^dqn: 'CartPole-v1' is built in: leave out --command$"

# --- check ---

# A walk on a line of 10 cells in shell, with one of the mistakes that people make. The reply
# to instance i is of its own cell.
cat >walk.sh <<'EOF'
bug=$1 n=0 masks=
[ "$bug" = masks ] && masks=' mask 11'
while read -r verb i x; do
	case $bug,$i in shared,*) at=0 ;; *) at=$i ;; esac
	case $verb in
	hello) echo "env walk 1 obs=1 actions=2 limit=40 reward=-1..0 instances=4${masks:+ masks=1}$HIGH" ;;
	reset)
		n=$((n + 1))
		case $bug in
		drift) cell=$((n % 5 + 2)) ;;
		fixed) cell=4 ;;
		middle) eval "[ \"\${cell_$at-0}\" -gt 0 ] && cell=\$cell_$at || cell=$((${x#"${x%?}"} % 5 + 2))" ;;
		*) cell=$((${x#"${x%?}"} % 5 + 2)) ;;
		esac
		eval "cell_$at=$cell"
		echo "obs $i $cell$masks"
		;;
	step)
		n=$((n + 1))
		eval "cell=\$((cell_$at + 2 * x - 1))"
		[ "$bug" != clock ] || [ $((n % 7)) -gt 0 ] || cell=$((cell + 1))
		[ "$bug" != dead ] || exit 3
		end=0
		[ $cell -gt 0 ] && [ $cell -lt 9 ] || end=1
		[ $end -eq 0 ] || [ "$bug" = middle ] || cell=0
		eval "cell_$at=$cell"
		[ $end -eq 0 ] || eval "cell_$at=0"
		echo "step $i -1 $end 0 $cell$masks"
		;;
	quit) [ "$bug" = deaf ] || exit 0 ;;
	esac
done
[ "$bug" != deaf ] || sleep 100
EOF
export HIGH=' high=9'
t 'an environment that keeps the rules' 0 "$DQN" env check 'sh walk.sh none'
out_has '^ok    it starts and declares: env walk 1 '
out_has '^[0-9.]+ us a step; [0-9.]+ us with 4 instances side by side'
out_has '^this environment keeps the rules$'
out_lacks '^FAIL'
broken() # BUG RULE
{
	t "a mistake: $1" 7 "$DQN" env check "sh walk.sh $1"
	out_has "^FAIL  $2"
	out_has '^      [^ ]' # what to mend
	out_has '^this environment breaks a rule$'
}
broken drift 'the same seed starts the same episode$'
broken clock 'the same seed and actions give the same episode$'
broken middle 'a reset in the middle of an episode is a new start$'
broken shared 'instances are independent$'
broken deaf 'it ends when its input ends$'
t 'a start that never varies is noted' 0 "$DQN" env check 'sh walk.sh fixed'
out_has '^note  other seeds start elsewhere$'
out_has '^skip  seeds have 64 bits$'
cat >seeds.sh <<'EOF'
while read -r verb i x; do
	case $verb in
	hello) echo "env seeds 1 obs=4 actions=2 limit=3 reward=0..1" ;;
	reset)
		case $1,${#x} in
		double,19) x=${x%????}0000 ;;
		signed,19) x=9223372036854775807 ;;
		esac
		x=00000000000000000000$x obs=
		while [ ${#x} -gt 20 ]; do x=${x#?}; done
		while [ -n "$x" ]; do rest=${x#?????} && obs="$obs 1${x%"$rest"}" && x=$rest; done
		echo "obs $i$obs"
		;;
	step) echo "step $i $x 0 0$obs" ;;
	quit) exit ;;
	esac
done
EOF
while read -r verdict how; do
	t "seeds as $how" 0 "$DQN" env check "sh seeds.sh $how"
	out_has "^$verdict +seeds have 64 bits$"
	out_has '^skip  requests that come together are answered in order$' # of one instance none do
done <<'END'
ok whole
note double
note signed
END
t 'masks that forbid nothing, too' 0 "$DQN" env check 'sh walk.sh masks'
out_has '^note  masks forbid something$'
HIGH=
t 'and no typical sizes' 0 "$DQN" env check 'sh walk.sh none'
out_has '^note  observations have typical sizes: none declared; the largest is [0-9]$'
HIGH=' high=9000'
t 'or wrong ones' 0 "$DQN" env check 'sh walk.sh none'
out_has '^note  observations have typical sizes: the largest is 0\.00[0-9]* of its typical size$'
t 'one that dies' 7 "$DQN" env check 'sh walk.sh dead'
out_has '^FAIL  '
err_has "^dqn: environment: no reply to 'step 0 [01]', its output has ended; the command has ended with status 3$"
no_if grep -A 1 '^FAIL' "$out" | grep -q '^ ' # the error says what to mend
cat >blank.sh <<'EOF'
while read -r verb i _; do
	[ "$verb" != hello ] || echo "env blank 1 obs=1 actions=2 reward=0..0"
	[ "$verb" != reset ] || echo "obs $i 0 "
	[ "$verb" != quit ] || exit
done
EOF
t 'one with nothing but wrong replies' 7 "$DQN" env check 'sh blank.sh'
out_has '^skip  observations have typical sizes$'
out_lacks 'same episode: a 32-bit|do not depend'
err_any
t 'one that does not start' 7 env "$DQN" env check ./no-such-program
out_empty
err_has 'no-such-program'
t 'one that is silent' 7 "$DQN" env check 'sleep 100' --start-timeout 0.2
err_has "^dqn: environment: no reply to 'hello 1' within .* = 0\.2 s \(does it flush its output\?\)"
for id in CartPole-v1 CartPole-v0 Acrobot-v1 MountainCar-v0; do
	t "a built-in: $id" 0 "$DQN" env check "$DQN env serve $id"
	out_has '^this environment keeps the rules$'
	out_lacks '^(FAIL|note  (seeds|actions|instances))'
done
cat >slow.sh <<'EOF'
while read -r verb i _; do
	case $verb in
	hello) echo "env slow 1 obs=1 actions=2 reward=0..0" ;;
	reset) echo "obs $i 0" ;;
	step) sleep 0.002 && echo "step $i 0 1 0 0" ;;
	quit) exit ;;
	esac
done
EOF
t 'a step of milliseconds' 0 "$DQN" train /dev/null id=process command='sh slow.sh' total_timesteps=20 learning_starts=5 \
	eval_freq=0 final_eval_episodes=2 --out slow
err_has '^dqn: environment: [0-9]{4,} us a step, so '
err_lacks 'stop_return'
t 'what stop_return adds to the evaluations' 0 "$DQN" train configs/cartpole.ini id=process command="$DQN env serve CartPole-v1" \
	stop_return=8 total_timesteps=1000 stop_episodes=500 --out added
err_has '^dqn: environment: up to [0-9hms]+ more each time that an evaluation reaches stop_return$'
t 'no time limit' 0 "$DQN" eval slow --command 'sh slow.sh' -n 2 --max-episode-steps 5
out_has "; episodes of up to 5 steps \(slow's own limit: none; in the run's evaluations: none\)$"
end
