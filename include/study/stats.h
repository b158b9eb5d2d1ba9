/* Statistics of a few runs: the interquartile mean, the probability of improvement
 * (Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical
 * Precipice", 2021) and shares. Each has an interval that holds the truth at least 95
 * times in 100, whatever the distribution; tests/test_intervals.c counts.
 *
 *     sample_init(&s, x, unit, n, &e);                 // copies
 *     s.iqm; sample_iqm(&s);                           // and its interval
 *     sample_improvement(&s, &other).p                 // P(x > y)
 *     sample_release(&s);
 *
 * All of them rest on Clopper and Pearson's interval of a share. A bootstrap, or
 * Student's t, takes the spread of the sample for that of the distribution. That is wrong
 * if rare values are missing from a small sample: runs that fail, or that reach 500.
 *
 * Numbers of one unit depend on each other, as runs of a setting that was drawn do. Then a
 * sample is worth weight = n^2 / sum of size^2 independent numbers (Kish 1965).
 */
#ifndef DQN_STUDY_STATS_H
#define DQN_STUDY_STATS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* With this many numbers, at least one lies in the lowest quarter of the distribution, with
 * 97.5 %, and one in the highest: 0.75^13 < 0.025. With fewer there is no interval. */
#define STATS_LEAST_RUNS 13

/* This many equal tosses show that a coin is not fair: 0.5^6 < 0.025. */
#define STATS_LEAST_PAIRS 6

struct interval { /* 95 %; NaN where there is none */
	double low, high;
};

/* x limited to +-1e300: sums and differences of logged numbers stay finite. */
double stats_bounded(double x);

/* Of n numbers; NaN if there are none. `sorted` are in ascending order. */
double stats_mean(const double *x, size_t n);
double stats_iqm(const double *sorted, size_t n);                /* scipy.stats.trim_mean(x, 0.25) */
double stats_quantile(const double *sorted, size_t n, double q); /* numpy.quantile */
void stats_sort(double *x, size_t n);

/* The interval of a share, k of n; not only of whole numbers. Clopper and Pearson (1934). */
struct interval stats_share(double k, double n);

struct sample {
	size_t n, n_units;
	double *x;      /* (n) sorted; owns sum */
	uint32_t *unit; /* (n) of each x, below n_units; owns size */
	uint32_t *size; /* (n_units) numbers in each */
	double *sum;    /* (n_units) scratch */
	double weight;  /* independent numbers that it is worth, >= 1 */
	double iqm;
};

/* unit[i] is the unit of x[i], any number. Copies both. n >= 1. */
bool sample_init(struct sample *s, const double *x, const uint32_t *unit, size_t n, struct err *e);
void sample_release(struct sample *s);

/* The interval of the interquartile mean: the mean of the middle half of the lowest and
 * of the highest distribution whose every share is in the interval of the sample's. None
 * below a weight of STATS_LEAST_RUNS. */
struct interval sample_iqm(const struct sample *s);

struct improvement {
	double p;             /* that a random x is larger than a random y, ties half */
	struct interval p_95; /* none below a weight of STATS_LEAST_PAIRS */
	size_t enough;        /* size of each sample that could tell p from 1/2; 0: none */
};

/* The interval is that of a share of n, where n is what p varies like, but not less than
 * the smaller weight: no distribution makes p vary more (Birnbaum and Klose 1957). */
struct improvement sample_improvement(struct sample *x, struct sample *y);

#endif
