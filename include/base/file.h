/* Whole files in and out, and rows appended to a log.
 *
 * Errors are ERR_RUN, name the path and the failing call, and leave an existing
 * target as it was. Nothing here trusts a file's size or type: a directory is an
 * error, a FIFO or a file that grows is read to its end, up to the limit (and
 * waits for a writer, as `cat` does).
 */
#ifndef DQN_BASE_FILE_H
#define DQN_BASE_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Reads all of `path` into *data (the caller frees it), NUL-terminated behind
 * its *len bytes. More than `limit` bytes is an error. */
bool file_read(const char *path, size_t limit, char **data, size_t *len, struct err *e);

/* The same from an open descriptor, named `name` in messages; does not close it. */
bool file_read_fd(int fd, const char *name, size_t limit, char **data, size_t *len, struct err *e);

/* Writes path.tmp, flushes it to the disk, renames it over `path` and flushes
 * the directory: `path` is the old file or the new one, never a part. It may be
 * the new one after an error too, if only the directory could not be flushed. */
bool file_write_atomic(const char *path, const void *data, size_t len, struct err *e);

/* Writes all bytes to a descriptor, through interruptions and short writes. */
bool file_write_fd(int fd, const char *name, const void *data, size_t len, struct err *e);

/* Makes `path` and the directories above it; existing ones are fine. */
bool file_make_dirs(const char *path, struct err *e);

/* True if something is there under that name, whatever it is. */
bool file_exists(const char *path);

/* Joins into path[size]; false if it does not fit. */
bool file_join(char *path, size_t size, const char *dir, const char *name, struct err *e);

#endif
