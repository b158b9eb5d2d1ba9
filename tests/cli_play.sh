#!/bin/sh
# dqn play: an episode in the terminal, as an animation, as lines. script(1) plays the terminal.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs
train() { t "a run, $*" 0 "$DQN" train -q "$@"; }
train short.ini --out run
train short.ini total_timesteps=101 --out other
train short.ini id=Acrobot-v1 --out acrobot
train short.ini id=MountainCar-v0 stop_return=none --out mountaincar
cat >child.sh <<'END' # obs: steps since the reset and their square, to 1000
[ -z "${talks-}" ] || echo "child starts" >&2
while read -r word i a; do
	case $word in
	hello) echo "env Count 1 obs=${obs:-2} actions=${actions:-3} limit=${limit:-7} reward=-1..1" ;;
	reset) n=0 && echo "obs $i$(numbers 0)" ;;
	step)
		n=$((n + 1))
		[ "$n" != "${fails_at:-0}" ] || { echo 'error no more' && exit 3; }
		echo "step $i 1 0 0$(numbers $n)"
		;;
	esac
done
END
sed -i '1i numbers() { k=0; while [ $k -lt ${obs:-2} ]; do printf " %s" $(($1 * (k + 1) % 1000)); k=$((k + 1)); done; }' child.sh
child="sh child.sh"
t 'a run of a child' 0 "$DQN" train -q short.ini id=process obs_scale=none "command=$child" total_timesteps=300 final_eval_episodes=1 eval_freq=0 --out child

# --- the animation ---

well_formed() { ! command -v xmllint >/dev/null || xmllint --noout "$1"; }
all_values() { grep -o 'values="[^"]*"' "$1" | tr -cd ';\n' | awk '{ print length($0) + 1 }' | sort -u; } # how many an attribute has
for env in run acrobot mountaincar; do
	t "an animation of $env" 0 "$DQN" play $env --svg $env.svg
	out_empty
	yes_if well_formed $env.svg
	yes_if [ "$(wc -c <$env.svg)" -lt 204800 ]
	no_if grep -qi '<script\|javascript\|href\|onload' $env.svg
	yes_if grep -q 'prefers-color-scheme:dark' $env.svg
	yes_if grep -q '<animate attributeName="d" dur="[0-9.]*s" repeatCount="indefinite" values="M' $env.svg
	is "numbers of frames" "$(all_values $env.svg | wc -l)" 1
	t 'the same bytes again, on standard output' 0 "$DQN" play $env --svg -
	same_file "$out" $env.svg
	t 'and with another locale and other instructions' 0 env LC_ALL=de_DE.UTF-8 DQN_ISA=scalar "$DQN" play $env --svg -
	same_file "$out" $env.svg
done
t 'the return of that episode' 0 "$DQN" eval run --seed 5 -n 1 --csv
length=$(sed -n 's/^1,[^,]*,//p' "$out")
t 'is in its animation' 0 "$DQN" play run --seed 5 --svg -
out_has ">after 2000 steps: return $length\.0<"
t 'of three episodes their mean' 0 "$DQN" eval run --seed 5 -n 3 --json
mean=$(sed 's/.*"return_mean":\([0-9.]*\).*/\1/' "$out" | awk '{ printf "%.1f", $1 }')
t 'is in theirs' 0 "$DQN" play run --seed 5 -n 3 --svg -
out_has ">after 2000 steps: return $mean, mean of 3 episodes<"
t 'random actions are those of dqn eval' 0 "$DQN" eval run --seed 5 -n 1 --csv --epsilon 0.5
length=$(sed -n 's/^1,[^,]*,//p' "$out")
t 'with the same epsilon' 0 "$DQN" play run --seed 5 --epsilon 0.5 --svg -
out_has ">after 2000 steps: return $length\.0<"
t 'without a seed it is an episode of dqn eval, too' 0 "$DQN" eval run -n 1 --csv
length=$(sed -n 's/^1,[^,]*,//p' "$out")
t 'the first one' 0 "$DQN" play run --svg -
out_has "return $length\.0<"
t 'two side by side: who is done plays on' 0 "$DQN" play other run --seed 1 --svg two.svg
yes_if well_formed two.svg
is panels "$(grep -c '^<g ' two.svg)" 2
is 'frames of both' "$(all_values two.svg | wc -l)" 1
yes_if grep -q '<title>CartPole-v1 played by other, run</title>' two.svg
t 'an episode of a thousand steps' 0 env limit=100000 "$DQN" play child --command "$child" --max-episode-steps 1000 --svg long.svg
yes_if well_formed long.svg
yes_if [ "$(all_values long.svg)" -le 240 ]
yes_if [ "$(all_values long.svg)" -ge 120 ]
yes_if grep -q 'dur="20s"' long.svg
t '--fps sets the time' 0 env limit=100000 "$DQN" play child --command "$child" --max-episode-steps 1000 --fps 4 --svg long.svg
yes_if grep -q 'dur="25[0-9.]*s"' long.svg
t 'many components and actions' 0 env obs=100 actions=40 limit=300 "$DQN" train -q short.ini id=process obs_scale=none "command=$child" total_timesteps=101 final_eval_episodes=1 eval_freq=0 --out wide
t 'four at once are under 200 KB' 0 env obs=100 actions=40 limit=300 "$DQN" play wide wide wide wide --command "$child" --svg wide.svg
yes_if well_formed wide.svg
yes_if [ "$(wc -c <wide.svg)" -lt 204800 ]
cp -r run 'a&<b>"'
t 'a name that XML must not see' 0 "$DQN" play 'a&<b>"' --svg name.svg
yes_if well_formed name.svg

t 'a full disk' 1 "$DQN" play run --svg /dev/full
err_has 'No space left'
t 'standard output that is full' 1 sh -c 'exec "$DQN" play run --svg - >/dev/full'
err_has 'No space left'
t 'no such run' 1 "$DQN" play nothing --svg x.svg
err_has "^dqn: open 'nothing'"
yes_if [ ! -e x.svg ]
for fps in 0 -1 1001 x; do
	t "--fps $fps" 2 "$DQN" play run --fps=$fps
	err_has "^dqn: --fps '$fps' is not "
done
t 'five at once' 2 "$DQN" play run run run run run
err_has 'one argument too many'
t 'a child that needs its command' 2 "$DQN" play child --svg x.svg
err_has '^dqn: the environment of .* name its command by --command'
t 'a child that fails' 7 env fails_at=3 "$DQN" play child --command "$child" --svg x.svg
err_has "error no more|no more"
yes_if [ ! -e x.svg ]

# --- lines, where there is no terminal ---

for form in csv json; do
	t "a step a line, as $form" 0 "$DQN" eval run -n 2 --seed 3 --epsilon 0.1 --steps --q --$form
	cp "$out" steps
	t "the same of dqn play --$form" 0 "$DQN" play run -n 2 --seed 3 --epsilon 0.1 --$form
	same_file "$out" steps
done
t 'without a terminal they are CSV, of one episode' 0 "$DQN" play run
is 'episodes' "$(sed -n '2,$s/,.*//p' "$out" | sort -u)" 1
is 'columns' "$(head -n 1 "$out")" 'episode,step,obs_0,obs_1,obs_2,obs_3,action,reward,terminated,truncated,next_obs_0,next_obs_1,next_obs_2,next_obs_3,q_0,q_1'
t 'of a child' 0 "$DQN" play child --command "$child" --max-episode-steps 4
out_lines 5
t 'of two policies' 2 "$DQN" play run other
err_has "^dqn: the steps of one policy can be printed, not of 2$"
t 'two forms at once' 2 "$DQN" play run --csv --svg x.svg
err_any

# --- the terminal ---

has_terminal 'all that needs a terminal' || end
esc=$(printf '\033')
keys=$tmp/keys
mkfifo "$keys"
exec 9<>"$keys"
as_usual='env --default-signal=INT,QUIT' # where they are ignored, as in the background of a shell
$as_usual true 2>/dev/null || as_usual=
# on_terminal SIZE VARIABLE COMMAND: what a terminal gets is in $tmp/terminal as it comes. The modes of
# the terminal before and after are compared; the command's process is in the file pid.
on_terminal()
{
	env TERM=xterm LC_ALL=C.UTF-8 SHELL=/bin/sh "$2" script -qefc "trap : INT; stty rows ${1%x*} cols ${1#*x}; tty >terminal; echo \$PPID >script; stty -g >before
		$as_usual sh -c 'echo \$\$ >pid; exec $3'; echo \$? >status; stty -g >after" "$tmp/terminal" <"$keys" >/dev/null 2>&1
	same_file before after
	cat "$tmp/terminal"
	return "$(cat status)"
}
behind()
{
	: >"$tmp/terminal"
	rm -f pid status
	on_terminal "$@" >"$tmp/behind" &
	t_pids="$t_pids $!"
}
shows() { grep -q -e "$1" "$tmp/terminal"; }
screen() { tr '\n' ' ' <"$tmp/terminal" | sed "s/.*${esc}\[1H//" | sed "s/$esc\[0*[0-9;]*m//g; s/$esc\[[0-9]*H/\n/g"; } # the last picture
restored() # the screen before, the cursor, no colour: the last of what is drawn
{
	yes_if grep -q "$esc\[?1049h$esc\[?25l" "$tmp/terminal"
	yes_if grep -q "$esc\[0m$esc\[?25h$esc\[?1049l" "$tmp/terminal"
	no_if grep -q "$esc\[?1049l.*$esc\[[0-9]*H" "$tmp/terminal"
}
t 'an episode to its end' 0 on_terminal 24x80 A=a "$DQN play other --fps 200 --seed 1"
restored
t 'and its return' 0 "$DQN" eval other --seed 1 -n 1 --json
mean=$(sed 's/.*"return_mean":\([0-9.]*\).*/\1/' "$out")
yes_if grep -q "other: return $mean in 1 episode" "$tmp/terminal"
for locale in C.UTF-8 C; do
	for size in 12x40 24x80 60x200 5x12 1x1 130x500; do
		t "a terminal of $size, $locale" 0 on_terminal $size LC_ALL=$locale "$DQN play other acrobot --fps 1000 -n 1 --max-episode-steps 3"
		restored
		yes_if [ "$(grep -aoE "$esc\[[0-9]+H" "$tmp/terminal" | tr -cd '0-9\n' | sort -n | tail -n 1)" -le "${size%x*}" ]
		[ $locale = C.UTF-8 ] || no_if grep -q '[^[:print:][:cntrl:]]' "$tmp/terminal"
	done
done
t 'colours' 0 on_terminal 24x80 A=a "$DQN play other --fps 1000"
out_has "${esc}\[0;33m"
t 'NO_COLOR leaves none' 0 on_terminal 24x80 NO_COLOR=1 "$DQN play other --fps 1000"
out_lacks "${esc}\[[0-9;]*[1-9][0-9;]*m"
t 'a child by its observation' 0 on_terminal 24x80 A=a "env talks=1 $DQN play child --fps 100 --command \"$child\" 2>child.err"
out_has 'obs 7 14'
out_has 'return 7.0  step 7  truncated'
is 'what it says to people' "$(tr -d '\r' <child.err)" 'child starts'
t 'a child that fails' 7 on_terminal 24x80 A=a "env fails_at=3 $DQN play child --fps 100 --command \"$child\""
restored
out_has 'dqn: environment: .*no more'
t 'weights that are not there' 1 on_terminal 24x80 A=a "$DQN play nothing"
out_lacks "$esc"

t 'keys' 0 true
behind 24x80 A=a "$DQN play run acrobot --fps 20 --seed 1"
yes_if wait_for shows 'step 3 '
printf ' ' >&9
yes_if wait_for shows 'paused; space resumes'
sleep 0.3
at=$(screen | grep -o 'step [0-9]*' | head -n 1)
sleep 0.3
is 'it stands' "$(screen | grep -o 'step [0-9]*' | head -n 1)" "$at"
printf 'n' >&9
yes_if wait_for shows "step $((${at#step } + 1)) "
printf '.' >&9
yes_if wait_for shows "step $((${at#step } + 2)) "
no_if shows "step $((${at#step } + 3)) "
printf ' ' >&9
yes_if wait_for shows "step $((${at#step } + 5)) "
printf 'q' >&9
wait $!
is status "$(cat status)" 0
restored
same_file before after

t 'a terminal whose size changes, paused' 0 true
behind 24x80 A=a "$DQN play run --fps 20 --max-episode-steps 300 --seed 1"
yes_if wait_for shows 'step 3 '
printf ' ' >&9
yes_if wait_for shows 'paused; '
widest() { screen | tr -d "\200-\277" | awk '{ sub(/\r$/, "") } length($0) > n { n = length($0) } END { print n }'; } # each character has one other byte
for size in '12 40' '40 100' '3 20'; do # stty sets them one after the other: two signals
	stty -F "$(cat terminal)" rows "${size% *}" cols "${size#* }"
	fills() { [ "$(screen | grep -c '')" -eq "$1" ] && [ "$(widest)" -eq "$2" ]; }
	yes_if wait_for fills "${size% *}" "${size#* }"
done
printf 'q' >&9
wait $!

t 'signals while the terminal takes nothing' 0 true
for signals in WINCH CONT 'TSTP CONT'; do
	behind 100x400 A=a "$DQN play run --fps 1000 --max-episode-steps 300 --seed 1"
	yes_if wait_for shows 'step 3'
	kill -STOP "$(cat script)"
	sleep 0.5 # dqn play fills what the terminal holds, and waits in write()
	for signal in $signals; do
		kill -"$signal" "$(cat pid)"
		sleep 0.1
	done
	kill -CONT "$(cat script)"
	sleep 0.3
	printf 'q' >&9
	wait $!
	is "status after $signals" "$(cat status)" 0
done

when_it_plays() { (wait_for shows 'step 3 ' && eval "$1") & t_pids="$t_pids $!"; } # in the background INT is ignored
for signal in INT:130 TERM:143 HUP:129 QUIT:131 ABRT:134 USR1:138 SEGV:139; do
	: >"$tmp/terminal"
	when_it_plays "kill -${signal%:*} \$(cat pid)"
	t "the terminal after SIG${signal%:*}" "${signal#*:}" on_terminal 24x80 A=a "$DQN play run --fps 20 --max-episode-steps 300"
	restored
done
: >"$tmp/terminal"
when_it_plays "printf '\\003' >&9"
t 'Ctrl-C' 130 on_terminal 24x80 A=a "$DQN play run --fps 20 --max-episode-steps 300"
restored

t 'Ctrl-Z gives the terminal back, and fg takes it again' 0 true
cat >job.sh <<'END'
set -m
stty -g >before
"$DQN" play run --fps 20 --max-episode-steps 300 &
echo $! >pid
fg %1
stty -g >stopped
echo stopped
fg %1
echo $? >status
stty -g >after
END
: >"$tmp/terminal"
(env TERM=xterm LC_ALL=C.UTF-8 SHELL=/bin/sh script -qefc 'stty rows 24 cols 80; sh job.sh' "$tmp/terminal" <"$keys" >/dev/null 2>&1) &
t_pids="$t_pids $!"
yes_if wait_for shows 'step 3 '
printf '\032' >&9
yes_if wait_for shows '^stopped'
same_file before stopped
yes_if grep -q "$esc\[?25h$esc\[?1049l" "$tmp/terminal"
again() { sed '1,/^stopped/d' "$tmp/terminal" | grep -q "$esc\[?1049h.*step "; }
yes_if wait_for again
printf 'q' >&9
wait $!
is status "$(cat status)" 0
same_file before after
end
