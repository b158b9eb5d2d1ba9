/* Schedules: kinds, ends, durations, and the uses the training loop makes of them.
 * tests/mutations lists mistakes that this file catches. */
#include "rl/schedule.h"

#include "test.h"

static void test_names_are_in_the_order_of_the_kinds(void)
{
	CHECK_STR(schedule_names[SCHEDULE_CONSTANT], "constant");
	CHECK_STR(schedule_names[SCHEDULE_LINEAR], "linear");
	CHECK_STR(schedule_names[SCHEDULE_EXPONENTIAL], "exponential");
	CHECK(schedule_names[3] == NULL);
	CHECK_STR(learning_rate_schedule_names[SCHEDULE_CONSTANT], "constant");
	CHECK_STR(learning_rate_schedule_names[SCHEDULE_LINEAR], "linear");
	CHECK(learning_rate_schedule_names[2] == NULL);
}

static void test_constant_is_initial_always(void)
{
	static const int64_t steps[] = { 0, 1, 99, 100, 101, INT64_MAX };
	for (int i = 0; i < 6; i++) {
		CHECK_NEAR(schedule_value(SCHEDULE_CONSTANT, 0.3, 0.1, steps[i], 100), 0.3, 0);
		CHECK_NEAR(schedule_value(SCHEDULE_CONSTANT, 0.3, 0.1, steps[i], 0), 0.3, 0);
	}
}

static void test_linear(void)
{
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0.5, 0, 100), 1, 0);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0.5, 25, 100), 0.875, 0);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0.5, 50, 100), 0.75, 0);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0.5, 99, 100), 0.505, 1e-15);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0.5, 100, 100), 0.5, 0);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0.5, 101, 100), 0.5, 0);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0.5, INT64_MAX, 100), 0.5, 0);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 0.25, 0.75, 50, 100), 0.5, 0); /* upwards */
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 0.2, 0.2, 50, 100), 0.2, 0);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0, 3, 8), 0.625, 0);
}

static void test_duration_may_be_a_fraction(void)
{
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0, 1, 2.5), 0.6, 1e-15);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0, 2, 2.5), 0.2, 1e-15);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0, 3, 2.5), 0, 0);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0.1, 0, 0.5), 1, 0);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0.1, 1, 0.5), 0.1, 0);
}

static void test_duration_0_is_final_at_once(void)
{
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0.05, 0, 0), 0.05, 0);
	CHECK_NEAR(schedule_value(SCHEDULE_EXPONENTIAL, 1, 0.05, 0, 0), 0.05, 0);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0.05, 1, 0), 0.05, 0);
}

static void test_exponential_equals_pow(void)
{
	static const double ends[][2] = { { 1, 0.01 }, { 1, 0.05 }, { 0.8, 0.1 }, { 0.3, 0.3 }, { 0.01, 1 },
		{ 1, 1e-300 }, { 1e-3, 1e-9 } };
	for (int i = 0; i < 7; i++) {
		const double initial = ends[i][0], final = ends[i][1];
		for (int step = 0; step < 1000; step++) {
			const double want = initial * pow(final / initial, step / 1000.);
			const double got = schedule_value(SCHEDULE_EXPONENTIAL, initial, final, step, 1000);
			CHECK_NEAR(got / want, 1, 1e-12);
		}
		CHECK_NEAR(schedule_value(SCHEDULE_EXPONENTIAL, initial, final, 1000, 1000), final, 0);
		CHECK_NEAR(schedule_value(SCHEDULE_EXPONENTIAL, initial, final, 1001, 1000), final, 0);
	}
}

static void test_exponential_multiplies_by_the_same_factor(void)
{
	const double factor = pow(0.01, 1. / 919);
	double want = 1;
	for (int step = 0; step < 919; step++, want *= factor)
		CHECK_NEAR(schedule_value(SCHEDULE_EXPONENTIAL, 1, 0.01, step, 919), want, 1e-12);
}

/* Falls at every step, never below its end: no jump where it is reached. */
static void test_falls_evenly_to_its_end(void)
{
	for (int kind = SCHEDULE_LINEAR; kind <= SCHEDULE_EXPONENTIAL; kind++) {
		double before = 2;
		for (int step = 0; step <= 10000; step++) {
			const double x = schedule_value((enum schedule)kind, 1, 0.02, step, 10000);
			CHECK(x < before && x >= 0.02);
			CHECK(step == 0 || before - x < 1e-3);
			before = x;
		}
	}
}

/* The learning rate: to 0 over the whole run, of up to 2^53 steps. */
static void test_learning_rate_falls_to_0_over_the_run(void)
{
	const int64_t total = (int64_t)1 << 53;
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1e-3, 0, 1, 50000), 1e-3 * (1 - 1 / 50000.), 1e-18);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1e-3, 0, 49999, 50000), 1e-3 / 50000, 1e-18);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1e-3, 0, 50000, 50000), 0, 0);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0, total / 4, (double)total), 0.75, 0);
	CHECK(schedule_value(SCHEDULE_LINEAR, 1, 0, total - 1, (double)total) > 0);
	CHECK_NEAR(schedule_value(SCHEDULE_LINEAR, 1, 0, total, (double)total), 0, 0);
	CHECK_NEAR(schedule_value(SCHEDULE_CONSTANT, 1e-3, 0, 50000, 50000), 1e-3, 0);
}

int main(void)
{
	RUN(test_names_are_in_the_order_of_the_kinds);
	RUN(test_constant_is_initial_always);
	RUN(test_linear);
	RUN(test_duration_may_be_a_fraction);
	RUN(test_duration_0_is_final_at_once);
	RUN(test_exponential_equals_pow);
	RUN(test_exponential_multiplies_by_the_same_factor);
	RUN(test_falls_evenly_to_its_end);
	RUN(test_learning_rate_falls_to_0_over_the_run);
	return test_end();
}
