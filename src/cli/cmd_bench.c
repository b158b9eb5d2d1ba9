#include "cli/cli.h"
#include "cli/children.h"
#include "cli/table.h"
#include "cli/version.h"

#include "run/train.h"
#include "run/weights.h"
#include "study/stats.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { SIZES, SAMPLES, JSON };
static const struct flag bench_flags[] = {
	[SIZES] = { "sizes", '\0', FLAG_SWITCH, NULL, "measure networks from 8 to 1024 wide instead" },
	[SAMPLES] = { "samples", 'n', FLAG_COUNT, "N", "samples of a line, 2 ms or more each (default 100)" },
	[JSON] = { "json", '\0', FLAG_SWITCH, NULL, "print one line of JSON" },
	{ .name = NULL },
};

static const double sample_s = 0.002; /* short: some of many fall into a quiet moment */
static const double noisy = 0.1;      /* a median of the peak so far from its best is worth a warning */
enum { MAX_SAMPLES = 1000, LEAST_SAMPLES = 3, PEAK_ROUNDS = 1000, MAX_TASKS = 40 };

struct task {
	char name[WEIGHTS_SHAPE_SIZE + 48], note[80];
	double (*run)(void *job); /* returns something of the result: no work is optimised away */
	void *job;
	clockid_t clock; /* of processor time, unless processes work in turn */
	double flops;    /* of once; 0: not counted */
	uint64_t n;      /* times a sample */
	int n_samples;
	double spent_s, sample[MAX_SAMPLES]; /* seconds of once, sorted at the end */
};

struct bench {
	const struct kernels *k;
	int n_rounds, n_tasks;
	bool json;
	struct task task[MAX_TASKS];
};

static struct task *add_task(struct bench *b, double (*run)(void *job), void *job, const char *name)
{
	struct task *t = &b->task[b->n_tasks++];
	*t = (struct task){ .run = run, .job = job, .clock = CLOCK_PROCESS_CPUTIME_ID };
	snprintf(t->name, sizeof(t->name), "%s", name);
	return t;
}

/* Seconds of t->n times. */
static double run_task(const struct task *t)
{
	volatile double sink;
	struct timespec begin, end;
	clock_gettime(t->clock, &begin);
	for (uint64_t i = 0; i < t->n; i++)
		sink = t->run(t->job);
	(void)sink;
	clock_gettime(t->clock, &end);
	return (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
}

/* Repetitions that take sample_s or more. */
static void calibrate(struct task *t)
{
	t->n = 1;
	for (double s; (s = run_task(t)) < sample_s;)
		t->n = s < sample_s / 100 ? 10 * t->n : (uint64_t)(1.1 * sample_s / s * (double)t->n) + 1;
}

/* All tasks in turn: what disturbs a moment disturbs all of them. One that takes longer than a
 * sample has fewer. */
static void measure(struct bench *b)
{
	for (int i = 0; i < b->n_tasks; i++)
		if (b->task[i].run)
			calibrate(&b->task[i]);
	for (int r = 0; r < b->n_rounds; r++)
		for (struct task *t = b->task; t < b->task + b->n_tasks; t++) {
			if (!t->run || (r >= LEAST_SAMPLES && t->spent_s > 2 * r * sample_s))
				continue;
			const double s = run_task(t);
			t->spent_s += s;
			t->sample[t->n_samples++] = s / (double)t->n;
		}
	for (int i = 0; i < b->n_tasks; i++)
		stats_sort(b->task[i].sample, (size_t)b->task[i].n_samples);
}

static double median(const struct task *t)
{
	return t->sample[t->n_samples / 2];
}

/* Of the peak, which is the first task. */
static double share(const struct bench *b, const struct task *t)
{
	const struct task *peak = b->task;
	return t->flops / t->sample[0] / (peak->flops / peak->sample[0]);
}

static double peak_task(void *job)
{
	return (double)((const struct kernels *)job)->fma_peak(PEAK_ROUNDS);
}

static void add_peak(struct bench *b)
{
	struct task *t = add_task(b, peak_task, (void *)(uintptr_t)b->k, "");
	t->flops = 2.0 * PEAK_ROUNDS * KERNELS_PEAK_CHAINS * b->k->lanes;
	snprintf(t->name, sizeof(t->name), "%d fused multiply-adds", PEAK_ROUNDS * KERNELS_PEAK_CHAINS);
}

/* --- what comes out --- */

static void add_seconds(struct table *table, double s)
{
	if (s >= 1e-2)
		table_add(table, "%.1f ms", s * 1e3);
	else if (s >= 1e-6)
		table_add(table, "%.2f us", s * 1e6);
	else
		table_add(table, "%.2f ns", s * 1e9);
}

/* x times scale, or nothing if x is 0. */
static void add_rate(struct table *table, double x, double scale, const char *unit)
{
	if (x > 0)
		table_add(table, "%.3g%s", x * scale, unit);
	else
		table_add(table, "%s", "");
}

static void add_rows(const struct bench *b, struct table *table)
{
	for (const struct task *t = b->task; t < b->task + b->n_tasks; t++) {
		table_add(table, "%s", t->name);
		if (b->json) {
			table_add(table, "%.6g", median(t));
			table_add(table, "%.6g", t->sample[0]);
		} else {
			add_seconds(table, t->sample[0]);
			add_seconds(table, median(t));
		}
		add_rate(table, t->flops / t->sample[0], 1e-9, "");
		add_rate(table, share(b, t), b->json ? 1 : 100, b->json ? "" : " %");
		table_add(table, "%s", t->note);
	}
}

static bool print_tasks(const struct bench *b, struct err *e)
{
	static const char *const names[][5] = {
		{ "what", "best", "median", "GFLOP/s", "of peak" },
		{ "name", "seconds", "best", "gflops", "peak_share" },
	};
	static struct table table; /* too much for a small stack */
	for (int i = 0; i < 5; i++)
		table_column(&table, names[b->json][i], i == 0 ? TABLE_TEXT : TABLE_NUMBER);
	table_column(&table, b->json ? "note" : "", TABLE_TEXT);
	add_rows(b, &table);
	bool ok = true;
	if (!b->json || table.is_incomplete)
		ok = table_print(&table, TABLE_ALIGNED, e);
	else {
		printf("{\"version\":\"%s\",\"isa\":\"%s\",\"samples\":%d,\"rows\":[", DQN_VERSION, b->k->isa,
			b->n_rounds);
		for (size_t i = 1; i < table_n_rows(&table); i++) {
			printf(i > 1 ? ",{" : "{");
			table_put_json(&table, i, 0, table.n_columns);
			printf("}");
		}
		printf("]}\n");
	}
	table_release(&table);
	return ok;
}

/* On standard error: an unsteady machine. */
static void warn_if_noisy(const struct bench *b)
{
	const double excess = median(b->task) / b->task->sample[0] - 1;
	if (excess > noisy)
		say("warning: half of the samples of the peak took %.0f %% more than the best: another "
		    "process is running or the clock changes; trust the best",
			100 * excess);
}

/* --- an update and its parts --- */

/* The replay buffer is full, however few steps c has: of made-up transitions, in episodes of 20 steps. The
 * n-step returns are those of most updates. */
static bool start_training(struct train *t, const struct kernels *k, const struct config *c, struct err *e)
{
	enum { LENGTH = 20 };
	static struct config full; /* too much for a small stack */
	struct rng rng;
	full = *c;
	full.total_timesteps = c->total_timesteps > c->buffer_size ? c->total_timesteps : c->buffer_size;
	if (!train_init(t, &full, k, e))
		return false;
	t->update.n_steps = config_n_steps(c, c->total_timesteps); /* those of half of the run, and most updates */
	t->update.beta = c->per_beta0;
	const int dim = t->env.ops->obs_dim, n_actions = t->env.ops->n_actions;
	if (t->mask)
		memset(t->mask, 1, (size_t)n_actions);
	rng_init(&rng, 1);
	for (size_t i = 0; i < t->replay.buffer_size; i++) {
		for (int j = 0; j < dim; j++)
			t->obs[j] = (float)rng_uniform(&rng, -1, 1);
		replay_push(&t->replay, t->obs, t->mask, (int)(i % (size_t)n_actions), 0.01f, t->obs, t->mask,
			i % LENGTH == LENGTH - 1, false);
	}
	return true;
}

static double sample_task(void *job)
{
	struct train *t = job;
	train_sample(t);
	return t->batch.reward[0];
}

static double targets_task(void *job)
{
	struct train *t = job;
	agent_targets(&t->agent, &t->batch);
	return t->agent.target_q[0];
}

static double loss_task(void *job)
{
	struct train *t = job;
	struct learn_stats stats = { 0 };
	struct err never;
	agent_loss(&t->agent, &t->batch, t->agent.online, &stats, &never);
	return stats.loss;
}

static double backward_task(void *job)
{
	struct train *t = job;
	struct agent *a = &t->agent;
	net_backward(&a->policy.net, a->policy.k, a->online, t->batch.obs, a->d_out, t->batch.size, a->work, a->grad);
	return a->grad[0];
}

/* The learning rate is 0, so that the weights stay finite however often it is done. */
static double adam_task(void *job)
{
	struct agent *a = &((struct train *)job)->agent;
	return adam_step(&a->adam, a->policy.k, a->policy.net.n_params, a->grad, 0, a->opts.max_grad_norm, a->m, a->v,
		a->online);
}

static double priorities_task(void *job)
{
	struct train *t = job;
	replay_update_priorities(&t->replay, &t->batch, t->agent.td_error);
	return t->agent.td_error[0];
}

static double update_task(void *job)
{
	struct train *t = job;
	struct learn_stats stats = { 0 };
	struct err never;
	const double sampled = sample_task(t);
	agent_learn(&t->agent, &t->batch, 0, &stats, &never);
	return sampled + stats.loss + priorities_task(t);
}

static double push_task(void *job)
{
	struct train *t = job;
	replay_push(&t->replay, t->obs, t->mask, 0, 1, t->obs, t->mask, false, true);
	return (double)t->replay.next;
}

/* Each action depends on the one before, so that they cannot overlap. */
static double act_task(void *job)
{
	const struct train *t = job;
	const int action = policy_act(&t->agent.policy, t->obs, NULL, 0, NULL, NULL);
	t->obs[0] = (float)action;
	return action;
}

static double greedy_task(void *job)
{
	const struct train *t = job;
	int actions[POLICY_ROWS] = { 0 };
	policy_greedy(&t->agent.policy, t->eval_envs.n, t->eval_envs.obs, NULL, actions);
	t->eval_envs.obs[0] = (float)actions[0];
	return actions[0];
}

/* The first layer does without the gradient of its inputs. */
static void count_flops(const struct net *net, double *forward, double *backward)
{
	*forward = *backward = 0;
	for (int i = 0; i < net_n_linear(net); i++) {
		const struct linear m = net_linear(net, i);
		*forward += 2.0 * (double)(m.in * m.out);
		*backward += (i > 0 ? 4.0 : 2.0) * (double)(m.in * m.out);
	}
}

static void add_update(struct bench *b, struct train *t)
{
	const double rows = (double)t->batch.size;
	double forward, backward;
	char shape[WEIGHTS_SHAPE_SIZE];
	count_flops(&t->agent.policy.net, &forward, &backward);
	struct task *task = add_task(b, update_task, t, "");
	snprintf(task->name, sizeof(task->name), "update %s, batch %" PRId64,
		weights_shape(&t->agent.policy.net, shape), t->config.batch_size);
	task->flops = rows * ((t->config.double_q ? 3 : 2) * forward + backward);
}

static void add_network(struct bench *b, struct train *t)
{
	const double rows = (double)t->batch.size, n_eval = (double)t->eval_envs.n;
	double forward, backward;
	count_flops(&t->agent.policy.net, &forward, &backward);
	add_update(b, t);
	struct task *sample = add_task(b, sample_task, t, "  sample the minibatch");
	if (t->config.n_steps_final > 0)
		snprintf(sample->note, sizeof(sample->note), "%d-step returns, as in most updates", t->update.n_steps);
	add_task(b, targets_task, t, "  TD targets")->flops = rows * forward * (t->config.double_q ? 2 : 1);
	add_task(b, loss_task, t, "  forward pass and loss")->flops = rows * forward;
	add_task(b, backward_task, t, "  backward pass")->flops = rows * backward;
	add_task(b, adam_task, t, "  Adam and the norm");
	if (t->replay.prioritized)
		add_task(b, priorities_task, t, "  new priorities");
	add_task(b, act_task, t, "act")->flops = forward;
	add_task(b, greedy_task, t, "act, side by side")->flops = n_eval * forward;
	add_task(b, push_task, t, "store a transition");
}

/* An update of each size. */
static bool bench_sizes(struct bench *b, struct config *c, struct err *e)
{
	static const int widths[] = { 8, 16, 24, 32, 64, 65, 128, 256, 512, 1024 };
	static const int batches[] = { 32, 64, 256 };
	enum { N_WIDTHS = sizeof(widths) / sizeof(*widths) };
	enum { N_BATCHES = sizeof(batches) / sizeof(*batches) };
	static struct train train[N_WIDTHS * N_BATCHES];
	bool ok = true;
	int n = 0;
	c->buffer_size = 10000;
	for (; ok && n < N_WIDTHS * N_BATCHES; n++) {
		c->net_arch = (struct widths){ 2, { widths[n / N_BATCHES], widths[n / N_BATCHES] } };
		c->batch_size = batches[n % N_BATCHES];
		ok = start_training(&train[n], b->k, c, e);
		if (ok)
			add_update(b, &train[n]);
	}
	if (ok)
		measure(b);
	ok = ok && print_tasks(b, e);
	while (n-- > 0)
		train_release(&train[n]);
	return ok;
}

/* --- the environment, and the whole run --- */

/* Random play, from a reset on. */
static double env_task(void *job)
{
	struct train *t = job;
	struct rng *rng = &t->stream[STREAM_EXPLORATION];
	struct step s;
	struct err never;
	if (!t->in_episode)
		env_reset(&t->env, rng_u64(rng), t->next_obs, t->next_mask, &never);
	env_step(&t->env, (int)rng_below(rng, (uint64_t)t->env.ops->n_actions), t->next_obs, t->next_mask, &s, &never);
	t->in_episode = !s.terminated && !s.truncated;
	return s.reward;
}

/* Wall clock; not in turn with the others, since processes on two idle cores take several times
 * as long. */
static bool time_child(struct bench *b, struct process *child, struct err *e)
{
	struct env env;
	struct vec_env v;
	bool ok = true;
	env_init(&env, &child->ops, 0, NULL);
	env.process = child;
	if (!vec_env_init(&v, &env, POLICY_ROWS, e))
		return false;
	for (size_t n = 1; ok && n <= v.n; n += v.n > 1 ? v.n - 1 : 1) {
		struct task *t = add_task(b, NULL, NULL, "a step of the environment");
		if (n > 1)
			snprintf(t->name, sizeof(t->name), "the same, %d together", (int)n);
		while (ok && t->n_samples < LEAST_SAMPLES)
			ok = children_time_step(&v, n, &t->sample[t->n_samples++], e);
		stats_sort(t->sample, (size_t)t->n_samples);
	}
	vec_env_release(&v);
	return ok;
}

struct whole_run {
	struct train train;
	const struct config *config;
	const struct kernels *k;
	struct children *children;
	double n_eval;          /* steps of one run's evaluations */
	int64_t n_runs, n_over; /* how often it is run if it takes long; the runs that are over */
	struct progress progress;
	struct err e;
	bool ok;
};

/* So seldom that the loop is not slower for it. */
static void tell_steps(struct whole_run *w)
{
	const struct train *t = &w->train;
	const int64_t each = w->config->total_timesteps;
	if ((config_is_process(w->config) || t->timesteps % 256 == 0) && w->n_over < w->n_runs)
		progress_tell(&w->progress, w->n_over * each + t->timesteps, w->n_runs * each);
}

static double whole_run_task(void *job)
{
	struct whole_run *w = job;
	struct train *t = &w->train;
	train_release(t);
	w->n_eval = 0;
	w->ok = train_init(t, w->config, w->k, &w->e);
	if (w->ok && config_is_process(w->config))
		train_set_processes(t, &w->children->process[CHILD_TRAIN], &w->children->process[CHILD_EVAL]);
	while (w->ok && !(t->events & TRAIN_FINISHED)) {
		w->ok = train_step(t, &w->e);
		if (t->events & TRAIN_EVALUATED)
			w->n_eval += t->eval.stats.length_mean * (double)t->eval.stats.n_episodes;
		tell_steps(w);
	}
	w->n_over++;
	progress_end(&w->progress);
	return w->n_eval;
}

static double best_of(const struct bench *b, double (*run)(void *job))
{
	const struct task *t = b->task;
	while (t->run != run)
		t++;
	return t->sample[0];
}

/* The training loop without its files, and the share of the network and Adam in it. */
static void describe_run(const struct bench *b, const struct whole_run *w, struct task *task)
{
	const struct train *t = &w->train;
	const double rows = (double)(t->config.eval_episodes < (int64_t)t->eval_envs.n ? t->config.eval_episodes
										       : (int64_t)t->eval_envs.n);
	const double network_s = best_of(b, act_task) * (double)t->n_greedy +
				 best_of(b, greedy_task) * w->n_eval / rows +
				 (best_of(b, update_task) - best_of(b, sample_task)) * (double)t->agent.adam.t;
	snprintf(task->note, sizeof(task->note), "%" PRId64 " steps, %" PRIu64 " updates; network and Adam %.1f %%",
		t->timesteps, t->agent.adam.t, 100 * network_s / task->sample[0]);
}

static bool bench_all(struct bench *b, const struct config *c, struct children *children, struct err *e)
{
	static struct train parts;
	static struct whole_run w;
	w = (struct whole_run){ .config = c, .k = b->k, .children = children, .ok = true };
	w.n_runs = 2 + (b->n_rounds < LEAST_SAMPLES ? b->n_rounds : LEAST_SAMPLES); /* this one, calibrate, samples */
	progress_init_count(&w.progress, "steps");
	children->progress = &w.progress;
	whole_run_task(&w); /* runs are equal: if this one does not fail, none does */
	*e = w.e;
	if (w.ok && (w.ok = start_training(&parts, b->k, c, e))) {
		add_network(b, &parts);
		if (!config_is_process(c))
			add_task(b, env_task, &parts, "a step of the environment");
		struct task *run = add_task(b, whole_run_task, &w, "the training loop");
		if (config_is_process(c))
			run->clock = CLOCK_MONOTONIC;
		measure(b);
		describe_run(b, &w, run);
		w.ok = (!config_is_process(c) || time_child(b, &children->process[CHILD_EVAL], e)) && print_tasks(b, e);
		train_release(&parts);
	}
	train_release(&w.train);
	return w.ok;
}

/* The configuration of `[CONFIG] [key=value ...]`. */
static bool load(struct config *c, const struct args *args, struct err *e)
{
	static char none[] = "/dev/null", *pos[CONFIG_MAX_OPTIONS + 1] = { none };
	struct args all = *args;
	if (args->n > 0 && args->n <= CONFIG_MAX_OPTIONS && strchr(args->pos[0], '=') &&
		!file_exists(NULL, args->pos[0])) {
		memcpy(pos + 1, args->pos, (size_t)args->n * sizeof(*pos));
		all.pos = pos;
		all.n++;
	}
	return load_config(c, &all, true, false, e);
}

static bool cmd_bench(const struct args *args, struct err *e)
{
	static struct bench b; /* too much for a small stack, as the next two */
	static struct config c;
	static struct children children;
	const int64_t n = args->flag[SAMPLES].set ? args->flag[SAMPLES].count : 100;
	if (n > MAX_SAMPLES)
		return err_set(e, ERR_USAGE, "--samples '%s' is more than %d", args->flag[SAMPLES].string, MAX_SAMPLES);
	b = (struct bench){ .n_rounds = (int)n, .json = args->flag[JSON].set };
	b.k = choose_kernels(e);
	if (!b.k || !load(&c, args, e))
		return false;
	if (config_is_process(&c) && (!children_start(&children, &c, N_CHILDREN, e) || !check_env(&c, false, e)))
		return false;
	if (!b.json)
		printf("dqn %s, %s: the best and the median of %d samples of at least %.0f ms\n", DQN_VERSION, b.k->isa,
			b.n_rounds, 1e3 * sample_s);
	add_peak(&b);
	const bool ok = args->flag[SIZES].set ? bench_sizes(&b, &c, e) : bench_all(&b, &c, &children, e);
	children_stop(&children);
	if (ok)
		warn_if_noisy(&b);
	return ok;
}

const struct command command_bench = {
	.name = "bench",
	.synopsis = "[CONFIG] [key=value ...] [--sizes] [-n N] [--json]",
	.summary = "measure speed on this machine, next to its arithmetic peak",
	.details = "The first line is the peak of one core: fused multiply-adds in the instruction set in use "
		   "(DQN_ISA forces one). Then come an update of CONFIG, or of the defaults, and its parts, "
		   "actions, a step of the environment, and the whole training loop without its files. All are "
		   "measured in turn, and shares of the peak are those of the best samples. Child processes are "
		   "measured after that, by the wall clock.",
	.examples = "taskset -c 1 dqn bench\n"
		    "dqn bench configs/cartpole-fixed.ini\n"
		    "dqn bench net_arch=256,256 batch_size=64\n"
		    "dqn bench --sizes\n",
	.flags = bench_flags,
	.statuses = (const int[]){ 0, 1, 2, 4, 7, -1 },
	.max_args = -1,
	.run = cmd_bench,
};
