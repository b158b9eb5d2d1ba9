/* The logs of a run, four CSV files. A column is one row of a table here: the header of the
 * file, its cells, what dqn plot draws and the manual page all come from it. Columns are
 * only ever added at the end: a function of struct train and its row are a new column.
 *
 *     logs_open(&l, dir, sizes, &e);                 // NULL: new ones, with their headers
 *     logs_add(&l, LOG_PROGRESS, &train, &e);
 *     logs_sync(&l, &e);                             // before a checkpoint has l.size
 *     logs_close(&l);
 */
#ifndef DQN_RUN_LOGS_H
#define DQN_RUN_LOGS_H

#include "base/file.h"

#include <stddef.h>
#include <stdint.h>

struct train;

#define LOG_MAX_COLUMNS 32

enum run_log { LOG_PROGRESS, LOG_EVAL, LOG_EPISODES, LOG_TIMING, N_LOGS };

enum log_cell {
	CELL_INT,     /* int64_t or uint64_t, below 2^63 */
	CELL_REAL,    /* double; NaN is an empty cell */
	CELL_BOOL,    /* true or false */
	CELL_SECONDS, /* double, to a microsecond */
	CELL_RATE,    /* double, to a whole number */
};

struct log_column {
	const char *name;
	enum log_cell cell;
	size_t offset;                          /* in the row's struct */
	double (*value)(const struct train *t); /* in place of the offset, in progress.csv; or NULL */
	const char *help;                       /* a clause: unit, of what */
};

struct timing_row {
	int64_t timesteps;
	double wall_s, steps_per_s;
	uint64_t max_rss_kib;
};

struct log {
	const char *name, *help;          /* of the file */
	const struct log_column *columns; /* at most LOG_MAX_COLUMNS; name NULL ends them */
};

/* By enum run_log. The rows are struct train, eval_row, episode_row (run/train.h) and
 * timing_row. */
extern const struct log run_logs[N_LOGS];

struct logs {                   /* of a run, open for writing; zeros are closed ones */
	const struct dir *dir;  /* NULL: closed */
	int fd[N_LOGS];         /* or -1 */
	int64_t size[N_LOGS];   /* bytes written */
	int64_t synced[N_LOGS]; /* bytes that are on the disk; -1: unknown */
	char rows[4096];        /* of episodes.csv: rows_len bytes that are not written yet */
	size_t rows_len;
};

/* Opens all, or none. Files are cut to these sizes, which a checkpoint has, or made anew with
 * their headers (size NULL). ERR_CORRUPT if one is shorter. dir stays the caller's. */
bool logs_open(struct logs *l, const struct dir *dir, const int64_t *size, struct err *e);
void logs_close(struct logs *l);

/* Adds a row. Rows of episodes.csv are written together: when there are enough of them, before
 * the next row of progress.csv, and by logs_flush and logs_sync. */
bool logs_add(struct logs *l, enum run_log log, const void *row, struct err *e);
bool logs_flush(struct logs *l, struct err *e);

/* Writes all rows to the disk; logs_start_sync does not wait until they are there. */
bool logs_start_sync(struct logs *l, struct err *e);
bool logs_sync(struct logs *l, struct err *e);

#endif
