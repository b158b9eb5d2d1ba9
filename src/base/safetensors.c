#include "base/safetensors.h"

#include "base/json.h"
#include "base/sha256.h"
#include "base/text.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define METADATA "__metadata__"
#define CHECKSUM "dqn_sha256_v2"
enum {
	HEX_DIGITS = SHA256_HEX_SIZE - 1,
	ALIGN = 8,
	HEADER_MAX = 100000000, /* of the reference implementation */
	SHAPE_SIZE = 128,
	CHUNK = 4096, /* bytes hashed or loaded at a time */
};

/* In the order of enum st_type. */
static const struct {
	const char *name;
	unsigned n_bits;
} types[] = { { "F32", 32 }, { "F64", 64 }, { "I32", 32 }, { "I64", 64 }, { "U64", 64 }, { "U8", 8 }, { "U32", 32 },
	{ "I16", 16 }, { "U16", 16 }, { "I8", 8 }, { "BOOL", 8 }, { "F16", 16 }, { "BF16", 16 }, { "C64", 64 },
	{ "F8_E4M3", 8 }, { "F8_E5M2", 8 }, { "F8_E8M0", 8 }, { "F8_E4M3FNUZ", 8 }, { "F8_E5M2FNUZ", 8 },
	{ "F6_E2M3", 6 }, { "F6_E3M2", 6 }, { "F4", 4 } };
enum { N_TYPES = sizeof(types) / sizeof(types[0]) };

const char *st_type_name(enum st_type type)
{
	return types[type].name;
}

size_t st_value_size(enum st_type type)
{
	return types[type].n_bits / 8;
}

/* No overflow: it has been compared with the size of the data. */
size_t st_tensor_size(const struct st_tensor *t)
{
	const size_t whole = t->n_values / 8, rest = t->n_values % 8, n_bits = types[t->type].n_bits;
	return whole * n_bits + rest * n_bits / 8;
}

bool st_corrupt(const struct st_file *st, struct err *e, const char *fmt, ...)
{
	struct err why;
	va_list args;
	va_start(args, fmt);
	vsnprintf(why.msg, sizeof(why.msg), fmt, args);
	va_end(args);
	return err_set(e, ERR_CORRUPT, "'%.200s': %s", st->name, why.msg);
}

const char *st_metadata_get(const struct st_file *st, const char *key)
{
	for (int i = 0; i < st->n_metadata; i++)
		if (strcmp(st->metadata[i].key, key) == 0)
			return st->metadata[i].value;
	return NULL;
}

const struct st_tensor *st_find(const struct st_file *st, const char *name)
{
	for (int i = 0; i < st->n_tensors; i++)
		if (strcmp(st->tensor[i].name, name) == 0)
			return &st->tensor[i];
	return NULL;
}

/* "2,4" of what a file with a checksum has: a few dimensions. */
static const char *shape_text(const struct st_tensor *t, char buf[SHAPE_SIZE])
{
	struct text s = text_into(buf, SHAPE_SIZE);
	for (int d = 0; d < t->n_dims && d < ST_MAX_DIMS; d++)
		text_add(&s, "%s%" PRIu64, d ? "," : "", t->shape[d]);
	return buf;
}

/* --- bytes --- */

static uint64_t get_le(const unsigned char *p, size_t n_bytes)
{
	uint64_t x = 0;
	for (size_t i = n_bytes; i-- > 0;)
		x = x << 8 | p[i];
	return x;
}

/* Turns values of so many bytes from the machine's order to the file's, or back. */
static void change_order(unsigned char *p, size_t n_bytes, size_t width)
{
	const uint16_t one = 1;
	unsigned char lowest;
	memcpy(&lowest, &one, sizeof(lowest));
	if (lowest == 1) /* little-endian, too */
		return;
	for (const unsigned char *end = p + n_bytes; p < end; p += width)
		for (size_t i = 0; i < width / 2; i++) {
			const unsigned char swapped = p[i];
			p[i] = p[width - 1 - i];
			p[width - 1 - i] = swapped;
		}
}

static bool read_at(const struct st_file *st, uint64_t offset, void *to, size_t n_bytes, struct err *e)
{
	if (st->fd >= 0)
		return file_read_at(st->fd, st->name, offset, to, n_bytes, e);
	memcpy(to, st->bytes + offset, n_bytes);
	return true;
}

/* Most rows are one value: too short for a call of memcpy. */
static inline void copy_short(char *to, const char *from, size_t n)
{
	if (n == 1)
		*to = *from;
	else if (n == 4)
		memcpy(to, from, 4);
	else
		memcpy(to, from, n);
}

/* Copies n_bytes of a tensor's values, from byte `at` on and without the gaps between rows: to
 * `bytes`, or from there. Values without gaps are one row. */
static void copy_values(const struct st_tensor *t, size_t at, char *bytes, size_t n_bytes, bool store)
{
	const size_t size = st_tensor_size(t), width = t->stride ? size / (size_t)t->shape[0] : size;
	char *row = (char *)t->values + at / width * t->stride;
	for (size_t n, skip = at % width; n_bytes > 0; row += t->stride, skip = 0, bytes += n, n_bytes -= n) {
		n = width - skip < n_bytes ? width - skip : n_bytes;
		copy_short(store ? row + skip : bytes, store ? bytes : row + skip, n);
	}
}

/* Bytes of a tensor from `at` on, as the file has them: from its values or from the file. */
static bool tensor_bytes(
	const struct st_file *st, const struct st_tensor *t, size_t at, void *to, size_t n_bytes, struct err *e)
{
	if (!t->values)
		return read_at(st, ST_LENGTH_BYTES + st->header_len + t->offset + at, to, n_bytes, e);
	copy_values(t, at, to, n_bytes, false);
	change_order(to, n_bytes, st_value_size(t->type));
	return true;
}

/* --- checksums --- */

/* The item with the next name after `last` (NULL: the first) in byte order, or NULL; items
 * begin with a pointer to their name. */
static const void *next_by_name(const void *items, int n, size_t size, const void *last)
{
	const char *const *found = NULL, *const *after = last;
	for (int i = 0; i < n; i++) {
		const char *const *item = (const void *)((const char *)items + (size_t)i * size);
		if ((!after || strcmp(*item, *after) > 0) && (!found || strcmp(*item, *found) < 0))
			found = item;
	}
	return found;
}

static void add_string(struct sha256 *h, const char *s)
{
	sha256_add(h, s, strlen(s) + 1);
}

static bool tensor_hash(const struct st_file *st, const struct st_tensor *t, char hex[SHA256_HEX_SIZE], struct err *e)
{
	unsigned char chunk[CHUNK];
	struct sha256 h;
	const size_t n_bytes = st_tensor_size(t);
	sha256_init(&h);
	for (size_t at = 0; at < n_bytes; at += CHUNK) {
		const size_t n = n_bytes - at < CHUNK ? n_bytes - at : CHUNK;
		if (!tensor_bytes(st, t, at, chunk, n, e))
			return false;
		sha256_add(&h, chunk, n);
	}
	sha256_hex(&h, hex);
	return true;
}

static bool checksum(const struct st_file *st, char hex[SHA256_HEX_SIZE], struct err *e)
{
	const struct st_metadata *m = NULL;
	const struct st_tensor *t = NULL;
	struct sha256 h;
	sha256_init(&h);
	while ((m = next_by_name(st->metadata, st->n_metadata, sizeof(*m), m)) != NULL)
		if (strcmp(m->key, CHECKSUM) != 0) {
			sha256_add(&h, "m", 1);
			add_string(&h, m->key);
			add_string(&h, m->value);
		}
	while ((t = next_by_name(st->tensor, st->n_tensors, sizeof(*t), t)) != NULL) {
		char shape[SHAPE_SIZE], digest[SHA256_HEX_SIZE];
		if (!tensor_hash(st, t, digest, e))
			return false;
		sha256_add(&h, "t", 1);
		add_string(&h, t->name);
		add_string(&h, types[t->type].name);
		add_string(&h, shape_text(t, shape));
		add_string(&h, digest);
	}
	sha256_hex(&h, hex);
	return true;
}

bool st_verify(const struct st_file *st, struct err *e)
{
	char hash[SHA256_HEX_SIZE];
	if (!st->checksum)
		return true;
	return checksum(st, hash, e) &&
	       (strcmp(hash, st->checksum) == 0 || st_corrupt(st, e, "the file does not match its checksum"));
}

/* --- writing --- */

/* Everything before the data; the tensors get their offsets. Returns its length. */
static size_t write_header(struct st_file *st, const char hash[SHA256_HEX_SIZE], char *buf, size_t size)
{
	size_t offset = 0;
	struct text t = text_into(buf + ST_LENGTH_BYTES, size - ST_LENGTH_BYTES);
	text_add(&t, "{\"" METADATA "\":{");
	for (const struct st_metadata *m = st->metadata; m < st->metadata + st->n_metadata; m++) {
		text_add_json_string(&t, m->key);
		text_add(&t, ":");
		text_add_json_string(&t, m->value);
		text_add(&t, ",");
	}
	text_add(&t, "\"" CHECKSUM "\":\"%s\"}", hash);
	for (struct st_tensor *tensor = st->tensor; tensor < st->tensor + st->n_tensors; tensor++) {
		char shape[SHAPE_SIZE];
		tensor->offset = offset;
		offset += st_tensor_size(tensor);
		text_add(&t, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}", tensor->name,
			types[tensor->type].name, shape_text(tensor, shape), tensor->offset, offset);
	}
	text_add(&t, "}");
	while (!t.full && t.len % ALIGN != 0)
		text_add(&t, " ");
	assert(!t.full);
	for (int i = 0; i < ST_LENGTH_BYTES; i++)
		buf[i] = (char)((uint64_t)t.len >> 8 * i & 0xff);
	return ST_LENGTH_BYTES + t.len;
}

size_t st_write(struct st_file *st, struct file_writer *file, char *buf, size_t size, struct err *e)
{
	char hash[SHA256_HEX_SIZE];
	if (!checksum(st, hash, e))
		return 0;
	size_t used = write_header(st, hash, buf, size), len = used;
	for (const struct st_tensor *t = st->tensor; t < st->tensor + st->n_tensors; t++) {
		const size_t n_bytes = st_tensor_size(t);
		for (size_t at = 0, n; at < n_bytes; at += n) {
			n = n_bytes - at < size - used ? n_bytes - at : size - used;
			n -= n % st_value_size(t->type);
			if (n > 0) {
				tensor_bytes(st, t, at, buf + used, n, e);
				used += n;
				continue;
			}
			assert(file); /* else buf has room for all */
			if (!file_add(file, buf, used, e))
				return 0;
			used = 0;
		}
		len += n_bytes;
	}
	return !file || file_add(file, buf, used, e) ? len : 0;
}

/* --- reading --- */

/* Dimensions and their product, UINT64_MAX if it is larger than that. */
static uint64_t parse_shape(struct json *j, struct st_tensor *t)
{
	uint64_t n = 1;
	bool is_empty = false;
	json_open(j, '[');
	t->dims = j->p;
	for (; json_next_item(j); t->n_dims++) {
		uint64_t dim = 0;
		json_u64(j, &dim);
		if (t->n_dims < ST_MAX_DIMS)
			t->shape[t->n_dims] = dim;
		is_empty = is_empty || dim == 0;
		n = dim != 0 && n > UINT64_MAX / dim ? UINT64_MAX : n * (dim ? dim : 1);
	}
	return is_empty ? 0 : n;
}

/* [begin,end]; how many there are. */
static int parse_offsets(struct json *j, uint64_t offsets[2])
{
	int n = 0;
	for (json_open(j, '['); json_next_item(j); n++) {
		uint64_t offset = 0;
		json_u64(j, &offset);
		if (n < 2)
			offsets[n] = offset;
	}
	return n;
}

/* {"dtype":"F32","shape":[...],"data_offsets":[begin,end]} */
static bool parse_tensor(const struct st_file *st, struct json *j, struct st_tensor *t, struct err *e)
{
	char key[ST_NAME_SIZE], dtype[16] = "";
	uint64_t offsets[2] = { 0, 0 }, n = 0;
	int n_offsets = 0, type = 0;
	for (json_open(j, '{'); json_next_key(j, key, sizeof(key));)
		if (strcmp(key, "dtype") == 0 && !dtype[0])
			json_string(j, dtype, sizeof(dtype));
		else if (strcmp(key, "shape") == 0 && !t->dims)
			n = parse_shape(j, t);
		else if (strcmp(key, "data_offsets") == 0 && n_offsets == 0)
			n_offsets = parse_offsets(j, offsets);
		else
			return st_corrupt(st, e, "unknown or repeated field in tensor '%.64s'", t->name);
	if (j->error)
		return true; /* the caller reports it */
	while (type < N_TYPES && strcmp(types[type].name, dtype) != 0)
		type++;
	if (type == N_TYPES)
		return st_corrupt(st, e,
			"data type '%s', which is not one of safetensors (F32, I64 ...), in tensor '%.64s'", dtype,
			t->name);
	if (!t->dims || n_offsets != 2)
		return st_corrupt(st, e, "shape or two data_offsets missing in tensor '%.64s'", t->name);
	if (offsets[0] > offsets[1] || offsets[1] > st->data_len)
		return st_corrupt(st, e, "data_offsets outside the file in tensor '%.64s'", t->name);
	const unsigned n_bits = types[type].n_bits;
	if (n > SIZE_MAX / n_bits || n * n_bits % 8 != 0 || offsets[1] - offsets[0] != n * n_bits / 8)
		return st_corrupt(st, e, "shape and data_offsets disagree in tensor '%.64s'", t->name);
	t->type = (enum st_type)type;
	t->n_values = (size_t)n;
	t->offset = (size_t)offsets[0];
	t->data = st->bytes ? st->bytes + ST_LENGTH_BYTES + st->header_len + t->offset : NULL;
	return true;
}

static int by_name(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	return strcmp(*x, *y);
}

/* In the order of the header, where the names stand. */
static int by_place(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	return (*x > *y) - (*x < *y);
}

static int by_offset(const void *a, const void *b)
{
	const struct st_tensor *x = a, *y = b;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return (x->n_values > 0) - (y->n_values > 0); /* empty ones first */
}

/* A name that two of the items have, or NULL. Leaves them in the order of the header. */
static const char *repeated_name(void *items, int n, size_t size)
{
	const char *repeated = NULL;
	const char *const *last = NULL;
	qsort(items, (size_t)n, size, by_name);
	for (int i = 0; i < n; i++) {
		const char *const *item = (const void *)((const char *)items + (size_t)i * size);
		if (last && strcmp(*last, *item) == 0)
			repeated = *item;
		last = item;
	}
	qsort(items, (size_t)n, size, by_place);
	return repeated;
}

/* Every name and key is unique, and every byte of the data belongs to exactly one tensor. */
static bool check_unique(struct st_file *st, struct err *e)
{
	const size_t n = (size_t)st->n_tensors;
	struct st_tensor *const tensor = st->tensor;
	if (repeated_name(st->metadata, st->n_metadata, sizeof(*st->metadata)))
		return st_corrupt(st, e, "a key of the metadata is there twice");
	const char *name = repeated_name(tensor, st->n_tensors, sizeof(*tensor));
	if (name)
		return st_corrupt(st, e, "repeated name in tensor '%.64s'", name);
	size_t covered = 0, i = 0;
	qsort(tensor, n, sizeof(*tensor), by_offset);
	for (; i < n && tensor[i].offset == covered; i++)
		covered += st_tensor_size(&tensor[i]);
	if (i < n && tensor[i].offset < covered)
		return st_corrupt(st, e, "overlapping data in tensor '%.64s'", tensor[i].name);
	qsort(tensor, n, sizeof(*tensor), by_place);
	return covered == st->data_len || st_corrupt(st, e, "the data has gaps");
}

static bool find_checksum(struct st_file *st, struct err *e)
{
	st->checksum = st_metadata_get(st, CHECKSUM);
	if (!st->checksum)
		return true;
	if (strlen(st->checksum) != HEX_DIGITS)
		return st_corrupt(st, e, "the checksum in the metadata is not one of 64 digits");
	bool fits = st->n_tensors <= ST_MAX_ITEMS && st->n_metadata <= ST_MAX_ITEMS;
	for (int i = 0; fits && i < st->n_tensors; i++)
		fits = st->tensor[i].n_dims <= ST_MAX_DIMS;
	return fits || st_corrupt(st, e,
			       "too many tensors, dimensions or pairs of metadata for a "
			       "file with a checksum of dqn");
}

/* Strings are decoded in place, from where the reader stands on: they never get longer. */
static bool parse_header(struct st_file *st, struct err *e)
{
	const size_t size = st->header_len;
	bool has_metadata = false;
	struct json j;
	char *s;
	json_init(&j, st->header, size);
	for (json_open(&j, '{'); s = st->header + (j.p - st->header), json_next_key(&j, s, size);) {
		if (strcmp(s, METADATA) != 0) {
			struct st_tensor *t = &st->tensor[st->n_tensors++];
			t->name = s;
			if (!parse_tensor(st, &j, t, e))
				return false;
			continue;
		}
		if (has_metadata)
			return st_corrupt(st, e, "two " METADATA " entries");
		has_metadata = true;
		for (json_open(&j, '{'); s = st->header + (j.p - st->header), json_next_key(&j, s, size);) {
			struct st_metadata *m = &st->metadata[st->n_metadata++];
			m->key = s;
			m->value = s = st->header + (j.p - st->header);
			json_string(&j, s, size);
		}
	}
	if (!json_end(&j))
		return st_corrupt(st, e, "bad header: %s at byte %zu", j.error, (size_t)(j.p - st->header));
	return check_unique(st, e) && find_checksum(st, e);
}

/* Room for all that the header may hold: a tensor has a brace, a pair of metadata four
 * quotes. */
static bool allocate(struct st_file *st, struct err *e)
{
	size_t n_braces = 0, n_quotes = 0;
	for (size_t i = 0; i < st->header_len; i++) {
		n_braces += st->header[i] == '{';
		n_quotes += st->header[i] == '"';
	}
	st->tensor = calloc(n_braces + 1, sizeof(*st->tensor));
	st->metadata = calloc(n_quotes / 4 + 1, sizeof(*st->metadata));
	return (st->tensor && st->metadata) ||
	       err_set(e, ERR_RUN, "out of memory for the header of '%.200s'", st->name);
}

static bool read_header(struct st_file *st, uint64_t len, struct err *e)
{
	unsigned char first[ST_LENGTH_BYTES];
	if (len < sizeof(first))
		return st_corrupt(st, e, "not a safetensors file: only %" PRIu64 " bytes", len);
	if (!read_at(st, 0, first, sizeof(first), e))
		return false;
	const uint64_t n = get_le(first, sizeof(first));
	len -= sizeof(first);
	if (n > HEADER_MAX)
		return st_corrupt(st, e, "not a safetensors file: the header length makes no sense");
	if (n > len)
		return st_corrupt(
			st, e, "cut off: the header has %" PRIu64 " bytes, the file ends after %" PRIu64, n, len);
	if (len - n > SIZE_MAX / 2)
		return st_corrupt(st, e, "too large for this machine");
	st->header_len = (size_t)n;
	st->data_len = (size_t)(len - n);
	st->header = malloc(st->header_len + 1);
	if (!st->header)
		return err_set(e, ERR_RUN, "out of memory for the header of '%.200s'", st->name);
	if (!read_at(st, sizeof(first), st->header, st->header_len, e))
		return false;
	if (n == 0 || st->header[0] != '{')
		return st_corrupt(st, e, "bad header: it does not begin with '{'");
	return allocate(st, e) && parse_header(st, e);
}

bool st_open(struct st_file *st, const struct dir *d, const char *name, struct err *e)
{
	char path[FILE_PATH_SIZE];
	uint64_t len;
	*st = (struct st_file){ .fd = -1 };
	snprintf(st->name, sizeof(st->name), "%s", dir_path(d, name, path));
	if (!file_open(d, name, &st->fd, &len, e))
		return false;
	if (read_header(st, len, e))
		return true;
	st_close(st);
	return false;
}

bool st_open_bytes(struct st_file *st, const char *name, const void *bytes, size_t len, struct err *e)
{
	*st = (struct st_file){ .fd = -1, .bytes = bytes };
	snprintf(st->name, sizeof(st->name), "%s", name);
	if (read_header(st, len, e))
		return true;
	st_close(st);
	return false;
}

void st_close(struct st_file *st)
{
	if (st->fd >= 0)
		close(st->fd);
	free(st->header);
	free(st->tensor);
	free(st->metadata);
	*st = (struct st_file){ .fd = -1 };
}

bool st_load(const struct st_file *st, const struct st_tensor *wanted, int n, struct err *e)
{
	for (const struct st_tensor *w = wanted; w < wanted + n; w++) {
		const struct st_tensor *t = st_find(st, w->name);
		if (!t)
			return st_corrupt(st, e, "tensor '%s' is missing", w->name);
		if (t->type != w->type)
			return st_corrupt(st, e, "'%s' is not of type %s", w->name, types[w->type].name);
		char shape[SHAPE_SIZE];
		if (t->n_dims != w->n_dims || memcmp(t->shape, w->shape, sizeof(t->shape)) != 0)
			return st_corrupt(
				st, e, "the shape of '%s' does not fit; (%s) would", w->name, shape_text(w, shape));
		const size_t n_bytes = st_tensor_size(t);
		struct st_tensor into = *t;
		into.values = w->values;
		into.stride = w->stride;
		for (size_t at = 0; at < n_bytes; at += CHUNK) {
			unsigned char chunk[CHUNK];
			const size_t n_chunk = n_bytes - at < CHUNK ? n_bytes - at : CHUNK;
			if (!tensor_bytes(st, t, at, chunk, n_chunk, e))
				return false;
			change_order(chunk, n_chunk, st_value_size(t->type));
			copy_values(&into, at, (char *)chunk, n_chunk, true);
		}
	}
	return true;
}

/* IEEE 754's binary16. */
static double half(uint64_t bits)
{
	const int exponent = (int)(bits >> 10 & 31);
	const double fraction = (double)(bits & 1023) / 1024;
	const double x = exponent == 0    ? ldexp(fraction, -14)
			 : exponent == 31 ? (fraction > 0 ? (double)NAN : (double)INFINITY)
					  : ldexp(1 + fraction, exponent - 15);
	return bits >> 15 ? -x : x;
}

double st_value(const struct st_tensor *tensor, size_t i)
{
	const size_t n_bytes = st_value_size(tensor->type);
	assert(n_bytes >= 1 && n_bytes <= 8);
	const uint64_t sign = (uint64_t)1 << (8 * n_bytes - 1);
	const uint64_t bits = get_le(tensor->data + i * n_bytes, n_bytes);
	float f32;
	double f64;
	const uint32_t low = (uint32_t)(tensor->type == ST_BF16 ? bits << 16 : bits);
	memcpy(&f32, &low, sizeof(f32));
	memcpy(&f64, &bits, sizeof(f64));
	switch (tensor->type) {
	case ST_F64:
		return f64;
	case ST_F32:
	case ST_BF16:
		return f32;
	case ST_F16:
		return half(bits);
	case ST_I8:
	case ST_I16:
	case ST_I32:
	case ST_I64: /* a two's complement of n_bytes, its sign extended */
		return (double)(int64_t)((bits ^ sign) - sign);
	default:
		return (double)bits;
	}
}
