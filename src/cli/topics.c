#include "cli/topics.h"

#include "cli/cli.h"
#include "run/logs.h"
#include "run/transitions.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const struct exit_status exit_statuses[] = {
	{ 0, "done (also: already done)" },
	{ 1, "the run failed: I/O, memory" },
	{ 2, "usage or configuration" },
	{ 3, "finished, but below what --require asked" },
	{ 4, "diverged: a weight, loss or Q value is not finite" },
	{ 5, "corrupt or incompatible file" },
	{ 6, "the run directory is in use, or belongs to a different configuration" },
	{ 7, "the environment (a child process) failed or was too late" },
	{ 129, "stopped by SIGHUP (train: after saving; the same command resumes)" },
	{ 130, "the same for SIGINT (Ctrl-C)" },
	{ 138, "the same for SIGUSR1 (Slurm's warning)" },
	{ 143, "the same for SIGTERM" },
	{ .meaning = NULL },
};

/* --- pages --- */

void put_roff(const char *s)
{
	for (const char *c = s; *c; c++) {
		if ((*c == '.' || *c == '\'') && (c == s || c[-1] == '\n'))
			fputs("\\&", stdout);
		if (*c == '-')
			fputs("\\-", stdout);
		else if (*c == '\\')
			fputs("\\e", stdout);
		else if (*c == '"') /* would begin an argument of .B */
			fputs("\\(dq", stdout);
		else
			putchar(*c);
	}
}

/* Text after a macro of roff, or indented further. */
static void put(const struct page *p, const char *macro, int indent, const char *text)
{
	if (!p->is_roff) {
		print_wrapped(p->indent + indent, text);
		return;
	}
	fputs(macro, stdout);
	put_roff(text);
	putchar('\n');
}

/* Between items and a paragraph. */
static void page_blank(const struct page *p)
{
	fputs(p->is_roff ? "" : "\n", stdout);
}

static void page_text(const struct page *p, const char *text)
{
	put(p, ".PP\n", 0, text);
	page_blank(p);
}

void page_item(const struct page *p, const char *tag, const char *text)
{
	put(p, ".TP\n.B ", 2, tag);
	put(p, "", 6, text);
}

static void page_heading(const struct page *p, const char *text)
{
	printf(p->is_roff ? ".SS %s\n" : "\n%s\n", text);
}

void topic_put_statuses(const struct page *p)
{
	for (const struct exit_status *s = exit_statuses; s->meaning; s++) {
		char tag[16];
		snprintf(tag, sizeof(tag), "%d", s->status);
		if (p->is_roff)
			page_item(p, tag, s->meaning);
		else
			printf("  %-3s  %s\n", tag, s->meaning);
	}
}

struct item {
	const char *tag, *text;
};

static void put_items(const struct page *p, const struct item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		page_item(p, items[i].tag, items[i].text);
}

#define PUT_ITEMS(p, items) put_items(p, items, sizeof(items) / sizeof(items[0]))

/* --- dqn --- */

/* The steps of the algorithm, in order, and the keys of each. */
static const struct {
	const char *what, *text, *keys;
} algorithm[] = {
	{ "The network",
		"Q(s, a) is the return to expect after action a in state s. A reward counts gamma times as "
		"much as one that comes a step earlier.",
		"gamma net_arch activation dueling weight_init init_weights initial_q" },
	{ "Act",
		"With probability epsilon take a random action, else the one with the largest Q(s, a). Epsilon falls "
		"in a share of the run; random actions may last. The first learning_starts are random.",
		"exploration_initial_eps exploration_final_eps exploration_fraction exploration_schedule "
		"exploration_repeat learning_starts" },
	{ "Step",
		"The environment gives a reward r and the next state s'. It is terminal, or the episode was "
		"truncated by a time limit, or neither.",
		"id max_episode_steps obs_scale reward_scale" },
	{ "Store", "Put (s, a, r, s') into the replay buffer, in place of the oldest transition.",
		"buffer_size preload" },
	{ "Sample",
		"Every train_freq steps, update gradient_steps times. An update draws a minibatch from "
		"the buffer, evenly or by priority.",
		"train_freq gradient_steps batch_size mirror_obs prioritized per_alpha per_beta0 per_eps" },
	{ "Target",
		"y = r + gamma max Q_target(s', .), where Q_target is the target network; y = r if s' is "
		"terminal. n-step returns: y = r1 + gamma r2 + ... + gamma^n max Q_target(s_n, .). Double "
		"DQN: in place of the maximum, Q_target of the action that Q prefers in s'.",
		"n_steps n_steps_final double_q clip_targets" },
	{ "Update",
		"The loss of Q(s, a) - y, averaged over the minibatch, has a gradient, none of it through y. It is "
		"scaled down to a norm, and Adam takes a step.",
		"loss max_grad_norm learning_rate learning_rate_schedule adam_beta1 adam_beta2 adam_eps ema_decay" },
	{ "Target network",
		"Every target_update_interval steps: Q_target = tau Q + (1 - tau) Q_target, of all weights.",
		"target_update_interval tau" },
	{ "Evaluate",
		"Now and then play greedy episodes that training never sees. The best weights so far are kept, "
		"and a return that is high enough twice ends the run.",
		"eval_freq eval_episodes stop_return stop_episodes total_timesteps" },
};

static void put_algorithm(const struct page *p)
{
	for (size_t i = 0; i < sizeof(algorithm) / sizeof(algorithm[0]); i++) {
		char buf[1024], key[64];
		const char *keys = algorithm[i].keys;
		struct text t = text_into(buf, sizeof(buf));
		text_add(&t, "Keys:");
		while (text_next_word(&keys, key, sizeof(key))) {
			text_add(&t, " %s=", key);
			ini_add_value(&t, config_find(key)->def);
		}
		page_item(p, algorithm[i].what, algorithm[i].text);
		put(p, ".IP\n", 6, buf);
	}
	page_blank(p);
	page_text(p, "'dqn config --explain KEY' says what a key does to learning and what too much or too "
		     "little looks like; 'dqn trace' shows one update, number by number.");
}

/* --- keys --- */

static void put_keys(const struct page *p)
{
	const char *section = "";
	for (const struct option *o = config_options; o->key; o++) {
		char tag[128], text[512];
		if (strcmp(section, o->section) != 0) {
			snprintf(tag, sizeof(tag), "[%s]", o->section);
			page_heading(p, tag);
		}
		section = o->section;
		struct text t = text_into(tag, sizeof(tag));
		text_add(&t, "%s = ", o->key);
		ini_add_value(&t, o->def);
		t = text_into(text, sizeof(text));
		text_add(&t, "%s Takes: ", o->help);
		option_print_range(o, &t);
		text_add(&t, ".");
		page_item(p, tag, text);
	}
}

/* --- environments --- */

static void put_built_in(const struct page *p, const struct env_ops *ops)
{
	char buf[256], real[TEXT_REAL_SIZE];
	struct text t = text_into(buf, sizeof(buf));
	text_add(&t, "%d observations, %d actions", ops->obs_dim, ops->n_actions);
	if (ops->actions)
		text_add(&t, " (%s)", ops->actions);
	text_add(&t, ", reward %s", text_real(ops->reward_low, real));
	if (ops->reward_high > ops->reward_low)
		text_add(&t, " to %s", text_real(ops->reward_high, real));
	if (ops->max_episode_steps > 0)
		text_add(&t, ", %" PRId64 " steps", ops->max_episode_steps);
	if (!isnan(ops->solved_return))
		text_add(&t, ", solved from %s on", text_real(ops->solved_return, real));
	text_add(&t, ".");
	page_item(p, ops->id, buf);
}

static void put_environments(const struct page *p)
{
	static const struct item requests[] = {
		{ "hello 1", "env NAME VERSION obs=N actions=N reward=LOW..HIGH, and any of the words below." },
		{ "reset INSTANCE SEED", "obs INSTANCE OBSERVATION..." },
		{ "step INSTANCE ACTION", "step INSTANCE REWARD TERMINATED TRUNCATED OBSERVATION..." },
		{ "quit", "Nothing; the program ends. The end of its input means the same." },
	};
	static const struct item words[] = {
		{ "limit=N", "dqn truncates episodes after so many steps." },
		{ "solved=R", "The mean return from which a run is solved." },
		{ "high=X,Y,...",
			"The typical size of each component of an observation, or one size of all, for obs_scale = bounds." },
		{ "instances=N", "Episodes that can be under way at the same time; 1 if it is left out." },
		{ "masks=1",
			"Replies end in the word mask and a digit for each action: 1 if it is allowed, else 0. All are 0 "
			"only at the end of an episode." },
	};
	for (int i = 0; env_table[i]; i++)
		if (env_table[i]->reset)
			put_built_in(p, env_table[i]);
	page_blank(p);
	page_text(p, "With id = process, command is a program that is the environment. It reads requests from its "
		     "standard input and answers each with a line, in order, and flushes its output. Words have one "
		     "blank between them. INSTANCE is 0, 1, ...: an episode of its own. SEED, of 64 bits, and the "
		     "actions decide an episode. TERMINATED and TRUNCATED are 0 or 1. The observation of an episode's "
		     "last step is of the state that it led to; only reset starts an episode, at any time.");
	PUT_ITEMS(p, requests);
	page_blank(p);
	page_text(p, "In place of any reply, error TEXT ends the run and says why. The words:");
	PUT_ITEMS(p, words);
	page_blank(p);
	page_text(p, "A configuration runs its command, like a Makefile. A command in a weights file or a run "
		     "directory is never run: dqn eval needs --command. 'dqn env check COMMAND' tries a program.");
}

/* --- the directory of a run --- */

static void put_files(const struct page *p)
{
	const struct page inner = { p->is_roff, p->indent + 4 };
	int n = 0;
	while (run_files[n].name)
		n++;
	while (n-- > 0) { /* config.ini first, result.json last */
		const struct run_file *f = &run_files[n];
		const struct log *log = run_logs;
		if (f->help) {
			page_item(p, f->name, f->help);
			continue;
		}
		while (strcmp(log->name, f->name) != 0)
			log++;
		page_item(p, f->name, log->help);
		printf(p->is_roff ? ".RS\n" : "");
		for (const struct log_column *c = log->columns; c->name; c++)
			page_item(&inner, c->name, c->help);
		printf(p->is_roff ? ".RE\n" : "");
	}
}

/* --- a file for preload --- */

static void put_transitions(const struct page *p)
{
	for (const struct transition_column *c = transition_columns; c->name; c++)
		page_item(p, c->name, c->help);
	page_blank(p);
	page_text(p,
		"A step continues the one on the line before unless that ended the episode, episode is another, "
		"step is not one more, or obs is not the next_obs before it; n-step returns end there. Without "
		"next_obs the file is a log: the obs of the step that continues it is what a step led to. After "
		"the last step of an episode a line may have obs (and episode, step, mask) alone, the other "
		"cells empty. A step that nothing follows is left out, unless it terminated. Everything else is an error, "
		"with the line, the column and the value.");
}

/* --- faults --- */

static void put_faults(const struct page *p)
{
	static const struct item faults[] = {
		{ "Ctrl-C, kill, a hang-up, Slurm's warning",
			"dqn train finishes the step and saves. The same command resumes. A second signal ends it at "
			"once." },
		{ "kill -9, a crash, a power cut",
			"The same command resumes from the last checkpoint, at most checkpoint_interval ago, and ends "
			"with the same bytes." },
		{ "The disk is full, a write fails",
			"One line names the file and the reason: status 1. Once there is room, the same command "
			"resumes." },
		{ "The network diverges",
			"Status 4; failed.txt names the step and the keys that usually help. The best weights and the "
			"last good checkpoint are kept." },
		{ "The checkpoint is damaged",
			"A warning, and the one before it is used. If both are, status 5: --fresh starts again." },
		{ "The configuration has changed",
			"Status 6 with the keys that differ. checkpoint_interval and the timeouts may differ." },
		{ "Two processes start the same run",
			"One runs; the other ends with status 6 and the process id of the first." },
		{ "The environment fails, is late, or breaks the protocol",
			"Status 7 and one line that says how. The same command resumes." },
		{ "A run or one of its logs cannot be read",
			"dqn report, plot and watch warn, name it, and do without it." },
		{ "The run is done", "The same command prints its result, in milliseconds: status 0." },
	};
	PUT_ITEMS(p, faults);
	if (p->is_roff)
		return; /* has them in a section of their own */
	page_heading(p, "Exit status");
	topic_put_statuses(p);
}

/* --- sweeps --- */

static void put_sweeps(const struct page *p)
{
	static const struct item values[] = {
		{ "n_steps = 1 | 3 | 10", "each value of a list" },
		{ "seed = 1..20", "each whole number of a range; also in a list, 1..3 | 10" },
		{ "learning_rate = log(1e-4, 1e-2)",
			"draws from an interval, evenly in the logarithm: needs --random N or --sobol N" },
		{ "gamma = uniform(0.9, 0.99)", "draws from an interval, evenly" },
	};
	static const struct item commands_of[] = {
		{ "dqn sweep SPACE [key=value ...]",
			"prints a command for each combination and runs nothing; the seed varies slowest. --missing "
			"leaves out finished runs, --index I-J prints a part, -0 is for xargs -0." },
		{ "dqn sweep SPACE -0 | xargs -0 -P 4 -n 1 sh -c",
			"runs them, four at a time. Killed and started again, it skips and resumes." },
		{ "dqn watch DIR", "shows how they are going" },
		{ "dqn report DIR",
			"compares the settings over their seeds, with intervals: differences that seeds alone make are "
			"not called differences" },
		{ "dqn plot DIR", "draws their curves, or returns against a key" },
	};
	PUT_ITEMS(p, values);
	page_blank(p);
	page_text(p, "The commands:");
	PUT_ITEMS(p, commands_of);
}

void topic_put(const struct topic *t, const struct page *p)
{
	if (p->is_roff)
		printf(".SH %s\n", t->heading);
	put(p, "", 0, t->intro);
	page_blank(p);
	t->put(p);
}

const struct topic topics[] = {
	{ "dqn", "ALGORITHM",
		"Deep Q-learning, as in Mnih et al. (2015). A run repeats this, a step of the "
		"environment each time; the keys have their defaults here:",
		put_algorithm },
	{ "keys", "CONFIGURATION",
		"A configuration is an INI file: [section], key = value, and comments after # or ;. A value in "
		"double quotes may have these in it, \\\" for a double quote and \\\\ for a backslash. In an argument, "
		"key=value, quotes are part of the value. Every key has a default. Counts may be written 50000, "
		"50_000 or 5e4.",
		put_keys },
	{ "environments", "ENVIRONMENTS", "Built in, with Gymnasium's dynamics:", put_environments },
	{ "transitions", "TRANSITIONS",
		"A CSV file for the key preload, as 'dqn eval --steps' writes it. The first line names the "
		"columns, in any order; each other line is a step:",
		put_transitions },
	{ "run-directory", "FILES",
		"A run is a directory, runs/NAME[,key=value...]/seed-N unless --out names it. An empty "
		"cell of a log has no value.",
		put_files },
	{ "sweeps", "SWEEPS", "A space is a configuration in which a value may stand for several:", put_sweeps },
	{ "faults", "FAULTS", "Whatever happens, nothing is lost: run the same command again.", put_faults },
	{ .name = NULL },
};
