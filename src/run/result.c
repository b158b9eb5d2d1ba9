#include "run/result.h"

#include "base/json.h"
#include "run/weights.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESULT_FORMAT_VERSION 1
enum { WEIGHTS_LIMIT = 1 << 30, CONFIG_SIZE = 8192 };

static void add_real(struct text *t, const char *key, double x)
{
	text_add(t, ",\"%s\":", key);
	text_add_json_real(t, x);
}

void result_print(const struct result *res, struct text *t)
{
	text_add(t, "{\"format_version\":%d,\"env_id\":", RESULT_FORMAT_VERSION);
	text_add_json_string(t, res->env_id);
	text_add(t, ",\"seed\":%" PRIu64 ",\"timesteps\":%" PRId64 ",\"total_timesteps\":%" PRId64,
		res->seed, res->timesteps, res->total_timesteps);
	text_add(t, ",\"stopped\":%s,\"episodes\":%" PRId64 ",\"n_updates\":%" PRIu64,
		res->stopped ? "true" : "false", res->episodes, res->n_updates);
	text_add(t, ",\"final_episodes\":%" PRId64, res->final.n_episodes);
	add_real(t, "final_return_mean", res->final.return_mean);
	add_real(t, "final_return_std", res->final.return_std);
	add_real(t, "final_return_min", res->final.return_min);
	add_real(t, "final_return_max", res->final.return_max);
	add_real(t, "final_length_mean", res->final.length_mean);
	text_add(t, ",\"best_timesteps\":%" PRId64, res->best_timesteps);
	add_real(t, "best_return_mean", res->best_return_mean);
	text_add(t, ",\"final_sha256\":\"%s\",\"best_sha256\":\"%s\"}", res->final_sha256,
		res->best_sha256);
}

bool result_save(const struct result *res, const struct config *c, const double *returns,
	const struct dir *d, char *buf, size_t size, struct err *e)
{
	static char config[CONFIG_SIZE]; /* not on a small stack */
	const size_t longest = 64;       /* a return and what follows it */
	struct file_writer file;
	struct text t;
	text_init(&t, config, sizeof(config));
	config_print_deciding(c, &t);
	assert(!t.full);
	text_init(&t, buf, size);
	result_print(res, &t);
	t.len--; /* the brace */
	text_add(&t, ",\"config\":");
	text_add_json_string(&t, config);
	text_add(&t, ",\"final_returns\":[");
	assert(!t.full);
	bool ok = file_begin(&file, d, "result.json", e);
	for (int64_t i = 0; ok && i < res->final.n_episodes; i++) {
		text_add(&t, "%s", i ? "," : "");
		text_add_json_real(&t, returns[i]);
		if (size - t.len < longest) {
			ok = file_add(&file, t.p, t.len, e);
			t.len = 0;
		}
	}
	text_add(&t, "]}\n");
	ok = ok && file_add(&file, t.p, t.len, e);
	return file_end(&file, ok, NULL, e);
}

static bool differs(const struct dir *d, const char *what, double is, double again, struct err *e)
{
	char a[TEXT_REAL_SIZE], b[TEXT_REAL_SIZE];
	return err_set(e, ERR_CORRUPT, "'%.300s/result.json' has %s = %s, but its weights have %s",
		d->path, what, text_real(is, a), text_real(again, b));
}

static bool compare_returns(
	struct json *j, const struct dir *d, const struct episode *ep, int64_t n, struct err *e)
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
	       err_set(e, ERR_CORRUPT, "'%.300s/result.json' has only %" PRId64 " returns", d->path,
		       i);
}

bool result_compare(const struct result *res, const struct dir *d, const struct eval_stats *stats,
	const struct episode *episodes, struct err *e)
{
	const struct {
		const char *what;
		double is, again;
	} figures[] = {
		{ "final_episodes", (double)res->final.n_episodes, (double)stats->n_episodes },
		{ "final_return_mean", res->final.return_mean, stats->return_mean },
		{ "final_return_std", res->final.return_std, stats->return_std },
		{ "final_return_min", res->final.return_min, stats->return_min },
		{ "final_return_max", res->final.return_max, stats->return_max },
		{ "final_length_mean", res->final.length_mean, stats->length_mean },
	};
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		if (figures[i].is != figures[i].again)
			return differs(d, figures[i].what, figures[i].is, figures[i].again, e);
	char *data, key[64];
	size_t len;
	struct json j;
	bool ok = true;
	if (!file_load(d, "result.json", RUN_RESULT_MAX, &data, &len, e))
		return false;
	json_init(&j, data, len);
	for (json_open(&j, '{'); ok && json_next_key(&j, key, sizeof(key));)
		if (strcmp(key, "final_returns") != 0)
			json_skip(&j);
		else
			ok = compare_returns(&j, d, episodes, stats->n_episodes, e);
	if (ok && j.error)
		ok = err_set(e, ERR_CORRUPT, "'%.300s/result.json': %s at byte %zu", d->path,
			j.error, (size_t)(j.p - data));
	free(data);
	return ok;
}

static bool parse_i64(struct json *j, int64_t *value)
{
	uint64_t v = 0;
	if (!json_u64(j, &v))
		return false;
	if (v > (uint64_t)INT64_MAX && !j->error)
		j->error = "count out of range";
	*value = (int64_t)(v & INT64_MAX);
	return !j->error;
}

bool result_parse(struct result *res, const char *name, const char *data, size_t len, struct err *e)
{
	*res = (struct result){ 0 };
	const struct {
		const char *key;
		void *field;
		enum { U64, I64, REAL, STRING, BOOL } type;
		size_t size;
	} fields[] = {
		{ "env_id", res->env_id, STRING, sizeof(res->env_id) },
		{ "seed", &res->seed, U64, 0 },
		{ "timesteps", &res->timesteps, I64, 0 },
		{ "total_timesteps", &res->total_timesteps, I64, 0 },
		{ "stopped", &res->stopped, BOOL, 0 },
		{ "episodes", &res->episodes, I64, 0 },
		{ "n_updates", &res->n_updates, U64, 0 },
		{ "final_episodes", &res->final.n_episodes, I64, 0 },
		{ "final_return_mean", &res->final.return_mean, REAL, 0 },
		{ "final_return_std", &res->final.return_std, REAL, 0 },
		{ "final_return_min", &res->final.return_min, REAL, 0 },
		{ "final_return_max", &res->final.return_max, REAL, 0 },
		{ "final_length_mean", &res->final.length_mean, REAL, 0 },
		{ "best_timesteps", &res->best_timesteps, I64, 0 },
		{ "best_return_mean", &res->best_return_mean, REAL, 0 },
		{ "final_sha256", res->final_sha256, STRING, SHA256_HEX_SIZE },
		{ "best_sha256", res->best_sha256, STRING, SHA256_HEX_SIZE },
	};
	enum { N = sizeof(fields) / sizeof(fields[0]) };
	unsigned seen = 0;
	uint64_t version = 0;
	char key[64];
	struct json j;
	json_init(&j, data, len);
	for (json_open(&j, '{'); json_next_key(&j, key, sizeof(key));) {
		size_t i = 0;
		while (i < N && strcmp(fields[i].key, key) != 0)
			i++;
		if (strcmp(key, "format_version") == 0) {
			json_u64(&j, &version);
		} else if (i == N) {
			json_skip(&j);
		} else {
			seen |= 1u << i;
			if (fields[i].type == U64)
				json_u64(&j, fields[i].field);
			else if (fields[i].type == I64)
				parse_i64(&j, fields[i].field);
			else if (fields[i].type == REAL)
				json_real(&j, fields[i].field);
			else if (fields[i].type == STRING)
				json_string(&j, fields[i].field, fields[i].size);
			else
				json_bool(&j, fields[i].field);
		}
	}
	if (!json_end(&j))
		return err_set(e, ERR_CORRUPT, "'%.300s': %s at byte %zu", name, j.error,
			(size_t)(j.p - data));
	if (version != RESULT_FORMAT_VERSION)
		return err_set(e, ERR_CORRUPT, "'%.300s': format_version is not %d", name,
			RESULT_FORMAT_VERSION);
	for (size_t i = 0; i < N; i++)
		if (!(seen >> i & 1))
			return err_set(
				e, ERR_CORRUPT, "'%.300s': '%s' is missing", name, fields[i].key);
	res->has_best = !isnan(res->best_return_mean);
	return true;
}

/* The keys that every result has, then the configuration that later ones have. */
static bool check_result(const struct result *res, const char *path, const char *data, size_t len,
	const struct config *c, struct err *e)
{
	static char config[CONFIG_SIZE]; /* not on a small stack */
	char key[64];
	struct json j;
	if (strcmp(res->env_id, config_env(c)->id) != 0)
		return err_set(e, ERR_CORRUPT, "'%.300s' is of another run (id: %s, not %s)", path,
			res->env_id, config_env(c)->id);
	if (res->seed != c->seed)
		return err_set(e, ERR_CORRUPT,
			"'%.300s' is of another run (seed: %" PRIu64 ", not %" PRIu64 ")", path,
			res->seed, c->seed);
	if (res->total_timesteps != c->total_timesteps)
		return err_set(e, ERR_CORRUPT,
			"'%.300s' is of another run (total_timesteps: %" PRId64 ", not %" PRId64
			")",
			path, res->total_timesteps, c->total_timesteps);
	json_init(&j, data, len);
	for (json_open(&j, '{'); json_next_key(&j, key, sizeof(key));)
		if (strcmp(key, "config") != 0) {
			json_skip(&j);
		} else if (json_string(&j, config, sizeof(config))) {
			return config_check_same(c, ERR_CORRUPT, path, config, e);
		}
	return !j.error || err_set(e, ERR_CORRUPT, "'%.300s': config: %s", path, j.error);
}

/* That the file is the one the result speaks of. */
static bool check_hash(
	const struct dir *d, const char *name, const char want[SHA256_HEX_SIZE], struct err *e)
{
	static char bytes[8192]; /* not on a small stack */
	char path[FILE_PATH_SIZE], got[SHA256_HEX_SIZE];
	struct sha256 hash;
	uint64_t left;
	int fd;
	if (!file_open(d, name, &fd, &left, e))
		return false;
	sha256_init(&hash);
	bool ok = true, same = left <= WEIGHTS_LIMIT; /* or it is a hole of a terabyte */
	while (ok && same && left > 0) {
		const size_t n = left < sizeof(bytes) ? (size_t)left : sizeof(bytes);
		ok = file_read_exactly(fd, dir_path(d, name, path), bytes, n, e);
		if (ok)
			sha256_add(&hash, bytes, n);
		left -= n;
	}
	close(fd);
	sha256_hex(&hash, got);
	same = same && strcmp(want, got) == 0;
	return !ok || same ? ok
			   : err_set(e, ERR_CORRUPT,
				     "'%.300s' does not match the hash in '%.300s/result.json'",
				     dir_path(d, name, path), d->path);
}

bool result_load(
	struct result *res, const struct dir *d, const struct config *c, bool whole, struct err *e)
{
	char path[FILE_PATH_SIZE];
	char *data;
	size_t len;
	if (!file_load(d, "result.json", RUN_RESULT_MAX, &data, &len, e))
		return false;
	dir_path(d, "result.json", path);
	bool ok = result_parse(res, path, data, len, e) && check_result(res, path, data, len, c, e);
	free(data);
	const struct {
		const char *name, *hash;
	} files[] = { { "final.safetensors", res->final_sha256 },
		{ "best.safetensors", res->best_sha256 } };
	for (size_t i = 0; ok && i < sizeof(files) / sizeof(files[0]); i++) {
		const bool is_there = file_exists(d, files[i].name);
		if (whole && !is_there)
			return err_set(e, ERR_CORRUPT, "'%.500s' is marked as done but has no '%s'",
				d->path, files[i].name);
		ok = !is_there || weights_check(d, files[i].name, c, e);
		ok = ok && (!whole || check_hash(d, files[i].name, files[i].hash, e));
	}
	return ok;
}
