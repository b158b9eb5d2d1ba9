#include "base/lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool lines_init(struct lines *l, int fd, const char *name, const char *mark, size_t most_line, struct err *e)
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

bool lines_error(const struct lines *l, struct err *e, const char *fmt, ...)
{
	char what[512];
	va_list args;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return err_set(e, ERR_CORRUPT, "%.250s%s%" PRId64 ": %s", l->name, l->mark, l->n, what);
}

/* The newline of the next line, or NULL. */
static char *find_end(struct lines *l)
{
	char *end = memchr(l->buf + l->searched, '\n', l->end - l->searched);
	l->searched = end ? (size_t)(end - l->buf) : l->end;
	return end;
}

bool lines_ready(struct lines *l)
{
	return find_end(l) != NULL;
}

/* One piece; n gets its bytes, 0 at the end of the file. */
static bool read_piece(struct lines *l, size_t *n, struct err *e)
{
	ssize_t got;
	l->end -= l->begin;
	memmove(l->buf, l->buf + l->begin, l->end);
	l->begin = 0;
	l->searched = l->end;
	if (l->end > l->most_line)
		return err_set(e, ERR_CORRUPT, "%.500s%s%" PRId64 ": longer than %zu bytes", l->name, l->mark, l->n + 1,
			l->most_line);
	do
		got = read(l->fd, l->buf + l->end, LINES_PIECE);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_set(e, ERR_RUN, "read %.500s: %s", l->name, strerror(errno));
	*n = (size_t)got;
	if (l->sha256)
		sha256_add(l->sha256, l->buf + l->end, *n);
	l->end += *n;
	return true;
}

bool lines_next(struct lines *l, char **line, struct err *e)
{
	size_t n = 1;
	char *end;
	*line = NULL;
	while (!(end = find_end(l)) && n > 0)
		if (!read_piece(l, &n, e))
			return false;
	l->is_cut = !end;
	if (l->is_cut && l->begin == l->end)
		return true;
	end = l->is_cut ? l->buf + l->end : end;
	*line = l->buf + l->begin;
	l->n++;
	l->begin = l->searched = (size_t)(end - l->buf) + !l->is_cut;
	end -= end > *line && end[-1] == '\r';
	*end = '\0';
	return strlen(*line) == (size_t)(end - *line) || lines_error(l, e, "a NUL byte");
}
