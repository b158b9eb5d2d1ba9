/* Learning curves of a group of runs: the interquartile mean over its seeds, with its
 * 95 % interval, against steps, updates or seconds.
 *
 *     curve_of_group(&c, &groups, i, CURVE_STEPS, "return_mean", &faults, &e);
 *     c.x[k], c.y[k], c.low[k], c.high[k];   // low and high NaN where runs are too few
 *
 * A curve is made of the same n_runs runs everywhere: of all that are over, and of
 * those under way that are as far as half of all; others have nothing to say yet. It
 * goes from where the last of them begins to where the first ends. Between rows runs are
 * interpolated. After its last row a run keeps its value if it is done and the column is
 * one of evaluations: what it has learned stays. If it diverged, it has its worst_return
 * from there on where the column is one of returns, and is left out elsewhere.
 */
#ifndef DQN_STUDY_CURVES_H
#define DQN_STUDY_CURVES_H

#include "run/logs.h"
#include "study/groups.h"

#define CURVE_MAX_POINTS 100

enum curve_x { CURVE_STEPS, CURVE_UPDATES, CURVE_SECONDS };

struct curve {
	size_t n;       /* 0: there is no x at which enough runs have a value */
	size_t n_runs;  /* that it is made of ... */
	size_t n_worst; /* ... of which so many diverged ... */
	double worst;   /* ... and count as this, or like it, after their last rows */
	double x[CURVE_MAX_POINTS], y[CURVE_MAX_POINTS];
	double low[CURVE_MAX_POINTS], high[CURVE_MAX_POINTS];
};

extern const char *const curve_x_names[]; /* of enum curve_x; NULL ends them */

/* The columns of progress.csv or eval.csv that can be drawn; NULL ends them. */
void curve_columns(enum run_log log, const char *names[LOG_MAX_COLUMNS]);

/* True if the column is one of eval.csv; false of progress.csv. ERR_USAGE if neither. */
bool curve_column(const char *column, bool *of_eval, struct err *e);

/* ERR_RUN for memory. A run whose log cannot be read is not in the curve; `faults` gets
 * it, unless it is_damaged anyway. */
bool curve_of_group(struct curve *c, const struct groups *g, size_t group, enum curve_x x,
	const char *column, struct faults *faults, struct err *e);

#endif
