/* Policies for other programs: `dqn export` reads weights, and each of these makes the bytes
 * of one file from them, the same bytes every time and on every machine.
 *
 *     struct text t over export_c_size(&job) bytes;    // or export_onnx_size
 *     export_c(&job, &t);                              // then t.full is false
 */
#ifndef DQN_CLI_EXPORT_H
#define DQN_CLI_EXPORT_H

#include "base/text.h"
#include "run/weights.h"

enum { EXPORT_NAME_SIZE = 64, EXPORT_TESTS = 16 };

struct export_job {
	const struct weights *weights;
	const char *name; /* an identifier of C, shorter than EXPORT_NAME_SIZE */
	/* For C alone: */
	bool int8;        /* the weights have been through export_quantise */
	const float *obs; /* (EXPORT_TESTS, obs_dim) recorded, not scaled; for the self-test */
	const float *q;   /* (EXPORT_TESTS, n_actions) what the network says of them */
};

/* A header for C99 and C++. */
uint64_t export_c_size(const struct export_job *job);
void export_c(const struct export_job *job, struct text *t);

/* Rounds all weights, not the biases, to whole multiples, -127 to 127, of one factor for each
 * output of a layer. Doing it again changes nothing but a last bit. */
void export_quantise(const struct net *net, float *params);

/* An ONNX model: opset 13, input obs (batch, obs_dim), output q (batch, n_actions). */
uint64_t export_onnx_size(const struct export_job *job);
void export_onnx(const struct export_job *job, struct text *t);

#endif
