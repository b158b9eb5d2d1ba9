/* Learning curves of a group of runs: the interquartile mean over its seeds, with its
 * bootstrap interval, against steps, updates or seconds.
 *
 *     curve_of_group(&c, &groups, i, CURVE_STEPS, "return_mean", &e);
 *     c.x[k], c.y[k], c.low[k], c.high[k];   // low and high NaN for a single run
 *     curve_release(&c);
 *
 * Where the runs have no rows at the same places, they are interpolated. A run counts
 * from its first row; after its last one only if it is done and the column is one of
 * evaluations: what it has learned stays. The curve ends where fewer than half of the
 * runs go on.
 */
#ifndef DQN_RUN_CURVES_H
#define DQN_RUN_CURVES_H

#include "run/groups.h"

#define CURVE_MAX_POINTS 100

enum curve_x { CURVE_STEPS, CURVE_UPDATES, CURVE_SECONDS };

struct curve {
	size_t n; /* 0: no run has such a row */
	double x[CURVE_MAX_POINTS], y[CURVE_MAX_POINTS];
	double low[CURVE_MAX_POINTS], high[CURVE_MAX_POINTS];
};

/* The names of enum curve_x, and the columns of the logs; NULL ends each. */
extern const char *const curve_x_names[], *const curve_eval_columns[],
						  *const curve_progress_columns[];

/* True if the column is one of eval.csv; false of progress.csv. ERR_USAGE if neither. */
bool curve_column(const char *column, bool *of_eval, struct err *e);

/* ERR_RUN for memory; logs that are missing or broken are rows less. */
bool curve_of_group(struct curve *c, const struct groups *g, size_t group, enum curve_x x,
	const char *column, struct err *e);

#endif
