/* Every instruction set there may be; kernels_find knows which this machine has. */
#ifndef DQN_TESTS_ISAS_H
#define DQN_TESTS_ISAS_H

static const char *const isas[] = { "scalar", "sse2", "avx2", "avx512", "neon" };
enum { N_ISAS = sizeof(isas) / sizeof(isas[0]) };

#endif
