#include "cli/cli.h"

#include "base/memory.h"

#include <inttypes.h>
#include <string.h>

enum { EXPLAIN, LIST, MEMORY };
static const struct flag config_flags[] = {
	[EXPLAIN] = { "explain", '\0', FLAG_SWITCH, NULL, "explain all keys, or one KEY or SECTION" },
	[LIST] = { "list", '\0', FLAG_SWITCH, NULL, "list the configurations that came with dqn" },
	[MEMORY] = { "memory", '\0', FLAG_SWITCH, NULL, "print the peak memory of the run instead" },
	{ .name = NULL },
};

static void explain(const struct option *o)
{
	char buf[64], range[512];
	struct text t = text_into(range, sizeof(range));
	text_add(&t, "Takes: ");
	option_print_range(o, &t);
	text_add(&t, ".");
	struct text def = text_into(buf, sizeof(buf));
	ini_add_value(&def, o->def);
	printf("%s = %s\n", o->key, buf);
	print_wrapped(4, o->help);
	print_wrapped(4, range);
	if (o->elsewhere[0]) {
		char names[256];
		t = text_into(names, sizeof(names));
		text_add(&t, "Elsewhere: ");
		for (const char *c = o->elsewhere; *c; c++)
			text_add(&t, *c == ' ' ? ", " : "%c", *c);
		print_wrapped(4, names);
	}
}

/* With the effect of the key on learning. */
static void explain_whole(const struct option *o)
{
	const char *const names[] = { "Typical", "Too low", "Too high" };
	const char *const values[] = { o->typical, o->low, o->high };
	char line[512];
	explain(o);
	print_wrapped(4, o->effect);
	for (int i = 0; o->typical && i < 3; i++) {
		snprintf(line, sizeof(line), "%s: %s.", names[i], values[i]);
		print_wrapped(4, line);
	}
}

static bool explain_all(void)
{
	const char *section = "";
	for (const struct option *o = config_options; o->key; o++) {
		if (strcmp(section, o->section) != 0)
			printf("%s[%s]\n", section[0] ? "\n" : "", o->section);
		section = o->section;
		explain(o);
	}
	return true;
}

/* A key by any name, '-' counting as '_', or a section, "replay" or "[replay]". */
static bool explain_one(const char *word, struct err *e)
{
	static struct report r;
	char name[64];
	const bool has_brackets = word[0] == '[';
	bool is_section = false;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + has_brackets, "]"), word + has_brackets);
	for (const struct option *o = config_options; o->key; o++) {
		if (strcmp(name, o->section) != 0)
			continue;
		printf(is_section ? "\n" : "[%s]\n", o->section);
		explain_whole(o);
		is_section = true;
	}
	if (is_section)
		return true;
	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : *c;
	const struct option *o = has_brackets ? NULL : config_find_elsewhere(name);
	if (o) {
		printf("[%s]\n", o->section);
		explain_whole(o);
		return true;
	}
	report_init(&r);
	report_unknown_key(&r, "", word);
	say_report(&r, true);
	return end_with(e, ERR_USAGE);
}

/* Program, C library and stack; measured with glibc. */
enum { PROCESS_KIB = 2200 };

static bool cmd_config(const struct args *args, struct err *e)
{
	if (args->flag[EXPLAIN].set && args->n > 1)
		return err_set(e, ERR_USAGE, "--explain takes one key or section, or none for all");
	if (args->flag[EXPLAIN].set)
		return args->n == 1 ? explain_one(args->pos[0], e) : explain_all();
	if (args->flag[LIST].set && args->n > 0)
		return err_set(e, ERR_USAGE, "--list takes no argument");
	if (args->flag[LIST].set)
		return print_configs(args->program) || err_set(e, ERR_RUN, "no configurations came with this program");
	if (args->n == 0)
		return err_set(e, ERR_USAGE, "'config' needs CONFIG: dqn config CONFIG [key=value ...]");
	static struct config c; /* too much for a small stack */
	if (!load_config(&c, args, false, false, e))
		return false;
	const bool is_known = config_env(&c)->obs_dim > 0;
	if (!is_known && args->flag[MEMORY].set)
		return err_set(e, ERR_USAGE,
			"the memory depends on what the command declares; give that line as declaration='env ...'");
	const double need = is_known ? (double)config_memory(&c) : 0;
	const double has = (double)memory_limit("");
	if (has > 0 && need > has) /* only a warning: the run may be for another machine */
		say("warning: the run needs %.0f MiB; this machine has %.0f MiB", need / (1 << 20), has / (1 << 20));
	if (args->flag[MEMORY].set) {
		printf("peak memory: %" PRIu64 " KiB\n", config_memory(&c) / 1024 + PROCESS_KIB);
		return true;
	}
	static char buf[CONFIG_TEXT_MAX]; /* too much for a small stack */
	struct text t = text_into(buf, sizeof(buf));
	config_print(&c, &t);
	fputs(buf, stdout);
	return true;
}

const struct command command_config = {
	.name = "config",
	.synopsis = "CONFIG [key=value ...] [--memory] | --explain [KEY|SECTION] | --list",
	.summary = "print the full configuration, or explain its keys",
	.details = "The printed file has every key and reads back to the same configuration. CONFIG is a "
		   "file, - for standard input, or one of the names that --list prints. --explain KEY also says what "
		   "the key does to learning, a typical value, and what too low and too high ones look like; KEY may "
		   "be the name that another framework has for it.",
	.examples = "dqn config configs/cartpole.ini seed=7\n"
		    "dqn config /dev/null          # all defaults\n"
		    "dqn config --explain n_steps\n"
		    "dqn config --explain replay   # a section\n",
	.flags = config_flags,
	.statuses = (const int[]){ 0, 1, 2, -1 },
	.max_args = -1,
	.run = cmd_config,
};
