/* Run directories from outside: found, read, never touched, nothing of them trusted.
 * A run that is being written while it is read shows what it has so far.
 *
 *     records_init(&list);
 *     records_find(&list, path, &e);        // any number of times
 *     records_sort(&list);
 *     list.at[i] ...
 *     table_read(&t, dir, "eval.csv", &e);  // a whole log of one of them
 *     x = table_column(&t, "timesteps");    x[row * t.n_columns]
 *     table_release(&t);
 *     records_release(&list);
 */
#ifndef DQN_RUN_RECORD_H
#define DQN_RUN_RECORD_H

#include "run/run.h"

enum record_state {
	RECORD_DONE,       /* result.json is there */
	RECORD_FAILED,     /* diverged, or result.json cannot be read */
	RECORD_UNFINISHED, /* being written, or cut short */
	N_RECORD_STATES
};

struct record {
	char *dir;
	struct config config;
	enum record_state state;
	struct result result;    /* of a done one */
	int64_t timesteps;       /* of the last row of its logs, 0 before the first */
	double wall_s;           /* at that row; NaN before it */
	double steps_per_s;      /* there */
	double ep_rew_mean;      /* there; NaN where unknown */
	double last_return;      /* of the last evaluation; NaN before it */
	double mean_return;      /* over all evaluations */
	int64_t steps_to_solved; /* record_steps_to config_threshold; -1 if it is NaN */
	double changed_s;        /* when its logs last changed, seconds of the epoch */
	uint64_t device, inode;  /* of the directory */
};

struct records {
	struct record *at;
	size_t n, room;
	size_t n_unreadable;  /* directories that look like runs and are none */
	char unreadable[768]; /* what is wrong with the first of them */
};

void records_init(struct records *list);

/* Adds the run in `path`, or all runs below it; symbolic links below it are not
 * followed. ERR_RUN if it is not there or not a directory, or for memory. */
bool records_find(struct records *list, const char *path, struct err *e);

/* Sorts by directory and drops what was found twice. */
void records_sort(struct records *list);
void records_release(struct records *list);

/* Steps until the first evaluation whose mean return reached the threshold; -1 if
 * none did. */
int64_t record_steps_to(const struct record *r, double threshold);

struct metric { /* one figure of a done run */
	const char *name;
	bool less_is_better;
	int decimals; /* worth printing */
	double (*of)(const struct record *r);
};
extern const struct metric record_metrics[]; /* the first is the default; name NULL ends */

/* The metric of that name. ERR_USAGE suggests another. */
const struct metric *record_metric(const char *name, struct err *e);

struct table { /* a CSV of numbers; a cell without a number is NaN, true 1, false 0 */
	size_t n_rows, n_columns;
	char *header;
	double *cell; /* (n_rows, n_columns) */
};

/* Reads a log of a run. A last line without its end, or a line of another width and
 * all behind it, are left out. */
bool table_read(struct table *t, const char *dir, const char *name, struct err *e);

/* The same from memory; false if there is not enough of it. */
bool table_parse(struct table *t, const char *data, size_t len);

/* The first cell of the column, or NULL. */
const double *table_column(const struct table *t, const char *name);
void table_release(struct table *t);

#endif
