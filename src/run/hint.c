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

static bool is_whole(const struct option *o)
{
	return o->type == OPTION_INT || o->type == OPTION_SEED;
}

static bool is_in(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

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

bool hint_value(const struct option *o, const char *value, char hint[HINT_SIZE])
{
	char s[HINT_SIZE];
	if (o->type == OPTION_STRING || strlen(value) >= HINT_SIZE || value[0] == '\0' || accepts(o, value))
		return false;
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
	if (o->type == OPTION_WIDTHS || o->type == OPTION_SCALE)
		return hint_list(o, s, hint);
	return (is_whole(o) || o->type == OPTION_REAL) && hint_number(o, s, hint);
}

bool hint_is_command(const char *value)
{
	const char *dot = strrchr(value, '.');
	const bool is_script = dot && text_has_word("py sh js rb pl awk exe", dot + 1);
	return is_script || value[strcspn(value, "/ \t")] != '\0';
}
