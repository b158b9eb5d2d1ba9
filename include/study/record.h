/* Run directories from outside: found, read, never touched, nothing of them trusted.
 * A run that is being written while it is read shows what it has so far.
 *
 * Nothing is left out in silence: what cannot be read is counted and named in
 * records.left_out and records.damaged, and has no value. A run that diverged has the
 * worst value where one can be named: it must not be better to diverge than to be bad.
 *
 *     records_init(&list);
 *     records_find(&list, path, &e);        // any number of times
 *     records_sort(&list);
 *     list.at[i] ...
 *     table_read(&t, &list.at[i], "eval.csv", "return_mean", &e);  // a whole log of it
 *     x = table_column(&t, "timesteps");    x[row * t.n_columns]
 *     table_release(&t);
 *     records_release(&list);
 */
#ifndef DQN_STUDY_RECORD_H
#define DQN_STUDY_RECORD_H

#include "run/rundir.h"

enum record_state {
	RECORD_DONE,       /* result.json is there */
	RECORD_FAILED,     /* diverged: failed.txt is there */
	RECORD_UNFINISHED, /* being written, or cut short */
	RECORD_UNREADABLE, /* result.json is there, but says nothing */
	N_RECORD_STATES,
	RECORD_LEFT_OUT = N_RECORD_STATES /* not known to be a run; until records_sort */
};

struct record {
	char *dir;
	struct config config;
	enum record_state state;
	struct result result; /* of a done one */
	int64_t timesteps;    /* of the last row of its logs, 0 before the first */
	double wall_s;        /* at that row; NaN before it */
	double steps_per_s;   /* there */
	double ep_rew_mean;   /* there; NaN where unknown */
	double last_return;   /* of the last evaluation; NaN before it */
	double mean_return;   /* over all evaluations */
	double threshold;     /* of return: the one asked for, or config_threshold; or NaN */
	/* Steps until the first evaluation whose mean return reached it. Infinite: none did;
	 * NaN: there is no threshold, no evaluation, or eval.csv cannot be read. */
	double steps_to_threshold;
	double lowest_return; /* of an episode of any evaluation; NaN before the first */
	/* What a return counts as if the run diverged: the lowest that an episode can have,
	 * as the environment declares it; or, where it declares none or that was undercut,
	 * the lowest_return of all runs of the environment. Set by records_sort. */
	double worst_return;
	bool is_damaged;        /* a file that is needed cannot be read ... */
	char *fault;            /* ... as this says of the first; NULL without memory, too */
	double changed_s;       /* when its logs last changed, seconds of the epoch */
	uint64_t device, inode; /* of the directory */
};

struct faults {
	size_t n;
	char first[1600]; /* what is wrong with the first three, "...; ...; ...; ..." */
};

void faults_add(struct faults *f, const char *what);

struct records {
	struct record *at;
	size_t n, room;
	double threshold; /* of return, for all; NaN, as records_init has it: their own */
	/* Filled by records_sort: */
	struct faults left_out; /* directories that are runs, or may have some below them */
	struct faults damaged;  /* runs of `at` with a file that cannot be read */
};

void records_init(struct records *list);

/* Adds the run in `path`, or all runs below it; symbolic links below it are not
 * followed. ERR_RUN if it is not there or not a directory, or for memory. */
bool records_find(struct records *list, const char *path, struct err *e);

/* Sorts by directory, drops what was found twice, and sets what depends on all. */
void records_sort(struct records *list);
void records_release(struct records *list);

struct metric { /* one figure of a run */
	const char *name;
	bool less_is_better;
	int decimals;                            /* worth printing */
	double (*of)(const struct record *r);    /* of a done one; NaN: it has none */
	double (*worst)(const struct record *r); /* of a diverged one; NULL: it has none */
};
extern const struct metric record_metrics[]; /* the first is the default; name NULL ends */

/* NaN: there is none, now or ever. Infinite: steps to what was never reached. */
double record_value(const struct record *r, const struct metric *m);

/* The metric of that name. ERR_USAGE suggests another. */
const struct metric *record_metric(const char *name, struct err *e);

struct table { /* a CSV of numbers; a cell without a number is NaN, true 1, false 0 */
	size_t n_rows, n_columns;
	char *header;
	double *cell; /* (n_rows, n_columns) */
};

/* Reads a log of a run that has at least the columns `timesteps`, which must not fall,
 * and `column`. Of a run under way, what is not there yet is an empty table without a
 * header, and a last line without its end is left out. Anything else that is not a table
 * of numbers is ERR_CORRUPT: a part of a log says nothing about the rest. */
bool table_read(struct table *t, const struct record *r, const char *name, const char *column,
	struct err *e);

/* The same from memory, any columns. ERR_RUN if there is not enough of it. */
bool table_parse(struct table *t, const char *data, size_t len, bool under_way, struct err *e);

/* The first cell of the column, or NULL. */
const double *table_column(const struct table *t, const char *name);
void table_release(struct table *t);

#endif
