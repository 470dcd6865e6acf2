/* Whose certificate is good for what: both ways, on a pair of sockets, against
 * the library's own client and server; and what an answer about revocation is
 * worth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "http/t/pki.h"
#include "sip/check.h"

enum { TURNS = 50, PEM_MAX = 4096 };

static struct {
	struct party ca, trunk_ca, ours, device, trunk, same_name, wrong_name,
		     expired, second;
	struct sip_tls *tls;
	char pem[PEM_MAX], ca_pem[PEM_MAX];
} w;

/* One connection: our side, and the library's. */
static struct {
	SSL *us, *them;
	int fd[2], our_end, their_end;	/* 1 = done, -1 = failed */
	Cv__SipFault fault;
} pair;

static struct span pem_of(char out[PEM_MAX], const X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long n;

	(void)PEM_write_bio_X509(bio, cert);
	n = BIO_get_mem_data(bio, &p);
	assert_true(n > 0 && n < PEM_MAX);
	memcpy(out, p, (size_t)n);
	BIO_free(bio);
	return span_of(out, (size_t)n);
}

static struct party person(const char *cn, long serial,
			   const struct party *ca, int64_t now_s,
			   const char *san)
{
	const struct kit_ext ext[] = {{NID_subject_alt_name, san}, {0, NULL}};

	return kit_party(cn, serial, ca, now_s, ext);
}

static int setup(void **state)
{
	static const struct kit_ext of_ca[] = {
		{NID_basic_constraints, "critical,CA:TRUE"}, {0, NULL}};
	const int64_t now = clock_wall_us() / 1000000;

	(void)state;
	memset(&w, 0, sizeof(w));
	w.ca = kit_party("CA", 1, NULL, now, of_ca);
	w.trunk_ca = kit_party("CA of the trunk", 1, NULL, now, of_ca);
	w.ours = person("ours", 2, &w.ca, now, "DNS:meet.example");
	w.second = person("ours anew", 3, &w.ca, now, "DNS:meet.example");
	w.device = person("device", 4, &w.ca, now, "DNS:desk.example");
	w.trunk = person("cc", 5, &w.trunk_ca, now, "DNS:cc.example");
	w.same_name = person("cc", 6, &w.ca, now, "DNS:cc.example");
	w.wrong_name = person("x", 7, &w.trunk_ca, now, "DNS:x.example");
	w.expired = person("cc", 8, &w.trunk_ca, now - 60 * KIT_DAY,
			   "DNS:cc.example");
	assert_int_equal(sip_tls_new(&w.tls, pem_of(w.pem, w.ours.cert),
				     w.ours.key, pem_of(w.ca_pem, w.ca.cert)),
			 0);
	return 0;
}

static int teardown(void **state)
{
	struct party *all[] = {&w.ca, &w.trunk_ca, &w.ours, &w.device,
			       &w.trunk, &w.same_name, &w.wrong_name,
			       &w.expired, &w.second};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		kit_party_free(all[i]);
	sip_tls_free(&w.tls);
	return 0;
}

/* --- proxies ----------------------------------------------------------------------- */

static Cv__SipTrunk cc(const char *server_name, const X509 *ca,
		       char pem[PEM_MAX])
{
	Cv__SipTrunk m = CV__SIP_TRUNK__INIT;

	m.first = m.last = m.accepts = true;
	m.name = ipc_data(SPAN_LIT("callcontrol"));
	m.peer_name = ipc_data(SPAN_LIT("cc.example"));
	m.server_name = ipc_data(span_str(server_name));
	if (ca)
		m.ca = ipc_data(pem_of(pem, ca));
	return m;
}

static void set(const Cv__SipTrunk *m)
{
	assert_int_equal(trunks_put(sip_tls_trunks(w.tls), m), 0);
	sip_tls_trunks_changed(w.tls);
}

static void trunk(const char *server_name, const X509 *ca)
{
	char pem[PEM_MAX];
	const Cv__SipTrunk m = cc(server_name, ca, pem);

	set(&m);
}

/* --- connections --------------------------------------------------------------------- */

static int step(SSL *ssl)
{
	int r, e;

	ERR_clear_error();
	r = SSL_do_handshake(ssl);
	e = SSL_get_error(ssl, r);
	return r == 1 ? 1 : e == SSL_ERROR_WANT_READ ||
	       e == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static void sockets(void)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				    pair.fd), 0);
}

static void run(void)
{
	pair.our_end = pair.their_end = 0;
	pair.fault = CV__SIP_FAULT__SIP_FAULT_NONE;
	for (int i = 0; i < TURNS && !(pair.our_end && pair.their_end); i++) {
		if (!pair.their_end)
			pair.their_end = step(pair.them);
		if (pair.our_end)
			continue;
		pair.our_end = step(pair.us);
		if (pair.our_end < 0)
			pair.fault = sip_tls_fault(pair.us);
	}
}

static void hang_up(void)
{
	SSL_free(pair.us);
	SSL_free(pair.them);
	close(pair.fd[0]);
	close(pair.fd[1]);
}

static SSL *their_side(const SSL_METHOD *method, const struct party *p,
		       int version)
{
	SSL_CTX *ctx = SSL_CTX_new(method);
	SSL *ssl;

	(void)SSL_CTX_set_max_proto_version(ctx, version);
	if (p) {
		assert_int_equal(SSL_CTX_use_certificate(ctx, p->cert), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(ctx, p->key), 1);
	}
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	(void)SSL_set_fd(ssl, pair.fd[1]);
	return ssl;
}

/* Somebody comes with this certificate and asks for this name. */
static int comes(const struct party *p, const char *name, int version)
{
	sockets();
	assert_int_equal(sip_tls_accept(w.tls, &pair.us, pair.fd[0]), 0);
	pair.them = their_side(TLS_client_method(), p, version);
	SSL_set_connect_state(pair.them);
	(void)SSL_set_tlsext_status_type(pair.them, TLSEXT_STATUSTYPE_ocsp);
	if (name)
		(void)SSL_set_tlsext_host_name(pair.them, name);
	run();
	return pair.our_end;
}

static bool is_trunk(void)
{
	return sip_tls_trunk(w.tls, pair.us) != 0;
}

static bool has_names(const char *want)
{
	char names[SIP_TLS_NAMES_MAX];

	return span_eq(sip_tls_names(pair.us, names), span_str(want));
}

/* Refused, with that word; or taken, as a trunk or not. */
static void expect(const struct party *p, const char *name, Cv__SipFault fault,
		   bool as_trunk)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(comes(p, name, versions[i]), fault ? -1 : 1);
		assert_int_equal(pair.fault, fault);
		assert_int_equal(!fault && is_trunk(), as_trunk);
		hang_up();
	}
}

#define FAULT(f) CV__SIP_FAULT__SIP_FAULT_##f

static void test_tls__who_shows_a_certificate_must_show_a_good_one(
	void **state)
{
	(void)state;
	expect(NULL, NULL, FAULT(NONE), false);
	expect(&w.device, "meet.example", FAULT(NONE), false);
	expect(&w.trunk, "meet.example", FAULT(CA), false);
	sip_tls_verify(w.tls, false);
	expect(&w.trunk, "meet.example", FAULT(NONE), false);
}

static void test_tls__a_proxy_is_known_by_its_name(void **state)
{
	(void)state;
	trunk("", NULL);
	expect(&w.same_name, NULL, FAULT(NONE), true);
	expect(&w.device, NULL, FAULT(NONE), false);
	assert_int_equal(comes(&w.same_name, NULL, TLS1_3_VERSION), 1);
	assert_true(has_names("cc.example"));
	hang_up();
}

static void test_tls__the_ca_of_a_proxy_counts_and_no_other(void **state)
{
	(void)state;
	trunk("", w.trunk_ca.cert);
	expect(&w.trunk, NULL, FAULT(NONE), true);
	expect(&w.same_name, NULL, FAULT(CA), false);
	expect(&w.device, NULL, FAULT(NONE), false);
	expect(NULL, NULL, FAULT(NONE), false);
}

static void test_tls__under_the_name_of_a_proxy_nobody_else_comes(void **state)
{
	(void)state;
	trunk("trunk.meet.example", w.trunk_ca.cert);
	for (int on = 0; on < 2; on++) {
		const char *name = on ? "trunk.meet.example" :
				   "TRUNK.meet.example";

		sip_tls_verify(w.tls, on);
		expect(&w.trunk, name, FAULT(NONE), true);
		expect(NULL, name, FAULT(MISSING), false);
		expect(&w.same_name, name, FAULT(CA), false);
		expect(&w.device, name, FAULT(CA), false);
		expect(&w.wrong_name, name, FAULT(NAME), false);
		expect(&w.expired, name, FAULT(EXPIRED), false);
	}
	expect(NULL, "meet.example", FAULT(NONE), false);
}

static void test_tls__a_bad_one_proves_nothing_where_nobody_asks(void **state)
{
	(void)state;
	trunk("", NULL);
	sip_tls_verify(w.tls, false);
	assert_int_equal(comes(&w.trunk, NULL, TLS1_3_VERSION), 1);
	assert_true(has_names(""));
	assert_false(is_trunk());
	hang_up();
	expect(&w.same_name, NULL, FAULT(NONE), true);
}

static void test_tls__cas_that_cannot_be_read_are_nobody(void **state)
{
	Cv__SipTrunk m = cc("", NULL, NULL);

	(void)state;
	m.ca = ipc_data(SPAN_LIT("-----BEGIN CERTIFICATE-----\nx"));
	set(&m);
	expect(&w.same_name, NULL, FAULT(CA), false);
}

static void test_tls__who_is_refused_is_told_by_name(void **state)
{
	struct span names;
	const struct trunk *k;

	(void)state;
	trunk("", w.trunk_ca.cert);
	k = trunks_named(sip_tls_trunks(w.tls), SPAN_LIT("callcontrol"));
	assert_int_equal(comes(&w.same_name, NULL, TLS1_3_VERSION), -1);
	assert_int_equal(sip_tls_claims(w.tls, pair.us, &names), k->id);
	assert_true(span_eq(names, SPAN_LIT("cc.example")));
	hang_up();
}

/* We call somebody who shows this. */
static int called(const struct party *p, const char *name, bool as_trunk)
{
	const struct trunk *k = trunks_named(sip_tls_trunks(w.tls),
					     SPAN_LIT("callcontrol"));

	sockets();
	assert_int_equal(sip_tls_connect(w.tls, &pair.us, pair.fd[0],
					 span_str(name), true,
					 as_trunk ? k->id : 0), 0);
	pair.them = their_side(TLS_server_method(), p, TLS1_3_VERSION);
	SSL_set_accept_state(pair.them);
	run();
	return pair.our_end;
}

static void test_tls__whom_we_call_must_be_the_one(void **state)
{
	const struct {
		const struct party *p;
		bool as_trunk;
		Cv__SipFault fault;
	} rows[] = {
		{&w.trunk, true, FAULT(NONE)}, {&w.trunk, false, FAULT(CA)},
		{&w.same_name, true, FAULT(CA)},
		{&w.same_name, false, FAULT(NONE)},
		{&w.wrong_name, true, FAULT(NAME)},
		{&w.expired, true, FAULT(EXPIRED)},
	};

	(void)state;
	trunk("trunk.meet.example", w.trunk_ca.cert);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const bool good = rows[i].fault == FAULT(NONE);

		assert_int_equal(called(rows[i].p, "cc.example",
					rows[i].as_trunk), good ? 1 : -1);
		assert_int_equal(pair.fault, rows[i].fault);
		assert_int_equal(good && is_trunk(), good &&
				 rows[i].as_trunk);
		hang_up();
	}
}

static void test_tls__another_certificate_is_for_newcomers(void **state)
{
	char pem[PEM_MAX], said[4];
	SSL *us, *them;
	int fd[2];

	(void)state;
	assert_int_equal(comes(NULL, NULL, TLS1_3_VERSION), 1);
	assert_int_equal(X509_cmp(SSL_get0_peer_certificate(pair.them),
				  w.ours.cert), 0);
	us = pair.us;
	them = pair.them;
	memcpy(fd, pair.fd, sizeof(fd));
	assert_int_equal(sip_tls_change(w.tls, SPAN_LIT("rubbish"),
					w.second.key), E_FORMAT);
	assert_int_equal(sip_tls_change(w.tls, pem_of(pem, w.second.cert),
					w.ours.key), E_INVAL);
	assert_int_equal(sip_tls_change(w.tls, pem_of(pem, w.second.cert),
					w.second.key), 0);
	assert_int_equal(comes(NULL, NULL, TLS1_3_VERSION), 1);
	assert_int_equal(X509_cmp(SSL_get0_peer_certificate(pair.them),
				  w.second.cert), 0);
	hang_up();
	assert_int_equal(SSL_write(them, "abc", 3), 3);
	assert_int_equal(SSL_read(us, said, sizeof(said)), 3);
	pair.us = us;
	pair.them = them;
	memcpy(pair.fd, fd, sizeof(fd));
	hang_up();
}

static long stapled(void)
{
	const unsigned char *p;
	long n;

	assert_int_equal(comes(NULL, NULL, TLS1_3_VERSION), 1);
	n = SSL_get_tlsext_status_ocsp_resp(pair.them, &p);
	hang_up();
	return n;
}

static void test_tls__a_response_is_stapled_while_it_is_fresh(void **state)
{
	const int64_t now = clock_wall_us() / 1000000;
	char pem[PEM_MAX];

	(void)state;
	assert_int_equal(stapled(), -1);
	assert_int_equal(sip_tls_staple(w.tls, SPAN_LIT("ocsp"), now + 60), 0);
	assert_int_equal(stapled(), 4);
	clock_wall_step_us(INT64_C(61) * 1000000);
	assert_int_equal(stapled(), -1);
	clock_wall_step_us(INT64_C(-61) * 1000000);
	assert_int_equal(stapled(), 4);
	assert_int_equal(sip_tls_change(w.tls, pem_of(pem, w.second.cert),
					w.second.key), 0);
	assert_int_equal(stapled(), -1);
}

/* --- rows -------------------------------------------------------------------------------- */

static void test_trunks__a_row_that_stays_keeps_its_number(void **state)
{
	struct trunks *t = sip_tls_trunks(w.tls);
	char pem[PEM_MAX];
	Cv__SipTrunk m = cc("", w.trunk_ca.cert, pem), none =
		CV__SIP_TRUNK__INIT;
	uint64_t id;

	(void)state;
	none.first = none.last = true;
	set(&m);
	id = trunks_named(t, SPAN_LIT("callcontrol"))->id;
	set(&m);
	assert_int_equal(trunks_named(t, SPAN_LIT("callcontrol"))->id, id);
	m.revocation = CV__SIP_REVOCATION__SIP_REVOKE_OFF;
	set(&m);
	assert_int_not_equal(trunks_named(t, SPAN_LIT("callcontrol"))->id, id);
	assert_null(trunks_get(t, id));
	/* half a set changes nothing */
	m.first = true;
	m.last = false;
	m.name = ipc_data(SPAN_LIT("other"));
	assert_int_equal(trunks_put(t, &m), 0);
	assert_non_null(trunks_named(t, SPAN_LIT("callcontrol")));
	set(&none);
	assert_null(trunks_named(t, SPAN_LIT("callcontrol")));
	expect(&w.trunk, NULL, FAULT(CA), false);
}

static void test_trunks__a_thousand_and_no_more(void **state)
{
	struct trunks *t = sip_tls_trunks(w.tls);
	char name[16];
	Cv__SipTrunk m = cc("", NULL, NULL);
	int r = 0;

	(void)state;
	set(&m);
	for (int i = 0; i <= TRUNKS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "t%d", i);
		m.first = i == 0;
		m.last = i == TRUNKS_MAX;
		m.name = ipc_data(span_str(name));
		r = trunks_put(t, &m);
	}
	assert_int_equal(r, E_FULL);
	assert_non_null(trunks_named(t, SPAN_LIT("callcontrol")));
	assert_null(trunks_named(t, SPAN_LIT("t1")));
}

/* --- what an answer is worth ---------------------------------------------------------------- */

static struct {
	struct checks *checks;
	struct timer_wheel *wheel;
	Cv__CertCheck last;
	size_t n_chain;
	unsigned asked, decided;
	Cv__SipFault fault;
	bool soft, away;
} q;

static int on_ask(void *arg, const Cv__CertCheck *m)
{
	(void)arg;
	if (q.away)
		return E_CLOSED;
	q.asked++;
	q.last = *m;
	q.n_chain = m->n_chain;
	return 0;
}

static void on_decide(void *arg, uint32_t flow, Cv__SipFault fault,
		      const char *why, bool soft)
{
	(void)arg;
	(void)why;
	assert_int_equal(flow, 7);
	q.decided++;
	q.fault = fault;
	q.soft = soft;
}

static void open_checks(void)
{
	struct checks_cfg cfg = {.tls = w.tls, .ask = on_ask,
				 .decide = on_decide,
				 .wall_us = clock_wall_us};

	memset(&q, 0, sizeof(q));
	assert_int_equal(timer_wheel_new(&q.wheel, 0), 0);
	cfg.wheel = q.wheel;
	assert_int_equal(checks_new(&q.checks, &cfg), 0);
	checks_core(q.checks, true, 0);
}

static void close_checks(void)
{
	checks_free(&q.checks);
	timer_wheel_free(&q.wheel);
}

static enum net_check begin(bool *soft)
{
	return checks_begin(q.checks, 7, pair.us, sip_tls_trunk(w.tls,
			    pair.us), soft);
}

static void answer(Cv__CertVerdict verdict)
{
	Cv__CertStatus m = CV__CERT_STATUS__INIT;

	m.req = q.last.req;
	m.verdict = verdict;
	checks_status(q.checks, &m, 0);
}

#define V(v) CV__CERT_VERDICT__CERT_##v

static void test_checks__what_an_answer_is_worth(void **state)
{
	enum { REQUIRE, SOFT, OFF, DEVICE_ON, DEVICE_OFF, ROWS };
	const Cv__CertVerdict verdicts[] = {V(GOOD), V(REVOKED), V(UNKNOWN),
					    V(SILENT)};
	static const struct {
		bool asked;
		Cv__SipFault want[4];
		bool soft[4];
	} rows[ROWS] = {
		[REQUIRE] = {true, {FAULT(NONE), FAULT(REVOKED),
			     FAULT(UNKNOWN), FAULT(UNKNOWN)}, {false}},
		[SOFT] = {true, {FAULT(NONE), FAULT(REVOKED), FAULT(NONE),
			  FAULT(NONE)}, {false, false, true, true}},
		[OFF] = {.asked = false},
		[DEVICE_ON] = {true, {FAULT(NONE), FAULT(REVOKED),
			       FAULT(UNKNOWN), FAULT(NONE)}, {false}},
		[DEVICE_OFF] = {.asked = false},
	};
	Cv__SipTrunk m = cc("", NULL, NULL);
	bool soft;

	(void)state;
	open_checks();
	for (int i = 0; i < ROWS; i++) {
		m.revocation = i == SOFT ?
			CV__SIP_REVOCATION__SIP_REVOKE_SOFT_FAIL : i == OFF ?
			CV__SIP_REVOCATION__SIP_REVOKE_OFF :
			CV__SIP_REVOCATION__SIP_REVOKE_REQUIRE;
		set(&m);
		checks_setting(q.checks, i != DEVICE_OFF);
		assert_int_equal(comes(i < DEVICE_ON ? &w.same_name :
				       &w.device, NULL, TLS1_3_VERSION), 1);
		for (int v = 0; v < 4; v++) {
			assert_int_equal(begin(&soft), rows[i].asked ?
					 NET_CHECK_ASKED : NET_CHECK_NONE);
			assert_false(soft);
			if (!rows[i].asked)
				continue;
			assert_int_equal(q.n_chain, 2);
			assert_int_equal(q.last.stranger, i >= DEVICE_ON);
			answer(verdicts[v]);
			assert_int_equal(q.fault, rows[i].want[v]);
			assert_int_equal(q.soft, rows[i].soft[v]);
		}
		hang_up();
	}
	close_checks();
}

static void test_checks__nobody_to_ask_is_asked_in_vain(void **state)
{
	Cv__SipTrunk m = cc("", NULL, NULL);
	bool soft;

	(void)state;
	open_checks();
	set(&m);
	assert_int_equal(comes(&w.same_name, NULL, TLS1_3_VERSION), 1);
	assert_int_equal(begin(&soft), NET_CHECK_ASKED);
	checks_core(q.checks, false, 0);
	assert_int_equal(q.decided, 1);
	assert_int_equal(q.fault, FAULT(UNKNOWN));
	assert_int_equal(begin(&soft), NET_CHECK_FAILED);
	checks_core(q.checks, true, 0);
	q.away = true;
	assert_int_equal(begin(&soft), NET_CHECK_FAILED);
	hang_up();
	/* nobody without a certificate is asked about */
	assert_int_equal(comes(NULL, NULL, TLS1_3_VERSION), 1);
	assert_int_equal(begin(&soft), NET_CHECK_NONE);
	hang_up();
	close_checks();
}

static void test_checks__rules_that_change_meanwhile_refuse(void **state)
{
	Cv__SipTrunk m = cc("", NULL, NULL);
	bool soft;

	(void)state;
	open_checks();
	set(&m);
	assert_int_equal(comes(&w.same_name, NULL, TLS1_3_VERSION), 1);
	assert_int_equal(begin(&soft), NET_CHECK_ASKED);
	m.believes = true;
	set(&m);
	answer(V(GOOD));
	assert_int_equal(q.fault, FAULT(UNKNOWN));
	hang_up();
	close_checks();
}

static void test_checks__our_own_is_stapled_and_asked_for_anew(void **state)
{
	const int64_t now = clock_wall_us() / 1000000;
	Cv__CertStatus m = CV__CERT_STATUS__INIT;
	uint32_t first;

	(void)state;
	open_checks();
	(void)timer_wheel_advance(q.wheel, 2 * NS_PER_S);
	assert_int_equal(q.asked, 1);
	assert_true(q.last.want_response);
	assert_int_equal(q.n_chain, 2);
	m.req = first = q.last.req;
	m.verdict = V(GOOD);
	m.response = ipc_data(SPAN_LIT("ocsp"));
	m.this_s = now - 10;
	m.next_s = now + 1000;
	checks_status(q.checks, &m, 2 * NS_PER_S);
	assert_int_equal(stapled(), 4);
	(void)timer_wheel_advance(q.wheel, 495 * NS_PER_S);
	assert_int_equal(q.asked, 1);
	(void)timer_wheel_advance(q.wheel, 505 * NS_PER_S);
	assert_int_equal(q.asked, 2);
	assert_int_not_equal(q.last.req, first);
	/* in vain: what there is stays, and it is asked for again */
	answer(V(UNKNOWN));
	assert_int_equal(stapled(), 4);
	(void)timer_wheel_advance(q.wheel, 1000 * NS_PER_S);
	assert_int_equal(q.asked, 3);
	/* it names nobody: nobody is asked again */
	answer(V(SILENT));
	(void)timer_wheel_advance(q.wheel, 100000 * NS_PER_S);
	assert_int_equal(q.asked, 3);
	close_checks();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_tls__who_shows_a_certificate_must_show_a_good_one),
		T(test_tls__a_proxy_is_known_by_its_name),
		T(test_tls__the_ca_of_a_proxy_counts_and_no_other),
		T(test_tls__under_the_name_of_a_proxy_nobody_else_comes),
		T(test_tls__a_bad_one_proves_nothing_where_nobody_asks),
		T(test_tls__cas_that_cannot_be_read_are_nobody),
		T(test_tls__who_is_refused_is_told_by_name),
		T(test_tls__whom_we_call_must_be_the_one),
		T(test_tls__another_certificate_is_for_newcomers),
		T(test_tls__a_response_is_stapled_while_it_is_fresh),
		T(test_trunks__a_row_that_stays_keeps_its_number),
		T(test_trunks__a_thousand_and_no_more),
		T(test_checks__what_an_answer_is_worth),
		T(test_checks__nobody_to_ask_is_asked_in_vain),
		T(test_checks__rules_that_change_meanwhile_refuse),
		T(test_checks__our_own_is_stapled_and_asked_for_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
