#include "base/safetensors.h"

#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/text.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define METADATA "__metadata__"
#define CHECKSUM "dqn_sha256_v2"
#define OLD_CHECKSUM "sha256"
#define NO_CHECKSUM "0000000000000000000000000000000000000000000000000000000000000000"
enum {
	HEX_DIGITS = SHA256_HEX_SIZE - 1,
	LENGTH_BYTES = ST_LENGTH_BYTES,
	ALIGN = 8,
	HEADER_MAX = 100000000, /* of the reference implementation */
};

/* In the order of enum st_type. */
static const struct {
	const char *name;
	unsigned n_bits;
} types[] = { { "F32", 32 }, { "F64", 64 }, { "I32", 32 }, { "I64", 64 }, { "U64", 64 },
	{ "U8", 8 }, { "U32", 32 }, { "I16", 16 }, { "U16", 16 }, { "I8", 8 }, { "BOOL", 8 },
	{ "F16", 16 }, { "BF16", 16 }, { "C64", 64 }, { "F8_E4M3", 8 }, { "F8_E5M2", 8 },
	{ "F8_E8M0", 8 }, { "F8_E4M3FNUZ", 8 }, { "F8_E5M2FNUZ", 8 }, { "F6_E2M3", 6 },
	{ "F6_E3M2", 6 }, { "F4", 4 } };
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
	const size_t whole = t->n_values / 8, rest = t->n_values % 8,
		     n_bits = types[t->type].n_bits;
	return whole * n_bits + rest * n_bits / 8;
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
	if (types[type].n_bits == 32)
		for (size_t i = 0; i < n; i++) {
			uint32_t x;
			memcpy(&x, p + i * sizeof(x), sizeof(x));
			put_le(bytes + i * sizeof(x), x, sizeof(x));
		}
	else if (types[type].n_bits == 64)
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
	if (types[type].n_bits == 32)
		for (size_t i = 0; i < n; i++) {
			const uint32_t x = (uint32_t)get_le(bytes + i * sizeof(x), sizeof(x));
			memcpy(p + i * sizeof(x), &x, sizeof(x));
		}
	else if (types[type].n_bits == 64)
		for (size_t i = 0; i < n; i++) {
			const uint64_t x = get_le(bytes + i * sizeof(x), sizeof(x));
			memcpy(p + i * sizeof(x), &x, sizeof(x));
		}
	else
		memcpy(p, bytes, n);
}

/* --- checksums --- */

static void add_string(struct sha256 *h, const char *s)
{
	sha256_add(h, s, strlen(s) + 1);
}

static void hash_init(struct st_hash *h, const struct st_tensor *tensors, int n_tensors)
{
	h->tensor = tensors;
	h->n_tensors = n_tensors;
	h->is_old = false;
	h->current = -1;
	h->at = 0;
	sha256_init(&h->all);
}

/* There are few pairs, and few tensors below: the next one is searched for. */
void st_hash_begin(struct st_hash *h, const struct st_tensor *tensors, int n_tensors,
	const struct st_metadata *metadata, int n_metadata)
{
	const struct st_metadata *last = NULL, *next;
	hash_init(h, tensors, n_tensors);
	do {
		next = NULL;
		for (const struct st_metadata *m = metadata; m < metadata + n_metadata; m++)
			if (strcmp(m->key, CHECKSUM) != 0 &&
				(!last || strcmp(m->key, last->key) > 0) &&
				(!next || strcmp(m->key, next->key) < 0))
				next = m;
		if (next) {
			sha256_add(&h->all, "m", 1);
			add_string(&h->all, next->key);
			add_string(&h->all, next->value);
		}
		last = next;
	} while (next);
}

void st_hash_begin_file(struct st_hash *h, const struct st_file *st)
{
	if (!st->old_checksum) {
		st_hash_begin(h, st->tensor, st->n_tensors, st->metadata, st->n_metadata);
		return;
	}
	hash_init(h, st->tensor, st->n_tensors);
	h->is_old = true;
	const char *bytes = st->header - LENGTH_BYTES, *end = st->header + st->header_len;
	const char *after = st->old_checksum + HEX_DIGITS;
	sha256_add(&h->all, bytes, (size_t)(st->old_checksum - bytes));
	sha256_add(&h->all, NO_CHECKSUM, HEX_DIGITS);
	sha256_add(&h->all, after, (size_t)(end - after));
}

void st_hash_add(struct st_hash *h, const void *data, size_t n_bytes)
{
	const char *p = data;
	if (h->is_old) {
		sha256_add(&h->all, data, n_bytes);
		return;
	}
	while (n_bytes > 0) {
		if (h->current < 0) {
			for (h->current = 0; h->tensor[h->current].offset != h->at ||
					     h->tensor[h->current].n_values == 0;)
				h->current++;
			sha256_init(&h->one);
		}
		const struct st_tensor *t = &h->tensor[h->current];
		const size_t left = t->offset + st_tensor_size(t) - h->at;
		const size_t n = left < n_bytes ? left : n_bytes;
		sha256_add(&h->one, p, n);
		h->at += n;
		p += n;
		n_bytes -= n;
		if (n == left) {
			sha256_hex(&h->one, h->digest[h->current]);
			h->current = -1;
		}
	}
}

void st_hash_end(struct st_hash *h, char hex[SHA256_HEX_SIZE])
{
	const struct st_tensor *last = NULL, *next;
	do {
		next = NULL;
		for (const struct st_tensor *t = h->tensor; t < h->tensor + h->n_tensors; t++)
			if (!h->is_old && (!last || strcmp(t->name, last->name) > 0) &&
				(!next || strcmp(t->name, next->name) < 0))
				next = t;
		if (next) {
			char *digest = h->digest[next - h->tensor], shape[128];
			struct text s;
			text_init(&s, shape, sizeof(shape));
			for (int d = 0; d < next->n_dims && d < ST_MAX_DIMS; d++)
				text_add(&s, "%s%" PRIu64, d ? "," : "", next->shape[d]);
			if (next->n_values == 0)
				sha256_of("", 0, digest);
			sha256_add(&h->all, "t", 1);
			add_string(&h->all, next->name);
			add_string(&h->all, types[next->type].name);
			add_string(&h->all, shape);
			add_string(&h->all, digest);
		}
		last = next;
	} while (next);
	sha256_hex(&h->all, hex);
}

bool st_hash_check(struct st_hash *h, const struct st_file *st, struct err *e)
{
	char hash[SHA256_HEX_SIZE];
	st_hash_end(h, hash);
	if (!st->checksum || strcmp(hash, st->checksum) == 0)
		return true;
	return err_set(e, ERR_CORRUPT, "the file does not match its checksum%s",
		st->old_checksum ? " (that of an earlier dqn, which covers the header as it was "
				   "written: no other program may have written the file again)"
				 : "");
}

/* --- writing --- */

size_t st_build_header(struct st_tensor *tensors, int n_tensors, const struct st_metadata *metadata,
	int n_metadata, char *buf, size_t size, size_t *checksum)
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
		tensors[i].offset = data_len;
		data_len += st_tensor_size(&tensors[i]);
		text_add(&t, "],\"data_offsets\":[%zu,%zu]}", tensors[i].offset, data_len);
	}
	text_add(&t, "}");
	while (!t.full && t.len % ALIGN != 0)
		text_add(&t, " ");
	put_le((unsigned char *)buf, t.len, LENGTH_BYTES);
	return t.full ? 0 : LENGTH_BYTES + t.len;
}

size_t st_build(struct st_tensor *tensors, int n_tensors, const struct st_metadata *metadata,
	int n_metadata, char *buf, size_t size)
{
	size_t checksum;
	const size_t header_len =
		st_build_header(tensors, n_tensors, metadata, n_metadata, buf, size, &checksum);
	size_t len = header_len;
	for (int i = 0; i < n_tensors && len > 0; i++) {
		const size_t n_bytes = st_tensor_size(&tensors[i]);
		if (n_bytes > size - len)
			return 0;
		st_encode(tensors[i].type, tensors[i].values, tensors[i].n_values,
			(unsigned char *)buf + len);
		len += n_bytes;
	}
	if (len == 0)
		return 0;
	struct st_hash h;
	char hash[SHA256_HEX_SIZE];
	st_hash_begin(&h, tensors, n_tensors, metadata, n_metadata);
	st_hash_add(&h, buf + header_len, len - header_len);
	st_hash_end(&h, hash);
	memcpy(buf + checksum, hash, HEX_DIGITS);
	return len;
}

/* --- reading --- */

static bool corrupt(struct err *e, const char *what, const char *tensor)
{
	if (tensor)
		return err_set(e, ERR_CORRUPT, "%s in tensor '%.64s'", what, tensor);
	return err_set(e, ERR_CORRUPT, "%s", what);
}

static int find_type(const char *name)
{
	for (int i = 0; i < N_TYPES; i++)
		if (strcmp(types[i].name, name) == 0)
			return i;
	return -1;
}

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

/* {"dtype":"F32","shape":[...],"data_offsets":[begin,end]} */
static bool parse_tensor(
	const struct st_file *st, struct json *j, struct st_tensor *t, struct err *e)
{
	char key[ST_NAME_SIZE], dtype[16] = "";
	uint64_t offsets[2] = { 0, 0 }, n = 0;
	int n_offsets = 0;
	for (json_open(j, '{'); json_next_key(j, key, sizeof(key));) {
		if (strcmp(key, "dtype") == 0 && !dtype[0]) {
			json_string(j, dtype, sizeof(dtype));
		} else if (strcmp(key, "shape") == 0 && !t->dims) {
			n = parse_shape(j, t);
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
		return err_set(e, ERR_CORRUPT,
			"data type '%s', which is not one of safetensors (F32, I64 ...), in tensor '%.64s'",
			dtype, t->name);
	if (!t->dims || n_offsets != 2)
		return corrupt(e, "shape or data_offsets missing", t->name);
	if (offsets[0] > offsets[1] || offsets[1] > st->data_len)
		return corrupt(e, "data_offsets outside the file", t->name);
	const unsigned n_bits = types[type].n_bits;
	if (n > SIZE_MAX / 64 || n * n_bits / 8 > st->data_len)
		return corrupt(e, "shape larger than the file", t->name);
	if (n * n_bits % 8 != 0 || offsets[1] - offsets[0] != n * n_bits / 8)
		return corrupt(e, "shape and data_offsets disagree", t->name);
	t->type = (enum st_type)type;
	t->n_values = (size_t)n;
	t->offset = (size_t)offsets[0];
	return true;
}

static int compare_names(const void *a, const void *b)
{
	const struct st_tensor *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static int compare_keys(const void *a, const void *b)
{
	const struct st_metadata *const *x = a, *const *y = b;
	return strcmp((*x)->key, (*y)->key);
}

/* By offset, empty ones first. */
static int compare_offsets(const void *a, const void *b)
{
	const struct st_tensor *const *x = a, *const *y = b;
	if ((*x)->offset != (*y)->offset)
		return (*x)->offset < (*y)->offset ? -1 : 1;
	return ((*x)->n_values > 0) - ((*y)->n_values > 0);
}

/* No name twice, no key twice, and every byte of the data belongs to exactly one tensor. */
static bool check_order(const struct st_file *st, struct err *e)
{
	const size_t n = (size_t)st->n_tensors, n_pairs = (size_t)st->n_metadata;
	const void **order = malloc(((n > n_pairs ? n : n_pairs) + 1) * sizeof(*order));
	if (!order)
		return err_set(e, ERR_RUN, "out of memory for %zu tensors", n);
	bool ok = true;
	for (size_t i = 0; i < n_pairs; i++)
		order[i] = &st->metadata[i];
	qsort(order, n_pairs, sizeof(*order), compare_keys);
	for (size_t i = 1; ok && i < n_pairs; i++)
		if (compare_keys(&order[i - 1], &order[i]) == 0)
			ok = corrupt(e, "a key of the metadata is there twice", NULL);
	for (size_t i = 0; i < n; i++)
		order[i] = &st->tensor[i];
	qsort(order, n, sizeof(*order), compare_names);
	for (size_t i = 1; ok && i < n; i++)
		if (compare_names(&order[i - 1], &order[i]) == 0)
			ok = corrupt(
				e, "repeated name", ((const struct st_tensor *)order[i])->name);
	qsort(order, n, sizeof(*order), compare_offsets);
	size_t covered = 0;
	for (size_t i = 0; ok && i < n; i++) {
		const struct st_tensor *t = order[i];
		if (t->offset < covered)
			ok = corrupt(e, "overlapping data", t->name);
		else if (t->offset > covered)
			ok = corrupt(e, "the data has gaps", NULL);
		covered += st_tensor_size(t);
	}
	free(order);
	return ok && (covered == st->data_len || corrupt(e, "the data has gaps", NULL));
}

const char *st_metadata_get(const struct st_file *st, const char *key)
{
	for (int i = 0; i < st->n_metadata; i++)
		if (strcmp(st->metadata[i].key, key) == 0)
			return st->metadata[i].value;
	return NULL;
}

/* A file without one passes, other programs write such files. */
static bool find_checksum(struct st_file *st, struct err *e)
{
	st->checksum = st_metadata_get(st, CHECKSUM);
	const bool is_old = !st->checksum && st_metadata_get(st, "format_version");
	if (is_old)
		st->checksum = st_metadata_get(st, OLD_CHECKSUM);
	else
		st->old_checksum = NULL;
	if (!st->checksum)
		return true;
	if (strlen(st->checksum) != HEX_DIGITS ||
		(st->old_checksum && memcmp(st->old_checksum, st->checksum, HEX_DIGITS) != 0))
		return corrupt(e, "the checksum in the metadata is not one of 64 digits", NULL);
	if (st->n_tensors > ST_MAX_TENSORS)
		return corrupt(e, "too many tensors for a file with a checksum of dqn", NULL);
	for (int i = 0; i < st->n_tensors; i++)
		if (st->tensor[i].n_dims > ST_MAX_DIMS)
			return corrupt(
				e, "too many dimensions for a checksum of dqn", st->tensor[i].name);
	return true;
}

static bool check_length(uint64_t len, struct err *e)
{
	return len >= LENGTH_BYTES ||
	       err_set(e, ERR_CORRUPT, "not a safetensors file: only %" PRIu64 " bytes", len);
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

/* How many tensors and pairs of metadata there are up to the first error; text has room
 * for any string of the header. */
static void count(struct json j, char *text, size_t size, size_t *n_tensors, size_t *n_pairs)
{
	for (json_open(&j, '{'); json_next_key(&j, text, size);) {
		if (strcmp(text, METADATA) != 0) {
			++*n_tensors;
			json_skip(&j);
			continue;
		}
		for (json_open(&j, '{'); json_next_key(&j, text, size); ++*n_pairs)
			json_skip(&j);
	}
}

/* A string of the header into st->text, after what is there already; it fits, as it has
 * two quotes in the header and one NUL here. */
static const char *keep(char **free_text, bool ok)
{
	char *s = *free_text;
	*free_text += ok ? strlen(s) + 1 : 0;
	return s;
}

static bool parse_all(struct st_file *st, struct err *e)
{
	struct json j;
	const size_t size = st->header_len + 1;
	bool has_metadata = false;
	char *s = st->text;
	json_init(&j, st->header, st->header_len);
	for (json_open(&j, '{'); json_next_key(&j, s, size);) {
		if (strcmp(s, METADATA) != 0) {
			struct st_tensor *t = &st->tensor[st->n_tensors++];
			t->name = keep(&s, true);
			if (!parse_tensor(st, &j, t, e))
				return false;
			continue;
		}
		if (has_metadata)
			return corrupt(e, "two " METADATA " entries", NULL);
		has_metadata = true;
		for (json_open(&j, '{'); json_next_key(&j, s, size);) {
			struct st_metadata *m = &st->metadata[st->n_metadata++];
			m->key = keep(&s, true);
			m->value = keep(&s, json_string(&j, s, size));
			if (strcmp(m->key, OLD_CHECKSUM) == 0 && strlen(m->value) == HEX_DIGITS)
				st->old_checksum = j.p - 1 - HEX_DIGITS;
		}
	}
	if (!json_end(&j))
		return err_set(e, ERR_CORRUPT, "bad header: %s at byte %zu", j.error,
			(size_t)(j.p - st->header));
	return check_order(st, e) && find_checksum(st, e);
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
	size_t n_tensors = 0, n_pairs = 0;
	json_init(&j, st->header, st->header_len);
	st->text = calloc(st->header_len + 1, 1);
	if (st->text)
		count(j, st->text, st->header_len + 1, &n_tensors, &n_pairs);
	st->tensor = calloc(n_tensors + 1, sizeof(*st->tensor));
	st->metadata = calloc(n_pairs + 1, sizeof(*st->metadata));
	const bool ok = st->text && st->tensor && st->metadata
				? parse_all(st, e)
				: err_set(e, ERR_RUN, "out of memory for %zu tensors", n_tensors);
	if (!ok)
		st_release(st);
	return ok;
}

bool st_read_header(
	struct st_file *st, const struct dir *d, const char *name, char **bytes, struct err *e)
{
	unsigned char first[LENGTH_BYTES];
	char path[FILE_PATH_SIZE];
	uint64_t len;
	size_t header_len = 0;
	int fd;
	struct err why;
	if (!file_open(d, name, &fd, &len, e))
		return false;
	name = dir_path(d, name, path);
	bool ok = len < sizeof(first) || file_read_exactly(fd, name, first, sizeof(first), e);
	if (ok && (!check_length(len, &why) || !st_header_len(first, len, &header_len, &why)))
		ok = err_set(e, why.kind, "'%.200s': %s", name, why.msg);
	char *header = ok ? malloc(header_len) : NULL;
	if (ok && !header)
		ok = err_set(e, ERR_RUN, "out of memory for a header of %zu bytes", header_len);
	if (ok) {
		memcpy(header, first, sizeof(first));
		ok = file_read_exactly(
			fd, name, header + sizeof(first), header_len - sizeof(first), e);
	}
	close(fd);
	if (ok && !st_parse_header(st, header, header_len, (size_t)(len - header_len), &why))
		ok = err_set(e, why.kind, "'%.200s': %s", name, why.msg);
	if (ok)
		*bytes = header;
	else
		free(header);
	return ok;
}

void st_release(struct st_file *st)
{
	free(st->text);
	free(st->tensor);
	free(st->metadata);
	*st = (struct st_file){ 0 };
}

bool st_parse(struct st_file *st, const void *bytes, size_t len, struct err *e)
{
	size_t header_len = 0;
	*st = (struct st_file){ 0 };
	if (!check_length(len, e) || !st_header_len(bytes, len, &header_len, e) ||
		!st_parse_header(st, bytes, header_len, len - header_len, e))
		return false;
	st->data = (const unsigned char *)bytes + header_len;
	for (int i = 0; i < st->n_tensors; i++)
		st->tensor[i].data = st->data + st->tensor[i].offset;
	if (!st->checksum)
		return true;
	struct st_hash h;
	st_hash_begin_file(&h, st);
	st_hash_add(&h, st->data, st->data_len);
	if (st_hash_check(&h, st, e))
		return true;
	st_release(st);
	return false;
}

void st_values(const struct st_tensor *tensor, float *values)
{
	st_decode(ST_F32, tensor->data, tensor->n_values, values);
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
	const uint64_t bits = get_le(tensor->data + i * n_bytes, (int)n_bytes);
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
