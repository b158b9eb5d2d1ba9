#include "study/space.h"

#include "base/pmath.h"
#include "base/rng.h"
#include "base/sha256.h"
#include "base/sobol.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "key = 'value' why more" */
static void reject(struct report *r, const struct choice *c, const char *value, const char *why, const char *more)
{
	report_error(r, c->source, "%s = '%.80s'%s%s", c->option->key, value, why, more);
}

/* The n bytes at s without the blanks around them. */
static void copy_trimmed(const char *s, size_t n, char buf[CHOICE_SIZE])
{
	while (n > 0 && isspace((unsigned char)*s)) {
		s++;
		n--;
	}
	while (n > 0 && isspace((unsigned char)s[n - 1]))
		n--;
	snprintf(buf, CHOICE_SIZE, "%.*s", (int)n, s);
}

/* --- lists --- */

/* Walks through "a | b | c". */
static bool next_item(const char **list, char item[CHOICE_SIZE])
{
	return text_next_item(list, '|', " \t\n\v\f\r", item, CHOICE_SIZE);
}

/* The bits of a whole number, for differences and sums; 0 for other types. */
static uint64_t whole_of(const struct config *c, const struct option *o)
{
	uint64_t x = 0;
	if (option_is_whole(o))
		memcpy(&x, (const char *)c + o->offset, sizeof(x));
	return x;
}

/* Stores the first and the last value of an item, the same one unless it is a range. On
 * failure `wrong` is the part that is not a value. */
static bool parse_item(
	const struct option *o, const char *item, struct config *first, struct config *last, char wrong[CHOICE_SIZE])
{
	const char *dots = option_is_whole(o) ? strstr(item, "..") : NULL;
	copy_trimmed(item, dots ? (size_t)(dots - item) : strlen(item), wrong);
	if (!config_set_value(first, o, wrong))
		return false;
	if (dots)
		copy_trimmed(dots + 2, strlen(dots + 2), wrong);
	return config_set_value(last, o, wrong);
}

/* Whether an item from `first` to `last` has a value in common with one in `list`, which is then `item`. */
static bool is_in_list(const struct option *o, const struct config *first, const struct config *last, const char *list,
	char item[CHOICE_SIZE])
{
	char unused[CHOICE_SIZE];
	static struct config a, b; /* too much for a small stack */
	while (next_item(&list, item))
		if (parse_item(o, item, &a, &b, unused) && config_compare(first, &b, o) <= 0 &&
			config_compare(&a, last, o) <= 0)
			return true;
	return false;
}

static void parse_list(struct dim *d, struct report *r)
{
	char item[CHOICE_SIZE], wrong[CHOICE_SIZE], other[CHOICE_SIZE];
	static struct config first, last; /* too much for a small stack */
	const struct choice *choice = d->choice;
	const struct option *o = choice->option;
	const char *list = choice->text;
	while (next_item(&list, item)) {
		if (!option_is_whole(o) && strstr(item, "..")) {
			reject(r, choice, item, ": ranges are of whole numbers; write a | b",
				o->type == OPTION_REAL ? ", uniform(a, b) or log(a, b)" : "");
			continue;
		}
		if (!parse_item(o, item, &first, &last, wrong)) {
			report_value(r, choice->source, o, strchr("{[('\"", item[0]) ? item : wrong);
			continue;
		}
		const uint64_t n_more = whole_of(&last, o) - whole_of(&first, o);
		if (config_compare(&first, &last, o) > 0)
			reject(r, choice, item, " runs backwards", "");
		else if (is_in_list(o, &first, &last, list, other))
			report_error(r, choice->source, "%s = '%.80s' has a value twice: in '%.80s' and in '%.80s'",
				o->key, choice->text, item, other);
		else if (n_more >= UINT64_MAX - d->n)
			reject(r, choice, choice->text, " is too many values", "");
		else
			d->n += n_more + 1;
	}
}

/* Stores value k < d->n of the list. */
static void set_item(const struct dim *d, uint64_t k, struct config *c)
{
	char item[CHOICE_SIZE], unused[CHOICE_SIZE];
	static struct config last; /* too much for a small stack */
	const struct option *o = d->choice->option;
	const char *list = d->choice->text;
	while (next_item(&list, item)) {
		parse_item(o, item, c, &last, unused);
		const uint64_t first = whole_of(c, o), n_more = whole_of(&last, o) - first;
		if (k <= n_more) {
			const uint64_t value = first + k;
			if (option_is_whole(o))
				memcpy((char *)c + o->offset, &value, sizeof(value));
			return;
		}
		k -= n_more + 1;
	}
	assert(false);
}

/* --- intervals --- */

static bool parse_end(const struct choice *choice, const char *s, size_t n, double *x, struct report *r)
{
	char end[CHOICE_SIZE];
	struct config c;
	const struct option *o = choice->option;
	copy_trimmed(s, n, end);
	if (config_set_value(&c, o, end)) {
		*x = config_number(&c, o); /* whole numbers are below 2^53 */
		if (isfinite(*x))
			return true;
	}
	report_value(r, choice->source, o, end);
	return false;
}

/* "log(a, b)" or "uniform(a, b)"; s is after the bracket. */
static void parse_interval(struct dim *d, const char *s, struct report *r)
{
	const struct choice *choice = d->choice;
	const enum option_type type = choice->option->type;
	const char *comma = strchr(s, ','), *close = strchr(s, ')');
	if (type != OPTION_INT && type != OPTION_REAL) {
		reject(r, choice, choice->text, ": write a list a | b", type == OPTION_SEED ? " or a range a..b" : "");
		return;
	}
	if (!comma || !close || close < comma || close[1 + strspn(close + 1, " \t")] != '\0') {
		reject(r, choice, choice->text, " is not ", d->is_log ? "log(a, b)" : "uniform(a, b)");
		return;
	}
	const bool has_low = parse_end(choice, s, (size_t)(comma - s), &d->low, r);
	const bool has_high = parse_end(choice, comma + 1, (size_t)(close - comma - 1), &d->high, r);
	if (has_low && has_high && !(d->low < d->high))
		reject(r, choice, choice->text, ": the first must be below the second", "");
	else if (has_low && has_high && d->is_log && !(d->low >= 1e-300))
		reject(r, choice, choice->text, ": a logarithm needs ends above 0", "");
}

/* exp(x) between low and high, at u in [0, 1) of the way in the logarithm */
static double between_logs(double low, double high, double u)
{
	return pm_exp(pm_log(low) + u * (pm_log(high) - pm_log(low)));
}

static void set_interval(const struct dim *d, double u, struct config *c)
{
	const struct option *o = d->choice->option;
	void *field = (char *)c + o->offset;
	const double low = d->low, high = d->high;
	if (o->type == OPTION_INT) {
		const double x = d->is_log ? floor(between_logs(low - 0.5, high + 0.5, u) + 0.5)
					   : floor(low + u * (high - low + 1));
		*(int64_t *)field = (int64_t)fmin(fmax(x, low), high);
		return;
	}
	char digits[TEXT_REAL_SIZE];
	snprintf(digits, sizeof(digits), "%.6g", d->is_log ? between_logs(low, high, u) : low + u * (high - low));
	*(double *)field = fmin(fmax(strtod(digits, NULL), low), high);
}

/* --- the space --- */

static void add_dim(struct space *s, const struct choice *choice, struct report *r)
{
	static const char *const interval[] = { "uniform", "log" };
	struct dim *d = &s->dim[s->n_dims++];
	*d = (struct dim){ .choice = choice };
	for (int i = 0; i < 2; i++) {
		const size_t len = strlen(interval[i]);
		const char *open = choice->text + len;
		if (strncmp(choice->text, interval[i], len) != 0)
			continue;
		open += strspn(open, " \t");
		if (*open == '(') {
			d->is_log = i == 1;
			parse_interval(d, open + 1, r);
			return;
		}
	}
	if (strchr(choice->text, '('))
		reject(r, choice, choice->text, " is neither a | b, a..b, uniform(a, b) nor log(a, b)", "");
	else
		parse_list(d, r);
}

static bool is_seed(const struct dim *d)
{
	return d->choice->option->type == OPTION_SEED;
}

static uint64_t times(uint64_t a, uint64_t b, bool *too_many)
{
	const bool fits = b == 0 || a <= UINT64_MAX / b;
	*too_many |= !fits;
	return fits ? a * b : UINT64_MAX;
}

void space_init(struct space *s, const struct config *base, const struct choices *choices, struct report *r)
{
	*s = (struct space){ .base = *base, .n_seeds = 1, .n_settings = 1 };
	for (const struct option *o = config_options; o->key; o++)
		for (int i = 0; i < choices->n; i++)
			if (choices->at[i].option == o)
				add_dim(s, &choices->at[i], r);
	for (int i = 0; i < s->n_dims; i++) {
		if (is_seed(&s->dim[i])) {
			s->n_seeds = s->dim[i].n;
			continue;
		}
		s->n_drawn++;
		s->n_settings = times(s->n_settings, s->dim[i].n, &s->too_many);
	}
	s->n_points = times(s->n_settings, s->n_seeds, &s->too_many);
}

void space_grid(const struct space *s, uint64_t i, struct config *c)
{
	assert(i < s->n_points || s->too_many);
	*c = s->base;
	for (int k = s->n_dims; k-- > 0; i /= s->dim[k].n)
		set_item(&s->dim[k], i % s->dim[k].n, c);
}

void space_draw(
	const struct space *s, enum space_method method, uint64_t seed, uint32_t i, uint64_t k, struct config *c)
{
	struct rng rng;
	int n_drawn = 0;
	*c = s->base;
	/* One stream per setting; or, for Sobol, the one of the digital shift. */
	rng_init_stream(&rng, seed, method == SPACE_SOBOL ? UINT32_MAX : i);
	for (const struct dim *d = s->dim; d < s->dim + s->n_dims; d++) {
		if (is_seed(d)) {
			set_item(d, k, c);
			continue;
		}
		const double u = method == SPACE_SOBOL ? (sobol(n_drawn, i) ^ (uint32_t)(rng_u64(&rng) >> 32)) * 0x1p-32
						       : rng_double(&rng);
		n_drawn++;
		if (d->n == 0) {
			set_interval(d, u, c);
		} else {
			const double at = floor(u * (double)d->n);
			set_item(d, at < (double)d->n ? (uint64_t)at : d->n - 1, c);
		}
	}
}

/* A hash of a setting's values, never 0. */
static uint64_t hash_setting(const struct space *s, const struct config *c)
{
	uint64_t h = FNV_BASIS;
	for (int k = 0; k < s->n_dims; k++) {
		char value[CONFIG_VALUE_SIZE];
		struct text t = text_into(value, sizeof(value));
		config_print_value(c, s->dim[k].choice->option, &t);
		h = fnv1a(h, value, t.len + 1);
	}
	return h ? h : 1;
}

/* Adds h to an open hash table; false if it is already there. */
static bool add_hash(uint64_t *slots, size_t size, uint64_t h)
{
	size_t at = (size_t)h % size;
	for (; slots[at]; at = (at + 1) % size)
		if (slots[at] == h)
			return false;
	slots[at] = h;
	return true;
}

uint32_t *space_sample(const struct space *s, enum space_method method, uint64_t seed, size_t n, struct err *e)
{
	assert(n >= 1 && n <= (size_t)1 << 24);
	/* Random draws find all of n settings after n log n draws on average. */
	const uint64_t most_draws = 64 * (uint64_t)n + 4096;
	const size_t size = 2 * n + 1;
	uint64_t *slots = calloc(size, sizeof(*slots));
	uint32_t *list = malloc(n * sizeof(*list));
	size_t found = 0;
	if (!slots || !list) {
		err_set(e, ERR_RUN, "out of memory for %zu settings", n);
		goto out;
	}
	if (s->n_settings > 0 && s->n_settings < n) {
		err_set(e, ERR_USAGE, "the space has only %" PRIu64 " settings, not %zu", s->n_settings, n);
		goto out;
	}
	for (uint64_t i = 0; i < most_draws && found < n; i++) {
		struct config c;
		space_draw(s, method, seed, (uint32_t)i, 0, &c);
		if (add_hash(slots, size, hash_setting(s, &c)))
			list[found++] = (uint32_t)i;
	}
	if (found < n)
		err_set(e, ERR_USAGE, "only %zu settings of the space were found, not %zu", found, n);
out:
	free(slots);
	if (found == n)
		return list;
	free(list);
	return NULL;
}
