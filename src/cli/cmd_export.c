#include "cli/cli.h"

#include "base/memory.h"
#include "cli/children.h"
#include "cli/export.h"
#include "cli/progress.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TO, NAME, OUT, INT8, EPISODES, WEIGHTS };
static const struct flag export_flags[] = {
	[TO] = { "to", '\0', FLAG_STRING, "FORM", "c, onnx or safetensors" },
	[NAME] = { "name", '\0', FLAG_STRING, "NAME", "prefix in C (default: the environment's id)" },
	[OUT] = { "out", 'o', FLAG_STRING, "FILE", "file to write (default: standard output)" },
	[INT8] = { "int8", '\0', FLAG_SWITCH, NULL, "c: weights of 8 bits; say what they change" },
	[EPISODES] = { "episodes", 'n', FLAG_COUNT, "N", "int8: episodes of its evaluation (default 100)" },
	WEIGHTS_FLAGS(WEIGHTS),
	{ .name = NULL },
};

enum form { FORM_C, FORM_ONNX, FORM_SAFETENSORS };
static const char *const forms[] = { "c", "onnx", "safetensors", NULL };

enum { COMPARED = 10000 }; /* actions, and those of the episode that is under way */

struct job {
	struct export_job export;
	struct loaded *loaded;
	struct weights *weights;    /* those to export */
	float *memory;              /* of all below */
	float *exact;               /* (n_params) the weights as they were read */
	float *work;                /* net_forward_size(POLICY_ROWS) */
	float *obs, *q;             /* (EXPORT_TESTS, n) of the self-test */
	float *seen, *scaled;       /* (obs_dim) an observation */
	uint8_t *mask;              /* (n_actions) */
	int64_t n_compared, n_same; /* actions */
};

static bool job_init(struct job *j, struct err *e)
{
	const struct net *net = &j->weights->net;
	const size_t n_obs = (size_t)net->dim[0], n_q = (size_t)net->dim[net->n_layers];
	const size_t work = net_forward_size(net, POLICY_ROWS);
	const size_t small = EXPORT_TESTS * (n_obs + n_q) + 2 * n_obs + n_q;
	if (!load_policy(j->loaded, e))
		return false;
	j->memory = work ? memory_zeroed((net->n_params + work + small) * sizeof(float)) : NULL;
	if (!j->memory)
		return err_set(e, ERR_RUN, "out of memory for %zu weights", net->n_params);
	j->exact = j->memory;
	j->work = j->exact + net->n_params;
	j->obs = j->work + work;
	j->q = j->obs + EXPORT_TESTS * n_obs;
	j->seen = j->q + EXPORT_TESTS * n_q;
	j->scaled = j->seen + n_obs;
	j->mask = (uint8_t *)(j->scaled + n_obs);
	memcpy(j->exact, j->weights->params, net->n_params * sizeof(float));
	j->export.obs = j->obs;
	j->export.q = j->q;
	return true;
}

/* --- observations: for the self-test, and to compare actions --- */

/* Computes the Q values of j->seen with the exact and with the exported weights, compares the actions, and
 * keeps the observation for test i. *action is that of the exact weights. */
static bool look(struct job *j, int i, int *action, struct err *e)
{
	const struct weights *w = j->weights;
	const int n_obs = w->net.dim[0], n_q = w->net.dim[w->net.n_layers];
	const uint8_t *mask = w->env->has_masks && w->env->reset ? j->mask : NULL;
	for (int k = 0; k < n_obs; k++)
		j->scaled[k] = j->seen[k] * w->obs_scale[k];
	const struct policy *policy = &j->loaded->policy;
	const float *q = net_forward(&w->net, policy->k, j->exact, j->scaled, 1, policy->work);
	const float *p = net_forward(&w->net, policy->k, w->params, j->scaled, 1, j->work);
	if (!policy_is_finite(q, (size_t)n_q) || !policy_is_finite(p, (size_t)n_q))
		return err_set(e, ERR_DIVERGED, "the network has diverged: a Q value is not finite");
	*action = policy_argmax(q, mask, n_q);
	j->n_compared++;
	j->n_same += policy_argmax(p, mask, n_q) == *action;
	if (i < EXPORT_TESTS) {
		memcpy(j->obs + (ptrdiff_t)i * n_obs, j->seen, (size_t)n_obs * sizeof(float));
		memcpy(j->q + (ptrdiff_t)i * n_q, p, (size_t)n_q * sizeof(float));
	}
	return true;
}

/* Plays whole episodes, those of `dqn eval` without a seed. Test i is from episode i, a little later in each. */
static bool record(struct job *j, struct err *e)
{
	const int later = 8; /* steps */
	struct env env;
	struct rng rng;
	rng_init_stream(&rng, 0, STREAM_OUTSIDE);
	env_init(&env, j->weights->env, j->weights->max_episode_steps, NULL);
	for (int i = 0; i < EXPORT_TESTS || (j->export.int8 && j->n_compared < COMPARED); i++) {
		struct step s = { 0 };
		int action = 0;
		if (!env_reset(&env, rng_u64(&rng), j->seen, j->mask, e))
			return false;
		for (int step = 0; !s.terminated && !s.truncated; step++)
			if (!look(j, step <= i * later ? i : EXPORT_TESTS, &action, e) ||
				!env_step(&env, action, j->seen, j->mask, &s, e))
				return false;
	}
	return true;
}

/* An environment that is a child process is not started: its inputs are random in -1 to 1,
 * after scaling. */
static bool invent(struct job *j, struct err *e)
{
	struct rng rng;
	int action;
	rng_init_stream(&rng, 0, STREAM_OUTSIDE);
	for (int i = 0; i < (j->export.int8 ? COMPARED : EXPORT_TESTS); i++) {
		for (int k = 0; k < j->weights->net.dim[0]; k++) {
			const double scale = (double)j->weights->obs_scale[k];
			j->seen[k] = (float)(rng_uniform(&rng, -1, 1) / (scale != 0 ? scale : 1));
		}
		if (!look(j, i, &action, e))
			return false;
	}
	return true;
}

/* --- int8 --- */

static bool mean_return(const struct job *j, const float *params, int64_t n, double *mean, struct err *e)
{
	const struct weights *w = j->weights;
	struct policy policy = j->loaded->policy;
	struct eval_stats stats;
	struct progress p;
	struct vec_env v;
	struct env env;
	struct rng rng;
	struct episode_seeds seeds = { .rng = &rng };
	const struct eval_listener listener = { .tell = progress_tell, .arg = &p };
	policy.params = params;
	rng_init_stream(&rng, 0, STREAM_OUTSIDE);
	env_init(&env, w->env, 0, w->obs_scale);
	if (!vec_env_init(&v, &env, POLICY_ROWS, e))
		return false;
	progress_init_count(&p, "episodes");
	const bool ok = evaluate(&policy, &v, &seeds, n, 0, NULL, &stats, NULL, &listener, e);
	progress_end(&p);
	vec_env_release(&v);
	*mean = ok ? stats.return_mean : 0;
	return ok;
}

static bool say_int8(const struct job *j, int64_t n_episodes, struct err *e)
{
	char text[128] = "";
	double mean, exact;
	if (j->weights->env->reset) {
		if (!mean_return(j, j->weights->params, n_episodes, &mean, e) ||
			!mean_return(j, j->exact, n_episodes, &exact, e))
			return false;
		snprintf(text, sizeof(text), "; return %.1f over %" PRId64 " episodes, %.1f with float weights", mean,
			n_episodes, exact);
	}
	say("int8: %" PRId64 " of %" PRId64 " actions on %s observations are those of float weights%s", j->n_same,
		j->n_compared, j->weights->env->reset ? "recorded" : "random", text);
	return true;
}

/* --- the file --- */

static bool build_text(const struct job *j, bool onnx, const char *path, struct err *e)
{
	const uint64_t size = onnx ? export_onnx_size(&j->export) : export_c_size(&j->export);
	char *buf = size < SIZE_MAX ? malloc((size_t)size) : NULL;
	if (!buf)
		return err_set(e, ERR_RUN, "out of memory: the file needs up to %" PRIu64 " bytes", size);
	struct text t = text_into(buf, (size_t)size);
	(onnx ? export_onnx : export_c)(&j->export, &t);
	bool ok = !t.full || err_set(e, ERR_RUN, "the file is larger than %" PRIu64 " bytes", size);
	if (ok && onnx && t.len > INT32_MAX)
		ok = err_set(e, ERR_RUN, "the model would have %zu bytes; ONNX allows 2 GiB", t.len);
	ok = ok && write_output(path, buf, t.len, e);
	free(buf);
	return ok;
}

static bool export_to_c(struct job *j, const struct flag_value *flag, struct err *e)
{
	const bool ok = job_init(j, e);
	if (ok && j->export.int8)
		export_quantise(&j->weights->net, j->weights->params);
	return ok && (j->weights->env->reset ? record : invent)(j, e) &&
	       (!j->export.int8 || say_int8(j, flag[EPISODES].set ? flag[EPISODES].count : 100, e)) &&
	       build_text(j, false, flag[OUT].string, e);
}

static bool export_to_safetensors(struct job *j, const char *path, struct err *e)
{
	struct weights *w = j->weights;
	if (!weights_fold_scale(w))
		return err_set(
			e, ERR_RUN, "the observation scale does not fit into the weights: a product is not finite");
	const size_t size = weights_buffer_size(&w->net);
	char *buf = memory_zeroed(size);
	if (!buf)
		return err_set(e, ERR_RUN, "out of memory for %zu weights", w->net.n_params);
	const bool ok = write_output(path, buf, weights_build(w, buf, size), e);
	free(buf);
	return ok;
}

/* --- the command --- */

/* "cartpole_v1" of "CartPole-v1". */
static void default_name(const char *id, char name[EXPORT_NAME_SIZE])
{
	struct text t = text_into(name, EXPORT_NAME_SIZE);
	text_add(&t, isdigit((unsigned char)id[0]) ? "env_" : "");
	for (; *id; id++)
		if (isalnum((unsigned char)*id))
			text_add(&t, "%c", tolower((unsigned char)*id));
		else if (t.len > 0 && name[t.len - 1] != '_')
			text_add(&t, "_");
	text_add(&t, t.len ? "" : "policy");
}

static bool check_args(const struct flag_value *flag, enum form *form, struct err *e)
{
	const char *legal = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	const char *to = flag[TO].string, *name = flag[NAME].string;
	if (!to)
		return err_set(e, ERR_USAGE, "'export' needs --to c, onnx or safetensors");
	const int i = text_index(to, forms);
	if (i < 0) {
		err_set(e, ERR_USAGE, "--to '%.40s' is not c, onnx or safetensors", to);
		return err_suggest(e, "", text_nearest(to, forms));
	}
	*form = (enum form)i;
	if (flag[INT8].set && *form != FORM_C)
		return err_set(e, ERR_USAGE, "--int8 is for --to c");
	if (flag[EPISODES].set && !flag[INT8].set)
		return err_set(e, ERR_USAGE, "--episodes is for the evaluation of --int8");
	if (name && *form == FORM_SAFETENSORS)
		return err_set(e, ERR_USAGE, "--name is for --to c and --to onnx");
	if (name && (strspn(name, legal) != strlen(name) || isdigit((unsigned char)name[0]) ||
			    strlen(name) >= EXPORT_NAME_SIZE))
		return err_set(e, ERR_USAGE, "--name '%.80s' is not an identifier of C of up to %d characters", name,
			EXPORT_NAME_SIZE - 1);
	if (*form != FORM_C && !flag[OUT].set && isatty(STDOUT_FILENO))
		return err_set(e, ERR_USAGE, "%s is binary and standard output a terminal: name a file by --out", to);
	return true;
}

static bool cmd_export(const struct args *args, struct err *e)
{
	static struct loaded l;
	const struct flag_value *flag = args->flag;
	char name[EXPORT_NAME_SIZE];
	enum form form = FORM_C;
	struct job j = { .loaded = &l, .weights = &l.w, .export = { .int8 = flag[INT8].set, .weights = &l.w } };
	if (!check_args(flag, &form, e) || !load_weights(&l, args->pos[0], &flag[WEIGHTS], false, e))
		return false;
	default_name(l.w.env->id, name);
	j.export.name = flag[NAME].set ? flag[NAME].string : name;
	const char *out = flag[OUT].string;
	const bool ok = form == FORM_SAFETENSORS ? export_to_safetensors(&j, out, e)
			: form == FORM_ONNX      ? build_text(&j, true, out, e)
						 : export_to_c(&j, flag, e);
	unload_weights(&l);
	free(j.memory);
	return ok;
}

const struct command command_export = {
	.name = "export",
	.synopsis =
		"RUN|WEIGHTS --to c|onnx|safetensors [--name NAME] [--out FILE] [--int8] [--episodes N] " WEIGHTS_SYNOPSIS,
	.summary = "write a policy for other programs",
	.details =
		"The observation scaling of the run is part of each form. c: a header for C99 and C++ with "
		"NAME_act(obs) and NAME_q(obs, q), and a self-test; its head says how to use it and how much memory it needs. "
		"--int8 stores the weights in 8 bits, and says how many actions change and what the policy "
		"returns. onnx: a model with opset 13, input obs (batch, observations) and output q (batch, "
		"actions). safetensors: tensors that PyTorch's load_state_dict takes, the scaling "
		"multiplied into the first layer. The same weights give the same bytes. RUN and WEIGHTS are "
		"those of 'dqn eval'. The observations of the self-test are recorded in episodes or, if the environment is a child "
		"process, random.",
	.examples = "dqn export runs/cartpole/seed-1 --to c --out cartpole.h\n"
		    "dqn export runs/cartpole/seed-1 --to onnx >cartpole.onnx\n",
	.flags = export_flags,
	.statuses = (const int[]){ 0, 1, 2, 4, 5, 6, 7, -1 },
	.min_args = 1,
	.max_args = 1,
	.run = cmd_export,
};
