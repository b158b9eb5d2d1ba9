/* The option table, its parser, printer and checks.
 * tests/mutations lists mistakes that this file catches. */
#include "run/config.h"

#include "test.h"

#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

static struct report report;

static const void *field_of(const struct config *c, const struct option *o)
{
	return (const char *)c + o->offset;
}

static struct config parsed(const char *data, size_t len)
{
	struct config c;
	report_init(&report);
	config_init(&c);
	config_parse(&c, "f.ini", data, len, &report);
	return c;
}

static struct config parsed_text(const char *text)
{
	return parsed(text, strlen(text));
}

/* One key in its section; the number of errors is in the report. */
static struct config parsed_value(const struct option *o, const char *value)
{
	char text[INI_LINE_MAX + 100];
	snprintf(text, sizeof(text), "[%s]\n%s = %s\n", o->section, o->key, value);
	return parsed_text(text);
}

static bool accepts(const char *key, const char *value)
{
	parsed_value(config_find(key), value);
	return report.n_errors == 0;
}

static int n_lines(const char *text)
{
	int n = 0;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* The report has that piece in a line that starts with `source`. */
static bool reports(const char *source, const char *piece)
{
	char line[2000];
	for (const char *p = report.buf; *p;) {
		const size_t n = strcspn(p, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)n, p);
		if (strncmp(line, source, strlen(source)) == 0 && strstr(line, piece))
			return true;
		p += n + (p[n] == '\n');
	}
	printf("no '%s...%s' in:\n%s", source, piece, report.buf);
	return false;
}

static void overridden(struct config *c, const char *const *keys)
{
	for (; *keys; keys++) {
		char key[400], *arg = key;
		snprintf(key, sizeof(key), "%s", *keys);
		config_override(c, 1, &arg, &report);
	}
}

/* --- the table --- */

/* The next word of a list separated by blanks; false at its end. */
static bool next_word(const char **list, char word[100])
{
	*list += strspn(*list, " ");
	const size_t n = strcspn(*list, " ");
	snprintf(word, 100, "%.*s", (int)n, *list);
	*list += n;
	return n > 0;
}

static void test_keys_are_unique_and_sections_together(void)
{
	for (const struct option *o = config_options; o->key; o++) {
		CHECK(o->section[0] && o->key[0]);
		CHECK(strspn(o->key, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(o->key));
		CHECK(config_find(o->key) == o);
		for (const struct option *p = config_options; p < o; p++) {
			CHECK(strcmp(p->key, o->key) != 0);
			CHECK(p->offset != o->offset);
			if (strcmp(p->section, o->section) == 0)
				CHECK_STR((o - 1)->section, o->section);
		}
	}
	CHECK(config_find("no_such_key") == NULL);
	CHECK(config_find("") == NULL);
}

static void test_help_is_whole_sentences(void)
{
	for (const struct option *o = config_options; o->key; o++) {
		CHECK(o->help && strlen(o->help) > 10);
		CHECK(o->help[strlen(o->help) - 1] == '.');
		CHECK(o->elsewhere != NULL);
		char buf[300];
		struct text t;
		t = text_into(buf, sizeof(buf));
		option_print_range(o, &t);
		CHECK(t.len > 3 && !t.full);
	}
}

static void test_ranges_are_ranges(void)
{
	for (const struct option *o = config_options; o->key; o++) {
		double low, high;
		char open, close, junk;
		if (o->type == OPTION_INT)
			CHECK(o->min < o->max);
		if (o->type == OPTION_REAL) {
			CHECK(sscanf(o->range, "%c%lf, %lf%c%c", &open, &low, &high, &close, &junk) == 4);
			CHECK(low < high && strchr("[(", open) && strchr("])", close));
		}
		if (o->type == OPTION_NAME)
			CHECK(o->names && o->names[0]);
	}
}

static void test_defaults_read_and_print_back(void)
{
	struct config c;
	config_init(&c);
	for (const struct option *o = config_options; o->key; o++) {
		char buf[300];
		struct text t;
		CHECK(accepts(o->key, o->def));
		t = text_into(buf, sizeof(buf));
		config_print_value(&c, o, &t);
		CHECK_STR(buf, o->def);
	}
	report_init(&report);
	config_check(&c, 0, &report);
	CHECK_INT(report.n_errors, 0);
	CHECK_INT(report.n_warnings, 0);
}

static void test_synonyms_are_unique_and_lead_to_their_key(void)
{
	char word[100], other[100], text[200], answer[200];
	for (const struct option *o = config_options; o->key; o++)
		for (const char *list = o->elsewhere; next_word(&list, word);) {
			CHECK(config_find(word) == NULL);
			CHECK(strlen(word) < 64);
			for (const struct option *p = config_options; p->key; p++) {
				int n = 0;
				for (const char *l = p->elsewhere; next_word(&l, other);)
					n += strcmp(other, word) == 0;
				CHECK_INT(n, p == o);
			}
			CHECK(config_suggest(word) != NULL);
			if (config_suggest(word))
				CHECK_STR(config_suggest(word), o->key);
			snprintf(text, sizeof(text), "[%s]\n%s = 1\n", o->section, word);
			snprintf(answer, sizeof(answer), "did you mean '%s'?", o->key);
			parsed_text(text);
			CHECK_INT(report.n_errors, 1);
			CHECK(reports("f.ini:2: unknown key", answer));
		}
}

static void test_suggestions(void)
{
	static const char *const cases[][2] = { { "learnig_rate", "learning_rate" }, { "lr", "learning_rate" },
		{ "n_timesteps", "total_timesteps" }, { "target_network_frequency", "target_update_interval" },
		{ "start_e", "exploration_initial_eps" }, { "end_e", "exploration_final_eps" },
		{ "hidden_sizes", "net_arch" }, { "minibatch_size", "batch_size" },
		{ "learning-rate", "learning_rate" }, { "BATCH_SIZE", "batch_size" }, { "bufer_size", "buffer_size" },
		{ "gama", "gamma" }, { "seeed", "seed" }, { "total_timestep", "total_timesteps" }, { "env-id", "id" },
		{ "train_frequency", "train_freq" }, { "double_dqn", "double_q" }, { "n_step", "n_steps" },
		{ "reward_threshold", "stop_return" }, { "min_replay_history", "learning_starts" },
		{ "epsilon", "exploration_initial_eps" }, { "eval_interval", "eval_freq" } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = config_suggest(cases[i][0]);
		CHECK_STR(got ? got : "nothing", cases[i][1]);
	}
	CHECK(config_suggest("zzzzzzzzzz") == NULL);
	CHECK(config_suggest("") == NULL);
	char longest[300];
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	CHECK(config_suggest(longest) == NULL);
}

static void test_keys_without_counterpart_get_an_answer(void)
{
	parsed_text("[run]\ndevice = cuda\nn_envs = 4\n[optimizer]\noptimizer = adamw\n");
	CHECK_INT(report.n_errors, 3);
	CHECK(reports("f.ini:2: unknown key 'device'", "CPU"));
	CHECK(reports("f.ini:3: unknown key 'n_envs'", "one environment"));
	CHECK(reports("f.ini:5: unknown key 'optimizer'", "Adam"));
}

/* --- print and parse --- */

static double random_real(struct rng *rng, const struct option *o)
{
	double low, high;
	char open, close;
	if (sscanf(o->range, "%c%lf, %lf%c", &open, &low, &high, &close) != 4)
		return NAN;
	if (isinf(high) && close == ']' && rng_below(rng, 3) == 0)
		return high;
	if (isinf(low))
		low = -1e9;
	if (isinf(high))
		high = 1e9;
	switch (rng_below(rng, 5)) {
	case 0:
		return open == '[' ? low : low == 0 ? (double)FLT_MIN : nextafter(low, high);
	case 1:
		return close == ']' ? high : nextafter(high, low);
	case 2: { /* few digits */
		const double x = round(rng_uniform(rng, low, high) * 1000) / 1000;
		return x > low && x < high ? x : high / 2 + low / 2;
	}
	case 3: /* near the lower end */
		return low + (high - low) * ldexp(0.5 + rng_double(rng) / 2, -(int)rng_below(rng, 40));
	default:
		return low + (high - low) * (1e-9 + rng_double(rng) * (1 - 2e-9));
	}
}

/* Of all that a shell's command may have, and two characters of several bytes. */
static void set_random_string(char *field, size_t size, struct rng *rng)
{
	static const char letters[] = "ab/.-= \t\"\"'\\\\#;#;|$&<>(){}[]%,~*?!`\xc3\xa4";
	const size_t most = rng_below(rng, 4) == 0 ? size : 20;
	size_t n = 0;
	memset(field, 0, size);
	for (size_t end = rng_below(rng, most); n < end; n++)
		field[n] = letters[rng_below(rng, sizeof(letters) - 3)];
	if (n > 0 && n + 2 < size && rng_below(rng, 2))
		memcpy(field + n - 1, letters + sizeof(letters) - 3, 2);
}

static void set_random_declaration(struct config *c, const struct option *o, struct rng *rng)
{
	char line[200];
	snprintf(line, sizeof(line), "env toy-%d 1 obs=%d actions=2 reward=-1..0%s", (int)rng_below(rng, 9),
		1 + (int)rng_below(rng, 9), rng_below(rng, 2) ? " high=2.5" : "");
	CHECK(config_set_value(c, o, rng_below(rng, 3) ? line : ""));
}

static void set_random(struct config *c, const struct option *o, struct rng *rng)
{
	void *field = (char *)c + o->offset;
	switch (o->type) {
	case OPTION_SEED:
		*(uint64_t *)field = rng_u64(rng) >> rng_below(rng, 64);
		break;
	case OPTION_INT: {
		const uint64_t range = (uint64_t)(o->max - o->min);
		const uint64_t k = rng_below(rng, 4);
		*(int64_t *)field = k == 0   ? o->min
				    : k == 1 ? o->max
					     : o->min + (int64_t)(rng_below(rng, range + 1) >> rng_below(rng, 50));
		break;
	}
	case OPTION_REAL:
		*(double *)field = random_real(rng, o);
		break;
	case OPTION_BOOL:
		*(bool *)field = rng_below(rng, 2);
		break;
	case OPTION_NAME: {
		uint64_t n = 0;
		while (o->names[n])
			n++;
		*(int *)field = (int)rng_below(rng, n);
		break;
	}
	case OPTION_WIDTHS: {
		struct widths *w = field;
		*w = (struct widths){ .n = (int)rng_below(rng, NET_MAX_HIDDEN + 1) };
		for (int i = 0; i < w->n; i++)
			w->width[i] = 1 + (int)(rng_below(rng, NET_MAX_WIDTH) >> rng_below(rng, 12));
		break;
	}
	case OPTION_SCALE: {
		struct factors *s = field;
		*s = (struct factors){ .kind = (int)rng_below(rng, 3) };
		if (s->kind == FACTORS_LIST)
			s->n = 1 + (int)rng_below(rng, rng_below(rng, 2) ? 4 : FACTORS_MAX);
		for (int i = 0; i < s->n; i++)
			s->value[i] =
				rng_uniform(rng, 0, 1) < 0.5 ? rng_uniform(rng, -1e6, 1e6) : rng_uniform(rng, 1e-3, 1);
		break;
	}
	case OPTION_SIGNS: {
		struct factors *s = field;
		*s = (struct factors){ .kind = rng_below(rng, 2) ? FACTORS_LIST : FACTORS_NONE };
		if (s->kind == FACTORS_LIST)
			s->n = 1 + (int)rng_below(rng, rng_below(rng, 2) ? 4 : FACTORS_MAX);
		for (int i = 0; i < s->n; i++)
			s->value[i] = rng_below(rng, 2) ? 1 : -1;
		break;
	}
	case OPTION_STRING:
		if (o->set)
			set_random_declaration(c, o, rng);
		else
			set_random_string(field, o->size, rng);
		break;
	}
}

static bool same_field(const struct config *a, const struct config *b, const struct option *o)
{
	static const size_t size[] = {
		[OPTION_SEED] = sizeof(uint64_t),
		[OPTION_INT] = sizeof(int64_t),
		[OPTION_REAL] = sizeof(double),
		[OPTION_BOOL] = sizeof(bool),
		[OPTION_NAME] = sizeof(int),
		[OPTION_WIDTHS] = sizeof(struct widths),
		[OPTION_SCALE] = sizeof(struct factors),
		[OPTION_SIGNS] = sizeof(struct factors),
		[OPTION_STRING] = 0, /* each has its own */
	};
	const size_t n = o->type == OPTION_STRING ? o->size : size[o->type];
	return memcmp(field_of(a, o), field_of(b, o), n) == 0;
}

static void test_what_is_printed_reads_back(void)
{
	struct rng rng;
	rng_init(&rng, 20);
	for (int trial = 0; trial < 3000; trial++) {
		struct config c, back;
		static char buf[CONFIG_TEXT_MAX], again[CONFIG_TEXT_MAX];
		struct text t;
		config_init(&c);
		for (const struct option *o = config_options; o->key; o++)
			if (rng_below(&rng, 2))
				set_random(&c, o, &rng);
		t = text_into(buf, sizeof(buf));
		config_print(&c, &t);
		CHECK(!t.full);
		back = parsed(buf, t.len);
		CHECK_INT(report.n_errors, 0);
		if (report.n_errors) {
			printf("%s", report.buf);
			return;
		}
		for (const struct option *o = config_options; o->key; o++)
			if (!same_field(&c, &back, o)) {
				FAIL("read back equal");
				printf("%s in trial %d\n", o->key, trial);
				return;
			}
		t = text_into(again, sizeof(again));
		config_print(&back, &t);
		CHECK_STR(again, buf);
		t = text_into(again, sizeof(again));
		CHECK_INT(config_diff(&c, &back, &t), 0);
		CHECK_STR(again, "");
	}
}

static void test_prints_every_key_once_in_order(void)
{
	struct config c;
	char buf[CONFIG_TEXT_MAX], line[200];
	struct text t;
	config_init(&c);
	t = text_into(buf, sizeof(buf));
	config_print(&c, &t);
	static const char start[] = "[run]\nseed = 1\ntotal_timesteps = 50000\n\n[env]\nid = CartPole-v1\n";
	CHECK(strncmp(buf, start, strlen(start)) == 0);
	const char *p = buf;
	int n = 0, n_sections = 0;
	for (const struct option *o = config_options; o->key; o++) {
		if (o == config_options || strcmp(o->section, (o - 1)->section) != 0) {
			snprintf(line, sizeof(line), "[%s]\n", o->section);
			p = strstr(p, line);
			CHECK(p != NULL);
			n_sections++;
		}
		snprintf(line, sizeof(line), "\n%s = %s\n", o->key, o->def[0] ? o->def : "\"\"");
		p = p ? strstr(p, line) : NULL;
		CHECK(p != NULL);
		if (!p)
			return;
		p += strlen(line) - 1;
		n++;
	}
	CHECK_STR(p, "\n");
	CHECK_INT(n_lines(buf), n + 2 * n_sections - 1);
}

/* --- values --- */

static void test_whole_numbers_at_both_ends(void)
{
	char value[64];
	for (const struct option *o = config_options; o->key; o++) {
		if (o->type != OPTION_INT)
			continue;
		const struct {
			int64_t value;
			bool ok;
		} cases[] = { { o->min, true }, { o->max, true }, { o->min - 1, false }, { o->max + 1, false },
			{ INT64_MAX, false }, { INT64_MIN, false } };
		struct config defaults;
		config_init(&defaults);
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			snprintf(value, sizeof(value), "%" PRId64, cases[i].value);
			const struct config c = parsed_value(o, value);
			CHECK_INT(report.n_errors, !cases[i].ok);
			if (cases[i].ok)
				CHECK_INT(*(const int64_t *)field_of(&c, o), cases[i].value);
			else
				CHECK(same_field(&c, &defaults, o));
		}
		static const char *const bad[] = { "", "abc", "1.5", "1e30", "--1", "0x10", "1 2", "true", "nan", "inf",
			"none", "1_", "_1", "1__0", "1,000", "99999999999999999999" };
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			CHECK(!accepts(o->key, bad[i]));
	}
	CHECK(accepts("total_timesteps", "5e4"));
	const struct config c = parsed_text("[run]\ntotal_timesteps = 50_000\n");
	CHECK_INT(c.total_timesteps, 50000);
	CHECK_INT(parsed_text("[agent]\ngradient_steps = -1\n").gradient_steps, -1);
}

static void test_reals_at_both_ends(void)
{
	char value[TEXT_REAL_SIZE];
	for (const struct option *o = config_options; o->key; o++) {
		double low, high;
		char open, close;
		if (o->type != OPTION_REAL)
			continue;
		CHECK(sscanf(o->range, "%c%lf, %lf%c", &open, &low, &high, &close) == 4);
		if (isfinite(low)) {
			CHECK_INT(accepts(o->key, text_real(low, value)), open == '[');
			/* the next float from 0 on, see below; the next double elsewhere */
			const double next = low == 0 ? (double)FLT_MIN : nextafter(low, high);
			CHECK(accepts(o->key, text_real(next, value)));
			CHECK(!accepts(o->key, text_real(nextafter(low, -INFINITY), value)));
		}
		if (isfinite(high)) {
			CHECK_INT(accepts(o->key, text_real(high, value)), close == ']');
			CHECK(accepts(o->key, text_real(nextafter(high, low), value)));
			CHECK(!accepts(o->key, text_real(nextafter(high, INFINITY), value)));
		}
		static const char *const bad[] = { "inf", "-inf", "nan", "infinity", "INF", "1e999", "0x1p-1", "", ".",
			"e5", "0.5f", "0.5 0.6", "0,5", "+-0.5", "1e", "true" };
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			CHECK(!accepts(o->key, bad[i]));
		CHECK_INT(accepts(o->key, "none"), strcmp(o->key, "stop_return") == 0);
	}
	CHECK(isinf(parsed_text("[stop]\nstop_return = none\n").stop_return));
	CHECK_NEAR(parsed_text("[stop]\nstop_return = -1e9\n").stop_return, -1e9, 0);
	CHECK_NEAR(parsed_text("[optimizer]\nlearning_rate = 2.5e-4\n").learning_rate, 2.5e-4, 0);
	CHECK_NEAR(parsed_text("[agent]\ngamma = .5\n").gamma, 0.5, 0);
	const struct config c = parsed_text("[agent]\ngamma = -0\n");
	CHECK(c.gamma == 0 && !signbit(c.gamma));
}

/* They would be 0 as floats, or nearly without digits. */
static void test_reals_that_are_lost_as_floats_are_refused(void)
{
	for (const struct option *o = config_options; o->key; o++)
		if (o->type == OPTION_REAL) {
			CHECK(!accepts(o->key, "1e-60"));
			CHECK(!accepts(o->key, "1.17e-38"));
		}
	CHECK(accepts("learning_rate", "1.18e-38"));
	CHECK(accepts("reward_scale", "1.18e-38"));
	CHECK(!accepts("initial_q", "-1e-60"));
	CHECK(!accepts("obs_scale", "1,1,1e-40,1"));
	CHECK(!accepts("obs_scale", "1,1,-1e-60,1"));
	CHECK(accepts("obs_scale", "1,1,1.18e-38,1"));
	parsed_text("[optimizer]\nlearning_rate = 1e-60\n");
	CHECK(reports("f.ini:2: ", "learning_rate = '1e-60' is too small"));
	CHECK_INT(report.n_errors, 1);
}

static void test_seeds_have_64_bits(void)
{
	CHECK(parsed_text("[run]\nseed = 18446744073709551615\n").seed == UINT64_MAX);
	CHECK_INT(report.n_errors, 0);
	CHECK(parsed_text("[run]\nseed = 9007199254740993\n").seed == 9007199254740993u);
	CHECK_INT(parsed_text("[run]\nseed = 0\n").seed, 0);
	CHECK_INT(parsed_text("[run]\nseed = 1e3\n").seed, 1000);
	CHECK(!accepts("seed", "18446744073709551616"));
	CHECK(!accepts("seed", "-1"));
	CHECK(!accepts("seed", "1.5"));
	CHECK(!accepts("seed", ""));
	CHECK(!accepts("seed", "random"));
	CHECK_INT(parsed_text("[run]\nseed = x\n").seed, 1);
}

static void test_booleans_and_names(void)
{
	CHECK(parsed_text("[agent]\ndouble_q = true\n").double_q);
	CHECK(!parsed_text("[agent]\ndouble_q = false\n").double_q);
	static const char *const bad[] = { "True", "FALSE", "1", "0", "yes", "on", "", "truee", "t" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!accepts("double_q", bad[i]));
	for (const struct option *o = config_options; o->key; o++) {
		if (o->type != OPTION_NAME)
			continue;
		for (int i = 0; o->names[i]; i++) {
			const struct config c = parsed_value(o, o->names[i]);
			CHECK_INT(report.n_errors, 0);
			CHECK_INT(*(const int *)field_of(&c, o), i);
		}
		CHECK(!accepts(o->key, ""));
		CHECK(!accepts(o->key, "0"));
		CHECK(!accepts(o->key, "no_such_name"));
	}
	parsed_text("[agent]\nloss = hubert\n[env]\nid = CartPole-v2\n");
	CHECK(reports("f.ini:2: loss", "did you mean 'huber'?"));
	CHECK(reports("f.ini:2: loss", "one of huber, mse"));
	CHECK(reports("f.ini:4: id", "did you mean 'CartPole-v1'?"));
}

static void test_widths(void)
{
	struct config c = parsed_text("[network]\nnet_arch = 120, 84\t,1\n");
	CHECK_INT(c.net_arch.n, 3);
	CHECK_INT(c.net_arch.width[0], 120);
	CHECK_INT(c.net_arch.width[1], 84);
	CHECK_INT(c.net_arch.width[2], 1);
	CHECK_INT(parsed_text("[network]\nnet_arch = none\n").net_arch.n, 0);
	CHECK_INT(parsed_text("[network]\nnet_arch = 1,2,3,4,5,6,7,4096\n").net_arch.n, 8);
	CHECK_INT(report.n_errors, 0);
	static const char *const bad[] = { "", "1,2,3,4,5,6,7,8,9", "64,,64", "64,", ",64", ",", "0", "64,0", "4097",
		"-1", "64x64", "64.5", "None", "[64,64]", "64;64", "64 64", "none,64", "64,none", "1e9" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		c = parsed_value(config_find("net_arch"), bad[i]);
		CHECK_INT(report.n_errors, 1);
		CHECK_INT(c.net_arch.n, 2);
		CHECK_INT(c.net_arch.width[1], 64);
	}
}

static void test_signs(void)
{
	const struct config c = parsed_text("[replay]\nmirror_obs = 1, -1,1 , -1.0\n");
	float signs[4] = { 0 };
	CHECK_INT(c.mirror_obs.kind, FACTORS_LIST);
	CHECK_INT(c.mirror_obs.n, 4);
	CHECK(config_mirror_obs(&c, signs));
	for (int i = 0; i < 4; i++)
		CHECK_NEAR(signs[i], i % 2 ? -1 : 1, 0);
	const struct config all = parsed_text("[replay]\nmirror_obs = -1\n");
	CHECK(config_mirror_obs(&all, signs));
	CHECK(signs[0] == -1 && signs[3] == -1);
	const struct config none = parsed_text("[replay]\nmirror_obs = none\n");
	CHECK_INT(none.mirror_obs.kind, FACTORS_NONE);
	CHECK(!config_mirror_obs(&none, signs));
	static const char *const bad[] = { "bounds", "0", "1,0", "2", "1,-0.5", "-1.0000001", "0.9999999", "1,,1", "1,",
		"", "true", "nan", "1 -1" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!accepts("mirror_obs", bad[i]));
}

static void test_obs_scales(void)
{
	struct config c = parsed_text("[env]\nobs_scale = 1, -0.5,1e6 , 1e-3\n");
	CHECK_INT(report.n_errors, 0);
	CHECK_INT(c.obs_scale.kind, FACTORS_LIST);
	CHECK_INT(c.obs_scale.n, 4);
	CHECK_NEAR(c.obs_scale.value[1], -0.5, 0);
	CHECK_NEAR(c.obs_scale.value[2], 1e6, 0);
	CHECK_NEAR(c.obs_scale.value[3], 1e-3, 0);
	CHECK_INT(parsed_text("[env]\nobs_scale = bounds\n").obs_scale.kind, FACTORS_BOUNDS);
	CHECK_INT(parsed_text("[env]\nobs_scale = none\n").obs_scale.kind, FACTORS_NONE);
	CHECK_INT(parsed_text("[env]\nobs_scale = 1,2,3,4,5,6,7,8\n").obs_scale.n, 8);
	CHECK_INT(report.n_errors, 0);
	CHECK_INT(parsed_text("[env]\nobs_scale = -0.25\n").obs_scale.n, 1);
	CHECK_INT(report.n_errors, 0);
	char most[8 * FACTORS_MAX] = "1.5e-2";
	for (int i = 1; i < FACTORS_MAX; i++)
		strcat(most, ",1.5e-2");
	c = parsed_value(config_find("obs_scale"), most);
	CHECK_INT(report.n_errors, 0);
	CHECK_INT(c.obs_scale.n, 128);
	CHECK_NEAR(c.obs_scale.value[127], 1.5e-2, 0);
	strcat(most, ",1");
	CHECK(!accepts("obs_scale", most));
	static const char *const bad[] = { "", "0,1,1,1", "1,1,0", "1000001", "-1e7", "1e-50", "inf", "nan", "1,,2",
		"1,", ",1", "bounds,1", "Bounds", "true" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		c = parsed_value(config_find("obs_scale"), bad[i]);
		CHECK_INT(report.n_errors, 1);
		CHECK_INT(c.obs_scale.kind, FACTORS_NONE);
		CHECK_INT(c.obs_scale.n, 0);
	}
}

static void test_strings(void)
{
	struct config c = parsed_text("[env]\ncommand = python3 mine.py --wind 3 # a comment\n");
	CHECK_INT(report.n_errors, 0);
	CHECK_STR(c.command, "python3 mine.py --wind 3");
	c = parsed_text("[env]\ncommand = \" a # b ; c | \\\"$x\\\" \" # a comment\n");
	CHECK_INT(report.n_errors, 0);
	CHECK_STR(c.command, " a # b ; c | \"$x\" ");
	CHECK_STR(parsed_text("[env]\ncommand = \"\"\n").command, "");
	CHECK_INT(report.n_errors, 0);
	CHECK_STR(parsed_text("[env]\ncommand =\n").command, "");
	CHECK_INT(report.n_errors, 0);
	CHECK_STR(parsed_text("[env]\ncommand = true || 1..2\n").command, "true || 1..2");

	const struct option *o = config_find("command");
	char value[1100];
	memset(value, 'x', sizeof(value));
	for (size_t n = 1022; n < 1026; n++) {
		value[n] = '\0';
		CHECK_INT(config_set_value(&c, o, value), n < sizeof(c.command));
		CHECK_INT(strlen(c.command), n < sizeof(c.command) ? n : 1023);
		value[n] = 'x';
	}
	CHECK(config_set_value(&c, o, "a\tb\xc3\xa4"));
	static const char *const bad[] = { "a\nb", "a\rb", "\x1b[31m", "a\x7f", "\xc3", "a\xff",
		"\xe2\x80\xae" /* turns text round */ };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!config_set_value(&c, o, bad[i]));
	CHECK_STR(c.command, "a\tb\xc3\xa4");
	for (size_t i = strlen(c.command); i < sizeof(c.command); i++)
		CHECK_INT(c.command[i], 0);
	parsed_text("[env]\ncommand = \"a\" b\n");
	CHECK_INT(report.n_errors, 1);
	CHECK(reports("f.ini:2: ", "text after the closing"));
}

/* As an argument: the shell has taken its own quotes off. */
static void test_strings_of_arguments_are_literal(void)
{
	static const char *const keys[] = { "command= \"./mine\" a=b 1|2 # c ", NULL };
	static const char *const empty[] = { "command=", NULL };
	struct config c = parsed_text("");
	overridden(&c, keys);
	CHECK_INT(report.n_errors, 0);
	CHECK_STR(c.command, " \"./mine\" a=b 1|2 # c ");
	report_init(&report);
	overridden(&c, empty);
	CHECK_INT(report.n_errors, 0);
	CHECK_STR(c.command, "");
}

static void test_strings_stand_for_one_value(void)
{
	static struct choices choices;
	static const char *const keys[] = { "command=a | b", "gamma=0.5 | 0.9", NULL };
	struct config c;
	report_init(&report);
	report.choices = &choices;
	config_init(&c);
	overridden(&c, keys);
	CHECK_INT(report.n_errors, 0);
	CHECK_INT(choices.n, 1);
	CHECK_STR(c.command, "a | b");
	char arg[1200] = "command=", bad[] = "command=a | b\xff", *args[] = { arg, bad };
	for (size_t n = strlen(arg); n < sizeof(arg) - 1; n++)
		arg[n] = '|';
	for (int i = 0; i < 2; i++) {
		report_init(&report);
		report.choices = &choices;
		config_override(&c, 1, &args[i], &report);
		CHECK_INT(report.n_errors, 1);
		CHECK_INT(choices.n, 1);
	}
}

static void test_values_in_quotes_are_strings_alone(void)
{
	static const char *const bad[] = { "\"7\"", "\"\"", "\"1..3\"" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!accepts("seed", bad[i]));
	parsed_text("[agent]\nloss = \"mse\"\n");
	CHECK(reports("f.ini:2: loss = '\"mse\"' is not valid", "did you mean 'mse'?"));
}

/* The largest of each key, and as JSON. */
static void test_the_largest_configuration_has_room(void)
{
	static char buf[CONFIG_TEXT_MAX], json[2 * CONFIG_TEXT_MAX], value[CONFIG_VALUE_SIZE];
	static const char *const letters[] = { "\"", "\\", "\t", "\xc3\xa4" };
	struct config c;
	struct text t;
	config_init(&c);
	c.seed = UINT64_MAX;
	c.obs_scale = (struct factors){ .kind = FACTORS_LIST, .n = FACTORS_MAX };
	for (int i = 0; i < FACTORS_MAX; i++)
		c.obs_scale.value[i] = -1.2345678901234567e-38;
	c.net_arch.n = NET_MAX_HIDDEN;
	for (int i = 0; i < NET_MAX_HIDDEN; i++)
		c.net_arch.width[i] = NET_MAX_WIDTH;
	for (const struct option *o = config_options; o->key; o++) {
		void *field = (char *)&c + o->offset;
		if (o->type == OPTION_INT)
			*(int64_t *)field = o->max;
		if (o->type == OPTION_REAL)
			*(double *)field = -1.2345678901234567e-38;
		t = text_into(value, sizeof(value));
		config_print_value(&c, o, &t);
		CHECK(!t.full);
	}
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		for (const struct option *o = config_options; o->key; o++)
			if (o->type == OPTION_STRING) {
				t = text_into((char *)&c + o->offset, o->size);
				while (!t.full)
					text_add(&t, "%s", letters[i]);
			}
		t = text_into(buf, sizeof(buf));
		config_print(&c, &t);
		CHECK(!t.full);
		t = text_into(json, sizeof(json));
		text_add_json_string(&t, buf);
		CHECK(!t.full);
	}
}

static void test_a_label_has_both_ends_of_a_value(void)
{
	static const struct {
		const char *value, *brief;
	} cases[] = {
		{ "./mine", "./mine" },
		{ "0123456789012345678901234567890123456789", "0123456789012345678901234567890123456789" },
		{ "01234567890123456789012345678901234567890", "012345678901234567...8901234567890~79f0" },
		{ "0123456789012345\xe2\x82\xac"
		  "89012345678901234\xe2\x82\xac"
		  "8901234567890123",
			"0123456789012345\xe2\x82\xac"
			"8...1234567890123~adcf" },
	};
	const struct option *o = config_find("command");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config c;
		char buf[64];
		struct text t;
		config_set_value(&c, o, cases[i].value);
		t = text_into(buf, sizeof(buf));
		config_print_brief(&c, o, &t);
		CHECK_STR(buf, cases[i].brief);
	}
}

/* What stands behind a long element must not be lost. */
static void test_long_list_elements_are_read_to_their_end(void)
{
	char value[200];
	for (int n_zeros = 50; n_zeros < 80; n_zeros++) {
		snprintf(value, sizeof(value), "64.%0*dxyz", n_zeros, 0);
		CHECK(!accepts("net_arch", value));
		snprintf(value, sizeof(value), "1.%0*dxyz", n_zeros, 0);
		CHECK(!accepts("obs_scale", value));
		snprintf(value, sizeof(value), "1.%0*de3", n_zeros, 0);
		const struct config c = parsed_value(config_find("obs_scale"), value);
		if (report.n_errors == 0)
			CHECK_NEAR(c.obs_scale.value[0], 1000, 0);
	}
}

/* --- files --- */

static void test_all_errors_of_a_file_are_reported_at_once(void)
{
	static const char text[] = "gamma = 0.9\n"
				   "[run]\n"
				   "# a comment\n"
				   "sede = 1\n"
				   "gamma = 0.5\n"
				   "seed = 4 ; with a comment\n"
				   "\n"
				   "[agnet]\n"
				   "tau = 7\n"
				   "junk\n"
				   "= 3\n"
				   "[run\n"
				   "[run] junk\n"
				   "[agent]\n"
				   "batch_size = 1e9\n"
				   "double_q = maybe\n"
				   "n_steps = 5\n"
				   "n_steps = 6\n"
				   "[zzzzzz]\n"
				   "qqqqqqqq = 1\n";
	const struct config c = parsed_text(text);
	CHECK(reports("f.ini:1: ", "'gamma' stands before any section; it belongs in [agent]"));
	CHECK(reports("f.ini:4: ", "unknown key 'sede'; did you mean 'seed'?"));
	CHECK(reports("f.ini:5: ", "'gamma' belongs in [agent], not in [run]"));
	CHECK(reports("f.ini:5: ", "'gamma' is set twice, first line 1"));
	CHECK(reports("f.ini:8: ", "unknown section [agnet]; did you mean [agent]?"));
	CHECK(reports("f.ini:9: ", "tau = '7' is not valid (real in (0, 1])"));
	CHECK(reports("f.ini:10: ", "neither"));
	CHECK(reports("f.ini:11: ", "no key before '='"));
	CHECK(reports("f.ini:12: ", "']'"));
	CHECK(reports("f.ini:13: ", "after the section header"));
	CHECK_INT(report.n_errors, 15);
	CHECK_INT(report.n_warnings, 0);
	CHECK_INT(n_lines(report.buf), REPORT_MAX_ERRORS); /* the first ones */
	CHECK_INT(c.seed, 4);
	CHECK_INT(c.n_steps, 5);
	CHECK_INT(c.batch_size, 64);
	CHECK_NEAR(c.tau, 1, 0);
	parsed_text(strstr(text, "[agent]\n"));
	CHECK(reports("f.ini:2: ", "batch_size = '1e9' is not valid (whole number, 1 to 65536)"));
	CHECK(reports("f.ini:3: ", "double_q = 'maybe' is not valid (true or false)"));
	CHECK(reports("f.ini:5: ", "'n_steps' is set twice, first line 4"));
	CHECK(reports("f.ini:6: ", "unknown section [zzzzzz]"));
	CHECK(reports("f.ini:7: ", "unknown key 'qqqqqqqq'"));
	CHECK_INT(report.n_errors, 5);
	CHECK_INT(n_lines(report.buf), 5);
}

static void test_files_as_editors_write_them(void)
{
	CHECK_INT(parsed_text("\xef\xbb\xbf[run]\nseed = 7\n").seed, 7);
	CHECK_INT(report.n_errors, 0);
	CHECK_INT(parsed_text("[run]\r\nseed = 7\r\n\r\n").seed, 7);
	CHECK_INT(report.n_errors, 0);
	CHECK_INT(parsed_text("[run]\nseed = 7").seed, 7);
	CHECK_INT(report.n_errors, 0);
	CHECK_INT(parsed_text("\t[ run ] \n\tseed\t=\t7\t# c\n").seed, 7);
	CHECK_INT(report.n_errors, 0);
	CHECK_INT(parsed_text("").seed, 1);
	CHECK_INT(report.n_errors, 0);
	CHECK_INT(parsed_text("\n\n# only a comment\n").seed, 1);
	CHECK_INT(report.n_errors, 0);
	/* A section may come twice. */
	const struct config c = parsed_text("[run]\nseed=7\n[env]\n[run]\ntotal_timesteps=9\n");
	CHECK_INT(report.n_errors, 0);
	CHECK_INT(c.total_timesteps, 9);
}

static void test_bytes_that_do_not_belong_in_a_file(void)
{
	static const char nul[] = "[run]\nse\0ed = 7\ntotal_timesteps = 1x\n";
	parsed(nul, sizeof(nul) - 1);
	CHECK_INT(report.n_errors, 2);
	CHECK(reports("f.ini:2: ", "NUL"));
	CHECK(reports("f.ini:3: ", "total_timesteps"));
	parsed_text("[run]\nseed = \x01\n");
	CHECK_INT(report.n_errors, 1);
	CHECK(reports("f.ini:2: ", "control"));
	parsed_text("[run]\nseed = 7\x1b[31m\n");
	CHECK_INT(report.n_errors, 1);
	CHECK(strchr(report.buf, 0x1b) == NULL);

	char text[6000] = "[run]\nseed = 7";
	size_t n = strlen(text);
	memset(text + n, ' ', 5000);
	strcpy(text + n + 5000, "\ntotal_timesteps = 0\n");
	parsed_text(text);
	CHECK_INT(report.n_errors, 2);
	CHECK(reports("f.ini:2: ", "too long"));
	CHECK(reports("f.ini:3: ", "total_timesteps"));

	memset(text, 'x', 900); /* a long name is cut in the message, not the line */
	strcpy(text + 900, " = 1\n");
	parsed_text(text);
	CHECK_INT(report.n_errors, 1);
	CHECK_INT(n_lines(report.buf), 1);
	CHECK(strlen(report.buf) < 300);
}

static void test_junk_behind_a_value(void)
{
	static const char *const bad[] = { "[run]\nseed = 7 8\n", "[run]\nseed = 7;8\n", "[run]\nseed = 7#8\n",
		"[run]\nseed = '7'\n", "[run]\nseed = \"7\"\n", "[run]\nseed : 7\n", "[run]\nseed 7\n",
		"[run]\nseed == 7\n", "[agent]\ngamma = 0.5,\n", "[agent]\ndouble_q = true true\n",
		"[agent]\nloss = huber mse\n", "[run]\nseed =\n" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		parsed_text(bad[i]);
		CHECK_INT(report.n_errors, 1);
		CHECK(strncmp(report.buf, "f.ini:2: ", 9) == 0);
	}
}

/* However much is wrong, the report counts it all and shows the first lines. */
static void test_a_report_has_the_first_of_many_errors(void)
{
	enum { N = 5000 };
	char *text = malloc(N * 16 + 16), line[100];
	if (!text)
		return;
	strcpy(text, "[run]\n");
	char *p = text + strlen(text);
	for (int i = 0; i < N; i++)
		p += sprintf(p, "key_%d=1\n", i);
	parsed_text(text);
	free(text);
	CHECK_INT(report.n_errors, N);
	const size_t len = strlen(report.buf);
	CHECK(report.buf[len - 1] == '\n');
	int n = 0, n_bad = 0;
	for (p = report.buf; *p; p += strcspn(p, "\n") + 1, n++) {
		snprintf(line, sizeof(line), "f.ini:%d: unknown key 'key_%d'", n + 2, n);
		n_bad += strncmp(p, line, strlen(line)) != 0;
	}
	CHECK_INT(n_bad, 0);
	CHECK_INT(n, REPORT_MAX_ERRORS);
}

/* They took ten seconds: a suggestion for each, in a report that was full. */
static void test_many_unknown_keys_take_no_time(void)
{
	enum { N = 250000, LINE = 8, MOST_S = 5 };
	char *text = malloc(N * LINE + 1);
	if (!text) {
		FAIL("no memory");
		return;
	}
	for (int i = 0; i < N; i++)
		memcpy(text + (size_t)i * LINE, "unkno=1\n", LINE);
	const clock_t start = clock();
	parsed(text, N * LINE);
	CHECK((double)(clock() - start) / CLOCKS_PER_SEC < MOST_S);
	CHECK_INT(report.n_errors, N);
	free(text);
}

/* --- overrides --- */

static void test_overrides(void)
{
	struct config c = parsed_text("[run]\nseed = 7\n[agent]\ngamma = 0.5\n");
	static const char *const keys[] = { "seed=9", "net_arch=32,16", "learning_rate=5e-4", "obs_scale=bounds",
		NULL };
	overridden(&c, keys);
	CHECK_INT(report.n_errors, 0);
	CHECK_INT(c.seed, 9);
	CHECK_INT(c.net_arch.n, 2);
	CHECK_INT(c.net_arch.width[1], 16);
	CHECK_NEAR(c.learning_rate, 5e-4, 0);
	CHECK_NEAR(c.gamma, 0.5, 0);
	CHECK_INT(c.obs_scale.kind, FACTORS_BOUNDS);
}

static void test_wrong_overrides(void)
{
	static char args[][100] = { "seed", "lr=1e-3", "agent.gamma=0.5", "gamma=2", "tau=0.5", "tau=0.6", "", "=3",
		"agent.no_such=1", "gamma =0.5", "loss=mse=huber" };
	enum { N = sizeof(args) / sizeof(args[0]) };
	char *pointers[N];
	struct config c;
	for (int i = 0; i < N; i++)
		pointers[i] = args[i];
	report_init(&report);
	config_init(&c);
	config_override(&c, N, pointers, &report);
	CHECK(reports("'seed': ", "key=value"));
	CHECK(reports("'=3': ", "key=value"));
	CHECK(reports("'lr=1e-3': ", "did you mean 'learning_rate'?"));
	CHECK(reports("'agent.gamma=0.5': ", "write 'gamma=0.5'"));
	CHECK(reports("'gamma=2': ", "[0, 1]"));
	CHECK(reports("'tau=0.6': ", "'tau' is set twice, first on this line"));
	CHECK(reports("'': ", "key=value"));
	CHECK(reports("'agent.no_such=1': ", "unknown key"));
	CHECK(reports("'gamma =0.5': ", "'gamma'?"));
	CHECK(reports("'loss=mse=huber': ", "not valid"));
	CHECK_INT(report.n_errors, N - 1);
	CHECK_INT(n_lines(report.buf), N - 1);
	CHECK_NEAR(c.tau, 0.5, 0);
	CHECK_NEAR(c.gamma, 0.99, 0);
	CHECK_INT(c.seed, 1);
}

static void test_very_long_overrides(void)
{
	static char arg[5000];
	char *args[] = { arg };
	struct config c;
	memset(arg, 'x', sizeof(arg) - 1);
	for (int equals = 0; equals < 2; equals++) {
		report_init(&report);
		config_init(&c);
		arg[3000] = equals ? '=' : 'x';
		config_override(&c, 1, args, &report);
		CHECK_INT(report.n_errors, 1);
		CHECK_INT(n_lines(report.buf), 1);
	}
	report_init(&report);
	memcpy(arg, "seed=", 5);
	config_override(&c, 1, args, &report);
	CHECK_INT(report.n_errors, 1);
}

/* --- keys against each other --- */

static void check_keys(const char *const *keys, int n_errors, int n_warnings, const char *piece)
{
	struct config c;
	report_init(&report);
	config_init(&c);
	overridden(&c, keys);
	CHECK_INT(report.n_errors, 0);
	config_check(&c, 0, &report);
	CHECK_INT(report.n_errors, n_errors);
	CHECK_INT(report.n_warnings, n_warnings);
	CHECK(strstr(report.buf, piece) != NULL);
	CHECK_INT(n_lines(report.buf), n_errors + n_warnings);
	CHECK_INT(strncmp(report.buf, "warning: ", 9) == 0, n_errors == 0 && n_warnings > 0);
	if (report.n_errors != n_errors || report.n_warnings != n_warnings)
		printf("%s ...:\n%s", keys[0], report.buf);
}

#define MINE "id=process", "command=./mine"
#define DECLARE(more) "declaration=env mine 1 obs=3 actions=2 reward=-1..2 " more

static void test_checks_between_keys(void)
{
	static const struct {
		const char *keys[6];
		int n_errors, n_warnings;
		const char *piece;
	} cases[] = {
		{ { "total_timesteps=1000", "buffer_size=1000", "eval_freq=0", "target_update_interval=1" }, 1, 0,
			"learning_starts" },
		{ { "total_timesteps=1001", "buffer_size=1001", "eval_freq=0", "target_update_interval=1" }, 0, 0, "" },
		{ { "batch_size=65", "buffer_size=64" }, 1, 0, "batch_size" },
		{ { "batch_size=64", "buffer_size=64", "learning_starts=64" }, 0, 0, "" },
		{ { "exploration_schedule=exponential", "exploration_final_eps=0" }, 1, 0, "exponential" },
		{ { "exploration_schedule=exponential", "exploration_initial_eps=0", "exploration_final_eps=0" }, 1, 0,
			"exponential" },
		{ { "exploration_schedule=exponential" }, 0, 0, "" },
		{ { "exploration_schedule=linear", "exploration_final_eps=0" }, 0, 0, "" },
		{ { "exploration_final_eps=0.6", "exploration_initial_eps=0.5" }, 1, 0, "exploration_final_eps" },
		{ { "exploration_final_eps=0.5", "exploration_initial_eps=0.5" }, 0, 0, "" },
		{ { "exploration_final_eps=0.6", "exploration_initial_eps=0.5", "exploration_schedule=constant" }, 0, 0,
			"" },
		{ { "obs_scale=1,2,3" }, 1, 0, "obs_scale has 3" },
		{ { "obs_scale=1,2,3,4,5" }, 1, 0, "obs_scale has 5" },
		{ { "obs_scale=1,2,3,4" }, 0, 0, "" },
		{ { "obs_scale=2" }, 0, 0, "" },
		{ { "obs_scale=1,2" }, 1, 0, "obs_scale has 2 factors; CartPole-v1 has 4 observations" },
		{ { "mirror_obs=1,-1,1" }, 1, 0, "mirror_obs has 3 signs; CartPole-v1 has 4 observations" },
		{ { "mirror_obs=1,-1,1,-1,1" }, 1, 0, "mirror_obs has 5" },
		{ { "mirror_obs=1,-1,1,-1" }, 0, 0, "" },
		{ { "mirror_obs=-1" }, 0, 0, "" },
		{ { "command=./mine" }, 1, 0, "command is for id = process; id = CartPole-v1 needs none" },
		{ { "clip_targets=true", "gamma=1" }, 1, 0, "clip_targets" },
		{ { "clip_targets=false", "gamma=1" }, 0, 0, "" },
		{ { "clip_targets=true", "gamma=0" }, 0, 0, "" },
		{ { "stop_return=400", "eval_freq=0" }, 1, 0, "stop_return" },
		{ { "stop_return=none", "eval_freq=0" }, 0, 0, "" },
		{ { "stop_return=400" }, 0, 0, "" },
		{ { "stop_return=500" }, 0, 0, "" },
		{ { "stop_return=500.5" }, 1, 0,
			"stop_return = 500.5 can never be met: an evaluation of up to 500 steps "
			"an episode returns at most 500" },
		{ { "stop_return=501", "max_episode_steps=2000" }, 1, 0, "returns at most 500" },
		{ { "stop_return=501", "eval_max_episode_steps=501" }, 0, 0, "" },
		{ { "stop_return=201", "id=CartPole-v0" }, 1, 0, "returns at most 200" },
		{ { "stop_return=51", "eval_max_episode_steps=50" }, 1, 0, "returns at most 50" },
		{ {
			  "stop_return=1",
		  },
			0, 1, "no episode returns less than 1" },
		{ {
			  "stop_return=-7",
		  },
			0, 1, "stop_return = -7 is met by any evaluation" },
		{ { "stop_return=1.01" }, 0, 0, "" },
		{ { "buffer_size=50001" }, 0, 0, "" }, /* takes no more room than the run */
		{ { "n_steps=3", "buffer_size=2", "batch_size=1" }, 1, 0, "n_steps" },
		{ { "n_steps=2", "buffer_size=2", "batch_size=1", "learning_starts=2" }, 0, 0, "" },
		{ { "n_steps_final=3", "buffer_size=2", "batch_size=1" }, 1, 0, "n_steps_final" },
		{ { "n_steps_final=2", "buffer_size=2", "batch_size=1", "learning_starts=2" }, 0, 0, "" },
		{ { "n_steps_final=3", "exploration_fraction=1" }, 0, 0, "" },
		{ { "exploration_fraction=1" }, 0, 0, "" },
		{ { "target_update_interval=50001" }, 0, 1, "target_update_interval" },
		{ { "target_update_interval=50000" }, 0, 1, "stays near its start" },
		{ { "target_update_interval=49999" }, 0, 0, "" },
		{ { "target_update_interval=800", "learning_starts=900", "total_timesteps=1600", "eval_freq=0" }, 0, 1,
			"stays near its start" }, /* 800 is before, 1600 after all updates */
		{ { "tau=0.005" }, 0, 1, "tau = 0.005" },
		{ { "tau=0.005", "target_update_interval=1" }, 0, 0, "" },
		{ { "tau=0.005", "target_update_interval=2" }, 0, 1,
			"tau = 0.005 moves the target network only every "
			"target_update_interval = 2 steps" },
		{ { "tau=0.005", "target_update_interval=4", "train_freq=4" }, 0, 0, "" },
		{ { "tau=0.005", "target_update_interval=8", "train_freq=4" }, 0, 1, "tau" },
		{ { "tau=1e-6", "target_update_interval=1" }, 0, 1, "stays near its start" },
		{ { "tau=1", "target_update_interval=2" }, 0, 0, "" },
		{ { "learning_rate=1e-20" }, 0, 1, "no weight moves by more than" },
		{ { "learning_rate=1e-7" }, 0, 0, "" },
		{ { "ema_decay=0.99999" }, 0, 1, "ema_decay" },
		{ { "ema_decay=0.99995" }, 0, 0, "" }, /* 49 000 updates */
		{ { "ema_decay=0.99995", "train_freq=4" }, 0, 1, "12250 updates" },
		{ { "ema_decay=0.99995", "train_freq=4", "gradient_steps=-1" }, 0, 0, "" },
		{ { "learning_starts=10001", "buffer_size=10000" }, 0, 1, "learning_starts" },
		{ { "learning_starts=10000", "buffer_size=10000" }, 0, 0, "" },
		{ { "learning_starts=62" }, 0, 1, "batch_size = 64" },
		{ { "learning_starts=63" }, 0, 0, "" },
		{ { "learning_starts=0", "train_freq=64" }, 0, 0, "" },
		{ { "eval_freq=50001" }, 0, 1, "eval_freq" },
		{ { "eval_freq=50000" }, 0, 0, "" },
		{ { "train_freq=50001" }, 0, 1, "train_freq" },
		{ { "train_freq=50000", "target_update_interval=1" }, 0, 0, "" },
		{ { "train_freq=30000", "learning_starts=30000" }, 0, 1, "nothing is learned" },
		{ { "gradient_steps=0" }, 0, 1, "gradient_steps" },
		{ { "gradient_steps=-1" }, 0, 0, "" },
		{ { "id=process" }, 1, 0,
			"id = process needs the command that starts the environment, as command = "
			"./mine.py --wind 3" },
		{ { "id=process", "command=./mine" }, 0, 0, "" },
		{ { DECLARE("limit=5"), "id=CartPole-v1" }, 1, 0, "declaration is for id = process" },
		/* What depends on the environment waits for the declaration. */
		{ { "id=process", "command=./mine", "obs_scale=1,2", "stop_return=1e9", "clip_targets=true" }, 0, 0,
			"" },
		{ { "id=process", "command=./mine", "batch_size=65", "buffer_size=64" }, 1, 0, "batch_size" },
		{ { "id=process", "command=./mine", "tau=0.5" }, 0, 1, "tau" },
		{ { MINE, DECLARE("limit=5"), "obs_scale=1,2" }, 1, 0,
			"obs_scale has 2 factors; mine has 3 observations" },
		{ { MINE, DECLARE("limit=5"), "obs_scale=1,2,3" }, 0, 0, "" },
		{ { MINE, DECLARE("limit=5"), "obs_scale=3" }, 0, 0, "" },
		{ { MINE, DECLARE("limit=5"), "obs_scale=bounds" }, 1, 0,
			"obs_scale = bounds needs typical sizes of the observations; mine declares "
			"no 'high=...'" },
		{ { MINE, DECLARE("limit=5 high=1e-6"), "obs_scale=bounds" }, 0, 0, "" },
		{ { MINE, DECLARE("limit=5"), "mirror_obs=-1,1" }, 1, 0,
			"mirror_obs has 2 signs; mine has 3 observations" },
		{ { MINE, DECLARE("limit=5"), "mirror_obs=-1,1,1" }, 0, 0, "" },
		{ { MINE, DECLARE("limit=5"), "stop_return=11" }, 1, 0,
			"of up to 5 steps an episode "
			"returns at most 10" },
		{ { MINE, DECLARE("limit=5"), "stop_return=10" }, 0, 0, "" },
		{ { MINE, DECLARE("limit=5"), "stop_return=-5" }, 0, 1, "no episode returns less than -5" },
		{ { MINE, DECLARE("limit=5"), "clip_targets=true" }, 0, 0, "" },
		{ { MINE, DECLARE("limit=0") }, 0, 1,
			"no time limit: an evaluation may never end; see eval_max_episode_steps" },
		{ { MINE, DECLARE("limit=0"), "max_episode_steps=9" }, 0, 1, "no time limit" },
		{ { MINE, DECLARE("limit=0"), "eval_max_episode_steps=9" }, 0, 0, "" },
		{ { MINE, DECLARE("limit=0"), "stop_return=1e300" }, 0, 1, "no time limit" },
		{ { MINE, "declaration=env mine 1 obs=3 actions=2 reward=-2..-1", "stop_return=-0.5" }, 1, 0,
			"stop_return = -0.5 can never be met: an episode returns at most -1" },
		{ { MINE, "declaration=env mine 1 obs=3 actions=2 limit=9 reward=-inf..inf", "clip_targets=true" }, 1,
			0,
			"clip_targets needs a finite range of rewards; 'reward=-inf..inf' was "
			"declared" },
		{ { MINE, "declaration=env mine 1 obs=3 actions=2 limit=9 reward=0..inf", "clip_targets=true" }, 1, 0,
			"'reward=0..inf' was declared" },
		{ { MINE, "declaration=env mine 1 obs=3 actions=2 limit=9 reward=-inf..inf", "stop_return=1e300" }, 0,
			0, "" },
		/* All errors at once; no warnings beside them. */
		{ { "learning_starts=1e6", "batch_size=65", "buffer_size=64", "gradient_steps=0" }, 2, 0,
			"batch_size" },
		{ { "tau=1e-6", "eval_freq=1e6", "learning_starts=1" }, 0, 3, "eval_freq" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_keys(cases[i].keys, cases[i].n_errors, cases[i].n_warnings, cases[i].piece);
}

/* pm_log takes normal numbers only: the quotient of the ends must be one. */
static void test_exponential_exploration_with_a_denormal_quotient_is_refused(void)
{
	static const char *const keys[] = { "exploration_schedule=exponential", "exploration_final_eps=1.2e-38", NULL };
	check_keys(keys, 1, 0, "exploration_final_eps");
	CHECK(!accepts("exploration_final_eps", "1e-320"));
	CHECK(!accepts("exploration_final_eps", "5e-324"));
}

static void test_memory_of_the_machine(void)
{
	struct config c;
	config_init(&c);
	const uint64_t need = config_memory(&c);
	CHECK(need > 50000 * 42 && need < 10 << 20);
	report_init(&report);
	config_check(&c, need, &report);
	CHECK_INT(report.n_errors, 0);
	config_check(&c, need - 1, &report);
	CHECK_INT(report.n_errors, 1);
	CHECK(strstr(report.buf, "buffer_size = 50000") != NULL);
	report_init(&report);
	config_check(&c, 0, &report);
	CHECK_INT(report.n_errors, 0);
}

static uint64_t memory_with(const char *a, const char *b)
{
	const char *const keys[] = { a, b, NULL };
	struct config c;
	report_init(&report);
	config_init(&c);
	overridden(&c, keys);
	CHECK_INT(report.n_errors, 0);
	return config_memory(&c);
}

static void test_memory_grows_with_what_takes_it(void)
{
	const uint64_t base = memory_with("seed=1", NULL);
	/* 2 * 4 observations, reward, action, two flags */
	CHECK_INT(base - memory_with("buffer_size=49999", NULL), 2 * 4 * 4 + 4 + 4 + 2);
	CHECK_INT(memory_with("buffer_size=60000", NULL), base); /* no more than steps */
	CHECK_INT(memory_with("total_timesteps=60000", NULL), base);
	CHECK(memory_with("buffer_size=60000", "total_timesteps=60000") == base + 10000 * 42);
	CHECK(memory_with("net_arch=65,64", NULL) > base);
	CHECK(memory_with("net_arch=none", NULL) < base);
	CHECK(memory_with("ema_decay=0.9", NULL) >= base + 4 * (4 * 64 + 64 * 64 + 64 + 64 + 2 * 65));
	CHECK(memory_with("buffer_size=2147483648", "total_timesteps=9007199254740992") > (uint64_t)90000000000);
	/* Per row of a minibatch: the transition itself and what an update computes. */
	const uint64_t rows = memory_with("batch_size=80", NULL) - base; /* 16: whole cache lines */
	CHECK_INT(memory_with("batch_size=272", NULL) - base, 13 * rows);
	const uint64_t learn = (64 + 64 + 2 + 2 * 64 + 2 + 1 + 1 + 1) * 4; /* agent's scratch */
	const uint64_t transition = (4 + 4 + 1 + 1 + 1 + 1 + 1) * 4 + 1;   /* struct batch */
	CHECK_INT(rows, 16 * (learn + transition));
}

/* --- what it means --- */

static void test_diff_names_the_keys(void)
{
	struct config a, b;
	char buf[500];
	struct text t;
	config_init(&a);
	config_init(&b);
	t = text_into(buf, sizeof(buf));
	CHECK_INT(config_diff(&a, &b, &t), 0);
	CHECK_STR(buf, "");
	b.seed = 2;
	CHECK_INT(config_diff(&a, &b, &t), 1);
	CHECK_STR(buf, "seed: 1, not 2");
	t = text_into(buf, sizeof(buf));
	static const char *const keys[] = { "net_arch=none", "stop_return=3", "double_q=true", "obs_scale=1,2",
		"loss=mse", NULL };
	report_init(&report);
	overridden(&b, keys);
	CHECK_INT(config_diff(&a, &b, &t), 6);
	CHECK_STR(buf, "seed: 1, not 2; obs_scale: none, not 1,2; net_arch: 64,64, not none; "
		       "double_q: false, not true; loss: huber, not mse; stop_return: none, not 3");
	strcpy(a.command, "./mine --with a --long=list --of=words");
	config_set_value(&b, config_find("command"), "./mine --with a --long=list --off");
	const struct config before = b;
	b = a;
	memcpy(b.command, before.command, sizeof(b.command));
	t = text_into(buf, sizeof(buf));
	CHECK_INT(config_diff(&a, &b, &t), 1);
	CHECK_STR(buf, "command: ...h a --long=list --of=words, not ...h a --long=list --off");
	memset(a.command, 0, sizeof(a.command));
	t = text_into(buf, sizeof(buf));
	CHECK_INT(config_diff(&b, &a, &t), 1);
	CHECK_STR(buf, "command: ./mine --with a --long=list --off, not \"\"");
	/* Each key alone makes a difference, unless it decides nothing. */
	struct rng rng;
	rng_init(&rng, 3);
	int n_neutral = 0;
	for (const struct option *o = config_options; o->key; o++) {
		b = a;
		while (same_field(&a, &b, o))
			set_random(&b, o, &rng);
		t = text_into(buf, sizeof(buf));
		CHECK_INT(config_diff(&a, &b, &t), o->neutral ? 0 : 1);
		CHECK(o->neutral || strncmp(buf, o->key, strlen(o->key)) == 0);
		n_neutral += o->neutral;
	}
	CHECK_INT(n_neutral, 4);
	CHECK(config_find("checkpoint_interval")->neutral);
	CHECK(config_find("env_start_timeout")->neutral);
	CHECK(config_find("env_timeout")->neutral);
	CHECK(config_find("env_deterministic")->neutral);
}

static void test_what_it_means_for_the_other_modules(void)
{
	static const char *const keys[] = { "id=CartPole-v0", "net_arch=5,7", "activation=tanh", "double_q=true",
		"loss=mse", "max_grad_norm=3", "adam_beta1=0.1", "adam_beta2=0.2", "adam_eps=0.3", "total_timesteps=30",
		"buffer_size=20", NULL };
	struct config c;
	struct net net;
	struct err e;
	float scale[5] = { 0, 0, 0, 0, -1 };
	report_init(&report);
	config_init(&c);
	overridden(&c, keys);
	CHECK_STR(config_env(&c)->id, "CartPole-v0");
	CHECK(config_net(&c, &net, &e));
	CHECK_INT(net.n_layers, 3);
	CHECK_INT(net.dim[0], 4);
	CHECK_INT(net.dim[1], 5);
	CHECK_INT(net.dim[2], 7);
	CHECK_INT(net.dim[3], 2);
	CHECK_INT(net.activation, ACTIVATION_TANH);
	const struct agent_opts opts = config_agent_opts(&c);
	CHECK(opts.double_q && opts.loss == LOSS_MSE && opts.max_grad_norm == 3 && opts.adam_beta1 == 0.1 &&
		opts.adam_beta2 == 0.2 && opts.adam_eps == 0.3);
	CHECK(!opts.clip_targets && opts.ema_decay == 0);
	c.clip_targets = true;
	c.gamma = 0.75;
	c.reward_scale = 0.5;
	c.ema_decay = 0.9;
	const struct agent_opts more = config_agent_opts(&c);
	CHECK(more.clip_targets && more.target_low == 0 && more.target_high == 2 && more.ema_decay == 0.9);
	CHECK_INT(config_replay_slots(&c), 20);
	c.total_timesteps = 19;
	CHECK_INT(config_replay_slots(&c), 19);
	CHECK_INT(config_eval_limit(&c), 200);
	CHECK_NEAR(config_threshold(&c), 195, 0);
	c.max_episode_steps = 1000; /* of training only */
	CHECK_INT(config_eval_limit(&c), 200);
	CHECK_NEAR(config_threshold(&c), 195, 0);
	c.eval_max_episode_steps = 200;
	CHECK_NEAR(config_threshold(&c), 195, 0);
	c.eval_max_episode_steps = 500;
	CHECK_INT(config_eval_limit(&c), 500);
	CHECK(isnan(config_threshold(&c)));
	c.env = 0; /* CartPole-v1 */
	CHECK_NEAR(config_threshold(&c), 475, 0);
	c.eval_max_episode_steps = 499;
	CHECK(isnan(config_threshold(&c)));

	config_obs_scale(&c, scale);
	for (int i = 0; i < 4; i++)
		CHECK_NEAR(scale[i], 1, 0);
	c.obs_scale = (struct factors){ .kind = FACTORS_LIST, .n = 4, .value = { 2, 3, -4, 0.1 } };
	config_obs_scale(&c, scale);
	CHECK(scale[0] == 2 && scale[1] == 3 && scale[2] == -4 && scale[3] == 0.1f && scale[4] == -1);
	c.obs_scale.n = 1;
	config_obs_scale(&c, scale);
	for (int i = 0; i < 4; i++)
		CHECK_NEAR(scale[i], 2, 0);
	c.obs_scale = (struct factors){ .kind = FACTORS_BOUNDS };
	config_obs_scale(&c, scale);
	CHECK_NEAR(scale[0] * 2.4, 1, 1e-7);
	CHECK_NEAR(scale[1] * 3, 1, 1e-7);
	CHECK_NEAR(scale[2] * 0.20943951, 1, 1e-7);
	CHECK_NEAR(scale[3] * 3, 1, 1e-7);
	CHECK_NEAR(scale[4], -1, 0); /* as it was: there are 4 observations */
}

static struct config declared(const char *more)
{
	char key[400], *keys[] = { (char[]){ "id=process" }, (char[]){ "command=./mine" }, key };
	struct config c;
	snprintf(key, sizeof(key), "declaration=env mine 1 obs=3 actions=2 %s", more);
	report_init(&report);
	config_init(&c);
	config_override(&c, 3, keys, &report);
	CHECK_INT(report.n_errors, 0);
	return c;
}

static void test_what_a_child_process_declares(void)
{
	double low, high;
	float scale[4] = { 0, 0, 0, -1 };
	struct config c;
	config_init(&c);
	CHECK(!config_is_process(&c));
	CHECK(config_set_value(&c, config_find("id"), "process"));
	CHECK(config_is_process(&c));
	CHECK_STR(config_env(&c)->id, "process");
	CHECK_INT(config_env(&c)->obs_dim, 0);

	c = declared("reward=-1..2 limit=7 solved=1.5 high=2,4,5");
	const struct config copy = c; /* nothing in it points to itself */
	memset(&c, 0, sizeof(c));
	c = copy;
	CHECK(config_is_process(&c));
	CHECK_STR(config_env(&c)->id, "mine");
	CHECK(config_env(&c) == &c.process);
	CHECK_INT(config_env(&c)->obs_dim, 3);
	CHECK_INT(config_eval_limit(&c), 7);
	CHECK_INT(config_train_limit(&c), 7);
	CHECK_NEAR(config_threshold(&c), 1.5, 0);
	config_return_range(&c, &low, &high);
	CHECK(low == -7 && high == 14);
	config_q_range(&c, &low, &high);
	CHECK_NEAR(low, -100, 1e-12);
	CHECK_NEAR(high, 200, 1e-12);
	c.gamma = 1;
	config_q_range(&c, &low, &high);
	CHECK(low == -7 && high == 14);
	c.obs_scale.kind = FACTORS_BOUNDS;
	config_obs_scale(&c, scale);
	CHECK(scale[0] == 0.5f && scale[1] == 0.25f && scale[2] == 0.2f && scale[3] == -1);
	CHECK(config_memory(&c) > 0 && config_memory(&c) < 1 << 30);

	c = declared("reward=-inf..0 high=2");
	CHECK_INT(config_eval_limit(&c), INT64_MAX);
	CHECK(isnan(config_threshold(&c)));
	for (int i = 0; i < 2; i++) {
		config_q_range(&c, &low, &high);
		CHECK(low == -INFINITY && high == 0);
		config_return_range(&c, &low, &high);
		CHECK(low == -INFINITY && high == 0);
		c.gamma = 1;
	}
	c.obs_scale.kind = FACTORS_BOUNDS;
	config_obs_scale(&c, scale);
	CHECK(scale[0] == 0.5f && scale[2] == 0.5f && scale[3] == -1);

	c = declared("reward=0..0");
	c.gamma = 1;
	config_q_range(&c, &low, &high);
	CHECK(low == 0 && high == 0);
	config_return_range(&c, &low, &high);
	CHECK(low == 0 && high == 0);
	c = declared("reward=-1..1");
	c.gamma = 1;
	config_q_range(&c, &low, &high);
	CHECK(low == -INFINITY && high == INFINITY);
	config_return_range(&c, &low, &high);
	CHECK(low == -INFINITY && high == INFINITY);
}

/* More components than a declaration can have sizes. */
static void test_one_size_of_many_components(void)
{
	enum { N = 65536 };
	struct config c = declared("reward=0..1");
	float *scale = malloc(N * sizeof(*scale));
	if (!scale)
		return;
	CHECK(config_set_value(
		&c, config_find("declaration"), "env large 1 obs=65536 actions=65536 reward=0..1 high=4"));
	c.obs_scale.kind = FACTORS_BOUNDS;
	config_obs_scale(&c, scale);
	CHECK(scale[0] == 0.25f && scale[N - 1] == 0.25f);
	c.obs_scale = (struct factors){ .kind = FACTORS_LIST, .n = 1, .value = { 3 } };
	config_obs_scale(&c, scale);
	CHECK(scale[0] == 3 && scale[N - 1] == 3);
	free(scale);
}

static void test_a_wrong_declaration_is_refused(void)
{
	parsed_text("[env]\nid = process\ndeclaration = env mine 1 obs=x actions=2 reward=0..1\n");
	CHECK_INT(report.n_errors, 1);
	CHECK(reports("f.ini:3: declaration = 'env mine 1 obs=x actions=2 reward=0..1' is not valid: ",
		"'obs=x' is not a whole number from 1 to 65536"));
	struct config c = declared("reward=0..1");
	CHECK(!config_set_value(&c, config_find("declaration"), "env"));
	CHECK_STR(c.declaration, "env mine 1 obs=3 actions=2 reward=0..1");
	CHECK_INT(config_env(&c)->obs_dim, 3);
	CHECK(config_set_value(&c, config_find("declaration"), ""));
	CHECK_INT(config_env(&c)->obs_dim, 0);
}

static void test_the_order_of_environments(void)
{
	struct config a = declared("reward=0..1"), b = declared("reward=0..2"), other;
	config_init(&other);
	CHECK_INT(config_compare_env(&a, &a), 0);
	CHECK(config_compare_env(&a, &b) < 0 && config_compare_env(&b, &a) > 0);
	CHECK(config_compare_env(&other, &a) < 0 && config_compare_env(&a, &other) > 0);
	CHECK_INT(config_compare_env(&other, &other), 0);
}

static void test_ids_that_are_commands(void)
{
	static const char hint[] = "; another environment is id = process with its command, as command = "
				   "./mine.py\n";
	static const char *const ids[] = { "./mine", "mine.py", "python3 -m mine", "env/mine.sh", "ALE/Pong-v5",
		"Humanoid-v5", "./CartPole-v1" };
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		parsed_value(config_find("id"), ids[i]);
		CHECK_INT(report.n_errors, 1);
		CHECK(reports("f.ini:2: id = ", "is not valid (one of CartPole-v1, "));
		CHECK(strstr(report.buf, hint) != NULL);
	}
	parsed_text("[env]\nid = Process\n");
	CHECK(reports("f.ini:2: id = ", "did you mean 'process'?"));
}

int main(void)
{
	RUN(test_keys_are_unique_and_sections_together);
	RUN(test_help_is_whole_sentences);
	RUN(test_ranges_are_ranges);
	RUN(test_defaults_read_and_print_back);
	RUN(test_synonyms_are_unique_and_lead_to_their_key);
	RUN(test_suggestions);
	RUN(test_keys_without_counterpart_get_an_answer);
	RUN(test_what_is_printed_reads_back);
	RUN(test_prints_every_key_once_in_order);
	RUN(test_whole_numbers_at_both_ends);
	RUN(test_reals_at_both_ends);
	RUN(test_reals_that_are_lost_as_floats_are_refused);
	RUN(test_seeds_have_64_bits);
	RUN(test_booleans_and_names);
	RUN(test_widths);
	RUN(test_obs_scales);
	RUN(test_signs);
	RUN(test_strings);
	RUN(test_strings_of_arguments_are_literal);
	RUN(test_strings_stand_for_one_value);
	RUN(test_values_in_quotes_are_strings_alone);
	RUN(test_the_largest_configuration_has_room);
	RUN(test_a_label_has_both_ends_of_a_value);
	RUN(test_long_list_elements_are_read_to_their_end);
	RUN(test_all_errors_of_a_file_are_reported_at_once);
	RUN(test_files_as_editors_write_them);
	RUN(test_bytes_that_do_not_belong_in_a_file);
	RUN(test_junk_behind_a_value);
	RUN(test_a_report_has_the_first_of_many_errors);
	RUN(test_many_unknown_keys_take_no_time);
	RUN(test_overrides);
	RUN(test_wrong_overrides);
	RUN(test_very_long_overrides);
	RUN(test_checks_between_keys);
	RUN(test_exponential_exploration_with_a_denormal_quotient_is_refused);
	RUN(test_memory_of_the_machine);
	RUN(test_memory_grows_with_what_takes_it);
	RUN(test_diff_names_the_keys);
	RUN(test_what_it_means_for_the_other_modules);
	RUN(test_what_a_child_process_declares);
	RUN(test_one_size_of_many_components);
	RUN(test_a_wrong_declaration_is_refused);
	RUN(test_the_order_of_environments);
	RUN(test_ids_that_are_commands);
	return test_end();
}
