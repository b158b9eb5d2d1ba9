/* The configuration of a run, and the one table that describes it.
 *
 * The table drives defaults, parsing, range checks, overrides, printing, the
 * explanations, the man page and the reference in configs/README.md.
 *
 *     struct config c;
 *     struct report r;
 *     report_init(&r);
 *     config_init(&c);                                     // defaults
 *     config_parse(&c, "cartpole.ini", data, len, &r);     // a file
 *     config_override(&c, n, args, &r);                    // key=value arguments
 *     config_check(&c, memory_bytes, &r);                  // keys against each other
 *     if (r.n_errors) ... r.text.p has one line each
 *
 * struct config is plain data. Nothing here prints, reads files or allocates.
 */
#ifndef DQN_RUN_CONFIG_H
#define DQN_RUN_CONFIG_H

#include "base/ini.h"
#include "base/text.h"
#include "env/env.h"
#include "nn/net.h"
#include "rl/agent.h"
#include "rl/schedule.h"

#define CONFIG_MAX_OPTIONS 64

/* Values that stand for several, as study/space.h reads them: "1 | 3", "1..20",
 * "log(1e-4, 1e-2)". An override of the key takes its place. */
struct choices {
	int n;
	struct choice {
		const struct option *option;
		char source[300];            /* "file:12: " or "'key=value': " */
		char text[INI_LINE_MAX + 1]; /* the value as it was written */
	} at[CONFIG_MAX_OPTIONS];
};

/* What is wrong, one line each: "file:line: what"; of many errors the first few. */
enum { REPORT_MAX_ERRORS = 10, REPORT_LINE_SIZE = 700 };
struct report {
	char buf[(REPORT_MAX_ERRORS + 4) * REPORT_LINE_SIZE];
	struct text text;
	int n_errors, n_warnings; /* warnings start with "warning: " */
	struct choices *choices;  /* the caller's, empty at first; NULL: each is an error */
};

void report_init(struct report *r);

/* source: where it stands, as in struct choice, or "" */
void report_error(struct report *r, const char *source, const char *fmt, ...) ERR_PRINTF(3, 4);

struct widths {
	int n; /* 0..NET_MAX_HIDDEN */
	int width[NET_MAX_HIDDEN];
};

enum obs_scale_kind { OBS_SCALE_NONE, OBS_SCALE_BOUNDS, OBS_SCALE_LIST };

struct obs_scale {
	int kind; /* enum obs_scale_kind */
	int n;    /* of a list, 1..ENV_MAX_OBS */
	double value[ENV_MAX_OBS];
};

struct config {
	uint64_t seed;
	int64_t total_timesteps;
	int env; /* index into env_ids */
	int64_t max_episode_steps;
	double reward_scale;
	struct obs_scale obs_scale;
	struct widths net_arch;
	int activation, weight_init;
	double initial_q;
	bool dueling;
	double gamma;
	int64_t batch_size, learning_starts, train_freq, gradient_steps;
	int64_t target_update_interval;
	double tau;
	bool double_q;
	int64_t n_steps;
	bool clip_targets;
	int loss;
	double ema_decay;
	double exploration_initial_eps, exploration_final_eps, exploration_fraction;
	int exploration_schedule;
	int64_t buffer_size;
	bool prioritized;
	double per_alpha, per_beta0, per_eps;
	double learning_rate;
	int learning_rate_schedule;
	double adam_beta1, adam_beta2, adam_eps, max_grad_norm;
	int64_t eval_freq, eval_episodes, eval_max_episode_steps, final_eval_episodes;
	double stop_return; /* +infinity: none */
	int64_t stop_episodes;
	int64_t log_interval;
	double checkpoint_interval; /* s; 0: only when stopping */
};

enum option_type {
	OPTION_SEED,   /* uint64_t */
	OPTION_INT,    /* int64_t */
	OPTION_REAL,   /* double */
	OPTION_BOOL,   /* bool */
	OPTION_NAME,   /* int, index into names */
	OPTION_WIDTHS, /* struct widths */
	OPTION_SCALE,  /* struct obs_scale */
};

struct option {
	const char *section, *key;
	enum option_type type;
	size_t offset;            /* of the field in struct config */
	const char *def;          /* default, as in a file */
	int64_t min, max;         /* OPTION_INT */
	const char *range;        /* OPTION_REAL: "[0, 1]", "(0, inf)"; inf also means "none" */
	const char *const *names; /* OPTION_NAME */
	const char *help;         /* whole sentences */
	const char *elsewhere;    /* other frameworks' names, separated by blanks, or "" */
	bool neutral;             /* changes no result: runs that differ in it are the same */
};

/* All options in the order of a printed file; the last has key NULL. */
extern const struct option config_options[];

/* The option of that key, or NULL. */
const struct option *config_find(const char *key);

/* The same; another framework's name for it will do, too. */
const struct option *config_find_elsewhere(const char *key);

/* The key whose own name or name elsewhere is (or nearly is) `word`, or NULL.
 * '-' counts as '_'. */
const char *config_suggest(const char *word);

/* Why other frameworks' key of that name has no counterpart here, or NULL. */
const char *config_why_absent(const char *word);

void config_init(struct config *c);
void config_parse(
	struct config *c, const char *name, const char *data, size_t len, struct report *r);

/* A file that dqn wrote: what is wrong with it first is the error (ERR_CORRUPT). */
bool config_read(struct config *c, const char *name, const char *data, size_t len, struct err *e);

void config_override(struct config *c, int n, char *const *args, struct report *r);

/* Stores one value, or returns false and leaves the field; report_value says why. */
bool config_set_value(struct config *c, const struct option *o, const char *value);
void report_value(struct report *r, const char *source, const struct option *o, const char *value);

/* The error of a key that there is not, with the one that was meant, or why there is none. */
void report_unknown_key(struct report *r, const char *source, const char *key);

/* Checks keys against each other and against the memory of the machine in bytes
 * (0: unknown). A choice that is left is an error. */
void config_check(const struct config *c, uint64_t memory_bytes, struct report *r);

/* The canonical file: every key, in order. Reads back to the same struct. */
void config_print(const struct config *c, struct text *t);

/* The same without the neutral keys: what the results of a run follow from. */
void config_print_deciding(const struct config *c, struct text *t);

/* One value as it is printed. */
void config_print_value(const struct config *c, const struct option *o, struct text *t);

/* How two configurations stand in one key: below 0, 0 if equal, above 0. */
int config_compare(const struct config *a, const struct config *b, const struct option *o);

/* What an option takes: "whole number, 1 to 65536", "one of huber, mse" ... */
void option_print_range(const struct option *o, struct text *t);

/* "key: a, not b" for every key that differs and is not neutral, separated by "; ";
 * the number of them. */
int config_diff(const struct config *a, const struct config *b, struct text *t);

/* True if `theirs`, what config_print_deciding printed into the file of that name, is the
 * same configuration. An error of that kind names the file and what differs; ERR_CORRUPT
 * says that it has none (NULL), or not one that can be read. */
bool config_check_same(const struct config *c, enum err_kind kind, const char *name,
	const char *theirs, struct err *e);

/* What the configuration means for the other modules. */
const struct env_ops *config_env(const struct config *c);
bool config_net(const struct config *c, struct net *net, struct err *e);
void config_obs_scale(const struct config *c, float obs_scale[ENV_MAX_OBS]);
struct agent_opts config_agent_opts(const struct config *c);

/* Steps after which an episode of an evaluation is truncated, > 0. */
int64_t config_eval_limit(const struct config *c);

/* The mean return of evaluations that solves the environment; NaN if there is none for
 * this configuration: a threshold is one for the environment's own time limit only. */
double config_threshold(const struct config *c);

/* What a Q value that is right can be at least and at most: discounted sums of rewards
 * times reward_scale, of any length, 0 included. Targets bootstrap where a time limit
 * truncates, so only without a discount the steps of an episode are the limit. */
void config_q_range(const struct config *c, double *low, double *high);

/* Slots that the replay buffer really gets: no more than there are steps. */
int64_t config_replay_slots(const struct config *c);

/* Bytes that a run allocates for networks, minibatch, replay buffer and files. */
uint64_t config_memory(const struct config *c);

#endif
