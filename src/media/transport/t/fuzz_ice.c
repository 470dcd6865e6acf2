/* Hostile datagrams into the agent, and sequences of events: each input is a
 * row of steps. A step is one byte of kind, one of address, and for raw
 * datagrams a length and bytes. Properties: an answer is never longer than
 * STUN_REPLY_MAX, raw bytes without the password never move a leg, the table
 * of addresses stays bounded. */
#include <stdlib.h>
#include "base/clock.h"
#include "media/transport/ice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct ice *ice;
	struct ice_leg *leg[2];
	uint64_t now;
};

static struct path path_of(uint8_t n)
{
	struct path p = {.kind = n & 1 ? PATH_TCP : PATH_UDP, .conn = n & 1};

	p.peer.port = n;
	return p;
}

static void good_check(struct world *w, uint8_t kind, uint8_t where)
{
	struct ice_leg *leg = w->leg[kind & 1];
	struct path from = path_of(where);
	struct stun_request q = {.priority = 1, .controlling = kind & 2,
				 .use_candidate = kind & 4};
	struct ice_result r;
	uint8_t name[ICE_UFRAG_LEN + 5], buf[300];
	struct span s;

	memcpy(name, ice_leg_ufrag(leg).p, ICE_UFRAG_LEN);
	memcpy(name + ICE_UFRAG_LEN, ":peer", 5);
	q.username = span_of(name, sizeof(name));
	q.key = ice_leg_pwd(leg);
	if (stun_encode_request(buf, sizeof(buf), &s, &q) < 0)
		abort();
	ice_input(w->ice, &from, s, w->now, &r);
	if ((kind & 2) && r.leg != leg)
		abort();
}

static void raw(struct world *w, uint8_t where, struct span in)
{
	struct path from = path_of(where);
	struct ice_leg *before = ice_find(w->ice, &from);
	struct ice_result r;

	ice_input(w->ice, &from, in, w->now, &r);
	if (r.leg || r.reply_n || ice_find(w->ice, &from) != before)
		abort();
}

static size_t step(struct world *w, const uint8_t *p, size_t n)
{
	size_t len;
	struct path gone;

	w->now += NS_PER_S;
	switch (p[0] >> 6) {
	case 0:
		len = p[1] < n - 2 ? p[1] : n - 2;
		raw(w, p[0], span_of(p + 2, len));
		return 2 + len;
	case 1:
		good_check(w, p[0], p[1]);
		break;
	case 2:
		(void)ice_leg_restart(w->leg[p[0] & 1], span_str("peer"),
				      w->now);
		break;
	default:
		gone = path_of(p[1]);
		ice_path_gone(w->ice, &gone);
		break;
	}
	return 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.now = 1};

	if (ice_new(&w.ice) < 0)
		return 0;
	for (int i = 0; i < 2; i++)
		if (ice_leg_open(&w.leg[i], w.ice, span_str("peer"), NULL,
				 w.now) < 0)
			abort();
	while (size >= 2) {
		size_t k = step(&w, data, size);

		data += k;
		size -= k;
	}
	ice_leg_close(&w.leg[0]);
	ice_leg_close(&w.leg[1]);
	ice_free(&w.ice);
	return 0;
}
