/* Checkpoints: everything that decides the future of a run, in one safetensors file.
 *
 *     checkpoint_save(dir, name, previous, &train, &marks, buf, size, &e);
 *     train_init(&train, &config, kernels, &e);
 *     checkpoint_load(dir, name, &train, &marks, buf, size, &e);    // goes on from there
 *
 * Networks, moments, counters, generators, the environment in its episode, the
 * replay buffer with its priorities, running statistics, the best weights, an evaluation
 * under way, how long
 * the logs were. One list, visit() in checkpoint.c, serves writing and reading. Every
 * value is a tensor of its own name and a portable type, so that the file goes on on
 * any machine and `dqn inspect` shows it. What follows from other values is not
 * there: schedules from the step, sums of priorities from their leaves, n-step
 * returns from the transitions.
 *
 * __metadata__ has format ("dqn checkpoint"), format_version, timesteps, config (all
 * keys that decide results) and the sha256 of the file.
 *
 * Works in buf (CHECKPOINT_BUFFER_MIN bytes or more) and allocates nothing. The
 * reader trusts nothing: in what it accepts, sizes, indices and counters are in range
 * and the networks finite, so that a run can go on from it.
 */
#ifndef DQN_RUN_CHECKPOINT_H
#define DQN_RUN_CHECKPOINT_H

#include "base/file.h"
#include "run/logs.h"
#include "run/train.h"

#define CHECKPOINT_FORMAT "dqn checkpoint"
#define CHECKPOINT_FORMAT_VERSION "4"
#define CHECKPOINT_BUFFER_MIN 32768 /* the header is never larger */

struct marks {                    /* of a run beside its training */
	int64_t log_size[N_LOGS]; /* bytes */
	double wall_s;            /* since the run began, less the time it stood still */
};

/* Bytes of the file once the replay buffer is full. */
uint64_t checkpoint_max_size(const struct train *t);

/* Writes the file as file_end does; an earlier one stays as `previous`. Nothing that
 * decides the training is changed. */
bool checkpoint_save(const struct dir *d, const char *name, const char *previous, struct train *t,
	const struct marks *marks, char *buf, size_t size, struct err *e);

/* Reads a file into a train of the same configuration. ERR_CORRUPT names the file and
 * what is wrong, ERR_BUSY the keys of another configuration; *t then holds anything
 * and can only be loaded again or released. */
bool checkpoint_load(const struct dir *d, const char *name, struct train *t, struct marks *marks,
	char *buf, size_t size, struct err *e);

/* The same from memory. */
bool checkpoint_parse(const char *name, const void *bytes, size_t len, struct train *t,
	struct marks *marks, char *buf, size_t size, struct err *e);

#endif
