/* Environments: Gymnasium's, with one interface.
 *
 * A struct env_ops is a constant that describes an environment; a struct env is
 * one instance of it under a time limit, with its observations scaled:
 *
 *     struct env env;
 *     env_init(&env, env_find("CartPole-v1"), 0, NULL);
 *     rng_init(&rng, seed);                      // as env.reset(seed=seed)
 *     env_reset(&env, &rng, obs);
 *     do {
 *             s = env_step(&env, action, obs);   // obs is s', never a reset one
 *     } while (!s.terminated && !s.truncated);
 *
 * An environment never resets itself and holds no pointers: only state[] and
 * elapsed_steps change. A checkpoint carries the state to any machine as doubles, so an
 * environment keeps counts in doubles, too.
 */
#ifndef DQN_ENV_ENV_H
#define DQN_ENV_ENV_H

#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>

#define ENV_MAX_OBS 8
#define ENV_MAX_STATE 64 /* bytes */

struct step {
	float reward;
	bool terminated; /* the MDP ended: do not bootstrap from s' */
	bool truncated;  /* time limit: do bootstrap from s' */
};

struct env_ops {
	const char *id;                 /* Gymnasium's */
	int obs_dim;                    /* 1..ENV_MAX_OBS */
	int n_actions;                  /* >= 1 */
	int max_episode_steps;          /* Gymnasium's TimeLimit */
	double solved_return;           /* Gymnasium's reward_threshold */
	double reward_low, reward_high; /* of a step */
	double obs_high[ENV_MAX_OBS];   /* typical largest size of each component */
	size_t state_size;              /* bytes, <= ENV_MAX_STATE: doubles, nothing else */
	void (*reset)(void *state, struct rng *rng, float *obs);
	struct step (*step)(void *state, int action, float *obs); /* knows no time limit */
	/* Whether an episode can have that state, of finite numbers; NULL: any. */
	bool (*possible)(const void *state);
};

struct env {
	const struct env_ops *ops;
	float obs_scale[ENV_MAX_OBS]; /* obs are multiplied by it, per component */
	int64_t max_episode_steps;    /* > 0 */
	int64_t elapsed_steps;        /* of the episode under way */
	union {
		double align;
		unsigned char bytes[ENV_MAX_STATE];
	} state;
};

/* Every environment and, in the same order, its id; NULL ends both. They are in table.c;
 * tests link another table instead. */
extern const char *const env_ids[];
extern const struct env_ops *const env_table[];

/* The environment of that id, or NULL. */
const struct env_ops *env_find(const char *id);

/* max_episode_steps 0 is the environment's own; obs_scale (obs_dim) may be NULL
 * for ones. */
void env_init(struct env *env, const struct env_ops *ops, int64_t max_episode_steps,
	const float *obs_scale);

/* Starts an episode; obs (obs_dim) is the first observation. */
void env_reset(struct env *env, struct rng *rng, float *obs);

/* After state and elapsed_steps were read from a file: false if no unfinished episode can
 * have them. */
bool env_restore(struct env *env);

/* The least and the largest return of an episode of 1 to n_steps steps, of raw rewards. */
void env_return_range(const struct env_ops *ops, int64_t n_steps, double *low, double *high);

/* action in 0..n_actions-1 (asserted). Both flags may be set at once. */
struct step env_step(struct env *env, int action, float *obs);

#endif
