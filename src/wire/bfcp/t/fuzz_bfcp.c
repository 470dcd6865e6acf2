/* Properties: what was read is read again from what we write of it; a stream
 * is cut where the reader says; no list grows over its limit. */
#include <assert.h>
#include "wire/bfcp/bfcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_who(const struct bfcp_who *a, const struct bfcp_who *b)
{
	assert(a->is_there == b->is_there && a->user == b->user);
	assert(span_eq(a->name, b->name) && span_eq(a->uri, b->uri));
}

static void same_request(const struct bfcp_request *a,
			 const struct bfcp_request *b)
{
	assert(a->id == b->id && a->has_overall == b->has_overall);
	assert(a->overall.status == b->overall.status &&
	       a->overall.queue == b->overall.queue);
	assert(a->floors_n == b->floors_n);
	for (size_t i = 0; i < a->floors_n; i++) {
		assert(a->floors[i].id == b->floors[i].id);
		assert(a->floors[i].state.status == b->floors[i].state.status);
		assert(span_eq(a->floors[i].info, b->floors[i].info));
	}
	same_who(&a->beneficiary, &b->beneficiary);
	same_who(&a->by, &b->by);
	assert(a->priority == b->priority && span_eq(a->info, b->info));
}

static void same(const struct bfcp_msg *a, const struct bfcp_msg *b)
{
	assert(a->version == b->version && a->primitive == b->primitive);
	assert(a->is_response == b->is_response);
	assert(a->conf == b->conf && a->txn == b->txn && a->user == b->user);
	assert(a->floors_n == b->floors_n && a->requests_n == b->requests_n);
	assert(memcmp(a->floors, b->floors,
		      a->floors_n * sizeof(a->floors[0])) == 0);
	assert(a->has_request == b->has_request && a->request == b->request);
	assert(a->beneficiary == b->beneficiary && a->error == b->error);
	assert(a->priority == b->priority);
	assert(span_eq(a->info, b->info) && span_eq(a->name, b->name));
	assert(span_eq(a->error_details, b->error_details));
	assert(span_eq(a->primitives, b->primitives));
	assert(span_eq(a->attributes, b->attributes));
	for (size_t i = 0; i < a->requests_n; i++)
		same_request(&a->requests[i], &b->requests[i]);
	same_who(&a->beneficiary_info, &b->beneficiary_info);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size), out;
	uint8_t buf[BFCP_MSG_MAX];
	struct bfcp_msg m, again;
	size_t n;

	if (bfcp_frame(in, &n) == 0) {
		assert(n >= BFCP_HEADER_LEN && n <= BFCP_MSG_MAX);
		if (n <= in.n)
			in.n = n;
	}
	if (bfcp_decode(&m, in) != 0)
		return 0;
	assert(in.n == n);
	/* E_FULL: texts that were not padded may not fit when they are */
	if (bfcp_encode(buf, sizeof(buf), &out, &m) != 0)
		return 0;
	assert(bfcp_decode(&again, out) == 0);
	same(&m, &again);
	return 0;
}
