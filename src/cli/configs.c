#include "cli/cli.h"

#include "base/file.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_file(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool config_is_stream(const char *path)
{
	struct stat st;
	const bool in_proc = strncmp(path, "/proc/", 6) == 0 && strstr(path, "/fd/");
	return strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0 || strncmp(path, "/dev/fd/", 8) == 0 ||
	       in_proc || (stat(path, &st) == 0 && S_ISFIFO(st.st_mode));
}

void config_name(const char *path, char *name, size_t size)
{
	const char *slash = strrchr(path, '/');
	const char *base = config_is_stream(path) ? "stdin" : slash ? slash + 1 : path;
	size_t len = strlen(base);
	if (len > 4 && strcmp(base + len - 4, ".ini") == 0)
		len -= 4;
	snprintf(name, size, "%.*s", (int)len, base);
}

static bool join(char path[RUN_PATH_SIZE], const char *dir, const char *name)
{
	return (size_t)snprintf(path, RUN_PATH_SIZE, "%s/%s", dir, name) < RUN_PATH_SIZE;
}

/* The directory of this program: from the system, or from the name it was called by. */
static bool program_dir(const char *program, char dir[RUN_PATH_SIZE])
{
	char parent[RUN_PATH_SIZE];
	const char *list = getenv("PATH");
	const ssize_t n = readlink("/proc/self/exe", dir, RUN_PATH_SIZE - 1);
	bool found = n > 0;
	dir[found ? n : 0] = '\0';
	if (!found && strchr(program, '/'))
		found = (size_t)snprintf(dir, RUN_PATH_SIZE, "%s", program) < RUN_PATH_SIZE;
	while (!found && text_next_item(&list, ':', "", parent, sizeof(parent)))
		found = join(dir, parent, program) && access(dir, X_OK) == 0;
	char *slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	return found && slash;
}

enum { MAX_DIRS = 16 };

/* The directories that may hold the configurations that came with the program. */
static int shipped_dirs(const char *program, char dirs[MAX_DIRS][RUN_PATH_SIZE])
{
	static char base[RUN_PATH_SIZE]; /* too much for a small stack */
	const char *list = getenv("XDG_DATA_DIRS");
	int n = 0;
	list = list && list[0] ? list : "/usr/local/share:/usr/share";
	if (program_dir(program, base)) {
		n += join(dirs[n], base, "configs");
		if (base[0] == '/') { /* PREFIX/bin */
			*strrchr(base, '/') = '\0';
			n += join(dirs[n], base, "share/dqn/configs");
		} else
			n += join(dirs[n], base, "../share/dqn/configs");
	}
	while (n < MAX_DIRS && text_next_item(&list, ':', "", base, sizeof(base)))
		n += join(dirs[n], base, "dqn/configs");
	return n;
}

static bool has_ini(const char *name)
{
	const size_t len = strlen(name);
	return len > 4 && strcmp(name + len - 4, ".ini") == 0;
}

static int is_config(const struct dirent *entry)
{
	return has_ini(entry->d_name);
}

enum { MAX_SHIPPED = 64 };

/* The names of the configurations in the first of those directories that has any, sorted. */
static int list_shipped(const char *program, char dir[RUN_PATH_SIZE], const char *names[MAX_SHIPPED + 1])
{
	static char dirs[MAX_DIRS][RUN_PATH_SIZE], found[MAX_SHIPPED][256];
	const int n_dirs = shipped_dirs(program, dirs);
	int n = 0;
	for (int i = 0; i < n_dirs && n == 0; i++) {
		struct dirent **files = NULL;
		const int n_files = scandir(dirs[i], &files, is_config, alphasort);
		memcpy(dir, dirs[i], RUN_PATH_SIZE);
		for (int k = 0; k < n_files; k++) {
			if (n < MAX_SHIPPED) {
				config_name(files[k]->d_name, found[n], sizeof(found[n]));
				names[n] = found[n];
				n++;
			}
			free(files[k]);
		}
		free(files);
	}
	names[n] = NULL;
	return n;
}

bool print_configs(const char *program)
{
	char dir[RUN_PATH_SIZE];
	const char *names[MAX_SHIPPED + 1];
	const int n = list_shipped(program, dir, names);
	for (int i = 0; i < n; i++) {
		put_printable(stdout, names[i], strlen(names[i]));
		putchar('\n');
	}
	return n > 0;
}

/* Lists them on standard error, and the one that was perhaps wanted. */
static void say_configs(const char *program, const char *wanted)
{
	char dir[RUN_PATH_SIZE], list[400];
	const char *names[MAX_SHIPPED + 1];
	struct err e;
	const int n = list_shipped(program, dir, names);
	struct text t = text_into(list, sizeof(list));
	for (int i = 0; i < n; i++)
		text_add(&t, "%s%s", i ? ", " : "", names[i]);
	err_set(&e, ERR_USAGE, "configurations in '%.300s', by name: %s", dir, list);
	err_suggest(&e, "", text_nearest(wanted, names));
	if (n > 0)
		say("%s", e.msg);
}

/* The file that a configuration's name stands for; false if a file has just that name. */
static bool find_config(const char *program, const char *name, char found[RUN_PATH_SIZE])
{
	static char dirs[MAX_DIRS][RUN_PATH_SIZE];
	char file[256];
	struct stat st;
	if (config_is_stream(name) || (stat(name, &st) == 0 && !S_ISDIR(st.st_mode)))
		return false;
	if ((size_t)snprintf(found, RUN_PATH_SIZE, "%s.ini", name) < RUN_PATH_SIZE && is_file(found))
		return true;
	if (strchr(name, '/') ||
		(size_t)snprintf(file, sizeof(file), "%s%s", name, has_ini(name) ? "" : ".ini") >= sizeof(file))
		return false;
	const int n = shipped_dirs(program, dirs);
	for (int i = 0; i < n; i++)
		if (join(found, dirs[i], file) && is_file(found))
			return true;
	return false;
}

/* True if naming another file would not help. */
static bool is_machines_fault(int error)
{
	return error == EIO || error == ENOMEM || error == EMFILE || error == ENFILE || error == EINTR ||
	       error == ENOSPC;
}

/* Says why a configuration cannot be read, and gives advice. */
static void explain_unreadable(const char *path, int error, const char *program, struct err *e)
{
	static char found[RUN_PATH_SIZE]; /* too much for a small stack */
	const bool is_override = strchr(path, '=') && error == ENOENT;
	struct err ignored;
	if (!is_machines_fault(error))
		e->kind = ERR_USAGE;
	if (is_override)
		err_set(e, ERR_USAGE, "the configuration file comes before '%s'", path);
	fail(e);
	if (error == EISDIR && file_join(found, sizeof(found), path, RUN_CONFIG, &ignored) && file_exists(NULL, found))
		say("its configuration is '%s'", found);
	else if (error == ENOENT && !is_override) {
		config_name(path, found, sizeof(found));
		say_configs(program, found);
	}
}

/* The file and the overrides, unchecked; errors in them go to the report. */
static bool read_config(struct config *c, const struct args *args, bool quiet, struct report *r, struct err *e)
{
	static char found[RUN_PATH_SIZE]; /* too much for a small stack */
	static struct choices choices;    /* the report's, for those of a space */
	char *data;
	size_t len;
	report_init(r);
	choices.n = 0;
	r->choices = &choices;
	if (args->n > 0 && find_config(args->program, args->pos[0], found)) {
		if (!quiet)
			say("configuration '%.200s': '%s'", args->pos[0], found);
		args->pos[0] = found;
	}
	const char *path = args->n > 0 ? args->pos[0] : "/dev/null";
	const bool is_stdin = strcmp(path, "-") == 0;
	const char *name = is_stdin ? "standard input" : path;
	errno = 0;
	if (!(is_stdin ? file_read_fd(STDIN_FILENO, name, CONFIG_LIMIT, &data, &len, e)
		       : file_read(path, CONFIG_LIMIT, &data, &len, e))) {
		explain_unreadable(path, errno, args->program, e);
		return end_with(e, (int)e->kind);
	}
	config_init(c);
	config_parse(c, name, data, len, r);
	free(data);
	if (args->n > 1)
		config_override(c, args->n - 1, args->pos + 1, r);
	return true;
}

bool load_config(struct config *c, const struct args *args, bool runs_here, bool quiet, struct err *e)
{
	static struct report r; /* too much for a small stack */
	if (!read_config(c, args, quiet, &r, e))
		return false;
	config_check(c, runs_here ? memory_limit("") : 0, &r);
	say_report(&r, !quiet);
	return r.n_errors == 0 || end_with(e, ERR_USAGE);
}

/* Finds a file that a configuration names. Returns false if it does not exist. */
static bool find_input(const char *name, const char *config, char path[RUN_PATH_SIZE])
{
	const char *slash = strrchr(config, '/');
	snprintf(path, RUN_PATH_SIZE, "%s", name);
	if (file_exists(NULL, path) || name[0] == '/' || !slash)
		return file_exists(NULL, path);
	return (size_t)snprintf(path, RUN_PATH_SIZE, "%.*s/%s", (int)(slash - config), config, name) < RUN_PATH_SIZE &&
	       file_exists(NULL, path);
}

/* For a file that does not exist: takes the copy in the run in `out`, or the digest that it recorded. */
static bool load_copy(
	struct inputs *in, const struct option *o, struct config *c, const char *out, struct report *r, struct err *e)
{
	static char path[RUN_PATH_SIZE];
	char file[CONFIG_FILE_SIZE], *data;
	size_t len;
	inputs_file(c, o, file);
	if (out && !rundir_recall_input(out, o, c, e))
		return false;
	if (!out || !inputs_digest(c, o) || !file_join(path, sizeof(path), out, o->no_copy ? RUN_CONFIG : o->copy, e) ||
		!file_exists(NULL, path))
		return err_set(e, ERR_USAGE, "%s = '%.500s': no such file", o->key, file);
	report_warning(r, "%s = '%.250s': no such file; %s the run in '%.250s'", o->key, file,
		o->no_copy ? "the digest is that of" : "taking the copy of", out);
	if (o->no_copy) {
		inputs_miss(in, o, file);
		return true;
	}
	return file_load(NULL, path, INPUT_LIMIT, &data, &len, e) && inputs_take(in, o, c, path, data, len, e);
}

static bool load_input(struct inputs *in, const struct option *o, struct config *c, const char *config, const char *out,
	struct report *r, struct err *e)
{
	static char path[RUN_PATH_SIZE], name[RUN_PATH_SIZE]; /* too much for a small stack */
	char file[CONFIG_FILE_SIZE], *data = NULL;
	size_t len = 0;
	inputs_file(c, o, file);
	if (!find_input(file, config, path))
		return load_copy(in, o, c, out, r, e);
	errno = 0;
	snprintf(name, sizeof(name), "%s", path);
	if (o->no_copy ? inputs_open(in, o, c, path, e) : read_weights(path, name, &data, &len, e))
		return o->no_copy || inputs_take(in, o, c, name, data, len, e);
	if (e->kind == ERR_RUN && !is_machines_fault(errno))
		e->kind = ERR_USAGE;
	return !file_exists(NULL, path) && load_copy(in, o, c, out, r, e);
}

bool load_inputs(
	struct inputs *in, struct config *c, const char *config, const char *out, struct report *r, struct err *e)
{
	*in = (struct inputs){ 0 };
	bool ok = true;
	for (const struct option *o = inputs_next(c, NULL); ok && o; o = inputs_next(c, o))
		ok = load_input(in, o, c, config, out, r, e);
	if (!ok)
		inputs_release(in);
	return ok;
}

bool check_env(const struct config *c, bool quiet, struct err *e)
{
	static struct report r;
	report_init(&r);
	config_check_env(c, memory_limit(""), &r);
	say_report(&r, !quiet);
	return r.n_errors == 0 || end_with(e, ERR_USAGE);
}

bool load_space(struct space *s, const struct args *args, struct err *e)
{
	static struct report r;
	static struct config base; /* too much for a small stack */
	if (!read_config(&base, args, false, &r, e))
		return false;
	space_init(s, &base, r.choices, &r);
	say_report(&r, true);
	return r.n_errors == 0 || end_with(e, ERR_USAGE);
}
