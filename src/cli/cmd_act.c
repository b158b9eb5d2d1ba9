#include "cli/cli.h"

#include "base/lines.h"
#include "base/memory.h"
#include "base/pmath.h"
#include "cli/children.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EPSILON, SEED, Q, JSON, WEIGHTS };
static const struct flag act_flags[] = {
	[EPSILON] = { "epsilon", '\0', FLAG_SHARE, "E", "share of random actions (default 0)" },
	[SEED] = { "seed", 's', FLAG_SEED, "S", "seed of the random actions (default 0)" },
	[Q] = { "q", '\0', FLAG_SWITCH, NULL, "print the Q values after the action" },
	[JSON] = { "json", '\0', FLAG_SWITCH, NULL, "print an object of JSON per line" },
	WEIGHTS_FLAGS(WEIGHTS),
	{ .name = NULL },
};

struct filter {
	const struct policy *policy;
	const float *obs_scale; /* (n_inputs) */
	size_t n_inputs, n_actions;
	double epsilon;
	struct rng explore;
	bool shows_q, json;

	struct lines lines;
	size_t n_rows;                 /* that wait for their actions: */
	int64_t row_line[POLICY_ROWS]; /* where each was */
	float *obs;                    /* (POLICY_ROWS, n_inputs) scaled */
	uint8_t *mask;                 /* (POLICY_ROWS, n_actions) */
};

/* --- a line --- */

static const char *skip_blanks(const char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	return s;
}

static bool ends_field(char c)
{
	return c == ' ' || c == '\t' || c == ',' || c == '\0';
}

/* Returns the beginning of the next field. */
static const char *next_field(const char *end)
{
	const char *s = skip_blanks(end);
	return *s == ',' ? skip_blanks(s + 1) : s;
}

static bool bad_line(const struct filter *f, struct err *e, const char *what, const char *field)
{
	const size_t n = strcspn(field, " \t,");
	return lines_error(&f->lines, e, "'%.*s' is not %s", n < 40 ? (int)n : 40, field, what);
}

static bool wrong_count(const struct filter *f, struct err *e, const char *what, size_t n)
{
	return lines_error(&f->lines, e, "%zu %s; an observation has %zu", n, what, f->n_inputs);
}

static bool is_word(const char *s, const char *word)
{
	return strncmp(s, word, strlen(word)) == 0 && ends_field(s[strlen(word)]);
}

/* "1011" and the end of the line. */
static bool parse_mask(const struct filter *f, const char *s, uint8_t *mask, struct err *e)
{
	size_t n_allowed = 0;
	if (strspn(s, "01") != f->n_actions || *skip_blanks(s + f->n_actions))
		return lines_error(&f->lines, e, "'mask' is not followed by %zu digits 0 or 1", f->n_actions);
	for (size_t i = 0; i < f->n_actions; i++) {
		mask[i] = s[i] == '1';
		n_allowed += mask[i];
	}
	return n_allowed > 0 || lines_error(&f->lines, e, "the mask allows no action");
}

/* An observation, and perhaps a mask. */
static bool parse_row(const struct filter *f, const char *line, float *obs, uint8_t *mask, struct err *e)
{
	const char *s = skip_blanks(line), *last = s; /* last: the comma before s, or s */
	size_t n = 0;
	for (; (*s || *last == ',') && !is_word(s, "mask"); n++) {
		double x;
		const char *end = text_scan_real(s, &x);
		if (!end || !ends_field(*end) || !pm_fits_float(x))
			return bad_line(f, e, "a finite number", s);
		if (n < f->n_inputs)
			obs[n] = (float)x * f->obs_scale[n];
		last = skip_blanks(end);
		s = next_field(end);
	}
	if (n != f->n_inputs)
		return wrong_count(f, e, "numbers", n);
	memset(mask, 1, f->n_actions);
	return !*s || parse_mask(f, next_field(s + strlen("mask")), mask, e);
}

/* What stands between the words of a first line. */
static char separator_of(const char *line)
{
	return strchr(line, ',') ? ',' : strchr(line, '\t') ? '\t' : ' ';
}

/* Also in quotes or brackets, or after a byte order mark. */
static bool is_number(const char *s, char separator)
{
	double x;
	const char *end = text_scan_real(s + strspn(s, "\"'[({\xef\xbb\xbf"), &x);
	end = end ? skip_blanks(end + strspn(end, "\"'])}")) : NULL;
	return end && (!*end || *end == separator || separator == ' ');
}

/* True if the line holds names: the first word cannot begin a number and is not nan or inf, and no word
 * is a number. */
static bool is_header(const char *line)
{
	static const char *const numbers[] = { "nan", "NaN", "NAN", "inf", "Inf", "INF", "infinity", "Infinity",
		"INFINITY", "mask" };
	const char *s = skip_blanks(line), separator = separator_of(s);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (is_word(s, numbers[i]))
			return false;
	if (!*s || strchr("0123456789+-.,", *s))
		return false;
	for (const char *next = s; next && *s != '#'; next = strchr(next, separator))
		if (is_number(next = skip_blanks(next + (*next == separator)), separator))
			return false;
	return true;
}

/* obs_I as the name of another number than I: they are not sorted by their names. */
static bool is_misplaced(const char *s, size_t i)
{
	char digits[24];
	uint64_t named;
	s += strspn(s, "\"'");
	if (strncmp(s, "obs_", 4) != 0)
		return false;
	snprintf(digits, sizeof(digits), "%.*s", (int)strspn(s + 4, "0123456789"), s + 4);
	return text_parse_digits(digits, UINT64_MAX, &named) && named != i;
}

/* A name for each number, blanks in it if commas or tabs are between them, and perhaps "mask". */
static bool check_header(const struct filter *f, const char *line, struct err *e)
{
	const char *s = skip_blanks(line);
	const char separator = separator_of(s);
	size_t n = 0;
	bool has_mask = false;
	s = skip_blanks(s + (*s == '#')); /* as NumPy's savetxt writes it */
	for (; *s; n++) {
		has_mask = is_word(s, "mask");
		if (is_misplaced(s, n))
			return bad_line(f, e, "in its place: numbers are taken in the order obs_0, obs_1, ...", s);
		while (*s && *s != separator)
			s++;
		s = *s ? skip_blanks(s + 1) : s;
	}
	n -= has_mask;
	return n == f->n_inputs || wrong_count(f, e, "names", n);
}

/* --- actions --- */

static void print_row(const struct filter *f, int action, const float *q)
{
	char buf[TEXT_REAL_SIZE];
	if (f->json)
		fputs("{\"action\":", stdout);
	if (action < 10)
		putchar('0' + action);
	else
		printf("%d", action);
	if (f->shows_q && f->json)
		fputs(",\"q\":[", stdout);
	for (size_t i = 0; f->shows_q && i < f->n_actions; i++) {
		if (!f->json || i > 0)
			putchar(f->json ? ',' : ' ');
		fputs(text_float(q[i], buf), stdout);
	}
	if (f->json)
		fputs(f->shows_q ? "]}" : "}", stdout);
	putchar('\n');
}

/* Acts on the rows that wait. Random numbers are drawn as policy_act draws them. */
static bool act(struct filter *f, struct err *e)
{
	const struct policy *p = f->policy;
	if (f->n_rows == 0)
		return true;
	const float *q = net_forward(&p->net, p->k, p->params, f->obs, f->n_rows, p->work);
	for (size_t i = 0; i < f->n_rows; i++, q += f->n_actions) {
		const uint8_t *mask = f->mask + i * f->n_actions;
		if (!policy_is_finite(q, f->n_actions))
			return err_set(e, ERR_DIVERGED, "standard input, line %" PRId64 ": a Q value is not finite",
				f->row_line[i]);
		const bool random = f->epsilon > 0 && rng_double(&f->explore) < f->epsilon;
		print_row(f,
			random ? policy_random(mask, (int)f->n_actions, &f->explore)
			       : policy_argmax(q, mask, (int)f->n_actions),
			q);
	}
	f->n_rows = 0;
	return true;
}

/* --- lines --- */

static bool take_line(struct filter *f, const char *line, struct err *e)
{
	if (f->lines.n == 1 && is_header(line))
		return check_header(f, line, e);
	if (!parse_row(f, line, f->obs + f->n_rows * f->n_inputs, f->mask + f->n_rows * f->n_actions, e))
		return false;
	f->row_line[f->n_rows++] = f->lines.n;
	return f->n_rows < POLICY_ROWS || act(f, e);
}

/* Acts on what has come before it waits for more. A bad line ends it, after the actions of those
 * before. */
static bool filter(struct filter *f, struct err *e)
{
	char *line;
	struct err earlier;
	do {
		if (!lines_ready(&f->lines)) {
			if (!act(f, e))
				return false;
			if (fflush(stdout) != 0)
				return true; /* close_stdout reports it */
		}
		if (!lines_next(&f->lines, &line, e) || (line && !take_line(f, line, e))) {
			if (!act(f, &earlier))
				*e = earlier;
			return false;
		}
	} while (line);
	return act(f, e);
}

static bool filter_init(struct filter *f, struct loaded *l, struct err *e)
{
	const struct weights *w = &l->w;
	if (!load_policy(l, e))
		return false;
	f->policy = &l->policy;
	f->n_inputs = (size_t)w->env->obs_dim;
	f->n_actions = (size_t)w->env->n_actions;
	f->obs_scale = w->obs_scale;
	f->obs = memory_zeroed(POLICY_ROWS * f->n_inputs * sizeof(float));
	f->mask = memory_zeroed(POLICY_ROWS * f->n_actions);
	if (!f->obs || !f->mask)
		return err_set(e, ERR_RUN, "out of memory");
	return lines_init(
		&f->lines, STDIN_FILENO, "standard input", ", line ", LINES_PIECE + 32 * f->n_inputs + f->n_actions, e);
}

static void filter_release(struct filter *f)
{
	free(f->obs);
	free(f->mask);
	lines_release(&f->lines);
}

static bool cmd_act(const struct args *args, struct err *e)
{
	static struct loaded l;
	static struct filter f;
	const struct flag_value *flag = args->flag;
	f.shows_q = flag[Q].set;
	f.json = flag[JSON].set;
	f.epsilon = flag[EPSILON].real;
	rng_init_stream(&f.explore, flag[SEED].seed, STREAM_OUTSIDE_EXPLORATION);
	if (strcmp(args->pos[0], "-") == 0)
		return err_set(e, ERR_USAGE, "the observations come from standard input: name a file");
	if (flag[SEED].set && !flag[EPSILON].set)
		return err_set(e, ERR_USAGE, "--seed is for the random actions of --epsilon");
	if (!load_weights(&l, args->pos[0], &flag[WEIGHTS], false, e))
		return false;
	const bool ok = filter_init(&f, &l, e) && filter(&f, e);
	filter_release(&f);
	unload_weights(&l);
	return ok;
}

const struct command command_act = {
	.name = "act",
	.synopsis = "RUN|WEIGHTS [--epsilon E] [--seed S] [--q] [--json] " WEIGHTS_SYNOPSIS,
	.summary = "print the action for each observation on standard input",
	.details = "Each line of standard input is an observation: its numbers, as the environment has "
		   "them (obs_scale of the run is applied here), with blanks, tabs or a comma between them. "
		   "Its action, the one that 'dqn eval' would take, is printed before more input is waited "
		   "for, so that act can serve as a coprocess. ' mask 1011' at the end of a line allows the first, "
		   "third and fourth action only. The first line may hold names instead. A bad line ends act with "
		   "status 5, after the actions of the lines before it. RUN and WEIGHTS are those of 'dqn eval', "
		   "but not standard input. With --epsilon and --seed the random actions are those of 'dqn eval'.",
	.examples = "echo 0.01 -0.02 0.03 0.04 | dqn act runs/cartpole/seed-1\n"
		    "dqn act runs/cartpole/seed-1 --q <observations.csv >actions.txt\n",
	.flags = act_flags,
	.statuses = (const int[]){ 0, 1, 2, 4, 5, 6, 7, -1 },
	.min_args = 1,
	.max_args = 1,
	.run = cmd_act,
};
