#include "run/curves.h"

#include "run/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REPLICATES = 500 };

const char *const curve_x_names[] = { "steps", "updates", "seconds", NULL };
const char *const curve_eval_columns[] = { "return_mean", "return_std", "return_min", "return_max",
	NULL };
const char *const curve_progress_columns[] = { "episodes", "n_updates", "ep_rew_mean",
	"ep_len_mean", "exploration_rate", "learning_rate", "loss", "q_mean", "grad_norm", "q_max",
	"q_bound", "action_gap", "td_error_mean", "td_error_p95", "weight_norm", "terminal_share",
	"dead_share", NULL };

static bool is_in(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

bool curve_column(const char *column, bool *of_eval, struct err *e)
{
	*of_eval = is_in(column, curve_eval_columns);
	if (*of_eval || is_in(column, curve_progress_columns))
		return true;
	const char *near = text_nearest(column, curve_eval_columns);
	if (!near)
		near = text_nearest(column, curve_progress_columns);
	return err_set(e, ERR_USAGE, "no column '%s' in eval.csv or progress.csv%s%s%s", column,
		near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

struct line { /* of one run, x rising */
	size_t n;
	double *x, *y; /* (n) */
	bool stays;    /* at its last value */
};

/* y at x, in a straight line between the points; NaN outside. */
static double value_at(const struct line *l, double x)
{
	size_t low = 0, high = l->n; /* l->x[low] <= x < l->x[high] */
	if (l->n == 0 || x < l->x[0])
		return (double)NAN;
	if (x >= l->x[l->n - 1])
		return x == l->x[l->n - 1] || l->stays ? l->y[l->n - 1] : (double)NAN;
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

/* Seconds at steps, by timing.csv, from 0 at 0. */
static bool read_clock(struct line *clock, const char *dir, struct err *e)
{
	struct table t;
	struct err ignored;
	*clock = (struct line){ .stays = true };
	if (!table_read(&t, dir, "timing.csv", &ignored))
		return true;
	const double *x = table_column(&t, "timesteps"), *y = table_column(&t, "wall_s");
	clock->x = calloc(t.n_rows + 1, 2 * sizeof(double));
	if (!clock->x) {
		table_release(&t);
		return err_set(e, ERR_RUN, "out of memory reading '%s'", dir);
	}
	clock->y = clock->x + t.n_rows + 1;
	clock->n = 1;
	for (size_t i = 0; x && y && i < t.n_rows; i++, clock->n++) {
		clock->x[clock->n] = x[i * t.n_columns];
		clock->y[clock->n] = y[i * t.n_columns];
		if (!(clock->x[clock->n] > clock->x[clock->n - 1] &&
			    clock->y[clock->n] >= clock->y[clock->n - 1]))
			break;
	}
	table_release(&t);
	return true;
}

static bool read_line(struct line *l, const struct record *r, enum curve_x axis, const char *column,
	bool of_eval, struct err *e)
{
	struct table t;
	struct line clock = { 0 };
	struct err ignored;
	*l = (struct line){ .stays = of_eval && r->state == RECORD_DONE };
	if (!table_read(&t, r->dir, of_eval ? "eval.csv" : "progress.csv", &ignored))
		return true;
	bool ok = axis != CURVE_SECONDS || read_clock(&clock, r->dir, e);
	const double *x = table_column(&t, axis == CURVE_UPDATES ? "n_updates" : "timesteps");
	const double *y = table_column(&t, column);
	l->x = calloc(t.n_rows + 1, 2 * sizeof(double));
	if (ok && !l->x)
		ok = err_set(e, ERR_RUN, "out of memory reading '%s'", r->dir);
	if (l->x)
		l->y = l->x + t.n_rows + 1;
	for (size_t i = 0; l->x && x && y && i < t.n_rows; i++) {
		double at = x[i * t.n_columns];
		const double value = y[i * t.n_columns];
		if (axis == CURVE_SECONDS)
			at = value_at(&clock, at);
		if (!isfinite(at) || !isfinite(value) || (l->n > 0 && at < l->x[l->n - 1]))
			continue;
		l->n -= l->n > 0 && at == l->x[l->n - 1]; /* the later one of two */
		l->x[l->n] = at;
		l->y[l->n++] = value;
	}
	free(clock.x);
	table_release(&t);
	return ok;
}

/* Where the curve has its points: the places of all rows if they are few enough, else
 * evenly between the first and the last. */
static bool choose_places(struct curve *c, const struct line *lines, size_t n_lines, struct err *e)
{
	size_t n = 0, n_different = 0;
	for (size_t i = 0; i < n_lines; i++)
		n += lines[i].n;
	double *x = malloc((n + 1) * sizeof(*x));
	if (!x)
		return err_set(e, ERR_RUN, "out of memory for %zu rows", n);
	n = 0;
	for (size_t i = 0; i < n_lines; i++)
		for (size_t k = 0; k < lines[i].n; k++)
			x[n++] = lines[i].x[k];
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
	free(x);
	return true;
}

static bool fill_points(
	struct curve *c, const struct line *lines, const uint32_t *strata, size_t n, struct err *e)
{
	double *values = malloc(n * sizeof(*values));
	uint32_t *of = malloc(n * sizeof(*of));
	bool ok = values && of;
	if (!ok)
		err_set(e, ERR_RUN, "out of memory for %zu runs", n);
	for (size_t i = 0; ok && i < c->n; i++) {
		struct resample r;
		size_t n_values = 0;
		for (size_t k = 0; k < n; k++) {
			values[n_values] = value_at(&lines[k], c->x[i]);
			of[n_values] = strata[k];
			n_values += !isnan(values[n_values]) ? 1 : 0;
		}
		c->y[i] = c->low[i] = c->high[i] = (double)NAN;
		if (2 * n_values < n)
			continue;
		ok = resample_init(&r, values, of, n_values, e);
		if (!ok)
			break;
		const struct interval interval = resample_iqm(&r, REPLICATES);
		c->y[i] = r.iqm;
		c->low[i] = interval.low;
		c->high[i] = interval.high;
		resample_release(&r);
	}
	free(values);
	free(of);
	return ok;
}

bool curve_of_group(struct curve *c, const struct groups *g, size_t group, enum curve_x x,
	const char *column, struct err *e)
{
	const struct group *of = &g->group[group];
	bool of_eval;
	c->n = 0;
	if (!curve_column(column, &of_eval, e))
		return false;
	struct line *lines = calloc(of->n, sizeof(*lines));
	if (!lines)
		return err_set(e, ERR_RUN, "out of memory for %zu runs", of->n);
	bool ok = true;
	for (size_t i = 0; ok && i < of->n; i++)
		ok = read_line(&lines[i], g->member[of->first + i], x, column, of_eval, e);
	ok = ok && choose_places(c, lines, of->n, e) &&
	     fill_points(c, lines, g->stratum + of->first, of->n, e);
	for (size_t i = 0; i < of->n; i++)
		free(lines[i].x);
	free(lines);
	return ok;
}
