/* The network against PyTorch's forward pass, its gradient against central
 * differences of a naive network in double, and its layout and start values. */
#include "nn/net.h"
#include "nn/tanh.h"

#include "fixtures.h"

#include <stdint.h>
#include <stdlib.h>

static struct net make(int n_in, const int *hidden, int n_hidden, int n_out, enum activation act)
{
	return net_of(n_in, hidden, n_hidden, n_out, act, false);
}

/* Start values that keep signals and gradients of order 1 through many layers. */
static void lively_params(const struct net *net, struct rng *rng, float *params)
{
	net_init_params(net, net->activation == ACTIVATION_RELU ? WEIGHT_INIT_HE_UNIFORM : WEIGHT_INIT_GLOROT_UNIFORM,
		rng, params);
	for (int l = 0; l < net->n_layers; l++)
		fill_uniform(rng, 0.3, (size_t)net->dim[l + 1], params + net->b[l]);
}

/* Layout */

static void test_layers_lie_one_behind_the_other(void)
{
	static const int hidden[] = { 5, 7 };
	const struct net net = make(3, hidden, 2, 2, ACTIVATION_TANH);
	CHECK_INT(net.n_layers, 3);
	CHECK_INT(net.dim[0], 3);
	CHECK_INT(net.dim[1], 5);
	CHECK_INT(net.dim[2], 7);
	CHECK_INT(net.dim[3], 2);
	CHECK_INT(net.w[0], 0);
	CHECK_INT(net.b[0], 15);
	CHECK_INT(net.w[1], 20);
	CHECK_INT(net.b[1], 55);
	CHECK_INT(net.w[2], 62);
	CHECK_INT(net.b[2], 76);
	CHECK_INT(net.n_params, 78);
	CHECK(net.activation == ACTIVATION_TANH);
}

static void test_largest_net_has_its_size(void)
{
	int hidden[NET_MAX_HIDDEN];
	for (int l = 0; l < NET_MAX_HIDDEN; l++)
		hidden[l] = NET_MAX_WIDTH;
	struct net net = make(8, hidden, NET_MAX_HIDDEN, 4, ACTIVATION_RELU);
	const size_t wide = NET_MAX_WIDTH, end = NET_MAX_ENDS;
	CHECK_INT(net.n_params, (8 + 1) * wide + 7 * (wide + 1) * wide + (wide + 1) * 4);
	net = make(NET_MAX_ENDS, hidden, NET_MAX_HIDDEN, NET_MAX_ENDS, ACTIVATION_RELU);
	CHECK_INT(net.n_params, (end + 1) * wide + 7 * (wide + 1) * wide + (wide + 1) * end);
}

static void test_names_follow_the_enums(void)
{
	CHECK_STR(activation_names[ACTIVATION_RELU], "relu");
	CHECK_STR(activation_names[ACTIVATION_TANH], "tanh");
	CHECK(activation_names[2] == NULL);
	CHECK_STR(weight_init_names[WEIGHT_INIT_TORCH], "torch");
	CHECK_STR(weight_init_names[WEIGHT_INIT_GLOROT_UNIFORM], "glorot_uniform");
	CHECK_STR(weight_init_names[WEIGHT_INIT_HE_UNIFORM], "he_uniform");
	CHECK(weight_init_names[4] == NULL);
}

/* Start values */

static double init_limit(enum weight_init init, int n_in, int n_out)
{
	return init == WEIGHT_INIT_TORCH            ? 1 / sqrt((double)n_in)
	       : init == WEIGHT_INIT_GLOROT_UNIFORM ? sqrt(6.0 / (n_in + n_out))
						    : sqrt(6.0 / n_in);
}

static void check_init(enum weight_init init)
{
	static const int hidden[] = { 64, 33 };
	const struct net net = make(4, hidden, 2, 3, ACTIVATION_RELU);
	float *params = floats(net.n_params);
	struct rng rng, again;
	rng_init_stream(&rng, 9, 3);
	again = rng;
	net_init_params(&net, init, &rng, params);
	for (int l = 0; l < net.n_layers; l++) {
		const int n_in = net.dim[l], n_out = net.dim[l + 1];
		const double limit = init_limit(init, n_in, n_out);
		double largest = 0;
		for (int o = 0; o < n_out; o++)
			for (int i = 0; i < n_in; i++) {
				const float w = params[net.w[l] + (size_t)(i * n_out + o)];
				CHECK(w == (float)rng_uniform(&again, -limit, limit));
				largest = fmax(largest, fabs((double)w));
			}
		CHECK(largest <= limit && largest > 0.9 * limit);
		for (int o = 0; o < n_out; o++) {
			const float b = params[net.b[l] + (size_t)o];
			if (init == WEIGHT_INIT_TORCH)
				CHECK(b == (float)rng_uniform(&again, -limit, limit));
			else
				CHECK(b == 0 && !signbit(b));
		}
	}
	CHECK(memcmp(&rng, &again, sizeof(rng)) == 0); /* not one draw more */
	free(params);
}

static void test_start_values_in_pytorchs_order_and_limits(void)
{
	check_init(WEIGHT_INIT_TORCH);
	check_init(WEIGHT_INIT_GLOROT_UNIFORM);
	check_init(WEIGHT_INIT_HE_UNIFORM);
}

/* Scratch memory */

static void test_work_size_overflow_is_zero(void)
{
	static const int hidden[] = { 256, 256 };
	const struct net net = make(4, hidden, 2, 2, ACTIVATION_RELU);
	CHECK(net_work_size(&net, 1) > 0);
	CHECK(net_work_size(&net, SIZE_MAX) == 0);
	CHECK(net_work_size(&net, SIZE_MAX / 4) == 0);
	CHECK(net_work_size(&net, SIZE_MAX / 256 / 4) == 0);
	size_t last = 0;
	bool overflown = false;
	for (size_t batch = 1; batch; batch *= 2) {
		const size_t size = net_work_size(&net, batch);
		overflown |= size == 0;
		CHECK(overflown == (size == 0)); /* never again a number */
		CHECK(overflown || (size > last && size / 514 >= batch && size <= SIZE_MAX / 4));
		last = size;
	}
	CHECK(overflown);
}

static void test_work_size_is_enough(void)
{
	/* Widest layer first, in the middle, last; ASan watches the blocks' ends. */
	static const int hidden[][3] = { { 9, 3, 2 }, { 2, 11, 3 }, { 1, 2, 10 }, { 1, 1, 1 } };
	enum { N_CANARIES = 64 };
	const float canary = 12345.5f;
	const struct kernels *k = kernels_find(NULL);
	struct rng rng;
	rng_init(&rng, 2);
	for (size_t shape = 0; shape < 4; shape++)
		for (int n_out = 1; n_out <= 12; n_out += 11)
			for (size_t batch = 1; batch <= 5; batch += 4) {
				const struct net net = make(3, hidden[shape], 3, n_out, shape & 1);
				const size_t n = net_work_size(&net, batch);
				float *work = floats(n + N_CANARIES), *params = floats(net.n_params);
				float *grad = floats(net.n_params), x[15], d[60];
				lively_params(&net, &rng, params);
				fill_uniform(&rng, 1, 15, x);
				fill_uniform(&rng, 1, 60, d);
				for (size_t i = 0; i < N_CANARIES; i++)
					work[n + i] = canary;
				const size_t forward = net_forward_size(&net, batch);
				CHECK(forward < n);
				for (size_t i = forward; i < n; i++)
					work[i] = canary;
				net_forward(&net, k, params, x, batch, work);
				for (size_t i = forward; i < n; i++)
					CHECK(work[i] == canary);
				net_backward(&net, k, params, x, d, batch, work, grad);
				for (size_t i = 0; i < N_CANARIES; i++)
					CHECK(work[n + i] == canary);
				work = realloc(work, n * sizeof(float));
				if (!work)
					abort();
				net_forward(&net, k, params, x, batch, work);
				net_backward(&net, k, params, x, d, batch, work, grad);
				free(work);
				free(params);
				free(grad);
			}
}

/* Forward, against PyTorch */

static uint32_t lcg_state;

static float lcg(float scale)
{
	lcg_state = lcg_state * 1664525u + 1013904223u;
	const float u = (float)(lcg_state >> 8) * 0x1p-24f;
	return (u - 0.5f) * scale;
}

/* From PyTorch's (out,in) order. */
static void lcg_layer(const struct net *net, int l, float w_scale, float b_scale, float *params)
{
	const size_t n_in = (size_t)net->dim[l], n_out = (size_t)net->dim[l + 1];
	for (size_t o = 0; o < n_out; o++)
		for (size_t i = 0; i < n_in; i++)
			params[net->w[l] + i * n_out + o] = lcg(w_scale);
	for (size_t o = 0; o < n_out; o++)
		params[net->b[l] + o] = lcg(b_scale);
}

/* The next number of a golden file, over words and comment lines. */
static double next_real(FILE *f)
{
	char word[100];
	while (fscanf(f, "%99s", word) == 1) {
		char *end;
		const double x = strtod(word, &end);
		if (*end == '\0' && end != word)
			return x;
		if (word[0] == '#' && fscanf(f, "%*[^\n]") == EOF)
			break;
	}
	return NAN;
}

static void check_mlp_header(FILE *f, const struct net *net, const float *params)
{
	const size_t w1 = net->w[1];
	CHECK(next_real(f) == params[net->w[0]]);
	CHECK(next_real(f) == params[net->w[0] + 3 * 256 + 255]);
	CHECK(next_real(f) == params[w1]);
	CHECK(next_real(f) == params[w1 + 255 * 256 + 255]);
	CHECK(next_real(f) == params[net->b[2] + 1]);
}

static void test_forward_is_pytorchs(void)
{
	enum { BATCH = 64 };
	static const int hidden[] = { 256, 256 };
	FILE *f = fopen("tests/golden/mlp_forward.txt", "r");
	CHECK(f != NULL);
	if (!f)
		return;
	const struct net net = make(4, hidden, 2, 2, ACTIVATION_RELU);
	CHECK_INT(net.n_params, 67586);
	float *params = floats(net.n_params), *work = floats(net_work_size(&net, BATCH));
	float x[BATCH][4];
	lcg_state = (uint32_t)next_real(f);
	lcg_layer(&net, 0, 2, 0.5f, params);
	lcg_layer(&net, 1, 0.25f, 0.5f, params);
	lcg_layer(&net, 2, 0.25f, 0.5f, params);
	check_mlp_header(f, &net, params);
	double y32[BATCH][2], y64[BATCH][2];
	for (int i = 0; i < BATCH; i++) {
		for (int c = 0; c < 4; c++) {
			x[i][c] = lcg(4);
			CHECK(next_real(f) == x[i][c]);
		}
		y32[i][0] = next_real(f), y32[i][1] = next_real(f);
		y64[i][0] = next_real(f), y64[i][1] = next_real(f);
	}
	fclose(f);
	double limit = 1e-6; /* or twice what PyTorch's float is off at its worst */
	for (int i = 0; i < 2 * BATCH; i++)
		limit = fmax(limit, 2 * fabs(y32[i / 2][i % 2] - y64[i / 2][i % 2]));
	CHECK(limit < 1e-5);
	for (int s = 0; s < N_ISAS; s++) {
		const struct kernels *k = kernels_find(isas[s]);
		if (!k)
			continue;
		const float *y = net_forward(&net, k, params, x[0], BATCH, work);
		CHECK(y == net_outputs(&net, BATCH, work));
		for (int i = 0; i < 2 * BATCH; i++)
			CHECK_NEAR(y[i], y64[i / 2][i % 2], limit);
	}
	free(params);
	free(work);
}

static void test_net_without_hidden_layers_is_linear(void)
{
	const struct net net = make(2, NULL, 0, 3, ACTIVATION_RELU);
	static const float params[] = { 1, 2, 3, 10, 20, 30, 0.5f, -100, 0.25f }; /* W, b */
	static const float x[] = { 1, 1, -1, 2 };
	static const float want[] = { 11.5f, -78, 33.25f, 19.5f, -62, 57.25f };
	CHECK_INT(net.n_params, 9);
	float *work = floats(net_work_size(&net, 2));
	const float *y = net_forward(&net, kernels_find(NULL), params, x, 2, work);
	for (int i = 0; i < 6; i++)
		CHECK(y[i] == want[i]);
	free(work);
}

/* One hidden unit with weight 1 shows its activation. */
static float activate(enum activation activation, float x)
{
	static const int hidden[] = { 1 };
	const struct net net = make(1, hidden, 1, 1, activation);
	const float params[] = { 1, 0, 1, 0 };
	float work[16];
	CHECK(net_work_size(&net, 1) <= 16);
	return net_forward(&net, kernels_find(NULL), params, &x, 1, work)[0];
}

static void test_tanh_is_tanh(void)
{
	/* tests/test_tanh.c tries all floats; here, that nets compute it. */
	for (int i = -4000; i <= 4000; i++) {
		const float xs[] = { (float)i * 1e-6f, (float)i * 1e-3f, (float)i * 6e-3f };
		for (int s = 0; s < 3; s++) {
			const double exact = tanh((double)xs[s]);
			const float size = (float)fabs(exact);
			const double ulp = nextafterf(size, INFINITY) - size;
			CHECK_NEAR(activate(ACTIVATION_TANH, xs[s]), exact, TANH_ULPS * ulp);
		}
	}
	static const float big[] = { 19.999998f, 20, 50, 1e30f, 3.4e38f, INFINITY };
	for (int i = 0; i < 6; i++) {
		CHECK(activate(ACTIVATION_TANH, big[i]) == 1);
		CHECK(activate(ACTIVATION_TANH, -big[i]) == -1);
	}
	CHECK(activate(ACTIVATION_TANH, 1e-30f) == 1e-30f);
	CHECK(activate(ACTIVATION_TANH, 0x1p-149f) == 0x1p-149f);
	CHECK(activate(ACTIVATION_TANH, 0) == 0);
	CHECK(isnan(activate(ACTIVATION_TANH, NAN)));
}

static void test_relu_passes_nan_on(void)
{
	CHECK(activate(ACTIVATION_RELU, 3) == 3);
	CHECK(activate(ACTIVATION_RELU, -3) == 0);
	CHECK(activate(ACTIVATION_RELU, 0) == 0);
	CHECK(isnan(activate(ACTIVATION_RELU, NAN)));
}

static void test_bits_depend_on_neither_batch_nor_instruction_set(void)
{
	enum { BATCH = 33, N_IN = 4, N_OUT = 3 };
	static const int hidden[] = { 50, 33, 7 };
	for (int act = 0; act < 2; act++) {
		const struct net net = make(N_IN, hidden, 3, N_OUT, (enum activation)act);
		float *params = floats(net.n_params), x[BATCH * N_IN], d[BATCH * N_OUT];
		struct rng rng;
		rng_init(&rng, 6);
		lively_params(&net, &rng, params);
		fill_uniform(&rng, 2, BATCH * N_IN, x);
		fill_uniform(&rng, 1, BATCH * N_OUT, d);
		check_net_bits(&net, params, x, d, BATCH);
		free(params);
	}
}

/* The gradient. The loss is the sum of d * out; `naive` is the same network in
 * double, written a second time from the formulas. */

enum { MAX_BATCH = 5, MAX_UNITS = 16, MAX_NAIVE = 2000 };

struct naive {
	const struct net *net;
	double params[MAX_NAIVE], grad[MAX_NAIVE];
	double y[NET_MAX_LAYERS + 1][MAX_BATCH][MAX_UNITS]; /* y[0] is x */
	double d[MAX_BATCH][MAX_UNITS];                     /* d(loss)/d(out) */
	int batch;
	double nearest_kink; /* smallest |input| of a relu */
};

static double *weight(struct naive *v, double *block, int l, int i, int o)
{
	return block + v->net->w[l] + (size_t)(i * v->net->dim[l + 1] + o);
}

static double naive_activation(struct naive *v, double s)
{
	if (v->net->activation == ACTIVATION_TANH)
		return tanh(s);
	v->nearest_kink = fmin(v->nearest_kink, fabs(s));
	return s > 0 ? s : 0;
}

static double naive_loss(struct naive *v)
{
	const struct net *net = v->net;
	double loss = 0;
	v->nearest_kink = INFINITY;
	for (int row = 0; row < v->batch; row++) {
		for (int l = 0; l < net->n_layers; l++)
			for (int o = 0; o < net->dim[l + 1]; o++) {
				double s = v->params[net->b[l] + (size_t)o];
				for (int i = 0; i < net->dim[l]; i++)
					s += v->y[l][row][i] * *weight(v, v->params, l, i, o);
				const bool last = l + 1 == net->n_layers;
				v->y[l + 1][row][o] = last ? s : naive_activation(v, s);
			}
		for (int o = 0; o < net->dim[net->n_layers]; o++)
			loss += v->d[row][o] * v->y[net->n_layers][row][o];
	}
	return loss;
}

/* After naive_loss. */
static void naive_backward(struct naive *v)
{
	const struct net *net = v->net;
	memset(v->grad, 0, sizeof(v->grad));
	for (int row = 0; row < v->batch; row++) {
		double dy[MAX_UNITS], dx[MAX_UNITS];
		memcpy(dy, v->d[row], sizeof(dy));
		for (int l = net->n_layers - 1; l >= 0; l--) {
			for (int i = 0; i < net->dim[l]; i++) {
				const double y = v->y[l][row][i];
				dx[i] = 0;
				for (int o = 0; o < net->dim[l + 1]; o++) {
					*weight(v, v->grad, l, i, o) += y * dy[o];
					dx[i] += dy[o] * *weight(v, v->params, l, i, o);
				}
				if (net->activation == ACTIVATION_TANH)
					dx[i] *= 1 - y * y;
				else if (y <= 0)
					dx[i] = 0;
			}
			for (int o = 0; o < net->dim[l + 1]; o++)
				v->grad[net->b[l] + (size_t)o] += dy[o];
			memcpy(dy, dx, sizeof(dy));
		}
	}
}

/* Every parameter; no step of a difference may cross the kink of a relu. */
static void check_central_differences(struct naive *v)
{
	const double step = 1e-5;
	for (size_t p = 0; p < v->net->n_params; p++) {
		const double old = v->params[p];
		v->params[p] = old + step;
		const double above = naive_loss(v);
		v->params[p] = old - step;
		const double below = naive_loss(v);
		v->params[p] = old;
		CHECK_NEAR((above - below) / (2 * step), v->grad[p], 1e-7);
	}
}

/* The largest size of a layer's gradient. */
static double layer_gradient(const struct naive *v, int l)
{
	const size_t end = v->net->b[l] + (size_t)v->net->dim[l + 1];
	double max = 0;
	for (size_t i = v->net->w[l]; i < end; i++)
		max = fmax(max, fabs(v->grad[i]));
	return max;
}

static void check_gradient_of(
	const struct kernels *k, struct naive *v, const float *params, const float *x, const float *d)
{
	const struct net *net = v->net;
	const size_t batch = (size_t)v->batch;
	float *work = floats(net_work_size(net, batch)), *grad = floats(net->n_params);
	for (size_t i = 0; i < net->n_params; i++)
		grad[i] = NAN; /* overwritten, not added to */
	net_forward(net, k, params, x, batch, work);
	net_backward(net, k, params, x, d, batch, work, grad);
	for (int l = 0; l < net->n_layers; l++) {
		const size_t end = net->b[l] + (size_t)net->dim[l + 1];
		const double size = layer_gradient(v, l);
		for (size_t i = net->w[l]; i < end; i++)
			CHECK_NEAR(grad[i], v->grad[i], 1e-6 * (1 + size));
	}
	free(work);
	free(grad);
}

static void draw_case(struct naive *v, struct rng *rng, float *params, float *x, float *d)
{
	const int n_in = v->net->dim[0], n_out = v->net->dim[v->net->n_layers];
	lively_params(v->net, rng, params);
	fill_uniform(rng, 1, MAX_BATCH * MAX_UNITS, x);
	fill_uniform(rng, 1, MAX_BATCH * MAX_UNITS, d);
	for (size_t p = 0; p < v->net->n_params; p++)
		v->params[p] = params[p];
	for (int row = 0; row < v->batch; row++) {
		for (int i = 0; i < n_in; i++)
			v->y[0][row][i] = x[row * n_in + i];
		for (int o = 0; o < n_out; o++)
			v->d[row][o] = d[row * n_out + o];
	}
}

/* True if a gradient arrives in every layer and no relu is so near its kink that
 * the step of a difference, or float's rounding, could cross it. */
static bool is_good_case(const struct naive *v)
{
	if (v->nearest_kink < 1e-3)
		return false;
	for (int l = 0; l < v->net->n_layers; l++)
		if (layer_gradient(v, l) < 0.1)
			return false;
	return true;
}

static void check_net_gradient(const struct net *net, int batch, uint64_t seed)
{
	static struct naive v;
	float *params = floats(net->n_params);
	float x[MAX_BATCH * MAX_UNITS], d[MAX_BATCH * MAX_UNITS];
	CHECK(net->n_params <= MAX_NAIVE);
	struct rng rng;
	rng_init(&rng, seed);
	v = (struct naive){ .net = net, .batch = batch };
	do {
		draw_case(&v, &rng, params, x, d);
		naive_loss(&v);
		naive_backward(&v);
	} while (!is_good_case(&v));
	for (int s = 0; s < N_ISAS; s++)
		if (kernels_find(isas[s]))
			check_gradient_of(kernels_find(isas[s]), &v, params, x, d);
	check_central_differences(&v);
	free(params);
}

static void check_gradients(enum activation activation)
{
	static const struct {
		int n_in, n_hidden, hidden[NET_MAX_HIDDEN], n_out;
	} shapes[] = {
		{ 3, 0, { 0 }, 2 },
		{ 1, 0, { 0 }, 1 },
		{ 4, 1, { 7 }, 3 },
		{ 1, 1, { 1 }, 1 },
		{ 5, 2, { 13, 9 }, 2 },
		{ 2, 2, { 16, 3 }, 5 },
		{ 4, 8, { 7, 11, 9, 5, 8, 13, 6, 10 }, 3 },
	};
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		const struct net net =
			make(shapes[i].n_in, shapes[i].hidden, shapes[i].n_hidden, shapes[i].n_out, activation);
		check_net_gradient(&net, 1, 100 + i);
		check_net_gradient(&net, 5, 200 + i);
	}
}

static void test_relu_gradient_by_central_differences(void)
{
	check_gradients(ACTIVATION_RELU);
}

static void test_tanh_gradient_by_central_differences(void)
{
	check_gradients(ACTIVATION_TANH);
}

/* Wide enough to be transposed on the way: each sum is over the batch in row order. */
static void test_gradient_of_a_wide_layer_to_the_bit(void)
{
	enum { IN = 801, OUT = 35, BATCH = 18 };
	static float params[(IN + 1) * OUT], grad[(IN + 1) * OUT], x[BATCH * IN], d[BATCH * OUT];
	const struct net_shape shape = { .n_inputs = IN, .n_outputs = OUT };
	struct net net;
	struct rng rng;
	struct err e;
	size_t n_bad = 0;
	CHECK(net_init(&net, &shape, &e));
	rng_init(&rng, 1);
	for (int i = 0; i < BATCH * IN; i++)
		x[i] = (float)rng_uniform(&rng, -1, 1);
	for (int i = 0; i < BATCH * OUT; i++)
		d[i] = (float)rng_uniform(&rng, -1, 1);
	float *work = calloc(net_work_size(&net, BATCH), sizeof(float));
	net_forward(&net, kernels_find(NULL), params, x, BATCH, work);
	net_backward(&net, kernels_find(NULL), params, x, d, BATCH, work, grad);
	for (int i = 0; i < IN; i++)
		for (int o = 0; o < OUT; o++) {
			float sum = 0;
			for (int row = 0; row < BATCH; row++)
				sum = fmaf(x[row * IN + i], d[row * OUT + o], sum);
			n_bad += memcmp(&sum, &grad[i * OUT + o], sizeof(sum)) != 0;
		}
	CHECK_INT(n_bad, 0);
	free(work);
}

static void test_backward_changes_no_input(void)
{
	static const int hidden[] = { 6, 5 };
	const struct net net = make(3, hidden, 2, 2, ACTIVATION_TANH);
	struct rng rng;
	rng_init(&rng, 8);
	float params[100], params_before[100], x[6], d[4], grad[100], work[200];
	CHECK(net.n_params <= 100 && net_work_size(&net, 2) <= 200);
	lively_params(&net, &rng, params);
	memcpy(params_before, params, sizeof(params));
	fill_uniform(&rng, 1, 6, x);
	fill_uniform(&rng, 1, 4, d);
	float x_before[6], d_before[4];
	memcpy(x_before, x, sizeof(x));
	memcpy(d_before, d, sizeof(d));
	const struct kernels *k = kernels_find(NULL);
	net_forward(&net, k, params, x, 2, work);
	net_backward(&net, k, params, x, d, 2, work, grad);
	CHECK(memcmp(params, params_before, net.n_params * sizeof(float)) == 0);
	CHECK(memcmp(x, x_before, sizeof(x)) == 0);
	CHECK(memcmp(d, d_before, sizeof(d)) == 0);
}

static void test_argmax_is_the_first_maximum(void)
{
	CHECK_INT(net_argmax((const float[]){ 5 }, 1), 0);
	CHECK_INT(net_argmax((const float[]){ 1, 2, 3 }, 3), 2);
	CHECK_INT(net_argmax((const float[]){ 3, 2, 1 }, 3), 0);
	CHECK_INT(net_argmax((const float[]){ 1, 3, 3, 3 }, 4), 1);
	CHECK_INT(net_argmax((const float[]){ 2, 2 }, 2), 0);
	CHECK_INT(net_argmax((const float[]){ -3, -1, -2 }, 3), 1);
	CHECK_INT(net_argmax((const float[]){ -0.0f, 0.0f }, 2), 0);
	CHECK_INT(net_argmax((const float[]){ -INFINITY, -INFINITY, -1e38f }, 3), 2);
	CHECK_INT(net_argmax((const float[]){ 1, 2, 9 }, 2), 1);
}

int main(void)
{
	RUN(test_layers_lie_one_behind_the_other);
	RUN(test_largest_net_has_its_size);
	RUN(test_names_follow_the_enums);
	RUN(test_start_values_in_pytorchs_order_and_limits);
	RUN(test_work_size_overflow_is_zero);
	RUN(test_work_size_is_enough);
	RUN(test_forward_is_pytorchs);
	RUN(test_net_without_hidden_layers_is_linear);
	RUN(test_tanh_is_tanh);
	RUN(test_relu_passes_nan_on);
	RUN(test_bits_depend_on_neither_batch_nor_instruction_set);
	RUN(test_relu_gradient_by_central_differences);
	RUN(test_tanh_gradient_by_central_differences);
	RUN(test_gradient_of_a_wide_layer_to_the_bit);
	RUN(test_backward_changes_no_input);
	RUN(test_argmax_is_the_first_maximum);
	return test_end();
}
