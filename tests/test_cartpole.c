/* CartPole against Gymnasium's own steps, and the wrapper every environment
 * runs in: time limit, scaled observations, no reset of its own. */
#include "env/cartpole.h"

#include "base/pmath.h"

#include "fixtures.h"

#include <signal.h>
#include <stdlib.h>

struct row { /* one line of a golden file; step 0 is the start */
	int episode, step, action;
	double state[4];
	double reward;
	int terminated, truncated;
};

enum { MAX_ROWS = 100000 };

struct trajectories {
	struct row row[MAX_ROWS];
	int n, n_episodes;
};

static bool parse_row(const char *line, struct row *r)
{
	char *p;
	r->episode = (int)strtol(line, &p, 10);
	r->step = (int)strtol(p, &p, 10);
	r->action = (int)strtol(p, &p, 10);
	for (int i = 0; i < 4; i++)
		r->state[i] = strtod(p, &p);
	r->reward = strtod(p, &p);
	r->terminated = (int)strtol(p, &p, 10);
	const char *last = p;
	r->truncated = (int)strtol(p, &p, 10);
	return p != last && *p == '\n';
}

/* The file says how many there are: "# episodes 19 rows 2344". */
static const struct trajectories *load(const char *path)
{
	static struct trajectories t;
	int n_episodes = -1, n_rows = -1;
	t.n = t.n_episodes = 0;
	FILE *f = fopen(path, "r");
	CHECK(f != NULL);
	if (!f)
		return &t;
	char line[1000];
	while (t.n < MAX_ROWS && fgets(line, sizeof(line), f)) {
		if (line[0] == '#') {
			sscanf(line, "# episodes %d rows %d", &n_episodes, &n_rows);
			continue;
		}
		CHECK(parse_row(line, &t.row[t.n]));
		t.n_episodes += t.row[t.n++].step == 0;
	}
	fclose(f);
	CHECK(t.n > 0);
	CHECK_INT(t.n, n_rows);
	CHECK_INT(t.n_episodes, n_episodes);
	return &t;
}

static void set_state(struct env *env, const double state[4])
{
	const struct cartpole s = { state[0], state[1], state[2], state[3] };
	memcpy(env->state.bytes, &s, sizeof(s));
}

static void get_state(const struct env *env, double state[4])
{
	struct cartpole s;
	memcpy(&s, env->state.bytes, sizeof(s));
	state[0] = s.x, state[1] = s.x_dot, state[2] = s.theta, state[3] = s.theta_dot;
}

static void check_steps_one_by_one(const char *path)
{
	const struct trajectories *t = load(path);
	for (int i = 1; i < t->n; i++) {
		const struct row *r = &t->row[i];
		if (r->step == 0)
			continue;
		struct env env;
		float obs[4];
		double got[4];
		env_init(&env, &cartpole_v1, 0, NULL);
		env.elapsed_steps = r->step - 1;
		set_state(&env, t->row[i - 1].state);
		const struct step s = step_env(&env, r->action, obs);
		get_state(&env, got);
		for (int c = 0; c < 4; c++) {
			CHECK_NEAR(got[c], r->state[c], 1e-14);
			CHECK(obs[c] == (float)got[c]);
		}
		CHECK(s.reward == (float)r->reward);
		CHECK_INT(s.terminated, r->terminated);
		CHECK_INT(s.truncated, r->truncated);
		CHECK_INT(env.elapsed_steps, r->step);
	}
}

static void test_every_step_is_gymnasiums_with_libm(void)
{
	check_steps_one_by_one("tests/golden/cartpole.txt");
}

static void test_every_step_is_gymnasiums_with_svml(void)
{
	check_steps_one_by_one("tests/golden/cartpole_avx512.txt");
}

/* CartPoleEnv.step of Gymnasium, line by line; bit for bit, at speeds at which every
 * rounding shows. */
static void test_operations_are_in_gymnasiums_order(void)
{
	const double gravity = 9.8, masscart = 1.0, masspole = 0.1, total_mass = masspole + masscart;
	const double length = 0.5, polemass_length = masspole * length, tau = 0.02;
	struct rng rng;
	rng_init(&rng, 1);
	for (int i = 0; i < 10000; i++) {
		struct env env;
		float obs[4];
		double got[4], state[4], costheta, sintheta;
		for (int c = 0; c < 4; c++)
			state[c] = rng_uniform(&rng, -1, 1) * (c % 2 ? 100 : 0.2);
		const double x_dot = state[1], theta_dot = state[3];
		pm_sincos(state[2], &sintheta, &costheta);
		const double force = i % 2 ? 10.0 : -10.0, square = theta_dot * theta_dot;
		const double temp = (force + polemass_length * square * sintheta) / total_mass;
		const double cos_square = costheta * costheta;
		const double thetaacc = (gravity * sintheta - costheta * temp) /
					(length * (4.0 / 3.0 - masspole * cos_square / total_mass));
		const double xacc = temp - polemass_length * thetaacc * costheta / total_mass;
		const double want[4] = { state[0] + tau * x_dot, x_dot + tau * xacc, state[2] + tau * theta_dot,
			theta_dot + tau * thetaacc };
		env_init(&env, &cartpole_v1, 0, NULL);
		set_state(&env, state);
		step_env(&env, i % 2, obs);
		get_state(&env, got);
		CHECK(memcmp(got, want, sizeof(want)) == 0);
	}
}

/* Replays one whole episode from its first row; returns the row behind it. */
static int replay(const struct trajectories *t, int first)
{
	struct env env;
	float obs[4];
	double got[4];
	env_init(&env, &cartpole_v1, 0, NULL);
	set_state(&env, t->row[first].state);
	int i = first + 1;
	for (; i < t->n && t->row[i].step > 0; i++) {
		const struct step s = step_env(&env, t->row[i].action, obs);
		CHECK_INT(s.terminated, t->row[i].terminated);
		CHECK_INT(s.truncated, t->row[i].truncated);
		get_state(&env, got);
		for (int c = 0; c < 4; c++) /* a last bit grows along an unstable pole */
			CHECK_NEAR(got[c], t->row[i].state[c], 1e-12);
	}
	CHECK(t->row[i - 1].terminated || t->row[i - 1].truncated);
	return i;
}

static void test_short_episodes_end_on_the_same_step(void)
{
	const int max_steps = 50;
	static const char *const paths[] = { "tests/golden/cartpole.txt", "tests/golden/cartpole_avx512.txt" };
	for (int p = 0; p < 2; p++) {
		const struct trajectories *t = load(paths[p]);
		int n_replayed = 0;
		for (int i = 0; i < t->n;) {
			int end = i + 1;
			while (end < t->n && t->row[end].step > 0)
				end++;
			if (end - 1 - i <= max_steps) {
				CHECK_INT(replay(t, i), end);
				n_replayed++;
			}
			i = end;
		}
		CHECK(n_replayed > 0);
	}
}

static void test_both_flags_can_be_set_at_once(void)
{
	static const double at_the_edge[4] = { 2.39, 1, 0, 0 };
	struct env env;
	float obs[4];
	env_init(&env, &cartpole_v1, 0, NULL);
	env.elapsed_steps = 499;
	set_state(&env, at_the_edge);
	const struct step s = step_env(&env, 1, obs);
	CHECK(s.terminated);
	CHECK(s.truncated);
	CHECK(s.reward == 1.0f);
}

/* Keeps the pole up for thousands of steps. */
static int balance(const struct env *env)
{
	double s[4];
	get_state(env, s);
	return s[2] + s[3] + 0.05 * s[0] + 0.1 * s[1] > 0;
}

/* The step on which a balanced episode is truncated. */
static int64_t truncated_after(const struct env_ops *ops, int64_t max_episode_steps)
{
	struct env env;
	float obs[4];
	env_init(&env, ops, max_episode_steps, NULL);
	reset_env(&env, 5, obs);
	struct step s;
	int64_t n = 0;
	do {
		s = step_env(&env, balance(&env), obs);
		CHECK(!s.terminated);
		n++;
	} while (!s.truncated && !s.terminated && n < 5000);
	CHECK_INT(env.elapsed_steps, n);
	return n;
}

static void test_time_limits_are_gymnasiums(void)
{
	CHECK_INT(truncated_after(&cartpole_v1, 0), 500);
	CHECK_INT(truncated_after(&cartpole_v0, 0), 200);
	CHECK_INT(cartpole_v1.max_episode_steps, 500);
	CHECK_INT(cartpole_v0.max_episode_steps, 200);
	CHECK(cartpole_v1.solved_return == 475);
	CHECK(cartpole_v0.solved_return == 195);
}

static void test_max_episode_steps_overrides_the_limit(void)
{
	CHECK_INT(truncated_after(&cartpole_v1, 1), 1);
	CHECK_INT(truncated_after(&cartpole_v1, 3), 3);
	CHECK_INT(truncated_after(&cartpole_v1, 700), 700);
	CHECK_INT(truncated_after(&cartpole_v0, 201), 201);
}

static void test_environments_are_found_by_id(void)
{
	CHECK(env_find("CartPole-v1") == &cartpole_v1);
	CHECK(env_find("CartPole-v0") == &cartpole_v0);
	CHECK(env_find("CartPole") == NULL);
	CHECK(env_find("cartpole-v1") == NULL);
	CHECK(env_find("") == NULL);
	int n = 0;
	for (; env_ids[n]; n++) {
		const struct env_ops *ops = env_find(env_ids[n]);
		CHECK(ops != NULL);
		if (!ops)
			continue;
		CHECK_STR(ops->id, env_ids[n]);
		CHECK(ops->obs_dim <= ENV_MAX_DIM);
		CHECK_INT(ops->obs_dim >= 1, ops->reset != NULL); /* a child declares its own */
		CHECK(ops->state_size <= ENV_MAX_STATE);
	}
	CHECK(n >= 2);
	CHECK_INT(cartpole_v1.obs_dim, 4);
	CHECK_INT(cartpole_v1.n_actions, 2);
	CHECK_INT(cartpole_v1.state_size, sizeof(struct cartpole));
}

/* The uniform columns of a row without a key are Gymnasium's start state. */
static void check_start(uint64_t seed, const double want[4])
{
	struct env env;
	float obs[4];
	double got[4];
	env_init(&env, &cartpole_v1, 0, NULL);
	env.elapsed_steps = 123;
	reset_env(&env, seed, obs);
	get_state(&env, got);
	for (int c = 0; c < 4; c++) {
		CHECK(got[c] == want[c]);
		CHECK(obs[c] == (float)want[c]);
	}
	CHECK_INT(env.elapsed_steps, 0);
	float again[4];
	reset_env(&env, seed, again); /* an episode is a function of its seed */
	CHECK(memcmp(again, obs, sizeof(obs)) == 0);
	reset_env(&env, seed + 1, again);
	CHECK(again[0] != obs[0]);
}

static void test_reset_draws_gymnasiums_start_states(void)
{
	enum { N_RAW = 8, N_DOUBLES = 4 };
	FILE *f = fopen("tests/golden/numpy_rng.txt", "r");
	CHECK(f != NULL);
	if (!f)
		return;
	char line[1000];
	int n = 0;
	while (fgets(line, sizeof(line), f)) {
		char *p;
		const uint64_t seed = strtoull(line, &p, 10);
		if (line[0] == '#' || strncmp(p, " - ", 3) != 0)
			continue;
		p += 3;
		for (int i = 0; i < N_RAW; i++)
			strtoull(p, &p, 10);
		for (int i = 0; i < N_DOUBLES; i++)
			strtod(p, &p);
		double want[4];
		for (int i = 0; i < 4; i++)
			want[i] = strtod(p, &p);
		check_start(seed, want);
		n++;
	}
	fclose(f);
	CHECK(n > 0);
}

static void test_obs_scale_multiplies_what_the_agent_sees(void)
{
	static const float scale[4] = { 2, 0.3f, -1, 1e3f };
	struct env plain, scaled;
	float obs[4], scaled_obs[4];
	env_init(&plain, &cartpole_v1, 0, NULL);
	env_init(&scaled, &cartpole_v1, 0, scale);
	reset_env(&plain, 1, obs);
	reset_env(&scaled, 1, scaled_obs);
	for (int i = 0; i < 5; i++) {
		double a[4], b[4];
		get_state(&plain, a);
		get_state(&scaled, b);
		CHECK(memcmp(a, b, sizeof(a)) == 0);
		for (int c = 0; c < 4; c++) {
			CHECK(obs[c] == (float)a[c]);
			CHECK(scaled_obs[c] == obs[c] * scale[c]);
		}
		step_env(&plain, i & 1, obs);
		step_env(&scaled, i & 1, scaled_obs);
	}
}

static void test_no_reset_of_its_own_after_the_end(void)
{
	struct env env, copy;
	float obs[4], copy_obs[4];
	env_init(&env, &cartpole_v1, 12, NULL);
	reset_env(&env, 1, obs);
	struct step s;
	do
		s = step_env(&env, 1, obs);
	while (!s.terminated);
	CHECK(fabsf(obs[2]) > 0.2094f); /* the successor, not a start */
	for (int i = 0; i < 10; i++) {
		double before[4], after[4];
		copy = env; /* plain data: a copy goes on the same way */
		get_state(&env, before);
		s = step_env(&env, 1, obs);
		step_env(&copy, 1, copy_obs);
		get_state(&env, after);
		CHECK(memcmp(obs, copy_obs, sizeof(obs)) == 0);
		CHECK(fabs(after[0] - (before[0] + 0.02 * before[1])) < 1e-14);
		CHECK(s.terminated);
		CHECK(s.reward == 1.0f);
		CHECK_INT(s.truncated, env.elapsed_steps >= 12);
	}
	CHECK(env.elapsed_steps > 12);
}

static void test_terminates_only_beyond_the_bounds(void)
{
	/* One coast with no speed keeps x and theta as they are. */
	static const struct {
		double x, theta;
		bool terminated;
	} cases[] = {
		{ 2.4, 0, false },
		{ -2.4, 0, false },
		{ 0x1.3333333333334p+1, 0, true },
		{ -0x1.3333333333334p+1, 0, true },
		{ 0, 12 * 2 * 3.141592653589793 / 360, false },
		{ 0, -12 * 2 * 3.141592653589793 / 360, false },
		{ 0, 0.20943951023931956, true },
		{ 0, -0.20943951023931956, true },
		{ 2.5, 0.3, true },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct env env;
		float obs[4];
		env_init(&env, &cartpole_v1, 0, NULL);
		set_state(&env, (const double[4]){ cases[i].x, 0, cases[i].theta, 0 });
		const struct step s = step_env(&env, 0, obs);
		CHECK_INT(s.terminated, cases[i].terminated);
		CHECK(!s.truncated);
	}
}

static void act_through_env(const void *action)
{
	struct env env;
	float obs[4];
	env_init(&env, &cartpole_v1, 0, NULL);
	step_env(&env, *(const int *)action, obs);
}

static void act(const void *action)
{
	struct cartpole state = { 0 };
	float obs[4];
	cartpole_v1.step(&state, NULL, *(const int *)action, obs);
}

static void test_an_action_out_of_range_is_asserted(void)
{
	for (int action = -1; action <= 2; action++) {
		const int want = action == 0 || action == 1 ? 0 : SIGABRT;
		CHECK_INT(signal_of(act_through_env, &action), want);
		CHECK_INT(signal_of(act, &action), want);
	}
}

int main(void)
{
	RUN(test_every_step_is_gymnasiums_with_libm);
	RUN(test_every_step_is_gymnasiums_with_svml);
	RUN(test_operations_are_in_gymnasiums_order);
	RUN(test_short_episodes_end_on_the_same_step);
	RUN(test_both_flags_can_be_set_at_once);
	RUN(test_time_limits_are_gymnasiums);
	RUN(test_max_episode_steps_overrides_the_limit);
	RUN(test_environments_are_found_by_id);
	RUN(test_reset_draws_gymnasiums_start_states);
	RUN(test_obs_scale_multiplies_what_the_agent_sees);
	RUN(test_no_reset_of_its_own_after_the_end);
	RUN(test_terminates_only_beyond_the_bounds);
	RUN(test_an_action_out_of_range_is_asserted);
	return test_end();
}
