#include "base/json.h"
#include "run/run.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define RESULT_FORMAT_VERSION 1

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
