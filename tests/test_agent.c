/* Acting and one update of the agent: hand-computed on networks without hidden
 * layer, and 20 updates against PyTorch.
 * tests/mutations lists mistakes that this file catches. */
#include "rl/agent.h"

#include "golden_dqn.h"

#include <float.h>

static const struct agent_opts plain = { .loss = LOSS_HUBER, .adam_beta1 = 0.9, .adam_beta2 = 0.999, .adam_eps = 1e-8 };

/* --- hand-computed updates --- */

/* Q(s) = s w + b for one input and n actions: a block is w[n], b[n]. */
static void init_linear(struct agent *a, const struct agent_opts *opts, int n_actions, size_t batch_size)
{
	struct net net;
	struct err e = { .msg = "" };
	net = net_of(1, NULL, 0, n_actions, ACTIVATION_RELU, false);
	if (!agent_init(a, opts, &net, kernels_find(NULL), batch_size, &e)) {
		printf("%s\n", e.msg);
		FAIL("agent_init");
		abort();
	}
}

struct row {
	float obs, next_obs, reward, discount;
	int action;
};

static void fill(struct batch *b, const struct row *rows, size_t n)
{
	struct err e;
	CHECK(batch_init(b, n, 1, 0, &e));
	for (size_t i = 0; i < n; i++) {
		b->obs[i] = rows[i].obs;
		b->next_obs[i] = rows[i].next_obs;
		b->reward[i] = rows[i].reward;
		b->discount[i] = rows[i].discount;
		b->action[i] = rows[i].action;
	}
}

static bool learn(struct agent *a, const struct row *rows, size_t n, struct learn_stats *stats)
{
	struct batch b;
	struct err e = { .msg = "" };
	fill(&b, rows, n);
	const bool ok = agent_learn(a, &b, 0.001, stats, &e);
	CHECK(ok || e.kind == ERR_DIVERGED);
	batch_release(&b);
	return ok;
}

static const float online2[] = { 1, 3, 0, -4 }; /* Q(s) = s, 3 s - 4 */
static const float target2[] = { 2, -1, 1, 5 }; /* Q(s) = 2 s + 1, 5 - s */

static void init_two(struct agent *a, const struct agent_opts *opts, size_t batch_size)
{
	init_linear(a, opts, 2, batch_size);
	memcpy(a->online, online2, sizeof(online2));
	memcpy(a->target, target2, sizeof(target2));
}

/* s' = 1: Q_target 3, 4; Q_online 1, -1.  s' = 3: Q_target 7, 2; Q_online 3, 5. */
static const struct row rows3[] = {
	{ .obs = 2, .next_obs = 1, .reward = 0.5f, .discount = 0.5f, .action = 0 },
	{ .obs = 2, .next_obs = 3, .reward = 0.25f, .discount = 0.25f, .action = 1 },
	{ .obs = 4, .next_obs = 3, .reward = -1, .discount = 0, .action = 1 },
};

static void test_targets_of_plain_dqn(void)
{
	struct agent a;
	struct learn_stats stats;
	init_two(&a, &plain, 3);
	CHECK(learn(&a, rows3, 3, &stats));
	CHECK_NEAR(a.target_q[0], 0.5 + 0.5 * 4, 0);
	CHECK_NEAR(a.target_q[1], 0.25 + 0.25 * 7, 0);
	CHECK_NEAR(a.target_q[2], -1, 0);
	CHECK_NEAR(stats.y_mean, (2.5 + 2 - 1) / 3, 1e-15);
	CHECK_NEAR(stats.q_mean, (2 + 2 + 8) / 3., 1e-15);
	static const double d[] = { -0.5, 0, 9 };
	for (int i = 0; i < 3; i++)
		CHECK_NEAR(a.td_error[i], d[i], 0);
	CHECK_NEAR(stats.loss, (0.125 + 0 + 8.5) / 3, 1e-15);
	agent_release(&a);
}

static void test_targets_of_double_dqn(void)
{
	struct agent_opts opts = plain;
	struct agent a;
	struct learn_stats stats;
	opts.double_q = true;
	init_two(&a, &opts, 3);
	CHECK(learn(&a, rows3, 3, &stats));
	CHECK_NEAR(a.target_q[0], 0.5 + 0.5 * 3, 0);   /* action 0 by the online network */
	CHECK_NEAR(a.target_q[1], 0.25 + 0.25 * 2, 0); /* action 1 */
	CHECK_NEAR(a.target_q[2], -1, 0);
	agent_release(&a);
}

static void test_clipped_targets(void)
{
	struct agent_opts opts = plain;
	struct agent a;
	struct learn_stats stats;
	opts.clip_targets = true;
	opts.target_low = -0.75;
	opts.target_high = 2.25;
	init_two(&a, &opts, 3);
	CHECK(learn(&a, rows3, 3, &stats)); /* 2.5, 2, -1 as above */
	CHECK_NEAR(a.target_q[0], 2.25, 0);
	CHECK_NEAR(a.target_q[1], 2, 0);
	CHECK_NEAR(a.target_q[2], -0.75, 0);
	CHECK_NEAR(stats.y_mean, (2.25 + 2 - 0.75) / 3, 1e-15);
	a.target[0] = NAN; /* is no target at a bound */
	CHECK(!learn(&a, rows3, 3, &stats));
	agent_release(&a);
}

/* average = decay * average + (1 - decay) * online, after each update. */
static void test_average_of_the_weights(void)
{
	struct agent_opts opts = plain;
	struct agent a;
	struct learn_stats stats;
	float want[4];
	opts.ema_decay = 0.75;
	init_two(&a, &opts, 3);
	agent_begin(&a);
	CHECK(memcmp(a.average, online2, sizeof(online2)) == 0);
	CHECK(memcmp(a.target, online2, sizeof(online2)) == 0);
	memcpy(want, online2, sizeof(want));
	for (int step = 0; step < 3; step++) {
		CHECK(learn(&a, rows3, 3, &stats));
		for (int i = 0; i < 4; i++) {
			want[i] = 0.25f * a.online[i] + 0.75f * want[i];
			CHECK_NEAR(a.average[i], want[i], 1e-6);
		}
	}
	CHECK(memcmp(a.average, a.online, sizeof(want)) != 0);
	agent_release(&a);

	opts.ema_decay = 0;
	init_two(&a, &opts, 3);
	CHECK(a.average == a.online);
	agent_release(&a);
}

/* The first of equal maxima, by the network that chooses. */
static void test_ties_go_to_the_first_maximum(void)
{
	static const float online[] = { 0, 0, 0, 1, 2, 2 }, target[] = { 0, 0, 0, 5, 6, 7 };
	static const struct row row = { .obs = 1, .next_obs = 1, .discount = 1, .action = 0 };
	struct agent_opts opts = plain;
	struct agent a;
	struct learn_stats stats;
	opts.double_q = true;
	init_linear(&a, &opts, 3, 1);
	memcpy(a.online, online, sizeof(online));
	memcpy(a.target, target, sizeof(target));
	CHECK(learn(&a, &row, 1, &stats));
	CHECK_INT(a.best_action[0], 1);
	CHECK_NEAR(a.target_q[0], 6, 0);
	memcpy(a.online, online, sizeof(online));
	CHECK_INT(policy_act(&a.policy, &row.obs, NULL, 0, NULL, NULL), 1);
	agent_release(&a);
}

static void test_only_the_taken_action_gets_gradient(void)
{
	struct agent_opts opts = plain;
	struct agent a;
	struct learn_stats stats;
	opts.loss = LOSS_MSE;
	init_two(&a, &opts, 3);
	CHECK(learn(&a, rows3, 3, &stats));
	/* d = -0.5, 0, 9; mse's slope is 2 d / 3; grad w[a] = sum of slope s */
	const float want_d[] = { -1.f / 3, 0, 0, 0, 0, 6 };
	for (int i = 0; i < 6; i++)
		CHECK_NEAR(a.d_out[i], want_d[i], 1e-7);
	CHECK_NEAR(a.grad[0], -1. / 3 * 2, 1e-6);
	CHECK_NEAR(a.grad[1], 6 * 4, 1e-6);
	CHECK_NEAR(a.grad[2], -1. / 3, 1e-6);
	CHECK_NEAR(a.grad[3], 6, 1e-6);
	CHECK_NEAR(stats.grad_norm, sqrt(4. / 9 + 576 + 1. / 9 + 36), 1e-5);
	CHECK_NEAR(stats.loss, (0.25 + 81) / 3, 1e-14);

	/* A second update with other actions: nothing is left of the first. */
	memcpy(a.online, online2, sizeof(online2));
	const struct row other = { .obs = 2, .next_obs = 0, .reward = 4, .action = 0 };
	const struct row rows[3] = { other, other, other };
	CHECK(learn(&a, rows, 3, &stats));
	CHECK_NEAR(a.grad[0], -4 * 2, 1e-5);
	CHECK_NEAR(a.grad[1], 0, 0);
	CHECK_NEAR(a.grad[2], -4, 1e-5);
	CHECK_NEAR(a.grad[3], 0, 0);
	agent_release(&a);
}

/* With target = online and s' = s a gradient through y would show. */
static void test_no_gradient_through_the_target(void)
{
	static const struct row row = { .obs = 2, .next_obs = 2, .discount = 0.5f, .action = 0 };
	for (int double_q = 0; double_q < 2; double_q++) {
		struct agent_opts opts = plain;
		struct agent a;
		struct learn_stats stats;
		opts.loss = LOSS_MSE;
		opts.double_q = double_q;
		init_linear(&a, &opts, 2, 1);
		a.online[0] = 3; /* Q(2) = 6, 0; y = 3; d = 3 */
		agent_sync(&a, 1);
		CHECK(learn(&a, &row, 1, &stats));
		CHECK_NEAR(a.target_q[0], 3, 0);
		CHECK_NEAR(a.grad[0], 6 * 2, 0);
		CHECK_NEAR(a.grad[2], 6, 0);
		CHECK_NEAR(a.target[0], 3, 0); /* and the target network stands still */
		CHECK(a.online[0] != 3);
		agent_release(&a);
	}
}

static void test_losses_and_their_slopes(void)
{
	static const struct {
		float d;
		double huber, huber_slope;
	} cases[] = { { 0, 0, 0 }, { 0.5f, 0.125, 0.5 }, { -0.5f, 0.125, -0.5 },
		{ 0.984375f, 0.4844970703125, 0.984375 }, { 1, 0.5, 1 }, { -1, 0.5, -1 }, { 1.015625f, 0.515625, 1 },
		{ -1.015625f, 0.515625, -1 }, { 3, 2.5, 1 }, { -3, 2.5, -1 }, { 1e10f, 1e10 - 0.5, 1 } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct row row = { .obs = 1, .reward = -cases[i].d, .action = 0 };
		const double d = (double)cases[i].d;
		struct agent_opts opts = plain;
		struct agent a;
		struct learn_stats stats;
		init_linear(&a, &opts, 1, 1);
		CHECK(learn(&a, &row, 1, &stats));
		CHECK_NEAR(stats.loss, cases[i].huber, 0);
		CHECK_NEAR(a.d_out[0], cases[i].huber_slope, 0);
		agent_release(&a);
		opts.loss = LOSS_MSE;
		init_linear(&a, &opts, 1, 1);
		CHECK(learn(&a, &row, 1, &stats));
		CHECK_NEAR(stats.loss, d * d, 0);
		CHECK_NEAR(a.d_out[0], 2 * d, 0);
		agent_release(&a);
	}
}

static void test_the_mean_over_the_batch(void)
{
	struct row many[96];
	for (int i = 0; i < 96; i++)
		many[i] = rows3[i % 3];
	for (int loss = LOSS_HUBER; loss <= LOSS_MSE; loss++) {
		struct agent_opts opts = plain;
		struct agent a, b;
		struct learn_stats one, all;
		opts.loss = (enum loss)loss;
		init_two(&a, &opts, 3);
		init_two(&b, &opts, 96);
		CHECK(learn(&a, rows3, 3, &one));
		CHECK(learn(&b, many, 96, &all));
		CHECK_NEAR(one.loss, all.loss, 1e-12);
		CHECK_NEAR(one.q_mean, all.q_mean, 1e-12);
		CHECK_NEAR(one.y_mean, all.y_mean, 1e-12);
		CHECK_NEAR(one.grad_norm, all.grad_norm, 1e-5);
		for (int i = 0; i < 4; i++)
			CHECK_NEAR(a.grad[i], b.grad[i], 1e-5);
		agent_release(&a);
		agent_release(&b);
	}
}

/* Adam's first moment after the first step is (1 - beta1) times the gradient
 * that it was given. */
static void test_clipping(void)
{
	static const double limits[] = { 0, 1e-3, 0.5, 4, 5 - 1e-5, 5, 5 + 1e-5, 100 };
	/* mse, Q = 0, y = -1.5: slope 3 per output; s = 4 / 3: gradient (4, 3), norm 5 */
	const struct row row = { .obs = 4 / 3.f, .reward = -1.5f, .action = 0 };
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct agent_opts opts = plain;
		struct agent a;
		struct learn_stats stats;
		opts.loss = LOSS_MSE;
		opts.max_grad_norm = limits[i];
		init_linear(&a, &opts, 1, 1);
		CHECK(learn(&a, &row, 1, &stats));
		const double coef = limits[i] > 0 ? fmin(1, limits[i] / (5 + 1e-6)) : 1;
		CHECK_NEAR(stats.grad_norm, 5, 1e-6);
		CHECK_NEAR(a.m[0], 0.4 * coef, 1e-7 * coef);
		CHECK_NEAR(a.m[1], 0.3 * coef, 1e-7 * coef);
		agent_release(&a);
	}
}

/* Where 1e-6 counts: a gradient as small as the limit is scaled by a half. */
static void test_clipping_adds_1e_6_to_the_norm(void)
{
	const struct row row = { .obs = 0, .reward = -1e-6f / 2, .action = 0 };
	struct agent_opts opts = plain;
	struct agent a;
	struct learn_stats stats;
	opts.loss = LOSS_MSE;
	opts.max_grad_norm = (double)1e-6f;
	init_linear(&a, &opts, 1, 1);
	CHECK(learn(&a, &row, 1, &stats));
	CHECK_NEAR(stats.grad_norm, 1e-6, 1e-12);
	CHECK_NEAR(a.m[1], 0.5e-7, 1e-13);
	agent_release(&a);
}

/* --- divergence --- */

static void check_diverges(const struct agent_opts *opts, const struct row *row, const char *what)
{
	struct agent a;
	struct batch b;
	struct learn_stats stats;
	struct err e = { .kind = ERR_RUN, .msg = "" };
	init_two(&a, opts, 1);
	CHECK(learn(&a, &rows3[0], 1, &stats)); /* moments that are not 0 */
	float before[5][4];
	float *const blocks[] = { a.online, a.target, a.m, a.v };
	for (int i = 0; i < 4; i++)
		memcpy(before[i], blocks[i], sizeof(before[i]));
	const struct adam adam = a.adam;
	fill(&b, row, 1);
	CHECK(!agent_learn(&a, &b, 0.001, &stats, &e));
	CHECK_INT(e.kind, ERR_DIVERGED);
	CHECK(strstr(e.msg, what) != NULL);
	for (int i = 0; i < 4; i++)
		CHECK(memcmp(before[i], blocks[i], sizeof(before[i])) == 0);
	CHECK(memcmp(&adam, &a.adam, sizeof(adam)) == 0);
	batch_release(&b);
	agent_release(&a);
}

/* The loss of d = -6e38 is finite in double, d itself is not in float. */
static void test_a_td_error_beyond_float_diverges(void)
{
	const struct agent_opts huber = {
		.loss = LOSS_HUBER, .adam_beta1 = 0.9, .adam_beta2 = 0.999, .adam_eps = 1e-8
	};
	struct net net;
	struct agent a;
	struct batch b;
	struct learn_stats stats;
	struct err e = { .msg = "" };
	net = net_of(1, NULL, 0, 1, ACTIVATION_RELU, false);
	CHECK(agent_init(&a, &huber, &net, kernels_find(NULL), 1, &e));
	CHECK(batch_init(&b, 1, 1, 0, &e));
	b.discount[0] = 1;
	a.online[net.b[0]] = -3e38f;
	a.target[net.b[0]] = 3e38f;
	CHECK(!agent_learn(&a, &b, 1e-3, &stats, &e));
	CHECK_INT(e.kind, ERR_DIVERGED);
	agent_release(&a);
	batch_release(&b);
}

static void test_what_is_not_finite_diverges_and_changes_nothing(void)
{
	static const struct row nan_reward = { .reward = NAN }, inf_reward = { .reward = INFINITY },
				nan_obs = { .obs = NAN }, nan_next = { .next_obs = NAN, .discount = 1 },
				inf_obs = { .obs = -INFINITY }, huge = { .reward = -3e38f },
				huge_obs = { .obs = 3e38f };
	struct agent_opts mse = plain;
	mse.loss = LOSS_MSE;
	const struct agent_opts *const opts[] = { &plain, &mse };
	for (int i = 0; i < 2; i++) {
		check_diverges(opts[i], &nan_reward, "loss");
		check_diverges(opts[i], &inf_reward, "loss");
		check_diverges(opts[i], &nan_obs, "loss");
		check_diverges(opts[i], &nan_next, "loss");
		check_diverges(opts[i], &inf_obs, "loss");
	}
	check_diverges(&mse, &huge, "gradient"); /* loss 9e76, slope above FLT_MAX */
	check_diverges(&mse, &huge_obs, "gradient");
}

static void test_one_bad_row_among_good_ones_diverges(void)
{
	struct row rows[3] = { rows3[0], rows3[1], rows3[2] };
	for (int bad = 0; bad < 3; bad++) {
		struct agent a;
		struct learn_stats stats;
		init_two(&a, &plain, 3);
		rows[bad].reward = NAN;
		CHECK(!learn(&a, rows, 3, &stats));
		CHECK(memcmp(a.online, online2, sizeof(online2)) == 0);
		rows[bad] = rows3[bad];
		agent_release(&a);
	}
}

/* --- sync --- */

static void test_sync_copies_or_mixes(void)
{
	enum { N = 5 * 7 + 7 + 7 * 3 + 3 };
	static const double taus[] = { 1, 0.05, 0.3, 0.005, 1 - 1e-5 };
	static const int hidden[] = { 7 };
	for (int i = 0; i < N_ISAS; i++) {
		const struct kernels *k = kernels_find(isas[i]);
		if (!k)
			continue;
		struct net net;
		struct agent a;
		struct err e;
		struct rng rng;
		float online[N], target[N];
		net = net_of(5, hidden, 1, 3, ACTIVATION_RELU, false);
		CHECK_INT(net.n_params, N);
		CHECK(agent_init(&a, &plain, &net, k, 4, &e));
		rng_init(&rng, 1);
		for (size_t t = 0; t < sizeof(taus) / sizeof(taus[0]); t++) {
			for (int p = 0; p < N; p++) {
				online[p] = a.online[p] = (float)rng_uniform(&rng, -1, 1);
				target[p] = a.target[p] = (float)rng_uniform(&rng, -1, 1);
			}
			agent_sync(&a, taus[t]);
			const float tau = (float)taus[t];
			for (int p = 0; p < N; p++) {
				const float want =
					taus[t] == 1 ? online[p] : fmaf(tau, online[p], (1 - tau) * target[p]);
				CHECK(a.target[p] == want);
				CHECK(a.online[p] == online[p]);
				CHECK(a.grad[p] == 0 && a.m[p] == 0 && a.v[p] == 0);
			}
		}
		agent_release(&a);
	}
}

/* --- memory --- */

static void test_memory(void)
{
	static const int hidden[] = { 6, 5 };
	struct net net;
	struct agent a;
	struct err e = { .msg = "" };
	net = net_of(4, hidden, 2, 3, ACTIVATION_TANH, false);
	CHECK(agent_init(&a, &plain, &net, kernels_find(NULL), 8, &e));
	const size_t n = net.n_params;
	float *const blocks[] = { a.online, a.target, a.grad, a.m, a.v, a.d_out, a.target_q, a.work, a.policy.work,
		a.td_error };
	const size_t size[] = { n, n, n, n, n, 8 * 3, 8, net_work_size(&net, 8), net_forward_size(&net, POLICY_ROWS),
		8 };
	uint64_t bytes = 8 * sizeof(int32_t);
	for (int b = 0; b < 10; b++) {
		for (size_t i = 0; i < size[b]; i++) {
			CHECK(blocks[b][i] == 0);
			blocks[b][i] = (float)(b + 1);
		}
		bytes += size[b] * sizeof(float);
	}
	for (int i = 0; i < 8; i++)
		a.best_action[i] = -1;
	for (int b = 0; b < 10; b++)
		for (size_t i = 0; i < size[b]; i++)
			CHECK(blocks[b][i] == (float)(b + 1));
	/* seven of them rounded up to whole cache lines */
	CHECK(agent_bytes(&net, 8, 0) >= bytes && agent_bytes(&net, 8, 0) < bytes + 7 * 64);
	CHECK(a.policy.params == a.online);
	agent_release(&a);
	CHECK(a.memory == NULL && a.online == NULL);
}

static void test_out_of_memory_is_an_ordinary_error(void)
{
	static const size_t sizes[] = { SIZE_MAX, SIZE_MAX / 8, SIZE_MAX / 1000, SIZE_MAX / 100000 };
	static const int hidden[] = { 4096 };
	struct net net;
	struct err e;
	net = net_of(4, hidden, 1, 2, ACTIVATION_RELU, false);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct agent a;
		e = (struct err){ .msg = "" };
		CHECK(!agent_init(&a, &plain, &net, kernels_find(NULL), sizes[i], &e));
		CHECK_INT(e.kind, ERR_RUN);
		CHECK(strstr(e.msg, "out of memory") != NULL);
	}
	CHECK(agent_bytes(&net, SIZE_MAX, 0) == UINT64_MAX);
}

/* --- acting --- */

static const float q3[] = { 0, 0, 0, 1, 5, 2 }; /* Q = 1, 5, 2 everywhere */

static void test_acts_epsilon_greedily_with_the_documented_draws(void)
{
	enum { N = 100000 };
	static const double epsilons[] = { 0, 0.02, 0.3, 0.7, 1 };
	struct agent a;
	const float obs = 7;
	init_linear(&a, &plain, 3, 1);
	memcpy(a.online, q3, sizeof(q3));
	for (size_t i = 0; i < sizeof(epsilons) / sizeof(epsilons[0]); i++) {
		const double epsilon = epsilons[i];
		struct rng rng, copy;
		int n[3] = { 0 };
		bool as_restated = true;
		rng_init(&rng, 5 + i);
		copy = rng;
		for (int t = 0; t < N; t++) {
			const float *q = &obs;
			const int action = policy_act(&a.policy, &obs, NULL, epsilon, &rng, &q);
			const bool random = epsilon > 0 && rng_double(&copy) < epsilon;
			const int want = random ? (int)rng_below(&copy, 3) : 1;
			as_restated &= action == want;
			as_restated &= random ? q == NULL : q && q[0] == 1 && q[1] == 5 && q[2] == 2;
			n[action]++;
		}
		CHECK(as_restated);
		CHECK(memcmp(&rng, &copy, sizeof(rng)) == 0);
		const double p = 1 - epsilon + epsilon / 3;
		CHECK_NEAR(n[1] / (double)N, p, 5 * sqrt(p * (1 - p) / N));
		CHECK_NEAR(n[0] / (double)N, epsilon / 3, 5 * sqrt(0.25 / N));
		CHECK_NEAR(n[2] / (double)N, epsilon / 3, 5 * sqrt(0.25 / N));
	}
	agent_release(&a);
}

static void test_a_draw_equal_to_epsilon_is_greedy(void)
{
	struct agent a;
	const float obs = 7;
	init_linear(&a, &plain, 3, 1);
	memcpy(a.online, q3, sizeof(q3));
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct rng rng;
		const float *q;
		rng_init(&rng, seed);
		struct rng copy = rng;
		const double u = rng_double(&copy);
		copy = rng;
		policy_act(&a.policy, &obs, NULL, u, &copy, &q);
		CHECK(q != NULL);
		copy = rng;
		policy_act(&a.policy, &obs, NULL, nextafter(u, 2), &copy, &q);
		CHECK(q == NULL);
	}
	agent_release(&a);
}

static void test_one_value_that_is_not_finite_is_enough(void)
{
	for (int bad = 0; bad < 3; bad++) {
		float q[] = { 1, -FLT_MAX, 0 };
		CHECK(policy_is_finite(q, 3));
		q[bad] = bad == 1 ? -INFINITY : NAN;
		CHECK(!policy_is_finite(q, 3));
		CHECK(policy_is_finite(q, (size_t)bad));
	}
}

static void test_epsilon_0_draws_nothing(void)
{
	struct agent a;
	struct rng rng, before;
	const float obs = 7;
	init_linear(&a, &plain, 3, 1);
	memcpy(a.online, q3, sizeof(q3));
	rng_init(&rng, 1);
	before = rng;
	CHECK_INT(policy_act(&a.policy, &obs, NULL, 0, &rng, NULL), 1);
	CHECK(memcmp(&rng, &before, sizeof(rng)) == 0);
	CHECK_INT(policy_act(&a.policy, &obs, NULL, 0, NULL, NULL), 1);
	agent_release(&a);
}

static void test_values_stay_while_the_agent_learns(void)
{
	struct agent a;
	struct learn_stats stats;
	const float obs = 7, *q;
	init_two(&a, &plain, 3);
	policy_act(&a.policy, &obs, NULL, 0, NULL, &q);
	CHECK_NEAR(q[0], 7, 0);
	CHECK_NEAR(q[1], 17, 0);
	CHECK(learn(&a, rows3, 3, &stats));
	CHECK_NEAR(q[0], 7, 0);
	CHECK_NEAR(q[1], 17, 0);
	/* It acts with the weights as they are now, not with the target's. */
	memcpy(a.online, target2, sizeof(target2));
	CHECK_INT(policy_act(&a.policy, &obs, NULL, 0, NULL, &q), 0);
	CHECK_NEAR(q[0], 15, 0);
	agent_release(&a);
}

/* --- action masks --- */

static void random_mask(struct rng *rng, size_t n, uint8_t *mask)
{
	for (size_t i = 0; i < n; i++)
		mask[i] = (uint8_t)rng_below(rng, 2);
}

/* The naive reference: all the actions that a mask allows, in order; how many there are. */
static int allowed(const uint8_t *mask, int n, int *actions)
{
	int n_allowed = 0;
	for (int pass = 0; pass < 2 && n_allowed == 0; pass++)
		for (int i = 0; i < n; i++)
			if (pass == 1 || (mask && mask[i] == 1))
				actions[n_allowed++] = i;
	return n_allowed;
}

static int naive_argmax(const float *q, const uint8_t *mask, int n)
{
	int actions[64];
	const int n_allowed = allowed(mask, n, actions);
	int best = actions[0];
	for (int i = 0; i < n_allowed; i++)
		best = q[actions[i]] > q[best] ? actions[i] : best;
	return best;
}

static void test_argmax_among_the_allowed(void)
{
	static const float q[] = { 1, 3, -INFINITY, 3 };
	CHECK_INT(policy_argmax(q, NULL, 4), 1);
	CHECK_INT(policy_argmax(q, (const uint8_t[]){ 1, 1, 1, 1 }, 4), 1);
	CHECK_INT(policy_argmax(q, (const uint8_t[]){ 0, 0, 0, 0 }, 4), 1);
	CHECK_INT(policy_argmax(q, (const uint8_t[]){ 1, 0, 1, 1 }, 4), 3);
	CHECK_INT(policy_argmax(q, (const uint8_t[]){ 1, 0, 1, 0 }, 4), 0);
	CHECK_INT(policy_argmax(q, (const uint8_t[]){ 0, 0, 1, 0 }, 4), 2);
	CHECK_INT(policy_argmax((const float[]){ 5 }, (const uint8_t[]){ 0 }, 1), 0);
	CHECK_INT(policy_argmax((const float[]){ NAN, NAN }, (const uint8_t[]){ 0, 1 }, 2), 1);
}

/* Q = bias for each of 9 actions, with ties. */
static void init_tied(struct agent *a, struct rng *rng, size_t batch_size)
{
	init_linear(a, &plain, 9, batch_size);
	for (size_t i = 0; i < 9; i++) {
		a->online[i] = (float)rng_below(rng, 3);
		a->online[9 + i] = (float)rng_below(rng, 3);
	}
}

static void test_acts_among_the_allowed_with_the_documented_draws(void)
{
	static const double epsilons[] = { 0, 0.3, 1 };
	struct agent a;
	struct rng rng, copy;
	rng_init(&rng, 3);
	init_tied(&a, &rng, 1);
	copy = rng;
	int n_wrong = 0, n_single = 0, n_none = 0;
	for (int t = 0; t < 30000; t++) {
		const double epsilon = epsilons[t % 3];
		const float obs = (float)(t % 7 - 3), *q = NULL;
		uint8_t mask[9];
		int actions[9], want;
		random_mask(&rng, 9, mask);
		random_mask(&copy, 9, mask);
		if (t % 10 == 0)
			memset(mask, 0, 9);
		const int action = policy_act(&a.policy, &obs, mask, epsilon, &rng, &q);
		const int n = allowed(mask, 9, actions);
		if (epsilon > 0 && rng_double(&copy) < epsilon) {
			want = actions[rng_below(&copy, (uint64_t)n)];
			n_wrong += q != NULL;
		} else {
			float values[9];
			for (int i = 0; i < 9; i++)
				values[i] = fmaf(obs, a.online[i], a.online[9 + i]);
			want = naive_argmax(values, mask, 9);
			n_wrong += !q || memcmp(q, values, sizeof(values)) != 0;
		}
		n_wrong += action != want;
		n_single += n == 1;
		n_none += n == 9;
	}
	CHECK_INT(n_wrong, 0);
	CHECK(n_single > 100 && n_none > 2000);
	CHECK(memcmp(&rng, &copy, sizeof(rng)) == 0);
	agent_release(&a);
}

static void test_random_actions_are_uniform_over_the_allowed(void)
{
	enum { N = 100000 };
	static const uint8_t masks[][6] = { { 0, 1, 0, 0, 1, 1 }, { 1, 0, 0, 0, 0, 1 }, { 0, 0, 0, 1, 0, 0 },
		{ 1, 1, 1, 1, 1, 1 }, { 0, 0, 0, 0, 0, 0 } };
	struct agent a;
	struct rng rng;
	const float obs = 7;
	init_linear(&a, &plain, 6, 1);
	rng_init(&rng, 8);
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		int n[6] = { 0 }, actions[6];
		const int n_allowed = allowed(masks[i], 6, actions);
		const double p = 1. / n_allowed;
		for (int t = 0; t < N; t++)
			n[policy_act(&a.policy, &obs, masks[i], 1, &rng, NULL)]++;
		for (int k = 0; k < n_allowed; k++) {
			CHECK_NEAR(n[actions[k]] / (double)N, p, 5 * sqrt(p * (1 - p) / N));
			n[actions[k]] = 0;
		}
		for (int k = 0; k < 6; k++)
			CHECK_INT(n[k], 0);
	}
	agent_release(&a);
}

/* P(at least k) = 1 / k, up to the most. */
static void test_random_actions_last_as_documented(void)
{
	enum { DRAWS = 100000, MOST = 8 };
	struct rng rng;
	int at_least[MOST + 2] = { 0 };
	rng_init(&rng, 5);
	for (int i = 0; i < DRAWS; i++) {
		struct rng same = rng;
		const int64_t k = policy_duration(MOST, &rng);
		CHECK(k == (int64_t)fmin(MOST, floor(1 / (1 - rng_double(&same)))));
		CHECK(same.state[0] == rng.state[0] && k >= 1 && k <= MOST);
		for (int64_t j = 1; j <= k && j <= MOST; j++)
			at_least[j]++;
	}
	for (int k = 1; k <= MOST; k++) /* 5 standard deviations */
		CHECK_NEAR((double)at_least[k] / DRAWS, 1.0 / k, 0.008);
}

static void test_a_full_mask_acts_as_none(void)
{
	static const uint8_t full[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	struct agent a;
	struct rng rng, copy;
	rng_init(&rng, 4);
	init_tied(&a, &rng, 1);
	copy = rng;
	for (int t = 0; t < 1000; t++) {
		const float obs = (float)(t % 7 - 3);
		CHECK_INT(policy_act(&a.policy, &obs, full, 0.5, &rng, NULL),
			policy_act(&a.policy, &obs, NULL, 0.5, &copy, NULL));
	}
	CHECK(memcmp(&rng, &copy, sizeof(rng)) == 0);
	agent_release(&a);
}

/* Each row by its own mask; a value that is not finite counts though it is masked. */
static void test_greedy_rows_have_a_mask_each(void)
{
	struct agent a;
	struct rng rng;
	rng_init(&rng, 5);
	init_tied(&a, &rng, 1);
	for (size_t n = 1; n <= POLICY_ROWS; n++) {
		float obs[POLICY_ROWS];
		uint8_t masks[POLICY_ROWS * 9];
		int actions[POLICY_ROWS];
		random_mask(&rng, n * 9, masks);
		memset(masks + (n - 1) / 2 * 9, 0, 9);
		for (size_t i = 0; i < n; i++)
			obs[i] = (float)rng_below(&rng, 7) - 3;
		CHECK(policy_greedy(&a.policy, n, obs, masks, actions));
		for (size_t i = 0; i < n; i++)
			CHECK_INT(actions[i], policy_act(&a.policy, obs + i, masks + i * 9, 0, NULL, NULL));
		memset(masks, 1, sizeof(masks));
		int without[POLICY_ROWS];
		CHECK(policy_greedy(&a.policy, n, obs, masks, actions));
		CHECK(policy_greedy(&a.policy, n, obs, NULL, without));
		CHECK(memcmp(actions, without, n * sizeof(*actions)) == 0);
	}
	const float obs = 1;
	int action;
	const uint8_t mask[9] = { 0, 1, 0, 1 };
	a.online[9 + 2] = INFINITY;
	CHECK(!policy_greedy(&a.policy, 1, &obs, mask, &action));
	CHECK(action == 1 || action == 3);
	agent_release(&a);
}

/* s' = 1: Q_target 3, 4; Q_online 1, -1.  s' = 3: Q_target 7, 2; Q_online 3, 5. */
static void test_masked_targets_by_hand(void)
{
	static const uint8_t next_mask[] = { 1, 0, 0, 1, 0, 0 };
	static const struct row rows[] = {
		{ .obs = 2, .next_obs = 1, .reward = 0.5f, .discount = 0.5f, .action = 0 },
		{ .obs = 2, .next_obs = 3, .reward = 0.25f, .discount = 0.25f, .action = 1 },
		{ .obs = 4, .next_obs = 3, .reward = -1, .discount = 1, .action = 1 },
	};
	for (int double_q = 0; double_q < 2; double_q++) {
		struct agent_opts opts = plain;
		struct agent a;
		struct batch b;
		struct learn_stats stats;
		struct err e;
		opts.double_q = double_q;
		init_two(&a, &opts, 3);
		fill(&b, rows, 3);
		uint8_t mask[6];
		memcpy(mask, next_mask, sizeof(mask));
		b.next_mask = mask;
		CHECK(agent_learn(&a, &b, 0.001, &stats, &e));
		CHECK_NEAR(a.target_q[0], 0.5 + 0.5 * 3, 0);
		CHECK_NEAR(a.target_q[1], 0.25 + 0.25 * 2, 0);
		CHECK_NEAR(a.target_q[2], -1 + (double_q ? 2 : 7), 0); /* all zeros: any action */
		batch_release(&b);
		agent_release(&a);
	}
}

enum { MASK_ROWS = 16, MASK_ACTIONS = 11, MASK_UPDATES = 20 };

/* Random transitions; terminal rows have no action allowed, others now and then. */
static void fill_masked(struct batch *b, struct rng *rng)
{
	fill_uniform(rng, 2, MASK_ROWS * 3, b->obs);
	fill_uniform(rng, 2, MASK_ROWS * 3, b->next_obs);
	fill_uniform(rng, 1, MASK_ROWS, b->reward);
	random_mask(rng, MASK_ROWS * MASK_ACTIONS, b->mask);
	random_mask(rng, MASK_ROWS * MASK_ACTIONS, b->next_mask);
	for (size_t i = 0; i < MASK_ROWS; i++) {
		b->action[i] = (int32_t)rng_below(rng, MASK_ACTIONS);
		b->discount[i] = rng_below(rng, 4) == 0 ? 0 : 0.97f;
		if (b->discount[i] == 0 || rng_below(rng, 8) == 0)
			memset(b->next_mask + i * MASK_ACTIONS, 0, MASK_ACTIONS);
	}
}

static void init_masked(struct agent *a, struct batch *b, bool double_q, bool dueling)
{
	static const int hidden[] = { 10, 8 };
	struct agent_opts opts = plain;
	struct rng rng;
	struct err e;
	const struct net net = net_of(3, hidden, 2, MASK_ACTIONS, ACTIVATION_RELU, dueling);
	opts.double_q = double_q;
	opts.max_grad_norm = 10;
	CHECK(agent_init(a, &opts, &net, kernels_find(NULL), MASK_ROWS, &e));
	CHECK(batch_init(b, MASK_ROWS, 3, MASK_ACTIONS, &e));
	rng_init(&rng, 6);
	fill_uniform(&rng, 1, net.n_params, a->online);
	fill_uniform(&rng, 1, net.n_params, a->target);
}

static void test_masked_targets_against_naive_ones(void)
{
	for (int variant = 0; variant < 4; variant++) {
		const bool double_q = variant % 2;
		struct agent a;
		struct batch b;
		struct learn_stats stats;
		struct rng rng;
		struct err e;
		int n_matters = 0; /* rows where the mask forbids the maximum */
		init_masked(&a, &b, double_q, variant / 2);
		rng_init(&rng, 7);
		const struct net *net = &a.policy.net;
		float *work = floats(net_forward_size(net, 1));
		for (int t = 0; t < MASK_UPDATES; t++) {
			double want[MASK_ROWS];
			fill_masked(&b, &rng);
			for (size_t i = 0; i < MASK_ROWS; i++) {
				const float *x = b.next_obs + i * 3, *q;
				const uint8_t *mask = b.next_mask + i * MASK_ACTIONS;
				q = net_forward(net, a.policy.k, double_q ? a.online : a.target, x, 1, work);
				const int best = naive_argmax(q, mask, MASK_ACTIONS);
				n_matters += best != net_argmax(q, MASK_ACTIONS);
				q = net_forward(net, a.policy.k, a.target, x, 1, work);
				want[i] = b.reward[i] + (double)b.discount[i] * (double)q[best];
			}
			CHECK(agent_learn(&a, &b, 1e-3, &stats, &e));
			for (size_t i = 0; i < MASK_ROWS; i++)
				CHECK_NEAR(a.target_q[i], (float)want[i], 0);
			CHECK(isfinite(stats.loss) && isfinite(stats.grad_norm));
		}
		CHECK(n_matters > MASK_UPDATES);
		free(work);
		batch_release(&b);
		agent_release(&a);
	}
}

/* Full masks: every bit of the agent as without masks. */
static void test_full_masks_learn_as_none(void)
{
	for (int variant = 0; variant < 4; variant++) {
		struct agent a, c;
		struct batch b, d;
		struct rng rng;
		struct err e;
		init_masked(&a, &b, variant % 2, variant / 2);
		init_masked(&c, &d, variant % 2, variant / 2);
		rng_init(&rng, 8);
		for (int t = 0; t < MASK_UPDATES; t++) {
			struct learn_stats s, u;
			struct diagnostics p, q;
			struct batch none;
			fill_masked(&b, &rng);
			memcpy(d.obs, b.obs, (size_t)batch_bytes(MASK_ROWS, 3, MASK_ACTIONS));
			memset(b.mask, 1, 2 * MASK_ROWS * MASK_ACTIONS);
			none = d;
			none.mask = none.next_mask = NULL;
			CHECK(agent_learn(&a, &b, 1e-3, &s, &e));
			CHECK(agent_learn(&c, &none, 1e-3, &u, &e));
			agent_diagnose(&a, b.mask, &p);
			agent_diagnose(&c, NULL, &q);
			CHECK(memcmp(&s, &u, sizeof(s)) == 0);
			CHECK(memcmp(&p, &q, sizeof(p)) == 0);
		}
		CHECK(memcmp(a.memory, c.memory, (size_t)agent_bytes(&a.policy.net, MASK_ROWS, 0)) == 0);
		batch_release(&b);
		batch_release(&d);
		agent_release(&a);
		agent_release(&c);
	}
}

/* --- against PyTorch --- */

static void check_variant(const struct golden_dqn *g, bool huber, const struct kernels *k)
{
	const struct golden_variant *torch = &g->torch[huber], *exact = &g->exact[huber];
	struct golden_log log[N_UPDATES];
	struct agent_opts opts = plain;
	struct agent a;
	struct batch b;
	struct err e = { .msg = "" };
	float target[N_PARAMS];
	opts.loss = huber ? LOSS_HUBER : LOSS_MSE;
	opts.double_q = huber;
	opts.max_grad_norm = huber ? 10 : 0;
	CHECK(agent_init(&a, &opts, &g->net, k, BATCH, &e));
	CHECK(batch_init(&b, BATCH, N_OBS, 0, &e));
	golden_floats(g->online0, a.online);
	golden_floats(g->target, a.target);
	golden_floats(g->target, target);
	for (int i = 0; i < N_UPDATES; i++) {
		const struct golden_batch *from = &g->batch[i];
		struct learn_stats stats;
		memcpy(b.obs, from->obs, sizeof(from->obs));
		memcpy(b.next_obs, from->next_obs, sizeof(from->next_obs));
		for (int row = 0; row < BATCH; row++) {
			b.action[row] = from->action[row];
			b.reward[row] = from->reward[row];
			b.discount[row] = from->terminated[row] ? 0 : 0.99f;
		}
		CHECK(agent_learn(&a, &b, 1e-3, &stats, &e));
		log[i] = (struct golden_log){ stats.loss, stats.grad_norm, stats.q_mean, stats.y_mean };
		if (i == 0) {
			golden_check(a.grad, torch->grad1, exact->grad1, N_PARAMS);
			golden_check(a.online, torch->w1, exact->w1, N_PARAMS);
		}
	}
	golden_check_end(log, a.online, a.m, a.v, torch, exact);
	CHECK_INT(a.adam.t, N_UPDATES);
	CHECK(memcmp(target, a.target, sizeof(target)) == 0);
	batch_release(&b);
	agent_release(&a);
}

static void test_twenty_updates_match_pytorch(void)
{
	const struct golden_dqn *g = golden_load();
	for (int i = 0; g && i < 2 * N_ISAS; i++)
		if (kernels_find(isas[i / 2]))
			check_variant(g, i % 2, kernels_find(isas[i / 2]));
}

int main(void)
{
	RUN(test_targets_of_plain_dqn);
	RUN(test_targets_of_double_dqn);
	RUN(test_clipped_targets);
	RUN(test_average_of_the_weights);
	RUN(test_ties_go_to_the_first_maximum);
	RUN(test_only_the_taken_action_gets_gradient);
	RUN(test_no_gradient_through_the_target);
	RUN(test_losses_and_their_slopes);
	RUN(test_the_mean_over_the_batch);
	RUN(test_clipping);
	RUN(test_clipping_adds_1e_6_to_the_norm);
	RUN(test_a_td_error_beyond_float_diverges);
	RUN(test_what_is_not_finite_diverges_and_changes_nothing);
	RUN(test_one_bad_row_among_good_ones_diverges);
	RUN(test_sync_copies_or_mixes);
	RUN(test_memory);
	RUN(test_out_of_memory_is_an_ordinary_error);
	RUN(test_acts_epsilon_greedily_with_the_documented_draws);
	RUN(test_a_draw_equal_to_epsilon_is_greedy);
	RUN(test_one_value_that_is_not_finite_is_enough);
	RUN(test_epsilon_0_draws_nothing);
	RUN(test_values_stay_while_the_agent_learns);
	RUN(test_argmax_among_the_allowed);
	RUN(test_acts_among_the_allowed_with_the_documented_draws);
	RUN(test_random_actions_are_uniform_over_the_allowed);
	RUN(test_random_actions_last_as_documented);
	RUN(test_a_full_mask_acts_as_none);
	RUN(test_greedy_rows_have_a_mask_each);
	RUN(test_masked_targets_by_hand);
	RUN(test_masked_targets_against_naive_ones);
	RUN(test_full_masks_learn_as_none);
	RUN(test_twenty_updates_match_pytorch);
	return test_end();
}
