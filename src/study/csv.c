#include "study/csv.h"

#include "base/text.h"
#include "study/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool parse_cell(const char *s, size_t n, double *x)
{
	const struct { /* not static: tcc does not take -INFINITY for a constant */
		const char *word;
		double value;
	} words[] = { { "", (double)NAN }, { "true", 1 }, { "false", 0 }, { "inf", (double)INFINITY },
		{ "-inf", -(double)INFINITY }, { "nan", (double)NAN } };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].word) == n && memcmp(s, words[i].word, n) == 0) {
			*x = words[i].value;
			return true;
		}
	if (text_scan_real(s, x) != s + n || !isfinite(*x))
		return false;
	*x = stats_bounded(*x);
	return true;
}

/* One line into cells (n_columns); false if it has not just as many. */
static bool parse_row(const char *line, const char *end, double *cells, size_t n_columns)
{
	for (size_t i = 0; i < n_columns; i++) {
		const char *comma = memchr(line, ',', (size_t)(end - line));
		const char *stop = comma ? comma : end;
		if ((comma == NULL) != (i + 1 == n_columns) || !parse_cell(line, (size_t)(stop - line), &cells[i]))
			return false;
		line = stop + 1;
	}
	return true;
}

static size_t count(const char *s, const char *end, char c)
{
	size_t n = 0;
	for (; s < end; s++)
		n += *s == c;
	return n;
}

bool csv_parse(struct csv *t, const char *data, size_t len, bool under_way, struct err *e)
{
	const char *end = data + len;
	const char *eol = memchr(data, '\n', len);
	*t = (struct csv){ 0 };
	if (memchr(data, '\0', len))
		return err_set(e, ERR_CORRUPT, "a NUL byte is in it");
	if (!under_way && (len == 0 || end[-1] != '\n'))
		return err_set(e, ERR_CORRUPT, len == 0 ? "it is empty" : "its last line has no end");
	if (!eol)
		return true;
	const size_t n_lines = 1 + count(eol + 1, end, '\n'), header_len = (size_t)(eol - data);
	t->n_columns = 1 + count(data, eol, ',');
	/* A cell takes at least a byte, so the size of the file limits the memory. */
	if (t->n_columns > len / n_lines + 1)
		return err_set(e, ERR_CORRUPT, "not every row is %zu numbers", t->n_columns);
	t->header = calloc(header_len + 1, 1);
	t->cell = malloc(n_lines * t->n_columns * sizeof(*t->cell));
	bool ok = t->header && t->cell;
	if (ok)
		memcpy(t->header, data, header_len);
	else
		err_set(e, ERR_RUN, "out of memory for %zu rows", n_lines);
	for (const char *p = eol + 1; ok && (eol = memchr(p, '\n', (size_t)(end - p))); p = eol + 1) {
		ok = parse_row(p, eol, t->cell + t->n_rows * t->n_columns, t->n_columns);
		t->n_rows++;
		if (!ok)
			err_set(e, ERR_CORRUPT, "row %zu is not %zu numbers", t->n_rows, t->n_columns);
	}
	if (!ok)
		csv_release(t);
	return ok;
}

const double *csv_column(const struct csv *t, const char *name)
{
	const size_t len = strlen(name);
	const char *s = t->header;
	for (size_t i = 0; s && i < t->n_columns; i++) {
		const size_t n = strcspn(s, ",");
		if (n == len && strncmp(s, name, n) == 0)
			return t->cell + i;
		s += n + (s[n] == ',');
	}
	return NULL;
}

void csv_release(struct csv *t)
{
	free(t->header);
	free(t->cell);
	*t = (struct csv){ 0 };
}
