#include "cli/progress.h"

#include "cli/cli.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void progress_init(struct progress *p, enum progress_level level)
{
	const char *term = getenv("TERM");
	*p = (struct progress){ .level = level, .utf8 = locale_is_utf8() };
	p->terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
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

/* The last bars, as many as there is room for. */
static void add_sparkline(const struct progress *p, double top, int room, struct text *t)
{
	static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	enum { N = sizeof(blocks) / sizeof(blocks[0]) };
	for (int i = 0; i < p->n_bars; i++)
		top = p->bars[i] > top ? p->bars[i] : top;
	for (int i = p->n_bars > room ? p->n_bars - room : 0; i < p->n_bars; i++) {
		const int level = p->bars[i] > 0 ? (int)(p->bars[i] / top * N) : 0;
		text_add(t, "%s", blocks[level >= N ? N - 1 : level]);
	}
}

static void draw(struct progress *p, const struct run *r)
{
	const struct train *t = &r->train;
	const double wall_s = run_wall_s(r);
	const double total = (double)t->config.total_timesteps, done = (double)t->timesteps;
	const double rate = done / wall_s;
	char buf[512];
	struct text line;
	text_init(&line, buf, sizeof(buf));
	text_add(&line, "dqn: %" PRId64 "/%" PRId64 " %3.0f %% %6.0f steps/s %s%.1f s left",
		t->timesteps, t->config.total_timesteps, 100 * done / total, rate,
		isfinite(t->config.stop_return) ? "at most " : "", (total - done) / rate);
	if (p->n_bars > 0)
		text_add(&line, "  return %.1f ", p->bars[p->n_bars - 1]);
	int width, lines;
	terminal_size(STDERR_FILENO, &width, &lines);
	const int room = width - 1 - (int)line.len; /* the last column stays empty: no wrapping */
	if (room < 0)
		buf[text_fit(buf, width - 1)] = '\0';
	else if (p->utf8)
		add_sparkline(p, t->env.ops->solved_return, room, &line);
	fprintf(stderr, "\r%s\033[K", buf);
	(void)fflush(stderr);
	p->drawn = true;
	p->last_s = wall_s;
}

static void say_row(const struct run *r)
{
	const struct train *t = &r->train;
	char buf[512];
	struct text line;
	text_init(&line, buf, sizeof(buf));
	text_add(&line, "step %" PRId64 " of %" PRId64 " (%.0f %%)", t->timesteps,
		t->config.total_timesteps,
		100 * (double)t->timesteps / (double)t->config.total_timesteps);
	if (t->events & TRAIN_EVALUATED)
		text_add(&line, ": evaluation %.1f +- %.1f over %" PRId64 " episodes%s",
			t->eval.stats.return_mean, t->eval.stats.return_std,
			t->eval.stats.n_episodes, t->eval.is_best ? ", best" : "");
	else
		text_add(&line,
			": training return %.1f, epsilon %.3f, loss %.3g, gradient norm %.3g",
			t->log.ep_rew_mean, t->log.exploration_rate, t->log.loss, t->log.grad_norm);
	text_add(&line, ", %.0f steps/s", (double)t->timesteps / run_wall_s(r));
	say("%s", buf);
}

void progress_step(struct progress *p, const struct run *r)
{
	const double min_interval_s = 1.0 / 6; /* redraw no more often than the eye follows */
	enum { CLOCK_EVERY = 64 };             /* steps between looks at the clock */
	const struct train *t = &r->train;
	if (p->level == PROGRESS_QUIET)
		return;
	if (t->events & TRAIN_LOGGED)
		add_bar(p, t->log.ep_rew_mean);
	if (!p->terminal) {
		if (t->events & TRAIN_EVALUATED ||
			(t->events & TRAIN_LOGGED && p->level == PROGRESS_VERBOSE))
			say_row(r);
	} else if (t->timesteps % CLOCK_EVERY == 0 && run_wall_s(r) - p->last_s >= min_interval_s) {
		draw(p, r);
	}
}

void progress_end(struct progress *p)
{
	if (p->drawn)
		fputs("\r\033[K", stderr);
	p->drawn = false;
}
