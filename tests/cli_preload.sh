#!/bin/sh
# Transitions as CSV: dqn eval --steps prints them, the key preload reads them.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
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
end
