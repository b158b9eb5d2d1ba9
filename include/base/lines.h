/* Lines of a file that is read in pieces: memory does not grow with it.
 *
 *     lines_init(&l, fd, "demo.csv", ":", most_line, &e);
 *     do
 *             while (ok && (ok = lines_take(&l, &line, &len, &e)) && line)
 *                     ... l.n is its number
 *     while (ok && (ok = lines_read(&l, &n, &e)) && n > 0);
 *     rest = lines_rest(&l, &len);                   // NULL: the last line has its end
 *     lines_release(&l);
 *
 * A line ends in LF or CR LF, which is not part of it; a NUL stands in its place. A NUL byte in a
 * line is ERR_CORRUPT, and so is a line that is too long.
 */
#ifndef DQN_BASE_LINES_H
#define DQN_BASE_LINES_H

#include "base/err.h"
#include "base/sha256.h"

#include <stddef.h>
#include <stdint.h>

struct lines {
	int fd;                      /* the caller's */
	const char *name, *mark;     /* messages begin with both, a line's number and ": " */
	char *buf;                   /* (most_line + LINES_PIECE + 1) what has been read */
	size_t begin, searched, end; /* the rest of it; no line ends before `searched` */
	size_t most_line;            /* bytes that are kept of a line whose end has not come */
	int64_t n;                   /* lines taken so far */
	struct sha256 *sha256;       /* gets what is read, the caller's; NULL after lines_init */
};

#define LINES_PIECE 65536 /* bytes of one read */

/* Fails (ERR_RUN) if there is not enough memory. */
bool lines_init(struct lines *l, int fd, const char *name, const char *mark, size_t most_line,
	struct err *e);
void lines_release(struct lines *l);

/* The next whole line that has been read, until the next lines_read; NULL if there is none. */
bool lines_take(struct lines *l, char **line, size_t *len, struct err *e);

/* Waits for more: *n bytes, 0 at the end of the file. */
bool lines_read(struct lines *l, size_t *n, struct err *e);

/* At the end: a last line without its end, or NULL. */
bool lines_rest(struct lines *l, char **line, size_t *len, struct err *e);

#endif
