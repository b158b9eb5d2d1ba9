/* Shared by the commands.
 *
 * main.c finds the command, args.c parses its flags, and the command's run() does the rest. If it
 * returns false, main.c prints the error, whose kind is the exit status. A function that has
 * already said what is wrong, or ends with a status that is not an error's, calls end_with().
 * Standard output carries results only. Everything else is a message on standard error, prefixed
 * "dqn: ".
 */
#ifndef DQN_CLI_CLI_H
#define DQN_CLI_CLI_H

#include "base/err.h"
#include "nn/kernels.h"
#include "study/groups.h"
#include "run/run.h"
#include "study/space.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct loaded; /* cli/children.h */

enum { STATUS_OK = 0, STATUS_BELOW_REQUIRED = 3 }; /* the others are enum err_kind */

/* --- commands and their arguments: main.c, args.c, cmd_help.c --- */

enum flag_kind {
	FLAG_SWITCH,
	FLAG_STRING,
	FLAG_LIST, /* a string, any number of times up to MAX_LIST */
	FLAG_COUNT,
	FLAG_SEED,
	FLAG_REAL,
	FLAG_SHARE
};
enum { MAX_LIST = 16 };

struct flag {             /* one row feeds the parser, the help and the man page */
	const char *name; /* without the dashes; NULL ends a table */
	char letter;      /* '\0': none */
	enum flag_kind kind;
	const char *arg; /* the value's name in the help; NULL for a switch */
	const char *help;
};

struct flag_value {
	bool set;
	const char *string; /* not empty; of every kind but a switch; the last one of a list */
	int n;              /* of a list */
	const char *list[MAX_LIST];
	int64_t count; /* 1 to 1000000 */
	uint64_t seed;
	double real; /* finite; a share in [0, 1] */
};

#define MAX_FLAGS 16

struct args {
	const char *program; /* argv[0] */
	int n;               /* positional arguments */
	char **pos;
	struct flag_value flag[MAX_FLAGS]; /* in the order of the table */
};

/* A command is a file, src/cli/cmd_NAME.c, that exports one of these, and its row in main.c. */
struct command {
	const char *name;
	const char *synopsis;     /* after the name; of flags in one bracket only one may be set */
	const char *summary;      /* a line, lower case, no full stop */
	const char *details;      /* whole sentences, "" for none */
	const char *examples;     /* a line each */
	const struct flag *flags; /* NULL: none */
	const int *statuses;      /* that it can end with; -1 ends them */
	int min_args, max_args;   /* positional; max -1: any number */
	bool (*run)(const struct args *args, struct err *e);
};

/* All commands and their names, in the order of the help; NULL ends each list. */
extern const struct command *const commands[];
extern const char *const command_names[];

/* The command of that name; for an unknown name prints an error and returns NULL. */
const struct command *find_command(const char *word);

/* True if the command takes key=value arguments. */
bool takes_keys(const struct command *c);

/* Sorts argv into flags and positional arguments; argv is reordered and stays the caller's.
 * `--x=v`, `--x v`, `-x v`, in any order; `--` ends the flags; `-` is positional.
 * ERR_USAGE. */
bool args_parse(struct args *a, const struct command *command, int argc, char **argv, struct err *e);

/* The flag that an argument names, or NULL. arg begins with '-' and has another character:
 * "--x", "--x=v", "-x", "-xv". */
const struct flag *args_find_flag(const struct command *command, const char *arg);

/* The list of commands, as bare `dqn` prints it. */
void print_usage(FILE *f);

/* A command's page, on standard output. */
void print_help(const struct command *command);

/* --- messages, and the end of the program: cli.c --- */

/* Prints a message, "dqn: ...", on standard error; unprintable characters become '?'. */
void say(const char *fmt, ...) ERR_PRINTF(1, 2);

/* Adds "NAME: " to all later messages: for one of many runs on the same terminal. `name`
 * stays the caller's. The prefix is the only state of the messages. */
void say_prefix(const char *name);

/* Says the error, unless end_with has set it, and returns its exit status. */
int fail(const struct err *e);

/* Sets an exit status that needs no message, or no other one. Always returns false. */
bool end_with(struct err *e, int status);

/* Says every error of a report, and its warnings if asked for. */
void say_report(const struct report *r, bool warnings);

/* Prints len bytes of a name; unprintable characters (base/text.h) become '?'. */
void put_printable(FILE *f, const char *s, size_t len);

/* Writes a file as file_write does, or to standard output if path is NULL, "-" or "/dev/stdout":
 * close_stdout reports errors there. ERR_USAGE if the file is one of a run. */
bool write_output(const char *path, const char *data, size_t len, struct err *e);

/* Flushes and closes standard output. Returns the status, or ERR_RUN after a message if it
 * was 0 or 3 and output was lost. */
int close_stdout(int status);

/* The kernels that the environment variable DQN_ISA names, or the best ones for this CPU.
 * NULL and ERR_USAGE if it cannot run them. */
const struct kernels *choose_kernels(struct err *e);

/* --- configurations: configs.c --- */

enum { CONFIG_LIMIT = 1 << 20 }; /* bytes of a configuration file */

/* Reads, overrides and checks the configuration of `CONFIG key=value ...`, or the defaults
 * without an argument. CONFIG may be the name of a configuration: NAME.ini in this directory,
 * or one that came with the program: in configs/ beside it, in ../share/dqn/configs, or in
 * dqn/configs of XDG_DATA_DIRS. args->pos[0] is then replaced by its path (static memory),
 * which is said. runs_here: check the memory of this machine, too. quiet: say errors only. */
bool load_config(struct config *c, const struct args *args, bool runs_here, bool quiet, struct err *e);

/* The checks that need the declaration of a child process. */
bool check_env(const struct config *c, bool quiet, struct err *e);

/* Reads the files that a configuration names (run/inputs.h). A path is relative to this
 * directory, or else to that of the configuration, `config`. If the file does not exist, the copy in the run in
 * `out` is taken, with a warning (out and r NULL: no run). ERR_USAGE without a copy. On failure *in is empty. */
bool load_inputs(
	struct inputs *in, struct config *c, const char *config, const char *out, struct report *r, struct err *e);

/* load_config for a space. It points into static memory, which the next call overwrites. */
bool load_space(struct space *s, const struct args *args, struct err *e);

/* Prints the names of the configurations that came with the program. Returns false if it finds none. */
bool print_configs(const char *program);

/* True for a file that can be read only once: "-", a descriptor in /dev/fd, a FIFO. */
bool config_is_stream(const char *path);

/* "cartpole" of "configs/cartpole.ini"; "stdin" of a stream. */
void config_name(const char *path, char *name, size_t size);

/* --- run directories: runs.c --- */

struct keys { /* sorted by name, each once */
	const struct option *at[CONFIG_MAX_OPTIONS];
	int n;
};
void keys_add(struct keys *k, const struct option *o);
void keys_add_overrides(struct keys *k, const struct args *args); /* its key=value arguments */

/* The default directory of a run: BASE,key=value,.../seed-N with first ',' (train: BASE is a
 * run's name), BASE/key=value,.../seed-N with '/' (sweep: BASE is a directory of many runs).
 * Values are as config_print_value prints them, so that 5e-4 and 0.0005 are the same run.
 * Bytes of a string that could not stand there are written as in a URL, and a long value ends
 * in a hash. Neutral keys are left out. A name that would be too long continues in a directory
 * below.
 * False if the path is too long. */
bool run_dir(char dir[RUN_PATH_SIZE], const char *base, char first, const struct keys *keys, const struct config *c);

/* Reads the configuration of a run and, if it is done, its result, as result_load does. */
bool read_run(const struct dir *d, bool whole, struct config *c, struct result *res, bool *is_done, struct err *e);

/* Reads a weights file: a path, a run directory, or "-" for standard input. Of a run that is
 * not done it takes the best weights so far or the checkpoint, and says so. `name`
 * (RUN_PATH_SIZE) gets the file's path; the caller frees *data. */
bool read_weights(const char *path, char *name, char **data, size_t *len, struct err *e);

/* The flags of commands that take WEIGHTS, by which those of other programs are read. In a table of
 * flags they are N_WEIGHTS_FLAGS rows from `first` on: WEIGHTS_FLAGS(first), */
enum { WEIGHTS_ENV, WEIGHTS_COMMAND, WEIGHTS_ACTIVATION, WEIGHTS_OBS_SCALE, N_WEIGHTS_FLAGS };
#define WEIGHTS_FLAGS(first)                                                                \
	[(first) + WEIGHTS_ENV] = { "env", '\0', FLAG_STRING, "ID",                         \
		"environment of weights that another program wrote" },                      \
		   [(first) + WEIGHTS_COMMAND] = { "command", '\0', FLAG_STRING, "CMD",     \
			   "the environment, where it is a child process" },                \
		   [(first) + WEIGHTS_ACTIVATION] = { "activation", '\0', FLAG_STRING, "A", \
			   "activation of such weights (default relu)" },                   \
		   [(first) + WEIGHTS_OBS_SCALE] = { "obs-scale", '\0', FLAG_STRING, "S",   \
			   "obs_scale of such weights (default none)" }
#define WEIGHTS_SYNOPSIS "[--env ID|--command CMD] [--activation A] [--obs-scale S]"

/* Reads weights as read_weights and weights_parse do, or those of another program by these flags
 * (N_WEIGHTS_FLAGS). To play them, starts the child process of --command unless their environment is
 * built in; ERR_USAGE without a command. The one in a run's files is shown and never run: files come
 * from other people. On failure there is nothing to unload. */
bool load_weights(struct loaded *l, const char *path, const struct flag_value *flags, bool plays, struct err *e);
void unload_weights(struct loaded *l);

/* Sets l->policy, on the kernels of this machine, to act by the weights. ERR_RUN for memory. */
bool load_policy(struct loaded *l, struct err *e);

/* Finds the runs in all arguments and groups them by the keys of `by` (NULL: all that differ), or
 * by their directories ("dir"), or by the names of arguments NAME=PATH. `list` is initialised and
 * stays the caller's to release, as does *g. Warns of runs that cannot be read. */
bool load_groups(struct records *list, struct groups *g, const struct args *args, const char *by, struct err *e);

/* Warn of directories and files that cannot be read: how many, and the first one. */
void say_left_out(const struct records *list);
void say_damaged(const struct faults *f);

/* --- the terminal, and text for people: terminal.c --- */

/* True if the locale's variables name UTF-8. */
bool locale_is_utf8(void);

/* The size of the terminal at a descriptor now. If it is not a terminal or has no size:
 * COLUMNS and LINES, else 80 by 24. */
void terminal_size(int fd, int *columns, int *lines);

/* True for a terminal that can move its cursor; that of standard output shows colours unless NO_COLOR is set. */
bool can_redraw(int fd);
bool wants_colour(void);

/* Takes the terminal of standard output for pictures: a screen of its own, no cursor and, if
 * standard input is that terminal too, keys as they are pressed. Whatever ends the program but
 * KILL, and Ctrl-Z while it is stopped, gives it back as it was. True if the terminal is ours now: not in
 * the background, nor at first where it has no cursor. May be called again: before each picture. */
bool terminal_take(void);
void terminal_give_back(void);

/* Waits up to so many seconds (< 0: without end) for a key, or for a terminal that has changed; 0
 * is neither. */
int terminal_key(double seconds);

/* Write into buf, and return it. A duration of s seconds, finite, >= 0, rounded up: "59s", "1m02s", "2h01m",
 * "3d04h". A return: "386.1"; three significant digits where one decimal place does not fit: "0.0213", "1e+20". */
const char *duration_text(double s, char buf[TEXT_REAL_SIZE]);
const char *return_text(double x, char buf[TEXT_REAL_SIZE]);

/* Prints text in lines of 80 columns, each indented by so many blanks. */
void print_wrapped(int indent, const char *text);

#endif
