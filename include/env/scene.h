/* A picture of a state, for whatever draws it: lines in the environment's own coordinates,
 * y up. A line has a width; one of no length with round ends is a disc.
 *
 *     struct scene s = { 0 };
 *     env->ops->draw(env->state.bytes, &s);    // or NULL: nothing to draw but the observation
 *
 * Every state of an environment has the same number of lines, in the same order, and the same
 * window, so that a line can move from one state to the next.
 */
#ifndef DQN_ENV_SCENE_H
#define DQN_ENV_SCENE_H

#include <assert.h>
#include <stdbool.h>

enum { SCENE_MAX_LINES = 48 };

enum scene_paint { PAINT_GROUND, PAINT_BODY, PAINT_LIMB, PAINT_JOINT, PAINT_GOAL, N_PAINTS };

struct scene_line {
	double x0, y0, x1, y1, width;
	enum scene_paint paint;
	bool is_round; /* at its ends */
};

struct scene {
	double left, right, bottom, top; /* the window */
	bool fills;                      /* x and y may have different scales */
	double fps;                      /* Gymnasium's render_fps: frames, so steps, a second */
	int n;
	struct scene_line line[SCENE_MAX_LINES]; /* later ones are in front */
};

static inline void scene_add(struct scene *s, enum scene_paint paint, double width, bool is_round, double x0, double y0,
	double x1, double y1)
{
	assert(s->n < SCENE_MAX_LINES);
	s->line[s->n++] = (struct scene_line){ x0, y0, x1, y1, width, paint, is_round };
}

static inline void scene_add_disc(struct scene *s, enum scene_paint paint, double width, double x, double y)
{
	scene_add(s, paint, width, true, x, y, x, y);
}

#endif
