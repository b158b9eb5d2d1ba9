/* The progress of a run, on standard error. On a terminal it is one line, redrawn and as wide
 * as the terminal, and a lasting line for each new best evaluation. Elsewhere it is a line per
 * evaluation, or one now and then.
 *
 *     progress_init(&p, level, &run);
 *     run.train.tell = progress_tell, run.train.tell_arg = &p;    // long evaluations
 *     progress_head(&p);                          // what runs, where to, how to stop it
 *     ... progress_step(&p);                      // after every run_step
 *     progress_end(&p);                           // before any other message
 *
 * What is no run shows on a terminal only, how much of it is over:
 *
 *     progress_init_count(&p, "episodes");
 *     ... progress_tell(&p, n_over, n);
 *     progress_end(&p);
 */
#ifndef DQN_CLI_PROGRESS_H
#define DQN_CLI_PROGRESS_H

#include "run/run.h"

enum progress_level {
	PROGRESS_QUIET,
	PROGRESS_BRIEF, /* silent here, too; the caller prints warnings */
	PROGRESS_NORMAL,
	PROGRESS_VERBOSE,
};

#define SPARK_BARS 16

struct progress {
	enum progress_level level;
	const struct run *run; /* the caller's, or NULL */
	const char *unit;      /* of what is counted without a run */
	bool terminal;         /* redraw */
	bool utf8;             /* show a sparkline */
	bool drawn;            /* the cursor is on a drawn line */
	double start_s;        /* the time of progress_init */
	double next_s;         /* the time of the next drawing, or line */
	double pause_s;        /* between such lines, > 0 */
	double eval, best;     /* mean returns of the last and the best evaluation, or NaN */
	int64_t n_over, n;     /* units; of a run, episodes of the current evaluation, n = 0: none */
	double eval_start_s;   /* when the current evaluation began; 0: none is under way */
	int taken;             /* events of the current step that have been shown */
	int n_bars;
	double bars[SPARK_BARS]; /* the last means of training return, oldest first */
};

void progress_init(struct progress *p, enum progress_level level, const struct run *run);
void progress_init_count(struct progress *p, const char *unit);
void progress_head(const struct progress *p);
void progress_step(struct progress *p);
void progress_end(struct progress *p);

/* An eval_listener (rl/evaluate.h); `progress` is a struct progress. */
void progress_tell(void *progress, int64_t n_over, int64_t n_episodes);

#endif
