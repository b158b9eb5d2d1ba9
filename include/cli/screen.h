/* A picture in the cells of a terminal: text, bars, and scenes in braille or, without UTF-8, in ASCII.
 *
 *     screen_clear(&s, columns, lines);             // utf8 and colour are the caller's
 *     screen_text(&s, 0, 0, columns, "1", "title"); // ...
 *     screen_put(&s);                               // over the one before, from the first line on
 *
 * Whatever lies outside is cut off. A colour is the number of ANSI's SGR, "" the terminal's own.
 */
#ifndef DQN_CLI_SCREEN_H
#define DQN_CLI_SCREEN_H

#include "env/scene.h"

enum { SCREEN_MAX_COLUMNS = 400, SCREEN_MAX_LINES = 120 };

struct cell {
	const char *colour;
	unsigned char dots; /* bits of U+2800; 0: the text */
	char text[7];       /* a character, or "" after one of two columns */
};

struct screen {
	bool utf8, colour;
	int columns, lines;
	struct cell cell[SCREEN_MAX_LINES][SCREEN_MAX_COLUMNS];
};

struct box {
	int left, top, columns, lines; /* may be empty */
};

void screen_clear(struct screen *s, int columns, int lines);

/* As much of the text as fits into so many columns. */
void screen_text(struct screen *s, int line, int column, int columns, const char *colour, const char *text);

/* A bar of a share, in [0, 1], of so many columns. */
void screen_bar(struct screen *s, int line, int column, int columns, const char *colour, double share);

/* The whole window of the scene, as large as fits. */
void screen_scene(struct screen *s, struct box box, const struct scene *scene);

/* On standard output. */
void screen_put(const struct screen *s);

#endif
