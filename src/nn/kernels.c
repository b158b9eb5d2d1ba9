/* Compiled once per instruction set: KERNELS_AVX512, KERNELS_AVX2, or neither. */
#include "nn/kernels.h"

#include "simd.h"

#define INLINE static inline __attribute__((always_inline))

/* rows x (n_vec vectors) of c, the last vector `tail` lanes wide if tail > 0.
 * rows, n_vec and has_tail are constants wherever this is inlined, so that the
 * accumulators live in registers. */
INLINE void tile(int rows, int n_vec, int tail, size_t n, size_t k, const float *a, size_t a_row,
	size_t a_col, const float *b, const float *bias, bool relu, float *c)
{
	vf acc[TILE_ROWS][2];
	for (int v = 0; v < n_vec; v++) {
		const bool part = tail > 0 && v == n_vec - 1;
		vf start = vf_set1(0.0f);
		if (bias && part)
			start = vf_load_n(bias + (size_t)v * LANES, tail);
		else if (bias)
			start = vf_load(bias + (size_t)v * LANES);
		for (int i = 0; i < rows; i++)
			acc[i][v] = start;
	}
	for (size_t p = 0; p < k; p++) {
		vf bp[2];
		for (int v = 0; v < n_vec; v++) {
			const float *bv = b + p * n + (size_t)v * LANES;
			bp[v] = tail > 0 && v == n_vec - 1 ? vf_load_n(bv, tail) : vf_load(bv);
		}
		for (int i = 0; i < rows; i++) {
			const vf ai = vf_set1(a[(size_t)i * a_row + p * a_col]);
			for (int v = 0; v < n_vec; v++)
				acc[i][v] = vf_fma(ai, bp[v], acc[i][v]);
		}
	}
	for (int i = 0; i < rows; i++)
		for (int v = 0; v < n_vec; v++) {
			const vf r = relu ? vf_relu(acc[i][v]) : acc[i][v];
			float *cv = c + (size_t)i * n + (size_t)v * LANES;
			if (tail > 0 && v == n_vec - 1)
				vf_store_n(cv, r, tail);
			else
				vf_store(cv, r);
		}
}

/* All m rows of one panel of columns: b's panel stays in the first-level cache. */
INLINE void panel(int n_vec, int tail, size_t m, size_t n, size_t k, const float *a, size_t a_row,
	size_t a_col, const float *b, const float *bias, bool relu, float *c)
{
	size_t i = 0;
	for (; i + TILE_ROWS <= m; i += TILE_ROWS)
		tile(TILE_ROWS, n_vec, tail, n, k, a + i * a_row, a_row, a_col, b, bias, relu,
			c + i * n);
	for (; i < m; i++)
		tile(1, n_vec, tail, n, k, a + i * a_row, a_row, a_col, b, bias, relu, c + i * n);
}

static void matmul(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col,
	const float *b, const float *bias, bool relu, float *c)
{
	const size_t two = (size_t)2 * LANES;
	size_t j = 0;
	for (; j + two <= n; j += two)
		panel(2, 0, m, n, k, a, a_row, a_col, b + j, bias ? bias + j : NULL, relu, c + j);
	for (; j + LANES <= n; j += LANES)
		panel(1, 0, m, n, k, a, a_row, a_col, b + j, bias ? bias + j : NULL, relu, c + j);
	if (j < n)
		panel(1, (int)(n - j), m, n, k, a, a_row, a_col, b + j, bias ? bias + j : NULL,
			relu, c + j);
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
	const vf scaled = vf_div(vf_sqrt(*v), vf_set1(c->sqrt_bias2));
	const vf denominator = vf_add(scaled, vf_set1(c->eps));
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

/* Plain C: the compiler may spread the eight sums over lanes, their order is fixed. */
static double sum_squares(size_t n, const float *x)
{
	double s[8] = { 0 };
	size_t i = 0;
	for (; i + 8 <= n; i += 8)
		for (size_t l = 0; l < 8; l++)
			s[l] += (double)x[i + l] * x[i + l];
	for (size_t l = 0; i + l < n; l++)
		s[l] += (double)x[i + l] * x[i + l];
	return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

#if defined(KERNELS_AVX512)
#define KERNELS_NAME kernels_avx512
#define KERNELS_ISA "avx512"
#elif defined(KERNELS_AVX2)
#define KERNELS_NAME kernels_avx2
#define KERNELS_ISA "avx2"
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
};
