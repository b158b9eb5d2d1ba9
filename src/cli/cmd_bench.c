#include "cli/cli.h"
#include "cli/version.h"

#include "base/memory.h"
#include "run/train.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIZES, SAMPLES, JSON };
static const struct flag bench_flags[] = {
	[SIZES] = { "sizes", '\0', FLAG_SWITCH, NULL,
		"instead: updates of widths and batches up to 1024" },
	[SAMPLES] = { "samples", 'n', FLAG_COUNT, "N", "of at least 50 ms each (default 7)" },
	[JSON] = { "json", '\0', FLAG_SWITCH, NULL, "one line of JSON" },
	{ .name = NULL },
};

#define SAMPLE_S 0.05
#define PEAK_S 0.005 /* of the look at the peak beside each sample */
#define MAX_SAMPLES 1000
#define NOISY 0.05 /* spread of the peak above which a machine is not worth measuring on */

struct bench {
	const struct kernels *k;
	int n_samples;
	bool json;
	uint64_t n_peak; /* calls of peak_task in PEAK_S */
	int n_rows;
};

/* Of doing a thing once. */
struct timing {
	double median_s;
	double spread;     /* (slowest - fastest) / median of the samples */
	double peak_flops; /* what the core's peak would have done in that time */
};

/* Of this process's own time: what else the core did meanwhile does not count. */
static double cpu_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What is timed does its work n times and returns something of the result. */
static double run_once(double (*task)(void *job, uint64_t n), void *job, uint64_t n)
{
	volatile double sink; /* so that no work is optimised away */
	const double start = cpu_s();
	sink = task(job, n);
	(void)sink;
	return cpu_s() - start;
}

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

#define PEAK_ROUNDS 1000

static double peak_flops(const struct bench *b)
{
	return 2.0 * PEAK_ROUNDS * KERNELS_PEAK_CHAINS * b->k->lanes;
}

static double peak_task(void *job, uint64_t n)
{
	const struct bench *b = job;
	double sum = 0;
	for (uint64_t i = 0; i < n; i++)
		sum += (double)b->k->fma_peak(PEAK_ROUNDS);
	return sum;
}

/* How often the task runs in that time at least. */
static uint64_t calibrate(double (*task)(void *job, uint64_t n), void *job, double least_s)
{
	uint64_t n = 1;
	for (double s; (s = run_once(task, job, n)) < least_s;)
		n = s < least_s / 100 ? 10 * n : (uint64_t)(1.1 * least_s / s * (double)n) + 1;
	return n;
}

static double median(double *x, int n)
{
	qsort(x, (size_t)n, sizeof(*x), compare_doubles);
	return x[n / 2];
}

/* The clock and the neighbours of a core change within a run: each sample is held
 * against a look at the peak just before it. */
static struct timing measure(struct bench *b, double (*task)(void *job, uint64_t n), void *job)
{
	double sample[MAX_SAMPLES] = { 0 }, peak[MAX_SAMPLES] = { 0 };
	const uint64_t n = calibrate(task, job, SAMPLE_S);
	for (int i = 0; i < b->n_samples; i++) {
		const double peak_s = run_once(peak_task, b, b->n_peak) / (double)b->n_peak;
		sample[i] = run_once(task, job, n) / (double)n;
		peak[i] = sample[i] / peak_s * peak_flops(b);
	}
	const double median_s = median(sample, b->n_samples);
	return (struct timing){ median_s, (sample[b->n_samples - 1] - sample[0]) / median_s,
		median(peak, b->n_samples) };
}

/* One line of the report; a figure that is 0 has nothing to say. */
static void report(struct bench *b, const char *name, struct timing t, double flops, double bytes,
	const char *note)
{
	const double rate = flops / t.median_s, share = flops / t.peak_flops;
	if (b->json) {
		printf("%s{\"name\":\"%s\",\"seconds\":%.6g,\"spread\":%.3g", b->n_rows ? "," : "",
			name, t.median_s, t.spread);
		if (flops > 0)
			printf(",\"gflops\":%.4g,\"peak_share\":%.4g", rate / 1e9, share);
		if (bytes > 0)
			printf(",\"gbytes_per_s\":%.4g", bytes / t.median_s / 1e9);
		printf("}");
	} else {
		const bool ms = t.median_s >= 1e-2, us = t.median_s >= 1e-6;
		printf("%-32s %9.*f %s  +-%4.1f %%", name, ms ? 1 : 2,
			t.median_s * (ms          ? 1e3
					     : us ? 1e6
						  : 1e9),
			ms   ? "ms"
			: us ? "us"
			     : "ns",
			100 * t.spread);
		if (flops > 0)
			printf("  %6.1f GFLOP/s  %5.1f %% of peak", rate / 1e9, 100 * share);
		if (bytes > 0)
			printf("  %6.1f GB/s of weights", bytes / t.median_s / 1e9);
		printf("%s%s\n", note[0] ? "  " : "", note);
	}
	(void)fflush(stdout);
	b->n_rows++;
}

static void bench_peak(struct bench *b)
{
	char name[64];
	b->n_peak = calibrate(peak_task, b, PEAK_S);
	struct timing t = measure(b, peak_task, b);
	t.peak_flops = peak_flops(b); /* what the others are measured against */
	snprintf(name, sizeof(name), "%d fused multiply-adds", PEAK_ROUNDS * KERNELS_PEAK_CHAINS);
	report(b, name, t, peak_flops(b), 0, "");
	if (t.spread > NOISY)
		say("warning: the peak varies by %.0f %%; something else runs here, or the clock "
		    "changes: trust the shares, not the times",
			100 * t.spread);
}

/* A network's shape, and everything an update of it needs. */
struct shape {
	int widths[2], n_hidden, batch;
};

struct learner {
	struct agent agent;
	struct replay replay;
	struct batch batch;
	struct rng rng;
	size_t n_weights; /* of the network, biases left out */
	double net_flops; /* of the network in one update */
};

static void learner_release(struct learner *l)
{
	agent_release(&l->agent);
	replay_release(&l->replay);
	batch_release(&l->batch);
}

/* Plain DQN on a replay buffer filled by random play. */
static bool learner_init(
	struct learner *l, const struct kernels *k, const struct shape *s, struct err *e)
{
	enum { SLOTS = 10000 };
	const struct env_ops *ops = env_find("CartPole-v1");
	const struct agent_opts opts = {
		.max_grad_norm = 10, .adam_beta1 = 0.9, .adam_beta2 = 0.999, .adam_eps = 1e-8
	};
	struct net net;
	*l = (struct learner){ 0 };
	struct net_shape shape = {
		.n_inputs = ops->obs_dim, .n_hidden = s->n_hidden, .n_outputs = ops->n_actions
	};
	memcpy(shape.hidden, s->widths, (size_t)s->n_hidden * sizeof(int));
	if (!net_init(&net, &shape, e) ||
		!agent_init(&l->agent, &opts, &net, k, (size_t)s->batch, e) ||
		!replay_init(&l->replay, SLOTS, (size_t)ops->obs_dim, NULL, e) ||
		!batch_init(&l->batch, (size_t)s->batch, (size_t)ops->obs_dim, e)) {
		learner_release(l);
		return false;
	}
	rng_init(&l->rng, 1);
	net_init_params(&net, WEIGHT_INIT_TORCH, &l->rng, l->agent.online);
	agent_begin(&l->agent);
	struct env env;
	float obs[ENV_MAX_OBS], next_obs[ENV_MAX_OBS];
	env_init(&env, ops, 0, NULL);
	env_reset(&env, &l->rng, obs);
	for (int i = 0; i < SLOTS; i++) {
		const int action = (int)rng_below(&l->rng, 2);
		const struct step step = env_step(&env, action, next_obs);
		replay_push(&l->replay, obs, action, (float)step.reward, next_obs, step.terminated,
			step.truncated);
		memcpy(obs, next_obs, sizeof(obs));
		if (step.terminated || step.truncated)
			env_reset(&env, &l->rng, obs);
	}
	/* Target forward, online forward, weight gradient and input gradient, which
	 * the first layer does without. */
	for (int i = 0; i < net_n_linear(&net); i++) {
		const struct linear m = net_linear(&net, i);
		l->n_weights += m.in * m.out;
		l->net_flops += (i > 0 ? 8.0 : 6.0) * s->batch * (double)(m.in * m.out);
	}
	return true;
}

static double update_task(void *job, uint64_t n)
{
	struct learner *l = job;
	struct learn_stats stats = { 0 };
	struct err e;
	for (uint64_t i = 0; i < n; i++) {
		replay_sample(&l->replay, &l->rng, 1, 0.99, 1, &l->batch);
		agent_learn(&l->agent, &l->batch, 1e-4, &stats, &e);
		replay_update_priorities(&l->replay, &l->batch, l->agent.td_error);
	}
	return stats.loss;
}

static double act(const struct policy *policy, uint64_t n)
{
	int actions = 0;
	float obs[ENV_MAX_OBS] = { 0 };
	for (uint64_t i = 0; i < n; i++) {
		actions = policy_act(policy, obs, 0, NULL, NULL);
		obs[0] = (float)actions; /* one cannot start before the last has ended */
	}
	return actions;
}

static double act_task(void *job, uint64_t n)
{
	const struct learner *l = job;
	return act(&l->agent.policy, n);
}

/* A policy and as many observations as an evaluation gives it at a time. */
struct evaluator {
	const struct policy *policy;
	size_t n;
};

static double greedy_task(void *job, uint64_t n)
{
	const struct evaluator *v = job;
	int actions[POLICY_ROWS] = { 0 };
	float obs[POLICY_ROWS * ENV_MAX_OBS] = { 0 };
	for (uint64_t i = 0; i < n; i++) {
		policy_greedy(v->policy, v->n, obs, actions);
		obs[0] = (float)actions[0];
	}
	return actions[0];
}

static double sample_task(void *job, uint64_t n)
{
	struct learner *l = job;
	for (uint64_t i = 0; i < n; i++)
		replay_sample(&l->replay, &l->rng, 1, 0.99, 1, &l->batch);
	return l->batch.reward[0];
}

static double push_task(void *job, uint64_t n)
{
	struct learner *l = job;
	float obs[ENV_MAX_OBS] = { 0 };
	for (uint64_t i = 0; i < n; i++)
		replay_push(&l->replay, obs, (int)(i & 1), 1, obs, false, false);
	return (double)l->replay.next;
}

struct product {
	const struct kernels *k;
	size_t m, n, p;   /* c (m,n) = a (m,p) b (p,n) */
	bool a_is_column; /* a(i,p) at p*m + i: the weight gradient */
	const float *a, *b;
	float *c;
};

static double product_task(void *job, uint64_t n)
{
	const struct product *j = job;
	const size_t row = j->a_is_column ? 1 : j->p, col = j->a_is_column ? j->m : 1;
	for (uint64_t i = 0; i < n; i++)
		j->k->matmul(j->m, j->n, j->p, j->a, row, col, j->b, NULL, false, j->c);
	return (double)j->c[0];
}

static bool bench_products(struct bench *b, const struct shape *s, struct err *e)
{
	const size_t width = (size_t)s->widths[0], batch = (size_t)s->batch;
	float *memory = memory_zeroed((width * width + 2 * width * batch) * sizeof(float));
	if (!memory)
		return err_set(e, ERR_RUN, "out of memory");
	float *w = memory, *x = w + width * width, *y = x + width * batch;
	struct product forward = { b->k, batch, width, width, false, x, w, y };
	struct product gradient = { b->k, width, width, batch, true, x, y, w };
	const double flops = 2.0 * (double)(width * width * batch);
	char name[64];
	snprintf(name, sizeof(name), "forward %dx%d, batch %d", s->widths[0], s->widths[0],
		s->batch);
	report(b, name, measure(b, product_task, &forward), flops, 0, "");
	snprintf(name, sizeof(name), "gradient %dx%d, batch %d", s->widths[0], s->widths[0],
		s->batch);
	report(b, name, measure(b, product_task, &gradient), flops, 0, "");
	free(memory);
	return true;
}

static void update_name(char *name, size_t size, const struct shape *s)
{
	snprintf(name, size, "update 4-%d-%d-2, batch %d", s->widths[0], s->widths[1], s->batch);
}

static bool bench_learner(struct bench *b, const struct shape *s, struct err *e)
{
	static struct learner l;
	char name[64];
	if (!learner_init(&l, b->k, s, e))
		return false;
	update_name(name, sizeof(name), s);
	report(b, name, measure(b, update_task, &l), l.net_flops, 0, "");
	snprintf(name, sizeof(name), "act 4-%d-%d-2", s->widths[0], s->widths[1]);
	report(b, name, measure(b, act_task, &l), 0,
		(double)(l.agent.policy.net.n_params * sizeof(float)), "");
	struct evaluator v = { &l.agent.policy, POLICY_ROWS };
	snprintf(name, sizeof(name), "act 4-%d-%d-2, %d side by side", s->widths[0], s->widths[1],
		POLICY_ROWS);
	const double act_flops = 2.0 * POLICY_ROWS * (double)l.n_weights;
	report(b, name, measure(b, greedy_task, &v), act_flops, 0, "");
	learner_release(&l);
	return true;
}

static bool bench_replay(struct bench *b, struct err *e)
{
	static struct learner l;
	const struct shape s = { { 8, 8 }, 2, 32 };
	if (!learner_init(&l, b->k, &s, e))
		return false;
	report(b, "replay: sample a minibatch of 32", measure(b, sample_task, &l), 0, 0, "");
	report(b, "replay: store a transition", measure(b, push_task, &l), 0, 0, "");
	learner_release(&l);
	return true;
}

struct players {
	struct env env[POLICY_ROWS];
	struct rng rng;
	uint64_t n;
};

/* Play at random, in turn: about 22 steps an episode. */
static double env_task(void *job, uint64_t n)
{
	struct players *p = job;
	float obs[ENV_MAX_OBS] = { 0 };
	double sum = 0;
	uint64_t bits = 0;
	for (uint64_t i = 0; i < p->n; i++)
		env_reset(&p->env[i], &p->rng, obs);
	for (uint64_t i = 0, player = 0; i < n; i++) {
		struct env *env = &p->env[player];
		player = player + 1 < p->n ? player + 1 : 0;
		bits = i % 64 == 0 ? rng_u64(&p->rng) : bits >> 1;
		const struct step s = env_step(env, (int)(bits & 1), obs);
		sum += (double)s.reward;
		if (s.terminated || s.truncated)
			env_reset(env, &p->rng, obs);
	}
	return sum + (double)obs[0];
}

static void bench_env(struct bench *b, uint64_t n, const char *name)
{
	static struct players p;
	char note[64];
	p.n = n;
	rng_init(&p.rng, 1);
	for (uint64_t i = 0; i < n; i++)
		env_init(&p.env[i], env_find("CartPole-v1"), 0, NULL);
	const struct timing t = measure(b, env_task, &p);
	snprintf(note, sizeof(note), "%.1f million steps/s", 1e-6 / t.median_s);
	report(b, name, t, 0, 0, note);
}

struct whole_run {
	struct train train;
	const struct config *config;
	const struct kernels *k;
	uint64_t n_eval; /* steps of one run's evaluations */
	struct err e;
	bool failed;
};

static double run_task(void *job, uint64_t n)
{
	struct whole_run *w = job;
	struct train *t = &w->train;
	for (uint64_t i = 0; i < n && !w->failed; i++) {
		train_release(t);
		w->n_eval = 0;
		w->failed = !train_init(t, w->config, w->k, &w->e);
		while (!w->failed && !(t->events & TRAIN_FINISHED)) {
			w->failed = !train_step(t, &w->e);
			if (t->events & TRAIN_EVALUATED)
				w->n_eval += (uint64_t)(t->eval.stats.length_mean *
							(double)t->eval.stats.n_episodes);
		}
	}
	return (double)w->n_eval;
}

static double learn_task(void *job, uint64_t n)
{
	struct train *t = job;
	struct learn_stats stats = { 0 };
	for (uint64_t i = 0; i < n; i++) {
		struct err e;
		agent_learn(&t->agent, &t->batch, 1e-6, &stats, &e);
	}
	return stats.loss;
}

static double act_in_run_task(void *job, uint64_t n)
{
	struct train *t = job;
	return act(&t->agent.policy, n);
}

/* The training loop without its files, and how much of it is the network's and
 * Adam's own time. */
static bool bench_run(struct bench *b, const struct config *c, struct err *e)
{
	static struct whole_run w;
	char note[128];
	w = (struct whole_run){ .config = c, .k = b->k };
	run_task(&w, 1); /* if this one does not fail, none does */
	if (w.failed) {
		train_release(&w.train);
		*e = w.e;
		return false;
	}
	const struct timing t = measure(b, run_task, &w);
	const uint64_t n_updates = w.train.agent.adam.t;
	const int64_t n_steps = w.train.timesteps;
	const int64_t n_episodes = c->eval_episodes < POLICY_ROWS ? c->eval_episodes : POLICY_ROWS;
	struct evaluator v = { &w.train.agent.policy, (size_t)n_episodes };
	const double eval_s = measure(b, greedy_task, &v).median_s / (double)n_episodes;
	const double act_s = measure(b, act_in_run_task, &w.train).median_s;
	const double learn_s = n_updates > 0 ? measure(b, learn_task, &w.train).median_s : 0;
	const double network_s =
		(double)n_steps * act_s + (double)w.n_eval * eval_s + (double)n_updates * learn_s;
	train_release(&w.train);
	snprintf(note, sizeof(note),
		"%" PRId64 " steps, %" PRIu64 " updates; network and Adam %.1f %%", n_steps,
		n_updates, 100 * network_s / t.median_s);
	report(b, "run: the training loop", t, 0, 0, note);
	return true;
}

/* A line per width, a column per batch size: the update's share of the peak. */
static bool bench_sizes(struct bench *b, struct err *e)
{
	static const int widths[] = { 8, 16, 24, 32, 48, 63, 64, 65, 100, 128, 200, 256, 257, 512,
		1024 };
	static const int batches[] = { 1, 8, 32, 33, 64, 100, 256, 1024 };
	const int n_widths = sizeof(widths) / sizeof(*widths),
		  n_batches = sizeof(batches) / sizeof(*batches);
	static struct learner l;
	if (!b->json) {
		printf("an update of 4-W-W-2, %% of peak\n%8s", "W \\ batch");
		for (int j = 0; j < n_batches; j++)
			printf(" %7d", batches[j]);
	}
	for (int i = 0; i < n_widths * n_batches; i++) {
		const int width = widths[i / n_batches], batch = batches[i % n_batches];
		const struct shape s = { { width, width }, 2, batch };
		if (!learner_init(&l, b->k, &s, e))
			return false;
		const struct timing t = measure(b, update_task, &l);
		if (b->json) {
			char name[64];
			update_name(name, sizeof(name), &s);
			report(b, name, t, l.net_flops, 0, "");
		} else {
			if (i % n_batches == 0)
				printf("\n%9d", width);
			printf(" %7.1f", 100 * l.net_flops / t.peak_flops);
			(void)fflush(stdout);
		}
		learner_release(&l);
	}
	if (!b->json)
		printf("\n");
	return true;
}

static bool bench_all(struct bench *b, const struct config *c, struct err *e)
{
	static const struct shape shapes[] = {
		{ { 256, 256 }, 2, 64 },
		{ { 128, 128 }, 2, 64 },
		{ { 64, 64 }, 2, 32 },
		{ { 24, 24 }, 2, 64 },
	};
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		if (!bench_products(b, &shapes[i], e))
			return false;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		if (!bench_learner(b, &shapes[i], e))
			return false;
	bench_env(b, 1, "env: a step of CartPole-v1");
	bench_env(b, POLICY_ROWS, "env: the same, 16 in turn");
	return bench_replay(b, e) && bench_run(b, c, e);
}

static int cmd_bench(const struct args *args)
{
	struct bench b = { .json = args->flag[JSON].set };
	struct config c;
	struct err e;
	int status;
	const int64_t n_samples = args->flag[SAMPLES].set ? args->flag[SAMPLES].count : 7;
	if (n_samples > MAX_SAMPLES) {
		err_set(&e, ERR_USAGE, "--samples '%s' is more than %d", args->flag[SAMPLES].string,
			MAX_SAMPLES);
		return fail(&e);
	}
	b.n_samples = (int)n_samples;
	b.k = choose_kernels(&e);
	if (!b.k)
		return fail(&e);
	if (!load_config(&c, args, true, false, &status))
		return status;

	if (b.json)
		printf("{\"version\":\"%s\",\"isa\":\"%s\",\"samples\":%d,\"rows\":[", DQN_VERSION,
			b.k->isa, b.n_samples);
	else
		printf("dqn %s, %s: medians of %d samples of at least %.0f ms, +- (slowest - "
		       "fastest)\n",
			DQN_VERSION, b.k->isa, b.n_samples, 1e3 * SAMPLE_S);
	bench_peak(&b);
	const bool ok = args->flag[SIZES].set ? bench_sizes(&b, &e) : bench_all(&b, &c, &e);
	if (b.json)
		printf("]}\n");
	return ok ? STATUS_OK : fail(&e);
}

const struct command command_bench = {
	.name = "bench",
	.synopsis = "[CONFIG [key=value ...]] [--sizes] [-n N] [--json]",
	.summary = "measure the speed of this machine, beside its own arithmetic peak",
	.details =
		"First the peak of fused multiply-adds of the instruction set in use (DQN_ISA forces "
		"one), on one core; then everything a run consists of, as a share of it where it is "
		"arithmetic; last the training loop of CONFIG as a whole, or of the defaults, without "
		"its files.",
	.examples = "taskset -c 1 dqn bench\n"
		    "dqn bench configs/cartpole-fixed.ini\n"
		    "dqn bench --sizes\n",
	.flags = bench_flags,
	.statuses = (const int[]){ 0, 1, 2, -1 },
	.min_args = 0,
	.max_args = -1,
	.run = cmd_bench,
};
