#include "cli/cli.h"
#include "cli/plot.h"

#include <math.h>
#include <string.h>

/* Cells are two dots wide and four high, as braille has them. */
enum { MAX_COLUMNS = 400, MAX_LINES = 100, DOTS_X = 2, DOTS_Y = 4 };

struct canvas {
	int n_columns, n_lines;
	unsigned char dots[MAX_LINES][MAX_COLUMNS]; /* bits of U+2800 */
	short series[MAX_LINES][MAX_COLUMNS];       /* the last that was drawn there, or -1 */
};

static const char *const colours[] = { "34", "33", "32", "35", "31", "36" };
enum { N_COLOURS = sizeof(colours) / sizeof(colours[0]) };

static void set_dot(struct canvas *c, int x, int y, int series)
{
	static const unsigned char bits[DOTS_Y][DOTS_X] = { { 0x01, 0x08 }, { 0x02, 0x10 },
		{ 0x04, 0x20 }, { 0x40, 0x80 } };
	const int column = x / DOTS_X, line = y / DOTS_Y;
	if (x < 0 || y < 0 || column >= c->n_columns || line >= c->n_lines)
		return;
	c->dots[line][column] |= bits[y % DOTS_Y][x % DOTS_X];
	c->series[line][column] = (short)series;
}

static int dot_x(const struct plot *p, const struct canvas *c, double x)
{
	return (int)floor(axis_at(&p->x, x) * (c->n_columns * DOTS_X - 1) + 0.5);
}

static int dot_y(const struct plot *p, const struct canvas *c, double y)
{
	return (int)floor((1 - axis_at(&p->y, y)) * (c->n_lines * DOTS_Y - 1) + 0.5);
}

static void draw_line(struct canvas *c, int x0, int y0, int x1, int y1, int series)
{
	const int dx = x1 - x0, dy = y1 - y0;
	const int n_x = dx < 0 ? -dx : dx, n_y = dy < 0 ? -dy : dy, n = n_x > n_y ? n_x : n_y;
	for (int i = 0; i <= n; i++)
		set_dot(c, x0 + (n ? dx * i / n : 0), y0 + (n ? dy * i / n : 0), series);
}

static void draw_series(struct canvas *c, const struct plot *p, int i)
{
	const struct series *s = &p->series[i];
	for (size_t k = 0; k < s->n_dots; k++)
		set_dot(c, dot_x(p, c, s->dot_x[k]), dot_y(p, c, s->dot_y[k]), i);
	for (size_t k = 0; k < s->n; k++) {
		if (isnan(s->y[k]))
			continue;
		const bool joined = k > 0 && !isnan(s->y[k - 1]) && p->x.n_names == 0;
		const size_t last = joined ? k - 1 : k;
		/* A mean that no line leads to is broader than a run. */
		const int wing = s->has_marks && p->x.n_names > 0 ? 3 : 0;
		draw_line(c, dot_x(p, c, s->x[last]) - wing, dot_y(p, c, s->y[last]),
			dot_x(p, c, s->x[k]) + wing, dot_y(p, c, s->y[k]), i);
	}
}

/* The line at which series i ends, -1 if it has none. */
static int end_line(const struct canvas *c, const struct plot *p, int i)
{
	const struct series *s = &p->series[i];
	for (size_t k = s->n; k-- > 0;)
		if (!isnan(s->y[k]))
			return dot_y(p, c, s->y[k]) / DOTS_Y;
	return -1;
}

/* A letter behind each line's end, or as near to it as there is room. */
static void place_letters(const struct canvas *c, const struct plot *p, int at[MAX_LINES])
{
	for (int line = 0; line < MAX_LINES; line++)
		at[line] = -1;
	for (int i = 0; i < p->n_series; i++) {
		const int line = end_line(c, p, i);
		for (int off = 0; line >= 0 && off < c->n_lines; off++) {
			const int below = line + off, above = line - off;
			if (below < c->n_lines && at[below] < 0) {
				at[below] = i;
				break;
			}
			if (above >= 0 && at[above] < 0) {
				at[above] = i;
				break;
			}
		}
	}
}

static void put_cell(
	const struct canvas *c, int line, int column, bool braille, bool colour, FILE *f)
{
	const unsigned dots = c->dots[line][column];
	const int series = c->series[line][column];
	if (dots == 0) {
		fputc(' ', f);
		return;
	}
	if (colour)
		fprintf(f, "\033[%sm", colours[series % N_COLOURS]);
	if (braille) /* U+2800 + dots */
		fprintf(f, "\xe2%c%c", (int)(0xa0 + (dots >> 6)), (int)(0x80 + (dots & 0x3f)));
	else
		fputc('a' + series, f);
	if (colour)
		fputs("\033[0m", f);
}

static void put_letter(int series, bool colour, FILE *f)
{
	if (colour)
		fprintf(f, "\033[1;%sm%c\033[0m", colours[series % N_COLOURS], 'a' + series);
	else
		fputc('a' + series, f);
}

/* The labels of x below the frame, as many as there is room for. */
static void put_x_ticks(const struct plot *p, const struct canvas *c, int left, FILE *f)
{
	int at = 0;
	for (int i = 0; i < p->x.n_ticks; i++) {
		char tick[64];
		axis_tick(&p->x, i, tick, sizeof(tick));
		const int len = (int)strlen(tick);
		int start = left + dot_x(p, c, p->x.tick[i]) / DOTS_X - len / 2;
		start = start + len > left + c->n_columns + 1 ? left + c->n_columns + 1 - len
							      : start;
		if (start < at + (at > 0))
			continue;
		fprintf(f, "%*s%s", start - at, "", tick);
		at = start + len;
	}
	fputc('\n', f);
}

/* As much of it as so many columns hold. */
static void put_label(const char *s, int columns, FILE *f)
{
	put_printable(f, s, text_fit(s, columns));
}

void plot_text(const struct plot *p, int width, int height, bool utf8, bool colour, FILE *f)
{
	static struct canvas c;
	int letter[MAX_LINES];
	char tick[64];
	int label = 0;
	for (int i = 0; i < p->y.n_ticks; i++) {
		axis_tick(&p->y, i, tick, sizeof(tick));
		label = (int)strlen(tick) > label ? (int)strlen(tick) : label;
	}
	/* Single dots of several series are letters: those of braille are all alike. */
	const bool braille = utf8 && (p->n_series == 1 || !plot_is_scatter(p));
	c.n_columns = width - label - 4; /* a blank, the frame, a letter and a blank before it */
	c.n_columns = c.n_columns < 8 ? 8 : c.n_columns > MAX_COLUMNS ? MAX_COLUMNS : c.n_columns;
	c.n_lines = height < 4 ? 4 : height > MAX_LINES ? MAX_LINES : height;
	memset(c.dots, 0, sizeof(c.dots));
	memset(c.series, -1, sizeof(c.series));
	for (int i = p->n_series; i-- > 0;)
		draw_series(&c, p, i);
	place_letters(&c, p, letter);

	put_label(p->y.label, width, f);
	fputc('\n', f);
	for (int line = 0; line < c.n_lines; line++) {
		tick[0] = '\0';
		for (int i = 0; i < p->y.n_ticks; i++)
			if (dot_y(p, &c, p->y.tick[i]) / DOTS_Y == line)
				axis_tick(&p->y, i, tick, sizeof(tick));
		fprintf(f, "%*s %s", label, tick,
			utf8 ? (tick[0] ? "┤" : "│") : (tick[0] ? "+" : "|"));
		int last = c.n_columns - 1;
		while (last >= 0 && c.dots[line][last] == 0 && letter[line] < 0)
			last--;
		for (int column = 0; column <= last; column++)
			put_cell(&c, line, column, braille, colour, f);
		if (letter[line] >= 0) {
			fputc(' ', f);
			put_letter(letter[line], colour, f);
		}
		fputc('\n', f);
	}
	fprintf(f, "%*s %s", label, "", utf8 ? "└" : "+");
	for (int column = 0; column < c.n_columns; column++)
		fputs(utf8 ? "─" : "-", f);
	fputc('\n', f);
	put_x_ticks(p, &c, label + 2, f);
	const int indent = label + 2 + (c.n_columns - text_columns(p->x.label)) / 2;
	fprintf(f, "%*s", indent > 0 ? indent : 0, "");
	put_label(p->x.label, width, f);
	fputc('\n', f);
	const bool brief = plot_is_brief(p, width - 2);
	if (brief) {
		put_label(p->keys, width - 1, f);
		fputs(":\n", f);
	}
	for (int i = 0; i < p->n_series; i++) {
		put_letter(i, colour, f);
		fputc(' ', f);
		put_label(plot_label(p, i, brief), width - 2, f);
		fputc('\n', f);
	}
}
