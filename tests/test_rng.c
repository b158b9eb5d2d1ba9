/* The generator against NumPy's own words, and its bounded integers against the
 * rule that rng.h states, restated naively. */
#include "base/rng.h"

#include "test.h"

#include <stdlib.h>

static void init_row(struct rng *r, uint64_t seed, const char *key)
{
	if (strcmp(key, "-") == 0)
		rng_init(r, seed);
	else
		rng_init_stream(r, seed, (uint32_t)strtoul(key, NULL, 10));
}

static const char *word(void)
{
	const char *w = strtok(NULL, " \n");
	return w ? w : "";
}

static void check_row(char *line)
{
	enum { N_RAW = 8, N_REAL = 4 };
	const uint64_t seed = strtoull(strtok(line, " \n"), NULL, 10);
	const char *key = word();
	struct rng r;
	init_row(&r, seed, key);
	for (int i = 0; i < N_RAW; i++)
		CHECK(rng_u64(&r) == strtoull(word(), NULL, 10));
	init_row(&r, seed, key);
	for (int i = 0; i < N_REAL; i++)
		CHECK(rng_double(&r) == strtod(word(), NULL));
	init_row(&r, seed, key);
	for (int i = 0; i < N_REAL; i++)
		CHECK(rng_uniform(&r, -0.05, 0.05) == strtod(word(), NULL));
	CHECK_STR(word(), "");
}

static void test_every_row_of_numpy_bit_for_bit(void)
{
	FILE *f = fopen("tests/golden/numpy_rng.txt", "r");
	CHECK(f != NULL);
	if (!f)
		return;
	char line[1000];
	int n = 0;
	while (fgets(line, sizeof(line), f))
		if (line[0] != '#') {
			check_row(line);
			n++;
		}
	fclose(f);
	CHECK(n > 0);
}

static void test_first_value_is_gymnasiums(void)
{
	struct rng r;
	rng_init(&r, 42);
	CHECK(rng_uniform(&r, -0.05, 0.05) == 0.027395604855596334);
}

static void test_a_copy_continues_the_stream(void)
{
	struct rng r, copy, other;
	rng_init_stream(&r, 7, 2);
	rng_init(&other, 7);
	for (int i = 0; i < 5; i++)
		rng_u64(&r);
	memcpy(&copy, &r, sizeof(copy));
	uint64_t want[10];
	for (int i = 0; i < 10; i++) {
		want[i] = rng_u64(&r);
		rng_u64(&other);
	}
	for (int i = 0; i < 10; i++)
		CHECK(rng_u64(&copy) == want[i]);
	CHECK(memcmp(&copy, &r, sizeof(r)) == 0);
}

static void test_key_and_seed_choose_the_stream(void)
{
	enum { N = 6 };
	struct rng r[N];
	rng_init(&r[0], 1);
	rng_init(&r[1], 2);
	rng_init(&r[2], 1 + (UINT64_C(1) << 32));
	rng_init_stream(&r[3], 1, 0);
	rng_init_stream(&r[4], 1, 1);
	rng_init_stream(&r[5], 1, UINT32_MAX);
	uint64_t first[N];
	for (int i = 0; i < N; i++) {
		first[i] = rng_u64(&r[i]);
		for (int j = 0; j < i; j++)
			CHECK(first[i] != first[j]);
	}
}

/* x * n as 128 bits, bit by bit. */
static uint64_t naive_product(uint64_t x, uint64_t n, uint64_t *low)
{
	uint64_t high = 0;
	*low = 0;
	for (int bit = 63; bit >= 0; bit--) {
		high = high << 1 | *low >> 63;
		*low <<= 1;
		if (x >> bit & 1) {
			*low += n;
			high += *low < n;
		}
	}
	return high;
}

static uint64_t naive_below(struct rng *r, uint64_t n, int *n_raw)
{
	const uint64_t threshold = (UINT64_MAX % n + 1) % n; /* 2^64 mod n = (2^64 - n) mod n */
	uint64_t high, low;
	do {
		high = naive_product(rng_u64(r), n, &low);
		++*n_raw;
	} while (low < threshold);
	return high;
}

static void test_below_follows_the_documented_rule(void)
{
	static const uint64_t sizes[] = { 1, 2, 3, 7, 10, 100, UINT64_C(1) << 32, (UINT64_C(1) << 32) + 1,
		UINT64_C(3) << 62, (UINT64_C(1) << 63) - 1, UINT64_C(1) << 63, (UINT64_C(1) << 63) + 1, UINT64_MAX - 1,
		UINT64_MAX };
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct rng r, naive;
		rng_init_stream(&r, 3, (uint32_t)s);
		naive = r;
		int n_raw = 0;
		for (int i = 0; i < 1000; i++) {
			const uint64_t x = rng_below(&r, sizes[s]);
			CHECK(x < sizes[s]);
			CHECK(x == naive_below(&naive, sizes[s], &n_raw));
		}
		CHECK(memcmp(&r, &naive, sizeof(r)) == 0); /* as many draws */
		if (sizes[s] == 1 || sizes[s] == UINT64_C(1) << 63)
			CHECK_INT(n_raw, 1000);
		if (sizes[s] == (UINT64_C(1) << 63) + 1) /* half of all draws are rejected */
			CHECK_NEAR(n_raw, 2000, 200);
	}
}

static void test_below_many_are_as_many_draws(void)
{
	static const uint64_t sizes[] = { 1, 3, 10000, UINT64_C(3) << 30, UINT64_C(1) << 32 };
	enum { N_DRAWS = 1000 };
	static uint32_t x[N_DRAWS + 1];
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (size_t count = 0; count <= N_DRAWS; count += count < 3 ? 1 : 997) {
			struct rng r, one;
			rng_init_stream(&r, 4, (uint32_t)s);
			one = r;
			x[count] = 77;
			rng_below_many(&r, sizes[s], x, count);
			for (size_t i = 0; i < count; i++)
				CHECK(x[i] == rng_below(&one, sizes[s]));
			CHECK(memcmp(&r, &one, sizeof(r)) == 0 && x[count] == 77);
		}
}

/* Chi-square of counts (n) that should be equal; mean n - 1, variance 2 (n - 1). */
static double chi_square(const int *counts, int n, int n_draws)
{
	const double expected = (double)n_draws / n;
	double sum = 0;
	for (int i = 0; i < n; i++)
		sum += (counts[i] - expected) * (counts[i] - expected) / expected;
	return sum;
}

static void check_uniform(const int *counts, int n, int n_draws)
{
	const double mean = n - 1, five_sigma = 5 * sqrt(2.0 * (n - 1));
	CHECK_NEAR(chi_square(counts, n, n_draws), mean, five_sigma);
}

static void test_below_is_uniform(void)
{
	static const int sizes[] = { 2, 3, 7, 10, 64, 100 };
	enum { N_DRAWS = 200000, MAX = 100 };
	struct rng r;
	rng_init(&r, 11);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		int counts[MAX] = { 0 };
		for (int i = 0; i < N_DRAWS; i++)
			counts[rng_below(&r, (uint64_t)sizes[s])]++;
		check_uniform(counts, sizes[s], N_DRAWS);
	}
}

/* Without the rejection every third value would come twice as often. */
static void test_below_is_unbiased_near_the_word_size(void)
{
	enum { N_DRAWS = 30000 };
	const uint64_t n = UINT64_C(3) << 62;
	int residues[3] = { 0 }, thirds[3] = { 0 };
	struct rng r;
	rng_init(&r, 12);
	for (int i = 0; i < N_DRAWS; i++) {
		const uint64_t x = rng_below(&r, n);
		residues[x % 3]++;
		thirds[x >> 62]++;
	}
	check_uniform(residues, 3, N_DRAWS);
	check_uniform(thirds, 3, N_DRAWS);
}

int main(void)
{
	RUN(test_every_row_of_numpy_bit_for_bit);
	RUN(test_first_value_is_gymnasiums);
	RUN(test_a_copy_continues_the_stream);
	RUN(test_key_and_seed_choose_the_stream);
	RUN(test_below_follows_the_documented_rule);
	RUN(test_below_many_are_as_many_draws);
	RUN(test_below_is_uniform);
	RUN(test_below_is_unbiased_near_the_word_size);
	return test_end();
}
