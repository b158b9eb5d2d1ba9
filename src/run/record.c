#include "run/record.h"

#include "base/file.h"
#include "run/stats.h"

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
 * change if that is later. What is no regular file counts as absent: a FIFO would be
 * waited for. Among thousands of runs it is system calls that take the time: here are
 * four, and the path is walked once. */
static enum presence read_file(const char *dir, const char *name, size_t limit, char **data,
	size_t *len, double *changed_s, struct err *e)
{
	char path[RUN_PATH_SIZE];
	struct stat st;
	*data = NULL;
	*len = 0;
	if (!file_join(path, sizeof(path), dir, name, e))
		return FILE_ABSENT;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		const bool absent = errno == ENOENT || errno == ENOTDIR || errno == ENXIO;
		err_set(e, ERR_RUN, "open '%.500s': %s", path, strerror(errno));
		return absent ? FILE_ABSENT : FILE_UNREADABLE;
	}
	enum presence presence = FILE_UNREADABLE;
	if (fstat(fd, &st) < 0) {
		err_set(e, ERR_RUN, "stat '%.500s': %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_RUN, "'%.500s' is not a file", path);
		presence = FILE_ABSENT;
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

static double cell_value(const char *s, size_t n)
{
	char buf[64];
	double x;
	if (n == 0 || n >= sizeof(buf))
		return (double)NAN;
	memcpy(buf, s, n);
	buf[n] = '\0';
	if (strcmp(buf, "true") == 0 || strcmp(buf, "false") == 0)
		return buf[0] == 't';
	return text_parse_real(buf, &x) == TEXT_OK ? stats_bounded(x) : (double)NAN;
}

/* Reads one line into cells (n_columns); false if it has another number of them. */
static bool parse_row(const char *line, const char *end, double *cells, size_t n_columns)
{
	for (size_t i = 0; i < n_columns; i++) {
		const char *comma = memchr(line, ',', (size_t)(end - line));
		if ((comma == NULL) != (i + 1 == n_columns))
			return false;
		const char *stop = comma ? comma : end;
		cells[i] = cell_value(line, (size_t)(stop - line));
		line = comma ? comma + 1 : end;
	}
	return true;
}

bool table_parse(struct table *t, const char *data, size_t len)
{
	const char *end = data + len;
	const char *eol = memchr(data, '\n', len);
	size_t n_lines = 1;
	*t = (struct table){ 0 };
	if (!eol || memchr(data, '\0', len))
		return true;
	for (const char *p = eol + 1; p < end; p++)
		n_lines += *p == '\n';
	t->n_columns = 1;
	for (const char *p = data; p < eol; p++)
		t->n_columns += *p == ',';
	t->header = malloc((size_t)(eol - data) + 1);
	/* A cell takes a byte at least, so that this is bounded by the file. */
	if (t->n_columns <= len / n_lines + 1)
		t->cell = malloc(n_lines * t->n_columns * sizeof(*t->cell));
	if (!t->header || !t->cell) {
		const bool ragged = t->header && t->n_columns > len / n_lines + 1;
		table_release(t);
		return ragged;
	}
	memcpy(t->header, data, (size_t)(eol - data));
	t->header[eol - data] = '\0';
	for (const char *p = eol + 1; p < end && (eol = memchr(p, '\n', (size_t)(end - p)));
		p = eol + 1) {
		if (!parse_row(p, eol, t->cell + t->n_rows * t->n_columns, t->n_columns))
			break;
		t->n_rows++;
	}
	return true;
}

static bool read_table(
	struct table *t, const char *dir, const char *name, double *changed_s, struct err *e)
{
	char *data;
	size_t len;
	*t = (struct table){ 0 };
	if (read_file(dir, name, LOG_LIMIT, &data, &len, changed_s, e) != FILE_THERE)
		return false;
	const bool ok = table_parse(t, data, len);
	free(data);
	return ok || err_set(e, ERR_RUN, "out of memory reading '%.500s/%s'", dir, name);
}

bool table_read(struct table *t, const char *dir, const char *name, struct err *e)
{
	return read_table(t, dir, name, NULL, e);
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
	return column && t->n_rows > 0 ? column[(t->n_rows - 1) * t->n_columns] : (double)NAN;
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

static int64_t steps_to(const struct table *evals, double threshold)
{
	const double *x = table_column(evals, "timesteps");
	const double *y = table_column(evals, "return_mean");
	for (size_t i = 0; x && y && i < evals->n_rows; i++) {
		const double at = x[i * evals->n_columns];
		if (y[i * evals->n_columns] >= threshold && at >= 0 && at < 0x1p53)
			return (int64_t)at;
	}
	return -1;
}

static void read_logs(struct record *r)
{
	struct table t;
	struct err e;
	double steps = 0;
	r->steps_to_solved = -1;
	r->wall_s = r->steps_per_s = r->ep_rew_mean = r->last_return = r->mean_return = (double)NAN;
	if (read_table(&t, r->dir, "timing.csv", &r->changed_s, &e)) {
		steps = last_cell(&t, "timesteps");
		r->wall_s = last_cell(&t, "wall_s");
		r->steps_per_s = last_cell(&t, "steps_per_s");
		table_release(&t);
	}
	if (read_table(&t, r->dir, "eval.csv", &r->changed_s, &e)) {
		const double *x = table_column(&t, "return_mean");
		double sum = 0;
		for (size_t i = 0; x && i < t.n_rows; i++)
			sum += x[i * t.n_columns];
		r->last_return = last_cell(&t, "return_mean");
		if (x && t.n_rows > 0)
			r->mean_return = sum / (double)t.n_rows;
		r->steps_to_solved = steps_to(&t, config_threshold(&r->config));
		table_release(&t);
	}
	if (r->state != RECORD_DONE && read_table(&t, r->dir, "progress.csv", &r->changed_s, &e)) {
		r->ep_rew_mean = last_cell(&t, "ep_rew_mean");
		table_release(&t);
	}
	if (steps > 0 && steps < 0x1p53)
		r->timesteps = (int64_t)steps;
}

static void read_result(struct record *r)
{
	char *data;
	size_t len;
	struct err e;
	const enum presence presence =
		read_file(r->dir, "result.json", SMALL_LIMIT, &data, &len, NULL, &e);
	r->state = RECORD_FAILED;
	if (presence == FILE_THERE) {
		if (result_parse(&r->result, "result.json", data, len, &e))
			r->state = RECORD_DONE;
		free(data);
	} else if (presence == FILE_ABSENT) {
		r->state = has_file(r->dir, "failed.txt") ? RECORD_FAILED : RECORD_UNFINISHED;
	}
}

static void leave_out(struct records *list, const struct err *why)
{
	if (list->n_unreadable++ == 0)
		snprintf(list->unreadable, sizeof(list->unreadable), "%s", why->msg);
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

static bool add_record(struct records *list, const char *dir, const struct stat *st,
	const char *config, size_t len, struct err *e)
{
	char path[RUN_PATH_SIZE];
	struct err why;
	if (!make_room(list, e))
		return false;
	struct record *r = &list->at[list->n];
	*r = (struct record){ .device = (uint64_t)st->st_dev, .inode = (uint64_t)st->st_ino };
	if (!file_join(path, sizeof(path), dir, "config.ini", &why) ||
		!config_read(&r->config, path, config, len, &why)) {
		leave_out(list, &why);
		return true;
	}
	char *copy = malloc(strlen(dir) + 1);
	if (!copy)
		return err_set(e, ERR_RUN, "out of memory for '%s'", dir);
	memcpy(copy, dir, strlen(dir) + 1);
	r->dir = copy;
	list->n++;
	read_result(r);
	read_logs(r);
	return true;
}

/* --- many --- */

void records_init(struct records *list)
{
	*list = (struct records){ 0 };
}

/* dir is a buffer of RUN_PATH_SIZE that is extended on the way down, st what stat says
 * of it. */
static bool find_below(
	struct records *list, char *dir, const struct stat *st, int depth, struct err *e)
{
	char *config;
	size_t config_len;
	struct err why;
	const enum presence presence =
		read_file(dir, "config.ini", SMALL_LIMIT, &config, &config_len, NULL, &why);
	if (presence == FILE_THERE) {
		const bool ok = add_record(list, dir, st, config, config_len, e);
		free(config);
		return ok;
	}
	if (presence == FILE_UNREADABLE) {
		leave_out(list, &why);
		return true;
	}
	DIR *d = opendir(dir);
	if (!d)
		return depth > 0 || err_set(e, ERR_RUN, "open '%s': %s", dir, strerror(errno));
	const size_t len = strlen(dir);
	bool ok = true;
	for (const struct dirent *entry; ok && (entry = readdir(d));) {
		if (entry->d_name[0] == '.' || len + 1 + strlen(entry->d_name) >= RUN_PATH_SIZE)
			continue;
		snprintf(dir + len, RUN_PATH_SIZE - len, "/%s", entry->d_name);
		struct stat below;
		if (depth < MAX_DEPTH && lstat(dir, &below) == 0 && S_ISDIR(below.st_mode))
			ok = find_below(list, dir, &below, depth + 1, e);
		dir[len] = '\0';
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
	struct stat st;
	if (stat(dir, &st) < 0)
		return err_set(e, ERR_RUN, "open '%s': %s", dir, strerror(errno));
	return find_below(list, dir, &st, 0, e);
}

static int compare_dirs(const void *a, const void *b)
{
	return strcmp(((const struct record *)a)->dir, ((const struct record *)b)->dir);
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

void records_sort(struct records *list)
{
	size_t n = 0;
	if (list->n == 0)
		return;
	qsort(list->at, list->n, sizeof(*list->at), compare_inodes);
	for (size_t i = 0; i < list->n; i++) {
		if (n > 0 && list->at[n - 1].device == list->at[i].device &&
			list->at[n - 1].inode == list->at[i].inode)
			free(list->at[i].dir);
		else
			list->at[n++] = list->at[i];
	}
	list->n = n;
	qsort(list->at, n, sizeof(*list->at), compare_dirs);
}

void records_release(struct records *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->at[i].dir);
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

const struct metric record_metrics[] = {
	{ "final_return_mean", false, 1, final_return },
	{ "best_return_mean", false, 1, best_return },
	{ "eval_return_mean", false, 1, eval_return }, /* over all evaluations of the run */
	{ "final_length_mean", false, 1, final_length },
	{ "timesteps", true, 0, timesteps },
	{ "episodes", true, 0, episodes },
	{ "n_updates", true, 0, n_updates },
	{ "wall_s", true, 2, wall_s },
	{ .name = NULL },
};

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

int64_t record_steps_to(const struct record *r, double threshold)
{
	struct table t;
	struct err e;
	if (threshold == config_threshold(&r->config))
		return r->steps_to_solved;
	if (!table_read(&t, r->dir, "eval.csv", &e))
		return -1;
	const int64_t steps = steps_to(&t, threshold);
	table_release(&t);
	return steps;
}
