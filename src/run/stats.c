#include "run/stats.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

struct interval stats_wilson(size_t k, size_t n)
{
	const double z = 1.959963984540054; /* the normal distribution's 97.5 % */
	if (n == 0)
		return (struct interval){ (double)NAN, (double)NAN };
	const double m = (double)n, p = (double)k / m, scale = 1 + z * z / m;
	const double middle = p + z * z / (2 * m);
	const double half = z * sqrt(p * (1 - p) / m + z * z / (4 * m * m));
	return (struct interval){ k == 0 ? 0 : (middle - half) / scale,
		k == n ? 1 : (middle + half) / scale };
}

bool stats_too_few(size_t n, size_t m)
{
	const double enough = 2 / 0.05; /* orders: two of them are the extreme ones */
	double orders = 1;              /* n + m over n */
	for (size_t i = 1; i <= n && orders < enough; i++)
		orders = orders * (double)(m + i) / (double)i;
	return orders < enough;
}

/* --- resampling --- */

struct ranked {
	double x;
	uint32_t stratum, place;
};

static int compare_values(const void *a, const void *b)
{
	return compare_reals(&((const struct ranked *)a)->x, &((const struct ranked *)b)->x);
}

static int compare_strata(const void *a, const void *b)
{
	const struct ranked *p = a, *q = b;
	if (p->stratum != q->stratum)
		return p->stratum < q->stratum ? -1 : 1;
	return (p->place > q->place) - (p->place < q->place);
}

bool resample_init(
	struct resample *r, const double *x, const uint32_t *stratum, size_t n, struct err *e)
{
	assert(n >= 1 && n < UINT32_MAX);
	struct ranked *ranked = calloc(n, sizeof(*ranked));
	r->x = calloc(n, sizeof(*r->x));
	r->member = calloc(n, 4 * sizeof(*r->member));
	if (!ranked || !r->x || !r->member) {
		free(ranked);
		resample_release(r);
		return err_set(e, ERR_RUN, "out of memory for %zu numbers", n);
	}
	r->n = n;
	r->start = r->member + n;
	r->size = r->start + n;
	r->count = r->size + n;
	for (size_t i = 0; i < n; i++)
		ranked[i] = (struct ranked){ .x = stats_bounded(x[i]), .stratum = stratum[i] };
	qsort(ranked, n, sizeof(*ranked), compare_values);
	for (size_t i = 0; i < n; i++) {
		r->x[i] = ranked[i].x;
		ranked[i].place = (uint32_t)i;
	}
	qsort(ranked, n, sizeof(*ranked), compare_strata);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && ranked[end].stratum == ranked[i].stratum; end++) {
			r->member[end] = ranked[end].place;
			r->start[end] = (uint32_t)i;
		}
		for (size_t k = i; k < end; k++)
			r->size[k] = (uint32_t)(end - i);
	}
	free(ranked);
	r->iqm = stats_iqm(r->x, n);
	return true;
}

void resample_release(struct resample *r)
{
	free(r->x);
	free(r->member);
	r->x = NULL;
	r->member = NULL;
}

/* Draws as many as there are, each stratum from itself, into r->count. */
static void draw(struct resample *r, struct rng *rng)
{
	memset(r->count, 0, r->n * sizeof(*r->count));
	for (size_t i = 0; i < r->n; i++)
		r->count[r->member[r->start[i] + rng_below(rng, r->size[i])]]++;
}

/* stats_iqm of the last draw */
static double drawn_iqm(const struct resample *r)
{
	const size_t cut = r->n / 4, end = r->n - cut;
	size_t at = 0; /* drawn numbers passed */
	double sum = 0;
	for (size_t i = 0; i < r->n && at < end; at += r->count[i], i++) {
		const size_t from = at > cut ? at : cut;
		const size_t to = at + r->count[i] < end ? at + r->count[i] : end;
		if (to > from)
			sum += (double)(to - from) * r->x[i];
	}
	return sum / (double)(end - cut);
}

static struct interval percentiles(double *replicates, size_t n)
{
	stats_sort(replicates, n);
	return (struct interval){ stats_quantile(replicates, n, 0.025),
		stats_quantile(replicates, n, 0.975) };
}

struct interval resample_iqm(struct resample *r, int n_replicates)
{
	double replicates[STATS_REPLICATES];
	struct rng rng;
	assert(n_replicates >= 1 && n_replicates <= STATS_REPLICATES);
	if (r->n == 1)
		return (struct interval){ (double)NAN, (double)NAN };
	rng_init_stream(&rng, 1, 0);
	for (int i = 0; i < n_replicates; i++) {
		draw(r, &rng);
		replicates[i] = drawn_iqm(r);
	}
	return percentiles(replicates, (size_t)n_replicates);
}

/* Pairs in which x is larger, ties half, as a share of all pairs of the last draws. */
static double drawn_improvement(const struct resample *x, const struct resample *y)
{
	double pairs = 0, below = 0; /* drawn y below x[i] */
	for (size_t i = 0, k = 0; i < x->n; i++) {
		for (; k < y->n && y->x[k] < x->x[i]; k++)
			below += y->count[k];
		double equal = 0;
		for (size_t m = k; m < y->n && y->x[m] == x->x[i]; m++)
			equal += y->count[m];
		size_t same = i;
		double count = 0;
		for (; same < x->n && x->x[same] == x->x[i]; same++)
			count += x->count[same];
		pairs += count * (below + equal / 2);
		i = same - 1;
	}
	return pairs / ((double)x->n * (double)y->n);
}

struct interval resample_improvement(struct resample *x, struct resample *y, double *p)
{
	double replicates[STATS_REPLICATES];
	struct rng rng_x, rng_y;
	for (size_t i = 0; i < x->n; i++)
		x->count[i] = 1;
	for (size_t i = 0; i < y->n; i++)
		y->count[i] = 1;
	*p = drawn_improvement(x, y);
	if (x->n == 1 || y->n == 1)
		return (struct interval){ (double)NAN, (double)NAN };
	rng_init_stream(&rng_x, 1, 1);
	rng_init_stream(&rng_y, 1, 2);
	for (int i = 0; i < STATS_REPLICATES; i++) {
		draw(x, &rng_x);
		draw(y, &rng_y);
		replicates[i] = drawn_improvement(x, y);
	}
	return percentiles(replicates, STATS_REPLICATES);
}
