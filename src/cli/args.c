#include "cli/cli.h"

#include "run/hint.h"

#include <assert.h>
#include <string.h>

bool takes_keys(const struct command *c)
{
	return strstr(c->synopsis, "key=value") != NULL;
}

const struct flag *args_find_flag(const struct command *command, const char *arg)
{
	const size_t len = strcspn(arg + 2, "=");
	for (const struct flag *f = command->flags; f && f->name; f++)
		if (arg[1] == '-' ? strlen(f->name) == len && strncmp(f->name, arg + 2, len) == 0
				  : f->letter && f->letter == arg[1])
			return f;
	return NULL;
}

/* What other programs have a flag for. */
static const struct {
	const char *flags, *answer;
} habits[] = {
	{ "config conf config-file cfg c f", "the file is named without a flag: 'dqn %s FILE'" },
	{ "version", "'dqn --version' prints it" },
	{ "resume restore load-checkpoint", "the same 'dqn %s' resumes where it stopped" },
	{ "overwrite force", "'--fresh' starts again" },
	{ "output output-dir out-dir log-dir logdir save-path run-dir dir",
		"the directory is named by '--out DIR'" },
	{ "multirun m", "'dqn sweep' prints the runs of several values" },
};

static const char *find_habit(const char *name)
{
	const size_t n = strlen(name);
	for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++)
		for (const char *flag = habits[i].flags; *flag; flag += strspn(flag, " ")) {
			const size_t len = strcspn(flag, " ");
			if (len == n && memcmp(flag, name, n) == 0)
				return habits[i].answer;
			flag += len;
		}
	return NULL;
}

/* --seed 7, --double-q, --no-double-q: a key of that name; what it would be set to. */
static const char *habit_key(
	const char *name, const char *given, const char *next, const char **value)
{
	const bool no = strncmp(name, "no-", 3) == 0 || strncmp(name, "no_", 3) == 0;
	const char *key = config_suggest(no ? name + 3 : name);
	const struct option *o = key ? config_find(key) : NULL;
	const bool has_next = next && next[0] != '-' && !strchr(next, '=');
	const bool is_switch = o && o->type == OPTION_BOOL && !given;
	if (no && !is_switch)
		return NULL;
	*value = no                       ? "false"
		 : given                  ? given
		 : is_switch && !has_next ? "true"
		 : has_next               ? next
					  : "...";
	return key;
}

/* An unknown --name may be a habit from elsewhere (--seed 7, --lr=1e-3). */
static bool unknown_flag(
	const struct command *command, const char *arg, const char *next, struct err *e)
{
	char name[64];
	const char *names[MAX_FLAGS + 3];
	const char *start = arg + strspn(arg, "-");
	const size_t len = strcspn(start, "=");
	snprintf(name, sizeof(name), "%.*s", (int)len, start);

	size_t n = 0;
	for (const struct flag *f = command->flags; f && f->name; f++)
		names[n++] = f->name;
	names[n++] = "help";
	names[n++] = "version";
	names[n] = NULL;
	const char *near = text_nearest(name, names);
	const char *given = start[len] == '=' ? start + len + 1 : NULL, *value = NULL;
	const char *absent = takes_keys(command) ? config_why_absent(name) : NULL;
	const char *key = takes_keys(command) ? habit_key(name, given, next, &value) : NULL;
	const char *habit = find_habit(name);
	char answer[128], hint[HINT_SIZE];
	size_t near_distance = SIZE_MAX;
	if (near)
		text_is_near(name, near, &near_distance);
	if (near_distance != 1 && habit && (takes_keys(command) || strcmp(name, "version") == 0)) {
		snprintf(answer, sizeof(answer), habit, command->name);
		return err_set(e, ERR_USAGE, "unknown flag '%s'; %s", arg, answer);
	}
	if (near_distance > 1 && absent)
		return err_set(e, ERR_USAGE, "unknown flag '%s': %s", arg, absent);
	if (key && near_distance > 1 && hint_value(config_find(key), value, hint))
		value = hint;
	if (key && near_distance > 1)
		return err_set(e, ERR_USAGE,
			"unknown flag '%s'; configuration keys are written '%s=%s'", arg, key,
			value);
	if (near) {
		err_set(e, ERR_USAGE, "unknown flag '%s'", arg);
		return err_suggest(e, "--", near);
	}
	return err_set(
		e, ERR_USAGE, "unknown flag '%s'; 'dqn help %s' lists them", arg, command->name);
}

static bool set_flag(struct args *a, const struct command *command, const struct flag *f,
	const char *value, struct err *e)
{
	struct flag_value *v = &a->flag[f - command->flags];
	const char *want = "";
	bool ok = true;
	switch (f->kind) {
	case FLAG_SWITCH:
	case FLAG_STRING:
		break;
	case FLAG_COUNT:
		ok = text_parse_i64(value, &v->count) == TEXT_OK && v->count >= 1 &&
		     v->count <= 1000000;
		want = "a whole number from 1 to 1000000";
		break;
	case FLAG_SEED:
		ok = text_parse_u64(value, &v->seed) == TEXT_OK;
		want = "a whole number from 0 to 2^64-1";
		break;
	case FLAG_REAL:
		ok = text_parse_real(value, &v->real) == TEXT_OK;
		want = "a real number";
		break;
	}
	if (!ok)
		return err_set(e, ERR_USAGE, "--%s '%s' is not %s", f->name, value, want);
	if (v->set)
		return err_set(e, ERR_USAGE, "--%s is given twice", f->name);
	v->set = true;
	v->string = value;
	return true;
}

/* The flag at argv[i]; returns how many further arguments it took, or -1. */
static int parse_flag(
	struct args *a, const struct command *command, int argc, char **argv, int i, struct err *e)
{
	const char *arg = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
	const bool is_long = arg[1] == '-';
	const size_t len = is_long ? strcspn(arg + 2, "=") : 1;
	const struct flag *f = args_find_flag(command, arg);
	if (!f) {
		unknown_flag(command, arg, next, e);
		return -1;
	}
	const char *rest = is_long ? arg + 2 + len : arg + 2; /* "=v", or "v" behind a letter */
	const char *value = NULL;
	int taken = 0;
	if (*rest)
		value = is_long ? rest + 1 : rest;
	if (f->kind == FLAG_SWITCH && value) {
		if (is_long)
			err_set(e, ERR_USAGE, "--%s takes no value", f->name);
		else
			err_set(e, ERR_USAGE, "unknown flag '%s'; write the letters apart", arg);
		return -1;
	}
	if (f->kind != FLAG_SWITCH && !value) {
		if (!next) {
			err_set(e, ERR_USAGE, "--%s needs a value (%s)", f->name, f->arg);
			return -1;
		}
		if (f->kind == FLAG_STRING && next[0] == '-' && next[1]) {
			err_set(e, ERR_USAGE,
				"--%s needs a value (%s); if it is '%s', write '--%s=%s'", f->name,
				f->arg, next, f->name, next);
			return -1;
		}
		value = next;
		taken = 1;
	}
	return set_flag(a, command, f, value, e) ? taken : -1;
}

bool args_parse(struct args *a, const struct command *command, int argc, char **argv, struct err *e)
{
	*a = (struct args){ .pos = argv };
	bool flags_end = false;
	for (int i = 0; i < argc; i++) {
		char *arg = argv[i];
		if (flags_end || arg[0] != '-' || arg[1] == '\0') {
			a->pos[a->n++] = arg;
		} else if (strcmp(arg, "--") == 0) {
			flags_end = true;
		} else {
			const int taken = parse_flag(a, command, argc, argv, i, e);
			if (taken < 0)
				return false;
			i += taken;
		}
	}
	if (a->n < command->min_args)
		return err_set(e, ERR_USAGE, "'%s' needs more: dqn %s %s", command->name,
			command->name, command->synopsis);
	if (command->max_args >= 0 && a->n > command->max_args)
		return err_set(e, ERR_USAGE, "'%s' is one argument too many: dqn %s %s",
			a->pos[command->max_args], command->name, command->synopsis);
	return true;
}
