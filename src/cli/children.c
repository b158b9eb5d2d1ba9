#include "cli/children.h"

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/signals.h"
#include "study/stats.h"

#include <string.h>

void children_hear(void *arg, const char *bytes, size_t n)
{
	const struct children *ch = arg;
	if (ch && ch->progress)
		progress_end(ch->progress);
	(void)fwrite(bytes, 1, n, stderr);
}

/* Makes what they declare part of the configuration, or compares it. */
static bool declare(struct config *c, const char *theirs, struct err *e)
{
	if (c->declaration[0] == '\0')
		return config_set_value(c, config_find("declaration"), theirs) ||
		       err_set(e, ERR_ENV, "environment: '%.300s' cannot be kept", theirs);
	return strcmp(c->declaration, theirs) == 0 ||
	       err_set(e, ERR_BUSY, "environment: it declares '%.300s', not '%.300s'", theirs, c->declaration);
}

bool children_start(struct children *ch, struct config *c, int n, struct err *e)
{
	const struct process_opts opts = { .command = c->command,
		.start_timeout_s = c->env_start_timeout,
		.timeout_s = c->env_timeout,
		.stop = &stop_signal,
		.hear = children_hear,
		.arg = ch };
	bool ok = true;
	*ch = (struct children){ .progress = NULL };
	for (int i = 0; ok && i < n; i++) /* they start at the same time */
		ok = process_start(&ch->process[i], &opts, e);
	for (int i = 0; ok && i < n; i++)
		ok = process_hello(&ch->process[i], e);
	const char *first = ok ? ch->process[0].declaration : "";
	for (int i = 1; ok && i < n; i++)
		ok = strcmp(first, ch->process[i].declaration) == 0 ||
		     err_set(e, ERR_ENV, "environment: started twice, it declares '%.300s' and '%.300s'", first,
			     ch->process[i].declaration);
	ok = ok && declare(c, first, e);
	if (!ok)
		children_stop(ch);
	return ok;
}

/* A step of the first n instances. */
static bool step_all(struct vec_env *v, size_t n, struct rng *rng, bool *ended, struct err *e)
{
	struct step s;
	const int n_actions = v->proto.ops->n_actions;
	for (size_t i = 0; i < n; i++)
		env_send_step(&v->env[i], policy_random(vec_env_mask(v, i), n_actions, rng));
	*ended = false;
	for (size_t i = 0; i < n; i++) {
		if (!env_receive_step(&v->env[i], vec_env_obs(v, i), vec_env_mask(v, i), &s, e))
			return false;
		*ended = *ended || s.terminated || s.truncated;
	}
	return true;
}

bool children_time_step(struct vec_env *v, size_t n, double *step_s, struct err *e)
{
	enum { MOST = 1001, LEAST = 5 };
	const double enough_s = 0.05, too_long_s = 1, begin_s = now_s();
	double sample[MOST] = { 0 };
	uint64_t seed[POLICY_ROWS];
	int n_samples = 0;
	bool ended = true;
	struct rng rng;
	rng_init(&rng, 0);
	double s = 0;
	while (n_samples < MOST && (s < enough_s || n_samples < LEAST) && (n_samples == 0 || s < too_long_s)) {
		for (size_t i = 0; ended && i < n; i++)
			seed[i] = rng_u64(&rng);
		if (ended && !vec_env_reset(v, n, seed, e))
			return false;
		const double before_s = now_s();
		if (!step_all(v, n, &rng, &ended, e))
			return false;
		sample[n_samples++] = now_s() - before_s;
		s = now_s() - begin_s;
	}
	stats_sort(sample, (size_t)n_samples);
	*step_s = sample[n_samples / 2] / (double)n;
	return true;
}

const char *children_us(double step_s, char buf[TEXT_REAL_SIZE])
{
	snprintf(buf, TEXT_REAL_SIZE, step_s < 999.5e-6 ? "%.3g" : "%.0f", 1e6 * step_s);
	return buf;
}

void children_stop(struct children *ch)
{
	for (int i = 0; i < N_CHILDREN; i++)
		process_stop(&ch->process[i]);
}
