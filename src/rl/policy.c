#include "rl/policy.h"

#include <assert.h>
#include <math.h>

bool policy_is_finite(const float *q, size_t n)
{
	size_t n_finite = 0;
	for (size_t i = 0; i < n; i++)
		n_finite += isfinite(q[i]) ? 1 : 0;
	return n_finite == n;
}

int policy_random(const uint8_t *mask, int n_actions, struct rng *rng)
{
	int n_allowed = 0;
	for (int i = 0; mask && i < n_actions; i++)
		n_allowed += mask[i];
	if (n_allowed == 0)
		return (int)rng_below(rng, (uint64_t)n_actions);
	int k = (int)rng_below(rng, (uint64_t)n_allowed), action = 0;
	for (; k > 0 || !mask[action]; action++)
		k -= mask[action];
	return action;
}

int policy_act(
	const struct policy *p, const float *obs, const uint8_t *mask, double epsilon, struct rng *rng, const float **q)
{
	const int n_actions = p->net.dim[p->net.n_layers];
	if (q)
		*q = NULL;
	if (epsilon > 0 && rng_double(rng) < epsilon)
		return policy_random(mask, n_actions, rng);
	const float *values = net_forward(&p->net, p->k, p->params, obs, 1, p->work);
	if (q)
		*q = values;
	return policy_argmax(values, mask, n_actions);
}

int64_t policy_duration(int64_t most, struct rng *rng)
{
	const double k = 1 / (1 - rng_double(rng)); /* in [1, 2^53] */
	return k < (double)most ? (int64_t)k : most;
}

bool policy_greedy(const struct policy *p, size_t n, const float *obs, const uint8_t *masks, int *actions)
{
	assert(n >= 1 && n <= POLICY_ROWS);
	const size_t n_actions = (size_t)p->net.dim[p->net.n_layers];
	const float *q = net_forward(&p->net, p->k, p->params, obs, n, p->work);
	for (size_t i = 0; i < n; i++)
		actions[i] = policy_argmax(q + i * n_actions, masks ? masks + i * n_actions : NULL, (int)n_actions);
	return policy_is_finite(q, n * n_actions);
}
