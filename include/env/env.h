/* Environments: Gymnasium's, with one interface.
 *
 * A struct env_ops says what an environment is; a struct env is one instance of it under a
 * time limit, with its observations scaled:
 *
 *     struct env env;
 *     env_init(&env, env_find("CartPole-v1"), 0, NULL);
 *     env_reset(&env, seed, obs, mask, &e);                    // as env.reset(seed=seed)
 *     do
 *             env_step(&env, action, obs, mask, &s, &e);       // obs is s', never a reset one
 *     while (!s.terminated && !s.truncated);
 *
 * An episode is a function of the seed and the actions. An environment never resets itself.
 * A built-in one holds no pointers and cannot fail: only state, rng and elapsed_steps change,
 * and a checkpoint carries them to any machine. It keeps counts in doubles, like the rest of
 * its state.
 *
 * mask (n_actions) gets 1 for each action that is allowed in s', 0 for the others; it may be
 * NULL where ops->has_masks is false.
 */
#ifndef DQN_ENV_ENV_H
#define DQN_ENV_ENV_H

#include "base/err.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENV_ID_SIZE 64
#define ENV_MAX_DIM 65536 /* observations, actions */
#define ENV_MAX_STATE 64  /* bytes, of a built-in */

struct process; /* env/process.h */
struct scene;   /* env/scene.h */

struct step {
	float reward;
	bool terminated; /* the MDP ended: do not bootstrap from s' */
	bool truncated;  /* time limit: do bootstrap from s' */
};

struct env_ops {
	char id[ENV_ID_SIZE];           /* Gymnasium's */
	int obs_dim;                    /* 1..ENV_MAX_DIM */
	int n_actions;                  /* 1..ENV_MAX_DIM */
	int64_t max_episode_steps;      /* Gymnasium's TimeLimit; 0: none */
	double solved_return;           /* Gymnasium's reward_threshold; NaN: none */
	double reward_low, reward_high; /* of a step; may be infinite */
	const double *obs_high;         /* (obs_dim) typical largest size of each component */
	int n_instances;                /* that can live side by side; 0: any number */
	bool has_masks;
	size_t state_size; /* bytes, <= ENV_MAX_STATE: doubles, nothing else */
	void (*reset)(void *state, struct rng *rng, float *obs);
	/* It knows no time limit. rng is the episode's, seeded before reset. */
	struct step (*step)(void *state, struct rng *rng, int action, float *obs);
	/* Whether an episode can have that state, of finite numbers; NULL: any. */
	bool (*possible)(const void *state);
	/* Adds what the state looks like to a scene of zeros; NULL: nothing but numbers. */
	void (*draw)(const void *state, struct scene *scene);
	const char *actions; /* a word for each, separated by blanks; NULL: they have numbers */
};

struct env {
	const struct env_ops *ops;
	const float *obs_scale;    /* (obs_dim), the caller's; NULL: ones */
	float *raw;                /* (obs_dim) gets each observation before it is scaled, the caller's; or NULL */
	int64_t max_episode_steps; /* > 0; INT64_MAX: no limit */
	int64_t elapsed_steps;     /* of the episode under way */
	struct rng rng;            /* the environment's own */
	struct process *process;   /* the child that is the environment, the caller's; or NULL */
	int instance;              /* of those that live side by side, 0.. */
	int action;                /* sent, not yet received */
	union {
		double align;
		unsigned char bytes[ENV_MAX_STATE];
	} state;
};

/* Elements of a mask: n_actions, or 0 without masks. */
static inline size_t env_mask_dim(const struct env_ops *ops)
{
	return ops->has_masks ? (size_t)ops->n_actions : 0;
}

/* Every environment and, in the same order, its id; NULL ends both. They are in table.c;
 * tests link another table instead. */
extern const char *const env_ids[];
extern const struct env_ops *const env_table[];

/* The environment of that id, or NULL. */
const struct env_ops *env_find(const char *id);

/* max_episode_steps 0 is the environment's own; obs_scale (obs_dim) may be NULL for ones. */
void env_init(struct env *env, const struct env_ops *ops, int64_t max_episode_steps, const float *obs_scale);

/* Starts the episode of that seed; obs (obs_dim) is the first observation. */
bool env_reset(struct env *env, uint64_t seed, float *obs, uint8_t *mask, struct err *e);

/* action in 0..n_actions-1 (asserted). Both flags may be set at once. */
bool env_step(struct env *env, int action, float *obs, uint8_t *mask, struct step *s, struct err *e);

/* The same in two halves: the requests of several instances first, then their replies in the
 * same order, so that they travel together. */
void env_send_reset(struct env *env, uint64_t seed);
bool env_receive_reset(struct env *env, float *obs, uint8_t *mask, struct err *e);
void env_send_step(struct env *env, int action);
bool env_receive_step(struct env *env, float *obs, uint8_t *mask, struct step *s, struct err *e);

/* After state, rng and elapsed_steps of a built-in were read from a file: false if no
 * unfinished episode can have them. */
bool env_restore(struct env *env);

/* The least and the largest return of an episode of 1 to n_steps steps, of raw rewards. */
void env_return_range(const struct env_ops *ops, int64_t n_steps, double *low, double *high);

/* n instances of one environment, side by side: SB3's VecEnv, but that an ended one stays
 * where it is. */
struct vec_env {
	size_t n;         /* >= 1 */
	struct env *env;  /* (n) */
	float *obs;       /* (n, obs_dim) */
	uint8_t *mask;    /* (n, n_actions); NULL without masks */
	struct env proto; /* what each is a copy of */
};

/* Bytes that vec_env_init allocates; they cannot overflow. */
uint64_t vec_env_bytes(const struct env_ops *ops, size_t n_most);

/* As many instances of env as it can have, n_most or fewer. Fails (ERR_RUN) without memory. */
bool vec_env_init(struct vec_env *v, const struct env *env, size_t n_most, struct err *e);
void vec_env_release(struct vec_env *v);

/* The first n instances, as copies of v->proto, begin an episode each, of these seeds (n); rows
 * of obs and mask get what they observe. */
bool vec_env_reset(struct vec_env *v, size_t n, const uint64_t *seed, struct err *e);

/* Row i. */
static inline float *vec_env_obs(const struct vec_env *v, size_t i)
{
	return v->obs + i * (size_t)v->proto.ops->obs_dim;
}
static inline uint8_t *vec_env_mask(const struct vec_env *v, size_t i)
{
	return v->mask ? v->mask + i * (size_t)v->proto.ops->n_actions : NULL;
}

#endif
