/* The child processes that are an environment: id = process, command = ...
 *
 *     children_start(&ch, &c, N_CHILDREN, &e);
 *     ... ch.process[CHILD_TRAIN], ch.process[CHILD_EVAL]; their declaration
 *     children_stop(&ch);
 */
#ifndef DQN_CLI_CHILDREN_H
#define DQN_CLI_CHILDREN_H

#include "base/text.h"
#include "cli/progress.h"
#include "env/process.h"
#include "run/weights.h"

enum { CHILD_EVAL, CHILD_TRAIN, N_CHILDREN };

struct children {
	struct process process[N_CHILDREN];
	struct progress *progress; /* is taken off the terminal when a child writes there; or NULL */
};

/* Passes on what a child wrote to its standard error. arg: a struct children, or NULL. */
void children_hear(void *arg, const char *bytes, size_t n);

/* Starts the first n of them with the command and the timeouts of c, and waits for their
 * declarations, which must be equal: they become part of the configuration (ERR_BUSY if it has another
 * one). On failure all are stopped. ERR_NONE: a caught signal ended the wait. */
bool children_start(struct children *ch, struct config *c, int n, struct err *e);

/* Seconds of a step of one of n instances side by side, n <= v->n: the median of random play of
 * about a twentieth of a second. Episodes of v that are under way are lost. */
bool children_time_step(struct vec_env *v, size_t n, double *step_s, struct err *e);

/* Writes step_s in microseconds into buf, and returns it: three digits, or all before the point. */
const char *children_us(double step_s, char buf[TEXT_REAL_SIZE]);

/* May be called again, and on a zeroed struct. */
void children_stop(struct children *ch);

/* Weights, and the environment in which they play: load_weights of cli/cli.h. */
struct loaded {
	char name[RUN_PATH_SIZE]; /* of the file */
	struct weights w;
	const struct env_ops *env; /* to play in: that of the weights, or what a child declares */
	struct process *process;   /* that child, or NULL */
	struct children children;
	struct policy policy; /* after load_policy */
};

#endif
