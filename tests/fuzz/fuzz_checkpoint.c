/* The reader of checkpoints, into a small run that then goes on: a state that was
 * accepted must be one that the training can step from. */
#include "fuzz.h"
#include "run/checkpoint.h"

#include <string.h>

/* Every component, as small as it gets; tests/fuzz/seeds trains the same. */
static const char small_ini[] = "[run]\ntotal_timesteps = 1000000000\n"
				"[env]\nmax_episode_steps = 3\n"
				"[network]\nnet_arch = 2\ndueling = true\n"
				"[agent]\nbatch_size = 2\nlearning_starts = 4\ntrain_freq = 4\ngradient_steps = 2\n"
				"target_update_interval = 8\nn_steps = 3\n"
				"[replay]\nbuffer_size = 8\nprioritized = true\n"
				"[eval]\neval_freq = 8\neval_episodes = 1\n"
				"[stop]\nstop_return = none\n"
				"[log]\nlog_interval = 8\n";

enum { STEPS = 8 }; /* a row of each log */

static struct train *small_run(void)
{
	static struct train train;
	static bool ready;
	struct config c;
	struct err e;
	if (!ready) {
		MUST(config_read(&c, "small.ini", small_ini, strlen(small_ini), &e));
		MUST(train_init(&train, &c, kernels_find("scalar"), &e));
		ready = true;
	}
	return &train;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct train *t = small_run();
	struct marks marks;
	struct st_file st;
	struct err e;
	if (!st_open_bytes(&st, "fuzz", data, size, &e) || !checkpoint_load(&st, t, &marks, &e)) {
		MUST(e.kind == ERR_CORRUPT || e.kind == ERR_BUSY);
		return 0;
	}
	fuzz_accepted++;
	MUST(t->replay.count <= t->replay.buffer_size && t->timesteps >= 0);
	for (int i = 0; i < STEPS && !train_is_finished(t); i++)
		if (!train_step(t, &e)) {
			MUST(e.kind == ERR_DIVERGED);
			break;
		}
	return 0;
}

/* Changes of the header keep its length right, and most others are of the values alone:
 * hardly any other change gets past the first checks. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	enum { LENGTH = 8 };
	size_t begin = LENGTH;
	for (int i = 0; i < 3 && size > begin; i++)
		begin += (size_t)data[i] << (8 * i);
	if (begin >= size || size > max_size || seed % 8 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	if (seed % 8 > 2) {
		LLVMFuzzerMutate(data + begin, size - begin, size - begin);
		return size;
	}
	const size_t n_values = size - begin;
	uint8_t *values = malloc(n_values);
	if (!values)
		return size;
	memcpy(values, data + begin, n_values);
	const size_t n = LLVMFuzzerMutate(data + LENGTH, begin - LENGTH, max_size - LENGTH - n_values);
	for (int i = 0; i < LENGTH; i++)
		data[i] = (uint8_t)((uint64_t)n >> (8 * i));
	memcpy(data + LENGTH + n, values, n_values);
	free(values);
	return LENGTH + n + n_values;
}
