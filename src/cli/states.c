#include "cli/states.h"

#include "cli/cli.h"

#include <stdlib.h>
#include <time.h>

const char *const state_names[N_RUN_STATES] = { "running", "stopped", "failed", "unreadable", "done" };

/* Up to the last '/' that all names have in common; they are sorted. */
static size_t common_base(const struct records *list)
{
	const char *a = list->at[0].dir, *b = list->at[list->n - 1].dir;
	size_t base = 0;
	for (size_t i = 0; a[i] && a[i] == b[i]; i++)
		base = a[i] == '/' ? i + 1 : base;
	return base;
}

static int compare_lines(const void *x, const void *y)
{
	const struct state_line *a = x, *b = y;
	if (a->state != b->state)
		return a->state < b->state ? -1 : 1;
	return a->r < b->r ? -1 : a->r > b->r; /* records are sorted by name */
}

bool states_init(struct states *s, const struct records *list, struct liveness *l, struct err *e)
{
	const double now_s = (double)time(NULL);
	states_release(s);
	s->records = list;
	s->line = malloc((list->n + 1) * sizeof(*s->line));
	if (!s->line)
		return err_set(e, ERR_RUN, "out of memory for %zu runs", list->n);
	for (size_t i = 0; i < list->n; i++) {
		const struct record *r = &list->at[i];
		const enum run_status state = run_status_of(l, r, now_s);
		s->line[i] = (struct state_line){ r, state, state == RUN_IS_RUNNING ? run_silence_s(r, now_s) : 0 };
		s->n[state]++;
	}
	qsort(s->line, list->n, sizeof(*s->line), compare_lines);
	s->base = list->n > 0 ? common_base(list) : 0;
	return true;
}

void states_release(struct states *s)
{
	free(s->line);
	*s = (struct states){ 0 };
}

void states_add_counts(const size_t n[N_RUN_STATES], struct text *t)
{
	const char *comma = " ";
	for (int i = 0; i < N_RUN_STATES; i++)
		if (n[i] > 0) {
			text_add(t, "%s%zu %s", comma, n[i], state_names[i]);
			comma = ", ";
		}
}

void states_add_summary(const struct states *s, struct text *t)
{
	const struct records *list = s->records;
	const size_t n_bad = list->left_out.n + list->damaged.n;
	text_add(t, "%zu run%s in %.*s:", list->n, list->n == 1 ? "" : "s", s->base > 1 ? (int)s->base - 1 : 1,
		s->base > 0 ? list->at[0].dir : ".");
	states_add_counts(s->n, t);
	if (n_bad > 0)
		text_add(t, "; %zu cannot be read", n_bad);
}

bool states_add_names(const struct states *s, const char *title, unsigned which, struct text *t)
{
	enum { MOST = 8 };
	char silence[TEXT_REAL_SIZE];
	size_t n = 0;
	for (size_t i = 0; i < s->records->n; i++) {
		const struct state_line *l = &s->line[i];
		if (which ? !(which & 1U << l->state) : l->silence_s <= 0)
			continue;
		if (n++ >= MOST)
			continue;
		text_add(t, "%s%s%s", n > 1 ? ", " : title, n > 1 ? "" : ": ", l->r->dir + s->base);
		if (!which)
			text_add(t, " (nothing written for %s)", duration_text(l->silence_s, silence));
	}
	if (n > MOST)
		text_add(t, " and %zu more", n - MOST);
	return n > 0;
}
