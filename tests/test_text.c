/* Bounded text, strict numbers, reals that read back equal, near misses. */
#include "base/text.h"

#include "base/rng.h"
#include "test.h"

#include <float.h>
#include <inttypes.h>
#include <stdlib.h>

/* The writer */

static void test_text_is_written_piece_by_piece(void)
{
	char buffer[20];
	struct text t;
	t = text_into(buffer, sizeof(buffer));
	CHECK_STR(buffer, "");
	text_add(&t, "%s=%d", "a", 5);
	text_add(&t, "%s", ";");
	CHECK_STR(buffer, "a=5;");
	CHECK_INT(t.len, 4);
	CHECK(!t.full);
}

static void test_a_piece_that_does_not_fit_is_dropped(void)
{
	/* Every size from 1 on; the guard byte behind the buffer stays. */
	for (size_t size = 1; size <= 8; size++) {
		char buffer[9];
		struct text t;
		memset(buffer, '#', sizeof(buffer));
		t = text_into(buffer, size);
		text_add(&t, "%s", "abc");
		text_add(&t, "%s", "defg");
		CHECK_STR(buffer, size < 4 ? "" : size < 8 ? "abc" : "abcdefg");
		CHECK_INT(t.full, size < 8);
		CHECK_INT(t.len, strlen(buffer));
		CHECK_INT(buffer[size], '#');
	}
}

static void test_a_full_text_stays_full(void)
{
	char buffer[4];
	struct text t;
	t = text_into(buffer, sizeof(buffer));
	text_add(&t, "%s", "toolong");
	CHECK(t.full);
	text_add(&t, "%s", "x");
	CHECK(t.full);
}

/* Whole numbers */

enum { KEPT = 77 }; /* what a failed parser must leave */

static void check_u64(const char *s, enum text_parse status, uint64_t want)
{
	uint64_t value = KEPT;
	const enum text_parse got = text_parse_u64(s, &value);
	if (got != status || value != (status == TEXT_OK ? want : KEPT))
		printf("\"%s\": %llu\n", s, (unsigned long long)value);
	CHECK_INT(got, status);
	CHECK(value == (status == TEXT_OK ? want : KEPT));
}

static void test_counts_in_every_accepted_form(void)
{
	check_u64("0", TEXT_OK, 0);
	check_u64("7", TEXT_OK, 7);
	check_u64("007", TEXT_OK, 7);
	check_u64("50000", TEXT_OK, 50000);
	check_u64("50_000", TEXT_OK, 50000);
	check_u64("1_2_3", TEXT_OK, 123);
	check_u64("5e4", TEXT_OK, 50000);
	check_u64("5E4", TEXT_OK, 50000);
	check_u64("5e+4", TEXT_OK, 50000);
	check_u64("5e04", TEXT_OK, 50000);
	check_u64("2.5e3", TEXT_OK, 2500);
	check_u64("2.50e1", TEXT_OK, 25);
	check_u64("2.000", TEXT_OK, 2);
	check_u64("0.5e1", TEXT_OK, 5);
	check_u64("100e-2", TEXT_OK, 1);
	check_u64("0e9999", TEXT_OK, 0);
	check_u64("0e-9999", TEXT_OK, 0);
	check_u64("0.000", TEXT_OK, 0);
	check_u64("1_000.5e1", TEXT_OK, 10005);
}

static void test_counts_are_exact_to_the_last_one(void)
{
	check_u64("9007199254740993", TEXT_OK, UINT64_C(9007199254740993)); /* 2^53 + 1 */
	check_u64("18446744073709551615", TEXT_OK, UINT64_MAX);
	check_u64("18446744073709551616", TEXT_TOO_LARGE, 0);
	check_u64("18446744073709551625", TEXT_TOO_LARGE, 0);
	check_u64("184467440737095516150", TEXT_TOO_LARGE, 0);
	check_u64("1844674407370955161.5e1", TEXT_OK, UINT64_MAX);
	check_u64("1844674407370955161e1", TEXT_OK, UINT64_C(18446744073709551610));
	check_u64("1844674407370955162e1", TEXT_TOO_LARGE, 0);
	check_u64("1e19", TEXT_OK, UINT64_C(10000000000000000000));
	check_u64("1e20", TEXT_TOO_LARGE, 0);
	check_u64("2e19", TEXT_TOO_LARGE, 0);
	check_u64("1e400", TEXT_TOO_LARGE, 0);
	check_u64("1e4294967297", TEXT_TOO_LARGE, 0); /* 2^32 + 1 */
	check_u64("1e99999999999999999999", TEXT_TOO_LARGE, 0);
	check_u64("99999999999999999999999999999999", TEXT_TOO_LARGE, 0);
}

static void test_fractions_are_no_counts(void)
{
	check_u64("1.5", TEXT_NOT_WHOLE, 0);
	check_u64("0.1", TEXT_NOT_WHOLE, 0);
	check_u64("2.55e1", TEXT_NOT_WHOLE, 0);
	check_u64("1e-1", TEXT_NOT_WHOLE, 0);
	check_u64("1e-4294967296", TEXT_NOT_WHOLE, 0);
	check_u64("1e-99999999999999999999", TEXT_NOT_WHOLE, 0);
}

static void test_anything_else_is_no_count(void)
{
	static const char *const bad[] = { "", " ", " 1", "1 ", "1\n", "1_", "_1", "1__0", "_", "1_.5", "1._5", "1.5_",
		"1_e3", "1e_3", "1e3_", "1.", ".5", ".", "e", "e5", "1e", "1e+", "1e-", "1e+-3", "1e3.5", "1.2.3",
		"0x10", "0b1", "-1", "-0", "+1", "nan", "inf", "1,000", "1'000", "5k", "five", "1e4x", "1 000", "1f",
		"1u", "\xd9\xa1" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_u64(bad[i], TEXT_NOT_A_NUMBER, 0);
	check_u64("99999999999999999999999x", TEXT_NOT_A_NUMBER, 0);
}

static void check_i64(const char *s, enum text_parse status, int64_t want)
{
	int64_t value = KEPT;
	CHECK_INT(text_parse_i64(s, &value), status);
	CHECK_INT(value, status == TEXT_OK ? want : KEPT);
}

static void test_signed_counts(void)
{
	check_i64("5e4", TEXT_OK, 50000);
	check_i64("-5e4", TEXT_OK, -50000);
	check_i64("+5", TEXT_OK, 5);
	check_i64("-0", TEXT_OK, 0);
	check_i64("-1_000", TEXT_OK, -1000);
	check_i64("9223372036854775807", TEXT_OK, INT64_MAX);
	check_i64("-9223372036854775807", TEXT_OK, -INT64_MAX);
	check_i64("9223372036854775808", TEXT_TOO_LARGE, 0);
	check_i64("-9223372036854775809", TEXT_TOO_LARGE, 0);
	check_i64("-1.5", TEXT_NOT_WHOLE, 0);
	static const char *const bad[] = { "", "-", "+", "--1", "+-1", "-+1", "- 1", "-_1", "-x" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_i64(bad[i], TEXT_NOT_A_NUMBER, 0);
}

/* Reals */

static void check_real(const char *s, enum text_parse status, double want)
{
	double value = KEPT;
	const enum text_parse got = text_parse_real(s, &value);
	if (got != status)
		printf("\"%s\": %.17g\n", s, value);
	CHECK_INT(got, status);
	CHECK(value == (status == TEXT_OK ? want : KEPT));
}

static void test_reals_in_every_accepted_form(void)
{
	check_real("0", TEXT_OK, 0);
	check_real("5e-4", TEXT_OK, 5e-4);
	check_real("-2.5E+3", TEXT_OK, -2500);
	check_real("+1", TEXT_OK, 1);
	check_real("50_000", TEXT_OK, 50000);
	check_real("1_0.2_5", TEXT_OK, 10.25);
	check_real("0.1", TEXT_OK, 0.1);
	check_real("1e308", TEXT_OK, 1e308);
	check_real("2.2250738585072014e-308", TEXT_OK, DBL_MIN);
	check_real("9007199254740993", TEXT_OK, 9007199254740992); /* the nearest */
	double zero = KEPT;
	CHECK_INT(text_parse_real("-0", &zero), TEXT_OK);
	CHECK(zero == 0 && signbit(zero));
}

/* Digits, places and exponents on both sides of what needs no strtod. */
/* text_scan_real ends there, with strtod's value; or finds none (NULL). */
static void check_scan(const char *s, const char *want)
{
	double value = KEPT;
	const char *end = text_scan_real(s, &value);
	CHECK(end == want);
	CHECK(!end || (value == strtod(s, NULL) && signbit(value) == signbit(strtod(s, NULL))));
	if (end != want)
		printf("'%s'\n", s);
}

static void test_reals_are_scanned(void)
{
	static const char *const whole[] = { "0", "-0", "7", "-7.", ".5", "+3", "1e5", "-1.5E-3", "1e999",
		"0.30000000000000004", "18446744073709551616", "9007199254740993", "0.0000000000000000000000000000001",
		"00000000000000000000000000000.5", "2.2250738585072014e-308", "123456789012345678901234567890" };
	static const char *const none[] = { "", " 1", "-", "+", ".", "e5", "--1", "1-", "1e", "1e+", "1.2.3", "1+1",
		"nan", "inf", "-inf", "x", ",1", "1e5.5" };
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		char s[64];
		check_scan(whole[i], whole[i] + strlen(whole[i]));
		for (const char *after = " ,\t\ryp_"; *after; after++) {
			snprintf(s, sizeof(s), "%s%c1", whole[i], *after);
			check_scan(s, s + strlen(whole[i]));
		}
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		check_scan(none[i], NULL);
	const char *hex = "0x10"; /* not as strtod has it */
	double value = KEPT;
	CHECK(text_scan_real(hex, &value) == hex + 1 && value == 0);
}

static void test_reals_are_rounded_as_strtod_has_it(void)
{
	struct rng rng;
	rng_init(&rng, 5);
	for (int i = 0; i < 200000; i++) {
		char s[64], digits[32];
		double value = KEPT;
		snprintf(digits, sizeof(digits), "%" PRIu64, rng_u64(&rng) >> rng_below(&rng, 64));
		const int places = (int)rng_below(&rng, strlen(digits) + 1);
		const int whole = (int)strlen(digits) - places;
		snprintf(s, sizeof(s), "%s%.*s.%s", rng_below(&rng, 2) ? "-" : "", whole, digits, digits + whole);
		if (rng_below(&rng, 2))
			snprintf(s + strlen(s), 16, "e%d", (int)rng_below(&rng, 60) - 30);
		CHECK_INT(text_parse_real(s, &value), TEXT_OK);
		CHECK(value == strtod(s, NULL));
		check_scan(s, s + strlen(s));
		strcat(s, rng_below(&rng, 2) ? " 1" : ",x");
		check_scan(s, s + strlen(s) - 2);
	}
	check_real("9007199254740992e22", TEXT_OK, 9007199254740992e22);
	check_real("9007199254740993e22", TEXT_OK, 9007199254740993e22);
	check_real("9007199254740993e-22", TEXT_OK, 9007199254740993e-22);
	check_real("1e22", TEXT_OK, 1e22);
	check_real("1e23", TEXT_OK, 1e23);
	check_real("1e-22", TEXT_OK, 1e-22);
	check_real("1e-23", TEXT_OK, 1e-23);
	check_real("1.e5", TEXT_OK, 1e5);
	check_real(".5e1", TEXT_OK, 5);
	check_real("1e00000000000000000000000000005", TEXT_OK, 1e5);
}

static void test_reals_beyond_double_are_too_large(void)
{
	check_real("1e400", TEXT_TOO_LARGE, 0);
	check_real("-1e309", TEXT_TOO_LARGE, 0);
	check_real("1e99999999999", TEXT_TOO_LARGE, 0);
}

static void test_anything_else_is_no_real(void)
{
	static const char *const bad[] = { "", " ", " 1", "1 ", "1\n", "\t1", "nan", "NaN", "inf", "-inf", "infinity",
		"0x10", "0x1p3", "1_", "_1", "1__0", "1_.5", "1._5", "1_e5", "1e_5", "-_1", ".", "-", "+", "e", "e5",
		"1e", "1e+", "--1", "+-1", "1e--5", "1.2.3", "1e5.5", "1,5", "1-2", "1+2", "1f", "1d", "one" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_real(bad[i], TEXT_NOT_A_NUMBER, 0);
}

static void check_printed(double x, const char *want)
{
	char buf[TEXT_REAL_SIZE];
	CHECK_STR(text_real(x, buf), want);
}

static void test_reals_print_short(void)
{
	check_printed(0, "0");
	check_printed(-0.0, "0");
	check_printed(1, "1");
	check_printed(-1, "-1");
	check_printed(0.1, "0.1");
	check_printed(1e-5, "1e-05");
	check_printed(0.00025, "0.00025");
	check_printed(0.1 + 0.2, "0.30000000000000004");
	check_printed(1.0 / 3, "0.3333333333333333");
	check_printed(100000, "100000");
	check_printed(123456789012345, "123456789012345");
	check_printed(1e15, "1e+15");
	check_printed(1e22, "1e+22");
	check_printed(5e-324, "5e-324");
	check_printed(DBL_MAX, "1.7976931348623157e+308");
	check_printed(-DBL_MIN, "-2.2250738585072014e-308");
	check_printed((double)INFINITY, "inf");
	check_printed(-(double)INFINITY, "-inf");
	check_printed((double)0.1f, "0.10000000149011612");
}

static double random_real(struct rng *rng)
{
	const uint64_t bits = rng_u64(rng);
	double x;
	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* From the first to the last digit that is not 0, before an exponent. */
static int significant_digits(const char *s)
{
	int n = 0, n_zeros = 0;
	for (; *s && *s != 'e'; s++) {
		if (*s >= '1' && *s <= '9') {
			n += n_zeros + 1;
			n_zeros = 0;
		} else if (*s == '0' && n > 0)
			n_zeros++;
	}
	return n;
}

/* The printed form reads back equal, and one with fewer digits does not. */
static void check_shortest(double x)
{
	char buf[TEXT_REAL_SIZE], shorter[400];
	text_real(x, buf);
	CHECK(strtod(buf, NULL) == x);
	const int n_digits = significant_digits(buf);
	if (n_digits > 1) {
		snprintf(shorter, sizeof(shorter), "%.*g", n_digits - 1, x);
		CHECK(strtod(shorter, NULL) != x);
	}
}

static void test_reals_read_back_equal(void)
{
	struct rng rng;
	rng_init(&rng, 3);
	for (int i = 0; i < 20000; i++) {
		const double any = random_real(&rng);
		if (isfinite(any))
			check_shortest(any);
		check_shortest(rng_uniform(&rng, -1, 1));
		check_shortest((double)(int)rng_below(&rng, 100000) / 1000);
		check_shortest((double)(float)rng_double(&rng));
		check_shortest((double)(rng_u64(&rng) >> rng_below(&rng, 64)));
	}
}

static void check_float(float x)
{
	char buf[TEXT_REAL_SIZE], shorter[400];
	text_float(x, buf);
	CHECK(strtof(buf, NULL) == x);
	const int n_digits = significant_digits(buf);
	if (n_digits > 1 && (fabsf(x) >= 1e15F || x != floorf(x))) {
		snprintf(shorter, sizeof(shorter), "%.*g", n_digits - 1, (double)x);
		CHECK(strtof(shorter, NULL) != x);
	}
}

static void test_floats_read_back_equal(void)
{
	struct rng rng;
	rng_init(&rng, 13);
	for (int i = 0; i < 20000; i++) {
		const uint32_t bits = (uint32_t)rng_u64(&rng);
		float any;
		memcpy(&any, &bits, sizeof(any));
		if (isfinite(any))
			check_float(any);
		check_float((float)rng_uniform(&rng, -1, 1));
		check_float((float)rng_below(&rng, 100000) / 1000);
		check_float((float)rng_below(&rng, 100000) * FLT_TRUE_MIN);
	}
	char buf[TEXT_REAL_SIZE];
	CHECK_STR(text_float(0.1F, buf), "0.1");
	CHECK_STR(text_float(-0.0F, buf), "0");
	CHECK_STR(text_float(16777216, buf), "16777216");
	CHECK_STR(text_float(1e20F, buf), "1e+20");
	CHECK_STR(text_float(FLT_TRUE_MIN, buf), "1e-45");
}

static void test_printed_reals_pass_the_strict_parser(void)
{
	struct rng rng;
	rng_init(&rng, 4);
	for (int i = 0; i < 20000; i++) {
		char buf[TEXT_REAL_SIZE];
		double value;
		const double x = random_real(&rng);
		if (!isfinite(x))
			continue;
		CHECK_INT(text_parse_real(text_real(x, buf), &value), TEXT_OK);
		CHECK(value == x);
	}
}

static void test_json_has_null_for_what_is_not_finite(void)
{
	char buffer[100];
	struct text t;
	t = text_into(buffer, sizeof(buffer));
	text_add_json_real(&t, 0.5);
	text_add(&t, ",");
	text_add_json_real(&t, NAN);
	text_add(&t, ",");
	text_add_json_real(&t, INFINITY);
	text_add(&t, ",");
	text_add_json_real(&t, -INFINITY);
	CHECK_STR(buffer, "0.5,null,null,null");
	t = text_into(buffer, sizeof(buffer));
	text_add_real(&t, -2.5);
	CHECK_STR(buffer, "-2.5");
}

static void check_json_string(const char *s, const char *want)
{
	char buffer[200];
	struct text t;
	t = text_into(buffer, sizeof(buffer));
	text_add_json_string(&t, s);
	CHECK_STR(buffer, want);
	CHECK(!t.full);
}

static void test_json_strings_are_escaped(void)
{
	check_json_string("", "\"\"");
	check_json_string("a b", "\"a b\"");
	check_json_string("\"\\/", "\"\\\"\\\\/\"");
	check_json_string("a\nb", "\"a\\nb\"");
	check_json_string("\r\t\x01\x1f\x7f", "\"\\u000d\\u0009\\u0001\\u001f\\u007f\"");
	check_json_string("\xc3\xa9%s", "\"\xc3\xa9%s\"");
}

/* Near misses */

static void test_distance_counts_the_edits(void)
{
	CHECK_INT(text_distance("", "", SIZE_MAX), 0);
	CHECK_INT(text_distance("gamma", "gamma", SIZE_MAX), 0);
	CHECK_INT(text_distance("Gamma", "gAMMA", SIZE_MAX), 0);
	CHECK_INT(text_distance("", "abc", SIZE_MAX), 3);
	CHECK_INT(text_distance("abc", "", SIZE_MAX), 3);
	CHECK_INT(text_distance("gama", "gamma", SIZE_MAX), 1);   /* insert */
	CHECK_INT(text_distance("gammma", "gamma", SIZE_MAX), 1); /* delete */
	CHECK_INT(text_distance("gaXma", "gamma", SIZE_MAX), 1);  /* replace */
	CHECK_INT(text_distance("gmama", "gamma", SIZE_MAX), 1);  /* swap */
	CHECK_INT(text_distance("GMama", "gamma", SIZE_MAX), 1);
	CHECK_INT(text_distance("ab", "ba", SIZE_MAX), 1);
	CHECK_INT(text_distance("ca", "abc", SIZE_MAX), 3); /* no edit between swapped neighbours */
	CHECK_INT(text_distance("kitten", "sitting", SIZE_MAX), 3);
	CHECK_INT(text_distance("batchsize", "batch_size", SIZE_MAX), 1);
	CHECK_INT(text_distance("abcdef", "uvwxyz", SIZE_MAX), 6);
}

static void test_distance_is_a_metric_of_sorts(void)
{
	static const char *const words[] = { "", "a", "ab", "ba", "learning_rate", "learn_rate", "tau", "batch_size",
		"buffer_size", "x" };
	enum { N = sizeof(words) / sizeof(words[0]) };
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			const size_t d = text_distance(words[i], words[j], SIZE_MAX);
			const size_t n_i = strlen(words[i]), n_j = strlen(words[j]);
			CHECK_INT(d, text_distance(words[j], words[i], SIZE_MAX));
			CHECK(d <= (n_i > n_j ? n_i : n_j));
			CHECK(d >= (n_i > n_j ? n_i - n_j : n_j - n_i));
			CHECK_INT(d == 0, i == j);
			for (size_t most = 0; most < 16; most++)
				CHECK(text_distance(words[i], words[j], most) == (d <= most ? d : SIZE_MAX));
		}
}

static void test_long_strings_are_far_away(void)
{
	char a[67], b[67];
	memset(a, 'a', sizeof(a));
	memset(b, 'b', sizeof(b));
	a[64] = b[64] = '\0';
	CHECK_INT(text_distance(a, a, SIZE_MAX), 0);
	CHECK_INT(text_distance(a, b, SIZE_MAX), 64);
	a[64] = 'a';
	a[65] = '\0';
	CHECK(text_distance(a, a, SIZE_MAX) == SIZE_MAX);
	CHECK(text_distance(a, "a", SIZE_MAX) == SIZE_MAX);
	CHECK(text_distance("a", a, SIZE_MAX) == SIZE_MAX);
	size_t distance;
	CHECK(!text_is_near(a, a, &distance));
}

static void test_near_is_a_third(void)
{
	size_t d = 0;
	CHECK(text_is_near("gama", "gamma", &d));
	CHECK_INT(d, 1);
	CHECK(text_is_near("learnign_raet", "learning_rate", &d));
	CHECK_INT(d, 2);
	CHECK(!text_is_near("xyz", "gamma", &d));
	CHECK(text_is_near("t", "x", &d)); /* (1 + 2) / 3 edits */
	CHECK(!text_is_near("", "a", &d));
	CHECK(text_is_near("abcdef", "abcdXY", &d)); /* 2 <= 8 / 3 */
	CHECK(!text_is_near("abcdef", "abcXYZ", &d));
}

static void test_nearest_of_a_list(void)
{
	static const char *const keys[] = { "seed", "gamma", "tau", "batch_size", "buffer_size", "learning_rate",
		"learning_starts", NULL };
	static const char *const none[] = { NULL };
	CHECK_STR(text_nearest("gama", keys), "gamma");
	CHECK_STR(text_nearest("learing_rate", keys), "learning_rate");
	CHECK_STR(text_nearest("LEARNING_START", keys), "learning_starts");
	CHECK_STR(text_nearest("batchsize", keys), "batch_size");
	CHECK_STR(text_nearest("bufer_size", keys), "buffer_size");
	CHECK_STR(text_nearest("seed", keys), "seed");
	CHECK(text_nearest("momentum", keys) == NULL);
	CHECK(text_nearest("gamma", none) == NULL);
	static const char *const ties[] = { "aab", "aac", NULL };
	CHECK_STR(text_nearest("aaa", ties), "aab"); /* the first */
	CHECK_STR(text_nearer("seeds", "steps", "seed"), "seed");
	CHECK_STR(text_nearer("aaa", "aab", "aac"), "aab");
	CHECK_STR(text_nearer("lr", NULL, "learning_rate"), "learning_rate");
	CHECK_STR(text_nearer("step", "steps", NULL), "steps");
	CHECK(text_nearer("step", NULL, NULL) == NULL);
	CHECK(text_index("seed", keys) == 0);
	CHECK(text_index("learning_starts", keys) == 6);
	CHECK(text_index("gam", keys) == -1);
	CHECK(text_index("", none) == -1);
}

static void test_edges_of_number_parsing(void)
{
	uint64_t u = 0;
	int64_t i = 0;
	char buf[TEXT_REAL_SIZE];
	CHECK(text_parse_u64("10000000000000000000.0", &u) == TEXT_OK);
	CHECK(u == 10000000000000000000u);
	CHECK(text_parse_u64("1.00000000000000000000", &u) == TEXT_OK);
	CHECK_INT(u, 1);
	CHECK(text_parse_u64("1.0000000000000000000005", &u) != TEXT_OK);
	CHECK(text_parse_u64("1.50050e4", &u) == TEXT_OK);
	CHECK_INT(u, 15005);
	CHECK(text_parse_i64("-9223372036854775808", &i) == TEXT_OK);
	CHECK(i == INT64_MIN);
	CHECK(text_parse_i64("-9223372036854775809", &i) == TEXT_TOO_LARGE);
	CHECK(text_parse_i64("9223372036854775808", &i) == TEXT_TOO_LARGE);
	CHECK(text_parse_i64("-0", &i) == TEXT_OK);
	CHECK_INT(i, 0);
	CHECK_STR(text_real((double)NAN, buf), "nan");
	CHECK_STR(text_real(-(double)NAN, buf), "nan");
}

static void test_printable(void)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" },
		{ "plain 'text'", "plain 'text'" },
		{ "a\tb\nc\x1b[31m\x7f", "a?b?c?[31m?" },
		{ "\xc3\xa9 \xf0\x9f\xa4\x96", "\xc3\xa9 \xf0\x9f\xa4\x96" },
		{ "\xff\xff\xc0", "???" },
		{ "cut \xf0\x9f\xa4", "cut ???" },
		{ "\xc3(", "?(" },
		{ "C1 \xc2\x85 and \x9b", "C1 ? and ?" },
		{ "\xe2\x80\xae turned \xe2\x81\xa6", "? turned ?" },
		{ "hid\xe2\x80\x8b"
		  "den\xc2\xad\xef\xbb\xbf\xf3\xa0\x81\x81",
			"hid?den???" },
		{ "\xe2\x80\xa8 lines \xe2\x80\xa9", "? lines ?" },
		{ "\xe0\x80\x80 overlong \xed\xa0\x80 surrogate", "??? overlong ??? surrogate" },
		{ "\xf4\x90\x80\x80 \xef\xbf\xbe \xf0\x9f\xbf\xbf", "???? ? ?" },
		{ "e\xcc\x81 \xe6\xbc\xa2 \xf4\x8f\xbf\xbd", "e\xcc\x81 \xe6\xbc\xa2 \xf4\x8f\xbf\xbd" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char buf[64];
		snprintf(buf, sizeof(buf), "%s", cases[i].in);
		text_make_printable(buf);
		CHECK_STR(buf, cases[i].out);
		CHECK(text_is_printable(buf));
		CHECK_INT(text_is_printable(cases[i].in), strcmp(cases[i].in, cases[i].out) == 0);
		CHECK_INT(text_columns(cases[i].in), text_columns(buf));
	}
}

static void test_json_strings_escape_what_is_not_printable(void)
{
	char buf[128];
	struct text t;
	t = text_into(buf, sizeof(buf));
	text_add_json_string(&t, "\xc3\xa9 \"\\ \n\x1b\x7f\xc2\x9b\xe2\x80\xae\xff\xf3\xa0\x81\x81");
	CHECK_STR(buf, "\"\xc3\xa9 \\\"\\\\ \\n\\u001b\\u007f\\u009b\\u202e\\ufffd\\udb40\\udc41\"");
}

static void test_columns(void)
{
	CHECK_INT(text_columns(""), 0);
	CHECK_INT(text_columns("seed-1"), 6);
	CHECK_INT(text_columns("\xc3\xa9t\xc3\xa9"), 3);            /* ete with accents */
	CHECK_INT(text_columns("\xe2\x96\x88\xf0\x9f\x98\x80"), 3); /* a block and a wide face */
	CHECK_INT(text_columns("e\xcc\x81t\xc3\xa9"), 3);           /* the first one composed */
	CHECK_INT(text_columns("\xe6\xbc\xa2\xe5\xad\x97"), 4);     /* two Han characters */
	CHECK_INT(text_columns("\xff\xc2\x9b"), 2);                 /* as ?? */
}

static void test_what_fits_is_whole_characters(void)
{
	const char *s = "a\xe6\xbc\xa2"
			"e\xcc\x81"; /* 1, 2 and 1 columns; the mark takes none */
	const size_t bytes[] = { 0, 1, 1, 4, 7, 7 }, from[] = { 5, 4, 4, 1, 0, 0 };
	for (int columns = 0; columns < 6; columns++) {
		CHECK_INT(text_fit(s, columns), bytes[columns]);
		CHECK_INT(text_fit_end(s, columns) - s, from[columns]);
	}
	CHECK_INT(text_fit(s, -1), 0);
	CHECK_INT(text_fit_end(s, -1) - s, 7);
}

static void test_items_of_a_list(void)
{
	static const char *const want[] = { "a", "b c", "", "", "ab", "" }; /* abcd does not fit */
	const char *list = " a ,\tb c,, abcd, ab,";
	char item[3 + 1];
	size_t n = 0;
	for (; text_next_item(&list, ',', " \t", item, sizeof(item)); n++)
		CHECK_STR(item, n < 6 ? want[n] : "no more");
	CHECK_INT(n, 6);
	CHECK(!list);
	list = " a :b";
	CHECK(text_next_item(&list, ':', "", item, sizeof(item)));
	CHECK_STR(item, " a ");
	CHECK(text_next_item(&list, ':', "", item, sizeof(item)) && !list);
	CHECK_STR(item, "b");
}

int main(void)
{
	RUN(test_columns);
	RUN(test_printable);
	RUN(test_json_strings_escape_what_is_not_printable);
	RUN(test_what_fits_is_whole_characters);
	RUN(test_text_is_written_piece_by_piece);
	RUN(test_a_piece_that_does_not_fit_is_dropped);
	RUN(test_a_full_text_stays_full);
	RUN(test_counts_in_every_accepted_form);
	RUN(test_counts_are_exact_to_the_last_one);
	RUN(test_fractions_are_no_counts);
	RUN(test_anything_else_is_no_count);
	RUN(test_signed_counts);
	RUN(test_reals_in_every_accepted_form);
	RUN(test_reals_are_scanned);
	RUN(test_reals_are_rounded_as_strtod_has_it);
	RUN(test_reals_beyond_double_are_too_large);
	RUN(test_anything_else_is_no_real);
	RUN(test_reals_print_short);
	RUN(test_reals_read_back_equal);
	RUN(test_floats_read_back_equal);
	RUN(test_printed_reals_pass_the_strict_parser);
	RUN(test_json_has_null_for_what_is_not_finite);
	RUN(test_json_strings_are_escaped);
	RUN(test_distance_counts_the_edits);
	RUN(test_distance_is_a_metric_of_sorts);
	RUN(test_long_strings_are_far_away);
	RUN(test_near_is_a_third);
	RUN(test_nearest_of_a_list);
	RUN(test_edges_of_number_parsing);
	RUN(test_items_of_a_list);
	return test_end();
}
