#include "run/checkpoint.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_PARTS = 78, N_EVAL = sizeof(struct evaluation) / sizeof(double) };

_Static_assert(sizeof(int) == sizeof(int32_t) && sizeof(bool) == 1, "as the types of tensors");
_Static_assert(sizeof(struct rng) == 4 * sizeof(uint64_t), "a generator is four words");
_Static_assert(N_EVAL == 9, "an evaluation is nine reals");
_Static_assert(sizeof(struct diagnostics) == 9 * sizeof(double), "diagnostics are nine reals");

/* --- what a checkpoint holds --- */

struct parts {
	int n;
	size_t width; /* of the values that are added now; the others are left out */
	struct st_tensor tensor[MAX_PARTS];
};

static void add(struct parts *l, const char *name, enum st_type type, void *values, int n_dims, size_t rows,
	size_t cols, size_t stride)
{
	if (st_value_size(type) != l->width)
		return;
	assert(l->n < MAX_PARTS);
	l->tensor[l->n++] = (struct st_tensor){ .name = name,
		.type = type,
		.n_dims = n_dims,
		.shape = { n_dims > 0 ? rows : 0, n_dims > 1 ? cols : 0 },
		.n_values = rows * cols,
		.values = values,
		.stride = stride };
}

static void add_list(struct parts *l, const char *name, enum st_type type, void *p, size_t n)
{
	add(l, name, type, p, 1, n, 1, 0);
}

static void add_one(struct parts *l, const char *name, enum st_type type, void *p)
{
	add(l, name, type, p, 0, 1, 1, 0);
}

/* The episode under way: the state of a built-in environment, or what replays a child's. */
static void visit_env(struct parts *l, struct train *t)
{
	const struct env_ops *ops = t->env.ops;
	struct episode_log *log = &t->episode_log;
	add_one(l, "in_episode", ST_U8, &t->in_episode);
	add_list(l, "obs", ST_F32, t->obs, (size_t)ops->obs_dim);
	if (ops->has_masks)
		add_list(l, "mask", ST_U8, t->mask, (size_t)ops->n_actions);
	if (ops->reset) {
		add_one(l, "env.elapsed_steps", ST_I64, &t->env.elapsed_steps);
		add_list(l, "env.rng", ST_U64, &t->env.rng, 4);
		add_list(l, "env.state", ST_F64, t->env.state.bytes, ops->state_size / sizeof(double));
	} else {
		add_one(l, "episode.seed", ST_U64, &log->seed);
		add_list(l, "episode.action", ST_I32, log->action, (size_t)log->n);
		add_list(l, "episode.sum", ST_I32, log->sum, (size_t)log->n + 1);
	}
}

/* The one list. The replay buffer has as many slots in it as t->replay.count says; t->episode_log.n
 * is the length of the episode under way. */
static void visit(struct parts *l, struct train *t, struct marks *m)
{
	struct agent *a = &t->agent;
	const size_t n_params = a->policy.net.n_params;
	add_list(l, "agent.online", ST_F32, a->online, n_params);
	add_list(l, "agent.target", ST_F32, a->target, n_params);
	if (a->average != a->online)
		add_list(l, "agent.average", ST_F32, a->average, n_params);
	add_list(l, "agent.adam.m", ST_F32, a->m, n_params);
	add_list(l, "agent.adam.v", ST_F32, a->v, n_params);
	add_list(l, "best", ST_F32, t->best, n_params);
	add_one(l, "agent.adam.t", ST_U64, &a->adam.t);
	add_one(l, "agent.adam.beta1_t", ST_F64, &a->adam.beta1_t);
	add_one(l, "agent.adam.beta2_t", ST_F64, &a->adam.beta2_t);

	struct replay *r = &t->replay;
	const size_t words = r->n_words * sizeof(float);
	add_one(l, "replay.next", ST_U64, &r->next);
	add(l, "replay.obs", ST_F32, r->obs, 2, r->count, r->obs_dim, words);
	add(l, "replay.next_obs", ST_F32, r->next_obs, 2, r->count, r->obs_dim, words);
	add(l, "replay.reward", ST_F32, r->reward, 1, r->count, 1, words);
	add(l, "replay.action", ST_I32, r->action, 1, r->count, 1, words);
	add(l, "replay.terminated", ST_U8, r->terminated, 1, r->count, 1, r->n_bytes);
	add(l, "replay.truncated", ST_U8, r->truncated, 1, r->count, 1, r->n_bytes);
	if (r->mask_dim > 0) {
		add(l, "replay.masks", ST_U8, r->masks, 2, r->count, r->mask_bytes, r->n_bytes);
		add(l, "replay.next_masks", ST_U8, r->next_masks, 2, r->count, r->mask_bytes, r->n_bytes);
	}
	if (r->prioritized) {
		add_one(l, "replay.max_priority", ST_F64, &r->max_priority);
		add_list(l, "replay.priority", ST_F64, r->tree.node + r->tree.n_leaves, r->count);
	}

	visit_env(l, t);
	add_list(l, "env_rng", ST_U64, &t->env_rng, 4);
	add(l, "stream", ST_U64, t->stream, 2, N_STREAMS, 4, 0);

	if (t->config.preload[0])
		add_one(l, "preloaded", ST_I64, &t->preloaded);
	add_one(l, "phase", ST_I32, &t->phase);
	add_one(l, "updates_due", ST_I64, &t->updates_due);
	add_one(l, "timesteps", ST_I64, &t->timesteps);
	add_one(l, "episodes", ST_I64, &t->episodes);
	add_one(l, "episode_return", ST_F64, &t->episode_return);
	add_one(l, "episode_length", ST_I64, &t->episode_length);
	if (t->config.exploration_repeat > 1) {
		add_one(l, "random_action", ST_I32, &t->random_action);
		add_one(l, "repeats_left", ST_I64, &t->repeats_left);
	}
	add_list(l, "window.return", ST_F64, t->window.episode_return, STATS_WINDOW);
	add_list(l, "window.length", ST_I64, t->window.length, STATS_WINDOW);
	add_one(l, "sum.loss", ST_F64, &t->sum.loss);
	add_one(l, "sum.q_mean", ST_F64, &t->sum.q_mean);
	add_one(l, "sum.grad_norm", ST_F64, &t->sum.grad_norm);
	add_one(l, "n_sum", ST_I64, &t->n_sum);
	add_list(l, "diagnostics", ST_F64, &t->diagnostics, 9);
	add_one(l, "diagnosed", ST_U8, &t->diagnosed);
	add_one(l, "first_q", ST_F64, &t->first_q);
	add_one(l, "first_mean", ST_F64, &t->first_mean);
	add_one(l, "best_mean", ST_F64, &t->best_mean);
	add_one(l, "best_std", ST_F64, &t->best_std);
	add_one(l, "has_mean", ST_U8, &t->has_mean);
	add_one(l, "warning", ST_I32, &t->warning);

	add_one(l, "has_best", ST_U8, &t->has_best);
	add_one(l, "best_row.timesteps", ST_I64, &t->best_row.timesteps);
	add_one(l, "best_row.n_updates", ST_U64, &t->best_row.n_updates);
	add_one(l, "best_row.n_episodes", ST_I64, &t->best_row.stats.n_episodes);
	add_one(l, "best_row.return_mean", ST_F64, &t->best_row.stats.return_mean);
	add_one(l, "best_row.return_std", ST_F64, &t->best_row.stats.return_std);
	add_one(l, "best_row.return_min", ST_F64, &t->best_row.stats.return_min);
	add_one(l, "best_row.return_max", ST_F64, &t->best_row.stats.return_max);
	add_one(l, "best_row.length_mean", ST_F64, &t->best_row.stats.length_mean);
	add_one(l, "best_row.q_start", ST_F64, &t->best_row.stats.q_start);
	add_one(l, "best_row.discounted_return", ST_F64, &t->best_row.stats.discounted_return);
	add_one(l, "best_row.is_best", ST_U8, &t->best_row.is_best);
	add_one(l, "stopped", ST_U8, &t->stopped);
	add_list(l, "eval_state", ST_F64, &t->eval_state, N_EVAL);
	add_list(l, "stop_state", ST_F64, &t->stop_state, N_EVAL);
	add_list(l, "final_state", ST_F64, &t->final_state, N_EVAL);
	add_list(l, "final_returns", ST_F64, t->final_returns, (size_t)t->config.final_eval_episodes);

	add_list(l, "log_size", ST_I64, m->log_size, N_LOGS);
	add_one(l, "wall_s", ST_F64, &m->wall_s);
}

/* Wide values first, so that each is aligned in the file. */
static void list_parts(struct parts *l, struct train *t, struct marks *m)
{
	l->n = 0;
	for (l->width = 8; l->width > 0; l->width /= 2)
		visit(l, t, m);
}

uint64_t checkpoint_max_size(const struct train *t)
{
	static struct train full; /* too much for a small stack */
	struct marks marks;
	struct parts parts;
	uint64_t size = CHECKPOINT_BUFFER_MIN;
	full = *t;
	full.replay.count = full.replay.buffer_size;
	full.episode_log.n = full.episode_log.n_most;
	list_parts(&parts, &full, &marks);
	for (int i = 0; i < parts.n; i++)
		size += st_tensor_size(&parts.tensor[i]);
	return size;
}

/* --- writing --- */

static bool write_parts(
	struct file_writer *file, struct train *t, const struct marks *marks, char *buf, size_t size, struct err *e)
{
	struct marks m = *marks;
	struct parts parts;
	char steps[32], *config = buf + size - CONFIG_TEXT_MAX; /* after the file's pieces */
	list_parts(&parts, t, &m);
	struct text text = text_into(config, CONFIG_TEXT_MAX);
	config_print_deciding(&t->config, &text);
	assert(!text.full);
	snprintf(steps, sizeof(steps), "%" PRId64, t->timesteps);
	struct st_metadata metadata[] = {
		{ "format", CHECKPOINT_FORMAT },
		{ "format_version", CHECKPOINT_FORMAT_VERSION },
		{ "timesteps", steps },
		{ "config", config },
	};
	struct st_file st = { .tensor = parts.tensor,
		.n_tensors = parts.n,
		.metadata = metadata,
		.n_metadata = sizeof(metadata) / sizeof(metadata[0]) };
	return st_write(&st, file, buf, size - CONFIG_TEXT_MAX, e) > 0;
}

bool checkpoint_save(const struct dir *d, const char *name, const char *previous, struct train *t,
	const struct marks *marks, char *buf, size_t size, struct err *e)
{
	struct file_writer file;
	assert(size >= CHECKPOINT_BUFFER_MIN);
	train_diagnose(t);
	const bool ok = file_begin(&file, d, name, e) && write_parts(&file, t, marks, buf, size, e);
	return file_end(&file, ok, previous, e);
}

/* --- reading --- */

static bool in_range(int64_t x, int64_t low, int64_t high)
{
	return x >= low && x <= high;
}

static bool are_counters_sound(const struct train *t)
{
	return in_range(t->timesteps, 0, t->config.total_timesteps) && in_range(t->episodes, 0, t->timesteps) &&
	       in_range(t->episode_length, 0, t->timesteps) &&
	       in_range(t->random_action, 0, t->env.ops->n_actions - 1) &&
	       in_range(t->repeats_left, 0, t->config.exploration_repeat - 1) &&
	       in_range(t->n_sum, 0, INT64_MAX / 2) && /* it will grow */
	       in_range(t->warning, 0, N_WARNINGS - 1) && in_range(t->preloaded, 0, (int64_t)t->replay.buffer_size) &&
	       (t->replay.count > 0) == (t->preloaded + t->timesteps > 0);
}

static bool is_phase_sound(const struct train *t)
{
	const int64_t most_due = config_updates_per_round(&t->config);
	return in_range(t->phase, 0, N_PHASES - 1) && in_range(t->updates_due, 0, most_due) &&
	       (t->phase == PHASE_COLLECT || t->timesteps > 0);
}

/* An even increment would make a generator repeat itself at once. */
static bool are_generators_odd(const struct train *t)
{
	bool odd = t->env_rng.inc[0] & 1;
	for (int i = 0; i < N_STREAMS; i++)
		odd = odd && t->stream[i].inc[0] & 1;
	return odd;
}

static bool is_episode_sound(struct train *t)
{
	const struct episode_log *log = &t->episode_log;
	const bool has_state = t->in_episode && t->env.ops->reset;
	bool ok = !has_state || (env_restore(&t->env) && t->env.rng.inc[0] & 1);
	for (int64_t i = 0; i < log->n; i++)
		ok = ok && in_range(log->action[i], 0, t->env.ops->n_actions - 1);
	return ok;
}

static bool is_sound(const struct evaluation *ev, int64_t n_episodes)
{
	return ev->n >= 0 && ev->n <= (double)n_episodes && ev->n == floor(ev->n);
}

/* Values that would crash or hang the run. The checksum vouches for all others: it has
 * matched, so that only a forged file gets this far. */
static bool check_state(const struct st_file *st, struct train *t, struct err *e)
{
	const struct config *c = &t->config;
	const char *bad = NULL;
	if (!replay_restore(&t->replay, t->env.ops->n_actions))
		bad = "the replay buffer";
	else if (!is_episode_sound(t))
		bad = "the environment";
	else if (!are_generators_odd(t))
		bad = "a generator";
	else if (!are_counters_sound(t))
		bad = "the counters";
	else if (!is_phase_sound(t))
		bad = "the phase";
	else if (!is_sound(&t->eval_state, c->eval_episodes) || !is_sound(&t->stop_state, c->stop_episodes) ||
		 !is_sound(&t->final_state, c->final_eval_episodes))
		bad = "an evaluation";
	return !bad || st_corrupt(st, e, "no run can be in such a state: %s", bad);
}

/* The file must hold exactly the tensors that this run would write, in any order. Its own
 * tensors say how full the replay buffer is. */
static bool load_parts(const struct st_file *st, struct train *t, struct marks *m, struct err *e)
{
	struct parts parts;
	const struct st_tensor *reward = st_find(st, "replay.reward");
	const struct st_tensor *action = st_find(st, "episode.action");
	const size_t n_most = (size_t)t->episode_log.n_most, n = action ? action->n_values : 0;
	t->replay.count = reward ? reward->n_values : 0;
	if (t->replay.count > t->replay.buffer_size)
		return st_corrupt(st, e, "too many transitions in the replay buffer");
	if (n > n_most)
		return st_corrupt(st, e, "too many steps in the episode under way");
	t->episode_log.n = (int64_t)n;
	list_parts(&parts, t, m);
	if (st->n_tensors != parts.n)
		return st_corrupt(st, e, "not the tensors of such a run");
	if (!st_load(st, parts.tensor, parts.n, e))
		return false;
	for (const struct st_tensor *part = parts.tensor; part < parts.tensor + parts.n; part++) {
		unsigned char *bytes = part->values;      /* booleans: only 0 and 1 are defined */
		const bool is_packed = part->n_dims == 2; /* masks of the replay buffer */
		const size_t stride = part->stride ? part->stride : 1;
		for (size_t i = 0; part->type == ST_U8 && !is_packed && i < part->n_values; i++)
			bytes[i * stride] = bytes[i * stride] != 0;
	}
	return true;
}

/* A checkpoint of this version and this configuration. A damaged one is not mistaken for
 * another run's: the checksum comes first, unless the file is larger than ours can be. */
static bool parse(const struct st_file *st, struct train *t, struct marks *m, struct err *e)
{
	const char *format = st_metadata_get(st, "format");
	const char *version = st_metadata_get(st, "format_version");
	const bool is_small = st->data_len <= checkpoint_max_size(t);
	if (is_small && !st_verify(st, e))
		return false;
	if (!st->checksum || !format || strcmp(format, CHECKPOINT_FORMAT) != 0)
		return st_corrupt(st, e, "not a checkpoint");
	if (!version || strcmp(version, CHECKPOINT_FORMAT_VERSION) != 0)
		return st_corrupt(st, e, "its format_version is not the one known here, %s", CHECKPOINT_FORMAT_VERSION);
	if (!config_check_same(&t->config, ERR_BUSY, st->name, st_metadata_get(st, "config"), e))
		return false;
	if (!is_small)
		return st_corrupt(st, e, "too large for such a run");
	return load_parts(st, t, m, e) && check_state(st, t, e);
}

bool checkpoint_load(struct st_file *st, struct train *t, struct marks *m, struct err *e)
{
	const bool ok = parse(st, t, m, e);
	st_close(st);
	return ok;
}
