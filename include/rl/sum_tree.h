/* Sampling in proportion to priorities (Schaul et al., 2016, appendix B.2.1): a
 * complete binary tree in one array whose leaves are the priorities and whose
 * other nodes are the sum of their two children.
 *
 *     sum_tree_init(&t, n_leaves, &e);
 *     sum_tree_set(&t, i, priority);
 *     i = sum_tree_find(&t, u * sum_tree_total(&t));      // u in [0, 1)
 *     sum_tree_release(&t);
 *
 * In double, and every sum is computed from its children anew, never moved by a
 * difference: no error gathers, and equal leaves give equal trees.
 */
#ifndef DQN_RL_SUM_TREE_H
#define DQN_RL_SUM_TREE_H

#include "base/err.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

struct sum_tree {
	size_t n_leaves; /* a power of 2 */
	double *node;    /* (2 * n_leaves) node[1] is the root, children 2i and 2i+1 */
};

/* Bytes that _init allocates; UINT64_MAX if the count overflows. */
uint64_t sum_tree_bytes(uint64_t n_leaves);

/* All priorities start as 0. Fails (ERR_RUN) if there is not enough memory. */
bool sum_tree_init(struct sum_tree *t, size_t n_leaves, struct err *e);
void sum_tree_release(struct sum_tree *t);

/* priority >= 0 and finite. */
void sum_tree_set(struct sum_tree *t, size_t leaf, double priority);

/* n of them, in order: of a leaf that is there twice the last one counts. Together they wait less
 * for memory and for each other than one by one. */
#define SUM_TREE_MANY 32 /* n at most */
void sum_tree_set_many(struct sum_tree *t, size_t n, const uint32_t *leaf, const double *priority);

/* After the first n leaves, node[n_leaves] and so on, were written: clears the other
 * leaves and recomputes all sums. */
void sum_tree_rebuild(struct sum_tree *t, size_t n);

static inline double sum_tree_get(const struct sum_tree *t, size_t leaf)
{
	assert(leaf < t->n_leaves);
	return t->node[t->n_leaves + leaf];
}

double sum_tree_total(const struct sum_tree *t);

/* The leaf whose share of the total contains `mass`, in [0, total]; never one of
 * priority 0. The total is above 0. */
size_t sum_tree_find(const struct sum_tree *t, double mass);

/* The same for n masses, several at a time. */
void sum_tree_find_many(const struct sum_tree *t, size_t n, const double *mass, uint32_t *leaf);

#endif
