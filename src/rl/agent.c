#include "rl/agent.h"

#include "base/memory.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Losses of a finite d = Q - y, and their derivatives. */

/* 0.5 d^2 for |d| < 1, else |d| - 0.5: PyTorch's smooth_l1_loss, beta 1 */
static double huber(double d, double *derivative)
{
	if (fabs(d) < 1) {
		*derivative = d;
		return 0.5 * d * d;
	}
	*derivative = d < 0 ? -1 : 1;
	return fabs(d) - 0.5;
}

/* d^2: PyTorch's mse_loss */
static double mse(double d, double *derivative)
{
	*derivative = 2 * d;
	return d * d;
}

const char *const loss_names[] = { "huber", "mse", NULL };

/* In the same order; no table, as a call for each row would take longer than what it does. */
double agent_loss_of(enum loss loss, double d, double *derivative)
{
	return loss == LOSS_HUBER ? huber(d, derivative) : mse(d, derivative);
}

/* online, target, grad, m, v; average */
static int n_blocks(double ema_decay)
{
	return ema_decay > 0 ? 6 : 5;
}

uint64_t agent_bytes(const struct net *net, size_t batch_size, double ema_decay)
{
	const uint64_t work = net_work_size(net, batch_size);
	const uint64_t act = net_forward_size(net, POLICY_ROWS);
	const uint64_t out = (uint64_t)net->dim[net->n_layers];
	if (work == 0 || act == 0)
		return UINT64_MAX;
	return sizeof(float) * ((uint64_t)n_blocks(ema_decay) * memory_block(net->n_params) + memory_block(work) +
				       memory_block(act) + batch_size * (out + 2)) +
	       sizeof(int32_t) * batch_size;
}

bool agent_init(struct agent *a, const struct agent_opts *opts, const struct net *net, const struct kernels *k,
	size_t batch_size, struct err *e)
{
	assert(batch_size >= 1);
	const uint64_t bytes = agent_bytes(net, batch_size, opts->ema_decay);
	float *p = memory_zeroed(bytes);
	if (!p)
		return err_set(e, ERR_RUN, "out of memory: the network needs %llu bytes", (unsigned long long)bytes);
	*a = (struct agent){ .opts = *opts, .batch_size = batch_size, .memory = p };
	float **const blocks[] = { &a->online, &a->target, &a->grad, &a->m, &a->v, &a->average };
	for (int i = 0; i < n_blocks(opts->ema_decay); i++, p += memory_block(net->n_params))
		*blocks[i] = p;
	if (!a->average)
		a->average = a->online;
	a->work = p;
	a->policy = (struct policy){ .net = *net, .k = k, .params = a->online };
	a->policy.work = a->work + memory_block(net_work_size(net, batch_size));
	a->d_out = a->policy.work + memory_block(net_forward_size(net, POLICY_ROWS));
	a->td_error = a->d_out + batch_size * (size_t)net->dim[net->n_layers];
	a->target_q = a->td_error + batch_size;
	a->best_action = (int32_t *)(void *)(a->target_q + batch_size);
	adam_init(&a->adam, opts->adam_beta1, opts->adam_beta2, opts->adam_eps);
	return true;
}

void agent_release(struct agent *a)
{
	free(a->memory);
	*a = (struct agent){ 0 };
}

/* a->best_action (B) = argmax of q (B, n) among the actions that s' allows */
static void best_actions(struct agent *a, const struct batch *b, const float *q)
{
	const size_t n = (size_t)a->policy.net.dim[a->policy.net.n_layers];
	const uint8_t *mask = b->next_mask;
	for (size_t i = 0; i < b->size; i++)
		a->best_action[i] = policy_argmax(q + i * n, mask ? mask + i * n : NULL, (int)n);
}

static double clip(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x; /* NaN stays */
}

void agent_targets(struct agent *a, const struct batch *b)
{
	const struct net *net = &a->policy.net;
	const struct kernels *k = a->policy.k;
	const size_t n = (size_t)net->dim[net->n_layers];
	if (a->opts.double_q) /* first: both passes use the same scratch */
		best_actions(a, b, net_forward(net, k, a->online, b->next_obs, b->size, a->work));
	const float *q = net_forward(net, k, a->target, b->next_obs, b->size, a->work);
	if (!a->opts.double_q)
		best_actions(a, b, q);
	for (size_t i = 0; i < b->size; i++) {
		const double next_q = q[i * n + (size_t)a->best_action[i]];
		double y = b->reward[i] + b->discount[i] * next_q;
		if (a->opts.clip_targets)
			y = clip(y, a->opts.target_low, a->opts.target_high);
		a->target_q[i] = (float)y;
	}
}

bool agent_loss(struct agent *a, const struct batch *b, const float *params, struct learn_stats *stats, struct err *e)
{
	const struct net *net = &a->policy.net;
	const size_t n = (size_t)net->dim[net->n_layers], size = b->size;
	const float *q = net_forward(net, a->policy.k, params, b->obs, size, a->work);
	double loss = 0, q_sum = 0, y_sum = 0;
	memset(a->d_out, 0, size * n * sizeof(float));
	for (size_t i = 0; i < size; i++) {
		const size_t taken = i * n + (size_t)b->action[i];
		const double d = (double)q[taken] - a->target_q[i], w = b->weight[i];
		double derivative;
		if (!isfinite(d))
			return err_set(e, ERR_DIVERGED, "the loss is not finite");
		loss += w * agent_loss_of(a->opts.loss, d, &derivative);
		a->td_error[i] = (float)d;
		a->d_out[taken] = (float)(w * derivative / (double)size);
		q_sum += q[taken];
		y_sum += a->target_q[i];
	}
	stats->loss = loss / (double)size;
	stats->q_mean = q_sum / (double)size;
	stats->y_mean = y_sum / (double)size;
	return (isfinite(stats->loss) && isfinite(a->policy.k->sum_squares(size, a->td_error))) ||
	       err_set(e, ERR_DIVERGED, "the loss is not finite");
}

bool agent_learn(struct agent *a, const struct batch *b, double learning_rate, struct learn_stats *stats, struct err *e)
{
	assert(b->size == a->batch_size);
	const struct net *net = &a->policy.net;
	agent_targets(a, b);
	if (!agent_loss(a, b, a->online, stats, e))
		return false;
	net_backward(net, a->policy.k, a->online, b->obs, a->d_out, b->size, a->work, a->grad);
	stats->grad_norm = adam_step(&a->adam, a->policy.k, net->n_params, a->grad, learning_rate,
		a->opts.max_grad_norm, a->m, a->v, a->online);
	if (!isfinite(stats->grad_norm))
		return err_set(e, ERR_DIVERGED, "the gradient is not finite");
	if (a->average != a->online)
		a->policy.k->polyak(net->n_params, (float)(1 - a->opts.ema_decay), a->online, a->average);
	return true;
}

/* The element at k if x (n) were sorted; reorders x (Hoare's Find, 1961). The C library's
 * qsort may allocate memory. */
static float kth_smallest(float *x, int64_t n, int64_t k)
{
	int64_t low = 0, high = n - 1;
	while (low < high) {
		const float pivot = x[k];
		int64_t i = low, j = high;
		while (i <= j) {
			while (x[i] < pivot)
				i++;
			while (pivot < x[j])
				j--;
			if (i <= j) {
				const float swap = x[i];
				x[i++] = x[j];
				x[j--] = swap;
			}
		}
		low = j < k ? i : low;
		high = k < i ? j : high;
	}
	return x[k];
}

/* Adds q (n) to q_max and q_min. Returns the best less the second-best, infinite if mask
 * (n) allows only one action. */
static double diagnose_row(const float *q, const uint8_t *mask, size_t n, struct diagnostics *d)
{
	const size_t best = (size_t)policy_argmax(q, mask, (int)n);
	const bool all = !mask || !mask[best];
	double second = -(double)INFINITY;
	for (size_t j = 0; j < n; j++) {
		if (!all && !mask[j])
			continue;
		second = j != best && q[j] > second ? q[j] : second;
		d->q_min = q[j] < d->q_min ? q[j] : d->q_min;
	}
	d->q_max = q[best] > d->q_max ? q[best] : d->q_max;
	return q[best] - second;
}

void agent_diagnose(struct agent *a, const uint8_t *mask, struct diagnostics *d)
{
	const struct net *net = &a->policy.net;
	const size_t n = (size_t)net->dim[net->n_layers], size = a->batch_size;
	const float *q = net_outputs(net, size, a->work);
	float *error = a->d_out; /* (size) of its (size, n) */
	double gap_sum = 0, n_gaps = 0, td_sum = 0;
	*d = (struct diagnostics){ .q_max = -(double)INFINITY, .q_min = (double)INFINITY };
	for (size_t i = 0; i < size; i++) {
		const double gap = diagnose_row(q + i * n, mask ? mask + i * n : NULL, n, d);
		if (!isinf(gap)) {
			gap_sum += gap;
			n_gaps++;
		}
		error[i] = fabsf(a->td_error[i]);
		td_sum += error[i];
	}
	d->action_gap = n_gaps > 0 ? gap_sum / n_gaps : (double)NAN;
	d->td_error_mean = td_sum / (double)size;
	const int64_t rank = (95 * (int64_t)size + 99) / 100; /* ceil(0.95 size) */
	d->td_error_p95 = kth_smallest(error, (int64_t)size, rank - 1);
	d->weight_norm = sqrt(a->policy.k->sum_squares(net->n_params, a->online));
	d->dead_share = net_dead_share(net, size, a->work);
}

void agent_diagnose_obs(const struct batch *b, struct diagnostics *d)
{
	double max = 0, min = (double)INFINITY; /* mean squares */
	for (size_t j = 0; j < b->obs_dim; j++) {
		double sum = 0;
		for (size_t i = 0; i < b->size; i++) {
			const double x = b->obs[i * b->obs_dim + j];
			sum += x * x;
		}
		const double mean = sum / (double)b->size;
		max = fmax(max, mean);
		min = mean > 0 ? fmin(min, mean) : min;
	}
	d->obs_max = sqrt(max);
	d->obs_min = sqrt(fmin(min, max));
}

void agent_begin(struct agent *a)
{
	agent_sync(a, 1);
	if (a->average != a->online)
		memcpy(a->average, a->online, a->policy.net.n_params * sizeof(float));
}

void agent_sync(struct agent *a, double tau)
{
	if (tau == 1)
		memcpy(a->target, a->online, a->policy.net.n_params * sizeof(float));
	else
		a->policy.k->polyak(a->policy.net.n_params, (float)tau, a->online, a->target);
}
