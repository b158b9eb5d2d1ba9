/* Acrobot and MountainCar against Gymnasium's own steps: each row of a golden file is one
 * step from the row before it, so that a last bit does not grow.
 *
 * Besides: starts, ends, rewards and time limits; what a state of an episode can be. */
#include "env/acrobot.h"
#include "env/cartpole.h"
#include "env/mountaincar.h"

#include "fixtures.h"

#include <stdlib.h>

struct golden {
	const char *path;
	const struct env_ops *ops;
	int n_state;
	bool has_obs; /* in the rows, after the state */
};

static const struct golden acrobot = { "tests/golden/acrobot.txt", &acrobot_v1, 4, true };
static const struct golden mountaincar = { "tests/golden/mountaincar.txt", &mountaincar_v0, 2, false };

struct row { /* step 0 is the start */
	int episode, step, action;
	double state[4], obs[6];
	double reward;
	int terminated, truncated;
};

static bool parse_row(const struct golden *g, const char *line, struct row *r)
{
	char *p;
	r->episode = (int)strtol(line, &p, 10);
	r->step = (int)strtol(p, &p, 10);
	r->action = (int)strtol(p, &p, 10);
	for (int i = 0; i < g->n_state; i++)
		r->state[i] = strtod(p, &p);
	for (int i = 0; g->has_obs && i < g->ops->obs_dim; i++)
		r->obs[i] = strtod(p, &p);
	r->reward = strtod(p, &p);
	r->terminated = (int)strtol(p, &p, 10);
	const char *last = p;
	r->truncated = (int)strtol(p, &p, 10);
	return p != last && *p == '\n';
}

/* obs of that state */
static void check_obs(const struct golden *g, const struct row *r, const float *obs)
{
	for (int i = 0; i < g->ops->obs_dim; i++) {
		const double want = g->has_obs ? r->obs[i] : (double)(float)r->state[i];
		CHECK_NEAR(obs[i], want, 1e-6 * (1 + fabs(want)));
	}
}

static void check_step(const struct golden *g, const struct row *before, const struct row *r)
{
	struct env env;
	float obs[6];
	double got[4];
	env_init(&env, g->ops, 0, NULL);
	env.elapsed_steps = r->step - 1;
	memcpy(env.state.bytes, before->state, g->ops->state_size);
	CHECK(env_restore(&env));
	const struct step s = step_env(&env, r->action, obs);
	memcpy(got, env.state.bytes, g->ops->state_size);
	for (int i = 0; i < g->n_state; i++)
		CHECK_NEAR(got[i], r->state[i], 1e-12);
	check_obs(g, r, obs);
	CHECK(s.reward == (float)r->reward);
	CHECK(s.reward >= (float)g->ops->reward_low && s.reward <= (float)g->ops->reward_high);
	CHECK_INT(s.terminated, r->terminated);
	CHECK_INT(s.truncated, r->truncated);
	CHECK_INT(env_restore(&env), !s.terminated && !s.truncated);
}

/* The file says how many rows there are: "# episodes 11 rows 1376". */
static void check_file(const struct golden *g)
{
	CHECK_INT(g->ops->state_size, (size_t)g->n_state * sizeof(double));
	FILE *f = fopen(g->path, "r");
	CHECK(f != NULL);
	if (!f)
		return;
	char line[1000];
	int n_rows = -1, n = 0, n_terminated = 0, n_truncated = 0;
	struct row row[2];
	while (fgets(line, sizeof(line), f)) {
		struct row *r = &row[n % 2];
		if (line[0] == '#') {
			sscanf(line, "# episodes %*d rows %d", &n_rows);
			continue;
		}
		CHECK(parse_row(g, line, r));
		if (r->step > 0)
			check_step(g, &row[(n + 1) % 2], r);
		n_terminated += r->terminated;
		n_truncated += r->truncated;
		n++;
	}
	fclose(f);
	CHECK_INT(n, n_rows);
	CHECK(n_terminated > 0);
	CHECK(n_truncated > 0);
}

static void test_every_step_of_acrobot_is_gymnasiums(void)
{
	check_file(&acrobot);
}

static void test_every_step_of_mountaincar_is_gymnasiums(void)
{
	check_file(&mountaincar);
}

/* numpy.random.default_rng(42).uniform gives these, as env.reset(seed=42) does. */
static void test_starts_are_gymnasiums(void)
{
	struct env env;
	struct rng same;
	float obs[6];
	rng_init(&same, 42);
	env_init(&env, &acrobot_v1, 0, NULL);
	reset_env(&env, 42, obs);
	struct acrobot a;
	memcpy(&a, env.state.bytes, sizeof(a));
	CHECK(a.theta1 == (float)rng_uniform(&same, -0.1, 0.1));
	CHECK(a.theta2 == (float)rng_uniform(&same, -0.1, 0.1));
	CHECK(a.dtheta1 == (float)rng_uniform(&same, -0.1, 0.1));
	CHECK(a.dtheta2 == (float)rng_uniform(&same, -0.1, 0.1));
	CHECK_NEAR(obs[0], cos(a.theta1), 1e-7);
	CHECK_NEAR(obs[3], sin(a.theta2), 1e-7);

	rng_init(&same, 42);
	env_init(&env, &mountaincar_v0, 0, NULL);
	reset_env(&env, 42, obs);
	CHECK(obs[0] == (float)rng_uniform(&same, -0.6, -0.4));
	CHECK(obs[1] == 0);
}

static void test_limits_and_thresholds_are_gymnasiums(void)
{
	CHECK_INT(acrobot_v1.max_episode_steps, 500);
	CHECK_INT(mountaincar_v0.max_episode_steps, 200);
	CHECK(acrobot_v1.solved_return == -100);
	CHECK(mountaincar_v0.solved_return == -110);
	CHECK(env_find("Acrobot-v1") == &acrobot_v1);
	CHECK(env_find("MountainCar-v0") == &mountaincar_v0);
}

/* From speeds near the bounds, which the golden file does not reach. */
static void test_speeds_of_acrobot_are_bounded(void)
{
	const double pi = 3.141592653589793, most[2] = { 4 * pi, 9 * pi };
	int n_low[2] = { 0 }, n_high[2] = { 0 };
	struct rng rng;
	rng_init(&rng, 1);
	for (int i = 0; i < 2000; i++) {
		struct env env;
		float obs[6];
		double state[4];
		for (int k = 0; k < 2; k++) {
			state[k] = rng_uniform(&rng, -pi, pi);
			state[2 + k] = rng_uniform(&rng, 0.8, 1) * (i >> k & 1 ? -1 : 1) * most[k];
		}
		env_init(&env, &acrobot_v1, 0, NULL);
		memcpy(env.state.bytes, state, sizeof(state));
		step_env(&env, 1, obs);
		memcpy(state, env.state.bytes, sizeof(state));
		for (int k = 0; k < 2; k++) {
			CHECK(fabs(state[2 + k]) <= most[k]);
			n_low[k] += state[2 + k] == -most[k];
			n_high[k] += state[2 + k] == most[k];
		}
	}
	for (int k = 0; k < 2; k++)
		CHECK(n_low[k] > 0 && n_high[k] > 0);
}

/* One step of the car, not pushed. */
static struct step coast(double position, double velocity, struct mountaincar *after)
{
	struct env env;
	float obs[6];
	const struct mountaincar s = { position, velocity };
	env_init(&env, &mountaincar_v0, 0, NULL);
	memcpy(env.state.bytes, &s, sizeof(s));
	const struct step step = step_env(&env, 1, obs);
	memcpy(after, env.state.bytes, sizeof(*after));
	return step;
}

static void test_the_car_stops_at_the_wall_and_arrives_at_the_goal(void)
{
	struct mountaincar after;
	CHECK(!coast(-1.19, -0.07, &after).terminated);
	CHECK(after.position == -1.2);
	CHECK(after.velocity == 0);
	CHECK(coast(0.59, 0.07, &after).terminated);
	CHECK(after.position == 0.6);
	CHECK(!coast(0.59, -0.05, &after).terminated); /* beyond it, but on its way back */
	CHECK(coast(0.47, 0.06, &after).reward == -1.0f);
	CHECK(!coast(-0.5, 0.2, &after).terminated);
	CHECK(after.velocity == 0.07);
}

static bool can_be(const struct env_ops *ops, const double *state)
{
	struct env env;
	env_init(&env, ops, 0, NULL);
	memcpy(env.state.bytes, state, ops->state_size);
	return env_restore(&env);
}

static void test_only_a_state_of_an_episode_is_restored(void)
{
	CHECK(can_be(&acrobot_v1, (const double[4]){ 3, -3, 12, -28 }));
	CHECK(!can_be(&acrobot_v1, (const double[4]){ 3.2, 0, 0, 0 }));
	CHECK(!can_be(&acrobot_v1, (const double[4]){ 0, -3.2, 0, 0 }));
	CHECK(!can_be(&acrobot_v1, (const double[4]){ 0, 0, 12.6, 0 }));
	CHECK(!can_be(&acrobot_v1, (const double[4]){ 0, 0, 0, -28.3 }));
	CHECK(!can_be(&acrobot_v1, (const double[4]){ 3.1, 0, 0, 0 })); /* it is up */
	CHECK(can_be(&mountaincar_v0, (const double[2]){ -1.2, 0.07 }));
	CHECK(!can_be(&mountaincar_v0, (const double[2]){ -1.21, 0 }));
	CHECK(!can_be(&mountaincar_v0, (const double[2]){ 0, 0.071 }));
	CHECK(!can_be(&mountaincar_v0, (const double[2]){ 0.5, 0 })); /* it is there */
	CHECK(can_be(&mountaincar_v0, (const double[2]){ 0.5, -0.01 }));
}

/* For mirror_obs: the largest difference between a step of the mirrored state by the mirrored action
 * and the mirrored step, over random episodes. */
static double off_mirror(const struct env_ops *ops, const float *signs)
{
	struct env env, image;
	struct step s = { .terminated = true }, t;
	struct rng rng;
	float obs[6], other[6];
	double off = 0;
	rng_init(&rng, 1);
	env_init(&env, ops, 0, NULL);
	for (int n = 0; n < 3000; n++) {
		if (s.terminated || s.truncated)
			reset_env(&env, rng_u64(&rng), obs);
		const int action = (int)rng_below(&rng, (uint64_t)ops->n_actions);
		double state[ENV_MAX_STATE / sizeof(double)];
		image = env;
		memcpy(state, env.state.bytes, ops->state_size);
		for (size_t i = 0; i < ops->state_size / sizeof(double); i++)
			state[i] = -state[i];
		memcpy(image.state.bytes, state, ops->state_size);
		s = step_env(&env, action, obs);
		t = step_env(&image, ops->n_actions - 1 - action, other);
		for (int i = 0; i < ops->obs_dim; i++)
			off = fmax(off, fabs((double)other[i] - (double)(signs[i] * obs[i])));
		off += s.reward != t.reward || s.terminated != t.terminated || s.truncated != t.truncated;
	}
	return off;
}

static void test_cartpole_and_acrobot_are_their_own_mirror_images(void)
{
	static const float all[6] = { -1, -1, -1, -1 }, acrobots[6] = { 1, -1, 1, -1, -1, -1 };
	CHECK_NEAR(off_mirror(&cartpole_v1, all), 0, 1e-12);
	CHECK_NEAR(off_mirror(&acrobot_v1, acrobots), 0, 1e-5);
	CHECK(off_mirror(&acrobot_v1, all) > 1);
	CHECK(off_mirror(&mountaincar_v0, all) > 1e-3);
}

int main(void)
{
	RUN(test_every_step_of_acrobot_is_gymnasiums);
	RUN(test_every_step_of_mountaincar_is_gymnasiums);
	RUN(test_starts_are_gymnasiums);
	RUN(test_limits_and_thresholds_are_gymnasiums);
	RUN(test_speeds_of_acrobot_are_bounded);
	RUN(test_the_car_stops_at_the_wall_and_arrives_at_the_goal);
	RUN(test_cartpole_and_acrobot_are_their_own_mirror_images);
	RUN(test_only_a_state_of_an_episode_is_restored);
	return test_end();
}
