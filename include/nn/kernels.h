/* The loops that take most of the time, once per instruction set.
 *
 * All sets compute the same bits: every sum has one order, products and sums
 * are fused where the formula below says fma, and nowhere else. src/nn/kernels.c
 * is the one source; it is compiled once per set over src/nn/simd.h.
 *
 *     const struct kernels *k = kernels_find(NULL);     // best for this CPU
 *     k->matmul(...);
 *
 * Blocks never overlap unless a comment says "in place". Alignment is free.
 */
#ifndef DQN_NN_KERNELS_H
#define DQN_NN_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

/* The factors of one Adam step, all finite. */
struct adam_coef {
	float beta1, one_minus_beta1;
	float beta2, one_minus_beta2;
	float grad_scale;  /* global-norm clipping, 1 if there is none */
	float rsqrt_bias2; /* 1 / sqrt(1 - beta2^t) */
	float eps;         /* added outside the square root */
	float step_size;   /* learning_rate / (1 - beta1^t) */
};

struct kernels {
	const char *isa; /* "scalar", "sse2", "avx2", "avx512", "neon" */

	/* c (m,n) = bias (n) + a (m,k) b (k,n), then relu if asked.
	 * a(i,p) = a[i*a_row + p*a_col]; b, c and bias are dense; bias may be NULL (0).
	 * m and n are at least 1; without products (k 0) c is the bias. pack (KERNELS_PACK) is
	 * scratch memory, or NULL: large products then take a little longer.
	 * c[i,j] = fma(a[i,k-1], b[k-1,j], ... fma(a[i,0], b[0,j], bias[j])). */
	void (*matmul)(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
		const float *bias, bool relu, float *c, float *pack);

	/* c (m,n) = a (m,k) b^T, where gate (m,n) > 0, else 0: the layer below of a gradient.
	 * a and b (n,k) are dense, rows of c and of gate are c_row apart; gate NULL: everywhere.
	 * Products are added as in matmul. sums (n), unless NULL, = the column_sums of c. */
	void (*matmul_t)(size_t m, size_t n, size_t k, const float *a, const float *b, const float *gate, float *c,
		size_t c_row, float *sums, float *pack);

	/* sums (n) = 0 + x[0,:] + ... + x[rows-1,:], in that order; x (rows,n), rows may
	 * be 0 */
	void (*column_sums)(size_t rows, size_t n, const float *x, float *sums);

	/* One step of torch.optim.Adam on n parameters, in place:
	 *   g = grad * grad_scale
	 *   m = fma(beta1, m, one_minus_beta1 * g)
	 *   v = fma(beta2, v, (one_minus_beta2 * g) * g)
	 *   param = fma(-step_size, m / fma(sqrt(v), rsqrt_bias2, eps), param)
	 * Moments below 2^-100 become 0: they would decay into denormal numbers,
	 * which most CPUs compute slowly. */
	void (*adam)(size_t n, const struct adam_coef *c, const float *grad, float *m, float *v, float *param);

	/* y (n) = tanh(y) by the formula of nn/tanh.h, in place */
	void (*tanh_forward)(size_t n, float *y);

	/* delta (n) = delta * (1 - y * y), y (n) = tanh(x), in place; each operation rounded */
	void (*tanh_backward)(size_t n, const float *y, float *delta);

	/* target = fma(tau, source, (1 - tau) * target), in place */
	void (*polyak)(size_t n, float tau, const float *source, float *target);

	/* Sum of squares in double: KERNELS_SUMS partial sums, number l adds elements
	 * l, l + KERNELS_SUMS ...; then the upper half of them is added to the lower,
	 * and so on, down to one. It is finite exactly if all x are. */
	double (*sum_squares)(size_t n, const float *x);

	/* t (cols,rows) = x (rows,cols) */
	void (*transpose)(size_t rows, size_t cols, const float *x, float *t);

	/* rounds * KERNELS_PEAK_CHAINS * lanes fused multiply-adds in registers: the peak
	 * that the others are compared with. Returns a result, so that none is left out. */
	float (*fma_peak)(size_t rounds);
	int lanes; /* floats in a vector */
};

/* Floats of the blocks of a and b that are packed, and of a line of the cache. Only a c of
 * KERNELS_PACK_FROM columns and more has use for them. */
#define KERNELS_PACK ((size_t)200848)
#define KERNELS_PACK_FROM ((size_t)320)

/* Partial sums of sum_squares: enough to hide the latency of an addition. */
#define KERNELS_SUMS 32

/* Independent sums of fma_peak: the latency times the throughput of any CPU. */
#define KERNELS_PEAK_CHAINS 12

/* The set of that name, or the best one for NULL. NULL if it is unknown, not
 * built in, or this CPU lacks it. */
const struct kernels *kernels_find(const char *isa);

#endif
