/* safetensors (Hugging Face, format 0.4): 8 bytes header length, a JSON header,
 * then the tensors' bytes, all little-endian. One reader and one writer, for files of any size:
 *
 *     st_open(&st, dir, name, &e);      // or st_open_bytes; reads and checks the header
 *     st_verify(&st, &e);               // compares everything with the checksum
 *     st_load(&st, wanted, n, &e);      // values, in the machine's order
 *     st_close(&st);
 *
 *     st = { tensors with values, metadata };
 *     st_write(&st, &file, buf, size, &e);     // or into buf alone
 *
 * The reader takes any valid file and trusts nothing: header length, JSON, data types,
 * shapes, offsets, gaps and overlaps are checked before a tensor can be used. Errors are
 * ERR_CORRUPT and name the file; ERR_RUN if memory runs out or the system fails to read.
 *
 * The metadata's "dqn_sha256_v2" is a checksum of the content, so that another program may
 * rewrite the file in another order or with other spacing. It is the SHA-256 of these
 * records, each string in UTF-8 with a NUL after it:
 *
 *     "m", key, value              each other pair of the metadata, sorted by key
 *     "t", name, dtype, "2,4", h   each tensor, sorted by name; "2,4" is its shape and h
 *                                  the SHA-256 of its bytes, 64 digits in lower case
 *
 * "m" and "t" have no NUL.
 */
#ifndef DQN_BASE_SAFETENSORS_H
#define DQN_BASE_SAFETENSORS_H

#include "base/err.h"
#include "base/file.h"

#include <stddef.h>
#include <stdint.h>

#define ST_MAX_ITEMS 128 /* tensors, and pairs of metadata, in a file with a checksum */
#define ST_MAX_DIMS 4    /* that are kept; a tensor may have more */
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
	uint64_t shape[ST_MAX_DIMS]; /* its first dimensions */
	void *values;                /* the caller's, row-major: to write, or to load into */
	size_t stride;               /* bytes from one of shape[0] rows of values to the next; 0: no gaps */
	const char *dims;            /* reader: all dimensions, in the header: "2,4]" */
	const unsigned char *data;   /* reader, st_open_bytes: its bytes in the file */
	size_t offset, n_values;     /* offset: in the data of the file */
};

struct st_metadata { /* __metadata__, a map of strings */
	const char *key, *value;
};

struct st_file {
	int n_tensors, n_metadata;
	struct st_tensor *tensor; /* both in the order of the header */
	struct st_metadata *metadata;

	/* Of the reader alone: */
	char name[256];             /* of the file, for messages */
	int fd;                     /* or -1: */
	const unsigned char *bytes; /* the whole file in memory */
	char *header;               /* the JSON, its strings decoded in place */
	size_t header_len, data_len;
	const char *checksum; /* 64 digits, or NULL */
};

/* Reads and checks the header of a file, no more of it. On failure there is nothing to
 * close. */
bool st_open(struct st_file *st, const struct dir *d, const char *name, struct err *e);

/* The same for a file in memory, which stays the caller's and must outlive *st. */
bool st_open_bytes(struct st_file *st, const char *name, const void *bytes, size_t len, struct err *e);
void st_close(struct st_file *st);

/* Compares the file with its checksum. A file without one passes: other programs write
 * such files. */
bool st_verify(const struct st_file *st, struct err *e);

/* Fills the values of n tensors of our types from those of the same names, which must have
 * the same type and shape. */
bool st_load(const struct st_file *st, const struct st_tensor *wanted, int n, struct err *e);

/* The tensor of that name, or NULL; the metadata's value of that key, or NULL. */
const struct st_tensor *st_find(const struct st_file *st, const char *name);
const char *st_metadata_get(const struct st_file *st, const char *key);

/* ERR_CORRUPT with the file's name before the message; always false. */
bool st_corrupt(const struct st_file *st, struct err *e, const char *fmt, ...) ERR_PRINTF(3, 4);

/* Writes the tensors, of our types, in their order, with a checksum. Works in buf, which
 * must have room for the header, and allocates nothing. Without `file` the whole file stays
 * in buf, which must have room for it. Returns the length, or 0 after an error. */
size_t st_write(struct st_file *st, struct file_writer *file, char *buf, size_t size, struct err *e);

const char *st_type_name(enum st_type type);

/* Bytes of one value, and of a tensor. */
size_t st_value_size(enum st_type type);
size_t st_tensor_size(const struct st_tensor *tensor);

/* Value i of a tensor with data, of a type below ST_OTHER, rounded to double. */
double st_value(const struct st_tensor *tensor, size_t i);

#endif
