#include "study/groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- keys --- */

/* Each once. */
static void add_key(struct groups *g, const struct option *o)
{
	for (int i = 0; i < g->n_differing; i++)
		if (g->key[i] == o)
			return;
	g->key[g->n_differing++] = o;
}

static bool parse_keys(struct groups *g, const char *by, struct err *e)
{
	for (const char *s = by;; s++) {
		char key[64];
		const size_t n = strcspn(s, ",");
		snprintf(key, sizeof(key), "%.*s", (int)n, s);
		const struct option *o = config_find(key);
		if (!o) {
			err_set(e, ERR_USAGE, "unknown key '%s'", key);
			return err_suggest(e, "", config_suggest(key));
		}
		add_key(g, o);
		s += n;
		if (*s == '\0')
			return true;
	}
}

static bool differs(const struct records *records, const struct option *o)
{
	for (size_t i = 1; i < records->n; i++)
		if (config_compare(&records->at[0].config, &records->at[i].config, o) != 0)
			return true;
	return false;
}

static bool choose_keys(struct groups *g, const char *by, const struct option *except, struct err *e)
{
	const struct option *seed = config_find("seed");
	if (by && !parse_keys(g, by, e))
		return false;
	g->has_names = !by && g->records->n > 0 && g->records->at[0].group;
	g->n_keys = g->n_differing;
	for (const struct option *o = config_options; o->key; o++)
		if (o != seed && o != except && differs(g->records, o))
			add_key(g, o);
	if (!by && !g->has_names)
		g->n_keys = g->n_differing;
	if (except && except != seed && differs(g->records, except))
		add_key(g, except);
	g->key[g->n_differing] = seed;
	return true;
}

/* --- members --- */

static int compare_names(const struct groups *g, const struct record *a, const struct record *b)
{
	if (!g->has_names)
		return 0;
	const size_t least = a->group_len < b->group_len ? a->group_len : b->group_len;
	const int order = memcmp(a->group, b->group, least);
	return order != 0 ? order : (a->group_len > b->group_len) - (a->group_len < b->group_len);
}

/* By the keys `from` to `to` - 1, and from the first one on by the names before them. */
static int compare(const struct groups *g, int from, int to, const struct record *a, const struct record *b)
{
	int order = from == 0 ? compare_names(g, a, b) : 0;
	for (int i = from; i < to && order == 0; i++)
		order = config_compare(&a->config, &b->config, g->key[i]);
	return order;
}

struct sortable { /* qsort passes nothing else to what compares */
	const struct groups *g;
	const struct record *r;
};

static int compare_sortable(const void *x, const void *y)
{
	const struct sortable *s = x;
	const struct record *a = s->r, *b = ((const struct sortable *)y)->r;
	int order = compare(s->g, 0, s->g->n_differing + 1, a, b);
	if (order == 0)
		order = (int)a->state - (int)b->state;
	return order != 0 ? order : strcmp(a->dir, b->dir);
}

/* Sorts the runs and drops copies. */
static void set_members(struct groups *g, struct sortable *sorted)
{
	const size_t n = g->records->n;
	for (size_t i = 0; i < n; i++)
		sorted[i] = (struct sortable){ g, &g->records->at[i] };
	qsort(sorted, n, sizeof(*sorted), compare_sortable);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || compare(g, 0, g->n_differing + 1, sorted[i - 1].r, sorted[i].r) != 0)
			g->member[g->n_members++] = sorted[i].r;
	g->n_copies = n - g->n_members;
}

static void set_groups(struct groups *g)
{
	for (size_t i = 0; i < g->n_members; i++) {
		if (i == 0 || compare(g, 0, g->n_keys, g->member[i - 1], g->member[i]) != 0)
			g->group[g->n_groups++].first = i;
		g->group[g->n_groups - 1].n++;
	}
}

/* --- units --- */

static bool same_setting(const struct groups *g, size_t a, size_t b)
{
	return compare(g, g->n_keys, g->n_differing, g->member[a], g->member[b]) == 0;
}

/* Members of the setting that begins at i, in a group that ends before `end`. */
static size_t setting_size(const struct groups *g, size_t i, size_t end)
{
	size_t n = 1;
	while (i + n < end && same_setting(g, i, i + n))
		n++;
	return n;
}

static bool same_settings(const struct groups *g, const struct group *a, const struct group *b)
{
	const size_t a_end = a->first + a->n, b_end = b->first + b->n;
	size_t i = a->first, k = b->first;
	while (i < a_end && k < b_end && same_setting(g, i, k)) {
		i += setting_size(g, i, a_end);
		k += setting_size(g, k, b_end);
	}
	return i == a_end && k == b_end;
}

static void set_units(struct groups *g)
{
	g->has_settings = g->n_differing > g->n_keys && g->n_groups == 1;
	for (size_t i = 1; i < g->n_groups; i++)
		g->has_settings |= !same_settings(g, &g->group[0], &g->group[i]);
	bool is_single = g->has_names; /* a setting in each: that is what the name stands for */
	for (size_t i = 0; i < g->n_groups && is_single; i++)
		is_single = setting_size(g, g->group[i].first, g->group[i].first + g->group[i].n) == g->group[i].n;
	g->has_settings &= !is_single;
	for (size_t i = 0; i < g->n_groups; i++) {
		const size_t end = g->group[i].first + g->group[i].n;
		for (size_t k = g->group[i].first, n; k < end; k += n) {
			n = g->has_settings ? setting_size(g, k, end) : 1;
			for (size_t m = k; m < k + n; m++)
				g->unit[m] = (uint32_t)k;
		}
	}
}

bool groups_init(
	struct groups *g, const struct records *records, const char *by, const struct option *except, struct err *e)
{
	const size_t n = records->n;
	*g = (struct groups){ .records = records };
	if (!choose_keys(g, by, except, e))
		return false;
	struct sortable *sorted = calloc(n + 1, sizeof(*sorted));
	g->member = calloc(n + 1, sizeof(const struct record *));
	g->group = calloc(n + 1, sizeof(*g->group));
	g->unit = calloc(n + 1, sizeof(*g->unit));
	const bool ok = sorted && g->member && g->group && g->unit;
	if (ok) {
		set_members(g, sorted);
		set_groups(g);
		set_units(g);
	} else {
		groups_release(g);
		err_set(e, ERR_RUN, "out of memory for %zu runs", n);
	}
	free(sorted);
	return ok;
}

void groups_release(struct groups *g)
{
	free(g->member);
	free(g->group);
	free(g->unit);
	*g = (struct groups){ 0 };
}

void groups_label(const struct groups *g, size_t i, struct text *t)
{
	const struct record *r = g->member[g->group[i].first];
	for (int k = 0; k < g->n_keys; k++) {
		text_add(t, "%s%s=", k ? " " : "", g->key[k]->key);
		config_print_brief(&r->config, g->key[k], t);
	}
	if (g->has_names)
		text_add(t, "%.*s", (int)r->group_len, r->group);
	else if (g->n_keys == 0)
		text_add(t, "all");
}
