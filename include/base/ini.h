/* INI files: [section], key = value, comments after # or ; at a line's start
 * or after blanks.
 *
 * A value that begins with " ends at the next ", after which only a comment may follow. It may
 * have any text, blanks at its ends and # and ; among it; \" stands for ", \\ for \.
 *
 * Strict: nothing is skipped silently. Each line is one event, a faulty line too, so that
 * a caller can report all errors of a file at once. A leading UTF-8 byte order mark and
 * CR LF line ends are accepted, since editors write them. NUL bytes, other
 * control characters and lines over INI_LINE_MAX bytes are errors.
 *
 *     struct ini ini;
 *     struct ini_item item;
 *     ini_init(&ini, data, len);
 *     while (ini_next(&ini, &item))
 *             ... item.line, item.error or item.section, item.key, item.value
 */
#ifndef DQN_BASE_INI_H
#define DQN_BASE_INI_H

#include <stdbool.h>
#include <stddef.h>

struct text;

#define INI_LINE_MAX 4000

struct ini {
	const char *p, *end; /* the caller's bytes, not copied */
	int line;
	char section[INI_LINE_MAX + 1];
	char text[INI_LINE_MAX + 1];
};

struct ini_item {
	int line;            /* from 1 */
	const char *error;   /* NULL, or what is wrong with this line */
	const char *section; /* "" before the first header */
	const char *key;     /* NULL for a section header */
	const char *value;   /* trimmed, or what the quotes hold; may be empty */
	bool is_quoted;
}; /* strings live in the struct ini until the next call */

void ini_init(struct ini *ini, const char *data, size_t len);

/* The format of a file that is not INI, judged by its first bytes: "JSON", "not text",
 * "UTF-16 or UTF-32 text; save it as UTF-8"; NULL if it may be INI. */
const char *ini_other_format(const char *data, size_t len);

/* The next header, key or error; false at the end. */
bool ini_next(struct ini *ini, struct ini_item *item);

/* Writes a value, in quotes if it must have them, so that it reads back. */
void ini_add_value(struct text *t, const char *value);

#endif
