#include "cli/cli.h"

#include "study/stats.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { BY, METRIC, THRESHOLD, TSV, CSV, JSON, MD };
static const struct flag report_flags[] = {
	[BY] = { "by", '\0', FLAG_STRING, "KEYS", "group by these keys alone, a,b" },
	[METRIC] = { "metric", '\0', FLAG_STRING, "NAME", "compare this (final_return_mean)" },
	[THRESHOLD] = { "threshold", '\0', FLAG_REAL, "R",
		"solved is this return (the environment's)" },
	[TSV] = { "tsv", '\0', FLAG_SWITCH, NULL, "values between tabs" },
	[CSV] = { "csv", '\0', FLAG_SWITCH, NULL, "values between commas" },
	[JSON] = { "json", '\0', FLAG_SWITCH, NULL, "one line of JSON" },
	[MD] = { "md", '\0', FLAG_SWITCH, NULL, "a Markdown table" },
	{ .name = NULL },
};

struct figures {
	double iqm, mean, median;
	struct interval iqm_95;
};

struct row {
	size_t group, n_runs;
	size_t n_state[N_RECORD_STATES];
	size_t n_values, n_worst; /* runs with a value of the metric, and diverged ones of them */
	struct sample sample;     /* of the values; never is job->never */
	struct figures rank;      /* of the same */
	/* The same, never being the run's total_timesteps: where that differs, it is the
	 * least that can be, and an upper end of the interval there is not. */
	struct figures shown;
	struct interval solved_95;
	size_t n_solved, n_judged, n_never; /* judged: done or failed, and has a threshold */
	double steps;                       /* median to the threshold; infinite: never */
	size_t n_steps;                     /* runs that it is of */
	double wall_s;                      /* mean of done runs ... */
	size_t n_walls;                     /* ... that have it */
	bool has_unjudged;                  /* runs that no threshold applies to */
	size_t is_at_least;                 /* 1: shown.iqm is the least that it can be */
};

struct report_job {
	const struct args *args;
	const struct metric *metric, *steps;
	struct records records;
	struct groups groups;
	struct row *row; /* (groups.n_groups) best first */
	/* What "never" counts as where runs are ranked: twice the largest total_timesteps, as
	 * in the PAR2 score of solvers. */
	double never;
	size_t n_unreadable, n_unjudged; /* of all; unjudged: no threshold applies */
	struct improvement improvement;  /* of the first row over the second */
};

/* --- the figures --- */

/* The values of a group's runs that have one. */
static size_t take_values(
	const struct report_job *job, size_t group, bool ranked, double *x, uint32_t *units)
{
	const struct group *of = &job->groups.group[group];
	size_t n = 0;
	for (size_t i = of->first; i < of->first + of->n; i++) {
		const struct record *r = job->groups.member[i];
		const double value = record_value(r, job->metric);
		if (isnan(value))
			continue;
		x[n] = !isinf(value) ? value
		       : ranked      ? job->never
				     : (double)r->config.total_timesteps;
		units[n++] = job->groups.unit[i];
	}
	return n;
}

static bool measure(struct figures *f, struct sample *sample, const double *x,
	const uint32_t *units, size_t n, struct err *e)
{
	if (!sample_init(sample, x, units, n, e))
		return false;
	f->iqm = sample->iqm;
	f->mean = stats_mean(sample->x, n);
	f->median = stats_quantile(sample->x, n, 0.5);
	f->iqm_95 = sample_iqm(sample);
	return true;
}

static bool fill_figures(const struct report_job *job, struct row *row, double *scratch,
	uint32_t *units, struct err *e)
{
	struct sample shown;
	const size_t n = take_values(job, row->group, true, scratch, units);
	row->n_values = n;
	row->rank = (struct figures){ (double)NAN, (double)NAN, (double)NAN,
		{ (double)NAN, (double)NAN } };
	if (n > 0 && !measure(&row->rank, &row->sample, scratch, units, n, e))
		return false;
	row->shown = row->rank;
	if (n == 0 || job->metric != job->steps || row->n_never == 0)
		return true;
	take_values(job, row->group, false, scratch, units);
	if (!measure(&row->shown, &shown, scratch, units, n, e))
		return false;
	sample_release(&shown);
	row->is_at_least = row->shown.iqm < row->rank.iqm;
	if (row->shown.iqm_95.high < row->rank.iqm_95.high)
		row->shown.iqm_95.high = (double)INFINITY;
	return true;
}

static bool fill_row(struct report_job *job, struct row *row, size_t group, double *scratch,
	uint32_t *units, struct err *e)
{
	const struct groups *g = &job->groups;
	const size_t first = g->group[group].first, end = first + g->group[group].n;
	double wall_s = 0;
	*row = (struct row){ .group = group, .n_runs = end - first };
	for (size_t i = first; i < end; i++) {
		const struct record *r = g->member[i];
		const bool over = r->state == RECORD_DONE || r->state == RECORD_FAILED;
		const double steps = record_value(r, job->steps);
		row->n_state[r->state]++;
		row->n_judged += over && !isnan(r->threshold);
		row->has_unjudged |= over && isnan(r->threshold);
		job->n_unjudged += over && isnan(r->threshold);
		row->n_worst += r->state == RECORD_FAILED && !isnan(record_value(r, job->metric));
		row->n_solved +=
			r->state == RECORD_DONE && r->result.final.return_mean >= r->threshold;
		if (!isnan(steps)) {
			row->n_never += isinf(steps) != 0;
			scratch[row->n_steps++] = steps;
		}
		if (r->state == RECORD_DONE && !isnan(r->wall_s)) {
			wall_s += r->wall_s;
			row->n_walls++;
		}
	}
	job->n_unreadable += row->n_state[RECORD_UNREADABLE];
	stats_sort(scratch, row->n_steps);
	row->steps = stats_quantile(scratch, row->n_steps, 0.5);
	row->wall_s = row->n_walls > 0 ? wall_s / (double)row->n_walls : (double)NAN;
	row->solved_95 = stats_share((double)row->n_solved, (double)row->n_judged);
	return fill_figures(job, row, scratch, units, e);
}

static bool is_complete(const struct row *row)
{
	return row->n_values == row->n_runs;
}

/* The better one first; after all others rows that lack runs, which may be the worst
 * ones, and then those without a figure; ties by steps, then by the keys. */
static bool is_before(const struct report_job *job, const struct row *a, const struct row *b)
{
	const double sign = job->metric->less_is_better ? -1 : 1;
	if ((a->n_values == 0) != (b->n_values == 0))
		return b->n_values == 0;
	if (is_complete(a) != is_complete(b))
		return is_complete(a);
	if (a->n_values > 0 && a->rank.iqm != b->rank.iqm)
		return sign * a->rank.iqm > sign * b->rank.iqm;
	if (a->n_values > 0 && a->rank.mean != b->rank.mean)
		return sign * a->rank.mean > sign * b->rank.mean;
	if (a->steps < b->steps || b->steps < a->steps) /* NaN is neither */
		return a->steps < b->steps;
	return a->group < b->group;
}

static void sort_rows(struct report_job *job)
{
	struct row *row = job->row;
	const size_t n = job->groups.n_groups;
	for (size_t gap = n / 2; gap > 0; gap /= 2) /* Shell's */
		for (size_t i = gap; i < n; i++) {
			const struct row moved = row[i];
			size_t k = i;
			for (; k >= gap && is_before(job, &moved, &row[k - gap]); k -= gap)
				row[k] = row[k - gap];
			row[k] = moved;
		}
}

/* Returns compare if environment and time limit are the same. */
static bool is_comparable(const struct report_job *job)
{
	const struct groups *g = &job->groups;
	const struct config *first = &g->member[g->group[job->row[0].group].first]->config;
	for (int k = 0; k < 2 && !job->metric->less_is_better; k++)
		for (size_t i = 0; i < g->group[job->row[k].group].n; i++) {
			const struct config *c =
				&g->member[g->group[job->row[k].group].first + i]->config;
			if (c->env != first->env ||
				config_eval_limit(c) != config_eval_limit(first))
				return false;
		}
	return true;
}

static bool has_comparison(const struct report_job *job)
{
	return job->groups.n_groups > 1 && job->row[1].n_values > 0 && is_comparable(job);
}

static void compare_best(struct report_job *job)
{
	struct row *row = job->row;
	if (!has_comparison(job))
		return;
	/* Better is larger or smaller. */
	const bool less = job->metric->less_is_better;
	job->improvement = sample_improvement(&row[less].sample, &row[!less].sample);
}

static bool fill_rows(struct report_job *job, struct err *e)
{
	const size_t n = job->groups.n_members;
	double *scratch = malloc(n * sizeof(*scratch));
	uint32_t *units = malloc(n * sizeof(*units));
	job->row = calloc(job->groups.n_groups, sizeof(*job->row));
	bool ok = scratch && units && job->row;
	for (size_t i = 0; i < n; i++)
		job->never =
			fmax(job->never, 2 * (double)job->groups.member[i]->config.total_timesteps);
	if (!ok)
		err_set(e, ERR_RUN, "out of memory for %zu runs", n);
	for (size_t i = 0; ok && i < job->groups.n_groups; i++)
		ok = fill_row(job, &job->row[i], i, scratch, units, e);
	free(scratch);
	free(units);
	if (!ok)
		return false;
	if (job->n_unjudged > 0)
		say("warning: %zu of the runs had evaluations under another time limit than the "
		    "environment's own, for which there is no threshold; --threshold R judges them",
			job->n_unjudged);
	sort_rows(job);
	compare_best(job);
	return true;
}

/* --- the table --- */

static void put_real(struct text *t, double x, bool data, int decimals)
{
	if (isnan(x))
		return;
	if (data && isfinite(x))
		text_add_real(t, x);
	else if (isfinite(x))
		text_add(t, fabs(x) < 1e15 ? "%.*f" : "%.*g", fabs(x) < 1e15 ? decimals : 4, x);
	else
		text_add(t, data ? "inf" : "never");
}

static void put_range(struct text *t, struct interval i, double scale, int decimals)
{
	if (isnan(i.low))
		return;
	text_add(t, isinf(i.high) ? ">= " : "");
	put_real(t, scale * i.low, false, decimals);
	if (isinf(i.high))
		return;
	text_add(t, " to ");
	put_real(t, scale * i.high, false, decimals);
}

/* What an interval needs more of. */
static const char *unit_name(const struct report_job *job)
{
	return job->groups.has_settings ? "settings" : "runs";
}

/* Cells that are not one figure; empty where there is nothing to say. */

static void put_interval(
	const struct report_job *job, const struct row *row, bool data, struct text *t)
{
	(void)data;
	if (row->n_values > 0 && isnan(row->shown.iqm_95.low))
		text_add(t, "needs %d %s", STATS_LEAST_RUNS, unit_name(job));
	put_range(t, row->shown.iqm_95, 1, job->metric->decimals);
}

static void put_solved(
	const struct report_job *job, const struct row *row, bool data, struct text *t)
{
	(void)job;
	if (row->n_judged > 0 || !row->has_unjudged)
		text_add(t, data ? "%zu" : "%zu/%zu", row->n_solved, row->n_judged);
}

static void put_solved_interval(
	const struct report_job *job, const struct row *row, bool data, struct text *t)
{
	(void)job, (void)data;
	put_range(t, row->solved_95, 100, 0);
	text_add(t, isnan(row->solved_95.low) ? "" : " %%");
}

static void put_never(
	const struct report_job *job, const struct row *row, bool data, struct text *t)
{
	(void)job, (void)data;
	if (row->n_judged > 0 || !row->has_unjudged)
		text_add(t, "%zu", row->n_never);
}

enum { OF_METRIC = -1 }; /* as many decimals as the metric has */

/* A column: its name in the data formats and in the readable ones, NULL where it is not
 * shown, and how its cells are made: by a function, or of fields of the row. */
struct column {
	const char *data, *shown;
	void (*put)(const struct report_job *job, const struct row *row, bool data, struct text *t);
	size_t count;        /* a whole number: or, with `figure`, of how many runs that is */
	size_t figure, rank; /* a figure, and what it ranks as; more: it is "at least" */
	int decimals;
};

#define FIELD(name) offsetof(struct row, name)
#define COUNT(n) NULL, FIELD(n), 0, 0, 0
#define FIGURE(n, x, rank, decimals) NULL, FIELD(n), FIELD(x), FIELD(rank), decimals

static const struct column columns[] = {
	{ "runs", "runs", COUNT(n_runs) },
	{ "done", "done", COUNT(n_state[RECORD_DONE]) },
	{ "failed", "failed", COUNT(n_state[RECORD_FAILED]) },
	{ "unfinished", "unfinished", COUNT(n_state[RECORD_UNFINISHED]) },
	{ "iqm", "IQM", FIGURE(n_values, shown.iqm, rank.iqm, OF_METRIC) },
	{ "iqm_low", NULL, FIGURE(n_runs, shown.iqm_95.low, shown.iqm_95.low, OF_METRIC) },
	{ "iqm_high", NULL, FIGURE(n_runs, shown.iqm_95.high, shown.iqm_95.high, OF_METRIC) },
	{ NULL, "95 %", .put = put_interval },
	{ "mean", "mean", FIGURE(n_values, shown.mean, rank.mean, OF_METRIC) },
	{ "median", "median", FIGURE(n_values, shown.median, rank.median, OF_METRIC) },
	{ "solved", "solved", .put = put_solved },
	{ "solved_low", NULL, FIGURE(n_runs, solved_95.low, solved_95.low, 3) },
	{ "solved_high", NULL, FIGURE(n_runs, solved_95.high, solved_95.high, 3) },
	{ NULL, "95 %", .put = put_solved_interval },
	{ "steps_to_threshold", "steps", FIGURE(n_steps, steps, steps, 0) },
	{ "censored", "never", .put = put_never },
	{ "wall_s", "wall s", FIGURE(n_walls, wall_s, wall_s, 2) },
	{ "unreadable", "unreadable", COUNT(n_state[RECORD_UNREADABLE]) },
	{ "counted", NULL, COUNT(n_values) },
	{ "counted_as_worst", NULL, COUNT(n_worst) },
	{ "iqm_at_least", NULL, COUNT(is_at_least) },
	{ "steps_counted", NULL, COUNT(n_steps) },
	{ "wall_s_counted", NULL, COUNT(n_walls) },
};
enum { N_COLUMNS = sizeof(columns) / sizeof(columns[0]), CELL_SIZE = 256 };

static void put_field(const struct report_job *job, const struct column *c, const struct row *row,
	bool data, struct text *t)
{
	const char *fields = (const char *)row;
	size_t count;
	double x, rank;
	memcpy(&count, fields + c->count, sizeof(count));
	if (c->figure == 0) {
		text_add(t, "%zu", count);
		return;
	}
	memcpy(&x, fields + c->figure, sizeof(x));
	memcpy(&rank, fields + c->rank, sizeof(rank));
	text_add(t, !data && x < rank ? ">= " : "");
	put_real(t, x, data, c->decimals == OF_METRIC ? job->metric->decimals : c->decimals);
	if (!data && count < row->n_runs && !isnan(x))
		text_add(t, " (%zu/%zu)", count, row->n_runs);
}

/* Column i of all: the keys, then those above. False if it has no such form. */
static bool put_cell(
	const struct report_job *job, int i, const struct row *row, bool data, char cell[CELL_SIZE])
{
	const struct groups *g = &job->groups;
	struct text t;
	text_init(&t, cell, CELL_SIZE);
	if (i < g->n_keys) {
		if (row)
			config_print_value(
				&g->member[g->group[row->group].first]->config, g->key[i], &t);
		else
			text_add(&t, "%s", g->key[i]->key);
		return true;
	}
	const struct column *c = &columns[i - g->n_keys];
	const char *name = data ? c->data : c->shown;
	const bool of_unreadable = c->count == FIELD(n_state[RECORD_UNREADABLE]);
	if (!name || (!data && of_unreadable && job->n_unreadable == 0))
		return false;
	if (row && c->put)
		c->put(job, row, data, &t);
	else if (row)
		put_field(job, c, row, data, &t);
	else
		text_add(&t, "%s", name);
	return true;
}

/* The rows, the header being row -1, cells separated by `comma`. */
static void print_data(const struct report_job *job, char comma)
{
	char cell[CELL_SIZE];
	for (size_t k = 0; k <= job->groups.n_groups; k++) {
		bool first = true;
		for (int i = 0; i < job->groups.n_keys + N_COLUMNS; i++) {
			if (!put_cell(job, i, k > 0 ? &job->row[k - 1] : NULL, true, cell))
				continue;
			const char *quote = strchr(cell, comma) ? "\"" : "";
			if (!first)
				putchar(comma);
			printf("%s%s%s", quote, cell, quote);
			first = false;
		}
		putchar('\n');
	}
}

/* The same for people: aligned, numbers to the right, or Markdown. */
static void print_table(const struct report_job *job, bool md)
{
	const int n = job->groups.n_keys + N_COLUMNS;
	const size_t n_rows = job->groups.n_groups;
	char cell[CELL_SIZE];
	int width[CONFIG_MAX_OPTIONS + N_COLUMNS] = { 0 };
	for (size_t k = 0; k <= n_rows; k++)
		for (int i = 0; i < n; i++)
			if (put_cell(job, i, k > 0 ? &job->row[k - 1] : NULL, false, cell) &&
				(int)strlen(cell) > width[i])
				width[i] = (int)strlen(cell);
	for (size_t k = 0; k <= n_rows; k++) {
		bool first = true;
		for (int i = 0; i < n; i++) {
			if (!put_cell(job, i, k > 0 ? &job->row[k - 1] : NULL, false, cell))
				continue;
			if (md)
				printf("| %s ", cell);
			else
				printf("%s%*s", first ? "" : "  ",
					i < job->groups.n_keys ? -width[i] : width[i], cell);
			first = false;
		}
		printf(md ? "|\n" : "\n");
		for (int i = 0; md && k == 0 && i < n; i++)
			if (put_cell(job, i, NULL, false, cell))
				printf(i < job->groups.n_keys ? "|---" : "|--:");
		if (md && k == 0)
			printf("|\n");
	}
}

/* Which of the two best is better, if that can be told. */
static bool can_tell(const struct report_job *job)
{
	return is_complete(&job->row[0]) && is_complete(&job->row[1]) &&
	       job->improvement.p_95.low > 0.5;
}

/* What the figures count runs as that have none of their own. */
static void print_notes(const struct report_job *job)
{
	const struct groups *g = &job->groups;
	double low = (double)NAN, high = (double)NAN;
	size_t n = 0, n_never = 0;
	for (size_t i = 0; i < g->n_members; i++) {
		const double x = record_value(g->member[i], job->metric);
		n_never += isinf(x) != 0;
		if (g->member[i]->state != RECORD_FAILED || !isfinite(x))
			continue;
		n++;
		low = fmin(low, x);
		high = fmax(high, x);
	}
	if (n_never > 0)
		printf("\n%zu run%s never reached the threshold: at least total_timesteps each.\n",
			n_never, n_never == 1 ? "" : "s");
	if (n == 0)
		return;
	printf("\n%zu run%s diverged: the lowest return each, %.1f", n, n == 1 ? "" : "s", low);
	if (low < high)
		printf(" to %.1f", high);
	printf(".\n");
}

static void print_comparison(const struct report_job *job)
{
	char label[2][1024];
	if (!has_comparison(job)) {
		if (job->groups.n_groups > 1 && job->row[1].n_values > 0)
			printf("\nThe two best were judged in different environments or under "
			       "different time limits: their returns do not compare.\n");
		return;
	}
	for (int i = 0; i < 2; i++) {
		struct text t;
		text_init(&t, label[i], sizeof(label[i]));
		groups_label(&job->groups, job->row[i].group, &t);
	}
	const struct row *a = &job->row[0], *b = &job->row[1];
	const struct improvement *i = &job->improvement;
	if (!is_complete(a) || !is_complete(b)) {
		printf("\nWhether %s is better than %s cannot be told: "
		       "%zu of %zu and %zu of %zu runs have a value.\n",
			label[0], label[1], a->n_values, a->n_runs, b->n_values, b->n_runs);
		return;
	}
	if (i->p == 0.5 && a->rank.iqm == b->rank.iqm && a->rank.mean == b->rank.mean) {
		printf("\nThe two best do not differ in these runs: %s; %s.\n", label[0], label[1]);
		return;
	}
	if (can_tell(job))
		printf("\n%s is better than %s: ", label[0], label[1]);
	else if (job->groups.has_settings)
		printf("\nWhether %s is better than %s, %zu and %zu settings are too few to tell: ",
			label[0], label[1], a->sample.n_units, b->sample.n_units);
	else
		printf("\nWhether %s is better than %s, %zu and %zu runs are too few to tell: ",
			label[0], label[1], a->n_values, b->n_values);
	printf("a run of the first beats one of the second with probability %.2f", i->p);
	if (!isnan(i->p_95.low))
		printf(" (95 %%: %.2f to %.2f)", i->p_95.low, i->p_95.high);
	if (!can_tell(job) && i->enough > 0)
		printf("; %zu %s of each would be enough if that holds", i->enough, unit_name(job));
	printf(".\n");
}

static void put_json_number(struct text *t, const char *key, double x)
{
	text_add(t, "\"%s\":", key);
	text_add_json_real(t, x);
}

static void print_json(const struct report_job *job)
{
	const struct groups *g = &job->groups;
	char cell[CELL_SIZE], buf[1024];
	struct text t;
	printf("{\"metric\":\"%s\",\"groups\":[", job->metric->name);
	for (size_t k = 0; k < g->n_groups; k++) {
		printf("%s{\"keys\":{", k ? "," : "");
		for (int i = 0; i < g->n_keys; i++) {
			const enum option_type type = g->key[i]->type;
			put_cell(job, i, &job->row[k], true, cell);
			const bool plain = (type == OPTION_INT || type == OPTION_BOOL ||
						   type == OPTION_REAL || type == OPTION_SEED) &&
					   strcmp(cell, "none") != 0;
			printf("%s\"%s\":%s%s%s", i ? "," : "", g->key[i]->key, plain ? "" : "\"",
				cell, plain ? "" : "\"");
		}
		putchar('}');
		for (int i = g->n_keys; i < g->n_keys + N_COLUMNS; i++)
			if (put_cell(job, i, &job->row[k], true, cell))
				printf(",\"%s\":%s", columns[i - g->n_keys].data,
					cell[0] && strcmp(cell, "inf") != 0 ? cell : "null");
		putchar('}');
	}
	putchar(']');
	if (has_comparison(job)) {
		text_init(&t, buf, sizeof(buf));
		put_json_number(&t, "probability", job->improvement.p);
		text_add(&t, ",");
		put_json_number(&t, "low", job->improvement.p_95.low);
		text_add(&t, ",");
		put_json_number(&t, "high", job->improvement.p_95.high);
		printf(",\"improvement\":{%s,\"can_tell\":%s,\"unit\":\"%s\"", buf,
			can_tell(job) ? "true" : "false", unit_name(job));
		if (job->improvement.enough > 0)
			printf(",\"enough\":%zu}", job->improvement.enough);
		else
			printf(",\"enough\":null}");
	}
	printf("}\n");
}

static void print_report(const struct report_job *job)
{
	const struct flag_value *flag = job->args->flag;
	if (flag[TSV].set || flag[CSV].set) {
		print_data(job, flag[TSV].set ? '\t' : ',');
	} else if (flag[JSON].set) {
		print_json(job);
	} else {
		print_table(job, flag[MD].set);
		print_notes(job);
		print_comparison(job);
	}
}

static int cmd_report(const struct args *args)
{
	const struct flag_value *flag = args->flag;
	static struct report_job job;
	struct err e;
	int status;
	if (flag[TSV].set + flag[CSV].set + flag[JSON].set + flag[MD].set > 1) {
		err_set(&e, ERR_USAGE, "--tsv, --csv, --json and --md exclude each other");
		return fail(&e);
	}
	job.args = args;
	records_init(&job.records);
	if (flag[THRESHOLD].set)
		job.records.threshold = flag[THRESHOLD].real;
	job.steps = record_metric("steps_to_threshold", &e);
	job.metric = record_metric(flag[METRIC].string, &e);
	if (!job.metric)
		return fail(&e);
	if (load_groups(&job.records, &job.groups, args->n, args->pos,
		    flag[BY].set ? flag[BY].string : NULL, &status)) {
		if (fill_rows(&job, &e))
			print_report(&job);
		else
			status = fail(&e);
	}
	for (size_t i = 0; job.row && i < job.groups.n_groups; i++)
		sample_release(&job.row[i].sample);
	free(job.row);
	groups_release(&job.groups);
	records_release(&job.records);
	return status;
}

const struct command command_report = {
	.name = "report",
	.synopsis = "RUN_OR_DIR... [--by KEYS] [--metric NAME] [--threshold R] "
		    "[--tsv|--csv|--json|--md]",
	.summary = "compare the runs that directories hold",
	.details =
		"Runs that differ in nothing but the seed are one row: the interquartile mean of the "
		"final return with its 95 % interval, mean, median, the share of seeds that "
		"solve the environment with its interval (Clopper and Pearson's), the median steps until an evaluation "
		"reached the threshold (runs that never did count as infinite) and the wall clock. A run "
		"that diverged counts as the lowest return that an episode can have, and as one that "
		"never reached the threshold. A figure of 6 runs of 8 is marked (6/8): the others are "
		"not done, or cannot be read. The best row comes first, those that lack runs come last. "
		"Metrics: final_return_mean, best_return_mean, eval_return_mean (over all evaluations), "
		"steps_to_threshold (>= where runs never got there: those count as total_timesteps), "
		"final_length_mean, timesteps, episodes, n_updates, wall_s.",
	.examples = "dqn report runs/sweep-cartpole\n"
		    "dqn report runs/sweep-cartpole --by n_steps --metric steps_to_threshold\n"
		    "dqn report runs/a runs/b --tsv | sort -k 6\n",
	.flags = report_flags,
	.statuses = (const int[]){ 0, 1, 2, 5, -1 },
	.min_args = 1,
	.max_args = -1,
	.run = cmd_report,
};
