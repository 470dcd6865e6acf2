#include "base/outguard.h"

#include "base/err.h"

enum { V4 = 96 };		/* bits before a v4-mapped address begins */

struct row {
	uint8_t ip[16];
	uint8_t bits;
	enum outguard_reason reason;
};

#define M 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff

/* The first row that fits decides, so what is narrow stands before what is
 * wide. IANA's special-purpose registries, and what clouds made of them. */
static const struct row v4_rows[] = {
	{{M, 169, 254, 169, 254}, 128, OUTGUARD_METADATA},	/* everybody */
	{{M, 169, 254, 170, 2}, 128, OUTGUARD_METADATA},	/* containers */
	{{M, 169, 254, 170, 23}, 128, OUTGUARD_METADATA},
	{{M, 100, 100, 100, 200}, 128, OUTGUARD_METADATA},
	{{M, 168, 63, 129, 16}, 128, OUTGUARD_METADATA},
	{{M, 192, 0, 0, 192}, 128, OUTGUARD_METADATA},
	{{M, 0, 0, 0, 0}, 128, OUTGUARD_UNSPECIFIED},
	{{M, 0}, V4 + 8, OUTGUARD_RESERVED},		/* RFC 1122: this net */
	{{M, 10}, V4 + 8, OUTGUARD_PRIVATE},		/* RFC 1918 */
	{{M, 100, 64}, V4 + 10, OUTGUARD_PRIVATE},	/* RFC 6598: CGNAT */
	{{M, 127}, V4 + 8, OUTGUARD_LOOPBACK},
	{{M, 169, 254}, V4 + 16, OUTGUARD_LINK_LOCAL},	/* RFC 3927 */
	{{M, 172, 16}, V4 + 12, OUTGUARD_PRIVATE},
	{{M, 192, 0, 0}, V4 + 24, OUTGUARD_RESERVED},	/* RFC 6890 */
	{{M, 192, 0, 2}, V4 + 24, OUTGUARD_SPECIAL},	/* RFC 5737 */
	{{M, 192, 88, 99}, V4 + 24, OUTGUARD_RESERVED},	/* RFC 7526 */
	{{M, 192, 168}, V4 + 16, OUTGUARD_PRIVATE},
	{{M, 198, 18}, V4 + 15, OUTGUARD_SPECIAL},	/* RFC 2544 */
	{{M, 198, 51, 100}, V4 + 24, OUTGUARD_SPECIAL},
	{{M, 203, 0, 113}, V4 + 24, OUTGUARD_SPECIAL},
	{{M, 255, 255, 255, 255}, 128, OUTGUARD_BROADCAST},
	{{M, 224}, V4 + 4, OUTGUARD_MULTICAST},
	{{M, 240}, V4 + 4, OUTGUARD_RESERVED},		/* RFC 1112: class E */
	{{M}, V4, OUTGUARD_ALLOWED},
};

static const struct row v6_rows[] = {
	{{0}, 128, OUTGUARD_UNSPECIFIED},
	{{[15] = 1}, 128, OUTGUARD_LOOPBACK},
	{{0xfe, 0x80, [12] = 169, 254, 169, 254}, 128, OUTGUARD_METADATA},
	{{0xfd, 0x00, 0x0e, 0xc2}, 32, OUTGUARD_METADATA},
	{{0xfd, 0x20, 0x00, 0xce}, 32, OUTGUARD_METADATA},
	{{0xfd, 0x00, 0x00, 0x42, [14] = 0, 0x42}, 128, OUTGUARD_METADATA},
	{{0xfd, 0x00, 0x00, 0xc1, [12] = 169, 254, 169, 254}, 128,
	 OUTGUARD_METADATA},
	{{0xff}, 8, OUTGUARD_MULTICAST},
	{{0xfe, 0x80}, 10, OUTGUARD_LINK_LOCAL},
	{{0xfe, 0xc0}, 10, OUTGUARD_PRIVATE},		/* RFC 3879: site */
	{{0xfc}, 7, OUTGUARD_PRIVATE},			/* RFC 4193: ULA */
	{{0x20, 0x01, 0x0d, 0xb8}, 32, OUTGUARD_SPECIAL},	/* RFC 3849 */
	{{0x3f, 0xff}, 20, OUTGUARD_SPECIAL},		/* RFC 9637 */
	{{0x20, 0x01, 0x00, 0x02, 0x00, 0x00}, 48, OUTGUARD_SPECIAL},
	{{0x20, 0x01, 0x00, 0x00}, 32, OUTGUARD_ALLOWED},	/* Teredo */
	{{0x20, 0x01, 0x00}, 23, OUTGUARD_RESERVED},	/* RFC 2928 */
	{{0x20}, 3, OUTGUARD_ALLOWED},			/* global unicast */
	/* RFC 6052: the well-known prefix; RFC 8215's local one may embed
	 * anything anywhere and is reserved by the last row. */
	{{0x00, 0x64, 0xff, 0x9b}, 96, OUTGUARD_ALLOWED},
	{{[8] = 0xff, 0xff}, 96, OUTGUARD_ALLOWED},	/* RFC 2765 */
	{{0}, 96, OUTGUARD_ALLOWED},			/* v4-compatible */
	{{0}, 0, OUTGUARD_RESERVED},
};

/* Where an IPv4 address is hidden in an IPv6 one. */
static const struct {
	uint8_t ip[16];
	uint8_t bits;
	uint8_t at;
	uint8_t mask;		/* each byte is xored with it */
} inner_rows[] = {
	{{0}, 96, 12, 0},
	{{[8] = 0xff, 0xff}, 96, 12, 0},
	{{0x00, 0x64, 0xff, 0x9b}, 96, 12, 0},
	{{0x20, 0x02}, 16, 2, 0},			/* RFC 3056: 6to4 */
	{{0x20, 0x01, 0x00, 0x00}, 32, 4, 0},	/* RFC 4380: Teredo server */
	{{0x20, 0x01, 0x00, 0x00}, 32, 12, 0xff},	/* and client */
};

static bool has(const uint8_t net[16], unsigned bits, const uint8_t ip[16])
{
	unsigned whole = bits / 8, rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	if (memcmp(net, ip, whole) != 0)
		return false;
	return !rest || ((net[whole] ^ ip[whole]) & mask) == 0;
}

bool outguard_net_has(const struct outguard_net *net, const uint8_t ip[16])
{
	return has(net->ip, net->bits, ip);
}

static bool in_nets(const struct outguard_net *nets, size_t n,
		    const uint8_t ip[16])
{
	for (size_t i = 0; i < n; i++)
		if (outguard_net_has(&nets[i], ip))
			return true;
	return false;
}

static enum outguard_reason by_table(const struct row *rows, size_t n,
				     const uint8_t ip[16])
{
	for (size_t i = 0; i < n; i++)
		if (has(rows[i].ip, rows[i].bits, ip))
			return rows[i].reason;
	return OUTGUARD_RESERVED;
}

#define BY_TABLE(rows, ip) by_table(rows, sizeof(rows) / sizeof((rows)[0]), ip)

/* Without any exception. */
static enum outguard_reason judge(const struct addr *a,
				  const struct outguard_rules *rules)
{
	enum outguard_reason r = addr_is_v4(a) ? BY_TABLE(v4_rows, a->ip) :
						 BY_TABLE(v6_rows, a->ip);

	if (r != OUTGUARD_ALLOWED && r < OUTGUARD_PRIVATE)
		return r;
	if (rules && in_nets(rules->own, rules->n_own, a->ip))
		return OUTGUARD_OWN;
	if (rules && in_nets(rules->management, rules->n_management, a->ip))
		return OUTGUARD_MANAGEMENT;
	return r;
}

static struct addr inner(const struct addr *a, unsigned at, uint8_t mask)
{
	struct addr v4 = {.ip = {M}};

	for (unsigned i = 0; i < 4; i++)
		v4.ip[12 + i] = a->ip[at + i] ^ mask;
	return v4;
}

static enum outguard_reason judge_inner(const struct addr *a,
					const struct outguard_rules *rules)
{
	static const uint8_t isatap[4] = {0, 0, 0x5e, 0xfe};
	enum outguard_reason r = OUTGUARD_ALLOWED;
	struct addr v4;

	for (size_t i = 0; i < sizeof(inner_rows) / sizeof(inner_rows[0]) &&
	     r == OUTGUARD_ALLOWED; i++) {
		if (!has(inner_rows[i].ip, inner_rows[i].bits, a->ip))
			continue;
		v4 = inner(a, inner_rows[i].at, inner_rows[i].mask);
		r = judge(&v4, rules);
	}
	/* RFC 5214: the u bit may be set */
	if (r == OUTGUARD_ALLOWED && (a->ip[8] & 0xfc) == isatap[0] &&
	    memcmp(a->ip + 9, isatap + 1, 3) == 0) {
		v4 = inner(a, 12, 0);
		r = judge(&v4, rules);
	}
	return r;
}

enum outguard_reason outguard_check(const struct addr *a,
				    enum outguard_origin origin,
				    const struct outguard_rules *rules)
{
	enum outguard_reason r = judge(a, rules);
	bool named = origin == OUTGUARD_LITERAL ||
		     (rules && in_nets(rules->allowed, rules->n_allowed,
				       a->ip));

	if (r >= OUTGUARD_PRIVATE && named)
		r = OUTGUARD_ALLOWED;
	if (r == OUTGUARD_ALLOWED && !addr_is_v4(a))
		r = judge_inner(a, rules);
	return r;
}

const char *outguard_reason_text(enum outguard_reason r)
{
	static const char *const texts[OUTGUARD_REASON_COUNT] = {
		"allowed", "unspecified", "loopback", "link-local",
		"cloud metadata", "multicast", "broadcast", "reserved",
		"our own", "private", "documentation", "management",
	};

	return (unsigned)r < OUTGUARD_REASON_COUNT ? texts[r] : "unknown";
}

struct outguard_net outguard_net_of(const struct addr *a)
{
	struct outguard_net net = {.bits = 128};

	memcpy(net.ip, a->ip, sizeof(net.ip));
	return net;
}

static int bits_parse(struct span text, bool v4, uint8_t *bits)
{
	uint64_t n;

	if (span_u64(text, v4 ? 32 : 128, &n) < 0)
		return E_FORMAT;
	*bits = (uint8_t)(v4 ? n + V4 : n);
	return 0;
}

int outguard_net_parse(struct outguard_net *out, struct span text)
{
	struct span ip, bits;
	struct outguard_net net;
	struct addr a;
	bool has_bits = span_split(text, '/', &ip, &bits);

	if (addr_parse(&a, ip, 0) < 0)
		return E_FORMAT;
	net = outguard_net_of(&a);
	/* ::ffff:0:0/96 and shorter would be an IPv6 spelling of all IPv4 */
	if (has_bits && bits_parse(bits, memchr(ip.p, ':', ip.n) == NULL,
				   &net.bits) < 0)
		return E_FORMAT;
	if (addr_is_v4(&a) && net.bits < V4)
		return E_INVAL;
	for (unsigned i = net.bits; i < 128; i++)
		if (net.ip[i / 8] & (0x80 >> i % 8))
			return E_INVAL;
	*out = net;
	return 0;
}

int outguard_nets_parse(struct outguard_net *out, size_t cap, size_t *n,
			struct span text)
{
	struct span head, rest = span_trim(text);
	size_t got = 0;
	bool more = rest.n > 0;
	int r = 0;

	while (more && r == 0) {
		more = span_split(rest, ',', &head, &rest);
		if (got == cap)
			return E_FULL;
		r = outguard_net_parse(&out[got++], span_trim(head));
	}
	if (r == 0)
		*n = got;
	return r;
}
