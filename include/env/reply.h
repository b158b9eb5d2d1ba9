/* The replies of an environment in a child process, a line each:
 *
 *     obs 0 0.01 -0.02 0.03 0.04                  instance, observation
 *     step 0 -1 0 0 0.01 0.2 -0.03 0.1            instance, reward, terminated, truncated, obs
 *
 * and " mask 1011" at the end if the environment has masks. Single blanks; numbers are decimal
 * and finite; the reward is in its declared range, compared as float; flags are 0 or 1; a mask
 * has a digit for each action, and allows one unless the episode has ended.
 */
#ifndef DQN_ENV_REPLY_H
#define DQN_ENV_REPLY_H

#include "base/err.h"
#include "env/env.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* line[len] is its NUL; step is NULL after a reset. obs (obs_dim); mask (n_actions) gets 0 or 1
 * each with has_masks, else it may be NULL. Errors are ERR_ENV and have no prefix; some of the
 * results may then be set. */
bool reply_parse(const struct env_ops *ops, int instance, const char *line, size_t len, float *obs, uint8_t *mask,
	struct step *step, struct err *e);

#endif
