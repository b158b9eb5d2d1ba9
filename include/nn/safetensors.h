/* safetensors (Hugging Face, format 0.4): 8 bytes header length, a JSON header,
 * then the tensors' bytes, all little-endian.
 *
 * The writer fills the caller's buffer. The reader works on pointer and length,
 * trusts nothing and allocates nothing: header length, JSON, data types, shapes,
 * offsets, gaps and overlaps are all checked before a tensor can be used.
 * Errors are ERR_CORRUPT and do not name the file; the caller does.
 */
#ifndef DQN_NN_SAFETENSORS_H
#define DQN_NN_SAFETENSORS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define ST_MAX_TENSORS 64
#define ST_MAX_METADATA 256
#define ST_MAX_DIMS 4
#define ST_NAME_SIZE 64

struct st_tensor {
	char name[ST_NAME_SIZE];
	int n_dims;
	uint64_t shape[ST_MAX_DIMS];
	const float *values;       /* writer: what to write, row-major */
	const unsigned char *data; /* reader: n_values little-endian float32 */
	size_t n_values;
};

struct st_metadata { /* __metadata__, a map of strings */
	const char *key, *value;
};

struct st_file {
	const char *header; /* the JSON */
	size_t header_len;
	const unsigned char *data; /* behind the header */
	size_t data_len;
	int n_tensors;
	struct st_tensor tensor[ST_MAX_TENSORS];
};

/* Writes a file of float32 tensors into buf; adds the metadata key "sha256": the
 * hash of the whole file with these 64 digits as zeros. Returns the file's length,
 * or 0 if it does not fit. */
size_t st_build(const struct st_tensor *tensors, int n_tensors, const struct st_metadata *metadata,
	int n_metadata, char *buf, size_t size);

/* Reads and checks a file; if its metadata has a "sha256", against that. The
 * bytes stay the caller's and must outlive *st. */
bool st_parse(struct st_file *st, const void *bytes, size_t len, struct err *e);

/* Copies the metadata value of that key; false if there is none, or none that fits. */
bool st_metadata_get(const struct st_file *st, const char *key, char *value, size_t size);

/* Calls visit for every metadata pair, in the file's order. Values longer than
 * size - 1 bytes are not visited; key and value live in buf during the call. */
void st_metadata_each(const struct st_file *st, char *buf, size_t size,
	void (*visit)(void *arg, const char *key, const char *value), void *arg);

/* Copies tensor values out, converted from little-endian. */
void st_values(const struct st_tensor *tensor, float *values);

#endif
