/* Spaces: their grammar, the grid, draws that differ; Sobol's points against SciPy's. */
#include "base/sobol.h"
#include "study/space.h"

#include "test.h"

#include <stdlib.h>

static struct report report;
static struct choices choices;
static struct space space;

/* The space of one section's lines, and what the report says of them. */
static const char *read_space(const char *lines)
{
	struct config base;
	report_init(&report);
	choices.n = 0;
	report.choices = &choices;
	config_init(&base);
	config_parse(&base, "s.ini", lines, strlen(lines), &report);
	space_init(&space, &base, &choices, &report);
	return report.buf;
}

/* Every value of key over the grid, "a b c ". */
static const char *grid_values(const char *key)
{
	static char buf[4096];
	struct text t;
	t = text_into(buf, sizeof(buf));
	for (uint64_t i = 0; i < space.n_points; i++) {
		struct config c;
		space_grid(&space, i, &c);
		config_print_value(&c, config_find(key), &t);
		text_add(&t, " ");
	}
	return buf;
}

static void test_lists_and_ranges(void)
{
	CHECK_STR(read_space("[agent]\nn_steps = 1 | 3|5\n"), "");
	CHECK_STR(grid_values("n_steps"), "1 3 5 ");
	CHECK_STR(read_space("[agent]\nn_steps = 9 | 2..4 | 7..7\n"), "");
	CHECK_STR(grid_values("n_steps"), "9 2 3 4 7 ");
	CHECK_STR(read_space("[agent]\ngradient_steps = -1 .. 2\n"), "");
	CHECK_STR(grid_values("gradient_steps"), "-1 0 1 2 ");
	CHECK_STR(read_space("[agent]\ngamma = 0.990 | 0.5\ndouble_q = true|false\n"), "");
	CHECK_STR(grid_values("gamma"), "0.99 0.99 0.5 0.5 ");
	CHECK_STR(grid_values("double_q"), "true false true false ");
	CHECK_STR(read_space("[network]\nnet_arch = 64, 64 | none\n[env]\nobs_scale = bounds | 1,2,3,4\n"), "");
	CHECK_STR(grid_values("net_arch"), "64,64 none 64,64 none ");
	CHECK_STR(grid_values("obs_scale"), "bounds bounds 1,2,3,4 1,2,3,4 ");
	CHECK_STR(read_space("[stop]\nstop_return = none | 400\n"), "");
	CHECK_STR(grid_values("stop_return"), "none 400 ");
	CHECK_STR(read_space("[run]\nseed = 7\n"), "");
	CHECK_STR(grid_values("seed"), "7 ");
}

static void test_seed_varies_slowest(void)
{
	CHECK_STR(read_space("[agent]\nn_steps = 1 | 3\n[run]\nseed = 4..6\n"), "");
	CHECK_STR(grid_values("seed"), "4 4 5 5 6 6 ");
	CHECK_STR(grid_values("n_steps"), "1 3 1 3 1 3 ");
}

static void test_large_grids(void)
{
	struct config c;
	CHECK_STR(read_space("[run]\nseed = 0..18446744073709551614\n"), "");
	CHECK(space.n_points == UINT64_MAX && !space.too_many);
	space_grid(&space, 12345678901234567890u, &c);
	CHECK(c.seed == 12345678901234567890u);
	CHECK_STR(read_space("[run]\nseed = 0..18446744073709551614\n[agent]\nn_steps = 1 | 2\n"), "");
	CHECK(space.too_many);
	CHECK_STR(read_space("[run]\nseed = 1..1000000000\ntotal_timesteps = 1001..1000001000\n"), "");
	CHECK(space.n_points == 1000000000000000000u && !space.too_many);
	space_grid(&space, 999999999999999999u, &c);
	CHECK_INT(c.seed, 1000000000);
	CHECK_INT(c.total_timesteps, 1000001000);
}

static void test_errors_name_line_and_value(void)
{
	static const char *const cases[][2] = {
		{ "n_steps = 1 | x", "s.ini:2: n_steps = 'x' is not valid (whole number, 1 to 64)\n" },
		{ "n_steps = 1..65", "s.ini:2: n_steps = '65' is not valid (whole number, 1 to 64)\n" },
		{ "n_steps = 5..1", "s.ini:2: n_steps = '5..1' runs backwards\n" },
		{ "n_steps = 1 |", "s.ini:2: n_steps = '' is not valid (whole number, 1 to 64)\n" },
		{ "n_steps = 1 | 2 | 1", "s.ini:2: n_steps = '1 | 2 | 1' has a value twice: in '1' and in '1'\n" },
		{ "n_steps = 1..3 | 3..5",
			"s.ini:2: n_steps = '1..3 | 3..5' has a value twice: in '1..3' and in '3..5'\n" },
		{ "gamma = 0.9 | 0.90", "s.ini:2: gamma = '0.9 | 0.90' has a value twice: in '0.9' and in '0.90'\n" },
		{ "loss = huber | msee",
			"s.ini:2: loss = 'msee' is not valid (one of huber, mse); did you mean 'mse'?\n" },
		{ "gamma = 0.9..0.99", "s.ini:2: gamma = '0.9..0.99': ranges are of whole numbers; write a | b, "
				       "uniform(a, b) or log(a, b)\n" },
		{ "double_q = uniform(0, 1)", "s.ini:2: double_q = 'uniform(0, 1)': write a list a | b\n" },
		{ "gamma = uniform(0.9, 1.5)", "s.ini:2: gamma = '1.5' is not valid (real in [0, 1])\n" },
		{ "gamma = log(0, 1)", "s.ini:2: gamma = 'log(0, 1)': a logarithm needs ends above 0\n" },
		{ "gamma = log(1, 0.5)", "s.ini:2: gamma = 'log(1, 0.5)': the first must be below the second\n" },
		{ "gamma = log(0.5)", "s.ini:2: gamma = 'log(0.5)' is not log(a, b)\n" },
		{ "gamma = log(0.5, 1) x", "s.ini:2: gamma = 'log(0.5, 1) x' is not log(a, b)\n" },
		{ "gamma = lgo(0.5, 1)", "s.ini:2: gamma = 'lgo(0.5, 1)' is not valid (real in [0, 1]); did you "
					 "mean 'log(0.5, 1)', several values for 'dqn sweep'?\n" },
		{ "gamma = zipf(0.5, 1)", "s.ini:2: gamma = 'zipf(0.5, 1)' is not valid (real in [0, 1]); for 'dqn "
					  "sweep', a | b, a..b, uniform(a, b), log(a, b)\n" },
		{ "gamma = 0.5 | log(0.5, 1)",
			"s.ini:2: gamma = '0.5 | log(0.5, 1)' is neither a | b, a..b, uniform(a, b) "
			"nor log(a, b)\n" },
		{ "n_steps = {1..5}", "s.ini:2: n_steps = '{1..5}' is not valid (whole number, 1 to 64); did you "
				      "mean '1..5', several values for 'dqn sweep'?\n" },
		{ "gama = 1 | 2", "s.ini:2: unknown key 'gama'; did you mean 'gamma'?\n" },
		{ "tau = 2\ngamma = 1 | 2\nn_steps = 0 | 1",
			"s.ini:2: tau = '2' is not valid (real in (0, 1])\n"
			"s.ini:3: gamma = '2' is not valid (real in [0, 1])\n"
			"s.ini:4: n_steps = '0' is not valid (whole number, 1 to 64)\n" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char lines[256];
		snprintf(lines, sizeof(lines), "[agent]\n%s\n", cases[i][0]);
		CHECK_STR(read_space(lines), cases[i][1]);
	}
	CHECK_STR(read_space("[run]\nseed = 0..18446744073709551615\n"),
		"s.ini:2: seed = '0..18446744073709551615' is too many values\n");
	CHECK_STR(read_space("[stop]\nstop_return = uniform(1, none)\n"),
		"s.ini:2: stop_return = 'none' is not valid (real, or none)\n");
}

static void test_an_override_takes_its_place(void)
{
	struct config base;
	char a[] = "n_steps=3", b[] = "seed=1..4", c[] = "gamma=0.5 | 0.6";
	char *const args[] = { a, b, c };
	const char *lines = "[agent]\nn_steps = 1 | 5\ngamma = 0.9 | 0.99\n[run]\nseed = 8\n";
	report_init(&report);
	choices.n = 0;
	report.choices = &choices;
	config_init(&base);
	config_parse(&base, "s.ini", lines, strlen(lines), &report);
	config_override(&base, 3, args, &report);
	space_init(&space, &base, &choices, &report);
	CHECK_STR(report.buf, "");
	CHECK_INT(space.n_points, 8);
	CHECK_STR(grid_values("n_steps"), "3 3 3 3 3 3 3 3 ");
	CHECK_STR(grid_values("seed"), "1 1 2 2 3 3 4 4 ");
	CHECK_STR(grid_values("gamma"), "0.5 0.6 0.5 0.6 0.5 0.6 0.5 0.6 ");
}

static void test_a_choice_that_is_left_is_an_error(void)
{
	struct config c;
	read_space("[agent]\nn_steps = 1 | 5\n");
	config_init(&c);
	config_check(&c, 0, &report);
	CHECK_INT(report.n_errors, 1);
	CHECK_STR(report.buf, "s.ini:2: n_steps = '1 | 5' stands for several values: 'dqn sweep' runs them all, "
			      "'n_steps=...' chooses one\n");
	/* Without a place for choices they are wrong values, as in a run's own config.ini. */
	report_init(&report);
	config_init(&c);
	config_parse(&c, "c.ini", "[agent]\nn_steps = 1 | 5\n", 24, &report);
	CHECK_INT(report.n_errors, 1);
}

/* The share of n draws of a key that lie below x; all of them in [low, high]. */
static double share_below(enum space_method method, const char *key, size_t n, double x, double low, double high)
{
	const struct option *o = config_find(key);
	size_t n_below = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct config c;
		space_draw(&space, method, 5, i, 0, &c);
		const void *field = (const char *)&c + o->offset;
		const double value = o->type == OPTION_REAL ? *(const double *)field : (double)*(const int64_t *)field;
		CHECK(value >= low && value <= high);
		n_below += value < x;
	}
	return (double)n_below / (double)n;
}

static void test_intervals(void)
{
	/* 4 standard deviations of a share of 4096 are 0.031; Sobol's points are exact to
	 * one or two cells in 4096. */
	const double tol[] = { [SPACE_RANDOM] = 0.032, [SPACE_SOBOL] = 0.001 };
	for (int m = SPACE_RANDOM; m <= SPACE_SOBOL; m++) {
		const enum space_method method = (enum space_method)m;
		CHECK_STR(read_space("[optimizer]\nlearning_rate = log(1e-4, 1e-2)\n"), "");
		CHECK_NEAR(share_below(method, "learning_rate", 4096, 1e-3, 1e-4, 1e-2), 0.5, tol[m]);
		CHECK_STR(read_space("[agent]\ngamma = uniform(0.9, 1)\n"), "");
		CHECK_NEAR(share_below(method, "gamma", 4096, 0.925, 0.9, 1), 0.25, tol[m]);
		CHECK_STR(read_space("[agent]\nn_steps = uniform(1, 4)\n"), "");
		CHECK_NEAR(share_below(method, "n_steps", 4096, 4, 1, 4), 0.75, tol[m]);
		CHECK_NEAR(share_below(method, "n_steps", 4096, 2, 1, 4), 0.25, tol[m]);
		CHECK_STR(read_space("[agent]\nbatch_size = log(1, 3)\n"), "");
		/* log(1.5 / 0.5) / log(3.5 / 0.5) */
		CHECK_NEAR(share_below(method, "batch_size", 4096, 2, 1, 3), 0.564575, tol[m]);
	}
}

static void test_samples_differ(void)
{
	struct err e;
	for (int m = SPACE_RANDOM; m <= SPACE_SOBOL; m++) {
		CHECK_STR(read_space("[agent]\nn_steps = 1..8\ntrain_freq = 1..8\n"), "");
		uint32_t *list = space_sample(&space, (enum space_method)m, 1, 64, &e);
		bool seen[65][9] = { { false } };
		CHECK(list != NULL);
		for (int i = 0; list && i < 64; i++) {
			struct config c;
			space_draw(&space, (enum space_method)m, 1, list[i], 0, &c);
			CHECK(!seen[c.n_steps][c.train_freq]);
			seen[c.n_steps][c.train_freq] = true;
		}
		free(list);
		CHECK(!space_sample(&space, (enum space_method)m, 1, 65, &e));
		CHECK_STR(e.msg, "the space has only 64 settings, not 65");
		/* Two digits apart in the sixth place are all there is. */
		CHECK_STR(read_space("[agent]\ngamma = uniform(0.99, 0.990002)\n"), "");
		CHECK(!space_sample(&space, (enum space_method)m, 1, 9, &e));
		CHECK_INT(e.kind, ERR_USAGE);
	}
}

static void test_every_setting_has_every_seed(void)
{
	static struct config with, without;
	struct err e;
	for (int m = SPACE_RANDOM; m <= SPACE_SOBOL; m++) {
		const enum space_method method = (enum space_method)m;
		CHECK_STR(read_space("[agent]\ngamma = uniform(0, 1)\nn_steps = 1..9\n"), "");
		CHECK_INT(space.n_seeds, 1);
		space_draw(&space, method, 3, 11, 0, &without);
		CHECK_STR(read_space("[run]\nseed = 7 | 1..3\n[agent]\ngamma = uniform(0, 1)\n"
				     "n_steps = 1..9\n"),
			"");
		CHECK_INT(space.n_seeds, 4);
		const uint64_t seeds[] = { 7, 1, 2, 3 };
		for (uint64_t k = 0; k < space.n_seeds; k++) {
			space_draw(&space, method, 3, 11, k, &with);
			CHECK(with.gamma == without.gamma);
			CHECK_INT(with.n_steps, without.n_steps);
			CHECK_INT(with.seed, seeds[k]);
		}
		space_draw(&space, method, 4, 11, 0, &with);
		CHECK(with.gamma != without.gamma);
	}
	/* Two settings that differ are all there is, however many seeds they have. */
	CHECK_STR(read_space("[run]\nseed = 0..18446744073709551613\n[agent]\nn_steps = 1 | 3\n"), "");
	CHECK(space.too_many);
	CHECK_INT(space.n_settings, 2);
	uint32_t *list = space_sample(&space, SPACE_RANDOM, 1, 2, &e);
	CHECK(list != NULL);
	CHECK(!space_sample(&space, SPACE_RANDOM, 1, 3, &e));
	CHECK_STR(e.msg, "the space has only 2 settings, not 3");
	if (list)
		space_draw(&space, SPACE_RANDOM, 1, list[1], space.n_seeds - 1, &with);
	CHECK(with.seed == 18446744073709551613u);
	free(list);
}

static void test_sobol_is_scipys(void)
{
	FILE *f = fopen("tests/golden/sobol.txt", "r");
	char line[1024];
	int n_points = 0;
	CHECK(f != NULL);
	while (f && fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		char *at = line;
		const uint32_t i = (uint32_t)strtoul(at, &at, 10);
		for (int dim = 0; dim < SOBOL_MAX_DIMS; dim++)
			CHECK_INT(sobol(dim, i), strtoul(at, &at, 10));
		n_points++;
	}
	CHECK_INT(n_points, 57);
	if (f)
		fclose(f);
}

int main(void)
{
	RUN(test_lists_and_ranges);
	RUN(test_seed_varies_slowest);
	RUN(test_large_grids);
	RUN(test_errors_name_line_and_value);
	RUN(test_an_override_takes_its_place);
	RUN(test_a_choice_that_is_left_is_an_error);
	RUN(test_intervals);
	RUN(test_samples_differ);
	RUN(test_every_setting_has_every_seed);
	RUN(test_sobol_is_scipys);
	return test_end();
}
