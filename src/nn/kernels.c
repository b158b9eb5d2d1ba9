/* Compiled once per instruction set: one of the KERNELS_ of simd.h, or none. */
#include "nn/kernels.h"

#include "simd.h"

#define INLINE static inline __attribute__((always_inline))

/* Panels of a b this wide are copied together first: their rows lie so far apart
 * that they fall into few sets of the caches and into many pages. */
#define PACK_FROM 192    /* columns */
#define PACK_FLOATS 4096 /* at a time: half a first-level cache */
#define PACK_ROWS (PACK_FLOATS / (2 * LANES))

/* The arguments of matmul, and the part of it that is under way: the products
 * p0 <= p < p1 of every sum, with that part of b's panel at `b`, b_row apart. */
struct product {
	size_t m, n, k, a_row, a_col;
	const float *a, *bias;
	bool relu;
	float *c;
	size_t p0, p1, b_row;
	const float *b;
};

/* rows x n_vec vectors of c from (i,j) on, the last vector `tail` lanes wide if
 * tail > 0. rows and n_vec are constants wherever this is inlined, so that the
 * accumulators live in registers. */
INLINE void tile(size_t rows, size_t n_vec, int tail, const struct product *x, size_t i, size_t j)
{
	const size_t n = x->n, a_row = x->a_row, a_col = x->a_col, b_row = x->b_row;
	const float *a = x->a + i * a_row + x->p0 * a_col, *b = x->b;
	float *c = x->c + i * n + j;
	vf acc[2 * TILE_ROWS][ROW_VECTORS];
	for (size_t r = 0; r < rows; r++)
		for (size_t v = 0; v < n_vec; v++) {
			const bool part = tail > 0 && v == n_vec - 1;
			const float *from = x->p0 > 0 ? c + r * n + v * LANES
					    : x->bias ? x->bias + j + v * LANES
						      : NULL;
			acc[r][v] = !from  ? vf_set1(0.0f)
				    : part ? vf_load_n(from, tail)
					   : vf_load(from);
		}
	for (size_t p = x->p0; p < x->p1; p++, a += a_col, b += b_row) {
		vf bp[ROW_VECTORS];
		for (size_t v = 0; v < n_vec; v++)
			bp[v] = tail > 0 && v == n_vec - 1 ? vf_load_n(b + v * LANES, tail)
							   : vf_load(b + v * LANES);
		for (size_t r = 0; r < rows; r++) {
			const vf ar = vf_set1(a[r * a_row]);
			for (size_t v = 0; v < n_vec; v++)
				acc[r][v] = vf_fma(ar, bp[v], acc[r][v]);
		}
	}
	for (size_t r = 0; r < rows; r++)
		for (size_t v = 0; v < n_vec; v++) {
			const vf y = x->relu && x->p1 == x->k ? vf_relu(acc[r][v]) : acc[r][v];
			float *to = c + r * n + v * LANES;
			if (tail > 0 && v == n_vec - 1)
				vf_store_n(to, y, tail);
			else
				vf_store(to, y);
		}
}

/* All m rows of one panel of columns, in tiles as equal as they can be: those of
 * few rows leave the multipliers waiting for each other. */
INLINE void panel(size_t n_vec, int tail, const struct product *x, size_t j)
{
	const size_t most = n_vec == 1 ? 2 * TILE_ROWS : TILE_ROWS;
	const size_t n_tiles = (x->m + most - 1) / most;
	const size_t rows = x->m / n_tiles, n_larger = x->m % n_tiles;
	for (size_t t = 0, i = 0; t < n_tiles; t++) {
		switch (rows + (t < n_larger)) {
#define ROWS(r)                                        \
	case r:                                        \
		if (r <= most)                         \
			tile(r, n_vec, tail, x, i, j); \
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

/* Rows p0 .. p1 of two vectors of b from column j on, side by side. */
static void pack(struct product *x, float *packed)
{
	const float *b = x->b;
	for (size_t p = x->p0; p < x->p1; p++, b += x->n, packed += 2 * LANES) {
		vf_store(packed, vf_load(b));
		vf_store(packed + LANES, vf_load(b + LANES));
	}
}

static void matmul(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col,
	const float *b, const float *bias, bool relu, float *c)
{
	float packed[PACK_FLOATS];
	const bool worth_packing = m >= 4 * TILE_ROWS && n >= PACK_FROM;
	const size_t block = worth_packing ? PACK_ROWS : k;
	struct product x = { m, n, k, a_row, a_col, a, bias, relu, c, 0, 0, n, NULL };
	for (size_t j = 0; j < n;) {
		const size_t left = n - j;
		const bool one_row = m == 1 && left >= ROW_VECTORS * LANES;
		x.p0 = x.p1 = 0;
		do {
			x.p1 = block < k - x.p0 ? x.p0 + block : k;
			x.b = b + x.p0 * n + j;
			x.b_row = n;
			if (worth_packing && left >= 2 * LANES) {
				pack(&x, packed);
				x.b = packed;
				x.b_row = 2 * LANES;
			}
			if (one_row)
				tile(1, ROW_VECTORS, 0, &x, 0, j);
			else if (left >= 2 * LANES)
				panel(2, 0, &x, j);
			else if (left > LANES)
				panel(2, (int)(left - LANES), &x, j);
			else if (left == LANES)
				panel(1, 0, &x, j);
			else
				panel(1, (int)left, &x, j);
			x.p0 = x.p1;
		} while (x.p0 < k);
		j += one_row ? ROW_VECTORS * LANES : 2 * LANES;
	}
}

static void relu_backward(size_t n, const float *gate, float *delta)
{
	size_t i = 0;
	for (; i + LANES <= n; i += LANES)
		vf_store(delta + i, vf_pass(vf_load(delta + i), vf_load(gate + i)));
	for (; i < n; i++)
		delta[i] = gate[i] > 0 ? delta[i] : 0;
}

/* One vector of parameters; loads and stores are the caller's. */
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

/* t (cols,rows) = x (rows,cols), in blocks of LANES x LANES */
static void transpose(size_t rows, size_t cols, const float *x, float *t)
{
	size_t i = 0;
	for (; i + LANES <= rows; i += LANES) {
		size_t j = 0;
		for (; j + LANES <= cols; j += LANES) {
			vf block[LANES];
			for (size_t r = 0; r < LANES; r++)
				block[r] = vf_load(x + (i + r) * cols + j);
			vf_transpose(block);
			for (size_t r = 0; r < LANES; r++)
				vf_store(t + (j + r) * rows + i, block[r]);
		}
		for (; j < cols; j++)
			for (size_t r = i; r < i + LANES; r++)
				t[j * rows + r] = x[r * cols + j];
	}
	for (; i < rows; i++)
		for (size_t j = 0; j < cols; j++)
			t[j * rows + i] = x[i * cols + j];
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
	.relu_backward = relu_backward,
	.adam = adam,
	.polyak = polyak,
	.sum_squares = sum_squares,
	.transpose = transpose,
	.fma_peak = fma_peak,
	.lanes = LANES,
};
