/* The configuration of a run: read, checked, printed, compared. Its keys are the table of
 * run/option.h.
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
 * With id = process the environment is a child process. Its declaration is a key, too:
 *
 *     config_set_value(&c, config_find("declaration"), line);  // the child's first line
 *     report_init(&r);
 *     config_check_env(&c, memory_bytes, &r);
 *
 * struct config is plain data. Nothing here prints, reads files or allocates.
 */
#ifndef DQN_RUN_CONFIG_H
#define DQN_RUN_CONFIG_H

#include "base/ini.h"
#include "env/declare.h"
#include "rl/agent.h"
#include "rl/schedule.h"
#include "run/report.h"

/* Room for a configuration as text: config_print. In JSON it takes at most twice as much. */
#define CONFIG_TEXT_MAX 20480

#define CONFIG_COMMAND_SIZE 1024
#define CONFIG_FILE_SIZE 1024

struct config {
	uint64_t seed;
	int64_t total_timesteps;
	int env; /* index into env_ids */
	char command[CONFIG_COMMAND_SIZE];
	double env_start_timeout, env_timeout; /* s */
	bool env_deterministic;
	char declaration[ENV_LINE_MAX + 1]; /* what the child process declared, or "": not yet */
	struct env_ops process;             /* what that says; obs_dim 0: nothing yet */
	int64_t max_episode_steps;
	double reward_scale;
	struct factors obs_scale;
	struct widths net_arch;
	int activation, weight_init;
	double initial_q;
	char init_weights[CONFIG_FILE_SIZE]; /* run/inputs.h */
	bool dueling;
	double gamma;
	int64_t batch_size, learning_starts, train_freq, gradient_steps;
	int64_t target_update_interval;
	double tau;
	bool double_q;
	int64_t n_steps, n_steps_final;
	bool clip_targets;
	int loss;
	double ema_decay;
	double exploration_initial_eps, exploration_final_eps, exploration_fraction;
	int exploration_schedule;
	int64_t exploration_repeat;
	int64_t buffer_size;
	struct factors mirror_obs;
	bool prioritized;
	double per_alpha, per_beta0, per_eps;
	char preload[CONFIG_FILE_SIZE]; /* run/inputs.h, run/transitions.h */
	double learning_rate;
	int learning_rate_schedule;
	double adam_beta1, adam_beta2, adam_eps, max_grad_norm;
	int64_t eval_freq, eval_episodes, eval_max_episode_steps, final_eval_episodes;
	double stop_return; /* +infinity: none */
	int64_t stop_episodes;
	int64_t log_interval;
	double checkpoint_interval; /* s; 0: only when stopping */
};

void config_init(struct config *c);

/* Not reentrant, nor is what calls it: config_read, config_check_same, result_load,
 * weights_parse, checkpoint_load, rundir_open. */
void config_parse(struct config *c, const char *name, const char *data, size_t len, struct report *r);

/* Reads a file that dqn wrote: the first thing wrong with it is the error (ERR_CORRUPT). */
bool config_read(struct config *c, const char *name, const char *data, size_t len, struct err *e);

void config_override(struct config *c, int n, char *const *args, struct report *r);

/* Checks keys against each other and against the memory of the machine in bytes
 * (0: unknown). A value that stands for several is an error: only dqn sweep takes it. */
void config_check(const struct config *c, uint64_t memory_bytes, struct report *r);

/* The canonical file: every key, in order. Reads back to the same struct. */
void config_print(const struct config *c, struct text *t);

/* The same without the neutral keys: the keys that decide the results of a run. */
void config_print_deciding(const struct config *c, struct text *t);

/* "key: a, not b" for every key that differs and is not neutral, separated by "; ";
 * the number of them. */
int config_diff(const struct config *a, const struct config *b, struct text *t);

/* True if `theirs`, which config_print_deciding printed into the file of that name, is the
 * same configuration. An error of that kind names the file and what differs; ERR_CORRUPT if
 * theirs is NULL or cannot be read. */
bool config_check_same(const struct config *c, enum err_kind kind, const char *name, const char *theirs, struct err *e);

/* The part of config_check that needs the environment. With id = process and no declaration
 * config_check leaves it out; it is for later, once c->declaration is set. */
void config_check_env(const struct config *c, uint64_t memory_bytes, struct report *r);

/* For the other modules. The environment is part of *c where it
 * is a child process, id = process; before it has declared itself its obs_dim is 0. */
const struct env_ops *config_env(const struct config *c);
bool config_is_process(const struct config *c);

/* Orders configurations by their environments: 0 if they have the same one. */
int config_compare_env(const struct config *a, const struct config *b);

bool config_net(const struct config *c, struct net *net, struct err *e);
void config_obs_scale(const struct config *c, float *obs_scale);   /* (obs_dim) */
bool config_mirror_obs(const struct config *c, float *mirror_obs); /* (obs_dim) 1 or -1; false: none */
struct agent_opts config_agent_opts(const struct config *c);

/* Steps after which an episode of the training, of an evaluation, is truncated, > 0;
 * INT64_MAX: none. */
int64_t config_train_limit(const struct config *c);
int64_t config_eval_limit(const struct config *c);

/* The least and the largest return of an episode of an evaluation; infinite: no limit. */
void config_return_range(const struct config *c, double *low, double *high);

/* The mean return of evaluations that solves the environment; NaN where evaluations have
 * another time limit than the environment's own. */
double config_threshold(const struct config *c);

/* The range of a correct Q value: discounted sums of rewards times reward_scale, of any
 * length, 0 included. Targets bootstrap through a time limit, so the length of an episode
 * bounds them only without a discount. */
void config_q_range(const struct config *c, double *low, double *high);

/* Updates each time that the network learns, every train_freq steps: gradient_steps, or for -1 as many as steps. */
int64_t config_updates_per_round(const struct config *c);

/* n of the n-step returns of an update after so many steps; the largest one of a run; the
 * step where half of the run is over and n_steps_final begins. */
int config_n_steps(const struct config *c, int64_t step);
int64_t config_most_n_steps(const struct config *c);
int64_t config_half(const struct config *c);

/* Slots of the replay buffer: no more than there are steps, unless a file comes before them. */
int64_t config_replay_slots(const struct config *c);

/* Bytes that a run allocates for networks, minibatch, replay buffer and files. */
uint64_t config_memory(const struct config *c);

#endif
