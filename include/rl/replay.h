/* The replay buffer: a ring of transitions and n-step samples from it, uniform or
 * prioritized (Schaul et al., 2016).
 *
 *     replay_init(&r, buffer_size, obs_dim, mask_dim, &per, &e);  // per NULL: uniform
 *     replay_push(&r, obs, mask, action, reward, next_obs, next_mask, terminated, truncated);
 *     batch_init(&b, batch_size, obs_dim, mask_dim, &e);
 *     replay_sample(&r, &rng, n_steps, gamma, beta, &b);
 *     replay_update_priorities(&r, &b, td_error);               // prioritized only
 *     replay_release(&r);  batch_release(&b);
 *
 * next_obs is stored with every transition, so the final observation of an
 * episode needs no extra slot. Transitions of one episode are in
 * consecutive slots; the oldest is overwritten once buffer_size are stored.
 * Nothing grows after _init.
 *
 * mask_dim is the number of actions where the environment has action masks (rl/policy.h),
 * 0 where it has none: then nothing is stored for them, and all masks are NULL.
 */
#ifndef DQN_RL_REPLAY_H
#define DQN_RL_REPLAY_H

#include "base/err.h"
#include "base/rng.h"
#include "rl/sum_tree.h"

#include <stddef.h>
#include <stdint.h>

struct per_opts {     /* prioritized experience replay, proportional variant */
	double alpha; /* in [0, 1]: priority^alpha, 0 is uniform */
	double eps;   /* > 0, added to every |TD error| */
};

struct replay {
	size_t buffer_size; /* slots */
	size_t obs_dim, mask_dim;
	size_t mask_bytes; /* (mask_dim + 7) / 8: action a is bit a % 8 of byte a / 8 */
	size_t count;      /* slots in use, <= buffer_size */
	uint64_t next;     /* the slot that the next push writes */

	/* A transition is a row of words and a row of bytes, since its parts are read together: in
	 * a large buffer each lies in few lines of memory. */
	size_t n_words;      /* of a row: obs of slot i begins at obs[i * n_words] */
	float *obs;          /* (obs_dim) */
	float *next_obs;     /* (obs_dim) */
	float *reward;       /* (1) */
	int32_t *action;     /* (1) */
	size_t n_bytes;      /* of a row: terminated[i * n_bytes] */
	uint8_t *terminated; /* (1) 0 or 1 */
	uint8_t *truncated;  /* (1) 0 or 1 */
	uint8_t *masks;      /* (mask_bytes) of obs */
	uint8_t *next_masks; /* (mask_bytes) of next_obs */

	size_t n_terminated; /* of the transitions in use */

	bool prioritized;
	struct per_opts per;
	double max_priority;          /* the largest |TD error| + eps so far, 1 at the start */
	double new_max, new_priority; /* the max_priority of the last push, and that to alpha */
	struct sum_tree tree;         /* priority^alpha of each slot */
};

/* A minibatch of n-step transitions. */
struct batch {
	size_t size, obs_dim, mask_dim;
	float *obs;         /* (size, obs_dim) s_t */
	float *next_obs;    /* (size, obs_dim) s_{t+k} */
	float *reward;      /* (size) r_t + gamma r_{t+1} + ... + gamma^{k-1} r_{t+k-1} */
	float *discount;    /* (size) gamma^k, or 0 if s_{t+k} is terminal */
	float *weight;      /* (size) importance, largest 1; all 1 if uniform */
	int32_t *action;    /* (size) a_t */
	uint32_t *slot;     /* (size) where the transition lies in the buffer */
	uint8_t *mask;      /* (size, mask_dim) of s_t, 0 or 1 */
	uint8_t *next_mask; /* (size, mask_dim) of s_{t+k} */
	uint8_t *mirrored;  /* (size) 0 or 1: batch_mirror */
};

/* Bytes that _init allocates; UINT64_MAX if the count overflows. */
uint64_t replay_bytes(uint64_t buffer_size, size_t obs_dim, size_t mask_dim, bool prioritized);

/* buffer_size in 1..2^31; per NULL samples uniformly. Fails (ERR_RUN) if there is
 * not enough memory. */
bool replay_init(struct replay *r, size_t buffer_size, size_t obs_dim, size_t mask_dim, const struct per_opts *per,
	struct err *e);
void replay_release(struct replay *r);

/* Stores one transition over the oldest, with the largest priority so far. next_obs and
 * next_mask are what the step returned, at an episode's end too. */
void replay_push(struct replay *r, const float *obs, const uint8_t *mask, int action, float reward,
	const float *next_obs, const uint8_t *next_mask, bool terminated, bool truncated);

/* What follows does not belong to the episode of the newest transition, if there is one: no return
 * goes beyond it. It counts as truncated, unless it terminated. */
void replay_cut(struct replay *r);

/* After count, next, max_priority and the arrays (with the leaves of the tree) were read
 * from a file: false if no buffer can hold them; else computes what follows from them.
 * Masks may have any bits. */
bool replay_restore(struct replay *r, int n_actions);

/* Bytes that batch_init allocates; UINT64_MAX if the count overflows. */
uint64_t batch_bytes(size_t size, size_t obs_dim, size_t mask_dim);

bool batch_init(struct batch *b, size_t size, size_t obs_dim, size_t mask_dim, struct err *e);
void batch_release(struct batch *b);

/* Fills the batch with b->size transitions; the buffer holds at least one.
 *   uniform      with replacement, one rng_below(count) each
 *   prioritized  stratified: the total of priority^alpha in b->size equal ranges,
 *                one rng_double in each; weight = (N P)^-beta / the batch's largest
 * Each is n_steps long, but ends after the first terminated or truncated step and at
 * the newest stored one; it is discounted by its actual length
 * (SB3's NStepReplayBuffer). Sums in double, in the order of time. */
void replay_sample(const struct replay *r, struct rng *rng, int n_steps, double gamma, double beta, struct batch *b);

/* Mirrors each transition of the batch with probability 1/2: obs and next_obs times signs
 * (obs_dim), each 1 or -1, action a becomes n_actions - 1 - a, masks are reversed. 64 rows take one
 * rng_u64. In an environment that is its own mirror image this is a transition as good as the
 * one that was stored (the duplicated tuples of Abdolhosseini et al., 2019, one at a time). */
void batch_mirror(struct batch *b, struct rng *rng, const float *signs, int n_actions);

/* Sets the priorities of the batch's slots to |td_error| (size) + eps, in order:
 * of a slot drawn twice the last one counts. Does nothing if uniform. */
void replay_update_priorities(struct replay *r, const struct batch *b, const float *td_error);

#endif
