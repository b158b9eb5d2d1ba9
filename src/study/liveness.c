#include "study/liveness.h"

#include "base/file.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

void liveness_release(struct liveness *l)
{
	free(l->held);
	*l = (struct liveness){ 0 };
}

double run_steps_per_s(const struct record *r)
{
	return r->timesteps > 0 && r->wall_s > 0 ? (double)r->timesteps / r->wall_s : (double)NAN;
}

/* Whether the lock of the run was ever seen held, `now` included. If memory is out, it is
 * forgotten again. */
static bool was_held(struct liveness *l, const struct record *r, bool now)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->held[i].inode == r->inode && l->held[i].device == r->device)
			return true;
	struct directory_id *held = now ? memory_grow(l->held, &l->room, l->n + 1, sizeof(*held)) : NULL;
	if (held) {
		l->held = held;
		l->held[l->n++] = (struct directory_id){ r->device, r->inode };
	}
	return now;
}

/* Seconds of the epoch; 0 if there is no file. */
static double last_write_s(const struct record *r)
{
	double newest_s = 0;
	for (const struct run_file *f = run_files; f->name; f++) {
		char path[RUN_PATH_SIZE];
		struct err ignored;
		struct stat st;
		if (file_join(path, sizeof(path), r->dir, f->name, &ignored) && stat(path, &st) == 0)
			newest_s = fmax(newest_s, (double)st.st_mtime);
	}
	return newest_s;
}

/* How long a run may write nothing while a process works on it. */
static double longest_pause_s(const struct record *r)
{
	const double least_s = 10, times = 3;
	const double row_s = (double)r->config.log_interval / run_steps_per_s(r); /* may be NaN */
	return fmax(least_s, times * fmax(r->config.checkpoint_interval, row_s));
}

static bool is_alive(struct liveness *l, const struct record *r, double time_s)
{
	struct err ignored;
	const bool held = rundir_is_locked(r->dir, &ignored);
	if (was_held(l, r, held))
		return held;
	return !rundir_is_stopped(r->dir) && time_s - last_write_s(r) <= longest_pause_s(r);
}

enum run_status run_status_of(struct liveness *l, const struct record *r, double time_s)
{
	if (r->state == RECORD_UNFINISHED)
		return is_alive(l, r, time_s) ? RUN_IS_RUNNING : RUN_IS_STOPPED;
	return r->state == RECORD_DONE ? RUN_IS_DONE : r->state == RECORD_FAILED ? RUN_IS_FAILED : RUN_IS_UNREADABLE;
}

double run_silence_s(const struct record *r, double time_s)
{
	const double silence_s = time_s - last_write_s(r);
	return silence_s > longest_pause_s(r) ? silence_s : 0;
}
