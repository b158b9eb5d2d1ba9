#include "run/weights.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/safetensors.h"
#include "run/checkpoint.h"
#include "run/layers.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TENSORS = 2 * (NET_MAX_LAYERS + 1), SCALE_SIZE = 32768 };

/* Room for the JSON header: the configuration, the factors and that many tensors. */
enum { HEADER_SIZE = 2 * CONFIG_TEXT_MAX + SCALE_SIZE + 16384 };

size_t weights_buffer_size(const struct net *net)
{
	return 2 * net->n_params * sizeof(float) + HEADER_SIZE + CONFIG_TEXT_MAX + SCALE_SIZE;
}

/* An activation stands between two layers. */
const char *weights_layer(const struct net *net, int i, char name[WEIGHTS_LAYER_SIZE])
{
	const int n_numbered = net->dueling ? net->n_layers - 1 : net->n_layers;
	snprintf(name, WEIGHTS_LAYER_SIZE, "%d", 2 * i);
	return i < n_numbered ? name : i == n_numbered ? "value" : "advantage";
}

/* The tensors of a network over a block in PyTorch's layout: the same offsets, W transposed.
 * "0.weight" and "0.bias", "2.weight" ... */
static int describe(
	const struct net *net, float *block, struct st_tensor *tensors, char names[MAX_TENSORS][ST_NAME_SIZE])
{
	int n = 0;
	for (int i = 0; i < net_n_linear(net); i++) {
		const struct linear m = net_linear(net, i);
		char layer[WEIGHTS_LAYER_SIZE];
		const char *of = weights_layer(net, i, layer);
		snprintf(names[n], ST_NAME_SIZE, "%s.weight", of);
		tensors[n] = (struct st_tensor){ .name = names[n],
			.n_dims = 2,
			.shape = { m.out, m.in },
			.n_values = m.in * m.out,
			.values = block + m.w };
		n++;
		snprintf(names[n], ST_NAME_SIZE, "%s.bias", of);
		tensors[n] = (struct st_tensor){
			.name = names[n], .n_dims = 1, .shape = { m.out }, .n_values = m.out, .values = block + m.b
		};
		n++;
	}
	return n;
}

/* A JSON list of the factors; of many, which are always equal, the first. */
static void print_scale(const float *obs_scale, int n, struct text *t)
{
	const int many = 1024;
	for (int i = 0; i < (n > many ? 1 : n); i++) {
		text_add(t, "%s", i ? "," : "[");
		text_add_real(t, obs_scale[i]);
	}
	text_add(t, "]");
}

static void print_arch(const struct net *net, struct text *t)
{
	const int n_hidden = net->n_layers - 1;
	for (int i = 0; i < n_hidden; i++)
		text_add(t, "%s%d", i ? "," : "",
			net->dueling && i == n_hidden - 1 ? net->dim[i + 1] / 2 : net->dim[i + 1]);
	text_add(t, n_hidden ? "" : "none");
}

size_t weights_build(const struct weights *w, char *buf, size_t size)
{
	const struct net *net = &w->net;
	assert(size >= weights_buffer_size(net));
	/* At the end of buf stand texts and the transposed block, before them grows the file. */
	const size_t block_bytes = net->n_params * sizeof(float);
	const size_t block_at = (size - block_bytes) / sizeof(float) * sizeof(float);
	float *block = (float *)(void *)(buf + block_at);
	char *config = buf + block_at - CONFIG_TEXT_MAX, *scale = config - SCALE_SIZE;
	memcpy(block, w->params, block_bytes);
	for (int i = 0; i < net_n_linear(net); i++) {
		const struct linear m = net_linear(net, i);
		net_transpose(m.in, m.out, w->params + m.w, block + m.w);
	}
	struct st_tensor tensors[MAX_TENSORS];
	char names[MAX_TENSORS][ST_NAME_SIZE];
	const int n_tensors = describe(net, block, tensors, names);

	char arch[64], steps[32], limit[32], updates[32];
	struct text t = text_into(scale, SCALE_SIZE);
	print_scale(w->obs_scale, w->env->obs_dim, &t);
	assert(!t.full);
	t = text_into(arch, sizeof(arch));
	print_arch(net, &t);
	t = text_into(config, CONFIG_TEXT_MAX);
	if (w->config)
		config_print_deciding(w->config, &t);
	assert(!t.full);
	snprintf(steps, sizeof(steps), "%" PRId64, w->timesteps);
	snprintf(limit, sizeof(limit), "%" PRId64, w->max_episode_steps);
	snprintf(updates, sizeof(updates), "%" PRId64, w->n_updates);
	struct st_metadata metadata[10] = {
		{ "format", "pt" }, /* as the transformers library wants it */
		{ "format_version", WEIGHTS_FORMAT_VERSION },
		{ "env_id", w->env->id },
		{ "max_episode_steps", limit },
		{ "obs_scale", scale },
		{ "net_arch", arch },
		{ "activation", activation_names[net->activation] },
		{ "timesteps", steps },
	};
	int n = 8;
	if (w->n_updates >= 0)
		metadata[n++] = (struct st_metadata){ "n_updates", updates };
	if (w->config)
		metadata[n++] = (struct st_metadata){ "config", config };
	struct st_file st = { .tensor = tensors, .n_tensors = n_tensors, .metadata = metadata, .n_metadata = n };
	struct err never;
	return st_write(&st, NULL, buf, block_at - CONFIG_TEXT_MAX - SCALE_SIZE, &never);
}

bool weights_fold_scale(struct weights *w)
{
	const size_t n_obs = (size_t)w->net.dim[0];
	bool is_finite = true;
	for (int l = 0; l < net_n_linear(&w->net); l++) {
		const struct linear m = net_linear(&w->net, l);
		if (l > 0 && w->net.n_layers > 1) /* without hidden layers both heads are first */
			break;
		for (size_t i = 0; i < m.in * m.out; i++) {
			w->params[m.w + i] *= w->obs_scale[i / m.out];
			is_finite = is_finite && isfinite(w->params[m.w + i]);
		}
	}
	for (size_t i = 0; i < n_obs; i++)
		w->obs_scale[i] = 1;
	return is_finite;
}

static bool metadata(const struct st_file *st, const char *key, const char **value, struct err *e)
{
	*value = st_metadata_get(st, key);
	return *value || st_corrupt(st, e,
				 "no usable '%s' in the metadata; was it written by dqn? If not, "
				 "--env says what it is for",
				 key);
}

/* A JSON list of n finite factors, or of one for all. */
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
	for (int k = 1; i == 1 && k < n; k++)
		obs_scale[k] = obs_scale[0];
	return json_end(&j) && (i == 1 || i == n);
}

/* Once w->net is known: room for params and obs_scale, and a copy of the configuration. */
static bool allocate(struct weights *w, struct err *e)
{
	const size_t n_obs = (size_t)w->net.dim[0];
	const uint64_t config_at = memory_block(w->net.n_params) + memory_block(n_obs);
	w->params = memory_zeroed(config_at * sizeof(float) + sizeof(struct config));
	if (!w->params)
		return err_set(e, ERR_RUN, "out of memory for %zu weights", w->net.n_params);
	w->obs_scale = w->params + memory_block(w->net.n_params);
	if (w->config) {
		struct config *own = (struct config *)(void *)(w->params + config_at);
		*own = *w->config;
		w->config = own;
	}
	return true;
}

/* The network, from the shapes of the tensors; w->env is known. */
static bool load_net(struct weights *w, const struct st_file *st, int activation, struct err *e)
{
	struct layers l;
	return layers_find(&l, st, (enum activation)activation, w->env->obs_dim, w->env->n_actions, e) &&
	       net_init(&w->net, &l.shape, e) && allocate(w, e) && layers_load(&l, &w->net, st, w->params, e);
}

static void take_env(struct weights *w, const struct config *c)
{
	w->env = config_env(c);
	if (w->env->reset)
		return;
	w->declared = *w->env;
	w->env = &w->declared;
	snprintf(w->command, sizeof(w->command), "%s", c->command);
}

/* The environment of that id; if the configuration has a child process, what it declared. */
static bool find_env(struct weights *w, const struct st_file *st, const char *id)
{
	static struct config c; /* too much for a small stack; config_read is not reentrant either */
	const char *config = st_metadata_get(st, "config");
	struct err ignored;
	w->env = env_find(id);
	if (config && config_read(&c, "config", config, strlen(config), &ignored) &&
		strcmp(config_env(&c)->id, id) == 0) {
		take_env(w, &c);
		w->config = &c;
	}
	return w->env && w->env->obs_dim > 0;
}

static bool parse_weights(struct weights *w, const struct st_file *st, struct err *e)
{
	const char *id, *name, *scale, *limit;
	if (!metadata(st, "env_id", &id, e) || !metadata(st, "activation", &name, e) ||
		!metadata(st, "obs_scale", &scale, e) || !metadata(st, "max_episode_steps", &limit, e))
		return false;
	if (!find_env(w, st, id))
		return st_corrupt(st, e, "unknown environment '%.64s'", id);
	const int activation = text_index(name, activation_names);
	if (activation < 0)
		return st_corrupt(st, e, "unknown activation '%.64s'", name);
	if (text_parse_i64(limit, &w->max_episode_steps) != TEXT_OK || w->max_episode_steps < 1)
		return st_corrupt(st, e, "max_episode_steps '%.64s' is not a count", limit);
	if (!load_net(w, st, activation, e))
		return false;
	return parse_obs_scale(scale, w->env->obs_dim, w->obs_scale) ||
	       st_corrupt(st, e, "obs_scale '%.128s' is not a list of %d reals", scale, w->env->obs_dim);
}

/* A network of a checkpoint is one tensor, in the order of memory. */
static bool load_part(struct weights *w, const struct st_file *st, struct err *e)
{
	const struct st_tensor part = {
		.name = w->part, .n_dims = 1, .shape = { w->net.n_params }, .values = w->params
	};
	if (!st_load(st, &part, 1, e))
		return false;
	for (size_t i = 0; i < w->net.n_params; i++)
		if (!isfinite(w->params[i]))
			return st_corrupt(st, e, "weight %zu is not finite", i);
	return true;
}

/* Of a checkpoint the configuration says what the metadata of weights do. */
static bool parse_checkpoint(struct weights *w, const struct st_file *st, struct err *e)
{
	static struct config c;
	struct err why;
	const char *value;
	if (!metadata(st, "config", &value, e))
		return false;
	if (!config_read(&c, "config", value, strlen(value), &why))
		return st_corrupt(st, e, "%s", why.msg);
	take_env(w, &c);
	w->config = &c;
	w->max_episode_steps = config_eval_limit(&c);
	w->part = c.ema_decay > 0 ? "agent.average" : "agent.online";
	if (!config_net(&c, &w->net, e) || !allocate(w, e))
		return false;
	config_obs_scale(&c, w->obs_scale);
	return load_part(w, st, e);
}

static bool is_checkpoint(const struct st_file *st)
{
	const char *format = st_metadata_get(st, "format");
	return format && strcmp(format, CHECKPOINT_FORMAT) == 0;
}

static bool parse(struct weights *w, const struct st_file *st, struct err *e)
{
	const char *version, *steps = st_metadata_get(st, "timesteps");
	const bool whole = is_checkpoint(st);
	const char *known = whole ? CHECKPOINT_FORMAT_VERSION : WEIGHTS_FORMAT_VERSION;
	if (!st_verify(st, e) || !metadata(st, "format_version", &version, e))
		return false;
	if (strcmp(version, known) != 0)
		return st_corrupt(st, e, "format_version '%.64s' is not the one known here (%s)", version, known);
	if (steps)
		text_parse_i64(steps, &w->timesteps);
	return (whole ? parse_checkpoint : parse_weights)(w, st, e);
}

/* A file of another program, which the configuration describes. */
static bool parse_foreign(struct weights *w, const struct config *c, const struct st_file *st, struct err *e)
{
	take_env(w, c);
	w->config = config_is_process(c) ? c : NULL; /* of no run: only the declaration counts */
	w->max_episode_steps = config_eval_limit(c);
	if (!st_verify(st, e) || !load_net(w, st, c->activation, e))
		return false;
	config_obs_scale(c, w->obs_scale);
	return true;
}

bool weights_parse(
	struct weights *w, const struct config *foreign, const char *name, const void *bytes, size_t len, struct err *e)
{
	struct st_file st;
	*w = (struct weights){ .n_updates = -1 };
	if (!st_open_bytes(&st, name, bytes, len, e))
		return false;
	const bool ok = foreign ? parse_foreign(w, foreign, &st, e) : parse(w, &st, e);
	st_close(&st);
	if (!ok)
		weights_release(w);
	return ok;
}

bool weights_are_ours(const void *bytes, size_t len)
{
	struct st_file st;
	struct err ignored;
	if (!st_open_bytes(&st, "", bytes, len, &ignored))
		return false;
	const bool ours = st_metadata_get(&st, "env_id") || is_checkpoint(&st);
	st_close(&st);
	return ours;
}

const char *weights_shape(const struct net *net, char buf[WEIGHTS_SHAPE_SIZE])
{
	struct text t = text_into(buf, WEIGHTS_SHAPE_SIZE);
	for (int i = 0; i <= net->n_layers; i++)
		text_add(&t, "%s%d", i ? "-" : "",
			net->dueling && i > 0 && i == net->n_layers - 1 ? net->dim[i] / 2 : net->dim[i]);
	text_add(&t, net->dueling ? " (dueling)" : "");
	return buf;
}

/* ERR_CORRUPT: the weights have something else than the run. */
static bool differs(const char *name, const char *what, const char *theirs, const char *runs, struct err *e)
{
	return err_set(e, ERR_CORRUPT, "'%.200s' cannot be init_weights of this run: %s is %.150s, not %.150s", name,
		what, theirs, runs);
}

static bool check_scale(const struct weights *w, const struct config *c, const char *name, struct err *e)
{
	const int n = w->net.dim[0];
	char a[512], b[512];
	float *obs_scale = malloc((size_t)n * sizeof(float));
	if (!obs_scale)
		return err_set(e, ERR_RUN, "out of memory for %d factors", n);
	config_obs_scale(c, obs_scale);
	int i = 0;
	while (i < n && w->obs_scale[i] == obs_scale[i])
		i++;
	struct text theirs = text_into(a, sizeof(a));
	struct text runs = text_into(b, sizeof(b));
	print_scale(w->obs_scale, n, &theirs);
	print_scale(obs_scale, n, &runs);
	free(obs_scale);
	return i == n || differs(name, "obs_scale", a, b, e);
}

/* The network, and what its inputs are, must be those of the run. */
static bool check_initial(const struct weights *w, const struct config *c, const char *name, struct err *e)
{
	struct net net;
	char a[WEIGHTS_SHAPE_SIZE], b[WEIGHTS_SHAPE_SIZE];
	if (!config_net(c, &net, e))
		return false;
	if (strcmp(weights_shape(&w->net, a), weights_shape(&net, b)) != 0)
		return differs(name, "the network", a, b, e);
	if (w->net.activation != net.activation)
		return differs(
			name, "activation", activation_names[w->net.activation], activation_names[net.activation], e);
	return check_scale(w, c, name, e);
}

bool weights_parse_initial(struct weights *w, const struct config *c, const char *name, const void *bytes, size_t len,
	struct report *r, struct err *e)
{
	const bool ours = weights_are_ours(bytes, len);
	char a[TEXT_REAL_SIZE], b[TEXT_REAL_SIZE];
	if (!weights_parse(w, ours ? NULL : c, name, bytes, len, e))
		return false;
	if (!check_initial(w, c, name, e)) {
		weights_release(w);
		return false;
	}
	if (!ours && c->obs_scale.kind != FACTORS_NONE)
		report_warning(r,
			"'%.300s' does not say how its observations were scaled; the run scales them by "
			"obs_scale, so the policy is right only if they were scaled so before",
			name);
	if (w->config && w->config->reward_scale != c->reward_scale)
		report_warning(r,
			"'%.300s' was trained with reward_scale = %s, not %s: its Q values are of another scale", name,
			text_real(w->config->reward_scale, a), text_real(c->reward_scale, b));
	return true;
}

void weights_release(struct weights *w)
{
	free(w->params);
	w->params = w->obs_scale = NULL;
	w->config = NULL;
}

bool weights_check(const struct dir *d, const char *name, const struct config *c, struct err *e)
{
	struct st_file st;
	if (!st_open(&st, d, name, e))
		return false;
	const char *config = st_metadata_get(&st, "config");
	const bool ok = config_check_same(c, ERR_CORRUPT, st.name, config, e);
	st_close(&st);
	return ok;
}
