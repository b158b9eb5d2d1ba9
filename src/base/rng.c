#include "base/rng.h"

#include <assert.h>

enum { POOL_WORDS = 4, SEED_WORDS = 8, SHIFT = 16 };

/* a * b as 128 bits; from 32-bit halves where the compiler has no 128-bit integers. */
static uint64_t mul_64_64(uint64_t a, uint64_t b, uint64_t *high)
{
#ifdef __SIZEOF_INT128__
	__extension__ typedef unsigned __int128 wide;
	const wide product = (wide)a * b;
	*high = (uint64_t)(product >> 64);
	return (uint64_t)product;
#else
	const uint64_t a0 = a & 0xffffffff, a1 = a >> 32;
	const uint64_t b0 = b & 0xffffffff, b1 = b >> 32;
	const uint64_t p00 = a0 * b0, p01 = a0 * b1, p10 = a1 * b0, p11 = a1 * b1;
	const uint64_t mid = (p00 >> 32) + (p01 & 0xffffffff) + (p10 & 0xffffffff);
	*high = p11 + (p01 >> 32) + (p10 >> 32) + (mid >> 32);
	return (mid << 32) | (p00 & 0xffffffff);
#endif
}

static void add_128(uint64_t sum[2], const uint64_t x[2])
{
	sum[0] += x[0];
	sum[1] += x[1] + (sum[0] < x[0]);
}

static const uint64_t multiplier[2] = { 4865540595714422341u, 2549297995355413924u }; /* of PCG64, low half first */
static const uint64_t multiplier_squared[2] = { 5953435361322512025u, 1710491942223705148u };

/* state = state * factor + term, mod 2^128 */
static void lcg_step(uint64_t state[2], const uint64_t factor[2], const uint64_t term[2])
{
	uint64_t high;
	const uint64_t low = mul_64_64(state[0], factor[0], &high);
	state[1] = high + state[1] * factor[0] + state[0] * factor[1];
	state[0] = low;
	add_128(state, term);
}

static void pcg_step(struct rng *r)
{
	lcg_step(r->state, multiplier, r->inc);
}

static uint32_t hashmix(uint32_t value, uint32_t *hash, uint32_t mult)
{
	value ^= *hash;
	*hash *= mult;
	value *= *hash;
	return value ^ (value >> SHIFT);
}

static uint32_t mix(uint32_t x, uint32_t y)
{
	const uint32_t z = 0xca01f9ddu * x - 0x4973f715u * y;
	return z ^ (z >> SHIFT);
}

/* SeedSequence.mix_entropy and generate_state(8, uint32), then pcg64_srandom. */
static void seed_from_entropy(struct rng *r, const uint32_t *entropy, size_t n)
{
	const uint32_t init_a = 0x43b0d7e5u, mult_a = 0x931e8875u;
	const uint32_t init_b = 0x8b51f9ddu, mult_b = 0x58f38dedu;
	uint32_t pool[POOL_WORDS], words[SEED_WORDS];

	uint32_t hash = init_a;
	for (size_t i = 0; i < POOL_WORDS; i++)
		pool[i] = hashmix(i < n ? entropy[i] : 0, &hash, mult_a);
	for (size_t src = 0; src < POOL_WORDS; src++)
		for (size_t dst = 0; dst < POOL_WORDS; dst++)
			if (src != dst)
				pool[dst] = mix(pool[dst], hashmix(pool[src], &hash, mult_a));
	for (size_t src = POOL_WORDS; src < n; src++)
		for (size_t dst = 0; dst < POOL_WORDS; dst++)
			pool[dst] = mix(pool[dst], hashmix(entropy[src], &hash, mult_a));

	hash = init_b;
	for (size_t i = 0; i < SEED_WORDS; i++)
		words[i] = hashmix(pool[i % POOL_WORDS], &hash, mult_b);
	uint64_t seed[SEED_WORDS / 2]; /* state high, state low, sequence high, low */
	for (size_t i = 0; i < SEED_WORDS / 2; i++)
		seed[i] = words[2 * i] | (uint64_t)words[2 * i + 1] << 32;

	const uint64_t initstate[2] = { seed[1], seed[0] };
	r->inc[0] = seed[3] << 1 | 1;
	r->inc[1] = seed[2] << 1 | seed[3] >> 63;
	r->state[0] = r->state[1] = 0;
	pcg_step(r);
	add_128(r->state, initstate);
	pcg_step(r);
}

void rng_init(struct rng *r, uint64_t seed)
{
	const uint32_t entropy[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
	seed_from_entropy(r, entropy, 2);
}

void rng_init_stream(struct rng *r, uint64_t seed, uint32_t key)
{
	/* With a spawn key NumPy pads the seed to the pool's size first. */
	const uint32_t entropy[POOL_WORDS + 1] = { (uint32_t)seed, (uint32_t)(seed >> 32), 0, 0, key };
	seed_from_entropy(r, entropy, POOL_WORDS + 1);
}

static uint64_t output(const uint64_t state[2])
{
	const uint64_t x = state[1] ^ state[0];
	const unsigned rot = (unsigned)(state[1] >> 58);
	return x >> rot | x << (-rot & 63);
}

uint64_t rng_u64(struct rng *r)
{
	pcg_step(r);
	return output(r->state);
}

double rng_double(struct rng *r)
{
	return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

double rng_uniform(struct rng *r, double low, double high)
{
	return low + (high - low) * rng_double(r);
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	assert(n > 0);
	uint64_t high, low = mul_64_64(rng_u64(r), n, &high);
	if (low < n) {
		const uint64_t threshold = (0 - n) % n;
		while (low < threshold)
			low = mul_64_64(rng_u64(r), n, &high);
	}
	return high;
}

/* Two at a time: each step waits for the one before, but a step of two for half as many. */
void rng_below_many(struct rng *r, uint64_t n, uint32_t *x, size_t count)
{
	assert(n <= (uint64_t)UINT32_MAX + 1);
	struct rng copy = *r; /* in registers */
	uint64_t term[2] = { r->inc[0], r->inc[1] }, high[2];
	lcg_step(term, multiplier, r->inc);
	size_t i = 0;
	for (; i + 2 <= count; i += 2) {
		struct rng one = copy, two = copy;
		pcg_step(&one);
		lcg_step(two.state, multiplier_squared, term);
		/* Seldom: one of them is perhaps to be drawn again. */
		if (mul_64_64(output(one.state), n, &high[0]) < n || mul_64_64(output(two.state), n, &high[1]) < n) {
			high[0] = rng_below(&copy, n);
			high[1] = rng_below(&copy, n);
		} else
			copy = two;
		x[i] = (uint32_t)high[0];
		x[i + 1] = (uint32_t)high[1];
	}
	if (i < count)
		x[i] = (uint32_t)rng_below(&copy, n);
	*r = copy;
}
