#include "base/ini.h"

#include <stdio.h>
#include <string.h>

void ini_init(struct ini *ini, const char *data, size_t len)
{
	ini->p = data;
	ini->end = data + len;
	ini->line = 0;
	ini->section[0] = '\0';
	if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
		ini->p += 3;
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
		return "is too long (more than 1000 bytes)";
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f)
			return "holds a control character";
	memcpy(ini->text, line, len);
	ini->text[len] = '\0';
	return NULL;
}

static void cut_comment(char *s)
{
	for (size_t i = 0; s[i]; i++)
		if ((s[i] == '#' || s[i] == ';') && (i == 0 || is_blank(s[i - 1]))) {
			s[i] = '\0';
			return;
		}
}

bool ini_next(struct ini *ini, struct ini_item *item)
{
	while (ini->p < ini->end) {
		*item = (struct ini_item){ .section = ini->section };
		item->error = take_line(ini);
		item->line = ini->line;
		if (item->error)
			return true;
		cut_comment(ini->text);
		char *s = trim(ini->text);
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
			item->error = "neither '[section]' nor 'key = value'";
			return true;
		}
		*equals = '\0';
		item->key = trim(s);
		item->value = trim(equals + 1);
		if (item->key[0] == '\0')
			item->error = "no key before '='";
		return true;
	}
	return false;
}
