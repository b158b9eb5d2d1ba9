/* Reading and writing files, whole or in pieces.
 *
 * Errors are ERR_RUN unless stated otherwise, name the path and the failing call, and
 * leave an existing target as it was.
 */
#ifndef DQN_BASE_FILE_H
#define DQN_BASE_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_PATH_SIZE 4096

/* A directory that is held open: names in it stay valid if it is moved or replaced. The
 * functions below also take NULL: the name is then an ordinary path. */
struct dir {
	int fd;           /* or -1 */
	const char *path; /* when it was opened, the caller's; for messages */
};

bool dir_open(struct dir *d, const char *path, struct err *e);
void dir_close(struct dir *d);

/* The path of a name for messages, in buf or the name itself. */
const char *dir_path(const struct dir *d, const char *name, char buf[FILE_PATH_SIZE]);

/* Opens a regular file for reading; *len is its length. Anything else is ERR_CORRUPT, and
 * a FIFO is not waited for. The caller closes it. */
bool file_open(const struct dir *d, const char *name, int *fd, uint64_t *len, struct err *e);

/* The same for writing, to a regular file or a device, created if asked for. A link to a
 * file is refused: its target is not ours. *fd is -1 on errors. */
bool file_open_to_write(const struct dir *d, const char *name, bool create, int *fd, uint64_t *len, struct err *e);

/* Reads exactly len bytes at an offset, through interruptions and short reads.
 * ERR_CORRUPT if the file ends before. */
bool file_read_at(int fd, const char *name, uint64_t offset, void *data, size_t len, struct err *e);

/* Reads all of `path` into *data (the caller frees it), with a NUL after its *len bytes.
 * More than `limit` bytes is an error, before reading if the size is known. For names from
 * the user: a FIFO is read to its end, as `cat` does. */
bool file_read(const char *path, size_t limit, char **data, size_t *len, struct err *e);

/* The same for our own files, which file_open opens. */
bool file_load(const struct dir *d, const char *name, size_t limit, char **data, size_t *len, struct err *e);

/* The same from an open descriptor, named `name` in messages; does not close it. */
bool file_read_fd(int fd, const char *name, size_t limit, char **data, size_t *len, struct err *e);

/* A file that is written piece by piece and appears at once, as file_write_atomic
 * has it:
 *
 *     ok = file_begin(&w, d, name, &e) && file_add(&w, data, len, &e) && ...;
 *     ok = file_end(&w, ok, previous, &e);
 *
 * file_end renames the file into
 * place if all went well so far (ok), else removes it; true if the new file is in place.
 * The earlier file stays as `previous`, unless that is NULL. After file_begin, even a
 * failed one, file_end must be called. */
struct file_writer {
	const struct dir *dir;
	const char *name; /* the caller's, until file_end */
	int fd;           /* or -1 */
};

bool file_begin(struct file_writer *w, const struct dir *d, const char *name, struct err *e);
bool file_add(struct file_writer *w, const void *data, size_t len, struct err *e);
bool file_end(struct file_writer *w, bool ok, const char *previous, struct err *e);

/* The steps of file_end, for several files that belong together. file_finish flushes one to the
 * disk and closes it; it must be called after file_begin. file_replace renames all in order,
 * or removes them if not ok. The directory is not flushed: after a power cut a name may still
 * lead to the earlier file, or be missing. */
bool file_finish(struct file_writer *w, bool ok, struct err *e);
bool file_replace(const struct file_writer *w, size_t n, bool ok, const char *previous, struct err *e);

/* Writes name.tmp, after removing an earlier one, flushes it to the disk, renames it to
 * `name` and flushes the directory: `name` is the old file or the new one, never a part.
 * After an error it may be the new one, if only flushing the directory failed. */
bool file_write_atomic(const struct dir *d, const char *name, const void *data, size_t len, struct err *e);

/* For output that the user names: as file_write_atomic, but writes through a link, and
 * appends to a device, a FIFO and an open descriptor's name (/dev/stdout). */
bool file_write(const char *path, const void *data, size_t len, struct err *e);

/* Writes all bytes to a descriptor, through interruptions and short writes. A write of 0
 * bytes is an error. */
bool file_write_fd(int fd, const char *name, const void *data, size_t len, struct err *e);

/* Flushes to the disk. EINVAL is not an error: a device, or a directory on some file
 * systems, cannot be flushed. */
bool file_sync(int fd, const char *name, struct err *e);

/* A hint to begin to write a file to the disk, without waiting. Called for several files
 * before file_sync of the first, it lets the file system flush them together. */
void file_start_sync(int fd);

/* Makes `path` and the directories above it; existing ones are fine. */
bool file_make_dirs(const char *path, struct err *e);

/* True if anything has that name, or if the system cannot tell. */
bool file_exists(const struct dir *d, const char *name);

/* Removes a file; a missing one is fine. */
bool file_remove(const struct dir *d, const char *name, struct err *e);

/* Joins into path[size]; false if it does not fit. */
bool file_join(char *path, size_t size, const char *dir, const char *name, struct err *e);

#endif
