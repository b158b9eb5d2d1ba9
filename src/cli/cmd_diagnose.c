#include "cli/cli.h"

#include "run/option.h"
#include "study/diagnose.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { JSON };
static const struct flag diagnose_flags[] = {
	[JSON] = { "json", '\0', FLAG_SWITCH, NULL, "print one line of JSON" },
	{ .name = NULL },
};

/* The run in a directory, and no other. */
static bool find_run(struct records *list, const char *path, struct err *e)
{
	if (!records_find(list, path, e))
		return false;
	records_sort(list);
	if (list->n == 0 && list->left_out.n > 0)
		return err_set(e, ERR_CORRUPT, "%s", list->left_out.first);
	if (list->n == 0)
		return err_set(e, ERR_RUN, "'%s' is not a run directory: it has no config.ini", path);
	if (list->n > 1)
		return err_set(e, ERR_USAGE, "'%s' holds %zu runs; name one, as '%s'", path, list->n, list->at[0].dir);
	if (list->at[0].state == RECORD_UNREADABLE)
		return err_set(e, ERR_CORRUPT, "%s", list->at[0].fault);
	return true;
}

static const char *number_text(double x, int digits, char buf[TEXT_REAL_SIZE])
{
	snprintf(buf, TEXT_REAL_SIZE, "%.*g", digits, x);
	if (strchr(buf, 'e') && fabs(x) >= 1 && fabs(x) < 1e15)
		snprintf(buf, TEXT_REAL_SIZE, "%.0f", x);
	return buf;
}

/* What follows a number; after 1, of " updates" no s, but of " times its size". */
static void print_after(const char *after, const char *number)
{
	const size_t n = strncmp(after, " ", 1) == 0 ? 1 + strcspn(after + 1, " ,") : 0;
	const bool is_one =
		strcmp(number, "1") == 0 && n > 0 && after[n - 1] == 's' && strncmp(after, " times ", 7) != 0;
	printf("%.*s%s", (int)n - is_one, after, after + n);
}

static void print_finding(const struct finding *f, const struct config *c, int i)
{
	char value[64], number[TEXT_REAL_SIZE];
	struct text t = text_into(value, sizeof(value));
	config_print_brief(c, f->key, &t);
	printf("%d. %s = %s, from step %" PRId64 " on: %s %s", i + 1, f->key->key, value, f->timesteps, f->before,
		number_text(f->number, 3, number));
	print_after(f->after, number);
	printf("%s%s\n", *f->advice ? "; " : "", f->advice);
}

static void print_text(const struct diagnosis *d, const struct record *r)
{
	static const char *const states[] = {
		[RECORD_DONE] = "after", [RECORD_FAILED] = "diverged after", [RECORD_UNFINISHED] = "under way, after"
	};
	char mean[TEXT_REAL_SIZE], target[TEXT_REAL_SIZE];
	printf("%s, %s %" PRId64 " of %" PRId64 " steps: ", config_env(&r->config)->id, states[r->state], d->timesteps,
		r->config.total_timesteps);
	if (isnan(d->return_mean))
		printf("no evaluation");
	else
		printf("return %s", number_text(d->return_mean, 6, mean));
	if (!isnan(d->target))
		printf(", target %s", number_text(d->target, 6, target));
	printf("\n");
	for (int i = 0; i < d->n; i++)
		print_finding(&d->finding[i], &r->config, i);
}

static void print_json(const struct diagnosis *d, const struct record *r)
{
	static const char *const verdicts[] = { "healthy", "early", "failing" };
	static char buf[2 * RUN_PATH_SIZE + 8192];
	struct text t = text_into(buf, sizeof(buf));
	text_add(&t, "{\"run\":");
	text_add_json_string(&t, r->dir);
	text_add(&t, ",\"env_id\":\"%s\",\"verdict\":\"%s\",\"timesteps\":%" PRId64, config_env(&r->config)->id,
		verdicts[d->verdict], d->timesteps);
	text_add_json_member(&t, "return_mean", d->return_mean);
	text_add_json_member(&t, "target", d->target);
	text_add(&t, ",\"findings\":[");
	for (int i = 0; i < d->n; i++) {
		const struct finding *f = &d->finding[i];
		char value[64];
		struct text v = text_into(value, sizeof(value));
		config_print_brief(&r->config, f->key, &v);
		text_add(&t, "%s{\"rule\":\"%s\",\"key\":\"%s\",\"value\":", i ? "," : "", f->rule, f->key->key);
		text_add_json_string(&t, value);
		text_add(&t, ",\"timesteps\":%" PRId64, f->timesteps);
		text_add_json_member(&t, "number", f->number);
		text_add(&t, "}");
	}
	text_add(&t, "]}");
	puts(buf);
}

static bool cmd_diagnose(const struct args *args, struct err *e)
{
	struct records list;
	static struct diagnosis d;
	records_init(&list);
	const bool ok = find_run(&list, args->pos[0], e) && diagnose(&d, &list.at[0], e);
	if (ok && args->flag[JSON].set)
		print_json(&d, &list.at[0]);
	else if (ok && d.n > 0)
		print_text(&d, &list.at[0]);
	else if (ok)
		say("no finding: %s",
			d.verdict == VERDICT_HEALTHY && isnan(d.target)
				? "there is no target, and its evaluations have risen by more than their spread"
			: d.verdict == VERDICT_HEALTHY ? "the run reached what it was asked for"
			: d.verdict == VERDICT_FAILING ? "the run fails, but its logs do not say why"
			: list.at[0].state == RECORD_UNFINISHED
				? "the run may still get there"
				: "without a target, a run is judged by its evaluations, and it has fewer than two");
	records_release(&list);
	return ok;
}

const struct command command_diagnose = {
	.name = "diagnose",
	.synopsis = "RUN [--json]",
	.summary = "say why a run does not learn",
	.details = "Prints at most three findings, the likeliest cause first, each with the key to change, the "
		   "step where it began and a number. They come from the run's configuration and logs, while it "
		   "is under way, too. A run has no finding if its last evaluation reaches the environment's "
		   "threshold or, without one, stop_return; without either, if its evaluations have gained more "
		   "than chance. A run under way has none either in the first half of its steps and while it "
		   "still gets better. Only evaluations under another time limit than the environment's own are "
		   "always a finding, as returns then do not compare.",
	.examples = "dqn diagnose runs/cartpole/seed-1\n"
		    "dqn diagnose runs/cartpole/seed-1 --json\n",
	.flags = diagnose_flags,
	.statuses = (const int[]){ 0, 1, 2, 5, -1 },
	.min_args = 1,
	.max_args = 1,
	.run = cmd_diagnose,
};
