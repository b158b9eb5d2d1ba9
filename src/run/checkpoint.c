#include "run/checkpoint.h"

#include "base/file.h"
#include "base/safetensors.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { CONFIG_SIZE = 8192 };

_Static_assert(sizeof(int) == sizeof(int32_t) && sizeof(bool) == 1, "as the types of tensors");
_Static_assert(sizeof(struct rng) == 4 * sizeof(uint64_t), "a generator is four words");
_Static_assert(sizeof(struct evaluation) == 7 * sizeof(double), "an evaluation is seven reals");
_Static_assert(sizeof(struct diagnostics) == 7 * sizeof(double), "diagnostics are seven reals");

/* --- what a checkpoint holds --- */

struct part {
	void *p;      /* in memory, as the tensor has it, or: */
	bool is_size; /* a size_t, in a tensor of U64 */
	bool is_bool; /* a bool, in a tensor of U8 */
};

struct parts {
	int n;
	size_t width; /* of the values that are added now; the others are left out */
	struct st_tensor tensor[ST_MAX_TENSORS];
	struct part part[ST_MAX_TENSORS];
};

static void add_part(struct parts *l, const char *name, enum st_type type, struct part part,
	int n_dims, size_t rows, size_t cols)
{
	if (st_value_size(type) != l->width)
		return;
	assert(l->n < ST_MAX_TENSORS);
	struct st_tensor *t = &l->tensor[l->n];
	*t = (struct st_tensor){ .name = name, .type = type, .n_dims = n_dims };
	t->shape[0] = rows;
	t->shape[1] = cols;
	t->n_values = (n_dims > 0 ? rows : 1) * (n_dims > 1 ? cols : 1);
	l->part[l->n++] = part;
}

static void add_table(
	struct parts *l, const char *name, enum st_type type, void *p, size_t rows, size_t cols)
{
	add_part(l, name, type, (struct part){ .p = p }, 2, rows, cols);
}

static void add_list(struct parts *l, const char *name, enum st_type type, void *p, size_t n)
{
	add_part(l, name, type, (struct part){ .p = p }, 1, n, 0);
}

static void add_i64(struct parts *l, const char *name, int64_t *x)
{
	add_part(l, name, ST_I64, (struct part){ .p = x }, 0, 0, 0);
}

static void add_u64(struct parts *l, const char *name, uint64_t *x)
{
	add_part(l, name, ST_U64, (struct part){ .p = x }, 0, 0, 0);
}

static void add_real(struct parts *l, const char *name, double *x)
{
	add_part(l, name, ST_F64, (struct part){ .p = x }, 0, 0, 0);
}

static void add_int(struct parts *l, const char *name, int *x)
{
	add_part(l, name, ST_I32, (struct part){ .p = x }, 0, 0, 0);
}

static void add_size(struct parts *l, const char *name, size_t *x)
{
	add_part(l, name, ST_U64, (struct part){ .p = x, .is_size = true }, 0, 0, 0);
}

static void add_bool(struct parts *l, const char *name, bool *x)
{
	add_part(l, name, ST_U8, (struct part){ .p = x, .is_bool = true }, 0, 0, 0);
}

/* The one list. The replay buffer has as many slots in it as t->replay.count says. */
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
	add_u64(l, "agent.adam.t", &a->adam.t);
	add_real(l, "agent.adam.beta1_t", &a->adam.beta1_t);
	add_real(l, "agent.adam.beta2_t", &a->adam.beta2_t);

	struct replay *r = &t->replay;
	add_size(l, "replay.next", &r->next);
	add_table(l, "replay.obs", ST_F32, r->obs, r->count, r->obs_dim);
	add_table(l, "replay.next_obs", ST_F32, r->next_obs, r->count, r->obs_dim);
	add_list(l, "replay.reward", ST_F32, r->reward, r->count);
	add_list(l, "replay.action", ST_I32, r->action, r->count);
	add_list(l, "replay.terminated", ST_U8, r->terminated, r->count);
	add_list(l, "replay.truncated", ST_U8, r->truncated, r->count);
	if (r->prioritized) {
		add_real(l, "replay.max_priority", &r->max_priority);
		add_list(l, "replay.priority", ST_F64, r->tree.node + r->tree.n_leaves, r->count);
	}

	add_list(l, "env.state", ST_F64, t->env.state.bytes,
		t->env.ops->state_size / sizeof(double));
	add_i64(l, "env.elapsed_steps", &t->env.elapsed_steps);
	add_list(l, "env.rng", ST_U64, &t->env_rng, 4);
	add_table(l, "stream", ST_U64, t->stream, N_STREAMS, 4);
	add_list(l, "obs", ST_F32, t->obs, (size_t)t->env.ops->obs_dim);

	add_int(l, "phase", &t->phase);
	add_i64(l, "updates_due", &t->updates_due);
	add_i64(l, "timesteps", &t->timesteps);
	add_i64(l, "episodes", &t->episodes);
	add_real(l, "episode_return", &t->episode_return);
	add_i64(l, "episode_length", &t->episode_length);
	add_list(l, "window.return", ST_F64, t->window.episode_return, STATS_WINDOW);
	add_list(l, "window.length", ST_I64, t->window.length, STATS_WINDOW);
	add_real(l, "sum.loss", &t->sum.loss);
	add_real(l, "sum.q_mean", &t->sum.q_mean);
	add_real(l, "sum.grad_norm", &t->sum.grad_norm);
	add_i64(l, "n_sum", &t->n_sum);
	add_list(l, "diagnostics", ST_F64, &t->diagnostics, 7);
	add_bool(l, "diagnosed", &t->diagnosed);
	add_real(l, "first_q", &t->first_q);
	add_real(l, "first_mean", &t->first_mean);
	add_real(l, "best_mean", &t->best_mean);
	add_real(l, "best_std", &t->best_std);
	add_bool(l, "has_mean", &t->has_mean);
	add_int(l, "warning", &t->warning);

	add_bool(l, "has_best", &t->has_best);
	add_i64(l, "best_row.timesteps", &t->best_row.timesteps);
	add_u64(l, "best_row.n_updates", &t->best_row.n_updates);
	add_i64(l, "best_row.n_episodes", &t->best_row.stats.n_episodes);
	add_real(l, "best_row.return_mean", &t->best_row.stats.return_mean);
	add_real(l, "best_row.return_std", &t->best_row.stats.return_std);
	add_real(l, "best_row.return_min", &t->best_row.stats.return_min);
	add_real(l, "best_row.return_max", &t->best_row.stats.return_max);
	add_real(l, "best_row.length_mean", &t->best_row.stats.length_mean);
	add_bool(l, "best_row.is_best", &t->best_row.is_best);
	add_bool(l, "stopped", &t->stopped);
	add_list(l, "eval_state", ST_F64, &t->eval_state, 7);
	add_list(l, "stop_state", ST_F64, &t->stop_state, 7);
	add_list(l, "final_state", ST_F64, &t->final_state, 7);
	add_list(l, "final_returns", ST_F64, t->final_returns,
		(size_t)t->config.final_eval_episodes);

	add_list(l, "log_size", ST_I64, m->log_size, N_LOGS);
	add_real(l, "wall_s", &m->wall_s);
}

/* Wide values first, so that each is aligned in the file. */
static void list_parts(struct parts *l, struct train *t, struct marks *m)
{
	l->n = 0;
	for (l->width = 8; l->width > 0; l->width /= 2)
		visit(l, t, m);
}

static size_t data_size(const struct parts *l)
{
	size_t n = 0;
	for (int i = 0; i < l->n; i++)
		n += st_tensor_size(&l->tensor[i]);
	return n;
}

uint64_t checkpoint_max_size(const struct train *t)
{
	struct train full = *t;
	struct marks marks;
	static struct parts parts; /* too much for a small stack, here and below */
	full.replay.count = full.replay.buffer_size;
	list_parts(&parts, &full, &marks);
	return CHECKPOINT_BUFFER_MIN + data_size(&parts);
}

/* --- writing --- */

/* Begins the checksum as well. */
static size_t build_header(struct parts *l, const struct train *t, char *buf, size_t size,
	size_t *checksum, struct st_hash *hash)
{
	static char config[CONFIG_SIZE];
	char steps[32];
	struct text text;
	text_init(&text, config, sizeof(config));
	config_print_deciding(&t->config, &text);
	assert(!text.full);
	text_init(&text, steps, sizeof(steps));
	text_add(&text, "%" PRId64, t->timesteps);
	const struct st_metadata metadata[] = {
		{ "format", CHECKPOINT_FORMAT },
		{ "format_version", CHECKPOINT_FORMAT_VERSION },
		{ "timesteps", steps },
		{ "config", config },
	};
	const int n_metadata = sizeof(metadata) / sizeof(metadata[0]);
	const size_t n =
		st_build_header(l->tensor, l->n, metadata, n_metadata, buf, size, checksum);
	assert(n > 0);
	st_hash_begin(hash, l->tensor, l->n, metadata, n_metadata);
	return n;
}

struct output {
	struct file_writer file;
	struct st_hash hash;
	char *buf;
	size_t size, used;
};

static bool flush(struct output *out, struct err *e)
{
	st_hash_add(&out->hash, out->buf, out->used);
	const bool ok = file_add(&out->file, out->buf, out->used, e);
	out->used = 0;
	return ok;
}

static bool write_part(
	struct output *out, const struct st_tensor *t, const struct part *part, struct err *e)
{
	const uint64_t size_value = part->is_size ? *(size_t *)part->p : 0;
	const char *p = part->is_size ? (const char *)&size_value : part->p;
	const size_t width = st_value_size(t->type);
	for (size_t left = t->n_values; left > 0;) {
		const size_t room = (out->size - out->used) / width;
		const size_t n = left < room ? left : room;
		st_encode(t->type, p, n, (unsigned char *)out->buf + out->used);
		out->used += n * width;
		p += n * width;
		left -= n;
		if (left > 0 && !flush(out, e))
			return false;
	}
	return true;
}

bool checkpoint_save(const struct dir *d, const char *name, const char *previous, struct train *t,
	const struct marks *marks, char *buf, size_t size, struct err *e)
{
	struct marks m = *marks;
	static struct parts parts;
	struct output out = { .buf = buf, .size = size };
	size_t checksum, header_len;
	assert(size >= CHECKPOINT_BUFFER_MIN);
	train_diagnose(t);
	list_parts(&parts, t, &m);
	header_len = build_header(&parts, t, buf, CHECKPOINT_BUFFER_MIN, &checksum, &out.hash);
	bool ok = file_begin(&out.file, d, name, e) && file_add(&out.file, buf, header_len, e);
	for (int i = 0; ok && i < parts.n; i++)
		ok = write_part(&out, &parts.tensor[i], &parts.part[i], e);
	ok = ok && flush(&out, e);
	if (ok) {
		char hash[SHA256_HEX_SIZE];
		st_hash_end(&out.hash, hash);
		ok = file_patch(&out.file, checksum, hash, SHA256_HEX_SIZE - 1, e);
	}
	return file_end(&out.file, ok, previous, e);
}

/* --- reading --- */

struct input {
	const char *name;
	int fd;                 /* or -1: */
	const unsigned char *p; /* the next byte in memory */
	uint64_t left;          /* bytes that are still to be read */
};

static bool take(struct input *in, void *data, size_t n, struct err *e)
{
	if (n > in->left)
		return err_set(e, ERR_CORRUPT, "'%.300s' ends too early", in->name);
	in->left -= n;
	if (in->fd >= 0)
		return file_read_exactly(in->fd, in->name, data, n, e);
	memcpy(data, in->p, n);
	in->p += n;
	return true;
}

static bool corrupt(const struct input *in, struct err *e, const char *what, const char *subject)
{
	return err_set(e, ERR_CORRUPT, "'%.300s': %s%s%s", in->name, what, subject ? " " : "",
		subject ? subject : "");
}

/* What a reader that knows no file name says of it. */
static bool refused(const struct input *in, struct err *e, const struct err *why)
{
	return err_set(e, why->kind, "'%.300s': %s", in->name, why->msg);
}

static bool damaged(const struct input *in, struct err *e)
{
	return corrupt(in, e, "the file does not match its checksum", NULL);
}

/* The header, in buf. Why it is refused is the message of a reader that knows no
 * file name. */
static bool read_header(struct input *in, struct st_file *st, char *buf, size_t size, struct err *e)
{
	size_t header_len;
	struct err why;
	const uint64_t len = in->left;
	if (len < ST_LENGTH_BYTES)
		return corrupt(in, e, "too short for a checkpoint", NULL);
	if (!take(in, buf, ST_LENGTH_BYTES, e))
		return false;
	if (!st_header_len((const unsigned char *)buf, len, &header_len, &why))
		return refused(in, e, &why);
	if (header_len > size || len - header_len > SIZE_MAX)
		return corrupt(in, e, "too large a header for a checkpoint", NULL);
	if (!take(in, buf + ST_LENGTH_BYTES, header_len - ST_LENGTH_BYTES, e))
		return false;
	if (!st_parse_header(st, buf, header_len, (size_t)in->left, &why))
		return refused(in, e, &why);
	return true;
}

/* It must be a checkpoint, of this version and of this configuration. */
static bool check_metadata(
	const struct input *in, const struct st_file *st, const struct config *c, struct err *e)
{
	const char *value = st_metadata_get(st, "format");
	if (!st->checksum || !value || strcmp(value, CHECKPOINT_FORMAT) != 0)
		return corrupt(in, e, "not a checkpoint", NULL);
	value = st_metadata_get(st, "format_version");
	if (!value || strcmp(value, CHECKPOINT_FORMAT_VERSION) != 0)
		return corrupt(in, e, "its format_version is not the one known here,",
			CHECKPOINT_FORMAT_VERSION);
	return config_check_same(c, ERR_BUSY, in->name, st_metadata_get(st, "config"), e);
}

/* The file must hold just what would be written, in any order, as another program may have
 * written it again: *l becomes that of the file's data. How full the replay buffer is,
 * its own tensors say. */
static bool match_parts(const struct input *in, const struct st_file *st, struct parts *l,
	struct train *t, struct marks *m, struct err *e)
{
	t->replay.count = 0;
	for (int i = 0; i < st->n_tensors; i++)
		if (strcmp(st->tensor[i].name, "replay.reward") == 0)
			t->replay.count = st->tensor[i].n_values;
	if (t->replay.count > t->replay.buffer_size)
		return corrupt(in, e, "too many transitions in the replay buffer", NULL);
	list_parts(l, t, m);
	if (st->n_tensors != l->n)
		return corrupt(in, e, "not the tensors of such a run", NULL);
	for (int i = 0; i < l->n; i++) {
		struct st_tensor *want = &l->tensor[i];
		const struct st_tensor *got = st->tensor, *end = got + st->n_tensors;
		while (got < end && strcmp(got->name, want->name) != 0)
			got++;
		if (got == end || got->type != want->type || got->n_dims != want->n_dims ||
			got->n_values != want->n_values ||
			memcmp(got->shape, want->shape, sizeof(got->shape)) != 0)
			return corrupt(in, e, "missing or of another shape:", want->name);
		want->offset = got->offset;
	}
	for (int i = 1; i < l->n; i++) /* by offset; nearly always they are */
		for (int k = i; k > 0 && l->tensor[k].offset < l->tensor[k - 1].offset; k--) {
			const struct st_tensor tensor = l->tensor[k];
			const struct part part = l->part[k];
			l->tensor[k] = l->tensor[k - 1];
			l->part[k] = l->part[k - 1];
			l->tensor[k - 1] = tensor;
			l->part[k - 1] = part;
		}
	return true;
}

static bool read_part(struct input *in, struct st_hash *hash, const struct st_tensor *t,
	const struct part *part, char *buf, size_t size, struct err *e)
{
	uint64_t size_value = 0;
	uint8_t bool_value = 0;
	char *p = part->is_size   ? (char *)&size_value
		  : part->is_bool ? (char *)&bool_value
				  : part->p;
	const size_t width = st_value_size(t->type), room = size / width;
	for (size_t left = t->n_values; left > 0;) {
		const size_t n = left < room ? left : room;
		if (!take(in, buf, n * width, e))
			return false;
		st_hash_add(hash, buf, n * width);
		st_decode(t->type, (const unsigned char *)buf, n, p);
		p += n * width;
		left -= n;
	}
	if (part->is_size && size_value > SIZE_MAX)
		return corrupt(in, e, "out of range:", t->name);
	if (part->is_bool && bool_value > 1)
		return corrupt(in, e, "neither 0 nor 1:", t->name);
	if (part->is_size)
		*(size_t *)part->p = (size_t)size_value;
	if (part->is_bool)
		*(bool *)part->p = bool_value;
	return true;
}

static bool in_range(int64_t x, int64_t low, int64_t high)
{
	return x >= low && x <= high;
}

static bool is_odd(const struct rng *r)
{
	return r->inc[0] & 1;
}

/* Whether an evaluation of up to n_most episodes can be under way like that. */
static bool check_evaluation(const struct evaluation *ev, int64_t n_most)
{
	const double values[] = { ev->n, ev->return_sum, ev->length_sum, ev->mean, ev->squares,
		ev->return_min, ev->return_max };
	bool ok =
		ev->n >= 0 && ev->n <= (double)n_most && ev->n == floor(ev->n) && ev->squares >= 0;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		ok = ok && isfinite(values[i]);
	return ok;
}

/* What a run can be in; derived values are made anew. The checksum has matched, so
 * that this is about files that were made to harm. */
static bool check_state(
	const struct input *in, struct train *t, const struct marks *m, struct err *e)
{
	const struct config *c = &t->config;
	const struct agent *a = &t->agent;
	const struct kernels *k = a->policy.k;
	const size_t n = a->policy.net.n_params;
	const int64_t most_due = c->gradient_steps < 0 ? c->train_freq : c->gradient_steps;
	bool odd = is_odd(&t->env_rng), sizes = true, window = true, returns = true;
	for (int i = 0; i < N_STREAMS; i++)
		odd = odd && is_odd(&t->stream[i]);
	for (int i = 0; i < N_LOGS; i++)
		sizes = sizes && m->log_size[i] >= 0;
	for (int i = 0; i < STATS_WINDOW; i++)
		window = window && in_range(t->window.length[i], 0, t->timesteps) &&
			 isfinite(t->window.episode_return[i]);
	for (int64_t i = 0; i < c->final_eval_episodes; i++)
		returns = returns && isfinite(t->final_returns[i]);
	const struct {
		bool ok;
		const char *what;
	} checks[] = {
		{ isfinite(k->sum_squares(n, a->online)) && isfinite(k->sum_squares(n, a->target)),
			"the weights" },
		{ isfinite(k->sum_squares(n, a->m)) && isfinite(k->sum_squares(n, a->v)),
			"the moments of Adam" },
		{ isfinite(k->sum_squares(n, t->best)), "the best weights" },
		{ isfinite(k->sum_squares(n, a->average)), "the average weights" },
		{ a->adam.beta1_t >= 0 && a->adam.beta1_t <= 1 && a->adam.beta2_t >= 0 &&
				a->adam.beta2_t <= 1 && (a->adam.t == 0) == !t->diagnosed,
			"the steps of Adam" },
		{ replay_restore(&t->replay, t->env.ops->n_actions), "the replay buffer" },
		{ env_restore(&t->env), "the environment" },
		{ odd, "a generator" },
		{ in_range(t->timesteps, 0, c->total_timesteps) &&
				(t->replay.count > 0 || t->timesteps == 0) &&
				in_range(t->episodes, 0, t->timesteps) &&
				in_range(t->episode_length, 0, t->timesteps),
			"the counters" },
		{ in_range(t->phase, 0, N_PHASES - 1) && in_range(t->updates_due, 0, most_due) &&
				(t->phase == PHASE_COLLECT || t->timesteps > 0) &&
				(t->phase == PHASE_LEARN || t->updates_due == 0),
			"the phase" },
		{ window && in_range(t->warning, 0, N_WARNINGS - 1) &&
				in_range(t->n_sum, 0, INT64_MAX / 2), /* it will grow */
			"the statistics" },
		{ in_range(t->best_row.timesteps, 0, t->timesteps), "the best evaluation" },
		{ check_evaluation(&t->eval_state, c->eval_episodes) &&
				check_evaluation(&t->stop_state, c->stop_episodes) &&
				check_evaluation(&t->final_state, c->final_eval_episodes) &&
				(t->phase == PHASE_REPORT ||
					(t->eval_state.n == 0 && t->stop_state.n == 0)) &&
				(t->final_state.n == 0 || train_is_finished(t)) && returns,
			"an evaluation" },
		{ sizes && isfinite(m->wall_s) && m->wall_s >= 0, "the logs" },
	};
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (!checks[i].ok)
			return corrupt(in, e, "no run can be in such a state:", checks[i].what);
	return true;
}

/* A file that says to be something else may just be damaged: it is not if its checksum
 * is right, or if it is larger than ours can be. */
static bool rest_matches(
	struct input *in, const struct st_file *st, struct st_hash *hash, char *buf, size_t size)
{
	struct err ignored;
	while (in->left > 0) {
		const size_t n = in->left < size ? (size_t)in->left : size;
		if (!take(in, buf, n, &ignored))
			return false;
		st_hash_add(hash, buf, n);
	}
	return st_hash_check(hash, st, &ignored);
}

static bool read_rest(struct input *in, const struct st_file *st, struct train *t, struct marks *m,
	char *buf, size_t size, struct err *e)
{
	static struct parts parts;
	struct st_hash hash;
	struct err why;
	if (st->checksum)
		st_hash_begin_file(&hash, st); /* before buf is used again */
	if (!check_metadata(in, st, &t->config, e)) {
		if (st->checksum && in->left <= checkpoint_max_size(t) &&
			!rest_matches(in, st, &hash, buf, size))
			return damaged(in, e);
		return false;
	}
	if (!match_parts(in, st, &parts, t, m, e))
		return false;
	for (int i = 0; i < parts.n; i++)
		if (!read_part(in, &hash, &parts.tensor[i], &parts.part[i], buf, size, e))
			return false;
	if (!st_hash_check(&hash, st, &why))
		return refused(in, e, &why);
	return check_state(in, t, m, e);
}

static bool read_all(
	struct input *in, struct train *t, struct marks *m, char *buf, size_t size, struct err *e)
{
	struct st_file st;
	assert(size >= CHECKPOINT_BUFFER_MIN);
	if (!read_header(in, &st, buf, size, e))
		return false;
	const bool ok = read_rest(in, &st, t, m, buf, size, e);
	st_release(&st);
	return ok;
}

bool checkpoint_load(const struct dir *d, const char *name, struct train *t, struct marks *marks,
	char *buf, size_t size, struct err *e)
{
	char path[FILE_PATH_SIZE];
	struct input in = { .name = dir_path(d, name, path) };
	if (!file_open(d, name, &in.fd, &in.left, e))
		return false;
	const bool ok = read_all(&in, t, marks, buf, size, e);
	close(in.fd);
	return ok;
}

bool checkpoint_parse(const char *name, const void *bytes, size_t len, struct train *t,
	struct marks *marks, char *buf, size_t size, struct err *e)
{
	struct input in = { .name = name, .fd = -1, .p = bytes, .left = len };
	return read_all(&in, t, marks, buf, size, e);
}
