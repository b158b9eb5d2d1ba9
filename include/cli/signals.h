/* The signals that ask a run to stop: INT (Ctrl-C), TERM (kill), HUP (a hang-up) and USR1
 * (Slurm's warning before the end of a job).
 *
 *     signals_catch();
 *     ... while (!stop_signal) ...
 *     return 128 + (int)stop_signal;      // as shells do: 130, 143, 129, 138
 *
 * The first signal only sets stop_signal. The second one has its default action, unless it
 * comes at once: timeout(1) sends each twice. A signal that was ignored, as after nohup, stays
 * ignored.
 */
#ifndef DQN_CLI_SIGNALS_H
#define DQN_CLI_SIGNALS_H

#include <signal.h>

/* The first of them that came, or 0. */
extern volatile sig_atomic_t stop_signal;

/* Catches them, and ignores SIGPIPE: a run continues when nobody reads its progress. */
void signals_catch(void);

/* Its name, "SIGINT". */
const char *stop_signal_name(void);

#endif
