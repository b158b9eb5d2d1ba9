#include "study/pulse.h"

#include "base/file.h"

#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

void pulse_init(struct pulse *p)
{
	*p = (struct pulse){ 0 };
}

void pulse_release(struct pulse *p)
{
	free(p->held);
	pulse_init(p);
}

double pulse_steps_per_s(const struct record *r)
{
	return r->timesteps > 0 && r->wall_s > 0 ? (double)r->timesteps / r->wall_s : (double)NAN;
}

static int compare_ids(const void *a, const void *b)
{
	const struct pulse_id *x = a, *y = b;
	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/* True if the run's lock was ever seen taken; `now` it is. Without memory for one
 * more, what it wrote counts. */
static bool was_held(struct pulse *p, const struct record *r, bool now)
{
	const struct pulse_id id = { r->device, r->inode };
	if (p->n > 0 && bsearch(&id, p->held, p->n, sizeof(id), compare_ids))
		return true;
	if (!now)
		return false;
	if (p->n == p->room) {
		const size_t room = 2 * p->room + 16;
		struct pulse_id *held = realloc(p->held, room * sizeof(*held));
		if (!held)
			return true;
		p->held = held;
		p->room = room;
	}
	p->held[p->n++] = id;
	qsort(p->held, p->n, sizeof(id), compare_ids);
	return true;
}

/* When a run last wrote one of its files, seconds of the epoch. */
static double last_sign_s(const struct record *r)
{
	static const char *const names[] = { "config.ini", "checkpoint.safetensors" };
	double newest_s = r->changed_s;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[RUN_PATH_SIZE];
		struct err ignored;
		struct stat st;
		if (file_join(path, sizeof(path), r->dir, names[i], &ignored) &&
			stat(path, &st) == 0)
			newest_s = fmax(newest_s, (double)st.st_mtime);
	}
	return newest_s;
}

/* How long a run that is at work may seem to do nothing. */
static double patience_s(const struct record *r)
{
	const double least_s = 10, times = 3; /* clocks and caches of file systems differ */
	const double row_s = (double)r->config.log_interval / pulse_steps_per_s(r); /* may be NaN */
	return fmax(least_s, times * fmax(r->config.checkpoint_interval, row_s));
}

bool pulse_is_felt(struct pulse *p, const struct record *r, double now_s)
{
	struct err ignored;
	const bool held = rundir_is_locked(r->dir, &ignored);
	if (was_held(p, r, held))
		return held;
	return now_s - last_sign_s(r) <= patience_s(r);
}
