/* A table of text cells, printed for people or for programs.
 *
 *     struct table t = { 0 };
 *     table_column(&t, "run", TABLE_TEXT);      // all columns first ...
 *     table_add(&t, "seed-%d", 1);              // ... then the cells, row after row
 *     table_print(&t, TABLE_ALIGNED, &e);
 *     table_release(&t);
 *
 * Cells may hold anything: whatever is not printable comes out as '?'.
 */
#ifndef DQN_CLI_TABLE_H
#define DQN_CLI_TABLE_H

#include "base/err.h"
#include "run/config.h"

enum { TABLE_MAX_COLUMNS = CONFIG_MAX_OPTIONS + 32 };

enum table_kind {
	TABLE_TEXT,   /* aligned to the left */
	TABLE_VALUE,  /* the same; in JSON a number, true or false if it looks like one */
	TABLE_NUMBER, /* aligned to the right; in JSON null if it is empty or infinite */
};

enum table_form { TABLE_ALIGNED, TABLE_MARKDOWN, TABLE_TSV, TABLE_CSV };

struct table {
	int n_columns;
	enum table_kind kind[TABLE_MAX_COLUMNS];
	int width[TABLE_MAX_COLUMNS]; /* on a terminal, set by table_fit; 0: hidden */
	size_t n_cells;               /* n_columns of the header, which is row 0, then the rows */
	size_t *offset, offset_room;  /* (n_cells) of each cell in text */
	char *text;
	size_t text_len, text_room;
	bool is_incomplete; /* memory is out */
};

void table_column(struct table *t, const char *name, enum table_kind kind);
void table_add(struct table *t, const char *fmt, ...) ERR_PRINTF(2, 3);
void table_release(struct table *t);

size_t table_n_rows(const struct table *t); /* the header included */

/* Prints all of it. ERR_RUN if memory was out; then nothing is printed. */
bool table_print(struct table *t, enum table_form form, struct err *e);

/* Row by row, without line ends: table_fit chooses widths so that rows take no more than
 * `width` columns (0: any number). It shortens the first column at first, then hides
 * `dispensable` columns (-1 ends them), and then shortens the first one further. `colour`
 * is for the last cell, or NULL. */
void table_fit(struct table *t, int width, const int *dispensable);
void table_put_row(const struct table *t, size_t row, const char *colour);

/* Columns `from` to `to` - 1 of a row as the members of a JSON object; a member by itself, "name":value. */
void table_put_json(const struct table *t, size_t row, int from, int to);
void table_put_json_member(const char *name, const char *cell, enum table_kind kind);

#endif
