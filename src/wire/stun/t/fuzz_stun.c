/* Property: what a request or a success says survives our own encoder. */
#include <assert.h>
#include "wire/stun/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_success(const struct stun_msg *m)
{
	uint8_t buf[STUN_REPLY_MAX];
	struct stun_msg again;
	struct span out;

	if (!m->has_mapped)
		return;
	assert(stun_encode_success(buf, sizeof(buf), &out, m->txid, &m->mapped,
				   SPAN_LIT("key")) == 0);
	assert(stun_decode(&again, out) == 0);
	assert(stun_check_integrity(&again, SPAN_LIT("key")) == 0);
	assert(addr_eq(&again.mapped, &m->mapped));
}

static void round_request(const struct stun_msg *m)
{
	struct stun_request q = {.username = m->username,
				 .key = SPAN_LIT("key"),
				 .priority = m->priority,
				 .tie_breaker = m->tie_breaker,
				 .controlling = m->has_controlling,
				 .use_candidate = m->use_candidate};
	uint8_t buf[STUN_MSG_MAX];
	struct stun_msg again;
	struct span out;

	memcpy(q.txid, m->txid, sizeof(q.txid));
	assert(stun_encode_request(buf, sizeof(buf), &out, &q) == 0);
	assert(stun_decode(&again, out) == 0);
	assert(span_eq(again.username, m->username));
	assert(again.priority == m->priority);
	assert(again.tie_breaker == m->tie_breaker);
	assert(again.use_candidate == m->use_candidate);
	assert(again.has_controlling == m->has_controlling);
	assert(stun_check_integrity(&again, SPAN_LIT("key")) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size), a, b;
	struct stun_msg m;

	if (stun_decode(&m, in) != 0)
		return 0;
	assert(stun_is_message(in));
	(void)stun_check_integrity(&m, SPAN_LIT("VOkJxbRl1RmTxUk/WvJxBt"));
	if (stun_username_split(&m, &a, &b) == 0)
		assert(a.n + b.n + 1 == m.username.n);
	round_success(&m);
	round_request(&m);
	return 0;
}
