#include "run/run.h"

#include "base/clock.h"
#include "base/memory.h"
#include "run/weights.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

double run_wall_s(const struct run *r)
{
	return now_s() - r->start_s;
}

/* --- opening --- */

/* The soft limit of a resource; UINT64_MAX: none. */
static uint64_t limit_of(int resource)
{
	struct rlimit limit;
	if (getrlimit(resource, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return (uint64_t)limit.rlim_cur;
}

/* The kernel may overcommit: check the limits before allocating. */
static bool check_memory(const struct config *c, struct err *e)
{
	const uint64_t need = config_memory(c), mib = 1 << 20;
	const uint64_t space = limit_of(RLIMIT_AS), data = limit_of(RLIMIT_DATA);
	const uint64_t least = space <= data ? space : data;
	return need <= least || err_set(e, ERR_RUN,
					"buffer_size, net_arch and batch_size need %" PRIu64
					" MiB; this process may have %" PRIu64 " MiB (see ulimit %s)",
					need / mib + 1, least / mib, space <= data ? "-v" : "-d");
}

static bool check_file_size(const struct train *t, struct err *e)
{
	const uint64_t need = checkpoint_max_size(t), limit = limit_of(RLIMIT_FSIZE);
	return need <= limit || err_set(e, ERR_RUN,
					"a checkpoint of this run has up to %" PRIu64
					" bytes, but files may have no more than %" PRIu64 " (see ulimit -f)",
					need, limit);
}

/* Checkpoints and weights need one more file than is open now. */
static bool check_descriptors(const struct run *r, struct err *e)
{
	const int spare = dup(r->dir.held.fd);
	if (spare < 0)
		return err_set(
			e, ERR_RUN, "open one more file in '%.500s': %s (see ulimit -n)", r->dir.path, strerror(errno));
	close(spare);
	return true;
}

static bool write_config(const struct run *r, const struct config *c, struct err *e)
{
	struct text t = text_into(r->buf, r->buf_size);
	config_print(c, &t);
	assert(!t.full);
	return file_write_atomic(&r->dir.held, RUN_CONFIG, t.p, t.len, e);
}

/* Loads the checkpoint, or if it is damaged the one before it. True without one, too: the
 * run starts again. */
static bool load_checkpoint(struct run *r, struct marks *m, struct err *e)
{
	static const char *const names[] = { RUN_CHECKPOINT, RUN_PREVIOUS };
	struct err first, why;
	struct st_file st;
	for (int i = 0; i < 2 && !r->was_resumed; i++) {
		if (!file_exists(&r->dir.held, names[i]))
			continue;
		r->was_resumed = st_open(&st, &r->dir.held, names[i], &why) && checkpoint_load(&st, &r->train, m, &why);
		if (!r->was_resumed && why.kind != ERR_CORRUPT)
			return err_set(e, why.kind, "%s", why.msg);
		if (!r->was_resumed && !r->is_damaged)
			first = why;
		r->is_damaged = r->is_damaged || !r->was_resumed;
	}
	r->is_saved = r->was_resumed && !r->is_damaged;
	if (r->is_damaged && r->was_resumed)
		snprintf(r->warning, sizeof(r->warning), "%.400s; the checkpoint before it will do", first.msg);
	return r->was_resumed || !r->is_damaged ||
	       err_set(e, ERR_CORRUPT, "%.500s; --fresh starts the run again", first.msg);
}

/* Removes the run. Its files may be what the next one starts from, so their copies come first. */
static bool replace(struct run *r, const struct config *c, const struct inputs *in, struct err *e)
{
	return (!file_exists(&r->dir.held, RUN_CONFIG) || inputs_write(in, &r->dir.held, e)) &&
	       rundir_remove_run(&r->dir, c, e);
}

bool run_preload(struct train *t, const struct inputs *in, struct transitions_found *found, struct err *e)
{
	const struct option *key = config_find("preload");
	const struct input *file = inputs_find(in, key->key);
	const struct transitions_opts opts = { .ops = t->env.ops,
		.obs_scale = t->obs_scale,
		.reward_scale = t->config.reward_scale,
		.sha256 = inputs_digest(&t->config, key) };
	*found = (struct transitions_found){ 0 };
	if (!t->config.preload[0])
		return true;
	if (!file || file->fd < 0)
		return err_set(e, ERR_USAGE,
			"preload = '%.500s': no such file, and there is no checkpoint to resume from",
			file ? file->name : t->config.preload);
	if (!transitions_read(file->fd, file->name, &opts, &t->replay, found, e))
		return false;
	t->preloaded = found->n_stored;
	return t->preloaded + t->config.total_timesteps > t->config.learning_starts ||
	       err_set(e, ERR_USAGE,
		       "learning_starts = %" PRId64 " must be below total_timesteps = %" PRId64 " and the %" PRId64
		       " transitions of preload, or nothing is learned",
		       t->config.learning_starts, t->config.total_timesteps, t->preloaded);
}

/* In the open directory. Errors that would come later come here; and memory comes before files,
 * so that a run that does not fit costs no earlier run. */
static bool start(struct run *r, const struct config *c, const struct inputs *in, const struct kernels *k, bool fresh,
	struct err *e)
{
	struct marks marks = { .wall_s = 0 };
	if (!check_memory(c, e) || !train_init(&r->train, c, k, e))
		return false;
	if (in->weights.params)
		train_set_weights(&r->train, in->weights.params);
	r->train.yields = true;
	r->buf_size = weights_buffer_size(&r->train.agent.policy.net);
	r->buf = memory_zeroed(r->buf_size);
	if (!r->buf)
		return err_set(e, ERR_RUN, "out of memory for writing the weights");
	if (r->dir.state != RUNDIR_STARTED && !run_preload(&r->train, in, &r->preloaded, e))
		return false;
	if (!rundir_check_writable(&r->dir, e) || !check_file_size(&r->train, e) || (fresh && !replace(r, c, in, e)))
		return false;
	if (!(r->dir.state == RUNDIR_STARTED ? load_checkpoint(r, &marks, e) : write_config(r, c, e)) ||
		!inputs_write(in, &r->dir.held, e))
		return false;
	if (r->dir.state == RUNDIR_STARTED && !r->was_resumed && !run_preload(&r->train, in, &r->preloaded, e))
		return false;
	rundir_mark_stopped(&r->dir, false);
	r->start_s -= marks.wall_s;
	const int64_t *sizes = r->was_resumed ? marks.log_size : NULL;
	return logs_open(&r->logs, &r->dir.held, sizes, e) && check_descriptors(r, e) &&
	       file_remove(&r->dir.held, RUN_FAILED, e);
}

bool run_open(struct run *r, const char *path, const struct config *c, const struct inputs *in, const struct kernels *k,
	bool fresh, struct err *e)
{
	static const struct inputs none;
	*r = (struct run){ .state = RUN_ACTIVE };
	r->start_s = r->saved_s = now_s();
	bool ok = rundir_open(&r->dir, path, c, fresh, &r->result, e);
	if (ok && r->dir.state == RUNDIR_DONE)
		r->state = RUN_DONE;
	else
		ok = ok && start(r, c, in ? in : &none, k, fresh, e);
	if (!ok)
		run_close(r);
	return ok;
}

void run_close(struct run *r)
{
	logs_close(&r->logs);
	rundir_close(&r->dir);
	train_release(&r->train);
	free(r->buf);
	r->buf = NULL;
}

/* --- saving --- */

/* Writes the final weights, or those that evaluated best: the latest, if none were evaluated. All but the
 * renaming. */
static bool write_weights(struct run *r, struct file_writer *file, bool best, struct err *e)
{
	const struct train *t = &r->train;
	const bool evaluated = best && t->has_best;
	const struct weights w = { .net = t->agent.policy.net,
		.env = t->env.ops,
		.max_episode_steps = config_eval_limit(&t->config),
		.params = evaluated ? t->best : t->agent.average,
		.obs_scale = t->obs_scale,
		.config = &t->config,
		.timesteps = evaluated ? t->best_row.timesteps : t->timesteps,
		.n_updates = (int64_t)(evaluated ? t->best_row.n_updates : t->agent.adam.t) };
	const size_t n = weights_build(&w, r->buf, r->buf_size);
	sha256_of(r->buf, n, best ? r->best_sha256 : r->result.final_sha256);
	const bool ok = file_begin(file, &r->dir.held, best ? RUN_BEST : RUN_FINAL, e) && file_add(file, r->buf, n, e);
	return file_finish(file, ok, e);
}

static bool save_best(struct run *r, struct err *e)
{
	struct file_writer file;
	const bool ok = write_weights(r, &file, true, e);
	r->is_best_saved = file_replace(&file, 1, ok, NULL, e);
	r->best_s = now_s();
	return r->is_best_saved;
}

static bool sync_logs(struct run *r, struct err *e)
{
	return rundir_check(&r->dir, &r->logs, e) && logs_sync(&r->logs, e);
}

static bool save(struct run *r, struct err *e)
{
	const double begin_s = now_s();
	struct marks marks = { .wall_s = begin_s - r->start_s };
	struct err ignored;
	if (r->is_saved)
		return true;
	/* The logs first: a checkpoint must not name rows that a power cut takes. */
	if (!train_check(&r->train, e) || !sync_logs(r, e) ||
		(r->train.has_best && !r->is_best_saved && !save_best(r, e)))
		return false;
	memcpy(marks.log_size, r->logs.size, sizeof(marks.log_size));
	/* Make room for the new file, but keep the only good one. */
	if (!r->is_damaged && file_exists(&r->dir.held, RUN_CHECKPOINT))
		file_remove(&r->dir.held, RUN_PREVIOUS, &ignored);
	if (!checkpoint_save(&r->dir.held, RUN_CHECKPOINT, r->is_damaged ? NULL : RUN_PREVIOUS, &r->train, &marks,
		    r->buf, r->buf_size, e))
		return false;
	r->is_damaged = false;
	r->is_saved = true;
	r->saved_s = now_s();
	r->save_s = r->saved_s - begin_s;
	return true;
}

/* After an error of the system, whose reason may be that the directory is gone; false. */
static bool find_reason(const struct run *r, struct err *e)
{
	if (e->kind == ERR_RUN)
		rundir_check(&r->dir, &r->logs, e);
	return false;
}

bool run_save(struct run *r, struct err *e)
{
	return save(r, e) || find_reason(r, e);
}

/* Save at most 2 % of the time, unless the interval is under a second. */
static bool save_is_due(const struct run *r, double last_s)
{
	const double interval_s = r->train.config.checkpoint_interval, share = 50, meant_s = 1;
	const double pause_s = interval_s < meant_s ? interval_s : fmax(interval_s, share * r->save_s);
	return interval_s > 0 && now_s() - last_s >= pause_s;
}

/* Diverged weights are not saved, and no error yet: a later update or evaluation finds them,
 * at the same step whenever saving is due. */
static bool save_if_due(struct run *r, struct err *e)
{
	struct err ignored;
	return !save_is_due(r, r->saved_s) || !train_check(&r->train, &ignored) || save(r, e);
}

/* The first best weights are written at once, later ones as often as checkpoints. */
static bool update_best(struct run *r, struct err *e)
{
	r->is_best_saved = false;
	return (r->best_s > 0 && !save_is_due(r, r->best_s)) || (rundir_check(&r->dir, &r->logs, e) && save_best(r, e));
}

/* --- a step --- */

static void set_result(struct run *r)
{
	const struct train *t = &r->train;
	r->result = (struct result){
		.seed = t->config.seed,
		.timesteps = t->timesteps,
		.total_timesteps = t->config.total_timesteps,
		.episodes = t->episodes,
		.n_updates = t->agent.adam.t,
		.stopped = t->stopped,
		.has_best = t->has_best,
		.best_timesteps = t->has_best ? t->best_row.timesteps : t->timesteps,
		.best_return_mean = t->has_best ? t->best_row.stats.return_mean : (double)NAN,
	};
	snprintf(r->result.env_id, sizeof(r->result.env_id), "%s", t->env.ops->id);
}

static bool write_result(struct run *r, struct file_writer *file, struct err *e)
{
	const struct train *t = &r->train;
	const bool ok = file_begin(file, &r->dir.held, RUN_RESULT, e) &&
			result_write(file, &r->result, &t->config, t->final_returns, r->buf, r->buf_size, e);
	return file_finish(file, ok, e);
}

/* The files that end the run, in the order that run/rundir.h states. */
static bool write_end(struct run *r, struct err *e)
{
	struct result *res = &r->result;
	struct file_writer file[3], *last = file;
	bool ok = logs_start_sync(&r->logs, e);
	if (ok && (!r->train.has_best || !r->is_best_saved || !file_exists(&r->dir.held, RUN_BEST)))
		ok = write_weights(r, last++, true, e);
	if (ok)
		ok = write_weights(r, last++, false, e);
	memcpy(res->best_sha256, r->best_sha256, sizeof(res->best_sha256));
	if (ok)
		ok = write_result(r, last++, e);
	ok = ok && sync_logs(r, e);
	return file_replace(file, (size_t)(last - file), ok, NULL, e) && file_sync(r->dir.held.fd, r->dir.path, e);
}

/* Some episodes of the final evaluation; after its last one, the end. */
static bool finish(struct run *r, struct err *e)
{
	set_result(r);
	if (!train_final_eval(&r->train, &r->result.final, e))
		return e->kind == ERR_NONE && save_if_due(r, e);
	if (!write_end(r, e))
		return false;
	r->state = RUN_DONE;
	rundir_clean(&r->dir);
	return true;
}

static bool log_progress(struct run *r, struct err *e)
{
	const double wall_s = run_wall_s(r);
	const int64_t timesteps = r->train.log.timesteps;
	const struct timing_row timing = { .timesteps = timesteps,
		.wall_s = wall_s,
		.steps_per_s = (double)timesteps / wall_s,
		.max_rss_kib = memory_peak_kib() };
	return rundir_check(&r->dir, &r->logs, e) && logs_add(&r->logs, LOG_PROGRESS, &r->train, e) &&
	       logs_add(&r->logs, LOG_TIMING, &timing, e);
}

static bool step(struct run *r, struct err *e)
{
	struct train *t = &r->train;
	struct err why;
	if (train_is_finished(t)) { /* in its final evaluation */
		t->events = 0;
		return finish(r, e);
	}
	const bool trained = train_step(t, &why);
	/* An episode has ended even if the updates after it diverge. */
	if (t->events & TRAIN_EPISODE && !logs_add(&r->logs, LOG_EPISODES, &t->episode, e))
		return false;
	if (!trained)
		return err_set(e, why.kind, "%s", why.msg);
	if (t->events & TRAIN_EVALUATED && !logs_add(&r->logs, LOG_EVAL, &t->eval, e))
		return false;
	if (t->events & TRAIN_EVALUATED && t->eval.is_best && !update_best(r, e))
		return false;
	if (t->events & TRAIN_LOGGED && !log_progress(r, e))
		return false;
	return t->events & TRAIN_FINISHED ? finish(r, e) : save_if_due(r, e);
}

/* Keeps what a diverged run has: its rows, the best weights, the reason. Errors are ignored:
 * the user must hear of the divergence. */
static void write_failed(struct run *r, const struct err *why)
{
	struct err ignored;
	char line[sizeof(why->msg) + 1];
	logs_flush(&r->logs, &ignored);
	if (r->train.has_best)
		save_best(r, &ignored);
	struct text t = text_into(line, sizeof(line));
	text_add(&t, "%s\n", why->msg);
	file_write_atomic(&r->dir.held, RUN_FAILED, t.p, t.len, &ignored);
}

bool run_step(struct run *r, struct err *e)
{
	assert(r->state == RUN_ACTIVE);
	r->is_saved = false;
	if (step(r, e))
		return true;
	if (e->kind == ERR_DIVERGED)
		write_failed(r, e);
	return find_reason(r, e);
}
