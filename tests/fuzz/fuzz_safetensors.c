/* The reader of safetensors, and of the weights in them. */
#include "fuzz.h"
#include "nn/safetensors.h"
#include "run/weights.h"

#include <math.h>
#include <string.h>

static void visit(void *arg, const char *key, const char *value)
{
	*(size_t *)arg += strlen(key) + strlen(value);
}

static void look_at(const struct st_file *st, size_t size)
{
	static char value[4096];
	size_t n_chars = 0, n_bytes = 0, n_nan = 0;
	for (int i = 0; i < st->n_tensors; i++) {
		const struct st_tensor *t = &st->tensor[i];
		uint64_t n = 1;
		for (int d = 0; d < t->n_dims; d++)
			n *= t->shape[d];
		MUST(n == t->n_values && strlen(t->name) < ST_NAME_SIZE);
		n_bytes += t->n_values * st_value_size(t->type);
		for (size_t k = 0; k < t->n_values; k++)
			n_nan += isnan(st_value(t, k)) ? 1 : 0;
	}
	MUST(n_bytes == st->data_len && st->data_len < size && n_nan <= n_bytes);
	st_metadata_each(st, value, sizeof(value), visit, &n_chars);
	MUST(n_chars < 4 * size);
	if (st_metadata_get(st, "config", value, sizeof(value)))
		MUST(strlen(value) < sizeof(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct st_file st;
	struct weights w;
	struct err e;
	const bool ok = st_parse(&st, data, size, &e);
	if (!ok) {
		MUST(e.kind == ERR_CORRUPT);
		return 0;
	}
	look_at(&st, size);
	if (!weights_parse(&w, "fuzz", data, size, &e))
		return 0;
	fuzz_accepted++;
	MUST(w.env && w.net.dim[0] == w.env->obs_dim && w.max_episode_steps > 0);
	for (size_t i = 0; i < w.net.n_params; i++)
		MUST(isfinite(w.params[i]));
	weights_release(&w);
	return 0;
}
