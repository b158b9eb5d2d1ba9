#include "study/stats.h"

#include "base/pmath.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static int compare_reals(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

void stats_sort(double *x, size_t n)
{
	if (n > 1)
		qsort(x, n, sizeof(*x), compare_reals);
}

double stats_bounded(double x)
{
	const double largest = 1e300;
	return x > largest ? largest : x < -largest ? -largest : x;
}

double stats_mean(const double *x, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += x[i];
	return n > 0 ? sum / (double)n : (double)NAN;
}

double stats_iqm(const double *sorted, size_t n)
{
	const size_t cut = n / 4;
	return stats_mean(sorted + cut, n - 2 * cut);
}

double stats_quantile(const double *sorted, size_t n, double q)
{
	if (n == 0)
		return (double)NAN;
	const double at = q * (double)(n - 1);
	const size_t i = (size_t)at;
	if (at == (double)i || sorted[i] == sorted[i + 1])
		return sorted[i];
	return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

/* --- the incomplete beta function --- */

/* log Gamma(x), x > 0: Stirling's series, of x raised to where it is exact in double. */
static double log_gamma(double x)
{
	const double half_log_2pi = 0.91893853320467274178;
	double product = 1;
	while (x < 20)
		product *= x++;
	const double r = 1 / x, r2 = r * r;
	const double series = r * (1 / 12. - r2 * (1 / 360. - r2 * (1 / 1260. - r2 * (1 / 1680. - r2 / 1188.))));
	return (x - 0.5) * pm_log(x) - x + half_log_2pi + series - pm_log(product);
}

/* The continued fraction of the incomplete beta function (DLMF 8.17.22), Lentz's way. */
static double beta_fraction(double x, double a, double b)
{
	double c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), h = d;
	for (int i = 1; i < 100000; i++) {
		const double m = i;
		const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		d = 1 / (1 + even * d);
		c = 1 + even / c;
		h *= d * c;
		d = 1 / (1 + odd * d);
		c = 1 + odd / c;
		const double factor = d * c;
		h *= factor;
		if (fabs(factor - 1) < 1e-15)
			break;
	}
	return h;
}

/* The q-quantile of Beta(a, b): scipy.stats.beta.ppf. */
static double beta_quantile(double q, double a, double b)
{
	const double log_beta = log_gamma(a) + log_gamma(b) - log_gamma(a + b);
	double low = 0, high = 1, x = a / (a + b);
	x = x < 1 ? x : 0.5;
	for (int i = 0; i < 64 && high - low > 1e-15 * high; i++) {
		/* Newton's method, or bisection where it leaves the interval. */
		const double bump = pm_exp(a * pm_log(x) + b * pm_log(1 - x) - log_beta);
		const double share = x < (a + 1) / (a + b + 2) ? bump * beta_fraction(x, a, b) / a
							       : 1 - bump * beta_fraction(1 - x, b, a) / b;
		if (share < q)
			low = x;
		else
			high = x;
		const double next = x - (share - q) * x * (1 - x) / bump;
		if (fabs(next - x) <= 1e-15 * x)
			break;
		x = next > low && next < high ? next : low + (high - low) / 2;
		if (!(x > low && x < high))
			break;
	}
	return x;
}

static const double tail = 0.025;

/* The upper end of the 95 % interval of a share, k of n */
static double upper_share(double k, double n)
{
	return k >= n ? 1 : beta_quantile(1 - tail, k + 1, n - k);
}

struct interval stats_share(double k, double n)
{
	if (!(n > 0))
		return (struct interval){ (double)NAN, (double)NAN };
	return (struct interval){ 1 - upper_share(n - k, n), upper_share(k, n) };
}

/* --- samples --- */

struct ranked {
	double x;
	uint32_t unit, place;
};

static int compare_values(const void *a, const void *b)
{
	return compare_reals(&((const struct ranked *)a)->x, &((const struct ranked *)b)->x);
}

static int compare_units(const void *a, const void *b)
{
	const struct ranked *p = a, *q = b;
	return (p->unit > q->unit) - (p->unit < q->unit);
}

bool sample_init(struct sample *s, const double *x, const uint32_t *unit, size_t n, struct err *e)
{
	assert(n >= 1 && n < UINT32_MAX);
	struct ranked *ranked = calloc(n, sizeof(*ranked));
	*s = (struct sample){ .n = n };
	s->x = calloc(n, 2 * sizeof(*s->x));
	s->unit = calloc(n, 2 * sizeof(*s->unit));
	if (!ranked || !s->x || !s->unit) {
		free(ranked);
		sample_release(s);
		return err_set(e, ERR_RUN, "out of memory for %zu numbers", n);
	}
	s->sum = s->x + n;
	s->size = s->unit + n;
	for (size_t i = 0; i < n; i++)
		ranked[i] = (struct ranked){ .x = stats_bounded(x[i]), .unit = unit[i] };
	qsort(ranked, n, sizeof(*ranked), compare_values);
	for (size_t i = 0; i < n; i++) {
		s->x[i] = ranked[i].x;
		ranked[i].place = (uint32_t)i;
	}
	qsort(ranked, n, sizeof(*ranked), compare_units);
	for (size_t i = 0; i < n; i++) {
		s->n_units += i == 0 || ranked[i].unit != ranked[i - 1].unit;
		s->unit[ranked[i].place] = (uint32_t)s->n_units - 1;
		s->size[s->n_units - 1]++;
	}
	free(ranked);
	double squares = 0;
	for (size_t i = 0; i < s->n_units; i++)
		squares += (double)s->size[i] * (double)s->size[i];
	s->weight = floor((double)n * (double)n / squares);
	s->iqm = stats_iqm(s->x, n);
	return true;
}

void sample_release(struct sample *s)
{
	free(s->x);
	free(s->unit);
	s->x = NULL;
	s->unit = NULL;
}

struct interval sample_iqm(const struct sample *s)
{
	const size_t n = s->n, step = 1 + n / 256;
	/* Sums of differences, so that of equal numbers the mean is just that number. */
	struct interval iqm = { s->x[0], s->x[n - 1] };
	if (s->weight < STATS_LEAST_RUNS)
		return (struct interval){ (double)NAN, (double)NAN };
	/* The middle half of the extreme distributions, in few steps: in the lowest one, the
	 * shares `before` to `after` are at the numbers from i on; the highest one mirrors it. */
	double before = 0.25;
	for (size_t i = 0; i < n && before < 0.75;) {
		const size_t end = i + step < n ? i + step : n;
		const double k = (double)end / (double)n * s->weight;
		const double after = fmin(fmax(upper_share(k, s->weight), before), 0.75);
		const double share = 2 * (after - before) / (double)(end - i);
		for (; i < end; i++) {
			iqm.low += share * (s->x[i] - s->x[0]);
			iqm.high += share * (s->x[n - 1 - i] - s->x[n - 1]);
		}
		before = after;
	}
	/* Whatever the rounding, the interval holds the sample's own mean. */
	iqm.low = fmin(iqm.low, s->iqm);
	iqm.high = fmax(iqm.high, s->iqm);
	return iqm;
}

/* The share of pairs in which x is larger, ties counting half. *variance is the part of its
 * variance that comes from x (Brunner and Munzel 2000). */
static double placements(struct sample *x, const struct sample *y, double *variance)
{
	size_t below = 0, up_to = 0; /* numbers of y: < x[i], <= x[i] */
	double total = 0, squares = 0;
	for (size_t u = 0; u < x->n_units; u++)
		x->sum[u] = 0;
	for (size_t i = 0; i < x->n; i++) {
		for (; below < y->n && y->x[below] < x->x[i]; below++)
			continue;
		for (up_to = up_to > below ? up_to : below; up_to < y->n && y->x[up_to] == x->x[i];)
			up_to++;
		x->sum[x->unit[i]] += (double)(below + up_to);
		total += (double)(below + up_to);
	}
	const double pairs = 2 * (double)x->n * (double)y->n, units = (double)x->n_units;
	for (size_t u = 0; u < x->n_units; u++) {
		const double rest = x->sum[u] - (double)x->size[u] * (total / (double)x->n);
		squares += rest / pairs * (rest / pairs);
	}
	*variance = units > 1 ? squares * units / (units - 1) : 0;
	return total / pairs;
}

/* The smallest size of each sample that lifts the lower end above one half, if p stays the
 * same and a number is worth `gain` coin tosses; 0 if more than a million. */
static size_t enough_for(double p, double gain)
{
	size_t low = STATS_LEAST_PAIRS - 1, high = 1000000; /* the first is too few */
	if (!(stats_share(p * gain * (double)high, gain * (double)high).low > 0.5))
		return 0;
	while (high - low > 1) {
		const size_t middle = low + (high - low) / 2;
		const double n = gain * (double)middle;
		if (stats_share(p * n, n).low > 0.5)
			high = middle;
		else
			low = middle;
	}
	return high;
}

struct improvement sample_improvement(struct sample *x, struct sample *y)
{
	double of_x, of_y;
	struct improvement i = { .p_95 = { (double)NAN, (double)NAN } };
	i.p = placements(x, y, &of_x);
	placements(y, x, &of_y);
	const double least = x->weight < y->weight ? x->weight : y->weight;
	const double most = 3 * x->weight * y->weight / (x->weight + y->weight);
	const double variance = of_x + of_y;
	const double n = variance > 0 ? fmin(fmax(i.p * (1 - i.p) / variance, least), most) : least;
	if (least >= STATS_LEAST_PAIRS)
		i.p_95 = stats_share(i.p * n, n);
	i.enough = enough_for(i.p, n / least);
	return i;
}
