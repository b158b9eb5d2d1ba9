#include "cli/cli.h"
#include "cli/states.h"
#include "cli/table.h"

#include "study/stats.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

enum { BY, METRIC, THRESHOLD, TSV, CSV, JSON, MD };
static const struct flag report_flags[] = {
	[BY] = { "by", '\0', FLAG_STRING, "KEYS", "group only by these keys, separated by commas" },
	[METRIC] = { "metric", '\0', FLAG_STRING, "NAME", "metric (default final_return_mean)" },
	[THRESHOLD] = { "threshold", '\0', FLAG_REAL, "R", "return that is solved (default: the environment's)" },
	[TSV] = { "tsv", '\0', FLAG_SWITCH, NULL, "print values separated by tabs" },
	[CSV] = { "csv", '\0', FLAG_SWITCH, NULL, "print values separated by commas" },
	[JSON] = { "json", '\0', FLAG_SWITCH, NULL, "print one line of JSON" },
	[MD] = { "md", '\0', FLAG_SWITCH, NULL, "print a Markdown table" },
	{ .name = NULL },
};

struct figures {
	double iqm, mean, median;
	struct interval iqm_95;
};

struct row {
	size_t group, n_runs;
	bool less_is_better;
	size_t n_state[N_RECORD_STATES];
	size_t n_values, n_worst; /* runs with a value of the metric; of these diverged */
	struct sample sample;     /* of the values, job->never standing for "never" */
	struct figures rank;      /* of this sample */
	/* The same with total_timesteps standing for "never": where this differs, it is a
	 * lower bound, and the interval has no upper end. */
	struct figures shown;
	size_t is_at_least;                 /* 1: shown.iqm is a lower bound */
	size_t n_solved, n_judged, n_never; /* judged: done or failed, and has a threshold */
	bool has_unjudged;                  /* done or failed runs without a threshold */
	struct interval solved_95;
	double steps;    /* median to the threshold; infinite: never */
	size_t n_steps;  /* runs that it is of */
	double training; /* median of ep_rew_mean of runs that are not done */
	double wall_s;   /* mean of done runs ... */
	size_t n_walls;  /* ... that have it */
};

struct report_job {
	const struct flag_value *flag;
	const struct metric *metric, *steps;
	struct records records;
	struct groups groups;
	struct row *row; /* (groups.n_groups) best first */
	double never;    /* twice the largest total_timesteps, as in the PAR2 score of solvers */
	size_t n_unreadable, n_unjudged, n_undeclared; /* undeclared: no threshold */
	size_t n_training;                             /* rows that show row.training */
	bool has_comparison;                           /* of the first two rows */
	struct improvement improvement;                /* of the first over the second */
	double *scratch;                               /* (groups.n_members) */
	uint32_t *units;                               /* (groups.n_members) */
};

/* --- the figures --- */

/* The values of a group, `never` standing for an infinite one (0: the run's
 * total_timesteps). Leaves them in job->scratch and job->units. */
static size_t collect_values(struct report_job *job, size_t group, double never)
{
	const struct group *of = &job->groups.group[group];
	size_t n = 0;
	for (size_t i = of->first; i < of->first + of->n; i++) {
		const struct record *r = job->groups.member[i];
		double value = record_value(r, job->metric);
		if (isnan(value))
			continue;
		if (isinf(value))
			value = never > 0 ? never : (double)r->config.total_timesteps;
		job->scratch[n] = value;
		job->units[n++] = job->groups.unit[i];
	}
	return n;
}

static bool measure(struct report_job *job, size_t n, struct figures *f, struct sample *sample, struct err *e)
{
	if (!sample_init(sample, job->scratch, job->units, n, e))
		return false;
	f->iqm = sample->iqm;
	f->mean = stats_mean(sample->x, n);
	f->median = stats_quantile(sample->x, n, 0.5);
	f->iqm_95 = sample_iqm(sample);
	return true;
}

static bool fill_figures(struct report_job *job, struct row *row, struct err *e)
{
	const double nan = (double)NAN;
	struct sample shown;
	const size_t n = collect_values(job, row->group, job->never);
	row->n_values = n;
	row->rank = (struct figures){ nan, nan, nan, { nan, nan } };
	if (n > 0 && !measure(job, n, &row->rank, &row->sample, e))
		return false;
	row->shown = row->rank;
	if (n == 0 || job->metric != job->steps || row->n_never == 0)
		return true;
	collect_values(job, row->group, 0);
	if (!measure(job, n, &row->shown, &shown, e))
		return false;
	sample_release(&shown);
	row->is_at_least = row->shown.iqm < row->rank.iqm;
	if (row->shown.iqm_95.high < row->rank.iqm_95.high)
		row->shown.iqm_95.high = (double)INFINITY;
	return true;
}

static void count_run(struct report_job *job, struct row *row, const struct record *r)
{
	const bool is_done = r->state == RECORD_DONE;
	const bool is_over = is_done || r->state == RECORD_FAILED;
	const bool is_unjudged = is_over && isnan(r->threshold);
	const double steps = record_value(r, job->steps);
	row->n_state[r->state]++;
	job->n_unreadable += r->state == RECORD_UNREADABLE;
	row->n_judged += is_over && !is_unjudged;
	row->has_unjudged |= is_unjudged;
	if (is_unjudged && isnan(config_env(&r->config)->solved_return))
		job->n_undeclared++;
	else
		job->n_unjudged += is_unjudged;
	row->n_worst += r->state == RECORD_FAILED && !isnan(record_value(r, job->metric));
	row->n_solved += is_done && r->result.final.return_mean >= r->threshold;
	row->n_never += isinf(steps) != 0;
	if (!isnan(steps))
		job->scratch[row->n_steps++] = steps;
	if (is_done && !isnan(r->wall_s)) {
		row->wall_s += r->wall_s;
		row->n_walls++;
	}
}

/* A group without any return yet has that of its training episodes. */
static double training_return(struct report_job *job, const struct group *of)
{
	size_t n = 0;
	for (size_t i = of->first; i < of->first + of->n; i++)
		if (isfinite(job->groups.member[i]->ep_rew_mean))
			job->scratch[n++] = job->groups.member[i]->ep_rew_mean;
	stats_sort(job->scratch, n);
	return stats_quantile(job->scratch, n, 0.5);
}

static bool shows_training(const struct report_job *job, const struct row *row)
{
	return row->n_values == 0 && job->metric->worst == WORST_RETURN && !isnan(row->training);
}

static bool fill_row(struct report_job *job, size_t group, struct err *e)
{
	const struct group *of = &job->groups.group[group];
	struct row *row = &job->row[group];
	*row = (struct row){ .group = group, .n_runs = of->n, .less_is_better = job->metric->order == LESS_IS_BETTER };
	for (size_t i = 0; i < of->n; i++)
		count_run(job, row, job->groups.member[of->first + i]);
	stats_sort(job->scratch, row->n_steps);
	row->steps = stats_quantile(job->scratch, row->n_steps, 0.5);
	row->wall_s = row->n_walls > 0 ? row->wall_s / (double)row->n_walls : (double)NAN;
	row->solved_95 = stats_share((double)row->n_solved, (double)row->n_judged);
	row->training = training_return(job, of);
	if (!fill_figures(job, row, e))
		return false;
	job->n_training += shows_training(job, row);
	return true;
}

static bool is_complete(const struct row *row)
{
	return row->n_values == row->n_runs;
}

/* Rows that lack runs, perhaps the worst ones, come after all others, and those without a
 * figure last. */
static int compare_rows(const void *x, const void *y)
{
	const struct row *a = x, *b = y;
	const int sign = a->less_is_better ? 1 : -1;
	const double differences[] = {
		(a->n_values == 0) - (b->n_values == 0),
		is_complete(b) - is_complete(a),
		sign * (a->rank.iqm - b->rank.iqm),
		sign * (a->rank.mean - b->rank.mean),
		a->steps - b->steps,
		(double)a->group - (double)b->group,
	};
	for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++)
		if (differences[i] > 0 || differences[i] < 0)
			return differences[i] > 0 ? 1 : -1;
	return 0;
}

static const struct config *config_of(const struct report_job *job, const struct row *row)
{
	return &job->groups.member[job->groups.group[row->group].first]->config;
}

/* Costs always compare; returns and steps to a threshold only in the same environment and under the same time limit,
 * values only with the same discount and scale, too. */
static bool is_comparable(const struct report_job *job)
{
	const struct groups *g = &job->groups;
	const struct config *first = config_of(job, &job->row[0]);
	const struct metric *m = job->metric;
	if (m->order == LESS_IS_BETTER && !m->is_value && m->worst != WORST_NEVER)
		return true;
	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < job->row[k].n_runs; i++) {
			const size_t at = g->group[job->row[k].group].first + i;
			const struct config *c = &g->member[at]->config;
			if (config_compare_env(c, first) != 0 || config_eval_limit(c) != config_eval_limit(first) ||
				(m->is_value && (fabs(c->gamma - first->gamma) > 0 ||
							fabs(c->reward_scale - first->reward_scale) > 0)))
				return false;
		}
	return true;
}

static bool fill_rows(struct report_job *job, struct err *e)
{
	const struct groups *g = &job->groups;
	job->scratch = malloc(g->n_members * sizeof(*job->scratch));
	job->units = malloc(g->n_members * sizeof(*job->units));
	job->row = calloc(g->n_groups, sizeof(*job->row));
	if (!job->scratch || !job->units || !job->row)
		return err_set(e, ERR_RUN, "out of memory for %zu runs", g->n_members);
	for (size_t i = 0; i < g->n_members; i++)
		job->never = fmax(job->never, 2 * (double)g->member[i]->config.total_timesteps);
	for (size_t i = 0; i < g->n_groups; i++)
		if (!fill_row(job, i, e))
			return false;
	qsort(job->row, g->n_groups, sizeof(*job->row), compare_rows);
	job->has_comparison = g->n_groups > 1 && job->row[1].n_values > 0 && is_comparable(job);
	const bool less = job->metric->order == LESS_IS_BETTER; /* then better is smaller */
	if (job->has_comparison)
		job->improvement = sample_improvement(&job->row[less].sample, &job->row[!less].sample);
	return true;
}

/* --- the table --- */

static void put_real(struct text *t, double x, bool data, int decimals)
{
	const double large = 1e15;
	if (isnan(x))
		return;
	if (isinf(x))
		text_add(t, data ? "inf" : "never");
	else if (data)
		text_add_real(t, x);
	else if (fabs(x) < large)
		text_add(t, "%.*f", decimals, x);
	else
		text_add(t, "%.4g", x);
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

/* An interval needs more of these. */
static const char *unit_name(const struct report_job *job)
{
	return job->groups.has_settings ? "settings" : "runs";
}

enum special { FIELDS, INTERVAL, SOLVED, SOLVED_INTERVAL, NEVER };

/* Cells that are not one figure. */
static void put_special(
	const struct report_job *job, enum special special, const struct row *row, bool data, struct text *t)
{
	const bool is_judged = row->n_judged > 0 || !row->has_unjudged;
	if (special == INTERVAL && row->n_values > 0 && isnan(row->shown.iqm_95.low))
		text_add(t, "needs %d %s", STATS_LEAST_RUNS, unit_name(job));
	else if (special == INTERVAL)
		put_range(t, row->shown.iqm_95, 1, job->metric->decimals);
	else if (special == SOLVED && is_judged)
		text_add(t, data ? "%zu" : "%zu/%zu", row->n_solved, row->n_judged);
	else if (special == NEVER && is_judged)
		text_add(t, "%zu", row->n_never);
	else if (special == SOLVED_INTERVAL) {
		put_range(t, row->solved_95, 100, 0);
		text_add(t, isnan(row->solved_95.low) ? "" : " %%");
	}
}

enum { OF_METRIC = -1 }; /* as many decimals as the metric has */

/* A column: its name for programs and for people (NULL: not there), and its cells, from
 * fields of the row unless they are special. */
struct column {
	const char *data, *shown;
	enum special special;
	size_t count;        /* a whole number, or the number of runs that `figure` is of */
	size_t figure, rank; /* a figure, and the one for ranking: if larger, it is ">=" */
	int decimals;
};

#define FIELD(name) offsetof(struct row, name)
#define COUNT(n) FIELDS, FIELD(n), 0, 0, 0
#define FIGURE(n, x, rank, decimals) FIELDS, FIELD(n), FIELD(x), FIELD(rank), decimals

static const struct column columns[] = {
	{ "runs", "runs", COUNT(n_runs) },
	{ "done", "done", COUNT(n_state[RECORD_DONE]) },
	{ "failed", "failed", COUNT(n_state[RECORD_FAILED]) },
	{ "unfinished", "unfinished", COUNT(n_state[RECORD_UNFINISHED]) },
	{ "iqm", "IQM", FIGURE(n_values, shown.iqm, rank.iqm, OF_METRIC) },
	{ "iqm_low", NULL, FIGURE(n_runs, shown.iqm_95.low, shown.iqm_95.low, OF_METRIC) },
	{ "iqm_high", NULL, FIGURE(n_runs, shown.iqm_95.high, shown.iqm_95.high, OF_METRIC) },
	{ NULL, "95 %", .special = INTERVAL },
	{ "mean", "mean", FIGURE(n_values, shown.mean, rank.mean, OF_METRIC) },
	{ "median", "median", FIGURE(n_values, shown.median, rank.median, OF_METRIC) },
	{ "solved", "solved", .special = SOLVED },
	{ "solved_low", NULL, FIGURE(n_runs, solved_95.low, solved_95.low, 3) },
	{ "solved_high", NULL, FIGURE(n_runs, solved_95.high, solved_95.high, 3) },
	{ NULL, "95 %", .special = SOLVED_INTERVAL },
	{ "steps_to_threshold", "steps", FIGURE(n_steps, steps, steps, 0) },
	{ "censored", "never", .special = NEVER },
	{ "wall_s", "wall s", FIGURE(n_walls, wall_s, wall_s, 2) },
	{ "unreadable", "unreadable", COUNT(n_state[RECORD_UNREADABLE]) },
	{ "counted", NULL, COUNT(n_values) },
	{ "counted_as_worst", NULL, COUNT(n_worst) },
	{ "iqm_at_least", NULL, COUNT(is_at_least) },
	{ "steps_counted", NULL, COUNT(n_steps) },
	{ "wall_s_counted", NULL, COUNT(n_walls) },
};
enum { N_COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static void put_field(
	const struct report_job *job, const struct column *c, const struct row *row, bool data, struct text *t)
{
	const char *fields = (const char *)row;
	const size_t count = *(const size_t *)(const void *)(fields + c->count);
	if (c->figure == 0) {
		text_add(t, "%zu", count);
		return;
	}
	if (!data && c->figure == FIELD(shown.iqm) && shows_training(job, row)) {
		put_real(t, row->training, false, job->metric->decimals);
		text_add(t, " (training)");
		return;
	}
	const double x = *(const double *)(const void *)(fields + c->figure);
	const double rank = *(const double *)(const void *)(fields + c->rank);
	text_add(t, !data && x < rank ? ">= " : "");
	put_real(t, x, data, c->decimals == OF_METRIC ? job->metric->decimals : c->decimals);
	if (!data && count < row->n_runs && !isnan(x))
		text_add(t, " (%zu/%zu)", count, row->n_runs);
}

static const char *column_name(const struct report_job *job, const struct column *c, bool data)
{
	const bool of_unreadable = c->count == FIELD(n_state[RECORD_UNREADABLE]);
	return data ? c->data : of_unreadable && job->n_unreadable == 0 ? NULL : c->shown;
}

static void add_row(const struct report_job *job, const struct row *row, bool data, struct table *t)
{
	const struct groups *g = &job->groups;
	char cell[CONFIG_VALUE_SIZE];
	struct text text = text_into(cell, sizeof(cell));
	if (g->has_names) {
		groups_label(g, row->group, &text);
		table_add(t, "%s", cell);
	}
	for (int i = 0; i < g->n_keys; i++) {
		text = text_into(cell, sizeof(cell));
		(data ? config_print_value : config_print_brief)(config_of(job, row), g->key[i], &text);
		table_add(t, "%s", cell);
	}
	for (const struct column *c = columns; c < columns + N_COLUMNS; c++) {
		text = text_into(cell, sizeof(cell));
		if (!column_name(job, c, data))
			continue;
		if (c->special != FIELDS)
			put_special(job, c->special, row, data, &text);
		else
			put_field(job, c, row, data, &text);
		table_add(t, "%s", cell);
	}
}

/* The keys, then the columns above, for programs (`data`) or for people. */
static void make_table(const struct report_job *job, bool data, struct table *t)
{
	const struct groups *g = &job->groups;
	if (g->has_names)
		table_column(t, "group", TABLE_TEXT);
	for (int i = 0; i < g->n_keys; i++) {
		const enum option_type type = g->key[i]->type;
		const bool is_string = type == OPTION_NAME || type == OPTION_WIDTHS || type == OPTION_SCALE ||
				       type == OPTION_SIGNS || type == OPTION_STRING;
		table_column(t, g->key[i]->key, is_string ? TABLE_TEXT : TABLE_VALUE);
	}
	for (const struct column *c = columns; c < columns + N_COLUMNS; c++)
		if (column_name(job, c, data))
			table_column(t, column_name(job, c, data), TABLE_NUMBER);
	for (size_t i = 0; i < g->n_groups; i++)
		add_row(job, &job->row[i], data, t);
}

/* --- what follows the table --- */

/* Which runs count as something that they did not reach. */
static void print_notes(const struct report_job *job)
{
	const struct groups *g = &job->groups;
	double low = (double)NAN, high = (double)NAN;
	size_t n = 0, n_never = 0;
	if (job->n_training > 0)
		printf("\n(training): no run of the group is done; the return of the last 100 training "
		       "episodes (ep_rew_mean), the median of its runs.\n");
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
		printf("\n%zu run%s never reached the threshold: at least total_timesteps each.\n", n_never,
			n_never == 1 ? "" : "s");
	if (n == 0)
		return;
	printf("\n%zu run%s diverged: the lowest return each, %.1f", n, n == 1 ? "" : "s", low);
	if (low < high)
		printf(" to %.1f", high);
	printf(".\n");
}

static bool are_complete(const struct report_job *job)
{
	return is_complete(&job->row[0]) && is_complete(&job->row[1]);
}

/* True if the first is better than the second, beyond chance. */
static bool can_tell(const struct report_job *job)
{
	return are_complete(job) && job->improvement.p_95.low > 0.5;
}

static const char *better_word(const struct report_job *job)
{
	return job->metric->order == NO_GOAL ? "larger" : "better";
}

static void print_improvement(const struct report_job *job, const char *first, const char *second)
{
	const struct row *a = &job->row[0], *b = &job->row[1];
	const struct improvement *i = &job->improvement;
	const bool settings = job->groups.has_settings;
	const char *better = better_word(job);
	if (can_tell(job))
		printf("\n%s is %s than %s: ", first, better, second);
	else
		printf("\n%zu and %zu %s are too few to tell whether %s is %s than %s: ",
			settings ? a->sample.n_units : a->n_values, settings ? b->sample.n_units : b->n_values,
			unit_name(job), first, better, second);
	printf("a run of the first %s one of the second with probability %.2f",
		job->metric->order == NO_GOAL ? "exceeds" : "beats", i->p);
	if (!isnan(i->p_95.low))
		printf(" (95 %%: %.2f to %.2f)", i->p_95.low, i->p_95.high);
	if (!can_tell(job) && i->enough > 0)
		printf("; if that is right, %zu %s of each would tell", i->enough, unit_name(job));
	printf(".\n");
}

static void print_comparison(const struct report_job *job)
{
	char label[2][1024];
	const struct row *a = &job->row[0], *b = &job->row[1];
	if (job->groups.n_groups < 2 || b->n_values == 0)
		return;
	for (int i = 0; i < 2; i++) {
		struct text t = text_into(label[i], sizeof(label[i]));
		groups_label(&job->groups, job->row[i].group, &t);
	}
	if (!job->has_comparison)
		printf("\nThe first two were judged in different environments or under different time limits%s\n",
			job->metric->is_value
				? ", or have different gamma or reward_scale: their values do not compare."
				: ": they do not compare.");
	else if (!are_complete(job))
		printf("\nWhether %s is %s than %s cannot be told: %zu of %zu and %zu of %zu runs have a value.\n",
			label[0], better_word(job), label[1], a->n_values, a->n_runs, b->n_values, b->n_runs);
	else if (job->improvement.p == 0.5 && a->rank.iqm == b->rank.iqm && a->rank.mean == b->rank.mean)
		printf("\nThe %s do not differ in these runs: %s; %s.\n",
			job->metric->order == NO_GOAL ? "first two" : "two best", label[0], label[1]);
	else
		print_improvement(job, label[0], label[1]);
}

/* True if the table alone does not show which runs are not done. */
static bool needs_states(const struct report_job *job)
{
	enum { MANY = 10 };
	for (size_t i = 0; i < job->groups.n_groups; i++)
		if (job->row[i].n_state[RECORD_DONE] < job->row[i].n_runs &&
			(job->row[i].n_runs > 1 || job->records.n >= MANY))
			return true;
	return false;
}

/* Prints the number of runs in each state, and the names of those that are not done. */
static bool print_states(const struct records *list, struct err *e)
{
	static const struct {
		const char *title;
		unsigned which;
	} lines[] = { { NULL, 0 }, { "running", 1U << RUN_IS_RUNNING }, { "silent", 0 },
		{ "stopped", 1U << RUN_IS_STOPPED }, { "failed", 1U << RUN_IS_FAILED },
		{ "unreadable", 1U << RUN_IS_UNREADABLE } };
	static char buf[10 * RUN_PATH_SIZE]; /* too much for a small stack */
	struct states s = { 0 };
	struct liveness l = { 0 };
	struct text t;
	const bool ok = states_init(&s, list, &l, e);
	for (size_t i = 0; ok && i < sizeof(lines) / sizeof(lines[0]); i++) {
		t = text_into(buf, sizeof(buf));
		if (i == 0)
			states_add_summary(&s, &t);
		else if (!states_add_names(&s, lines[i].title, lines[i].which, &t))
			continue;
		printf(i == 0 ? "\n" : "");
		put_printable(stdout, buf, t.len);
		putchar('\n');
	}
	states_release(&s);
	liveness_release(&l);
	return ok;
}

/* --- the command --- */

static void print_json(const struct report_job *job, const struct table *t)
{
	const struct improvement *i = &job->improvement;
	const int n_keys = job->groups.n_keys + job->groups.has_names; /* one or the other */
	printf("{\"metric\":\"%s\",\"groups\":[", job->metric->name);
	for (size_t row = 1; row < table_n_rows(t); row++) {
		printf("%s{\"keys\":{", row > 1 ? "," : "");
		table_put_json(t, row, 0, n_keys);
		printf("},");
		table_put_json(t, row, n_keys, t->n_columns);
		putchar('}');
	}
	putchar(']');
	if (job->has_comparison) {
		char buf[256];
		struct text text = text_into(buf, sizeof(buf));
		text_add(&text, "{");
		text_add_json_member(&text, "probability", i->p);
		text_add_json_member(&text, "low", i->p_95.low);
		text_add_json_member(&text, "high", i->p_95.high);
		printf(",\"improvement\":%s,\"can_tell\":%s,\"unit\":\"%s\",\"enough\":", buf,
			can_tell(job) ? "true" : "false", unit_name(job));
		printf(i->enough > 0 ? "%zu}" : "null}", i->enough);
	}
	printf("}\n");
}

static bool print_report(const struct report_job *job, struct err *e)
{
	const struct flag_value *flag = job->flag;
	const bool data = flag[TSV].set || flag[CSV].set || flag[JSON].set;
	struct table t = { 0 };
	bool ok = true;
	if (job->n_unjudged > 0)
		say("warning: %zu of the runs had evaluations under another time limit than the "
		    "environment's own, for which there is no threshold; --threshold R judges them",
			job->n_unjudged);
	if (job->n_undeclared > 0)
		say("warning: %zu of the runs are of environments without a threshold ('solved=...' was "
		    "not declared); --threshold R judges them",
			job->n_undeclared);
	make_table(job, data, &t);
	if (flag[JSON].set && !t.is_incomplete)
		print_json(job, &t);
	else
		ok = table_print(&t,
			flag[TSV].set   ? TABLE_TSV
			: flag[CSV].set ? TABLE_CSV
			: flag[MD].set  ? TABLE_MARKDOWN
					: TABLE_ALIGNED,
			e);
	table_release(&t);
	if (!data && ok) {
		print_notes(job);
		print_comparison(job);
		ok = !needs_states(job) || print_states(&job->records, e);
	}
	return ok;
}

static bool cmd_report(const struct args *args, struct err *e)
{
	const struct flag_value *flag = args->flag;
	static struct report_job job; /* too much for a small stack */
	job.flag = flag;
	job.steps = record_metric("steps_to_threshold", e);
	job.metric = record_metric(flag[METRIC].string, e);
	if (!job.metric)
		return false;
	records_init(&job.records);
	if (flag[THRESHOLD].set)
		job.records.threshold = flag[THRESHOLD].real;
	const bool ok = load_groups(&job.records, &job.groups, args, flag[BY].string, e) && fill_rows(&job, e) &&
			print_report(&job, e);
	for (size_t i = 0; job.row && i < job.groups.n_groups; i++)
		sample_release(&job.row[i].sample);
	free(job.row);
	free(job.scratch);
	free(job.units);
	groups_release(&job.groups);
	records_release(&job.records);
	return ok;
}

const struct command command_report = {
	.name = "report",
	.synopsis = "RUN_OR_DIR... [--by KEYS] [--metric NAME] [--threshold R] [--tsv|--csv|--json|--md]",
	.summary = "compare the runs that directories hold",
	.details = "Runs that differ only in the seed are one row. Its columns are the interquartile mean (IQM) of the "
		   "final return and its 95 % interval; mean and median; the share of solved seeds and its 95 % "
		   "interval (Clopper and Pearson's); the median steps until an evaluation reached the threshold, and "
		   "how many runs never reached it (they count as infinite); the mean wall clock. A run that diverged "
		   "has the lowest return that an episode can have, and never reached the threshold. (6/8) after a "
		   "figure: it is of 6 runs of 8, and the others are not done or cannot be read. The best row comes "
		   "first; rows that lack runs come last. If no run of a row is done, it has the return of training. "
		   "Which runs are not done follows, in the words of dqn watch. Metrics: final_return_mean, "
		   "best_return_mean, eval_return_mean (over all evaluations), steps_to_threshold (a run that never "
		   "reached it counts as total_timesteps, and the figure is marked >=), final_length_mean, timesteps, "
		   "episodes, n_updates, wall_s; of the last evaluation q_start, discounted_return and value_gap, the "
		   "distance between these two. Of final_length_mean and q_start the largest comes first, but is not "
		   "better.",
	.examples = "dqn report runs/sweep-cartpole\n"
		    "dqn report runs/sweep-cartpole --by n_steps --metric steps_to_threshold\n"
		    "dqn report runs/a runs/b --tsv | sort -k 6\n",
	.flags = report_flags,
	.statuses = (const int[]){ 0, 1, 2, 5, -1 },
	.min_args = 1,
	.max_args = -1,
	.run = cmd_report,
};
