#include "cli/table.h"

#include "base/memory.h"
#include "cli/cli.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2 };

/* --- cells --- */

void table_add(struct table *t, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	const int len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	size_t *offset = memory_grow(t->offset, &t->offset_room, t->n_cells + 1, sizeof(*offset));
	t->offset = offset ? offset : t->offset;
	const size_t size = len > 0 ? (size_t)len + 1 : 1;
	char *text = memory_grow(t->text, &t->text_room, t->text_len + size, 1);
	t->text = text ? text : t->text;
	t->is_incomplete |= !offset || !text;
	if (t->is_incomplete)
		return;
	va_start(args, fmt);
	vsnprintf(text + t->text_len, size, fmt, args);
	va_end(args);
	offset[t->n_cells++] = t->text_len;
	t->text_len += size;
}

void table_column(struct table *t, const char *name, enum table_kind kind)
{
	assert(t->n_columns < TABLE_MAX_COLUMNS);
	t->kind[t->n_columns++] = kind;
	table_add(t, "%s", name);
}

void table_release(struct table *t)
{
	free(t->offset);
	free(t->text);
	*t = (struct table){ 0 };
}

static const char *table_cell(const struct table *t, size_t row, int column)
{
	return t->text + t->offset[row * (size_t)t->n_columns + (size_t)column];
}

size_t table_n_rows(const struct table *t)
{
	return t->n_columns > 0 ? t->n_cells / (size_t)t->n_columns : 0;
}

/* --- for people --- */

void table_fit(struct table *t, int width, const int *dispensable)
{
	enum { LEAST = 20 }; /* of the first column, before others are hidden */
	int all = -GAP;
	for (int c = 0; c < t->n_columns; c++) {
		t->width[c] = 1;
		for (size_t row = 0; row < table_n_rows(t); row++) {
			const int columns = text_columns(table_cell(t, row, c));
			t->width[c] = columns > t->width[c] ? columns : t->width[c];
		}
		all += t->width[c] + GAP;
	}
	const int spare = t->width[0] > LEAST ? t->width[0] - LEAST : 0;
	for (; width > 0 && all - spare > width && *dispensable >= 0; dispensable++) {
		all -= t->width[*dispensable] + GAP;
		t->width[*dispensable] = 0;
	}
	if (width > 0 && all > width)
		t->width[0] -= all - width;
}

/* Prints a cell, of which the front is cut if it is wider: the end is what tells names
 * apart. Returns the columns that are left. */
static int put_cut(const char *s, int width)
{
	const int n_dots = text_columns(s) <= width ? 0 : width < 3 ? width : 3;
	s = text_fit_end(s, width - n_dots);
	printf("%.*s", n_dots, "...");
	put_printable(stdout, s, strlen(s));
	return width - n_dots - text_columns(s);
}

void table_put_row(const struct table *t, size_t row, const char *colour)
{
	const int last = t->n_columns - 1;
	for (int c = 0; c <= last; c++) {
		const char *cell = table_cell(t, row, c);
		if (t->width[c] == 0)
			continue;
		printf("%*s", c > 0 ? GAP : 0, "");
		if (t->kind[c] == TABLE_NUMBER)
			printf("%*s", t->width[c] - text_columns(cell), "");
		if (c == last && colour)
			printf("\033[%sm", colour);
		const int rest = put_cut(cell, t->width[c]);
		if (c == last && colour)
			printf("\033[0m");
		if (c < last && t->kind[c] != TABLE_NUMBER)
			printf("%*s", rest, "");
	}
}

static void print_aligned(struct table *t)
{
	table_fit(t, 0, NULL);
	for (size_t row = 0; row < table_n_rows(t); row++) {
		table_put_row(t, row, NULL);
		putchar('\n');
	}
}

/* Without what would end the cell. */
static void put_escaped(const char *s)
{
	for (size_t n; *s; s += n) {
		n = 1 + strcspn(s + 1, "|");
		if (*s == '|')
			putchar('\\');
		put_printable(stdout, s, n);
	}
}

static void print_markdown(const struct table *t)
{
	for (size_t row = 0; row < table_n_rows(t); row++) {
		for (int c = 0; c < t->n_columns; c++) {
			printf("| ");
			put_escaped(table_cell(t, row, c));
			putchar(' ');
		}
		printf("|\n");
		for (int c = 0; row == 0 && c < t->n_columns; c++)
			printf(t->kind[c] == TABLE_NUMBER ? "|--:" : "|---");
		if (row == 0)
			printf("|\n");
	}
}

/* --- for programs --- */

static void put_quoted(const char *s)
{
	putchar('"');
	for (const char *next; *s; s = next) {
		next = s + 1 + strcspn(s + 1, "\"");
		if (*s == '"')
			putchar('"');
		put_printable(stdout, s, (size_t)(next - s));
	}
	putchar('"');
}

static void print_separated(const struct table *t, char separator)
{
	const char special[] = { separator, '"', '\n', '\0' };
	for (size_t row = 0; row < table_n_rows(t); row++) {
		for (int c = 0; c < t->n_columns; c++) {
			const char *cell = table_cell(t, row, c);
			if (c > 0)
				putchar(separator);
			if (strpbrk(cell, special))
				put_quoted(cell);
			else
				put_printable(stdout, cell, strlen(cell));
		}
		putchar('\n');
	}
}

static bool is_json_value(enum table_kind kind, const char *cell)
{
	double x;
	return kind == TABLE_NUMBER ||
	       (kind == TABLE_VALUE && (text_parse_real(cell, &x) == TEXT_OK || strcmp(cell, "true") == 0 ||
					       strcmp(cell, "false") == 0));
}

void table_put_json_member(const char *name, const char *cell, enum table_kind kind)
{
	char string[2 * CONFIG_VALUE_SIZE];
	struct text s = text_into(string, sizeof(string));
	if (!is_json_value(kind, cell))
		text_add_json_string(&s, cell);
	else
		text_add(&s, "%s", cell[0] && strcmp(cell, "inf") != 0 ? cell : "null");
	printf("\"%s\":%s", name, string);
}

void table_put_json(const struct table *t, size_t row, int from, int to)
{
	for (int c = from; c < to; c++) {
		printf(c > from ? "," : "");
		table_put_json_member(table_cell(t, 0, c), table_cell(t, row, c), t->kind[c]);
	}
}

bool table_print(struct table *t, enum table_form form, struct err *e)
{
	if (t->is_incomplete)
		return err_set(e, ERR_RUN, "out of memory for a table");
	switch (form) {
	case TABLE_ALIGNED:
		print_aligned(t);
		break;
	case TABLE_MARKDOWN:
		print_markdown(t);
		break;
	case TABLE_TSV:
	case TABLE_CSV:
		print_separated(t, form == TABLE_TSV ? '\t' : ',');
		break;
	}
	return true;
}
