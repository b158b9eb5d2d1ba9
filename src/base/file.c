#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 4096

static bool io_error(struct err *e, const char *call, const char *path)
{
	return err_set(e, ERR_RUN, "%s '%.500s': %s", call, path, strerror(errno));
}

static int open_retry(const char *path, int flags)
{
	const mode_t mode = 0666; /* less the umask, as usual */
	int fd;
	do
		fd = open(path, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd;
}

bool file_read_fd(int fd, const char *name, size_t limit, char **data, size_t *len, struct err *e)
{
	const size_t first_size = 65536;
	size_t size = first_size < limit ? first_size : limit + 1, n = 0;
	char *p = malloc(size + 1);
	if (!p)
		return err_set(e, ERR_RUN, "out of memory reading '%s'", name);
	for (;;) {
		const ssize_t got = read(fd, p + n, size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			io_error(e, "read", name);
			goto fail;
		}
		if (got == 0)
			break;
		n += (size_t)got;
		if (n > limit) {
			err_set(e, ERR_RUN, "'%s' is larger than the %zu bytes allowed", name,
				limit);
			goto fail;
		}
		if (n == size) {
			size = size <= limit / 2 ? 2 * size : limit + 1;
			char *grown = realloc(p, size + 1);
			if (!grown) {
				err_set(e, ERR_RUN, "out of memory reading '%s'", name);
				goto fail;
			}
			p = grown;
		}
	}
	p[n] = '\0';
	*data = p;
	*len = n;
	return true;
fail:
	free(p);
	return false;
}

bool file_read(const char *path, size_t limit, char **data, size_t *len, struct err *e)
{
	const int fd = open_retry(path, O_RDONLY);
	if (fd < 0)
		return io_error(e, "open", path);
	const bool ok = file_read_fd(fd, path, limit, data, len, e);
	close(fd);
	return ok;
}

bool file_write_fd(int fd, const char *name, const void *data, size_t len, struct err *e)
{
	const char *p = data;
	while (len > 0) {
		const ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return io_error(e, "write", name);
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* Makes a rename in path's directory durable. File systems that cannot flush a
 * directory say EINVAL; there is nothing better to do on those. */
static bool sync_parent(const char *path, struct err *e)
{
	char dir[PATH_SIZE];
	const char *slash = strrchr(path, '/');
	if (!slash)
		strcpy(dir, ".");
	else if (slash == path)
		strcpy(dir, "/");
	else
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	const int fd = open_retry(dir, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return io_error(e, "open", dir);
	bool ok = true;
	if (fsync(fd) < 0 && errno != EINVAL)
		ok = io_error(e, "fsync", dir);
	close(fd);
	return ok;
}

bool file_write_atomic(const char *path, const void *data, size_t len, struct err *e)
{
	char temp[PATH_SIZE];
	const int n = snprintf(temp, sizeof(temp), "%s.tmp", path);
	if (n < 0 || (size_t)n >= sizeof(temp))
		return err_set(e, ERR_RUN, "path too long: '%s'", path);
	const int fd = open_retry(temp, O_WRONLY | O_CREAT | O_TRUNC);
	if (fd < 0)
		return io_error(e, "create", temp);
	bool ok = file_write_fd(fd, temp, data, len, e);
	if (ok && fsync(fd) < 0)
		ok = io_error(e, "fsync", temp);
	if (close(fd) < 0 && ok)
		ok = io_error(e, "close", temp);
	if (ok && rename(temp, path) < 0)
		ok = io_error(e, "rename", temp);
	if (!ok) {
		unlink(temp);
		return false;
	}
	return sync_parent(path, e);
}

bool file_make_dirs(const char *path, struct err *e)
{
	char part[PATH_SIZE];
	const size_t len = strlen(path);
	if (len >= sizeof(part))
		return err_set(e, ERR_RUN, "path too long: '%s'", path);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0777) < 0 && errno != EEXIST)
			return io_error(e, "mkdir", part);
	}
	struct stat st;
	if (stat(path, &st) < 0)
		return io_error(e, "stat", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_RUN, "'%s' is not a directory", path);
	return true;
}

bool file_exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

bool file_join(char *path, size_t size, const char *dir, const char *name, struct err *e)
{
	const int n = snprintf(path, size, "%s/%s", dir, name);
	if (n < 0 || (size_t)n >= size)
		return err_set(e, ERR_RUN, "path too long: '%s/%s'", dir, name);
	return true;
}
