/* The role `keys` itself, started as super starts it, and the face's side of
 * it (http/tls_key) in real handshakes. argv[1] is conclave-keys; with
 * argv[2] = "bench" it measures instead. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/alloc_test.h"
#include "base/clock.h"
#include "base/crypto/p256.h"
#include "http/tls_key.h"
#include "ipc/ipc.h"
#include "ipc/keys.pb-c.h"
#include "ipc/super.pb-c.h"
#include "keys/keys.h"

static const char *program;
static char pem[4096];
static size_t pem_n;
static X509 *cert;
static EVP_PKEY *pair;

static void make_cert(void)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;

	pair = EVP_EC_gen("P-256");
	cert = X509_new();
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, pair);
	assert_true(X509_sign(cert, pair, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_PrivateKey(bio, pair, NULL, NULL, 0,
						  NULL, NULL), 1);
	pem_n = (size_t)BIO_get_mem_data(bio, &p);
	assert_true(pem_n < sizeof(pem));
	memcpy(pem, p, pem_n);
	BIO_free(bio);
}

/* --- super's part -------------------------------------------------------- */

struct role_proc {
	pid_t pid;
	struct ipc_chan *ch;
	bool ready, down;
};

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	struct role_proc *p = arg;

	(void)ch;
	(void)msg;
	(void)fds;
	assert_int_equal(n_fds, 0);
	if (type == IPC_READY)
		p->ready = true;
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	struct role_proc *p = arg;

	(void)ch;
	(void)error;
	p->down = true;
}

static int pem_file(void)
{
	int fd = memfd_create("pem", MFD_CLOEXEC);

	assert_true(write(fd, pem, pem_n) == (ssize_t)pem_n);
	return fd;
}

static pid_t exec_keys(int channel)
{
	pid_t pid = fork();

	if (pid == 0) {
		char *argv[] = {(char *)(uintptr_t)program, NULL};
		char *envp[] = {(char *)(uintptr_t)"CONCLAVE_INSTANCE=0",
				(char *)(uintptr_t)"ASAN_OPTIONS=detect_leaks=0",
				NULL};
		int far = fcntl(channel, F_DUPFD, 20);

		(void)dup2(far, 3);
		(void)dup2(2, 4);
		execve(program, argv, envp);
		_exit(127);
	}
	return pid;
}

static void send_boot(struct role_proc *p, int key)
{
	Cv__FdName names[1] = {CV__FD_NAME__FD_TLS_KEY};
	Cv__Boot b = CV__BOOT__INIT;

	b.n_fds = 1;
	b.fds = names;
	assert_int_equal(ipc_chan_send(p->ch, IPC_BOOT, &b.base, &key, 1), 0);
}

static void keys_start(struct role_proc *p)
{
	struct ipc_chan_cfg cfg = {
		.self = ROLE_SUPER, .peer = ROLE_KEYS, .on_msg = on_msg,
		.on_down = on_down, .arg = p,
	};
	int s[2], key = pem_file();

	memset(p, 0, sizeof(*p));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				    s), 0);
	p->pid = exec_keys(s[1]);
	close(s[1]);
	cfg.fd = s[0];
	assert_int_equal(ipc_chan_new(&p->ch, &cfg), 0);
	send_boot(p, key);
	close(key);
	while (!p->ready && !p->down) {
		struct pollfd f = {.fd = s[0], .events = POLLIN};

		assert_int_equal(poll(&f, 1, 10000), 1);
		(void)ipc_chan_input(p->ch, 8);
	}
	assert_true(p->ready);
}

/* Makes a link and returns the face's end. */
static int keys_link(struct role_proc *p)
{
	Cv__Link l = CV__LINK__INIT;
	int s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
				    SOCK_NONBLOCK, 0, s), 0);
	l.role = ROLE_WEB;
	assert_int_equal(ipc_chan_send(p->ch, IPC_LINK, &l.base, &s[1], 1), 0);
	close(s[1]);
	return s[0];
}

static int keys_end(struct role_proc *p, int sig)
{
	int status;

	if (sig)
		(void)kill(p->pid, sig);
	ipc_chan_free(&p->ch);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	return status;
}

/* --- handshakes ---------------------------------------------------------- */

static SSL_CTX *server_ctx(EVP_PKEY *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	return ctx;
}

static bool handshake(SSL_CTX *server, int version)
{
	SSL_CTX *cc = SSL_CTX_new(TLS_client_method());
	SSL *s = SSL_new(server), *c;
	BIO *a, *b;
	bool done = false;

	SSL_CTX_set_min_proto_version(cc, version);
	SSL_CTX_set_max_proto_version(cc, version);
	c = SSL_new(cc);
	assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
	SSL_set_bio(s, a, a);
	SSL_set_bio(c, b, b);
	for (int i = 0; i < 8 && !done; i++) {
		int rc = SSL_connect(c), rs = SSL_accept(s);

		if ((rc != 1 && SSL_get_error(c, rc) != SSL_ERROR_WANT_READ) ||
		    (rs != 1 && SSL_get_error(s, rs) != SSL_ERROR_WANT_READ))
			break;
		done = rc == 1 && rs == 1;
	}
	SSL_free(s);
	SSL_free(c);
	SSL_CTX_free(cc);
	return done;
}

static void test_tls_key__signs_tls_1_2_and_1_3(void **state)
{
	struct tls_key_stats st;
	struct role_proc p;
	struct tls_key *k;
	SSL_CTX *ctx;

	(void)state;
	keys_start(&p);
	assert_int_equal(tls_key_new(&k, cert, ROLE_WEB, 0), 0);
	assert_int_equal(tls_key_link(k, 0, keys_link(&p)), 0);
	ctx = server_ctx(tls_key_pkey(k));
	assert_true(handshake(ctx, TLS1_2_VERSION));
	assert_true(handshake(ctx, TLS1_3_VERSION));
	tls_key_stats(k, &st);
	assert_int_equal(st.asked, 2);
	assert_int_equal(st.failed, 0);
	SSL_CTX_free(ctx);
	tls_key_free(&k);
	(void)keys_end(&p, SIGKILL);
}

static void test_tls_key__fails_alone_when_keys_is_dead(void **state)
{
	struct tls_key_stats st;
	struct role_proc p;
	struct tls_key *k;
	uint64_t began;
	SSL_CTX *ctx;

	(void)state;
	assert_int_equal(tls_key_new(&k, cert, ROLE_WEB, 0), 0);
	ctx = server_ctx(tls_key_pkey(k));
	assert_false(tls_key_is_linked(k));
	assert_false(handshake(ctx, TLS1_3_VERSION));
	keys_start(&p);
	assert_int_equal(tls_key_link(k, 0, keys_link(&p)), 0);
	assert_true(handshake(ctx, TLS1_3_VERSION));
	/* Stopped: the wait is bounded. */
	(void)kill(p.pid, SIGSTOP);
	began = clock_mono_ns();
	assert_false(handshake(ctx, TLS1_3_VERSION));
	for (int i = 0; i < 20; i++)
		assert_false(handshake(ctx, TLS1_3_VERSION));
	/* one wait, not twenty-one; the counters below say it exactly */
	assert_true(clock_mono_ns() - began < 15 * TLS_KEY_WAIT_MS * NS_PER_MS);
	(void)keys_end(&p, SIGKILL);
	assert_false(handshake(ctx, TLS1_2_VERSION));
	/* A new keys, a new link. */
	keys_start(&p);
	assert_int_equal(tls_key_link(k, 0, keys_link(&p)), 0);
	assert_true(handshake(ctx, TLS1_2_VERSION));
	tls_key_stats(k, &st);
	assert_int_equal(st.timed_out, 1);
	assert_true(st.rested >= 20);
	assert_int_equal(st.no_link, 1);
	SSL_CTX_free(ctx);
	tls_key_free(&k);
	(void)keys_end(&p, SIGKILL);
}

static void test_tls_key__late_answer_is_not_taken_for_the_next(void **state)
{
	struct role_proc p;
	struct tls_key *k;
	uint64_t began;
	SSL_CTX *ctx;

	(void)state;
	keys_start(&p);
	assert_int_equal(tls_key_new(&k, cert, ROLE_WEB, 0), 0);
	assert_int_equal(tls_key_link(k, 0, keys_link(&p)), 0);
	ctx = server_ctx(tls_key_pkey(k));
	(void)kill(p.pid, SIGSTOP);
	assert_false(handshake(ctx, TLS1_3_VERSION));
	(void)kill(p.pid, SIGCONT);
	began = clock_mono_ns();
	while (!handshake(ctx, TLS1_3_VERSION))
		assert_true(clock_mono_ns() - began < 20 * NS_PER_S);
	for (int i = 0; i < 5; i++)
		assert_true(handshake(ctx, TLS1_3_VERSION));
	SSL_CTX_free(ctx);
	tls_key_free(&k);
	(void)keys_end(&p, SIGKILL);
}

static void test_keys__ends_when_super_is_gone(void **state)
{
	struct role_proc p;
	uint64_t began;
	int status;

	(void)state;
	keys_start(&p);
	began = clock_mono_ns();
	status = keys_end(&p, 0);
	assert_true(WIFEXITED(status));
	/* within a second, and a busy machine gets room */
	assert_true(clock_mono_ns() - began < 5 * NS_PER_S);
}

/* --- the signer ---------------------------------------------------------- */

static int sign(struct keys *k, uint32_t key, uint32_t alg, struct span digest,
		uint64_t now_ns, uint8_t *sig, size_t *n)
{
	return keys_sign(k, &(struct keys_ask){key, alg, digest, SPAN_NONE},
			 now_ns, sig, n);
}

struct pair {
	char key[1024], chain[2048];
	struct span key_pem, chain_pem;
	uint8_t public[P256_PUBLIC_LEN];
};

static struct span text_of(BIO *b, char *dst, size_t cap)
{
	char *p;
	const long n = BIO_get_mem_data(b, &p);

	assert_true(n > 0 && (size_t)n < cap);
	memcpy(dst, p, (size_t)n);
	BIO_free(b);
	return span_of(dst, (size_t)n);
}

/* A pair of its own, good from now + `from` to now + `to`. */
static void make_pair(struct pair *out, long from, long to, const EVP_MD *md)
{
	BIO *k = BIO_new(BIO_s_mem()), *c = BIO_new(BIO_s_mem());
	EVP_PKEY *key = EVP_EC_gen("P-256"), *ca = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	struct p256_key *p;

	ASN1_INTEGER_set(X509_get_serialNumber(x), 2);
	X509_gmtime_adj(X509_getm_notBefore(x), from);
	X509_gmtime_adj(X509_getm_notAfter(x), to);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
		MBSTRING_ASC, (const uint8_t *)"us", -1, -1, 0);
	assert_true(X509_sign(x, ca, md) > 0);
	assert_int_equal(PEM_write_bio_PrivateKey(k, key, NULL, NULL, 0, NULL,
						  NULL), 1);
	assert_int_equal(PEM_write_bio_X509(c, x), 1);
	out->key_pem = text_of(k, out->key, sizeof(out->key));
	out->chain_pem = text_of(c, out->chain, sizeof(out->chain));
	assert_int_equal(p256_key_load(&p, out->key_pem), 0);
	assert_int_equal(p256_key_public(p, out->public), 0);
	p256_key_free(&p);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca);
	X509_free(x);
}

static bool signs(struct keys *k, const struct pair *p, uint64_t now_ns)
{
	uint8_t digest[32] = {7}, sig[P256_SIG_MAX];
	const struct keys_ask q = {0, 1, span_of(digest, 32),
				   span_of(p->public, P256_PUBLIC_LEN)};
	struct p256_key *check;
	size_t n;
	int r = keys_sign(k, &q, now_ns, sig, &n);

	if (r < 0) {
		assert_int_equal(r, E_NOTFOUND);
		return false;
	}
	assert_int_equal(p256_key_load(&check, p->key_pem), 0);
	r = p256_verify(check, q.digest, span_of(sig, n));
	p256_key_free(&check);
	return r == 0;
}

static int64_t wall(void)
{
	return clock_wall_us() / 1000000;
}

static void test_keys__change_puts_the_new_pair_in_force(void **state)
{
	static struct pair a, b;
	const uint64_t end = KEYS_FORMER_S * NS_PER_S;
	int64_t until = 0;
	struct keys *k;

	(void)state;
	make_pair(&a, -60, 3600, EVP_sha256());
	make_pair(&b, -60, 7200, EVP_sha256());
	assert_int_equal(keys_new(&k, a.key_pem, 0), 0);
	assert_null(keys_judge(k, a.chain_pem, wall(), &until));
	assert_false(signs(k, &b, 0));
	assert_null(keys_change(k, b.key_pem, b.chain_pem, wall(), 0, &until));
	assert_true(until > wall() + 7000);
	/* Handshakes under way end with the former one. */
	assert_true(signs(k, &b, 0));
	assert_true(signs(k, &a, end - 1));
	assert_false(signs(k, &a, end));
	assert_false(signs(k, &a, 0));
	assert_true(signs(k, &b, end));
	/* The same key in a new certificate. */
	assert_null(keys_change(k, b.key_pem, b.chain_pem, wall(), end,
				&until));
	assert_true(signs(k, &b, end));
	keys_free(&k);
}

static void refused(struct keys *k, struct span key, struct span chain,
		    const char *part)
{
	int64_t until = 7;
	const char *why = keys_change(k, key, chain, wall(), 0, &until);

	assert_non_null(why);
	assert_non_null(strstr(why, part));
	assert_int_equal(until, 7);
}

static void test_keys__refused_pair_changes_nothing(void **state)
{
	static struct pair a, b, old, young, weak;
	static char many[9 * 2048];
	size_t n = 0;
	struct keys *k;

	(void)state;
	make_pair(&a, -60, 3600, EVP_sha256());
	make_pair(&b, -60, 3600, EVP_sha256());
	make_pair(&old, -60, -1, EVP_sha256());
	make_pair(&young, 600, 3600, EVP_sha256());
	make_pair(&weak, -60, 3600, EVP_sha1());
	for (int i = 0; i < 9; i++) {
		memcpy(many + n, b.chain, b.chain_pem.n);
		n += b.chain_pem.n;
	}
	assert_int_equal(keys_new(&k, a.key_pem, 0), 0);
	refused(k, b.key_pem, a.chain_pem, "does not fit");
	refused(k, b.key_pem, SPAN_LIT("nothing"), "no certificate");
	refused(k, b.key_pem, SPAN_NONE, "no certificate");
	refused(k, SPAN_LIT("nothing"), b.chain_pem, "no unencrypted");
	refused(k, old.key_pem, old.chain_pem, "expired");
	refused(k, young.key_pem, young.chain_pem, "not valid yet");
	refused(k, weak.key_pem, weak.chain_pem, "too weak");
	refused(k, b.key_pem, span_of(many, n), "more than 8");
	assert_true(signs(k, &a, 0));
	assert_false(signs(k, &b, 0));
	keys_free(&k);
}

static void test_keys__signs_only_what_it_should(void **state)
{
	uint8_t digest[32] = {1, 2, 3}, sig[P256_SIG_MAX];
	struct span d = span_of(digest, sizeof(digest));
	struct p256_key *check;
	struct keys_stats st;
	struct keys *k;
	size_t n = 0;

	(void)state;
	assert_int_equal(keys_new(&k, span_of(pem, pem_n), 0), 0);
	assert_int_equal(p256_key_load(&check, span_of(pem, pem_n)), 0);
	assert_int_equal(sign(k, 0, 1, d, 0, sig, &n), 0);
	assert_int_equal(p256_verify(check, d, span_of(sig, n)), 0);
	digest[0] ^= 1;
	assert_int_equal(p256_verify(check, d, span_of(sig, n)), E_AUTH);
	assert_int_equal(sign(k, 1, 1, d, 0, sig, &n), E_UNSUPPORTED);
	assert_int_equal(sign(k, 0, 2, d, 0, sig, &n), E_UNSUPPORTED);
	assert_int_equal(sign(k, 0, 1, span_of(digest, 31), 0, sig, &n),
			 E_INVAL);
	keys_stats(k, &st);
	assert_int_equal(st.signed_ok, 1);
	assert_int_equal(st.refused_request, 3);
	keys_free(&k);
	p256_key_free(&check);
}

static void test_keys__limits_the_rate(void **state)
{
	uint8_t digest[32] = {0}, sig[P256_SIG_MAX];
	struct span d = span_of(digest, sizeof(digest));
	struct keys *k;
	size_t n;

	(void)state;
	assert_int_equal(keys_new(&k, span_of(pem, pem_n), NS_PER_S), 0);
	for (int i = 0; i < KEYS_BURST_MAX; i++)
		assert_int_equal(sign(k, 0, 1, d, NS_PER_S, sig, &n), 0);
	assert_int_equal(sign(k, 0, 1, d, NS_PER_S, sig, &n), E_LIMIT);
	/* One tenth of a second later a tenth of the rate is there again. */
	for (int i = 0; i < KEYS_SIGN_PER_S_MAX / 10; i++)
		assert_int_equal(sign(k, 0, 1, d, NS_PER_S + NS_PER_S / 10, sig, &n), 0);
	assert_int_equal(sign(k, 0, 1, d, NS_PER_S + NS_PER_S / 10, sig, &n), E_LIMIT);
	keys_free(&k);
}

static void test_keys__refuses_other_keys(void **state)
{
	BIO *bio = BIO_new(BIO_s_mem());
	EVP_PKEY *p384 = EVP_EC_gen("P-384");
	struct keys *k;
	char *p;
	long n;

	(void)state;
	PEM_write_bio_PrivateKey(bio, p384, NULL, NULL, 0, NULL, NULL);
	n = BIO_get_mem_data(bio, &p);
	assert_int_equal(keys_new(&k, span_of(p, (size_t)n), 0),
			 E_UNSUPPORTED);
	assert_int_equal(keys_new(&k, SPAN_LIT("no key"), 0), E_FORMAT);
	assert_int_equal(keys_new(&k, SPAN_NONE, 0), E_FORMAT);
	EVP_PKEY_free(p384);
	BIO_free(bio);
}

static int body_new(void *arg)
{
	struct tls_key *t;
	struct keys *k;
	int r = keys_new(&k, span_of(pem, pem_n), 0);

	(void)arg;
	if (r < 0)
		return r;
	r = tls_key_new(&t, cert, ROLE_WEB, 0);
	if (r == 0)
		tls_key_free(&t);
	keys_free(&k);
	return r;
}

static void test_keys__survives_each_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(body_new, NULL, 100) > 0);
}

/* --- bench --------------------------------------------------------------- */

static double handshakes_us(SSL_CTX *ctx, int n)
{
	uint64_t began = clock_mono_ns();

	for (int i = 0; i < n; i++)
		assert_true(handshake(ctx, TLS1_3_VERSION));
	return (double)(clock_mono_ns() - began) / 1000 / n;
}

static int bench(void)
{
	enum { N = 400 };	/* below KEYS_BURST_MAX */
	struct role_proc p;
	struct tls_key *k;
	SSL_CTX *here = server_ctx(pair), *there;
	double a, b;

	keys_start(&p);
	if (tls_key_new(&k, cert, ROLE_WEB, 0) < 0 ||
	    tls_key_link(k, 0, keys_link(&p)) < 0)
		return 1;
	there = server_ctx(tls_key_pkey(k));
	(void)handshakes_us(here, 50);
	(void)handshakes_us(there, 50);
	a = handshakes_us(here, N);
	b = handshakes_us(there, N);
	printf("handshake, key in the face: %.0f us; in keys: %.0f us (%+.0f us)\n",
	       a, b, b - a);
	SSL_CTX_free(here);
	SSL_CTX_free(there);
	tls_key_free(&k);
	(void)keys_end(&p, SIGKILL);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls_key__signs_tls_1_2_and_1_3),
		cmocka_unit_test(test_tls_key__fails_alone_when_keys_is_dead),
		cmocka_unit_test(test_tls_key__late_answer_is_not_taken_for_the_next),
		cmocka_unit_test(test_keys__ends_when_super_is_gone),
		cmocka_unit_test(test_keys__signs_only_what_it_should),
		cmocka_unit_test(test_keys__limits_the_rate),
		cmocka_unit_test(test_keys__refuses_other_keys),
		cmocka_unit_test(test_keys__change_puts_the_new_pair_in_force),
		cmocka_unit_test(test_keys__refused_pair_changes_nothing),
		cmocka_unit_test(test_keys__survives_each_failing_allocation),
	};

	if (argc < 2)
		return 2;
	program = argv[1];
	make_cert();
	if (argc > 2 && strcmp(argv[2], "bench") == 0)
		return bench();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
