#include "cli/cli.h"

#include "run/stats.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BY, METRIC, THRESHOLD, TSV, CSV, JSON, MD };
const struct flag report_flags[] = {
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

struct row {
	size_t group;
	size_t n_state[N_RECORD_STATES], n_values;
	struct resample sample; /* of the metric, over done runs that have it */
	double iqm, mean, median;
	struct interval iqm_95, solved_95;
	size_t n_solved, n_judged, n_never; /* judged: done or failed, and has a threshold */
	double steps;                       /* median to the threshold; infinite: never */
	double wall_s;                      /* mean of done runs */
	bool has_unjudged;                  /* runs that no threshold applies to */
};

struct report_job {
	const struct args *args;
	const struct metric *metric;
	struct records records;
	struct groups groups;
	struct row *row;   /* (groups.n_groups) best first */
	size_t n_unjudged; /* runs that no threshold applies to */
	double improvement;
	struct interval improvement_95; /* of the first row over the second */
};

/* --- the figures --- */

/* NaN: none applies to the run. */
static double threshold_of(const struct report_job *job, const struct record *r)
{
	const struct flag_value *flag = &job->args->flag[THRESHOLD];
	return flag->set ? flag->real : config_threshold(&r->config);
}

static bool fill_row(struct report_job *job, struct row *row, size_t group, double *scratch,
	uint32_t *strata, struct err *e)
{
	const struct groups *g = &job->groups;
	const size_t first = g->group[group].first, end = first + g->group[group].n;
	double wall_s = 0;
	size_t n_walls = 0, n = 0, n_steps = 0;
	*row = (struct row){ .group = group };
	for (size_t i = first; i < end; i++) {
		const struct record *r = g->member[i];
		row->n_state[r->state]++;
		if (r->state == RECORD_UNFINISHED)
			continue;
		const double threshold = threshold_of(job, r);
		if (!isnan(threshold)) {
			const int64_t steps = record_steps_to(r, threshold);
			row->n_judged++;
			row->n_never += steps < 0;
			row->n_solved +=
				r->state == RECORD_DONE && r->result.final.return_mean >= threshold;
			scratch[n_steps++] = steps < 0 ? (double)INFINITY : (double)steps;
		} else {
			row->has_unjudged = true;
			job->n_unjudged++;
		}
		if (r->state == RECORD_DONE && !isnan(r->wall_s)) {
			wall_s += r->wall_s;
			n_walls++;
		}
	}
	stats_sort(scratch, n_steps);
	row->steps = stats_quantile(scratch, n_steps, 0.5);
	row->wall_s = n_walls > 0 ? wall_s / (double)n_walls : (double)NAN;
	row->solved_95 = stats_wilson(row->n_solved, row->n_judged);
	for (size_t i = first; i < end; i++) {
		const struct record *r = g->member[i];
		const double x = r->state == RECORD_DONE ? job->metric->of(r) : (double)NAN;
		if (isnan(x))
			continue;
		scratch[n] = x;
		strata[n++] = g->stratum[i];
	}
	row->n_values = n;
	row->iqm = row->mean = row->median = (double)NAN;
	row->iqm_95 = (struct interval){ (double)NAN, (double)NAN };
	if (n == 0)
		return true;
	if (!resample_init(&row->sample, scratch, strata, n, e))
		return false;
	row->iqm = row->sample.iqm;
	row->iqm_95 = resample_iqm(&row->sample, STATS_REPLICATES);
	row->mean = stats_mean(row->sample.x, n);
	row->median = stats_quantile(row->sample.x, n, 0.5);
	return true;
}

/* The better one first; rows without a figure last; ties by steps, then by the keys. */
static bool is_before(const struct report_job *job, const struct row *a, const struct row *b)
{
	const double sign = job->metric->less_is_better ? -1 : 1;
	if ((a->n_values == 0) != (b->n_values == 0))
		return b->n_values == 0;
	if (a->n_values > 0 && a->iqm != b->iqm)
		return sign * a->iqm > sign * b->iqm;
	if (a->n_values > 0 && a->mean != b->mean)
		return sign * a->mean > sign * b->mean;
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
	double p;
	const struct interval i = resample_improvement(&row[less].sample, &row[!less].sample, &p);
	job->improvement = p;
	job->improvement_95 = i;
}

static bool fill_rows(struct report_job *job, struct err *e)
{
	const size_t n = job->groups.n_members;
	double *scratch = malloc(n * sizeof(*scratch));
	uint32_t *strata = malloc(n * sizeof(*strata));
	job->row = calloc(job->groups.n_groups, sizeof(*job->row));
	bool ok = scratch && strata && job->row;
	if (!ok)
		err_set(e, ERR_RUN, "out of memory for %zu runs", n);
	for (size_t i = 0; ok && i < job->groups.n_groups; i++)
		ok = fill_row(job, &job->row[i], i, scratch, strata, e);
	free(scratch);
	free(strata);
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

/* A column: its name in the data formats and in the readable ones, NULL where it is
 * not shown; and its cells, empty where there is nothing to say. */
struct column {
	const char *data, *shown;
	void (*put)(const struct report_job *job, const struct row *row, bool data, struct text *t);
};

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
	put_real(t, scale * i.low, false, decimals);
	text_add(t, " to ");
	put_real(t, scale * i.high, false, decimals);
}

#define CELL(name)        \
	static void name( \
		const struct report_job *job, const struct row *row, bool data, struct text *t)

CELL(put_runs)
{
	(void)data;
	text_add(t, "%zu", job->groups.group[row->group].n);
}

CELL(put_done)
{
	(void)job, (void)data;
	text_add(t, "%zu", row->n_state[RECORD_DONE]);
}

CELL(put_failed)
{
	(void)job, (void)data;
	text_add(t, "%zu", row->n_state[RECORD_FAILED]);
}

CELL(put_unfinished)
{
	(void)job, (void)data;
	text_add(t, "%zu", row->n_state[RECORD_UNFINISHED]);
}

CELL(put_iqm)
{
	put_real(t, row->iqm, data, job->metric->decimals);
}

CELL(put_low)
{
	put_real(t, row->iqm_95.low, data, job->metric->decimals);
}

CELL(put_high)
{
	put_real(t, row->iqm_95.high, data, job->metric->decimals);
}

CELL(put_interval)
{
	(void)data;
	put_range(t, row->iqm_95, 1, job->metric->decimals);
}

CELL(put_mean)
{
	put_real(t, row->mean, data, job->metric->decimals);
}

CELL(put_median)
{
	put_real(t, row->median, data, job->metric->decimals);
}

CELL(put_solved)
{
	(void)job;
	if (row->n_judged > 0 || !row->has_unjudged)
		text_add(t, data ? "%zu" : "%zu/%zu", row->n_solved, row->n_judged);
}

CELL(put_solved_low)
{
	(void)job;
	put_real(t, row->solved_95.low, data, 3);
}

CELL(put_solved_high)
{
	(void)job;
	put_real(t, row->solved_95.high, data, 3);
}

CELL(put_solved_interval)
{
	(void)job, (void)data;
	put_range(t, row->solved_95, 100, 0);
	text_add(t, isnan(row->solved_95.low) ? "" : " %%");
}

CELL(put_steps)
{
	(void)job;
	put_real(t, row->steps, data, 0);
}

CELL(put_never)
{
	(void)job, (void)data;
	if (row->n_judged > 0 || !row->has_unjudged)
		text_add(t, "%zu", row->n_never);
}

CELL(put_wall)
{
	(void)job;
	put_real(t, row->wall_s, data, 2);
}

static const struct column columns[] = {
	{ "runs", "runs", put_runs },
	{ "done", "done", put_done },
	{ "failed", "failed", put_failed },
	{ "unfinished", "unfinished", put_unfinished },
	{ "iqm", "IQM", put_iqm },
	{ "iqm_low", NULL, put_low },
	{ "iqm_high", NULL, put_high },
	{ NULL, "95 %", put_interval },
	{ "mean", "mean", put_mean },
	{ "median", "median", put_median },
	{ "solved", "solved", put_solved },
	{ "solved_low", NULL, put_solved_low },
	{ "solved_high", NULL, put_solved_high },
	{ NULL, "95 %", put_solved_interval },
	{ "steps_to_threshold", "steps", put_steps },
	{ "censored", "never", put_never },
	{ "wall_s", "wall s", put_wall },
};
enum { N_COLUMNS = sizeof(columns) / sizeof(columns[0]), CELL_SIZE = 256 };

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
	if (!name)
		return false;
	if (row)
		c->put(job, row, data, &t);
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
	return job->improvement_95.low > 0.5 &&
	       !stats_too_few(job->row[0].n_values, job->row[1].n_values);
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
	const struct interval *i = &job->improvement_95;
	if (job->improvement == 0.5 && a->iqm == b->iqm && a->mean == b->mean)
		printf("\nThe two best do not differ: %s; %s.\n", label[0], label[1]);
	else if (can_tell(job))
		printf("\n%s is better than %s: ", label[0], label[1]);
	else
		printf("\nWhether %s is better than %s, %zu and %zu runs are too few to tell: ",
			label[0], label[1], a->n_values, b->n_values);
	if (job->improvement == 0.5 && a->iqm == b->iqm && a->mean == b->mean)
		return;
	printf("a run of the first beats one of the second with probability %.2f",
		job->improvement);
	if (!isnan(i->low))
		printf(" (95 %%: %.2f to %.2f)", i->low, i->high);
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
		put_json_number(&t, "probability", job->improvement);
		text_add(&t, ",");
		put_json_number(&t, "low", job->improvement_95.low);
		text_add(&t, ",");
		put_json_number(&t, "high", job->improvement_95.high);
		printf(",\"improvement\":{%s,\"can_tell\":%s}", buf,
			can_tell(job) ? "true" : "false");
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
		print_comparison(job);
	}
}

int cmd_report(const struct args *args)
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
	job.metric =
		record_metric(flag[METRIC].set ? flag[METRIC].string : record_metrics[0].name, &e);
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
		resample_release(&job.row[i].sample);
	free(job.row);
	groups_release(&job.groups);
	records_release(&job.records);
	return status;
}
