#include "nn/net.h"

#include <assert.h>
#include <math.h>
#include <string.h>

const char *const activation_names[] = { "relu", "tanh", NULL };
const char *const weight_init_names[] = { "torch", "glorot_uniform", "he_uniform", "lecun_uniform", NULL };

bool net_init(struct net *net, const struct net_shape *shape, struct err *e)
{
	const int n_hidden = shape->n_hidden;
	assert(n_hidden >= 0 && n_hidden <= NET_MAX_HIDDEN);
	assert(shape->n_inputs >= 1 && shape->n_inputs <= NET_MAX_ENDS);
	assert(shape->n_outputs >= 1 && shape->n_outputs <= NET_MAX_ENDS);
	*net = (struct net){ .n_layers = n_hidden + 1, .activation = shape->activation, .dueling = shape->dueling };
	net->dim[0] = shape->n_inputs;
	for (int l = 0; l < n_hidden; l++) {
		assert(shape->hidden[l] >= 1 && shape->hidden[l] <= NET_MAX_WIDTH);
		net->dim[l + 1] = shape->hidden[l];
	}
	if (shape->dueling && n_hidden > 0)
		net->dim[n_hidden] *= 2;
	net->dim[net->n_layers] = shape->n_outputs;

	/* Layers of 65536 x 8192 are 5e8 floats each: no overflow in 64 bits. */
	uint64_t n = 0;
	for (int i = 0; i < net_n_linear(net); i++) {
		const struct linear m = net_linear(net, i);
		net->w[i] = (size_t)n;
		n += (uint64_t)m.in * m.out;
		net->b[i] = (size_t)n;
		n += m.out;
	}
	if (n > SIZE_MAX / sizeof(float) / 16)
		return err_set(
			e, ERR_RUN, "a network of %llu weights does not fit this machine", (unsigned long long)n);
	net->n_params = (size_t)n;
	return true;
}

int net_n_linear(const struct net *net)
{
	return net->n_layers + net->dueling;
}

struct linear net_linear(const struct net *net, int i)
{
	const int last = net->n_layers - 1, layer = i < last ? i : last;
	struct linear m = { .w = net->w[i], .b = net->b[i] };
	m.in = (size_t)net->dim[layer];
	m.out = (size_t)net->dim[layer + 1];
	if (net->dueling && layer == last) {
		if (last > 0)
			m.in /= 2; /* without hidden layers both heads see all inputs */
		if (i == last)
			m.out = 1;
		else if (last > 0)
			m.from = m.in;
	}
	return m;
}

void net_init_params(const struct net *net, enum weight_init init, struct rng *rng, float *params)
{
	for (int l = 0; l < net_n_linear(net); l++) {
		const struct linear m = net_linear(net, l);
		const double in = (double)m.in, out = (double)m.out;
		const double limits[] = { /* in the order of enum weight_init */
			1 / sqrt(in), sqrt(6 / (in + out)), sqrt(6 / in), sqrt(3 / in)
		};
		const double limit = limits[init];
		float *w = params + m.w, *b = params + m.b;
		for (size_t j = 0; j < m.out; j++)
			for (size_t i = 0; i < m.in; i++)
				w[i * m.out + j] = (float)rng_uniform(rng, -limit, limit);
		for (size_t j = 0; j < m.out; j++)
			b[j] = init == WEIGHT_INIT_TORCH ? (float)rng_uniform(rng, -limit, limit) : 0;
	}
}

void net_raise_outputs(const struct net *net, float value, float *params)
{
	const struct linear m = net_linear(net, net->n_layers - 1); /* the value head, if any */
	for (size_t i = 0; i < m.out; i++)
		params[m.b + i] += value;
}

/* The scratch memory: the output of every layer (B, dim[l+1]); V (B, 1) and
 * A (B, outputs) of a dueling network; KERNELS_PACK if a layer is wide; two blocks for the deltas (B, widest);
 * one for a transposed input (B, dim[l]) of a linear map. */

/* Inputs of that width are transposed for the gradient of a W of at least so many outputs:
 * their columns lie in few sets of the caches. The kernels pack them for more outputs. */
#define TRANSPOSE_FROM ((size_t)768)
#define TRANSPOSE_OUTPUTS ((size_t)32)

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

static size_t n_outputs(const struct net *net)
{
	return (size_t)net->dim[net->n_layers];
}

static size_t heads_width(const struct net *net)
{
	return net->dueling ? 1 + n_outputs(net) : 0;
}

/* Floats that the kernels pack parts of matrices into. */
static size_t pack_size(const struct net *net)
{
	return widest(net) >= KERNELS_PACK_FROM ? KERNELS_PACK : 0;
}

/* row * batch and a pack; 0 if it overflows. */
static size_t scratch(const struct net *net, uint64_t row, size_t batch)
{
	const uint64_t limit = SIZE_MAX / sizeof(float) / 16;
	return batch > limit / row ? 0 : (size_t)(row * batch) + pack_size(net);
}

static uint64_t forward_row(const struct net *net)
{
	return act_offset(net, 1, net->n_layers) + heads_width(net);
}

/* After the forward pass's rows; NULL if the kernels do without. */
static float *pack_of(const struct net *net, size_t batch, float *work)
{
	return pack_size(net) > 0 ? work + (size_t)forward_row(net) * batch : NULL;
}

size_t net_forward_size(const struct net *net, size_t batch)
{
	return scratch(net, forward_row(net), batch);
}

size_t net_work_size(const struct net *net, size_t batch)
{
	size_t transposed = 0;
	for (int l = 0; l < net->n_layers; l++)
		if ((size_t)net->dim[l] >= TRANSPOSE_FROM && (size_t)net->dim[l] > transposed)
			transposed = (size_t)net->dim[l];
	return scratch(net, forward_row(net) + 2 * widest(net) + transposed, batch);
}

/* --- a linear map --- */

/* y (B,out) = x (B,in) W (in,out) + b (out); x (B,x_dim) is the whole layer below. */
static void linear_forward(const struct linear *m, const struct kernels *k, const float *params, const float *x,
	size_t x_dim, size_t batch, bool relu, float *y, float *pack)
{
	k->matmul(batch, m->out, m->in, x + m->from, x_dim, 1, params + m->w, params + m->b, relu, y, pack);
}

/* In the forward pass this was y = x W + b. From dy (B,out): dW, and, unless dx is NULL, its part of
 * dx (B,x_dim), where gate, if any, is positive, and, unless sums is NULL, of dx's column sums. */
static void linear_backward(const struct linear *m, const struct kernels *k, const float *params, const float *x,
	size_t x_dim, const float *dy, size_t batch, const float *gate, float *transposed, float *grad, float *dx,
	float *sums, float *pack)
{
	/* dW (in,out) = x^T (in,B) dy (B,out) */
	if (x_dim >= TRANSPOSE_FROM && m->out >= TRANSPOSE_OUTPUTS && m->out < KERNELS_PACK_FROM) {
		k->transpose(batch, x_dim, x, transposed);
		k->matmul(m->in, m->out, batch, transposed + m->from * batch, batch, 1, dy, NULL, false, grad + m->w,
			pack);
	} else {
		k->matmul(m->in, m->out, batch, x + m->from, 1, x_dim, dy, NULL, false, grad + m->w, pack);
	}
	if (dx) /* dx (B,in) = dy (B,out) W^T (out,in) */
		k->matmul_t(batch, m->in, m->out, dy, params + m->w, gate ? gate + m->from : NULL, dx + m->from, x_dim,
			sums ? sums + m->from : NULL, pack);
}

/* --- an activation: its forward pass, then its backward pass --- */

/* ReLU, y = max(x, 0), is part of matmul. In the forward pass y > 0 was where x > 0: there,
 * and only there, dy passes, which is part of matmul_t. */

static void tanh_forward(const struct kernels *k, size_t n, float *y)
{
	k->tanh_forward(n, y);
}

/* In the forward pass y was tanh(x): dx = dy (1 - y^2), in place. */
static void tanh_backward(const struct kernels *k, size_t n, const float *y, float *dy)
{
	k->tanh_backward(n, y, dy);
}

/* In the order of enum activation; y (n) is the output of a layer. */
static const struct {
	bool in_matmul; /* matmul has applied it */
	void (*forward)(const struct kernels *k, size_t n, float *y);
	void (*backward)(const struct kernels *k, size_t n, const float *y, float *dy);
} activations[] = {
	{ true, NULL, NULL },
	{ false, tanh_forward, tanh_backward },
};

/* --- the two heads of a dueling network --- */

/* q (B,n) = v (B,1) + a (B,n) - mean of a over n */
static void combine_heads(size_t batch, size_t n, const float *v, const float *a, float *q)
{
	for (size_t i = 0; i < batch; i++, a += n, q += n) {
		float sum = 0;
		for (size_t j = 0; j < n; j++)
			sum += a[j];
		const float offset = v[i] - sum / (float)n;
		for (size_t j = 0; j < n; j++)
			q[j] = a[j] + offset;
	}
}

/* In the forward pass this was q = v + a - mean of a: dv (B,1) = sum of dq over n,
 * da (B,n) = dq - that sum / n */
static void split_heads(size_t batch, size_t n, const float *dq, float *dv, float *da)
{
	for (size_t i = 0; i < batch; i++, da += n, dq += n) {
		float sum = 0;
		for (size_t j = 0; j < n; j++)
			sum += dq[j];
		dv[i] = sum;
		for (size_t j = 0; j < n; j++)
			da[j] = dq[j] - sum / (float)n;
	}
}

/* --- the network --- */

const float *net_forward(
	const struct net *net, const struct kernels *k, const float *params, const float *x, size_t batch, float *work)
{
	const int last = net->n_layers - 1;
	float *y = work, *pack = pack_of(net, batch, work);
	for (int l = 0; l < last; l++) {
		const struct linear m = net_linear(net, l);
		const bool in_matmul = activations[net->activation].in_matmul;
		linear_forward(&m, k, params, x, m.in, batch, in_matmul, y, pack);
		if (!in_matmul)
			activations[net->activation].forward(k, batch * m.out, y);
		x = y;
		y += batch * m.out;
	}
	const size_t n = n_outputs(net), x_dim = (size_t)net->dim[last];
	float *head = net->dueling ? y + batch * n : y;
	for (int i = last; i < net_n_linear(net); i++) {
		const struct linear m = net_linear(net, i);
		linear_forward(&m, k, params, x, x_dim, batch, false, head, pack);
		head += batch * m.out;
	}
	if (net->dueling)
		combine_heads(batch, n, y + batch * n, y + batch * n + batch, y);
	return y;
}

void net_backward(const struct net *net, const struct kernels *k, const float *params, const float *x,
	const float *d_out, size_t batch, float *work, float *grad)
{
	const int last = net->n_layers - 1;
	const size_t wide = batch * widest(net), n = n_outputs(net);
	float *heads = work + act_offset(net, batch, net->n_layers);
	float *pack = pack_of(net, batch, work);
	float *dx = work + net_forward_size(net, batch), *other = dx + wide;
	float *transposed = other + wide;

	const float *dy = d_out;
	if (net->dueling) {
		split_heads(batch, n, d_out, heads, heads + batch);
		dy = heads;
	}
	for (int i = net_n_linear(net) - 1; i >= 0; i--) {
		const struct linear m = net_linear(net, i);
		const int layer = i < last ? i : last;
		const size_t x_dim = (size_t)net->dim[layer];
		const float *input = layer > 0 ? work + act_offset(net, batch, layer - 1) : x;
		const float *const d_map = i > last ? heads + batch : dy;
		const bool gated = activations[net->activation].in_matmul;
		/* db (out) = ones (1,B) dy: that of a gated layer came with dy */
		if (layer == last || !gated)
			k->column_sums(batch, m.out, d_map, grad + m.b);
		linear_backward(&m, k, params, input, x_dim, d_map, batch, gated ? input : NULL, transposed, grad,
			layer > 0 ? dx : NULL, layer > 0 && gated ? grad + net->b[layer - 1] : NULL, pack);
		if (layer == 0 || i > last)
			continue; /* after the advantage head the other half is still to come */
		if (!gated)
			activations[net->activation].backward(k, batch * x_dim, input, dx);
		float *const spare = other; /* for the layer below */
		dy = other = dx;
		dx = spare;
	}
}

/* In blocks that fit the cache lines of both. */
void net_transpose(size_t in, size_t out, const float *w, float *t)
{
	enum { BLOCK = 16 };
	for (size_t i0 = 0; i0 < in; i0 += BLOCK)
		for (size_t j0 = 0; j0 < out; j0 += BLOCK)
			for (size_t j = j0; j < j0 + BLOCK && j < out; j++)
				for (size_t i = i0; i < i0 + BLOCK && i < in; i++)
					t[j * in + i] = w[i * out + j];
}

const float *net_outputs(const struct net *net, size_t batch, const float *work)
{
	return work + act_offset(net, batch, net->n_layers - 1);
}

double net_dead_share(const struct net *net, size_t batch, const float *work)
{
	size_t n_dead = 0, n_units = 0;
	for (int l = 0; l + 1 < net->n_layers; l++) {
		const size_t width = (size_t)net->dim[l + 1];
		for (size_t j = 0; j < width; j++) {
			bool dead = true;
			for (size_t i = 0; i < batch && dead; i++)
				dead = work[i * width + j] == 0;
			n_dead += dead;
		}
		n_units += width;
		work += batch * width;
	}
	if (net->activation != ACTIVATION_RELU || n_units == 0)
		return (double)NAN;
	return (double)n_dead / (double)n_units;
}
