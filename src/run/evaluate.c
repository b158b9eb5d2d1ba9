#include "run/evaluate.h"

#include <assert.h>
#include <math.h>

static bool run_episode(const struct policy *policy, struct env *env, struct rng *env_rng,
	double epsilon, struct rng *explore, const volatile sig_atomic_t *stop, struct episode *ep)
{
	float obs[ENV_MAX_OBS];
	struct step s;
	*ep = (struct episode){ 0 };
	env_reset(env, env_rng, obs);
	do {
		if (stop && *stop)
			return false;
		s = env_step(env, policy_act(policy, obs, epsilon, explore, NULL), obs);
		ep->episode_return += s.reward;
		ep->length++;
	} while (!s.terminated && !s.truncated);
	return true;
}

bool evaluate(const struct policy *policy, struct env *env, struct rng *env_rng, int64_t n_episodes,
	double epsilon, struct rng *explore, struct eval_stats *stats, struct episode *episodes,
	const volatile sig_atomic_t *stop)
{
	assert(n_episodes >= 1 && (explore || epsilon == 0));
	double sum = 0, length = 0;
	double mean = 0, squares = 0; /* Welford's, for the variance */
	for (int64_t i = 0; i < n_episodes; i++) {
		struct episode ep;
		if (!run_episode(policy, env, env_rng, epsilon, explore, stop, &ep))
			return false;
		const double r = ep.episode_return, off = r - mean;
		mean += off / (double)(i + 1);
		squares += off * (r - mean);
		sum += r;
		length += (double)ep.length;
		stats->return_min = i == 0 || r < stats->return_min ? r : stats->return_min;
		stats->return_max = i == 0 || r > stats->return_max ? r : stats->return_max;
		if (episodes)
			episodes[i] = ep;
	}
	stats->n_episodes = n_episodes;
	stats->return_mean = sum / (double)n_episodes;
	stats->return_std = sqrt(squares / (double)n_episodes);
	stats->length_mean = length / (double)n_episodes;
	return true;
}
