#!/bin/sh
# Transitions as CSV: dqn eval --steps prints them, the key preload reads them.
# shellcheck disable=SC2016,SC2086,SC2317 # commands in quotes expand their variables; lists of words; t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs
"$DQN" train short.ini obs_scale=bounds --out run -q >/dev/null || exit 1

# --- dqn eval --steps ---

t 'eval --csv, to compare with' 0 "$DQN" eval run --episodes 5 --seed 7 --csv
cp "$out" episodes.csv
t 'eval --steps' 0 "$DQN" eval run --episodes 5 --seed 7 --steps
is header "$(head -n 1 "$out")" \
	'episode,step,obs_0,obs_1,obs_2,obs_3,action,reward,terminated,truncated,next_obs_0,next_obs_1,next_obs_2,next_obs_3'
cp "$out" steps.csv
is 'the same episodes' "$(awk -F, 'NR > 1 { r[$1] += $8; n[$1]++ }
	END { print "episode,return,length"; for (i = 1; i <= 5; i++) print i "," r[i] "," n[i] }' "$out")" \
	"$(cat episodes.csv)"
is 'steps count from 1, and only the last of an episode ends it' "$(awk -F, 'NR > 1 {
	if ($1 != episode) { if (NR > 2 && !ended) print "line", NR; episode = $1; step = 0 }
	if ($2 != ++step || (step > 1 && ended)) print "line", NR; ended = $9 + $10 }' "$out")" ''
is 'next_obs is the next obs' "$(awk -F, 'NR > 1 { obs = $3 "," $4 "," $5 "," $6
	if ($2 > 1 && obs != next_obs) print "line", NR
	next_obs = $11 "," $12 "," $13 "," $14 }' "$out")" ''
t '--steps --csv is the same' 0 "$DQN" eval run --episodes 5 --seed 7 --steps --csv
same_file "$out" steps.csv
t '--q' 0 "$DQN" eval run --episodes 5 --seed 7 --steps --q
is 'the same columns first' "$(cut -d, -f1-14 "$out" | cksum)" "$(cksum <steps.csv)"
is header "$(head -n 1 "$out" | cut -d, -f15-)" q_0,q_1
is 'the action is that of the greatest Q' "$(sed 1d "$out" | awk -F, '$7 != ($16 > $15)')" ''
cp "$out" q.csv
t 'dqn act has the same actions and Q of these observations' 0 sh -c \
	'cut -d, -f3-6 q.csv | "$DQN" act run --q'
is 'actions and Q' "$(tr ' ' , <"$out" | cksum)" "$(sed 1d q.csv | cut -d, -f7,15,16 | cksum)"
t '--json' 0 "$DQN" eval run --episodes 5 --seed 7 --steps --q --json
out_lines "$(($(wc -l <steps.csv) - 1))"
is 'the first line' "$(sed -n 1p "$out")" "$(sed -n 2p q.csv | awk -F, '{
	printf "{\"episode\":1,\"step\":1,\"obs\":[%s,%s,%s,%s],\"action\":%s,\"reward\":1,", $3, $4, $5, $6, $7
	printf "\"terminated\":false,\"truncated\":false,\"next_obs\":[%s,%s,%s,%s],\"q\":[%s,%s]}", $11, $12, $13, $14, $15, $16 }')"
head -n 1 "$out" >line && cp line "$out" && out_json
t '--epsilon' 0 "$DQN" eval run --episodes 5 --seed 7 --epsilon 0.5 --csv
cp "$out" episodes.csv
t 'with --steps' 0 "$DQN" eval run --episodes 5 --seed 7 --epsilon 0.5 --steps --q
is 'the same lengths' "$(awk -F, 'NR > 1 { n[$1]++ } END { for (i = 1; i <= 5; i++) print n[i] }' "$out")" \
	"$(sed 1d episodes.csv | cut -d, -f3)"
is 'some actions are random' "$(sed 1d "$out" | awk -F, '$7 != ($16 > $15) { n++ } END { print (n > 20) }')" 1
t '--require' 3 "$DQN" eval run --episodes 2 --steps --require 1000
err_has 'mean return [0-9.]+ is below the required 1000'
t '--q alone' 2 "$DQN" eval run --q
err_has '^dqn: --q prints the Q values of --steps$'
t '--recheck' 2 "$DQN" eval run --recheck --steps
err_has '^dqn: --recheck .*--steps'
t 'a full disk' 1 sh -c '"$DQN" eval run --steps >/dev/full'
err_has 'standard output'

# --- the key preload ---

keys='seed=3 n_steps=3 prioritized=true obs_scale=bounds reward_scale=0.1'
sum=$(sha256sum steps.csv | cut -d' ' -f1) n=$(($(wc -l <steps.csv) - 1))
t 'a run' 0 "$DQN" train short.ini $keys preload=steps.csv --out a
err_has "^dqn: preload: $n transitions$"
err_lacks 'left out'
t 'its configuration' 0 grep '^preload' a/config.ini
out_is "preload = preload.csv@sha256:$sum"
no_if [ -e a/preload.csv ] # no copy is made
t 'what fills the buffer counts for learning_starts, and is no step of the run' 0 head -n 2 a/progress.csv
is 'updates at step 1000' "$(sed -n 2p "$out" | cut -d, -f1,3)" 1000,1000
t 'more of them are asked for' 0 "$DQN" train short.ini $keys preload=steps.csv learning_starts=$((n + 1)) \
	total_timesteps=$((n + 1001)) buffer_size=$((2 * n)) --out late -q
is 'updates at step 1000' "$(sed -n 2p late/progress.csv | cut -d, -f1,3)" 1000,999

t 'more than there will ever be' 2 "$DQN" train short.ini $keys preload=steps.csv learning_starts=$((n + 2000)) --out never
err_has "^dqn: learning_starts = $((n + 2000)) must be below total_timesteps = 2000 and the $n transitions of preload, or nothing is learned$"
t 'a run that is shorter than learning_starts' 0 "$DQN" train short.ini $keys preload=steps.csv total_timesteps=50 \
	learning_starts=100 --out brief
err_lacks 'learning_starts|nothing is learned'
out_has 'trained for 50 steps: .* 50 updates'

# The same as a log: what a step led to is the next line.
awk -F, 'NR == 1 { print "truncated,reward,episode,obs_3,obs_2,obs_1,obs_0,terminated,action"; next }
	{ print $10 "," $8 "," $1 "," $6 "," $5 "," $4 "," $3 "," $9 "," $7 }
	$9 + $10 { print ",," $1 "," $14 "," $13 "," $12 "," $11 ",," }' steps.csv >log.csv
t 'a log of the same' 0 "$DQN" train short.ini $keys preload=log.csv --out log
err_has "^dqn: preload: $n transitions$"
same_file a/progress.csv log/progress.csv
same_file a/eval.csv log/eval.csv
sed '/^,/d' log.csv >cut.csv
t 'without what each episode led to' 0 "$DQN" train short.ini $keys preload=cut.csv --out cut
n_truncated=$(awk -F, '$10 == 1' steps.csv | wc -l)
if [ "$n_truncated" -gt 0 ]; then
	err_has "^dqn: warning: preload: $n_truncated more steps are left out"
else
	err_lacks 'left out'
fi
t 'Q values do no harm' 0 "$DQN" train short.ini $keys preload=q.csv --out q -q
same_file a/progress.csv q/progress.csv
sed 's/$/\r/' steps.csv >crlf.csv
t 'nor do line ends of DOS' 0 "$DQN" train short.ini $keys preload=crlf.csv --out crlf -q
same_file a/progress.csv crlf/progress.csv
t 'the data matter' 1 cmp -s a/progress.csv run/progress.csv

# --- equal files are equal runs, and another file is another one ---

mkdir far && cp steps.csv far/x.csv && snapshot a >before
t 'elsewhere, of another name' 0 "$DQN" train short.ini $keys preload=far/x.csv --out b -q
same_tree a b
t 'beside the configuration' 0 cp short.ini far
t 'there it is found' 0 "$DQN" train far/short.ini $keys preload=x.csv --out c -q
same_tree a c
t 'already done' 0 "$DQN" train short.ini $keys preload=far/x.csv --out a
err_has "'a' is already done"
t 'and needs no file' 0 "$DQN" train short.ini $keys preload=gone.csv --out a
err_has "'a' is already done"
echo '9,1,0,0,0,0,0,1,1,0,0,0,0,0' >>far/x.csv
t 'the file has changed' 6 "$DQN" train short.ini $keys preload=far/x.csv --out a
err_has "holds a run of another configuration \(preload: another file, with SHA-256 $(echo "$sum" | cut -c1-12)\.\.\., not "
t 'none' 6 "$DQN" train short.ini $keys --out a
err_has '\(preload: '
t 'its digest is asked for' 5 "$DQN" train short.ini $keys "preload=far/x.csv@sha256:$sum" --out no
err_has "^dqn: 'far/x.csv' is not the file that preload asks for: its SHA-256 is [0-9a-f]{64}, not $sum$"
sed 's/,1,1,0,0,/,7,1,0,0,/' steps.csv >bad.csv
t 'a mistake costs no earlier run' 5 "$DQN" train short.ini $keys preload=bad.csv --out a --fresh
err_has "^dqn: bad.csv:[0-9]+: column 'action': '7' is not an action, 0 to 1$"
t 'nor do too many' 2 "$DQN" train short.ini $keys preload=steps.csv buffer_size=64 --out a --fresh
err_has "^dqn: 'steps.csv' has $n transitions, but buffer_size = 64: raise it, or give fewer$"
t 'nor does no file' 2 "$DQN" train short.ini $keys preload=gone.csv --out a --fresh
err_has "^dqn: preload = 'gone.csv': no such file, and there is no checkpoint to resume from$"
t 'nothing was touched' 0 snapshot a
same_file "$out" before
t 'no file' 2 "$DQN" train short.ini preload=gone.csv --out no
err_has "^dqn: preload = 'gone.csv': no such file$"
t 'a directory' 5 "$DQN" train short.ini preload=far --out no
err_has "^dqn: 'far' is not a file$"
mkfifo fifo
t 'a FIFO' 5 "$DQN" train short.ini preload=fifo --out no
err_has "^dqn: 'fifo' is not a file$"
no_if [ -e no ]

# --- interrupted ---

for moment in 0 0.05 0.1 0.2; do
	rm -rf killed && cp steps.csv gone.csv
	launch "$DQN" train short.ini $keys checkpoint_interval=1e-6 preload=gone.csv --out killed -q
	sleep $moment && kill -9 "$pid"
	wait "$pid" 2>/dev/null
	[ ! -e killed/checkpoint.safetensors ] || rm gone.csv
	t "killed after $moment s, and resumed" 0 "$DQN" train short.ini $keys preload=gone.csv --out killed -q
	[ ! -e killed/config.ini ] || cp a/config.ini killed # checkpoint_interval is neutral
	same_tree a killed
done
launch "$DQN" train short.ini $keys total_timesteps=1e7 preload=steps.csv --out stopped
t 'it runs' 0 wait_for [ -s stopped/progress.csv ]
kill -TERM "$pid"
ended 143
cp steps.csv kept.csv && rm steps.csv
launch "$DQN" train short.ini $keys total_timesteps=1e7 preload=steps.csv --out stopped
t 'and resumes without the file' 0 wait_for grep -q 'resuming from step' "$tmp/launched.err"
kill -TERM "$pid"
ended 143
t 'which it did not read' 1 grep -c preload: "$tmp/launched.err"
out_is 0
cp kept.csv steps.csv

# --- masks, in a child process ---

cat >masked.sh <<'END'
s=0
while read -r word i action; do
	case $word in
	hello) echo 'env masked 1 obs=1 actions=3 limit=20 reward=0..2 masks=1' ;;
	reset) s=0 && echo "obs $i 0.1 mask 110" ;;
	step)
		s=$((s + 1))
		case $((s % 2)) in 0) mask=110 ;; *) mask=011 ;; esac
		[ $s -lt 7 ] || mask=000
		echo "step $i $action $((s == 7)) 0 0.$s mask $mask"
		;;
	quit) exit ;;
	esac
done
END
child='total_timesteps=200 learning_starts=20 net_arch=8 batch_size=8 eval_freq=0 final_eval_episodes=1'
t 'a run with masks' 0 "$DQN" train /dev/null id=process command='sh masked.sh' $child --out masked -q
t 'they are printed' 0 "$DQN" eval masked --command 'sh masked.sh' --episodes 3 --epsilon 1 --steps
is header "$(head -n 1 "$out")" \
	'episode,step,obs_0,action,reward,terminated,truncated,next_obs_0,mask,next_mask'
is 'of before and after' "$(sed 1d "$out" | cut -d, -f2,9,10 | sort -u | tr '\n' ' ')" \
	'1,110,011 2,011,110 3,110,011 4,011,110 5,110,011 6,011,110 7,110,000 '
cp "$out" masks.csv
t 'and read' 0 "$DQN" train /dev/null id=process command='sh masked.sh' $child preload=masks.csv --out masked2
err_has '^dqn: preload: 21 transitions$'
sed 's/,011,110$/,001,110/' masks.csv >bad.csv
t 'an action that its mask does not allow' 5 "$DQN" train /dev/null id=process command='sh masked.sh' $child \
	preload=bad.csv --out masked3 -q
err_has "^dqn: bad.csv:[0-9]+: column 'action': the mask does not allow 1$"
end
