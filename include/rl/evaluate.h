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
	/* Value against truth, both in the unit of Q. q_start is the greatest Q(s0, a) of an
	 * allowed action. discounted_return is the sum of gamma^t reward_scale r_t over the steps
	 * there were. Q looks beyond a time limit: of an episode cut after T steps a right q_start
	 * is the greater one by gamma^T times the value of the last state. */
	double q_start, discounted_return;
};

struct eval_stats {
	int64_t n_episodes;
	double return_mean, return_std; /* std divides by n, as numpy.std does */
	double return_min, return_max;
	double length_mean;
	double q_start, discounted_return; /* means; with epsilon > 0 Q is not that policy's */
};

struct eval_listener {
	const volatile sig_atomic_t *stop; /* give up once it is not 0; or NULL */
	/* Called before every step with the number of finished episodes; or NULL. */
	void (*tell)(void *arg, int64_t n_over, int64_t n_episodes);
	void *arg;
	/* Called with what an episode begins with (s is NULL) and with what each step of it led
	 * to: then one episode is played at a time, obs and mask in row 0. Or NULL. */
	void (*step)(void *arg, int action, const struct step *s);
};

/* An unfinished evaluation: n episodes so far. All reals, so that it is saved as one tensor. */
struct evaluation {
	double n, return_sum, length_sum;
	double mean, squares; /* Welford's, for the variance */
	double return_min, return_max;
	double q_sum, discounted_sum;
};

/* Where the seeds of the episodes come from, one each, in order. */
struct episode_seeds {
	struct rng *rng; /* 64 bits of it each; or NULL: */
	uint64_t next;   /* this one, and then one more each time */
};

/* Plays the next of n_episodes: v->n greedy ones side by side, or one with epsilon. Each is a
 * copy of v->proto, starts with the next seed, in order, and takes epsilon-greedy actions
 * (explore may be NULL if epsilon is 0). An evaluation begins as zeros. `episodes` gets the
 * episodes played, unless NULL. v->n <= POLICY_ROWS. False, and nothing but *explore has
 * changed: ERR_NONE if the listener (or NULL) stops it, ERR_DIVERGED if a Q value is not
 * finite, or an error of the environment. */
bool evaluate_some(struct evaluation *ev, const struct policy *policy, struct vec_env *v, struct episode_seeds *seeds,
	int64_t n_episodes, double epsilon, struct rng *explore, struct episode *episodes,
	const struct eval_listener *listener, struct err *e);

/* Of the n > 0 episodes so far. */
struct eval_stats evaluation_stats(const struct evaluation *ev);

/* All n_episodes >= 1; `episodes` (n_episodes) or NULL. False as evaluate_some. */
bool evaluate(const struct policy *policy, struct vec_env *v, struct episode_seeds *seeds, int64_t n_episodes,
	double epsilon, struct rng *explore, struct eval_stats *stats, struct episode *episodes,
	const struct eval_listener *listener, struct err *e);

#endif
