/* Whether a process works on an unfinished run, seen from outside, nothing touched.
 *
 *     pulse_init(&p);
 *     pulse_is_felt(&p, &record, now_s)      // as often as it is asked
 *     pulse_release(&p);
 *
 * The lock of the run says it, but only on the machine of the process, and elsewhere
 * where the file system passes locks on. So once a run's lock was seen taken, it
 * decides. Until then a run is alive if it wrote one of its files within 10 seconds,
 * three rows of progress.csv or three checkpoint_intervals, whichever is longest: it
 * is written to more often than that, and what is left is for clocks that differ and
 * for caches of file systems. A process that was killed is believed alive so long.
 */
#ifndef DQN_STUDY_PULSE_H
#define DQN_STUDY_PULSE_H

#include "study/record.h"

struct pulse_id { /* of a directory */
	uint64_t device, inode;
};

struct pulse {
	struct pulse_id *held; /* (n) runs whose lock was ever seen taken, sorted */
	size_t n, room;
};

void pulse_init(struct pulse *p);
void pulse_release(struct pulse *p);

/* now_s is seconds of the epoch, by the clock of the file system if possible. */
bool pulse_is_felt(struct pulse *p, const struct record *r, double now_s);

/* Steps per second up to the last row of the logs; NaN before the first. */
double pulse_steps_per_s(const struct record *r);

#endif
