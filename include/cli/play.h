/* A policy at play, to be looked at: what it sees, values and does.
 *
 *     player_init(&p, &loaded, &options, k, &e) && player_begin(&p, &e);
 *     while (!p.is_over)
 *             ... player_scene(&p, &scene) ... && player_step(&p, &e);
 *     player_release(&p);
 *
 * The episodes and the actions are those of `dqn eval` with the same seed and epsilon.
 */
#ifndef DQN_CLI_PLAY_H
#define DQN_CLI_PLAY_H

#include "cli/children.h"
#include "env/scene.h"
#include "rl/evaluate.h"
#include "run/weights.h"

#include <stdio.h>

enum { PLAY_MAX_PLAYERS = 4 };

struct player {
	const char *name; /* of the weights, the caller's */
	const struct weights *w;
	struct env env;
	const struct policy *policy;
	struct rng seeds, explore;
	bool has_seed;
	uint64_t seed; /* of the next episode, with has_seed; else one of `seeds` */
	double epsilon;
	float *obs, *input; /* (obs_dim) as the environment has it, and scaled */
	uint8_t *mask;      /* (n_actions), or NULL */
	float *size;        /* (obs_dim) typical or, if unknown, largest so far, of each component */

	/* The episode under way, or just over. */
	const float *q;   /* (n_actions) of obs */
	int action;       /* the next; -1: the episode is over */
	struct step step; /* the last */
	int64_t n_steps;  /* 0 before the first */
	double return_so_far;
	bool is_over;
	int64_t n_waited; /* of whoever shows it: since it was over */

	/* All of them. */
	int64_t n_over, first_length;
	double return_sum;                             /* of those that are over */
	double q_low, q_high, return_low, return_high; /* of any moment; 0 is a return */
};

struct player_options {
	bool has_seed;
	uint64_t seed;
	double epsilon;
	int64_t limit; /* steps of an episode; 0: the environment's own */
};

/* ERR_RUN for memory. *l stays the caller's. */
bool player_init(struct player *p, struct loaded *l, const struct player_options *options, struct err *e);
void player_release(struct player *p);

/* The first observation of the next episode, its Q values and the action that follows. */
bool player_begin(struct player *p, struct err *e);

/* Takes that action. ERR_DIVERGED if a Q value is not finite, or an error of the environment. */
bool player_step(struct player *p, struct err *e);

/* Draws the state as the environment does, or the observation as a bar for each component. */
void player_scene(const struct player *p, struct scene *scene);

/* The name of action i: "left", or its number. */
const char *player_action(const struct player *p, int i, char buf[32]);

/* --- an animation, play_svg.c --- */

/* Its frames: of each player the same moments, no more than the file has room for. */
struct film {
	int n_players;
	const struct player *player;
	size_t n, most;       /* frames of each */
	int64_t stride, tick; /* a frame every `stride` ticks */
	struct reel {
		struct scene scene; /* its lines are in the frames */
		int n_q;            /* Q values of a frame */
		size_t frame_size;
		float *frame; /* (most, frame_size) */
		size_t still; /* the frame to see where nothing moves */
	} reel[PLAY_MAX_PLAYERS];
};

/* After player_begin. ERR_RUN for memory. */
bool film_init(struct film *f, const struct player *players, int n, struct err *e);
void film_release(struct film *f);

/* The next tick: each player as it is now. */
void film_add(struct film *f);

/* SVG without scripts, for light and dark pages. fps: ticks a second; 0: as the environment has them,
 * but faster if the film would last longer than 20 seconds. */
void film_put(const struct film *film, double fps, FILE *f);

#endif
