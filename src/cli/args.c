#include "cli/cli.h"

#include "run/hint.h"

#include <string.h>

bool takes_keys(const struct command *c)
{
	return strstr(c->synopsis, "key=value") != NULL;
}

const struct flag *args_find_flag(const struct command *command, const char *arg)
{
	const bool is_long = arg[1] == '-';
	const size_t len = strcspn(arg + 2, "=");
	for (const struct flag *f = command->flags; f && f->name; f++)
		if (is_long ? strlen(f->name) == len && strncmp(f->name, arg + 2, len) == 0
			    : f->letter && f->letter == arg[1])
			return f;
	return NULL;
}

/* Flags of other programs. */
static const struct {
	const char *flags, *answer;
} habits[] = {
	{ "config conf config-file cfg c f", "the file is named without a flag: 'dqn %s FILE'" },
	{ "version", "'dqn --version' prints it" },
	{ "resume restore load-checkpoint", "the same 'dqn %s' resumes where it stopped" },
	{ "overwrite force", "'--fresh' starts again" },
	{ "output output-dir out-dir log-dir logdir save-path run-dir dir", "the directory is named by '--out DIR'" },
	{ "multirun m", "'dqn sweep' prints the runs of several values" },
};

/* --seed 7, --double-q, --no-double-q: a key of that name; what it would be set to. */
static const char *habit_key(const char *name, const char *given, const char *next, const char **value)
{
	const bool no = strncmp(name, "no-", 3) == 0 || strncmp(name, "no_", 3) == 0;
	const char *key = config_suggest(no ? name + 3 : name);
	const struct option *o = key ? config_find(key) : NULL;
	const bool has_next = next && next[0] != '-' && !strchr(next, '=');
	const bool is_switch = o && o->type == OPTION_BOOL && !given;
	if (no && !is_switch)
		return NULL;
	*value = no ? "false" : given ? given : is_switch && !has_next ? "true" : has_next ? next : "...";
	return key;
}

/* Explains a flag that other programs have (--seed 7, --lr=1e-3, --resume); false if no
 * program has that name. */
static bool explain_foreign_flag(
	const struct command *command, const char *arg, const char *name, const char *next, struct err *e)
{
	const char *equals = strchr(arg, '='), *absent = config_why_absent(name), *value;
	char answer[128], hint[HINT_SIZE];
	for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++)
		if (text_has_word(habits[i].flags, name)) {
			snprintf(answer, sizeof(answer), habits[i].answer, command->name);
			err_set(e, ERR_USAGE, "unknown flag '%s'; %s", arg, answer);
			return true;
		}
	if (absent) {
		err_set(e, ERR_USAGE, "unknown flag '%s': %s", arg, absent);
		return true;
	}
	const char *key = habit_key(name, equals ? equals + 1 : NULL, next, &value);
	if (!key)
		return false;
	if (hint_value(config_find(key), value, hint))
		value = hint;
	err_set(e, ERR_USAGE, "unknown flag '%s'; configuration keys are written '%s=%s'", arg, key, value);
	return true;
}

static void unknown_flag(const struct command *command, const char *arg, const char *next, struct err *e)
{
	char name[64];
	const char *names[MAX_FLAGS + 3];
	const char *start = arg + strspn(arg, "-");
	size_t n = 0, distance = SIZE_MAX;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(start, "="), start);
	for (const struct flag *f = command->flags; f && f->name; f++)
		names[n++] = f->name;
	names[n++] = "help";
	names[n++] = "version";
	names[n] = NULL;
	const char *near = text_nearest(name, names);
	if (near)
		text_is_near(name, near, &distance);
	const bool is_foreign = strcmp(name, "version") == 0 || (takes_keys(command) && distance > 1);
	if (is_foreign && explain_foreign_flag(command, arg, name, next, e))
		return;
	if (near) {
		err_set(e, ERR_USAGE, "unknown flag '%s'", arg);
		err_suggest(e, "--", near);
	} else
		err_set(e, ERR_USAGE, "unknown flag '%s'; 'dqn help %s' lists them", arg, command->name);
}

/* Whole numbers that FLAG_COUNT takes. */
static const int64_t most_count = 1000000;

/* Parses a value that is not a string into v. NULL, or what it should have been. */
static const char *parse_value(enum flag_kind kind, const char *value, struct flag_value *v)
{
	switch (kind) {
	case FLAG_COUNT:
		if (text_parse_i64(value, &v->count) != TEXT_OK || v->count < 1 || v->count > most_count)
			return "a whole number from 1 to 1000000";
		return NULL;
	case FLAG_SEED:
		return text_parse_u64(value, &v->seed) != TEXT_OK ? "a whole number from 0 to 2^64-1" : NULL;
	case FLAG_REAL:
	case FLAG_SHARE:
		if (text_parse_real(value, &v->real) != TEXT_OK)
			return "a real number";
		return kind == FLAG_SHARE && !(v->real >= 0 && v->real <= 1) ? "in [0, 1]" : NULL;
	default:
		return NULL;
	}
}

static bool set_flag(
	struct args *a, const struct command *command, const struct flag *f, const char *value, struct err *e)
{
	struct flag_value *v = &a->flag[f - command->flags];
	const bool is_string = f->kind == FLAG_STRING || f->kind == FLAG_LIST;
	if (f->kind != FLAG_SWITCH && (!value || (is_string && !value[0])))
		return err_set(e, ERR_USAGE, "--%s needs a value (%s)", f->name, f->arg);
	const char *want = parse_value(f->kind, value, v);
	if (want)
		return err_set(e, ERR_USAGE, "--%s '%s' is not %s", f->name, value, want);
	if (v->set && f->kind != FLAG_LIST)
		return err_set(e, ERR_USAGE, "--%s is given twice", f->name);
	if (v->n == MAX_LIST)
		return err_set(e, ERR_USAGE, "--%s is given more than %d times", f->name, MAX_LIST);
	if (f->kind == FLAG_LIST)
		v->list[v->n++] = value;
	v->set = true;
	v->string = value;
	return true;
}

/* The flag at argv[i], and its value, which may be the next argument: *n_taken is then 1. */
static bool parse_flag(
	struct args *a, const struct command *command, const char *arg, const char *next, int *n_taken, struct err *e)
{
	const bool is_long = arg[1] == '-';
	const struct flag *f = args_find_flag(command, arg);
	if (!f) {
		unknown_flag(command, arg, next, e);
		return false;
	}
	const char *rest = is_long ? arg + 2 + strlen(f->name) : arg + 2; /* "", "=v", -x: "v" */
	const char *value = *rest == '\0' ? NULL : is_long ? rest + 1 : rest;
	*n_taken = f->kind != FLAG_SWITCH && !value;
	if (f->kind == FLAG_SWITCH && value)
		return is_long ? err_set(e, ERR_USAGE, "--%s takes no value", f->name)
			       : err_set(e, ERR_USAGE, "unknown flag '%s'; write the letters apart", arg);
	if (*n_taken && (f->kind == FLAG_STRING || f->kind == FLAG_LIST) && next && next[0] == '-' && next[1])
		return err_set(e, ERR_USAGE, "--%s needs a value (%s); if it is '%s', write '--%s=%s'", f->name, f->arg,
			next, f->name, next);
	return set_flag(a, command, f, *n_taken ? next : value, e);
}

/* "[--json|--csv]" in the synopsis: only one of them. */
static bool check_alternatives(const struct args *a, const struct command *command, struct err *e)
{
	const struct flag *first = NULL;
	for (const char *s = command->synopsis; *s; s++) {
		char word[32];
		if (*s == '[')
			first = NULL;
		if ((*s != '[' && *s != '|') || s[1] != '-')
			continue;
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(s + 1, " |]"), s + 1);
		const struct flag *f = args_find_flag(command, word);
		if (!f || !a->flag[f - command->flags].set)
			continue;
		if (first)
			return err_set(e, ERR_USAGE, "--%s and --%s exclude each other", first->name, f->name);
		first = f;
	}
	return true;
}

bool args_parse(struct args *a, const struct command *command, int argc, char **argv, struct err *e)
{
	*a = (struct args){ .pos = argv };
	bool flags_end = false;
	for (int i = 0, n_taken = 0; i < argc; i += 1 + n_taken, n_taken = 0) {
		char *arg = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
		if (flags_end || arg[0] != '-' || arg[1] == '\0')
			a->pos[a->n++] = arg;
		else if (strcmp(arg, "--") == 0)
			flags_end = true;
		else if (!parse_flag(a, command, arg, next, &n_taken, e))
			return false;
	}
	if (a->n < command->min_args)
		return err_set(e, ERR_USAGE, "'%s' needs %.*s: dqn %s %s", command->name,
			(int)strcspn(command->synopsis, " "), command->synopsis, command->name, command->synopsis);
	if (command->max_args >= 0 && a->n > command->max_args)
		return err_set(e, ERR_USAGE, "'%s' is one argument too many: dqn %s%s%s", a->pos[command->max_args],
			command->name, *command->synopsis ? " " : "", command->synopsis);
	return check_alternatives(a, command, e);
}
