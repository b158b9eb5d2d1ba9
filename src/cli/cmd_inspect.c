#include "cli/cli.h"

#include "nn/safetensors.h"
#include "run/run.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Text from a file may hold anything; a terminal gets only what prints. */
static void put_safe(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		putchar((unsigned char)s[i] < ' ' || s[i] == 0x7f ? '?' : s[i]);
}

static void print_pair(void *arg, const char *key, const char *value)
{
	(void)arg;
	printf("  ");
	put_safe(key, strlen(key));
	const bool many_lines = strchr(value, '\n') != NULL;
	printf(many_lines ? " =\n" : " = ");
	while (*value) {
		const size_t len = strcspn(value, "\n");
		printf("%s", many_lines && len ? "    " : "");
		put_safe(value, len);
		value += len;
		if (*value == '\n') {
			putchar('\n');
			value++;
		}
	}
	printf(many_lines ? "" : "\n");
}

static void print_tensor(const struct st_tensor *t)
{
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
	char shape[128];
	struct text s;
	text_init(&s, shape, sizeof(shape));
	for (int d = 0; d < t->n_dims; d++)
		text_add(&s, "%s%" PRIu64, d ? " x " : "", t->shape[d]);
	printf("  ");
	put_safe(t->name, strlen(t->name));
	printf("  (%s)", shape);
	if (t->n_values == 0) {
		printf("  empty\n");
		return;
	}
	if (t->n_dims == 0) {
		char value[TEXT_REAL_SIZE];
		printf("  %s\n", text_real(sum, value));
		return;
	}
	const double n = (double)t->n_values, mean = sum / n;
	printf("  mean %.4g, std %.4g, min %.4g, max %.4g", mean,
		sqrt(fmax(squares / n - mean * mean, 0)), min, max);
	if (n_bad)
		printf(", %zu NOT FINITE", n_bad);
	printf("\n");
}

int cmd_inspect(const struct args *args)
{
	static char name[RUN_PATH_SIZE];
	static struct st_file st; /* too much for a small stack */
	struct err e, why;
	char *data;
	size_t len;
	if (!read_weights(args->pos[0], name, &data, &len, &e))
		return fail(&e);
	int status = STATUS_OK;
	if (!st_parse(&st, data, len, &why)) {
		err_set(&e, why.kind, "'%.200s': %s", name, why.msg);
		status = fail(&e);
		goto out;
	}
	size_t n_values = 0;
	bool all_floats = true;
	for (int i = 0; i < st.n_tensors; i++) {
		n_values += st.tensor[i].n_values;
		all_floats = all_floats && st.tensor[i].type == ST_F32;
	}
	put_safe(name, strlen(name));
	printf(": %zu bytes, %d tensors, %zu %svalues\n", len, st.n_tensors, n_values,
		all_floats ? "float32 " : "");
	for (int i = 0; i < st.n_tensors; i++)
		print_tensor(&st.tensor[i]);
	static char value[32768];
	printf("metadata:\n");
	st_metadata_each(&st, value, sizeof(value), print_pair, NULL);
out:
	free(data);
	return status;
}
