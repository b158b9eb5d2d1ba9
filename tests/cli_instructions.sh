#!/bin/sh
# The kernels take as many instructions at -O2, the level of distributions, as at -O3.
# shellcheck disable=SC2317 # t calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
cc=${CC:-cc}
if ! command -v valgrind >/dev/null || [ "$(uname -m)" != x86_64 ]; then
	skip 'instructions: no valgrind, or no x86-64 CPU'
	end
	exit
fi

cat >count.c <<'END'
#include "nn/kernels.h"
extern const struct kernels kernels_avx2;
static float a[128 * 256], b[256 * 256], c[128 * 256], d[256 * 256];
int main(void)
{
	static const size_t shapes[][3] = { { 64, 64, 4 }, { 64, 64, 64 }, { 64, 2, 64 }, { 33, 65, 65 }, { 64, 256, 256 } };
	const struct adam_coef coef = { 1, 0, 1, 0, 1, 1, 1, 1 };
	const struct kernels *k = &kernels_avx2;
	for (int i = 0; i < 5; i++) {
		const size_t m = shapes[i][0], n = shapes[i][1], p = shapes[i][2];
		k->matmul(m, n, p, a, p, 1, b, b, 1, c, 0);
		k->matmul(p, n, m, a, 1, p, c, 0, 0, d, 0);
		k->matmul_t(m, p, n, c, b, a, d, p, 0, 0);
		k->column_sums(m, n, c, d);
	}
	k->transpose(128, 256, a, c);
	k->adam(10000, &coef, a, b, c, d);
	k->polyak(10000, 0.5f, a, b);
	return k->sum_squares(10000, a) + (double)k->fma_peak(100) < -1;
}
END
count() # LEVEL
{
	"$cc" -std=c11 -I"$root/include" -ffp-contract=off -DKERNELS_AVX2 -mavx2 -mfma "-O$1" -o "count$1" count.c \
		"$root/src/nn/kernels.c" -lm &&
		valgrind --tool=callgrind --callgrind-out-file=callgrind "./count$1" 2>&1 |
		sed -n 's/.*Collected : \([0-9]*\)$/\1/p'
}
t 'instructions at -O3' 0 count 3
least=$(cat "$out")
t 'at -O2 a tenth more at most' 0 count 2
yes_if [ "$least" -gt 100000 ]
yes_if [ $((10 * $(cat "$out"))) -le $((11 * least)) ]
end
