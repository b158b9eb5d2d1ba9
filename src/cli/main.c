/* dqn: the table of commands and the way into them. */
#include "cli/cli.h"
#include "cli/version.h"

#include <fenv.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const struct flag no_flags[] = { { .name = NULL } };

const struct command commands[] = {
	{ "train", "CONFIG [key=value ...] [--out DIR] [--fresh] [--json|--brief] [-q|-v]",
		"train an agent as CONFIG says and write a run directory",
		"CONFIG is an INI file, - for standard input, or the name of a configuration that came "
		"with dqn ('dqn config --list'); key=value arguments override it. "
		"Without --out the directory is runs/NAME[,key=value...]/seed-N. A run that is done "
		"already is recognised; one that was cut short goes on from its checkpoint, to the "
		"same bytes. SIGINT, SIGTERM, SIGHUP and SIGUSR1 save one and end with status 130, "
		"143, 129 and 138. The result goes to standard output, progress to standard error.",
		"dqn train configs/cartpole.ini\n"
		"dqn train configs/cartpole.ini seed=7 learning_rate=5e-4\n"
		"dqn train configs/cartpole.ini seed=7 --out /tmp/seven --json -q\n",
		train_flags, 1, -1, cmd_train },
	{ "eval",
		"RUN|WEIGHTS [--episodes N] [--seed S] [--epsilon E] [--max-episode-steps N] [--require R] [--json|--csv]",
		"run episodes with saved weights",
		"RUN is a run directory, whose final.safetensors is used, or, as it says, "
		"best.safetensors or the checkpoint while the run is not done. WEIGHTS is a weights "
		"file, a checkpoint, of which the network is taken that the run would evaluate, or "
		"- for standard input. The first episode starts where Gymnasium's env.reset(seed=S) "
		"does, the others go on from there. Episodes end at the environment's own time "
		"limit, whatever the run's evaluations had, so that returns compare with its "
		"threshold.",
		"dqn eval runs/cartpole/seed-1\n"
		"dqn eval runs/cartpole/seed-1/best.safetensors --episodes 1000\n"
		"dqn eval runs/cartpole/seed-1 --require 475 && echo solved\n",
		eval_flags, 1, 1, cmd_eval },
	{ "config", "CONFIG [key=value ...] [--memory] | --explain [KEY] | --list",
		"print the full configuration, or explain its keys",
		"The printed file has every key and reads back to the same configuration. CONFIG is a "
		"file, - for standard input, or one of the names that --list prints.",
		"dqn config configs/cartpole.ini seed=7\n"
		"dqn config /dev/null          # all defaults\n"
		"dqn config --explain n_steps\n",
		config_flags, 0, -1, cmd_config },
	{ "sweep",
		"SPACE [key=value ...] [--out DIR] [--random N|--sobol N] [--seed S] [--index I[-J]] "
		"[--missing] [--count|--indices] [-0]",
		"print one train command per point of a space",
		"SPACE is a configuration in which a value may stand for several: a list 1 | 3 | 5, "
		"a range of whole numbers 1..10, log(1e-4, 1e-2) or uniform(0.9, 0.99); so may a "
		"key=value argument. All combinations are printed, the seed varying slowest; or, with "
		"--random or --sobol, N settings of the other keys, each with every seed. Each run gets "
		"a directory of its own below DIR, which is runs/NAME "
		"unless said, and prints one line.",
		"dqn sweep configs/sweep-cartpole.ini -0 | xargs -0 -P2 -n1 sh -c\n"
		"dqn sweep configs/cartpole.ini seed=1..20 'n_steps=1 | 3 | 5'\n"
		"dqn sweep configs/sweep-cartpole.ini --missing --count\n"
		"sbatch --array=$(dqn sweep configs/sweep-cartpole.ini --missing --indices) job\n",
		sweep_flags, 1, -1, cmd_sweep },
	{ "report",
		"RUN_OR_DIR... [--by KEYS] [--metric NAME] [--threshold R] "
		"[--tsv|--csv|--json|--md]",
		"compare the runs that directories hold",
		"Runs that differ in nothing but the seed are one row: the interquartile mean of the "
		"final return with its 95 % interval, mean, median, the share of seeds that "
		"solve the environment with its interval (Clopper and Pearson's), the median steps until an evaluation "
		"reached the threshold (runs that never did count as infinite) and the wall clock. A run "
		"that diverged counts as the lowest return that an episode can have, and as one that "
		"never reached the threshold. A figure of 6 runs of 8 is marked (6/8): the others are "
		"not done, or cannot be read. The best row comes first, those that lack runs come last. "
		"Metrics: final_return_mean, best_return_mean, eval_return_mean (over all evaluations), "
		"steps_to_threshold (>= where runs never got there: those count as total_timesteps), "
		"final_length_mean, timesteps, episodes, n_updates, wall_s.",
		"dqn report runs/sweep-cartpole\n"
		"dqn report runs/sweep-cartpole --by n_steps --metric steps_to_threshold\n"
		"dqn report runs/a runs/b --tsv | sort -k 6\n",
		report_flags, 1, -1, cmd_report },
	{ "plot", "RUN_OR_DIR... [--out FILE] [--x WHAT] [--y WHAT] [--by KEYS] [--size WxH]",
		"draw learning curves, or returns against a key",
		"A line per group of runs that differ in nothing but the seed: the interquartile mean "
		"with its 95 % interval as a band. It is made of the same runs everywhere, "
		"and ends where the first of them does; the legend says how many they are. Runs that "
		"diverged have the lowest return after their last row. --x is steps, updates or seconds, --y a "
		"column of eval.csv or progress.csv. If --x is a configuration key, its values stand "
		"against the final return, or what --y names of the metrics of dqn report: a dot per "
		"run, on a logarithmic axis where the values lie so. Without --out the plot goes to the "
		"terminal; FILE is an SVG, or - for standard output.",
		"dqn plot runs/sweep-cartpole\n"
		"dqn plot runs/sweep-cartpole --by n_steps -o curves.svg\n"
		"dqn plot runs/sweep-cartpole --x learning_rate -o lr.svg\n",
		plot_flags, 1, -1, cmd_plot },
	{ "watch", "RUN_OR_DIR... [--interval S] [--once]", "show how runs are going",
		"A table of the runs in and below the directories, running ones first, redrawn in "
		"place until all are done; where standard output is no terminal it is printed once. "
		"It is made from the files alone, so the runs may be those of other machines. The "
		"return is that of the last 100 training episodes, of done runs the final one; the "
		"time left is '<' where a run may stop earlier. A run is running if a process holds "
		"its lock, which is seen on its own machine and where the file system passes locks on; "
		"or, as long as no lock was ever seen, if it wrote something in the last 10 seconds, "
		"three rows of progress.csv or three checkpoint_intervals, whichever is longest. What "
		"neither runs nor is done is stopped.",
		"dqn watch runs/sweep-cartpole\n"
		"dqn watch runs --interval 10\n"
		"dqn watch runs --once | grep stopped\n",
		watch_flags, 1, -1, cmd_watch },
	{ "bench", "[CONFIG [key=value ...]] [--sizes] [-n N] [--json]",
		"measure the speed of this machine, beside its own arithmetic peak",
		"First the peak of fused multiply-adds of the instruction set in use (DQN_ISA forces "
		"one), on one core; then everything a run consists of, as a share of it where it is "
		"arithmetic; last the training loop of CONFIG as a whole, or of the defaults, without "
		"its files.",
		"taskset -c 1 dqn bench\n"
		"dqn bench configs/cartpole-fixed.ini\n"
		"dqn bench --sizes\n",
		bench_flags, 0, -1, cmd_bench },
	{ "inspect", "FILE", "show what a weights file or checkpoint holds",
		"FILE is any safetensors file, a run directory (its weights), or - for standard "
		"input.",
		"dqn inspect runs/cartpole/seed-1/best.safetensors\n", no_flags, 1, 1,
		cmd_inspect },
	{ "completions", "bash|zsh|fish", "print what a shell completes dqn's arguments with",
		"Commands, flags, configuration keys and their values, files and directories. 'make "
		"install' puts the scripts where the shells look for them. They ask 'dqn completions query "
		"-- WORD...' for what may stand at the last WORD.",
		"source <(dqn completions bash)          # in ~/.bashrc\n"
		"source <(dqn completions zsh)           # in ~/.zshrc, behind compinit\n"
		"dqn completions fish | source           # in ~/.config/fish/config.fish\n",
		no_flags, 1, -1, cmd_completions },
	{ "help", "[COMMAND] | --man", "show how to use dqn or one of its commands", "",
		"dqn help train\n"
		"dqn help --man | man -l -\n",
		help_flags, 0, 1, cmd_help },
	{ .name = NULL },
};

/* What stands before any command begins with a dash: --verison, or the flag of one. */
static void unknown_first_flag(const char *word)
{
	static const char *const own[] = { "version", "help", NULL };
	const char *start = word + strspn(word, "-");
	const size_t len = strcspn(start, "=");
	const char *near = text_nearest(start, own);
	if (near) {
		say("unknown flag '%s'; did you mean '--%s'?", word, near);
		return;
	}
	for (const struct command *c = commands; c->name; c++)
		for (const struct flag *f = c->flags; f->name; f++)
			if ((strlen(f->name) == len && strncmp(f->name, start, len) == 0) ||
				(len == 1 && f->letter == *start)) {
				say("flags follow the command: 'dqn %s %s'", c->name, word);
				return;
			}
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, start) == 0) {
			say("unknown flag '%s'; did you mean 'dqn %s'?", word, c->name);
			return;
		}
	say("unknown flag '%s'; 'dqn help' lists the commands", word);
}

const struct command *find_command(const char *word)
{
	const char *names[sizeof(commands) / sizeof(commands[0])];
	if (word[0] == '-') {
		unknown_first_flag(word);
		return NULL;
	}
	size_t n = 0;
	for (const struct command *c = commands; c->name; c++) {
		if (strcmp(c->name, word) == 0)
			return c;
		names[n++] = c->name;
	}
	names[n] = NULL;
	const char *near = text_nearest(word, names);
	if (strcmp(word, "version") == 0)
		say("unknown command 'version'; did you mean '--version'?");
	else if (near)
		say("unknown command '%s'; did you mean '%s'?", word, near);
	else
		say("unknown command '%s'; 'dqn help' lists them", word);
	return NULL;
}

/* A closed descriptor 0, 1 or 2 would be taken by the next file that is opened.
 * What stands in for it fails, as the closed one would. */
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
	fesetenv(FE_DFL_ENV); /* rounding, denormals: whatever a library that was loaded wants */
	fill_standard_descriptors();
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of write() */
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
	return close_stdout(command->run(&args));
}
