/* Runs in groups: those that differ in nothing but the seed, or in no key of a list.
 *
 *     groups_init(&g, &records, "n_steps,double_q", &e);  // or NULL: every key that differs
 *     for each g.group[i]: runs g.member[first] to g.member[first + n - 1]
 *     groups_release(&g);
 *
 * Within a group the runs stand in the order of the other keys that differ, then of
 * the seed. A setting is one choice of those keys. If every group has the same settings,
 * as in a grid, the figures speak of these settings, and a run is a sample. If not, the
 * settings are a sample, too, and those of one group may be luckier than those of
 * another: a setting counts once, however many seeds it has. unit[] says what counts.
 * A run of the same configuration and seed as another says nothing new: of such, one is
 * kept, a done one if there is one.
 */
#ifndef DQN_STUDY_GROUPS_H
#define DQN_STUDY_GROUPS_H

#include "study/record.h"

struct group {
	size_t first, n;
};

struct groups {
	const struct records *records;
	int n_keys, n_inner;                            /* that tell groups apart; others */
	const struct option *key[CONFIG_MAX_OPTIONS];   /* in the order of the table */
	const struct option *inner[CONFIG_MAX_OPTIONS]; /* differ within groups, or could */
	size_t n_groups, n_members, n_copies;
	struct group *group;
	const struct record **member;
	uint32_t *unit;    /* per member: the run, or its setting; see above */
	bool has_settings; /* units are settings */
};

/* ERR_USAGE for a list with an unknown key. */
bool groups_init(struct groups *g, const struct records *records, const char *by, struct err *e);
void groups_release(struct groups *g);

/* "n_steps=3 double_q=true", or "all" of a single group without keys. */
void groups_label(const struct groups *g, size_t i, struct text *t);

#endif
