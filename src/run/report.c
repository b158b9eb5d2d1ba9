#include "run/report.h"

#include "run/config.h"
#include "run/hint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void report_init(struct report *r)
{
	r->text = text_into(r->buf, sizeof(r->buf));
	r->n_errors = r->n_warnings = 0;
	r->choices = NULL;
	memset(r->no_value, 0, sizeof(r->no_value));
}

/* A quoted name may hold anything, but no line break or escape comes out. */
static void add_line(struct report *r, const char *prefix, const char *fmt, va_list args)
{
	char line[REPORT_LINE_SIZE];
	const int n = snprintf(line, sizeof(line), "%s", prefix);
	if (n >= 0 && (size_t)n < sizeof(line))
		vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, args);
	text_make_printable(line);
	text_add(&r->text, "%s\n", line);
}

void report_error(struct report *r, const char *source, const char *fmt, ...)
{
	va_list args;
	if (r->n_errors++ >= REPORT_MAX_ERRORS)
		return;
	va_start(args, fmt);
	add_line(r, source, fmt, args);
	va_end(args);
}

void report_warning(struct report *r, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	add_line(r, "warning: ", fmt, args);
	va_end(args);
	r->n_warnings++;
}

void report_no_value(struct report *r, const struct option *o)
{
	for (int i = 0; config_options[i].key; i++)
		if (!o || o == &config_options[i])
			r->no_value[i] = true;
}

void report_value(struct report *r, const char *source, const struct option *o, const char *value)
{
	char buf[256], hint[HINT_SIZE];
	struct config c;
	struct err e;
	report_no_value(r, o);
	if (o->set && !o->set(&c, value, &e)) {
		report_error(r, source, "%s = '%.80s' is not valid: %s", o->key, value, e.msg);
		return;
	}
	if (option_is_too_small(o, value)) {
		report_error(r, source, "%s = '%.80s' is too small: a float has 0 or at least 1.2e-38", o->key, value);
		return;
	}
	const bool is_id = strcmp(o->key, "id") == 0;
	const bool is_command = is_id && hint_is_command(value);
	const char *near = NULL;
	if (!is_command && hint_value(o, value, hint))
		near = hint;
	else if (!is_command && o->type == OPTION_NAME)
		near = text_nearest(value, o->names);
	struct text range = text_into(buf, sizeof(buf));
	option_print_range(o, &range);
	if (near)
		report_error(r, source, "%s = '%.80s' is not valid (%s); did you mean '%s'%s?", o->key, value, buf,
			near, config_set_value(&c, o, near) ? "" : ", several values for 'dqn sweep'");
	else
		report_error(r, source, "%s = '%.80s' is not valid (%s)%s", o->key, value, buf,
			is_id                ? "; another environment is id = process with its command, as "
					       "command = ./mine.py"
			: strchr(value, '(') ? "; for 'dqn sweep', a | b, a..b, uniform(a, b), log(a, b)"
					     : "");
}

void report_unknown_key(struct report *r, const char *source, const char *key)
{
	const char *answer = config_why_absent(key);
	/* In a full report nobody would see it, and a file may hold a million such keys. */
	const char *near = r->n_errors >= REPORT_MAX_ERRORS ? NULL : config_suggest(key);
	if (near)
		report_no_value(r, config_find(near));
	if (answer)
		report_error(r, source, "unknown key '%.80s': %s", key, answer);
	else if (near)
		report_error(r, source, "unknown key '%.80s'; did you mean '%s'?", key, near);
	else
		report_error(r, source, "unknown key '%.80s'; 'dqn config --explain' lists them all", key);
}
