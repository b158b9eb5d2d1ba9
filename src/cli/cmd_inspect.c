#include "cli/cli.h"

#include "base/safetensors.h"
#include "run/run.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VALUES_LIMIT = 1 << 30 }; /* of a larger file only the header is read */

static void print_pair(const struct st_metadata *m)
{
	const char *value = m->value;
	printf("  ");
	put_printable(stdout, m->key, strlen(m->key));
	const bool many_lines = strchr(value, '\n') != NULL;
	printf(many_lines ? " =\n" : " = ");
	while (*value) {
		const size_t len = strcspn(value, "\n");
		printf("%s", many_lines && len ? "    " : "");
		put_printable(stdout, value, len);
		value += len;
		if (*value == '\n') {
			putchar('\n');
			value++;
		}
	}
	printf(many_lines ? "" : "\n");
}

/* Name, shape, and the type if it is not float32. */
static void print_head(const struct st_tensor *t)
{
	printf("  ");
	put_printable(stdout, t->name, strlen(t->name));
	printf("  (");
	for (const char *c = t->dims; *c != ']'; c++) /* numbers without a sign */
		if (*c == ',')
			printf(" x ");
		else if (isdigit((unsigned char)*c))
			putchar(*c);
	printf(t->type == ST_F32 ? ")" : ") %s", st_type_name(t->type));
}

/* A line for a tensor: statistics of its values, or its bytes if they were not read. */
static void print_tensor(const struct st_tensor *t)
{
	print_head(t);
	if (t->n_values == 0 || !t->data || t->type >= ST_OTHER) {
		printf(t->n_values == 0 ? "  empty\n" : "  %zu bytes\n", st_tensor_size(t));
		return;
	}
	double sum = 0, squares = 0, min = (double)INFINITY, max = -(double)INFINITY;
	size_t n_bad = 0;
	for (size_t i = 0; i < t->n_values; i++) {
		const double x = st_value(t, i);
		n_bad += isfinite(x) ? 0 : 1;
		sum += x;
		squares += x * x;
		min = x < min ? x : min;
		max = x > max ? x : max;
	}
	if (t->n_dims == 0) {
		char value[TEXT_REAL_SIZE];
		printf("  %s\n", text_real(sum, value));
		return;
	}
	const double n = (double)t->n_values, mean = sum / n;
	printf("  mean %.4g, std %.4g, min %.4g, max %.4g", mean, sqrt(fmax(squares / n - mean * mean, 0)), min, max);
	if (n_bad)
		printf(", %zu NOT FINITE", n_bad);
	printf("\n");
}

static bool open_file(const char *path, char name[RUN_PATH_SIZE], char **bytes, struct st_file *st, struct err *e)
{
	struct stat info;
	size_t len;
	*bytes = NULL;
	if (stat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > VALUES_LIMIT) {
		snprintf(name, RUN_PATH_SIZE, "%s", path);
		return st_open(st, NULL, path, e);
	}
	if (!read_weights(path, name, bytes, &len, e) || !st_open_bytes(st, name, *bytes, len, e))
		return false;
	const bool ok = st_verify(st, e);
	if (!ok)
		st_close(st);
	return ok;
}

static bool cmd_inspect(const struct args *args, struct err *e)
{
	static char name[RUN_PATH_SIZE];
	struct st_file st;
	char *bytes;
	if (!open_file(args->pos[0], name, &bytes, &st, e)) {
		free(bytes);
		return false;
	}
	size_t n_values = 0;
	bool all_floats = true;
	for (int i = 0; i < st.n_tensors; i++) {
		n_values += st.tensor[i].n_values;
		all_floats = all_floats && st.tensor[i].type == ST_F32;
	}
	put_printable(stdout, name, strlen(name));
	printf(": %zu bytes, %d tensors, %zu %svalues%s\n", ST_LENGTH_BYTES + st.header_len + st.data_len, st.n_tensors,
		n_values, all_floats ? "float32 " : "", st.bytes ? "" : ", too large: only the header was read");
	for (int i = 0; i < st.n_tensors; i++)
		print_tensor(&st.tensor[i]);
	printf("metadata:\n");
	for (int i = 0; i < st.n_metadata; i++)
		print_pair(&st.metadata[i]);
	st_close(&st);
	free(bytes);
	return true;
}

const struct command command_inspect = {
	.name = "inspect",
	.synopsis = "FILE",
	.summary = "show what a weights file or checkpoint holds",
	.details = "FILE is any safetensors file, a run directory (its weights), or - for standard input.",
	.examples = "dqn inspect runs/cartpole/seed-1/best.safetensors\n",
	.statuses = (const int[]){ 0, 1, 2, 5, -1 },
	.min_args = 1,
	.max_args = 1,
	.run = cmd_inspect,
};
