/* The network in a safetensors file: ours, or of SB3, CleanRL, Tianshou, plain PyTorch, Keras,
 * Flax. It is found by the shapes of the tensors:
 *
 *     layers_find(&l, &st, activation, n_inputs, n_outputs, &e);   // names, shapes, types
 *     net_init(&net, &l.shape, &e);
 *     layers_load(&l, &net, &st, params, &e);                      // values
 *
 * A layer is a matrix "NAME.weight", (out, in), or "NAME.kernel", (in, out), with its vector
 * "NAME.bias", or with none: zeros. '/' may stand for '.', and ":0" at the end. The type is F32,
 * F64, F16 or BF16. Layers whose names are equal but for numbers follow each other in the order
 * of these; where names do not tell, shapes must: there is exactly one order in which the layers
 * lead from the observations to the actions.
 *
 * With a word "value..." or "v" in the names of some layers and "adv...", "a" or "q" in those of
 * others the network is a dueling one: these are its heads, each of one layer or of two. Both
 * heads see all of the layer before them, as elsewhere, or half of it each, as here.
 *
 * Left out are tensors with a word in their name that has "target" in it or is "old" or ends in
 * "_old", and scalars. Anything else that is in the file and not in the network is
 * an error: the network would be another one. Errors are ERR_CORRUPT and list what is there.
 */
#ifndef DQN_RUN_LAYERS_H
#define DQN_RUN_LAYERS_H

#include "base/safetensors.h"
#include "nn/net.h"

enum { MAX_LAYERS = NET_MAX_LAYERS + 3 }; /* two more of a second head, one too many */

struct layer {
	const struct st_tensor *weight, *bias; /* bias NULL: zeros */
	size_t in, out;
	bool is_kernel; /* (in, out) */
};

struct layers {
	struct net_shape shape;
	int n_trunk, n_value, n_advantage; /* layers; heads only of a dueling network */
	struct layer trunk[MAX_LAYERS];
	struct layer value[MAX_LAYERS], advantage[MAX_LAYERS];
};

/* The tensors stay those of *st. */
bool layers_find(struct layers *f, const struct st_file *st, enum activation activation, int n_inputs, int n_outputs,
	struct err *e);

/* Fills params (net->n_params), all finite, from a file of st_open_bytes. */
bool layers_load(const struct layers *f, const struct net *net, const struct st_file *st, float *params, struct err *e);

#endif
