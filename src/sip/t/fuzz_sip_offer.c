/* Properties: no failure without a reason; no address in the description that
 * the guard refuses and no port below 1024; an offer of ours after it keeps all
 * of its places; what was read can be rejected as
 * a whole by an answer, which reads back with as many sections. The first byte
 * sets the rules. */
#include <assert.h>
#include <stdlib.h>
#include "ipc/ipc.h"
#include "sip/offer.h"
#include "wire/sdp/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_addr(const Cv__Addr *a, const struct addr *source)
{
	struct addr to = {.port = 0};

	if (!a)
		return;
	assert(a->ip.len == 16 && a->port >= 1024 && a->port <= 65535);
	memcpy(to.ip, a->ip.data, 16);
	assert(outguard_check(&to, OUTGUARD_NAMED, NULL) == OUTGUARD_ALLOWED ||
	       (source && addr_ip_eq(&to, source)));
}

static void reject_all(struct span sdp, Cv__LegDescription *d, struct arena *a)
{
	static const struct addr local = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255,
					   255, 192, 0, 2, 1}, 0};
	const struct sip_offer_self self = {.sess_id = 1, .version = 2,
					    .local = &local};
	struct span out;
	struct sdp s;

	for (size_t i = 0; i < d->n_sections; i++)
		d->sections[i]->rejected = true;
	if (sip_answer_write(&out, sdp, d, &self, a) != 0)
		return;
	if (sdp_decode(&s, out, a, NULL) == 0)
		assert(s.sections_n == d->n_sections);
}

/* An offer of ours behind whatever was said before has no fewer sections. */
static void offer_after(struct span last, const Cv__LegDescription *d,
			struct arena *a)
{
	static const struct addr local = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255,
					   255, 192, 0, 2, 1}, 0};
	const struct sip_offer_self self = {.sess_id = 1, .version = 2,
					    .local = &local, .last = last};
	struct span out;
	struct sdp s;

	if (sip_offer_write(&out, d, &self, a) != 0)
		return;
	if (sdp_decode(&s, out, a, NULL) == 0)
		assert(s.sections_n >= d->n_sections);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct addr source = {.port = 5060};
	struct sip_offer_rules rules = {0};
	struct sip_offer_seen seen;
	Cv__LegDescription *d = NULL;
	struct arena *a = NULL;
	const char *why = NULL;
	struct span in;

	if (size == 0 || arena_new(&a, 2 * SIP_OFFER_ARENA_BYTES) != 0)
		return 0;
	(void)addr_parse(&source, SPAN_LIT("10.1.2.3"), 5060);
	rules.sdes = data[0] & 1;
	rules.sdes_32 = data[0] & 2;
	rules.source = data[0] & 4 ? &source : NULL;
	in = span_of(data + 1, size - 1);
	if (data[0] & 8)
		rules.ours = in;	/* the same text answers itself */
	if (sip_offer_read(&d, in, &rules, a, &seen, &why) != 0) {
		assert(why && !d);
		arena_free(&a);
		return 0;
	}
	for (size_t i = 0; i < d->n_sections; i++) {
		const Cv__Section *s = d->sections[i];
		check_addr(s->addr, rules.source);
		check_addr(s->rtcp, rules.source);
		assert(!s->rejected || (!s->addr && s->n_sdes == 0));
		assert(rules.sdes || s->n_sdes == 0);
	}
	if (data[0] & 16)
		offer_after(in, d, a);
	sip_offer_wipe(d);
	reject_all(in, d, a);
	arena_free(&a);
	return 0;
}
