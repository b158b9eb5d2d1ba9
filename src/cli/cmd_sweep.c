#include "cli/cli.h"

#include "base/sobol.h"
#include "run/run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { OUT, RANDOM, SOBOL, SEED, COUNT, INDEX, MISSING, INDICES, ZERO };
static const struct flag sweep_flags[] = {
	[OUT] = { "out", 'o', FLAG_STRING, "DIR", "directory of the runs (default runs/NAME)" },
	[RANDOM] = { "random", '\0', FLAG_COUNT, "N", "draw N different settings at random" },
	[SOBOL] = { "sobol", '\0', FLAG_COUNT, "N", "draw N different settings that fill the space evenly" },
	[SEED] = { "seed", 's', FLAG_SEED, "S", "seed of --random and --sobol (default 1)" },
	[COUNT] = { "count", '\0', FLAG_SWITCH, NULL, "print only the number of lines" },
	[INDEX] = { "index", '\0', FLAG_STRING, "I", "print only line I or lines I-J, counted from 0" },
	[MISSING] = { "missing", '\0', FLAG_SWITCH, NULL, "leave out the runs that are done" },
	[INDICES] = { "indices", '\0', FLAG_SWITCH, NULL, "print the lines' numbers instead: 0-3,7,9-12" },
	[ZERO] = { "null", '0', FLAG_SWITCH, NULL, "end lines with a NUL, for xargs -0" },
	{ .name = NULL },
};

enum { MAX_WARNINGS = 32 }; /* more than there are kinds */

struct sweep {
	const struct args *args;
	struct space space;
	char out[RUN_PATH_SIZE];
	struct keys keys;                                      /* what the commands set */
	uint64_t n_lines, first, last;                         /* all lines; the first and the last to print */
	uint64_t n_printed, n_ranges, range_first, range_last; /* of --indices */
	struct {
		char text[REPORT_LINE_SIZE];
		uint64_t n, first; /* lines, and the first of them */
	} warning[MAX_WARNINGS];
	int n_warnings; /* of different kinds */
	bool has_inputs;
	struct config inputs; /* --missing: its files have been read, if they are there */
	uint32_t *sample;     /* (n_lines / n_seeds) settings of --random and --sobol */
};

/* Quotes a word for the shell. One that is not printable is escaped for printf, so that the
 * command stays on one line and is safe on a terminal. */
static void put_word(const char *word)
{
	const char *plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./=,:+@%-";
	if (word[0] && strspn(word, plain) == strlen(word)) {
		fputs(word, stdout);
	} else if (!text_is_printable(word)) {
		fputs("\"$(printf %b '", stdout);
		for (; *word; word++)
			if (strchr(plain, *word))
				putchar(*word);
			else
				printf("\\0%03o", (unsigned)(unsigned char)*word);
		fputs("')\"", stdout);
	} else {
		putchar('\'');
		for (; *word; word++)
			if (*word == '\'')
				fputs("'\\''", stdout);
			else
				putchar(*word);
		putchar('\'');
	}
}

/* A path that begins with a dash gets "./", so that it is not a flag. */
static void put_path(const char *path)
{
	char safe[RUN_PATH_SIZE + 2];
	snprintf(safe, sizeof(safe), "%s%s", path[0] == '-' ? "./" : "", path);
	put_word(safe);
}

static void end_line(const struct sweep *s)
{
	putchar(s->args->flag[ZERO].set ? '\0' : '\n');
}

static void put_command(const struct sweep *s, const struct config *c, const char *dir)
{
	put_word(s->args->program);
	fputs(" train ", stdout);
	put_path(s->args->pos[0]);
	for (int i = 0; i < s->keys.n; i++) {
		char pair[64 + CONFIG_VALUE_SIZE];
		struct text t = text_into(pair, sizeof(pair));
		text_add(&t, "%s=", s->keys.at[i]->key);
		config_print_value(c, s->keys.at[i], &t);
		putchar(' ');
		put_word(pair);
	}
	fputs(" --brief --out ", stdout);
	put_path(dir);
	end_line(s);
}

static void set_point(const struct sweep *s, uint64_t i, struct config *c)
{
	const struct flag_value *flag = s->args->flag;
	if (s->sample)
		space_draw(&s->space, flag[SOBOL].set ? SPACE_SOBOL : SPACE_RANDOM,
			flag[SEED].set ? flag[SEED].seed : 1, s->sample[i / s->space.n_seeds], i % s->space.n_seeds, c);
	else
		space_grid(&s->space, i, c);
}

/* The current range of lines, as Slurm's --array takes it. */
static void put_range(struct sweep *s)
{
	if (s->n_printed == 0)
		return;
	printf("%s%" PRIu64, s->n_ranges++ > 0 ? "," : "", s->range_first);
	if (s->range_last > s->range_first)
		printf("-%" PRIu64, s->range_last);
}

static void put_index(struct sweep *s, uint64_t i)
{
	if (s->n_printed == 0 || i != s->range_last + 1) {
		put_range(s);
		s->range_first = i;
	}
	s->range_last = i;
}

/* Runs with --brief print no warnings of their configurations. The sweep prints the first one
 * of each kind: what stands before the first number. */
static void note_warnings(struct sweep *s, const struct report *r, uint64_t i)
{
	for (const char *line = r->buf; *line; line += strcspn(line, "\n") + 1) {
		const size_t kind_len = strcspn(line, "0123456789\n");
		int w = 0;
		while (w < s->n_warnings && strncmp(s->warning[w].text, line, kind_len) != 0)
			w++;
		if (w == MAX_WARNINGS)
			continue;
		if (w == s->n_warnings) {
			snprintf(s->warning[w].text, REPORT_LINE_SIZE, "%.*s", (int)strcspn(line, "\n"), line);
			s->warning[w].first = i;
			s->n_warnings++;
		}
		s->warning[w].n++;
	}
}

static void say_warnings(const struct sweep *s)
{
	for (int w = 0; w < s->n_warnings; w++)
		if (s->n_printed == 1)
			say("%s", s->warning[w].text);
		else
			say("%s (line %" PRIu64 " and %" PRIu64 " more of %" PRIu64 ")", s->warning[w].text,
				s->warning[w].first, s->warning[w].n - 1, s->n_printed);
}

/* True if `dqn train` would find that the run of this line is done. */
static bool is_done(struct sweep *s, const struct config *as_written, const char *dir)
{
	static struct inputs in;
	static struct config recalled; /* too much for a small stack */
	struct config *const c = &recalled;
	struct err ignored;
	recalled = *as_written;
	if (!s->has_inputs) {
		s->inputs = *c;
		load_inputs(&in, &s->inputs, s->args->pos[0], NULL, NULL, &ignored);
		inputs_release(&in);
		s->has_inputs = true;
	}
	for (const struct option *o = inputs_next(c, NULL); o; o = inputs_next(c, o)) {
		config_set_value(c, o, inputs_value(&s->inputs, o));
		rundir_recall_input(dir, o, c, &ignored);
	}
	rundir_recall(dir, c);
	return rundir_is_done(dir, c);
}

/* Prints line i. False after a message if its configuration cannot run. */
static bool put_line(struct sweep *s, uint64_t i)
{
	static struct report r;
	struct config c;
	char dir[RUN_PATH_SIZE], where[64];
	set_point(s, i, &c);
	report_init(&r);
	config_check(&c, 0, &r);
	if (!run_dir(dir, s->out, '/', &s->keys, &c))
		report_error(&r, "", "the run's directory has too long a name");
	if (r.n_errors > 0) {
		snprintf(where, sizeof(where), "line %" PRIu64 ", counted from 0", i);
		say("%s, cannot run: %.*s", where, (int)strcspn(r.buf, "\n"), r.buf);
		return false;
	}
	if (s->args->flag[MISSING].set && is_done(s, &c, dir))
		return true;
	if (s->args->flag[INDICES].set)
		put_index(s, i);
	else if (!s->args->flag[COUNT].set) {
		put_command(s, &c, dir);
		note_warnings(s, &r, i);
	}
	s->n_printed++;
	return true;
}

/* N settings, each with every seed. */
static bool sample_settings(struct sweep *s, struct err *e)
{
	const struct flag_value *flag = s->args->flag;
	const struct space *space = &s->space;
	const int how = flag[SOBOL].set ? SOBOL : RANDOM;
	const uint64_t n = (uint64_t)flag[how].count;
	if (space->n_dims == 0)
		return err_set(
			e, ERR_USAGE, "--%s draws settings, but no key has several values", sweep_flags[how].name);
	if (space->n_drawn == 0)
		return err_set(e, ERR_USAGE,
			"--%s draws settings and prints each with every seed, but only the seed "
			"varies: for %" PRIu64 " seeds write seed=1..%" PRIu64,
			sweep_flags[how].name, n, n);
	if (how == SOBOL && space->n_drawn > SOBOL_MAX_DIMS)
		return err_set(
			e, ERR_USAGE, "--sobol takes up to %d keys that vary, not %d", SOBOL_MAX_DIMS, space->n_drawn);
	if (space->n_seeds > UINT64_MAX / n)
		return err_set(e, ERR_USAGE,
			"%" PRIu64 " settings with %" PRIu64 " seeds each are more than 2^64-1 lines", n,
			space->n_seeds);
	s->n_lines = n * space->n_seeds;
	s->sample = space_sample(
		space, how == SOBOL ? SPACE_SOBOL : SPACE_RANDOM, flag[SEED].set ? flag[SEED].seed : 1, (size_t)n, e);
	return s->sample != NULL;
}

static bool count_lines(struct sweep *s, struct err *e)
{
	const struct flag_value *flag = s->args->flag;
	const struct space *space = &s->space;
	for (int i = 0; i < space->n_dims; i++)
		if (space->dim[i].choice->option->neutral)
			return err_set(e, ERR_USAGE,
				"%s%s changes no result: all its values would be one run in one directory",
				space->dim[i].choice->source, space->dim[i].choice->option->key);
	if (flag[RANDOM].set || flag[SOBOL].set)
		return sample_settings(s, e);
	for (int i = 0; i < space->n_dims; i++)
		if (space->dim[i].n == 0)
			return err_set(e, ERR_USAGE,
				"%s%s = '%.80s' has no grid; --random N or --sobol N draws from it",
				space->dim[i].choice->source, space->dim[i].choice->option->key,
				space->dim[i].choice->text);
	s->n_lines = space->n_points;
	return !space->too_many || err_set(e, ERR_USAGE, "the grid has more than 2^64-1 points; --random N takes some");
}

static bool check_args(const struct args *args, struct err *e)
{
	const struct flag_value *flag = args->flag;
	if (config_is_stream(args->pos[0]))
		return err_set(e, ERR_USAGE, "SPACE must be a file: the printed commands read it again");
	const char *const names[] = { args->program, args->pos[0] };
	for (int i = 0; i < 2; i++)
		if (names[i][strlen(names[i]) - (names[i][0] != '\0')] == '\n')
			return err_set(e, ERR_USAGE, "'%s' ends in a line break, which shells cut off", names[i]);
	if (flag[SEED].set && !flag[RANDOM].set && !flag[SOBOL].set)
		return err_set(e, ERR_USAGE,
			"--seed belongs to --random and --sobol; the runs' own is written 'seed=%s'",
			flag[SEED].string);
	return true;
}

/* --index, or all lines. A range may end after the last line: the last task of an array may
 * have fewer lines. */
static bool choose_lines(struct sweep *s, struct err *e)
{
	const struct flag_value *flag = &s->args->flag[INDEX];
	s->first = 0;
	s->last = s->n_lines - 1;
	if (!flag->set)
		return true;
	char from[32];
	const size_t dash = strcspn(flag->string, "-");
	const char *to = flag->string[dash] ? flag->string + dash + 1 : from;
	snprintf(from, sizeof(from), "%.*s", (int)dash, flag->string);
	uint64_t last;
	if (dash >= sizeof(from) || text_parse_u64(from, &s->first) != TEXT_OK || text_parse_u64(to, &last) != TEXT_OK)
		return err_set(e, ERR_USAGE, "--index '%s' is not a number or a range as 10-19", flag->string);
	if (s->first > last)
		return err_set(e, ERR_USAGE, "--index '%s' runs backwards", flag->string);
	if (s->first >= s->n_lines)
		return err_set(
			e, ERR_USAGE, "--index %" PRIu64 " is not below the count, %" PRIu64, s->first, s->n_lines);
	if (last < s->last)
		s->last = last;
	return true;
}

/* The directory of the runs, the keys that name them, and which lines to print. */
static bool sweep_init(struct sweep *s, const struct args *args, struct err *e)
{
	const struct flag_value *out = &args->flag[OUT];
	char name[RUN_PATH_SIZE];
	config_name(args->pos[0], name, sizeof(name));
	if ((size_t)snprintf(s->out, sizeof(s->out), "%s%s", out->set ? "" : "runs/", out->set ? out->string : name) >=
		sizeof(s->out))
		return err_set(e, ERR_USAGE, "path too long: '%s'", out->string);
	keys_add_overrides(&s->keys, args);
	for (int i = 0; i < s->space.n_dims; i++)
		keys_add(&s->keys, s->space.dim[i].choice->option);
	return count_lines(s, e) && choose_lines(s, e);
}

static bool cmd_sweep(const struct args *args, struct err *e)
{
	static struct sweep s;
	const struct flag_value *flag = args->flag;
	bool ok = true;
	s.args = args;
	if (!check_args(args, e) || !load_space(&s.space, args, e))
		return false;
	if (!sweep_init(&s, args, e)) {
		free(s.sample);
		return false;
	}
	if (flag[COUNT].set && !flag[MISSING].set)
		s.n_printed = s.last - s.first + 1;
	else
		for (uint64_t i = s.first; i <= s.last && !ferror(stdout); i++)
			ok &= put_line(&s, i);
	say_warnings(&s);
	if (flag[COUNT].set)
		printf("%" PRIu64, s.n_printed);
	if (flag[INDICES].set)
		put_range(&s);
	if (flag[COUNT].set || (flag[INDICES].set && s.n_printed > 0))
		end_line(&s);
	free(s.sample);
	return ok || end_with(e, ERR_USAGE);
}

const struct command command_sweep = {
	.name = "sweep",
	.synopsis = "SPACE [key=value ...] [--out DIR] [--random N|--sobol N] [--seed S] [--index I[-J]] "
		    "[--missing] [--count|--indices] [-0]",
	.summary = "print one train command per point of a space",
	.details =
		"SPACE is a configuration in which a value may stand for several: a list 1 | 3 | 5, a range of "
		"whole numbers 1..10, log(1e-4, 1e-2) or uniform(0.9, 0.99). A key=value argument may, too; a "
		"command or a path never does. All combinations are printed, and the seed varies slowest. With --random or "
		"--sobol, N settings of the other keys are printed, each with every seed. Each run has its own "
		"directory below DIR (default: runs/NAME) and prints one line.",
	.examples = "dqn sweep configs/sweep-cartpole.ini -0 | xargs -0 -P2 -n1 sh -c\n"
		    "dqn sweep configs/cartpole.ini seed=1..20 'n_steps=1 | 3 | 5'\n"
		    "dqn sweep configs/sweep-cartpole.ini --missing --count\n"
		    "sbatch --array=$(dqn sweep configs/sweep-cartpole.ini --missing --indices) job\n",
	.flags = sweep_flags,
	.statuses = (const int[]){ 0, 1, 2, 5, -1 },
	.min_args = 1,
	.max_args = -1,
	.run = cmd_sweep,
};
