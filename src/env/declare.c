#include "env/declare.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { OBS, ACTIONS, REWARD, LIMIT, SOLVED, HIGH, INSTANCES, MASKS, N_WORDS };

#define SIZE_FORM "a whole number from 1 to 65536"

static const char *const names[] = { "obs", "actions", "reward", "limit", "solved", "high", "instances", "masks",
	NULL };
static const char *const forms[] = { SIZE_FORM, SIZE_FORM, "LOW..HIGH", "a whole number from 0 to 1000000000",
	"a finite number", "one number > 0, or one for each component (1e-6 to 1e30)", SIZE_FORM, "0 or 1" };

static bool parse_whole(const char *s, int least, int most, int *value)
{
	uint64_t x;
	if (!text_parse_digits(s, (uint64_t)most, &x) || x < (uint64_t)least)
		return false;
	*value = (int)x;
	return true;
}

/* Without the underscores that configurations may have. */
static bool parse_real(const char *s, double *value)
{
	return !strchr(s, '_') && text_parse_real(s, value) == TEXT_OK;
}

static bool parse_reward(char *s, double *low, double *high)
{
	char *dots = strstr(s, "..");
	if (!dots)
		return false;
	*dots = '\0';
	*low = -HUGE_VAL;
	*high = HUGE_VAL;
	const bool ok = (strcmp(s, "-inf") == 0 || parse_real(s, low)) &&
			(strcmp(dots + 2, "inf") == 0 || parse_real(dots + 2, high));
	*dots = '.'; /* for messages */
	return ok && *low <= *high;
}

/* One number, or n with commas between; into scale, unless it is NULL, goes 1 / each. */
static bool parse_high(const char *s, int n, float *scale)
{
	int i = 0;
	double x = 0;
	char word[64];
	for (; text_next_item(&s, ',', "", word, sizeof(word)); i++) {
		if (i == n || !parse_real(word, &x) || !(x >= 1e-6 && x <= 1e30)) /* then 1 / x is not 0 as a float */
			return false;
		if (scale)
			scale[i] = (float)(1 / x);
	}
	for (int j = 1; scale && i == 1 && j < n; j++)
		scale[j] = scale[0];
	return i == 1 || i == n;
}

/* All but `high`, which may come before `obs`. */
static bool parse_value(int word, char *s, struct env_ops *ops)
{
	int x = 0;
	bool ok = true;
	switch (word) {
	case OBS:
		return parse_whole(s, 1, ENV_MAX_DIM, &ops->obs_dim);
	case ACTIONS:
		return parse_whole(s, 1, ENV_MAX_DIM, &ops->n_actions);
	case REWARD:
		return parse_reward(s, &ops->reward_low, &ops->reward_high);
	case LIMIT:
		ok = parse_whole(s, 0, 1000000000, &x);
		ops->max_episode_steps = x;
		return ok;
	case SOLVED:
		return parse_real(s, &ops->solved_return);
	case INSTANCES:
		return parse_whole(s, 1, ENV_MAX_DIM, &ops->n_instances);
	case MASKS:
		ok = parse_whole(s, 0, 1, &x);
		ops->has_masks = x;
		return ok;
	default:
		return true;
	}
}

static bool bad_value(int word, const char *value, struct err *e)
{
	return err_set(e, ERR_ENV, "'%s=%.60s' is not %s", names[word], value, forms[word]);
}

static bool parse_word(char *word, struct env_ops *ops, char *values[N_WORDS], struct err *e)
{
	char *equals = strchr(word, '=');
	if (!equals)
		return err_set(e, ERR_ENV, "'%.60s' is not WORD=VALUE", word);
	*equals = '\0';
	const int i = text_index(word, names);
	if (i < 0) {
		err_set(e, ERR_ENV, "the word '%.60s' is unknown", word);
		return err_suggest(e, "", text_nearest(word, names));
	}
	if (values[i])
		return err_set(e, ERR_ENV, "'%s' is declared twice", word);
	values[i] = equals + 1;
	return parse_value(i, values[i], ops) || bad_value(i, values[i], e);
}

/* Ends the word at *s, and moves *s past it and its blank; NULL after the last. */
static char *next_word(char **s)
{
	char *word = *s;
	if (word) {
		char *blank = strchr(word, ' ');
		*s = blank ? blank + 1 : NULL;
		if (blank)
			*blank = '\0';
	}
	return word;
}

/* "env NAME VERSION" */
static bool parse_head(char **s, struct env_ops *ops, struct err *e)
{
	const char *const legal = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "._:/+-";
	const char *first = next_word(s), *name = next_word(s), *version = next_word(s);
	if (strcmp(first, "env") != 0 || !name || !version)
		return err_set(e, ERR_ENV, "the first line is not 'env NAME VERSION obs=...'");
	if (!name[0] || name[strspn(name, legal)] || strlen(name) >= ENV_ID_SIZE)
		return err_set(e, ERR_ENV, "the name '%.80s' is not 1 to %d characters of A-Z a-z 0-9 . _ : / + -",
			name, ENV_ID_SIZE - 1);
	if (!version[0] || version[strspn(version, legal)])
		return err_set(
			e, ERR_ENV, "the version '%.80s' has other characters than A-Z a-z 0-9 . _ : / + -", version);
	snprintf(ops->id, sizeof(ops->id), "%s", name);
	return true;
}

static bool check_characters(const char *line, struct err *e)
{
	const size_t len = strlen(line);
	for (size_t i = 0; i < len; i++)
		if (line[i] < ' ' || line[i] > '~')
			return err_set(e, ERR_ENV, "character %zu of the first line is not printable ASCII", i + 1);
	if (len > ENV_LINE_MAX)
		return err_set(e, ERR_ENV,
			"the first line has %zu characters, not at most %d"
			" (high=X is one size for all components)",
			len, ENV_LINE_MAX);
	return true;
}

bool env_declare(const char *line, struct env_ops *ops, struct err *e)
{
	struct env_ops d = { .solved_return = NAN, .n_instances = 1 };
	char copy[ENV_LINE_MAX + 1], *rest = copy, *values[N_WORDS] = { NULL }, *word;
	if (!check_characters(line, e))
		return false;
	snprintf(copy, sizeof(copy), "%s", line);
	if (!parse_head(&rest, &d, e))
		return false;
	while ((word = next_word(&rest))) {
		if (!word[0])
			return err_set(e, ERR_ENV, "words have one blank between them");
		if (!parse_word(word, &d, values, e))
			return false;
	}
	for (int i = OBS; i <= REWARD; i++)
		if (!values[i])
			return err_set(e, ERR_ENV, "'%s' is missing: %s", names[i], forms[i]);
	if (values[HIGH] && !parse_high(values[HIGH], d.obs_dim, NULL))
		return bad_value(HIGH, values[HIGH], e);
	*ops = d;
	return true;
}

const struct env_ops process_env = { .id = "process", .n_instances = 1 };

bool env_declared_scale(const char *line, int obs_dim, float *scale)
{
	char copy[ENV_LINE_MAX + 1];
	const char *value = strstr(line, " high=");
	if (!value)
		return false;
	value += strlen(" high=");
	snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(value, " "), value);
	return parse_high(copy, obs_dim, scale);
}
