/* Files that decide a run as its keys do, and that keys name: init_weights, preload.
 *
 *     inputs_take(&in, key, &config, path, data, len, &e);  // for each such key that is set, or
 *     inputs_open(&in, key, &config, path, &e);             // with option.no_copy
 *     inputs_parse(&in, &config, &report, &e);              // once the environment is known
 *     inputs_write(&in, dir, &e);                           // copies, in the run's directory
 *     inputs_release(&in);
 *
 * The value of such a key (option.copy is set) is FILE, as the user wrote it, or FILE@sha256:DIGEST,
 * with the 64 hexadecimal digits that the file must have. After inputs_take it is
 * COPY@sha256:DIGEST, COPY being the file's name in the run's directory: equal files are equal
 * configurations wherever they lie, and another file is another configuration. With option.no_copy
 * no copy is made: a run resumes without the file, but starts again only with it.
 */
#ifndef DQN_RUN_INPUTS_H
#define DQN_RUN_INPUTS_H

#include "base/file.h"
#include "run/weights.h"

#define INPUT_LIMIT (1 << 30) /* bytes of a file */

enum { MAX_INPUTS = 2 };

struct inputs { /* zeros: none */
	int n;
	struct input {
		const struct option *key;
		char name[FILE_PATH_SIZE]; /* where it was read, for messages */
		char *data;                /* (len) owned */
		size_t len;
		int fd; /* owned, of a file that has no copy; or -1, also if that is gone */
	} at[MAX_INPUTS];
	struct weights weights; /* of init_weights, after inputs_parse; params NULL: none */
};

/* The next key after `key` (NULL: the first one) that names a file in *c; NULL at the end. */
const struct option *inputs_next(const struct config *c, const struct option *key);

/* Of the value of such a key: all of it; the digits, or NULL if it has none; FILE. */
const char *inputs_value(const struct config *c, const struct option *key);
const char *inputs_digest(const struct config *c, const struct option *key);
void inputs_file(const struct config *c, const struct option *key, char file[CONFIG_FILE_SIZE]);

/* Takes what was read, even on failure, and sets the key. ERR_CORRUPT if the value of the key
 * asks for another digest. */
bool inputs_take(struct inputs *in, const struct option *key, struct config *c, const char *name, char *data,
	size_t len, struct err *e);

/* The same for a file with option.no_copy, which stays where it is: it is read in pieces for its
 * digest and is at its beginning again. It must be a regular file (ERR_CORRUPT). */
bool inputs_open(struct inputs *in, const struct option *key, struct config *c, const char *name, struct err *e);

/* The file that the key asks for, which has no copy, does not exist. A run that resumes does without it. */
void inputs_miss(struct inputs *in, const struct option *key, const char *name);

const struct input *inputs_find(const struct inputs *in, const char *key);

/* Reads what is in the files and compares it with the configuration. Warns of what may be wrong. */
bool inputs_parse(struct inputs *in, const struct config *c, struct report *r, struct err *e);

/* Writes the copies that are missing or differ. */
bool inputs_write(const struct inputs *in, const struct dir *d, struct err *e);

/* ERR_CORRUPT unless the copies of a run are those that its configuration asks for. */
bool inputs_check(const struct config *c, const struct dir *d, struct err *e);

void inputs_release(struct inputs *in);

#endif
