#include "rl/policy.h"

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
