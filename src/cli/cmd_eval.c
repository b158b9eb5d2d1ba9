#include "cli/cli.h"

#include "cli/children.h"
#include "cli/progress.h"
#include "run/run.h"
#include "run/transitions.h"
#include "run/weights.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { EPISODES, SEED, EPSILON, LIMIT, REQUIRE, RECHECK, STEPS, Q, JSON, CSV, WEIGHTS };
static const struct flag eval_flags[] = {
	[EPISODES] = { "episodes", 'n', FLAG_COUNT, "N", "number of episodes (default 100)" },
	[SEED] = { "seed", 's', FLAG_SEED, "S", "seed (default: episodes that no run trains on)" },
	[EPSILON] = { "epsilon", '\0', FLAG_SHARE, "E", "share of random actions (default 0)" },
	[LIMIT] = { "max-episode-steps", '\0', FLAG_COUNT, "N", "time limit (default: the environment's own)" },
	[REQUIRE] = { "require", '\0', FLAG_REAL, "R", "exit status 3 if the mean return is below R" },
	[RECHECK] = { "recheck", '\0', FLAG_SWITCH, NULL, "repeat the final evaluation; status 5 if it differs" },
	[STEPS] = { "steps", '\0', FLAG_SWITCH, NULL, "print every step, as CSV that the key preload reads" },
	[Q] = { "q", '\0', FLAG_SWITCH, NULL, "with --steps: print the Q values, too" },
	[JSON] = { "json", '\0', FLAG_SWITCH, NULL, "print one line of JSON; with --steps a line a step" },
	[CSV] = { "csv", '\0', FLAG_SWITCH, NULL, "a row per episode: episode,return,length" },
	WEIGHTS_FLAGS(WEIGHTS),
	{ .name = NULL },
};

struct eval_job {
	const struct flag_value *flag;
	struct loaded *loaded;
	bool has_seed;             /* else the episodes are from a stream that no run uses */
	uint64_t seed;             /* with --recheck, that of the run */
	int64_t n_episodes, limit; /* limit: steps of an episode */
	struct eval_stats stats;
	struct episode *episodes;
};

static int64_t limit_or_none(int64_t limit)
{
	return limit > 0 ? limit : INT64_MAX;
}

static const char *limit_text(int64_t limit, const char *without, char buf[32])
{
	if (limit == INT64_MAX)
		return without;
	snprintf(buf, 32, "%" PRId64, limit);
	return buf;
}

static void print_text(const struct eval_job *job)
{
	const struct eval_stats *s = &job->stats;
	char min[TEXT_REAL_SIZE], max[TEXT_REAL_SIZE], epsilon[TEXT_REAL_SIZE];
	printf("%s: return %.1f +- %.1f over %" PRId64 " episodes (min %s, max %s), length %.1f\n",
		job->loaded->env->id, s->return_mean, s->return_std, s->n_episodes, text_real(s->return_min, min),
		text_real(s->return_max, max), s->length_mean);
	printf("weights: ");
	put_printable(stdout, job->loaded->name, strlen(job->loaded->name));
	if (job->loaded->w.part)
		printf(", the %s at step %" PRId64,
			strcmp(job->loaded->w.part, "agent.online") == 0 ? "online network" : "average of the weights",
			job->loaded->w.timesteps);
	if (job->flag[RECHECK].set)
		printf("; the run's final evaluation: the same as in its result.json");
	else if (job->has_seed)
		printf("; seed %" PRIu64, job->seed);
	else
		printf("; seed default");
	printf(", epsilon %s", text_real(job->flag[EPSILON].real, epsilon));
	const int64_t own = limit_or_none(job->loaded->env->max_episode_steps);
	const int64_t theirs = job->loaded->w.max_episode_steps;
	char a[32], b[32], c[32];
	if (job->limit != own || theirs != own)
		printf("; episodes of up to %s steps (%s's own limit: %s; in the run's evaluations: %s)",
			limit_text(job->limit, "any number of", a), job->loaded->env->id, limit_text(own, "none", b),
			limit_text(theirs, "none", c));
	printf("\n");
}

static void print_json(const struct eval_job *job)
{
	const struct eval_stats *s = &job->stats;
	static char buf[2 * RUN_PATH_SIZE + 1024];
	char real[TEXT_REAL_SIZE], seed[32] = "null";
	if (job->has_seed)
		snprintf(seed, sizeof(seed), "%" PRIu64, job->seed);
	struct text t = text_into(buf, sizeof(buf));
	text_add(&t, "{\"weights\":");
	text_add_json_string(&t, job->loaded->name);
	text_add(&t, ",\"env_id\":\"%s\",\"seed\":%s,\"episodes\":%" PRId64, job->loaded->env->id, seed, s->n_episodes);
	text_add_json_member(&t, "epsilon", job->flag[EPSILON].real);
	text_add_json_member(&t, "return_mean", s->return_mean);
	text_add_json_member(&t, "return_std", s->return_std);
	text_add_json_member(&t, "return_min", s->return_min);
	text_add_json_member(&t, "return_max", s->return_max);
	text_add_json_member(&t, "length_mean", s->length_mean);
	text_add_json_member(&t, "q_start", s->q_start);
	if (job->loaded->w.config) /* has the discount */
		text_add_json_member(&t, "discounted_return", s->discounted_return);
	printf("%s,\"returns\":[", buf);
	for (int64_t i = 0; i < s->n_episodes; i++)
		printf("%s%s", i ? "," : "", text_real(job->episodes[i].episode_return, real));
	if (job->limit == INT64_MAX)
		printf("],\"max_episode_steps\":null");
	else
		printf("],\"max_episode_steps\":%" PRId64, job->limit);
	if (job->loaded->w.part)
		printf(",\"part\":\"%s\",\"timesteps\":%" PRId64, job->loaded->w.part, job->loaded->w.timesteps);
	puts("}");
}

static void print_csv(const struct eval_job *job)
{
	char real[TEXT_REAL_SIZE];
	printf("episode,return,length\n");
	for (int64_t i = 0; i < job->stats.n_episodes; i++)
		printf("%" PRId64 ",%s,%" PRId64 "\n", i + 1, text_real(job->episodes[i].episode_return, real),
			job->episodes[i].length);
}

/* The seeds of its episodes; *rng is room for a stream. */
static struct episode_seeds seeds_of(const struct eval_job *job, struct rng *rng)
{
	if (job->has_seed && !job->flag[RECHECK].set)
		return (struct episode_seeds){ .next = job->seed };
	rng_init_stream(rng, job->seed, job->flag[RECHECK].set ? STREAM_FINAL_EVAL : STREAM_OUTSIDE);
	return (struct episode_seeds){ .rng = rng };
}

/* --- steps --- */

struct printer {
	const struct eval_job *job;
	const struct vec_env *v; /* row 0 has what came last, scaled */
	float *raw;              /* (obs_dim) as the environment has it; owned, with: */
	float *obs, *q;          /* (obs_dim), (n_actions) of the step's begin */
	uint8_t *mask;
	struct transition step;
	struct text line;
};

static bool printer_init(struct printer *p, const struct eval_job *job, struct err *e)
{
	const size_t obs_dim = (size_t)job->loaded->env->obs_dim, n_actions = (size_t)job->loaded->env->n_actions;
	const size_t size = transition_size(job->loaded->env);
	*p = (struct printer){ .job = job };
	p->raw = malloc((2 * obs_dim + n_actions) * sizeof(float) + n_actions + size);
	if (!p->raw)
		return err_set(e, ERR_RUN, "out of memory");
	p->obs = p->raw + obs_dim;
	p->q = p->obs + obs_dim;
	p->mask = (uint8_t *)(p->q + n_actions);
	p->step = (struct transition){
		.obs = p->obs, .next_obs = p->raw, .mask = p->mask, .q = job->flag[Q].set ? p->q : NULL
	};
	p->line = text_into((char *)p->mask + n_actions, size);
	if (!job->flag[JSON].set) {
		transition_print_header(job->loaded->env, job->flag[Q].set, &p->line);
		fputs(p->line.p, stdout);
	}
	return true;
}

/* As struct eval_listener has it. */
static void print_step(void *arg, int action, const struct step *s)
{
	struct printer *p = arg;
	const struct policy *policy = &p->job->loaded->policy;
	const struct env_ops *ops = p->job->loaded->env;
	const size_t obs_dim = (size_t)ops->obs_dim, n_actions = (size_t)ops->n_actions;
	struct transition *step = &p->step;
	if (s) {
		step->step++;
		step->action = action;
		step->result = *s;
		step->next_mask = vec_env_mask(p->v, 0);
		p->line = text_into(p->line.p, p->line.size);
		transition_print(ops, step, p->job->flag[JSON].set, &p->line);
		(void)fwrite(p->line.p, 1, p->line.len, stdout); /* close_stdout looks for errors */
	} else {
		step->episode++;
		step->step = 0;
	}
	memcpy(p->obs, p->raw, obs_dim * sizeof(float));
	if (p->v->mask)
		memcpy(p->mask, p->v->mask, n_actions);
	if (step->q)
		memcpy(p->q, net_forward(&policy->net, policy->k, policy->params, p->v->obs, 1, policy->work),
			n_actions * sizeof(float));
}

/* --- episodes --- */

/* In the environments of v. */
static bool play(struct eval_job *job, struct vec_env *v, struct printer *printer, struct err *e)
{
	struct progress p;
	struct rng rng, explore;
	struct episode_seeds seeds = seeds_of(job, &rng);
	const struct eval_listener shown = { .tell = progress_tell, .arg = &p };
	const struct eval_listener printed = { .step = print_step, .arg = printer };
	printer->v = v;
	rng_init_stream(&explore, job->seed, STREAM_OUTSIDE_EXPLORATION);
	progress_init_count(&p, "episodes");
	job->loaded->children.progress = &p;
	const bool ok = evaluate(&job->loaded->policy, v, &seeds, job->n_episodes, job->flag[EPSILON].real, &explore,
		&job->stats, job->episodes, job->flag[STEPS].set ? &printed : &shown, e);
	progress_end(&p);
	job->loaded->children.progress = NULL;
	return ok ||
	       (e->kind == ERR_DIVERGED &&
		       err_set(e, ERR_DIVERGED, "'%.300s' has diverged: a Q value is not finite", job->loaded->name));
}

static bool run_episodes(struct eval_job *job, struct err *e)
{
	struct printer printer = { .raw = NULL };
	struct vec_env v;
	struct env env;
	if (!load_policy(job->loaded, e) || (job->flag[STEPS].set && !printer_init(&printer, job, e)))
		return false;
	env_init(&env, job->loaded->env, job->limit, job->loaded->w.obs_scale);
	env.process = job->loaded->process;
	env.raw = printer.raw;
	bool ok = vec_env_init(&v, &env, POLICY_ROWS, e);
	job->episodes = malloc((size_t)job->n_episodes * sizeof(*job->episodes));
	if (ok && !job->episodes)
		ok = err_set(e, ERR_RUN, "out of memory for %" PRId64 " episodes", job->n_episodes);
	ok = ok && play(job, &v, &printer, e);
	free(printer.raw);
	vec_env_release(&v);
	return ok;
}

static bool check_args(const struct flag_value *flag, struct err *e)
{
	static const int others[] = { EPISODES, SEED, EPSILON, LIMIT, STEPS };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (flag[RECHECK].set && flag[others[i]].set)
			return err_set(e, ERR_USAGE,
				"--recheck repeats the run's own evaluation; --%s belongs to another",
				eval_flags[others[i]].name);
	return !flag[Q].set || flag[STEPS].set || err_set(e, ERR_USAGE, "--q prints the Q values of --steps");
}

/* Repeats the final evaluation of a run and compares it with its result. */
static bool recheck(struct eval_job *job, const char *path, struct err *e)
{
	struct dir d;
	struct config c;
	struct result res;
	bool is_done;
	if (!dir_open(&d, path, e))
		return false;
	bool ok = read_run(&d, true, &c, &res, &is_done, e);
	if (ok && !is_done)
		ok = err_set(e, ERR_RUN, "the run in '%s' is not done", path);
	if (ok) {
		job->has_seed = true;
		job->seed = c.seed;
		job->limit = config_eval_limit(&c);
		job->n_episodes = c.final_eval_episodes;
		ok = run_episodes(job, e) && result_compare(&res, &d, &job->stats, job->episodes, e);
	}
	dir_close(&d);
	return ok;
}

/* --require */
static bool require(const struct eval_job *job, struct err *e)
{
	const struct flag_value *least = &job->flag[REQUIRE];
	char mean[TEXT_REAL_SIZE], most[TEXT_REAL_SIZE];
	double worst, best;
	if (!least->set || job->stats.return_mean >= least->real)
		return true;
	env_return_range(job->loaded->env, job->limit, &worst, &best);
	const bool possible = least->real <= best;
	say("mean return %s is below the required %s%s%s", text_real(job->stats.return_mean, mean), least->string,
		possible ? "" : "; no episode can return more than ", possible ? "" : text_real(best, most));
	return end_with(e, STATUS_BELOW_REQUIRED);
}

static bool cmd_eval(const struct args *args, struct err *e)
{
	static struct loaded l;
	const struct flag_value *flag = args->flag;
	if (!check_args(flag, e) || !load_weights(&l, args->pos[0], &flag[WEIGHTS], true, e))
		return false;
	struct eval_job job = { .flag = flag,
		.loaded = &l,
		.has_seed = flag[SEED].set,
		.seed = flag[SEED].seed,
		.n_episodes = flag[EPISODES].set ? flag[EPISODES].count : 100,
		/* Not the limit of the run's own evaluations: returns compare with the threshold. */
		.limit = limit_or_none(flag[LIMIT].set ? flag[LIMIT].count : l.env->max_episode_steps) };
	bool ok = flag[RECHECK].set ? recheck(&job, args->pos[0], e) : run_episodes(&job, e);
	if (ok && !flag[STEPS].set)
		(flag[JSON].set ? print_json : flag[CSV].set ? print_csv : print_text)(&job);
	ok = ok && require(&job, e);
	free(job.episodes);
	unload_weights(&l);
	return ok;
}

const struct command command_eval = {
	.name = "eval",
	.synopsis = "RUN|WEIGHTS [--episodes N] [--seed S] [--epsilon E] [--max-episode-steps N] "
		    "[--require R] [--recheck] [--steps] [--q] [--json|--csv] " WEIGHTS_SYNOPSIS,
	.summary = "run episodes with saved weights",
	.details =
		"RUN is a run directory; its final.safetensors is used or, while the run is not done, "
		"its best.safetensors or checkpoint. WEIGHTS is a weights file, a checkpoint (the "
		"network that its run would evaluate), or - for standard input. Episode i = 0, 1, ... "
		"starts as after Gymnasium's env.reset(seed=S+i). No run trains on the episodes that are "
		"played without --seed. --recheck needs the directory of a "
		"run that is done: it repeats the final evaluation and compares every figure with "
		"result.json. Otherwise episodes end at the environment's own time limit, even if the run's "
		"evaluations had another, so that returns compare with the threshold. A command that is the environment is never "
		"taken from a file: --command names it. Weights of another program (Stable-Baselines3, "
		"CleanRL, Tianshou, PyTorch, Keras, Flax) are a safetensors file that needs --env, or --command.",
	.examples = "dqn eval runs/cartpole/seed-1\n"
		    "dqn eval runs/cartpole/seed-1/best.safetensors --episodes 1000\n"
		    "dqn eval runs/cartpole/seed-1 --require 475 && echo solved\n",
	.flags = eval_flags,
	.statuses = (const int[]){ 0, 1, 2, 3, 4, 5, 6, 7, -1 },
	.min_args = 1,
	.max_args = 1,
	.run = cmd_eval,
};
