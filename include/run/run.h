/* One training run in its directory: opened, resumed, trained, finished.
 *
 *     run_open(&r, path, &config, &inputs, kernels, fresh, &e);
 *     r.train.stop = &flag;                               // if it may be interrupted
 *     while (r.state == RUN_ACTIVE && !flag && run_step(&r, &e))
 *             ... r.train has the progress
 *     if (r.state == RUN_ACTIVE && flag)
 *             run_save(&r, &e);
 *     run_close(&r);
 *
 * run/rundir.h lists the files. A done run of the same configuration is recognised. An
 * unfinished one resumes from its checkpoint, or starts again without one: to the same
 * bytes either way.
 */
#ifndef DQN_RUN_RUN_H
#define DQN_RUN_RUN_H

#include "run/checkpoint.h"
#include "run/inputs.h"
#include "run/rundir.h"
#include "run/train.h"
#include "run/transitions.h"

enum run_state { RUN_ACTIVE, RUN_DONE };

struct run {
	struct rundir dir; /* dir.state: what run_open found there */
	enum run_state state;
	bool was_resumed;                   /* from a checkpoint */
	char warning[512];                  /* what is wrong with the latest checkpoint, or "" */
	struct transitions_found preloaded; /* by run_open */
	struct train train;
	struct result result; /* valid once state is RUN_DONE */

	struct logs logs;
	char *buf; /* buf_size bytes, for weights files and checkpoints */
	size_t buf_size;
	bool is_damaged;                   /* the latest checkpoint; the one before it is good */
	bool is_saved;                     /* nothing has changed since the latest checkpoint */
	char best_sha256[SHA256_HEX_SIZE]; /* of the best.safetensors that was written last */
	bool is_best_saved;                /* best.safetensors has train.best */
	double start_s, saved_s, save_s;   /* of the run; of the last save: its end, its duration */
	double best_s;                     /* when best.safetensors was written; 0: not yet */
};

/* Makes or takes over the directory; `fresh` removes an earlier run first. Fails as
 * rundir_open does, or where memory, permissions or limits of the process would end the run
 * later. On failure nothing is open; an earlier run is untouched, unless the error came while
 * `fresh` was removing it. `in` has the files that c names, parsed (NULL: none), and may be released
 * after the call. */
bool run_open(struct run *r, const char *path, const struct config *c, const struct inputs *in, const struct kernels *k,
	bool fresh, struct err *e);

/* Fills the replay buffer before the first step, if the configuration says so. `in` has the file,
 * or ERR_USAGE; otherwise as transitions_read. */
bool run_preload(struct train *t, const struct inputs *in, struct transitions_found *found, struct err *e);

/* One environment step, or some episodes of an evaluation, with its rows, and a checkpoint if
 * one is due. After the last step: the final evaluation, some episodes a call, then the files
 * that end the run. Once *r->train.stop is not 0 it returns early, and another call, or a
 * resumed run, does the rest. On ERR_DIVERGED the best weights so far and failed.txt are
 * written; the last checkpoint stays. */
bool run_step(struct run *r, struct err *e);

/* Writes a checkpoint, unless there is one of this very state; between two calls of
 * run_step. ERR_DIVERGED: the state is not worth saving, as run_step will find out, too. */
bool run_save(struct run *r, struct err *e);

void run_close(struct run *r);

/* Seconds that the run has taken, those before its checkpoint included. */
double run_wall_s(const struct run *r);

#endif
