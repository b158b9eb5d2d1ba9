#include "run/result.h"

#include "base/json.h"
#include "run/inputs.h"
#include "run/rundir.h"
#include "run/weights.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESULT_FORMAT_VERSION 1
enum { WEIGHTS_LIMIT = 1 << 30 };

/* The keys of every result.json after format_version, in its order. */
static const struct field {
	const char *key;
	enum { U64, I64, REAL, STRING, BOOL } type;
	size_t offset, size; /* in struct result */
} fields[] = {
#define FIELD(key, type, member)                                                                 \
	{                                                                                        \
		key, type, offsetof(struct result, member), sizeof(((struct result *)0)->member) \
	}
	FIELD("env_id", STRING, env_id),
	FIELD("seed", U64, seed),
	FIELD("timesteps", I64, timesteps),
	FIELD("total_timesteps", I64, total_timesteps),
	FIELD("stopped", BOOL, stopped),
	FIELD("episodes", I64, episodes),
	FIELD("n_updates", U64, n_updates),
	FIELD("final_episodes", I64, final.n_episodes),
	FIELD("final_return_mean", REAL, final.return_mean),
	FIELD("final_return_std", REAL, final.return_std),
	FIELD("final_return_min", REAL, final.return_min),
	FIELD("final_return_max", REAL, final.return_max),
	FIELD("final_length_mean", REAL, final.length_mean),
	FIELD("best_timesteps", I64, best_timesteps),
	FIELD("best_return_mean", REAL, best_return_mean),
	FIELD("final_sha256", STRING, final_sha256),
	FIELD("best_sha256", STRING, best_sha256),
#undef FIELD
};
enum { N_FIELDS = sizeof(fields) / sizeof(fields[0]) };

static void print_field(const struct field *f, const void *value, struct text *t)
{
	text_add(t, ",\"%s\":", f->key);
	if (f->type == STRING)
		text_add_json_string(t, value);
	else if (f->type == REAL)
		text_add_json_real(t, *(const double *)value);
	else if (f->type == BOOL)
		text_add(t, *(const bool *)value ? "true" : "false");
	else /* no count is negative */
		text_add(t, "%" PRIu64, *(const uint64_t *)value);
}

static void parse_field(const struct field *f, void *value, struct json *j)
{
	if (f->type == STRING)
		json_string(j, value, f->size);
	else if (f->type == REAL)
		json_real(j, value);
	else if (f->type == BOOL)
		json_bool(j, value);
	else if (json_u64(j, value) && f->type == I64 && *(int64_t *)value < 0)
		j->error = "count out of range";
}

void result_print(const struct result *res, struct text *t)
{
	text_add(t, "{\"format_version\":%d", RESULT_FORMAT_VERSION);
	for (const struct field *f = fields; f < fields + N_FIELDS; f++)
		print_field(f, (const char *)res + f->offset, t);
	text_add(t, "}");
}

bool result_write(struct file_writer *file, const struct result *res, const struct config *c, const double *returns,
	char *buf, size_t size, struct err *e)
{
	const size_t longest = 64; /* a return and what follows it */
	char *config = buf + size - CONFIG_TEXT_MAX;
	struct text t = text_into(config, CONFIG_TEXT_MAX);
	config_print_deciding(c, &t);
	assert(!t.full);
	t = text_into(buf, size - CONFIG_TEXT_MAX);
	result_print(res, &t);
	t.len--; /* the brace */
	text_add(&t, ",\"config\":");
	text_add_json_string(&t, config);
	text_add(&t, ",\"final_returns\":[");
	assert(!t.full);
	bool ok = true;
	for (int64_t i = 0; ok && i < res->final.n_episodes; i++) {
		text_add(&t, "%s", i ? "," : "");
		text_add_json_real(&t, returns[i]);
		if (t.size - t.len < longest) {
			ok = file_add(file, t.p, t.len, e);
			t.len = 0;
		}
	}
	text_add(&t, "]}\n");
	return ok && file_add(file, t.p, t.len, e);
}

static bool differs(const struct dir *d, const char *what, double is, double again, struct err *e)
{
	char a[TEXT_REAL_SIZE], b[TEXT_REAL_SIZE];
	return err_set(e, ERR_CORRUPT, "'%.300s/" RUN_RESULT "' has %s = %s, but its weights have %s", d->path, what,
		text_real(is, a), text_real(again, b));
}

static bool compare_returns(struct json *j, const struct dir *d, const struct episode *ep, int64_t n, struct err *e)
{
	int64_t i = 0;
	for (json_open(j, '['); json_next_item(j); i++) {
		char what[64];
		double x = 0;
		snprintf(what, sizeof(what), "a return of episode %" PRId64, i + 1);
		json_real(j, &x);
		if (i == n || x != ep[i].episode_return)
			return differs(d, what, x, i == n ? (double)NAN : ep[i].episode_return, e);
	}
	return j->error || i == n ||
	       err_set(e, ERR_CORRUPT, "'%.300s/" RUN_RESULT "' has only %" PRId64 " returns", d->path, i);
}

/* The value of a field that is a number. */
static double number(const struct result *res, const struct field *f)
{
	const char *p = (const char *)res + f->offset;
	return f->type == REAL ? *(const double *)(const void *)p : (double)*(const int64_t *)(const void *)p;
}

bool result_compare(const struct result *res, const struct dir *d, const struct eval_stats *stats,
	const struct episode *episodes, struct err *e)
{
	struct result again = *res;
	char *data, key[64];
	size_t len;
	struct json j;
	bool ok = true;
	again.final = *stats;
	for (const struct field *f = fields; f < fields + N_FIELDS; f++)
		if ((f->type == I64 || f->type == REAL) && strncmp(f->key, "final_", 6) == 0 &&
			number(res, f) != number(&again, f))
			return differs(d, f->key, number(res, f), number(&again, f), e);
	if (!file_load(d, RUN_RESULT, RUN_RESULT_MAX, &data, &len, e))
		return false;
	json_init(&j, data, len);
	for (json_open(&j, '{'); ok && json_next_key(&j, key, sizeof(key));)
		if (strcmp(key, "final_returns") != 0)
			json_skip(&j);
		else
			ok = compare_returns(&j, d, episodes, stats->n_episodes, e);
	if (ok && j.error)
		ok = err_set(e, ERR_CORRUPT, "'%.300s/" RUN_RESULT "': %s at byte %zu", d->path, j.error,
			(size_t)(j.p - data));
	free(data);
	return ok;
}

bool result_parse(struct result *res, const char *name, const char *data, size_t len, struct err *e)
{
	unsigned seen = 0;
	uint64_t version = 0;
	char key[64];
	struct json j;
	*res = (struct result){ 0 };
	json_init(&j, data, len);
	for (json_open(&j, '{'); json_next_key(&j, key, sizeof(key));) {
		size_t i = 0;
		while (i < N_FIELDS && strcmp(fields[i].key, key) != 0)
			i++;
		if (strcmp(key, "format_version") == 0) {
			json_u64(&j, &version);
		} else if (i == N_FIELDS) {
			json_skip(&j);
		} else {
			seen |= 1u << i;
			parse_field(&fields[i], (char *)res + fields[i].offset, &j);
		}
	}
	if (!json_end(&j))
		return err_set(e, ERR_CORRUPT, "'%.300s': %s at byte %zu", name, j.error, (size_t)(j.p - data));
	if (version != RESULT_FORMAT_VERSION)
		return err_set(e, ERR_CORRUPT, "'%.300s': format_version is not %d", name, RESULT_FORMAT_VERSION);
	for (size_t i = 0; i < N_FIELDS; i++)
		if (!(seen >> i & 1))
			return err_set(e, ERR_CORRUPT, "'%.300s': '%s' is missing", name, fields[i].key);
	res->has_best = !isnan(res->best_return_mean);
	return true;
}

/* The result must be that of the configuration. */
static bool check_result(const char *path, char *data, size_t len, const struct config *c, struct err *e)
{
	char key[64];
	struct json j;
	json_init(&j, data, len);
	for (json_open(&j, '{'); json_next_key(&j, key, sizeof(key));)
		if (strcmp(key, "config") != 0) {
			json_skip(&j);
		} else {
			char *config = data + (j.p - data); /* decoded in place: it gets no longer */
			if (json_string(&j, config, len))
				return config_check_same(c, ERR_CORRUPT, path, config, e);
		}
	return !j.error || err_set(e, ERR_CORRUPT, "'%.300s': config: %s", path, j.error);
}

/* The file must be the one whose hash the result has. */
static bool check_hash(const struct dir *d, const char *name, const char want[SHA256_HEX_SIZE], struct err *e)
{
	char *data, path[FILE_PATH_SIZE], got[SHA256_HEX_SIZE];
	size_t len;
	if (!file_load(d, name, WEIGHTS_LIMIT, &data, &len, e))
		return false;
	sha256_of(data, len, got);
	free(data);
	return strcmp(want, got) == 0 ||
	       err_set(e, ERR_CORRUPT, "'%.300s' does not match the hash in '%.300s/" RUN_RESULT "'",
		       dir_path(d, name, path), d->path);
}

bool result_load(struct result *res, const struct dir *d, const struct config *c, bool whole, struct err *e)
{
	char path[FILE_PATH_SIZE];
	char *data;
	size_t len;
	if (!file_load(d, RUN_RESULT, RUN_RESULT_MAX, &data, &len, e))
		return false;
	dir_path(d, RUN_RESULT, path);
	bool ok = result_parse(res, path, data, len, e) && check_result(path, data, len, c, e);
	free(data);
	const struct {
		const char *name, *hash;
	} files[] = { { RUN_FINAL, res->final_sha256 }, { RUN_BEST, res->best_sha256 } };
	for (size_t i = 0; ok && i < sizeof(files) / sizeof(files[0]); i++) {
		const bool is_there = file_exists(d, files[i].name);
		if (whole && !is_there)
			return err_set(
				e, ERR_CORRUPT, "'%.500s' is marked as done but has no '%s'", d->path, files[i].name);
		ok = !is_there || weights_check(d, files[i].name, c, e);
		ok = ok && (!whole || check_hash(d, files[i].name, files[i].hash, e));
	}
	return ok && (!whole || inputs_check(c, d, e));
}
