/* The keys of a configuration against each other: config_check, declared in run/config.h. */
#include "run/config.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const warning = NULL;

/* keys: those whose values an error is about; no keys: a warning. What was written for one of them may be an error
 * itself; then the value that it has instead is not what was meant. */
static void ERR_PRINTF(4, 5) say_if(struct report *r, const char *keys, bool is_so, const char *fmt, ...)
{
	char line[REPORT_LINE_SIZE];
	va_list args;
	for (int i = 0; keys && config_options[i].key; i++)
		is_so = is_so && !(r->no_value[i] && text_has_word(keys, config_options[i].key));
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (is_so && keys)
		report_error(r, "", "%s", line);
	else if (is_so)
		report_warning(r, "%s", line);
}

static void check_sizes(const struct config *c, struct report *r)
{
	say_if(r, "learning_starts total_timesteps preload", c->learning_starts >= c->total_timesteps && !c->preload[0],
		"learning_starts = %" PRId64 " must be below total_timesteps = %" PRId64 ", or nothing is learned",
		c->learning_starts, c->total_timesteps);
	say_if(r, "batch_size buffer_size", c->batch_size > c->buffer_size,
		"batch_size = %" PRId64 " must not exceed buffer_size = %" PRId64, c->batch_size, c->buffer_size);
	say_if(r, "n_steps buffer_size", c->n_steps > c->buffer_size,
		"n_steps = %" PRId64 " must not exceed buffer_size = %" PRId64, c->n_steps, c->buffer_size);
	say_if(r, "n_steps_final buffer_size", c->n_steps_final > c->buffer_size,
		"n_steps_final = %" PRId64 " must not exceed buffer_size = %" PRId64, c->n_steps_final, c->buffer_size);
}

static void check_process(const struct config *c, struct report *r)
{
	const char *id = config_env(c)->id;
	const bool is_process = config_is_process(c);
	say_if(r, "id command", c->command[0] && !is_process, "command is for id = process; id = %s needs none", id);
	say_if(r, "id declaration", c->declaration[0] && !is_process,
		"declaration is for id = process; id = %s needs none", id);
	say_if(r, "id command", !c->command[0] && is_process,
		"id = process needs the command that starts the environment, as "
		"command = ./mine.py --wind 3");
}

static void check_exploration(const struct config *c, struct report *r)
{
	const double initial = c->exploration_initial_eps, final = c->exploration_final_eps;
	const double smallest = 1e-9; /* of an epsilon that falls by a factor a step */
	say_if(r, "exploration_schedule exploration_initial_eps exploration_final_eps",
		c->exploration_schedule == SCHEDULE_EXPONENTIAL && fmin(initial, final) < smallest,
		"exploration_schedule = exponential needs exploration_initial_eps and "
		"exploration_final_eps of at least 1e-9");
	say_if(r, "exploration_schedule exploration_initial_eps exploration_final_eps",
		c->exploration_schedule != SCHEDULE_CONSTANT && final > initial,
		"exploration_final_eps must not exceed exploration_initial_eps");
}

static void check_returns(const struct config *c, struct report *r)
{
	say_if(r, "clip_targets gamma", c->clip_targets && c->gamma == 1,
		"clip_targets needs gamma below 1: without a discount a return has no bound");
	say_if(r, "stop_return eval_freq", isfinite(c->stop_return) && c->eval_freq == 0,
		"stop_return needs evaluations, but eval_freq = 0");
}

static void check_range(const struct config *c, struct report *r)
{
	char a[TEXT_REAL_SIZE], b[TEXT_REAL_SIZE];
	const double low = config_env(c)->reward_low, high = config_env(c)->reward_high;
	const int64_t limit = config_eval_limit(c);
	double worst, best;
	config_return_range(c, &worst, &best);
	const bool is_beyond = isfinite(c->stop_return) && c->stop_return > best;
	say_if(r, "clip_targets id declaration", c->clip_targets && !(isfinite(low) && isfinite(high)),
		"clip_targets needs a finite range of rewards; 'reward=%s..%s' was declared", text_real(low, a),
		text_real(high, b));
	say_if(r, "stop_return id declaration eval_max_episode_steps", is_beyond && limit < INT64_MAX,
		"stop_return = %s can never be met: an evaluation of up to %" PRId64
		" steps an episode returns at most %s",
		text_real(c->stop_return, a), limit, text_real(best, b));
	say_if(r, "stop_return id declaration eval_max_episode_steps", is_beyond && limit == INT64_MAX,
		"stop_return = %s can never be met: an episode returns at most %s", text_real(c->stop_return, a),
		text_real(best, b));
}

static void check_factors(const struct config *c, struct report *r)
{
	const struct env_ops *ops = config_env(c);
	const struct factors *scale = &c->obs_scale, *signs = &c->mirror_obs;
	const bool has_sizes = ops->obs_high || strstr(c->declaration, " high=");
	say_if(r, "obs_scale id declaration", scale->kind == FACTORS_LIST && scale->n != 1 && scale->n != ops->obs_dim,
		"obs_scale has %d factors; %s has %d observations", scale->n, ops->id, ops->obs_dim);
	say_if(r, "obs_scale id declaration", scale->kind == FACTORS_BOUNDS && !has_sizes,
		"obs_scale = bounds needs typical sizes of the observations; %s declares no 'high=...'", ops->id);
	say_if(r, "mirror_obs id declaration", signs->kind == FACTORS_LIST && signs->n != 1 && signs->n != ops->obs_dim,
		"mirror_obs has %d signs; %s has %d observations", signs->n, ops->id, ops->obs_dim);
}

static void check_memory(const struct config *c, uint64_t memory_bytes, struct report *r)
{
	const double mib = 1 << 20;
	const uint64_t need = config_memory(c);
	say_if(r, "buffer_size net_arch batch_size", memory_bytes > 0 && need > memory_bytes,
		"buffer_size = %" PRId64 ", net_arch and batch_size need %.0f MiB; this machine "
		"has %.0f MiB",
		c->buffer_size, (double)need / mib, (double)memory_bytes / mib);
}

/* Steps before the first update; with preload, whose steps count, none at best. */
static int64_t n_before(const struct config *c)
{
	return c->preload[0] ? 0 : c->learning_starts;
}

/* Of a run that is not stopped. */
static double n_updates(const struct config *c)
{
	const int64_t times = c->total_timesteps / c->train_freq - n_before(c) / c->train_freq;
	return (double)times * (double)config_updates_per_round(c);
}

static void warn_of_returns(const struct config *c, struct report *r)
{
	char a[TEXT_REAL_SIZE], b[TEXT_REAL_SIZE];
	double low, high;
	config_return_range(c, &low, &high);
	say_if(r, warning, config_eval_limit(c) == INT64_MAX,
		"no time limit: an evaluation may never end; see eval_max_episode_steps");
	say_if(r, warning, c->stop_return <= low,
		"stop_return = %s is met by any evaluation: no episode returns less than %s",
		text_real(c->stop_return, a), text_real(low, b));
}

static void warn_of_learning(const struct config *c, double updates, struct report *r)
{
	char a[TEXT_REAL_SIZE];
	const int64_t interval = c->target_update_interval;
	/* The last step's copy of the target network serves no update. */
	const int64_t syncs = (c->total_timesteps - 1) / interval - n_before(c) / interval;
	const bool is_stuck = updates > 1 && c->tau * (double)syncs < 1;
	const int64_t first_update = (c->learning_starts / c->train_freq + 1) * c->train_freq;

	say_if(r, warning, c->learning_rate * updates < 1e-5, /* a step of Adam is at most learning_rate */
		"learning_rate = %s: no weight moves by more than %.2g in the whole run",
		text_real(c->learning_rate, a), c->learning_rate * updates);
	say_if(r, warning, (1 - c->ema_decay) * updates < 1,
		"ema_decay = %s averages over more than the %.0f updates of the run: "
		"evaluations judge the weights of its start",
		text_real(c->ema_decay, a), updates);
	say_if(r, warning, is_stuck,
		"target_update_interval = %" PRId64 " and tau = %s: the target network stays near its start", interval,
		text_real(c->tau, a));
	say_if(r, warning, !is_stuck && c->tau < 1 && interval > c->train_freq,
		"tau = %s moves the target network only every target_update_interval = "
		"%" PRId64 " steps; with tau below 1 it is usually train_freq = %" PRId64,
		text_real(c->tau, a), interval, c->train_freq);
	say_if(r, warning, c->learning_starts > c->buffer_size,
		"learning_starts = %" PRId64 " is more than buffer_size = %" PRId64
		" holds: what is overwritten before is never learned from",
		c->learning_starts, c->buffer_size);
	say_if(r, warning, c->batch_size > first_update && !c->preload[0],
		"batch_size = %" PRId64 " is more than the first update can draw from: %" PRId64 " transitions",
		c->batch_size, first_update);
}

void config_check_env(const struct config *c, uint64_t memory_bytes, struct report *r)
{
	check_factors(c, r);
	check_range(c, r);
	if (r->n_errors == 0)
		check_memory(c, memory_bytes, r);
	if (r->n_errors == 0)
		warn_of_returns(c, r);
}

void config_check(const struct config *c, uint64_t memory_bytes, struct report *r)
{
	const double updates = n_updates(c);
	for (int i = 0; r->choices && i < r->choices->n; i++) {
		const struct choice *choice = &r->choices->at[i];
		report_no_value(r, choice->option);
		report_error(r, choice->source,
			"%s = '%.80s' stands for several values: 'dqn sweep' runs them all, "
			"'%s=...' chooses one",
			choice->option->key, choice->text, choice->option->key);
	}
	check_process(c, r);
	check_sizes(c, r);
	check_exploration(c, r);
	check_returns(c, r);
	if (config_env(c)->obs_dim > 0)
		config_check_env(c, memory_bytes, r);
	if (r->n_errors > 0)
		return;

	say_if(r, warning, c->eval_freq > c->total_timesteps,
		"eval_freq = %" PRId64 " is longer than the run: there is only the final evaluation", c->eval_freq);
	say_if(r, warning, c->gradient_steps == 0, "gradient_steps = 0: nothing is learned");
	say_if(r, warning, c->gradient_steps != 0 && updates == 0,
		"train_freq = %" PRId64 " has no step after learning_starts in the run: nothing is learned",
		c->train_freq);
	if (updates > 0)
		warn_of_learning(c, updates, r);
}
