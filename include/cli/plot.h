/* A plot, as SVG or in the characters of a terminal.
 *
 *     plot_init(&p, &e);                     // then labels, and per series ...
 *     s = &p.series[p.n_series++]; ...       // ... up to PLOT_MAX_SERIES
 *     plot_scale(&p);                        // axes that show everything
 *     plot_svg(&p, width, height, file);     // or plot_text(&p, ...)
 *     plot_release(&p);
 */
#ifndef DQN_CLI_PLOT_H
#define DQN_CLI_PLOT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
	PLOT_MAX_SERIES = 12,
	PLOT_MAX_POINTS = 100,
	PLOT_MAX_DOTS = 400, /* of all series: a file is below 100 KB */
	PLOT_MAX_NAMES = 24,
	PLOT_MAX_TICKS = 16,
	PLOT_MOST_INTERVALS = 4, /* series in a terminal of which intervals are drawn */
};

struct axis {
	char label[128];
	bool is_log;
	int n_names; /* of a category axis, at 0, 1, ...; 0: numbers */
	char name[PLOT_MAX_NAMES][64];
	double low, high; /* what is shown */
	int n_ticks;
	double tick[PLOT_MAX_TICKS];
	char tick_text[PLOT_MAX_TICKS][64];
};

struct series {
	char label[256], brief[128]; /* "n_steps=3 gamma=0.9, 5 runs" and "3, 0.9" */
	char name[256];              /* "n_steps=3 gamma=0.9" */
	size_t n_runs;               /* that it is made of */
	bool is_partial;             /* these are not all of the group */
	bool has_marks;              /* at the points of the line */
	size_t n;                    /* points of the line; y NaN is a gap, low NaN no interval */
	double x[PLOT_MAX_POINTS], y[PLOT_MAX_POINTS];
	double low[PLOT_MAX_POINTS], high[PLOT_MAX_POINTS];
	size_t n_dots; /* single ones */
	double dot_x[PLOT_MAX_DOTS], dot_y[PLOT_MAX_DOTS];
};

enum plot_legend { PLOT_LEGEND_BELOW, PLOT_LEGEND_ABOVE, PLOT_LEGEND_NONE };
extern const char *const plot_legend_names[]; /* in that order; NULL ends them */

struct plot {
	struct axis x, y;
	char title[128]; /* or "" */
	enum plot_legend legend;
	double font_px;             /* 0: as the width has it */
	double threshold;           /* a line across; NaN: none */
	bool is_threshold_optional; /* not where it would take more than half of the axis */
	bool is_limited;            /* y.low and y.high are given, and hide what is beyond them */
	char keys[256];             /* of brief labels, "n_steps, gamma", or "" */
	int n_series;
	struct series *series; /* (PLOT_MAX_SERIES + 1), the last one being scratch */
};

bool plot_init(struct plot *p, struct err *e);
void plot_release(struct plot *p);

/* Chooses the range of the axes, and round ticks. */
void plot_scale(struct plot *p);

/* The threshold's text in the legend. Returns false if the plot shows no threshold. */
bool plot_threshold_label(const struct plot *p, char *buf, size_t size);

/* True if there are only single dots. */
bool plot_is_scatter(const struct plot *p);

/* The position of x on the axis: 0 to 1, and -10 to 10 if limits were given. */
double axis_at(const struct axis *a, double x);

/* For light and dark pages, without scripts. */
void plot_svg(const struct plot *p, int width, int height, FILE *f);

/* x with as many digits as can be seen of a coordinate in pixels. */
double svg_px(double x);

/* At most `max` columns of s, as XML. */
void svg_put_text(FILE *f, const char *s, size_t max);

/* Exactly what is drawn, as CSV: a row for each point, with its interval, and each single dot. */
void plot_csv(const struct plot *p, FILE *f);

/* On standard output. width columns and height lines, the legend below them; in braille, or in ASCII
 * letters, one per series. ERR_RUN for memory. */
bool plot_text(const struct plot *p, int width, int height, bool utf8, bool colour, struct err *e);

#endif
