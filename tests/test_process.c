/* Environments in child processes: small children in shell, awk and this program itself, good
 * ones and each kind of bad one. Deadlines are short; no child may outlive its test. */
#include "env/declare.h"
#include "env/process.h"

#include "base/clock.h"

#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

/* --- declarations --- */

static void test_declares_everything(void)
{
	struct env_ops d;
	struct err e = { 0 };
	const char *line = "env my/maze-2 1.0+a obs=4 actions=2 limit=500 reward=-1..0.5 solved=-110 "
			   "high=2.4,3,0.2,3 instances=16 masks=1";
	float scale[4] = { 0 };
	CHECK(env_declare(line, &d, &e));
	CHECK_STR(e.msg, "");
	CHECK_STR(d.id, "my/maze-2");
	CHECK_INT(d.obs_dim, 4);
	CHECK_INT(d.n_actions, 2);
	CHECK_INT(d.max_episode_steps, 500);
	CHECK(d.reward_low == -1 && d.reward_high == 0.5 && d.solved_return == -110);
	CHECK_INT(d.n_instances, 16);
	CHECK(d.has_masks && !d.reset && !d.step && !d.possible && d.state_size == 0);
	CHECK(env_declared_scale(line, 4, scale));
	CHECK(scale[0] == (float)(1 / 2.4) && scale[1] == (float)(1. / 3) && scale[2] == 5 && scale[3] == scale[1]);
}

static void test_declares_the_least(void)
{
	struct env_ops d;
	struct err e = { 0 };
	float scale[3] = { 7, 7, 7 };
	CHECK(env_declare("env m 1 reward=-inf..inf actions=65536 obs=65536", &d, &e));
	CHECK_INT(d.obs_dim, 65536);
	CHECK_INT(d.n_actions, 65536);
	CHECK_INT(d.max_episode_steps, 0);
	CHECK_INT(d.n_instances, 1);
	CHECK(!d.has_masks && isnan(d.solved_return));
	CHECK(d.reward_low == -HUGE_VAL && d.reward_high == HUGE_VAL);
	CHECK(!env_declared_scale("env high= 1 obs=1", 3, scale) && scale[0] == 7);
	CHECK(env_declare("env m 1 high=1e3 obs=3 actions=1 reward=.5..1.", &d, &e));
	CHECK(env_declared_scale("env m 1 high=1e3 obs=3 actions=1 reward=.5..1.", 3, scale));
	CHECK(scale[0] == 0.001f && scale[1] == 0.001f && scale[2] == 0.001f);
	CHECK(d.reward_low == 0.5 && d.reward_high == 1);
}

static void refused(const char *line, const char *piece)
{
	struct env_ops d = { .obs_dim = -7 };
	struct err e = { 0 };
	CHECK(!env_declare(line, &d, &e));
	CHECK_INT(e.kind, ERR_ENV);
	CHECK_INT(d.obs_dim, -7);
	if (!strstr(e.msg, piece))
		printf("%s: %s\n", line, e.msg);
	CHECK(strstr(e.msg, piece) != NULL);
}

#define GOOD "env m 1 obs=2 actions=2 reward=0..1"

static void test_refuses_declarations(void)
{
	char line[ENV_LINE_MAX + 100] = GOOD " high=1";
	refused("", "the first line is not 'env NAME VERSION obs=...'");
	refused("hello", "is not 'env NAME");
	refused("env m", "is not 'env NAME");
	refused("ENV m 1 obs=2", "is not 'env NAME");
	refused("env  1 obs=2 actions=2", "the name '' is not");
	refused("env a\"b 1 obs=2", "the name 'a\"b' is not");
	refused("env a12345678901234567890123456789012345678901234567890123456789012345 1", "1 to 63");
	refused("env m 1? obs=2", "the version '1?'");
	refused("env m 1 actions=2 reward=0..1", "'obs' is missing: a whole number from 1 to 65536");
	refused("env m 1 obs=2 reward=0..1", "'actions' is missing");
	refused("env m 1 obs=2 actions=2", "'reward' is missing: LOW..HIGH");
	refused("env m 1 obs=2 actions=2 reward=3", "'reward=3' is not LOW..HIGH");
	refused("env m 1 obs=2 actions=2 reward=1..0", "'reward=1..0' is not LOW..HIGH");
	refused("env m 1 obs=2 actions=2 reward=inf..inf", "'reward=inf..inf' is not");
	refused("env m 1 obs=2 actions=2 reward=nan..1", "'reward=nan..1' is not");
	refused("env m 1 obs=0 actions=2 reward=0..1", "'obs=0' is not a whole number from 1");
	refused("env m 1 obs=65537 actions=2 reward=0..1", "'obs=65537'");
	refused("env m 1 obs=99999999999999999999 actions=2 reward=0..1", "'obs=9999");
	refused("env m 1 obs=4e0 actions=2 reward=0..1", "'obs=4e0'");
	refused(GOOD " limit=-1", "'limit=-1' is not a whole number from 0");
	refused(GOOD " solved=inf", "'solved=inf' is not a finite number");
	refused(GOOD " solved=1_0", "'solved=1_0' is not");
	refused(GOOD " masks=2", "'masks=2' is not 0 or 1");
	refused(GOOD " masks", "'masks' is not WORD=VALUE");
	refused(GOOD " instances=0", "'instances=0'");
	refused(GOOD " obs=2", "'obs' is declared twice");
	refused(GOOD " action=2", "'action' is unknown; did you mean 'actions'?");
	refused(GOOD " high=1,2,3", "'high=1,2,3' is not one number > 0, or one for each");
	refused("env m 1 obs=3 actions=2 reward=0..1 high=1,2", "'high=1,2' is not");
	refused(GOOD " high=1,0", "'high=1,0' is not");
	refused(GOOD " high=1e-7", "'high=1e-7' is not one number > 0, or one for each component (1e-6 to 1e30)");
	refused(GOOD " high=1e31", "'high=1e31' is not");
	refused(GOOD " high=1,", "'high=1,' is not");
	refused(GOOD " high=", "'high=' is not");
	refused(GOOD " high=inf", "'high=inf' is not");
	refused(GOOD "  masks=1", "one blank");
	refused(GOOD " ", "one blank");
	refused(GOOD "\r", "character 36 of the first line is not printable ASCII");
	refused(GOOD " m\xc3\xa4sks=1", "not printable ASCII");
	memset(line + strlen(line), '0', sizeof(line) - strlen(line) - 1);
	refused(line, "not at most 2000 (high=X is one size for all components)");
}

/* --- children --- */

struct child {
	struct process p;
	struct err e;
	char heard[4096];
	size_t n_heard, n_bytes;
	float obs[65536];
	uint8_t mask[8];
	struct step s;
};

static struct child child;

static void hear(void *arg, const char *bytes, size_t n)
{
	struct child *c = arg;
	c->n_bytes += n;
	for (size_t i = 0; i < n && c->n_heard + 1 < sizeof(c->heard); i++)
		c->heard[c->n_heard++] = bytes[i];
}

static const double long_s = 60; /* never reached */

static bool start_within(double start_s, const char *command, double timeout_s)
{
	const struct process_opts opts = {
		.command = command, .start_timeout_s = start_s, .timeout_s = timeout_s, .hear = hear, .arg = &child
	};
	child = (struct child){ .e = { 0 } };
	return process_start(&child.p, &opts, &child.e) && process_hello(&child.p, &child.e);
}

static bool start(const char *command, double timeout_s)
{
	return start_within(long_s, command, timeout_s);
}

static bool reset(int instance, uint64_t seed)
{
	process_send_reset(&child.p, instance, seed);
	return process_receive(&child.p, instance, child.obs, child.mask, &child.s, &child.e);
}

static bool step(int instance, int action)
{
	process_send_step(&child.p, instance, action);
	return process_receive(&child.p, instance, child.obs, child.mask, &child.s, &child.e);
}

/* A loop in sh that answers `reset` and `step` by these commands, with $1 .. the request. */
#define ENV "echo 'env m 1 obs=2 actions=3 reward=-1..2 instances=16'; "
#define ENV_MASKS "echo 'env m 1 obs=2 actions=3 reward=-1..2 masks=1'; "
#define READ "read -r hello one; "
#define LOOP(on_reset, on_step)                                                               \
	"while read -r verb a b; do case $verb in reset) " on_reset ";; step) " on_step ";; " \
	"quit) exit;; esac; done"
#define RESET "echo \"obs $a 0.5 -2\""
#define STEP "echo \"step $a 1 0 0 $b 7\""

/* The process or its group is gone, in a bounded time. */
static bool is_gone(pid_t pid)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	for (int i = 0; i < 4000; i++) {
		while (waitpid(-1, NULL, WNOHANG) > 0) /* orphans are ours, see main */
			continue;
		if (kill(pid, 0) < 0 && errno == ESRCH)
			return true;
		nanosleep(&nap, NULL);
	}
	return false;
}

static int n_descriptors(void)
{
	int n = 0;
	DIR *dir = opendir("/proc/self/fd");
	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void stop(void)
{
	const pid_t pid = child.p.pid, keeper = child.p.keeper;
	process_stop(&child.p);
	CHECK(pid <= 0 || (is_gone(pid) && is_gone(-pid) && is_gone(keeper)));
	process_stop(&child.p);
}

/* The error of the last call, and that it stays. */
static void failed_with(const char *piece, const char *other)
{
	struct err again;
	CHECK_INT(child.e.kind, ERR_ENV);
	if (!strstr(child.e.msg, piece) || !strstr(child.e.msg, other))
		printf("%s\n  lacks %s\n  or %s\n", child.e.msg, piece, other);
	CHECK(strstr(child.e.msg, piece) != NULL);
	CHECK(strstr(child.e.msg, other) != NULL);
	CHECK(strncmp(child.e.msg, "environment: ", 13) == 0);
	process_send_step(&child.p, 0, 0);
	CHECK(!process_receive(&child.p, 0, child.obs, NULL, &child.s, &again));
	CHECK_STR(again.msg, child.e.msg);
	stop();
}

static void test_speaks(void)
{
	const int before = n_descriptors();
	if (!start(READ ENV "echo \"$hello $one\" >&2; " LOOP(RESET, STEP), long_s))
		printf("%s\n", child.e.msg);
	CHECK_STR(child.p.declaration, "env m 1 obs=2 actions=3 reward=-1..2 instances=16");
	CHECK_INT(child.p.ops.obs_dim, 2);
	CHECK(reset(0, UINT64_MAX) && child.obs[0] == 0.5f && child.obs[1] == -2);
	CHECK(step(15, 2) && child.obs[0] == 2 && child.obs[1] == 7);
	CHECK(child.s.reward == 1 && !child.s.terminated && !child.s.truncated);
	stop();
	CHECK_STR(child.heard, "hello 1\n");
	CHECK_INT(n_descriptors(), before);
}

/* Requests that were sent together reach the child as they were sent. */
static void test_many_requests_at_once(void)
{
	CHECK(start(READ ENV LOOP("echo \"obs $a $a ${b#18}\"", "echo \"step $a 0 1 0 $b $a\""), long_s));
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 16; i++)
			if (round % 2)
				process_send_step(&child.p, i, i % 3);
			else
				process_send_reset(&child.p, i, UINT64_MAX);
		for (int i = 0; i < 16; i++) {
			child.s = (struct step){ .truncated = true };
			CHECK(process_receive(&child.p, i, child.obs, NULL, &child.s, &child.e));
			CHECK(child.obs[round % 2] == (float)i);
			if (round % 2)
				CHECK(child.s.terminated && !child.s.truncated && child.obs[0] == (float)(i % 3));
			else
				CHECK(child.s.truncated && child.obs[1] == 446744073709551615.0f);
		}
	}
	/* Out of step: as one is received, the next is sent. */
	for (int i = 0; i < PROCESS_PENDING_MAX; i++)
		process_send_reset(&child.p, i, 1);
	for (int i = PROCESS_PENDING_MAX; i < 1000; i++) {
		CHECK(process_receive(&child.p, i - PROCESS_PENDING_MAX, child.obs, NULL, NULL, &child.e));
		process_send_reset(&child.p, i, UINT64_MAX);
	}
	stop();
}

static void test_numbers_are_strtods(void)
{
	static const char *const numbers[] = { "0", "-0", "1", "+1", "-1", "007", ".5", "5.", "-.25", "0.1", "0.3",
		"123456789012345", "1234567890123456", "0.000000000000001", "0.0000000000000001", "9007199254740993",
		"0.027395604855596334", "1e-3", "2E+5", "-1e-400", "3.4028234e38", "3.4028235e+38", "-3.4028235e+38",
		"1.17549435e-38", "1e-45", "16777217", "0.099999999999999", "99999999999.9999", "0.00001", "8388608.5",
		"8388609.50000000001" };
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char command[512];
		snprintf(command, sizeof(command),
			READ "echo 'env m 1 obs=2 actions=1 reward=0..0'; " LOOP("echo obs 0 1 %s", ":"), numbers[i]);
		CHECK(start(command, long_s) && reset(0, 1));
		const float want = (float)strtod(numbers[i], NULL);
		if (memcmp(&child.obs[1], &want, sizeof(want)) != 0)
			printf("%s: %.9g\n", numbers[i], (double)child.obs[1]);
		CHECK(memcmp(&child.obs[1], &want, sizeof(want)) == 0);
		stop();
	}
}

static void test_masks(void)
{
	CHECK(start(READ ENV_MASKS LOOP(RESET "' mask 101'",
			    "case $b in 0) " STEP "' mask 010';; 1) echo 'step 0 0 1 0 1 2 mask 000';; "
			    "*) " STEP "' mask 000';; esac"),
		long_s));
	CHECK(reset(0, 1) && child.mask[0] == 1 && child.mask[1] == 0 && child.mask[2] == 1);
	CHECK(step(0, 0) && child.mask[0] == 0 && child.mask[1] == 1 && child.mask[2] == 0);
	CHECK(step(0, 1) && child.s.terminated && child.mask[1] == 0);
	CHECK(!step(0, 2));
	failed_with("line 5: the mask allows no action, and the episode has not ended: "
		    "\"step 0 1 0 0 2 7 mask 000\"; the command was still running",
		"");
}

static void test_wide(void)
{
	CHECK(start("exec awk -Winteractive '$1 == \"hello\" { print \"env w 1 obs=65536 actions=1 reward=0..0\" }"
		    " $1 == \"reset\" { printf \"obs 0\"; for (i = 0; i < 65536; i++) printf \" %d.25\","
		    " i; print \"\" } { fflush() } $1 == \"quit\" { exit }'",
		long_s));
	for (int round = 0; round < 3; round++) {
		int n_bad = 0;
		CHECK(reset(0, 1));
		for (int i = 0; i < 65536; i++)
			n_bad += child.obs[i] != (float)i + 0.25f;
		CHECK_INT(n_bad, 0);
	}
	stop();
}

/* --- bad children --- */

static void bad_reply(const char *on_step, const char *why)
{
	char command[1024];
	snprintf(command, sizeof(command), READ ENV LOOP(RESET, "printf '%s\\n'; exit 3"), on_step);
	CHECK(start(command, long_s) && reset(0, 1));
	CHECK(!step(0, 1));
	failed_with(why, "; the command ");
}

static void test_bad_replies(void)
{
	bad_reply("step 0 0 0 1", "line 3: 'step 0' wants 5 numbers, got 3: \"step 0 0 0 1\";");
	bad_reply("step 0 0 0 0 1 2 3", "'step 0' wants 5 numbers, got 6");
	bad_reply("step 0", "'step 0' wants 5 numbers, got 0");
	bad_reply("", "the reply does not begin with 'step 0': \"\"");
	bad_reply("obs 0 1 2", "does not begin with 'step 0': \"obs 0 1 2\"");
	bad_reply("step 1 0 0 0 1 2", "does not begin with 'step 0'");
	bad_reply("step 01 0 0 0 1 2", "does not begin with 'step 0'");
	bad_reply(" step 0 0 0 0 1 2", "does not begin with 'step 0'");
	bad_reply("step 0 0 0 0 nan 2", "'nan' is not a finite number: \"step 0 0 0 0 nan 2\"");
	bad_reply("step 0 0 0 0 inf 2", "'inf' is not a finite number");
	bad_reply("step 0 0 0 0 1e39 2", "'1e39' is not a finite number");
	bad_reply("step 0 -inf 0 0 1 2", "'-inf' is not a finite number");
	bad_reply("step 0 0 0 0 1 0x10", "'0x10' is not a finite number");
	bad_reply("step 0 0 0 0 1 -", "'-' is not a finite number");
	bad_reply("step 0 0 0 0 1 1.2.3", "'1.2.3' is not a finite number");
	bad_reply("step 0 0 0 0 1 1e", "'1e' is not a finite number");
	bad_reply("step 0 0 0 0 1 2\\r", "'2?' is not a finite number: \"step 0 0 0 0 1 2?\"");
	bad_reply("step 0 0 0 0 1 2\\t3", "'2?3' is not a finite number");
	bad_reply("step 0 0 0 0 1  2", "'step 0' wants 5 numbers, got 6");
	bad_reply("step 0 0 0 0 1 ", "two blanks in a row, or one at the end");
	bad_reply("step 0 0 0  1 2", "truncated is '', not 0 or 1");
	bad_reply("step 0 0 0 01 1 2", "truncated is '01', not 0 or 1");
	bad_reply("step 0 0 2 0 1 2", "terminated is '2', not 0 or 1");
	bad_reply("step 0 0 0 true 1 2", "truncated is 'true', not 0 or 1");
	bad_reply("step 0 2.5 0 0 1 2", "the reward 2.5 is not within the declared -1..2");
	bad_reply("step 0 -1.0001 0 0 1 2", "the reward -1.0001 is not within");
	bad_reply("step 0 0 0 0 1 2 mask 111", "a mask, but 'masks=1' was not declared");
	bad_reply("step 0 0 0 0 1 \\0002", "line 3: the line has a NUL byte: \"step 0 0 0 0 1 ?2\"");
	bad_reply("\\001\\377\\376junk", "does not begin with 'step 0': \"???junk\"");
	bad_reply("error no such map", "environment: no such map;");
	bad_reply("error", "environment: 'error' without a reason;");
}

static void bad_mask(const char *reply, const char *why)
{
	char command[1024];
	snprintf(command, sizeof(command), READ ENV_MASKS LOOP("echo %s; exit", ":"), reply);
	CHECK(start(command, long_s) && !reset(0, 1));
	failed_with(why, "");
}

static void test_bad_masks(void)
{
	bad_mask("obs 0 1 2", "'obs 0' wants 2 numbers and a mask, got 2");
	bad_mask("obs 0 1 mask 111", "'obs 0' wants 2 numbers and a mask, got 1");
	bad_mask("obs 0 1 2 mask 11", "does not end in ' mask ' and 3 digits 0 or 1");
	bad_mask("obs 0 1 2 mask 1111", "3 digits 0 or 1");
	bad_mask("obs 0 1 2 mask 111x", "3 digits 0 or 1");
	bad_mask("obs 0 1 2 mask 112", "3 digits 0 or 1");
	bad_mask("obs 0 1 2 mark 111", "3 digits 0 or 1");
	bad_mask("obs 0 1 2 mask 000", "the mask allows no action, and the episode has not ended");
}

static void bad_start(const char *command, double seconds, const char *piece, const char *other)
{
	CHECK(!start_within(seconds, command, long_s));
	failed_with(piece, other);
}

static void test_bad_starts(void)
{
	bad_start("exec nosuchcommand", long_s, "no reply to 'hello 1', its output has ended",
		"; the command has ended with status 127; its standard error ends in \"");
	bad_start("", long_s, "its output has ended", "ended with status 0");
	bad_start("echo loading | cat; exec sleep 100", long_s,
		"line 1: the first line is not 'env NAME VERSION obs=...': \"loading\"", "running");
	bad_start("echo env m 1 obs=2 actions=2 reward=3; exec sleep 100", long_s,
		"line 1: 'reward=3' is not LOW..HIGH: \"env m 1 obs=2", "running");
	bad_start("exec sleep 100", 0.3, "no reply to 'hello 1' within env_start_timeout = 0.3 s",
		" (does it flush its output?); the command was still running");
	bad_start("printf 'env m 1'; exec sleep 100", 1, "its last line lacks a newline: \"env m 1\"", "running");
	bad_start("echo one >&2; echo >&2; printf ' two\\n\\tthree' >&2; exit 3", long_s,
		"; the command has ended with status 3; its standard error ends in \"one | two | three\"", "");
	bad_start("kill -9 $$", long_s, "its output has ended", "killed by signal 9 (Killed)");
	bad_start("printf 'env m'; exit 4", long_s, "; its last line lacks a newline: \"env m\"", "status 4");
	bad_start("exec >&-; exec sleep 100", long_s, "its output has ended", "still running");
	bad_start("sleep 100 & exit 5", 1, "within env_start_timeout = 1 s",
		"ended with status 5, but a process that it started keeps its output open");
	bad_start("echo error it is raining; exit 6", long_s, "environment: it is raining; the command", "status 6");
}

static const struct timespec nap = { .tv_nsec = 700000000 };

static void test_dies_and_hangs(void)
{
	CHECK(start(READ ENV "read -r x; echo obs 0 1 2; echo bye >&2; exit 9", long_s) && reset(0, 1));
	CHECK(!step(0, 1));
	failed_with(
		"no reply to 'step 0 1', its output has ended; the command has ended with status 9", "ends in \"bye\"");
	CHECK(start(READ ENV "read -r x; echo obs 0 1 2; exec sleep 100", 1) && reset(0, 1));
	CHECK(!step(0, 1));
	failed_with("no reply to 'step 0 1' within env_timeout = 1 s; the command was still running", "");
	CHECK(strstr(child.e.msg, "flush") == NULL);
	CHECK(start(READ ENV "exec <&-; exec sleep 100", 1));
	nanosleep(&nap, NULL);
	CHECK(!reset(0, 7));
	failed_with("no reply to 'reset 0 7' within env_timeout = 1 s; it has closed its input", "");
}

static void test_long_lines(void)
{
	const double before = now_s();
	bad_start("exec tr '\\000' x </dev/zero", long_s, "line 1: the line is longer than 1048576 bytes",
		"\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...");
	bad_start("exec cat /dev/zero", long_s, "line 1: the line is longer than", "\"????????????");
	bad_start("head -c 1048576 /dev/zero | tr '\\000' y; echo; exec sleep 100", long_s,
		"the first line has 1048576 characters, not at most 2000", "running");
	CHECK(now_s() - before < long_s);
}

static void test_early_output(void)
{
	CHECK(start(READ ENV LOOP(RESET "; echo obs 0 3 4", STEP), long_s));
	CHECK(reset(0, 1));
	const double until = now_s() + long_s;
	bool ok = true; /* the line may come after the next request */
	while (ok && now_s() < until)
		ok = step(0, 1);
	CHECK(!ok);
	failed_with(": \"obs 0 3 4\"", "");
	CHECK(start(READ ENV "echo tick; " LOOP(RESET, STEP), long_s));
	nanosleep(&nap, NULL);
	CHECK(!reset(0, 1));
	failed_with("line 2: it wrote before it was asked: \"tick\"", "");
	CHECK(start(READ ENV "echo error the lights went out; exit 3; " LOOP(RESET, STEP), long_s));
	nanosleep(&nap, NULL);
	CHECK(!reset(0, 1));
	failed_with("environment: the lights went out; the command has ended with status 3", "");
}

/* A flood on standard error neither blocks nor extends a deadline. */
static void test_flood(void)
{
	CHECK(start(READ "head -c 3000000 /dev/zero | tr '\\000' z >&2; " ENV LOOP(RESET, STEP), long_s));
	CHECK(reset(0, 1) && step(0, 1));
	stop();
	CHECK_INT(child.n_bytes, 3000000);
	const double before = now_s();
	bad_start("yes flood >&2; :", 1, "within env_start_timeout = 1 s", "flood | flood | flood");
	CHECK(start("yes noise >&2 & " READ ENV "exec sleep 100", 1) && !reset(0, 1));
	failed_with("within env_timeout = 1 s", "noise | noise");
	CHECK(now_s() - before < long_s);
}

/* --- what is left --- */

static void test_stubborn(void)
{
	CHECK(start("trap '' TERM INT HUP; " READ ENV "while :; do sleep 1; done", long_s));
	stop();
	CHECK(start(
		"trap '' TERM; (trap '' TERM; exec sleep 1000) & sleep 1000 & " READ ENV LOOP(RESET, STEP), long_s));
	CHECK(reset(0, 1));
	stop();
	/* Quit is enough: status and last words. */
	CHECK(start("trap 'echo terminated >&2' TERM; " READ ENV "while read -r x; do :; done; echo \"last: $x\" >&2",
		long_s));
	stop();
	CHECK(strstr(child.heard, "last:") != NULL);
	CHECK(strstr(child.heard, "terminated") == NULL);
}

/* It has the standard descriptors, default signals and a group of its own. */
static void test_what_a_child_inherits(void)
{
	static struct child first;
	CHECK(start(READ ENV LOOP(RESET, STEP), long_s));
	first = child;
	sigset_t mask, before;
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, &before);
	signal(SIGUSR2, SIG_IGN);
	CHECK(start(
		"ls /proc/self/fd >&2; grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status >&2; " READ ENV LOOP(RESET, STEP),
		long_s));
	CHECK(reset(0, 1));
	signal(SIGUSR2, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	CHECK_INT(getpgid(child.p.pid), child.p.pid);
	stop();
	FILE *f = popen("ls /proc/self/fd", "r"); /* what it has from the test's own parent */
	char inherited[1024] = "";
	const size_t n = fread(inherited, 1, sizeof(inherited) - 1, f);
	CHECK(pclose(f) == 0 || n == 0);
	if (n > 0) {
		CHECK(strncmp(child.heard, inherited, strlen(inherited)) == 0);
		CHECK(strstr(child.heard, "SigBlk:\t0000000000000000") != NULL);
		const char *ignored = strstr(child.heard, "SigIgn:");
		const int signals[] = { SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2, SIGINT, SIGHUP };
		CHECK(ignored != NULL);
		for (int i = 0; ignored && i < 6; i++)
			CHECK_INT(strtoull(ignored + 7, NULL, 16) >> (signals[i] - 1) & 1, 0);
	}
	/* The other is still there, and ends by the end of its input alone. */
	child = first;
	CHECK(reset(0, 1));
	stop();
}

/* A program with two children is killed: nothing is left of them. */
static void killed(const char *command, int signal_number, bool keepers_first)
{
	int fds[2];
	pid_t pids[4];
	CHECK(pipe(fds) == 0);
	const pid_t pid = fork();
	if (pid == 0) {
		const struct process_opts opts = { .command = command, .start_timeout_s = 60, .timeout_s = 60 };
		struct process a, b;
		struct err e;
		if (!process_start(&a, &opts, &e) || !process_start(&b, &opts, &e) || !process_hello(&a, &e) ||
			!process_hello(&b, &e))
			_exit(1);
		const pid_t all[4] = { a.pid, a.keeper, b.pid, b.keeper };
		if (write(fds[1], all, sizeof(all)) != (ssize_t)sizeof(all))
			_exit(1);
		for (;;)
			pause();
	}
	CHECK(read(fds[0], pids, sizeof(pids)) == (ssize_t)sizeof(pids));
	close(fds[0]);
	close(fds[1]);
	for (int i = 1; i < 4 && keepers_first; i += 2)
		kill(pids[i], SIGKILL);
	kill(pid, signal_number);
	CHECK(waitpid(pid, NULL, 0) == pid);
	for (int i = 0; i < 4; i++)
		CHECK(is_gone(pids[i]));
	CHECK(is_gone(-pids[0]) && is_gone(-pids[2]));
}

static void test_no_orphans(void)
{
	const char *stubborn = "trap '' TERM HUP; sleep 1000 & " READ ENV "while :; do sleep 1; done";
	killed(READ ENV LOOP(RESET, STEP), SIGKILL, false);
	killed(stubborn, SIGKILL, false);
	killed(stubborn, SIGTERM, false);
#ifdef __linux__
	killed("trap '' TERM HUP; " READ ENV "while :; do read -r x; done", SIGKILL, true);
#else
	SKIP("a killed keeper", "only Linux tells a child that its parent has died");
#endif
}

/* A killed keeper does no harm. */
static void test_killed_keeper(void)
{
	CHECK(start(READ ENV LOOP(RESET, STEP), long_s));
	kill(child.p.keeper, SIGKILL);
	CHECK(reset(0, 1));
	const pid_t pid = child.p.pid;
	const int before = n_descriptors();
	process_stop(&child.p);
	CHECK(is_gone(-pid));
	CHECK(before < 0 || n_descriptors() == before - 4);
}

static void test_no_descriptors_left(void)
{
	struct process zero = { 0 };
	process_stop(&zero);
	const int before = n_descriptors();
	for (int i = 0; i < 3; i++) {
		CHECK(start(READ ENV LOOP(RESET, STEP), long_s) && reset(0, 1));
		stop();
		CHECK(!start("exit 1", long_s));
		stop();
	}
	CHECK(start(READ ENV LOOP(RESET, STEP), long_s));
	process_stop(&child.p);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	CHECK_INT(n_descriptors(), before);
}

/* Each call that needs a descriptor fails once. */
static void test_too_few_descriptors(void)
{
	struct rlimit before, few;
	const int n = n_descriptors();
	CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
	int n_failed = 0;
	bool ok = false;
	for (few = before, few.rlim_cur = 3; !ok && few.rlim_cur < before.rlim_cur; few.rlim_cur++) {
		CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
		ok = start(READ ENV LOOP(RESET, STEP), long_s) && reset(0, 1);
		CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
		n_failed += !ok;
		if (!ok) {
			CHECK_INT(child.e.kind, ERR_RUN);
			CHECK(strncmp(child.e.msg, "start 'read -r hello", 20) == 0);
			CHECK(strstr(child.e.msg, strerror(EMFILE)) != NULL);
		}
		stop();
		CHECK_INT(n_descriptors(), n);
	}
	CHECK(ok && n_failed >= 8);
}

int main(void)
{
#ifdef __linux__
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* elsewhere init does that, sooner or later */
#endif
	RUN(test_declares_everything);
	RUN(test_declares_the_least);
	RUN(test_refuses_declarations);
	RUN(test_speaks);
	RUN(test_many_requests_at_once);
	RUN(test_numbers_are_strtods);
	RUN(test_masks);
	RUN(test_wide);
	RUN(test_bad_replies);
	RUN(test_bad_masks);
	RUN(test_bad_starts);
	RUN(test_dies_and_hangs);
	RUN(test_long_lines);
	RUN(test_early_output);
	RUN(test_flood);
	RUN(test_stubborn);
	RUN(test_what_a_child_inherits);
	RUN(test_no_orphans);
	RUN(test_killed_keeper);
	RUN(test_no_descriptors_left);
	RUN(test_too_few_descriptors);
	return test_end();
}
