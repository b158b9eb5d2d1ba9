#include "run/layers.h"

#include "base/pmath.h"
#include "base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- names --- */

/* Bytes of a name without the ":0" of TensorFlow. */
static size_t name_len(const char *name)
{
	const size_t n = strlen(name);
	return n > 2 && strcmp(name + n - 2, ":0") == 0 ? n - 2 : n;
}

static bool is_separator(char c)
{
	return c == '.' || c == '/';
}

/* Bytes before the last word, its separator included. */
static size_t stem_len(const char *name)
{
	size_t n = name_len(name);
	while (n > 0 && !is_separator(name[n - 1]))
		n--;
	return n;
}

static bool ends_in(const char *name, const char *word)
{
	const size_t stem = stem_len(name), n = name_len(name) - stem;
	return n == strlen(word) && strncmp(name + stem, word, n) == 0;
}

/* The words of the stem, one after the other, in lower case; long ones are cut. */
static bool next_word(const char **s, const char *end, char word[32])
{
	size_t n = 0;
	while (*s < end && is_separator(**s))
		(*s)++;
	for (; *s < end && !is_separator(**s); (*s)++)
		if (n < 31)
			word[n++] = (char)tolower((unsigned char)**s);
	word[n] = '\0';
	return n > 0;
}

/* Of a name with words of several roles the last of these. */
enum role { TRUNK, Q, VALUE, ADVANTAGE, LEFT_OUT };

static enum role role_of_word(const char *word)
{
	const size_t n = strlen(word);
	if (strstr(word, "target") || strcmp(word, "old") == 0 || (n > 4 && strcmp(word + n - 4, "_old") == 0))
		return LEFT_OUT;
	if (strncmp(word, "value", 5) == 0 || strcmp(word, "v") == 0)
		return VALUE;
	if (strncmp(word, "adv", 3) == 0 || strcmp(word, "a") == 0)
		return ADVANTAGE;
	return strcmp(word, "q") == 0 ? Q : TRUNK;
}

static enum role role_of(const struct st_tensor *t)
{
	const char *s = t->name, *end = s + name_len(s);
	char word[32];
	enum role role = TRUNK;
	if (t->n_dims == 0)
		return LEFT_OUT;
	while (next_word(&s, end, word)) {
		const enum role found = role_of_word(word);
		role = found > role ? found : role;
	}
	return role;
}

/* A number in a name and the '_' before it. */
static const char *skip_number(const char *s, const char *end, uint64_t *number)
{
	const char *at = s + (s + 1 < end && *s == '_' && isdigit((unsigned char)s[1]));
	*number = 0;
	if (at == end || !isdigit((unsigned char)*at))
		return s;
	for (*number = 1; at < end && isdigit((unsigned char)*at); at++) /* 1: after no number */
		*number = *number < UINT64_MAX / 20 ? *number * 10 + (uint64_t)(*at - '0') : *number;
	return at;
}

/* Below, above or 0 where the names are equal but for numbers, by these; else 0, too. */
static int by_number(const struct layer *a, const struct layer *b)
{
	const char *s = a->weight->name, *t = b->weight->name;
	const char *s_end = s + stem_len(s), *t_end = t + stem_len(t);
	int order = 0;
	while (s < s_end || t < t_end) {
		uint64_t x, y;
		const char *s_next = skip_number(s, s_end, &x), *t_next = skip_number(t, t_end, &y);
		if (x != y && order == 0)
			order = x < y ? -1 : 1;
		if (x != 0 || y != 0) {
			s = s_next;
			t = t_next;
		} else if (s == s_end || t == t_end || *s++ != *t++) {
			return 0;
		}
	}
	return order;
}

/* --- errors --- */

/* ERR_CORRUPT: what is wrong and, as far as there is room, the tensors. */
ERR_PRINTF(3, 4)
static bool refuse(const struct st_file *st, struct err *e, const char *fmt, ...)
{
	char list[480], what[160];
	va_list args;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	int i = 0;
	struct text t = text_into(list, sizeof(list));
	for (; i < st->n_tensors; i++) {
		const struct st_tensor *tensor = &st->tensor[i];
		const size_t before = t.len;
		text_add(&t, "%s%.64s (", i ? ", " : "", tensor->name);
		for (int d = 0; d < tensor->n_dims && d < ST_MAX_DIMS; d++)
			text_add(&t, "%s%" PRIu64, d ? "," : "", tensor->shape[d]);
		text_add(&t, tensor->n_dims > ST_MAX_DIMS ? ",...)" : ")");
		if (t.full || t.len > sizeof(list) - 32) {
			list[before] = '\0';
			break;
		}
	}
	char more[32] = "";
	if (i < st->n_tensors)
		snprintf(more, sizeof(more), ", and %d more", st->n_tensors - i);
	return st_corrupt(st, e, "%s; it has %s%s", what, st->n_tensors ? list : "no tensors", more);
}

/* --- layers --- */

/* The tensor with the stem of t's name and that last word, or NULL. */
static const struct st_tensor *find_beside(const struct st_file *st, const struct st_tensor *t, const char *word)
{
	const size_t stem = stem_len(t->name);
	for (int i = 0; i < st->n_tensors; i++) {
		const char *name = st->tensor[i].name;
		if (ends_in(name, word) && stem_len(name) == stem && strncmp(name, t->name, stem) == 0)
			return &st->tensor[i];
	}
	return NULL;
}

static bool is_float(const struct st_tensor *t)
{
	return t->type == ST_F32 || t->type == ST_F64 || t->type == ST_F16 || t->type == ST_BF16;
}

static bool is_size(uint64_t n)
{
	return n >= 1 && n <= NET_MAX_ENDS;
}

/* The layer of a matrix. */
static bool layer_of(struct layer *l, const struct st_file *st, const struct st_tensor *t, struct err *e)
{
	const struct st_tensor *bias = find_beside(st, t, "bias");
	const bool is_kernel = ends_in(t->name, "kernel");
	if (t->n_dims != 2 || !(is_kernel || ends_in(t->name, "weight")))
		return refuse(st, e, "'%.64s' is not of a dense layer", t->name);
	const uint64_t in = t->shape[is_kernel ? 0 : 1], out = t->shape[is_kernel ? 1 : 0];
	if (!is_size(in) || !is_size(out) || !is_float(t))
		return refuse(st, e, "'%.64s' has a size or type that no layer has", t->name);
	if (bias && (bias->n_dims != 1 || bias->shape[0] != out || !is_float(bias)))
		return refuse(st, e, "'%.64s' does not fit its bias", t->name);
	*l = (struct layer){ .weight = t, .bias = bias, .in = (size_t)in, .out = (size_t)out, .is_kernel = is_kernel };
	return true;
}

/* --- their order --- */

struct search {
	const struct layer *layer; /* (n) */
	int n, order[MAX_LAYERS], found[MAX_LAYERS];
	bool used[MAX_LAYERS];
	size_t out; /* where the chain ends */
	int n_found, n_tries;
};

/* Whether layer i may come next: each that its name puts before it has been used. */
static bool may_follow(const struct search *s, int i)
{
	for (int k = 0; k < s->n; k++)
		if (!s->used[k] && k != i && by_number(&s->layer[k], &s->layer[i]) < 0)
			return false;
	return true;
}

/* Counts the orders that continue after n_used layers with a width of `in`; more than one, and
 * more than can be tried, are two. */
static void search(struct search *s, int n_used, size_t in)
{
	const int most_tries = 100000;
	if (s->n_tries++ == most_tries)
		s->n_found = 2;
	if (n_used == s->n && in == s->out && s->n_found++ == 0)
		memcpy(s->found, s->order, sizeof(s->found));
	for (int i = 0; i < s->n && s->n_found < 2; i++) {
		if (s->used[i] || s->layer[i].in != in || !may_follow(s, i))
			continue;
		s->used[i] = true;
		s->order[n_used] = i;
		search(s, n_used + 1, s->layer[i].out);
		s->used[i] = false;
	}
}

/* Puts the layers (n) into the one order that leads from in to out; how many there are, 0 to 2:
 * then they stay as they were. */
static int arrange(struct layer *layers, int n, size_t in, size_t out)
{
	struct layer sorted[MAX_LAYERS];
	struct search s = { .layer = layers, .n = n, .out = out };
	search(&s, 0, in);
	for (int i = 0; s.n_found == 1 && i < n; i++)
		sorted[i] = layers[s.found[i]];
	if (s.n_found == 1)
		memcpy(layers, sorted, (size_t)n * sizeof(*layers));
	return s.n_found;
}

/* Heads of one layer or two, each as wide as the other, after the same layer. */
static bool arrange_heads(struct layers *f, size_t in, size_t out, size_t width, size_t share)
{
	if (f->n_value != f->n_advantage || f->n_value > 2 || (f->n_value == 2 && share != 1) ||
		arrange(f->trunk, f->n_trunk, in, share * width) != 1 || arrange(f->value, f->n_value, width, 1) != 1 ||
		arrange(f->advantage, f->n_advantage, width, out) != 1)
		return false;
	return f->n_value == 1 || f->value[0].out == f->advantage[0].out;
}

/* How many widths of the layer before the heads there can be: it is width, or 2 * width if each
 * head sees half of it. */
static int arrange_dueling(struct layers *f, size_t in, size_t out)
{
	const struct layers as_given = *f;
	int n_found = 0;
	for (int i = 0; i < f->n_value && i < 2; i++)
		for (size_t share = 1; share <= 2; share++) {
			struct layers attempt = as_given;
			if ((i > 0 && as_given.value[1].in == as_given.value[0].in) ||
				!arrange_heads(&attempt, in, out, as_given.value[i].in, share))
				continue;
			*f = attempt;
			n_found++;
		}
	return n_found;
}

/* --- the network --- */

/* Sorts the tensors into layers, of the trunk or a head. */
static bool collect(struct layers *f, const struct st_file *st, struct err *e)
{
	int n = 0, n_of[LEFT_OUT + 1] = { 0 };
	for (int i = 0; i < st->n_tensors; i++)
		n_of[role_of(&st->tensor[i])]++;
	if (st->n_tensors - n_of[LEFT_OUT] >= 2 * MAX_LAYERS)
		return refuse(st, e, "more tensors than a network has");
	const enum role second = n_of[ADVANTAGE] ? ADVANTAGE : Q;
	f->shape.dueling = n_of[VALUE] > 0 && n_of[second] > 0;
	for (int i = 0; i < st->n_tensors; i++) {
		const struct st_tensor *t = &st->tensor[i];
		const enum role role = role_of(t);
		if (role == LEFT_OUT ||
			(ends_in(t->name, "bias") && (find_beside(st, t, "weight") || find_beside(st, t, "kernel"))))
			continue;
		if (n++ == MAX_LAYERS)
			return refuse(st, e, "more layers than a network has");
		struct layer *l = !f->shape.dueling || (role != VALUE && role != second) ? &f->trunk[f->n_trunk++]
				  : role == VALUE                                        ? &f->value[f->n_value++]
						  : &f->advantage[f->n_advantage++];
		if (!layer_of(l, st, t, e))
			return false;
	}
	return true;
}

/* The widths of the hidden layers. */
static bool find_shape(struct layers *f, const struct st_file *st, struct err *e)
{
	struct net_shape *shape = &f->shape;
	const int n_in_trunk = shape->dueling ? f->n_trunk : f->n_trunk - 1;
	const bool is_deep = f->n_value == 2; /* the heads are */
	shape->n_hidden = n_in_trunk + is_deep;
	if (shape->n_hidden > NET_MAX_HIDDEN)
		return refuse(st, e, "more than %d hidden layers", NET_MAX_HIDDEN);
	for (int i = 0; i < shape->n_hidden; i++) {
		size_t width = i < n_in_trunk ? f->trunk[i].out : f->value[0].out;
		if (shape->dueling && !is_deep && i == n_in_trunk - 1)
			width = f->value[0].in;
		if (width > NET_MAX_WIDTH)
			return refuse(st, e, "a hidden layer is wider than %d", NET_MAX_WIDTH);
		shape->hidden[i] = (int)width;
	}
	return true;
}

bool layers_find(struct layers *f, const struct st_file *st, enum activation activation, int n_inputs, int n_outputs,
	struct err *e)
{
	const size_t in = (size_t)n_inputs, out = (size_t)n_outputs;
	*f = (struct layers){ .shape = { .n_inputs = n_inputs, .n_outputs = n_outputs, .activation = activation } };
	if (!collect(f, st, e))
		return false;
	const int n_found = f->shape.dueling ? arrange_dueling(f, in, out)
			    : f->n_trunk > 0 ? arrange(f->trunk, f->n_trunk, in, out)
					     : 0;
	if (n_found == 1)
		return find_shape(f, st, e);
	return refuse(st, e, "its layers lead %s from %d observations to %d actions",
		n_found > 1 ? "in more than one order" : "in no order", n_inputs, n_outputs);
}

/* --- values --- */

static bool get(const struct st_file *st, const struct st_tensor *t, size_t i, float *to, struct err *e)
{
	const double x = st_value(t, i);
	if (!pm_fits_float(x))
		return st_corrupt(st, e, "'%.64s' has a value that is not finite as a float", t->name);
	*to = (float)x;
	return true;
}

/* Into the columns of m from `column` on. */
static bool load_layer(const struct st_file *st, const struct layer *l, const struct linear *m, size_t column,
	float *params, struct err *e)
{
	float *w = params + m->w + column, *b = params + m->b + column;
	for (size_t i = 0; i < l->in; i++)
		for (size_t o = 0; o < l->out; o++)
			if (!get(st, l->weight, l->is_kernel ? i * l->out + o : o * l->in + i, &w[i * m->out + o], e))
				return false;
	for (size_t o = 0; o < l->out; o++) {
		b[o] = 0;
		if (l->bias && !get(st, l->bias, o, &b[o], e))
			return false;
	}
	return true;
}

bool layers_load(const struct layers *f, const struct net *net, const struct st_file *st, float *params, struct err *e)
{
	int n = 0;
	struct linear m;
	for (int i = 0; i < f->n_trunk; i++) {
		m = net_linear(net, n++);
		if (!load_layer(st, &f->trunk[i], &m, 0, params, e))
			return false;
		/* Where both heads see the same layer, it is there twice, once for each. */
		if (m.out == 2 * f->trunk[i].out && !load_layer(st, &f->trunk[i], &m, f->trunk[i].out, params, e))
			return false;
	}
	if (!f->shape.dueling)
		return true;
	if (f->n_value == 2) {
		m = net_linear(net, n++);
		if (!load_layer(st, &f->value[0], &m, 0, params, e) ||
			!load_layer(st, &f->advantage[0], &m, f->value[0].out, params, e))
			return false;
	}
	const struct linear value = net_linear(net, n), advantage = net_linear(net, n + 1);
	return load_layer(st, &f->value[f->n_value - 1], &value, 0, params, e) &&
	       load_layer(st, &f->advantage[f->n_advantage - 1], &advantage, 0, params, e);
}
