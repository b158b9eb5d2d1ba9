/* Groups of run directories and their curves, with numbers by hand. */
#include "base/file.h"
#include "study/curves.h"

#include "test.h"

#include <stdlib.h>
#include <unistd.h>

static struct records records;
static struct groups groups;
static struct faults faults;
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
	struct result res = { .seed = (uint64_t)seed,
		.total_timesteps = 50000, /* the default */
		.env_id = "CartPole-v1",
		.final = { .return_min = 9 } };
	struct text t;
	t = text_into(text, sizeof(text));
	result_print(&res, &t);
	write_text(dir, "result.json", text);
}

/* A run that diverged after those evaluations. */
static void make_failed(const char *dir, int seed, const char *evals)
{
	make_run(dir, seed, 3, false, evals);
	write_text(dir, "progress.csv", "timesteps,n_updates,ep_rew_mean,loss\n100,10,20,0.5\n");
	write_text(dir, "failed.txt", "step 120: loss is not finite\n");
}

static void load_for(const char *dir, const char *by, double threshold)
{
	faults = (struct faults){ 0 };
	records_init(&records);
	records.threshold = threshold;
	CHECK(records_find(&records, dir, &e));
	records_sort(&records);
	CHECK(groups_init(&groups, &records, by, NULL, &e));
}

static void load(const char *dir, const char *by)
{
	load_for(dir, by, (double)NAN);
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
	t = text_into(label, sizeof(label));
	groups_label(&groups, 1, &t);
	CHECK_STR(label, "n_steps=3");
	unload();
	load("g", "gamma");
	CHECK_INT(groups.n_groups, 1);
	CHECK(groups.has_settings); /* one group: its settings are a sample */
	CHECK(groups.unit[0] != groups.unit[1]);
	CHECK_INT(groups.unit[1], groups.unit[2]);
	unload();
}

static void test_curve_of_equal_rows(void)
{
	struct curve c;
	make_run("e/a", 1, 3, true, "100,10,1\n200,20,2\n300,30,6\n");
	make_run("e/b", 2, 3, true, "100,10,3\n200,20,4\n300,30,8\n");
	load("e", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "return_mean", &faults, &e));
	CHECK_INT(c.n, 3);
	for (size_t i = 0; i < 3; i++) {
		const double want[] = { 2, 3, 7 };
		CHECK_NEAR(c.x[i], 100 * (double)(i + 1), 0);
		CHECK_NEAR(c.y[i], want[i], 0);
		CHECK(isnan(c.low[i]) && isnan(c.high[i])); /* of two runs nothing follows */
	}
	CHECK(curve_of_group(&c, &groups, 0, CURVE_UPDATES, "return_mean", &faults, &e));
	CHECK_NEAR(c.x[2], 30, 0);
	/* Steps 100, 200 and 300 are at 2, 3 and 4 s. */
	CHECK(curve_of_group(&c, &groups, 0, CURVE_SECONDS, "return_mean", &faults, &e));
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
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "return_mean", &faults, &e));
	CHECK_INT(c.n_runs, 2);
	CHECK_INT(c.n, 2); /* at 100 one of the two has no value yet */
	CHECK_NEAR(c.x[0], 200, 0);
	CHECK_NEAR(c.y[0], 12.5, 0); /* 5 on the way to 10, and 20 */
	CHECK_NEAR(c.y[1], 15, 0);   /* what is done stays */
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
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "return_mean", &faults, &e));
	CHECK_INT(c.n_runs, 3);
	CHECK_INT(c.n, 2);
	CHECK_NEAR(c.y[0], 4, 0);
	CHECK_NEAR(c.y[1], 4, 0);
	CHECK_INT(faults.n + records.damaged.n, 0);
	unload();
}

/* A curve is of the same runs from its first point to its last. */
static void test_who_a_curve_is_made_of(void)
{
	struct curve c;
	make_run("w/a", 1, 3, false, "100,1,2\n");
	make_run("w/b", 2, 3, false, "100,1,4\n200,2,6\n");
	make_run("w/c", 3, 3, false, "100,1,8\n200,2,10\n300,3,90\n");
	make_run("w/d", 4, 3, false, "");
	load("w", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "return_mean", &faults, &e));
	CHECK_INT(c.n_runs, 2); /* a and d are behind the half */
	CHECK_INT(c.n, 2);
	CHECK_NEAR(c.y[0], 6, 0);
	CHECK_NEAR(c.y[1], 8, 0);
	CHECK_NEAR(c.x[1], 200, 0);
	unload();
	/* Half are done: the others still come on. */
	make_run("w/a", 1, 3, true, "100,1,2\n");
	make_run("w/d", 4, 3, true, "100,1,6\n200,2,7\n");
	load("w", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "return_mean", &faults, &e));
	CHECK_INT(c.n_runs, 2);
	CHECK_INT(c.n, 2);
	CHECK_NEAR(c.y[0], 4, 0);
	CHECK_NEAR(c.y[1], 4.5, 0);
	unload();
	/* What a done run did not learn to keep ends where the first of them does. */
	write_text("w/a", "progress.csv", "timesteps,loss\n100,1\n150,1\n");
	write_text("w/d", "progress.csv", "timesteps,loss\n100,3\n150,3\n200,9\n");
	load("w", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "loss", &faults, &e));
	CHECK_INT(c.n_runs, 2);
	CHECK_INT(c.n, 2);
	CHECK_NEAR(c.x[1], 150, 0);
	CHECK_NEAR(c.y[1], 2, 0);
	unload();
}

/* It must not be better to diverge than to be bad. */
static void test_diverged_runs_count_as_worst(void)
{
	struct curve c;
	make_run("v/a", 1, 3, true, "100,1,200\n200,2,300\n300,3,400\n");
	make_run("v/b", 2, 3, true, "100,1,200\n200,2,300\n300,3,400\n");
	make_failed("v/c", 3, "100,1,200\n");
	make_failed("v/d", 4, ""); /* before its first evaluation */
	load("v", NULL);
	double worst, unused;
	env_return_range(env_find("CartPole-v1"), 500, &worst, &unused);
	CHECK_NEAR(worst, 1, 0);
	for (size_t i = 0; i < records.n; i++) {
		const struct record *r = &records.at[i];
		const bool failed = r->state == RECORD_FAILED;
		CHECK_NEAR(r->worst_return, worst, 0);
		CHECK_NEAR(record_value(r, record_metric("final_return_mean", &e)), failed, 0);
		CHECK_INT(isnan(record_value(r, record_metric("wall_s", &e))), failed);
		CHECK_INT(isinf(record_value(r, record_metric("steps_to_threshold", &e))) != 0, 1);
	}
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "return_mean", &faults, &e));
	CHECK_INT(c.n_runs, 4);
	CHECK_INT(c.n_worst, 2);
	CHECK_NEAR(c.worst, worst, 0);
	CHECK_INT(c.n, 3);
	CHECK_NEAR(c.y[0], 200, 0);               /* of 1 200 200 200 the middle */
	CHECK_NEAR(c.y[1], (worst + 300) / 2, 0); /* of 1 1 300 300 */
	CHECK_NEAR(c.y[2], (worst + 400) / 2, 0);
	unload();
	/* A loss has no worst: those that diverged are not in it. */
	write_text("v/a", "progress.csv", "timesteps,loss\n100,1\n200,1\n");
	write_text("v/b", "progress.csv", "timesteps,loss\n100,3\n200,5\n");
	load("v", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "loss", &faults, &e));
	CHECK_INT(c.n_runs, 2);
	CHECK_INT(c.n_worst, 0);
	CHECK_INT(c.n, 2);
	CHECK_NEAR(c.y[1], 3, 0);
	unload();
	/* A return below what the environment declares is worse still, for all runs. */
	write_text("v/a", "eval.csv", "timesteps,return_mean\n100,-7\n200,400\n");
	load("v", NULL);
	CHECK_NEAR(records.at[2].worst_return, -7, 0);
	unload();
}

static void test_steps_to_threshold(void)
{
	const struct metric *m = record_metric("steps_to_threshold", &e);
	CHECK(m->order == LESS_IS_BETTER);
	make_run("s/a", 1, 3, true, "100,1,5\n200,2,475\n300,3,1\n");
	make_run("s/b", 2, 3, true, "100,1,5\n");
	make_run("s/c", 3, 3, true, "");
	make_failed("s/d", 4, "100,1,500\n");
	make_run("s/e", 5, 3, false, "100,1,500\n");
	load("s", NULL);
	CHECK_NEAR(record_value(&records.at[0], m), 200, 0);
	CHECK(isinf(record_value(&records.at[1], m)));
	CHECK(isnan(record_value(&records.at[2], m))); /* no evaluation */
	CHECK(isinf(record_value(&records.at[3], m))); /* it got there, and diverged */
	CHECK(isnan(record_value(&records.at[4], m)));
	unload();
	load_for("s", NULL, 5);
	CHECK_NEAR(record_value(&records.at[0], m), 100, 0);
	CHECK_NEAR(record_value(&records.at[1], m), 100, 0);
	unload();
	/* Evaluations under another limit have no threshold, but that which is asked for. */
	write_text("s/a", "config.ini", "[run]\nseed=1\n[eval]\neval_max_episode_steps = 1000\n");
	load("s/a", NULL);
	CHECK(isnan(record_value(&records.at[0], m)));
	unload();
	load_for("s/a", NULL, 300);
	CHECK_NEAR(record_value(&records.at[0], m), 200, 0);
	unload();
}

static void test_many_rows(void)
{
	static char evals[1 << 16];
	struct curve c;
	struct text t;
	t = text_into(evals, 1000);
	for (int i = 0; i <= 60; i++)
		text_add(&t, "%d,%d,%d\n", i, i, 2 * i);
	make_run("m/a", 1, 3, true, evals);
	t = text_into(evals, 1000);
	for (int i = 0; i <= 60; i++)
		text_add(&t, "%d.5,%d,%d\n", i, i, 2 * i + 1);
	make_run("m/b", 2, 3, true, evals);
	load("m", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "return_mean", &faults, &e));
	CHECK_INT(c.n, CURVE_MAX_POINTS);
	CHECK_NEAR(c.x[0], 0.5, 0); /* where both have begun */
	CHECK_NEAR(c.x[99], 60.5, 1e-12);
	CHECK_NEAR(c.y[50], 2 * c.x[50], 1e-12);
	unload();
}

/* Cells that say nothing are skipped. */
static void test_empty_cells(void)
{
	struct curve c;
	make_run("b/a", 1, 3, true, "100,1,5\n200,2,\n250,2,nan\n300,4,8\n300,5,9\n400,6,inf\n");
	load_for("b", NULL, 8);
	CHECK_INT(records.damaged.n, 0);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "return_mean", &faults, &e));
	CHECK_INT(c.n, 2);
	CHECK_NEAR(c.x[0], 100, 0);
	CHECK_NEAR(c.y[0], 5, 0);
	CHECK_NEAR(c.x[1], 300, 0);
	CHECK_NEAR(c.y[1], 9, 0); /* the later one */
	CHECK_NEAR(records.at[0].steps_to_threshold, 300, 0);
	CHECK(isnan(records.at[0].mean_return));
	unload();
	load_for("b", NULL, 9);
	CHECK_NEAR(records.at[0].steps_to_threshold, 300, 0);
	unload();
}

/* Whatever is wrong with a log, the run is counted and named, has no value from that log
 * and is in no curve of it. */
static void test_damaged_logs(void)
{
	static const char header[] = "timesteps,n_updates,return_mean\n100,1,500\n";
	static const char *const rows[] = { "200,2,x\n", "200,2\n", "200,2,3,4\n", "50,3,7\n", "-5,1,900\n",
		"1e300,1,900\n", ",1,900\n", "1e999,6,1\n", "200,2,\377\n", "\n", "200,2,500" };
	char text[128];
	struct curve c;
	make_run("x/a", 1, 3, true, "100,1,500\n200,2,500\n");
	make_run("x/b", 2, 3, true, "");
	for (size_t i = 0; i <= sizeof(rows) / sizeof(rows[0]) + 3; i++) {
		const size_t k = i - sizeof(rows) / sizeof(rows[0]);
		snprintf(text, sizeof(text), "%s%s", header, rows[k < 4 ? 0 : i]);
		if (k < 3)
			snprintf(text, sizeof(text), "%s",
				k == 0   ? ""
				: k == 1 ? "r,l,timesteps\n"
					 : "return_mean\n1\n");
		write_text("x/b", "eval.csv", text);
		if (k == 3)
			CHECK(unlink("x/b/eval.csv") == 0);
		load("x", NULL);
		CHECK_INT(records.n, 2);
		CHECK_INT(records.damaged.n, 1);
		CHECK(strstr(records.damaged.first, "x/b/eval.csv") != NULL);
		CHECK(records.at[1].is_damaged && !records.at[0].is_damaged);
		CHECK_INT(records.at[1].state, RECORD_DONE);
		CHECK(isnan(records.at[1].steps_to_threshold));
		CHECK(isnan(records.at[1].mean_return));
		CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "return_mean", &faults, &e));
		CHECK_INT(c.n_runs, 1);
		CHECK_INT(faults.n, 0); /* it is known already */
		unload();
	}
	CHECK(file_write_atomic(NULL, "x/b/eval.csv", "timesteps,return_mean\n1,\0\n", 25, &e));
	load("x", NULL);
	CHECK(strstr(records.damaged.first, "NUL") != NULL);
	unload();
	/* Only of a run under way is a row torn, or a file not there yet. */
	CHECK(unlink("x/b/result.json") == 0 && unlink("x/b/timing.csv") == 0);
	snprintf(text, sizeof(text), "%s200,2,50", header);
	write_text("x/b", "eval.csv", text);
	load("x", NULL);
	CHECK_INT(records.damaged.n, 0);
	CHECK_INT(records.at[1].state, RECORD_UNFINISHED);
	CHECK_NEAR(records.at[1].mean_return, 500, 0);
	unload();
	/* Of a log that only a curve reads, the curve tells. */
	write_text("x/a", "progress.csv", "timesteps,loss\n100,1,1\n");
	load("x", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "loss", &faults, &e));
	CHECK_INT(c.n, 0);
	CHECK_INT(faults.n, 1);
	CHECK(strstr(faults.first, "x/a/progress.csv") != NULL);
	unload();
}

static void test_broken_clocks(void)
{
	static const char *const clocks[] = { "", "timesteps,wall_s\n", "timesteps\n1\n", "wall_s\n1\n",
		"timesteps,wall_s\nx,1\n", "timesteps,wall_s\n0,1\n" };
	struct curve c;
	make_run("k/a", 1, 3, false, "100,1,5\n200,2,6\n");
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		write_text("k/a", "timing.csv", clocks[i]);
		load("k", NULL);
		CHECK(curve_of_group(&c, &groups, 0, CURVE_SECONDS, "return_mean", &faults, &e));
		CHECK(c.n <= 1); /* at most all rows at 0 s */
		CHECK_INT(records.at[0].timesteps, 0);
		CHECK_INT(records.damaged.n, i >= 2 && i <= 4); /* no such column, no number */
		unload();
	}
	/* Time that runs backwards ends it. */
	write_text("k/a", "timing.csv", "timesteps,wall_s\n100,2\n200,1\n300,5\n");
	load("k", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_SECONDS, "return_mean", &faults, &e));
	CHECK(c.n >= 1 && c.x[0] == 2);
	unload();
	CHECK(unlink("k/a/timing.csv") == 0);
	load("k", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_SECONDS, "return_mean", &faults, &e));
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
	CHECK_INT(records.at[0].state, RECORD_UNREADABLE);
	CHECK_INT(records.at[1].state, RECORD_FAILED);
	CHECK_INT(records.left_out.n, 4); /* c, x, y and what is too far down */
	CHECK(strstr(records.left_out.first, "d/c/config.ini") != NULL);
	CHECK(strstr(records.left_out.first, "; ...") != NULL); /* three are named */
	CHECK_INT(records.damaged.n, 1);
	CHECK(strstr(records.damaged.first, "d/a/result.json") != NULL);
	CHECK(records_find(&records, "d/a///", &e)); /* again, and once is enough */
	records_sort(&records);
	CHECK_INT(records.n, 2);
	CHECK_INT(records.damaged.n, 1);
	volatile sig_atomic_t stop = 1;
	records.stop = &stop;
	CHECK(!records_find(&records, "d/a", &e) && e.kind == ERR_NONE);
	records.stop = NULL;
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
	enum run_log log;
	CHECK(curve_column("return_std", &log, &e) && log == LOG_EVAL);
	CHECK(curve_column("loss", &log, &e) && log == LOG_PROGRESS);
	CHECK(!curve_column("losses", &log, &e));
	CHECK_INT(e.kind, ERR_USAGE);
	CHECK(strstr(e.msg, "did you mean 'loss'?") != NULL);
	CHECK(!curve_column("return_meen", &log, &e));
	CHECK(strstr(e.msg, "did you mean 'return_mean'?") != NULL);
	CHECK(!curve_column("qqqqqqqq", &log, &e));
	CHECK(strstr(e.msg, "mean '") == NULL);
	load("e", NULL);
	CHECK(curve_of_group(&c, &groups, 0, CURVE_STEPS, "loss", &faults, &e)); /* no progress.csv */
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
	RUN(test_who_a_curve_is_made_of);
	RUN(test_diverged_runs_count_as_worst);
	RUN(test_steps_to_threshold);
	RUN(test_empty_cells);
	RUN(test_damaged_logs);
	RUN(test_broken_clocks);
	RUN(test_broken_directories);
	RUN(test_columns);
	snprintf(command, sizeof(command), "rm -rf %s", scratch);
	CHECK(chdir("/") == 0 && system(command) == 0);
	return test_end();
}
