#include "rl/sum_tree.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Descents at a time: enough to hide the latency of a cache. */
#define GROUP SUM_TREE_MANY

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

/* Sums anew the nodes above node i, up to the children of node `top`. */
static inline void sum_above(double *node, size_t i, size_t top)
{
	for (double sum = node[i]; i >= 2 * top; i /= 2) {
		sum += node[i ^ 1]; /* whichever is left: a + b is b + a */
		node[i / 2] = sum;
	}
}

void sum_tree_set(struct sum_tree *t, size_t leaf, double priority)
{
	assert(leaf < t->n_leaves && priority >= 0);
	t->node[t->n_leaves + leaf] = priority;
	sum_above(t->node, t->n_leaves + leaf, 1);
}

/* Leaf after leaf: the sums wait for nothing but their siblings. Only the last of the leaves below a
 * node leaves the right sum there. */
void sum_tree_set_many(struct sum_tree *t, size_t n, const uint32_t *leaf, const double *priority)
{
	assert(n <= SUM_TREE_MANY);
	double *const node = t->node;
	const size_t n_leaves = t->n_leaves, top = n_leaves < SUM_TREE_MANY ? n_leaves : SUM_TREE_MANY;
	for (size_t j = 0; j < n; j++) {
		assert(leaf[j] < n_leaves && priority[j] >= 0);
		node[n_leaves + leaf[j]] = priority[j];
		sum_above(node, n_leaves + leaf[j], top);
	}
	/* Higher levels have no more nodes than leaves were set: all of them. */
	for (size_t i = top; i-- > 1;)
		node[i] = node[2 * i] + node[2 * i + 1];
}

void sum_tree_rebuild(struct sum_tree *t, size_t n)
{
	assert(n <= t->n_leaves);
	for (size_t i = t->n_leaves + n; i < 2 * t->n_leaves; i++)
		t->node[i] = 0;
	for (size_t i = t->n_leaves; i-- > 1;)
		t->node[i] = t->node[2 * i] + t->node[2 * i + 1];
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

/* at[j] = twice the leaf's node for each of n masses, unless rounding leads to an empty side: then of
 * some leaf of priority 0. Without branches, as nobody foresees the side, and always GROUP at a
 * time, so that the compiler has pairs. */
static void descend(const struct sum_tree *t, size_t n, const double *mass, size_t at[GROUP])
{
	double m[GROUP]; /* what is left of each mass */
	for (size_t j = 0; j < GROUP; j++) {
		m[j] = j < n ? mass[j] : 0;
		at[j] = 2; /* a left child, always: the index of what a mass is compared with */
	}
	for (size_t width = 1; width < t->n_leaves; width *= 2)
		for (size_t j = 0; j < GROUP; j++) {
			const double rest = m[j] - t->node[at[j]];
			uint64_t bits, rest_bits;
			memcpy(&bits, &m[j], sizeof(bits));
			memcpy(&rest_bits, &rest, sizeof(rest_bits));
			const uint64_t go_left = rest_bits >> 63; /* the sign: the mass is below that side's */
			at[j] = 2 * (at[j] + 1 - (size_t)go_left);
			bits ^= (bits ^ rest_bits) & (go_left - 1);
			memcpy(&m[j], &bits, sizeof(bits));
		}
}

void sum_tree_find_many(const struct sum_tree *t, size_t n, const double *mass, uint32_t *leaf)
{
	assert(sum_tree_total(t) > 0);
	for (size_t first = 0; first < n; first += GROUP) {
		size_t at[GROUP];
		const size_t rest = n - first < GROUP ? n - first : GROUP;
		descend(t, rest, mass + first, at);
		for (size_t j = 0; j < rest; j++) {
			const size_t i = at[j] / 2;
			leaf[first + j] =
				(uint32_t)(t->node[i] > 0 ? i - t->n_leaves : sum_tree_find(t, mass[first + j]));
		}
	}
}
