/* The logs of a run, four CSV files. A column is one row of a table here: the header of the
 * file, its cells, what dqn plot draws and the manual page all come from it. Columns are
 * only ever added at the end: a function of struct train and its row are a new column.
 *
 *     log_header(&text, LOG_EVAL);
 *     log_cells(&text, LOG_PROGRESS, &train);
 */
#ifndef DQN_RUN_LOGS_H
#define DQN_RUN_LOGS_H

#include "base/text.h"
#include "run/checkpoint.h"

#define LOG_MAX_COLUMNS 32
#define LOG_ROW_SIZE 1024 /* bytes of a header or a row, its line end included */

enum log_cell {
	CELL_INT,     /* int64_t or uint64_t, below 2^63 */
	CELL_REAL,    /* double; NaN is an empty cell */
	CELL_BOOL,    /* true or false */
	CELL_SECONDS, /* double, to a microsecond */
	CELL_RATE,    /* double, to a whole number */
};

struct log_column {
	const char *name;
	enum log_cell cell;
	size_t offset; /* in the row's struct */
	double (*value)(
		const struct train *t); /* in place of the offset, in progress.csv; or NULL */
	const char *help;               /* a clause: unit, of what */
};

struct timing_row {
	int64_t timesteps;
	double wall_s, steps_per_s;
	uint64_t max_rss_kib;
};

struct log {
	const char *name, *help;          /* of the file */
	const struct log_column *columns; /* at most LOG_MAX_COLUMNS; name NULL ends them */
};

/* By enum run_log. The rows are struct train, eval_row, episode_row (run/train.h) and
 * timing_row. */
extern const struct log run_logs[N_LOGS];

/* Both add a line, its end included. */
void log_header(struct text *t, enum run_log log);
void log_cells(struct text *t, enum run_log log, const void *row);

#endif
