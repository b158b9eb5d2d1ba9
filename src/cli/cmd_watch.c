#include "cli/cli.h"

#include "base/clock.h"
#include "study/liveness.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { INTERVAL, ONCE };
static const struct flag watch_flags[] = {
	[INTERVAL] = { "interval", 'n', FLAG_REAL, "S", "seconds between two looks (1)" },
	[ONCE] = { "once", '\0', FLAG_SWITCH, NULL, "print the table once" },
	{ .name = NULL },
};

enum state { RUNNING, STOPPED, FAILED, UNREADABLE, DONE, N_STATES }; /* in the order of the table */
static const struct {
	const char *name, *colour;
} states[N_STATES] = {
	[RUNNING] = { "running", "32" },
	[STOPPED] = { "stopped", "33" },
	[FAILED] = { "failed", "31" },
	[UNREADABLE] = { "unreadable", "31" },
	[DONE] = { "done", "0" },
};

struct line {
	const struct record *r;
	enum state state;
};

struct watch {
	const struct args *args;
	struct records records;
	size_t base;       /* bytes of the directory that all of them share */
	struct line *line; /* (records.n) as they are shown */
	size_t n[N_STATES];
	struct liveness liveness;
};

/* --- looking --- */

static enum state state_of(struct watch *w, const struct record *r)
{
	static const enum state over[N_RECORD_STATES] = {
		[RECORD_DONE] = DONE, [RECORD_FAILED] = FAILED, [RECORD_UNREADABLE] = UNREADABLE
	};
	if (r->state != RECORD_UNFINISHED)
		return over[r->state];
	return run_is_alive(&w->liveness, r, (double)time(NULL)) ? RUNNING : STOPPED;
}

/* Up to the last '/' that all names have in common; they are sorted. */
static size_t common_base(const struct records *list)
{
	const char *a = list->at[0].dir, *b = list->at[list->n - 1].dir;
	size_t base = 0;
	for (size_t i = 0; a[i] && a[i] == b[i]; i++)
		base = a[i] == '/' ? i + 1 : base;
	return base;
}

/* Reads everything anew. */
static bool look(struct watch *w, struct err *e)
{
	records_release(&w->records);
	for (int i = 0; i < w->args->n; i++)
		if (!records_find(&w->records, w->args->pos[i], e))
			return false;
	records_sort(&w->records);
	const size_t n = w->records.n;
	enum state *state = malloc((n + 1) * sizeof(*state));
	free(w->line);
	w->line = malloc((n + 1) * sizeof(*w->line));
	memset(w->n, 0, sizeof(w->n));
	if (!state || !w->line) {
		free(state);
		return err_set(e, ERR_RUN, "out of memory for %zu runs", n);
	}
	for (size_t i = 0; i < n; i++)
		w->n[state[i] = state_of(w, &w->records.at[i])]++;
	size_t at = 0;
	for (enum state s = 0; s < N_STATES; s++)
		for (size_t i = 0; i < n; i++)
			if (state[i] == s)
				w->line[at++] = (struct line){ &w->records.at[i], s };
	w->base = n > 0 ? common_base(&w->records) : 0;
	free(state);
	return true;
}

/* --- the table --- */

enum { NAME, PROGRESS, STEPS, RETURN, SPEED, LEFT, STATE, N_COLUMNS };
static const char *const column_names[N_COLUMNS] = { "run", "progress", "steps", "return",
	"steps/s", "left", "state" };
enum { CELL_SIZE = 32, GAP = 2 };

static void put_cell(const struct line *l, int column, char cell[CELL_SIZE])
{
	const struct record *r = l->r;
	const bool done = l->state == DONE;
	const double steps = (double)(done ? r->result.timesteps : r->timesteps);
	const double total = (double)r->config.total_timesteps;
	const double speed = run_steps_per_s(r);
	const double value = done ? r->result.final.return_mean : r->ep_rew_mean;
	struct text t;
	text_init(&t, cell, CELL_SIZE);
	if (column == PROGRESS)
		text_add(&t, "%.0f %%", done ? 100 : floor(100 * steps / total));
	else if (column == STEPS)
		text_add(&t, "%.0f", steps);
	else if (column == RETURN && isfinite(value))
		text_add_return(&t, value);
	else if (column == SPEED && !isnan(speed))
		text_add(&t, speed < 10 ? "%.2g" : "%.0f", speed);
	else if (column == STATE)
		text_add(&t, "%s", states[l->state].name);
	if (column != LEFT || l->state != RUNNING || isnan(speed))
		return;
	text_add(&t, "%s", isfinite(r->config.stop_return) ? "<" : "");
	text_add_duration(&t, (total - steps) / speed);
}

/* What tells the run from the others; of a long name its end, where the seed is. */
static void put_name(const struct watch *w, const struct record *r, int width)
{
	const char *name = r->dir + w->base;
	const int n_dots = text_columns(name) <= width ? 0 : width < 3 ? width : 3;
	name = text_fit_end(name, width - n_dots);
	printf("%.*s", n_dots, "...");
	put_printable(stdout, name, strlen(name));
	printf("%*s", width - n_dots - text_columns(name), "");
}

static void add_counts(struct text *t, const size_t n[N_STATES])
{
	const char *comma = " ";
	for (int s = 0; s < N_STATES; s++)
		if (n[s] > 0) {
			text_add(t, "%s%zu %s", comma, n[s], states[s].name);
			comma = ", ";
		}
}

/* What a line ends with: on a screen the rest of an older one goes. */
static const char *line_end(bool screen)
{
	return screen ? "\033[K\n" : "\n";
}

/* A line of words, no wider than `width` (0: any width). */
static void put_words(const char *s, int width, bool screen)
{
	put_printable(stdout, s, width > 0 ? text_fit(s, width) : strlen(s));
	fputs(line_end(screen), stdout);
}

struct layout {
	int width[N_COLUMNS]; /* 0: not shown */
};

/* Wide enough for the first n lines, but no wider than `width` (0: any width) as a
 * whole: names give way first, then whole columns. */
static struct layout layout_of(const struct watch *w, size_t n, int width)
{
	static const int dispensable[] = { SPEED, STEPS, LEFT, RETURN, STATE, PROGRESS };
	enum { N_DISPENSABLE = sizeof(dispensable) / sizeof(dispensable[0]), LEAST_NAME = 20 };
	struct layout l = { .width = { 0 } };
	int all = 0;
	for (int k = 0; k < N_COLUMNS; k++) {
		l.width[k] = (int)strlen(column_names[k]);
		for (size_t i = 0; i < n; i++) {
			char cell[CELL_SIZE] = "";
			put_cell(&w->line[i], k, cell);
			const int columns = k == NAME ? text_columns(w->line[i].r->dir + w->base)
						      : (int)strlen(cell);
			l.width[k] = columns > l.width[k] ? columns : l.width[k];
		}
		all += l.width[k] + (k > 0 ? GAP : 0);
	}
	const int rest = l.width[NAME] > LEAST_NAME ? l.width[NAME] - LEAST_NAME : 0;
	for (int i = 0; i < N_DISPENSABLE && width > 0 && all - rest > width; i++) {
		all -= l.width[dispensable[i]] + GAP;
		l.width[dispensable[i]] = 0;
	}
	if (width > 0 && all > width)
		l.width[NAME] -= all - width;
	return l;
}

/* Line i, the header being -1. */
static void put_line(const struct watch *w, const struct layout *layout, int i)
{
	const struct line *l = i >= 0 ? &w->line[i] : NULL;
	if (l)
		put_name(w, l->r, layout->width[NAME]);
	else
		printf("%-*.*s", layout->width[NAME], layout->width[NAME], column_names[NAME]);
	for (int k = PROGRESS; k < N_COLUMNS; k++) {
		char cell[CELL_SIZE];
		snprintf(cell, sizeof(cell), "%s", column_names[k]);
		if (l)
			put_cell(l, k, cell);
		if (layout->width[k] == 0)
			continue;
		if (k != STATE)
			printf("%*s%*s", GAP, "", layout->width[k], cell);
		else if (l && wants_colour(STDOUT_FILENO))
			printf("%*s\033[%sm%s\033[0m", GAP, "", states[l->state].colour, cell);
		else
			printf("%*s%s", GAP, "", cell);
	}
}

/* No more than `lines` lines (0: any number), no wider than `width`. */
static void put_table(const struct watch *w, int width, int lines, bool screen)
{
	size_t n_shown = w->records.n;
	const size_t others = 3; /* the summary, the header, what is not shown */
	if (lines > 0 && n_shown + others > (size_t)lines)
		n_shown = (size_t)lines > others + 1 ? (size_t)lines - others : 1;
	char buf[RUN_PATH_SIZE + 256];
	struct text t;
	text_init(&t, buf, sizeof(buf));
	text_add(&t, "%zu run%s in %.*s:", w->records.n, w->records.n == 1 ? "" : "s",
		w->base > 1 ? (int)w->base - 1 : 1, w->base > 0 ? w->records.at[0].dir : ".");
	add_counts(&t, w->n);
	const size_t n_bad = w->records.left_out.n + w->records.damaged.n;
	if (n_bad > 0)
		text_add(&t, "; %zu cannot be read", n_bad);
	put_words(buf, width, screen);
	if (w->records.n == 0)
		return;
	const struct layout layout = layout_of(w, n_shown, width);
	for (int i = -1; i < (int)n_shown; i++) {
		put_line(w, &layout, i);
		fputs(line_end(screen), stdout);
	}
	size_t hidden[N_STATES] = { 0 };
	for (size_t i = n_shown; i < w->records.n; i++)
		hidden[w->line[i].state]++;
	if (n_shown < w->records.n) {
		text_init(&t, buf, sizeof(buf));
		text_add(&t, "and");
		add_counts(&t, hidden);
		put_words(buf, width, screen);
	}
}

/* --- a terminal --- */

/* The last signal that came, or the first that asks to stop. Such a one never ends the
 * process at once: the screen must be put back. */
static volatile sig_atomic_t came;

static bool is_stop(int number)
{
	return number == SIGINT || number == SIGTERM || number == SIGHUP;
}

static void on_signal(int number)
{
	if (!is_stop(came))
		came = number;
}

static void catch_signals(void)
{
	static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaction(caught[i], &action, NULL);
}

/* The other screen, which terminals keep for what is redrawn, without a cursor. */
static void enter_screen(void)
{
	fputs("\033[?1049h\033[?25l", stdout);
}

static void leave_screen(void)
{
	fputs("\033[?25h\033[?1049l", stdout);
	(void)fflush(stdout);
}

static void draw(const struct watch *w)
{
	int width, lines;
	terminal_size(STDOUT_FILENO, &width, &lines);
	fputs("\033[H", stdout);
	put_table(w, width, lines - 1, true); /* the last one stays empty: no scrolling */
	fputs("\033[J", stdout);
	(void)fflush(stdout);
}

/* Sleeps until a signal comes. Ctrl-Z stops the process with the screen put back. */
static void pause_for(double s)
{
	const struct timespec slice = { .tv_nsec = 50000000 };
	const double end_s = now_s() + s;
	while (!came && now_s() < end_s)
		nanosleep(&slice, NULL);
	if (came == SIGTSTP) {
		leave_screen();
		raise(SIGSTOP);
		enter_screen();
	}
	if (!is_stop(came))
		came = 0;
}

/* Looks until all runs are over, at two looks: the next one of a sweep may be about to
 * begin. Looking takes no more than a fifth of the time. */
static int look_on(struct watch *w, double interval_s)
{
	struct err e;
	bool ok = true;
	int n_over = 0, width, lines;
	static char buf[1 << 16]; /* a picture at a time */
	(void)setvbuf(stdout, buf, _IOFBF, sizeof(buf));
	catch_signals();
	enter_screen();
	while (!is_stop(came) && !ferror(stdout)) {
		const double begin_s = now_s();
		ok = look(w, &e);
		if (!ok)
			break;
		draw(w);
		const bool over = w->records.n > 0 && w->n[RUNNING] + w->n[STOPPED] == 0;
		n_over = over ? n_over + 1 : 0;
		if (n_over == 2)
			break;
		pause_for(fmax(interval_s, 4 * (now_s() - begin_s)));
	}
	leave_screen();
	if (!ok)
		return fail(&e);
	say_left_out(&w->records);
	terminal_size(STDOUT_FILENO, &width, &lines);
	put_table(w, width, lines - 1, false);              /* what stays on the screen */
	return is_stop(came) ? 128 + (int)came : STATUS_OK; /* as the shell has it */
}

static int look_once(struct watch *w)
{
	struct err e;
	int width = 0, lines;
	if (!look(w, &e))
		return fail(&e);
	say_left_out(&w->records);
	if (w->records.left_out.n > 0 && w->records.n == 0) {
		err_set(&e, ERR_CORRUPT, "no run can be read");
		return fail(&e);
	}
	if (w->records.n == 0) {
		err_set(&e, ERR_RUN, "no run in '%s' or below", w->args->pos[0]);
		return fail(&e);
	}
	if (isatty(STDOUT_FILENO))
		terminal_size(STDOUT_FILENO, &width, &lines);
	put_table(w, width, 0, false);
	return STATUS_OK;
}

static int cmd_watch(const struct args *args)
{
	struct watch w = { .args = args };
	const struct flag_value *interval = &args->flag[INTERVAL];
	const char *term = getenv("TERM");
	struct err e;
	if (interval->set && !(interval->real >= 0.1 && interval->real <= 86400)) {
		err_set(&e, ERR_USAGE, "--interval '%s' is not from 0.1 to 86400 seconds",
			interval->string);
		return fail(&e);
	}
	const bool live =
		!args->flag[ONCE].set && isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
	records_init(&w.records);
	const int status = live ? look_on(&w, interval->set ? interval->real : 1) : look_once(&w);
	records_release(&w.records);
	free(w.line);
	liveness_release(&w.liveness);
	return status;
}

const struct command command_watch = {
	.name = "watch",
	.synopsis = "RUN_OR_DIR... [--interval S] [--once]",
	.summary = "show how runs are going",
	.details =
		"A table of the runs in and below the directories, running ones first, redrawn in "
		"place until all are done; where standard output is no terminal it is printed once. "
		"It is made from the files alone, so the runs may be those of other machines. The "
		"return is that of the last 100 training episodes, of done runs the final one; the "
		"time left is '<' where a run may stop earlier. A run is running if a process holds "
		"its lock, which is seen on its own machine and where the file system passes locks on; "
		"or, as long as no lock was ever seen, if it wrote something in the last 10 seconds, "
		"three rows of progress.csv or three checkpoint_intervals, whichever is longest. What "
		"neither runs nor is done is stopped.",
	.examples = "dqn watch runs/sweep-cartpole\n"
		    "dqn watch runs --interval 10\n"
		    "dqn watch runs --once | grep stopped\n",
	.flags = watch_flags,
	.statuses = (const int[]){ 0, 1, 2, 5, 129, 130, 143, -1 },
	.min_args = 1,
	.max_args = -1,
	.run = cmd_watch,
};
