/* A head that parses is framed the way its bytes say, and its path, query and
 * host survive their own parsers. */
#include <stdlib.h>
#include "base/alloc.h"
#include "http/head.h"
#include "http/host.h"
#include "http/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static bool inside(struct span part, const uint8_t *p, size_t n)
{
	return part.n == 0 || (part.p >= p && part.p + part.n <= p + n);
}

static void check(const struct http_head *h, const uint8_t *p, size_t n)
{
	static struct http_path path;
	uint8_t buf[256];
	struct span v;
	uint16_t port;
	must(h->method != HTTP_METHOD_NONE && h->n_fields <= HTTP_FIELDS_MAX);
	must(inside(h->path, p, n) && inside(h->query, p, n) &&
	     inside(h->host, p, n) && h->host.n > 0);
	must(h->body_len == 0 || h->method == HTTP_POST);
	must(!http_head_get(h, "transfer-encoding", &v));
	for (size_t i = 0; i < h->n_fields; i++)
		must(inside(h->fields[i].name, p, n) &&
		     inside(h->fields[i].value, p, n) &&
		     !memchr(h->fields[i].value.p, '\n',
			     h->fields[i].value.n));
	if (http_path_parse(&path, h->path) == 0)
		for (size_t i = 0; i < path.n; i++)
			must(!span_eq(path.seg[i], SPAN_LIT("..")) &&
			     !memchr(path.seg[i].p, 0, path.seg[i].n));
	(void)http_query_get(h->query, "token", buf, sizeof(buf), &v);
	(void)http_host_split(h->host, &v, &port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_head h;
	size_t scanned = 0, end = http_head_end(span_of(data, size), &scanned);
	unsigned status = 0;
	if (end == 0 || end > HTTP_HEAD_MAX)
		return 0;
	uint8_t *copy = mem_dup(data, end);	/* red zones around the head */
	if (!copy)
		return 0;
	if (http_head_parse(&h, span_of(copy, end), &status) == 0)
		check(&h, copy, end);
	else
		must(status >= 400 && status < 600);
	mem_free(copy);
	return 0;
}
