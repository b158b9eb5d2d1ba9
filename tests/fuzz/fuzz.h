/* Fuzz targets: one per reader, each a function of one input that must return,
 * whatever the bytes are. `make fuzz` links them with libFuzzer, which looks for
 * inputs that break them; `make fuzz-replay` and `make test` with replay.c, which
 * runs them over tests/fuzz/corpus.
 *
 * Both take checksum.c in the place of base/sha256.c: the checksum of everything is
 * zeros there, and an input that has zeros for its checksum gets past it. Otherwise
 * hardly any input would.
 */
#ifndef DQN_FUZZ_H
#define DQN_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What holds for every input; a fuzzer takes the abort for a finding. */
#define MUST(condition)                                                                           \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

/* Inputs that were taken for what they say to be. If none of a corpus is, the corpus
 * is out of date. */
extern int fuzz_accepted;

/* libFuzzer's names. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

#endif
