#include "cli/plot.h"

#include "base/text.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* Okabe and Ito's colours, which people with every kind of colour vision can tell apart,
 * without the two that vanish on a light or a dark page. From the seventh series on they
 * are used again, dashed. */
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

static const double line_px = 18, letter_px = 6.6, margin_px = 14, swatch_px = 26, mark_px = 6,
		    dot_px = 3;

struct canvas {
	const struct plot *p;
	FILE *f;
	double left, right, top, bottom; /* of the plotting area */
};

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
		else if (columns < 0) /* XML has no such characters, or people must not see them */
			fputc('?', f);
		else
			(void)fwrite(s, 1, (size_t)n, f);
	}
	if (*s)
		fputs("…", f);
}

/* `class` is "" or " class=\"...\"". */
static void put_label(FILE *f, const char *class, double x, double y, const char *s, size_t max)
{
	fprintf(f, "<text%s x=\"%g\" y=\"%g\">", class, x, y);
	svg_put_text(f, s, max);
	fputs("</text>\n", f);
}

static void put_circle(const struct canvas *c, int series, const char *class, double x, double y,
	double radius, const char *end)
{
	fprintf(c->f, "<circle class=\"c%d %s\" cx=\"%g\" cy=\"%g\" r=\"%g\"/>%s",
		series % N_COLOURS, class, x, y, radius, end);
}

static double text_px(const char *s)
{
	return letter_px * text_columns(s);
}

/* A coordinate with as many digits as can be seen. */
static double px(double x)
{
	return floor(x * 10 + 0.5) / 10;
}

static double x_px(const struct canvas *c, double x)
{
	return px(c->left + axis_at(&c->p->x, x) * (c->right - c->left));
}

/* The same for series i: marks with the same x stand side by side. */
static double series_px(const struct canvas *c, int i, double x)
{
	const bool aside = c->p->series[i].has_marks && c->p->x.n_names == 0;
	return px(x_px(c, x) + (aside ? mark_px * (i - (c->p->n_series - 1) / 2.0) : 0));
}

static double y_px(const struct canvas *c, double y)
{
	return px(c->bottom - axis_at(&c->p->y, y) * (c->bottom - c->top));
}

static void put_style(const struct plot *p, FILE *f)
{
	const int crowd = 6; /* more bands than this would hide each other */
	fputs("<style>text{font:12px system-ui,sans-serif;fill:#1f2328}.b{fill:#fff}"
	      ".g{stroke:#d8dee4}.a{stroke:#6e7781;fill:none}.l{fill:none;stroke-width:2;"
	      "stroke-linejoin:round}.i{stroke:none}.w{fill:none;stroke-width:1.5}.p{"
	      "stroke:none}.d{stroke:none}.e{text-anchor:end}.m{text-anchor:middle}",
		f);
	fprintf(f, ".i{opacity:%s}.d{opacity:%s}", p->n_series > crowd ? ".06" : ".18",
		plot_is_scatter(p) ? ".75" : ".45");
	for (int i = 0; i < N_COLOURS; i++)
		fprintf(f, ".c%d{stroke:%s;fill:%s}", i, colours[i].light, colours[i].light);
	fputs("@media(prefers-color-scheme:dark){text{fill:#e6edf3}.b{fill:#0d1117}"
	      ".g{stroke:#30363d}.a{stroke:#8b949e}",
		f);
	for (int i = 0; i < N_COLOURS; i++)
		fprintf(f, ".c%d{stroke:%s;fill:%s}", i, colours[i].dark, colours[i].dark);
	/* After the colours, so that lines are not filled and dots have no edge. */
	fputs("}.l,.w{fill:none}.i,.p,.d{stroke:none}</style>\n", f);
}

/* Ticks and grid. Returns the width of the widest label. */
static double put_y_ticks(const struct canvas *c)
{
	const struct axis *y = &c->p->y;
	double widest = 0, free_to = (double)INFINITY;
	for (int i = 0; i < y->n_ticks; i++) {
		char tick[64];
		const double at = y_px(c, y->tick[i]);
		axis_tick(y, i, tick, sizeof(tick));
		if (at > free_to)
			continue;
		free_to = at - 0.8 * line_px;
		widest = text_px(tick) > widest ? text_px(tick) : widest;
		fprintf(c->f, "<path class=\"g\" d=\"M%g %gH%g\"/>", px(c->left), at, px(c->right));
		put_label(c->f, " class=\"e\"", px(c->left - 6), at + 4, tick, sizeof(tick));
	}
	return widest;
}

/* As many labels as there is room for. */
static void put_x_ticks(const struct canvas *c)
{
	const struct axis *x = &c->p->x;
	double free_from = 0;
	for (int i = 0; i < x->n_ticks; i++) {
		char tick[64];
		const double at = x_px(c, x->tick[i]);
		axis_tick(x, i, tick, sizeof(tick));
		if (x->n_names == 0)
			fprintf(c->f, "<path class=\"g\" d=\"M%g %gV%g\"/>", at, px(c->top),
				px(c->bottom));
		if (at - text_px(tick) / 2 < free_from)
			continue;
		free_from = at + text_px(tick) / 2 + letter_px;
		put_label(c->f, " class=\"m\"", at, px(c->bottom + 17), tick, sizeof(tick));
	}
}

static void put_axes(const struct canvas *c)
{
	const struct plot *p = c->p;
	const double widest = put_y_ticks(c);
	put_x_ticks(c);
	fprintf(c->f, "<path class=\"a\" d=\"M%g %gV%gH%g\"/>\n", px(c->left), px(c->top),
		px(c->bottom), px(c->right));
	put_label(c->f, " class=\"m\"", px((c->left + c->right) / 2), px(c->bottom + 36),
		p->x.label, sizeof(p->x.label));
	/* In the middle of the frame; a long one reaches from the top to the legend. */
	const double end = c->bottom + 2 * line_px, half = fmin(text_px(p->y.label), end) / 2;
	const double middle = fmin(fmax((c->top + c->bottom) / 2, half), end - half);
	fprintf(c->f, "<text class=\"m\" transform=\"translate(%g %g)rotate(-90)\">",
		px(c->left - widest - 17), px(middle));
	svg_put_text(c->f, p->y.label, (size_t)(end / letter_px));
	fputs("</text>\n", c->f);
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
		fprintf(c->f, "<path class=\"c%d i\" d=\"M", i % N_COLOURS);
		for (size_t m = k; m < end; m++)
			put_point(c, i, s->x[m], s->high[m]);
		fputs("L", c->f);
		for (size_t m = end; m-- > k;)
			put_point(c, i, s->x[m], s->low[m]);
		fputs("Z\"/>\n", c->f);
	}
}

static const char *dashes(int i)
{
	return i >= N_COLOURS ? " stroke-dasharray=\"6 4\"" : "";
}

/* No line leads from one category to the next. */
static bool has_line(const struct plot *p, const struct series *s)
{
	return !s->has_marks || p->x.n_names == 0;
}

static void put_line(const struct canvas *c, int i)
{
	const struct series *s = &c->p->series[i];
	for (size_t k = 0, end; has_line(c->p, s) && k < s->n; k = end + 1) {
		end = next_gap(s->y, k, s->n);
		if (end == k)
			continue;
		fprintf(c->f, "<path class=\"c%d l\"%s d=\"M", i % N_COLOURS, dashes(i));
		for (size_t m = k; m < end; m++)
			put_point(c, i, s->x[m], s->y[m]);
		fputs("\"/>\n", c->f);
		if (end - k == 1 && !s->has_marks) /* a line of one point cannot be seen */
			put_circle(c, i, "p", x_px(c, s->x[k]), y_px(c, s->y[k]), 3, "\n");
	}
}

static void put_marks(const struct canvas *c, int i)
{
	const struct series *s = &c->p->series[i];
	for (size_t k = 0; k < s->n_dots; k++)
		put_circle(c, i, "d", series_px(c, i, s->dot_x[k]), y_px(c, s->dot_y[k]), dot_px,
			"\n");
	for (size_t k = 0; s->has_marks && k < s->n; k++) {
		const double x = series_px(c, i, s->x[k]);
		const double low = y_px(c, s->low[k]), high = y_px(c, s->high[k]);
		if (!isnan(s->low[k]))
			fprintf(c->f, "<path class=\"c%d w\" d=\"M%g %gH%gM%g %gV%gM%g %gH%g\"/>\n",
				i % N_COLOURS, x - 4, low, x + 4, x, low, high, x - 4, high, x + 4);
		if (!isnan(s->y[k]))
			put_circle(c, i, "p", x, y_px(c, s->y[k]), 4.5, "\n");
	}
}

/* --- the legend --- */

struct legend {
	bool brief;
	int n_columns, n_lines;
};

/* As many entries side by side as there is room for. If they would take more than a third of
 * the height, they are brief, and in the end cut. */
static struct legend legend_of(const struct plot *p, int width, int height)
{
	struct legend l = { .brief = false };
	const int most_lines = (int)(height / 3.0 / line_px);
	const int least = (p->n_series + most_lines - 1) / most_lines;
	const double column_px = (width - 2 * margin_px) / least - swatch_px - letter_px;
	l.brief = plot_is_brief(p, (int)(column_px / letter_px));
	double widest = 1;
	for (int i = 0; i < p->n_series; i++) {
		const double w = swatch_px + text_px(plot_label(p, i, l.brief)) + 2 * margin_px;
		widest = w > widest ? w : widest;
	}
	const int n = (int)((width - margin_px) / widest);
	l.n_columns = n < least ? least : n > p->n_series ? p->n_series : n;
	l.n_lines = (p->n_series + l.n_columns - 1) / l.n_columns + l.brief;
	return l;
}

/* What stands for series i in the legend, 20 pixels wide */
static void put_swatch(const struct canvas *c, int i, double x, double y)
{
	const struct series *s = &c->p->series[i];
	if (s->n > 0 && has_line(c->p, s))
		fprintf(c->f, "<path class=\"c%d l\"%s d=\"M%g %gh20\"/>", i % N_COLOURS, dashes(i),
			x, y);
	else
		put_circle(c, i, s->n > 0 ? "p" : "d", x + 10, y, s->n > 0 ? 4.5 : dot_px, "");
}

static void put_legend(const struct canvas *c, int width, double top, struct legend l)
{
	const double column_px = (width - 2 * margin_px) / l.n_columns;
	const size_t n_letters = (size_t)fmax(0, (column_px - swatch_px - letter_px) / letter_px);
	if (l.brief) {
		fprintf(c->f, "<text x=\"%g\" y=\"%g\">", px(margin_px), px(top));
		svg_put_text(c->f, c->p->keys, (size_t)((width - 2 * margin_px) / letter_px));
		fputs(":</text>\n", c->f);
		top += line_px;
	}
	for (int i = 0; i < c->p->n_series; i++) {
		const int line = i / l.n_columns, column = i % l.n_columns;
		const double x = px(margin_px + column * column_px), y = px(top + line * line_px);
		put_swatch(c, i, x, y - 4);
		put_label(c->f, "", px(x + swatch_px), y, plot_label(c->p, i, l.brief), n_letters);
	}
}

void plot_svg(const struct plot *p, int width, int height, FILE *f)
{
	char tick[64];
	double tick_px = 0;
	for (int i = 0; i < p->y.n_ticks; i++) {
		axis_tick(&p->y, i, tick, sizeof(tick));
		tick_px = text_px(tick) > tick_px ? text_px(tick) : tick_px;
	}
	const struct legend legend = legend_of(p, width, height);
	const double legend_px = legend.n_lines * line_px;
	const struct canvas c = { .p = p,
		.f = f,
		.left = margin_px + 22 + tick_px,
		.right = width - margin_px - 8,
		.top = margin_px,
		.bottom = height - legend_px - 54 };
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\" role=\"img\">\n<title>",
		width, height, width, height);
	svg_put_text(f, p->y.label, sizeof(p->y.label));
	fputs(" against ", f);
	svg_put_text(f, p->x.label, sizeof(p->x.label));
	fputs("</title>\n", f);
	put_style(p, f);
	fprintf(f, "<rect class=\"b\" width=\"%d\" height=\"%d\"/>\n", width, height);
	put_axes(&c);
	for (int i = p->n_series; i-- > 0;) /* the first on top */
		put_band(&c, i);
	for (int i = p->n_series; i-- > 0;)
		put_line(&c, i);
	for (int i = p->n_series; i-- > 0;)
		put_marks(&c, i);
	put_legend(&c, width, height - legend_px + 6, legend);
	fputs("</svg>\n", f);
}
