/* The shells' scripts ask 'dqn completions query -- WORD...' for what may stand at the last
 * WORD: a candidate a line, with a tab and what it means; ":ini", ":dirs" or ":files" stand
 * for names of files, which shells find themselves. One place knows what a command takes. */
#include "cli/cli.h"
#include "study/curves.h"

#include <string.h>

struct query {
	const char *word;   /* what has been typed of the candidate */
	const char *before; /* stands before it in the same argument: "loss=", "gamma," */
	int before_len;
};

/* Everything up to the last c belongs to the argument, not to the candidate. */
static void cut_at(struct query *q, const char *last)
{
	if (!last)
		return;
	q->before_len += (int)(last + 1 - q->word);
	q->word = last + 1;
}

static void offer(const struct query *q, const char *dashes, const char *name, const char *suffix,
	const char *help)
{
	char candidate[64];
	snprintf(candidate, sizeof(candidate), "%s%s%s", dashes, name, suffix);
	if (strncmp(candidate, q->word, strlen(q->word)) == 0)
		printf("%.*s%s\t%.*s\n", q->before_len, q->before, candidate,
			(int)strcspn(help, "."), help);
}

static void offer_all(const struct query *q, const char *const *names)
{
	for (; *names; names++)
		offer(q, "", *names, "", "");
}

static void offer_keys(const struct query *q, const char *suffix)
{
	for (const struct option *o = config_options; o->key; o++)
		offer(q, "", o->key, suffix, o->help);
}

/* The values that a key has by name. */
static void offer_values(const struct query *q, const char *key)
{
	static const char *const switches[] = { "true", "false", NULL };
	static const char *const scales[] = { "none", "bounds", NULL };
	for (const struct option *o = config_options; o->key; o++)
		if (strncmp(key, o->key, strlen(o->key)) == 0 && key[strlen(o->key)] == '=')
			offer_all(q, o->type == OPTION_BOOL    ? switches
				     : o->type == OPTION_SCALE ? scales
				     : o->type == OPTION_NAME  ? o->names
							       : scales + 2);
}

static void offer_flags(const struct query *q, const struct command *c)
{
	for (const struct flag *f = c->flags; f && f->name; f++)
		offer(q, "--", f->name, "", f->help);
	offer(q, "--", "help", "", "show help");
}

static void offer_commands(const struct query *q)
{
	for (const struct command *const *c = commands; *c; c++)
		offer(q, "", (*c)->name, "", (*c)->summary);
}

static void offer_shells(const struct query *q);

/* What an argument is, the word says that its synopsis has for it. */
static void offer_argument(struct query *q, const char *metavar, size_t len, const struct flag *f)
{
	static const struct {
		const char *metavar, *files;
	} files[] = {
		{ "CONFIG", ":ini" },
		{ "SPACE", ":ini" },
		{ "DIR", ":dirs" },
		{ "RUN_OR_DIR", ":dirs" },
		{ "RUN|WEIGHTS", ":files" },
		{ "FILE", ":files" },
	};
	char name[32];
	snprintf(name, sizeof(name), "%.*s", (int)len, metavar);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(name, files[i].metavar) == 0)
			puts(files[i].files);
	if (strcmp(name, "COMMAND") == 0)
		offer_commands(q);
	if (strcmp(name, "bash|zsh|fish") == 0)
		offer_shells(q);
	if (strcmp(name, "KEYS") == 0) {
		cut_at(q, strrchr(q->word, ','));
		offer_keys(q, "");
	}
	if (f && strcmp(f->name, "x") == 0) {
		offer_all(q, curve_x_names);
		offer_keys(q, "");
	}
	if (f && strcmp(f->name, "y") == 0) {
		const char *names[LOG_MAX_COLUMNS];
		curve_columns(LOG_EVAL, names);
		offer_all(q, names);
		curve_columns(LOG_PROGRESS, names);
		offer_all(q, names);
	}
	if (f && (strcmp(f->name, "y") == 0 || strcmp(f->name, "metric") == 0))
		for (const struct metric *m = record_metrics; m->name; m++)
			offer(q, "", m->name, "", "");
}

/* The last of n words after the command; those before say what it is. */
static void offer_word(const struct command *c, int n, char *const *words)
{
	struct query q = { .word = words[n - 1], .before = words[n - 1] };
	const struct flag *value_of = NULL;
	int n_operands = 0;
	bool explains = false;
	for (int i = 0; i < n - 1; i++) {
		const bool is_flag = !value_of && words[i][0] == '-' && words[i][1] != '\0';
		n_operands += !value_of && !is_flag;
		explains = explains || strcmp(words[i], "--explain") == 0;
		value_of = is_flag && !strchr(words[i], '=') ? args_find_flag(c, words[i]) : NULL;
		if (value_of && value_of->kind == FLAG_SWITCH)
			value_of = NULL;
	}
	const char *equals = strchr(q.word, '=');
	if (!value_of && q.word[0] == '-' && equals) {
		value_of = args_find_flag(c, q.word);
		if (!value_of)
			return;
		cut_at(&q, equals);
	}
	if (value_of)
		offer_argument(&q, value_of->arg, strlen(value_of->arg), value_of);
	else if (q.word[0] == '-')
		offer_flags(&q, c);
	else if (explains)
		offer_keys(&q, "");
	else if (takes_keys(c) && n_operands > 0 && equals) {
		cut_at(&q, equals);
		offer_values(&q, q.before);
	} else if (takes_keys(c) && n_operands > 0)
		offer_keys(&q, "=");
	else if (c->max_args < 0 || n_operands < c->max_args) {
		const char *operand = c->synopsis + strspn(c->synopsis, "[");
		offer_argument(&q, operand, strcspn(operand, " .]"), NULL);
	}
}

static void answer(int n, char *const *words)
{
	const struct query q = { .word = words[n - 1] };
	if (n == 1) {
		offer_commands(&q);
		offer(&q, "--", "help", "", "show help");
		offer(&q, "--", "version", "", "print the version");
	}
	for (const struct command *const *c = commands; n > 1 && *c; c++)
		if (strcmp((*c)->name, words[0]) == 0)
			offer_word(*c, n - 1, words + 1);
}

/* --- the scripts --- */

/* Each asks, prints or hands on the candidates and finds the files. What stands before a
 * name of a file in its argument is "--out=". */
static const struct {
	const char *shell, *script;
} scripts[] = {
	{ "bash",
		"# bash completion for dqn: source <(dqn completions bash)\n"
		"_dqn() {\n"
		"\tlocal line=${COMP_LINE:0:COMP_POINT} cur word cut='' before=''\n"
		"\tlocal -a typed=() files\n"
		"\tread -ra typed <<<\"$line\"\n"
		"\t[[ $line == *[[:space:]] ]] && typed+=('')\n"
		"\tcur=${typed[${#typed[@]} - 1]} COMPREPLY=()\n"
		"\t[[ $cur == -*=* ]] && before=${cur%%=*}=\n"
		/* Readline takes what is after '=' for a word of its own. */
		"\t[[ $COMP_WORDBREAKS == *=* && $cur == *=* ]] && cut=${cur%%=*}=\n"
		"\twhile IFS= read -r word; do\n"
		"\t\tcase $word in\n"
		"\t\t:ini) files=(-o plusdirs -f -X '!*.ini') ;;\n"
		"\t\t:dirs) files=(-d) ;;\n"
		"\t\t:files) files=(-f) ;;\n"
		"\t\t*)\n"
		"\t\t\tword=${word%%$'\\t'*} files=()\n"
		"\t\t\t[[ $word != *= ]] || compopt -o nospace 2>/dev/null\n"
		"\t\t\tCOMPREPLY+=(\"${word#\"$cut\"}\")\n"
		"\t\t\tcontinue\n"
		"\t\t\t;;\n"
		"\t\tesac\n"
		"\t\tcompopt -o filenames 2>/dev/null\n"
		"\t\twhile IFS= read -r word; do\n"
		"\t\t\tword=$before$word\n"
		"\t\t\tCOMPREPLY+=(\"${word#\"$cut\"}\")\n"
		"\t\tdone < <(compgen \"${files[@]}\" -- \"${cur#\"$before\"}\")\n"
		"\tdone < <(command \"${1/#\\~/$HOME}\" completions query -- \"${typed[@]:1}\" 2>/dev/null)\n"
		"}\n"
		"complete -F _dqn dqn\n" },
	{ "zsh",
		"#compdef dqn\n"
		"# zsh completion for dqn: source <(dqn completions zsh), or a file _dqn in $fpath\n"
		"_dqn() {\n"
		"\tlocal line\n"
		"\tlocal -a plain open\n"
		"\tfor line in \"${(@f)$(command ${~words[1]} completions query -- \\\n"
		"\t\t\t\"${(@Q)words[2,CURRENT-1]}\" \"${(Q)PREFIX}\" 2>/dev/null)}\"; do\n"
		"\t\t[[ $line != :* || $PREFIX != -* ]] || compset -P '*='\n"
		"\t\tcase $line in\n"
		"\t\t:ini) _files -g '*.ini(-.)' ;;\n"
		"\t\t:dirs) _files -/ ;;\n"
		"\t\t:files) _files ;;\n"
		"\t\t*=$'\\t'*) open+=(\"${${line//:/\\\\:}/$'\\t'/:}\") ;;\n"
		"\t\t?*) plain+=(\"${${${line//:/\\\\:}%$'\\t'}/$'\\t'/:}\") ;;\n"
		"\t\tesac\n"
		"\tdone\n"
		"\t(($#plain)) && _describe 'dqn' plain\n"
		"\t(($#open)) && _describe 'key' open -S ''\n"
		"}\n"
		"if [[ ${funcstack[1]} == _dqn ]]; then _dqn \"$@\"; else compdef _dqn dqn; fi\n" },
	{ "fish",
		"# fish completion for dqn: dqn completions fish | source\n"
		"function __dqn_complete\n"
		"\tset -l typed (commandline -opc)\n"
		"\tset -l cur (commandline -ct)\n"
		"\tset -l before (string match -r -- '^-[^=]*=' $cur)\n"
		"\tset -l name (string replace -r -- '^-[^=]*=' '' $cur)\n"
		"\tfor line in (command $typed[1] completions query -- $typed[2..] \"$cur\" 2>/dev/null)\n"
		"\t\tswitch $line\n"
		"\t\t\tcase :ini\n"
		"\t\t\t\tstring match -r '^.*(?:/|\\.ini)(?:\\t.*)?$' -- (__fish_complete_path \"$name\")\n"
		"\t\t\tcase :dirs\n"
		"\t\t\t\tstring replace -r '^' \"$before\" -- (__fish_complete_directories \"$name\" '')\n"
		"\t\t\tcase :files\n"
		"\t\t\t\tstring replace -r '^' \"$before\" -- (__fish_complete_path \"$name\")\n"
		"\t\t\tcase '*'\n"
		"\t\t\t\techo $line\n"
		"\t\tend\n"
		"\tend\n"
		"end\n"
		"complete -c dqn -f -a '(__dqn_complete)'\n" },
};

static void offer_shells(const struct query *q)
{
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		offer(q, "", scripts[i].shell, "", "");
}

static int cmd_completions(const struct args *args)
{
	struct err e;
	if (strcmp(args->pos[0], "query") == 0 && args->n > 1) {
		answer(args->n - 1, args->pos + 1);
		return STATUS_OK;
	}
	for (size_t i = 0; args->n == 1 && i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (strcmp(args->pos[0], scripts[i].shell) == 0) {
			fputs(scripts[i].script, stdout);
			return STATUS_OK;
		}
	err_set(&e, ERR_USAGE, "no completions for '%s'; there are bash, zsh and fish",
		args->pos[args->n - 1]);
	return fail(&e);
}

const struct command command_completions = {
	.name = "completions",
	.synopsis = "bash|zsh|fish",
	.summary = "print what a shell completes dqn's arguments with",
	.details =
		"Commands, flags, configuration keys and their values, files and directories. 'make "
		"install' puts the scripts where the shells look for them. They ask 'dqn completions query "
		"-- WORD...' for what may stand at the last WORD.",
	.examples = "source <(dqn completions bash)          # in ~/.bashrc\n"
		    "source <(dqn completions zsh)           # in ~/.zshrc, behind compinit\n"
		    "dqn completions fish | source           # in ~/.config/fish/config.fish\n",
	.statuses = (const int[]){ 0, 1, 2, -1 },
	.min_args = 1,
	.max_args = -1,
	.run = cmd_completions,
};
