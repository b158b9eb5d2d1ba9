#include "cli/progress.h"

#include "base/clock.h"
#include "cli/cli.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static const double redraw_s = 1.0 / 6; /* as fast as the eye follows */
static const double first_pause_s = 2, longest_pause_s = 60;

void progress_init(struct progress *p, enum progress_level level, const struct run *run)
{
	const bool has_best = run && run->train.has_best;
	*p = (struct progress){ .level = level, .run = run, .utf8 = locale_is_utf8() };
	p->terminal = can_redraw(STDERR_FILENO);
	p->start_s = now_s();
	p->next_s = p->start_s + (p->terminal ? redraw_s : first_pause_s);
	p->pause_s = first_pause_s;
	p->eval = (double)NAN;
	p->best = has_best ? run->train.best_row.stats.return_mean : (double)NAN;
}

void progress_init_count(struct progress *p, const char *unit)
{
	progress_init(p, PROGRESS_NORMAL, NULL);
	p->unit = unit;
}

void progress_head(const struct progress *p)
{
	const struct train *t = &p->run->train;
	const struct net *net = &t->agent.policy.net;
	char shape[WEIGHTS_SHAPE_SIZE];
	if (p->level < PROGRESS_NORMAL)
		return;
	say("%s, seed %" PRIu64 ", %s%" PRId64 " steps; network %s, %zu weights", t->env.ops->id, t->config.seed,
		isfinite(t->config.stop_return) ? "up to " : "", t->config.total_timesteps, weights_shape(net, shape),
		net->n_params);
	say("writing to '%.1000s'; Ctrl-C or SIGTERM saves and stops", p->run->dir.path);
}

static void add_bar(struct progress *p, double value)
{
	if (isnan(value))
		return;
	if (p->n_bars == SPARK_BARS) {
		p->n_bars--;
		memmove(p->bars, p->bars + 1, (SPARK_BARS - 1) * sizeof(p->bars[0]));
	}
	p->bars[p->n_bars++] = value;
}

/* The last bars that fit, from the lowest (at most 0) to the highest (at least `high`). */
static void add_sparkline(const struct progress *p, double high, int room, struct text *t)
{
	static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	enum { N = sizeof(blocks) / sizeof(blocks[0]) };
	double low = 0;
	for (int i = 0; i < p->n_bars; i++) {
		high = fmax(high, p->bars[i]);
		low = fmin(low, p->bars[i]);
	}
	for (int i = p->n_bars > room ? p->n_bars - room : 0; i < p->n_bars; i++) {
		const double share = (p->bars[i] - low) / (high - low);
		text_add(t, "%s", blocks[share >= 0 && share < 1 ? (int)(share * N) : N - 1]);
	}
}

/* "  3m20s left", or nothing if the rate is unknown. */
static void add_left(struct text *t, const char *before, double n_left, double rate, const char *after)
{
	char buf[TEXT_REAL_SIZE];
	if (n_left > 0 && isfinite(n_left / rate))
		text_add(t, "%s%s left%s", before, duration_text(n_left / rate, buf), after);
}

/* The parts of the line, in order. On a narrow terminal the last by rank are left out. */
enum part { DONE, STEPS, SPEED, LEFT, UNDER_WAY, EVAL, BEST, RETURN, N_PARTS };
static const enum part by_rank[N_PARTS] = { DONE, UNDER_WAY, EVAL, BEST, LEFT, SPEED, RETURN, STEPS };

static bool may_stop(const struct train *t)
{
	return isfinite(t->config.stop_return);
}

/* The current one. */
static const char *evaluation_name(const struct train *t)
{
	return train_is_finished(t) ? "final evaluation" : "evaluation";
}

static void add_return_part(struct text *t, const char *what, double value)
{
	char buf[TEXT_REAL_SIZE];
	if (!isnan(value))
		text_add(t, "%s%s", what, return_text(value, buf));
}

static void put_run_part(const struct progress *p, enum part part, struct text *t)
{
	const struct train *train = &p->run->train;
	const double total = (double)train->config.total_timesteps;
	const double n = (double)train->timesteps, rate = n / run_wall_s(p->run);
	if (part == DONE)
		text_add(t, "dqn: %3.0f %%", floor(100 * n / total));
	else if (part == STEPS)
		text_add(t, "  %" PRId64 "/%" PRId64, train->timesteps, train->config.total_timesteps);
	else if (part == SPEED && !train_is_finished(train))
		text_add(t, "  %.0f steps/s", rate);
	else if (part == LEFT)
		add_left(t, may_stop(train) ? "  <" : "  ", total - n, rate, "");
	else if (part == UNDER_WAY && p->n > 0)
		text_add(t, "  %s %" PRId64 "/%" PRId64, evaluation_name(train), p->n_over, p->n);
	else if (part == EVAL)
		add_return_part(t, "  eval ", p->eval);
	else if (part == BEST)
		add_return_part(t, "  best ", p->best);
	else if (part == RETURN && p->n_bars > 0)
		add_return_part(t, "  return ", p->bars[p->n_bars - 1]);
}

static void put_count_part(const struct progress *p, enum part part, struct text *t)
{
	const double n = (double)p->n, done = (double)p->n_over;
	if (part == DONE)
		text_add(t, "dqn: %3.0f %%", floor(100 * done / n));
	else if (part == STEPS)
		text_add(t, "  %" PRId64 "/%" PRId64 " %s", p->n_over, p->n, p->unit);
	else if (part == LEFT)
		add_left(t, "  ", n - done, done / (now_s() - p->start_s), "");
}

static void draw(struct progress *p)
{
	char parts[N_PARTS][64], buf[N_PARTS * 64 + SPARK_BARS * 4];
	bool fits[N_PARTS] = { false };
	struct text line;
	int width, lines;
	terminal_size(STDERR_FILENO, &width, &lines);
	int room = width - 1; /* the last column stays empty, so that nothing wraps */
	for (int i = 0; i < N_PARTS; i++) {
		const enum part part = by_rank[i];
		line = text_into(parts[part], sizeof(parts[part]));
		if (p->run)
			put_run_part(p, part, &line);
		else
			put_count_part(p, part, &line);
		fits[part] = (int)line.len <= room || part == DONE;
		room -= fits[part] ? (int)line.len : 0;
	}
	line = text_into(buf, sizeof(buf));
	for (int i = 0; i < N_PARTS; i++)
		text_add(&line, "%s", fits[i] ? parts[i] : "");
	if (room < 0)
		buf[text_fit(buf, width - 1)] = '\0';
	else if (p->utf8 && p->n_bars > 0 && fits[RETURN] && room > 1) {
		text_add(&line, " ");
		add_sparkline(p, p->run->train.env.ops->solved_return, room - 1, &line);
	}
	fprintf(stderr, "\r%s\033[K", buf);
	(void)fflush(stderr);
	p->drawn = true;
}

void progress_end(struct progress *p)
{
	if (p->drawn)
		fputs("\r\033[K", stderr);
	p->drawn = false;
}

/* A lasting line. */
static void say_row(struct progress *p, bool is_new_best)
{
	const struct train *t = &p->run->train;
	const double n = (double)t->timesteps, total = (double)t->config.total_timesteps;
	const double rate = n / run_wall_s(p->run);
	char buf[512], mean[TEXT_REAL_SIZE], std[TEXT_REAL_SIZE];
	struct text line = text_into(buf, sizeof(buf));
	text_add(&line, "step %" PRId64 " of %" PRId64 " (%.0f %%): ", t->timesteps, t->config.total_timesteps,
		100 * n / total);
	if (t->events & TRAIN_EVALUATED && p->n == 0) {
		const struct eval_stats *s = &t->eval.stats;
		text_add(&line, "evaluation %s +- %s over %" PRId64 " episodes%s, ", return_text(s->return_mean, mean),
			return_text(s->return_std, std), s->n_episodes, is_new_best ? ", best" : "");
		if (t->env.process && p->eval_start_s > 0) /* it may be most of the time */
			text_add(&line, "in %.2f s, ", now_s() - p->eval_start_s);
	} else if (p->level == PROGRESS_VERBOSE && t->events & TRAIN_LOGGED && p->n == 0) {
		text_add(&line, "training return %s, epsilon %.3f, ", return_text(t->log.ep_rew_mean, mean),
			t->log.exploration_rate);
		if (!isnan(t->log.loss)) /* there were updates */
			text_add(&line, "loss %.3g, gradient norm %.3g, ", t->log.loss, t->log.grad_norm);
	} else if (p->n > 0) {
		text_add(&line, "%s of %" PRId64 " episodes, %" PRId64 " of them over, ", evaluation_name(t), p->n,
			p->n_over);
	} else {
		if (p->n_bars > 0)
			text_add(&line, "training return %s, ", return_text(p->bars[p->n_bars - 1], mean));
		add_left(&line, may_stop(t) ? "<" : "", total - n, rate, ", ");
	}
	text_add(&line, "%.0f steps/s", rate);
	progress_end(p);
	say("%s", buf);
	p->next_s = p->terminal ? 0 : now_s() + p->pause_s; /* on a terminal draw at once */
}

/* Draws, or prints a line, if one is due. */
static void show(struct progress *p)
{
	const double s = now_s();
	if (s < p->next_s)
		return;
	if (p->terminal) {
		draw(p);
		p->next_s = s + redraw_s;
	} else if (p->run) {
		p->pause_s = fmin(2 * p->pause_s, longest_pause_s);
		say_row(p, false);
	}
}

/* Shows the events of the current step that are new. An evaluation's row must appear before the
 * final evaluation begins, which is part of the same step. */
static void take_events(struct progress *p)
{
	const struct train *t = &p->run->train;
	const int events = t->events & ~p->taken;
	const bool evaluated = events & TRAIN_EVALUATED, logged = events & TRAIN_LOGGED;
	bool is_new_best = false;
	p->taken |= events;
	if (!evaluated && !logged)
		return;
	p->n = 0;
	if (logged)
		add_bar(p, t->log.ep_rew_mean);
	if (evaluated) {
		p->eval = t->eval.stats.return_mean;
		is_new_best = !(p->eval <= p->best);
		p->best = is_new_best ? p->eval : p->best;
	}
	if (is_new_best || (evaluated && !p->terminal) || p->level == PROGRESS_VERBOSE)
		say_row(p, is_new_best);
	if (evaluated)
		p->eval_start_s = 0;
}

void progress_step(struct progress *p)
{
	if (p->level < PROGRESS_NORMAL)
		return;
	take_events(p);
	p->taken = 0;
	p->n = 0;
	show(p);
}

void progress_tell(void *progress, int64_t n_over, int64_t n_episodes)
{
	struct progress *p = progress;
	if (p->level < PROGRESS_NORMAL || !(p->run || p->terminal))
		return;
	if (p->run)
		take_events(p);
	p->n_over = n_over;
	p->n = n_episodes;
	p->eval_start_s = p->eval_start_s > 0 ? p->eval_start_s : now_s();
	show(p);
}
