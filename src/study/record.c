#include "study/record.h"

#include "base/file.h"
#include "study/stats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SMALL_LIMIT = 1 << 20, /* bytes of config.ini and result.json */
	LOG_LIMIT = 1 << 28,
	MAX_DEPTH = 32, /* of directories below the one that was named */
};

/* --- files --- */

enum presence { FILE_ABSENT, FILE_UNREADABLE, FILE_THERE };

/* As many bytes of a file as it had a moment ago, NUL-terminated; the caller frees them.
 * NULL if that fails. */
static char *read_bytes(int fd, const char *path, size_t size, size_t *len, struct err *e)
{
	size_t n = 0;
	char *p = calloc(size + 1, 1);
	if (!p) {
		err_set(e, ERR_RUN, "out of memory reading '%.500s'", path);
		return NULL;
	}
	while (n < size) {
		const ssize_t got = read(fd, p + n, size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			err_set(e, ERR_RUN, "read '%.500s': %s", path, strerror(errno));
			free(p);
			return NULL;
		}
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*len = n;
	return p;
}

/* A file of a run as it is now. *changed_s, unless NULL, becomes the time of its last
 * change if that is later. What is no regular file is not read: a FIFO would be waited
 * for. Among thousands of runs it is system calls that take the time: here are four, and
 * the path is walked once. */
static enum presence read_file(const char *dir, const char *name, size_t limit, char **data,
	size_t *len, double *changed_s, struct err *e)
{
	static char path[RUN_PATH_SIZE];
	struct stat st;
	*data = NULL;
	*len = 0;
	if (!file_join(path, sizeof(path), dir, name, e))
		return FILE_UNREADABLE;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		const bool absent = errno == ENOENT || errno == ENOTDIR;
		err_set(e, ERR_RUN, "open '%.500s': %s", path, strerror(errno));
		return absent ? FILE_ABSENT : FILE_UNREADABLE;
	}
	enum presence presence = FILE_UNREADABLE;
	if (fstat(fd, &st) < 0) {
		err_set(e, ERR_RUN, "stat '%.500s': %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_RUN, "'%.500s' is not a file", path);
	} else if ((uintmax_t)st.st_size > limit) {
		err_set(e, ERR_RUN, "'%.500s' is larger than the %zu bytes allowed", path, limit);
	} else {
		*data = read_bytes(fd, path, (size_t)st.st_size, len, e);
		if (*data)
			presence = FILE_THERE;
	}
	close(fd);
	if (presence != FILE_ABSENT && changed_s && (double)st.st_mtime > *changed_s)
		*changed_s = (double)st.st_mtime;
	return presence;
}

/* --- logs --- */

/* A number, true or false as 1 or 0, or nothing as NaN. */
static bool parse_cell(const char *s, size_t n, double *x)
{
	const struct { /* not static: to tcc -INFINITY is no constant */
		const char *word;
		double value;
	} words[] = { { "", (double)NAN }, { "true", 1 }, { "false", 0 },
		{ "inf", (double)INFINITY }, { "-inf", -(double)INFINITY },
		{ "nan", (double)NAN } };
	char buf[64];
	if (n >= sizeof(buf))
		return false;
	memcpy(buf, s, n);
	buf[n] = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(buf, words[i].word) == 0) {
			*x = words[i].value;
			return true;
		}
	const bool ok = text_parse_real(buf, x) == TEXT_OK;
	*x = ok ? stats_bounded(*x) : (double)NAN;
	return ok;
}

/* Reads one line into cells (n_columns); false if it is not that many. */
static bool parse_row(const char *line, const char *end, double *cells, size_t n_columns)
{
	for (size_t i = 0; i < n_columns; i++) {
		const char *comma = memchr(line, ',', (size_t)(end - line));
		if ((comma == NULL) != (i + 1 == n_columns))
			return false;
		const char *stop = comma ? comma : end;
		if (!parse_cell(line, (size_t)(stop - line), &cells[i]))
			return false;
		line = comma ? comma + 1 : end;
	}
	return true;
}

static bool parse_rows(struct table *t, const char *p, const char *end, struct err *e)
{
	for (const char *eol; (eol = memchr(p, '\n', (size_t)(end - p))); p = eol + 1) {
		if (!parse_row(p, eol, t->cell + t->n_rows * t->n_columns, t->n_columns))
			return err_set(e, ERR_CORRUPT, "row %zu is not %zu numbers", t->n_rows + 1,
				t->n_columns);
		t->n_rows++;
	}
	return true;
}

bool table_parse(struct table *t, const char *data, size_t len, bool under_way, struct err *e)
{
	const char *end = data + len;
	const char *eol = memchr(data, '\n', len);
	size_t n_lines = 1;
	*t = (struct table){ 0 };
	if (memchr(data, '\0', len))
		return err_set(e, ERR_CORRUPT, "a NUL byte is in it");
	if (!under_way && (len == 0 || end[-1] != '\n'))
		return err_set(e, ERR_CORRUPT, "its last line has no end");
	if (!eol)
		return true;
	for (const char *p = eol + 1; p < end; p++)
		n_lines += *p == '\n';
	t->n_columns = 1;
	for (const char *p = data; p < eol; p++)
		t->n_columns += *p == ',';
	/* A cell takes a byte at least, so that this is bounded by the file. */
	if (t->n_columns > len / n_lines + 1)
		return err_set(e, ERR_CORRUPT, "not every row is %zu numbers", t->n_columns);
	t->header = malloc((size_t)(eol - data) + 1);
	t->cell = malloc(n_lines * t->n_columns * sizeof(*t->cell));
	bool ok = t->header && t->cell;
	if (ok) {
		memcpy(t->header, data, (size_t)(eol - data));
		t->header[eol - data] = '\0';
		ok = parse_rows(t, eol + 1, end, e);
	} else {
		err_set(e, ERR_RUN, "out of memory for %zu rows", n_lines);
	}
	if (!ok)
		table_release(t);
	return ok;
}

/* Both columns are there, and no step is before the last. */
static bool check_table(const struct table *t, const char *column, struct err *e)
{
	const double largest_step = 0x1p53; /* of total_timesteps */
	const double *x = table_column(t, "timesteps");
	if (!x || !table_column(t, column))
		return err_set(e, ERR_CORRUPT, "it has no column '%s'", x ? column : "timesteps");
	for (size_t i = 0; i < t->n_rows; i++)
		if (!(x[i * t->n_columns] >= (i > 0 ? x[(i - 1) * t->n_columns] : 0) &&
			    x[i * t->n_columns] <= largest_step))
			return err_set(e, ERR_CORRUPT, "row %zu has steps out of order", i + 1);
	return true;
}

/* *changed_s as read_file has it. What is absent is an empty table of a run under way,
 * and of others unless it is `needed`. */
static bool read_table(struct table *t, const struct record *r, const char *name,
	const char *column, bool needed, double *changed_s, struct err *e)
{
	char *data;
	size_t len;
	struct err why;
	const bool under_way = r->state == RECORD_UNFINISHED;
	*t = (struct table){ 0 };
	const enum presence presence =
		read_file(r->dir, name, LOG_LIMIT, &data, &len, changed_s, e);
	if (presence != FILE_THERE)
		return presence == FILE_ABSENT && (under_way || !needed);
	bool ok = table_parse(t, data, len, under_way, &why);
	free(data);
	if (ok && t->header && !check_table(t, column, &why)) {
		table_release(t);
		ok = false;
	}
	return ok || err_set(e, why.kind, "'%.500s/%s': %s", r->dir, name, why.msg);
}

bool table_read(struct table *t, const struct record *r, const char *name, const char *column,
	struct err *e)
{
	return read_table(t, r, name, column, true, NULL, e);
}

const double *table_column(const struct table *t, const char *name)
{
	const size_t len = strlen(name);
	const char *s = t->header;
	for (size_t i = 0; s && i < t->n_columns; i++) {
		const size_t n = strcspn(s, ",");
		if (n == len && strncmp(s, name, n) == 0)
			return t->cell + i;
		s += n + (s[n] == ',');
	}
	return NULL;
}

void table_release(struct table *t)
{
	free(t->header);
	free(t->cell);
	*t = (struct table){ 0 };
}

static double last_cell(const struct table *t, const char *name)
{
	const double *column = table_column(t, name);
	const double x = column && t->n_rows > 0 ? column[(t->n_rows - 1) * t->n_columns] : NAN;
	return isfinite(x) ? x : (double)NAN;
}

/* --- one run --- */

static bool has_file(const char *dir, const char *name)
{
	char path[RUN_PATH_SIZE];
	struct err e;
	struct stat st;
	return file_join(path, sizeof(path), dir, name, &e) && stat(path, &st) == 0 &&
	       S_ISREG(st.st_mode);
}

void faults_add(struct faults *f, const char *what)
{
	enum { N_NAMED = 3 };
	const size_t len = strlen(f->first);
	if (f->n < N_NAMED)
		snprintf(f->first + len, sizeof(f->first) - len, "%s%.500s", len ? "; " : "", what);
	else if (f->n == N_NAMED)
		snprintf(f->first + len, sizeof(f->first) - len, "; ...");
	f->n++;
}

/* Keeps the first thing that is wrong with a run. */
static void note(struct record *r, const struct err *why)
{
	const size_t size = strlen(why->msg) + 1;
	if (r->is_damaged)
		return;
	r->is_damaged = true;
	r->fault = malloc(size);
	if (r->fault)
		memcpy(r->fault, why->msg, size);
}

static void read_evals(struct record *r, const struct table *t)
{
	const double *x = table_column(t, "timesteps"), *y = table_column(t, "return_mean");
	const double *least = table_column(t, "return_min");
	double sum = 0;
	for (size_t i = 0, k = 0; i < t->n_rows; i++, k += t->n_columns) {
		sum += y[k];
		const double low = least ? least[k] : y[k];
		if (isfinite(low))
			r->lowest_return = fmin(r->lowest_return, low);
		if (i == 0 && !isnan(r->threshold))
			r->steps_to_threshold = (double)INFINITY;
		if (y[k] >= r->threshold && x[k] < r->steps_to_threshold)
			r->steps_to_threshold = x[k];
	}
	r->last_return = last_cell(t, "return_mean");
	r->mean_return = t->n_rows > 0 && isfinite(sum) ? sum / (double)t->n_rows : (double)NAN;
}

static void read_logs(struct record *r)
{
	struct table t;
	struct err e;
	if (read_table(&t, r, "timing.csv", "wall_s", false, &r->changed_s, &e)) {
		const double steps = last_cell(&t, "timesteps");
		r->timesteps = isnan(steps) ? 0 : (int64_t)steps;
		r->wall_s = last_cell(&t, "wall_s");
		r->steps_per_s = last_cell(&t, "steps_per_s");
		table_release(&t);
	} else {
		note(r, &e);
	}
	if (read_table(&t, r, "eval.csv", "return_mean", true, &r->changed_s, &e)) {
		read_evals(r, &t);
		table_release(&t);
	} else {
		note(r, &e);
	}
	if (r->state == RECORD_DONE)
		return;
	if (read_table(&t, r, "progress.csv", "ep_rew_mean", false, &r->changed_s, &e)) {
		r->ep_rew_mean = last_cell(&t, "ep_rew_mean");
		table_release(&t);
	} else {
		note(r, &e);
	}
}

static void read_result(struct record *r)
{
	struct dir d;
	struct err e;
	const bool is_open = dir_open(&d, r->dir, &e);
	r->state = RECORD_UNREADABLE;
	if (is_open && !file_exists(&d, "result.json"))
		r->state = has_file(r->dir, "failed.txt") ? RECORD_FAILED : RECORD_UNFINISHED;
	else if (is_open && result_load(&r->result, &d, &r->config, false, &e))
		r->state = RECORD_DONE;
	else
		note(r, &e);
	dir_close(&d);
}

static bool make_room(struct records *list, struct err *e)
{
	if (list->n < list->room)
		return true;
	const size_t room = list->room ? 2 * list->room : 64;
	struct record *at =
		room <= SIZE_MAX / sizeof(*at) ? realloc(list->at, room * sizeof(*at)) : NULL;
	if (!at)
		return err_set(e, ERR_RUN, "out of memory for %zu runs", room);
	list->at = at;
	list->room = room;
	return true;
}

/* One more, of which nothing is known; st may be NULL. NULL if memory is out. */
static struct record *new_record(
	struct records *list, const char *dir, const struct stat *st, struct err *e)
{
	char *copy = malloc(strlen(dir) + 1);
	if (!copy || !make_room(list, e)) {
		free(copy);
		err_set(e, ERR_RUN, "out of memory for '%s'", dir);
		return NULL;
	}
	memcpy(copy, dir, strlen(dir) + 1);
	struct record *r = &list->at[list->n++];
	*r = (struct record){ .dir = copy, .state = RECORD_LEFT_OUT };
	if (st) {
		r->device = (uint64_t)st->st_dev;
		r->inode = (uint64_t)st->st_ino;
	}
	r->wall_s = r->steps_per_s = r->ep_rew_mean = r->last_return = r->mean_return =
		r->steps_to_threshold = r->lowest_return = r->worst_return = (double)NAN;
	return r;
}

static bool leave_out(struct records *list, const char *dir, const struct stat *st,
	const struct err *why, struct err *e)
{
	struct record *r = new_record(list, dir, st, e);
	if (r)
		note(r, why);
	return r != NULL;
}

static bool add_record(struct records *list, const char *dir, const struct stat *st,
	const char *config, size_t len, struct err *e)
{
	char path[RUN_PATH_SIZE];
	struct err why;
	struct record *r = new_record(list, dir, st, e);
	if (!r)
		return false;
	if (!file_join(path, sizeof(path), dir, "config.ini", &why) ||
		!config_read(&r->config, path, config, len, &why)) {
		note(r, &why);
		return true;
	}
	r->threshold = isnan(list->threshold) ? config_threshold(&r->config) : list->threshold;
	read_result(r);
	read_logs(r);
	if (r->state == RECORD_DONE)
		r->lowest_return = fmin(r->lowest_return, r->result.final.return_min);
	return true;
}

/* --- many --- */

void records_init(struct records *list)
{
	*list = (struct records){ .threshold = (double)NAN };
}

static bool find_below(struct records *list, char *dir, const struct stat *st, int depth,
	struct err *why, struct err *e);

/* The same for one entry of the directory above; `dir` was cut if it is not `whole`. */
static bool find_entry(
	struct records *list, char *dir, bool whole, int depth, struct err *why, struct err *e)
{
	struct stat st;
	if (!whole) {
		err_set(why, ERR_RUN, "path too long: '%.100s...'", dir);
		return leave_out(list, dir, NULL, why, e);
	}
	if (lstat(dir, &st) < 0) {
		err_set(why, ERR_RUN, "stat '%.500s': %s", dir, strerror(errno));
		return errno == ENOENT || leave_out(list, dir, NULL, why, e);
	}
	if (!S_ISDIR(st.st_mode))
		return true;
	if (depth <= MAX_DEPTH)
		return find_below(list, dir, &st, depth, why, e);
	err_set(why, ERR_RUN, "more than %d directories down: '%.500s'", MAX_DEPTH, dir);
	return leave_out(list, dir, &st, why, e);
}

/* dir is a buffer of RUN_PATH_SIZE that is extended on the way down, st what stat says
 * of it. */
static bool find_below(struct records *list, char *dir, const struct stat *st, int depth,
	struct err *why, struct err *e)
{
	char *config;
	size_t config_len;
	const enum presence presence =
		read_file(dir, "config.ini", SMALL_LIMIT, &config, &config_len, NULL, why);
	if (presence == FILE_THERE) {
		const bool ok = add_record(list, dir, st, config, config_len, e);
		free(config);
		return ok;
	}
	if (presence == FILE_UNREADABLE)
		return leave_out(list, dir, st, why, e);
	DIR *d = opendir(dir);
	if (!d) {
		err_set(why, ERR_RUN, "open '%.500s': %s", dir, strerror(errno));
		return depth > 0 ? leave_out(list, dir, st, why, e)
				 : err_set(e, ERR_RUN, "%s", why->msg);
	}
	const size_t len = strlen(dir), room = RUN_PATH_SIZE - len;
	bool ok = true;
	const struct dirent *entry;
	while (ok && (errno = 0, entry = readdir(d))) {
		if (strcmp(entry->d_name, "config.ini") == 0) /* a link to nowhere */
			ok = leave_out(list, dir, st, why, e);
		if (entry->d_name[0] != '.') {
			const int n = snprintf(dir + len, room, "/%s", entry->d_name);
			ok = ok && find_entry(list, dir, (size_t)n < room, depth + 1, why, e);
			dir[len] = '\0';
		}
	}
	if (ok && errno != 0) {
		err_set(why, ERR_RUN, "read '%.500s': %s", dir, strerror(errno));
		ok = leave_out(list, dir, st, why, e);
	}
	closedir(d);
	return ok;
}

bool records_find(struct records *list, const char *path, struct err *e)
{
	char dir[RUN_PATH_SIZE];
	size_t len = strlen(path);
	if (len >= sizeof(dir))
		return err_set(e, ERR_RUN, "path too long: '%s'", path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	memcpy(dir, path, len);
	dir[len] = '\0';
	struct err why; /* one for all levels: a small stack may be all there is */
	struct stat st;
	if (stat(dir, &st) < 0)
		return err_set(e, ERR_RUN, "open '%s': %s", dir, strerror(errno));
	return find_below(list, dir, &st, 0, &why, e);
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

/* True if both are one directory; where that is unknown, the inode being 0, by name. */
static bool is_same(const struct record *a, const struct record *b)
{
	return a->device == b->device && a->inode == b->inode &&
	       (a->inode != 0 || strcmp(a->dir, b->dir) == 0);
}

static void drop(struct record *r)
{
	free(r->dir);
	free(r->fault);
}

/* Of every run, the worst return that it could have had; see struct record. */
static void set_worst(struct records *list)
{
	for (int k = 0; env_ids[k]; k++) {
		const struct env_ops *ops = env_find(env_ids[k]);
		double seen = (double)NAN, declared, unused;
		for (size_t i = 0; i < list->n; i++)
			if (config_env(&list->at[i].config) == ops)
				seen = fmin(seen, list->at[i].lowest_return);
		for (size_t i = 0; i < list->n; i++) {
			struct record *r = &list->at[i];
			if (config_env(&r->config) != ops)
				continue;
			env_return_range(ops, config_eval_limit(&r->config), &declared, &unused);
			r->worst_return = isfinite(declared) ? fmin(declared, seen) : seen;
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
			drop(&list->at[i]);
		else
			list->at[n++] = list->at[i];
	}
	qsort(list->at, n, sizeof(*list->at), compare_dirs);
	list->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct record *r = &list->at[i];
		if (r->is_damaged)
			faults_add(r->state == RECORD_LEFT_OUT ? &list->left_out : &list->damaged,
				r->fault ? r->fault : r->dir);
		if (r->state == RECORD_LEFT_OUT)
			drop(r);
		else
			list->n = i + 1;
	}
	set_worst(list);
}

void records_release(struct records *list)
{
	for (size_t i = 0; i < list->n; i++)
		drop(&list->at[i]);
	free(list->at);
	records_init(list);
}

/* --- figures --- */

static double final_return(const struct record *r)
{
	return r->result.final.return_mean;
}

static double best_return(const struct record *r)
{
	return r->result.best_return_mean;
}

static double eval_return(const struct record *r)
{
	return r->mean_return;
}

static double final_length(const struct record *r)
{
	return r->result.final.length_mean;
}

static double timesteps(const struct record *r)
{
	return (double)r->result.timesteps;
}

static double episodes(const struct record *r)
{
	return (double)r->result.episodes;
}

static double n_updates(const struct record *r)
{
	return (double)r->result.n_updates;
}

static double wall_s(const struct record *r)
{
	return r->wall_s;
}

static double steps_to_threshold(const struct record *r)
{
	return r->steps_to_threshold;
}

static double worst_return(const struct record *r)
{
	return r->worst_return;
}

static double never(const struct record *r)
{
	return isnan(r->threshold) ? (double)NAN : (double)INFINITY;
}

const struct metric record_metrics[] = {
	{ "final_return_mean", false, 1, final_return, worst_return },
	{ "best_return_mean", false, 1, best_return, worst_return },
	{ "eval_return_mean", false, 1, eval_return, worst_return }, /* over all of the run */
	{ "steps_to_threshold", true, 0, steps_to_threshold, never },
	{ "final_length_mean", false, 1, final_length, NULL },
	{ "timesteps", true, 0, timesteps, NULL },
	{ "episodes", true, 0, episodes, NULL },
	{ "n_updates", true, 0, n_updates, NULL },
	{ "wall_s", true, 2, wall_s, NULL },
	{ .name = NULL },
};

double record_value(const struct record *r, const struct metric *m)
{
	if (r->state == RECORD_DONE)
		return m->of(r);
	return r->state == RECORD_FAILED && m->worst ? m->worst(r) : (double)NAN;
}

const struct metric *record_metric(const char *name, struct err *e)
{
	const char *names[sizeof(record_metrics) / sizeof(record_metrics[0])];
	char list[256];
	struct text t;
	size_t n = 0;
	text_init(&t, list, sizeof(list));
	for (const struct metric *m = record_metrics; m->name; m++) {
		if (strcmp(m->name, name) == 0)
			return m;
		text_add(&t, "%s%s", n ? ", " : "", m->name);
		names[n++] = m->name;
	}
	names[n] = NULL;
	const char *near = text_nearest(name, names);
	if (near)
		err_set(e, ERR_USAGE, "unknown metric '%s'; did you mean '%s'?", name, near);
	else
		err_set(e, ERR_USAGE, "unknown metric '%s'; there are %s", name, list);
	return NULL;
}
