/* Vectors of RFC 3711 B.3, RFC 6188 7 and RFC 7714 16/17, replay and roll-over, and a
 * comparison with libsrtp2, which shares no code with us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <srtp2/srtp.h>
#include "base/alloc_test.h"
#include "base/rand.h"
#include "base/text.h"
#include "media/transport/srtp_int.h"

static struct srtp_env *env;

static size_t unhex(uint8_t *dst, const char *text)
{
	size_t n = strlen(text) / 2;

	assert_int_equal(hex_decode(dst, n, span_str(text)), 0);
	return n;
}

static const struct vec {
	enum srtp_profile profile;
	bool rtcp;
	const char *key, *plain, *sealed;
} vectors[] = {
	{SRTP_AEAD_AES_128_GCM, false, "000102030405060708090a0b0c0d0e0f",
	 "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320646976"
	 "69736120696e207061727465732074726573",
	 "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd5"
	 "0d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390c"
	 "ce"},
	{SRTP_AEAD_AES_256_GCM, false,
	 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	 "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320646976"
	 "69736120696e207061727465732074726573",
	 "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab1801238"
	 "9a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c"
	 "13"},
	{SRTP_AEAD_AES_128_GCM, true, "000102030405060708090a0b0c0d0e0f",
	 "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61"
	 "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
	 "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32d"
	 "c676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245"
	 "d9eade800005d4"},
	{SRTP_AEAD_AES_256_GCM, true,
	 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	 "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61"
	 "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
	 "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50"
	 "a2eaa5c1110555be8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6c"
	 "b26ac3be800005d4"},
};

static struct srtp *session_of(const struct vec *v, enum srtp_dir dir)
{
	struct srtp_session k = {{0}};
	struct srtp *s = NULL;

	unhex(k.key, v->key);
	unhex(k.salt, "517569642070726f2071756f");
	assert_int_equal(srtp_new_session(&s, env, v->profile, dir, &k, &k), 0);
	srtp_set_rtcp_index(s, 0x5d3);
	return s;
}

static void test_srtp__matches_rfc_7714(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vec *v = &vectors[i];
		struct srtp *tx = session_of(v, SRTP_SEND);
		struct srtp *rx = session_of(v, SRTP_RECEIVE);
		uint8_t pkt[200], plain[200], sealed[200];
		size_t n = unhex(pkt, v->plain);
		size_t plain_n = unhex(plain, v->plain);
		size_t sealed_n = unhex(sealed, v->sealed);

		assert_int_equal((v->rtcp ? srtcp_seal : srtp_seal)
				 (tx, pkt, &n, sizeof(pkt)), 0);
		assert_int_equal(n, sealed_n);
		assert_memory_equal(pkt, sealed, n);
		assert_int_equal((v->rtcp ? srtcp_open : srtp_open)
				 (rx, pkt, &n), 0);
		assert_int_equal(n, plain_n);
		assert_memory_equal(pkt, plain, n);
		srtp_free(&tx);
		srtp_free(&rx);
	}
}

static void test_srtp__derives_as_rfc_3711_b3(void **state)
{
	uint8_t key[16], salt[14], want[20], got[20];
	static const struct { uint8_t label; const char *hex; } rows[] = {
		{SRTP_LABEL_RTP_KEY, "c61e7a93744f39ee10734afe3ff7a087"},
		{SRTP_LABEL_RTP_SALT, "30cbbc08863d8c85d49db34a9ae1"},
		{SRTP_LABEL_RTP_AUTH, "cebe321f6ff7716b6fd4ab49af256a156d38baa4"},
	};

	(void)state;
	unhex(key, "e1f97a0d3e018be0d64fa32c06de4139");
	unhex(salt, "0ec675ad498afeebb6960b3aabe6");
	for (size_t i = 0; i < 3; i++) {
		size_t n = unhex(want, rows[i].hex);

		assert_int_equal(srtp_derive(env, span_of(key, 16),
					     span_of(salt, 14), rows[i].label,
					     got, n), 0);
		assert_memory_equal(got, want, n);
	}
}

/* RFC 3711 B.2: the counter-mode keystream of the given session key. */
static void test_srtp__matches_rfc_3711_b2_keystream(void **state)
{
	struct srtp_session k = {{0}};
	struct srtp *s = NULL;
	uint8_t pkt[64] = {0x80, 0}, want[16];
	size_t n = 12 + 16;

	(void)state;
	unhex(k.key, "2b7e151628aed2a6abf7158809cf4f3c");
	unhex(k.salt, "f0f1f2f3f4f5f6f7f8f9fafbfcfd");
	unhex(want, "e03ead0935c95e80e166b16dd92b4eb4");
	assert_int_equal(srtp_new_session(&s, env, SRTP_AES128_CM_SHA1_80,
					  SRTP_SEND, &k, &k), 0);
	assert_int_equal(srtp_seal(s, pkt, &n, sizeof(pkt)), 0);
	assert_memory_equal(pkt + 12, want, 16);
	srtp_free(&s);
}

/* RFC 6188 7.4. */
static void test_srtp__derives_as_rfc_6188_7(void **state)
{
	uint8_t key[32], salt[14], want[32], got[32];
	static const struct { uint8_t label; const char *hex; } rows[] = {
		{SRTP_LABEL_RTP_KEY,
		 "5ba1064e30ec51613cad926c5a28ef73"
		 "1ec7fb397f70a960653caf06554cd8c4"},
		{SRTP_LABEL_RTP_SALT, "fa31791685ca444a9e07c6c64e93"},
		{SRTP_LABEL_RTP_AUTH, "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"},
	};

	(void)state;
	unhex(key, "f0f04914b513f2763a1b1fa130f10e29"
		   "98f6f6e43e4309d1e622a0e332b9f1b6");
	unhex(salt, "3b04803de51ee7c96423ab5b78d2");
	for (size_t i = 0; i < 3; i++) {
		size_t n = unhex(want, rows[i].hex);

		assert_int_equal(srtp_derive(env, span_of(key, 32),
					     span_of(salt, 14), rows[i].label,
					     got, n), 0);
		assert_memory_equal(got, want, n);
	}
}

/* RFC 6188 7.2: the keystream of the given session key. */
static void test_srtp__matches_rfc_6188_7_keystream(void **state)
{
	struct srtp_session k = {{0}};
	struct srtp *s = NULL;
	uint8_t pkt[96] = {0x80, 0}, want[48];
	size_t n = 12 + 48;

	(void)state;
	unhex(k.key, "57f82fe3613fd170a85ec93c40b1f092"
		     "2ec4cb0dc025b58272147cc438944a98");
	unhex(k.salt, "f0f1f2f3f4f5f6f7f8f9fafbfcfd");
	unhex(want, "92bdd28a93c3f52511c677d08b5515a4"
		    "9da71b2378a854f67050756ded165bac"
		    "63c4868b7096d88421b563b8c94c9a31");
	assert_int_equal(srtp_new_session(&s, env, SRTP_AES256_CM_SHA1_80,
					  SRTP_SEND, &k, &k), 0);
	assert_int_equal(srtp_seal(s, pkt, &n, sizeof(pkt)), 0);
	assert_memory_equal(pkt + 12, want, 48);
	srtp_free(&s);
}

static const enum srtp_profile all[] = {
	SRTP_AES128_CM_SHA1_80, SRTP_AEAD_AES_128_GCM, SRTP_AEAD_AES_256_GCM,
	SRTP_AES128_CM_SHA1_32, SRTP_AES256_CM_SHA1_80};
enum { ALL = sizeof(all) / sizeof(all[0]) };

static void test_srtp__grows_by_the_tag_of_its_suite(void **state)
{
	static const struct { size_t rtp, rtcp; } grows[ALL] = {
		{10, 14}, {16, 20}, {16, 20}, {4, 14}, {10, 14}};

	(void)state;
	for (size_t i = 0; i < ALL; i++) {
		struct srtp *tx = NULL;
		uint8_t key[46] = {1}, pkt[100] = {0x80, 200};
		size_t key_n, salt_n, n = 40;

		assert_int_equal(srtp_profile_lengths(all[i], &key_n, &salt_n),
				 0);
		assert_int_equal(srtp_new(&tx, env, all[i], SRTP_SEND,
					  span_of(key, key_n),
					  span_of(key + key_n, salt_n)), 0);
		assert_int_equal(srtcp_seal(tx, pkt, &n, sizeof(pkt)), 0);
		assert_int_equal(n, 40 + grows[i].rtcp);
		n = 40;
		assert_int_equal(srtp_seal(tx, pkt, &n, sizeof(pkt)), 0);
		assert_int_equal(n, 40 + grows[i].rtp);
		srtp_free(&tx);
	}
}

struct pair {
	struct srtp *tx, *rx;
	uint8_t key[32 + 14];
	size_t key_n, salt_n;
};

static void pair_make(struct pair *p, enum srtp_profile profile)
{
	struct span k, s;

	memset(p, 0, sizeof(*p));
	rand_bytes(p->key, sizeof(p->key));
	assert_int_equal(srtp_profile_lengths(profile, &p->key_n, &p->salt_n),
			 0);
	k = span_of(p->key, p->key_n);
	s = span_of(p->key + p->key_n, p->salt_n);
	assert_int_equal(srtp_new(&p->tx, env, profile, SRTP_SEND, k, s), 0);
	assert_int_equal(srtp_new(&p->rx, env, profile, SRTP_RECEIVE, k, s), 0);
}

static void pair_drop(struct pair *p)
{
	srtp_free(&p->tx);
	srtp_free(&p->rx);
}

static size_t rtp_make(uint8_t *pkt, uint16_t seq, uint32_t ssrc, size_t body)
{
	memset(pkt, 0, 12);
	pkt[0] = 0x80;
	pkt[1] = 96;
	pkt[2] = (uint8_t)(seq >> 8);
	pkt[3] = (uint8_t)seq;
	for (int i = 0; i < 4; i++)
		pkt[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
	for (size_t i = 0; i < body; i++)
		pkt[12 + i] = (uint8_t)(i * 7 + seq);
	return 12 + body;
}

static int pass(struct pair *p, uint16_t seq, uint32_t ssrc)
{
	uint8_t pkt[300], want[300];
	size_t n = rtp_make(pkt, seq, ssrc, 100);
	int r;

	memcpy(want, pkt, n);
	r = srtp_seal(p->tx, pkt, &n, sizeof(pkt));
	if (r < 0)
		return r;
	r = srtp_open(p->rx, pkt, &n);
	if (r < 0)
		return r;
	assert_int_equal(n, 112);
	assert_memory_equal(pkt, want, n);
	return 0;
}

static void test_srtp__carries_the_roll_over(void **state)
{
	(void)state;
	for (size_t i = 0; i < ALL; i++) {
		struct pair p;

		pair_make(&p, all[i]);
		for (uint32_t k = 65000; k < 65536 * 2 + 40; k += 13)
			assert_int_equal(pass(&p, (uint16_t)k, 7), 0);
		pair_drop(&p);
	}
}

static void test_srtp__never_uses_an_index_twice(void **state)
{
	struct pair p;

	(void)state;
	pair_make(&p, SRTP_AEAD_AES_128_GCM);
	assert_int_equal(pass(&p, 100, 1), 0);
	assert_int_equal(pass(&p, 100, 1), E_REPLAY);
	assert_int_equal(pass(&p, 99, 1), E_REPLAY);
	assert_int_equal(pass(&p, 100, 2), 0);
	assert_int_equal(pass(&p, 101, 1), 0);
	pair_drop(&p);
}

static void test_srtp__ends_with_the_last_index(void **state)
{
	struct pair p;

	(void)state;
	pair_make(&p, SRTP_AEAD_AES_128_GCM);
	assert_int_equal(srtp_set_roc(p.tx, 5, UINT32_MAX, 65534), 0);
	assert_int_equal(srtp_set_roc(p.rx, 5, UINT32_MAX, 65534), 0);
	assert_int_equal(pass(&p, 65535, 5), 0);
	assert_int_equal(pass(&p, 0, 5), E_REPLAY);
	pair_drop(&p);
}

static void test_srtp__refuses_replay_inside_and_behind_the_window(void **state)
{
	enum { N = 2100 };
	static uint8_t kept[N][64];
	static size_t len[N];
	struct pair p;
	uint8_t pkt[64];
	size_t n;

	(void)state;
	pair_make(&p, SRTP_AES128_CM_SHA1_80);
	for (unsigned i = 0; i < N; i++) {
		len[i] = rtp_make(kept[i], (uint16_t)(i + 64000), 3, 20);
		assert_int_equal(srtp_seal(p.tx, kept[i], &len[i], 64), 0);
	}
	/* every second one, backwards inside blocks: reordering is no replay */
	for (unsigned b = 0; b < N; b += 700)
		for (unsigned i = b + 700; i-- > b;) {
			if (i % 2)
				continue;
			n = len[i];
			memcpy(pkt, kept[i], n);
			assert_int_equal(srtp_open(p.rx, pkt, &n), 0);
		}
	for (unsigned i = 0; i < N; i++) {
		bool fresh = i % 2 && i + SRTP_WINDOW_BITS > N - 2;

		n = len[i];
		memcpy(pkt, kept[i], n);
		assert_int_equal(srtp_open(p.rx, pkt, &n),
				 fresh ? 0 : E_REPLAY);
	}
	pair_drop(&p);
}

static void test_srtp__detects_each_changed_bit(void **state)
{
	(void)state;
	for (size_t i = 0; i < ALL; i++) {
		struct pair p;
		uint8_t sealed[80], pkt[80];
		size_t len, n;

		pair_make(&p, all[i]);
		len = rtp_make(sealed, 1, 9, 20);
		assert_int_equal(srtp_seal(p.tx, sealed, &len, 80), 0);
		for (size_t bit = 0; bit < len * 8; bit++) {
			memcpy(pkt, sealed, len);
			pkt[bit / 8] ^= (uint8_t)(1 << (bit % 8));
			n = len;
			assert_true(srtp_open(p.rx, pkt, &n) < 0);
		}
		n = len;
		assert_int_equal(srtp_open(p.rx, sealed, &n), 0);
		pair_drop(&p);
	}
}

static void test_srtp__bounds_its_ssrc_table(void **state)
{
	struct pair p;
	struct srtp_stats st;

	(void)state;
	pair_make(&p, SRTP_AEAD_AES_256_GCM);
	for (uint32_t i = 0; i < SRTP_SSRCS_MAX; i++)
		assert_int_equal(pass(&p, 1, 1000 + i), 0);
	assert_int_equal(pass(&p, 1, 5), E_FULL);
	assert_int_equal(pass(&p, 2, 1000), 0);
	srtp_get_stats(p.tx, &st);
	assert_int_equal(st.ssrc_full, 1);
	pair_drop(&p);
}

static void test_srtp__a_forged_packet_takes_no_place(void **state)
{
	struct pair p;
	uint8_t pkt[64];
	size_t n;

	(void)state;
	pair_make(&p, SRTP_AEAD_AES_128_GCM);
	for (uint32_t i = 0; i < 100; i++) {
		n = rtp_make(pkt, 1, i, 40);
		assert_int_equal(srtp_open(p.rx, pkt, &n), E_AUTH);
	}
	assert_int_equal(pass(&p, 1, 77), 0);
	pair_drop(&p);
}

static void test_srtcp__passes_and_refuses_replay(void **state)
{
	(void)state;
	for (size_t i = 0; i < ALL; i++) {
		struct pair p;
		uint8_t pkt[100] = {0x81, 201, 0, 7, 0, 0, 0, 9, 1, 2, 3};
		uint8_t copy[100];
		size_t n = 32, len;

		pair_make(&p, all[i]);
		assert_int_equal(srtcp_seal(p.tx, pkt, &n, 100), 0);
		memcpy(copy, pkt, n);
		len = n;
		assert_int_equal(srtcp_open(p.rx, pkt, &n), 0);
		assert_int_equal(n, 32);
		assert_int_equal(pkt[10], 3);
		assert_int_equal(srtcp_open(p.rx, copy, &len), E_REPLAY);
		pair_drop(&p);
	}
}

static void test_srtp__refuses_wrong_key_lengths(void **state)
{
	struct srtp *s = NULL;
	uint8_t key[32] = {0};

	(void)state;
	assert_int_equal(srtp_new(&s, env, SRTP_AEAD_AES_256_GCM, SRTP_SEND,
				  span_of(key, 16), span_of(key, 12)), E_INVAL);
	assert_int_equal(srtp_new(&s, env, SRTP_NONE, SRTP_SEND,
				  span_of(key, 16), span_of(key, 12)),
			 E_UNSUPPORTED);
	assert_null(s);
}

/* --- libsrtp2 as the oracle -------------------------------------------- */

static srtp_t oracle_new(const struct pair *p, enum srtp_profile profile,
			 bool inbound)
{
	srtp_policy_t pol;
	srtp_t s;
	uint8_t key[48];

	memset(&pol, 0, sizeof(pol));
	if (profile == SRTP_AES128_CM_SHA1_80) {
		srtp_crypto_policy_set_rtp_default(&pol.rtp);
		srtp_crypto_policy_set_rtcp_default(&pol.rtcp);
	} else if (profile == SRTP_AES128_CM_SHA1_32) {
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&pol.rtp);
		srtp_crypto_policy_set_rtcp_default(&pol.rtcp);
	} else if (profile == SRTP_AES256_CM_SHA1_80) {
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&pol.rtp);
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&pol.rtcp);
	} else if (profile == SRTP_AEAD_AES_128_GCM) {
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&pol.rtp);
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&pol.rtcp);
	} else {
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&pol.rtp);
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&pol.rtcp);
	}
	memcpy(key, p->key, p->key_n + p->salt_n);
	pol.key = key;
	pol.ssrc.type = inbound ? ssrc_any_inbound : ssrc_any_outbound;
	pol.window_size = 1024;
	assert_int_equal(srtp_create(&s, &pol), srtp_err_status_ok);
	return s;
}

static void compare_rtp(struct pair *p, srtp_t out, srtp_t in, unsigned rounds)
{
	uint16_t seq = (uint16_t)rand_u32();

	for (unsigned k = 0; k < rounds; k++) {
		uint8_t ours[1600], theirs[1600], plain[1600];
		size_t n = rtp_make(ours, seq, 5 + k % 3, rand_below(1300));
		size_t plain_n = n;
		int len = (int)n;

		memcpy(plain, ours, n);
		memcpy(theirs, ours, n);
		seq = (uint16_t)(seq + 1 + rand_below(200));
		assert_int_equal(srtp_seal(p->tx, ours, &n, 1600), 0);
		assert_int_equal(srtp_protect(out, theirs, &len), 0);
		assert_int_equal(n, len);
		assert_memory_equal(ours, theirs, n);
		assert_int_equal(srtp_unprotect(in, ours, &len), 0);
		assert_int_equal(srtp_open(p->rx, theirs, &n), 0);
		assert_int_equal(n, plain_n);
		assert_int_equal(len, plain_n);
		assert_memory_equal(ours, plain, n);
		assert_memory_equal(theirs, plain, n);
	}
}

static void compare_rtcp(struct pair *p, srtp_t out, srtp_t in, unsigned rounds)
{
	for (unsigned k = 0; k < rounds; k++) {
		uint8_t ours[400] = {0x80, 200}, theirs[400], plain[400];
		size_t n = 8 + 4 * rand_below(60);
		size_t plain_n = n;
		int len = (int)n;

		rand_bytes(ours + 8, n - 8);
		memcpy(plain, ours, n);
		memcpy(theirs, ours, n);
		assert_int_equal(srtcp_seal(p->tx, ours, &n, 400), 0);
		assert_int_equal(srtp_protect_rtcp(out, theirs, &len), 0);
		assert_int_equal(n, len);
		/* the oracle opens ours, we open the oracle's */
		assert_int_equal(srtp_unprotect_rtcp(in, ours, &len), 0);
		assert_int_equal(srtcp_open(p->rx, theirs, &n), 0);
		assert_int_equal(n, plain_n);
		assert_int_equal(len, plain_n);
		assert_memory_equal(ours, plain, n);
		assert_memory_equal(theirs, plain, n);
	}
}

static void test_srtp__equals_libsrtp2(void **state)
{
	(void)state;
	for (size_t i = 0; i < ALL; i++) {
		struct pair p;
		srtp_t out, in;

		pair_make(&p, all[i]);
		out = oracle_new(&p, all[i], false);
		in = oracle_new(&p, all[i], true);
		compare_rtp(&p, out, in, 2000);
		compare_rtcp(&p, out, in, 500);
		srtp_dealloc(out);
		srtp_dealloc(in);
		pair_drop(&p);
	}
}

static int make_both(void *arg)
{
	struct srtp *s = NULL;
	uint8_t key[16] = {0};
	int r = srtp_new(&s, arg, SRTP_AEAD_AES_128_GCM, SRTP_SEND,
			 span_of(key, 16), span_of(key, 12));

	srtp_free(&s);
	return r;
}

static void test_srtp__survives_failing_allocations(void **state)
{
	(void)state;
	assert_true(alloc_test_every(make_both, env, 20) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_srtp__matches_rfc_7714),
		cmocka_unit_test(test_srtp__derives_as_rfc_3711_b3),
		cmocka_unit_test(test_srtp__matches_rfc_3711_b2_keystream),
		cmocka_unit_test(test_srtp__derives_as_rfc_6188_7),
		cmocka_unit_test(test_srtp__matches_rfc_6188_7_keystream),
		cmocka_unit_test(test_srtp__grows_by_the_tag_of_its_suite),
		cmocka_unit_test(test_srtp__carries_the_roll_over),
		cmocka_unit_test(test_srtp__never_uses_an_index_twice),
		cmocka_unit_test(test_srtp__ends_with_the_last_index),
		cmocka_unit_test(
			test_srtp__refuses_replay_inside_and_behind_the_window),
		cmocka_unit_test(test_srtp__detects_each_changed_bit),
		cmocka_unit_test(test_srtp__bounds_its_ssrc_table),
		cmocka_unit_test(test_srtp__a_forged_packet_takes_no_place),
		cmocka_unit_test(test_srtcp__passes_and_refuses_replay),
		cmocka_unit_test(test_srtp__refuses_wrong_key_lengths),
		cmocka_unit_test(test_srtp__equals_libsrtp2),
		cmocka_unit_test(test_srtp__survives_failing_allocations),
	};
	int r;

	if (srtp_env_new(&env) < 0 || srtp_init() != srtp_err_status_ok)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	srtp_env_free(&env);
	return r;
}
