#include "cli/cli.h"
#include "cli/signals.h"
#include "cli/states.h"
#include "cli/table.h"

#include "base/clock.h"
#include "study/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INTERVAL, ONCE };
static const struct flag watch_flags[] = {
	[INTERVAL] = { "interval", 'n', FLAG_REAL, "S", "seconds between two tables (default 1)" },
	[ONCE] = { "once", '\0', FLAG_SWITCH, NULL, "print the table once" },
	{ .name = NULL },
};

static const char *const colours[N_RUN_STATES] = { "32", "33", "31", "31", "0" };

struct watch {
	const struct args *args;
	struct records records;
	struct liveness liveness;
	struct states states;
};

/* Reads all runs anew. A signal ends that with ERR_NONE; those that were read before are then kept. */
static bool read_runs(struct watch *w, struct err *e)
{
	static struct records next; /* too much for a small stack */
	bool ok = true;
	records_init(&next);
	next.stop = &stop_signal;
	for (int i = 0; ok && i < w->args->n; i++)
		ok = records_find(&next, w->args->pos[i], e);
	if (!ok) {
		records_release(&next);
		return false;
	}
	records_sort(&next);
	records_release(&w->records);
	w->records = next;
	return states_init(&w->states, &w->records, &w->liveness, e);
}

/* --- the table --- */

enum { NAME, PROGRESS, STEPS, RETURN, SPEED, LEFT, STATE, N_COLUMNS };
static const char *const columns[N_COLUMNS] = { "run", "progress", "steps", "return", "steps/s", "left", "state" };

/* The final return of a done run, else that of its last training episodes; NaN: none. */
static double return_of(const struct state_line *l)
{
	return l->state == RUN_IS_DONE ? l->r->result.final.return_mean : l->r->ep_rew_mean;
}

/* Seconds that a running run will take, at most; NaN: unknown. */
static double seconds_left(const struct state_line *l)
{
	const double left = (double)(l->r->config.total_timesteps - l->r->timesteps);
	return l->state == RUN_IS_RUNNING ? left / run_steps_per_s(l->r) : (double)NAN;
}

static void add_line(struct table *t, const struct watch *w, const struct state_line *l)
{
	const struct record *r = l->r;
	const bool done = l->state == RUN_IS_DONE;
	const double steps = (double)(done ? r->result.timesteps : r->timesteps);
	const double total = (double)r->config.total_timesteps;
	const double speed = run_steps_per_s(r);
	const double value = return_of(l), left_s = seconds_left(l);
	char mean[TEXT_REAL_SIZE], left[TEXT_REAL_SIZE];
	table_add(t, "%s", r->dir + w->states.base);
	table_add(t, "%.0f %%", done ? 100 : floor(100 * steps / total));
	table_add(t, "%.0f", steps);
	table_add(t, "%s", isfinite(value) ? return_text(value, mean) : "");
	if (isnan(speed))
		table_add(t, "%s", "");
	else
		table_add(t, speed < 10 ? "%.2g" : "%.0f", speed);
	if (isnan(left_s))
		table_add(t, "%s", "");
	else
		table_add(t, "%s%s", isfinite(r->config.stop_return) ? "<" : "", duration_text(left_s, left));
	table_add(t, "%s", state_names[l->state]);
}

/* The room for a picture: `width` columns and `lines` lines (0: any number). On a screen
 * that is redrawn, each line clears what an older one left to its right. */
struct view {
	int width, lines;
	bool is_redrawn;
};

static void end_line(const struct view *v)
{
	fputs(v->is_redrawn ? "\033[K\n" : "\n", stdout);
}

static void put_words(const char *s, const struct view *v)
{
	put_printable(stdout, s, v->width > 0 ? text_fit(s, v->width) : strlen(s));
	end_line(v);
}

/* In one environment: the best, the median and the worst return, and the time until the last of
 * the running ones is done. Prints a line if there are enough runs to need it; its number. */
static size_t put_returns(const struct watch *w, const struct view *v)
{
	const size_t enough = 3;
	const struct state_line *best = NULL, *worst = NULL;
	double *x = malloc((w->records.n + 1) * sizeof(*x)), left_s = (double)NAN;
	char buf[2 * RUN_PATH_SIZE + 256];
	size_t n = 0;
	for (size_t i = 0; x && i < w->records.n; i++) {
		const struct state_line *l = &w->states.line[i];
		left_s = fmax(left_s, seconds_left(l));
		if (config_compare_env(&w->states.line[0].r->config, &l->r->config) != 0) {
			n = 0;
			break;
		}
		if (!isfinite(return_of(l)))
			continue;
		x[n++] = return_of(l);
		best = best && return_of(best) >= return_of(l) ? best : l;
		worst = worst && return_of(worst) <= return_of(l) ? worst : l;
	}
	if (n >= enough) {
		char most[TEXT_REAL_SIZE], median[TEXT_REAL_SIZE], least[TEXT_REAL_SIZE], left[TEXT_REAL_SIZE];
		stats_sort(x, n);
		snprintf(buf, sizeof(buf), "return: best %s, median %s, worst %s%s%s; best %s, worst %s",
			return_text(return_of(best), most), return_text(stats_quantile(x, n, 0.5), median),
			return_text(return_of(worst), least), isfinite(left_s) ? "; running ones need up to " : "",
			isfinite(left_s) ? duration_text(left_s, left) : "", best->r->dir + w->states.base,
			worst->r->dir + w->states.base);
		put_words(buf, v);
	}
	free(x);
	return n >= enough;
}

/* Prints who needs help: the stopped and the failed runs, and those that write nothing. Returns the number
 * of lines. */
static size_t put_stuck(const struct watch *w, const struct view *v)
{
	const size_t enough = 3;
	static const struct {
		const char *title;
		unsigned which;
	} lines[] = { { "stuck", 1U << RUN_IS_STOPPED | 1U << RUN_IS_FAILED }, { "silent", 0 } };
	char buf[RUN_PATH_SIZE];
	struct text t;
	size_t n = 0;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]) && w->records.n >= enough; i++) {
		t = text_into(buf, sizeof(buf));
		if (!states_add_names(&w->states, lines[i].title, lines[i].which, &t))
			continue;
		put_words(buf, v);
		n++;
	}
	return n;
}

static bool put_runs(const struct watch *w, size_t n, const struct view *v, struct err *e)
{
	static const int dispensable[] = { SPEED, STEPS, LEFT, RETURN, STATE, PROGRESS, -1 };
	const bool colour = wants_colour();
	struct table t = { 0 };
	for (int i = 0; i < N_COLUMNS; i++)
		table_column(&t, columns[i], i == NAME || i == STATE ? TABLE_TEXT : TABLE_NUMBER);
	for (size_t i = 0; i < n; i++)
		add_line(&t, w, &w->states.line[i]);
	const bool ok = !t.is_incomplete || err_set(e, ERR_RUN, "out of memory for a table");
	if (ok)
		table_fit(&t, v->width, dispensable);
	for (size_t row = 0; ok && row <= n; row++) {
		table_put_row(&t, row, row > 0 && colour ? colours[w->states.line[row - 1].state] : NULL);
		end_line(v);
	}
	table_release(&t);
	return ok;
}

static bool put_table(const struct watch *w, const struct view *v, struct err *e)
{
	size_t others = 3; /* the summary, the header, the runs that are not shown */
	const size_t n = w->records.n, lines = (size_t)v->lines;
	size_t n_shown = n;
	char buf[RUN_PATH_SIZE + 256];
	struct text t = text_into(buf, sizeof(buf));
	states_add_summary(&w->states, &t);
	put_words(buf, v);
	others += put_returns(w, v) + put_stuck(w, v);
	if (v->lines > 0 && n + others > lines)
		n_shown = lines > others + 1 ? lines - others : 1;
	if (n == 0)
		return true;
	if (!put_runs(w, n_shown, v, e))
		return false;
	size_t hidden[N_RUN_STATES] = { 0 };
	for (size_t i = n_shown; i < n; i++)
		hidden[w->states.line[i].state]++;
	if (n_shown < n) {
		t = text_into(buf, sizeof(buf));
		text_add(&t, "and");
		states_add_counts(hidden, &t);
		put_words(buf, v);
	}
	return true;
}

/* --- a terminal --- */

static bool redraw(const struct watch *w, struct err *e)
{
	struct view v = { .is_redrawn = true };
	terminal_size(STDOUT_FILENO, &v.width, &v.lines);
	v.lines--; /* the last one stays empty: no scrolling */
	fputs("\033[H", stdout);
	const bool ok = put_table(w, &v, e);
	fputs("\033[J", stdout);
	(void)fflush(stdout);
	return ok;
}

/* Ends when all runs were over twice in a row: the next one of a sweep may be about to
 * begin. Reading takes at most a fifth of the time. */
static bool watch_live(struct watch *w, double interval_s, struct err *e)
{
	bool ok = true;
	int key = 0;
	static char buf[1 << 16]; /* for whole pictures; stdout keeps it */
	(void)setvbuf(stdout, buf, _IOFBF, sizeof(buf));
	terminal_take();
	signals_catch(); /* the table stays after the signal that ends it */
	for (int n_over = 0; ok && n_over < 2 && !stop_signal && key != 'q' && !ferror(stdout);) {
		const double begin_s = now_s();
		if (terminal_take()) {
			ok = read_runs(w, e) && redraw(w, e);
			const bool over = ok && w->records.n > 0 &&
					  w->states.n[RUN_IS_RUNNING] + w->states.n[RUN_IS_STOPPED] == 0;
			n_over = over ? n_over + 1 : 0;
		}
		if (ok && n_over < 2 && !stop_signal)
			key = terminal_key(fmax(interval_s, 4 * (now_s() - begin_s)));
	}
	terminal_give_back();
	if (!ok && e->kind != ERR_NONE)
		return false;
	say_left_out(&w->records);
	struct view v = { .is_redrawn = false };
	terminal_size(STDOUT_FILENO, &v.width, &v.lines);
	v.lines--;
	if (w->states.records && !put_table(w, &v, e)) /* what stays on the screen */
		return false;
	return !stop_signal || end_with(e, 128 + (int)stop_signal); /* as the shell has it */
}

static bool watch_once(struct watch *w, struct err *e)
{
	struct view v = { 0 };
	bool ok = read_runs(w, e);
	if (ok) {
		say_left_out(&w->records);
		if (w->records.n == 0 && w->records.left_out.n > 0)
			ok = err_set(e, ERR_CORRUPT, "no run can be read");
		else if (w->records.n == 0)
			ok = err_set(e, ERR_RUN, "no run in '%s' or below", w->args->pos[0]);
	}
	if (isatty(STDOUT_FILENO))
		terminal_size(STDOUT_FILENO, &v.width, &v.lines);
	v.lines = 0;
	return ok && put_table(w, &v, e);
}

static bool cmd_watch(const struct args *args, struct err *e)
{
	struct watch w = { .args = args };
	const struct flag_value *interval = &args->flag[INTERVAL];
	if (interval->set && !(interval->real >= 0.1 && interval->real <= 86400))
		return err_set(e, ERR_USAGE, "--interval '%s' is not from 0.1 to 86400 seconds", interval->string);
	const bool live = !args->flag[ONCE].set && can_redraw(STDOUT_FILENO);
	records_init(&w.records);
	const bool ok = live ? watch_live(&w, interval->set ? interval->real : 1, e) : watch_once(&w, e);
	records_release(&w.records);
	states_release(&w.states);
	liveness_release(&w.liveness);
	return ok;
}

const struct command command_watch = {
	.name = "watch",
	.synopsis = "RUN_OR_DIR... [--interval S] [--once]",
	.summary = "show how runs are going",
	.details =
		"A table of the runs in and below the directories, running ones first, redrawn in place until all are "
		"done, or q is pressed. If standard output is not a terminal, it is printed once. It is made from the "
		"files alone, so the runs may be on other machines. Of three runs or more the best, the median and the "
		"worst return, who is stuck (stopped or failed) and who is silent (running, but without a new row) "
		"come first. The return is that of the last 100 training episodes, or the final one of a done run; '<' "
		"before the time left: the run may stop earlier. A run is running if a process holds its lock. The "
		"lock is visible on the machine of the process, and on others if the file system shares locks. If no "
		"lock was ever seen, a run is running unless its process has marked that it ended, or nothing was "
		"written in the last 10 seconds, three rows of progress.csv or three checkpoint_intervals, whichever "
		"is longest. A run that is neither running nor done is stopped.",
	.examples = "dqn watch runs/sweep-cartpole\n"
		    "dqn watch runs --interval 10\n"
		    "dqn watch runs --once | grep stopped\n",
	.flags = watch_flags,
	.statuses = (const int[]){ 0, 1, 2, 5, 129, 130, 138, 143, -1 },
	.min_args = 1,
	.max_args = -1,
	.run = cmd_watch,
};
