/* Epsilon-greedy action selection from a network. */
#ifndef DQN_RL_POLICY_H
#define DQN_RL_POLICY_H

#include "base/rng.h"
#include "nn/net.h"

struct policy {
	struct net net;
	const struct kernels *k;
	const float *params; /* (net.n_params) the caller's */
	float *work;         /* net_forward_size(net, POLICY_ROWS) floats, the caller's */
};

/* Most observations of one policy_greedy: each weight that is loaded serves all of them. */
#define POLICY_ROWS 16

/* Whether all n values are finite. */
bool policy_is_finite(const float *q, size_t n);

/* With probability epsilon a uniformly random action, otherwise the first
 * maximum of Q(obs), obs (net.dim[0]). Draws one double if epsilon > 0, and one
 * bounded integer for a random action. *q, unless NULL, gets the values
 * (n_actions) or NULL after a random action; they stay until the next call. */
int policy_act(
	const struct policy *p, const float *obs, double epsilon, struct rng *rng, const float **q);

/* actions (n), n in 1..POLICY_ROWS: the first maximum of Q for each row of obs (n,
 * net.dim[0]), the same as policy_act with epsilon 0. False if a Q value is not finite. */
bool policy_greedy(const struct policy *p, size_t n, const float *obs, int *actions);

#endif
