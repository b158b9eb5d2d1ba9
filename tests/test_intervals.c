/* Intervals against the truth: how often they hold it, over distributions of returns as
 * runs have them. 'make intervals' prints the whole table, of TRIALS=20000 each (a quarter
 * of an hour of one core); without TRIALS, fewer of them and the checks alone.
 *
 * Of 5000 trials each, the interval of the IQM held the truth least often for 20 runs of
 * 20 or 500, half of them high (95.46 %), that of the improvement for 30 and 30 runs of a
 * bimodal group against one in its middle (95.82 %). Where there is no interval (fewer than
 * 13 runs, or settings) nothing is counted. */
#include "base/pmath.h"
#include "base/rng.h"
#include "study/stats.h"

#include "test.h"

#include <stdlib.h>

enum { MAX = 32, N_TRUTH = 200000 };

static struct rng rng;
static int n_trials = 400;
static bool verbose;

static double normal(double mean, double sd)
{
	double s, c;
	pm_sincos(2 * 3.14159265358979 * rng_double(&rng), &s, &c);
	return mean + sd * c * sqrt(-2 * pm_log(1 - rng_double(&rng)));
}

static double exponential(double mean)
{
	return -mean * pm_log(1 - rng_double(&rng));
}

enum shape { NORMAL, LOGNORMAL, EXPONENTIAL, LEFT, BIMODAL, TWO, SATURATED, CONSTANT };
static const struct population {
	const char *name;
	enum shape shape;
	double a, b; /* mean and deviation, or the share of the higher mode or of 500 */
} populations[] = {
	{ "normal", NORMAL, 400, 80 },
	{ "better", NORMAL, 450, 80 },
	{ "wide", NORMAL, 400, 300 },
	{ "middle", NORMAL, 250, 20 },
	{ "lognormal", LOGNORMAL, 4, 1 },
	{ "exponential", EXPONENTIAL, 100, 0 },
	{ "skewed to the left", LEFT, 100, 0 },
	{ "bimodal, 50 % high", BIMODAL, 0.5, 0 },
	{ "bimodal, 60 % high", BIMODAL, 0.6, 0 },
	{ "bimodal, 70 % high", BIMODAL, 0.7, 0 },
	{ "bimodal, 74 % high", BIMODAL, 0.74, 0 },
	{ "bimodal, 80 % high", BIMODAL, 0.8, 0 },
	{ "20 or 500, 50 % high", TWO, 0.5, 0 },
	{ "20 or 500, 70 % high", TWO, 0.7, 0 },
	{ "20 or 500, 80 % high", TWO, 0.8, 0 },
	{ "saturated, 30 % at 500", SATURATED, 0.3, 0 },
	{ "saturated, 60 % at 500", SATURATED, 0.6, 0 },
	{ "saturated, 70 % at 500", SATURATED, 0.7, 0 },
	{ "saturated, 80 % at 500", SATURATED, 0.8, 0 },
	{ "saturated, 95 % at 500", SATURATED, 0.95, 0 },
	{ "all at 500", CONSTANT, 0, 0 },
};
enum { N_POPULATIONS = sizeof(populations) / sizeof(populations[0]) };

static double draw(const struct population *p)
{
	switch (p->shape) {
	case NORMAL:
		return normal(p->a, p->b);
	case LOGNORMAL:
		return pm_exp(normal(p->a, p->b));
	case EXPONENTIAL:
		return exponential(p->a);
	case LEFT:
		return 500 - exponential(p->a);
	case BIMODAL:
		return rng_double(&rng) < p->a ? normal(480, 10) : normal(20, 5);
	case TWO:
		return rng_double(&rng) < p->a ? 500 : 20;
	case SATURATED:
		return rng_double(&rng) < p->a ? 500 : 500 - exponential(60);
	case CONSTANT:
		break;
	}
	return 500;
}

/* How runs of a group come by their settings. */
enum design {
	ALONE, /* one setting */
	GRID,  /* settings 60 apart that every group has */
	DRAWN, /* each setting drawn, 60 apart on the whole: its runs are one unit */
	N_DESIGNS
};
static const char *const design_names[] = { "", ", a grid", ", drawn settings" };

static double offset(enum design design, size_t setting, size_t n_settings)
{
	if (design == GRID)
		return 60 * ((double)setting - 0.5 * (double)(n_settings - 1));
	return design == DRAWN ? normal(0, 60) : 0;
}

/* n runs, `size` of each setting. */
static void draw_sample(struct sample *s, const struct population *p, enum design design, size_t n, size_t size)
{
	double x[MAX], shift = 0;
	uint32_t unit[MAX];
	struct err e;
	for (size_t i = 0; i < n; i++) {
		if (i % size == 0)
			shift = offset(design, i / size, n / size);
		x[i] = draw(p) + shift;
		unit[i] = (uint32_t)(design == DRAWN ? i / size : i);
	}
	if (!sample_init(s, x, unit, n, &e))
		exit(1);
}

/* Sorted draws from everything that a run can be; `size` as above, of n. */
static void draw_truth(double *x, const struct population *p, enum design design, size_t n, size_t size)
{
	for (size_t i = 0; i < N_TRUTH; i++)
		x[i] = draw(p) + offset(design, i % (n / size), n / size);
	stats_sort(x, N_TRUTH);
}

/* The share of trials that may miss, three standard deviations of the count included. */
static double allowed(int n)
{
	return n > 0 ? 0.05 + 3 * sqrt(0.05 * 0.95 / n) : 1;
}

static void judge(int n_missed, int n_printed, const char *what)
{
	const double missed = n_printed > 0 ? (double)n_missed / n_printed : 0;
	CHECK(missed <= allowed(n_printed));
	if (verbose || missed > allowed(n_printed))
		printf("%6.2f %%  of %5d  %s\n", 100 * (1 - missed), n_printed, what);
}

static void check_iqm(const struct population *p, enum design design, size_t n, size_t size)
{
	static double truth[N_TRUTH];
	char what[160];
	int n_printed = 0, n_missed = 0;
	draw_truth(truth, p, design, n, size);
	const double iqm = stats_iqm(truth, N_TRUTH);
	for (int t = 0; t < n_trials; t++) {
		struct sample s;
		draw_sample(&s, p, design, n, size);
		const struct interval i = sample_iqm(&s);
		n_printed += !isnan(i.low);
		n_missed += i.low > iqm || i.high < iqm;
		sample_release(&s);
	}
	/* An interval that is never there holds everything. */
	const size_t n_units = design == DRAWN ? n / size : n;
	CHECK_INT(n_printed, n_units >= STATS_LEAST_RUNS ? n_trials : 0);
	snprintf(what, sizeof(what), "IQM of %zu, %s%s of %zu", n, p->name, design_names[design], size);
	if (n_printed > 0)
		judge(n_missed, n_printed, what);
}

static void test_the_interval_of_the_iqm_holds_it(void)
{
	const size_t n[] = { 2, 3, 5, 12, 13, 14, 20, 30 };
	for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++)
		for (int p = 0; p < N_POPULATIONS; p++)
			check_iqm(&populations[p], ALONE, n[i], 1);
}

static void test_settings_of_1_2_and_10_runs(void)
{
	const size_t size[] = { 1, 2, 10 };
	for (size_t i = 0; i < 3; i++)
		for (int p = 0; p < N_POPULATIONS; p += 3) {
			check_iqm(&populations[p], GRID, 30, size[i]);
			check_iqm(&populations[p], DRAWN, 30, size[i]);
		}
}

static const struct population *population(const char *name)
{
	for (int i = 0; i < N_POPULATIONS; i++)
		if (strcmp(populations[i].name, name) == 0)
			return &populations[i];
	exit(1);
}

/* P(x > y), ties half, by counting. */
static double true_improvement(
	const struct population *x, const struct population *y, enum design design, size_t n, size_t size)
{
	static double other[N_TRUTH];
	double pairs = 0;
	if (x == y)
		return 0.5;
	draw_truth(other, y, design, n, size);
	for (size_t i = 0; i < N_TRUTH; i++) {
		const double at = draw(x) + offset(design, i % (n / size), n / size);
		size_t low = 0, high = N_TRUTH, up_to = N_TRUTH;
		for (size_t k; low < high; *(other[k] < at ? &low : &high) = k + (other[k] < at))
			k = low + (high - low) / 2;
		for (size_t k, from = low; from < up_to;) {
			k = from + (up_to - from) / 2;
			if (other[k] <= at)
				from = k + 1;
			else
				up_to = k;
		}
		pairs += (double)(low + up_to) / 2;
	}
	return pairs / ((double)N_TRUTH * N_TRUTH);
}

static void check_improvement(
	const char *name_x, const char *name_y, enum design design, size_t n, size_t m, size_t size)
{
	const struct population *x = population(name_x), *y = population(name_y);
	const double p = true_improvement(x, y, design, n, size);
	const double tol = x == y ? 0 : 2e-3; /* of the counting */
	int n_printed = 0, n_missed = 0, n_better = 0;
	char what[200];
	for (int t = 0; t < n_trials; t++) {
		struct sample a, b;
		draw_sample(&a, x, design, n, size);
		draw_sample(&b, y, design, m, size);
		const struct improvement i = sample_improvement(&a, &b);
		n_printed += !isnan(i.p_95.low);
		n_missed += i.p_95.low > p + tol || i.p_95.high < p - tol;
		n_better += i.p_95.low > 0.5 || i.p_95.high < 0.5;
		sample_release(&a);
		sample_release(&b);
	}
	snprintf(what, sizeof(what), "P(%s > %s) of %zu and %zu%s of %zu: %.2f %% differ", x->name, y->name, n, m,
		design_names[design], size, 100. * n_better / n_trials);
	judge(n_missed, n_printed, what);
	if (x == y)
		CHECK(n_better <= n_trials * allowed(n_trials));
}

static void test_the_interval_of_the_improvement_holds_it(void)
{
	static const char *const pairs[][2] = { { "normal", "normal" }, { "exponential", "exponential" },
		{ "bimodal, 50 % high", "bimodal, 50 % high" }, { "20 or 500, 50 % high", "20 or 500, 50 % high" },
		{ "saturated, 60 % at 500", "saturated, 60 % at 500" },
		{ "saturated, 95 % at 500", "saturated, 95 % at 500" }, { "all at 500", "all at 500" },
		{ "bimodal, 50 % high", "middle" }, { "20 or 500, 70 % high", "middle" },
		{ "20 or 500, 80 % high", "middle" }, { "normal", "better" }, { "normal", "wide" },
		{ "exponential", "lognormal" }, { "saturated, 30 % at 500", "saturated, 80 % at 500" },
		{ "saturated, 80 % at 500", "all at 500" }, { "bimodal, 50 % high", "normal" } };
	const size_t n[][2] = { { 3, 3 }, { 6, 6 }, { 8, 8 }, { 20, 20 }, { 30, 30 }, { 6, 30 } };
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		for (size_t k = 0; k < sizeof(n) / sizeof(n[0]); k++)
			check_improvement(pairs[i][0], pairs[i][1], ALONE, n[k][0], n[k][1], 1);
}

static void test_equal_settings_are_not_better(void)
{
	const size_t size[] = { 1, 2, 5 };
	for (size_t i = 0; i < 3; i++)
		for (int design = GRID; design < N_DESIGNS; design++) {
			check_improvement("normal", "normal", (enum design)design, 30, 30, size[i]);
			check_improvement(
				"bimodal, 70 % high", "bimodal, 70 % high", (enum design)design, 30, 30, size[i]);
		}
}

/* Exactly: the sum of the probabilities of all counts whose interval holds p. */
static void test_the_interval_of_a_share_holds_it(void)
{
	for (int n = 1; n <= 40; n++) {
		struct interval i[41];
		for (int k = 0; k <= n; k++)
			i[k] = stats_share(k, n);
		for (int percent = 1; percent < 100; percent++) {
			const double p = percent / 100.;
			double held = 0, term = 1; /* of the count k */
			for (int k = 0; k < n; k++)
				term *= 1 - p;
			for (int k = 0; k <= n; k++) {
				held += i[k].low <= p && p <= i[k].high ? term : 0;
				term *= (double)(n - k) / (k + 1) * p / (1 - p);
			}
			CHECK(held >= 0.95 - 1e-12);
		}
	}
}

int main(void)
{
	const char *trials = getenv("TRIALS");
	if (trials) {
		n_trials = atoi(trials);
		verbose = true;
	}
	rng_init(&rng, 1);
	RUN(test_the_interval_of_the_iqm_holds_it);
	RUN(test_settings_of_1_2_and_10_runs);
	RUN(test_the_interval_of_the_improvement_holds_it);
	RUN(test_equal_settings_are_not_better);
	RUN(test_the_interval_of_a_share_holds_it);
	return test_end();
}
