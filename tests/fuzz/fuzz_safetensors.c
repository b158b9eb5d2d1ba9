/* The reader of safetensors, and of the weights in them. */
#include "fuzz.h"
#include "base/safetensors.h"
#include "run/weights.h"

#include <math.h>
#include <string.h>

static void look_at(const struct st_file *st, size_t size)
{
	size_t n_chars = 0, n_bytes = 0, n_nan = 0;
	for (int i = 0; i < st->n_tensors; i++) {
		const struct st_tensor *t = &st->tensor[i];
		uint64_t n = 1;
		for (int d = 0; d < t->n_dims && d < ST_MAX_DIMS; d++)
			n *= t->shape[d];
		MUST(t->n_dims > ST_MAX_DIMS || n == t->n_values);
		n_chars += strlen(t->name);
		n_bytes += st_tensor_size(t);
		for (size_t k = 0; k < t->n_values && t->type < ST_OTHER; k++)
			n_nan += isnan(st_value(t, k)) ? 1 : 0;
	}
	MUST(n_bytes == st->data_len && st->data_len < size && n_nan <= n_bytes);
	for (int i = 0; i < st->n_metadata; i++)
		n_chars += strlen(st->metadata[i].key) + strlen(st->metadata[i].value);
	MUST(n_chars < size);
}

static bool is_sound(const struct weights *w)
{
	for (size_t i = 0; i < w->net.n_params; i++)
		if (!isfinite(w->params[i]))
			return false;
	return w->env && w->net.dim[0] == w->env->obs_dim && w->net.dim[w->net.n_layers] == w->env->n_actions &&
	       w->max_episode_steps > 0;
}

/* As the weights of another program. */
static void parse_foreign(const uint8_t *data, size_t size)
{
	static struct config c;
	struct weights w;
	struct err e;
	config_init(&c);
	if (weights_parse(&w, &c, "fuzz", data, size, &e)) {
		MUST(is_sound(&w));
		weights_release(&w);
		fuzz_accepted++;
	} else {
		MUST(e.kind == ERR_CORRUPT && !w.params);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct st_file st;
	struct weights w;
	struct err e;
	if (!st_open_bytes(&st, "fuzz", data, size, &e)) {
		MUST(e.kind == ERR_CORRUPT);
		return 0;
	}
	look_at(&st, size);
	st_verify(&st, &e);
	st_close(&st);
	parse_foreign(data, size);
	if (!weights_parse(&w, NULL, "fuzz", data, size, &e))
		return 0;
	fuzz_accepted++;
	MUST(is_sound(&w));
	weights_release(&w);
	return 0;
}
