/* How a run is going, on standard error: one line that is redrawn on a terminal,
 * a plain line per evaluation elsewhere.
 *
 *     progress_init(&p, level);
 *     progress_step(&p, &run);        // after every run_step
 *     progress_end(&p);               // leaves the cursor on a line of its own
 */
#ifndef DQN_CLI_PROGRESS_H
#define DQN_CLI_PROGRESS_H

#include "run/run.h"

enum progress_level { PROGRESS_QUIET, PROGRESS_NORMAL, PROGRESS_VERBOSE };

#define SPARK_BARS 16

struct progress {
	enum progress_level level;
	bool terminal; /* redraw */
	bool utf8;     /* a sparkline can be shown */
	bool drawn;    /* the cursor stands behind a drawn line */
	double last_s; /* when it was last drawn, seconds of run_wall_s */
	int n_bars;
	double bars[SPARK_BARS]; /* the last means of return, oldest first */
};

void progress_init(struct progress *p, enum progress_level level);
void progress_step(struct progress *p, const struct run *r);
void progress_end(struct progress *p);

#endif
