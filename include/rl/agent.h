/* The DQN agent (Mnih et al., 2015): online and target network, and one update.
 *
 *     agent_init(&agent, &opts, &net, kernels, batch_size, &e);
 *     net_init_params(&net, init, &rng, agent.online);
 *     agent_begin(&agent);                          // target = average = online
 *     a = policy_act(&agent.policy, obs, mask, epsilon, &rng, NULL);
 *     agent_learn(&agent, &batch, learning_rate, &stats);
 *     agent_sync(&agent, tau);
 *     agent_release(&agent);
 *
 * All blocks are net.n_params floats of one layout, in one allocation.
 */
#ifndef DQN_RL_AGENT_H
#define DQN_RL_AGENT_H

#include "nn/adam.h"
#include "nn/net.h"
#include "rl/policy.h"
#include "rl/replay.h"

/* A loss is the mean over the batch of a function of d = Q(s,a) - y: loss_names in agent.c. */
enum loss { LOSS_HUBER, LOSS_MSE }; /* named for tests only */
extern const char *const loss_names[];

struct agent_opts {
	bool double_q; /* van Hasselt et al., 2016 */
	enum loss loss;
	bool clip_targets;              /* TD targets: */
	double target_low, target_high; /* to this range */
	double max_grad_norm;           /* 0: no clipping */
	double adam_beta1, adam_beta2, adam_eps;
	double ema_decay; /* in [0, 1); 0: no average */
};

struct agent {
	struct agent_opts opts;
	struct policy policy; /* acts with the online network */
	struct adam adam;
	size_t batch_size;
	float *online, *target, *grad, *m, *v; /* (n_params) each */
	float *average;                        /* (n_params) of online over the updates: to judge and to keep;
			 * online itself if ema_decay is 0 */
	float *d_out;                          /* (batch_size, n_actions) */
	float *td_error;                       /* (batch_size) Q(s,a) - y of the last update */
	float *target_q;                       /* (batch_size) the TD target y */
	int32_t *best_action;                  /* (batch_size) a* in the next state */
	float *work;                           /* for batch_size rows */
	void *memory;
};

struct learn_stats {
	double loss;      /* mean over the batch */
	double q_mean;    /* mean of Q(s,a) before the update */
	double y_mean;    /* mean of the TD target */
	double grad_norm; /* before clipping */
};

/* Of the online network on the last minibatch. The Q values of actions that s does not
 * allow are never trained and do not count. */
struct diagnostics {
	double q_max;            /* largest Q(s,a) of any action */
	double action_gap;       /* mean of best less second-best Q(s,.) over the rows with at least
				 two actions; NaN if there are none */
	double td_error_mean;    /* mean of |Q(s,a) - y| */
	double td_error_p95;     /* its 95th percentile, nearest rank */
	double weight_norm;      /* Euclidean, over all parameters */
	double dead_share;       /* of hidden units that were 0 on every row; NaN without ReLU */
	double q_min;            /* smallest Q(s,a) of any action */
	double obs_max, obs_min; /* largest and smallest size of an observation, after scaling:
				    the root of its mean square; 0s alone do not count */
};

/* Bytes that agent_init allocates; UINT64_MAX if the count overflows. */
uint64_t agent_bytes(const struct net *net, size_t batch_size, double ema_decay);

/* All blocks start as zeros. Fails (ERR_RUN) if there is not enough memory. */
bool agent_init(struct agent *a, const struct agent_opts *opts, const struct net *net, const struct kernels *k,
	size_t batch_size, struct err *e);
void agent_release(struct agent *a);

/* One gradient step on batch_size transitions:
 *   y = R + discount * Q_target(s', a*), a* = argmax Q_target(s', .), or with
 *   double_q argmax Q_online(s', .), each among the actions that b->next_mask allows;
 *   with clip_targets y is clipped to target_low..target_high;
 *   no gradient flows through y.
 *   Afterwards average = ema_decay * average + (1 - ema_decay) * online.
 * Each row's loss counts with its weight, before the mean. a->td_error gets
 * Q(s,a) - y. False (ERR_DIVERGED) if the loss or the gradient is not finite; the weights
 * are then as they were. */
bool agent_learn(
	struct agent *a, const struct batch *b, double learning_rate, struct learn_stats *stats, struct err *e);

/* The loss of a TD error d = Q(s,a) - y, and its derivative. */
double agent_loss_of(enum loss loss, double d, double *derivative);

/* A part of agent_learn: a->target_q = y of the minibatch. */
void agent_targets(struct agent *a, const struct batch *b);

/* A part of agent_learn: the mean loss of the network `params` on the minibatch, given its TD
 * targets, a->target_q; stats gets all but grad_norm. a->td_error and a->d_out = d(loss)/dQ are
 * set, and a->work holds the forward pass. */
bool agent_loss(struct agent *a, const struct batch *b, const float *params, struct learn_stats *stats, struct err *e);

/* Of the last agent_learn, which must have been called; mask is that of its batch. Leaves
 * obs_max and obs_min to the second function. */
void agent_diagnose(struct agent *a, const uint8_t *mask, struct diagnostics *d);
void agent_diagnose_obs(const struct batch *b, struct diagnostics *d);

/* After the online weights are set: target and average become copies. */
void agent_begin(struct agent *a);

/* target = tau * online + (1 - tau) * target; tau 1 copies. */
void agent_sync(struct agent *a, double tau);

#endif
