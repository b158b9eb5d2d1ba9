#include "cli/cli.h"
#include "cli/children.h"
#include "cli/table.h"

#include "run/inputs.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { UPDATE, ROWS, JSON };
static const struct flag trace_flags[] = {
	[UPDATE] = { "update", '\0', FLAG_SEED, "N", "the update to show, from 1 on; needed" },
	[ROWS] = { "rows", '\0', FLAG_COUNT, "R", "transitions to show (default 4)" },
	[JSON] = { "json", '\0', FLAG_SWITCH, NULL, "print every number, of all rows and weights" },
	{ .name = NULL },
};

/* --- what is shown: columns of numbers, a row for each transition or for each parameter --- */

enum stage {
	MINIBATCH,
	VALUES,
	TARGETS,
	LOSS,
	GRADIENT,
	CLIPPING,
	ADAM,
	WEIGHTS,
	SYNC,
	PRIORITY,
	N_STAGES,
	ONLY_JSON = N_STAGES
};

static const char *const titles[N_STAGES] = {
	[MINIBATCH] = "Minibatch: reward = r[0] + gamma r[1] + ..., discount = gamma^steps, 0 if terminated",
	[VALUES] = "Q values: q = Q(s,.), next_q = Q(s',.), next_q_target = Q_target(s',.)",
	[TARGETS] = "TD target: y = reward + discount Q_target(s', best_action), the argmax of ",
	[LOSS] = "Loss: mean of weight * loss(d), d = Q(s,a) - y; d_q = weight * derivative / batch_size, ",
	[GRADIENT] = "Gradient, where it is largest in each tensor, beside the central difference of the loss",
	[CLIPPING] = "Clipping: scale = min(1, max_grad_norm / (norm + 1e-6))",
	[ADAM] = "Adam: g = scale * gradient, m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2",
	[WEIGHTS] = "Weights: step = -step_size m / (sqrt(v) rsqrt_bias2 + eps)",
	[SYNC] = "Target network: if due, target = tau after + (1 - tau) target",
	[PRIORITY] = "Priorities of the next updates: (|td_error| + per_eps)^per_alpha",
};

/* The size of a column: one or several numbers for each transition; or one for each parameter, or for each
 * parameter that is shown. */
enum shape { ONE, OBS, ACTIONS, STEPS, PARAMETER, SHOWN, N_SHAPES };
enum need { NOTHING, N_STEPS, MASKS, MIRROR, DUELING, PRIORITIZED, AVERAGE, N_NEEDS };

/* Each column: its name in the output, where it is shown, its shape, when it is there. */
#define COLUMNS(C)                                                       \
	C(SLOT, "slot", MINIBATCH, ONE, NOTHING)                         \
	C(ACTION, "action", MINIBATCH, ONE, NOTHING)                     \
	C(REWARD, "reward", MINIBATCH, ONE, NOTHING)                     \
	C(DISCOUNT, "discount", MINIBATCH, ONE, NOTHING)                 \
	C(TERMINATED, "terminated", MINIBATCH, ONE, NOTHING)             \
	C(TRUNCATED, "truncated", MINIBATCH, ONE, NOTHING)               \
	C(REWARDS, "r", MINIBATCH, STEPS, N_STEPS)                       \
	C(PRIORITY_BEFORE, "priority", MINIBATCH, ONE, PRIORITIZED)      \
	C(PROBABILITY, "probability", MINIBATCH, ONE, PRIORITIZED)       \
	C(WEIGHT, "weight", MINIBATCH, ONE, PRIORITIZED)                 \
	C(MIRRORED, "mirrored", MINIBATCH, ONE, MIRROR)                  \
	C(STATE, "obs", MINIBATCH, OBS, NOTHING)                         \
	C(NEXT_STATE, "next_obs", MINIBATCH, OBS, NOTHING)               \
	C(MASK, "mask", MINIBATCH, ACTIONS, MASKS)                       \
	C(NEXT_MASK, "next_mask", MINIBATCH, ACTIONS, MASKS)             \
	C(Q, "q", VALUES, ACTIONS, NOTHING)                              \
	C(V, "value", VALUES, ONE, DUELING)                              \
	C(A, "advantage", VALUES, ACTIONS, DUELING)                      \
	C(NEXT_Q, "next_q", VALUES, ACTIONS, NOTHING)                    \
	C(NEXT_Q_TARGET, "next_q_target", VALUES, ACTIONS, NOTHING)      \
	C(BEST_ACTION, "best_action", TARGETS, ONE, NOTHING)             \
	C(Y, "y", TARGETS, ONE, NOTHING)                                 \
	C(TD_ERROR, "td_error", LOSS, ONE, NOTHING)                      \
	C(ROW_LOSS, "loss", LOSS, ONE, NOTHING)                          \
	C(DERIVATIVE, "derivative", LOSS, ONE, NOTHING)                  \
	C(D_Q, "d_q", LOSS, ONE, NOTHING)                                \
	C(PRIORITY_AFTER, "priority_after", PRIORITY, ONE, PRIORITIZED)  \
	C(BEFORE, "before", GRADIENT, PARAMETER, NOTHING)                \
	C(GRAD, "gradient", GRADIENT, PARAMETER, NOTHING)                \
	C(CENTRAL, "central_difference", GRADIENT, SHOWN, NOTHING)       \
	C(LOW, "low", ONLY_JSON, SHOWN, NOTHING)                         \
	C(HIGH, "high", ONLY_JSON, SHOWN, NOTHING)                       \
	C(LOSS_LOW, "loss_low", ONLY_JSON, SHOWN, NOTHING)               \
	C(LOSS_HIGH, "loss_high", ONLY_JSON, SHOWN, NOTHING)             \
	C(M_BEFORE, "m_before", ADAM, PARAMETER, NOTHING)                \
	C(V_BEFORE, "v_before", ADAM, PARAMETER, NOTHING)                \
	C(M, "m", ADAM, PARAMETER, NOTHING)                              \
	C(V2, "v", ADAM, PARAMETER, NOTHING)                             \
	C(STEP, "step", WEIGHTS, PARAMETER, NOTHING)                     \
	C(AFTER, "after", WEIGHTS, PARAMETER, NOTHING)                   \
	C(AVERAGE_BEFORE, "average_before", WEIGHTS, PARAMETER, AVERAGE) \
	C(AVERAGE_AFTER, "average_after", WEIGHTS, PARAMETER, AVERAGE)   \
	C(TARGET_BEFORE, "target_before", SYNC, PARAMETER, NOTHING)      \
	C(TARGET_AFTER, "target_after", SYNC, PARAMETER, NOTHING)

#define ID(id, name, stage, shape, need) id,
#define DESCRIBE(id, name, stage, shape, need) { name, stage, shape, need },
enum { COLUMNS(ID) N_COLUMNS };
static const struct {
	const char *name;
	enum stage stage;
	enum shape shape;
	enum need need;
} columns[] = { COLUMNS(DESCRIBE) };

enum { MAX_SHOWN = 2 * (NET_MAX_LAYERS + 1), MAX_SCALARS = 32 };

struct trace {
	uint64_t update;
	struct train train;
	volatile sig_atomic_t stop; /* the update is over */
	size_t width[N_SHAPES];
	bool has[N_NEEDS];
	double *column[N_COLUMNS]; /* (rows or parameters, width); parameters in PyTorch's order */
	size_t n_shown;
	struct shown { /* a parameter: in PyTorch's order, in a block */
		size_t at, block;
		size_t index; /* in its tensor */
		char name[64];
	} shown[MAX_SHOWN];
	int n_scalars;
	struct scalar {
		const char *name;
		enum stage stage;
		double value;
	} scalar[MAX_SCALARS];
	float *params; /* (n_params) before the update, in the order of a block */
};

static bool allocate(struct trace *tr, struct err *e)
{
	const struct train *t = &tr->train;
	const struct config *c = &t->config;
	const struct net *net = &t->agent.policy.net;
	const size_t n_steps = (size_t)config_most_n_steps(c);
	const size_t width[N_SHAPES] = { 1, t->batch.obs_dim, (size_t)net->dim[net->n_layers], n_steps, 1, 1 };
	const bool has[N_NEEDS] = { true, n_steps > 1, t->mask != NULL, t->mirror_obs != NULL, c->dueling,
		c->prioritized, c->ema_decay > 0 };
	memcpy(tr->width, width, sizeof(width));
	memcpy(tr->has, has, sizeof(has));
	tr->params = calloc(net->n_params, sizeof(*tr->params));
	bool ok = tr->params != NULL;
	for (int i = 0; i < N_COLUMNS; i++) {
		const enum shape shape = columns[i].shape;
		const size_t n_rows = shape < PARAMETER ? t->batch.size : net->n_params;
		tr->column[i] = calloc(n_rows * width[shape], sizeof(double));
		ok = ok && tr->column[i];
	}
	return ok || err_set(e, ERR_RUN, "out of memory for a trace");
}

/* --- the numbers of an update: before it, and after it --- */

static void put_floats(struct trace *tr, int column, const float *x)
{
	const size_t n = tr->train.batch.size * tr->width[columns[column].shape];
	for (size_t i = 0; i < n; i++)
		tr->column[column][i] = x[i];
}

/* From the order of a block to PyTorch's. */
static void put_params(struct trace *tr, int column, const float *block)
{
	const struct net *net = &tr->train.agent.policy.net;
	double *to = tr->column[column];
	for (int l = 0; l < net_n_linear(net); l++) {
		const struct linear m = net_linear(net, l);
		for (size_t j = 0; j < m.out; j++) {
			to[m.b + j] = block[m.b + j];
			for (size_t i = 0; i < m.in; i++)
				to[m.w + j * m.in + i] = block[m.w + i * m.out + j];
		}
	}
}

/* The stored transitions that row i is made of. */
static void look_at_row(struct trace *tr, size_t i)
{
	const struct replay *r = &tr->train.replay;
	const struct batch *b = &tr->train.batch;
	const size_t newest = (size_t)(r->next > 0 ? r->next : r->buffer_size) - 1;
	const size_t n = tr->width[STEPS], n_actions = tr->width[ACTIONS];
	size_t at = b->slot[i];
	for (size_t k = 0; k < n; k++)
		tr->column[REWARDS][i * n + k] = (double)NAN;
	for (size_t k = 0; k < (size_t)tr->train.update.n_steps; k++) {
		const size_t bytes = at * r->n_bytes;
		tr->column[REWARDS][i * n + k] = r->reward[at * r->n_words];
		tr->column[TERMINATED][i] = r->terminated[bytes];
		tr->column[TRUNCATED][i] = r->truncated[bytes];
		if (r->terminated[bytes] || r->truncated[bytes] || at == newest)
			break;
		at = at + 1 < r->buffer_size ? at + 1 : 0;
	}
	tr->column[SLOT][i] = b->slot[i];
	tr->column[ACTION][i] = b->action[i];
	tr->column[MIRRORED][i] = b->mirrored[i];
	if (r->prioritized) {
		tr->column[PRIORITY_BEFORE][i] = sum_tree_get(&r->tree, b->slot[i]);
		tr->column[PROBABILITY][i] = tr->column[PRIORITY_BEFORE][i] / sum_tree_total(&r->tree);
	}
	for (size_t k = i * n_actions; b->mask && k < (i + 1) * n_actions; k++) {
		tr->column[MASK][k] = b->mask[k];
		tr->column[NEXT_MASK][k] = b->next_mask[k];
	}
}

static void look_before(struct trace *tr)
{
	struct agent *a = &tr->train.agent;
	const struct batch *b = &tr->train.batch;
	const struct net *net = &a->policy.net;
	const struct kernels *k = a->policy.k;
	for (size_t i = 0; i < b->size; i++)
		look_at_row(tr, i);
	put_floats(tr, REWARD, b->reward);
	put_floats(tr, DISCOUNT, b->discount);
	put_floats(tr, WEIGHT, b->weight);
	put_floats(tr, STATE, b->obs);
	put_floats(tr, NEXT_STATE, b->next_obs);
	const float *q = net_forward(net, k, a->target, b->next_obs, b->size, a->work);
	put_floats(tr, NEXT_Q_TARGET, q);
	q = net_forward(net, k, a->online, b->next_obs, b->size, a->work);
	put_floats(tr, NEXT_Q, q);
	q = net_forward(net, k, a->online, b->obs, b->size, a->work);
	put_floats(tr, Q, q);
	if (net->dueling) {
		q += b->size * tr->width[ACTIONS];
		put_floats(tr, V, q);
		put_floats(tr, A, q + b->size);
	}
	memcpy(tr->params, a->online, net->n_params * sizeof(*tr->params));
	put_params(tr, BEFORE, a->online);
	put_params(tr, TARGET_BEFORE, a->target);
	put_params(tr, AVERAGE_BEFORE, a->average);
	put_params(tr, M_BEFORE, a->m);
	put_params(tr, V_BEFORE, a->v);
}

static void look_after(struct trace *tr)
{
	const struct agent *a = &tr->train.agent;
	const struct batch *b = &tr->train.batch;
	const struct replay *r = &tr->train.replay;
	const size_t n = tr->width[ACTIONS];
	put_floats(tr, Y, a->target_q);
	put_floats(tr, TD_ERROR, a->td_error);
	for (size_t i = 0; i < b->size; i++) {
		const size_t taken = i * n + (size_t)b->action[i];
		tr->column[BEST_ACTION][i] = a->best_action[i];
		tr->column[D_Q][i] = a->d_out[taken];
		tr->column[ROW_LOSS][i] = agent_loss_of(
			a->opts.loss, tr->column[Q][taken] - (double)a->target_q[i], &tr->column[DERIVATIVE][i]);
		if (r->prioritized)
			tr->column[PRIORITY_AFTER][i] = sum_tree_get(&r->tree, b->slot[i]);
	}
	put_params(tr, GRAD, a->grad);
	put_params(tr, M, a->m);
	put_params(tr, V2, a->v);
	put_params(tr, AFTER, a->online);
	put_params(tr, AVERAGE_AFTER, a->average);
	for (size_t i = 0; i < a->policy.net.n_params; i++)
		tr->column[STEP][i] = tr->column[AFTER][i] - tr->column[BEFORE][i];
}

static void add_scalar(struct trace *tr, enum stage stage, const char *name, double value)
{
	tr->scalar[tr->n_scalars++] = (struct scalar){ name, stage, value };
}

static void look(void *arg, const struct train *t, bool learned)
{
	struct trace *tr = arg;
	const uint64_t update = t->agent.adam.t + (learned ? 0 : 1);
	if (update != tr->update)
		return;
	if (learned) {
		look_after(tr);
		tr->stop = 1;
		return;
	}
	look_before(tr);
	const struct replay *r = &t->replay;
	add_scalar(tr, MINIBATCH, "gamma", t->config.gamma);
	add_scalar(tr, MINIBATCH, "n_steps", t->update.n_steps);
	add_scalar(tr, MINIBATCH, "stored", (double)r->count);
	add_scalar(tr, MINIBATCH, "newest", (double)((r->next > 0 ? r->next : r->buffer_size) - 1));
	if (r->prioritized) {
		add_scalar(tr, MINIBATCH, "beta", t->update.beta);
		add_scalar(tr, MINIBATCH, "priority_total", sum_tree_total(&r->tree));
	}
}

/* After the update of the weights and of the target network. */
static void add_rest(struct trace *tr)
{
	const struct train *t = &tr->train;
	const struct config *c = &t->config;
	const struct adam *adam = &t->agent.adam;
	if (c->clip_targets) {
		add_scalar(tr, TARGETS, "target_low", t->agent.opts.target_low);
		add_scalar(tr, TARGETS, "target_high", t->agent.opts.target_high);
	}
	add_scalar(tr, LOSS, "mean_loss", t->update.stats.loss);
	add_scalar(tr, LOSS, "q_mean", t->update.stats.q_mean);
	add_scalar(tr, LOSS, "y_mean", t->update.stats.y_mean);
	add_scalar(tr, CLIPPING, "norm", t->update.stats.grad_norm);
	add_scalar(tr, CLIPPING, "max_grad_norm", c->max_grad_norm);
	add_scalar(tr, CLIPPING, "scale", adam->coef.grad_scale);
	add_scalar(tr, ADAM, "beta1", adam->beta1);
	add_scalar(tr, ADAM, "beta2", adam->beta2);
	add_scalar(tr, ADAM, "t", (double)adam->t);
	add_scalar(tr, WEIGHTS, "learning_rate", t->update.learning_rate);
	add_scalar(tr, WEIGHTS, "step_size", adam->coef.step_size);
	add_scalar(tr, WEIGHTS, "rsqrt_bias2", adam->coef.rsqrt_bias2);
	add_scalar(tr, WEIGHTS, "eps", adam->eps);
	add_scalar(tr, SYNC, "step_of_run", (double)t->timesteps);
	add_scalar(tr, SYNC, "target_update_interval", (double)c->target_update_interval);
	add_scalar(tr, SYNC, "tau", c->tau);
	add_scalar(tr, SYNC, "due", t->phase != PHASE_LEARN && t->timesteps % c->target_update_interval == 0);
	if (c->prioritized)
		add_scalar(tr, PRIORITY, "max_priority", t->replay.max_priority);
	put_params(tr, TARGET_AFTER, t->agent.target);
}

/* --- central differences --- */

/* The loss with parameter s at x, by the code that trains. */
static double loss_at(struct trace *tr, const struct shown *s, float x)
{
	struct learn_stats stats = { 0 };
	struct err ignored;
	const float keep = tr->params[s->block];
	tr->params[s->block] = x;
	const bool ok = agent_loss(&tr->train.agent, &tr->train.batch, tr->params, &stats, &ignored);
	tr->params[s->block] = keep;
	return ok ? stats.loss : (double)NAN;
}

static void add_shown(struct trace *tr, const struct linear *m, bool is_bias, const char *layer)
{
	const float *grad = tr->train.agent.grad + (is_bias ? m->b : m->w);
	const size_t n = is_bias ? m->out : m->in * m->out;
	struct shown *s = &tr->shown[tr->n_shown++];
	size_t best = 0;
	for (size_t i = 1; i < n; i++)
		best = fabsf(grad[i]) > fabsf(grad[best]) ? i : best;
	const size_t in = best / m->out, out = best % m->out;
	s->block = (is_bias ? m->b : m->w) + best;
	s->index = is_bias ? best : out * m->in + in;
	s->at = (is_bias ? m->b : m->w) + s->index;
	if (is_bias)
		snprintf(s->name, sizeof(s->name), "%s.bias[%zu]", layer, best);
	else
		snprintf(s->name, sizeof(s->name), "%s.weight[%zu,%zu]", layer, out, in);
	/* Wide enough for the rounding of a loss in float, narrow enough for few kinks of ReLU. */
	const float h = 0x1p-10f * fmaxf(1, fabsf(tr->params[s->block]));
	const float low = tr->params[s->block] - h, high = tr->params[s->block] + h;
	const double loss_low = loss_at(tr, s, low), loss_high = loss_at(tr, s, high);
	tr->column[LOW][s->at] = low;
	tr->column[HIGH][s->at] = high;
	tr->column[LOSS_LOW][s->at] = loss_low;
	tr->column[LOSS_HIGH][s->at] = loss_high;
	tr->column[CENTRAL][s->at] = (loss_high - loss_low) / ((double)high - low);
}

static void choose_shown(struct trace *tr)
{
	const struct net *net = &tr->train.agent.policy.net;
	for (int l = 0; l < net_n_linear(net); l++) {
		char layer[WEIGHTS_LAYER_SIZE];
		const struct linear m = net_linear(net, l);
		const char *of = weights_layer(net, l, layer);
		add_shown(tr, &m, false, of);
		add_shown(tr, &m, true, of);
	}
}

/* --- as text --- */

enum { CELLS = 6 }; /* side by side: 6 significant digits each fit 100 columns */

static const char *brief(double x, char buf[TEXT_REAL_SIZE])
{
	const double whole_below = 1e12;
	snprintf(buf, TEXT_REAL_SIZE, x == floor(x) && fabs(x) < whole_below ? "%.0f" : "%.6g", x);
	return isnan(x) ? "-" : buf;
}

static size_t n_cells(const struct trace *tr, int column)
{
	const size_t width = tr->width[columns[column].shape];
	return width < CELLS ? width : CELLS;
}

/* The columns in `which` side by side. */
static bool put_table(const struct trace *tr, const int *which, int n, size_t n_rows, struct err *e)
{
	struct table t = { 0 };
	char buf[TEXT_REAL_SIZE], name[64];
	const bool of_rows = columns[which[0]].shape < PARAMETER;
	table_column(&t, of_rows ? "row" : "parameter", TABLE_TEXT);
	for (int i = 0; i < n; i++)
		for (size_t k = 0; k < n_cells(tr, which[i]); k++) {
			const enum shape shape = columns[which[i]].shape;
			const bool is_one = shape == ONE || shape >= PARAMETER;
			snprintf(name, sizeof(name), is_one ? "%s" : "%s[%zu]", columns[which[i]].name, k);
			table_column(&t, name, TABLE_NUMBER);
		}
	for (size_t row = 0; row < n_rows; row++) {
		snprintf(name, sizeof(name), "%zu", row);
		table_add(&t, "%s", of_rows ? name : tr->shown[row].name);
		for (int i = 0; i < n; i++) {
			const double *x = tr->column[which[i]];
			x += (of_rows ? row : tr->shown[row].at) * tr->width[columns[which[i]].shape];
			for (size_t k = 0; k < n_cells(tr, which[i]); k++)
				table_add(&t, "%s", brief(x[k], buf));
		}
	}
	const bool ok = table_print(&t, TABLE_ALIGNED, e);
	table_release(&t);
	return ok;
}

static void put_title(const struct trace *tr, enum stage stage)
{
	const struct config *c = &tr->train.config;
	char buf[TEXT_REAL_SIZE];
	printf("\n%s", titles[stage]);
	if (stage == TARGETS)
		printf("%s(s',.)%s", c->double_q ? "Q" : "Q_target", c->clip_targets ? ", clipped" : "");
	if (stage == LOSS)
		printf("%s", loss_names[c->loss]);
	putchar('\n');
	for (int i = 0, n = 0; i < tr->n_scalars; i++)
		if (tr->scalar[i].stage == stage)
			printf("%s%s = %s", n++ ? ", " : "  ", tr->scalar[i].name, brief(tr->scalar[i].value, buf));
	putchar('\n');
}

static bool put_stage(const struct trace *tr, enum stage stage, size_t n_rows, struct err *e)
{
	int which[N_COLUMNS], n = 0;
	size_t cells = 0;
	put_title(tr, stage);
	for (int i = 0; i <= N_COLUMNS; i++) {
		const bool is_last = i == N_COLUMNS;
		if (!is_last && (columns[i].stage != stage || !tr->has[columns[i].need]))
			continue;
		const bool fits = !is_last && cells + n_cells(tr, i) <= CELLS;
		if (n > 0 && !fits) {
			const bool of_rows = columns[which[0]].shape < PARAMETER;
			if (!put_table(tr, which, n, of_rows ? n_rows : tr->n_shown, e))
				return false;
			n = 0;
			cells = 0;
		}
		if (!is_last) {
			which[n++] = i;
			cells += n_cells(tr, i);
		}
	}
	return true;
}

static bool print_text(const struct trace *tr, size_t n_rows, struct err *e)
{
	const struct train *t = &tr->train;
	bool ok = true;
	printf("%s, seed %" PRIu64 ": update %" PRIu64 ", in step %" PRId64 " of %" PRId64 "; %zu of %zu transitions\n",
		t->env.ops->id, t->config.seed, tr->update, t->timesteps, t->config.total_timesteps, n_rows,
		t->batch.size);
	for (int stage = 0; ok && stage < N_STAGES; stage++)
		if (stage != PRIORITY || t->config.prioritized)
			ok = put_stage(tr, (enum stage)stage, n_rows, e);
	return ok;
}

/* --- as JSON --- */

static void put_json_real(const char *before, double x)
{
	char buf[TEXT_REAL_SIZE];
	struct text t = text_into(buf, sizeof(buf));
	text_add_json_real(&t, x);
	printf("%s%s", before, buf);
}

/* n numbers from x on, in lists of `width` unless that is 0 */
static void put_json_list(const char *name, const double *x, size_t n, size_t width)
{
	printf(",\"%s\":", name);
	for (size_t i = 0; i < n; i++) {
		const bool begins = width > 0 && i % width == 0;
		put_json_real(i == 0 ? begins ? "[[" : "[" : begins ? ",[" : ",", x[i]);
		printf(width > 0 && i % width == width - 1 ? "]" : "");
	}
	putchar(']');
}

/* n transitions or, from the first one on, parameters */
static void put_json_columns(const struct trace *tr, bool of_parameters, size_t first, size_t n)
{
	for (int i = 0; i < N_COLUMNS; i++) {
		const enum shape shape = columns[i].shape;
		const size_t width = tr->width[shape];
		const bool has_lists = shape == OBS || shape == ACTIONS || shape == STEPS;
		if (tr->has[columns[i].need] && shape != SHOWN && of_parameters == (shape == PARAMETER))
			put_json_list(columns[i].name, tr->column[i] + first, n * width, has_lists ? width : 0);
	}
}

static void put_json_parameters(const struct trace *tr)
{
	const struct net *net = &tr->train.agent.policy.net;
	for (int l = 0; l < net_n_linear(net); l++) {
		char layer[WEIGHTS_LAYER_SIZE];
		const struct linear m = net_linear(net, l);
		const char *of = weights_layer(net, l, layer);
		printf("%s{\"name\":\"%s.weight\",\"shape\":[%zu,%zu]", l ? "," : "", of, m.out, m.in);
		put_json_columns(tr, true, m.w, m.in * m.out);
		printf("},{\"name\":\"%s.bias\",\"shape\":[%zu]", of, m.out);
		put_json_columns(tr, true, m.b, m.out);
		putchar('}');
	}
}

static void print_config(const struct config *c)
{
	static char value[CONFIG_VALUE_SIZE];
	for (const struct option *o = config_options; o->key; o++) {
		struct text text = text_into(value, sizeof(value));
		config_print_value(c, o, &text);
		printf(o == config_options ? "" : ",");
		table_put_json_member(o->key, value, TABLE_VALUE);
	}
}

static void print_json(const struct trace *tr)
{
	printf("{\"config\":{");
	print_config(&tr->train.config);
	printf("},\"update\":%" PRIu64, tr->update);
	for (int i = 0; i < tr->n_scalars; i++) {
		printf(",\"%s\"", tr->scalar[i].name);
		put_json_real(":", tr->scalar[i].value);
	}
	printf(",\"batch\":{\"size\":%zu", tr->train.batch.size);
	put_json_columns(tr, false, 0, tr->train.batch.size);
	printf("},\"parameters\":[");
	put_json_parameters(tr);
	printf("],\"shown\":[");
	for (size_t i = 0; i < tr->n_shown; i++) {
		const struct shown *s = &tr->shown[i];
		printf("%s{\"name\":\"%s\",\"tensor\":\"%.*s\",\"index\":%zu", i ? "," : "", s->name,
			(int)strcspn(s->name, "["), s->name, s->index);
		for (int k = 0; k < N_COLUMNS; k++)
			if (columns[k].shape == SHOWN) {
				printf(",\"%s\"", columns[k].name);
				put_json_real(":", tr->column[k][s->at]);
			}
		putchar('}');
	}
	printf("]}\n");
}

/* --- the command --- */

/* Updates of the run unless it stops earlier. */
static uint64_t n_updates(const struct train *t)
{
	const struct config *c = &t->config;
	const int64_t wanted = c->learning_starts - t->preloaded, most = c->total_timesteps;
	const int64_t starts = wanted < 0 ? 0 : wanted < most ? wanted : most;
	const uint64_t rounds = (uint64_t)(c->total_timesteps / c->train_freq - starts / c->train_freq);
	const uint64_t each = (uint64_t)config_updates_per_round(c);
	return each > 0 && rounds > UINT64_MAX / each ? UINT64_MAX : rounds * each;
}

static bool check_update(uint64_t n, uint64_t most, const char *why, struct err *e)
{
	if (most == 0)
		return err_set(
			e, ERR_USAGE, "this run has no update: see learning_starts, train_freq and gradient_steps");
	return (n >= 1 && n <= most) ||
	       err_set(e, ERR_USAGE, "--update %" PRIu64 ": this run has the updates 1 to %" PRIu64 "%s", n, most, why);
}

/* Trains until the update is over. An error after it does not matter. */
static bool reach(struct trace *tr, struct err *e)
{
	struct train *t = &tr->train;
	char why[80] = "";
	struct progress p;
	bool ok = true;
	progress_init_count(&p, "updates");
	t->stop = &tr->stop;
	t->look = look;
	t->look_arg = tr;
	while (ok && !(t->events & TRAIN_FINISHED) && !tr->stop) {
		ok = train_step(t, e) || tr->stop;
		progress_tell(&p, (int64_t)t->agent.adam.t, (int64_t)tr->update);
	}
	progress_end(&p);
	if (!ok)
		return false;
	if (t->stopped)
		snprintf(why, sizeof(why), "; stop_return ended it at step %" PRId64, t->timesteps);
	return tr->stop || check_update(tr->update, t->agent.adam.t, why, e);
}

static bool trace(struct trace *tr, struct children *ch, const struct config *c, const struct inputs *in,
	const struct args *args, struct err *e)
{
	const struct kernels *k = choose_kernels(e);
	struct transitions_found preloaded;
	if (!k || !train_init(&tr->train, c, k, e) || !run_preload(&tr->train, in, &preloaded, e) ||
		!check_update(tr->update, n_updates(&tr->train), "", e))
		return false;
	if (in->weights.params)
		train_set_weights(&tr->train, in->weights.params);
	if (config_is_process(c))
		train_set_processes(&tr->train, &ch->process[CHILD_TRAIN], &ch->process[CHILD_EVAL]);
	if (!allocate(tr, e) || !reach(tr, e))
		return false;
	add_rest(tr);
	choose_shown(tr);
	const size_t wanted = args->flag[ROWS].set ? (size_t)args->flag[ROWS].count : 4;
	const size_t n_rows = wanted < tr->train.batch.size ? wanted : tr->train.batch.size;
	if (!args->flag[JSON].set)
		return print_text(tr, n_rows, e);
	print_json(tr);
	return true;
}

/* Opens the files that the configuration names, and starts its child process. */
static bool open_inputs(
	struct children *ch, struct inputs *in, struct config *c, const struct args *args, struct err *e)
{
	static struct report report;
	report_init(&report);
	return load_inputs(in, c, args->pos[0], NULL, NULL, e) &&
	       (!config_is_process(c) || (children_start(ch, c, N_CHILDREN, e) && check_env(c, true, e))) &&
	       inputs_parse(in, c, &report, e);
}

static bool cmd_trace(const struct args *args, struct err *e)
{
	static struct trace tr;
	static struct children children;
	static struct inputs inputs;
	static struct config c;
	if (!args->flag[UPDATE].set)
		return err_set(e, ERR_USAGE, "'trace' needs --update N");
	tr.update = args->flag[UPDATE].seed;
	if (!load_config(&c, args, true, true, e))
		return false;
	const bool ok = open_inputs(&children, &inputs, &c, args, e) && trace(&tr, &children, &c, &inputs, args, e);
	for (int i = 0; i < N_COLUMNS; i++)
		free(tr.column[i]);
	free(tr.params);
	train_release(&tr.train);
	inputs_release(&inputs);
	children_stop(&children);
	return ok;
}

const struct command command_trace = {
	.name = "trace",
	.synopsis = "CONFIG [key=value ...] --update N [--rows R] [--json]",
	.summary = "show one update of a run, number by number",
	.details = "The run is trained up to update N as dqn train does it, but nothing is written. Then the update "
		   "is shown in the order of the algorithm: the minibatch, the Q values of both networks, the TD "
		   "targets, the loss, the gradient beside a central difference, clipping, Adam, the weights "
		   "after it, and the target network if it is due. The parameters shown are those with the "
		   "largest gradient in each tensor, named as in PyTorch; vectors are cut after 6 numbers. --json "
		   "has all rows, all parameters and every digit.",
	.examples = "dqn trace cartpole --update 1\n"
		    "dqn trace cartpole double_q=true n_steps=3 --update 500 --rows 8\n"
		    "dqn trace cartpole seed=7 --update 1000 --json > update.json\n",
	.flags = trace_flags,
	.statuses = (const int[]){ 0, 1, 2, 4, 5, 7, -1 },
	.min_args = 1,
	.max_args = -1,
	.run = cmd_trace,
};
