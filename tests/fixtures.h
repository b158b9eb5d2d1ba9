/* What several tests set up. */
#ifndef DQN_TESTS_FIXTURES_H
#define DQN_TESTS_FIXTURES_H

#include "nn/net.h"

#include "test.h"

#include <stdlib.h>

/* hidden (n_hidden) may be NULL for none. */
static inline struct net net_of(int n_inputs, const int *hidden, int n_hidden, int n_outputs,
	enum activation activation, bool dueling)
{
	struct net_shape shape = { .n_inputs = n_inputs,
		.n_hidden = n_hidden,
		.n_outputs = n_outputs,
		.activation = activation,
		.dueling = dueling };
	struct net net;
	struct err e;
	for (int l = 0; l < n_hidden; l++)
		shape.hidden[l] = hidden[l];
	if (!net_init(&net, &shape, &e)) {
		FAIL("net_init");
		abort();
	}
	return net;
}

/* n, uninitialised; the caller frees them. */
static inline float *floats(size_t n)
{
	float *p = malloc((n > 0 ? n : 1) * sizeof(float));
	if (!p)
		abort();
	return p;
}

static inline void fill_uniform(struct rng *rng, double size, size_t n, float *x)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (float)rng_uniform(rng, -size, size);
}

#endif
