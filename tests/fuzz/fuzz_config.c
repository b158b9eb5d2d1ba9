/* Configurations, overrides and the spaces of a sweep. The input is an INI file, then
 * key=value arguments, each behind a NUL. What is accepted prints and reads back to the
 * same configuration, and so does every point of a space. */
#include "fuzz.h"
#include "study/space.h"

#include <string.h>

enum { MAX_ARGS = 8 };

/* Splits what is behind the file into arguments. */
static int split(char *s, const char *end, char *args[MAX_ARGS])
{
	int n = 0;
	while (s < end && n < MAX_ARGS) {
		args[n++] = s;
		s += strlen(s) + 1;
	}
	return n;
}

static void check_printed(const struct config *c)
{
	static char first[CONFIG_TEXT_MAX];
	static struct config again;
	struct text t;
	struct err e;
	t = text_into(first, sizeof(first));
	config_print(c, &t);
	MUST(!t.full);
	MUST(config_read(&again, "fuzz.ini", first, t.len, &e));
	for (const struct option *o = config_options; o->key; o++)
		MUST(config_compare(c, &again, o) == 0);
}

static void check_space(const struct space *s)
{
	static struct config c;
	struct err e;
	if (s->n_points > 0) {
		space_grid(s, 0, &c);
		check_printed(&c);
		space_grid(s, s->n_points - 1, &c);
		check_printed(&c);
	}
	for (uint32_t i = 0; i < 2; i++) {
		space_draw(s, i ? SPACE_SOBOL : SPACE_RANDOM, 1, 3, s->n_seeds - 1, &c);
		check_printed(&c);
	}
	free(space_sample(s, SPACE_RANDOM, 2, 1, &e));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config defaults, c;
	static struct report r;
	static struct choices choices;
	static struct space space;
	char *args[MAX_ARGS];
	if (defaults.total_timesteps == 0)
		config_init(&defaults);
	char *input = malloc(size + 1);
	if (!input)
		return 0;
	if (size > 0)
		memcpy(input, data, size);
	input[size] = '\0';
	const size_t len = strlen(input);

	c = defaults;
	choices.n = 0;
	report_init(&r);
	r.choices = &choices;
	config_parse(&c, "fuzz.ini", input, len, &r);
	if (len < size)
		config_override(&c, split(input + len + 1, input + size, args), args, &r);
	free(input);
	if (r.n_errors == 0)
		check_printed(&c);
	space_init(&space, &c, &choices, &r);
	if (r.n_errors == 0)
		check_space(&space);
	config_check(&c, (uint64_t)1 << 32, &r);
	fuzz_accepted += r.n_errors == 0;
	MUST((r.n_errors == 0 && r.n_warnings == 0) == (r.text.len == 0) || r.text.full);
	return 0;
}
