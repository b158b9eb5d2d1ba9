/* What a few numbers say: the interquartile mean and its uncertainty, as Agarwal et
 * al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice" (2021)
 * and its library rliable compute them.
 *
 *     resample_init(&r, x, stratum, n, &e);           // copies
 *     r.iqm; resample_iqm(&r, &e);                    // and its 95 % interval
 *     resample_improvement(&r, &other, &p, &e);       // P(x > y) and its interval
 *     resample_release(&r);
 *
 * Intervals are percentiles of STATS_REPLICATES resamples with replacement, each
 * stratum by itself. The draws are seeded: equal numbers give equal intervals.
 */
#ifndef DQN_RUN_STATS_H
#define DQN_RUN_STATS_H

#include "base/err.h"
#include "base/rng.h"

#include <stddef.h>
#include <stdint.h>

#define STATS_REPLICATES 2000

struct interval { /* NaN where there is none */
	double low, high;
};

/* x, or +-1e300 if it is beyond: sums and differences of logged numbers stay finite. */
double stats_bounded(double x);

/* Of n numbers; NaN if there are none. `sorted` are in ascending order. */
double stats_mean(const double *x, size_t n);
double stats_iqm(const double *sorted, size_t n); /* scipy.stats.trim_mean(x, 0.25) */
double stats_quantile(const double *sorted, size_t n, double q); /* numpy.quantile */
void stats_sort(double *x, size_t n);

/* Wilson's 95 % interval of a share, k of n. */
struct interval stats_wilson(size_t k, size_t n);

/* True if no outcome of n and m numbers could be told from chance: even if all of one
 * lie above all of the other, the rank test's two-sided p is above 0.05. */
bool stats_too_few(size_t n, size_t m);

struct resample {
	size_t n;
	double *x;        /* (n) sorted */
	uint32_t *member; /* (n) places in x, stratum after stratum; owns those below */
	uint32_t *start;  /* (n) per place in member: where its stratum begins */
	uint32_t *size;   /* (n) and how many it has */
	uint32_t *count;  /* (n) how often each x is in the last draw */
	double iqm;
};

/* stratum[i] says which of the strata x[i] is in; any numbers. n >= 1. */
bool resample_init(
	struct resample *r, const double *x, const uint32_t *stratum, size_t n, struct err *e);
void resample_release(struct resample *r);

/* The interval of the interquartile mean; none of a single number. `n_replicates`
 * up to STATS_REPLICATES. */
struct interval resample_iqm(struct resample *r, int n_replicates);

/* The probability that a random x is larger than a random y, ties half, and its
 * interval. */
struct interval resample_improvement(struct resample *x, struct resample *y, double *p);

#endif
