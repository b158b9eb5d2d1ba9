#include "nn/net.h"

#include "base/pmath.h"

#include <assert.h>
#include <math.h>
#include <string.h>

const char *const activation_names[] = { "relu", "tanh", NULL };
const char *const weight_init_names[] = { "torch", "glorot_uniform", "he_uniform", NULL };

bool net_init(struct net *net, int n_inputs, const int *hidden, int n_hidden, int n_outputs,
	enum activation activation, struct err *e)
{
	assert(n_hidden >= 0 && n_hidden <= NET_MAX_HIDDEN);
	assert(n_inputs >= 1 && n_inputs <= NET_MAX_WIDTH);
	assert(n_outputs >= 1 && n_outputs <= NET_MAX_WIDTH);
	*net = (struct net){ .n_layers = n_hidden + 1, .activation = activation };
	net->dim[0] = n_inputs;
	for (int l = 0; l < n_hidden; l++) {
		assert(hidden[l] >= 1 && hidden[l] <= NET_MAX_WIDTH);
		net->dim[l + 1] = hidden[l];
	}
	net->dim[net->n_layers] = n_outputs;

	/* 9 layers of 4096 x 4097 are 1.5e8 floats: no overflow in 64 bits. */
	uint64_t n = 0;
	for (int l = 0; l < net->n_layers; l++) {
		net->w[l] = (size_t)n;
		n += (uint64_t)net->dim[l] * (uint64_t)net->dim[l + 1];
		net->b[l] = (size_t)n;
		n += (uint64_t)net->dim[l + 1];
	}
	if (n > SIZE_MAX / sizeof(float) / 16)
		return err_set(e, ERR_RUN, "a network of %llu weights does not fit this machine",
			(unsigned long long)n);
	net->n_params = (size_t)n;
	return true;
}

void net_init_params(const struct net *net, enum weight_init init, struct rng *rng, float *params)
{
	for (int l = 0; l < net->n_layers; l++) {
		const size_t in = (size_t)net->dim[l], out = (size_t)net->dim[l + 1];
		float *w = params + net->w[l], *b = params + net->b[l];
		double limit = 1 / sqrt((double)in);
		if (init == WEIGHT_INIT_GLOROT_UNIFORM)
			limit = sqrt(6 / (double)(in + out));
		else if (init == WEIGHT_INIT_HE_UNIFORM)
			limit = sqrt(6 / (double)in);
		for (size_t j = 0; j < out; j++)
			for (size_t i = 0; i < in; i++)
				w[i * out + j] = (float)rng_uniform(rng, -limit, limit);
		for (size_t j = 0; j < out; j++)
			b[j] = init == WEIGHT_INIT_TORCH ? (float)rng_uniform(rng, -limit, limit)
							 : 0;
	}
}

/* The scratch memory: the output of every layer (B, dim[l+1]), two blocks for
 * the deltas (B, widest), one for a transposed W. */
static size_t widest(const struct net *net)
{
	size_t max = 0;
	for (int l = 1; l <= net->n_layers; l++)
		max = (size_t)net->dim[l] > max ? (size_t)net->dim[l] : max;
	return max;
}

static size_t act_offset(const struct net *net, size_t batch, int layer)
{
	size_t offset = 0;
	for (int l = 0; l < layer; l++)
		offset += batch * (size_t)net->dim[l + 1];
	return offset;
}

size_t net_work_size(const struct net *net, size_t batch)
{
	uint64_t n = 2 * widest(net), transposed = 0;
	for (int l = 0; l < net->n_layers; l++)
		n += (uint64_t)net->dim[l + 1];
	for (int l = 1; l < net->n_layers; l++) {
		const uint64_t size = (uint64_t)net->dim[l] * (uint64_t)net->dim[l + 1];
		transposed = size > transposed ? size : transposed;
	}
	const uint64_t limit = SIZE_MAX / sizeof(float) / 16;
	if (batch > limit / n || n * batch > limit - transposed)
		return 0;
	return (size_t)(n * batch + transposed);
}

static void tanh_forward(size_t n, float *y)
{
	/* tanh(x) = 1 - 2/(exp(2x)+1), in double: its cancellation near 0 stays far
	 * below a float's last bit down to the x where x - x^3/3 takes over. */
	const double series_below = 1e-3, saturated = 20;
	for (size_t i = 0; i < n; i++) {
		const double x = y[i], size = fabs(x);
		double t;
		if (!(size < saturated)) /* NaN stays NaN */
			t = x > 0 ? 1 : x < 0 ? -1 : x;
		else if (size < series_below)
			t = x - x * x * x / 3;
		else
			t = 1 - 2 / (pm_exp(2 * x) + 1);
		y[i] = (float)t;
	}
}

static void tanh_backward(size_t n, const float *y, float *delta)
{
	for (size_t i = 0; i < n; i++)
		delta[i] *= 1 - y[i] * y[i];
}

const float *net_forward(const struct net *net, const struct kernels *k, const float *params,
	const float *x, size_t batch, float *work)
{
	float *y = work;
	for (int l = 0; l < net->n_layers; l++) {
		/* y (B,out) = x (B,in) W (in,out) + b (out) */
		const size_t in = (size_t)net->dim[l], out = (size_t)net->dim[l + 1];
		const bool hidden = l + 1 < net->n_layers;
		const bool relu = hidden && net->activation == ACTIVATION_RELU;
		k->matmul(
			batch, out, in, x, in, 1, params + net->w[l], params + net->b[l], relu, y);
		if (hidden && net->activation == ACTIVATION_TANH)
			tanh_forward(batch * out, y);
		x = y;
		y += batch * out;
	}
	return x;
}

/* t (out,in) = w (in,out), in blocks that fit the cache lines of both. */
static void transpose(size_t in, size_t out, const float *w, float *t)
{
	enum { BLOCK = 16 };
	for (size_t i0 = 0; i0 < in; i0 += BLOCK)
		for (size_t j0 = 0; j0 < out; j0 += BLOCK)
			for (size_t j = j0; j < j0 + BLOCK && j < out; j++)
				for (size_t i = i0; i < i0 + BLOCK && i < in; i++)
					t[j * in + i] = w[i * out + j];
}

void net_backward(const struct net *net, const struct kernels *k, const float *params,
	const float *x, const float *d_out, size_t batch, float *work, float *grad)
{
	static const float one = 1;
	const size_t wide = batch * widest(net);
	float *deltas[2];
	deltas[0] = work + act_offset(net, batch, net->n_layers);
	deltas[1] = deltas[0] + wide;
	float *transposed = deltas[1] + wide;

	const float *dy = d_out;
	for (int l = net->n_layers - 1; l >= 0; l--) {
		const size_t in = (size_t)net->dim[l], out = (size_t)net->dim[l + 1];
		const float *input = l > 0 ? work + act_offset(net, batch, l - 1) : x;
		/* dW (in,out) = input^T (in,B) dy (B,out);  db (out) = ones (1,B) dy */
		k->matmul(in, out, batch, input, 1, in, dy, NULL, false, grad + net->w[l]);
		k->matmul(1, out, batch, &one, 0, 0, dy, NULL, false, grad + net->b[l]);
		if (l == 0)
			break;
		/* dx (B,in) = dy (B,out) W^T (out,in), through the activation below */
		float *dx = deltas[l & 1];
		transpose(in, out, params + net->w[l], transposed);
		k->matmul(batch, in, out, dy, out, 1, transposed, NULL, false, dx);
		if (net->activation == ACTIVATION_RELU)
			k->relu_backward(batch * in, input, dx);
		else
			tanh_backward(batch * in, input, dx);
		dy = dx;
	}
}

int net_argmax(const float *q, int n)
{
	int best = 0;
	for (int i = 1; i < n; i++)
		if (q[i] > q[best])
			best = i;
	return best;
}
