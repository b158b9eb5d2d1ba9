#include "study/groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_key(const struct option *const *keys, int n, const struct option *o)
{
	for (int i = 0; i < n; i++)
		if (keys[i] == o)
			return true;
	return false;
}

/* The keys of "a,b" into g->key. */
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
		if (!has_key(g->key, g->n_keys, o))
			g->key[g->n_keys++] = o;
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

/* --- the order of runs --- */

static int compare_keys(
	const struct option *const *keys, int n, const struct record *a, const struct record *b)
{
	for (int i = 0; i < n; i++) {
		const int order = config_compare(&a->config, &b->config, keys[i]);
		if (order != 0)
			return order;
	}
	return 0;
}

static int compare_runs(const struct groups *g, const struct record *a, const struct record *b)
{
	int order = compare_keys(g->key, g->n_keys, a, b);
	if (order == 0)
		order = compare_keys(g->inner, g->n_inner, a, b);
	if (order == 0 && a->config.seed != b->config.seed)
		order = a->config.seed < b->config.seed ? -1 : 1;
	if (order == 0)
		order = (int)a->state - (int)b->state;
	return order != 0 ? order : strcmp(a->dir, b->dir);
}

/* Merges the sorted halves of a[0..n), with room for n in `spare`. */
static void merge_sort(
	const struct groups *g, const struct record **a, const struct record **spare, size_t n)
{
	const size_t half = n / 2;
	if (n < 2)
		return;
	merge_sort(g, a, spare, half);
	merge_sort(g, a + half, spare, n - half);
	for (size_t i = 0; i < half; i++)
		spare[i] = a[i];
	for (size_t i = 0, j = half, k = 0; i < half;)
		a[k++] = j < n && compare_runs(g, a[j], spare[i]) < 0 ? a[j++] : spare[i++];
}

/* --- */

/* Keeps the first of the n sorted runs that have everything in common. */
static void drop_copies(struct groups *g, size_t n)
{
	size_t kept = n > 0;
	for (size_t i = 1; i < n; i++) {
		const struct record *r = g->member[i], *last = g->member[kept - 1];
		if (last->config.seed != r->config.seed ||
			compare_keys(g->key, g->n_keys, last, r) != 0 ||
			compare_keys(g->inner, g->n_inner, last, r) != 0)
			g->member[kept++] = r;
	}
	g->n_copies = n - kept;
	g->n_members = kept;
}

/* Members of the setting that begins at i, in a group that ends before `end`. */
static size_t setting_size(const struct groups *g, size_t i, size_t end)
{
	size_t n = 1;
	while (i + n < end &&
		compare_keys(g->inner, g->n_inner, g->member[i], g->member[i + n]) == 0)
		n++;
	return n;
}

static bool same_settings(const struct groups *g, const struct group *a, const struct group *b)
{
	const size_t a_end = a->first + a->n, b_end = b->first + b->n;
	size_t i = a->first, k = b->first;
	while (i < a_end && k < b_end) {
		if (compare_keys(g->inner, g->n_inner, g->member[i], g->member[k]) != 0)
			return false;
		i += setting_size(g, i, a_end);
		k += setting_size(g, k, b_end);
	}
	return i == a_end && k == b_end;
}

static void number_units(struct groups *g)
{
	g->has_settings = g->n_inner > 0 && g->n_groups == 1;
	for (size_t i = 1; i < g->n_groups; i++)
		g->has_settings |= !same_settings(g, &g->group[0], &g->group[i]);
	for (size_t i = 0; i < g->n_groups; i++) {
		const size_t end = g->group[i].first + g->group[i].n;
		for (size_t k = g->group[i].first, n; k < end; k += n) {
			n = g->has_settings ? setting_size(g, k, end) : 1;
			for (size_t m = 0; m < n; m++)
				g->unit[k + m] = (uint32_t)k;
		}
	}
}

bool groups_init(struct groups *g, const struct records *records, const char *by, struct err *e)
{
	const size_t n = records->n;
	*g = (struct groups){ .records = records };
	if (by && !parse_keys(g, by, e))
		return false;
	for (const struct option *o = config_options; o->key; o++) {
		if (strcmp(o->key, "seed") == 0 || has_key(g->key, g->n_keys, o) ||
			!differs(records, o))
			continue;
		if (by)
			g->inner[g->n_inner++] = o;
		else
			g->key[g->n_keys++] = o;
	}
	const struct record **spare = calloc(n + 1, sizeof(const struct record *));
	g->member = malloc((n + 1) * sizeof(const struct record *));
	g->group = calloc(n + 1, sizeof(*g->group));
	g->unit = calloc(n + 1, sizeof(*g->unit));
	if (!spare || !g->member || !g->group || !g->unit) {
		free(spare);
		groups_release(g);
		return err_set(e, ERR_RUN, "out of memory for %zu runs", n);
	}
	for (size_t i = 0; i < n; i++)
		g->member[i] = &records->at[i];
	merge_sort(g, g->member, spare, n);
	free(spare);
	drop_copies(g, n);
	for (size_t i = 0; i < g->n_members; i++) {
		const struct record *r = g->member[i], *last = i > 0 ? g->member[i - 1] : NULL;
		if (!last || compare_keys(g->key, g->n_keys, last, r) != 0)
			g->group[g->n_groups++].first = i;
		g->group[g->n_groups - 1].n++;
	}
	number_units(g);
	return true;
}

void groups_release(struct groups *g)
{
	free(g->member);
	free(g->group);
	free(g->unit);
	g->member = NULL;
	g->group = NULL;
	g->unit = NULL;
}

void groups_label(const struct groups *g, size_t i, struct text *t)
{
	const struct config *c = &g->member[g->group[i].first]->config;
	for (int k = 0; k < g->n_keys; k++) {
		text_add(t, "%s%s=", k ? " " : "", g->key[k]->key);
		config_print_value(c, g->key[k], t);
	}
	if (g->n_keys == 0)
		text_add(t, "all");
}
