/* Transitions as CSV: what `dqn eval --steps` prints, and what the key preload reads.
 *
 *     transition_print_header(ops, false, &text);
 *     transition_print(ops, &transition, &text);               // a line each
 *     transitions_read("demo.csv", &reading, &replay, &e);     // a whole file into the buffer
 *
 * The first line names the columns, those of transition_columns, in any order. Cells may be in
 * double quotes.
 *
 * Each other line is a step. It continues the one before, unless that ended the episode, `episode`
 * is another, `step` is not one more, or obs is not the next_obs before it; n-step returns end
 * there.
 *
 * Without next_obs the file is a log: what a step led to is the obs of the step that continues it,
 * or of a line without action, reward and flags, which may follow the last step of an episode. A
 * step that nothing follows is left out unless it terminated, since what it led to is unknown; the
 * step before it then ends the n-step returns.
 */
#ifndef DQN_RUN_TRANSITIONS_H
#define DQN_RUN_TRANSITIONS_H

#include "base/text.h"
#include "env/env.h"
#include "rl/replay.h"

/* In the order in which they are printed; name NULL ends them. A name that ends in '_' is that of a
 * list: obs_0, obs_1 ... */
extern const struct transition_column {
	const char *name, *help; /* help: a clause */
} transition_columns[];

struct transition {
	int64_t episode, step;           /* from 1 */
	const float *obs, *next_obs;     /* (obs_dim) not scaled */
	const uint8_t *mask, *next_mask; /* (n_actions); NULL without masks */
	int action;
	struct step result;
	const float *q; /* (n_actions) of obs; NULL: not printed */
};

/* Bytes that a line may have, the NUL included. */
size_t transition_size(const struct env_ops *ops);

/* The line of names; a line, whose floats read back to the same bits, or the same as a JSON object:
 * lists and true and false, and masks as strings. */
void transition_print_header(const struct env_ops *ops, bool with_q, struct text *t);
void transition_print(const struct env_ops *ops, const struct transition *tr, bool json, struct text *t);

struct transitions_opts {
	const struct env_ops *ops;
	const float *obs_scale; /* (obs_dim) */
	double reward_scale;
	const char *sha256; /* that the file must have; NULL: any */
};

struct transitions_found {
	int64_t n_stored, n_left_out; /* steps */
};

/* Bytes that transitions_read allocates while it reads. */
uint64_t transitions_bytes(const struct env_ops *ops);

/* Pushes the steps of a file into the replay buffer, in order. ERR_CORRUPT names the line, the
 * column, the value and what was expected; ERR_USAGE: they are more than the buffer has slots. The buffer
 * then holds some of them. ERR_RUN where the file has another SHA-256. */
bool transitions_read(int fd, const char *name, const struct transitions_opts *o, struct replay *r,
	struct transitions_found *found, struct err *e);

#endif
