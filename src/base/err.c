#include "base/err.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	e->kind = kind;
	va_list args;
	va_start(args, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, args);
	va_end(args);
	text_make_printable(e->msg); /* a quoted name may hold anything */
	return false;
}

bool err_suggest(struct err *e, const char *prefix, const char *near)
{
	const size_t len = strlen(e->msg);
	if (near)
		snprintf(e->msg + len, sizeof(e->msg) - len, "; did you mean '%s%s'?", prefix, near);
	return false;
}
