/* Files that decide a run as its keys do: read, compared, copied, and what starts from them.
 * tests/mutations lists mistakes that this file catches. */
#include "run/inputs.h"

#include "base/sha256.h"
#include "run/run.h"

#include "fixtures.h"

#include <stdlib.h>
#include <unistd.h>

static char scratch[] = "/tmp/test_inputs.XXXXXX";
static struct run run; /* large */
static struct inputs in;
static struct report report;

#define ABC_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* FIPS 180-4 */

static const struct option *key(void)
{
	return config_find("init_weights");
}

static struct config config_from(const char *value)
{
	struct config c = config_of("total_timesteps=60 net_arch=8 batch_size=8 learning_starts=50 buffer_size=300 "
				    "eval_freq=0 final_eval_episodes=1 initial_q=3",
		NULL);
	CHECK(config_set_value(&c, key(), value));
	return c;
}

static char *copy_of(const void *bytes, size_t len)
{
	char *copy = malloc(len + 1);
	if (!copy)
		abort();
	memcpy(copy, bytes, len);
	return copy;
}

static bool take(struct config *c, const char *text, struct err *e)
{
	*e = (struct err){ .msg = "" };
	return inputs_take(&in, key(), c, "x", copy_of(text, strlen(text)), strlen(text), e);
}

static void test_values(void)
{
	char file[CONFIG_FILE_SIZE];
	struct config c = config_from("");
	CHECK(inputs_next(&c, NULL) == NULL);
	c = config_from("dir/a b");
	CHECK(inputs_next(&c, NULL) == key());
	CHECK(inputs_next(&c, key()) == NULL);
	CHECK(inputs_digest(&c, key()) == NULL);
	inputs_file(&c, key(), file);
	CHECK_STR(file, "dir/a b");
	c = config_from("a@sha256:" ABC_SHA256);
	CHECK_STR(inputs_digest(&c, key()), ABC_SHA256);
	inputs_file(&c, key(), file);
	CHECK_STR(file, "a");
	/* These are names of files. */
	static const char *const names[] = { "@sha256:" ABC_SHA256, "a@sha256:", "a@sha256:" ABC_SHA256 "0",
		"a@sha512:" ABC_SHA256, "a@sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		ABC_SHA256, "a@sha256:g" ABC_SHA256 };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		c = config_from(names[i]);
		CHECK(inputs_digest(&c, key()) == NULL);
		inputs_file(&c, key(), file);
		CHECK_STR(file, names[i]);
	}
}

static void test_a_file_is_its_digest(void)
{
	struct err e;
	struct config c = config_from("somewhere/a"), other = config_from("b@sha256:" ABC_SHA256);
	CHECK(take(&c, "abc", &e));
	CHECK_STR(c.init_weights, "init_weights.safetensors@sha256:" ABC_SHA256);
	CHECK_STR(inputs_find(&in, "init_weights")->name, "x");
	CHECK(inputs_find(&in, "seed") == NULL);
	inputs_release(&in);
	CHECK(take(&other, "abc", &e));
	CHECK_INT(config_compare(&c, &other, key()), 0);
	inputs_release(&in);

	struct config wrong = config_from("b@sha256:" ABC_SHA256);
	CHECK(!take(&wrong, "abd", &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
	CHECK(strstr(e.msg, "init_weights asks for") && strstr(e.msg, ABC_SHA256));
	CHECK_INT(in.n, 0);

	struct config next = config_from("a");
	char buf[600];
	struct text t;
	CHECK(take(&next, "abd", &e));
	inputs_release(&in);
	t = text_into(buf, sizeof(buf));
	CHECK_INT(config_diff(&c, &next, &t), 1);
	CHECK_STR(buf, "init_weights: another file, with SHA-256 ba7816bf8f01..., not a52d159f262b...");
	t = text_into(buf, sizeof(buf));
	config_print_brief(&c, key(), &t);
	CHECK_STR(buf, "sha256:ba7816bf8f01");
}

static void test_copies(void)
{
	struct dir d;
	struct err e = { .msg = "" };
	struct config c = config_from("a");
	char *data;
	size_t len;
	CHECK(dir_open(&d, scratch, &e));
	CHECK(take(&c, "abc", &e));
	CHECK(!inputs_check(&c, &d, &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
	for (int i = 0; i < 3; i++) {
		static const char *const before[] = { NULL, "abd", "abcd" }; /* damaged ones */
		if (before[i])
			CHECK(file_write_atomic(&d, RUN_INIT_WEIGHTS, before[i], strlen(before[i]), &e));
		CHECK(!inputs_check(&c, &d, &e));
		CHECK(inputs_write(&in, &d, &e));
		CHECK(inputs_check(&c, &d, &e));
		CHECK(file_load(&d, RUN_INIT_WEIGHTS, 100, &data, &len, &e));
		CHECK(len == 3 && memcmp(data, "abc", 3) == 0);
		free(data);
	}
	struct config none = config_from("");
	CHECK(inputs_check(&none, &d, &e));
	CHECK(file_remove(&d, RUN_INIT_WEIGHTS, &e));
	dir_close(&d);
	inputs_release(&in);
}

/* A weights file of that configuration with all weights x, in *in. */
static void take_weights(struct config *of, struct config *c, float x)
{
	struct net net;
	struct err e = { .msg = "" };
	float scale[4];
	CHECK(config_net(of, &net, &e));
	const size_t size = weights_buffer_size(&net);
	char *buf = malloc(size);
	float *params = floats(net.n_params);
	for (size_t i = 0; i < net.n_params; i++)
		params[i] = x + (float)i;
	config_obs_scale(of, scale);
	const size_t len = build_weights(of, &net, scale, params, 9, 9, buf, size);
	CHECK(inputs_take(&in, key(), c, "w.st", copy_of(buf, len), len, &e));
	free(buf);
	free(params);
}

static bool parse(const struct config *c, struct err *e)
{
	*e = (struct err){ .msg = "" };
	report_init(&report);
	return inputs_parse(&in, c, &report, e);
}

static void test_both_networks_start_from_it(void)
{
	char path[RUN_PATH_SIZE];
	struct err e;
	struct config c = config_from("w");
	snprintf(path, sizeof(path), "%s/run", scratch);
	c.ema_decay = 0.9;
	take_weights(&c, &c, 0.5f);
	CHECK(parse(&c, &e));
	CHECK_INT(report.n_warnings, 0);
	CHECK(run_open(&run, path, &c, &in, kernels_find(NULL), false, &e));
	const struct agent *a = &run.train.agent;
	const size_t n = a->policy.net.n_params;
	CHECK(same(a->online, in.weights.params, n));
	CHECK(same(a->target, in.weights.params, n));
	CHECK(same(a->average, in.weights.params, n));
	CHECK(a->average != a->online);
	CHECK_INT(a->adam.t, 0);
	for (size_t i = 0; i < n; i++)
		CHECK(a->m[i] == 0 && a->v[i] == 0);
	run_close(&run);
	inputs_release(&in);
	CHECK(in.weights.params == NULL);
}

static void test_what_does_not_fit(void)
{
	static const struct {
		const char *pair, *message;
	} cases[] = {
		{ "net_arch=8,8", "'w.st' cannot be init_weights of this run: the network is 4-8-2, not 4-8-8-2" },
		{ "net_arch=none", "'w.st' cannot be init_weights of this run: the network is 4-8-2, not 4-2" },
		{ "dueling=true",
			"'w.st' cannot be init_weights of this run: the network is 4-8-2, not 4-8-2 (dueling)" },
		{ "activation=tanh", "'w.st' cannot be init_weights of this run: activation is relu, not tanh" },
		{ "obs_scale=1,2,1,1",
			"'w.st' cannot be init_weights of this run: obs_scale is [1,1,1,1], not [1,2,1,1]" },
		{ "id=Acrobot-v1", "'w.st' cannot be init_weights of this run: the network is 4-8-2, not 6-8-3" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config of = config_from("w"), c = config_from("w");
		struct err e;
		char *pair = copy_of(cases[i].pair, strlen(cases[i].pair));
		pair[strlen(cases[i].pair)] = '\0';
		report_init(&report);
		config_override(&c, 1, &pair, &report);
		free(pair);
		take_weights(&of, &c, 1);
		CHECK(!parse(&c, &e));
		CHECK_INT(e.kind, ERR_CORRUPT);
		CHECK_STR(e.msg, cases[i].message);
		CHECK(in.weights.params == NULL);
		inputs_release(&in);
	}
}

static void test_what_fits(void)
{
	struct err e;
	struct config of = config_from("w"), c = config_from("w");
	of.reward_scale = 0.5;
	CHECK(config_set_value(&of, config_find("obs_scale"), "1"));
	take_weights(&of, &c, 1);
	CHECK(parse(&c, &e));
	CHECK_INT(report.n_warnings, 1);
	CHECK_STR(report.buf,
		"warning: 'w.st' was trained with reward_scale = 0.5, not 1: its Q values are of another scale\n");
	inputs_release(&in);
	CHECK(!take(&c, "no weights", &e));
	c = config_from("w");
	CHECK(take(&c, "no weights", &e));
	CHECK(!parse(&c, &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
	inputs_release(&in);
}

int main(void)
{
	if (!mkdtemp(scratch))
		abort();
	RUN(test_values);
	RUN(test_a_file_is_its_digest);
	RUN(test_copies);
	RUN(test_both_networks_start_from_it);
	RUN(test_what_does_not_fit);
	RUN(test_what_fits);
	char command[64];
	snprintf(command, sizeof(command), "rm -rf %s", scratch);
	CHECK(system(command) == 0);
	return test_end();
}
