/* How much memory this process may use: the tests write their own /proc and /sys into a scratch directory.
 * A list that grows. */
#include "base/memory.h"

#include "test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/test_memory.XXXXXX";

/* Writes a file below the root, with the directories to it. */
static void put(const char *path, const char *text)
{
	char full[5000];
	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')) != NULL; *p++ = '/') {
		*p = '\0';
		mkdir(full, 0777);
	}
	FILE *f = fopen(full, "w");
	CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* Another tree: what this process is in, and what is mounted. */
static void tree(const char *cgroup, const char *mountinfo)
{
	char command[64];
	snprintf(command, sizeof(command), "rm -rf %s/*", root);
	CHECK_INT(system(command), 0);
	put("/proc/self/cgroup", cgroup);
	put("/proc/self/mountinfo", mountinfo);
}

#define V2 "29 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1(at, from, controllers) "33 25 0:29 " from " " at " rw - cgroup cgroup rw," controllers "\n"

static void test_without_cgroups_it_is_the_machine(void)
{
	tree("0::/\n", "");
	const uint64_t machine = memory_limit(root);
	CHECK(machine > 1 << 24);
	CHECK_INT(memory_limit("/nowhere"), machine);
	tree("0::/a\n", V2);
	CHECK_INT(memory_limit(root), machine);
	put("/sys/fs/cgroup/a/memory.max", "max\n");
	CHECK_INT(memory_limit(root), machine);
	put("/sys/fs/cgroup/a/memory.max", "18446744073709551615\n");
	CHECK_INT(memory_limit(root), machine);
	put("/sys/fs/cgroup/a/memory.max", "nonsense\n");
	CHECK_INT(memory_limit(root), machine);
}

static void test_version_2_takes_the_least_up_to_the_top(void)
{
	static const char *const dirs[] = { "", "/system.slice", "/system.slice/slurmstepd.scope",
		"/system.slice/slurmstepd.scope/job_7", "/system.slice/slurmstepd.scope/job_7/step_0",
		"/system.slice/slurmstepd.scope/job_7/step_0/user" };
	const size_t n = sizeof(dirs) / sizeof(dirs[0]);
	for (size_t least = 0; least < n; least++) {
		tree("0::/system.slice/slurmstepd.scope/job_7/step_0/user\n", V2);
		for (size_t i = 0; i < n; i++) {
			char path[200];
			snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", dirs[i]);
			put(path, i == least ? "5000000\n" : i % 2 ? "6000000\n" : "max\n");
		}
		put("/sys/fs/cgroup/other.slice/memory.max", "1\n");
		CHECK_INT(memory_limit(root), 5000000);
	}
}

static void test_version_1_has_a_file_and_a_mount_of_its_own(void)
{
	tree("9:name=systemd:/x\n4:cpu,memory:/slurm/uid_0/job_5/step_batch\n0::/\n",
		V1("/sys/fs/cgroup/memory", "/", "cpu,memory") V1("/sys/fs/cgroup/memory2", "/", "memory2"));
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	put("/sys/fs/cgroup/memory/slurm/uid_0/job_5/step_batch/memory.limit_in_bytes", "7000000\n");
	CHECK_INT(memory_limit(root), 7000000);
	put("/sys/fs/cgroup/memory/slurm/uid_0/job_5/memory.limit_in_bytes", "6000000\n");
	CHECK_INT(memory_limit(root), 6000000);
	put("/sys/fs/cgroup/memory2/memory.limit_in_bytes", "1\n");
	CHECK_INT(memory_limit(root), 6000000);
}

static void test_a_container_sees_its_part_of_the_tree(void)
{
	/* Without a namespace: the path of the host, of which a part is mounted. */
	tree("4:memory:/docker/abc/job\n", V1("/mnt/with\\040blank\\134", "/docker/abc", "memory") V1("/other",
						   "/docker/ab", "memory") V1("/third", "/docker/xyz", "memory"));
	put("/mnt/with blank\\/memory.limit_in_bytes", "8000000\n");
	put("/other/memory.limit_in_bytes", "1\n");
	put("/third/memory.limit_in_bytes", "1\n");
	CHECK_INT(memory_limit(root), 8000000);
	put("/mnt/with blank\\/job/memory.limit_in_bytes", "7000000\n");
	CHECK_INT(memory_limit(root), 7000000);
	/* With one: its own top is "/", and a process from outside has a path above it. */
	tree("0::/\n", V2);
	put("/sys/fs/cgroup/memory.max", "3000000\n");
	CHECK_INT(memory_limit(root), 3000000);
	tree("0::/../sibling\n", V2);
	put("/sys/fs/cgroup/memory.max", "3000000\n");
	CHECK(memory_limit(root) > 3000000);
}

static void test_odd_files_are_read_without_harm(void)
{
	static const char *const odd[] = { "", "\n\n", ":", "::", "0::", "4:memory", "4:memory:", "0::relative\n",
		"a b c d e - f g h\n", "- - - - -\n", "1 2 3 / /x rw -\n", "1 2 3 / /x rw - cgroup2\n",
		"1 2 3 / /x rw - cgroup2 c\n", "1 2 3 \\04 \\ rw - cgroup2 c r\n" };
	const size_t n = sizeof(odd) / sizeof(odd[0]);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			tree(odd[i], odd[j]);
			CHECK(memory_limit(root) > 0);
		}
	char deep[9000] = "0::";
	while (strlen(deep) < 8000)
		strcat(deep, "/0123456789");
	tree(strcat(deep, "\n"), V2);
	put("/sys/fs/cgroup/memory.max", "3000000\n");
	CHECK(memory_limit(root) > 3000000);
}

static void test_what_this_process_has_had(void)
{
	const uint64_t before = memory_peak_kib();
	const size_t mib = 64;
#ifdef DQN_TESTS_MSAN_H
	const size_t copies = 2; /* MSan keeps as much again, to know what is initialised */
#else
	const size_t copies = 1;
#endif
	void *p = memory_zeroed(mib << 20);
	CHECK(p != NULL);
	free(p);
	const uint64_t more = memory_peak_kib() - before;
	CHECK(before > 0 && more > mib * 1024 / 2 && more < copies * mib * 1024 * 2);
}

/* A list that grows by one keeps what it has, and seldom moves. */
static void test_growing(void)
{
	int *list = NULL;
	size_t room = 0, n_moves = 0;
	for (size_t n = 0; n < 10000; n++) {
		const size_t before = room;
		int *grown = memory_grow(list, &room, n + 1, sizeof(*list));
		CHECK(grown != NULL && room > n);
		if (!grown)
			break;
		n_moves += room != before;
		list = grown;
		list[n] = (int)n;
	}
	for (size_t i = 0; i < 10000; i++)
		CHECK(list[i] == (int)i);
	CHECK(n_moves < 12);
	free(list);
}

int main(void)
{
	if (!mkdtemp(root))
		return 1;
	RUN(test_without_cgroups_it_is_the_machine);
	RUN(test_version_2_takes_the_least_up_to_the_top);
	RUN(test_version_1_has_a_file_and_a_mount_of_its_own);
	RUN(test_a_container_sees_its_part_of_the_tree);
	RUN(test_odd_files_are_read_without_harm);
	RUN(test_what_this_process_has_had);
	RUN(test_growing);
	char command[64];
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command) != 0 || test_end();
}
