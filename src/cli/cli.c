#include "cli/cli.h"

#include "base/file.h"
#include "base/memory.h"
#include "run/run.h"
#include "run/weights.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONFIG_LIMIT = 1 << 20, WEIGHTS_LIMIT = 1 << 30 };

static const char *subject; /* of all messages, or NULL */

void say_prefix(const char *name)
{
	subject = name;
}

void say(const char *fmt, ...)
{
	char line[2048], name[1024] = "";
	va_list args;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (subject)
		snprintf(name, sizeof(name), "%s", subject);
	text_make_printable(line); /* a quoted name may hold anything */
	text_make_printable(name);
	fprintf(stderr, "dqn: %s%s%s\n", name, subject ? ": " : "", line);
}

void put_printable(FILE *f, const char *s, size_t len)
{
	for (size_t n; len > 0; s += n, len -= n) {
		int columns;
		n = (size_t)text_char(s, &columns);
		n = n < len ? n : len;
		if (columns < 0)
			fputc('?', f);
		else
			(void)fwrite(s, 1, n, f);
	}
}

int fail(const struct err *e)
{
	say("%s", e->msg);
	return (int)e->kind;
}

int close_stdout(int status)
{
	const bool lost = ferror(stdout) != 0;
	if (fflush(stdout) == 0 && !lost && (fclose(stdout) == 0 || errno == EBADF))
		return status;
	say("write standard output: %s", strerror(errno));
	return status == STATUS_OK || status == STATUS_BELOW_REQUIRED ? ERR_RUN : status;
}

void say_report(const struct report *r, bool warnings)
{
	for (const char *line = r->buf; *line;) {
		const size_t len = strcspn(line, "\n");
		if (warnings || strncmp(line, "warning: ", strlen("warning: ")) != 0)
			say("%.*s", (int)len, line);
		line += len + (line[len] == '\n');
	}
	if (r->n_errors > REPORT_MAX_ERRORS)
		say("... and %d more errors", r->n_errors - REPORT_MAX_ERRORS);
}

/* What the user cannot help by naming another file. */
static bool is_machines_fault(int error)
{
	static const int faults[] = { EIO, ENOMEM, EMFILE, ENFILE, EINTR, ENOSPC };
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (error == faults[i])
			return true;
	return false;
}

/* Everything of a configuration but its checks; what is wrong in it goes to the
 * report, which is *status = ERR_USAGE. */
static bool read_config(
	struct config *c, const struct args *args, bool quiet, struct report *r, int *status)
{
	static char found[RUN_PATH_SIZE]; /* too much for a small stack */
	struct err e;
	char *data;
	size_t len;
	if (args->n > 0 && find_config(args->program, args->pos[0], found)) {
		if (!quiet)
			say("configuration '%.200s': '%s'", args->pos[0], found);
		args->pos[0] = found;
	}
	const char *path = args->n > 0 ? args->pos[0] : "/dev/null";
	const bool is_stdin = strcmp(path, "-") == 0;
	const char *name = is_stdin ? "standard input" : path;
	errno = 0;
	if (!(is_stdin ? file_read_fd(STDIN_FILENO, name, CONFIG_LIMIT, &data, &len, &e)
		       : file_read(path, CONFIG_LIMIT, &data, &len, &e))) {
		const bool is_missing = errno == ENOENT, is_dir = errno == EISDIR;
		if (!is_machines_fault(errno))
			e.kind = ERR_USAGE;
		if (strchr(path, '=') && is_missing)
			err_set(&e, ERR_USAGE, "the configuration file comes before '%s'", path);
		*status = fail(&e);
		if (is_dir && file_join(found, sizeof(found), path, "config.ini", &e) &&
			file_exists(NULL, found))
			say("its configuration is '%s'", found);
		else if (is_missing && !strchr(path, '=')) {
			config_name(path, found, sizeof(found));
			say_configs(args->program, found);
		}
		return false;
	}
	*status = ERR_USAGE;
	config_init(c);
	config_parse(c, name, data, len, r);
	free(data);
	if (args->n > 1)
		config_override(c, args->n - 1, args->pos + 1, r);
	return true;
}

bool load_config(struct config *c, const struct args *args, bool runs_here, bool quiet, int *status)
{
	static struct report r; /* too much for a small stack */
	static struct choices choices;
	report_init(&r);
	choices.n = 0;
	r.choices = &choices;
	if (!read_config(c, args, quiet, &r, status))
		return false;
	config_check(c, runs_here ? memory_limit("") : 0, &r);
	say_report(&r, !quiet);
	return r.n_errors == 0;
}

bool load_space(struct space *s, const struct args *args, int *status)
{
	static struct report r;
	static struct choices choices;
	struct config base;
	report_init(&r);
	choices.n = 0;
	r.choices = &choices;
	if (!read_config(&base, args, false, &r, status))
		return false;
	space_init(s, &base, &choices, &r);
	say_report(&r, true);
	return r.n_errors == 0;
}

void say_left_out(const struct records *list)
{
	if (list->left_out.n > 0)
		say("warning: left out %zu of the directories: %s", list->left_out.n,
			list->left_out.first);
	say_damaged(&list->damaged);
}

void say_damaged(const struct faults *f)
{
	if (f->n > 0)
		say("warning: cannot read all of %zu of the runs: %s", f->n, f->first);
}

void keys_add(struct keys *k, const struct option *o)
{
	int at = 0;
	while (at < k->n && strcmp(k->at[at]->key, o->key) < 0)
		at++;
	if (at < k->n && k->at[at] == o)
		return;
	for (int i = k->n++; i > at; i--)
		k->at[i] = k->at[i - 1];
	k->at[at] = o;
}

void keys_add_overrides(struct keys *k, int n, char *const *overrides)
{
	for (int i = 0; i < n; i++) {
		char key[64];
		snprintf(key, sizeof(key), "%.*s", (int)strcspn(overrides[i], "="), overrides[i]);
		keys_add(k, config_find(key));
	}
}

bool run_dir(char dir[RUN_PATH_SIZE], const char *base, char first, const struct keys *keys,
	const struct config *c)
{
	const size_t most = first == ',' ? 255 : 201; /* bytes of a name; file systems take 255 */
	const char *slash = strrchr(base, '/');
	size_t begin = slash ? (size_t)(slash - base) + 1 : 0; /* of the last name */
	char separator = first;
	struct text t;
	text_init(&t, dir, RUN_PATH_SIZE);
	text_add(&t, "%s", base);
	for (int i = 0; i < keys->n; i++) {
		const struct option *o = keys->at[i];
		char pair[512];
		struct text p;
		if (strcmp(o->key, "seed") == 0 || o->neutral)
			continue;
		text_init(&p, pair, sizeof(pair));
		text_add(&p, "%s=", o->key);
		config_print_value(c, o, &p);
		if (t.len - begin + 1 + p.len > most)
			separator = '/';
		if (separator == '/')
			begin = t.len + 1;
		text_add(&t, "%c%s", separator, pair);
		separator = ',';
	}
	text_add(&t, "/seed-%" PRIu64, c->seed);
	return !t.full;
}

bool load_groups(struct records *list, struct groups *g, int n_paths, char *const *paths,
	const char *by, int *status)
{
	struct err e;
	size_t n_readable = 0;
	*g = (struct groups){ 0 };
	for (int i = 0; i < n_paths; i++) {
		const size_t before = list->n;
		bool ok = records_find(list, paths[i], &e);
		if (ok && list->n == before)
			ok = err_set(&e, ERR_RUN, "no run in '%s' or below", paths[i]);
		if (!ok) {
			*status = fail(&e);
			return false;
		}
	}
	records_sort(list);
	say_left_out(list);
	for (size_t i = 0; i < list->n; i++)
		n_readable += list->at[i].state != RECORD_UNREADABLE;
	if (n_readable == 0) {
		err_set(&e, ERR_CORRUPT, "no run can be read");
		*status = fail(&e);
		return false;
	}
	if (!groups_init(g, list, by, &e)) {
		*status = fail(&e);
		return false;
	}
	if (g->n_copies > 0)
		say("warning: %zu of the runs have the configuration and seed of another; "
		    "counted once",
			g->n_copies);
	*status = STATUS_OK;
	return true;
}

bool open_run(struct dir *d, const char *path, bool whole, struct config *c, struct result *res,
	bool *is_done, struct err *e)
{
	char full[FILE_PATH_SIZE], *data;
	size_t len;
	if (!dir_open(d, path, e))
		return false;
	*is_done = file_exists(d, "result.json");
	bool ok = file_load(d, "config.ini", CONFIG_LIMIT, &data, &len, e);
	if (ok) {
		ok = config_read(c, dir_path(d, "config.ini", full), data, len, e);
		free(data);
	}
	ok = ok && (!*is_done || result_load(res, d, c, whole, e));
	if (!ok)
		dir_close(d);
	return ok;
}

/* The file of a run directory to use: the final weights or, as is said, the best so far,
 * or a checkpoint. Weights alone, without a configuration, will do, too. */
static bool find_weights(const char *path, const char **name, struct err *e)
{
	static const char *const files[] = { "final.safetensors", "best.safetensors",
		"checkpoint.safetensors" };
	enum { FINAL, BEST, N = sizeof(files) / sizeof(files[0]) };
	struct dir d;
	struct config c;
	struct result res;
	bool is_done = true;
	if (!dir_open(&d, path, e))
		return false;
	const bool is_run = file_exists(&d, "config.ini");
	if (is_run) {
		dir_close(&d);
		if (!open_run(&d, path, false, &c, &res, &is_done, e))
			return false;
	}
	int i = is_done ? FINAL : BEST;
	while (!is_done && i < N && !file_exists(&d, files[i]))
		i++;
	bool ok = i < N && file_exists(&d, files[i]);
	if (ok)
		ok = is_done || weights_check(&d, files[i], &c, e);
	else if (is_done)
		err_set(e, ERR_RUN, "no 'final.safetensors' in '%s'; is it a run directory?", path);
	else
		err_set(e, ERR_RUN, "the run in '%s' is not done and has no weights yet", path);
	if (ok && !is_done)
		say("'%.500s' holds a run that %s; taking '%s', %s", path,
			file_exists(&d, "failed.txt") ? "diverged" : "is not done", files[i],
			i == BEST ? "the weights that evaluated best so far"
				  : "as there is no 'best.safetensors' yet");
	dir_close(&d);
	*name = i < N ? files[i] : NULL;
	return ok;
}

bool read_weights(const char *path, char *name, char **data, size_t *len, struct err *e)
{
	if (strcmp(path, "-") == 0) {
		snprintf(name, RUN_PATH_SIZE, "standard input");
		return file_read_fd(STDIN_FILENO, name, WEIGHTS_LIMIT, data, len, e);
	}
	struct stat st;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		const char *file;
		return find_weights(path, &file, e) &&
		       file_join(name, RUN_PATH_SIZE, path, file, e) &&
		       file_load(NULL, name, WEIGHTS_LIMIT, data, len, e);
	}
	if ((size_t)snprintf(name, RUN_PATH_SIZE, "%s", path) >= RUN_PATH_SIZE)
		return err_set(e, ERR_RUN, "path too long: '%s'", path);
	return file_read(name, WEIGHTS_LIMIT, data, len, e);
}

bool locale_is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *v = getenv(names[i]);
		if (v && v[0])
			return strstr(v, "UTF-8") || strstr(v, "utf8");
	}
	return false;
}

void text_add_duration(struct text *t, double s)
{
	const double minute = 60, hour = 60 * minute, day = 24 * hour;
	s = ceil(s);
	if (s < minute)
		text_add(t, "%.0fs", s);
	else if (s < hour)
		text_add(t, "%.0fm%02.0fs", floor(s / minute), fmod(s, minute));
	else if (s < day)
		text_add(t, "%.0fh%02.0fm", floor(s / hour), floor(fmod(s, hour) / minute));
	else
		text_add(t, "%.0fd%02.0fh", floor(s / day), floor(fmod(s, day) / hour));
}

void text_add_return(struct text *t, double x)
{
	const double size = fabs(x), large = 1e15;
	text_add(t, x == 0 || (size >= 1 && size < large) ? "%.1f" : "%.3g", x);
}

static int variable_or(const char *name, int otherwise)
{
	const char *value = getenv(name);
	int64_t n;
	return value && text_parse_i64(value, &n) == TEXT_OK && n >= 1 && n <= 1000 ? (int)n
										    : otherwise;
}

void terminal_size(int fd, int *columns, int *lines)
{
	struct winsize size = { 0 };
	if (ioctl(fd, TIOCGWINSZ, &size) < 0)
		size = (struct winsize){ 0 };
	*columns = size.ws_col > 0 ? size.ws_col : variable_or("COLUMNS", 80);
	*lines = size.ws_row > 0 ? size.ws_row : variable_or("LINES", 24);
}

bool wants_colour(int fd)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	return isatty(fd) && term && strcmp(term, "dumb") != 0 && !(no_colour && no_colour[0]);
}

const struct kernels *choose_kernels(struct err *e)
{
	const char *isa = getenv("DQN_ISA");
	const struct kernels *k = kernels_find(isa && isa[0] ? isa : NULL);
	if (!k)
		err_set(e, ERR_USAGE,
			"DQN_ISA = '%s': no such instruction set, or this CPU lacks it; 'scalar' always works",
			isa);
	return k;
}

void print_wrapped(FILE *f, int indent, const char *text)
{
	const size_t width = 80 - (size_t)indent;
	while (*text) {
		size_t len = strlen(text);
		if (len >= width) {
			len = width - 1;
			while (len > 0 && text[len] != ' ')
				len--;
			if (len == 0)
				len = strcspn(text, " ");
		}
		fprintf(f, "%*s%.*s\n", indent, "", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
}
