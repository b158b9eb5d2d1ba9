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

/* Runs n_episodes >= 1, each from env_reset(env, env_rng) in its turn on a copy of env,
 * with epsilon-greedy actions (explore may be NULL if epsilon is 0). Greedy ones run
 * POLICY_ROWS at a time. `episodes` (n_episodes) gets each one, unless NULL. Gives up
 * and returns false if the listener, which may be NULL, says so, and with stats->diverged
 * where an action would follow from a Q value that is not finite. */
bool evaluate(const struct policy *policy, const struct env *env, struct rng *env_rng,
	int64_t n_episodes, double epsilon, struct rng *explore, struct eval_stats *stats,
	struct episode *episodes, const struct eval_listener *listener);

#endif
