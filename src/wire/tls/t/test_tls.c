#include "wire/t/test_help.h"
#include "base/wr.h"
#include "wire/tls/tls.h"

struct made {
	uint8_t v[HELP_BYTES_MAX];
	struct span s;
};

static const uint8_t zero[64];

/* One identity more for each; `tail`: an extension behind the last one. */
static void hello(struct made *m, size_t n_ids, size_t id_n, bool tail)
{
	const size_t ids_n = n_ids * (2 + id_n + 4), binders_n = n_ids * 33;
	const size_t psk_n = 2 + ids_n + 2 + binders_n;
	const size_t ext_n = 4 + 3 + (n_ids ? 4 + psk_n : 0) + (tail ? 4 : 0);
	const size_t hello_n = 34 + 1 + 32 + 2 + 4 + 2 + 2 + ext_n;
	struct wr w = wr_of(m->v, sizeof(m->v));

	wr_u8(&w, 22);
	wr_u16(&w, 0x0301);
	wr_u16(&w, (uint16_t)(hello_n + 4));
	wr_u8(&w, 1);
	wr_u24(&w, (uint32_t)hello_n);
	wr_u16(&w, 0x0303);
	wr_bytes(&w, zero, 32);
	wr_u8(&w, 32);
	wr_bytes(&w, zero, 32);
	wr_u16(&w, 4);
	wr_u32(&w, 0x13011302);
	wr_u16(&w, 0x0100);		/* no compression */
	wr_u16(&w, (uint16_t)ext_n);
	wr_u16(&w, 43);			/* supported_versions */
	wr_u16(&w, 3);
	wr_u24(&w, 0x020304);
	if (n_ids) {
		wr_u16(&w, 41);
		wr_u16(&w, (uint16_t)psk_n);
		wr_u16(&w, (uint16_t)ids_n);
	}
	for (size_t i = 0; i < n_ids; i++) {
		wr_u16(&w, (uint16_t)id_n);
		for (size_t k = 0; k < id_n; k++)
			wr_u8(&w, (uint8_t)('a' + i));
		wr_u32(&w, 77);
	}
	if (n_ids)
		wr_u16(&w, (uint16_t)binders_n);
	for (size_t i = 0; i < n_ids; i++) {
		wr_u8(&w, 32);
		wr_bytes(&w, zero, 32);
	}
	if (tail)
		wr_u32(&w, 0x00170000);
	assert_int_equal(wr_end(&w, &m->s), 0);
}

static void test_tls__finds_the_identities(void **state)
{
	struct tls_hello h;
	struct made m;

	(void)state;
	hello(&m, 2, 3, false);
	assert_int_equal(tls_hello_decode(&h, m.s), 0);
	assert_int_equal(h.n, 2);
	assert_span(h.identity[0], "aaa");
	assert_span(h.identity[1], "bbb");
	/* one more than we look at */
	hello(&m, TLS_IDENTITIES_MAX + 1, 32, false);
	assert_int_equal(tls_hello_decode(&h, m.s), 0);
	assert_int_equal(h.n, TLS_IDENTITIES_MAX);
	assert_int_equal(h.identity[3].n, 32);
}

static void test_tls__finds_none(void **state)
{
	struct tls_hello h;
	struct made m;

	(void)state;
	hello(&m, 0, 0, true);
	assert_int_equal(tls_hello_decode(&h, m.s), 0);
	assert_int_equal(h.n, 0);
}

static void test_tls__ignores_what_stands_behind(void **state)
{
	struct tls_hello h;
	struct made m;

	(void)state;
	hello(&m, 1, 2, false);
	m.v[m.s.n] = 23;
	m.s.n++;
	assert_int_equal(tls_hello_decode(&h, m.s), 0);
	assert_span(h.identity[0], "aa");
}

static void must_wait(struct span prefix, void *arg)
{
	struct tls_hello h = {.n = 77};

	(void)arg;
	assert_int_equal(tls_hello_decode(&h, prefix), E_AGAIN);
	assert_int_equal(h.n, 77);
}

static void test_tls__waits_for_the_rest(void **state)
{
	struct made m;

	(void)state;
	hello(&m, 1, 32, false);
	each_prefix(m.s, must_wait, NULL);
}

static int decode_hex(const char *text)
{
	struct bytes b = hex(text);
	struct tls_hello h;

	return tls_hello_decode(&h, bytes_span(&b));
}

static void test_tls__refuses_what_is_no_hello(void **state)
{
	struct tls_hello h;
	struct made m;

	(void)state;
	hello(&m, 1, 4, true);
	assert_int_equal(decode_hex("47"), E_FORMAT);
	assert_int_equal(decode_hex("474554202f"), E_FORMAT);
	assert_int_equal(decode_hex("1602"), E_FORMAT);
	assert_int_equal(decode_hex("16030100 03"), E_FORMAT);
	assert_int_equal(decode_hex("160301ffff"), E_FORMAT);
	assert_int_equal(decode_hex("1603010004 02000000"), E_FORMAT);
	/* cut into two records, padded, and too short */
	assert_int_equal(decode_hex("1603010004 01000001"), E_UNSUPPORTED);
	assert_int_equal(decode_hex("1603010005 0100000000"), E_FORMAT);
	assert_int_equal(decode_hex("1603010004 01000000"), E_FORMAT);
	/* behind the pre-shared key nothing may follow */
	assert_int_equal(tls_hello_decode(&h, m.s), E_FORMAT);
	/* an identity without a byte; none at all */
	hello(&m, 1, 0, false);
	assert_int_equal(tls_hello_decode(&h, m.s), E_FORMAT);
}

/* Each byte of it, once changed: never a read outside, whatever comes out. */
static void test_tls__survives_each_changed_byte(void **state)
{
	struct made m;

	(void)state;
	hello(&m, 2, 32, false);
	for (size_t i = 0; i < m.s.n; i++) {
		uint8_t *p = mem_dup(m.v, m.s.n);
		struct tls_hello h;

		assert_non_null(p);
		p[i] ^= 0xff;
		if (tls_hello_decode(&h, span_of(p, m.s.n)) == 0)
			assert_true(h.n <= 2);
		mem_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls__finds_the_identities),
		cmocka_unit_test(test_tls__finds_none),
		cmocka_unit_test(test_tls__ignores_what_stands_behind),
		cmocka_unit_test(test_tls__waits_for_the_rest),
		cmocka_unit_test(test_tls__refuses_what_is_no_hello),
		cmocka_unit_test(test_tls__survives_each_changed_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
