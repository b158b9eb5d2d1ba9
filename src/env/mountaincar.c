#include "env/mountaincar.h"

#include "base/pmath.h"

#include <assert.h>

#define POSITION_MIN (-1.2)
#define POSITION_MAX 0.6
#define SPEED_MAX 0.07
#define GOAL_POSITION 0.5

static void observe(const struct mountaincar *s, float *obs)
{
	obs[0] = (float)s->position;
	obs[1] = (float)s->velocity;
}

static void mountaincar_reset(void *state, struct rng *rng, float *obs)
{
	struct mountaincar *s = state;
	s->position = rng_uniform(rng, -0.6, -0.4);
	s->velocity = 0;
	observe(s, obs);
}

static double clip(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

static bool is_there(const struct mountaincar *s)
{
	return s->position >= GOAL_POSITION && s->velocity >= 0;
}

/* In double and in Gymnasium's order of operations. */
static struct step mountaincar_step(void *state, struct rng *rng, int action, float *obs)
{
	(void)rng;
	const double force = 0.001, gravity = 0.0025;
	struct mountaincar *s = state;
	assert(action >= 0 && action <= 2);
	double sin, cos;
	pm_sincos(3 * s->position, &sin, &cos);
	s->velocity += (action - 1) * force + cos * -gravity;
	s->velocity = clip(s->velocity, -SPEED_MAX, SPEED_MAX);
	s->position += s->velocity;
	s->position = clip(s->position, POSITION_MIN, POSITION_MAX);
	if (s->position == POSITION_MIN && s->velocity < 0)
		s->velocity = 0;
	observe(s, obs);
	return (struct step){ .reward = -1, .terminated = is_there(s) };
}

static bool mountaincar_possible(const void *state)
{
	const struct mountaincar *s = state;
	return s->position >= POSITION_MIN && s->position <= POSITION_MAX &&
	       s->velocity >= -SPEED_MAX && s->velocity <= SPEED_MAX && !is_there(s);
}

const struct env_ops mountaincar_v0 = {
	.id = "MountainCar-v0",
	.obs_dim = 2,
	.n_actions = 3,
	.max_episode_steps = 200,
	.solved_return = -110,
	.reward_low = -1,
	.reward_high = -1,
	.obs_high = (const double[]){ 1.2, SPEED_MAX },
	.state_size = sizeof(struct mountaincar),
	.reset = mountaincar_reset,
	.step = mountaincar_step,
	.possible = mountaincar_possible,
};
