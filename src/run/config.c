#include "run/config.h"

#include "run/hint.h"

#include <assert.h>
#include <ctype.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX ((int64_t)1 << 53) /* steps: exact in the doubles of other tools' CSV readers */

#define ROW(section_, type_, field, def_)                  \
	.section = section_, .key = #field, .type = type_, \
	.offset = offsetof(struct config, field), .def = def_
#define INT(section, field, def, min_, max_) \
	ROW(section, OPTION_INT, field, def), .min = min_, .max = max_
#define REAL(section, field, def, range_) ROW(section, OPTION_REAL, field, def), .range = range_
#define NAME(section, field, def, names_) ROW(section, OPTION_NAME, field, def), .names = names_

const struct option config_options[] = {
	{ ROW("run", OPTION_SEED, seed, "1"),
		.help = "Everything random follows from it: equal configurations give equal bytes.",
		.elsewhere = "random_seed" },
	{ INT("run", total_timesteps, "50000", 1, COUNT_MAX),
		.help = "Environment steps of the run; it ends there exactly, or before if "
			"stop_return is met.",
		.elsewhere = "n_timesteps max_steps num_steps total_steps timesteps" },

	{ .section = "env",
		.key = "id",
		.type = OPTION_NAME,
		.offset = offsetof(struct config, env),
		.def = "CartPole-v1",
		.names = env_ids,
		.help = "Gymnasium's environment id.",
		.elsewhere = "env env_id env_name environment" },
	{ INT("env", max_episode_steps, "0", 0, 1000000000),
		.help = "Steps after which an episode is truncated; 0: the environment's own "
			"limit.",
		.elsewhere = "time_limit max_steps_per_episode max_episode_length" },
	{ REAL("env", reward_scale, "1", "(0, 1e6]"),
		.help = "Rewards are multiplied by it before they are stored; logs show raw "
			"returns.",
		.elsewhere = "rew_scale reward_factor" },
	{ ROW("env", OPTION_SCALE, obs_scale, "none"),
		.help = "Network inputs are multiplied by it: none, bounds (the environment's own "
			"scaling), or "
			"one factor per component. Saved with the weights.",
		.elsewhere = "normalize_obs obs_normalization input_scale" },

	{ ROW("network", OPTION_WIDTHS, net_arch, "64,64"),
		.help = "Widths of the hidden layers, up to 8 of 1 to 4096; none: a linear "
			"network.",
		.elsewhere = "hidden_sizes hidden_layers hiddens layers hidden_dim fcnet_hiddens" },
	{ NAME("network", activation, "relu", activation_names),
		.help = "Between the layers; none follows the last.",
		.elsewhere = "activation_fn act_fn fcnet_activation nonlinearity" },
	{ NAME("network", weight_init, "torch", weight_init_names),
		.help = "torch: weights and biases uniform in +-1/sqrt(in). glorot_uniform (Keras), "
			"he_uniform and lecun_uniform: biases zero.",
		.elsewhere = "initializer kernel_initializer init" },

	{ REAL("network", initial_q, "0", "[-1e6, 1e6]"),
		.help = "Added to every Q value at the start, through the biases of the last layer: "
			"an optimistic start if it is as large as a return can be.",
		.elsewhere = "q_init optimistic_init initial_value" },
	{ ROW("network", OPTION_BOOL, dueling, "false"),
		.help = "Two streams, each as wide as the last hidden layer: Q = V + A - mean(A).",
		.elsewhere = "dueling_dqn use_dueling" },

	{ REAL("agent", gamma, "0.99", "[0, 1]"), .help = "Discount factor.",
		.elsewhere = "discount discount_factor" },
	{ INT("agent", batch_size, "64", 1, 65536),
		.help = "Transitions in a minibatch, drawn uniformly with replacement.",
		.elsewhere = "minibatch_size train_batch_size batch" },
	{ INT("agent", learning_starts, "1000", 0, COUNT_MAX),
		.help = "Steps of uniformly random actions before the first update; epsilon falls "
			"meanwhile.",
		.elsewhere = "min_replay_history replay_start_size warmup_steps "
			     "num_steps_sampled_before_learning_"
			     "starts learning_start" },
	{ INT("agent", train_freq, "1", 1, 1000000),
		.help = "Updates are due every this many steps.",
		.elsewhere = "train_frequency update_period update_every training_freq" },
	{ INT("agent", gradient_steps, "1", -1, 1000000),
		.help = "Updates each time they are due; -1: as many as the steps since the last "
			"time.",
		.elsewhere = "n_updates num_updates updates_per_step utd_ratio" },
	{ INT("agent", target_update_interval, "500", 1, COUNT_MAX),
		.help = "The target network is updated every this many environment steps.",
		.elsewhere = "target_network_frequency target_update_freq "
			     "target_network_update_freq target_update "
			     "target_update_period target_update_frequency" },
	{ REAL("agent", tau, "1", "(0, 1]"),
		.help = "target = tau * online + (1 - tau) * target; 1 copies the network.",
		.elsewhere = "polyak soft_update_tau target_tau" },
	{ ROW("agent", OPTION_BOOL, double_q, "false"),
		.help = "Double DQN: the online network chooses the next action, the target "
			"network rates it.",
		.elsewhere = "is_double double_dqn use_double double" },
	{ INT("agent", n_steps, "1", 1, 64),
		.help = "Rewards in a return before it bootstraps; cut at an episode's end.",
		.elsewhere = "n_step update_horizon nstep n_step_return" },
	{ ROW("agent", OPTION_BOOL, clip_targets, "false"),
		.help = "TD targets are clipped to what a return can be: the rewards' range, 0 "
			"included, times reward_scale / (1 - gamma).",
		.elsewhere = "clip_return clip_q clip_target" },
	{ NAME("agent", loss, "huber", loss_names),
		.help = "Mean over the batch of smooth L1 (beta 1) or of the squared TD error.",
		.elsewhere = "loss_fn criterion loss_type" },
	{ REAL("agent", ema_decay, "0", "[0, 1)"),
		.help = "Evaluations judge, and files keep, an average of the weights: after each "
			"update average = ema_decay * average + (1 - ema_decay) * weights; 0: the "
			"weights themselves. Actions in training never use it.",
		.elsewhere = "ema model_ema_decay ema_momentum use_ema swa" },

	{ REAL("exploration", exploration_initial_eps, "1", "[0, 1]"),
		.help = "Epsilon, the share of random actions, at step 0.",
		.elsewhere = "start_e epsilon_start eps_start initial_epsilon epsilon" },
	{ REAL("exploration", exploration_final_eps, "0.05", "[0, 1]"),
		.help = "Epsilon at the end of the schedule; at every step of a constant one.",
		.elsewhere = "end_e epsilon_end eps_end final_epsilon epsilon_train epsilon_min "
			     "eps_train" },
	{ REAL("exploration", exploration_fraction, "0.2", "[0, 1]"),
		.help = "The schedule ends after this share of total_timesteps.",
		.elsewhere = "eps_decay epsilon_decay epsilon_timesteps eps_fraction" },
	{ NAME("exploration", exploration_schedule, "linear", schedule_names),
		.help = "How epsilon falls; exponential multiplies it by the same factor at every "
			"step.",
		.elsewhere = "epsilon_schedule eps_schedule" },

	{ INT("replay", buffer_size, "50000", 1, (int64_t)1 << 31),
		.help = "Transitions kept; the oldest are overwritten.",
		.elsewhere = "replay_size memory_size replay_capacity capacity replay_buffer_size "
			     "buffer_capacity" },

	{ ROW("replay", OPTION_BOOL, prioritized, "false"),
		.help = "Transitions are drawn in proportion to |TD error|^per_alpha; new ones have the largest priority so far.",
		.elsewhere = "prioritized_replay use_per per prioritized_experience_replay" },
	{ REAL("replay", per_alpha, "0.6", "[0, 1]"),
		.help = "How much the priority counts; 0: uniform.",
		.elsewhere = "prioritized_replay_alpha priority_exponent alpha_per" },
	{ REAL("replay", per_beta0, "0.4", "[0, 1]"),
		.help = "Importance correction at the start; it rises in a line to 1 at total_timesteps.",
		.elsewhere =
			"prioritized_replay_beta0 prioritized_replay_beta priority_weight per_beta" },
	{ REAL("replay", per_eps, "1e-06", "[1e-10, 1]"), .help = "Added to every |TD error|.",
		.elsewhere = "prioritized_replay_eps" },

	{ REAL("optimizer", learning_rate, "0.001", "(0, 1]"), .help = "Adam's step size.",
		.elsewhere = "lr alpha step_size" },
	{ NAME("optimizer", learning_rate_schedule, "constant", learning_rate_schedule_names),
		.help = "linear: from learning_rate at step 0 to 0 at total_timesteps.",
		.elsewhere = "anneal_lr lr_schedule" },
	{ REAL("optimizer", adam_beta1, "0.9", "[0, 1)"), .help = "Decay of the first moment.",
		.elsewhere = "beta1 beta_1 betas" },
	{ REAL("optimizer", adam_beta2, "0.999", "[0, 1)"), .help = "Decay of the second moment.",
		.elsewhere = "beta2 beta_2" },
	{ REAL("optimizer", adam_eps, "1e-08", "[1e-10, 1]"),
		.help = "Added to the root of the second moment, outside the root.",
		.elsewhere = "eps adam_epsilon optimizer_eps" },
	{ REAL("optimizer", max_grad_norm, "10", "[0, inf)"),
		.help = "The gradient over all weights is scaled down to this norm; 0: off.",
		.elsewhere = "grad_clip clip_grad_norm grad_norm_clipping clipnorm gradient_clip" },

	{ INT("eval", eval_freq, "5000", 0, COUNT_MAX),
		.help = "A greedy evaluation every this many steps; 0: off.",
		.elsewhere = "eval_interval evaluation_interval eval_every" },
	{ INT("eval", eval_episodes, "20", 1, 1000000),
		.help = "Episodes of each; the best mean decides which weights are kept as best.",
		.elsewhere = "n_eval_episodes num_eval_episodes evaluation_duration" },
	{ INT("eval", eval_max_episode_steps, "0", 0, 1000000000),
		.help = "Steps after which an episode of any evaluation is truncated; 0: the "
			"environment's own limit, whatever max_episode_steps is. With another "
			"limit, nothing is called solved.",
		.elsewhere = "eval_time_limit" },
	{ INT("eval", final_eval_episodes, "100", 1, 1000000),
		.help = "Episodes on which the final weights are judged, used for nothing else.",
		.elsewhere = "n_final_eval_episodes" },

	{ REAL("stop", stop_return, "none", "(-inf, inf]"),
		.help = "The run ends when an evaluation reaches it and a second one on other "
			"episodes "
			"confirms it; none: it runs to total_timesteps.",
		.elsewhere = "reward_threshold target_return stop_reward" },
	{ INT("stop", stop_episodes, "100", 1, 1000000),
		.help = "Episodes of that second evaluation.", .elsewhere = "confirm_episodes" },

	{ INT("log", log_interval, "1000", 1, COUNT_MAX),
		.help = "Steps between two rows of progress.csv.",
		.elsewhere = "log_freq log_every log_frequency" },

	{ REAL("checkpoint", checkpoint_interval, "10", "[0, 1e9]"),
		.help = "Seconds of wall clock between two checkpoints; from 1 second up at least "
			"50 times what saving takes. 0 saves only when the run is interrupted. "
			"Changes no result: a run may resume with another one.",
		.elsewhere = "checkpoint_freq save_freq save_interval checkpoint_every",
		.neutral = true },
	{ .key = NULL },
};

/* Other frameworks' keys that have no counterpart here, and why. */
static const struct {
	const char *word, *answer;
} absent[] = {
	{ "device", "everything runs on one CPU core" },
	{ "cuda", "everything runs on one CPU core" },
	{ "n_envs", "there is one environment; run several seeds side by side instead" },
	{ "num_envs", "there is one environment; run several seeds side by side instead" },
	{ "optimizer", "the optimiser is always Adam" },
	{ "policy", "the network is always a dense one, see net_arch" },
	{ "algo", "the algorithm is always DQN" },
	{ "algorithm", "the algorithm is always DQN" },
	{ "out", "the directory is chosen by --out" },
	{ "exp_name", "the directory is chosen by --out" },
	{ "tensorboard_log", "logs are CSV files in the run directory" },
	{ "track", "logs are CSV files in the run directory" },
	{ "torch_deterministic", "runs are always deterministic" },
};

enum { N_OPTIONS = sizeof(config_options) / sizeof(config_options[0]) - 1 };
_Static_assert(N_OPTIONS <= CONFIG_MAX_OPTIONS, "struct choices has room for every option");

void report_init(struct report *r)
{
	text_init(&r->text, r->buf, sizeof(r->buf));
	r->n_errors = r->n_warnings = 0;
	r->choices = NULL;
}

/* One line: a quoted name may hold anything, but no line break or escape comes out. */
static void report_line(struct report *r, const char *prefix, const char *fmt, va_list args)
{
	char line[REPORT_LINE_SIZE];
	const int n = snprintf(line, sizeof(line), "%s", prefix);
	if (n >= 0 && (size_t)n < sizeof(line))
		vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, args);
	text_make_printable(line);
	text_add(&r->text, "%s\n", line);
}

void report_error(struct report *r, const char *source, const char *fmt, ...)
{
	va_list args;
	if (r->n_errors++ >= REPORT_MAX_ERRORS)
		return;
	va_start(args, fmt);
	report_line(r, source, fmt, args);
	va_end(args);
}

static void ERR_PRINTF(2, 3) report_warning(struct report *r, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	report_line(r, "warning: ", fmt, args);
	va_end(args);
	r->n_warnings++;
}

const struct option *config_find(const char *key)
{
	for (const struct option *o = config_options; o->key; o++)
		if (strcmp(o->key, key) == 0)
			return o;
	return NULL;
}

/* Calls of next_word walk through a list separated by blanks. */
static bool next_word(const char **list, char *word, size_t size)
{
	*list += strspn(*list, " ");
	const size_t n = strcspn(*list, " ");
	if (n == 0)
		return false;
	snprintf(word, size, "%.*s", (int)n, *list);
	*list += n;
	return true;
}

const struct option *config_find_elsewhere(const char *key)
{
	char other[64];
	const struct option *found = config_find(key);
	for (const struct option *o = config_options; o->key && !found; o++)
		for (const char *list = o->elsewhere; next_word(&list, other, sizeof(other));)
			if (strcmp(other, key) == 0)
				found = o;
	return found;
}

const char *config_suggest(const char *word)
{
	char plain[64], other[64];
	size_t n = 0;
	for (; word[n] && n + 1 < sizeof(plain); n++)
		plain[n] = (char)(word[n] == '-' ? '_' : word[n]);
	plain[n] = '\0';

	const char *best = NULL;
	size_t best_distance = SIZE_MAX, distance;
	for (const struct option *o = config_options; o->key; o++) {
		if (text_is_near(plain, o->key, &distance) && distance < best_distance) {
			best = o->key;
			best_distance = distance;
		}
		for (const char *list = o->elsewhere; next_word(&list, other, sizeof(other));)
			if (text_is_near(plain, other, &distance) && distance < best_distance) {
				best = o->key;
				best_distance = distance;
			}
	}
	return best;
}

/* --- values --- */

static bool in_range(const char *range, double x)
{
	char *end;
	const double low = strtod(range + 1, &end);
	const double high = strtod(end + 1, &end); /* behind the comma */
	return (range[0] == '[' ? x >= low : x > low) && (*end == ']' ? x <= high : x < high);
}

/* Nearly all reals are used as floats: one that is not 0 must not be 0 then, nor have
 * lost its digits. */
static bool is_lost(double x)
{
	return x != 0 && fabs(x) < (double)FLT_MIN;
}

static bool allows_none(const struct option *o)
{
	return strstr(o->range, "inf]") != NULL;
}

void option_print_range(const struct option *o, struct text *t)
{
	switch (o->type) {
	case OPTION_SEED:
		text_add(t, "whole number, 0 to %" PRIu64, UINT64_MAX);
		break;
	case OPTION_INT:
		text_add(t, "whole number, %" PRId64 " to %" PRId64, o->min, o->max);
		break;
	case OPTION_REAL:
		if (allows_none(o))
			text_add(t, "real, or none");
		else
			text_add(t, "real in %s", o->range);
		break;
	case OPTION_BOOL:
		text_add(t, "true or false");
		break;
	case OPTION_NAME:
		text_add(t, "one of ");
		for (int i = 0; o->names[i]; i++)
			text_add(t, "%s%s", i ? ", " : "", o->names[i]);
		break;
	case OPTION_WIDTHS:
		text_add(t, "up to %d whole numbers, 1 to %d, separated by commas; or none",
			NET_MAX_HIDDEN, NET_MAX_WIDTH);
		break;
	case OPTION_SCALE:
		text_add(t, "none, bounds, or reals separated by commas, none of them 0");
		break;
	}
}

/* The next element of a comma-separated list, blanks around it removed. */
static bool next_element(const char **list, char *element, size_t size)
{
	if (!*list)
		return false;
	const char *s = *list + strspn(*list, " \t"), *comma = strchr(s, ',');
	size_t n = comma ? (size_t)(comma - s) : strlen(s);
	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	snprintf(element, size, "%.*s", n < size ? (int)n : 0, s); /* too long: nothing */
	*list = comma ? comma + 1 : NULL;
	return true;
}

static bool parse_widths(const char *s, struct widths *w)
{
	char element[64];
	int64_t width;
	*w = (struct widths){ 0 };
	if (strcmp(s, "none") == 0)
		return true;
	while (next_element(&s, element, sizeof(element))) {
		if (w->n == NET_MAX_HIDDEN || text_parse_i64(element, &width) != TEXT_OK ||
			width < 1 || width > NET_MAX_WIDTH)
			return false;
		w->width[w->n++] = (int)width;
	}
	return true;
}

static bool parse_scale(const char *s, struct obs_scale *scale)
{
	const double largest = 1e6;
	char element[64];
	*scale = (struct obs_scale){ .kind = OBS_SCALE_NONE };
	if (strcmp(s, "none") == 0)
		return true;
	scale->kind = OBS_SCALE_BOUNDS;
	if (strcmp(s, "bounds") == 0)
		return true;
	scale->kind = OBS_SCALE_LIST;
	while (next_element(&s, element, sizeof(element))) {
		double *value = &scale->value[scale->n];
		if (scale->n == ENV_MAX_OBS || text_parse_real(element, value) != TEXT_OK ||
			*value == 0 || is_lost(*value) || fabs(*value) > largest)
			return false;
		scale->n++;
	}
	return true;
}

static int name_index(const char *const *names, const char *s)
{
	for (int i = 0; names[i]; i++)
		if (strcmp(names[i], s) == 0)
			return i;
	return -1;
}

/* Stores the value, or returns false and leaves the field. */
static bool parse_value(const struct option *o, const char *s, void *field)
{
	switch (o->type) {
	case OPTION_SEED:
		return text_parse_u64(s, field) == TEXT_OK;
	case OPTION_INT: {
		int64_t v;
		if (text_parse_i64(s, &v) != TEXT_OK || v < o->min || v > o->max)
			return false;
		*(int64_t *)field = v;
		return true;
	}
	case OPTION_REAL: {
		double v;
		if (allows_none(o) && strcmp(s, "none") == 0)
			v = (double)INFINITY;
		else if (text_parse_real(s, &v) != TEXT_OK || !in_range(o->range, v) || is_lost(v))
			return false;
		*(double *)field = v == 0 ? 0 : v; /* no -0 */
		return true;
	}
	case OPTION_BOOL:
		if (strcmp(s, "true") != 0 && strcmp(s, "false") != 0)
			return false;
		*(bool *)field = s[0] == 't';
		return true;
	case OPTION_NAME: {
		const int i = name_index(o->names, s);
		if (i >= 0)
			*(int *)field = i;
		return i >= 0;
	}
	case OPTION_WIDTHS: {
		struct widths w;
		if (!parse_widths(s, &w))
			return false;
		*(struct widths *)field = w;
		return true;
	}
	case OPTION_SCALE: {
		struct obs_scale scale;
		if (!parse_scale(s, &scale))
			return false;
		*(struct obs_scale *)field = scale;
		return true;
	}
	}
	return false;
}

void config_print_value(const struct config *c, const struct option *o, struct text *t)
{
	const void *field = (const char *)c + o->offset;
	switch (o->type) {
	case OPTION_SEED:
		text_add(t, "%" PRIu64, *(const uint64_t *)field);
		break;
	case OPTION_INT:
		text_add(t, "%" PRId64, *(const int64_t *)field);
		break;
	case OPTION_REAL:
		if (isinf(*(const double *)field))
			text_add(t, "none");
		else
			text_add_real(t, *(const double *)field);
		break;
	case OPTION_BOOL:
		text_add(t, "%s", *(const bool *)field ? "true" : "false");
		break;
	case OPTION_NAME:
		text_add(t, "%s", o->names[*(const int *)field]);
		break;
	case OPTION_WIDTHS: {
		const struct widths *w = field;
		for (int i = 0; i < w->n; i++)
			text_add(t, "%s%d", i ? "," : "", w->width[i]);
		if (w->n == 0)
			text_add(t, "none");
		break;
	}
	case OPTION_SCALE: {
		const struct obs_scale *scale = field;
		static const char *const words[] = { "none", "bounds" };
		if (scale->kind != OBS_SCALE_LIST)
			text_add(t, "%s", words[scale->kind]);
		for (int i = 0; i < scale->n; i++) {
			text_add(t, "%s", i ? "," : "");
			text_add_real(t, scale->value[i]);
		}
		break;
	}
	}
}

void config_init(struct config *c)
{
	memset(c, 0, sizeof(*c));
	for (const struct option *o = config_options; o->key; o++) {
		const bool ok = parse_value(o, o->def, (char *)c + o->offset);
		assert(ok);
		(void)ok;
	}
}

void report_value(struct report *r, const char *source, const struct option *o, const char *value)
{
	char buf[256];
	struct text range;
	text_init(&range, buf, sizeof(buf));
	option_print_range(o, &range);
	char hint[HINT_SIZE];
	const char *near = hint_value(o, value, hint) ? hint
			   : o->type == OPTION_NAME   ? text_nearest(value, o->names)
						      : NULL;
	double real;
	if (o->type == OPTION_REAL && text_parse_real(value, &real) == TEXT_OK && is_lost(real)) {
		report_error(r, source,
			"%s = '%.80s' is too small: a float has 0 or at least 1.2e-38", o->key,
			value);
		return;
	}
	struct config c;
	const bool several = near && !config_set_value(&c, o, near);
	report_error(r, source, "%s = '%.80s' is not valid (%s)%s%s%s", o->key, value, buf,
		near ? "; did you mean '" : "", near ? near : "",
		several              ? "', several values for 'dqn sweep'?"
		: near               ? "'?"
		: strchr(value, '(') ? "; for 'dqn sweep', a | b, a..b, uniform(a, b), log(a, b)"
				     : "");
}

const char *config_why_absent(const char *word)
{
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		if (strcmp(absent[i].word, word) == 0)
			return absent[i].answer;
	return NULL;
}

void report_unknown_key(struct report *r, const char *source, const char *key)
{
	const char *answer = config_why_absent(key);
	if (answer) {
		report_error(r, source, "unknown key '%.80s': %s", key, answer);
		return;
	}
	/* Nobody would see it in a full report, and a file may hold a million such keys. */
	const char *near = r->n_errors >= REPORT_MAX_ERRORS ? NULL : config_suggest(key);
	if (near)
		report_error(r, source, "unknown key '%.80s'; did you mean '%s'?", key, near);
	else
		report_error(r, source,
			"unknown key '%.80s'; 'dqn config --explain' lists them all", key);
}

bool config_set_value(struct config *c, const struct option *o, const char *value)
{
	return parse_value(o, value, (char *)c + o->offset);
}

/* "1 | 3", "1..20", "log(1e-4, 1e-2)", "uniform(0.9, 0.99)" */
static bool is_choice(const char *value)
{
	const size_t n = strcspn(value, " \t(");
	const bool is_interval = (n == 3 && strncmp(value, "log", n) == 0) ||
				 (n == 7 && strncmp(value, "uniform", n) == 0);
	return strchr(value, '|') || (strstr(value, "..") && !strstr(value, "...")) ||
	       (is_interval && value[n + strspn(value + n, " \t")] == '(');
}

static void drop_choice(struct choices *choices, const struct option *o)
{
	for (int i = 0; i < choices->n; i++)
		if (choices->at[i].option == o)
			choices->at[i--] = choices->at[--choices->n];
}

static void add_choice(
	struct choices *choices, const char *source, const struct option *o, const char *value)
{
	struct choice *choice = &choices->at[choices->n++];
	choice->option = o;
	snprintf(choice->source, sizeof(choice->source), "%s", source);
	snprintf(choice->text, sizeof(choice->text), "%s", value);
}

/* Sets one key. seen[] has where each key was set before, in words, or "". */
static void set_key(struct config *c, const char *source, const char *key, const char *value,
	char seen[N_OPTIONS][16], const char *here, struct report *r)
{
	const struct option *o = config_find(key);
	if (!o) {
		report_unknown_key(r, source, key);
		return;
	}
	char *before = seen[o - config_options];
	if (before[0]) {
		report_error(r, source, "'%s' is set twice, first %s", key, before);
		return;
	}
	snprintf(before, sizeof(seen[0]), "%s", here);
	if (r->choices)
		drop_choice(r->choices, o);
	if (config_set_value(c, o, value))
		return;
	if (r->choices && is_choice(value) && strlen(value) <= INI_LINE_MAX)
		add_choice(r->choices, source, o, value);
	else
		report_value(r, source, o, value);
}

static bool section_known(const char *section)
{
	for (const struct option *o = config_options; o->key; o++)
		if (strcmp(o->section, section) == 0)
			return true;
	return false;
}

static void unknown_section(struct report *r, const char *source, const char *section)
{
	const char *best = NULL;
	size_t best_distance = SIZE_MAX, distance;
	for (const struct option *o = config_options; o->key; o++)
		if (text_is_near(section, o->section, &distance) && distance < best_distance) {
			best = o->section;
			best_distance = distance;
		}
	report_error(r, source, "unknown section [%.80s]%s%s%s", section,
		best ? "; did you mean [" : "", best ? best : "", best ? "]?" : "");
}

void config_parse(
	struct config *c, const char *name, const char *data, size_t len, struct report *r)
{
	struct ini ini;
	struct ini_item item;
	char seen[N_OPTIONS][16] = { "" }, here[16];
	bool known = false;
	const char *format = ini_other_format(data, len);
	if (format) {
		report_error(r, "",
			"%.250s:1: this is %s; a configuration is an INI file of [section] and key = value",
			name, format);
		return;
	}
	ini_init(&ini, data, len);
	while (ini_next(&ini, &item)) {
		char source[300];
		snprintf(source, sizeof(source), "%.250s:%d: ", name, item.line);
		snprintf(here, sizeof(here), "line %d", item.line);
		if (item.error) {
			report_error(r, source, "%s", item.error);
		} else if (!item.key) {
			known = section_known(item.section);
			if (!known)
				unknown_section(r, source, item.section);
		} else {
			const struct option *o = config_find(item.key);
			if (o && !item.section[0])
				report_error(r, source,
					"'%s' stands before any section; it belongs in [%s]",
					item.key, o->section);
			else if (o && known && strcmp(o->section, item.section) != 0)
				report_error(r, source, "'%s' belongs in [%s], not in [%s]",
					item.key, o->section, item.section);
			set_key(c, source, item.key, item.value, seen, here, r);
		}
	}
}

bool config_read(struct config *c, const char *name, const char *data, size_t len, struct err *e)
{
	static struct report r; /* not on a small stack */
	report_init(&r);
	config_init(c);
	config_parse(c, name, data, len, &r);
	return r.n_errors == 0 || err_set(e, ERR_CORRUPT, "%.*s", (int)strcspn(r.buf, "\n"), r.buf);
}

/* args[i] is not key=value. Says what it may have been ("seed 7", "seed = 7", "seed:7");
 * returns how many more of the arguments belong to it. */
static int split_override(int i, int n, char *const *args, const char *source, struct report *r)
{
	char key[64];
	const size_t len = strcspn(args[i], "=:");
	snprintf(key, sizeof(key), "%.*s", (int)len, args[i]);
	const char *near = len > 0 ? config_suggest(key) : NULL, *value = NULL;
	int last = i;
	if (args[i][len] && args[i][len + 1]) {
		value = args[i] + len + 1;
	} else if (i + 1 < n && args[i][len] == '\0' && args[i + 1][0] == '=') {
		last = args[i + 1][1] || i + 2 >= n ? i + 1 : i + 2;
		value = args[last] + (last == i + 1);
	} else if (i + 1 < n && !strchr(args[i + 1], '=')) {
		last = i + 1;
		value = args[last];
	}
	if (near) {
		report_error(r, source, "not a key=value override; write '%s=%s'", near,
			value ? value : "...");
		return last - i;
	}
	report_error(r, source, "not a key=value override");
	return 0;
}

void config_override(struct config *c, int n, char *const *args, struct report *r)
{
	char seen[N_OPTIONS][16] = { "" };
	for (int i = 0; i < n; i++) {
		char source[300], key[64];
		snprintf(source, sizeof(source), "'%.250s': ", args[i]);
		const char *equals = strchr(args[i], '=');
		const bool is_cut = equals && !equals[1] && i + 1 < n && !strchr(args[i + 1], '=');
		if (!equals || equals == args[i] || is_cut) {
			i += split_override(i, n, args, source, r);
			continue;
		}
		snprintf(key, sizeof(key), "%.*s", (int)(equals - args[i]), args[i]);
		/* run.seed=1 or +seed=1, as Hydra has it, would be two ways to say one thing. */
		const char *plain = strrchr(key, '.') ? strrchr(key, '.') + 1 : key;
		plain += strspn(plain, "+");
		const char *near = plain == key ? NULL : config_suggest(plain);
		if (near) {
			report_error(r, source, "keys need no %s here; write '%s=%s'",
				strchr(key, '.') ? "section" : "sign", near, equals + 1);
			continue;
		}
		set_key(c, source, key, equals + 1, seen, "on this line", r);
	}
}

/* --- keys against each other --- */

static void check_memory(const struct config *c, uint64_t memory_bytes, struct report *r)
{
	const double mib = 1 << 20;
	const uint64_t need = config_memory(c);
	if (memory_bytes > 0 && need > memory_bytes)
		report_error(r, "",
			"buffer_size = %" PRId64
			", net_arch and batch_size need %.0f MiB; this machine "
			"has %.0f MiB",
			c->buffer_size, (double)need / mib, (double)memory_bytes / mib);
}

/* Of updates, in a run that is not stopped. */
static int64_t n_updates(const struct config *c)
{
	const int64_t times =
		c->total_timesteps / c->train_freq - c->learning_starts / c->train_freq;
	const int64_t each = c->gradient_steps < 0 ? c->train_freq : c->gradient_steps;
	return each > 0 && times > COUNT_MAX / each ? COUNT_MAX : times * each;
}

/* What is allowed, but hardly meant. */
static void warn(const struct config *c, struct report *r)
{
	char a[TEXT_REAL_SIZE], b[TEXT_REAL_SIZE];
	double low, high;
	const double updates = (double)n_updates(c);
	/* The last step's copy of the target network serves no update. */
	const int64_t interval = c->target_update_interval;
	const int64_t syncs = (c->total_timesteps - 1) / interval - c->learning_starts / interval;
	const int64_t first_update = (c->learning_starts / c->train_freq + 1) * c->train_freq;

	env_return_range(config_env(c), config_eval_limit(c), &low, &high);
	if (c->stop_return <= low)
		report_warning(r,
			"stop_return = %s is met by any evaluation: no episode returns less than %s",
			text_real(c->stop_return, a), text_real(low, b));
	if (c->eval_freq > c->total_timesteps)
		report_warning(r,
			"eval_freq = %" PRId64
			" is longer than the run: there is only the final evaluation",
			c->eval_freq);
	if (c->gradient_steps == 0)
		report_warning(r, "gradient_steps = 0: nothing is learned");
	else if (updates == 0)
		report_warning(r,
			"train_freq = %" PRId64
			" has no step after learning_starts in the run: nothing is learned",
			c->train_freq);
	if (updates == 0)
		return;

	if (c->learning_rate * updates < 1e-5) /* Adam's step is no longer than that */
		report_warning(r,
			"learning_rate = %s: no weight moves by more than %.2g in the whole run",
			text_real(c->learning_rate, a), c->learning_rate * updates);
	if ((1 - c->ema_decay) * updates < 1)
		report_warning(r,
			"ema_decay = %s averages over more than the %.0f updates of the run: "
			"evaluations judge the weights of its start",
			text_real(c->ema_decay, a), updates);
	if (updates > 1 && c->tau * (double)syncs < 1)
		report_warning(r,
			"target_update_interval = %" PRId64
			" and tau = %s: the target network stays near its start",
			interval, text_real(c->tau, a));
	else if (c->tau < 1 && interval > c->train_freq)
		report_warning(r,
			"tau = %s moves the target network only every target_update_interval = "
			"%" PRId64 " steps; with tau below 1 it is usually train_freq = %" PRId64,
			text_real(c->tau, a), interval, c->train_freq);
	if (c->learning_starts > c->buffer_size)
		report_warning(r,
			"learning_starts = %" PRId64 " is more than buffer_size = %" PRId64
			" holds: what is overwritten before is never learned from",
			c->learning_starts, c->buffer_size);
	if (c->batch_size > first_update)
		report_warning(r,
			"batch_size = %" PRId64
			" is more than the first update can draw from: %" PRId64 " transitions",
			c->batch_size, first_update);
}

void config_check(const struct config *c, uint64_t memory_bytes, struct report *r)
{
	const struct env_ops *ops = config_env(c);
	char a[TEXT_REAL_SIZE], b[TEXT_REAL_SIZE];
	for (int i = 0; r->choices && i < r->choices->n; i++) {
		const struct choice *choice = &r->choices->at[i];
		report_error(r, choice->source,
			"%s = '%.80s' stands for several values: 'dqn sweep' runs them all, "
			"'%s=...' chooses one",
			choice->option->key, choice->text, choice->option->key);
	}
	if (c->learning_starts >= c->total_timesteps)
		report_error(r, "",
			"learning_starts = %" PRId64 " must be below total_timesteps = %" PRId64
			", or nothing is learned",
			c->learning_starts, c->total_timesteps);
	if (c->batch_size > c->buffer_size)
		report_error(r, "",
			"batch_size = %" PRId64 " must not exceed buffer_size = %" PRId64,
			c->batch_size, c->buffer_size);
	if (c->n_steps > c->buffer_size)
		report_error(r, "", "n_steps = %" PRId64 " must not exceed buffer_size = %" PRId64,
			c->n_steps, c->buffer_size);
	const double smallest = 1e-9; /* of an epsilon that is reached by multiplication */
	if (c->exploration_schedule == SCHEDULE_EXPONENTIAL &&
		(c->exploration_final_eps < smallest || c->exploration_initial_eps < smallest))
		report_error(r, "",
			"exploration_schedule = exponential needs exploration_initial_eps and "
			"exploration_final_eps of at least 1e-9");
	if (c->exploration_schedule != SCHEDULE_CONSTANT &&
		c->exploration_final_eps > c->exploration_initial_eps)
		report_error(
			r, "", "exploration_final_eps must not exceed exploration_initial_eps");
	if (c->obs_scale.kind == OBS_SCALE_LIST && c->obs_scale.n != ops->obs_dim)
		report_error(r, "", "obs_scale has %d factors; %s has %d observations",
			c->obs_scale.n, ops->id, ops->obs_dim);
	if (c->clip_targets && c->gamma == 1)
		report_error(r, "",
			"clip_targets needs gamma below 1: without a discount a return has no bound");
	if (isfinite(c->stop_return) && c->eval_freq == 0)
		report_error(r, "", "stop_return needs evaluations, but eval_freq = 0");
	double worst, best;
	env_return_range(ops, config_eval_limit(c), &worst, &best);
	if (isfinite(c->stop_return) && c->stop_return > best)
		report_error(r, "",
			"stop_return = %s can never be met: an evaluation of up to %" PRId64
			" steps an episode returns at most %s",
			text_real(c->stop_return, a), config_eval_limit(c), text_real(best, b));
	if (r->n_errors == 0)
		check_memory(c, memory_bytes, r);
	if (r->n_errors > 0)
		return;

	warn(c, r);
}

/* --- printing --- */

static void print_keys(const struct config *c, bool neutral, struct text *t)
{
	const char *section = "";
	for (const struct option *o = config_options; o->key; o++) {
		if (o->neutral && !neutral)
			continue;
		if (strcmp(section, o->section) != 0) {
			text_add(t, "%s[%s]\n", section[0] ? "\n" : "", o->section);
			section = o->section;
		}
		text_add(t, "%s = ", o->key);
		config_print_value(c, o, t);
		text_add(t, "\n");
	}
}

void config_print(const struct config *c, struct text *t)
{
	print_keys(c, true, t);
}

void config_print_deciding(const struct config *c, struct text *t)
{
	print_keys(c, false, t);
}

int config_compare(const struct config *a, const struct config *b, const struct option *o)
{
	const void *x = (const char *)a + o->offset, *y = (const char *)b + o->offset;
	switch (o->type) {
	case OPTION_SEED: {
		const uint64_t u = *(const uint64_t *)x, v = *(const uint64_t *)y;
		return (u > v) - (u < v);
	}
	case OPTION_INT: {
		const int64_t u = *(const int64_t *)x, v = *(const int64_t *)y;
		return (u > v) - (u < v);
	}
	case OPTION_REAL: {
		const double u = *(const double *)x, v = *(const double *)y;
		return (u > v) - (u < v);
	}
	case OPTION_BOOL:
		return *(const bool *)x - *(const bool *)y;
	case OPTION_NAME:
		return *(const int *)x - *(const int *)y;
	case OPTION_WIDTHS: {
		const struct widths *u = x, *v = y;
		for (int i = 0; i < u->n && i < v->n; i++)
			if (u->width[i] != v->width[i])
				return u->width[i] - v->width[i];
		return u->n - v->n;
	}
	case OPTION_SCALE: {
		const struct obs_scale *u = x, *v = y;
		for (int i = 0; i < u->n && i < v->n; i++)
			if (u->value[i] != v->value[i])
				return u->value[i] < v->value[i] ? -1 : 1;
		return u->kind != v->kind ? u->kind - v->kind : u->n - v->n;
	}
	}
	return 0;
}

int config_diff(const struct config *a, const struct config *b, struct text *t)
{
	int n = 0;
	for (const struct option *o = config_options; o->key; o++) {
		char buf_a[256], buf_b[256];
		struct text text_a, text_b;
		text_init(&text_a, buf_a, sizeof(buf_a));
		text_init(&text_b, buf_b, sizeof(buf_b));
		config_print_value(a, o, &text_a);
		config_print_value(b, o, &text_b);
		if (!o->neutral && strcmp(buf_a, buf_b) != 0)
			text_add(t, "%s%s: %s, not %s", n++ ? "; " : "", o->key, buf_a, buf_b);
	}
	return n;
}

bool config_check_same(const struct config *c, enum err_kind kind, const char *name,
	const char *theirs, struct err *e)
{
	struct config other;
	struct err why;
	char buf[512];
	struct text diff;
	if (!theirs)
		return err_set(e, ERR_CORRUPT, "'%.300s': no configuration in it", name);
	if (!config_read(&other, name, theirs, strlen(theirs), &why))
		return err_set(e, ERR_CORRUPT, "%s", why.msg);
	text_init(&diff, buf, sizeof(buf));
	return config_diff(&other, c, &diff) == 0 ||
	       err_set(e, kind, "'%.300s' is of another configuration (%.300s%s)", name, buf,
		       diff.len > 300 ? "; ..." : "");
}

/* --- what it means --- */

const struct env_ops *config_env(const struct config *c)
{
	return env_find(env_ids[c->env]);
}

bool config_net(const struct config *c, struct net *net, struct err *e)
{
	const struct env_ops *ops = config_env(c);
	struct net_shape shape = { .n_inputs = ops->obs_dim,
		.n_hidden = c->net_arch.n,
		.n_outputs = ops->n_actions,
		.activation = (enum activation)c->activation,
		.dueling = c->dueling };
	memcpy(shape.hidden, c->net_arch.width, (size_t)c->net_arch.n * sizeof(int));
	return net_init(net, &shape, e);
}

void config_obs_scale(const struct config *c, float obs_scale[ENV_MAX_OBS])
{
	const struct env_ops *ops = config_env(c);
	for (int i = 0; i < ENV_MAX_OBS; i++) {
		obs_scale[i] = 1;
		if (c->obs_scale.kind == OBS_SCALE_BOUNDS && i < ops->obs_dim)
			obs_scale[i] = (float)(1 / ops->obs_high[i]);
		else if (c->obs_scale.kind == OBS_SCALE_LIST && i < c->obs_scale.n)
			obs_scale[i] = (float)c->obs_scale.value[i];
	}
}

struct agent_opts config_agent_opts(const struct config *c)
{
	double low, high;
	config_q_range(c, &low, &high);
	return (struct agent_opts){
		.double_q = c->double_q,
		.loss = (enum loss)c->loss,
		.clip_targets = c->clip_targets,
		.target_low = low,
		.target_high = high,
		.max_grad_norm = c->max_grad_norm,
		.adam_beta1 = c->adam_beta1,
		.adam_beta2 = c->adam_beta2,
		.adam_eps = c->adam_eps,
		.ema_decay = c->ema_decay,
	};
}

void config_q_range(const struct config *c, double *low, double *high)
{
	const struct env_ops *ops = config_env(c);
	const double limit =
		(double)(c->max_episode_steps > 0 ? c->max_episode_steps : ops->max_episode_steps);
	const double horizon =
		c->gamma < 1 ? c->reward_scale / (1 - c->gamma) : c->reward_scale * limit;
	*low = fmin(0, ops->reward_low) * horizon;
	*high = fmax(0, ops->reward_high) * horizon;
}

int64_t config_eval_limit(const struct config *c)
{
	return c->eval_max_episode_steps > 0 ? c->eval_max_episode_steps
					     : config_env(c)->max_episode_steps;
}

double config_threshold(const struct config *c)
{
	const struct env_ops *ops = config_env(c);
	return config_eval_limit(c) == ops->max_episode_steps ? ops->solved_return : (double)NAN;
}

int64_t config_replay_slots(const struct config *c)
{
	return c->buffer_size < c->total_timesteps ? c->buffer_size : c->total_timesteps;
}

uint64_t config_memory(const struct config *c)
{
	struct net net;
	struct err e;
	if (!config_net(c, &net, &e))
		return UINT64_MAX;
	enum { EXTRA_BLOCKS = 3 }; /* the best weights, and two that files are built in */
	const size_t obs_dim = (size_t)net.dim[0];
	const uint64_t parts[] = {
		agent_bytes(&net, (size_t)c->batch_size, c->ema_decay),
		replay_bytes((uint64_t)config_replay_slots(c), obs_dim, c->prioritized),
		batch_bytes((size_t)c->batch_size, obs_dim),
		EXTRA_BLOCKS * sizeof(float) * (uint64_t)net.n_params,
		(uint64_t)c->final_eval_episodes * sizeof(double),
	};
	uint64_t sum = 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		sum = parts[i] > UINT64_MAX - sum ? UINT64_MAX : sum + parts[i];
	return sum;
}
