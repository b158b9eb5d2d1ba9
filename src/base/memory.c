#include "base/memory.h"

#include "base/file.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif

void *memory_zeroed(uint64_t bytes)
{
	if (bytes > SIZE_MAX - MEMORY_LINE)
		return NULL;
	const size_t size = ((size_t)bytes / MEMORY_LINE + 1) * MEMORY_LINE;
	void *p = aligned_alloc(MEMORY_LINE, size);
	/* The kernel may overcommit: write to every page now. */
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

enum { PROC_LIMIT = 1 << 24, PATH_SIZE = 4096 };

static bool has_word(const char *list, const char *word) /* of words between commas */
{
	const size_t len = strlen(word);
	for (const char *p = list; (p = strstr(p, word)) != NULL; p += len)
		if ((p == list || p[-1] == ',') && (p[len] == ',' || p[len] == '\0'))
			return true;
	return false;
}

/* The limit in a file, or `least` if the file has a larger one, has "max", or is missing. */
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

/* The least limit of a cgroup and its parents. */
static uint64_t limit_of(
	const char *root, const char *mount, const char *cgroup, const char *file, uint64_t least)
{
	char path[PATH_SIZE];
	if (strncmp(cgroup, "/..", 3) == 0) /* not below what is mounted */
		return least;
	for (size_t len = strlen(cgroup);;) {
		const int n = snprintf(
			path, sizeof(path), "%s%s%.*s/%s", root, mount, (int)len, cgroup, file);
		if (n > 0 && (size_t)n < sizeof(path))
			least = read_limit(path, least);
		if (len == 0)
			return least;
		do
			len--;
		while (len > 0 && cgroup[len] != '/');
	}
}

uint64_t memory_limit(const char *root)
{
	const uint64_t memory = memory_of_the_machine();
	uint64_t least = memory > 0 ? memory : UINT64_MAX;
	char path[PATH_SIZE], *lines, *end;
	struct err ignored;
	size_t len;
	snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	if (!file_read(path, PROC_LIMIT, &lines, &len, &ignored))
		return memory;
	for (char *line = lines; *line; line = end) { /* "4:cpu,memory:/path", "0::/path" */
		end = line + strcspn(line, "\n");
		if (*end)
			*end++ = '\0';
		char *names = strchr(line, ':'), *cgroup = names ? strchr(++names, ':') : NULL;
		if (!cgroup)
			continue;
		*cgroup++ = '\0';
		if (*names == '\0')
			least = limit_of(root, "/sys/fs/cgroup", cgroup, "memory.max", least);
		else if (has_word(names, "memory"))
			least = limit_of(root, "/sys/fs/cgroup/memory", cgroup,
				"memory.limit_in_bytes", least);
	}
	free(lines);
	return least == UINT64_MAX ? 0 : least;
}
