/* An environment in a child process: a command that answers requests, a line each.
 *
 *     struct process p;                        // or zeroed, if it may never start
 *     if (process_start(&p, &opts, &e) && process_hello(&p, &e)) {
 *             process_send_reset(&p, 0, seed); // p.ops is what it declares
 *             process_send_reset(&p, 1, seed + 1);
 *             if (process_receive(&p, 0, obs[0], mask[0], NULL, &e) &&
 *                     process_receive(&p, 1, obs[1], mask[1], NULL, &e))
 *                     process_send_step(&p, 0, action);
 *             ...
 *     }
 *     process_stop(&p);                        // in every case
 *
 * Requests are queued and written together by the next process_receive. Replies come in the
 * order of the requests, and are received in that order. All memory (1 MiB, touched as far as
 * lines are long) is allocated by process_start and freed by process_stop.
 *
 * Errors: ERR_RUN if the child cannot be started (fork, pipe, memory), else ERR_ENV. One line
 * says what was wrong, quotes it, and ends in what became of the command and in the last that
 * it wrote to its standard error. ERR_NONE: opts.stop ended the wait. After an error every
 * function returns that same error; only process_stop is of use.
 *
 * The command runs in /bin/sh -c, in a process group of its own: Ctrl-C does not reach it. It
 * inherits standard descriptors and whatever dqn itself inherited. A second process, the
 * keeper, waits for the end of dqn: it kills the group if dqn dies without process_stop, of
 * whatever cause. The keeper is a fork: start children before much memory is in use, or
 * what dqn then changes is kept twice. SIGPIPE is ignored from the first start on. Descriptors
 * 0 to 2 must be open.
 */
#ifndef DQN_ENV_PROCESS_H
#define DQN_ENV_PROCESS_H

#include "base/err.h"
#include "env/env.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_LINE_MAX (1 << 20) /* characters of a reply */
#define PROCESS_PENDING_MAX 64     /* requests whose replies were not received yet */

struct process_opts {
	const char *command;               /* the caller's, as long as the process is used */
	double start_timeout_s;            /* from process_start to the end of the child's first line */
	double timeout_s;                  /* for each reply, from its process_receive */
	const volatile sig_atomic_t *stop; /* the caller's, or NULL; not 0: wait 2 s at most, then ERR_NONE */
	/* What the child writes to its standard error, as it comes; NULL: dropped. */
	void (*hear)(void *arg, const char *bytes, size_t n);
	void *arg;
};

struct process_buffers;

struct process {
	/* After process_hello, until process_stop: */
	struct env_ops ops;      /* what the child declares */
	const char *declaration; /* in this line */

	struct process_opts opts;
	pid_t pid, keeper;              /* 0: none; pid is the process group's, too */
	int to, from, errors, lifeline; /* our ends of pipes, or -1 */
	double start_s;
	int64_t n_lines;               /* that the child has written */
	bool failed;                   /* buffers->failure says how */
	bool deaf;                     /* its standard input is closed */
	size_t begin, scanned, end;    /* what was read and not used: buffers->in[begin..end) */
	size_t asked, written, queued; /* buffers->out: the first request without its reply ... */
	struct process_buffers *buffers;
};

/* Starts the command and sends it "hello 1"; does not wait for its answer. */
bool process_start(struct process *p, const struct process_opts *opts, struct err *e);

/* Waits for the child's first line. */
bool process_hello(struct process *p, struct err *e);

/* Queue a request; an error is returned by process_receive. At most one request of an
 * instance, and PROCESS_PENDING_MAX of all, may be without its reply. */
void process_send_reset(struct process *p, int instance, uint64_t seed);
void process_send_step(struct process *p, int instance, int action);

/* The reply to the oldest request, which was of that instance. obs (obs_dim); *s is filled
 * after a step; mask (n_actions) gets 0 or 1 each with has_masks, else it may be NULL. */
bool process_receive(struct process *p, int instance, float *obs, uint8_t *mask, struct step *s, struct err *e);

/* Sends "quit" and closes the child's input. After a second (at once after an error) the
 * group gets SIGTERM, after half a second SIGKILL. Nothing of the group is left. May be
 * called again, and on a zeroed struct. */
void process_stop(struct process *p);

#endif
