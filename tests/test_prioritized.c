/* Prioritized replay (Schaul et al., 2016): priorities, draws and weights against
 * hand-computed cases and against libm's pow; weights in the loss and gradient.
 * tests/mutations lists mistakes that this file catches. */
#include "rl/agent.h"
#include "rl/replay.h"

#include "fixtures.h"

#include <stdlib.h>

static void init(struct replay *r, size_t buffer_size, double alpha, double eps)
{
	const struct per_opts per = { .alpha = alpha, .eps = eps };
	struct err e;
	if (!replay_init(r, buffer_size, 1, 0, &per, &e)) {
		FAIL("replay_init");
		abort();
	}
}

static void init_batch(struct batch *b, size_t size)
{
	struct err e;
	if (!batch_init(b, size, 1, 0, &e)) {
		FAIL("batch_init");
		abort();
	}
}

/* Transition number i: obs i, next_obs i + 0.5, reward 2^i, action i. */
static void push(struct replay *r, int i, bool terminated, bool truncated)
{
	const float obs = (float)i, next_obs = (float)i + 0.5f;
	replay_push(r, &obs, NULL, i, ldexpf(1, i % 64), &next_obs, NULL, terminated, truncated);
}

/* As after an update on those slots. */
static void update(struct replay *r, const uint32_t *slot, const float *td_error, size_t n)
{
	struct batch b;
	init_batch(&b, n);
	memcpy(b.slot, slot, n * sizeof(*slot));
	replay_update_priorities(r, &b, td_error);
	batch_release(&b);
}

static double leaf(const struct replay *r, size_t slot)
{
	return sum_tree_get(&r->tree, slot);
}

#define CHECK_CLOSE(got, want) CHECK_NEAR(got, want, 1e-14 * fabs((double)(want)))

/* --- priorities --- */

/* alpha 1/2, eps 1/4: |d| + eps = 1, 4, 9, 1/4, its root 1, 2, 3, 1/2; total 6.5. */
static const float td4[] = { 0.75f, -3.75f, 8.75f, 0 };
static const uint32_t slot4[] = { 0, 1, 2, 3 };
static const double root4[] = { 1, 2, 3, 0.5 };

static void hand_case(struct replay *r)
{
	init(r, 6, 0.5, 0.25);
	for (int i = 0; i < 4; i++)
		push(r, i, false, false);
	update(r, slot4, td4, 4);
}

static void test_priority_is_td_error_plus_eps_to_alpha(void)
{
	struct replay r;
	hand_case(&r);
	for (size_t i = 0; i < 4; i++)
		CHECK_CLOSE(leaf(&r, i), root4[i]);
	CHECK_CLOSE(sum_tree_total(&r.tree), 6.5);
	CHECK_NEAR(r.max_priority, 9, 0);
	replay_release(&r);

	static const double alphas[] = { 0, 0.3, 0.6, 1 };
	static const double sizes[] = { 1e-10, 1e-6, 0.01, 1 };
	static const float tds[] = { 0, 1e-30f, -1e-5f, 0.3f, -1, 7.5f, 1e10f, -3e38f };
	for (size_t a = 0; a < 4; a++)
		for (size_t s = 0; s < 4; s++) {
			init(&r, 8, alphas[a], sizes[s]);
			for (uint32_t i = 0; i < 8; i++) {
				push(&r, (int)i, false, false);
				update(&r, &i, &tds[i], 1);
				const double p = fabs((double)tds[i]) + sizes[s];
				CHECK_NEAR(leaf(&r, i), pow(p, alphas[a]), /* 89 = log(3e38) */
					89 * 1e-15 * pow(p, alphas[a]));
			}
			replay_release(&r);
		}
}

static void test_new_items_have_the_largest_priority_so_far(void)
{
	struct replay r;
	init(&r, 3, 0.5, 0.25);
	CHECK_NEAR(r.max_priority, 1, 0);
	push(&r, 0, false, false);
	push(&r, 1, false, false);
	CHECK_CLOSE(leaf(&r, 0), 1);
	CHECK_CLOSE(leaf(&r, 1), 1);
	CHECK_NEAR(leaf(&r, 2), 0, 0);

	/* Below 1 the start's maximum stays; both are updated downwards. */
	static const uint32_t both[] = { 0, 1 };
	static const float small[] = { 0.1f, -0.2f };
	update(&r, both, small, 2);
	push(&r, 2, false, false);
	CHECK_CLOSE(leaf(&r, 2), 1);

	static const float large[] = { -15.75f, 3 };
	update(&r, both, large, 2);
	CHECK_NEAR(r.max_priority, 16, 0);
	push(&r, 3, false, false); /* over slot 0, which had it */
	CHECK_INT(r.action[0], 3);
	CHECK_CLOSE(leaf(&r, 0), 4);

	/* The slots forget it, the buffer does not; an overwritten slot gets it. */
	static const uint32_t all[] = { 0, 1, 2 };
	static const float zero[] = { 0, 0, 0 };
	update(&r, all, zero, 3);
	for (size_t i = 0; i < 3; i++)
		CHECK_CLOSE(leaf(&r, i), 0.5);
	push(&r, 4, false, false);
	CHECK_CLOSE(leaf(&r, 0), 0.5);
	CHECK_CLOSE(leaf(&r, 1), 4);
	CHECK_CLOSE(leaf(&r, 2), 0.5);
	CHECK_CLOSE(sum_tree_total(&r.tree), 5);
	replay_release(&r);
}

static void test_of_duplicates_the_last_counts(void)
{
	static const uint32_t slot[] = { 2, 2, 1, 2 };
	static const float td[] = { 24.75f, 3.75f, 8.75f, 0 };
	struct replay r;
	init(&r, 4, 0.5, 0.25);
	for (int i = 0; i < 4; i++)
		push(&r, i, false, false);
	update(&r, slot, td, 4);
	CHECK_CLOSE(leaf(&r, 0), 1); /* untouched */
	CHECK_CLOSE(leaf(&r, 1), 3);
	CHECK_CLOSE(leaf(&r, 2), 0.5);
	CHECK_CLOSE(leaf(&r, 3), 1);
	CHECK_CLOSE(sum_tree_total(&r.tree), 5.5);
	CHECK_NEAR(r.max_priority, 25, 0); /* of the first of them */
	replay_release(&r);
}

/* --- draws --- */

static void test_strata_and_weights_by_hand(void)
{
	/* 13 ranges of 0.5 over 1, 2, 3, 0.5 */
	static const uint32_t want[13] = { 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3 };
	static const double betas[] = { 0, 0.4, 0.5, 1 };
	for (size_t i = 0; i < 4; i++)
		for (uint64_t seed = 0; seed < 50; seed++) {
			struct replay r;
			struct batch b;
			struct rng rng;
			hand_case(&r);
			init_batch(&b, 13);
			rng_init(&rng, seed);
			replay_sample(&r, &rng, 1, 0.5, betas[i], &b);
			double max = 0;
			for (size_t row = 0; row < 13; row++) {
				CHECK_INT(b.slot[row], want[row]);
				CHECK_INT(b.action[row], want[row]);
				CHECK_NEAR(b.obs[row], want[row], 0);
				const double P = root4[want[row]] / 6.5;
				max = fmax(max, pow(4 * P, -betas[i]));
			}
			for (size_t row = 0; row < 13; row++) {
				const double P = root4[want[row]] / 6.5;
				CHECK_NEAR(b.weight[row], pow(4 * P, -betas[i]) / max, 1e-7);
			}
			CHECK(b.weight[12] == 1);
			batch_release(&b);
			replay_release(&r);
		}
}

/* Weight 1/sqrt(2), 1/2, 1/sqrt(6), 1 at beta 1/2: numbers, not formulas. */
static void test_weights_in_numbers(void)
{
	struct replay r;
	struct batch b;
	struct rng rng;
	hand_case(&r);
	init_batch(&b, 13);
	rng_init(&rng, 1);
	replay_sample(&r, &rng, 1, 0.5, 0.5, &b);
	CHECK_NEAR(b.weight[0], 0.70710678, 1e-7);
	CHECK_NEAR(b.weight[2], 0.5, 1e-7);
	CHECK_NEAR(b.weight[6], 0.40824829, 1e-7);
	CHECK_NEAR(b.weight[12], 1, 0);
	replay_sample(&r, &rng, 1, 0.5, 1, &b);
	CHECK_NEAR(b.weight[0], 0.5, 1e-7);
	CHECK_NEAR(b.weight[2], 0.25, 1e-7);
	CHECK_NEAR(b.weight[6], 1 / 6., 1e-7);
	CHECK_NEAR(b.weight[12], 1, 0);
	batch_release(&b);
	replay_release(&r);
}

/* The largest weight of the batch is 1, though the buffer holds rarer items. */
static void test_weights_are_normalized_by_the_batch(void)
{
	struct replay r;
	struct batch b;
	struct rng rng;
	init(&r, 4, 1, 1e-9);
	for (int i = 0; i < 3; i++)
		push(&r, i, false, false);
	static const uint32_t slot[] = { 0, 1, 2 };
	static const float td[] = { 0, 2, 6 }; /* slot 0 once in 8e9 draws */
	update(&r, slot, td, 3);
	init_batch(&b, 4);
	rng_init(&rng, 5);
	for (int i = 0; i < 200; i++) {
		replay_sample(&r, &rng, 1, 0.5, 1, &b);
		static const uint32_t want[] = { 1, 2, 2, 2 };
		static const double weight[] = { 1, 1 / 3., 1 / 3., 1 / 3. };
		for (size_t row = 0; row < 4; row++) {
			CHECK_INT(b.slot[row], want[row]);
			CHECK_NEAR(b.weight[row], weight[row], 1e-7);
		}
	}
	batch_release(&b);
	init_batch(&b, 1);
	for (int i = 0; i < 50; i++) { /* alone, each is the largest */
		replay_sample(&r, &rng, 1, 0.5, 0.7, &b);
		CHECK_NEAR(b.weight[0], 1, 0);
	}
	batch_release(&b);
	replay_release(&r);
}

/* Row i is drawn in the i-th of size equal ranges, by one rng_double: against a
 * linear search, exact because the priorities are whole numbers. */
static void test_row_i_comes_from_stratum_i_by_one_draw(void)
{
	static const size_t sizes[] = { 1, 2, 7, 32, 100 };
	struct replay r;
	struct rng rng, again;
	init(&r, 50, 0.6, 1e-6);
	rng_init(&rng, 12);
	for (int i = 0; i < 47; i++) /* 3 slots are still empty */
		push(&r, i, false, false);
	for (int trial = 0; trial < 500; trial++) {
		double total = 0;
		for (size_t i = 0; i < 47; i++) {
			const double p = (double)rng_below(&rng, 1000);
			sum_tree_set(&r.tree, i, p);
			total += p;
		}
		const size_t size = sizes[trial % 5];
		struct batch b;
		init_batch(&b, size);
		again = rng;
		replay_sample(&r, &rng, 1, 0.5, 0.4, &b);
		for (size_t row = 0; row < size; row++) {
			const double mass = ((double)row + rng_double(&again)) / (double)size * total;
			double sum = leaf(&r, 0);
			size_t i = 0;
			while (sum <= mass)
				sum += leaf(&r, ++i);
			CHECK_INT(b.slot[row], i);
			CHECK(leaf(&r, i) > 0);
			const double low = total * (double)row / (double)size;
			const double high = total * ((double)row + 1) / (double)size;
			CHECK(sum > low * (1 - 1e-12) && sum - leaf(&r, i) < high * (1 + 1e-12));
		}
		CHECK(memcmp(&rng, &again, sizeof(rng)) == 0);
		batch_release(&b);
	}
	replay_release(&r);
}

/* Pearson's statistic of single draws against probabilities p / total. */
static double chi_square(const struct replay *r, const double *p, size_t n, uint64_t seed)
{
	enum { DRAWS = 200000 };
	double count[16] = { 0 }, total = 0, x = 0;
	struct batch b;
	struct rng rng;
	init_batch(&b, 1);
	rng_init(&rng, seed);
	for (int i = 0; i < DRAWS; i++) {
		replay_sample(r, &rng, 1, 0.5, 0.4, &b);
		count[b.slot[0]]++;
	}
	for (size_t i = 0; i < n; i++)
		total += p[i];
	for (size_t i = 0; i < n; i++) {
		const double want = DRAWS * p[i] / total;
		x += (count[i] - want) * (count[i] - want) / want;
	}
	batch_release(&b);
	return x;
}

static void test_frequencies_follow_the_priorities(void)
{
	static const uint32_t slot[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	static const float td[] = { 0.1f, -0.2f, 1, 3, -5, 0.5f, 0, -0.7f, 2, 9 };
	static const double alphas[] = { 0, 0.4, 0.6, 1 };
	const double chi_square_9_999 = 27.88; /* exceeded once in 1000 */
	for (size_t a = 0; a < 4; a++) {
		struct replay r;
		double p[10], uniform[10];
		init(&r, 10, alphas[a], 0.05);
		for (int i = 0; i < 10; i++)
			push(&r, i, false, false);
		update(&r, slot, td, 10);
		for (int i = 0; i < 10; i++) {
			p[i] = pow(fabs((double)td[i]) + 0.05, alphas[a]);
			uniform[i] = 1;
		}
		CHECK(chi_square(&r, p, 10, 21 + a) < chi_square_9_999);
		/* and the test can tell: alpha 0 is uniform, no other is */
		CHECK((chi_square(&r, uniform, 10, 31 + a) < chi_square_9_999) == (a == 0));
		replay_release(&r);
	}
}

/* In a stratified batch an item comes floor or ceil of its share's rows, give or
 * take the two ranges that it does not fill; the mean over batches is its share. */
static void test_batches_have_their_share_of_every_item(void)
{
	enum { SIZE = 32, N = 4000 };
	struct replay r;
	struct batch b;
	struct rng rng;
	double count[4] = { 0 };
	hand_case(&r);
	init_batch(&b, SIZE);
	rng_init(&rng, 8);
	for (int i = 0; i < N; i++) {
		int in_batch[4] = { 0 };
		replay_sample(&r, &rng, 1, 0.5, 0.4, &b);
		for (size_t row = 0; row < SIZE; row++) {
			in_batch[b.slot[row]]++;
			count[b.slot[row]]++;
		}
		for (int s = 0; s < 4; s++)
			CHECK_NEAR(in_batch[s], SIZE * root4[s] / 6.5, 2);
	}
	for (int s = 0; s < 4; s++) /* two half-filled ranges: deviation <= sqrt(1/2) a batch */
		CHECK_NEAR(count[s] / N, SIZE * root4[s] / 6.5, 4 * sqrt(0.5 / N));
	batch_release(&b);
	replay_release(&r);
}

static void test_slots_not_in_use_are_never_drawn(void)
{
	struct replay r;
	struct batch b;
	struct rng rng;
	int met[3] = { 0 };
	init(&r, 100, 0.6, 1e-6);
	for (int i = 0; i < 3; i++)
		push(&r, i, false, false);
	init_batch(&b, 64);
	rng_init(&rng, 3);
	for (int i = 0; i < 100; i++) {
		replay_sample(&r, &rng, 1, 0.5, 0.4, &b);
		for (size_t row = 0; row < 64; row++) {
			CHECK(b.slot[row] < 3);
			met[b.slot[row] % 3]++;
			CHECK_NEAR(b.weight[row], 1, 0); /* equal priorities */
		}
	}
	for (int i = 0; i < 3; i++)
		CHECK_NEAR(met[i], 6400 / 3., 100);
	batch_release(&b);
	replay_release(&r);
}

/* --- n-step returns of what is drawn --- */

/* Slot s alone has a priority: rows are its n-step transition. */
static void check_row(struct replay *r, uint32_t s, int n_steps, float next_obs, float reward, float discount)
{
	struct batch b;
	struct rng rng;
	for (size_t i = 0; i < r->buffer_size; i++)
		sum_tree_set(&r->tree, i, i == s ? 3 : 0);
	init_batch(&b, 3);
	rng_init(&rng, s);
	replay_sample(r, &rng, n_steps, 0.5, 0.4, &b);
	for (size_t row = 0; row < 3; row++) {
		CHECK_INT(b.slot[row], s);
		CHECK_NEAR(b.next_obs[row], next_obs, 0);
		CHECK_NEAR(b.reward[row], reward, 0);
		CHECK_NEAR(b.discount[row], discount, 0);
		CHECK_NEAR(b.weight[row], 1, 0);
		CHECK_NEAR(b.obs[row], r->obs[s * r->n_words], 0);
		CHECK_INT(b.action[row], r->action[s * r->n_words]);
	}
	batch_release(&b);
}

static void test_n_step_returns_of_prioritized_draws(void)
{
	/* Numbers 2..9 in 8 slots: 8, 9 in slots 0, 1, then 2..7. 4 terminates, 7 is
	 * truncated, 9 is the newest. Rewards 2^i, gamma 1/2: r_{i+k} gamma^k = 2^i. */
	struct replay r;
	init(&r, 8, 0.6, 1e-6);
	for (int i = 0; i < 10; i++)
		push(&r, i, i == 4, i == 7);
	check_row(&r, 2, 3, 4.5f, 3 * 4, 0);       /* 2 3 4T */
	check_row(&r, 2, 5, 4.5f, 3 * 4, 0);       /* no step behind 4 */
	check_row(&r, 2, 2, 3.5f, 2 * 4, 0.25f);   /* 2 3 */
	check_row(&r, 4, 3, 4.5f, 16, 0);          /* 4T */
	check_row(&r, 5, 5, 7.5f, 3 * 32, 0.125f); /* 5 6 7t bootstraps with gamma^3 */
	check_row(&r, 6, 3, 7.5f, 2 * 64, 0.25f);  /* 6 7t */
	check_row(&r, 7, 3, 7.5f, 128, 0.5f);      /* 7t */
	check_row(&r, 0, 3, 9.5f, 2 * 256, 0.25f); /* 8 9 newest */
	check_row(&r, 1, 3, 9.5f, 512, 0.5f);      /* 9, not 2 behind it */
	check_row(&r, 3, 1, 3.5f, 8, 0.5f);
	replay_release(&r);

	/* Over the end of the ring. */
	init(&r, 4, 0.6, 1e-6);
	for (int i = 0; i < 6; i++)
		push(&r, i, false, false);
	check_row(&r, 3, 3, 5.5f, 3 * 8, 0.125f); /* 3 in slot 3, 4 and 5 in 0 and 1 */
	check_row(&r, 2, 8, 5.5f, 4 * 4, 0.0625f);
	replay_release(&r);

	/* Both flags at once: terminated wins. */
	init(&r, 4, 0.6, 1e-6);
	push(&r, 0, false, false);
	push(&r, 1, true, true);
	push(&r, 2, false, false);
	check_row(&r, 0, 3, 1.5f, 2, 0);
	replay_release(&r);
}

/* --- uniform --- */

static void test_uniform_has_no_priorities(void)
{
	struct replay r;
	struct batch b;
	struct rng rng, again;
	struct err e;
	CHECK(replay_init(&r, 5, 1, 0, NULL, &e));
	for (int i = 0; i < 5; i++)
		push(&r, i, false, false);
	CHECK(!r.prioritized && r.tree.node == NULL);
	init_batch(&b, 16);
	rng_init(&rng, 4);
	again = rng;
	for (size_t row = 0; row < 16; row++)
		b.weight[row] = 7;
	replay_sample(&r, &rng, 1, 0.5, 0.4, &b);
	for (size_t row = 0; row < 16; row++) {
		CHECK_INT(b.slot[row], rng_below(&again, 5));
		CHECK_NEAR(b.weight[row], 1, 0);
	}
	CHECK(memcmp(&rng, &again, sizeof(rng)) == 0);
	const struct replay before = r;
	float td[16];
	for (int i = 0; i < 16; i++)
		td[i] = (float)i;
	replay_update_priorities(&r, &b, td);
	CHECK(memcmp(&before, &r, sizeof(r)) == 0);
	batch_release(&b);
	replay_release(&r);
}

static void test_fresh_batch_has_weights_of_1(void)
{
	struct batch b;
	init_batch(&b, 9);
	for (size_t row = 0; row < 9; row++)
		CHECK_NEAR(b.weight[row], 1, 0);
	batch_release(&b);
}

/* --- memory --- */

static void test_memory(void)
{
	const uint64_t ring = 1000 * (2 * 4 * 4 + 4 + 4 + 2);
	CHECK_INT(replay_bytes(1000, 4, 0, false), ring);
	CHECK_INT(replay_bytes(1000, 4, 0, true), ring + 2 * 1024 * 8);
	CHECK(replay_bytes(UINT64_MAX / 20, 1, 0, true) == UINT64_MAX);
	CHECK(replay_bytes(UINT64_MAX, 1, 0, true) == UINT64_MAX);
	/* The rings fit 2^64 bytes, rings and tree do not. */
	CHECK(replay_bytes((uint64_t)700 << 50, 1, 0, false) == ((uint64_t)700 << 50) * 18);
	CHECK(replay_bytes((uint64_t)700 << 50, 1, 0, true) == UINT64_MAX);

	static const size_t sizes[] = { SIZE_MAX, SIZE_MAX / 4, SIZE_MAX / 100, SIZE_MAX / 100000 };
	const struct per_opts per = { .alpha = 0.6, .eps = 1e-6 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct replay r;
		struct err e = { .msg = "" };
		CHECK(!replay_init(&r, sizes[i], 1, 0, &per, &e));
		CHECK_INT(e.kind, ERR_RUN);
		CHECK(strstr(e.msg, "out of memory") != NULL);
	}
}

/* --- weights in an update --- */

/* Q(s) = s w + b for two actions; with discount 0 the target is the reward. */
static void learn(struct agent *a, enum loss loss, const float *weight, struct learn_stats *stats)
{
	static const float obs[] = { 2, 2, 4 }, reward[] = { 2.5f, 5, -1 };
	static const int32_t action[] = { 0, 1, 1 };
	static const float online[] = { 1, 3, 0, -4 }; /* Q = s, 3 s - 4 */
	const struct agent_opts opts = { .loss = loss, .adam_beta1 = 0.9, .adam_beta2 = 0.999, .adam_eps = 1e-8 };
	struct net net;
	struct batch b;
	struct err e;
	init_batch(&b, 3);
	net = net_of(1, NULL, 0, 2, ACTIVATION_RELU, false);
	if (!agent_init(a, &opts, &net, kernels_find(NULL), 3, &e)) {
		FAIL("agent_init");
		abort();
	}
	memcpy(a->online, online, sizeof(online));
	memcpy(b.obs, obs, sizeof(obs));
	memcpy(b.next_obs, obs, sizeof(obs));
	memcpy(b.reward, reward, sizeof(reward));
	memcpy(b.action, action, sizeof(action));
	memcpy(b.weight, weight, 3 * sizeof(float));
	CHECK(agent_learn(a, &b, 0.001, stats, &e));
	batch_release(&b);
}

/* Q(s,a) = 2, 2, 8, so d = -0.5, -3, 9. */
static void test_weights_multiply_each_rows_loss(void)
{
	static const float weight[] = { 1, 0.25f, 0.5f };
	struct agent a;
	struct learn_stats stats;
	learn(&a, LOSS_HUBER, weight, &stats);
	CHECK_NEAR(stats.loss, (0.125 + 0.25 * 2.5 + 0.5 * 8.5) / 3, 1e-15);
	CHECK_NEAR(stats.q_mean, 4, 0); /* the rest knows no weights */
	CHECK_NEAR(stats.y_mean, 6.5 / 3, 1e-15);
	const double d_out[] = { -0.5 / 3, 0, 0, -0.25 / 3, 0, 0.5 / 3 };
	for (int i = 0; i < 6; i++)
		CHECK_NEAR(a.d_out[i], d_out[i], 1e-7);
	CHECK_NEAR(a.grad[0], -0.5 / 3 * 2, 1e-6);
	CHECK_NEAR(a.grad[1], (-0.25 * 2 + 0.5 * 4) / 3, 1e-6);
	CHECK_NEAR(a.grad[2], -0.5 / 3, 1e-6);
	CHECK_NEAR(a.grad[3], (-0.25 + 0.5) / 3, 1e-6);
	const double g[] = { -1 / 3., 0.5, -1 / 6., 0.25 / 3 };
	CHECK_NEAR(stats.grad_norm, sqrt(g[0] * g[0] + g[1] * g[1] + g[2] * g[2] + g[3] * g[3]), 1e-6);
	static const double td[] = { -0.5, -3, 9 };
	for (int i = 0; i < 3; i++)
		CHECK_NEAR(a.td_error[i], td[i], 0);
	agent_release(&a);

	learn(&a, LOSS_MSE, weight, &stats);
	CHECK_NEAR(stats.loss, (0.25 + 0.25 * 9 + 0.5 * 81) / 3, 1e-14);
	CHECK_NEAR(a.grad[0], -1. / 3 * 2, 1e-6);
	CHECK_NEAR(a.grad[1], (0.25 * -6 * 2 + 0.5 * 18 * 4) / 3, 1e-5);
	CHECK_NEAR(a.grad[2], -1. / 3, 1e-6);
	CHECK_NEAR(a.grad[3], (0.25 * -6 + 0.5 * 18) / 3, 1e-6);
	for (int i = 0; i < 3; i++)
		CHECK_NEAR(a.td_error[i], td[i], 0);
	agent_release(&a);
}

/* Weight and mean in double, rounded once. */
static void test_weights_come_before_the_mean(void)
{
	for (int i = 1; i < 20; i++) {
		const float w = 1 / (float)i, weight[] = { w, w, w };
		static const double slope[] = { -0.5, 0, 0, -1, 0, 1 };
		struct agent a;
		struct learn_stats stats;
		learn(&a, LOSS_HUBER, weight, &stats);
		for (int j = 0; j < 6; j++)
			CHECK(a.d_out[j] == (float)((double)w * slope[j] / 3));
		agent_release(&a);
	}
}

/* The mean is over the rows, not over the weights. */
static void test_halved_weights_halve_loss_and_gradient(void)
{
	static const float whole[] = { 1, 1, 1 }, half[] = { 0.5f, 0.5f, 0.5f }, none[] = { 0, 0, 0 };
	for (int loss = LOSS_HUBER; loss <= LOSS_MSE; loss++) {
		struct agent a, b, c;
		struct learn_stats sa, sb, sc;
		learn(&a, (enum loss)loss, whole, &sa);
		learn(&b, (enum loss)loss, half, &sb);
		learn(&c, (enum loss)loss, none, &sc);
		CHECK_NEAR(sb.loss, sa.loss / 2, 0);
		CHECK_NEAR(sc.loss, 0, 0);
		CHECK(sa.loss > 1 && sa.grad_norm > 0.5);
		for (int i = 0; i < 4; i++) {
			CHECK_NEAR(b.grad[i], a.grad[i] / 2, 0);
			CHECK_NEAR(c.grad[i], 0, 0);
		}
		agent_release(&a);
		agent_release(&b);
		agent_release(&c);
	}
}

int main(void)
{
	RUN(test_priority_is_td_error_plus_eps_to_alpha);
	RUN(test_new_items_have_the_largest_priority_so_far);
	RUN(test_of_duplicates_the_last_counts);
	RUN(test_strata_and_weights_by_hand);
	RUN(test_weights_in_numbers);
	RUN(test_weights_are_normalized_by_the_batch);
	RUN(test_row_i_comes_from_stratum_i_by_one_draw);
	RUN(test_frequencies_follow_the_priorities);
	RUN(test_batches_have_their_share_of_every_item);
	RUN(test_slots_not_in_use_are_never_drawn);
	RUN(test_n_step_returns_of_prioritized_draws);
	RUN(test_uniform_has_no_priorities);
	RUN(test_fresh_batch_has_weights_of_1);
	RUN(test_memory);
	RUN(test_weights_multiply_each_rows_loss);
	RUN(test_weights_come_before_the_mean);
	RUN(test_halved_weights_halve_loss_and_gradient);
	return test_end();
}
