#include "base/lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool lines_init(struct lines *l, int fd, const char *name, const char *mark, size_t most_line,
	struct err *e)
{
	*l = (struct lines){ .fd = fd, .name = name, .mark = mark, .most_line = most_line };
	l->buf = malloc(most_line + LINES_PIECE + 1);
	return l->buf || err_set(e, ERR_RUN, "out of memory reading '%.500s'", name);
}

void lines_release(struct lines *l)
{
	free(l->buf);
	l->buf = NULL;
}

/* len bytes at `begin`; a NUL follows them. */
static bool take(struct lines *l, char **line, size_t *len, struct err *e)
{
	l->n++;
	*line = l->buf + l->begin;
	if (*len > 0 && (*line)[*len - 1] == '\r')
		(*line)[--*len] = '\0';
	return strlen(*line) == *len ||
	       err_set(e, ERR_CORRUPT, "%.500s%s%" PRId64 ": a NUL byte", l->name, l->mark, l->n);
}

bool lines_take(struct lines *l, char **line, size_t *len, struct err *e)
{
	char *eol = memchr(l->buf + l->searched, '\n', l->end - l->searched);
	*line = NULL;
	if (!eol) {
		l->searched = l->end;
		return true;
	}
	*eol = '\0';
	*len = (size_t)(eol - l->buf) - l->begin;
	const bool ok = take(l, line, len, e);
	l->begin = l->searched = (size_t)(eol - l->buf) + 1;
	return ok;
}

bool lines_read(struct lines *l, size_t *n, struct err *e)
{
	l->end -= l->begin;
	memmove(l->buf, l->buf + l->begin, l->end);
	l->begin = 0;
	l->searched = l->end;
	if (l->end > l->most_line)
		return err_set(e, ERR_CORRUPT, "%.500s%s%" PRId64 ": longer than %zu bytes",
			l->name, l->mark, l->n + 1, l->most_line);
	for (;;) {
		const ssize_t got = read(l->fd, l->buf + l->end, LINES_PIECE);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(e, ERR_RUN, "read %.500s: %s", l->name, strerror(errno));
		*n = (size_t)got;
		if (l->sha256)
			sha256_add(l->sha256, l->buf + l->end, *n);
		l->end += *n;
		l->buf[l->end] = '\0';
		return true;
	}
}

bool lines_rest(struct lines *l, char **line, size_t *len, struct err *e)
{
	*line = NULL;
	*len = l->end - l->begin;
	return *len == 0 || take(l, line, len, e);
}
