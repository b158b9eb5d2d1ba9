#include "run/run.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "run/logs.h"
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
#include <sys/stat.h>
#include <unistd.h>

#define CHECKPOINT "checkpoint.safetensors"
#define PREVIOUS "checkpoint-previous.safetensors"
#define FAILED "failed.txt"

/* First the file that says the run is done; last, and only replaced, the one that says whose
 * the directory is. */
const struct run_file run_files[] = {
	{ "result.json",
		"final figures, the configuration and the SHA-256 of both weights files; written last, so "
		"it marks the run as done" },
	{ FAILED, "if the run diverged: at which step, and what usually helps" },
	{ CHECKPOINT, "while the run is not done: everything it needs to resume" },
	{ PREVIOUS, "the checkpoint before the latest" },
	{ "final.safetensors", "the weights at the end" },
	{ "best.safetensors",
		"the weights with the best evaluation so far (the latest of equals); dqn eval uses them "
		"while the run is not done. With ema_decay both weights files hold the average" },
	{ "timing.csv", NULL },
	{ "episodes.csv", NULL },
	{ "eval.csv", NULL },
	{ "progress.csv", NULL },
	{ "config.ini", "the full effective configuration, every key" },
	{ .name = NULL },
};

enum { CONFIG_LIMIT = 1 << 20 };

#define LONGEST_NAME "/" PREVIOUS ".tmp"

double run_wall_s(const struct run *r)
{
	return now_s() - r->start_s;
}

/* True, and e says by whom, if another process works in the directory. fd is .lock. */
static bool in_use(const char *dir, int fd, struct err *e)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return false;
	err_set(e, ERR_BUSY, "'%.500s' is in use by process %ld", dir, (long)lock.l_pid);
	return true;
}

static void let_go(struct run *r)
{
	if (r->lock >= 0)
		close(r->lock);
	r->lock = -1;
}

/* What a file system without locks says, or one whose server of locks is away. */
static bool has_no_locks(int error)
{
	static const int errors[] = { ENOSYS, ENOLCK, EOPNOTSUPP, ENOTSUP, EINVAL };
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (error == errors[i])
			return true;
	return false;
}

/* A write lock on .lock: the kernel lets go of it when the process ends, however
 * that happens. Where there are no locks it is true without one. */
static bool take_lock(struct run *r, struct err *e)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	uint64_t ignored;
	if (!file_open_to_write(&r->held, ".lock", true, &r->lock, &ignored, e))
		return false;
	if (fcntl(r->lock, F_SETLK, &lock) == 0)
		return true;
	r->is_unlocked = has_no_locks(errno);
	if (r->is_unlocked) {
		let_go(r);
		return true;
	}
	if (errno != EACCES && errno != EAGAIN)
		err_set(e, ERR_RUN, "lock '%.500s/.lock': %s", r->dir, strerror(errno));
	else if (!in_use(r->dir, r->lock, e))
		err_set(e, ERR_BUSY, "'%.500s' is in use by another process", r->dir);
	let_go(r);
	return false;
}

bool run_is_held(const char *dir, struct err *e)
{
	char path[RUN_PATH_SIZE];
	struct err ignored;
	uint64_t len;
	int fd;
	if (!file_join(path, sizeof(path), dir, ".lock", &ignored) ||
		!file_open(NULL, path, &fd, &len, &ignored))
		return false;
	const bool held = in_use(dir, fd, e);
	close(fd);
	return held;
}

/* A directory without config.ini must be empty, or it is somebody else's. Hidden
 * files do not count, nor does the config.ini.tmp of a process that was killed. */
static bool check_empty(const struct run *r, struct err *e)
{
	const int fd = openat(r->held.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		err_set(e, ERR_RUN, "open '%.500s': %s", r->dir, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	char foreign[256] = "";
	for (const struct dirent *d; !foreign[0] && (d = readdir(dir));)
		if (d->d_name[0] != '.' && strcmp(d->d_name, "config.ini.tmp") != 0)
			snprintf(foreign, sizeof(foreign), "%s", d->d_name);
	closedir(dir);
	if (foreign[0])
		return err_set(e, ERR_BUSY,
			"'%.300s' is no run directory: it holds '%s' but no 'config.ini'; choose another one",
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
	if (!file_load(&r->held, "config.ini", CONFIG_LIMIT, &data, &len, e))
		return false;

	struct config theirs;
	const bool ok = config_read(&theirs, dir_path(&r->held, "config.ini", path), data, len, e);
	free(data);
	char buf[512];
	struct text diff;
	text_init(&diff, buf, sizeof(buf));
	if (ok && !fresh && config_diff(&theirs, c, &diff) > 0)
		return err_set(e, ERR_BUSY,
			"'%.*s' holds a run of another configuration (%s%s); --out chooses another "
			"directory, --fresh replaces the run",
			(int)(600 - diff.len), r->dir, buf, diff.full ? "; ..." : "");
	return ok;
}

/* Temporary files of a process that was killed, and the checkpoints of a run that is
 * done: true if there are any. Those that `remove` cannot remove are in nobody's way. */
static bool leftovers(const struct run *r, bool is_done, bool remove)
{
	char temp[sizeof(LONGEST_NAME)];
	struct err ignored;
	bool any = false;
	for (int i = 0; run_files[i].name; i++) {
		const char *name = run_files[i].name;
		const bool is_spent =
			is_done && (strcmp(name, CHECKPOINT) == 0 || strcmp(name, PREVIOUS) == 0);
		snprintf(temp, sizeof(temp), "%s.tmp", name);
		any = any || file_exists(&r->held, temp) ||
		      (is_spent && file_exists(&r->held, name));
		if (remove)
			file_remove(&r->held, temp, &ignored);
		if (remove && is_spent)
			file_remove(&r->held, name, &ignored);
	}
	return any;
}

/* All but config.ini, which says whose the directory is: write_config replaces it. */
static bool remove_run(struct run *r, struct err *e)
{
	struct text removed;
	leftovers(r, false, true);
	text_init(&removed, r->removed, sizeof(r->removed));
	for (const struct run_file *f = run_files; f->name; f++) {
		const bool is_last = !f[1].name;
		if (!file_exists(&r->held, f->name))
			continue;
		if (!is_last && !file_remove(&r->held, f->name, e))
			return false;
		text_add(&removed, "%s%s", removed.len ? " " : "", f->name);
	}
	return true;
}

/* If result.json is there and the run's own, reads it into r->result and sets *done. */
static bool check_done(struct run *r, const struct config *c, bool *done, struct err *e)
{
	struct err why;
	*done = file_exists(&r->held, "result.json");
	return !*done || result_load(&r->result, &r->held, c, true, &why) ||
	       err_set(e, why.kind, "%.650s%s", why.msg,
		       why.kind == ERR_RUN ? "" : "; --fresh runs it again");
}

/* What is in the directory: nothing, a run of ours that is done (state becomes
 * RUN_DONE) or was started, or something that must be left alone (false). */
static bool look_around(struct run *r, const struct config *c, bool fresh, struct err *e)
{
	r->state = RUN_ACTIVE;
	r->was_started = false;
	if (!file_exists(&r->held, "config.ini")) {
		if (check_empty(r, e))
			return true;
		if (!file_exists(&r->held, "config.ini")) /* or another process has just made it */
			return false;
	}
	bool done;
	if (!check_config(r, c, fresh, e))
		return false;
	if (fresh)
		return true;
	if (!check_done(r, c, &done, e))
		return false;
	r->state = done ? RUN_DONE : RUN_ACTIVE;
	r->was_started = !done;
	return true;
}

static bool hold(struct run *r, const char *dir, struct err *e)
{
	r->held.fd = -1;
	if (strlen(dir) + sizeof(LONGEST_NAME) > sizeof(r->dir))
		return err_set(e, ERR_RUN, "path too long: '%s'", dir);
	memcpy(r->dir, dir, strlen(dir) + 1);
	return dir_open(&r->held, r->dir, e);
}

bool run_is_done(const char *dir, const struct config *c)
{
	struct run *r = calloc(1, sizeof(*r));
	struct err e;
	bool done = false;
	if (r && hold(r, dir, &e)) {
		done = look_around(r, c, false, &e) && r->state == RUN_DONE;
		dir_close(&r->held);
	}
	free(r);
	return done;
}

static bool write_config(const struct run *r, const struct config *c, struct err *e)
{
	char buf[8192];
	struct text t;
	text_init(&t, buf, sizeof(buf));
	config_print(c, &t);
	assert(!t.full);
	return file_write_atomic(&r->held, "config.ini", t.p, t.len, e);
}

/* Goes on from the checkpoint if there is one, or from the one before if that is
 * damaged. */
static bool resume(struct run *r, struct err *e)
{
	static const char *const names[] = { CHECKPOINT, PREVIOUS };
	bool damaged = false;
	struct err first;
	for (int i = 0; i < 2; i++) {
		struct err why;
		if (!file_exists(&r->held, names[i]))
			continue;
		r->was_resumed = checkpoint_load(
			&r->held, names[i], &r->train, &r->marks, r->buf, r->buf_size, &why);
		if (r->was_resumed) {
			r->is_damaged = damaged;
			r->is_saved = !damaged;
			if (damaged)
				snprintf(r->warning, sizeof(r->warning),
					"%.400s; the checkpoint before it will do", first.msg);
			return true;
		}
		if (why.kind != ERR_CORRUPT) {
			*e = why;
			return false;
		}
		if (!damaged)
			first = why;
		damaged = true;
	}
	return !damaged ||
	       err_set(e, ERR_CORRUPT, "%.500s; --fresh starts the run again", first.msg);
}

static bool add_to_log(struct run *r, enum run_log log, const char *text, size_t len, struct err *e)
{
	r->marks.log_size[log] += (int64_t)len;
	return file_write_fd(r->log[log], run_logs[log].name, text, len, e);
}

/* All are opened and looked at before one is changed: cut back to the length that the
 * checkpoint names, or to nothing. */
static bool open_logs(struct run *r, struct err *e)
{
	uint64_t size[N_LOGS];
	char buf[LOG_ROW_SIZE];
	struct text header;
	for (int i = 0; i < N_LOGS; i++) {
		const char *name = run_logs[i].name;
		const bool missing = r->was_resumed && !file_exists(&r->held, name);
		if (!missing && !file_open_to_write(
					&r->held, name, !r->was_resumed, &r->log[i], &size[i], e))
			return false;
		if (missing || size[i] < (uint64_t)r->marks.log_size[i])
			return err_set(e, ERR_CORRUPT,
				"'%.500s/%s' is shorter than the checkpoint says; --fresh starts the run again",
				r->dir, name);
	}
	/* Checkpoints and weights need one more file; better to know now. */
	const int spare = dup(r->log[0]);
	if (spare < 0)
		return err_set(e, ERR_RUN, "open one more file in '%.500s': %s (see ulimit -n)",
			r->dir, strerror(errno));
	close(spare);
	for (int i = 0; i < N_LOGS; i++) {
		const int64_t want = r->marks.log_size[i];
		if ((size[i] > (uint64_t)want && ftruncate(r->log[i], want) < 0) ||
			lseek(r->log[i], 0, SEEK_END) < 0)
			return err_set(e, ERR_RUN, "cut back '%.500s/%s': %s", r->dir,
				run_logs[i].name, strerror(errno));
		text_init(&header, buf, sizeof(buf));
		log_header(&header, (enum run_log)i);
		if (!r->was_resumed && !add_to_log(r, (enum run_log)i, header.p, header.len, e))
			return false;
	}
	return true;
}

/* What a process may not have, the kernel may grant for a while. */
static bool check_memory(const struct config *c, struct err *e)
{
	static const struct {
		int resource;
		const char *flag;
	} limits[] = { { RLIMIT_AS, "-v" }, { RLIMIT_DATA, "-d" } };
	const uint64_t need = config_memory(c), mib = 1 << 20;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit;
		if (getrlimit(limits[i].resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
			need > limit.rlim_cur)
			return err_set(e, ERR_RUN,
				"buffer_size, net_arch and batch_size need %" PRIu64
				" MiB; this process may have %" PRIu64 " MiB (see ulimit %s)",
				need / mib + 1, (uint64_t)limit.rlim_cur / mib, limits[i].flag);
	}
	return true;
}

static bool no_directory(const struct run *r, const char *name, struct err *e)
{
	struct stat st;
	return fstatat(r->held.fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode) ||
	       err_set(e, ERR_CORRUPT, "'%.500s/%s' is not a file", r->dir, name);
}

/* What would fail at the end, or when it is time to save, fails here. */
static bool check_limits(const struct run *r, struct err *e)
{
	struct rlimit limit;
	char temp[sizeof(LONGEST_NAME)];
	for (const struct run_file *f = run_files; f->name; f++) {
		snprintf(temp, sizeof(temp), "%s.tmp", f->name);
		if (!no_directory(r, f->name, e) || !no_directory(r, temp, e))
			return false;
	}
	if (faccessat(r->held.fd, ".", W_OK | X_OK, 0) < 0)
		return err_set(e, ERR_RUN, "write to '%.500s': %s", r->dir, strerror(errno));
	const uint64_t need = checkpoint_max_size(&r->train);
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
		limit.rlim_cur < need)
		return err_set(e, ERR_RUN,
			"a checkpoint of this run has up to %" PRIu64
			" bytes, but files may have no more than %" PRIu64 " (see ulimit -f)",
			need, (uint64_t)limit.rlim_cur);
	return true;
}

bool run_open(struct run *r, const char *dir, const struct config *c, const struct kernels *k,
	bool fresh, struct err *e)
{
	*r = (struct run){ .held.fd = -1, .lock = -1 };
	for (int i = 0; i < N_LOGS; i++)
		r->log[i] = -1;
	r->start_s = r->saved_s = now_s();
	struct err ignored;
	/* Once before the lock, which leaves a file, so that a done run and a directory
	 * of something else are not touched; and once behind it, when no other process
	 * can change the answer. */
	if (!file_make_dirs(dir, e) || !hold(r, dir, e))
		goto fail;
	if (!look_around(r, c, fresh, e)) {
		run_is_held(dir, e); /* that may be all there is to it */
		goto fail;
	}
	const bool locked =
		r->state == RUN_ACTIVE
			? take_lock(r, e)
			: leftovers(r, true, false) && take_lock(r, &ignored) && !r->is_unlocked;
	if (r->state == RUN_ACTIVE && !locked)
		goto fail;
	if (locked && !look_around(r, c, fresh, e))
		goto fail;
	if (r->state == RUN_DONE) {
		r->was_done = true;
		if (locked)
			leftovers(r, true, true);
		return true;
	}
	/* Memory before files: what does not fit must not cost an earlier run. */
	if (!check_memory(c, e) || !train_init(&r->train, c, k, e))
		goto fail;
	r->buf_size = weights_buffer_size(&r->train.agent.policy.net);
	r->buf = memory_zeroed(r->buf_size);
	if (!r->buf) {
		err_set(e, ERR_RUN, "out of memory for writing the weights");
		goto fail;
	}
	r->train.yields = true;
	if (!check_limits(r, e) || (fresh && !remove_run(r, e)) ||
		(r->was_started && !resume(r, e)) || (!r->was_started && !write_config(r, c, e)) ||
		!open_logs(r, e) ||
		!file_remove(&r->held, FAILED, e)) /* it goes on, and may not fail again */
		goto fail;
	r->start_s -= r->marks.wall_s;
	return true;
fail:
	run_close(r);
	return false;
}

void run_close(struct run *r)
{
	for (int i = 0; i < N_LOGS; i++) {
		if (r->log[i] >= 0)
			close(r->log[i]);
		r->log[i] = -1;
	}
	let_go(r);
	dir_close(&r->held);
	train_release(&r->train);
	free(r->buf);
	r->buf = NULL;
}

/* At the latest before the next row of progress.csv and before a checkpoint. */
static bool flush_episodes(struct run *r, struct err *e)
{
	const size_t len = r->rows_len;
	r->rows_len = 0;
	return len == 0 || add_to_log(r, LOG_EPISODES, r->rows, len, e);
}

/* Episodes may be short: their rows are written together. */
static bool add_episode(struct run *r, struct err *e)
{
	const size_t longest = 128;
	struct text t;
	if (sizeof(r->rows) - r->rows_len < longest && !flush_episodes(r, e))
		return false;
	text_init(&t, r->rows + r->rows_len, sizeof(r->rows) - r->rows_len);
	log_cells(&t, LOG_EPISODES, &r->train.episode);
	assert(!t.full);
	r->rows_len += t.len;
	return true;
}

static bool write_row(struct run *r, enum run_log log, const void *row, struct err *e)
{
	char buf[LOG_ROW_SIZE];
	struct text t;
	text_init(&t, buf, sizeof(buf));
	log_cells(&t, log, row);
	return add_to_log(r, log, t.p, t.len, e);
}

static bool write_progress(struct run *r, struct err *e)
{
	const double wall_s = run_wall_s(r);
	const int64_t timesteps = r->train.log.timesteps;
	const struct timing_row timing = { .timesteps = timesteps,
		.wall_s = wall_s,
		.steps_per_s = (double)timesteps / wall_s,
		.max_rss_kib = memory_peak_kib() };
	return write_row(r, LOG_PROGRESS, &r->train, e) && write_row(r, LOG_TIMING, &timing, e);
}

static bool write_weights(struct run *r, const char *name, const float *params, int64_t timesteps,
	uint64_t n_updates, char hash[SHA256_HEX_SIZE], struct err *e)
{
	const size_t n = weights_build(&r->train.config, &r->train.agent.policy.net, params,
		timesteps, n_updates, r->buf, r->buf_size);
	sha256_of(r->buf, n, hash);
	return file_write_atomic(&r->held, name, r->buf, n, e);
}

/* The weights that evaluated best; without evaluations the latest are. */
static bool write_best(struct run *r, struct err *e)
{
	const struct train *t = &r->train;
	r->is_best_saved = write_weights(r, "best.safetensors",
		t->has_best ? t->best : t->agent.average,
		t->has_best ? t->best_row.timesteps : t->timesteps,
		t->has_best ? t->best_row.n_updates : t->agent.adam.t, r->result.best_sha256, e);
	r->best_s = now_s();
	return r->is_best_saved;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool run_was_moved(const struct run *r)
{
	struct stat named, held;
	return fstat(r->held.fd, &held) == 0 &&
	       (stat(r->dir, &named) < 0 || !is_same(&named, &held));
}

/* ERR_RUN if somebody removed or replaced the directory, or a file that is open: what
 * is written would be lost. One that was moved has all that is its own. */
static bool check_held(const struct run *r, struct err *e)
{
	struct stat named, open;
	const char *gone = file_exists(&r->held, "config.ini") ? NULL : "config.ini";
	for (int i = -1; i < N_LOGS; i++) {
		const int fd = i < 0 ? r->lock : r->log[i];
		const char *name = i < 0 ? ".lock" : run_logs[i].name;
		if (fd >= 0 && (fstat(fd, &open) < 0 || fstatat(r->held.fd, name, &named, 0) < 0 ||
				       !is_same(&named, &open)))
			gone = name;
	}
	if (!gone)
		return true;
	if (fstat(r->held.fd, &open) < 0 || open.st_nlink == 0)
		return err_set(e, ERR_RUN,
			"the run's directory '%.500s' was removed or replaced while it worked",
			r->dir);
	return err_set(e, ERR_RUN, "'%.500s/%s' was removed or replaced while the run worked",
		r->dir, gone);
}

static bool sync_logs(struct run *r, struct err *e)
{
	if (!check_held(r, e) || !flush_episodes(r, e))
		return false;
	for (int i = 0; i < N_LOGS; i++)
		if (!file_sync(r->log[i], run_logs[i].name, e))
			return false;
	return true;
}

static bool save(struct run *r, struct err *e)
{
	const double begin_s = now_s();
	struct err ignored;
	if (r->is_saved)
		return true;
	/* The logs first: a checkpoint must not speak of rows that a power cut takes. */
	if (!train_check(&r->train, e) || !sync_logs(r, e) ||
		(r->train.has_best && !r->is_best_saved && !write_best(r, e)))
		return false;
	r->marks.wall_s = begin_s - r->start_s;
	/* Two files are room enough: the one before the last makes way, unless it is the
	 * only good one. */
	if (!r->is_damaged && file_exists(&r->held, CHECKPOINT))
		file_remove(&r->held, PREVIOUS, &ignored);
	if (!checkpoint_save(&r->held, CHECKPOINT, r->is_damaged ? NULL : PREVIOUS, &r->train,
		    &r->marks, r->buf, r->buf_size, e))
		return false;
	r->is_damaged = false;
	r->is_saved = true;
	r->saved_s = now_s();
	r->save_s = r->saved_s - begin_s;
	return true;
}

/* The reason of a failure, if that is one. */
static bool because(const struct run *r, struct err *e)
{
	if (e->kind == ERR_RUN)
		check_held(r, e);
	return false;
}

bool run_save(struct run *r, struct err *e)
{
	return save(r, e) || because(r, e);
}

/* Save at most 2 % of the time, unless the interval is under a second. `last_s`: when
 * it was done last. */
static bool save_is_due(const struct run *r, double last_s)
{
	const double interval_s = r->train.config.checkpoint_interval, share = 50, meant_s = 1;
	const double pause_s =
		interval_s < meant_s ? interval_s : fmax(interval_s, share * r->save_s);
	return interval_s > 0 && now_s() - last_s >= pause_s;
}

/* The first best weights are written at once, later ones as often as checkpoints. */
static bool update_best(struct run *r, struct err *e)
{
	r->is_best_saved = false;
	return (r->best_s > 0 && !save_is_due(r, r->best_s)) ||
	       (check_held(r, e) && write_best(r, e));
}

/* What has diverged is not saved, and found out by a later update or evaluation: at the
 * same step whenever saving is due. */
static bool save_if_due(struct run *r, struct err *e)
{
	struct err ignored;
	return !save_is_due(r, r->saved_s) || !train_check(&r->train, &ignored) || save(r, e);
}

/* The final evaluation, as far as one call of train_final_eval takes it, and what follows. */
static bool finish(struct run *r, struct err *e)
{
	struct train *t = &r->train;
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
	if (!train_final_eval(t, &res->final))
		return res->final.diverged ? train_bad_q(t, e) : save_if_due(r, e);

	if (!write_best(r, e) ||
		!write_weights(r, "final.safetensors", t->agent.average, t->timesteps,
			t->agent.adam.t, res->final_sha256, e) ||
		!sync_logs(r, e) ||
		!result_save(res, &t->config, t->final_returns, &r->held, r->buf, r->buf_size, e))
		return false;
	r->state = RUN_DONE;
	leftovers(r, true, true);
	return true;
}

/* One step, its rows, what follows. */
static bool step(struct run *r, struct err *e)
{
	struct train *t = &r->train;
	if (train_is_finished(t)) { /* interrupted behind the last step */
		t->events = 0;
		return finish(r, e);
	}
	/* Its episode has ended even if the updates behind it diverge. */
	struct err why;
	const bool trained = train_step(t, &why);
	if (t->events & TRAIN_EPISODE && !add_episode(r, e))
		return false;
	if (!trained) {
		*e = why;
		return false;
	}
	if ((t->events & TRAIN_EVALUATED && (!write_row(r, LOG_EVAL, &r->train.eval, e) ||
						    (t->eval.is_best && !update_best(r, e)))) ||
		(t->events & TRAIN_LOGGED &&
			(!check_held(r, e) || !flush_episodes(r, e) || !write_progress(r, e))))
		return false;
	if (t->events & TRAIN_FINISHED)
		return finish(r, e);
	return save_if_due(r, e);
}

/* What is left of a run that has diverged. Errors are ignored: the divergence is what
 * the user must hear of. */
static void write_failed(struct run *r, const struct err *why)
{
	struct err ignored;
	char line[sizeof(why->msg) + 1];
	struct text t;
	flush_episodes(r, &ignored);
	if (r->train.has_best)
		write_best(r, &ignored);
	text_init(&t, line, sizeof(line));
	text_add(&t, "%s\n", why->msg);
	file_write_atomic(&r->held, FAILED, t.p, t.len, &ignored);
}

bool run_step(struct run *r, struct err *e)
{
	assert(r->state == RUN_ACTIVE);
	r->is_saved = false;
	if (step(r, e))
		return true;
	if (e->kind == ERR_DIVERGED)
		write_failed(r, e);
	return because(r, e);
}
