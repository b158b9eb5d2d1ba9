#include "env/mountaincar.h"

#include "base/pmath.h"
#include "env/scene.h"

#include <assert.h>
#include <math.h>

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
	return s->position >= POSITION_MIN && s->position <= POSITION_MAX && s->velocity >= -SPEED_MAX &&
	       s->velocity <= SPEED_MAX && !is_there(s);
}

/* The valley as Gymnasium draws it, and its slope. */
static double height(double x, double *slope)
{
	double sin, cos;
	pm_sincos(3 * x, &sin, &cos);
	*slope = 0.45 * 3 * cos;
	return 0.45 * sin + 0.55;
}

static void mountaincar_draw(const void *state, struct scene *scene)
{
	const struct mountaincar *s = state;
	const int n_pieces = 30;
	const double wheel = 0.06, length = 0.16, mast = 0.22;
	double x = POSITION_MIN, y, slope, next_y = height(x, &slope);
	scene->left = POSITION_MIN - 0.05;
	scene->right = POSITION_MAX + 0.05;
	scene->top = 1.25;
	scene->fps = 30;
	for (int i = 1; i <= n_pieces; i++) {
		const double next = POSITION_MIN + (POSITION_MAX - POSITION_MIN) * i / n_pieces;
		y = next_y;
		next_y = height(next, &slope);
		scene_add(scene, PAINT_GROUND, 0.015, true, x, y, next, next_y);
		x = next;
	}
	y = height(GOAL_POSITION, &slope);
	scene_add(scene, PAINT_BODY, 0.015, false, GOAL_POSITION, y, GOAL_POSITION, y + mast);
	scene_add(
		scene, PAINT_GOAL, 0.07, false, GOAL_POSITION, y + mast - 0.035, GOAL_POSITION + 0.1, y + mast - 0.035);
	/* Along the slope, by half the distance of the wheels; up from it, by their radius. */
	y = height(s->position, &slope);
	const double cos = 1 / sqrt(1 + slope * slope), sin = slope * cos;
	const double dx = cos * length / 2, dy = sin * length / 2;
	const double wheel_x = s->position - sin * wheel / 2, wheel_y = y + cos * wheel / 2;
	const double body_x = s->position - sin * wheel * 1.2, body_y = y + cos * wheel * 1.2;
	scene_add(scene, PAINT_BODY, wheel, false, body_x - dx, body_y - dy, body_x + dx, body_y + dy);
	scene_add_disc(scene, PAINT_LIMB, wheel, wheel_x - dx / 2, wheel_y - dy / 2);
	scene_add_disc(scene, PAINT_LIMB, wheel, wheel_x + dx / 2, wheel_y + dy / 2);
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
	.draw = mountaincar_draw,
	.actions = "left none right",
};
