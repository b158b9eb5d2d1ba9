/* Adam and clipping against PyTorch: 20 DQN updates, once with the mean squared
 * error, once as Double DQN with the Huber loss and clipped gradients. Target,
 * loss and output gradient are restated here; forward, backward and the step
 * are the library's. */
#include "nn/adam.h"
#include "nn/net.h"

#include "golden_dqn.h"

enum { WORK = 20000 };

/* One DQN update, naively. */

struct learner {
	const struct net *net;
	const struct kernels *k;
	struct adam adam;
	bool huber; /* and Double DQN, and clipping */
	float online[N_PARAMS], grad[N_PARAMS], m[N_PARAMS], v[N_PARAMS], work[WORK];
};

static void targets(struct learner *r, const float *target, const struct golden_batch *b, double y[BATCH])
{
	const float gamma = 0.99f;
	int action[BATCH];
	const float *q = net_forward(r->net, r->k, r->huber ? r->online : target, b->next_obs[0], BATCH, r->work);
	for (int i = 0; i < BATCH; i++)
		action[i] = net_argmax(q + i * N_ACTIONS, N_ACTIONS);
	q = net_forward(r->net, r->k, target, b->next_obs[0], BATCH, r->work);
	for (int i = 0; i < BATCH; i++)
		y[i] = b->reward[i] + (b->terminated[i] ? 0 : gamma * q[i * N_ACTIONS + action[i]]);
}

static struct golden_log update(struct learner *r, const float *target, const struct golden_batch *b)
{
	double y[BATCH];
	float dq[BATCH * N_ACTIONS] = { 0 };
	struct golden_log row = { 0 };
	targets(r, target, b, y);
	const float *q = net_forward(r->net, r->k, r->online, b->obs[0], BATCH, r->work);
	for (int i = 0; i < BATCH; i++) {
		const int at = i * N_ACTIONS + b->action[i];
		const double d = q[at] - y[i];
		const bool linear = r->huber && fabs(d) >= 1;
		row.loss += (linear ? fabs(d) - 0.5 : r->huber ? 0.5 * d * d : d * d) / BATCH;
		row.mean_q += (double)q[at] / BATCH;
		row.mean_y += y[i] / BATCH;
		dq[at] = (float)((linear ? (d > 0 ? 1 : -1) : r->huber ? d : 2 * d) / BATCH);
	}
	net_backward(r->net, r->k, r->online, b->obs[0], dq, BATCH, r->work, r->grad);
	row.grad_norm = adam_step(&r->adam, r->k, N_PARAMS, r->grad, 1e-3, r->huber ? 10 : 0, r->m, r->v, r->online);
	return row;
}

static void check_variant(const struct golden_dqn *g, bool huber, const struct kernels *k)
{
	static struct learner r;
	const struct golden_variant *torch = &g->torch[huber], *exact = &g->exact[huber];
	struct golden_log log[N_UPDATES];
	float target[N_PARAMS];
	r = (struct learner){ .net = &g->net, .k = k, .huber = huber };
	CHECK(net_work_size(&g->net, BATCH) <= WORK);
	golden_floats(g->online0, r.online);
	golden_floats(g->target, target);
	adam_init(&r.adam, 0.9, 0.999, 1e-8);
	for (int i = 0; i < N_UPDATES; i++) {
		log[i] = update(&r, target, &g->batch[i]);
		if (i == 0) {
			golden_check(r.grad, torch->grad1, exact->grad1, N_PARAMS);
			golden_check(r.online, torch->w1, exact->w1, N_PARAMS);
		}
	}
	golden_check_end(log, r.online, r.m, r.v, torch, exact);
	CHECK_INT(r.adam.t, N_UPDATES);
}

static void check_on_every_isa(bool huber)
{
	const struct golden_dqn *g = golden_load();
	for (int s = 0; g && s < N_ISAS; s++)
		if (kernels_find(isas[s]))
			check_variant(g, huber, kernels_find(isas[s]));
}

static void test_twenty_updates_with_mse_are_pytorchs(void)
{
	check_on_every_isa(false);
}

static void test_twenty_updates_of_double_dqn_with_huber_and_clipping_are_pytorchs(void)
{
	check_on_every_isa(true);
}

/* The step by itself. */

enum { N = 19 };

struct state {
	struct adam adam;
	float grad[N], m[N], v[N], params[N];
};

static struct state make(double beta1, double beta2)
{
	struct state s = { .adam = { 0 } };
	adam_init(&s.adam, beta1, beta2, 1e-8);
	for (int i = 0; i < N; i++) {
		s.grad[i] = (float)(i - 9) * 0.25f;
		s.params[i] = (float)i;
	}
	return s;
}

static double step(struct state *s, double learning_rate, double max_grad_norm)
{
	return adam_step(&s->adam, kernels_find(NULL), N, s->grad, learning_rate, max_grad_norm, s->m, s->v, s->params);
}

static void test_many_steps_follow_the_definition(void)
{
	const double beta1 = 0.8, beta2 = 0.95, eps = 1e-3, rate = 0.01;
	struct state s = make(beta1, beta2);
	adam_init(&s.adam, beta1, beta2, eps);
	double m[N] = { 0 }, v[N] = { 0 }, params[N];
	for (int i = 0; i < N; i++)
		params[i] = s.params[i];
	for (int t = 1; t <= 100; t++) {
		for (int i = 0; i < N; i++) {
			s.grad[i] = (float)(i - 9 + t % 7) * 0.125f;
			const double g = s.grad[i];
			m[i] = beta1 * m[i] + (1 - beta1) * g;
			v[i] = beta2 * v[i] + (1 - beta2) * g * g;
			const double m_hat = m[i] / (1 - pow(beta1, t));
			const double v_hat = v[i] / (1 - pow(beta2, t));
			params[i] -= rate * m_hat / (sqrt(v_hat) + eps);
		}
		step(&s, rate, 0);
		for (int i = 0; i < N; i++) {
			CHECK_NEAR(s.m[i], m[i], 1e-6);
			CHECK_NEAR(s.v[i], v[i], 1e-6);
			CHECK_NEAR(s.params[i], params[i], 3e-5); /* 100 roundings at size 18 */
		}
		CHECK_NEAR(s.adam.beta1_t, pow(beta1, t), 1e-15);
		CHECK_NEAR(s.adam.beta2_t, pow(beta2, t), 1e-15);
	}
}

static void test_first_step_is_the_learning_rate(void)
{
	struct state s = make(0.9, 0.999);
	step(&s, 0.5, 0);
	for (int i = 0; i < N; i++)
		CHECK_NEAR(s.params[i], i - 0.5 * ((i > 9) - (i < 9)), 2e-6);
	CHECK_INT(s.adam.t, 1);
}

static void test_a_copy_goes_on_the_same_way(void)
{
	struct state s = make(0.9, 0.999);
	for (int i = 0; i < 5; i++)
		step(&s, 0.01, 1);
	struct state copy = s;
	for (int i = 0; i < 5; i++) {
		step(&s, 0.01, 1);
		step(&copy, 0.01, 1);
	}
	CHECK_INT(s.adam.t, 10);
	CHECK(memcmp(s.params, copy.params, sizeof(s.params)) == 0);
	CHECK(memcmp(s.m, copy.m, sizeof(s.m)) == 0);
	CHECK(memcmp(s.v, copy.v, sizeof(s.v)) == 0);
}

/* With both betas 0 the first moment is the gradient that was used. */
static void check_clipping(double max_grad_norm)
{
	struct state s = make(0, 0), before = s;
	double sum = 0;
	for (int i = 0; i < N; i++)
		sum += (double)s.grad[i] * (double)s.grad[i];
	const double norm = sqrt(sum);
	const double factor = max_grad_norm > 0 ? fmin(1, max_grad_norm / (norm + 1e-6)) : 1;
	CHECK_NEAR(step(&s, 0.01, max_grad_norm), norm, 1e-12);
	CHECK(memcmp(s.grad, before.grad, sizeof(s.grad)) == 0);
	for (int i = 0; i < N; i++) {
		const double want = before.grad[i] * factor;
		CHECK_NEAR(s.m[i], want, 2e-7 * fabs(want));
		CHECK_NEAR(s.v[i], want * want, 5e-7 * want * want);
		if (factor == 1)
			CHECK(s.m[i] == before.grad[i]);
	}
}

static void test_clipping_is_by_the_global_norm(void)
{
	check_clipping(0); /* none */
	check_clipping(1e9);
	check_clipping(5.97); /* the norm is 5.968... */
	check_clipping(5.96);
	check_clipping(1);
	check_clipping(1e-3);
}

static void test_clipping_of_a_tiny_norm_has_torchs_epsilon(void)
{
	struct state s = make(0, 0);
	memset(s.grad, 0, sizeof(s.grad));
	s.grad[3] = 1e-6f;
	CHECK_NEAR(step(&s, 0.01, 1e-6), 1e-6, 1e-13);
	CHECK_NEAR(s.m[3], 0.5e-6, 1e-12); /* 1e-6 / (1e-6 + 1e-6) */
}

static void test_a_zero_gradient_moves_nothing(void)
{
	struct state s = make(0.9, 0.999), before = s;
	memset(s.grad, 0, sizeof(s.grad));
	for (int i = 0; i < 3; i++)
		CHECK(step(&s, 0.5, 1) == 0);
	CHECK(memcmp(s.params, before.params, sizeof(s.params)) == 0);
	CHECK_INT(s.adam.t, 3);
}

static void test_a_gradient_that_is_not_finite_changes_nothing(void)
{
	static const float bad[] = { INFINITY, -INFINITY, NAN };
	for (int b = 0; b < 3; b++)
		for (int i = 0; i < N; i++) {
			struct state s = make(0.9, 0.999);
			step(&s, 0.01, 1);
			s.grad[i] = bad[b];
			const struct state before = s;
			const double norm = step(&s, 0.01, b == 1 ? 0 : 1);
			CHECK(!isfinite(norm));
			CHECK(s.adam.t == 1 && s.adam.beta1_t == 0.9 && s.adam.beta2_t == 0.999);
			CHECK(memcmp(s.m, before.m, sizeof(s.m)) == 0);
			CHECK(memcmp(s.v, before.v, sizeof(s.v)) == 0);
			CHECK(memcmp(s.params, before.params, sizeof(s.params)) == 0);
		}
}

static void test_a_huge_finite_gradient_is_clipped(void)
{
	struct state s = make(0, 0);
	for (int i = 0; i < N; i++)
		s.grad[i] = i % 2 ? 1e38f : -1e38f;
	const double want = 1 / sqrt(N);
	CHECK_NEAR(step(&s, 0.01, 1) / (sqrt(N) * 1e38), 1, 1e-6);
	for (int i = 0; i < N; i++)
		CHECK_NEAR(s.m[i], i % 2 ? want : -want, 1e-6);
}

int main(void)
{
	RUN(test_twenty_updates_with_mse_are_pytorchs);
	RUN(test_twenty_updates_of_double_dqn_with_huber_and_clipping_are_pytorchs);
	RUN(test_many_steps_follow_the_definition);
	RUN(test_first_step_is_the_learning_rate);
	RUN(test_a_copy_goes_on_the_same_way);
	RUN(test_clipping_is_by_the_global_norm);
	RUN(test_clipping_of_a_tiny_norm_has_torchs_epsilon);
	RUN(test_a_zero_gradient_moves_nothing);
	RUN(test_a_gradient_that_is_not_finite_changes_nothing);
	RUN(test_a_huge_finite_gradient_is_clipped);
	return test_end();
}
