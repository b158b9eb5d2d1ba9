/* Each shell's script is written from the tables of commands, flags and keys. What an
 * argument is, the word says that its synopsis has for it. */
#include "cli/cli.h"
#include "study/curves.h"

#include <string.h>

static const char *const shells[] = { "bash", "zsh", "fish", NULL };

enum kind { INI, DIRS, FILES, WORDS, NUMBER };

/* What stands for "CONFIG" and the like. */
static enum kind kind_of(const char *metavar)
{
	static const struct {
		const char *metavar;
		enum kind kind;
	} kinds[] = {
		{ "CONFIG", INI },
		{ "SPACE", INI },
		{ "DIR", DIRS },
		{ "RUN_OR_DIR", DIRS },
		{ "RUN|WEIGHTS", FILES },
		{ "FILE", FILES },
		{ "COMMAND", WORDS },
		{ "KEYS", WORDS },
		{ "NAME", WORDS },
		{ "WHAT", WORDS },
		{ "bash|zsh|fish", WORDS },
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(metavar, kinds[i].metavar) == 0)
			return kinds[i].kind;
	return NUMBER;
}

static void put_list(const char *const *words)
{
	for (; *words; words++)
		printf("%s ", *words);
}

static void put_keys(void)
{
	for (const struct option *o = config_options; o->key; o++)
		printf("%s ", o->key);
}

/* The words of a kind WORDS, each with a blank behind it; of a flag, or of the
 * positional arguments (NULL). */
static void put_words(const char *metavar, const struct flag *f)
{
	if (strcmp(metavar, "COMMAND") == 0) {
		for (const struct command *c = commands; c->name; c++)
			printf("%s ", c->name);
	} else if (strcmp(metavar, "KEYS") == 0) {
		put_keys();
	} else if (strcmp(metavar, "bash|zsh|fish") == 0) {
		put_list(shells);
	} else if (f && strcmp(f->name, "x") == 0) {
		put_list(curve_x_names);
		put_keys();
	} else {
		for (int i = 0; f && strcmp(f->name, "y") == 0 && i < 2; i++)
			put_list(i == 0 ? curve_eval_columns : curve_progress_columns);
		for (const struct metric *m = record_metrics; m->name; m++)
			printf("%s ", m->name);
	}
}

/* The word for the positional arguments of a command, "" if it has none. */
static void get_operand(const struct command *c, char *word, size_t size)
{
	const char *s = c->synopsis + strspn(c->synopsis, "[");
	snprintf(word, size, "%.*s", (int)strcspn(s, " .]"), s);
}

static bool takes_keys(const struct command *c)
{
	return strstr(c->synopsis, "key=value") != NULL;
}

static bool has_values(const struct option *o)
{
	return o->type == OPTION_BOOL || o->type == OPTION_SCALE || o->type == OPTION_NAME;
}

/* Those that a key may have by name. */
static void put_values(const struct option *o)
{
	if (o->type == OPTION_BOOL)
		printf("true false");
	else if (o->type == OPTION_SCALE)
		printf("none bounds");
	else
		for (const char *const *name = o->names; *name; name++)
			printf("%s%s", name == o->names ? "" : " ", *name);
}

/* Text within single quotes; what is in `special` gets a backslash. */
static void put_quoted(const char *s, size_t len, const char *special)
{
	for (; len > 0; s++, len--)
		if (*s == '\'')
			fputs("'\\''", stdout);
		else
			printf("%s%c", strchr(special, *s) ? "\\" : "", *s);
}

/* The first sentence of a key's help, without its full stop. */
static void put_help(const struct option *o, const char *special)
{
	const char *end = strstr(o->help, ". ");
	const size_t len = end ? (size_t)(end - o->help) : strlen(o->help) - 1;
	put_quoted(o->help, len, special);
}

/* --- bash --- */

static void put_bash_command(const struct command *c)
{
	static const char *const names[] = { "ini", "dirs", "files", "words", "none" };
	char operand[64];
	get_operand(c, operand, sizeof(operand));
	const enum kind kind = kind_of(operand);
	printf("\t%s)\n\t\tflags='", c->name);
	for (const struct flag *f = c->flags; f->name; f++)
		printf("--%s ", f->name);
	printf("--help' what=%s most=%d pairs=%d words='", names[kind], c->max_args, takes_keys(c));
	if (kind == WORDS)
		put_words(operand, NULL);
	printf("'\n\t\tcase $prev in\n");
	for (const struct flag *f = c->flags; f->name; f++) {
		if (f->kind == FLAG_SWITCH)
			continue;
		printf("\t\t--%s", f->name);
		if (f->letter)
			printf(" | -%c", f->letter);
		printf(") value=%s", names[kind_of(f->arg)]);
		if (kind_of(f->arg) == WORDS) {
			printf(" words='");
			put_words(f->arg, f);
			putchar('\'');
		}
		printf(" ;;\n");
	}
	printf("\t\tesac\n\t\t;;\n");
}

static void put_bash(void)
{
	printf("# bash completion for dqn: source <(dqn completions bash)\n"
	       "_dqn_values()\n{\n\tcase $1 in\n");
	for (const struct option *o = config_options; o->key; o++)
		if (has_values(o)) {
			printf("\t%s) echo '", o->key);
			put_values(o);
			printf("' ;;\n");
		}
	printf("\tesac\n}\n"
	       /* What $prev of command $1 takes, and what else stands there. */
	       "_dqn_command()\n{\n\tvalue=''\n\tcase $1 in\n");
	for (const struct command *c = commands; c->name; c++)
		put_bash_command(c);
	printf("\t*) flags='' what=none most=0 pairs=0 words='' ;;\n\tesac\n}\n"
	       "_dqn()\n{\n"
	       "\tlocal line=${COMP_LINE:0:COMP_POINT} cur prev word before='' i n n_operands=0\n"
	       "\tlocal flags what most pairs words value\n"
	       "\tlocal -a typed=()\n"
	       "\tread -ra typed <<<\"$line\"\n"
	       "\t[[ $line == *[[:space:]] ]] && typed+=('')\n"
	       "\tn=${#typed[@]}\n\tCOMPREPLY=()\n"
	       "\t((n > 1)) || return\n"
	       "\tcur=${typed[n - 1]}\n"
	       "\tif ((n == 2)); then\n"
	       "\t\twhat=words words='");
	put_words("COMMAND", NULL);
	printf("--help --version'\n"
	       "\telse\n"
	       "\t\tfor ((i = 2; i < n - 1; i++)); do\n"
	       "\t\t\tprev=${typed[i]}\n"
	       "\t\t\t_dqn_command \"${typed[1]}\"\n"
	       "\t\t\tif [[ $prev != -* ]]; then ((n_operands++)); elif [[ $value ]]; then ((i++)); fi\n"
	       "\t\tdone\n"
	       "\t\tprev=${typed[n - 2]}\n"
	       "\t\tif [[ $cur == --*=* ]]; then prev=${cur%%%%=*} before=$prev= cur=${cur#*=}; fi\n"
	       "\t\t_dqn_command \"${typed[1]}\"\n"
	       "\t\t((most < 0 || n_operands < most)) || what=none\n"
	       "\t\tif [[ $value ]]; then\n"
	       "\t\t\twhat=$value\n"
	       "\t\telif [[ $cur == -* ]]; then\n"
	       "\t\t\twhat=words words=$flags\n"
	       "\t\telif [[ \" ${typed[*]} \" == *' --explain '* ]]; then\n"
	       "\t\t\twhat=words words='");
	put_keys();
	printf("'\n"
	       "\t\telif ((pairs && n_operands > 0)); then\n"
	       "\t\t\twhat=words words='");
	for (const struct option *o = config_options; o->key; o++)
		printf("%s= ", o->key);
	printf("'\n"
	       "\t\t\tif [[ $cur == *=* ]]; then\n"
	       "\t\t\t\tbefore=${cur%%%%=*}= cur=${cur#*=}\n"
	       "\t\t\t\twords=$(_dqn_values \"${before%%=}\")\n"
	       "\t\t\telse\n"
	       "\t\t\t\tcompopt -o nospace 2>/dev/null\n"
	       "\t\t\tfi\n"
	       "\t\tfi\n"
	       "\tfi\n"
	       /* Readline takes what is behind '=' for a word of its own. */
	       "\t[[ $COMP_WORDBREAKS == *=* ]] && before=''\n"
	       "\tif [[ $what == words && $cur == *,* ]]; then\n"
	       "\t\tbefore+=${cur%%,*}, cur=${cur##*,}\n"
	       "\tfi\n"
	       "\tcase $what in\n"
	       "\tini) set -- -o plusdirs -f -X '!*.ini' ;;\n"
	       "\tdirs) set -- -d ;;\n"
	       "\tfiles) set -- -f ;;\n"
	       "\twords) set -- -W \"$words\" ;;\n"
	       "\t*) return ;;\n"
	       "\tesac\n"
	       "\t[[ $what == words ]] || compopt -o filenames 2>/dev/null\n"
	       "\twhile IFS= read -r word; do\n"
	       "\t\tCOMPREPLY+=(\"$before$word\")\n"
	       "\tdone < <(compgen \"$@\" -- \"$cur\")\n"
	       "}\n"
	       "complete -F _dqn dqn\n");
}

/* --- zsh --- */

/* The action of _arguments for an argument. */
static void put_zsh_action(const char *metavar, const struct flag *f)
{
	const enum kind kind = kind_of(metavar);
	if (kind == WORDS && strcmp(metavar, "KEYS") == 0) {
		printf("{_values -s , key ");
		put_keys();
		printf("}");
	} else if (kind == WORDS) {
		printf("(");
		put_words(metavar, f);
		printf(")");
	} else if (kind != NUMBER) {
		printf("%s", kind == INI    ? "_files -g \"*.ini(-.)\""
			     : kind == DIRS ? "_files -/"
					    : "_files");
	}
}

static void put_zsh_command(const struct command *c)
{
	char operand[64];
	get_operand(c, operand, sizeof(operand));
	printf("\t\t%s)\n\t\t\t_arguments \\\n", c->name);
	for (const struct flag *f = c->flags; f->name; f++) {
		const bool value = f->kind != FLAG_SWITCH;
		printf("\t\t\t\t'");
		if (f->letter)
			printf("(-%c --%s)'{-%c%s,--%s%s}'", f->letter, f->name, f->letter,
				value ? "+" : "", f->name, value ? "=" : "");
		else
			printf("--%s%s", f->name, value ? "=" : "");
		printf("[");
		put_quoted(f->help, strlen(f->help), "[]:\\");
		printf("]");
		if (value) {
			printf(":%s:", f->arg);
			put_zsh_action(f->arg, f);
		}
		printf("' \\\n");
	}
	printf("\t\t\t\t'(- *)'{-h,--help}'[show help]'");
	if (strstr(c->synopsis, "[KEY]"))
		printf(" \\\n\t\t\t\t'*:configuration or key:_dqn_config'");
	else if (takes_keys(c))
		printf(" \\\n\t\t\t\t'1:%s:_files -g \"*.ini(-.)\"' \\\n\t\t\t\t'*:key:_dqn_pairs'",
			operand);
	else if (operand[0]) {
		printf(" \\\n\t\t\t\t'%s:%s:", c->max_args == 1 ? "1" : "*", operand);
		put_zsh_action(operand, NULL);
		printf("'");
	}
	printf("\n\t\t\t;;\n");
}

static void put_zsh(void)
{
	printf("#compdef dqn\n"
	       "# zsh completion for dqn: source <(dqn completions zsh), or a file _dqn in $fpath\n"
	       "_dqn_keys() {\n\tlocal -a keys=(\n");
	for (const struct option *o = config_options; o->key; o++) {
		printf("\t\t'%s:", o->key);
		put_help(o, "\\:");
		printf("'\n");
	}
	printf("\t)\n\t_describe key keys \"$@\"\n}\n"
	       "_dqn_pairs() {\n"
	       "\tif ! compset -P '*='; then\n\t\t_dqn_keys -S =\n\t\treturn\n\tfi\n"
	       "\tcase ${IPREFIX%%=} in\n");
	for (const struct option *o = config_options; o->key; o++)
		if (has_values(o)) {
			printf("\t%s) compadd -- ", o->key);
			put_values(o);
			printf(" ;;\n");
		}
	printf("\tesac\n}\n"
	       "_dqn_config() {\n"
	       "\tif ((words[(I)--explain])); then\n\t\t_dqn_keys\n"
	       "\telif ((CURRENT == 2)); then\n\t\t_files -g '*.ini(-.)'\n"
	       "\telse\n\t\t_dqn_pairs\n\tfi\n}\n"
	       "_dqn() {\n"
	       "\tlocal curcontext=$curcontext state line\n"
	       "\tlocal -a commands=(\n");
	for (const struct command *c = commands; c->name; c++) {
		printf("\t\t'%s:", c->name);
		put_quoted(c->summary, strlen(c->summary), "\\:");
		printf("'\n");
	}
	printf("\t)\n"
	       "\t_arguments -C '(- *)'{-h,--help}'[show help]' "
	       "'(- *)'{-V,--version}'[print the version]' \\\n"
	       "\t\t'1:command:->command' '*::argument:->argument'\n"
	       "\tcase $state in\n"
	       "\tcommand) _describe command commands ;;\n"
	       "\targument)\n"
	       "\t\tcase $words[1] in\n");
	for (const struct command *c = commands; c->name; c++)
		put_zsh_command(c);
	printf("\t\tesac\n\t\t;;\n\tesac\n}\n"
	       "if [[ ${funcstack[1]} == _dqn ]]; then\n\t_dqn \"$@\"\nelse\n\tcompdef _dqn dqn\nfi\n");
}

/* --- fish --- */

static void put_fish_action(const char *metavar, const struct flag *f)
{
	const enum kind kind = kind_of(metavar);
	if (kind == INI)
		printf(" -k -a '(__dqn_ini)'");
	else if (kind == DIRS)
		printf(" -a '(__fish_complete_directories (commandline -ct) \"\")'");
	else if (kind == FILES)
		printf(" -F");
	else if (kind == WORDS) {
		const bool list = strcmp(metavar, "KEYS") == 0;
		printf(" -a '%s", list ? "(__fish_append , " : "");
		put_words(metavar, f);
		printf("%s'", list ? ")" : "");
	}
}

static void put_fish_command(const struct command *c)
{
	char operand[64];
	get_operand(c, operand, sizeof(operand));
	printf("complete -c dqn -n __dqn_first -a %s -d '", c->name);
	put_quoted(c->summary, strlen(c->summary), "\\");
	printf("'\n");
	for (const struct flag *f = c->flags; f->name; f++) {
		printf("complete -c dqn -n '__dqn_is %s' -l %s", c->name, f->name);
		if (f->letter)
			printf(" -s %c", f->letter);
		printf(" -d '");
		put_quoted(f->help, strlen(f->help), "\\");
		printf("'");
		if (f->kind != FLAG_SWITCH) /* a value; -x: that is no file */
			printf(" -%c", kind_of(f->arg) == FILES ? 'r' : 'x');
		if (f->kind != FLAG_SWITCH)
			put_fish_action(f->arg, f);
		printf("\n");
	}
	if (takes_keys(c)) {
		printf("complete -c dqn -n '__dqn_is %s; and not __dqn_behind' -k -a "
		       "'(__dqn_ini)'\n",
			c->name);
		printf("complete -c dqn -n '__dqn_is %s; and __dqn_behind' -a '(__dqn_pairs)'\n",
			c->name);
	} else if (operand[0]) {
		printf("complete -c dqn -n '__dqn_is %s'", c->name);
		put_fish_action(operand, NULL);
		printf("\n");
	}
}

static void put_fish(void)
{
	printf("# fish completion for dqn: dqn completions fish | source\n"
	       "function __dqn_first\n"
	       "\ttest (count (commandline -opc)) -eq 1\n"
	       "end\n"
	       "function __dqn_is\n"
	       "\tset -l typed (commandline -opc)\n"
	       "\ttest (count $typed) -gt 1; and test $typed[2] = $argv[1]\n"
	       "end\n"
	       /* A configuration, or --explain, stands before the cursor. */
	       "function __dqn_behind\n"
	       "\tfor word in (commandline -opc)[3..]\n"
	       "\t\tstring match -qr '\\.ini$|^-$|^--explain$' -- $word; and return 0\n"
	       "\tend\n"
	       "\treturn 1\n"
	       "end\n"
	       "function __dqn_ini\n"
	       "\t__fish_complete_suffix .ini | string match -r '^.*(?:/|\\.ini)(?:\\t.*)?$'\n"
	       "end\n"
	       "function __dqn_pairs\n"
	       "\tset -l equals =\n"
	       "\tcontains -- --explain (commandline -opc); and set equals ''\n"
	       "\tswitch (commandline -ct)\n");
	for (const struct option *o = config_options; o->key; o++)
		if (has_values(o)) {
			printf("\tcase '%s=*'\n\t\tprintf '%s=%%s\\n' ", o->key, o->key);
			put_values(o);
			printf("\n");
		}
	printf("\tcase '*'\n");
	for (const struct option *o = config_options; o->key; o++) {
		printf("\t\tprintf '%%s%%s\\t%%s\\n' %s $equals '", o->key);
		put_help(o, "\\");
		printf("'\n");
	}
	printf("\tend\nend\n"
	       "complete -c dqn -f\n"
	       "complete -c dqn -l help -s h -d 'show help'\n"
	       "complete -c dqn -n __dqn_first -l version -s V -d 'print the version'\n");
	for (const struct command *c = commands; c->name; c++)
		put_fish_command(c);
}

int cmd_completions(const struct args *args)
{
	void (*const put[])(void) = { put_bash, put_zsh, put_fish };
	struct err e;
	for (int i = 0; shells[i]; i++)
		if (strcmp(args->pos[0], shells[i]) == 0) {
			put[i]();
			return STATUS_OK;
		}
	err_set(&e, ERR_USAGE, "no completions for '%s'; there are bash, zsh and fish",
		args->pos[0]);
	return fail(&e);
}
