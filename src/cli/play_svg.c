#include "cli/play.h"

#include "base/memory.h"
#include "cli/cli.h"
#include "cli/plot.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A frame is a row of floats: */
enum { FRAME_RETURN, FRAME_ACTION, FRAME_Q };                    /* Q values, and 4 coordinates a line */
enum { MOST_FRAMES = 240, MOST_BYTES = 150 * 1000, MOST_Q = 8 }; /* bytes of all frames */

static const double panel_px = 350, margin_px = 14, head_px = 50, tallest_px = 220, row_px = 19, label_px = 62,
		    bar_px = 260;

/* --- frames --- */

static size_t n_lines_at(const struct reel *r)
{
	return FRAME_Q + (size_t)r->n_q;
}

bool film_init(struct film *f, const struct player *players, int n, struct err *e)
{
	const size_t line_bytes = sizeof("M123.4 123.4L123.4 123.4"), value_bytes = sizeof("123.4");
	size_t bytes = 1;
	*f = (struct film){ .n_players = n, .player = players, .stride = 1 };
	for (int i = 0; i < n; i++) {
		struct reel *r = &f->reel[i];
		player_scene(&players[i], &r->scene);
		r->n_q = players[i].env.ops->n_actions < MOST_Q ? players[i].env.ops->n_actions : MOST_Q;
		r->frame_size = n_lines_at(r) + 4 * (size_t)r->scene.n;
		bytes += (size_t)r->scene.n * line_bytes + (size_t)(r->n_q + 2) * value_bytes;
	}
	f->most = MOST_BYTES / bytes;
	f->most = f->most < MOST_FRAMES ? f->most : MOST_FRAMES;
	for (int i = 0; i < n; i++) {
		f->reel[i].frame = memory_zeroed(f->most * f->reel[i].frame_size * sizeof(float));
		if (!f->reel[i].frame)
			return err_set(e, ERR_RUN, "out of memory for an animation");
	}
	return true;
}

void film_release(struct film *f)
{
	for (int i = 0; i < f->n_players; i++)
		free(f->reel[i].frame);
}

/* Drops every second frame. */
static void thin(struct film *f)
{
	for (int i = 0; i < f->n_players; i++) {
		struct reel *r = &f->reel[i];
		for (size_t k = 1; 2 * k < f->n; k++)
			memmove(r->frame + k * r->frame_size, r->frame + 2 * k * r->frame_size,
				r->frame_size * sizeof(float));
		r->still /= 2;
	}
	f->n = (f->n + 1) / 2;
	f->stride *= 2;
}

void film_add(struct film *f)
{
	if (f->tick++ % f->stride != 0)
		return;
	if (f->n == f->most) {
		thin(f);
		if ((f->tick - 1) % f->stride != 0)
			return;
	}
	for (int i = 0; i < f->n_players; i++) {
		const struct player *p = &f->player[i];
		struct reel *r = &f->reel[i];
		float *frame = r->frame + f->n * r->frame_size;
		player_scene(p, &r->scene);
		frame[FRAME_RETURN] = (float)p->return_so_far;
		frame[FRAME_ACTION] = (float)p->action;
		memcpy(frame + FRAME_Q, p->q, (size_t)r->n_q * sizeof(float));
		float *at = frame + n_lines_at(r);
		for (int k = 0; k < r->scene.n; k++) {
			const struct scene_line *l = &r->scene.line[k];
			*at++ = (float)l->x0;
			*at++ = (float)l->y0;
			*at++ = (float)l->x1;
			*at++ = (float)l->y1;
		}
		if (p->n_over == 0)
			r->still = f->n;
	}
	f->n++;
}

/* --- SVG --- */

struct canvas {
	const struct film *film;
	const struct player *p;
	const struct reel *reel;
	double duration_s;
	double scene_px;               /* its height */
	double x, y, scale_x, scale_y; /* of the scene */
	FILE *f;
};

static const float *frame_at(const struct canvas *c, size_t i)
{
	return c->reel->frame + i * c->reel->frame_size;
}

/* True if the n numbers at `at` are the same in all frames. */
static bool is_still(const struct canvas *c, size_t at, size_t n)
{
	for (size_t i = 1; i < c->film->n; i++)
		if (memcmp(frame_at(c, i) + at, frame_at(c, 0) + at, n * sizeof(float)) != 0)
			return false;
	return true;
}

/* Animates an element: `put` prints an attribute's value for the number at `at` of each frame. */
static void put_animation(const struct canvas *c, const char *element, const char *more, size_t at,
	void (*put)(const struct canvas *c, const float *value))
{
	fprintf(c->f, "<%s dur=\"%gs\" repeatCount=\"indefinite\"%s values=\"", element, c->duration_s, more);
	for (size_t i = 0; i < c->film->n; i++) {
		fputs(i > 0 ? ";" : "", c->f);
		put(c, frame_at(c, i) + at);
	}
	fputs("\"/>", c->f);
}

static void put_line(const struct canvas *c, const float *xy)
{
	fprintf(c->f, "M%g %gL%g %g", svg_px(c->x + xy[0] * c->scale_x), svg_px(c->y - xy[1] * c->scale_y),
		svg_px(c->x + xy[2] * c->scale_x), svg_px(c->y - xy[3] * c->scale_y));
}

static void put_share(const struct canvas *c, double value, double low, double high)
{
	fprintf(c->f, "%g", high > low ? svg_px((value - low) / (high - low) * bar_px) : 0);
}

static void put_q(const struct canvas *c, const float *q)
{
	put_share(c, *q, c->p->q_low, c->p->q_high);
}

/* On one scale for all players. */
static void put_return(const struct canvas *c, const float *value)
{
	double low = 0, high = 0;
	for (int i = 0; i < c->film->n_players; i++) {
		low = fmin(low, c->film->player[i].return_low);
		high = fmax(high, c->film->player[i].return_high);
	}
	put_share(c, *value, low, high);
}

/* The position of the mark of the next action; outside the picture if no action follows. */
static void put_mark(const struct canvas *c, const float *action)
{
	const bool is_shown = *action >= 0 && *action < (float)c->reel->n_q;
	fprintf(c->f, "0 %g", is_shown ? row_px * (double)*action : -1000);
}

static void put_scene(struct canvas *c)
{
	const struct scene *s = &c->reel->scene;
	const double width = s->right - s->left, height = s->top - s->bottom;
	const double box_px = panel_px - 2 * margin_px;
	c->scale_x = box_px / width;
	c->scale_y = c->scene_px / height;
	if (!s->fills)
		c->scale_x = c->scale_y = fmin(c->scale_x, c->scale_y);
	c->x = panel_px / 2 - (s->left + s->right) / 2 * c->scale_x;
	c->y = head_px + c->scene_px / 2 + (s->bottom + s->top) / 2 * c->scale_y;
	for (int i = 0; i < s->n; i++) {
		const size_t at = n_lines_at(c->reel) + 4 * (size_t)i;
		const struct scene_line *l = &s->line[i];
		fprintf(c->f, "<path class=\"p%d%s\" stroke-width=\"%g\" d=\"", (int)l->paint, l->is_round ? " r" : "",
			fmax(svg_px(l->width * c->scale_y), 1));
		put_line(c, frame_at(c, c->reel->still) + at);
		fputs("\">", c->f);
		if (!is_still(c, at, 4))
			put_animation(c, "animate attributeName=\"d\"", "", at, put_line);
		fputs("</path>\n", c->f);
	}
}

static void put_bar(const struct canvas *c, double top, const char *name, const char *class, size_t at,
	void (*put)(const struct canvas *c, const float *value))
{
	const double x = margin_px + label_px, height = 9;
	fprintf(c->f, "<text x=\"%g\" y=\"%g\">", margin_px + 12, top + height);
	svg_put_text(c->f, name, 9);
	fprintf(c->f, "</text><rect class=\"t\" x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\"/>", x, top, bar_px,
		height);
	fprintf(c->f, "<rect class=\"%s\" x=\"%g\" y=\"%g\" height=\"%g\" width=\"", class, x, top, height);
	put(c, frame_at(c, c->reel->still) + at);
	fputs("\">", c->f);
	put_animation(c, "animate attributeName=\"width\"", "", at, put);
	fputs("</rect>\n", c->f);
}

static void put_heading(const struct canvas *c)
{
	const struct player *p = c->p;
	enum { LETTERS = 52 };
	const int64_t n = p->n_over > 0 ? p->n_over : 1;
	char buf[256], mean[TEXT_REAL_SIZE];
	struct text t = text_into(buf, sizeof(buf));
	if (p->w->config)
		text_add(&t, "after %" PRId64 " step%s: ", p->w->timesteps, p->w->timesteps == 1 ? "" : "s");
	text_add(&t, "return %s", return_text(p->n_over > 0 ? p->return_sum / (double)n : p->return_so_far, mean));
	if (n > 1)
		text_add(&t, ", mean of %" PRId64 " episodes", n);
	fprintf(c->f, "<text class=\"h\" x=\"%g\" y=\"22\">", margin_px);
	svg_put_text(c->f, text_fit_end(p->name, LETTERS), LETTERS);
	fprintf(c->f, "</text><text x=\"%g\" y=\"40\">", margin_px);
	svg_put_text(c->f, buf, LETTERS);
	fputs("</text>\n", c->f);
}

static void put_player(struct canvas *c)
{
	const struct player *p = c->p;
	const double marks = head_px + c->scene_px + row_px;
	char name[32];
	put_heading(c);
	put_scene(c);
	fprintf(c->f,
		"<text class=\"u\" x=\"%g\" y=\"%g\">Q %.4g</text>"
		"<text class=\"u e\" x=\"%g\" y=\"%g\">%.4g</text>\n",
		margin_px + label_px, marks - 5, p->q_low, margin_px + label_px + bar_px, marks - 5, p->q_high);
	for (int i = 0; i < c->reel->n_q; i++)
		put_bar(c, marks + i * row_px, player_action(p, i, name), "q", FRAME_Q + (size_t)i, put_q);
	fprintf(c->f, "<path class=\"m\" d=\"M%g %gl7 4.5l-7 4.5z\" transform=\"translate(", margin_px, marks);
	put_mark(c, frame_at(c, c->reel->still) + FRAME_ACTION);
	fputs(")\">", c->f);
	put_animation(c, "animateTransform attributeName=\"transform\"", " type=\"translate\" calcMode=\"discrete\"",
		FRAME_ACTION, put_mark);
	fputs("</path>\n", c->f);
	put_bar(c, marks + c->reel->n_q * row_px + 6, "return", "s", FRAME_RETURN, put_return);
}

static const char *const style =
	"<style>text{font:12px system-ui,sans-serif;fill:#1f2328}.h{font-weight:600}.u{fill:#6e7781}"
	".e{text-anchor:end}.b{fill:#fff}.t{fill:#eaeef2}.q{fill:#0072b2}.s{fill:#009e73}.m{fill:#d55e00}"
	"path{fill:none}.r{stroke-linecap:round}.p0{stroke:#8b949e}.p1{stroke:#0072b2}.p2{stroke:#d55e00}"
	".p3{stroke:#1f2328}.p4{stroke:#009e73}"
	"@media(prefers-color-scheme:dark){text{fill:#e6edf3}.u{fill:#8b949e}.b{fill:#0d1117}"
	".t{fill:#21262d}.q{fill:#3d9fe0}.s{fill:#2fc79a}.m{fill:#f0803c}.p0{stroke:#6e7781}"
	".p1{stroke:#3d9fe0}.p2{stroke:#f0803c}.p3{stroke:#e6edf3}.p4{stroke:#2fc79a}}</style>\n";

void film_put(const struct film *film, double fps, FILE *f)
{
	const double longest_s = 20;
	const double ticks = (double)film->n * (double)film->stride;
	struct canvas c = { .film = film, .f = f };
	int n_q = 0;
	for (int i = 0; i < film->n_players; i++) {
		const struct scene *s = &film->reel[i].scene;
		const double tall = s->fills ? row_px * s->n
					     : (panel_px - 2 * margin_px) * (s->top - s->bottom) / (s->right - s->left);
		c.scene_px = fmax(c.scene_px, fmin(tall, tallest_px));
		n_q = film->reel[i].n_q > n_q ? film->reel[i].n_q : n_q;
	}
	const int width = (int)(film->n_players * panel_px);
	const int height = (int)(head_px + c.scene_px + (n_q + 2) * row_px + margin_px);
	c.duration_s = svg_px(fps > 0 ? ticks / fps : fmin(ticks / film->reel[0].scene.fps, longest_s));
	c.duration_s = fmax(c.duration_s, 0.1);
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\" role=\"img\">\n<title>%s played by ",
		width, height, width, height, film->player[0].env.ops->id);
	for (int i = 0; i < film->n_players; i++) {
		fputs(i > 0 ? ", " : "", f);
		svg_put_text(f, film->player[i].name, 200);
	}
	fprintf(f, "</title>\n%s<rect class=\"b\" width=\"%d\" height=\"%d\"/>\n", style, width, height);
	for (int i = 0; i < film->n_players; i++) {
		c.p = &film->player[i];
		c.reel = &film->reel[i];
		fprintf(f, "<g transform=\"translate(%g)\">\n", i * panel_px);
		put_player(&c);
		fputs("</g>\n", f);
	}
	fputs("</svg>\n", f);
}
