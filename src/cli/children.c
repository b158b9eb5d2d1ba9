#include "cli/children.h"

#include "base/clock.h"
#include "cli/cli.h"

#include <string.h>

/* What a child writes to its standard error is the user's. */
static void hear(void *arg, const char *bytes, size_t n)
{
	const struct children *ch = arg;
	if (ch->progress)
		progress_end(ch->progress);
	(void)fwrite(bytes, 1, n, stderr);
}

bool children_start(struct children *ch, const struct config *c, int n, struct err *e)
{
	const struct process_opts opts = { .command = c->command,
		.start_timeout_s = c->env_start_timeout,
		.timeout_s = c->env_timeout,
		.hear = hear,
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
		     err_set(e, ERR_ENV,
			     "environment: started twice, it declares '%.300s' and '%.300s'", first,
			     ch->process[i].declaration);
	if (!ok)
		children_stop(ch);
	return ok;
}

bool children_declare(const struct children *ch, struct config *c, struct err *e)
{
	const char *theirs = ch->process[0].declaration;
	if (c->declaration[0] == '\0')
		return config_set_value(c, config_find("declaration"), theirs) ||
		       err_set(e, ERR_ENV, "environment: '%.300s' cannot be kept", theirs);
	return strcmp(c->declaration, theirs) == 0 ||
	       err_set(e, ERR_BUSY, "environment: it declares '%.300s', not '%.300s'", theirs,
		       c->declaration);
}

bool children_time_step(struct vec_env *v, size_t n, double *step_s, struct err *e)
{
	const double enough_s = 0.05, begin_s = now_s();
	uint64_t seed[POLICY_ROWS];
	int64_t n_steps = 0;
	double resets_s = 0, s = 0;
	struct rng rng;
	rng_init(&rng, 0);
	while (n_steps == 0 || s < enough_s) {
		bool ended = false;
		for (size_t i = 0; i < n; i++)
			seed[i] = rng_u64(&rng);
		const double before_s = now_s();
		if (!vec_env_reset(v, n, seed, e))
			return false;
		resets_s += now_s() - before_s;
		while (!ended && s < enough_s) {
			for (size_t i = 0; i < n; i++)
				env_send_step(&v->env[i], policy_random(vec_env_mask(v, i),
								  v->proto.ops->n_actions, &rng));
			for (size_t i = 0; i < n; i++) {
				struct step step;
				if (!env_receive_step(&v->env[i], vec_env_obs(v, i),
					    vec_env_mask(v, i), &step, e))
					return false;
				ended = ended || step.terminated || step.truncated;
			}
			n_steps += (int64_t)n;
			s = now_s() - begin_s;
		}
	}
	*step_s = (s - resets_s) / (double)n_steps;
	return true;
}

void children_stop(struct children *ch)
{
	for (int i = 0; i < N_CHILDREN; i++)
		process_stop(&ch->process[i]);
}
