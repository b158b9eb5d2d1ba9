#include "cli/env_check.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "cli/children.h"
#include "cli/cli.h"
#include "env/declare.h"
#include "env/process.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE_BY_SIDE = 16, N_STARTS = 8 };
static const int64_t most_steps = 2000; /* of an episode that is played to its end */

struct checker {
	struct process_opts opts;
	struct process process;
	struct vec_env v;
	float *scale;   /* (obs_dim) 1 / typical size; NULL: none declared */
	double largest; /* |observation|, in typical sizes, of all so far; -1 of none */
	char note[256]; /* of the rule that is checked: what was seen */
};

enum verdict { OK, NOTE, BROKEN, NOT_ASKED, ERROR };

/* An episode that was played. */
struct trace {
	uint64_t sum; /* of all that came */
	int64_t length;
	bool ended;
};

static void note_obs(struct checker *c, size_t i, struct trace *t)
{
	const size_t dim = (size_t)c->process.ops.obs_dim;
	const float *obs = vec_env_obs(&c->v, i);
	for (size_t k = 0; k < dim; k++)
		c->largest = fmax(c->largest, fabs((double)obs[k]));
	t->sum = fnv1a(t->sum, obs, dim * sizeof(*obs));
}

static bool reset(struct checker *c, size_t i, uint64_t seed, struct trace *t, struct err *e)
{
	*t = (struct trace){ .sum = FNV_BASIS };
	c->v.env[i] = c->v.proto;
	c->v.env[i].instance = (int)i;
	if (!env_reset(&c->v.env[i], seed, vec_env_obs(&c->v, i), vec_env_mask(&c->v, i), e))
		return false;
	note_obs(c, i, t);
	return true;
}

/* A random one of those that are allowed. */
static int choose(struct checker *c, size_t i, struct rng *rng)
{
	return policy_random(vec_env_mask(&c->v, i), c->process.ops.n_actions, rng);
}

static bool step(struct checker *c, size_t i, int action, struct trace *t, struct err *e)
{
	struct step s;
	if (!env_step(&c->v.env[i], action, vec_env_obs(&c->v, i), vec_env_mask(&c->v, i), &s, e))
		return false;
	note_obs(c, i, t);
	t->sum = fnv1a(t->sum, &s.reward, sizeof(s.reward));
	t->length++;
	t->ended = s.terminated || s.truncated;
	return true;
}

/* Random actions, which a seed of their own decides, for up to n steps. */
static bool play(
	struct checker *c, size_t i, uint64_t seed, uint64_t actions, int64_t n, struct trace *t, struct err *e)
{
	struct rng rng;
	rng_init(&rng, actions);
	bool ok = reset(c, i, seed, t, e);
	while (ok && !t->ended && t->length < n)
		ok = step(c, i, choose(c, i, &rng), t, e);
	return ok;
}

static bool same(const struct trace *a, const struct trace *b)
{
	return a->sum == b->sum && a->length == b->length && a->ended == b->ended;
}

/* --- the rules: ERROR with an error of the environment --- */

static enum verdict verdict(bool is_kept)
{
	return is_kept ? OK : BROKEN;
}

static enum verdict repeats_start(struct checker *c, struct err *e)
{
	struct trace a, b;
	return reset(c, 0, 1, &a, e) && reset(c, 0, 1, &b, e) ? verdict(same(&a, &b)) : ERROR;
}

static enum verdict repeats_episode(struct checker *c, struct err *e)
{
	struct trace a, b;
	bool ok = true;
	for (uint64_t seed = 1; seed <= 3 && ok; seed++) {
		if (!play(c, 0, seed, seed, most_steps, &a, e) || !play(c, 0, seed, seed, most_steps, &b, e))
			return ERROR;
		ok = same(&a, &b);
	}
	return verdict(ok);
}

static enum verdict resets_in_the_middle(struct checker *c, struct err *e)
{
	struct trace whole, part, again;
	return play(c, 0, 2, 2, most_steps, &whole, e) && play(c, 0, 3, 3, 3, &part, e) &&
			       play(c, 0, 2, 2, most_steps, &again, e)
		       ? verdict(same(&whole, &again))
		       : ERROR;
}

static enum verdict starts_differ(struct checker *c, struct err *e)
{
	struct trace first, t;
	enum verdict v = NOTE;
	if (!reset(c, 0, 1, &first, e))
		return ERROR;
	for (uint64_t seed = 2; seed <= N_STARTS; seed++) {
		if (!reset(c, 0, seed, &t, e))
			return ERROR;
		v = same(&first, &t) ? v : OK;
	}
	return v;
}

/* Several pairs of each kind, since few starts give equal episodes by chance. */
static enum verdict seeds_have_64_bits(struct checker *c, struct err *e)
{
	enum { N_PAIRS = 4 };
	static const struct {
		uint64_t from, by, apart; /* seeds from + by, from + 2 by, ..., and those apart from them */
	} kinds[] = {
		{ 0, 1, 1 },                    /* any two seeds: without effect */
		{ 0, 1, UINT64_C(1) << 32 },    /* one in 32 bits */
		{ 0, 1, UINT64_C(1) << 53 },    /* in 53 bits */
		{ 0, 1, UINT64_C(1) << 63 },    /* in a signed integer that drops the highest */
		{ UINT64_C(1) << 63, 5000, 1 }, /* in a double, or a signed integer that stops there */
	};
	struct trace a, b;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		bool alike = true;
		for (uint64_t i = 1; alike && i <= N_PAIRS; i++) {
			const uint64_t seed = kinds[k].from + i * kinds[k].by;
			if (!play(c, 0, seed, 1, 20, &a, e) || !play(c, 0, seed + kinds[k].apart, 1, 20, &b, e))
				return ERROR;
			alike = same(&a, &b);
		}
		if (alike)
			return k == 0 ? NOT_ASKED : NOTE;
	}
	return OK;
}

static enum verdict actions_matter(struct checker *c, struct err *e)
{
	struct trace a, b;
	enum verdict v = c->process.ops.n_actions == 1 ? NOT_ASKED : NOTE;
	for (uint64_t seed = 1; seed <= N_STARTS && v != NOT_ASKED; seed++) {
		if (!play(c, 0, 1, seed, 50, &a, e) || !play(c, 0, 1, seed + 1, 50, &b, e))
			return ERROR;
		v = same(&a, &b) ? v : OK;
	}
	return v;
}

static enum verdict ends(struct checker *c, struct err *e)
{
	struct trace t = { 0 };
	const int64_t limit = c->process.ops.max_episode_steps;
	for (uint64_t seed = 1; seed <= 3 && !t.ended; seed++)
		if (!play(c, 0, seed, seed, limit > 0 ? limit : most_steps, &t, e))
			return ERROR;
	snprintf(c->note, sizeof(c->note), "the last one has %" PRId64 " steps", t.length);
	return t.ended ? OK : NOTE;
}

/* Every instance plays its own episode, a step of each in turn, as if it were alone. */
static enum verdict are_independent(struct checker *c, struct err *e)
{
	struct trace alone[SIDE_BY_SIDE], t[SIDE_BY_SIDE];
	struct rng rng[SIDE_BY_SIDE];
	const int64_t n_steps = 100;
	bool ok = true;
	if (c->v.n == 1)
		return NOT_ASKED;
	for (size_t i = 0; i < c->v.n; i++) {
		if (!play(c, 0, i, i, n_steps, &alone[i], e))
			return ERROR;
		rng_init(&rng[i], i);
	}
	for (size_t i = 0; i < c->v.n; i++)
		if (!reset(c, i, i, &t[i], e))
			return ERROR;
	for (int64_t n = 0; n < n_steps; n++)
		for (size_t i = 0; i < c->v.n; i++)
			if (!t[i].ended && !step(c, i, choose(c, i, &rng[i]), &t[i], e))
				return ERROR;
	for (size_t i = 0; i < c->v.n; i++)
		ok = ok && same(&alone[i], &t[i]);
	return verdict(ok);
}

/* Requests of all instances at once. */
static enum verdict answers_in_order(struct checker *c, struct err *e)
{
	static const uint64_t seed[SIDE_BY_SIDE] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	struct trace want, got[SIDE_BY_SIDE];
	bool ok = true;
	if (c->v.n == 1)
		return NOT_ASKED;
	if (!vec_env_reset(&c->v, c->v.n, seed, e))
		return ERROR;
	for (size_t i = 0; i < c->v.n; i++) {
		got[i] = (struct trace){ .sum = FNV_BASIS };
		note_obs(c, i, &got[i]);
	}
	for (size_t i = 0; i < c->v.n; i++) {
		if (!reset(c, 0, seed[i], &want, e))
			return ERROR;
		ok = ok && same(&want, &got[i]);
	}
	return verdict(ok);
}

static enum verdict masks_allow(struct checker *c, struct err *e)
{
	struct trace t;
	enum verdict v = NOTE;
	if (!c->process.ops.has_masks)
		return NOT_ASKED;
	for (uint64_t seed = 1; seed <= N_STARTS; seed++) {
		if (!play(c, 0, seed, seed, 100, &t, e))
			return ERROR;
		v = memchr(vec_env_mask(&c->v, 0), 0, (size_t)c->process.ops.n_actions) ? OK : v;
	}
	return v;
}

static enum verdict sizes_are_typical(struct checker *c, struct err *e)
{
	const double far = 10;
	(void)e;
	if (c->largest < 0)
		return NOT_ASKED;
	snprintf(c->note, sizeof(c->note),
		c->scale ? "the largest is %.3g of its typical size" : "none declared; the largest is %.3g",
		c->largest);
	return !c->scale || c->largest > far || c->largest < 1 / far ? NOTE : OK;
}

static enum verdict ends_when_told(struct checker *c, struct err *e)
{
	const double grace_s = 0.8, begin_s = now_s();
	(void)e;
	process_stop(&c->process);
	return verdict(now_s() - begin_s < grace_s);
}

struct rule {
	const char *name;
	enum verdict (*check)(struct checker *c, struct err *e);
	const char *mend;
};

static const struct rule rules[] = {
	{ "the same seed starts the same episode", repeats_start,
		"'reset INSTANCE SEED' must seed the instance's own generator, and use no other" },
	{ "the same seed and actions give the same episode", repeats_episode,
		"no clock, no global generator, no state that is left from the episode before" },
	{ "a reset in the middle of an episode is a new start", resets_in_the_middle,
		"'reset' must set everything: a step counter is often forgotten" },
	{ "other seeds start elsewhere", starts_differ,
		"unless every episode is meant to start the same way, use the seed" },
	{ "seeds have 64 bits", seeds_have_64_bits,
		"seeds that differ only in a few of their bits give the same episode: a 32-bit or signed integer, or a "
		"double, cuts them" },
	{ "actions matter", actions_matter, "50 random steps do not depend on the actions" },
	{ "episodes end", ends, "declare limit=N, or set max_episode_steps: without an end there is no return" },
	{ "instances are independent", are_independent, "each instance needs a state and a generator of its own" },
	{ "requests that come together are answered in order", answers_in_order,
		"answer every line that has come, one after the other" },
	{ "masks forbid something", masks_allow, "if all actions are always allowed, leave masks out" },
	{ "observations have typical sizes", sizes_are_typical,
		"with high=... of the right size, obs_scale = bounds brings inputs near [-1, 1]" },
	{ "it ends when its input ends", ends_when_told, "'quit' and the end of the input both mean: exit" },
};

/* --- the whole --- */

static void stop(struct checker *c)
{
	process_stop(&c->process);
	vec_env_release(&c->v);
	free(c->scale);
	c->scale = NULL;
}

/* c->scale, if typical sizes are declared. */
static bool read_sizes(struct checker *c, struct err *e)
{
	const int n = c->process.ops.obs_dim;
	c->scale = memory_zeroed((uint64_t)n * sizeof(float));
	if (!c->scale)
		return err_set(e, ERR_RUN, "out of memory");
	if (!env_declared_scale(c->process.declaration, n, c->scale)) {
		free(c->scale);
		c->scale = NULL;
	}
	return true;
}

static bool start(struct checker *c, struct err *e)
{
	struct env env;
	if (!process_start(&c->process, &c->opts, e) || !process_hello(&c->process, e) || !read_sizes(c, e))
		return false;
	env_init(&env, &c->process.ops, 0, c->scale);
	env.process = &c->process;
	return vec_env_init(&c->v, &env, SIDE_BY_SIDE, e);
}

static bool print_speed(struct checker *c, struct err *e)
{
	double alone_s, together_s;
	char us[TEXT_REAL_SIZE];
	if (!children_time_step(&c->v, 1, &alone_s, e) || !children_time_step(&c->v, c->v.n, &together_s, e))
		return false;
	printf("%s us a step", children_us(alone_s, us));
	if (c->v.n > 1)
		printf("; %s us with %zu instances side by side, as evaluations have them", children_us(together_s, us),
			c->v.n);
	printf("\n");
	return true;
}

static void print_rule(const struct rule *rule, enum verdict v, const char *note)
{
	static const char *const words[] = { "ok", "note", "FAIL", "skip", "FAIL" };
	printf("%-5s %s%s%s\n", words[v], rule->name, note[0] ? ": " : "", note);
	if (v == NOTE || v == BROKEN)
		print_wrapped(6, rule->mend);
	(void)fflush(stdout);
}

/* Checks one rule. After an error the command is started again, for the rules that are left. */
static bool check_rule(struct checker *c, const struct rule *rule, bool *broken, struct err *e)
{
	struct err why;
	c->note[0] = '\0';
	const enum verdict v = rule->check(c, &why);
	if (v != ERROR) {
		print_rule(rule, v, c->note);
		*broken = *broken || v == BROKEN;
		return true;
	}
	print_rule(rule, ERROR, ""); /* what is wrong is the error, not what the rule is about */
	say("%s", why.msg);
	*broken = true;
	stop(c);
	return start(c, e);
}

bool env_check(const char *command, double start_timeout_s, double timeout_s, struct err *e)
{
	static struct checker c;
	bool broken = false;
	c = (struct checker){ .opts = { .command = command,
				      .start_timeout_s = start_timeout_s,
				      .timeout_s = timeout_s,
				      .hear = children_hear },
		.largest = -1 };
	bool ok = start(&c, e);
	if (ok)
		printf("%-5s it starts and declares: %s\n", "ok", c.process.declaration);
	(void)fflush(stdout);
	struct err ignored;
	if (ok && !print_speed(&c, &ignored)) { /* the rules will say why */
		stop(&c);
		ok = start(&c, e);
	}
	for (size_t i = 0; ok && i < sizeof(rules) / sizeof(rules[0]); i++)
		ok = check_rule(&c, &rules[i], &broken, e);
	stop(&c);
	if (!ok)
		return false;
	printf(broken ? "this environment breaks a rule\n" : "this environment keeps the rules\n");
	return !broken || end_with(e, ERR_ENV);
}
