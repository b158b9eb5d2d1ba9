#!/bin/sh
# dqn config, and the configurations that no run must start with.
# shellcheck disable=SC2016 # commands in quotes expand their variables themselves
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
copy_configs

err_only_warnings()
{
	err_any
	no_if grep -qv '^dqn: warning: ' "$err"
}

# --- what is printed reads back ---

t 'nothing is all defaults' 0 "$DQN" config /dev/null
cp "$out" defaults.ini
for file in configs/[!s]*.ini; do # spaces, sweep-*.ini, are for dqn sweep
	t "$file" 0 "$DQN" config "$file"
	err_only_warnings
	cp "$out" printed.ini
	t "$file: the printed one is the same" 0 "$DQN" config printed.ini
	err_only_warnings
	same_file "$out" printed.ini
	is "$file: every key is there" "$(grep -c ' = ' printed.ini)" "$(grep -c ' = ' defaults.ini)"
done
t 'standard input' 0 "$DQN" config - <printed.ini
err_only_warnings
same_file "$out" printed.ini
t 'every key and its default, by --explain' 0 "$DQN" config --explain
cp "$out" explained
grep -E '^[a-z_0-9]+ = ' explained >pairs
is 'the keys' "$(cat pairs)" "$(grep ' = ' defaults.ini)"
is 'the sections' "$(grep '^\[' explained)" "$(grep '^\[' defaults.ini)"
yes_if awk 'length($0) > 80 { exit 1 }' explained
while read -r key _ value; do
	plain=$value # an argument needs no quotes
	[ "$value" != '""' ] || plain=
	t "$key=$plain is the default" 0 "$DQN" config /dev/null "$key=$plain"
	same_file "$out" defaults.ini
	t "--explain $key" 0 "$DQN" config --explain "$key"
	is 'first lines' "$(sed -n 2p "$out")" "$key = $value"
	yes_if [ "$(wc -l <"$out")" -ge 4 ]
	sed -n "/^$key = /,/^[^ ]/p" explained | sed -n '1p; 2,$ { /^ /p; }' >part
	is 'the part of the whole' "$(sed 1d "$out" | head -n "$(wc -l <part)")" "$(cat part)"
	yes_if [ "$(sed 1d "$out" | wc -l)" -gt "$(wc -l <part)" ] # what it does to learning
	yes_if awk 'length($0) > 80 { exit 1 }' "$out"
	if [ "$key" != seed ] && grep -Eq 'Takes: (whole number|real)' part; then
		for word in Typical 'Too low' 'Too high'; do
			out_has "^    $word: "
		done
	fi
done <pairs
for section in $("$DQN" config /dev/null | sed -n 's/^\[\(.*\)\]$/\1/p'); do
	t "--explain $section: the section" 0 "$DQN" config --explain "$section"
	is keys "$(sed -n 's/^\([a-z_0-9]*\) = .*/\1/p' "$out")" "$(sed -n "/^\[$section\]/,/^$/s/ = .*//p" defaults.ini)"
	cp "$out" section
	t "--explain [$section]" 0 "$DQN" config --explain "[$section]"
	same_file "$out" section
done
t 'with a dash' 0 "$DQN" config --explain target-network-frequency
out_has '^target_update_interval = '
t 'a section that does not exist' 2 "$DQN" config --explain '[gamma]'
err_has "unknown key '\[gamma\]'"
t 'a key that does not exist' 2 "$DQN" config --explain learnig_rate
err_has "^dqn: unknown key 'learnig_rate'; did you mean 'learning_rate'\?$"
t 'nor anything like it' 2 "$DQN" config --explain zzzzzzz
err_has "^dqn: unknown key 'zzzzzzz'; 'dqn config --explain' lists them all$"
for pair in target_network_frequency:target_update_interval lr:learning_rate env:id; do
	t "another framework's name, ${pair%:*}" 0 "$DQN" config --explain "${pair%:*}"
	out_has "^${pair#*:} = "
done
t 'a key without a counterpart' 2 "$DQN" config --explain device
err_has "^dqn: unknown key 'device': everything runs on one CPU core$"
t 'two keys' 2 "$DQN" config --explain seed gamma
err_has -- '--explain takes one key'

# --- how values are written ---

same() # KEY=VALUE KEY=VALUE: two ways to write the same
{
	"$DQN" config /dev/null "$2" >want 2>/dev/null
	t "$1 is $2" 0 "$DQN" config /dev/null "$1"
	err_only_warnings
	same_file "$out" want
}
same total_timesteps=5e4 total_timesteps=50000
same total_timesteps=50_000 total_timesteps=50000
same total_timesteps=1.5E4 total_timesteps=15000
same gamma=.9 gamma=0.9
same gamma=9e-1 gamma=0.9
same gamma=1. gamma=1
same 'net_arch=64, 32' net_arch=64,32
same net_arch=64 net_arch=64
same learning_rate=0.0010 learning_rate=1e-3
same obs_scale=1.0,2,3,-4 obs_scale=1,2,3,-4
same stop_return=4.75e2 stop_return=475
same obs_scale=0.50 obs_scale=0.5
same seed=18446744073709551615 seed=18446744073709551615
t 'the largest seed is not rounded' 0 "$DQN" config /dev/null seed=18446744073709551615
out_has '^seed = 18446744073709551615$'
t 'the largest count neither' 0 "$DQN" config /dev/null total_timesteps=9007199254740991
out_has '^total_timesteps = 9007199254740991$'
for value in seed=-1 seed=18446744073709551616 seed=1.5 seed= seed=0x10 seed=abc seed=1e99 seed=1__0 \
	seed=_1 seed=1_ seed=+1 'seed=1 2' total_timesteps=0 total_timesteps=-5 total_timesteps=1e17 \
	total_timesteps=1.55e1 total_timesteps=9007199254740993 gamma=1.1 gamma=-0.1 gamma=nan gamma=inf \
	gamma=0,9 gamma=0x1p-1 gamma=1e gamma=. gamma=1f gamma= learning_rate=0 learning_rate=2 \
	learning_rate=-1e-3 tau=0 adam_beta1=1 adam_eps=0 max_grad_norm=inf max_grad_norm=-1 \
	double_q=yes double_q=1 double_q=True id=CartPole id=cartpole-v1 loss=hubert loss= \
	net_arch= net_arch=0 net_arch=64,,64 'net_arch=64,' net_arch=4097 net_arch=1,1,1,1,1,1,1,1,1 \
	'net_arch=[64,64]' net_arch=64x64 obs_scale=0,1,1,1 obs_scale=1,inf,1,1 obs_scale= \
	obs_scale=1e-400,1,1,1 n_steps=65 n_steps=0 gradient_steps=-2 batch_size=65537 stop_return=nan \
	stop_return=-inf reward_scale=0 train_freq=0; do
	key=${value%%=*}
	t "$value" 2 "$DQN" config /dev/null "$value"
	err_has "^dqn: '$key=.*': $key = '.*' is not valid \(.+\)"
	err_lines 1
	out_empty
done
hint() # KEY=RIGHT VALUE...: each is an error that names the right one
{
	right=${1#*=} key=${1%%=*}
	shift
	for value in "$@"; do
		t "$key=$value" 2 "$DQN" config /dev/null "$key=$value"
		err_has "; did you mean '$right'(, several values for 'dqn sweep')?\?$"
		err_lines 1
	done
}
hint total_timesteps=50000 50k 50K 50,000 '50 k' '"50000"' '[50000]' '50000 steps' 0.05M
hint total_timesteps=1500000 1.5M 1,500,000
hint total_timesteps=100000 '10**5' '10^5'
hint max_episode_steps=0 none None null
hint double_q=true True TRUE yes Yes on 1 T y '"true"' "'True'"
hint double_q=false False no off 0 none
hint net_arch=64,64 '[64,64]' '(64,64)' '64 64' 64x64 64-64 '64;64' '{64,64}' 'list(64,64)' '64,64,'
hint net_arch=none '[]' None
hint obs_scale=1,2,3,4 '[1,2,3,4]' '1 2 3 4'
hint obs_scale=none None null
hint loss=huber smooth_l1 SmoothL1Loss nn.SmoothL1Loss huber_loss Huber '"huber"'
hint loss=mse MSELoss mse_loss mean_squared_error MSE
hint activation=relu ReLU relu6 nn.ReLU 'nn.ReLU()' torch.nn.ReLU
hint activation=tanh Tanh nn.Tanh
hint weight_init=he_uniform kaiming_uniform he HeUniform
hint weight_init=glorot_uniform xavier_uniform glorot
hint id=CartPole-v1 CartPole cartpole-v1 CARTPOLE-V1 gym:CartPole-v1
hint learning_rate_schedule=linear lin True
hint exploration_schedule=exponential exp
hint stop_return=none None inf null never
hint gamma=0.99 0,99 99% '"0.99"'
hint checkpoint_interval=10 10s '10 s'
hint max_grad_norm=0 none inf
hint 'learning_rate=log\(1e-4, 1e-2\)' 'loguniform(1e-4, 1e-2)' 'log_uniform(1e-4,1e-2)' \
	'tune.loguniform(1e-4, 1e-2)' 'log_uniform_values(1e-4, 1e-2)'
hint 'gamma=uniform\(0.9, 0.99\)' 'quniform(0.9, 0.99)' 'interval(0.9, 0.99)' 'Uniform(0.9,0.99)'
hint 'n_steps=1 \| 3 \| 5' 'choice(1,3,5)' 'choice([1, 3, 5])' '[1,3,5]' 1,3,5 '1 3 5' 'grid_search([1,3,5])'
hint 'n_steps=1\.\.20' 'range(1,21)' 1-20 1:20 '1...20' '1 to 20'
hint 'learning_rate=1e-3 \| 1e-4' 1e-3,1e-4
hint 'net_arch=64,64 \| 128,128' 'choice([64,64],[128,128])' '[[64,64],[128,128]]'
hint 'seed=1\.\.20' 'range(1,21)' '1-20' 'randint(1,20)'
hint 'seed=0\.\.19' 'range(20)'
for value in gamma=10 batch_size=1.5 gamma=none checkpoint_interval=10m seed=abc; do
	t "$value has nothing to hint at" 2 "$DQN" config /dev/null "$value"
	err_has 'is not valid'
	err_lacks 'did you mean'
done
t "env=CartPole-v1" 2 "$DQN" config /dev/null env=CartPole-v1
err_has "unknown key 'env'; did you mean 'id'"
for word in env_command env_cmd --env-command env_path; do
	t "$word is command" 2 "$DQN" config /dev/null "$word=./mine.py"
	err_has "(did you mean 'command'|written 'command=./mine.py')"
	err_lines 1
done
for word in env_args env_kwargs env_config --env-args; do
	t "$word is part of command" 2 "$DQN" config /dev/null "$word=--wind"
	err_has 'arguments of an environment of your own are part of its command$'
	err_lines 1
done
t 'obs_scale of another length' 2 "$DQN" config /dev/null obs_scale=1,2,3
err_has 'obs_scale has 3 factors; CartPole-v1 has 4 observations'
t 'a name with a typing error' 2 "$DQN" config /dev/null loss=hubr
err_has "did you mean 'huber'"

# --- strings, as a file and as an argument have them ---

tab=$(printf '\t') backslash=$(printf '\134')
for value in './mine.py --wind 3' 'a # b' 'a ; b; c' ' a ' "$tab" '"' "$backslash" 'say \"x\"' '"a" # "b"' '# a' '$HOME|`x`' "it's" 'a=b' \
	'a | b' '1..3' 'log(1, 2)' "a${tab}b" 'äöü'; do
	t "command=$value" 0 "$DQN" config /dev/null id=process "command=$value"
	cp "$out" string.ini
	t "command=$value reads back" 0 "$DQN" config string.ini
	same_file "$out" string.ini
	t "command=$value is the same in a file" 0 "$DQN" config string.ini "command=$value"
	same_file "$out" string.ini
done
t 'a command without its id' 2 "$DQN" config /dev/null command=./mine
err_has '^dqn: command is for id = process; id = CartPole-v1 needs none$'
err_lines 1
t 'the id without a command' 2 "$DQN" config /dev/null id=process
err_has '^dqn: id = process needs the command that starts the environment, as command = ./mine.py --wind 3$'
err_lines 1
t 'the memory of what is not known' 2 "$DQN" config /dev/null id=process command=./mine --memory
err_has "^dqn: the memory depends on what the command declares; give that line as declaration='env ...'$"
line='env mine 1 obs=4 actions=2 limit=9 reward=0..1'
t 'the memory of what was declared' 0 "$DQN" config /dev/null id=process command=./mine "declaration=$line" --memory
out_has '^peak memory: [0-9]* KiB$'
t 'of as much as may be' 0 "$DQN" config /dev/null id=process command=./mine buffer_size=1e4 --memory \
	'declaration=env mine 1 obs=65536 actions=65536 limit=9 reward=0..1'
yes_if [ "$(sed 's/[^0-9]//g' "$out")" -gt 5000000 ]
t 'warnings that need no environment' 0 "$DQN" config /dev/null id=process command=./mine tau=0.5
err_lines 1
err_has '^dqn: warning: tau = 0.5'
t 'warnings that need one' 0 "$DQN" config /dev/null id=process command=./mine tau=0.5 \
	"declaration=env mine 1 obs=4 actions=2 reward=0..1"
err_lines 2
err_has '^dqn: warning: no time limit: an evaluation may never end; see eval_max_episode_steps$'
for value in ./mine.py 'python3 mine.py' Pong-v5; do
	t "id=$value" 2 "$DQN" config /dev/null "id=$value"
	err_has '; another environment is id = process with its command, as command = ./mine.py$'
	err_lines 1
done
t 'a string with a line break' 2 "$DQN" config /dev/null "command=$(printf 'a\nb')"
err_has "command = 'a\?b' is not valid \(printable text of up to 1023 bytes\)$"
t 'a string that is no UTF-8' 2 "$DQN" config /dev/null "command=$(printf 'a\377b')"
err_has "command = 'a\?b' is not valid"
t 'a string that is too long' 2 "$DQN" config /dev/null "command=$(printf '%01024d' 0)"
err_has "is not valid \(printable text of up to 1023 bytes\)$"

# --- hostile files ---

# shellcheck disable=SC2059 # the format is the file
file() { printf "$@" >hostile.ini; }
refused() # WHAT PATTERN: hostile.ini is, with one error of that pattern
{
	t "$1" 2 "$DQN" config hostile.ini
	err_has "$2"
	err_lines 1
	out_empty
}
accepted() # WHAT [CONFIG]: hostile.ini is, and is seed = 7
{
	"$DQN" config /dev/null seed=7 >want
	t "$1" 0 "$DQN" config hostile.ini
	same_file "$out" want
}
file '\357\273\277[run]\nseed = 7\n'
accepted 'a byte order mark'
file '[run]\r\nseed = 7\r\n'
accepted 'CRLF'
file '[run]\nseed = 7'
accepted 'no newline at the end'
file '\n\n # x\n[ run ] # y\n\t seed=7 ; z\n\n'
accepted 'blanks and comments'
file '[run]\n; seed = 8\n#seed = 9\nseed = 7 # = 10\n'
accepted 'comments with equals signs'
file ''
t 'an empty file' 0 "$DQN" config hostile.ini
same_file "$out" defaults.ini
file '[run]\nseed = 1\000\n'
refused 'a NUL byte' '^dqn: hostile.ini:2: holds a NUL byte'
file '[run]\nseed = 1\033[2J\n'
refused 'a control character' '^dqn: hostile.ini:2: holds a control character'
file '[run]\rseed = 1\r'
refused 'old Mac line ends' '^dqn: hostile.ini:1: holds a control character'
file '[run]\nseed = 1 2\n'
refused 'trailing junk' "^dqn: hostile.ini:2: seed = '1 2' is not valid"
file '[run] junk\n'
refused 'junk behind a section' '^dqn: hostile.ini:1: '
file '[run\n'
refused 'a section without its end' '^dqn: hostile.ini:1: '
file '[runn]\n'
refused 'an unknown section' '^dqn: hostile.ini:1: unknown section \[runn\]; did you mean \[run\]\?'
file '[]\n'
refused 'a section without a name' '^dqn: hostile.ini:1: '
file 'seed = 1\n'
refused 'a key before any section' "^dqn: hostile.ini:1: 'seed' stands before any section; it belongs in \[run\]"
file '[agent]\nseed = 1\n'
refused 'a key in the wrong section' "^dqn: hostile.ini:2: 'seed' belongs in \[run\], not in \[agent\]"
file '[run]\nseed\n'
refused 'a key without a value' '^dqn: hostile.ini:2: '
file '[run]\nseed =\n'
refused 'an empty value' "^dqn: hostile.ini:2: seed = '' is not valid"
file '[run]\n= 1\n'
refused 'a value without a key' '^dqn: hostile.ini:2: no key'
file '[run]\nseed = 1\n\nseed = 1\n'
refused 'a key twice' "^dqn: hostile.ini:4: 'seed' is set twice, first line 2"
file '[run]\nSeed = 1\n'
refused 'a key in capitals' "^dqn: hostile.ini:2: unknown key 'Seed'; did you mean 'seed'"
file '[run]\nsee\360\237\244\226d = 1\n'
refused 'a key with a robot in it' '^dqn: hostile.ini:2: unknown key'
file '[run]\nseed: 1\n'
refused 'YAML among it' "^dqn: hostile.ini:2: not 'key = value'; write '=' instead of ':'"
file '#!/usr/local/bin/dqn config\n[run]\nseed = 7\n'
accepted 'a line that says what runs it'
file '{"seed": 1}\n'
refused 'JSON' '^dqn: hostile.ini:1: this is JSON; '
other() # WHAT PRINTF-FORMAT: hostile.ini is named as such, once
{
	file "$2"
	refused "$1" "^dqn: hostile.ini:1: this is $1; a configuration is an INI file"
}
other JSON '[\n  {"seed": 1}\n]\n'
other YAML '# mine\n\nagent:\n  gamma: 0.9\n  tau: 1\n'
other YAML 'seed: 1\ngamma: 0.9\n'
other YAML '\055--\nseed: 1\n'
other YAML '\357\273\277seed: 1\n'
other Python '#!/usr/bin/env python3\nimport torch\n\nlr = 1\n'
other Python 'from torch import nn\n'
other 'HTML or XML' '<!DOCTYPE html>\n<html>\n'
other 'not text' '\211PNG\r\n\032\n\0\0\0\rIHDR'
other 'not text' '\037\213\010\0\0\0\0\0'
other 'not text' "$(printf '\\001\\002\\003x%.0s' 1 2 3 4 5 6 7 8 9)"
wide='UTF-16 or UTF-32 text; save it as UTF-8'
other "$wide" '\377\376[\0r\0u\0n\0]\0\n\0'
other "$wide" '\376\377\0[\0r\0u\0n\0]\0\n'
other "$wide" '[\0r\0u\0n\0]\0\n\0'
other "$wide" '\0[\0r\0u\0n\0]\0\n'
other "$wide" '\377\376\0\0[\0\0\0]\0\0\0'
other "$wide" '\0\0\0[\0\0\0]'
"$DQN" train short.ini --out weights -q >"$out" 2>"$err"
cp weights/final.safetensors hostile.ini
refused 'weights' '^dqn: hostile.ini:1: this is a safetensors file; the configuration of a run is its config.ini'
{ echo '[run]'; printf 'seed = '; head -c 10000000 /dev/zero | tr '\0' 1; } >hostile.ini
refused 'a line of 10 MB' "'hostile.ini' is larger than the [0-9]+ bytes allowed"
yes 'seed = 1' | head -c 10000000 >hostile.ini
refused 'a file of 10 MB' "'hostile.ini' is larger than the [0-9]+ bytes allowed"
t 'the same on standard input' 2 "$DQN" config - <hostile.ini
err_has "'standard input' is larger"
{ echo '[run]'; printf 'seed = '; head -c 5000 /dev/zero | tr '\0' 1; } >hostile.ini
refused 'a line of 5000 bytes' '^dqn: hostile.ini:2: is too long'
{ echo '[run]'; yes 'sede = 1' | head -n 50000; } >hostile.ini
t '50000 errors' 2 "$DQN" config hostile.ini
err_has '^dqn: hostile.ini:2: '
err_has '^dqn: \.\.\. and 49990 more errors$'
err_lines 11
head -c 100000 "$DQN" >hostile.ini
t 'a program' 2 "$DQN" config hostile.ini
err_has '^dqn: hostile.ini:1: this is not text; '
err_lines 1
no_if grep -q '[[:cntrl:]]' "$err"
yes_if iconv -f UTF-8 -t UTF-8 -o /dev/null "$err"

cat >hostile.ini <<END
[run]
sede = 1
total_timesteps = many
[agent]
gamma = 2
buffer_size = 500

[optimiser]
lr = 1
END
t 'all errors at once, in order' 2 "$DQN" config hostile.ini gama=1 tau=2
err_lines 8
is 'where' "$(grep -oE '(hostile.ini:[0-9]+|gama=1|tau=2)' "$err" | uniq | tr '\n' ' ')" \
	'hostile.ini:2 hostile.ini:3 hostile.ini:5 hostile.ini:6 hostile.ini:8 hostile.ini:9 gama=1 tau=2 '
err_has "hostile.ini:9: unknown key 'lr'; did you mean 'learning_rate'"
err_has "hostile.ini:8: unknown section \[optimiser\]; did you mean \[optimizer\]"
out_empty
t 'train says the same' 2 "$DQN" train hostile.ini -q
err_lines 6
no_if [ -e runs ]

t 'a missing file' 2 "$DQN" config configs/cartpol.ini
err_has "^dqn: open 'configs/cartpol.ini': No such file or directory$"

# --- configurations by name: beside the program, in ../share, in XDG_DATA_DIRS ---

mkdir -p tree/bin tree/share/dqn xdg/dqn away && cp "$DQN" tree/bin/dqn && cp -R configs tree/share/dqn &&
	mkdir built && cp "$DQN" built/dqn && cp -R configs built && cp -R configs xdg/dqn && cp "$DQN" away/alone || exit 1
here=$PWD
export here
for file in configs/*.ini; do basename "$file" .ini; done | sort >names
for program in tree/bin/dqn built/dqn; do
	program=$here/$program
	t "$program: the names" 0 sh -c 'cd away && exec "$1" config --list' sh "$program"
	sort -o listed "$out"
	same_file listed names
	t "$program: one of them" 0 sh -c 'cd away && exec "$1" config cartpole gamma=0.5' sh "$program"
	err_has "^dqn: configuration 'cartpole': '$here/.*/configs/cartpole.ini'$"
	out_has '^gamma = 0.5$'
	t "$program: with .ini" 0 sh -c 'cd away && exec "$1" config cartpole-fixed.ini' sh "$program"
	err_has 'cartpole-fixed.ini'
	t "$program: trains" 0 sh -c 'cd away && exec "$1" train cartpole total_timesteps=1100 -q --fresh' sh "$program"
	yes_if [ -f away/runs/cartpole,total_timesteps=1100/seed-1/result.json ]
	t "$program: a slip" 2 sh -c 'cd away && exec "$1" train cartpol' sh "$program"
	err_has "^dqn: open 'cartpol': No such file or directory$"
	err_has "^dqn: configurations in '.*/configs', by name: .*cartpole-cleanrl.*; did you mean 'cartpole'\?$"
	t "$program: a path" 2 sh -c 'cd away && exec "$1" train configs/cartpole.ini' sh "$program"
	err_has "did you mean 'cartpole'\?$"
	t "$program: a space" 0 sh -c 'cd away && exec "$1" sweep sweep-cartpole --index 0' sh "$program"
	err_has "configuration 'sweep-cartpole'"
	out_has ' train /.*/configs/sweep-cartpole.ini .* --out runs/sweep-cartpole/'
done
t 'a link to the program' 0 sh -c 'ln -s "$here/tree/bin/dqn" away/link && cd away && exec ./link config --list'
same_file "$out" "$out"
out_has '^cartpole$'
t 'by PATH' 0 sh -c 'cd away && PATH=$here/tree/bin:$PATH && exec dqn config cartpole'
err_has 'tree/share/dqn/configs/cartpole.ini'
t 'by XDG_DATA_DIRS' 0 sh -c 'cd away && XDG_DATA_DIRS=/nothing:$here/xdg exec ./alone config cartpole'
err_has "'$here/xdg/dqn/configs/cartpole.ini'"
t 'nowhere' 1 sh -c 'cd away && XDG_DATA_DIRS=/nothing exec ./alone config --list'
err_has 'no configurations came with this program'
t 'nowhere, and asked for one' 2 sh -c 'cd away && XDG_DATA_DIRS=/nothing exec ./alone config cartpole'
err_has "^dqn: open 'cartpole': No such file or directory$"
err_lines 1
sed 's/^gamma = .*/gamma = 0.25/' configs/cartpole.ini >away/cartpole.ini
t 'NAME.ini comes first' 0 sh -c 'cd away && exec ../tree/bin/dqn config cartpole'
err_has "^dqn: configuration 'cartpole': 'cartpole.ini'$"
out_has '^gamma = 0.25$'
sed 's/^gamma = .*/gamma = 0.125/' configs/cartpole.ini >away/cartpole
t 'and before it NAME' 0 sh -c 'cd away && exec ../tree/bin/dqn config cartpole'
out_has '^gamma = 0.125$'
rm away/cartpole* && mkdir away/cartpole
t 'a directory is none' 0 sh -c 'cd away && exec ../tree/bin/dqn config cartpole'
err_has 'share/dqn/configs/cartpole.ini'
t 'a run directory' 2 "$DQN" train weights
err_has "^dqn: its configuration is 'weights/config.ini'$"

# --- what can be read once has the name of standard input ---

t 'a FIFO' 0 sh -c 'mkfifo fifo.ini; cat short.ini >fifo.ini & exec "$DQN" train fifo.ini -q'
yes_if [ -f runs/stdin/seed-1/result.json ]
no_if [ -e runs/fifo ]
for path in /dev/fd/9 /proc/self/fd/9 /dev/stdin; do
	[ -e "${path%/*}" ] || continue
	t "$path" 0 sh -c 'exec "$DQN" train "$1" -q --fresh 9<short.ini <short.ini' sh "$path"
	out_has 'weights: runs/stdin/seed-1/final.safetensors'
	t "$path is no space" 2 sh -c 'exec "$DQN" sweep "$1" seed=1..2 9<short.ini <short.ini' sh "$path"
	err_has 'SPACE must be a file'
done
rm -r runs
t 'a directory' 2 "$DQN" config configs
err_has "^dqn: read 'configs': Is a directory$"
t 'a name that is too long' 2 "$DQN" config "$(head -c 5000 /dev/zero | tr '\0' x)"
err_has 'File name too long'
t 'an empty name' 2 "$DQN" config ''
err_has "open ''"
t 'no name' 2 "$DQN" config
err_has 'dqn config CONFIG'

# --- overrides ---

t 'an override wins over the file' 0 "$DQN" config configs/cartpole.ini gamma=0.5
out_has '^gamma = 0.5$'
t 'twice the same key' 2 "$DQN" config /dev/null seed=1 seed=1
err_has "'seed=1': 'seed' is set twice"
t 'a section in front' 2 "$DQN" config /dev/null run.seed=1
err_has "keys need no section here; write 'seed=1'"
t 'no equals sign' 2 "$DQN" config /dev/null seed
err_has "^dqn: 'seed': not a key=value override; write 'seed=\.\.\.'$"
split() # RIGHT-FORM ARGUMENT...: one error, which names it
{
	right=$1
	shift
	t "$*" 2 "$DQN" config /dev/null "$@"
	err_has "^dqn: '.*': .*; write '$right'$"
	err_lines 1
}
split seed=7 seed 7
split seed=7 seed = 7
split seed=7 seed =7
split seed=7 seed= 7
split seed=7 seed:7
split learning_rate=1e-3 lr 1e-3
split learning_rate=1e-3 optimizer.lr=1e-3
split seed=7 +seed=7
split seed=7 ++run.seed=7
t 'a key without its value, and another' 2 "$DQN" config /dev/null seed= gamma=0.5
err_has "^dqn: 'seed=': seed = '' is not valid"
err_lines 1
t 'no key' 2 "$DQN" config /dev/null =1
err_has "^dqn: '=1': not a key=value override$"
t 'an empty argument' 2 "$DQN" config /dev/null ''
err_has "^dqn: '': not a key=value override$"
t 'a second equals sign' 2 "$DQN" config /dev/null seed=1=2
err_has "seed = '1=2' is not valid"
t 'a long key' 2 "$DQN" config /dev/null "$(head -c 100000 /dev/zero | tr '\0' x)=1"
err_has 'unknown key'
t 'a long value' 2 "$DQN" config /dev/null "seed=$(head -c 100000 /dev/zero | tr '\0' 1)"
err_has 'is not valid'
t 'an escape sequence' 2 "$DQN" config /dev/null "$(printf 'x\033[31m=\033[0m')"
err_has 'unknown key'
no_if grep -q "$(printf '\033')" "$err"
t 'a newline' 2 "$DQN" config /dev/null "$(printf 'x\ndqn: all is well=1')"
err_lines 1
t 'a percent sign' 2 "$DQN" config /dev/null '%s%n=%d'
err_has "unknown key '%s%n'"
t '--seed 7' 2 "$DQN" config /dev/null --seed 7
err_has "^dqn: unknown flag '--seed'; configuration keys are written 'seed=7'$"
t '--lr=1e-3' 2 "$DQN" config /dev/null --lr=1e-3
err_has "^dqn: unknown flag '--lr=1e-3'; configuration keys are written 'learning_rate=1e-3'$"
t '--learning-rate 1e-3' 2 "$DQN" config /dev/null --learning-rate 1e-3
err_has "'learning_rate=1e-3'"
t '--gamma, without a value' 2 "$DQN" config /dev/null --gamma
err_has "'gamma=\.\.\.'"
t '--explian' 2 "$DQN" config --explian
err_has "did you mean '--explain'"
flag() # RIGHT-FORM ARGUMENT...: a habit, and how it is written here
{
	right=$1
	shift
	t "$*" 2 "$DQN" train /dev/null "$@"
	err_has "^dqn: unknown flag '$1'[;:] .*$right"
	err_lines 1
}
flag "'seed=7'$" -seed 7
flag "'learning_rate=1e-3'$" -lr 1e-3
flag "'id=CartPole-v1'$" --env CartPole-v1
flag "'total_timesteps=50000'$" --total-timesteps 50k
flag "'net_arch=64,64'$" '--net-arch' '[64,64]'
flag "'double_q=true'$" --double-q
flag "'double_q=true'$" --double-q seed=3
flag "'double_q=false'$" --no-double-q
flag 'one CPU core$' --device cpu
flag 'always DQN$' --algo dqn
flag "'dqn train FILE'$" --config x.ini
flag "resumes where it stopped$" --resume
flag "'--out DIR'$" --log-dir x
flag "'--fresh' starts again$" --overwrite
t 'config --out' 2 "$DQN" config configs/cartpole.ini --out there
err_has "^dqn: unknown flag '--out': the directory is chosen by --out of 'dqn train' and 'dqn sweep'$"
flag "'dqn --version' prints it$" --version
flag "did you mean '--version'" --verison
for word in device cuda n_envs policy algo; do
	t "$word=1 has no counterpart" 2 "$DQN" config /dev/null $word=1
	err_has "unknown key '$word': "
	err_lacks 'did you mean'
done

# --- keys against each other ---

refuse() # PATTERN OVERRIDE...
{
	pattern=$1
	shift
	t "refused: $*" 2 "$DQN" config /dev/null "$@"
	err_has "$pattern"
	err_lines 1
	out_empty
}
warn() # PATTERN OVERRIDE...
{
	pattern=$1
	shift
	t "warned of: $*" 0 "$DQN" config /dev/null "$@"
	err_has "^dqn: warning: $pattern"
	out_lacks warning
	out_has '^\[run\]$'
}
refuse 'learning_starts = 1000 must be below total_timesteps = 1000' total_timesteps=1000
refuse 'batch_size = 64 must not exceed buffer_size = 63' buffer_size=63
refuse 'exponential needs' exploration_schedule=exponential exploration_final_eps=0
refuse 'exploration_final_eps must not exceed' exploration_initial_eps=0.01
refuse 'stop_return needs evaluations' stop_return=1 eval_freq=0
alone() # WHAT STATUS COMMAND...: what was meant is not known, so that nothing is said of the default in its place
{
	what=$1
	shift
	t "$what: no rule is broken by a default" "$@"
	err_lines 1
}
alone 'a bad value' 2 "$DQN" config /dev/null total_timesteps=1e5x learning_starts=60000
alone 'a misspelt key' 2 "$DQN" config /dev/null total_timestep=1e5 learning_starts=60000
alone 'a bad id' 2 "$DQN" config /dev/null id=Foo-v1 command=./foo stop_return=501
alone 'several values' 2 "$DQN" config /dev/null 'buffer_size=500 | 5000' batch_size=60000
printf '[run]\ntotal_timesteps 100_000\n[agent]\nlearning_starts = 60_000\n' >hostile.ini
alone 'a line without =' 2 "$DQN" config hostile.ini
printf '[env]\nid = process\ncommand = "./foo\n' >hostile.ini
alone 'a quote that is not closed' 2 "$DQN" config hostile.ini
t 'a bad value and a rule between others' 2 "$DQN" config /dev/null gamma=2 buffer_size=63
err_has '^dqn: batch_size = 64 must not exceed buffer_size = 63$'
refuse "'1e7' is not valid \(none, bounds, or up to 128 reals of sizes 1.2e-38 to 1e6, separated by commas\)" obs_scale=1e7
warn 'tau = 0.005 moves the target network only every' tau=0.005 target_update_interval=10
for config in "$root"/configs/*.ini; do
	chosen=''
	case $config in *sweep*) chosen='seed=1 double_q=true n_steps=3' ;; esac
	# shellcheck disable=SC2086 # words
	t "no warning of ${config##*/}" 0 "$DQN" config "$config" $chosen
done
t 'a buffer that is larger than the run is nothing to warn of' 0 "$DQN" config /dev/null total_timesteps=49999
warn 'target_update_interval = 50001 and tau = 1: the target network stays near its start' target_update_interval=50001
warn 'eval_freq = 50001 is longer' eval_freq=50001
warn 'train_freq = 50001 has no step after learning_starts in the run' train_freq=50001
warn 'gradient_steps = 0' gradient_steps=0
t 'results that cannot be written' 1 sh -c 'exec "$DQN" config configs/cartpole.ini >/dev/full'
err_has '^dqn: write standard output: No space left on device$'
t 'explanations that cannot be written' 1 sh -c 'exec "$DQN" config --explain >/dev/full'
err_has '^dqn: write standard output: No space left on device$'
t 'a closed standard output' 1 sh -c 'exec "$DQN" config /dev/null >&-'
err_has '^dqn: write standard output: Bad file descriptor$'
# Kept within 5 %. A process inherits the peak of the one that started it, so the runs
# are larger than a Python; the memory of sanitizers and of counted branches is their own.
cat >peak.py <<'PY'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PY
memory() # WHAT key=value...
{
	what=$1
	shift
	real=$(python3 peak.py "$DQN" train short.ini "$@" -q --out memory --fresh)
	t "peak memory: $what" 0 "$DQN" config short.ini "$@" --memory
	err_any
	out_lines 1
	said=$(sed -n 's/^peak memory: \([0-9]*\) KiB$/\1/p' "$out")
	is "within 5 % of $real KiB: $said" "$((said * 100 >= real * 95 && said * 100 <= real * 105))" 1
}
if grep -qE '__asan_init|__gcov_exit' "$DQN" || ! command -v python3 >/dev/null; then
	skip 'peak memory: needs python3 and a program as users have it'
else
	memory 'a large buffer' buffer_size=500000 total_timesteps=500000 train_freq=500 eval_freq=0
	memory 'a large buffer with priorities' buffer_size=500000 total_timesteps=500000 \
		train_freq=500 eval_freq=0 prioritized=true
	memory 'a large network' net_arch=1024,1024 train_freq=100
	memory 'large minibatches' net_arch=256,256,256,256 train_freq=200 batch_size=2000
fi


# --- runs for other machines: config prints what train refuses ---

big='buffer_size=2147483648 total_timesteps=9e15'
# shellcheck disable=SC2086 # a list of words
{
	t 'a run too large for this machine can be printed' 0 "$DQN" config short.ini $big
	err_lines 1
	err_has '^dqn: warning: the run needs [0-9]+ MiB; this machine has [0-9]+ MiB$'
	out_has '^buffer_size = 2147483648$'
	t 'and its memory told' 0 "$DQN" config short.ini $big --memory
	err_lines 1
	out_has '^peak memory: [0-9]{8,} KiB$'
	t 'train refuses it' 2 "$DQN" train short.ini $big --out big
	err_has '^dqn: buffer_size = 2147483648, .* this machine has [0-9]+ MiB$'
	no_if test -e big
	t 'and so does bench' 2 "$DQN" bench short.ini $big
	err_has 'this machine has [0-9]+ MiB$'
}

# A cgroup without a limit, in one that has 300 MiB at most: the step of a job.
outer=''
nest()
{
	mount() { awk -v type="$1" -v option="$2" '$(NF - 2) == type && "," $NF "," ~ option { print $5; exit }' /proc/self/mountinfo; }
	at=$(mount cgroup ,memory,)$(sed -n 's/^[0-9]*:\(.*,\)*memory\(,.*\)*://p' /proc/self/cgroup)
	file=memory.limit_in_bytes
	[ -n "$at" ] || at=$(mount cgroup2 .) file=memory.max
	[ -n "$at" ] && outer=$at/dqn-$$ && mkdir "$outer" "$outer/step" && echo 314572800 >"$outer/$file"
}
if nest 2>/dev/null; then
	# shellcheck disable=SC2016 # the inner shell expands it
	t 'the limit of a job is seen from its step' 2 sh -c 'echo $$ >"$1/step/cgroup.procs" &&
		exec "$DQN" train short.ini buffer_size=1e7 total_timesteps=1e7 --out big' sh "$outer"
	err_has 'need [0-9]{3} MiB; this machine has 300 MiB$'
else
	skip 'the limit of a job, seen from its step: no right to make cgroups with a memory limit'
fi
[ -z "$outer" ] || rmdir "$outer/step" "$outer" 2>/dev/null
end
