#include "cli/play.h"

#include "base/memory.h"
#include "env/declare.h"

#include <math.h>
#include <stdlib.h>

bool player_init(struct player *p, struct loaded *l, const struct player_options *options, struct err *e)
{
	const struct env_ops *ops = l->env;
	const size_t n = (size_t)ops->obs_dim;
	*p = (struct player){ .w = &l->w, .has_seed = options->has_seed, .seed = options->seed };
	p->epsilon = options->epsilon;
	p->policy = &l->policy;
	p->obs = memory_zeroed(3 * n * sizeof(float) + env_mask_dim(ops));
	if (!p->obs)
		return err_set(e, ERR_RUN, "out of memory");
	p->input = p->obs + n;
	p->size = p->input + n;
	p->mask = ops->has_masks ? (uint8_t *)(p->size + n) : NULL;
	p->q_low = (double)INFINITY;
	p->q_high = -(double)INFINITY;
	if (l->process && env_declared_scale(l->process->declaration, ops->obs_dim, p->size))
		for (size_t i = 0; i < n; i++)
			p->size[i] = 1 / p->size[i];
	env_init(&p->env, ops, options->limit, NULL);
	p->env.process = l->process;
	rng_init_stream(&p->seeds, 0, STREAM_OUTSIDE);
	rng_init_stream(&p->explore, options->seed, STREAM_OUTSIDE_EXPLORATION);
	return true;
}

void player_release(struct player *p)
{
	free(p->obs);
}

/* Draws random numbers as policy_act does. */
static bool look(struct player *p, struct err *e)
{
	const struct env_ops *ops = p->env.ops;
	for (int i = 0; i < ops->obs_dim; i++) {
		p->input[i] = p->obs[i] * p->w->obs_scale[i];
		p->size[i] = fmaxf(p->size[i], fabsf(p->obs[i]));
	}
	p->q = net_forward(&p->policy->net, p->policy->k, p->policy->params, p->input, 1, p->policy->work);
	if (!policy_is_finite(p->q, (size_t)ops->n_actions))
		return err_set(e, ERR_DIVERGED, "'%.300s' has diverged: a Q value is not finite", p->name);
	for (int i = 0; i < ops->n_actions; i++) {
		p->q_low = fmin(p->q_low, p->q[i]);
		p->q_high = fmax(p->q_high, p->q[i]);
	}
	p->action = -1;
	if (!p->is_over)
		p->action = p->epsilon > 0 && rng_double(&p->explore) < p->epsilon
				    ? policy_random(p->mask, ops->n_actions, &p->explore)
				    : policy_argmax(p->q, p->mask, ops->n_actions);
	p->return_low = fmin(p->return_low, p->return_so_far);
	p->return_high = fmax(p->return_high, p->return_so_far);
	return true;
}

bool player_begin(struct player *p, struct err *e)
{
	const uint64_t seed = p->has_seed ? p->seed++ : rng_u64(&p->seeds);
	p->is_over = false;
	p->n_steps = p->n_waited = 0;
	p->return_so_far = 0;
	p->step = (struct step){ 0 };
	return env_reset(&p->env, seed, p->obs, p->mask, e) && look(p, e);
}

bool player_step(struct player *p, struct err *e)
{
	if (!env_step(&p->env, p->action, p->obs, p->mask, &p->step, e))
		return false;
	p->n_steps++;
	p->return_so_far += p->step.reward;
	p->is_over = p->step.terminated || p->step.truncated;
	if (p->is_over) {
		p->return_sum += p->return_so_far;
		p->first_length = p->n_over == 0 ? p->n_steps : p->first_length;
		p->n_over++;
	}
	return look(p, e);
}

void player_scene(const struct player *p, struct scene *scene)
{
	const struct env_ops *ops = p->env.ops;
	const double between = 0.3; /* bars */
	*scene = (struct scene){ 0 };
	if (ops->draw) {
		ops->draw(p->env.state.bytes, scene);
		return;
	}
	const int n = ops->obs_dim < SCENE_MAX_LINES - 1 ? ops->obs_dim : SCENE_MAX_LINES - 1;
	*scene = (struct scene){ .left = -1, .right = 1, .top = n, .fills = true, .fps = 15 };
	for (int i = 0; i < n; i++) {
		const double y = n - i - 0.5, x = p->size[i] > 0 ? p->obs[i] / p->size[i] : 0;
		scene_add(scene, PAINT_BODY, 1 - between, false, 0, y, x, y);
	}
	scene_add(scene, PAINT_GROUND, 0, false, 0, 0, 0, n);
}

const char *player_action(const struct player *p, int i, char buf[32])
{
	const char *words = p->env.ops->actions;
	for (int k = 0; words && text_next_word(&words, buf, 32); k++)
		if (k == i)
			return buf;
	snprintf(buf, 32, "%d", i);
	return buf;
}
