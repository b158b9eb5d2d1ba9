/* Whole files: what is read is all or an error, what is written is whole or the
 * old file. Everything happens in a scratch directory. */
#include "base/file.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char scratch[] = "/tmp/dqn-test-file-XXXXXX";

/* A path in the scratch directory; the last four stay valid. */
static const char *at(const char *name)
{
	static char paths[4][5000];
	static int turn;
	char *path = paths[turn++ % 4];
	snprintf(path, sizeof(paths[0]), "%s/%s", scratch, name);
	return path;
}

static void put(const char *path, const char *data, size_t len)
{
	FILE *f = fopen(path, "wb");
	CHECK(f != NULL);
	if (!f)
		return;
	CHECK(fwrite(data, 1, len, f) == len);
	CHECK(fclose(f) == 0);
}

static void check_content(const char *path, const char *want, size_t want_len)
{
	char *data = NULL;
	size_t len = 0;
	struct err e;
	const bool ok = file_read(path, SIZE_MAX / 2, &data, &len, &e);
	CHECK(ok);
	if (!ok)
		return;
	CHECK_INT(len, want_len);
	CHECK(len == want_len && memcmp(data, want, len) == 0);
	free(data);
}

/* A failed read is ERR_RUN, names the path and touches nothing. */
static void check_read_fails(const char *path, size_t limit, const char *message)
{
	char mark, *data = &mark;
	size_t len = 77;
	struct err e = { .msg = "" };
	CHECK(!file_read(path, limit, &data, &len, &e));
	CHECK(data == &mark && len == 77);
	CHECK_INT(e.kind, ERR_RUN);
	CHECK(strstr(e.msg, path) != NULL);
	if (!strstr(e.msg, message))
		printf("\"%s\" does not say \"%s\"\n", e.msg, message);
	CHECK(strstr(e.msg, message) != NULL);
}

/* Reading */

static void test_a_file_is_read_whole(void)
{
	static const size_t sizes[] = { 0, 1, 100, 65535, 65536, 65537, 131072, 131073, 300000 };
	char *bytes = malloc(300000);
	if (!bytes)
		abort();
	for (size_t i = 0; i < 300000; i++)
		bytes[i] = (char)(i * 7 + i / 256);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *data = NULL;
		size_t len = 77;
		struct err e;
		put(at("whole"), bytes, sizes[i]);
		CHECK(file_read(at("whole"), sizes[i], &data, &len, &e)); /* just within */
		CHECK_INT(len, sizes[i]);
		CHECK(len == sizes[i] && data && memcmp(data, bytes, len) == 0);
		CHECK(data && data[len] == '\0');
		free(data);
		if (sizes[i] > 0)
			check_read_fails(at("whole"), sizes[i] - 1, "larger than");
		check_content(at("whole"), bytes, sizes[i]);
	}
	free(bytes);
}

static void test_what_is_no_file_is_an_error(void)
{
	check_read_fails(at("missing"), 1000, "open");
	check_read_fails(at("missing"), 1000, "No such file");
	check_read_fails(scratch, 1000, "directory");
	check_read_fails(at("missing/under/it"), 1000, "open");
	put(at("plain"), "x", 1);
	check_read_fails(at("plain/x"), 1000, "open");
}

static void test_an_endless_file_stops_at_the_limit(void)
{
	check_read_fails("/dev/zero", 0, "larger than the 0 bytes");
	check_read_fails("/dev/zero", 1000, "larger than the 1000 bytes");
	check_read_fails("/dev/zero", 1000000, "larger than the 1000000 bytes");
}

static void test_an_empty_device_is_empty(void)
{
	check_content("/dev/null", "", 0);
}

/* A child writes n bytes into a FIFO, in small pieces. */
static pid_t feed(const char *path, int n)
{
	fflush(stdout);
	const pid_t pid = fork();
	if (pid != 0)
		return pid;
	const int fd = open(path, O_WRONLY);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; fd >= 0 && i < n; i++)
		if (write(fd, &"abc"[i % 3], 1) != 1)
			break;
	_exit(0);
}

static void test_a_fifo_is_read_to_its_end_up_to_the_limit(void)
{
	char want[301], *data = NULL;
	size_t len = 0;
	struct err e;
	for (int i = 0; i < 300; i++)
		want[i] = "abc"[i % 3];
	CHECK(mkfifo(at("fifo"), 0600) == 0);
	pid_t pid = feed(at("fifo"), 300);
	CHECK(file_read(at("fifo"), 300, &data, &len, &e));
	CHECK(len == 300 && memcmp(data, want, 300) == 0);
	free(data);
	CHECK(waitpid(pid, NULL, 0) == pid);
	pid = feed(at("fifo"), 100000);
	check_read_fails(at("fifo"), 299, "larger than the 299 bytes");
	CHECK(waitpid(pid, NULL, 0) == pid);
}

static void test_reading_just_so_many_bytes(void)
{
	struct err e = { .msg = "" };
	char data[8] = "";
	int fd = -1;
	uint64_t len = 0;
	put(at("six"), "sixsix", 6);
	CHECK(file_open(NULL, at("six"), &fd, &len, &e) && len == 6);
	CHECK(file_read_at(fd, "six", 1, data, 4, &e) && memcmp(data, "ixsi", 4) == 0);
	CHECK(!file_read_at(fd, "six", 3, data, 4, &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
	CHECK_STR(e.msg, "'six' ends too early");
	close(fd);
	CHECK(!file_read_at(fd, "six", 3, data, 4, &e));
	CHECK_INT(e.kind, ERR_RUN);
	CHECK(!file_open(NULL, at("."), &fd, &len, &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
	CHECK(!file_open(NULL, at("nothing"), &fd, &len, &e));
	CHECK_INT(e.kind, ERR_RUN);
}

static void test_reading_a_descriptor(void)
{
	char *data = NULL, mark, *unset = &mark;
	size_t len = 0, same = 77;
	struct err e;
	put(at("fd"), "hello", 5);
	const int fd = open(at("fd"), O_RDONLY);
	CHECK(lseek(fd, 2, SEEK_SET) == 2);
	CHECK(file_read_fd(fd, "standard input", 10, &data, &len, &e));
	CHECK_INT(len, 3);
	CHECK_STR(data, "llo");
	free(data);
	CHECK(close(fd) == 0); /* it was left open */
	CHECK(!file_read_fd(fd, "standard input", 10, &unset, &same, &e));
	CHECK(strstr(e.msg, "'standard input'") != NULL);
	CHECK(unset == &mark && same == 77);
}

/* Writing */

static void test_atomic_write_makes_and_replaces(void)
{
	struct err e;
	CHECK(file_write_atomic(NULL, at("new"), "first", 5, &e));
	check_content(at("new"), "first", 5);
	CHECK(file_write_atomic(NULL, at("new"), "2", 1, &e));
	check_content(at("new"), "2", 1);
	CHECK(file_write_atomic(NULL, at("new"), "", 0, &e));
	check_content(at("new"), "", 0);
	CHECK(file_write_atomic(NULL, at("new"), "a\0b", 3, &e));
	check_content(at("new"), "a\0b", 3);
	CHECK(!file_exists(NULL, at("new.tmp")));
}

static void test_atomic_write_replaces_a_stale_temporary_file(void)
{
	struct err e;
	put(at("stale.tmp"), "left behind by a crash, and longer", 34);
	CHECK(file_write_atomic(NULL, at("stale"), "good", 4, &e));
	check_content(at("stale"), "good", 4);
	CHECK(!file_exists(NULL, at("stale.tmp")));
}

static void test_atomic_write_obeys_the_umask(void)
{
	struct err e;
	struct stat st;
	const mode_t old = umask(027);
	CHECK(file_write_atomic(NULL, at("mode"), "x", 1, &e));
	umask(old);
	CHECK(stat(at("mode"), &st) == 0);
	CHECK_INT(st.st_mode & 0777, 0640);
}

static void test_atomic_write_in_the_working_directory(void)
{
	char here[4096];
	struct err e;
	CHECK(getcwd(here, sizeof(here)) != NULL && chdir(scratch) == 0);
	CHECK(file_write_atomic(NULL, "plain name", "x", 1, &e));
	check_content("plain name", "x", 1);
	CHECK(!file_exists(NULL, "plain name.tmp"));
	CHECK(chdir(here) == 0);
	CHECK(file_exists(NULL, at("plain name")));
}

/* What a writer may not hide: ok says how file_end must end, message why not. */
static void check_writer(const char *previous, bool (*use)(struct file_writer *, struct err *), const char *message)
{
	struct file_writer w;
	struct err e = { .msg = "" };
	put(at("target"), "old", 3);
	bool ok = file_begin(&w, NULL, at("target"), &e) && file_add(&w, "new", 3, &e);
	CHECK(ok);
	ok = ok && use(&w, &e);
	CHECK(!file_end(&w, ok, previous, &e));
	CHECK_INT(e.kind, ERR_RUN);
	if (!strstr(e.msg, message))
		printf("\"%s\" does not say \"%s\"\n", e.msg, message);
	CHECK(strstr(e.msg, message) != NULL);
	check_content(at("target"), "old", 3);
	CHECK(!file_exists(NULL, at("target.tmp")));
}

static bool use_nothing(struct file_writer *w, struct err *e)
{
	(void)w;
	(void)e;
	return true;
}

/* Puts another descriptor in the place of the writer's. */
static void replace_descriptor(struct file_writer *w, int fd)
{
	CHECK(fd >= 0 && dup2(fd, w->fd) == w->fd);
	close(fd);
}

static bool add_to_what_is_read_only(struct file_writer *w, struct err *e)
{
	replace_descriptor(w, open("/dev/null", O_RDONLY));
	return file_add(w, "x", 1, e);
}

static bool lose_the_descriptor(struct file_writer *w, struct err *e)
{
	(void)e;
	close(w->fd);
	return true;
}

static void test_a_named_output_is_written_where_its_name_leads(void)
{
	struct err e = { .msg = "" };
	struct stat st;
	char got[8] = "";
	put(at("real"), "old", 3);
	CHECK(symlink("real", at("link")) == 0 && symlink("link", at("link2")) == 0);
	CHECK(file_write(at("link2"), "new", 3, &e));
	check_content(at("real"), "new", 3);
	CHECK(lstat(at("link"), &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(symlink(at("later"), at("to-be")) == 0); /* a link to nothing yet */
	CHECK(file_write(at("to-be"), "x", 1, &e));
	check_content(at("later"), "x", 1);
	CHECK(symlink("loop", at("loop")) == 0);
	CHECK(!file_write(at("loop"), "x", 1, &e) && e.kind == ERR_RUN);
	CHECK(lstat(at("loop"), &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(!file_write(scratch, "x", 1, &e) && strstr(e.msg, "Is a directory"));
	CHECK(file_write("/dev/null", "x", 1, &e));
	CHECK(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(mkfifo(at("pipe-out"), 0600) == 0);
	const int fd = open(at("pipe-out"), O_RDONLY | O_NONBLOCK);
	CHECK(fd >= 0 && file_write(at("pipe-out"), "abc", 3, &e));
	CHECK(read(fd, got, sizeof(got)) == 3 && strcmp(got, "abc") == 0);
	CHECK(stat(at("pipe-out"), &st) == 0 && S_ISFIFO(st.st_mode));
	close(fd);
}

static void test_a_writer_that_fails_keeps_the_old_file(void)
{
	CHECK(mkdir(at("full"), 0777) == 0);
	put(at("full/file"), "", 0);
	check_writer(at("full"), use_nothing, "rename"); /* no place for the previous one */
	check_writer(NULL, add_to_what_is_read_only, "write");
	check_writer(NULL, lose_the_descriptor, "fsync");
}

static void test_a_temporary_name_that_is_taken(void)
{
	struct file_writer w;
	struct err e = { .msg = "" };
	CHECK(mkdir(at("taken.tmp"), 0777) == 0);
	CHECK(!file_begin(&w, NULL, at("taken"), &e));
	CHECK(strstr(e.msg, "remove '") != NULL);
	CHECK(!file_end(&w, false, NULL, &e));
	CHECK(file_exists(NULL, at("taken.tmp")) && !file_exists(NULL, at("taken")));
}

static void check_write_fails(const char *path, const char *message)
{
	struct err e = { .msg = "" };
	CHECK(!file_write_atomic(NULL, path, "data", 4, &e));
	CHECK_INT(e.kind, ERR_RUN);
	if (!strstr(e.msg, message))
		printf("\"%s\" does not say \"%s\"\n", e.msg, message);
	CHECK(strstr(e.msg, message) != NULL);
}

static void test_a_write_that_fails_leaves_nothing(void)
{
	CHECK(mkdir(at("dir"), 0777) == 0);
	check_write_fails(at("dir"), "rename"); /* a directory is no target */
	CHECK(!file_exists(NULL, at("dir.tmp")));
	CHECK(file_exists(NULL, at("dir")));
	check_write_fails(at("no/such/dir"), "create");
	CHECK(!file_exists(NULL, at("no")));
	char name[6000];
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	check_write_fails(name, "path too long");
}

/* A limit on the size of files stands for a full disk. */
static void test_a_write_cut_short_keeps_the_old_file(void)
{
	put(at("kept"), "old content", 11);
	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0) {
		const struct rlimit limit = { 1000, 1000 };
		static char big[100000];
		struct err e = { .msg = "" };
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		const bool ok = file_write_atomic(NULL, at("kept"), big, sizeof(big), &e);
		_exit(ok ? 1 : !strstr(e.msg, "write '") ? 2 : 0);
	}
	int status = -1;
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 0);
	check_content(at("kept"), "old content", 11);
	CHECK(!file_exists(NULL, at("kept.tmp")));
}

static void test_writing_to_a_full_device_is_an_error(void)
{
	struct err e = { .msg = "" };
	const int fd = open("/dev/full", O_WRONLY);
	if (fd < 0) {
		SKIP("writing to a full device", "no /dev/full");
		CHECK(errno == ENOENT);
		return;
	}
	CHECK(!file_write_fd(fd, "standard output", "x", 1, &e));
	CHECK(strstr(e.msg, "write 'standard output'") != NULL);
	CHECK(file_write_fd(fd, "standard output", "", 0, &e));
	close(fd);
}

static void test_writing_through_a_pipe_in_pieces(void)
{
	enum { N = 300000 }; /* more than a pipe holds */
	static char bytes[N], back[N];
	struct err e;
	int fds[2];
	for (int i = 0; i < N; i++)
		bytes[i] = (char)(i * 3 + i / 256);
	CHECK(pipe(fds) == 0);
	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0) {
		close(fds[0]);
		_exit(!file_write_fd(fds[1], "pipe", bytes, N, &e));
	}
	close(fds[1]);
	size_t n = 0;
	for (ssize_t got; n < N && (got = read(fds[0], back + n, N - n)) > 0;)
		n += (size_t)got;
	close(fds[0]);
	int status = -1;
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
	CHECK_INT(n, N);
	CHECK(memcmp(bytes, back, N) == 0);
}

/* Directories and paths */

static void test_directories_are_made_with_those_above(void)
{
	struct err e = { .msg = "" };
	struct stat st;
	CHECK(file_make_dirs(at("a/b/c"), &e));
	CHECK(stat(at("a/b/c"), &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(file_make_dirs(at("a/b/c"), &e));
	CHECK(file_make_dirs(at("a/b/d/"), &e));
	CHECK(stat(at("a/b/d"), &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(file_make_dirs(at("a//e///f"), &e));
	CHECK(stat(at("a/e/f"), &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(file_make_dirs("/", &e));
	CHECK(file_make_dirs(".", &e));
}

static void test_a_directory_that_cannot_be_is_an_error(void)
{
	struct err e = { .msg = "" };
	put(at("occupied"), "x", 1);
	CHECK(!file_make_dirs(at("occupied"), &e));
	CHECK(strstr(e.msg, "is not a directory") != NULL);
	CHECK(!file_make_dirs(at("occupied/below"), &e));
	CHECK(strstr(e.msg, "occupied") != NULL);
	CHECK_INT(e.kind, ERR_RUN);
	CHECK(!file_make_dirs("", &e));
	char name[6000];
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	CHECK(!file_make_dirs(name, &e));
	CHECK(strstr(e.msg, "path too long") != NULL);
}

static void test_exists_is_about_the_name(void)
{
	CHECK(file_exists(NULL, scratch));
	CHECK(file_exists(NULL, "/dev/null"));
	CHECK(!file_exists(NULL, at("nobody")));
	CHECK(!file_exists(NULL, ""));
	CHECK(symlink("/nowhere/at/all", at("dangling")) == 0);
	CHECK(file_exists(NULL, at("dangling")));
}

static void test_join_fits_or_fails(void)
{
	struct err e = { .msg = "" };
	char path[9];
	for (size_t size = 1; size <= 8; size++) {
		memset(path, '#', sizeof(path));
		const bool ok = file_join(path, size, "ab", "cde", &e);
		CHECK_INT(ok, size >= 7);
		CHECK_INT(path[size], '#');
		if (ok)
			CHECK_STR(path, "ab/cde");
	}
	CHECK(!file_join(path, 6, "ab", "cde", &e));
	CHECK_STR(e.msg, "path too long: 'ab/cde'");
	CHECK_INT(e.kind, ERR_RUN);
}

/* Errors */

static void test_messages_hold_no_control_bytes(void)
{
	struct err e;
	CHECK(!err_set(&e, ERR_USAGE, "key '%s' in line %d", "a\x1b[31m\n\x7f\xc3\xa9", 3));
	CHECK_INT(e.kind, ERR_USAGE);
	CHECK_STR(e.msg, "key 'a?[31m??\xc3\xa9' in line 3");
}

static void test_a_long_message_is_cut(void)
{
	struct err e;
	char name[2000];
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	CHECK(!err_set(&e, ERR_RUN, "open '%s'", name));
	CHECK_INT(strlen(e.msg), sizeof(e.msg) - 1);
	CHECK(strncmp(e.msg, "open 'xxx", 9) == 0);
}

int main(void)
{
	if (!mkdtemp(scratch)) {
		perror("mkdtemp");
		return 1;
	}
	RUN(test_a_file_is_read_whole);
	RUN(test_what_is_no_file_is_an_error);
	RUN(test_an_endless_file_stops_at_the_limit);
	RUN(test_an_empty_device_is_empty);
	RUN(test_a_fifo_is_read_to_its_end_up_to_the_limit);
	RUN(test_reading_just_so_many_bytes);
	RUN(test_reading_a_descriptor);
	RUN(test_atomic_write_makes_and_replaces);
	RUN(test_atomic_write_replaces_a_stale_temporary_file);
	RUN(test_atomic_write_obeys_the_umask);
	RUN(test_atomic_write_in_the_working_directory);
	RUN(test_a_named_output_is_written_where_its_name_leads);
	RUN(test_a_writer_that_fails_keeps_the_old_file);
	RUN(test_a_temporary_name_that_is_taken);
	RUN(test_a_write_that_fails_leaves_nothing);
	RUN(test_a_write_cut_short_keeps_the_old_file);
	RUN(test_writing_to_a_full_device_is_an_error);
	RUN(test_writing_through_a_pipe_in_pieces);
	RUN(test_directories_are_made_with_those_above);
	RUN(test_a_directory_that_cannot_be_is_an_error);
	RUN(test_exists_is_about_the_name);
	RUN(test_join_fits_or_fails);
	RUN(test_messages_hold_no_control_bytes);
	RUN(test_a_long_message_is_cut);
	char command[100];
	snprintf(command, sizeof(command), "rm -rf '%s'", scratch);
	if (system(command) != 0)
		return 1;
	return test_end();
}
