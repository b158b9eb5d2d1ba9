#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool io_error(struct err *e, const char *call, const char *path)
{
	return err_set(e, ERR_RUN, "%s '%.500s': %s", call, path, strerror(errno));
}

static int fd_of(const struct dir *d)
{
	return d ? d->fd : AT_FDCWD;
}

const char *dir_path(const struct dir *d, const char *name, char buf[FILE_PATH_SIZE])
{
	return d && snprintf(buf, FILE_PATH_SIZE, "%s/%s", d->path, name) > 0 ? buf : name;
}

static bool error_at(struct err *e, const char *call, const struct dir *d, const char *name)
{
	const int error = errno;
	char buf[FILE_PATH_SIZE];
	const char *path = dir_path(d, name, buf);
	errno = error;
	return io_error(e, call, path);
}

static int open_retry(const struct dir *d, const char *name, int flags)
{
	const mode_t mode = 0666; /* less the umask, as usual */
	int fd;
	do
		fd = openat(fd_of(d), name, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd;
}

bool dir_open(struct dir *d, const char *path, struct err *e)
{
	*d = (struct dir){ open_retry(NULL, path, O_RDONLY | O_DIRECTORY), path };
	return d->fd >= 0 || io_error(e, "open", path);
}

void dir_close(struct dir *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

static bool too_large(const char *name, size_t limit, struct err *e)
{
	return err_set(e, ERR_RUN, "'%.500s' is larger than the %zu bytes allowed", name, limit);
}

bool file_read_fd(int fd, const char *name, size_t limit, char **data, size_t *len, struct err *e)
{
	struct stat st;
	const off_t at = lseek(fd, 0, SEEK_CUR); /* -1: not seekable */
	if (at >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > at &&
		(uintmax_t)(st.st_size - at) > limit)
		return too_large(name, limit, e); /* before it is read */
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
			too_large(name, limit, e);
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
	const int fd = open_retry(NULL, path, O_RDONLY);
	if (fd < 0)
		return io_error(e, "open", path);
	const bool ok = file_read_fd(fd, path, limit, data, len, e);
	close(fd);
	return ok;
}

static bool not_a_file(const struct dir *d, const char *name, struct err *e)
{
	char buf[FILE_PATH_SIZE];
	return err_set(e, ERR_CORRUPT, "'%.500s' is not a file", dir_path(d, name, buf));
}

/* Closes what was opened unless it is a regular file, or a device if that is allowed. */
static bool check_type(const struct dir *d, const char *name, bool device, int *fd, uint64_t *len, struct err *e)
{
	struct stat st;
	bool ok = fstat(*fd, &st) == 0 || error_at(e, "stat", d, name);
	if (ok && !S_ISREG(st.st_mode) && !(device && S_ISCHR(st.st_mode)))
		ok = not_a_file(d, name, e);
	if (ok) {
		*len = (uint64_t)st.st_size;
	} else {
		close(*fd);
		*fd = -1;
	}
	return ok;
}

bool file_open(const struct dir *d, const char *name, int *fd, uint64_t *len, struct err *e)
{
	*fd = open_retry(d, name, O_RDONLY | O_NONBLOCK); /* does not wait at a FIFO */
	return *fd >= 0 ? check_type(d, name, false, fd, len, e) : error_at(e, "open", d, name);
}

bool file_open_to_write(const struct dir *d, const char *name, bool create, int *fd, uint64_t *len, struct err *e)
{
	struct stat st;
	*fd = -1;
	if (fstatat(fd_of(d), name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode) &&
		(fstatat(fd_of(d), name, &st, 0) < 0 || !S_ISCHR(st.st_mode)))
		return not_a_file(d, name, e);
	*fd = open_retry(d, name, O_WRONLY | O_NONBLOCK | (create ? O_CREAT : 0));
	if (*fd < 0 && (errno == EISDIR || errno == ENXIO)) /* a FIFO that nobody reads */
		return not_a_file(d, name, e);
	return *fd >= 0 ? check_type(d, name, true, fd, len, e) : error_at(e, "open", d, name);
}

bool file_load(const struct dir *d, const char *name, size_t limit, char **data, size_t *len, struct err *e)
{
	int fd;
	uint64_t size = 0;
	char buf[FILE_PATH_SIZE];
	if (!file_open(d, name, &fd, &size, e))
		return false;
	bool ok = file_read_fd(fd, dir_path(d, name, buf), limit, data, len, e);
	if (ok && *len < size) {
		free(*data);
		ok = err_set(e, ERR_RUN, "'%.500s' ends too early", dir_path(d, name, buf));
	}
	close(fd);
	return ok;
}

bool file_read_at(int fd, const char *name, uint64_t offset, void *data, size_t len, struct err *e)
{
	char *p = data;
	while (len > 0) {
		const ssize_t n = pread(fd, p, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return io_error(e, "read", name);
		if (n == 0)
			return err_set(e, ERR_CORRUPT, "'%.500s' ends too early", name);
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
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
		if (n == 0) /* and would do so for ever */
			return err_set(e, ERR_RUN, "write '%.500s': no byte is taken", name);
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool file_sync(int fd, const char *name, struct err *e)
{
	int status;
	do {
#ifdef F_FULLFSYNC /* macOS: fsync alone leaves the bytes in the drive's cache */
		if (fcntl(fd, F_FULLFSYNC) == 0)
			return true;
#endif
		status = fsync(fd);
	} while (status < 0 && errno == EINTR);
	return status == 0 || errno == EINVAL || io_error(e, "fsync", name);
}

/* Makes a rename in the file's directory durable. */
static bool sync_parent(const struct file_writer *w, struct err *e)
{
	if (w->dir)
		return file_sync(w->dir->fd, w->dir->path, e);
	char path[FILE_PATH_SIZE];
	struct dir parent;
	const char *slash = strrchr(w->name, '/');
	const int len = !slash || slash == w->name ? 1 : (int)(slash - w->name); /* of "/" or "." */
	snprintf(path, sizeof(path), "%.*s", len, slash ? w->name : ".");
	if (!dir_open(&parent, path, e))
		return false;
	const bool ok = file_sync(parent.fd, path, e);
	dir_close(&parent);
	return ok;
}

/* w->name with .tmp, in buf; false if that is too long. */
static bool temp_name(const struct file_writer *w, char buf[FILE_PATH_SIZE])
{
	const int n = snprintf(buf, FILE_PATH_SIZE, "%s.tmp", w->name);
	return n >= 0 && n < FILE_PATH_SIZE;
}

bool file_begin(struct file_writer *w, const struct dir *d, const char *name, struct err *e)
{
	char temp[FILE_PATH_SIZE];
	*w = (struct file_writer){ .dir = d, .name = name, .fd = -1 };
	if (!temp_name(w, temp))
		return err_set(e, ERR_RUN, "path too long: '%s'", name);
	/* Always a new file: never write into a FIFO or through a link of that name. */
	if (!file_remove(d, temp, e))
		return false;
	w->fd = open_retry(d, temp, O_WRONLY | O_CREAT | O_EXCL);
	return w->fd >= 0 || error_at(e, "create", d, temp);
}

bool file_add(struct file_writer *w, const void *data, size_t len, struct err *e)
{
	char temp[FILE_PATH_SIZE], buf[FILE_PATH_SIZE];
	temp_name(w, temp);
	return file_write_fd(w->fd, dir_path(w->dir, temp, buf), data, len, e);
}

void file_start_sync(int fd)
{
#if defined(POSIX_FADV_DONTNEED) /* Linux starts to write what it would have to keep */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
#else
	(void)fd;
#endif
}

bool file_finish(struct file_writer *w, bool ok, struct err *e)
{
	char temp[FILE_PATH_SIZE], buf[FILE_PATH_SIZE];
	if (w->fd < 0)
		return false;
	temp_name(w, temp);
	ok = ok && file_sync(w->fd, dir_path(w->dir, temp, buf), e);
	if (close(w->fd) < 0 && errno != EINTR && ok)
		ok = error_at(e, "close", w->dir, temp);
	w->fd = -1;
	return ok;
}

static bool put_in_place(const struct file_writer *w, const char *previous, struct err *e)
{
	const int at = fd_of(w->dir);
	char temp[FILE_PATH_SIZE];
	temp_name(w, temp);
	if (previous && renameat(at, w->name, at, previous) < 0 && errno != ENOENT)
		return error_at(e, "rename", w->dir, previous);
	return renameat(at, temp, at, w->name) == 0 || error_at(e, "rename", w->dir, temp);
}

bool file_replace(const struct file_writer *w, size_t n, bool ok, const char *previous, struct err *e)
{
	char temp[FILE_PATH_SIZE];
	for (size_t i = 0; ok && i < n; i++)
		ok = put_in_place(&w[i], previous, e);
	for (size_t i = 0; !ok && i < n; i++)
		if (temp_name(&w[i], temp))
			unlinkat(fd_of(w[i].dir), temp, 0); /* if it is there */
	return ok;
}

bool file_end(struct file_writer *w, bool ok, const char *previous, struct err *e)
{
	ok = file_finish(w, ok, e);
	return file_replace(w, 1, ok, previous, e) && sync_parent(w, e);
}

bool file_write_atomic(const struct dir *d, const char *name, const void *data, size_t len, struct err *e)
{
	struct file_writer w;
	const bool ok = file_begin(&w, d, name, e) && file_add(&w, data, len, e);
	return file_end(&w, ok, NULL, e);
}

bool file_write(const char *path, const void *data, size_t len, struct err *e)
{
	static const char *const of_descriptors[] = { "/dev/fd/", "/dev/std", "/proc/" };
	struct stat st;
	const bool is_link = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
	bool append = stat(path, &st) == 0 && !S_ISREG(st.st_mode);
	for (size_t i = 0; i < sizeof(of_descriptors) / sizeof(of_descriptors[0]); i++)
		append |= strncmp(path, of_descriptors[i], strlen(of_descriptors[i])) == 0;
	if (!append && !is_link)
		return file_write_atomic(NULL, path, data, len, e);
	const int fd = open_retry(NULL, path, O_WRONLY | (append ? O_APPEND : O_CREAT | O_TRUNC));
	if (fd < 0)
		return io_error(e, "open", path);
	bool ok = file_write_fd(fd, path, data, len, e);
	if (close(fd) < 0 && errno != EINTR && ok)
		ok = io_error(e, "close", path);
	return ok;
}

bool file_make_dirs(const char *path, struct err *e)
{
	char part[FILE_PATH_SIZE];
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
		return err_set(e, ERR_RUN, "'%.500s' is not a directory", path);
	return true;
}

bool file_exists(const struct dir *d, const char *name)
{
	struct stat st;
	return fstatat(fd_of(d), name, &st, AT_SYMLINK_NOFOLLOW) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

bool file_remove(const struct dir *d, const char *name, struct err *e)
{
	return unlinkat(fd_of(d), name, 0) == 0 || errno == ENOENT || error_at(e, "remove", d, name);
}

bool file_join(char *path, size_t size, const char *dir, const char *name, struct err *e)
{
	const int n = snprintf(path, size, "%s/%s", dir, name);
	if (n < 0 || (size_t)n >= size)
		return err_set(e, ERR_RUN, "path too long: '%s/%s'", dir, name);
	return true;
}
