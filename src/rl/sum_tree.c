#include "rl/sum_tree.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

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
	return t->node ||
	       err_set(e, ERR_RUN, "out of memory for %zu priorities; see buffer_size", n_leaves);
}

void sum_tree_release(struct sum_tree *t)
{
	free(t->node);
	*t = (struct sum_tree){ 0 };
}

void sum_tree_set(struct sum_tree *t, size_t leaf, double priority)
{
	assert(leaf < t->n_leaves && priority >= 0);
	size_t i = t->n_leaves + leaf;
	t->node[i] = priority;
	for (i /= 2; i > 0; i /= 2)
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
