#include "cli/export.h"

#include "cli/version.h"

#include <stdio.h>
#include <string.h>

/* Protocol Buffers by hand: a message is a sequence of fields, each a key and a value. The
 * numbers of the fields are those of onnx.proto; what is not written has its default.
 *
 * The computation is that of net_forward: Mul (the observation scale), then Gemm and Relu or
 * Tanh for each layer, with W as (out, in): not all readers take another. The heads of a
 * dueling network take the halves of a Split; q = a + (v - mean of a), where a Gemm with ones
 * repeats what is in brackets for each action: OpenCV does not broadcast it. */

enum { BYTES = 2 }; /* the wire type; that of whole numbers is 0 */
enum { IR_VERSION = 7, OPSET = 13 };
enum { MODEL_IR_VERSION = 1, MODEL_PRODUCER = 2, MODEL_VERSION = 3, MODEL_GRAPH = 7, MODEL_OPSET = 8 };
enum { OPSET_VERSION = 2 };
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP = 4, NODE_ATTRIBUTE = 5 };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_I = 3, ATTRIBUTE_INTS = 8, ATTRIBUTE_TYPE = 20 };
enum { TYPE_INT = 2, TYPE_INTS = 7 };
enum { TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW = 9, FLOAT32 = 1 };
enum { VALUE_NAME = 1, VALUE_TYPE = 2, TYPE_TENSOR = 1, TENSOR_ELEM = 1, TENSOR_SHAPE = 2 };
enum { SHAPE_DIM = 1, DIM_VALUE = 1, DIM_PARAM = 2 };

static void put_bytes(struct text *t, const void *bytes, size_t len)
{
	if (len >= t->size - t->len) {
		t->full = true;
		return;
	}
	memcpy(t->p + t->len, bytes, len);
	t->len += len;
}

static size_t varint(uint64_t x, unsigned char bytes[10])
{
	size_t n = 0;
	for (; x > 127; x >>= 7)
		bytes[n++] = (unsigned char)(x | 128);
	bytes[n++] = (unsigned char)x;
	return n;
}

static void put_varint(struct text *t, uint64_t x)
{
	unsigned char bytes[10] = { 0 };
	put_bytes(t, bytes, varint(x, bytes));
}

static void put_int(struct text *t, unsigned field, uint64_t x)
{
	put_varint(t, field << 3);
	put_varint(t, x);
}

static void put_string(struct text *t, unsigned field, const char *s)
{
	put_varint(t, field << 3 | BYTES);
	put_varint(t, strlen(s));
	put_bytes(t, s, strlen(s));
}

/* A message in a field: begin, its fields, end, which puts the length before them. */
static size_t begin(struct text *t, unsigned field)
{
	put_varint(t, field << 3 | BYTES);
	return t->len;
}

static void end(struct text *t, size_t start)
{
	unsigned char bytes[10] = { 0 };
	const size_t len = t->len - start, n = varint(len, bytes);
	put_bytes(t, bytes, n); /* room for it */
	if (t->full)
		return;
	memmove(t->p + start + n, t->p + start, len);
	memcpy(t->p + start, bytes, n);
}

/* --- the parts of a graph --- */

/* A tensor (rows, columns) from x (columns, rows), or (columns) if rows is 0. With step 0 every
 * number is x[0], with 1 the next of x. */
static void put_numbers(struct text *t, const char *name, size_t rows, size_t columns, const float *x, size_t step)
{
	const size_t tensor = begin(t, GRAPH_INITIALIZER), n_rows = rows ? rows : 1;
	if (rows)
		put_int(t, TENSOR_DIMS, rows);
	put_int(t, TENSOR_DIMS, columns);
	put_int(t, TENSOR_TYPE, FLOAT32);
	put_string(t, TENSOR_NAME, name);
	const size_t raw = begin(t, TENSOR_RAW);
	for (size_t k = 0; k < n_rows * columns; k++) {
		uint32_t u; /* little-endian */
		memcpy(&u, &x[step * (k % columns * n_rows + k / columns)], sizeof(u));
		const unsigned char bytes[] = { (unsigned char)u, (unsigned char)(u >> 8), (unsigned char)(u >> 16),
			(unsigned char)(u >> 24) };
		put_bytes(t, bytes, sizeof(bytes));
	}
	end(t, raw);
	end(t, tensor);
}

/* All attributes are 1: transB of Gemm, axis of Split, axes of ReduceMean, a list. */
static void put_one(struct text *t, const char *name, unsigned field, unsigned type)
{
	const size_t attribute = begin(t, NODE_ATTRIBUTE);
	put_string(t, ATTRIBUTE_NAME, name);
	put_int(t, field, 1);
	put_int(t, ATTRIBUTE_TYPE, type);
	end(t, attribute);
}

/* Inputs and outputs are lists of names, separated by a blank; the first output names the node. */
static void put_names(struct text *t, unsigned field, const char *list)
{
	char name[32];
	while (text_next_word(&list, name, sizeof(name)))
		put_string(t, field, name);
}

static void put_node(struct text *t, const char *op, const char *inputs, const char *outputs)
{
	char name[32];
	const size_t node = begin(t, GRAPH_NODE);
	put_names(t, NODE_INPUT, inputs);
	put_names(t, NODE_OUTPUT, outputs);
	snprintf(name, sizeof(name), "node_%.*s", (int)strcspn(outputs, " "), outputs);
	put_string(t, NODE_NAME, name);
	put_string(t, NODE_OP, op);
	if (strcmp(op, "Gemm") == 0)
		put_one(t, "transB", ATTRIBUTE_I, TYPE_INT);
	if (strcmp(op, "Split") == 0)
		put_one(t, "axis", ATTRIBUTE_I, TYPE_INT);
	if (strcmp(op, "ReduceMean") == 0)
		put_one(t, "axes", ATTRIBUTE_INTS, TYPE_INTS);
	end(t, node);
}

/* y = x W + b */
static void put_gemm(struct text *t, int i, const char *x, const char *y)
{
	char inputs[96];
	snprintf(inputs, sizeof(inputs), "%s w%d b%d", x, i, i);
	put_node(t, "Gemm", inputs, y);
}

static void put_value(struct text *t, unsigned field, const char *name, int width)
{
	const size_t value = begin(t, field);
	put_string(t, VALUE_NAME, name);
	const size_t type = begin(t, VALUE_TYPE), tensor = begin(t, TYPE_TENSOR);
	put_int(t, TENSOR_ELEM, FLOAT32);
	const size_t shape = begin(t, TENSOR_SHAPE), batch = begin(t, SHAPE_DIM);
	put_string(t, DIM_PARAM, "batch");
	end(t, batch);
	const size_t dim = begin(t, SHAPE_DIM);
	put_int(t, DIM_VALUE, (uint64_t)width);
	end(t, dim);
	end(t, shape);
	end(t, tensor);
	end(t, type);
	end(t, value);
}

static void put_nodes(struct text *t, const struct net *net)
{
	const int last = net->n_layers - 1;
	char x[32] = "scaled", y[32];
	put_node(t, "Mul", "obs obs_scale", x);
	for (int l = 0; l < last; l++) {
		snprintf(y, sizeof(y), "y%d", l);
		put_gemm(t, l, x, y);
		snprintf(x, sizeof(x), "x%d", l + 1);
		put_node(t, net->activation == ACTIVATION_RELU ? "Relu" : "Tanh", y, x);
	}
	if (!net->dueling) {
		put_gemm(t, last, x, "q");
		return;
	}
	if (last > 0)
		put_node(t, "Split", x, "xv xa");
	put_gemm(t, last, last > 0 ? "xv" : x, "v");
	put_gemm(t, last + 1, last > 0 ? "xa" : x, "a");
	put_node(t, "ReduceMean", "a", "mean");
	put_node(t, "Sub", "v mean", "offset");
	put_node(t, "Gemm", "offset ones zeros", "offsets");
	put_node(t, "Add", "a offsets", "q");
}

uint64_t export_onnx_size(const struct export_job *job)
{
	const struct net *net = &job->weights->net;
	const uint64_t n = (uint64_t)net->n_params + (uint64_t)net->dim[0] + 2 * (uint64_t)net->dim[net->n_layers];
	return n * sizeof(float) + 16384;
}

void export_onnx(const struct export_job *job, struct text *t)
{
	const struct weights *w = job->weights;
	const struct net *net = &w->net;
	put_int(t, MODEL_IR_VERSION, IR_VERSION);
	put_string(t, MODEL_PRODUCER, "dqn");
	put_string(t, MODEL_VERSION, DQN_VERSION);
	const size_t graph = begin(t, MODEL_GRAPH);
	put_nodes(t, net);
	put_string(t, GRAPH_NAME, job->name);
	put_numbers(t, "obs_scale", 0, (size_t)net->dim[0], w->obs_scale, 1);
	for (int i = 0; i < net_n_linear(net); i++) {
		const struct linear m = net_linear(net, i);
		char name[32];
		snprintf(name, sizeof(name), "w%d", i);
		put_numbers(t, name, m.out, m.in, w->params + m.w, 1);
		snprintf(name, sizeof(name), "b%d", i);
		put_numbers(t, name, 0, m.out, w->params + m.b, 1);
	}
	if (net->dueling) {
		const size_t n_actions = (size_t)net->dim[net->n_layers];
		put_numbers(t, "ones", n_actions, 1, &(float){ 1.0f }, 0);
		put_numbers(t, "zeros", 0, n_actions, &(float){ 0.0f }, 0);
	}
	put_value(t, GRAPH_INPUT, "obs", net->dim[0]);
	put_value(t, GRAPH_OUTPUT, "q", net->dim[net->n_layers]);
	end(t, graph);
	const size_t opset = begin(t, MODEL_OPSET);
	put_int(t, OPSET_VERSION, OPSET);
	end(t, opset);
}
