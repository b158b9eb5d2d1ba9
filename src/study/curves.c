#include "study/curves.h"

#include "study/stats.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const curve_x_names[] = { "steps", "updates", "seconds", NULL };
void curve_columns(enum run_log log, const char *names[LOG_MAX_COLUMNS])
{
	int n = 0;
	for (const struct log_column *c = run_logs[log].columns; c->name; c++)
		if (c->cell == CELL_REAL || (log == LOG_PROGRESS && c != run_logs[log].columns))
			names[n++] = c->name;
	names[n] = NULL;
}

static bool is_in(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

/* Of those, the columns on the scale of returns. */
static const char *const returns[] = { "return_mean", "return_min", "return_max", "ep_rew_mean",
	NULL };

bool curve_column(const char *column, bool *of_eval, struct err *e)
{
	const char *eval[LOG_MAX_COLUMNS], *progress[LOG_MAX_COLUMNS];
	curve_columns(LOG_EVAL, eval);
	curve_columns(LOG_PROGRESS, progress);
	*of_eval = is_in(column, eval);
	if (*of_eval || is_in(column, progress))
		return true;
	const char *near = text_nearest(column, eval);
	if (!near)
		near = text_nearest(column, progress);
	err_set(e, ERR_USAGE, "no column '%s' in eval.csv or progress.csv", column);
	return err_suggest(e, "", near);
}

struct line { /* of one run, x rising */
	size_t n;
	double *x, *y; /* (n) */
	double after;  /* y after the last x; NaN: the line ends there */
};

/* y at x, in a straight line between the points; NaN where the line is not. */
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

static bool make_line(struct line *l, size_t n_rows, struct err *e)
{
	*l = (struct line){ .after = (double)NAN };
	double *x = calloc(n_rows + 1, 2 * sizeof(double));
	if (!x)
		return err_set(e, ERR_RUN, "out of memory for %zu rows", n_rows);
	l->x = x;
	l->y = x + n_rows + 1;
	return true;
}

/* A log of the run; if it cannot be read it is named, unless the run has been. */
static bool read_log(struct table *t, const struct record *r, const char *name, const char *column,
	struct faults *faults)
{
	struct err why;
	const bool ok = table_read(t, r, name, column, &why);
	if (!ok && !r->is_damaged)
		faults_add(faults, why.msg);
	return ok;
}

/* Seconds at steps, by timing.csv, from 0 at 0. A clock that cannot be read has no line. */
static bool read_clock(
	struct line *clock, const struct record *r, struct faults *faults, struct err *e)
{
	struct table t;
	*clock = (struct line){ .after = (double)NAN };
	if (!read_log(&t, r, "timing.csv", "wall_s", faults))
		return true;
	const double *x = table_column(&t, "timesteps"), *y = table_column(&t, "wall_s");
	const bool ok = make_line(clock, t.n_rows, e);
	clock->n = ok && t.n_rows > 0 ? 1 : 0;
	for (size_t i = 0, k = 0; ok && i < t.n_rows; i++, clock->n++, k += t.n_columns) {
		clock->x[clock->n] = x[k];
		clock->y[clock->n] = y[k];
		if (!(x[k] > clock->x[clock->n - 1] && y[k] >= clock->y[clock->n - 1]))
			break;
	}
	clock->after = clock->n > 0 ? clock->y[clock->n - 1] : (double)NAN;
	table_release(&t);
	return ok;
}

static bool read_line(struct line *l, const struct record *r, enum curve_x axis, const char *column,
	bool of_eval, struct faults *faults, struct err *e)
{
	struct table t;
	struct line clock = { 0 };
	*l = (struct line){ .after = (double)NAN };
	if (!read_log(&t, r, of_eval ? "eval.csv" : "progress.csv", column, faults))
		return true;
	bool ok = make_line(l, t.n_rows, e) &&
		  (axis != CURVE_SECONDS || read_clock(&clock, r, faults, e));
	const double *x = table_column(&t, axis == CURVE_UPDATES ? "n_updates" : "timesteps");
	const double *y = table_column(&t, column);
	for (size_t i = 0; ok && x && y && i < t.n_rows; i++) {
		const double value = y[i * t.n_columns];
		double at = x[i * t.n_columns];
		if (axis == CURVE_SECONDS)
			at = clock.n > 0 ? value_at(&clock, at) : (double)NAN;
		if (!isfinite(at) || !isfinite(value) || (l->n > 0 && at < l->x[l->n - 1]))
			continue;
		l->n -= l->n > 0 && at == l->x[l->n - 1]; /* the later one of two */
		l->x[l->n] = at;
		l->y[l->n++] = value;
	}
	if (r->state == RECORD_FAILED && is_in(column, returns))
		l->after = r->worst_return;
	else if (r->state == RECORD_DONE && of_eval && l->n > 0)
		l->after = l->y[l->n - 1];
	free(clock.x);
	table_release(&t);
	return ok;
}

/* --- of a group --- */

/* How far the line counts when runs are chosen: all the way if nothing will be added. */
static double reach(const struct line *l, const struct record *r)
{
	if (!isnan(l->after) || (l->n > 0 && r->state == RECORD_DONE))
		return (double)INFINITY;
	return l->n > 0 && r->state == RECORD_UNFINISHED ? l->x[l->n - 1] : (double)NAN;
}

/* Chooses the runs of the curve: those that are done or have a worst value, and of the
 * others, which still come on, those that are as far as half of all. It moves their
 * lines and units to the front, frees the rest, and says between which x all of them
 * have a value. */
static bool choose_runs(struct curve *c, struct line *lines, uint32_t *units,
	const struct record *const *member, size_t n, double *begin, double *end, struct err *e)
{
	double *far = malloc(n * sizeof(*far));
	size_t n_far = 0;
	if (!far)
		return err_set(e, ERR_RUN, "out of memory for %zu runs", n);
	for (size_t i = 0; i < n; i++) {
		far[n_far] = reach(&lines[i], member[i]);
		n_far += isnan(far[n_far]) ? 0 : 1;
	}
	stats_sort(far, n_far);
	const double least = n_far > 0 ? far[n_far / 2] : (double)INFINITY;
	free(far);
	*begin = 0;
	*end = (double)INFINITY;
	for (size_t i = 0; i < n; i++) {
		struct line *l = &lines[i];
		if (!(reach(l, member[i]) >= least)) {
			free(l->x);
			l->x = NULL;
			continue;
		}
		assert(l->x);
		if (l->n > 0)
			*begin = fmax(*begin, l->x[0]);
		if (isnan(l->after))
			*end = fmin(*end, l->x[l->n - 1]);
		if (member[i]->state == RECORD_FAILED) {
			c->n_worst++;
			c->worst = member[i]->worst_return;
		}
		const struct line chosen = *l;
		l->x = NULL;
		units[c->n_runs] = units[i];
		lines[c->n_runs++] = chosen;
	}
	return true;
}

/* Where the curve has its points: the places of all rows between begin and end if they
 * are few enough, else evenly between the first and the last. */
static bool choose_places(
	struct curve *c, const struct line *lines, double begin, double end, struct err *e)
{
	size_t n = 0, n_different = 0;
	for (size_t i = 0; i < c->n_runs; i++)
		n += lines[i].n;
	double *x = malloc((n + 1) * sizeof(*x));
	if (!x)
		return err_set(e, ERR_RUN, "out of memory for %zu rows", n);
	n = 0;
	for (size_t i = 0; i < c->n_runs; i++)
		for (size_t k = 0; k < lines[i].n; k++) {
			x[n] = lines[i].x[k];
			n += x[n] >= begin && x[n] <= end;
		}
	stats_sort(x, n);
	for (size_t i = 0; i < n; i++)
		if (n_different == 0 || x[n_different - 1] != x[i])
			x[n_different++] = x[i];
	c->n = n_different;
	if (c->n > CURVE_MAX_POINTS)
		c->n = CURVE_MAX_POINTS;
	const double last = n_different > 0 ? x[n_different - 1] : 0;
	for (size_t i = 0; i < c->n; i++) {
		const double share = (double)i / (CURVE_MAX_POINTS - 1);
		c->x[i] = n_different > CURVE_MAX_POINTS ? x[0] + (last - x[0]) * share : x[i];
	}
	if (c->n == CURVE_MAX_POINTS)
		c->x[c->n - 1] = last; /* no rounding beyond the end of a line */
	free(x);
	return true;
}

static bool fill_points(
	struct curve *c, const struct line *lines, const uint32_t *units, struct err *e)
{
	double *values = malloc((c->n_runs + 1) * sizeof(*values));
	bool ok = values || err_set(e, ERR_RUN, "out of memory for %zu runs", c->n_runs);
	for (size_t i = 0; ok && i < c->n; i++) {
		struct sample s;
		for (size_t k = 0; k < c->n_runs; k++)
			values[k] = value_at(&lines[k], c->x[i]);
		ok = sample_init(&s, values, units, c->n_runs, e);
		if (!ok)
			break;
		const struct interval interval = sample_iqm(&s);
		c->y[i] = s.iqm;
		c->low[i] = interval.low;
		c->high[i] = interval.high;
		sample_release(&s);
	}
	free(values);
	return ok;
}

bool curve_of_group(struct curve *c, const struct groups *g, size_t group, enum curve_x x,
	const char *column, struct faults *faults, struct err *e)
{
	const struct group *of = &g->group[group];
	const struct record *const *member = (const struct record *const *)g->member + of->first;
	bool of_eval;
	double begin = 0, end = 0;
	*c = (struct curve){ 0 };
	if (!curve_column(column, &of_eval, e))
		return false;
	struct line *lines = calloc(of->n, sizeof(*lines));
	uint32_t *units = malloc(of->n * sizeof(*units));
	if (!lines || !units) {
		free(lines);
		free(units);
		return err_set(e, ERR_RUN, "out of memory for %zu runs", of->n);
	}
	bool ok = true;
	for (size_t i = 0; ok && i < of->n; i++) {
		units[i] = g->unit[of->first + i];
		ok = read_line(&lines[i], member[i], x, column, of_eval, faults, e);
	}
	ok = ok && choose_runs(c, lines, units, member, of->n, &begin, &end, e) &&
	     choose_places(c, lines, begin, end, e) && fill_points(c, lines, units, e);
	for (size_t i = 0; i < of->n; i++)
		free(lines[i].x);
	free(lines);
	free(units);
	return ok;
}
