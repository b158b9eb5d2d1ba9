#include "cli/cli.h"
#include "cli/children.h"
#include "cli/version.h"

#include "run/train.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SIZES, SAMPLES, JSON };
static const struct flag bench_flags[] = {
	[SIZES] = { "sizes", '\0', FLAG_SWITCH, NULL,
		"measure networks from 8 to 1024 wide instead" },
	[SAMPLES] = { "samples", 'n', FLAG_COUNT, "N",
		"samples of at least 50 ms each (default 7)" },
	[JSON] = { "json", '\0', FLAG_SWITCH, NULL, "print one line of JSON" },
	{ .name = NULL },
};

static const double sample_s = 0.05;
static const double peak_s = 0.005; /* for the peak, beside each sample */
static const double noisy = 0.05;   /* a larger spread of the peak is worth a warning */
enum { MAX_SAMPLES = 1000, PEAK_ROUNDS = 1000 };

struct bench {
	const struct kernels *k;
	clockid_t clock; /* of processor time, unless two processes work in turn */
	int n_samples;
	bool json;
	uint64_t n_peak; /* calls of peak_task in peak_s */
	int n_rows;
};

struct timing { /* of one call */
	double median_s;
	double spread;     /* (slowest - fastest) / median of the samples */
	double peak_flops; /* the core's peak in that time */
};

/* A task does its work n times and returns something of the result, so that no work is
 * optimised away. */
static double run_once(
	const struct bench *b, double (*task)(void *job, uint64_t n), void *job, uint64_t n)
{
	volatile double sink;
	struct timespec begin, end;
	clock_gettime(b->clock, &begin);
	sink = task(job, n);
	(void)sink;
	clock_gettime(b->clock, &end);
	return (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
}

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

/* A number of repetitions that takes least_s or more. */
static uint64_t calibrate(
	const struct bench *b, double (*task)(void *job, uint64_t n), void *job, double least_s)
{
	uint64_t n = 1;
	for (double s; (s = run_once(b, task, job, n)) < least_s;)
		n = s < least_s / 100 ? 10 * n : (uint64_t)(1.1 * least_s / s * (double)n) + 1;
	return n;
}

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *x, int n)
{
	qsort(x, (size_t)n, sizeof(*x), compare_doubles);
	return x[n / 2];
}

/* The clock of a core and its neighbours change within a run: the peak is measured again
 * just before each sample. */
static struct timing measure(struct bench *b, double (*task)(void *job, uint64_t n), void *job)
{
	double sample[MAX_SAMPLES] = { 0 }, peak[MAX_SAMPLES] = { 0 };
	const uint64_t n = calibrate(b, task, job, sample_s);
	for (int i = 0; i < b->n_samples; i++) {
		const double once_s = run_once(b, peak_task, b, b->n_peak) / (double)b->n_peak;
		sample[i] = run_once(b, task, job, n) / (double)n;
		peak[i] = sample[i] / once_s * peak_flops(b);
	}
	const double median_s = median(sample, b->n_samples);
	return (struct timing){ median_s, (sample[b->n_samples - 1] - sample[0]) / median_s,
		median(peak, b->n_samples) };
}

/* One line, or one object of JSON. Rates of 0 are left out. */
static void report(struct bench *b, const char *name, struct timing t, double flops, double bytes,
	const char *note)
{
	const double gflops = flops / t.median_s / 1e9, share = flops / t.peak_flops;
	const double gbytes = bytes / t.median_s / 1e9;
	if (b->json) {
		printf("%s{\"name\":\"%s\",\"seconds\":%.6g,\"spread\":%.3g", b->n_rows ? "," : "",
			name, t.median_s, t.spread);
		if (flops > 0)
			printf(",\"gflops\":%.4g,\"peak_share\":%.4g", gflops, share);
		if (bytes > 0)
			printf(",\"gbytes_per_s\":%.4g", gbytes);
		printf("}");
	} else {
		printf("%-32s ", name);
		if (t.median_s >= 1e-2)
			printf("%9.1f ms", t.median_s * 1e3);
		else if (t.median_s >= 1e-6)
			printf("%9.2f us", t.median_s * 1e6);
		else
			printf("%9.2f ns", t.median_s * 1e9);
		printf("  +-%4.1f %%", 100 * t.spread);
		if (flops > 0)
			printf("  %6.1f GFLOP/s  %5.1f %% of peak", gflops, 100 * share);
		if (bytes > 0)
			printf("  %6.1f GB/s of weights", gbytes);
		printf("%s%s\n", note[0] ? "  " : "", note);
	}
	(void)fflush(stdout);
	b->n_rows++;
}

static void bench_peak(struct bench *b)
{
	char name[64];
	b->n_peak = calibrate(b, peak_task, b, peak_s);
	struct timing t = measure(b, peak_task, b);
	t.peak_flops = peak_flops(b); /* 100 % by definition */
	snprintf(name, sizeof(name), "%d fused multiply-adds", PEAK_ROUNDS * KERNELS_PEAK_CHAINS);
	report(b, name, t, peak_flops(b), 0, "");
	if (t.spread > noisy)
		say("warning: the peak varies by %.0f %%: another process is running or the clock "
		    "changes; trust the shares, not the times",
			100 * t.spread);
}

/* --- networks 4-W-W-2 --- */

struct shape {
	int width, batch;
};

/* Plain DQN whose replay buffer is full of random play. */
static bool start_training(
	struct train *t, const struct kernels *k, const struct shape *s, struct err *e)
{
	static struct config c; /* too much for a small stack */
	config_init(&c);
	c.net_arch = (struct widths){ 2, { s->width, s->width } };
	c.batch_size = s->batch;
	c.buffer_size = c.learning_starts = 10000;
	c.eval_freq = 0;
	c.eval_episodes = POLICY_ROWS;
	bool ok = train_init(t, &c, k, e);
	while (ok && t->timesteps < c.learning_starts)
		ok = train_step(t, e);
	return ok;
}

/* An update takes the forward pass of both networks, the gradient of the weights and that
 * of the inputs, which the first layer does without. */
static void count_flops(const struct net *net, int batch, double *forward, double *update)
{
	*forward = *update = 0;
	for (int i = 0; i < net_n_linear(net); i++) {
		const struct linear m = net_linear(net, i);
		const double flops = 2.0 * batch * (double)(m.in * m.out);
		*forward += flops;
		*update += (i > 0 ? 4 : 3) * flops;
	}
}

static double sample_task(void *job, uint64_t n)
{
	struct train *t = job;
	for (uint64_t i = 0; i < n; i++)
		replay_sample(&t->replay, &t->stream[STREAM_REPLAY], 1, 0.99, 1, &t->batch);
	return t->batch.reward[0];
}

static double learn_task(void *job, uint64_t n)
{
	struct train *t = job;
	struct learn_stats stats = { 0 };
	struct err e;
	for (uint64_t i = 0; i < n; i++)
		agent_learn(&t->agent, &t->batch, 1e-6, &stats, &e);
	return stats.loss;
}

static double update_task(void *job, uint64_t n)
{
	double sum = 0;
	for (uint64_t i = 0; i < n; i++)
		sum += sample_task(job, 1) + learn_task(job, 1);
	return sum;
}

static double push_task(void *job, uint64_t n)
{
	struct train *t = job;
	for (uint64_t i = 0; i < n; i++)
		replay_push(&t->replay, t->obs, NULL, (int)(i & 1), 1, t->obs, NULL, false, false);
	return (double)t->replay.next;
}

/* Each action depends on the one before, so that they cannot overlap. */
static double act_task(void *job, uint64_t n)
{
	const struct train *t = job;
	int action = 0;
	float *obs = t->obs;
	for (uint64_t i = 0; i < n; i++) {
		action = policy_act(&t->agent.policy, obs, NULL, 0, NULL, NULL);
		obs[0] = (float)action;
	}
	return action;
}

/* Episodes that an evaluation plays side by side. */
static int eval_rows(const struct config *c)
{
	return c->eval_episodes < POLICY_ROWS ? (int)c->eval_episodes : POLICY_ROWS;
}

static double greedy_task(void *job, uint64_t n)
{
	const struct train *t = job;
	const size_t rows = (size_t)eval_rows(&t->config);
	int actions[POLICY_ROWS] = { 0 };
	float *obs = t->eval_envs.obs;
	for (uint64_t i = 0; i < n; i++) {
		policy_greedy(&t->agent.policy, rows, obs, NULL, actions);
		obs[0] = (float)actions[0];
	}
	return actions[0];
}

static void update_name(char *name, size_t size, const struct shape *s)
{
	snprintf(name, size, "update 4-%d-%d-2, batch %d", s->width, s->width, s->batch);
}

static bool bench_network(struct bench *b, const struct shape *s, struct err *e)
{
	static struct train t;
	char name[64];
	double forward, update;
	if (!start_training(&t, b->k, s, e))
		return false;
	count_flops(&t.agent.policy.net, s->batch, &forward, &update);
	update_name(name, sizeof(name), s);
	report(b, name, measure(b, update_task, &t), update, 0, "");
	const double bytes = (double)(t.agent.policy.net.n_params * sizeof(float));
	snprintf(name, sizeof(name), "act 4-%d-%d-2", s->width, s->width);
	report(b, name, measure(b, act_task, &t), 0, bytes, "");
	snprintf(name, sizeof(name), "act 4-%d-%d-2, %d side by side", s->width, s->width,
		POLICY_ROWS);
	report(b, name, measure(b, greedy_task, &t), forward / s->batch * POLICY_ROWS, 0, "");
	train_release(&t);
	return true;
}

static bool bench_replay(struct bench *b, struct err *e)
{
	static struct train t;
	if (!start_training(&t, b->k, &(struct shape){ 8, 32 }, e))
		return false;
	report(b, "replay: sample a minibatch of 32", measure(b, sample_task, &t), 0, 0, "");
	report(b, "replay: store a transition", measure(b, push_task, &t), 0, 0, "");
	train_release(&t);
	return true;
}

/* A line per width, a column per batch size: the update's share of the peak. */
static bool bench_sizes(struct bench *b, struct err *e)
{
	static const int widths[] = { 8, 16, 24, 32, 48, 63, 64, 65, 100, 128, 200, 256, 257, 512,
		1024 };
	static const int batches[] = { 1, 8, 32, 33, 64, 100, 256, 1024 };
	enum { N_WIDTHS = sizeof(widths) / sizeof(*widths) };
	enum { N_BATCHES = sizeof(batches) / sizeof(*batches) };
	static struct train train;
	if (!b->json) {
		printf("an update of 4-W-W-2, %% of peak\n%8s", "W \\ batch");
		for (int j = 0; j < N_BATCHES; j++)
			printf(" %7d", batches[j]);
	}
	for (int i = 0; i < N_WIDTHS * N_BATCHES; i++) {
		const struct shape s = { widths[i / N_BATCHES], batches[i % N_BATCHES] };
		double forward, update;
		char name[64];
		if (!start_training(&train, b->k, &s, e))
			return false;
		const struct timing t = measure(b, update_task, &train);
		count_flops(&train.agent.policy.net, s.batch, &forward, &update);
		update_name(name, sizeof(name), &s);
		if (b->json)
			report(b, name, t, update, 0, "");
		else if (i % N_BATCHES == 0)
			printf("\n%9d", s.width);
		if (!b->json)
			printf(" %7.1f", 100 * update / t.peak_flops);
		(void)fflush(stdout);
		train_release(&train);
	}
	if (!b->json)
		printf("\n");
	return true;
}

/* --- the environment, and the whole run --- */

struct players { /* of CartPole-v1 */
	struct env env[POLICY_ROWS];
	struct rng rng;
	uint64_t n;
};

/* Random play, one step of each in turn: about 22 steps an episode. */
static double env_task(void *job, uint64_t n)
{
	struct players *p = job;
	float obs[4] = { 0 };
	struct step s;
	struct err never;
	double sum = 0;
	uint64_t bits = 0;
	for (uint64_t i = 0; i < p->n; i++)
		env_reset(&p->env[i], rng_u64(&p->rng), obs, NULL, &never);
	for (uint64_t i = 0, player = 0; i < n; i++) {
		struct env *env = &p->env[player];
		player = player + 1 < p->n ? player + 1 : 0;
		bits = i % 64 == 0 ? rng_u64(&p->rng) : bits >> 1;
		env_step(env, (int)(bits & 1), obs, NULL, &s, &never);
		sum += (double)s.reward;
		if (s.terminated || s.truncated)
			env_reset(env, rng_u64(&p->rng), obs, NULL, &never);
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

/* --- an environment in a child process --- */

/* A process that answers each line with another, without looking at it: what two switches
 * between processes take, if the answer has a deadline. Lengths as of CartPole's lines. */
struct echo {
	pid_t pid;
	int to, from;
};
enum { REQUEST_BYTES = 9, REPLY_BYTES = 60 };

static void answer_lines(int from, int to)
{
	char line[REPLY_BYTES] = { 0 };
	while (read(from, line, sizeof(line)) > 0 && write(to, line, REPLY_BYTES) == REPLY_BYTES)
		;
}

static bool echo_start(struct echo *echo, struct err *e)
{
	int to[2], from[2];
	if (pipe(to) < 0)
		return err_set(e, ERR_RUN, "pipe: %s", strerror(errno));
	if (pipe(from) < 0 || (echo->pid = fork()) < 0)
		return err_set(e, ERR_RUN, "start another process: %s", strerror(errno));
	if (echo->pid == 0) {
		close(to[1]);
		close(from[0]);
		answer_lines(to[0], from[1]);
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	echo->to = to[1];
	echo->from = from[0];
	return true;
}

static void echo_stop(struct echo *echo)
{
	close(echo->to);
	close(echo->from);
	waitpid(echo->pid, NULL, 0);
}

static double echo_task(void *job, uint64_t n)
{
	const struct echo *echo = job;
	const int deadline_ms = 10000;
	char line[REPLY_BYTES] = { 0 };
	struct pollfd fd = { .fd = echo->from, .events = POLLIN };
	for (uint64_t i = 0; i < n; i++)
		if (write(echo->to, line, REQUEST_BYTES) != REQUEST_BYTES ||
			poll(&fd, 1, deadline_ms) != 1 ||
			read(echo->from, line, sizeof(line)) != REPLY_BYTES)
			return -1;
	return line[0];
}

struct pipe_job {
	struct vec_env v;
	size_t n; /* instances side by side */
};

/* n steps, n / job->n of each instance. */
static double pipe_task(void *job, uint64_t n)
{
	struct pipe_job *p = job;
	static const uint64_t seed[POLICY_ROWS] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
		15, 16 };
	struct err e;
	struct step s;
	double sum = 0;
	bool ok = true, ended = true;
	for (uint64_t k = 0; ok && k < n; k += p->n) {
		if (ended)
			ok = vec_env_reset(&p->v, p->n, seed, &e);
		for (size_t i = 0; ok && i < p->n; i++)
			env_send_step(&p->v.env[i], (int)(k / p->n % 2));
		ended = false;
		for (size_t i = 0; ok && i < p->n; i++) {
			ok = env_receive_step(&p->v.env[i], vec_env_obs(&p->v, i), NULL, &s, &e);
			ended = ended || (ok && (s.terminated || s.truncated));
			sum += ok ? (double)s.reward : 0;
		}
	}
	return sum;
}

/* 'PROGRAM' with its quotes, as a shell wants it. */
static bool serve_command(char *buf, size_t size, const char *program)
{
	struct text t;
	text_init(&t, buf, size);
	text_add(&t, "exec '");
	for (; *program; program++)
		text_add(&t, *program == '\'' ? "'\\''" : "%c", *program);
	text_add(&t, "' env serve CartPole-v1");
	return !t.full;
}

static bool bench_pipes(struct bench *b, const char *program, struct err *e)
{
	static struct children ch;
	static struct config c;
	struct echo echo;
	struct pipe_job job = { .n = 1 };
	struct env env;
	char note[64];
	config_init(&c);
	if (!serve_command(c.command, sizeof(c.command), program) ||
		!children_start(&ch, &c, 1, e) || !echo_start(&echo, e))
		return false;
	env_init(&env, &ch.process[0].ops, 0, NULL);
	env.process = &ch.process[0];
	if (!vec_env_init(&job.v, &env, POLICY_ROWS, e))
		return false;
	b->clock = CLOCK_MONOTONIC;
	/* Processes that the kernel puts on two idle cores take several times as long. */
	const struct timing there_and_back = measure(b, echo_task, &echo);
	report(b, "pipe: a line there and back", there_and_back, 0, 0, "");
	const struct timing step = measure(b, pipe_task, &job);
	snprintf(note, sizeof(note), "%.2f times that", step.median_s / there_and_back.median_s);
	report(b, "env: a step in a child process", step, 0, 0, note);
	job.n = job.v.n;
	report(b, "env: the same, 16 together", measure(b, pipe_task, &job), 0, 0, "");
	b->clock = CLOCK_PROCESS_CPUTIME_ID;
	vec_env_release(&job.v);
	echo_stop(&echo);
	children_stop(&ch);
	return true;
}

struct whole_run {
	struct train train;
	const struct config *config;
	const struct kernels *k;
	struct children *children;
	double n_eval; /* steps of one run's evaluations */
	struct err e;
	bool ok;
};

static double whole_run_task(void *job, uint64_t n)
{
	struct whole_run *w = job;
	struct train *t = &w->train;
	for (uint64_t i = 0; i < n && w->ok; i++) {
		train_release(t);
		w->n_eval = 0;
		w->ok = train_init(t, w->config, w->k, &w->e);
		if (w->ok && config_is_process(w->config))
			train_set_processes(t, &w->children->process[CHILD_TRAIN],
				&w->children->process[CHILD_EVAL]);
		while (w->ok && !(t->events & TRAIN_FINISHED)) {
			w->ok = train_step(t, &w->e);
			if (t->events & TRAIN_EVALUATED)
				w->n_eval += t->eval.stats.length_mean *
					     (double)t->eval.stats.n_episodes;
		}
	}
	return w->n_eval;
}

/* The training loop without its files, and the share of the network and Adam in it. */
static bool bench_run(
	struct bench *b, const struct config *c, struct children *children, struct err *e)
{
	static struct whole_run w;
	struct train *t = &w.train;
	char note[128];
	w = (struct whole_run){ .config = c, .k = b->k, .children = children, .ok = true };
	if (config_is_process(c))
		b->clock = CLOCK_MONOTONIC;
	whole_run_task(&w, 1); /* runs are equal: if this one does not fail, none does */
	if (!w.ok) {
		train_release(t);
		*e = w.e;
		return false;
	}
	const struct timing whole = measure(b, whole_run_task, &w);
	const uint64_t n_updates = t->agent.adam.t;
	double network_s = measure(b, act_task, t).median_s * (double)t->timesteps;
	network_s += measure(b, greedy_task, t).median_s * w.n_eval / eval_rows(c);
	if (n_updates > 0)
		network_s += measure(b, learn_task, t).median_s * (double)n_updates;
	snprintf(note, sizeof(note),
		"%" PRId64 " steps, %" PRIu64 " updates; network and Adam %.1f %%", t->timesteps,
		n_updates, 100 * network_s / whole.median_s);
	report(b, "run: the training loop", whole, 0, 0, note);
	train_release(t);
	return true;
}

static bool bench_all(struct bench *b, const struct config *c, struct children *children,
	const char *program, struct err *e)
{
	static const struct shape shapes[] = { { 256, 64 }, { 128, 64 }, { 64, 32 }, { 24, 64 } };
	enum { N = sizeof(shapes) / sizeof(*shapes) };
	for (int i = 0; i < N; i++)
		if (!bench_network(b, &shapes[i], e))
			return false;
	bench_env(b, 1, "env: a step of CartPole-v1");
	bench_env(b, POLICY_ROWS, "env: the same, 16 in turn");
	return bench_pipes(b, program, e) && bench_replay(b, e) && bench_run(b, c, children, e);
}

static int cmd_bench(const struct args *args)
{
	struct bench b = { .clock = CLOCK_PROCESS_CPUTIME_ID, .json = args->flag[JSON].set };
	static struct config c; /* too much for a small stack */
	static struct children children;
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

	const bool is_process = config_is_process(&c) && !args->flag[SIZES].set;
	if (is_process && (!children_start(&children, &c, N_CHILDREN, &e) ||
				  !children_declare(&children, &c, &e)))
		return fail(&e);
	if (is_process && !check_env(&c, false))
		return ERR_USAGE;

	if (b.json)
		printf("{\"version\":\"%s\",\"isa\":\"%s\",\"samples\":%d,\"rows\":[", DQN_VERSION,
			b.k->isa, b.n_samples);
	else
		printf("dqn %s, %s: medians of %d samples of at least %.0f ms, +- (slowest - "
		       "fastest)\n",
			DQN_VERSION, b.k->isa, b.n_samples, 1e3 * sample_s);
	bench_peak(&b);
	const bool ok = args->flag[SIZES].set ? bench_sizes(&b, &e)
					      : bench_all(&b, &c, &children, args->program, &e);
	if (b.json)
		printf("]}\n");
	children_stop(&children);
	return ok ? STATUS_OK : fail(&e);
}

const struct command command_bench = {
	.name = "bench",
	.synopsis = "[CONFIG [key=value ...]] [--sizes] [-n N] [--json]",
	.summary = "measure speed on this machine, next to its arithmetic peak",
	.details =
		"The first line is the peak of one core: fused multiply-adds in the instruction set in use "
		"(DQN_ISA forces one). The next lines are parts of a run; those that are arithmetic have "
		"their share of the peak; those of pipes are wall clock. The last line is the whole "
		"training loop of CONFIG, or of the defaults, without its files.",
	.examples = "taskset -c 1 dqn bench\n"
		    "dqn bench configs/cartpole-fixed.ini\n"
		    "dqn bench --sizes\n",
	.flags = bench_flags,
	.statuses = (const int[]){ 0, 1, 2, 4, 7, -1 },
	.min_args = 0,
	.max_args = -1,
	.run = cmd_bench,
};
