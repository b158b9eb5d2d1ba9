#include "base/text.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_init(struct text *t, char *buffer, size_t size)
{
	assert(size > 0);
	*t = (struct text){ .p = buffer, .size = size };
	buffer[0] = '\0';
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

const char *text_real(double x, char buf[TEXT_REAL_SIZE])
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
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(buf, TEXT_REAL_SIZE, "%.*g", digits, x);
		if (strtod(buf, NULL) == x)
			break;
	}
	return buf;
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

/* Bytes of the UTF-8 character at s; 0 if there is none. */
static int utf8_length(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	const int n = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	for (int i = 1; i < n; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	const bool overlong = (u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xf0 && u[1] < 0x90);
	const bool surrogate = u[0] == 0xed && u[1] >= 0xa0;
	const bool too_high = u[0] > 0xf4 || (u[0] == 0xf4 && u[1] >= 0x90);
	return overlong || surrogate || too_high ? 0 : n;
}

void text_make_printable(char *s)
{
	for (int n; *s; s += n) {
		n = utf8_length(s);
		if (n == 0 || (unsigned char)*s < ' ' || *s == 0x7f) {
			*s = '?';
			n = 1;
		}
	}
}

void text_add_json_string(struct text *t, const char *s)
{
	text_add(t, "\"");
	for (int n; *s; s += n > 0 ? n : 1) {
		const unsigned char c = (unsigned char)*s;
		n = utf8_length(s);
		if (c == '"' || c == '\\')
			text_add(t, "\\%c", c);
		else if (c == '\n')
			text_add(t, "\\n");
		else if (c < ' ' || c == 0x7f)
			text_add(t, "\\u%04x", c);
		else if (n == 0)
			text_add(t, "\\ufffd");
		else
			text_add(t, "%.*s", n, s);
	}
	text_add(t, "\"");
}

/* One digit, or a '_' between two digits; advances over it. */
static bool next_digit(const char **s, int *digit)
{
	if (**s == '_' && isdigit((unsigned char)(*s)[-1]) && isdigit((unsigned char)(*s)[1]))
		++*s;
	if (!isdigit((unsigned char)**s))
		return false;
	*digit = *(*s)++ - '0';
	return true;
}

static void append_digit(uint64_t *v, int digit, bool *too_large)
{
	*too_large |= *v > (UINT64_MAX - (uint64_t)digit) / 10;
	*v = *v * 10 + (uint64_t)digit;
}

enum text_parse text_parse_u64(const char *s, uint64_t *value)
{
	uint64_t v = 0;
	int digit, n_fraction = 0;
	bool too_large = false;
	if (!isdigit((unsigned char)*s))
		return TEXT_NOT_A_NUMBER;
	while (next_digit(&s, &digit))
		append_digit(&v, digit, &too_large);
	if (*s == '.') {
		s++;
		if (!isdigit((unsigned char)*s))
			return TEXT_NOT_A_NUMBER;
		int n_pending = 0; /* a zero counts only once another digit follows it */
		while (next_digit(&s, &digit)) {
			n_pending += n_pending < 1000;
			if (digit == 0)
				continue;
			for (; n_pending > 0; n_pending--, n_fraction++)
				append_digit(&v, n_pending == 1 ? digit : 0, &too_large);
			n_fraction = n_fraction < 1000 ? n_fraction : 1000;
		}
	}
	int exponent = 0;
	if (*s == 'e' || *s == 'E') {
		const bool negative = s[1] == '-';
		s += s[1] == '+' || s[1] == '-' ? 2 : 1;
		if (!isdigit((unsigned char)*s))
			return TEXT_NOT_A_NUMBER;
		while (isdigit((unsigned char)*s)) {
			exponent = exponent < 1000 ? exponent * 10 + (*s - '0') : exponent;
			s++;
		}
		exponent = negative ? -exponent : exponent;
	}
	if (*s != '\0')
		return TEXT_NOT_A_NUMBER;
	if (too_large)
		return TEXT_TOO_LARGE;
	for (exponent -= n_fraction; exponent < 0 && v != 0; exponent++) {
		if (v % 10 != 0)
			return TEXT_NOT_WHOLE;
		v /= 10;
	}
	for (; exponent > 0 && v != 0; exponent--) {
		if (v > UINT64_MAX / 10)
			return TEXT_TOO_LARGE;
		v *= 10;
	}
	*value = v;
	return TEXT_OK;
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

/* The value of digits[.digits][e[+-]digits], if it is the quotient or product of two
 * numbers that a double holds: then it is correctly rounded (Clinger, 1990), and strtod,
 * which takes ten times as long, would say the same. */
static bool parse_short_real(const char *s, double *value)
{
	static const double power[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
		1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
	const int largest = (int)(sizeof(power) / sizeof(power[0])) - 1;
	const uint64_t exact = (uint64_t)1 << 53;
	uint64_t m = 0;
	int exponent = 0, n_digits = 0, e = 0;
	const bool negative = *s == '-';
	s += *s == '-' || *s == '+';
	for (bool fraction = false; (*s >= '0' && *s <= '9') || (*s == '.' && !fraction); s++) {
		if (*s == '.') {
			fraction = true;
			continue;
		}
		m = 10 * m + (uint64_t)(*s - '0');
		exponent -= fraction;
		n_digits++;
		if (m > exact || exponent < -largest)
			return false;
	}
	if (*s == 'e' || *s == 'E') {
		const bool minus = s[1] == '-';
		s += s[1] == '-' || s[1] == '+' ? 2 : 1;
		if (*s == '\0')
			return false;
		for (; *s >= '0' && *s <= '9' && e < 100; s++)
			e = 10 * e + (*s - '0');
		exponent += minus ? -e : e;
	}
	if (*s != '\0' || n_digits == 0 || exponent < -largest || exponent > largest)
		return false;
	const double x = (double)m;
	*value = exponent < 0 ? x / power[-exponent] : x * power[exponent];
	if (negative)
		*value = -*value;
	return true;
}

enum text_parse text_parse_real(const char *s, double *value)
{
	if (parse_short_real(s, value))
		return TEXT_OK;
	char plain[128]; /* without the underscores */
	size_t n = 0;
	bool has_digit = false;
	for (const char *c = s; *c; c++) {
		const bool sign =
			(*c == '-' || *c == '+') && (c == s || c[-1] == 'e' || c[-1] == 'E');
		if (*c == '_' && c > s && isdigit((unsigned char)c[-1]) &&
			isdigit((unsigned char)c[1]))
			continue;
		if (!isdigit((unsigned char)*c) && *c != '.' && *c != 'e' && *c != 'E' && !sign)
			return TEXT_NOT_A_NUMBER;
		has_digit |= isdigit((unsigned char)*c) != 0;
		if (n + 1 >= sizeof(plain))
			return TEXT_NOT_A_NUMBER;
		plain[n++] = *c;
	}
	plain[n] = '\0';
	char *end;
	const double v = strtod(plain, &end);
	if (!has_digit || *end != '\0')
		return TEXT_NOT_A_NUMBER;
	if (!isfinite(v))
		return TEXT_TOO_LARGE;
	*value = v;
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

int text_columns(const char *s)
{
	int n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
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
