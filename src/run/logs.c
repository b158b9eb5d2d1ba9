#include "run/logs.h"

#include "run/rundir.h"
#include "run/train.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { ROW_SIZE = 1024 }; /* bytes of a header or a row, its line end included */

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
	{ PROGRESS(CELL_REAL, ep_len_mean), "mean length of these episodes in steps" },
	{ PROGRESS(CELL_REAL, exploration_rate), "epsilon" },
	{ PROGRESS(CELL_REAL, learning_rate), "Adam's step size" },
	{ PROGRESS(CELL_REAL, loss), "of the minibatches, mean since the last row" },
	{ PROGRESS(CELL_REAL, q_mean), "Q(s,a) of the minibatches, mean since the last row" },
	{ PROGRESS(CELL_REAL, grad_norm), "norm of the gradient before clipping, mean since the last row" },
	{ DIAGNOSTIC(q_max), "largest Q(s,a) of any action in the last minibatch" },
	{ PROGRESS(CELL_REAL, q_bound), "the largest discounted return there can be" },
	{ DIAGNOSTIC(action_gap), "best less second-best Q(s,a), mean of the last minibatch" },
	{ DIAGNOSTIC(td_error_mean), "mean absolute TD error of the last minibatch" },
	{ DIAGNOSTIC(td_error_p95), "95th percentile of these errors" },
	{ DIAGNOSTIC(weight_norm), "Euclidean norm of all weights" },
	{ "terminal_share", CELL_REAL, 0, terminal_share, "share of terminated transitions in the buffer" },
	{ DIAGNOSTIC(dead_share), "share of ReLU units that were 0 on all of the last minibatch" },
	{ DIAGNOSTIC(q_min), "smallest Q(s,a) of any action in the last minibatch" },
	{ PROGRESS(CELL_REAL, q_bound_low), "the smallest discounted return there can be" },
	{ DIAGNOSTIC(obs_max), "largest root mean square of an observation in the last minibatch, "
			       "after obs_scale" },
	{ DIAGNOSTIC(obs_min), "smallest of these; observations that are always 0 do not count" },
	{ .name = NULL },
};

static const struct log_column eval[] = {
	{ EVAL(CELL_INT, timesteps), "environment steps so far" },
	{ EVAL(CELL_INT, n_updates), "gradient steps so far" },
	{ RETURN(return_mean), "mean return of the episodes of this evaluation" },
	{ RETURN(return_std), "standard deviation of these returns, dividing by n" },
	{ RETURN(return_min), "smallest of these returns" },
	{ RETURN(return_max), "largest of these returns" },
	{ EVAL(CELL_BOOL, is_best), "true: no earlier evaluation has a better mean" },
	{ RETURN(q_start), "largest Q(s,a) of the evaluated network at the start of these episodes, mean" },
	{ RETURN(discounted_return),
		"what followed, in the unit of Q: reward_scale times the rewards, discounted by gamma, mean; "
		"where the time limit cuts an episode after T steps, Q looks further: up to gamma^T q_bound more" },
	{ .name = NULL },
};

static const struct log_column episodes[] = {
	/* SB3's names first */
	{ "r", CELL_REAL, offsetof(struct episode_row, episode_return), NULL, "return of the episode" },
	{ "l", CELL_INT, offsetof(struct episode_row, length), NULL, "its length in steps" },
	{ "timesteps", CELL_INT, offsetof(struct episode_row, timesteps), NULL,
		"environment steps of the run when the episode ended" },
	{ "terminated", CELL_BOOL, offsetof(struct episode_row, terminated), NULL,
		"false: it was cut, as by the time limit" },
	{ .name = NULL },
};

static const struct log_column timing[] = {
	{ TIMING(CELL_INT, timesteps), "environment steps so far" },
	{ TIMING(CELL_SECONDS, wall_s), "wall clock of the run so far, without interruptions" },
	{ TIMING(CELL_RATE, steps_per_s), "timesteps / wall_s" },
	{ TIMING(CELL_INT, max_rss_kib), "largest memory of the process so far, KiB" },
	{ .name = NULL },
};

const struct log run_logs[N_LOGS] = {
	[LOG_PROGRESS] = { RUN_PROGRESS, "a row every log_interval steps", progress },
	[LOG_EVAL] = { RUN_EVAL, "a row per evaluation", eval },
	[LOG_EPISODES] = { RUN_EPISODES, "a row per training episode", episodes },
	[LOG_TIMING] = { RUN_TIMING,
		"a row for each row of progress.csv; the only file that differs between two equal runs", timing },
};

/* --- rows --- */

static void add_header(struct text *t, const struct log_column *columns)
{
	for (const struct log_column *c = columns; c->name; c++)
		text_add(t, "%s%s", c == columns ? "" : ",", c->name);
	text_add(t, "\n");
}

static void add_cell(struct text *t, const struct log_column *c, const void *row)
{
	const void *value = (const char *)row + c->offset;
	const bool is_real = c->cell != CELL_INT && c->cell != CELL_BOOL;
	const double x = c->value ? c->value(row) : is_real ? *(const double *)value : 0;
	if (c->cell == CELL_INT)
		text_add(t, "%" PRId64, *(const int64_t *)value);
	else if (c->cell == CELL_BOOL)
		text_add(t, *(const bool *)value ? "true" : "false");
	else if (c->cell != CELL_REAL)
		text_add(t, c->cell == CELL_SECONDS ? "%.6f" : "%.0f", x);
	else if (!isnan(x))
		text_add_real(t, x);
}

static void add_row(struct text *t, const struct log_column *columns, const void *row)
{
	for (const struct log_column *c = columns; c->name; c++) {
		text_add(t, "%s", c == columns ? "" : ",");
		add_cell(t, c, row);
	}
	text_add(t, "\n");
	assert(!t->full);
}

/* --- files --- */

static bool write_text(struct logs *l, enum run_log log, const char *text, size_t len, struct err *e)
{
	l->size[log] += (int64_t)len;
	return file_write_fd(l->fd[log], run_logs[log].name, text, len, e);
}

/* A run that resumes appends only to columns that are those of today. */
static bool check_header(const struct logs *l, enum run_log log, struct err *e)
{
	const char *name = run_logs[log].name;
	char want[ROW_SIZE], has[ROW_SIZE];
	int fd;
	uint64_t len;
	struct text t = text_into(want, sizeof(want));
	add_header(&t, run_logs[log].columns);
	if (!file_open(l->dir, name, &fd, &len, e))
		return false;
	const bool is_read = len < t.len || file_read_at(fd, name, 0, has, t.len, e);
	close(fd);
	if (!is_read || (len >= t.len && memcmp(has, want, t.len) == 0))
		return is_read;
	return err_set(e, ERR_CORRUPT,
		"the columns of '%.500s/%s' are not those of this version of dqn; --fresh starts the run again",
		l->dir->path, name);
}

/* Opens a log without changing it. */
static bool open_log(struct logs *l, enum run_log log, const int64_t *size, struct err *e)
{
	const char *name = run_logs[log].name;
	uint64_t found = 0;
	if ((!size || file_exists(l->dir, name)) && !file_open_to_write(l->dir, name, !size, &l->fd[log], &found, e))
		return false;
	if (size && (l->fd[log] < 0 || found < (uint64_t)size[log]))
		return err_set(e, ERR_CORRUPT,
			"'%.500s/%s' is shorter than the checkpoint says; --fresh starts the run again", l->dir->path,
			name);
	return !size || check_header(l, log, e);
}

static bool begin_log(struct logs *l, enum run_log log, const int64_t *size, struct err *e)
{
	char buf[ROW_SIZE];
	const int fd = l->fd[log];
	const int64_t want = size ? size[log] : 0, is = lseek(fd, 0, SEEK_END);
	l->size[log] = want;
	if (is < 0 || (is > want && (ftruncate(fd, want) < 0 || lseek(fd, want, SEEK_SET) < 0)))
		return err_set(
			e, ERR_RUN, "truncate '%.500s/%s': %s", l->dir->path, run_logs[log].name, strerror(errno));
	struct text header = text_into(buf, sizeof(buf));
	add_header(&header, run_logs[log].columns);
	return size || write_text(l, log, header.p, header.len, e);
}

bool logs_open(struct logs *l, const struct dir *dir, const int64_t *size, struct err *e)
{
	bool ok = true;
	*l = (struct logs){ .dir = dir };
	for (int i = 0; i < N_LOGS; i++)
		l->fd[i] = -1, l->synced[i] = -1;
	for (int i = 0; ok && i < N_LOGS; i++)
		ok = open_log(l, (enum run_log)i, size, e);
	for (int i = 0; ok && i < N_LOGS; i++)
		ok = begin_log(l, (enum run_log)i, size, e);
	if (!ok)
		logs_close(l);
	return ok;
}

void logs_close(struct logs *l)
{
	for (int i = 0; l->dir && i < N_LOGS; i++)
		if (l->fd[i] >= 0)
			close(l->fd[i]);
	l->dir = NULL;
}

bool logs_flush(struct logs *l, struct err *e)
{
	const size_t len = l->rows_len;
	l->rows_len = 0;
	return len == 0 || write_text(l, LOG_EPISODES, l->rows, len, e);
}

bool logs_add(struct logs *l, enum run_log log, const void *row, struct err *e)
{
	char buf[ROW_SIZE];
	struct text t = text_into(buf, sizeof(buf));
	add_row(&t, run_logs[log].columns, row);
	if (log == LOG_PROGRESS && !logs_flush(l, e))
		return false;
	if (log != LOG_EPISODES)
		return write_text(l, log, t.p, t.len, e);
	if (sizeof(l->rows) - l->rows_len < t.len && !logs_flush(l, e))
		return false;
	memcpy(l->rows + l->rows_len, t.p, t.len);
	l->rows_len += t.len;
	return true;
}

bool logs_start_sync(struct logs *l, struct err *e)
{
	const bool ok = logs_flush(l, e);
	for (int i = 0; ok && i < N_LOGS; i++)
		if (l->synced[i] != l->size[i])
			file_start_sync(l->fd[i]);
	return ok;
}

bool logs_sync(struct logs *l, struct err *e)
{
	bool ok = logs_start_sync(l, e);
	for (int i = 0; ok && i < N_LOGS; i++) {
		ok = l->synced[i] == l->size[i] || file_sync(l->fd[i], run_logs[i].name, e);
		l->synced[i] = ok ? l->size[i] : -1;
	}
	return ok;
}
