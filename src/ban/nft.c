#include "ban/nft.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

enum { GUARD_MS = 1000,		/* of an element that is deleted at once */
       MSG_ROOM = 256 };	/* no message of ours is longer */

const char *nft_set_name(enum ban_group g, bool is_v4, bool is_net)
{
	static const char *const names[BAN_GROUP_COUNT][2][2] = {
#define X(name, bit, suffix)                                                  \
	[name] = {{"ban6_" suffix, "net6_" suffix},                           \
		  {"ban4_" suffix, "net4_" suffix}},
		BAN_GROUPS(X)
#undef X
	};

	return names[g][is_v4][is_net];
}

static struct nlmsghdr *put_header(uint8_t *at, uint16_t type, uint16_t flags,
				   uint32_t seq, uint8_t family, uint16_t res)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(at);
	struct nfgenmsg *g;

	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = seq;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = family;
	g->version = NFNETLINK_V0;
	g->res_id = htons(res);
	return h;
}

/* The place of the next message, or NULL. */
static uint8_t *room(struct nft_batch *b)
{
	if (sizeof(b->buf) - b->n < MSG_ROOM || b->n_msgs == NFT_MSGS_MAX)
		return NULL;
	return b->buf + b->n;
}

static void took(struct nft_batch *b, const struct nlmsghdr *h, int of)
{
	b->n += h->nlmsg_len;
	b->of[b->n_msgs++] = (int16_t)of;
}

static int put_edge(struct nft_batch *b, uint16_t type)
{
	uint8_t *at = room(b);

	if (!at)
		return E_FULL;
	took(b, put_header(at, type, 0, b->first_seq + b->n_msgs, AF_UNSPEC,
			   NFNL_SUBSYS_NFTABLES), -1);
	return 0;
}

static uint16_t nft_type(uint16_t msg)
{
	return (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | msg);
}

/* --- elements ------------------------------------------------------------- */

struct key {
	uint8_t bytes[16];
	size_t n;
};

static struct key key_of(const struct book_change *c)
{
	struct key k = {.n = c->is_v4 ? 4 : 16};

	memcpy(k.bytes, c->ip + 16 - k.n, k.n);
	return k;
}

/* The first address behind the prefix; false when there is none. */
static bool key_behind(const struct book_change *c, struct key *k)
{
	unsigned bit = c->prefix - (c->is_v4 ? 96u : 0u);
	unsigned at = (bit - 1) / 8;
	unsigned sum = k->bytes[at] + (1u << (7 - (bit - 1) % 8));

	k->bytes[at] = (uint8_t)sum;
	while (sum > 0xff && at > 0) {
		sum = k->bytes[--at] + 1u;
		k->bytes[at] = (uint8_t)sum;
	}
	return sum <= 0xff;
}

static void put_elem(struct nlmsghdr *h, const struct key *k, bool is_end,
		     uint64_t ms)
{
	struct nlattr *elem = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
	struct nlattr *key = mnl_attr_nest_start(h, NFTA_SET_ELEM_KEY);

	mnl_attr_put(h, NFTA_DATA_VALUE, k->n, k->bytes);
	mnl_attr_nest_end(h, key);
	if (is_end)
		mnl_attr_put_u32(h, NFTA_SET_ELEM_FLAGS,
				 htonl(NFT_SET_ELEM_INTERVAL_END));
	else if (ms)
		mnl_attr_put_u64(h, NFTA_SET_ELEM_TIMEOUT, htobe64(ms));
	mnl_attr_nest_end(h, elem);
}

/* ms = 0: delete. */
static int put_change(struct nft_batch *b, enum ban_group g,
		      const struct book_change *c, uint64_t ms, int of)
{
	uint8_t *at = room(b);
	struct key k = key_of(c);
	struct nlmsghdr *h;
	struct nlattr *list;

	if (!at)
		return E_FULL;
	h = put_header(at, nft_type(ms ? NFT_MSG_NEWSETELEM :
				    NFT_MSG_DELSETELEM),
		       ms ? NLM_F_CREATE : 0, b->first_seq + b->n_msgs,
		       NFPROTO_INET, 0);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, BAN_TABLE_NAME);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET,
			  nft_set_name(g, c->is_v4, c->is_net));
	list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
	put_elem(h, &k, false, ms);
	if (c->is_net && key_behind(c, &k))
		put_elem(h, &k, true, 0);
	mnl_attr_nest_end(h, list);
	took(b, h, of);
	return 0;
}

static int put_flush(struct nft_batch *b, enum ban_group g)
{
	for (int i = 0; i < 4; i++) {
		uint8_t *at = room(b);
		struct nlmsghdr *h;

		if (!at)
			return E_FULL;
		h = put_header(at, nft_type(NFT_MSG_DELSETELEM), 0,
			       b->first_seq + b->n_msgs, NFPROTO_INET, 0);
		mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, BAN_TABLE_NAME);
		mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET,
				  nft_set_name(g, i & 1, i & 2));
		took(b, h, -1);
	}
	return 0;
}

/* --- the batch ------------------------------------------------------------ */

static int put_removals(struct nft_batch *b, enum ban_group g,
			const struct book_change *c, size_t n,
			const bool *skip)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		if (skip[i] || (c[i].verb == BOOK_SET && !c[i].is_known))
			continue;
		r = put_change(b, g, &c[i], GUARD_MS, (int)i);
		if (!r)
			r = put_change(b, g, &c[i], 0, (int)i);
	}
	return r;
}

/* The last message alone asks for an answer when all is well. */
static void ask_last(struct nft_batch *b)
{
	struct nlmsghdr *h = (void *)b->buf;

	for (uint32_t i = 1; i < b->n_msgs; i++)
		h = (void *)((uint8_t *)h + h->nlmsg_len);
	h->nlmsg_flags |= NLM_F_ACK;
}

int nft_batch_build(struct nft_batch *b, enum ban_group g, bool flush,
		    const struct book_change *c, size_t n, const bool *skip,
		    uint32_t first_seq)
{
	int r;

	if (n > NFT_CHANGES_MAX)
		return E_LIMIT;
	b->n = 0;
	b->n_msgs = 0;
	b->first_seq = first_seq;
	r = put_edge(b, NFNL_MSG_BATCH_BEGIN);
	if (!r && flush)
		r = put_flush(b, g);
	if (!r)
		r = put_removals(b, g, c, n, skip);
	for (size_t i = 0; i < n && !r; i++)
		if (!skip[i] && c[i].verb == BOOK_SET)
			r = put_change(b, g, &c[i], c[i].ms, (int)i);
	if (!r && b->n_msgs > 1)
		ask_last(b);
	return r ? r : put_edge(b, NFNL_MSG_BATCH_END);
}

/* --- answers -------------------------------------------------------------- */

/* libmnl compares lengths as signed ones: 2^31 and more would pass. */
static bool is_whole(const struct nlmsghdr *h, int left)
{
	return left >= (int)sizeof(*h) && h->nlmsg_len <= (uint32_t)left &&
	       mnl_nlmsg_ok(h, left);
}

/* The errno that one message carries, or -1 when it is no such message. */
static int errno_of(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

	if (h->nlmsg_type != NLMSG_ERROR ||
	    mnl_nlmsg_get_payload_len(h) < sizeof(e->error) || e->error > 0)
		return -1;
	return e->error < -4095 ? -1 : -e->error;
}

static void take_error(struct nft_result *out, int error)
{
	if (!out->error)
		out->error = error;
	if (error == ENOENT)
		out->no_table = true;
	if (error == EPERM || error == EOPNOTSUPP)
		out->denied = true;
	out->refused++;
}

int nft_batch_answer(const struct nft_batch *b, struct span in,
		     struct nft_result *out, bool *failed)
{
	const struct nlmsghdr *h = (const void *)in.p;
	int left = (int)in.n;

	for (; is_whole(h, left); h = mnl_nlmsg_next(h, &left)) {
		uint32_t at = h->nlmsg_seq - b->first_seq;
		int error = errno_of(h);

		if (error < 0 || at >= b->n_msgs)
			continue;
		/* The one that asked, or the whole batch. */
		if (at + 2 == b->n_msgs || at == 0)
			out->done = true;
		if (!error)
			continue;
		take_error(out, error);
		if (b->of[at] >= 0)
			failed[b->of[at]] = true;
	}
	return left ? E_FORMAT : 0;
}

size_t nft_look_build(uint8_t *buf, size_t cap, uint32_t seq)
{
	struct nlmsghdr *h;

	if (cap < MSG_ROOM)
		return 0;
	h = put_header(buf, nft_type(NFT_MSG_GETTABLE), NLM_F_ACK, seq,
		       NFPROTO_INET, 0);
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, BAN_TABLE_NAME);
	return h->nlmsg_len;
}

static int take_attr(const struct nlattr *a, void *arg)
{
	struct nft_look *out = arg;

	if (mnl_attr_get_type(a) == NFTA_TABLE_HANDLE &&
	    mnl_attr_validate(a, MNL_TYPE_U64) >= 0)
		out->handle = be64toh(mnl_attr_get_u64(a));
	return MNL_CB_OK;
}

int nft_look_answer(struct nft_look *out, struct span in, uint32_t seq)
{
	const struct nlmsghdr *h = (const void *)in.p;
	int left = (int)in.n;

	for (; is_whole(h, left); h = mnl_nlmsg_next(h, &left)) {
		int error = errno_of(h);

		if (h->nlmsg_seq != seq)
			continue;
		if (h->nlmsg_type == nft_type(NFT_MSG_NEWTABLE) &&
		    mnl_nlmsg_get_payload_len(h) >= sizeof(struct nfgenmsg))
			(void)mnl_attr_parse(h, sizeof(struct nfgenmsg),
					     take_attr, out);
		if (error < 0)
			continue;
		out->answered = true;
		out->error = error;
	}
	return left ? E_FORMAT : 0;
}
