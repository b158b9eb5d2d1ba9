#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool locale_is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *v = getenv(names[i]);
		if (v && v[0])
			return strstr(v, "UTF-8") || strstr(v, "utf8");
	}
	return false;
}

static int variable_or(const char *name, int otherwise)
{
	const char *value = getenv(name);
	int64_t n;
	return value && text_parse_i64(value, &n) == TEXT_OK && n >= 1 && n <= 1000 ? (int)n
										    : otherwise;
}

void terminal_size(int fd, int *columns, int *lines)
{
	struct winsize size = { 0 };
	if (ioctl(fd, TIOCGWINSZ, &size) < 0)
		size = (struct winsize){ 0 };
	*columns = size.ws_col > 0 ? size.ws_col : variable_or("COLUMNS", 80);
	*lines = size.ws_row > 0 ? size.ws_row : variable_or("LINES", 24);
}

bool can_redraw(int fd)
{
	const char *term = getenv("TERM");
	return isatty(fd) && term && strcmp(term, "dumb") != 0;
}

bool wants_colour(int fd)
{
	const char *no_colour = getenv("NO_COLOR");
	return can_redraw(fd) && !(no_colour && no_colour[0]);
}

void text_add_duration(struct text *t, double s)
{
	const double minute = 60, hour = 60 * minute, day = 24 * hour;
	s = ceil(s);
	if (s < minute)
		text_add(t, "%.0fs", s);
	else if (s < hour)
		text_add(t, "%.0fm%02.0fs", floor(s / minute), fmod(s, minute));
	else if (s < day)
		text_add(t, "%.0fh%02.0fm", floor(s / hour), floor(fmod(s, hour) / minute));
	else
		text_add(t, "%.0fd%02.0fh", floor(s / day), floor(fmod(s, day) / hour));
}

void text_add_return(struct text *t, double x)
{
	const double size = fabs(x), large = 1e15;
	text_add(t, x == 0 || (size >= 1 && size < large) ? "%.1f" : "%.3g", x);
}

void print_wrapped(FILE *f, int indent, const char *text)
{
	const size_t width = 80 - (size_t)indent;
	while (*text) {
		size_t len = strlen(text);
		if (len >= width) {
			len = width - 1;
			while (len > 0 && text[len] != ' ')
				len--;
			if (len == 0)
				len = strcspn(text, " ");
		}
		fprintf(f, "%*s%.*s\n", indent, "", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
}
