/* Whether a process works on an unfinished run, seen from outside.
 *
 *     struct liveness l = { 0 };
 *     run_is_alive(&l, &record, time_s)      // any number of times
 *     liveness_release(&l);
 *
 * A working process holds the lock of its run. The lock is visible on the same machine,
 * and elsewhere if the file system passes locks on. Once it was seen held, it decides.
 * Until then a run is alive if it wrote one of its files within the last 10 seconds,
 * three rows of progress.csv or three checkpoint_intervals, whichever is longest. The
 * factor of three allows for clocks that differ and for caches of file systems. So a
 * process that was killed may count as alive for that long.
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

/* time_s: seconds of the epoch, by the clock of the file system if possible. */
bool run_is_alive(struct liveness *l, const struct record *r, double time_s);
void liveness_release(struct liveness *l);

/* Steps per second up to the last row of timing.csv; NaN before the first. */
double run_steps_per_s(const struct record *r);

#endif
