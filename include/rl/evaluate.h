/* Evaluation: whole episodes with fixed weights, on a separate environment and random
 * stream. It never changes training.
 */
#ifndef DQN_RL_EVALUATE_H
#define DQN_RL_EVALUATE_H

#include "env/env.h"
#include "rl/policy.h"

#include <signal.h>

struct episode {
	double episode_return; /* sum of the raw rewards */
	int64_t length;        /* steps */
};

struct eval_stats {
	int64_t n_episodes;
	double return_mean, return_std; /* std divides by n, as numpy.std does */
	double return_min, return_max;
	double length_mean;
	int64_t diverged; /* 1: a Q value was not finite, and nothing else is valid; else 0 */
};

struct eval_listener {
	const volatile sig_atomic_t *stop; /* give up once it is not 0; or NULL */
	/* Called before every step with the number of finished episodes; or NULL. */
	void (*tell)(void *arg, int64_t n_over, int64_t n_episodes);
	void *arg;
};

/* An unfinished evaluation: n episodes so far. All reals, so that it is saved as one tensor. */
struct evaluation {
	double n, return_sum, length_sum;
	double mean, squares; /* Welford's, for the variance */
	double return_min, return_max;
};

/* Plays the next of n_episodes: up to POLICY_ROWS greedy ones side by side, or one with
 * epsilon. Each starts with env_reset(env, env_rng), in order, on a copy of env, and takes
 * epsilon-greedy actions (explore may be NULL if epsilon is 0). An evaluation begins as
 * zeros. `episodes` gets the episodes played, unless NULL. False if the listener (or NULL)
 * stops it, and with *diverged if a Q value is not finite: nothing but `explore` has then
 * changed. */
bool evaluate_some(struct evaluation *ev, const struct policy *policy, const struct env *env,
	struct rng *env_rng, int64_t n_episodes, double epsilon, struct rng *explore,
	struct episode *episodes, const struct eval_listener *listener, bool *diverged);

/* Of the n > 0 episodes so far. */
struct eval_stats evaluation_stats(const struct evaluation *ev);

/* All n_episodes >= 1; `episodes` (n_episodes) or NULL. False with stats->diverged, or if the
 * listener stops it. */
bool evaluate(const struct policy *policy, const struct env *env, struct rng *env_rng,
	int64_t n_episodes, double epsilon, struct rng *explore, struct eval_stats *stats,
	struct episode *episodes, const struct eval_listener *listener);

#endif
