/* Episodes in a child process that a resumed run replays or gives up, step by step in memory.
 * tests/cli_process_resume.sh has whole runs, and what is refused. */
#include "env/process.h"

#include "fixtures.h"

enum { LIMIT = 5 };

/* Observes the seed's last digit and the steps so far; the reward is their number. */
#define CHILD                                                                 \
	"read -r hello; echo 'env m 1 obs=2 actions=2 reward=0..9 limit=5'; " \
	"while read -r verb i a; do case $verb in "                           \
	"reset) x=${a#${a%?}}; n=0; echo \"obs 0 $x 0\";; "                   \
	"step) n=$((n + 1)); echo \"step 0 $n 0 0 $x $n\";; *) exit;; esac; done"

static struct train train;
static struct process children[2];

static void start_children(const struct config *c)
{
	struct err e = { 0 };
	const struct process_opts opts = { .command = c->command, .start_timeout_s = 60, .timeout_s = 60 };
	for (int i = 0; i < 2; i++)
		if (!process_start(&children[i], &opts, &e) || !process_hello(&children[i], &e))
			FAIL(e.msg);
	train_set_processes(&train, &children[0], &children[1]);
}

static void stop_children(void)
{
	for (int i = 0; i < 2; i++)
		process_stop(&children[i]);
}

static void begin(const char *keys)
{
	static struct config c;
	struct err e = { 0 };
	c = config_of("id=process command=x total_timesteps=100 learning_starts=90 buffer_size=20 net_arch=4 "
		      "batch_size=4 n_steps=3 gamma=0.5 eval_freq=0",
		keys);
	CHECK(config_set_value(&c, config_find("declaration"), "env m 1 obs=2 actions=2 reward=0..9 limit=5"));
	snprintf(c.command, sizeof(c.command), "%s", CHILD);
	if (!train_init(&train, &c, kernels_find(NULL), &e))
		FAIL(e.msg);
	start_children(&c);
}

static void end(void)
{
	stop_children();
	train_release(&train);
}

static void steps(int n)
{
	struct err e = { 0 };
	for (int i = 0; i < n; i++)
		if (!train_step(&train, &e))
			FAIL(e.msg);
}

static bool resume(void)
{
	struct err e = { 0 };
	const bool ok = train_resume(&train, &e);
	CHECK_STR(e.msg, "");
	return ok;
}

/* truncated of every slot, as digits */
static const char *truncations(void)
{
	static char s[100];
	for (size_t i = 0; i < train.replay.count; i++)
		s[i] = (char)('0' + train.replay.truncated[i * train.replay.n_bytes]);
	s[train.replay.count] = '\0';
	return s;
}

static void test_a_replayed_episode_goes_on_as_it_would_have(void)
{
	begin(NULL);
	steps(7);
	struct train before = train;
	const float obs[] = { train.obs[0], train.obs[1] };
	stop_children();
	start_children(&train.config);
	CHECK_INT(children[0].n_lines, 1);
	CHECK(resume());
	CHECK_INT(children[0].n_lines, 1 + 1 + 2); /* its declaration, a reset, two steps */
	CHECK_INT(children[1].n_lines, 1);
	CHECK(train.obs[0] == obs[0] && train.obs[1] == obs[1] && obs[1] == 2);
	CHECK_INT(train.env.elapsed_steps, 2);
	CHECK_INT(train.timesteps, before.timesteps);
	CHECK_INT(train.episodes, 1);
	CHECK(train.episode_return == 1 + 2);
	CHECK_STR(truncations(), "0000100");
	steps(1);
	CHECK(train.obs[1] == 3 && train.episode_return == 1 + 2 + 3);
	steps(2);
	CHECK_INT(train.episodes, 2);
	CHECK_STR(truncations(), "0000100001");
	end();
}

static void test_between_episodes_nothing_is_replayed(void)
{
	begin(NULL);
	steps(LIMIT);
	CHECK(!train.in_episode);
	const int64_t n_lines = children[0].n_lines;
	CHECK(resume());
	CHECK_INT(children[0].n_lines, n_lines);
	train.config.env_deterministic = false;
	CHECK(resume());
	CHECK_INT(children[0].n_lines, n_lines);
	CHECK_STR(truncations(), "00001");
	steps(1);
	CHECK_STR(truncations(), "000010");
	end();
}

/* The rewards of an episode are 1, 2, 3 ...: no sum goes from a dropped one into the next. */
static void test_no_return_goes_beyond_a_dropped_episode(void)
{
	begin("env_deterministic=false");
	steps(7);
	const uint64_t seed = train.episode_log.seed;
	const int64_t n_lines = children[0].n_lines;
	CHECK(resume());
	CHECK_INT(children[0].n_lines, n_lines);
	CHECK_STR(truncations(), "0000101");
	CHECK(!train.in_episode && train.episode_return == 0 && train.episode_length == 0);
	CHECK_INT(train.episodes, 1);
	steps(4);
	CHECK(train.episode_log.seed != seed);
	CHECK_INT(train.episode_log.n, 4);
	CHECK(train.episode_return == 1 + 2 + 3 + 4);
	CHECK_STR(truncations(), "00001010000");

	const struct {
		double reward, discount;
	} want[] = {
		[4] = { 5, 0.5 },
		[5] = { 1 + 0.5 * 2, 0.25 },
		[6] = { 2, 0.5 },
		[7] = { 1 + 0.5 * 2 + 0.25 * 3, 0.125 },
	};
	int seen[8] = { 0 };
	struct rng rng;
	rng_init(&rng, 1);
	for (int n = 0; n < 100; n++) {
		const struct batch *b = &train.batch;
		replay_sample(&train.replay, &rng, 3, 0.5, 1, &train.batch);
		for (size_t i = 0; i < b->size; i++) {
			const size_t slot = b->slot[i];
			if (slot < 4 || slot > 7)
				continue;
			seen[slot]++;
			CHECK_NEAR(b->reward[i], want[slot].reward, 1e-6);
			CHECK_NEAR(b->discount[i], want[slot].discount, 1e-6);
		}
	}
	CHECK(seen[4] && seen[5] && seen[6] && seen[7]);
	end();
}

static void test_the_newest_slot_of_a_ring_that_is_full(void)
{
	for (int n = 6; n <= 9; n++) {
		char want[] = "0000";
		begin("env_deterministic=false buffer_size=4");
		steps(n);
		want[(n - 1) % 4] = '1';
		if (n < 9)
			want[LIMIT - 1 - 4] = '1'; /* the end of the first episode, until the ninth step */
		CHECK(resume());
		CHECK_STR(truncations(), want);
		end();
	}
}

static void test_an_episode_without_a_step_marks_none(void)
{
	begin("env_deterministic=false");
	steps(3);
	train.episode_length = 0;
	CHECK(resume());
	CHECK_STR(truncations(), "000");
	CHECK(!train.in_episode);
	end();
}

static void test_a_built_in_needs_no_replay(void)
{
	struct config c = config_of(
		"net_arch=4 eval_freq=0 total_timesteps=10 learning_starts=8 batch_size=2", "env_deterministic=false");
	struct err e = { 0 };
	CHECK(train_init(&train, &c, kernels_find(NULL), &e));
	steps(3);
	CHECK(resume() && train.in_episode && train.episode_length == 3);
	CHECK_STR(truncations(), "000");
	train_release(&train);
}

int main(void)
{
	RUN(test_a_replayed_episode_goes_on_as_it_would_have);
	RUN(test_between_episodes_nothing_is_replayed);
	RUN(test_no_return_goes_beyond_a_dropped_episode);
	RUN(test_the_newest_slot_of_a_ring_that_is_full);
	RUN(test_an_episode_without_a_step_marks_none);
	RUN(test_a_built_in_needs_no_replay);
	return test_end();
}
