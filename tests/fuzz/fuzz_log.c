/* The reader of CSV logs: every cell of every row is there, every column is found. */
#include "fuzz.h"
#include "study/csv.h"

#include <string.h>

static void read_as(const char *data, size_t size, bool under_way)
{
	struct csv t;
	struct err e;
	double sum = 0;
	if (!csv_parse(&t, data, size, under_way, &e)) {
		MUST(!t.header && !t.cell && e.msg[0]);
		return;
	}
	for (size_t i = 0; i < t.n_rows * t.n_columns; i++)
		sum += t.cell[i] < 1 ? 1 : 2; /* a look at each */
	fuzz_accepted += t.n_rows > 0;
	MUST(sum >= 0);
	MUST(t.n_rows == 0 || t.header);
	MUST(under_way || t.header);
	if (t.header) {
		char name[64];
		const size_t n = strcspn(t.header, ",");
		if (n < sizeof(name)) {
			memcpy(name, t.header, n);
			name[n] = '\0';
			MUST(csv_column(&t, name) == t.cell);
		}
		const double *column = csv_column(&t, "return_mean");
		MUST(!column || column < t.cell + t.n_columns);
	}
	csv_release(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_as((const char *)data, size, true);
	read_as((const char *)data, size, false);
	return 0;
}
