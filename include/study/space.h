/* A space of configurations: one in which a value may stand for several.
 *
 *     n_steps = 1 | 3 | 5             a list
 *     seed = 1..20                    whole numbers, also in a list: 1..3 | 10
 *     learning_rate = log(1e-4, 1e-2) reals or whole numbers, evenly in the logarithm
 *     gamma = uniform(0.9, 0.999)     or evenly
 *
 *     report.choices = &choices;                         // then config_parse, _override
 *     space_init(&s, &config, &choices, &report);        // reports every error
 *     for (uint64_t i = 0; i < s.n_points; i++)
 *             space_grid(&s, i, &config);                // the i-th of all combinations
 *
 *     list = space_sample(&s, SPACE_SOBOL, seed, n, &e); // n different settings
 *     space_draw(&s, SPACE_SOBOL, seed, list[i], k, &config); // the i-th, k-th seed
 *     free(list);
 *
 * A setting is a choice of every key but the seed; each setting is run with every seed.
 *
 * The struct points to the choices. Draws use the generator and the elementary functions of
 * base/, so they are the same everywhere. Not reentrant.
 */
#ifndef DQN_STUDY_SPACE_H
#define DQN_STUDY_SPACE_H

#include "run/config.h"

struct dim {
	const struct choice *choice;
	uint64_t n;       /* values in the lists and ranges; 0: an interval */
	double low, high; /* of an interval, both ends included */
	bool is_log;
};

struct space {
	struct config base;                 /* of the keys that do not vary */
	int n_dims, n_drawn;                /* keys that vary; all but the seed */
	struct dim dim[CONFIG_MAX_OPTIONS]; /* in the order of the option table */
	uint64_t n_seeds;                   /* values of the seed, >= 1 */
	uint64_t n_settings;                /* values of all other keys; 0 with an interval */
	uint64_t n_points;                  /* of the grid, the product; 0 with an interval */
	bool too_many;                      /* more than 2^64-1 points */
};

enum space_method { SPACE_RANDOM, SPACE_SOBOL };

/* Errors in the choices go to the report. */
void space_init(struct space *s, const struct config *base, const struct choices *choices, struct report *r);

/* Point i < n_points of the grid: the last key of the table varies fastest. */
void space_grid(const struct space *s, uint64_t i, struct config *c);

/* Setting i of a sequence, with value k < n_seeds of the seed. Reals have 6 significant
 * digits. */
void space_draw(
	const struct space *s, enum space_method method, uint64_t seed, uint32_t i, uint64_t k, struct config *c);

/* The indices of the first n settings of the sequence that differ, 1 <= n <= 2^24. The caller
 * frees them. ERR_USAGE if there are fewer. */
uint32_t *space_sample(const struct space *s, enum space_method method, uint64_t seed, size_t n, struct err *e);

#endif
