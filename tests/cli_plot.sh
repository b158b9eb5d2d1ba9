#!/bin/sh
# dqn plot: curves and scatter plots, as SVG and in a terminal.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs
unset LINES
utf8() { env LC_ALL=C.UTF-8 "$@"; }

# run DIR SEED LEVEL [key=value ...]: a directory that looks like a done run, with
# evaluations of LEVEL, 2 LEVEL, 3 LEVEL at 1000, 2000, 3000
run()
{
	dir=$1 seed=$2 level=$3
	shift 3
	mkdir -p "$dir" && "$DQN" config short.ini seed="$seed" total_timesteps=3000 "$@" \
		>"$dir/config.ini" 2>/dev/null || exit 1
	echo 'timesteps,n_updates,return_mean,return_std,return_min,return_max,is_best' >"$dir/eval.csv"
	echo 'timesteps,episodes,n_updates,ep_rew_mean,loss' >"$dir/progress.csv"
	printf 'timesteps,wall_s,steps_per_s,max_rss_kib\n3000,6,500,9\n' >"$dir/timing.csv"
	for k in 1 2 3; do
		echo "${k}000,${k}00,$((k * level)),0,1,2,true" >>"$dir/eval.csv"
		echo "${k}000,$k,${k}00,$((k * level)),0.$k" >>"$dir/progress.csv"
	done
	hash=0123456789012345678901234567890123456789012345678901234567890123
	printf '{"format_version":1,"env_id":"CartPole-v1","seed":%s,"timesteps":3000,"total_timesteps":3000,"stopped":false,"episodes":9,"n_updates":1900,"final_episodes":5,"final_return_mean":%s,"final_return_std":0,"final_return_min":1,"final_return_max":2,"final_length_mean":3,"best_timesteps":500,"best_return_mean":480,"final_sha256":"%s","best_sha256":"%s"}\n' \
		"$seed" $((3 * level)) $hash $hash >"$dir/result.json"
}
for n in 1 2 3 4; do
	for seed in 1 2 3; do run "all/n$n/$seed" $seed $((n * 30 + seed)) n_steps=$n; done
done

no_python=''
command -v python3 >/dev/null || no_python=1
[ -z "$no_python" ] || skip 'whether SVG is valid XML: no python3'
svg() # checks on the SVG in $1
{
	yes_if grep -q '^<svg xmlns="http://www.w3.org/2000/svg" width="[0-9]*" height="[0-9]*" viewBox=' "$1"
	is 'its end' "$(tail -n 1 "$1")" '</svg>'
	no_if grep -qiE '<script|javascript|href|onload|nan|inf[^o]' "$1"
	yes_if grep -q 'prefers-color-scheme:dark' "$1"
	yes_if [ "$(wc -c <"$1")" -lt 100000 ]
	[ -n "$no_python" ] ||
		yes_if python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$1"
}
paths() { grep -c "<path class=\"c[0-9]* $1\"" "$2"; }

diverge() # DIR: as a run that ends so leaves it, after its first evaluation
{
	rm "$1/result.json"
	sed -i '3,$d' "$1/eval.csv" "$1/progress.csv"
	echo 'step 1234: loss is not finite' >"$1/failed.txt"
}

# --- SVG ---

t 'four curves' 0 "$DQN" plot all -o four.svg
out_empty
svg four.svg
is lines "$(grep -c '<path class="c[0-9] l" d="M[0-9. ]*"/>$' four.svg)" 4
is 'bands of fewer runs than make an interval' "$(paths i four.svg)" 0
yes_if grep -q '>n_steps=4, 3 runs</text>' four.svg
yes_if grep -q '>environment steps</text>' four.svg
yes_if grep -q '>evaluation return (IQM)</text>' four.svg
is 'ticks of x' "$(grep -o 'class="m" x="[0-9.]*" y="[0-9.]*">[0-9]*<' four.svg | sed 's/.*>\(.*\)</\1/' | tr '\n' ' ')" '0 500 1000 1500 2000 2500 3000 '
is 'the legend goes from the highest down' "$(grep -o 'n_steps=.' four.svg | tr -d '\n')" 'n_steps=4n_steps=3n_steps=2n_steps=1'
t 'the same every time' 0 "$DQN" plot all -o again.svg
same_file four.svg again.svg
t 'to standard output' 0 "$DQN" plot all -o -
same_file "$out" four.svg
# The three points of a lone run stand where its axes say: x 0 to 3000, y 0 to 93 and a margin.
t 'one run' 0 "$DQN" plot all/n1/1 -o one.svg
svg one.svg
is bands "$(paths i one.svg)" 0
yes_if grep -q '>evaluation return</text>' one.svg
yes_if grep -q '>all, 1 run</text>' one.svg
# shellcheck disable=SC2046 # one number per word
set -- $(sed -n 's/^<path class="c0 l" d="M\(.*\) "\/>$/\1/p' one.svg)
is 'numbers of its line' $# 6
yes_if awk "BEGIN { exit !($3 - $1 > 0 && ($3 - $1) - ($5 - $3) < 0.11 && ($5 - $3) - ($3 - $1) < 0.11) }"
yes_if awk "BEGIN { exit !($2 - $4 > 0 && ($2 - $4) - ($4 - $6) < 0.11 && ($4 - $6) - ($2 - $4) < 0.11) }"
t 'of three values the curve is the mean' 0 "$DQN" plot all/n1 -o three.svg
no_if grep -q 'class="c0 i"' three.svg
t 'against updates' 0 "$DQN" plot all --x updates -o updates.svg
svg updates.svg
yes_if grep -q '>300</text>' updates.svg
t 'against seconds' 0 "$DQN" plot all --x seconds -o seconds.svg
svg seconds.svg
yes_if grep -q '>seconds of wall clock</text>' seconds.svg
yes_if grep -q '>6</text>' seconds.svg
t 'a column of progress.csv' 0 "$DQN" plot all --y loss -o loss.svg
svg loss.svg
yes_if grep -q '>loss (IQM)</text>' loss.svg
t '--by' 0 "$DQN" plot all --by seed -o by.svg
yes_if grep -q '>seed=2, 4 runs</text>' by.svg
for size in 200x150 400x300 1200x700; do
	t "--size $size" 0 "$DQN" plot all -o size.svg --size $size
	svg size.svg
	yes_if grep -q "width=\"${size%x*}\" height=\"${size#*x}\"" size.svg
done
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do run "many/$i" 1 $i n_steps=$i; done
t 'more groups than can be told apart' 0 "$DQN" plot many -o many.svg
err_has '^dqn: 14 groups: the 12 that end highest are shown; --by chooses keys$'
svg many.svg
is 'lines, and in the legend' "$(paths l many.svg)" 24
yes_if grep -q '>n_steps=14, 1 run</text>' many.svg
no_if grep -q '>n_steps=2, 1 run</text>' many.svg
yes_if grep -q 'stroke-dasharray' many.svg
run long/1 1 1
awk 'BEGIN { print "timesteps,n_updates,return_mean,return_std,return_min,return_max,is_best"; for (i = 1; i <= 20000; i++) print i "," i "," i % 500 ",0,0,0,true" }' >long/1/eval.csv
t 'twenty thousand evaluations' 0 "$DQN" plot long -o long.svg
svg long.svg
run unfinished/1 1 50
run unfinished/2 2 60
run unfinished/3 3 70
rm unfinished/[12]/result.json
sed -i '$d' unfinished/1/eval.csv unfinished/2/eval.csv
t 'unfinished runs' 0 "$DQN" plot unfinished -o unfinished.svg
svg unfinished.svg
yes_if grep -q '>all, 3 runs (2 unfinished)</text>' unfinished.svg
is 'the curve ends where most of them do' "$(sed -n 's/^<path class="c0 l" d="M\(.*\) "\/>$/\1/p' unfinished.svg | wc -w)" 4

# --- bands, from 13 runs on ---

for seed in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do
	run "bands/wide/$seed" $seed $((20 + 5 * seed)) n_steps=1
	run "bands/flat/$seed" "$seed" 10 n_steps=2
done
for seed in 1 2 3; do run "bands/few/$seed" $seed $((seed * 40)) n_steps=3; done
band() { sed -n 's/^<path class="c[0-9] i" d="M\(.*\)Z"\/>$/\1/p' "$1" | tr 'L' ' '; }
line() { sed -n "s/^<path class=\"$2 l\" d=\"M\(.*\) \"\/>$/\1/p" "$1"; }
t 'bands of 13 runs' 0 "$DQN" plot bands -o bands.svg
err_has '^dqn: 1 of the lines have no band: their runs are equal$'
svg bands.svg
is 'of the runs that differ' "$(paths i bands.svg)" 1
yes_if grep -q '>evaluation return (IQM, 95 % of 13 runs or more)</text>' bands.svg
# Three points above, from the left, and three below, back: the line runs between them.
t 'bands of 14 runs, no others' 0 "$DQN" plot bands/wide -o wide.svg
svg wide.svg
yes_if grep -q '>evaluation return (IQM, 95 %)</text>' wide.svg
# shellcheck disable=SC2046 # one number per word
set -- $(band wide.svg) $(line wide.svg c0)
is 'numbers of the band and its line' $# 18
is 'the same steps' "$1 $3 $5 ${11} $9 $7" "${13} ${15} ${17} ${13} ${15} ${17}"
yes_if awk "BEGIN { exit !($2 < ${14} && ${14} < ${12} && $4 < ${16} && ${16} < ${10} && $6 < ${18} && ${18} < $8) }"
yes_if awk "BEGIN { ratio = ($8 - $6) / (${12} - $2); exit !(2.9 < ratio && ratio < 3.1) }"
low_end() { band "$1" | awk '{ print $8 }'; } # of the last step, in pixels from above
cp -r bands/wide bands/diverged
for seed in 1 2; do diverge "bands/diverged/$seed"; done
t 'two of them diverged: the band begins at their return' 0 "$DQN" plot bands/diverged -o diverged.svg
svg diverged.svg
yes_if grep -q '>all, 14 runs (2 diverged: counted as 1)</text>' diverged.svg
is bands "$(paths i diverged.svg)" 1
yes_if awk "BEGIN { exit !($(low_end diverged.svg) > $(low_end wide.svg)) }"
for seed in 1 2; do rm "bands/diverged/$seed/failed.txt"; done
t 'two of them are not done: 12 make no band' 0 "$DQN" plot bands/diverged -o unfinished.svg
yes_if grep -q '>all, 12 of 14 runs (2 unfinished)</text>' unfinished.svg
is 'bands where 14 have rows, and where 12 do' "$(paths i unfinished.svg)" 0
t 'a run less' 0 sh -c 'rm -r bands/wide/1 bands/wide/2; exec "$DQN" plot bands/wide -o none.svg'
svg none.svg
is bands "$(paths i none.svg)" 0
yes_if grep -q '>evaluation return (IQM)</text>' none.svg

# --- survivors ---

legend() { sed -n 's/.*<text x="[0-9.]*" y="[0-9.]*">\(n_steps=[^<]*\)<.*/\1/p' "$1" | tr '\n' ';'; }
for seed in 1 2 3 4 5 6 7 8; do
	run "surv/lives/$seed" "$seed" 40 n_steps=1
	run "surv/dies/$seed" "$seed" 60 n_steps=2
	[ "$seed" -gt 4 ] || diverge "surv/dies/$seed"
done
t 'half of the seeds diverge' 0 "$DQN" plot surv -o surv.svg
svg surv.svg
is legend "$(legend surv.svg)" 'n_steps=1, 8 runs;n_steps=2, 8 runs (4 diverged: counted as 1);'
# 60 60 60 60 60 60 60 60 at 1000; 1 1 1 1 120 120 120 120 and 1 1 1 1 180 180 180 180 then:
# the middle four have means 60, 60.5, 90.5, against 40, 80, 120 of the other, drawn on top.
# shellcheck disable=SC2046 # one number per word
set -- $(sed -n 's/^<path class="c[01] l" d="M\(.*\) "\/>$/\1/p' surv.svg)
is 'numbers of two lines' $# 12
yes_if awk "BEGIN { unit = ($8 - ${12}) / 80; rise = ($2 - $6) / unit; exit !(rise > 30.3 && rise < 30.7) }"
t 'in a terminal' 0 "$DQN" plot surv
out_has '^b n_steps=2, 8 runs \(4 diverged: counted as 1\)$'
t 'training returns, too' 0 "$DQN" plot surv --y ep_rew_mean -o rew.svg
is legend "$(legend rew.svg)" 'n_steps=1, 8 runs;n_steps=2, 8 runs (4 diverged: counted as 1);'
t 'a loss has no worst: behind what is complete' 0 "$DQN" plot surv --y loss -o loss.svg
is legend "$(legend loss.svg)" 'n_steps=1, 8 runs;n_steps=2, 4 of 8 runs (4 diverged);'
t 'a key against the return' 0 "$DQN" plot surv --x gamma --by n_steps -o key.svg
svg key.svg
is legend "$(legend key.svg)" 'n_steps=1, 8 runs;n_steps=2, 8 runs (4 diverged: counted as 1);'
t 'against a metric without a worst' 0 "$DQN" plot surv --x gamma --by n_steps --y wall_s -o key.svg
is legend "$(legend key.svg)" 'n_steps=1, 8 runs;n_steps=2, 4 of 8 runs (4 diverged);'
t 'against the steps to the threshold' 0 "$DQN" plot surv --x gamma --by n_steps --y steps_to_threshold -o key.svg
svg key.svg
is legend "$(legend key.svg)" 'n_steps=1, 8 runs (8 never: counted as total_timesteps);n_steps=2, 8 runs (4 diverged, 8 never: counted as total_timesteps);'
for seed in 1 2 3 4; do rm surv/dies/$seed/failed.txt; done
t 'half of the seeds are not done: behind what is' 0 "$DQN" plot surv -o surv.svg
is legend "$(legend surv.svg)" 'n_steps=1, 8 runs;n_steps=2, 4 of 8 runs (4 unfinished);'
t 'in few letters' 0 "$DQN" plot surv --size 20x10
out_has '^b 2 \(4/8\)$'
echo '{' >surv/dies/1/result.json
t 'one cannot be read' 0 "$DQN" plot surv -o surv.svg
err_has "^dqn: warning: cannot read all of 1 of the runs: 'surv/dies/1/result.json': "
is legend "$(legend surv.svg)" 'n_steps=1, 8 runs;n_steps=2, 4 of 8 runs (3 unfinished, 1 unreadable);'
rm surv/dies/1/result.json
for seed in 5 6 7 8; do rm surv/dies/$seed/result.json; done
t 'of runs under way those that are as far as half of them' 0 "$DQN" plot surv -o surv.svg
is legend "$(legend surv.svg)" 'n_steps=1, 8 runs;n_steps=2, 4 of 8 runs (8 unfinished);'
echo 'timesteps,loss' >surv/lives/2/progress.csv
printf 'x' >>surv/lives/3/progress.csv
rm surv/lives/4/progress.csv
t 'a log that no other command reads' 0 "$DQN" plot surv --y loss -o loss.svg
err_has "^dqn: warning: cannot read all of 2 of the runs: 'surv/lives/3/progress.csv': its last line has no end; open 'surv/lives/4/progress.csv': No such file or directory$"
err_lines 1
is legend "$(legend loss.svg)" 'n_steps=1, 5 of 8 runs;n_steps=2, 4 of 8 runs (8 unfinished);'
for seed in 1 2 3 4 5 6 7 8; do echo 'timesteps,loss' >surv/lives/$seed/progress.csv; done
t 'a group without a curve' 0 "$DQN" plot surv --y loss -o loss.svg
err_has "^dqn: warning: left out 1 of the groups: no rows with 'loss' that their runs share$"
is legend "$(legend loss.svg)" 'n_steps=2, 4 of 8 runs (8 unfinished);'

# --- a key against a metric ---

t 'a key' 0 "$DQN" plot all --x n_steps -o key.svg
svg key.svg
is dots "$(grep -c '<circle class="c0 d"' key.svg)" 12
is means "$(grep -c '<circle class="c0 p"' key.svg)" 4
yes_if grep -q '>final return (IQM)</text>' key.svg
for i in 1 2 3 4 5 6 7 8; do run "lr/$i" 1 $((i * 10)) "learning_rate=$(awk "BEGIN { print 1e-4 * 2 ^ $i }")"; done
t 'values that lie evenly in the logarithm' 0 "$DQN" plot lr --x learning_rate -o lr.svg
svg lr.svg
yes_if grep -q '>0.001</text>' lr.svg
yes_if grep -q '>0.0005</text>' lr.svg
is dots "$(grep -c '<circle class="c0 d" cx' lr.svg)" 9 # and one in the legend
for i in 1 2 3 4 5 6 7 8 9 10; do run "lin/$i" 1 $((i * 10)) "learning_rate=$(awk "BEGIN { print 1e-3 * $i }")"; done
t 'values that lie evenly' 0 "$DQN" plot lin --x learning_rate -y timesteps -o lin.svg
yes_if grep -q '>0.004</text>' lin.svg
for i in 1 2 3; do run "cat/$i" $i $((i * 10)) double_q=true; run "cat/x$i" $i $((i * 20)) double_q=false; done
t 'categories' 0 "$DQN" plot cat --x double_q -o cat.svg
svg cat.svg
yes_if grep -q '>false</text>' cat.svg
yes_if grep -q '>true</text>' cat.svg

is 'no line from one to the next' "$(paths l cat.svg)" 0
is 'means, and in the legend' "$(grep -o '<circle class="c0 p"' cat.svg | wc -l)" 3
for n in 1 3 10; do for seed in 1 2; do run "odd/$n/$seed" $seed $((n * seed)) n_steps=$n; done; done
t 'few numbers' 0 "$DQN" plot odd --x n_steps -o odd.svg
is 'ticks are where they are' "$(sed -n 's/.*class="m" x="[0-9.]*" y="[0-9.]*">\([0-9]*\)<.*/\1/p' odd.svg | tr '\n' ' ')" '1 3 10 '

# --- little room ---

for n in 1 2 3; do for size in 16 256; do
	run "keys/$n/$size" 1 $n n_steps=$n target_update_interval=$size double_q=true
done; done
t 'names that do not fit' 0 "$DQN" plot keys -o keys.svg --size 300x220 --font-size 12
svg keys.svg
yes_if grep -q '>target_update_interval, n_steps:</text>' keys.svg
yes_if grep -q '>256, 3</text>' keys.svg
no_if grep -q '…' keys.svg
t 'names that do' 0 "$DQN" plot keys -o keys.svg --size 900x500
yes_if grep -q '>target_update_interval=256 n_steps=3, 1 run</text>' keys.svg
t 'in a terminal' 0 utf8 COLUMNS=40 "$DQN" plot keys
out_has '^target_update_interval, n_steps:$'
out_has '^a (16|256), 3$'
run short/1 1 5 n_steps=1
run short/2 2 5 n_steps=1
run short/3 3 5 n_steps=1
sed -i '$d' short/[23]/eval.csv
rm short/[23]/result.json
t 'an axis ends with what is to be seen' 0 "$DQN" plot short -o short.svg
is 'its last tick' "$(sed -n 's/.*class="m" x="[0-9.]*" y="[0-9.]*">\([0-9]*\)<.*/\1/p' short.svg | tail -n 1)" 2000

# --- in a terminal ---

t 'braille' 0 utf8 "$DQN" plot all
is 'widest line' "$(sed 's/[^ -~]\{3\}/#/g' "$out" | awk '{ if (length($0) > n) n = length($0) } END { print n <= 80 }')" 1
yes_if grep -q "$(printf '\342[\240-\243]')" "$out"
out_has '^a n_steps=4, 3 runs$'
out_lacks "$(printf '\033')"
for columns in 40 60 132; do
	t "$columns columns" 0 utf8 COLUMNS=$columns "$DQN" plot all
	sed 's/[^ -~]\{3\}/#/g' "$out" >plain
	yes_if awk -v n=$columns 'length($0) > n { exit 1 } length($0) > m { m = length($0) } END { exit m < n - 3 }' plain
done
t '--size' 0 utf8 "$DQN" plot all --size 50x12
is lines "$(grep -c "$(printf '\342\224')" "$out")" 13
t 'without UTF-8' 0 "$DQN" plot all
no_if grep -q '[^ -~]' "$out"
out_has '^ *[0-9]* [+|].*dddd'
t 'a key in the terminal' 0 utf8 "$DQN" plot lr --x learning_rate
out_has 'learning_rate'
t 'single dots of three groups' 0 utf8 "$DQN" plot keys --x target_update_interval --by n_steps
out_has '^ *[0-9]* *[^ -~]+ *c$|c *$'
no_if grep -q "$(printf '\342[\240-\243]')" "$out"
if has_terminal 'plots on a terminal'; then
	on_terminal() { TERM=xterm LC_ALL=C.UTF-8 script -qec "$1" /dev/null; }
	t 'colours on a terminal' 0 on_terminal "$DQN plot all"
	yes_if grep -q "$(printf '\033\\[34m')" "$out"
	t 'NO_COLOR' 0 on_terminal "NO_COLOR=1 $DQN plot all"
	no_if grep -q "$(printf '\033')" "$out"
fi

# --- figures for a paper ---

for n in 1 3 6 12; do
	for i in $(seq $n); do
		run "fig/$n/preset-$i/1" 1 $((170 - 10 * i)) n_steps="$i"
		run "fig/$n/preset-$i/2" 2 $((165 - 10 * i)) n_steps="$i"
		[ $n -lt 6 ] || for seed in 1 2; do
			sed -i "s/^learning_rate = .*/learning_rate = 0.00$i/" "fig/$n/preset-$i/$seed/config.ini"
		done
	done
done
checked_svg() # what the pictures must be, but for the ellipsis of --cut
{
	[ -n "$no_python" ] || yes_if python3 "$root/tests/check_svg.py" "$@"
}
for n in 1 3 6 12; do
	for size in 252x170 330x220 720x440; do
		t "$n groups, $size" 0 "$DQN" plot fig/$n --size $size -o figure.svg
		svg figure.svg
		checked_svg figure.svg
		t "$n groups by their directories, $size" 0 "$DQN" plot fig/$n --by dir --size $size \
			-o figure.svg
		checked_svg figure.svg
		t "$n groups, legend above, $size" 0 "$DQN" plot fig/$n --by dir --legend above \
			--title 'A title' --size ${size%x*}x250 -o figure.svg
		checked_svg figure.svg
		for font in 6 12 20 40; do # as large as there is room for
			t "$n groups, $size, letters of $font pixels" 0 "$DQN" plot fig/$n --size $size \
				--font-size $font -o figure.svg
			checked_svg --cut figure.svg
			t "$n groups, $size, letters of $font pixels, legend above" 0 "$DQN" plot fig/$n \
				--by dir --legend above --title 'A title' --size $size --font-size $font -o figure.svg
			checked_svg --cut figure.svg
		done
	done
done
t 'letters that fit are as large as wanted' 0 "$DQN" plot fig/12 --font-size 14 -o figure.svg
yes_if grep -q '<style>text{font:14px ' figure.svg
t 'a key, 6 groups, 330 pixels' 0 "$DQN" plot fig/6 --x double_q --by n_steps --size 330x220 -o figure.svg
checked_svg figure.svg
t 'each line has its own dashes and marks' 0 "$DQN" plot fig/12 -o figure.svg
is dashes "$(grep -o '^<style>.*@media' figure.svg | grep -o 'stroke-dasharray:[0-9 ]*}' | sort -u | wc -l)" 6
is 'solid marks, and in the legend' "$(grep -o '<path class="c[0-9]* k"' figure.svg | wc -l)" 12
is 'hollow ones' "$(grep -o '<path class="c[0-9]* h"' figure.svg | wc -l)" 12
labels() { sed -n 's/.*<text x="[0-9.]*" y="[0-9.]*">\([^<]*\)<.*/\1/p' "$1" | tr '\n' ';'; }
t 'groups with names' 0 "$DQN" plot ours=fig/3/preset-1 theirs=fig/3/preset-2 theirs=fig/3/preset-3 -o figure.svg
is legend "$(labels figure.svg)" 'ours;theirs;threshold 475;'
t 'a path with an equals sign is a path' 0 sh -c 'cp -r fig/3/preset-1 a=b && exec "$DQN" plot a=b -o figure.svg'
is legend "$(labels figure.svg)" 'all, 2 runs;threshold 475;'
t 'by directory' 0 "$DQN" plot fig/3 --by dir -o figure.svg
is legend "$(labels figure.svg)" 'preset-1;preset-2;preset-3;threshold 475;'
t 'also in a report' 0 "$DQN" report fig/3 --by dir --tsv
out_has '^group	runs	'
out_has '^preset-3	2	'
t 'other texts' 0 "$DQN" plot fig/3 --label n_steps=1:ours --label 'n_steps=3:the & third' --title 'T <1>' \
	--xlabel steps --ylabel return -o figure.svg
is legend "$(labels figure.svg)" 'ours;n_steps=2, 2 runs;the &amp; third;threshold 475;'
yes_if grep -q '>T &lt;1&gt;</text>' figure.svg
yes_if grep -q '>steps</text>' figure.svg
yes_if grep -q '>return</text>' figure.svg
t 'a label of a real number, however it is written' 0 "$DQN" plot fig/6 --by learning_rate \
	--label learning_rate=1e-3:slow -o figure.svg
yes_if grep -q '>slow</text>' figure.svg
t '--ylim' 0 "$DQN" plot fig/3 --ylim=-100,400 -o figure.svg
yes_if grep -q '>-100</text>' figure.svg
yes_if grep -q '<clipPath' figure.svg
t '--font-size' 0 "$DQN" plot fig/3 --font-size 9 -o figure.svg
yes_if grep -q 'font:9px' figure.svg
t '--legend none' 0 "$DQN" plot fig/3 --legend none -o figure.svg
is legend "$(labels figure.svg)" ''
across() { grep -c '^<path class="t" d="M[0-9.]* [0-9.]*H' figure.svg; }
t 'a threshold of ones own' 0 "$DQN" plot fig/3 --threshold 200 -o figure.svg
is 'lines across' "$(across)" 1
yes_if grep -q '>threshold 200</text>' figure.svg
t 'none' 0 "$DQN" plot fig/3 --threshold none -o figure.svg
is 'lines across' "$(across)" 0
t 'none on a loss' 0 "$DQN" plot fig/3 --y loss -o figure.svg
is 'lines across' "$(across)" 0
t 'what is drawn as CSV' 0 "$DQN" plot fig/3/preset-1 --csv
out_is 'group,kind,runs,x,y,low,high
"all",line,2,1000,157.5,,
"all",line,2,2000,315,,
"all",line,2,3000,472.5,,'
for seed in 1 2; do run "bands/wide/$seed" $seed $((20 + 5 * seed)) n_steps=1; done
t 'with the intervals of 14 runs' 0 "$DQN" plot bands/wide -o bands.csv --csv
is 'rows with an interval' "$(grep -c ',line,14,[0-9]*,[-0-9.e]*,[-0-9.e]*,[-0-9.e]*$' bands.csv)" 3
t 'in a terminal, with its interval' 0 utf8 "$DQN" plot bands/wide --size 60x12
out_has '95 %'
cp "$out" with
t 'and without' 0 sh -c 'rm -r bands/wide/1 bands/wide/2; exec env LC_ALL=C.UTF-8 "$DQN" plot bands/wide --size 60x12'
dots() { grep -o "$(printf '\342[\240-\243]')" "$1" | wc -l; }
yes_if [ "$(dots with)" -gt $(($(dots "$out") + 10)) ]
t 'of many groups there is none' 0 utf8 "$DQN" plot fig/6 --by dir
out_lacks '95 %'
t 'a key as CSV' 0 "$DQN" plot fig/3 --x n_steps --csv
out_has '^"all",run,6,1,480,,$'
out_has '^"all",mean,6,1,472.5,,$'
printf 'r,l,timesteps,terminated\n9,9,9,true\n20,20,29,true\n' >fig/1/preset-1/1/episodes.csv
cp fig/1/preset-1/1/episodes.csv fig/1/preset-1/2
t 'the returns of training episodes' 0 "$DQN" plot fig/1 --y r --csv
out_has '^"all",line,2,29,20,,$'
run early/1 1 50
rm early/1/result.json
sed -i '2,$d' early/1/eval.csv
t 'no evaluation yet' 0 "$DQN" plot early -o figure.svg
yes_if grep -q '>training return (no evaluation yet)</text>' figure.svg
printf '\0\n' >early/1/eval.csv
t 'none that can be read' 0 "$DQN" plot early -o figure.svg
yes_if grep -q '>training return (evaluations cannot be read)</text>' figure.svg
err_has '^dqn: warning: cannot read all of 1 of the runs: '
t 'none at all' 0 sh -c '"$DQN" train short.ini eval_freq=0 --out unseen -q >/dev/null && exec "$DQN" plot unseen'
out_has '^training return \(no evaluation\)$'
t 'a column that a run which is done lacks' 1 "$DQN" plot unseen --y q_start
err_has "^dqn: no run has a row with 'q_start'$"
for label in n_steps=1 n_steps=1: n_step=1:x n_steps=x:y n_steps=9:z nobody:x; do
	t "--label $label" 2 "$DQN" plot fig/3 --label $label
	err_has "^dqn: --label '$label"
done
for ylim in 5 5,5 6,5 a,b 1,2,3; do
	t "--ylim $ylim" 2 "$DQN" plot fig/3 --ylim $ylim
	err_has "^dqn: --ylim '$ylim' is not of the form 0,500$"
done
t '--legend left' 2 "$DQN" plot fig/3 --legend left
err_has "^dqn: --legend 'left' is not below, above or none$"
t '--threshold x' 2 "$DQN" plot fig/3 --threshold x
err_has "^dqn: --threshold 'x' is not a real number or none$"
t 'names and --by' 2 "$DQN" plot fig/3 a=fig/3 b=fig/3 --by seed
err_has "^dqn: --by chooses groups, but 'a=fig/3' names them$"

# --- mistakes ---

t 'an unknown --x' 2 "$DQN" plot all --x step
err_has "^dqn: --x 'step' is not steps, updates, seconds or a key; did you mean 'steps'\?$"
t 'an unknown --x, nearer to a key than to steps' 2 "$DQN" plot all --x seeds
err_has "did you mean 'seed'\?$"
t 'an unknown column' 2 "$DQN" plot all --y los
err_has "^dqn: no column 'los' in eval.csv, progress.csv or episodes.csv; did you mean 'loss'\?$"
t 'an unknown metric' 2 "$DQN" plot all --x n_steps --y loss
err_has "^dqn: unknown metric 'loss'"
for size in 10 x10 10x 0x5 axb 99999x5; do
	t "--size $size" 2 "$DQN" plot all --size $size
	err_has "^dqn: --size '$size' is not of the form 720x440, up to 10000x10000$"
done
t 'a small picture' 2 "$DQN" plot all --size 100x100 -o small.svg
err_has 'too small'
t 'another format' 2 "$DQN" plot all -o four.png
err_has 'plots are SVG'
t 'nothing to draw' 1 sh -c 'mkdir -p fresh && cp all/n1/1/config.ini fresh && exec "$DQN" plot fresh'
err_has "^dqn: no run has a row with 'return_mean' yet$"
t 'nothing done' 1 "$DQN" plot fresh --x n_steps
err_has '^dqn: no run is done yet$'
t 'too many colours' 2 "$DQN" plot many --x seed --by n_steps
err_has '^dqn: --by makes 14 groups; 12 can be shown$'
t 'a file that cannot be written' 1 "$DQN" plot all -o none/x.svg
err_has "^dqn: create 'none/x.svg.tmp'"
t 'a full disk' 1 sh -c 'exec "$DQN" plot all -o - >/dev/full'
err_has 'write standard output'
t 'hostile logs' 0 sh -c 'printf "timesteps,return_mean\n1,nan\n2,1e308\n3,-1e308\n4,5\n" >all/n1/1/eval.csv; exec "$DQN" plot all/n1/1 -o hostile.svg'
svg hostile.svg

# --- any numbers, any target ---

values() # VALUE...: the only run below values/ has these returns, and so has its result
{
	rm -rf values && mkdir values && cp -r all/n2/1 values/1 && cp -r all/n2/2 values/2
	for seed in 1 2; do
		echo 'timesteps,n_updates,return_mean' >values/$seed/eval.csv
		k=0
		for value in "$@"; do k=$((k + 1)) && echo "$k,$k,$value"; done >>values/$seed/eval.csv
		sed -i "s/_return_mean\":[0-9]*/_return_mean\":$value/g" values/$seed/result.json
	done
}
quick() { timeout 10 "$DQN" "$@"; }
values 400
cells=$("$DQN" report values | sed -n 2p | wc -w)
for case in '1e308 -1e308 1e308 -1e308' '1e308 1e308' '-1.7976931348623157e308 1.7976931348623157e308' \
	'0 5e-324' '1e-310 2e-310' '-0 0' '5' '7 7 7' '1e16 10000000000000002' '500 500.000001' '1e-300 1e300' \
	'-1e308'; do
	# shellcheck disable=SC2086 # a list of numbers
	values $case
	for x in steps updates seed; do
		t "returns of $case against $x" 0 quick plot values --x $x -o values.svg
		svg values.svg
		yes_if awk -F '[MLVH "]' '/^<path/ { for (i = 1; i <= NF; i++) if ($i + 0 > 721 || $i + 0 < -1) exit 1 }' values.svg
		t "returns of $case against $x in a terminal" 0 quick plot values --x $x
		yes_if [ "$(wc -c <"$out")" -lt 20000 ]
	done
	t "a table of returns of $case" 0 quick report values
	out_lacks 'inf|nan'
	is 'cells, "a to b" and "a to b %" among them' "$(sed -n 2p "$out" | wc -w)" "$cells"
	yes_if awk 'length($0) > 200 { exit 1 }' "$out"
done
values 500 500.0002
t 'ticks that are close together' 0 "$DQN" plot values -o close.svg
is 'different labels' "$(grep -o '>500[.0-9]*<' close.svg | sort | uniq -d)" ''
for step in 1e308 -1e308 9007199254740993; do
	values 1 2 3
	sed -i "s/^2,/$step,/" values/1/eval.csv
	t "a row at step $step" 0 quick plot values -o step.svg
	svg step.svg
	err_has "values/1/eval.csv': row [23] has steps out of order$"
	t "a row at step $step in a terminal" 0 quick plot values --x seconds
	err_has 'steps out of order$'
done
for size in 1x1 1x10000 10000x1 10000x10000; do
	t "--size $size in a terminal" 0 quick plot all --size $size
done
t '--size 100000x100000' 2 quick plot all --size 100000x100000
err_has 'up to 10000x10000$'

"$DQN" plot all -o four.svg
ln -s real.svg link.svg
t 'a link to nothing yet' 0 "$DQN" plot all -o link.svg
same_file real.svg four.svg
echo old >real.svg
t 'a link is followed, and stays one' 0 "$DQN" plot all -o link.svg
same_file real.svg four.svg
yes_if [ -L link.svg ]
mkfifo fifo.svg
cat fifo.svg >from-fifo.svg &
t 'a FIFO is written into' 0 quick plot all -o fifo.svg
wait $!
same_file from-fifo.svg four.svg
yes_if [ -p fifo.svg ]
t 'a device is written into' 0 "$DQN" plot all -o /dev/null
yes_if [ -c /dev/null ]
cp -a /dev/full full.svg 2>"$tmp/null" || ln -s /dev/full full.svg
t 'a full device is an error' 1 "$DQN" plot all -o full.svg
err_has "^dqn: write 'full.svg': No space left on device$"
yes_if [ -c full.svg ]
t '/dev/stdout' 0 sh -c 'echo before; "$DQN" plot all -o /dev/stdout; echo behind'
is 'first and last line' "$(sed -n '1p; $p' "$out" | tr '\n' ' ')" 'before behind '
t 'a directory is not replaced' 1 "$DQN" plot all -o all
err_has "Is a directory$"
end
