#include "cli/cli.h"
#include "cli/version.h"
#include "run/logs.h"

#include <ctype.h>
#include <string.h>

enum { MAN };
static const struct flag help_flags[] = {
	[MAN] = { "man", '\0', FLAG_SWITCH, NULL, "print the manual page as roff" },
	{ .name = NULL },
};

static const struct {
	int status;
	const char *meaning;
} statuses[] = {
	{ 0, "done (also: already done)" },
	{ 1, "the run failed: I/O, memory" },
	{ 2, "usage or configuration" },
	{ 3, "finished, but below what --require asked" },
	{ 4, "diverged: a weight, loss or Q value is not finite" },
	{ 5, "corrupt or incompatible file" },
	{ 6, "the run directory is in use, or belongs to a different configuration" },
	{ 7, "the environment (a child process) failed or was too late" },
	{ 129, "stopped by SIGHUP; train has saved, and the same command resumes" },
	{ 130, "the same for SIGINT (Ctrl-C)" },
	{ 138, "the same for SIGUSR1 (Slurm's warning)" },
	{ 143, "the same for SIGTERM" },
};
enum { N_STATUSES = sizeof(statuses) / sizeof(statuses[0]) };

void print_usage(FILE *f)
{
	fputs("Examples:\n"
	      "  dqn train configs/cartpole.ini           train, write runs/cartpole/seed-1\n"
	      "  dqn eval runs/cartpole/seed-1            evaluate the weights on new episodes\n"
	      "  dqn train configs/cartpole.ini seed=2 learning_rate=5e-4\n"
	      "\n"
	      "Commands:\n",
		f);
	int width = 0;
	for (const struct command *const *c = commands; *c; c++)
		width = (int)strlen((*c)->name) > width ? (int)strlen((*c)->name) : width;
	for (const struct command *const *c = commands; *c; c++)
		fprintf(f, "  %-*s %s\n", width, (*c)->name, (*c)->summary);
	fputs("\n'dqn help COMMAND' shows details; 'dqn --version' prints the version.\n", f);
}

/* "-o, --out DIR" */
static void flag_label(const struct flag *f, char label[64])
{
	const char letter[] = { '-', f->letter, ',', ' ', '\0' };
	snprintf(label, 64, "%s--%s%s%s", f->letter ? letter : "", f->name, f->arg ? " " : "",
		f->arg ? f->arg : "");
}

void print_help(const struct command *command)
{
	printf("Examples:\n");
	for (const char *line = command->examples; *line;) {
		const size_t len = strcspn(line, "\n");
		printf("  %.*s\n", (int)len, line);
		line += len + 1;
	}
	printf("\nUsage:\n");
	char usage[256];
	snprintf(usage, sizeof(usage), "dqn %s%s%s", command->name, *command->synopsis ? " " : "",
		command->synopsis);
	print_wrapped(stdout, 2, usage);
	printf("\nWhat it does: %s.\n", command->summary);
	print_wrapped(stdout, 0, command->details);
	if (command->flags)
		printf("\nFlags:\n");
	for (const struct flag *f = command->flags; f && f->name; f++) {
		char label[64];
		flag_label(f, label);
		printf("  %s%-*s %s\n", f->letter ? "" : "    ", f->letter ? 25 : 21, label,
			f->help);
	}
	printf("\nExit status:\n");
	for (const int *status = command->statuses; *status >= 0; status++)
		for (int i = 0; i < N_STATUSES; i++)
			if (statuses[i].status == *status)
				printf("  %d  %s\n", *status, statuses[i].meaning);
}

/* Escapes text for roff: backslashes, dashes, and a dot or quote that begins a line. */
static void put_roff(const char *s)
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

static void put_item(const char *tag, const char *text)
{
	printf(".TP\n.B ");
	put_roff(tag);
	putchar('\n');
	put_roff(text);
	putchar('\n');
}

static void man_transitions(void)
{
	printf(".SH TRANSITIONS\n");
	put_roff(
		"A CSV file for the key preload, as 'dqn eval --steps' writes it. The first line names the "
		"columns, in any order; each other line is a step:\n");
	for (const struct transition_column *c = transition_columns; c->name; c++)
		put_item(c->name, c->help);
	printf(".PP\n");
	put_roff(
		"A step continues the one on the line before unless that ended the episode, episode is another, "
		"step is not one more, or obs is not the next_obs before it; n-step returns end there. Without "
		"next_obs the file is a log: the obs of the step that continues it is what a step led to. After "
		"the last step of an episode a line may have obs (and episode, step, mask) alone, the other "
		"cells empty. A step that nothing follows is left out, unless it terminated. Everything else is an error, "
		"with the line, the column and the value.\n");
}

static void man_files(void)
{
	int n = 0;
	printf(".SH FILES\n"
	       "A run is a directory, runs/NAME[,key=value...]/seed\\-N unless \\-\\-out names it. An empty "
	       "cell of a log has no value.\n");
	while (run_files[n].name)
		n++;
	while (n-- > 0) { /* config.ini first, result.json last */
		const struct run_file *f = &run_files[n];
		const struct log *log = run_logs;
		if (f->help) {
			put_item(f->name, f->help);
			continue;
		}
		while (strcmp(log->name, f->name) != 0)
			log++;
		put_item(f->name, log->help);
		printf(".RS\n");
		for (const struct log_column *c = log->columns; c->name; c++)
			put_item(c->name, c->help);
		printf(".RE\n");
	}
}

static void man_commands(void)
{
	for (const struct command *const *at = commands; *at; at++) {
		const struct command *c = *at;
		printf(".SS dqn %s\n", c->name);
		printf("%c", toupper((unsigned char)c->summary[0]));
		put_roff(c->summary + 1);
		printf(".\n");
		put_roff(c->details);
		putchar('\n');
		for (const struct flag *f = c->flags; f && f->name; f++) {
			char label[64];
			flag_label(f, label);
			put_item(label, f->help);
		}
	}
}

static void man_keys(void)
{
	const char *section = "";
	for (const struct option *o = config_options; o->key; o++) {
		char tag[128], text[512];
		struct text t;
		if (strcmp(section, o->section) != 0)
			printf(".SS [%s]\n", o->section);
		section = o->section;
		text_init(&t, tag, sizeof(tag));
		text_add(&t, "%s = ", o->key);
		ini_add_value(&t, o->def);
		text_init(&t, text, sizeof(text));
		text_add(&t, "%s Takes: ", o->help);
		option_print_range(o, &t);
		text_add(&t, ".");
		put_item(tag, text);
	}
}

/* How a child process that is an environment answers. */
static void man_environments(void)
{
	printf(".SH ENVIRONMENTS\n");
	put_roff(
		"With id = process, command is a program that is the environment. It reads requests from its "
		"standard input and answers each with a line, in order, and flushes its output. Words have one "
		"blank between them. INSTANCE is 0, 1, ...: an episode of its own. SEED, of 64 bits, and the "
		"actions decide an episode. TERMINATED and TRUNCATED are 0 or 1. The observation of an episode's "
		"last step is of the state that it led to; only reset starts an episode, at any time.\n");
	put_item("hello 1",
		"env NAME VERSION obs=N actions=N reward=LOW..HIGH, and any of the words below.");
	put_item("reset INSTANCE SEED", "obs INSTANCE OBSERVATION...");
	put_item(
		"step INSTANCE ACTION", "step INSTANCE REWARD TERMINATED TRUNCATED OBSERVATION...");
	put_item("quit", "Nothing; the program ends. The end of its input means the same.");
	printf(".PP\n");
	put_roff("In place of any reply, error TEXT ends the run and says why. The words:\n");
	put_item("limit=N", "dqn truncates episodes after so many steps.");
	put_item("solved=R", "The mean return from which a run is solved.");
	put_item("high=X,Y,...",
		"The typical size of each component of an observation, or one size of all, for obs_scale = bounds.");
	put_item("instances=N",
		"Episodes that can be under way at the same time; 1 if it is left out.");
	put_item("masks=1",
		"Replies end in the word mask and a digit for each action: 1 if it is allowed, else 0. All are 0 "
		"only at the end of an episode.");
	printf(".PP\n");
	put_roff(
		"A configuration runs its command, like a Makefile. A command in a weights file or a run "
		"directory is never run: dqn eval needs --command. 'dqn env check COMMAND' tries a program.\n");
}

static void print_man(void)
{
	printf(".TH DQN 1 %s \"dqn %s\" \"User Commands\"\n", DQN_VERSION_DATE, DQN_VERSION);
	printf(".SH NAME\ndqn \\- train and evaluate Deep Q\\-Networks\n.SH SYNOPSIS\n");
	for (const struct command *const *c = commands; *c; c++) {
		printf("%s.B dqn %s\n", c == commands ? "" : ".br\n", (*c)->name);
		put_roff((*c)->synopsis);
		printf("%s", *(*c)->synopsis ? "\n" : "");
	}
	printf(".SH DESCRIPTION\n");
	put_roff(
		"dqn trains Deep Q-Networks, a method of reinforcement learning, and evaluates them. The "
		"configuration, which includes the seed, decides every byte of a run except timing.csv, on "
		"every machine.\n");
	printf(".PP\n");
	put_roff(
		"dqn train writes a run directory. The same command given again resumes a run that was "
		"interrupted, to the same bytes, and prints the result of one that is done. dqn eval "
		"runs new episodes with saved weights. dqn sweep prints one train command for each "
		"point of a space of configurations, for a shell, make, parallel or sbatch to run. dqn "
		"report and dqn plot compare the runs, and dqn watch shows their progress.\n");
	printf(".PP\n");
	put_roff(
		"Results go to standard output; progress, warnings and errors go to standard error, "
		"each line after 'dqn: '. There are no prompts, and nothing uses the network.\n");
	printf(".SH COMMANDS\n");
	man_commands();
	printf(".SH CONFIGURATION\n");
	put_roff(
		"An INI file: [section], key = value, and comments after # or ;. A value in double quotes may "
		"have these in it, \\\" for a double quote and \\\\ for a backslash. In an argument, key=value, "
		"quotes are part of the value. Every key has a default. Counts may be written 50000, 50_000 or "
		"5e4.\n");
	man_keys();
	man_environments();
	man_transitions();
	man_files();
	printf(".SH ENVIRONMENT\n");
	put_item("DQN_ISA",
		"Forces the instruction set of the arithmetic: scalar, sse2, avx2, avx512 or, on ARM, "
		"neon. The results are the same bytes with each. scalar also does without the CPU's "
		"instructions for SHA-256.");
	put_item("PATH, XDG_DATA_DIRS",
		"PATH finds the directory of dqn. A configuration named without a path is looked for in its "
		"configs, in its ../share/dqn/configs, and in dqn/configs of each directory of XDG_DATA_DIRS.");
	put_item("NO_COLOR", "If it is not empty, nothing is coloured.");
	put_item("LC_ALL, LC_CTYPE, LANG", "Without UTF-8 in the locale, dqn plot draws in ASCII.");
	printf(".SH EXIT STATUS\n");
	for (int i = 0; i < N_STATUSES; i++) {
		char tag[16];
		snprintf(tag, sizeof(tag), "%d", statuses[i].status);
		put_item(tag, statuses[i].meaning);
	}
	printf(".SH EXAMPLES\n.nf\n");
	for (const struct command *const *c = commands; *c; c++)
		put_roff((*c)->examples);
	printf(".fi\n.SH SEE ALSO\n");
	put_roff(
		"xargs(1), make(1), parallel(1), sbatch(1). In the source: README.md; "
		"configs/README.md for the presets, environments, sweeps and clusters; tests/README.md for what was "
		"measured; src/README.md for how it works.\n");
}

static int cmd_help(const struct args *args)
{
	if (args->flag[MAN].set)
		print_man();
	else if (args->n == 0)
		print_usage(stdout);
	else {
		const struct command *command = find_command(args->pos[0]);
		if (!command)
			return ERR_USAGE;
		print_help(command);
	}
	return STATUS_OK;
}

const struct command command_help = {
	.name = "help",
	.synopsis = "[COMMAND] | --man",
	.summary = "show how to use dqn or one of its commands",
	.details = "Without COMMAND it lists the commands.",
	.examples = "dqn help train\n"
		    "dqn help --man | man -l -\n",
	.flags = help_flags,
	.statuses = (const int[]){ 0, 1, 2, -1 },
	.min_args = 0,
	.max_args = 1,
	.run = cmd_help,
};
