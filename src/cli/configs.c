#include "cli/cli.h"

#include "base/file.h"

#include <dirent.h>
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
	return strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0 ||
	       strncmp(path, "/dev/fd/", 8) == 0 || in_proc ||
	       (stat(path, &st) == 0 && S_ISFIFO(st.st_mode));
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

/* The next of a list of paths separated by colons. */
static bool next_path(const char **list, char path[RUN_PATH_SIZE])
{
	if (!*list)
		return false;
	const size_t n = strcspn(*list, ":");
	snprintf(path, RUN_PATH_SIZE, "%.*s", n < RUN_PATH_SIZE ? (int)n : 0, *list);
	*list = (*list)[n] ? *list + n + 1 : NULL;
	return true;
}

static bool join(char path[RUN_PATH_SIZE], const char *dir, const char *name)
{
	return (size_t)snprintf(path, RUN_PATH_SIZE, "%s/%s", dir, name) < RUN_PATH_SIZE;
}

/* The directory of this program: as the system has it, else as it was called. */
static bool program_dir(const char *program, char dir[RUN_PATH_SIZE])
{
	char parent[RUN_PATH_SIZE];
	const char *list = getenv("PATH");
	const ssize_t n = readlink("/proc/self/exe", dir, RUN_PATH_SIZE - 1);
	bool found = n > 0;
	dir[found ? n : 0] = '\0';
	if (!found && strchr(program, '/'))
		found = (size_t)snprintf(dir, RUN_PATH_SIZE, "%s", program) < RUN_PATH_SIZE;
	while (!found && next_path(&list, parent))
		found = join(dir, parent, program) && access(dir, X_OK) == 0;
	char *slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	return found && slash;
}

/* Directory i of those that may have our configurations; false after the last. */
static bool shipped_dir(const char *program, int i, char dir[RUN_PATH_SIZE])
{
	static char base[RUN_PATH_SIZE]; /* too much for a small stack */
	const char *list = getenv("XDG_DATA_DIRS");
	list = list && list[0] ? list : "/usr/local/share:/usr/share";
	for (int k = 2; k <= i; k++)
		if (!next_path(&list, base))
			return false;
	if (i < 2 && !program_dir(program, base))
		base[0] = '\0';
	const bool cut = i == 1 && base[0] == '/'; /* PREFIX/bin to PREFIX */
	if (cut)
		*strrchr(base, '/') = '\0';
	if (!join(dir, base,
		    i == 0  ? "configs"
		    : i > 1 ? "dqn/configs"
		    : cut   ? "share/dqn/configs"
			    : "../share/dqn/configs"))
		dir[0] = '\0';
	return true;
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

/* The files of the first of those directories that has any, sorted, and how many they are;
 * the caller frees them. */
static int list_shipped(const char *program, char dir[RUN_PATH_SIZE], struct dirent ***files)
{
	for (int i = 0; shipped_dir(program, i, dir); i++) {
		const int n = scandir(dir, files, is_config, alphasort);
		if (n > 0)
			return n;
		if (n == 0)
			free(*files);
	}
	return 0;
}

bool print_configs(const char *program)
{
	char dir[RUN_PATH_SIZE];
	struct dirent **files;
	const int n = list_shipped(program, dir, &files);
	for (int i = 0; i < n; i++) {
		put_printable(stdout, files[i]->d_name, strlen(files[i]->d_name) - strlen(".ini"));
		putchar('\n');
		free(files[i]);
	}
	if (n > 0)
		free(files);
	return n > 0;
}

void say_configs(const char *program, const char *wanted)
{
	char dir[RUN_PATH_SIZE], name[256], near[256] = "", names[1024];
	size_t distance, best = SIZE_MAX;
	struct text t;
	struct dirent **files;
	const int n = list_shipped(program, dir, &files);
	text_init(&t, names, sizeof(names));
	for (int i = 0; i < n; i++) {
		config_name(files[i]->d_name, name, sizeof(name));
		text_add(&t, "%s%s", i ? ", " : "", name);
		if (text_is_near(wanted, name, &distance) && distance < best) {
			best = distance;
			snprintf(near, sizeof(near), "%s", name);
		}
		free(files[i]);
	}
	if (n > 0) {
		free(files);
		say("configurations in '%.500s', by name: %s%s%s%s", dir, names,
			near[0] ? "; did you mean '" : "", near, near[0] ? "'?" : "");
	}
}

bool find_config(const char *program, const char *name, char found[RUN_PATH_SIZE])
{
	char file[256], dir[RUN_PATH_SIZE];
	struct stat st;
	if (config_is_stream(name) || (stat(name, &st) == 0 && !S_ISDIR(st.st_mode)))
		return false;
	if ((size_t)snprintf(found, RUN_PATH_SIZE, "%s.ini", name) < RUN_PATH_SIZE &&
		is_file(found))
		return true;
	if (strchr(name, '/') || (size_t)snprintf(file, sizeof(file), "%s%s", name,
					 has_ini(name) ? "" : ".ini") >= sizeof(file))
		return false;
	for (int i = 0; shipped_dir(program, i, dir); i++)
		if (join(found, dir, file) && is_file(found))
			return true;
	return false;
}
