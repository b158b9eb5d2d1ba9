/* Statistics against SciPy's on the same scores; test_intervals.c has what intervals hold. */
#include "study/stats.h"

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

static void test_scipys_numbers(void)
{
	FILE *f = fopen("tests/golden/stats.txt", "r");
	char line[4096];
	double x[MAX], want[MAX], units[MAX];
	struct sample now = { 0 }, before = { 0 };
	struct err e;
	int n = 0, n_cases = 0, n_improvements = 0;
	CHECK(f != NULL);
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "scores", 6) == 0) {
			n = reals(line, x);
		} else if (strncmp(line, "strata", 6) == 0) {
			uint32_t unit[MAX];
			CHECK_INT(reals(line, units), n);
			for (int i = 0; i < n; i++)
				unit[i] = (uint32_t)units[i];
			sample_release(&before);
			before = now;
			CHECK(sample_init(&now, x, unit, (size_t)n, &e));
		} else if (strncmp(line, "of", 2) == 0) {
			CHECK(reals(line, want) >= 3);
			CHECK_NEAR(stats_mean(x, (size_t)n), want[0], 1e-10);
			CHECK_NEAR(now.iqm, want[1], 1e-10);
			stats_sort(x, (size_t)n);
			CHECK_NEAR(stats_quantile(x, (size_t)n, 0.5), want[2], 1e-10);
			n_cases++;
		} else if (strncmp(line, "improvement", 11) == 0) {
			CHECK(reals(line, want) >= 1);
			CHECK_NEAR(sample_improvement(&now, &before).p, want[0], 1e-12);
			n_improvements++;
		}
	}
	CHECK(n_cases > 1);
	CHECK_INT(n_improvements, n_cases - 1);
	sample_release(&now);
	sample_release(&before);
	if (f)
		fclose(f);
}

enum { N = 16 };

static void each_alone(uint32_t unit[N])
{
	for (uint32_t i = 0; i < N; i++)
		unit[i] = i;
}

static void test_order_does_not_matter(void)
{
	double x[N], y[N];
	uint32_t unit[N];
	struct sample a, b;
	struct err e;
	each_alone(unit);
	for (int i = 0; i < N; i++) {
		x[i] = i * i % 7;
		y[N - 1 - i] = x[i];
	}
	CHECK(sample_init(&a, x, unit, N, &e) && sample_init(&b, y, unit, N, &e));
	const struct interval one = sample_iqm(&a), other = sample_iqm(&b);
	CHECK(one.low == other.low && one.high == other.high);
	CHECK(one.low < a.iqm && a.iqm < one.high);
	CHECK_NEAR(sample_improvement(&a, &b).p, 0.5, 0);
	sample_release(&a);
	sample_release(&b);
}

static void test_few_numbers_have_no_interval(void)
{
	const double x[N] = { 4, 4, 4, 4 };
	uint32_t unit[N];
	struct sample a;
	struct err e;
	each_alone(unit);
	CHECK(isnan(stats_mean(NULL, 0)));
	CHECK(isnan(stats_quantile(NULL, 0, 0.5)));
	CHECK_NEAR(stats_iqm(x, 1), 4, 0);
	for (size_t n = 1; n <= N; n++) {
		CHECK(sample_init(&a, x, unit, n, &e));
		CHECK(isnan(sample_iqm(&a).low) == (n < STATS_LEAST_RUNS));
		CHECK(isnan(sample_improvement(&a, &a).p_95.high) == (n < STATS_LEAST_PAIRS));
		CHECK_NEAR(sample_improvement(&a, &a).p, 0.5, 0);
		sample_release(&a);
	}
	sample_release(&a);
}

/* Of the lowest distribution, u is reached where u may be the share so far. */
static void test_interval_of_the_iqm_by_integration(void)
{
	/* so many that the lowest number is not yet a quarter */
	enum { GRID = 20000, RUNS = 40 };
	double x[RUNS], most[RUNS + 1], low = 0, high = 0;
	uint32_t unit[RUNS];
	struct sample s;
	struct err e;
	for (uint32_t i = 0; i < RUNS; i++) {
		unit[i] = i;
		x[i] = i * i % 37;
		most[i + 1] = stats_share(i + 1, RUNS).high;
	}
	CHECK(most[1] < 0.25);
	CHECK(sample_init(&s, x, unit, RUNS, &e));
	for (int g = 0; g < GRID; g++) {
		const double u = 0.25 + 0.5 * (g + 0.5) / GRID;
		int k = 0;
		while (most[k + 1] < u)
			k++;
		low += s.x[k];
		high += s.x[RUNS - 1 - k];
	}
	CHECK_NEAR(sample_iqm(&s).low, low / GRID, 0.01);
	CHECK_NEAR(sample_iqm(&s).high, high / GRID, 0.01);
	sample_release(&s);
}

/* The variance of p that comes from x (n): that of the shares of y (m) below each. */
static double naive_variance(const double *x, size_t n, const double *y, size_t m, double *p)
{
	double share[N] = { 0 }, squares = 0;
	*p = 0;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < m; k++)
			share[i] += (x[i] > y[k] ? 1 : x[i] == y[k] ? 0.5 : 0) / (double)m;
		*p += share[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++)
		squares += (share[i] - *p) * (share[i] - *p);
	return squares / (double)(n - 1) / (double)n;
}

/* n of the larger, m of the smaller sample; x is y and `more`, each a whole number below 9. */
static void check_improvement(size_t n, size_t m, double more)
{
	double x[N], y[N], p, q;
	uint32_t unit[N];
	struct sample a, b;
	struct err e;
	each_alone(unit);
	for (size_t i = 0; i < N; i++) {
		x[i] = (double)(i * i * 5 % 9) + more;
		y[i] = (double)(i * 7 % 9);
	}
	CHECK(sample_init(&a, x, unit, n, &e) && sample_init(&b, y, unit, m, &e));
	const struct improvement i = sample_improvement(&a, &b);
	const double variance = naive_variance(x, n, y, m, &p) + naive_variance(y, m, x, n, &q);
	const double most = 3 * (double)(n * m) / (double)(n + m);
	const double tosses = fmax((double)m, fmin(most, p * (1 - p) / variance));
	const struct interval want = stats_share(p * tosses, tosses);
	CHECK_NEAR(i.p, p, 1e-12);
	CHECK_NEAR(p + q, 1, 1e-12);
	CHECK_NEAR(i.p_95.low, want.low, 1e-9);
	CHECK_NEAR(i.p_95.high, want.high, 1e-9);
	size_t enough = STATS_LEAST_PAIRS;
	const double gain = tosses / (double)m;
	while (!(stats_share(p * gain * (double)enough, gain * (double)enough).low > 0.5))
		enough++;
	CHECK_INT(i.enough, enough);
	sample_release(&a);
	sample_release(&b);
}

static void test_improvement_by_pairs(void)
{
	check_improvement(N, 7, 2);
	check_improvement(N, N, 3);
	check_improvement(12, 6, 4);
	check_improvement(9, 9, 6);
}

/* Sixteen runs of two settings that were drawn say no more than two numbers. */
static void test_runs_of_one_unit_count_once(void)
{
	double x[N];
	uint32_t unit[N];
	struct sample a;
	struct err e;
	for (uint32_t i = 0; i < N; i++) {
		unit[i] = i % 2 + 5;
		x[i] = i;
	}
	CHECK(sample_init(&a, x, unit, N, &e));
	CHECK_INT(a.n_units, 2);
	CHECK_NEAR(a.weight, 2, 0);
	CHECK(isnan(sample_iqm(&a).low));
	CHECK(isnan(sample_improvement(&a, &a).p_95.low));
	sample_release(&a);
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

static void test_shares(void)
{
	/* scipy.stats.binomtest(k, n).proportion_ci(0.95, "exact"); of all or none also
	 * 0.025^(1/n) by hand */
	struct interval i = stats_share(18, 100);
	CHECK_NEAR(i.low, 0.110311, 5e-7);
	CHECK_NEAR(i.high, 0.269477, 5e-7);
	i = stats_share(20, 20);
	CHECK_NEAR(i.low, pow(0.025, 1 / 20.), 1e-12);
	CHECK_NEAR(i.high, 1, 0);
	i = stats_share(0, 5);
	CHECK_NEAR(i.low, 0, 0);
	CHECK_NEAR(i.high, 1 - pow(0.025, 1 / 5.), 1e-12);
	CHECK(isnan(stats_share(0, 0).low));
}

static void test_how_many_would_be_enough(void)
{
	const double low[N] = { 0 }, high[N] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	uint32_t unit[N];
	struct sample a, b;
	struct err e;
	each_alone(unit);
	/* All of a above all of b: six coin tosses of six. */
	CHECK(sample_init(&a, high, unit, 3, &e) && sample_init(&b, low, unit, 3, &e));
	const struct improvement few = sample_improvement(&a, &b);
	CHECK_NEAR(few.p, 1, 0);
	CHECK(isnan(few.p_95.low));
	CHECK_INT(few.enough, STATS_LEAST_PAIRS);
	sample_release(&a);
	sample_release(&b);
	CHECK(sample_init(&a, high, unit, 6, &e) && sample_init(&b, low, unit, 6, &e));
	CHECK(sample_improvement(&a, &b).p_95.low > 0.5);
	CHECK_INT(sample_improvement(&a, &a).enough, 0); /* equal ones: no number of runs */
	sample_release(&a);
	sample_release(&b);
}

static void test_the_largest_numbers_stay_finite(void)
{
	double x[N];
	uint32_t unit[N];
	struct sample s;
	struct err e;
	each_alone(unit);
	for (int i = 0; i < N; i++)
		x[i] = i % 3 ? DBL_MAX : -DBL_MAX;
	CHECK(sample_init(&s, x, unit, N, &e));
	CHECK(isfinite(s.iqm) && isfinite(stats_mean(s.x, s.n)));
	const struct interval i = sample_iqm(&s);
	CHECK(isfinite(i.low) && isfinite(i.high));
	sample_release(&s);
	CHECK_NEAR(stats_bounded(-1e299), -1e299, 0);
	CHECK(isnan(stats_bounded((double)NAN)));
}

int main(void)
{
	RUN(test_scipys_numbers);
	RUN(test_order_does_not_matter);
	RUN(test_few_numbers_have_no_interval);
	RUN(test_interval_of_the_iqm_by_integration);
	RUN(test_improvement_by_pairs);
	RUN(test_runs_of_one_unit_count_once);
	RUN(test_quantiles_are_linear);
	RUN(test_shares);
	RUN(test_how_many_would_be_enough);
	RUN(test_the_largest_numbers_stay_finite);
	return test_end();
}
