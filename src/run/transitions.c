#include "run/transitions.h"

#include "base/lines.h"
#include "base/memory.h"
#include "base/pmath.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A row of transition_columns. */
enum kind { EPISODE, STEP, OBS, ACTION, REWARD, TERMINATED, TRUNCATED, NEXT_OBS, MASK, NEXT_MASK, Q, N_KINDS };

const struct transition_column transition_columns[] = {
	[EPISODE] = { "episode", "whole number; may be left out" },
	[STEP] = { "step", "of the episode, whole number; may be left out" },
	[OBS] = { "obs_", "obs_0, obs_1 ...: the observation before the step, not scaled" },
	[ACTION] = { "action", "0 to the number of actions - 1" },
	[REWARD] = { "reward", "of the step, not scaled; within the environment's range" },
	[TERMINATED] = { "terminated", "0 or 1, false or true: the step ended the MDP" },
	[TRUNCATED] = { "truncated", "0 or 1: the episode was cut after the step; may be left out" },
	[NEXT_OBS] = { "next_obs_", "the observation after the step; may be left out, all of them" },
	[MASK] = { "mask", "of environments with masks: a digit for each action, 1 where obs allows it" },
	[NEXT_MASK] = { "next_mask", "the same for next_obs, and only with it" },
	[Q] = { "q_", "Q values of obs, printed with --q; skipped by preload" },
	[N_KINDS] = { .name = NULL },
};

static bool is_list(int kind)
{
	return kind == OBS || kind == NEXT_OBS || kind == Q;
}

static size_t n_columns(const struct env_ops *ops, int kind)
{
	if (kind == MASK || kind == NEXT_MASK)
		return ops->has_masks;
	if (!is_list(kind))
		return 1;
	return (size_t)(kind == Q ? ops->n_actions : ops->obs_dim);
}

/* With those that may be left out. */
static size_t n_all_columns(const struct env_ops *ops)
{
	size_t n = 0;
	for (int kind = 0; kind < N_KINDS; kind++)
		n += n_columns(ops, kind);
	return n;
}

/* --- printing --- */

size_t transition_size(const struct env_ops *ops)
{
	return n_all_columns(ops) * TEXT_REAL_SIZE + 2 * env_mask_dim(ops) + 256;
}

void transition_print_header(const struct env_ops *ops, bool with_q, struct text *t)
{
	for (int kind = 0; kind < N_KINDS - !with_q; kind++)
		for (size_t i = 0; i < n_columns(ops, kind); i++) {
			text_add(t, "%s%s", kind == 0 ? "" : ",", transition_columns[kind].name);
			if (is_list(kind))
				text_add(t, "%zu", i);
		}
	text_add(t, "\n");
}

static void add_floats(size_t n, const float *x, struct text *t)
{
	char buf[TEXT_REAL_SIZE];
	for (size_t i = 0; i < n; i++)
		text_add(t, "%s%s", i > 0 ? "," : "", x[i] == 0 && signbit(x[i]) ? "-0" : text_float(x[i], buf));
}

static void add_mask(size_t n, const uint8_t *mask, struct text *t)
{
	for (size_t i = 0; i < n; i++)
		text_add(t, mask[i] ? "1" : "0");
}

void transition_print(const struct env_ops *ops, const struct transition *tr, bool json, struct text *t)
{
	const struct step *s = &tr->result;
	const int64_t whole[N_KINDS] = { [EPISODE] = tr->episode,
		[STEP] = tr->step,
		[ACTION] = tr->action,
		[TERMINATED] = s->terminated,
		[TRUNCATED] = s->truncated };
	const float *const real[N_KINDS] = {
		[OBS] = tr->obs, [REWARD] = &s->reward, [NEXT_OBS] = tr->next_obs, [Q] = tr->q
	};
	const uint8_t *const mask[N_KINDS] = { [MASK] = tr->mask, [NEXT_MASK] = tr->next_mask };
	for (int kind = 0; kind < N_KINDS - !tr->q; kind++) {
		const char *name = transition_columns[kind].name;
		const size_t n = n_columns(ops, kind);
		if (n == 0)
			continue;
		text_add(t, kind > 0 ? "," : json ? "{" : "");
		if (json)
			text_add(t, "\"%.*s\":%s", (int)strlen(name) - is_list(kind), name,
				is_list(kind) ? "["
				: mask[kind]  ? "\""
					      : "");
		if (real[kind])
			add_floats(n, real[kind], t);
		else if (mask[kind])
			add_mask((size_t)ops->n_actions, mask[kind], t);
		else if (json && (kind == TERMINATED || kind == TRUNCATED))
			text_add(t, whole[kind] ? "true" : "false");
		else
			text_add(t, "%" PRId64, whole[kind]);
		if (json)
			text_add(t, is_list(kind) ? "]" : mask[kind] ? "\"" : "");
	}
	text_add(t, json ? "}\n" : "\n");
}

/* --- reading --- */

struct column {
	int kind;
	size_t index; /* in its list, or 0 */
	char *cell;   /* of the current line */
};

struct row {
	int64_t episode, step;
	float *obs, *next_obs;     /* (obs_dim) scaled */
	uint8_t *mask, *next_mask; /* (n_actions) */
	int action;
	struct step result; /* the reward is scaled */
	bool has_step;      /* else it is the observation after the last step */
};

struct reader {
	const struct transitions_opts *o;
	struct replay *replay;
	struct transitions_found *found;
	struct lines lines;
	struct sha256 sha256;
	size_t n;              /* columns */
	struct column *column; /* (n_all_columns + 1) the last one being a column too many */
	uint8_t *has;          /* (n_all_columns) in the order of kinds */
	bool has_kind[N_KINDS];
	int64_t n_rows;
	struct row rows[2];
	struct row *now, *before; /* each is one of them */
	void *memory;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Cuts a line into its cells, without blanks and quotes around them; how many there are. */
static size_t split(struct reader *r, char *line)
{
	const size_t most = n_all_columns(r->o->ops) + 1;
	size_t n = 0;
	for (char *s = line, *next; s; s = next, n++) {
		char *end = s + strcspn(s, ",");
		next = *end ? end + 1 : NULL;
		while (is_blank(*s))
			s++;
		while (end > s && is_blank(end[-1]))
			end--;
		if (end > s + 1 && *s == '"' && end[-1] == '"') {
			s++;
			end--;
		}
		*end = '\0';
		if (n < most)
			r->column[n].cell = s;
	}
	return n;
}

/* --- cells: each function stores one, or returns false if it is wrong --- */

static bool parse(const char *s, double *x)
{
	const char *end = text_scan_real(s, x);
	return end && *end == '\0' && pm_fits_float(*x);
}

static bool parse_whole(const char *s, int64_t *value)
{
	const double most = 9007199254740992; /* 2^53: a double has all below */
	double x;
	if (!parse(s, &x) || x != floor(x) || fabs(x) > most)
		return false;
	*value = (int64_t)x;
	return true;
}

static bool parse_scaled(const char *s, double scale, float *value)
{
	double x;
	if (!parse(s, &x) || !pm_fits_float((float)x * scale))
		return false;
	*value = (float)x;
	return true;
}

static bool parse_flag(const char *s, bool *flag)
{
	static const char *const words[] = { "0", "1", "false", "true", "False", "True", "FALSE", "TRUE" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(s, words[i]) == 0) {
			*flag = i % 2;
			return true;
		}
	return false;
}

static bool parse_mask(const char *s, size_t n, uint8_t *mask)
{
	if (strspn(s, "01") != n || s[n] != '\0')
		return false;
	for (size_t i = 0; i < n; i++)
		mask[i] = s[i] == '1';
	return true;
}

static bool parse_obs(const struct reader *r, size_t i, const char *s, float *obs)
{
	const float scale = r->o->obs_scale[i];
	if (!parse_scaled(s, (double)scale, &obs[i]))
		return false;
	obs[i] *= scale; /* as env.c does */
	return true;
}

static bool parse_reward(const struct reader *r, const char *s, float *reward)
{
	const double low = r->o->ops->reward_low, high = r->o->ops->reward_high;
	if (!parse_scaled(s, r->o->reward_scale, reward) || *reward < (float)low || *reward > (float)high)
		return false;
	*reward = (float)((double)*reward * r->o->reward_scale); /* as train.c does */
	return true;
}

static bool parse_action(const struct reader *r, const char *s, int *action)
{
	int64_t x;
	if (!parse_whole(s, &x) || x < 0 || x >= r->o->ops->n_actions)
		return false;
	*action = (int)x;
	return true;
}

static bool parse_cell(struct reader *r, const struct column *c)
{
	const size_t n_actions = (size_t)r->o->ops->n_actions;
	struct row *row = r->now;
	switch (c->kind) {
	case OBS:
		return parse_obs(r, c->index, c->cell, row->obs);
	case NEXT_OBS:
		return parse_obs(r, c->index, c->cell, row->next_obs);
	case ACTION:
		return parse_action(r, c->cell, &row->action);
	case REWARD:
		return parse_reward(r, c->cell, &row->result.reward);
	case TERMINATED:
		return parse_flag(c->cell, &row->result.terminated);
	case TRUNCATED:
		return parse_flag(c->cell, &row->result.truncated);
	case EPISODE:
		return parse_whole(c->cell, &row->episode);
	case STEP:
		return parse_whole(c->cell, &row->step);
	case MASK:
		return parse_mask(c->cell, n_actions, row->mask);
	case NEXT_MASK:
		return parse_mask(c->cell, n_actions, row->next_mask);
	default:
		return true;
	}
}

/* --- the header --- */

static void column_name(int kind, size_t index, char buf[32])
{
	if (is_list(kind))
		snprintf(buf, 32, "%s%zu", transition_columns[kind].name, index);
	else
		snprintf(buf, 32, "%s", transition_columns[kind].name);
}

/* "episode, step, obs_0 to obs_3, action ..." */
static void add_known(const struct env_ops *ops, struct text *t)
{
	for (int kind = 0; kind < N_KINDS; kind++) {
		const size_t n = n_columns(ops, kind);
		char first[32], last[32];
		if (n == 0)
			continue;
		column_name(kind, 0, first);
		column_name(kind, n - 1, last);
		text_add(t, "%s%s", kind == 0 ? "" : ", ", first);
		if (n > 1)
			text_add(t, " to %s", last);
	}
}

/* Sets the kind and the index of a column from its name in the first line; false if no column has that name. */
static bool find_column(const struct env_ops *ops, struct column *c)
{
	for (int kind = 0; kind < N_KINDS; kind++) {
		const size_t len = strlen(transition_columns[kind].name);
		const char *digits = c->cell + len;
		if (strncmp(c->cell, transition_columns[kind].name, len) != 0 || (*digits != '\0') != is_list(kind) ||
			strlen(digits) > 5 || digits[strspn(digits, "0123456789")] != '\0')
			continue;
		c->kind = kind;
		c->index = *digits ? strtoul(digits, NULL, 10) : 0;
		return c->index < n_columns(ops, kind);
	}
	return false;
}

static size_t place(const struct env_ops *ops, const struct column *c)
{
	size_t n = c->index;
	for (int kind = 0; kind < c->kind; kind++)
		n += n_columns(ops, kind);
	return n;
}

static bool add_column(struct reader *r, struct column *c, struct err *e)
{
	const struct env_ops *ops = r->o->ops;
	if (!find_column(ops, c)) {
		char buf[400];
		struct text known = text_into(buf, sizeof(buf));
		add_known(ops, &known);
		return lines_error(
			&r->lines, e, "no column of %.63s is called '%.40s'; they are %s", ops->id, c->cell, buf);
	}
	uint8_t *has = &r->has[place(ops, c)];
	if (*has)
		return lines_error(&r->lines, e, "two columns are called '%s'", c->cell);
	*has = 1;
	r->has_kind[c->kind] = true;
	return true;
}

static bool check_columns(const struct reader *r, struct err *e)
{
	const uint8_t *has = r->has;
	for (int kind = 0; kind < N_KINDS; kind++) {
		const bool goes_with_next_obs = kind == NEXT_OBS || kind == NEXT_MASK;
		const bool is_optional = kind == EPISODE || kind == STEP || kind == TRUNCATED || kind == Q ||
					 (goes_with_next_obs && !r->has_kind[NEXT_OBS]);
		for (size_t i = 0; i < n_columns(r->o->ops, kind); i++, has++) {
			char name[32];
			column_name(kind, i, name);
			if (!*has && !is_optional)
				return lines_error(&r->lines, e, "no column is called '%s'", name);
		}
	}
	return !r->has_kind[NEXT_MASK] || r->has_kind[NEXT_OBS] ||
	       lines_error(&r->lines, e, "'next_mask' goes with next_obs_0 and so on");
}

static bool take_header(struct reader *r, char *line, struct err *e)
{
	const bool has_mark = strncmp(line, "\xef\xbb\xbf", 3) == 0; /* a byte order mark */
	r->n = split(r, has_mark ? line + 3 : line);
	for (size_t i = 0; i < r->n; i++) /* one of too many is unknown or there twice */
		if (!add_column(r, &r->column[i], e))
			return false;
	return check_columns(r, e);
}

/* --- a line --- */

/* The values that a cell may have. */
static void add_wanted(const struct reader *r, int kind, struct text *t)
{
	const struct env_ops *ops = r->o->ops;
	char low[TEXT_REAL_SIZE], high[TEXT_REAL_SIZE];
	if (kind == ACTION)
		text_add(t, "an action, 0 to %d", ops->n_actions - 1);
	else if (kind == TERMINATED || kind == TRUNCATED)
		text_add(t, "0 or 1");
	else if (kind == EPISODE || kind == STEP)
		text_add(t, "a whole number of up to 2^53");
	else if (kind == MASK || kind == NEXT_MASK)
		text_add(t, "%d digits 0 or 1", ops->n_actions);
	else
		text_add(t, "a finite number");
	if (kind == REWARD && (isfinite(ops->reward_low) || isfinite(ops->reward_high)))
		text_add(t, " within the environment's %s..%s", text_real(ops->reward_low, low),
			text_real(ops->reward_high, high));
}

static bool bad_cell(const struct reader *r, const struct column *c, struct err *e)
{
	char name[32], buf[160];
	struct text wanted = text_into(buf, sizeof(buf));
	add_wanted(r, c->kind, &wanted);
	column_name(c->kind, c->index, name);
	return lines_error(&r->lines, e, "column '%s': '%.40s' is not %s", name, c->cell, buf);
}

/* All cells into r->now. */
static bool parse_line(struct reader *r, char *line, struct err *e)
{
	const bool has_cells = line[0] != '\0';
	const size_t n = split(r, line);
	size_t n_empty = 0, n_filled = 0; /* of those that may be empty */
	if (n != r->n)
		return lines_error(&r->lines, e, "%zu cells; the first line names %zu", has_cells ? n : 0, r->n);
	for (const struct column *c = r->column; c < r->column + r->n; c++) {
		const bool is_of_step =
			c->kind == ACTION || c->kind == REWARD || c->kind == TERMINATED || c->kind == TRUNCATED;
		const bool is_optional = is_of_step && !r->has_kind[NEXT_OBS];
		const bool is_empty = is_optional && c->cell[0] == '\0';
		if (!is_empty && !parse_cell(r, c))
			return bad_cell(r, c, e);
		n_empty += is_empty;
		n_filled += is_optional && !is_empty;
	}
	r->now->has_step = n_empty == 0;
	return n_empty == 0 || n_filled == 0 ||
	       lines_error(&r->lines, e, "action, reward and flags are all there or all empty");
}

static bool check_masks(const struct reader *r, struct err *e)
{
	const struct row *row = r->now;
	if (!r->o->ops->has_masks || !row->has_step)
		return true;
	if (!row->mask[row->action])
		return lines_error(&r->lines, e, "column 'action': the mask does not allow %d", row->action);
	return !r->has_kind[NEXT_MASK] || row->result.terminated || row->result.truncated ||
	       memchr(row->next_mask, 1, (size_t)r->o->ops->n_actions) ||
	       lines_error(&r->lines, e, "column 'next_mask' allows no action, and the episode has not ended");
}

/* --- steps --- */

/* True if by its cells r->now comes right after the line before, whether or not that ended the episode. */
static bool is_adjacent(const struct reader *r)
{
	const struct row *a = r->before, *b = r->now;
	const size_t obs_dim = (size_t)r->o->ops->obs_dim, mask_dim = env_mask_dim(r->o->ops);
	bool same = a->episode == b->episode && (!r->has_kind[STEP] || b->step == a->step + 1);
	for (size_t i = 0; same && r->has_kind[NEXT_OBS] && i < obs_dim; i++)
		same = a->next_obs[i] == b->obs[i];
	for (size_t i = 0; same && r->has_kind[NEXT_OBS] && i < mask_dim; i++)
		same = a->next_mask[i] == b->mask[i];
	return same;
}

static void push(struct reader *r, const struct row *row, const float *next_obs, const uint8_t *next_mask)
{
	if (r->found->n_stored++ < (int64_t)r->replay->buffer_size)
		replay_push(r->replay, row->obs, row->mask, row->action, row->result.reward, next_obs, next_mask,
			row->result.terminated, row->result.truncated);
}

/* A log: the step of the line before, which `next`, or nothing, followed. */
static void store_before(struct reader *r, const struct row *next)
{
	struct row *row = r->before;
	if (next) {
		push(r, row, next->obs, next->mask);
	} else if (row->result.terminated) { /* no target looks at what followed */
		memset(row->next_mask, 0, (size_t)r->o->ops->n_actions);
		push(r, row, row->obs, row->next_mask);
	} else {
		r->found->n_left_out++;
		replay_cut(r->replay);
	}
}

static bool take_line(struct reader *r, char *line, struct err *e)
{
	struct row *const now = r->now, *const before = r->before;
	if (!parse_line(r, line, e) || !check_masks(r, e))
		return false;
	const bool follows = r->n_rows++ > 0 && is_adjacent(r);
	if (r->has_kind[NEXT_OBS]) {
		if (!follows)
			replay_cut(r->replay);
		push(r, now, now->next_obs, now->next_mask);
	} else if (r->n_rows > 1 && before->has_step) {
		const bool has_ended = before->result.terminated || before->result.truncated;
		const bool is_next = follows && !(has_ended && now->has_step);
		store_before(r, is_next ? now : NULL);
		if (!now->has_step)
			replay_cut(r->replay);
	}
	r->now = before;
	r->before = now;
	return true;
}

static bool read_lines(struct reader *r, struct err *e)
{
	char *line;
	do {
		if (!lines_next(&r->lines, &line, e))
			return false;
		if (line && r->lines.is_cut)
			return lines_error(&r->lines, e, "the last line has no end: is the rest of the file missing?");
		if (line && !(r->lines.n == 1 ? take_header(r, line, e) : take_line(r, line, e)))
			return false;
	} while (line);
	if (r->lines.n == 0)
		return lines_error(&r->lines, e, "the file is empty; its first line names the columns");
	if (!r->has_kind[NEXT_OBS] && r->n_rows > 0 && r->before->has_step)
		store_before(r, NULL); /* the last step of the file */
	replay_cut(r->replay);
	return true;
}

/* --- memory --- */

static size_t most_line(const struct env_ops *ops)
{
	return LINES_PIECE + transition_size(ops);
}

/* Of two rows and of the columns. */
static size_t rows_bytes(const struct env_ops *ops)
{
	const size_t obs_dim = (size_t)ops->obs_dim, n_actions = (size_t)ops->n_actions;
	return (n_all_columns(ops) + 1) * (sizeof(struct column) + 1) + 4 * obs_dim * sizeof(float) + 4 * n_actions;
}

uint64_t transitions_bytes(const struct env_ops *ops)
{
	return rows_bytes(ops) + most_line(ops) + LINES_PIECE + 1;
}

static bool reader_init(struct reader *r, int fd, const char *name, struct err *e)
{
	const struct env_ops *ops = r->o->ops;
	const size_t obs_dim = (size_t)ops->obs_dim, n_actions = (size_t)ops->n_actions;
	r->memory = memory_zeroed(rows_bytes(ops));
	if (!r->memory)
		return err_set(e, ERR_RUN, "out of memory reading '%.500s'", name);
	r->column = r->memory;
	float *obs = (float *)(void *)(r->column + n_all_columns(ops) + 1);
	uint8_t *mask = (uint8_t *)(obs + 4 * obs_dim);
	for (int i = 0; i < 2; i++) {
		r->rows[i].obs = obs + (size_t)(2 * i) * obs_dim;
		r->rows[i].next_obs = r->rows[i].obs + obs_dim;
		r->rows[i].mask = mask + (size_t)(2 * i) * n_actions;
		r->rows[i].next_mask = r->rows[i].mask + n_actions;
	}
	r->has = mask + 4 * n_actions;
	r->now = &r->rows[0];
	r->before = &r->rows[1];
	if (!lines_init(&r->lines, fd, name, ":", most_line(ops), e))
		return false;
	sha256_init(&r->sha256);
	r->lines.sha256 = &r->sha256;
	return true;
}

static bool check_sha256(struct reader *r, struct err *e)
{
	char hex[SHA256_HEX_SIZE];
	sha256_hex(&r->sha256, hex);
	return !r->o->sha256 || strcmp(hex, r->o->sha256) == 0 ||
	       err_set(e, ERR_RUN, "'%.500s' has changed while it was read", r->lines.name);
}

bool transitions_read(int fd, const char *name, const struct transitions_opts *o, struct replay *r,
	struct transitions_found *found, struct err *e)
{
	struct reader reader = { .o = o, .replay = r, .found = found };
	*found = (struct transitions_found){ 0 };
	bool ok = reader_init(&reader, fd, name, e) && read_lines(&reader, e) && check_sha256(&reader, e);
	if (ok && found->n_stored == 0)
		ok = err_set(e, ERR_CORRUPT, "'%.500s' has no transition", name);
	if (ok && found->n_stored > (int64_t)r->buffer_size)
		ok = err_set(e, ERR_USAGE,
			"'%.500s' has %" PRId64 " transitions, but buffer_size = %zu: raise it, or give fewer", name,
			found->n_stored, r->buffer_size);
	lines_release(&reader.lines);
	free(reader.memory);
	return ok;
}
