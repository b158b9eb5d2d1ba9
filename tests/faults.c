/* A library for LD_PRELOAD (glibc) that makes calls of the system fail.
 *
 *     FAULT=write:17:ENOSPC    the 17th write() fails so, once
 *     FAULT=write:17+:ENOSPC   the 17th and all after it
 *     FAULT_REPORT=FILE        at the end a line "open 12 read 3 ... live 0" there:
 *                              how often each was called, and how many blocks of
 *                              memory were never freed
 *
 * Calls: open read write fsync rename close malloc mkdir lock cut seek stat unlink fork pipe
 * poll wait. Instead of an error: "short" reads or writes one byte, "zero" none. Standard
 * streams are left alone, and so are the programs that the program starts.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum call {
	OPEN,
	READ,
	WRITE,
	FSYNC,
	RENAME,
	CLOSE,
	MALLOC,
	MKDIR,
	LOCK,
	CUT,
	SEEK,
	STAT,
	UNLINK,
	FORK,
	PIPE,
	POLL,
	WAIT,
	N_CALLS
};
static const char *const call_names[N_CALLS] = { "open", "read", "write", "fsync", "rename", "close", "malloc", "mkdir",
	"lock", "cut", "seek", "stat", "unlink", "fork", "pipe", "poll", "wait" };
enum { ZERO = 1 << 20 };
static const struct {
	const char *name;
	int number; /* 0: short, or ZERO */
} errors[] = { { "short", 0 }, { "ENOSPC", ENOSPC }, { "EIO", EIO }, { "EINTR", EINTR }, { "ENOMEM", ENOMEM },
	{ "EMFILE", EMFILE }, { "EACCES", EACCES }, { "ENOLCK", ENOLCK }, { "EDQUOT", EDQUOT }, { "EROFS", EROFS },
	{ "EFBIG", EFBIG }, { "ENOSYS", ENOSYS }, { "EOPNOTSUPP", EOPNOTSUPP }, { "EINVAL", EINVAL },
	{ "EAGAIN", EAGAIN }, { "ECHILD", ECHILD }, { "zero", ZERO } };

static long n_calls[N_CALLS], n_live;
static int fault_call = -1, fault_error;
static long fault_at;
static bool fault_stays, armed;
static char report_path[1024];

/* The C library's own, by which allocation works before anything is set up. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t align, size_t size);
extern void __libc_free(void *p);

static void __attribute__((constructor)) arm(void)
{
	const char *fault = getenv("FAULT");
	char call[16], at[16], error[16];
	if (fault && sscanf(fault, "%15[^:]:%15[^:]:%15s", call, at, error) == 3) {
		for (int i = 0; i < N_CALLS; i++)
			if (strcmp(call, call_names[i]) == 0)
				fault_call = i;
		fault_error = -1;
		for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
			if (strcmp(error, errors[i].name) == 0)
				fault_error = errors[i].number;
		fault_at = strtol(at, NULL, 10);
		fault_stays = strchr(at, '+') != NULL;
		if (fault_call < 0 || fault_error < 0 || fault_at < 1)
			_exit(97);
	}
	const char *path = getenv("FAULT_REPORT");
	snprintf(report_path, sizeof(report_path), "%s", path ? path : "");
	unsetenv("FAULT");
	unsetenv("FAULT_REPORT");
	unsetenv("LD_PRELOAD");
	memset(n_calls, 0, sizeof(n_calls));
	n_live = 0;
	armed = true;
}

/* True if this call is the one: errno is set, or *most is how many bytes it may move. */
static bool fails(enum call call, size_t *most)
{
	if (!armed)
		return false;
	const long n = ++n_calls[call];
	if ((int)call != fault_call || n < fault_at || (n > fault_at && !fault_stays))
		return false;
	if (fault_error == 0 || fault_error == ZERO) {
		if (most)
			*most = fault_error == 0;
		return false;
	}
	errno = fault_error;
	return true;
}

/* The next definition of a function; type-safe only through its uses below. */
#define REAL(function, result, ...)                        \
	static result (*real)(__VA_ARGS__);                \
	if (!real) {                                       \
		void *symbol = dlsym(RTLD_NEXT, function); \
		memcpy(&real, &symbol, sizeof(real));      \
	}

/* With _FILE_OFFSET_BITS = 64, as the program is compiled, too, these are open64 ... */
int open(const char *path, int flags, ...)
{
	REAL("open64", int, const char *, int, ...)
	va_list args;
	va_start(args, flags);
	const mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	return fails(OPEN, NULL) ? -1 : real(path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
	REAL("openat64", int, int, const char *, int, ...)
	va_list args;
	va_start(args, flags);
	const mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	return fails(OPEN, NULL) ? -1 : real(at, path, flags, mode);
}

int dup(int fd)
{
	REAL("dup", int, int)
	return fails(OPEN, NULL) ? -1 : real(fd);
}

DIR *opendir(const char *path)
{
	REAL("opendir", DIR *, const char *)
	return fails(OPEN, NULL) ? NULL : real(path);
}

DIR *fdopendir(int fd)
{
	REAL("fdopendir", DIR *, int)
	return fails(OPEN, NULL) ? NULL : real(fd);
}

ssize_t read(int fd, void *data, size_t len)
{
	REAL("read", ssize_t, int, void *, size_t)
	size_t most = len;
	if (fd > 2 && fails(READ, &most))
		return -1;
	return real(fd, data, most < len ? most : len);
}

ssize_t pread(int fd, void *data, size_t len, off_t offset)
{
	REAL("pread64", ssize_t, int, void *, size_t, off_t)
	size_t most = len;
	if (fails(READ, &most))
		return -1;
	return real(fd, data, most < len ? most : len, offset);
}

ssize_t write(int fd, const void *data, size_t len)
{
	REAL("write", ssize_t, int, const void *, size_t)
	size_t most = len;
	if (fd > 2 && fails(WRITE, &most))
		return -1;
	return real(fd, data, most < len ? most : len);
}

int fsync(int fd)
{
	REAL("fsync", int, int)
	return fails(FSYNC, NULL) ? -1 : real(fd);
}

int rename(const char *from, const char *to)
{
	REAL("rename", int, const char *, const char *)
	return fails(RENAME, NULL) ? -1 : real(from, to);
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
	REAL("renameat", int, int, const char *, int, const char *)
	return fails(RENAME, NULL) ? -1 : real(from_at, from, to_at, to);
}

/* It is closed all the same, as Linux does. */
int close(int fd)
{
	REAL("close", int, int)
	const int result = real(fd);
	return fd > 2 && fails(CLOSE, NULL) ? -1 : result;
}

int mkdir(const char *path, mode_t mode)
{
	REAL("mkdir", int, const char *, mode_t)
	return fails(MKDIR, NULL) ? -1 : real(path, mode);
}

int fcntl(int fd, int command, ...)
{
	REAL("fcntl64", int, int, int, ...)
	va_list args;
	va_start(args, command);
	void *arg = va_arg(args, void *);
	va_end(args);
	const bool bad = command == F_SETLK                         ? fails(LOCK, NULL)
			 : command == F_SETFD || command == F_SETFL ? fails(PIPE, NULL)
								    : false;
	return bad ? -1 : real(fd, command, arg);
}

pid_t fork(void)
{
	REAL("fork", pid_t, void)
	return fails(FORK, NULL) ? -1 : real();
}

int pipe(int fds[2])
{
	REAL("pipe", int, int *)
	return fails(PIPE, NULL) ? -1 : real(fds);
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	REAL("poll", int, struct pollfd *, nfds_t, int)
	return fails(POLL, NULL) ? -1 : real(fds, n, timeout);
}

int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	REAL("waitid", int, idtype_t, id_t, siginfo_t *, int)
	return fails(WAIT, NULL) ? -1 : real(type, id, info, options);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	REAL("waitpid", pid_t, pid_t, int *, int)
	return fails(WAIT, NULL) ? -1 : real(pid, status, options);
}

int ftruncate(int fd, off_t len)
{
	REAL("ftruncate64", int, int, off_t)
	return fails(CUT, NULL) ? -1 : real(fd, len);
}

off_t lseek(int fd, off_t offset, int whence)
{
	REAL("lseek64", off_t, int, off_t, int)
	return fails(SEEK, NULL) ? -1 : real(fd, offset, whence);
}

int stat(const char *path, struct stat *st)
{
	REAL("stat64", int, const char *, struct stat *)
	return fails(STAT, NULL) ? -1 : real(path, st);
}

int lstat(const char *path, struct stat *st)
{
	REAL("lstat64", int, const char *, struct stat *)
	return fails(STAT, NULL) ? -1 : real(path, st);
}

int fstatat(int at, const char *path, struct stat *st, int flags)
{
	REAL("fstatat64", int, int, const char *, struct stat *, int)
	return fails(STAT, NULL) ? -1 : real(at, path, st, flags);
}

int fstat(int fd, struct stat *st)
{
	REAL("fstat64", int, int, struct stat *)
	return fails(STAT, NULL) ? -1 : real(fd, st);
}

int unlink(const char *path)
{
	REAL("unlink", int, const char *)
	return fails(UNLINK, NULL) ? -1 : real(path);
}

int unlinkat(int at, const char *path, int flags)
{
	REAL("unlinkat", int, int, const char *, int)
	return fails(UNLINK, NULL) ? -1 : real(at, path, flags);
}

static void *counted(void *p)
{
	n_live += armed && p;
	return p;
}

void *malloc(size_t size)
{
	return fails(MALLOC, NULL) ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
	return fails(MALLOC, NULL) ? NULL : counted(__libc_calloc(n, size));
}

void *realloc(void *old, size_t size)
{
	if (fails(MALLOC, NULL))
		return NULL;
	void *p = __libc_realloc(old, size);
	n_live += armed && p && !old;
	return p;
}

void *aligned_alloc(size_t align, size_t size)
{
	return fails(MALLOC, NULL) ? NULL : counted(__libc_memalign(align, size));
}

void free(void *p)
{
	n_live -= armed && p;
	__libc_free(p);
}

static void __attribute__((destructor)) report(void)
{
	char line[400];
	size_t len = 0;
	armed = false;
	if (!report_path[0])
		return;
	for (int i = 0; i < N_CALLS; i++)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s %ld ", call_names[i], n_calls[i]);
	len += (size_t)snprintf(line + len, sizeof(line) - len, "live %ld\n", n_live);
	const int fd = open(report_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (fd < 0 || write(fd, line, len) != (ssize_t)len)
		_exit(98);
	close(fd);
}
