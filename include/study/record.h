/* Run directories, read from outside: nothing in them is changed or trusted. A run that
 * is under way shows what it has so far.
 *
 * A file that cannot be read is counted and named (`left_out`, `damaged`), and its
 * figures have no value. A run that diverged counts as the worst possible one wherever
 * there is a worst value: diverging must not be better than being bad.
 *
 *     records_init(&list);
 *     records_find(&list, path, &e);        // any number of times
 *     records_sort(&list);
 *     list.at[i] ...
 *     record_log(&list.at[i], "eval.csv", "return_mean", true, &t, &e);  // a whole log of it
 *     records_release(&list);
 */
#ifndef DQN_STUDY_RECORD_H
#define DQN_STUDY_RECORD_H

#include "run/rundir.h"
#include "study/csv.h"

#include <signal.h>

enum record_state {
	RECORD_DONE,       /* has a result.json */
	RECORD_FAILED,     /* diverged: has a failed.txt */
	RECORD_UNFINISHED, /* under way, or interrupted */
	RECORD_UNREADABLE, /* has a result.json that cannot be read */
	N_RECORD_STATES,
	RECORD_LEFT_OUT = N_RECORD_STATES /* perhaps no run; only until records_sort */
};

struct record {
	char *dir;
	/* The name of its group where groups have names: so many bytes, which are the caller's or
	 * part of dir. NULL: none. */
	const char *group;
	size_t group_len;
	struct config config;
	enum record_state state;
	struct result result;              /* if done */
	int64_t timesteps;                 /* of the last row of timing.csv; 0 before the first */
	double wall_s;                     /* in that row; NaN before it */
	double ep_rew_mean;                /* in the last row of progress.csv, unless done; NaN: none */
	double mean_return;                /* over all evaluations */
	double q_start, discounted_return; /* of the last evaluation; NaN before it */
	double threshold;                  /* the one asked for, or config_threshold; NaN: none */
	/* Steps until the first evaluation whose mean return reached the threshold. Infinite:
	 * none did. NaN: no threshold, no evaluation, or eval.csv cannot be read. */
	double steps_to_threshold;
	double lowest_return; /* of an episode of any evaluation; NaN before the first */
	/* The return of a run that diverged: the lowest that the environment declares; where
	 * it declares none, or a run had less, the lowest of all runs of the environment. Set
	 * by records_sort. */
	double worst_return;
	bool is_damaged;        /* a file that is needed cannot be read ... */
	char *fault;            /* ... the first such error; NULL if memory is out */
	uint64_t device, inode; /* of the directory; 0 if unknown */
};

struct faults {
	size_t n;
	char first[1600]; /* the first three errors, "...; ...; ...; ..." */
};

void faults_add(struct faults *f, const char *what);

struct records {
	struct record *at;
	size_t n, room;
	double threshold;                  /* of return, for all runs; NaN (records_init): each its own */
	const volatile sig_atomic_t *stop; /* the caller's, or NULL; not 0: records_find fails with ERR_NONE */
	/* Set by records_sort: */
	struct faults left_out; /* directories that cannot be searched, or have no config.ini */
	struct faults damaged;  /* runs of `at` with a file that cannot be read */
};

void records_init(struct records *list);

/* Adds the run in `path`, or all runs below it; symbolic links below it are not
 * followed. ERR_RUN if it is not there or not a directory, or for memory. */
bool records_find(struct records *list, const char *path, struct err *e);

/* Sorts by directory and drops duplicates. */
void records_sort(struct records *list);
void records_release(struct records *list);

/* Reads a log of a run that has the columns `timesteps`, which must not fall, and
 * `column`. Without such a file the table is empty, unless the run is over and it `is_needed`.
 * The caller releases it. */
bool record_log(
	const struct record *r, const char *name, const char *column, bool is_needed, struct csv *t, struct err *e);

enum metric_order { MORE_IS_BETTER, LESS_IS_BETTER, NO_GOAL }; /* NO_GOAL: larger is first, not better */
enum metric_worst { WORST_NONE, WORST_RETURN, WORST_NEVER };

struct metric { /* one figure of a run */
	const char *name;
	enum metric_order order;
	int decimals;            /* worth printing */
	enum metric_worst worst; /* what a run that diverged counts as */
	bool is_value;           /* of discounted, scaled rewards */
};
extern const struct metric record_metrics[]; /* the first is the default; name NULL ends */

/* NaN: it has none, now or ever. Infinite: steps to what was never reached. */
double record_value(const struct record *r, const struct metric *m);

/* The metric of that name, or the default for NULL. ERR_USAGE suggests another. */
const struct metric *record_metric(const char *name, struct err *e);

#endif
