/* Prioritized replay, dueling networks, lecun_uniform, an optimistic start, clipped
 * targets and averaged weights in the training loop,
 * against a naive restatement, bit for bit after every step. Own are: priorities in
 * a plain array whose sums are computed anew at every draw, weights, beta, n-step
 * returns, the dueling network forward and backward, start values, loss, Adam, the
 * order of a step. The library's are the generator, the environment, pm_exp, pm_log.
 * tests/mutations lists mistakes that this file catches. */
#include "run/train.h"

#include "base/pmath.h"

#include "fixtures.h"
#include "naive.h"

#include <stdlib.h>

enum { MAX_UNITS = 64, MAX_PARAMS = 3000, MAX_STEPS = 600, MAX_LEAVES = 1024, OBS = 4 };
enum { ACTIONS = 2, MAX_BATCH = 64 };

static struct config short_config(const char *keys)
{
	return config_of("seed=5 total_timesteps=420 net_arch=12,9 batch_size=16 learning_starts=40 "
			 "target_update_interval=30 buffer_size=420 exploration_fraction=0.5 learning_rate=0.003 "
			 "eval_freq=0 log_interval=100",
		keys);
}

/* --- the restatement --- */

struct transition {
	float obs[OBS], next_obs[OBS], reward;
	int action;
	bool terminated, truncated;
};

/* One row through the network: hidden layers, then Q. */
struct pass {
	float h[NET_MAX_HIDDEN + 1][MAX_UNITS]; /* h[0] is the observation */
	float q[ACTIONS];
};

struct naive {
	struct config c;
	float online[MAX_PARAMS], target[MAX_PARAMS], grad[MAX_PARAMS], m[MAX_PARAMS], v[MAX_PARAMS],
		average[MAX_PARAMS];
	size_t n_params;
	double beta1_t, beta2_t;
	uint64_t n_updates;
	struct transition past[MAX_STEPS]; /* all there ever were */
	int64_t n_past, n_slots;
	double priority[MAX_LEAVES]; /* to the power alpha, of each slot */
	double max_priority;
	struct rng env_rng, explore, replay;
	bool in_episode;
	struct env env;
	float obs[OBS];
	/* What has been exercised. */
	int n_duplicates, n_weights_below_1, n_raised, n_double_differs, n_wrapped;
	int n_clipped_low, n_clipped_high, n_not_clipped;
	int n_cut_terminated, n_cut_truncated, n_cut_newest, n_heads_differ;
	double largest_weight_error;
};

static int n_hidden(const struct naive *s)
{
	return s->c.net_arch.n;
}

/* Units of hidden layer l, counted from 1; 0 is the observation. */
static int units(const struct naive *s, int l)
{
	if (l == 0)
		return OBS;
	return s->c.net_arch.width[l - 1] * (s->c.dueling && l == n_hidden(s) ? 2 : 1);
}

/* What one head sees: all of the last hidden layer, or half of it. */
static int head_inputs(const struct naive *s)
{
	const int n = units(s, n_hidden(s));
	return s->c.dueling && n_hidden(s) > 0 ? n / 2 : n;
}

/* y (out) of a map whose W (in,out) and b stand at p; returns what is behind it. */
static const float *map_forward(const float *p, int in, int out, const float *x, float *y)
{
	for (int o = 0; o < out; o++) {
		y[o] = p[in * out + o];
		for (int i = 0; i < in; i++)
			y[o] = fmaf(x[i], p[i * out + o], y[o]);
	}
	return p + in * out + out;
}

static float activate(const struct naive *s, float y)
{
	if (s->c.activation == ACTIVATION_RELU)
		return y > 0 ? y : 0;
	return naive_tanh(y);
}

static void forward(const struct naive *s, const float *params, const float *obs, struct pass *f)
{
	const float *p = params;
	memcpy(f->h[0], obs, OBS * sizeof(float));
	for (int l = 0; l < n_hidden(s); l++) {
		p = map_forward(p, units(s, l), units(s, l + 1), f->h[l], f->h[l + 1]);
		for (int o = 0; o < units(s, l + 1); o++)
			f->h[l + 1][o] = activate(s, f->h[l + 1][o]);
	}
	const float *h = f->h[n_hidden(s)];
	const int in = head_inputs(s);
	if (!s->c.dueling) {
		map_forward(p, in, ACTIONS, h, f->q);
		return;
	}
	float value, advantage[ACTIONS];
	p = map_forward(p, in, 1, h, &value);
	map_forward(p, in, ACTIONS, n_hidden(s) > 0 ? h + in : h, advantage);
	const float mean = (advantage[0] + advantage[1]) / 2;
	for (int a = 0; a < ACTIONS; a++)
		f->q[a] = advantage[a] + (value - mean);
}

/* Adds one row's gradient of the map at `at`; dx (in) = W dy, in the order of dy. */
static void map_backward(struct naive *s, size_t at, int in, int out, const float *x, const float *dy, float *dx)
{
	const float *w = s->online + at;
	float *dw = s->grad + at;
	for (int o = 0; o < out; o++)
		dw[in * out + o] += dy[o];
	for (int i = 0; i < in; i++) {
		dx[i] = 0;
		for (int o = 0; o < out; o++) {
			dw[i * out + o] = fmaf(x[i], dy[o], dw[i * out + o]);
			dx[i] = fmaf(dy[o], w[i * out + o], dx[i]);
		}
	}
}

static size_t map_size(int in, int out)
{
	return (size_t)((in + 1) * out);
}

static void backward(struct naive *s, const struct pass *f, int action, float d_q)
{
	float dq[ACTIONS] = { 0 }, dx[MAX_UNITS], dy[MAX_UNITS];
	const int in = head_inputs(s);
	const float *h = f->h[n_hidden(s)];
	size_t at = s->n_params;
	dq[action] = d_q;
	at -= map_size(in, ACTIONS);
	if (s->c.dueling) {
		const float dv = dq[0] + dq[1];
		const float da[ACTIONS] = { dq[0] - dv / 2, dq[1] - dv / 2 };
		const int second = n_hidden(s) > 0 ? in : 0;
		map_backward(s, at, in, ACTIONS, h + second, da, dx + second);
		at -= map_size(in, 1);
		map_backward(s, at, in, 1, h, &dv, dx);
	} else {
		map_backward(s, at, in, ACTIONS, h, dq, dx);
	}
	for (int l = n_hidden(s); l > 0; l--) {
		for (int o = 0; o < units(s, l); o++) {
			const float y = f->h[l][o];
			dy[o] = s->c.activation == ACTIVATION_TANH ? dx[o] * (1 - y * y) : y > 0 ? dx[o] : 0;
		}
		at -= map_size(units(s, l - 1), units(s, l));
		map_backward(s, at, units(s, l - 1), units(s, l), f->h[l - 1], dy, dx);
	}
}

/* Draws W in (out,in) order and b of one map; returns what is behind it. */
static float *init_map(const struct naive *s, float *p, int in, int out, struct rng *rng)
{
	double limit = sqrt(1. / in);
	if (s->c.weight_init == WEIGHT_INIT_LECUN_UNIFORM)
		limit = sqrt(3. / in);
	if (s->c.weight_init == WEIGHT_INIT_TORCH)
		limit = 1 / sqrt(in);
	for (int o = 0; o < out; o++)
		for (int i = 0; i < in; i++)
			p[i * out + o] = (float)rng_uniform(rng, -limit, limit);
	p += in * out;
	for (int o = 0; o < out; o++)
		p[o] = s->c.weight_init == WEIGHT_INIT_TORCH ? (float)rng_uniform(rng, -limit, limit) : 0;
	return p + out;
}

static void naive_init(struct naive *s, const struct config *c)
{
	memset(s, 0, sizeof(*s));
	s->c = *c;
	s->n_slots = c->buffer_size < c->total_timesteps ? c->buffer_size : c->total_timesteps;
	s->beta1_t = s->beta2_t = s->max_priority = 1;
	rng_init(&s->env_rng, c->seed);
	rng_init_stream(&s->explore, c->seed, 0);
	rng_init_stream(&s->replay, c->seed, 1);
	struct rng rng;
	rng_init_stream(&rng, c->seed, 2);
	float *p = s->online;
	for (int l = 0; l < n_hidden(s); l++)
		p = init_map(s, p, units(s, l), units(s, l + 1), &rng);
	if (c->dueling)
		p = init_map(s, p, head_inputs(s), 1, &rng);
	if (c->dueling)
		p[-1] += (float)c->initial_q;
	p = init_map(s, p, head_inputs(s), ACTIONS, &rng);
	for (int a = 0; a < ACTIONS && !c->dueling; a++)
		p[-1 - a] += (float)c->initial_q;
	s->n_params = (size_t)(p - s->online);
	memcpy(s->target, s->online, sizeof(s->target));
	memcpy(s->average, s->online, sizeof(s->average));
	env_init(&s->env, env_find("CartPole-v1"), c->max_episode_steps, NULL);
}

/* Sum of a power of two of priorities, in the documented order: by halves. */
static double sum_of(const double *p, int n)
{
	return n == 1 ? p[0] : sum_of(p, n / 2) + sum_of(p + n / 2, n / 2);
}

static int padded(const struct naive *s)
{
	int n = 1;
	while (n < s->n_slots)
		n *= 2;
	return n;
}

static int64_t find_slot(const struct naive *s, double mass)
{
	int from = 0;
	for (int n = padded(s) / 2; n >= 1; n /= 2) {
		const double left = sum_of(s->priority + from, n);
		if (mass >= left && sum_of(s->priority + from + n, n) > 0) {
			mass -= left;
			from += n;
		}
	}
	return from;
}

struct row {
	int64_t slot;
	double weight;
};

/* The slots and weights of a minibatch, by priority or uniformly. */
static void draw_rows(struct naive *s, struct row *rows)
{
	const int64_t size = s->c.batch_size;
	const int64_t count = s->n_past < s->n_slots ? s->n_past : s->n_slots;
	if (!s->c.prioritized) {
		for (int64_t i = 0; i < size; i++)
			rows[i] = (struct row){ (int64_t)rng_below(&s->replay, (uint64_t)count), 1 };
		return;
	}
	/* beta rises in a line to 1 at the last step of the run */
	const double progress = (double)s->n_past / (double)s->c.total_timesteps;
	double beta = s->c.per_beta0 + (1 - s->c.per_beta0) * progress;
	if (s->n_past >= s->c.total_timesteps)
		beta = 1;
	const double total = sum_of(s->priority, padded(s));
	double smallest = INFINITY, largest_weight = 0;
	for (int64_t i = 0; i < size; i++) {
		const double mass = ((double)i + rng_double(&s->replay)) / (double)size * total;
		rows[i].slot = find_slot(s, mass);
		const double p = s->priority[rows[i].slot];
		smallest = fmin(smallest, p);
		largest_weight = fmax(largest_weight, pow((double)count * p / total, -beta));
		for (int64_t j = 0; j < i; j++)
			s->n_duplicates += rows[j].slot == rows[i].slot;
	}
	for (int64_t i = 0; i < size; i++) {
		const double p = s->priority[rows[i].slot];
		rows[i].weight = (double)(float)pm_exp(-beta * pm_log(p / smallest));
		s->n_weights_below_1 += rows[i].weight < 0.9;
		/* the paper's formula */
		const double want = pow((double)count * p / total, -beta) / largest_weight;
		s->largest_weight_error = fmax(s->largest_weight_error, fabs(rows[i].weight - want));
	}
}

/* The transition that a slot holds. */
static int64_t at_slot(const struct naive *s, int64_t slot)
{
	int64_t t = s->n_past - 1;
	while (t % s->n_slots != slot)
		t--;
	return t;
}

/* The TD target of the n-step return that starts at transition `first`. */
static double td_target(struct naive *s, int64_t first)
{
	double reward = 0, discount = 1;
	int64_t last = first;
	for (int64_t k = 0; k < s->c.n_steps; k++) {
		last = first + k;
		reward += discount * s->past[last].reward;
		discount *= s->c.gamma;
		const bool newest = last == s->n_past - 1;
		if (k + 1 < s->c.n_steps) {
			s->n_cut_terminated += s->past[last].terminated;
			s->n_cut_truncated += s->past[last].truncated;
			s->n_cut_newest += newest;
		}
		if (s->past[last].terminated || s->past[last].truncated || newest)
			break;
	}
	struct pass by_target, by_online;
	forward(s, s->target, s->past[last].next_obs, &by_target);
	forward(s, s->online, s->past[last].next_obs, &by_online);
	const int target_best = by_target.q[1] > by_target.q[0];
	const int online_best = by_online.q[1] > by_online.q[0];
	s->n_double_differs += target_best != online_best;
	const double next_q = by_target.q[s->c.double_q ? online_best : target_best];
	const float R = (float)reward, d = s->past[last].terminated ? 0 : (float)discount;
	const double y = (double)R + (double)d * next_q;
	/* All rewards are reward_scale: a return is between 0 and all of them. */
	const double most = s->c.reward_scale / (1 - s->c.gamma);
	if (!s->c.clip_targets)
		return (double)(float)y;
	s->n_clipped_low += y < 0;
	s->n_clipped_high += y > most;
	s->n_not_clipped += y > 0 && y < most;
	return (double)(float)(y < 0 ? 0 : y > most ? most : y);
}

static void naive_optimise(struct naive *s)
{
	const struct config *c = &s->c;
	const double norm = sqrt(naive_sum_squares(s->n_params, s->grad));
	const double clip = fmin(1, c->max_grad_norm / (norm + 1e-6));
	s->n_updates++;
	s->beta1_t *= c->adam_beta1;
	s->beta2_t *= c->adam_beta2;
	const struct adam_coef coef = {
		.beta1 = (float)c->adam_beta1,
		.one_minus_beta1 = (float)(1 - c->adam_beta1),
		.beta2 = (float)c->adam_beta2,
		.one_minus_beta2 = (float)(1 - c->adam_beta2),
		.grad_scale = (float)clip,
		.rsqrt_bias2 = (float)(1 / sqrt(1 - s->beta2_t)),
		.eps = (float)c->adam_eps,
		.step_size = (float)(c->learning_rate / (1 - s->beta1_t)),
	};
	naive_adam(s->n_params, &coef, s->grad, s->m, s->v, s->online);
}

static double to_alpha(const struct naive *s, double priority)
{
	return pm_exp(s->c.per_alpha * pm_log(priority));
}

static void naive_update(struct naive *s)
{
	const struct config *c = &s->c;
	struct row rows[MAX_BATCH];
	float td_error[MAX_BATCH] = { 0 };
	memset(s->grad, 0, sizeof(s->grad));
	draw_rows(s, rows);
	for (int64_t i = 0; i < c->batch_size; i++) {
		const int64_t first = at_slot(s, rows[i].slot);
		const struct transition *t = &s->past[first];
		s->n_wrapped += first != rows[i].slot;
		struct pass f;
		forward(s, s->online, t->obs, &f);
		const double d = (double)f.q[t->action] - td_target(s, first);
		td_error[i] = (float)d;
		double slope = 2 * d;
		if (c->loss == LOSS_HUBER)
			slope = d < -1 ? -1 : d > 1 ? 1 : d;
		backward(s, &f, t->action, (float)(rows[i].weight * slope / (double)c->batch_size));
	}
	naive_optimise(s);
	const float share = (float)(1 - c->ema_decay);
	for (size_t i = 0; i < s->n_params; i++)
		s->average[i] = fmaf(share, s->online[i], (1 - share) * s->average[i]);
	for (int64_t i = 0; i < c->batch_size; i++) {
		const double priority = fabs((double)td_error[i]) + c->per_eps;
		s->n_raised += priority > s->max_priority;
		s->max_priority = fmax(s->max_priority, priority);
		s->priority[rows[i].slot] = to_alpha(s, priority);
	}
}

static void naive_step(struct naive *s)
{
	const struct config *c = &s->c;
	const int64_t step = s->n_past + 1, slot = s->n_past % s->n_slots;
	struct transition *t = &s->past[s->n_past++];
	const double annealed = c->exploration_fraction * (double)c->total_timesteps;
	double epsilon = c->exploration_final_eps;
	if ((double)(step - 1) < annealed)
		epsilon = c->exploration_initial_eps +
			  (c->exploration_final_eps - c->exploration_initial_eps) * ((double)(step - 1) / annealed);
	if (step <= c->learning_starts)
		epsilon = 1;
	if (!s->in_episode)
		reset_env(&s->env, rng_u64(&s->env_rng), s->obs);
	memcpy(t->obs, s->obs, sizeof(t->obs));
	if (rng_double(&s->explore) < epsilon) {
		t->action = (int)rng_below(&s->explore, ACTIONS);
	} else {
		struct pass f;
		forward(s, s->online, s->obs, &f);
		t->action = f.q[1] > f.q[0];
	}
	const struct step result = step_env(&s->env, t->action, t->next_obs);
	t->reward = (float)(result.reward * c->reward_scale);
	t->terminated = result.terminated;
	t->truncated = result.truncated;
	s->priority[slot] = to_alpha(s, s->max_priority);
	memcpy(s->obs, t->next_obs, sizeof(s->obs));
	s->in_episode = !t->terminated && !t->truncated;

	if (step > c->learning_starts && step % c->train_freq == 0)
		for (int64_t i = 0; i < c->gradient_steps; i++)
			naive_update(s);
	const float tau = (float)c->tau;
	if (step % c->target_update_interval == 0)
		for (size_t i = 0; i < s->n_params; i++)
			s->target[i] = tau == 1 ? s->online[i] : fmaf(tau, s->online[i], (1 - tau) * s->target[i]);
}

/* --- step by step --- */

/* What differs after a step, or NULL. */
static const char *difference(const struct train *t, const struct naive *s)
{
	const size_t n = s->n_params;
	if (t->agent.policy.net.n_params != n)
		return "n_params";
	if (t->timesteps != s->n_past || t->agent.adam.t != s->n_updates)
		return "counters";
	if (!same(t->obs, s->obs, OBS))
		return "obs";
	if (memcmp(&t->stream[STREAM_REPLAY], &s->replay, sizeof(s->replay)) != 0 ||
		memcmp(&t->stream[STREAM_EXPLORATION], &s->explore, sizeof(s->explore)) != 0)
		return "streams";
	if (!same(t->agent.online, s->online, n))
		return "online";
	if (!same(t->agent.m, s->m, n) || !same(t->agent.v, s->v, n))
		return "moments";
	if (!same(t->agent.target, s->target, n))
		return "target";
	if (!same(t->agent.average, s->c.ema_decay > 0 ? s->average : s->online, n))
		return "average";
	if (!s->c.prioritized)
		return t->replay.prioritized ? "prioritized" : NULL;
	if (t->replay.max_priority != s->max_priority)
		return "max_priority";
	for (size_t i = 0; i < (size_t)s->n_slots; i++)
		if (sum_tree_get(&t->replay.tree, i) != s->priority[i])
			return "a priority";
	if (sum_tree_total(&t->replay.tree) != sum_of(s->priority, padded(s)))
		return "the total of priorities";
	return NULL;
}

static struct naive naive; /* of the last comparison, for a look at what happened */

static void compare(const char *keys)
{
	const struct config c = short_config(keys);
	static struct train t[N_ISAS];
	struct err e = { .msg = "" };
	bool used[N_ISAS];
	CHECK(c.total_timesteps <= MAX_STEPS && c.batch_size <= MAX_BATCH);
	for (int i = 0; i < N_ISAS; i++) {
		const struct kernels *k = kernels_find(isas[i]);
		used[i] = k && train_init(&t[i], &c, k, &e);
		CHECK(used[i] || !k);
	}
	CHECK(used[0]);
	naive_init(&naive, &c);
	CHECK(naive.n_params <= MAX_PARAMS);
	const char *what = difference(&t[0], &naive); /* start values */
	if (what)
		printf("at the start: %s\n", what);
	for (int64_t step = 1; step <= c.total_timesteps && !what; step++) {
		naive_step(&naive);
		for (int i = 0; i < N_ISAS && !what; i++) {
			if (!used[i])
				continue;
			what = train_step(&t[i], &e) ? difference(&t[i], &naive) : e.msg;
			if (what)
				printf("%s, step %lld: %s\n", isas[i], (long long)step, what);
		}
	}
	CHECK(what == NULL);
	CHECK(naive.n_updates > 300);
	for (int i = 0; i < N_ISAS; i++)
		if (used[i])
			train_release(&t[i]);
}

static void check_prioritized_was_exercised(void)
{
	CHECK(naive.n_duplicates > 10);
	CHECK(naive.n_weights_below_1 > 1000);
	CHECK(naive.n_raised > 5);
	CHECK(naive.max_priority > 1);
	/* pm_exp and pm_log for pow, rounded to a float at most 1 */
	CHECK(naive.largest_weight_error < 1e-7);
}

static void test_plain_matches(void)
{
	compare("loss=mse");
}

static void test_prioritized_matches(void)
{
	compare("prioritized=true");
	check_prioritized_was_exercised();
	CHECK_INT(naive.n_wrapped, 0);
}

static void test_prioritized_n_step_double_matches(void)
{
	compare("prioritized=true n_steps=3 double_q=true max_episode_steps=14 loss=mse");
	check_prioritized_was_exercised();
	CHECK(naive.n_double_differs > 50);
	CHECK(naive.n_cut_terminated > 50 && naive.n_cut_truncated > 50);
	CHECK(naive.n_cut_newest > 50);
}

static void test_prioritized_small_buffer_matches(void)
{
	compare("prioritized=true buffer_size=37 n_steps=4 per_alpha=1 per_beta0=0 per_eps=0.01 "
		"batch_size=37");
	check_prioritized_was_exercised();
	CHECK(naive.n_wrapped > 1000);
}

static void test_prioritized_alpha_0_beta_1_matches(void)
{
	compare("prioritized=true per_alpha=0 per_beta0=1 train_freq=3 gradient_steps=4");
	CHECK_INT(naive.n_weights_below_1, 0);
}

static void test_dueling_matches(void)
{
	compare("dueling=true");
	CHECK_INT(naive.n_params, 5 * 12 + 13 * 18 + 10 + 10 * 2);
}

static void test_dueling_heads_on_the_inputs_match(void)
{
	compare("dueling=true net_arch=none");
	CHECK_INT(naive.n_params, 5 + 10);
}

static void test_dueling_tanh_double_matches(void)
{
	compare("dueling=true activation=tanh double_q=true net_arch=7,5,17 loss=mse");
	CHECK(naive.n_double_differs > 50);
}

static void test_dueling_prioritized_n_step_polyak_matches(void)
{
	compare("dueling=true prioritized=true n_steps=5 tau=0.05 target_update_interval=1 "
		"max_episode_steps=20");
	check_prioritized_was_exercised();
	CHECK(naive.n_cut_terminated > 50 && naive.n_cut_truncated > 50);
}

static void test_lecun_uniform_matches(void)
{
	compare("weight_init=lecun_uniform");
}

static void test_lecun_uniform_dueling_matches(void)
{
	compare("weight_init=lecun_uniform dueling=true net_arch=16 prioritized=true");
}

static void test_optimistic_start_and_clipped_targets_match(void)
{
	compare("initial_q=0.2 clip_targets=true gamma=0.9 reward_scale=0.02 double_q=true n_steps=3");
	CHECK(naive.n_clipped_high > 100 && naive.n_not_clipped > 100);
	compare("initial_q=-5 clip_targets=true dueling=true net_arch=none learning_rate=0.1 "
		"prioritized=true");
	CHECK(naive.n_clipped_low > 100 && naive.n_not_clipped > 100);
}

static void test_optimistic_dueling_matches(void)
{
	compare("initial_q=3 dueling=true net_arch=9");
}

static void test_averaged_weights_match(void)
{
	compare("ema_decay=0.95 gradient_steps=2 train_freq=2");
	CHECK(!same(naive.average, naive.online, naive.n_params));
	compare("ema_decay=0.5 initial_q=1 clip_targets=true dueling=true prioritized=true n_steps=4 "
		"tau=0.1 target_update_interval=2");
}

/* Evaluations, the best weights and the final evaluation are those of the average. */
static void test_averaged_weights_are_judged_and_kept(void)
{
	const struct config c = short_config("ema_decay=0.99 eval_freq=100 eval_episodes=4 final_eval_episodes=5");
	struct train t;
	struct err e;
	struct eval_stats stats;
	struct rng stream;
	CHECK(train_init(&t, &c, kernels_find(NULL), &e));
	const size_t n = t.agent.policy.net.n_params;
	struct policy average = t.agent.policy;
	average.params = t.agent.average;
	rng_init_stream(&stream, c.seed, STREAM_EVAL);
	int n_best = 0;
	for (int64_t step = 0; step < c.total_timesteps; step++) {
		CHECK(train_step(&t, &e));
		if (!(t.events & TRAIN_EVALUATED))
			continue;
		struct env env = t.eval_envs.proto;
		evaluate_env(&average, &env, &stream, 4, 0, NULL, &stats, NULL, NULL, &e);
		CHECK_NEAR(t.eval.stats.return_mean, stats.return_mean, 0);
		CHECK(!t.eval.is_best || same(t.best, t.agent.average, n));
		n_best += t.eval.is_best;
	}
	CHECK(n_best > 0 && !same(t.agent.average, t.agent.online, n));
	struct env env = t.eval_envs.proto;
	struct eval_stats final;
	rng_init_stream(&stream, c.seed, STREAM_FINAL_EVAL);
	evaluate_env(&average, &env, &stream, 5, 0, NULL, &stats, NULL, NULL, &e);
	CHECK(train_final_eval(&t, &final, &e));
	CHECK_NEAR(final.return_mean, stats.return_mean, 0);
	evaluate_env(&t.agent.policy, &env, &stream, 5, 0, NULL, &stats, NULL, NULL, &e);
	CHECK(final.return_mean != stats.return_mean); /* or the test could not tell */
	train_release(&t);
}

int main(void)
{
	RUN(test_plain_matches);
	RUN(test_prioritized_matches);
	RUN(test_prioritized_n_step_double_matches);
	RUN(test_prioritized_small_buffer_matches);
	RUN(test_prioritized_alpha_0_beta_1_matches);
	RUN(test_dueling_matches);
	RUN(test_dueling_heads_on_the_inputs_match);
	RUN(test_dueling_tanh_double_matches);
	RUN(test_dueling_prioritized_n_step_polyak_matches);
	RUN(test_lecun_uniform_matches);
	RUN(test_lecun_uniform_dueling_matches);
	RUN(test_optimistic_start_and_clipped_targets_match);
	RUN(test_optimistic_dueling_matches);
	RUN(test_averaged_weights_match);
	RUN(test_averaged_weights_are_judged_and_kept);
	return test_end();
}
