/* The training loop against a naive restatement of the whole algorithm, bit for
 * bit after every step: own network, Adam, replay, schedules and order of a
 * step; only the generator, the environment and pm_exp/pm_log are the library's.
 * tests/mutations lists mistakes that this file catches. */
#include "run/train.h"

#include "base/pmath.h"

#include "fixtures.h"
#include "naive.h"

#include <stdlib.h>

enum {
	MAX_ROWS = 70,
	MAX_WIDTH = 32,
	MAX_PARAMS = 2000,
	MAX_STEPS = 1000,
	OBS = 4,
	ACTIONS = 3
}; /* the most there are */

/* --- configurations --- */

/* A short run of a small network, with a row after every step. */
static struct config short_config(const char *keys)
{
	return config_of("seed=5 total_timesteps=600 net_arch=12,9 batch_size=16 learning_starts=40 "
			 "target_update_interval=30 buffer_size=600 exploration_fraction=0.5 learning_rate=0.003 "
			 "eval_freq=0 log_interval=1",
		keys);
}

/* --- the restatement --- */

struct transition {
	float obs[OBS], next_obs[OBS], reward;
	int action;
	bool terminated, truncated;
};

struct naive {
	struct config c;
	int n_layers, dim[NET_MAX_LAYERS + 1];
	size_t n_params;
	float online[MAX_PARAMS], target[MAX_PARAMS], grad[MAX_PARAMS], m[MAX_PARAMS], v[MAX_PARAMS];
	double beta1_t, beta2_t;
	struct transition past[MAX_STEPS]; /* all there ever were */
	int64_t n_past;
	struct rng env_rng, explore, replay;
	bool in_episode;
	struct env env;
	float obs[OBS];
	struct episode episode, ended[MAX_STEPS];
	int64_t n_ended;
	uint64_t n_updates;
	double epsilon;
	double repeats;                 /* steps left of a random action, this one included */
	double loss, q_mean, grad_norm; /* sums since the last row */
	int64_t n_sum;
	/* What has been exercised. */
	int n_repeated, n_clipped, n_double_differs, n_cut_terminated, n_cut_truncated, n_cut_newest, n_wrapped;
	int n_linear_loss, n_terminal_rows, n_mirrored;
};

/* Start of layer l's W (in,out) in a block; its bias follows. */
static size_t layer_start(const struct naive *s, int layer)
{
	size_t start = 0;
	for (int l = 0; l < layer; l++)
		start += (size_t)s->dim[l + 1] * (size_t)(s->dim[l] + 1);
	return start;
}

/* act[0] is x, act[l + 1] the output of layer l. */
static void naive_forward(
	const struct naive *s, const float *params, const float *x, float act[NET_MAX_LAYERS + 1][MAX_WIDTH])
{
	memcpy(act[0], x, (size_t)s->dim[0] * sizeof(float));
	for (int l = 0; l < s->n_layers; l++) {
		const int in = s->dim[l], out = s->dim[l + 1];
		const float *w = params + layer_start(s, l), *b = w + in * out;
		for (int o = 0; o < out; o++) {
			float y = b[o];
			for (int i = 0; i < in; i++)
				y = fmaf(act[l][i], w[i * out + o], y);
			if (l + 1 < s->n_layers && s->c.activation == ACTIVATION_TANH)
				y = naive_tanh(y);
			else if (l + 1 < s->n_layers && y < 0)
				y = 0;
			act[l + 1][o] = y;
		}
	}
}

static void naive_q(const struct naive *s, const float *params, const float *x, float q[ACTIONS])
{
	float act[NET_MAX_LAYERS + 1][MAX_WIDTH];
	naive_forward(s, params, x, act);
	memcpy(q, act[s->n_layers], (size_t)s->dim[s->n_layers] * sizeof(float));
}

/* Adds one row's gradient; rows come in the order of the batch. */
static void naive_backward(struct naive *s, float act[NET_MAX_LAYERS + 1][MAX_WIDTH], int action, float d_q)
{
	float dy[MAX_WIDTH] = { 0 }, dx[MAX_WIDTH];
	dy[action] = d_q;
	for (int l = s->n_layers - 1; l >= 0; l--) {
		const int in = s->dim[l], out = s->dim[l + 1];
		const float *w = s->online + layer_start(s, l);
		float *dw = s->grad + layer_start(s, l), *db = dw + in * out;
		for (int o = 0; o < out; o++) {
			for (int i = 0; i < in; i++)
				dw[i * out + o] = fmaf(act[l][i], dy[o], dw[i * out + o]);
			db[o] += dy[o];
		}
		for (int i = 0; i < in; i++) {
			dx[i] = 0;
			for (int o = 0; o < out; o++)
				dx[i] = fmaf(dy[o], w[i * out + o], dx[i]);
			const float y = act[l][i];
			if (s->c.activation == ACTIVATION_TANH)
				dx[i] *= 1 - y * y;
			else if (!(y > 0))
				dx[i] = 0;
		}
		memcpy(dy, dx, sizeof(dy));
	}
}

static double naive_schedule(int kind, double initial, double final, int64_t step, double duration)
{
	if (kind == SCHEDULE_CONSTANT)
		return initial;
	if ((double)step >= duration)
		return final;
	const double progress = (double)step / duration;
	return kind == SCHEDULE_LINEAR ? initial + (final - initial) * progress
				       : initial * pm_exp(progress * pm_log(final / initial));
}

static double naive_epsilon(const struct config *c, int64_t timesteps)
{
	const bool constant = c->exploration_schedule == SCHEDULE_CONSTANT;
	return naive_schedule(c->exploration_schedule, constant ? c->exploration_final_eps : c->exploration_initial_eps,
		c->exploration_final_eps, timesteps - 1, c->exploration_fraction * (double)c->total_timesteps);
}

static double naive_learning_rate(const struct config *c, int64_t timesteps)
{
	return naive_schedule(c->learning_rate_schedule, c->learning_rate, 0, timesteps, (double)c->total_timesteps);
}

static int64_t naive_n_steps(const struct config *c, int64_t timesteps)
{
	const bool late = (double)timesteps >= 0.5 * (double)c->total_timesteps;
	return c->n_steps_final > 0 && late ? c->n_steps_final : c->n_steps;
}

static int naive_argmax(const struct naive *s, const float q[ACTIONS])
{
	int best = 0;
	for (int i = 1; i < s->dim[s->n_layers]; i++)
		best = q[i] > q[best] ? i : best;
	return best;
}

/* The transition that slot holds after n_past pushes into a ring of that size. */
static int64_t at_slot(const struct naive *s, int64_t slot, int64_t size)
{
	int64_t t = s->n_past - 1;
	while (t % size != slot)
		t--;
	return t;
}

/* The observation in the mirror, if it is wanted so. */
static const float *naive_image(const struct naive *s, const float obs[OBS], bool mirrored, float image[OBS])
{
	const struct factors *signs = &s->c.mirror_obs;
	for (int i = 0; i < s->dim[0]; i++)
		image[i] = mirrored && signs->value[signs->n == 1 ? 0 : i] < 0 ? -obs[i] : obs[i];
	return image;
}

/* One row of a minibatch and its part of the gradient. */
static void naive_row(struct naive *s, int64_t slot, bool mirrored, double *loss, double *q_sum)
{
	const struct config *c = &s->c;
	const int64_t size = c->buffer_size < c->total_timesteps ? c->buffer_size : c->total_timesteps;
	const int64_t first = at_slot(s, slot, size);
	s->n_wrapped += first != slot;

	const int64_t n_steps = naive_n_steps(c, s->n_past);
	double reward = 0, discount = 1;
	int64_t last = first;
	for (int64_t k = 0; k < n_steps; k++) {
		last = first + k;
		reward += discount * s->past[last].reward;
		discount *= c->gamma;
		const bool more = k + 1 < n_steps;
		s->n_cut_terminated += more && s->past[last].terminated;
		s->n_cut_truncated += more && s->past[last].truncated;
		s->n_cut_newest += more && last == s->n_past - 1;
		if (s->past[last].terminated || s->past[last].truncated || last == s->n_past - 1)
			break;
	}
	const float R = (float)reward, d = s->past[last].terminated ? 0 : (float)discount;
	s->n_terminal_rows += s->past[last].terminated;

	float next_target[ACTIONS], next_online[ACTIONS], image[OBS];
	naive_image(s, s->past[last].next_obs, mirrored, image);
	naive_q(s, s->target, image, next_target);
	naive_q(s, s->online, image, next_online);
	const int by_target = naive_argmax(s, next_target), by_online = naive_argmax(s, next_online);
	s->n_double_differs += by_target != by_online;
	const double next_q = next_target[c->double_q ? by_online : by_target];
	const float y = (float)((double)R + (double)d * next_q);

	float act[NET_MAX_LAYERS + 1][MAX_WIDTH];
	const int n_actions = s->dim[s->n_layers];
	const int action = mirrored ? n_actions - 1 - s->past[first].action : s->past[first].action;
	s->n_mirrored += mirrored;
	naive_forward(s, s->online, naive_image(s, s->past[first].obs, mirrored, image), act);
	const double error = (double)act[s->n_layers][action] - (double)y;
	double slope = error < -1 ? -1 : error > 1 ? 1 : error;
	double value = fabs(error) < 1 ? 0.5 * error * error : fabs(error) - 0.5;
	s->n_linear_loss += fabs(error) > 1;
	if (c->loss == LOSS_MSE) {
		slope = 2 * error;
		value = error * error;
	}
	*loss += value / (double)c->batch_size;
	*q_sum += (double)act[s->n_layers][action];
	naive_backward(s, act, action, (float)(slope / (double)c->batch_size));
}

static void naive_optimise(struct naive *s, double learning_rate)
{
	const struct config *c = &s->c;
	const double norm = sqrt(naive_sum_squares(s->n_params, s->grad));
	s->grad_norm += norm;
	double clip = c->max_grad_norm > 0 ? c->max_grad_norm / (norm + 1e-6) : 1;
	s->n_clipped += clip < 1;
	clip = clip < 1 ? clip : 1;
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
		.step_size = (float)(learning_rate / (1 - s->beta1_t)),
	};
	naive_adam(s->n_params, &coef, s->grad, s->m, s->v, s->online);
}

static void naive_update(struct naive *s)
{
	const struct config *c = &s->c;
	const int64_t size = c->buffer_size < c->total_timesteps ? c->buffer_size : c->total_timesteps;
	int64_t slot[MAX_ROWS];
	uint64_t bits = 0;
	memset(s->grad, 0, sizeof(s->grad));
	double q_sum = 0;
	for (int64_t row = 0; row < c->batch_size; row++)
		slot[row] = (int64_t)rng_below(&s->replay, (uint64_t)(s->n_past < size ? s->n_past : size));
	for (int64_t row = 0; row < c->batch_size; row++) {
		if (c->mirror_obs.kind == FACTORS_LIST && row % 64 == 0)
			bits = rng_u64(&s->replay);
		naive_row(s, slot[row], bits >> row % 64 & 1, &s->loss, &q_sum);
	}
	s->q_mean += q_sum / (double)s->c.batch_size;
	s->n_sum++;
	naive_optimise(s, naive_learning_rate(&s->c, s->n_past));
}

static void naive_scale(const struct naive *s, float obs[OBS])
{
	const double theta_max = 12 * 2 * 3.141592653589793 / 360;
	const double high[OBS] = { 2.4, 3, theta_max, 3 }; /* a toy's are 1 */
	for (int i = 0; i < s->dim[0]; i++)
		if (s->c.obs_scale.kind == FACTORS_BOUNDS)
			obs[i] *= s->dim[0] == 4 ? (float)(1 / high[i]) : 1;
		else if (s->c.obs_scale.kind == FACTORS_LIST)
			obs[i] *= (float)s->c.obs_scale.value[i];
}

static void naive_init_params(struct naive *s)
{
	struct rng rng;
	rng_init_stream(&rng, s->c.seed, 2);
	for (int l = 0; l < s->n_layers; l++) {
		const int in = s->dim[l], out = s->dim[l + 1];
		float *w = s->online + layer_start(s, l), *b = w + in * out;
		double limit = 1 / sqrt(in);
		if (s->c.weight_init == WEIGHT_INIT_GLOROT_UNIFORM)
			limit = sqrt(6 / (double)(in + out));
		if (s->c.weight_init == WEIGHT_INIT_HE_UNIFORM)
			limit = sqrt(6 / (double)in);
		for (int o = 0; o < out; o++)
			for (int i = 0; i < in; i++)
				w[i * out + o] = (float)rng_uniform(&rng, -limit, limit);
		for (int o = 0; o < out && s->c.weight_init == WEIGHT_INIT_TORCH; o++)
			b[o] = (float)rng_uniform(&rng, -limit, limit);
	}
	s->n_params = layer_start(s, s->n_layers);
	memcpy(s->target, s->online, sizeof(s->target));
}

static void naive_init(struct naive *s, const struct config *c)
{
	memset(s, 0, sizeof(*s));
	s->c = *c;
	s->n_layers = c->net_arch.n + 1;
	const struct env_ops *ops = config_env(c);
	s->dim[0] = ops->obs_dim;
	for (int l = 0; l < c->net_arch.n; l++)
		s->dim[l + 1] = c->net_arch.width[l];
	s->dim[s->n_layers] = ops->n_actions;
	s->beta1_t = s->beta2_t = 1;
	rng_init(&s->env_rng, c->seed);
	rng_init_stream(&s->explore, c->seed, 0);
	rng_init_stream(&s->replay, c->seed, 1);
	naive_init_params(s);
	env_init(&s->env, ops, c->max_episode_steps, NULL);
}

static void naive_step(struct naive *s)
{
	const struct config *c = &s->c;
	const int64_t timesteps = s->n_past + 1;
	struct transition *t = &s->past[s->n_past++];
	if (!s->in_episode) {
		reset_env(&s->env, rng_u64(&s->env_rng), s->obs);
		naive_scale(s, s->obs);
	}
	memcpy(t->obs, s->obs, sizeof(t->obs));

	s->epsilon = naive_epsilon(c, timesteps);
	const double p = timesteps <= c->learning_starts ? 1 : s->epsilon;
	if (s->repeats > 0) {
		t->action = t[-1].action;
		s->n_repeated++;
	} else if (p > 0 && rng_double(&s->explore) < p) {
		t->action = (int)rng_below(&s->explore, (uint64_t)s->dim[s->n_layers]);
		if (c->exploration_repeat > 1)
			s->repeats = fmin(floor(1 / (1 - rng_double(&s->explore))), (double)c->exploration_repeat);
	} else {
		float q[ACTIONS];
		naive_q(s, s->online, s->obs, q);
		t->action = naive_argmax(s, q);
	}

	const struct step step = step_env(&s->env, t->action, t->next_obs);
	naive_scale(s, t->next_obs);
	t->reward = (float)((double)step.reward * c->reward_scale);
	t->terminated = step.terminated;
	t->truncated = step.truncated;
	memcpy(s->obs, t->next_obs, sizeof(s->obs));
	s->episode.episode_return += (double)step.reward;
	s->episode.length++;
	if (t->terminated || t->truncated) {
		s->ended[s->n_ended++] = s->episode;
		s->episode = (struct episode){ 0 };
	}
	s->in_episode = !t->terminated && !t->truncated;
	s->repeats = s->in_episode && s->repeats > 0 ? s->repeats - 1 : 0;

	if (timesteps > c->learning_starts && timesteps % c->train_freq == 0)
		for (int64_t i = 0; i < (c->gradient_steps == -1 ? c->train_freq : c->gradient_steps); i++)
			naive_update(s);
	const float tau = (float)c->tau;
	if (timesteps % c->target_update_interval == 0)
		for (size_t i = 0; i < s->n_params; i++)
			s->target[i] = tau == 1 ? s->online[i] : fmaf(tau, s->online[i], (1 - tau) * s->target[i]);
}

/* --- step by step --- */

static bool near(double got, double want)
{
	return isnan(want) ? isnan(got) : fabs(got - want) <= 1e-12 * (1 + fabs(want));
}

static bool same_log(const struct log_row *row, struct naive *s)
{
	double rewards = 0, lengths = 0;
	const int64_t window = s->n_ended < 100 ? s->n_ended : 100;
	for (int64_t i = s->n_ended - window; i < s->n_ended; i++) {
		rewards += s->ended[i].episode_return;
		lengths += (double)s->ended[i].length;
	}
	const double n = (double)s->n_sum, none = (double)NAN;
	const bool ok =
		row->timesteps == s->n_past && row->episodes == s->n_ended && row->n_updates == s->n_updates &&
		near(row->ep_rew_mean, window ? rewards / (double)window : none) &&
		near(row->ep_len_mean, window ? lengths / (double)window : none) &&
		row->exploration_rate == s->epsilon && row->learning_rate == naive_learning_rate(&s->c, s->n_past) &&
		near(row->loss, n > 0 ? s->loss / n : none) && near(row->q_mean, n > 0 ? s->q_mean / n : none) &&
		near(row->grad_norm, n > 0 ? s->grad_norm / n : none);
	s->loss = s->q_mean = s->grad_norm = 0;
	s->n_sum = 0;
	return ok;
}

/* An episode is reported at the step that ends it, and at no other. */
static bool same_episode(const struct train *t, const struct naive *s)
{
	const struct transition *last = &s->past[s->n_past - 1];
	if (!last->terminated && !last->truncated)
		return !(t->events & TRAIN_EPISODE);
	const struct episode *ended = &s->ended[s->n_ended - 1];
	return t->events & TRAIN_EPISODE && t->episode.episode_return == ended->episode_return &&
	       t->episode.length == ended->length && t->episode.timesteps == s->n_past &&
	       t->episode.terminated == last->terminated;
}

/* What differs after a step, or NULL. */
static const char *difference(const struct train *t, const struct naive *s)
{
	const size_t n = s->n_params;
	if (t->agent.policy.net.n_params != n)
		return "n_params";
	if (t->timesteps != s->n_past || t->episodes != s->n_ended || t->agent.adam.t != s->n_updates)
		return "counters";
	if (t->episode_return != s->episode.episode_return || t->episode_length != s->episode.length)
		return "episode under way";
	if (!same_episode(t, s))
		return "episode that ended";
	if (memcmp(t->env.state.bytes, s->env.state.bytes, s->env.ops->state_size) != 0)
		return "environment";
	if (!same(t->obs, s->obs, (size_t)s->dim[0]))
		return "obs";
	if (!same(t->agent.online, s->online, n))
		return "online";
	if (!same(t->agent.m, s->m, n) || !same(t->agent.v, s->v, n))
		return "moments";
	if (!same(t->agent.target, s->target, n))
		return "target";
	if (memcmp(&t->stream[STREAM_EXPLORATION], &s->explore, sizeof(s->explore)) != 0 ||
		memcmp(&t->stream[STREAM_REPLAY], &s->replay, sizeof(s->replay)) != 0 ||
		memcmp(&t->env_rng, &s->env_rng, sizeof(s->env_rng)) != 0)
		return "streams";
	return NULL;
}

/* Runs the configuration with every instruction set and the restatement beside
 * each other; *s stays for a look at what has been exercised. */
static void compare(const char *keys, struct naive *s)
{
	const struct config c = short_config(keys);
	static struct train t[N_ISAS];
	struct err e = { .msg = "" };
	bool used[N_ISAS];
	CHECK(c.total_timesteps <= MAX_STEPS);
	for (int i = 0; i < N_ISAS; i++) {
		const struct kernels *k = kernels_find(isas[i]);
		used[i] = k && train_init(&t[i], &c, k, &e);
		CHECK(used[i] || !k);
		if (used[i]) /* no more slots than there are steps */
			CHECK_INT(t[i].replay.buffer_size,
				c.buffer_size < c.total_timesteps ? c.buffer_size : c.total_timesteps);
	}
	CHECK(used[0]);
	naive_init(s, &c);
	const char *what = NULL;
	for (int64_t step = 1; step <= c.total_timesteps && !what; step++) {
		naive_step(s);
		struct naive row = *s;
		for (int i = 0; i < N_ISAS && !what; i++) {
			if (!used[i])
				continue;
			what = train_step(&t[i], &e) ? difference(&t[i], s) : e.msg;
			const bool logged = t[i].events & TRAIN_LOGGED;
			row = *s;
			if (!what && logged != (step % c.log_interval == 0 || step == c.total_timesteps))
				what = "when rows come";
			if (!what && logged && !same_log(&t[i].log, &row))
				what = "row";
			const bool finished = t[i].events & TRAIN_FINISHED;
			if (!what && finished != (step == c.total_timesteps))
				what = "end";
			if (what)
				printf("%s, step %lld: %s\n", isas[i], (long long)step, what);
		}
		*s = row;
	}
	CHECK(what == NULL);
	CHECK(s->n_updates > 0);
	CHECK(s->n_ended > 5);
	for (int i = 0; i < N_ISAS; i++)
		if (used[i])
			train_release(&t[i]);
}

static struct naive naive;

static void test_defaults_match_the_restatement(void)
{
	compare("learning_starts=100", &naive);
	CHECK_INT(naive.n_updates, 500);
	CHECK(naive.n_terminal_rows > 100);
	CHECK_INT(naive.n_wrapped, 0);
}

static void test_double_n_step_polyak_mse_match(void)
{
	compare("double_q=true n_steps=3 tau=0.05 loss=mse target_update_interval=1", &naive);
	CHECK(naive.n_double_differs > 50);
	CHECK(naive.n_cut_terminated > 50);
	CHECK(naive.n_cut_newest > 0);
}

static void test_plain_q_where_the_argmaxes_differ_matches(void)
{
	compare("target_update_interval=200 seed=9", &naive);
	CHECK(naive.n_double_differs > 50);
}

static void test_ten_steps_match(void)
{
	compare("n_steps=10 gamma=0.9 double_q=true", &naive);
	CHECK(naive.n_cut_terminated > 50);
}

static void test_more_steps_late_match(void)
{
	compare("n_steps=2 n_steps_final=9 gamma=0.9 total_timesteps=601 exploration_fraction=0.2", &naive);
	CHECK(naive.n_cut_terminated > 50);
}

static void test_fewer_steps_late_match(void)
{
	compare("n_steps=6 n_steps_final=1 learning_rate_schedule=linear", &naive);
}

static void test_as_many_updates_as_steps_match(void)
{
	compare("train_freq=4 gradient_steps=-1 learning_starts=50", &naive);
	CHECK_INT(naive.n_updates, 4 * (600 / 4 - 50 / 4));
}

static void test_bursts_of_updates_match(void)
{
	compare("train_freq=16 gradient_steps=8 learning_starts=48 target_update_interval=10", &naive);
	CHECK_INT(naive.n_updates, 8 * (600 / 16 - 48 / 16)); /* none after step 48 itself */
}

static void test_exponential_exploration_matches(void)
{
	compare("exploration_schedule=exponential exploration_initial_eps=0.8 exploration_final_eps=0.01", &naive);
}

static void test_constant_exploration_matches(void)
{
	compare("exploration_schedule=constant exploration_final_eps=0.25", &naive);
	CHECK_NEAR(naive.epsilon, 0.25, 0);
}

static void test_repeated_random_actions_match(void)
{
	compare("exploration_repeat=12 exploration_schedule=constant exploration_final_eps=0.4", &naive);
	CHECK(naive.n_repeated > 50);
}

static void test_greedy_after_the_warmup_matches(void)
{
	compare("exploration_schedule=constant exploration_final_eps=0", &naive);
}

static void test_linear_learning_rate_matches(void)
{
	compare("learning_rate_schedule=linear", &naive);
}

static void test_no_clipping_matches(void)
{
	compare("max_grad_norm=0 loss=mse", &naive);
	CHECK_INT(naive.n_clipped, 0);
	CHECK(naive.n_linear_loss > 0);
}

static void test_clipping_matches(void)
{
	compare("max_grad_norm=0.01 loss=mse", &naive);
	CHECK(naive.n_clipped > 100);
}

static void test_small_buffer_that_wraps_matches(void)
{
	compare("buffer_size=50 n_steps=4 batch_size=50", &naive);
	CHECK(naive.n_wrapped > 1000);
	CHECK(naive.n_cut_newest > 100);
}

static void test_time_limit_bootstraps(void)
{
	compare("max_episode_steps=5 n_steps=2", &naive);
	CHECK_INT(naive.n_ended, 120); /* more than the window of the means */
	CHECK(naive.n_cut_truncated > 100);
	CHECK_INT(naive.n_terminal_rows, 0);
}

static void test_time_limit_and_falls_match(void)
{
	compare("max_episode_steps=12 n_steps=5", &naive);
	CHECK(naive.n_cut_truncated > 100);
	CHECK(naive.n_cut_terminated > 100);
}

static void test_no_warmup_matches(void)
{
	compare("learning_starts=0", &naive);
	CHECK_INT(naive.n_updates, 600);
}

static void test_scaled_obs_and_rewards_match(void)
{
	compare("obs_scale=bounds reward_scale=0.01", &naive);
	CHECK_NEAR(naive.past[0].reward, 0.01f, 0);
}

static void test_listed_obs_scale_matches(void)
{
	compare("obs_scale=2,-0.5,3,1e-3 reward_scale=7", &naive);
}

static void test_mirrored_rows_match(void)
{
	compare("mirror_obs=-1,1,-1,1 batch_size=70 double_q=true", &naive);
	const double share = naive.n_mirrored / (70 * (double)naive.n_updates);
	CHECK(share > 0.48 && share < 0.52);
	compare("mirror_obs=-1 obs_scale=bounds n_steps=3", &naive);
	CHECK(naive.n_mirrored > 0 && naive.n_terminal_rows > 0);
	compare("id=ToyNegative-v0 mirror_obs=-1", &naive); /* three actions: the middle one stays */
}

static void test_tanh_matches(void)
{
	compare("activation=tanh weight_init=glorot_uniform", &naive);
}

static void test_three_actions_with_rewards_that_are_mostly_0_match(void)
{
	compare("id=ToySparse-v0 n_steps=3 reward_scale=0.5 double_q=true max_episode_steps=20", &naive);
	CHECK(naive.n_double_differs > 0);
	CHECK(naive.n_terminal_rows > 0);
	CHECK(naive.n_cut_truncated > 0);
}

static void test_three_actions_with_negative_rewards_match(void)
{
	compare("id=ToyNegative-v0 obs_scale=bounds gradient_steps=-1 train_freq=4 loss=mse", &naive);
	CHECK(naive.n_terminal_rows > 0);
}

static void test_linear_network_matches(void)
{
	compare("net_arch=none weight_init=he_uniform", &naive);
	CHECK_INT(naive.n_params, 10);
}

static void test_odd_widths_and_rare_rows_match(void)
{
	compare("net_arch=7,13,1,5 log_interval=70 weight_init=he_uniform batch_size=3 adam_beta1=0.8 "
		"adam_beta2=0.95 adam_eps=1e-3",
		&naive);
}

static void test_seed_of_64_bits_matches(void)
{
	compare("seed=18446744073709551615 total_timesteps=200", &naive);
}

static void test_rows_are_of_the_last_hundred_episodes(void)
{
	compare("id=ToyNegative-v0 max_episode_steps=5", &naive);
	CHECK(naive.n_ended > 110);
}

static void test_sync_only_in_the_interval(void)
{
	compare("target_update_interval=599 tau=0.3", &naive);
	CHECK(!same(naive.online, naive.target, naive.n_params));
}

/* --- evaluation, rows, the end --- */

static struct train *start(const char *keys)
{
	const struct config c = short_config(keys);
	return train_start(&c);
}

static void run_to_the_end(struct train *t)
{
	struct err e = { .msg = "" };
	do
		CHECK(train_step(t, &e));
	while (!(t->events & TRAIN_FINISHED));
}

static bool same_training(const struct train *a, const struct train *b)
{
	const size_t n = a->agent.policy.net.n_params;
	return a->timesteps == b->timesteps && a->episodes == b->episodes &&
	       same(a->agent.online, b->agent.online, n) && same(a->agent.target, b->agent.target, n) &&
	       same(a->agent.m, b->agent.m, n) && same(a->agent.v, b->agent.v, n) && same(a->obs, b->obs, OBS);
}

static void test_evaluation_does_not_change_training(void)
{
	const char *const without = "eval_freq=0";
	struct train *a = start(without), *b = start("eval_freq=50 eval_episodes=3 stop_return=500"),
		     *c = start("eval_freq=1 eval_episodes=1 stop_return=9.9 stop_episodes=40 total_timesteps=600");
	run_to_the_end(a);
	run_to_the_end(b);
	run_to_the_end(c);
	CHECK_INT(b->timesteps, 600);
	CHECK(same_training(a, b));
	CHECK(b->has_best && !a->has_best);
	/* c may stop on the way: then compare there. */
	if (c->stopped) {
		struct train *d = start(without);
		struct err e;
		while (d->timesteps < c->timesteps)
			CHECK(train_step(d, &e));
		CHECK(same_training(c, d));
		train_end(d);
	} else
		CHECK(same_training(a, c));
	train_end(a);
	train_end(b);
	train_end(c);
}

static void test_two_runs_are_equal_and_two_seeds_differ(void)
{
	struct train *a = start(NULL), *b = start(NULL), *c = start("seed=6");
	CHECK(!same(a->agent.online, c->agent.online, a->agent.policy.net.n_params));
	run_to_the_end(a);
	run_to_the_end(b);
	run_to_the_end(c);
	CHECK(!same(a->replay.obs, c->replay.obs, OBS));
	CHECK(same_training(a, b));
	CHECK(!same(a->agent.online, c->agent.online, a->agent.policy.net.n_params));
	train_end(a);
	train_end(b);
	train_end(c);
}

static void test_rows_come_at_the_documented_steps(void)
{
	struct train *t = start("total_timesteps=230 log_interval=100 eval_freq=70 eval_episodes=2");
	struct err e;
	for (int step = 1; step <= 230; step++) {
		CHECK(train_step(t, &e));
		const bool log = step == 100 || step == 200 || step == 230;
		const bool eval = step == 70 || step == 140 || step == 210;
		CHECK_INT(t->events & ~TRAIN_EPISODE,
			(log ? TRAIN_LOGGED : 0) | (eval ? TRAIN_EVALUATED : 0) | (step == 230 ? TRAIN_FINISHED : 0));
		if (log)
			CHECK_INT(t->log.timesteps, step);
		if (eval) {
			CHECK_INT(t->eval.timesteps, step);
			CHECK_INT(t->eval.n_updates, step - 40);
			CHECK_INT(t->eval.stats.n_episodes, 2);
		}
	}
	train_end(t);

	t = start("total_timesteps=200 log_interval=100 eval_freq=200");
	run_to_the_end(t);
	CHECK_INT(t->events & ~TRAIN_EPISODE, TRAIN_LOGGED | TRAIN_EVALUATED | TRAIN_FINISHED);
	train_end(t);
}

/* Restated: what an evaluation at this moment gives on a stream of its own. */
static struct eval_stats evaluate_now(const struct train *t, struct rng *stream, int64_t n)
{
	struct env env;
	float scale[4];
	struct eval_stats stats;
	struct err e;
	config_obs_scale(&t->config, scale);
	env_init(&env, env_find("CartPole-v1"), t->config.max_episode_steps, scale);
	CHECK(evaluate_env(&t->agent.policy, &env, stream, n, 0, NULL, &stats, NULL, NULL, &e));
	return stats;
}

static bool same_stats(const struct eval_stats *a, const struct eval_stats *b)
{
	return a->n_episodes == b->n_episodes && a->return_mean == b->return_mean && a->return_std == b->return_std &&
	       a->return_min == b->return_min && a->return_max == b->return_max && a->length_mean == b->length_mean;
}

static void test_evaluations_follow_each_other_on_their_own_stream(void)
{
	struct train *t = start("eval_freq=50 eval_episodes=3 obs_scale=bounds");
	struct rng stream;
	struct err e;
	rng_init_stream(&stream, 5, 3);
	double best = -1;
	int64_t best_timesteps = 0;
	static float best_weights[MAX_PARAMS];
	const size_t n = t->agent.policy.net.n_params;
	for (int step = 1; step <= 600; step++) {
		CHECK(train_step(t, &e));
		if (!(t->events & TRAIN_EVALUATED))
			continue;
		const struct eval_stats want = evaluate_now(t, &stream, 3);
		CHECK(same_stats(&t->eval.stats, &want));
		CHECK_INT(t->eval.is_best, want.return_mean >= best);
		if (want.return_mean >= best) {
			best = want.return_mean;
			best_timesteps = step;
			memcpy(best_weights, t->agent.online, n * sizeof(float));
		}
		CHECK_INT(t->best_row.timesteps, best_timesteps);
		CHECK_NEAR(t->best_row.stats.return_mean, best, 0);
		CHECK(same(t->best, best_weights, n));
	}
	CHECK(best_timesteps < 600); /* or nothing tells the best from the last */
	train_end(t);
}

static void test_evaluation_has_its_own_time_limit(void)
{
	/* Nothing falls within 7 steps. */
	struct train *t = start("max_episode_steps=5 eval_max_episode_steps=7 eval_freq=100 eval_episodes=2 "
				"final_eval_episodes=3");
	struct eval_stats final;
	struct err e;
	while (t->timesteps < 600) {
		CHECK(train_step(t, &e));
		CHECK_INT(t->episodes, t->timesteps / 5);
		if (t->events & TRAIN_EVALUATED)
			CHECK_NEAR(t->eval.stats.return_mean, 7, 0);
	}
	CHECK(train_final_eval(t, &final, &e));
	CHECK_NEAR(final.return_mean, 7, 0);
	train_end(t);
}

static void test_best_is_the_last_of_equals(void)
{
	/* Nothing falls within 5 steps: every evaluation gives 5. */
	struct train *t = start("eval_max_episode_steps=5 eval_freq=70 eval_episodes=2");
	const size_t n = t->agent.policy.net.n_params;
	static float at_560[MAX_PARAMS];
	struct err e;
	while (t->timesteps < 600) {
		CHECK(train_step(t, &e));
		if (t->events & TRAIN_EVALUATED) {
			CHECK(t->eval.is_best);
			CHECK_NEAR(t->eval.stats.return_mean, 5, 0);
		}
		if (t->timesteps == 560)
			memcpy(at_560, t->agent.online, n * sizeof(float));
	}
	CHECK_INT(t->best_row.timesteps, 560);
	CHECK(same(t->best, at_560, n));
	CHECK(!same(t->best, t->agent.online, n));
	train_end(t);
}

static void test_stop_return_ends_the_run_when_confirmed(void)
{
	int n_confirmed = 0, n_refuted = 0, n_below = 0;
	for (int seed = 1; seed <= 12; seed++) {
		char keys[128];
		snprintf(keys, sizeof(keys),
			"seed=%d eval_freq=100 eval_episodes=1 stop_episodes=20 stop_return=10 log_interval=1000",
			seed);
		struct train *t = start(keys);
		struct rng eval_stream, stop_stream;
		struct err e;
		rng_init_stream(&eval_stream, (uint64_t)seed, 3);
		rng_init_stream(&stop_stream, (uint64_t)seed, 4);
		bool stop = false;
		while (t->timesteps < 600 && !stop) {
			CHECK(train_step(t, &e));
			if (t->events & TRAIN_EVALUATED) {
				const struct eval_stats first = evaluate_now(t, &eval_stream, 1);
				struct eval_stats second = { .return_mean = 0 };
				if (first.return_mean >= 10)
					second = evaluate_now(t, &stop_stream, 20);
				stop = second.return_mean >= 10;
				n_below += first.return_mean < 10;
				n_confirmed += stop;
				n_refuted += first.return_mean >= 10 && !stop;
			}
			CHECK_INT(t->stopped, stop);
			CHECK(memcmp(&t->stream[STREAM_STOP], &stop_stream, sizeof(stop_stream)) == 0);
			const int finished = t->timesteps == 600 || stop ? TRAIN_FINISHED : 0;
			CHECK_INT(t->events & TRAIN_FINISHED, finished);
			CHECK_INT(t->events & TRAIN_LOGGED, finished ? TRAIN_LOGGED : 0);
		}
		train_end(t);
	}
	CHECK(n_confirmed > 0);
	CHECK(n_refuted > 0);
	CHECK(n_below > 0);
}

static void test_stop_return_equal_to_the_mean_is_reached(void)
{
	/* Nothing falls within 5 steps. */
	struct train *t = start("eval_max_episode_steps=5 eval_freq=50 stop_return=5");
	run_to_the_end(t);
	CHECK_NEAR(t->eval.stats.return_mean, 5, 0);
	CHECK(t->stopped);
	CHECK_INT(t->timesteps, 50);
	CHECK_INT(t->best_row.timesteps, 50);
	train_end(t);
}

/* The seed's own stream gives a seed to each episode, from which Gymnasium's env.reset(seed=)
 * starts. */
static void test_episodes_have_seeds_of_their_own(void)
{
	struct train *t = start("seed=42 obs_scale=10,1,1,1");
	struct rng seeds, rng;
	struct err e;
	int64_t n = 0;
	rng_init(&seeds, 42);
	while (t->episodes < 5 && train_step(t, &e)) {
		if (t->episode_length != 1)
			continue;
		rng_init(&rng, rng_u64(&seeds));
		const float *obs = t->replay.obs + (t->replay.count - 1) * t->replay.n_words;
		CHECK(obs[0] == (float)rng_uniform(&rng, -0.05, 0.05) * 10);
		for (int i = 1; i < OBS; i++)
			CHECK(obs[i] == (float)rng_uniform(&rng, -0.05, 0.05));
		n++;
	}
	CHECK_INT(n, 5);
	train_end(t);
}

static void test_final_evaluation_repeats_and_changes_nothing(void)
{
	struct train *t = start("eval_freq=100 final_eval_episodes=7");
	run_to_the_end(t);
	static struct train before;
	static float weights[MAX_PARAMS];
	const size_t n = t->agent.policy.net.n_params;
	before = *t;
	memcpy(weights, t->agent.online, n * sizeof(float));
	struct eval_stats first, second;
	struct err e;
	CHECK(train_final_eval(t, &first, &e));
	before.final_state = t->final_state;
	before.stream[STREAM_FINAL_EVAL] = t->stream[STREAM_FINAL_EVAL];
	CHECK(memcmp(&before, t, sizeof(*t)) == 0); /* but that */
	CHECK(same(weights, t->agent.online, n));
	CHECK(train_final_eval(t, &second, &e));
	CHECK(same_stats(&first, &second));
	CHECK_INT(first.n_episodes, 7);
	double sum = 0;
	for (int i = 0; i < 7; i++)
		sum += t->final_returns[i];
	CHECK_NEAR(sum / 7, first.return_mean, 1e-12);
	struct rng stream;
	rng_init_stream(&stream, 5, 5);
	const struct eval_stats want = evaluate_now(t, &stream, 7);
	CHECK(same_stats(&first, &want));
	train_end(t);
}

static void test_a_large_learning_rate_diverges(void)
{
	struct train *t = start("net_arch=16,16,16,16 learning_rate=1 reward_scale=1e6 obs_scale=1e6,1e6,1e6,1e6 "
				"loss=mse max_grad_norm=0 adam_beta1=0 adam_beta2=0 gamma=1 target_update_interval=1");
	struct err e = { .kind = ERR_RUN, .msg = "" };
	bool ok = true;
	while (ok && t->timesteps < 600)
		ok = train_step(t, &e);
	CHECK(!ok);
	CHECK_INT(e.kind, ERR_DIVERGED);
	char step[40];
	snprintf(step, sizeof(step), "step %lld ", (long long)t->timesteps);
	CHECK(strstr(e.msg, step) != NULL);
	CHECK(strstr(e.msg, "learning_rate") != NULL);
	train_end(t);
}

static void test_a_q_value_that_is_not_finite_is_found_at_once(void)
{
	struct train *t = start("exploration_schedule=constant exploration_final_eps=0 learning_starts=0");
	struct err e = { .kind = ERR_RUN, .msg = "" };
	while (t->timesteps < 5)
		CHECK(train_step(t, &e));
	t->agent.online[t->agent.policy.net.n_params - 1] = INFINITY;
	CHECK(!train_step(t, &e));
	CHECK_INT(e.kind, ERR_DIVERGED);
	CHECK(strstr(e.msg, "a Q value is not finite") != NULL);
	CHECK_INT(t->timesteps, 5);
	train_end(t);
}

/* Or an infinite moment of Adam: its weight would never move again. */
static void test_a_nan_weight_is_found_by_the_evaluation_and_at_the_end(void)
{
	struct err e = { .kind = ERR_RUN, .msg = "" };
	struct train *t;
	for (int moment = 0; moment < 2; moment++) {
		t = start("gradient_steps=0 eval_freq=10 total_timesteps=50");
		while (t->timesteps < 5)
			CHECK(train_step(t, &e));
		if (moment)
			t->agent.v[0] = INFINITY;
		else
			t->agent.online[t->agent.policy.net.n_params - 1] = NAN;
		for (int i = 6; i < 10; i++)
			CHECK(train_step(t, &e));
		CHECK(!train_step(t, &e));
		CHECK_INT(e.kind, ERR_DIVERGED);
		CHECK(!(t->events & TRAIN_EVALUATED) && !t->has_best);
		train_end(t);
	}

	t = start("gradient_steps=0 total_timesteps=50 learning_starts=49");
	t->agent.online[0] = INFINITY;
	for (int i = 1; i < 50; i++)
		CHECK(train_step(t, &e));
	CHECK(!train_step(t, &e));
	CHECK_INT(e.kind, ERR_DIVERGED);
	train_end(t);
}

static void test_out_of_memory_is_an_ordinary_error(void)
{
	struct config c = short_config("total_timesteps=1e9 buffer_size=5e8");
	struct train t;
	struct err e = { .msg = "" };
	c.buffer_size = c.total_timesteps = (int64_t)1 << 53; /* 2^58 bytes */
	CHECK(!train_init(&t, &c, kernels_find(NULL), &e));
	CHECK_INT(e.kind, ERR_RUN);
	CHECK(strstr(e.msg, "out of memory") != NULL);
	CHECK(t.best == NULL && t.agent.memory == NULL && t.replay.obs == NULL);
}

static void test_memory_that_is_short_is_named(void)
{
	static struct train t;
	struct config c;
	struct err e = { .msg = "" };
	config_init(&c);
	c.final_eval_episodes = (int64_t)1 << 50;
	CHECK(!train_init(&t, &c, kernels_find(NULL), &e));
	CHECK_INT(e.kind, ERR_RUN);
	CHECK_STR(e.msg, "out of memory: final_eval_episodes = 1125899906842624 needs 9007199254740992 bytes");
}

int main(void)
{
	RUN(test_defaults_match_the_restatement);
	RUN(test_double_n_step_polyak_mse_match);
	RUN(test_plain_q_where_the_argmaxes_differ_matches);
	RUN(test_ten_steps_match);
	RUN(test_more_steps_late_match);
	RUN(test_fewer_steps_late_match);
	RUN(test_as_many_updates_as_steps_match);
	RUN(test_bursts_of_updates_match);
	RUN(test_exponential_exploration_matches);
	RUN(test_constant_exploration_matches);
	RUN(test_repeated_random_actions_match);
	RUN(test_greedy_after_the_warmup_matches);
	RUN(test_linear_learning_rate_matches);
	RUN(test_no_clipping_matches);
	RUN(test_clipping_matches);
	RUN(test_small_buffer_that_wraps_matches);
	RUN(test_time_limit_bootstraps);
	RUN(test_time_limit_and_falls_match);
	RUN(test_no_warmup_matches);
	RUN(test_scaled_obs_and_rewards_match);
	RUN(test_listed_obs_scale_matches);
	RUN(test_mirrored_rows_match);
	RUN(test_tanh_matches);
	RUN(test_three_actions_with_rewards_that_are_mostly_0_match);
	RUN(test_three_actions_with_negative_rewards_match);
	RUN(test_linear_network_matches);
	RUN(test_odd_widths_and_rare_rows_match);
	RUN(test_seed_of_64_bits_matches);
	RUN(test_rows_are_of_the_last_hundred_episodes);
	RUN(test_sync_only_in_the_interval);
	RUN(test_evaluation_does_not_change_training);
	RUN(test_two_runs_are_equal_and_two_seeds_differ);
	RUN(test_rows_come_at_the_documented_steps);
	RUN(test_evaluations_follow_each_other_on_their_own_stream);
	RUN(test_evaluation_has_its_own_time_limit);
	RUN(test_best_is_the_last_of_equals);
	RUN(test_stop_return_ends_the_run_when_confirmed);
	RUN(test_stop_return_equal_to_the_mean_is_reached);
	RUN(test_episodes_have_seeds_of_their_own);
	RUN(test_final_evaluation_repeats_and_changes_nothing);
	RUN(test_a_large_learning_rate_diverges);
	RUN(test_a_q_value_that_is_not_finite_is_found_at_once);
	RUN(test_a_nan_weight_is_found_by_the_evaluation_and_at_the_end);
	RUN(test_out_of_memory_is_an_ordinary_error);
	RUN(test_memory_that_is_short_is_named);
	return test_end();
}
