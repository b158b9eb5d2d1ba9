#include "env/declare.h"
#include "env/env.h"

/* A row for each environment: the constant that its file exports, and its id. */
#define ENVIRONMENTS(ROW)                     \
	ROW(cartpole_v1, "CartPole-v1")       \
	ROW(cartpole_v0, "CartPole-v0")       \
	ROW(acrobot_v1, "Acrobot-v1")         \
	ROW(mountaincar_v0, "MountainCar-v0") \
	ROW(process_env, "process")

#define DECLARE(ops, id) extern const struct env_ops ops;
#define ID(ops, id) id,
#define OPS(ops, id) &ops,
ENVIRONMENTS(DECLARE)
const char *const env_ids[] = { ENVIRONMENTS(ID) NULL };
const struct env_ops *const env_table[] = { ENVIRONMENTS(OPS) NULL };
