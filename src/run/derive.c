/* Computes from a configuration what other modules need: declared in run/config.h. */
#include "run/config.h"

#include "run/train.h"
#include "run/transitions.h"

#include <math.h>
#include <string.h>

const struct env_ops *config_env(const struct config *c)
{
	const struct env_ops *ops = env_table[c->env];
	return ops->reset ? ops : &c->process;
}

bool config_is_process(const struct config *c)
{
	return env_table[c->env]->reset == NULL;
}

int config_compare_env(const struct config *a, const struct config *b)
{
	return a->env != b->env ? a->env - b->env : strcmp(a->declaration, b->declaration);
}

bool config_net(const struct config *c, struct net *net, struct err *e)
{
	const struct env_ops *ops = config_env(c);
	struct net_shape shape = { .n_inputs = ops->obs_dim,
		.n_hidden = c->net_arch.n,
		.n_outputs = ops->n_actions,
		.activation = (enum activation)c->activation,
		.dueling = c->dueling };
	memcpy(shape.hidden, c->net_arch.width, (size_t)c->net_arch.n * sizeof(int));
	return net_init(net, &shape, e);
}

/* Of a list: the factor of component i. */
static float factor(const struct factors *f, int i)
{
	return (float)f->value[f->n == 1 ? 0 : i];
}

void config_obs_scale(const struct config *c, float *obs_scale)
{
	const struct env_ops *ops = config_env(c);
	const struct factors *scale = &c->obs_scale;
	if (scale->kind == FACTORS_BOUNDS && config_is_process(c)) {
		env_declared_scale(c->declaration, ops->obs_dim, obs_scale);
		return;
	}
	for (int i = 0; i < ops->obs_dim; i++) {
		obs_scale[i] = 1;
		if (scale->kind == FACTORS_BOUNDS)
			obs_scale[i] = (float)(1 / ops->obs_high[i]);
		else if (scale->kind == FACTORS_LIST)
			obs_scale[i] = factor(scale, i);
	}
}

bool config_mirror_obs(const struct config *c, float *mirror_obs)
{
	const struct factors *signs = &c->mirror_obs;
	for (int i = 0; i < config_env(c)->obs_dim && signs->kind == FACTORS_LIST; i++)
		mirror_obs[i] = factor(signs, i);
	return signs->kind == FACTORS_LIST;
}

struct agent_opts config_agent_opts(const struct config *c)
{
	double low, high;
	config_q_range(c, &low, &high);
	return (struct agent_opts){
		.double_q = c->double_q,
		.loss = (enum loss)c->loss,
		.clip_targets = c->clip_targets,
		.target_low = low,
		.target_high = high,
		.max_grad_norm = c->max_grad_norm,
		.adam_beta1 = c->adam_beta1,
		.adam_beta2 = c->adam_beta2,
		.adam_eps = c->adam_eps,
		.ema_decay = c->ema_decay,
	};
}

void config_q_range(const struct config *c, double *low, double *high)
{
	const struct env_ops *ops = config_env(c);
	const int64_t limit = config_train_limit(c);
	const double n = limit == INT64_MAX ? (double)INFINITY : (double)limit;
	const double horizon = c->gamma < 1 ? c->reward_scale / (1 - c->gamma) : c->reward_scale * n;
	*low = ops->reward_low < 0 ? ops->reward_low * horizon : 0;
	*high = ops->reward_high > 0 ? ops->reward_high * horizon : 0;
}

/* The limit that a key asks for, else the environment's own. */
static int64_t limit_of(const struct config *c, int64_t asked)
{
	const int64_t own = config_env(c)->max_episode_steps;
	return asked > 0 ? asked : own > 0 ? own : INT64_MAX;
}

int64_t config_train_limit(const struct config *c)
{
	return limit_of(c, c->max_episode_steps);
}

int64_t config_eval_limit(const struct config *c)
{
	return limit_of(c, c->eval_max_episode_steps);
}

void config_return_range(const struct config *c, double *low, double *high)
{
	const int64_t limit = config_eval_limit(c);
	env_return_range(config_env(c), limit, low, high);
	if (limit == INT64_MAX && *low < 0)
		*low = (double)-INFINITY;
	if (limit == INT64_MAX && *high > 0)
		*high = (double)INFINITY;
}

double config_threshold(const struct config *c)
{
	const struct env_ops *ops = config_env(c);
	return config_eval_limit(c) == limit_of(c, 0) ? ops->solved_return : (double)NAN;
}

int64_t config_updates_per_round(const struct config *c)
{
	return c->gradient_steps < 0 ? c->train_freq : c->gradient_steps;
}

int64_t config_half(const struct config *c)
{
	return c->total_timesteps / 2 + c->total_timesteps % 2;
}

int config_n_steps(const struct config *c, int64_t step)
{
	return (int)(step < config_half(c) || c->n_steps_final == 0 ? c->n_steps : c->n_steps_final);
}

int64_t config_most_n_steps(const struct config *c)
{
	return c->n_steps > c->n_steps_final ? c->n_steps : c->n_steps_final;
}

int64_t config_replay_slots(const struct config *c)
{
	return c->buffer_size < c->total_timesteps || c->preload[0] ? c->buffer_size : c->total_timesteps;
}

uint64_t config_memory(const struct config *c)
{
	struct net net;
	struct err e;
	if (!config_net(c, &net, &e))
		return UINT64_MAX;
	/* Weights files are built in two blocks; init_weights is a file and what is in it. */
	const uint64_t n_blocks = c->init_weights[0] ? 4 : 2;
	const size_t obs_dim = (size_t)net.dim[0], mask_dim = env_mask_dim(config_env(c));
	const uint64_t parts[] = {
		agent_bytes(&net, (size_t)c->batch_size, c->ema_decay),
		replay_bytes((uint64_t)config_replay_slots(c), obs_dim, mask_dim, c->prioritized),
		batch_bytes((size_t)c->batch_size, obs_dim, mask_dim),
		n_blocks * sizeof(float) * (uint64_t)net.n_params,
		train_bytes(c),
		c->preload[0] ? transitions_bytes(config_env(c)) : 0,
	};
	uint64_t sum = 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		sum = parts[i] > UINT64_MAX - sum ? UINT64_MAX : sum + parts[i];
	return sum;
}
