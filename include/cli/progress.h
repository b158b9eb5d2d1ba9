/* How a run is going, on standard error: on a terminal one line that is redrawn, as wide
 * as the terminal is, and a lasting line for every new best evaluation; elsewhere a line
 * per evaluation, and now and then one where there are none.
 *
 *     progress_init(&p, level, &run);
 *     run.train.tell = progress_tell, run.train.tell_arg = &p;    // long evaluations
 *     progress_head(&p);                          // what runs, where to, how to stop it
 *     ... progress_step(&p);                      // after every run_step
 *     progress_end(&p);                           // before anything else is said
 *
 * Evaluations without a run (NULL) are shown by progress_tell alone, and on a terminal only.
 */
#ifndef DQN_CLI_PROGRESS_H
#define DQN_CLI_PROGRESS_H

#include "run/run.h"

enum progress_level {
	PROGRESS_QUIET,
	PROGRESS_BRIEF, /* nothing from here either, but the caller warns */
	PROGRESS_NORMAL,
	PROGRESS_VERBOSE,
};

#define SPARK_BARS 16

struct progress {
	enum progress_level level;
	const struct run *run; /* the caller's, or NULL */
	bool terminal;         /* redraw */
	bool utf8;             /* a sparkline can be shown */
	bool drawn;            /* the cursor stands behind a drawn line */
	double start_s;        /* of the clock: progress_init */
	double next_s;         /* when to draw again, or to print a line */
	double pause_s;        /* between such lines, > 0 */
	double eval, best;     /* mean returns of the last and the best evaluation, or NaN */
	int64_t n_over, n;     /* episodes of the evaluation under way; n = 0: none is */
	int taken;             /* events of the step under way that are shown already */
	int n_bars;
	double bars[SPARK_BARS]; /* the last means of training return, oldest first */
};

void progress_init(struct progress *p, enum progress_level level, const struct run *run);
void progress_head(const struct progress *p);
void progress_step(struct progress *p);
void progress_end(struct progress *p);

/* The eval_listener's part of it, see rl/evaluate.h; `progress` is a struct progress. */
void progress_tell(void *progress, int64_t n_over, int64_t n_episodes);

#endif
