/* The replay buffer: ring, n-step returns, sampling.
 *
 * A sample's row says which slot it came from (the action is the number of the
 * transition), so that every return can be compared with one computed here.
 * tests/mutations lists mistakes that this file catches. */
#include "rl/replay.h"

#include "test.h"

#include <stdlib.h>

enum { OBS = 3, ROWS = 4000 };

/* Transition number i: obs i, next_obs i + 0.5, so that a reset obs or the obs of
 * the next slot cannot be taken for next_obs. */
static void push(struct replay *r, int i, float reward, bool terminated, bool truncated)
{
	const float x = (float)i;
	const float obs[OBS] = { x, -x, 2 * x };
	const float next_obs[OBS] = { x + 0.5f, -x - 0.5f, 2 * x + 0.5f };
	replay_push(r, obs, NULL, i, reward, next_obs, NULL, terminated, truncated);
}

static void init(struct replay *r, size_t buffer_size)
{
	struct err e;
	if (!replay_init(r, buffer_size, OBS, 0, NULL, &e))
		FAIL("replay_init");
}

static void init_batch(struct batch *b, size_t size)
{
	struct err e;
	if (!batch_init(b, size, OBS, 0, &e))
		FAIL("batch_init");
}

struct want { /* of the n-step transition that starts at number `first` */
	int first, last;
	double reward, discount;
};

/* Samples often enough to meet every transition; each must be as wanted, with
 * obs and next_obs of the right one. */
static void check_returns(const struct replay *r, int n_steps, double gamma, const struct want *want, int n_want)
{
	struct batch b;
	struct rng rng;
	int met[64] = { 0 };
	init_batch(&b, ROWS);
	rng_init(&rng, 1);
	replay_sample(r, &rng, n_steps, gamma, 1, &b);
	for (size_t row = 0; row < ROWS; row++) {
		int w = 0;
		while (w < n_want && want[w].first != b.action[row])
			w++;
		if (w == n_want) {
			FAIL("a transition that is not there");
			break;
		}
		if (met[w]++ > 0)
			continue;
		const float first = (float)want[w].first, last = (float)want[w].last;
		CHECK_NEAR(b.obs[row * OBS], first, 0);
		CHECK_NEAR(b.obs[row * OBS + 1], -first, 0);
		CHECK_NEAR(b.obs[row * OBS + 2], 2 * first, 0);
		CHECK_NEAR(b.next_obs[row * OBS], last + 0.5f, 0);
		CHECK_NEAR(b.next_obs[row * OBS + 1], -last - 0.5f, 0);
		CHECK_NEAR(b.next_obs[row * OBS + 2], 2 * last + 0.5f, 0);
		CHECK_NEAR(b.reward[row], want[w].reward, 0);
		CHECK_NEAR(b.discount[row], want[w].discount, 0);
	}
	for (int w = 0; w < n_want; w++)
		CHECK(met[w] > 0);
	batch_release(&b);
}

static void test_starts_empty(void)
{
	struct replay r;
	init(&r, 5);
	CHECK_INT(r.buffer_size, 5);
	CHECK_INT(r.obs_dim, OBS);
	CHECK_INT(r.count, 0);
	CHECK_INT(r.next, 0);
	replay_release(&r);
	CHECK(r.obs == NULL);
}

static void test_wraps_around(void)
{
	static const int count[8] = { 1, 2, 3, 3, 3, 3, 3, 3 };
	static const int next[8] = { 1, 2, 0, 1, 2, 0, 1, 2 };
	static const int held[8][3] = { { 0 }, { 0, 1 }, { 0, 1, 2 }, { 3, 1, 2 }, { 3, 4, 2 }, { 3, 4, 5 },
		{ 6, 4, 5 }, { 6, 7, 5 } };
	struct replay r;
	init(&r, 3);
	for (int i = 0; i < 8; i++) {
		push(&r, i, (float)(10 * i), i % 2 == 0, i % 4 == 1);
		CHECK_INT(r.count, count[i]);
		CHECK_INT(r.next, next[i]);
		for (int slot = 0; slot < count[i]; slot++) {
			const int n = held[i][slot];
			const float x = (float)n;
			const size_t words = (size_t)slot * r.n_words, bytes = (size_t)slot * r.n_bytes;
			CHECK_INT(r.action[words], n);
			CHECK_NEAR(r.reward[words], 10 * x, 0);
			CHECK_NEAR(r.obs[words], x, 0);
			CHECK_NEAR(r.obs[words + 2], 2 * x, 0);
			CHECK_NEAR(r.next_obs[words], x + 0.5f, 0);
			CHECK_NEAR(r.next_obs[words + 2], 2 * x + 0.5f, 0);
			CHECK_INT(r.terminated[bytes], n % 2 == 0);
			CHECK_INT(r.truncated[bytes], n % 4 == 1);
		}
	}
	replay_release(&r);
}

static void test_buffer_of_one_slot(void)
{
	static const struct want want[] = { { 1, 1, 7, 0.5 } };
	struct replay r;
	init(&r, 1);
	push(&r, 0, 3, true, false);
	push(&r, 1, 7, false, false);
	CHECK_INT(r.count, 1);
	CHECK_INT(r.next, 0);
	check_returns(&r, 5, 0.5, want, 1);
	replay_release(&r);
}

/* Six steps: 2 terminates, 4 is truncated, 5 is the newest, mid-episode.
 * Rewards 1 2 4 8 16 32; gamma 0.5, so all returns are exact. */
static void two_ends(struct replay *r)
{
	init(r, 10);
	for (int i = 0; i < 6; i++)
		push(r, i, (float)(1 << i), i == 2, i == 4);
}

static void test_one_step_returns(void)
{
	static const struct want want[] = { { 0, 0, 1, 0.5 }, { 1, 1, 2, 0.5 }, { 2, 2, 4, 0 }, { 3, 3, 8, 0.5 },
		{ 4, 4, 16, 0.5 }, { 5, 5, 32, 0.5 } };
	struct replay r;
	two_ends(&r);
	check_returns(&r, 1, 0.5, want, 6);
	replay_release(&r);
}

static void test_two_step_returns(void)
{
	static const struct want want[] = { { 0, 1, 1 + 1, 0.25 }, { 1, 2, 2 + 2, 0 }, { 2, 2, 4, 0 },
		{ 3, 4, 8 + 8, 0.25 }, { 4, 4, 16, 0.5 }, { 5, 5, 32, 0.5 } };
	struct replay r;
	two_ends(&r);
	check_returns(&r, 2, 0.5, want, 6);
	replay_release(&r);
}

static void test_three_step_returns(void)
{
	static const struct want want[] = { { 0, 2, 1 + 1 + 1, 0 }, { 1, 2, 2 + 2, 0 }, { 2, 2, 4, 0 },
		{ 3, 4, 8 + 8, 0.25 }, { 4, 4, 16, 0.5 }, { 5, 5, 32, 0.5 } };
	struct replay r;
	two_ends(&r);
	check_returns(&r, 3, 0.5, want, 6);
	replay_release(&r);
}

static void test_five_step_returns_in_one_episode(void)
{
	/* Rewards 1 2 4 8 16 32 64: every term of a sum is the first reward. */
	static const struct want want[] = { { 0, 4, 5, 1. / 32 }, { 1, 5, 10, 1. / 32 }, { 2, 6, 20, 1. / 32 },
		{ 3, 6, 32, 1. / 16 }, { 4, 6, 48, 1. / 8 }, { 5, 6, 64, 1. / 4 }, { 6, 6, 64, 1. / 2 } };
	struct replay r;
	init(&r, 10);
	for (int i = 0; i < 7; i++)
		push(&r, i, (float)(1 << i), false, false);
	check_returns(&r, 5, 0.5, want, 7);
	replay_release(&r);
}

static void test_both_flags_count_as_terminated(void)
{
	static const struct want want[] = { { 0, 1, 1 + 1, 0 }, { 1, 1, 2, 0 }, { 2, 2, 4, 0.5 } };
	struct replay r;
	init(&r, 4);
	push(&r, 0, 1, false, false);
	push(&r, 1, 2, true, true);
	push(&r, 2, 4, false, false);
	check_returns(&r, 3, 0.5, want, 3);
	replay_release(&r);
}

static void test_returns_run_across_the_rings_end(void)
{
	/* Slots 4 5 2 3; 2 is the oldest, 5 the newest. */
	static const struct want want[] = { { 2, 4, 4 + 4 + 4, 0.125 }, { 3, 5, 8 + 8 + 8, 0.125 },
		{ 4, 5, 16 + 16, 0.25 }, { 5, 5, 32, 0.5 } };
	struct replay r;
	init(&r, 4);
	for (int i = 0; i < 6; i++)
		push(&r, i, (float)(1 << i), false, false);
	check_returns(&r, 3, 0.5, want, 4);
	replay_release(&r);
}

static void test_newest_in_the_last_slot_does_not_run_into_the_oldest(void)
{
	/* Slots 4 5 6 7: the newest is last, the oldest first. */
	static const struct want want[] = { { 4, 6, 3 * 16, 0.125 }, { 5, 7, 3 * 32, 0.125 }, { 6, 7, 2 * 64, 0.25 },
		{ 7, 7, 128, 0.5 } };
	struct replay r;
	init(&r, 4);
	for (int i = 0; i < 8; i++)
		push(&r, i, (float)(1 << i), false, false);
	CHECK_INT(r.next, 0);
	check_returns(&r, 3, 0.5, want, 4);
	replay_release(&r);
}

static void test_more_steps_than_slots(void)
{
	static const struct want want[] = { { 2, 4, 4 + 4 + 4, 0.125 }, { 3, 4, 8 + 8, 0.25 }, { 4, 4, 16, 0.5 } };
	struct replay r;
	init(&r, 3);
	for (int i = 0; i < 5; i++)
		push(&r, i, (float)(1 << i), false, false);
	check_returns(&r, 64, 0.5, want, 3);
	replay_release(&r);
}

static void test_oldest_slot_of_an_episode_cut_by_overwriting(void)
{
	/* An episode 0..3 that terminates, then 4 5 of the next: 0 and 1 are gone. */
	static const struct want want[] = { { 2, 3, 4 + 4, 0 }, { 3, 3, 8, 0 }, { 4, 5, 16 + 16, 0.25 },
		{ 5, 5, 32, 0.5 } };
	struct replay r;
	init(&r, 4);
	for (int i = 0; i < 6; i++)
		push(&r, i, (float)(1 << i), i == 3, false);
	check_returns(&r, 5, 0.5, want, 4);
	replay_release(&r);
}

static void test_overwritten_flags_are_gone(void)
{
	static const struct want want[] = { { 2, 3, 4 + 4, 0.25 }, { 3, 3, 8, 0.5 } };
	struct replay r;
	init(&r, 2);
	push(&r, 0, 1, true, false);
	push(&r, 1, 2, false, true);
	push(&r, 2, 4, false, false);
	push(&r, 3, 8, false, false);
	check_returns(&r, 2, 0.5, want, 2);
	replay_release(&r);
}

static void test_gamma_0_and_1(void)
{
	static const struct want zero[] = { { 0, 2, 1, 0 }, { 1, 2, 2, 0 }, { 2, 2, 4, 0 } };
	static const struct want one[] = { { 0, 2, 7, 1 }, { 1, 2, 6, 1 }, { 2, 2, 4, 1 } };
	struct replay r;
	init(&r, 4);
	for (int i = 0; i < 3; i++)
		push(&r, i, (float)(1 << i), false, false);
	check_returns(&r, 3, 0, zero, 3);
	check_returns(&r, 3, 1, one, 3);
	replay_release(&r);
}

static void test_sums_are_in_double_in_the_order_of_time(void)
{
	struct replay r;
	struct batch b;
	struct rng rng;
	init(&r, 20);
	init_batch(&b, ROWS);
	rng_init(&rng, 3);
	for (int i = 0; i < 20; i++)
		push(&r, i, (float)(1 / (1 + rng_double(&rng))), false, false);
	const double gamma = 0.99;
	replay_sample(&r, &rng, 12, gamma, 1, &b);
	for (size_t row = 0; row < ROWS; row++) {
		double sum = 0, power = 1;
		for (int i = b.action[row]; i < 20 && i < b.action[row] + 12; i++) {
			sum += power * (double)r.reward[(size_t)i * r.n_words];
			power *= gamma;
		}
		CHECK(b.reward[row] == (float)sum);
		CHECK(b.discount[row] == (float)power);
	}
	batch_release(&b);
	replay_release(&r);
}

static void test_final_obs_is_kept_and_a_reset_obs_never_seen(void)
{
	struct replay r;
	struct batch b;
	struct rng rng;
	init(&r, 8);
	init_batch(&b, ROWS);
	/* An episode of 3 steps, obs 1 2 3, final obs 99; the next starts at -1. */
	const float obs[4][OBS] = { { 1 }, { 2 }, { 3 }, { 99 } };
	const float reset[2][OBS] = { { -1 }, { -2 } };
	for (int i = 0; i < 3; i++)
		replay_push(&r, obs[i], NULL, i, 1, obs[i + 1], NULL, false, i == 2);
	replay_push(&r, reset[0], NULL, 3, 1, reset[1], NULL, false, false);
	for (int n_steps = 1; n_steps <= 5; n_steps++) {
		rng_init(&rng, 4);
		replay_sample(&r, &rng, n_steps, 0.9, 1, &b);
		int n_final = 0;
		for (size_t row = 0; row < ROWS; row++) {
			const float next = b.next_obs[row * OBS];
			const int last = b.action[row] + n_steps - 1;
			CHECK(b.action[row] == 3 ? next == -2 : next > 0);
			if (b.action[row] < 3 && last >= 2) {
				CHECK_NEAR(next, 99, 0);
				CHECK(b.discount[row] > 0);
				n_final++;
			}
		}
		CHECK(n_final > 500);
	}
	batch_release(&b);
	replay_release(&r);
}

static void test_observations_of_any_width(void)
{
	for (size_t dim = 1; dim <= 20; dim++) {
		float obs[2][20], next_obs[2][20];
		struct replay r;
		struct batch b;
		struct rng rng;
		struct err e;
		CHECK(replay_init(&r, 2, dim, 0, NULL, &e) && batch_init(&b, 50, dim, 0, &e));
		rng_init(&rng, dim);
		for (int i = 0; i < 2; i++) {
			for (size_t j = 0; j < dim; j++) {
				obs[i][j] = (float)rng_double(&rng);
				next_obs[i][j] = (float)rng_double(&rng);
			}
			replay_push(&r, obs[i], NULL, i, 1, next_obs[i], NULL, true, false);
		}
		replay_sample(&r, &rng, 1, 0.9, 1, &b);
		for (size_t row = 0; row < 50; row++) {
			const int i = b.action[row];
			CHECK(memcmp(b.obs + row * dim, obs[i], dim * sizeof(float)) == 0);
			CHECK(memcmp(b.next_obs + row * dim, next_obs[i], dim * sizeof(float)) == 0);
		}
		batch_release(&b);
		replay_release(&r);
	}
}

static void test_one_draw_of_the_generator_per_row(void)
{
	static const size_t buffer_size = 11;
	for (int n_push = 1; n_push <= 30; n_push++) {
		struct replay r;
		struct batch b;
		struct rng rng, copy;
		init(&r, buffer_size);
		init_batch(&b, 100);
		for (int i = 0; i < n_push; i++)
			push(&r, i, 1, i % 5 == 4, i % 7 == 6);
		rng_init(&rng, (uint64_t)n_push);
		copy = rng;
		replay_sample(&r, &rng, 3, 0.9, 1, &b);
		for (size_t row = 0; row < 100; row++) {
			const size_t slot = (size_t)rng_below(&copy, r.count);
			CHECK_INT(b.action[row], r.action[slot * r.n_words]);
		}
		CHECK(memcmp(&rng, &copy, sizeof(rng)) == 0);
		batch_release(&b);
		replay_release(&r);
	}
}

static void test_sampling_is_uniform_with_replacement(void)
{
	enum { SLOTS = 50, PER_SLOT = 2000, N = SLOTS * PER_SLOT };
	struct replay r;
	struct batch b;
	struct rng rng;
	int n[2 * SLOTS] = { 0 }, n_repeats = 0;
	init(&r, SLOTS);
	init_batch(&b, N);
	for (int i = 0; i < SLOTS + 17; i++)
		push(&r, i, 1, false, false);
	rng_init(&rng, 7);
	replay_sample(&r, &rng, 1, 0.9, 1, &b);
	for (size_t row = 0; row < N; row++) {
		n[b.action[row]]++;
		n_repeats += row > 0 && b.action[row] == b.action[row - 1];
	}
	double chi2 = 0;
	for (int i = 17; i < SLOTS + 17; i++) {
		const double off = n[i] - PER_SLOT;
		chi2 += off * off / PER_SLOT;
	}
	for (int i = 0; i < 17; i++)
		CHECK_INT(n[i], 0);
	/* 49 degrees of freedom: 0.1 % and 99.9 % points */
	CHECK(chi2 > 23.98 && chi2 < 85.35);
	/* of N - 1 pairs one in SLOTS is equal: 2000 +- 6 sigma of 44.3 */
	CHECK_NEAR(n_repeats, PER_SLOT, 266);
	batch_release(&b);
	replay_release(&r);
}

static void test_sampling_changes_nothing(void)
{
	struct replay r;
	struct batch b;
	struct rng rng;
	two_ends(&r);
	init_batch(&b, 10);
	rng_init(&rng, 7);
	const size_t bytes = (size_t)replay_bytes(10, OBS, 0, false);
	char *before = malloc(bytes);
	if (before) {
		const struct replay copy = r;
		memcpy(before, r.obs, bytes);
		replay_sample(&r, &rng, 3, 0.9, 1, &b);
		CHECK(memcmp(before, r.obs, bytes) == 0);
		CHECK(memcmp(&copy, &r, sizeof(r)) == 0);
	}
	free(before);
	batch_release(&b);
	replay_release(&r);
}

/* The rows must lie within the bytes that are stated, without overlap. */
static void test_bytes_are_what_the_rows_take(void)
{
	struct replay r;
	init(&r, 7);
	const size_t slots = 7, bytes = slots * (2 * OBS * 4 + 4 + 4 + 1 + 1);
	CHECK_INT(replay_bytes(7, OBS, 0, false), bytes);
	const char *start = (const char *)r.obs;
	CHECK_INT((const char *)r.next_obs - start, OBS * 4);
	CHECK_INT((const char *)r.reward - start, 2 * OBS * 4);
	CHECK_INT((const char *)r.action - start, 2 * OBS * 4 + 4);
	CHECK_INT(r.n_words, 2 * OBS + 2);
	CHECK_INT((const char *)r.terminated - start, slots * r.n_words * 4);
	CHECK_INT(r.truncated - r.terminated, 1);
	CHECK_INT(r.n_bytes, 2);
	CHECK_INT((const char *)r.terminated + slots * r.n_bytes - start, bytes);
	replay_release(&r);
}

static void test_bytes_overflow_is_seen(void)
{
	const uint64_t slot = 2 * 4 * 4 + 10, most = UINT64_MAX / slot;
	CHECK(replay_bytes(most, 4, 0, false) == most * slot);
	CHECK(replay_bytes(most + 1, 4, 0, false) == UINT64_MAX);
	CHECK(replay_bytes(UINT64_MAX, 4, 0, false) == UINT64_MAX);
	CHECK(replay_bytes(UINT64_MAX, 1, 0, false) == UINT64_MAX);
	CHECK_INT(replay_bytes(0, 4, 0, false), 0);
}

static void test_out_of_memory_is_an_ordinary_error(void)
{
	/* Behind the 42nd and 44th part the bytes of so many slots or rows wrap to few. */
	static const size_t sizes[] = { SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 64, SIZE_MAX / 42 + 2, SIZE_MAX / 44 + 2 };
	struct replay r;
	struct batch b;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct err e = { .msg = "" };
		CHECK(!replay_init(&r, sizes[i], 4, 0, NULL, &e));
		CHECK_INT(e.kind, ERR_RUN);
		CHECK(strstr(e.msg, "buffer_size") != NULL);
		e.kind = ERR_USAGE;
		CHECK(!batch_init(&b, sizes[i], 4, 0, &e));
		CHECK_INT(e.kind, ERR_RUN);
		CHECK(strstr(e.msg, "out of memory") != NULL);
	}
}

static void test_batch_blocks_hold_all_rows(void)
{
	struct batch b;
	init_batch(&b, 5);
	CHECK_INT(b.size, 5);
	CHECK_INT(b.obs_dim, OBS);
	/* Written to the last byte; ASan sees an allocation that is too small. */
	float *const floats[] = { b.obs, b.next_obs, b.reward, b.discount };
	const size_t n[] = { 5 * OBS, 5 * OBS, 5, 5 };
	for (int k = 0; k < 4; k++)
		for (size_t i = 0; i < n[k]; i++)
			floats[k][i] = (float)(k + 1);
	for (size_t i = 0; i < 5; i++)
		b.action[i] = 5;
	for (int k = 0; k < 4; k++)
		for (size_t i = 0; i < n[k]; i++)
			CHECK_NEAR(floats[k][i], k + 1, 0);
	batch_release(&b);
	CHECK(b.obs == NULL);
}

static void test_fresh_memory_is_zero(void)
{
	struct replay r;
	init(&r, 9);
	const unsigned char *p = (const unsigned char *)r.obs;
	size_t n_set = 0;
	for (size_t i = 0; i < (size_t)replay_bytes(9, OBS, 0, false); i++)
		n_set += p[i] != 0;
	CHECK_INT(n_set, 0);
	replay_release(&r);
}

/* --- action masks --- */

enum { MANY = 200 }; /* transitions */

struct masked { /* what was pushed, a byte for each action */
	size_t n_actions;
	uint8_t mask[MANY][64], next_mask[MANY][64];
	bool terminated[MANY], truncated[MANY];
};

/* Pushes MANY transitions with random masks and ends; all zeros at most terminations. */
static void push_masked(struct replay *r, size_t n_actions, struct masked *m, struct rng *rng)
{
	m->n_actions = n_actions;
	for (int i = 0; i < MANY; i++) {
		const float obs[OBS] = { (float)i }, next_obs[OBS] = { (float)i + 0.5f };
		m->terminated[i] = rng_below(rng, 9) == 0;
		m->truncated[i] = rng_below(rng, 9) == 0;
		const bool none = m->terminated[i] && rng_below(rng, 4) > 0;
		for (size_t a = 0; a < n_actions; a++) {
			m->mask[i][a] = (uint8_t)rng_below(rng, 2);
			m->next_mask[i][a] = none ? 0 : (uint8_t)rng_below(rng, 2);
		}
		replay_push(r, obs, m->mask[i], i, 1, next_obs, m->next_mask[i], m->terminated[i], m->truncated[i]);
	}
}

/* The transition at which a window of n_steps from `first` ends. */
static int last_of(const struct masked *m, int first, int n_steps)
{
	int last = first;
	while (last < first + n_steps - 1 && last < MANY - 1 && !m->terminated[last] && !m->truncated[last])
		last++;
	return last;
}

static void check_masks(size_t n_actions, size_t buffer_size, bool prioritized)
{
	static const struct per_opts per = { .alpha = 0.6, .eps = 1e-6 };
	static struct masked m;
	struct replay r;
	struct batch b;
	struct rng rng;
	struct err e;
	CHECK(replay_init(&r, buffer_size, OBS, n_actions, prioritized ? &per : NULL, &e));
	CHECK(batch_init(&b, ROWS, OBS, n_actions, &e));
	CHECK_INT(r.mask_bytes, (n_actions + 7) / 8);
	rng_init(&rng, n_actions * buffer_size);
	push_masked(&r, n_actions, &m, &rng);
	for (int n_steps = 1; n_steps <= 5; n_steps++) {
		int n_wrong = 0, n_longer = 0;
		memset(b.mask, 7, 2 * ROWS * n_actions);
		replay_sample(&r, &rng, n_steps, 0.9, 1, &b);
		for (size_t row = 0; row < ROWS; row++) {
			const int first = b.action[row], last = last_of(&m, first, n_steps);
			n_longer += last > first;
			n_wrong += b.next_obs[row * OBS] != (float)last + 0.5f;
			n_wrong += memcmp(b.mask + row * n_actions, m.mask[first], n_actions) != 0;
			n_wrong += memcmp(b.next_mask + row * n_actions, m.next_mask[last], n_actions) != 0;
		}
		CHECK_INT(n_wrong, 0);
		CHECK(n_longer > 0 || n_steps == 1 || buffer_size == 1);
	}
	batch_release(&b);
	replay_release(&r);
}

static void test_masks_come_back_as_they_were_pushed(void)
{
	static const size_t sizes[] = { 1, 2, 7, 8, 9, 16, 17, 64 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		check_masks(sizes[i], 1, false);
		check_masks(sizes[i], 13, false);
		check_masks(sizes[i], MANY, true);
		check_masks(sizes[i], MANY + 50, false);
	}
}

/* The first action is the lowest bit; unused bits are 0: the bytes go into checkpoints. */
static void test_masks_are_packed_into_bits(void)
{
	static const uint8_t mask[11] = { 1, 0, 0, 1, 0, 0, 0, 1, 0, 1, 1 };
	static const uint8_t next_mask[11] = { 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0 };
	const float obs[OBS] = { 0 };
	struct replay r;
	struct err e;
	CHECK(replay_init(&r, 2, OBS, 11, NULL, &e));
	for (int i = 0; i < 3; i++) {
		const size_t at = (size_t)(i % 2) * r.n_bytes;
		memset(r.masks + at, 0xff, 4); /* what the slot had is gone */
		replay_push(&r, obs, mask, 0, 0, obs, next_mask, false, false);
		CHECK_INT(r.masks[at], 1 + 8 + 128);
		CHECK_INT(r.masks[at + 1], 2 + 4);
		CHECK_INT(r.next_masks[at], 2);
		CHECK_INT(r.next_masks[at + 1], 1);
	}
	replay_release(&r);
}

static void test_masks_take_the_bytes_that_are_stated(void)
{
	const uint64_t slot = 2 * OBS * 4 + 4 + 4 + 1 + 1, row = (2 * OBS + 3) * 4 + 4 + 4 + 1;
	struct replay r;
	struct batch b;
	struct err e;
	for (size_t n = 0; n <= 17; n++) {
		CHECK_INT(replay_bytes(7, OBS, n, false), 7 * (slot + 2 * ((n + 7) / 8)));
		CHECK_INT(batch_bytes(5, OBS, n), 5 * (row + 2 * n));
	}
	CHECK_INT(replay_bytes(7, OBS, 9, true) - replay_bytes(7, OBS, 9, false),
		replay_bytes(7, OBS, 0, true) - replay_bytes(7, OBS, 0, false));
	CHECK(replay_bytes(UINT64_MAX / slot, OBS, 1, false) == UINT64_MAX);
	CHECK(batch_bytes(SIZE_MAX / row, OBS, 1) == UINT64_MAX);

	CHECK(replay_init(&r, 7, OBS, 9, NULL, &e));
	const char *start = (const char *)r.obs;
	CHECK_INT(r.masks - r.truncated, 1);
	CHECK_INT(r.next_masks - r.masks, 2);
	CHECK_INT(r.n_bytes, 1 + 1 + 2 + 2);
	CHECK_INT((const char *)r.terminated + 7 * r.n_bytes - start, replay_bytes(7, OBS, 9, false));
	replay_release(&r);

	CHECK(batch_init(&b, 5, OBS, 9, &e));
	start = (const char *)b.obs;
	CHECK_INT((const char *)b.mirrored - (const char *)b.slot, 5 * 4);
	CHECK_INT(b.mask - b.mirrored, 5);
	CHECK_INT(b.next_mask - b.mask, 5 * 9);
	CHECK_INT((const char *)b.next_mask + 5 * 9 - start, batch_bytes(5, OBS, 9));
	batch_release(&b);

	init(&r, 7);
	init_batch(&b, 5);
	CHECK(!r.masks && !r.next_masks && r.mask_bytes == 0);
	CHECK(!b.mask && !b.next_mask);
	batch_release(&b);
	replay_release(&r);
}

static void test_mirrored_rows_are_exact_images(void)
{
	static const float signs[OBS] = { 1, -1, -1 };
	static struct masked m;
	struct replay r;
	struct batch before, after;
	struct rng rng, copy;
	struct err e;
	for (size_t n_actions = 1; n_actions <= 5; n_actions++) {
		CHECK(replay_init(&r, MANY, OBS, n_actions, NULL, &e));
		CHECK(batch_init(&before, ROWS, OBS, n_actions, &e) && batch_init(&after, ROWS, OBS, n_actions, &e));
		rng_init(&rng, n_actions);
		push_masked(&r, n_actions, &m, &rng);
		for (size_t i = 0; i < MANY; i++) {
			r.action[i * r.n_words] = (int32_t)(i % n_actions);
			r.obs[i * r.n_words + 1] = (float)i / 8;
			r.next_obs[i * r.n_words + 1] = (float)i / 16;
		}
		copy = rng;
		replay_sample(&r, &copy, 3, 0.9, 1, &before);
		replay_sample(&r, &rng, 3, 0.9, 1, &after);
		batch_mirror(&after, &rng, signs, (int)n_actions);
		int n_wrong = 0, n_mirrored = 0;
		for (size_t row = 0; row < ROWS; row++) {
			const bool mirrored = after.mirrored[row];
			const int32_t action = before.action[row];
			n_mirrored += mirrored;
			n_wrong += after.slot[row] != before.slot[row] || after.reward[row] != before.reward[row];
			n_wrong += after.discount[row] != before.discount[row];
			n_wrong += after.action[row] != (mirrored ? (int32_t)n_actions - 1 - action : action);
			for (size_t i = row * OBS; i < (row + 1) * OBS; i++) {
				const float sign = mirrored ? signs[i % OBS] : 1;
				n_wrong += after.obs[i] != sign * before.obs[i];
				n_wrong += after.next_obs[i] != sign * before.next_obs[i];
			}
			for (size_t a = 0; a < n_actions; a++) {
				const size_t was = row * n_actions + (mirrored ? n_actions - 1 - a : a);
				n_wrong += after.mask[row * n_actions + a] != before.mask[was];
				n_wrong += after.next_mask[row * n_actions + a] != before.next_mask[was];
			}
		}
		CHECK_INT(n_wrong, 0);
		CHECK(n_mirrored > 0.3 * ROWS && n_mirrored < 0.7 * ROWS);
		for (int i = 0; i < (ROWS + 63) / 64; i++)
			rng_u64(&copy);
		CHECK(memcmp(&rng, &copy, sizeof(rng)) == 0);
		batch_release(&before);
		batch_release(&after);
		replay_release(&r);
	}
}

/* Masks have no part in what is drawn, nor in anything else of a transition. */
static void test_masks_change_nothing_else(void)
{
	static struct masked m;
	struct replay with, without;
	struct batch a, b;
	struct rng rng, rng_a, rng_b;
	struct err e;
	CHECK(replay_init(&with, 50, OBS, 6, NULL, &e));
	CHECK(batch_init(&a, 100, OBS, 6, &e));
	init(&without, 50);
	init_batch(&b, 100);
	rng_init(&rng, 1);
	push_masked(&with, 6, &m, &rng);
	for (int i = 0; i < MANY; i++) {
		const float obs[OBS] = { (float)i }, next_obs[OBS] = { (float)i + 0.5f };
		replay_push(&without, obs, NULL, i, 1, next_obs, NULL, m.terminated[i], m.truncated[i]);
	}
	rng_a = rng_b = rng;
	replay_sample(&with, &rng_a, 3, 0.9, 1, &a);
	replay_sample(&without, &rng_b, 3, 0.9, 1, &b);
	CHECK(memcmp(&rng_a, &rng_b, sizeof(rng)) == 0);
	CHECK(memcmp(a.obs, b.obs, (size_t)batch_bytes(100, OBS, 0)) == 0);
	CHECK(memcmp(with.obs, without.obs, 50 * with.n_words * sizeof(float)) == 0);
	for (size_t i = 0; i < 50; i++)
		CHECK(memcmp(with.terminated + i * with.n_bytes, without.terminated + i * without.n_bytes, 2) == 0);
	batch_release(&a);
	batch_release(&b);
	replay_release(&with);
	replay_release(&without);
}

/* A file may hold any bits: those beyond the actions are not read. */
static void test_any_bits_are_restored(void)
{
	struct replay r;
	struct batch b;
	struct rng rng;
	struct err e;
	CHECK(replay_init(&r, 4, OBS, 3, NULL, &e));
	CHECK(batch_init(&b, 20, OBS, 3, &e));
	r.count = r.next = 3;
	for (size_t i = 0; i < 4; i++) {
		r.masks[i * r.n_bytes] = 0xfd;
		r.next_masks[i * r.n_bytes] = 0xf8;
	}
	CHECK(replay_restore(&r, 3));
	rng_init(&rng, 1);
	replay_sample(&r, &rng, 2, 0.9, 1, &b);
	for (size_t i = 0; i < 20 * 3; i++) {
		CHECK_INT(b.mask[i], i % 3 != 1);
		CHECK_INT(b.next_mask[i], 0);
	}
	batch_release(&b);
	replay_release(&r);
}

int main(void)
{
	RUN(test_starts_empty);
	RUN(test_wraps_around);
	RUN(test_buffer_of_one_slot);
	RUN(test_one_step_returns);
	RUN(test_two_step_returns);
	RUN(test_three_step_returns);
	RUN(test_five_step_returns_in_one_episode);
	RUN(test_both_flags_count_as_terminated);
	RUN(test_returns_run_across_the_rings_end);
	RUN(test_newest_in_the_last_slot_does_not_run_into_the_oldest);
	RUN(test_more_steps_than_slots);
	RUN(test_oldest_slot_of_an_episode_cut_by_overwriting);
	RUN(test_overwritten_flags_are_gone);
	RUN(test_gamma_0_and_1);
	RUN(test_sums_are_in_double_in_the_order_of_time);
	RUN(test_final_obs_is_kept_and_a_reset_obs_never_seen);
	RUN(test_observations_of_any_width);
	RUN(test_one_draw_of_the_generator_per_row);
	RUN(test_sampling_is_uniform_with_replacement);
	RUN(test_sampling_changes_nothing);
	RUN(test_bytes_are_what_the_rows_take);
	RUN(test_bytes_overflow_is_seen);
	RUN(test_out_of_memory_is_an_ordinary_error);
	RUN(test_batch_blocks_hold_all_rows);
	RUN(test_fresh_memory_is_zero);
	RUN(test_masks_come_back_as_they_were_pushed);
	RUN(test_masks_are_packed_into_bits);
	RUN(test_masks_take_the_bytes_that_are_stated);
	RUN(test_mirrored_rows_are_exact_images);
	RUN(test_masks_change_nothing_else);
	RUN(test_any_bits_are_restored);
	return test_end();
}
