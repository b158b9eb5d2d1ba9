#include "run/logs.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define PROGRESS(cell, field) #field, cell, offsetof(struct train, log.field), NULL
#define DIAGNOSTIC(field) #field, CELL_REAL, offsetof(struct train, log.diagnostics.field), NULL
#define EVAL(cell, field) #field, cell, offsetof(struct eval_row, field), NULL
#define RETURN(field) #field, CELL_REAL, offsetof(struct eval_row, stats.field), NULL
#define TIMING(cell, field) #field, cell, offsetof(struct timing_row, field), NULL

static double terminal_share(const struct train *t)
{
	return (double)t->replay.n_terminated / (double)t->replay.count;
}

static const struct log_column progress[] = {
	{ PROGRESS(CELL_INT, timesteps), "environment steps so far" },
	{ PROGRESS(CELL_INT, episodes), "training episodes that have ended" },
	{ PROGRESS(CELL_INT, n_updates), "gradient steps so far" },
	{ PROGRESS(CELL_REAL, ep_rew_mean), "mean return of the last 100 training episodes" },
	{ PROGRESS(CELL_REAL, ep_len_mean), "their mean length in steps" },
	{ PROGRESS(CELL_REAL, exploration_rate), "epsilon" },
	{ PROGRESS(CELL_REAL, learning_rate), "Adam's step size" },
	{ PROGRESS(CELL_REAL, loss), "mean over the updates since the last row" },
	{ PROGRESS(CELL_REAL, q_mean), "Q(s,a) of the actions taken, mean since the last row" },
	{ PROGRESS(CELL_REAL, grad_norm),
		"norm of the gradient before clipping, mean since the last row" },
	{ DIAGNOSTIC(q_max), "largest Q(s,a) of any action in the last minibatch" },
	{ PROGRESS(CELL_REAL, q_bound), "the largest discounted return there can be" },
	{ DIAGNOSTIC(action_gap), "best less second-best Q(s,a), mean of the last minibatch" },
	{ DIAGNOSTIC(td_error_mean), "mean absolute TD error of the last minibatch" },
	{ DIAGNOSTIC(td_error_p95), "its 95th percentile" },
	{ DIAGNOSTIC(weight_norm), "Euclidean norm of all weights" },
	{ "terminal_share", CELL_REAL, 0, terminal_share,
		"share of terminated transitions in the buffer" },
	{ DIAGNOSTIC(dead_share), "share of ReLU units that were 0 on all of the last minibatch" },
	{ DIAGNOSTIC(q_min), "smallest Q(s,a) of any action in the last minibatch" },
	{ PROGRESS(CELL_REAL, q_bound_low), "the smallest discounted return there can be" },
	{ .name = NULL },
};

static const struct log_column eval[] = {
	{ EVAL(CELL_INT, timesteps), "environment steps so far" },
	{ EVAL(CELL_INT, n_updates), "gradient steps so far" },
	{ RETURN(return_mean), "mean return of the episodes of this evaluation" },
	{ RETURN(return_std), "its standard deviation, dividing by n" },
	{ RETURN(return_min), "the smallest of them" },
	{ RETURN(return_max), "the largest of them" },
	{ EVAL(CELL_BOOL, is_best), "true: the best mean so far, or as good" },
	{ .name = NULL },
};

static const struct log_column episodes[] = {
	/* SB3's names first */
	{ "r", CELL_REAL, offsetof(struct episode_row, episode_return), NULL,
		"return of the episode" },
	{ "l", CELL_INT, offsetof(struct episode_row, length), NULL, "its length in steps" },
	{ "timesteps", CELL_INT, offsetof(struct episode_row, timesteps), NULL,
		"environment steps of the run at its end" },
	{ "terminated", CELL_BOOL, offsetof(struct episode_row, terminated), NULL,
		"false: the time limit cut it" },
	{ .name = NULL },
};

static const struct log_column timing[] = {
	{ TIMING(CELL_INT, timesteps), "environment steps so far" },
	{ TIMING(CELL_SECONDS, wall_s), "wall clock since the run began, while it was at work" },
	{ TIMING(CELL_RATE, steps_per_s), "environment steps a second over that time" },
	{ TIMING(CELL_INT, max_rss_kib), "the most memory the process has had, KiB" },
	{ .name = NULL },
};

const struct log run_logs[N_LOGS] = {
	[LOG_PROGRESS] = { "progress.csv", "a row every log_interval steps", progress },
	[LOG_EVAL] = { "eval.csv", "a row per evaluation", eval },
	[LOG_EPISODES] = { "episodes.csv", "a row per training episode", episodes },
	[LOG_TIMING] = { "timing.csv",
		"a row with each of progress.csv; the only file in which two equal runs differ",
		timing },
};

void log_header(struct text *t, enum run_log log)
{
	const struct log_column *first = run_logs[log].columns;
	for (const struct log_column *c = first; c->name; c++)
		text_add(t, "%s%s", c == first ? "" : ",", c->name);
	text_add(t, "\n");
}

static void add_cell(struct text *t, const struct log_column *c, const void *row)
{
	const void *value = (const char *)row + c->offset;
	int64_t n;
	double x;
	bool b;
	if (c->cell == CELL_INT) {
		memcpy(&n, value, sizeof(n));
		text_add(t, "%" PRId64, n);
		return;
	}
	if (c->cell == CELL_BOOL) {
		memcpy(&b, value, sizeof(b));
		text_add(t, "%s", b ? "true" : "false");
		return;
	}
	memcpy(&x, value, sizeof(x));
	if (c->value)
		x = c->value(row);
	if (c->cell != CELL_REAL)
		text_add(t, c->cell == CELL_SECONDS ? "%.6f" : "%.0f", x);
	else if (!isnan(x))
		text_add_real(t, x);
}

void log_cells(struct text *t, enum run_log log, const void *row)
{
	const struct log_column *first = run_logs[log].columns;
	for (const struct log_column *c = first; c->name; c++) {
		text_add(t, "%s", c == first ? "" : ",");
		add_cell(t, c, row);
	}
	text_add(t, "\n");
}
