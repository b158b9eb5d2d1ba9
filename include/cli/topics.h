/* The topics of `dqn help`, which are also sections of the manual page.
 *
 *     const struct page page = { .is_roff = true };
 *     for (const struct topic *t = topics; t->name; t++)
 *             topic_put(t, &page);                 // on standard output
 */
#ifndef DQN_CLI_TOPICS_H
#define DQN_CLI_TOPICS_H

#include <stdbool.h>

struct page {
	bool is_roff; /* else text of 80 columns */
	int indent;   /* columns, of text */
};

struct topic {
	const char *name, *heading; /* "run-directory", "FILES" of the manual page */
	const char *intro;          /* the first paragraph; then: */
	void (*put)(const struct page *p);
};
void topic_put(const struct topic *t, const struct page *p);

/* A name of NULL ends them. */
extern const struct topic topics[];

struct exit_status {
	int status;
	const char *meaning;
};

/* A meaning of NULL ends them. */
extern const struct exit_status exit_statuses[];
void topic_put_statuses(const struct page *p);

/* Escapes text for roff: backslashes, dashes, and a dot or quote that begins a line. */
void put_roff(const char *s);

/* A name or phrase, and what is to be said of it. */
void page_item(const struct page *p, const char *tag, const char *text);

#endif
