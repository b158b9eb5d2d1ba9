/* The keys of a configuration: one table drives defaults, parsing, range checks, overrides,
 * printing, the explanations, the man page and the reference in configs/README.md.
 *
 *     const struct option *o = config_find("gamma");
 *     config_set_value(&c, o, "0.99");
 *     config_print_value(&c, o, &text);
 */
#ifndef DQN_RUN_OPTION_H
#define DQN_RUN_OPTION_H

#include "base/text.h"
#include "env/env.h"
#include "nn/net.h"

struct config;

#define CONFIG_MAX_OPTIONS 64
#define CONFIG_VALUE_SIZE 4096 /* room for any value as it is printed */
#define FACTORS_MAX 128        /* factors of a list */

struct widths {
	int n; /* 0..NET_MAX_HIDDEN */
	int width[NET_MAX_HIDDEN];
};

enum factors_kind { FACTORS_NONE, FACTORS_BOUNDS, FACTORS_LIST };

struct factors {
	int kind; /* enum factors_kind */
	int n;    /* of a list: 1, a factor for all components, or one for each */
	double value[FACTORS_MAX];
};

enum option_type {
	OPTION_SEED,   /* uint64_t */
	OPTION_INT,    /* int64_t */
	OPTION_REAL,   /* double */
	OPTION_BOOL,   /* bool */
	OPTION_NAME,   /* int, index into names */
	OPTION_WIDTHS, /* struct widths */
	OPTION_SCALE,  /* struct factors */
	OPTION_SIGNS,  /* the same: each is 1 or -1, and no FACTORS_BOUNDS */
	OPTION_STRING, /* char[size], UTF-8 without control characters but tabs; 0 after its end */
};

struct option {
	const char *section, *key;
	enum option_type type;
	size_t offset; /* of the field in struct config */
	size_t size;   /* OPTION_STRING: of the field */
	/* OPTION_STRING: sets what follows from the value, or says what is wrong with it; NULL:
	 * nothing follows. */
	bool (*set)(struct config *c, const char *value, struct err *e);
	const char *copy;                 /* OPTION_STRING: of a file, its name in the run's directory; or NULL */
	bool no_copy;                     /* of such a file: it may be large, and `copy` is only its name */
	const char *def;                  /* default, as in a file without quotes */
	int64_t min, max;                 /* OPTION_INT */
	const char *range;                /* OPTION_REAL: "[0, 1]", "(0, inf)"; inf also means "none" */
	const char *const *names;         /* OPTION_NAME */
	const char *help, *effect;        /* whole sentences; effect: on learning */
	const char *typical, *low, *high; /* of numbers: typical values, signs of too low and too high ones */
	const char *elsewhere;            /* other frameworks' names, separated by blanks, or "" */
	bool neutral;                     /* changes no result: runs that differ in it are the same */
};

/* All options in the order of a printed file; the last has key NULL. */
extern const struct option config_options[];

/* The option of that key, or NULL. */
const struct option *config_find(const char *key);

/* The same, also by another framework's name for it. */
const struct option *config_find_elsewhere(const char *key);

/* The key whose own name or name elsewhere is (or nearly is) `word`, or NULL.
 * '-' counts as '_'. */
const char *config_suggest(const char *word);

/* Why other frameworks' key of that name has no counterpart here, or NULL. */
const char *config_why_absent(const char *word);

/* Stores one value, or returns false and leaves the field. */
bool config_set_value(struct config *c, const struct option *o, const char *value);

/* One value as it is printed; a string as it is, without quotes. */
void config_print_value(const struct config *c, const struct option *o, struct text *t);

/* The same for a label, at most 40 bytes: of a long one both ends and, after '~', the first digits
 * of a hash, which tell it from others with these ends; of a file that was read, the first digits
 * of its SHA-256. */
void config_print_brief(const struct config *c, const struct option *o, struct text *t);

/* The value of a key that is a number; NaN of others. */
double config_number(const struct config *c, const struct option *o);

/* Orders two configurations by one key: below 0, 0 if equal, above 0. */
int config_compare(const struct config *a, const struct config *b, const struct option *o);

/* True for a key whose values are whole numbers. */
bool option_is_whole(const struct option *o);

/* Refused only because a float cannot hold it. */
bool option_is_too_small(const struct option *o, const char *value);

/* The values that an option takes: "whole number, 1 to 65536", "one of huber, mse" ... */
void option_print_range(const struct option *o, struct text *t);

#endif
