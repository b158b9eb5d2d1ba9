/* Evaluation: whole episodes with fixed weights, on an environment and a stream
 * of its own. Training never notices.
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

struct eval_listener {                     /* the caller, while it waits */
	const volatile sig_atomic_t *stop; /* give up once it is not 0; or NULL */
	/* Is told, before every step, how many of the episodes are over; or NULL. */
	void (*tell)(void *arg, int64_t n_over, int64_t n_episodes);
	void *arg;
};

/* One that is under way: n episodes so far, and all of reals, so that it is saved as one. */
struct evaluation {
	double n, return_sum, length_sum;
	double mean, squares; /* Welford's, for the variance */
	double return_min, return_max;
};

/* Plays the next ones of n_episodes, up to POLICY_ROWS greedy ones side by side, or a
 * single one with epsilon: each from env_reset(env, env_rng) in its turn on a copy of env,
 * with epsilon-greedy actions (explore may be NULL if epsilon is 0). Zeros are where an
 * evaluation begins. `episodes` gets those that were played, unless NULL. False without
 * having changed anything (but `explore`) if the listener, which may be NULL, says so, and
 * with *diverged where an action would follow from a Q value that is not finite. */
bool evaluate_some(struct evaluation *ev, const struct policy *policy, const struct env *env,
	struct rng *env_rng, int64_t n_episodes, double epsilon, struct rng *explore,
	struct episode *episodes, const struct eval_listener *listener, bool *diverged);

/* Of the n > 0 episodes so far. */
struct eval_stats evaluation_stats(const struct evaluation *ev);

/* All n_episodes >= 1 at once, `episodes` (n_episodes) too. False with stats->diverged, or
 * if the listener says so. */
bool evaluate(const struct policy *policy, const struct env *env, struct rng *env_rng,
	int64_t n_episodes, double epsilon, struct rng *explore, struct eval_stats *stats,
	struct episode *episodes, const struct eval_listener *listener);

#endif
