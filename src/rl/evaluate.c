#include "rl/evaluate.h"

#include <assert.h>
#include <math.h>

/* False if the listener stops the evaluation. */
static bool continues(const struct eval_listener *l, int64_t n_over, int64_t n_episodes)
{
	if (l && l->tell)
		l->tell(l->arg, n_over, n_episodes);
	return !(l && l->stop && *l->stop);
}

static void tell_step(const struct eval_listener *l, int action, const struct step *s)
{
	if (l && l->step)
		l->step(l->arg, action, s);
}

static uint64_t next_seed(struct episode_seeds *seeds)
{
	return seeds->rng ? rng_u64(seeds->rng) : seeds->next++;
}

/* Actions for n rows; false (ERR_DIVERGED) if a Q value is not finite. */
static bool act(const struct policy *policy, const struct vec_env *v, size_t n, double epsilon, struct rng *explore,
	int *action, struct err *e)
{
	bool is_finite;
	if (epsilon > 0) {
		const float *q;
		action[0] = policy_act(policy, v->obs, v->mask, epsilon, explore, &q);
		is_finite = !q || policy_is_finite(q, (size_t)v->proto.ops->n_actions);
	} else {
		is_finite = policy_greedy(policy, n, v->obs, v->mask, action);
	}
	return is_finite || err_set(e, ERR_DIVERGED, "a Q value is not finite");
}

/* The value of each row of v->obs by the network: its greatest Q of an allowed action. */
static void begin_values(const struct policy *policy, const struct vec_env *v, size_t n, struct episode *ep)
{
	const int n_actions = v->proto.ops->n_actions;
	const float *q = net_forward(&policy->net, policy->k, policy->params, v->obs, n, policy->work);
	for (size_t i = 0; i < n; i++, q += n_actions)
		ep[i].q_start = q[policy_argmax(q, vec_env_mask(v, i), n_actions)];
}

/* Plays n <= v->n episodes side by side, after n_before of n_all. Rows of v->obs and v->mask
 * of unfinished episodes stay adjacent. */
static bool play(const struct policy *policy, struct vec_env *v, struct episode_seeds *seeds, size_t n,
	int64_t n_before, int64_t n_all, double epsilon, struct rng *explore, const struct eval_listener *listener,
	struct episode *ep, struct err *e)
{
	size_t episode[POLICY_ROWS]; /* in a row of obs */
	uint64_t seed[POLICY_ROWS];
	double discount = policy->reward_scale; /* of this step, in all of them */
	int action[POLICY_ROWS] = { 0 };
	const int64_t n_over = n_before + (int64_t)n; /* once none is left */
	for (size_t i = 0; i < n; i++) {
		ep[i] = (struct episode){ 0 };
		episode[i] = i;
		seed[i] = next_seed(seeds);
	}
	if (!vec_env_reset(v, n, seed, e))
		return false;
	begin_values(policy, v, n, ep);
	tell_step(listener, -1, NULL);
	while (n > 0) {
		if (!continues(listener, n_over - (int64_t)n, n_all)) {
			e->kind = ERR_NONE;
			return false;
		}
		if (!act(policy, v, n, epsilon, explore, action, e))
			return false;
		for (size_t i = 0; i < n; i++)
			env_send_step(&v->env[episode[i]], action[i]);
		size_t n_left = 0;
		for (size_t i = 0; i < n; i++) {
			const size_t l = episode[i];
			struct step s;
			if (!env_receive_step(&v->env[l], vec_env_obs(v, n_left), vec_env_mask(v, n_left), &s, e))
				return false;
			ep[l].episode_return += s.reward;
			ep[l].discounted_return += discount * s.reward;
			ep[l].length++;
			tell_step(listener, action[i], &s);
			episode[n_left] = l;
			n_left += !s.terminated && !s.truncated;
		}
		n = n_left;
		discount *= policy->gamma;
	}
	return true;
}

bool evaluate_some(struct evaluation *ev, const struct policy *policy, struct vec_env *v, struct episode_seeds *seeds,
	int64_t n_episodes, double epsilon, struct rng *explore, struct episode *episodes,
	const struct eval_listener *listener, struct err *e)
{
	struct episode ep[POLICY_ROWS];
	struct rng rng = { 0 };
	struct episode_seeds from = *seeds; /* a copy: an episode that is given up drew none */
	const int64_t begin = (int64_t)ev->n, n_left = n_episodes - begin;
	const bool alone = epsilon > 0 || (listener && listener->step); /* explorers share a stream */
	const int64_t n_rows = alone ? 1 : (int64_t)v->n;
	const int64_t n = n_left < n_rows ? n_left : n_rows;
	assert(n >= 1 && v->n <= POLICY_ROWS && (explore || epsilon == 0));
	if (seeds->rng) {
		rng = *seeds->rng;
		from.rng = &rng;
	}
	if (!play(policy, v, &from, (size_t)n, begin, n_episodes, epsilon, explore, listener, ep, e))
		return false;
	seeds->next = from.next;
	if (seeds->rng)
		*seeds->rng = rng;
	for (int64_t i = 0; i < n; i++) {
		const double r = ep[i].episode_return, off = r - ev->mean;
		const bool first = begin + i == 0;
		ev->n++;
		ev->mean += off / ev->n;
		ev->squares += off * (r - ev->mean);
		ev->return_sum += r;
		ev->length_sum += (double)ep[i].length;
		ev->q_sum += ep[i].q_start;
		ev->discounted_sum += ep[i].discounted_return;
		ev->return_min = first || r < ev->return_min ? r : ev->return_min;
		ev->return_max = first || r > ev->return_max ? r : ev->return_max;
		if (episodes)
			episodes[i] = ep[i];
	}
	return true;
}

struct eval_stats evaluation_stats(const struct evaluation *ev)
{
	return (struct eval_stats){
		.n_episodes = (int64_t)ev->n,
		.return_mean = ev->return_sum / ev->n,
		.return_std = sqrt(ev->squares / ev->n),
		.return_min = ev->return_min,
		.return_max = ev->return_max,
		.length_mean = ev->length_sum / ev->n,
		.q_start = ev->q_sum / ev->n,
		.discounted_return = ev->discounted_sum / ev->n,
	};
}

bool evaluate(const struct policy *policy, struct vec_env *v, struct episode_seeds *seeds, int64_t n_episodes,
	double epsilon, struct rng *explore, struct eval_stats *stats, struct episode *episodes,
	const struct eval_listener *listener, struct err *e)
{
	struct evaluation ev = { 0 };
	bool ok = true;
	while (ok && ev.n < (double)n_episodes)
		ok = evaluate_some(&ev, policy, v, seeds, n_episodes, epsilon, explore,
			episodes ? episodes + (size_t)ev.n : NULL, listener, e);
	if (ok)
		*stats = evaluation_stats(&ev);
	return ok;
}
