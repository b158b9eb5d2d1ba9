#include "nn/safetensors.h"

#include "base/json.h"
#include "base/sha256.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

#define METADATA "__metadata__"
#define CHECKSUM "sha256"
#define NO_CHECKSUM "0000000000000000000000000000000000000000000000000000000000000000"
enum {
	HEX_DIGITS = SHA256_HEX_SIZE - 1,
	LENGTH_BYTES = ST_LENGTH_BYTES,
	ALIGN = 8,
	HEADER_MAX = 1 << 20
};

/* In the order of enum st_type. */
static const struct {
	const char *name;
	int n_bytes;
} types[] = { { "F32", 4 }, { "F64", 8 }, { "I32", 4 }, { "I64", 8 }, { "U64", 8 }, { "U8", 1 } };
enum { N_TYPES = sizeof(types) / sizeof(types[0]) };

size_t st_value_size(enum st_type type)
{
	return (size_t)types[type].n_bytes;
}

static void put_le(unsigned char *p, uint64_t x, int n_bytes)
{
	for (int i = 0; i < n_bytes; i++, x >>= 8)
		p[i] = (unsigned char)x;
}

static uint64_t get_le(const unsigned char *p, int n_bytes)
{
	uint64_t x = 0;
	for (int i = n_bytes; i-- > 0;)
		x = x << 8 | p[i];
	return x;
}

void st_encode(enum st_type type, const void *values, size_t n, unsigned char *bytes)
{
	const char *p = values;
	if (types[type].n_bytes == 4)
		for (size_t i = 0; i < n; i++) {
			uint32_t x;
			memcpy(&x, p + i * sizeof(x), sizeof(x));
			put_le(bytes + i * sizeof(x), x, sizeof(x));
		}
	else if (types[type].n_bytes == 8)
		for (size_t i = 0; i < n; i++) {
			uint64_t x;
			memcpy(&x, p + i * sizeof(x), sizeof(x));
			put_le(bytes + i * sizeof(x), x, sizeof(x));
		}
	else
		memcpy(bytes, p, n);
}

void st_decode(enum st_type type, const unsigned char *bytes, size_t n, void *values)
{
	char *p = values;
	if (types[type].n_bytes == 4)
		for (size_t i = 0; i < n; i++) {
			const uint32_t x = (uint32_t)get_le(bytes + i * sizeof(x), sizeof(x));
			memcpy(p + i * sizeof(x), &x, sizeof(x));
		}
	else if (types[type].n_bytes == 8)
		for (size_t i = 0; i < n; i++) {
			const uint64_t x = get_le(bytes + i * sizeof(x), sizeof(x));
			memcpy(p + i * sizeof(x), &x, sizeof(x));
		}
	else
		memcpy(p, bytes, n);
}

size_t st_build_header(const struct st_tensor *tensors, int n_tensors,
	const struct st_metadata *metadata, int n_metadata, char *buf, size_t size,
	size_t *checksum)
{
	if (size <= LENGTH_BYTES)
		return 0;
	struct text t;
	text_init(&t, buf + LENGTH_BYTES, size - LENGTH_BYTES);
	text_add(&t, "{\"" METADATA "\":{");
	for (int i = 0; i < n_metadata; i++) {
		text_add_json_string(&t, metadata[i].key);
		text_add(&t, ":");
		text_add_json_string(&t, metadata[i].value);
		text_add(&t, ",");
	}
	text_add(&t, "\"" CHECKSUM "\":\"");
	*checksum = LENGTH_BYTES + t.len;
	text_add(&t, NO_CHECKSUM "\"}");
	size_t data_len = 0;
	for (int i = 0; i < n_tensors; i++) {
		text_add(&t, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", tensors[i].name,
			types[tensors[i].type].name);
		for (int d = 0; d < tensors[i].n_dims; d++)
			text_add(&t, "%s%" PRIu64, d ? "," : "", tensors[i].shape[d]);
		const size_t end = data_len + tensors[i].n_values * st_value_size(tensors[i].type);
		text_add(&t, "],\"data_offsets\":[%zu,%zu]}", data_len, end);
		data_len = end;
	}
	text_add(&t, "}");
	while (!t.full && t.len % ALIGN != 0)
		text_add(&t, " ");
	put_le((unsigned char *)buf, t.len, LENGTH_BYTES);
	return t.full ? 0 : LENGTH_BYTES + t.len;
}

size_t st_build(const struct st_tensor *tensors, int n_tensors, const struct st_metadata *metadata,
	int n_metadata, char *buf, size_t size)
{
	size_t checksum;
	const size_t header_len =
		st_build_header(tensors, n_tensors, metadata, n_metadata, buf, size, &checksum);
	size_t len = header_len;
	for (int i = 0; i < n_tensors && len > 0; i++) {
		const size_t n_bytes = tensors[i].n_values * st_value_size(tensors[i].type);
		if (n_bytes > size - len)
			return 0;
		st_encode(tensors[i].type, tensors[i].values, tensors[i].n_values,
			(unsigned char *)buf + len);
		len += n_bytes;
	}
	if (len == 0)
		return 0;
	struct sha256 h;
	char hash[SHA256_HEX_SIZE];
	sha256_init(&h);
	sha256_add(&h, buf, len); /* its digits are zeros yet */
	sha256_hex(&h, hash);
	memcpy(buf + checksum, hash, HEX_DIGITS);
	return len;
}

static bool corrupt(struct err *e, const char *what, const char *tensor)
{
	if (tensor)
		return err_set(e, ERR_CORRUPT, "%s in tensor '%s'", what, tensor);
	return err_set(e, ERR_CORRUPT, "%s", what);
}

static int find_type(const char *name)
{
	for (int i = 0; i < N_TYPES; i++)
		if (strcmp(types[i].name, name) == 0)
			return i;
	return -1;
}

/* {"dtype":"F32","shape":[...],"data_offsets":[begin,end]} */
static bool parse_tensor(struct st_file *st, struct json *j, struct st_tensor *t, struct err *e)
{
	char key[ST_NAME_SIZE], dtype[8] = "";
	uint64_t offsets[2] = { 0, 0 };
	int n_offsets = 0;
	bool has_shape = false;
	for (json_open(j, '{'); json_next_key(j, key, sizeof(key));) {
		if (strcmp(key, "dtype") == 0 && !dtype[0]) {
			json_string(j, dtype, sizeof(dtype));
		} else if (strcmp(key, "shape") == 0 && !has_shape) {
			has_shape = true;
			for (json_open(j, '['); json_next_item(j); t->n_dims++) {
				if (t->n_dims == ST_MAX_DIMS)
					return corrupt(e, "too many dimensions", t->name);
				json_u64(j, &t->shape[t->n_dims]);
			}
		} else if (strcmp(key, "data_offsets") == 0 && n_offsets == 0) {
			for (json_open(j, '['); json_next_item(j); n_offsets++) {
				if (n_offsets == 2)
					return corrupt(e, "bad data_offsets", t->name);
				json_u64(j, &offsets[n_offsets]);
			}
		} else {
			return corrupt(e, "unknown or repeated field", t->name);
		}
	}
	if (j->error)
		return true; /* the caller reports it */
	const int type = find_type(dtype);
	if (type < 0)
		return corrupt(e, "data type is not F32, F64, I32, I64, U64 or U8", t->name);
	if (!has_shape || n_offsets != 2)
		return corrupt(e, "shape or data_offsets missing", t->name);
	if (offsets[0] > offsets[1] || offsets[1] > st->data_len)
		return corrupt(e, "data_offsets outside the file", t->name);
	uint64_t n = 1;
	for (int d = 0; d < t->n_dims; d++) {
		if (t->shape[d] != 0 && n > st->data_len / t->shape[d])
			return corrupt(e, "shape larger than the file", t->name);
		n *= t->shape[d];
	}
	t->type = (enum st_type)type;
	if (n > UINT64_MAX / st_value_size(t->type) ||
		offsets[1] - offsets[0] != n * st_value_size(t->type))
		return corrupt(e, "shape and data_offsets disagree", t->name);
	t->n_values = (size_t)n;
	t->offset = (size_t)offsets[0];
	return true;
}

/* Every byte of the data belongs to exactly one tensor. */
static bool check_coverage(const struct st_file *st, struct err *e)
{
	size_t covered = 0;
	while (covered < st->data_len) {
		const struct st_tensor *next = NULL;
		for (int i = 0; i < st->n_tensors; i++)
			if (st->tensor[i].offset == covered && st->tensor[i].n_values > 0) {
				if (next)
					return corrupt(e, "overlapping data", st->tensor[i].name);
				next = &st->tensor[i];
			}
		if (!next)
			return corrupt(e, "the data has gaps or overlaps", NULL);
		covered += next->n_values * st_value_size(next->type);
	}
	size_t total = 0; /* of at most ST_MAX_TENSORS sizes <= data_len each */
	for (int i = 0; i < st->n_tensors; i++) {
		const size_t size = st->tensor[i].n_values * st_value_size(st->tensor[i].type);
		if (size > st->data_len - total)
			return corrupt(e, "overlapping data", st->tensor[i].name);
		total += size;
	}
	return true;
}

/* Moves j to the first pair of __metadata__; false if there is none. */
static bool open_metadata(const struct st_file *st, struct json *j)
{
	char name[ST_NAME_SIZE];
	json_init(j, st->header, st->header_len);
	for (json_open(j, '{'); json_next_key(j, name, sizeof(name));) {
		if (strcmp(name, METADATA) == 0)
			return json_open(j, '{');
		json_skip(j);
	}
	return false;
}

void st_metadata_each(const struct st_file *st, char *buf, size_t size,
	void (*visit)(void *arg, const char *key, const char *value), void *arg)
{
	struct json j;
	char key[ST_NAME_SIZE];
	if (!open_metadata(st, &j))
		return;
	while (json_next_key(&j, key, sizeof(key))) {
		struct json value = j; /* a copy: a value too long is skipped */
		if (json_string(&value, buf, size))
			visit(arg, key, buf);
		json_string(&j, NULL, 0);
	}
}

bool st_metadata_get(const struct st_file *st, const char *key, char *value, size_t size)
{
	struct json j;
	char name[ST_NAME_SIZE];
	if (!open_metadata(st, &j))
		return false;
	while (json_next_key(&j, name, sizeof(name))) {
		if (strcmp(name, key) == 0)
			return json_string(&j, value, size);
		json_string(&j, NULL, 0);
	}
	return false;
}

/* Sets st->checksum to the digits, if there is one: a file without passes, other
 * programs write such files. */
static bool find_checksum(struct st_file *st, struct err *e)
{
	char digits[SHA256_HEX_SIZE], key[ST_NAME_SIZE];
	struct json j;
	for (bool more = open_metadata(st, &j); more && json_next_key(&j, key, sizeof(key));) {
		if (strcmp(key, CHECKSUM) != 0) {
			json_string(&j, NULL, 0);
			continue;
		}
		if (!json_string(&j, digits, sizeof(digits)) || strlen(digits) != HEX_DIGITS ||
			memcmp(j.p - 1 - HEX_DIGITS, digits, HEX_DIGITS) != 0)
			return corrupt(e, "the checksum in the metadata is none", NULL);
		st->checksum = j.p - 1 - HEX_DIGITS;
	}
	return true;
}

/* A map of strings, no key twice. */
static bool check_metadata(struct json *j, struct err *e)
{
	char key[ST_NAME_SIZE], earlier[ST_NAME_SIZE];
	int n = 0;
	json_open(j, '{');
	struct json start = *j;
	for (; json_next_key(j, key, sizeof(key)); n++) {
		if (n == ST_MAX_METADATA)
			return corrupt(e, "too much metadata", NULL);
		struct json before = start;
		for (int i = 0; i < n; i++) {
			json_next_key(&before, earlier, sizeof(earlier));
			json_string(&before, NULL, 0);
			if (strcmp(earlier, key) == 0)
				return corrupt(e, "a key of the metadata is there twice", NULL);
		}
		json_string(j, NULL, 0);
	}
	return true; /* what is no JSON, the caller reports */
}

bool st_header_len(
	const unsigned char first[ST_LENGTH_BYTES], uint64_t len, size_t *header_len, struct err *e)
{
	const uint64_t n = get_le(first, LENGTH_BYTES);
	if (n > HEADER_MAX)
		return corrupt(e, "not a safetensors file: the header length makes no sense", NULL);
	if (n > len - LENGTH_BYTES)
		return err_set(e, ERR_CORRUPT,
			"cut off: the header has %" PRIu64 " bytes, the file ends after %" PRIu64,
			n, len - LENGTH_BYTES);
	*header_len = LENGTH_BYTES + (size_t)n;
	return true;
}

bool st_parse_header(
	struct st_file *st, const void *bytes, size_t header_len, size_t data_len, struct err *e)
{
	*st = (struct st_file){ .data_len = data_len };
	st->header = (const char *)bytes + LENGTH_BYTES;
	st->header_len = header_len - LENGTH_BYTES;
	if (st->header_len == 0 || st->header[0] != '{')
		return corrupt(e, "bad header: it does not begin with '{'", NULL);

	struct json j;
	char name[ST_NAME_SIZE];
	bool has_metadata = false;
	json_init(&j, st->header, st->header_len);
	for (json_open(&j, '{'); json_next_key(&j, name, sizeof(name));) {
		if (strcmp(name, METADATA) == 0) {
			if (has_metadata)
				return corrupt(e, "two " METADATA " entries", NULL);
			has_metadata = true;
			if (!check_metadata(&j, e))
				return false;
			continue;
		}
		if (st->n_tensors == ST_MAX_TENSORS)
			return corrupt(e, "too many tensors", NULL);
		for (int i = 0; i < st->n_tensors; i++)
			if (strcmp(st->tensor[i].name, name) == 0)
				return corrupt(e, "repeated name", name);
		struct st_tensor *t = &st->tensor[st->n_tensors++];
		memcpy(t->name, name, sizeof(t->name));
		if (!parse_tensor(st, &j, t, e))
			return false;
	}
	if (!json_end(&j))
		return err_set(e, ERR_CORRUPT, "bad header: %s at byte %zu", j.error,
			(size_t)(j.p - st->header));
	return check_coverage(st, e) && find_checksum(st, e);
}

void st_hash_header(const struct st_file *st, struct sha256 *h)
{
	const char *bytes = st->header - LENGTH_BYTES, *end = st->header + st->header_len;
	if (!st->checksum) {
		sha256_add(h, bytes, (size_t)(end - bytes));
		return;
	}
	const char *behind = st->checksum + HEX_DIGITS;
	sha256_add(h, bytes, (size_t)(st->checksum - bytes));
	sha256_add(h, NO_CHECKSUM, HEX_DIGITS);
	sha256_add(h, behind, (size_t)(end - behind));
}

bool st_parse(struct st_file *st, const void *bytes, size_t len, struct err *e)
{
	size_t header_len = 0;
	*st = (struct st_file){ 0 };
	if (len < LENGTH_BYTES)
		return err_set(e, ERR_CORRUPT, "not a safetensors file: only %zu bytes", len);
	if (!st_header_len(bytes, len, &header_len, e) ||
		!st_parse_header(st, bytes, header_len, len - header_len, e))
		return false;
	st->data = (const unsigned char *)bytes + header_len;
	for (int i = 0; i < st->n_tensors; i++)
		st->tensor[i].data = st->data + st->tensor[i].offset;
	if (!st->checksum)
		return true;
	struct sha256 h;
	char hash[SHA256_HEX_SIZE];
	sha256_init(&h);
	st_hash_header(st, &h);
	sha256_add(&h, st->data, st->data_len);
	sha256_hex(&h, hash);
	if (memcmp(hash, st->checksum, HEX_DIGITS) != 0)
		return corrupt(e, "the file does not match its checksum", NULL);
	return true;
}

void st_values(const struct st_tensor *tensor, float *values)
{
	st_decode(ST_F32, tensor->data, tensor->n_values, values);
}

double st_value(const struct st_tensor *tensor, size_t i)
{
	union {
		float f32;
		double f64;
		int32_t i32;
		int64_t i64;
		uint64_t u64;
		uint8_t u8;
	} x;
	st_decode(tensor->type, tensor->data + i * st_value_size(tensor->type), 1, &x);
	switch (tensor->type) {
	case ST_F32:
		return x.f32;
	case ST_F64:
		return x.f64;
	case ST_I32:
		return x.i32;
	case ST_I64:
		return (double)x.i64;
	case ST_U64:
		return (double)x.u64;
	case ST_U8:
		return x.u8;
	}
	return 0;
}
