/* A dense network: n_layers linear layers, the same activation between them,
 * none after the last. A struct net is only the shape; parameters, gradients,
 * Adam's moments and the target network are flat float blocks of n_params
 * elements with one layout, owned by the caller:
 *
 *     layer 0: W (dim[0], dim[1]) then b (dim[1]); layer 1: W (dim[1], dim[2]) ...
 *
 * W is stored (in, out), the transpose of PyTorch's (out, in), so that vectors
 * run along outputs and no sum is ever split. Layer l computes
 * y (B, out) = x (B, in) W (in, out) + b.
 *
 * A dueling network (Wang et al., 2016) ends in two streams: the last hidden
 * layer is twice as wide, its first half leads to a value head V (B, 1), its
 * second half to an advantage head A (B, n_outputs), and
 * Q = V + A - mean of A over the actions (equation 9). In a block the value
 * head stands where the last layer would, the advantage head after it.
 *
 *     const struct net_shape shape = { .n_inputs = 4, .n_hidden = 2, .hidden = { 64, 64 },
 *             .n_outputs = 2, .activation = ACTIVATION_RELU };
 *     net_init(&net, &shape, &e);
 *     params = n_params floats; work = net_work_size(&net, B) floats
 *     net_init_params(&net, WEIGHT_INIT_TORCH, &rng, params);
 *     q = net_forward(&net, k, params, x, B, work);           // (B, dim[n_layers])
 *     net_backward(&net, k, params, x, dq, B, work, grad);
 */
#ifndef DQN_NN_NET_H
#define DQN_NN_NET_H

#include "base/err.h"
#include "base/rng.h"
#include "nn/kernels.h"

#define NET_MAX_HIDDEN 8
#define NET_MAX_LAYERS (NET_MAX_HIDDEN + 1)
#define NET_MAX_WIDTH 4096 /* of a hidden layer */
#define NET_MAX_ENDS 65536 /* inputs, outputs */

/* The order is that of the name lists below, which end in NULL. */
enum activation { ACTIVATION_RELU, ACTIVATION_TANH };
extern const char *const activation_names[];

enum weight_init {
	WEIGHT_INIT_TORCH,          /* W and b uniform in +-1/sqrt(in): torch.nn.Linear */
	WEIGHT_INIT_GLOROT_UNIFORM, /* W uniform in +-sqrt(6/(in+out)), b = 0: Keras Dense */
	WEIGHT_INIT_HE_UNIFORM,     /* W uniform in +-sqrt(6/in), b = 0 */
	WEIGHT_INIT_LECUN_UNIFORM,  /* W uniform in +-sqrt(3/in), b = 0 */
};
extern const char *const weight_init_names[];

struct net_shape {
	int n_inputs, n_outputs;    /* 1 .. NET_MAX_ENDS */
	int n_hidden;               /* 0 .. NET_MAX_HIDDEN */
	int hidden[NET_MAX_HIDDEN]; /* widths, 1 .. NET_MAX_WIDTH */
	enum activation activation;
	bool dueling; /* each stream is as wide as the last hidden layer */
};

struct net {
	int n_layers;                /* 1 .. NET_MAX_LAYERS, both heads count as one */
	int dim[NET_MAX_LAYERS + 1]; /* dim[0] inputs, dim[n_layers] outputs */
	enum activation activation;
	bool dueling;                 /* the last layer is two heads */
	size_t w[NET_MAX_LAYERS + 1]; /* offset in a block of each linear map's W */
	size_t b[NET_MAX_LAYERS + 1]; /* and b; there are net_n_linear of them */
	size_t n_params;
};

/* One linear map of a network: y (out) = x[from .. from+in) W (in, out) + b. */
struct linear {
	size_t in, out, from; /* from: its first column of the layer below */
	size_t w, b;          /* offsets in a block */
};

/* The maps in the order of a block: layers, the last one as one or two heads. */
int net_n_linear(const struct net *net);
struct linear net_linear(const struct net *net, int i);

/* The ranges of the shape are asserted. Fails (ERR_RUN) if a block would not fit the
 * address space. */
bool net_init(struct net *net, const struct net_shape *shape, struct err *e);

/* Draws all parameters, map by map, W in PyTorch's (out, in) order, then b:
 * g.uniform(-limit, limit, (out, in)), rounded to float. */
void net_init_params(const struct net *net, enum weight_init init, struct rng *rng, float *params);

/* Adds value to every output, whatever the input: to the biases of the last layer, of
 * the value head if there are two. */
void net_raise_outputs(const struct net *net, float value, float *params);

/* Floats of scratch memory for batches up to `batch` >= 1 rows; 0 if it overflows.
 * net_forward alone needs only the first. */
size_t net_forward_size(const struct net *net, size_t batch);
size_t net_work_size(const struct net *net, size_t batch);

/* Outputs (batch, dim[n_layers]) for x (batch, dim[0]). They and the activations
 * that net_backward needs stay in `work` until the next call with it. */
const float *net_forward(
	const struct net *net, const struct kernels *k, const float *params, const float *x, size_t batch, float *work);

/* grad = d(loss)/d(params), given d_out = d(loss)/d(outputs) (batch, outputs),
 * directly after net_forward with the same params, x, batch and work. Sums over the
 * batch in row order; overwrites grad. */
void net_backward(const struct net *net, const struct kernels *k, const float *params, const float *x,
	const float *d_out, size_t batch, float *work, float *grad);

/* t (out, in) = w (in, out): between the layout of a block and PyTorch's. */
void net_transpose(size_t in, size_t out, const float *w, float *t);

/* The outputs (batch, dim[n_layers]) of the last net_forward with that work; those of a
 * dueling network are followed by V (batch, 1) and A (batch, dim[n_layers]). */
const float *net_outputs(const struct net *net, size_t batch, const float *work);

/* The share of hidden units that were 0 on every row of the last net_forward with
 * that batch and work; NaN if there are no ReLU units. */
double net_dead_share(const struct net *net, size_t batch, const float *work);

/* Index of the first maximum of q (n), n >= 1, as torch.argmax has it. q holds no
 * NaN: callers check that first. */
static inline int net_argmax(const float *q, int n)
{
	int best = 0;
	for (int i = 1; i < n; i++)
		if (q[i] > q[best])
			best = i;
	return best;
}

#endif
