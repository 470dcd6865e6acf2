/* Passes: what they are made of, and a server over TLS whose newcomers have
 * used up what their address may open. */
#include "http/t/t.h"
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/alloc_test.h"
#include "base/clock.h"
#include "base/timer.h"
#include "http/pass.h"
#include "http/server.h"

/* --- what it is made of --------------------------------------------------- */

static void test_pass__names_its_holder_and_nothing_else(void **st)
{
	const struct pass_key key = {{1, 2, 3}}, other = {{1, 2, 4}};
	uint8_t a[PASS_LEN], b[PASS_LEN];
	uint64_t holder = 0;
	(void)st;
	assert_int_equal(pass_make(a, &key, (const uint8_t *)"nonce..1",
				   0x0102030405060708), 0);
	assert_int_equal(pass_make(b, &key, (const uint8_t *)"nonce..2",
				   0x0102030405060708), 0);
	/* behind the nonce no byte tells that both belong to one */
	assert_memory_not_equal(a + 8, b + 8, 8);
	assert_memory_not_equal(a + 16, b + 16, 16);
	assert_int_equal(pass_read(&holder, &key, span_of(a, PASS_LEN)), 0);
	assert_true(holder == 0x0102030405060708);
	holder = 0;
	assert_int_equal(pass_read(&holder, &other, span_of(a, PASS_LEN)),
			 E_AUTH);
	assert_int_equal(pass_read(&holder, &key, span_of(a, PASS_LEN - 1)),
			 E_AUTH);
	assert_int_equal(pass_read(&holder, &key, SPAN_NONE), E_AUTH);
	for (unsigned i = 0; i < PASS_LEN * 8; i++) {
		memcpy(b, a, sizeof(b));
		b[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(pass_read(&holder, &key,
					   span_of(b, PASS_LEN)), E_AUTH);
	}
	assert_true(holder == 0);
}

/* --- a server -------------------------------------------------------------- */

enum { HOLDER = 77, KEPT = 8 };

struct fixture {
	struct event_base *base;
	struct timer_wheel *wheel;
	struct sources *sources;
	struct http_hosts *hosts;
	struct http_tls *tls;
	struct http_server *s;
	EVP_PKEY *key;
	SSL_CTX *client;
	struct addr here;
	uint16_t port;
	enum http_standing standing;
	uint64_t holder;		/* told for who is inside */
	bool pass_is_good;
	unsigned requests, passes_asked;
	SSL_SESSION *kept[KEPT];	/* what the client was given */
	size_t n_kept;
	struct line **watched;		/* which of these are answered */
	size_t n_watched, served_before;	/* when a request comes */
	bool is_silent;			/* requests stay with the handler */
};

struct line {
	int fd;
	SSL *ssl;
	bool is_up, is_closed;
	char got[4096];
	size_t n;
};

#define MANY {.per_s = 1000, .burst = 1000}
static const struct source_limits limits = {
	.rate = {MANY, MANY, {0, 2}, MANY}, .total = {MANY, MANY, MANY, MANY},
	.held = {700, 2, 4, 4}, .total_held = {700, 100, 100, 100},
};

static void on_request(void *arg, const struct http_request *req)
{
	struct fixture *f = arg;
	char c;
	f->requests++;
	f->served_before = 0;
	for (size_t i = 0; i < f->n_watched; i++)
		f->served_before += recv(f->watched[i]->fd, &c, 1, MSG_PEEK |
					 MSG_DONTWAIT) > 0;
	if (!f->is_silent)
		(void)http_reply(f->s, req->id, &(struct http_answer){
			.status = 200, .type = "text/plain",
			.body = SPAN_LIT("hello")});
}

static enum http_standing on_standing(void *arg, const struct http_head *h,
				      const struct addr *source,
				      uint64_t now_ns, uint64_t *holder)
{
	struct fixture *f = arg;
	(void)h;
	(void)source;
	(void)now_ns;
	*holder = f->holder;
	return f->standing;
}

static bool on_pass(void *arg, uint64_t holder, uint64_t now_ns)
{
	struct fixture *f = arg;
	(void)now_ns;
	f->passes_asked++;
	return f->pass_is_good && holder == HOLDER;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct fixture *f = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	if (f->n_kept == KEPT)
		return 0;
	f->kept[f->n_kept++] = session;
	return 1;
}

static int self_signed(EVP_PKEY *key, char *pem, size_t cap)
{
	X509 *x = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	int n = -1;
	if (x && bio && X509_set_version(x, 2) &&
	    ASN1_INTEGER_set(X509_get_serialNumber(x), 1) &&
	    X509_gmtime_adj(X509_getm_notBefore(x), 0) &&
	    X509_gmtime_adj(X509_getm_notAfter(x), 3600) &&
	    X509_set_pubkey(x, key) && X509_sign(x, key, EVP_sha256()) &&
	    PEM_write_bio_X509(bio, x))
		n = BIO_read(bio, pem, (int)cap);
	BIO_free(bio);
	X509_free(x);
	return n > 0 ? n : E_CRYPTO;
}

static int make_tls(struct fixture *f)
{
	char pem[4096];
	f->key = EVP_EC_gen("P-256");
	int n = f->key ? self_signed(f->key, pem, sizeof(pem)) : E_CRYPTO;
	if (n < 0)
		return n;
	f->client = SSL_CTX_new(TLS_client_method());
	if (!f->client)
		return E_CRYPTO;
	SSL_CTX_set_session_cache_mode(f->client, SSL_SESS_CACHE_CLIENT |
				       SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(f->client, keep_session);
	SSL_CTX_set_app_data(f->client, f);
	return http_tls_new(&f->tls, span_of(pem, (size_t)n), f->key);
}

static int listen_any(uint16_t *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 ||
	    listen(fd, 1024) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return -1;
	*port = ntohs(a.sin_port);
	return fd;
}

static void stop(struct fixture *f)
{
	while (f->n_kept)
		SSL_SESSION_free(f->kept[--f->n_kept]);
	http_server_free(&f->s);
	http_tls_free(&f->tls);
	http_hosts_free(&f->hosts);
	sources_free(&f->sources);
	timer_wheel_free(&f->wheel);
	SSL_CTX_free(f->client);
	EVP_PKEY_free(f->key);
	event_base_free(f->base);
}

static int start(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->base = http_loop_new();
	f->pass_is_good = true;
	int r = make_tls(f);
	if (r == 0)
		r = timer_wheel_new(&f->wheel, clock_mono_ns());
	if (r == 0)
		r = sources_new(&f->sources, &limits);
	if (r == 0)
		r = http_hosts_new(&f->hosts, SPAN_LIT("localhost"));
	if (r == 0)
		r = addr_parse(&f->here, SPAN_LIT("127.0.0.1"), 0);
	struct http_server_cfg cfg = {
		.base = f->base, .wheel = f->wheel, .hosts = f->hosts,
		.tls = f->tls, .sources = f->sources, .conns_max = 1000,
		.bytes_max = 64 << 20, .grace_ms = HTTP_GRACE_MS,
		.on_request = on_request, .on_standing = on_standing,
		.on_pass = on_pass, .arg = f,
	};
	if (r == 0)
		r = http_server_new(&f->s, &cfg);
	if (r == 0)
		r = http_server_listen(f->s, listen_any(&f->port));
	if (r < 0)
		stop(f);
	return r;
}

static struct http_stats stats(const struct fixture *f)
{
	struct http_stats s;
	http_server_stats(f->s, &s);
	return s;
}

static int dial(const struct fixture *f)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(f->port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* One step of the client; false when nothing moved. */
static bool step(struct line *l)
{
	if (l->is_closed)
		return false;
	const bool was_up = l->is_up;
	int r = l->is_up ? SSL_read(l->ssl, l->got + l->n,
				    (int)(sizeof(l->got) - 1 - l->n))
			 : SSL_do_handshake(l->ssl);
	int e = SSL_get_error(l->ssl, r);
	ERR_clear_error();
	if (r > 0 && was_up)
		l->n += (size_t)r;
	l->is_up |= r > 0;
	l->got[l->n] = 0;
	l->is_closed = r <= 0 && e != SSL_ERROR_WANT_READ;
	return r > 0;
}

static void turn(struct fixture *f, struct line *l)
{
	for (int quiet = 0; quiet < 20; quiet++) {
		(void)event_base_loop(f->base, EVLOOP_NONBLOCK);
		if (l && step(l))
			quiet = 0;
	}
}

/* `session`: what the client shows, or NULL. */
static struct line *open_line(struct fixture *f, SSL_SESSION *session)
{
	struct line *l = mem_zalloc(sizeof(*l));
	assert_non_null(l);
	l->fd = dial(f);
	int on = 1;
	assert_int_equal(evutil_make_socket_nonblocking(l->fd), 0);
	assert_int_equal(setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on,
				    sizeof(on)), 0);
	l->ssl = SSL_new(f->client);
	assert_int_equal(SSL_set_fd(l->ssl, l->fd), 1);
	if (session)
		assert_int_equal(SSL_set_session(l->ssl, session), 1);
	SSL_set_connect_state(l->ssl);
	return l;
}

static struct line *call(struct fixture *f, SSL_SESSION *session)
{
	struct line *l = open_line(f, session);
	turn(f, l);
	return l;
}

static void send_get(struct line *l)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	l->n = 0;
	assert_int_equal(SSL_write(l->ssl, get, sizeof(get) - 1),
			 sizeof(get) - 1);
}

static void ask(struct fixture *f, struct line *l)
{
	send_get(l);
	turn(f, l);
}

static void end(struct fixture *f, struct line **l)
{
	SSL_free((*l)->ssl);
	(void)close((*l)->fd);
	mem_free(*l);
	*l = NULL;
	turn(f, NULL);
}

/* Somebody came in, has passes, and his address has nothing left. */
static void use_up(struct fixture *f)
{
	struct line *in = call(f, NULL);
	assert_true(in->is_up);
	assert_int_equal(f->n_kept, 0);
	f->standing = HTTP_INSIDE;
	f->holder = HOLDER;
	ask(f, in);
	ask(f, in);
	f->standing = HTTP_STRANGER;
	f->holder = 0;
	assert_non_null(strstr(in->got, "hello"));
	assert_int_equal(f->n_kept, HTTP_PASSES);
	end(f, &in);
	assert_true(sources_hold(f->sources, &f->here, SOURCE_SESSIONS,
				 clock_mono_ns()));
	in = call(f, NULL);
	assert_true(in->is_up);
	end(f, &in);
}

static void test_server__gives_passes_to_who_proved_himself(void **st)
{
	struct fixture *f = *st;
	unsigned n;
	assert_int_equal(start(f), 0);
	use_up(f);
	assert_memory_not_equal(SSL_SESSION_get_id(f->kept[0], &n),
				SSL_SESSION_get_id(f->kept[1], &n), PASS_LEN);
	stop(f);
}

static void test_server__lets_a_pass_in_where_the_address_has_no_turn(void **st)
{
	struct fixture *f = *st;
	assert_int_equal(start(f), 0);
	use_up(f);
	struct line *l = call(f, NULL);
	assert_false(l->is_up);
	assert_true(l->is_closed);
	end(f, &l);
	assert_int_equal(f->passes_asked, 0);
	assert_int_equal(stats(f).looked, 1);
	l = call(f, f->kept[0]);
	assert_true(l->is_up);
	/* a whole handshake, and new passes */
	assert_int_equal(SSL_session_reused(l->ssl), 0);
	ask(f, l);
	assert_non_null(strstr(l->got, "hello"));
	assert_int_equal(f->n_kept, 2 * HTTP_PASSES);
	assert_int_equal(stats(f).passed, 1);
	struct line *more = call(f, f->kept[3]);
	assert_true(more->is_up);
	end(f, &more);
	end(f, &l);
	assert_int_equal(stats(f).conns, 0);
	stop(f);
}

static void test_server__refuses_a_pass_that_is_not_good(void **st)
{
	struct fixture *f = *st;
	assert_int_equal(start(f), 0);
	use_up(f);
	f->pass_is_good = false;
	struct line *l = call(f, f->kept[0]);
	assert_true(l->is_closed);
	assert_int_equal(f->passes_asked, 1);
	end(f, &l);
	/* what another process of ours gave out is nobody's */
	SSL_SESSION *old = f->kept[1];
	assert_true(SSL_SESSION_up_ref(old));
	stop(f);
	assert_int_equal(start(f), 0);
	use_up(f);
	l = call(f, old);
	assert_true(l->is_closed);
	assert_int_equal(f->passes_asked, 0);
	end(f, &l);
	SSL_SESSION_free(old);
	stop(f);
}

/* Nobody inside, nobody looked at. */
static void test_server__looks_only_where_people_are(void **st)
{
	struct fixture *f = *st;
	assert_int_equal(start(f), 0);
	use_up(f);
	sources_drop(f->sources, &f->here, SOURCE_SESSIONS);
	struct line *l = call(f, f->kept[0]);
	assert_true(l->is_closed);
	assert_int_equal(stats(f).looked, 0);
	end(f, &l);
	stop(f);
}

static void test_server__holds_so_many_silent_ones(void **st)
{
	struct fixture *f = *st;
	int fd[HTTP_HALL_MAX + 8];
	char c;
	assert_int_equal(start(f), 0);
	use_up(f);
	for (int i = 0; i < HTTP_HALL_MAX + 8; i++) {
		fd[i] = dial(f);
		turn(f, NULL);
	}
	assert_int_equal(stats(f).hall, HTTP_HALL_MAX);
	assert_int_equal(recv(fd[7], &c, 1, MSG_DONTWAIT), 0);
	assert_int_equal(recv(fd[8], &c, 1, MSG_DONTWAIT), -1);
	/* half a hello waits, what is none does not */
	assert_int_equal(send(fd[8], "\x16\x03\x01\x02", 4, 0), 4);
	assert_int_equal(send(fd[9], "GET /", 5, 0), 5);
	turn(f, NULL);
	assert_int_equal(stats(f).hall, HTTP_HALL_MAX - 1);
	/* whoever has a pass is in beside them */
	struct line *l = call(f, f->kept[0]);
	assert_true(l->is_up);
	end(f, &l);
	(void)timer_wheel_advance(f->wheel, clock_mono_ns() +
				  (HTTP_HELLO_MS + 100) * NS_PER_MS);
	assert_int_equal(stats(f).hall, 0);
	for (int i = 0; i < HTTP_HALL_MAX + 8; i++)
		(void)close(fd[i]);
	turn(f, NULL);
	assert_int_equal(stats(f).conns, 0);
	stop(f);
}

/* The address has two handshakes, and strangers sit in both. */
static void test_server__makes_room_for_a_pass_at_once(void **st)
{
	struct fixture *f = *st;
	int fd[2];
	assert_int_equal(start(f), 0);
	use_up(f);
	struct source_limits wide = limits;
	wide.rate[SOURCE_CONN] = (struct source_rate_limit){1000, 1000};
	sources_set(f->sources, &wide, clock_mono_ns());
	for (int i = 0; i < 2; i++)
		fd[i] = dial(f);
	turn(f, NULL);
	assert_int_equal(sources_held(f->sources, &f->here,
				      SOURCE_HANDSHAKES), 2);
	struct line *l = call(f, NULL);
	assert_true(l->is_closed);
	end(f, &l);
	l = call(f, f->kept[0]);
	assert_true(l->is_up);
	assert_int_equal(stats(f).evicted, 1);
	end(f, &l);
	for (int i = 0; i < 2; i++)
		(void)close(fd[i]);
	turn(f, NULL);
	assert_int_equal(sources_held(f->sources, &f->here,
				      SOURCE_HANDSHAKES), 0);
	stop(f);
}

/* Twenty handshakes wait, and somebody inside asks last: he is answered before
 * most of them. */
static void test_loop__serves_people_inside_before_handshakes(void **st)
{
	enum { N = 20 };
	struct fixture *f = *st;
	struct line *in, *late[N];
	assert_int_equal(start(f), 0);
	struct source_limits wide = limits;
	wide.rate[SOURCE_CONN] = (struct source_rate_limit){1000, 1000};
	wide.held[SOURCE_HANDSHAKES] = N;
	sources_set(f->sources, &wide, clock_mono_ns());
	in = call(f, NULL);
	f->standing = HTTP_INSIDE;
	ask(f, in);
	f->standing = HTTP_STRANGER;
	for (int i = 0; i < N; i++) {
		late[i] = open_line(f, NULL);
		turn(f, NULL);		/* accepted, and waited for */
	}
	assert_int_equal(stats(f).handshakes, 1);
	for (int i = 0; i < N; i++)
		(void)step(late[i]);	/* all hellos are there */
	f->watched = late;
	f->n_watched = N;
	ask(f, in);
	f->n_watched = 0;
	assert_non_null(strstr(in->got, "hello"));
	assert_true(f->served_before < N / 2);
	for (int i = 0; i < N; i++)
		end(f, &late[i]);
	end(f, &in);
	stop(f);
}

/* What the loop itself spends in a tenth of a second in which nothing is to be
 * done, in milliseconds. */
static uint64_t idle_cpu_ms(struct fixture *f)
{
	const struct timeval tenth = {.tv_usec = 100 * 1000};
	struct timespec a, b;
	(void)event_base_loopexit(f->base, &tenth);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	(void)event_base_dispatch(f->base);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	return ((uint64_t)(b.tv_sec - a.tv_sec) * NS_PER_S +
		(uint64_t)b.tv_nsec - (uint64_t)a.tv_nsec) / NS_PER_MS;
}

/* Clients who send more than is read of them now, as TLS records that the
 * kernel no longer shows: a loop that asked for them again and again would
 * have no time for others and no rest. */
static void starve(struct fixture *f, enum http_standing who, bool is_big_head)
{
	enum { N = 4, JUNK = 17 << 10 };
	static char junk[JUNK];
	struct line *in[N], *late;
	assert_int_equal(start(f), 0);
	struct source_limits wide = limits;
	wide.rate[SOURCE_CONN] = (struct source_rate_limit){1000, 1000};
	sources_set(f->sources, &wide, clock_mono_ns());
	memset(junk, 'x', sizeof(junk));
	f->standing = who;
	f->is_silent = true;
	for (int i = 0; i < N; i++)
		in[i] = call(f, NULL);
	for (int i = 0; i < N; i++) {
		if (!is_big_head)
			send_get(in[i]);
		for (int k = 0; k < 3; k++)
			assert_int_equal(SSL_write(in[i]->ssl, junk, JUNK),
					 JUNK);
	}
	late = call(f, NULL);
	assert_true(late->is_up);
	assert_true(idle_cpu_ms(f) < 50);
	assert_int_equal(f->requests, is_big_head ? 0 : N);
	assert_int_equal(stats(f).bad_requests, is_big_head ? N : 0);
	end(f, &late);
	for (int i = 0; i < N; i++)
		end(f, &in[i]);
	stop(f);
}

static void test_loop__rests_while_junk_waits_behind_a_request(void **st)
{
	starve(*st, HTTP_STRANGER, false);
	starve(*st, HTTP_INSIDE, false);
}

static void test_loop__rests_after_a_head_that_is_too_long(void **st)
{
	starve(*st, HTTP_STRANGER, true);
}

static int body(void *arg)
{
	struct fixture *f = arg;
	char c = 'x';
	/* the fixture's own and OpenSSL's memory is not ours to fail */
	(void)sources_take(f->sources, &f->here, SOURCE_CONN, SOURCE_HOME,
			   clock_mono_ns());
	int fd = dial(f);
	turn(f, NULL);
	const bool waits = recv(fd, &c, 1, MSG_DONTWAIT) < 0;
	(void)close(fd);
	turn(f, NULL);
	return waits ? 0 : E_NOMEM;
}

static void test_server__survives_each_failing_allocation(void **st)
{
	struct fixture *f = *st;
	assert_int_equal(start(f), 0);
	use_up(f);
	assert_true(alloc_test_every(body, f, 20) > 0);
	stop(f);
}

int main(void)
{
	static struct fixture f;
	void *state = &f;
	(void)signal(SIGPIPE, SIG_IGN);		/* clients of refusing servers */
#define T(fn) {.name = #fn, .test_func = fn, .initial_state = state}
	const struct CMUnitTest tests[] = {
		T(test_pass__names_its_holder_and_nothing_else),
		T(test_server__gives_passes_to_who_proved_himself),
		T(test_server__lets_a_pass_in_where_the_address_has_no_turn),
		T(test_server__refuses_a_pass_that_is_not_good),
		T(test_server__looks_only_where_people_are),
		T(test_server__holds_so_many_silent_ones),
		T(test_server__makes_room_for_a_pass_at_once),
		T(test_loop__serves_people_inside_before_handshakes),
		T(test_loop__rests_while_junk_waits_behind_a_request),
		T(test_loop__rests_after_a_head_that_is_too_long),
		T(test_server__survives_each_failing_allocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
