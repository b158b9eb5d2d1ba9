/* The sum tree against naive sums and linear searches, and against a tree built
 * anew.
 * tests/mutations lists mistakes that this file catches. */
#include "rl/sum_tree.h"

#include "base/rng.h"

#include "test.h"

#include <stdlib.h>

static const size_t sizes[] = { 1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 64, 100, 1000, 1025 };
enum { N_SIZES = sizeof(sizes) / sizeof(sizes[0]), MAX_LEAVES = 2048 };

static void init(struct sum_tree *t, size_t n_leaves)
{
	struct err e;
	if (!sum_tree_init(t, n_leaves, &e)) {
		FAIL("sum_tree_init");
		abort();
	}
}

/* The documented order: the sum of n (a power of two) is that of its halves. */
static double naive_sum(const double *p, size_t n)
{
	return n == 1 ? p[0] : naive_sum(p, n / 2) + naive_sum(p + n / 2, n / 2);
}

/* Many orders of size, and zeros. */
static double draw_priority(struct rng *rng)
{
	if (rng_below(rng, 5) == 0)
		return 0;
	return ldexp(1 + rng_double(rng), (int)rng_below(rng, 60) - 30);
}

static void test_a_tree_starts_with_zeros_and_a_power_of_two(void)
{
	static const size_t padded[] = { 1, 2, 4, 4, 8, 8, 8, 16, 32, 64, 64, 128, 1024, 2048 };
	for (size_t i = 0; i < N_SIZES; i++) {
		struct sum_tree t;
		init(&t, sizes[i]);
		CHECK_INT(t.n_leaves, padded[i]);
		CHECK_INT(sum_tree_bytes(sizes[i]), 2 * padded[i] * sizeof(double));
		for (size_t l = 0; l < padded[i]; l++)
			CHECK(sum_tree_get(&t, l) == 0);
		CHECK(sum_tree_total(&t) == 0);
		sum_tree_release(&t);
		CHECK(t.node == NULL);
	}
}

static void test_total_is_the_sum_in_the_trees_order(void)
{
	static double p[MAX_LEAVES];
	struct rng rng;
	rng_init(&rng, 1);
	for (size_t i = 0; i < N_SIZES; i++) {
		struct sum_tree t;
		init(&t, sizes[i]);
		memset(p, 0, sizeof(p));
		for (int k = 0; k < 3000; k++) {
			const size_t at = (size_t)rng_below(&rng, sizes[i]);
			p[at] = draw_priority(&rng);
			sum_tree_set(&t, at, p[at]);
			if (k % 50 == 0 || k > 2990)
				CHECK(sum_tree_total(&t) == naive_sum(p, t.n_leaves));
		}
		for (size_t l = 0; l < t.n_leaves; l++)
			CHECK(sum_tree_get(&t, l) == p[l]);
		/* every node, not the root alone */
		for (size_t n = 1, width = t.n_leaves; n <= t.n_leaves; n *= 2, width /= 2)
			for (size_t j = 0; j < n; j++)
				CHECK(t.node[n + j] == naive_sum(p + j * width, width));
		sum_tree_release(&t);
	}
}

/* However it came about, equal leaves give equal trees: a difference would leave
 * what 1e300 and 1e-300 lose beside each other. */
static void test_long_updates_leave_the_tree_of_its_leaves(void)
{
	static const size_t few[] = { 1, 5, 64, 100, 1000 };
	struct rng rng;
	rng_init(&rng, 2);
	for (size_t i = 0; i < 5; i++) {
		struct sum_tree t, anew;
		init(&t, few[i]);
		init(&anew, few[i]);
		for (int k = 0; k < 200000; k++) {
			double p = rng_double(&rng);
			if (k % 7 == 0)
				p = ldexp(p, (int)rng_below(&rng, 1800) - 900);
			sum_tree_set(&t, (size_t)rng_below(&rng, few[i]), p);
		}
		for (size_t l = few[i]; l-- > 0;)
			sum_tree_set(&anew, l, sum_tree_get(&t, l));
		CHECK(memcmp(t.node + 1, anew.node + 1, (2 * t.n_leaves - 1) * sizeof(*t.node)) == 0);
		CHECK(sum_tree_total(&t) > 0);
		for (size_t l = 0; l < few[i]; l++)
			sum_tree_set(&t, l, 0);
		for (size_t n = 1; n < 2 * t.n_leaves; n++)
			CHECK(t.node[n] == 0);
		sum_tree_release(&t);
		sum_tree_release(&anew);
	}
}

/* As after reading a checkpoint: leaves alone, and whatever was there before. */
static void test_rebuilding_gives_the_tree_of_the_first_leaves(void)
{
	struct rng rng;
	rng_init(&rng, 5);
	for (size_t i = 0; i < N_SIZES; i++)
		for (size_t n = 0; n <= sizes[i]; n += 1 + sizes[i] / 5) {
			struct sum_tree t, anew;
			init(&t, sizes[i]);
			init(&anew, sizes[i]);
			for (size_t k = 0; k < 2 * t.n_leaves; k++)
				t.node[k] = 1 + rng_double(&rng);
			for (size_t l = 0; l < n; l++)
				sum_tree_set(&anew, l, sum_tree_get(&t, l));
			sum_tree_rebuild(&t, n);
			for (size_t k = 1; k < 2 * t.n_leaves; k++)
				CHECK(t.node[k] == anew.node[k]);
			sum_tree_release(&t);
			sum_tree_release(&anew);
		}
}

/* Whole numbers add without rounding, so a linear search is exact. */
static size_t naive_find(const double *p, size_t n, double mass)
{
	double sum = 0;
	size_t last = 0;
	for (size_t i = 0; i < n; i++) {
		sum += p[i];
		if (p[i] > 0 && mass < sum)
			return i;
		last = p[i] > 0 ? i : last;
	}
	return last; /* mass == total */
}

static void test_find_at_and_around_every_boundary(void)
{
	static double p[MAX_LEAVES];
	struct rng rng;
	rng_init(&rng, 3);
	for (size_t i = 0; i < N_SIZES; i++)
		for (int trial = 0; trial < 20; trial++) {
			struct sum_tree t;
			double total = 0, sum = 0;
			init(&t, sizes[i]);
			for (size_t l = 0; l < sizes[i]; l++) {
				p[l] = rng_below(&rng, 3) ? (double)rng_below(&rng, 100) : 0;
				p[l] += l == sizes[i] / 2; /* not all 0 */
				sum_tree_set(&t, l, p[l]);
				total += p[l];
			}
			CHECK(sum_tree_total(&t) == total);
			for (size_t l = 0; l < sizes[i]; l++) {
				const double masses[] = { sum, nextafter(sum, -1), nextafter(sum, INFINITY),
					sum + p[l] / 2 };
				for (int m = 0; m < 4; m++) {
					if (masses[m] < 0 || masses[m] > total)
						continue;
					const size_t got = sum_tree_find(&t, masses[m]);
					CHECK_INT(got, naive_find(p, sizes[i], masses[m]));
					CHECK(p[got] > 0);
				}
				sum += p[l];
			}
			CHECK_INT(sum_tree_find(&t, total), naive_find(p, sizes[i], total));
			CHECK_INT(sum_tree_find(&t, nextafter(total, 0)), naive_find(p, sizes[i], nextafter(total, 0)));
			sum_tree_release(&t);
		}
}

static void test_find_by_hand(void)
{
	static const double p[] = { 0, 1, 0, 2, 0.5, 0 };
	static const struct {
		double mass;
		size_t leaf;
	} cases[] = { { 0, 1 }, { 0.5, 1 }, { 0x1.fffffffffffffp-1, 1 }, { 1, 3 }, { 0x1.0000000000001p0, 3 },
		{ 2.75, 3 }, { 0x1.7ffffffffffffp1, 3 }, { 3, 4 }, { 3.25, 4 }, { 0x1.bffffffffffffp1, 4 },
		{ 3.5, 4 } };
	struct sum_tree t;
	init(&t, 6);
	for (size_t l = 0; l < 6; l++)
		sum_tree_set(&t, l, p[l]);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_INT(sum_tree_find(&t, cases[i].mass), cases[i].leaf);
	sum_tree_release(&t);

	init(&t, 1);
	sum_tree_set(&t, 0, 3);
	CHECK(sum_tree_total(&t) == 3);
	CHECK_INT(sum_tree_find(&t, 0), 0);
	CHECK_INT(sum_tree_find(&t, 3), 0);
	sum_tree_release(&t);
}

/* A mass that rounding puts at or behind a sum must not lead to an empty leaf. */
static void test_rounding_never_finds_an_empty_leaf(void)
{
	struct rng rng;
	rng_init(&rng, 4);
	for (size_t i = 0; i < N_SIZES; i++)
		for (int trial = 0; trial < 60; trial++) {
			struct sum_tree t;
			init(&t, sizes[i]);
			const uint64_t n_full = 1 + rng_below(&rng, sizes[i]);
			for (uint64_t k = 0; k < n_full; k++)
				sum_tree_set(&t, (size_t)rng_below(&rng, sizes[i]),
					ldexp(1 + rng_double(&rng), (int)rng_below(&rng, 80) - 40));
			const double total = sum_tree_total(&t);
			const double edges[] = { 0, nextafter(0, 1), total, nextafter(total, 0) };
			for (int k = 0; k < 200; k++) {
				const double mass = k < 4 ? edges[k] : rng_double(&rng) * total;
				CHECK(sum_tree_get(&t, sum_tree_find(&t, mass)) > 0);
			}
			/* each boundary, as a walk through the tree would reach it */
			double sum = 0;
			for (size_t l = 0; l < sizes[i]; l++) {
				sum += sum_tree_get(&t, l);
				const double mass = sum < total ? sum : total;
				CHECK(sum_tree_get(&t, sum_tree_find(&t, mass)) > 0);
			}
			sum_tree_release(&t);
		}
}

/* As one by one: leaves set together, the last of equal ones counting, and found together, at
 * boundaries and where rounding leads to an empty side. */
static void test_many_at_a_time_are_as_one_by_one(void)
{
	struct rng rng;
	rng_init(&rng, 6);
	for (size_t i = 0; i < N_SIZES; i++)
		for (int trial = 0; trial < 60; trial++) {
			struct sum_tree t, one;
			uint32_t leaf[SUM_TREE_MANY], found[SUM_TREE_MANY];
			double p[SUM_TREE_MANY], mass[SUM_TREE_MANY];
			init(&t, sizes[i]);
			init(&one, sizes[i]);
			for (int round = 0; round < 1 + trial % 3; round++) {
				const size_t n = (size_t)rng_below(&rng, SUM_TREE_MANY + 1);
				for (size_t j = 0; j < n; j++) {
					leaf[j] = (uint32_t)rng_below(&rng, sizes[i]);
					p[j] = draw_priority(&rng);
					sum_tree_set(&one, leaf[j], p[j]);
				}
				sum_tree_set_many(&t, n, leaf, p);
			}
			CHECK(memcmp(t.node + 1, one.node + 1, (2 * t.n_leaves - 1) * sizeof(*t.node)) == 0);
			const double total = sum_tree_total(&t);
			double sum = 0;
			for (size_t l = 0, n; total > 0 && l < sizes[i]; l += n) {
				n = sizes[i] - l < SUM_TREE_MANY ? sizes[i] - l : SUM_TREE_MANY;
				for (size_t j = 0; j < n; j++) {
					sum += sum_tree_get(&t, l + j);
					mass[j] = trial % 2 ? rng_double(&rng) * total : sum < total ? sum : total;
				}
				sum_tree_find_many(&t, n, mass, found);
				for (size_t j = 0; j < n; j++)
					CHECK_INT(found[j], sum_tree_find(&t, mass[j]));
			}
			sum_tree_release(&t);
			sum_tree_release(&one);
		}
}

/* One leaf beside so large a sum that it vanishes in it, at either side. */
static void test_priorities_of_very_different_sizes(void)
{
	struct sum_tree t;
	init(&t, 2);
	sum_tree_set(&t, 0, 1e-300);
	sum_tree_set(&t, 1, 1e10);
	CHECK(sum_tree_total(&t) == 1e10);
	CHECK_INT(sum_tree_find(&t, 0), 0);
	CHECK_INT(sum_tree_find(&t, 1e-300), 1);
	CHECK_INT(sum_tree_find(&t, 1e10), 1);
	sum_tree_set(&t, 0, 1e10);
	sum_tree_set(&t, 1, 1e-300);
	CHECK_INT(sum_tree_find(&t, nextafter(1e10, 0)), 0);
	CHECK_INT(sum_tree_find(&t, 1e10), 1);
	sum_tree_set(&t, 1, 0);
	CHECK_INT(sum_tree_find(&t, 1e10), 0); /* the total itself, right side empty */
	sum_tree_release(&t);
}

static void test_out_of_memory_is_an_ordinary_error(void)
{
	static const size_t large[] = { SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 16, SIZE_MAX / 1000, SIZE_MAX / 100000 };
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		struct sum_tree t;
		struct err e = { .msg = "" };
		CHECK(!sum_tree_init(&t, large[i], &e));
		CHECK_INT(e.kind, ERR_RUN);
		CHECK(strstr(e.msg, "out of memory") != NULL);
		CHECK(t.node == NULL);
	}
	CHECK(sum_tree_bytes(UINT64_MAX) == UINT64_MAX);
	CHECK(sum_tree_bytes((uint64_t)1 << 60) == UINT64_MAX);
	CHECK(sum_tree_bytes(((uint64_t)1 << 59) + 1) == UINT64_MAX);
	CHECK(sum_tree_bytes((uint64_t)1 << 59) == (uint64_t)1 << 63);
}

int main(void)
{
	RUN(test_a_tree_starts_with_zeros_and_a_power_of_two);
	RUN(test_total_is_the_sum_in_the_trees_order);
	RUN(test_long_updates_leave_the_tree_of_its_leaves);
	RUN(test_rebuilding_gives_the_tree_of_the_first_leaves);
	RUN(test_find_at_and_around_every_boundary);
	RUN(test_find_by_hand);
	RUN(test_rounding_never_finds_an_empty_leaf);
	RUN(test_many_at_a_time_are_as_one_by_one);
	RUN(test_priorities_of_very_different_sizes);
	RUN(test_out_of_memory_is_an_ordinary_error);
	return test_end();
}
