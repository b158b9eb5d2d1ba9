#include "rl/replay.h"

#include "base/memory.h"
#include "base/pmath.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t bits_bytes(size_t n)
{
	return (n + 7) / 8;
}

static uint64_t ring_bytes(uint64_t buffer_size, size_t obs_dim, size_t mask_dim)
{
	const uint64_t slot =
		2 * obs_dim * sizeof(float) + sizeof(float) + sizeof(int32_t) + 2 + 2 * bits_bytes(mask_dim);
	return buffer_size > UINT64_MAX / slot ? UINT64_MAX : buffer_size * slot;
}

uint64_t replay_bytes(uint64_t buffer_size, size_t obs_dim, size_t mask_dim, bool prioritized)
{
	const uint64_t ring = ring_bytes(buffer_size, obs_dim, mask_dim);
	const uint64_t tree = prioritized ? sum_tree_bytes(buffer_size) : 0;
	return tree > UINT64_MAX - ring ? UINT64_MAX : ring + tree;
}

bool replay_init(struct replay *r, size_t buffer_size, size_t obs_dim, size_t mask_dim, const struct per_opts *per,
	struct err *e)
{
	assert(buffer_size >= 1 && obs_dim >= 1);
	*r = (struct replay){
		.buffer_size = buffer_size, .obs_dim = obs_dim, .mask_dim = mask_dim, .mask_bytes = bits_bytes(mask_dim)
	};
	const uint64_t bytes = ring_bytes(buffer_size, obs_dim, mask_dim);
	r->obs = memory_zeroed(bytes);
	if (!r->obs)
		return err_set(e, ERR_RUN, "out of memory: buffer_size = %zu needs %llu bytes for the replay buffer",
			buffer_size, (unsigned long long)bytes);
	r->n_words = 2 * obs_dim + 2;
	r->next_obs = r->obs + obs_dim;
	r->reward = r->next_obs + obs_dim;
	r->action = (int32_t *)(void *)(r->reward + 1);
	r->n_bytes = 2 + 2 * r->mask_bytes;
	r->terminated = (uint8_t *)(r->obs + buffer_size * r->n_words);
	r->truncated = r->terminated + 1;
	if (mask_dim > 0) {
		r->masks = r->truncated + 1;
		r->next_masks = r->masks + r->mask_bytes;
	}
	if (per) {
		r->prioritized = true;
		r->per = *per;
		r->max_priority = 1;
		if (!sum_tree_init(&r->tree, buffer_size, e)) {
			replay_release(r);
			return false;
		}
	}
	return true;
}

void replay_release(struct replay *r)
{
	free(r->obs);
	sum_tree_release(&r->tree);
	*r = (struct replay){ 0 };
}

static size_t at_most(size_t n, size_t most)
{
	return n < most ? n : most;
}

/* max_priority^alpha, computed once for each max_priority */
static double priority_of_new(struct replay *r)
{
	if (r->new_max != r->max_priority) {
		r->new_max = r->new_priority = r->max_priority;
		pm_powers(1, r->per.alpha, &r->new_priority);
	}
	return r->new_priority;
}

/* A row of dim floats; few of them are sooner copied than memcpy called. */
static inline void copy_obs(size_t dim, const float *from, float *to)
{
	if (dim == 4)
		memcpy(to, from, 4 * sizeof(float)); /* one instruction */
	else if (dim > 8)
		memcpy(to, from, dim * sizeof(float));
	else
		for (size_t i = 0; i < dim; i++)
			to[i] = from[i];
}

/* bits (bits_bytes(n)) = mask (n), and back; the first action is the lowest bit. */
static void pack_mask(size_t n, const uint8_t *mask, uint8_t *bits)
{
	memset(bits, 0, bits_bytes(n));
	for (size_t i = 0; i < n; i++)
		bits[i / 8] |= (uint8_t)(mask[i] << i % 8);
}

static void unpack_mask(size_t n, const uint8_t *bits, uint8_t *mask)
{
	for (size_t i = 0; i < n; i++)
		mask[i] = bits[i / 8] >> i % 8 & 1;
}

void replay_push(struct replay *r, const float *obs, const uint8_t *mask, int action, float reward,
	const float *next_obs, const uint8_t *next_mask, bool terminated, bool truncated)
{
	const size_t i = (size_t)r->next, words = i * r->n_words, bytes = i * r->n_bytes;
	r->n_terminated -= r->terminated[bytes]; /* 0 where nothing was stored yet */
	r->n_terminated += terminated;
	copy_obs(r->obs_dim, obs, r->obs + words);
	copy_obs(r->obs_dim, next_obs, r->next_obs + words);
	r->action[words] = action;
	r->reward[words] = reward;
	r->terminated[bytes] = terminated;
	r->truncated[bytes] = truncated;
	if (r->masks) {
		pack_mask(r->mask_dim, mask, r->masks + bytes);
		pack_mask(r->mask_dim, next_mask, r->next_masks + bytes);
	}
	if (r->prioritized)
		sum_tree_set(&r->tree, i, priority_of_new(r));
	r->next = i + 1 < r->buffer_size ? i + 1 : 0;
	r->count += r->count < r->buffer_size;
}

void replay_cut(struct replay *r)
{
	const size_t newest = (size_t)(r->next > 0 ? r->next : r->buffer_size) - 1;
	if (r->count > 0 && !r->terminated[newest * r->n_bytes])
		r->truncated[newest * r->n_bytes] = 1;
}

bool replay_restore(struct replay *r, int n_actions)
{
	/* Priorities are |TD error| + eps to a power in [0, 1], in float and above 0. */
	const double smallest = 1e-11, largest = 1e39;
	const size_t n = r->count;
	if (n > r->buffer_size || r->next >= r->buffer_size || (n < r->buffer_size && r->next != n))
		return false;
	r->n_terminated = 0;
	for (size_t i = 0; i < n; i++) {
		const int32_t action = r->action[i * r->n_words];
		const uint8_t terminated = r->terminated[i * r->n_bytes], truncated = r->truncated[i * r->n_bytes];
		if (action < 0 || action >= n_actions || terminated > 1 || truncated > 1)
			return false;
		r->n_terminated += terminated;
	}
	memset(r->terminated + n * r->n_bytes, 0, (r->buffer_size - n) * r->n_bytes);
	if (!r->prioritized)
		return true;
	for (size_t i = 0; i < n; i++) {
		const double p = sum_tree_get(&r->tree, i);
		if (!(p >= smallest && p <= largest))
			return false;
	}
	sum_tree_rebuild(&r->tree, n);
	return r->max_priority >= smallest && r->max_priority <= largest;
}

uint64_t batch_bytes(size_t size, size_t obs_dim, size_t mask_dim)
{
	const uint64_t row = (2 * obs_dim + 3) * sizeof(float) + sizeof(int32_t) + sizeof(uint32_t) + 2 * mask_dim + 1;
	return size > UINT64_MAX / row ? UINT64_MAX : size * row;
}

bool batch_init(struct batch *b, size_t size, size_t obs_dim, size_t mask_dim, struct err *e)
{
	assert(size >= 1 && obs_dim >= 1);
	*b = (struct batch){ .size = size, .obs_dim = obs_dim, .mask_dim = mask_dim };
	const uint64_t bytes = batch_bytes(size, obs_dim, mask_dim);
	b->obs = memory_zeroed(bytes);
	if (!b->obs)
		return err_set(e, ERR_RUN, "out of memory for a minibatch of %zu", size);
	b->next_obs = b->obs + size * obs_dim;
	b->reward = b->next_obs + size * obs_dim;
	b->discount = b->reward + size;
	b->weight = b->discount + size;
	b->action = (int32_t *)(void *)(b->weight + size);
	b->slot = (uint32_t *)(b->action + size);
	b->mirrored = (uint8_t *)(b->slot + size);
	if (mask_dim > 0) {
		b->mask = b->mirrored + size;
		b->next_mask = b->mask + size * mask_dim;
	}
	for (size_t i = 0; i < size; i++)
		b->weight[i] = 1;
	return true;
}

void batch_release(struct batch *b)
{
	free(b->obs);
	*b = (struct batch){ 0 };
}

/* b->slot and b->weight, by priority */
static void draw_prioritized(const struct replay *r, struct rng *rng, double beta, struct batch *b)
{
	const double total = sum_tree_total(&r->tree), size = (double)b->size;
	double smallest = total; /* of the drawn priorities; its weight is the largest */
	double x[SUM_TREE_MANY];
	for (size_t row = 0, n; row < b->size; row += n) {
		n = at_most(b->size - row, SUM_TREE_MANY);
		for (size_t j = 0; j < n; j++)
			x[j] = ((double)(row + j) + rng_double(rng)) / size * total;
		sum_tree_find_many(&r->tree, n, x, b->slot + row);
		for (size_t j = 0; j < n; j++) {
			const double p = sum_tree_get(&r->tree, b->slot[row + j]);
			smallest = p < smallest ? p : smallest;
		}
	}
	/* (N P_i)^-beta / max = (P_i / P_min)^-beta */
	for (size_t row = 0, n; row < b->size; row += n) {
		n = at_most(b->size - row, SUM_TREE_MANY);
		for (size_t j = 0; j < n; j++)
			x[j] = sum_tree_get(&r->tree, b->slot[row + j]) / smallest;
		pm_powers(n, -beta, x);
		for (size_t j = 0; j < n; j++)
			b->weight[row + j] = (float)x[j];
	}
}

static void draw_uniform(const struct replay *r, struct rng *rng, struct batch *b)
{
	rng_below_many(rng, r->count, b->slot, b->size);
	for (size_t row = 0; row < b->size; row++)
		b->weight[row] = 1;
}

struct n_steps { /* of a transition, from slot `first` to slot `last` */
	size_t first, last;
	double reward, discount;
};

static inline struct n_steps take_steps(const struct replay *r, size_t first, int n, double gamma)
{
	const size_t words = r->n_words, bytes = r->n_bytes;
	const size_t newest = r->next > 0 ? (size_t)r->next - 1 : r->buffer_size - 1;
	size_t last = first;
	double reward = r->reward[first * words], discount = gamma;
	for (int k = 1; k < n; k++) {
		if (r->terminated[last * bytes] || r->truncated[last * bytes] || last == newest)
			break;
		last = last + 1 < r->buffer_size ? last + 1 : 0;
		reward += discount * r->reward[last * words];
		discount *= gamma;
	}
	return (struct n_steps){ first, last, reward, r->terminated[last * bytes] ? 0 : discount };
}

static void sample_masks(const struct replay *r, int n_steps, struct batch *b)
{
	const size_t n = r->mask_dim;
	for (size_t row = 0; row < b->size; row++) {
		const struct n_steps s = take_steps(r, b->slot[row], n_steps, 1);
		unpack_mask(n, r->masks + s.first * r->n_bytes, b->mask + row * n);
		unpack_mask(n, r->next_masks + s.last * r->n_bytes, b->next_mask + row * n);
	}
}

void replay_sample(const struct replay *r, struct rng *rng, int n_steps, double gamma, double beta, struct batch *b)
{
	assert(r->count > 0 && n_steps >= 1);
	assert(b->obs_dim == r->obs_dim && b->mask_dim == r->mask_dim);
	if (r->prioritized)
		draw_prioritized(r, rng, beta, b);
	else
		draw_uniform(r, rng, b);
	/* Copies: the compiler then knows that no store of the loop changes them. */
	const struct replay from = *r;
	const struct batch to = *b;
	const size_t dim = from.obs_dim, words = from.n_words;
	for (size_t row = 0; row < to.size; row++) {
		const struct n_steps s = take_steps(&from, to.slot[row], n_steps, gamma);
		copy_obs(dim, from.obs + s.first * words, to.obs + row * dim);
		copy_obs(dim, from.next_obs + s.last * words, to.next_obs + row * dim);
		to.action[row] = from.action[s.first * words];
		to.reward[row] = (float)s.reward;
		to.discount[row] = (float)s.discount;
	}
	if (r->masks) /* apart: the loop above needs its registers */
		sample_masks(r, n_steps, b);
}

static void reverse(size_t n, uint8_t *x)
{
	for (size_t i = 0, j = n; i + 1 < j; i++) {
		const uint8_t first = x[i];
		x[i] = x[--j];
		x[j] = first;
	}
}

void batch_mirror(struct batch *b, struct rng *rng, const float *signs, int n_actions)
{
	const size_t dim = b->obs_dim;
	uint64_t bits = 0;
	for (size_t row = 0; row < b->size; row++, bits >>= 1) {
		bits = row % 64 == 0 ? rng_u64(rng) : bits;
		b->mirrored[row] = bits & 1;
		if (!b->mirrored[row])
			continue;
		for (size_t i = 0; i < dim; i++) {
			b->obs[row * dim + i] *= signs[i];
			b->next_obs[row * dim + i] *= signs[i];
		}
		b->action[row] = n_actions - 1 - b->action[row];
		if (b->mask_dim > 0) {
			reverse(b->mask_dim, b->mask + row * b->mask_dim);
			reverse(b->mask_dim, b->next_mask + row * b->mask_dim);
		}
	}
}

void replay_update_priorities(struct replay *r, const struct batch *b, const float *td_error)
{
	if (!r->prioritized)
		return;
	double x[SUM_TREE_MANY];
	for (size_t row = 0, n; row < b->size; row += n) {
		n = at_most(b->size - row, SUM_TREE_MANY);
		for (size_t j = 0; j < n; j++) {
			x[j] = fabs((double)td_error[row + j]) + r->per.eps;
			r->max_priority = x[j] > r->max_priority ? x[j] : r->max_priority;
		}
		pm_powers(n, r->per.alpha, x);
		sum_tree_set_many(&r->tree, n, b->slot + row, x);
	}
}
