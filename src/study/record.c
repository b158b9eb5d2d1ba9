#include "study/record.h"

#include "base/file.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	CONFIG_LIMIT = 1 << 20, /* bytes */
	LOG_LIMIT = 1 << 28,
	MAX_DEPTH = 32, /* of directories below the one that was named */
};

void faults_add(struct faults *f, const char *what)
{
	enum { N_NAMED = 3 };
	const size_t len = strlen(f->first), room = sizeof(f->first) - len;
	if (f->n < N_NAMED)
		snprintf(f->first + len, room, "%s%.500s", len ? "; " : "", what);
	else if (f->n == N_NAMED)
		snprintf(f->first + len, room, "; ...");
	f->n++;
}

/* --- files of a run --- */

enum presence { FILE_ABSENT, FILE_UNREADABLE, FILE_THERE };

/* The caller frees *data, which is NULL unless the file is there. */
static enum presence load(const char *dir, const char *name, size_t limit, char **data, size_t *len, struct err *e)
{
	char path[RUN_PATH_SIZE];
	*data = NULL;
	*len = 0;
	if (!file_join(path, sizeof(path), dir, name, e))
		return FILE_UNREADABLE;
	if (!file_exists(NULL, path)) {
		err_set(e, ERR_RUN, "open '%.500s': %s", path, strerror(ENOENT));
		return FILE_ABSENT;
	}
	return file_load(NULL, path, limit, data, len, e) ? FILE_THERE : FILE_UNREADABLE;
}

/* Both columns are there, and no step is before the last. */
static bool check_log(const struct csv *t, const char *column, struct err *e)
{
	const double largest_step = 0x1p53; /* of total_timesteps */
	const double *x = csv_column(t, "timesteps");
	double last = 0;
	if (!x || !csv_column(t, column))
		return err_set(e, ERR_CORRUPT, "it has no column '%s'", x ? column : "timesteps");
	for (size_t i = 0; i < t->n_rows; i++, last = *x, x += t->n_columns)
		if (!(*x >= last && *x <= largest_step))
			return err_set(e, ERR_CORRUPT, "row %zu has steps out of order", i + 1);
	return true;
}

bool record_log(
	const struct record *r, const char *name, const char *column, bool is_needed, struct csv *t, struct err *e)
{
	char *data;
	size_t len;
	struct err why;
	const bool under_way = r->state == RECORD_UNFINISHED;
	*t = (struct csv){ 0 };
	const enum presence presence = load(r->dir, name, LOG_LIMIT, &data, &len, e);
	if (presence != FILE_THERE)
		return presence == FILE_ABSENT && (under_way || !is_needed);
	bool ok = csv_parse(t, data, len, under_way, &why);
	free(data);
	if (ok && t->header && !check_log(t, column, &why)) {
		csv_release(t);
		ok = false;
	}
	return ok || err_set(e, why.kind, "'%.500s/%s': %s", r->dir, name, why.msg);
}

static double last_cell(const struct csv *t, const char *name)
{
	const double *x = csv_column(t, name);
	if (!x || t->n_rows == 0)
		return (double)NAN;
	x += (t->n_rows - 1) * t->n_columns;
	return isfinite(*x) ? *x : (double)NAN;
}

/* --- one run --- */

/* Keeps the first error of a run. */
static void note(struct record *r, const struct err *why)
{
	if (!r->is_damaged)
		r->fault = strdup(why->msg);
	r->is_damaged = true;
}

static void read_evals(struct record *r, const struct csv *t)
{
	const double *x = csv_column(t, "timesteps"), *y = csv_column(t, "return_mean");
	const double *least = csv_column(t, "return_min");
	double sum = 0;
	if (t->n_rows > 0 && !isnan(r->threshold))
		r->steps_to_threshold = (double)INFINITY;
	for (size_t i = 0, k = 0; i < t->n_rows; i++, k += t->n_columns) {
		const double low = least ? least[k] : y[k];
		sum += y[k];
		if (isfinite(low))
			r->lowest_return = fmin(r->lowest_return, low);
		if (y[k] >= r->threshold && x[k] < r->steps_to_threshold)
			r->steps_to_threshold = x[k];
	}
	r->q_start = last_cell(t, "q_start");
	r->discounted_return = last_cell(t, "discounted_return");
	if (t->n_rows > 0 && isfinite(sum))
		r->mean_return = sum / (double)t->n_rows;
}

static void read_timing(struct record *r, const struct csv *t)
{
	const double steps = last_cell(t, "timesteps");
	r->timesteps = isnan(steps) ? 0 : (int64_t)steps;
	r->wall_s = last_cell(t, "wall_s");
}

static void read_progress(struct record *r, const struct csv *t)
{
	r->ep_rew_mean = last_cell(t, "ep_rew_mean");
}

static void read_logs(struct record *r)
{
	static const struct {
		const char *name, *column;
		bool is_needed; /* of a run that is over */
		void (*read)(struct record *r, const struct csv *t);
	} logs[] = { { RUN_TIMING, "wall_s", false, read_timing }, { RUN_EVAL, "return_mean", true, read_evals },
		{ RUN_PROGRESS, "ep_rew_mean", false, read_progress } };
	const size_t n = r->state == RECORD_DONE ? 2 : 3;
	for (size_t i = 0; i < n; i++) {
		struct csv t;
		static struct err e; /* too much for a small stack, below many directories */
		if (record_log(r, logs[i].name, logs[i].column, logs[i].is_needed, &t, &e)) {
			logs[i].read(r, &t);
			csv_release(&t);
		} else {
			note(r, &e);
		}
	}
}

static void read_result(struct record *r)
{
	struct dir d;
	static struct err e; /* too much for a small stack, below many directories */
	const bool is_open = dir_open(&d, r->dir, &e);
	r->state = RECORD_UNREADABLE;
	if (is_open && !file_exists(&d, RUN_RESULT))
		r->state = file_exists(&d, RUN_FAILED) ? RECORD_FAILED : RECORD_UNFINISHED;
	else if (is_open && result_load(&r->result, &d, &r->config, false, &e))
		r->state = RECORD_DONE;
	else
		note(r, &e);
	dir_close(&d);
}

static void release(struct record *r)
{
	free(r->dir);
	free(r->fault);
}

/* Nothing is known but `dir`; st may be NULL. */
static bool record_init(struct record *r, const char *dir, const struct stat *st, struct err *e)
{
	*r = (struct record){ .dir = strdup(dir), .state = RECORD_LEFT_OUT };
	config_init(&r->config);
	if (!r->dir)
		return err_set(e, ERR_RUN, "out of memory for '%s'", dir);
	if (st) {
		r->device = (uint64_t)st->st_dev;
		r->inode = (uint64_t)st->st_ino;
	}
	r->wall_s = r->ep_rew_mean = r->mean_return = r->steps_to_threshold = r->lowest_return = r->worst_return =
		r->q_start = r->discounted_return = (double)NAN;
	return true;
}

/* The way down a tree. One path and one reason for all levels: the stack may be small. */
struct walk {
	char dir[RUN_PATH_SIZE];
	struct err why; /* the directory is left out */
	struct err *e;  /* the caller's */
};

/* Adds a run, of which `config` is the text of config.ini. NULL: the directory is left out, and w->why says why. */
static bool add(struct records *list, struct walk *w, const struct stat *st, const char *config, size_t len)
{
	static char path[RUN_PATH_SIZE]; /* too much for a small stack */
	static struct record r;
	struct record *at = memory_grow(list->at, &list->room, list->n + 1, sizeof(*at));
	if (!at)
		return err_set(w->e, ERR_RUN, "out of memory for %zu runs", list->n + 1);
	list->at = at;
	if (!record_init(&r, w->dir, st, w->e))
		return false;
	if (config && file_join(path, sizeof(path), w->dir, RUN_CONFIG, &w->why) &&
		config_read(&r.config, path, config, len, &w->why)) {
		r.threshold = isnan(list->threshold) ? config_threshold(&r.config) : list->threshold;
		read_result(&r);
		read_logs(&r);
		if (r.state == RECORD_DONE)
			r.lowest_return = fmin(r.lowest_return, r.result.final.return_min);
	} else {
		note(&r, &w->why);
	}
	list->at[list->n++] = r;
	return true;
}

/* --- a tree of directories --- */

void records_init(struct records *list)
{
	*list = (struct records){ .threshold = (double)NAN };
}

static bool visit(struct records *list, struct walk *w, int depth);

static bool visit_entries(struct records *list, struct walk *w, const struct stat *st, int depth)
{
	const size_t len = strlen(w->dir), room = sizeof(w->dir) - len;
	const struct dirent *entry;
	DIR *d = opendir(w->dir);
	bool ok = true;
	if (!d) {
		err_set(&w->why, ERR_RUN, "open '%.500s': %s", w->dir, strerror(errno));
		return depth > 0 ? add(list, w, st, NULL, 0) : err_set(w->e, ERR_RUN, "%s", w->why.msg);
	}
	while (ok && (errno = 0, entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(w->dir + len, room, "/%s", entry->d_name) < room) {
			ok = visit(list, w, depth + 1);
		} else {
			err_set(&w->why, ERR_RUN, "path too long: '%.100s...'", w->dir);
			ok = add(list, w, NULL, NULL, 0);
		}
		w->dir[len] = '\0';
	}
	if (ok && errno != 0) {
		err_set(&w->why, ERR_RUN, "read '%.500s': %s", w->dir, strerror(errno));
		ok = add(list, w, st, NULL, 0);
	}
	closedir(d);
	return ok;
}

/* Below the first directory, links are not followed. */
static bool visit(struct records *list, struct walk *w, int depth)
{
	struct stat st;
	char *config;
	size_t len;
	if (list->stop && *list->stop) {
		w->e->kind = ERR_NONE;
		return false;
	}
	if ((depth == 0 ? stat(w->dir, &st) : lstat(w->dir, &st)) < 0) {
		if (depth == 0)
			return err_set(w->e, ERR_RUN, "open '%s': %s", w->dir, strerror(errno));
		err_set(&w->why, ERR_RUN, "stat '%.500s': %s", w->dir, strerror(errno));
		return errno == ENOENT || add(list, w, NULL, NULL, 0);
	}
	if (depth > 0 && !S_ISDIR(st.st_mode))
		return true;
	if (depth > MAX_DEPTH) {
		err_set(&w->why, ERR_RUN, "more than %d directories down: '%.500s'", MAX_DEPTH, w->dir);
		return add(list, w, &st, NULL, 0);
	}
	const enum presence presence = load(w->dir, RUN_CONFIG, CONFIG_LIMIT, &config, &len, &w->why);
	if (presence == FILE_ABSENT)
		return visit_entries(list, w, &st, depth);
	const bool ok = add(list, w, &st, config, len);
	free(config);
	return ok;
}

bool records_find(struct records *list, const char *path, struct err *e)
{
	struct walk w = { .e = e };
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len >= sizeof(w.dir))
		return err_set(e, ERR_RUN, "path too long: '%s'", path);
	memcpy(w.dir, path, len);
	return visit(list, &w, 0);
}

static int compare_dirs(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	if ((x->state == RECORD_LEFT_OUT) != (y->state == RECORD_LEFT_OUT))
		return x->state == RECORD_LEFT_OUT ? 1 : -1;
	return strcmp(x->dir, y->dir);
}

static int compare_inodes(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return compare_dirs(a, b);
}

/* Without an inode, directories are told apart by name. */
static bool is_same(const struct record *a, const struct record *b)
{
	return a->device == b->device && a->inode == b->inode && (a->inode != 0 || strcmp(a->dir, b->dir) == 0);
}

static int compare_envs(const void *a, const void *b)
{
	return config_compare_env(&((const struct record *)a)->config, &((const struct record *)b)->config);
}

/* Of n runs, sorted by their environments. */
static void set_worst_returns(struct record *r, size_t n)
{
	for (size_t i = 0, end; i < n; i = end) {
		double seen = (double)NAN;
		for (end = i; end < n && compare_envs(&r[i], &r[end]) == 0; end++)
			seen = fmin(seen, r[end].lowest_return);
		for (size_t k = i; k < end; k++) {
			double declared, unused;
			config_return_range(&r[k].config, &declared, &unused);
			r[k].worst_return = fmin(isfinite(declared) ? declared : (double)NAN, seen);
		}
	}
}

void records_sort(struct records *list)
{
	size_t n = 0;
	list->damaged = (struct faults){ 0 };
	if (list->n == 0)
		return;
	qsort(list->at, list->n, sizeof(*list->at), compare_inodes);
	for (size_t i = 0; i < list->n; i++) {
		if (n > 0 && is_same(&list->at[n - 1], &list->at[i]))
			release(&list->at[i]);
		else
			list->at[n++] = list->at[i];
	}
	qsort(list->at, n, sizeof(*list->at), compare_envs);
	set_worst_returns(list->at, n);
	qsort(list->at, n, sizeof(*list->at), compare_dirs);
	list->n = 0;
	for (size_t i = 0; i < n; i++) { /* those that are left out come last */
		struct record *r = &list->at[i];
		const bool is_run = r->state != RECORD_LEFT_OUT;
		if (r->is_damaged)
			faults_add(is_run ? &list->damaged : &list->left_out, r->fault ? r->fault : r->dir);
		if (is_run)
			list->n++;
		else
			release(r);
	}
}

void records_release(struct records *list)
{
	for (size_t i = 0; i < list->n; i++)
		release(&list->at[i]);
	free(list->at);
	records_init(list);
}

/* --- figures --- */

/* In the order of done_value. */
const struct metric record_metrics[] = {
	{ "final_return_mean", MORE_IS_BETTER, 1, WORST_RETURN, false },
	{ "best_return_mean", MORE_IS_BETTER, 1, WORST_RETURN, false },
	{ "eval_return_mean", MORE_IS_BETTER, 1, WORST_RETURN, false }, /* over all evaluations */
	{ "steps_to_threshold", LESS_IS_BETTER, 0, WORST_NEVER, false },
	{ "final_length_mean", NO_GOAL, 1, WORST_NONE, false },
	{ "timesteps", LESS_IS_BETTER, 0, WORST_NONE, false },
	{ "episodes", LESS_IS_BETTER, 0, WORST_NONE, false },
	{ "n_updates", LESS_IS_BETTER, 0, WORST_NONE, false },
	{ "wall_s", LESS_IS_BETTER, 2, WORST_NONE, false },
	{ "q_start", NO_GOAL, 3, WORST_NONE, true },
	{ "discounted_return", MORE_IS_BETTER, 3, WORST_NONE, true },
	{ "value_gap", LESS_IS_BETTER, 3, WORST_NONE, true }, /* between these two */
	{ .name = NULL },
};
enum { N_METRICS = sizeof(record_metrics) / sizeof(record_metrics[0]) - 1 };

static double done_value(const struct record *r, const struct metric *m)
{
	const struct result *res = &r->result;
	const double values[] = { res->final.return_mean, res->best_return_mean, r->mean_return, r->steps_to_threshold,
		res->final.length_mean, (double)res->timesteps, (double)res->episodes, (double)res->n_updates,
		r->wall_s, r->q_start, r->discounted_return, fabs(r->q_start - r->discounted_return) };
	_Static_assert(sizeof(values) / sizeof(values[0]) == N_METRICS, "a value per metric");
	return values[m - record_metrics];
}

double record_value(const struct record *r, const struct metric *m)
{
	if (r->state == RECORD_DONE)
		return done_value(r, m);
	if (r->state == RECORD_FAILED && m->worst == WORST_RETURN)
		return r->worst_return;
	if (r->state == RECORD_FAILED && m->worst == WORST_NEVER && !isnan(r->threshold))
		return (double)INFINITY;
	return (double)NAN;
}

const struct metric *record_metric(const char *name, struct err *e)
{
	const char *names[N_METRICS + 1] = { NULL };
	char list[256];
	struct text t = text_into(list, sizeof(list));
	for (int i = 0; i < N_METRICS; i++) {
		names[i] = record_metrics[i].name;
		if (!name || strcmp(names[i], name) == 0)
			return &record_metrics[i];
		text_add(&t, "%s%s", i ? ", " : "", names[i]);
	}
	const char *near = text_nearest(name, names);
	err_set(e, ERR_USAGE, "unknown metric '%s'%s%s", name, near ? "" : "; there are ", near ? "" : list);
	err_suggest(e, "", near);
	return NULL;
}
