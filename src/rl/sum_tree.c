#include "rl/sum_tree.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP = 16 }; /* descents at a time: enough to hide the latency of a cache */

static uint64_t power_of_two(uint64_t n)
{
	uint64_t p = 1;
	while (p < n && p < (uint64_t)1 << 62)
		p *= 2;
	return p;
}

uint64_t sum_tree_bytes(uint64_t n_leaves)
{
	const uint64_t n = power_of_two(n_leaves), node = 2 * sizeof(double);
	return n > UINT64_MAX / node ? UINT64_MAX : n * node;
}

bool sum_tree_init(struct sum_tree *t, size_t n_leaves, struct err *e)
{
	const uint64_t bytes = sum_tree_bytes(n_leaves);
	t->n_leaves = (size_t)power_of_two(n_leaves);
	t->node = memory_zeroed(bytes);
	return t->node || err_set(e, ERR_RUN, "out of memory for %zu priorities; see buffer_size", n_leaves);
}

void sum_tree_release(struct sum_tree *t)
{
	free(t->node);
	*t = (struct sum_tree){ 0 };
}

void sum_tree_set(struct sum_tree *t, size_t leaf, double priority)
{
	assert(leaf < t->n_leaves && priority >= 0);
	double sum = priority;
	t->node[t->n_leaves + leaf] = priority;
	for (size_t i = t->n_leaves + leaf; i > 1; i /= 2) {
		sum += t->node[i ^ 1]; /* whichever is left: a + b is b + a */
		t->node[i / 2] = sum;
	}
}

void sum_tree_set_many(struct sum_tree *t, size_t n, const uint32_t *leaf, const double *priority)
{
	assert(n <= SUM_TREE_MANY);
	size_t at[SUM_TREE_MANY], width = t->n_leaves;
	for (size_t j = 0; j < n; j++) {
		assert(leaf[j] < t->n_leaves && priority[j] >= 0);
		at[j] = t->n_leaves + leaf[j];
		t->node[at[j]] = priority[j];
	}
	for (width /= 2; width > n; width /= 2)
		for (size_t j = 0; j < n; j++) {
			at[j] /= 2;
			t->node[at[j]] = t->node[2 * at[j]] + t->node[2 * at[j] + 1];
		}
	/* Levels with no more nodes than leaves were set: all of them. */
	for (size_t i = 2 * width; i-- > 1;)
		t->node[i] = t->node[2 * i] + t->node[2 * i + 1];
}

void sum_tree_rebuild(struct sum_tree *t, size_t n)
{
	assert(n <= t->n_leaves);
	for (size_t i = t->n_leaves + n; i < 2 * t->n_leaves; i++)
		t->node[i] = 0;
	for (size_t i = t->n_leaves; i-- > 1;)
		t->node[i] = t->node[2 * i] + t->node[2 * i + 1];
}

double sum_tree_get(const struct sum_tree *t, size_t leaf)
{
	assert(leaf < t->n_leaves);
	return t->node[t->n_leaves + leaf];
}

double sum_tree_total(const struct sum_tree *t)
{
	return t->node[1];
}

size_t sum_tree_find(const struct sum_tree *t, double mass)
{
	assert(sum_tree_total(t) > 0);
	size_t i = 1;
	while (i < t->n_leaves) {
		const double left = t->node[2 * i];
		/* Rounding may leave a mass beyond both children, but an empty side
		 * is never entered. */
		const bool go_right = mass >= left && t->node[2 * i + 1] > 0;
		i = 2 * i + go_right;
		if (go_right)
			mass -= left;
	}
	return i - t->n_leaves;
}

/* at[j] = the leaf's node for each of n masses, unless rounding leads to an empty side: then to
 * some leaf of priority 0. Without branches, as nobody foresees the side, and always GROUP at a
 * time, so that the compiler has pairs. */
static void descend(const struct sum_tree *t, size_t n, const double *mass, size_t at[GROUP])
{
	uint64_t m[GROUP] = { 0 }; /* the bits of what is left of each mass */
	memcpy(m, mass, n * sizeof(*m));
	for (int j = 0; j < GROUP; j++)
		at[j] = 1;
	for (size_t width = 1; width < t->n_leaves; width *= 2)
		for (int j = 0; j < GROUP; j++) {
			double x;
			uint64_t rest;
			memcpy(&x, &m[j], sizeof(x));
			x -= t->node[2 * at[j]];
			memcpy(&rest, &x, sizeof(rest));
			const uint64_t go_left = rest >> 63; /* the sign: the mass is below that side's */
			at[j] = 2 * at[j] + 1 - (size_t)go_left;
			m[j] ^= (m[j] ^ rest) & (go_left - 1);
		}
}

void sum_tree_find_many(const struct sum_tree *t, size_t n, const double *mass, uint32_t *leaf)
{
	assert(sum_tree_total(t) > 0);
	for (size_t first = 0; first < n; first += GROUP) {
		size_t at[GROUP];
		const size_t rest = n - first < GROUP ? n - first : GROUP;
		descend(t, rest, mass + first, at);
		for (size_t j = 0; j < rest; j++)
			leaf[first + j] = (uint32_t)(t->node[at[j]] > 0 ? at[j] - t->n_leaves
									: sum_tree_find(t, mass[first + j]));
	}
}
