#include "rl/evaluate.h"

#include <assert.h>
#include <math.h>

/* False if the listener stops the evaluation. */
static bool continues(const struct eval_listener *l, int64_t n_over, int64_t n_episodes)
{
	if (l && l->tell)
		l->tell(l->arg, n_over, n_episodes);
	return !(l && l->stop && *l->stop);
}

/* Plays n <= POLICY_ROWS episodes side by side, after n_before of n_all. Rows of `obs` of
 * unfinished episodes stay adjacent. Returns as evaluate_some does. */
static bool play(const struct policy *policy, const struct env *env, struct rng *env_rng, size_t n,
	int64_t n_before, int64_t n_all, double epsilon, struct rng *explore,
	const struct eval_listener *listener, struct episode *ep, bool *diverged)
{
	const size_t obs_dim = (size_t)env->ops->obs_dim;
	struct env envs[POLICY_ROWS];
	float obs[POLICY_ROWS * ENV_MAX_OBS];
	size_t episode[POLICY_ROWS]; /* in a row of obs */
	int action[POLICY_ROWS] = { 0 };
	const int64_t n_over = n_before + (int64_t)n; /* once none is left */
	for (size_t i = 0; i < n; i++) {
		ep[i] = (struct episode){ 0 };
		episode[i] = i;
		envs[i] = *env;
		env_reset(&envs[i], env_rng, obs + i * obs_dim);
	}
	while (n > 0) {
		if (!continues(listener, n_over - (int64_t)n, n_all))
			return false;
		if (epsilon > 0) {
			const float *q;
			action[0] = policy_act(policy, obs, NULL, epsilon, explore, &q);
			*diverged = q && !policy_is_finite(q, (size_t)env->ops->n_actions);
		} else {
			*diverged = !policy_greedy(policy, n, obs, NULL, action);
		}
		if (*diverged)
			return false;
		size_t n_left = 0;
		for (size_t i = 0; i < n; i++) {
			const size_t l = episode[i];
			float *const row = obs + n_left * obs_dim;
			const struct step s = env_step(&envs[l], action[i], row);
			ep[l].episode_return += s.reward;
			ep[l].length++;
			episode[n_left] = l;
			n_left += !s.terminated && !s.truncated;
		}
		n = n_left;
	}
	return true;
}

bool evaluate_some(struct evaluation *ev, const struct policy *policy, const struct env *env,
	struct rng *env_rng, int64_t n_episodes, double epsilon, struct rng *explore,
	struct episode *episodes, const struct eval_listener *listener, bool *diverged)
{
	struct episode ep[POLICY_ROWS];
	struct rng rng = *env_rng;
	const int64_t begin = (int64_t)ev->n, n_left = n_episodes - begin;
	const int64_t n_rows = epsilon > 0 ? 1 : POLICY_ROWS; /* explorers share a stream */
	const int64_t n = n_left < n_rows ? n_left : n_rows;
	assert(n >= 1 && (explore || epsilon == 0));
	*diverged = false;
	if (!play(policy, env, &rng, (size_t)n, begin, n_episodes, epsilon, explore, listener, ep,
		    diverged))
		return false;
	*env_rng = rng;
	for (int64_t i = 0; i < n; i++) {
		const double r = ep[i].episode_return, off = r - ev->mean;
		const bool first = begin + i == 0;
		ev->n++;
		ev->mean += off / ev->n;
		ev->squares += off * (r - ev->mean);
		ev->return_sum += r;
		ev->length_sum += (double)ep[i].length;
		ev->return_min = first || r < ev->return_min ? r : ev->return_min;
		ev->return_max = first || r > ev->return_max ? r : ev->return_max;
		if (episodes)
			episodes[i] = ep[i];
	}
	return true;
}

struct eval_stats evaluation_stats(const struct evaluation *ev)
{
	return (struct eval_stats){
		.n_episodes = (int64_t)ev->n,
		.return_mean = ev->return_sum / ev->n,
		.return_std = sqrt(ev->squares / ev->n),
		.return_min = ev->return_min,
		.return_max = ev->return_max,
		.length_mean = ev->length_sum / ev->n,
	};
}

bool evaluate(const struct policy *policy, const struct env *env, struct rng *env_rng,
	int64_t n_episodes, double epsilon, struct rng *explore, struct eval_stats *stats,
	struct episode *episodes, const struct eval_listener *listener)
{
	struct evaluation ev = { 0 };
	bool diverged = false, ok = true;
	while (ok && ev.n < (double)n_episodes)
		ok = evaluate_some(&ev, policy, env, env_rng, n_episodes, epsilon, explore,
			episodes ? episodes + (size_t)ev.n : NULL, listener, &diverged);
	if (ok)
		*stats = evaluation_stats(&ev);
	stats->diverged = diverged;
	return ok;
}
