/* The elementary functions against exact arithmetic, and their bits against a
 * fixed hash: they must be the same in every build. */
#include "base/pmath.h"
#include "base/sha256.h"

#include "fixtures.h"

#include <float.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

static uint64_t to_bits(double x)
{
	uint64_t bits;
	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

static double pm_sin(double x)
{
	double sin, cos;
	pm_sincos(x, &sin, &cos);
	return sin;
}

static double pm_cos(double x)
{
	double sin, cos;
	pm_sincos(x, &sin, &cos);
	return cos;
}

/* The distance of x to the next double away from 0. */
static double ulp(double x)
{
	return nextafter(fabs(x), INFINITY) - fabs(x);
}

/* Every row of the golden file for that function: within max_ulp of hi + lo, and
 * equal, sign included, where the value is 0. */
static void check_accuracy(const char *name, double (*function)(double), double max_ulp)
{
	FILE *f = fopen("tests/golden/pmath.txt", "r");
	CHECK(f != NULL);
	if (!f)
		return;
	char line[200];
	int n = 0;
	const size_t n_name = strlen(name);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, n_name) != 0 || line[n_name] != ' ')
			continue;
		char *p = line + n_name;
		const double x = strtod(p, &p), hi = strtod(p, &p), lo = strtod(p, &p);
		CHECK(*p == '\n');
		const double got = function(x);
		CHECK_NEAR(got - hi, lo, max_ulp * ulp(hi)); /* got - hi is exact */
		if (hi == 0)
			CHECK(to_bits(got) == to_bits(hi));
		n++;
	}
	fclose(f);
	CHECK(n > 0);
}

/* The limits are a little above the largest errors measured over 10^7 random
 * arguments: sin 0.782, cos 0.769, exp 0.901, log 0.831. */
static void test_sin_is_within_an_ulp(void)
{
	check_accuracy("sin", pm_sin, 0.80);
}

static void test_cos_is_within_an_ulp(void)
{
	check_accuracy("cos", pm_cos, 0.80);
}

static void test_exp_is_within_an_ulp(void)
{
	check_accuracy("exp", pm_exp, 0.95);
}

static void test_log_is_within_an_ulp(void)
{
	check_accuracy("log", pm_log, 0.85);
}

static void test_sin_is_odd_and_cos_even(void)
{
	for (int i = 0; i <= 10000; i++) {
		const double x = i * 0x1.47ae147ae147bp-7; /* up to 100 */
		CHECK(to_bits(pm_sin(-x)) == to_bits(-pm_sin(x)));
		CHECK(to_bits(pm_cos(-x)) == to_bits(pm_cos(x)));
	}
}

static void test_exp_at_the_ends_of_its_range(void)
{
	CHECK(pm_exp(709) > 8.2e307 && isfinite(pm_exp(709)));
	CHECK(pm_exp(-708) >= DBL_MIN);
	CHECK(pm_exp(nextafter(709, 710)) == (double)INFINITY);
	CHECK(pm_exp(DBL_MAX) == (double)INFINITY);
	CHECK(to_bits(pm_exp(nextafter(-708, -709))) == to_bits(0.0));
	CHECK(to_bits(pm_exp(-DBL_MAX)) == to_bits(0.0));
	CHECK(pm_exp(0) == 1 && pm_exp(-0.0) == 1);
}

struct call {
	double (*function)(double);
	double x;
};

static void compute(const void *arg)
{
	const struct call *c = arg;
	volatile double result = c->function(c->x);
	(void)result;
}

static int signal_from(double (*function)(double), double x)
{
	const struct call c = { function, x };
	return signal_of(compute, &c);
}

static void test_arguments_out_of_range_are_asserted(void)
{
	CHECK_INT(signal_from(pm_sin, PM_TRIG_MAX), 0);
	CHECK_INT(signal_from(pm_sin, nextafter(PM_TRIG_MAX, 200)), SIGABRT);
	CHECK_INT(signal_from(pm_cos, -nextafter(PM_TRIG_MAX, 200)), SIGABRT);
	CHECK_INT(signal_from(pm_cos, INFINITY), SIGABRT);
	CHECK_INT(signal_from(pm_sin, NAN), SIGABRT);
	CHECK_INT(signal_from(pm_log, DBL_MIN), 0);
	CHECK_INT(signal_from(pm_log, nextafter(DBL_MIN, 0)), SIGABRT);
	CHECK_INT(signal_from(pm_log, 0), SIGABRT);
	CHECK_INT(signal_from(pm_log, -1), SIGABRT);
	CHECK_INT(signal_from(pm_log, INFINITY), SIGABRT);
	CHECK_INT(signal_from(pm_log, NAN), SIGABRT);
}

/* Of every length, by the CPU's vectors or not: as the two functions, bit for bit. */
static void test_powers_are_exp_and_log(void)
{
	static const double exponents[] = { 0.6, 1, 0, -0.4, -1, 3.7, -2000, 2000 };
	double x[70], got[70];
	for (size_t i = 0; i < 70; i++)
		x[i] = ldexp(1 + (double)(i * 37 % 64) / 64, (int)(i * 29) % 2000 - 1000);
	for (size_t k = 0; k < sizeof(exponents) / sizeof(exponents[0]); k++)
		for (size_t n = 0; n <= 70; n++) {
			memcpy(got, x, sizeof(got));
			pm_powers(n, exponents[k], got);
			for (size_t i = 0; i < 70; i++)
				CHECK(to_bits(got[i]) == to_bits(i < n ? pm_exp(exponents[k] * pm_log(x[i])) : x[i]));
		}
}

static void hash_value(struct sha256 *h, double value)
{
	unsigned char bytes[8]; /* little-endian everywhere */
	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(to_bits(value) >> 8 * i);
	sha256_add(h, bytes, sizeof(bytes));
}

static void test_bits_are_the_same_in_every_build(void)
{
	struct sha256 h;
	char hex[SHA256_HEX_SIZE];
	sha256_init(&h);
	for (int i = -20000; i <= 20000; i++) {
		hash_value(&h, pm_sin(i / 200.0));
		hash_value(&h, pm_cos(i / 200.0));
		hash_value(&h, pm_sin(i * 0x1p-16)); /* CartPole's angles and beyond */
		hash_value(&h, pm_cos(i * 0x1p-16));
		hash_value(&h, pm_exp(i * 0x1.2p-5));
		hash_value(&h, pm_exp(i * 0x1p-14));
		hash_value(&h, pm_log((i + 20001) * 0x1p-14));
		hash_value(&h, pm_log(ldexp(i + 20001, i / 21)));
	}
	sha256_hex(&h, hex);
	CHECK_STR(hex, "529d230d9f81943be7051cf924205d334c25c35ae6e0b3f567edcc4ffdf0e020");
}

int main(void)
{
	RUN(test_sin_is_within_an_ulp);
	RUN(test_cos_is_within_an_ulp);
	RUN(test_exp_is_within_an_ulp);
	RUN(test_log_is_within_an_ulp);
	RUN(test_sin_is_odd_and_cos_even);
	RUN(test_exp_at_the_ends_of_its_range);
	RUN(test_arguments_out_of_range_are_asserted);
	RUN(test_bits_are_the_same_in_every_build);
	RUN(test_powers_are_exp_and_log);
	return test_end();
}
