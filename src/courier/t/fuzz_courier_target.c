/* SIP targets: whatever the records say, the list is bounded, holds no
 * transport that was not allowed, no port 0, and no bad host. */
#include <stdlib.h>
#include <string.h>
#include "base/rd.h"
#include "courier/sip/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static uint32_t draw(void *arg, uint32_t below)
{
	return rd_u16(arg) % below;
}

static void text(struct rd *rd, char *dst, size_t cap)
{
	struct span s = rd_span(rd, rd_u8(rd) % cap);

	if (rd->failed || span_cstr(s, dst, cap) < 0)
		dst[0] = 0;
}

static enum target_ask naptr(struct targets *t, struct rd *rd, const char **q)
{
	static struct naptr_record r[40];
	size_t n = rd_u8(rd) % 40;

	memset(r, 0, sizeof(r));
	for (size_t i = 0; i < n; i++) {
		r[i].order = rd_u8(rd);
		r[i].preference = rd_u8(rd);
		text(rd, r[i].flags, sizeof(r[i].flags));
		text(rd, r[i].service, sizeof(r[i].service));
		r[i].has_regexp = rd_u8(rd) & 1;
		text(rd, r[i].replacement, sizeof(r[i].replacement));
	}
	return targets_naptr(t, r, n, q);
}

static enum target_ask srv(struct targets *t, struct rd *rd, const char **q)
{
	static struct srv_record r[40];
	size_t n = rd_u8(rd) % 40;

	memset(r, 0, sizeof(r));
	for (size_t i = 0; i < n; i++) {
		r[i].priority = rd_u8(rd);
		r[i].weight = rd_u16(rd);
		r[i].port = rd_u16(rd);
		text(rd, r[i].host, sizeof(r[i].host));
	}
	return targets_srv(t, r, n, q);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct targets t;
	struct rd rd = rd_of(span_of(p, n));
	struct targets_cfg cfg = {
		.host = "example.org", .allowed = rd_u8(&rd),
		.port = rd_u8(&rd) & 1 ? rd_u16(&rd) : 0,
		.sips = rd_u8(&rd) & 1, .random = draw, .random_arg = &rd,
	};
	enum target_ask ask;
	const char *q;
	int questions = 0;

	if (targets_begin(&t, &cfg, &ask, &q) < 0)
		return 0;
	while (ask != TARGET_ASK_NOTHING) {
		if (!q || !q[0] || ++questions > SIP_QUESTIONS_MAX + 1)
			abort();
		ask = ask == TARGET_ASK_NAPTR ? naptr(&t, &rd, &q) :
						srv(&t, &rd, &q);
	}
	if (t.n > SIP_TARGETS_MAX)
		abort();
	for (size_t i = 0; i < t.n; i++)
		if (!(t.allowed & 1u << t.list[i].transport) ||
		    !t.list[i].port || !t.list[i].host[0] ||
		    (cfg.sips && t.list[i].transport != TARGET_TLS))
			abort();
	return 0;
}
