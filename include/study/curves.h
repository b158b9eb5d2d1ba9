/* Learning curves of a group of runs: the interquartile mean over its seeds, with its
 * 95 % interval, against steps, updates or seconds.
 *
 *     curve_of_group(&c, &groups, i, CURVE_STEPS, "return_mean", &faults, &e);
 *     c.x[k], c.y[k], c.low[k], c.high[k];   // low and high NaN where runs are too few
 *
 * A curve is made of the same n_runs runs everywhere: those that are over, and those
 * under way that have come as far as half of all. It goes from where the last of them
 * begins to where the first ends. Between rows, runs are interpolated. After its last row
 * a done run keeps its value if the column is one of eval.csv. A run that diverged has its
 * worst_return from there on if the column is a return, and is left out otherwise.
 */
#ifndef DQN_STUDY_CURVES_H
#define DQN_STUDY_CURVES_H

#include "run/logs.h"
#include "study/groups.h"

#define CURVE_MAX_POINTS 100

enum curve_x { CURVE_STEPS, CURVE_UPDATES, CURVE_SECONDS };

struct curve {
	size_t n;       /* 0: no x at which all runs have a value */
	size_t n_runs;  /* that it is made of */
	size_t n_worst; /* of these diverged */
	double worst;   /* what the last of those counts as after its last row */
	double x[CURVE_MAX_POINTS], y[CURVE_MAX_POINTS];
	double low[CURVE_MAX_POINTS], high[CURVE_MAX_POINTS];
};

extern const char *const curve_x_names[]; /* of enum curve_x; NULL ends them */

/* The columns of a log that can be drawn; NULL ends them. */
void curve_columns(enum run_log log, const char *names[LOG_MAX_COLUMNS]);

/* The log that has the column: eval.csv, progress.csv or episodes.csv. ERR_USAGE if none has. */
bool curve_column(const char *column, enum run_log *log, struct err *e);

/* True if the column is on the scale of returns. */
bool curve_is_return(const char *column);

/* ERR_RUN for memory. A run whose log cannot be read is not in the curve, and is added to
 * `faults` unless it is_damaged already. */
bool curve_of_group(struct curve *c, const struct groups *g, size_t group, enum curve_x x, const char *column,
	struct faults *faults, struct err *e);

#endif
