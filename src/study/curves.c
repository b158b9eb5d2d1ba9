#include "study/curves.h"

#include "study/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const curve_x_names[] = { "steps", "updates", "seconds", NULL };

void curve_columns(enum run_log log, const char *names[LOG_MAX_COLUMNS])
{
	int n = 0;
	for (const struct log_column *c = run_logs[log].columns; c->name; c++)
		if (c->cell == CELL_REAL || (log == LOG_PROGRESS && c != run_logs[log].columns) ||
			(log == LOG_EPISODES && strcmp(c->name, "l") == 0))
			names[n++] = c->name;
	names[n] = NULL;
}

bool curve_is_return(const char *column)
{
	static const char *const returns[] = { "return_mean", "return_min", "return_max", "ep_rew_mean", "r", NULL };
	return text_index(column, returns) >= 0;
}

bool curve_column(const char *column, enum run_log *log, struct err *e)
{
	static const enum run_log logs[] = { LOG_EVAL, LOG_PROGRESS, LOG_EPISODES };
	const char *names[LOG_MAX_COLUMNS], *near = NULL;
	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		curve_columns(logs[i], names);
		*log = logs[i];
		if (text_index(column, names) >= 0)
			return true;
		near = text_nearer(column, near, text_nearest(column, names));
	}
	err_set(e, ERR_USAGE, "no column '%s' in eval.csv, progress.csv or episodes.csv", column);
	return err_suggest(e, "", near);
}

struct line { /* of one run, x rising */
	size_t n;
	double *x, *y; /* (n); y is part of x's allocation */
	double after;  /* y after the last x; NaN: the line ends there */
};

/* y at x, in a straight line between the points; NaN where there is no line. */
static double value_at(const struct line *l, double x)
{
	size_t low = 0, high = l->n; /* l->x[low] <= x < l->x[high] */
	if (l->n == 0)
		return l->after;
	if (x < l->x[0])
		return (double)NAN;
	if (x >= l->x[l->n - 1])
		return x == l->x[l->n - 1] ? l->y[l->n - 1] : l->after;
	while (high - low > 1) {
		const size_t middle = low + (high - low) / 2;
		if (l->x[middle] <= x)
			low = middle;
		else
			high = middle;
	}
	const double share = (x - l->x[low]) / (l->x[high] - l->x[low]);
	return l->y[low] + share * (l->y[high] - l->y[low]);
}

/* Room for n_rows + 1 points, zeroed. */
static bool line_init(struct line *l, size_t n_rows, struct err *e)
{
	*l = (struct line){ .after = (double)NAN };
	l->x = calloc(n_rows + 1, 2 * sizeof(double));
	if (!l->x)
		return err_set(e, ERR_RUN, "out of memory for %zu rows", n_rows);
	l->y = l->x + n_rows + 1;
	return true;
}

struct curve_job {
	enum curve_x axis;
	const char *column;
	enum run_log log;
	struct faults *faults;
	size_t n; /* runs of the group */
	const struct record *const *member;
	struct line *line;
	uint32_t *unit;
	double *scratch;   /* room for a number per run and per point of all lines */
	double begin, end; /* all chosen runs have a value from begin to end */
};

/* An error is reported once: not if the run is_damaged already. */
static bool read_log(
	const struct curve_job *job, const struct record *r, const char *name, const char *column, struct csv *t)
{
	struct err why;
	const bool ok = record_log(r, name, column, true, t, &why);
	if (!ok && !r->is_damaged)
		faults_add(job->faults, why.msg);
	return ok;
}

/* Seconds at steps, by timing.csv, from 0 at 0 on. Without rows the line is empty. */
static bool read_clock(const struct curve_job *job, const struct record *r, struct line *clock, struct err *e)
{
	struct csv t;
	if (!read_log(job, r, RUN_TIMING, "wall_s", &t))
		return line_init(clock, 0, e);
	const double *x = csv_column(&t, "timesteps"), *y = csv_column(&t, "wall_s");
	const bool ok = line_init(clock, t.n_rows, e);
	if (ok && t.n_rows > 0) {
		size_t n = 1;
		for (size_t k = 0; n <= t.n_rows; n++, k += t.n_columns) {
			clock->x[n] = x[k];
			clock->y[n] = y[k];
			if (!(x[k] > clock->x[n - 1] && y[k] >= clock->y[n - 1]))
				break;
		}
		clock->n = n;
		clock->after = clock->y[n - 1];
	}
	csv_release(&t);
	return ok;
}

/* The points of the line from a log; `clock` is NULL unless the axis is seconds. */
static void add_points(const struct curve_job *job, const struct csv *t, const struct line *clock, struct line *l)
{
	const double *x = csv_column(t, job->axis == CURVE_UPDATES ? "n_updates" : "timesteps");
	const double *y = csv_column(t, job->column);
	if (!x || !y)
		return;
	for (size_t k = 0; k < t->n_rows * t->n_columns; k += t->n_columns) {
		const double at = clock ? value_at(clock, x[k]) : x[k];
		const double last = l->n > 0 ? l->x[l->n - 1] : -(double)INFINITY;
		if (!isfinite(at) || !isfinite(y[k]) || at < last)
			continue;
		l->n -= at == last; /* the later one of two */
		l->x[l->n] = at;
		l->y[l->n++] = y[k];
	}
}

static bool read_line(const struct curve_job *job, const struct record *r, struct line *line, struct err *e)
{
	struct csv t;
	struct line clock = { 0 }, l = { .after = (double)NAN };
	*line = l;
	if (!read_log(job, r, run_logs[job->log].name, job->column, &t))
		return true;
	const bool has_clock = job->axis == CURVE_SECONDS;
	const bool ok = line_init(&l, t.n_rows, e) && (!has_clock || read_clock(job, r, &clock, e));
	if (ok)
		add_points(job, &t, has_clock ? &clock : NULL, &l);
	if (r->state == RECORD_FAILED && curve_is_return(job->column))
		l.after = r->worst_return;
	else if (r->state == RECORD_DONE && job->log == LOG_EVAL && l.n > 0)
		l.after = l.y[l.n - 1];
	*line = l;
	free(clock.x);
	csv_release(&t);
	return ok;
}

/* --- of a group --- */

/* How far a line has come: infinitely far if nothing will be added; NaN: it says nothing. */
static double reach(const struct line *l, const struct record *r)
{
	if (!isnan(l->after) || (l->n > 0 && r->state == RECORD_DONE))
		return (double)INFINITY;
	return l->n > 0 && r->state == RECORD_UNFINISHED ? l->x[l->n - 1] : (double)NAN;
}

/* Chooses the runs that have come as far as half of all, and moves their lines and units
 * to the front. */
static void choose_runs(struct curve_job *job, struct curve *c)
{
	size_t n = 0;
	for (size_t i = 0; i < job->n; i++) {
		job->scratch[n] = reach(&job->line[i], job->member[i]);
		n += isnan(job->scratch[n]) ? 0 : 1;
	}
	stats_sort(job->scratch, n);
	const double least = n > 0 ? job->scratch[n / 2] : (double)INFINITY;
	job->end = (double)INFINITY;
	for (size_t i = 0; i < job->n; i++) {
		const struct line l = job->line[i];
		const struct record *r = job->member[i];
		if (!(reach(&l, r) >= least))
			continue;
		if (l.n > 0)
			job->begin = fmax(job->begin, l.x[0]);
		if (l.n > 0 && isnan(l.after))
			job->end = fmin(job->end, l.x[l.n - 1]);
		if (r->state == RECORD_FAILED) {
			c->n_worst++;
			c->worst = r->worst_return;
		}
		job->line[i] = job->line[c->n_runs];
		job->line[c->n_runs] = l;
		job->unit[c->n_runs++] = job->unit[i];
	}
}

/* The curve has its points at all rows between begin and end if they are few enough, else
 * evenly between the first and the last. */
static void choose_places(const struct curve_job *job, struct curve *c)
{
	double *x = job->scratch;
	size_t n_rows = 0, n = 0;
	for (size_t i = 0; i < c->n_runs; i++)
		for (size_t k = 0; k < job->line[i].n; k++) {
			x[n_rows] = job->line[i].x[k];
			n_rows += x[n_rows] >= job->begin && x[n_rows] <= job->end;
		}
	stats_sort(x, n_rows);
	for (size_t i = 0; i < n_rows; i++)
		if (n == 0 || x[n - 1] != x[i])
			x[n++] = x[i];
	c->n = n < CURVE_MAX_POINTS ? n : CURVE_MAX_POINTS;
	for (size_t i = 0; i < c->n; i++) {
		const double share = (double)i / (CURVE_MAX_POINTS - 1);
		c->x[i] = n > CURVE_MAX_POINTS ? x[0] + (x[n - 1] - x[0]) * share : x[i];
	}
	if (n > CURVE_MAX_POINTS)
		c->x[c->n - 1] = x[n - 1]; /* whatever the rounding: lines end there */
}

static bool fill_points(const struct curve_job *job, struct curve *c, struct err *e)
{
	for (size_t i = 0; i < c->n; i++) {
		struct sample s;
		for (size_t k = 0; k < c->n_runs; k++)
			job->scratch[k] = value_at(&job->line[k], c->x[i]);
		if (!sample_init(&s, job->scratch, job->unit, c->n_runs, e))
			return false;
		const struct interval interval = sample_iqm(&s);
		c->y[i] = s.iqm;
		c->low[i] = interval.low;
		c->high[i] = interval.high;
		sample_release(&s);
	}
	return true;
}

static bool make_curve(struct curve_job *job, struct curve *c, struct err *e)
{
	size_t n_points = 0;
	if (!job->line || !job->unit)
		return err_set(e, ERR_RUN, "out of memory for %zu runs", job->n);
	for (size_t i = 0; i < job->n; i++) {
		if (!read_line(job, job->member[i], &job->line[i], e))
			return false;
		n_points += job->line[i].n;
	}
	job->scratch = malloc((job->n + n_points) * sizeof(*job->scratch));
	if (!job->scratch)
		return err_set(e, ERR_RUN, "out of memory for %zu points", n_points);
	choose_runs(job, c);
	choose_places(job, c);
	return fill_points(job, c, e);
}

bool curve_of_group(struct curve *c, const struct groups *g, size_t group, enum curve_x x, const char *column,
	struct faults *faults, struct err *e)
{
	const size_t first = g->group[group].first, n = g->group[group].n;
	struct curve_job job = { .axis = x,
		.column = column,
		.faults = faults,
		.n = n,
		.member = (const struct record *const *)g->member + first };
	*c = (struct curve){ 0 };
	if (!curve_column(column, &job.log, e))
		return false;
	job.line = calloc(n, sizeof(*job.line));
	job.unit = malloc(n * sizeof(*job.unit));
	if (job.unit)
		memcpy(job.unit, g->unit + first, n * sizeof(*job.unit));
	const bool ok = make_curve(&job, c, e);
	for (size_t i = 0; job.line && i < n; i++)
		free(job.line[i].x);
	free(job.line);
	free(job.unit);
	free(job.scratch);
	return ok;
}
