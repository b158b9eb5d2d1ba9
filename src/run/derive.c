/* What a configuration means for the other modules: declared in run/config.h. */
#include "run/config.h"

#include <math.h>
#include <string.h>

const struct env_ops *config_env(const struct config *c)
{
	return env_find(env_ids[c->env]);
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

void config_obs_scale(const struct config *c, float obs_scale[ENV_MAX_OBS])
{
	const struct env_ops *ops = config_env(c);
	for (int i = 0; i < ENV_MAX_OBS; i++) {
		obs_scale[i] = 1;
		if (c->obs_scale.kind == OBS_SCALE_BOUNDS && i < ops->obs_dim)
			obs_scale[i] = (float)(1 / ops->obs_high[i]);
		else if (c->obs_scale.kind == OBS_SCALE_LIST && i < c->obs_scale.n)
			obs_scale[i] = (float)c->obs_scale.value[i];
	}
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
	const double limit =
		(double)(c->max_episode_steps > 0 ? c->max_episode_steps : ops->max_episode_steps);
	const double horizon =
		c->gamma < 1 ? c->reward_scale / (1 - c->gamma) : c->reward_scale * limit;
	*low = fmin(0, ops->reward_low) * horizon;
	*high = fmax(0, ops->reward_high) * horizon;
}

int64_t config_eval_limit(const struct config *c)
{
	return c->eval_max_episode_steps > 0 ? c->eval_max_episode_steps
					     : config_env(c)->max_episode_steps;
}

double config_threshold(const struct config *c)
{
	const struct env_ops *ops = config_env(c);
	return config_eval_limit(c) == ops->max_episode_steps ? ops->solved_return : (double)NAN;
}

int64_t config_replay_slots(const struct config *c)
{
	return c->buffer_size < c->total_timesteps ? c->buffer_size : c->total_timesteps;
}

uint64_t config_memory(const struct config *c)
{
	struct net net;
	struct err e;
	if (!config_net(c, &net, &e))
		return UINT64_MAX;
	enum { EXTRA_BLOCKS = 3 }; /* the best weights, and two that files are built in */
	const size_t obs_dim = (size_t)net.dim[0];
	const uint64_t parts[] = {
		agent_bytes(&net, (size_t)c->batch_size, c->ema_decay),
		replay_bytes((uint64_t)config_replay_slots(c), obs_dim, 0, c->prioritized),
		batch_bytes((size_t)c->batch_size, obs_dim, 0),
		EXTRA_BLOCKS * sizeof(float) * (uint64_t)net.n_params,
		(uint64_t)c->final_eval_episodes * sizeof(double),
	};
	uint64_t sum = 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		sum = parts[i] > UINT64_MAX - sum ? UINT64_MAX : sum + parts[i];
	return sum;
}
