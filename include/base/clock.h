/* The monotonic clock: for durations, not for dates. */
#ifndef DQN_BASE_CLOCK_H
#define DQN_BASE_CLOCK_H

/* Seconds since some fixed moment. */
double now_s(void);

#endif
