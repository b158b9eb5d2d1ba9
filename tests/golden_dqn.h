/* tests/golden/adam_dqn.txt: 20 DQN updates by PyTorch in float, and the same in double,
 * restated here. What PyTorch is off from the double says how far a float may be:
 *
 *     const struct golden_dqn *g = golden_load();
 *     golden_check(got, torch->w20, exact->w20, N_PARAMS);
 */
#ifndef DQN_TESTS_GOLDEN_DQN_H
#define DQN_TESTS_GOLDEN_DQN_H

#include "fixtures.h"

enum { BATCH = 32, N_UPDATES = 20, N_OBS = 4, N_HIDDEN = 24, N_ACTIONS = 2, N_PARAMS = 770 };

struct golden_batch {
	float obs[BATCH][N_OBS], reward[BATCH], next_obs[BATCH][N_OBS];
	int action[BATCH];
	bool terminated[BATCH];
};

struct golden_log { /* of one update */
	double loss, grad_norm, mean_q, mean_y;
};

/* In the layout of struct net: grad1 before clipping; w1 after update 1. */
struct golden_variant {
	struct golden_log log[N_UPDATES];
	double grad1[N_PARAMS], w1[N_PARAMS], w20[N_PARAMS], m20[N_PARAMS], v20[N_PARAMS];
};

/* [0]: mean squared error; [1]: Huber, Double DQN and clipping to a norm of 10 */
struct golden_dqn {
	struct net net; /* 4-24-24-2 */
	double online0[N_PARAMS], target[N_PARAMS];
	struct golden_batch batch[N_UPDATES];
	struct golden_variant torch[2], exact[2];
};

/* --- reading: words in their order --- */

static inline bool golden_word(FILE *f, char word[100])
{
	while (fscanf(f, "%99s", word) == 1) {
		if (word[0] != '#')
			return true;
		if (fscanf(f, "%*[^\n]") == EOF)
			break;
	}
	word[0] = '\0';
	return false;
}

static inline void golden_expect(FILE *f, const char *wanted)
{
	char word[100];
	golden_word(f, word);
	CHECK_STR(word, wanted);
}

static inline double golden_real(FILE *f)
{
	char word[100], *end;
	golden_word(f, word);
	const double x = strtod(word, &end);
	return end != word && *end == '\0' ? x : (double)NAN;
}

/* "TAG Wl out in" and the rows of W (out,in), then "TAG bl out" and the bias, of each layer. */
static inline void golden_block(FILE *f, const char *tag, const struct net *net, double *block)
{
	for (int l = 0; l < net->n_layers; l++)
		for (int bias = 0; bias < 2; bias++) {
			const int n_out = net->dim[l + 1], n_in = bias ? 1 : net->dim[l];
			double *p = block + (bias ? net->b[l] : net->w[l]);
			char name[20];
			snprintf(name, sizeof(name), "%c%d", bias ? 'b' : 'W', l + 1);
			golden_expect(f, tag);
			golden_expect(f, name);
			CHECK(golden_real(f) == n_out);
			CHECK(bias || golden_real(f) == n_in);
			for (int o = 0; o < n_out; o++)
				for (int i = 0; i < n_in; i++)
					p[i * n_out + o] = golden_real(f);
		}
}

static inline void golden_read_batch(FILE *f, int number, struct golden_batch *b)
{
	golden_expect(f, "batch");
	CHECK(golden_real(f) == number);
	for (int i = 0; i < BATCH; i++) {
		for (int c = 0; c < N_OBS; c++)
			b->obs[i][c] = (float)golden_real(f);
		b->action[i] = (int)golden_real(f);
		b->reward[i] = (float)golden_real(f);
		for (int c = 0; c < N_OBS; c++)
			b->next_obs[i][c] = (float)golden_real(f);
		b->terminated[i] = golden_real(f) != 0;
	}
}

static inline void golden_read_variant(FILE *f, const char *name, const struct net *net, struct golden_variant *v)
{
	const struct {
		const char *tag;
		double *block;
	} blocks[] = { { "grad1", v->grad1 }, { "w1", v->w1 }, { "w20", v->w20 }, { "m20", v->m20 },
		{ "v20", v->v20 } };
	char tag[30];
	snprintf(tag, sizeof(tag), "%s.log", name);
	golden_expect(f, tag);
	CHECK(golden_real(f) == N_UPDATES);
	for (int i = 0; i < N_UPDATES; i++) {
		CHECK(golden_real(f) == i + 1);
		v->log[i].loss = golden_real(f);
		v->log[i].grad_norm = golden_real(f);
		v->log[i].mean_q = golden_real(f);
		v->log[i].mean_y = golden_real(f);
	}
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		snprintf(tag, sizeof(tag), "%s.%s", name, blocks[i].tag);
		golden_block(f, tag, net, blocks[i].block);
	}
}

/* --- the same in double --- */

/* act[0] is x, act[l + 1] the output of layer l. */
static inline void exact_forward(const struct net *net, const double *params, const float *x, double act[4][N_HIDDEN])
{
	for (int i = 0; i < N_OBS; i++)
		act[0][i] = (double)x[i];
	for (int l = 0; l < net->n_layers; l++) {
		const int in = net->dim[l], out = net->dim[l + 1];
		for (int o = 0; o < out; o++) {
			double y = params[net->b[l] + (size_t)o];
			for (int i = 0; i < in; i++)
				y += act[l][i] * params[net->w[l] + (size_t)(i * out + o)];
			act[l + 1][o] = l + 1 < net->n_layers && y < 0 ? 0 : y;
		}
	}
}

/* Adds to grad what d_q at the action's output gives. */
static inline void exact_backward(
	const struct net *net, const double *params, double act[4][N_HIDDEN], int action, double d_q, double *grad)
{
	double dy[N_HIDDEN] = { 0 };
	dy[action] = d_q;
	for (int l = net->n_layers - 1; l >= 0; l--) {
		const int in = net->dim[l], out = net->dim[l + 1];
		double dx[N_HIDDEN] = { 0 };
		for (int o = 0; o < out; o++) {
			grad[net->b[l] + (size_t)o] += dy[o];
			for (int i = 0; i < in; i++) {
				const size_t at = net->w[l] + (size_t)(i * out + o);
				grad[at] += act[l][i] * dy[o];
				dx[i] += act[l][i] > 0 ? params[at] * dy[o] : 0;
			}
		}
		memcpy(dy, dx, sizeof(dy));
	}
}

static inline void exact_run(const struct golden_dqn *g, bool huber, struct golden_variant *v)
{
	const struct net *net = &g->net;
	double w[N_PARAMS], m[N_PARAMS] = { 0 }, s[N_PARAMS] = { 0 };
	memcpy(w, g->online0, sizeof(w));
	for (int t = 1; t <= N_UPDATES; t++) {
		const struct golden_batch *b = &g->batch[t - 1];
		struct golden_log *log = &v->log[t - 1];
		double grad[N_PARAMS] = { 0 }, squares = 0;
		*log = (struct golden_log){ 0 };
		for (int i = 0; i < BATCH; i++) {
			double act[4][N_HIDDEN], next[4][N_HIDDEN], rated[4][N_HIDDEN];
			exact_forward(net, huber ? w : g->target, b->next_obs[i], next);
			exact_forward(net, g->target, b->next_obs[i], rated);
			const int best = next[3][1] > next[3][0];
			const double y = (double)b->reward[i] + (b->terminated[i] ? 0 : 0.99 * rated[3][best]);
			exact_forward(net, w, b->obs[i], act);
			const double q = act[3][b->action[i]], d = q - y, size = fabs(d);
			const bool linear = huber && size >= 1;
			log->loss += (linear ? size - 0.5 : huber ? d * d / 2 : d * d) / BATCH;
			log->mean_q += q / BATCH;
			log->mean_y += y / BATCH;
			exact_backward(net, w, act, b->action[i],
				(linear         ? d / size
					: huber ? d
						: 2 * d) /
					BATCH,
				grad);
		}
		for (int i = 0; i < N_PARAMS; i++)
			squares += grad[i] * grad[i];
		log->grad_norm = sqrt(squares);
		const double clip = huber ? fmin(1, 10 / (log->grad_norm + 1e-6)) : 1;
		if (t == 1)
			memcpy(v->grad1, grad, sizeof(grad));
		for (int i = 0; i < N_PARAMS; i++) {
			const double d = clip * grad[i];
			m[i] = 0.9 * m[i] + (1 - 0.9) * d;
			s[i] = 0.999 * s[i] + (1 - 0.999) * d * d;
			w[i] -= 1e-3 * (m[i] / (1 - pow(0.9, t))) / (sqrt(s[i] / (1 - pow(0.999, t))) + 1e-8);
		}
		if (t == 1)
			memcpy(v->w1, w, sizeof(w));
	}
	memcpy(v->w20, w, sizeof(w));
	memcpy(v->m20, m, sizeof(m));
	memcpy(v->v20, s, sizeof(s));
}

/* --- */

/* NULL where the file is missing. */
static inline const struct golden_dqn *golden_load(void)
{
	static struct golden_dqn g;
	static const int hidden[] = { N_HIDDEN, N_HIDDEN };
	g.net = net_of(N_OBS, hidden, 2, N_ACTIONS, ACTIVATION_RELU, false);
	CHECK_INT(g.net.n_params, N_PARAMS);
	FILE *f = fopen("tests/golden/adam_dqn.txt", "r");
	CHECK(f != NULL);
	if (!f)
		return NULL;
	golden_block(f, "online0", &g.net, g.online0);
	golden_block(f, "target", &g.net, g.target);
	for (int i = 0; i < N_UPDATES; i++)
		golden_read_batch(f, i, &g.batch[i]);
	golden_read_variant(f, "mse", &g.net, &g.torch[0]);
	golden_read_variant(f, "huber", &g.net, &g.torch[1]);
	char word[100];
	CHECK(!golden_word(f, word));
	fclose(f);
	for (int i = 0; i < 2; i++)
		exact_run(&g, i == 1, &g.exact[i]);
	return &g;
}

/* block (N_PARAMS) of floats, as the learner holds it */
static inline void golden_floats(const double *from, float *block)
{
	for (int i = 0; i < N_PARAMS; i++)
		block[i] = (float)from[i];
}

/* Both sizes below 1 and, relatively, above: off from exact by no more than twice what PyTorch
 * is at its worst, or by 1e-6. PyTorch and the restatement are of the same update. */
static inline void golden_check(const float *got, const double *torch, const double *exact, int n)
{
	double limit = 1e-6;
	for (int i = 0; i < n; i++) {
		const double off = fabs(torch[i] - exact[i]) / fmax(1, fabs(exact[i]));
		CHECK(off < 1e-5);
		limit = fmax(limit, 2 * off);
	}
	for (int i = 0; i < n; i++)
		CHECK_NEAR(got[i], exact[i], limit * fmax(1, fabs(exact[i])));
}

static inline void golden_check_log(
	const struct golden_log got[N_UPDATES], const struct golden_variant *torch, const struct golden_variant *exact)
{
	enum { N = sizeof(struct golden_log) / sizeof(double) };
	double columns[3][N_UPDATES][N];
	memcpy(columns[0], got, sizeof(columns[0]));
	memcpy(columns[1], torch->log, sizeof(columns[1]));
	memcpy(columns[2], exact->log, sizeof(columns[2]));
	for (int c = 0; c < N; c++) {
		float x[N_UPDATES];
		double want[N_UPDATES], truth[N_UPDATES];
		for (int i = 0; i < N_UPDATES; i++) {
			x[i] = (float)columns[0][i][c];
			want[i] = columns[1][i][c];
			truth[i] = columns[2][i][c];
		}
		golden_check(x, want, truth, N_UPDATES);
	}
}

/* After the last update. */
static inline void golden_check_end(const struct golden_log log[N_UPDATES], const float *online, const float *m,
	const float *v, const struct golden_variant *torch, const struct golden_variant *exact)
{
	golden_check_log(log, torch, exact);
	golden_check(online, torch->w20, exact->w20, N_PARAMS);
	golden_check(m, torch->m20, exact->m20, N_PARAMS);
	golden_check(v, torch->v20, exact->v20, N_PARAMS);
}

#endif
