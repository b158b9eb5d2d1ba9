/* The JSON reader on good, bad and cut off text. */
#include "base/json.h"

#include "base/text.h"
#include "test.h"

#include <stdlib.h>

/* A heap block of exactly the text's bytes: a sanitizer sees a read beyond it. */
static char *exact(const char *data, size_t len)
{
	char *p = malloc(len > 0 ? len : 1);
	if (!p)
		abort();
	memcpy(p, data, len);
	return p;
}

/* Skipping */

static bool skips(const char *data, size_t len)
{
	char *p = exact(data, len);
	struct json j;
	json_init(&j, p, len);
	const bool skipped = json_skip(&j), ok = json_end(&j);
	CHECK_INT(ok, j.error == NULL);
	CHECK(skipped || !ok);
	free(p);
	return ok;
}

static bool skips_text(const char *text)
{
	return skips(text, strlen(text));
}

static void test_valid_documents_are_skipped_whole(void)
{
	static const char *const good[] = { "0", "-0", "-1.5e-7", "1E+2", "true", "false", "null", "\"\"", "\"a\"",
		"{}", "[]", " { } ", "\t[\r\n]\n", "[1]", "[1,2]", "[[],[[]],{}]", "{\"a\":1}",
		"{\"a\":{\"b\":[1,{\"c\":null}]},\"d\":[]}", "{\"\":\"\"}", "[ 1 , 2 , { \"a\" : [ ] } ]",
		"[true,false,null]", "{\"a\":1,\"a\":2}", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", "\"\x7f\xc3\xa9\"" };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const bool ok = skips_text(good[i]);
		if (!ok)
			printf("%s\n", good[i]);
		CHECK(ok);
	}
}

static void test_invalid_documents_are_errors(void)
{
	static const char *const bad[] = { "", " ", "nul", "nulL", "True", "truefalse", "1 2", "01", "-", "+1", ".5",
		"1e", "1e+", "--1", "1+2", "1..2", "0x10", "NaN", "Infinity", "-Infinity", "'a'", "a", "\"", "\"\\\"",
		"\"a", "\"\n\"", "\"\t\"", "\"\\x41\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u0000\"", "\"\\", "\"\\u", "[",
		"]", "{", "}", "[}", "{]", "[1,]", "[,1]", "[,]", "[1 2]", "[1;2]", "[1", "[1,", "[[1]", "[1]]", "{,}",
		"{\"a\"}", "{\"a\":}", "{\"a\" 1}", "{\"a\":1,}", "{\"a\":1 \"b\":2}", "{a:1}", "{1:2}", "{\"a\":1",
		"{\"a\":1]", "[1}", "{\"a\":1}}", "[]{}", "[] 1", "//\n1", "[1] // c", "{\"a\":1,,\"b\":2}", "[1,,2]",
		"\"a\" \"b\"", ",", ":" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const bool ok = skips_text(bad[i]);
		if (ok)
			printf("%s\n", bad[i]);
		CHECK(!ok);
	}
}

static void test_nul_bytes_are_errors(void)
{
	CHECK(!skips("\0", 1));
	CHECK(!skips("1\0", 2));
	CHECK(!skips("[1\0]", 4));
	CHECK(!skips("{\"a\0\":1}", 8));
	CHECK(!skips("[]\0", 3));
	CHECK(!skips("\"\\\0\"", 4));
	CHECK(!skips("\"\\u\0\0\0\0\"", 8));
	CHECK(skips("[]", 2));
}

static bool skips_nested(char open, char close, int depth)
{
	char text[1000];
	size_t n = 0;
	for (int i = 0; i < depth; i++) {
		text[n++] = open;
		if (open == '{' && i + 1 < depth) {
			memcpy(text + n, "\"k\":", 4);
			n += 4;
		}
	}
	for (int i = 0; i < depth; i++)
		text[n++] = close;
	return skips(text, n);
}

static void test_nesting_up_to_64(void)
{
	CHECK(skips_nested('[', ']', 1));
	CHECK(skips_nested('[', ']', 64));
	CHECK(skips_nested('{', '}', 64));
	CHECK(!skips_nested('[', ']', 65));
	CHECK(!skips_nested('{', '}', 65));
	enum { DEEP = 1000000 };
	char *text = malloc(DEEP);
	if (!text)
		abort();
	memset(text, '[', DEEP);
	CHECK(!skips(text, DEEP));
	for (size_t i = 0; i < DEEP; i++)
		text[i] = "{\"a\":"[i % 5];
	CHECK(!skips(text, DEEP));
	free(text);
	/* Depth is how many are open, not how many there were. */
	char wide[400] = "[";
	for (int i = 0; i < 99; i++)
		strcat(wide, "[],");
	strcat(wide, "[]]");
	CHECK(skips_text(wide));
}

/* Reading a document of known structure */

struct document {
	uint64_t seed;
	double mean, nothing, list[4];
	int n_list;
	char name[20];
};

static bool read_document(const char *data, size_t len, struct document *d)
{
	struct json j;
	char key[16];
	*d = (struct document){ 0 };
	json_init(&j, data, len);
	for (json_open(&j, '{'); json_next_key(&j, key, sizeof(key));)
		if (strcmp(key, "seed") == 0)
			json_u64(&j, &d->seed);
		else if (strcmp(key, "mean") == 0)
			json_real(&j, &d->mean);
		else if (strcmp(key, "nothing") == 0)
			json_real(&j, &d->nothing);
		else if (strcmp(key, "name") == 0)
			json_string(&j, d->name, sizeof(d->name));
		else if (strcmp(key, "list") == 0)
			for (json_open(&j, '['); d->n_list < 4 && json_next_item(&j);)
				json_real(&j, &d->list[d->n_list++]);
		else
			json_skip(&j);
	return json_end(&j);
}

static const char document[] =
	" { \"seed\" : 18446744073709551615 ,\n\t\"mean\":-1.25e2,\"skip\":{\"a\":[1,{\"b\":[]}],"
	"\"c\":\"}\"},\"nothing\":null,\"name\":\"a\\\"\\u00e9\\ud83d\\ude00\\\\\","
	"\"list\":[1,2.5,-3],\"last\":true}";

static void test_a_document_is_read(void)
{
	struct document d;
	char *p = exact(document, sizeof(document) - 1);
	CHECK(read_document(p, sizeof(document) - 1, &d));
	free(p);
	CHECK(d.seed == UINT64_MAX);
	CHECK(d.mean == -125);
	CHECK(isnan(d.nothing));
	CHECK_STR(d.name, "a\"\xc3\xa9\xf0\x9f\x98\x80\\");
	CHECK_INT(d.n_list, 3);
	CHECK(d.list[0] == 1 && d.list[1] == 2.5 && d.list[2] == -3);
}

static void test_a_document_cut_anywhere_is_an_error(void)
{
	struct document d;
	for (size_t len = 0; len < sizeof(document) - 1; len++) {
		char *p = exact(document, len);
		CHECK(!read_document(p, len, &d));
		CHECK(!skips(p, len));
		free(p);
	}
	CHECK(skips(document, sizeof(document) - 1));
}

/* No byte put anywhere makes the reader crash or run on. */
static void test_a_document_with_any_byte_changed_does_no_harm(void)
{
	struct document d;
	const size_t len = sizeof(document) - 1;
	char *p = exact(document, len);
	int n_errors = 0, n_skip_errors = 0;
	for (size_t at = 0; at < len; at++)
		for (int c = 0; c < 256; c++) {
			p[at] = (char)c;
			n_errors += !read_document(p, len, &d);
			n_skip_errors += !skips(p, len);
			p[at] = document[at];
		}
	/* Most changes outside of strings break it. */
	CHECK(n_errors > 20000 && n_skip_errors > 20000);
	CHECK(read_document(p, len, &d));
	free(p);
}

/* After the failed json_u64 every call fails, though the text that is left would
 * suit one of them, and the first error stays. */
static void check_all_fail(const char *text)
{
	struct json j;
	uint64_t u = 77;
	double x = 77;
	char s[10];
	json_init(&j, text, strlen(text));
	CHECK(!json_u64(&j, &u));
	const char *error = j.error, *at = j.p;
	CHECK(error != NULL);
	for (int call = 0; call < 10; call++) {
		const bool ok = call == 0   ? json_open(&j, '[')
				: call == 1 ? json_open(&j, '{')
				: call == 2 ? json_next_item(&j)
				: call == 3 ? json_next_key(&j, s, sizeof(s))
				: call == 4 ? json_string(&j, s, sizeof(s))
				: call == 5 ? json_u64(&j, &u)
				: call == 6 ? json_real(&j, &x)
				: call == 7 ? json_skip(&j)
				: call == 8 ? json_next_key(&j, s, sizeof(s))
					    : json_end(&j);
		CHECK(!ok);
		CHECK(j.error == error && j.p == at);
	}
	CHECK(u == 77 && x == 77);
}

static void test_the_first_error_stays(void)
{
	check_all_fail("x");
	check_all_fail("\"a\":1}");
	check_all_fail("[1,2]");
	check_all_fail("{\"a\":1}");
	check_all_fail("]");
	check_all_fail("}");
	check_all_fail("");
}

static void test_the_wrong_kind_is_an_error(void)
{
	struct json j;
	uint64_t u;
	double x;
	char s[10];
	json_init(&j, "[]", 2);
	CHECK(!json_open(&j, '{'));
	json_init(&j, "{}", 2);
	CHECK(!json_open(&j, '['));
	json_init(&j, "1", 1);
	CHECK(!json_string(&j, s, sizeof(s)));
	json_init(&j, "\"1\"", 3);
	CHECK(!json_u64(&j, &u));
	json_init(&j, "true", 4);
	CHECK(!json_real(&j, &x));
	json_init(&j, "null", 4);
	CHECK(!json_u64(&j, &u));
	json_init(&j, "nulx", 4);
	CHECK(!json_real(&j, &x));
}

/* Numbers */

static bool reads_u64(const char *text, uint64_t *value)
{
	struct json j;
	json_init(&j, text, strlen(text));
	return json_u64(&j, value) && json_end(&j);
}

static void test_whole_numbers(void)
{
	uint64_t u = 0;
	CHECK(reads_u64("0", &u) && u == 0);
	CHECK(reads_u64(" 42 ", &u) && u == 42);
	CHECK(reads_u64("18446744073709551615", &u) && u == UINT64_MAX);
	static const char *const bad[] = { "18446744073709551616", "-1", "-0", "1.0", "1e3", "01", "1_000", "", "+1",
		"0x1", "99999999999999999999999999999999999999999999999999999999999999999999" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!reads_u64(bad[i], &u));
}

static bool reads_real(const char *text, double *value)
{
	struct json j;
	json_init(&j, text, strlen(text));
	return json_real(&j, value) && json_end(&j);
}

static void test_real_numbers(void)
{
	double x = 0;
	CHECK(reads_real("0", &x) && x == 0);
	CHECK(reads_real("-2.5e-3", &x) && x == -2.5e-3);
	CHECK(reads_real("1E+2", &x) && x == 100);
	CHECK(reads_real("0.1", &x) && x == 0.1);
	CHECK(reads_real("1.7976931348623157e308", &x) && x == 1.7976931348623157e308);
	CHECK(reads_real("null", &x) && isnan(x));
	static const char *const bad[] = { "1e400", "-1e400", "inf", "nan", ".5", "01", "-01", "1_0", "+1", "1e", "- 1",
		"0x1p3" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!reads_real(bad[i], &x));
}

/* Strings */

static bool reads_string(const char *text, char *s, size_t size)
{
	struct json j;
	char *p = exact(text, strlen(text));
	json_init(&j, p, strlen(text));
	const bool ok = json_string(&j, s, size) && json_end(&j);
	free(p);
	return ok;
}

static void test_escapes(void)
{
	char s[50];
	CHECK(reads_string("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", s, sizeof(s)));
	CHECK_STR(s, "\"\\/\b\f\n\r\t");
	CHECK(reads_string("\"\\u0041\\u007F\\u0080\\u07ff\\u0800\\uFfFf\"", s, sizeof(s)));
	CHECK_STR(s, "A\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf");
	CHECK(reads_string("\"\\ud800\\udc00\\uDBFF\\uDFFF\"", s, sizeof(s)));
	CHECK_STR(s, "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
	CHECK(reads_string("\"\\ud7ff\\ue000\"", s, sizeof(s)));
	CHECK_STR(s, "\xed\x9f\xbf\xee\x80\x80");
}

static void test_lone_surrogates_are_errors(void)
{
	static const char *const bad[] = { "\"\\ud800\"", "\"\\udbff\"", "\"\\udc00\"", "\"\\udfff\"", "\"\\ud800x\"",
		"\"\\ud800\\n\"", "\"\\ud800\\u0041\"", "\"\\ud800\\ud800\"", "\"\\ud800\\ue000\"", "\"\\ud800\\",
		"\"\\ud800\\u", "\"\\ud800\\udc0", "\"\\udc00\\ud800\"" };
	char s[50];
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!reads_string(bad[i], s, sizeof(s)));
}

static void test_strings_fit_or_fail(void)
{
	char s[9];
	for (size_t size = 1; size <= 8; size++) {
		memset(s, '#', sizeof(s));
		const bool ok = reads_string("\"abcd\"", s, size);
		CHECK_INT(ok, size >= 5);
		CHECK_INT(s[size], '#');
		memset(s, '#', sizeof(s));
		const bool wide_ok = reads_string("\"a\\u20ac\"", s, size); /* 1 + 3 bytes */
		CHECK_INT(wide_ok, size >= 5);
		CHECK_INT(s[size], '#');
	}
	CHECK(reads_string("\"\"", s, 1));
	CHECK_STR(s, "");
}

static void test_a_key_too_long_is_an_error(void)
{
	struct json j;
	char key[5];
	json_init(&j, "{\"abcd\":1}", 10);
	CHECK(json_open(&j, '{') && json_next_key(&j, key, sizeof(key)));
	CHECK_STR(key, "abcd");
	json_init(&j, "{\"abcde\":1}", 11);
	CHECK(json_open(&j, '{') && !json_next_key(&j, key, sizeof(key)));
	CHECK(j.error != NULL);
}

static void check_round_trip(const char *text)
{
	char json[2000], back[300];
	struct text t;
	t = text_into(json, sizeof(json));
	text_add_json_string(&t, text);
	CHECK(!t.full);
	CHECK(reads_string(json, back, sizeof(back)));
	CHECK_STR(back, text);
}

static void test_written_strings_read_back(void)
{
	char all[128];
	for (int c = 1; c < 128; c++)
		all[c - 1] = (char)c;
	all[127] = '\0';
	check_round_trip(all);
	check_round_trip("\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xef\xbf\xbf "
			 "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf");
	check_round_trip("");
	check_round_trip("\\u0041 \"\\\" \xf0\x9f\x98\x80");
	check_round_trip("runs/cartpole,learning_rate=5e-4\n");
}

/* A path may hold any bytes; JSON may not. */
static void test_bytes_that_are_no_utf8_are_replaced(void)
{
	static const char *const bad[] = { "\x80", "\xff", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80",
		"\xf4\x90\x80\x80", "\xf0\x8f\xbf\xbf", "\xc3", "\xe2\x82", "\xf8\x88\x80\x80\x80", NULL };
	for (int i = 0; bad[i]; i++) {
		char json[200], want[200] = "\"";
		struct text t;
		t = text_into(json, sizeof(json));
		text_add_json_string(&t, bad[i]);
		for (size_t n = 0; n < strlen(bad[i]); n++)
			strcat(want, "\\ufffd");
		CHECK_STR(json, strcat(want, "\""));
	}
}

static void test_numbers_follow_the_grammar(void)
{
	static const char *const bad[] = { "1.", "1.e5", "-1.", "01", "-", "+1", "1e", "1e+", ".5", "1.5.5", "1e5e5",
		"--1", NULL };
	static const char *const good[] = { "0", "-0", "10", "1.5", "-1.25e-3", "1E+2", "0.0", NULL };
	for (int i = 0; bad[i]; i++) {
		struct json j;
		json_init(&j, bad[i], strlen(bad[i]));
		CHECK(!(json_skip(&j) && json_end(&j)));
	}
	for (int i = 0; good[i]; i++) {
		struct json j;
		json_init(&j, good[i], strlen(good[i]));
		CHECK(json_skip(&j) && json_end(&j));
	}
}

int main(void)
{
	RUN(test_valid_documents_are_skipped_whole);
	RUN(test_invalid_documents_are_errors);
	RUN(test_nul_bytes_are_errors);
	RUN(test_nesting_up_to_64);
	RUN(test_a_document_is_read);
	RUN(test_a_document_cut_anywhere_is_an_error);
	RUN(test_a_document_with_any_byte_changed_does_no_harm);
	RUN(test_the_first_error_stays);
	RUN(test_the_wrong_kind_is_an_error);
	RUN(test_whole_numbers);
	RUN(test_real_numbers);
	RUN(test_escapes);
	RUN(test_lone_surrogates_are_errors);
	RUN(test_strings_fit_or_fail);
	RUN(test_a_key_too_long_is_an_error);
	RUN(test_written_strings_read_back);
	RUN(test_bytes_that_are_no_utf8_are_replaced);
	RUN(test_numbers_follow_the_grammar);
	return test_end();
}
