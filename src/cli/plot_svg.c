#include "cli/plot.h"

#include "base/text.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* Okabe and Ito's colours, which people with every kind of colour vision can tell apart,
 * without the two that vanish on a light or a dark page. Grey print has no colours: each series
 * has its own dashes and marks. From the seventh series on colours are used again. */
static const struct {
	const char *light, *dark;
} colours[] = {
	{ "#0072b2", "#3d9fe0" },
	{ "#d55e00", "#f0803c" },
	{ "#009e73", "#2fc79a" },
	{ "#cc79a7", "#e39bc4" },
	{ "#e69f00", "#e69f00" },
	{ "#56b4e9", "#7cccf5" },
};
enum { N_COLOURS = sizeof(colours) / sizeof(colours[0]) };
static const char *const dashes[] = { "none", "7 3", "2 2", "9 3 2 3", "12 4", "5 2 1 2 1 2", "4 4" };
enum { N_DASHES = sizeof(dashes) / sizeof(dashes[0]) };

/* A mark of radius 1 around the origin; from the seventh series on they are hollow. */
static const double marks[][8][2] = {
	{ { -0.4, -1 }, { 0.4, -1 }, { 1, -0.4 }, { 1, 0.4 }, { 0.4, 1 }, { -0.4, 1 }, { -1, 0.4 }, { -1, -0.4 } },
	{ { -0.9, -0.9 }, { 0.9, -0.9 }, { 0.9, 0.9 }, { -0.9, 0.9 } },
	{ { 0, -1.2 }, { 1.1, 0.8 }, { -1.1, 0.8 } },
	{ { 0, -1.3 }, { 1.3, 0 }, { 0, 1.3 }, { -1.3, 0 } },
	{ { 0, 1.2 }, { 1.1, -0.8 }, { -1.1, -0.8 } },
	{ { -0.4, -1.2 }, { 0.4, -1.2 }, { 0.4, 1.2 }, { -0.4, 1.2 } },
};
enum { N_MARKS = sizeof(marks) / sizeof(marks[0]), CORNERS = 8 };

static const double mark_px = 6, dot_px = 3, least_font_px = 6;

struct canvas {
	const struct plot *p;
	FILE *f;
	double font_px, line_px, margin_px; /* line: from one line of text to the next */
	double width;                       /* of the picture */
	double left, right, top, bottom;    /* of the plotting area */
	double legend_top;
};

/* Estimates from above: those of DejaVu Sans, which is wide. */
static double letter_em(const char *s, int columns)
{
	if (columns != 1 || (unsigned char)*s >= 0x80)
		return columns == 0 ? 0 : 1;
	if (strchr("mwMW@%", *s))
		return 0.98;
	if (strchr("=+<>~#", *s) || (*s >= 'A' && *s <= 'Z'))
		return *s == 'I' ? 0.42 : 0.84;
	return strchr("ijl.,:;'|!()[]/ ", *s) ? 0.42 : 0.64;
}

static double text_px(const struct canvas *c, const char *s)
{
	double em = 0;
	for (int columns; *s;) {
		const int n = text_char(s, &columns);
		em += letter_em(s, columns < 0 ? 1 : columns);
		s += n;
	}
	return em * c->font_px;
}

void svg_put_text(FILE *f, const char *s, size_t max)
{
	const char *end = s + text_fit(s, max < INT_MAX ? (int)max : INT_MAX);
	for (int n, columns; s < end; s += n) {
		n = text_char(s, &columns);
		if (*s == '&')
			fputs("&amp;", f);
		else if (*s == '<')
			fputs("&lt;", f);
		else if (*s == '>')
			fputs("&gt;", f);
		else if (columns < 0) /* not allowed in XML, or unprintable */
			fputc('?', f);
		else
			(void)fwrite(s, 1, (size_t)n, f);
	}
	if (*s)
		fputs("…", f);
}

/* Prints text, cut to `room` pixels. */
static void put_text(const struct canvas *c, const char *s, double room)
{
	const double most = text_px(c, s) <= room ? room : room - c->font_px; /* the dots: one em */
	double em = 0;
	size_t max = 0;
	for (const char *next = s; *next;) {
		int columns;
		const int n = text_char(next, &columns);
		columns = columns < 0 ? 1 : columns;
		em += letter_em(next, columns);
		if (em * c->font_px > most + 1e-9)
			break;
		max += (size_t)columns;
		next += n;
	}
	svg_put_text(c->f, s, max);
}

double svg_px(double x)
{
	return floor(x * 10 + 0.5) / 10;
}

/* `class` is "" or " class=\"...\"". */
static void put_label(const struct canvas *c, const char *class, double x, double y, const char *s, double room)
{
	fprintf(c->f, "<text%s x=\"%g\" y=\"%g\">", class, svg_px(x), svg_px(y));
	put_text(c, s, room);
	fputs("</text>\n", c->f);
}

static void put_circle(
	const struct canvas *c, int series, const char *class, double x, double y, double radius, const char *end)
{
	fprintf(c->f, "<circle class=\"c%d %s\" cx=\"%g\" cy=\"%g\" r=\"%g\"/>%s", series, class, x, y, radius, end);
}

static double x_px(const struct canvas *c, double x)
{
	return svg_px(c->left + axis_at(&c->p->x, x) * (c->right - c->left));
}

/* The same for series i: marks with the same x stand side by side. */
static double series_px(const struct canvas *c, int i, double x)
{
	const bool aside = c->p->series[i].has_marks && c->p->x.n_names == 0;
	return svg_px(x_px(c, x) + (aside ? mark_px * (i - (c->p->n_series - 1) / 2.0) : 0));
}

static double y_px(const struct canvas *c, double y)
{
	return svg_px(c->bottom - axis_at(&c->p->y, y) * (c->bottom - c->top));
}

static void put_colours(const struct canvas *c, bool dark)
{
	for (int i = 0; i < c->p->n_series; i++) {
		const char *colour = dark ? colours[i % N_COLOURS].dark : colours[i % N_COLOURS].light;
		fprintf(c->f, ".c%d{stroke:%s;fill:%s", i, colour, colour);
		if (!dark && i % N_DASHES > 0)
			fprintf(c->f, ";stroke-dasharray:%s", dashes[i % N_DASHES]);
		fputs("}", c->f);
	}
}

static void put_style(const struct canvas *c)
{
	const int crowd = 6; /* more bands than this would hide each other */
	fprintf(c->f,
		"<style>text{font:%gpx system-ui,sans-serif;fill:#1f2328}.b{fill:#fff}"
		".g{stroke:#d8dee4}.a{stroke:#6e7781;fill:none}.t{stroke:#6e7781;stroke-width:1.5;"
		"stroke-dasharray:1 3;fill:none}.l{fill:none;stroke-width:2;stroke-linejoin:round}"
		".i{stroke:none}.w{fill:none;stroke-width:1.5}.p{stroke:none}.d{stroke:none}"
		".e{text-anchor:end}.m{text-anchor:middle}.n{font-size:%gpx}",
		c->font_px, c->font_px * 1.2);
	fprintf(c->f, ".i{opacity:%s}.d{opacity:%s}", c->p->n_series > crowd ? ".06" : ".18",
		plot_is_scatter(c->p) ? ".75" : ".45");
	put_colours(c, false);
	fputs("@media(prefers-color-scheme:dark){text{fill:#e6edf3}.b{fill:#0d1117}"
	      ".g{stroke:#30363d}.a,.t{stroke:#8b949e}",
		c->f);
	put_colours(c, true);
	/* After the colours, so that lines are not filled and dots have no edge. */
	fputs("}.l,.w{fill:none}.i,.p,.d{stroke:none}.w,.k,.h{stroke-dasharray:none}.h{fill:#fff;"
	      "stroke-width:1.5}@media(prefers-color-scheme:dark){.h{fill:#0d1117}}</style>\n",
		c->f);
}

/* --- axes --- */

static double tick_px(const struct canvas *c, const struct axis *a)
{
	double widest = 0;
	for (int i = 0; i < a->n_ticks; i++)
		widest = fmax(widest, text_px(c, a->tick_text[i]));
	return widest;
}

static void put_y_ticks(const struct canvas *c)
{
	const struct axis *y = &c->p->y;
	double free_to = (double)INFINITY;
	for (int i = 0; i < y->n_ticks; i++) {
		const double at = y_px(c, y->tick[i]);
		if (at > free_to)
			continue;
		free_to = at - 1.2 * c->font_px;
		fprintf(c->f, "<path class=\"g\" d=\"M%g %gH%g\"/>", svg_px(c->left), at, svg_px(c->right));
		put_label(c, " class=\"e\"", c->left - c->font_px / 2, at + c->font_px / 3, y->tick_text[i], c->left);
	}
}

/* As many labels as there is room for. Names of categories are cut to their share instead, unless
 * less than three letters would be left. */
static void put_x_ticks(const struct canvas *c)
{
	const struct axis *x = &c->p->x;
	const double share = (c->right - c->left) / (x->n_ticks > 0 ? x->n_ticks : 1);
	const bool cut = x->n_names > 0 && share >= 4 * c->font_px;
	const double room = cut ? share - c->font_px / 2 : c->right + c->margin_px;
	double free_from = 0;
	for (int i = 0; i < x->n_ticks; i++) {
		const double at = x_px(c, x->tick[i]), half = fmin(text_px(c, x->tick_text[i]), room) / 2;
		if (x->n_names == 0)
			fprintf(c->f, "<path class=\"g\" d=\"M%g %gV%g\"/>", at, svg_px(c->top), svg_px(c->bottom));
		if (at - half < free_from || at + half > c->width)
			continue;
		free_from = at + half + c->font_px / 2;
		put_label(c, " class=\"m\"", at, c->bottom + 1.4 * c->font_px, x->tick_text[i], room);
	}
}

/* A label along an axis, after its opening tag. Without room for all of it, what is in
 * parentheses is left out; then the letters are smaller. */
static void put_axis_label(const struct canvas *c, const char *label, double room)
{
	char brief[sizeof(c->p->y.label)];
	const char *parenthesis = strstr(label, " (");
	snprintf(brief, sizeof(brief), "%.*s", parenthesis ? (int)(parenthesis - label) : 0, label);
	label = parenthesis && text_px(c, label) > room ? brief : label;
	const double least = 5, fit = c->font_px * fmin(1, room / text_px(c, label));
	struct canvas small = *c;
	small.font_px = fmin(c->font_px, fmax(least, floor(fit * 10) / 10));
	if (small.font_px < c->font_px)
		fprintf(c->f, " style=\"font-size:%gpx\"", small.font_px);
	fputs(">", c->f);
	put_text(&small, label, room);
	fputs("</text>\n", c->f);
}

static void put_axes(const struct canvas *c, double y_tick_px)
{
	const struct plot *p = c->p;
	put_y_ticks(c);
	put_x_ticks(c);
	fprintf(c->f, "<path class=\"a\" d=\"M%g %gV%gH%g\"/>\n", svg_px(c->left), svg_px(c->top), svg_px(c->bottom),
		svg_px(c->right));
	const double end = c->bottom + 3 * c->font_px;
	const double x_room = fmin(c->left + c->right, 2 * c->width - c->left - c->right) - c->font_px;
	fprintf(c->f, "<text class=\"m\" x=\"%g\" y=\"%g\"", svg_px((c->left + c->right) / 2), svg_px(end));
	put_axis_label(c, p->x.label, x_room);
	/* In the middle of the frame; a long one reaches from the top to the legend. */
	const double room = end - c->top, half = fmin(text_px(c, p->y.label), room) / 2;
	const double middle = fmin(fmax((c->top + c->bottom) / 2, c->top + half), end - half);
	fprintf(c->f, "<text class=\"m\" transform=\"translate(%g %g)rotate(-90)\"",
		svg_px(c->left - y_tick_px - 1.2 * c->font_px), svg_px(middle));
	put_axis_label(c, p->y.label, room);
	if (p->threshold >= p->y.low && p->threshold <= p->y.high)
		fprintf(c->f, "<path class=\"t\" d=\"M%g %gH%g\"/>\n", svg_px(c->left), y_px(c, p->threshold),
			svg_px(c->right));
}

/* --- series --- */

/* The first gap at or after point k. */
static size_t next_gap(const double *y, size_t k, size_t n)
{
	while (k < n && !isnan(y[k]))
		k++;
	return k;
}

static void put_point(const struct canvas *c, int i, double x, double y)
{
	fprintf(c->f, "%g %g ", series_px(c, i, x), y_px(c, y));
}

static void put_band(const struct canvas *c, int i)
{
	const struct series *s = &c->p->series[i];
	for (size_t k = 0, end; !s->has_marks && k < s->n; k = end + 1) {
		end = next_gap(s->low, k, s->n);
		if (end == k)
			continue;
		fprintf(c->f, "<path class=\"c%d i\" d=\"M", i);
		for (size_t m = k; m < end; m++)
			put_point(c, i, s->x[m], s->high[m]);
		fputs("L", c->f);
		for (size_t m = end; m-- > k;)
			put_point(c, i, s->x[m], s->low[m]);
		fputs("Z\"/>\n", c->f);
	}
}

/* No line leads from one category to the next. */
static bool has_line(const struct plot *p, const struct series *s)
{
	return !s->has_marks || p->x.n_names == 0;
}

static void put_mark(const struct canvas *c, int i, double x, double y, double radius)
{
	const double(*corner)[2] = marks[i % N_MARKS];
	for (int k = 0; k < CORNERS && (corner[k][0] != 0 || corner[k][1] != 0); k++)
		fprintf(c->f, "%s%g %g", k ? " " : "M", svg_px(x + radius * corner[k][0]),
			svg_px(y + radius * corner[k][1]));
	fputs("Z", c->f);
}

/* A few marks along a line, at other places than those of its neighbours. Only where several lines
 * must be told apart. */
static void put_line_marks(const struct canvas *c, int i)
{
	const struct series *s = &c->p->series[i];
	const double apart = (c->right - c->left) / 5, shift = apart * (i % 4) / 4;
	double next = c->left + shift + apart / 8;
	bool any = false;
	for (size_t k = 0; c->p->n_series > 1 && !s->has_marks && k < s->n; k++) {
		const double x = x_px(c, s->x[k]);
		if (isnan(s->y[k]) || (x < next && (any || k + 1 < s->n)))
			continue;
		if (!any)
			fprintf(c->f, "<path class=\"c%d %s\" d=\"", i, i < N_MARKS ? "k" : "h");
		put_mark(c, i, x, y_px(c, s->y[k]), 0.28 * c->font_px);
		any = true;
		while (next <= x)
			next += apart;
	}
	fputs(any ? "\"/>\n" : "", c->f);
}

static void put_line(const struct canvas *c, int i)
{
	const struct series *s = &c->p->series[i];
	for (size_t k = 0, end; has_line(c->p, s) && k < s->n; k = end + 1) {
		end = next_gap(s->y, k, s->n);
		if (end == k)
			continue;
		fprintf(c->f, "<path class=\"c%d l\" d=\"M", i);
		for (size_t m = k; m < end; m++)
			put_point(c, i, s->x[m], s->y[m]);
		fputs("\"/>\n", c->f);
		if (end - k == 1 && !s->has_marks) /* a line of one point cannot be seen */
			put_circle(c, i, "p", x_px(c, s->x[k]), y_px(c, s->y[k]), 3, "\n");
	}
	put_line_marks(c, i);
}

/* The mean of the runs at one x */
static void put_mean(const struct canvas *c, int i, double x, double y)
{
	const double radius = 4.5;
	if (i == 0) {
		put_circle(c, i, "p", x, y, radius, "\n");
		return;
	}
	fprintf(c->f, "<path class=\"c%d %s\" d=\"", i, i < N_MARKS ? "k" : "h");
	put_mark(c, i, x, y, radius);
	fputs("\"/>\n", c->f);
}

static void put_marks(const struct canvas *c, int i)
{
	const struct series *s = &c->p->series[i];
	for (size_t k = 0; k < s->n_dots; k++)
		put_circle(c, i, "d", series_px(c, i, s->dot_x[k]), y_px(c, s->dot_y[k]), dot_px, "\n");
	for (size_t k = 0; s->has_marks && k < s->n; k++) {
		const double x = series_px(c, i, s->x[k]);
		const double low = y_px(c, s->low[k]), high = y_px(c, s->high[k]);
		if (!isnan(s->low[k]))
			fprintf(c->f, "<path class=\"c%d w\" d=\"M%g %gH%gM%g %gV%gM%g %gH%g\"/>\n", i, x - 4, low,
				x + 4, x, low, high, x - 4, high, x + 4);
		if (!isnan(s->y[k]))
			put_mean(c, i, x, y_px(c, s->y[k]));
	}
}

/* --- the legend --- */

struct legend {
	bool brief;
	double font_px; /* smaller than the others before labels are cut */
	int n_columns, n_lines;
	int n; /* entries: the series, and the threshold if it is drawn */
	char threshold[64];
};

static const char *entry(const struct canvas *c, const struct legend *l, int i, bool brief)
{
	const struct series *s = &c->p->series[i];
	return i == c->p->n_series ? l->threshold : brief ? s->brief : s->label;
}

static double swatch_px(const struct canvas *c)
{
	return 2.6 * c->font_px;
}

static void set_font(struct canvas *c, double font_px)
{
	c->font_px = font_px;
	c->line_px = 1.5 * font_px;
}

/* As many entries side by side as there is room for. If they would take more than a third of
 * the height, they are brief; if even then more than most_px, in smaller letters, and at last cut. */
static struct legend legend_of(const struct canvas *of, double height, double most_px)
{
	const struct plot *p = of->p;
	struct canvas c = *of;
	struct legend l = { .brief = false };
	const bool has_threshold = plot_threshold_label(p, l.threshold, sizeof(l.threshold));
	const double room = c.width - 2 * c.margin_px;
	int least, n;
	l.n = p->n_series + has_threshold;
	for (;;) {
		const double share_px = l.brief ? most_px : fmin(most_px, height / 3);
		const int most_lines = (int)(share_px / c.line_px) - l.brief;
		const int most = most_lines > 1 ? most_lines : 1;
		double widest = 1;
		for (int i = 0; i < l.n; i++)
			widest = fmax(widest, swatch_px(&c) + c.font_px + text_px(&c, entry(&c, &l, i, l.brief)));
		least = (l.n + most - 1) / most;
		n = (int)((room + c.font_px) / widest);
		if (n >= least || (l.brief && c.font_px <= least_font_px))
			break;
		if (l.brief)
			set_font(&c, fmax(least_font_px, c.font_px - 0.5));
		l.brief = true;
	}
	l.font_px = c.font_px;
	l.n_columns = n < least ? least : n > l.n ? l.n : n;
	l.n_lines = (l.n + l.n_columns - 1) / l.n_columns + (l.brief && p->keys[0]);
	return l;
}

/* The line and mark of entry i */
static void put_swatch(const struct canvas *c, int i, double x, double y)
{
	const struct series *s = &c->p->series[i];
	const double long_px = svg_px(2 * c->font_px);
	if (i == c->p->n_series) {
		fprintf(c->f, "<path class=\"t\" d=\"M%g %gh%g\"/>", x, y, long_px);
		return;
	}
	if (s->n == 0 || !has_line(c->p, s)) {
		if (s->n > 0)
			put_mean(c, i, svg_px(x + long_px / 2), y);
		else
			put_circle(c, i, "d", svg_px(x + long_px / 2), y, dot_px, "");
		return;
	}
	fprintf(c->f, "<path class=\"c%d l\" d=\"M%g %gh%g\"/>", i, x, y, long_px);
	if (c->p->n_series == 1 || s->has_marks)
		return;
	fprintf(c->f, "<path class=\"c%d %s\" d=\"", i, i < N_MARKS ? "k" : "h");
	put_mark(c, i, x + long_px / 2, y, 0.28 * c->font_px);
	fputs("\"/>", c->f);
}

/* From `top` down. */
static void put_legend(const struct canvas *of, double top, const struct legend *l)
{
	struct canvas c = *of;
	set_font(&c, l->font_px);
	const double room = c.width - 2 * c.margin_px, column_px = room / l->n_columns;
	char style[64] = "";
	if (c.font_px < of->font_px)
		snprintf(style, sizeof(style), " style=\"font-size:%gpx\"", c.font_px);
	if (l->brief && c.p->keys[0]) {
		char keys[sizeof(c.p->keys) + 1];
		snprintf(keys, sizeof(keys), "%s:", c.p->keys);
		put_label(&c, style, c.margin_px, top, keys, room);
		top += c.line_px;
	}
	for (int i = 0; i < l->n; i++) {
		const int line = i / l->n_columns, column = i % l->n_columns;
		const double x = svg_px(c.margin_px + column * column_px);
		const double y = svg_px(top + line * c.line_px);
		put_swatch(&c, i, x, svg_px(y - c.font_px / 3));
		const bool is_last = i == l->n - 1 || column == l->n_columns - 1;
		const double end = is_last ? c.width - c.margin_px : x + column_px - c.font_px / 2;
		put_label(&c, style, x + swatch_px(&c), y, entry(&c, l, i, l->brief), end - x - swatch_px(&c));
	}
}

/* Lays out the picture for letters of so many pixels. Returns false if they are too large: the plot
 * itself gets less than a quarter of the height, or less than half of the width, or the legend's
 * labels less than three letters. */
static bool lay_out(struct canvas *c, struct legend *l, double font_px, double height)
{
	const struct plot *p = c->p;
	const bool is_above = p->legend == PLOT_LEGEND_ABOVE;
	set_font(c, font_px);
	c->margin_px = 1.2 * font_px;
	c->top = c->margin_px + (p->title[0] ? 1.2 * c->line_px : 0);
	c->bottom = height - 3 * font_px - c->margin_px;
	*l = (struct legend){ .n_columns = 1, .font_px = font_px };
	if (p->legend != PLOT_LEGEND_NONE)
		*l = legend_of(c, height, fmin(height / 2, c->bottom - c->top - height / 4));
	const double legend_px = l->n_lines * 1.5 * l->font_px;
	c->legend_top = is_above ? c->top + 0.4 * font_px : height - legend_px + l->font_px / 2;
	c->top += is_above ? legend_px : 0;
	c->bottom -= is_above ? 0 : legend_px;
	c->left = c->margin_px + 1.9 * font_px + tick_px(c, &p->y);
	const double half = p->x.n_names > 0 ? 0 : tick_px(c, &p->x) / 2;
	c->right = c->width - fmax(c->margin_px + 0.7 * font_px, half + font_px / 2);
	return c->bottom - c->top >= height / 4 && c->right - c->left >= c->width / 2 &&
	       (c->width - 2 * c->margin_px) / l->n_columns >= (2.6 + 3) * l->font_px;
}

void plot_svg(const struct plot *p, int width, int height, FILE *f)
{
	/* 12 pixels, fewer in the narrow columns of a page. */
	double font_px = p->font_px > 0 ? p->font_px : fmin(12, fmax(8, floor(width / 36.0)));
	struct canvas c = { .p = p, .f = f, .width = width };
	struct legend legend;
	while (!lay_out(&c, &legend, font_px, height) && font_px > least_font_px)
		font_px = fmax(least_font_px, font_px - 0.5);
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\" role=\"img\">\n<title>",
		width, height, width, height);
	const double any = (double)INFINITY;
	put_text(&c, p->title[0] ? p->title : p->y.label, any);
	if (!p->title[0]) {
		fputs(" against ", f);
		put_text(&c, p->x.label, any);
	}
	fputs("</title>\n", f);
	put_style(&c);
	fprintf(f, "<rect class=\"b\" width=\"%d\" height=\"%d\"/>\n", width, height);
	if (p->title[0])
		put_label(&c, " class=\"m n\"", width / 2.0, c.margin_px + font_px * 0.8, p->title,
			(width - 2 * c.margin_px) / 1.2);
	put_axes(&c, tick_px(&c, &p->y));
	if (p->is_limited)
		fprintf(f,
			"<clipPath id=\"area\"><rect x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\"/>"
			"</clipPath><g clip-path=\"url(#area)\">\n",
			svg_px(c.left), svg_px(c.top), svg_px(c.right - c.left), svg_px(c.bottom - c.top));
	for (int i = p->n_series; i-- > 0;) /* the first on top */
		put_band(&c, i);
	for (int i = p->n_series; i-- > 0;)
		put_line(&c, i);
	for (int i = p->n_series; i-- > 0;)
		put_marks(&c, i);
	fputs(p->is_limited ? "</g>\n" : "", f);
	if (p->legend != PLOT_LEGEND_NONE)
		put_legend(&c, c.legend_top, &legend);
	fputs("</svg>\n", f);
}
