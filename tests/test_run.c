/* A run and its directory: made, taken over, recognised as done, or left alone.
 * tests/mutations lists mistakes that this file catches. */
#include "run/run.h"

#include "base/file.h"
#include "run/weights.h"

#include "fixtures.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__APPLE__)
#define st_mtim st_mtimespec
#endif

static char scratch[] = "/tmp/test_run.XXXXXX";
static struct run run; /* large */

/* scratch/name */
static const char *at(const char *name)
{
	static char paths[8][RUN_PATH_SIZE];
	static int next;
	next = (next + 1) % 8;
	snprintf(paths[next], sizeof(paths[0]), "%s/%s", scratch, name);
	return paths[next];
}

static struct config small_config(const char *extra)
{
	return config_of("total_timesteps=300 net_arch=8 batch_size=8 learning_starts=50 buffer_size=300 "
			 "target_update_interval=50 eval_freq=100 eval_episodes=2 final_eval_episodes=3 "
			 "log_interval=40",
		extra);
}

static bool open_run(const char *name, const struct config *c, bool fresh, struct err *e)
{
	*e = (struct err){ .msg = "" };
	return run_open(&run, at(name), c, NULL, kernels_find(NULL), fresh, e);
}

/* Opens, runs to the end and closes; the result stays in `run`. */
static void run_to_the_end(const char *name, const struct config *c, bool fresh)
{
	struct err e;
	const bool opened = open_run(name, c, fresh, &e);
	CHECK(opened);
	if (!opened) {
		printf("%s\n", e.msg);
		return;
	}
	bool ok = true;
	while (ok && run.state == RUN_ACTIVE)
		ok = run_step(&run, &e);
	CHECK(ok);
	if (!ok)
		printf("%s\n", e.msg);
	run_close(&run);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	CHECK(f != NULL);
	if (!f)
		return;
	fputs(text, f);
	fclose(f);
}

static char *read_file(const char *path, size_t *len)
{
	char *data = NULL;
	struct err e = { .msg = "" };
	if (!file_read(path, 1 << 24, &data, len, &e)) {
		FAIL(e.msg);
		abort();
	}
	return data;
}

static int not_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

struct digest {
	char hex[SHA256_HEX_SIZE];
	int n_files;
};

/* Names and contents of a directory's files; all of them and when they were
 * written, or only those that equal runs have in common. */
static struct digest digest_of(const char *name, bool all)
{
	struct sha256 h;
	struct digest d = { .n_files = 0 };
	struct dirent **list;
	sha256_init(&h);
	const int n = scandir(at(name), &list, not_dots, alphasort);
	CHECK(n >= 0);
	for (int i = 0; i < n; i++) {
		char path[RUN_PATH_SIZE + 300];
		struct stat st;
		const char *file = list[i]->d_name;
		snprintf(path, sizeof(path), "%s/%s", at(name), file);
		if (all || (strcmp(file, ".lock") != 0 && strcmp(file, "timing.csv") != 0)) {
			size_t len;
			char *data = read_file(path, &len);
			sha256_add(&h, file, strlen(file) + 1);
			sha256_add(&h, data, len);
			free(data);
			CHECK_INT(stat(path, &st), 0);
			if (all)
				sha256_add(&h, &st.st_mtim, sizeof(st.st_mtim));
			d.n_files++;
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	sha256_hex(&h, d.hex);
	return d;
}

static bool exists(const char *name, const char *file)
{
	char path[RUN_PATH_SIZE + 300];
	snprintf(path, sizeof(path), "%s/%s", at(name), file);
	return file_exists(NULL, path);
}

/* run_open must fail that way and leave every file of the directory as it was. */
static void check_refused(const char *name, const struct config *c, bool fresh, enum err_kind kind, const char *piece)
{
	struct err e;
	const struct digest before = digest_of(name, true);
	const bool opened = open_run(name, c, fresh, &e);
	CHECK(!opened);
	if (opened) {
		run_close(&run);
		return;
	}
	CHECK_INT(e.kind, kind);
	CHECK(strstr(e.msg, piece) != NULL);
	if (e.kind != kind || !strstr(e.msg, piece))
		printf("'%s' without '%s'\n", e.msg, piece);
	CHECK(run.dir.lock == -1 && run.logs.dir == NULL && run.train.agent.memory == NULL);
	CHECK_STR(digest_of(name, true).hex, before.hex);
}

/* --- the life of a run --- */

static void test_a_run_leaves_its_files(void)
{
	static const char *const files[] = { "config.ini", "progress.csv", "eval.csv", "episodes.csv", "timing.csv",
		"best.safetensors", "final.safetensors", "result.json", ".lock" };
	const struct config c = small_config(NULL);
	struct err e;
	CHECK(open_run("a/b/first", &c, false, &e));
	CHECK_INT(run.state, RUN_ACTIVE);
	CHECK(run.dir.state == RUNDIR_NEW);
	CHECK_STR(run.dir.removed, "");
	CHECK(exists("a/b/first", "config.ini") && !exists("a/b/first", "result.json"));
	while (run.state == RUN_ACTIVE) {
		CHECK(!exists("a/b/first", "result.json"));
		CHECK(run_step(&run, &e));
	}
	CHECK_INT(run.train.timesteps, 300);
	CHECK(run_wall_s(&run) > 0 && run_wall_s(&run) < 60);
	run_close(&run);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		CHECK(exists("a/b/first", files[i]));
	CHECK_INT(digest_of("a/b/first", true).n_files, 9); /* and nothing else */
}

static void test_the_configuration_is_the_whole_one(void)
{
	const struct config c = small_config(NULL);
	char buf[CONFIG_TEXT_MAX];
	struct text t;
	size_t len;
	t = text_into(buf, sizeof(buf));
	config_print(&c, &t);
	char *data = read_file(at("a/b/first/config.ini"), &len);
	CHECK_STR(data, buf);
	free(data);
}

static void check_weights_file(
	const char *path, const float *params, const char *timesteps, const char hash[SHA256_HEX_SIZE])
{
	struct weights w;
	struct err e = { .msg = "" };
	size_t len;
	char got[SHA256_HEX_SIZE], piece[64];
	char *data = read_file(path, &len);
	sha256_of(data, len, got);
	CHECK_STR(got, hash);
	CHECK(weights_parse(&w, NULL, path, data, len, &e));
	if (w.params)
		CHECK(memcmp(w.params, params, w.net.n_params * sizeof(float)) == 0);
	weights_release(&w);
	snprintf(piece, sizeof(piece), "\"timesteps\":\"%s\"", timesteps);
	CHECK(strstr(data + 8, piece) != NULL);
	free(data);
}

/* The same run in memory, beside what the directory holds. */
static void test_the_files_say_what_the_training_did(void)
{
	const struct config c = small_config(NULL);
	static struct train t;
	struct err e = { .msg = "" };
	struct result res;
	struct eval_stats final;
	char progress[16000], eval[4000], episodes[4000], real[TEXT_REAL_SIZE];
	struct text p, v, ep;
	size_t len;
	p = text_into(progress, sizeof(progress));
	v = text_into(eval, sizeof(eval));
	ep = text_into(episodes, sizeof(episodes));
	text_add(&p, "timesteps,episodes,n_updates,ep_rew_mean,ep_len_mean,exploration_rate,"
		     "learning_rate,loss,q_mean,grad_norm,q_max,q_bound,action_gap,td_error_mean,"
		     "td_error_p95,weight_norm,terminal_share,dead_share,q_min,q_bound_low,"
		     "obs_max,obs_min\n");
	text_add(&v, "timesteps,n_updates,return_mean,return_std,return_min,return_max,is_best,q_start,"
		     "discounted_return\n");
	text_add(&ep, "r,l,timesteps,terminated\n");
	CHECK(train_init(&t, &c, kernels_find("scalar"), &e));
	do {
		CHECK(train_step(&t, &e));
		if (t.events & TRAIN_EPISODE)
			text_add(&ep, "%s,%" PRId64 ",%" PRId64 ",%s\n", text_real(t.episode.episode_return, real),
				t.episode.length, t.timesteps, t.episode.terminated ? "true" : "false");
		if (t.events & TRAIN_EVALUATED) {
			const struct eval_stats *s = &t.eval.stats;
			const double cells[] = { s->return_mean, s->return_std, s->return_min, s->return_max,
				s->q_start, s->discounted_return };
			text_add(&v, "%" PRId64 ",%" PRIu64, t.eval.timesteps, t.eval.n_updates);
			for (int i = 0; i < 4; i++)
				text_add(&v, ",%s", text_real(cells[i], real));
			text_add(&v, ",%s", t.eval.is_best ? "true" : "false");
			for (int i = 4; i < 6; i++)
				text_add(&v, ",%s", text_real(cells[i], real));
			text_add(&v, "\n");
		}
		if (t.events & TRAIN_LOGGED) {
			const struct log_row *r = &t.log;
			const double cells[] = { r->ep_rew_mean, r->ep_len_mean, r->exploration_rate, r->learning_rate,
				r->loss, r->q_mean, r->grad_norm, r->diagnostics.q_max, r->q_bound,
				r->diagnostics.action_gap, r->diagnostics.td_error_mean, r->diagnostics.td_error_p95,
				r->diagnostics.weight_norm, (double)t.replay.n_terminated / (double)t.replay.count,
				r->diagnostics.dead_share, r->diagnostics.q_min, r->q_bound_low, r->diagnostics.obs_max,
				r->diagnostics.obs_min };
			text_add(&p, "%" PRId64 ",%" PRId64 ",%" PRIu64, r->timesteps, r->episodes, r->n_updates);
			for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
				text_add(&p, ",%s", isnan(cells[i]) ? "" : text_real(cells[i], real));
			text_add(&p, "\n");
		}
	} while (!(t.events & TRAIN_FINISHED));
	train_final_eval(&t, &final, &e);

	char *data = read_file(at("a/b/first/progress.csv"), &len);
	CHECK_STR(data, progress);
	free(data);
	data = read_file(at("a/b/first/eval.csv"), &len);
	CHECK_STR(data, eval);
	free(data);
	data = read_file(at("a/b/first/episodes.csv"), &len);
	CHECK_STR(data, episodes);
	free(data);

	data = read_file(at("a/b/first/result.json"), &len);
	CHECK(len > 0 && data[len - 1] == '\n' && strchr(data, '\n') == data + len - 1);
	CHECK(result_parse(&res, "result.json", data, len, &e));
	free(data);
	CHECK_STR(res.env_id, "CartPole-v1");
	CHECK_INT(res.seed, 1);
	CHECK_INT(res.timesteps, 300);
	CHECK_INT(res.total_timesteps, 300);
	CHECK_INT(res.episodes, t.episodes);
	CHECK_INT(res.n_updates, 250);
	CHECK(!res.stopped && res.has_best);
	CHECK_INT(res.final.n_episodes, 3);
	CHECK_NEAR(res.final.return_mean, final.return_mean, 0);
	CHECK_NEAR(res.final.return_std, final.return_std, 0);
	CHECK_NEAR(res.final.return_min, final.return_min, 0);
	CHECK_NEAR(res.final.return_max, final.return_max, 0);
	CHECK_NEAR(res.final.length_mean, final.length_mean, 0);
	CHECK_INT(res.best_timesteps, t.best_row.timesteps);
	CHECK_NEAR(res.best_return_mean, t.best_row.stats.return_mean, 0);

	char steps[32];
	check_weights_file(at("a/b/first/final.safetensors"), t.agent.online, "300", res.final_sha256);
	snprintf(steps, sizeof(steps), "%" PRId64, t.best_row.timesteps);
	check_weights_file(at("a/b/first/best.safetensors"), t.best, steps, res.best_sha256);
	train_release(&t);
}

static void test_the_weights_files_hold_the_average(void)
{
	struct config c = small_config("ema_decay=0.99");
	static struct train t;
	struct err e = { .msg = "" };
	set_keys(&c, "eval_freq=0");
	run_to_the_end("average", &c, false);
	CHECK(train_init(&t, &c, kernels_find("scalar"), &e));
	do
		CHECK(train_step(&t, &e));
	while (!(t.events & TRAIN_FINISHED));
	CHECK(memcmp(t.agent.average, t.agent.online, sizeof(float)) != 0);
	check_weights_file(at("average/final.safetensors"), t.agent.average, "300", run.result.final_sha256);
	check_weights_file(at("average/best.safetensors"), t.agent.average, "300", run.result.best_sha256);
	train_release(&t);
}

/* Also more rows than are kept back: an episode a step, a row of progress.csv at the
 * end, a checkpoint and another process in the middle. */
static void test_episodes_are_complete_whenever_progress_is(void)
{
	struct config c = small_config(NULL);
	struct err e = { .msg = "" };
	size_t len;
	set_keys(&c, "max_episode_steps=1 total_timesteps=3000 log_interval=1000 gradient_steps=0 eval_freq=0");
	CHECK(open_run("episodes", &c, false, &e));
	for (int step = 1; step <= 1500; step++) {
		CHECK(run_step(&run, &e));
		if (step != 1000)
			continue;
		char *data = read_file(at("episodes/episodes.csv"), &len);
		const char *last = "\n1,1,1000,false\n";
		CHECK(len > strlen(last));
		CHECK_STR(data + len - strlen(last), last);
		free(data);
	}
	CHECK(run_save(&run, &e));
	run_close(&run);
	run_to_the_end("episodes", &c, false);
	char *data = read_file(at("episodes/episodes.csv"), &len), *p = data;
	CHECK(strncmp(p, "r,l,timesteps,terminated\n", 25) == 0);
	for (int step = 1; step <= 3000 && (p = strchr(p, '\n')); step++) {
		char want[64];
		snprintf(want, sizeof(want), "1,1,%d,false\n", step);
		if (strncmp(++p, want, strlen(want)) != 0) {
			FAIL(want);
			break;
		}
	}
	CHECK(p && strchr(p, '\n') == data + len - 1);
	free(data);
}

static void test_timing_has_a_row_per_progress_row(void)
{
	size_t len;
	int n_rows = 0;
	char *data = read_file(at("a/b/first/timing.csv"), &len);
	CHECK(strncmp(data, "timesteps,wall_s,steps_per_s,max_rss_kib\n", 41) == 0);
	long long last = 0;
	double wall = 0;
	for (char *p = strchr(data, '\n') + 1; *p; p = strchr(p, '\n') + 1, n_rows++) {
		long long timesteps;
		double wall_s, speed;
		long rss;
		CHECK_INT(sscanf(p, "%lld,%lf,%lf,%ld\n", &timesteps, &wall_s, &speed, &rss), 4);
		CHECK(timesteps > last && wall_s >= wall && speed > 0 && rss > 0);
		last = timesteps;
		wall = wall_s;
	}
	CHECK_INT(n_rows, 8); /* 40 80 ... 280 300 */
	CHECK_INT(last, 300);
	free(data);
}

static void test_a_done_run_is_recognised(void)
{
	const struct config c = small_config(NULL);
	struct err e;
	const struct digest before = digest_of("a/b/first", true);
	CHECK(open_run("a/b/first", &c, false, &e));
	CHECK_INT(run.state, RUN_DONE);
	CHECK(run.dir.state == RUNDIR_DONE);
	CHECK_INT(run.result.timesteps, 300);
	CHECK_INT(run.result.n_updates, 250);
	CHECK(run.result.final_sha256[0] != '\0');
	run_close(&run);
	CHECK_STR(digest_of("a/b/first", true).hex, before.hex);
}

static void test_equal_runs_have_equal_bytes(void)
{
	const struct config c = small_config(NULL);
	run_to_the_end("second", &c, false);
	CHECK(run.dir.state != RUNDIR_DONE);
	CHECK_INT(digest_of("second", false).n_files, 7);
	CHECK_STR(digest_of("second", false).hex, digest_of("a/b/first", false).hex);
	const struct config other = small_config("seed=2");
	run_to_the_end("other", &other, false);
	CHECK(strcmp(digest_of("other", false).hex, digest_of("a/b/first", false).hex) != 0);
}

static void test_an_unfinished_run_starts_again_to_the_same_bytes(void)
{
	static const int stops[] = { 0, 1, 70, 100, 255, 299 };
	const struct config c = small_config(NULL);
	for (int i = 0; i < 6; i++) {
		char name[32];
		struct err e;
		snprintf(name, sizeof(name), "unfinished%d", i);
		CHECK(open_run(name, &c, false, &e));
		for (int step = 0; step < stops[i]; step++)
			CHECK(run_step(&run, &e));
		CHECK_INT(run.state, RUN_ACTIVE);
		run_close(&run);
		CHECK(!exists(name, "result.json"));
		CHECK(open_run(name, &c, false, &e));
		CHECK(run.dir.state == RUNDIR_STARTED && run.dir.state != RUNDIR_DONE);
		CHECK_INT(run.train.timesteps, 0);
		run_close(&run);
		run_to_the_end(name, &c, false);
		CHECK_STR(digest_of(name, false).hex, digest_of("a/b/first", false).hex);
	}
}

/* What a killed process may leave: the weights, but no result.json. */
static void test_without_result_json_a_run_is_not_done(void)
{
	const struct config c = small_config(NULL);
	run_to_the_end("killed", &c, false);
	CHECK_INT(unlink(at("killed/result.json")), 0);
	write_file(at("killed/result.json.tmp"), "{\"format_ver");
	write_file(at("killed/config.ini.tmp"), "[ru");
	struct err e;
	CHECK(open_run("killed", &c, false, &e));
	CHECK(run.dir.state == RUNDIR_STARTED);
	run_close(&run);
	run_to_the_end("killed", &c, false);
	CHECK_STR(digest_of("killed", false).hex, digest_of("a/b/first", false).hex);
}

static void test_fresh_starts_over(void)
{
	const struct config c = small_config(NULL), other = small_config("seed=2");
	struct err e;
	run_to_the_end("fresh", &other, false);
	CHECK(open_run("fresh", &c, true, &e));
	CHECK_INT(run.state, RUN_ACTIVE);
	CHECK(run.dir.state != RUNDIR_DONE);
	CHECK_STR(run.dir.removed, "result.json final.safetensors best.safetensors timing.csv "
				   "episodes.csv eval.csv progress.csv config.ini");
	CHECK(!exists("fresh", "result.json") && !exists("fresh", "final.safetensors") &&
		!exists("fresh", "best.safetensors"));
	run_close(&run);
	run_to_the_end("fresh", &c, true);
	CHECK_STR(run.dir.removed, "timing.csv episodes.csv eval.csv progress.csv config.ini");
	CHECK_STR(digest_of("fresh", false).hex, digest_of("a/b/first", false).hex);
	/* In a directory that is not there, or empty, it is a run like any other. */
	run_to_the_end("fresh2", &c, true);
	CHECK_STR(run.dir.removed, "");
	CHECK_STR(digest_of("fresh2", false).hex, digest_of("a/b/first", false).hex);
}

static void test_fresh_removes_the_run_and_nothing_else(void)
{
	const struct config c = small_config(NULL);
	run_to_the_end("fresh3", &c, false);
	struct err e;
	write_file(at("fresh3/result.json.tmp"), "x");
	write_file(at("fresh3/best.safetensors.tmp"), "x");
	write_file(at("fresh3/notes.txt"), "mine");
	CHECK(open_run("fresh3", &c, true, &e));
	run_close(&run);
	CHECK(!exists("fresh3", "result.json.tmp"));
	CHECK(!exists("fresh3", "best.safetensors.tmp"));
	CHECK(exists("fresh3", "notes.txt"));
}

static void test_a_run_without_evaluations_keeps_the_last_weights(void)
{
	const struct config c = small_config("eval_freq=0");
	run_to_the_end("no_eval", &c, false);
	CHECK(!run.result.has_best && isnan(run.result.best_return_mean));
	CHECK_INT(run.result.best_timesteps, 300);
	CHECK_STR(run.result.best_sha256, run.result.final_sha256);
	struct err e;
	CHECK(open_run("no_eval", &c, false, &e));
	CHECK(run.dir.state == RUNDIR_DONE && !run.result.has_best && isnan(run.result.best_return_mean));
	run_close(&run);
	size_t len;
	char *data = read_file(at("no_eval/result.json"), &len);
	CHECK(strstr(data, "\"best_return_mean\":null") != NULL);
	free(data);
}

static void test_a_stopped_run_says_so(void)
{
	const struct config c = small_config("stop_return=1");
	run_to_the_end("stopped", &c, false);
	CHECK(run.result.stopped);
	CHECK_INT(run.result.timesteps, 100);
	CHECK_INT(run.result.total_timesteps, 300);
	CHECK_INT(run.result.best_timesteps, 100);
	struct err e;
	CHECK(open_run("stopped", &c, false, &e));
	CHECK(run.dir.state == RUNDIR_DONE && run.result.stopped);
	run_close(&run);
}

static void test_divergence_keeps_the_best_weights(void)
{
	struct config c = small_config(NULL);
	set_keys(&c, "net_arch=16,16,16,16 learning_rate=1 reward_scale=1e6 obs_scale=1e6,1e6,1e6,1e6 "
		     "loss=mse max_grad_norm=0 adam_beta1=0 adam_beta2=0 gamma=1 target_update_interval=1 "
		     "eval_freq=40 learning_starts=50");
	struct err e;
	for (int again = 0; again < 2; again++) {
		CHECK(open_run("diverged", &c, false, &e));
		CHECK_INT(run.dir.state == RUNDIR_STARTED, again);
		bool ok = true;
		while (ok && run.state == RUN_ACTIVE)
			ok = run_step(&run, &e);
		CHECK(!ok);
		CHECK_INT(e.kind, ERR_DIVERGED);
		CHECK(run.train.has_best);
		char steps[32], hash[SHA256_HEX_SIZE];
		size_t len;
		char *data = read_file(at("diverged/best.safetensors"), &len);
		sha256_of(data, len, hash);
		free(data);
		snprintf(steps, sizeof(steps), "%" PRId64, run.train.best_row.timesteps);
		check_weights_file(at("diverged/best.safetensors"), run.train.best, steps, hash);
		int64_t n_rows = -1; /* the header */
		data = read_file(at("diverged/episodes.csv"), &len);
		for (size_t i = 0; i < len; i++)
			n_rows += data[i] == '\n';
		free(data);
		CHECK(n_rows > 0 && n_rows >= run.train.episodes - 1); /* not that of the last step */
		run_close(&run);
		CHECK(!exists("diverged", "result.json"));
		CHECK(!exists("diverged", "final.safetensors"));
		data = read_file(at("diverged/failed.txt"), &len);
		CHECK(len == strlen(e.msg) + 1 && strncmp(data, e.msg, len - 1) == 0);
		free(data);
	}
	CHECK(open_run("diverged", &c, false, &e)); /* until it has, it is under way */
	CHECK(!exists("diverged", "failed.txt"));
	run_close(&run);
}

/* A step that is interrupted between its episode's end and its updates. */
/* Q values that overflow although every weight is finite: first in an evaluation, then
 * in the final one. No Q value is asked for in training. */
static void test_an_evaluation_that_diverges_ends_the_run(void)
{
	struct config c = small_config(NULL);
	struct err e;
	set_keys(&c, "exploration_final_eps=1 gradient_steps=0");
	for (int64_t step = 200; step <= 300; step += 100) {
		const char *const name = step < 300 ? "eval_diverged" : "final_diverged";
		c.eval_freq = 200;
		CHECK(open_run(name, &c, false, &e));
		while (run.train.timesteps < step - 1 && run_step(&run, &e))
			;
		const struct agent *a = &run.train.agent;
		for (size_t i = 0; i < a->policy.net.n_params; i++)
			a->online[i] = 3e38f;
		bool ok = true;
		while (ok && run.state == RUN_ACTIVE)
			ok = run_step(&run, &e);
		CHECK(!ok);
		CHECK_INT(e.kind, ERR_DIVERGED);
		CHECK(strstr(e.msg, "a Q value is not finite") != NULL);
		CHECK_INT(run.train.timesteps, step);
		CHECK_INT(run.train.has_best, step == 300); /* what has diverged never is */
		CHECK(exists(name, "failed.txt"));
		CHECK(!exists(name, "result.json") && !exists(name, "final.safetensors"));
		run_close(&run);
	}
}

/* The second best is written only when saving is due: in a minute, or now. */
static void test_divergence_writes_best_weights_that_wait(void)
{
	struct config c = small_config(NULL);
	struct err e;
	set_keys(&c, "exploration_final_eps=1 gradient_steps=0 eval_max_episode_steps=5");
	CHECK(open_run("late_best", &c, false, &e));
	while (run.train.timesteps < 299 && run_step(&run, &e))
		;
	for (size_t i = 0; i < run.train.agent.policy.net.n_params; i++)
		run.train.agent.online[i] = 3e38f;
	CHECK(!run_step(&run, &e));
	CHECK_INT(e.kind, ERR_DIVERGED);
	CHECK_INT(run.train.best_row.timesteps, 200);
	char hash[SHA256_HEX_SIZE];
	size_t len;
	char *data = read_file(at("late_best/best.safetensors"), &len);
	sha256_of(data, len, hash);
	free(data);
	check_weights_file(at("late_best/best.safetensors"), run.train.best, "200", hash);
	run_close(&run);
}

static void test_divergence_is_the_same_after_interruptions(void)
{
	int n_diverged = 0, n_at_the_end = 0;
	for (int seed = 1; seed <= 40; seed++) {
		char key[20], dir[2][32], hex[2][SHA256_HEX_SIZE];
		snprintf(key, sizeof(key), "seed=%d", seed);
		struct config c = small_config(key);
		set_keys(&c, "net_arch=16,16,16,16 learning_rate=1 reward_scale=1e6 obs_scale=1e6,1e6,1e6,1e6 "
			     "loss=mse max_grad_norm=0 adam_beta1=0 adam_beta2=0 gamma=1 target_update_interval=1 "
			     "eval_freq=0 gradient_steps=4 max_episode_steps=2");
		struct err e = { .msg = "" };
		for (int cut = 0; cut < 2; cut++) {
			snprintf(dir[cut], sizeof(dir[cut]), "wild%d-%d", cut, seed);
			volatile sig_atomic_t stop = 0;
			CHECK(open_run(dir[cut], &c, false, &e));
			run.train.stop = &stop;
			for (bool ok = true; ok && run.state == RUN_ACTIVE;) {
				stop = cut && run.train.phase == PHASE_COLLECT && run.train.timesteps >= 45;
				ok = run_step(&run, &e);
				if (!ok || !stop || run.train.phase == PHASE_COLLECT || !run_save(&run, &e))
					continue;
				run_close(&run);
				CHECK(open_run(dir[cut], &c, false, &e));
				run.train.stop = &stop;
			}
			n_diverged += e.kind == ERR_DIVERGED;
			n_at_the_end += e.kind == ERR_DIVERGED && run.train.events & TRAIN_EPISODE;
			run_close(&run);
			char path[100];
			static const char *const names[] = { "checkpoint.safetensors",
				"checkpoint-previous.safetensors" };
			for (int i = 0; i < 2; i++) {
				snprintf(path, sizeof(path), "%s/%s", dir[cut], names[i]);
				unlink(at(path));
			}
			memcpy(hex[cut], digest_of(dir[cut], false).hex, SHA256_HEX_SIZE);
		}
		CHECK_STR(hex[1], hex[0]);
	}
	CHECK(n_diverged >= 8 && n_at_the_end > 0);
}

static void test_what_has_diverged_is_not_saved(void)
{
	const struct config c = small_config(NULL);
	struct err e;
	CHECK(open_run("infinite", &c, false, &e));
	CHECK(run_step(&run, &e));
	run.train.agent.v[0] = INFINITY;
	CHECK(!run_save(&run, &e));
	CHECK_INT(e.kind, ERR_DIVERGED);
	run_close(&run);
	CHECK(!exists("infinite", "checkpoint.safetensors"));
	CHECK(!exists("infinite", "failed.txt"));
}

/* --- what is left alone --- */

static void test_another_configuration_is_refused(void)
{
	const struct config c = small_config("seed=2"), d = small_config("net_arch=9,9");
	check_refused("a/b/first", &c, false, ERR_BUSY, "seed: 1, not 2");
	check_refused("a/b/first", &d, false, ERR_BUSY, "net_arch: 8, not 9,9");
	check_refused("a/b/first", &c, false, ERR_BUSY, "--fresh");
	CHECK(strstr(at("a/b/first"), "first") != NULL);
	/* An unfinished one too. */
	const struct config ours = small_config(NULL);
	struct err e;
	CHECK(open_run("started", &ours, false, &e));
	for (int i = 0; i < 120; i++)
		CHECK(run_step(&run, &e));
	run_close(&run);
	check_refused("started", &c, false, ERR_BUSY, "seed: 1, not 2");
	/* Every key counts, those that change no result too. */
	const struct config log = small_config("log_interval=71");
	check_refused("a/b/first", &log, false, ERR_BUSY, "log_interval: 40, not 71");
}

static void test_many_differing_keys_do_not_overflow_the_message(void)
{
	struct config c = small_config("seed=18446744073709551615");
	for (const struct option *o = config_options; o->key; o++) {
		void *field = (char *)&c + o->offset;
		if (o->type == OPTION_INT)
			*(int64_t *)field += 123456789;
		else if (o->type == OPTION_REAL)
			*(double *)field = 0.12345678901234567;
	}
	check_refused("a/b/first", &c, false, ERR_BUSY, "seed: 1, not 18446744073709551615");
}

static void test_a_foreign_directory_is_refused(void)
{
	const struct config c = small_config(NULL);
	CHECK_INT(mkdir(at("foreign"), 0777), 0);
	write_file(at("foreign/thesis.tex"), "years of work");
	for (int fresh = 0; fresh < 2; fresh++)
		check_refused("foreign", &c, fresh, ERR_BUSY, "thesis.tex");
	/* With files of our names, but no config.ini, it is no less foreign. */
	CHECK_INT(mkdir(at("foreign2"), 0777), 0);
	write_file(at("foreign2/result.json"), "{}");
	for (int fresh = 0; fresh < 2; fresh++)
		check_refused("foreign2", &c, fresh, ERR_BUSY, "result.json");
}

static void test_another_programs_config_ini_is_refused(void)
{
	static const char *const texts[] = { "[server]\nport = 80\n", "not an ini\n", "\x01\x02" };
	const struct config c = small_config(NULL);
	CHECK_INT(mkdir(at("theirs"), 0777), 0);
	for (int i = 0; i < 3; i++) {
		write_file(at("theirs/config.ini"), texts[i]);
		for (int fresh = 0; fresh < 2; fresh++)
			check_refused("theirs", &c, fresh, ERR_CORRUPT, "config.ini:1");
	}
}

static void test_an_empty_directory_is_used(void)
{
	const struct config c = small_config(NULL);
	CHECK_INT(mkdir(at("empty"), 0777), 0);
	write_file(at("empty/.hidden"), "x");
	write_file(at("empty/config.ini.tmp"), "[ru");
	run_to_the_end("empty", &c, false);
	CHECK(run.dir.state != RUNDIR_STARTED);
	CHECK(exists("empty", ".hidden") && exists("empty", "result.json"));
}

/* --- damaged runs --- */

static void test_a_corrupt_result_is_refused_until_fresh(void)
{
	static const char *const texts[] = { "", "{}", "null", "{\"format_version\":2}", "\n" };
	const struct config c = small_config(NULL);
	run_to_the_end("damaged", &c, false);
	size_t len;
	char *data = read_file(at("damaged/result.json"), &len);
	for (int i = 0; i < 5; i++) {
		write_file(at("damaged/result.json"), texts[i]);
		check_refused("damaged", &c, false, ERR_CORRUPT, "result.json");
	}
	data[len / 2] = '\0';
	write_file(at("damaged/result.json"), data);
	check_refused("damaged", &c, false, ERR_CORRUPT, "result.json");
	free(data);
	run_to_the_end("damaged", &c, true);
	CHECK_STR(digest_of("damaged", false).hex, digest_of("a/b/first", false).hex);
}

static void test_missing_or_changed_weights_are_refused(void)
{
	static const char *const names[] = { "final.safetensors", "best.safetensors" };
	const struct config c = small_config(NULL);
	for (int i = 0; i < 2; i++) {
		char path[100];
		snprintf(path, sizeof(path), "damaged/%s", names[i]);
		run_to_the_end("damaged", &c, true);
		CHECK_INT(unlink(at(path)), 0);
		check_refused("damaged", &c, false, ERR_CORRUPT, names[i]);
		run_to_the_end("damaged", &c, true);
		FILE *f = fopen(at(path), "r+");
		CHECK(f != NULL);
		if (f) {
			fseek(f, -1, SEEK_END);
			fputc(0x55, f);
			fclose(f);
		}
		check_refused("damaged", &c, false, ERR_CORRUPT, names[i]);
		run_to_the_end("damaged", &c, true);
		if (truncate(at(path), (off_t)1 << 40) == 0) { /* takes no room */
			struct err e;
			alarm(60);
			CHECK(!open_run("damaged", &c, false, &e));
			alarm(0);
			CHECK_INT(e.kind, ERR_CORRUPT);
			CHECK(strstr(e.msg, names[i]) != NULL);
		}
	}
	run_to_the_end("damaged", &c, true);
	CHECK_STR(digest_of("damaged", false).hex, digest_of("a/b/first", false).hex);
}

/* --- other processes --- */

/* A child that opens the run and holds it until the pipe closes; its pid, or -1. */
static pid_t hold(const char *name, const struct config *c, int *until)
{
	int ready[2], hold_fd[2];
	char byte = 0;
	struct err e;
	if (pipe(ready) != 0 || pipe(hold_fd) != 0)
		return -1;
	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0) {
		close(hold_fd[1]);
		byte = open_run(name, c, false, &e) ? 'y' : 'n';
		if (write(ready[1], &byte, 1) == 1 && read(hold_fd[0], &byte, 1) == 0)
			_exit(0);
		_exit(1);
	}
	close(ready[1]);
	close(hold_fd[0]);
	*until = hold_fd[1];
	CHECK_INT(read(ready[0], &byte, 1), 1);
	CHECK_INT(byte, 'y');
	close(ready[0]);
	return pid;
}

static void test_a_second_process_is_kept_out(void)
{
	const struct config c = small_config(NULL);
	int until = -1, status;
	char piece[64];
	const pid_t pid = hold("held", &c, &until);
	CHECK(pid > 0);
	if (pid <= 0)
		return;
	snprintf(piece, sizeof(piece), "in use by process %ld", (long)pid);
	for (int fresh = 0; fresh < 2; fresh++)
		check_refused("held", &c, fresh, ERR_BUSY, piece);
	close(until);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	run_to_the_end("held", &c, false);
	CHECK(run.dir.state == RUNDIR_STARTED);
	CHECK_STR(digest_of("held", false).hex, digest_of("a/b/first", false).hex);
}

/* What looks left over may be what another process is writing. */
static void test_temporary_files_of_a_process_that_lives(void)
{
	const struct config c = small_config(NULL);
	struct err e;
	int until = -1, status;
	run_to_the_end("left", &c, false);
	write_file(at("left/result.json.tmp"), "");
	const pid_t pid = hold("left", &c, &until); /* it removes that and keeps the lock */
	CHECK(pid > 0 && !exists("left", "result.json.tmp"));
	for (int held = 1; held >= 0; held--) {
		write_file(at("left/result.json.tmp"), "");
		CHECK(open_run("left", &c, false, &e));
		CHECK_INT(run.state, RUN_DONE);
		run_close(&run);
		CHECK_INT(exists("left", "result.json.tmp"), held);
		if (held) {
			close(until);
			CHECK(waitpid(pid, &status, 0) == pid);
		}
	}
}

static void test_a_state_is_saved_once(void)
{
	const struct config c = small_config(NULL);
	struct err e;
	for (int turn = 0; turn < 3; turn++) {
		CHECK(open_run("once", &c, false, &e));
		CHECK_INT(run.was_resumed, turn > 0);
		if (turn == 2)
			CHECK(run_step(&run, &e));
		for (int i = 0; i < 2; i++)
			CHECK(run_save(&run, &e));
		run_close(&run);
		CHECK(exists("once", "checkpoint.safetensors"));
		CHECK_INT(exists("once", "checkpoint-previous.safetensors"), turn == 2);
	}
}

static void test_a_killed_process_releases_the_lock(void)
{
	const struct config c = small_config(NULL);
	int until = -1, status;
	const pid_t pid = hold("killed2", &c, &until);
	CHECK(pid > 0);
	if (pid <= 0)
		return;
	CHECK_INT(kill(pid, SIGKILL), 0);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	close(until);
	run_to_the_end("killed2", &c, false);
	CHECK_STR(digest_of("killed2", false).hex, digest_of("a/b/first", false).hex);
}

/* --- errors of the system --- */

static void check_error(const char *path, const char *piece)
{
	const struct config c = small_config(NULL);
	struct err e = { .msg = "" };
	const bool opened = run_open(&run, path, &c, NULL, kernels_find(NULL), false, &e);
	CHECK(!opened);
	if (opened) {
		run_close(&run);
		return;
	}
	CHECK_INT(e.kind, ERR_RUN);
	CHECK(strstr(e.msg, piece) != NULL);
	if (!strstr(e.msg, piece))
		printf("'%s' without '%s'\n", e.msg, piece);
}

static void test_paths_that_cannot_be(void)
{
	static char path[5000];
	write_file(at("a_file"), "x");
	check_error(at("a_file"), "a_file");
	check_error(at("a_file/run"), "a_file");
	check_error("", "");
	check_error("/dev/null/such/run", "/dev/null");
	memset(path, 'x', sizeof(path) - 1);
	check_error(path, "");
	/* Names short enough for the system, and a path that is not. */
	for (size_t i = 0; i < sizeof(path) - 1; i += 100)
		path[i] = '/';
	memcpy(path, scratch, strlen(scratch));
	path[strlen(scratch)] = '/';
	check_error(path, "too long");
}

/* What the longest of the run's names does not fit must fail before the training,
 * not behind it. */
static void test_paths_that_almost_fit(void)
{
	const struct config c = small_config(NULL);
	static char path[RUN_PATH_SIZE];
	memset(path, 'y', sizeof(path) - 1);
	for (size_t i = 0; i < sizeof(path) - 1; i += 100)
		path[i] = '/';
	memcpy(path, scratch, strlen(scratch));
	path[strlen(scratch)] = '/';
	int n_opened = 0, n_finished = 0;
	for (size_t len = RUN_PATH_SIZE - 1; len > RUN_PATH_SIZE - 60; len--) {
		struct err e = { .kind = ERR_USAGE, .msg = "" };
		path[len] = '\0';
		bool ok = run_open(&run, path, &c, NULL, kernels_find(NULL), false, &e);
		n_opened += ok;
		if (!ok) {
			CHECK_INT(e.kind, ERR_RUN);
			continue;
		}
		while (ok && run.state == RUN_ACTIVE)
			ok = run_step(&run, &e);
		n_finished += ok;
		run_close(&run);
	}
	CHECK(n_opened > 10);
	CHECK_INT(n_finished, n_opened);
}

static void test_a_read_only_directory(void)
{
	const struct config c = small_config(NULL);
	CHECK_INT(mkdir(at("readonly"), 0777), 0);
	run_to_the_end("readonly_done", &c, false);
	CHECK_INT(chmod(scratch, 0755), 0);
	CHECK_INT(chmod(at("readonly"), 0555), 0);
	CHECK_INT(chmod(at("readonly_done"), 0555), 0);
	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0) {
		/* root may write everywhere: somebody else asks */
		if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
			_exit(0);
		struct err e;
		int wrong = 0;
		if (open_run("readonly", &c, false, &e) || e.kind != ERR_RUN || !strstr(e.msg, "readonly"))
			wrong |= 1;
		/* What is done can be recognised without writing. */
		if (!open_run("readonly_done", &c, false, &e) || run.state != RUN_DONE)
			wrong |= 2;
		else
			run_close(&run);
		_exit(wrong);
	}
	int status = -1;
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
	CHECK_INT(chmod(at("readonly"), 0755), 0);
	CHECK_INT(chmod(at("readonly_done"), 0755), 0);
}

/* Puts what is no file of ours in the place of one. */
enum odd { ODD_DIRECTORY, ODD_FIFO, ODD_LINK, ODD_DANGLING, ODD_LOOP, ODD_DEVICE, N_ODD };
static void put_odd(enum odd kind, const char *path)
{
	const char *leads_to[N_ODD] = {
		[ODD_LINK] = at("victim"), [ODD_DANGLING] = at("nowhere"), [ODD_LOOP] = path, [ODD_DEVICE] = "/dev/null"
	};
	char inner[RUN_PATH_SIZE + 10];
	unlink(path);
	if (kind == ODD_DIRECTORY) {
		snprintf(inner, sizeof(inner), "%s/full", path);
		CHECK_INT(mkdir(path, 0777), 0);
		write_file(inner, "x");
	} else if (kind == ODD_FIFO) {
		CHECK_INT(mkfifo(path, 0666), 0);
	} else {
		CHECK_INT(symlink(leads_to[kind], path), 0);
	}
}

/* A run of 300 steps in `name`: done, or cut short with two checkpoints. */
static void make_run(const char *name, const struct config *c, bool done)
{
	struct err e;
	if (done) {
		run_to_the_end(name, c, false);
		return;
	}
	CHECK(open_run(name, c, false, &e));
	for (int step = 1; step <= 200; step++)
		CHECK(run_step(&run, &e) && (step % 90 != 0 || run_save(&run, &e)));
	run_close(&run);
}

/* It is an error that names it or nothing to the run, is not waited for, and what it
 * leads to stays as it is. */
static void test_what_is_no_file(void)
{
	static const char *const files[] = { ".lock", "config.ini", "progress.csv", "eval.csv", "episodes.csv",
		"timing.csv", "best.safetensors", "final.safetensors", "result.json", "failed.txt",
		"checkpoint.safetensors", "checkpoint-previous.safetensors" };
	enum { N_FILES = sizeof(files) / sizeof(files[0]) };
	const struct config c = small_config(NULL);
	static char victim[20000];
	int n_errors[2] = { 0 }, n_done[2] = { 0 };
	memset(victim, 'v', sizeof(victim) - 1);
	write_file(at("victim"), victim);
	alarm(120); /* what waits at a FIFO would wait for ever */
	for (int i = 0; i < 2 * N_FILES * N_ODD * 2; i++) {
		const bool done = i % 2, temporary = i / 2 % 2;
		const enum odd kind = (enum odd)(i / 4 % N_ODD);
		const char *file = files[i / 4 / N_ODD];
		char dir[40], path[120];
		struct err e;
		snprintf(dir, sizeof(dir), "odd%d", i);
		snprintf(path, sizeof(path), "%s/%s%s", dir, file, temporary ? ".tmp" : "");
		make_run(dir, &c, done);
		put_odd(kind, at(path));
		bool ok = open_run(dir, &c, false, &e);
		while (ok && run.state == RUN_ACTIVE)
			ok = run_step(&run, &e) && (run.train.timesteps != 210 || run_save(&run, &e));
		run_close(&run);
		n_errors[done] += !ok;
		n_done[done] += ok;
		CHECK(ok || e.kind == ERR_RUN || e.kind == ERR_CORRUPT);
		CHECK(ok || strstr(e.msg, file) != NULL);
		if (!ok && !strstr(e.msg, file))
			printf("%s, %d: %s\n", path, (int)kind, e.msg);
		if (temporary && kind != ODD_DIRECTORY && i / 4 / N_ODD > 0)
			CHECK(ok);
		if (temporary && kind != ODD_DIRECTORY && i / 4 / N_ODD > 0)
			CHECK_STR(digest_of(dir, false).hex, digest_of("a/b/first", false).hex);
		size_t len;
		char *data = read_file(at("victim"), &len);
		CHECK_STR(data, victim);
		free(data);
		CHECK(!file_exists(NULL, at("nowhere")));
	}
	alarm(0);
	CHECK(n_errors[0] > 40 && n_done[0] > 80 && n_errors[1] > 20 && n_done[1] > 100);
}

static void test_a_full_disk_at_the_start(void)
{
	static const char *const logs[] = { "progress.csv", "eval.csv", "episodes.csv", "timing.csv" };
	const struct config c = small_config(NULL);
	if (access("/dev/full", W_OK) != 0) {
		SKIP("logs on a full device", "no /dev/full");
		CHECK(true);
		return;
	}
	for (int i = 0; i < N_LOGS; i++) {
		char path[100];
		struct err e;
		snprintf(path, sizeof(path), "full%d", i);
		CHECK(open_run(path, &c, false, &e));
		run_close(&run);
		snprintf(path, sizeof(path), "full%d/%s", i, logs[i]);
		CHECK_INT(unlink(at(path)), 0);
		CHECK_INT(symlink("/dev/full", at(path)), 0);
		snprintf(path, sizeof(path), "full%d", i);
		CHECK(!open_run(path, &c, false, &e));
		CHECK_INT(e.kind, ERR_RUN);
		CHECK(strstr(e.msg, logs[i]) != NULL);
		CHECK(run.dir.lock == -1 && run.buf == NULL);
	}
}

/* The best weights are written at the first evaluation, too. */
static void test_a_failed_write_at_the_end_leaves_the_run_unfinished(void)
{
	static const char *const names[] = { "best.safetensors", "final.safetensors", "result.json" };
	const struct config c = small_config(NULL);
	for (int i = 0; i < 3; i++) {
		char dir[100], blocked[200];
		struct err e;
		snprintf(dir, sizeof(dir), "blocked%d", i);
		snprintf(blocked, sizeof(blocked), "%s/%s.tmp", dir, names[i]);
		CHECK(open_run(dir, &c, false, &e));
		CHECK_INT(mkdir(at(blocked), 0777), 0);
		bool ok = true;
		while (ok && run.state == RUN_ACTIVE)
			ok = run_step(&run, &e);
		CHECK(!ok);
		CHECK_INT(run.train.timesteps, i == 0 ? run.train.best_row.timesteps : 300);
		CHECK_INT(e.kind, ERR_RUN);
		CHECK(strstr(e.msg, names[i]) != NULL);
		CHECK_INT(run.state, RUN_ACTIVE);
		run_close(&run);
		CHECK(!exists(dir, "result.json"));
		CHECK_INT(rmdir(at(blocked)), 0);
		run_to_the_end(dir, &c, false);
		CHECK_STR(digest_of(dir, false).hex, digest_of("a/b/first", false).hex);
	}
}

static void test_out_of_memory_costs_no_earlier_run(void)
{
	struct config c = small_config(NULL);
	c.buffer_size = c.total_timesteps = (int64_t)1 << 53;
	check_refused("a/b/first", &c, true, ERR_RUN, "out of memory");
}

/* --- result.json --- */

static struct result random_result(struct rng *rng)
{
	struct result r = {
		.env_id = "CartPole-v1",
		.seed = rng_u64(rng),
		.timesteps = (int64_t)(rng_u64(rng) >> 1 >> rng_below(rng, 60)),
		.total_timesteps = (int64_t)(rng_u64(rng) >> 1),
		.episodes = (int64_t)(rng_u64(rng) >> 40),
		.n_updates = rng_u64(rng),
		.stopped = rng_below(rng, 2),
		.final = { .n_episodes = 1 + (int64_t)rng_below(rng, 1000),
			.return_mean = rng_uniform(rng, -500, 500),
			.return_std = rng_double(rng),
			.return_min = -rng_double(rng),
			.return_max = 1e300 * rng_double(rng),
			.length_mean = rng_uniform(rng, 0, 500) },
		.has_best = rng_below(rng, 2),
		.best_timesteps = (int64_t)rng_below(rng, 50000),
		.best_return_mean = NAN,
	};
	if (r.has_best)
		r.best_return_mean = rng_uniform(rng, 0, 500);
	for (int i = 0; i < 64; i++) {
		r.final_sha256[i] = "0123456789abcdef"[rng_below(rng, 16)];
		r.best_sha256[i] = "0123456789abcdef"[rng_below(rng, 16)];
	}
	return r;
}

static bool same_real(double a, double b)
{
	return memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b));
}

static void check_same_result(const struct result *a, const struct result *b)
{
	CHECK_STR(a->env_id, b->env_id);
	CHECK(a->seed == b->seed && a->n_updates == b->n_updates);
	CHECK_INT(a->timesteps, b->timesteps);
	CHECK_INT(a->total_timesteps, b->total_timesteps);
	CHECK_INT(a->episodes, b->episodes);
	CHECK_INT(a->stopped, b->stopped);
	CHECK_INT(a->has_best, b->has_best);
	CHECK_INT(a->best_timesteps, b->best_timesteps);
	CHECK(same_real(a->best_return_mean, b->best_return_mean));
	CHECK_INT(a->final.n_episodes, b->final.n_episodes);
	CHECK(same_real(a->final.return_mean, b->final.return_mean));
	CHECK(same_real(a->final.return_std, b->final.return_std));
	CHECK(same_real(a->final.return_min, b->final.return_min));
	CHECK(same_real(a->final.return_max, b->final.return_max));
	CHECK(same_real(a->final.length_mean, b->final.length_mean));
	CHECK_STR(a->final_sha256, b->final_sha256);
	CHECK_STR(a->best_sha256, b->best_sha256);
}

static size_t print_result(const struct result *r, char buf[RUN_RESULT_SIZE])
{
	struct text t;
	t = text_into(buf, RUN_RESULT_SIZE);
	result_print(r, &t);
	CHECK(!t.full);
	return t.len;
}

/* Parses a copy of its own size, so that ASan sees every byte read behind it. */
static bool parse_result(struct result *r, const char *text, size_t len, struct err *e)
{
	char *copy = malloc(len ? len : 1);
	if (!copy)
		abort();
	memcpy(copy, text, len);
	*e = (struct err){ .msg = "" };
	const bool ok = result_parse(r, "r.json", copy, len, e);
	free(copy);
	if (!ok) {
		CHECK_INT(e->kind, ERR_CORRUPT);
		CHECK(strncmp(e->msg, "'r.json': ", 10) == 0);
	}
	return ok;
}

static void test_results_read_back(void)
{
	struct rng rng;
	rng_init(&rng, 12);
	for (int i = 0; i < 300; i++) {
		const struct result want = random_result(&rng);
		struct result got;
		char text[RUN_RESULT_SIZE];
		struct err e;
		const size_t len = print_result(&want, text);
		CHECK(strchr(text, '\n') == NULL);
		CHECK(parse_result(&got, text, len, &e));
		check_same_result(&got, &want);
	}
}

static void test_every_truncation_of_a_result_is_an_error(void)
{
	struct rng rng;
	struct err e;
	rng_init(&rng, 13);
	const struct result want = random_result(&rng);
	struct result got;
	char text[RUN_RESULT_SIZE];
	const size_t len = print_result(&want, text);
	for (size_t n = 0; n < len; n++)
		CHECK(!parse_result(&got, text, n, &e));
	text[len] = '\n';
	CHECK(parse_result(&got, text, len + 1, &e));
	text[len] = '}';
	CHECK(!parse_result(&got, text, len + 1, &e));
	text[len] = '\0';
	CHECK(!parse_result(&got, text, len + 1, &e));
}

static void test_every_key_of_a_result_is_needed(void)
{
	struct rng rng;
	struct err e;
	rng_init(&rng, 14);
	const struct result want = random_result(&rng);
	struct result got;
	char text[RUN_RESULT_SIZE];
	const size_t len = print_result(&want, text);
	int n_keys = 0;
	for (size_t i = 1; i < len; i++)
		if (text[i] == '"' && (text[i - 1] == ',' || text[i - 1] == '{')) {
			const char before = text[i + 1];
			text[i + 1] = 'X';
			CHECK(!parse_result(&got, text, len, &e));
			text[i + 1] = before;
			n_keys++;
		}
	CHECK_INT(n_keys, 18);
	CHECK(parse_result(&got, text, len, &e));
}

/* `text` with the value of `key` replaced must be refused. */
static void check_wrong_value(const char *text, const char *key, const char *value)
{
	char name[64], changed[2 * RUN_RESULT_SIZE];
	struct result got;
	struct err e;
	snprintf(name, sizeof(name), "\"%s\":", key);
	const char *p = strstr(text, name);
	CHECK(p != NULL);
	if (!p)
		return;
	p += strlen(name);
	const size_t n = *p == '"' ? 1 + strcspn(p + 1, "\"") + 1 : strcspn(p, ",}");
	snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(p - text), text, value, p + n);
	const bool ok = parse_result(&got, changed, strlen(changed), &e);
	CHECK(!ok);
	if (ok)
		printf("%s = %s\n", key, value);
}

static void test_wrong_values_in_a_result(void)
{
	static const char *const cases[][2] = { { "format_version", "2" }, { "format_version", "0" },
		{ "format_version", "\"1\"" }, { "seed", "-1" }, { "seed", "1.5" }, { "seed", "null" },
		{ "seed", "18446744073709551616" }, { "timesteps", "9223372036854775808" }, { "timesteps", "-5" },
		{ "timesteps", "\"5\"" }, { "env_id", "5" },
		{ "env_id", "\"0123456789012345678901234567890123456789012345678901234567890123456789\"" },
		{ "env_id", "null" }, { "final_return_mean", "\"x\"" }, { "final_return_mean", "nan" },
		{ "final_return_mean", "1e999" }, { "final_return_mean", "[1]" }, { "stopped", "tru" },
		{ "stopped", "yes" }, { "stopped", "True" }, { "stopped", "\"true\"" }, { "stopped", "1" },
		{ "stopped", "null" }, { "stopped", "[true]" }, { "final_sha256", "1" },
		{ "final_sha256", "\"00000000000000000000000000000000000000000000000000000000"
				  "000000000\"" } };
	struct rng rng;
	char text[RUN_RESULT_SIZE];
	rng_init(&rng, 15);
	const struct result r = random_result(&rng);
	print_result(&r, text);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_wrong_value(text, cases[i][0], cases[i][1]);
}

static void test_a_later_versions_keys_are_skipped(void)
{
	struct rng rng;
	struct err e;
	struct result got;
	char text[RUN_RESULT_SIZE], longer[2 * RUN_RESULT_SIZE];
	rng_init(&rng, 16);
	const struct result want = random_result(&rng);
	const size_t len = print_result(&want, text);
	snprintf(longer, sizeof(longer), "%.*s,\"new\":{\"a\":[1,2,{\"seed\":5}],\"b\":\"}\"}}", (int)len - 1, text);
	CHECK(parse_result(&got, longer, strlen(longer), &e));
	check_same_result(&got, &want);
}

int main(void)
{
	if (!mkdtemp(scratch)) {
		perror("mkdtemp");
		return 1;
	}
	RUN(test_a_run_leaves_its_files);
	RUN(test_the_configuration_is_the_whole_one);
	RUN(test_the_files_say_what_the_training_did);
	RUN(test_the_weights_files_hold_the_average);
	RUN(test_episodes_are_complete_whenever_progress_is);
	RUN(test_timing_has_a_row_per_progress_row);
	RUN(test_a_done_run_is_recognised);
	RUN(test_equal_runs_have_equal_bytes);
	RUN(test_an_unfinished_run_starts_again_to_the_same_bytes);
	RUN(test_without_result_json_a_run_is_not_done);
	RUN(test_fresh_starts_over);
	RUN(test_fresh_removes_the_run_and_nothing_else);
	RUN(test_a_run_without_evaluations_keeps_the_last_weights);
	RUN(test_a_stopped_run_says_so);
	RUN(test_divergence_keeps_the_best_weights);
	RUN(test_an_evaluation_that_diverges_ends_the_run);
	RUN(test_divergence_writes_best_weights_that_wait);
	RUN(test_divergence_is_the_same_after_interruptions);
	RUN(test_what_has_diverged_is_not_saved);
	RUN(test_another_configuration_is_refused);
	RUN(test_many_differing_keys_do_not_overflow_the_message);
	RUN(test_a_foreign_directory_is_refused);
	RUN(test_another_programs_config_ini_is_refused);
	RUN(test_an_empty_directory_is_used);
	RUN(test_a_corrupt_result_is_refused_until_fresh);
	RUN(test_missing_or_changed_weights_are_refused);
	RUN(test_a_second_process_is_kept_out);
	RUN(test_temporary_files_of_a_process_that_lives);
	RUN(test_a_state_is_saved_once);
	RUN(test_a_killed_process_releases_the_lock);
	RUN(test_paths_that_cannot_be);
	RUN(test_paths_that_almost_fit);
	RUN(test_a_read_only_directory);
	RUN(test_what_is_no_file);
	RUN(test_a_full_disk_at_the_start);
	RUN(test_a_failed_write_at_the_end_leaves_the_run_unfinished);
	RUN(test_out_of_memory_costs_no_earlier_run);
	RUN(test_results_read_back);
	RUN(test_every_truncation_of_a_result_is_an_error);
	RUN(test_every_key_of_a_result_is_needed);
	RUN(test_wrong_values_in_a_result);
	RUN(test_a_later_versions_keys_are_skipped);
	char command[100];
	snprintf(command, sizeof(command), "rm -rf '%s'", scratch);
	if (system(command) != 0)
		printf("note: '%s' is left\n", scratch);
	return test_end();
}
