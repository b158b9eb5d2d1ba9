/* Every kernel of every instruction set against a naive loop, bit for bit, with
 * operands that end where readable memory ends. The naive loops state the
 * formulas of kernels.h with libm's fmaf. */
#include "nn/kernels.h"

#include "isas.h"
#include "naive.h"
#include "simd.h" /* for software_fma */
#include "test.h"

#include <fcntl.h>
#include <float.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Test data: xorshift64* (Vigna, 2016), independent of base/rng. */
static uint64_t random_state = 1;

static uint32_t random_bits(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)(random_state * 0x2545f4914f6cdd1du >> 32);
}

enum flavour { TAME, WILD, N_FLAVOURS };

/* TAME: in [-1, 1), now and then a zero. WILD: any bits, many special ones. */
static float random_float(enum flavour flavour)
{
	static const float special[] = { 0.0f, -0.0f, 1, -1, 0x1p-149f, -0x1p-149f, 0x1p-126f, 0x0.fffffep-126f,
		0x1p-100f, -0x1p-100f, 0x0.ffffffp-100f, FLT_MAX, -FLT_MAX, INFINITY, -INFINITY, NAN };
	const uint32_t choice = random_bits() % 64;
	if (flavour == WILD && choice < 8)
		return special[random_bits() % (sizeof(special) / sizeof(special[0]))];
	if (flavour == WILD && choice < 32)
		return from_bits(random_bits());
	if (choice == 63)
		return random_bits() & 1 ? 0.0f : -0.0f;
	return (float)(int32_t)random_bits() * 0x1p-31f;
}

static bool same(float a, float b)
{
	return to_bits(a) == to_bits(b) || (isnan(a) && isnan(b));
}

static size_t n_different(size_t n, const float *a, const float *b)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += !same(a[i], b[i]);
	return count;
}

/* Memory whose last float is followed by an inaccessible page. */
enum { GUARDED_BYTES = 1 << 23, GUARDED_FLOATS = GUARDED_BYTES / 4, N_CANARIES = 64 };
static const uint32_t canary = 0xdeadbeef;

static float *guarded_end(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const int zero = open("/dev/zero", O_RDWR);
	char *p = mmap(NULL, GUARDED_BYTES + page, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
	if (zero < 0 || p == MAP_FAILED || mprotect(p + GUARDED_BYTES, page, PROT_NONE) < 0)
		abort();
	close(zero);
	return (float *)(void *)(p + GUARDED_BYTES);
}

/* n floats that end at `end`, with canaries before them. */
static float *fresh(float *end, size_t n, enum flavour flavour)
{
	float *p = end - n;
	for (size_t i = 1; i <= N_CANARIES; i++)
		memcpy(p - i, &canary, sizeof(canary));
	for (size_t i = 0; i < n; i++)
		p[i] = random_float(flavour);
	return p;
}

static bool canaries_live(const float *p)
{
	for (size_t i = 1; i <= N_CANARIES; i++)
		if (memcmp(p - i, &canary, sizeof(canary)) != 0)
			return false;
	return true;
}

static float *ends[6]; /* guarded blocks, made once */
static float want[4][GUARDED_FLOATS];

static void for_each_isa(void (*check)(const struct kernels *k))
{
	for (int i = 0; i < N_ISAS; i++) {
		const struct kernels *k = kernels_find(isas[i]);
		if (k)
			check(k);
	}
}

static void test_find_names_the_sets(void)
{
	const struct kernels *best = NULL;
	for (int i = 0; i < N_ISAS; i++) {
		const struct kernels *k = kernels_find(isas[i]);
		if (!k) {
			SKIP(isas[i], "this machine has no such instructions");
			continue;
		}
		CHECK_STR(k->isa, isas[i]);
		CHECK(k->matmul && k->matmul_t && k->column_sums && k->adam && k->polyak && k->sum_squares &&
			k->transpose && k->fma_peak);
		best = k;
	}
	CHECK(kernels_find("scalar") != NULL);
	CHECK(best != NULL && kernels_find(NULL) == best);
	CHECK(kernels_find("") == NULL);
	CHECK(kernels_find("AVX2") == NULL);
	CHECK(kernels_find("avx") == NULL);
	CHECK(kernels_find("neon9") == NULL);
}

/* matmul */

/* Scratch memory for the kernels. What it holds is from before: any bits at first. */
static float *a_pack(void)
{
	static bool filled;
	float *pack = filled ? fresh(ends[4] - KERNELS_PACK, 0, WILD) : fresh(ends[4], KERNELS_PACK, WILD);
	filled = true;
	return pack;
}

struct product {
	size_t m, n, k, a_row, a_col;
	bool with_bias, relu;
};

static size_t a_size(const struct product *s)
{
	return (s->m - 1) * s->a_row + (s->k - 1) * s->a_col + 1;
}

static void naive_matmul(const struct product *s, const float *a, const float *b, const float *bias, float *c)
{
	for (size_t i = 0; i < s->m; i++)
		for (size_t j = 0; j < s->n; j++) {
			float sum = bias ? bias[j] : 0.0f;
			for (size_t p = 0; p < s->k; p++)
				sum = fmaf(a[i * s->a_row + p * s->a_col], b[p * s->n + j], sum);
			c[i * s->n + j] = s->relu && sum < 0 ? 0.0f : sum;
		}
}

static void check_product(const struct product *s, enum flavour flavour)
{
	const float *a = fresh(ends[0], a_size(s), flavour);
	const float *b = fresh(ends[1], s->k * s->n, flavour);
	const float *bias = s->with_bias ? fresh(ends[2], s->n, flavour) : NULL;
	naive_matmul(s, a, b, bias, want[0]);
	for (int i = 0; i < 2 * N_ISAS; i++) {
		const struct kernels *k = kernels_find(isas[i / 2]);
		if (!k)
			continue;
		float *c = fresh(ends[3], s->m * s->n, WILD), *pack = i % 2 ? a_pack() : NULL;
		k->matmul(s->m, s->n, s->k, a, s->a_row, s->a_col, b, bias, s->relu, c, pack);
		const size_t n_bad = n_different(s->m * s->n, c, want[0]);
		if (n_bad > 0)
			printf("%s: m %zu n %zu k %zu a_row %zu a_col %zu bias %d relu %d\n", k->isa, s->m, s->n, s->k,
				s->a_row, s->a_col, s->with_bias, s->relu);
		CHECK_INT(n_bad, 0);
		CHECK(canaries_live(c) && (!pack || canaries_live(pack)));
	}
}

/* Rows dense, rows padded, transposed, one element for all, one row for all, one
 * column for all. */
enum { N_LAYOUTS = 6 };

static struct product product(size_t m, size_t n, size_t k, unsigned layout, unsigned variant)
{
	struct product s = { .m = m, .n = n, .k = k, .with_bias = variant & 1, .relu = variant & 2 };
	s.a_row = layout == 0 || layout == 5 ? k : layout == 1 ? k + 3 : layout == 2 ? 1 : 0;
	s.a_col = layout == 2 ? m : layout == 3 || layout == 5 ? 0 : 1;
	return s;
}

static void test_matmul_of_every_small_size(void)
{
	for (unsigned v = 0; v < 4; v++)
		for (unsigned layout = 0; layout < N_LAYOUTS; layout++)
			for (size_t m = 1; m <= 19; m += m < 5 ? 1 : 2)
				for (size_t n = 1; n <= 49; n += n < 18 ? 1 : 5) {
					const struct product s = product(m, n, 1 + n % 4, layout, v);
					check_product(&s, TAME);
					check_product(&s, WILD);
				}
}

static void test_matmul_of_many_sizes(void)
{
	static const size_t sizes[] = { 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100 };
	enum { N_SIZES = sizeof(sizes) / sizeof(sizes[0]) };
	for (size_t m = 0; m < N_SIZES; m++)
		for (size_t n = 0; n < N_SIZES; n++)
			for (size_t k = 0; k < N_SIZES; k++) {
				const unsigned layout = random_bits() % N_LAYOUTS, v = random_bits() % 4;
				const struct product s = product(sizes[m], sizes[n], sizes[k], layout, v);
				/* Long WILD sums would all be NaN. */
				check_product(&s, sizes[k] <= 3 ? WILD : TAME);
			}
}

/* Every width up to 70 with depths up to 70 and batches up to 257. */
static void test_matmul_of_every_width(void)
{
	static const size_t batches[] = { 1, 2, 5, 8, 16, 17, 31, 32, 33, 48, 64, 65, 96, 127, 128, 129, 255, 256,
		257 };
	for (size_t n = 1; n <= 70; n++)
		for (size_t k = 1 + n % 5; k <= 70; k += 5) {
			const size_t m = batches[random_bits() % (sizeof(batches) / sizeof(batches[0]))];
			const struct product s = product(m, n, k, random_bits() % 3, random_bits() % 4);
			check_product(&s, TAME);
		}
}

/* Few columns: every height, where a is stored by columns, up to more than any set computes at a time. */
static void test_matmul_of_narrow_products(void)
{
	for (size_t m = 1; m <= 100; m++)
		for (size_t n = 1; n <= 4; n++) {
			const struct product s = product(m, n, 1 + m % 9, 2, (unsigned)(m + n) % 4);
			check_product(&s, TAME);
		}
}

static void test_matmul_of_empty_sums_is_the_bias(void)
{
	static const float bias[3] = { 1.5f, -2.5f, -0.0f };
	for (int i = 0; i < N_ISAS; i++) {
		const struct kernels *k = kernels_find(isas[i]);
		enum { N = 20 * 3 };
		float c[N] = { 9 };
		if (!k)
			continue;
		k->matmul(N / 3, 3, 0, bias, 1, 1, bias, bias, true, c, NULL);
		for (int j = 0; j < N; j++)
			CHECK(to_bits(c[j]) == to_bits(bias[j % 3] < 0 ? 0.0f : bias[j % 3]));
	}
}

/* On either side of every block's edge: of vectors, panels, packed rows and groups. One
 * size is large, the others are moderate. */
static void test_matmul_at_the_edges_of_blocks(void)
{
	static const size_t edges[] = { 127, 128, 129, 191, 192, 193, 255, 256, 257, 421, 511, 512, 513, 1023, 1024,
		1025 };
	static const size_t rows[] = { 1, 3, 16, 23, 24, 32, 33, 65 };
	enum { N_EDGES = sizeof(edges) / sizeof(edges[0]), N_ROWS = sizeof(rows) / sizeof(rows[0]) };
	for (unsigned i = 0; i < 3 * N_EDGES; i++) {
		const size_t edge = edges[i / 3], small = rows[random_bits() % N_ROWS];
		const size_t other = 1 + random_bits() % 40;
		const struct product s = i % 3 == 0   ? product(edge, other, small, i % 2 * 2, i % 4)
					 : i % 3 == 1 ? product(small, edge, other, i % 2 * 2, i % 4)
						      : product(small, other, edge, i % 2 * 2, i % 4);
		check_product(&s, TAME);
	}
}

/* Wide enough to be packed and deeper than is packed at a time, or narrow; and both operands
 * packed, in blocks of each. */
static void test_matmul_of_packed_products(void)
{
	static const size_t sizes[][3] = { { 8, 1, 513 }, { 33, 3, 600 }, { 7, 4, 129 }, { 70, 8, 257 },
		{ 24, 192, 513 }, { 32, 193, 257 }, { 33, 257, 129 }, { 100, 300, 1 }, { 40, 513, 130 },
		{ 32, 4096, 7 }, { 35, 330, 700 }, { 24, 352, 600 }, { 64, 640, 300 }, { 1024, 320, 9 },
		{ 1045, 345, 130 }, { 1027, 323, 600 }, { 33, 1025, 1030 }, { 33, 1029, 1030 }, { 70, 2085, 520 },
		{ 2, 1030, 1021 }, { 9, 1045, 1030 }, { 17, 1027, 1040 }, { 33, 344, 300 }, { 35, 353, 300 },
		{ 33, 545, 600 } };
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (unsigned v = 0; v < 3; v++) {
			const struct product s = product(sizes[i][0], sizes[i][1], sizes[i][2], v % 2 * 2, 3 - v);
			check_product(&s, TAME);
		}
}

/* matmul_t: rows of c and of the gate are pad floats longer than the product. Half of the times with sums. */
static void check_transposed(size_t m, size_t n, size_t k, size_t pad, bool gated, enum flavour flavour)
{
	const size_t c_row = n + pad, size = (m - 1) * c_row + n;
	const struct product s = { .m = m, .n = n, .k = k, .a_row = k, .a_col = 1 };
	const float *a = fresh(ends[0], m * k, flavour);
	const float *b = fresh(ends[1], n * k, flavour);
	const float *gate = gated ? fresh(ends[2], size, flavour) : NULL;
	for (size_t j = 0; j < n; j++)
		for (size_t p = 0; p < k; p++)
			want[1][p * n + j] = b[j * k + p];
	naive_matmul(&s, a, want[1], NULL, want[0]);
	for (int i = 0; i < 2 * N_ISAS; i++) {
		const struct kernels *kernels = kernels_find(isas[i / 2]);
		size_t n_bad = 0;
		if (!kernels)
			continue;
		float *c = fresh(ends[3], size, WILD), *pack = i % 2 ? a_pack() : NULL;
		memcpy(want[2], c, size * sizeof(float));
		for (size_t r = 0; r < m; r++)
			for (size_t j = 0; j < n; j++)
				want[2][r * c_row + j] = !gate || gate[r * c_row + j] > 0 ? want[0][r * n + j] : 0.0f;
		float *sums = (m + n + k) % 2 ? fresh(ends[5], n, WILD) : NULL;
		kernels->matmul_t(m, n, k, a, b, gate, c, c_row, sums, pack);
		n_bad = n_different(size, c, want[2]);
		for (size_t j = 0; sums && j < n; j++) {
			float sum = 0;
			for (size_t r = 0; r < m; r++)
				sum += want[2][r * c_row + j];
			n_bad += !same(sums[j], sum);
		}
		CHECK(!sums || canaries_live(sums));
		if (n_bad > 0)
			printf("%s: m %zu n %zu k %zu pad %zu gated %d\n", kernels->isa, m, n, k, pad, gated);
		CHECK_INT(n_bad, 0);
		CHECK(canaries_live(c) && (!pack || canaries_live(pack)));
	}
}

static void test_matmul_t(void)
{
	static const size_t large[][3] = { { 1, 300, 513 }, { 2, 257, 300 }, { 33, 513, 33 }, { 257, 255, 7 },
		{ 64, 33, 512 }, { 5, 1025, 33 }, { 12, 65, 1025 }, { 13, 24, 513 }, { 12, 65, 1024 }, { 14, 24, 513 },
		{ 513, 321, 1 } };
	for (size_t m = 1; m <= 40; m += m < 3 ? 1 : 12)
		for (size_t n = 1; n <= 70; n++) {
			const size_t k = 1 + random_bits() % 70;
			check_transposed(m, n, k, n % 3, n % 2, TAME);
			check_transposed(m, n, 1 + n % 4, m % 2, m % 3, WILD);
		}
	for (unsigned i = 0; i < sizeof(large) / sizeof(large[0]); i++)
		for (unsigned v = 0; v < 4; v += 3)
			check_transposed(large[i][0], large[i][1], large[i][2], v & 1, v & 2, TAME);
}

/* Of many more columns than rows: in blocks of products, with columns that fill no vector, and at most rows. */
static void test_matmul_t_of_turned_products(void)
{
	static const size_t sizes[][3] = { { 5, 331, 800 }, { 9, 600, 450 }, { 16, 1030, 250 }, { 24, 520, 600 },
		{ 33, 323, 4160 }, { 65, 1041, 300 }, { 256, 2051, 120 } };
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (unsigned v = 0; v < 4; v += 3)
			check_transposed(sizes[i][0], sizes[i][1], sizes[i][2], 3 * (v & 1), v & 2, TAME);
	check_transposed(33, 601, 400, 1, true, WILD);
}

/* column_sums */

static void check_column_sums(const struct kernels *k)
{
	static const size_t row_counts[] = { 0, 1, 2, 33 };
	for (size_t r = 0; r < sizeof(row_counts) / sizeof(row_counts[0]); r++)
		for (size_t n = 1; n <= 140; n++) {
			const size_t rows = row_counts[r];
			const float *x = fresh(ends[0], rows * n, n % 2 ? TAME : WILD);
			float *sums = fresh(ends[1], n, WILD);
			for (size_t j = 0; j < n; j++) {
				want[0][j] = 0;
				for (size_t i = 0; i < rows; i++)
					want[0][j] += x[i * n + j];
			}
			k->column_sums(rows, n, x, sums);
			CHECK_INT(n_different(n, sums, want[0]), 0);
			CHECK(canaries_live(sums));
		}
}

static void test_column_sums(void)
{
	for_each_isa(check_column_sums);
}

/* transpose */

static void check_transpose(const struct kernels *k)
{
	for (size_t rows = 1; rows <= 50; rows += rows < 18 ? 1 : 7)
		for (size_t cols = 1; cols <= 50; cols += cols < 18 ? 1 : 7) {
			const size_t n = rows * cols;
			const float *x = fresh(ends[0], n, WILD);
			float *t = fresh(ends[1], n, WILD);
			for (size_t i = 0; i < n; i++)
				want[0][i % cols * rows + i / cols] = x[i];
			k->transpose(rows, cols, x, t);
			CHECK(memcmp(t, want[0], n * sizeof(float)) == 0);
			CHECK(canaries_live(t));
		}
}

static void test_transpose(void)
{
	for_each_isa(check_transpose);
}

/* polyak */

static void check_polyak(const struct kernels *k)
{
	static const float taus[] = { 0, 1, 0.005f, 0.3f };
	for (size_t n = 0; n <= 100; n++) {
		const float tau = taus[n % 4];
		const float *source = fresh(ends[0], n, n % 8 < 4 ? TAME : WILD);
		float *target = fresh(ends[1], n, n % 8 < 4 ? TAME : WILD);
		for (size_t i = 0; i < n; i++)
			want[0][i] = fmaf(tau, source[i], (1 - tau) * target[i]);
		k->polyak(n, tau, source, target);
		CHECK_INT(n_different(n, target, want[0]), 0);
		CHECK(canaries_live(target));
	}
}

static void test_polyak(void)
{
	for_each_isa(check_polyak);
}

/* adam */

static const struct adam_coef coefs[] = {
	{ 0.9f, 0.1f, 0.999f, 0.001f, 1, 31.6f, 1e-8f, 0.01f },
	{ 0.9f, 0.1f, 0.999f, 0.001f, 0.37f, 1.4f, 1e-8f, 2.5e-4f },
	{ 0, 1, 0, 1, 1, 1, 1e-5f, 1e-3f },
	{ 0.5f, 0.5f, 0.25f, 0.75f, 1e-20f, 0.5f, 0.1f, 1 },
};
enum { N_COEFS = sizeof(coefs) / sizeof(coefs[0]) };

static void check_adam(const struct kernels *k)
{
	for (size_t n = 0; n <= 200; n++) {
		const struct adam_coef *c = &coefs[n % N_COEFS];
		const enum flavour flavour = n % 8 < 4 ? TAME : WILD;
		float *p[4];
		for (int b = 0; b < 4; b++)
			p[b] = fresh(ends[b], n, flavour);
		for (size_t i = 0; i < n; i++)
			p[2][i] = fabsf(p[2][i]); /* v is a square */
		for (int b = 0; b < 4; b++)
			memcpy(want[b], p[b], n * sizeof(float));
		naive_adam(n, c, want[0], want[1], want[2], want[3]);
		k->adam(n, c, p[0], p[1], p[2], p[3]);
		for (int b = 0; b < 4; b++) {
			CHECK_INT(n_different(n, p[b], want[b]), 0);
			CHECK(canaries_live(p[b]));
		}
	}
}

static void test_adam(void)
{
	for_each_isa(check_adam);
}

/* Moments of 2^-100 and above stay, smaller ones become +0. With beta 1 a step
 * without a gradient keeps the moments otherwise. */
static void check_flush(const struct kernels *k)
{
	static const float x[] = { 0x1p-100f, 0x1.fffffep-101f, -0x1p-100f, -0x1.fffffep-101f, 0x1.000002p-100f,
		0x1p-149f, -0x1p-149f, 0.0f, -0.0f, 1, -1, 0x1p-126f, 0x1p-99f, -0x1p-101f, 0x1p-90f, 0x1p-100f,
		0x1.fffffep-101f };
	enum { N = sizeof(x) / sizeof(x[0]) }; /* a whole vector and a tail of every set */
	const struct adam_coef keep = { 1, 0, 1, 0, 1, 1, 1, 1 };
	float grad[N] = { 0 }, m[N], v[N], param[N] = { 0 };
	memcpy(m, x, sizeof(m));
	for (int i = 0; i < N; i++)
		v[i] = fabsf(x[i]);
	k->adam(N, &keep, grad, m, v, param);
	for (int i = 0; i < N; i++) {
		/* cppcheck-suppress incorrectLogicOperator ; it misreads hexadecimal floats */
		const bool stays = x[i] >= 0x1p-100f || x[i] <= -0x1p-100f;
		CHECK(to_bits(m[i]) == to_bits(stays ? x[i] : 0.0f));
		CHECK(to_bits(v[i]) == to_bits(stays ? fabsf(x[i]) : 0.0f));
	}
}

static void test_adam_flushes_moments_below_2_to_minus_100(void)
{
	for_each_isa(check_flush);
}

static void check_adam_nan(const struct kernels *k)
{
	enum { N = 21 };
	for (int bad = 0; bad < N; bad++) {
		float grad[N], m[N] = { 0 }, v[N] = { 0 }, param[N] = { 0 };
		for (int i = 0; i < N; i++)
			grad[i] = i == bad ? NAN : 1;
		k->adam(N, &coefs[0], grad, m, v, param);
		for (int i = 0; i < N; i++) {
			CHECK_INT(isnan(m[i]), i == bad);
			CHECK_INT(isnan(v[i]), i == bad);
			CHECK_INT(isnan(param[i]), i == bad);
		}
	}
}

static void test_adam_hides_no_nan(void)
{
	for_each_isa(check_adam_nan);
}

/* The roots of 1 to 4, times powers of 4: m / sqrt(v) is 1 only where the root is that of the C library. */
static void check_roots(const struct kernels *k)
{
	enum { N = 4096, STEP = 31 };
	const struct adam_coef keep = { 1, 0, 1, 0, 1, 1, 0, -1 };
	static float grad[N], m[N], v[N], param[N], ones[N];
	uint32_t mantissa = 0;
	for (int round = 0; round < (2 << 23) / N / STEP; round++) {
		for (int i = 0; i < N; i++, mantissa += STEP) {
			v[i] = ldexpf(from_bits((127u << 23) + mantissa), 2 * (round % 99 - 50));
			m[i] = sqrtf(v[i]);
			param[i] = 0;
			ones[i] = 1;
		}
		k->adam(N, &keep, grad, m, v, param);
		CHECK_INT(n_different(N, param, ones), 0);
	}
}

static void test_adam_has_correctly_rounded_roots(void)
{
	for_each_isa(check_roots);
}

/* simd.h's vf_sqrt of AVX-512, from any estimate of 1 / sqrt(v). */
static float root_from(float v, float estimate)
{
	const float g = v * estimate, h = 0.5f * estimate, e = fmaf(-g, h, 0.5f), root = fmaf(g, e, g);
	return fmaf(fmaf(-root, root, v), fmaf(h, e, h), root);
}

/* An error of 2^-22 units in the last place at most, before the last rounding, matters only
 * where a root is that close to the middle between two floats. There every estimate within
 * 2^-14 is tried, as processors differ; and the furthest ones of some others. */
static void test_roots_do_not_depend_on_the_estimate(void)
{
	int n_close = 0, n_bad = 0;
	for (uint32_t bits = 127u << 23; bits < 129u << 23; bits++) { /* 1 to 4 */
		const float v = from_bits(bits), root = sqrtf(v);
		const int64_t r = (int64_t)((double)root * 0x1p23), square = (int64_t)((double)v * 0x1p46);
		/* (r +- 1/2)^2 less v, times 4; divided by 8 r it is a distance in last places. */
		const int64_t above = (2 * r + 1) * (2 * r + 1) - 4 * square,
			      below = 4 * square - (2 * r - 1) * (2 * r - 1);
		const bool close = above < 8 * r >> 18 || below < 8 * r >> 18;
		n_close += close;
		if (!close && bits % 64 != 0)
			continue;
		const double exact = 1 / sqrt((double)v), reach = exact * 0x1.01p-14;
		const float first = (float)(exact - reach), last = (float)(exact + reach);
		for (float y = first; y <= last; y = close ? nextafterf(y, 2) : y < last ? last : 2)
			n_bad += to_bits(root_from(v, y)) != to_bits(root);
	}
	CHECK_INT(n_bad, 0);
	CHECK(n_close > 50);
}

/* sum_squares */

static void check_sum_squares(const struct kernels *k)
{
	for (size_t n = 0; n <= 200; n++) {
		float *x = fresh(ends[0], n, TAME);
		for (size_t i = 0; i < n; i++) /* sizes apart, so that the order shows */
			x[i] = ldexpf(x[i], (int)(random_bits() % 40));
		const double got = k->sum_squares(n, x), naive = naive_sum_squares(n, x);
		CHECK(memcmp(&got, &naive, sizeof(got)) == 0);
	}
	CHECK(k->sum_squares(0, NULL) == 0);
}

static void test_sum_squares_in_its_order(void)
{
	for_each_isa(check_sum_squares);
}

static void check_finite(const struct kernels *k)
{
	enum { N = 43 };
	float x[N];
	for (int i = 0; i < N; i++)
		x[i] = i % 2 ? 1e38f : -FLT_MAX;
	const double all = k->sum_squares(N, x);
	CHECK(isfinite(all));
	const double max = (double)FLT_MAX * (double)FLT_MAX;
	CHECK_NEAR(all / (22 * max + 21 * ((double)1e38f * (double)1e38f)), 1, 1e-15);
	for (int i = 0; i < N; i++) {
		static const float bad[] = { INFINITY, -INFINITY, NAN };
		for (int b = 0; b < 3; b++) {
			const float old = x[i];
			x[i] = bad[b];
			CHECK(!isfinite(k->sum_squares(N, x)));
			x[i] = old;
		}
	}
}

static void test_sum_squares_is_finite_exactly_if_all_elements_are(void)
{
	for_each_isa(check_finite);
}

/* The fused multiply-add of every set, a product of one term, and the software one. */

enum { FMA_N = 23 }; /* whole vectors and a tail of every set */
static size_t n_bad_fma;

static void check_one_fma(const char *isa, float a, float b, float c, float got)
{
	const float exact = fmaf(a, b, c);
	if (!same(got, exact) && n_bad_fma++ < 10)
		printf("%s: fma(%a, %a, %a) is %a, not %a\n", isa, (double)a, (double)b, (double)c, (double)got,
			(double)exact);
}

static void check_fma(float a, const float b[FMA_N], const float c[FMA_N])
{
	for (int i = 0; i < N_ISAS; i++) {
		const struct kernels *k = kernels_find(isas[i]);
		float got[FMA_N];
		if (!k)
			continue;
		k->matmul(1, FMA_N, 1, &a, 1, 1, b, c, false, got, NULL);
		for (int j = 0; j < FMA_N; j++)
			check_one_fma(isas[i], a, b[j], c[j], got[j]);
	}
	for (int j = 0; j < FMA_N; j++)
		check_one_fma("software", a, b[j], c[j], software_fma(a, b[j], c[j]));
}

static void test_fma_of_any_bits(void)
{
	n_bad_fma = 0;
	for (int i = 0; i < 100000; i++) {
		float b[FMA_N], c[FMA_N];
		for (int j = 0; j < FMA_N; j++) {
			b[j] = from_bits(random_bits());
			c[j] = from_bits(random_bits());
		}
		check_fma(from_bits(random_bits()), b, c);
	}
	CHECK_INT(n_bad_fma, 0);
}

static void test_fma_of_special_values(void)
{
	static const float x[FMA_N] = { 0, 1, 0x1.000002p+0f, 0x1.fffffep-1f, 2, 3, 0x1p-149f, 0x3p-149f,
		0x0.fffffep-126f, 0x1p-126f, 0x1.000002p-126f, 0x1p-75f, 0x1.8p-75f, 0x1p-24f, 0x1.000002p-24f,
		0x1p-25f, 0x1p24f, 0x1.fffffep+23f, 0x1p63f, 0x1p64f, FLT_MAX, INFINITY, NAN };
	n_bad_fma = 0;
	for (int i = 0; i < FMA_N; i++)
		for (int l = 0; l < FMA_N; l++)
			for (int sign = 0; sign < 8; sign++) {
				float b[FMA_N], c[FMA_N];
				for (int j = 0; j < FMA_N; j++) {
					b[j] = sign & 2 ? -x[j] : x[j];
					c[j] = sign & 4 ? -x[(l + j) % FMA_N] : x[(l + j) % FMA_N];
				}
				check_fma(sign & 1 ? -x[i] : x[i], b, c);
			}
	CHECK_INT(n_bad_fma, 0);
}

/* A float with few significant bits, so that sums fall on halves of a last bit. */
static float short_float(int exponent)
{
	const uint32_t kept = random_bits() % 24;
	const uint32_t mantissa = (random_bits() >> kept << kept) & 0x7fffff;
	const uint32_t low_bit = random_bits() % 4 == 0;
	const float x = ldexpf(1 + (float)(mantissa | low_bit) * 0x1p-23f, exponent);
	return random_bits() & 1 ? -x : x;
}

static void test_fma_rounds_once_near_halves(void)
{
	n_bad_fma = 0;
	for (int i = 0; i < 100000; i++) {
		const int ea = (int)(random_bits() % 40) - 20;
		float b[FMA_N], c[FMA_N];
		for (int j = 0; j < FMA_N; j++) {
			const int eb = (int)(random_bits() % 40) - 20;
			b[j] = short_float(eb);
			c[j] = short_float(ea + eb + (int)(random_bits() % 120) - 60);
		}
		check_fma(short_float(ea), b, c);
	}
	CHECK_INT(n_bad_fma, 0);
}

/* The sum is half a last bit off a float, but for a term far below. */
static void test_fma_rounds_once_on_either_side_of_a_half(void)
{
	n_bad_fma = 0;
	for (int i = 0; i < 100000; i++) {
		const float factor = 1 + 0x1p-23f * (float)(1u << random_bits() % 23);
		float b[FMA_N], c[FMA_N];
		for (int j = 0; j < FMA_N; j++) {
			const int e = (int)(random_bits() % 252) - 126;
			const int up = (int)(random_bits() % 60);
			b[j] = short_float(e);
			c[j] = ldexpf(short_float(0), e + up > 127 ? 127 : e + up);
		}
		check_fma(random_bits() & 1 ? -factor : factor, b, c);
	}
	CHECK_INT(n_bad_fma, 0);
}

/* Every other sum has a product just off half the smallest denormal. */
static void test_fma_rounds_once_to_denormals(void)
{
	n_bad_fma = 0;
	for (int i = 0; i < 100000; i++) {
		const int ea = -(int)(random_bits() % 100);
		const bool half = i % 2;
		float b[FMA_N], c[FMA_N];
		for (int j = 0; j < FMA_N; j++) {
			const int eb = -120 - (int)(random_bits() % 40) - ea;
			b[j] = half ? ldexpf(1 - 0x1p-23f, -150 - ea) : short_float(eb < -149 ? -149 : eb);
			c[j] = short_float(-120 - (int)(random_bits() % 30));
		}
		check_fma(half ? ldexpf(1 + 0x1p-23f, ea) : short_float(ea), b, c);
	}
	CHECK_INT(n_bad_fma, 0);
}

static void test_fma_at_the_largest_finite_values(void)
{
	n_bad_fma = 0;
	for (int i = 0; i < 30000; i++) {
		const int ea = (int)(random_bits() % 127);
		float b[FMA_N], c[FMA_N];
		for (int j = 0; j < FMA_N; j++) {
			b[j] = short_float(127 - ea - (int)(random_bits() % 2));
			c[j] = short_float(100 + (int)(random_bits() % 28));
		}
		check_fma(short_float(ea), b, c);
	}
	CHECK_INT(n_bad_fma, 0);
}

int main(void)
{
	for (int i = 0; i < 6; i++)
		ends[i] = guarded_end();
	RUN(test_find_names_the_sets);
	RUN(test_matmul_of_every_small_size);
	RUN(test_matmul_of_many_sizes);
	RUN(test_matmul_of_every_width);
	RUN(test_matmul_of_narrow_products);
	RUN(test_matmul_of_empty_sums_is_the_bias);
	RUN(test_matmul_at_the_edges_of_blocks);
	RUN(test_matmul_of_packed_products);
	RUN(test_matmul_t);
	RUN(test_matmul_t_of_turned_products);
	RUN(test_column_sums);
	RUN(test_transpose);
	RUN(test_polyak);
	RUN(test_adam);
	RUN(test_adam_flushes_moments_below_2_to_minus_100);
	RUN(test_adam_hides_no_nan);
	RUN(test_adam_has_correctly_rounded_roots);
	RUN(test_roots_do_not_depend_on_the_estimate);
	RUN(test_sum_squares_in_its_order);
	RUN(test_sum_squares_is_finite_exactly_if_all_elements_are);
	RUN(test_fma_of_any_bits);
	RUN(test_fma_of_special_values);
	RUN(test_fma_rounds_once_near_halves);
	RUN(test_fma_rounds_once_on_either_side_of_a_half);
	RUN(test_fma_rounds_once_to_denormals);
	RUN(test_fma_at_the_largest_finite_values);
	return test_end();
}
