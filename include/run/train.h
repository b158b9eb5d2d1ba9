/* The training loop of one run, in memory: no files, no clock, no output.
 *
 *     train_init(&t, &config, kernels, &e);
 *     while (!(t.events & TRAIN_FINISHED) && train_step(&t, &e))
 *             ... write rows where t.events says so
 *     train_final_eval(&t, &stats);
 *     train_release(&t);
 *
 * One call of train_step is one environment step, in this order, with
 * timesteps counting from 1:
 *
 *   1 act     uniformly at random while preloaded + timesteps <= learning_starts, else
 *             epsilon-greedy, epsilon = schedule(timesteps - 1); a random action lasts
 *             policy_duration(exploration_repeat) steps, as far as the episode and masks allow
 *   2 step    the environment; reward * reward_scale
 *   3 store   the transition, with the true next observation
 *   4 learn   if preloaded + timesteps > learning_starts and timesteps % train_freq == 0:
 *             gradient_steps updates (-1: train_freq of them)
 *   5 sync    if timesteps % target_update_interval == 0
 *   6 eval    if timesteps % eval_freq == 0, and stop if stop_return is confirmed
 *   7 log     if timesteps % log_interval == 0, and after the last step
 *
 * A step can be interrupted between two updates, between the episodes of an evaluation, of which POLICY_ROWS are
 * played side by side, and, as if it had not begun, while the reply of a child process does not come.
 * run/checkpoint.h lists what a run resumes from.
 *
 * Streams of the run's seed: env_rng is the seed's own, the others are spawned with the keys
 * below. The environments draw one 64-bit seed per episode from theirs: env_rng in training,
 * STREAM_EVAL, STREAM_STOP and STREAM_FINAL_EVAL in evaluations. An episode is a function of
 * that seed and the actions.
 */
#ifndef DQN_RUN_TRAIN_H
#define DQN_RUN_TRAIN_H

#include "run/config.h"
#include "rl/evaluate.h"

enum train_stream { /* spawn keys; part of what a seed means: never renumber */
	STREAM_EXPLORATION,
	STREAM_REPLAY,
	STREAM_INIT,
	STREAM_EVAL,
	STREAM_STOP,
	STREAM_FINAL_EVAL,
	N_STREAMS,
	STREAM_OUTSIDE = 1000, /* of `dqn eval`: no run draws from them */
	STREAM_OUTSIDE_EXPLORATION
};

enum train_event { /* what the last step brought, bits */
	TRAIN_LOGGED = 1,
	TRAIN_EVALUATED = 2,
	TRAIN_FINISHED = 4,
	TRAIN_WARNED = 8,
	TRAIN_INTERRUPTED = 16, /* the step is not over; another call continues it */
	TRAIN_EPISODE = 32,
};

enum train_phase { /* what of a step comes next */
	PHASE_COLLECT,
	PHASE_LEARN,
	PHASE_REPORT, /* evaluate and log */
	N_PHASES
};

enum train_warning { /* what seems to be wrong with a run */
	WARNING_NONE,
	WARNING_DIVERGING, /* Q far beyond what a return can be */
	WARNING_COLLAPSED, /* the training return lost half of what it had gained */
	N_WARNINGS
};

#define STATS_WINDOW 100 /* episodes in ep_rew_mean, as in SB3 */

struct episode_row { /* of an episode that has ended */
	double episode_return;
	int64_t length, timesteps; /* timesteps: of the run, at its end */
	bool terminated;           /* else truncated */
};

struct log_row { /* NaN where there is nothing to say */
	int64_t timesteps, episodes;
	uint64_t n_updates;
	double ep_rew_mean, ep_len_mean; /* over the last STATS_WINDOW episodes */
	double exploration_rate, learning_rate;
	double loss, q_mean, grad_norm; /* means over the updates since the last row */
	double q_bound, q_bound_low;    /* config_q_range, high and low */
	struct diagnostics diagnostics; /* of the last update */
};

struct eval_row {
	int64_t timesteps;
	uint64_t n_updates;
	struct eval_stats stats;
	bool is_best; /* the best so far, or as good */
};

/* To replay the episode under way in a child process, whose state cannot be saved. */
struct episode_log {
	uint64_t seed;
	int64_t n, n_most; /* steps; n_most 0: not kept */
	int32_t *action;   /* (n_most) */
	int32_t *sum;      /* (n_most + 1) checksums of what came: of the reset, of each step */
};

struct update {      /* the last one */
	double beta; /* the exponent of its importance weights */
	double learning_rate;
	int n_steps; /* of its returns */
	struct learn_stats stats;
};

struct train {
	struct config config;
	struct agent agent;
	struct replay replay;
	struct batch batch;
	struct env env;           /* trains */
	struct vec_env eval_envs; /* evaluate */
	struct rng env_rng, stream[N_STREAMS];
	bool in_episode;           /* else the next step begins one; obs is of the episode under way */
	float *obs, *next_obs;     /* (obs_dim) the current observation, and scratch, scaled */
	uint8_t *mask, *next_mask; /* (n_actions) what is allowed there; NULL without masks */
	float *obs_scale;          /* (obs_dim) */
	float *mirror_obs;         /* (obs_dim) signs; NULL: nothing is mirrored */
	struct episode_log episode_log;
	void *memory; /* of the last few */

	int64_t preloaded;   /* transitions in the buffer before the first step, the caller's */
	int phase;           /* enum train_phase; PHASE_COLLECT unless interrupted */
	int64_t updates_due; /* in PHASE_LEARN */
	int64_t timesteps, episodes;
	int64_t n_greedy;      /* steps of this process whose action the network chose, for dqn bench */
	double episode_return; /* of the episode under way */
	int64_t episode_length;
	int32_t random_action; /* the last one, in force for: */
	int64_t repeats_left;  /* the next so many steps */
	struct {
		double episode_return[STATS_WINDOW];
		int64_t length[STATS_WINDOW];
	} window;               /* the last episodes, a ring */
	struct learn_stats sum; /* over n_sum updates since the last row */
	int64_t n_sum;
	struct diagnostics diagnostics; /* of the last update, by train_diagnose */
	bool diagnosed;                 /* they are valid */

	double first_q;               /* largest |Q| in the first update, before it */
	double first_mean, best_mean; /* ep_rew_mean in the first row and at its best */
	double best_std;              /* between the episodes of the best row */
	bool has_mean;
	int warning; /* enum train_warning: the first one; later ones are not looked for */

	float *best; /* (n_params) the weights that evaluated best */
	bool has_best;
	struct eval_row best_row;
	bool stopped; /* by stop_return */

	/* Evaluations under way, zeros otherwise; kept once the final one is over. */
	struct evaluation eval_state, stop_state, final_state;
	double *final_returns; /* (final_eval_episodes), of the final one's episodes so far */

	/* The caller's: train_step and train_final_eval return after every POLICY_ROWS
	 * episodes of an evaluation, as if they had been interrupted. */
	bool yields;
	/* The caller's, or NULL: once it is not 0, train_step and train_final_eval
	 * return as soon as they can. */
	const volatile sig_atomic_t *stop;
	/* The caller's, or NULL: listens to evaluations, see rl/evaluate.h. */
	void (*tell)(void *arg, int64_t n_over, int64_t n_episodes);
	void *tell_arg;

	/* The caller's, or NULL: sees each update twice. First its minibatch, drawn, with
	 * update.beta, update.learning_rate and update.n_steps, before anything is computed from it; then, when
	 * `learned`, all of it. It changes nothing but agent.work. */
	void (*look)(void *arg, const struct train *t, bool learned);
	void *look_arg;
	struct update update;

	int events;
	struct episode_row episode; /* valid after TRAIN_EPISODE */
	struct log_row log;         /* valid after TRAIN_LOGGED */
	struct eval_row eval;       /* valid after TRAIN_EVALUATED */
};

/* Everything a run needs is allocated here. The configuration has been checked.
 * ERR_RUN if there is not enough memory. */
bool train_init(struct train *t, const struct config *c, const struct kernels *k, struct err *e);
void train_release(struct train *t);

/* Before the first step: the online and the target network start from these weights, and so does
 * their average. */
void train_set_weights(struct train *t, const float *params);

/* With id = process: the child processes, one for training, one for evaluations.
 * They are the caller's; to be set before the first step. */
void train_set_processes(struct train *t, struct process *train, struct process *eval);

/* After a checkpoint was loaded: brings a child process to where the episode under way was.
 * Replays its actions and compares what comes with what came (ERR_ENV if it differs); with
 * env_deterministic = false it gives the episode up, and the next step begins another. Once
 * *stop is not 0 it returns early: then the run may be saved, but not stepped. */
bool train_resume(struct train *t, struct err *e);

/* One environment step, or what is left of an interrupted one. ERR_DIVERGED if a
 * loss, gradient, weight or Q value is not finite, or an error of the environment. */
bool train_step(struct train *t, struct err *e);

/* Draws the minibatch of t->update into t->batch, with its n_steps and beta; train_step does it
 * itself. The buffer holds at least one transition. */
void train_sample(struct train *t);

/* True after the last step. */
bool train_is_finished(const struct train *t);

/* ERR_DIVERGED if a weight or a moment of Adam is not finite: such a state is not
 * worth saving. */
bool train_check(const struct train *t, struct err *e);

/* t->diagnostics of the last update, if there was one. */
void train_diagnose(struct train *t);

/* Bytes that train_init allocates beside networks, minibatch and replay buffer; UINT64_MAX
 * if the count overflows. */
uint64_t train_bytes(const struct config *c);

/* After the last step: the weights (agent.average) on final_eval_episodes fresh episodes,
 * used for nothing else. Another call after it is over gives the same. False with ERR_NONE if
 * *t->stop or t->yields interrupted it, so that another call continues it; with ERR_DIVERGED
 * or an error of the environment. */
bool train_final_eval(struct train *t, struct eval_stats *stats, struct err *e);

#endif
