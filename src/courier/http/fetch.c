#include "courier/http/fetch.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/secret.h"
#include "base/wr.h"
#include "courier/wipe.h"

enum { BODY_FIRST = 4096, RESOLVE_MAX = 512 };

struct fetcher {
	struct event_base *base;
	CURLM *multi;
	struct event *timeout;
	X509_STORE *trust;
	struct span first_ca;	/* PEM, ours; see set_tls() */
	struct list all;
	size_t n;
};

struct fetch {
	struct fetcher *f;
	struct list at;
	CURL *easy;
	struct curl_slist *pin, *head;
	fetch_may_fn may;
	fetch_fn fn;
	void *arg;
	struct addr addrs[FETCH_ADDRS_MAX];
	size_t n_addrs;
	uint8_t *body;
	size_t n_body, cap_body, body_max, n_head;
	/* why a callback of ours broke it off */
	bool too_large, unwanted, nomem;
	enum outguard_reason guard;
};

/* --- the library on the loop ------------------------------------------------ */

static void collect(struct fetcher *f);

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct fetcher *f = arg;
	int running, bits = (what & EV_READ ? CURL_CSELECT_IN : 0) |
			    (what & EV_WRITE ? CURL_CSELECT_OUT : 0);

	(void)curl_multi_socket_action(f->multi, fd, bits, &running);
	collect(f);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct fetcher *f = arg;
	int running;

	(void)fd;
	(void)what;
	(void)curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0,
				       &running);
	collect(f);
}

static int watch(CURL *easy, curl_socket_t fd, int what, void *arg,
		 void *sock)
{
	struct fetcher *f = arg;
	struct event *ev = sock;
	short bits = EV_PERSIST;

	(void)easy;
	if (ev)
		event_free(ev);
	(void)curl_multi_assign(f->multi, fd, NULL);
	if (what == CURL_POLL_REMOVE)
		return 0;
	bits |= what & CURL_POLL_IN ? EV_READ : 0;
	bits |= what & CURL_POLL_OUT ? EV_WRITE : 0;
	/* without an event the exchange runs into its time limit */
	ev = event_new(f->base, fd, bits, on_socket, f);
	if (ev && event_add(ev, NULL) == 0)
		(void)curl_multi_assign(f->multi, fd, ev);
	return 0;
}

static int rearm(CURLM *multi, long ms, void *arg)
{
	struct fetcher *f = arg;
	struct timeval tv = {.tv_sec = ms / 1000,
			     .tv_usec = ms % 1000 * 1000};

	(void)multi;
	if (ms < 0)
		(void)event_del(f->timeout);
	else
		(void)event_add(f->timeout, &tv);
	return 0;
}

/* --- what the library asks us while it works -------------------------------- */

static bool is_pinned(const struct fetch *x, const struct addr *a)
{
	for (size_t i = 0; i < x->n_addrs; i++)
		if (addr_eq(&x->addrs[i], a))
			return true;
	return false;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose,
				 struct curl_sockaddr *to)
{
	struct fetch *x = arg;
	enum outguard_reason why = OUTGUARD_RESERVED;
	struct addr a;

	if (purpose != CURLSOCKTYPE_IPCXN ||
	    addr_from_sockaddr(&a, &to->addr, to->addrlen) < 0 ||
	    !is_pinned(x, &a))
		x->guard = OUTGUARD_RESERVED;
	else if ((why = x->may(x->arg, &a)) != OUTGUARD_ALLOWED)
		x->guard = why;
	else
		return socket(to->family, to->socktype | SOCK_CLOEXEC |
			      SOCK_NONBLOCK, to->protocol);
	return CURL_SOCKET_BAD;
}

/* The TLS session stands, nothing was said yet: whom did we really reach? An
 * address that is ours is its own source, even one we did not know of. */
static int before_request(void *arg, char *peer, char *own, int peer_port,
			  int own_port)
{
	struct fetch *x = arg;
	struct addr to, from;

	(void)own_port;
	if (addr_parse(&to, span_str(peer), (uint16_t)peer_port) < 0 ||
	    addr_parse(&from, span_str(own), 0) < 0 || !is_pinned(x, &to))
		x->guard = OUTGUARD_RESERVED;
	else if (addr_ip_eq(&to, &from))
		x->guard = OUTGUARD_OWN;
	else
		return CURL_PREREQFUNC_OK;
	return CURL_PREREQFUNC_ABORT;
}

static long status_of(const struct fetch *x)
{
	long status = 0;

	(void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* Line by line; the empty one is the last of the head. */
static size_t on_head(char *p, size_t size, size_t n, void *arg)
{
	struct fetch *x = arg;
	bool is_end = size * n <= 2 && (p[0] == '\r' || p[0] == '\n');
	long status = status_of(x);

	x->n_head += size * n;
	x->unwanted = is_end && status >= 201;
	return x->unwanted || x->n_head > FETCH_HEAD_MAX ? 0 : size * n;
}

static bool grow(struct fetch *x, size_t want)
{
	size_t cap = x->cap_body ? x->cap_body : BODY_FIRST;
	uint8_t *p;

	if (want <= x->cap_body)
		return true;
	while (cap < want)
		cap *= 2;
	p = wipe_realloc(x->body, cap);
	if (!p)
		return false;
	x->body = p;
	x->cap_body = cap;
	return true;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct fetch *x = arg;

	n *= size;
	x->unwanted = status_of(x) != 200;
	x->too_large = n > x->body_max - x->n_body;
	if (x->unwanted || x->too_large)
		return 0;
	x->nomem = !grow(x, x->n_body + n);
	if (x->nomem)
		return 0;
	memcpy(x->body + x->n_body, p, n);
	x->n_body += n;
	return n;
}

static CURLcode use_trust(CURL *easy, void *ctx, void *arg)
{
	struct fetcher *f = arg;

	(void)easy;
	SSL_CTX_set1_cert_store(ctx, f->trust);
	return CURLE_OK;
}

/* --- setting up one ----------------------------------------------------------- */

/* "+host:port:addr,addr": the whole of what the library knows of names. */
static int pin(struct fetch *x, const struct fetch_req *req)
{
	char text[RESOLVE_MAX], ip[ADDR_TEXT_MAX];
	struct wr w = wr_of(text, sizeof(text));
	struct addr literal;

	if (addr_parse(&literal, span_str(req->host), 0) == 0)
		return 0;	/* nothing to look up */
	wr_u8(&w, '+');
	wr_str(&w, req->host);
	wr_u8(&w, ':');
	wr_dec(&w, req->port);
	for (size_t i = 0; i < x->n_addrs; i++) {
		bool v4 = addr_is_v4(&x->addrs[i]);

		addr_print_ip(&x->addrs[i], ip);
		wr_str(&w, i ? "," : ":");
		wr_str(&w, v4 ? "" : "[");
		wr_str(&w, ip);
		wr_str(&w, v4 ? "" : "]");
	}
	wr_u8(&w, 0);
	if (w.failed)
		return E_LIMIT;
	x->pin = curl_slist_append(NULL, text);
	return x->pin ? 0 : E_NOMEM;
}

struct setup {
	CURL *easy;
	CURLcode r;		/* sticky */
};

static void num(struct setup *s, CURLoption o, long v)
{
	if (s->r == CURLE_OK)
		s->r = curl_easy_setopt(s->easy, o, v);
}

static void ptr(struct setup *s, CURLoption o, const void *v)
{
	if (s->r == CURLE_OK)
		s->r = curl_easy_setopt(s->easy, o, v);
}

#define FUNC(s, o, v)                                                         \
	do {                                                                  \
		if ((s)->r == CURLE_OK)                                       \
			(s)->r = curl_easy_setopt((s)->easy, o, v);           \
	} while (0)

static void set_walls(struct setup *s, struct fetch *x, bool is_plain)
{
	ptr(s, CURLOPT_PROTOCOLS_STR, is_plain ? "http" : "https");
	ptr(s, CURLOPT_PROXY, "");	/* the environment's neither */
	ptr(s, CURLOPT_NOPROXY, "*");
	num(s, CURLOPT_NETRC, CURL_NETRC_IGNORED);
	num(s, CURLOPT_FOLLOWLOCATION, 0);
	num(s, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	num(s, CURLOPT_FRESH_CONNECT, 1);
	num(s, CURLOPT_FORBID_REUSE, 1);
	num(s, CURLOPT_PATH_AS_IS, 1);
	num(s, CURLOPT_NOSIGNAL, 1);
	ptr(s, CURLOPT_RESOLVE, x->pin);
	FUNC(s, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	ptr(s, CURLOPT_OPENSOCKETDATA, x);
	FUNC(s, CURLOPT_PREREQFUNCTION, before_request);
	ptr(s, CURLOPT_PREREQDATA, x);
	FUNC(s, CURLOPT_WRITEFUNCTION, on_body);
	ptr(s, CURLOPT_WRITEDATA, x);
	FUNC(s, CURLOPT_HEADERFUNCTION, on_head);
	ptr(s, CURLOPT_HEADERDATA, x);
}

/* Our store, and nothing from a file. Without any CA of its own the library
 * would add the system's default places to the store, so it gets one that is
 * in there anyway. */
static void set_tls(struct setup *s, struct fetch *x)
{
	struct curl_blob ca = {
		.data = (void *)(uintptr_t)x->f->first_ca.p,
		.len = x->f->first_ca.n, .flags = CURL_BLOB_NOCOPY,
	};

	num(s, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	num(s, CURLOPT_SSL_VERIFYPEER, 1);
	num(s, CURLOPT_SSL_VERIFYHOST, 2);
	num(s, CURLOPT_SSL_SESSIONID_CACHE, 0);
	num(s, CURLOPT_CA_CACHE_TIMEOUT, 0);
	ptr(s, CURLOPT_CAINFO, NULL);
	ptr(s, CURLOPT_CAPATH, NULL);
	ptr(s, CURLOPT_CAINFO_BLOB, &ca);
	FUNC(s, CURLOPT_SSL_CTX_FUNCTION, use_trust);
	ptr(s, CURLOPT_SSL_CTX_DATA, x->f);
}

/* Without the library's question whether the body may come. */
static void set_post(struct setup *s, struct fetch *x,
		     const struct fetch_req *req)
{
	struct curl_slist *type = curl_slist_append(NULL, req->post_type);

	x->head = type;
	if (!type || !curl_slist_append(type, "Expect:")) {
		s->r = CURLE_OUT_OF_MEMORY;
		return;
	}
	ptr(s, CURLOPT_HTTPHEADER, x->head);
	num(s, CURLOPT_POSTFIELDSIZE, (long)req->post.n);
	ptr(s, CURLOPT_COPYPOSTFIELDS, req->post.p);
}

static int set_up(struct fetch *x, const struct fetch_req *req)
{
	struct setup s = {.easy = x->easy, .r = CURLE_OK};

	set_walls(&s, x, req->is_plain);
	if (!req->is_plain)
		set_tls(&s, x);
	if (req->post.n)
		set_post(&s, x, req);
	ptr(&s, CURLOPT_URL, req->url);
	ptr(&s, CURLOPT_PRIVATE, x);
	if (req->username) {
		num(&s, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		ptr(&s, CURLOPT_USERNAME, req->username);
		ptr(&s, CURLOPT_PASSWORD, req->password ? req->password : "");
	}
	return s.r == CURLE_OK ? 0 : E_NOMEM;
}

/* --- the end of one ------------------------------------------------------------- */

/* Gives its place away; the memory stays for the answer. */
static void fetch_leave(struct fetch *x)
{
	if (x->easy)
		(void)curl_multi_remove_handle(x->f->multi, x->easy);
	list_del(&x->at);
	x->f->n--;
}

static void fetch_bury(struct fetch *x)
{
	if (x->easy)
		curl_easy_cleanup(x->easy);
	curl_slist_free_all(x->pin);
	curl_slist_free_all(x->head);
	wipe_free(x->body);
	mem_free(x);
}

static void fetch_free(struct fetch *x)
{
	fetch_leave(x);
	fetch_bury(x);
}

void fetch_cancel(struct fetch *x)
{
	fetch_free(x);
}

static enum fetch_outcome tls_outcome(const struct fetch *x, CURLcode e,
				      const char **detail)
{
	long verify = 0;

	if (e != CURLE_PEER_FAILED_VERIFICATION)
		return FETCH_TLS;
	(void)curl_easy_getinfo(x->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
	/* the library compares names before it fetches the result */
	if (verify == X509_V_OK || verify == X509_V_ERR_UNSPECIFIED)
		return FETCH_TLS_NAME;
	*detail = X509_verify_cert_error_string(verify);
	return FETCH_TLS_CHAIN;
}

static enum fetch_outcome outcome_of(const struct fetch *x, CURLcode e,
				     const char **detail)
{
	*detail = curl_easy_strerror(e);
	if (e == CURLE_OK || (e == CURLE_WRITE_ERROR && x->unwanted))
		return FETCH_OK;
	if (x->guard != OUTGUARD_ALLOWED) {
		*detail = outguard_reason_text(x->guard);
		return FETCH_GUARDED;
	}
	if (x->nomem)
		return FETCH_NOMEM;
	if (x->too_large)
		return FETCH_TOO_LARGE;
	switch (e) {
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
		return FETCH_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
		return tls_outcome(x, e, detail);
	case CURLE_OUT_OF_MEMORY:
		return FETCH_NOMEM;
	default:
		return FETCH_BAD;
	}
}

static void read_type(const struct fetch *x, char dst[FETCH_TYPE_MAX])
{
	struct span head, rest;
	char *type = NULL;

	dst[0] = 0;
	(void)curl_easy_getinfo(x->easy, CURLINFO_CONTENT_TYPE, &type);
	if (!type)
		return;
	(void)span_split(span_str(type), ';', &head, &rest);
	(void)span_cstr(span_trim(head), dst, FETCH_TYPE_MAX);
	for (char *c = dst; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 32);
}

static void read_peer(const struct fetch *x, struct fetch_answer *a)
{
	char *ip = NULL;
	long port = 0;

	(void)curl_easy_getinfo(x->easy, CURLINFO_PRIMARY_IP, &ip);
	(void)curl_easy_getinfo(x->easy, CURLINFO_PRIMARY_PORT, &port);
	a->has_peer = ip && addr_parse(&a->peer, span_str(ip),
				       (uint16_t)port) == 0;
}

static void finish(struct fetch *x, CURLcode e)
{
	struct fetch_answer a = {.guard = x->guard};

	a.outcome = outcome_of(x, e, &a.detail);
	if (a.outcome == FETCH_OK) {
		a.status = (uint32_t)status_of(x);
		read_type(x, a.type);
		if (a.status == 200)
			a.body = span_of(x->body, x->n_body);
	}
	read_peer(x, &a);
	fetch_leave(x);
	x->fn(x->arg, &a);
	fetch_bury(x);
}

static void collect(struct fetcher *f)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(f->multi, &left))) {
		struct fetch *x = NULL;
		CURLcode e = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
		if (x)
			finish(x, e);
	}
}

int fetch_start(struct fetcher *f, const struct fetch_req *req,
		struct fetch **out)
{
	struct fetch *x;
	int r;

	if (f->n == FETCH_MAX)
		return E_FULL;
	if (!f->first_ca.n && !req->is_plain)
		return E_AUTH;
	if (req->n_addrs == 0 || req->n_addrs > FETCH_ADDRS_MAX)
		return E_INVAL;
	x = mem_zalloc(sizeof(*x));
	if (!x)
		return E_NOMEM;
	*x = (struct fetch){.f = f, .may = req->may, .fn = req->fn,
			    .arg = req->arg, .body_max = req->body_max,
			    .n_addrs = req->n_addrs};
	memcpy(x->addrs, req->addrs, req->n_addrs * sizeof(x->addrs[0]));
	list_add_tail(&f->all, &x->at);
	f->n++;
	r = pin(x, req);
	if (r == 0 && !(x->easy = curl_easy_init()))
		r = E_NOMEM;
	if (r == 0)
		r = set_up(x, req);
	if (r == 0 && curl_multi_add_handle(f->multi, x->easy) != CURLM_OK)
		r = E_NOMEM;
	if (r < 0)
		fetch_free(x);
	else
		*out = x;
	return r;
}

/* --- life --------------------------------------------------------------------------- */

int fetch_library_start(void)
{
	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, wipe_alloc, wipe_free,
				 wipe_realloc, wipe_strdup,
				 wipe_calloc) != CURLE_OK)
		return E_NOMEM;
	return 0;
}

void fetch_library_stop(void)
{
	curl_global_cleanup();
}

static int multi_make(struct fetcher *f)
{
	CURLM *m = f->multi = curl_multi_init();

	if (!m ||
	    curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, watch) ||
	    curl_multi_setopt(m, CURLMOPT_SOCKETDATA, f) ||
	    curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, rearm) ||
	    curl_multi_setopt(m, CURLMOPT_TIMERDATA, f) ||
	    curl_multi_setopt(m, CURLMOPT_PIPELINING, CURLPIPE_NOTHING))
		return E_NOMEM;
	return 0;
}

int fetcher_new(struct fetcher **out, struct event_base *base)
{
	struct fetcher *f = mem_zalloc(sizeof(*f));
	int r = E_NOMEM;

	if (!f)
		return E_NOMEM;
	f->base = base;
	list_init(&f->all);
	f->timeout = event_new(base, -1, 0, on_timeout, f);
	f->trust = X509_STORE_new();
	if (f->timeout && f->trust)
		r = multi_make(f);
	if (r < 0)
		fetcher_free(&f);
	else
		*out = f;
	return r;
}

void fetcher_free(struct fetcher **fp)
{
	struct fetcher *f = *fp;

	if (!f)
		return;
	list_each(it, tmp, &f->all)
		fetch_free(list_entry(it, struct fetch, at));
	if (f->multi)
		(void)curl_multi_cleanup(f->multi);
	if (f->timeout)
		event_free(f->timeout);
	X509_STORE_free(f->trust);
	mem_free((void *)(uintptr_t)f->first_ca.p);
	mem_free(f);
	*fp = NULL;
}

/* As text again, for the library. */
static void keep_first(struct fetcher *f, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long n;

	if (bio && PEM_write_bio_X509(bio, cert) == 1 &&
	    (n = BIO_get_mem_data(bio, &p)) > 0) {
		void *copy = mem_dup(p, (size_t)n);

		f->first_ca = span_of(copy, copy ? (size_t)n : 0);
	}
	BIO_free(bio);
}

int fetcher_trust(struct fetcher *f, struct span pem)
{
	BIO *bio = pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) :
					NULL;
	unsigned long e;
	X509 *cert;
	int n = 0;

	if (!bio)
		return E_NOMEM;
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		n += X509_STORE_add_cert(f->trust, cert) == 1;
		if (!f->first_ca.n)
			keep_first(f, cert);
		X509_free(cert);
	}
	e = ERR_peek_last_error();
	ERR_clear_error();
	BIO_free(bio);
	return !e || ERR_GET_REASON(e) == PEM_R_NO_START_LINE ? n : E_FORMAT;
}
