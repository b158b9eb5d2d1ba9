/* Dueling networks (Wang et al., 2016, equation 9): hand-computed, against a naive
 * network in double whose gradient is checked by central differences, and through a
 * weights file.
 * tests/mutations lists mistakes that this file catches. */
#include "run/weights.h"

#include "base/safetensors.h"

#include "fixtures.h"

#include <stdlib.h>

static struct net make(int n_in, const int *hidden, int n_hidden, int n_out, enum activation act)
{
	return net_of(n_in, hidden, n_hidden, n_out, act, true);
}

/* --- by hand --- */

/* V = x0 - x1 + 0.5; A = (1,2,3) x0 + (4,5,6) x1 + (0,0,3) */
static void test_heads_on_the_inputs_by_hand(void)
{
	static const float params[] = { 1, -1, 0.5f, 1, 2, 3, 4, 5, 6, 0, 0, 3 };
	static const float x[] = { 1, 2, -1, 0 };
	/* V -0.5, A 9 12 18, mean 13; V -0.5, A -1 -2 0, mean -1 */
	static const float want[] = { -4.5f, -1.5f, 4.5f, -0.5f, -1.5f, 0.5f };
	const struct net net = make(2, NULL, 0, 3, ACTIVATION_RELU);
	CHECK_INT(net.n_params, 12);
	for (int s = 0; s < N_ISAS; s++) {
		const struct kernels *k = kernels_find(isas[s]);
		if (!k)
			continue;
		float *work = floats(net_work_size(&net, 2));
		const float *q = net_forward(&net, k, params, x, 2, work);
		CHECK(q == net_outputs(&net, 2, work));
		for (int i = 0; i < 6; i++)
			CHECK_NEAR(q[i], want[i], 1e-6);

		/* d (3,0,0), (0,-3,6): dV 3, 3; dA (2,-1,-1), (-1,-4,5) */
		static const float d[] = { 3, 0, 0, 0, -3, 6 };
		static const float want_grad[] = { 3 - 3, 6, 6, 2 + 1, -1 + 4, -1 - 5, 4, -2, -2, 1, -5, 4 };
		float grad[12];
		net_backward(&net, k, params, x, d, 2, work, grad);
		for (int i = 0; i < 12; i++)
			CHECK_NEAR(grad[i], want_grad[i], 1e-6);
		free(work);
	}
}

/* x 1 -> relu (1,2,3,4): V from (1,2), A from (3,4) */
static void test_each_head_has_its_half_of_the_last_hidden_layer(void)
{
	static const int hidden[] = { 2 };
	static const float params[] = { 1, 2, 3, 4, 0, 0, 0, 0, /* W (1,4), b */
		10, 100, 1,                                     /* value (2,1), b */
		1, 0, 0, 1, 0, 0 };                             /* advantage (2,2), b */
	static const float x = 1, d[] = { 1, 0 };
	const struct net net = make(1, hidden, 1, 2, ACTIVATION_RELU);
	const struct kernels *k = kernels_find(NULL);
	CHECK_INT(net.n_params, 17);
	float *work = floats(net_work_size(&net, 1)), grad[17];
	const float *q = net_forward(&net, k, params, &x, 1, work);
	CHECK_NEAR(q[0], 211 + 3 - 3.5, 0);
	CHECK_NEAR(q[1], 211 + 4 - 3.5, 0);

	/* dV 1, dA (1/2,-1/2); dh (10,100), (1/2,-1/2) */
	static const float want[] = { 10, 100, 0.5f, -0.5f, 10, 100, 0.5f, -0.5f, 1, 2, 1, 1.5f, -1.5f, 2, -2, 0.5f,
		-0.5f };
	net_backward(&net, k, params, &x, d, 1, work, grad);
	for (int i = 0; i < 17; i++)
		CHECK_NEAR(grad[i], want[i], 0);
	free(work);
}

/* One action has no advantage over others: Q = V. */
static void test_one_action_is_the_value_alone(void)
{
	static const float params[] = { 2, 1, 70, -9 }, x = 3, d = 1;
	const struct net net = make(1, NULL, 0, 1, ACTIVATION_RELU);
	float *work = floats(net_work_size(&net, 1)), grad[4];
	CHECK_NEAR(net_forward(&net, kernels_find(NULL), params, &x, 1, work)[0], 7, 0);
	net_backward(&net, kernels_find(NULL), params, &x, &d, 1, work, grad);
	CHECK_NEAR(grad[0], 3, 0);
	CHECK_NEAR(grad[1], 1, 0);
	CHECK_NEAR(grad[2], 0, 0);
	CHECK_NEAR(grad[3], 0, 0);
	free(work);
}

/* --- layout --- */

static void check_linear(const struct net *net, int i, size_t in, size_t out, size_t from, size_t w)
{
	const struct linear m = net_linear(net, i);
	CHECK_INT(m.in, in);
	CHECK_INT(m.out, out);
	CHECK_INT(m.from, from);
	CHECK_INT(m.w, w);
	CHECK_INT(m.b, w + in * out);
	CHECK_INT(net->w[i], w);
	CHECK_INT(net->b[i], w + in * out);
}

static void test_maps_lie_one_behind_the_other(void)
{
	static const int hidden[] = { 5, 7 };
	struct net net = make(3, hidden, 2, 2, ACTIVATION_TANH);
	CHECK(net.dueling && net.activation == ACTIVATION_TANH);
	CHECK_INT(net.n_layers, 3);
	CHECK_INT(net.dim[0], 3);
	CHECK_INT(net.dim[1], 5);
	CHECK_INT(net.dim[2], 14);
	CHECK_INT(net.dim[3], 2);
	CHECK_INT(net_n_linear(&net), 4);
	check_linear(&net, 0, 3, 5, 0, 0);
	check_linear(&net, 1, 5, 14, 0, 20);
	check_linear(&net, 2, 7, 1, 0, 20 + 84);
	check_linear(&net, 3, 7, 2, 7, 20 + 84 + 8);
	CHECK_INT(net.n_params, 20 + 84 + 8 + 16);

	net = make(4, NULL, 0, 3, ACTIVATION_RELU);
	CHECK_INT(net_n_linear(&net), 2);
	check_linear(&net, 0, 4, 1, 0, 0);
	check_linear(&net, 1, 4, 3, 0, 5);
	CHECK_INT(net.n_params, 5 + 15);

	net = net_of(3, hidden, 2, 2, ACTIVATION_RELU, false);
	CHECK_INT(net_n_linear(&net), 3);
	check_linear(&net, 0, 3, 5, 0, 0);
	check_linear(&net, 1, 5, 7, 0, 20);
	check_linear(&net, 2, 7, 2, 0, 62);
	CHECK_INT(net.n_params, 78);
}

static void test_largest_net_has_its_size(void)
{
	int hidden[NET_MAX_HIDDEN];
	for (int l = 0; l < NET_MAX_HIDDEN; l++)
		hidden[l] = NET_MAX_WIDTH;
	const struct net net = make(8, hidden, NET_MAX_HIDDEN, 4, ACTIVATION_RELU);
	const size_t wide = NET_MAX_WIDTH;
	CHECK_INT(net_n_linear(&net), NET_MAX_LAYERS + 1);
	CHECK_INT(net.n_params, 9 * wide + 6 * (wide + 1) * wide + (wide + 1) * 2 * wide + (wide + 1) + (wide + 1) * 4);
}

/* --- start values --- */

/* All maps: widths of hidden layers 6 and 4 + 4, heads of 4 inputs. */
static void test_start_values_by_map_in_pytorchs_order(void)
{
	static const int hidden[] = { 6, 40 };
	static const struct {
		int in, out;
	} maps[] = { { 3, 6 }, { 6, 80 }, { 40, 1 }, { 40, 30 } };
	const struct net net = make(3, hidden, 2, 30, ACTIVATION_RELU);
	float *params = floats(net.n_params);
	for (int init = WEIGHT_INIT_TORCH; init <= WEIGHT_INIT_LECUN_UNIFORM; init++) {
		struct rng rng, again;
		rng_init_stream(&rng, 9, 3);
		again = rng;
		net_init_params(&net, (enum weight_init)init, &rng, params);
		const float *p = params;
		for (int m = 0; m < 4; m++) {
			const int in = maps[m].in, out = maps[m].out;
			const double of[] = { 1. / in, 6. / (in + out), 6. / in, 3. / in };
			const double limit = sqrt(of[init]);
			double largest = 0;
			for (int o = 0; o < out; o++)
				for (int i = 0; i < in; i++) {
					const float w = (float)rng_uniform(&again, -limit, limit);
					CHECK_NEAR(p[i * out + o], w, 1e-7 * limit);
					largest = fmax(largest, fabs((double)p[i * out + o]));
				}
			CHECK(largest <= limit && largest > 0.9 * limit);
			p += in * out;
			for (int o = 0; o < out; o++)
				if (init == WEIGHT_INIT_TORCH)
					CHECK_NEAR(p[o], rng_uniform(&again, -limit, limit), 1e-7 * limit);
				else
					CHECK(p[o] == 0 && !signbit(p[o]));
			p += out;
		}
		CHECK_INT(p - params, net.n_params);
		CHECK(memcmp(&rng, &again, sizeof(rng)) == 0); /* not one draw more */
	}
	free(params);
}

static void test_lecun_uniform_has_variance_one_over_in(void)
{
	enum { IN = 300, OUT = 200 };
	static const int hidden[] = { OUT };
	CHECK_STR(weight_init_names[WEIGHT_INIT_LECUN_UNIFORM], "lecun_uniform");
	for (int dueling = 0; dueling < 2; dueling++) {
		struct net net;
		struct rng rng;
		net = net_of(IN, hidden, 1, 2, ACTIVATION_TANH, dueling);
		float *params = floats(net.n_params);
		rng_init(&rng, 17);
		net_init_params(&net, WEIGHT_INIT_LECUN_UNIFORM, &rng, params);
		const size_t n = IN * OUT;
		double squares = 0, largest = 0;
		for (size_t i = 0; i < n; i++) {
			squares += (double)params[i] * (double)params[i];
			largest = fmax(largest, fabs((double)params[i]));
		}
		/* x^2 of a uniform x varies by sqrt(4/5) of its mean: 5 deviations */
		CHECK_NEAR(squares / (double)n, 1. / IN, 5 * sqrt(0.8 / (double)n) / IN);
		CHECK(largest <= 0.1 && largest > 0.0999); /* sqrt(3/300) */
		free(params);
	}
}

/* --- rows, instruction sets, memory --- */

static void test_bits_depend_on_neither_batch_nor_instruction_set(void)
{
	enum { BATCH = 33, N_IN = 4, N_OUT = 5 };
	static const int hidden[] = { 50, 33, 7 };
	for (int variant = 0; variant < 8; variant++) {
		const struct net net = make(N_IN, hidden, variant / 2, N_OUT, (enum activation)(variant % 2));
		float *params = floats(net.n_params), x[BATCH * N_IN], d[BATCH * N_OUT];
		struct rng rng;
		rng_init(&rng, 6);
		fill_uniform(&rng, 0.5, net.n_params, params);
		fill_uniform(&rng, 2, BATCH * N_IN, x);
		fill_uniform(&rng, 1, BATCH * N_OUT, d);
		check_net_bits(&net, params, x, d, BATCH);
		free(params);
	}
}

/* A word behind the scratch memory stays, whatever layer is the widest. */
static void test_work_size_is_enough(void)
{
	static const struct {
		int n_in, n_hidden, hidden[3], n_out;
	} shapes[] = { { 3, 0, { 0 }, 40 }, { 40, 0, { 0 }, 2 }, { 2, 1, { 1 }, 30 }, { 2, 2, { 50, 3 }, 4 },
		{ 2, 2, { 3, 50 }, 4 }, { 1, 3, { 9, 60, 1 }, 1 } };
	const float canary = 0x1.23456p+7f;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		for (size_t batch = 1; batch <= 9; batch += 4) {
			const struct net net = make(
				shapes[i].n_in, shapes[i].hidden, shapes[i].n_hidden, shapes[i].n_out, ACTIVATION_RELU);
			const size_t size = net_work_size(&net, batch);
			float *work = floats(size + 4), *params = floats(net.n_params);
			float *x = floats(batch * 40), *grad = floats(net.n_params);
			struct rng rng;
			rng_init(&rng, 2);
			fill_uniform(&rng, 1, net.n_params, params);
			fill_uniform(&rng, 1, batch * 40, x);
			const size_t forward = net_forward_size(&net, batch);
			for (size_t c = forward; c < size + 4; c++)
				work[c] = canary;
			net_forward(&net, kernels_find(NULL), params, x, batch, work);
			for (size_t c = forward; c < size + 4; c++)
				CHECK(work[c] == canary);
			net_backward(&net, kernels_find(NULL), params, x, x, batch, work, grad);
			for (size_t c = 0; c < 4; c++)
				CHECK(work[size + c] == canary);
			free(work);
			free(params);
			free(x);
			free(grad);
		}
	const struct net net = make(2, NULL, 0, 2, ACTIVATION_RELU);
	CHECK_INT(net_work_size(&net, SIZE_MAX), 0);
	CHECK_INT(net_work_size(&net, SIZE_MAX / 8), 0);
}

/* --- the gradient ---
 *
 * The loss is the sum of d * Q; the naive network in double knows nothing of
 * struct net's offsets. */

enum { MAX_BATCH = 5, MAX_UNITS = 32, MAX_NAIVE = 2000, MAX_HIDDEN = 3 };

struct shape {
	int n_in, n_hidden, hidden[MAX_HIDDEN], n_out;
	bool tanh;
};

struct naive {
	struct shape s;
	int batch, n_params;
	double params[MAX_NAIVE], grad[MAX_NAIVE];
	double x[MAX_BATCH][MAX_UNITS], d[MAX_BATCH][MAX_UNITS], q[MAX_BATCH][MAX_UNITS];
	double h[MAX_BATCH][MAX_HIDDEN + 1][MAX_UNITS]; /* h[.][0] is x */
	double nearest_kink;                            /* smallest |input| of a relu */
};

/* Units of hidden layer l, counted from 1; 0 is the input. */
static int units(const struct shape *s, int l)
{
	if (l == 0)
		return s->n_in;
	return l == s->n_hidden ? 2 * s->hidden[l - 1] : s->hidden[l - 1];
}

/* y = b + W^T x over one map at p; returns what stands behind it. */
static const double *map_forward(const double *p, int in, int out, const double *x, double *y)
{
	for (int o = 0; o < out; o++) {
		y[o] = p[in * out + o];
		for (int i = 0; i < in; i++)
			y[o] += x[i] * p[i * out + o];
	}
	return p + in * out + out;
}

static double naive_loss(struct naive *v)
{
	const struct shape *s = &v->s;
	double loss = 0;
	v->nearest_kink = INFINITY;
	for (int row = 0; row < v->batch; row++) {
		const double *p = v->params;
		memcpy(v->h[row][0], v->x[row], sizeof(v->x[row]));
		for (int l = 0; l < s->n_hidden; l++) {
			double *y = v->h[row][l + 1];
			p = map_forward(p, units(s, l), units(s, l + 1), v->h[row][l], y);
			for (int o = 0; o < units(s, l + 1); o++) {
				if (!s->tanh)
					v->nearest_kink = fmin(v->nearest_kink, fabs(y[o]));
				y[o] = s->tanh ? tanh(y[o]) : fmax(y[o], 0);
			}
		}
		const int half = s->n_hidden ? s->hidden[s->n_hidden - 1] : s->n_in;
		const double *h = v->h[row][s->n_hidden];
		double value, advantage[MAX_UNITS], mean = 0;
		p = map_forward(p, half, 1, h, &value);
		p = map_forward(p, half, s->n_out, s->n_hidden ? h + half : h, advantage);
		v->n_params = (int)(p - v->params);
		for (int a = 0; a < s->n_out; a++)
			mean += advantage[a] / s->n_out;
		for (int a = 0; a < s->n_out; a++) {
			v->q[row][a] = value + (advantage[a] - mean);
			loss += v->d[row][a] * v->q[row][a];
		}
	}
	return loss;
}

/* Adds a map's gradient at g, and W dy to dx. */
static void map_backward(const double *p, double *g, int in, int out, const double *x, const double *dy, double *dx)
{
	for (int o = 0; o < out; o++) {
		g[in * out + o] += dy[o];
		for (int i = 0; i < in; i++) {
			g[i * out + o] += x[i] * dy[o];
			dx[i] += p[i * out + o] * dy[o];
		}
	}
}

/* After naive_loss. */
static void naive_backward(struct naive *v)
{
	const struct shape *s = &v->s;
	const int n = s->n_out, half = s->n_hidden ? s->hidden[s->n_hidden - 1] : s->n_in;
	memset(v->grad, 0, sizeof(v->grad));
	for (int row = 0; row < v->batch; row++) {
		double dv = 0, da[MAX_UNITS], dh[MAX_UNITS] = { 0 };
		const double *h = v->h[row][s->n_hidden];
		const int second = s->n_hidden ? half : 0;
		for (int a = 0; a < n; a++)
			dv += v->d[row][a];
		for (int a = 0; a < n; a++)
			da[a] = v->d[row][a] - dv / n;
		int at = v->n_params - (half + 1) * n;
		map_backward(v->params + at, v->grad + at, half, n, h + second, da, dh + second);
		at -= half + 1;
		map_backward(v->params + at, v->grad + at, half, 1, h, &dv, dh);
		for (int l = s->n_hidden; l > 0; l--) {
			double dy[MAX_UNITS];
			for (int o = 0; o < units(s, l); o++) {
				const double y = v->h[row][l][o];
				dy[o] = dh[o] * (s->tanh ? 1 - y * y : y > 0);
			}
			memset(dh, 0, sizeof(dh));
			at -= (units(s, l - 1) + 1) * units(s, l);
			map_backward(
				v->params + at, v->grad + at, units(s, l - 1), units(s, l), v->h[row][l - 1], dy, dh);
		}
	}
}

/* Every parameter; no step of a difference may cross the kink of a relu. */
static void check_central_differences(struct naive *v)
{
	const double step = 1e-5;
	for (int p = 0; p < v->n_params; p++) {
		const double old = v->params[p];
		v->params[p] = old + step;
		const double above = naive_loss(v);
		v->params[p] = old - step;
		const double below = naive_loss(v);
		v->params[p] = old;
		CHECK_NEAR((above - below) / (2 * step), v->grad[p], 1e-7);
	}
}

/* Floats of at most 40 products each: 1e-6 of the largest value beside them. */
static void check_floats(
	const struct net *net, const struct naive *v, const float *params, const float *x, const float *d)
{
	const size_t batch = (size_t)v->batch;
	float *work = floats(net_work_size(net, batch)), *grad = floats(net->n_params);
	double q_size = 1, grad_size = 1;
	for (int row = 0; row < v->batch; row++)
		for (int a = 0; a < v->s.n_out; a++)
			q_size = fmax(q_size, fabs(v->q[row][a]));
	for (int p = 0; p < v->n_params; p++)
		grad_size = fmax(grad_size, fabs(v->grad[p]));
	for (int i = 0; i < N_ISAS; i++) {
		const struct kernels *k = kernels_find(isas[i]);
		if (!k)
			continue;
		for (size_t p = 0; p < net->n_params; p++)
			grad[p] = NAN; /* overwritten, not added to */
		const float *q = net_forward(net, k, params, x, batch, work);
		for (int row = 0; row < v->batch; row++)
			for (int a = 0; a < v->s.n_out; a++)
				CHECK_NEAR(q[row * v->s.n_out + a], v->q[row][a], 1e-6 * q_size);
		net_backward(net, k, params, x, d, batch, work, grad);
		for (int p = 0; p < v->n_params; p++)
			CHECK_NEAR(grad[p], v->grad[p], 1e-6 * grad_size);
	}
	free(work);
	free(grad);
}

/* True if gradient arrives at the first weights and no relu is so near its kink
 * that a step could cross it. */
static bool draw_case(const struct net *net, struct naive *v, struct rng *rng, float *params, float *x, float *d)
{
	net_init_params(net, v->s.tanh ? WEIGHT_INIT_GLOROT_UNIFORM : WEIGHT_INIT_HE_UNIFORM, rng, params);
	for (int i = 0; i < net_n_linear(net); i++) {
		const struct linear m = net_linear(net, i);
		fill_uniform(rng, 0.3, m.out, params + m.b);
	}
	fill_uniform(rng, 1, MAX_BATCH * MAX_UNITS, x);
	fill_uniform(rng, 1, MAX_BATCH * MAX_UNITS, d);
	for (size_t p = 0; p < net->n_params; p++)
		v->params[p] = params[p];
	for (int row = 0; row < v->batch; row++) {
		for (int i = 0; i < v->s.n_in; i++)
			v->x[row][i] = x[row * v->s.n_in + i];
		for (int a = 0; a < v->s.n_out; a++)
			v->d[row][a] = d[row * v->s.n_out + a];
	}
	naive_loss(v);
	naive_backward(v);
	double first = 0;
	for (int p = 0; p < v->s.n_in; p++)
		first = fmax(first, fabs(v->grad[p]));
	return v->nearest_kink > 1e-3 && first > 0.01;
}

static void check_gradient(const struct shape *s, int batch, uint64_t seed)
{
	static struct naive v;
	const struct net net =
		make(s->n_in, s->hidden, s->n_hidden, s->n_out, s->tanh ? ACTIVATION_TANH : ACTIVATION_RELU);
	float *params = floats(net.n_params);
	float x[MAX_BATCH * MAX_UNITS], d[MAX_BATCH * MAX_UNITS];
	struct rng rng;
	CHECK(net.n_params <= MAX_NAIVE);
	rng_init(&rng, seed);
	v = (struct naive){ .s = *s, .batch = batch };
	while (!draw_case(&net, &v, &rng, params, x, d))
		;
	CHECK_INT(v.n_params, net.n_params);
	check_floats(&net, &v, params, x, d);
	check_central_differences(&v);
	free(params);
}

static void check_gradients(bool tanh)
{
	static const struct shape shapes[] = {
		{ 3, 0, { 0 }, 2, false },
		{ 4, 0, { 0 }, 3, false },
		{ 4, 1, { 7 }, 2, false },
		{ 2, 1, { 16 }, 3, false },
		{ 1, 1, { 1 }, 2, false },
		{ 5, 2, { 13, 9 }, 3, false },
		{ 4, 2, { 3, 15 }, 2, false },
		{ 4, 3, { 7, 11, 5 }, 3, false },
		{ 3, 3, { 17, 4, 9 }, 2, false },
		{ 2, 2, { 6, 5 }, 5, false },
	};
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct shape s = shapes[i];
		s.tanh = tanh;
		check_gradient(&s, 1, 100 + i);
		check_gradient(&s, 5, 200 + i);
	}
}

static void test_relu_gradient_by_central_differences(void)
{
	check_gradients(false);
}

static void test_tanh_gradient_by_central_differences(void)
{
	check_gradients(true);
}

/* --- weights files --- */

static struct config dueling_config(const char *net_arch)
{
	char keys[96];
	snprintf(keys, sizeof(keys), "net_arch=%s dueling=true", net_arch);
	return config_of(keys, NULL);
}

static void check_round_trip(const char *net_arch)
{
	const struct config c = dueling_config(net_arch);
	struct net net;
	struct err e = { .msg = "" };
	struct weights w;
	struct rng rng;
	CHECK(config_net(&c, &net, &e));
	float *params = floats(net.n_params);
	const size_t size = weights_buffer_size(&net);
	char *bytes = (char *)floats(size / sizeof(float) + 1);
	rng_init(&rng, 3);
	fill_uniform(&rng, 1, net.n_params, params);
	float scale[4];
	config_obs_scale(&c, scale);
	const size_t len = build_weights(&c, &net, scale, params, 1, 2, bytes, size);
	CHECK(len > 0 && len <= size);
	const bool ok = weights_parse(&w, NULL, "w.st", bytes, len, &e);
	CHECK(ok);
	if (ok) {
		CHECK(w.net.dueling);
		CHECK_INT(w.net.n_layers, net.n_layers);
		CHECK_INT(w.net.n_params, net.n_params);
		CHECK(memcmp(&w.net, &net, sizeof(net)) == 0);
		CHECK(memcmp(w.params, params, net.n_params * sizeof(float)) == 0);
		weights_release(&w);
	} else
		printf("%s: %s\n", net_arch, e.msg);
	free(params);
	free(bytes);
}

static void test_what_is_written_reads_back(void)
{
	check_round_trip("none");
	check_round_trip("1");
	check_round_trip("7");
	check_round_trip("5,3");
	check_round_trip("33,1,130");
	check_round_trip("1,2,3,4,5,6,7,8");
	check_round_trip("4096");
}

/* Tensor t of the file is a map's W (out,in) or b (out) at params + at. */
static void check_tensor(const struct st_file *st, int t, const char *name, int in, int out, const float *params)
{
	const struct st_tensor *tensor = &st->tensor[t];
	float values[64];
	CHECK_STR(tensor->name, name);
	CHECK_INT(tensor->n_dims, in ? 2 : 1);
	CHECK_INT(tensor->shape[0], out);
	CHECK_INT(tensor->n_values, in ? in * out : out);
	if (tensor->n_values > 64)
		return;
	const struct st_tensor wanted = { .name = name,
		.n_dims = tensor->n_dims,
		.shape = { tensor->shape[0], tensor->shape[1] },
		.values = values };
	struct err e;
	CHECK(st_load(st, &wanted, 1, &e));
	if (in)
		CHECK_INT(tensor->shape[1], in);
	for (int o = 0; o < out; o++) {
		if (in == 0)
			CHECK(values[o] == params[o]);
		for (int i = 0; i < in; i++)
			CHECK(values[o * in + i] == params[i * out + o]);
	}
}

static void test_tensors_have_pytorchs_names_and_layout(void)
{
	const struct config c = dueling_config("3,5");
	struct net net;
	struct st_file st;
	struct err e;
	struct rng rng;
	CHECK(config_net(&c, &net, &e));
	CHECK_INT(net.n_params, 15 + 40 + 6 + 12);
	float params[73];
	rng_init(&rng, 3);
	fill_uniform(&rng, 1, 73, params);
	const size_t size = weights_buffer_size(&net);
	char *bytes = (char *)floats(size / sizeof(float) + 1);
	float scale[4];
	config_obs_scale(&c, scale);
	const size_t len = build_weights(&c, &net, scale, params, 1, 2, bytes, size);
	CHECK(st_open_bytes(&st, "w.st", bytes, len, &e) && st_verify(&st, &e));
	CHECK_INT(st.n_tensors, 8);
	check_tensor(&st, 0, "0.weight", 4, 3, params);
	check_tensor(&st, 1, "0.bias", 0, 3, params + 12);
	check_tensor(&st, 2, "2.weight", 3, 10, params + 15);
	check_tensor(&st, 3, "2.bias", 0, 10, params + 45);
	check_tensor(&st, 4, "value.weight", 5, 1, params + 55);
	check_tensor(&st, 5, "value.bias", 0, 1, params + 60);
	check_tensor(&st, 6, "advantage.weight", 5, 2, params + 61);
	check_tensor(&st, 7, "advantage.bias", 0, 2, params + 71);
	st_close(&st);
	free(bytes);
}

struct tensor {
	const char *name;
	uint64_t shape[3]; /* 0: no such dimension */
};

/* What the parser says of a file with these tensors: "" if it is accepted. */
static const char *verdict(const struct tensor *tensors, int n)
{
	static struct st_metadata metadata[] = { { "format_version", "1" }, { "env_id", "CartPole-v1" },
		{ "max_episode_steps", "500" }, { "obs_scale", "[1,1,1,1]" }, { "activation", "relu" } };
	static float values[10000];
	static char bytes[50000];
	static struct err e;
	struct st_tensor st[20];
	CHECK(n <= 20);
	for (int t = 0; t < n; t++) {
		st[t] = (struct st_tensor){ .n_values = 1, .values = values };
		st[t].name = tensors[t].name;
		while (st[t].n_dims < 3 && tensors[t].shape[st[t].n_dims]) {
			st[t].shape[st[t].n_dims] = tensors[t].shape[st[t].n_dims];
			st[t].n_values *= (size_t)st[t].shape[st[t].n_dims++];
		}
		CHECK(st[t].n_values <= 10000);
	}
	struct st_file file = { .tensor = st, .n_tensors = n, .metadata = metadata, .n_metadata = 5 };
	const size_t len = st_write(&file, NULL, bytes, sizeof(bytes), &e);
	CHECK(len > 0);
	struct weights w;
	e = (struct err){ .msg = "" };
	if (weights_parse(&w, NULL, "w.st", bytes, len, &e)) {
		CHECK(w.net.dueling);
		weights_release(&w);
		return "";
	}
	CHECK_INT(e.kind, ERR_CORRUPT);
	CHECK(w.params == NULL);
	return e.msg;
}

enum { N_TENSORS = 6 };
static const struct tensor fine[N_TENSORS] = { { "0.weight", { 6, 4 } }, { "0.bias", { 6 } },
	{ "value.weight", { 1, 3 } }, { "value.bias", { 1 } }, { "advantage.weight", { 2, 3 } },
	{ "advantage.bias", { 2 } } };

static struct tensor of(const char *name, uint64_t rows, uint64_t cols)
{
	return (struct tensor){ name, { rows, cols } };
}

/* The fine file with tensors at and at + 1 replaced. */
static void check_verdict(int at, struct tensor a, struct tensor b, const char *piece)
{
	struct tensor t[N_TENSORS];
	memcpy(t, fine, sizeof(t));
	t[at] = a;
	t[at + 1] = b;
	const char *got = verdict(t, N_TENSORS);
	const bool ok = piece[0] ? strstr(got, piece) != NULL : got[0] == '\0';
	CHECK(ok);
	if (!ok)
		printf("'%s' instead of '%s'\n", got, piece);
}

static void test_crafted_files(void)
{
	CHECK_STR(verdict(fine, N_TENSORS), "");
	CHECK(strstr(verdict(fine + 2, 4), "in no order") != NULL); /* 3 inputs, not 4 */
	static const struct tensor heads[] = { { "advantage.bias", { 2 } }, { "value.bias", { 1 } },
		{ "value.weight", { 1, 4 } }, { "advantage.weight", { 2, 4 } } };
	CHECK_STR(verdict(heads, 4), ""); /* in any order */

	/* the last hidden layer is two halves, or the same for both heads */
	check_verdict(0, of("0.weight", 3, 4), of("0.bias", 3, 0), "");
	check_verdict(0, of("0.weight", 7, 4), of("0.bias", 7, 0), "in no order");
	check_verdict(0, of("0.weight", 8, 4), of("0.bias", 8, 0), "in no order");
	check_verdict(0, of("0.weight", 6, 3), of("0.bias", 6, 0), "in no order");
	check_verdict(0, of("0.weight", 6, 4), of("0.bias", 6, 1), "does not fit its bias");
	check_verdict(0, of("0.weight", 6, 4), of("0.bias", 8192, 0), "does not fit its bias");
	/* the value head has one output, and sees one half */
	check_verdict(2, of("value.weight", 2, 3), of("value.bias", 2, 0), "in no order");
	check_verdict(2, of("value.weight", 1, 6), of("value.bias", 1, 0), "in no order");
	check_verdict(2, of("value.weight", 3, 0), of("value.bias", 1, 0), "not of a dense layer");
	check_verdict(2, of("value.weight", 1, 3), of("value.Bias", 1, 0), "not of a dense layer");
	/* so does the advantage head, one output per action */
	check_verdict(4, of("advantage.weight", 3, 3), of("advantage.bias", 3, 0), "in no order");
	check_verdict(4, of("advantage.weight", 1, 3), of("advantage.bias", 1, 0), "in no order");
	check_verdict(4, of("advantage.weight", 2, 6), of("advantage.bias", 2, 0), "in no order");
	check_verdict(4, of("2.weight", 2, 3), of("2.bias", 2, 0), "in no order");
	/* heads exchanged, one too few or too many */
	check_verdict(3, of("value.bias", 2, 0), of("advantage.weight", 1, 3), "does not fit its bias");
	CHECK(strstr(verdict(fine, 4), "in no order") != NULL);
	CHECK(strstr(verdict(fine + 2, 2), "in no order") != NULL);
	struct tensor more[N_TENSORS + 2];
	memcpy(more, fine, sizeof(fine));
	more[6] = of("4.weight", 2, 2);
	more[7] = of("4.bias", 2, 0);
	CHECK(strstr(verdict(more, 8), "in no order") != NULL);
}

int main(void)
{
	RUN(test_heads_on_the_inputs_by_hand);
	RUN(test_each_head_has_its_half_of_the_last_hidden_layer);
	RUN(test_one_action_is_the_value_alone);
	RUN(test_maps_lie_one_behind_the_other);
	RUN(test_largest_net_has_its_size);
	RUN(test_start_values_by_map_in_pytorchs_order);
	RUN(test_lecun_uniform_has_variance_one_over_in);
	RUN(test_bits_depend_on_neither_batch_nor_instruction_set);
	RUN(test_work_size_is_enough);
	RUN(test_relu_gradient_by_central_differences);
	RUN(test_tanh_gradient_by_central_differences);
	RUN(test_what_is_written_reads_back);
	RUN(test_tensors_have_pytorchs_names_and_layout);
	RUN(test_crafted_files);
	return test_end();
}
