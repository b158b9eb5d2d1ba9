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

int policy_act(
	const struct policy *p, const float *obs, double epsilon, struct rng *rng, const float **q)
{
	const int n_actions = p->net.dim[p->net.n_layers];
	if (q)
		*q = NULL;
	if (epsilon > 0 && rng_double(rng) < epsilon)
		return (int)rng_below(rng, (uint64_t)n_actions);
	const float *values = net_forward(&p->net, p->k, p->params, obs, 1, p->work);
	if (q)
		*q = values;
	return net_argmax(values, n_actions);
}

bool policy_greedy(const struct policy *p, size_t n, const float *obs, int *actions)
{
	assert(n >= 1 && n <= POLICY_ROWS);
	const int n_actions = p->net.dim[p->net.n_layers];
	const float *q = net_forward(&p->net, p->k, p->params, obs, n, p->work);
	for (size_t i = 0; i < n; i++)
		actions[i] = net_argmax(q + i * (size_t)n_actions, n_actions);
	return policy_is_finite(q, n * (size_t)n_actions);
}
