#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

void *memory_zeroed(uint64_t bytes)
{
	if (bytes > SIZE_MAX - MEMORY_LINE)
		return NULL;
	const size_t size = ((size_t)bytes / MEMORY_LINE + 1) * MEMORY_LINE;
	void *p = aligned_alloc(MEMORY_LINE, size);
	/* Written now, so that no page is missing once the work has begun. */
	return p ? memset(p, 0, size) : NULL;
}
