#include "base/err.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

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
