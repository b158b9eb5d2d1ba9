#include "cli/cli.h"
#include "cli/plot.h"

#include "base/pmath.h"
#include "study/curves.h"
#include "study/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUT, X, Y, BY, SIZE, CSV, LABEL, TITLE, XLABEL, YLABEL, YLIM, THRESHOLD, FONT, LEGEND };
static const struct flag plot_flags[] = {
	[OUT] = { "out", 'o', FLAG_STRING, "FILE", "write an SVG to FILE" },
	[X] = { "x", 'x', FLAG_STRING, "WHAT", "steps (default), updates, seconds or a key" },
	[Y] = { "y", 'y', FLAG_STRING, "WHAT", "a column, or a metric if --x is a key" },
	[BY] = { "by", '\0', FLAG_STRING, "KEYS", "group only by these keys (commas), or by dir" },
	[SIZE] = { "size", '\0', FLAG_STRING, "WxH", "pixels (720x440), or columns and lines" },
	[CSV] = { "csv", '\0', FLAG_SWITCH, NULL, "what is drawn, as numbers, instead of a plot" },
	[LABEL] = { "label", '\0', FLAG_LIST, "GROUP:TEXT", "call GROUP (KEY=VALUE, a name) TEXT; repeatable" },
	[TITLE] = { "title", '\0', FLAG_STRING, "TEXT", "a line above the plot" },
	[XLABEL] = { "xlabel", '\0', FLAG_STRING, "TEXT", "what stands below the axis of x" },
	[YLABEL] = { "ylabel", '\0', FLAG_STRING, "TEXT", "what stands beside the axis of y" },
	[YLIM] = { "ylim", '\0', FLAG_STRING, "LOW,HIGH", "the range of y" },
	[THRESHOLD] = { "threshold", '\0', FLAG_STRING, "R", "a line across at R (in an SVG: solved), or none" },
	[FONT] = { "font-size", '\0', FLAG_REAL, "PX", "of an SVG (12, less in a narrow one)" },
	[LEGEND] = { "legend", '\0', FLAG_STRING, "WHERE", "below (default), above or none" },
	{ .name = NULL },
};

static const char *const x_labels[] = { "environment steps", "updates", "seconds of wall clock" };

struct share {                      /* the runs of a group that a series is made of */
	size_t n, n_worst, n_never; /* diverged ones; ones that never reached the threshold */
	double worst;               /* what those that diverged count as */
};

struct plot_job {
	const struct args *args;
	enum curve_x x;
	const struct option *key;                      /* what --x names, or NULL: curves */
	const struct config *category[PLOT_MAX_NAMES]; /* one with each name on the axis of x */
	const char *column;
	bool is_default; /* --y is not given */
	bool has_unread; /* logs that may hold the evaluations that are missing */
	const struct metric *metric;
	int width, height; /* 0: the default */
	struct records records;
	struct groups groups;
	struct plot plot;
};

/* --- what the arguments ask for --- */

static bool parse_x(struct plot_job *job, const char *word, struct err *e)
{
	const int i = text_index(word, curve_x_names);
	job->x = i < 0 ? CURVE_STEPS : (enum curve_x)i;
	job->key = i < 0 ? config_find(word) : NULL;
	if (i >= 0 || job->key)
		return true;
	err_set(e, ERR_USAGE, "--x '%s' is not steps, updates, seconds or a key", word);
	return err_suggest(e, "", text_nearer(word, text_nearest(word, curve_x_names), config_suggest(word)));
}

static bool parse_size(struct plot_job *job, const char *word, struct err *e)
{
	char width[16];
	int64_t w = 0, h = 0;
	const char *by = strchr(word, 'x');
	snprintf(width, sizeof(width), "%.*s", by ? (int)(by - word) : 0, word);
	if (!by || text_parse_i64(width, &w) != TEXT_OK || text_parse_i64(by + 1, &h) != TEXT_OK || w < 1 || h < 1 ||
		w > 10000 || h > 10000)
		return err_set(e, ERR_USAGE, "--size '%s' is not of the form 720x440, up to 10000x10000", word);
	if (job->args->flag[OUT].set && (w < 200 || h < 150))
		return err_set(e, ERR_USAGE, "--size '%s' is too small; at least 200x150", word);
	job->width = (int)w;
	job->height = (int)h;
	return true;
}

/* The flags of the plot's appearance. */
static bool parse_look(struct plot_job *job, struct err *e)
{
	const struct flag_value *flag = job->args->flag;
	struct plot *p = &job->plot;
	if (!plot_init(p, e))
		return false;
	if (flag[YLIM].set) {
		char low[TEXT_REAL_SIZE];
		const char *comma = strchr(flag[YLIM].string, ',');
		snprintf(low, sizeof(low), "%.*s", comma ? (int)(comma - flag[YLIM].string) : 0, flag[YLIM].string);
		p->is_limited = comma && text_parse_real(low, &p->y.low) == TEXT_OK &&
				text_parse_real(comma + 1, &p->y.high) == TEXT_OK && p->y.low < p->y.high;
		if (!p->is_limited)
			return err_set(e, ERR_USAGE, "--ylim '%s' is not of the form 0,500", flag[YLIM].string);
	}
	if (flag[FONT].set && !(flag[FONT].real >= 4 && flag[FONT].real <= 100))
		return err_set(e, ERR_USAGE, "--font-size '%s' is not from 4 to 100 pixels", flag[FONT].string);
	p->font_px = flag[FONT].set ? flag[FONT].real : 0;
	const char *threshold = flag[THRESHOLD].string;
	if (threshold && strcmp(threshold, "none") != 0 && text_parse_real(threshold, &p->threshold) != TEXT_OK)
		return err_set(e, ERR_USAGE, "--threshold '%s' is not a real number or none", threshold);
	const int legend = flag[LEGEND].set ? text_index(flag[LEGEND].string, plot_legend_names) : PLOT_LEGEND_BELOW;
	p->legend = (enum plot_legend)legend;
	snprintf(p->title, sizeof(p->title), "%s", flag[TITLE].set ? flag[TITLE].string : "");
	return legend >= 0 || err_set(e, ERR_USAGE, "--legend '%s' is not below, above or none", flag[LEGEND].string);
}

static bool parse_args(struct plot_job *job, struct err *e)
{
	const struct flag_value *flag = job->args->flag;
	enum run_log unused;
	if (flag[X].set && !parse_x(job, flag[X].string, e))
		return false;
	if (job->key)
		job->metric = record_metric(flag[Y].string, e);
	else
		job->column = flag[Y].set ? flag[Y].string : "return_mean";
	job->is_default = !flag[Y].set;
	if (job->key ? !job->metric : !curve_column(job->column, &unused, e))
		return false;
	if ((flag[SIZE].set && !parse_size(job, flag[SIZE].string, e)) || !parse_look(job, e))
		return false;
	const char *dot = flag[OUT].set ? strrchr(flag[OUT].string, '.') : NULL;
	if (dot && (strcmp(dot, ".png") == 0 || strcmp(dot, ".pdf") == 0))
		return err_set(e, ERR_USAGE,
			"'%s': plots are SVG; browsers show it, rsvg-convert and inkscape convert it",
			flag[OUT].string);
	return true;
}

/* --- labels --- */

/* True if a label's front, "n_steps=3 gamma=0.9" or a group's name, means this group. */
static bool is_meant(const struct plot_job *job, size_t group, const char *front, size_t len, struct err *e)
{
	static struct config theirs; /* too much for a small stack */
	const struct config *c = &job->groups.member[job->groups.group[group].first]->config;
	char name[256], word[256];
	struct text t = text_into(name, sizeof(name));
	groups_label(&job->groups, group, &t);
	e->kind = ERR_NONE;
	if (job->groups.has_names || !memchr(front, '=', len))
		return strlen(name) == len && memcmp(name, front, len) == 0;
	snprintf(name, sizeof(name), "%.*s", (int)len, front);
	for (const char *rest = name; text_next_word(&rest, word, sizeof(word));) {
		char *value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		const struct option *o = config_find(word);
		theirs = *c;
		if (!o || !value)
			return err_set(e, ERR_USAGE, "--label '%s': '%s' is not a key=value", front, word) &&
			       err_suggest(e, "", config_suggest(word));
		if (!config_set_value(&theirs, o, value))
			return err_set(e, ERR_USAGE, "--label '%s': '%s' is not a value of %s", front, value, word);
		if (config_compare(&theirs, c, o) != 0)
			return false;
	}
	return true;
}

/* The label that is meant for the group, or NULL; e->kind tells an error. */
static const char *find_label(const struct plot_job *job, size_t group, struct err *e)
{
	const struct flag_value *labels = &job->args->flag[LABEL];
	e->kind = ERR_NONE;
	for (int i = 0; i < labels->n && e->kind == ERR_NONE; i++)
		if (is_meant(job, group, labels->list[i], strcspn(labels->list[i], ":"), e))
			return strchr(labels->list[i], ':') + 1;
	return NULL;
}

/* Each label must be that of a group. */
static bool check_labels(const struct plot_job *job, struct err *e)
{
	const struct flag_value *labels = &job->args->flag[LABEL];
	for (int i = 0; i < labels->n; i++) {
		const char *label = labels->list[i], *colon = strchr(label, ':');
		size_t k = 0;
		if (!colon || !colon[1])
			return err_set(e, ERR_USAGE, "--label '%s' is not of the form KEY=VALUE:TEXT", label);
		while (k < job->groups.n_groups && !is_meant(job, k, label, (size_t)(colon - label), e))
			if (e->kind == ERR_NONE)
				k++;
			else
				return false;
		if (k == job->groups.n_groups)
			return err_set(e, ERR_USAGE, "--label '%s': there is no such group", label);
	}
	return true;
}

/* ", 4 of 8 runs (2 unfinished, 3 diverged: counted as 1)" */
static void add_counts(const struct plot_job *job, size_t group, const struct share *share, struct text *t)
{
	static const char *const names[N_RECORD_STATES] = {
		[RECORD_FAILED] = "diverged", [RECORD_UNFINISHED] = "unfinished", [RECORD_UNREADABLE] = "unreadable"
	};
	const struct group *g = &job->groups.group[group];
	size_t n_state[N_RECORD_STATES] = { 0 };
	for (size_t i = 0; i < g->n; i++)
		n_state[job->groups.member[g->first + i]->state]++;
	text_add(t, ", ");
	if (share->n < g->n)
		text_add(t, "%zu of ", share->n);
	text_add(t, "%zu run%s", g->n, g->n == 1 ? "" : "s");
	const char *separator = " (";
	for (int i = 0; i < N_RECORD_STATES; i++) {
		if (!names[i] || n_state[i] == 0)
			continue;
		text_add(t, "%s%zu %s", separator, n_state[i], names[i]);
		if (i == RECORD_FAILED && share->n_worst > 0)
			text_add(t, ": counted as %.4g", share->worst);
		separator = ", ";
	}
	if (share->n_never > 0) {
		text_add(t, "%s%zu never: counted as total_timesteps", separator, share->n_never);
		separator = ", ";
	}
	text_add(t, "%s", *separator == ',' ? ")" : "");
}

static void set_labels(const struct plot_job *job, size_t group, const struct share *share, struct series *s)
{
	const struct groups *all = &job->groups;
	const struct group *g = &all->group[group];
	struct err unused; /* check_labels has looked */
	const char *text = find_label(job, group, &unused);
	struct text name = text_into(s->name, sizeof(s->name));
	if (text)
		text_add(&name, "%s", text);
	else
		groups_label(all, group, &name);
	struct text label = text_into(s->label, sizeof(s->label));
	text_add(&label, "%s", s->name);
	const bool is_plain = share->n == g->n && share->n_worst + share->n_never == 0;
	if (!is_plain || !(text || all->has_names))
		add_counts(job, group, share, &label);
	struct text brief = text_into(s->brief, sizeof(s->brief));
	if (text || all->n_keys == 0)
		text_add(&brief, "%s", s->name);
	for (int k = 0; k < all->n_keys && !text; k++) {
		text_add(&brief, "%s", k ? ", " : "");
		config_print_brief(&all->member[g->first]->config, all->key[k], &brief);
	}
	if (share->n < g->n)
		text_add(&brief, " (%zu/%zu)", share->n, g->n);
	if (share->n_worst > 0)
		text_add(&brief, " (%zu diverged)", share->n_worst);
	s->n_runs = share->n;
	s->is_partial = share->n < g->n;
}

/* Means of several runs have intervals if these are enough. A band without height cannot
 * be seen: it is removed, with a message. */
static void label_y(struct plot_job *job, const char *what)
{
	bool has_interval = false, lacks_interval = false;
	size_t n_flat = 0;
	for (int i = 0; i < job->plot.n_series; i++) {
		struct series *s = &job->plot.series[i];
		size_t n_high = 0, n_bands = 0;
		for (size_t k = 0; k < s->n && s->n_runs > 1; k++) {
			n_bands += isnan(s->low[k]) ? 0 : 1;
			n_high += s->high[k] > s->low[k];
			lacks_interval |= isnan(s->low[k]) && !isnan(s->y[k]);
		}
		has_interval |= n_bands > 0;
		if (n_high > 0 || n_bands == 0)
			continue;
		n_flat++;
		for (size_t k = 0; k < s->n; k++)
			s->low[k] = s->high[k] = (double)NAN;
	}
	struct text t = text_into(job->plot.y.label, sizeof(job->plot.y.label));
	text_add(&t, "%s", what);
	const bool is_text = !job->args->flag[OUT].set;
	/* In text, the intervals of many would hide each other: none is drawn. */
	const bool is_crowded = is_text && job->plot.n_series > PLOT_MOST_INTERVALS;
	if (has_interval && lacks_interval && !is_crowded)
		text_add(&t, " (IQM, 95 %% of %d %s or more)", STATS_LEAST_RUNS,
			job->groups.has_settings ? "settings" : "runs");
	else if (has_interval || lacks_interval)
		text_add(&t, has_interval && !is_crowded ? " (IQM, 95 %%)" : " (IQM)");
	if (n_flat > 0)
		say("%zu of the lines have no band: their runs are equal", n_flat);
}

/* --- learning curves --- */

static double last_value(const struct series *s)
{
	for (size_t i = s->n; i-- > 0;)
		if (!isnan(s->y[i]))
			return s->y[i];
	return -(double)INFINITY;
}

/* True if a comes after b: the one that ends highest is first, those that lack runs are last. */
static bool is_after(const struct series *a, const struct series *b)
{
	return a->is_partial != b->is_partial ? a->is_partial : last_value(a) < last_value(b);
}

/* If there is no room, the last one is dropped. */
static void insert_curve(struct plot_job *job, const struct curve *c, size_t group)
{
	struct plot *p = &job->plot;
	struct series *s = &p->series[PLOT_MAX_SERIES];
	const struct share share = { .n = c->n_runs, .n_worst = c->n_worst, .worst = c->worst };
	set_labels(job, group, &share, s);
	s->n = c->n;
	memcpy(s->x, c->x, sizeof(s->x));
	memcpy(s->y, c->y, sizeof(s->y));
	memcpy(s->low, c->low, sizeof(s->low));
	memcpy(s->high, c->high, sizeof(s->high));
	int at = p->n_series;
	while (at > 0 && is_after(&p->series[at - 1], s))
		at--;
	if (at == PLOT_MAX_SERIES)
		return;
	p->n_series += p->n_series < PLOT_MAX_SERIES;
	for (int i = p->n_series - 1; i > at; i--)
		p->series[i] = p->series[i - 1];
	p->series[at] = *s;
}
_Static_assert(PLOT_MAX_POINTS == CURVE_MAX_POINTS, "a series has room for a curve");

/* The line across, if all runs have the same threshold. */
static void set_threshold(struct plot_job *job)
{
	const struct groups *g = &job->groups;
	double threshold = g->member[0]->threshold;
	for (size_t i = 1; i < g->n_members; i++)
		if (g->member[i]->threshold != threshold)
			threshold = (double)NAN;
	if (job->args->flag[THRESHOLD].set || !job->args->flag[OUT].set)
		return; /* in a terminal only if it is asked for */
	job->plot.threshold = threshold;
	job->plot.is_threshold_optional = true;
}

/* " yet" if a run may still write what is missing. */
static const char *yet(const struct plot_job *job)
{
	const struct groups *g = &job->groups;
	size_t i = 0;
	while (i < g->n_members && g->member[i]->state != RECORD_UNFINISHED)
		i++;
	return i < g->n_members ? " yet" : "";
}

static void label_curves(struct plot_job *job)
{
	char label[64];
	if (strcmp(job->column, "return_mean") == 0)
		snprintf(label, sizeof(label), "evaluation return");
	else if (strcmp(job->column, "ep_rew_mean") != 0 || !job->is_default)
		snprintf(label, sizeof(label), "%s", job->column);
	else if (job->has_unread)
		snprintf(label, sizeof(label), "training return (evaluations cannot be read)");
	else
		snprintf(label, sizeof(label), "training return (no evaluation%s)", yet(job));
	label_y(job, label);
}

static bool plot_curves(struct plot_job *job, struct err *e)
{
	struct faults faults = { 0 };
	size_t n_curves = 0;
	for (size_t i = 0; i < job->groups.n_groups; i++) {
		struct curve c;
		if (!curve_of_group(&c, &job->groups, i, job->x, job->column, &faults, e))
			return false;
		n_curves += c.n > 0;
		if (c.n > 0)
			insert_curve(job, &c, i);
	}
	if (n_curves == 0 && job->is_default && strcmp(job->column, "return_mean") == 0) {
		job->column = "ep_rew_mean";
		job->has_unread = faults.n > 0 || job->groups.records->damaged.n > 0;
		return plot_curves(job, e);
	}
	say_damaged(&faults);
	if (n_curves == 0)
		return err_set(e, ERR_RUN, "no run has a row with '%s'%s",
			job->is_default ? "return_mean" : job->column, yet(job));
	if (n_curves < job->groups.n_groups)
		say("warning: left out %zu of the groups: no rows with '%s' that their runs share",
			job->groups.n_groups - n_curves, job->column);
	if (n_curves > PLOT_MAX_SERIES)
		say("%zu groups: the %d that end highest are shown; --by chooses keys", n_curves, PLOT_MAX_SERIES);
	snprintf(job->plot.x.label, sizeof(job->plot.x.label), "%s", x_labels[job->x]);
	label_curves(job);
	if (curve_is_return(job->column))
		set_threshold(job);
	return true;
}

/* --- a key against a metric --- */

/* The place of a run's value on the axis of x; categories get a new name. NaN for one
 * category too many, or for the number "none". */
static double place_of(struct plot_job *job, const struct record *r)
{
	struct axis *axis = &job->plot.x;
	const double x = config_number(&r->config, job->key);
	if (!isnan(x))
		return isfinite(x) ? x : (double)NAN;
	for (int i = 0; i < axis->n_names; i++)
		if (config_compare(job->category[i], &r->config, job->key) == 0)
			return i;
	if (axis->n_names == PLOT_MAX_NAMES)
		return (double)NAN;
	job->category[axis->n_names] = &r->config;
	struct text t = text_into(axis->name[axis->n_names], sizeof(axis->name[0]));
	config_print_brief(&r->config, job->key, &t);
	return axis->n_names++;
}

/* The widest gap between neighbours as a share of all, on one scale or the other. */
static double widest_gap(const double *sorted, size_t n, bool is_log)
{
	double widest = 0;
	const double low = is_log ? pm_log(sorted[0]) : sorted[0];
	const double high = is_log ? pm_log(sorted[n - 1]) : sorted[n - 1];
	for (size_t i = 1; i < n; i++) {
		const double gap = is_log ? pm_log(sorted[i]) - pm_log(sorted[i - 1]) : sorted[i] - sorted[i - 1];
		widest = gap > widest ? gap : widest;
	}
	return widest / (high - low);
}

/* True if the values lie more evenly on a logarithmic axis. */
static bool looks_log(const double *sorted, size_t n)
{
	const double least = 8; /* times from the smallest to the largest */
	return n > 0 && sorted[0] > 0 && sorted[n - 1] >= least * sorted[0] &&
	       widest_gap(sorted, n, true) < widest_gap(sorted, n, false);
}

struct point {
	double x, y;
	uint32_t unit;
};

static int compare_points(const void *a, const void *b)
{
	const double x = ((const struct point *)a)->x, y = ((const struct point *)b)->x;
	return (x > y) - (x < y);
}

/* The interquartile mean of n points with the same x */
static bool add_mean(struct series *s, const struct point *point, size_t n, struct err *e)
{
	double *y = malloc(n * sizeof(*y));
	uint32_t *units = malloc(n * sizeof(*units));
	struct sample sample;
	bool one_unit = true;
	for (size_t i = 0; i < n; i++)
		one_unit &= point[i].unit == point[0].unit;
	bool ok = y && units;
	if (!ok)
		err_set(e, ERR_RUN, "out of memory for %zu runs", n);
	for (size_t i = 0; ok && i < n; i++) {
		y[i] = point[i].y;
		units[i] = one_unit ? (uint32_t)i : point[i].unit; /* a sample of one setting */
	}
	ok = ok && sample_init(&sample, y, units, n, e);
	if (ok) {
		const struct interval interval = sample_iqm(&sample);
		s->x[s->n] = point[0].x;
		s->y[s->n] = sample.iqm;
		s->low[s->n] = interval.low;
		s->high[s->n++] = interval.high;
		sample_release(&sample);
	}
	free(y);
	free(units);
	return ok;
}

/* A mean at each x of the sorted points, if they share few enough. */
static bool add_means(struct series *s, const struct point *point, size_t n, struct err *e)
{
	const size_t most_places = 30;
	size_t n_places = 0;
	s->has_marks = true;
	for (size_t i = 0; i < n; i++)
		n_places += i == 0 || point[i].x != point[i - 1].x;
	if (n_places > most_places || n_places == n)
		return true;
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && point[end].x == point[i].x;)
			end++;
		if (!add_mean(s, point + i, end - i, e))
			return false;
	}
	return true;
}

/* A dot for each point; of too many, every so many. */
static void add_dots(struct series *s, const struct point *point, size_t n, size_t most)
{
	for (size_t i = 0; i < n && s->n_dots < most; i++) {
		if (n > most && i * most / n == (i + 1) * most / n)
			continue;
		s->dot_x[s->n_dots] = point[i].x;
		s->dot_y[s->n_dots++] = point[i].y;
	}
}

/* The points of a group in the order of x; the caller frees them. */
static struct point *make_points(struct plot_job *job, const struct group *g, struct share *share, struct err *e)
{
	struct point *point = calloc(g->n, sizeof(*point));
	if (!point) {
		err_set(e, ERR_RUN, "out of memory for %zu runs", g->n);
		return NULL;
	}
	for (size_t i = g->first; i < g->first + g->n; i++) {
		const struct record *r = job->groups.member[i];
		double y = record_value(r, job->metric);
		const double x = isnan(y) ? (double)NAN : place_of(job, r);
		if (isnan(x))
			continue;
		if (isinf(y)) {
			share->n_never++;
			y = (double)r->config.total_timesteps;
		} else if (r->state == RECORD_FAILED) {
			share->n_worst++;
			share->worst = y;
		}
		point[share->n++] = (struct point){ x, y, job->groups.unit[i] };
	}
	qsort(point, share->n, sizeof(*point), compare_points);
	return point;
}

static bool scatter_group(struct plot_job *job, size_t group, struct err *e)
{
	struct plot *p = &job->plot;
	struct series *s = &p->series[p->n_series];
	struct share share = { 0 };
	struct point *point = make_points(job, &job->groups.group[group], &share, e);
	*s = (struct series){ .n = 0 };
	const bool ok = point && add_means(s, point, share.n, e);
	if (ok && share.n > 0) {
		add_dots(s, point, share.n, PLOT_MAX_DOTS / job->groups.n_groups);
		set_labels(job, group, &share, s);
		p->n_series++;
	}
	free(point);
	return ok;
}

/* A series for each value of the other keys that differ; one series if these have too many values. */
static bool regroup(struct plot_job *job, struct err *e)
{
	struct groups *g = &job->groups;
	if (job->args->flag[BY].set)
		return true;
	groups_release(g);
	if (!groups_init(g, &job->records, NULL, job->key, e))
		return false;
	if ((g->n_keys > 0 || g->has_names) && g->n_groups <= PLOT_MAX_SERIES / 2)
		return true;
	groups_release(g);
	if (!groups_init(g, &job->records, job->key->key, NULL, e))
		return false;
	/* All in one: the members stay in the order of the key. */
	g->n_keys = 0;
	g->has_names = false;
	g->n_groups = 1;
	g->group[0].n = g->n_members;
	return true;
}

/* In a category series stand side by side, and dots beside each other. */
static void spread_categories(struct plot *p)
{
	const double all = 0.7, of_series = 0.7;  /* shares of the room that are used */
	const double golden = 0.6180339887498949; /* spreads evenly, whatever the number */
	for (int i = 0; i < p->n_series; i++) {
		struct series *s = &p->series[i];
		const double middle = (i + 0.5) * all / p->n_series - all / 2;
		const double width = all / p->n_series * of_series;
		for (size_t k = 0; k < s->n_dots; k++) {
			const double turn = (double)(k + 1) * golden;
			s->dot_x[k] += middle + (turn - floor(turn) - 0.5) * width;
		}
		for (size_t k = 0; k < s->n; k++)
			s->x[k] += middle;
	}
}

static void choose_scale(struct plot *p)
{
	double places[PLOT_MAX_DOTS];
	size_t n = 0;
	if (p->x.n_names > 0) {
		spread_categories(p);
		return;
	}
	for (int i = 0; i < p->n_series; i++)
		for (size_t k = 0; k < p->series[i].n_dots; k++)
			places[n++] = p->series[i].dot_x[k];
	stats_sort(places, n);
	p->x.is_log = looks_log(places, n);
}

static bool plot_scatter(struct plot_job *job, struct err *e)
{
	struct plot *p = &job->plot;
	if (!regroup(job, e))
		return false;
	const size_t n_groups = job->groups.n_groups;
	if (n_groups > PLOT_MAX_SERIES)
		return err_set(e, ERR_USAGE, "--by makes %zu groups; %d can be shown", n_groups, PLOT_MAX_SERIES);
	for (size_t i = 0; i < n_groups; i++)
		if (!scatter_group(job, i, e))
			return false;
	if (p->n_series == 0)
		return err_set(e, ERR_RUN, "no run is done yet");
	choose_scale(p);
	snprintf(p->x.label, sizeof(p->x.label), "%s", job->key->key);
	label_y(job, job->metric == record_metrics ? "final return" : job->metric->name);
	if (job->metric->worst == WORST_RETURN)
		set_threshold(job);
	return true;
}

/* --- the command --- */

/* The file that --out names: the SVG or the CSV. */
static bool write_file(const struct plot_job *job, struct err *e)
{
	char *data = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&data, &len);
	if (f && job->args->flag[CSV].set)
		plot_csv(&job->plot, f);
	else if (f)
		plot_svg(&job->plot, job->width ? job->width : 720, job->height ? job->height : 440, f);
	const bool lost = f && ferror(f);
	const bool ok = f && fclose(f) == 0 && !lost
				? write_output(job->args->flag[OUT].string, data, len, e)
				: err_set(e, ERR_RUN, "out of memory for '%s'", job->args->flag[OUT].string);
	free(data);
	return ok;
}

static bool print_plot(const struct plot_job *job, struct err *e)
{
	int columns, lines;
	terminal_size(STDOUT_FILENO, &columns, &lines);
	columns = job->width ? job->width : columns;
	/* Labels and legend share the window with the plot. */
	const int rest = job->plot.n_series + 5;
	lines = job->height ? job->height : lines - rest;
	const int most = 40, least = job->plot.n_series > 10 ? job->plot.n_series : 10;
	lines = lines < least ? least : lines > most ? most : lines;
	return plot_text(&job->plot, columns, lines, locale_is_utf8(), wants_colour(), e);
}

static bool make_plot(struct plot_job *job, struct err *e)
{
	const struct flag_value *flag = job->args->flag;
	if (!load_groups(&job->records, &job->groups, job->args, flag[BY].string, e) || !check_labels(job, e) ||
		!(job->key ? plot_scatter(job, e) : plot_curves(job, e)))
		return false;
	struct plot *p = &job->plot;
	struct text keys = text_into(p->keys, sizeof(p->keys));
	for (int k = 0; k < job->groups.n_keys && flag[LABEL].n == 0; k++)
		text_add(&keys, "%s%s", k ? ", " : "", job->groups.key[k]->key);
	if (flag[XLABEL].set)
		snprintf(p->x.label, sizeof(p->x.label), "%s", flag[XLABEL].string);
	if (flag[YLABEL].set)
		snprintf(p->y.label, sizeof(p->y.label), "%s", flag[YLABEL].string);
	plot_scale(p);
	if (flag[OUT].set)
		return write_file(job, e);
	if (!flag[CSV].set)
		return print_plot(job, e);
	plot_csv(p, stdout);
	return true;
}

static bool cmd_plot(const struct args *args, struct err *e)
{
	struct plot_job job = { .args = args };
	records_init(&job.records);
	const bool ok = parse_args(&job, e) && make_plot(&job, e);
	plot_release(&job.plot);
	groups_release(&job.groups);
	records_release(&job.records);
	return ok;
}

const struct command command_plot = {
	.name = "plot",
	.synopsis = "RUN_OR_DIR... [--out FILE] [--x WHAT] [--y WHAT] [--by KEYS] [--csv] [--size WxH]",
	.summary = "draw learning curves, or returns against a key",
	.details =
		"Runs that differ only in the seed are one line: their interquartile mean, with its 95 % interval as a "
		"band. Each point of a line is of the same runs, as many as the legend says, and the line ends where "
		"the shortest of them ends. A run that diverged has the lowest return after its last row. --x is "
		"steps, updates or seconds, and --y a column of eval.csv, progress.csv or episodes.csv; by default the "
		"evaluations' return, or, while no run has an evaluation, the training return. If --x is a "
		"configuration key, the plot shows a dot per run: the final return, or the metric of dqn report that "
		"--y names, against the value of the key. The axis is logarithmic if that spreads the values more "
		"evenly. NAME=DIR makes the runs of DIR a group of that name, --by dir the runs in each directory, and "
		"--label gives a group another text. --csv prints what is drawn: group, kind (line, mean of the runs "
		"at x, or a single run), runs, x, y and the ends of the interval. Without --out the plot goes to the "
		"terminal; FILE is an SVG, or - for standard output.",
	.examples = "dqn plot runs/sweep-cartpole\n"
		    "dqn plot runs/sweep-cartpole --by n_steps -o curves.svg\n"
		    "dqn plot runs/sweep-cartpole --x learning_rate -o lr.svg\n"
		    "dqn plot ours=runs/a theirs=runs/b --size 330x220 -o paper.svg\n",
	.flags = plot_flags,
	.statuses = (const int[]){ 0, 1, 2, 5, -1 },
	.min_args = 1,
	.max_args = -1,
	.run = cmd_plot,
};
