#include "base/json.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

void json_init(struct json *j, const char *data, size_t len)
{
	*j = (struct json){ .p = data, .end = data + len };
}

static bool fail(struct json *j, const char *error)
{
	if (!j->error)
		j->error = error;
	return false;
}

/* The next byte that is not blank, not consumed; '\0' at the end or after an error. */
static char peek(struct json *j)
{
	if (j->error)
		return '\0';
	while (j->p < j->end && memchr(" \t\r\n", *j->p, 4))
		j->p++;
	return j->p < j->end ? *j->p : '\0';
}

static bool expect(struct json *j, char c)
{
	if (c == '\0' || peek(j) != c)
		return fail(j, "unexpected character");
	j->p++;
	return true;
}

bool json_open(struct json *j, char bracket)
{
	j->first = true;
	return expect(j, bracket);
}

/* Another item of the open container: over the comma, or over its closing bracket. */
static bool more(struct json *j, char close)
{
	if (peek(j) == close) {
		j->p++;
		j->first = false;
		return false;
	}
	if (!j->first && !expect(j, ','))
		return false;
	j->first = false;
	return !j->error;
}

bool json_next_key(struct json *j, char *key, size_t size)
{
	return more(j, '}') && json_string(j, key, size) && expect(j, ':');
}

bool json_next_item(struct json *j)
{
	return more(j, ']');
}

static bool hex4(struct json *j, unsigned *code)
{
	*code = 0;
	if (j->end - j->p < 4)
		return fail(j, "cut off inside a string");
	for (int i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdef", c = *j->p++;
		const char lower = (char)(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
		const char *at = c ? strchr(digits, lower) : NULL;
		if (!at)
			return fail(j, "bad \\u escape");
		*code = *code * 16 + (unsigned)(at - digits);
	}
	return true;
}

/* The code point of \uXXXX, or of two that are surrogates; the 'u' has been read. */
static bool code_point(struct json *j, unsigned *u)
{
	unsigned low = 0;
	if (!hex4(j, u))
		return false;
	const bool is_high = *u >= 0xd800 && *u < 0xdc00;
	if (is_high && j->end - j->p >= 2 && j->p[0] == '\\' && j->p[1] == 'u') {
		j->p += 2;
		if (!hex4(j, &low))
			return false;
	}
	if (is_high ? low < 0xdc00 || low >= 0xe000 : *u >= 0xdc00 && *u < 0xe000)
		return fail(j, "lone surrogate");
	if (is_high)
		*u = 0x10000 + ((*u - 0xd800) << 10) + (low - 0xdc00);
	return *u > 0 || fail(j, "NUL in a string");
}

/* The escape after a backslash as UTF-8 in out[4]; its length, 0 on error. */
static size_t escape(struct json *j, char out[4])
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	static const unsigned char lead[5] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	if (j->p == j->end)
		return fail(j, "cut off inside a string");
	const char c = *j->p++;
	const char *at = c ? strchr(from, c) : NULL;
	if (at) {
		out[0] = to[at - from];
		return 1;
	}
	unsigned u;
	if (c != 'u')
		return fail(j, "bad escape");
	if (!code_point(j, &u))
		return 0;
	const size_t n = u < 0x80 ? 1 : u < 0x800 ? 2 : u < 0x10000 ? 3 : 4;
	for (size_t i = n; i-- > 1; u >>= 6)
		out[i] = (char)(0x80 | (u & 0x3f));
	out[0] = (char)(lead[n] | u);
	return n;
}

bool json_string(struct json *j, char *s, size_t size)
{
	size_t len = 0;
	if (!expect(j, '"'))
		return false;
	for (;;) {
		if (j->p == j->end)
			return fail(j, "cut off inside a string");
		char piece[4] = { *j->p++ };
		size_t n = 1;
		if (piece[0] == '"')
			break;
		if ((unsigned char)piece[0] < ' ')
			return fail(j, "control character in a string");
		if (piece[0] == '\\' && (n = escape(j, piece)) == 0)
			return false;
		if (s && len + n >= size)
			return fail(j, "string too long");
		if (s)
			memcpy(s + len, piece, n);
		len += n;
	}
	if (s)
		s[len] = '\0';
	return true;
}

/* The characters of a number, checked against JSON's grammar. */
static bool number(struct json *j, char *buf, size_t size)
{
	size_t n = 0;
	peek(j);
	while (!j->error && j->p < j->end && *j->p && strchr("+-.eE0123456789", *j->p)) {
		if (n + 1 >= size)
			return fail(j, "number too long");
		buf[n++] = *j->p++;
	}
	buf[n] = '\0';
	const char *digits = "0123456789", *s = buf + (buf[0] == '-');
	size_t len = strspn(s, digits);
	bool ok = len > 0 && (s[0] != '0' || len == 1);
	s += len;
	if (*s == '.') {
		len = strspn(++s, digits);
		ok &= len > 0;
		s += len;
	}
	if (*s == 'e' || *s == 'E') {
		s += s[1] == '+' || s[1] == '-' ? 2 : 1;
		len = strspn(s, digits);
		ok &= len > 0;
		s += len;
	}
	return (ok && *s == '\0') || fail(j, "not a number");
}

bool json_u64(struct json *j, uint64_t *value)
{
	char buf[64];
	if (!number(j, buf, sizeof(buf)))
		return false;
	if (!text_parse_digits(buf, UINT64_MAX, value))
		return fail(j, "not a whole number in range");
	return true;
}

static bool literal(struct json *j, const char *word)
{
	const size_t n = strlen(word);
	if ((size_t)(j->end - j->p) < n || memcmp(j->p, word, n) != 0)
		return fail(j, "unexpected character");
	j->p += n;
	return true;
}

bool json_bool(struct json *j, bool *value)
{
	*value = peek(j) == 't';
	return !j->error && literal(j, *value ? "true" : "false");
}

bool json_real(struct json *j, double *value)
{
	char buf[64];
	if (peek(j) == 'n') {
		*value = (double)NAN;
		return literal(j, "null");
	}
	if (!number(j, buf, sizeof(buf)))
		return false;
	return text_parse_real(buf, value) == TEXT_OK || fail(j, "not a number in range");
}

bool json_skip(struct json *j)
{
	enum { MAX_DEPTH = 64 };
	char open[MAX_DEPTH];
	int depth = 0;
	double unused;
	do {
		switch (peek(j)) {
		case '{':
		case '[':
			if (depth == MAX_DEPTH)
				return fail(j, "nested too deep");
			open[depth++] = *j->p;
			json_open(j, *j->p);
			break;
		case '"':
			json_string(j, NULL, 0);
			break;
		case 't':
			literal(j, "true");
			break;
		case 'f':
			literal(j, "false");
			break;
		default:
			json_real(j, &unused);
		}
		/* Close what ends here, then stand before the next value. */
		while (!j->error && depth > 0) {
			if (open[depth - 1] == '[' ? json_next_item(j)
						   : more(j, '}') && json_string(j, NULL, 0) && expect(j, ':'))
				break;
			depth--;
		}
	} while (!j->error && depth > 0);
	return !j->error;
}

bool json_end(struct json *j)
{
	if (!j->error && (peek(j) != '\0' || j->p != j->end))
		fail(j, "text after the end");
	return !j->error;
}
