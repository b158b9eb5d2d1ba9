/* Memory for blocks of numbers, and how much of it this process has used and may use.
 *
 *     float *p = memory_zeroed(bytes);      // NULL: not enough memory
 *     free(p);
 *
 * Blocks start at cache lines, so that no aligned vector crosses one.
 */
#ifndef DQN_BASE_MEMORY_H
#define DQN_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define MEMORY_LINE 64 /* bytes in a cache line of most CPUs */

/* n floats, rounded up to whole cache lines: the stride of blocks in one piece of
 * memory. n is far below 2^63. */
static inline uint64_t memory_block(uint64_t n)
{
	const uint64_t line = MEMORY_LINE / sizeof(float);
	return (n + line - 1) / line * line;
}

/* bytes zeros at a cache line, the caller's to free. NULL if there is not enough
 * memory, or bytes do not fit a size_t. */
void *memory_zeroed(uint64_t bytes);

/* p (*room elements of `size` bytes, from malloc, or NULL), or, if n > 0 do not fit, what realloc makes of it with room
 * for more than n. The caller frees it. NULL if memory is out: p and *room stay as they were. */
void *memory_grow(void *p, size_t *room, size_t n, size_t size);

/* The most memory that this process has used so far. */
uint64_t memory_peak_kib(void);

/* The bytes that this process may use: those of the machine, or the least limit of its
 * cgroup (version 1 or 2, wherever it is mounted) and of its parents: containers, jobs,
 * slices. 0: unknown. Files are looked up below `root`, "" except in tests. */
uint64_t memory_limit(const char *root);

#endif
