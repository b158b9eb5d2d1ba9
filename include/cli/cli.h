/* What the commands share: the table of commands, arguments, messages.
 *
 * Standard output carries results only. Everything else goes to standard error,
 * each line prefixed "dqn: ". A command returns the exit status.
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

enum { STATUS_OK = 0, STATUS_BELOW_REQUIRED = 3 }; /* the others are enum err_kind */

enum flag_kind { FLAG_SWITCH, FLAG_STRING, FLAG_COUNT, FLAG_SEED, FLAG_REAL };

struct flag {             /* one row feeds the parser, the help and the man page */
	const char *name; /* without the dashes; NULL ends a table */
	char letter;      /* '\0': none */
	enum flag_kind kind;
	const char *arg; /* what the value is called in the help, or NULL */
	const char *help;
};

struct flag_value {
	bool set;
	const char *string;
	int64_t count; /* >= 1 */
	uint64_t seed;
	double real;
};

#define MAX_FLAGS 12

struct args {
	const char *program; /* as it was called */
	int n;               /* positional arguments */
	char **pos;
	struct flag_value flag[MAX_FLAGS]; /* in the order of the table */
};

/* A command is a file, src/cli/cmd_NAME.c, that exports one of these, and its row in main.c. */
struct command {
	const char *name, *synopsis;         /* as in "dqn NAME SYNOPSIS" */
	const char *summary;                 /* a line, lower case, no full stop */
	const char *details;                 /* whole sentences, "" for none */
	const char *examples;                /* a line each */
	const struct flag *flags;            /* NULL: none */
	const int *statuses;                 /* that it can end with; -1 ends them */
	int min_args, max_args;              /* positional; max -1: any number */
	int (*run)(const struct args *args); /* returns the exit status */
};

/* All of them, in the order of the help; NULL ends the list. */
extern const struct command *const commands[];

/* Whether it takes key=value arguments. */
bool takes_keys(const struct command *c);

/* The command of that name, or NULL after saying that there is none. */
const struct command *find_command(const char *word);

/* Sorts argv into flags and positional arguments (argv is reordered). `--x=v`,
 * `--x v`, `-x v`, any order, `--` ends the flags, a lone `-` is positional. */
bool args_parse(
	struct args *a, const struct command *command, int argc, char **argv, struct err *e);

/* The flag that arg, "--x", "--x=v" or "-x...", names; NULL: there is none. */
const struct flag *args_find_flag(const struct command *command, const char *arg);

/* Prints "dqn: " and the message on standard error. */
void say(const char *fmt, ...) ERR_PRINTF(1, 2);

/* From here on messages name a run after that, "dqn: NAME: ", as one of many on the same
 * terminal. `name` stays the caller's. */
void say_prefix(const char *name);

/* Prints len bytes of a name, or what else may hold anything, what is not printable
 * (base/text.h) as '?'. */
void put_printable(FILE *f, const char *s, size_t len);

/* Says the error and returns its exit status. */
int fail(const struct err *e);

/* Flushes and closes standard output: a result that could not be written is an
 * error. Returns the status, or 1 if it was 0 or 3 and output was lost. */
int close_stdout(int status);

/* Reads, overrides and checks the configuration of `CONFIG key=value ...`, or the defaults
 * if there is no argument; all that is wrong is said. A name that find_config knows is said
 * unless quiet, and replaced in args->pos[0]. One that runs here must fit this machine, too. */
bool load_config(
	struct config *c, const struct args *args, bool runs_here, bool quiet, int *status);

/* The same for a space, whose overrides may be choices, too. The space refers to memory of
 * its own, which the next call overwrites. */
bool load_space(struct space *s, const struct args *args, int *status);

/* The file that a configuration's name stands for if no file has just that name: NAME.ini,
 * or one that came with the program: in configs/ beside it, in ../share/dqn/configs, or in
 * dqn/configs of XDG_DATA_DIRS. `program` is how it was called. */
bool find_config(const char *program, const char *name, char found[RUN_PATH_SIZE]);

/* Prints the names of those that came with the program, or returns false: none did. */
bool print_configs(const char *program);

/* Says these names, and the one that was perhaps wanted; nothing if there are none. */
void say_configs(const char *program, const char *wanted);

/* True for what can be read once: "-", a descriptor in /dev/fd, a FIFO. */
bool config_is_stream(const char *path);

/* Every error of a report with the prefix, and with `warnings` those, too. */
void say_report(const struct report *r, bool warnings);

/* Warns of what could not be read: how much, and what is first of it. */
void say_left_out(const struct records *list);
void say_damaged(const struct faults *f);

/* Finds the runs of all paths in an initialised list and groups them; what is left out
 * is said. */
bool load_groups(struct records *list, struct groups *g, int n_paths, char *const *paths,
	const char *by, int *status);

struct keys { /* that a command sets, by name, each once */
	const struct option *at[CONFIG_MAX_OPTIONS];
	int n;
};
void keys_add(struct keys *k, const struct option *o);
void keys_add_overrides(struct keys *k, int n, char *const *overrides);

/* Where a run lives unless --out of train says it: base,key=value,.../seed-N with first
 * ',' (train: a name for the run), base/key=value,.../seed-N with '/' (sweep: a directory
 * for many). Values as they are printed, so that 5e-4 and 0.0005 are the same run; keys
 * that change no result are left out; another '/' where a name would be too long. False
 * if it does not fit. */
bool run_dir(char dir[RUN_PATH_SIZE], const char *base, char first, const struct keys *keys,
	const struct config *c);

/* "cartpole" of "configs/cartpole.ini", "stdin" of what can be read once */
void config_name(const char *path, char *name, size_t size);

/* Opens a run directory and reads its configuration and, if it is done, its result as
 * result_load does. The caller closes *d on success. */
bool open_run(struct dir *d, const char *path, bool whole, struct config *c, struct result *res,
	bool *is_done, struct err *e);

/* Reads a weights file: a path, a run directory (its final weights or, as is said, what
 * an unfinished run has), or "-" for standard input. *name (RUN_PATH_SIZE) is what was read; the caller frees *data. */
bool read_weights(const char *path, char *name, char **data, size_t *len, struct err *e);

/* The kernels that DQN_ISA asks for, or the best ones. */
const struct kernels *choose_kernels(struct err *e);

/* What the environment and the terminal behind a descriptor say of themselves. */
bool locale_is_utf8(void);
/* The size that the terminal has at this moment; COLUMNS and LINES only count where there
 * is none that knows it: shells set them once and a window changes. 80 by 24 without. */
void terminal_size(int fd, int *columns, int *lines);
bool wants_colour(int fd);

/* "59s", "1m02s", "2h01m", "3d04h": of s seconds, finite, >= 0, rounded up. */
void text_add_duration(struct text *t, double s);

/* A return as people read it: "386.1", and "0.0213" or "1e+20" where one place after the
 * point is not what they need. */
void text_add_return(struct text *t, double x);

/* Prints text broken into lines of 80 columns, each after `indent` blanks. */
void print_wrapped(FILE *f, int indent, const char *text);

void print_usage(FILE *f);
void print_help(const struct command *command);

#endif
