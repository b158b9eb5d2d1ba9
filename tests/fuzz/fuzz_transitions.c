/* The reader of transitions: what it takes is sound, and printed and read again it is the same. */
#include "fuzz.h"
#include "run/transitions.h"
#include "../plain_envs.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 64, MOST = 60000 }; /* bytes: a pipe holds them */

static bool read_into(struct replay *r, const struct env_ops *ops, const void *data, size_t size)
{
	const struct transitions_opts o = { .ops = ops, .obs_scale = ones, .reward_scale = 1 };
	struct transitions_found found;
	struct err e;
	int fd[2];
	MUST(pipe(fd) == 0 && write(fd[1], data, size) == (ssize_t)size && close(fd[1]) == 0);
	MUST(replay_init(r, SLOTS, (size_t)ops->obs_dim, env_mask_dim(ops), NULL, &e));
	const bool ok = transitions_read(fd[0], "x", &o, r, &found, &e);
	close(fd[0]);
	MUST(ok || e.msg[0]);
	MUST(!ok || (found.n_stored == (int64_t)r->count && r->count > 0));
	return ok;
}

static void unpack(const uint8_t *bits, uint8_t mask[3])
{
	for (int i = 0; i < 3; i++)
		mask[i] = bits && (*bits >> i & 1);
}

/* Every transition as a line of its own. */
static void print(const struct replay *r, const struct env_ops *ops, struct text *t)
{
	transition_print_header(ops, false, t);
	for (size_t i = 0; i < r->count; i++) {
		const size_t words = i * r->n_words, bytes = i * r->n_bytes;
		const float *obs = r->obs + words, *next_obs = r->next_obs + words;
		uint8_t mask[3], next_mask[3];
		unpack(r->masks ? r->masks + bytes : NULL, mask);
		unpack(r->next_masks ? r->next_masks + bytes : NULL, next_mask);
		const struct transition tr = { .episode = 1,
			.step = (int64_t)i,
			.obs = obs,
			.next_obs = next_obs,
			.mask = mask,
			.next_mask = next_mask,
			.action = r->action[words],
			.result = { r->reward[words], r->terminated[bytes], r->truncated[bytes] } };
		MUST(tr.action >= 0 && tr.action < ops->n_actions && isfinite(tr.result.reward));
		MUST(!r->masks || mask[tr.action]);
		for (size_t k = 0; k < r->obs_dim; k++)
			MUST(isfinite(obs[k]) && isfinite(next_obs[k]));
		transition_print(ops, &tr, false, t);
	}
	MUST(!t->full);
	const size_t newest = (r->count - 1) * r->n_bytes;
	MUST(r->terminated[newest] || r->truncated[newest]);
}

static void try(const struct env_ops *ops, const uint8_t *data, size_t size)
{
	static char buf[MOST];
	struct replay r, again;
	struct text t;
	if (read_into(&r, ops, data, size)) {
		const size_t n = r.count;
		fuzz_accepted++;
		t = text_into(buf, sizeof(buf));
		print(&r, ops, &t);
		MUST(read_into(&again, ops, buf, t.len) && again.count == n);
		MUST(memcmp(r.obs, again.obs, n * r.n_words * sizeof(float)) == 0);
		MUST(memcmp(r.terminated, again.terminated, n * r.n_bytes) == 0);
		replay_release(&again);
	}
	replay_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size <= MOST) {
		try(&plain, data, size);
		try(&masked, data, size);
	}
	return 0;
}
