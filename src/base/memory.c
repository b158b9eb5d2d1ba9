#define _DEFAULT_SOURCE /* madvise */ // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
#include "base/memory.h"

#include "base/file.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif

/* Random accesses to a large block wait for its page tables, too; with pages of 2 MiB these are
 * small. A hint, for the whole pages of the block. */
static void use_huge_pages(char *p, size_t size)
{
#if defined(MADV_HUGEPAGE)
	const size_t page = 1 << 21;
	const size_t skip = (page - (uintptr_t)p % page) % page;
	if (p && size >= skip + page)
		(void)madvise(p + skip, (size - skip) / page * page, MADV_HUGEPAGE);
#else
	(void)p;
	(void)size;
#endif
}

void *memory_zeroed(uint64_t bytes)
{
	if (bytes > SIZE_MAX - MEMORY_LINE)
		return NULL;
	const size_t size = ((size_t)bytes / MEMORY_LINE + 1) * MEMORY_LINE;
	char *p = aligned_alloc(MEMORY_LINE, size);
	use_huge_pages(p, size);
	/* Written now, so that no page is missing once the work has begun. */
	return p ? memset(p, 0, size) : NULL;
}

uint64_t memory_peak_kib(void)
{
	struct rusage usage = { 0 };
	getrusage(RUSAGE_SELF, &usage);
#if defined(__APPLE__)
	return (uint64_t)usage.ru_maxrss / 1024; /* bytes there, KiB everywhere else */
#else
	return (uint64_t)usage.ru_maxrss;
#endif
}

static uint64_t memory_of_the_machine(void)
{
#if defined(__APPLE__)
	uint64_t memory = 0;
	size_t size = sizeof(memory);
	return sysctlbyname("hw.memsize", &memory, &size, NULL, 0) == 0 ? memory : 0;
#else
	const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
#endif
}

/* --- Linux's cgroups: cgroups(7) --- */

enum { PROC_LIMIT = 1 << 24 };

/* The limit that a file holds, or `least` if it holds a larger one, "max", or is not there. */
static uint64_t read_limit(const char *path, uint64_t least)
{
	struct err ignored;
	char *data;
	size_t len;
	uint64_t limit;
	if (!file_read(path, 64, &data, &len, &ignored))
		return least;
	data[strcspn(data, "\n")] = '\0';
	if (text_parse_u64(data, &limit) == TEXT_OK && limit < least)
		least = limit;
	free(data);
	return least;
}

/* The least limit of a cgroup and its parents, below the usual mount. A container may know the
 * path of its host: then only the top is there. Cuts the path. */
static uint64_t limit_of_cgroup(const char *root, bool v2, char *cgroup, uint64_t least)
{
	char path[FILE_PATH_SIZE];
	for (char *slash = cgroup; slash;) {
		if (v2)
			snprintf(path, sizeof(path), "%s/sys/fs/cgroup%s/memory.max", root, cgroup);
		else
			snprintf(path, sizeof(path), "%s/sys/fs/cgroup/memory%s/memory.limit_in_bytes", root, cgroup);
		least = read_limit(path, least);
		slash = strrchr(cgroup, '/');
		if (slash)
			*slash = '\0';
	}
	return least;
}

/* A line is "0::/path" in version 2, and "4:cpu,memory:/path" in version 1. */
uint64_t memory_limit(const char *root)
{
	const uint64_t memory = memory_of_the_machine();
	uint64_t least = memory > 0 ? memory : UINT64_MAX;
	char path[FILE_PATH_SIZE], *lines, *save;
	struct err ignored;
	size_t len;
	snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	if (!file_read(path, PROC_LIMIT, &lines, &len, &ignored))
		return memory;
	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *names = strchr(line, ':'), *cgroup = names ? strchr(++names, ':') : NULL;
		const bool is_outside = cgroup && strncmp(cgroup, ":/..", 4) == 0; /* of our namespace */
		if (!cgroup || is_outside)
			continue;
		*cgroup++ = '\0';
		for (char *comma = names; (comma = strchr(comma, ',')) != NULL;)
			*comma = ' ';
		if (names[0] == '\0' || text_has_word(names, "memory"))
			least = limit_of_cgroup(root, names[0] == '\0', cgroup, least);
	}
	free(lines);
	return least == UINT64_MAX ? 0 : least;
}
