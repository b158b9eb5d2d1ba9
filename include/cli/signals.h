/* The signals that ask a run to stop: what a terminal, a shell, `kill`, a hang-up and
 * Slurm (USR1, some time before a job is ended) send.
 *
 *     signals_catch();
 *     ... while (!stop_signal) ...
 *     return 128 + (int)stop_signal;      // as the shell has it: 130, 143, 129, 138
 *
 * The first one only sets stop_signal; the second one does what it always does, unless
 * it comes at once: timeout(1) sends each twice. What is ignored, as after nohup, stays
 * ignored.
 */
#ifndef DQN_CLI_SIGNALS_H
#define DQN_CLI_SIGNALS_H

#include <signal.h>

/* The signal that came, or 0. */
extern volatile sig_atomic_t stop_signal;

/* SIGPIPE is ignored from here on, too: a run goes on when nobody reads its progress. */
void signals_catch(void);

/* "SIGINT" of the one that came. */
const char *stop_signal_name(void);

#endif
