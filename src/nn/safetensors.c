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
	LENGTH_BYTES = 8,
	VALUE_BYTES = 4,
	ALIGN = 8,
	HEADER_MAX = 1 << 20
};

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

/* The hash of a file whose checksum, 64 digits at `at`, counts as zeros: so it
 * covers everything, the metadata and itself included. */
static void hash_file(const char *file, size_t len, size_t at, char hash[SHA256_HEX_SIZE])
{
	struct sha256 h;
	sha256_init(&h);
	sha256_add(&h, file, at);
	sha256_add(&h, NO_CHECKSUM, HEX_DIGITS);
	sha256_add(&h, file + at + HEX_DIGITS, len - at - HEX_DIGITS);
	sha256_hex(&h, hash);
}

size_t st_build(const struct st_tensor *tensors, int n_tensors, const struct st_metadata *metadata,
	int n_metadata, char *buf, size_t size)
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
	const size_t checksum = LENGTH_BYTES + t.len;
	text_add(&t, NO_CHECKSUM "\"}");
	size_t data_len = 0;
	for (int i = 0; i < n_tensors; i++) {
		text_add(&t, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[", tensors[i].name);
		for (int d = 0; d < tensors[i].n_dims; d++)
			text_add(&t, "%s%" PRIu64, d ? "," : "", tensors[i].shape[d]);
		const size_t end = data_len + tensors[i].n_values * VALUE_BYTES;
		text_add(&t, "],\"data_offsets\":[%zu,%zu]}", data_len, end);
		data_len = end;
	}
	text_add(&t, "}");
	while (!t.full && t.len % ALIGN != 0)
		text_add(&t, " ");
	if (t.full || data_len > size - LENGTH_BYTES - t.len)
		return 0;
	put_le((unsigned char *)buf, t.len, LENGTH_BYTES);

	unsigned char *p = (unsigned char *)buf + LENGTH_BYTES + t.len;
	for (int i = 0; i < n_tensors; i++)
		for (size_t v = 0; v < tensors[i].n_values; v++, p += VALUE_BYTES) {
			uint32_t bits;
			memcpy(&bits, tensors[i].values + v, sizeof(bits));
			put_le(p, bits, VALUE_BYTES);
		}
	const size_t len = LENGTH_BYTES + t.len + data_len;
	char hash[SHA256_HEX_SIZE];
	hash_file(buf, len, checksum, hash);
	memcpy(buf + checksum, hash, HEX_DIGITS);
	return len;
}

static bool corrupt(struct err *e, const char *what, const char *tensor)
{
	if (tensor)
		return err_set(e, ERR_CORRUPT, "%s in tensor '%s'", what, tensor);
	return err_set(e, ERR_CORRUPT, "%s", what);
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
	if (strcmp(dtype, "F32") != 0)
		return corrupt(e, "data type is not F32", t->name);
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
	if (offsets[1] - offsets[0] != n * VALUE_BYTES)
		return corrupt(e, "shape and data_offsets disagree", t->name);
	t->n_values = (size_t)n;
	t->data = st->data + offsets[0];
	return true;
}

/* Every byte of the data belongs to exactly one tensor. */
static bool check_coverage(const struct st_file *st, struct err *e)
{
	size_t covered = 0;
	while (covered < st->data_len) {
		const struct st_tensor *next = NULL;
		for (int i = 0; i < st->n_tensors; i++)
			if (st->tensor[i].data == st->data + covered &&
				st->tensor[i].n_values > 0) {
				if (next)
					return corrupt(e, "overlapping data", st->tensor[i].name);
				next = &st->tensor[i];
			}
		if (!next)
			return corrupt(e, "the data has gaps or overlaps", NULL);
		covered += next->n_values * VALUE_BYTES;
	}
	size_t total = 0; /* of at most ST_MAX_TENSORS sizes <= data_len each */
	for (int i = 0; i < st->n_tensors; i++) {
		const size_t size = st->tensor[i].n_values * VALUE_BYTES;
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

/* A file without a checksum passes: other programs write such files. */
static bool check_hash(const struct st_file *st, const char *file, size_t len, struct err *e)
{
	char want[SHA256_HEX_SIZE], got[SHA256_HEX_SIZE];
	struct json j;
	char key[ST_NAME_SIZE];
	for (bool more = open_metadata(st, &j); more && json_next_key(&j, key, sizeof(key));) {
		if (strcmp(key, CHECKSUM) != 0) {
			json_string(&j, NULL, 0);
			continue;
		}
		if (!json_string(&j, want, sizeof(want)) || strlen(want) != HEX_DIGITS ||
			memcmp(j.p - 1 - HEX_DIGITS, want, HEX_DIGITS) != 0)
			return corrupt(e, "the checksum in the metadata is none", NULL);
		hash_file(file, len, (size_t)(j.p - 1 - HEX_DIGITS - file), got);
		if (strcmp(want, got) != 0)
			return corrupt(e, "the file does not match its checksum", NULL);
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

bool st_parse(struct st_file *st, const void *bytes, size_t len, struct err *e)
{
	*st = (struct st_file){ 0 };
	if (len < LENGTH_BYTES)
		return err_set(e, ERR_CORRUPT, "not a safetensors file: only %zu bytes", len);
	const uint64_t header_len = get_le(bytes, LENGTH_BYTES);
	if (header_len > HEADER_MAX)
		return corrupt(e, "not a safetensors file: the header length makes no sense", NULL);
	if (header_len > len - LENGTH_BYTES)
		return err_set(e, ERR_CORRUPT,
			"cut off: the header has %" PRIu64 " bytes, the file ends after %zu",
			header_len, len - LENGTH_BYTES);
	st->header = (const char *)bytes + LENGTH_BYTES;
	st->header_len = (size_t)header_len;
	st->data = (const unsigned char *)bytes + LENGTH_BYTES + header_len;
	st->data_len = len - LENGTH_BYTES - (size_t)header_len;

	if (header_len == 0 || st->header[0] != '{')
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
	if (!check_coverage(st, e))
		return false;

	return check_hash(st, bytes, len, e);
}

void st_values(const struct st_tensor *tensor, float *values)
{
	for (size_t i = 0; i < tensor->n_values; i++) {
		const uint32_t bits = (uint32_t)get_le(tensor->data + i * VALUE_BYTES, VALUE_BYTES);
		memcpy(values + i, &bits, sizeof(bits));
	}
}
