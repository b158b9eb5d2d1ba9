#include "run/weights.h"

#include "base/json.h"
#include "nn/safetensors.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for the JSON header: the configuration and 2 * NET_MAX_LAYERS tensors. */
enum { HEADER_SIZE = 32768, CONFIG_SIZE = 8192 };

/* "0.weight" and "0.bias", "2.weight" ...: an activation stands between two layers. */
static void tensor_name(char *name, int layer, const char *what)
{
	snprintf(name, ST_NAME_SIZE, "%d.%s", 2 * layer, what);
}

size_t weights_buffer_size(const struct net *net)
{
	return 2 * net->n_params * sizeof(float) + HEADER_SIZE;
}

/* to (cols,rows) = from (rows,cols) */
static void transpose(size_t rows, size_t cols, const float *from, float *to)
{
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < cols; j++)
			to[j * rows + i] = from[i * cols + j];
}

/* The tensors of a network over a block in PyTorch's layout: the same offsets,
 * W transposed. */
static int describe(const struct net *net, const float *block, struct st_tensor *tensors)
{
	int n = 0;
	for (int l = 0; l < net->n_layers; l++) {
		const size_t in = (size_t)net->dim[l], out = (size_t)net->dim[l + 1];
		struct st_tensor *w = &tensors[n++], *b = &tensors[n++];
		*w = (struct st_tensor){ .n_dims = 2, .shape = { out, in }, .n_values = in * out };
		*b = (struct st_tensor){ .n_dims = 1, .shape = { out }, .n_values = out };
		w->values = block + net->w[l];
		b->values = block + net->b[l];
		tensor_name(w->name, l, "weight");
		tensor_name(b->name, l, "bias");
	}
	return n;
}

size_t weights_build(const struct config *c, const struct net *net, const float *params,
	int64_t timesteps, uint64_t n_updates, char *buf, size_t size)
{
	const struct env_ops *ops = config_env(c);
	assert(size >= weights_buffer_size(net));
	/* The transposed block stands at the end; the file is built before it. */
	const size_t block_bytes = net->n_params * sizeof(float);
	float *block =
		(float *)(void *)(buf + (size - block_bytes) / sizeof(float) * sizeof(float));
	memcpy(block, params, block_bytes);
	for (int l = 0; l < net->n_layers; l++)
		transpose((size_t)net->dim[l], (size_t)net->dim[l + 1], params + net->w[l],
			block + net->w[l]);
	struct st_tensor tensors[2 * NET_MAX_LAYERS];
	const int n_tensors = describe(net, block, tensors);

	char config[CONFIG_SIZE], scale[256], arch[64], steps[32], updates[32], limit[32];
	struct text t;
	text_init(&t, scale, sizeof(scale));
	float obs_scale[ENV_MAX_OBS];
	config_obs_scale(c, obs_scale);
	for (int i = 0; i < ops->obs_dim; i++) {
		text_add(&t, "%s", i ? "," : "[");
		text_add_real(&t, obs_scale[i]);
	}
	text_add(&t, "]");
	text_init(&t, arch, sizeof(arch));
	config_print_value(c, config_find("net_arch"), &t);
	text_init(&t, config, sizeof(config));
	config_print(c, &t);
	assert(!t.full);
	snprintf(steps, sizeof(steps), "%" PRId64, timesteps);
	snprintf(updates, sizeof(updates), "%" PRIu64, n_updates);
	snprintf(limit, sizeof(limit), "%" PRId64,
		c->max_episode_steps ? c->max_episode_steps : ops->max_episode_steps);
	const struct st_metadata metadata[] = {
		{ "format", "pt" }, /* as the transformers library wants it */
		{ "format_version", WEIGHTS_FORMAT_VERSION },
		{ "env_id", ops->id },
		{ "max_episode_steps", limit },
		{ "obs_scale", scale },
		{ "net_arch", arch },
		{ "activation", activation_names[net->activation] },
		{ "timesteps", steps },
		{ "n_updates", updates },
		{ "config", config },
	};
	const size_t n = st_build(tensors, n_tensors, metadata,
		sizeof(metadata) / sizeof(metadata[0]), buf, (size_t)((char *)block - buf));
	assert(n > 0);
	return n;
}

static const struct st_tensor *find_tensor(const struct st_file *st, int layer, const char *what)
{
	char name[ST_NAME_SIZE];
	tensor_name(name, layer, what);
	for (int i = 0; i < st->n_tensors; i++)
		if (strcmp(st->tensor[i].name, name) == 0)
			return &st->tensor[i];
	return NULL;
}

/* The shape of the network from the shapes of its tensors. */
static bool infer_net(
	const struct st_file *st, enum activation activation, struct net *net, struct err *e)
{
	int dim[NET_MAX_LAYERS + 1] = { 0 };
	const int n_layers = st->n_tensors / 2;
	if (st->n_tensors % 2 != 0 || n_layers < 1 || n_layers > NET_MAX_LAYERS)
		return err_set(e, ERR_CORRUPT, "%d tensors make no network of 1 to %d layers",
			st->n_tensors, NET_MAX_LAYERS);
	for (int l = 0; l < n_layers; l++) {
		const struct st_tensor *w = find_tensor(st, l, "weight");
		const struct st_tensor *b = find_tensor(st, l, "bias");
		if (!w || !b)
			return err_set(e, ERR_CORRUPT, "tensor '%d.%s' is missing", 2 * l,
				w ? "bias" : "weight");
		if (w->n_dims != 2 || b->n_dims != 1 || b->shape[0] != w->shape[0] ||
			w->shape[0] < 1 || w->shape[0] > NET_MAX_WIDTH || w->shape[1] < 1 ||
			w->shape[1] > NET_MAX_WIDTH || (l > 0 && w->shape[1] != (uint64_t)dim[l]))
			return err_set(e, ERR_CORRUPT, "the shape of '%s' or '%s' does not fit",
				w->name, b->name);
		dim[l] = (int)w->shape[1];
		dim[l + 1] = (int)w->shape[0];
	}
	return net_init(net, dim[0], dim + 1, n_layers - 1, dim[n_layers], activation, e);
}

static bool metadata(
	const struct st_file *st, const char *key, char *value, size_t size, struct err *e)
{
	return st_metadata_get(st, key, value, size) ||
	       err_set(e, ERR_CORRUPT, "no usable '%s' in the metadata; was it written by dqn?",
		       key);
}

/* A JSON list of n finite factors. */
static bool parse_obs_scale(const char *s, int n, float *obs_scale)
{
	struct json j;
	int i = 0;
	json_init(&j, s, strlen(s));
	for (json_open(&j, '['); json_next_item(&j); i++) {
		double x;
		if (i == n || !json_real(&j, &x) || !isfinite((float)x))
			return false;
		obs_scale[i] = (float)x;
	}
	return json_end(&j) && i == n;
}

static bool parse_file(struct weights *w, const struct st_file *st, struct err *e)
{
	char value[256];
	if (!metadata(st, "format_version", value, sizeof(value), e))
		return false;
	if (strcmp(value, WEIGHTS_FORMAT_VERSION) != 0)
		return err_set(e, ERR_CORRUPT, "format_version '%s' is not the one known here (%s)",
			value, WEIGHTS_FORMAT_VERSION);
	if (!metadata(st, "env_id", value, sizeof(value), e))
		return false;
	w->env = env_find(value);
	if (!w->env)
		return err_set(e, ERR_CORRUPT, "unknown environment '%s'", value);

	if (!metadata(st, "activation", value, sizeof(value), e))
		return false;
	int activation = 0;
	while (activation_names[activation] && strcmp(activation_names[activation], value) != 0)
		activation++;
	if (!activation_names[activation])
		return err_set(e, ERR_CORRUPT, "unknown activation '%s'", value);
	if (!infer_net(st, (enum activation)activation, &w->net, e))
		return false;
	if (w->net.dim[0] != w->env->obs_dim || w->net.dim[w->net.n_layers] != w->env->n_actions)
		return err_set(e, ERR_CORRUPT,
			"a network of %d inputs and %d outputs does not fit %s", w->net.dim[0],
			w->net.dim[w->net.n_layers], w->env->id);

	if (!metadata(st, "obs_scale", value, sizeof(value), e))
		return false;
	if (!parse_obs_scale(value, w->env->obs_dim, w->obs_scale))
		return err_set(e, ERR_CORRUPT, "obs_scale '%s' is no list of %d reals", value,
			w->env->obs_dim);
	if (!metadata(st, "max_episode_steps", value, sizeof(value), e))
		return false;
	if (text_parse_i64(value, &w->max_episode_steps) != TEXT_OK || w->max_episode_steps < 1)
		return err_set(e, ERR_CORRUPT, "max_episode_steps '%s' is no count", value);
	return true;
}

bool weights_parse(
	struct weights *w, const char *name, const void *bytes, size_t len, struct err *e)
{
	struct st_file st;
	struct err why;
	*w = (struct weights){ 0 };
	if (!st_parse(&st, bytes, len, &why) || !parse_file(w, &st, &why))
		return err_set(e, why.kind, "'%.200s': %s", name, why.msg);
	w->params = calloc(w->net.n_params, sizeof(float));
	float *block = malloc(w->net.n_params * sizeof(float));
	if (!w->params || !block) {
		weights_release(w);
		free(block);
		return err_set(e, ERR_RUN, "out of memory reading '%.200s'", name);
	}
	for (int l = 0; l < w->net.n_layers; l++) {
		st_values(find_tensor(&st, l, "weight"), block + w->net.w[l]);
		transpose((size_t)w->net.dim[l + 1], (size_t)w->net.dim[l], block + w->net.w[l],
			w->params + w->net.w[l]);
		st_values(find_tensor(&st, l, "bias"), w->params + w->net.b[l]);
	}
	free(block);
	for (size_t i = 0; i < w->net.n_params; i++)
		if (!isfinite(w->params[i])) {
			weights_release(w);
			return err_set(
				e, ERR_CORRUPT, "'%.200s': weight %zu is not finite", name, i);
		}
	return true;
}

void weights_release(struct weights *w)
{
	free(w->params);
	w->params = NULL;
}
