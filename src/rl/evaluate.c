#include "rl/evaluate.h"

#include <assert.h>
#include <math.h>

/* False if it wants no more. */
static bool ask(const struct eval_listener *l, int64_t n_over, int64_t n_episodes)
{
	if (l && l->tell)
		l->tell(l->arg, n_over, n_episodes);
	return !(l && l->stop && *l->stop);
}

/* Plays the n episodes after the first n_before of n_all side by side, n <= POLICY_ROWS;
 * those under way keep their rows of `obs` close together. False as evaluate is. */
static bool play(const struct policy *policy, const struct env *env, struct rng *env_rng, size_t n,
	int64_t n_before, int64_t n_all, double epsilon, struct rng *explore,
	const struct eval_listener *listener, struct episode *ep, int64_t *diverged)
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
		if (!ask(listener, n_over - (int64_t)n, n_all))
			return false;
		if (epsilon > 0) {
			const float *q;
			action[0] = policy_act(policy, obs, epsilon, explore, &q);
			*diverged = q && !policy_is_finite(q, (size_t)env->ops->n_actions);
		} else {
			*diverged = !policy_greedy(policy, n, obs, action);
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

bool evaluate(const struct policy *policy, const struct env *env, struct rng *env_rng,
	int64_t n_episodes, double epsilon, struct rng *explore, struct eval_stats *stats,
	struct episode *episodes, const struct eval_listener *listener)
{
	assert(n_episodes >= 1 && (explore || epsilon == 0));
	double sum = 0, length = 0;
	double mean = 0, squares = 0; /* Welford's, for the variance */
	struct episode ep[POLICY_ROWS];
	stats->diverged = false;
	/* Explorers share a stream: one at a time. */
	const int64_t n_rows = epsilon > 0 ? 1 : POLICY_ROWS;
	for (int64_t i = 0; i < n_episodes; i++) {
		const int64_t n_left = n_episodes - i, row = i % n_rows;
		if (row == 0 &&
			!play(policy, env, env_rng, (size_t)(n_left < n_rows ? n_left : n_rows), i,
				n_episodes, epsilon, explore, listener, ep, &stats->diverged))
			return false;
		const double r = ep[row].episode_return, off = r - mean;
		mean += off / (double)(i + 1);
		squares += off * (r - mean);
		sum += r;
		length += (double)ep[row].length;
		stats->return_min = i == 0 || r < stats->return_min ? r : stats->return_min;
		stats->return_max = i == 0 || r > stats->return_max ? r : stats->return_max;
		if (episodes)
			episodes[i] = ep[row];
	}
	stats->n_episodes = n_episodes;
	stats->return_mean = sum / (double)n_episodes;
	stats->return_std = sqrt(squares / (double)n_episodes);
	stats->length_mean = length / (double)n_episodes;
	return true;
}
