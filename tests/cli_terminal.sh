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

# on_terminal VARIABLES COMMAND: its output as the terminal got it, the carriage
# returns before line feeds taken away
on_terminal()
{
	env TERM=xterm "$1" script -qec "$2" /dev/null >"$tmp/terminal" </dev/null
	status=$?
	sed 's/\r$//' "$tmp/terminal"
	return "$status"
}
# Slow enough to be drawn: the clock is looked at every 64 steps.
long="$DQN train short.ini total_timesteps=1e9 log_interval=500 eval_freq=0 train_freq=1 --out"
cr=$(printf '\r') esc=$(printf '\033')

stopped() # VARIABLES DIR: a long run that is asked to stop
{
	on_terminal "$1" "timeout -s TERM 2 $long $2"
}
t 'a run draws one line again and again' 124 stopped LC_ALL=C.UTF-8 a
out_has "${cr}dqn: [0-9]+/1000000000 +[0-9]+ % +[0-9]+ steps/s [0-9.]+ s left  return [0-9.]+ (▁|▂|▃|▄|▅|▆|▇|█)+${esc}\[K"
out_has "${cr}${esc}\[K"
t 'without blocks where the locale has none' 124 stopped LC_ALL=C b
out_has "${cr}dqn: [0-9]+/1000000000 .*return [0-9.]+ ${esc}\[K"
out_lacks '▁|▂|▃|▄|▅|▆|▇|█'
t 'no longer than the terminal is wide' 124 stopped COLUMNS=30 c
out_has "${cr}dqn: .{24}${esc}\[K"
out_lacks "${cr}dqn: [^${esc}]{25,}${esc}"
t 'a width that makes no sense is none' 124 stopped COLUMNS=7 d
out_has 's left'
t 'a terminal that cannot go back gets plain lines' 0 on_terminal TERM=dumb "$DQN train short.ini --out e"
out_has '^dqn: step 500 of 2000 \(25 %\): evaluation '
out_lacks "${esc}|${cr}"
t 'a run that asks for quiet is quiet' 0 on_terminal LC_ALL=C "$DQN train short.ini -q --out f"
out_lacks "${esc}|${cr}"

t 'a plot is as wide as the terminal, and coloured' 0 on_terminal COLUMNS=60 "$DQN plot e"
out_has "${esc}\["
no_if grep -qE '^.{300}' "$out"
t 'without colour where nobody wants it' 0 on_terminal NO_COLOR=1 "$DQN plot e"
out_lacks "${esc}\["
t 'or the terminal has none' 0 on_terminal TERM=dumb "$DQN plot e"
out_lacks "${esc}\["
end
