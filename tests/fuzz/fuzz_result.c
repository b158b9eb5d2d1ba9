/* The reader of result.json: what it takes is written and read back to the same. */
#include "fuzz.h"
#include "run/run.h"

#include <string.h>

static bool is_plain(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~' || *s == '"' || *s == '\\')
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char first[RUN_RESULT_SIZE], second[RUN_RESULT_SIZE];
	struct result result;
	struct err e;
	struct text t;
	if (!result_parse(&result, "fuzz", (const char *)data, size, &e)) {
		MUST(e.kind == ERR_CORRUPT);
		return 0;
	}
	fuzz_accepted++;
	t = text_into(first, sizeof(first));
	result_print(&result, &t);
	MUST(!t.full);
	if (!is_plain(result.env_id) || !is_plain(result.final_sha256) || !is_plain(result.best_sha256))
		return 0; /* escaped, or replaced where it is no UTF-8 */
	MUST(result_parse(&result, "fuzz", first, t.len, &e));
	t = text_into(second, sizeof(second));
	result_print(&result, &t);
	MUST(strcmp(first, second) == 0);
	return 0;
}
