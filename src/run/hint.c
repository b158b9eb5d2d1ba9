#include "run/hint.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Other frameworks' words for a value of ours, as plain_name leaves them. */
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

static bool is_in(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
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

/* "True", "nn.Tanh()", "smooth_l1", "None" */
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

/* The number at the beginning of s, and where it ends. A comma is a decimal point, or it
 * separates thousands. */
static const char *copy_number(const char *s, bool is_real, char number[HINT_SIZE])
{
	const bool thousands = has_thousands(s);
	size_t n = 0;
	for (; is_in(*s, "0123456789.,_-+eE") && n + 1 < HINT_SIZE; s++)
		if (*s != ',' || !thousands)
			number[n++] = (char)(*s == ',' && is_real ? '.' : *s);
	number[n] = '\0';
	return s + strspn(s, " ");
}

/* The power of ten that a unit after a number stands for. "m" may be minutes, of a real. */
static bool find_unit(const char *s, bool is_real, int *exponent)
{
	static const struct {
		const char *words;
		int exponent;
	} units[] = { { "k K", 3 }, { "M m", 6 }, { "G B", 9 }, { "%", -2 }, { "s sec f steps", 0 } };
	*exponent = 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (text_has_word(units[i].words, s)) {
			*exponent = units[i].exponent;
			return !is_real || strcmp(s, "m") != 0;
		}
	return *s == '\0';
}

/* "50k", "50,000", "10**5", "0,9", "5 %", "10s", "5e4 steps" */
static bool hint_number(const struct option *o, const char *s, char hint[HINT_SIZE])
{
	char number[HINT_SIZE];
	int64_t count;
	double real;
	int exponent;
	const bool is_real = o->type == OPTION_REAL;
	s = copy_number(s, is_real, number);
	if (strcmp(number, "10") == 0 && (strncmp(s, "**", 2) == 0 || *s == '^'))
		snprintf(hint, HINT_SIZE, "1e%.200s", s + strspn(s, "*^"));
	else if (!find_unit(s, is_real, &exponent))
		return false;
	else if (exponent != 0)
		snprintf(hint, HINT_SIZE, "%.200se%d", number, exponent);
	else
		snprintf(hint, HINT_SIZE, "%.200s", number);
	if (option_is_whole(o) && text_parse_i64(hint, &count) == TEXT_OK)
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
	value += strspn(value, " \t\"'[({");
	size_t n = strlen(value);
	while (n > 0 && is_in(value[n - 1], " \t\"'])},;"))
		n--;
	snprintf(s, sizeof(s), "%.*s", (int)n, value);
	if (accepts(o, s)) {
		snprintf(hint, HINT_SIZE, "%s", s);
		return true;
	}
	if (hint_word(o, s, hint))
		return true;
	if (o->type == OPTION_WIDTHS || o->type == OPTION_SCALE || o->type == OPTION_SIGNS)
		return hint_list(o, s, hint);
	return (option_is_whole(o) || o->type == OPTION_REAL) && hint_number(o, s, hint);
}

/* --- several values --- */

enum { MOST_ITEMS = 32 };

/* Splits s in place at its commas (or else semicolons, blanks) outside brackets; 0 if there
 * are too many items. */
static int split(char *s, char *item[MOST_ITEMS])
{
	const char separator = strchr(s, ',') ? ',' : strchr(s, ';') ? ';' : ' ';
	int n_items = 0, depth = 0;
	bool is_new = true;
	for (; *s; s++) {
		depth += is_in(*s, "[({") - is_in(*s, "])}");
		if (depth == 0 && *s == separator) {
			*s = '\0';
			is_new = true;
		} else if (is_new && *s != ' ') {
			if (n_items == MOST_ITEMS)
				return 0;
			item[n_items++] = s;
			is_new = false;
		}
	}
	return n_items;
}

static bool hint_range(const struct option *o, const char *first, const char *last, int less, char hint[HINT_SIZE])
{
	int64_t a, b;
	if (!option_is_whole(o) || !accepts(o, first) || text_parse_i64(first, &a) != TEXT_OK ||
		text_parse_i64(last, &b) != TEXT_OK || a >= b - less)
		return false;
	snprintf(hint, HINT_SIZE, "%" PRId64, b - less);
	if (!accepts(o, hint))
		return false;
	snprintf(hint, HINT_SIZE, "%" PRId64 "..%" PRId64, a, b - less);
	return true;
}

/* "1-20", "1:20", "1...20", "1 to 20", but not "1.5" */
static bool hint_dashes(const struct option *o, const char *s, char hint[HINT_SIZE])
{
	char first[HINT_SIZE];
	const size_t digits = strspn(s, "0123456789_"), between = strspn(s + digits, " -:.to=");
	const bool is_point = between == 1 && s[digits] == '.';
	snprintf(first, sizeof(first), "%.*s", (int)digits, s);
	return digits > 0 && between > 0 && !is_point && hint_range(o, first, s + digits + between, 0, hint);
}

/* "loguniform(1e-4, 1e-2)", "randint(1, 20)" */
static bool hint_interval(const struct option *o, const char *name, char *const *item, int n, char hint[HINT_SIZE])
{
	if (n < 2 || !accepts(o, item[0]) || !accepts(o, item[1]))
		return false;
	if (o->type == OPTION_SEED)
		return hint_range(o, item[0], item[1], 0, hint);
	snprintf(hint, HINT_SIZE, "%s(%.100s, %.100s)", name, item[0], item[1]);
	return o->type == OPTION_INT || o->type == OPTION_REAL;
}

static bool hint_choice(const struct option *o, char *const *item, int n, char hint[HINT_SIZE])
{
	char one[HINT_SIZE];
	struct text t = text_into(hint, HINT_SIZE);
	for (int i = 0; i < n; i++) {
		if (!hint_one(o, item[i], one))
			return false;
		text_add(&t, "%s%s", i ? " | " : "", one);
	}
	return n > 1 && !t.full;
}

/* True if one of the words is in the name, or nearly is the name. */
static bool resembles(const char *name, const char *words)
{
	char word[64];
	size_t distance;
	while (text_next_word(&words, word, sizeof(word)))
		if (strstr(name, word) || text_is_near(name, word, &distance))
			return true;
	return false;
}

/* Takes a pair of brackets off s; those of a list in it stay, unless it is all there is. */
static void open_brackets(char *s)
{
	for (int i = 0; i < 2 && is_in(*s, "[({"); i++) {
		const size_t n = strlen(s);
		if (n < 2 || (i > 0 && strcspn(s, "])}") != n - 1))
			return;
		memmove(s, s + 1, n - 2);
		s[n - 2] = '\0';
	}
}

static bool hint_several(const struct option *o, const char *value, char hint[HINT_SIZE])
{
	char function[HINT_SIZE] = "", s[HINT_SIZE], *item[MOST_ITEMS];
	const size_t called = strcspn(value, "(");
	if (value[called] && called > 0) {
		snprintf(s, sizeof(s), "%.*s", (int)called, value);
		plain_name(s, function);
		value += called;
	}
	if (text_has_word("list tuple array nparray", function))
		return hint_one(o, value, hint);
	snprintf(s, sizeof(s), "%s", value);
	open_brackets(s);
	const bool is_list =
		!function[0] ||
		text_has_word("choice choices categorical gridsearch values options sweep set enum", function);
	if (is_list && hint_dashes(o, s, hint))
		return true;
	const int n = split(s, item);
	if (is_list)
		return hint_choice(o, item, n, hint);
	if (strcmp(function, "range") == 0)
		return n == 1 ? hint_range(o, "0", item[0], 1, hint)
			      : n == 2 && hint_range(o, item[0], item[1], 1, hint);
	if (resembles(function, "log"))
		return hint_interval(o, "log", item, n, hint);
	return resembles(function, "uniform rand interval float int") && hint_interval(o, "uniform", item, n, hint);
}

bool hint_value(const struct option *o, const char *value, char hint[HINT_SIZE])
{
	return o->type != OPTION_STRING && strlen(value) < HINT_SIZE && value[0] && !accepts(o, value) &&
	       (hint_one(o, value, hint) || hint_several(o, value, hint));
}

bool hint_is_command(const char *value)
{
	const char *dot = strrchr(value, '.');
	const bool is_script = dot && text_has_word("py sh js rb pl awk exe", dot + 1);
	return is_script || value[strcspn(value, "/ \t")] != '\0';
}
