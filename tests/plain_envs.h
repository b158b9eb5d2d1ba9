/* Two environments of which only sizes and ranges matter. */
#ifndef DQN_TESTS_PLAIN_ENVS_H
#define DQN_TESTS_PLAIN_ENVS_H

#include "env/env.h"

#include <math.h>

static const struct env_ops plain = {
	.id = "Plain-v0", .obs_dim = 2, .n_actions = 3, .reward_low = -1, .reward_high = 2
};
static const struct env_ops masked = { .id = "Masked-v0",
	.obs_dim = 1,
	.n_actions = 3,
	.reward_low = -(double)INFINITY,
	.reward_high = (double)INFINITY,
	.has_masks = true };
static const float ones[2] = { 1, 1 };

#endif
