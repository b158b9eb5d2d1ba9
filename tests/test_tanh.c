/* tanh of every instruction set: against libm's in double, each STRIDEth float, with
 * TANH_STRIDE=1 every one; the backward pass, and the same bits from every set. */
#include "nn/kernels.h"
#include "nn/tanh.h"

#include "isas.h"
#include "naive.h"
#include "test.h"

#include <float.h>
#include <stdint.h>
#include <stdlib.h>

enum { STRIDE = 61, N = 1021, MOST = 70 };

static bool same(float a, float b)
{
	return to_bits(a) == to_bits(b) || (isnan(a) && isnan(b));
}

/* Any bits, the same for the same number. */
static float scrambled(size_t i)
{
	return from_bits((uint32_t)i * 2654435761u);
}

/* In units of the last bit of the result. */
static double error_of(float x, float y)
{
	const double exact = tanh((double)x);
	int exponent;
	frexp(exact, &exponent);
	return fabs(y - exact) / ldexp(1, exponent - FLT_MANT_DIG);
}

static void test_the_error_of_all_floats(void)
{
	const char *text = getenv("TANH_STRIDE");
	const uint32_t stride = text ? (uint32_t)atoi(text) : STRIDE;
	const uint32_t first = to_bits(0x1p-14f), last = to_bits(10);
	const struct kernels *k = kernels_find(NULL);
	double worst = 0;
	int n_above = 0;
	CHECK(stride > 0);
	for (uint32_t from = first; stride > 0 && from <= last; from += N * stride) {
		float y[N];
		for (uint32_t i = 0; i < N; i++)
			y[i] = from_bits(from + i * stride);
		k->tanh_forward(N, y);
		for (uint32_t i = 0; i < N; i++) {
			const double error = error_of(from_bits(from + i * stride), y[i]);
			worst = error > worst ? error : worst;
			n_above += !(y[i] <= 1);
		}
	}
	CHECK_INT(n_above, 0);
	CHECK(worst < TANH_ULPS && worst > TANH_ULPS - 1);
}

/* Odd, exact near 0, exactly 1 from the limit on. */
static void check_forward(const struct kernels *k)
{
	static const float special[] = { 0, 0x1p-149f, 0x1p-126f, 0x1p-75f, 0x1p-63f, 0x1p-13f, 0.1f, 1, TANH_LIMIT,
		9.03f, 100, FLT_MAX, INFINITY, NAN };
	enum { N_SPECIAL = sizeof(special) / sizeof(special[0]) };
	for (size_t n = 0; n < MOST; n++) {
		float x[MOST], y[MOST];
		for (size_t i = 0; i < MOST; i++)
			x[i] = y[i] = i % 3 ? scrambled(i + n) : special[(i / 3 + n) % N_SPECIAL];
		k->tanh_forward(n, y);
		for (size_t i = 0; i < MOST; i++)
			CHECK(same(y[i], i < n ? naive_tanh(x[i]) : x[i]));
	}
	for (size_t i = 0; i < N_SPECIAL; i++) {
		float x[2] = { special[i], -special[i] };
		k->tanh_forward(2, x);
		CHECK(same(x[1], -x[0]));
		CHECK(special[i] > 0x1p-13f || isnan(special[i]) || same(x[0], special[i]));
		CHECK(!(special[i] >= TANH_LIMIT) || x[0] == 1);
	}
}

static void check_backward(const struct kernels *k)
{
	for (size_t n = 0; n < MOST; n++) {
		float y[MOST], d[MOST], got[MOST];
		for (size_t i = 0; i < MOST; i++) {
			y[i] = (float)i / (MOST / 2) - 1;
			d[i] = got[i] = scrambled(i + n);
		}
		k->tanh_backward(n, y, got);
		for (size_t i = 0; i < MOST; i++) {
			const float square = y[i] * y[i], derivative = 1 - square;
			CHECK(same(got[i], i < n ? d[i] * derivative : d[i]));
		}
	}
}

static void test_every_instruction_set(void)
{
	for (int i = 0; i < N_ISAS; i++) {
		const struct kernels *k = kernels_find(isas[i]);
		if (k) {
			check_forward(k);
			check_backward(k);
		}
	}
}

int main(void)
{
	RUN(test_the_error_of_all_floats);
	RUN(test_every_instruction_set);
	return test_end();
}
