#include "run/train.h"

#include "base/memory.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Steps of an episode under way that may have to be replayed. */
static uint64_t n_logged(const struct config *c)
{
	const struct env_ops *ops = config_env(c);
	const int64_t limit = config_train_limit(c);
	if (ops->reset)
		return 0;
	return (uint64_t)(limit < c->total_timesteps ? limit : c->total_timesteps);
}

/* Of the observations, masks and the log of the episode under way. */
static uint64_t room_bytes(const struct config *c)
{
	const struct env_ops *ops = config_env(c);
	const uint64_t obs = (uint64_t)ops->obs_dim * sizeof(float);
	const uint64_t mask = env_mask_dim(ops);
	return 4 * obs + 2 * mask + (2 * n_logged(c) + 1) * sizeof(int32_t);
}

static uint64_t best_bytes(const struct net *net)
{
	return net->n_params * sizeof(float);
}

uint64_t train_bytes(const struct config *c)
{
	struct net net;
	struct err e;
	if (!config_net(c, &net, &e))
		return UINT64_MAX;
	return best_bytes(&net) + (uint64_t)c->final_eval_episodes * sizeof(double) + room_bytes(c) +
	       vec_env_bytes(config_env(c), POLICY_ROWS);
}

static bool allocate(struct train *t, const struct net *net, struct err *e)
{
	const struct config *c = &t->config;
	const struct env_ops *ops = config_env(c);
	const uint64_t returns_bytes = (uint64_t)c->final_eval_episodes * sizeof(double);
	t->best = memory_zeroed(best_bytes(net));
	t->final_returns = memory_zeroed(returns_bytes);
	t->memory = memory_zeroed(room_bytes(c));
	if (!t->best)
		return err_set(e, ERR_RUN, "out of memory: the best weights need %" PRIu64 " bytes", best_bytes(net));
	if (!t->final_returns)
		return err_set(e, ERR_RUN, "out of memory: final_eval_episodes = %" PRId64 " needs %" PRIu64 " bytes",
			c->final_eval_episodes, returns_bytes);
	if (!t->memory)
		return err_set(
			e, ERR_RUN, "out of memory: the episode under way needs %" PRIu64 " bytes", room_bytes(c));
	t->obs = t->memory;
	t->next_obs = t->obs + ops->obs_dim;
	t->obs_scale = t->next_obs + ops->obs_dim;
	t->mirror_obs = t->obs_scale + ops->obs_dim;
	struct episode_log *log = &t->episode_log;
	log->n_most = (int64_t)n_logged(c);
	log->sum = (int32_t *)(void *)(t->mirror_obs + ops->obs_dim);
	log->action = log->sum + log->n_most + 1;
	if (ops->has_masks) {
		t->mask = (uint8_t *)(log->action + log->n_most);
		t->next_mask = t->mask + ops->n_actions;
	}
	return true;
}

bool train_init(struct train *t, const struct config *c, const struct kernels *k, struct err *e)
{
	*t = (struct train){ .config = *c };
	const struct env_ops *ops = config_env(&t->config);
	const struct agent_opts opts = config_agent_opts(c);
	const struct per_opts per = { .alpha = c->per_alpha, .eps = c->per_eps };
	struct env eval_env;
	struct net net;
	if (!config_net(c, &net, e) || !agent_init(&t->agent, &opts, &net, k, (size_t)c->batch_size, e) ||
		!replay_init(&t->replay, (size_t)config_replay_slots(c), (size_t)ops->obs_dim, env_mask_dim(ops),
			c->prioritized ? &per : NULL, e) ||
		!batch_init(&t->batch, (size_t)c->batch_size, (size_t)ops->obs_dim, env_mask_dim(ops), e) ||
		!allocate(t, &net, e))
		goto fail;

	rng_init(&t->env_rng, c->seed);
	for (uint32_t key = 0; key < N_STREAMS; key++)
		rng_init_stream(&t->stream[key], c->seed, key);
	config_obs_scale(c, t->obs_scale);
	if (!config_mirror_obs(c, t->mirror_obs))
		t->mirror_obs = NULL;
	env_init(&t->env, ops, c->max_episode_steps, t->obs_scale);
	env_init(&eval_env, ops, config_eval_limit(c), t->obs_scale);
	if (!vec_env_init(&t->eval_envs, &eval_env, POLICY_ROWS, e))
		goto fail;

	net_init_params(&net, (enum weight_init)c->weight_init, &t->stream[STREAM_INIT], t->agent.online);
	net_raise_outputs(&net, (float)c->initial_q, t->agent.online);
	agent_begin(&t->agent);
	return true;
fail:
	train_release(t);
	return false;
}

void train_set_weights(struct train *t, const float *params)
{
	memcpy(t->agent.online, params, t->agent.policy.net.n_params * sizeof(float));
	agent_begin(&t->agent);
}

void train_release(struct train *t)
{
	agent_release(&t->agent);
	replay_release(&t->replay);
	batch_release(&t->batch);
	vec_env_release(&t->eval_envs);
	free(t->best);
	free(t->final_returns);
	free(t->memory);
	t->best = NULL;
	t->final_returns = NULL;
	t->memory = NULL;
}

static double exploration_rate(const struct config *c, int64_t step)
{
	const enum schedule kind = (enum schedule)c->exploration_schedule;
	const double final = c->exploration_final_eps;
	const double initial = kind == SCHEDULE_CONSTANT ? final : c->exploration_initial_eps;
	return schedule_value(kind, initial, final, step, c->exploration_fraction * (double)c->total_timesteps);
}

static double learning_rate(const struct config *c, int64_t step)
{
	return schedule_value(
		(enum schedule)c->learning_rate_schedule, c->learning_rate, 0, step, (double)c->total_timesteps);
}

static bool diverged(const struct train *t, const struct err *why, struct err *e)
{
	return err_set(e, ERR_DIVERGED,
		"diverged at step %" PRId64 " (update %" PRIu64
		"): %s; a smaller learning_rate or max_grad_norm usually helps",
		t->timesteps, t->agent.adam.t, why->msg);
}

static bool stopping(const struct train *t)
{
	return t->stop && *t->stop;
}

/* --- the environment --- */

void train_set_processes(struct train *t, struct process *train, struct process *eval)
{
	t->env.process = train;
	t->eval_envs.proto.process = eval;
}

/* FNV-1a over what came, from the sum before it. Of 32 bits, since a checkpoint has one for each step, and
 * word by word, so that any machine resumes from it. */
#define SUM_BASIS 2166136261u
static int32_t checksum(
	const struct train *t, uint32_t before, const float *obs, const uint8_t *mask, const struct step *s)
{
	const uint32_t prime = 16777619;
	uint32_t sum = before, bits;
	for (int i = 0; i < t->env.ops->obs_dim; i++) {
		memcpy(&bits, &obs[i], sizeof(bits));
		sum = (sum ^ bits) * prime;
	}
	for (int i = 0; mask && i < t->env.ops->n_actions; i++)
		sum = (sum ^ mask[i]) * prime;
	memcpy(&bits, &s->reward, sizeof(bits));
	sum = (sum ^ bits) * prime;
	return (int32_t)((sum ^ (uint32_t)(s->terminated + 2 * s->truncated)) * prime);
}

static bool begin_episode(struct train *t, struct err *e)
{
	struct episode_log *log = &t->episode_log;
	const struct step none = { .reward = 0 };
	struct rng rng = t->env_rng;
	log->seed = rng_u64(&rng);
	if (!env_reset(&t->env, log->seed, t->obs, t->mask, e))
		return false;
	t->env_rng = rng;
	t->in_episode = true;
	log->n = 0;
	if (log->n_most > 0)
		log->sum[0] = checksum(t, SUM_BASIS, t->obs, t->mask, &none);
	return true;
}

/* Into next_obs and next_mask. */
static bool step(struct train *t, int action, struct step *s, struct err *e)
{
	struct episode_log *log = &t->episode_log;
	if (!env_step(&t->env, action, t->next_obs, t->next_mask, s, e))
		return false;
	if (log->n < log->n_most) {
		const uint32_t before = (uint32_t)log->sum[log->n];
		log->action[log->n++] = action;
		log->sum[log->n] = checksum(t, before, t->next_obs, t->next_mask, s);
	}
	return true;
}

/* The episode under way is given up. */
static void drop_episode(struct train *t)
{
	if (t->episode_length > 0)
		replay_cut(&t->replay);
	t->in_episode = false;
	t->episode_return = 0;
	t->episode_length = 0;
	t->repeats_left = 0;
}

/* The reply to action n = 1, 2, ...; 0: to the reset. */
static bool differs(int64_t n, struct err *e)
{
	char which[40] = "the reset";
	if (n > 0)
		snprintf(which, sizeof(which), "action %" PRId64, n);
	return err_set(e, ERR_ENV,
		"environment: it is not deterministic: %s of the episode under way got another reply "
		"before the run was interrupted; env_deterministic = false drops such an episode",
		which);
}

bool train_resume(struct train *t, struct err *e)
{
	const struct episode_log *log = &t->episode_log;
	struct step s = { .reward = 0 };
	if (t->env.ops->reset || !t->in_episode)
		return true;
	if (!t->config.env_deterministic) {
		drop_episode(t);
		return true;
	}
	if (!env_reset(&t->env, log->seed, t->next_obs, t->next_mask, e))
		return e->kind == ERR_NONE;
	int32_t sum = checksum(t, SUM_BASIS, t->next_obs, t->next_mask, &s);
	if (sum != log->sum[0])
		return differs(0, e);
	for (int64_t i = 0; i < log->n && !stopping(t); i++) {
		if (!env_step(&t->env, log->action[i], t->next_obs, t->next_mask, &s, e))
			return e->kind == ERR_NONE;
		sum = checksum(t, (uint32_t)sum, t->next_obs, t->next_mask, &s);
		if (sum != log->sum[i + 1])
			return differs(i + 1, e);
	}
	return true;
}

static void swap_obs(struct train *t)
{
	float *const obs = t->obs;
	uint8_t *const mask = t->mask;
	t->obs = t->next_obs, t->next_obs = obs;
	t->mask = t->next_mask, t->next_mask = mask;
}

/* Step 1. *q as policy_act: NULL after a random action. */
static int act(struct train *t, double epsilon, const float **q)
{
	struct rng *rng = &t->stream[STREAM_EXPLORATION];
	const bool allowed = !t->mask || t->mask[t->random_action];
	if (t->repeats_left > 0 && allowed) {
		t->repeats_left--;
		*q = NULL;
		return t->random_action;
	}
	const int action = policy_act(&t->agent.policy, t->obs, t->mask, epsilon, rng, q);
	t->repeats_left = 0;
	if (!*q && t->config.exploration_repeat > 1) {
		t->random_action = action;
		t->repeats_left = policy_duration(t->config.exploration_repeat, rng) - 1;
	}
	return action;
}

/* Steps 1 to 3: one transition into the replay buffer. False with ERR_NONE if it was interrupted: then
 * nothing has happened. */
static bool collect(struct train *t, struct err *e)
{
	const struct config *c = &t->config;
	const bool warmup = t->preloaded + t->timesteps < c->learning_starts;
	const double epsilon = warmup ? 1 : exploration_rate(c, t->timesteps);
	const struct rng rng = t->stream[STREAM_EXPLORATION];
	const int32_t random_action = t->random_action;
	const int64_t repeats_left = t->repeats_left;
	const float *q;
	struct step s;
	struct err why;
	if (!t->in_episode && !begin_episode(t, e))
		return false;
	const int action = act(t, epsilon, &q);
	if (q && !policy_is_finite(q, (size_t)t->env.ops->n_actions)) {
		err_set(&why, ERR_DIVERGED, "a Q value is not finite");
		return diverged(t, &why, e);
	}
	if (!step(t, action, &s, e)) {
		t->stream[STREAM_EXPLORATION] = rng;
		t->random_action = random_action;
		t->repeats_left = repeats_left;
		return false;
	}
	t->timesteps++;
	t->n_greedy += q != NULL;
	t->episode_return += s.reward;
	t->episode_length++;
	replay_push(&t->replay, t->obs, t->mask, action, (float)(s.reward * c->reward_scale), t->next_obs, t->next_mask,
		s.terminated, s.truncated);

	swap_obs(t);
	if (s.terminated || s.truncated) {
		t->window.episode_return[t->episodes % STATS_WINDOW] = t->episode_return;
		t->window.length[t->episodes % STATS_WINDOW] = t->episode_length;
		t->episode = (struct episode_row){ t->episode_return, t->episode_length, t->timesteps, s.terminated };
		t->events |= TRAIN_EPISODE;
		t->episodes++;
		t->episode_return = 0;
		t->episode_length = 0;
		t->repeats_left = 0;
		t->in_episode = false;
	}
	return true;
}

static int64_t updates_due(const struct train *t)
{
	const struct config *c = &t->config;
	if (t->preloaded + t->timesteps <= c->learning_starts || t->timesteps % c->train_freq != 0)
		return 0;
	return config_updates_per_round(c);
}

static void look(const struct train *t, bool learned)
{
	if (t->look)
		t->look(t->look_arg, t, learned);
}

void train_sample(struct train *t)
{
	struct rng *rng = &t->stream[STREAM_REPLAY];
	replay_sample(&t->replay, rng, t->update.n_steps, t->config.gamma, t->update.beta, &t->batch);
	if (t->mirror_obs)
		batch_mirror(&t->batch, rng, t->mirror_obs, t->env.ops->n_actions);
}

/* Step 4, or what is left of it. */
static bool learn(struct train *t, struct err *e)
{
	const struct config *c = &t->config;
	for (; t->updates_due > 0 && !stopping(t); t->updates_due--) {
		struct update *u = &t->update;
		struct err why;
		u->beta = schedule_value(SCHEDULE_LINEAR, c->per_beta0, 1, t->timesteps, (double)c->total_timesteps);
		u->learning_rate = learning_rate(c, t->timesteps);
		u->n_steps = config_n_steps(c, t->timesteps);
		train_sample(t);
		look(t, false);
		if (!agent_learn(&t->agent, &t->batch, u->learning_rate, &u->stats, &why))
			return diverged(t, &why, e);
		replay_update_priorities(&t->replay, &t->batch, t->agent.td_error);
		look(t, true);
		t->sum.loss += u->stats.loss;
		t->sum.q_mean += u->stats.q_mean;
		t->sum.grad_norm += u->stats.grad_norm;
		t->n_sum++;
		t->diagnosed = false;
		if (t->agent.adam.t == 1) {
			train_diagnose(t);
			t->first_q = fmax(fabs(t->diagnostics.q_max), fabs(t->diagnostics.q_min));
		}
	}
	return true;
}

/* Continues an evaluation. True with its figures once it is over; false with ERR_NONE if it was
 * interrupted, or with what went wrong. */
static bool continue_eval(struct train *t, struct evaluation *ev, enum train_stream stream, int64_t n_episodes,
	struct eval_stats *stats, struct err *e)
{
	const struct eval_listener listener = { .stop = t->stop, .tell = t->tell, .arg = t->tell_arg };
	struct episode_seeds seeds = { .rng = &t->stream[stream] };
	struct policy policy = t->agent.policy;
	struct err why;
	policy.params = t->agent.average;
	policy.gamma = t->config.gamma;
	policy.reward_scale = t->config.reward_scale;
	while (ev->n < (double)n_episodes) {
		struct episode episodes[POLICY_ROWS];
		const size_t before = (size_t)ev->n;
		if (!evaluate_some(
			    ev, &policy, &t->eval_envs, &seeds, n_episodes, 0, NULL, episodes, &listener, &why)) {
			*e = why;
			return why.kind == ERR_DIVERGED && diverged(t, &why, e);
		}
		for (size_t i = before; stream == STREAM_FINAL_EVAL && i < (size_t)ev->n; i++)
			t->final_returns[i] = episodes[i - before].episode_return;
		if (t->yields && ev->n < (double)n_episodes) {
			e->kind = ERR_NONE;
			return false;
		}
	}
	*stats = evaluation_stats(ev);
	return true;
}

bool train_check(const struct train *t, struct err *e)
{
	const struct agent *a = &t->agent;
	const size_t n = a->policy.net.n_params;
	struct err why;
	/* With an infinite second moment a weight never moves again. */
	if (isfinite(a->policy.k->sum_squares(n, a->online)) && isfinite(a->policy.k->sum_squares(n, a->v)))
		return true;
	err_set(&why, ERR_DIVERGED, "a weight or a moment of Adam is not finite");
	return diverged(t, &why, e);
}

/* Step 6; false as continue_eval. */
static bool eval_step(struct train *t, struct err *e)
{
	const struct config *c = &t->config;
	struct eval_row row = { .timesteps = t->timesteps, .n_updates = t->agent.adam.t };
	struct eval_stats confirm = { 0 };
	if (!continue_eval(t, &t->eval_state, STREAM_EVAL, c->eval_episodes, &row.stats, e))
		return false;
	const bool promising = row.stats.return_mean >= c->stop_return;
	if (promising && !continue_eval(t, &t->stop_state, STREAM_STOP, c->stop_episodes, &confirm, e))
		return false;
	t->eval_state = t->stop_state = (struct evaluation){ 0 };
	t->stopped = promising && confirm.return_mean >= c->stop_return;
	row.is_best = !t->has_best || row.stats.return_mean >= t->best_row.stats.return_mean;
	if (row.is_best) {
		memcpy(t->best, t->agent.average, (size_t)best_bytes(&t->agent.policy.net));
		t->best_row = row;
		t->has_best = true;
	}
	t->eval = row;
	t->events |= TRAIN_EVALUATED;
	return true;
}

/* Standard deviation of the n > 0 returns in the window, whose mean is known. */
static double window_std(const struct train *t, int64_t n, double mean)
{
	double squares = 0;
	for (int64_t i = 0; i < n; i++) {
		const double off = t->window.episode_return[i] - mean;
		squares += off * off;
	}
	return sqrt(squares / (double)n);
}

/* Warns once. Q values look diverged at twice the range of returns, and at twice those of the
 * initial network, since rewards may be tiny. A run looks collapsed once it has lost half of
 * its gain since the first row, if that gain is more than chance and more than it began with:
 * so the scale of returns does not matter. */
static void check_health(struct train *t, int64_t n_window)
{
	const struct log_row *row = &t->log;
	const double mean = row->ep_rew_mean;
	const double low = row->q_bound_low, high = row->q_bound, slack = fmax(high, -low);
	if (t->episodes > 0 && !t->has_mean) {
		t->first_mean = t->best_mean = mean;
		t->has_mean = true;
	}
	if (t->has_mean && mean > t->best_mean) {
		t->best_mean = mean;
		t->best_std = window_std(t, n_window, mean);
	}
	if (t->warning != WARNING_NONE)
		return;
	const double gain = t->best_mean - t->first_mean;
	if (fmax(row->diagnostics.q_max, row->q_mean) > fmax(high + slack, 2 * t->first_q) ||
		fmin(row->diagnostics.q_min, row->q_mean) < fmin(low - slack, -2 * t->first_q))
		t->warning = WARNING_DIVERGING;
	else if (t->episodes >= STATS_WINDOW && gain > fmax(t->first_mean, t->best_std) &&
		 mean < t->first_mean + gain / 2)
		t->warning = WARNING_COLLAPSED;
	if (t->warning != WARNING_NONE)
		t->events |= TRAIN_WARNED;
}

void train_diagnose(struct train *t)
{
	if (t->agent.adam.t > 0 && !t->diagnosed) {
		agent_diagnose(&t->agent, t->batch.mask, &t->diagnostics);
		agent_diagnose_obs(&t->batch, &t->diagnostics);
		t->diagnosed = true;
	}
}

static void log_step(struct train *t)
{
	const double n = (double)t->n_sum; /* 0 / 0 is the NaN that says "no updates" */
	const double nan = (double)NAN;
	struct log_row *row = &t->log;
	*row = (struct log_row){
		.timesteps = t->timesteps,
		.episodes = t->episodes,
		.n_updates = t->agent.adam.t,
		.exploration_rate = exploration_rate(&t->config, t->timesteps - 1),
		.learning_rate = learning_rate(&t->config, t->timesteps),
		.loss = t->sum.loss / n,
		.q_mean = t->sum.q_mean / n,
		.grad_norm = t->sum.grad_norm / n,
		.diagnostics = { nan, nan, nan, nan, nan, nan, nan, nan, nan },
	};
	config_q_range(&t->config, &row->q_bound_low, &row->q_bound);
	train_diagnose(t);
	if (t->diagnosed)
		row->diagnostics = t->diagnostics;
	const int64_t n_window = t->episodes < STATS_WINDOW ? t->episodes : STATS_WINDOW;
	for (int64_t i = 0; i < n_window; i++) {
		row->ep_rew_mean += t->window.episode_return[i];
		row->ep_len_mean += (double)t->window.length[i];
	}
	row->ep_rew_mean /= (double)n_window;
	row->ep_len_mean /= (double)n_window;
	t->sum = (struct learn_stats){ 0 };
	t->n_sum = 0;
	t->events |= TRAIN_LOGGED;
	check_health(t, n_window);
}

bool train_is_finished(const struct train *t)
{
	return t->phase == PHASE_COLLECT && (t->stopped || t->timesteps == t->config.total_timesteps);
}

static bool interrupted(struct train *t)
{
	t->events |= TRAIN_INTERRUPTED;
	return true;
}

bool train_step(struct train *t, struct err *e)
{
	const struct config *c = &t->config;
	t->events = 0;
	if (t->phase == PHASE_COLLECT) {
		if (!collect(t, e))
			return e->kind == ERR_NONE && interrupted(t);
		t->updates_due = updates_due(t);
		t->phase = PHASE_LEARN;
	}
	const bool eval_due = c->eval_freq > 0 && t->timesteps % c->eval_freq == 0;
	const bool last = t->timesteps == c->total_timesteps;
	if (t->phase == PHASE_LEARN) {
		if (!learn(t, e))
			return false;
		if (t->updates_due > 0)
			return interrupted(t);
		if (t->timesteps % c->target_update_interval == 0)
			agent_sync(&t->agent, c->tau);
		if ((eval_due || last) && !train_check(t, e))
			return false;
		t->phase = PHASE_REPORT;
	}
	if (eval_due && !eval_step(t, e))
		return e->kind == ERR_NONE && interrupted(t);
	t->phase = PHASE_COLLECT;
	if (train_is_finished(t))
		t->events |= TRAIN_FINISHED;
	if (t->timesteps % c->log_interval == 0 || t->events & TRAIN_FINISHED)
		log_step(t);
	return true;
}

bool train_final_eval(struct train *t, struct eval_stats *stats, struct err *e)
{
	return continue_eval(t, &t->final_state, STREAM_FINAL_EVAL, t->config.final_eval_episodes, stats, e);
}
