/* The states of runs, for dqn watch and dqn report.
 *
 *     struct states s = { 0 };
 *     states_init(&s, &records, &liveness, &e);   // sorted records; again after each reading
 *     states_release(&s);
 */
#ifndef DQN_CLI_STATES_H
#define DQN_CLI_STATES_H

#include "study/liveness.h"

struct states {
	const struct records *records;
	size_t base; /* bytes of the directory that all of them share */
	struct state_line {
		const struct record *r;
		enum run_status state;
		double silence_s; /* of a running one that is stuck: writes nothing; else 0 */
	} * line;                 /* (records->n) by state, then by name */
	size_t n[N_RUN_STATES];
};

extern const char *const state_names[N_RUN_STATES];

/* Frees what a previous call found. ERR_RUN for memory. */
bool states_init(struct states *s, const struct records *list, struct liveness *l, struct err *e);
void states_release(struct states *s);

/* " 2 running, 1 stopped" */
void states_add_counts(const size_t n[N_RUN_STATES], struct text *t);

/* "6 runs in all: 2 running, 1 stopped, 3 done" */
void states_add_summary(const struct states *s, struct text *t);

/* "stopped: a/seed-1, a/seed-2 and 5 more": the runs in these states (bits 1 << state), or all that
 * are stuck (0). Returns false, and adds nothing, without such runs. */
bool states_add_names(const struct states *s, const char *title, unsigned which, struct text *t);

#endif
