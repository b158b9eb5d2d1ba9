/* Checkpoints: everything that decides the future of a run, in one safetensors file.
 *
 *     checkpoint_save(dir, name, previous, &train, &marks, buf, size, &e);
 *     train_init(&train, &config, kernels, &e);
 *     st_open(&st, dir, name, &e) && checkpoint_load(&st, &train, &marks, &e);  // resumes from there
 *
 * Networks, moments, counters, generators, the environment in its episode, the replay
 * buffer with its priorities, running statistics, the best weights, an evaluation under
 * way, the length of each log. Of an environment in a child process: the seed and the
 * actions of the episode under way, from which train_resume replays it, and checksums of
 * what came. One list, visit() in checkpoint.c, serves writing and reading. Every value is
 * a tensor with its own name and a portable type, so that any machine can resume from the
 * file and `dqn inspect` shows it. Values that follow from others are left out: schedules
 * follow from the step, sums of priorities from their leaves, n-step returns from the
 * transitions.
 *
 * __metadata__ has format ("dqn checkpoint"), format_version, timesteps, config (all
 * keys that decide results) and the checksum of the file.
 *
 * Saving works in buf (CHECKPOINT_BUFFER_MIN bytes or more) and allocates nothing. The
 * reader trusts the checksum for the values: it only refuses those that would crash or
 * hang a run, as a file with a forged checksum may have.
 */
#ifndef DQN_RUN_CHECKPOINT_H
#define DQN_RUN_CHECKPOINT_H

#include "base/safetensors.h"
#include "run/logs.h"
#include "run/train.h"

#define CHECKPOINT_FORMAT "dqn checkpoint"
#define CHECKPOINT_FORMAT_VERSION "6"

/* More than the header, with the configuration in it as JSON, and the configuration need. */
#define CHECKPOINT_BUFFER_MIN (3 * CONFIG_TEXT_MAX + 16384)

struct marks {                    /* what a run saves beside its training */
	int64_t log_size[N_LOGS]; /* bytes */
	double wall_s;            /* since the run began, less the time it stood still */
};

/* Bytes of the file once the replay buffer is full. Not reentrant. */
uint64_t checkpoint_max_size(const struct train *t);

/* Writes the file as file_end does; an earlier one stays as `previous`. Nothing that
 * decides the training is changed. */
bool checkpoint_save(const struct dir *d, const char *name, const char *previous, struct train *t,
	const struct marks *marks, char *buf, size_t size, struct err *e);

/* Reads a file that st_open or st_open_bytes has opened into a train of the same configuration, and
 * closes it. ERR_CORRUPT names the file and what is wrong, ERR_BUSY the keys of another configuration;
 * *t then holds anything and can only be loaded again or released. */
bool checkpoint_load(struct st_file *st, struct train *t, struct marks *marks, struct err *e);

#endif
