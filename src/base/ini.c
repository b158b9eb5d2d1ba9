#include "base/ini.h"

#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MARK "\xef\xbb\xbf" /* UTF-8's byte order mark */
#define WIDE "UTF-16 or UTF-32 text; save it as UTF-8"

void ini_init(struct ini *ini, const char *data, size_t len)
{
	ini->p = data;
	ini->end = data + len;
	ini->line = 0;
	ini->section[0] = '\0';
	ini->p += len >= 3 && memcmp(data, MARK, 3) == 0 ? 3 : 0;
}

static const char *by_first_bytes(const char *data, size_t len)
{
	static const struct {
		const char *begin, *format;
	} formats[] = {
		{ "\xff\xfe", WIDE },
		{ "\xfe\xff", WIDE },
		{ "%PDF", "a PDF document" },
		{ "{", "JSON" },
		{ "[{", "JSON" },
		{ "[\n", "JSON" },
		{ "<", "HTML or XML" },
		{ "---", "YAML" },
		{ "%YAML", "YAML" },
		{ "- ", "YAML" },
		{ "[[", "TOML with tables in arrays" },
		{ "import ", "Python" },
		{ "from ", "Python" },
		{ "def ", "Python" },
		{ "class ", "Python" },
		{ "@", "Python" },
		{ "\"\"\"", "Python" },
	};
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const size_t n = strlen(formats[i].begin);
		if (len >= n && memcmp(data, formats[i].begin, n) == 0)
			return formats[i].format;
	}
	return NULL;
}

/* Of the first four bytes every other one is NUL, or all but one: characters of 2 or 4 bytes. */
static bool is_wide(const char *data, size_t len)
{
	unsigned nuls = 0; /* a bit for each */
	for (size_t i = 0; i < 4 && len >= 4; i++)
		nuls = nuls << 1 | (data[i] == '\0');
	return nuls == 0x5 || nuls == 0xa || nuls == 0x7 || nuls == 0xe;
}

/* "key:" or "key: value", and not "[section]" or "key = value". */
static bool is_yaml(const char *data, size_t len)
{
	const char *eol = memchr(data, '\n', len);
	const size_t line = eol ? (size_t)(eol - data) : len;
	size_t n = 0;
	while (n < line && (isalnum((unsigned char)data[n]) || data[n] == '_' || data[n] == '-'))
		n++;
	return n > 0 && n + 1 < len && data[n] == ':' && isspace((unsigned char)data[n + 1]) &&
	       !memchr(data, '=', line);
}

static bool is_binary(const char *data, size_t len)
{
	size_t n_odd = 0;
	for (size_t i = 0; i < len && i < 512; i++)
		n_odd += (unsigned char)data[i] < ' ' && !isspace((unsigned char)data[i]);
	return n_odd > 2;
}

/* The first byte that is not blank and not in a comment. */
static const char *skip_comments(const char *data, const char *end)
{
	while (data < end && (*data == '#' || *data == ';' || isspace((unsigned char)*data))) {
		const bool is_comment = *data == '#' || *data == ';';
		const char *eol = is_comment ? memchr(data, '\n', (size_t)(end - data)) : data;
		data = eol ? eol + 1 : end;
	}
	return data;
}

const char *ini_other_format(const char *data, size_t len)
{
	const char *const end = data + len, *format;
	if (len >= 9 && data[8] == '{' && memchr(data, '\0', 8))
		return "a safetensors file; the configuration of a run is its config.ini";
	if (is_wide(data, len))
		return WIDE;
	data += len >= 3 && memcmp(data, MARK, 3) == 0 ? 3 : 0;
	format = by_first_bytes(data, (size_t)(end - data));
	if (format)
		return format;
	data = skip_comments(data, end);
	len = (size_t)(end - data);
	format = by_first_bytes(data, len);
	if (format)
		return format;
	return is_yaml(data, len) ? "YAML" : is_binary(data, len) ? "not text" : NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *trim(char *s)
{
	while (is_blank(*s))
		s++;
	size_t n = strlen(s);
	while (n > 0 && is_blank(s[n - 1]))
		n--;
	s[n] = '\0';
	return s;
}

/* Copies the next line into ini->text; NULL, or what is wrong with it. */
static const char *take_line(struct ini *ini)
{
	const size_t left = (size_t)(ini->end - ini->p);
	const char *eol = memchr(ini->p, '\n', left);
	size_t len = eol ? (size_t)(eol - ini->p) : left;
	const char *line = ini->p;
	ini->p += eol ? len + 1 : len;
	ini->line++;
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (memchr(line, '\0', len))
		return "holds a NUL byte; is this a text file?";
	if (len > INI_LINE_MAX)
		return "is too long (more than 4000 bytes)";
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f)
			return "holds a control character";
	memcpy(ini->text, line, len);
	ini->text[len] = '\0';
	return NULL;
}

/* Where the line's comment begins, or its end. */
static char *find_comment(char *s)
{
	size_t i = 0;
	while (s[i] && !((s[i] == '#' || s[i] == ';') && (i == 0 || is_blank(s[i - 1]))))
		i++;
	return s + i;
}

/* Unquotes in place what stands between the quote at s and the next one; *end is after that. NULL, or
 * what is wrong. */
static const char *unquote(char *s, char **end)
{
	char *to = s, *from = s + 1;
	for (; *from && *from != '"'; from++) {
		if (*from == '\\' && *++from != '"' && *from != '\\')
			return "a backslash in quotes that is not before \" or \\; write \\\\";
		*to++ = *from;
	}
	if (*from == '\0')
		return "value without its closing '\"'";
	*to = '\0';
	*end = from + 1;
	return NULL;
}

/* The opening quote of the line's value, or NULL. */
static char *find_quote(char *line)
{
	char *equals = strchr(line, '=');
	const bool is_key = equals && line[strspn(line, " \t")] != '[';
	if (!is_key || find_comment(line) < equals)
		return NULL;
	char *value = equals + 1 + strspn(equals + 1, " \t");
	return *value == '"' ? value : NULL;
}

/* Cuts the comment after a quoted value, and the quotes. NULL, or what is wrong. */
static const char *read_quoted(char *value)
{
	char *rest = value;
	const char *error = unquote(value, &rest);
	if (error)
		return error;
	const bool is_glued = *rest != '\0' && !is_blank(*rest);
	*find_comment(rest) = '\0';
	return is_glued || *trim(rest) ? "text after the closing '\"'" : NULL;
}

void ini_add_value(struct text *t, const char *value)
{
	const size_t n = strlen(value);
	if (n > 0 && !is_blank(value[0]) && !is_blank(value[n - 1]) && value[strcspn(value, "\"\\#;")] == '\0') {
		text_add(t, "%s", value);
		return;
	}
	text_add(t, "\"");
	for (const char *s = value; *s; s++)
		text_add(t, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
	text_add(t, "\"");
}

bool ini_next(struct ini *ini, struct ini_item *item)
{
	while (ini->p < ini->end) {
		*item = (struct ini_item){ .section = ini->section };
		item->error = take_line(ini);
		item->line = ini->line;
		if (item->error)
			return true;
		char *quoted = find_quote(ini->text);
		item->is_quoted = quoted != NULL;
		if (quoted)
			item->error = read_quoted(quoted);
		else
			*find_comment(ini->text) = '\0';
		if (item->error)
			return true;
		char *s = quoted ? ini->text : trim(ini->text);
		if (*s == '\0')
			continue;
		if (*s == '[') {
			char *close = strchr(s, ']');
			if (!close)
				item->error = "section header without ']'";
			else if (close[1] != '\0')
				item->error = "text after the section header";
			else {
				*close = '\0';
				snprintf(ini->section, sizeof(ini->section), "%s", trim(s + 1));
			}
			return true;
		}
		char *equals = strchr(s, '=');
		if (!equals) {
			const bool is_yaml = s[strcspn(s, ": \t")] == ':';
			item->error = is_yaml ? "not 'key = value'; write '=' instead of ':'"
					      : "neither '[section]' nor 'key = value'";
			return true;
		}
		*equals = '\0';
		item->key = trim(s);
		item->value = quoted ? quoted : trim(equals + 1);
		if (item->key[0] == '\0')
			item->error = "no key before '='";
		return true;
	}
	return false;
}
