/* safetensors (Hugging Face, format 0.4): 8 bytes header length, a JSON header,
 * then the tensors' bytes, all little-endian.
 *
 * The writer fills the caller's buffer: a whole small file with st_build, or only
 * the header of a large one with st_build_header, whose data the caller encodes
 * and hashes piece by piece. The reader works on pointer and length, trusts nothing
 * and allocates nothing: header length, JSON, data types, shapes, offsets, gaps and
 * overlaps are all checked before a tensor can be used.
 * Errors are ERR_CORRUPT and do not name the file; the caller does.
 */
#ifndef DQN_NN_SAFETENSORS_H
#define DQN_NN_SAFETENSORS_H

#include "base/err.h"
#include "base/sha256.h"

#include <stddef.h>
#include <stdint.h>

#define ST_MAX_TENSORS 128
#define ST_MAX_METADATA 256
#define ST_MAX_DIMS 4
#define ST_NAME_SIZE 64
#define ST_LENGTH_BYTES 8 /* of the header length that a file begins with */

/* In C: float, double, int32_t, int64_t, uint64_t, uint8_t. */
enum st_type { ST_F32, ST_F64, ST_I32, ST_I64, ST_U64, ST_U8 };

struct st_tensor {
	char name[ST_NAME_SIZE];
	enum st_type type;
	int n_dims;
	uint64_t shape[ST_MAX_DIMS];
	const void *values;        /* writer: what to write, row-major */
	size_t offset;             /* reader: in the data of the file, and */
	const unsigned char *data; /* where that is, n_values little-endian ones */
	size_t n_values;
};

struct st_metadata { /* __metadata__, a map of strings */
	const char *key, *value;
};

struct st_file {
	const char *header; /* the JSON */
	size_t header_len;
	const unsigned char *data; /* behind the header; NULL after st_parse_header */
	size_t data_len;
	const char *checksum; /* its 64 digits in the header, or NULL */
	int n_tensors;
	struct st_tensor tensor[ST_MAX_TENSORS];
};

/* Writes a file into buf; adds the metadata key "sha256": the hash of the whole
 * file with these 64 digits as zeros. Returns the file's length, or 0 if it does
 * not fit. */
size_t st_build(const struct st_tensor *tensors, int n_tensors, const struct st_metadata *metadata,
	int n_metadata, char *buf, size_t size);

/* Writes everything before the data, with zeros as the checksum, and says where in
 * the file its digits belong. Returns the length, or 0 if it does not fit. */
size_t st_build_header(const struct st_tensor *tensors, int n_tensors,
	const struct st_metadata *metadata, int n_metadata, char *buf, size_t size,
	size_t *checksum);

/* Reads and checks a file; if its metadata has a "sha256", against that. The
 * bytes stay the caller's and must outlive *st. */
bool st_parse(struct st_file *st, const void *bytes, size_t len, struct err *e);

/* The length of the header that a file of `len` bytes with this beginning says it
 * has, the first ST_LENGTH_BYTES included; it is in the file and below a mebibyte. */
bool st_header_len(const unsigned char first[ST_LENGTH_BYTES], uint64_t len, size_t *header_len,
	struct err *e);

/* Reads and checks the header alone, header_len bytes from the file's first on, of
 * a file with data_len bytes behind it: all but the checksum. No tensor has data. */
bool st_parse_header(
	struct st_file *st, const void *bytes, size_t header_len, size_t data_len, struct err *e);

/* Adds a header to h as the checksum of its file covers it. */
void st_hash_header(const struct st_file *st, struct sha256 *h);

/* Copies the metadata value of that key; false if there is none, or none that fits. */
bool st_metadata_get(const struct st_file *st, const char *key, char *value, size_t size);

/* Calls visit for every metadata pair, in the file's order. Values longer than
 * size - 1 bytes are not visited; key and value live in buf during the call. */
void st_metadata_each(const struct st_file *st, char *buf, size_t size,
	void (*visit)(void *arg, const char *key, const char *value), void *arg);

/* Bytes of one value, in a file and in memory. */
size_t st_value_size(enum st_type type);

/* n values between memory and the bytes of a file. */
void st_encode(enum st_type type, const void *values, size_t n, unsigned char *bytes);
void st_decode(enum st_type type, const unsigned char *bytes, size_t n, void *values);

/* Copies the values of a float32 tensor out. */
void st_values(const struct st_tensor *tensor, float *values);

/* Value i of a tensor of any type, rounded to double. */
double st_value(const struct st_tensor *tensor, size_t i);

#endif
