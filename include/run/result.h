/* result.json: the figures of a done run. Written last, it marks the run as done.
 *
 *     result_write(&file, &res, &config, returns, buf, size, &e);
 *     result_load(&res, dir, &config, true, &e);      // checked against the weights files
 */
#ifndef DQN_RUN_RESULT_H
#define DQN_RUN_RESULT_H

#include "base/file.h"
#include "base/sha256.h"
#include "rl/evaluate.h"
#include "run/config.h"

#define RUN_RESULT_SIZE 4096     /* of what result_print prints */
#define RUN_RESULT_MAX (1 << 25) /* bytes of a result.json */

struct result {
	char env_id[ENV_ID_SIZE];
	uint64_t seed;
	int64_t timesteps, total_timesteps, episodes;
	uint64_t n_updates;
	bool stopped;            /* by stop_return, before total_timesteps */
	struct eval_stats final; /* of the final weights, on fresh episodes */
	bool has_best;           /* false if the run had no evaluation */
	int64_t best_timesteps;
	double best_return_mean;                                          /* of the evaluation that chose the weights */
	char final_sha256[SHA256_HEX_SIZE], best_sha256[SHA256_HEX_SIZE]; /* of the files */
};

/* Prints the keys that every result.json has, as an object without a newline, and parses
 * them; other keys are skipped. ERR_CORRUPT names `name`. */
void result_print(const struct result *res, struct text *t);
bool result_parse(struct result *res, const char *name, const char *data, size_t len, struct err *e);

/* Writes result.json between file_begin and file_end: those keys, "config" (all keys that decide results) and
 * "final_returns" (res->final.n_episodes), the return of each episode. Works in buf (at
 * least CHECKPOINT_BUFFER_MIN bytes). */
bool result_write(struct file_writer *file, const struct result *res, const struct config *c, const double *returns,
	char *buf, size_t size, struct err *e);

/* Compares recomputed figures with those of result.json and its final_returns. ERR_CORRUPT names the first figure
 * that differs. */
bool result_compare(const struct result *res, const struct dir *d, const struct eval_stats *stats,
	const struct episode *episodes, struct err *e);

/* Reads the result.json of a directory whose configuration is c. It and the existing
 * weights files must have this configuration; with `whole`, both weights files must exist
 * and match their hashes, and so must the copies of the files that c names (run/inputs.h).
 * ERR_CORRUPT names the file and what differs. */
bool result_load(struct result *res, const struct dir *d, const struct config *c, bool whole, struct err *e);

#endif
