/* The directory of a run: where it is, what is in it, whose it is, who works in it.
 *
 *     rundir_open(&d, path, &config, fresh, &result, &e);     // made or found, and locked
 *     if (d.state != RUNDIR_DONE)
 *             ... rundir_check_writable, rundir_remove_run if fresh; write files in d.held
 *     rundir_clean(&d);                                       // once the run is done
 *     rundir_close(&d);
 *
 * run_files lists the files. config.ini is written first and owns the directory, result.json
 * last: it marks the run as done. .lock is empty, and locked while a process works here.
 *
 * A power cut leaves no more damage than a kill, since these wait for the disk:
 *
 *     config.ini, then the directory      before another file is there
 *     logs with new rows, a checkpoint, then the directory
 *                                         before the checkpoint before it goes
 *     logs, both weights files and result.json, all under their .tmp names; then they
 *     are renamed, result.json last, and then the directory
 *                                         before the checkpoints go
 *
 * A name never leads to half a file, as its bytes are on the disk before it is renamed.
 * Journaling file systems bring the renames of one directory to the disk in order, and nothing
 * else is flushed between the last three and the directory. best.safetensors alone, during the
 * run, waits for the next flush of the directory: until then nothing needs it.
 *
 * A directory without config.ini must be empty; one with another configuration is refused.
 * config.ini is that of the process that began the run: keys in which another process may
 * differ change no result.
 *
 * The directory is held open. If it is moved, the run's files move with it. If it, or a file
 * that is being written, is removed or replaced, rundir_check says so.
 */
#ifndef DQN_RUN_RUNDIR_H
#define DQN_RUN_RUNDIR_H

#include "run/config.h"
#include "run/logs.h"
#include "run/result.h"

#define RUN_PATH_SIZE FILE_PATH_SIZE

/* The names of its files. */
#define RUN_CONFIG "config.ini"
#define RUN_INIT_WEIGHTS "init_weights.safetensors"
#define RUN_PROGRESS "progress.csv"
#define RUN_EVAL "eval.csv"
#define RUN_EPISODES "episodes.csv"
#define RUN_TIMING "timing.csv"
#define RUN_BEST "best.safetensors"
#define RUN_FINAL "final.safetensors"
#define RUN_RESULT "result.json"
#define RUN_LOCK ".lock"
#define RUN_CHECKPOINT "checkpoint.safetensors"
#define RUN_PREVIOUS "checkpoint-previous.safetensors"
#define RUN_FAILED "failed.txt"

/* The files that a run writes, in the order in which `fresh` removes them; name NULL ends the list. */
struct run_file {
	const char *name, *help; /* help NULL: a log, run_logs (run/logs.h) explains it */
};
extern const struct run_file run_files[];

enum rundir_state { RUNDIR_NEW, RUNDIR_STARTED, RUNDIR_DONE };

struct rundir {
	char path[RUN_PATH_SIZE]; /* its name when it was opened */
	struct dir held;          /* the directory, wherever it is moved to */
	int lock;                 /* descriptor of .lock, locked unless has_no_locks; or -1 */
	enum rundir_state state;  /* when it was opened */
	bool has_no_locks;        /* its file system: another process would not be noticed */
	char removed[256];        /* names that rundir_remove_run removed, separated by blanks */
};

/* Before the child process of a configuration is started, its declaration is unknown. Takes that
 * of the run in the directory, if there is one: rundir_is_done and rundir_open recognise a run
 * that is done. */
void rundir_recall(const char *path, struct config *c);

/* The same for the key of a file that is not there (run/inputs.h): takes the digest of the run's,
 * if there is one. False if its config.ini cannot be read. */
bool rundir_recall_input(const char *path, const struct option *key, struct config *c, struct err *e);

/* Makes the directory or takes it over, and locks it, unless there is nothing to do in it: a
 * done run of the configuration, whose result goes to *res. `fresh` takes a run of any
 * configuration and calls it new. ERR_BUSY: another process works there, or the directory
 * belongs to something else. On failure nothing is open and no file of a run has changed. */
bool rundir_open(
	struct rundir *d, const char *path, const struct config *c, bool fresh, struct result *res, struct err *e);
void rundir_close(struct rundir *d);

/* Fails if the files of a run cannot be written: a directory stands in the place of one, or
 * permission is missing. */
bool rundir_check_writable(const struct rundir *d, struct err *e);

/* Removes the run, but for config.ini, which the next run replaces, and copies of files that the
 * next run has, too. */
bool rundir_remove_run(struct rundir *d, const struct config *next, struct err *e);

/* Removes temporary files of killed processes and the checkpoints of a done run. */
void rundir_clean(const struct rundir *d);

/* ERR_RUN if the directory or a file that is open was removed or replaced: what is written
 * would be lost. */
bool rundir_check(const struct rundir *d, const struct logs *l, struct err *e);

/* True if its path leads elsewhere by now, or nowhere. */
bool rundir_was_moved(const struct rundir *d);

/* Reads config.ini of a directory that is open. ERR_CORRUPT if it is not dqn's. */
bool rundir_read_config(const struct dir *d, struct config *c, struct err *e);

/* True if the directory holds a done run of the configuration, as rundir_open sees it. */
bool rundir_is_done(const char *path, const struct config *c);

/* True, and *e says by whom, if another process works in the directory. Takes no lock
 * and leaves *e alone otherwise. Processes of other machines are only seen where the
 * file system tells of their locks. */
bool rundir_is_locked(const char *path, struct err *e);

/* Marks that the process has ended and the run is not done, or that a process works on it again: .lock has a byte
 * or none. Only rundir_is_stopped looks at it, so errors are ignored. */
void rundir_mark_stopped(const struct rundir *d, bool is_stopped);
bool rundir_is_stopped(const char *path);

#endif
