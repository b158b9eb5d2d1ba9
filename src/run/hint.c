#include "run/hint.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Other frameworks' words for a value of ours, in lower case, without what is_filler has. */
static const struct {
	const char *ours, *words;
} synonyms[] = {
	{ "true", "yes on 1 t y enabled" },
	{ "false", "no off 0 f n disabled none null" },
	{ "none", "null nil inf infinity never off linear" },
	{ "0", "none null nil inf infinity never off false disabled" },
	{ "huber", "smoothl1 smoothl1loss huberloss" },
	{ "mse", "mseloss l2 squared meansquarederror" },
	{ "torch", "pytorch default kaiminguniforma5" },
	{ "glorot_uniform", "glorot xavier xavieruniform" },
	{ "he_uniform", "he kaiming kaiminguniform" },
	{ "lecun_uniform", "lecun" },
	{ "exponential", "exp multiplicative geometric" },
	{ "linear", "lin true" },
	{ "constant", "const fixed false none" },
};

static bool accepts(const struct option *o, const char *s)
{
	struct config c;
	return config_set_value(&c, o, s);
}

static bool is_whole(const struct option *o)
{
	return o->type == OPTION_INT || o->type == OPTION_SEED;
}

static bool is_in(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* Moves *s and shortens *n to what is within blanks, quotes and brackets. */
static void unwrap(const char **s, size_t *n)
{
	for (; *n > 0 && is_in(**s, " \t\"'[({"); --*n)
		++*s;
	while (*n > 0 && is_in((*s)[*n - 1], " \t\"'])},;"))
		--*n;
}

/* --- one value --- */

/* The letters and digits of a name, in lower case, without a module before it. */
static void plain_name(const char *s, char plain[HINT_SIZE])
{
	size_t n = 0;
	for (; *s && n + 1 < HINT_SIZE; s++)
		if (*s == '.')
			n = 0;
		else if (isalnum((unsigned char)*s))
			plain[n++] = (char)tolower((unsigned char)*s);
	plain[n] = '\0';
}

static bool hint_word(const struct option *o, const char *s, char hint[HINT_SIZE])
{
	char word[HINT_SIZE], name[HINT_SIZE];
	plain_name(s, word);
	for (int i = 0; o->type == OPTION_NAME && o->names[i]; i++) {
		plain_name(o->names[i], name);
		snprintf(hint, HINT_SIZE, "%s", o->names[i]);
		if (strcmp(word, name) == 0)
			return true;
	}
	snprintf(hint, HINT_SIZE, "%s", word);
	if (word[0] && !isdigit((unsigned char)word[0]) && accepts(o, hint))
		return true;
	for (size_t i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++) {
		snprintf(hint, HINT_SIZE, "%s", synonyms[i].ours);
		const bool fits = strcmp(hint, "0") != 0 || strstr(o->help, "; 0: ") != NULL;
		if (text_has_word(synonyms[i].words, word) && fits && accepts(o, hint))
			return true;
	}
	return false;
}

/* True if the commas of s separate groups of three digits. */
static bool has_thousands(const char *s)
{
	const char *comma = strchr(s, ',');
	bool ok = comma && comma > s && comma - s <= 3;
	for (const char *c = s; *c && ok; c++)
		ok = isdigit((unsigned char)*c) || (*c == ',' && strcspn(c + 1, ",") == 3);
	return ok;
}

/* "50k", "50,000", "10**5", "0,9", "5 %", "10s", "5e4 steps" */
static bool hint_number(const struct option *o, const char *s, char hint[HINT_SIZE])
{
	static const struct {
		const char *suffix;
		int exponent;
	} units[] = { { "k", 3 }, { "K", 3 }, { "M", 6 }, { "m", 6 }, { "G", 9 }, { "B", 9 },
		{ "%", -2 }, { "s", 0 }, { "sec", 0 }, { "f", 0 }, { "steps", 0 } };
	char number[HINT_SIZE];
	const bool thousands = has_thousands(s), is_real = o->type == OPTION_REAL;
	size_t n = 0;
	for (; is_in(*s, "0123456789.,_-+eE") && n + 1 < HINT_SIZE; s++)
		if (*s != ',' || !thousands)
			number[n++] = (char)(*s == ',' && is_real ? '.' : *s);
	number[n] = '\0';
	s += strspn(s, " ");
	snprintf(hint, HINT_SIZE, "%.200s", number);
	if (strcmp(number, "10") == 0 && (strncmp(s, "**", 2) == 0 || *s == '^'))
		snprintf(hint, HINT_SIZE, "1e%.200s", s + strspn(s, "*^"));
	else if (*s) {
		size_t i = 0;
		const size_t n_units = sizeof(units) / sizeof(units[0]);
		while (i < n_units && strcmp(s, units[i].suffix) != 0)
			i++;
		if (i == n_units || (is_real && strcmp(s, "m") == 0)) /* minutes? */
			return false;
		if (units[i].exponent != 0)
			snprintf(hint, HINT_SIZE, "%.200se%d", number, units[i].exponent);
	}
	int64_t count;
	double real;
	if (is_whole(o) && text_parse_i64(hint, &count) == TEXT_OK)
		snprintf(hint, HINT_SIZE, "%" PRId64, count);
	else if (is_real && text_parse_real(hint, &real) == TEXT_OK)
		text_real(real, hint);
	return accepts(o, hint);
}

/* "64x64", "64 64", "64-64" */
static bool hint_list(const struct option *o, const char *s, char hint[HINT_SIZE])
{
	const char *between = o->type == OPTION_WIDTHS ? " \t,;xX*/-" : " \t,;";
	size_t n = 0;
	while (*s && n + 2 < HINT_SIZE) {
		const size_t gap = strspn(s, between);
		if (gap > 0 && n > 0)
			hint[n++] = ',';
		s += gap;
		hint[n++] = *s;
		s += *s != '\0';
	}
	hint[n] = '\0';
	if (n == 0)
		snprintf(hint, HINT_SIZE, "none");
	return accepts(o, hint);
}

static bool hint_one(const struct option *o, const char *value, char hint[HINT_SIZE])
{
	char s[HINT_SIZE];
	size_t n = strlen(value);
	unwrap(&value, &n);
	snprintf(s, sizeof(s), "%.*s", n < sizeof(s) ? (int)n : 0, value);
	if (accepts(o, s)) {
		snprintf(hint, HINT_SIZE, "%s", s);
		return true;
	}
	if (hint_word(o, s, hint))
		return true;
	if (o->type == OPTION_WIDTHS || o->type == OPTION_SCALE)
		return hint_list(o, s, hint);
	return (is_whole(o) || o->type == OPTION_REAL) && hint_number(o, s, hint);
}

/* --- several values --- */

enum { MOST_ITEMS = 32 };

/* Splits s, which is within no brackets, at its commas (or else blanks) that are not
 * within brackets either; 0 if there are too many or one is too long. */
static int split(const char *s, size_t n, char item[MOST_ITEMS][64])
{
	int n_items = 0, depth = 0;
	const char *begin = s, *separators = memchr(s, ',', n)   ? ","
					     : memchr(s, ';', n) ? ";"
								 : " ";
	for (size_t i = 0; i <= n; i++) {
		const bool is_end = i == n || (depth == 0 && is_in(s[i], separators));
		if (i < n)
			depth += is_in(s[i], "[({") - is_in(s[i], "])}");
		if (!is_end)
			continue;
		const char *end = s + i;
		while (begin < end && *begin == ' ')
			begin++;
		if (end > begin && (n_items == MOST_ITEMS || end - begin >= 64))
			return 0;
		if (end > begin)
			snprintf(item[n_items++], 64, "%.*s", (int)(end - begin), begin);
		begin = end + 1;
	}
	return n_items;
}

static bool hint_range(
	const struct option *o, const char *first, const char *last, int less, char hint[HINT_SIZE])
{
	int64_t a, b;
	if (!is_whole(o) || !accepts(o, first) || text_parse_i64(first, &a) != TEXT_OK ||
		text_parse_i64(last, &b) != TEXT_OK || a >= b - less)
		return false;
	snprintf(hint, HINT_SIZE, "%" PRId64, b - less);
	if (!accepts(o, hint))
		return false;
	snprintf(hint, HINT_SIZE, "%" PRId64 "..%" PRId64, a, b - less);
	return true;
}

/* "1-20", "1:20", "{1..20}", "1 to 20" */
static bool hint_dashes(const struct option *o, const char *s, size_t n, char hint[HINT_SIZE])
{
	char first[64], last[64];
	const size_t digits = strspn(s, "0123456789_"), between = strspn(s + digits, " -:.to=");
	if (digits == 0 || between == 0 || digits + between >= n || n >= sizeof(first))
		return false;
	snprintf(first, sizeof(first), "%.*s", (int)digits, s);
	snprintf(last, sizeof(last), "%.*s", (int)(n - digits - between), s + digits + between);
	return hint_range(o, first, last, 0, hint);
}

/* Functions whose arguments are a list of values. */
static const char lists[] = "choice choices categorical gridsearch values options sweep set enum";

static bool hint_several(const struct option *o, const char *value, char hint[HINT_SIZE])
{
	char function[HINT_SIZE] = "", item[MOST_ITEMS][64], one[HINT_SIZE];
	const size_t called = strcspn(value, "(");
	size_t n = strlen(value);
	if (value[called] && called > 0 && called < sizeof(one)) {
		snprintf(one, sizeof(one), "%.*s", (int)called, value);
		plain_name(one, function);
		value += called;
		n -= called;
	}
	if (text_has_word("list tuple array nparray", function))
		return hint_one(o, value, hint);
	/* One pair of brackets, and the list in them; those of its elements stay. */
	const bool bare = !is_in(value[0], "[({");
	if (!bare && n >= 2) {
		value++;
		n -= 2;
		if (is_in(value[0], "[({") && strcspn(value, "])}") == n - 1) {
			value++;
			n -= 2;
		}
	}
	const int n_items = split(value, n, item);
	size_t distance;
	const bool is_log = strstr(function, "log") || text_is_near(function, "log", &distance);
	const bool is_uniform = strstr(function, "uniform") || strstr(function, "rand") ||
				strstr(function, "interval") || strstr(function, "float") ||
				strstr(function, "int") ||
				text_is_near(function, "uniform", &distance);
	if (strcmp(function, "range") == 0)
		return n_items == 1   ? hint_range(o, "0", item[0], 1, hint)
		       : n_items == 2 ? hint_range(o, item[0], item[1], 1, hint)
				      : false;
	if (is_log || is_uniform) {
		if (n_items < 2 || !accepts(o, item[0]) || !accepts(o, item[1]))
			return false;
		if (o->type == OPTION_SEED)
			return hint_range(o, item[0], item[1], 0, hint);
		snprintf(hint, HINT_SIZE, "%s(%s, %s)", is_log ? "log" : "uniform", item[0],
			item[1]);
		return o->type == OPTION_INT || o->type == OPTION_REAL;
	}
	if (function[0] && !text_has_word(lists, function))
		return false;
	if (hint_dashes(o, value, n, hint))
		return true;
	struct text t;
	text_init(&t, hint, HINT_SIZE);
	for (int i = 0; i < n_items; i++) {
		if (!hint_one(o, item[i], one))
			return false;
		text_add(&t, "%s%s", i ? " | " : "", one);
	}
	return n_items > 1 && !t.full;
}

bool hint_value(const struct option *o, const char *value, char hint[HINT_SIZE])
{
	return strlen(value) < HINT_SIZE && value[0] && !accepts(o, value) &&
	       (hint_one(o, value, hint) || hint_several(o, value, hint));
}
