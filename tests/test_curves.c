/* Groups of run directories and their curves, with numbers by hand. */
#include "base/file.h"
#include "run/curves.h"

#include "test.h"

#include <stdlib.h>
#include <unistd.h>

static struct records records;
static struct groups groups;
static struct err e;

static void write_text(const char *dir, const char *name, const char *text)
{
	char path[256];
	CHECK(file_join(path, sizeof(path), dir, name, &e));
	CHECK(file_write_atomic(path, text, strlen(text), &e));
}

/* A run of that seed and n_steps with these logs; done if it has a result. */
static void make_run(const char *dir, int seed, int n_steps, bool is_done, const char *evals)
{
	char text[1024];
	CHECK(file_make_dirs(dir, &e));
	snprintf(text, sizeof(text), "[run]\nseed = %d\n[agent]\nn_steps = %d\n", seed, n_steps);
	write_text(dir, "config.ini", text);
	snprintf(text, sizeof(text), "timesteps,n_updates,return_mean\n%s", evals);
	write_text(dir, "eval.csv", text);
	write_text(dir, "timing.csv", "timesteps,wall_s\n100,2\n300,4\n");
	if (!is_done)
		return;
	struct result res = { .seed = (uint64_t)seed, .env_id = "CartPole-v1" };
	struct text t;
	text_init(&t, text, sizeof(text));
	result_print(&res, &t);
	write_text(dir, "result.json", text);
}

static void load(const char *dir, const char *by)
{
	records_init(&records);
	CHECK(records_find(&records, dir, &e));
	records_sort(&records);
	CHECK(groups_init(&groups, &records, by, &e));
}

static void unload(void)
{
	groups_release(&groups);
	records_release(&records);
}

static void test_groups(void)
{
	char label[256];
	struct text t;
	make_run("g/a", 1, 3, true, "");
	make_run("g/b", 2, 3, true, "");
	make_run("g/c", 1, 1, false, "");
	make_run("g/copy", 2, 3, false, "");
	load("g", NULL);
	CHECK_INT(records.n, 4);
	CHECK_INT(groups.n_groups, 2);
	CHECK_INT(groups.n_copies, 1);
	CHECK_INT(groups.group[0].n, 1);
	CHECK_INT(groups.group[1].n, 2);
	CHECK_STR(groups.member[0]->dir, "g/c");
	CHECK_INT(groups.member[0]->state, RECORD_UNFINISHED);
	CHECK_STR(groups.member[1]->dir, "g/a");
	CHECK_STR(groups.member[2]->dir, "g/b"); /* the done one of two */
	CHECK_INT(groups.member[2]->state, RECORD_DONE);
	text_init(&t, label, sizeof(label));
	groups_label(&groups, 1, &t);
	CHECK_STR(label, "n_steps=3");
	unload();
	load("g", "gamma");
	CHECK_INT(groups.n_groups, 1);
	CHECK(groups.stratum[0] != groups.stratum[1]);
	CHECK_INT(groups.stratum[1], groups.stratum[2]);
	unload();
}

static void test_curve_of_equal_rows(void)
{
	struct curve c;
	make_run("e/a", 1, 3, true, "100,10,1\n200,20,2\n300,30,6\n");
	make_run("e/b", 2, 3, true, "100,10,3\n200,20,4\n300,30,8\n");
	load("e", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "return_mean", &e));
	CHECK_INT(c.n, 3);
	for (size_t i = 0; i < 3; i++) {
		const double want[] = { 2, 3, 7 };
		CHECK_NEAR(c.x[i], 100 * (double)(i + 1), 0);
		CHECK_NEAR(c.y[i], want[i], 0);
		/* A quarter of all resamples of two are twice the smaller one. */
		CHECK_NEAR(c.low[i], want[i] - 1, 0);
		CHECK_NEAR(c.high[i], want[i] + 1, 0);
	}
	CHECK(curve_of_group(&c, &groups, 0, CURVE_UPDATES, "return_mean", &e));
	CHECK_NEAR(c.x[2], 30, 0);
	/* Steps 100, 200 and 300 are at 2, 3 and 4 s. */
	CHECK(curve_of_group(&c, &groups, 0, CURVE_SECONDS, "return_mean", &e));
	CHECK_INT(c.n, 3);
	CHECK_NEAR(c.x[1], 3, 1e-12);
	CHECK_NEAR(c.y[1], 3, 1e-12);
	unload();
}

static void test_rows_at_other_places(void)
{
	struct curve c;
	make_run("o/a", 1, 3, true, "100,1,0\n300,3,10\n");
	make_run("o/b", 2, 3, true, "200,2,20\n");
	load("o", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "return_mean", &e));
	CHECK_INT(c.n, 3);
	CHECK_NEAR(c.y[0], 0, 0);    /* one of two has a row so far */
	CHECK_NEAR(c.y[1], 12.5, 0); /* 5 on the way to 10, and 20 */
	CHECK_NEAR(c.y[2], 15, 0);   /* what is done stays */
	CHECK(isnan(c.low[0]));
	unload();
}

static void test_unfinished_runs_end(void)
{
	struct curve c;
	make_run("u/a", 1, 3, true, "100,1,1\n200,2,1\n300,3,1\n");
	make_run("u/b", 2, 3, false, "100,1,3\n200,2,3\n");
	make_run("u/c", 3, 3, false, "100,1,8\n200,2,8\nbroken,");
	load("u", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "return_mean", &e));
	CHECK_NEAR(c.y[0], 4, 0);
	CHECK_NEAR(c.y[1], 4, 0);
	CHECK(isnan(c.y[2])); /* one of three */
	unload();
}

static void test_many_rows(void)
{
	static char evals[1 << 16];
	struct curve c;
	struct text t;
	text_init(&t, evals, 1000);
	for (int i = 0; i <= 60; i++)
		text_add(&t, "%d,%d,%d\n", i, i, 2 * i);
	make_run("m/a", 1, 3, true, evals);
	text_init(&t, evals, 1000);
	for (int i = 0; i <= 60; i++)
		text_add(&t, "%d.5,%d,%d\n", i, i, 2 * i + 1);
	make_run("m/b", 2, 3, true, evals);
	load("m", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "return_mean", &e));
	CHECK_INT(c.n, CURVE_MAX_POINTS);
	CHECK_NEAR(c.x[0], 0, 0);
	CHECK_NEAR(c.x[99], 60.5, 1e-12);
	CHECK_NEAR(c.y[50], 2 * c.x[50], 1e-12);
	unload();
}

static void test_columns(void)
{
	struct curve c;
	bool of_eval;
	CHECK(curve_column("return_std", &of_eval, &e) && of_eval);
	CHECK(curve_column("loss", &of_eval, &e) && !of_eval);
	CHECK(!curve_column("losses", &of_eval, &e));
	CHECK_INT(e.kind, ERR_USAGE);
	load("e", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "loss", &e)); /* no progress.csv */
	CHECK_INT(c.n, 0);
	unload();
}

int main(void)
{
	char scratch[] = "/tmp/dqn-test-XXXXXX";
	char command[64];
	if (!mkdtemp(scratch) || chdir(scratch) != 0) {
		perror("mkdtemp");
		return 1;
	}
	RUN(test_groups);
	RUN(test_curve_of_equal_rows);
	RUN(test_rows_at_other_places);
	RUN(test_unfinished_runs_end);
	RUN(test_many_rows);
	RUN(test_columns);
	snprintf(command, sizeof(command), "rm -rf %s", scratch);
	CHECK(chdir("/") == 0 && system(command) == 0);
	return test_end();
}
