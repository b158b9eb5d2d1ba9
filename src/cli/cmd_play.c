#include "cli/cli.h"

#include "base/clock.h"
#include "cli/play.h"
#include "cli/screen.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EPISODES, SEED, EPSILON, LIMIT, FPS, SVG, JSON, CSV, WEIGHTS };
static const struct flag play_flags[] = {
	[EPISODES] = { "episodes", 'n', FLAG_COUNT, "N", "number of episodes (default 1)" },
	[SEED] = { "seed", 's', FLAG_SEED, "S", "seed (default: episodes that no run trains on)" },
	[EPSILON] = { "epsilon", '\0', FLAG_SHARE, "E", "share of random actions (default 0)" },
	[LIMIT] = { "max-episode-steps", '\0', FLAG_COUNT, "N", "time limit (default: the environment's own)" },
	[FPS] = { "fps", '\0', FLAG_REAL, "F", "steps a second (default: the environment's)" },
	[SVG] = { "svg", '\0', FLAG_STRING, "FILE", "write an animation instead; -: to standard output" },
	[JSON] = { "json", '\0', FLAG_SWITCH, NULL, "print a line of JSON per step instead" },
	[CSV] = { "csv", '\0', FLAG_SWITCH, NULL, "print a row per step instead" },
	WEIGHTS_FLAGS(WEIGHTS),
	{ .name = NULL },
};

struct show {
	int n;
	struct player player[PLAY_MAX_PLAYERS];
	int64_t n_episodes; /* of each, at least */
	int64_t n_hold;     /* ticks that the end of an episode stays */
	double fps;
};

/* --- ticks --- */

/* True once all players have played all of their episodes; a player that is done earlier plays more. */
static bool is_done(const struct show *s)
{
	for (int i = 0; i < s->n; i++) {
		const struct player *p = &s->player[i];
		if (p->n_over < s->n_episodes || (p->n_over == s->n_episodes && p->is_over && p->n_waited < s->n_hold))
			return false;
	}
	return true;
}

static bool tick(struct show *s, struct err *e)
{
	for (int i = 0; i < s->n; i++) {
		struct player *p = &s->player[i];
		if (p->is_over && p->n_waited < s->n_hold)
			p->n_waited++;
		else if (!(p->is_over ? player_begin(p, e) : player_step(p, e)))
			return false;
	}
	return true;
}

/* --- the terminal --- */

/* As many digits as distinguish actions. */
static void put_q(struct screen *s, const struct player *p, int first, int n, struct box box)
{
	char name[32], number[32];
	const double range = p->q_high - p->q_low;
	const int number_columns = 9;
	int widest = 1;
	for (int i = 0; i < p->env.ops->n_actions; i++) {
		const int w = text_columns(player_action(p, i, name));
		widest = w > widest ? w : widest;
	}
	for (int i = 0; i < n; i++) {
		const int action = first + i, line = box.top + i;
		const bool is_next = action == p->action, is_allowed = !p->mask || p->mask[action];
		const char *colour = is_next ? "1;33" : is_allowed ? "" : "90";
		const int bar = box.left + widest + 3;
		screen_text(s, line, box.left, 1, colour, is_next ? ">" : "");
		screen_text(s, line, box.left + 2, widest, colour, player_action(p, action, name));
		snprintf(number, sizeof(number), "%*.5g", number_columns, (double)p->q[action]);
		screen_bar(s, line, bar, box.left + box.columns - number_columns - 1 - bar, is_next ? "33" : "36",
			range > 0 ? (p->q[action] - p->q_low) / range : 0);
		screen_text(s, line, box.left + box.columns - number_columns, number_columns, colour, number);
	}
}

/* Leaves out whole words at the end, never digits of a number. */
static void put_words(struct screen *s, char *words, const char *gap, const char *colour, int line, struct box box)
{
	for (size_t at = strlen(words); at-- > 0 && text_columns(words) > box.columns;)
		if (strncmp(words + at, gap, strlen(gap)) == 0)
			words[at] = '\0';
	screen_text(s, line, box.left, box.columns, colour, words);
}

static void put_status(struct screen *s, const struct show *show, const struct player *p, int line, struct box box)
{
	char buf[256], real[TEXT_REAL_SIZE];
	struct text t = text_into(buf, sizeof(buf));
	text_add(&t, "return %s  step %" PRId64, return_text(p->return_so_far, real), p->n_steps);
	if (p->is_over)
		text_add(&t, "  %s", p->step.terminated ? "terminated" : "truncated");
	else if (p->n_steps > 0)
		text_add(&t, "  reward %s", text_float(p->step.reward, real));
	if (p->n_over + !p->is_over > 1 || show->n_episodes > 1)
		text_add(&t, "  episode %" PRId64, p->n_over + !p->is_over);
	put_words(s, buf, "  ", p->is_over ? "1" : "", line, box);
}

static void put_obs(struct screen *s, const struct player *p, int line, struct box box)
{
	char buf[SCREEN_MAX_COLUMNS + TEXT_REAL_SIZE];
	struct text t = text_into(buf, sizeof(buf));
	text_add(&t, "obs");
	for (int i = 0; i < p->env.ops->obs_dim && !t.full; i++)
		text_add(&t, " %.4g", (double)p->obs[i]);
	put_words(s, buf, " ", "90", line, box);
}

/* One player in its part of the screen: the scene gets what the lines of text leave. */
static void put_player(struct screen *s, const struct show *show, const struct player *p, struct box box)
{
	const int n_actions = p->env.ops->n_actions, third = (box.lines - 2) / 3, tall = 18;
	const int most = third > 1 ? third : 1, n = n_actions < most ? n_actions : most;
	const bool has_obs = box.lines >= tall || !p->env.ops->draw;
	const int n_scene = box.lines - 2 - n - has_obs;
	int first = p->action - n / 2, line = box.top;
	first = first < 0 ? 0 : first > n_actions - n ? n_actions - n : first;
	struct scene scene;
	player_scene(p, &scene);
	screen_text(s, line++, box.left, box.columns, "1", text_fit_end(p->name, box.columns));
	screen_scene(s, (struct box){ box.left, line, box.columns, n_scene }, &scene);
	line += n_scene > 0 ? n_scene : 0;
	put_q(s, p, first, n, (struct box){ box.left, line, box.columns, n });
	line += n;
	if (has_obs)
		put_obs(s, p, line++, box);
	put_status(s, show, p, line, box);
}

static bool draw(const struct show *show, bool is_paused, struct err *e)
{
	static struct screen s;
	int columns, lines;
	if (!terminal_take())
		return true; /* in the background */
	terminal_size(STDOUT_FILENO, &columns, &lines);
	if (columns != s.columns || lines != s.lines)
		fputs("\033[2J", stdout);
	s.utf8 = locale_is_utf8();
	s.colour = wants_colour();
	screen_clear(&s, columns, lines);
	const int each = (s.columns + 1) / show->n;
	for (int i = 0; i < show->n; i++)
		put_player(&s, show, &show->player[i],
			(struct box){ i * each, 0, each - 1 + (show->n == 1), s.lines - 1 });
	screen_text(&s, s.lines - 1, 0, s.columns, "90",
		is_paused ? "paused; space resumes, n steps, q quits" : "space pauses, n steps, q quits");
	screen_put(&s);
	return fflush(stdout) == 0 || err_set(e, ERR_RUN, "the terminal has gone");
}

/* Until everybody is done, or q. */
static bool play_on_terminal(struct show *s, struct err *e)
{
	bool is_paused = false, ok = true;
	double next_s = now_s();
	while (ok && (ok = draw(s, is_paused, e))) {
		const double left_s = fmax(next_s - now_s(), 0);
		const int key = terminal_key(is_paused ? -1 : left_s);
		const bool is_step = key == 'n' || key == '.';
		if (key == 'q' || key == 'Q')
			break;
		is_paused = is_step || (key == ' ' ? !is_paused : is_paused);
		if (!is_step && (is_paused || now_s() < next_s))
			continue;
		for (int i = 0; is_step && i < s->n; i++)
			s->player[i].n_waited = s->n_hold;
		if (is_done(s))
			break;
		ok = tick(s, e);
		next_s = fmax(next_s + 1 / s->fps, now_s());
	}
	terminal_give_back();
	return ok;
}

static void print_returns(const struct show *s)
{
	char real[TEXT_REAL_SIZE];
	for (int i = 0; i < s->n; i++) {
		const struct player *p = &s->player[i];
		put_printable(stdout, p->name, strlen(p->name));
		if (p->n_over == 0)
			printf(": no episode was over\n");
		else
			printf(": %s %s in %" PRId64 " episode%s\n", p->n_over == 1 ? "return" : "mean return",
				text_real(p->return_sum / (double)p->n_over, real), p->n_over,
				p->n_over == 1 ? "" : "s");
	}
}

/* --- an animation --- */

static bool write_film(struct show *s, const char *path, double fps, struct err *e)
{
	static struct film film; /* too much for a small stack */
	char *data = NULL;
	size_t len = 0;
	bool ok = film_init(&film, s->player, s->n, e);
	if (ok)
		film_add(&film);
	while (ok && !is_done(s)) {
		ok = tick(s, e);
		film_add(&film);
	}
	FILE *f = ok ? open_memstream(&data, &len) : NULL;
	if (f) {
		film_put(&film, fps, f);
		ok = fclose(f) == 0;
	}
	if (ok)
		ok = f ? write_output(path, data, len, e) : err_set(e, ERR_RUN, "out of memory for '%s'", path);
	free(data);
	film_release(&film);
	return ok;
}

/* --- a line a step --- */

/* Runs dqn eval --steps --q with the same flags, for one episode unless --episodes says more. */
static bool print_steps(const struct args *args, struct err *e)
{
	const struct command *eval = find_command("eval");
	struct args of_eval = { .program = args->program, .n = args->n, .pos = args->pos };
	if (args->n > 1)
		return err_set(e, ERR_USAGE, "the steps of one policy can be printed, not of %d", args->n);
	for (const struct flag *f = eval->flags; f->name; f++) {
		struct flag_value *v = &of_eval.flag[f - eval->flags];
		for (int i = 0; play_flags[i].name; i++)
			if (strcmp(f->name, play_flags[i].name) == 0)
				*v = args->flag[i];
		if (strcmp(f->name, "steps") == 0 || strcmp(f->name, "q") == 0)
			v->set = true;
		if (strcmp(f->name, "episodes") == 0 && !v->set)
			*v = (struct flag_value){ .set = true, .count = 1 };
	}
	return eval->run(&of_eval, e);
}

/* --- the command --- */

static bool show_it(struct show *s, const struct flag_value *flag, struct err *e)
{
	struct scene scene;
	for (int i = 0; i < s->n; i++)
		if (!player_begin(&s->player[i], e))
			return false;
	player_scene(&s->player[0], &scene);
	s->fps = flag[FPS].set ? flag[FPS].real : scene.fps;
	s->n_hold = (int64_t)ceil(flag[SVG].set ? s->fps / 2 : s->fps);
	if (flag[SVG].set)
		return write_film(s, flag[SVG].string, flag[FPS].real, e);
	if (!play_on_terminal(s, e))
		return false;
	print_returns(s);
	return true;
}

static bool cmd_play(const struct args *args, struct err *e)
{
	static struct loaded l[PLAY_MAX_PLAYERS];
	static struct show s;
	const struct flag_value *flag = args->flag;
	const struct player_options options = { flag[SEED].set, flag[SEED].seed, flag[EPSILON].real,
		flag[LIMIT].count };
	bool ok = (!flag[FPS].set || (flag[FPS].real > 0 && flag[FPS].real <= 1000)) ||
		  err_set(e, ERR_USAGE, "--fps '%s' is not in (0, 1000]", flag[FPS].string);
	if (ok && (flag[JSON].set || flag[CSV].set || (!flag[SVG].set && !can_redraw(STDOUT_FILENO))))
		return print_steps(args, e);
	s.n_episodes = flag[EPISODES].set ? flag[EPISODES].count : 1;
	for (int i = 0; ok && i < args->n; i++) {
		ok = load_weights(&l[i], args->pos[i], &flag[WEIGHTS], true, e) &&
		     (s.n++, load_policy(&l[i], e) && player_init(&s.player[i], &l[i], &options, e));
		s.player[i].name = args->pos[i];
	}
	ok = ok && show_it(&s, flag, e);
	for (int i = 0; i < s.n; i++) {
		player_release(&s.player[i]);
		unload_weights(&l[i]);
	}
	return ok;
}

const struct command command_play = {
	.name = "play",
	.synopsis = "RUN|WEIGHTS... [--episodes N] [--seed S] [--epsilon E] [--max-episode-steps N] "
		    "[--fps F] [--svg FILE|--csv|--json] " WEIGHTS_SYNOPSIS,
	.summary = "show an episode in the terminal, or as an animation",
	.details =
		"The state, the Q value of each action as a bar between the lowest and the highest so far, the "
		"action that follows, and the return. Space pauses, n is one step, q quits. Up to four RUN or "
		"WEIGHTS, those of 'dqn eval', are shown side by side; one that is done plays more episodes until "
		"all are. A child process is shown by its observation: a bar for each component, of the size that "
		"it declares or the largest so far. --svg writes an animation without scripts, under 200 KB, for light and "
		"dark pages: 20 seconds at most, unless --fps sets its speed.",
	.examples = "dqn play runs/cartpole/seed-1\n"
		    "dqn play runs/untrained runs/cartpole/seed-1 --svg play.svg\n",
	.flags = play_flags,
	.statuses = (const int[]){ 0, 1, 2, 4, 5, 6, 7, -1 },
	.min_args = 1,
	.max_args = PLAY_MAX_PLAYERS,
	.run = cmd_play,
};
