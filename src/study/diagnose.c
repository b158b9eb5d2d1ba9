#include "study/diagnose.h"

#include "base/pmath.h"
#include "run/logs.h"
#include "run/option.h"
#include "run/rundir.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- what the logs say --- */

/* A column of a log: x[i * stride] is the value of row i < n. */
struct series {
	const double *x;
	size_t n, stride;
};

/* In the order of series_columns. */
enum series_id {
	STEP,
	N_UPDATES,
	Q_MAX,
	Q_MIN,
	Q_BOUND,
	Q_BOUND_LOW,
	DEAD_SHARE,
	OBS_MAX,
	OBS_MIN,
	GRAD_NORM,
	TERMINAL_SHARE,
	EVAL_STEP,
	EVAL_RETURN,
	EVAL_STD,
	Q_START,
	DISCOUNTED_RETURN,
	EPISODE_STEP,
	EPISODE_RETURN,
	EPISODE_LENGTH,
	EPISODE_TERMINATED,
	N_SERIES
};

/* Of progress.csv, eval.csv and episodes.csv: "timesteps" begins each. */
static const char *const series_columns[N_SERIES] = { "timesteps", "n_updates", "q_max", "q_min", "q_bound",
	"q_bound_low", "dead_share", "obs_max", "obs_min", "grad_norm", "terminal_share", "timesteps", "return_mean",
	"return_std", "q_start", "discounted_return", "timesteps", "r", "l", "terminated" };

struct evidence {
	const struct config *c;
	const struct record *r;
	struct csv log[N_LOGS];
	struct series s[N_SERIES];
	struct diagnosis *d;
	double n_steps, n_updates; /* so far */
	int64_t starts;            /* the last step before the first update */
};

static double at(const struct evidence *v, enum series_id id, size_t i)
{
	const struct series *s = &v->s[id];
	return i < s->n ? s->x[i * s->stride] : (double)NAN;
}

static double last(const struct evidence *v, enum series_id id)
{
	return v->s[id].n > 0 ? at(v, id, v->s[id].n - 1) : (double)NAN;
}

/* From row `begin` on; NaN of none. */
static double largest(const struct evidence *v, enum series_id id, size_t begin)
{
	double max = (double)NAN;
	for (size_t i = begin; i < v->s[id].n; i++)
		max = fmax(max, at(v, id, i));
	return max;
}

/* With preload, whose steps count: by the log, at the earliest. */
static int64_t learning_starts(const struct evidence *v)
{
	size_t i = 0;
	while (i < v->s[N_UPDATES].n && at(v, N_UPDATES, i) == 0)
		i++;
	if (!v->c->preload[0] || i == v->s[N_UPDATES].n)
		return v->c->learning_starts;
	return i > 0 ? (int64_t)at(v, STEP, i - 1) : 0;
}

/* Of updates, in so many steps. */
static double n_rounds(const struct evidence *v, double steps)
{
	const double freq = (double)v->c->train_freq;
	return fmax(floor(steps / freq) - floor((double)v->starts / freq), 0);
}

/* The number after some words of a text; unchanged if it has no such words. */
static void read_after(const char *text, const char *words, double *x)
{
	double number;
	const char *at = strstr(text, words);
	if (at && text_scan_real(at + strlen(words), &number))
		*x = number;
}

/* Where a run diverged: its logs end at a row before. */
static void read_failed(struct evidence *v)
{
	enum { LIMIT = 4096 };
	struct dir d;
	struct err ignored;
	char *text;
	size_t len;
	if (v->r->state != RECORD_FAILED || !dir_open(&d, v->r->dir, &ignored))
		return;
	if (file_load(&d, RUN_FAILED, LIMIT, &text, &len, &ignored)) {
		read_after(text, "at step ", &v->n_steps);
		read_after(text, "(update ", &v->n_updates);
		free(text);
	}
	dir_close(&d);
}

static bool load(struct evidence *v, struct err *e)
{
	static const enum run_log logs[] = { LOG_PROGRESS, LOG_EVAL, LOG_EPISODES };
	bool ok = true;
	for (size_t i = 0; ok && i < sizeof(logs) / sizeof(logs[0]); i++)
		ok = record_log(v->r, run_logs[logs[i]].name, "timesteps", true, &v->log[logs[i]], e);
	for (int i = 0; ok && i < N_SERIES; i++) {
		const struct csv *t = &v->log[i < EVAL_STEP      ? LOG_PROGRESS
					      : i < EPISODE_STEP ? LOG_EVAL
								 : LOG_EPISODES];
		const double *x = csv_column(t, series_columns[i]);
		v->s[i] = (struct series){ x, x ? t->n_rows : 0, t->n_columns };
	}
	const double steps = fmax(fmax(last(v, STEP), last(v, EPISODE_STEP)), last(v, EVAL_STEP));
	v->n_steps = isnan(steps) ? 0 : steps;
	v->starts = learning_starts(v);
	v->n_updates = isnan(last(v, N_UPDATES)) ? n_rounds(v, v->n_steps) * (double)config_updates_per_round(v->c)
						 : last(v, N_UPDATES);
	read_failed(v);
	return ok;
}

/* True if `measure`, of a row of progress.csv or eval.csv, is above the limit in most rows that have a value: of the
 * log, or of its second half. Then *f has the last such value and the first such step. */
static bool mostly_above(const struct evidence *v, enum series_id step,
	double (*measure)(const struct evidence *v, size_t row), double limit, struct finding *f)
{
	const size_t n = v->s[step].n;
	size_t n_values[2] = { 0, 0 }, n_above[2] = { 0, 0 }; /* in each half */
	for (size_t i = 0; i < n; i++) {
		const double x = measure(v, i);
		const int half = i >= n / 2;
		n_values[half] += isnan(x) ? 0 : 1;
		if (!(x > limit))
			continue;
		if (n_above[0] + n_above[1] == 0)
			f->timesteps = (int64_t)at(v, step, i);
		n_above[half]++;
		f->number = x;
	}
	return 2 * n_above[1] > n_values[1] || 2 * (n_above[0] + n_above[1]) > n_values[0] + n_values[1];
}

/* --- is there anything to find? --- */

/* The evaluation between the first one and the best: what half of the gain has reached. */
static double half_gain(const struct evidence *v)
{
	return (at(v, EVAL_RETURN, 0) + largest(v, EVAL_RETURN, 0)) / 2;
}

/* Without a target: the returns have risen by more than their spread and kept half of it. */
static bool has_gained(const struct evidence *v)
{
	const double first = at(v, EVAL_RETURN, 0), best = largest(v, EVAL_RETURN, 0);
	return best - first > at(v, EVAL_STD, 0) && v->d->return_mean >= half_gain(v);
}

static bool is_rising(const struct evidence *v)
{
	const size_t n = v->s[EVAL_RETURN].n;
	const double all = largest(v, EVAL_RETURN, 0), late = largest(v, EVAL_RETURN, n - n / 3);
	return n >= 3 && late >= all && all > at(v, EVAL_RETURN, 0);
}

/* The evaluations of a run under way still rise, or are past half of the way to the target. */
static bool has_time(const struct evidence *v, double recent)
{
	const double half_way = (at(v, EVAL_RETURN, 0) + v->d->target) / 2;
	return isnan(recent) || v->n_steps < 0.5 * (double)v->c->total_timesteps || is_rising(v) || recent >= half_way;
}

static enum verdict judge(const struct evidence *v)
{
	const struct diagnosis *d = v->d;
	const size_t n = v->s[EVAL_RETURN].n;
	const bool is_over = v->r->state != RECORD_UNFINISHED;
	const double recent = is_over ? d->return_mean : largest(v, EVAL_RETURN, n > 3 ? n - 3 : 0);
	if (v->r->state == RECORD_FAILED)
		return VERDICT_FAILING;
	if (v->r->state == RECORD_DONE && v->r->result.stopped && !(v->c->stop_return < d->target))
		return VERDICT_HEALTHY;
	if (isnan(d->target) ? has_gained(v) : recent >= d->target)
		return VERDICT_HEALTHY;
	if (isnan(d->target) && n < 2)
		return VERDICT_EARLY;
	return is_over ? VERDICT_FAILING : has_time(v, recent) ? VERDICT_EARLY : VERDICT_FAILING;
}

/* --- rules on keys: what the run was asked to do --- */

/* Of a key: by itself it counts from the first update on; of a run without any, from its first step on. */
static bool key_is(const struct evidence *v, bool holds, const char *key, double number, struct finding *f)
{
	f->key = config_find(key);
	f->number = number;
	f->timesteps = v->n_updates > 0 ? (v->starts / v->c->train_freq + 1) * v->c->train_freq : 1;
	return holds;
}

static bool other_eval_limit(const struct evidence *v, struct finding *f)
{
	const int64_t own = config_env(v->c)->max_episode_steps, limit = config_eval_limit(v->c);
	key_is(v, true, "eval_max_episode_steps", (double)limit, f);
	f->timesteps = isnan(at(v, EVAL_STEP, 0)) ? v->c->eval_freq : (int64_t)at(v, EVAL_STEP, 0);
	return own > 0 && limit != own;
}

static bool early_stop(const struct evidence *v, struct finding *f)
{
	key_is(v, true, "stop_return", last(v, EVAL_RETURN), f);
	f->timesteps = (int64_t)v->n_steps;
	return v->r->state == RECORD_DONE && v->r->result.stopped && v->c->stop_return < v->d->target;
}

static bool late_start(const struct evidence *v, struct finding *f)
{
	const double starts = (double)v->starts;
	key_is(v, true, "learning_starts", starts, f);
	f->timesteps = 1;
	return starts > 0.5 * (double)v->c->total_timesteps;
}

static bool few_updates(const struct evidence *v, struct finding *f)
{
	const struct config *c = v->c;
	const double per_step = (double)config_updates_per_round(c) / (double)c->train_freq;
	const bool is_late = n_rounds(v, (double)c->total_timesteps) == 0 && v->starts < c->total_timesteps;
	const char *key = c->gradient_steps == 0 ? "gradient_steps" : "train_freq";
	return key_is(v, per_step < 0.02 || is_late, key, v->n_updates, f);
}

/* Of a hidden weight before the first update: 1 / sqrt(its layer's inputs). */
static double weight_size(const struct config *c)
{
	int widest = 1;
	for (int i = 0; i < c->net_arch.n; i++)
		widest = c->net_arch.width[i] > widest ? c->net_arch.width[i] : widest;
	return 1 / sqrt((double)widest);
}

static bool large_rate(const struct evidence *v, struct finding *f)
{
	const double share = v->c->learning_rate / weight_size(v->c);
	return key_is(v, share >= 0.2, "learning_rate", share, f);
}

/* What all updates together can move a weight by, in initial sizes. A step of Adam is
 * learning_rate g / (g + adam_eps), for a gradient of typical size g. */
static bool small_steps(const struct evidence *v, struct finding *f)
{
	const struct config *c = v->c;
	const double falls = c->learning_rate_schedule == SCHEDULE_LINEAR ? 0.5 : 1;
	double norm = largest(v, GRAD_NORM, 0), share = 1;
	struct net net;
	struct err e;
	if (c->max_grad_norm > 0)
		norm = fmin(norm, c->max_grad_norm);
	if (config_net(c, &net, &e) && norm > 0) {
		const double g = norm / sqrt((double)net.n_params);
		share = g / (g + c->adam_eps);
	}
	const double moved = c->learning_rate * falls * share * v->n_updates / weight_size(c);
	const char *key = share > 0.5                           ? "learning_rate"
			  : norm < largest(v, GRAD_NORM, 0) / 2 ? "max_grad_norm"
								: "adam_eps";
	return key_is(v, v->n_updates > 0 && moved < 5, key, moved, f);
}

static bool short_run(const struct evidence *v, struct finding *f)
{
	const int64_t n = v->c->total_timesteps;
	const bool is_short = n - v->starts < 2000 && v->n_updates < 2000 && n < 50000;
	return key_is(v, v->r->state == RECORD_DONE && is_short, "total_timesteps", v->n_updates, f);
}

static bool slow_average(const struct evidence *v, struct finding *f)
{
	const double window = 1 / (1 - v->c->ema_decay);
	return key_is(
		v, window > v->n_updates / 3 && v->c->ema_decay > 0.9 && v->n_updates > 0, "ema_decay", window, f);
}

/* Values need a copy for every n_steps to look back over a horizon of 1 / (1 - gamma). */
static bool rare_copies(const struct evidence *v, struct finding *f)
{
	const struct config *c = v->c;
	const double interval = (double)c->target_update_interval, tau = c->tau;
	const double copies = tau * floor((v->n_steps - (double)v->starts) / interval);
	const double horizon = fmin(1 / (1 - c->gamma), v->n_steps);
	const char *key = tau < 1 ? "tau" : "target_update_interval";
	const double reach = copies * (double)config_most_n_steps(c);
	return key_is(v, v->n_updates > 0 && reach < horizon / 2, key, fmax(copies, 0), f);
}

static bool short_sight(const struct evidence *v, struct finding *f)
{
	const double horizon = 1 / (1 - v->c->gamma);
	const int64_t own = config_env(v->c)->max_episode_steps;
	return key_is(v, horizon < 12 && (own == 0 || (double)own > 4 * horizon), "gamma", horizon, f);
}

static bool long_sight(const struct evidence *v, struct finding *f)
{
	return key_is(v, v->c->gamma >= 0.9995, "gamma", 1 - v->c->gamma, f);
}

/* The largest size that a value may have. */
static double value_size(const struct evidence *v)
{
	double low, high;
	config_q_range(v->c, &low, &high);
	return fmax(high, -low);
}

static bool large_values(const struct evidence *v, struct finding *f)
{
	const double size = value_size(v);
	return key_is(v, isfinite(size) && size > 500, "reward_scale", size, f);
}

static bool small_values(const struct evidence *v, struct finding *f)
{
	const double size = value_size(v);
	return key_is(v, size < 0.1 && size > 0, "reward_scale", size, f);
}

static bool far_start(const struct evidence *v, struct finding *f)
{
	const double start = v->c->initial_q, size = value_size(v);
	return key_is(v, size > 0 && fabs(start) > 3 * size, "initial_q", start, f);
}

static double ratio_of_obs(const struct evidence *v, size_t i)
{
	return at(v, OBS_MAX, i) / at(v, OBS_MIN, i);
}

static double size_of_obs(const struct evidence *v, size_t i)
{
	return at(v, OBS_MAX, i);
}

static double inverse_of_obs(const struct evidence *v, size_t i)
{
	return 1 / at(v, OBS_MAX, i);
}

static bool uneven_obs(const struct evidence *v, struct finding *f)
{
	f->key = config_find("obs_scale");
	return mostly_above(v, STEP, ratio_of_obs, 150, f);
}

static bool large_obs(const struct evidence *v, struct finding *f)
{
	f->key = config_find("obs_scale");
	return mostly_above(v, STEP, size_of_obs, 30, f);
}

static bool small_obs(const struct evidence *v, struct finding *f)
{
	f->key = config_find("obs_scale");
	const bool holds = mostly_above(v, STEP, inverse_of_obs, 30, f);
	f->number = 1 / f->number;
	return holds;
}

static bool small_batch(const struct evidence *v, struct finding *f)
{
	const double size = (double)v->c->batch_size;
	return key_is(v, size < 8, "batch_size", size, f);
}

static bool many_steps(const struct evidence *v, struct finding *f)
{
	const struct config *c = v->c;
	const int64_t half = config_half(c);
	if (key_is(v, c->n_steps > 20, "n_steps", (double)c->n_steps, f))
		return true;
	key_is(v, true, "n_steps_final", (double)c->n_steps_final, f);
	f->timesteps = f->timesteps < half ? half : f->timesteps;
	return c->n_steps_final > 20 && v->n_steps > (double)half;
}

static bool small_network(const struct evidence *v, struct finding *f)
{
	const struct widths *arch = &v->c->net_arch;
	int narrowest = arch->n > 0 ? arch->width[0] : 0;
	for (int i = 1; i < arch->n; i++)
		narrowest = arch->width[i] < narrowest ? arch->width[i] : narrowest;
	return key_is(v, narrowest < 8, "net_arch", narrowest, f);
}

static bool short_memory(const struct evidence *v, struct finding *f)
{
	const double size = (double)v->c->buffer_size, limit = (double)config_train_limit(v->c);
	const double longest = fmin(limit, largest(v, EPISODE_LENGTH, 0));
	const double episode = config_env(v->c)->max_episode_steps > 0 ? limit : longest;
	key_is(v, true, "buffer_size", size, f);
	f->timesteps = v->c->buffer_size;
	return size < 4 * episode && size < 0.1 * v->n_steps;
}

static bool random_to_the_end(const struct evidence *v, struct finding *f)
{
	const double final = v->c->exploration_final_eps;
	return key_is(v, final >= 0.5, "exploration_final_eps", final, f);
}

static bool falls_at_once(const struct config *c)
{
	return c->exploration_schedule != SCHEDULE_CONSTANT && c->exploration_fraction < 0.01 &&
	       c->exploration_initial_eps > 0.1;
}

/* Random actions in the whole run, as a share. */
static bool no_exploration(const struct evidence *v, struct finding *f)
{
	const struct config *c = v->c;
	const double fall = (c->exploration_initial_eps - c->exploration_final_eps) / 2;
	const double falls = c->exploration_schedule == SCHEDULE_CONSTANT ? 0 : c->exploration_fraction;
	const double share = falls * fall + c->exploration_final_eps + (double)v->starts / (double)c->total_timesteps;
	return key_is(v, share < 0.02, falls_at_once(c) ? "exploration_fraction" : "exploration_final_eps", share, f);
}

static bool short_training_episodes(const struct evidence *v, struct finding *f)
{
	const size_t n = v->s[EPISODE_STEP].n;
	const int64_t limit = config_train_limit(v->c);
	size_t n_cut = 0;
	for (size_t i = n / 2; i < n; i++)
		n_cut += at(v, EPISODE_TERMINATED, i) == 0;
	return key_is(
		v, 2 * n_cut > n - n / 2 && limit < config_eval_limit(v->c), "max_episode_steps", (double)limit, f);
}

/* --- rules on symptoms --- */

static bool diverged(const struct evidence *v, struct finding *f)
{
	key_is(v, true, "learning_rate", v->n_updates, f);
	f->timesteps = (int64_t)v->n_steps;
	return v->r->state == RECORD_FAILED;
}

/* By how many times the range of values the largest or the smallest one leaves it. */
static double excess(const struct evidence *v, size_t i)
{
	const double high = at(v, Q_BOUND, i), low = at(v, Q_BOUND_LOW, i);
	return fmax(at(v, Q_MAX, i) - high, low - at(v, Q_MIN, i)) / (high - low);
}

static bool beyond_bound(const struct evidence *v, struct finding *f)
{
	const struct config *c = v->c;
	const bool can_clip = c->gamma < 1 && !c->clip_targets && isfinite(value_size(v));
	f->key = config_find(can_clip ? "clip_targets" : "learning_rate");
	return mostly_above(v, STEP, excess, 0.5, f);
}

static bool frequent_copies(const struct evidence *v, struct finding *f)
{
	const struct config *c = v->c;
	const int64_t interval = c->target_update_interval;
	const bool each = c->tau == 1 && interval <= c->train_freq && config_updates_per_round(c) <= 1;
	return key_is(v, each, "target_update_interval", (double)interval, f);
}

static double dead_share(const struct evidence *v, size_t i)
{
	return at(v, DEAD_SHARE, i);
}

static bool dead_network(const struct evidence *v, struct finding *f)
{
	f->key = config_find("learning_rate");
	return mostly_above(v, STEP, dead_share, 0.9, f);
}

/* All training episodes were cut, with the same return, which is not the greatest. */
static bool goal_unseen(const struct evidence *v, struct finding *f)
{
	const size_t n = v->s[EPISODE_STEP].n;
	const double r = at(v, EPISODE_RETURN, 0);
	bool same = n >= 5;
	for (size_t i = 0; same && i < n; i++)
		same = at(v, EPISODE_TERMINATED, i) == 0 && at(v, EPISODE_RETURN, i) == r;
	key_is(v, true, falls_at_once(v->c) ? "exploration_fraction" : "max_episode_steps", (double)n, f);
	f->timesteps = same ? (int64_t)at(v, EPISODE_STEP, 0) : 0;
	return same && !(r > 0);
}

static double lacks_terminal(const struct evidence *v, size_t i)
{
	return at(v, TERMINAL_SHARE, i) == 0 && at(v, STEP, i) > (double)v->c->buffer_size;
}

/* Episodes have ended at the goal, which returns more than the time limit, but the buffer has forgotten them. */
static bool only_failures(const struct evidence *v, struct finding *f)
{
	double n[2] = { 0, 0 }, sum[2] = { 0, 0 }; /* cut, and ended */
	for (size_t i = 0; i < v->s[EPISODE_STEP].n; i++) {
		const int ended = at(v, EPISODE_TERMINATED, i) > 0;
		n[ended]++;
		sum[ended] += at(v, EPISODE_RETURN, i);
	}
	const bool holds = mostly_above(v, STEP, lacks_terminal, 0.5, f);
	f->key = config_find("buffer_size");
	f->number = n[1];
	return holds && n[0] > 0 && n[1] > 0 && sum[1] / n[1] > sum[0] / n[0];
}

/* How often evaluations fell from a level to below it, and the step of the first fall. */
static double falls_from(const struct evidence *v, double level, int64_t *first)
{
	double falls = 0;
	for (size_t i = 1; i < v->s[EVAL_STEP].n; i++)
		if (at(v, EVAL_RETURN, i) < level && at(v, EVAL_RETURN, i - 1) >= level) {
			if (falls == 0)
				*first = (int64_t)at(v, EVAL_STEP, i);
			falls++;
		}
	return falls;
}

/* The key that makes the weights to judge change less. */
static const struct option *steadier(const struct config *c)
{
	return config_find(c->ema_decay < 0.9                               ? "ema_decay"
			   : c->learning_rate_schedule == SCHEDULE_CONSTANT ? "learning_rate_schedule"
									    : "learning_rate");
}

/* From the target, or from half of the gain. */
static bool alternating(const struct evidence *v, struct finding *f)
{
	int64_t at_half = 0;
	const double half = falls_from(v, half_gain(v), &at_half);
	f->number = falls_from(v, v->d->target, &f->timesteps);
	if (half > f->number) {
		f->number = half;
		f->timesteps = at_half;
	}
	f->key = steadier(v->c);
	return f->number >= 2;
}

/* No evaluation of the second half returned what its training episodes did on average: the policy of a moment gets
 * stuck where a changing one does not. */
static bool stuck(const struct evidence *v, struct finding *f)
{
	const size_t n = v->s[EPISODE_RETURN].n, middle = n / 2, half = v->s[EVAL_RETURN].n / 2;
	double sum = 0;
	for (size_t i = middle; i < n; i++)
		sum += at(v, EPISODE_RETURN, i);
	f->number = sum / (double)(n - middle);
	f->timesteps = (int64_t)at(v, EVAL_STEP, half);
	f->key = steadier(v->c);
	return config_train_limit(v->c) == config_eval_limit(v->c) && f->number > largest(v, EVAL_RETURN, half);
}

static bool collapsed(const struct evidence *v, struct finding *f)
{
	const double first = at(v, EVAL_RETURN, 0), best = largest(v, EVAL_RETURN, 0);
	const double enough = isnan(v->d->target) ? at(v, EVAL_STD, 0) : (v->d->target - first) / 2;
	const bool fell = alternating(v, f) || f->number > 0;
	f->key = config_find("learning_rate");
	f->number = best;
	return fell && best - first > enough;
}

/* Value against truth, as a share of the range of values. A right value looks beyond the time
 * limit of evaluations: by at most gamma^limit of the range. */
static double value_gap(const struct evidence *v, size_t i)
{
	const double gap = fabs(at(v, Q_START, i) - at(v, DISCOUNTED_RETURN, i));
	const double limit = (double)config_eval_limit(v->c), gamma = v->c->gamma;
	const double beyond = gamma <= 0 ? 0 : gamma < 1 ? pm_exp(limit * pm_log(gamma)) : 1;
	return gap / value_size(v) - beyond;
}

static bool wrong_values(const struct evidence *v, struct finding *f)
{
	f->key = config_find(v->c->double_q ? "learning_rate" : "double_q");
	return mostly_above(v, EVAL_STEP, value_gap, 0.4, f);
}

static bool out_of_time(const struct evidence *v, struct finding *f)
{
	key_is(v, true, "total_timesteps", largest(v, EVAL_RETURN, 0), f);
	return v->r->state == RECORD_DONE && is_rising(v);
}

/* A run that falls back from half of its gain again and again has seen enough. */
static bool weak_exploration(const struct evidence *v, struct finding *f)
{
	int64_t unused;
	const double gone = v->c->exploration_fraction * (double)v->c->total_timesteps;
	const size_t n = v->s[EPISODE_STEP].n;
	size_t i = 0;
	while (i < n && at(v, EPISODE_TERMINATED, i) == 0)
		i++;
	key_is(v, true, "exploration_fraction", at(v, EPISODE_STEP, i), f);
	f->timesteps = (int64_t)gone;
	return i < n && f->number > gone && f->number > 0.1 * v->n_steps && falls_from(v, half_gain(v), &unused) < 4 &&
	       v->c->exploration_schedule != SCHEDULE_CONSTANT;
}

/* --- the rules --- */

/* The likeliest cause first: where several hold, keys far from anything that works come before
 * symptoms, which have many causes. The first one is not only of failing runs. */
static const struct rule {
	const char *name;
	bool (*holds)(const struct evidence *v, struct finding *f);
	const char *before, *after; /* of the number */
	const char *advice;
} rules[] = {
	{ "other evaluation limit", other_eval_limit, "evaluations end after",
		" steps, not at the environment's own limit", "0 is that limit" },
	{ "early stop", early_stop, "the run stopped at a return of", ", before it was solved",
		"the threshold or more" },
	{ "no updates", few_updates, "the run made only", " updates", "1 is usual" },
	{ "late start", late_start, "nothing is learned before step", "",
		"an earlier start leaves more steps to learn in" },
	{ "short sight", short_sight, "values look only", " steps ahead", "0.99 is usual" },
	{ "long sight", long_sight, "a step discounts values by only", " of them, so that they hardly settle",
		"0.99 is usual" },
	{ "large learning rate", large_rate, "an update moves a weight by up to", " times its initial size",
		"1e-3 is usual" },
	{ "short run", short_run, "the whole run made only", " updates", "50000 steps are usual" },
	{ "rare target copies", rare_copies, "the target network was copied only", " times",
		"a shorter interval or a larger tau carries values further" },
	{ "slow average", slow_average, "evaluations judge a mean over", " updates",
		"a smaller one forgets the first weights sooner" },
	{ "small network", small_network, "its narrowest layer has", " units", "64,64 is usual" },
	{ "small minibatch", small_batch, "transitions in an update: only", "", "32 is usual" },
	{ "many steps", many_steps, "a target adds up", " rewards of older policies", "3 is usual" },
	{ "random to the end", random_to_the_end, "the share of random actions does not fall below", "",
		"0.05 is usual" },
	{ "small rewards", small_values, "scaled returns are at most", ", less than a new network's values",
		"make returns about 1" },
	{ "large rewards", large_values, "scaled returns may reach", ", far from a new network's values",
		"make returns about 1" },
	{ "far start", far_start, "values begin at", ", beyond any return", "0 is usual" },
	{ "small observations", small_obs, "the largest input has the size", "", "make sizes about 1" },
	{ "uneven observations", uneven_obs, "the largest input is", " times the smallest", "make sizes about 1" },
	{ "large observations", large_obs, "the largest input has the size", "", "make sizes about 1" },
	{ "small steps", small_steps, "all updates together move a weight by about", " times its initial size",
		"larger steps, or more of them, move it further" },
	{ "short memory", short_memory, "the buffer holds only", " transitions, less than four long episodes",
		"a larger one forgets them later" },
	{ "little exploration", no_exploration, "the share of random actions in the whole run is only", "",
		"0.1 is usual" },
	{ "short training episodes", short_training_episodes, "training episodes end after",
		" steps, earlier than those of evaluations", "make them as long" },
	{ "diverged", diverged, "the network was not finite after", " updates", "a tenth of it is a start" },
	{ "values beyond the bound", beyond_bound, "values leave the range of possible returns by", " times its width",
		"clipped targets and smaller steps keep them there" },
	{ "no target network", frequent_copies, "the target network is copied every", " steps", "500 is usual" },
	{ "dead network", dead_network, "a share of", " of the hidden units is always 0", "a tenth of it is a start" },
	{ "goal never seen", goal_unseen, "all", " training episodes were cut at the time limit, with one return",
		"longer episodes see more" },
	{ "only failures in memory", only_failures, "episodes that ended, and that the buffer has forgotten:", "",
		"as many as the run has steps" },
	{ "weak exploration", weak_exploration, "epsilon had fallen before the first success, at step", "",
		"a longer fall sees more" },
	{ "alternating evaluations", alternating, "evaluations fell back", " times from what they had reached",
		"an average of the weights, or a smaller or falling learning rate, steadies them" },
	{ "stuck evaluations", stuck, "training episodes returned", ", more than any evaluation",
		"an average of the weights, or a smaller or falling learning rate, steadies the policy" },
	{ "wrong values", wrong_values, "values differ from the returns that followed by", " times the largest return",
		"" },
	{ "collapsed", collapsed, "evaluations had reached", "", "a tenth of it is a start" },
	{ "out of time", out_of_time, "the best evaluation,", ", was one of the last", "a longer run" },
};

static bool is_named(const struct diagnosis *d, const struct option *key)
{
	for (int i = 0; i < d->n; i++)
		if (d->finding[i].key == key)
			return true;
	return false;
}

bool diagnose(struct diagnosis *d, const struct record *r, struct err *e)
{
	struct evidence v = { .c = &r->config, .r = r, .d = d };
	*d = (struct diagnosis){ .target = r->threshold };
	const bool ok = load(&v, e);
	if (isnan(d->target) && isfinite(r->config.stop_return))
		d->target = r->config.stop_return;
	d->timesteps = (int64_t)v.n_steps;
	d->return_mean = r->state == RECORD_DONE ? r->result.final.return_mean : last(&v, EVAL_RETURN);
	d->verdict = judge(&v);
	/* Without an update, one cause is enough. */
	const int most = v.n_updates > 0 ? DIAGNOSIS_MAX : 1;
	for (size_t i = 0; ok && d->n < most && i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *rule = &rules[i];
		struct finding f = {
			.rule = rule->name, .before = rule->before, .after = rule->after, .advice = rule->advice
		};
		if ((i == 0 || d->verdict == VERDICT_FAILING) && rule->holds(&v, &f) && !is_named(d, f.key))
			d->finding[d->n++] = f;
	}
	for (int i = 0; i < N_LOGS; i++)
		csv_release(&v.log[i]);
	return ok;
}
