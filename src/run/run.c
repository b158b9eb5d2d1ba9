#include "run/run.h"

#include "base/file.h"
#include "run/weights.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* What a run writes, in the order in which `fresh` removes it: first the file
 * that says it is done, last the one that says whose the directory is. */
static const char *const run_files[] = { "result.json", "final.safetensors", "best.safetensors",
	"timing.csv", "eval.csv", "progress.csv", "config.ini", NULL };

enum { CONFIG_LIMIT = 1 << 20, RESULT_LIMIT = 1 << 16, WEIGHTS_LIMIT = 1 << 30, ROW_SIZE = 1024 };

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double run_wall_s(const struct run *r)
{
	return now_s() - r->start_s;
}

static bool path_of(const struct run *r, const char *name, char path[RUN_PATH_SIZE], struct err *e)
{
	return file_join(path, RUN_PATH_SIZE, r->dir, name, e);
}

static int open_for_writing(const char *path, int flags)
{
	int fd;
	do
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
	while (fd < 0 && errno == EINTR);
	return fd;
}

/* A write lock on .lock: the kernel lets go of it when the process ends, however
 * that happens. */
static bool take_lock(struct run *r, struct err *e)
{
	char path[RUN_PATH_SIZE];
	if (!path_of(r, ".lock", path, e))
		return false;
	r->lock = open_for_writing(path, 0);
	if (r->lock < 0)
		return err_set(e, ERR_RUN, "create '%s': %s", path, strerror(errno));
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (fcntl(r->lock, F_SETLK, &lock) == 0)
		return true;
	if (errno != EACCES && errno != EAGAIN)
		return err_set(e, ERR_RUN, "lock '%s': %s", path, strerror(errno));
	if (fcntl(r->lock, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
		return err_set(
			e, ERR_BUSY, "'%s' is in use by process %ld", r->dir, (long)lock.l_pid);
	return err_set(e, ERR_BUSY, "'%s' is in use by another process", r->dir);
}

/* A directory without config.ini must be empty, or it is somebody else's. Hidden
 * files do not count, nor does the config.ini.tmp of a process that was killed. */
static bool check_empty(const struct run *r, struct err *e)
{
	DIR *dir = opendir(r->dir);
	if (!dir)
		return err_set(e, ERR_RUN, "open '%s': %s", r->dir, strerror(errno));
	char foreign[256] = "";
	for (const struct dirent *d; !foreign[0] && (d = readdir(dir));)
		if (d->d_name[0] != '.' && strcmp(d->d_name, "config.ini.tmp") != 0)
			snprintf(foreign, sizeof(foreign), "%s", d->d_name);
	closedir(dir);
	if (foreign[0])
		return err_set(e, ERR_BUSY,
			"'%s' is no run directory: it holds '%s' but no 'config.ini'; choose another one",
			r->dir, foreign);
	return true;
}

/* The directory's configuration must be one of dqn's, as other programs have a
 * config.ini too, and unless `fresh` replaces it, be ours. */
static bool check_config(const struct run *r, const struct config *c, bool fresh, struct err *e)
{
	char path[RUN_PATH_SIZE];
	char *data;
	size_t len;
	if (!path_of(r, "config.ini", path, e))
		return false;
	if (!file_read(path, CONFIG_LIMIT, &data, &len, e))
		return false;

	struct config theirs;
	struct report *report = malloc(sizeof(*report));
	if (!report) {
		free(data);
		return err_set(e, ERR_RUN, "out of memory reading '%s'", path);
	}
	report_init(report);
	config_init(&theirs);
	config_parse(&theirs, path, data, len, report);
	free(data);
	bool ok = true;
	char buf[512];
	struct text diff;
	text_init(&diff, buf, sizeof(buf));
	if (report->n_errors > 0)
		ok = err_set(e, ERR_CORRUPT, "%.*s", (int)strcspn(report->buf, "\n"), report->buf);
	else if (!fresh && config_diff(&theirs, c, &diff) > 0)
		ok = err_set(e, ERR_BUSY,
			"'%s' holds a run of another configuration (%s%s); --out chooses another "
			"directory, --fresh replaces the run",
			r->dir, buf, diff.full ? "; ..." : "");
	free(report);
	return ok;
}

static bool remove_run(struct run *r, struct err *e)
{
	char path[RUN_PATH_SIZE], temp[RUN_PATH_SIZE + 4];
	struct text removed;
	text_init(&removed, r->removed, sizeof(r->removed));
	for (int i = 0; run_files[i]; i++) {
		if (!path_of(r, run_files[i], path, e))
			return false;
		snprintf(temp, sizeof(temp), "%s.tmp", path);
		unlink(temp);
		if (unlink(path) == 0)
			text_add(&removed, "%s%s", removed.len ? " " : "", run_files[i]);
		else if (errno != ENOENT)
			return err_set(e, ERR_RUN, "remove '%s': %s", path, strerror(errno));
	}
	return true;
}

/* The weights of a done run must still be those that its result speaks of. */
static bool check_hash(
	const struct run *r, const char *name, const char want[SHA256_HEX_SIZE], struct err *e)
{
	char path[RUN_PATH_SIZE], got[SHA256_HEX_SIZE];
	char *data;
	size_t len;
	if (!path_of(r, name, path, e))
		return false;
	if (!file_exists(path))
		return err_set(e, ERR_CORRUPT,
			"'%s' is marked as done but has no '%s'; --fresh runs it again", r->dir,
			name);
	if (!file_read(path, WEIGHTS_LIMIT, &data, &len, e))
		return false;
	sha256_of(data, len, got);
	free(data);
	return strcmp(want, got) == 0 ||
	       err_set(e, ERR_CORRUPT,
		       "'%s' is not the file that '%s/result.json' speaks of; --fresh runs it again",
		       path, r->dir);
}

/* If result.json is there, reads it into r->result and sets *done. */
static bool check_done(struct run *r, bool *done, struct err *e)
{
	char path[RUN_PATH_SIZE];
	char *data;
	size_t len;
	*done = false;
	if (!path_of(r, "result.json", path, e))
		return false;
	if (!file_exists(path))
		return true;
	if (!file_read(path, RESULT_LIMIT, &data, &len, e))
		return false;
	const bool ok = result_parse(&r->result, path, data, len, e);
	free(data);
	if (!ok)
		return false;
	*done = check_hash(r, "final.safetensors", r->result.final_sha256, e) &&
		check_hash(r, "best.safetensors", r->result.best_sha256, e);
	return *done;
}

/* What is in the directory: nothing, a run of ours that is done (state becomes
 * RUN_DONE) or was started, or something that must be left alone (false). */
static bool look_around(struct run *r, const struct config *c, bool fresh, struct err *e)
{
	char path[RUN_PATH_SIZE];
	if (!path_of(r, "config.ini", path, e))
		return false;
	if (!file_exists(path))
		return check_empty(r, e);
	bool done;
	if (!check_config(r, c, fresh, e))
		return false;
	if (fresh)
		return true;
	if (!check_done(r, &done, e))
		return false;
	r->state = done ? RUN_DONE : RUN_ACTIVE;
	r->was_started = !done;
	return true;
}

bool run_is_done(const char *dir, const struct config *c)
{
	struct run *r = calloc(1, sizeof(*r));
	struct err e;
	const bool done = r && strlen(dir) < sizeof(r->dir) &&
			  memcpy(r->dir, dir, strlen(dir) + 1) && look_around(r, c, false, &e) &&
			  r->state == RUN_DONE;
	free(r);
	return done;
}

static bool write_config(const struct run *r, const struct config *c, struct err *e)
{
	char path[RUN_PATH_SIZE], buf[8192];
	struct text t;
	text_init(&t, buf, sizeof(buf));
	config_print(c, &t);
	assert(!t.full);
	return path_of(r, "config.ini", path, e) && file_write_atomic(path, t.p, t.len, e);
}

static bool open_log(
	const struct run *r, const char *name, const char *header, int *fd, struct err *e)
{
	char path[RUN_PATH_SIZE];
	if (!path_of(r, name, path, e))
		return false;
	*fd = open_for_writing(path, O_TRUNC);
	if (*fd < 0)
		return err_set(e, ERR_RUN, "create '%s': %s", path, strerror(errno));
	return file_write_fd(*fd, path, header, strlen(header), e);
}

bool run_open(struct run *r, const char *dir, const struct config *c, const struct kernels *k,
	bool fresh, struct err *e)
{
	*r = (struct run){ .lock = -1, .progress_csv = -1, .eval_csv = -1, .timing_csv = -1 };
	r->start_s = now_s();
	/* Here, not behind the training. */
	if (strlen(dir) + sizeof("/final.safetensors.tmp") > sizeof(r->dir))
		return err_set(e, ERR_RUN, "path too long: '%s'", dir);
	memcpy(r->dir, dir, strlen(dir) + 1);
	/* Once before the lock, which leaves a file, so that a done run and a directory
	 * of something else are not touched; and once behind it, when no other process
	 * can change the answer. */
	if (!file_make_dirs(dir, e) || !look_around(r, c, fresh, e))
		goto fail;
	if (r->state == RUN_ACTIVE && (!take_lock(r, e) || !look_around(r, c, fresh, e)))
		goto fail;
	if (r->state == RUN_DONE) {
		r->was_done = true;
		return true;
	}
	/* Memory before files: what does not fit must not cost an earlier run. */
	if (!train_init(&r->train, c, k, e))
		goto fail;
	r->buf_size = weights_buffer_size(&r->train.agent.policy.net);
	r->buf = malloc(r->buf_size);
	if (!r->buf) {
		err_set(e, ERR_RUN, "out of memory for writing the weights");
		goto fail;
	}
	if ((fresh && !remove_run(r, e)) || !write_config(r, c, e) ||
		!open_log(r, "progress.csv",
			"timesteps,episodes,n_updates,ep_rew_mean,ep_len_mean,exploration_rate,"
			"learning_rate,loss,q_mean,grad_norm,q_max,q_bound,action_gap,"
			"td_error_mean,td_error_p95,weight_norm,terminal_share,dead_share\n",
			&r->progress_csv, e) ||
		!open_log(r, "eval.csv",
			"timesteps,n_updates,return_mean,return_std,return_min,return_max,is_best\n",
			&r->eval_csv, e) ||
		!open_log(r, "timing.csv", "timesteps,wall_s,steps_per_s,max_rss_kib\n",
			&r->timing_csv, e))
		goto fail;
	return true;
fail:
	run_close(r);
	return false;
}

void run_close(struct run *r)
{
	int *const fds[] = { &r->progress_csv, &r->eval_csv, &r->timing_csv, &r->lock };
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
	train_release(&r->train);
	free(r->buf);
	r->buf = NULL;
}

/* ",x", or "," where there is no value */
static void add_cell(struct text *t, double x)
{
	text_add(t, ",");
	if (!isnan(x))
		text_add_real(t, x);
}

static bool write_progress(struct run *r, struct err *e)
{
	const struct log_row *row = &r->train.log;
	const struct diagnostics *d = &row->diagnostics;
	char buf[ROW_SIZE];
	struct text t;
	text_init(&t, buf, sizeof(buf));
	text_add(&t, "%" PRId64 ",%" PRId64 ",%" PRIu64, row->timesteps, row->episodes,
		row->n_updates);
	const double cells[] = { row->ep_rew_mean, row->ep_len_mean, row->exploration_rate,
		row->learning_rate, row->loss, row->q_mean, row->grad_norm, d->q_max, row->q_bound,
		d->action_gap, d->td_error_mean, d->td_error_p95, d->weight_norm,
		row->terminal_share, d->dead_share };
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
		add_cell(&t, cells[i]);
	text_add(&t, "\n");
	if (!file_write_fd(r->progress_csv, "progress.csv", t.p, t.len, e))
		return false;

	const double wall_s = run_wall_s(r);
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	text_init(&t, buf, sizeof(buf));
	text_add(&t, "%" PRId64 ",%.6f,%.0f,%ld\n", row->timesteps, wall_s,
		(double)row->timesteps / wall_s, usage.ru_maxrss);
	return file_write_fd(r->timing_csv, "timing.csv", t.p, t.len, e);
}

static bool write_eval(struct run *r, struct err *e)
{
	const struct eval_row *row = &r->train.eval;
	char buf[ROW_SIZE];
	struct text t;
	text_init(&t, buf, sizeof(buf));
	text_add(&t, "%" PRId64 ",%" PRIu64, row->timesteps, row->n_updates);
	add_cell(&t, row->stats.return_mean);
	add_cell(&t, row->stats.return_std);
	add_cell(&t, row->stats.return_min);
	add_cell(&t, row->stats.return_max);
	text_add(&t, ",%s\n", row->is_best ? "true" : "false");
	return file_write_fd(r->eval_csv, "eval.csv", t.p, t.len, e);
}

static bool write_weights(struct run *r, const char *name, const float *params, int64_t timesteps,
	uint64_t n_updates, char hash[SHA256_HEX_SIZE], struct err *e)
{
	char path[RUN_PATH_SIZE];
	const size_t n = weights_build(&r->train.config, &r->train.agent.policy.net, params,
		timesteps, n_updates, r->buf, r->buf_size);
	sha256_of(r->buf, n, hash);
	return path_of(r, name, path, e) && file_write_atomic(path, r->buf, n, e);
}

/* The weights that evaluated best; without evaluations the latest are. */
static bool write_best(struct run *r, struct err *e)
{
	const struct train *t = &r->train;
	if (!t->has_best)
		return write_weights(r, "best.safetensors", t->agent.online, t->timesteps,
			t->agent.adam.t, r->result.best_sha256, e);
	return write_weights(r, "best.safetensors", t->best, t->best_row.timesteps,
		t->best_row.n_updates, r->result.best_sha256, e);
}

static bool sync_logs(const struct run *r, struct err *e)
{
	const int fds[] = { r->progress_csv, r->eval_csv, r->timing_csv };
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fsync(fds[i]) < 0)
			return err_set(e, ERR_RUN, "fsync of the logs in '%s': %s", r->dir,
				strerror(errno));
	return true;
}

static bool finish(struct run *r, struct err *e)
{
	const struct train *t = &r->train;
	struct result *res = &r->result;
	*res = (struct result){
		.seed = t->config.seed,
		.timesteps = t->timesteps,
		.total_timesteps = t->config.total_timesteps,
		.episodes = t->episodes,
		.n_updates = t->agent.adam.t,
		.stopped = t->stopped,
		.has_best = t->has_best,
		.best_timesteps = t->has_best ? t->best_row.timesteps : t->timesteps,
		.best_return_mean = t->has_best ? t->best_row.stats.return_mean : (double)NAN,
	};
	snprintf(res->env_id, sizeof(res->env_id), "%s", t->env.ops->id);
	train_final_eval(t, &res->final);

	char path[RUN_PATH_SIZE], buf[RUN_RESULT_SIZE];
	struct text text;
	if (!write_best(r, e) ||
		!write_weights(r, "final.safetensors", t->agent.online, t->timesteps,
			t->agent.adam.t, res->final_sha256, e) ||
		!sync_logs(r, e))
		return false;
	text_init(&text, buf, sizeof(buf));
	result_print(res, &text);
	text_add(&text, "\n");
	assert(!text.full);
	if (!path_of(r, "result.json", path, e) || !file_write_atomic(path, text.p, text.len, e))
		return false;
	r->state = RUN_DONE;
	return true;
}

bool run_step(struct run *r, struct err *e)
{
	struct train *t = &r->train;
	assert(r->state == RUN_ACTIVE);
	if (!train_step(t, e)) {
		struct err ignored; /* the divergence is what the user must hear of */
		if (t->has_best)
			write_best(r, &ignored);
		return false;
	}
	if (t->events & TRAIN_EVALUATED && !write_eval(r, e))
		return false;
	if (t->events & TRAIN_LOGGED && !write_progress(r, e))
		return false;
	return !(t->events & TRAIN_FINISHED) || finish(r, e);
}
