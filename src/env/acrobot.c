#include "env/acrobot.h"

#include "base/pmath.h"
#include "env/scene.h"

#include <assert.h>

#define PI 3.141592653589793
#define SPEED1_MAX (4 * PI) /* rad/s */
#define SPEED2_MAX (9 * PI)

static void observe(const struct acrobot *s, float *obs)
{
	double sin1, cos1, sin2, cos2;
	pm_sincos(s->theta1, &sin1, &cos1);
	pm_sincos(s->theta2, &sin2, &cos2);
	obs[0] = (float)cos1;
	obs[1] = (float)sin1;
	obs[2] = (float)cos2;
	obs[3] = (float)sin2;
	obs[4] = (float)s->dtheta1;
	obs[5] = (float)s->dtheta2;
}

static void acrobot_reset(void *state, struct rng *rng, float *obs)
{
	struct acrobot *s = state;
	/* Gymnasium rounds the start to float32. */
	s->theta1 = (float)rng_uniform(rng, -0.1, 0.1);
	s->theta2 = (float)rng_uniform(rng, -0.1, 0.1);
	s->dtheta1 = (float)rng_uniform(rng, -0.1, 0.1);
	s->dtheta2 = (float)rng_uniform(rng, -0.1, 0.1);
	observe(s, obs);
}

static double cosine(double x)
{
	double sin, cos;
	pm_sincos(x, &sin, &cos);
	return cos;
}

/* The derivative of s in time, in Gymnasium's order of operations. */
static struct acrobot derivative(const struct acrobot *s, double torque)
{
	const double m1 = 1, m2 = 1;                /* kg */
	const double l1 = 1, lc1 = 0.5, lc2 = 0.5;  /* m; lc: to the centre of mass */
	const double i1 = 1, i2 = 1, gravity = 9.8; /* kg m^2, m/s^2 */
	const double dtheta1 = s->dtheta1, dtheta2 = s->dtheta2;
	double sin2, cos2;
	pm_sincos(s->theta2, &sin2, &cos2);
	const double d1 = m1 * (lc1 * lc1) + m2 * (l1 * l1 + lc2 * lc2 + 2 * l1 * lc2 * cos2) + i1 + i2;
	const double d2 = m2 * (lc2 * lc2 + l1 * lc2 * cos2) + i2;
	const double phi2 = m2 * lc2 * gravity * cosine(s->theta1 + s->theta2 - PI / 2);
	const double phi1 = -m2 * l1 * lc2 * (dtheta2 * dtheta2) * sin2 - 2 * m2 * l1 * lc2 * dtheta2 * dtheta1 * sin2 +
			    (m1 * lc1 + m2 * l1) * gravity * cosine(s->theta1 - PI / 2) + phi2;
	const double ddtheta2 = (torque + d2 / d1 * phi1 - m2 * l1 * lc2 * (dtheta1 * dtheta1) * sin2 - phi2) /
				(m2 * (lc2 * lc2) + i2 - d2 * d2 / d1);
	const double ddtheta1 = -(d2 * ddtheta2 + phi1) / d1;
	return (struct acrobot){ dtheta1, dtheta2, ddtheta1, ddtheta2 };
}

/* s + h k */
static struct acrobot along(const struct acrobot *s, double h, const struct acrobot *k)
{
	return (struct acrobot){ s->theta1 + h * k->theta1, s->theta2 + h * k->theta2, s->dtheta1 + h * k->dtheta1,
		s->dtheta2 + h * k->dtheta2 };
}

static double wrap(double angle)
{
	while (angle > PI)
		angle -= 2 * PI;
	while (angle < -PI)
		angle += 2 * PI;
	return angle;
}

static double bound(double x, double max)
{
	return x < -max ? -max : x > max ? max : x;
}

static bool is_up(const struct acrobot *s)
{
	return -cosine(s->theta1) - cosine(s->theta2 + s->theta1) > 1;
}

static struct step acrobot_step(void *state, struct rng *rng, int action, float *obs)
{
	(void)rng;
	const double dt = 0.2; /* s */
	struct acrobot *s = state;
	assert(action >= 0 && action <= 2);
	const double torque = action - 1;

	const struct acrobot k1 = derivative(s, torque);
	const struct acrobot s2 = along(s, dt / 2, &k1), k2 = derivative(&s2, torque);
	const struct acrobot s3 = along(s, dt / 2, &k2), k3 = derivative(&s3, torque);
	const struct acrobot s4 = along(s, dt, &k3), k4 = derivative(&s4, torque);
	const struct acrobot sum = { k1.theta1 + 2 * k2.theta1 + 2 * k3.theta1 + k4.theta1,
		k1.theta2 + 2 * k2.theta2 + 2 * k3.theta2 + k4.theta2,
		k1.dtheta1 + 2 * k2.dtheta1 + 2 * k3.dtheta1 + k4.dtheta1,
		k1.dtheta2 + 2 * k2.dtheta2 + 2 * k3.dtheta2 + k4.dtheta2 };
	*s = along(s, dt / 6.0, &sum);
	s->theta1 = wrap(s->theta1);
	s->theta2 = wrap(s->theta2);
	s->dtheta1 = bound(s->dtheta1, SPEED1_MAX);
	s->dtheta2 = bound(s->dtheta2, SPEED2_MAX);
	observe(s, obs);

	const bool terminated = is_up(s);
	return (struct step){ .reward = terminated ? 0 : -1, .terminated = terminated };
}

static bool acrobot_possible(const void *state)
{
	const struct acrobot *s = state;
	return s->theta1 >= -PI && s->theta1 <= PI && s->theta2 >= -PI && s->theta2 <= PI &&
	       s->dtheta1 >= -SPEED1_MAX && s->dtheta1 <= SPEED1_MAX && s->dtheta2 >= -SPEED2_MAX &&
	       s->dtheta2 <= SPEED2_MAX && !is_up(s);
}

static void acrobot_draw(const void *state, struct scene *scene)
{
	const struct acrobot *s = state;
	const double window = 2.2;
	double x1, y1, x2, y2; /* of the ends of both links, each from its beginning, y down */
	pm_sincos(s->theta1, &x1, &y1);
	pm_sincos(s->theta1 + s->theta2, &x2, &y2);
	scene->left = scene->bottom = -window;
	scene->right = scene->top = window;
	scene->fps = 15;
	scene_add(scene, PAINT_GOAL, 0.04, false, -window, 1, window, 1);
	scene_add(scene, PAINT_BODY, 0.16, true, 0, 0, x1, -y1);
	scene_add(scene, PAINT_LIMB, 0.16, true, x1, -y1, x1 + x2, -y1 - y2);
	scene_add_disc(scene, PAINT_JOINT, 0.2, 0, 0);
	scene_add_disc(scene, PAINT_JOINT, 0.2, x1, -y1);
}

const struct env_ops acrobot_v1 = {
	.id = "Acrobot-v1",
	.obs_dim = 6,
	.n_actions = 3,
	.max_episode_steps = 500,
	.solved_return = -100,
	.reward_low = -1,
	.reward_high = 0,
	.obs_high = (const double[]){ 1, 1, 1, 1, 4, 8 }, /* speeds seen in play, not their bounds */
	.state_size = sizeof(struct acrobot),
	.reset = acrobot_reset,
	.step = acrobot_step,
	.possible = acrobot_possible,
	.draw = acrobot_draw,
	.actions = "-1 0 +1",
};
