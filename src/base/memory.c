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

void *memory_grow(void *p, size_t *room, size_t n, size_t size)
{
	const size_t more = 2 * n + 64;
	if (n <= *room)
		return p;
	void *grown = realloc(p, more * size);
	*room = grown ? more : *room;
	return grown;
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

/* --- Linux's cgroups: cgroups(7), proc(5) --- */

enum { PROC_LIMIT = 1 << 24, PATH_SIZE = 4096 };

/* The next line of *text, cut off; NULL after the last. */
static char *next_line(char **text)
{
	char *line = *text;
	if (!*line)
		return NULL;
	*text += strcspn(line, "\n");
	if (**text)
		*(*text)++ = '\0';
	return line;
}

static bool has_word(const char *list, const char *word) /* of words between commas */
{
	const size_t len = strlen(word);
	for (const char *p = list; (p = strstr(p, word)) != NULL; p += len)
		if ((p == list || p[-1] == ',') && (p[len] == ',' || p[len] == '\0'))
			return true;
	return false;
}

/* Undoes mountinfo's \040 for a blank, and its likes. */
static void unescape(char *p)
{
	char *to = p;
	for (; *p; to++) {
		const size_t digits = *p == '\\' ? strspn(p + 1, "01234567") : 0;
		*to = digits >= 3 ? (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + p[3] - '0') : *p;
		p += digits >= 3 ? 4 : 1;
	}
	*to = '\0';
}

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

struct mount {                      /* a line of mountinfo */
	char *top, *point;          /* cgroup `top` is mounted at `point` */
	const char *type, *options; /* of the file system */
};

/* Cuts the line into m; false if it has too few fields. */
static bool split_mount(char *line, struct mount *m)
{
	char *field[5], *save, *word = strtok_r(line, " ", &save);
	for (int i = 0; i < 5 && word; i++, word = strtok_r(NULL, " ", &save))
		field[i] = word;
	while (word && strcmp(word, "-") != 0)
		word = strtok_r(NULL, " ", &save);
	m->type = word ? strtok_r(NULL, " ", &save) : NULL;
	m->options = m->type && strtok_r(NULL, " ", &save) ? strtok_r(NULL, " ", &save) : NULL;
	if (!m->options)
		return false;
	unescape(m->top = field[3]);
	unescape(m->point = field[4]);
	return true;
}

/* The part of a cgroup's path below the mounted one; NULL if the mount does not show it. */
static const char *below_mount(const char *cgroup, const char *top)
{
	const size_t len = strcmp(top, "/") == 0 ? 0 : strlen(top);
	if (strncmp(cgroup, top, len) != 0 || strncmp(cgroup, "/..", 3) == 0)
		return NULL;
	return cgroup[len] == '/' || cgroup[len] == '\0' ? cgroup + len : NULL;
}

/* The least limit of this process's cgroup and its parents, as far as a mount shows them:
 * `line` of mountinfo. cgroups: its path in version 1 and 2, or "". */
static uint64_t limit_of_mount(const char *root, char *line, const char *const cgroups[2], uint64_t least)
{
	static const char *const files[2] = { "memory.limit_in_bytes", "memory.max" };
	struct mount m;
	if (!split_mount(line, &m))
		return least;
	const bool v2 = strcmp(m.type, "cgroup2") == 0;
	if (!v2 && (strcmp(m.type, "cgroup") != 0 || !has_word(m.options, "memory")))
		return least;
	const char *below = below_mount(cgroups[v2], m.top);
	if (!below)
		return least;
	char path[PATH_SIZE];
	const size_t mount_len = strlen(root) + strlen(m.point);
	size_t len = mount_len + (strcmp(below, "/") == 0 ? 0 : strlen(below));
	if (len + 32 > sizeof(path)) /* room for a name of files[] */
		return least;
	snprintf(path, sizeof(path), "%s%s%s", root, m.point, below);
	for (;;) {
		snprintf(path + len, sizeof(path) - len, "/%s", files[v2]);
		least = read_limit(path, least);
		if (len <= mount_len)
			return least;
		do
			len--;
		while (len > mount_len && path[len] != '/');
	}
}

uint64_t memory_limit(const char *root)
{
	const uint64_t memory = memory_of_the_machine();
	uint64_t least = memory > 0 ? memory : UINT64_MAX;
	char path[PATH_SIZE], *lines, *mounts, *line;
	const char *cgroups[2] = { "", "" }; /* of version 1, of version 2 */
	struct err ignored;
	size_t len;
	snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	if (!file_read(path, PROC_LIMIT, &lines, &len, &ignored))
		return memory;
	for (char *p = lines; (line = next_line(&p)) != NULL;) { /* "4:cpu,memory:/path" */
		char *names = strchr(line, ':'), *at = names ? strchr(++names, ':') : NULL;
		if (!at)
			continue;
		*at++ = '\0';
		if (names[0] == '\0' || has_word(names, "memory"))
			cgroups[names[0] == '\0'] = at;
	}
	snprintf(path, sizeof(path), "%s/proc/self/mountinfo", root);
	if (file_read(path, PROC_LIMIT, &mounts, &len, &ignored)) {
		for (char *p = mounts; (line = next_line(&p)) != NULL;)
			least = limit_of_mount(root, line, cgroups, least);
		free(mounts);
	}
	free(lines);
	return least == UINT64_MAX ? 0 : least;
}
