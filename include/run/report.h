/* The errors of a configuration: all of them at once, one line each, "file:line: what".
 *
 *     struct report r;
 *     report_init(&r);
 *     report_error(&r, "cartpole.ini:3: ", "no key before '='");
 *     if (r.n_errors) ... r.text.p has the lines
 */
#ifndef DQN_RUN_REPORT_H
#define DQN_RUN_REPORT_H

#include "base/ini.h"
#include "run/option.h"

enum { REPORT_MAX_ERRORS = 10, REPORT_LINE_SIZE = 700, REPORT_SOURCE_SIZE = 300 };

enum { CHOICE_SIZE = 1001 }; /* of a value that stands for several, the NUL included */

/* Values that stand for several, as study/space.h reads them: "1 | 3", "1..20",
 * "log(1e-4, 1e-2)". No string does. An override of the key takes its place. */
struct choices {
	int n;
	struct choice {
		const struct option *option;
		char source[REPORT_SOURCE_SIZE]; /* "file:12: " or "'key=value': " */
		char text[CHOICE_SIZE];          /* the value as it was written */
	} at[CONFIG_MAX_OPTIONS];
};

struct report {
	char buf[(REPORT_MAX_ERRORS + 4) * REPORT_LINE_SIZE];
	struct text text;                  /* the first REPORT_MAX_ERRORS errors, and warnings */
	int n_errors, n_warnings;          /* warnings start with "warning: " */
	struct choices *choices;           /* the caller's, empty at first; NULL: each is an error */
	bool no_value[CONFIG_MAX_OPTIONS]; /* what was written for the key is an error */
};

void report_init(struct report *r);

/* source: where it stands, as in struct choice, or "" */
void report_error(struct report *r, const char *source, const char *fmt, ...) ERR_PRINTF(3, 4);
void report_warning(struct report *r, const char *fmt, ...) ERR_PRINTF(2, 3);

/* The key, or with NULL each of them, may have been meant to have another value than it has. */
void report_no_value(struct report *r, const struct option *o);

/* Why config_set_value refused a value, with the value that was meant, if that is known. */
void report_value(struct report *r, const char *source, const struct option *o, const char *value);

/* Reports an unknown key, and names the one that was meant or says why dqn lacks it. */
void report_unknown_key(struct report *r, const char *source, const char *key);

#endif
