/* safetensors (Hugging Face, format 0.4): 8 bytes header length, a JSON header,
 * then the tensors' bytes, all little-endian.
 *
 * The writer fills the caller's buffer and allocates nothing: a whole small file with
 * st_build, or only the header of a large one with st_build_header, whose data the
 * caller encodes and hashes piece by piece. The reader takes any valid file and trusts
 * nothing: header length, JSON, data types, shapes, offsets, gaps and overlaps are all
 * checked before a tensor can be used.
 *
 * The metadata's "dqn_sha256_v2" is a checksum of what the file means, so that another
 * program may write it again: other order, other spacing, the same checksum. It is the
 * SHA-256 of these records, each string in UTF-8 with a NUL after it:
 *
 *     "m", key, value              each other pair of the metadata, sorted by key
 *     "t", name, dtype, "2,4", h   each tensor, sorted by name; "2,4" is its shape and h
 *                                  the SHA-256 of its bytes, 64 digits in lower case
 *
 * "m" and "t" have no NUL. Files of earlier versions have "sha256" instead: that of the
 * whole file with zeros in the place of these digits. It is checked where the metadata
 * has a "format_version"; without, it is somebody else's key.
 *
 *     st_parse(&st, bytes, len, &e);    st.tensor[i] ...    st_release(&st);
 *
 * Errors are ERR_CORRUPT, or ERR_RUN out of memory, and do not name the file; the
 * caller does.
 */
#ifndef DQN_BASE_SAFETENSORS_H
#define DQN_BASE_SAFETENSORS_H

#include "base/err.h"
#include "base/file.h"
#include "base/sha256.h"

#include <stddef.h>
#include <stdint.h>

#define ST_MAX_TENSORS 128 /* in a file with a checksum */
#define ST_MAX_DIMS 4      /* that are kept; a tensor may have more */
#define ST_NAME_SIZE 64
#define ST_LENGTH_BYTES 8 /* of the header length that a file begins with */

/* The first ones are ours: float, double, int32_t, int64_t, uint64_t, uint8_t. */
enum st_type {
	ST_F32,
	ST_F64,
	ST_I32,
	ST_I64,
	ST_U64,
	ST_U8,
	ST_U32,
	ST_I16,
	ST_U16,
	ST_I8,
	ST_BOOL,
	ST_F16,
	ST_BF16,
	ST_OTHER /* the first of those whose values are not read */
};

struct st_tensor {
	const char *name;
	enum st_type type;
	int n_dims;
	uint64_t shape[ST_MAX_DIMS]; /* the first of its dimensions */
	const void *values;          /* writer: what to write, row-major */
	const char *dims;            /* reader: all dimensions, in the header: "2,4]" */
	size_t offset;               /* in the data of the file, and */
	const unsigned char *data;   /* where that is, n_values little-endian ones */
	size_t n_values;
};

struct st_metadata { /* __metadata__, a map of strings */
	const char *key, *value;
};

struct st_file {
	const char *header; /* the JSON */
	size_t header_len;
	const unsigned char *data; /* after the header; NULL after st_parse_header */
	size_t data_len;
	int n_tensors, n_metadata; /* both in the file's order: */
	struct st_tensor *tensor;
	struct st_metadata *metadata;
	const char *checksum;     /* the value in the metadata, or NULL */
	const char *old_checksum; /* or, of an earlier dqn, its digits in the header */
	char *text;               /* names, keys and values */
};

/* Writes a file into buf, its checksum included; sets the tensors' offsets. Returns the
 * file's length, or 0 if it does not fit. */
size_t st_build(struct st_tensor *tensors, int n_tensors, const struct st_metadata *metadata,
	int n_metadata, char *buf, size_t size);

/* Writes everything before the data, with zeros as the checksum, and says where in
 * the file its digits belong. Returns the length, or 0 if it does not fit. */
size_t st_build_header(struct st_tensor *tensors, int n_tensors, const struct st_metadata *metadata,
	int n_metadata, char *buf, size_t size, size_t *checksum);

/* Reads and checks a file; if it has a checksum, against that. The bytes stay the
 * caller's and must outlive *st, which holds memory until it is released. On failure
 * nothing is to be released. */
bool st_parse(struct st_file *st, const void *bytes, size_t len, struct err *e);
void st_release(struct st_file *st);

/* The length of the header that a file of `len` bytes with this beginning says it
 * has, the first ST_LENGTH_BYTES included; it is in the file and as long as the format
 * allows at most. */
bool st_header_len(const unsigned char first[ST_LENGTH_BYTES], uint64_t len, size_t *header_len,
	struct err *e);

/* Reads and checks the header alone, header_len bytes from the file's first on, of
 * a file with data_len bytes after it: all but the checksum. No tensor has data. Only
 * `header` and `dims` refer to the bytes. */
bool st_parse_header(
	struct st_file *st, const void *bytes, size_t header_len, size_t data_len, struct err *e);

/* The same from a file, of which no more is read; errors name it. On success the caller
 * frees *bytes after it has released *st. */
bool st_read_header(
	struct st_file *st, const struct dir *d, const char *name, char **bytes, struct err *e);

/* A checksum on the way: begun for a file that is written or, of the kind that it has,
 * for one that is read (whose header is still there), then the data in any pieces. */
struct st_hash {
	struct sha256 all, one; /* one: of the tensor at hand */
	bool is_old;
	int n_tensors, current; /* current: in `tensor`, or -1 */
	const struct st_tensor *tensor;
	size_t at; /* bytes of data so far */
	char digest[ST_MAX_TENSORS][SHA256_HEX_SIZE];
};

void st_hash_begin(struct st_hash *h, const struct st_tensor *tensors, int n_tensors,
	const struct st_metadata *metadata, int n_metadata);
void st_hash_begin_file(struct st_hash *h, const struct st_file *st);
void st_hash_add(struct st_hash *h, const void *data, size_t n_bytes);
void st_hash_end(struct st_hash *h, char hex[SHA256_HEX_SIZE]);

/* The same, compared with the checksum of the file. ERR_CORRUPT if it differs. */
bool st_hash_check(struct st_hash *h, const struct st_file *st, struct err *e);

/* The metadata's value of that key, or NULL. */
const char *st_metadata_get(const struct st_file *st, const char *key);

const char *st_type_name(enum st_type type);

/* Bytes of one value of our types, in a file and in memory; of all of a tensor's. */
size_t st_value_size(enum st_type type);
size_t st_tensor_size(const struct st_tensor *tensor);

/* n values of our types between memory and the bytes of a file. */
void st_encode(enum st_type type, const void *values, size_t n, unsigned char *bytes);
void st_decode(enum st_type type, const unsigned char *bytes, size_t n, void *values);

/* Copies the values of a float32 tensor out. */
void st_values(const struct st_tensor *tensor, float *values);

/* Value i of a tensor of a type below ST_OTHER, rounded to double. */
double st_value(const struct st_tensor *tensor, size_t i);

#endif
