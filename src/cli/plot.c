#include "cli/plot.h"

#include "base/pmath.h"
#include "base/text.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const plot_legend_names[] = { "below", "above", "none", NULL };

bool plot_init(struct plot *p, struct err *e)
{
	*p = (struct plot){ .series = calloc(PLOT_MAX_SERIES + 1, sizeof(struct series)), .threshold = (double)NAN };
	return p->series || err_set(e, ERR_RUN, "out of memory for a plot");
}

void plot_release(struct plot *p)
{
	free(p->series);
	p->series = NULL;
}

static double power_of_10(int exponent)
{
	double x = 1;
	for (; exponent > 0; exponent--)
		x *= 10;
	for (; exponent < 0; exponent++)
		x /= 10;
	return x;
}

/* The whole part of log10(x), x > 0 and normal */
static int exponent_of(double x)
{
	int exponent = 0;
	while (x >= 10) {
		x /= 10;
		exponent++;
	}
	while (x < 1 && exponent > -308) {
		x *= 10;
		exponent--;
	}
	return exponent;
}

static double on_axis(const struct axis *a, double x)
{
	return a->is_log ? pm_log(x) : x;
}

/* Half the difference: the whole may overflow. */
static double half_span(double low, double high)
{
	return high / 2 - low / 2;
}

double axis_at(const struct axis *a, double x)
{
	const double low = on_axis(a, a->low), high = on_axis(a, a->high);
	const double share = half_span(low, on_axis(a, x)) / half_span(low, high);
	const double most = 10;
	return isnan(share) ? 0 : fmax(-most, fmin(most, share));
}

static void include(struct axis *a, double x)
{
	if (!isfinite(x))
		return;
	a->low = x < a->low ? x : a->low;
	a->high = x > a->high ? x : a->high;
}

/* Multiples of 1, 2 or 5 times a power of ten, four to nine of them. */
static void linear_ticks(struct axis *a)
{
	const double wanted = 5, half = half_span(a->low, a->high);
	const double unit = power_of_10(exponent_of(half / wanted * 2));
	static const double steps[] = { 1, 2, 5, 10 };
	double step = unit;
	for (size_t i = 0; i < 4 && half / step > (wanted + 1) / 2; i++)
		step = steps[i] * unit;
	a->n_ticks = 0;
	const double first = ceil(a->low / step - 1e-9);
	const double last = a->high / 2 + 1e-9 * (step / 2);
	for (int i = 0; i < PLOT_MAX_TICKS && (first + i) * (step / 2) <= last; i++)
		a->tick[a->n_ticks++] = (first + i) * step;
}

/* 1, 2 and 5 in each decade; of many decades only 1. */
static void log_ticks(struct axis *a)
{
	const int from = exponent_of(a->low), to = exponent_of(a->high);
	const int n_decades = to - from + 1, every = n_decades / 8 + 1;
	static const double mantissas[] = { 1, 2, 5 };
	const size_t n = n_decades <= 3 ? 3 : 1;
	a->n_ticks = 0;
	for (int k = from; k <= to; k += every)
		for (size_t i = 0; i < n; i++) {
			const double x = mantissas[i] * power_of_10(k);
			if (x >= a->low * (1 - 1e-9) && x <= a->high * (1 + 1e-9) && a->n_ticks < PLOT_MAX_TICKS)
				a->tick[a->n_ticks++] = x;
		}
}

static void name_ticks(struct axis *a)
{
	a->low = -0.5;
	a->high = a->n_names - 0.5;
	a->n_ticks = a->n_names < PLOT_MAX_TICKS ? a->n_names : PLOT_MAX_TICKS;
	for (int i = 0; i < a->n_ticks; i++)
		a->tick[i] = i;
}

/* Adds room around the data, so that nothing lies on the frame, and shows zero if it is near.
 * `from_zero`: the axis begins at zero. */
static void finish_axis(struct axis *a, bool from_zero)
{
	if (a->n_names > 0) {
		name_ticks(a);
		return;
	}
	if (!(a->low <= a->high)) { /* no data */
		a->low = 0;
		a->high = 1;
	}
	if (a->is_log) {
		const double margin = pm_exp(0.04 * (pm_log(a->high) - pm_log(a->low)) + 0.01);
		a->low = fmax(a->low / margin, DBL_MIN);
		a->high = fmin(a->high * margin, DBL_MAX);
		log_ticks(a);
		return;
	}
	if (a->low > 0 && (from_zero || a->low < a->high / 2))
		a->low = 0;
	/* Differences in the last digits of a double are rounding. */
	const double largest = fmax(fabs(a->low), fabs(a->high)), same = 1e-12;
	double margin = half_span(a->low, a->high) * 0.08;
	if (largest < 1e-300) {
		a->low = -1;
		a->high = 1;
	} else if (half_span(a->low, a->high) <= same * largest) {
		margin = largest / 10;
		a->high += margin;
		a->low -= margin;
	}
	a->high += from_zero ? 0 : margin;
	a->low -= a->low == 0 ? 0 : margin;
	a->low = fmax(a->low, -DBL_MAX);
	a->high = fmin(a->high, DBL_MAX);
	linear_ticks(a);
}

/* If the marks have few different x, these are the ticks. */
static void place_ticks(struct plot *p)
{
	enum { MOST = 8 };
	double place[MOST];
	int n = 0;
	if (p->x.n_names > 0)
		return;
	for (int i = 0; i < p->n_series; i++)
		for (size_t k = 0; k < p->series[i].n; k++) {
			const double x = p->series[i].x[k];
			int at = 0;
			while (at < n && place[at] < x)
				at++;
			if (at < n && place[at] == x)
				continue;
			if (!p->series[i].has_marks || n == MOST)
				return;
			memmove(place + at + 1, place + at, (size_t)(n++ - at) * sizeof(place[0]));
			place[at] = x;
		}
	if (n == 0)
		return;
	memcpy(p->x.tick, place, (size_t)n * sizeof(place[0]));
	p->x.n_ticks = n;
}

/* The texts of the ticks, with enough digits to tell neighbours apart. */
static void print_ticks(struct axis *a)
{
	double largest = 0;
	int digits = 4;
	for (int i = 0; i < a->n_ticks; i++)
		largest = fabs(a->tick[i]) > largest ? fabs(a->tick[i]) : largest;
	if (a->n_ticks > 1 && !a->is_log && exponent_of(largest) - exponent_of(a->tick[1] - a->tick[0]) >= digits)
		digits = exponent_of(largest) - exponent_of(a->tick[1] - a->tick[0]) + 1;
	for (int i = 0; i < a->n_ticks; i++) {
		const size_t size = sizeof(a->tick_text[i]);
		const double x = a->tick[i];
		if (a->n_names > 0)
			memcpy(a->tick_text[i], a->name[i], size);
		else if (!a->is_log && largest >= 1e6 && largest < 1e9)
			snprintf(a->tick_text[i], size, x == 0 ? "0" : "%.*gM", digits, x / 1e6);
		else if (!a->is_log && largest >= 1e4 && largest < 1e6)
			snprintf(a->tick_text[i], size, x == 0 ? "0" : "%.*gk", digits, x / 1e3);
		else
			snprintf(a->tick_text[i], size, "%.*g", digits, fabs(x) < 1e-12 * largest ? 0 : x);
	}
}

void plot_scale(struct plot *p)
{
	const double y_low = p->y.low, y_high = p->y.high; /* if they are given */
	p->x.low = p->y.low = (double)INFINITY;
	p->x.high = p->y.high = -(double)INFINITY;
	bool has_dots = false;
	for (int i = 0; i < p->n_series; i++) {
		const struct series *s = &p->series[i];
		for (size_t k = 0; k < s->n; k++) {
			if (isnan(s->y[k]))
				continue;
			include(&p->x, s->x[k]);
			include(&p->y, s->y[k]);
			include(&p->y, s->low[k]);
			include(&p->y, s->high[k]);
		}
		for (size_t k = 0; k < s->n_dots; k++) {
			include(&p->x, s->dot_x[k]);
			include(&p->y, s->dot_y[k]);
		}
		has_dots |= s->has_marks;
	}
	finish_axis(&p->x, !has_dots);
	place_ticks(p);
	const double beyond = fmax(p->threshold - p->y.high, p->y.low - p->threshold);
	if (p->is_threshold_optional && beyond > p->y.high - p->y.low)
		p->threshold = (double)NAN;
	include(&p->y, p->threshold);
	finish_axis(&p->y, false);
	if (p->is_limited) {
		p->y.low = y_low;
		p->y.high = y_high;
		linear_ticks(&p->y);
	}
	print_ticks(&p->x);
	print_ticks(&p->y);
}

bool plot_threshold_label(const struct plot *p, char *buf, size_t size)
{
	snprintf(buf, size, "threshold %g", p->threshold);
	return p->threshold >= p->y.low && p->threshold <= p->y.high;
}

static void put_csv_row(const struct series *s, const char *kind, FILE *f, const double *cell, int n)
{
	char real[TEXT_REAL_SIZE];
	fputc('"', f);
	for (const char *c = s->name; *c; c++) {
		fputs(*c == '"' ? "\"" : "", f);
		fputc(*c, f);
	}
	fprintf(f, "\",%s,%zu", kind, s->n_runs);
	for (int i = 0; i < 4; i++)
		fprintf(f, ",%s", i < n && !isnan(cell[i]) ? text_real(cell[i], real) : "");
	fputc('\n', f);
}

void plot_csv(const struct plot *p, FILE *f)
{
	fprintf(f, "group,kind,runs,x,y,low,high\n");
	for (int i = 0; i < p->n_series; i++) {
		const struct series *s = &p->series[i];
		for (size_t k = 0; k < s->n; k++) {
			const double cell[] = { s->x[k], s->y[k], s->low[k], s->high[k] };
			if (!isnan(s->y[k]))
				put_csv_row(s, s->has_marks ? "mean" : "line", f, cell, 4);
		}
		for (size_t k = 0; k < s->n_dots; k++) {
			const double cell[] = { s->dot_x[k], s->dot_y[k] };
			put_csv_row(s, "run", f, cell, 2);
		}
	}
}

bool plot_is_scatter(const struct plot *p)
{
	for (int i = 0; i < p->n_series; i++)
		if (p->series[i].n > 0)
			return false;
	return true;
}
