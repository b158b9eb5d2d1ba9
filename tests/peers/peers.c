/* The time of one update of dqn beside that of its products alone in OpenBLAS, and of a
 * single product beside libxsmm's. tests/peers/run builds this with what is installed. */
#include "nn/kernels.h"
#include "rl/agent.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(WITH_OPENBLAS)
#include <cblas.h>
void openblas_set_num_threads(int n);
char *openblas_get_corename(void);
#endif
#if defined(WITH_LIBXSMM)
#include <libxsmm.h>
#endif

enum { OBS = 4, ACTIONS = 2, SAMPLES = 40 };
static const double sample_s = 1e-3; /* the best of many short samples is of a quiet moment */

struct job {
	size_t w, b;
	struct net net;
	struct agent agent;
	struct batch batch;
	float *out, pack[KERNELS_PACK];
#if defined(WITH_LIBXSMM)
	libxsmm_smmfunction xsmm;
#endif
};

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void update(struct job *j)
{
	struct learn_stats stats;
	struct err e;
	agent_learn(&j->agent, &j->batch, 1e-6, &stats, &e);
}

/* Two forward passes and a backward one: what the libraries' products are a part of. */
static void passes(struct job *j)
{
	const struct agent *a = &j->agent;
	const struct kernels *k = a->policy.k;
	net_forward(&j->net, k, a->target, j->batch.next_obs, j->b, a->work);
	net_forward(&j->net, k, a->online, j->batch.obs, j->b, a->work);
	net_backward(&j->net, k, a->online, j->batch.obs, a->d_out, j->b, a->work, a->grad);
}

static void product(struct job *j)
{
	j->agent.policy.k->matmul(j->b, j->w, j->w, j->agent.work, j->w, 1,
		j->agent.online + j->net.w[1], j->agent.online + j->net.b[1], false, j->out,
		j->pack);
}

#if defined(WITH_OPENBLAS)
static void blas(struct job *j, bool trans_a, bool trans_b, size_t m, size_t n, size_t k)
{
	cblas_sgemm(CblasRowMajor, trans_a ? CblasTrans : CblasNoTrans,
		trans_b ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, 1, j->agent.work,
		(int)(trans_a ? m : k), j->agent.online, (int)(trans_b ? k : n), 0, j->out, (int)n);
}

/* Two forward passes, the gradients of the weights and of the layers below. */
static void blas_update(struct job *j)
{
	for (int i = 0; i < j->net.n_layers; i++) {
		const struct linear m = net_linear(&j->net, i);
		blas(j, false, false, j->b, m.out, m.in);
		blas(j, false, false, j->b, m.out, m.in);
		blas(j, true, false, m.in, m.out, j->b);
		if (i > 0)
			blas(j, false, true, j->b, m.in, m.out);
	}
}

static void blas_product(struct job *j)
{
	blas(j, false, false, j->b, j->w, j->w);
}
#endif

#if defined(WITH_LIBXSMM)
/* It stores columns: c^T = b^T a^T. */
static void xsmm_product(struct job *j)
{
	j->xsmm(j->agent.online + j->net.w[1], j->agent.work, j->out);
}
#endif

static const struct {
	const char *name;
	void (*run)(struct job *j);
} tasks[] = {
	{ "update", update },
	{ "passes", passes },
	{ "product", product },
#if defined(WITH_OPENBLAS)
	{ "openblas passes", blas_update },
	{ "openblas product", blas_product },
#endif
#if defined(WITH_LIBXSMM)
	{ "libxsmm product", xsmm_product },
#endif
};
enum { N_TASKS = sizeof(tasks) / sizeof(*tasks) };

static void measure(struct job *j, double best[N_TASKS])
{
	long n[N_TASKS];
	for (int t = 0; t < N_TASKS; t++) {
		tasks[t].run(j);
		const double start = now();
		tasks[t].run(j);
		n[t] = (long)(sample_s / (now() - start)) + 1;
		best[t] = INFINITY;
	}
	for (int s = 0; s < SAMPLES; s++)
		for (int t = 0; t < N_TASKS; t++) {
			const double start = now();
			for (long i = 0; i < n[t]; i++)
				tasks[t].run(j);
			best[t] = fmin(best[t], (now() - start) / (double)n[t]);
		}
}

static bool start(struct job *j, const struct kernels *k, struct err *e)
{
	const struct net_shape shape = { .n_inputs = OBS,
		.n_outputs = ACTIONS,
		.n_hidden = 2,
		.hidden = { (int)j->w, (int)j->w } };
	const struct agent_opts opts = {
		.max_grad_norm = 10, .adam_beta1 = 0.9, .adam_beta2 = 0.999, .adam_eps = 1e-8
	};
	struct rng rng;
	if (!net_init(&j->net, &shape, e) || !agent_init(&j->agent, &opts, &j->net, k, j->b, e) ||
		!batch_init(&j->batch, j->b, OBS, 0, e))
		return false;
	rng_init(&rng, 1);
	net_init_params(&j->net, WEIGHT_INIT_TORCH, &rng, j->agent.online);
	agent_begin(&j->agent);
	for (size_t i = 0; i < j->b; i++) {
		for (int l = 0; l < OBS; l++) {
			j->batch.obs[i * OBS + l] = (float)rng_uniform(&rng, -1, 1);
			j->batch.next_obs[i * OBS + l] = (float)rng_uniform(&rng, -1, 1);
		}
		j->batch.reward[i] = j->batch.discount[i] = j->batch.weight[i] = 1;
		j->batch.action[i] = (int)(i % ACTIONS);
	}
	const size_t widest = j->b > j->w ? j->b : j->w;
	j->out = calloc(widest * j->w, sizeof(float));
#if defined(WITH_LIBXSMM)
	const int w = (int)j->w;
	const float alpha = 1, beta = 0;
	j->xsmm = libxsmm_smmdispatch(w, (int)j->b, w, &w, &w, &w, &alpha, &beta, NULL, NULL);
#endif
	return j->out != NULL;
}

int main(int argc, char **argv)
{
	static struct job j;
	struct err e = { 0 };
	const struct kernels *k = kernels_find(getenv("DQN_ISA"));
	if (!k)
		return 1;
	printf("best us; dqn's kernels are %s", k->isa);
#if defined(WITH_OPENBLAS)
	openblas_set_num_threads(1);
	printf("; OpenBLAS's kernels are %s", openblas_get_corename());
#endif
#if defined(WITH_LIBXSMM)
	libxsmm_init();
	printf("; libxsmm's are %s", libxsmm_get_target_arch());
#endif
	printf("\n%16s", "width x batch");
	for (int t = 0; t < N_TASKS; t++)
		printf(" %17s", tasks[t].name);
	printf("\n");
	for (int i = 1; i < argc; i++) {
		double best[N_TASKS];
		char *end;
		j.w = strtoul(argv[i], &end, 10);
		j.b = *end == 'x' ? strtoul(end + 1, NULL, 10) : 64;
		if (!start(&j, k, &e)) {
			fprintf(stderr, "%s\n", e.msg);
			return 1;
		}
		measure(&j, best);
		printf("%10zux%5zu", j.w, j.b);
		for (int t = 0; t < N_TASKS; t++)
			printf(" %17.3f", 1e6 * best[t]);
		printf("\n");
		(void)fflush(stdout);
		free(j.out);
		batch_release(&j.batch);
		agent_release(&j.agent);
	}
	return 0;
}
