#include "cli/cli.h"

#include "base/memory.h"
#include "cli/env_check.h"
#include "cli/table.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { START_TIMEOUT, TIMEOUT };
static const struct flag env_flags[] = {
	[START_TIMEOUT] = { "start-timeout", '\0', FLAG_REAL, "S", "check: seconds until it has started (default 60)" },
	[TIMEOUT] = { "timeout", '\0', FLAG_REAL, "S", "check: seconds that a reply may take (default 10)" },
	{ .name = NULL },
};

/* A built-in environment; NULL, and *e says which there are. */
static const struct env_ops *find_builtin(const char *id, struct err *e)
{
	const struct env_ops *ops = env_find(id);
	if (ops && ops->reset)
		return ops;
	if (ops)
		err_set(e, ERR_USAGE, "'%s' is a command of yours; 'dqn env check COMMAND' tries it out", id);
	else
		err_suggest(e, "",
			(err_set(e, ERR_USAGE, "unknown environment '%.64s'; 'dqn env list' prints them", id),
				text_nearest(id, env_ids)));
	return NULL;
}

/* --- list, show --- */

static bool list(const struct args *args, struct err *e)
{
	(void)args;
	struct table t = { 0 };
	static const char *const columns[] = { "id", "observations", "actions", "limit", "solved", NULL };
	for (int i = 0; columns[i]; i++)
		table_column(&t, columns[i], i == 0 ? TABLE_TEXT : TABLE_NUMBER);
	for (int i = 0; env_table[i]; i++) {
		const struct env_ops *ops = env_table[i];
		char solved[TEXT_REAL_SIZE];
		if (!ops->reset)
			continue;
		table_add(&t, "%s", ops->id);
		table_add(&t, "%d", ops->obs_dim);
		table_add(&t, "%d", ops->n_actions);
		table_add(&t, "%" PRId64, ops->max_episode_steps);
		table_add(&t, "%s", text_real(ops->solved_return, solved));
	}
	const bool ok = table_print(&t, TABLE_ALIGNED, e);
	table_release(&t);
	return ok;
}

enum { N_SERVED = 16 }; /* instances of `serve` */

/* The line that a child process begins with. */
static void print_declaration(const struct env_ops *ops)
{
	char low[TEXT_REAL_SIZE], high[TEXT_REAL_SIZE], x[TEXT_REAL_SIZE];
	printf("env %s 1 obs=%d actions=%d limit=%" PRId64 " reward=%s..%s solved=%s", ops->id, ops->obs_dim,
		ops->n_actions, ops->max_episode_steps, text_real(ops->reward_low, low),
		text_real(ops->reward_high, high), text_real(ops->solved_return, x));
	for (int i = 0; i < ops->obs_dim; i++)
		printf("%s%s", i ? "," : " high=", text_real(ops->obs_high[i], x));
	printf(" instances=%d\n", N_SERVED);
}

/* --- serve: a built-in as a child process --- */

struct server {
	const struct env_ops *ops;
	struct env env[N_SERVED];
	bool under_way[N_SERVED]; /* an episode */
	float *obs;               /* (obs_dim) */
};

/* Reads `VERB INSTANCE NUMBER`, in digits; false if it is anything else. */
static bool parse_request(const char *line, const char *verb, int *instance, uint64_t *number)
{
	const size_t len = strlen(verb);
	char which[8];
	uint64_t i;
	if (strncmp(line, verb, len) != 0 || line[len] != ' ')
		return false;
	const char *rest = line + len + 1, *blank = strchr(rest, ' ');
	if (!blank || blank - rest >= (int)sizeof(which))
		return false;
	snprintf(which, sizeof(which), "%.*s", (int)(blank - rest), rest);
	if (!text_parse_digits(which, N_SERVED - 1, &i) || !text_parse_digits(blank + 1, UINT64_MAX, number))
		return false;
	*instance = (int)i;
	return true;
}

/* A blank and 9 significant digits, as %.9g has them: they read back to the same float. printf
 * would take half the time of a step. */
static void put_float(float x)
{
	static const double power[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12 };
	const double size = fabs((double)x), least = 1e-4, most = 1e6; /* sizes without an exponent */
	char buf[24], *p = buf + sizeof(buf);
	int n = 2; /* decimals */
	if (!(size >= least && size < most)) {
		printf(" %.9g", (double)x);
		return;
	}
	while (size * power[n] < 1e8)
		n++;
	uint64_t digits = (uint64_t)(size * power[n] + 0.5);
	for (; n > 0 && digits % 10 == 0; n--)
		digits /= 10;
	for (const char *const point = p - n; digits > 0 || p >= point; digits /= 10) {
		*--p = (char)('0' + digits % 10);
		if (p == point && n > 0)
			*--p = '.';
	}
	if (*p == '.')
		*--p = '0';
	if (x < 0)
		*--p = '-';
	*--p = ' ';
	(void)fwrite(p, 1, (size_t)(buf + sizeof(buf) - p), stdout);
}

/* "step I", I below 100 */
static void put_step(int i)
{
	fputs("step ", stdout);
	if (i >= 10)
		putchar('0' + i / 10);
	putchar('0' + i % 10);
}

static void print_obs(const struct server *s)
{
	for (int i = 0; i < s->ops->obs_dim; i++)
		put_float(s->obs[i]);
	putchar('\n');
}

/* Answers a request. False once it is told to quit, or with a line that says what is wrong. */
static bool answer(struct server *s, const char *line, bool *ok)
{
	int i;
	uint64_t n;
	struct step step;
	struct err never;
	*ok = true;
	if (strcmp(line, "quit") == 0)
		return false;
	if (strcmp(line, "hello 1") == 0) {
		print_declaration(s->ops);
	} else if (parse_request(line, "reset", &i, &n)) {
		env_reset(&s->env[i], n, s->obs, NULL, &never);
		s->under_way[i] = true;
		printf("obs %d", i);
		print_obs(s);
	} else if (parse_request(line, "step", &i, &n) && s->under_way[i] && n < (uint64_t)s->ops->n_actions) {
		env_step(&s->env[i], (int)n, s->obs, NULL, &step, &never);
		/* The time limit is dqn's. */
		s->under_way[i] = !step.terminated;
		put_step(i);
		put_float(step.reward);
		fputs(step.terminated ? " 1 0" : " 0 0", stdout);
		print_obs(s);
	} else {
		*ok = false;
		printf("error '%.64s' is not a request that can be answered here\n", line);
	}
	return *ok;
}

static bool refuse(const char *why)
{
	printf("error %s\n", why);
	return false;
}

/* Answers what has come before it waits for more, so that requests that were written together
 * are answered together. */
static bool serve_lines(struct server *s)
{
	char buf[4096];
	size_t len = 0;
	bool ok = true;
	for (;;) {
		const ssize_t n = read(STDIN_FILENO, buf + len, sizeof(buf) - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 || refuse("standard input cannot be read");
		if (memchr(buf + len, '\0', (size_t)n))
			return refuse("the request holds a NUL byte");
		len += (size_t)n;
		char *line = buf, *eol;
		while ((eol = memchr(line, '\n', len - (size_t)(line - buf))) != NULL) {
			*eol = '\0';
			if (!answer(s, line, &ok))
				return ok;
			line = eol + 1;
		}
		len -= (size_t)(line - buf);
		memmove(buf, line, len);
		if (len == sizeof(buf) - 1)
			return refuse("the request is too long");
		if (fflush(stdout) != 0)
			return false;
	}
}

static bool serve(const struct args *args, struct err *e)
{
	static struct server s;
	s.ops = find_builtin(args->pos[1], e);
	if (!s.ops)
		return false;
	s.obs = memory_zeroed((uint64_t)s.ops->obs_dim * sizeof(float));
	if (!s.obs)
		return err_set(e, ERR_RUN, "out of memory");
	for (int i = 0; i < N_SERVED; i++) {
		env_init(&s.env[i], s.ops, 0, NULL);
		s.env[i].max_episode_steps = INT64_MAX;
	}
	const bool ok = serve_lines(&s);
	free(s.obs);
	return ok || end_with(e, ERR_RUN);
}

static bool show(const struct args *args, struct err *e)
{
	const struct env_ops *ops = find_builtin(args->pos[1], e);
	if (ops)
		print_declaration(ops);
	return ops != NULL;
}

static bool check(const struct args *args, struct err *e)
{
	double seconds[] = { [START_TIMEOUT] = 60, [TIMEOUT] = 10 };
	for (int i = 0; i < 2; i++) {
		if (args->flag[i].set)
			seconds[i] = args->flag[i].real;
		if (!(seconds[i] > 0))
			return err_set(e, ERR_USAGE, "a timeout is a number of seconds above 0");
	}
	return env_check(args->pos[1], seconds[START_TIMEOUT], seconds[TIMEOUT], e);
}

static const char synopsis[] = "list | show ID | serve ID | check COMMAND [--start-timeout S] [--timeout S]";

static bool cmd_env(const struct args *args, struct err *e)
{
	static const struct {
		const char *name, *needs;
		bool (*run)(const struct args *args, struct err *e);
	} verbs[] = { { "list", NULL, list }, { "show", "an ID", show }, { "serve", "an ID", serve },
		{ "check", "a COMMAND", check } };
	enum { N_VERBS = sizeof(verbs) / sizeof(verbs[0]) };
	const char *verb = args->n > 0 ? args->pos[0] : "", *names[N_VERBS + 1] = { NULL };
	const bool has_operand = args->n > 1;
	for (int i = 0; i < N_VERBS; i++) {
		names[i] = verbs[i].name;
		if (strcmp(verb, names[i]) != 0)
			continue;
		if (has_operand == (verbs[i].needs != NULL))
			return verbs[i].run(args, e);
		return has_operand ? err_set(e, ERR_USAGE, "'env %s' takes no argument", verb)
				   : err_set(e, ERR_USAGE, "'env %s' needs %s", verb, verbs[i].needs);
	}
	if (args->n == 0)
		return err_set(e, ERR_USAGE, "'env' needs list, show, serve or check: dqn env %s", synopsis);
	err_set(e, ERR_USAGE, "'env' takes list, show, serve or check, not '%.64s'", verb);
	return err_suggest(e, "", text_nearest(verb, names));
}

const struct command command_env = {
	.name = "env",
	.synopsis = synopsis,
	.summary = "list environments, serve one, check one of yours",
	.details = "An environment of yours is a program in any language that answers lines on its standard "
		   "input; a configuration names it by id = process and command = .... The manual page and "
		   "configs/README.md describe the lines, and configs/env has programs to copy. list prints the "
		   "environments that are built in, show what one of them declares. serve makes one a child "
		   "process. check starts COMMAND as 'dqn train' would, plays with it, and prints which rules it "
		   "keeps, what to mend, and how long a step takes; status 7 if it breaks one.",
	.examples = "dqn env list\n"
		    "dqn env check 'python3 configs/env/cartpole.py'\n"
		    "dqn train cartpole id=process command='dqn env serve CartPole-v1'\n",
	.flags = env_flags,
	.statuses = (const int[]){ 0, 1, 2, 7, -1 },
	.max_args = 2,
	.run = cmd_env,
};
