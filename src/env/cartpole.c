#include "env/cartpole.h"

#include "base/pmath.h"
#include "env/scene.h"

#include <assert.h>

#define X_MAX 2.4                                    /* m */
#define THETA_MAX (12 * 2 * 3.141592653589793 / 360) /* rad, in Gymnasium's order */

static void observe(const struct cartpole *s, float *obs)
{
	obs[0] = (float)s->x;
	obs[1] = (float)s->x_dot;
	obs[2] = (float)s->theta;
	obs[3] = (float)s->theta_dot;
}

static void cartpole_reset(void *state, struct rng *rng, float *obs)
{
	struct cartpole *s = state;
	s->x = rng_uniform(rng, -0.05, 0.05);
	s->x_dot = rng_uniform(rng, -0.05, 0.05);
	s->theta = rng_uniform(rng, -0.05, 0.05);
	s->theta_dot = rng_uniform(rng, -0.05, 0.05);
	observe(s, obs);
}

static bool is_out(const struct cartpole *s)
{
	return (s->x < -X_MAX) | (s->x > X_MAX) | (s->theta < -THETA_MAX) | (s->theta > THETA_MAX);
}

/* In double and in Gymnasium's order of operations. */
static struct step cartpole_step(void *state, struct rng *rng, int action, float *obs)
{
	(void)rng;
	const double gravity = 9.8, masscart = 1.0, masspole = 0.1, total_mass = masspole + masscart;
	const double length = 0.5;                                                      /* half the pole's */
	const double polemass_length = masspole * length, force_mag = 10.0, tau = 0.02; /* s */
	assert(action == 0 || action == 1);
	struct cartpole *s = state;

	/* Branch-free: the branches are unpredictable. */
	const double force = force_mag * (2 * action - 1);
	double sintheta, costheta;
	pm_sincos(s->theta, &sintheta, &costheta);
	const double temp = (force + polemass_length * (s->theta_dot * s->theta_dot) * sintheta) / total_mass;
	const double thetaacc = (gravity * sintheta - costheta * temp) /
				(length * (4.0 / 3.0 - masspole * (costheta * costheta) / total_mass));
	const double xacc = temp - polemass_length * thetaacc * costheta / total_mass;

	s->x += tau * s->x_dot;
	s->x_dot += tau * xacc;
	s->theta += tau * s->theta_dot;
	s->theta_dot += tau * thetaacc;
	observe(s, obs);

	return (struct step){ .reward = 1, .terminated = is_out(s) };
}

static bool cartpole_possible(const void *state)
{
	return !is_out(state);
}

/* Sizes as Gymnasium draws them: the pole from its axle to twice its half length. */
static void cartpole_draw(const void *state, struct scene *scene)
{
	const struct cartpole *s = state;
	const double width = 0.4, height = 0.24, pole = 1.0, axle = 0.18;
	double sin, cos;
	pm_sincos(s->theta, &sin, &cos);
	scene->left = -2.7;
	scene->right = 2.7;
	scene->bottom = -0.15;
	scene->top = 1.3;
	scene->fps = 50;
	scene_add(scene, PAINT_GROUND, 0.02, false, scene->left, 0, scene->right, 0);
	scene_add(scene, PAINT_GROUND, 0.02, false, -X_MAX, 0, -X_MAX, 0.1);
	scene_add(scene, PAINT_GROUND, 0.02, false, X_MAX, 0, X_MAX, 0.1);
	scene_add(scene, PAINT_BODY, height, false, s->x - width / 2, height / 2, s->x + width / 2, height / 2);
	scene_add(scene, PAINT_LIMB, 0.08, true, s->x, axle, s->x + pole * sin, axle + pole * cos);
	scene_add_disc(scene, PAINT_JOINT, 0.08, s->x, axle);
}

#define CARTPOLE(id_, max_episode_steps_, solved_return_)                                                             \
	{                                                                                                             \
		.id = id_, .obs_dim = 4, .n_actions = 2, .max_episode_steps = max_episode_steps_,                     \
		.solved_return = solved_return_, .reward_low = 1, .reward_high = 1,                                   \
		.obs_high = (const double[]){ X_MAX, 3, THETA_MAX, 3 }, .state_size = sizeof(struct cartpole),        \
		.reset = cartpole_reset, .step = cartpole_step, .possible = cartpole_possible, .draw = cartpole_draw, \
		.actions = "left right",                                                                              \
	}

const struct env_ops cartpole_v1 = CARTPOLE("CartPole-v1", 500, 475);
const struct env_ops cartpole_v0 = CARTPOLE("CartPole-v0", 200, 195);
