/* One training run and its directory.
 *
 *     run_open(&r, dir, &config, kernels, fresh, &e);
 *     r.train.stop = &flag;                               // if it may be interrupted
 *     while (r.state == RUN_ACTIVE && !flag && run_step(&r, &e))
 *             ... r.train has the progress
 *     if (r.state == RUN_ACTIVE && flag)
 *             run_save(&r, &e);
 *     run_close(&r);
 *
 * The directory holds
 *
 *     config.ini         the full configuration; written first, it owns the directory
 *     progress.csv       a row per log_interval, struct log_row
 *     eval.csv           a row per evaluation, struct eval_row
 *     episodes.csv       a row per training episode, struct episode_row
 *     timing.csv         wall clock and memory: all that may differ between equal runs
 *     best.safetensors   the weights that evaluated best (the last of equals); there from
 *                        the first evaluation on, and never older than a checkpoint
 *     final.safetensors  the weights at the end
 *     result.json        the figures of the run; written last, it marks the run as done
 *     .lock              empty; locked while a process works here
 *
 * and, while the run is unfinished,
 *
 *     checkpoint.safetensors           what it goes on from, see run/checkpoint.h
 *     checkpoint-previous.safetensors  the one before, if that should be unreadable
 *     failed.txt                       why it diverged, if that is how it ended
 *
 * A done run of the same configuration is recognised, an unfinished one goes on from
 * its checkpoint, or starts again if there is none (both to the same bytes), one of
 * another configuration is left alone. config.ini is that of the process which began
 * the run: the keys in which others may differ decide nothing.
 *
 * The directory is held open. One that is moved while its run works keeps its run; once
 * it, or a file that is being written, is removed or replaced, the run ends (ERR_RUN).
 */
#ifndef DQN_RUN_RUN_H
#define DQN_RUN_RUN_H

#include "base/sha256.h"
#include "run/checkpoint.h"
#include "run/train.h"

#define RUN_PATH_SIZE 4096
#define RUN_RESULT_SIZE 4096     /* of what result_print prints */
#define RUN_RESULT_MAX (1 << 25) /* bytes of a result.json */

struct result {
	char env_id[32];
	uint64_t seed;
	int64_t timesteps, total_timesteps, episodes;
	uint64_t n_updates;
	bool stopped;            /* by stop_return, before total_timesteps */
	struct eval_stats final; /* of the final weights, on fresh episodes */
	bool has_best;           /* false if the run had no evaluation */
	int64_t best_timesteps;
	double best_return_mean; /* of the evaluation that chose the weights */
	char final_sha256[SHA256_HEX_SIZE], best_sha256[SHA256_HEX_SIZE]; /* of the files */
};

/* What a run writes, in the order in which `fresh` removes it; name NULL ends the list. */
struct run_file {
	const char *name, *help; /* help NULL: a log, run_logs (run/logs.h) explains it */
};
extern const struct run_file run_files[];

enum run_state { RUN_ACTIVE, RUN_DONE };

struct run {
	char dir[RUN_PATH_SIZE];
	struct dir held; /* it: where the run's files are, whatever becomes of its name */
	enum run_state state;
	bool was_done;     /* found done by run_open: nothing was computed */
	bool was_started;  /* found unfinished by run_open */
	bool was_resumed;  /* and goes on from a checkpoint; else it starts again */
	bool is_damaged;   /* the latest one is, and only the one before it good */
	bool is_saved;     /* nothing has changed since the latest one */
	bool is_unlocked;  /* the file system has no locks: a second process is not seen */
	char warning[512]; /* what is wrong with the latest one, or "" */
	char removed[256]; /* names that `fresh` removed, separated by blanks */
	struct train train;
	struct result result; /* valid once state is RUN_DONE */

	char *buf; /* buf_size bytes, for weights files and checkpoints */
	size_t buf_size;
	int lock, log[N_LOGS]; /* descriptors or -1 */
	char rows[4096];       /* rows_len bytes of episodes.csv that are not written yet */
	size_t rows_len;
	struct marks marks;              /* log_size is up to date, wall_s that of the checkpoint */
	double start_s, saved_s, save_s; /* begin, end and duration of the last save */
	double best_s;                   /* when best.safetensors was written; 0: not yet */
	bool is_best_saved;              /* it has train.best */
};

/* Makes or takes over the directory. `fresh` removes an earlier run first.
 * ERR_BUSY: another process works there, or it belongs to something else.
 * On failure nothing is open; an earlier run is untouched, unless the error came while
 * `fresh` was removing it. */
bool run_open(struct run *r, const char *dir, const struct config *c, const struct kernels *k,
	bool fresh, struct err *e);

/* One environment step, or some episodes of an evaluation; the rows it brings, and a
 * checkpoint if one is due; after the last one the final evaluation and the files that end
 * the run. All of them are cut
 * short, to be done again, once *r->train.stop is not 0. On ERR_DIVERGED the best
 * weights so far and failed.txt are written; the last checkpoint stays. */
bool run_step(struct run *r, struct err *e);

/* Writes a checkpoint, unless there is one of this very state; between two calls of
 * run_step. ERR_DIVERGED: it is not worth saving, as run_step will find out, too. */
bool run_save(struct run *r, struct err *e);

void run_close(struct run *r);

/* True if the directory holds a done run of the configuration, as run_open sees it. */
bool run_is_done(const char *dir, const struct config *c);

/* True, and *e says by whom, if another process works in the directory. Takes no lock
 * and leaves *e alone otherwise. Processes of other machines are only seen where the
 * file system tells of their locks. */
bool run_is_held(const char *dir, struct err *e);

/* True if the name that the directory had when it was opened leads somewhere else now, or
 * nowhere: the files of the run are where the directory is. */
bool run_was_moved(const struct run *r);

/* Seconds that the run has taken, those before its checkpoint included. */
double run_wall_s(const struct run *r);

/* The keys of a result that every result.json has, as an object without a newline, and
 * back; other keys are skipped. ERR_CORRUPT names `name`. */
void result_print(const struct result *res, struct text *t);
bool result_parse(
	struct result *res, const char *name, const char *data, size_t len, struct err *e);

/* Writes result.json: those keys, "config", what the results follow from, and
 * "final_returns" (res->final.n_episodes), those of the single episodes. Works in buf (at
 * least CHECKPOINT_BUFFER_MIN bytes). */
bool result_save(const struct result *res, const struct config *c, const double *returns,
	const struct dir *d, char *buf, size_t size, struct err *e);

/* Compares a result that was computed again with what result.json says; results of earlier
 * versions have no single returns. ERR_CORRUPT names the first figure that differs. */
bool result_compare(const struct result *res, const struct dir *d, const struct eval_stats *stats,
	const struct episode *episodes, struct err *e);

/* Reads the result.json of a directory whose configuration is c. It, and the weights that
 * are there, must be of this configuration; for `whole`, both weights files must be there
 * and match the hashes. ERR_CORRUPT names the file and what differs. */
bool result_load(
	struct result *res, const struct dir *d, const struct config *c, bool whole, struct err *e);

#endif
