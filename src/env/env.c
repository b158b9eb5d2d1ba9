#include "env/env.h"

#include <assert.h>
#include <math.h>
#include <string.h>

const struct env_ops *env_find(const char *id)
{
	for (int i = 0; env_table[i]; i++)
		if (strcmp(env_table[i]->id, id) == 0)
			return env_table[i];
	return NULL;
}

void env_init(struct env *env, const struct env_ops *ops, int64_t max_episode_steps,
	const float *obs_scale)
{
	assert(ops->state_size <= sizeof(env->state) && ops->obs_dim <= ENV_MAX_OBS);
	assert(ops->state_size % sizeof(double) == 0);
	*env = (struct env){ .ops = ops };
	env->max_episode_steps = max_episode_steps > 0 ? max_episode_steps : ops->max_episode_steps;
	for (int i = 0; i < ops->obs_dim; i++)
		env->obs_scale[i] = obs_scale ? obs_scale[i] : 1;
}

static void scale_obs(const struct env *env, float *obs)
{
	for (int i = 0; i < env->ops->obs_dim; i++)
		obs[i] *= env->obs_scale[i];
}

void env_reset(struct env *env, struct rng *rng, float *obs)
{
	env->elapsed_steps = 0;
	env->ops->reset(env->state.bytes, rng, obs);
	scale_obs(env, obs);
}

bool env_restore(struct env *env)
{
	const struct env_ops *ops = env->ops;
	double state[ENV_MAX_STATE / sizeof(double)];
	memcpy(state, env->state.bytes, ops->state_size);
	for (size_t i = 0; i < ops->state_size / sizeof(double); i++)
		if (!isfinite(state[i]))
			return false;
	return env->elapsed_steps >= 0 && env->elapsed_steps < env->max_episode_steps &&
	       (!ops->possible || ops->possible(state));
}

void env_return_range(const struct env_ops *ops, int64_t n_steps, double *low, double *high)
{
	const double l = (float)ops->reward_low,
		     h = (float)ops->reward_high; /* as in struct step */
	*low = l < 0 ? l * (double)n_steps : l;
	*high = h > 0 ? h * (double)n_steps : h;
}

struct step env_step(struct env *env, int action, float *obs)
{
	assert(action >= 0 && action < env->ops->n_actions);
	struct step s = env->ops->step(env->state.bytes, action, obs);
	env->elapsed_steps++;
	/* Like Gymnasium's TimeLimit, whether or not the step terminated. */
	s.truncated = env->elapsed_steps >= env->max_episode_steps;
	scale_obs(env, obs);
	return s;
}
