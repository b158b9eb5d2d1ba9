/* SHA-256 against the vectors of FIPS 180-4 and NIST's examples. */
#include "base/sha256.h"

#include "test.h"

static void check_hash(const char *text, const char *want)
{
	char hex[SHA256_HEX_SIZE];
	sha256_of(text, strlen(text), hex);
	CHECK_STR(hex, want);
}

static void test_published_vectors(void)
{
	check_hash("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_hash("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	check_hash("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
		   "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		"cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
}

static void test_a_million_letters(void)
{
	struct sha256 h;
	char hex[SHA256_HEX_SIZE], block[1000];
	memset(block, 'a', sizeof(block));
	sha256_init(&h);
	for (int i = 0; i < 1000; i++)
		sha256_add(&h, block, sizeof(block));
	sha256_hex(&h, hex);
	CHECK_STR(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Bytes beyond 127, to notice a signed shift: SHA-256 of 0x00..0xff. */
static void test_all_byte_values(void)
{
	unsigned char bytes[256];
	char hex[SHA256_HEX_SIZE];
	for (int i = 0; i < 256; i++)
		bytes[i] = (unsigned char)i;
	sha256_of(bytes, sizeof(bytes), hex);
	CHECK_STR(hex, "40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880");
}

/* The hashes of the first 0..200 bytes of 0, 1, 2 ..., hashed together; made with
 * python3 -c 'import hashlib as h; d = bytes(range(200)); print(h.sha256("".join(
 * h.sha256(d[:n]).hexdigest() for n in range(201)).encode()).hexdigest())' */
static void test_every_length_around_the_padding(void)
{
	unsigned char bytes[200];
	char hex[SHA256_HEX_SIZE];
	struct sha256 all;
	for (int i = 0; i < 200; i++)
		bytes[i] = (unsigned char)i;
	sha256_init(&all);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		sha256_of(bytes, n, hex);
		sha256_add(&all, hex, strlen(hex));
	}
	sha256_hex(&all, hex);
	CHECK_STR(hex, "b367ea311264aae50e6260b96a10761169ce3eec5d5f8f2258351f82c7252776");
}

static void test_pieces_hash_like_the_whole(void)
{
	unsigned char bytes[200];
	char whole[SHA256_HEX_SIZE], pieces[SHA256_HEX_SIZE];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7 + 3);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		sha256_of(bytes, n, whole);
		for (size_t cut = 0; cut <= n; cut++) {
			struct sha256 h;
			sha256_init(&h);
			sha256_add(&h, bytes, cut);
			sha256_add(&h, bytes + cut, n - cut);
			sha256_hex(&h, pieces);
			if (strcmp(whole, pieces) != 0)
				printf("%zu bytes cut at %zu\n", n, cut);
			CHECK_STR(pieces, whole);
		}
	}
}

static void test_one_byte_at_a_time(void)
{
	unsigned char bytes[200] = { 1, 2, 3 };
	char whole[SHA256_HEX_SIZE], pieces[SHA256_HEX_SIZE];
	struct sha256 h;
	sha256_of(bytes, sizeof(bytes), whole);
	sha256_init(&h);
	for (size_t i = 0; i < sizeof(bytes); i++)
		sha256_add(&h, bytes + i, 1);
	sha256_hex(&h, pieces);
	CHECK_STR(pieces, whole);
}

static void test_lengths_beyond_32_bits_of_bits(void)
{
	/* 2^29 bytes are 2^32 bits; n_bytes is set as if they had been added, so
	 * only the length differs from a hash of nothing. */
	struct sha256 h;
	char hex[SHA256_HEX_SIZE];
	sha256_init(&h);
	h.n_bytes = UINT64_C(1) << 29;
	sha256_hex(&h, hex);
	CHECK_STR(hex, "0631d34041c92e76b584f8922943526982f9053a1b7895aeae06f641df905370");
}

/* Up to 1000 bytes, so several blocks a call, that begin anywhere in a cache line. */
static void test_both_ways_agree_at_every_alignment(void)
{
	unsigned char bytes[1064];
	char with[SHA256_HEX_SIZE], without[SHA256_HEX_SIZE];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 31 + i / 256);
	for (size_t at = 0; at < 64; at++)
		for (size_t n = 0; n <= 1000; n += n < 200 ? 1 : 37) {
			sha256_use_instructions(true);
			sha256_of(bytes + at, n, with);
			sha256_use_instructions(false);
			sha256_of(bytes + at, n, without);
			if (strcmp(with, without) != 0)
				printf("%zu bytes at %zu\n", n, at);
			CHECK(strcmp(with, without) == 0);
		}
}

static void run_all(void)
{
	RUN(test_published_vectors);
	RUN(test_a_million_letters);
	RUN(test_all_byte_values);
	RUN(test_every_length_around_the_padding);
	RUN(test_pieces_hash_like_the_whole);
	RUN(test_one_byte_at_a_time);
	RUN(test_lengths_beyond_32_bits_of_bits);
}

int main(void)
{
	CHECK(!sha256_use_instructions(false));
	run_all();
	if (sha256_use_instructions(true))
		run_all();
	else
		SKIP("the instructions for SHA-256", "this CPU has none that we use");
	RUN(test_both_ways_agree_at_every_alignment);
	return test_end();
}
