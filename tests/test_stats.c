/* Statistics against SciPy's on the same scores and the same resamples. */
#include "run/stats.h"

#include "test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { MAX = 64 };

/* The reals behind a line's first word; their number. */
static int reals(const char *line, double x[MAX])
{
	int n = 0;
	const char *at = line + strcspn(line, " ");
	for (char *end; n < MAX; n++, at = end) {
		x[n] = strtod(at, &end);
		if (end == at)
			break;
	}
	return n;
}

static void check_interval(struct interval got, const double want[2])
{
	/* Sums of up to 40 numbers below 1000, in another order: 40 * 40 * 1000 * 2^-53. */
	CHECK_NEAR(got.low, want[0], 2e-10);
	CHECK_NEAR(got.high, want[1], 2e-10);
}

static void test_scipys_numbers(void)
{
	FILE *f = fopen("tests/golden/stats.txt", "r");
	char line[4096];
	double x[MAX], want[MAX], strata[MAX];
	struct resample now = { 0 }, before = { 0 };
	struct err e;
	int n = 0, n_cases = 0, n_improvements = 0;
	CHECK(f != NULL);
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "scores", 6) == 0) {
			n = reals(line, x);
		} else if (strncmp(line, "strata", 6) == 0) {
			uint32_t stratum[MAX];
			CHECK_INT(reals(line, strata), n);
			for (int i = 0; i < n; i++)
				stratum[i] = (uint32_t)strata[i];
			resample_release(&before);
			before = now;
			CHECK(resample_init(&now, x, stratum, (size_t)n, &e));
		} else if (strncmp(line, "of", 2) == 0) {
			CHECK_INT(reals(line, want), 5);
			CHECK_NEAR(stats_mean(x, (size_t)n), want[0], 1e-10);
			CHECK_NEAR(now.iqm, want[1], 1e-10);
			stats_sort(x, (size_t)n);
			CHECK_NEAR(stats_quantile(x, (size_t)n, 0.5), want[2], 1e-10);
			check_interval(resample_iqm(&now, STATS_REPLICATES), want + 3);
			check_interval(resample_iqm(&now, STATS_REPLICATES), want + 3); /* again */
			n_cases++;
		} else if (strncmp(line, "improvement", 11) == 0) {
			double p;
			CHECK_INT(reals(line, want), 3);
			check_interval(resample_improvement(&now, &before, &p), want + 1);
			CHECK_NEAR(p, want[0], 1e-12);
			n_improvements++;
		}
	}
	CHECK_INT(n_cases, 5);
	CHECK_INT(n_improvements, 4);
	resample_release(&now);
	resample_release(&before);
	if (f)
		fclose(f);
}

static void test_order_does_not_matter(void)
{
	const double x[] = { 5, 1, 9, 3, 3, 7 }, y[] = { 3, 7, 9, 5, 1, 3 };
	const uint32_t stratum[6] = { 0 };
	struct resample a, b;
	struct err e;
	CHECK(resample_init(&a, x, stratum, 6, &e) && resample_init(&b, y, stratum, 6, &e));
	const struct interval one = resample_iqm(&a, 500), other = resample_iqm(&b, 500);
	CHECK(one.low == other.low && one.high == other.high);
	CHECK(one.low < a.iqm && a.iqm < one.high);
	resample_release(&a);
	resample_release(&b);
}

static void test_few_numbers(void)
{
	const double x[] = { 4 };
	const uint32_t stratum[] = { 7 };
	struct resample a;
	struct err e;
	double p;
	CHECK(isnan(stats_mean(NULL, 0)));
	CHECK(isnan(stats_quantile(NULL, 0, 0.5)));
	CHECK_NEAR(stats_iqm(x, 1), 4, 0);
	CHECK(resample_init(&a, x, stratum, 1, &e));
	CHECK(isnan(resample_iqm(&a, 10).low));
	CHECK(isnan(resample_improvement(&a, &a, &p).high));
	CHECK_NEAR(p, 0.5, 0);
	resample_release(&a);
	resample_release(&a);
}

static void test_quantiles_are_linear(void)
{
	const double x[] = { 1, 2, 4, (double)INFINITY };
	CHECK_NEAR(stats_quantile(x, 3, 0.5), 2, 0);
	CHECK_NEAR(stats_quantile(x, 3, 0.75), 3, 0);
	CHECK_NEAR(stats_quantile(x, 2, 0.25), 1.25, 0);
	CHECK(stats_quantile(x, 4, 1) == (double)INFINITY);
	CHECK(stats_quantile(x, 4, 0.7) == (double)INFINITY);
	CHECK_NEAR(stats_quantile(x, 4, 0), 1, 0);
}

static void test_wilson(void)
{
	/* statsmodels.stats.proportion.proportion_confint(k, n, method="wilson"), and by hand */
	struct interval w = stats_wilson(18, 100);
	CHECK_NEAR(w.low, 0.117002, 5e-7);
	CHECK_NEAR(w.high, 0.266674, 5e-7);
	w = stats_wilson(100, 100);
	CHECK_NEAR(w.low, 0.96301, 5e-6);
	CHECK_NEAR(w.high, 1, 0);
	w = stats_wilson(0, 5);
	CHECK_NEAR(w.low, 0, 0);
	CHECK_NEAR(w.high, 0.43448, 5e-6);
	CHECK(isnan(stats_wilson(0, 0).low));
}

static void test_too_few(void)
{
	CHECK(stats_too_few(3, 3));  /* 2 of 20 orders */
	CHECK(!stats_too_few(4, 4)); /* 2 of 70 */
	CHECK(!stats_too_few(3, 5)); /* 2 of 56 */
	CHECK(!stats_too_few(5, 3));
	CHECK(stats_too_few(1, 38)); /* 2 of 39 */
	CHECK(!stats_too_few(1, 39));
	CHECK(stats_too_few(0, 1000));
	CHECK(!stats_too_few(100000, 100000));
}

static void test_the_largest_numbers_stay_finite(void)
{
	const double x[] = { DBL_MAX, DBL_MAX, -DBL_MAX, DBL_MAX, -DBL_MAX };
	const uint32_t stratum[5] = { 0 };
	struct resample r;
	struct err e;
	CHECK(resample_init(&r, x, stratum, 5, &e));
	CHECK(isfinite(r.iqm) && isfinite(stats_mean(r.x, r.n)));
	const struct interval i = resample_iqm(&r, STATS_REPLICATES);
	CHECK(isfinite(i.low) && isfinite(i.high));
	resample_release(&r);
	CHECK_NEAR(stats_bounded(-1e299), -1e299, 0);
	CHECK(isnan(stats_bounded((double)NAN)));
}

int main(void)
{
	RUN(test_scipys_numbers);
	RUN(test_order_does_not_matter);
	RUN(test_few_numbers);
	RUN(test_quantiles_are_linear);
	RUN(test_wilson);
	RUN(test_too_few);
	RUN(test_the_largest_numbers_stay_finite);
	return test_end();
}
