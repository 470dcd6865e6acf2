/* First line: the list of proxies. The rest: field values, one a line. What is
 * found is an address that no proxy has and that a packet can come from, and
 * bytes in front of the whole never change it. */
#include <stdlib.h>
#include "base/alloc.h"
#include "http/forward.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void read_fields(struct http_head *h, struct span rest)
{
	h->fields[h->n_fields++] = (struct http_field){
		SPAN_LIT("X-Forwarded-For"), SPAN_LIT("1.2.3.4, what ever")};
	while (rest.n && h->n_fields < HTTP_FIELDS_MAX) {
		struct span one;
		(void)span_split(rest, '\n', &one, &rest);
		h->fields[h->n_fields++] = (struct http_field){
			SPAN_LIT("X-Forwarded-For"), one};
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_head h, without;
	struct http_proxies p;
	struct span list, rest;
	struct addr a, b;
	(void)span_split(span_of(data, size), '\n', &list, &rest);
	if (http_proxies_parse(&p, list) < 0)
		return 0;
	h.n_fields = 0;
	read_fields(&h, rest);
	int r = http_forward_source(&a, &p, &h);
	must(r == 0 || r == E_FORMAT || r == E_LIMIT);
	if (r == 0)
		must(!http_proxies_have(&p, &a) && a.port == 0);
	without.n_fields = h.n_fields - 1;
	memcpy(without.fields, h.fields + 1,
	       without.n_fields * sizeof(*h.fields));
	int r2 = http_forward_source(&b, &p, &without);
	if (r2 == 0)
		must(r == 0 && addr_eq(&a, &b));
	return 0;
}
