#include "run/inputs.h"

#include "base/sha256.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK "@sha256:"
enum { MARK_LEN = sizeof(MARK) - 1, DIGEST_LEN = SHA256_HEX_SIZE - 1 };

const char *inputs_value(const struct config *c, const struct option *key)
{
	return (const char *)c + key->offset;
}

const struct option *inputs_next(const struct config *c, const struct option *key)
{
	const struct option *o = key ? key + 1 : config_options;
	while (o->key && !(o->copy && inputs_value(c, o)[0]))
		o++;
	return o->key ? o : NULL;
}

const char *inputs_digest(const struct config *c, const struct option *key)
{
	const char *value = inputs_value(c, key);
	const size_t n = strlen(value);
	const char *digest = n > MARK_LEN + DIGEST_LEN ? value + n - DIGEST_LEN : NULL;
	return digest && strncmp(digest - MARK_LEN, MARK, MARK_LEN) == 0 &&
			       strspn(digest, "0123456789abcdef") == DIGEST_LEN
		       ? digest
		       : NULL;
}

void inputs_file(const struct config *c, const struct option *key, char file[CONFIG_FILE_SIZE])
{
	const char *value = inputs_value(c, key), *digest = inputs_digest(c, key);
	const size_t n = digest ? (size_t)(digest - MARK_LEN - value) : strlen(value);
	memcpy(file, value, n);
	file[n] = '\0';
}

void inputs_miss(struct inputs *in, const struct option *key, const char *name)
{
	struct input *input = &in->at[in->n++];
	*input = (struct input){ .key = key, .fd = -1 };
	snprintf(input->name, sizeof(input->name), "%s", name);
}

/* A file of that digest; its data or its descriptor is for the caller to set. NULL if the key asks
 * for another. */
static struct input *add(struct inputs *in, const struct option *key, struct config *c, const char *name,
	const char *digest, struct err *e)
{
	const char *wanted = inputs_digest(c, key);
	char value[64 + MARK_LEN + SHA256_HEX_SIZE];
	assert(in->n < MAX_INPUTS);
	if (wanted && strcmp(wanted, digest) != 0) {
		err_set(e, ERR_CORRUPT, "'%.300s' is not the file that %s asks for: its SHA-256 is %s, not %s", name,
			key->key, digest, wanted);
		return NULL;
	}
	snprintf(value, sizeof(value), "%s" MARK "%s", key->copy, digest);
	config_set_value(c, key, value);
	inputs_miss(in, key, name); /* until the caller has set one */
	return &in->at[in->n - 1];
}

bool inputs_take(struct inputs *in, const struct option *key, struct config *c, const char *name, char *data,
	size_t len, struct err *e)
{
	char digest[SHA256_HEX_SIZE];
	sha256_of(data, len, digest);
	struct input *input = add(in, key, c, name, digest, e);
	if (!input) {
		free(data);
		return false;
	}
	input->data = data;
	input->len = len;
	return true;
}

static bool hash_file(int fd, const char *name, uint64_t len, char digest[SHA256_HEX_SIZE], struct err *e)
{
	static char piece[1 << 16]; /* too much for a small stack */
	struct sha256 h;
	sha256_init(&h);
	for (uint64_t at = 0; at < len;) {
		const size_t n = len - at < sizeof(piece) ? (size_t)(len - at) : sizeof(piece);
		if (!file_read_at(fd, name, at, piece, n, e))
			return false;
		sha256_add(&h, piece, n);
		at += n;
	}
	sha256_hex(&h, digest);
	return true;
}

bool inputs_open(struct inputs *in, const struct option *key, struct config *c, const char *name, struct err *e)
{
	char digest[SHA256_HEX_SIZE];
	uint64_t len;
	int fd;
	if (!file_open(NULL, name, &fd, &len, e))
		return false;
	struct input *input = hash_file(fd, name, len, digest, e) ? add(in, key, c, name, digest, e) : NULL;
	if (!input) {
		close(fd);
		return false;
	}
	input->fd = fd;
	return true;
}

const struct input *inputs_find(const struct inputs *in, const char *key)
{
	for (int i = 0; i < in->n; i++)
		if (strcmp(in->at[i].key->key, key) == 0)
			return &in->at[i];
	return NULL;
}

bool inputs_parse(struct inputs *in, const struct config *c, struct report *r, struct err *e)
{
	const struct input *weights = inputs_find(in, "init_weights");
	return !weights || weights_parse_initial(&in->weights, c, weights->name, weights->data, weights->len, r, e);
}

static bool is_copied(const struct input *input, const struct dir *d)
{
	char *data;
	size_t len;
	struct err ignored;
	if (!file_exists(d, input->key->copy) || !file_load(d, input->key->copy, INPUT_LIMIT, &data, &len, &ignored))
		return false;
	const bool same = len == input->len && memcmp(data, input->data, len) == 0;
	free(data);
	return same;
}

bool inputs_write(const struct inputs *in, const struct dir *d, struct err *e)
{
	for (int i = 0; i < in->n; i++) {
		const struct input *input = &in->at[i];
		if (!input->key->no_copy && !is_copied(input, d) &&
			!file_write_atomic(d, input->key->copy, input->data, input->len, e))
			return false;
	}
	return true;
}

bool inputs_check(const struct config *c, const struct dir *d, struct err *e)
{
	for (const struct option *o = inputs_next(c, NULL); o; o = inputs_next(c, o)) {
		char *data, path[FILE_PATH_SIZE], digest[SHA256_HEX_SIZE];
		const char *wanted = inputs_digest(c, o);
		size_t len;
		if (o->no_copy)
			continue;
		if (!file_exists(d, o->copy))
			return err_set(e, ERR_CORRUPT, "'%.500s' has no '%s', which its %s asks for", d->path, o->copy,
				o->key);
		if (!file_load(d, o->copy, INPUT_LIMIT, &data, &len, e))
			return false;
		sha256_of(data, len, digest);
		free(data);
		if (!wanted || strcmp(wanted, digest) != 0)
			return err_set(e, ERR_CORRUPT,
				"'%.500s' is not the file that %s asks for: its SHA-256 is another",
				dir_path(d, o->copy, path), o->key);
	}
	return true;
}

void inputs_release(struct inputs *in)
{
	weights_release(&in->weights);
	for (int i = 0; i < in->n; i++) {
		free(in->at[i].data);
		if (in->at[i].fd >= 0)
			close(in->at[i].fd);
	}
	in->n = 0;
}
