/* INI lines as events, with every kind of hostile byte. */
#include "base/ini.h"

#include "base/rng.h"
#include "base/text.h"

#include "test.h"

#include <stdlib.h>

/* Writes all events of a file as text: "LINE [section]", "LINE section.key=value"
 * or "LINE !error", each with a ';' behind it. The input is an exact heap block,
 * so that a sanitizer sees a read beyond it. */
static const char *events(const char *data, size_t len)
{
	static char out[20000];
	static struct ini ini;
	struct ini_item item;
	size_t n = 0;
	char *exact = malloc(len > 0 ? len : 1);
	if (!exact)
		abort();
	memcpy(exact, data, len);
	out[0] = '\0';
	ini_init(&ini, exact, len);
	while (ini_next(&ini, &item) && n < sizeof(out)) {
		const size_t room = sizeof(out) - n;
		int added;
		if (item.error)
			added = snprintf(out + n, room, "%d !%s;", item.line, item.error);
		else if (!item.key)
			added = snprintf(out + n, room, "%d [%s];", item.line, item.section);
		else
			added = snprintf(out + n, room, "%d %s.%s=%s;", item.line, item.section, item.key, item.value);
		n += (size_t)added;
	}
	CHECK(!ini_next(&ini, &item)); /* the end stays the end */
	free(exact);
	return out;
}

#define CHECK_INI(text, want) CHECK_STR(events(text, sizeof(text) - 1), want)

static void test_sections_keys_and_values(void)
{
	CHECK_INI("[run]\nseed = 1\n[agent]\ngamma=0.99\n", "1 [run];2 run.seed=1;3 [agent];4 agent.gamma=0.99;");
	CHECK_INI("seed=1\n", "1 .seed=1;");
	CHECK_INI("", "");
	CHECK_INI("\n\n\n", "");
	CHECK_INI("\n\nk=v", "3 .k=v;");
}

static void test_blanks_are_trimmed(void)
{
	CHECK_INI(" \t[ run \t] \t\n \t seed \t = \t 1 2 \t \n", "1 [run];2 run.seed=1 2;");
	CHECK_INI("k =\nk = \t \n", "1 .k=;2 .k=;");
	CHECK_INI("a key = v\n", "1 .a key=v;");
	CHECK_INI("k = a = b\n", "1 .k=a = b;");
	CHECK_INI(" \t \n", "");
}

static void test_comments_start_a_line_or_follow_a_blank(void)
{
	CHECK_INI("# c\n; c\n  # c\n\t;c\n", "");
	CHECK_INI("k = v # c\nk = v ; c = d\nk = v\t#c\n", "1 .k=v;2 .k=v;3 .k=v;");
	CHECK_INI("k = a#b\nk = a;b\nk = a#b # c\n", "1 .k=a#b;2 .k=a;b;3 .k=a#b;");
	CHECK_INI("k = # c\n", "1 .k=;");
	CHECK_INI("[run] # c = d\n", "1 [run];");
	CHECK_INI("# [run]\n#k = v\n", "");
}

static void test_quoted_values(void)
{
	CHECK_INI("k = \"v\"\nl=\"\"\n", "1 .k=v;2 .l=;");
	CHECK_INI("[s]\n\t k\t=\t\" v \t\"\t\n", "1 [s];2 s.k= v \t;");
	CHECK_INI("k = \"a # b ; c\" # d\n", "1 .k=a # b ; c;");
	CHECK_INI("k = \"# a\" ; \"b\"\r\n", "1 .k=# a;");
	CHECK_INI("k = \"say \\\"a = \\\\n\\\"\"\n", "1 .k=say \"a = \\n\";");
	CHECK_INI("k = \"\\\\\" #\n", "1 .k=\\;");
	CHECK_INI("k = a \"b # c\"\n", "1 .k=a \"b;"); /* only one that begins with it */
	CHECK_INI("k = 'a # b'\n", "1 .k='a;");
	CHECK_INI("# k = \"v\"\nk # = \"v\"\n", "2 !neither '[section]' nor 'key = value';");
	CHECK_INI("[s = \"a\" # b]\n", "1 !section header without ']';");
	CHECK_INI("[s = \"a\"] # b]\n", "1 [s = \"a\"];");
	CHECK_INI("= \"v\"\nk = v", "1 !no key before '=';2 .k=v;");
}

static void test_mistakes_in_quotes(void)
{
	static const char after[] = "1 !text after the closing '\"';2 .l=w;";
	static const char open[] = "1 !value without its closing '\"';2 .l=w;";
	static const char escape[] = "1 !a backslash in quotes that is not before \" or \\; write \\\\;2 .l=w;";
	CHECK_INI("k = \"v\" w\nl = w\n", after);
	CHECK_INI("k = \"v\"w\nl = w\n", after);
	CHECK_INI("k = \"v\"# c\nl = w\n", after);
	CHECK_INI("k = \"v\"\"w\"\nl = w\n", after);
	CHECK_INI("k = \"v\nl = w\n", open);
	CHECK_INI("k = \"\nl = w\n", open);
	CHECK_INI("k = \"v # c\nl = w\n", open);
	CHECK_INI("k = \"v\\\"\nl = w\n", open);
	CHECK_INI("k = \"v\\n\"\nl = w\n", escape);
	CHECK_INI("k = \"v\\\nl = w\n", escape);
}

static void test_whether_a_value_was_quoted(void)
{
	static struct ini ini;
	struct ini_item item;
	static const char text[] = "k = \"v\"\nl = v\"\n";
	ini_init(&ini, text, sizeof(text) - 1);
	CHECK(ini_next(&ini, &item) && item.is_quoted);
	CHECK(ini_next(&ini, &item) && !item.is_quoted);
}

/* Any text of what a line may hold. */
static void test_a_written_value_reads_back(void)
{
	static const char letters[] = "ab \t\"\"\\\\##;;=[]'|$\xc3\xa4";
	static struct ini ini;
	struct ini_item item;
	struct rng rng;
	rng_init(&rng, 1);
	for (int trial = 0; trial < 20000; trial++) {
		char value[16], line[64] = "k = ";
		struct text t = { .p = line, .size = sizeof(line), .len = 4 };
		const uint64_t n = rng_below(&rng, sizeof(value));
		for (uint64_t i = 0; i < n; i++)
			value[i] = letters[rng_below(&rng, sizeof(letters) - 1)];
		value[n] = '\0';
		ini_add_value(&t, value);
		CHECK(!t.full);
		ini_init(&ini, line, t.len);
		CHECK(ini_next(&ini, &item) && !item.error);
		CHECK_STR(item.value ? item.value : "nothing", value);
		CHECK(item.is_quoted || strcmp(line + 4, value) == 0);
	}
	char line[64];
	struct text t;
	t = text_into(line, sizeof(line));
	ini_add_value(&t, "python3 mine.py --wind 'a b' | x=$y");
	CHECK_STR(line, "python3 mine.py --wind 'a b' | x=$y");
	t = text_into(line, sizeof(line));
	ini_add_value(&t, "");
	CHECK_STR(line, "\"\"");
}

static void test_line_ends_of_any_editor(void)
{
	CHECK_INI("[a]\r\nk = v\r\nl = w\r\n", "1 [a];2 a.k=v;3 a.l=w;");
	CHECK_INI("k = v", "1 .k=v;");
	CHECK_INI("k = v\r", "1 .k=v;");
	CHECK_INI("[a]", "1 [a];");
	CHECK_INI("# c", "");
	CHECK_INI("\r\n\r\nk=v\r\n", "3 .k=v;");
}

static void test_byte_order_mark_is_skipped_once(void)
{
	CHECK_INI("\xef\xbb\xbf[a]\nk=v\n", "1 [a];2 a.k=v;");
	CHECK_INI("\xef\xbb\xbf", "");
	CHECK_INI("\xef\xbb", "1 !neither '[section]' nor 'key = value';");
	CHECK_INI("\xef\xbb\xbf\xef\xbb\xbfk=v\n", "1 .\xef\xbb\xbfk=v;");
	CHECK_INI("k=v\n\xef\xbb\xbfl=w\n", "1 .k=v;2 .\xef\xbb\xbfl=w;");
}

static void test_what_is_no_line_is_an_error_and_reading_goes_on(void)
{
	CHECK_INI("seed 1\nk = v\n", "1 !neither '[section]' nor 'key = value';2 .k=v;");
	CHECK_INI("= 1\nk = v\n", "1 !no key before '=';2 .k=v;");
	CHECK_INI("=\n", "1 !no key before '=';");
	CHECK_INI("[run\nk = v\n", "1 !section header without ']';2 .k=v;");
	CHECK_INI("[a]\n[run # ]\nk = v\n", "1 [a];2 !section header without ']';3 a.k=v;");
	CHECK_INI("[run] k = v\n", "1 !text after the section header;");
	CHECK_INI("[run]]\n", "1 !text after the section header;");
	CHECK_INI("]\n", "1 !neither '[section]' nor 'key = value';");
}

static void test_an_error_names_no_key(void)
{
	static struct ini ini;
	struct ini_item item;
	ini_init(&ini, "oops\n", 5);
	CHECK(ini_next(&ini, &item));
	CHECK(item.error != NULL && item.key == NULL && item.value == NULL);
	CHECK_STR(item.section, "");
	ini_init(&ini, "[s]\n", 4);
	CHECK(ini_next(&ini, &item));
	CHECK(item.error == NULL && item.key == NULL && item.value == NULL);
}

static void test_nul_bytes_are_errors(void)
{
	static const char nul[] = "holds a NUL byte; is this a text file?";
	char want[200];
	snprintf(want, sizeof(want), "1 !%s;2 .l=w;", nul);
	CHECK_INI("k = v\0w\nl = w\n", want);
	CHECK_INI("# c\0\nl = w\n", want);
	CHECK_INI("\0k = v\nl = w\n", want);
	snprintf(want, sizeof(want), "1 !%s;", nul);
	CHECK_INI("\0", want);
	CHECK_INI("k = v\0", want);
	CHECK_INI("k = v\0\n", want);
}

static void test_control_characters_are_errors(void)
{
	for (int c = 1; c < 256; c++) {
		char text[] = "k = a?b\nl = w\n";
		text[5] = (char)c;
		const char *got = events(text, sizeof(text) - 1);
		const bool bad = (c < ' ' && c != '\t' && c != '\n') || c == 0x7f;
		CHECK_INT(strcmp(got, "1 !holds a control character;2 .l=w;") == 0, bad);
		CHECK(strstr(got, ".l=w;") != NULL);
	}
	CHECK_INI("k = v\r\r\n", "1 !holds a control character;");
	CHECK_INI("k = v\rl = w\n", "1 !holds a control character;");
	CHECK_INI("# \x1b[31m\n", "1 !holds a control character;");
}

/* A line "k = vvv...", n bytes with its end. */
static size_t long_line(char *p, size_t n, const char *end)
{
	memset(p, 'v', n);
	memcpy(p, "k = ", 4);
	memcpy(p + n, end, strlen(end));
	return n + strlen(end);
}

static void test_lines_up_to_4000_bytes(void)
{
	static const char *const ends[] = { "", "\n", "\r\n", "\r" };
	static const char too_long[] = "1 !is too long (more than 4000 bytes);";
	char text[INI_LINE_MAX + 10];
	CHECK_INT(INI_LINE_MAX, 4000);
	for (int e = 0; e < 4; e++) {
		size_t len = long_line(text, INI_LINE_MAX, ends[e]);
		const char *got = events(text, len);
		CHECK_INT(strlen(got), strlen("1 .k=;") + INI_LINE_MAX - 4);
		CHECK(strncmp(got, "1 .k=vvv", 8) == 0);
		len = long_line(text, INI_LINE_MAX + 1, ends[e]);
		CHECK_STR(events(text, len), too_long);
	}
}

static void test_a_too_long_line_is_one_error(void)
{
	enum { LEN = 100000 };
	char *text = malloc(LEN + 10);
	if (!text)
		abort();
	memset(text, '[', LEN);
	memcpy(text + LEN, "\nk = v\n", 8);
	CHECK_STR(events(text, LEN + 7), "1 !is too long (more than 4000 bytes);2 .k=v;");
	free(text);
}

static void test_the_longest_section_name_fits(void)
{
	char text[INI_LINE_MAX + 10];
	memset(text, 's', INI_LINE_MAX);
	text[0] = '[';
	text[INI_LINE_MAX - 1] = ']';
	memcpy(text + INI_LINE_MAX, "\nk=v", 4);
	const char *got = events(text, INI_LINE_MAX + 4);
	CHECK_INT(strlen(got), 2 * (INI_LINE_MAX - 2) + strlen("1 [];2 .k=v;"));
}

int main(void)
{
	RUN(test_sections_keys_and_values);
	RUN(test_blanks_are_trimmed);
	RUN(test_comments_start_a_line_or_follow_a_blank);
	RUN(test_quoted_values);
	RUN(test_mistakes_in_quotes);
	RUN(test_whether_a_value_was_quoted);
	RUN(test_a_written_value_reads_back);
	RUN(test_line_ends_of_any_editor);
	RUN(test_byte_order_mark_is_skipped_once);
	RUN(test_what_is_no_line_is_an_error_and_reading_goes_on);
	RUN(test_an_error_names_no_key);
	RUN(test_nul_bytes_are_errors);
	RUN(test_control_characters_are_errors);
	RUN(test_lines_up_to_4000_bytes);
	RUN(test_a_too_long_line_is_one_error);
	RUN(test_the_longest_section_name_fits);
	return test_end();
}
