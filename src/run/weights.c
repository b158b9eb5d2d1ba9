#include "run/weights.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/safetensors.h"
#include "run/checkpoint.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* HEADER_SIZE: room for the JSON header, the configuration and that many tensors. */
enum { MAX_TENSORS = 2 * (NET_MAX_LAYERS + 1), HEADER_SIZE = 32768, CONFIG_SIZE = 8192 };

/* "0.weight" and "0.bias", "2.weight" ...: an activation stands between two
 * layers. The heads of a dueling network are "value.weight", "advantage.weight". */
static void tensor_name(char *name, const struct net *net, int i, const char *what)
{
	const int last = net->n_layers - 1;
	if (net->dueling && i >= last)
		snprintf(name, ST_NAME_SIZE, "%s.%s", i == last ? "value" : "advantage", what);
	else
		snprintf(name, ST_NAME_SIZE, "%d.%s", 2 * i, what);
}

size_t weights_buffer_size(const struct net *net)
{
	return 2 * net->n_params * sizeof(float) + HEADER_SIZE;
}

/* The tensors of a network over a block in PyTorch's layout: the same offsets,
 * W transposed. */
static int describe(const struct net *net, const float *block, struct st_tensor *tensors,
	char names[MAX_TENSORS][ST_NAME_SIZE])
{
	int n = 0;
	for (int i = 0; i < net_n_linear(net); i++) {
		const struct linear m = net_linear(net, i);
		struct st_tensor *w = &tensors[n], *b = &tensors[n + 1];
		*w = (struct st_tensor){
			.n_dims = 2, .shape = { m.out, m.in }, .n_values = m.in * m.out
		};
		*b = (struct st_tensor){ .n_dims = 1, .shape = { m.out }, .n_values = m.out };
		w->values = block + m.w;
		b->values = block + m.b;
		w->name = names[n++];
		b->name = names[n++];
		tensor_name(names[n - 2], net, i, "weight");
		tensor_name(names[n - 1], net, i, "bias");
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
	for (int i = 0; i < net_n_linear(net); i++) {
		const struct linear m = net_linear(net, i);
		net_transpose(m.in, m.out, params + m.w, block + m.w);
	}
	struct st_tensor tensors[MAX_TENSORS];
	char names[MAX_TENSORS][ST_NAME_SIZE];
	const int n_tensors = describe(net, block, tensors, names);

	static char config[CONFIG_SIZE]; /* not on a small stack */
	char scale[256], arch[64], steps[32], updates[32], limit[32];
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
	config_print_deciding(c, &t);
	assert(!t.full);
	snprintf(steps, sizeof(steps), "%" PRId64, timesteps);
	snprintf(updates, sizeof(updates), "%" PRIu64, n_updates);
	snprintf(limit, sizeof(limit), "%" PRId64, config_eval_limit(c));
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

static const struct st_tensor *find_tensor(
	const struct st_file *st, const struct net *net, int i, const char *what)
{
	char name[ST_NAME_SIZE];
	tensor_name(name, net, i, what);
	for (int t = 0; t < st->n_tensors; t++)
		if (strcmp(st->tensor[t].name, name) == 0)
			return &st->tensor[t];
	return NULL;
}

static bool width_fits(uint64_t width)
{
	return width >= 1 && width <= NET_MAX_WIDTH;
}

/* The shape of the network from its tensors: a value head makes it a dueling one,
 * the widths are read from the hidden layers, the network is built, and then
 * every tensor must be there with just the shape that it needs. */
static bool infer_net(const struct st_file *st, const struct env_ops *env,
	enum activation activation, struct net *net, struct err *e)
{
	const struct net one_head = { .n_layers = 1, .dueling = true };
	const bool dueling = find_tensor(st, &one_head, 0, "weight") != NULL;
	const int n_hidden = st->n_tensors / 2 - (dueling ? 2 : 1);
	struct net_shape shape = { .n_inputs = env->obs_dim,
		.n_hidden = n_hidden,
		.n_outputs = env->n_actions,
		.activation = activation,
		.dueling = dueling };
	if (st->n_tensors % 2 != 0 || n_hidden < 0 || n_hidden > NET_MAX_HIDDEN)
		return err_set(e, ERR_CORRUPT, "%d tensors make no network of 1 to %d layers",
			st->n_tensors, NET_MAX_LAYERS);
	const struct net names = { .n_layers = n_hidden + 1, .dueling = dueling };
	for (int i = 0; i < n_hidden; i++) {
		const struct st_tensor *b = find_tensor(st, &names, i, "bias");
		const uint64_t halves = dueling && i == n_hidden - 1 ? 2 : 1;
		if (b && (b->n_dims != 1 || b->shape[0] % halves != 0 ||
				 !width_fits(b->shape[0] / halves)))
			return err_set(e, ERR_CORRUPT, "the shape of '%s' is no width of a layer",
				b->name);
		shape.hidden[i] = b ? (int)(b->shape[0] / halves) : 1; /* missing: said below */
	}
	if (!net_init(net, &shape, e))
		return false;
	for (int i = 0; i < net_n_linear(net); i++) {
		const struct linear m = net_linear(net, i);
		const struct st_tensor *w = find_tensor(st, net, i, "weight");
		const struct st_tensor *b = find_tensor(st, net, i, "bias");
		if (!w || !b) {
			char name[ST_NAME_SIZE];
			tensor_name(name, net, i, w ? "bias" : "weight");
			return err_set(e, ERR_CORRUPT, "tensor '%s' is missing", name);
		}
		if (w->type != ST_F32 || b->type != ST_F32)
			return err_set(
				e, ERR_CORRUPT, "'%s' or '%s' is not of float32", w->name, b->name);
		if (w->n_dims != 2 || w->shape[0] != m.out || w->shape[1] != m.in ||
			b->n_dims != 1 || b->shape[0] != m.out)
			return err_set(e, ERR_CORRUPT,
				"the shape of '%s' or '%s' does not fit; (%zu, %zu) and (%zu) would",
				w->name, b->name, m.out, m.in, m.out);
	}
	return true;
}

static bool metadata(const struct st_file *st, const char *key, const char **value, struct err *e)
{
	*value = st_metadata_get(st, key);
	return *value || err_set(e, ERR_CORRUPT,
				 "no usable '%s' in the metadata; was it written by dqn?", key);
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

/* What the file says of itself; the weights remain to be copied. */
static bool parse_file(struct weights *w, const struct st_file *st, struct err *e)
{
	const char *value;
	if (!metadata(st, "env_id", &value, e))
		return false;
	w->env = env_find(value);
	if (!w->env)
		return err_set(e, ERR_CORRUPT, "unknown environment '%.64s'", value);

	if (!metadata(st, "activation", &value, e))
		return false;
	int activation = 0;
	while (activation_names[activation] && strcmp(activation_names[activation], value) != 0)
		activation++;
	if (!activation_names[activation])
		return err_set(e, ERR_CORRUPT, "unknown activation '%.64s'", value);
	if (!infer_net(st, w->env, (enum activation)activation, &w->net, e))
		return false;

	if (!metadata(st, "obs_scale", &value, e))
		return false;
	if (!parse_obs_scale(value, w->env->obs_dim, w->obs_scale))
		return err_set(e, ERR_CORRUPT, "obs_scale '%.128s' is no list of %d reals", value,
			w->env->obs_dim);
	if (!metadata(st, "max_episode_steps", &value, e))
		return false;
	if (text_parse_i64(value, &w->max_episode_steps) != TEXT_OK || w->max_episode_steps < 1)
		return err_set(e, ERR_CORRUPT, "max_episode_steps '%.64s' is no count", value);
	return true;
}

/* The same of a checkpoint, where the configuration says it. */
static bool parse_checkpoint(struct weights *w, const struct st_file *st, struct err *e)
{
	struct config c;
	const char *value;
	if (!metadata(st, "config", &value, e) ||
		!config_read(&c, "config", value, strlen(value), e) || !config_net(&c, &w->net, e))
		return false;
	w->env = config_env(&c);
	w->max_episode_steps = config_eval_limit(&c);
	config_obs_scale(&c, w->obs_scale);
	w->part = c.ema_decay > 0 ? "agent.average" : "agent.online";
	return true;
}

/* A network of a checkpoint is one tensor, in the order of memory. */
static bool copy_part(struct weights *w, const struct st_file *st, struct err *e)
{
	for (int i = 0; i < st->n_tensors; i++) {
		const struct st_tensor *t = &st->tensor[i];
		if (strcmp(t->name, w->part) != 0 || t->type != ST_F32 ||
			t->n_values != w->net.n_params)
			continue;
		st_values(t, w->params);
		return true;
	}
	return err_set(e, ERR_CORRUPT, "no usable '%s' in it", w->part);
}

static bool copy_params(struct weights *w, const struct st_file *st, struct err *e)
{
	w->params = memory_zeroed(w->net.n_params * sizeof(float));
	float *block = malloc(w->net.n_params * sizeof(float));
	if (!w->params || !block) {
		free(block);
		return err_set(e, ERR_RUN, "out of memory for %zu weights", w->net.n_params);
	}
	bool ok = !w->part || copy_part(w, st, e);
	for (int i = 0; !w->part && i < net_n_linear(&w->net); i++) {
		const struct linear m = net_linear(&w->net, i);
		st_values(find_tensor(st, &w->net, i, "weight"), block + m.w);
		net_transpose(m.out, m.in, block + m.w, w->params + m.w);
		st_values(find_tensor(st, &w->net, i, "bias"), w->params + m.b);
	}
	free(block);
	for (size_t i = 0; ok && i < w->net.n_params; i++)
		if (!isfinite(w->params[i]))
			ok = err_set(e, ERR_CORRUPT, "weight %zu is not finite", i);
	return ok;
}

bool weights_parse(
	struct weights *w, const char *name, const void *bytes, size_t len, struct err *e)
{
	struct st_file st;
	struct err why;
	*w = (struct weights){ 0 };
	if (!st_parse(&st, bytes, len, &why))
		return err_set(e, why.kind, "'%.200s': %s", name, why.msg);
	const char *format = st_metadata_get(&st, "format"), *version, *steps;
	const bool is_checkpoint = format && strcmp(format, CHECKPOINT_FORMAT) == 0;
	const char *known = is_checkpoint ? CHECKPOINT_FORMAT_VERSION : WEIGHTS_FORMAT_VERSION;
	bool ok = metadata(&st, "format_version", &version, &why);
	if (ok && strcmp(version, known) != 0)
		ok = err_set(&why, ERR_CORRUPT,
			"format_version '%.64s' is not the one known here (%s)", version, known);
	ok = ok && (is_checkpoint ? parse_checkpoint : parse_file)(w, &st, &why) &&
	     copy_params(w, &st, &why);
	steps = st_metadata_get(&st, "timesteps");
	if (steps)
		text_parse_i64(steps, &w->timesteps);
	st_release(&st);
	if (!ok)
		weights_release(w);
	return ok || err_set(e, why.kind, "'%.200s': %s", name, why.msg);
}

void weights_release(struct weights *w)
{
	free(w->params);
	w->params = NULL;
}

bool weights_check(const struct dir *d, const char *name, const struct config *c, struct err *e)
{
	struct st_file st;
	char path[FILE_PATH_SIZE], *bytes;
	if (!st_read_header(&st, d, name, &bytes, e))
		return false;
	const char *config = st_metadata_get(&st, "config");
	const bool ok = config_check_same(c, ERR_CORRUPT, dir_path(d, name, path), config, e);
	st_release(&st);
	free(bytes);
	return ok;
}
