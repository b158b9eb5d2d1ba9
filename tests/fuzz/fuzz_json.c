/* The reader of JSON: a document is walked by its values and skipped as a whole. What
 * the walk takes, skipping takes too; strings are written and read back. */
#include "base/json.h"
#include "base/text.h"
#include "fuzz.h"

#include <math.h>
#include <string.h>

enum { STRING_SIZE = 256 };

static void check_string(const char *s)
{
	static char printed[6 * STRING_SIZE + 3], back[3 * STRING_SIZE], again[sizeof(printed)];
	struct text t;
	struct json j;
	MUST(strlen(s) < STRING_SIZE);
	t = text_into(printed, sizeof(printed));
	text_add_json_string(&t, s);
	MUST(!t.full);
	json_init(&j, printed, t.len);
	MUST(json_string(&j, back, sizeof(back)) && json_end(&j));
	t = text_into(again, sizeof(again));
	text_add_json_string(&t, back); /* bytes that were no UTF-8 are now */
	MUST(strcmp(printed, again) == 0 || strstr(printed, "\\ufffd"));
}

static void walk_value(struct json *j)
{
	char s[STRING_SIZE];
	uint64_t whole;
	double real;
	bool yes;
	while (j->p < j->end && *j->p == ' ')
		j->p++;
	switch (j->p < j->end ? *j->p : '\0') {
	case '"':
		if (json_string(j, s, sizeof(s)))
			check_string(s);
		break;
	case 't':
	case 'f':
		json_bool(j, &yes);
		break;
	case '0':
	case '1':
	case '2':
		json_u64(j, &whole);
		break;
	case '[':
		for (json_open(j, '['); json_next_item(j);)
			json_skip(j);
		break;
	case '{':
		json_skip(j);
		break;
	default:
		if (json_real(j, &real))
			MUST(!isinf(real));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json walk, skip;
	char key[STRING_SIZE];
	json_init(&walk, (const char *)data, size);
	for (json_open(&walk, '{'); json_next_key(&walk, key, sizeof(key));) {
		check_string(key);
		walk_value(&walk);
	}
	json_init(&skip, (const char *)data, size);
	json_skip(&skip);
	const bool ok = json_end(&walk);
	fuzz_accepted += ok;
	MUST(!ok || json_end(&skip));
	MUST(walk.p <= walk.end && skip.p <= skip.end);
	return 0;
}
