/* The shells' scripts ask 'dqn completions query -- WORD...' for candidates for the last WORD.
 * Each is a line: the candidate, a tab, its meaning. The lines ":ini", ":dirs" and ":files"
 * stand for names of files, which shells find themselves; ":value" for one after '='. */
#include "cli/cli.h"
#include "cli/plot.h"
#include "cli/topics.h"
#include "study/curves.h"

#include <string.h>

/* Each asks for candidates, offers them, and finds the files. In an argument "--out=FILE" the
 * file's name begins after the '='. */
static const struct {
	const char *shell, *script;
} scripts[] = {
	{ "bash", "# bash completion for dqn: source <(dqn completions bash)\n"
		  "_dqn() {\n"
		  "\tlocal line=${COMP_LINE:0:COMP_POINT} cur word cut='' before=''\n"
		  "\tlocal -a typed=() files\n"
		  "\tread -ra typed <<<\"$line\"\n"
		  "\t[[ $line == *[[:space:]] ]] && typed+=('')\n"
		  "\tcur=${typed[${#typed[@]} - 1]} COMPREPLY=()\n"
		  "\t[[ $cur == -*=* ]] && before=${cur%%=*}=\n"
		  /* Readline begins a new word after '='. */
		  "\t[[ $COMP_WORDBREAKS == *=* && $cur == *=* ]] && cut=${cur%%=*}=\n"
		  "\twhile IFS= read -r word; do\n"
		  "\t\tcase $word in\n"
		  "\t\t:ini) files=(-o plusdirs -f -X '!*.ini') ;;\n"
		  "\t\t:dirs) files=(-d) ;;\n"
		  "\t\t:files) files=(-f) ;;\n"
		  "\t\t:value) files=(-f) before=${cur%%=*}= ;;\n"
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
	{ "zsh", "#compdef dqn\n"
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
		 "\t\t:value) compset -P '*=' && _files ;;\n"
		 "\t\t*=$'\\t'*) open+=(\"${${line//:/\\\\:}/$'\\t'/:}\") ;;\n"
		 "\t\t?*) plain+=(\"${${${line//:/\\\\:}%$'\\t'}/$'\\t'/:}\") ;;\n"
		 "\t\tesac\n"
		 "\tdone\n"
		 "\t(($#plain)) && _describe 'dqn' plain\n"
		 "\t(($#open)) && _describe 'key' open -S ''\n"
		 "}\n"
		 "if [[ ${funcstack[1]} == _dqn ]]; then _dqn \"$@\"; else compdef _dqn dqn; fi\n" },
	{ "fish", "# fish completion for dqn: dqn completions fish | source\n"
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
		  "\t\t\tcase :value\n"
		  "\t\t\t\tset before (string replace -r -- '=.*' = $cur)\n"
		  "\t\t\t\tset name (string replace -r -- '^[^=]*=' '' $cur)\n"
		  "\t\t\t\tstring replace -r '^' \"$before\" -- (__fish_complete_path \"$name\")\n"
		  "\t\t\tcase '*'\n"
		  "\t\t\t\techo $line\n"
		  "\t\tend\n"
		  "\tend\n"
		  "end\n"
		  "complete -c dqn -f -a '(__dqn_complete)'\n" },
};
enum { N_SCRIPTS = sizeof(scripts) / sizeof(scripts[0]) };

struct query {
	const char *word;   /* the candidate's characters so far */
	const char *before; /* the argument's characters before it: "loss=", "gamma," */
	int before_len;
};

/* The candidate begins after `last`. */
static void begin_after(struct query *q, const char *last)
{
	q->before_len += (int)(last + 1 - q->word);
	q->word = last + 1;
}

static void offer(const struct query *q, const char *dashes, const char *name, const char *suffix, const char *help)
{
	char candidate[64];
	snprintf(candidate, sizeof(candidate), "%s%s%s", dashes, name, suffix);
	if (strncmp(candidate, q->word, strlen(q->word)) == 0)
		printf("%.*s%s\t%.*s\n", q->before_len, q->before, candidate, (int)strcspn(help, "."), help);
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

/* The values of "key=" that have names, or are files. */
static void offer_values(const struct query *q, const char *key)
{
	static const char *const switches[] = { "true", "false", NULL };
	static const char *const scales[] = { "none", "bounds", NULL };
	char name[64];
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(key, "="), key);
	const struct option *o = config_find(name);
	if (o && o->type == OPTION_BOOL)
		offer_all(q, switches);
	else if (o && o->type == OPTION_SCALE)
		offer_all(q, scales);
	else if (o && (o->type == OPTION_WIDTHS || o->type == OPTION_SIGNS))
		offer(q, "", "none", "", "");
	else if (o && o->type == OPTION_NAME)
		offer_all(q, o->names);
	else if (o && o->copy)
		puts(":value");
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

/* Candidates for an argument, from its name in the synopsis or in its flag's row. */
static void offer_argument(struct query *q, const char *metavar, const char *flag)
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
		{ "CMD", ":files" },
	};
	const char *names[LOG_MAX_COLUMNS];
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(metavar, files[i].metavar) == 0)
			puts(files[i].files);
	if (strcmp(metavar, "COMMAND|TOPIC") == 0) {
		offer_commands(q);
		for (const struct topic *t = topics; t->name; t++)
			offer(q, "", t->name, "", "a topic");
	}
	if (strcmp(metavar, "KEYS") == 0) {
		if (strchr(q->word, ','))
			begin_after(q, strrchr(q->word, ','));
		offer_keys(q, "");
		offer(q, "", "dir", "", "");
	}
	if (strcmp(flag, "legend") == 0)
		offer_all(q, plot_legend_names);
	if (strcmp(flag, "env") == 0)
		for (int i = 0; env_table[i]; i++)
			if (env_table[i]->reset)
				offer(q, "", env_table[i]->id, "", "");
	if (strcmp(flag, "activation") == 0)
		offer_all(q, activation_names);
	if (strcmp(flag, "x") == 0) {
		offer_all(q, curve_x_names);
		offer_keys(q, "");
	}
	if (strcmp(flag, "y") == 0) {
		for (int log = 0; log < LOG_TIMING; log++) {
			curve_columns((enum run_log)log, names);
			offer_all(q, names);
		}
	}
	if (strcmp(flag, "y") == 0 || strcmp(flag, "metric") == 0)
		for (const struct metric *m = record_metrics; m->name; m++)
			offer(q, "", m->name, "", "");
}

/* "list | show ID | serve ID | check COMMAND" */
static void offer_env_operand(const struct query *q, const char *verb)
{
	static const char *const verbs[] = { "list", "show", "serve", "check", NULL };
	const bool wants_id = verb && (strcmp(verb, "show") == 0 || strcmp(verb, "serve") == 0);
	if (!verb)
		offer_all(q, verbs);
	for (int i = 0; wants_id && env_table[i]; i++)
		if (env_table[i]->reset)
			offer(q, "", env_ids[i], "", "");
	if (verb && strcmp(verb, "check") == 0)
		puts(":files");
}

/* first: the operand before it, or NULL. */
static void offer_operand(struct query *q, const struct command *c, const char *first)
{
	const char *start = c->synopsis + strspn(c->synopsis, "[");
	char metavar[32];
	snprintf(metavar, sizeof(metavar), "%.*s", (int)strcspn(start, " .]"), start);
	if (strcmp(c->name, "completions") == 0)
		for (size_t i = 0; i < N_SCRIPTS; i++)
			offer(q, "", scripts[i].shell, "", "");
	if (strcmp(c->name, "env") == 0)
		offer_env_operand(q, first);
	offer_argument(q, metavar, "");
}

struct context {                 /* of a word, from the words before it */
	const struct flag *flag; /* whose value the word is, or NULL */
	int n_operands;
	const char *first; /* operand, or NULL */
	bool explains;
};

static struct context read_words(const struct command *c, int n, char *const *words)
{
	struct context x = { 0 };
	for (int i = 0; i < n; i++) {
		const bool is_flag = !x.flag && words[i][0] == '-' && words[i][1] != '\0';
		if (!x.flag && !is_flag && x.n_operands++ == 0)
			x.first = words[i];
		x.explains = x.explains || strcmp(words[i], "--explain") == 0;
		x.flag = is_flag && !strchr(words[i], '=') ? args_find_flag(c, words[i]) : NULL;
		if (x.flag && x.flag->kind == FLAG_SWITCH)
			x.flag = NULL;
	}
	return x;
}

/* Candidates for the last of n words after the command. */
static void offer_word(const struct command *c, int n, char *const *words)
{
	struct query q = { .word = words[n - 1], .before = words[n - 1] };
	struct context x = read_words(c, n - 1, words);
	const char *equals = strchr(q.word, '=');
	const bool is_flag = !x.flag && q.word[0] == '-';
	const bool is_override = takes_keys(c) && x.n_operands > 0;
	if (is_flag && equals) {
		x.flag = args_find_flag(c, q.word);
		if (!x.flag)
			return;
		begin_after(&q, equals);
	}
	if (x.flag)
		offer_argument(&q, x.flag->arg ? x.flag->arg : "", x.flag->name);
	else if (is_flag)
		offer_flags(&q, c);
	else if (x.explains) {
		for (const struct option *o = config_options; o->key; o++)
			if (o == config_options || strcmp(o->section, o[-1].section) != 0)
				offer(&q, "", o->section, "", "a section");
		offer_keys(&q, "");
	} else if (is_override && equals) {
		begin_after(&q, equals);
		offer_values(&q, q.before);
	} else if (is_override)
		offer_keys(&q, "=");
	else if (c->max_args < 0 || x.n_operands < c->max_args)
		offer_operand(&q, c, x.first);
}

static void answer(int n, char *const *words)
{
	const struct query q = { .word = words[n - 1] };
	if (n == 1) {
		offer_commands(&q);
		offer(&q, "--", "help", "", "show help");
		offer(&q, "--", "version", "", "print the version");
	}
	const int i = n > 1 ? text_index(words[0], command_names) : -1;
	if (i >= 0)
		offer_word(commands[i], n - 1, words + 1);
}

static bool cmd_completions(const struct args *args, struct err *e)
{
	if (strcmp(args->pos[0], "query") == 0 && args->n > 1) {
		answer(args->n - 1, args->pos + 1);
		return true;
	}
	for (size_t i = 0; args->n == 1 && i < N_SCRIPTS; i++)
		if (strcmp(args->pos[0], scripts[i].shell) == 0) {
			fputs(scripts[i].script, stdout);
			return true;
		}
	return err_set(e, ERR_USAGE, "no completions for '%s'; there are bash, zsh and fish", args->pos[args->n - 1]);
}

const struct command command_completions = {
	.name = "completions",
	.synopsis = "bash|zsh|fish",
	.summary = "print a completion script for bash, zsh or fish",
	.details = "It completes commands, flags, configuration keys and their values, files and "
		   "directories. 'make install' puts the scripts where the shells look for them. The "
		   "scripts ask 'dqn completions query -- WORD...' for candidates for the last WORD.",
	.examples = "source <(dqn completions bash)          # in ~/.bashrc\n"
		    "source <(dqn completions zsh)           # in ~/.zshrc, after compinit\n"
		    "dqn completions fish | source           # in ~/.config/fish/config.fish\n",
	.statuses = (const int[]){ 0, 1, 2, -1 },
	.min_args = 1,
	.max_args = -1,
	.run = cmd_completions,
};
