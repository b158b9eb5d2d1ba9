#include "rl/replay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

uint64_t replay_bytes(uint64_t buffer_size, size_t obs_dim)
{
	const uint64_t slot = 2 * obs_dim * sizeof(float) + sizeof(float) + sizeof(int32_t) + 2;
	return buffer_size > UINT64_MAX / slot ? UINT64_MAX : buffer_size * slot;
}

bool replay_init(struct replay *r, size_t buffer_size, size_t obs_dim, struct err *e)
{
	assert(buffer_size >= 1 && obs_dim >= 1);
	const uint64_t bytes = replay_bytes(buffer_size, obs_dim);
	float *p = bytes <= SIZE_MAX ? malloc((size_t)bytes) : NULL;
	if (!p)
		return err_set(e, ERR_RUN,
			"out of memory: buffer_size = %zu needs %llu bytes for the replay buffer",
			buffer_size, (unsigned long long)bytes);
	/* Read before written only by a bug; the same bytes then all the same. */
	memset(p, 0, (size_t)bytes);
	*r = (struct replay){ .buffer_size = buffer_size, .obs_dim = obs_dim };
	r->obs = p;
	r->next_obs = r->obs + buffer_size * obs_dim;
	r->reward = r->next_obs + buffer_size * obs_dim;
	r->action = (int32_t *)(void *)(r->reward + buffer_size);
	r->terminated = (uint8_t *)(r->action + buffer_size);
	r->truncated = r->terminated + buffer_size;
	return true;
}

void replay_release(struct replay *r)
{
	free(r->obs);
	*r = (struct replay){ 0 };
}

void replay_push(struct replay *r, const float *obs, int action, float reward,
	const float *next_obs, bool terminated, bool truncated)
{
	const size_t i = r->next;
	memcpy(r->obs + i * r->obs_dim, obs, r->obs_dim * sizeof(float));
	memcpy(r->next_obs + i * r->obs_dim, next_obs, r->obs_dim * sizeof(float));
	r->action[i] = action;
	r->reward[i] = reward;
	r->terminated[i] = terminated;
	r->truncated[i] = truncated;
	r->next = i + 1 < r->buffer_size ? i + 1 : 0;
	r->count += r->count < r->buffer_size;
}

uint64_t batch_bytes(size_t size, size_t obs_dim)
{
	const uint64_t row = (2 * obs_dim + 2) * sizeof(float) + sizeof(int32_t);
	return size > UINT64_MAX / row ? UINT64_MAX : size * row;
}

bool batch_init(struct batch *b, size_t size, size_t obs_dim, struct err *e)
{
	assert(size >= 1 && obs_dim >= 1);
	*b = (struct batch){ .size = size, .obs_dim = obs_dim };
	const uint64_t bytes = batch_bytes(size, obs_dim);
	b->obs = bytes <= SIZE_MAX ? calloc(1, (size_t)bytes) : NULL;
	if (!b->obs)
		return err_set(e, ERR_RUN, "out of memory for a minibatch of %zu", size);
	b->next_obs = b->obs + size * obs_dim;
	b->reward = b->next_obs + size * obs_dim;
	b->discount = b->reward + size;
	b->action = (int32_t *)(void *)(b->discount + size);
	return true;
}

void batch_release(struct batch *b)
{
	free(b->obs);
	*b = (struct batch){ 0 };
}

void replay_sample(
	const struct replay *r, struct rng *rng, int n_steps, double gamma, struct batch *b)
{
	assert(r->count > 0 && n_steps >= 1 && b->obs_dim == r->obs_dim);
	const size_t newest = r->next > 0 ? r->next - 1 : r->buffer_size - 1;
	for (size_t row = 0; row < b->size; row++) {
		const size_t first = (size_t)rng_below(rng, r->count);
		size_t last = first;
		double reward = r->reward[first], discount = gamma;
		for (int k = 1; k < n_steps; k++) {
			if (r->terminated[last] || r->truncated[last] || last == newest)
				break;
			last = last + 1 < r->buffer_size ? last + 1 : 0;
			reward += discount * r->reward[last];
			discount *= gamma;
		}
		memcpy(b->obs + row * b->obs_dim, r->obs + first * r->obs_dim,
			b->obs_dim * sizeof(float));
		memcpy(b->next_obs + row * b->obs_dim, r->next_obs + last * r->obs_dim,
			b->obs_dim * sizeof(float));
		b->action[row] = r->action[first];
		b->reward[row] = (float)reward;
		b->discount[row] = r->terminated[last] ? 0 : (float)discount;
	}
}
