/* Chooses the kernels at run time. Compiled for the baseline of the target. */
#include "nn/kernels.h"

#include <string.h>

extern const struct kernels kernels_scalar;
#if defined(__x86_64__) || defined(__i386__)
extern const struct kernels kernels_sse2;
#endif
#if defined(__aarch64__)
extern const struct kernels kernels_neon;
#endif
#if defined(__x86_64__)
extern const struct kernels kernels_avx2, kernels_avx512;

static bool has_avx512(void)
{
	return __builtin_cpu_supports("avx512f");
}

static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

static bool always(void)
{
	return true;
}

/* Best first. */
static const struct {
	const struct kernels *kernels;
	bool (*supported)(void);
} sets[] = {
#if defined(__x86_64__)
	{ &kernels_avx512, has_avx512 },
	{ &kernels_avx2, has_avx2 },
#endif
#if defined(__x86_64__) || defined(__i386__)
	{ &kernels_sse2, always },
#endif
#if defined(__aarch64__)
	{ &kernels_neon, always },
#endif
	{ &kernels_scalar, always },
};

const struct kernels *kernels_find(const char *isa)
{
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if ((!isa || strcmp(isa, sets[i].kernels->isa) == 0) && sets[i].supported())
			return sets[i].kernels;
	return NULL;
}
