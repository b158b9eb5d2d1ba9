/* Weights files: what is written reads back, and nothing that is not a weights
 * file does. The reader in Python beside this file shares no code with the writer.
 * tests/mutations lists mistakes that this file catches. */
#include "run/weights.h"

#include "base/file.h"
#include "base/sha256.h"
#include "base/safetensors.h"

#include "fixtures.h"

#include <stdlib.h>
#include <unistd.h>

struct file {
	struct config config;
	struct net net;
	float *params;
	char *bytes;
	size_t len, size;
	float scale[FACTORS_MAX];
};

/* A file with random weights, in a buffer of exactly the size that is asked for. */
static void build(struct file *f, const char *keys)
{
	struct rng rng;
	struct err e;
	f->config = config_of(keys, NULL);
	CHECK(config_net(&f->config, &f->net, &e));
	f->params = malloc(f->net.n_params * sizeof(float));
	f->size = weights_buffer_size(&f->net);
	f->bytes = malloc(f->size);
	if (!f->params || !f->bytes)
		abort();
	config_obs_scale(&f->config, f->scale);
	rng_init(&rng, 3);
	fill_uniform(&rng, 1, f->net.n_params, f->params);
	f->len = build_weights(&f->config, &f->net, f->scale, f->params, 12345, 678, f->bytes, f->size);
	CHECK(f->len > 0 && f->len <= f->size);
}

static void release(struct file *f)
{
	free(f->params);
	free(f->bytes);
}

/* Parses a copy of its own size, so that ASan sees every byte read behind it. */
static bool parse(struct weights *w, const void *bytes, size_t len, struct err *e)
{
	void *copy = malloc(len ? len : 1);
	if (!copy)
		abort();
	memcpy(copy, bytes, len);
	*e = (struct err){ .msg = "" };
	const bool ok = weights_parse(w, NULL, "w.st", copy, len, e);
	free(copy);
	if (!ok) {
		CHECK(w->params == NULL);
		CHECK(strncmp(e->msg, "'w.st': ", 8) == 0);
	}
	return ok;
}

static bool rejects(const void *bytes, size_t len)
{
	struct weights w;
	struct err e;
	const bool ok = parse(&w, bytes, len, &e);
	if (ok)
		weights_release(&w);
	return !ok && e.kind == ERR_CORRUPT;
}

static const char *const architectures[] = {
	"net_arch=5,3",
	"net_arch=none",
	"net_arch=7 activation=tanh obs_scale=bounds",
	"net_arch=1,2,3,4,5,6,7,8 id=CartPole-v0 obs_scale=0.1,-2,3e-5,12345.678",
	"net_arch=64,64 seed=18446744073709551615 eval_max_episode_steps=77",
	"net_arch=33,1,130 stop_return=490",
	"net_arch=6,5 dueling=true activation=tanh",
	"net_arch=none dueling=true",
	"net_arch=1,2,3,4,5,6,7,8 dueling=true",
};
enum { N_ARCHITECTURES = sizeof(architectures) / sizeof(architectures[0]) };

static void test_what_is_written_reads_back(void)
{
	for (int i = 0; i < N_ARCHITECTURES; i++) {
		struct file f;
		struct weights w;
		struct err e;
		float scale[FACTORS_MAX];
		build(&f, architectures[i]);
		CHECK(parse(&w, f.bytes, f.len, &e));
		CHECK_INT(w.net.n_params, f.net.n_params);
		CHECK_INT(w.net.n_layers, f.net.n_layers);
		CHECK_INT(w.net.activation, f.net.activation);
		CHECK_INT(w.net.dueling, f.net.dueling);
		for (int l = 0; l <= f.net.n_layers; l++)
			CHECK_INT(w.net.dim[l], f.net.dim[l]);
		CHECK(memcmp(w.params, f.params, f.net.n_params * sizeof(float)) == 0);
		CHECK(w.env == config_env(&f.config));
		CHECK_INT(w.max_episode_steps, config_eval_limit(&f.config));
		config_obs_scale(&f.config, scale);
		for (int k = 0; k < w.env->obs_dim; k++)
			CHECK(w.obs_scale[k] == scale[k]);
		weights_release(&w);
		CHECK(w.params == NULL);
		release(&f);
	}
}

static void test_params_are_not_changed_and_bytes_repeat(void)
{
	const char *const keys = "net_arch=9,4";
	struct file a, b;
	build(&a, keys);
	build(&b, keys);
	CHECK(memcmp(a.params, b.params, a.net.n_params * sizeof(float)) == 0);
	CHECK_INT(a.len, b.len);
	CHECK(memcmp(a.bytes, b.bytes, a.len) == 0);
	/* A larger buffer, and one that held something, make no difference. */
	char *bytes = malloc(a.size + 100);
	if (!bytes)
		abort();
	memset(bytes, 0x5a, a.size + 100);
	CHECK_INT(build_weights(&a.config, &a.net, a.scale, a.params, 12345, 678, bytes, a.size + 100), a.len);
	CHECK(memcmp(bytes, b.bytes, a.len) == 0);
	CHECK(memcmp(a.params, b.params, a.net.n_params * sizeof(float)) == 0);
	free(bytes);
	release(&a);
	release(&b);
}

static void test_tensors_have_pytorchs_layout(void)
{
	static const char *const names[] = { "0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias" };
	struct file f;
	struct st_file st;
	struct err e;
	build(&f, "net_arch=3,5");
	CHECK(st_open_bytes(&st, "w.st", f.bytes, f.len, &e) && st_verify(&st, &e));
	CHECK_INT(st.n_tensors, 6);
	CHECK_INT(st.data_len, 4 * f.net.n_params);
	const unsigned char *data = st.tensor[0].data;
	CHECK_INT((data - (const unsigned char *)f.bytes) % 8, 0);
	CHECK_INT(st.header[0], '{');
	for (int t = 0; t < 6; t++) {
		float values[64] = { 0 };
		const struct st_tensor *tensor = &st.tensor[t];
		const int l = t / 2, in = f.net.dim[l], out = f.net.dim[l + 1];
		CHECK_STR(tensor->name, names[t]);
		const struct st_tensor wanted = { .name = names[t],
			.n_dims = tensor->n_dims,
			.shape = { tensor->shape[0], tensor->shape[1] },
			.values = values };
		CHECK(st_load(&st, &wanted, 1, &e));
		CHECK_INT(tensor->shape[0], out);
		if (t % 2 == 0) {
			CHECK_INT(tensor->n_dims, 2);
			CHECK_INT(tensor->shape[1], in);
			for (int o = 0; o < out; o++)
				for (int i = 0; i < in; i++)
					CHECK(values[o * in + i] == f.params[f.net.w[l] + (size_t)(i * out + o)]);
		} else {
			CHECK_INT(tensor->n_dims, 1);
			for (int o = 0; o < out; o++)
				CHECK(values[o] == f.params[f.net.b[l] + (size_t)o]);
		}
	}
	/* Little-endian, whatever the machine is. */
	const float first = f.params[0];
	uint32_t bits;
	memcpy(&bits, &first, 4);
	for (int b = 0; b < 4; b++)
		CHECK_INT(data[b], bits >> (8 * b) & 0xff);
	st_close(&st);
	release(&f);
}

static void test_metadata(void)
{
	static const char *const want[][2] = { { "format", "pt" }, { "format_version", "1" },
		{ "env_id", "CartPole-v1" }, { "max_episode_steps", "77" }, { "net_arch", "3,5" },
		{ "activation", "tanh" }, { "timesteps", "12345" }, { "n_updates", "678" } };
	struct file f;
	struct st_file st;
	struct err e;
	char text[CONFIG_TEXT_MAX];
	struct text t;
	build(&f, "net_arch=3,5 obs_scale=0.1,-2,3,4 activation=tanh max_episode_steps=66 "
		  "eval_max_episode_steps=77");
	CHECK(st_open_bytes(&st, "w.st", f.bytes, f.len, &e) && st_verify(&st, &e));
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const char *value = st_metadata_get(&st, want[i][0]);
		CHECK_STR(value ? value : "", want[i][1]);
	}
	t = text_into(text, sizeof(text));
	config_print_deciding(&f.config, &t);
	CHECK_STR(st_metadata_get(&st, "config"), text);
	const char *value = st_metadata_get(&st, "obs_scale");
	double scale[4] = { 0 };
	char close = 0, rest = 0;
	CHECK_INT(sscanf(value ? value : "", "[%lf,%lf,%lf,%lf%c%c", &scale[0], &scale[1], &scale[2], &scale[3], &close,
			  &rest),
		5);
	CHECK(close == ']' && (float)scale[0] == 0.1f && scale[1] == -2 && scale[3] == 4);
	CHECK(!st_metadata_get(&st, "no_such_key"));
	st_close(&st);
	release(&f);
}

/* --- damaged files --- */

static void test_every_truncation_is_rejected(void)
{
	struct file f;
	build(&f, "net_arch=2");
	int n_accepted = 0;
	for (size_t len = 0; len < f.len; len++)
		n_accepted += !rejects(f.bytes, len);
	CHECK_INT(n_accepted, 0);
	CHECK(!rejects(f.bytes, f.len));
	release(&f);
}

static void test_bytes_behind_the_data_are_rejected(void)
{
	struct file f;
	build(&f, "net_arch=2");
	memset(f.bytes + f.len, 0, 64);
	for (size_t more = 1; more <= 64; more++)
		CHECK(rejects(f.bytes, f.len + more));
	release(&f);
}

/* A changed byte is found by the checksum, unless it stands in the checksum's key:
 * then there is none, and nothing else has changed. */
static void check_changed_byte(const struct file *f, size_t at)
{
	struct weights w;
	struct err e;
	float scale[FACTORS_MAX];
	if (!parse(&w, f->bytes, f->len, &e)) {
		CHECK_INT(e.kind, ERR_CORRUPT);
		return;
	}
	config_obs_scale(&f->config, scale);
	const bool equal = w.net.n_params == f->net.n_params && memcmp(w.net.dim, f->net.dim, sizeof(w.net.dim)) == 0 &&
			   memcmp(w.params, f->params, w.net.n_params * sizeof(float)) == 0 &&
			   memcmp(w.obs_scale, scale, 4 * sizeof(float)) == 0 &&
			   w.net.activation == f->net.activation && w.env == config_env(&f->config) &&
			   w.max_episode_steps == w.env->max_episode_steps;
	weights_release(&w);
	bool in_key = false;
	for (size_t i = 0; i < sizeof("dqn_sha256_v2") - 1 && i < at; i++)
		in_key |= strncmp(f->bytes + at - i + sizeof("dqn_sha256_v2") - 1, "\":\"", 3) == 0;
	CHECK(equal);
	CHECK(in_key);
	if (!equal || !in_key)
		printf("byte %zu, '%.20s'\n", at, f->bytes + at);
}

static void test_every_flipped_bit_is_harmless_or_rejected(void)
{
	struct file f;
	build(&f, "net_arch=2 obs_scale=bounds");
	for (size_t at = 0; at < f.len; at++)
		for (int bit = 0; bit < 8; bit++) {
			f.bytes[at] = (char)(f.bytes[at] ^ 1 << bit);
			check_changed_byte(&f, at);
			f.bytes[at] = (char)(f.bytes[at] ^ 1 << bit);
		}
	CHECK(!rejects(f.bytes, f.len));
	release(&f);
}

static void test_every_byte_replaced_is_harmless_or_rejected(void)
{
	static const unsigned char with[] = { 0, ' ', '"', '\\', '{', '}', '[', ']', ',', ':', '0', '9', '-', 'e', '.',
		'n', 0x80, 0xff };
	struct file f;
	build(&f, "net_arch=1");
	for (size_t at = 0; at < f.len; at++) {
		const char before = f.bytes[at];
		for (size_t i = 0; i < sizeof(with); i++) {
			f.bytes[at] = (char)with[i];
			if (f.bytes[at] != before)
				check_changed_byte(&f, at);
		}
		f.bytes[at] = before;
	}
	release(&f);
}

static void test_random_damage_never_crashes(void)
{
	struct file f;
	struct rng rng;
	build(&f, "net_arch=3");
	char *copy = malloc(f.len);
	if (!copy)
		abort();
	memcpy(copy, f.bytes, f.len);
	rng_init(&rng, 11);
	int n_rejected = 0;
	for (int trial = 0; trial < 3000; trial++) {
		for (uint64_t n = 1 + rng_below(&rng, 6); n > 0; n--) {
			const size_t to = (size_t)rng_below(&rng, f.len);
			const size_t from = (size_t)rng_below(&rng, f.len);
			const size_t most = f.len - (to > from ? to : from);
			const size_t len = (size_t)rng_below(&rng, most < 40 ? most + 1 : 40);
			memmove(f.bytes + to, f.bytes + from, len);
		}
		n_rejected += rejects(f.bytes, f.len - (size_t)rng_below(&rng, 3));
		memcpy(f.bytes, copy, f.len);
	}
	CHECK(n_rejected > 2500); /* the rest moved blanks, or bytes of the configuration */
	free(copy);
	release(&f);
}

/* --- crafted files --- */

#define METADATA                                                                             \
	"\"format_version\":\"1\",\"env_id\":\"CartPole-v1\",\"max_episode_steps\":\"500\"," \
	"\"obs_scale\":\"[1,1,1,1]\",\"activation\":\"relu\""
#define WEIGHT "\"0.weight\":{\"dtype\":\"F32\",\"shape\":[2,4],\"data_offsets\":[0,32]}"
#define BIAS "\"0.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[32,40]}"
#define TENSORS WEIGHT "," BIAS
#define FILE_OF(metadata, tensors) "{\"__metadata__\":{" metadata "}," tensors "}"

/* A file of that header and data_len bytes of small floats behind it. */
static size_t craft(const char *header, size_t data_len, char *bytes, size_t size)
{
	const size_t n = strlen(header);
	CHECK(8 + n + data_len <= size);
	memset(bytes, 0, 8);
	for (int b = 0; b < 4; b++)
		bytes[b] = (char)(n >> (8 * b) & 0xff);
	memcpy(bytes + 8, header, n);
	for (size_t i = 0; i < data_len; i++)
		bytes[8 + n + i] = (char)(i % 4 == 3 ? 0x3f : i);
	return 8 + n + data_len;
}

/* What the parser says of it: "" if it is accepted. */
static const char *verdict(const char *header, size_t data_len)
{
	static char bytes[(1 << 20) + 1000];
	static struct err e;
	struct weights w;
	const size_t len = craft(header, data_len, bytes, sizeof(bytes));
	if (parse(&w, bytes, len, &e)) {
		weights_release(&w);
		return "";
	}
	CHECK_INT(e.kind, ERR_CORRUPT);
	return e.msg;
}

static void check_crafted(const char *header, size_t data_len, const char *piece)
{
	const char *got = verdict(header, data_len);
	const bool ok = piece[0] ? strstr(got, piece) != NULL : got[0] == '\0';
	CHECK(ok);
	if (!ok)
		printf("'%s' instead of '%s': %.300s\n", got, piece, header);
}

static void test_crafted_files_that_are_fine(void)
{
	check_crafted(FILE_OF(METADATA, TENSORS), 40, "");
	check_crafted(FILE_OF(METADATA, TENSORS) "     \n", 40, "");
	check_crafted("{" TENSORS ",\"__metadata__\":{" METADATA "}}", 40, "");
	check_crafted(FILE_OF(METADATA, BIAS "," WEIGHT), 40, "");
	check_crafted(FILE_OF(METADATA ",\"more\":\"x\"", TENSORS), 40, "");
	check_crafted(FILE_OF(METADATA, "\"0.weight\" : { \"shape\" : [ 2 , 4 ] , "
					"\"data_offsets\":[8,40],\"dtype\":\"F32\"},"
					"\"0.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"),
		40, "");
	check_crafted(FILE_OF(METADATA, "\"\\u0030.weight\":{\"dtype\":\"F32\",\"shape\":[2,4],"
					"\"data_offsets\":[0,32]}," BIAS),
		40, "");
}

/* 0.weight of these fields, and the right 0.bias */
#define FIELDS(fields) FILE_OF(METADATA, "\"0.weight\":{" fields "}," BIAS)
#define DTYPE "\"dtype\":\"F32\""
#define SHAPE "\"shape\":[2,4]"
#define OFFSETS "\"data_offsets\":[0,32]"
#define W(shape, offsets) "\"0.weight\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define B(shape, offsets) "\"0.bias\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void test_crafted_tensors_that_are_not(void)
{
	static const struct {
		const char *header;
		size_t data_len;
		const char *piece;
	} cases[] = {
		/* overlaps and gaps */
		{ FILE_OF(METADATA, W("[2,4]", "[0,32]") "," B("[2]", "[24,32]")), 32, "overlap" },
		{ FILE_OF(METADATA, W("[2,4]", "[0,32]") "," B("[2]", "[0,8]")), 32, "overlap" },
		{ FILE_OF(METADATA, W("[2,4]", "[0,32]") "," B("[2]", "[24,32]")), 40, "overlap" },
		{ FILE_OF(METADATA, W("[2,4]", "[0,32]") "," B("[2]", "[30,38]")), 38, "overlap" },
		{ FILE_OF(METADATA, W("[2,4]", "[0,32]") "," B("[2]", "[36,44]")), 44, "gap" },
		{ FILE_OF(METADATA, W("[2,4]", "[4,36]") "," B("[2]", "[36,44]")), 44, "gap" },
		{ FILE_OF(METADATA, TENSORS), 44, "gap" },
		/* outside */
		{ FILE_OF(METADATA, TENSORS), 39, "outside" },
		{ FILE_OF(METADATA, TENSORS), 0, "outside" },
		{ FILE_OF(METADATA, W("[2,4]", "[0,32]") "," B("[2]", "[40,32]")), 40, "outside" },
		{ FILE_OF(METADATA, W("[2,4]", "[0,32]") "," B("[2]", "[18446744073709551608,18446744073709551615]")),
			40, "outside" },
		{ FILE_OF(METADATA, W("[2,4]", "[0,32]") "," B("[2]", "[18446744073709551608,0]")), 40, "outside" },
		{ FILE_OF(METADATA, W("[2,4]", "[0,32]") "," B("[2]", "[32,18446744073709551656]")), 40, "header" },
		/* shapes against offsets */
		{ FILE_OF(METADATA, W("[2,5]", "[0,32]") "," BIAS), 40, "disagree" },
		{ FILE_OF(METADATA, W("[2,3]", "[0,32]") "," BIAS), 40, "disagree" },
		{ FILE_OF(METADATA, W("[0,4]", "[0,32]") "," BIAS), 40, "disagree" },
		{ FILE_OF(METADATA, W("[4294967296,4294967296]", "[0,32]") "," BIAS), 40, "disagree" },
		{ FILE_OF(METADATA, W("[4294967296,4294967296,2,4]", "[0,32]") "," BIAS), 40, "disagree" },
		{ FILE_OF(METADATA, W("[4611686018427387906,4]", "[0,32]") "," BIAS), 40, "disagree" },
		{ FILE_OF(METADATA, W("[4611686018427387912]", "[0,32]") "," BIAS), 40, "disagree" },
		{ FILE_OF(METADATA, W("[2,4,1,1,1]", "[0,32]") "," BIAS), 40, "dense" },
		{ FILE_OF(METADATA, W("[2,4,1,1]", "[0,32]") "," BIAS), 40, "dense" },
		{ FILE_OF(METADATA, W("[8]", "[0,32]") "," BIAS), 40, "dense" },
		{ FILE_OF(METADATA, WEIGHT "," B("[2,1]", "[32,40]")), 40, "its bias" },
		{ FILE_OF(METADATA, WEIGHT "," B("[]", "[32,36]")), 36, "its bias" },
		{ FILE_OF(METADATA, W("[4,2]", "[0,32]") "," B("[4]", "[32,48]")), 48, "no order" },
		{ FILE_OF(METADATA, WEIGHT "," B("[3]", "[32,44]")), 44, "its bias" },
		{ FILE_OF(METADATA, WEIGHT "," B("[1]", "[32,36]")), 36, "its bias" },
		{ FILE_OF(METADATA, W("[2,5]", "[0,40]") "," B("[2]", "[40,48]")), 48, "no order" },
		{ FILE_OF(METADATA, W("[3,4]", "[0,48]") "," B("[3]", "[48,60]")), 60, "no order" },
		{ FILE_OF(METADATA, W("[3,4]", "[0,48]") "," B("[2]", "[48,56]")), 56, "its bias" },
		{ FILE_OF(METADATA, TENSORS ",\"x\":{" DTYPE ",\"shape\":[1],\"data_offsets\":[40,44]}"), 44,
			"'x' is not of a dense layer" },
		{ FILE_OF(METADATA, W("[2,0]", "[0,0]") "," B("[2]", "[0,8]")), 8, "a size" },
		{ FILE_OF(METADATA, W("[0,4]", "[0,0]") "," B("[0]",
					    "[0,0]") ","
						     "\"2.weight\":{" DTYPE ",\"shape\":[2,0],\"data_offsets\":[0,0]},"
						     "\"2.bias\":{" DTYPE ",\"shape\":[2],\"data_offsets\":[0,8]}"),
			8, "a size" },
		/* a value head without the other, and a layer before heads that has no halves */
		{ FILE_OF(METADATA, TENSORS ",\"value.weight\":{" DTYPE ",\"shape\":[1,1],\"data_offsets\":[40,44]},"
					    "\"value.bias\":{" DTYPE ",\"shape\":[1],\"data_offsets\":[44,48]}"),
			48, "no order" },
		{ FILE_OF(METADATA,
			  W("[3,4]", "[0,48]") "," B("[3]",
				  "[48,60]") ","
					     "\"value.weight\":{" DTYPE ",\"shape\":[1,1],\"data_offsets\":[60,64]},"
					     "\"value.bias\":{" DTYPE ",\"shape\":[1],\"data_offsets\":[64,68]},"
					     "\"advantage.weight\":{" DTYPE
					     ",\"shape\":[2,1],\"data_offsets\":[68,76]},"
					     "\"advantage.bias\":{" DTYPE ",\"shape\":[2],\"data_offsets\":[76,84]}"),
			84, "no order" },
		/* numbers */
		{ FILE_OF(METADATA, W("[-2,4]", "[0,32]") "," BIAS), 40, "header" },
		{ FILE_OF(METADATA, W("[2.0,4]", "[0,32]") "," BIAS), 40, "header" },
		{ FILE_OF(METADATA, W("[2e0,4]", "[0,32]") "," BIAS), 40, "header" },
		{ FILE_OF(METADATA, W("[02,4]", "[0,32]") "," BIAS), 40, "header" },
		{ FILE_OF(METADATA, W("[2,4]", "[-0,32]") "," BIAS), 40, "header" },
		{ FILE_OF(METADATA, W("[2,4,]", "[0,32]") "," BIAS), 40, "header" },
		{ FILE_OF(METADATA, W("[2,\"4\"]", "[0,32]") "," BIAS), 40, "header" },
		{ FILE_OF(METADATA, W("[2,null]", "[0,32]") "," BIAS), 40, "header" },
		{ FILE_OF(METADATA, W("null", "[0,32]") "," BIAS), 40, "header" },
		{ FILE_OF(METADATA, W("[2,4]", "[0]") "," BIAS), 40, "missing" },
		{ FILE_OF(METADATA, W("[2,4]", "[]") "," BIAS), 40, "missing" },
		{ FILE_OF(METADATA, W("[2,4]", "[0,32,32]") "," BIAS), 40, "data_offsets" },
		/* names and fields */
		{ FILE_OF(METADATA, WEIGHT "," W("[2]", "[32,40]")), 40, "repeated" },
		{ FILE_OF(METADATA, WEIGHT "," BIAS "," BIAS), 40, "repeated" },
		{ FILE_OF(METADATA, "\"1.weight\":{\"dtype\":\"F32\",\"shape\":[2,4],\"data_offsets\":[0,32]}," BIAS),
			40, "dense" },
		{ FILE_OF(METADATA, WEIGHT ",\"0.Bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[32,40]}"),
			40, "dense" },
		{ FIELDS("\"dtype\":\"F16\",\"shape\":[2,8]," OFFSETS), 40, "no order" },
		{ FIELDS("\"dtype\":\"F64\"," SHAPE "," OFFSETS), 40, "disagree" },
		{ FIELDS("\"dtype\":\"F64\",\"shape\":[2,2]," OFFSETS), 40, "no order" },
		{ FIELDS("\"dtype\":\"I32\"," SHAPE "," OFFSETS), 40, "type" },
		{ FIELDS("\"dtype\":\"f32\"," SHAPE "," OFFSETS), 40, "F32" },
		{ FIELDS("\"dtype\":\"F32345678\"," SHAPE "," OFFSETS), 40, "data type" },
		{ FIELDS(SHAPE "," OFFSETS), 40, "F32" },
		{ FIELDS(DTYPE "," OFFSETS), 40, "missing" },
		{ FIELDS(DTYPE "," SHAPE), 40, "missing" },
		{ FIELDS(DTYPE "," SHAPE "," SHAPE "," OFFSETS), 40, "repeated" },
		{ FIELDS(DTYPE "," DTYPE "," SHAPE "," OFFSETS), 40, "repeated" },
		{ FIELDS(DTYPE "," SHAPE "," OFFSETS "," OFFSETS), 40, "repeated" },
		{ FIELDS(DTYPE "," SHAPE "," OFFSETS ",\"x\":1"), 40, "unknown" },
		{ FILE_OF(METADATA, "\"0.weight\":[2,4]," BIAS), 40, "header" },
		/* the whole */
		{ "{}", 0, "metadata" },
		{ "{\"__metadata__\":{" METADATA "}}", 0, "no tensors" },
		{ "{" TENSORS "}", 40, "metadata" },
		{ FILE_OF(METADATA, TENSORS) "x", 40, "header" },
		{ FILE_OF(METADATA, TENSORS) "{}", 40, "header" },
		{ FILE_OF(METADATA, TENSORS ","), 40, "header" },
		{ "[" TENSORS "]", 40, "header" },
		{ "\"x\"", 0, "header" },
		{ "", 0, "header" },
		{ FILE_OF(METADATA, TENSORS ",\"__metadata__\":{}"), 40, "two" },
		{ FILE_OF("\"a\":1," METADATA, TENSORS), 40, "header" },
		{ FILE_OF("\"a\":null," METADATA, TENSORS), 40, "header" },
		{ FILE_OF("\"a\":{}," METADATA, TENSORS), 40, "header" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_crafted(cases[i].header, cases[i].data_len, cases[i].piece);
}

#define META(version, env, limit, scale, activation)                                                       \
	FILE_OF("\"format_version\":\"" version "\",\"env_id\":\"" env "\",\"max_episode_steps\":\"" limit \
		"\",\"obs_scale\":\"" scale "\",\"activation\":\"" activation "\"",                        \
		TENSORS)

static void test_crafted_metadata_that_is_not(void)
{
	static const struct {
		const char *header, *piece;
	} cases[] = {
		{ META("1", "CartPole-v1", "500", "[1,1,1,1]", "relu"), "" },
		{ META("2", "CartPole-v1", "500", "[1,1,1,1]", "relu"), "format_version" },
		{ META("", "CartPole-v1", "500", "[1,1,1,1]", "relu"), "format_version" },
		{ META("1", "Pong-v5", "500", "[1,1,1,1]", "relu"), "Pong-v5" },
		{ META("1", "", "500", "[1,1,1,1]", "relu"), "environment" },
		{ META("1", "CartPole-v1", "0", "[1,1,1,1]", "relu"), "max_episode_steps" },
		{ META("1", "CartPole-v1", "-1", "[1,1,1,1]", "relu"), "max_episode_steps" },
		{ META("1", "CartPole-v1", "x", "[1,1,1,1]", "relu"), "max_episode_steps" },
		{ META("1", "CartPole-v1", "1e300", "[1,1,1,1]", "relu"), "max_episode_steps" },
		{ META("1", "CartPole-v1", "500", "[1,1,1]", "relu"), "obs_scale" },
		{ META("1", "CartPole-v1", "500", "[1,1,1,1,1]", "relu"), "obs_scale" },
		{ META("1", "CartPole-v1", "500", "[1,1,1,1", "relu"), "obs_scale" },
		{ META("1", "CartPole-v1", "500", "[1,1,1,null]", "relu"), "obs_scale" },
		{ META("1", "CartPole-v1", "500", "[1,1,1,1e39]", "relu"), "obs_scale" },
		{ META("1", "CartPole-v1", "500", "[1,1,1,1] x", "relu"), "obs_scale" },
		{ META("1", "CartPole-v1", "500", "1,1,1,1", "relu"), "obs_scale" },
		{ META("1", "CartPole-v1", "500", "", "relu"), "obs_scale" },
		{ META("1", "CartPole-v1", "500", "[1,1,1,1]", "gelu"), "gelu" },
		{ META("1", "CartPole-v1", "500", "[1,1,1,1]", ""), "activation" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_crafted(cases[i].header, 40, cases[i].piece);

	/* each key that a reader needs, left out */
	static const char *const keys[] = { "format_version", "env_id", "max_episode_steps", "obs_scale",
		"activation" };
	for (int i = 0; i < 5; i++) {
		char header[1000];
		strcpy(header, FILE_OF(METADATA, TENSORS));
		char *at = strstr(header, keys[i]);
		if (at)
			*at = 'X';
		check_crafted(header, 40, keys[i]);
	}
}

/* safetensors: "Duplicate keys are disallowed". Others read the last of two. */
static void test_duplicate_metadata_keys_are_rejected(void)
{
	CHECK(verdict(FILE_OF(METADATA ",\"obs_scale\":\"[9,9,9,9]\"", TENSORS), 40)[0]);
	CHECK(verdict(FILE_OF(METADATA ",\"more\":\"1\",\"more\":\"2\"", TENSORS), 40)[0]);
}

/* safetensors: "The header data MUST begin with a { character". */
static void test_a_header_begins_with_its_brace(void)
{
	CHECK(verdict(" " FILE_OF(METADATA, TENSORS), 40)[0]);
	CHECK(verdict("\n" FILE_OF(METADATA, TENSORS), 40)[0]);
}

static void test_wrong_checksums(void)
{
	static const char *const wrong[] = { "", "0",
		"0000000000000000000000000000000000000000000000000000000000000000" };
	char header[1000];
	for (int i = 0; i < 3; i++) {
		snprintf(header, sizeof(header), FILE_OF(METADATA ",\"dqn_sha256_v2\":\"%s\"", TENSORS), wrong[i]);
		check_crafted(header, 40, "checksum");
	}
}

/* One that is too long to be a checksum must not pass for none. */
static void test_a_checksum_that_is_too_long_is_rejected(void)
{
	char header[2000];
	for (int n = 65; n < 200; n += 67) {
		snprintf(header, sizeof(header), FILE_OF(METADATA ",\"dqn_sha256_v2\":\"%0*d\"", TENSORS), n, 0);
		CHECK(verdict(header, 40)[0]);
	}
}

static void fold_and_rebuild(const char *keys)
{
	struct file f;
	struct weights w, v;
	struct err e;
	build(&f, keys);
	for (int i = 0; i < 4; i++)
		f.scale[i] = 0.5F + (float)i;
	f.len = build_weights(&f.config, &f.net, f.scale, f.params, 12345, 678, f.bytes, f.size);
	CHECK(parse(&w, f.bytes, f.len, &e));
	CHECK(weights_fold_scale(&w));
	const float obs[4] = { 0.3F, -1, 2, 0.1F };
	float x[4], work[2][256], q[2];
	for (int i = 0; i < 4; i++)
		x[i] = obs[i] * f.scale[i];
	CHECK(net_forward_size(&w.net, 1) <= 256);
	const struct kernels *k = kernels_find("scalar");
	const float *want = net_forward(&f.net, k, f.params, x, 1, work[0]);
	memcpy(q, net_forward(&w.net, k, w.params, obs, 1, work[1]), sizeof(q));
	for (int i = 0; i < 2; i++)
		CHECK_NEAR((double)q[i], (double)want[i], 1e-6);
	const size_t len = weights_build(&w, f.bytes, f.size);
	CHECK(parse(&v, f.bytes, len, &e));
	CHECK(memcmp(v.params, w.params, w.net.n_params * sizeof(float)) == 0);
	CHECK(v.obs_scale[0] == 1 && v.obs_scale[3] == 1);
	CHECK_INT(v.timesteps, 12345);
	CHECK_INT(v.max_episode_steps, w.max_episode_steps);
	w.obs_scale[0] = 3e38F;
	w.params[0] = 2;
	CHECK(!weights_fold_scale(&w));
	weights_release(&w);
	weights_release(&v);
	release(&f);
}

static void test_loading_other_tensors_than_there_are(void)
{
	float x[6] = { 1, 2, 3, 4, 5, 6 }, y[6] = { 0 };
	struct st_tensor t = {
		.name = "a", .type = ST_F32, .n_dims = 2, .shape = { 2, 3 }, .n_values = 6, .values = x
	};
	struct st_file out = { .tensor = &t, .n_tensors = 1 }, in;
	struct err e;
	char buf[1024];
	CHECK(st_open_bytes(&in, "a.st", buf, st_write(&out, NULL, buf, sizeof(buf), &e), &e));
	t.values = y;
	CHECK(st_load(&in, &t, 1, &e) && memcmp(x, y, sizeof(x)) == 0);
	t.name = "b";
	CHECK(!st_load(&in, &t, 1, &e) && strstr(e.msg, "tensor 'b' is missing"));
	t.name = "a";
	t.type = ST_I32;
	CHECK(!st_load(&in, &t, 1, &e) && strstr(e.msg, "'a' is not of type I32"));
	t.type = ST_F32;
	t.shape[0] = 3;
	t.shape[1] = 2;
	CHECK(!st_load(&in, &t, 1, &e) && strstr(e.msg, "the shape of 'a' does not fit; (3,2) would"));
	st_close(&in);
}

/* Rows of one value, of a few, and of more than are copied at a time: the file is that of the same
 * values without gaps, and gaps keep what they hold. */
static void test_values_with_gaps_between_rows(void)
{
	enum { ROWS = 3, STRIDE = 1500 };
	static const size_t widths[] = { 1, 2, 4, 1499, 1500 };
	static float apart[ROWS * STRIDE], dense[ROWS * STRIDE], into[ROWS * STRIDE];
	static char buf[2][ROWS * STRIDE * sizeof(float) + 1024];
	for (size_t k = 0; k < sizeof(widths) / sizeof(widths[0]); k++) {
		const size_t width = widths[k];
		struct st_tensor t = { .name = "a", .n_dims = 2, .shape = { ROWS, width }, .n_values = ROWS * width };
		struct st_file out = { .tensor = &t, .n_tensors = 1 }, in;
		struct err e;
		for (size_t i = 0; i < ROWS * STRIDE; i++) {
			apart[i] = (float)i;
			into[i] = -1;
		}
		for (size_t i = 0; i < ROWS; i++)
			memcpy(dense + i * width, apart + i * STRIDE, width * sizeof(float));
		t.values = dense;
		const size_t len = st_write(&out, NULL, buf[0], sizeof(buf[0]), &e);
		t.values = apart;
		t.stride = STRIDE * sizeof(float);
		CHECK_INT(st_write(&out, NULL, buf[1], sizeof(buf[1]), &e), len);
		CHECK(memcmp(buf[0], buf[1], len) == 0);
		t.values = into;
		CHECK(st_open_bytes(&in, "a.st", buf[0], len, &e) && st_load(&in, &t, 1, &e));
		for (size_t i = 0; i < ROWS * STRIDE; i++)
			CHECK(into[i] == (i % STRIDE < width ? apart[i] : -1));
		st_close(&in);
	}
}

static void test_scale_in_the_first_layer(void)
{
	fold_and_rebuild("net_arch=8,4");
	fold_and_rebuild("net_arch=none");
	fold_and_rebuild("net_arch=8 dueling=true activation=tanh");
	fold_and_rebuild("net_arch=none dueling=true");
}

static void test_weights_that_are_not_finite(void)
{
	static const float bad[] = { NAN, INFINITY, -INFINITY };
	struct file f;
	build(&f, "net_arch=2");
	for (size_t at = 0; at < f.net.n_params; at++) {
		const float before = f.params[at];
		struct weights w;
		struct err e;
		f.params[at] = bad[at % 3];
		const size_t len = build_weights(&f.config, &f.net, f.scale, f.params, 1, 1, f.bytes, f.size);
		CHECK(!parse(&w, f.bytes, len, &e));
		CHECK_INT(e.kind, ERR_CORRUPT);
		CHECK(strstr(e.msg, "finite") != NULL);
		f.params[at] = before;
	}
	release(&f);
}

static size_t data_offset(const struct file *f)
{
	return f->len - f->net.n_params * sizeof(float);
}

static void test_lengths_of_the_header(void)
{
	struct file f;
	build(&f, "net_arch=2");
	char length[8];
	memcpy(length, f.bytes, 8);
	static const uint64_t bad[] = { 0, 1, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63, 1u << 31, (1u << 20) + 1,
		1u << 20 };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (int b = 0; b < 8; b++)
			f.bytes[b] = (char)(bad[i] >> (8 * b) & 0xff);
		CHECK(rejects(f.bytes, f.len));
	}
	const uint64_t len = (unsigned char)length[0] | (uint64_t)(unsigned char)length[1] << 8;
	CHECK_INT(len, data_offset(&f) - 8);
	memcpy(f.bytes, length, 8);
	for (uint64_t other = 0; other < f.len + 10; other++) {
		f.bytes[0] = (char)(other & 0xff);
		f.bytes[1] = (char)(other >> 8 & 0xff);
		CHECK(rejects(f.bytes, f.len) == (other != len));
		struct weights w;
		struct err e;
		if (other > f.len - 8)
			CHECK(!parse(&w, f.bytes, f.len, &e) && strstr(e.msg, "cut off"));
	}
	release(&f);
}

/* The reference implementation's limit is 100 000 000. */
static void test_headers_up_to_a_hundred_megabytes(void)
{
	enum { MAX = 100000000 };
	static char header[(1 << 20) + 1];
	struct err e;
	memset(header, ' ', sizeof(header) - 1);
	memcpy(header, FILE_OF(METADATA, TENSORS), strlen(FILE_OF(METADATA, TENSORS)));
	check_crafted(header, 40, "");
	char path[] = "/tmp/test_weights.XXXXXX"; /* a hole after the length */
	const int fd = mkstemp(path);
	CHECK(fd >= 0 && ftruncate(fd, MAX + 100) == 0);
	for (int more = 0; more < 2; more++) {
		unsigned char first[ST_LENGTH_BYTES] = { 0 };
		struct st_file st;
		for (int b = 0; b < 4; b++)
			first[b] = (unsigned char)((MAX + more) >> (8 * b) & 0xff);
		CHECK(pwrite(fd, first, sizeof(first), 0) == sizeof(first));
		CHECK(!st_open(&st, NULL, path, &e));
		CHECK(strstr(e.msg, more ? "makes no sense" : "does not begin with '{'") != NULL);
	}
	close(fd);
	unlink(path);
}

/* A header of n layers 4-1-1-...-1-2; breaks the chain at one of them if asked. */
static void check_depth(int n_layers, int break_at, const char *piece)
{
	static char header[20000];
	struct text t;
	size_t offset = 0;
	t = text_into(header, sizeof(header));
	text_add(&t, "{\"__metadata__\":{%s}", METADATA);
	for (int l = 0; l < n_layers; l++) {
		const size_t in = l == 0 ? 4 : l == break_at ? 2 : 1, out = l + 1 == n_layers ? 2 : 1;
		text_add(&t,
			",\"%d.weight\":{\"dtype\":\"F32\",\"shape\":[%zu,%zu],\"data_offsets\":"
			"[%zu,%zu]}",
			2 * l, out, in, offset, offset + 4 * in * out);
		offset += 4 * in * out;
		text_add(&t,
			",\"%d.bias\":{\"dtype\":\"F32\",\"shape\":[%zu],\"data_offsets\":"
			"[%zu,%zu]}",
			2 * l, out, offset, offset + 4 * out);
		offset += 4 * out;
	}
	text_add(&t, "}");
	CHECK(!t.full);
	check_crafted(header, offset, piece);
}

static void test_depths(void)
{
	for (int n = 1; n <= 9; n++)
		check_depth(n, -1, "");
	check_depth(10, -1, "more than 8 hidden layers");
	check_depth(32, -1, "more tensors");
	check_depth(64, -1, "more tensors");
	check_depth(65, -1, "more tensors");
	for (int l = 1; l < 9; l++)
		check_depth(9, l, "no order");
}

static void test_widths_above_the_limit(void)
{
	static char header[3000];
	for (int width = 4096; width <= 4097; width++) {
		snprintf(header, sizeof(header),
			"{\"__metadata__\":{%s},"
			"\"0.weight\":{\"dtype\":\"F32\",\"shape\":[%d,4],\"data_offsets\":[0,%d]},"
			"\"0.bias\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[%d,%d]},"
			"\"2.weight\":{\"dtype\":\"F32\",\"shape\":[2,%d],\"data_offsets\":[%d,%d]},"
			"\"2.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[%d,%d]}}",
			METADATA, width, 16 * width, width, 16 * width, 20 * width, width, 20 * width, 28 * width,
			28 * width, 28 * width + 8);
		check_crafted(header, (size_t)(28 * width + 8), width > 4096 ? "wider" : "");
	}
}

static void test_names_in_messages_are_cut(void)
{
	static char name[3000];
	struct weights w;
	struct err e;
	memset(name, 'n', sizeof(name) - 1);
	CHECK(!weights_parse(&w, NULL, name, "x", 1, &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
	CHECK(strstr(e.msg, "safetensors") != NULL);
}

/* --- against Python --- */

static void write_q(const struct weights *w, const char *path)
{
	FILE *out = fopen(path, "w");
	float *work = malloc(net_work_size(&w->net, 1) * sizeof(float));
	struct rng rng;
	if (!out || !work)
		abort();
	rng_init(&rng, 8);
	for (int row = 0; row < 20; row++) {
		float obs[4], scaled[4];
		for (int i = 0; i < 4; i++) {
			obs[i] = (float)rng_uniform(&rng, -3, 3);
			scaled[i] = obs[i] * w->obs_scale[i];
			fprintf(out, "%.9g ", (double)obs[i]);
		}
		const float *q = net_forward(&w->net, kernels_find(NULL), w->params, scaled, 1, work);
		fprintf(out, "%.9g %.9g\n", (double)q[0], (double)q[1]);
	}
	fclose(out);
	free(work);
}

static void test_python_reads_the_same_network(void)
{
	char dir[] = "/tmp/test_weights.XXXXXX", weights[100], q[100], command[400];
	struct err e = { .msg = "" };
	CHECK(mkdtemp(dir) != NULL);
	snprintf(weights, sizeof(weights), "%s/w.safetensors", dir);
	snprintf(q, sizeof(q), "%s/q.txt", dir);
	const bool python = system("command -v python3 >/dev/null 2>&1") == 0;
	if (!python)
		SKIP("weights files read by another program", "no python3");
	for (int i = 0; i < N_ARCHITECTURES; i++) {
		struct file f;
		struct weights w;
		build(&f, architectures[i]);
		CHECK(file_write_atomic(NULL, weights, f.bytes, f.len, &e));
		CHECK(parse(&w, f.bytes, f.len, &e));
		write_q(&w, q);
		snprintf(command, sizeof(command), "python3 -B tests/check_weights.py %s %s", weights, q);
		if (python)
			CHECK_INT(system(command), 0);
		weights_release(&w);
		release(&f);
	}
	unlink(weights);
	unlink(q);
	CHECK_INT(rmdir(dir), 0);
}

/* --- weights of other programs --- */

static struct config foreign_config(const char *activation)
{
	char keys[64];
	snprintf(keys, sizeof(keys), "activation=%s obs_scale=1,2,3,4", activation);
	return config_of(keys, NULL);
}

static void check_golden(const char *name, const char *activation, FILE *values)
{
	char path[200], line[200];
	struct config c = foreign_config(activation);
	struct weights w;
	struct err e = { .msg = "" };
	char *data;
	size_t len;
	int n_rows = 0;
	snprintf(path, sizeof(path), "tests/golden/foreign/%s.safetensors", name);
	CHECK(file_read(path, 1 << 20, &data, &len, &e));
	CHECK(!weights_are_ours(data, len));
	const bool ok = weights_parse(&w, &c, name, data, len, &e);
	free(data);
	CHECK(ok);
	if (!ok) {
		printf("%s\n", e.msg);
		return;
	}
	CHECK(w.env == env_find("CartPole-v1") && w.obs_scale[3] == 4 && w.max_episode_steps == 500);
	float *work = floats(net_forward_size(&w.net, 1));
	for (long at = ftell(values); fgets(line, sizeof(line), values); at = ftell(values)) {
		float x[4], want[2];
		if (sscanf(line, "%f %f %f %f %f %f", &x[0], &x[1], &x[2], &x[3], &want[0], &want[1]) != 6) {
			fseek(values, at, SEEK_SET);
			break;
		}
		const float *q = net_forward(&w.net, kernels_find(NULL), w.params, x, 1, work);
		CHECK_NEAR(q[0], want[0], 1e-6); /* measured: 3e-7 */
		CHECK_NEAR(q[1], want[1], 1e-6);
		n_rows++;
	}
	CHECK_INT(n_rows, 6);
	free(work);
	weights_release(&w);
}

static void test_other_programs_networks_have_pytorchs_values(void)
{
	FILE *f = fopen("tests/golden/foreign.txt", "r");
	char line[200], name[64], activation[16];
	int n_files = 0;
	if (!f)
		abort();
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "file %63s %15s", name, activation) == 2) {
			check_golden(name, activation, f);
			n_files++;
		}
	CHECK_INT(n_files, 15);
	fclose(f);
}

/* A file of tensors "NAME TYPE A,B", filled with bytes; NULL ends them. What the parser says: "" if it
 * takes it. */
static const char *foreign_verdict(const char *const *tensors, int fill)
{
	static char header[8000], bytes[1 << 20];
	static struct err e;
	static const char *const sizes[] = { "F32", "4", "F64", "8", "I64", "8", "F16", "2", "BF16", "2", "I8", "1",
		"F8_E5M2", "1", NULL };
	struct config c = foreign_config("relu");
	struct weights w;
	struct text t;
	size_t offset = 0;
	t = text_into(header, sizeof(header));
	for (int i = 0; tensors[i]; i++) {
		char name[128], type[16], shape[32] = "";
		size_t n = 1, size = 0;
		CHECK(sscanf(tensors[i], "%127s %15s %31s", name, type, shape) >= 2);
		for (char *s = shape; *s; s += *s == ',')
			n *= strtoul(s, &s, 10);
		for (int k = 0; sizes[k]; k += 2)
			size = strcmp(sizes[k], type) == 0 ? (size_t)atoi(sizes[k + 1]) : size;
		text_add(&t, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}", i ? "," : "{",
			name, type, shape, offset, offset + n * size);
		offset += n * size;
	}
	text_add(&t, tensors[0] ? "}" : "{}");
	CHECK(!t.full);
	const size_t len = 8 + t.len + offset;
	CHECK(len <= sizeof(bytes));
	craft(header, 0, bytes, sizeof(bytes));
	memset(bytes + 8 + t.len, fill, offset);
	char *copy = malloc(len);
	if (!copy)
		abort();
	memcpy(copy, bytes, len);
	const bool ok = weights_parse(&w, &c, "w.st", copy, len, &e);
	free(copy);
	if (ok) {
		weights_release(&w);
		return "";
	}
	CHECK(w.params == NULL);
	CHECK_INT(e.kind, ERR_CORRUPT);
	return e.msg;
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void check_foreign(const char *const *tensors, const char *piece)
{
	const char *got = foreign_verdict(tensors, 0);
	const bool ok = piece[0] ? strstr(got, piece) != NULL : got[0] == '\0';
	CHECK(ok);
	if (!ok)
		printf("'%s' instead of '%s'\n", got, piece);
}

static void test_other_programs_files_that_are_fine(void)
{
	check_foreign(LIST("w.weight F32 2,4", "w.bias F32 2"), "");
	check_foreign(LIST("weight F32 2,4", "bias F32 2"), "");
	check_foreign(LIST("w/kernel:0 F16 4,2", "w/bias:0 BF16 2"), "");
	check_foreign(LIST("weight F64 2,4"), "");
	/* By shape, where names do not tell; by numbers, where shapes do not. */
	check_foreign(LIST("z.weight F32 3,4", "z.bias F32 3", "a.weight F32 2,3"), "");
	check_foreign(LIST("l10.weight F32 2,4", "l9.weight F32 4,4", "l2.weight F32 4,4"), "");
	check_foreign(LIST("dense.weight F32 4,4", "dense_1.weight F32 4,4", "dense_2.weight F32 2,4"), "");
	check_foreign(LIST("in.weight F32 6,4", "l.0.weight F32 6,6", "l.1.weight F32 6,6", "out.weight F32 2,6"), "");
	/* Targets, scalars. */
	check_foreign(LIST("a.weight F32 2,4", "target.a.weight F32 2,4", "a_old.weight F32 2,4", "old.weight F32 3",
			      "Target_a.weight I64 2,4", "steps I64", "x F32"),
		"");
	/* Dueling networks: shared layers, split ones, heads of two layers, no layer before them. */
	check_foreign(LIST("f.weight F32 6,4", "V.weight F32 1,6", "Q.weight F32 2,6"), "");
	check_foreign(LIST("0.weight F32 6,4", "value.weight F32 1,3", "advantage.weight F32 2,3"), "");
	check_foreign(LIST("f.weight F32 6,4", "v.0.weight F32 5,6", "v.2.weight F32 1,5", "adv.0.weight F32 5,6",
			      "adv.2.weight F32 2,5"),
		"");
	check_foreign(LIST("v.0.weight F32 5,4", "v.2.weight F32 1,5", "a.0.weight F32 5,4", "a.2.weight F32 2,5"), "");
	check_foreign(LIST("value.weight F32 1,4", "advantage.weight F32 2,4"), "");
	check_foreign(LIST("q.f.weight F32 6,4", "q.value.weight F32 1,6", "q.adv.weight F32 2,6"), "");
	check_foreign(LIST("value_net.weight F32 2,4"), ""); /* no other head: not a dueling one */
}

static void test_other_programs_files_that_are_not(void)
{
	check_foreign(LIST(NULL), "in no order from 4 observations to 2 actions; it has no tensors");
	check_foreign(LIST("a.weight F32 2,5", "a.bias F32 2"),
		"in no order from 4 observations to 2 actions; it has a.weight (2,5), a.bias (2)");
	check_foreign(LIST("a.kernel F32 2,4"), "in no order");
	check_foreign(LIST("target.weight F32 2,4"), "in no order");
	check_foreign(LIST("x.weight F32 4,4", "y.weight F32 4,4", "z.weight F32 2,4"),
		"in more than one order from 4 observations to 2 actions; it has x.weight (4,4), "
		"y.weight (4,4), z.weight (2,4)");
	check_foreign(LIST("ema.weight F32 2,4", "net.weight F32 2,4"), "in no order");
	check_foreign(LIST("l2.weight F32 8,4", "l1.weight F32 2,8"), "in no order"); /* numbers hold */
	/* What would make it another network. */
	check_foreign(LIST("0.weight F32 2,4", "1.weight F32 2", "1.bias F32 2"), "'1.weight' is not of");
	check_foreign(LIST("0.weight F32 2,4", "0.running_mean F32 2"), "'0.running_mean' is not of");
	check_foreign(LIST("0.weight F32 2,4", "other.bias F32 2"), "'other.bias' is not of");
	check_foreign(LIST("0.weight F32 2,4", "log_std F32 2"), "'log_std' is not of a dense layer");
	check_foreign(LIST("0.weight F32 8,4,3,3", "0.bias F32 8"), "'0.weight' is not of");
	check_foreign(LIST("0.weight F32 2,4", "0.bias F32 3"), "'0.weight' does not fit its bias");
	check_foreign(LIST("0.weight F32 2,4", "0.bias F32 2,1"), "'0.weight' does not fit its bias");
	check_foreign(LIST("0.weight F32 2,4", "0.bias I64 2"), "'0.weight' does not fit its bias");
	check_foreign(LIST("0.weight I8 2,4", "0.bias F32 2"), "'0.weight' has a size or type");
	check_foreign(LIST("0.weight F8_E5M2 2,4"), "'0.weight' has a size or type");
	check_foreign(LIST("0.weight F32 0,4", "0.bias F32 0"), "'0.weight' has a size or type");
	check_foreign(LIST("0.weight F32 70000,0"), "'0.weight' has a size or type");
	check_foreign(LIST("0.weight F16 4097,4", "1.weight F16 2,4097"), "a hidden layer is wider than 4096");
	/* Heads that do not fit. */
	check_foreign(LIST("f.weight F32 6,4", "v.weight F32 2,6", "a.weight F32 2,6"), "in no order");
	check_foreign(LIST("f.weight F32 6,4", "v.weight F32 1,6", "a.weight F32 2,5"), "in no order");
	check_foreign(LIST("f.weight F32 6,4", "v.0.weight F32 5,6", "v.2.weight F32 1,5", "a.0.weight F32 3,6",
			      "a.2.weight F32 2,3"),
		"in no order");
	check_foreign(LIST("f.weight F32 6,4", "v.0.weight F32 5,6", "v.2.weight F32 1,5", "a.weight F32 2,6"),
		"in no order");
	/* Values. */
	const char *got = foreign_verdict(LIST("0.weight F32 2,4"), 0xff);
	CHECK_STR(got, "'w.st': '0.weight' has a value that is not finite as a float");
	got = foreign_verdict(LIST("0.weight F64 2,4"), 0x7e); /* 1e301 */
	CHECK_STR(got, "'w.st': '0.weight' has a value that is not finite as a float");
	got = foreign_verdict(LIST("0.weight F32 2,4", "0.bias F16 2"), 0x7c); /* infinity */
	CHECK(strstr(got, "'0.bias' has a value") != NULL);
	CHECK(!weights_are_ours("", 0));
}

static void test_too_many_layers_of_other_programs(void)
{
	char names[40][40];
	const char *tensors[41];
	for (int n = 9; n <= 30; n++) {
		for (int i = 0; i < n; i++) {
			snprintf(names[i], sizeof(names[i]), "%d.weight F32 %d,4", i, i == n - 1 ? 2 : 4);
			tensors[i] = names[i];
		}
		tensors[n] = NULL;
		check_foreign(tensors, n == 9 ? "" : n <= 12 ? "more than 8 hidden layers" : "more ");
	}
	/* Many orders, none of which fits: given up at some time. */
	for (int i = 0; i < 12; i++)
		snprintf(names[i], sizeof(names[i]), "%c.weight F32 %d,4", 'a' + i, i == 11 ? 3 : 4);
	tensors[12] = NULL;
	check_foreign(tensors, "order");
}

int main(void)
{
	RUN(test_what_is_written_reads_back);
	RUN(test_params_are_not_changed_and_bytes_repeat);
	RUN(test_tensors_have_pytorchs_layout);
	RUN(test_metadata);
	RUN(test_every_truncation_is_rejected);
	RUN(test_bytes_behind_the_data_are_rejected);
	RUN(test_every_flipped_bit_is_harmless_or_rejected);
	RUN(test_every_byte_replaced_is_harmless_or_rejected);
	RUN(test_random_damage_never_crashes);
	RUN(test_crafted_files_that_are_fine);
	RUN(test_crafted_tensors_that_are_not);
	RUN(test_crafted_metadata_that_is_not);
	RUN(test_duplicate_metadata_keys_are_rejected);
	RUN(test_a_header_begins_with_its_brace);
	RUN(test_wrong_checksums);
	RUN(test_a_checksum_that_is_too_long_is_rejected);
	RUN(test_loading_other_tensors_than_there_are);
	RUN(test_values_with_gaps_between_rows);
	RUN(test_scale_in_the_first_layer);
	RUN(test_weights_that_are_not_finite);
	RUN(test_lengths_of_the_header);
	RUN(test_headers_up_to_a_hundred_megabytes);
	RUN(test_depths);
	RUN(test_widths_above_the_limit);
	RUN(test_names_in_messages_are_cut);
	RUN(test_python_reads_the_same_network);
	RUN(test_other_programs_networks_have_pytorchs_values);
	RUN(test_other_programs_files_that_are_fine);
	RUN(test_other_programs_files_that_are_not);
	RUN(test_too_many_layers_of_other_programs);
	return test_end();
}
