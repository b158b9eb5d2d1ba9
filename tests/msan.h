/* Included before every file of 'make msan': MSan of clang 14 does not know that these
 * calls of newer C libraries fill what they are given. */
#ifndef DQN_TESTS_MSAN_H
#define DQN_TESTS_MSAN_H

#include <sanitizer/msan_interface.h>
#include <sys/stat.h>

static inline int msan_filled(int status, struct stat *st)
{
	if (status == 0)
		__msan_unpoison(st, sizeof(*st));
	return status;
}

#define stat(path, st) msan_filled((stat)(path, st), st)
#define lstat(path, st) msan_filled((lstat)(path, st), st)
#define fstat(fd, st) msan_filled((fstat)(fd, st), st)
#define fstatat(fd, path, st, flags) msan_filled((fstatat)(fd, path, st, flags), st)

#endif
