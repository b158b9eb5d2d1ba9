/* dqn: the table of commands and the way into them. */
#include "base/sha256.h"
#include "cli/cli.h"
#include "cli/version.h"

#include <fenv.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A row for each command, in the order of the help. */
#define COMMANDS(ROW)    \
	ROW(train)       \
	ROW(eval)        \
	ROW(play)        \
	ROW(act)         \
	ROW(export)      \
	ROW(config)      \
	ROW(sweep)       \
	ROW(report)      \
	ROW(plot)        \
	ROW(watch)       \
	ROW(diagnose)    \
	ROW(env)         \
	ROW(trace)       \
	ROW(bench)       \
	ROW(inspect)     \
	ROW(completions) \
	ROW(help)

#define DECLARE(name) extern const struct command command_##name;
#define ADDRESS(name) &command_##name,
#define NAME(name) #name,
COMMANDS(DECLARE)
const struct command *const commands[] = { COMMANDS(ADDRESS) NULL };
const char *const command_names[] = { COMMANDS(NAME) NULL };

/* The first argument is a flag: --verison, or one that belongs after its command. */
static void unknown_first_flag(const char *word)
{
	static const char *const own[] = { "version", "help", NULL };
	const char *start = word + strspn(word, "-"), *near = text_nearest(start, own);
	if (near) {
		say("unknown flag '%s'; did you mean '--%s'?", word, near);
		return;
	}
	for (const struct command *const *c = commands; *c; c++) {
		if (args_find_flag(*c, word)) {
			say("flags follow the command: 'dqn %s %s'", (*c)->name, word);
			return;
		}
		if (strcmp((*c)->name, start) == 0) {
			say("unknown flag '%s'; did you mean 'dqn %s'?", word, (*c)->name);
			return;
		}
	}
	say("unknown flag '%s'; 'dqn help' lists the commands", word);
}

const struct command *find_command(const char *word)
{
	const int i = text_index(word, command_names);
	const char *near = text_nearest(word, command_names);
	if (i >= 0)
		return commands[i];
	if (word[0] == '-')
		unknown_first_flag(word);
	else if (strcmp(word, "version") == 0)
		say("unknown command 'version'; did you mean '--version'?");
	else if (near)
		say("unknown command '%s'; did you mean '%s'?", word, near);
	else
		say("unknown command '%s'; 'dqn help' lists them", word);
	return NULL;
}

/* If descriptor 0, 1 or 2 is closed, the next file to be opened would get its number. The one
 * opened here instead fails to read or write, as a closed one does. */
static void fill_standard_descriptors(void)
{
	static const int modes[] = { O_WRONLY, O_RDONLY, O_WRONLY };
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) < 0)
			_exit(ERR_RUN);
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	const char *isa = getenv("DQN_ISA");
	if (isa && strcmp(isa, "scalar") == 0)
		sha256_use_instructions(false);
	fesetenv(FE_DFL_ENV); /* a loaded library may have changed rounding or denormals */
	fill_standard_descriptors();
	signal(SIGXFSZ, SIG_IGN); /* beyond the file size limit write() fails instead */
	if (argc < 2) {
		print_usage(stderr);
		return ERR_USAGE;
	}
	const char *word = argv[1];
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		printf("dqn %s\n", DQN_VERSION);
		return close_stdout(STATUS_OK);
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		print_usage(stdout);
		return close_stdout(STATUS_OK);
	}
	const struct command *command = find_command(word);
	if (!command)
		return ERR_USAGE;
	if (asks_for_help(argc - 2, argv + 2)) {
		print_help(command);
		return close_stdout(STATUS_OK);
	}
	struct args args;
	struct err e;
	if (!args_parse(&args, command, argc - 2, argv + 2, &e))
		return fail(&e);
	args.program = argv[0];
	return close_stdout(command->run(&args, &e) ? STATUS_OK : fail(&e));
}
