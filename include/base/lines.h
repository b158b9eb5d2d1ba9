/* Lines of a file that is read in pieces: memory does not grow with it.
 *
 *     lines_init(&l, fd, "demo.csv", ":", most_line, &e);
 *     while ((ok = lines_next(&l, &line, &e)) && line)
 *             ... l.n is its number
 *     lines_release(&l);
 *
 * A line ends in LF or CR LF, which is not part of it; a NUL stands in its place. A NUL byte in a
 * line is ERR_CORRUPT, and so is a line that is too long.
 */
#ifndef DQN_BASE_LINES_H
#define DQN_BASE_LINES_H

#include "base/err.h"
#include "base/sha256.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines {
	int fd;                      /* the caller's */
	const char *name, *mark;     /* messages begin with both, a line's number and ": " */
	char *buf;                   /* (most_line + LINES_PIECE + 1) what has been read */
	size_t begin, searched, end; /* the rest of it; no line ends before `searched` */
	size_t most_line;            /* bytes that are kept of a line whose end has not come */
	int64_t n;                   /* lines so far */
	bool is_cut;                 /* the last of them is that of the file, without its end */
	struct sha256 *sha256;       /* gets what is read, the caller's; NULL after lines_init */
};

#define LINES_PIECE 65536 /* bytes of one read */

/* Fails (ERR_RUN) if there is not enough memory. */
bool lines_init(struct lines *l, int fd, const char *name, const char *mark, size_t most_line, struct err *e);
void lines_release(struct lines *l);

/* The next line, which is valid until the next call; NULL at the end of the file. */
bool lines_next(struct lines *l, char **line, struct err *e);

/* ERR_CORRUPT, of the last line: after its name and number, what is wrong with it. Always returns false. */
bool lines_error(const struct lines *l, struct err *e, const char *fmt, ...) ERR_PRINTF(3, 4);

/* True if lines_next has a whole line already, so that it does not wait for input. */
bool lines_ready(struct lines *l);

#endif
