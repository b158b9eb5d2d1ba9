/* Evaluation against a naive calculation over the episodes it reports, and those
 * against episodes run here.
 * tests/mutations lists mistakes that this file catches. */
#include "rl/evaluate.h"

#include "fixtures.h"

#include <stdlib.h>

enum { OBS = 4, N = 200, WORK = 300 };

/* Linear policies that balance for a while, Q(right) = theta + 0.3 theta_dot, and that
 * fall sooner or later, Q(right) = theta. */
static const float steady[10] = { 0, 0, 0, 0, 0, 1, 0, 0.3f, 0, 0 };
static const float shaky[10] = { 0, 0, 0, 0, 0, 1, 0, 0, 0, 0 };
static const float *params = steady;

static struct policy some_policy(float work[WORK])
{
	struct policy p = { .k = kernels_find(NULL), .params = params, .work = work };
	p.gamma = 0.9;
	p.reward_scale = 0.5;
	p.net = net_of(OBS, NULL, 0, 2, ACTIVATION_RELU, false);
	CHECK(net_forward_size(&p.net, POLICY_ROWS) <= WORK);
	return p;
}

struct job {
	struct env env;
	struct rng env_rng, explore;
	struct eval_stats stats;
	struct episode episodes[N];
};

static void run(struct job *job, int64_t n, uint64_t seed, double epsilon, int64_t limit)
{
	float work[WORK];
	const struct policy policy = some_policy(work);
	memset(job, 0, sizeof(*job));
	memset(&job->stats, 0xff, sizeof(job->stats)); /* what was there must not count */
	env_init(&job->env, env_find("CartPole-v1"), limit, NULL);
	rng_init(&job->env_rng, seed);
	rng_init_stream(&job->explore, seed, 0);
	struct err e;
	CHECK(evaluate_env(
		&policy, &job->env, &job->env_rng, n, epsilon, &job->explore, &job->stats, job->episodes, NULL, &e));
}

/* The same with loops of our own. */
static void run_naively(struct job *job, int n, uint64_t seed, double epsilon, int64_t limit)
{
	memset(job, 0, sizeof(*job));
	env_init(&job->env, env_find("CartPole-v1"), limit, NULL);
	rng_init(&job->env_rng, seed);
	rng_init_stream(&job->explore, seed, 0);
	for (int i = 0; i < n; i++) {
		float obs[6];
		struct step s = { .reward = 0 };
		struct episode *ep = &job->episodes[i];
		double discount = 0.5;
		reset_env(&job->env, rng_u64(&job->env_rng), obs);
		while (!s.terminated && !s.truncated) {
			float q[2];
			for (int o = 0; o < 2; o++) {
				q[o] = params[8 + o];
				for (int k = 0; k < OBS; k++)
					q[o] = fmaf(obs[k], params[k * 2 + o], q[o]);
			}
			int action = q[1] > q[0];
			if (ep->length == 0)
				ep->q_start = fmaxf(q[0], q[1]);
			if (epsilon > 0 && rng_double(&job->explore) < epsilon)
				action = (int)rng_below(&job->explore, 2);
			s = step_env(&job->env, action, obs);
			ep->episode_return += (double)s.reward;
			ep->discounted_return += discount * (double)s.reward;
			ep->length++;
			discount *= 0.9;
		}
	}
}

static void check_stats(const struct eval_stats *s, const struct episode *e, int n)
{
	double sum = 0, lengths = 0, q = 0, discounted = 0, squares = 0, min = e[0].episode_return, max = min;
	for (int i = 0; i < n; i++) {
		sum += e[i].episode_return;
		lengths += (double)e[i].length;
		q += e[i].q_start;
		discounted += e[i].discounted_return;
		min = fmin(min, e[i].episode_return);
		max = fmax(max, e[i].episode_return);
	}
	for (int i = 0; i < n; i++)
		squares += (e[i].episode_return - sum / n) * (e[i].episode_return - sum / n);
	CHECK_INT(s->n_episodes, n);
	CHECK_NEAR(s->return_mean, sum / n, 1e-12 * fabs(sum / n));
	CHECK_NEAR(s->return_std, sqrt(squares / n), 1e-9);
	CHECK_NEAR(s->return_min, min, 0);
	CHECK_NEAR(s->return_max, max, 0);
	CHECK_NEAR(s->length_mean, lengths / n, 1e-12 * lengths / n);
	CHECK_NEAR(s->q_start, q / n, 1e-12 * fabs(q / n));
	CHECK_NEAR(s->discounted_return, discounted / n, 1e-12 * fabs(discounted / n));
}

static void check_run(int n, uint64_t seed, double epsilon, int64_t limit)
{
	static struct job got, want;
	run(&got, n, seed, epsilon, limit);
	run_naively(&want, n, seed, epsilon, limit);
	for (int i = 0; i < n; i++) {
		CHECK_NEAR(got.episodes[i].episode_return, want.episodes[i].episode_return, 0);
		CHECK_INT(got.episodes[i].length, want.episodes[i].length);
		CHECK_NEAR(got.episodes[i].q_start, want.episodes[i].q_start, 0);
		CHECK_NEAR(got.episodes[i].discounted_return, want.episodes[i].discounted_return, 0);
	}
	CHECK(memcmp(&got.env_rng, &want.env_rng, sizeof(got.env_rng)) == 0);
	CHECK(memcmp(&got.explore, &want.explore, sizeof(got.explore)) == 0);
	check_stats(&got.stats, want.episodes, n);
}

static void test_greedy_episodes(void)
{
	check_run(1, 1, 0, 0);
	check_run(2, 2, 0, 0);
	check_run(50, 3, 0, 0);
	check_run(50, 3, 0, 25); /* all cut by the limit */
}

static void test_greedy_episodes_of_many_lengths(void)
{
	params = shaky;
	check_run(1, 1, 0, 0);
	check_run(POLICY_ROWS, 2, 0, 0);
	check_run(POLICY_ROWS + 1, 3, 0, 45); /* some cut by the limit */
	check_run(N, 4, 0, 0);
	params = steady;
}

static void test_epsilon_greedy_episodes(void)
{
	check_run(N, 4, 0.3, 0);
	check_run(N, 5, 0.3, 40);
	check_run(N, 6, 1, 0);
}

static void test_one_episode_has_no_spread(void)
{
	static struct job job;
	run(&job, 1, 9, 0, 0);
	CHECK_NEAR(job.stats.return_std, 0, 0);
	CHECK_NEAR(job.stats.return_min, job.stats.return_max, 0);
	CHECK_NEAR(job.stats.return_mean, job.stats.return_max, 0);
	CHECK(job.stats.return_mean > 1);
}

/* Random play on CartPole-v1 lasts 22 steps on average. */
static void test_epsilon_1_is_random_play(void)
{
	static struct job job;
	run(&job, N, 7, 1, 0);
	CHECK_NEAR(job.stats.return_mean, 22, 3);
	CHECK(job.stats.return_min >= 8);
	run(&job, N, 7, 0, 0);
	CHECK(job.stats.return_mean > 40);
}

/* Episode i of seed S is that of Gymnasium's env.reset(seed=S+i). */
static void test_seeds_count_upwards(void)
{
	/* env.reset(seed=42) of Gymnasium's CartPole-v1 */
	static const double want[OBS] = { 0.027395604855596334, -0.00611216, 0.03585979, 0.0197368 };
	enum { N_SEEDS = 40 };
	float work[WORK], obs[OBS];
	params = shaky;
	const struct policy policy = some_policy(work);
	params = steady;
	struct env env;
	struct vec_env v;
	struct err e;
	struct eval_stats stats;
	struct episode all[N_SEEDS], one;
	struct episode_seeds seeds = { .next = 42 };
	env_init(&env, env_find("CartPole-v1"), 0, NULL);
	reset_env(&env, 42, obs);
	for (int i = 0; i < OBS; i++)
		CHECK_NEAR(obs[i], want[i], 5e-9);
	CHECK(vec_env_init(&v, &env, POLICY_ROWS, &e));
	CHECK(evaluate(&policy, &v, &seeds, N_SEEDS, 0, NULL, &stats, all, NULL, &e));
	CHECK_INT(seeds.next, 42 + N_SEEDS);
	for (int i = 0; i < N_SEEDS; i++) {
		seeds.next = 42 + (uint64_t)i;
		CHECK(evaluate(&policy, &v, &seeds, 1, 0, NULL, &stats, &one, NULL, &e));
		CHECK_INT(one.length, all[i].length);
	}
	seeds.next = UINT64_MAX; /* wraps */
	CHECK(evaluate(&policy, &v, &seeds, 2, 0, NULL, &stats, all, NULL, &e));
	CHECK_INT(seeds.next, 1);
	vec_env_release(&v);
}

/* An environment that can have fewer instances than there are rows gives the same. */
static void test_instances_change_nothing(void)
{
	float work[WORK];
	params = shaky;
	const struct policy policy = some_policy(work);
	params = steady;
	struct episode want[50] = { { 0 } }, got[50];
	for (int n = 1; n <= 20; n++) {
		struct env_ops ops = *env_find("CartPole-v1");
		struct env env;
		struct vec_env v;
		struct err e;
		struct eval_stats stats;
		struct episode_seeds seeds = { .next = 7 };
		ops.n_instances = n;
		env_init(&env, &ops, 0, NULL);
		CHECK(vec_env_init(&v, &env, POLICY_ROWS, &e));
		CHECK_INT(v.n, n < POLICY_ROWS ? n : POLICY_ROWS);
		CHECK(evaluate(&policy, &v, &seeds, 50, 0, NULL, &stats, got, NULL, &e));
		if (n == 1)
			memcpy(want, got, sizeof(want));
		CHECK(memcmp(want, got, sizeof(want)) == 0);
		vec_env_release(&v);
	}
}

static void test_repeats_and_follows_its_stream(void)
{
	static struct job a, b, c;
	run(&a, 40, 8, 0.5, 0);
	run(&b, 40, 8, 0.5, 0);
	CHECK(memcmp(a.episodes, b.episodes, sizeof(a.episodes)) == 0);
	run(&c, 40, 9, 0.5, 0);
	CHECK(memcmp(a.episodes, c.episodes, sizeof(a.episodes)) != 0);
	/* 15 episodes and then 25 are the same 40. */
	float work[WORK];
	const struct policy policy = some_policy(work);
	struct eval_stats stats;
	struct episode episodes[25];
	run(&c, 15, 8, 0.5, 0);
	CHECK(memcmp(a.episodes, c.episodes, 15 * sizeof(a.episodes[0])) == 0);
	struct err e;
	CHECK(evaluate_env(&policy, &c.env, &c.env_rng, 25, 0.5, &c.explore, &stats, episodes, NULL, &e));
	CHECK(memcmp(a.episodes + 15, episodes, sizeof(episodes)) == 0);
}

static void test_optional_arguments(void)
{
	float work[WORK];
	const struct policy policy = some_policy(work);
	static struct job job;
	struct env env;
	struct rng rng;
	struct eval_stats stats;
	run(&job, 20, 3, 0, 0);
	env_init(&env, env_find("CartPole-v1"), 0, NULL);
	rng_init(&rng, 3);
	memset(&stats, 0xff, sizeof(stats));
	struct err e;
	CHECK(evaluate_env(&policy, &env, &rng, 20, 0, NULL, &stats, NULL, NULL, &e));
	CHECK(memcmp(&stats, &job.stats, sizeof(stats)) == 0);
}

/* Returns below 0, and other than the lengths. */
static void test_negative_returns(void)
{
	enum { N_TOY = 50 };
	static const float right[9] = { 0, 0, 0, 0, 0, 0, 0, 0, 1 };
	float work[WORK];
	struct policy policy = { .k = kernels_find(NULL), .params = right, .work = work };
	struct env env;
	struct rng rng, explore;
	struct eval_stats stats;
	struct episode episodes[N_TOY];
	policy.net = net_of(2, NULL, 0, 3, ACTIVATION_RELU, false);
	env_init(&env, env_find("ToyNegative-v0"), 0, NULL);
	rng_init(&rng, 3);
	rng_init(&explore, 4);
	struct err e;
	CHECK(evaluate_env(&policy, &env, &rng, N_TOY, 0.5, &explore, &stats, episodes, NULL, &e));
	check_stats(&stats, episodes, N_TOY);
	CHECK(stats.return_max < 0 && stats.return_min < stats.return_max);
}

struct heard {
	int64_t n_over; /* at the last call, or -1 */
	bool in_order;
	volatile sig_atomic_t stop;
};

static void hear(void *arg, int64_t n_over, int64_t n_episodes)
{
	struct heard *h = arg;
	const int64_t first = h->n_over < 0 ? 0 : n_over;
	h->in_order = h->in_order && n_over == first && n_over >= h->n_over && n_episodes == N;
	h->n_over = n_over;
	h->stop = n_over >= 20;
}

static void test_a_listener_hears_of_every_end_and_can_stop(void)
{
	float work[WORK];
	params = shaky;
	const struct policy policy = some_policy(work);
	params = steady;
	for (int stops = 0; stops < 2; stops++) {
		struct heard heard = { .n_over = -1, .in_order = true };
		const struct eval_listener listener = {
			.stop = stops ? &heard.stop : NULL, .tell = hear, .arg = &heard
		};
		struct env env;
		struct rng rng;
		struct eval_stats stats;
		env_init(&env, env_find("CartPole-v1"), 0, NULL);
		rng_init(&rng, 3);
		struct err e = { .kind = ERR_RUN };
		CHECK_INT(evaluate_env(&policy, &env, &rng, N, 0, NULL, &stats, NULL, &listener, &e), !stops);
		CHECK_INT(e.kind, stops ? ERR_NONE : ERR_RUN);
		CHECK(heard.in_order);
		CHECK(stops ? heard.n_over >= 20 && heard.n_over < 32 : heard.n_over == N - 1);
	}
}

/* Finite weights may give infinite Q values: no action follows from them. */
static enum err_kind plays(float bias, double epsilon, struct eval_stats *stats)
{
	float work[WORK];
	struct policy policy = some_policy(work);
	static float biased[2000];
	const struct net *net = &policy.net;
	struct env env;
	struct rng rng, explore;
	CHECK(net->n_params <= sizeof(biased) / sizeof(biased[0]));
	for (size_t i = 0; i < net->n_params; i++)
		biased[i] = isnan(bias) ? 3e38f : 0; /* large weights: an overflow */
	if (!isnan(bias))
		biased[net->b[net->n_layers - 1] + 1] = bias;
	policy.params = biased;
	env_init(&env, env_find("CartPole-v1"), 0, NULL);
	rng_init(&rng, 3);
	rng_init(&explore, 4);
	struct err e;
	return evaluate_env(&policy, &env, &rng, 20, epsilon, &explore, stats, NULL, NULL, &e) ? ERR_NONE : e.kind;
}

static void test_q_values_that_are_not_finite_are_divergence(void)
{
	struct eval_stats stats;
	CHECK_INT(plays((float)NAN, 0, &stats), ERR_DIVERGED);
	CHECK_INT(plays((float)INFINITY, 0, &stats), ERR_DIVERGED);
	CHECK_INT(plays(-(float)INFINITY, 0, &stats), ERR_DIVERGED); /* never the maximum */
	CHECK_INT(plays((float)INFINITY, 0.5, &stats), ERR_DIVERGED);
	CHECK_INT(plays(-(float)INFINITY, 0.99, &stats), ERR_DIVERGED);
	CHECK_INT(plays((float)INFINITY, 1, &stats), ERR_NONE); /* no Q value asked for */
	CHECK_INT(plays(3e38f, 0, &stats), ERR_NONE);
	CHECK_INT(stats.n_episodes, 20);
}

int main(void)
{
	RUN(test_greedy_episodes);
	RUN(test_greedy_episodes_of_many_lengths);
	RUN(test_epsilon_greedy_episodes);
	RUN(test_one_episode_has_no_spread);
	RUN(test_epsilon_1_is_random_play);
	RUN(test_seeds_count_upwards);
	RUN(test_instances_change_nothing);
	RUN(test_repeats_and_follows_its_stream);
	RUN(test_optional_arguments);
	RUN(test_negative_returns);
	RUN(test_a_listener_hears_of_every_end_and_can_stop);
	RUN(test_q_values_that_are_not_finite_are_divergence);
	return test_end();
}
