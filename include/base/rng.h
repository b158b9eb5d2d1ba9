/* NumPy's generator: PCG64 seeded through SeedSequence.
 *
 *     rng_init(&r, 42);               np.random.Generator(PCG64(SeedSequence(42)))
 *     rng_init_stream(&r, 42, 3);     ... PCG64(SeedSequence(42, spawn_key=(3,)))
 *     rng_uniform(&r, -0.05, 0.05);   g.uniform(-0.05, 0.05)
 *
 * The struct is plain data: copy it to save it. Nothing fails, nothing is
 * allocated. Sources: O'Neill, "PCG" (2014), XSL-RR 128/64; NumPy 1.24
 * bit_generator.pyx and pcg64.h. tests/golden/numpy_rng.txt holds NumPy's words.
 */
#ifndef DQN_BASE_RNG_H
#define DQN_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t state[2]; /* 128 bits, low word first */
	uint64_t inc[2];   /* 128 bits, odd */
};

/* The stream that Gymnasium's env.reset(seed=seed) draws from. */
void rng_init(struct rng *r, uint64_t seed);

/* An independent stream of the same seed: spawn_key=(key,). */
void rng_init_stream(struct rng *r, uint64_t seed, uint32_t key);

/* 64 uniform bits: bit_generator.random_raw(). */
uint64_t rng_u64(struct rng *r);

/* Uniform in [0, 1) in steps of 2^-53: Generator.random(). */
double rng_double(struct rng *r);

/* low + (high - low) * rng_double: Generator.uniform(low, high). */
double rng_uniform(struct rng *r, double low, double high);

/* Unbiased integer in [0, n), n >= 1. Lemire, "Fast random integer generation
 * in an interval" (2019): the high word of random_raw() * n, where draws whose
 * low word is below (2^64 - n) mod n are drawn again. */
uint64_t rng_below(struct rng *r, uint64_t n);

/* x (count) = that many draws of rng_below(r, n), n in 1..2^32. */
void rng_below_many(struct rng *r, uint64_t n, uint32_t *x, size_t count);

#endif
