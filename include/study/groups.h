/* Runs in groups: those that differ only in the seed, or only in keys outside a list, or those
 * whose groups the caller has named.
 *
 *     groups_init(&g, &records, "n_steps,double_q", NULL, &e);
 *     for each g.group[i]: runs g.member[first] to g.member[first + n - 1]
 *     groups_release(&g);
 *
 * Within a group, runs are sorted by the other keys that differ, then by seed. A setting
 * is one choice of those keys. If every group has the same settings, as in a grid, all
 * figures are about these settings, and the sample is of runs. If not, the settings are a
 * sample, too: those of one group may be luckier than those of another. Then a setting
 * counts once, however many seeds it has. unit[] says what counts as one.
 *
 * Of runs with the same configuration and seed only one is kept, a done one if there is
 * one.
 */
#ifndef DQN_STUDY_GROUPS_H
#define DQN_STUDY_GROUPS_H

#include "study/record.h"

struct group {
	size_t first, n;
};

struct groups {
	const struct records *records;
	/* The first n_keys tell groups apart; those up to n_differing differ within groups;
	 * then comes the seed. */
	int n_keys, n_differing;
	const struct option *key[CONFIG_MAX_OPTIONS + 1];
	size_t n_groups, n_members, n_copies; /* copies: not kept */
	struct group *group;
	const struct record **member;
	uint32_t *unit;    /* per member: its run, or its setting */
	bool has_settings; /* units are settings */
	bool has_names;    /* groups are those of record.group: n_keys is 0 */
};

/* `by` is a list of keys, ERR_USAGE if one is unknown; or NULL: the names of the records if they
 * have one, else all keys that differ but `except` (NULL: none). */
bool groups_init(
	struct groups *g, const struct records *records, const char *by, const struct option *except, struct err *e);
void groups_release(struct groups *g);

/* "n_steps=3 double_q=true", or "all" without keys, or the group's name. */
void groups_label(const struct groups *g, size_t i, struct text *t);

#endif
