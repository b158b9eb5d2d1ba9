/* One error, as one line of text and the exit status it leads to.
 *
 * A function that can fail returns bool (or NULL) and takes a struct err last:
 *
 *     struct err e;
 *     if (!file_read(path, limit, &data, &len, &e))
 *             return false;           // e already says what happened
 *
 * On failure it changes nothing else. Messages are lower case without a full
 * stop and quote their subject; only cli/ prints them.
 */
#ifndef DQN_BASE_ERR_H
#define DQN_BASE_ERR_H

#include <stdbool.h>

enum err_kind {           /* the exit status; 3 is not an error */
	ERR_NONE = 0,     /* where "it was told to stop" is not an error */
	ERR_RUN = 1,      /* I/O, memory, environment */
	ERR_USAGE = 2,    /* command line or configuration */
	ERR_DIVERGED = 4, /* a weight, loss or Q value is not finite */
	ERR_CORRUPT = 5,  /* corrupt or incompatible file */
	ERR_BUSY = 6,     /* run directory in use, or of another configuration */
	ERR_ENV = 7,      /* the environment, a child process, failed or broke its protocol */
};

struct err {
	enum err_kind kind;
	char msg[768]; /* one line, no prefix, printable (base/text.h) */
};

#if defined(__GNUC__)
#define ERR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define ERR_PRINTF(fmt, args)
#endif

/* Fills e; a message that is too long is cut. Always returns false. */
bool err_set(struct err *e, enum err_kind kind, const char *fmt, ...) ERR_PRINTF(3, 4);

/* Appends "; did you mean 'PREFIXnear'?" to the message, unless near is NULL. Always
 * returns false. */
bool err_suggest(struct err *e, const char *prefix, const char *near);

#endif
