#include "cli/export.h"

#include "cli/version.h"
#include "nn/tanh.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The header computes what net_forward does, in the same order: a row of W^T after the other,
 * each sum begins with the bias. int8 multiplies the finished sum by the row's factor. */

enum { INT8_MOST = 127, TEXT_PER_VALUE = 18, TEXT_FIXED = 24576 };

/* --- int8 --- */

/* The factor of row j of W^T; 0 if the row is too small for one. */
static float row_scale(const struct linear *m, const float *params, size_t j)
{
	float most = 0;
	for (size_t i = 0; i < m->in; i++)
		most = fmaxf(most, fabsf(params[m->w + i * m->out + j]));
	return isnormal(most / INT8_MOST) ? most / INT8_MOST : 0;
}

static int quantised(float w, float scale)
{
	const float x = scale > 0 ? nearbyintf(w / scale) : 0;
	return (int)fminf(fmaxf(x, -INT8_MOST), INT8_MOST);
}

void export_quantise(const struct net *net, float *params)
{
	for (int l = 0; l < net_n_linear(net); l++) {
		const struct linear m = net_linear(net, l);
		for (size_t j = 0; j < m.out; j++) {
			const float scale = row_scale(&m, params, j);
			for (size_t i = 0; i < m.in; i++) {
				float *w = &params[m.w + i * m.out + j];
				*w = scale * (float)quantised(*w, scale);
			}
		}
	}
}

/* --- text --- */

/* Adds text in which @ stands for the name and $ for the name in capital letters. */
static void add(struct text *t, const struct export_job *job, const char *s)
{
	char upper[EXPORT_NAME_SIZE];
	size_t n = 0;
	for (; n < sizeof(upper) - 1 && job->name[n]; n++)
		upper[n] = (char)toupper((unsigned char)job->name[n]);
	upper[n] = '\0';
	while (*s) {
		const int len = (int)strcspn(s, "@$");
		text_add(t, "%.*s", len, s);
		s += len;
		if (*s)
			text_add(t, "%s", *s++ == '@' ? job->name : upper);
	}
}

static ERR_PRINTF(3, 4) void addf(struct text *t, const struct export_job *job, const char *fmt, ...)
{
	char s[2048];
	va_list args;
	va_start(args, fmt);
	const int len = vsnprintf(s, sizeof(s), fmt, args);
	va_end(args);
	t->full = t->full || len >= (int)sizeof(s);
	add(t, job, s);
}

/* A float with the fewest digits that read back as the same: "0.1f", "-0.0f", "1e-45f". */
static void add_float(struct text *t, float x)
{
	char s[32];
	for (int digits = 1; digits <= 9; digits++) {
		snprintf(s, sizeof(s), "%.*g", digits, (double)x);
		if (strtof(s, NULL) == x)
			break;
	}
	text_add(t, "%s%sf", s, strpbrk(s, ".e") ? "" : ".0");
}

/* The separator before value i of an array. */
static void begin_value(struct text *t, size_t i)
{
	text_add(t, i == 0 ? "\n\t" : i % 8 == 0 ? ",\n\t" : ", ");
}

static void add_floats(struct text *t, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		begin_value(t, i);
		add_float(t, x[i]);
	}
	text_add(t, "\n};\n");
}

/* W^T (out, in) and b (out) of layer l; of int8 also the factors (out). */
static void add_layer(struct text *t, const struct export_job *job, int l)
{
	const struct linear m = net_linear(&job->weights->net, l);
	const float *params = job->weights->params;
	const unsigned long n_w = (unsigned long)m.in * m.out, n_b = (unsigned long)m.out;
	addf(t, job, "static const %s @_w%d[%lu] $_ROM = {", job->int8 ? "signed char" : "float", l, n_w);
	float scale = 0;
	for (size_t k = 0; k < m.in * m.out; k++) {
		const size_t i = k % m.in, j = k / m.in;
		const float w = params[m.w + i * m.out + j];
		begin_value(t, k);
		if (job->int8 && i == 0)
			scale = row_scale(&m, params, j);
		if (job->int8)
			text_add(t, "%d", quantised(w, scale));
		else
			add_float(t, w);
	}
	text_add(t, "\n};\n");
	if (job->int8) {
		addf(t, job, "static const float @_s%d[%lu] $_ROM = {", l, n_b);
		for (size_t j = 0; j < m.out; j++) {
			begin_value(t, j);
			add_float(t, row_scale(&m, params, j));
		}
		text_add(t, "\n};\n");
	}
	addf(t, job, "static const float @_b%d[%lu] $_ROM = {", l, n_b);
	add_floats(t, params + m.b, m.out);
}

static bool is_scaled(const struct weights *w)
{
	for (int i = 0; i < w->net.dim[0]; i++)
		if (w->obs_scale[i] != 1)
			return true;
	return false;
}

/* Blocks between which the layers alternate, and floats of each. */
static int n_blocks(const struct weights *w)
{
	const int n = w->net.n_layers - 1 + is_scaled(w);
	return n < 2 ? n : 2;
}

static int widest(const struct weights *w)
{
	int most = is_scaled(w) ? w->net.dim[0] : 0;
	for (int l = 1; l < w->net.n_layers; l++)
		most = w->net.dim[l] > most ? w->net.dim[l] : most;
	return most;
}

/* --- the parts of the header --- */

static uint64_t flash_bytes(const struct export_job *job)
{
	const struct net *net = &job->weights->net;
	uint64_t n = is_scaled(job->weights) ? (uint64_t)net->dim[0] * sizeof(float) : 0;
	for (int l = 0; l < net_n_linear(net); l++) {
		const struct linear m = net_linear(net, l);
		n += job->int8 ? (uint64_t)m.in * m.out + 2 * sizeof(float) * m.out
			       : sizeof(float) * ((uint64_t)m.in * m.out + m.out);
	}
	return n;
}

static void add_head(struct text *t, const struct export_job *job)
{
	const struct weights *w = job->weights;
	const struct net *net = &w->net;
	const int n_actions = net->dim[net->n_layers];
	addf(t, job, "/* A policy for %s, written by dqn " DQN_VERSION ". Include it in one file.\n *\n", w->env->id);
	addf(t, job,
		" *     action = @_act(obs);    obs[%d] as the environment has them, not scaled\n"
		" *     @_q(obs, q);            the value of each action, q[%d]\n",
		net->dim[0], n_actions);
	if (w->env->has_masks)
		addf(t, job, " *     action = @_act_masked(obs, mask);    mask[%d], 1: allowed, 0: not\n", n_actions);
	addf(t, job, " *\n * Network: %d", net->dim[0]);
	for (int l = 1; l < net->n_layers; l++)
		addf(t, job, ", %d %s", net->dim[l], activation_names[net->activation]);
	addf(t, job, ", %d%s; weights in %s.\n", n_actions, net->dueling ? " (dueling)" : "",
		job->int8 ? "8 bits, a factor for each row" : "float");
	addf(t, job, " * Flash: %llu bytes of tables. RAM: %llu bytes of stack for arrays.\n",
		(unsigned long long)flash_bytes(job),
		(unsigned long long)sizeof(float) *
			(unsigned)(n_blocks(w) * widest(w) + (w->env->has_masks ? 2 : 1) * n_actions));
	add(t, job, " * C99 or C++; allocates nothing and needs no library.\n");
	add(t, job,
		" *\n"
		" * Q is that of dqn to the bit where the CPU fuses multiplication and addition, and all\n"
		" * but to the bit where it has double. To be faster on a CPU without either, with Q within\n"
		" * 1e-6 or so: #define $_FMA(a, b, c) ((a) * (b) + (c))\n"
		" * To try it out: cc -x c -D$_SELF_TEST FILE; ./a.out\n */\n");
}

static void add_macros(struct text *t, const struct export_job *job)
{
	const struct net *net = &job->weights->net;
	addf(t, job, "#ifndef $_H\n#define $_H\n\n#define $_N_OBS %d\n#define $_N_ACTIONS %d\n\n", net->dim[0],
		net->dim[net->n_layers]);
	add(t, job,
		"#ifdef __AVR__ /* there, tables stay in flash only if they are read by these */\n"
		"#include <avr/pgmspace.h>\n"
		"#define $_ROM PROGMEM\n"
		"#define $_FLOAT(p) pgm_read_float(p)\n"
		"#define $_INT8(p) ((float)(signed char)pgm_read_byte(p))\n"
		"#else\n"
		"#define $_ROM\n"
		"#define $_FLOAT(p) (*(p))\n"
		"#define $_INT8(p) ((float)*(p))\n"
		"#endif\n\n"
		"#ifndef $_FMA /* a * b + c, rounded once */\n"
		"#if defined(__FP_FAST_FMAF) || defined(__FMA__) || defined(__ARM_FEATURE_FMA)\n"
		"#define $_FMA(a, b, c) __builtin_fmaf(a, b, c)\n"
		"#else\n"
		"#define $_FMA(a, b, c) ((float)((double)(a) * (double)(b) + (double)(c)))\n"
		"#endif\n"
		"#endif\n\n");
}

/* The body of a loop over x[i]: the formula of nn/tanh.h. */
static void add_tanh(struct text *t, const struct export_job *job)
{
	const double limit = TANH_LIMIT;
	addf(t, job,
		"\t\tfloat y = x[i], z, p = %.9gf, q = %.9gf;\n"
		"\t\ty = y < -%.9gf ? -%.9gf : y > %.9gf ? %.9gf : y;\n"
		"\t\tz = y * y;\n",
		(double)tanh_p[3], (double)tanh_q[3], limit, limit, limit, limit);
	for (int i = 2; i >= 0; i--)
		addf(t, job, "\t\tp = $_FMA(p, z, %.9gf);\n\t\tq = $_FMA(q, z, %.9gf);\n", (double)tanh_p[i],
			(double)tanh_q[i]);
	add(t, job,
		"\t\ty = $_FMA(y * z, p, y) / $_FMA(q, z, 1.0f);\n"
		"\t\tx[i] = y < -1 ? -1 : y > 1 ? 1 : y;\n");
}

static void add_activate(struct text *t, const struct export_job *job)
{
	add(t, job,
		"static inline void @_activate(int n, float *x)\n"
		"{\n"
		"\tint i;\n"
		"\tfor (i = 0; i < n; i++) {\n");
	if (job->weights->net.activation == ACTIVATION_TANH)
		add_tanh(t, job);
	else
		add(t, job, "\t\tx[i] = x[i] > 0 ? x[i] : 0;\n");
	add(t, job, "\t}\n}\n\n");
}

static void add_linear(struct text *t, const struct export_job *job)
{
	addf(t, job,
		"/* y (out) = b + W x, W (out, in)%s */\n"
		"static inline void @_linear(const %s *w, %sconst float *b, int in, int out, const float *x, "
		"float *y)\n"
		"{\n"
		"\tint i, j;\n"
		"\tfor (j = 0; j < out; j++) {\n"
		"\t\tfloat sum = %s;\n"
		"\t\tfor (i = 0; i < in; i++)\n"
		"\t\t\tsum = $_FMA(x[i], %s(w++), sum);\n"
		"\t\ty[j] = %s;\n"
		"\t}\n"
		"}\n\n",
		job->int8 ? " times s, a factor for each row" : "", job->int8 ? "signed char" : "float",
		job->int8 ? "const float *s, " : "", job->int8 ? "0" : "$_FLOAT(b + j)",
		job->int8 ? "$_INT8" : "$_FLOAT", job->int8 ? "$_FMA(sum, $_FLOAT(s + j), $_FLOAT(b + j))" : "sum");
	if (job->weights->net.n_layers > 1)
		add_activate(t, job);
}

static void call_linear(struct text *t, const struct export_job *job, int l, const char *x, size_t from, const char *y)
{
	const struct linear m = net_linear(&job->weights->net, l);
	addf(t, job, "\t@_linear(@_w%d, ", l);
	if (job->int8)
		addf(t, job, "@_s%d, ", l);
	addf(t, job, "@_b%d, %lu, %lu, %s", l, (unsigned long)m.in, (unsigned long)m.out, x);
	addf(t, job, from ? " + %lu, %s);\n" : "%.0lu, %s);\n", (unsigned long)from, y);
}

static void add_q(struct text *t, const struct export_job *job)
{
	const struct weights *w = job->weights;
	const struct net *net = &w->net;
	const int last = net->n_layers - 1;
	const bool scaled = is_scaled(w);
	const char *x = "obs", *y = "a", *spare = "b";
	add(t, job, "static inline void @_q(const float *obs, float *q)\n{\n");
	if (n_blocks(w) > 0)
		addf(t, job, n_blocks(w) > 1 ? "\tfloat a[%d], b[%d];\n" : "\tfloat a[%d];\n", widest(w), widest(w));
	if (net->dueling)
		add(t, job, "\tfloat value, sum = 0;\n");
	if (scaled || net->dueling)
		add(t, job, "\tint i;\n");
	if (scaled) {
		add(t, job, "\tfor (i = 0; i < $_N_OBS; i++)\n\t\ta[i] = obs[i] * $_FLOAT(@_scale + i);\n");
		x = "a";
		y = "b";
		spare = "a";
	}
	for (int l = 0; l < last; l++) {
		const char *const next = spare;
		call_linear(t, job, l, x, 0, y);
		addf(t, job, "\t@_activate(%d, %s);\n", net->dim[l + 1], y);
		x = y;
		spare = y;
		y = next;
	}
	if (!net->dueling) {
		call_linear(t, job, last, x, 0, "q");
	} else {
		call_linear(t, job, last, x, 0, "&value");
		call_linear(t, job, last + 1, x, net_linear(net, last + 1).from, "q");
		add(t, job,
			"\tfor (i = 0; i < $_N_ACTIONS; i++)\n\t\tsum += q[i];\n"
			"\tvalue -= sum / $_N_ACTIONS;\n"
			"\tfor (i = 0; i < $_N_ACTIONS; i++)\n\t\tq[i] += value;\n");
	}
	add(t, job, "}\n\n");
}

static void add_act(struct text *t, const struct export_job *job)
{
	add(t, job,
		"/* The first of the best actions. */\n"
		"static inline int @_act(const float obs[$_N_OBS])\n"
		"{\n"
		"\tfloat q[$_N_ACTIONS];\n"
		"\tint i, best = 0;\n"
		"\t@_q(obs, q);\n"
		"\tfor (i = 1; i < $_N_ACTIONS; i++)\n"
		"\t\tif (q[i] > q[best])\n"
		"\t\t\tbest = i;\n"
		"\treturn best;\n"
		"}\n\n");
	if (job->weights->env->has_masks)
		add(t, job,
			"/* The same among the actions whose byte is not 0; among all if none is. */\n"
			"static inline int @_act_masked(const float obs[$_N_OBS], const unsigned char mask[$_N_ACTIONS])\n"
			"{\n"
			"\tfloat q[$_N_ACTIONS];\n"
			"\tint i, best = -1;\n"
			"\t@_q(obs, q);\n"
			"\tfor (i = 0; i < $_N_ACTIONS; i++)\n"
			"\t\tif (mask[i] && (best < 0 || q[i] > q[best]))\n"
			"\t\t\tbest = i;\n"
			"\treturn best >= 0 ? best : @_act(obs);\n"
			"}\n\n");
}

/* An action passes if its recorded value is the largest, to the tolerance: CPUs may differ
 * where two are equally good. */
static void add_self_test(struct text *t, const struct export_job *job)
{
	const struct weights *w = job->weights;
	const size_t n_obs = (size_t)w->net.dim[0], n_q = (size_t)w->net.dim[w->net.n_layers];
	add(t, job, "#ifdef $_SELF_TEST /* main returns 0, or the number of the observation that fails */\n");
	addf(t, job, "static const float @_test_obs[%d * $_N_OBS] $_ROM = {", EXPORT_TESTS);
	add_floats(t, job->obs, (size_t)EXPORT_TESTS * n_obs);
	addf(t, job, "static const float @_test_q[%d * $_N_ACTIONS] $_ROM = {", EXPORT_TESTS);
	add_floats(t, job->q, (size_t)EXPORT_TESTS * n_q);
	addf(t, job,
		"\nint main(void)\n"
		"{\n"
		"\tint i, j, action;\n"
		"\tfor (i = 0; i < %d; i++) {\n"
		"\t\tfloat obs[$_N_OBS], q[$_N_ACTIONS], off, most = 1e-5f;\n"
		"\t\tfor (j = 0; j < $_N_OBS; j++)\n"
		"\t\t\tobs[j] = $_FLOAT(@_test_obs + i * $_N_OBS + j);\n"
		"\t\t@_q(obs, q);\n"
		"\t\taction = @_act(obs);\n"
		"\t\tfor (j = 0; j < $_N_ACTIONS; j++) {\n"
		"\t\t\tconst float want = $_FLOAT(@_test_q + i * $_N_ACTIONS + j);\n"
		"\t\t\tmost = 1e-5f * (1 + (want < 0 ? -want : want));\n"
		"\t\t\toff = q[j] - want;\n"
		"\t\t\tif (!(off <= most && -off <= most) || q[action] < q[j])\n"
		"\t\t\t\treturn i + 1;\n"
		"\t\t}\n"
		"\t}\n"
		"\treturn 0;\n"
		"}\n"
		"#endif\n\n",
		EXPORT_TESTS);
}

uint64_t export_c_size(const struct export_job *job)
{
	const struct net *net = &job->weights->net;
	const uint64_t n_ends = (uint64_t)net->dim[0] + (uint64_t)net->dim[net->n_layers];
	return (net->n_params * (uint64_t)(job->int8 ? 2 : 1) + (1 + EXPORT_TESTS) * n_ends) * TEXT_PER_VALUE +
	       TEXT_FIXED + 64 * (uint64_t)EXPORT_NAME_SIZE;
}

void export_c(const struct export_job *job, struct text *t)
{
	const struct weights *w = job->weights;
	add_head(t, job);
	add_macros(t, job);
	if (is_scaled(w)) {
		add(t, job, "static const float @_scale[$_N_OBS] $_ROM = {");
		add_floats(t, w->obs_scale, (size_t)w->net.dim[0]);
	}
	for (int l = 0; l < net_n_linear(&w->net); l++)
		add_layer(t, job, l);
	text_add(t, "\n");
	add_linear(t, job);
	add_q(t, job);
	add_act(t, job);
	add_self_test(t, job);
	add(t, job, "#endif\n");
}
