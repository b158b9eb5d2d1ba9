/* Chooses the kernels at run time. Compiled for the baseline of the target. */
#include "nn/kernels.h"

#include <string.h>
#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif

/* As in the Makefile: without GNU's intrinsics there are the plain kernels alone. */
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define HAS_SSE2
#endif
#if defined(__GNUC__) && defined(__x86_64__)
#define HAS_AVX
#endif
#if defined(__GNUC__) && defined(__aarch64__)
#define HAS_NEON
#endif

extern const struct kernels kernels_scalar;
#if defined(HAS_SSE2)
extern const struct kernels kernels_sse2;
#endif
#if defined(HAS_NEON)
extern const struct kernels kernels_neon;
#endif
#if defined(HAS_AVX)
extern const struct kernels kernels_avx2, kernels_avx512;

#if defined(__APPLE__) /* it enables AVX-512 on first use, which the builtin does not see */
static bool has(const char *feature)
{
	int value = 0;
	size_t size = sizeof(value);
	return sysctlbyname(feature, &value, &size, NULL, 0) == 0 && value != 0;
}

static bool has_avx512(void)
{
	return has("hw.optional.avx512f");
}

static bool has_avx2(void)
{
	return has("hw.optional.avx2_0") && has("hw.optional.fma");
}
#else
static bool has_avx512(void)
{
	return __builtin_cpu_supports("avx512f");
}

static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif
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
#if defined(HAS_AVX)
	{ &kernels_avx512, has_avx512 },
	{ &kernels_avx2, has_avx2 },
#endif
#if defined(HAS_SSE2)
	{ &kernels_sse2, always },
#endif
#if defined(HAS_NEON)
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
