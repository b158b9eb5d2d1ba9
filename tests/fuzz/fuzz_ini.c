/* The reader of INI files: every line is an event, in order, with clean strings. */
#include "base/ini.h"
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
		MUST(!item.key || (item.key[0] && is_clean(item.key) && is_clean(item.value)));
	}
	return 0;
}
