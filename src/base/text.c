#include "base/text.h"

#include <assert.h>
#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text text_into(char *buffer, size_t size)
{
	assert(size > 0);
	buffer[0] = '\0';
	return (struct text){ .p = buffer, .size = size };
}

void text_add(struct text *t, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	const size_t room = t->size - t->len;
	const int n = vsnprintf(t->p + t->len, room, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room) {
		t->full = true;
		t->p[t->len] = '\0'; /* drop the whole piece, not its end */
	} else {
		t->len += (size_t)n;
	}
}

/* With the fewest digits, least or more, that read back equal. */
static const char *shortest(double x, int least, bool is_float, char buf[TEXT_REAL_SIZE])
{
	const double largest_plain = 1e15; /* whole numbers below it print without exponent */
	if (isnan(x))                      /* printf shows its sign, which differs between CPUs */
		return memcpy(buf, "nan", sizeof("nan"));
	if (x == 0) /* -0 as well */
		return memcpy(buf, "0", sizeof("0"));
	if (fabs(x) < largest_plain && x == floor(x)) {
		snprintf(buf, TEXT_REAL_SIZE, "%.0f", x);
		return buf;
	}
	for (int digits = least; digits <= 17; digits++) {
		snprintf(buf, TEXT_REAL_SIZE, "%.*g", digits, x);
		const double back = strtod(buf, NULL);
		if (is_float ? strtof(buf, NULL) == (float)x && (float)back == (float)x : back == x)
			break; /* a float reads back as one and by way of a double */
	}
	return buf;
}

const char *text_real(double x, char buf[TEXT_REAL_SIZE])
{
	return shortest(x, 1, false, buf);
}

const char *text_float(float x, char buf[TEXT_REAL_SIZE])
{
	/* Fewer than 6 are among these, as %g drops zeros. */
	return shortest((double)x, fabsf(x) < FLT_MIN ? 1 : 6, true, buf);
}

void text_add_real(struct text *t, double x)
{
	char buf[TEXT_REAL_SIZE];
	text_add(t, "%s", text_real(x, buf));
}

void text_add_json_real(struct text *t, double x)
{
	if (isfinite(x))
		text_add_real(t, x);
	else
		text_add(t, "null");
}

void text_add_json_member(struct text *t, const char *key, double x)
{
	text_add(t, "%s\"%s\":", t->len > 0 && t->p[t->len - 1] != '{' ? "," : "", key);
	text_add_json_real(t, x);
}

/* Characters that do not take one column, sorted; -1: unprintable. Unicode 14's default
 * ignorables, East Asian width and combining marks of names in use; counting too many columns
 * does no harm. */
static const struct {
	uint32_t first, last;
	int columns;
} odd_characters[] = { { 0x0, 0x1f, -1 }, { 0x7f, 0x9f, -1 }, { 0xad, 0xad, -1 }, { 0x300, 0x34e, 0 },
	{ 0x34f, 0x34f, -1 }, { 0x350, 0x36f, 0 }, { 0x483, 0x489, 0 }, { 0x591, 0x5bd, 0 }, { 0x610, 0x61a, 0 },
	{ 0x61c, 0x61c, -1 }, { 0x64b, 0x65f, 0 }, { 0x6d6, 0x6dc, 0 }, { 0x93c, 0x93c, 0 }, { 0x941, 0x948, 0 },
	{ 0x94d, 0x94d, 0 }, { 0xe31, 0xe31, 0 }, { 0xe34, 0xe3a, 0 }, { 0xe47, 0xe4e, 0 }, { 0x1100, 0x115e, 2 },
	{ 0x115f, 0x1160, -1 }, { 0x17b4, 0x17b5, -1 }, { 0x180b, 0x180f, -1 }, { 0x1ab0, 0x1aff, 0 },
	{ 0x1dc0, 0x1dff, 0 }, { 0x200b, 0x200f, -1 }, { 0x2028, 0x202e, -1 }, { 0x2060, 0x206f, -1 },
	{ 0x20d0, 0x20f0, 0 }, { 0x231a, 0x23f3, 2 }, { 0x25fd, 0x27bf, 2 }, { 0x2b1b, 0x2b55, 2 },
	{ 0x2e80, 0x3029, 2 }, { 0x302e, 0x303e, 2 }, { 0x3041, 0x3096, 2 }, { 0x3099, 0x309a, 0 },
	{ 0x309b, 0x3163, 2 }, { 0x3164, 0x3164, -1 }, { 0x3165, 0x3247, 2 }, { 0x3250, 0x4dbf, 2 },
	{ 0x4e00, 0xa4c6, 2 }, { 0xa960, 0xa97c, 2 }, { 0xac00, 0xd7a3, 2 }, { 0xf900, 0xfad9, 2 },
	{ 0xfdd0, 0xfdef, -1 }, { 0xfe00, 0xfe0f, -1 }, { 0xfe10, 0xfe19, 2 }, { 0xfe20, 0xfe2f, 0 },
	{ 0xfe30, 0xfe6b, 2 }, { 0xfeff, 0xfeff, -1 }, { 0xff01, 0xff60, 2 }, { 0xffa0, 0xffa0, -1 },
	{ 0xffe0, 0xffe6, 2 }, { 0xfff0, 0xfffb, -1 }, { 0x110bd, 0x110bd, -1 }, { 0x110cd, 0x110cd, -1 },
	{ 0x13430, 0x13438, -1 }, { 0x16fe0, 0x16fe3, 2 }, { 0x16ff0, 0x1b2fb, 2 }, { 0x1bca0, 0x1bca3, -1 },
	{ 0x1d173, 0x1d17a, -1 }, { 0x1f004, 0x1f19a, 2 }, { 0x1f200, 0x1f64f, 2 }, { 0x1f680, 0x1f6ff, 2 },
	{ 0x1f7e0, 0x1f7ff, 2 }, { 0x1f900, 0x1f9ff, 2 }, { 0x1fa70, 0x1faff, 2 }, { 0x20000, 0x3fffd, 2 },
	{ 0xe0000, 0xe0fff, -1 } };

/* The UTF-8 character at s and its bytes; 0 if there is none. */
static int utf8_decode(const char *s, uint32_t *c)
{
	const unsigned char *u = (const unsigned char *)s;
	const int n = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 }; /* else it is overlong */
	*c = n == 1 ? u[0] : u[0] & (0x7fu >> n);
	for (int i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (u[i] & 0x3f);
	}
	const bool surrogate = *c >= 0xd800 && *c < 0xe000;
	return u[0] > 0xf4 || *c < least[n] || *c > 0x10ffff || surrogate ? 0 : n;
}

int text_char(const char *s, int *columns)
{
	enum { N = sizeof(odd_characters) / sizeof(odd_characters[0]) };
	uint32_t c;
	const int n = utf8_decode(s, &c);
	size_t i = 0;
	while (i < N && odd_characters[i].last < c)
		i++;
	const bool is_noncharacter = (c & 0xfffe) == 0xfffe; /* U+FFFE and such */
	const bool is_odd = i < N && c >= odd_characters[i].first;
	*columns = n == 0 || is_noncharacter ? -1 : is_odd ? odd_characters[i].columns : 1;
	return n == 0 ? 1 : n;
}

void text_make_printable(char *s)
{
	char *to = s;
	for (int n, columns; *s; s += n) {
		n = text_char(s, &columns);
		if (columns < 0)
			*to++ = '?';
		else
			for (int i = 0; i < n; i++)
				*to++ = s[i];
	}
	*to = '\0';
}

bool text_is_printable(const char *s)
{
	int columns = 0;
	while (*s && columns >= 0)
		s += text_char(s, &columns);
	return columns >= 0;
}

size_t text_fit(const char *s, int columns)
{
	const char *end = s;
	for (int n, width; *end; end += n) {
		n = text_char(end, &width);
		columns -= width < 0 ? 1 : width;
		if (columns < 0)
			break;
	}
	return (size_t)(end - s);
}

int text_columns(const char *s)
{
	int columns = 0;
	for (int width; *s; columns += width < 0 ? 1 : width)
		s += text_char(s, &width);
	return columns;
}

const char *text_fit_end(const char *s, int columns)
{
	for (int all = text_columns(s), width; all > columns && *s; all -= width < 0 ? 1 : width)
		s += text_char(s, &width);
	return s;
}

void text_add_json_string(struct text *t, const char *s)
{
	text_add(t, "\"");
	for (int n, columns; *s; s += n) {
		uint32_t c;
		const bool valid = utf8_decode(s, &c) > 0;
		n = text_char(s, &columns);
		if (*s == '"' || *s == '\\')
			text_add(t, "\\%c", *s);
		else if (*s == '\n')
			text_add(t, "\\n");
		else if (columns >= 0)
			text_add(t, "%.*s", n, s);
		else if (!valid)
			text_add(t, "\\ufffd");
		else if (c < 0x10000)
			text_add(t, "\\u%04x", (unsigned)c);
		else
			text_add(t, "\\u%04x\\u%04x", (unsigned)(0xd7c0 + (c >> 10)), (unsigned)(0xdc00 + (c & 0x3ff)));
	}
	text_add(t, "\"");
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* digits * 10^exponent; the last digit is not 0, unless all are. */
struct decimal {
	uint64_t digits;
	int exponent;
	bool too_large; /* the digits are, for 64 bits */
};

static void append_digit(struct decimal *d, int digit)
{
	d->too_large |= d->digits > (UINT64_MAX - (uint64_t)digit) / 10;
	d->digits = d->digits * 10 + (uint64_t)digit;
}

/* e[+-]digits to the end of s. */
static bool parse_exponent(const char *s, int *exponent)
{
	const int most = 100000000; /* far beyond every number */
	const bool negative = s[1] == '-';
	int x = 0;
	if (*s != 'e' && *s != 'E')
		return false;
	s += s[1] == '+' || negative ? 2 : 1;
	if (!is_digit(*s))
		return false;
	for (; is_digit(*s); s++)
		x = x < most ? x * 10 + (*s - '0') : x;
	*exponent += negative ? -x : x;
	return *s == '\0';
}

/* All of s: [digits][.digits][e[+-]digits], with '_' between digits before the exponent. */
static bool parse_decimal(const char *s, struct decimal *d)
{
	int n_zeros = 0; /* not appended, as no other digit followed yet */
	bool has_digit = false, fraction = false;
	*d = (struct decimal){ 0 };
	for (; *s; s++) {
		if (*s == '.' && !fraction) {
			fraction = true;
		} else if (is_digit(*s)) {
			has_digit = true;
			d->exponent -= fraction;
			n_zeros++;
			for (; *s != '0' && n_zeros > 0; n_zeros--)
				append_digit(d, n_zeros == 1 ? *s - '0' : 0);
		} else if (*s != '_' || !has_digit || !is_digit(s[-1]) || !is_digit(s[1])) {
			break;
		}
	}
	d->exponent += n_zeros;
	return has_digit && (*s == '\0' || parse_exponent(s, &d->exponent));
}

enum text_parse text_parse_u64(const char *s, uint64_t *value)
{
	struct decimal d;
	const char *point = strchr(s, '.');
	if (!is_digit(*s) || (point && !is_digit(point[1])) || !parse_decimal(s, &d))
		return TEXT_NOT_A_NUMBER;
	if (d.too_large)
		return TEXT_TOO_LARGE;
	if (d.digits > 0 && d.exponent < 0)
		return TEXT_NOT_WHOLE;
	for (; d.exponent > 0 && d.digits > 0; d.exponent--) {
		append_digit(&d, 0);
		if (d.too_large)
			return TEXT_TOO_LARGE;
	}
	*value = d.digits;
	return TEXT_OK;
}

bool text_parse_digits(const char *s, uint64_t most, uint64_t *value)
{
	return s[strspn(s, "0123456789")] == '\0' && text_parse_u64(s, value) == TEXT_OK && *value <= most;
}

enum text_parse text_parse_i64(const char *s, int64_t *value)
{
	const bool negative = *s == '-';
	uint64_t v;
	const enum text_parse status = text_parse_u64(s + (negative || *s == '+'), &v);
	if (status != TEXT_OK)
		return status;
	if (v > (uint64_t)INT64_MAX + negative)
		return TEXT_TOO_LARGE;
	*value = negative && v > 0 ? -(int64_t)(v - 1) - 1 : (int64_t)v;
	return TEXT_OK;
}

/* A double holds these, and whole numbers up to 2^53: if it holds the digits and the power of
 * ten, their product or quotient is correctly rounded (Clinger, 1990), and is what strtod
 * would say in ten times as long. */
static const double power_of_ten[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14,
	1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
static const uint64_t largest_exact = (uint64_t)1 << 53;

static bool is_of_number(char c)
{
	return is_digit(c) || c == '.' || c == 'e' || c == 'E' || c == '-' || c == '+';
}

const char *text_scan_real(const char *s, double *value)
{
	enum { MOST_DIGITS = 19 }; /* of 64 bits */
	const char *at = s + (*s == '-');
	int n_digits = 0, n_decimals = 0;
	uint64_t digits = 0;
	if (is_digit(*s) && !is_of_number(s[1])) { /* as most are in a one-hot observation */
		*value = *s - '0';
		return s + 1;
	}
	for (; is_digit(*at); at++, n_digits++)
		digits = digits * 10 + (uint64_t)(*at - '0');
	if (*at == '.')
		for (at++; is_digit(*at); at++, n_digits++, n_decimals++)
			digits = digits * 10 + (uint64_t)(*at - '0');
	if (n_digits > 0 && n_digits <= MOST_DIGITS && digits <= largest_exact && !is_of_number(*at)) {
		const double x = (double)digits / power_of_ten[n_decimals];
		*value = *s == '-' ? -x : x;
		return at;
	}
	char *end;
	for (at = s; is_of_number(*at);)
		at++;
	*value = at > s ? strtod(s, &end) : 0;
	return at > s && end == at ? at : NULL;
}

enum text_parse text_parse_real(const char *s, double *value)
{
	char plain[128]; /* without the underscores */
	size_t n = 0;
	struct decimal d;
	double x;
	if (!parse_decimal(s + (*s == '-' || *s == '+'), &d))
		return TEXT_NOT_A_NUMBER;
	for (; *s && n + 1 < sizeof(plain); s++)
		if (*s != '_')
			plain[n++] = *s;
	plain[n] = '\0';
	if (*s || !text_scan_real(plain, &x))
		return TEXT_NOT_A_NUMBER;
	if (!isfinite(x))
		return TEXT_TOO_LARGE;
	*value = x;
	return TEXT_OK;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t text_distance(const char *a, const char *b, size_t most)
{
	enum { MAX = 64 };
	const size_t n_a = strlen(a), n_b = strlen(b);
	if (n_a > MAX || n_b > MAX || (n_a > n_b ? n_a - n_b : n_b - n_a) > most)
		return SIZE_MAX;
	size_t row[3][MAX + 1]; /* rows i-2, i-1 and i of the table, in turn */
	for (size_t j = 0; j <= n_b; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= n_a; i++) {
		size_t *now = row[i % 3], least = i;
		const size_t *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
		const int ca = tolower((unsigned char)a[i - 1]);
		now[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			const int cb = tolower((unsigned char)b[j - 1]);
			now[j] = min_size(up[j - 1] + (ca != cb), min_size(up[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
				cb == tolower((unsigned char)a[i - 2]))
				now[j] = min_size(now[j], up2[j - 2] + 1);
			least = min_size(least, now[j]);
		}
		if (least > most) /* and no later row gets below */
			return SIZE_MAX;
	}
	return row[n_a % 3][n_b] <= most ? row[n_a % 3][n_b] : SIZE_MAX;
}

bool text_is_near(const char *a, const char *b, size_t *distance)
{
	*distance = text_distance(a, b, (strlen(a) + 2) / 3);
	return *distance != SIZE_MAX;
}

bool text_next_word(const char **list, char *word, size_t size)
{
	*list += strspn(*list, " ");
	const size_t n = strcspn(*list, " ");
	snprintf(word, size, "%.*s", (int)n, *list);
	*list += n;
	return n > 0;
}

bool text_next_item(const char **list, char separator, const char *blanks, char *item, size_t size)
{
	if (!*list)
		return false;
	const char *s = *list + strspn(*list, blanks), *end = strchr(s, separator);
	size_t n = end ? (size_t)(end - s) : strlen(s);
	while (n > 0 && strchr(blanks, s[n - 1]))
		n--;
	snprintf(item, size, "%.*s", n < size ? (int)n : 0, s);
	*list = end ? end + 1 : NULL;
	return true;
}

bool text_has_word(const char *list, const char *word)
{
	char next[64];
	bool found = false;
	while (!found && text_next_word(&list, next, sizeof(next)))
		found = strcmp(next, word) == 0;
	return found;
}

int text_index(const char *word, const char *const *list)
{
	for (int i = 0; list[i]; i++)
		if (strcmp(list[i], word) == 0)
			return i;
	return -1;
}

const char *text_nearest(const char *word, const char *const *list)
{
	const char *best = NULL;
	size_t best_distance = SIZE_MAX;
	for (; *list; list++) {
		size_t distance;
		if (text_is_near(word, *list, &distance) && distance < best_distance) {
			best = *list;
			best_distance = distance;
		}
	}
	return best;
}

const char *text_nearer(const char *word, const char *a, const char *b)
{
	const char *const both[] = { a ? a : b, b, NULL }, *const nearest = text_nearest(word, both);
	return nearest ? nearest : both[0];
}
