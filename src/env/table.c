#include "env/cartpole.h"

/* One row for each environment, in the same order. */
const char *const env_ids[] = { "CartPole-v1", "CartPole-v0", NULL };
const struct env_ops *const env_table[] = { &cartpole_v1, &cartpole_v0, NULL };
