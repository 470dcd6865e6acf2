/* A TLS handshake with an expired certificate behind the walls of sip: what it
 * needs of the system must have been read before they close. The walls close in
 * a process of their own that has never asked what time it is where it runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/crypto/crypto.h"
#include "base/err.h"
#include "sip/sandbox.h"
#include "sip/tls.h"

enum { TURNS = 200, PEM_MAX = 8192, FD = 9, EXPIRED = 3, TAKEN = 4,
       OTHER = 5, BROKEN = 6, DAY_S = 86400 };

/* --- behind the walls ------------------------------------------------------- */

struct ends {
	struct sip_tls *tls;
	SSL *server, *client;
};

static int open_ends(struct ends *e, struct span pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	X509 *ca = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	X509 *old = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int fds[2];

	if (!key || !ca || !old || !ctx ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0 ||
	    SSL_CTX_use_certificate(ctx, old) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
	    sip_tls_new(&e->tls, pem, key, pem) < 0 ||
	    sip_tls_accept(e->tls, &e->server, fds[0]) < 0)
		return E_CRYPTO;
	e->client = SSL_new(ctx);
	if (!e->client || SSL_set_fd(e->client, fds[1]) != 1)
		return E_CRYPTO;
	SSL_set_connect_state(e->client);
	return 0;
}

static int shake(struct ends *e)
{
	for (int i = 0; i < TURNS; i++) {
		int r = SSL_do_handshake(e->client);

		r = SSL_do_handshake(e->server);
		if (r == 1)
			return TAKEN;
		if (SSL_get_error(e->server, r) != SSL_ERROR_WANT_READ)
			return SSL_get_verify_result(e->server) ==
			       X509_V_ERR_CERT_HAS_EXPIRED ? EXPIRED : OTHER;
	}
	return OTHER;
}

static _Noreturn void behind_walls(void)
{
	static char pem[PEM_MAX];
	struct ends e = {.tls = NULL};
	ssize_t n = read(FD, pem, sizeof(pem));

	(void)sandbox_early();
	if (n <= 0 || crypto_warm() < 0)
		_exit(BROKEN);
	sip_tls_warm();
	if (open_ends(&e, span_of(pem, (size_t)n)) < 0 ||
	    sandbox_enter(&sip_sandbox) < 0)
		_exit(BROKEN);
	_exit(shake(&e));
}

/* --- before them ------------------------------------------------------------- */

static X509 *certificate(EVP_PKEY *key, long from_s, long to_s)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_NAME_new();

	(void)X509_set_version(x, 0);	/* so it may vouch for others */
	(void)ASN1_INTEGER_set(X509_get_serialNumber(x), from_s < -DAY_S ? 2 : 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(x), from_s);
	(void)X509_gmtime_adj(X509_getm_notAfter(x), to_s);
	(void)X509_set_pubkey(x, key);
	(void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					 (const unsigned char *)"t", -1, -1, 0);
	(void)X509_set_issuer_name(x, name);
	if (from_s < -DAY_S)		/* what the other one vouches for */
		(void)X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_ASC,
			(const unsigned char *)"u", -1, -1, 0);
	(void)X509_set_subject_name(x, name);
	X509_NAME_free(name);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

/* The key, a certificate that is good and trusted, and the client's. */
static int material(long to_s)
{
	BIO *bio = BIO_new(BIO_s_mem());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *ca = certificate(key, -60, DAY_S);
	X509 *own = certificate(key, -2 * DAY_S, to_s);
	int fds[2];
	char *p;
	long n;

	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL,
						  NULL), 1);
	assert_int_equal(PEM_write_bio_X509(bio, ca), 1);
	assert_int_equal(PEM_write_bio_X509(bio, own), 1);
	n = BIO_get_mem_data(bio, &p);
	assert_true(n > 0 && n < PEM_MAX);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], p, (size_t)n), n);
	(void)close(fds[1]);
	X509_free(own);
	X509_free(ca);
	EVP_PKEY_free(key);
	BIO_free(bio);
	return fds[0];
}

static int handshake(long to_s)
{
	int fd = material(to_s), status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)dup2(fd, FD);
		(void)execl("/proc/self/exe", "test_walls", "behind",
			    (char *)NULL);
		_exit(BROKEN);
	}
	(void)close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_walls__judge_a_certificate_that_expired(void **state)
{
	(void)state;
	assert_int_equal(handshake(-DAY_S), EXPIRED);
}

static void test_walls__take_one_that_is_good(void **state)
{
	(void)state;
	assert_int_equal(handshake(DAY_S), TAKEN);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walls__judge_a_certificate_that_expired),
		cmocka_unit_test(test_walls__take_one_that_is_good),
	};

	(void)argv;
	if (argc > 1)
		behind_walls();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
