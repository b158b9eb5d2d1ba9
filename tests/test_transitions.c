/* Transitions as CSV: what is printed reads back to the same bits, a log becomes the transitions
 * that took place, and every mistake is named. Files are written as their authors would. */
#include "run/transitions.h"

#include "plain_envs.h"
#include "test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { SLOTS = 16 };

/* Reads a text of len bytes; the caller releases *r. */
static bool read_bytes(const struct transitions_opts *o, const char *text, size_t len, size_t slots, struct replay *r,
	struct transitions_found *found, struct err *e)
{
	FILE *f = tmpfile();
	*e = (struct err){ 0 };
	if (!f || fwrite(text, 1, len, f) != len || fflush(f) != 0 || lseek(fileno(f), 0, SEEK_SET) != 0) {
		FAIL("a temporary file");
		return false;
	}
	CHECK(replay_init(r, slots, (size_t)o->ops->obs_dim, env_mask_dim(o->ops), NULL, e));
	const bool ok = transitions_read(fileno(f), "demo.csv", o, r, found, e);
	fclose(f);
	return ok;
}

/* "0 1>2 a0 r1 tu": obs, next_obs, action, reward and flags of each transition. */
static const char *describe(const struct replay *r)
{
	static char buf[2000];
	struct text t;
	t = text_into(buf, sizeof(buf));
	for (size_t i = 0; i < r->count; i++) {
		const size_t words = i * r->n_words, bytes = i * r->n_bytes;
		text_add(&t, "%s", i > 0 ? "; " : "");
		for (size_t k = 0; k < r->obs_dim; k++) {
			text_add(&t, k > 0 ? " " : "");
			text_add_real(&t, (double)r->obs[words + k]);
		}
		for (size_t k = 0; k < r->obs_dim; k++) {
			text_add(&t, k > 0 ? " " : ">");
			text_add_real(&t, (double)r->next_obs[words + k]);
		}
		text_add(&t, " a%d r", r->action[words]);
		text_add_real(&t, (double)r->reward[words]);
		const bool terminated = r->terminated[bytes], truncated = r->truncated[bytes];
		text_add(&t, "%s%s%s", terminated || truncated ? " " : "", terminated ? "t" : "", truncated ? "u" : "");
		if (r->masks)
			text_add(&t, " %d>%d", r->masks[bytes], r->next_masks[bytes]);
	}
	return buf;
}

static void check_read(const struct env_ops *ops, const char *text, const char *want, int left_out)
{
	const struct transitions_opts o = { ops, ones, 1, NULL };
	struct transitions_found found;
	struct replay r;
	struct err e;
	if (!read_bytes(&o, text, strlen(text), SLOTS, &r, &found, &e)) {
		FAIL(e.msg);
	} else {
		CHECK_STR(describe(&r), want);
		CHECK_INT(found.n_stored, r.count);
		CHECK_INT(found.n_left_out, left_out);
	}
	replay_release(&r);
}

static void check_error(const struct env_ops *ops, const char *text, const char *message)
{
	const struct transitions_opts o = { ops, ones, 1, NULL };
	struct transitions_found found;
	struct replay r;
	struct err e;
	CHECK(!read_bytes(&o, text, strlen(text), SLOTS, &r, &found, &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
	CHECK_STR(e.msg, message);
	replay_release(&r);
}

/* --- printing and reading back --- */

static float random_float(struct rng *rng)
{
	static const float odd[] = { 0, -0.0f, 1, FLT_MAX, -FLT_MAX, FLT_MIN, 1e-45f, -1e-40f };
	const uint64_t x = rng_u64(rng);
	const uint32_t bits = (uint32_t)(x >> 32);
	float f;
	if (x % 4 == 0)
		return odd[x / 4 % (sizeof(odd) / sizeof(odd[0]))];
	memcpy(&f, &bits, sizeof(f));
	return isfinite(f) ? f : 0.1f;
}

/* Random transitions of `masked`, as a file with or without Q values. */
static void check_round_trip(bool with_q)
{
	enum { N = 5000 };
	const struct transitions_opts o = { &masked, ones, 1, NULL };
	const size_t line = transition_size(&masked);
	char *buf = malloc(N * line + line);
	struct replay want, got;
	struct transitions_found found;
	struct rng rng;
	struct text t;
	struct err e;
	float obs = 0.5f;
	uint8_t mask[3] = { 1, 1, 1 };
	bool cut = true;
	rng_init(&rng, 1);
	CHECK(buf && replay_init(&want, N, 1, 3, NULL, &e));
	t = text_into(buf, N * line + line);
	transition_print_header(&masked, with_q, &t);
	for (int i = 0; i < N; i++) {
		const uint64_t x = rng_u64(&rng);
		const float next_obs = random_float(&rng);
		const float q[3] = { random_float(&rng), 1, -2 };
		const bool ends = x % 8 == 0, next_cut = x % 16 == 8 || i == N - 1;
		const uint8_t next_mask[3] = { x >> 8 & 1, x >> 9 & 1, !ends || (x >> 10 & 1) };
		struct transition tr = { 1, i + 1, &obs, &next_obs, mask, next_mask, 0,
			{ random_float(&rng), ends, x % 64 == 1 }, with_q ? q : NULL };
		while (!mask[tr.action])
			tr.action++;
		transition_print(&masked, &tr, false, &t);
		/* The next one continues it unless another obs or mask begins there. */
		replay_push(&want, &obs, mask, tr.action, tr.result.reward, &next_obs, next_mask, ends,
			tr.result.truncated || (next_cut && !ends));
		cut = next_cut || ends;
		obs = cut ? next_obs + 1 : next_obs;
		if (cut && obs == next_obs)
			obs = next_obs > 0 ? -1.0f : 1.0f;
		memcpy(mask, cut ? (const uint8_t[]){ 0, 1, 1 } : next_mask, sizeof(mask));
	}
	CHECK(!t.full);
	if (!read_bytes(&o, buf, t.len, N, &got, &found, &e))
		FAIL(e.msg);
	CHECK_INT(found.n_stored, N);
	CHECK_INT(got.count, N);
	CHECK(memcmp(want.obs, got.obs, N * sizeof(float)) == 0);
	CHECK(memcmp(want.next_obs, got.next_obs, N * sizeof(float)) == 0);
	CHECK(memcmp(want.reward, got.reward, N * sizeof(float)) == 0);
	CHECK(memcmp(want.action, got.action, N * sizeof(int32_t)) == 0);
	CHECK(memcmp(want.terminated, got.terminated, N) == 0);
	CHECK(memcmp(want.truncated, got.truncated, N) == 0);
	CHECK(memcmp(want.masks, got.masks, N) == 0);
	CHECK(memcmp(want.next_masks, got.next_masks, N) == 0);
	replay_release(&want);
	replay_release(&got);
	free(buf);
}

static void test_what_is_printed_reads_back_to_the_same_bits(void)
{
	check_round_trip(false);
	check_round_trip(true);
}

static void test_a_line_as_text(void)
{
	const float obs[2] = { 0.1f, -0.0f }, next_obs[2] = { 1e-45f, 3 }, q[3] = { 1, 2, -0.5f };
	const struct transition tr = { 2, 7, obs, next_obs, NULL, NULL, 1, { -1, false, true }, q };
	char buf[1000];
	struct text t;
	t = text_into(buf, sizeof(buf));
	transition_print_header(&plain, true, &t);
	transition_print(&plain, &tr, false, &t);
	transition_print(&plain, &tr, true, &t);
	CHECK_STR(buf, "episode,step,obs_0,obs_1,action,reward,terminated,truncated,next_obs_0,next_obs_1,"
		       "q_0,q_1,q_2\n"
		       "2,7,0.1,-0,1,-1,0,1,1e-45,3,1,2,-0.5\n"
		       "{\"episode\":2,\"step\":7,\"obs\":[0.1,-0],\"action\":1,\"reward\":-1,"
		       "\"terminated\":false,\"truncated\":true,\"next_obs\":[1e-45,3],\"q\":[1,2,-0.5]}\n");
}

static void test_obs_and_rewards_are_scaled(void)
{
	const float scale[2] = { 0.1f, -3 };
	const struct transitions_opts o = { &plain, scale, 0.01, NULL };
	const char *text = "obs_0,obs_1,action,reward,terminated,next_obs_0,next_obs_1\n"
			   "0.7,2,1,0.3,0,0.3,4\n";
	struct transitions_found found;
	struct replay r;
	struct err e;
	CHECK(read_bytes(&o, text, strlen(text), SLOTS, &r, &found, &e));
	CHECK(r.obs[0] == 0.7f * 0.1f && r.obs[1] == -6);
	CHECK(r.next_obs[0] == 0.3f * 0.1f && r.next_obs[1] == -12);
	CHECK(r.reward[0] == (float)((double)0.3f * 0.01));
	replay_release(&r);
}

/* --- which step continues which --- */

#define WHOLE "obs_0,obs_1,action,reward,terminated,truncated,next_obs_0,next_obs_1\n"

static void test_steps_with_next_obs(void)
{
	check_read(&plain, WHOLE "0,0,0,1,0,0,1,1\n1,1,1,1,0,0,2,2\n2,2,2,-1,1,0,3,3\n",
		"0 0>1 1 a0 r1; 1 1>2 2 a1 r1; 2 2>3 3 a2 r-1 t", 0);
	/* the third does not begin where the second led to; nor is there one after it */
	check_read(&plain, WHOLE "0,0,0,1,0,0,1,1\n1,1,1,1,0,0,2,2\n2,9,2,-1,0,0,3,3\n",
		"0 0>1 1 a0 r1; 1 1>2 2 a1 r1 u; 2 9>3 3 a2 r-1 u", 0);
	check_read(&plain, WHOLE "0,0,0,1,0,1,1,1\n1,1,1,1,1,1,2,2\n", "0 0>1 1 a0 r1 u; 1 1>2 2 a1 r1 tu", 0);
	/* in any order of columns, with what other programs write: quotes, blanks, CR, True */
	check_read(&plain,
		"\xef\xbb\xbf\"reward\", \"action\",terminated,next_obs_1,next_obs_0,obs_1,obs_0\r\n"
		"1.5, 2.0 ,True,\"4\",3,2,1e0\r\n -1,0\t,false,6,+5,4,3\r\n",
		"1 2>3 4 a2 r1.5 t; 3 4>5 6 a0 r-1 u", 0);
}

static void test_episodes_and_steps_that_are_named(void)
{
#define NAMED "episode,step,obs_0,obs_1,action,reward,terminated,next_obs_0,next_obs_1\n"
	check_read(&plain, NAMED "1,1,0,0,0,1,0,1,1\n2,2,1,1,1,1,0,2,2\n2,4,2,2,2,1,0,3,3\n",
		"0 0>1 1 a0 r1 u; 1 1>2 2 a1 r1 u; 2 2>3 3 a2 r1 u", 0);
	check_read(&plain, NAMED "-1,1,0,0,0,1,0,1,1\n-1,2,1,1,1,1,0,2,2\n", "0 0>1 1 a0 r1; 1 1>2 2 a1 r1 u", 0);
}

#define LOG "obs_0,obs_1,action,reward,terminated,truncated\n"

static void test_a_log_of_consecutive_steps(void)
{
	/* what the last step led to is unknown */
	check_read(&plain, LOG "0,0,0,1,0,0\n1,1,1,1,0,0\n2,2,2,1,0,0\n", "0 0>1 1 a0 r1; 1 1>2 2 a1 r1 u", 1);
	/* the last line is the observation after it */
	check_read(&plain, LOG "0,0,0,1,0,0\n1,1,1,1,0,0\n2,2,,,,\n", "0 0>1 1 a0 r1; 1 1>2 2 a1 r1 u", 0);
	check_read(&plain, LOG "0,0,0,1,0,0\n1,1,,,,\n5,5,2,1,1,0\n", "0 0>1 1 a0 r1 u; 5 5>5 5 a2 r1 t", 0);
	/* terminated: nothing looks at what followed */
	check_read(&plain, LOG "0,0,0,1,0,0\n1,1,1,1,1,0\n5,5,2,1,0,0\n6,6,,,,\n",
		"0 0>1 1 a0 r1; 1 1>1 1 a1 r1 t; 5 5>6 6 a2 r1 u", 0);
	check_read(&plain, LOG "1,1,1,1,1,0\n2,2,\"\", ,,\n5,5,2,1,1,0\n", "1 1>2 2 a1 r1 t; 5 5>5 5 a2 r1 t", 0);
	/* truncated: with and without what followed */
	check_read(&plain, LOG "0,0,0,1,0,0\n1,1,1,1,0,1\n2,2,,,,\n5,5,2,1,1,0\n",
		"0 0>1 1 a0 r1; 1 1>2 2 a1 r1 u; 5 5>5 5 a2 r1 t", 0);
	check_read(&plain, LOG "0,0,0,1,0,0\n1,1,1,1,0,1\n5,5,2,1,1,0\n", "0 0>1 1 a0 r1 u; 5 5>5 5 a2 r1 t", 1);
	/* observations that no step led to */
	check_read(&plain, LOG "9,9,,,,\n8,8,,,,\n0,0,0,1,1,0\n", "0 0>0 0 a0 r1 t", 0);
}

static void test_a_log_with_gaps(void)
{
#define GAPS "step,obs_0,obs_1,action,reward,terminated\n"
	check_read(&plain, GAPS "1,0,0,0,1,0\n2,1,1,1,1,0\n3,2,2,2,1,0\n7,6,6,0,1,0\n8,7,7,0,1,1\n9,8,8,,,\n",
		"0 0>1 1 a0 r1; 1 1>2 2 a1 r1 u; 6 6>7 7 a0 r1; 7 7>8 8 a0 r1 t", 1);
	/* single steps */
	check_read(&plain, GAPS "1,0,0,0,1,1\n3,1,1,1,1,0\n5,2,2,2,1,0\n", "0 0>0 0 a0 r1 t", 2);
	/* an observation elsewhere is not what the step led to */
	check_read(&plain, GAPS "1,0,0,0,1,1\n3,1,1,,,\n", "0 0>0 0 a0 r1 t", 0);
#define EPISODES "episode,obs_0,obs_1,action,reward,terminated\n"
	check_read(&plain, EPISODES "1,0,0,0,1,0\n1,1,1,1,1,0\n2,2,2,2,1,0\n2,3,3,2,1,1\n",
		"0 0>1 1 a0 r1 u; 2 2>3 3 a2 r1; 3 3>3 3 a2 r1 t", 1);
}

static void test_masks(void)
{
	check_read(&masked, "obs_0,mask,action,reward,terminated\n0,110,0,1,0\n1,011,2,1,1\n2,100,0,1,1\n3,000,,,\n",
		"0>1 a0 r1 3>6; 1>1 a2 r1 t 6>0; 2>3 a0 r1 t 1>0", 0);
	check_read(&masked,
		"obs_0,mask,action,reward,terminated,next_obs_0,next_mask\n"
		"0,110,0,1,0,1,011\n1,011,2,1,0,2,101\n2,111,1,1,1,3,\"000\"\n",
		"0>1 a0 r1 3>6; 1>2 a2 r1 u 6>5; 2>3 a1 r1 t 7>0", 0);
}

static void test_q_is_skipped(void)
{
	check_read(
		&plain, "q_1,obs_0,q_0,obs_1,action,reward,terminated,q_2\n,0,x,0,0,1,1,1e999\n", "0 0>0 0 a0 r1 t", 0);
}

/* --- mistakes --- */

#define MIN "obs_0,obs_1,action,reward,terminated\n"
#define KNOWN                                                                               \
	"; they are episode, step, obs_0 to obs_1, action, reward, terminated, truncated, " \
	"next_obs_0 to next_obs_1, q_0 to q_2"

static void test_mistakes_of_the_header(void)
{
	check_error(&plain, "", "demo.csv:0: the file is empty; its first line names the columns");
	check_error(&plain, "\n", "demo.csv:1: no column of Plain-v0 is called ''" KNOWN);
	check_error(&plain, "obs_0,done\n", "demo.csv:1: no column of Plain-v0 is called 'done'" KNOWN);
	check_error(&plain, "obs_2\n", "demo.csv:1: no column of Plain-v0 is called 'obs_2'" KNOWN);
	check_error(&plain, "obs_\n", "demo.csv:1: no column of Plain-v0 is called 'obs_'" KNOWN);
	check_error(&plain, "obs_1e0\n", "demo.csv:1: no column of Plain-v0 is called 'obs_1e0'" KNOWN);
	check_error(&plain, "action0\n", "demo.csv:1: no column of Plain-v0 is called 'action0'" KNOWN);
	check_error(&plain, "mask\n", "demo.csv:1: no column of Plain-v0 is called 'mask'" KNOWN);
	check_error(&plain, "obs_0;obs_1\n", "demo.csv:1: no column of Plain-v0 is called 'obs_0;obs_1'" KNOWN);
	check_error(&plain, "obs_0 obs_1\n", "demo.csv:1: no column of Plain-v0 is called 'obs_0 obs_1'" KNOWN);
	check_error(&plain, "obs_0,\"obs_1\"x\n", "demo.csv:1: no column of Plain-v0 is called '\"obs_1\"x'" KNOWN);
	check_error(&plain, "obs_0,obs_1,obs_0\n", "demo.csv:1: two columns are called 'obs_0'");
	check_error(&plain, "obs_0,obs_01,obs_1\n", "demo.csv:1: two columns are called 'obs_1'");
	check_error(&plain, "obs_1,action,reward,terminated\n", "demo.csv:1: no column is called 'obs_0'");
	check_error(&plain, "obs_0,obs_1,action,terminated\n", "demo.csv:1: no column is called 'reward'");
	check_error(&plain, "obs_0,obs_1,action,reward,truncated\n", "demo.csv:1: no column is called 'terminated'");
	check_error(&plain, "obs_0,obs_1,action,reward,terminated,next_obs_0\n",
		"demo.csv:1: no column is called 'next_obs_1'");
	check_error(&masked, "obs_0,action,reward,terminated\n", "demo.csv:1: no column is called 'mask'");
	check_error(&masked, "obs_0,action,reward,terminated,mask,next_obs_0\n",
		"demo.csv:1: no column is called 'next_mask'");
	check_error(&masked, "obs_0,action,reward,terminated,mask,next_mask\n",
		"demo.csv:1: 'next_mask' goes with next_obs_0 and so on");
}

static void test_mistakes_of_a_line(void)
{
#define CELL(line, message) check_error(&plain, MIN "0,0,0,1,0\n" line, "demo.csv:3: " message)
	CELL("0,x,0,1,0\n", "column 'obs_1': 'x' is not a finite number");
	CELL("0,,0,1,0\n", "column 'obs_1': '' is not a finite number");
	CELL("nan,0,0,1,0\n", "column 'obs_0': 'nan' is not a finite number");
	CELL("0,-inf,0,1,0\n", "column 'obs_1': '-inf' is not a finite number");
	CELL("0,1e39,0,1,0\n", "column 'obs_1': '1e39' is not a finite number");
	CELL("0,0x1,0,1,0\n", "column 'obs_1': '0x1' is not a finite number");
	CELL("0,1_0,0,1,0\n", "column 'obs_1': '1_0' is not a finite number");
	CELL("0,1 2,0,1,0\n", "column 'obs_1': '1 2' is not a finite number");
	CELL("0,\"1,0,1,0\n", "column 'obs_1': '\"1' is not a finite number");
	CELL("0,1\",0,1,0\n", "column 'obs_1': '1\"' is not a finite number");
	CELL("0,0,3,1,0\n", "column 'action': '3' is not an action, 0 to 2");
	CELL("0,0,-1,1,0\n", "column 'action': '-1' is not an action, 0 to 2");
	CELL("0,0,0.5,1,0\n", "column 'action': '0.5' is not an action, 0 to 2");
	CELL("0,0,left,1,0\n", "column 'action': 'left' is not an action, 0 to 2");
	CELL("0,0,0,2.5,0\n", "column 'reward': '2.5' is not a finite number within the environment's -1..2");
	CELL("0,0,0,-1.01,0\n", "column 'reward': '-1.01' is not a finite number within the environment's -1..2");
	CELL("0,0,0,1,2\n", "column 'terminated': '2' is not 0 or 1");
	CELL("0,0,0,1,yes\n", "column 'terminated': 'yes' is not 0 or 1");
	CELL("0,0,0,1\n", "4 cells; the first line names 5");
	CELL("0,0,0,1,0,0\n", "6 cells; the first line names 5");
	CELL("0,0,0,1,0,\n", "6 cells; the first line names 5");
	CELL("\n", "0 cells; the first line names 5");
	CELL("0,0,,1,0\n", "action, reward and flags are all there or all empty");
	CELL("0,0,0,1,\n", "action, reward and flags are all there or all empty");
	CELL("0,0,0,1,0", "the last line has no end: is the rest of the file missing?");
	check_error(&plain, WHOLE "0,0,,,,,1,1\n", "demo.csv:2: column 'action': '' is not an action, 0 to 2");
	check_error(&plain, "step," MIN "1.5,0,0,0,1,0\n",
		"demo.csv:2: column 'step': '1.5' is not a whole number of up to 2^53");
	check_error(&plain, "episode," MIN "1e16,0,0,0,1,0\n",
		"demo.csv:2: column 'episode': '1e16' is not a whole number of up to 2^53");
	check_error(&plain, MIN, "'demo.csv' has no transition");
	check_error(&plain, MIN "0,0,0,1,0\n", "'demo.csv' has no transition");
}

static void test_mistakes_of_masks(void)
{
#define MASKS "obs_0,mask,action,reward,terminated,next_obs_0,next_mask\n"
	check_error(&masked, MASKS "0,11,0,1,0,1,111\n", "demo.csv:2: column 'mask': '11' is not 3 digits 0 or 1");
	check_error(&masked, MASKS "0,1111,0,1,0,1,111\n", "demo.csv:2: column 'mask': '1111' is not 3 digits 0 or 1");
	check_error(&masked, MASKS "0,102,0,1,0,1,111\n", "demo.csv:2: column 'mask': '102' is not 3 digits 0 or 1");
	check_error(&masked, MASKS "0,011,0,1,0,1,111\n", "demo.csv:2: column 'action': the mask does not allow 0");
	check_error(&masked, MASKS "0,111,0,1,0,1,000\n",
		"demo.csv:2: column 'next_mask' allows no action, and the episode has not ended");
	check_error(&masked, MASKS "0,111,0,-1e39,0,1,000\n",
		"demo.csv:2: column 'reward': '-1e39' is not a finite number");
}

static void test_a_NUL_byte(void)
{
	const struct transitions_opts o = { &plain, ones, 1, NULL };
	static const char text[] = MIN "0,0\0,0,1,0\n";
	struct transitions_found found;
	struct replay r;
	struct err e;
	CHECK(!read_bytes(&o, text, sizeof(text) - 1, SLOTS, &r, &found, &e));
	CHECK_STR(e.msg, "demo.csv:2: a NUL byte");
	replay_release(&r);
}

static void test_more_than_the_buffer_holds(void)
{
	const struct transitions_opts o = { &plain, ones, 1, NULL };
	const char *text = MIN "0,0,0,1,1\n0,0,0,1,1\n0,0,0,1,1\n";
	struct transitions_found found;
	struct replay r;
	struct err e;
	CHECK(read_bytes(&o, text, strlen(text), 3, &r, &found, &e));
	replay_release(&r);
	CHECK(!read_bytes(&o, text, strlen(text), 2, &r, &found, &e));
	CHECK_INT(e.kind, ERR_USAGE);
	CHECK_STR(e.msg, "'demo.csv' has 3 transitions, but buffer_size = 2: raise it, or give fewer");
	replay_release(&r);
}

/* Pieces of a read end anywhere in a line. */
static void test_a_long_file(void)
{
	enum { N = 20000 };
	const struct transitions_opts o = { &plain, ones, 1, NULL };
	struct transitions_found found;
	struct replay r;
	struct err e;
	struct text t;
	char *buf = malloc(64 * N);
	CHECK(buf != NULL);
	t = text_into(buf, 64 * N);
	text_add(&t, LOG);
	for (int i = 0; i <= N; i++)
		text_add(&t, "%d,%.*f,%d,1,%d,0\n", i, i % 20, i / 3.0, i % 3, i % 100 == 99);
	CHECK(read_bytes(&o, buf, t.len, N, &r, &found, &e));
	CHECK_INT(r.count, N);
	for (int i = 0; i < N; i++) {
		const size_t words = (size_t)i * r.n_words, bytes = (size_t)i * r.n_bytes;
		if (r.obs[words] != (float)i || r.action[words] != i % 3 ||
			r.next_obs[words] != (float)(i % 100 == 99 ? i : i + 1) ||
			r.terminated[bytes] != (i % 100 == 99) || r.truncated[bytes] != (i == N - 1 && i % 100 != 99))
			FAIL("a transition");
	}
	replay_release(&r);
	free(buf);
}

int main(void)
{
	RUN(test_what_is_printed_reads_back_to_the_same_bits);
	RUN(test_a_line_as_text);
	RUN(test_obs_and_rewards_are_scaled);
	RUN(test_steps_with_next_obs);
	RUN(test_episodes_and_steps_that_are_named);
	RUN(test_a_log_of_consecutive_steps);
	RUN(test_a_log_with_gaps);
	RUN(test_masks);
	RUN(test_q_is_skipped);
	RUN(test_mistakes_of_the_header);
	RUN(test_mistakes_of_a_line);
	RUN(test_mistakes_of_masks);
	RUN(test_a_NUL_byte);
	RUN(test_more_than_the_buffer_holds);
	RUN(test_a_long_file);
	return test_end();
}
