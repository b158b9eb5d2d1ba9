#include "cli/cli.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "cli/children.h"
#include "run/hint.h"
#include "run/weights.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WEIGHTS_LIMIT = 1 << 30 };

void keys_add(struct keys *k, const struct option *o)
{
	int at = 0;
	while (at < k->n && strcmp(k->at[at]->key, o->key) < 0)
		at++;
	if (at < k->n && k->at[at] == o)
		return;
	for (int i = k->n++; i > at; i--)
		k->at[i] = k->at[i - 1];
	k->at[at] = o;
}

void keys_add_overrides(struct keys *k, const struct args *args)
{
	for (int i = 1; i < args->n; i++) {
		char key[64];
		snprintf(key, sizeof(key), "%.*s", (int)strcspn(args->pos[i], "="), args->pos[i]);
		keys_add(k, config_find(key));
	}
}

enum { PAIR_SIZE = 64 + 2 * CONFIG_VALUE_SIZE }; /* a string is at most half of one, 3 bytes each */

/* "key=value" as part of a directory's name. In a string, %2F stands for a byte that a name or
 * a list of pairs cannot have, as in a URL. A long pair ends in '~' and a hash of all of it. */
static void print_pair(const struct option *o, const struct config *c, char pair[PAIR_SIZE])
{
	enum { MOST = 200, N_DIGITS = 12 };
	const char *plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+:@=-";
	const char *s = (const char *)c + o->offset;
	char hash[SHA256_HEX_SIZE];
	struct text t = text_into(pair, PAIR_SIZE);
	text_add(&t, "%s=", o->key);
	if (o->type != OPTION_STRING)
		config_print_value(c, o, &t);
	else
		for (; *s; s++)
			text_add(&t, strchr(plain, *s) ? "%c" : "%%%02X", (unsigned char)*s);
	if (t.len <= MOST)
		return;
	sha256_of(pair, t.len, hash);
	snprintf(pair + MOST - N_DIGITS - 1, N_DIGITS + 2, "~%.*s", N_DIGITS, hash);
}

bool run_dir(char dir[RUN_PATH_SIZE], const char *base, char first, const struct keys *keys, const struct config *c)
{
	const size_t most = first == ',' ? 255 : 201; /* bytes of a name; file systems take 255 */
	const char *slash = strrchr(base, '/');
	size_t begin = slash ? (size_t)(slash - base) + 1 : 0; /* of the last name */
	char separator = first;
	struct text t = text_into(dir, RUN_PATH_SIZE);
	text_add(&t, "%s", base);
	for (int i = 0; i < keys->n; i++) {
		const struct option *o = keys->at[i];
		char pair[PAIR_SIZE];
		if (strcmp(o->key, "seed") == 0 || o->neutral)
			continue;
		print_pair(o, c, pair);
		if (t.len - begin + 1 + strlen(pair) > most)
			separator = '/';
		if (separator == '/')
			begin = t.len + 1;
		text_add(&t, "%c%s", separator, pair);
		separator = ',';
	}
	text_add(&t, "/seed-%" PRIu64, c->seed);
	return !t.full;
}

bool read_run(const struct dir *d, bool whole, struct config *c, struct result *res, bool *is_done, struct err *e)
{
	*is_done = file_exists(d, RUN_RESULT);
	return rundir_read_config(d, c, e) && (!*is_done || result_load(res, d, c, whole, e));
}

/* The weights of a run that is not done: those that evaluated best, or a checkpoint. */
static bool find_unfinished(
	const struct dir *d, const char *path, const struct config *c, const char **name, struct err *e)
{
	const bool has_best = file_exists(d, RUN_BEST), has_failed = file_exists(d, RUN_FAILED);
	*name = has_best ? RUN_BEST : RUN_CHECKPOINT;
	if (!file_exists(d, *name))
		return err_set(e, ERR_RUN, "the run in '%s' %s", path,
			has_failed ? "diverged and has no weights" : "is not done and has no weights yet");
	if (!weights_check(d, *name, c, e))
		return false;
	const char *until = has_failed ? "" : has_best ? " so far" : " yet";
	say("'%.500s' holds a run that %s; taking '%s', %s%s", path, has_failed ? "diverged" : "is not done", *name,
		has_best ? "the weights that evaluated best" : "as there is no 'best.safetensors'", until);
	return true;
}

/* The file of a run directory to use. A directory without a configuration will do if it has
 * the final weights. */
static bool find_weights(const char *path, const char **name, struct err *e)
{
	struct dir d;
	struct config c;
	struct result res;
	bool is_done = true;
	if (!dir_open(&d, path, e))
		return false;
	*name = RUN_FINAL;
	bool ok = !file_exists(&d, RUN_CONFIG) || read_run(&d, false, &c, &res, &is_done, e);
	if (ok && !is_done)
		ok = find_unfinished(&d, path, &c, name, e);
	else if (ok && !file_exists(&d, *name))
		ok = err_set(e, ERR_RUN, "no '%s' in '%s'; is it a run directory?", *name, path);
	dir_close(&d);
	return ok;
}

bool read_weights(const char *path, char *name, char **data, size_t *len, struct err *e)
{
	if (strcmp(path, "-") == 0) {
		snprintf(name, RUN_PATH_SIZE, "standard input");
		return file_read_fd(STDIN_FILENO, name, WEIGHTS_LIMIT, data, len, e);
	}
	struct stat st;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		const char *file;
		return find_weights(path, &file, e) && file_join(name, RUN_PATH_SIZE, path, file, e) &&
		       file_load(NULL, name, WEIGHTS_LIMIT, data, len, e);
	}
	if ((size_t)snprintf(name, RUN_PATH_SIZE, "%s", path) >= RUN_PATH_SIZE)
		return err_set(e, ERR_RUN, "path too long: '%s'", path);
	return file_read(name, WEIGHTS_LIMIT, data, len, e);
}

/* Sets a key to the value of --NAME, unless that is NULL. */
static bool set_key(struct config *c, const char *key, const char *name, const char *value, struct err *e)
{
	char range[256], hint[HINT_SIZE];
	const struct option *o = config_find(key);
	struct text t = text_into(range, sizeof(range));
	if (!value || config_set_value(c, o, value))
		return true;
	option_print_range(o, &t);
	err_set(e, ERR_USAGE, "--%s '%.80s' is not valid (%s)", name, value, range);
	return err_suggest(e, "", hint_value(o, value, hint) ? hint : o->names ? text_nearest(value, o->names) : NULL);
}

/* The configuration that the flags give to weights of another program. */
static bool foreign_config(struct config *c, const struct flag_value *flags, struct children *ch, struct err *e)
{
	static struct report r; /* too much for a small stack */
	const char *command = flags[WEIGHTS_COMMAND].string;
	config_init(c);
	if (!set_key(c, "id", "env", command ? "process" : flags[WEIGHTS_ENV].string, e) ||
		!set_key(c, "command", "command", command, e) ||
		!set_key(c, "activation", "activation", flags[WEIGHTS_ACTIVATION].string, e) ||
		!set_key(c, "obs_scale", "obs-scale", flags[WEIGHTS_OBS_SCALE].string, e))
		return false;
	if (config_is_process(c) && !command)
		return err_set(e, ERR_USAGE, "--env 'process' needs --command instead");
	if (command && !children_start(ch, c, 1, e))
		return false;
	report_init(&r);
	config_check_env(c, 0, &r); /* all else has its default */
	return r.n_errors == 0 || err_set(e, ERR_USAGE, "--obs-scale: %.*s", (int)strcspn(r.buf, "\n"), r.buf);
}

/* Our own weights say what the flags would say, but for the command to play in. */
static bool check_own(
	const struct weights *w, const char *name, const struct flag_value *flags, bool plays, struct err *e)
{
	const char *id = flags[WEIGHTS_ENV].string;
	if (id && strcmp(id, w->env->id) != 0)
		return err_set(e, ERR_USAGE, "'%.300s' is for %s, not %.64s", name, w->env->id, id);
	const char *needless = flags[WEIGHTS_ACTIVATION].set          ? "activation"
			       : flags[WEIGHTS_OBS_SCALE].set         ? "obs-scale"
			       : flags[WEIGHTS_COMMAND].set && !plays ? "command"
								      : NULL;
	return !needless || err_set(e, ERR_USAGE, "'%.300s' says all about itself: leave out --%s", name, needless);
}

/* Sets the environment in which the weights play; starts it if it is a child process. */
static bool start_env(struct loaded *l, const char *command, struct err *e)
{
	static struct config c; /* too much for a small stack */
	const struct weights *w = &l->w;
	l->env = w->env;
	if (w->env->reset)
		return !command || err_set(e, ERR_USAGE, "'%s' is built in: leave out --command", w->env->id);
	if (!command)
		return err_set(e, ERR_USAGE,
			"the environment of '%.200s' is a child process: name its command by --command; "
			"in training it was '%.300s'",
			l->name, w->command);
	config_init(&c);
	snprintf(c.command, sizeof(c.command), "%s", command);
	l->process = &l->children.process[CHILD_EVAL];
	l->env = &l->process->ops;
	if (l->env->obs_dim == 0 && !children_start(&l->children, &c, 1, e)) /* foreign_config may have */
		return false;
	return (l->env->obs_dim == w->env->obs_dim && l->env->n_actions == w->env->n_actions) ||
	       err_set(e, ERR_USAGE, "'%.200s' is for %d observations and %d actions; the environment has %d and %d",
		       l->name, w->env->obs_dim, w->env->n_actions, l->env->obs_dim, l->env->n_actions);
}

bool load_weights(struct loaded *l, const char *path, const struct flag_value *flags, bool plays, struct err *e)
{
	static struct config c; /* too much for a small stack */
	char *data;
	size_t len;
	*l = (struct loaded){ .env = NULL };
	if (!read_weights(path, l->name, &data, &len, e))
		return false;
	const bool has_env = flags[WEIGHTS_ENV].set || flags[WEIGHTS_COMMAND].set;
	const bool is_foreign = has_env && !weights_are_ours(data, len);
	const bool ok = (!is_foreign || foreign_config(&c, flags, &l->children, e)) &&
			weights_parse(&l->w, is_foreign ? &c : NULL, l->name, data, len, e) &&
			(is_foreign || check_own(&l->w, l->name, flags, plays, e)) &&
			(!plays || start_env(l, flags[WEIGHTS_COMMAND].string, e));
	free(data);
	if (!plays)
		children_stop(&l->children);
	if (!ok)
		unload_weights(l);
	return ok;
}

void unload_weights(struct loaded *l)
{
	children_stop(&l->children);
	weights_release(&l->w);
	free(l->policy.work);
}

bool load_policy(struct loaded *l, struct err *e)
{
	const struct weights *w = &l->w;
	l->policy = (struct policy){ .net = w->net, .k = choose_kernels(e), .params = w->params };
	if (!l->policy.k)
		return false;
	if (w->config) {
		l->policy.gamma = w->config->gamma;
		l->policy.reward_scale = w->config->reward_scale;
	}
	l->policy.work = memory_zeroed(net_forward_size(&w->net, POLICY_ROWS) * sizeof(float));
	return l->policy.work || err_set(e, ERR_RUN, "out of memory");
}

void say_left_out(const struct records *list)
{
	if (list->left_out.n > 0)
		say("warning: left out %zu of the directories: %s", list->left_out.n, list->left_out.first);
	say_damaged(&list->damaged);
}

void say_damaged(const struct faults *f)
{
	if (f->n > 0)
		say("warning: cannot read all of %zu of the runs: %s", f->n, f->first);
}

/* NAME=PATH, unless that is a path itself. Returns PATH, or NULL. */
static const char *named_path(const char *arg)
{
	const char *equals = strchr(arg, '='), *slash = strchr(arg, '/');
	if (!equals || equals == arg || (slash && slash < equals) || file_exists(NULL, arg))
		return NULL;
	return equals + 1;
}

/* Finds the runs of all arguments; those of NAME=PATH get that name. *first is the first such argument, or NULL. */
static bool find_runs(struct records *list, const struct args *args, const char **first, struct err *e)
{
	*first = NULL;
	for (int i = args->n; i-- > 0;)
		*first = named_path(args->pos[i]) ? args->pos[i] : *first;
	for (int i = 0; i < args->n; i++) {
		const char *named = named_path(args->pos[i]), *path = named ? named : args->pos[i];
		const size_t before = list->n;
		if (!records_find(list, path, e))
			return false;
		if (list->n == before)
			return err_set(e, ERR_RUN, "no run in '%s' or below", path);
		for (size_t k = before; k < list->n && *first; k++) {
			list->at[k].group = args->pos[i];
			list->at[k].group_len = named ? (size_t)(named - 1 - args->pos[i]) : strlen(path);
		}
	}
	return true;
}

/* Groups are the directories that runs lie in, without what all of these begin with. */
static void name_by_dir(struct records *list)
{
	size_t common = SIZE_MAX, base = 0;
	for (size_t i = 0; i < list->n; i++) {
		struct record *r = &list->at[i];
		const char *slash = strrchr(r->dir, '/'), *first = list->at[0].group;
		r->group = slash ? r->dir : ".";
		r->group_len = slash ? (size_t)(slash - r->dir) : 1;
		size_t same = 0;
		while (i > 0 && same < common && same < r->group_len && r->group[same] == first[same])
			same++;
		common = i > 0 ? same : r->group_len;
	}
	for (size_t k = 0; k < common; k++)
		if (list->at[0].group[k] == '/')
			base = k + 1;
	for (size_t i = 0; i < list->n; i++)
		if (list->at[i].group_len <= base)
			base = 0; /* one of them is the directory of the others */
	for (size_t i = 0; i < list->n; i++) {
		list->at[i].group += base;
		list->at[i].group_len -= base;
	}
}

bool load_groups(struct records *list, struct groups *g, const struct args *args, const char *by, struct err *e)
{
	const bool by_dir = by && strcmp(by, "dir") == 0;
	const char *named;
	size_t n_readable = 0;
	*g = (struct groups){ 0 };
	if (!find_runs(list, args, &named, e))
		return false;
	if (named && by)
		return err_set(e, ERR_USAGE, "--by chooses groups, but '%s' names them", named);
	records_sort(list);
	if (by_dir)
		name_by_dir(list);
	say_left_out(list);
	for (size_t i = 0; i < list->n; i++)
		n_readable += list->at[i].state != RECORD_UNREADABLE;
	if (n_readable == 0)
		return err_set(e, ERR_CORRUPT, "no run can be read");
	if (!groups_init(g, list, by_dir ? NULL : by, NULL, e))
		return false;
	const int many = 5;
	if (g->n_keys > many && !by)
		say("%d keys tell the groups apart; '--by dir' or NAME=DIR gives them short names", g->n_keys);
	if (g->n_copies > 0)
		say("warning: %zu of the runs have the configuration and seed of another; counted once", g->n_copies);
	return true;
}
