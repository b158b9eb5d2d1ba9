/* A CSV of numbers in memory: a log of a run, which may hold anything.
 *
 *     csv_parse(&t, data, len, under_way, &e);
 *     x = csv_column(&t, "timesteps");        // x[row * t.n_columns]
 *     csv_release(&t);
 */
#ifndef DQN_STUDY_CSV_H
#define DQN_STUDY_CSV_H

#include "base/err.h"

#include <stddef.h>

struct csv {
	size_t n_rows, n_columns;
	char *header; /* NULL: not even that was there */
	double *cell; /* (n_rows, n_columns); true is 1, false 0, an empty cell NaN */
};

/* While a file is `under_way`, it may be empty, and a last line without its end is left
 * out. Anything else that is not a table of numbers is ERR_CORRUPT, with nothing to
 * release. ERR_RUN for memory. */
bool csv_parse(struct csv *t, const char *data, size_t len, bool under_way, struct err *e);

/* The first cell of the column, or NULL. */
const double *csv_column(const struct csv *t, const char *name);
void csv_release(struct csv *t);

#endif
