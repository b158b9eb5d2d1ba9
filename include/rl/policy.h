/* Epsilon-greedy action selection from a network.
 *
 * A mask has a byte for each action: 1 if it is allowed, 0 if not. NULL, where the
 * environment has no masks, and all zeros, as at an episode's end, allow every action.
 */
#ifndef DQN_RL_POLICY_H
#define DQN_RL_POLICY_H

#include "base/rng.h"
#include "nn/net.h"

struct policy {
	struct net net;
	const struct kernels *k;
	const float *params; /* (net.n_params) the caller's */
	float *work;         /* net_forward_size(net, POLICY_ROWS) floats, the caller's */
	/* What Q estimates, for evaluations: rewards times reward_scale, discounted by gamma. */
	double gamma, reward_scale;
};

/* Most observations of one policy_greedy: each weight that is loaded serves all of them. */
#define POLICY_ROWS 16

/* Whether all n values are finite. */
bool policy_is_finite(const float *q, size_t n);

/* The first maximum of q (n) among the actions that mask (n) allows. */
static inline int policy_argmax(const float *q, const uint8_t *mask, int n)
{
	if (!mask)
		return net_argmax(q, n);
	int best = -1;
	for (int i = 0; i < n; i++)
		if (mask[i] && (best < 0 || q[i] > q[best]))
			best = i;
	return best >= 0 ? best : net_argmax(q, n);
}

/* A uniformly random action of those that mask (n_actions) allows, by one bounded integer. */
int policy_random(const uint8_t *mask, int n_actions, struct rng *rng);

/* With probability epsilon a uniformly random action of those that mask (n_actions)
 * allows, otherwise the first maximum of Q(obs) among them, obs (net.dim[0]). Draws one
 * double if epsilon > 0, and for a random action one bounded integer, k: the action is the
 * k-th that is allowed. *q, unless NULL, gets the values (n_actions), allowed or not, or
 * NULL after a random action; they stay until the next call. */
int policy_act(const struct policy *p, const float *obs, const uint8_t *mask, double epsilon, struct rng *rng,
	const float **q);

/* The steps that a random action lasts, 1..most: k or more of them with probability 1 / k. Draws
 * one double. Temporally extended epsilon-greedy (Dabney, Ostrovski and Barreto, 2021) draws
 * from a zeta distribution, whose tail falls like this one, but needs pow. */
int64_t policy_duration(int64_t most, struct rng *rng);

/* actions (n), n in 1..POLICY_ROWS: for each row of obs (n, net.dim[0]) and masks (n,
 * n_actions) the same as policy_act with epsilon 0. False if a Q value is not finite,
 * allowed or not. */
bool policy_greedy(const struct policy *p, size_t n, const float *obs, const uint8_t *masks, int *actions);

#endif
