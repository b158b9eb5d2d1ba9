#include "cli/cli.h"
#include "cli/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Cells are two dots wide and four high, as in braille. */
enum { MAX_COLUMNS = 400, MAX_LINES = 100, DOTS_X = 2, DOTS_Y = 4, NOBODY = -1 };

struct canvas {
	const struct plot *p;
	bool utf8, colour;
	bool braille; /* else a cell is a letter */
	int n_columns, n_lines, margin;
	int threshold_line;                         /* or NOBODY */
	char threshold[64];                         /* its label */
	int letter[MAX_LINES];                      /* the series that ends there, or NOBODY */
	unsigned char dots[MAX_LINES][MAX_COLUMNS]; /* bits of U+2800 */
	short series[MAX_LINES][MAX_COLUMNS];       /* the last one drawn there */
};

static const char *const colours[] = { "34", "33", "32", "35", "31", "36" };
enum { N_COLOURS = sizeof(colours) / sizeof(colours[0]) };

static int clamp(int x, int least, int most)
{
	return x < least ? least : x > most ? most : x;
}

/* --- drawing --- */

static void set_dot(struct canvas *c, int x, int y, int series)
{
	static const unsigned char bits[DOTS_Y][DOTS_X] = { { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 },
		{ 0x40, 0x80 } };
	const int column = x / DOTS_X, line = y / DOTS_Y;
	if (x < 0 || y < 0 || column >= c->n_columns || line >= c->n_lines)
		return;
	c->dots[line][column] |= bits[y % DOTS_Y][x % DOTS_X];
	c->series[line][column] = (short)series;
}

static int dot_x(const struct canvas *c, double x)
{
	return (int)floor(axis_at(&c->p->x, x) * (c->n_columns * DOTS_X - 1) + 0.5);
}

static int dot_y(const struct canvas *c, double y)
{
	return (int)floor((1 - axis_at(&c->p->y, y)) * (c->n_lines * DOTS_Y - 1) + 0.5);
}

static void draw_line(struct canvas *c, int x0, int y0, int x1, int y1, int series)
{
	const int dx = x1 - x0, dy = y1 - y0, n = abs(dx) > abs(dy) ? abs(dx) : abs(dy);
	for (int i = 0; i <= n; i++)
		set_dot(c, x0 + (n ? dx * i / n : 0), y0 + (n ? dy * i / n : 0), series);
}

/* Dots a column apart. */
static void draw_dotted(struct canvas *c, const struct series *s, const double *y, int i)
{
	for (size_t k = 1; k < s->n; k++) {
		const int x0 = dot_x(c, s->x[k - 1]), x1 = dot_x(c, s->x[k]);
		const int y0 = dot_y(c, y[k - 1]), y1 = dot_y(c, y[k]);
		for (int x = x0; x <= x1 && !isnan(y[k - 1]) && !isnan(y[k]); x++)
			if (x % (2 * DOTS_X) == 0)
				set_dot(c, x, y0 + (x1 > x0 ? (y1 - y0) * (x - x0) / (x1 - x0) : 0), i);
	}
}

/* The bounds of the intervals: under all lines. */
static void draw_intervals(struct canvas *c, int i)
{
	const struct series *s = &c->p->series[i];
	if (!s->has_marks) {
		draw_dotted(c, s, s->low, i);
		draw_dotted(c, s, s->high, i);
	}
	for (size_t k = 0; s->has_marks && k < s->n; k++)
		if (!isnan(s->low[k]))
			draw_line(
				c, dot_x(c, s->x[k]), dot_y(c, s->low[k]), dot_x(c, s->x[k]), dot_y(c, s->high[k]), i);
}

static void draw_series(struct canvas *c, int i)
{
	const struct series *s = &c->p->series[i];
	const bool has_names = c->p->x.n_names > 0;
	const int wing = s->has_marks && has_names ? 3 : 0; /* a mean is wider than a run */
	for (size_t k = 0; k < s->n_dots; k++)
		set_dot(c, dot_x(c, s->dot_x[k]), dot_y(c, s->dot_y[k]), i);
	for (size_t k = 0; k < s->n; k++) {
		if (isnan(s->y[k]))
			continue;
		const size_t from = k > 0 && !isnan(s->y[k - 1]) && !has_names ? k - 1 : k;
		draw_line(c, dot_x(c, s->x[from]) - wing, dot_y(c, s->y[from]), dot_x(c, s->x[k]) + wing,
			dot_y(c, s->y[k]), i);
	}
}

/* The line at which series i ends, or -1. */
static int end_line(const struct canvas *c, int i)
{
	const struct series *s = &c->p->series[i];
	for (size_t k = s->n; k-- > 0;)
		if (!isnan(s->y[k]))
			return dot_y(c, s->y[k]) / DOTS_Y;
	return -1;
}

/* A letter after the end of each series, or as near to it as there is room. */
static void place_letters(struct canvas *c)
{
	for (int line = 0; line < c->n_lines; line++)
		c->letter[line] = NOBODY;
	for (int i = 0; i < c->p->n_series; i++) {
		const int end = end_line(c, i);
		for (int off = 0; end >= 0 && off < 2 * c->n_lines; off++) {
			const int line = end + (off % 2 ? -1 : 1) * (off / 2);
			if (line < 0 || line >= c->n_lines || c->letter[line] != NOBODY)
				continue;
			c->letter[line] = i;
			break;
		}
	}
}

/* --- printing --- */

/* s cut to so many columns */
static void put_cut(const char *s, int columns)
{
	put_printable(stdout, s, text_fit(s, columns));
}

static void put_cell(const struct canvas *c, int line, int column)
{
	const unsigned dots = c->dots[line][column];
	const int series = c->series[line][column];
	if (dots == 0) {
		const char *across = column % 2 ? " " : c->utf8 ? "╌" : ".";
		fputs(line == c->threshold_line ? across : " ", stdout);
		return;
	}
	if (c->colour)
		printf("\033[%sm", colours[series % N_COLOURS]);
	if (c->braille) /* U+2800 + dots */
		printf("\xe2%c%c", (int)(0xa0 + (dots >> 6)), (int)(0x80 + (dots & 0x3f)));
	else
		putchar('a' + series);
	if (c->colour)
		fputs("\033[0m", stdout);
}

static void put_letter(const struct canvas *c, int series)
{
	if (c->colour)
		printf("\033[1;%sm%c\033[0m", colours[series % N_COLOURS], 'a' + series);
	else
		putchar('a' + series);
}

static void put_row(const struct canvas *c, int line)
{
	const struct axis *y = &c->p->y;
	const char *tick = "";
	for (int i = 0; i < y->n_ticks; i++)
		if (dot_y(c, y->tick[i]) / DOTS_Y == line)
			tick = y->tick_text[i];
	const char *frame = c->utf8 ? (tick[0] ? "┤" : "│") : (tick[0] ? "+" : "|");
	printf("%*s %s", c->margin, tick, frame);
	int n = c->n_columns;
	while (n > 0 && c->dots[line][n - 1] == 0 && c->letter[line] == NOBODY && line != c->threshold_line)
		n--;
	for (int column = 0; column < n; column++)
		put_cell(c, line, column);
	if (c->letter[line] != NOBODY) {
		putchar(' ');
		put_letter(c, c->letter[line]);
	}
	putchar('\n');
}

/* The frame below, and as many ticks of x as there is room for. */
static void put_x_axis(const struct canvas *c)
{
	const struct axis *x = &c->p->x;
	const int left = c->margin + 2, right = left + c->n_columns + 1;
	int at = 0;
	printf("%*s %s", c->margin, "", c->utf8 ? "└" : "+");
	for (int column = 0; column < c->n_columns; column++)
		fputs(c->utf8 ? "─" : "-", stdout);
	putchar('\n');
	for (int i = 0; i < x->n_ticks; i++) {
		const int len = (int)strlen(x->tick_text[i]);
		int start = left + dot_x(c, x->tick[i]) / DOTS_X - len / 2;
		if (start + len > right)
			start = right - len;
		if (start < at + (at > 0))
			continue;
		printf("%*s%s", start - at, "", x->tick_text[i]);
		at = start + len;
	}
	putchar('\n');
}

/* Labels are brief if one of them is too long; then the first line has the keys. */
static void put_legend(const struct canvas *c, int width)
{
	bool brief = false;
	if (c->p->legend == PLOT_LEGEND_NONE)
		return;
	for (int i = 0; i < c->p->n_series; i++)
		brief |= text_columns(c->p->series[i].label) > width - 2;
	if (brief && c->p->keys[0]) {
		put_cut(c->p->keys, width - 1);
		fputs(":\n", stdout);
	}
	for (int i = 0; i < c->p->n_series; i++) {
		const struct series *s = &c->p->series[i];
		put_letter(c, i);
		putchar(' ');
		put_cut(brief ? s->brief : s->label, width - 2);
		putchar('\n');
	}
	if (c->threshold_line != NOBODY)
		printf("%s %s\n", c->utf8 ? "╌" : ".", c->threshold);
}

bool plot_text(const struct plot *p, int width, int height, bool utf8, bool colour, struct err *e)
{
	struct canvas *c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(e, ERR_RUN, "out of memory for a plot");
	c->p = p;
	c->utf8 = utf8;
	c->colour = colour;
	/* Single dots of several series are letters: those of braille are all alike. */
	c->braille = utf8 && (p->n_series == 1 || !plot_is_scatter(p));
	for (int i = 0; i < p->y.n_ticks; i++) {
		const int len = (int)strlen(p->y.tick_text[i]);
		c->margin = len > c->margin ? len : c->margin;
	}
	const int others = 4; /* a blank, the frame, a blank and a letter */
	c->n_columns = clamp(width - c->margin - others, 8, MAX_COLUMNS);
	c->n_lines = clamp(height, 4, MAX_LINES);
	const bool across = plot_threshold_label(p, c->threshold, sizeof(c->threshold));
	c->threshold_line = across ? dot_y(c, p->threshold) / DOTS_Y : NOBODY;
	for (int i = p->n_series; i-- > 0 && p->n_series <= PLOT_MOST_INTERVALS;)
		draw_intervals(c, i);
	for (int i = p->n_series; i-- > 0;)
		draw_series(c, i);
	place_letters(c);
	if (p->title[0]) {
		put_cut(p->title, width);
		putchar('\n');
	}
	put_cut(p->y.label, width);
	putchar('\n');
	for (int line = 0; line < c->n_lines; line++)
		put_row(c, line);
	put_x_axis(c);
	const int indent = c->margin + 2 + (c->n_columns - text_columns(p->x.label)) / 2;
	printf("%*s", indent > 0 ? indent : 0, "");
	put_cut(p->x.label, width);
	putchar('\n');
	put_legend(c, width);
	free(c);
	return true;
}
