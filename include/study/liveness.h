/* How a run is doing, seen from outside: above all whether a process works on it.
 *
 *     struct liveness l = { 0 };
 *     run_status_of(&l, &record, time_s)      // any number of times
 *     liveness_release(&l);
 *
 * A working process holds the lock of its run. The lock is visible on the same machine,
 * and elsewhere if the file system passes locks on. Once it was seen held, it decides.
 * A process that ends before its run is done, and is not killed, leaves a mark (rundir_mark_stopped). Otherwise a run
 * is alive if it wrote one of its files within the last 10 seconds, three rows of
 * progress.csv or three checkpoint_intervals, whichever is longest. The factor of three
 * allows for clocks that differ and for caches of file systems. So a process that was
 * killed may count as alive for that long.
 */
#ifndef DQN_STUDY_LIVENESS_H
#define DQN_STUDY_LIVENESS_H

#include "study/record.h"

struct directory_id {
	uint64_t device, inode;
};

struct liveness {
	struct directory_id *held; /* (n) runs whose lock was seen held */
	size_t n, room;
};

enum run_status { /* in the order of dqn watch */
	RUN_IS_RUNNING,
	RUN_IS_STOPPED, /* not done, and no process works on it */
	RUN_IS_FAILED,  /* diverged */
	RUN_IS_UNREADABLE,
	RUN_IS_DONE,
	N_RUN_STATES
};

/* time_s: seconds of the epoch, by the clock of the file system if possible. */
enum run_status run_status_of(struct liveness *l, const struct record *r, double time_s);

/* Seconds since a running run last wrote a file; 0 if it is no longer than usual. */
double run_silence_s(const struct record *r, double time_s);
void liveness_release(struct liveness *l);

/* Steps per second up to the last row of timing.csv; NaN before the first. */
double run_steps_per_s(const struct record *r);

#endif
