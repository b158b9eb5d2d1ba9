/* Text: bounded buffers, strict numbers, similar words.
 *
 * A struct text writes into the caller's buffer. A piece that does not fit is dropped and
 * sets `full`, which the caller checks once at the end. The buffer always holds a
 * NUL-terminated string.
 *
 * Numbers do not depend on the locale: nobody calls setlocale(). Reals print in the
 * shortest form that reads back equal.
 */
#ifndef DQN_BASE_TEXT_H
#define DQN_BASE_TEXT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *p;     /* the caller's buffer */
	size_t size; /* its bytes, the NUL included; > 0 */
	size_t len;  /* bytes written, < size */
	bool full;   /* something was dropped */
};

struct text text_into(char *buffer, size_t size);
void text_add(struct text *t, const char *fmt, ...) ERR_PRINTF(2, 3);

/* The shortest decimal form that strtod reads back as x ("0.1", "1e-05"). */
void text_add_real(struct text *t, double x);

/* The same, as JSON has it: null where x is not finite. */
void text_add_json_real(struct text *t, double x);

/* A member of an object, "key":x; after a comma unless it is the first. */
void text_add_json_member(struct text *t, const char *key, double x);

/* s as a JSON string with its quotes. Unprintable characters (see text_char) are escaped;
 * bytes that are not UTF-8 become U+FFFD. */
void text_add_json_string(struct text *t, const char *s);

/* Bytes of the character at s (not the end), and its columns on a terminal: 0 to 2, or -1
 * if it is unprintable: a byte that is not UTF-8, a control character (C0, DEL and C1), a
 * line or paragraph separator, a change of direction, an invisible character. */
int text_char(const char *s, int *columns);

/* Unprintable characters become '?'. Every name from a file or from the user is shown
 * through this. */
void text_make_printable(char *s);
bool text_is_printable(const char *s);

/* Columns of s on a terminal, after text_make_printable. */
int text_columns(const char *s);

/* Bytes of the longest beginning of s that fits into so many columns. */
size_t text_fit(const char *s, int columns);

/* The same for an end: where it begins. */
const char *text_fit_end(const char *s, int columns);

#define TEXT_REAL_SIZE 32
/* text_add_real into buf; returns buf. */
const char *text_real(double x, char buf[TEXT_REAL_SIZE]);

/* The same for a float: "0.1", not "0.10000000149011612". It reads back equal as a float and as a
 * double that becomes one. */
const char *text_float(float x, char buf[TEXT_REAL_SIZE]);

/* The parsers of numbers take the whole string or nothing. */
enum text_parse { TEXT_OK, TEXT_NOT_A_NUMBER, TEXT_NOT_WHOLE, TEXT_TOO_LARGE };

/* A count: 50000, 50_000, 5e4, 2.5e3; exact, never through double. */
enum text_parse text_parse_u64(const char *s, uint64_t *value);

/* A count of at most `most`, in digits and nothing else. */
bool text_parse_digits(const char *s, uint64_t most, uint64_t *value);

/* The same as text_parse_u64 with an optional sign, in int64_t. */
enum text_parse text_parse_i64(const char *s, int64_t *value);

/* A finite decimal real (no hex, no inf, no nan, no blanks); _ between digits. */
enum text_parse text_parse_real(const char *s, double *value);

/* Reads the decimal number that s begins with, as strtod does in the C locale, and fast; s ends
 * in a NUL. Returns where it ends, or NULL if the longest row of characters that numbers are
 * made of is not one. It may be infinite: 1e999. */
const char *text_scan_real(const char *s, double *value);

/* Edit distance (insert, delete, replace, swap neighbours; case ignored): optimal string
 * alignment. SIZE_MAX if it is more than most, or a string longer than 64 bytes. */
size_t text_distance(const char *a, const char *b, size_t most);

/* True if b may be a typing error for a: at most a third of it differs. Otherwise
 * *distance is SIZE_MAX. */
bool text_is_near(const char *a, const char *b, size_t *distance);

/* Copies the next word of a list separated by blanks, and moves *list past it; false at the
 * end. A word that does not fit is cut. */
bool text_next_word(const char **list, char *word, size_t size);

/* The same for other lists: an item ends at a separator, and `blanks` around it are left out. *list is NULL
 * after the last one. An item that does not fit is empty. */
bool text_next_item(const char **list, char separator, const char *blanks, char *item, size_t size);

/* True if a list separated by blanks has that word. */
bool text_has_word(const char *list, const char *word);

/* The place of a word in a NULL-terminated list, or -1. */
int text_index(const char *word, const char *const *list);

/* The nearest of a NULL-terminated list, or NULL if none is near. */
const char *text_nearest(const char *word, const char *const *list);

/* The nearer of two, if neither is NULL. */
const char *text_nearer(const char *word, const char *a, const char *b);

#endif
