#include "cli/screen.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DOTS_X = 2, DOTS_Y = 4 }; /* of a cell, as in braille */

static const char *const paints[N_PAINTS] = {
	[PAINT_GROUND] = "90",
	[PAINT_BODY] = "36",
	[PAINT_LIMB] = "33",
	[PAINT_JOINT] = "",
	[PAINT_GOAL] = "32",
};

static struct cell *cell_at(struct screen *s, int line, int column)
{
	return line >= 0 && column >= 0 && line < s->lines && column < s->columns ? &s->cell[line][column] : NULL;
}

void screen_clear(struct screen *s, int columns, int lines)
{
	s->columns = columns < SCREEN_MAX_COLUMNS ? columns : SCREEN_MAX_COLUMNS;
	s->lines = lines < SCREEN_MAX_LINES ? lines : SCREEN_MAX_LINES;
	for (int i = 0; i < s->lines; i++)
		for (int k = 0; k < s->columns; k++)
			s->cell[i][k] = (struct cell){ .colour = "", .text = " " };
}

static void set_cell(struct screen *s, int line, int column, const char *colour, const char *text, int len)
{
	struct cell *c = cell_at(s, line, column);
	if (!c)
		return;
	*c = (struct cell){ .colour = colour };
	memcpy(c->text, text, (size_t)len);
}

void screen_text(struct screen *s, int line, int column, int columns, const char *colour, const char *text)
{
	const char *end = text + text_fit(text, columns > 0 ? columns : 0);
	for (int n, width; text < end; text += n) {
		n = text_char(text, &width);
		if (width < 0 || (n > 1 && !s->utf8) || n > 6)
			set_cell(s, line, column++, colour, "?", 1);
		else if (width > 0)
			set_cell(s, line, column++, colour, text, n);
		if (width == 2)
			set_cell(s, line, column++, colour, "", 0);
	}
}

void screen_bar(struct screen *s, int line, int column, int columns, const char *colour, double share)
{
	static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	const int n = (int)floor(share * columns * 8 + 0.5);
	for (int i = 0; i < n / 8; i++)
		set_cell(s, line, column + i, colour, s->utf8 ? "█" : "=", s->utf8 ? 3 : 1);
	if (n % 8 > 0 && s->utf8)
		set_cell(s, line, column + n / 8, colour, eighths[n % 8], 3);
}

/* --- scenes --- */

/* From the scene's coordinates to dots of the screen. */
struct view {
	double x, y, scale_x, scale_y;
	int left, top, right, bottom; /* dots inside */
};

static void set_dot(struct screen *s, int x, int y, const char *colour)
{
	static const unsigned char bits[DOTS_Y][DOTS_X] = { { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 },
		{ 0x40, 0x80 } };
	struct cell *c = cell_at(s, y / DOTS_Y, x / DOTS_X);
	if (!c)
		return;
	c->dots |= bits[y % DOTS_Y][x % DOTS_X];
	c->colour = colour;
}

/* Sets every dot of the view that lies on the line; of thin ones those next to its middle. */
static void draw_line(struct screen *s, const struct view *v, const struct scene_line *l)
{
	const double x0 = v->x + l->x0 * v->scale_x, y0 = v->y - l->y0 * v->scale_y;
	const double x1 = v->x + l->x1 * v->scale_x, y1 = v->y - l->y1 * v->scale_y;
	const double dx = x1 - x0, dy = y1 - y0, squared = dx * dx + dy * dy;
	const double r = fmax(l->width * v->scale_y / 2, 0.5);
	const double over = l->is_round ? 0 : 0.5 / fmax(sqrt(squared), 1); /* half a dot */
	const int left = (int)fmax(v->left, floor(fmin(x0, x1) - r));
	const int right = (int)fmin(v->right - 1, ceil(fmax(x0, x1) + r));
	const int top = (int)fmax(v->top, floor(fmin(y0, y1) - r));
	const int bottom = (int)fmin(v->bottom - 1, ceil(fmax(y0, y1) + r));
	for (int y = top; y <= bottom; y++)
		for (int x = left; x <= right; x++) {
			const double t = squared > 0 ? ((x - x0) * dx + (y - y0) * dy) / squared : 0;
			const double nearest = fmin(fmax(t, 0), 1);
			const double off_x = x - x0 - nearest * dx, off_y = y - y0 - nearest * dy;
			const bool is_beside = l->is_round || (t >= -over && t <= 1 + over);
			if (is_beside && off_x * off_x + off_y * off_y <= r * r)
				set_dot(s, x, y, paints[l->paint]);
		}
}

void screen_scene(struct screen *s, struct box box, const struct scene *scene)
{
	const double width = scene->right - scene->left, height = scene->top - scene->bottom;
	const int dots_x = box.columns * DOTS_X, dots_y = box.lines * DOTS_Y;
	if (dots_x <= 0 || dots_y <= 0)
		return;
	struct view v = { .left = box.left * DOTS_X,
		.top = box.top * DOTS_Y,
		.scale_x = (dots_x - 1) / width,
		.scale_y = (dots_y - 1) / height };
	v.right = v.left + dots_x;
	v.bottom = v.top + dots_y;
	if (!scene->fills)
		v.scale_x = v.scale_y = fmin(v.scale_x, v.scale_y);
	v.x = v.left + (dots_x - 1 - width * v.scale_x) / 2 - scene->left * v.scale_x;
	v.y = v.top + (dots_y - 1 + height * v.scale_y) / 2 + scene->bottom * v.scale_y;
	v.x += 0.01; /* a thin line midway between dots sets those on one side */
	v.y += 0.01;
	for (int i = 0; i < scene->n; i++)
		draw_line(s, &v, &scene->line[i]);
}

/* The letter that looks most like the dots, by which quarters of the cell have any. */
static char letter(unsigned dots)
{
	const unsigned upper_left = 0x03, upper_right = 0x18, lower_left = 0x44, lower_right = 0xa0;
	const unsigned middle = 0x36;
	if ((dots & ~middle) == 0 && (dots & 0x07) && (dots & 0x38))
		return '-';
	return " `'\",|//.\\|\\_\\/#"[((dots & upper_left) ? 1 : 0) + ((dots & upper_right) ? 2 : 0) +
				      ((dots & lower_left) ? 4 : 0) + ((dots & lower_right) ? 8 : 0)];
}

static void put_cell(const struct screen *s, const struct cell *c)
{
	if (c->dots == 0)
		fputs(c->text, stdout);
	else if (s->utf8) /* U+2800 + dots */
		printf("\xe2%c%c", (int)(0xa0 + (c->dots >> 6)), (int)(0x80 + (c->dots & 0x3f)));
	else
		putchar(letter(c->dots));
}

void screen_put(const struct screen *s)
{
	for (int i = 0; i < s->lines; i++) {
		const char *colour = "";
		printf("\033[%dH", i + 1);
		for (int k = 0; k < s->columns; k++) {
			const struct cell *c = &s->cell[i][k];
			if (s->colour && strcmp(c->colour, colour) != 0)
				printf("\033[0;%sm", c->colour);
			colour = s->colour ? c->colour : "";
			put_cell(s, c);
		}
		fputs(*colour ? "\033[0m" : "", stdout);
	}
}
