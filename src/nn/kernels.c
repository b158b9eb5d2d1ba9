/* Compiled once per instruction set: one of the KERNELS_ of simd.h, or none. */
#include "nn/kernels.h"

#include "simd.h"

#include <assert.h>

#define INLINE static inline __attribute__((always_inline))

/* Panels of a b this wide are copied together first: their rows are so far apart that
 * they share few sets of the caches and need many pages. */
#define PACK_FROM 192     /* columns */
#define PACK_FLOATS 4096  /* at a time: half a first-level cache */
#define PANEL (2 * LANES) /* columns */
#define NARROW 4          /* columns at most that leave a vector empty */
#define MOST_ROWS 16      /* of a tile */
#define PACK_ROWS (PACK_FLOATS / PANEL)

/* c (m,.) = from (m,.) + a (m,k) b (k,.), for as many columns as a panel has. */
struct product {
	size_t m, k;
	const float *a, *b, *from; /* from NULL: zeros */
	float *c;
	size_t a_row, a_col, b_row, from_row, c_row; /* strides */
	bool relu;
};

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* A vector, or its first n lanes if n > 0. */
INLINE vf load(const float *p, int n)
{
	return n > 0 ? vf_load_n(p, n) : vf_load(p);
}

INLINE void store(float *p, vf v, int n)
{
	if (n > 0)
		vf_store_n(p, v, n);
	else
		vf_store(p, v);
}

/* rows x n_vec vectors of c from row i on, the last vector `tail` lanes wide if
 * tail > 0. rows and n_vec are constants wherever this is inlined, so that the
 * accumulators live in registers. */
INLINE void tile(size_t rows, size_t n_vec, int tail, const struct product *x, size_t i)
{
	const size_t a_row = x->a_row, a_col = x->a_col, b_row = x->b_row;
	const float *b = x->b, *a[MOST_ROWS / 3 + 1]; /* of every third row: see below */
	for (size_t g = 0; g < (rows + 2) / 3; g++)
		a[g] = x->a + (i + 3 * g) * a_row;
	vf acc[MOST_ROWS][ROW_VECTORS];
	for (size_t v = 0; v < n_vec; v++) {
		const int n = v == n_vec - 1 ? tail : 0;
		if (!x->from || x->from_row == 0) {
			const vf all = x->from ? load(x->from + v * LANES, n) : vf_set1(0.0f);
			for (size_t r = 0; r < rows; r++)
				acc[r][v] = all;
		} else {
			for (size_t r = 0; r < rows; r++)
				acc[r][v] = load(x->from + (i + r) * x->from_row + v * LANES, n);
		}
	}
	for (size_t p = 0; p < x->k; p++, b += b_row) {
		vf bp[ROW_VECTORS];
		for (size_t v = 0; v < n_vec; v++)
			bp[v] = load(b + v * LANES, v == n_vec - 1 ? tail : 0);
		for (size_t r = 0; r < rows; r++) {
			/* Base, base + index and base + 2 index: an address for each row
			 * would not fit the registers. */
			const vf ar = vf_set1(a[r / 3][r % 3 * a_row]);
			for (size_t v = 0; v < n_vec; v++)
				acc[r][v] = vf_fma(ar, bp[v], acc[r][v]);
		}
		for (size_t g = 0; g < (rows + 2) / 3; g++)
			a[g] += a_col;
	}
	for (size_t r = 0; r < rows; r++)
		for (size_t v = 0; v < n_vec; v++) {
			const vf y = x->relu ? vf_relu(acc[r][v]) : acc[r][v];
			float *to = x->c + (i + r) * x->c_row + v * LANES;
			store(to, y, v == n_vec - 1 ? tail : 0);
		}
}

/* All m rows of one panel of columns, in tiles of nearly equal height: a tile of few rows
 * has too few independent sums. */
INLINE void tiles(size_t n_vec, int tail, const struct product *x)
{
	const size_t most = n_vec == 1 ? 2 * TILE_ROWS : TILE_ROWS;
	const size_t n_tiles = (x->m + most - 1) / most;
	const size_t rows = x->m / n_tiles, n_larger = x->m % n_tiles;
	for (size_t t = 0, i = 0; t < n_tiles; t++) {
		switch (rows + (t < n_larger)) {
#define ROWS(r)                                     \
	case r:                                     \
		if (r <= most)                      \
			tile(r, n_vec, tail, x, i); \
		break;
			ROWS(1)
			ROWS(2)
			ROWS(3)
			ROWS(4)
			ROWS(5)
			ROWS(6)
			ROWS(7)
			ROWS(8)
			ROWS(9)
			ROWS(10)
			ROWS(11)
			ROWS(12)
			ROWS(13)
			ROWS(14)
			ROWS(15)
			ROWS(16)
#undef ROWS
		}
		i += rows + (t < n_larger);
	}
}

/* The first n <= PANEL columns. The product is passed by value: the compiler then knows
 * that no store of a vector changes it. */
static void panel(size_t n, struct product x)
{
	if (n == PANEL)
		tiles(2, 0, &x);
	else if (n > LANES)
		tiles(2, (int)(n - LANES), &x);
	else if (n == LANES)
		tiles(1, 0, &x);
	else
		tiles(1, (int)n, &x);
}

/* rows x PANEL of b, side by side */
static void pack(size_t rows, const float *b, size_t b_row, float *packed)
{
	for (size_t p = 0; p < rows; p++, b += b_row, packed += PANEL) {
		vf_store(packed, vf_load(b));
		vf_store(packed + LANES, vf_load(b + LANES));
	}
}

/* A c of few columns would leave most lanes of a vector empty. Vectors of LANES rows of
 * c fill them, where a is dense in one of its two directions: the same sums in the same
 * order. Two ways to get at those rows: both add to ct, where a column of c begins as its
 * bias. */

/* From the columns of a (rows,k), rows <= LANES; n is a constant wherever this is
 * inlined. */
INLINE void columns(size_t rows, size_t n, size_t k, const float *a, size_t a_row, const float *b,
	bool relu, float *ct)
{
	vf acc[NARROW];
	for (size_t j = 0; j < n; j++)
		acc[j] = vf_load(ct + j * LANES);
	for (size_t p = 0; p < k; p += 4, b += 4 * n) {
		const size_t width = smaller(k - p, 4);
		vf v[4];
		if (width == 4) {
			vf_columns(v, a + p, a_row, rows - 1);
		} else {
			float column[4][LANES] = { 0 };
			for (size_t r = 0; r < rows; r++)
				for (size_t l = 0; l < width; l++)
					column[l][r] = a[r * a_row + p + l];
			for (size_t l = 0; l < 4; l++)
				v[l] = vf_load(column[l]);
		}
		for (size_t l = 0; l < width; l++)
			for (size_t j = 0; j < n; j++)
				acc[j] = vf_fma(v[l], vf_set1(b[l * n + j]), acc[j]);
	}
	for (size_t j = 0; j < n; j++)
		vf_store(ct + j * LANES, relu ? vf_relu(acc[j]) : acc[j]);
}

static void from_columns(size_t rows, size_t n, size_t k, const float *a, size_t a_row,
	const float *b, bool relu, float *ct)
{
	switch (n) {
#define COLUMNS(n)                                                   \
	case n:                                                      \
		if (rows == LANES)                                   \
			columns(LANES, n, k, a, a_row, b, relu, ct); \
		else                                                 \
			columns(rows, n, k, a, a_row, b, relu, ct);  \
		break;
		COLUMNS(1)
		COLUMNS(2)
		COLUMNS(3)
		COLUMNS(4)
#undef COLUMNS
	default:
		assert(n >= 1 && n <= NARROW);
	}
}

/* For a(i,p) adjacent to a(i+1,p): c^T (n,rows) = b^T (n,k) a^T (k,rows), rows <=
 * PANEL. */
static void from_rows(size_t rows, size_t n, size_t k, const float *a, size_t a_col, const float *b,
	bool relu, float *ct)
{
	struct product x = { .m = n, .k = k, .a = b, .a_row = 1, .a_col = n, .b = a };
	x.b_row = a_col;
	x.from = x.c = ct;
	x.from_row = x.c_row = PANEL;
	x.relu = relu;
	panel(rows, x);
}

static void narrow(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col,
	const float *b, const float *bias, bool relu, float *c)
{
	float ct[MOST_ROWS * PANEL];
	const size_t block = a_row == 1 ? PANEL : LANES;
	for (size_t i = 0; i < m; i += block) {
		const size_t rows = smaller(m - i, block);
		for (size_t j = 0; j < n; j++)
			for (size_t l = 0; l < block; l += LANES)
				vf_store(ct + j * block + l, vf_set1(bias ? bias[j] : 0));
		if (a_row == 1)
			from_rows(rows, n, k, a + i, a_col, b, relu, ct);
		else
			from_columns(rows, n, k, a + i * a_row, a_row, b, relu, ct);
		for (size_t j = 0; j < n; j++)
			for (size_t r = 0; r < rows; r++)
				c[(i + r) * n + j] = ct[j * block + r];
	}
}

static void wide(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col,
	const float *b, const float *bias, bool relu, float *c)
{
	float packed[PACK_FLOATS];
	const bool worth_packing = m >= 4 * TILE_ROWS && n >= PACK_FROM;
	const size_t block = worth_packing ? PACK_ROWS : k;
	for (size_t j = 0; j < n;) {
		const size_t left = n - j;
		const bool whole = m == 1 && left >= ROW_VECTORS * LANES;
		const bool half = !whole && m == 1 && left >= ROW_VECTORS / 2 * LANES;
		struct product x = { .m = m, .a_row = a_row, .a_col = a_col };
		x.from = bias ? bias + j : NULL;
		x.c = c + j;
		x.c_row = n;
		size_t p = 0;
		do {
			x.k = smaller(k - p, block);
			x.a = a + p * a_col;
			x.b = b + p * n + j;
			x.b_row = n;
			if (worth_packing && left >= PANEL) {
				pack(x.k, x.b, n, packed);
				x.b = packed;
				x.b_row = PANEL;
			}
			p += x.k;
			x.relu = relu && p == k;
			if (whole)
				tile(1, ROW_VECTORS, 0, &x, 0);
			else if (half)
				tile(1, ROW_VECTORS / 2, 0, &x, 0);
			else
				panel(smaller(left, PANEL), x);
			x.from = x.c;
			x.from_row = n;
		} while (p < k);
		j += whole ? ROW_VECTORS * LANES : half ? ROW_VECTORS / 2 * LANES : PANEL;
	}
}

static void matmul(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col,
	const float *b, const float *bias, bool relu, float *c)
{
	assert(m >= 1 && n >= 1);
	/* Transposing c costs time for each column, and saves time for each product. */
	const bool pays = n <= NARROW && 2 * n <= LANES && 2 * m >= LANES && k >= 4 * n;
	if (pays && (a_row == 1 || a_col == 1))
		narrow(m, n, k, a, a_row, a_col, b, bias, relu, c);
	else
		wide(m, n, k, a, a_row, a_col, b, bias, relu, c);
}

INLINE void column_sums_tile(
	size_t n_vec, int tail, size_t rows, size_t n, const float *x, float *sums)
{
	vf sum[ROW_VECTORS];
	for (size_t v = 0; v < n_vec; v++)
		sum[v] = vf_set1(0.0f);
	for (size_t i = 0; i < rows; i++, x += n)
		for (size_t v = 0; v < n_vec; v++)
			sum[v] = vf_add(sum[v], load(x + v * LANES, v == n_vec - 1 ? tail : 0));
	for (size_t v = 0; v < n_vec; v++)
		store(sums + v * LANES, sum[v], v == n_vec - 1 ? tail : 0);
}

static void column_sums(size_t rows, size_t n, const float *x, float *sums)
{
	size_t j = 0;
	for (; j + 4 * LANES <= n; j += 4 * LANES)
		column_sums_tile(4, 0, rows, n, x + j, sums + j);
	for (; j + LANES < n; j += smaller(n - j, PANEL))
		if (n - j < PANEL)
			column_sums_tile(2, (int)(n - j - LANES), rows, n, x + j, sums + j);
		else
			column_sums_tile(2, 0, rows, n, x + j, sums + j);
	if (j < n)
		column_sums_tile(1, (int)((n - j) % LANES), rows, n, x + j, sums + j);
}

static void relu_backward(size_t n, const float *gate, float *delta)
{
	size_t i = 0;
	for (; i + LANES <= n; i += LANES)
		vf_store(delta + i, vf_pass(vf_load(delta + i), vf_load(gate + i)));
	for (; i < n; i++)
		delta[i] = gate[i] > 0 ? delta[i] : 0;
}

/* One vector of parameters; the caller loads and stores. */
INLINE void adam_vector(const struct adam_coef *c, vf grad, vf *m, vf *v, vf *param)
{
	const vf g = vf_mul(grad, vf_set1(c->grad_scale));
	*m = vf_fma(vf_set1(c->beta1), *m, vf_mul(vf_set1(c->one_minus_beta1), g));
	*v = vf_fma(vf_set1(c->beta2), *v, vf_mul(vf_mul(vf_set1(c->one_minus_beta2), g), g));
	*m = vf_flush(*m);
	*v = vf_flush(*v);
	const vf denominator = vf_fma(vf_sqrt(*v), vf_set1(c->rsqrt_bias2), vf_set1(c->eps));
	*param = vf_fma(vf_set1(-c->step_size), vf_div(*m, denominator), *param);
}

static void adam(
	size_t n, const struct adam_coef *c, const float *grad, float *m, float *v, float *param)
{
	size_t i = 0;
	for (; i + LANES <= n; i += LANES) {
		vf mi = vf_load(m + i), vi = vf_load(v + i), pi = vf_load(param + i);
		adam_vector(c, vf_load(grad + i), &mi, &vi, &pi);
		vf_store(m + i, mi);
		vf_store(v + i, vi);
		vf_store(param + i, pi);
	}
	const int tail = (int)(n - i);
	if (tail > 0) {
		vf mi = vf_load_n(m + i, tail), vi = vf_load_n(v + i, tail),
		   pi = vf_load_n(param + i, tail);
		adam_vector(c, vf_load_n(grad + i, tail), &mi, &vi, &pi);
		vf_store_n(m + i, mi, tail);
		vf_store_n(v + i, vi, tail);
		vf_store_n(param + i, pi, tail);
	}
}

static void polyak(size_t n, float tau, const float *source, float *target)
{
	const vf t = vf_set1(tau), keep = vf_set1(1 - tau);
	size_t i = 0;
	for (; i + LANES <= n; i += LANES)
		vf_store(target + i,
			vf_fma(t, vf_load(source + i), vf_mul(keep, vf_load(target + i))));
	const int tail = (int)(n - i);
	if (tail > 0)
		vf_store_n(target + i,
			vf_fma(t, vf_load_n(source + i, tail),
				vf_mul(keep, vf_load_n(target + i, tail))),
			tail);
}

/* Plain C: the compiler may spread the sums over lanes, their order is fixed. */
static double sum_squares(size_t n, const float *x)
{
	double s[KERNELS_SUMS] = { 0 };
	size_t i = 0;
	for (; i + KERNELS_SUMS <= n; i += KERNELS_SUMS)
		for (size_t l = 0; l < KERNELS_SUMS; l++)
			s[l] += (double)x[i + l] * x[i + l];
	for (size_t l = 0; i + l < n; l++)
		s[l] += (double)x[i + l] * x[i + l];
	for (size_t half = KERNELS_SUMS / 2; half > 0; half /= 2)
		for (size_t l = 0; l < half; l++)
			s[l] += s[l + half];
	return s[0];
}

/* In blocks of LANES x 4. */
static void transpose(size_t rows, size_t cols, const float *x, float *t)
{
	for (size_t i = 0; i < rows; i += LANES, x += LANES * cols) {
		const size_t height = smaller(rows - i, LANES);
		size_t j = 0;
		for (; j + 4 <= cols; j += 4) {
			vf v[4];
			if (height == LANES)
				vf_columns(v, x + j, cols, LANES - 1);
			else
				vf_columns(v, x + j, cols, height - 1);
			for (size_t c = 0; c < 4; c++)
				store(t + (j + c) * rows + i, v[c], (int)(height % LANES));
		}
		for (; j < cols; j++)
			for (size_t r = 0; r < height; r++)
				t[j * rows + i + r] = x[r * cols + j];
	}
}

static float fma_peak(size_t rounds)
{
	const vf factor = vf_set1(0.5f), term = vf_set1(1.0f);
	vf x[KERNELS_PEAK_CHAINS];
	for (int c = 0; c < KERNELS_PEAK_CHAINS; c++)
		x[c] = vf_set1((float)c);
	for (size_t r = 0; r < rounds; r++)
		for (int c = 0; c < KERNELS_PEAK_CHAINS; c++)
			x[c] = vf_fma(x[c], factor, term);
	vf sum = x[0];
	for (int c = 1; c < KERNELS_PEAK_CHAINS; c++)
		sum = vf_add(sum, x[c]);
	float lane[LANES];
	vf_store(lane, sum);
	return lane[0];
}

#if defined(KERNELS_AVX512)
#define KERNELS_NAME kernels_avx512
#define KERNELS_ISA "avx512"
#elif defined(KERNELS_AVX2)
#define KERNELS_NAME kernels_avx2
#define KERNELS_ISA "avx2"
#elif defined(KERNELS_SSE2)
#define KERNELS_NAME kernels_sse2
#define KERNELS_ISA "sse2"
#elif defined(KERNELS_NEON)
#define KERNELS_NAME kernels_neon
#define KERNELS_ISA "neon"
#else
#define KERNELS_NAME kernels_scalar
#define KERNELS_ISA "scalar"
#endif

extern const struct kernels KERNELS_NAME;
const struct kernels KERNELS_NAME = {
	.isa = KERNELS_ISA,
	.matmul = matmul,
	.column_sums = column_sums,
	.relu_backward = relu_backward,
	.adam = adam,
	.polyak = polyak,
	.sum_squares = sum_squares,
	.transpose = transpose,
	.fma_peak = fma_peak,
	.lanes = LANES,
};
