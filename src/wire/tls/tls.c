#include "wire/tls/tls.h"
#include "base/rd.h"

enum {
	RECORD_HANDSHAKE = 22, RECORD_MAX = 1 << 14, VERSION_MAJOR = 3,
	HANDSHAKE_HEAD = 4, CLIENT_HELLO = 1,
	VERSION_AND_RANDOM = 2 + 32, SESSION_ID_MAX = 32,
	EXT_PRE_SHARED_KEY = 41, AGE_LEN = 4,
};

static struct rd rd_part(struct rd *r, size_t n)
{
	const struct span s = rd_span(r, n);
	struct rd part = rd_of(s);

	if (r->failed)
		rd_fail(&part);
	return part;
}

static int read_identities(struct tls_hello *h, struct rd *ext)
{
	struct rd r = rd_part(ext, rd_u16(ext));

	if (rd_left(&r) == 0)
		return E_FORMAT;
	while (rd_left(&r) > 0) {
		const struct span id = rd_span(&r, rd_u16(&r));

		rd_skip(&r, AGE_LEN);
		if (r.failed || id.n == 0)
			return E_FORMAT;
		if (h->n < TLS_IDENTITIES_MAX)
			h->identity[h->n++] = id;
	}
	rd_skip(ext, rd_u16(ext));	/* binders */
	return rd_end(ext);
}

static int read_extensions(struct tls_hello *h, struct rd *r)
{
	while (rd_left(r) > 0) {
		const uint16_t type = rd_u16(r);
		struct rd ext = rd_part(r, rd_u16(r));

		if (type != EXT_PRE_SHARED_KEY)
			continue;
		if (rd_left(r) > 0)	/* it must be the last one */
			return E_FORMAT;
		return read_identities(h, &ext);
	}
	return rd_end(r);
}

static int read_hello(struct tls_hello *h, struct rd *r)
{
	rd_skip(r, VERSION_AND_RANDOM);
	const uint8_t id_n = rd_u8(r);

	rd_skip(r, id_n);
	rd_skip(r, rd_u16(r));		/* cipher suites */
	rd_skip(r, rd_u8(r));		/* compression */
	if (r->failed || id_n > SESSION_ID_MAX)
		return E_FORMAT;
	if (rd_left(r) == 0)		/* TLS 1.2 may have none */
		return 0;
	struct rd ext = rd_part(r, rd_u16(r));

	if (rd_end(r) < 0)
		return E_FORMAT;
	return read_extensions(h, &ext);
}

static int read_record_head(struct rd *r, size_t *n)
{
	const uint8_t type = rd_u8(r), major = rd_u8(r);

	(void)rd_u8(r);			/* minor: anything */
	*n = rd_u16(r);
	if (type != RECORD_HANDSHAKE || major != VERSION_MAJOR ||
	    *n < HANDSHAKE_HEAD || *n > RECORD_MAX)
		return E_FORMAT;
	return 0;
}

/* What is wrong already says so before the rest is there. */
static int check_begin(struct span in)
{
	static const uint8_t begin[] = {RECORD_HANDSHAKE, VERSION_MAJOR};
	const size_t n = in.n < sizeof(begin) ? in.n : sizeof(begin);

	return n && memcmp(in.p, begin, n) != 0 ? E_FORMAT : E_AGAIN;
}

int tls_hello_decode(struct tls_hello *out, struct span in)
{
	struct tls_hello h = {.n = 0};
	struct rd r = rd_of(in);
	size_t n;

	if (in.n < TLS_RECORD_HEAD)
		return check_begin(in);
	int e = read_record_head(&r, &n);

	if (e < 0)
		return e;
	if (rd_left(&r) < n)
		return E_AGAIN;
	struct rd record = rd_part(&r, n);

	if (rd_u8(&record) != CLIENT_HELLO)
		return E_FORMAT;
	const uint32_t len = rd_u24(&record);

	if (len > rd_left(&record))
		return E_UNSUPPORTED;
	struct rd hello = rd_part(&record, len);

	if (rd_end(&record) < 0)
		return E_FORMAT;
	e = read_hello(&h, &hello);
	if (e == 0)
		*out = h;
	return e;
}
