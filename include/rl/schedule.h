/* Values that change over a run, as functions of the step alone: nothing to
 * save, and the same value wherever a run is continued from.
 */
#ifndef DQN_RL_SCHEDULE_H
#define DQN_RL_SCHEDULE_H

#include <stdint.h>

/* The order is that of the names, which end in NULL. */
enum schedule { SCHEDULE_CONSTANT, SCHEDULE_LINEAR, SCHEDULE_EXPONENTIAL };
extern const char *const schedule_names[];
extern const char *const learning_rate_schedule_names[]; /* no exponential */

/* From `initial` at step 0 to `final` at step `duration`, `final` from then on.
 *   constant     initial, always
 *   linear       initial + (final - initial) * (step / duration)   (SB3 LinearSchedule)
 *   exponential  initial * (final / initial)^(step / duration)   both > 0
 * duration may be 0: then it is `final` at once. */
double schedule_value(enum schedule kind, double initial, double final, int64_t step, double duration);

#endif
