#include "run/rundir.h"

#include "run/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONFIG_LIMIT = 1 << 20 }; /* bytes of a config.ini */

/* result.json first, since it says that the run is done; config.ini, which says whose the
 * directory is, last. */
const struct run_file run_files[] = {
	{ RUN_RESULT, "final figures, the configuration and the SHA-256 of both weights files; written last, so "
		      "it marks the run as done" },
	{ RUN_FAILED, "if the run diverged: at which step, and which keys usually help" },
	{ RUN_CHECKPOINT, "while the run is not done: everything it needs to resume" },
	{ RUN_PREVIOUS, "the checkpoint before the latest" },
	{ RUN_FINAL, "the weights at the end" },
	{ RUN_BEST, "the weights with the best evaluation so far (the latest of equals); dqn eval uses them "
		    "while the run is not done. With ema_decay, both weights files hold the average" },
	{ RUN_TIMING, NULL },
	{ RUN_EPISODES, NULL },
	{ RUN_EVAL, NULL },
	{ RUN_PROGRESS, NULL },
	{ RUN_INIT_WEIGHTS, "with init_weights: a copy of that file" },
	{ RUN_CONFIG, "the full configuration, every key" },
	{ .name = NULL },
};

enum { TEMP_SIZE = sizeof(RUN_PREVIOUS ".tmp") }; /* of the longest name */

static void temp_name(char temp[TEMP_SIZE], const char *name)
{
	snprintf(temp, TEMP_SIZE, "%s.tmp", name);
}

/* --- the lock --- */

/* True, and *e says by whom, if another process holds the lock. fd is .lock. */
static bool is_locked(const char *path, int fd, struct err *e)
{
	struct flock probe = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (fcntl(fd, F_GETLK, &probe) < 0 || probe.l_type == F_UNLCK)
		return false;
	err_set(e, ERR_BUSY, "'%.500s' is in use by process %ld", path, (long)probe.l_pid);
	return true;
}

static void unlock(struct rundir *d)
{
	if (d->lock >= 0)
		close(d->lock);
	d->lock = -1;
}

/* The file system has no locks, or the server of its locks is away. */
static bool means_no_locks(int error)
{
	return error == ENOSYS || error == ENOLCK || error == EOPNOTSUPP || error == ENOTSUP || error == EINVAL;
}

/* A write lock on .lock: the kernel releases it however the process ends. True without one
 * where there are no locks. */
static bool lock(struct rundir *d, struct err *e)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	uint64_t ignored;
	if (!file_open_to_write(&d->held, RUN_LOCK, true, &d->lock, &ignored, e))
		return false;
	bool is_held, is_busy = false;
	int n_tries = 0;
	do { /* If the holder unlocks before is_locked() can name it, try again. */
		if (fcntl(d->lock, F_SETLK, &whole) == 0)
			return true;
		is_held = errno == EACCES || errno == EAGAIN;
		d->has_no_locks = means_no_locks(errno);
		if (!is_held && !d->has_no_locks)
			err_set(e, ERR_RUN, "lock '%.500s/" RUN_LOCK "': %s", d->path, strerror(errno));
		is_busy = is_held && is_locked(d->path, d->lock, e);
	} while (is_held && !is_busy && ++n_tries < 100);
	if (is_held && !is_busy)
		err_set(e, ERR_BUSY, "'%.500s' is in use by another process", d->path);
	if (!d->has_no_locks)
		unlock(d);
	return d->has_no_locks;
}

bool rundir_is_locked(const char *path, struct err *e)
{
	char name[RUN_PATH_SIZE];
	struct err ignored;
	uint64_t len;
	int fd;
	if (!file_join(name, sizeof(name), path, RUN_LOCK, &ignored) || !file_open(NULL, name, &fd, &len, &ignored))
		return false;
	const bool locked = is_locked(path, fd, e);
	close(fd);
	return locked;
}

void rundir_mark_stopped(const struct rundir *d, bool is_stopped)
{
	struct stat st;
	if (d->lock >= 0 && fstat(d->lock, &st) == 0 && (st.st_size > 0) != is_stopped) {
		const int ignored = ftruncate(d->lock, is_stopped);
		(void)ignored;
	}
}

bool rundir_is_stopped(const char *path)
{
	char name[RUN_PATH_SIZE];
	struct err ignored;
	struct stat st;
	return file_join(name, sizeof(name), path, RUN_LOCK, &ignored) && stat(name, &st) == 0 && st.st_size > 0;
}

/* --- whose it is, and whether it is done --- */

/* A directory without config.ini must be empty, or it is somebody else's. Hidden files do not
 * count, nor does the config.ini.tmp of a process that was killed. */
static bool check_empty(const struct rundir *d, struct err *e)
{
	const int fd = openat(d->held.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		err_set(e, ERR_RUN, "open '%.500s': %s", d->path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	char foreign[256] = "";
	for (const struct dirent *file; !foreign[0] && (file = readdir(dir));)
		if (file->d_name[0] != '.' && strcmp(file->d_name, RUN_CONFIG ".tmp") != 0)
			snprintf(foreign, sizeof(foreign), "%s", file->d_name);
	closedir(dir);
	return !foreign[0] ||
	       err_set(e, ERR_BUSY,
		       "'%.300s' is not a run directory: it holds '%s' but no '" RUN_CONFIG "'; choose another one",
		       d->path, foreign);
}

bool rundir_read_config(const struct dir *d, struct config *c, struct err *e)
{
	char path[FILE_PATH_SIZE], *data;
	size_t len;
	if (!file_load(d, RUN_CONFIG, CONFIG_LIMIT, &data, &len, e))
		return false;
	const bool ok = config_read(c, dir_path(d, RUN_CONFIG, path), data, len, e);
	free(data);
	return ok;
}

/* config.ini must be dqn's, as other programs have files of that name, and unless `fresh`
 * replaces it, of this configuration. */
static bool check_config(const struct rundir *d, const struct config *c, bool fresh, struct err *e)
{
	struct config theirs;
	char buf[512];
	struct text diff = text_into(buf, sizeof(buf));
	if (!rundir_read_config(&d->held, &theirs, e))
		return false;
	return fresh || config_diff(&theirs, c, &diff) == 0 ||
	       err_set(e, ERR_BUSY,
		       "'%.*s' holds a run of another configuration (%s%s); --out chooses another "
		       "directory, --fresh replaces the run",
		       (int)(600 - diff.len), d->path, buf, diff.full ? "; ..." : "");
}

/* Sets the state; false if the directory must be left alone. */
static bool inspect(struct rundir *d, const struct config *c, bool fresh, struct result *res, struct err *e)
{
	struct err why;
	d->state = RUNDIR_NEW;
	if (!file_exists(&d->held, RUN_CONFIG)) {
		if (check_empty(d, e))
			return true;
		if (!file_exists(&d->held, RUN_CONFIG)) /* or another process has just made it */
			return false;
	}
	if (!check_config(d, c, fresh, e))
		return false;
	if (fresh)
		return true;
	d->state = file_exists(&d->held, RUN_RESULT) ? RUNDIR_DONE : RUNDIR_STARTED;
	return d->state == RUNDIR_STARTED || result_load(res, &d->held, c, true, &why) ||
	       err_set(e, why.kind, "%.650s%s", why.msg, why.kind == ERR_RUN ? "" : "; --fresh runs it again");
}

static bool hold(struct rundir *d, const char *path, bool make, struct err *e)
{
	*d = (struct rundir){ .held.fd = -1, .lock = -1 };
	if (strlen(path) + strlen("/") + TEMP_SIZE > sizeof(d->path))
		return err_set(e, ERR_RUN, "path too long: '%s'", path);
	memcpy(d->path, path, strlen(path) + 1);
	return (!make || file_make_dirs(d->path, e)) && dir_open(&d->held, d->path, e);
}

/* --- files that are no longer needed --- */

/* Whether rundir_clean has anything to remove. */
static bool has_spent_files(const struct rundir *d)
{
	char temp[TEMP_SIZE];
	bool any = file_exists(&d->held, RUN_CHECKPOINT) || file_exists(&d->held, RUN_PREVIOUS);
	for (const struct run_file *f = run_files; f->name && !any; f++) {
		temp_name(temp, f->name);
		any = file_exists(&d->held, temp);
	}
	return any;
}

static void remove_temporary(const struct rundir *d)
{
	char temp[TEMP_SIZE];
	struct err ignored;
	for (const struct run_file *f = run_files; f->name; f++) {
		temp_name(temp, f->name);
		file_remove(&d->held, temp, &ignored);
	}
}

void rundir_clean(const struct rundir *d)
{
	struct err ignored;
	remove_temporary(d);
	file_remove(&d->held, RUN_CHECKPOINT, &ignored);
	file_remove(&d->held, RUN_PREVIOUS, &ignored);
}

static bool is_input(const struct config *c, const char *name)
{
	for (const struct option *o = inputs_next(c, NULL); o; o = inputs_next(c, o))
		if (strcmp(o->copy, name) == 0)
			return true;
	return false;
}

bool rundir_remove_run(struct rundir *d, const struct config *next, struct err *e)
{
	remove_temporary(d);
	struct text removed = text_into(d->removed, sizeof(d->removed));
	for (const struct run_file *f = run_files; f->name; f++) {
		if (!file_exists(&d->held, f->name) || is_input(next, f->name))
			continue;
		if (strcmp(f->name, RUN_CONFIG) != 0 && !file_remove(&d->held, f->name, e))
			return false;
		text_add(&removed, "%s%s", removed.len ? " " : "", f->name);
	}
	return true;
}

/* --- opening --- */

/* The first look comes before the lock, which leaves a file: a done run and a directory of
 * something else are not touched. The second comes after it, when no other process can change
 * the answer. */
static bool inspect_and_lock(struct rundir *d, const struct config *c, bool fresh, struct result *res, struct err *e)
{
	struct err ignored;
	if (!inspect(d, c, fresh, res, e)) {
		rundir_is_locked(d->path, e); /* the better reason */
		return false;
	}
	const bool was_done = d->state == RUNDIR_DONE;
	if (was_done && !has_spent_files(d))
		return true;
	if (!lock(d, was_done ? &ignored : e))
		return was_done;
	if (!inspect(d, c, fresh, res, e))
		return false;
	if (d->state == RUNDIR_DONE && !d->has_no_locks)
		rundir_clean(d);
	return true;
}

bool rundir_open(
	struct rundir *d, const char *path, const struct config *c, bool fresh, struct result *res, struct err *e)
{
	const bool ok = hold(d, path, true, e) && inspect_and_lock(d, c, fresh, res, e);
	if (!ok)
		rundir_close(d);
	return ok;
}

void rundir_close(struct rundir *d)
{
	unlock(d);
	dir_close(&d->held);
}

/* The configuration of the run in a directory, in static memory; NULL: there is none. */
static bool recall(const char *path, const struct config **found, struct err *e)
{
	static struct config theirs; /* too much for a small stack */
	struct dir d;
	bool ok = true;
	*found = NULL;
	if (!file_exists(NULL, path))
		return true;
	if (!dir_open(&d, path, e))
		return false;
	if (file_exists(&d, RUN_CONFIG)) {
		ok = rundir_read_config(&d, &theirs, e);
		*found = ok ? &theirs : NULL;
	}
	dir_close(&d);
	return ok;
}

void rundir_recall(const char *path, struct config *c)
{
	const struct config *theirs;
	struct err ignored;
	if (config_env(c)->obs_dim == 0 && recall(path, &theirs, &ignored) && theirs)
		config_set_value(c, config_find("declaration"), theirs->declaration);
}

bool rundir_recall_input(const char *path, const struct option *key, struct config *c, struct err *e)
{
	const struct config *theirs;
	if (inputs_digest(c, key))
		return true;
	if (!recall(path, &theirs, e))
		return false;
	if (theirs && inputs_digest(theirs, key))
		config_set_value(c, key, inputs_value(theirs, key));
	return true;
}

bool rundir_is_done(const char *path, const struct config *c)
{
	struct rundir d;
	struct result res;
	struct err e;
	const bool done = hold(&d, path, false, &e) && inspect(&d, c, false, &res, &e) && d.state == RUNDIR_DONE;
	rundir_close(&d);
	return done;
}

/* --- while a run works in it --- */

static bool check_no_directory(const struct rundir *d, const char *name, struct err *e)
{
	struct stat st;
	return fstatat(d->held.fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode) ||
	       err_set(e, ERR_CORRUPT, "'%.500s/%s' is not a file", d->path, name);
}

bool rundir_check_writable(const struct rundir *d, struct err *e)
{
	char temp[TEMP_SIZE];
	for (const struct run_file *f = run_files; f->name; f++) {
		temp_name(temp, f->name);
		if (!check_no_directory(d, f->name, e) || !check_no_directory(d, temp, e))
			return false;
	}
	return faccessat(d->held.fd, ".", W_OK | X_OK, 0) == 0 ||
	       err_set(e, ERR_RUN, "write to '%.500s': %s", d->path, strerror(errno));
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool rundir_was_moved(const struct rundir *d)
{
	struct stat named, held;
	return fstat(d->held.fd, &held) == 0 && (stat(d->path, &named) < 0 || !is_same(&named, &held));
}

/* False if an open file (fd >= 0) is no longer the one of that name. */
static bool is_in_place(const struct rundir *d, int fd, const char *name)
{
	struct stat open, named;
	return fd < 0 || (fstat(fd, &open) == 0 && fstatat(d->held.fd, name, &named, 0) == 0 && is_same(&named, &open));
}

bool rundir_check(const struct rundir *d, const struct logs *l, struct err *e)
{
	struct stat st;
	const char *gone = file_exists(&d->held, RUN_CONFIG) ? NULL : RUN_CONFIG;
	if (!is_in_place(d, d->lock, RUN_LOCK))
		gone = RUN_LOCK;
	for (int i = 0; i < N_LOGS; i++)
		if (!is_in_place(d, l->fd[i], run_logs[i].name))
			gone = run_logs[i].name;
	if (!gone)
		return true;
	if (fstat(d->held.fd, &st) < 0 || st.st_nlink == 0)
		return err_set(
			e, ERR_RUN, "the run's directory '%.500s' was removed or replaced while it worked", d->path);
	return err_set(e, ERR_RUN, "'%.500s/%s' was removed or replaced while the run worked", d->path, gone);
}
