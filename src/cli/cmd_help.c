#include "cli/cli.h"
#include "cli/topics.h"
#include "cli/version.h"

#include <ctype.h>
#include <string.h>

enum { MAN };
static const struct flag help_flags[] = {
	[MAN] = { "man", '\0', FLAG_SWITCH, NULL, "print the manual page as roff" },
	{ .name = NULL },
};

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
	fputs("\nTopics:", f);
	for (const struct topic *t = topics; t->name; t++)
		fprintf(f, " %s", t->name);
	fputs("\n\n'dqn help COMMAND|TOPIC' shows details; 'dqn --version' prints the version.\n", f);
}

/* "-o, --out DIR" */
static void flag_label(const struct flag *f, char label[64])
{
	const char letter[] = { '-', f->letter, ',', ' ', '\0' };
	snprintf(label, 64, "%s--%s%s%s", f->letter ? letter : "", f->name, f->arg ? " " : "", f->arg ? f->arg : "");
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
	snprintf(usage, sizeof(usage), "dqn %s%s%s", command->name, *command->synopsis ? " " : "", command->synopsis);
	print_wrapped(2, usage);
	printf("\nWhat it does: %s.\n", command->summary);
	print_wrapped(0, command->details);
	if (command->flags)
		printf("\nFlags:\n");
	for (const struct flag *f = command->flags; f && f->name; f++) {
		char label[64];
		flag_label(f, label);
		printf("  %s%-*s %s\n", f->letter ? "" : "    ", f->letter ? 25 : 21, label, f->help);
	}
	printf("\nExit status:\n");
	for (const int *status = command->statuses; *status >= 0; status++)
		for (const struct exit_status *s = exit_statuses; s->meaning; s++)
			if (s->status == *status)
				printf("  %d  %s\n", *status, s->meaning);
}

static const struct page man_page = { .is_roff = true };

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
			page_item(&man_page, label, f->help);
		}
	}
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
	put_roff("dqn trains Deep Q-Networks, a method of reinforcement learning, and evaluates them. The "
		 "configuration, which includes the seed, decides every byte of a run except timing.csv, on "
		 "every machine.\n");
	printf(".PP\n");
	put_roff("dqn train writes a run directory. The same command given again resumes a run that was "
		 "interrupted, to the same bytes, and prints the result of one that is done. dqn eval "
		 "runs new episodes with saved weights. dqn sweep prints one train command for each "
		 "point of a space of configurations, for a shell, make, parallel or sbatch to run. dqn "
		 "report and dqn plot compare the runs, and dqn watch shows their progress.\n");
	printf(".PP\n");
	put_roff("Results go to standard output; progress, warnings and errors go to standard error, "
		 "each line after 'dqn: '. There are no prompts, and nothing uses the network.\n");
	printf(".SH COMMANDS\n");
	man_commands();
	for (const struct topic *t = topics; t->name; t++)
		topic_put(t, &man_page);
	printf(".SH ENVIRONMENT\n");
	page_item(&man_page, "DQN_ISA",
		"Forces the instruction set of the arithmetic: scalar, sse2, avx2, avx512 or, on ARM, neon. The "
		"results are the same bytes with each. scalar also does without the CPU's instructions for SHA-256.");
	page_item(&man_page, "PATH, XDG_DATA_DIRS",
		"PATH finds the directory of dqn. A configuration named without a path is looked for in its "
		"configs, in its ../share/dqn/configs, and in dqn/configs of each directory of XDG_DATA_DIRS.");
	page_item(&man_page, "NO_COLOR", "If it is not empty, nothing is coloured.");
	page_item(&man_page, "LC_ALL, LC_CTYPE, LANG", "Without UTF-8 in the locale, dqn plot draws in ASCII.");
	printf(".SH EXIT STATUS\n");
	topic_put_statuses(&man_page);
	printf(".SH EXAMPLES\n.nf\n");
	for (const struct command *const *c = commands; *c; c++)
		put_roff((*c)->examples);
	printf(".fi\n.SH SEE ALSO\n");
	put_roff("xargs(1), make(1), parallel(1), sbatch(1). In the source: README.md; "
		 "configs/README.md for the presets, environments, sweeps and clusters; tests/README.md for what was "
		 "measured; src/README.md for how it works.\n");
}

static bool help_on(const char *word, struct err *e)
{
	const struct page plain = { .is_roff = false };
	const char *names[16], *near = NULL;
	int n = 0;
	for (const struct topic *t = topics; t->name; names[n++] = t->name, t++)
		if (strcmp(t->name, word) == 0) {
			topic_put(t, &plain);
			return true;
		}
	names[n] = NULL;
	near = text_nearest(word, names);
	if (near != text_nearer(word, near, text_nearest(word, command_names)))
		near = NULL; /* find_command() suggests the command */
	if (near)
		say("unknown topic '%s'; did you mean '%s'?", word, near);
	const struct command *command = near ? NULL : find_command(word);
	if (!command)
		return end_with(e, ERR_USAGE);
	print_help(command);
	return true;
}

static bool cmd_help(const struct args *args, struct err *e)
{
	if (args->n > 0 && !args->flag[MAN].set)
		return help_on(args->pos[0], e);
	if (args->flag[MAN].set)
		print_man();
	else
		print_usage(stdout);
	return true;
}

const struct command command_help = {
	.name = "help",
	.synopsis = "[COMMAND|TOPIC] | --man",
	.summary = "show how to use dqn or one of its commands",
	.details = "Without COMMAND it lists commands and topics. A topic is what belongs to no command: the "
		   "algorithm, the keys, a run directory, faults, sweeps, environments.",
	.examples = "dqn help train\n"
		    "dqn help dqn\n"
		    "dqn help --man | man -l -\n",
	.flags = help_flags,
	.statuses = (const int[]){ 0, 1, 2, -1 },
	.max_args = 1,
	.run = cmd_help,
};
