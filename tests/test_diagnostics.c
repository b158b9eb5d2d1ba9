/* Diagnostics and warnings: against naive computations, and that they change nothing.
 * tests/mutations lists mistakes that this file catches. */
#include "run/train.h"

#include "fixtures.h"

#include <stdlib.h>

static const struct agent_opts opts = { .loss = LOSS_MSE, .adam_beta1 = 0.9, .adam_beta2 = 0.999, .adam_eps = 1e-8 };

static void make(struct agent *a, int n_in, const int *hidden, int n_hidden, int n_out, enum activation activation,
	bool dueling, size_t batch_size)
{
	struct net net;
	struct err e;
	net = net_of(n_in, hidden, n_hidden, n_out, activation, dueling);
	if (!agent_init(a, &opts, &net, kernels_find(NULL), batch_size, &e)) {
		FAIL("agent_init");
		abort();
	}
}

/* --- of an update, naively --- */

enum { MAX_BATCH = 64, MAX_OUT = 4 };

/* The smallest value that at least 95 of 100 do not exceed. */
static double naive_p95(const double *x, size_t n)
{
	double best = INFINITY;
	for (size_t i = 0; i < n; i++) {
		size_t below = 0;
		for (size_t j = 0; j < n; j++)
			below += x[j] <= x[i];
		if (100 * below >= 95 * n && x[i] < best)
			best = x[i];
	}
	return best;
}

struct naive {
	double q_max, gap, td_mean, td_p95, norm;
};

/* q (size,n) is that of the online network before the update, row by row. */
static struct naive diagnose(const struct agent *a, const struct batch *b, size_t n, float q[MAX_BATCH][MAX_OUT])
{
	struct naive d = { .q_max = -INFINITY };
	double td[MAX_BATCH];
	for (size_t i = 0; i < b->size; i++) {
		double best = -INFINITY, second = -INFINITY;
		for (size_t j = 0; j < n; j++) {
			const double x = q[i][j];
			if (x > best) {
				second = best;
				best = x;
			} else if (x > second) {
				second = x;
			}
		}
		d.q_max = fmax(d.q_max, best);
		d.gap += (best - second) / (double)b->size;
		td[i] = fabs((double)q[i][b->action[i]] - (double)a->target_q[i]);
		d.td_mean += td[i] / (double)b->size;
	}
	d.td_p95 = naive_p95(td, b->size);
	for (size_t i = 0; i < a->policy.net.n_params; i++)
		d.norm += (double)a->online[i] * (double)a->online[i];
	d.norm = sqrt(d.norm);
	return d;
}

static void check_update(size_t size, int n_out, bool dueling, uint64_t seed)
{
	static const int hidden[] = { 9, 6 };
	struct agent a;
	struct batch b;
	struct learn_stats stats;
	struct diagnostics d, again;
	struct rng rng;
	struct err e;
	float q[MAX_BATCH][MAX_OUT];
	make(&a, 3, hidden, 2, n_out, ACTIVATION_RELU, dueling, size);
	CHECK(batch_init(&b, size, 3, 0, &e));
	rng_init(&rng, seed);
	for (size_t i = 0; i < a.policy.net.n_params; i++) {
		a.online[i] = (float)rng_uniform(&rng, -1, 1);
		a.target[i] = (float)rng_uniform(&rng, -1, 1);
	}
	for (size_t i = 0; i < size; i++) {
		for (size_t j = 0; j < 3; j++) {
			b.obs[3 * i + j] = (float)rng_uniform(&rng, -2, 2);
			b.next_obs[3 * i + j] = (float)rng_uniform(&rng, -9, 9);
		}
		b.reward[i] = (float)rng_uniform(&rng, -3, 3);
		b.discount[i] = 0.9f;
		b.weight[i] = (float)rng_double(&rng); /* counts in no diagnosis */
		b.action[i] = (int32_t)rng_below(&rng, (uint64_t)n_out);
		memcpy(q[i], net_forward(&a.policy.net, a.policy.k, a.online, b.obs + 3 * i, 1, a.policy.work),
			(size_t)n_out * sizeof(float));
	}
	CHECK(agent_learn(&a, &b, 0.1, &stats, &e));
	/* acting in between must not matter */
	policy_act(&a.policy, b.next_obs, NULL, 0, &rng, NULL);
	agent_diagnose(&a, b.mask, &d);
	const struct naive want = diagnose(&a, &b, (size_t)n_out, q);
	CHECK_NEAR(d.q_max, want.q_max, 0);
	if (n_out > 1)
		CHECK_NEAR(d.action_gap, want.gap, 1e-14 * (1 + want.gap));
	else
		CHECK(isnan(d.action_gap));
	CHECK_NEAR(d.td_error_mean, want.td_mean, 1e-6 * want.td_mean); /* stored as float */
	CHECK_NEAR(d.td_error_p95, want.td_p95, 1e-6 * want.td_p95);
	CHECK_NEAR(d.weight_norm, want.norm, 1e-14 * want.norm);
	agent_diagnose(&a, b.mask, &again);
	CHECK_NEAR(again.td_error_p95, d.td_error_p95, 0);
	CHECK_NEAR(again.q_max, d.q_max, 0);
	batch_release(&b);
	agent_release(&a);
}

static void test_diagnosis_against_naive_sums(void)
{
	static const size_t batch[] = { 1, 2, 19, 20, 21, 32, 40, 64 };
	for (size_t i = 0; i < sizeof(batch) / sizeof(batch[0]); i++)
		for (int n_out = 1; n_out <= 4; n_out++)
			for (int dueling = 0; dueling < 2; dueling++)
				check_update(batch[i], n_out, dueling, 10 * i + (uint64_t)n_out);
}

/* Q = b for one action: |d| is |reward|, which counts up. */
static void check_p95(size_t size, double want)
{
	struct agent a;
	struct batch b;
	struct learn_stats stats;
	struct diagnostics d;
	struct err e;
	make(&a, 1, NULL, 0, 1, ACTIVATION_RELU, false, size);
	CHECK(batch_init(&b, size, 1, 0, &e));
	for (size_t i = 0; i < size; i++) {
		const float rank = (float)((i * 7) % size + 1); /* not in order */
		b.reward[i] = i % 2 ? rank : -rank;
	}
	CHECK(agent_learn(&a, &b, 0.1, &stats, &e));
	agent_diagnose(&a, b.mask, &d);
	CHECK_NEAR(d.td_error_p95, want, 0);
	CHECK_NEAR(d.td_error_mean, ((double)size + 1) / 2, 1e-14 * (double)size);
	CHECK_NEAR(d.q_max, 0, 0);
	batch_release(&b);
	agent_release(&a);
}

static void test_p95_is_the_nearest_rank(void)
{
	check_p95(1, 1);
	check_p95(2, 2);
	check_p95(10, 10);
	check_p95(19, 19);
	check_p95(20, 19);
	check_p95(32, 31);
	check_p95(40, 38);
	check_p95(41, 39);
	check_p95(100, 95);
	check_p95(1000, 950);
}

static void test_weight_norm_by_hand(void)
{
	static const float params[] = { 3, -4, 0, 12 };
	static const float target[] = { 100, 100, 100, 100 };
	struct agent a;
	struct diagnostics d;
	make(&a, 1, NULL, 0, 2, ACTIVATION_RELU, false, 1);
	memcpy(a.online, params, sizeof(params));
	memcpy(a.target, target, sizeof(target));
	agent_diagnose(&a, NULL, &d);
	CHECK_NEAR(d.weight_norm, 13, 0);
	agent_release(&a);
}

static void test_sizes_of_observations_by_hand(void)
{
	enum { ROWS = 2, N = 4 };
	static const float obs[ROWS * N] = { 3, 0, -0.5f, 7, 4, 0, 0.5f, -1 };
	struct batch b;
	struct diagnostics d = { 0 };
	struct err e;
	CHECK(batch_init(&b, ROWS, N, 0, &e));
	agent_diagnose_obs(&b, &d); /* all are 0 */
	CHECK_NEAR(d.obs_max, 0, 0);
	CHECK_NEAR(d.obs_min, 0, 0);
	memcpy(b.obs, obs, sizeof(obs));
	agent_diagnose_obs(&b, &d);
	CHECK_NEAR(d.obs_max, 5, 0); /* 7, -1 */
	CHECK_NEAR(d.obs_min, 0.5, 0);
	batch_release(&b);
}

/* --- of an update with action masks --- */

/* Masked values do not count, rows with one action have no gap, and a row without any
 * counts as one with all. */
static void check_masked(double share, uint64_t seed)
{
	enum { ROWS = 32, N = 5 };
	struct agent a;
	struct batch b;
	struct learn_stats stats;
	struct diagnostics d;
	struct rng rng;
	struct err e;
	double q_max = -INFINITY, q_min = INFINITY, gap = 0;
	int n_gaps = 0;
	make(&a, 3, NULL, 0, N, ACTIVATION_RELU, false, ROWS);
	CHECK(batch_init(&b, ROWS, 3, N, &e));
	rng_init(&rng, seed);
	for (size_t i = 0; i < a.policy.net.n_params; i++)
		a.online[i] = (float)rng_uniform(&rng, -1, 1);
	for (size_t i = 0; i < ROWS * 3; i++)
		b.obs[i] = (float)rng_uniform(&rng, -1, 1);
	for (size_t i = 0; i < ROWS * N; i++)
		b.mask[i] = rng_double(&rng) < share;
	for (size_t i = 0; i < ROWS; i++) {
		const float *q = net_forward(&a.policy.net, a.policy.k, a.online, b.obs + 3 * i, 1, a.policy.work);
		int n = 0;
		for (size_t j = 0; j < N; j++)
			n += b.mask[i * N + j];
		double best = -INFINITY, second = -INFINITY;
		for (size_t j = 0; j < N; j++) {
			if (n > 0 && !b.mask[i * N + j])
				continue;
			q_min = fmin(q_min, q[j]);
			second = q[j] > best ? best : fmax(second, q[j]);
			best = fmax(best, q[j]);
		}
		q_max = fmax(q_max, best);
		if (n != 1) {
			gap += best - second;
			n_gaps++;
		}
	}
	CHECK(agent_learn(&a, &b, 0.1, &stats, &e));
	agent_diagnose(&a, b.mask, &d);
	CHECK_NEAR(d.q_max, q_max, 0);
	CHECK_NEAR(d.q_min, q_min, 0);
	CHECK_NEAR(d.action_gap, gap / n_gaps, 1e-14);
	memset(b.mask, 0, ROWS * N);
	for (size_t i = 0; i < ROWS; i++)
		b.mask[i * N + i % N] = 1;
	agent_diagnose(&a, b.mask, &d);
	CHECK(isnan(d.action_gap)); /* no row has two */
	CHECK(isfinite(d.q_max) && isfinite(d.q_min));
	batch_release(&b);
	agent_release(&a);
}

static void test_masked_values_do_not_count(void)
{
	for (uint64_t seed = 0; seed < 20; seed++) {
		check_masked(0.2, seed);
		check_masked(0.6, seed);
		check_masked(1, seed);
	}
}

/* --- dead units --- */

/* Inputs -1, 0 and 2 to relus with weight w and bias b: what each is on them. */
static double dead_share_of(
	const float *w, const float *bias, int n, bool dueling, enum activation activation, size_t batch)
{
	static const float x[] = { -1, 0, 2 };
	struct net net;
	int hidden = dueling ? n / 2 : n;
	net = net_of(1, &hidden, 1, 2, activation, dueling);
	float params[100] = { 0 }, work[400];
	CHECK(net.n_params <= 100 && net_work_size(&net, batch) <= 400);
	for (int i = 0; i < n; i++) {
		params[net.w[0] + (size_t)i] = w[i];
		params[net.b[0] + (size_t)i] = bias[i];
	}
	net_forward(&net, kernels_find(NULL), params, x, batch, work);
	return net_dead_share(&net, batch, work);
}

static void test_dead_units_by_hand(void)
{
	/* alive on 2 alone, on -1 alone, never, everywhere, never (exactly 0 at 2), never */
	static const float w[] = { 1, -1, 1, 0, 1, 0 }, bias[] = { -1, -0.5f, -3, 1, -2, 0 };
	const enum activation relu = ACTIVATION_RELU;
	CHECK_NEAR(dead_share_of(w, bias, 6, false, relu, 3), 3 / 6., 1e-15);
	CHECK_NEAR(dead_share_of(w, bias, 6, false, relu, 2), 4 / 6., 1e-15);
	CHECK_NEAR(dead_share_of(w, bias, 5, false, relu, 3), 2 / 5., 1e-15);
	CHECK_NEAR(dead_share_of(w, bias, 6, false, relu, 1), 4 / 6., 1e-15);
	/* a dueling network's last hidden layer counts with both halves */
	CHECK_NEAR(dead_share_of(w, bias, 6, true, relu, 3), 3 / 6., 1e-15);
	CHECK(isnan(dead_share_of(w, bias, 6, false, ACTIVATION_TANH, 3)));
	/* a NaN is not dead */
	static const float nan_bias[] = { NAN };
	CHECK_NEAR(dead_share_of(w, nan_bias, 1, false, relu, 3), 0, 0);
}

/* Layers of 4 and 2 units: the share is of all 6, outputs do not count. */
static void test_dead_units_of_several_layers(void)
{
	static const int hidden[] = { 4, 2 };
	struct net net;
	net = net_of(2, hidden, 2, 3, ACTIVATION_RELU, false);
	float params[100] = { 0 }, work[400];
	static const float x[] = { 1, 1, -1, 3 };
	CHECK(net.n_params <= 100 && net_work_size(&net, 2) <= 400);
	const struct kernels *k = kernels_find(NULL);
	net_forward(&net, k, params, x, 2, work);
	CHECK_NEAR(net_dead_share(&net, 2, work), 1, 0);
	params[net.b[0] + 3] = 1;
	net_forward(&net, k, params, x, 2, work);
	CHECK_NEAR(net_dead_share(&net, 2, work), 5 / 6., 1e-15);
	params[net.b[1]] = 1;
	net_forward(&net, k, params, x, 2, work);
	CHECK_NEAR(net_dead_share(&net, 2, work), 4 / 6., 1e-15);
	params[net.b[2]] = 1;
	params[net.b[2] + 1] = 1;
	net_forward(&net, k, params, x, 2, work);
	CHECK_NEAR(net_dead_share(&net, 2, work), 4 / 6., 1e-15);
	params[net.w[0]] = -1; /* unit 0 is 1 on the second row alone */
	net_forward(&net, k, params, x, 2, work);
	CHECK_NEAR(net_dead_share(&net, 2, work), 3 / 6., 1e-15);
	params[net.w[1] + 1] = 1; /* and wakes the second layer's second unit */
	net_forward(&net, k, params, x, 2, work);
	CHECK_NEAR(net_dead_share(&net, 2, work), 2 / 6., 1e-15);
	net = net_of(2, NULL, 0, 3, ACTIVATION_RELU, false);
	net_forward(&net, k, params, x, 2, work);
	CHECK(isnan(net_dead_share(&net, 2, work)));
}

/* --- terminal share --- */

static void test_terminated_transitions_are_counted_through_overwriting(void)
{
	enum { N = 500 };
	static const size_t sizes[] = { 1, 2, 7, 50, 600 };
	struct rng rng;
	rng_init(&rng, 6);
	for (size_t s = 0; s < 5; s++) {
		struct replay r;
		struct err e;
		bool ended[N];
		CHECK(replay_init(&r, sizes[s], 1, 0, NULL, &e));
		CHECK_INT(r.n_terminated, 0);
		for (size_t i = 0; i < N; i++) {
			const float x = 0;
			ended[i] = rng_below(&rng, 3) == 0;
			replay_push(&r, &x, NULL, 0, 1, &x, NULL, ended[i], rng_below(&rng, 2) == 0);
			size_t want = 0;
			for (size_t j = i + 1 > sizes[s] ? i + 1 - sizes[s] : 0; j <= i; j++)
				want += ended[j];
			CHECK_INT(r.n_terminated, want);
		}
		replay_release(&r);
	}
}

/* --- rows of a run --- */

static struct train *start(const char *keys)
{
	const struct config c =
		config_of("seed=5 total_timesteps=600 net_arch=12,9 batch_size=20 learning_starts=40 "
			  "target_update_interval=30 buffer_size=600 learning_rate=0.003 eval_freq=0 log_interval=1",
			keys);
	return train_start(&c);
}

static void step(struct train *t)
{
	struct err e = { .msg = "" };
	const bool ok = train_step(t, &e);
	CHECK(ok);
	if (!ok)
		printf("%s\n", e.msg);
}

static void test_rows_carry_the_diagnosis(void)
{
	struct train *t = start("buffer_size=70 max_episode_steps=15 prioritized=true dueling=true");
	int n_terminated = 0, n_truncated = 0;
	while (t->timesteps < 600) {
		step(t);
		const struct log_row *row = &t->log;
		const struct diagnostics *d = &row->diagnostics;
		double want = 0;
		for (size_t i = 0; i < t->replay.count; i++) {
			const size_t bytes = i * t->replay.n_bytes;
			want += t->replay.terminated[bytes];
			n_truncated += t->replay.truncated[bytes] && !t->replay.terminated[bytes];
		}
		n_terminated += want > 0;
		CHECK_NEAR((double)t->replay.n_terminated, want, 0);
		CHECK_NEAR(row->q_bound, 100, 1e-12);
		CHECK_NEAR(row->q_bound_low, 0, 0);
		if (t->timesteps <= 40) {
			CHECK(isnan(d->q_max) && isnan(d->action_gap) && isnan(d->td_error_mean));
			CHECK(isnan(d->td_error_p95) && isnan(d->weight_norm));
			CHECK(isnan(d->dead_share) && isnan(d->q_min));
			continue;
		}
		double sum = 0, norm = 0;
		for (size_t i = 0; i < 20; i++)
			sum += fabs((double)t->agent.td_error[i]);
		for (size_t i = 0; i < t->agent.policy.net.n_params; i++)
			norm += (double)t->agent.online[i] * (double)t->agent.online[i];
		CHECK_NEAR(d->td_error_mean, sum / 20, 1e-14 * sum);
		CHECK_NEAR(d->weight_norm, sqrt(norm), 1e-14 * norm);
		CHECK(d->td_error_p95 > d->td_error_mean * 0.5);
		CHECK(d->q_max > row->q_mean && d->action_gap > 0);
		CHECK(d->q_min < row->q_mean);
		CHECK(d->dead_share >= 0 && d->dead_share < 1);
		struct diagnostics again;
		agent_diagnose(&t->agent, NULL, &again);
		agent_diagnose_obs(&t->batch, &again);
		CHECK(memcmp(&again, d, sizeof(again)) == 0);
	}
	CHECK(n_terminated > 100 && n_truncated > 100);
	train_end(t);
}

static void check_bounds(const char *id, double gamma, double reward_scale, double want_low, double want_high)
{
	char keys[64];
	snprintf(keys, sizeof(keys), "id=%s obs_scale=none", id);
	struct train *t = start(keys);
	t->config.gamma = gamma;
	t->config.reward_scale = reward_scale;
	for (int i = 0; i < 3; i++)
		step(t);
	CHECK_NEAR(t->log.q_bound_low, want_low, 1e-13 * fabs(want_low));
	CHECK_NEAR(t->log.q_bound, want_high, 1e-13 * fabs(want_high));
	train_end(t);
}

/* What the environment declares, not what was seen in three steps. */
static void test_bounds_of_q(void)
{
	check_bounds("CartPole-v1", 0.99, 1, 0, 1 / 0.01);
	check_bounds("CartPole-v1", 0.5, 0.01, 0, 0.02);
	check_bounds("CartPole-v1", 0, 7, 0, 7);
	check_bounds("CartPole-v1", 1, 1, 0, 500); /* without a discount the time limit bounds it */
	check_bounds("CartPole-v0", 1, 0.5, 0, 100);
	check_bounds("ToySparse-v0", 0.95, 1, -20, 20); /* rewards of nearly always 0 */
	check_bounds("ToySparse-v0", 0.5, 0.1, -0.2, 0.2);
	check_bounds("ToyNegative-v0", 0.9, 1, -300, 0);
	check_bounds("ToyNegative-v0", 1, 2, -30 * 50 * 2, 0);
}

/* --- nothing changes --- */

static bool same_bytes(const void *a, const void *b, size_t n)
{
	return memcmp(a, b, n) == 0;
}

static void check_equal_training(const char *more)
{
	char often[128], never[128];
	snprintf(often, sizeof(often), "%s log_interval=1 total_timesteps=500", more);
	snprintf(never, sizeof(never), "%s log_interval=100000 total_timesteps=500", more);
	struct train *a = start(often), *b = start(never);
	int n_rows = 0;
	while (a->timesteps < 500) {
		step(a);
		step(b);
		n_rows += (a->events & TRAIN_LOGGED) != 0;
		CHECK_INT(b->events & TRAIN_LOGGED, a->timesteps == 500 ? TRAIN_LOGGED : 0);
	}
	const size_t bytes = a->agent.policy.net.n_params * sizeof(float);
	CHECK_INT(n_rows, 500);
	CHECK_INT(a->agent.adam.t, b->agent.adam.t);
	CHECK(same_bytes(a->agent.online, b->agent.online, bytes));
	CHECK(same_bytes(a->agent.target, b->agent.target, bytes));
	CHECK(same_bytes(a->agent.m, b->agent.m, bytes));
	CHECK(same_bytes(a->agent.v, b->agent.v, bytes));
	CHECK(same_bytes(a->stream, b->stream, sizeof(a->stream)));
	CHECK(same_bytes(&a->env_rng, &b->env_rng, sizeof(a->env_rng)));
	CHECK(same_bytes(a->obs, b->obs, sizeof(a->obs)));
	if (a->replay.prioritized)
		CHECK(same_bytes(
			a->replay.tree.node, b->replay.tree.node, 2 * a->replay.tree.n_leaves * sizeof(double)));
	CHECK(same_bytes(&a->log.diagnostics, &b->log.diagnostics, sizeof(a->log.diagnostics)));
	CHECK_INT(a->agent.adam.t, 460);
	train_end(a);
	train_end(b);
}

static void test_rows_do_not_change_training(void)
{
	check_equal_training("dueling=false");
	check_equal_training("dueling=true");
	check_equal_training("prioritized=true");
	check_equal_training("double_q=true");
}

/* --- warnings --- */

/* Raises Q(s,.) by setting the last layer's biases. */
static void raise_q(struct train *t, float q)
{
	const struct net *net = &t->agent.policy.net;
	for (size_t i = 0; i < (size_t)net->dim[net->n_layers]; i++)
		t->agent.online[net->b[net->n_layers - 1] + i] = q;
}

static void test_diverging_warns_once_beyond_twice_the_bound(void)
{
	struct train *t = start("");
	while (t->timesteps < 100) {
		step(t);
		CHECK_INT(t->events & TRAIN_WARNED, 0);
	}
	raise_q(t, 180); /* between the bound and twice the bound */
	step(t);
	CHECK(t->log.diagnostics.q_max > 170 && t->log.diagnostics.q_max < 200);
	CHECK_INT(t->events & TRAIN_WARNED, 0);
	CHECK_INT(t->warning, WARNING_NONE);
	raise_q(t, 220);
	step(t);
	CHECK(t->log.diagnostics.q_max > 200);
	CHECK_INT(t->events & TRAIN_WARNED, TRAIN_WARNED);
	CHECK_INT(t->events & TRAIN_LOGGED, TRAIN_LOGGED);
	CHECK_INT(t->warning, WARNING_DIVERGING);
	for (int i = 0; i < 20; i++) {
		raise_q(t, i % 2 ? 300 : 0);
		step(t);
		CHECK_INT(t->events & TRAIN_WARNED, 0);
	}
	CHECK_INT(t->warning, WARNING_DIVERGING);
	train_end(t);
}

static void test_diverging_downwards_warns_too(void)
{
	struct train *t = start("");
	while (t->timesteps < 100)
		step(t);
	raise_q(t, -5000);
	step(t);
	CHECK_INT(t->events & TRAIN_WARNED, TRAIN_WARNED);
	CHECK_INT(t->warning, WARNING_DIVERGING);
	train_end(t);
}

static void test_a_run_that_diverges_warns(void)
{
	struct train *t = start("target_update_interval=1 learning_rate=1 loss=mse max_grad_norm=0");
	int n_warnings = 0;
	while (t->timesteps < 600) {
		step(t);
		n_warnings += (t->events & TRAIN_WARNED) != 0;
		CHECK((t->warning != WARNING_NONE) == (n_warnings > 0));
	}
	CHECK_INT(n_warnings, 1);
	CHECK_INT(t->warning, WARNING_DIVERGING);
	train_end(t);
}

/* The rows of a run whose last 100 episodes had those mean returns, one row each;
 * the row that warns, counted from 1, or 0. No episode ends by itself in 8 steps. */
static int collapse_row(const double *mean, int n_rows, int64_t episodes)
{
	struct train *t = start("");
	int warned = 0;
	t->episodes = episodes;
	CHECK(n_rows <= 8);
	for (int row = 0; row < n_rows; row++) {
		for (int i = 0; i < STATS_WINDOW; i++)
			t->window.episode_return[i] = mean[row], t->window.length[i] = 20;
		step(t);
		CHECK_INT(t->episodes, episodes);
		CHECK_NEAR(t->log.ep_rew_mean, mean[row], 1e-12 * fabs(mean[row]));
		if (t->events & TRAIN_WARNED) {
			CHECK_INT(warned, 0); /* once */
			CHECK_INT(t->warning, WARNING_COLLAPSED);
			warned = row + 1;
		}
	}
	CHECK_INT(t->warning, warned ? WARNING_COLLAPSED : WARNING_NONE);
	train_end(t);
	return warned;
}

static void test_collapse_warns_once_half_of_the_gain_is_lost(void)
{
	/* gained 80 from 20: the half is at 60 */
	CHECK_INT(collapse_row((const double[]){ 20, 100, 61, 60, 100, 60.5 }, 6, 100), 0);
	CHECK_INT(collapse_row((const double[]){ 20, 100, 61, 59 }, 4, 100), 4);
	CHECK_INT(collapse_row((const double[]){ 20, 100, 59, 20, 100, 20, 500, 10 }, 8, 100), 3);
	/* the best counts, not the last */
	CHECK_INT(collapse_row((const double[]){ 20, 200, 150, 115, 105 }, 5, 100), 5);
	/* never more than the start again: no gain, or one no larger than the start */
	CHECK_INT(collapse_row((const double[]){ 20, 10, 5, 1 }, 4, 100), 0);
	CHECK_INT(collapse_row((const double[]){ 20, 40, 20, 5 }, 4, 100), 0);
	CHECK_INT(collapse_row((const double[]){ 20, 41, 30, 5 }, 4, 100), 3);
	/* returns below 0: what was gained counts, whatever the size of the start */
	CHECK_INT(collapse_row((const double[]){ -200, -100, -149 }, 3, 100), 0);
	CHECK_INT(collapse_row((const double[]){ -200, -100, -190 }, 3, 100), 3);
	CHECK_INT(collapse_row((const double[]){ -200, -201, -500 }, 3, 100), 0);
	CHECK_INT(collapse_row((const double[]){ -200, 10, -90, -100 }, 4, 100), 4);
	/* too few episodes to judge */
	CHECK_INT(collapse_row((const double[]){ 20, 100, 10, 10 }, 4, 99), 0);
	CHECK_INT(collapse_row((const double[]){ 20, 100, 10, 10 }, 4, 5000), 3);
}

/* 100 episodes, `share` of them 1, the others 0: the rows of chance where rewards are rare. */
static void share_of_ones(struct train *t, int share)
{
	for (int i = 0; i < STATS_WINDOW; i++)
		t->window.episode_return[i] = i < share, t->window.length[i] = 20;
}

static bool collapses_from(int best, int last)
{
	struct train *t = start("");
	t->episodes = STATS_WINDOW;
	share_of_ones(t, 0);
	step(t);
	share_of_ones(t, best);
	step(t);
	share_of_ones(t, last);
	step(t);
	const bool warned = t->warning == WARNING_COLLAPSED;
	train_end(t);
	return warned;
}

static void test_chance_among_sparse_rewards_is_no_collapse(void)
{
	CHECK(!collapses_from(1, 0));
	CHECK(!collapses_from(10, 2));
	CHECK(!collapses_from(40, 10));
	CHECK(collapses_from(90, 10));
	CHECK(!collapses_from(90, 60));
}

/* Rewards so small that the network starts beyond any return. */
static void test_a_start_beyond_small_rewards_is_no_divergence(void)
{
	struct train *t = start("reward_scale=1e-5");
	while (t->timesteps < 100) {
		step(t);
		CHECK_INT(t->warning, WARNING_NONE);
	}
	CHECK(t->first_q > 10 * t->log.q_bound);
	raise_q(t, 100 * (float)t->first_q);
	step(t);
	CHECK_INT(t->warning, WARNING_DIVERGING);
	train_end(t);
}

/* Beyond twice the bound, but not twice the values of the first update. */
static void test_first_values_widen_both_bounds(void)
{
	for (int sign = -1; sign <= 1; sign += 2) {
		static const float within[] = { 1500, -1500 };
		struct train *t = start("");
		while (t->timesteps < 40)
			step(t);
		raise_q(t, (float)sign * 1000);
		step(t);
		CHECK_INT(t->agent.adam.t, 1);
		CHECK_NEAR(t->first_q, 1000, 100);
		for (int i = 0; i < 2; i++) {
			raise_q(t, within[i]);
			step(t);
			CHECK_INT(t->warning, WARNING_NONE);
		}
		raise_q(t, (float)sign * 2500);
		step(t);
		CHECK_INT(t->warning, WARNING_DIVERGING);
		train_end(t);
	}
}

/* Both signs of both toys, within and beyond what their rewards allow. */
static void test_divergence_is_judged_by_the_declared_rewards(void)
{
	static const struct {
		const char *keys;
		float q;
		bool warns;
	} cases[] = {
		{ "id=ToySparse-v0 obs_scale=none", 30, false },
		{ "id=ToySparse-v0 obs_scale=none", 250, true }, /* 100 */
		{ "id=ToySparse-v0 obs_scale=none", -30, false },
		{ "id=ToySparse-v0 obs_scale=none", -250, true },
		{ "id=ToyNegative-v0 obs_scale=none", -2900, false },
		{ "id=ToyNegative-v0 obs_scale=none", -6500, true }, /* 3000 */
		{ "id=ToyNegative-v0 obs_scale=none", 2000, false },
		{ "id=ToyNegative-v0 obs_scale=none", 3500, true },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct train *t = start(cases[i].keys);
		while (t->timesteps < 100)
			step(t);
		CHECK_INT(t->warning, WARNING_NONE);
		raise_q(t, cases[i].q);
		step(t);
		CHECK_INT(t->warning, cases[i].warns ? WARNING_DIVERGING : WARNING_NONE);
		train_end(t);
	}
}

static void test_a_healthy_run_has_no_warning(void)
{
	struct train *t = start("net_arch=32,32 total_timesteps=9000 learning_starts=500 buffer_size=9000 n_steps=3 "
				"double_q=true learning_rate=0.001 target_update_interval=100 log_interval=100 "
				"exploration_fraction=0.4 obs_scale=bounds");
	double first = 0, best = 0;
	while (t->timesteps < 9000) {
		step(t);
		CHECK_INT(t->events & TRAIN_WARNED, 0);
		if (t->timesteps == 500)
			first = t->log.ep_rew_mean;
		if (t->events & TRAIN_LOGGED && t->timesteps > 500) {
			best = fmax(best, t->log.ep_rew_mean);
			CHECK(t->log.diagnostics.q_max < 2 * t->log.q_bound);
		}
	}
	CHECK_INT(t->warning, WARNING_NONE);
	CHECK(best > 2 * first && first > 8); /* it did learn */
	train_end(t);
}

int main(void)
{
	RUN(test_diagnosis_against_naive_sums);
	RUN(test_p95_is_the_nearest_rank);
	RUN(test_masked_values_do_not_count);
	RUN(test_weight_norm_by_hand);
	RUN(test_sizes_of_observations_by_hand);
	RUN(test_dead_units_by_hand);
	RUN(test_dead_units_of_several_layers);
	RUN(test_terminated_transitions_are_counted_through_overwriting);
	RUN(test_rows_carry_the_diagnosis);
	RUN(test_bounds_of_q);
	RUN(test_rows_do_not_change_training);
	RUN(test_diverging_warns_once_beyond_twice_the_bound);
	RUN(test_diverging_downwards_warns_too);
	RUN(test_a_run_that_diverges_warns);
	RUN(test_collapse_warns_once_half_of_the_gain_is_lost);
	RUN(test_chance_among_sparse_rewards_is_no_collapse);
	RUN(test_a_start_beyond_small_rewards_is_no_divergence);
	RUN(test_first_values_widen_both_bounds);
	RUN(test_divergence_is_judged_by_the_declared_rewards);
	RUN(test_a_healthy_run_has_no_warning);
	return test_end();
}
