/* Checkpoints: a run that goes on from one comes to the same state, bit for bit, for
 * every component there is; and whatever else is in the file is refused.
 *
 * The witness of a state is its own checkpoint, of which check_complete shows that
 * it has all that decides the future: a train that was read from one and the train
 * it was written from, both driven on, are compared by their checkpoints at the end.
 * tests/mutations lists mistakes that this file catches. */
#include "run/checkpoint.h"
#include "run/weights.h"

#include "base/file.h"
#include "base/safetensors.h"
#include "run/weights.h"

#include "fixtures.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = CHECKPOINT_BUFFER_MIN, BYTES = 1 << 20 };

static char scratch[100];
static char path[150], previous[150];
static char buf[BUFFER];

static const char *const small = "total_timesteps=600 net_arch=8 batch_size=8 learning_starts=50 buffer_size=200 "
				 "target_update_interval=50 eval_freq=150 eval_episodes=2 final_eval_episodes=3 "
				 "log_interval=40";

static const char *const combinations[] = {
	"",
	"prioritized=true",
	"dueling=true double_q=true",
	"n_steps=5 prioritized=true per_alpha=1",
	"tau=0.01 target_update_interval=1 activation=tanh",
	"train_freq=7 gradient_steps=-1 log_interval=11",
	"gradient_steps=3 loss=mse reward_scale=0.1 max_grad_norm=0",
	"obs_scale=bounds learning_rate_schedule=linear exploration_schedule=exponential",
	"buffer_size=600 net_arch=none max_episode_steps=17",
	"buffer_size=8 net_arch=3,5,7 eval_freq=1 stop_return=400",
	"prioritized=true dueling=true double_q=true n_steps=3 buffer_size=64 train_freq=3 eval_freq=0",
	"stop_return=1 stop_episodes=3",
	"ema_decay=0.9 clip_targets=true initial_q=100",
	"id=CartPole-v0 gradient_steps=0",
	"exploration_repeat=30 exploration_final_eps=0.5",
};
enum { N_COMBINATIONS = sizeof(combinations) / sizeof(combinations[0]) };

static void drive(struct train *t, int64_t timesteps)
{
	struct err e;
	bool ok = true;
	while (ok && t->timesteps < timesteps && !train_is_finished(t))
		ok = train_step(t, &e);
	CHECK(ok);
}

struct bytes {
	char *p;
	size_t len;
};

static struct bytes saved(struct train *t, const struct marks *m)
{
	struct err e = { .msg = "" };
	struct bytes b = { NULL, 0 };
	if (!checkpoint_save(NULL, path, previous, t, m, buf, sizeof(buf), &e) ||
		!file_read(path, BYTES, &b.p, &b.len, &e)) {
		FAIL(e.msg);
		abort();
	}
	return b;
}

static bool load(const struct bytes *b, struct train *t, struct marks *m, struct err *e)
{
	*e = (struct err){ .msg = "" };
	struct st_file st;
	return st_open_bytes(&st, "x", b->p, b->len, e) && checkpoint_load(&st, t, m, e);
}

static bool load_file(const char *name, struct train *t, struct marks *m, struct err *e)
{
	struct st_file st;
	return st_open(&st, NULL, name, e) && checkpoint_load(&st, t, m, e);
}

static const struct marks some_marks = { { 101, 202, 303, 404 }, 12.75 };

/* Both come to the same end. */
static void check_same_future(struct train *a, struct train *b)
{
	const int64_t end = a->config.total_timesteps;
	const bool more = !train_is_finished(a);
	drive(a, end);
	drive(b, end);
	CHECK(train_is_finished(a) && train_is_finished(b));
	struct bytes of_a = saved(a, &some_marks), of_b = saved(b, &some_marks);
	CHECK_INT(of_a.len, of_b.len);
	CHECK(of_a.len == of_b.len && memcmp(of_a.p, of_b.p, of_a.len) == 0);
	struct eval_stats final_a = { 0 }, final_b = { 0 };
	struct err e;
	CHECK(train_final_eval(a, &final_a, &e) && train_final_eval(b, &final_b, &e));
	CHECK(memcmp(&final_a, &final_b, sizeof(final_a)) == 0);
	if (more)
		CHECK(memcmp(&a->log, &b->log, sizeof(a->log)) == 0);
	if (a->config.prioritized)
		CHECK(memcmp(a->replay.tree.node + 1, b->replay.tree.node + 1,
			      (2 * a->replay.tree.n_leaves - 1) * sizeof(double)) == 0);
	CHECK_INT(a->replay.n_terminated, b->replay.n_terminated);
	free(of_a.p);
	free(of_b.p);
}

/* Fields whose loss would not change the rest of a run: they are compared one by one. */
static void check_what_futures_hide(const struct train *a, const struct train *b)
{
	const size_t n = a->replay.count * a->replay.n_bytes;
	CHECK(b->first_q == a->first_q && b->best_std == a->best_std);
	CHECK(b->first_mean == a->first_mean && b->best_mean == a->best_mean);
	CHECK(b->has_mean == a->has_mean && b->warning == a->warning);
	CHECK(!a->has_best || same(b->best, a->best, a->agent.policy.net.n_params));
	CHECK(memcmp(b->replay.terminated, a->replay.terminated, n) == 0);
}

/* --- going on --- */

static void test_every_combination_goes_on_from_anywhere(void)
{
	static const int64_t moments[] = { 0, 1, 49, 50, 51, 63, 150, 199, 201, 333, 599, 600 };
	for (int i = 0; i < N_COMBINATIONS; i++) {
		const struct config c = config_of(small, combinations[i]);
		struct train *whole = train_start(&c); /* never saved before the end */
		struct eval_stats final;
		struct err e;
		drive(whole, c.total_timesteps);
		CHECK(train_final_eval(whole, &final, &e)); /* as check_same_future does */
		struct bytes end = saved(whole, &some_marks);
		for (size_t k = 0; k < sizeof(moments) / sizeof(moments[0]); k++) {
			struct train *a = train_start(&c), *b = train_start(&c);
			struct marks m = { .wall_s = 0 };
			drive(a, moments[k]);
			struct bytes file = saved(a, &some_marks);
			drive(b, 77); /* what was there before must not matter */
			memset(b->replay.terminated, 1, b->replay.count * b->replay.n_bytes);
			CHECK(load(&file, b, &m, &e));
			CHECK_STR(e.msg, "");
			CHECK_INT(b->timesteps, a->timesteps);
			CHECK_INT(b->stopped, a->stopped);
			CHECK_INT(b->best_row.n_updates, a->best_row.n_updates);
			CHECK_INT(b->best_row.is_best, a->best_row.is_best);
			CHECK(memcmp(&b->best_row.stats, &a->best_row.stats, sizeof(a->best_row.stats)) == 0);
			check_what_futures_hide(a, b);
			CHECK(memcmp(&m, &some_marks, sizeof(m)) == 0);
			struct bytes again = saved(b, &some_marks);
			CHECK(again.len == file.len && memcmp(again.p, file.p, file.len) == 0);
			check_same_future(a, b);
			struct bytes end_a = saved(a, &some_marks);
			CHECK(end_a.len == end.len && memcmp(end_a.p, end.p, end.len) == 0);
			free(file.p);
			free(again.p);
			free(end_a.p);
			train_end(a);
			train_end(b);
		}
		free(end.p);
		train_end(whole);
	}
}

static void test_an_interrupted_step_goes_on(void)
{
	for (int i = 0; i < N_COMBINATIONS; i++) {
		const struct config c = config_of(small, combinations[i]);
		struct train *whole = train_start(&c), *cut = train_start(&c);
		volatile sig_atomic_t stop = 0;
		int n_interrupted[N_PHASES] = { 0 };
		int64_t n_episodes = 0, n_cut_episodes = 0;
		cut->stop = &stop;
		while (!train_is_finished(cut)) {
			struct err e;
			stop = cut->timesteps % 3 == 0 && cut->phase == PHASE_COLLECT;
			const int64_t due = cut->updates_due;
			CHECK(train_step(cut, &e));
			n_episodes += cut->events & TRAIN_EPISODE ? 1 : 0;
			if (cut->events & TRAIN_INTERRUPTED) {
				n_cut_episodes += cut->events & TRAIN_EPISODE ? 1 : 0;
				CHECK_INT(cut->events & ~TRAIN_EPISODE, TRAIN_INTERRUPTED);
				CHECK(stop && due == 0);
				n_interrupted[cut->phase]++;
				struct bytes file = saved(cut, &some_marks);
				struct marks m;
				train_end(cut);
				cut = train_start(&c);
				cut->stop = &stop;
				CHECK(load(&file, cut, &m, &e));
				CHECK_STR(e.msg, "");
				free(file.p);
			}
		}
		CHECK_INT(n_interrupted[PHASE_COLLECT], 0);
		CHECK_INT(n_episodes, cut->episodes); /* each is reported once */
		CHECK(n_cut_episodes > 0 || n_interrupted[PHASE_LEARN] == 0);
		CHECK((n_interrupted[PHASE_LEARN] > 0) == (c.gradient_steps != 0 && c.train_freq % 3 != 0));
		cut->stop = NULL;
		check_same_future(whole, cut);
		train_end(whole);
		train_end(cut);
	}
}

static void test_an_evaluation_that_is_stopped_before_an_episode_has_ended(void)
{
	const struct config c = config_of(small, "gradient_steps=0 eval_freq=60 stop_return=1 stop_episodes=2");
	struct train *t = train_start(&c);
	struct err e;
	volatile sig_atomic_t stop = 0;
	drive(t, 59);
	t->stop = &stop;
	stop = 1;
	CHECK(train_step(t, &e));
	CHECK_INT(t->events, TRAIN_INTERRUPTED);
	CHECK_INT(t->phase, PHASE_REPORT);
	CHECK_INT(t->timesteps, 60);
	CHECK(!t->has_best && !t->stopped && !train_is_finished(t));
	CHECK(train_step(t, &e)); /* still stopped: still nothing */
	CHECK_INT(t->events, TRAIN_INTERRUPTED);
	CHECK_INT(t->timesteps, 60);
	stop = 0;
	CHECK(train_step(t, &e));
	CHECK_INT(t->events & (TRAIN_EVALUATED | TRAIN_FINISHED), TRAIN_EVALUATED | TRAIN_FINISHED);
	CHECK(t->has_best && t->stopped);
	struct eval_stats stats;
	stop = 1;
	CHECK(!train_final_eval(t, &stats, &e));
	stop = 0;
	CHECK(train_final_eval(t, &stats, &e));
	train_end(t);
}

/* Saved and loaded after every few episodes of every evaluation, the final one too. */
static void test_an_evaluation_goes_on_from_its_episodes(void)
{
	const struct config c =
		config_of(small, "eval_freq=60 eval_episodes=40 stop_return=1 stop_episodes=33 final_eval_episodes=50");
	struct train *whole = train_start(&c), *cut = train_start(&c);
	struct eval_stats want = { 0 }, got = { 0 };
	struct err e;
	int n_cut = 0;
	bool over = false;
	drive(whole, 60);
	CHECK(whole->stopped && train_final_eval(whole, &want, &e));
	while (!over) {
		struct marks m;
		cut->yields = true;
		if (train_is_finished(cut))
			over = train_final_eval(cut, &got, &e);
		else
			CHECK(train_step(cut, &e));
		if (cut->timesteps < 60)
			continue;
		struct bytes file = saved(cut, &some_marks);
		train_end(cut);
		cut = train_start(&c);
		CHECK(load(&file, cut, &m, &e));
		CHECK_STR(e.msg, "");
		free(file.p);
		n_cut++;
	}
	CHECK_INT(n_cut, 3 + 2 + 4); /* 40 in threes of 16 at most; 33 begin with the last */
	CHECK(memcmp(&got, &want, sizeof(got)) == 0);
	CHECK(memcmp(cut->final_returns, whole->final_returns, 50 * sizeof(double)) == 0);
	CHECK(memcmp(&cut->best_row, &whole->best_row, sizeof(cut->best_row)) == 0);
	struct bytes of_a = saved(whole, &some_marks), of_b = saved(cut, &some_marks);
	CHECK(of_a.len == of_b.len && memcmp(of_a.p, of_b.p, of_a.len) == 0);
	free(of_a.p);
	free(of_b.p);
	train_end(whole);
	train_end(cut);
}

/* As a weights file a checkpoint is the network that evaluations judge. */
static void test_the_weights_of_a_checkpoint(void)
{
	for (int i = 0; i < 2; i++) {
		struct config c =
			config_of(small, "dueling=true net_arch=8,4 seed=3 eval_max_episode_steps=77 obs_scale=bounds");
		c.ema_decay = i == 0 ? 0 : 0.9;
		struct train *t = train_start(&c);
		struct weights w;
		struct err e = { .msg = "" };
		drive(t, 150);
		struct bytes file = saved(t, &some_marks);
		CHECK(weights_parse(&w, NULL, "x", file.p, file.len, &e));
		CHECK_STR(e.msg, "");
		CHECK_STR(w.part, i == 0 ? "agent.online" : "agent.average");
		CHECK((memcmp(t->agent.average, t->agent.online, sizeof(float)) != 0) == i);
		CHECK(memcmp(&w.net, &t->agent.policy.net, sizeof(w.net)) == 0);
		CHECK(memcmp(w.params, t->agent.average, w.net.n_params * sizeof(float)) == 0);
		CHECK(memcmp(w.obs_scale, t->eval_envs.proto.obs_scale, 4 * sizeof(float)) == 0);
		CHECK_INT(w.max_episode_steps, 77);
		CHECK_INT(w.timesteps, 150);
		CHECK(w.env == t->env.ops);
		weights_release(&w);
		free(file.p);
		train_end(t);
	}
}

/* Counters as far as they go: 2^53 steps, and as many updates as they can have. */
static void test_counters_near_their_limits(void)
{
	const struct config c =
		config_of(small, "total_timesteps=9007199254740992 log_interval=7 exploration_fraction=1 "
				 "learning_rate_schedule=linear prioritized=true buffer_size=100");
	struct train *a = train_start(&c), *b = train_start(&c);
	struct err e;
	struct marks m;
	drive(a, 300);
	a->timesteps = c.total_timesteps - 250;
	a->episodes = a->timesteps - 100;
	a->agent.adam.t = UINT64_MAX - 100; /* wraps to 0 and beyond */
	const struct marks far = { { INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX }, 1e15 };
	struct bytes file = saved(a, &far);
	CHECK(load(&file, b, &m, &e));
	CHECK_STR(e.msg, "");
	CHECK(memcmp(&m, &far, sizeof(m)) == 0);
	CHECK_INT(b->agent.adam.t, -101);
	int n_rows = 0;
	while (!train_is_finished(a)) {
		CHECK(train_step(a, &e));
		n_rows += (a->events & TRAIN_LOGGED) != 0;
		CHECK(a->agent.adam.t == 0 || isfinite(a->sum.loss));
	}
	CHECK(n_rows >= 250 / 7);
	CHECK_INT(a->timesteps, INT64_C(9007199254740992));
	CHECK_INT(a->log.timesteps, INT64_C(9007199254740992));
	CHECK_NEAR(a->log.exploration_rate, 0.05, 1e-12);
	CHECK_NEAR(a->log.learning_rate, 0, 1e-15);
	free(file.p);
	check_same_future(a, b);
	train_end(a);
	train_end(b);
}

/* --- what is refused --- */

/* A file as small as can be, for what is tried at every byte. */
static struct bytes tiny(struct train **t)
{
	static struct config c;
	c = config_of(small, "net_arch=1 buffer_size=8 prioritized=true");
	*t = train_start(&c);
	drive(*t, 70);
	return saved(*t, &some_marks);
}

static void check_refused(const struct bytes *b, struct train *t, size_t where)
{
	struct err e;
	struct marks m;
	const bool ok = load(b, t, &m, &e);
	CHECK(!ok && e.kind == ERR_CORRUPT && strncmp(e.msg, "'x'", 3) == 0);
	if (ok || e.kind != ERR_CORRUPT)
		printf("byte %zu: %s\n", where, ok ? "accepted" : e.msg);
}

static void test_every_cut_is_refused(void)
{
	struct train *t;
	struct bytes b = tiny(&t);
	for (size_t len = 0; len < b.len; len++) {
		char *copy = malloc(len ? len : 1); /* so that a read beyond it is seen */
		memcpy(copy, b.p, len);
		const struct bytes cut = { copy, len };
		check_refused(&cut, t, len);
		free(copy);
	}
	char *longer = calloc(1, b.len + 8);
	memcpy(longer, b.p, b.len);
	for (size_t more = 1; more <= 8; more++) {
		const struct bytes with_more = { longer, b.len + more };
		check_refused(&with_more, t, b.len + more);
	}
	free(longer);
	free(b.p);
	train_end(t);
}

static void test_every_flip_is_refused(void)
{
	struct train *t;
	struct bytes b = tiny(&t);
	for (size_t i = 0; i < b.len; i++) {
		const char flip = (char)(1 << i % 8);
		b.p[i] ^= flip;
		check_refused(&b, t, i);
		b.p[i] ^= flip;
	}
	struct err e;
	struct marks m;
	CHECK(load(&b, t, &m, &e)); /* the train is none the worse for it */
	CHECK_INT(t->timesteps, 70);
	free(b.p);
	train_end(t);
}

/* A file with a right checksum whose run has one value that would crash or hang it. */
#define CHECK_IMPOSSIBLE(change, piece)                                                   \
	do {                                                                              \
		struct train *t = train_start(&c), *into = train_start(&c);               \
		struct marks m = some_marks, got;                                         \
		struct err e;                                                             \
		drive(t, 100);                                                            \
		change;                                                                   \
		struct bytes b = saved(t, &m);                                            \
		CHECK(!load(&b, into, &got, &e));                                         \
		CHECK_INT(e.kind, ERR_CORRUPT);                                           \
		CHECK(strstr(e.msg, piece) != NULL);                                      \
		if (!strstr(e.msg, piece))                                                \
			printf("'%s' instead of '%s' after %s\n", e.msg, piece, #change); \
		free(b.p);                                                                \
		train_end(t);                                                             \
		train_end(into);                                                          \
	} while (0)

/* Bytes that are booleans become 0 or 1, as any other value of a bool is undefined. */
static void test_booleans_are_made_valid(void)
{
	const struct config c = config_of(small, "");
	struct train *t = train_start(&c), *into = train_start(&c);
	struct marks m;
	struct err e;
	drive(t, 100);
	t->replay.terminated[5 * t->replay.n_bytes] = 2;
	memset(&t->stopped, 255, 1);
	struct bytes b = saved(t, &some_marks);
	CHECK(load(&b, into, &m, &e));
	CHECK_INT(into->replay.terminated[5 * into->replay.n_bytes], 1);
	CHECK_INT(*(unsigned char *)&into->stopped, 1);
	free(b.p);
	train_end(t);
	train_end(into);
}

static void test_a_full_ring_has_no_slot_beyond_it(void)
{
	const struct config c = config_of(small, "buffer_size=50");
	CHECK_IMPOSSIBLE(t->replay.next = 50, "replay");
}

static void test_impossible_states_are_refused(void)
{
	const struct config c = config_of(small, "prioritized=true ema_decay=0.9");
	const float nan = NAN;
	CHECK_IMPOSSIBLE(t->replay.next = 200, "replay");
	CHECK_IMPOSSIBLE(t->replay.next = 99, "replay");
	CHECK_IMPOSSIBLE(t->replay.action[99 * t->replay.n_words] = 2, "replay");
	CHECK_IMPOSSIBLE(t->replay.action[0] = -1, "replay");
	CHECK_IMPOSSIBLE(t->replay.tree.node[t->replay.tree.n_leaves] = 0, "replay");
	CHECK_IMPOSSIBLE(t->replay.tree.node[t->replay.tree.n_leaves] = -1, "replay");
	CHECK_IMPOSSIBLE(t->replay.tree.node[t->replay.tree.n_leaves] = (double)nan, "replay");
	CHECK_IMPOSSIBLE(t->replay.tree.node[t->replay.tree.n_leaves] = 1e300, "replay");
	CHECK_IMPOSSIBLE(t->replay.max_priority = 0, "replay");
	CHECK_IMPOSSIBLE(t->env.elapsed_steps = -1, "environment");
	CHECK_IMPOSSIBLE(t->env.elapsed_steps = 500, "environment");
	CHECK_IMPOSSIBLE(((double *)(void *)t->env.state.bytes)[2] = 1e300, "environment");
	CHECK_IMPOSSIBLE(((double *)(void *)t->env.state.bytes)[1] = (double)nan, "environment");
	CHECK_IMPOSSIBLE(t->env_rng.inc[0] = 2, "generator");
	CHECK_IMPOSSIBLE(t->stream[N_STREAMS - 1].inc[0] = 0, "generator");
	CHECK_IMPOSSIBLE(t->timesteps = 601, "counters");
	CHECK_IMPOSSIBLE(t->timesteps = -1, "counters");
	CHECK_IMPOSSIBLE(t->episodes = 101, "counters");
	CHECK_IMPOSSIBLE(t->episodes = -1, "counters");
	CHECK_IMPOSSIBLE(t->episode_length = -1, "counters");
	CHECK_IMPOSSIBLE(t->replay.count = t->replay.next = 0, "counters");
	CHECK_IMPOSSIBLE(t->phase = N_PHASES, "phase");
	CHECK_IMPOSSIBLE(t->phase = -1, "phase");
	CHECK_IMPOSSIBLE(t->updates_due = 2, "phase");
	CHECK_IMPOSSIBLE(t->updates_due = -1, "phase");
	CHECK_IMPOSSIBLE(t->warning = N_WARNINGS, "counters");
	CHECK_IMPOSSIBLE(t->n_sum = INT64_MAX, "counters");
	CHECK_IMPOSSIBLE(t->episode_length = INT64_MAX, "counters");
	CHECK_IMPOSSIBLE(t->eval_state.n = -1, "evaluation");
	CHECK_IMPOSSIBLE(t->stop_state.n = 0.5, "evaluation");
	CHECK_IMPOSSIBLE(t->final_state.n = 1e18, "evaluation");
	CHECK_IMPOSSIBLE(t->final_state.n = (double)nan, "evaluation");
}

/* Of a child process: what it is asked to replay. */
static void test_actions_of_an_episode_under_way(void)
{
	struct config c = config_of(small, "id=process command=x");
	CHECK(config_set_value(&c, config_find("declaration"), "env x 1 obs=4 actions=3 reward=0..1 limit=5"));
	const struct {
		int64_t n;
		int32_t action;
		const char *piece;
	} cases[] = { { 3, 0, NULL }, { 3, 2, NULL }, { 0, 0, NULL }, { 5, 2, NULL }, { 3, 3, "environment" },
		{ 3, -1, "environment" }, { 1, INT32_MAX, "environment" } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct train *t = train_start(&c), *into = train_start(&c);
		struct episode_log *log = &t->episode_log;
		struct marks m;
		struct err e;
		t->in_episode = true;
		log->seed = UINT64_MAX;
		log->n = cases[i].n;
		for (int k = 0; k < log->n; k++)
			log->action[k] = k + 1 < log->n ? 1 : cases[i].action;
		for (int k = 0; k <= log->n; k++)
			log->sum[k] = -k;
		struct bytes b = saved(t, &some_marks);
		const bool ok = load(&b, into, &m, &e);
		CHECK_INT(ok, !cases[i].piece);
		CHECK(!cases[i].piece || (e.kind == ERR_CORRUPT && strstr(e.msg, cases[i].piece) != NULL));
		if (ok) {
			const struct episode_log *got = &into->episode_log;
			CHECK_INT(got->n, log->n);
			CHECK(into->in_episode && got->seed == UINT64_MAX);
			CHECK(memcmp(got->action, log->action, (size_t)log->n * 4) == 0);
			CHECK(memcmp(got->sum, log->sum, (size_t)(log->n + 1) * 4) == 0);
		}
		free(b.p);
		train_end(t);
		train_end(into);
	}
}

static void test_another_configuration_is_refused(void)
{
	static const char *const others[] = { "seed=2", "total_timesteps=601", "net_arch=9", "prioritized=true",
		"dueling=true", "buffer_size=201", "ema_decay=0.9" };
	const struct config c = config_of(small, "");
	struct train *t = train_start(&c);
	drive(t, 100);
	struct bytes b = saved(t, &some_marks);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		const struct config other = config_of(small, others[i]);
		struct train *into = train_start(&other);
		struct marks m;
		struct err e;
		char key[50];
		snprintf(key, sizeof(key), "(%.*s: ", (int)strcspn(others[i], "="), others[i]);
		CHECK(!load(&b, into, &m, &e));
		CHECK_INT(e.kind, ERR_BUSY);
		CHECK(strstr(e.msg, key) != NULL);
		train_end(into);
	}
	struct config later = c;
	later.checkpoint_interval = 1;
	struct train *into = train_start(&later);
	struct marks m;
	struct err e;
	CHECK(load(&b, into, &m, &e));
	free(b.p);
	train_end(into);
	train_end(t);
}

static void test_other_files_are_refused(void)
{
	const struct config c = config_of(small, "");
	struct train *t = train_start(&c);
	struct marks m;
	struct err e;
	const size_t size = weights_buffer_size(&t->agent.policy.net);
	char *weights = malloc(size);
	const struct bytes b = { weights,
		build_weights(&c, &t->agent.policy.net, t->obs_scale, t->agent.online, 1, 1, weights, size) };
	CHECK(!load(&b, t, &m, &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
	CHECK(strstr(e.msg, "not a checkpoint") != NULL);
	free(weights);

	CHECK(!load_file(scratch, t, &m, &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
	CHECK(strstr(e.msg, "is not a file") != NULL);
	char fifo[200];
	snprintf(fifo, sizeof(fifo), "%s/fifo", scratch);
	CHECK_INT(mkfifo(fifo, 0666), 0);
	CHECK(!load_file(fifo, t, &m, &e)); /* and does not wait */
	CHECK(strstr(e.msg, "is not a file") != NULL);
	CHECK_INT(unlink(fifo), 0);
	CHECK(!load_file("/dev/null", t, &m, &e));
	CHECK(strstr(e.msg, "is not a file") != NULL);
	CHECK(!load_file(fifo, t, &m, &e));
	CHECK_INT(e.kind, ERR_RUN);
	train_end(t);
}

/* A checkpoint of t, written again with a right checksum: one pair of the metadata changed,
 * one tensor more. What the reader says of it. */
static const char *rewritten(struct train *t, const char *key, const char *value, bool one_more, enum err_kind *kind)
{
	static struct err e;
	static float zero;
	struct bytes from = saved(t, &some_marks), to = { malloc(from.len + 1000), 0 };
	struct st_file st;
	struct marks m;
	int n = 0;
	CHECK(to.p && st_open_bytes(&st, "x", from.p, from.len, &e));
	for (int i = 0; i < st.n_metadata; i++) {
		const struct st_metadata pair = st.metadata[i];
		if (strcmp(pair.key, "dqn_sha256_v2") != 0)
			st.metadata[n++] =
				(struct st_metadata){ pair.key, strcmp(pair.key, key) == 0 ? value : pair.value };
	}
	st.n_metadata = n;
	if (one_more)
		st.tensor[st.n_tensors++] = (struct st_tensor){ .name = "more", .n_values = 1, .values = &zero };
	to.len = st_write(&st, NULL, to.p, from.len + 1000, &e);
	st_close(&st);
	e = (struct err){ .msg = "" };
	load(&to, t, &m, &e);
	free(from.p);
	free(to.p);
	*kind = e.kind;
	return e.msg;
}

static void test_a_file_written_by_another_program(void)
{
	const struct config c = config_of(small, "");
	struct train *t = train_start(&c);
	enum err_kind kind;
	drive(t, 20);
	CHECK_STR(rewritten(t, "", "", false, &kind), "");
	CHECK(strstr(rewritten(t, "format", "pt", false, &kind), "not a checkpoint") != NULL);
	CHECK(strstr(rewritten(t, "format_version", "3", false, &kind), "format_version") != NULL);
	CHECK_INT(kind, ERR_CORRUPT);
	CHECK(strstr(rewritten(t, "", "", true, &kind), "not the tensors of such a run") != NULL);
	CHECK_INT(kind, ERR_CORRUPT);
	train_end(t);
}

/* A terabyte of zeros, which takes no room, behind a header that is right: not read. */
static void test_a_file_of_a_terabyte_is_refused_at_once(void)
{
	const struct config c = config_of(small, ""), d = config_of(small, "seed=2");
	static char config[CONFIG_TEXT_MAX];
	struct train *t = train_start(&c);
	struct text text;
	struct marks m;
	struct err e;
	const size_t size = (size_t)1 << 30 << 10;
	for (int is_ours = 0; is_ours < 2; is_ours++) {
		text = text_into(config, sizeof(config));
		config_print_deciding(is_ours ? &c : &d, &text);
		text = text_into(buf + ST_LENGTH_BYTES, sizeof(buf) - ST_LENGTH_BYTES);
		text_add(&text,
			"{\"__metadata__\":{\"format\":\"dqn checkpoint\",\"format_version\":\"%s\","
			"\"dqn_sha256_v2\":\"%064d\",\"config\":",
			CHECKPOINT_FORMAT_VERSION, 0);
		text_add_json_string(&text, config);
		text_add(&text, "},\"replay.obs\":{\"dtype\":\"U8\",\"shape\":[%zu],\"data_offsets\":[0,%zu]}}", size,
			size);
		CHECK(!text.full);
		for (int i = 0; i < ST_LENGTH_BYTES; i++)
			buf[i] = (char)((uint64_t)text.len >> 8 * i & 0xff);
		const size_t n = ST_LENGTH_BYTES + text.len;
		FILE *f = fopen(path, "wb");
		CHECK(f && fwrite(buf, 1, n, f) == n && fclose(f) == 0);
		if (truncate(path, (off_t)(n + size)) != 0) {
			printf("# no such files here\n");
			break;
		}
		alarm(60);
		CHECK(!load_file(path, t, &m, &e));
		alarm(0);
		CHECK_INT(e.kind, is_ours ? ERR_CORRUPT : ERR_BUSY);
	}
	unlink(path);
	train_end(t);
}

/* --- the file --- */

static void test_the_file_before_stays_until_the_new_one_is_there(void)
{
	const struct config c = config_of(small, "");
	struct train *t = train_start(&c), *into = train_start(&c);
	struct marks m;
	struct err e;
	char blocked[200];
	unlink(path);
	unlink(previous);
	free(saved(t, &some_marks).p);
	CHECK(file_exists(NULL, path) && !file_exists(NULL, previous));
	drive(t, 10);
	free(saved(t, &some_marks).p);
	CHECK(load_file(path, into, &m, &e) && into->timesteps == 10);
	CHECK(load_file(previous, into, &m, &e) && into->timesteps == 0);
	drive(t, 20);
	snprintf(blocked, sizeof(blocked), "%s.tmp", path);
	CHECK_INT(mkdir(blocked, 0777), 0);
	CHECK(!checkpoint_save(NULL, path, previous, t, &some_marks, buf, sizeof(buf), &e));
	CHECK_INT(rmdir(blocked), 0);
	CHECK(load_file(path, into, &m, &e) && into->timesteps == 10);
	CHECK(load_file(previous, into, &m, &e) && into->timesteps == 0);
	CHECK(checkpoint_max_size(t) >= (uint64_t)BUFFER);
	train_end(t);
	train_end(into);
}

static void test_it_is_no_larger_than_was_said(void)
{
	for (int i = 0; i < N_COMBINATIONS; i++) {
		const struct config c = config_of(small, combinations[i]);
		struct train *t = train_start(&c);
		const uint64_t most = checkpoint_max_size(t);
		drive(t, 600);
		struct bytes b = saved(t, &some_marks);
		CHECK(b.len <= most && b.len + BUFFER >= most);
		free(b.p);
		train_end(t);
	}
}

int main(void)
{
	/* In memory if there is a file system for that: each file is flushed. */
	snprintf(scratch, sizeof(scratch), "%s/test_checkpoint.XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(scratch))
		return 1;
	snprintf(path, sizeof(path), "%s/c", scratch);
	snprintf(previous, sizeof(previous), "%s/p", scratch);
	RUN(test_every_combination_goes_on_from_anywhere);
	RUN(test_an_interrupted_step_goes_on);
	RUN(test_an_evaluation_that_is_stopped_before_an_episode_has_ended);
	RUN(test_an_evaluation_goes_on_from_its_episodes);
	RUN(test_the_weights_of_a_checkpoint);
	RUN(test_counters_near_their_limits);
	RUN(test_every_cut_is_refused);
	RUN(test_every_flip_is_refused);
	RUN(test_booleans_are_made_valid);
	RUN(test_a_full_ring_has_no_slot_beyond_it);
	RUN(test_impossible_states_are_refused);
	RUN(test_actions_of_an_episode_under_way);
	RUN(test_another_configuration_is_refused);
	RUN(test_other_files_are_refused);
	RUN(test_a_file_written_by_another_program);
	RUN(test_a_file_of_a_terabyte_is_refused_at_once);
	RUN(test_the_file_before_stays_until_the_new_one_is_there);
	RUN(test_it_is_no_larger_than_was_said);
	unlink(path);
	unlink(previous);
	rmdir(scratch);
	return test_end();
}
