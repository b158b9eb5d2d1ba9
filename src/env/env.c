#include "env/env.h"

#include "base/memory.h"
#include "env/process.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct env_ops *env_find(const char *id)
{
	for (int i = 0; env_table[i]; i++)
		if (strcmp(env_table[i]->id, id) == 0)
			return env_table[i];
	return NULL;
}

void env_init(struct env *env, const struct env_ops *ops, int64_t max_episode_steps, const float *obs_scale)
{
	assert(ops->state_size <= sizeof(env->state));
	assert(ops->state_size % sizeof(double) == 0);
	*env = (struct env){ .ops = ops, .obs_scale = obs_scale };
	env->max_episode_steps = max_episode_steps > 0        ? max_episode_steps
				 : ops->max_episode_steps > 0 ? ops->max_episode_steps
							      : INT64_MAX;
}

static void scale_obs(const struct env *env, float *obs)
{
	if (env->raw)
		memcpy(env->raw, obs, (size_t)env->ops->obs_dim * sizeof(float));
	for (int i = 0; env->obs_scale && i < env->ops->obs_dim; i++)
		obs[i] *= env->obs_scale[i];
}

void env_send_reset(struct env *env, uint64_t seed)
{
	assert(env->ops->reset || env->process);
	env->elapsed_steps = 0;
	if (env->process)
		process_send_reset(env->process, env->instance, seed);
	else
		rng_init(&env->rng, seed);
}

bool env_receive_reset(struct env *env, float *obs, uint8_t *mask, struct err *e)
{
	if (!env->process)
		env->ops->reset(env->state.bytes, &env->rng, obs);
	else if (!process_receive(env->process, env->instance, obs, mask, NULL, e))
		return false;
	scale_obs(env, obs);
	return true;
}

void env_send_step(struct env *env, int action)
{
	assert(action >= 0 && action < env->ops->n_actions);
	env->action = action;
	if (env->process)
		process_send_step(env->process, env->instance, action);
}

bool env_receive_step(struct env *env, float *obs, uint8_t *mask, struct step *s, struct err *e)
{
	if (!env->process)
		*s = env->ops->step(env->state.bytes, &env->rng, env->action, obs);
	else if (!process_receive(env->process, env->instance, obs, mask, s, e))
		return false;
	env->elapsed_steps++;
	/* Like Gymnasium's TimeLimit, whether or not the step terminated. */
	s->truncated = s->truncated || env->elapsed_steps >= env->max_episode_steps;
	scale_obs(env, obs);
	return true;
}

bool env_reset(struct env *env, uint64_t seed, float *obs, uint8_t *mask, struct err *e)
{
	env_send_reset(env, seed);
	return env_receive_reset(env, obs, mask, e);
}

bool env_step(struct env *env, int action, float *obs, uint8_t *mask, struct step *s, struct err *e)
{
	env_send_step(env, action);
	return env_receive_step(env, obs, mask, s, e);
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
	const double l = (float)ops->reward_low, h = (float)ops->reward_high; /* as in struct step */
	*low = l < 0 ? l * (double)n_steps : l;
	*high = h > 0 ? h * (double)n_steps : h;
}

/* --- several --- */

static size_t n_side_by_side(const struct env_ops *ops, size_t n_most)
{
	const size_t n = (size_t)ops->n_instances;
	return n > 0 && n < n_most ? n : n_most;
}

uint64_t vec_env_bytes(const struct env_ops *ops, size_t n_most)
{
	/* A multiple of every alignment. */
	const size_t each = sizeof(struct env) + (size_t)ops->obs_dim * sizeof(float) + env_mask_dim(ops);
	return n_side_by_side(ops, n_most) * each;
}

bool vec_env_init(struct vec_env *v, const struct env *env, size_t n_most, struct err *e)
{
	const struct env_ops *ops = env->ops;
	const uint64_t bytes = vec_env_bytes(ops, n_most);
	*v = (struct vec_env){ .n = n_side_by_side(ops, n_most), .proto = *env };
	v->env = memory_zeroed(bytes);
	if (!v->env)
		return err_set(e, ERR_RUN, "out of memory: %zu instances of %s need %llu bytes", v->n, ops->id,
			(unsigned long long)bytes);
	v->obs = (float *)(void *)(v->env + v->n);
	if (ops->has_masks)
		v->mask = (uint8_t *)(v->obs + v->n * (size_t)ops->obs_dim);
	return true;
}

bool vec_env_reset(struct vec_env *v, size_t n, const uint64_t *seed, struct err *e)
{
	assert(n <= v->n);
	for (size_t i = 0; i < n; i++) {
		v->env[i] = v->proto;
		v->env[i].instance = (int)i;
		env_send_reset(&v->env[i], seed[i]);
	}
	for (size_t i = 0; i < n; i++)
		if (!env_receive_reset(&v->env[i], vec_env_obs(v, i), vec_env_mask(v, i), e))
			return false;
	return true;
}

void vec_env_release(struct vec_env *v)
{
	free(v->env);
	*v = (struct vec_env){ 0 };
}
