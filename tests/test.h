/* The test harness: a failed check prints file, line and both values, and goes on.
 *
 *     static void test_wraps_around(void) { CHECK_INT(replay.count, 3); }
 *     int main(void) { RUN(test_wraps_around); return test_end(); }
 */
#ifndef DQN_TEST_H
#define DQN_TEST_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int test_passed, test_failed, test_bad_checks, test_checks;

static inline bool test_note(bool ok, const char *file, int line)
{
	test_checks++;
	if (!ok) {
		test_bad_checks++;
		printf("%s:%d: ", file, line);
	}
	return ok;
}

#define CHECK(condition)                                       \
	do {                                                   \
		if (!test_note(condition, __FILE__, __LINE__)) \
			printf("not true: %s\n", #condition);  \
	} while (0)

/* What is left out here, and why; the runner repeats it at its end. */
#define SKIP(what, why) printf("skip %s: %s\n", what, why)

/* What must not be reached. */
#define FAIL(what)                                    \
	do {                                          \
		test_note(false, __FILE__, __LINE__); \
		printf("%s\n", what);                 \
	} while (0)

#define CHECK_INT(got, want)                                                        \
	do {                                                                        \
		const long long got_ = (long long)(got), want_ = (long long)(want); \
		if (!test_note(got_ == want_, __FILE__, __LINE__))                  \
			printf("%s is %lld, not %lld\n", #got, got_, want_);        \
	} while (0)

#define CHECK_STR(got, want)                                                     \
	do {                                                                     \
		const char *got_ = (got), *want_ = (want);                       \
		if (!test_note(strcmp(got_, want_) == 0, __FILE__, __LINE__))    \
			printf("%s is \"%s\", not \"%s\"\n", #got, got_, want_); \
	} while (0)

/* |got - want| <= tol; false where either is NaN */
#define CHECK_NEAR(got, want, tol)                                                               \
	do {                                                                                     \
		const double got_ = (double)(got), want_ = (double)(want), tol_ = (double)(tol); \
		if (!test_note(fabs(got_ - want_) <= tol_, __FILE__, __LINE__))                  \
			printf("%s is %.17g, not %.17g within %g\n", #got, got_, want_, tol_);   \
	} while (0)

/* 1: the tests after a failed one are left out. */
#ifndef TEST_STOP
#define TEST_STOP 0
#endif

/* Runs one test; a test without a check has failed. */
#define RUN(test)                                                                        \
	do {                                                                             \
		if (TEST_STOP && test_failed > 0)                                        \
			break;                                                           \
		test_checks = test_bad_checks = 0;                                       \
		test();                                                                  \
		if (test_checks == 0)                                                    \
			printf("%s:%d: %s checks nothing\n", __FILE__, __LINE__, #test); \
		if (test_checks == 0 || test_bad_checks > 0) {                           \
			printf("FAIL %s\n", #test);                                      \
			test_failed++;                                                   \
		} else                                                                   \
			test_passed++;                                                   \
		fflush(stdout);                                                          \
	} while (0)

static inline int test_end(void)
{
	printf("%d passed, %d failed\n", test_passed, test_failed);
	return test_failed > 0 || test_passed == 0;
}

#endif
