/* Runs a fuzz target over every file of the directories it is given, without libFuzzer.
 * A finding ends it, before its closing line. It has failed, too, if a directory is empty
 * or none of its files was accepted: then the corpus is out of date. */
#include "fuzz.h"

#include "base/file.h"

#include <dirent.h>
#include <string.h>

enum { INPUT_MAX = 1 << 24 };

static bool replay_file(const char *path, struct err *e)
{
	char *data;
	size_t len;
	if (!file_read(path, INPUT_MAX, &data, &len, e))
		return false;
	/* A block of just this size: a sanitizer sees a step beyond its end. */
	uint8_t *input = malloc(len ? len : 1);
	if (!input) {
		free(data);
		return err_set(e, ERR_RUN, "out of memory reading '%s'", path);
	}
	memcpy(input, data, len);
	free(data);
	LLVMFuzzerTestOneInput(input, len);
	free(input);
	return true;
}

/* The number of files, or -1. */
static int replay_directory(const char *dir, struct err *e)
{
	int n = 0;
	fuzz_accepted = 0;
	char path[FILE_PATH_SIZE];
	DIR *d = opendir(dir);
	if (!d) {
		err_set(e, ERR_RUN, "open '%s': no such directory", dir);
		return -1;
	}
	for (const struct dirent *entry; n >= 0 && (entry = readdir(d));) {
		if (entry->d_name[0] == '.')
			continue;
		n++;
		if (!file_join(path, sizeof(path), dir, entry->d_name, e) || !replay_file(path, e))
			n = -1;
	}
	closedir(d);
	if (n >= 0 && fuzz_accepted == 0) {
		err_set(e, ERR_RUN, "'%s': none of its %d files was accepted", dir, n);
		n = -1;
	}
	return n;
}

/* For the mutators, which nobody calls here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
	(void)data;
	(void)max_size;
	return size;
}

int main(int argc, char **argv)
{
	int passed = 0, failed = 0;
	struct err e;
	for (int i = 1; i < argc; i++) {
		const int n = replay_directory(argv[i], &e);
		if (n < 0)
			printf("%s\n", e.msg);
		passed += n > 0 ? n : 0;
		failed += n < 0;
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0 || passed == 0;
}
