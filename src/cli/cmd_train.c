#include "cli/cli.h"
#include "base/file.h"
#include "cli/children.h"
#include "cli/progress.h"
#include "cli/signals.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OUT, FRESH, JSON, BRIEF, QUIET, VERBOSE };
static const struct flag train_flags[] = {
	[OUT] = { "out", 'o', FLAG_STRING, "DIR", "the run's directory" },
	[FRESH] = { "fresh", '\0', FLAG_SWITCH, NULL, "remove an earlier run there and start again" },
	[JSON] = { "json", '\0', FLAG_SWITCH, NULL, "print the result as one line of JSON" },
	[BRIEF] = { "brief", '\0', FLAG_SWITCH, NULL, "print the result and the settings as one line" },
	[QUIET] = { "quiet", 'q', FLAG_SWITCH, NULL, "print no progress and no warnings" },
	[VERBOSE] = { "verbose", 'v', FLAG_SWITCH, NULL, "also a line every log_interval steps" },
	{ .name = NULL },
};

static bool default_dir(const struct config *c, const struct args *args, char dir[RUN_PATH_SIZE], struct err *e)
{
	char name[RUN_PATH_SIZE], base[RUN_PATH_SIZE];
	struct keys keys = { .n = 0 };
	config_name(args->pos[0], name, sizeof(name));
	keys_add_overrides(&keys, args);
	return (file_join(base, sizeof(base), "runs", name, e) && run_dir(dir, base, ',', &keys, c)) ||
	       err_set(e, ERR_USAGE, "the path of the run's default directory is too long; use --out");
}

static void print_summary(const struct run *r, const struct config *c)
{
	const struct result *res = &r->result;
	const double threshold = config_threshold(c); /* NaN: nothing reaches it */
	const bool solved = c->stop_return >= threshold && res->final.return_mean >= threshold;
	char buf[TEXT_REAL_SIZE];
	printf("%s, seed %" PRIu64 ": return %.1f +- %.1f over %" PRId64 " fresh episodes", res->env_id, res->seed,
		res->final.return_mean, res->final.return_std, res->final.n_episodes);
	const int64_t limit = config_eval_limit(c);
	if (limit < INT64_MAX && limit != config_env(c)->max_episode_steps)
		printf(" of up to %" PRId64 " steps", limit);
	printf(" (min %s, ", text_real(res->final.return_min, buf));
	printf("max %s)\n", text_real(res->final.return_max, buf));
	if (res->stopped && solved)
		printf("solved after %" PRId64 " of %" PRId64 " steps: ", res->timesteps, res->total_timesteps);
	else if (res->stopped)
		printf("stopped after %" PRId64 " of %" PRId64 " steps, stop_return = %s was reached: ", res->timesteps,
			res->total_timesteps, text_real(c->stop_return, buf));
	else
		printf("trained for %" PRId64 " steps: ", res->timesteps);
	printf("%" PRId64 " episodes, %" PRIu64 " updates\n", res->episodes, res->n_updates);
	if (res->has_best)
		printf("best evaluation: %s at step %" PRId64 "\n", text_real(res->best_return_mean, buf),
			res->best_timesteps);
	const bool moved = rundir_was_moved(&r->dir);
	printf(moved ? "weights: final.safetensors in the directory that was '" : "weights: ");
	put_printable(stdout, r->dir.path, strlen(r->dir.path));
	printf(moved ? "'\n" : "/final.safetensors\n");
	if (r->dir.state != RUNDIR_DONE) {
		const double wall_s = run_wall_s(r);
		printf("time: %.2f s, %.0f steps/s\n", wall_s, (double)res->timesteps / wall_s);
	}
}

/* The run's name in a sweep: its overrides, "n_steps=3 seed=7". Without a configuration
 * (NULL) the seed is known only if it is one of them. */
static void name_run(const struct args *args, const struct config *c, char name[RUN_PATH_SIZE])
{
	bool has_seed = false;
	char config[RUN_PATH_SIZE];
	config_name(args->pos[0], config, sizeof(config));
	struct text t = text_into(name, RUN_PATH_SIZE);
	if (args->n == 1)
		text_add(&t, "%s", config);
	for (int i = 1; i < args->n; i++) {
		text_add(&t, "%s%s", i > 1 ? " " : "", args->pos[i]);
		has_seed = has_seed || strncmp(args->pos[i], "seed=", strlen("seed=")) == 0;
	}
	if (c && !has_seed)
		text_add(&t, " seed=%" PRIu64, c->seed);
}

/* For --brief. resumed_at is 0 if the run did not resume. */
static void print_line(const struct run *r, const struct config *c, const char *name, int64_t resumed_at)
{
	const struct result *res = &r->result;
	const double threshold = config_threshold(c);
	char buf[256], mean[TEXT_REAL_SIZE];
	struct text t = text_into(buf, sizeof(buf));
	if (!isnan(threshold))
		text_add(&t, res->final.return_mean >= threshold ? "solved, " : "not solved, ");
	text_add(&t, "return %s, %" PRId64 " steps", return_text(res->final.return_mean, mean), res->timesteps);
	if (resumed_at > 0)
		text_add(&t, ", resumed at step %" PRId64, resumed_at);
	if (r->dir.state == RUNDIR_DONE)
		text_add(&t, ", already done");
	else
		text_add(&t, ", %.2f s", run_wall_s(r));
	put_printable(stdout, name, strlen(name));
	printf(": %s\n", buf);
}

/* For --json: the line of result.json. */
static bool print_json(const struct run *r, struct err *e)
{
	char *line;
	size_t len;
	if (!file_load(&r->dir.held, RUN_RESULT, RUN_RESULT_MAX, &line, &len, e))
		return false;
	(void)fwrite(line, 1, len, stdout); /* close_stdout looks for errors */
	free(line);
	return true;
}

static void warn(struct progress *p, const struct train *t)
{
	progress_end(p);
	const struct log_row *row = &t->log;
	const double q_high = fmax(row->diagnostics.q_max, row->q_mean);
	const double q_low = fmin(row->diagnostics.q_min, row->q_mean);
	const bool too_high = q_high - row->q_bound > row->q_bound_low - q_low;
	if (t->warning == WARNING_DIVERGING)
		say("warning: step %" PRId64 ": Q reaches %.3g, but no return can %s %.3g; the run seems to diverge",
			t->timesteps, too_high ? q_high : q_low, too_high ? "exceed" : "be below",
			too_high ? row->q_bound : row->q_bound_low);
	else
		say("warning: step %" PRId64
		    ": the training return fell from %.1f to %.1f; the run seems to have collapsed",
			t->timesteps, t->best_mean, t->log.ep_rew_mean);
}

static bool save_and_stop(struct run *r, bool fresh, struct err *e)
{
	say("%s: saving at step %" PRId64 " of %" PRId64, stop_signal_name(), r->train.timesteps,
		r->train.config.total_timesteps);
	const char *how = rundir_was_moved(&r->dir) ? " with --out and the directory's new name"
			  : fresh                   ? " without --fresh"
						    : "";
	if (run_save(r, e))
		say("saved; the same command%s resumes from there", how);
	else if (e->kind == ERR_DIVERGED)
		say("not saved: %s; the same command%s resumes from the checkpoint before", e->msg, how);
	else
		return false;
	return end_with(e, 128 + (int)stop_signal); /* as the shell has it */
}

/* Says what run_open has found. */
static void say_start(const struct run *r, enum progress_level level)
{
	if (level == PROGRESS_QUIET)
		return;
	if (r->dir.has_no_locks && r->dir.state != RUNDIR_DONE)
		say("warning: the file system of '%.500s' has no locks: make sure that no other process works there",
			r->dir.path);
	if (r->warning[0])
		say("warning: %s", r->warning);
	if (level == PROGRESS_BRIEF)
		return;
	if (r->preloaded.n_stored > 0)
		say("preload: %" PRId64 " transitions", r->preloaded.n_stored);
	if (r->preloaded.n_left_out > 0)
		say("warning: preload: %" PRId64 " more steps are left out, as the file does not say "
		    "what they led to",
			r->preloaded.n_left_out);
	if (r->dir.removed[0])
		say("removed from '%.500s': %s", r->dir.path, r->dir.removed);
	if (r->dir.state == RUNDIR_DONE)
		say("'%.500s' is already done; --fresh runs it again", r->dir.path);
	else if (r->was_resumed)
		say("'%.500s' holds an unfinished run of this configuration; resuming from step "
		    "%" PRId64,
			r->dir.path, r->train.timesteps);
	else if (r->dir.state == RUNDIR_STARTED)
		say("'%.500s' holds an unfinished run of this configuration; starting it again", r->dir.path);
}

static bool run_to_end(struct run *r, struct children *ch, enum progress_level level, struct err *e)
{
	struct progress p;
	bool ok = true;
	progress_init(&p, level, r);
	r->train.tell = progress_tell;
	r->train.tell_arg = &p;
	ch->progress = &p;
	if (r->dir.state != RUNDIR_DONE)
		progress_head(&p);
	while (ok && r->state == RUN_ACTIVE && !stop_signal) {
		ok = run_step(r, e);
		if (ok)
			progress_step(&p);
		if (ok && r->train.events & TRAIN_WARNED && level != PROGRESS_QUIET)
			warn(&p, &r->train);
	}
	progress_end(&p);
	ch->progress = NULL;
	r->train.tell = NULL;
	r->train.tell_arg = NULL;
	if (ok && rundir_was_moved(&r->dir) && level != PROGRESS_QUIET)
		say("warning: '%.500s' was moved while the run worked; its files went with it", r->dir.path);
	return ok;
}

/* id = process: starts the children, unless the run is done, and checks what depends on what
 * they declare. */
static bool start_children(
	struct children *ch, struct config *c, const char *path, const struct args *args, bool quiet, struct err *e)
{
	const bool was_declared = c->declaration[0] != '\0';
	if (!config_is_process(c))
		return true;
	if (!args->flag[FRESH].set) {
		rundir_recall(path, c);
		if (rundir_is_done(path, c))
			return true;
	}
	if (children_start(ch, c, N_CHILDREN, e))
		return was_declared || check_env(c, quiet, e);
	if (e->kind != ERR_NONE)
		return false;
	say("%s: stopped before the first step", stop_signal_name());
	return end_with(e, 128 + (int)stop_signal);
}

/* The steps of all evaluations of a run that is not stopped; 0: any number. */
static double n_eval_steps(const struct config *c)
{
	const int64_t limit = config_eval_limit(c);
	const int64_t n = c->eval_freq > 0 ? c->total_timesteps / c->eval_freq : 0;
	const double episodes = (double)n * (double)c->eval_episodes + (double)c->final_eval_episodes;
	return limit == INT64_MAX ? 0 : episodes * (double)limit;
}

/* Says how long the environment will take, for training and for evaluations. */
static void say_cost(const struct train *t, double step_s, double eval_step_s)
{
	const struct config *c = &t->config;
	char us[TEXT_REAL_SIZE], training[TEXT_REAL_SIZE], eval[TEXT_REAL_SIZE];
	const double n_eval = n_eval_steps(c);
	say("environment: %s us a step, so %s for the training and %s%s for the evaluations", children_us(step_s, us),
		duration_text(step_s * (double)c->total_timesteps, training),
		n_eval > 0 ? "up to " : "as long as episodes last",
		n_eval > 0 ? duration_text(eval_step_s * n_eval, eval) : "");
	if (n_eval > 0 && isfinite(c->stop_return))
		say("environment: up to %s more each time that an evaluation reaches stop_return",
			duration_text(eval_step_s * (double)c->stop_episodes * (double)config_eval_limit(c), eval));
}

/* Before the first step: the episode under way, and what the environment will cost. */
static bool prepare_environment(struct run *r, struct children *ch, enum progress_level level, struct err *e)
{
	struct train *t = &r->train;
	const struct config *c = &t->config;
	double step_s, eval_step_s;
	if (r->state == RUN_DONE || !config_is_process(c))
		return true;
	const bool drops = t->in_episode && !c->env_deterministic;
	train_set_processes(t, &ch->process[CHILD_TRAIN], &ch->process[CHILD_EVAL]);
	if (!train_resume(t, e))
		return false;
	if (drops && level != PROGRESS_QUIET)
		say("warning: env_deterministic = false: the episode that was interrupted is given up; "
		    "an uninterrupted run would have other bytes");
	if (level < PROGRESS_NORMAL || stop_signal)
		return true;
	if (!children_time_step(&t->eval_envs, 1, &step_s, e) ||
		!children_time_step(&t->eval_envs, t->eval_envs.n, &eval_step_s, e))
		return e->kind == ERR_NONE;
	say_cost(t, step_s, eval_step_s);
	return true;
}

static bool train(struct run *r, struct children *ch, const struct config *c, const struct args *args, const char *name,
	struct err *e)
{
	const struct flag_value *flag = args->flag;
	const enum progress_level level = flag[QUIET].set     ? PROGRESS_QUIET
					  : flag[VERBOSE].set ? PROGRESS_VERBOSE
					  : flag[BRIEF].set   ? PROGRESS_BRIEF
							      : PROGRESS_NORMAL;
	const int64_t resumed_at = r->was_resumed ? r->train.timesteps : 0;
	say_start(r, level);
	if (!prepare_environment(r, ch, level, e) || !run_to_end(r, ch, level, e))
		return false;
	if (r->state != RUN_DONE)
		return save_and_stop(r, flag[FRESH].set, e);
	if (flag[JSON].set)
		return print_json(r, e);
	if (flag[BRIEF].set)
		print_line(r, c, name, resumed_at);
	else
		print_summary(r, c);
	return true;
}

/* A finished run that was given more steps stays what it is. */
static void say_how_to_continue(const char *path, const struct config *c)
{
	static struct config theirs; /* too much for a small stack */
	struct dir d;
	struct result res;
	struct err ignored;
	char buf[16];
	bool is_done;
	if (!dir_open(&d, path, &ignored))
		return;
	const bool is_read = read_run(&d, false, &theirs, &res, &is_done, &ignored);
	dir_close(&d);
	const bool is_more = is_read && is_done && theirs.total_timesteps < c->total_timesteps;
	theirs.total_timesteps = c->total_timesteps;
	struct text diff = text_into(buf, sizeof(buf));
	if (is_more && config_diff(&theirs, c, &diff) == 0)
		say("to train its weights further: the same command with init_weights=%.500s/" RUN_FINAL
		    " and another directory by --out",
			path);
}

static bool cmd_train(const struct args *args, struct err *e)
{
	static struct run r;
	static struct report report;
	static struct children children;
	static struct inputs inputs;
	static char name[RUN_PATH_SIZE];
	const bool quiet = args->flag[QUIET].set, brief = args->flag[BRIEF].set;
	char dir[RUN_PATH_SIZE];
	static struct config c; /* too much for a small stack */
	name_run(args, NULL, name);
	if (brief)
		say_prefix(name);
	/* With --brief the sweep has already said the warnings of the configuration. */
	if (!load_config(&c, args, true, quiet || brief, e))
		return false;
	name_run(args, &c, name);
	const struct kernels *k = choose_kernels(e);
	const char *out = args->flag[OUT].set ? args->flag[OUT].string : dir;
	if (out == dir && !default_dir(&c, args, dir, e))
		return false;
	signals_catch();
	if (!k)
		return false;
	report_init(&report);
	if (!load_inputs(&inputs, &c, args->pos[0], out, &report, e))
		return false;
	if (!start_children(&children, &c, out, args, quiet || brief, e)) {
		inputs_release(&inputs);
		return false;
	}
	bool ok = inputs_parse(&inputs, &c, &report, e);
	say_report(&report, !quiet && !brief);
	ok = ok && run_open(&r, out, &c, &inputs, k, args->flag[FRESH].set, e);
	const bool is_busy = !ok && e->kind == ERR_BUSY;
	inputs_release(&inputs);
	if (ok) {
		r.train.stop = &stop_signal;
		ok = train(&r, &children, &c, args, name, e);
		rundir_mark_stopped(&r.dir, r.state != RUN_DONE);
		run_close(&r);
	}
	if (!ok)
		end_with(e, fail(e)); /* before the children end: they may have more to say */
	if (is_busy)
		say_how_to_continue(out, &c);
	children_stop(&children);
	return ok;
}

const struct command command_train = {
	.name = "train",
	.synopsis = "CONFIG [key=value ...] [--out DIR] [--fresh] [--json|--brief] [-q|-v]",
	.summary = "train an agent as CONFIG says and write a run directory",
	.details = "CONFIG is an INI file, - for standard input, or the name of a configuration that came with dqn "
		   "('dqn config --list'); key=value arguments override it. Without --out the directory is "
		   "runs/NAME[,key=value...]/seed-N. The same command given again resumes a run that was interrupted, "
		   "to the same bytes, and prints the result of one that is done. With id = process, command is the "
		   "environment: it is run, like a recipe of a Makefile. On SIGINT, SIGTERM, SIGHUP or SIGUSR1 the run "
		   "saves a checkpoint and ends. The result goes to standard output, progress to standard error.",
	.examples = "dqn train configs/cartpole.ini\n"
		    "dqn train configs/cartpole.ini seed=7 learning_rate=5e-4\n"
		    "dqn train configs/cartpole.ini seed=7 --out /tmp/seven --json -q\n"
		    "dqn train configs/cartpole.ini init_weights=runs/cartpole/seed-1 --out further\n",
	.flags = train_flags,
	.statuses = (const int[]){ 0, 1, 2, 4, 5, 6, 7, 129, 130, 138, 143, -1 },
	.min_args = 1,
	.max_args = -1,
	.run = cmd_train,
};
