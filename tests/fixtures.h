/* What several tests set up. */
#ifndef DQN_TESTS_FIXTURES_H
#define DQN_TESTS_FIXTURES_H

#include "run/train.h"
#include "run/weights.h"

#include "isas.h"
#include "test.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* hidden (n_hidden) may be NULL for none. */
static inline struct net net_of(
	int n_inputs, const int *hidden, int n_hidden, int n_outputs, enum activation activation, bool dueling)
{
	struct net_shape shape = { .n_inputs = n_inputs,
		.n_hidden = n_hidden,
		.n_outputs = n_outputs,
		.activation = activation,
		.dueling = dueling };
	struct net net;
	struct err e;
	for (int l = 0; l < n_hidden; l++)
		shape.hidden[l] = hidden[l];
	if (!net_init(&net, &shape, &e)) {
		FAIL("net_init");
		abort();
	}
	return net;
}

/* n, uninitialised; the caller frees them. */
static inline float *floats(size_t n)
{
	float *p = malloc((n > 0 ? n : 1) * sizeof(float));
	if (!p)
		abort();
	return p;
}

static inline void fill_uniform(struct rng *rng, double size, size_t n, float *x)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (float)rng_uniform(rng, -size, size);
}

static inline bool same(const float *a, const float *b, size_t n)
{
	return memcmp(a, b, n * sizeof(float)) == 0;
}

/* A weights file as a run of the configuration writes it. */
static inline size_t build_weights(const struct config *c, const struct net *net, float *obs_scale, float *params,
	int64_t timesteps, int64_t n_updates, char *buf, size_t size)
{
	const struct weights w = { .net = *net,
		.env = config_env(c),
		.max_episode_steps = config_eval_limit(c),
		.params = params,
		.obs_scale = obs_scale,
		.config = c,
		.timesteps = timesteps,
		.n_updates = n_updates };
	return weights_build(&w, buf, size);
}

/* On every instruction set: the outputs of x (batch, inputs) do not depend on who is in
 * the batch, and they and the gradient have the same bits everywhere. */
static inline void check_net_bits(
	const struct net *net, const float *params, const float *x, const float *d, size_t batch)
{
	const size_t n_in = (size_t)net->dim[0], n_out = (size_t)net->dim[net->n_layers];
	float *work = floats(net_work_size(net, batch)), *alone = floats(net_work_size(net, 1));
	float *grad = floats(net->n_params), *first_grad = floats(net->n_params);
	float *first = floats(batch * n_out);
	for (int s = 0; s < N_ISAS; s++) {
		const struct kernels *k = kernels_find(isas[s]);
		if (!k)
			continue;
		const float *y = net_forward(net, k, params, x, batch, work);
		for (size_t i = 0; i < batch; i++) {
			const float *row = net_forward(net, k, params, x + i * n_in, 1, alone);
			CHECK(same(row, y + i * n_out, n_out));
			CHECK(row[0] != row[n_out - 1]);
		}
		if (s == 0)
			memcpy(first, y, batch * n_out * sizeof(*y));
		CHECK(same(first, y, batch * n_out));
		net_backward(net, k, params, x, d, batch, work, s == 0 ? first_grad : grad);
		CHECK(s == 0 || same(first_grad, grad, net->n_params));
	}
	free(work);
	free(alone);
	free(grad);
	free(first_grad);
	free(first);
}

/* The signal that ends a process which calls f(arg), or 0. */
static inline int signal_of(void (*f)(const void *arg), const void *arg)
{
	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0) {
		const struct rlimit no_core = { 0, 0 };
		setrlimit(RLIMIT_CORE, &no_core);
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		f(arg);
		_exit(0);
	}
	int status = 0;
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* --- environments that cannot fail --- */

static inline void reset_env(struct env *env, uint64_t seed, float *obs)
{
	struct err e;
	CHECK(env_reset(env, seed, obs, NULL, &e));
}

static inline struct step step_env(struct env *env, int action, float *obs)
{
	struct step s = { .reward = 0 };
	struct err e;
	CHECK(env_step(env, action, obs, NULL, &s, &e));
	return s;
}

/* evaluate() on as many copies of env as fit; the seeds come from a stream. */
static inline bool evaluate_env(const struct policy *policy, const struct env *env, struct rng *rng, int64_t n_episodes,
	double epsilon, struct rng *explore, struct eval_stats *stats, struct episode *episodes,
	const struct eval_listener *listener, struct err *e)
{
	struct vec_env v;
	struct episode_seeds seeds = { .rng = rng };
	CHECK(vec_env_init(&v, env, POLICY_ROWS, e));
	const bool ok = evaluate(policy, &v, &seeds, n_episodes, epsilon, explore, stats, episodes, listener, e);
	vec_env_release(&v);
	return ok;
}

/* --- runs --- */

/* keys: "seed=5 net_arch=8" */
static inline void set_keys(struct config *c, const char *keys)
{
	static struct report r;
	char key[200], *arg = key;
	report_init(&r);
	while (text_next_word(&keys, key, sizeof(key)))
		config_override(c, 1, &arg, &r);
	config_check(c, 0, &r);
	CHECK_INT(r.n_errors, 0);
	if (r.n_errors)
		printf("%s", r.buf);
}

/* The defaults, then base, then more, which may be NULL. */
static inline struct config config_of(const char *base, const char *more)
{
	struct config c;
	config_init(&c);
	set_keys(&c, base);
	if (more)
		set_keys(&c, more);
	return c;
}

static inline struct train *train_start(const struct config *c)
{
	struct train *t = malloc(sizeof(*t));
	struct err e = { .msg = "" };
	if (!t || !train_init(t, c, kernels_find(NULL), &e)) {
		FAIL("train_init");
		abort();
	}
	return t;
}

static inline void train_end(struct train *t)
{
	train_release(t);
	free(t);
}

#endif
