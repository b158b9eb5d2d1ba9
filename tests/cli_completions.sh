#!/bin/sh
# dqn completions: in the shells themselves, where they are installed.
# shellcheck disable=SC2016,SC2317 # commands in quotes expand their variables; t calls functions
# shellcheck disable=SC2086 # lists of words
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
mkdir -p conf/more runs/a/seed-1 'with blank'
touch conf/one.ini conf/two.ini conf/notes.txt weights.safetensors other.ini
unset ZDOTDIR
export HOME="$tmp" XDG_CONFIG_HOME="$tmp/config" XDG_DATA_HOME="$tmp/data" XDG_CACHE_HOME="$tmp/cache"

commands=$("$DQN" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
keys=$("$DQN" config /dev/null | sed -n 's/ = .*//p')
words() { printf '%s\n' "$@" | sort | tr '\n' ' '; }

mkdir bin && ln -s "$DQN" bin/dqn
PATH=$PWD/bin:$PATH # the scripts ask the program

for shell in bash zsh fish; do
	t "the script for $shell" 0 "$DQN" completions $shell
	cp "$out" completions.$shell
done

# --- what the scripts ask for ---

query() { "$DQN" completions query -- "$@" >reply && cut -f 1 reply; }
t 'every command' 0 query ''
for word in $commands --help --version; do
	out_has "^$word$"
done
t 'every key' 0 query train x.ini ''
for word in $keys; do
	out_has "^$word=$"
done
for command in $commands; do
	t "every flag of $command" 0 query "$command" --
	is 'flags' "$(tr '\n' ' ' <"$out")" "$({ "$DQN" help "$command" |
		sed -n '/^Flags:/,/^$/s/^ *\(-., \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p' && echo --help; } | tr '\n' ' ')"
done
t 'with what it means' 0 "$DQN" completions query -- train x.ini buffer_s
out_has '^buffer_size=	[A-Za-z].*[a-z]$'
t 'the flag before decides' 0 query plot runs --x x --o
out_is --out
for words in '' 'nonsense x' 'nonsense --' 'train --nonsense=' 'train --nonsense x --' 'train -- --' 'help help x' '-- -- --' '= = ='; do
	# shellcheck disable=SC2086
	t "any words: $words" 0 query $words x
done

t 'an environment' 0 query train x.ini id=
out_has '^id=process$'
out_has '^id=CartPole-v1$'
t 'the environment of other weights' 0 query eval x.safetensors --env C
out_is "$(printf 'CartPole-v1\nCartPole-v0')"
t 'their activation' 0 query act x.safetensors --activation=
out_is "$(printf -- '--activation=relu\n--activation=tanh')"
t 'a command has no candidates' 0 query train x.ini command=
out_empty
t 'the value of a switch' 0 query train --fresh=
out_empty
t 'the value of an unknown flag' 0 query train --nonsense=
out_empty

t 'another shell' 2 "$DQN" completions csh
err_has "^dqn: no completions for 'csh'; there are bash, zsh and fish$"
t 'no shell' 2 "$DQN" completions
err_has "'completions' needs bash"
t 'a full disk' 1 sh -c 'exec "$DQN" completions bash >/dev/full'
err_has 'write standard output'

# What every shell must make of a command line up to the cursor: the words it offers,
# sorted, and what stands before them in shells that offer whole arguments.
cases() # FUNCTION
{
	"$1" 'trai' 'train '
	"$1" 'eval --r' '--recheck --require '
	"$1" 'train conf/' "$(words conf/more/ conf/one.ini conf/two.ini)"
	"$1" 'train conf/one.ini learning_' "$(words learning_rate= learning_rate_schedule= learning_starts=)"
	"$1" 'train conf/one.ini seed=3 loss=' "$(words huber mse)" loss=
	"$1" 'train --out runs/ conf/one.ini double_q=t' "$(words true)" double_q=
	"$1" 'train conf/one.ini init_weights=wei' "$(words weights.safetensors)" init_weights=
	"$1" 'sweep conf/one.ini obs_scale=b' "$(words bounds)" obs_scale=
	"$1" 'sweep conf/one.ini mirror_obs=n' "$(words none)" mirror_obs=
	"$1" 'sweep conf/one.ini net_arch=n' "$(words none)" net_arch=
	"$1" 'train conf/one.ini --out ru' "$(words runs/)"
	"$1" 'report ru' "$(words runs/)"
	"$1" 'report runs --metric final_' "$(words final_return_mean final_length_mean)"
	"$1" 'plot runs -x learning_rate_' "$(words learning_rate_schedule)"
	"$1" 'plot runs --x sec' "$(words seconds)"
	"$1" 'plot runs --y dead' "$(words dead_share)"
	"$1" 'plot runs --by gamma,net' "$(words gamma,net_arch)"
	"$1" 'eval wei' "$(words weights.safetensors)"
	"$1" 'eval weights.safetensors --episodes ' ''
	"$1" 'config --explain per_a' "$(words per_alpha)"
	"$1" 'help sw' "$(words sweep sweeps)"
	"$1" 'env ' "$(words list show serve check)"
	"$1" 'env show ' "$(words CartPole-v0 CartPole-v1 Acrobot-v1 MountainCar-v0)"
	"$1" 'env --timeout 3 serve Ac' "$(words Acrobot-v1)"
	"$1" 'env check wei' "$(words weights.safetensors)"
	"$1" 'env list ' ''
	"$1" 'env show Acrobot-v1 ' ''
	"$1" 'eval weights.safetensors --command ru' "$(words runs/)"
	"$1" 'completions ' "$(words bash fish zsh)"
}

# --- bash ---

if bash -c ': < <(:)' 2>/dev/null; then
	t 'bash reads it' 0 bash -n completions.bash
	cat >ask.bash <<-'END'
		source completions.bash
		COMP_LINE="dqn $1" COMP_POINT=$((4 + ${#1}))
		_dqn dqn 2>/dev/null # compopt says that there is no completion under way
		for word in "${COMPREPLY[@]}"; do
			[[ ! -d $word ]] || word=$word/ # as readline does
			printf '%s\n' "$word"
		done
	END
	in_bash()
	{
		t "bash: dqn $1" 0 bash ask.bash "$1"
		is 'offered' "$(sort -u "$out" | tr '\n' ' ')" "$2"
	}
	cases in_bash
	in_bash 'train --out=ru' 'runs/ '
	in_bash '' "$(words $commands --help --version)"
	in_bash 'nonsense ' ''
	in_bash 'train conf/one.ini ' "$(printf '%s=\n' $keys | sort | tr '\n' ' ')"
	t 'bash: where = ends no word' 0 bash -c 'COMP_WORDBREAKS=" "; . ./ask.bash' sh 'train conf/one.ini loss=h'
	out_is loss=huber
	t 'bash: the cursor in the middle' 0 bash -c '. ./completions.bash
		COMP_LINE="dqn trai --out x" COMP_POINT=8; _dqn dqn; echo "${COMPREPLY[@]}"'
	out_is train
	if has_terminal 'bash, as it is typed'; then
		typed() { # as it is typed, and what the program gets
			printf '%s\n' 'dqn() { printf "<%s>" "$@"; echo; }' '. ./completions.bash' \
				"$(printf "dqn trai\tconf/on\tloss=hu\t--out wi\t")" exit |
				PS1='$ ' script -qec 'bash --norc --noprofile -i' /dev/null
		}
		t 'bash: as it is typed' 0 typed
		out_has '<train><conf/one.ini><loss=huber><--out><with blank/>'
	fi
else
	skip 'bash: not installed, or no /dev/fd'
fi

# --- zsh ---

if command -v zsh >/dev/null && zsh -fc 'zmodload zsh/zpty' 2>/dev/null; then
	t 'zsh reads it' 0 zsh -n completions.zsh
	cat >ask.zsh <<-'END'
		# Types lines and Tab into an interactive zsh; prints the arguments that the program gets.
		zmodload zsh/zpty
		zpty asked 'exec zsh -f -i'
		zpty -w asked 'PROMPT="" RPROMPT=""; stty -echo; autoload -Uz compinit; compinit -D -u'
		zpty -w asked 'source ./completions.zsh; dqn() { print -r -- "GOT <${(j:><:)@}>" }'
		# What is typed may be echoed: the mark is two words there, one where it was printed.
		said() { while zpty -r asked reply; do [[ $reply != *"$1"* ]] || return 0; done; print -r "no $1"; exit 1 }
		zpty -w asked "print REA''DY"
		said READY # from here on zsh reads the terminal key by key
		for line in "$@"; do
			zpty -w asked "dqn $line"$'\t'
			said 'GOT <'
			print -r -- "${${reply##*GOT }%%[[:space:]]#}"
		done
		zpty -d asked
	END
	t 'zsh: as it is typed' 0 zsh -f ask.zsh trai 'eval --req' 'train conf/on' 'train conf/one.ini loss=hu' \
		'train conf/one.ini init_weights=wei' 'train conf/one.ini --out=wi' 'train -o wi' 'sweep conf/one.ini target_' 'config --explain per_a' \
		'report runs --metric eval_' 'plot runs --by gamma,net_' 'plot runs -x sec' 'eval wei' 'help be' 'completions fi'
	cat >want <<-'END'
		<train>
		<eval><--require>
		<train><conf/one.ini>
		<train><conf/one.ini><loss=huber>
		<train><conf/one.ini><init_weights=weights.safetensors>
		<train><conf/one.ini><--out=with blank>
		<train><-o><with blank>
		<sweep><conf/one.ini><target_update_interval=>
		<config><--explain><per_alpha>
		<report><runs><--metric><eval_return_mean>
		<plot><runs><--by><gamma,net_arch>
		<plot><runs><-x><seconds>
		<eval><weights.safetensors>
		<help><bench>
		<completions><fish>
	END
	tr -d '\r' <"$out" | sed '/^$/d' >got
	same_file got want
else
	skip 'zsh: not installed'
fi

# --- fish ---

if command -v fish >/dev/null; then
	t 'fish reads it' 0 fish -n completions.fish
	in_fish()
	{
		t "fish: dqn $1" 0 fish -c 'source completions.fish; complete -C "dqn $argv[1]"' "$1"
		is 'offered' "$(cut -f 1 "$out" | sed "s/^${3:-}//" | sort -u | tr '\n' ' ')" "$2"
	}
	cases in_fish
else
	skip 'fish: not installed'
fi
end
