/* A reader for JSON of known structure: safetensors headers and result.json.
 *
 * The caller asks for what must come next. The first mismatch sets `error` and every later
 * call fails, so the caller checks once at the end. Copies only strings; no recursion.
 *
 *     struct json j;
 *     char key[64];
 *     json_init(&j, data, len);
 *     for (json_open(&j, '{'); json_next_key(&j, key, sizeof(key));)
 *             if (strcmp(key, "seed") == 0)
 *                     json_u64(&j, &seed);
 *             else
 *                     json_skip(&j);
 *     if (!json_end(&j)) ... j.error, at byte j.p - data
 */
#ifndef DQN_BASE_JSON_H
#define DQN_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
	const char *p, *end;
	const char *error; /* NULL while all is well */
	bool first;        /* no item of the open container has been read */
};

void json_init(struct json *j, const char *data, size_t len);

/* Enters an object '{' or an array '['. */
bool json_open(struct json *j, char bracket);

/* The next key of the open object, up to size - 1 bytes (longer is an error);
 * false at its end, which is consumed. */
bool json_next_key(struct json *j, char *key, size_t size);

/* True if the open array has another item; at its end consumes the ']'. */
bool json_next_item(struct json *j);

/* A string, unescaped to UTF-8, up to size - 1 bytes; \u0000 is an error. */
bool json_string(struct json *j, char *s, size_t size);

/* A number without sign, fraction and exponent. */
bool json_u64(struct json *j, uint64_t *value);

/* Any number; null reads as NaN. */
bool json_real(struct json *j, double *value);

/* true or false. */
bool json_bool(struct json *j, bool *value);

/* Any value, nested up to 64 deep. */
bool json_skip(struct json *j);

/* True if all went well and nothing but blanks is left. */
bool json_end(struct json *j);

#endif
