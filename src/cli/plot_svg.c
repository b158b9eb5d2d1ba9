#include "cli/plot.h"

#include "base/text.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* Okabe and Ito's colours, which people with every kind of colour vision can tell
 * apart, without the two that vanish on a light or a dark page; from the seventh
 * series on again, dashed. */
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

struct frame { /* the plotting area */
	double left, right, top, bottom;
};

static void put_text(FILE *f, const char *s, size_t max)
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
		else if (columns < 0) /* XML has no such characters, nor may pages show them */
			fputc('?', f);
		else
			(void)fwrite(s, 1, (size_t)n, f);
	}
	if (*s)
		fputs("…", f);
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

static double x_px(const struct plot *p, const struct frame *r, double x)
{
	return px(r->left + axis_at(&p->x, x) * (r->right - r->left));
}

/* The same in series i: marks at one number stand side by side. */
static double series_px(const struct plot *p, const struct frame *r, int i, double x)
{
	const bool aside = p->series[i].has_marks && p->x.n_names == 0;
	return px(x_px(p, r, x) + (aside ? mark_px * (i - (p->n_series - 1) / 2.0) : 0));
}

static double y_px(const struct plot *p, const struct frame *r, double y)
{
	return px(r->bottom - axis_at(&p->y, y) * (r->bottom - r->top));
}

static void put_style(const struct plot *p, FILE *f)
{
	const int crowd = 6; /* from here on bands would hide what is behind them */
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
	/* Behind the colours, so that lines are not filled and dots have no edge. */
	fputs("}.l,.w{fill:none}.i,.p,.d{stroke:none}</style>\n", f);
}

/* Ticks, grid and labels; of the ticks of x as many as there is room for. */
static void put_axes(const struct plot *p, const struct frame *r, FILE *f)
{
	char tick[64];
	double widest = 0, free_from = 0, free_to = (double)INFINITY;
	for (int i = 0; i < p->y.n_ticks; i++) {
		const double y = y_px(p, r, p->y.tick[i]);
		axis_tick(&p->y, i, tick, sizeof(tick));
		if (y > free_to)
			continue;
		free_to = y - 0.8 * line_px;
		widest = text_px(tick) > widest ? text_px(tick) : widest;
		fprintf(f,
			"<path class=\"g\" d=\"M%g %gH%g\"/><text class=\"e\" x=\"%g\" y=\"%g\">",
			px(r->left), y, px(r->right), px(r->left - 6), y + 4);
		put_text(f, tick, sizeof(tick));
		fputs("</text>\n", f);
	}
	for (int i = 0; i < p->x.n_ticks; i++) {
		const double x = x_px(p, r, p->x.tick[i]);
		axis_tick(&p->x, i, tick, sizeof(tick));
		if (p->x.n_names == 0)
			fprintf(f, "<path class=\"g\" d=\"M%g %gV%g\"/>", x, px(r->top),
				px(r->bottom));
		if (x - text_px(tick) / 2 < free_from)
			continue;
		free_from = x + text_px(tick) / 2 + letter_px;
		fprintf(f, "<text class=\"m\" x=\"%g\" y=\"%g\">", x, px(r->bottom + 17));
		put_text(f, tick, sizeof(tick));
		fputs("</text>\n", f);
	}
	fprintf(f, "<path class=\"a\" d=\"M%g %gV%gH%g\"/>\n", px(r->left), px(r->top),
		px(r->bottom), px(r->right));
	fprintf(f, "<text class=\"m\" x=\"%g\" y=\"%g\">", px((r->left + r->right) / 2),
		px(r->bottom + 36));
	put_text(f, p->x.label, sizeof(p->x.label));
	/* In the middle of the frame; a long one goes from the top down to the legend. */
	const double end = r->bottom + 2 * line_px, half = fmin(text_px(p->y.label), end) / 2;
	const double middle = fmin(fmax((r->top + r->bottom) / 2, half), end - half);
	fprintf(f, "</text>\n<text class=\"m\" transform=\"translate(%g %g)rotate(-90)\">",
		px(r->left - widest - 17), px(middle));
	put_text(f, p->y.label, (size_t)(end / letter_px));
	fputs("</text>\n", f);
}

/* Where the run of points from k on without a gap ends. */
static size_t next_gap(const double *y, size_t k, size_t n)
{
	while (k < n && !isnan(y[k]))
		k++;
	return k;
}

static void put_points(const struct plot *p, const struct frame *r, int series, const double *y,
	size_t from, size_t to, bool backwards, FILE *f)
{
	for (size_t k = from; k < to; k++) {
		const size_t i = backwards ? to - 1 - (k - from) : k;
		fprintf(f, "%g %g ", series_px(p, r, series, p->series[series].x[i]),
			y_px(p, r, y[i]));
	}
}

static void put_band(const struct plot *p, const struct frame *r, int i, FILE *f)
{
	const struct series *s = &p->series[i];
	for (size_t k = 0, end; !s->has_marks && k < s->n; k = end + 1) {
		end = next_gap(s->low, k, s->n);
		if (end == k)
			continue;
		fprintf(f, "<path class=\"c%d i\" d=\"M", i % N_COLOURS);
		put_points(p, r, i, s->high, k, end, false, f);
		fputs("L", f);
		put_points(p, r, i, s->low, k, end, true, f);
		fputs("Z\"/>\n", f);
	}
}

static const char *dashes(int i)
{
	return i >= N_COLOURS ? " stroke-dasharray=\"6 4\"" : "";
}

/* None leads from one category to the next. */
static bool has_line(const struct plot *p, const struct series *s)
{
	return !s->has_marks || p->x.n_names == 0;
}

static void put_line(const struct plot *p, const struct frame *r, int i, FILE *f)
{
	const struct series *s = &p->series[i];
	for (size_t k = 0, end; has_line(p, s) && k < s->n; k = end + 1) {
		end = next_gap(s->y, k, s->n);
		if (end == k)
			continue;
		fprintf(f, "<path class=\"c%d l\"%s d=\"M", i % N_COLOURS, dashes(i));
		put_points(p, r, i, s->y, k, end, false, f);
		fputs("\"/>\n", f);
		if (end - k == 1 && !s->has_marks) /* a line of one point is none */
			fprintf(f, "<circle class=\"c%d p\" cx=\"%g\" cy=\"%g\" r=\"3\"/>\n",
				i % N_COLOURS, x_px(p, r, s->x[k]), y_px(p, r, s->y[k]));
	}
}

static void put_marks(const struct plot *p, const struct frame *r, int i, FILE *f)
{
	const struct series *s = &p->series[i];
	for (size_t k = 0; k < s->n_dots; k++)
		fprintf(f, "<circle class=\"c%d d\" cx=\"%g\" cy=\"%g\" r=\"%g\"/>\n",
			i % N_COLOURS, series_px(p, r, i, s->dot_x[k]), y_px(p, r, s->dot_y[k]),
			dot_px);
	for (size_t k = 0; s->has_marks && k < s->n; k++) {
		const double x = series_px(p, r, i, s->x[k]);
		if (!isnan(s->low[k]))
			fprintf(f, "<path class=\"c%d w\" d=\"M%g %gH%gM%g %gV%gM%g %gH%g\"/>\n",
				i % N_COLOURS, x - 4, y_px(p, r, s->low[k]), x + 4, x,
				y_px(p, r, s->low[k]), y_px(p, r, s->high[k]), x - 4,
				y_px(p, r, s->high[k]), x + 4);
		if (!isnan(s->y[k]))
			fprintf(f, "<circle class=\"c%d p\" cx=\"%g\" cy=\"%g\" r=\"4.5\"/>\n",
				i % N_COLOURS, x, y_px(p, r, s->y[k]));
	}
}

struct legend {
	bool brief;
	int n_columns, n_lines;
};

/* As many entries side by side as there is room for; brief ones, and in the end cut
 * short, where they would take more than a third of the height. */
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

/* What stands for series i in the legend, in 20 pixels from x on. */
static void put_swatch(const struct plot *p, int i, double x, double y, FILE *f)
{
	const struct series *s = &p->series[i];
	if (s->n > 0 && has_line(p, s))
		fprintf(f, "<path class=\"c%d l\"%s d=\"M%g %gh20\"/>", i % N_COLOURS, dashes(i), x,
			y);
	else
		fprintf(f, "<circle class=\"c%d %s\" cx=\"%g\" cy=\"%g\" r=\"%g\"/>", i % N_COLOURS,
			s->n > 0 ? "p" : "d", x + 10, y, s->n > 0 ? 4.5 : dot_px);
}

static void put_legend(const struct plot *p, int width, double top, struct legend l, FILE *f)
{
	const double column_px = (width - 2 * margin_px) / l.n_columns;
	if (l.brief) {
		fprintf(f, "<text x=\"%g\" y=\"%g\">", px(margin_px), px(top));
		put_text(f, p->keys, (size_t)((width - 2 * margin_px) / letter_px));
		fputs(":</text>\n", f);
		top += line_px;
	}
	for (int i = 0; i < p->n_series; i++) {
		const int line = i / l.n_columns, column = i % l.n_columns;
		const double x = px(margin_px + column * column_px), y = px(top + line * line_px);
		put_swatch(p, i, x, y - 4, f);
		fprintf(f, "<text x=\"%g\" y=\"%g\">", px(x + swatch_px), y);
		put_text(f, plot_label(p, i, l.brief),
			(size_t)fmax(0, (column_px - swatch_px - letter_px) / letter_px));
		fputs("</text>\n", f);
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
	const struct frame r = { .left = margin_px + 22 + tick_px,
		.right = width - margin_px - 8,
		.top = margin_px,
		.bottom = height - legend_px - 54 };
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\" role=\"img\">\n<title>",
		width, height, width, height);
	put_text(f, p->y.label, sizeof(p->y.label));
	fputs(" against ", f);
	put_text(f, p->x.label, sizeof(p->x.label));
	fputs("</title>\n", f);
	put_style(p, f);
	fprintf(f, "<rect class=\"b\" width=\"%d\" height=\"%d\"/>\n", width, height);
	put_axes(p, &r, f);
	for (int i = p->n_series; i-- > 0;) /* the first on top */
		put_band(p, &r, i, f);
	for (int i = p->n_series; i-- > 0;)
		put_line(p, &r, i, f);
	for (int i = p->n_series; i-- > 0;)
		put_marks(p, &r, i, f);
	put_legend(p, width, height - legend_px + 6, legend, f);
	fputs("</svg>\n", f);
}
