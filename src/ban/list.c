#include "ban/list.h"

enum { MAPPED_BITS = 96, PORTS_ALL = 15 };

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool has_bits_behind(const uint8_t ip[16], unsigned prefix)
{
	unsigned at = prefix / 8, rest = prefix % 8;

	if (rest && (ip[at++] & (0xff >> rest)))
		return true;
	for (; at < 16; at++)
		if (ip[at])
			return true;
	return false;
}

static bool is_inside(const uint8_t ip[16], const uint8_t net[16],
		      unsigned prefix)
{
	unsigned whole = prefix / 8, rest = prefix % 8;

	if (memcmp(ip, net, whole) != 0)
		return false;
	return !rest || !((ip[whole] ^ net[whole]) & (0xff00 >> rest) & 0xff);
}

/* Whoever stands in front of us on this host, we included, comes from there. */
static bool is_untouchable(const struct ban_item *b)
{
	static const uint8_t lo6[16] = {[15] = 1};

	if (b->is_v4)
		return b->prefix < MAPPED_BITS + BAN_PREFIX4_MIN ||
		       b->ip[12] == 127;
	return b->prefix < BAN_PREFIX6_MIN || is_inside(lo6, b->ip, b->prefix);
}

static int decode_one(struct ban_item *out, const Cv__Ban *m)
{
	if (m->ip.len != 16 || m->prefix < 1 || m->prefix > 128 ||
	    m->ports == 0 || m->ports > PORTS_ALL)
		return E_FORMAT;
	if (m->seconds > BAN_SECONDS_MAX)
		return E_LIMIT;
	if (has_bits_behind(m->ip.data, m->prefix))
		return E_FORMAT;
	memcpy(out->ip, m->ip.data, 16);
	out->prefix = (uint8_t)m->prefix;
	out->ports = (uint8_t)m->ports;
	out->seconds = m->seconds;
	out->is_v4 = m->prefix >= MAPPED_BITS &&
		     memcmp(out->ip, mapped, sizeof(mapped)) == 0;
	out->refused = is_untouchable(out);
	return 0;
}

int ban_list_decode(struct ban_item out[BAN_MESSAGE_MAX], size_t *n,
		    const Cv__BanSet *m)
{
	if (m->n_bans > BAN_MESSAGE_MAX)
		return E_LIMIT;
	for (size_t i = 0; i < m->n_bans; i++) {
		int r = decode_one(&out[i], m->bans[i]);

		if (r < 0)
			return r;
	}
	*n = m->n_bans;
	return 0;
}
