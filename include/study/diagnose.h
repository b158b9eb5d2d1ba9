/* Why a run does not learn, or loses what it had, from its configuration and logs alone.
 *
 *     diagnose(&d, &record, &e);
 *     d.verdict; d.finding[0 .. d.n - 1]     // the first is the likeliest cause
 *
 * A run is healthy if its last evaluation reaches the target: the environment's threshold or,
 * without one, stop_return. Without either, it is if the evaluations have gained more than
 * chance and kept most of it. A run under way that is not there yet has time while its
 * evaluations rise, and for the first half of its steps.
 *
 * A healthy run has no finding, unless its evaluations have another time limit than the
 * environment: then nothing can be said about its returns.
 */
#ifndef DQN_STUDY_DIAGNOSE_H
#define DQN_STUDY_DIAGNOSE_H

#include "study/record.h"

#define DIAGNOSIS_MAX 3

enum verdict { VERDICT_HEALTHY, VERDICT_EARLY, VERDICT_FAILING };

struct finding {
	const char *rule;           /* its name */
	const struct option *key;   /* to change */
	double number;              /* what the logs, or the key, say */
	int64_t timesteps;          /* of the run, where it began */
	const char *before, *after; /* a clause around the number */
	const char *advice;         /* a clause */
};

struct diagnosis {
	enum verdict verdict;
	double target;      /* NaN: none */
	double return_mean; /* final, or of the last evaluation; NaN before the first */
	int64_t timesteps;
	int n;
	struct finding finding[DIAGNOSIS_MAX];
};

/* The record stays the caller's. False if a log cannot be read, as record_log. */
bool diagnose(struct diagnosis *d, const struct record *r, struct err *e);

#endif
