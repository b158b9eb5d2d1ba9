/* Weights files: safetensors with PyTorch's names and layout of
 * nn.Sequential(Linear, ReLU, ..., Linear), "0.weight" (out,in), "0.bias",
 * "2.weight" ..., so that load_state_dict(load_file(path)) takes them. The heads of
 * a dueling network are "value.weight", "value.bias", "advantage.weight" ...
 *
 * __metadata__ has what is needed to act: format_version, env_id, obs_scale (a JSON
 * list), net_arch, activation; and their origin: max_episode_steps (of the run's
 * evaluations), timesteps, n_updates, config (an INI of all keys that decide results);
 * and a checksum, see base/safetensors.h.
 *
 *     n = weights_build(&w, buf, size);                                        // write
 *     weights_parse(&w, NULL, name, bytes, len, &e); ... weights_release(&w);  // read
 */
#ifndef DQN_RUN_WEIGHTS_H
#define DQN_RUN_WEIGHTS_H

#include "base/file.h"
#include "run/config.h"

#define WEIGHTS_FORMAT_VERSION "1"

struct weights {
	struct net net;
	const struct env_ops *env;         /* a built-in, or: */
	struct env_ops declared;           /* what a child process declared */
	char command[CONFIG_COMMAND_SIZE]; /* that started it: to be shown, never to be run; or "" */
	int64_t max_episode_steps;         /* of the run's evaluations, > 0 */
	float *params;                     /* (net.n_params), owned after weights_parse, with: */
	float *obs_scale;                  /* (env->obs_dim) */
	const struct config *config;       /* of their run; or NULL */
	/* Of a checkpoint the tensor, "agent.online" or, if evaluations judge that,
	 * "agent.average"; else NULL. */
	const char *part;
	int64_t timesteps; /* of the run when it saved them */
	int64_t n_updates; /* then; -1: unknown, as of all that were read */
};

/* The module of PyTorch that is linear map i of a network: "0", "2" ..., "value", "advantage". */
enum { WEIGHTS_LAYER_SIZE = 16 };
const char *weights_layer(const struct net *net, int i, char name[WEIGHTS_LAYER_SIZE]);

/* Writes "4-64-64-2" into buf, or "4-64-64-2 (dueling)", where each head is 64 wide, and returns it. */
#define WEIGHTS_SHAPE_SIZE 160
const char *weights_shape(const struct net *net, char buf[WEIGHTS_SHAPE_SIZE]);

/* Bytes that weights_build needs for a network: the tensors twice (once transposed), the
 * header and the configuration. */
size_t weights_buffer_size(const struct net *net);

/* Builds a weights file at the start of buf (weights_buffer_size bytes, aligned
 * for floats); returns its length, never 0. Of a config that is NULL and of n_updates < 0 the
 * metadata have nothing; `command`, `declared` and `part` are not looked at. */
size_t weights_build(const struct weights *w, char *buf, size_t size);

/* Multiplies the first layer by the factors of the observations, which become ones: another
 * program that loads the tensors alone then needs no scaling. False if a product is not finite. */
bool weights_fold_scale(struct weights *w);

/* Reads a weights file, or a checkpoint: the network that its run would evaluate. Or, unless `foreign`
 * is NULL, a file of another program, see run/layers.h: `foreign` says for which environment, with which
 * activation and obs_scale. ERR_CORRUPT names `name` and what is wrong with it. */
bool weights_parse(struct weights *w, const struct config *foreign, const char *name, const void *bytes, size_t len,
	struct err *e);
void weights_release(struct weights *w);

/* True for a weights file or checkpoint of dqn, whole or damaged. */
bool weights_are_ours(const void *bytes, size_t len);

/* Reads weights that a run of the configuration is to start from: ours, or of another program, which
 * then are as the configuration says. The network, its activation and the scaling of its
 * observations must be those of the run: ERR_CORRUPT names what differs and both values. Another
 * environment will do. Warns of what may be wrong. */
bool weights_parse_initial(struct weights *w, const struct config *c, const char *name, const void *bytes, size_t len,
	struct report *r, struct err *e);

/* Reads the header of a weights file of a run directory and compares the configuration in
 * it with that of the run. ERR_CORRUPT names the keys that differ. */
bool weights_check(const struct dir *d, const char *name, const struct config *c, struct err *e);

#endif
