#include "run/config.h"

#include "run/inputs.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void config_init(struct config *c)
{
	memset(c, 0, sizeof(*c));
	for (const struct option *o = config_options; o->key; o++) {
		const bool ok = config_set_value(c, o, o->def);
		assert(ok);
		(void)ok;
	}
}

/* --- reading --- */

enum { ARGUMENTS = -1 };

struct reading {
	struct config *c;
	struct report *r;
	char source[REPORT_SOURCE_SIZE]; /* as in struct choice */
	int line;                        /* in the file, or ARGUMENTS */
	int seen[CONFIG_MAX_OPTIONS];    /* line where each key was set; 0: not yet */
};

/* "1 | 3", "1..20", "log(1e-4, 1e-2)", "uniform(0.9, 0.99)" */
static bool is_choice(const char *value)
{
	const size_t n = strcspn(value, " \t(");
	const bool is_interval =
		(n == 3 && strncmp(value, "log", n) == 0) || (n == 7 && strncmp(value, "uniform", n) == 0);
	return strchr(value, '|') || (strstr(value, "..") && !strstr(value, "...")) ||
	       (is_interval && value[n + strspn(value + n, " \t")] == '(');
}

static void drop_choice(struct choices *choices, const struct option *o)
{
	for (int i = 0; i < choices->n; i++)
		if (choices->at[i].option == o)
			choices->at[i--] = choices->at[--choices->n];
}

static void add_choice(struct choices *choices, const char *source, const struct option *o, const char *value)
{
	struct choice *choice = &choices->at[choices->n++];
	choice->option = o;
	snprintf(choice->source, sizeof(choice->source), "%s", source);
	snprintf(choice->text, sizeof(choice->text), "%s", value);
}

/* In a value that is not a string, quotes are wrong: they stay part of it. */
static void set_key(struct reading *in, const char *key, const char *value, bool is_quoted)
{
	char quoted[300]; /* more than a message shows */
	struct choices *choices = in->r->choices;
	const struct option *o = config_find(key);
	if (!o) {
		report_unknown_key(in->r, in->source, key);
		return;
	}
	int *seen = &in->seen[o - config_options];
	if (*seen == ARGUMENTS)
		report_error(in->r, in->source, "'%s' is set twice, first on this line", key);
	else if (*seen > 0)
		report_error(in->r, in->source, "'%s' is set twice, first line %d", key, *seen);
	if (*seen != 0)
		return;
	*seen = in->line;
	if (choices)
		drop_choice(choices, o);
	if (is_quoted && o->type != OPTION_STRING) {
		snprintf(quoted, sizeof(quoted), "\"%s\"", value);
		value = quoted;
	}
	if (config_set_value(in->c, o, value))
		return;
	if (choices && o->type != OPTION_STRING && is_choice(value) && strlen(value) < CHOICE_SIZE)
		add_choice(choices, in->source, o, value);
	else
		report_value(in->r, in->source, o, value);
}

/* True if there is such a section; else that is an error. */
static bool check_section(struct reading *in, const char *section)
{
	const char *sections[CONFIG_MAX_OPTIONS + 1] = { NULL };
	for (int i = 0; config_options[i].key; i++) {
		sections[i] = config_options[i].section;
		if (strcmp(sections[i], section) == 0)
			return true;
	}
	const char *near = text_nearest(section, sections);
	report_error(in->r, in->source, "unknown section [%.80s]%s%s%s", section, near ? "; did you mean [" : "",
		near ? near : "", near ? "]?" : "");
	return false;
}

static void check_place(struct reading *in, const char *key, const char *section)
{
	const struct option *o = config_find(key);
	if (o && !section[0])
		report_error(in->r, in->source, "'%s' stands before any section; it belongs in [%s]", key, o->section);
	else if (o && strcmp(o->section, section) != 0)
		report_error(in->r, in->source, "'%s' belongs in [%s], not in [%s]", key, o->section, section);
}

void config_parse(struct config *c, const char *name, const char *data, size_t len, struct report *r)
{
	struct reading in = { .c = c, .r = r };
	static struct ini ini; /* too much for a small stack */
	struct ini_item item;
	bool is_known = true; /* the section; an unknown one is one error, not one a key */
	const char *format = ini_other_format(data, len);
	if (format) {
		report_error(r, "", "%.250s:1: this is %s; a configuration is an INI file of [section] and key = value",
			name, format);
		return;
	}
	ini_init(&ini, data, len);
	while (ini_next(&ini, &item)) {
		in.line = item.line;
		snprintf(in.source, sizeof(in.source), "%.250s:%d: ", name, item.line);
		if (item.error) {
			report_error(r, in.source, "%s", item.error);
			report_no_value(r, NULL);
		} else if (!item.key) {
			is_known = check_section(&in, item.section);
		} else {
			if (is_known)
				check_place(&in, item.key, item.section);
			set_key(&in, item.key, item.value, item.is_quoted);
		}
	}
}

bool config_read(struct config *c, const char *name, const char *data, size_t len, struct err *e)
{
	static struct report r; /* too much for a small stack */
	report_init(&r);
	config_init(c);
	config_parse(c, name, data, len, &r);
	return r.n_errors == 0 || err_set(e, ERR_CORRUPT, "%.*s", (int)strcspn(r.buf, "\n"), r.buf);
}

/* args[i] is not key=value. Names the right form of "seed 7", "seed = 7", "seed= 7", "seed:7";
 * returns how many more of the arguments belong to it. */
static int split_override(const struct reading *in, int i, int n, char *const *args)
{
	char key[64];
	const size_t len = strcspn(args[i], "=:");
	snprintf(key, sizeof(key), "%.*s", (int)len, args[i]);
	const char *near = len > 0 ? config_suggest(key) : NULL, *value = "...";
	int last = i;
	if (args[i][len] && args[i][len + 1]) {
		value = args[i] + len + 1;
	} else if (i + 1 < n && args[i][len] == '\0' && args[i + 1][0] == '=') {
		last = args[i + 1][1] || i + 2 >= n ? i + 1 : i + 2;
		value = args[last] + (last == i + 1);
	} else if (i + 1 < n && !strchr(args[i + 1], '=')) {
		last = i + 1;
		value = args[last];
	}
	report_error(in->r, in->source, "not a key=value override%s%s%s%s%s", near ? "; write '" : "", near ? near : "",
		near ? "=" : "", near ? value : "", near ? "'" : "");
	return near ? last - i : 0;
}

/* run.seed=1 or +seed=1, as Hydra has it, would be two ways to say one thing. */
static bool has_prefix(const struct reading *in, const char *key, const char *value)
{
	const char *dot = strrchr(key, '.'), *plain = dot ? dot + 1 : key;
	plain += strspn(plain, "+");
	const char *near = plain == key ? NULL : config_suggest(plain);
	if (near)
		report_error(in->r, in->source, "keys need no %s here; write '%s=%s'", dot ? "section" : "sign", near,
			value);
	return near != NULL;
}

void config_override(struct config *c, int n, char *const *args, struct report *r)
{
	struct reading in = { .c = c, .r = r, .line = ARGUMENTS };
	for (int i = 0; i < n; i++) {
		char key[64];
		const char *equals = strchr(args[i], '=');
		const bool is_cut = equals && !equals[1] && i + 1 < n && !strchr(args[i + 1], '=');
		snprintf(in.source, sizeof(in.source), "'%.250s': ", args[i]);
		if (!equals || equals == args[i] || is_cut) {
			i += split_override(&in, i, n, args);
			continue;
		}
		snprintf(key, sizeof(key), "%.*s", (int)(equals - args[i]), args[i]);
		if (!has_prefix(&in, key, equals + 1))
			set_key(&in, key, equals + 1, false);
	}
}

/* --- printing --- */

static void print_keys(const struct config *c, bool neutral, struct text *t)
{
	const char *section = "";
	for (const struct option *o = config_options; o->key; o++) {
		if (o->neutral && !neutral)
			continue;
		if (strcmp(section, o->section) != 0) {
			text_add(t, "%s[%s]\n", section[0] ? "\n" : "", o->section);
			section = o->section;
		}
		text_add(t, "%s = ", o->key);
		if (o->type == OPTION_STRING)
			ini_add_value(t, (const char *)c + o->offset);
		else
			config_print_value(c, o, t);
		text_add(t, "\n");
	}
}

void config_print(const struct config *c, struct text *t)
{
	print_keys(c, true, t);
}

void config_print_deciding(const struct config *c, struct text *t)
{
	print_keys(c, false, t);
}

/* --- comparing --- */

/* A string from its character at `from` on, as much as fits a message. */
static void add_part(const char *s, size_t from, struct text *t)
{
	const size_t n = text_fit(s + from, 60);
	text_add(t, s[0] ? "" : "\"\"");
	text_add(t, "%s%.*s%s", from > 0 ? "..." : "", (int)n, s + from, s[from + n] ? "..." : "");
}

/* Two strings, or the parts where they begin to differ. */
static void add_strings(const char *a, const char *b, struct text *t)
{
	size_t n = 0, from = 0;
	while (a[n] && a[n] == b[n])
		n++;
	for (int columns; n - from > 20;) /* shown before the difference, for a reader to find it */
		from += (size_t)text_char(a + from, &columns);
	add_part(a, from, t);
	text_add(t, ", not ");
	add_part(b, from, t);
}

int config_diff(const struct config *a, const struct config *b, struct text *t)
{
	int n = 0;
	for (const struct option *o = config_options; o->key; o++) {
		char buf[600];
		if (o->neutral || config_compare(a, b, o) == 0)
			continue;
		struct text pair = text_into(buf, sizeof(buf));
		if (o->copy && inputs_digest(a, o) && inputs_digest(b, o)) {
			text_add(&pair, "another file, with SHA-256 %.12s..., not %.12s...", inputs_digest(a, o),
				inputs_digest(b, o));
		} else if (o->type == OPTION_STRING) {
			add_strings((const char *)a + o->offset, (const char *)b + o->offset, &pair);
		} else {
			config_print_brief(a, o, &pair);
			text_add(&pair, ", not ");
			config_print_brief(b, o, &pair);
		}
		text_add(t, "%s%s: %s", n++ ? "; " : "", o->key, buf);
	}
	return n;
}

bool config_check_same(const struct config *c, enum err_kind kind, const char *name, const char *theirs, struct err *e)
{
	struct config other;
	struct err why;
	char buf[512];
	if (!theirs)
		return err_set(e, ERR_CORRUPT, "'%.300s': no configuration in it", name);
	if (!config_read(&other, name, theirs, strlen(theirs), &why))
		return err_set(e, ERR_CORRUPT, "%s", why.msg);
	struct text diff = text_into(buf, sizeof(buf));
	return config_diff(&other, c, &diff) == 0 || err_set(e, kind, "'%.300s' is of another configuration (%.300s%s)",
							     name, buf, diff.len > 300 ? "; ..." : "");
}
