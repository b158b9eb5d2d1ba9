#include "base/sobol.h"

#include <assert.h>

enum { BITS = 32, MAX_DEGREE = 7 };

/* Per dimension from the second: degree and inner coefficients of the primitive
 * polynomial, and the first direction integers. */
static const struct {
	int degree;
	uint32_t poly, m[MAX_DEGREE];
} table[SOBOL_MAX_DIMS - 1] = {
	{ 1, 0, { 1 } },
	{ 2, 1, { 1, 3 } },
	{ 3, 1, { 1, 3, 1 } },
	{ 3, 2, { 1, 1, 1 } },
	{ 4, 1, { 1, 1, 3, 3 } },
	{ 4, 4, { 1, 3, 5, 13 } },
	{ 5, 2, { 1, 1, 5, 5, 17 } },
	{ 5, 4, { 1, 1, 5, 5, 5 } },
	{ 5, 7, { 1, 1, 7, 11, 19 } },
	{ 5, 11, { 1, 1, 5, 1, 1 } },
	{ 5, 13, { 1, 1, 1, 3, 11 } },
	{ 5, 14, { 1, 3, 5, 5, 31 } },
	{ 6, 1, { 1, 3, 3, 9, 7, 49 } },
	{ 6, 13, { 1, 1, 1, 15, 21, 21 } },
	{ 6, 16, { 1, 3, 1, 13, 27, 49 } },
	{ 6, 19, { 1, 1, 1, 15, 7, 5 } },
	{ 6, 22, { 1, 3, 1, 15, 13, 25 } },
	{ 6, 25, { 1, 1, 5, 5, 19, 61 } },
	{ 7, 1, { 1, 3, 7, 11, 23, 15, 103 } },
	{ 7, 4, { 1, 3, 7, 13, 13, 15, 69 } },
};

uint32_t sobol(int dim, uint32_t i)
{
	assert(dim >= 0 && dim < SOBOL_MAX_DIMS);
	uint32_t v[BITS]; /* direction numbers, binary point before the highest bit */
	const int degree = dim == 0 ? 0 : table[dim - 1].degree;
	for (int k = 0; k < BITS; k++) {
		if (dim == 0) {
			v[k] = (uint32_t)1 << (BITS - 1 - k);
		} else if (k < degree) {
			v[k] = table[dim - 1].m[k] << (BITS - 1 - k);
		} else {
			v[k] = v[k - degree] ^ v[k - degree] >> degree;
			for (int j = 1; j < degree; j++)
				if (table[dim - 1].poly >> (degree - 1 - j) & 1)
					v[k] ^= v[k - j];
		}
	}
	uint32_t x = 0;
	for (uint32_t gray = i ^ i >> 1, k = 0; gray; gray >>= 1, k++)
		if (gray & 1)
			x ^= v[k];
	return x;
}
