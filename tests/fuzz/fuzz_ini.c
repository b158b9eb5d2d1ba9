/* The reader of INI files: every line is an event, in order, with clean strings. A value that
 * is written reads back. */
#include "base/ini.h"
#include "base/text.h"
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

static bool is_clean(const char *s)
{
	for (size_t i = 0; s[i]; i++)
		if (((unsigned char)s[i] < ' ' && s[i] != '\t') || s[i] == 0x7f)
			return false;
	return strlen(s) <= INI_LINE_MAX;
}

static void check_written(const char *value)
{
	static char line[3 * INI_LINE_MAX];
	static struct ini ini;
	struct ini_item item;
	struct text t;
	t = text_into(line, sizeof(line));
	text_add(&t, "k = ");
	ini_add_value(&t, value);
	if (t.len > INI_LINE_MAX)
		return;
	ini_init(&ini, line, t.len);
	MUST(ini_next(&ini, &item) && !item.error && strcmp(item.value, value) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ini ini;
	struct ini_item item;
	int line = 0;
	ini_init(&ini, (const char *)data, size);
	while (ini_next(&ini, &item)) {
		MUST(item.line > line);
		line = item.line;
		MUST(is_clean(item.section));
		if (item.error)
			continue;
		fuzz_accepted++;
		if (item.key)
			check_written(item.value);
		MUST(!item.key || (item.key[0] && is_clean(item.key) && is_clean(item.value)));
	}
	return 0;
}
