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
	CHECK(file_write_atomic(NULL, path, text, strlen(text), &e));
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

/* Rows that say nothing are left out, and so is a run of which nothing is left. */
static void test_broken_rows(void)
{
	struct curve c;
	make_run(
		"b/a", 1, 3, true, "100,1,5\nx,1,6\n200,2,\n50,3,7\n300,4,8\n300,5,9\n1e999,6,1\n");
	load("b", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "return_mean", &e));
	CHECK_INT(c.n, 2);
	CHECK_NEAR(c.x[0], 100, 0);
	CHECK_NEAR(c.y[0], 5, 0);
	CHECK_NEAR(c.x[1], 300, 0);
	CHECK_NEAR(c.y[1], 9, 0); /* the later one */
	CHECK_INT(record_steps_to(&records.at[0], 8), 300);
	CHECK_INT(record_steps_to(&records.at[0], 10), -1);
	CHECK(isnan(records.at[0].mean_return));
	unload();
	write_text("b/a", "eval.csv", "timesteps,n_updates,return_mean\n-5,1,900\n1e300,1,900\n");
	load("b", NULL);
	CHECK_INT(records.at[0].steps_to_solved, -1);
	unload();
	write_text("b/a", "eval.csv", "timesteps,other\n100,1\n");
	load("b", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "return_mean", &e));
	CHECK_INT(c.n, 0);
	CHECK(isnan(records.at[0].last_return));
	CHECK_INT(record_steps_to(&records.at[0], 8), -1);
	unload();
	CHECK(unlink("b/a/eval.csv") == 0);
	load("b", NULL);
	CHECK_INT(record_steps_to(&records.at[0], 8), -1);
	unload();
}

static void test_broken_clocks(void)
{
	static const char *const clocks[] = { "", "timesteps,wall_s\n", "timesteps\n1\n",
		"wall_s\n1\n", "timesteps,wall_s\nx,1\n", "timesteps,wall_s\n0,1\n" };
	struct curve c;
	make_run("k/a", 1, 3, false, "100,1,5\n200,2,6\n");
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		write_text("k/a", "timing.csv", clocks[i]);
		load("k", NULL);
		CHECK(curve_of_group(&c, &groups, 0, CURVE_SECONDS, "return_mean", &e));
		CHECK(c.n <= 1); /* at most all rows at 0 s */
		CHECK_INT(records.at[0].timesteps, strstr(clocks[i], "timesteps\n1") ? 1 : 0);
		unload();
	}
	/* Time that runs backwards ends it. */
	write_text("k/a", "timing.csv", "timesteps,wall_s\n100,2\n200,1\n300,5\n");
	load("k", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_SECONDS, "return_mean", &e));
	CHECK(c.n >= 1 && c.x[0] == 2);
	unload();
	CHECK(unlink("k/a/timing.csv") == 0);
	load("k", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_SECONDS, "return_mean", &e));
	CHECK_INT(c.n, 0);
	CHECK(isnan(records.at[0].wall_s));
	unload();
}

/* What stands in a run's place and is none. */
static void test_broken_directories(void)
{
	char deep[512] = "d";
	make_run("d/a", 1, 3, true, "");
	write_text("d/a", "result.json", "{");
	make_run("d/b", 2, 3, false, "");
	write_text("d/b", "failed.txt", "");
	CHECK(file_make_dirs("d/c/config.ini", &e)); /* a directory */
	CHECK(file_make_dirs("d/x", &e));
	write_text("d/x", "config.ini", "[run]\nsede = 1\n");
	CHECK(file_make_dirs("d/y", &e));
	write_text("d/y", "config.ini", "no");
	for (int i = 0; i < 40; i++)
		strcat(deep, "/n");
	make_run(deep, 3, 3, true, ""); /* too far down */
	load("d", NULL);
	CHECK_INT(records.n, 2);
	CHECK_INT(records.at[0].state, RECORD_FAILED);
	CHECK_INT(records.at[1].state, RECORD_FAILED);
	CHECK_INT(records.n_unreadable, 2);
	CHECK(strstr(records.unreadable, "config.ini") != NULL);
	CHECK(records_find(&records, "d/a///", &e)); /* again, and once is enough */
	records_sort(&records);
	CHECK_INT(records.n, 2);
	CHECK(!records_find(&records, "d/nothing", &e));
	CHECK_INT(e.kind, ERR_RUN);
	CHECK(!records_find(&records, "d/y/config.ini", &e));
	unload();
	records_init(&records);
	records_sort(&records); /* of none */
	CHECK_INT(records.n, 0);
	records_release(&records);
}

static void test_columns(void)
{
	struct curve c;
	bool of_eval;
	CHECK(curve_column("return_std", &of_eval, &e) && of_eval);
	CHECK(curve_column("loss", &of_eval, &e) && !of_eval);
	CHECK(!curve_column("losses", &of_eval, &e));
	CHECK_INT(e.kind, ERR_USAGE);
	CHECK(strstr(e.msg, "did you mean 'loss'?") != NULL);
	CHECK(!curve_column("return_meen", &of_eval, &e));
	CHECK(strstr(e.msg, "did you mean 'return_mean'?") != NULL);
	CHECK(!curve_column("qqqqqqqq", &of_eval, &e));
	CHECK(strstr(e.msg, "mean '") == NULL);
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
	RUN(test_broken_rows);
	RUN(test_broken_clocks);
	RUN(test_broken_directories);
	RUN(test_columns);
	snprintf(command, sizeof(command), "rm -rf %s", scratch);
	CHECK(chdir("/") == 0 && system(command) == 0);
	return test_end();
}
