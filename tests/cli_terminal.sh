#!/bin/sh
# What a terminal gets: one line that is redrawn, colours, its own width; and what a poor
# one does not get. script(1) plays the terminal.
# shellcheck disable=SC2317 # t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
t 'the program is there' 0 "$DQN" --version
out_is "dqn $version"
has_terminal 'all that needs a terminal' || end
copy_configs

# on_terminal SIZE VARIABLES COMMAND: its output as a terminal of LINESxCOLUMNS got it, the
# carriage returns before line feeds taken away. Nobody exports COLUMNS, as in a shell.
on_terminal()
{
	env TERM=xterm LC_ALL=C.UTF-8 SHELL=/bin/sh "$2" script -qfec \
		"tty >terminal; stty rows ${1%x*} cols ${1#*x}; $3" /dev/null >"$tmp/terminal" </dev/null
	status=$?
	sed 's/\r$//' "$tmp/terminal"
	return "$status"
}
# What is drawn, a line for each time, blocks as one byte each.
drawings() { tr '\r' '\n' | grep "^dqn: .*$esc\[K" | sed "s/$esc\[K.*//; s/▁\|▂\|▃\|▄\|▅\|▆\|▇\|█/#/g"; }
widest() { drawings | awk '{ n = length($0) > n ? length($0) : n } END { print n + 0 }'; }
# Slow enough to be drawn: the clock is looked at every 64 steps.
long="$DQN train short.ini total_timesteps=1e9 log_interval=500 eval_freq=0 train_freq=1 --out"
cr=$(printf '\r') esc=$(printf '\033')

stopped() # SIZE VARIABLES DIR: a long run that is asked to stop, later if it has hardly begun
{
	for seconds in 1 4 16; do
		on_terminal "$1" "$2" "timeout -s TERM $seconds $long $3"
		status=$?
		! grep -qE 'saving at step [0-9]{4,} ' "$tmp/terminal" || break
	done
	return "$status"
}
t 'a run draws one line again and again' 124 stopped 24x120 LC_ALL=C.UTF-8 a
out_has "${cr}dqn: +[0-9]+ %  [0-9]+/1000000000  [0-9]+ steps/s  [0-9]+[dhm][0-9]{2}[hms] left  return [0-9.]+ (▁|▂|▃|▄|▅|▆|▇|█)+${esc}\[K"
out_has "${cr}${esc}\[K"
t 'without blocks where the locale has none' 124 stopped 24x120 LC_ALL=C b
out_has "${cr}dqn: +0 %  [0-9]+/1000000000 .*return [0-9.]+${esc}\[K"
out_lacks '▁|▂|▃|▄|▅|▆|▇|█'

# --- evaluations ---

lasting() { sed "s/.*$cr//; s/^$esc\[K//" "$out" | grep '^dqn: '; } # what stays of each line
bests() { awk -F, 'NR > 1 && (n == 0 || $3 > best) { best = $3; n++ } END { print n + 0 }' "$1/eval.csv"; }
evaluating="$DQN train short.ini total_timesteps=8000 net_arch=64,64 eval_freq=200"
t 'the last and the best evaluation stand in the line' 0 on_terminal 24x80 A=a "$evaluating --out evaluating"
out_has "${cr}dqn: +[0-9]+ % .* left .* eval [0-9.]+  best [0-9.]+  return [0-9.]+.*${esc}\[K"
lasting >"$tmp/lasting"
is 'a lasting line for each new best' "$(grep -c ': evaluation .*, best, ' "$tmp/lasting")" "$(bests evaluating)"
is 'and for nothing else but the head' "$(wc -l <"$tmp/lasting")" $(($(bests evaluating) + 2))
is 'the head' "$(head -n 2 "$tmp/lasting" | tr '\n' '|')" \
	"dqn: CartPole-v1, seed 1, 8000 steps; network 4-64-64-2, 4610 weights|dqn: writing to 'evaluating'; Ctrl-C or SIGTERM saves and stops|"
t 'a run of the same bytes as one that is quiet' 0 sh -c "$evaluating --out unseen -q"
same_tree evaluating unseen
t '-v: a line for each evaluation and each row, too' 0 on_terminal 24x80 A=a "$evaluating -v --out talkative"
lasting >"$tmp/lasting"
is evaluations "$(grep -c ': evaluation ' "$tmp/lasting")" 40
is rows "$(grep -c ': training return ' "$tmp/lasting")" 0 # each coincides with an evaluation
t 'before an evaluation there is none' 124 stopped 24x120 A=a none
out_lacks 'eval|best'
t 'a terminal of 40 columns has them all the same' 0 on_terminal 24x40 A=a "$evaluating --out narrow"
out_has "${cr}dqn: +[0-9]+ %  eval [0-9.]+  best [0-9.]+${esc}\[K"
t 'an evaluation that takes long' 124 on_terminal 24x80 A=a "timeout -s TERM 1 $evaluating eval_episodes=1e6 --out long"
out_has "${cr}dqn: .*  evaluation [0-9]+/1000000${esc}\[K"
yes_if [ "$(drawings <"$out" | wc -l)" -ge 3 ]
finishing="$DQN train short.ini net_arch=64,64 final_eval_episodes=1e6 --out final" # 2000 steps, soon over
t 'the final one' 124 on_terminal 24x80 A=a "timeout -s TERM 3 $finishing"
# The last step has an evaluation of its own, which it shows from the first moment.
shown=$(awk -F, 'NR > 1 { last = $3; if (NR == 2 || $3 > best) best = $3 }
	END { printf "eval %.1f  best %.1f", last, best }' final/eval.csv)
out_has "${cr}dqn: 100 %  .*final evaluation [0-9]+/1000000  $shown( |$esc)"
is 'older ones beside the final one' "$(drawings <"$out" | grep 'final evaluation' | grep -cv "$shown")" 0
t 'a run that resumes knows its best' 124 on_terminal 24x80 A=a "timeout -s TERM 2 $finishing"
out_has "^dqn: 'final' holds an unfinished run"
out_has "${cr}dqn: 100 %  .*final evaluation [0-9]+/1000000  best [0-9.]+${esc}\[K"
t 'dqn eval of many episodes' 124 on_terminal 24x80 A=a "timeout -s TERM 1 $DQN eval evaluating -n 1e6"
out_has "${cr}dqn: +[0-9]+ %  [0-9]+/1000000 episodes  [0-9dhms]+ left${esc}\[K"
# measured PATTERN COMMAND: what is drawn, however little of it a slow machine gets to
measured()
{
	t "$2" 124 on_terminal 24x80 A=a "timeout -s TERM 2 $DQN $2"
	out_has "${cr}dqn: +[0-9]+ %  $1  [0-9a-z]+ left${esc}\[K"
}
measured '[0-9]+/5000000000 steps' 'bench short.ini total_timesteps=1e9'
measured '[0-9]+/3000000 steps' 'bench short.ini total_timesteps=1e6 -n 1'
measured '[0-9]+/90000000 updates' 'trace short.ini total_timesteps=1e9 --update 9e7'
t 'dqn bench of a short run' 0 on_terminal 24x80 A=a "$DQN bench short.ini total_timesteps=300 -n 1"
out_lacks "$esc"
t 'dqn eval of a few' 0 on_terminal 24x80 A=a "$DQN eval evaluating -n 1"
out_lacks "$cr|$esc"

# --- widths ---

for columns in 2 7 20 40 79 80 81; do
	t "a terminal of $columns columns: no line fills it, so none wraps" 124 stopped 24x$columns COLUMNS=200 w$columns
	out_has "${cr}.*${esc}\[K"
	yes_if [ "$(widest <"$out")" -lt "$columns" ]
done
t 'a terminal of one column' 124 stopped 24x1 A=a w1
out_has "${cr}${esc}\[K"
t 'COLUMNS where the terminal has no size' 124 stopped 0x0 COLUMNS=30 c
yes_if [ "$(widest <"$out")" -le 29 ]
t 'a width that makes no sense is none' 124 stopped 0x0 COLUMNS=-7 d
out_has '[hms] left'

rm terminal
: >"$tmp/terminal"
(on_terminal 24x100 A=a "echo \$\$ >pid; exec $long resized" >"$tmp/resized") &
t_pids="$t_pids $!"
so_many() { [ "$(tail -c "+$1" "$tmp/terminal" | drawings | wc -l)" -ge "$2" ]; }
t 'a terminal whose size changes' 0 wait_for so_many 1 2
yes_if [ "$(widest <"$tmp/terminal")" -ge 60 ]
for columns in 31 12 77; do
	stty -F "$(cat terminal)" cols $columns
	at=$(wc -c <"$tmp/terminal")
	yes_if wait_for so_many "$at" 2 # what was drawn while it changed
	at=$(wc -c <"$tmp/terminal")
	yes_if wait_for so_many "$at" 3
	yes_if [ "$(tail -c "+$at" "$tmp/terminal" | widest)" -lt $columns ]
done
kill "$(cat pid)"
wait $!

t 'a terminal that cannot go back gets plain lines' 0 on_terminal 24x80 TERM=dumb "$DQN train short.ini --out e"
out_has '^dqn: step 500 of 2000 \(25 %\): evaluation '
out_lacks "${esc}|${cr}"
t 'NO_COLOR leaves no colour' 0 on_terminal 24x80 NO_COLOR=1 "$DQN train short.ini --out nc"
out_lacks "${esc}\[[0-9;]*m"
t 'a run that asks for quiet is quiet' 0 on_terminal 24x80 LC_ALL=C "$DQN train short.ini -q --out f"
out_lacks "${esc}|${cr}"

t 'a plot is as wide as the terminal, and coloured' 0 on_terminal 24x60 COLUMNS=200 "$DQN plot e"
out_has "${esc}\["
no_if grep -qE '^.{300}' "$out"
t 'without colour where nobody wants it' 0 on_terminal 24x60 NO_COLOR=1 "$DQN plot e"
out_lacks "${esc}\["
t 'or the terminal has none' 0 on_terminal 24x60 TERM=dumb "$DQN plot e"
out_lacks "${esc}\["
end
