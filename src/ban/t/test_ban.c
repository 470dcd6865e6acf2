#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "ban/nft.h"
#include "base/addr.h"
#include "base/alloc.h"
#include "base/alloc_test.h"
#include "base/clock.h"

#define S NS_PER_S
#define WEB CV__PORT_GROUP__PORTS_WEB
#define SIP CV__PORT_GROUP__PORTS_SIP

/* --- the message ---------------------------------------------------------- */

static struct ban_item decoded[BAN_MESSAGE_MAX];

static int decode(const char *ip, uint32_t prefix, uint32_t ports,
		  uint32_t seconds)
{
	Cv__BanSet m = CV__BAN_SET__INIT;
	Cv__Ban ban = CV__BAN__INIT, *list[] = {&ban};
	struct addr a;
	size_t n = 0;
	int r;

	assert_int_equal(addr_parse(&a, span_str(ip), 0), 0);
	ban.ip = (ProtobufCBinaryData){.data = a.ip, .len = 16};
	ban.prefix = prefix;
	ban.ports = ports;
	ban.seconds = seconds;
	m.bans = list;
	m.n_bans = 1;
	r = ban_list_decode(decoded, &n, &m);
	assert_int_equal(n, r ? 0 : 1);
	return r;
}

static void test_list__takes_what_core_means(void **state)
{
	(void)state;
	assert_int_equal(decode("192.0.2.1", 128, WEB, 600), 0);
	assert_true(decoded[0].is_v4);
	assert_false(decoded[0].refused);
	assert_int_equal(decode("192.0.2.0", 120, WEB | SIP, 0), 0);
	assert_int_equal(decode("2001:db8::", 48, 15, BAN_SECONDS_MAX), 0);
	assert_false(decoded[0].is_v4);
}

static void test_list__refuses_what_is_malformed(void **state)
{
	(void)state;
	assert_int_equal(decode("192.0.2.1", 0, WEB, 1), E_FORMAT);
	assert_int_equal(decode("192.0.2.1", 129, WEB, 1), E_FORMAT);
	assert_int_equal(decode("192.0.2.1", 120, WEB, 1), E_FORMAT);
	assert_int_equal(decode("192.0.2.1", 127, WEB, 1), E_FORMAT);
	assert_int_equal(decode("192.0.2.1", 128, 0, 1), E_FORMAT);
	assert_int_equal(decode("192.0.2.1", 128, 16, 1), E_FORMAT);
	assert_int_equal(decode("192.0.2.1", 128, WEB, BAN_SECONDS_MAX + 1u),
			 E_LIMIT);
	assert_int_equal(decode("2001:db8::1", 64, WEB, 1), E_FORMAT);
}

static void test_list__refuses_a_short_address_and_too_many(void **state)
{
	static Cv__Ban ban = CV__BAN__INIT, *list[BAN_MESSAGE_MAX + 1];
	static uint8_t ip[16] = {[0] = 0x20, [15] = 1};
	Cv__BanSet m = CV__BAN_SET__INIT;
	size_t n = 7;

	(void)state;
	for (size_t i = 0; i <= BAN_MESSAGE_MAX; i++)
		list[i] = &ban;
	ban.prefix = 128;
	ban.ports = WEB;
	ban.ip = (ProtobufCBinaryData){.data = ip, .len = 4};
	m.bans = list;
	m.n_bans = 1;
	assert_int_equal(ban_list_decode(decoded, &n, &m), E_FORMAT);
	ban.ip.len = 16;
	m.n_bans = BAN_MESSAGE_MAX + 1;
	assert_int_equal(ban_list_decode(decoded, &n, &m), E_LIMIT);
	assert_int_equal(n, 7);
	m.n_bans = BAN_MESSAGE_MAX;
	assert_int_equal(ban_list_decode(decoded, &n, &m), 0);
	assert_int_equal(n, BAN_MESSAGE_MAX);
}

static void test_list__never_bans_ourselves_or_the_world(void **state)
{
	static const struct {
		const char *ip;
		uint32_t prefix;
		bool refused;
	} rows[] = {
		{"127.0.0.1", 128, true}, {"127.0.0.0", 104, true},
		{"10.0.0.0", 104, false}, {"0.0.0.0", 103, true},
		{"0.0.0.0", 96, true}, {"::", 1, true}, {"::", 16, true},
		{"::1", 128, true}, {"::", 127, true}, {"::2", 127, false},
		{"2000::", 15, true}, {"2001::", 16, false},
		{"::ffff:0:0", 95, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a;
		int r;

		assert_int_equal(addr_parse(&a, span_str(rows[i].ip), 0), 0);
		r = decode(rows[i].ip, rows[i].prefix, WEB, 1);
		if (r == E_FORMAT)	/* ::ffff:0:0/95 has a bit behind */
			continue;
		assert_int_equal(r, 0);
		assert_int_equal(decoded[0].refused, rows[i].refused);
	}
}

/* --- the book ------------------------------------------------------------- */

static struct book_change changes[NFT_CHANGES_MAX];

static int put(struct book *b, const char *ip, uint32_t prefix,
	       uint32_t ports, uint32_t seconds, uint64_t now)
{
	assert_int_equal(decode(ip, prefix, ports, seconds), 0);
	return book_put(b, &decoded[0], now);
}

/* Carries all changes of WEB as a kernel would; returns how many. */
static size_t carry(struct book *b, uint64_t now, bool fail)
{
	size_t n = book_changes(b, BAN_WEB, now, changes, NFT_CHANGES_MAX);

	for (size_t i = 0; i < n; i++)
		book_done(b, BAN_WEB, &changes[i], fail);
	assert_int_equal(book_changes(b, BAN_WEB, now, changes + n,
				      NFT_CHANGES_MAX - n), 0);
	book_clean(b);
	assert_false(book_is_dirty(b));
	return n;
}

static void test_book__sets_refreshes_and_removes(void **state)
{
	struct book *b;

	(void)state;
	assert_int_equal(book_new(&b), 0);
	assert_int_equal(put(b, "192.0.2.1", 128, WEB, 60, S), 0);
	assert_int_equal(carry(b, S, false), 1);
	assert_int_equal(changes[0].verb, BOOK_SET);
	assert_true(changes[0].is_v4);
	assert_false(changes[0].is_net);
	assert_false(changes[0].is_known);
	assert_int_equal(changes[0].ms, 60000);
	/* the same end: nothing to do */
	assert_int_equal(put(b, "192.0.2.1", 128, WEB, 50, 11 * S), 0);
	assert_int_equal(carry(b, 11 * S, false), 0);
	assert_int_equal(put(b, "192.0.2.1", 128, WEB, 600, 11 * S), 0);
	assert_int_equal(carry(b, 11 * S, false), 1);
	assert_true(changes[0].is_known);
	assert_int_equal(changes[0].ms, 600000);
	assert_int_equal(put(b, "192.0.2.1", 128, WEB, 0, 12 * S), 0);
	assert_int_equal(carry(b, 12 * S, false), 1);
	assert_int_equal(changes[0].verb, BOOK_REMOVE);
	/* what is not there is not removed */
	assert_int_equal(put(b, "192.0.2.9", 128, WEB, 0, 12 * S), 0);
	assert_int_equal(carry(b, 12 * S, false), 0);
	book_free(&b);
}

static void test_book__keeps_port_groups_apart(void **state)
{
	struct book *b;

	(void)state;
	assert_int_equal(book_new(&b), 0);
	assert_int_equal(put(b, "192.0.2.1", 128, SIP, 60, S), 0);
	assert_int_equal(book_changes(b, BAN_WEB, S, changes, 8), 0);
	assert_int_equal(book_changes(b, BAN_SIP, S, changes, 8), 1);
	book_free(&b);
}

static void test_book__forgets_what_expired(void **state)
{
	struct book_counts c;
	struct book *b;

	(void)state;
	assert_int_equal(book_new(&b), 0);
	assert_int_equal(put(b, "192.0.2.1", 128, WEB, 60, S), 0);
	assert_int_equal(put(b, "10.0.0.0", 112, WEB, 60, S), 0);
	assert_int_equal(carry(b, S, false), 2);
	book_retry(b, 60 * S);
	book_count(b, &c);
	assert_int_equal(c.addrs + c.nets, 2);
	book_retry(b, 61 * S);
	book_count(b, &c);
	assert_int_equal(c.addrs + c.nets, 0);
	assert_int_equal(carry(b, 61 * S, false), 0);
	book_free(&b);
}

static void test_book__tries_again_what_failed(void **state)
{
	struct book *b;

	(void)state;
	assert_int_equal(book_new(&b), 0);
	assert_int_equal(put(b, "192.0.2.1", 128, WEB, 60, S), 0);
	assert_int_equal(put(b, "10.0.0.0", 112, WEB, 60, S), 0);
	assert_int_equal(carry(b, S, true), 2);
	assert_int_equal(carry(b, S, false), 0);
	book_retry(b, 2 * S);
	assert_int_equal(carry(b, 2 * S, false), 2);
	book_free(&b);
}

static void test_book__a_reset_ends_what_is_not_named(void **state)
{
	struct book *b;

	(void)state;
	assert_int_equal(book_new(&b), 0);
	assert_int_equal(put(b, "192.0.2.1", 128, WEB, 60, S), 0);
	assert_int_equal(put(b, "192.0.2.2", 128, WEB | SIP, 60, S), 0);
	assert_int_equal(put(b, "10.0.0.0", 112, WEB, 60, S), 0);
	assert_int_equal(carry(b, S, false), 3);
	book_reset(b);
	assert_int_equal(put(b, "192.0.2.2", 128, WEB, 60, S), 0);
	assert_int_equal(carry(b, S, false), 0);
	book_last(b);
	assert_int_equal(carry(b, S, false), 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(changes[i].verb, BOOK_REMOVE);
	assert_int_equal(book_changes(b, BAN_SIP, S, changes, 8), 0);
	book_free(&b);
}

static void test_book__a_new_table_gets_everything_again(void **state)
{
	struct book *b;

	(void)state;
	assert_int_equal(book_new(&b), 0);
	assert_int_equal(put(b, "192.0.2.1", 128, WEB, 60, S), 0);
	assert_int_equal(put(b, "10.0.0.0", 112, WEB, 60, S), 0);
	assert_int_equal(carry(b, S, false), 2);
	book_forget_kernel(b);
	assert_int_equal(carry(b, 31 * S, false), 2);
	assert_int_equal(changes[0].ms, 30000);
	assert_false(changes[0].is_known);
	book_free(&b);
}

/* The kernel refuses overlapping intervals. */
static void test_book__holds_only_the_widest_prefix(void **state)
{
	struct book *b;

	(void)state;
	assert_int_equal(book_new(&b), 0);
	assert_int_equal(put(b, "10.1.2.0", 120, WEB, 600, S), 0);
	assert_int_equal(put(b, "10.1.0.0", 112, SIP, 600, S), 0);
	assert_int_equal(carry(b, S, false), 1);
	/* the wider one replaces it, and its removal stands first */
	assert_int_equal(put(b, "10.1.0.0", 112, WEB, 60, S), 0);
	assert_int_equal(carry(b, S, false), 2);
	assert_int_equal(changes[0].verb, BOOK_REMOVE);
	assert_int_equal(changes[0].prefix, 120);
	assert_int_equal(changes[1].verb, BOOK_SET);
	assert_int_equal(changes[1].prefix, 112);
	/* a further inner one waits */
	assert_int_equal(put(b, "10.1.3.0", 121, WEB, 600, S), 0);
	assert_int_equal(put(b, "10.2.0.0", 112, WEB, 600, S), 0);
	assert_int_equal(carry(b, S, false), 1);
	/* and both come back with the time they have left */
	book_retry(b, 61 * S);
	assert_int_equal(carry(b, 61 * S, false), 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(changes[i].verb, BOOK_SET);
		assert_int_equal(changes[i].ms, 540000);
	}
	book_free(&b);
}

/* A stranger with a /32 of his own fills the table with /64s: what is banned by
 * hand finds a place. */
static void test_book__hosts_leave_room_for_prefixes(void **state)
{
	struct book_counts c;
	struct book *b;
	char text[48];
	int r = 0;

	(void)state;
	assert_int_equal(book_new(&b), 0);
	for (unsigned i = 0; i < 2 * BAN_NETS_MAX; i++) {
		(void)snprintf(text, sizeof(text), "2001:db8:%x::", i);
		r = put(b, text, 64, WEB, 60, S);
	}
	assert_int_equal(r, E_FULL);
	assert_int_equal(put(b, "2001:db9::", 48, WEB, 60, S), 0);
	assert_int_equal(put(b, "192.0.2.0", 120, WEB, 60, S), 0);
	book_count(b, &c);
	assert_int_equal(c.nets, BAN_NETS_MAX - 128 + 2);
	/* and a wider one still takes their place */
	assert_int_equal(put(b, "2001:db8::", 32, WEB, 60, S), 0);
	assert_int_equal(book_changes(b, BAN_WEB, S, changes,
				      NFT_CHANGES_MAX), 3);
	book_free(&b);
}

static void test_book__is_of_fixed_size(void **state)
{
	struct book_counts c;
	struct book *b;
	char text[32];

	(void)state;
	assert_int_equal(book_new(&b), 0);
	for (unsigned i = 0; i < BAN_ADDRS_MAX; i++) {
		(void)snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16,
			       i >> 8 & 255, i & 255);
		assert_int_equal(put(b, text, 128, WEB, 60, S), 0);
	}
	assert_int_equal(put(b, "11.0.0.1", 128, WEB, 60, S), E_FULL);
	for (unsigned i = 0; i < BAN_NETS_MAX; i++) {
		(void)snprintf(text, sizeof(text), "12.%u.%u.0", i >> 8,
			       i & 255);
		assert_int_equal(put(b, text, 120, WEB, 60, S), 0);
	}
	assert_int_equal(put(b, "13.0.0.0", 120, WEB, 60, S), E_FULL);
	book_count(b, &c);
	assert_int_equal(c.addrs, BAN_ADDRS_MAX);
	assert_int_equal(c.nets, BAN_NETS_MAX);
	assert_int_equal(c.full, 2);
	/* a table that stays away does not keep what expired */
	book_retry(b, 62 * S);
	book_count(b, &c);
	assert_int_equal(c.addrs + c.nets, 0);
	assert_int_equal(put(b, "11.0.0.1", 128, WEB, 60, 62 * S), 0);
	book_free(&b);
}

static int body_book(void *arg)
{
	struct book *b;
	int r = book_new(&b);

	(void)arg;
	if (r < 0)
		return r;
	r = put(b, "192.0.2.1", 128, WEB, 60, S);
	book_free(&b);
	return r == E_FULL ? E_NOMEM : r;
}

static void test_book__survives_each_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(body_book, NULL, 100) > 0);
}

/* --- netlink -------------------------------------------------------------- */

static struct nft_batch batch;

static const struct nlmsghdr *msg(uint32_t at)
{
	const struct nlmsghdr *h = (const void *)batch.buf;
	int left = (int)batch.n;

	for (uint32_t i = 0; i < at; i++)
		h = mnl_nlmsg_next(h, &left);
	assert_true(mnl_nlmsg_ok(h, left));
	return h;
}

static unsigned verb(uint32_t at)
{
	return msg(at)->nlmsg_type & 0xff;
}

static struct book_change change(enum book_verb v, const char *ip,
				 uint8_t prefix, bool known)
{
	struct book_change c = {.verb = v, .prefix = prefix, .ms = 1000,
				.is_known = known, .is_net = prefix != 128};
	struct addr a;

	assert_int_equal(addr_parse(&a, span_str(ip), 0), 0);
	memcpy(c.ip, a.ip, 16);
	c.is_v4 = addr_is_v4(&a);
	return c;
}

static void test_batch__removes_first_and_answers_at_the_end(void **state)
{
	const struct book_change c[] = {
		change(BOOK_REMOVE, "192.0.2.1", 128, true),
		change(BOOK_SET, "2001:db8::1", 128, true),
		change(BOOK_SET, "192.0.2.3", 128, false),
	};
	static const unsigned want[] = {
		NFNL_MSG_BATCH_BEGIN, NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM,
		NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM, NFT_MSG_NEWSETELEM,
		NFT_MSG_NEWSETELEM, NFNL_MSG_BATCH_END,
	};
	static const int of[] = {-1, 0, 0, 1, 1, 1, 2, -1};
	bool skip[3] = {false};

	(void)state;
	assert_int_equal(nft_batch_build(&batch, BAN_WEB, false, c, 3, skip,
					 100), 0);
	assert_int_equal(batch.n_msgs, sizeof(want) / sizeof(want[0]));
	for (uint32_t i = 0; i < batch.n_msgs; i++) {
		assert_int_equal(verb(i), want[i]);
		assert_int_equal(msg(i)->nlmsg_seq, 100 + i);
		assert_int_equal(batch.of[i], of[i]);
		assert_int_equal(!!(msg(i)->nlmsg_flags & NLM_F_ACK), i == 6);
	}
	skip[1] = true;
	assert_int_equal(nft_batch_build(&batch, BAN_WEB, true, c, 3, skip,
					 100), 0);
	assert_int_equal(batch.n_msgs, 1 + 4 + 2 + 1 + 1);
}

static void test_batch__holds_the_longest_list(void **state)
{
	static struct book_change c[NFT_CHANGES_MAX + 1];
	static bool skip[NFT_CHANGES_MAX + 1];

	(void)state;
	for (size_t i = 0; i <= NFT_CHANGES_MAX; i++)
		c[i] = change(BOOK_SET, "2001:db8::", 64, true);
	assert_int_equal(nft_batch_build(&batch, BAN_STREAM, true, c,
					 NFT_CHANGES_MAX, skip, 1), 0);
	assert_int_equal(nft_batch_build(&batch, BAN_STREAM, true, c,
					 NFT_CHANGES_MAX + 1, skip, 1), E_LIMIT);
}

/* The bytes of the keys in one message: begin and end of an interval. */
static size_t keys_of(const struct nlmsghdr *h, uint8_t out[2][16])
{
	struct nlattr *a, *e;
	size_t n = 0;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(a) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(e, a) {
			const struct nlattr *key = mnl_attr_get_payload(e);
			const struct nlattr *v = mnl_attr_get_payload(key);

			memcpy(out[n++], mnl_attr_get_payload(v),
			       mnl_attr_get_payload_len(v));
		}
	}
	return n;
}

static void test_batch__ends_a_prefix_behind_its_last_address(void **state)
{
	static const struct {
		const char *ip;
		uint8_t prefix;
		const char *behind;	/* NULL: there is none */
	} rows[] = {
		{"192.0.2.0", 120, "192.0.3.0"},
		{"192.0.255.0", 120, "192.1.0.0"},
		{"10.0.0.0", 104, "11.0.0.0"},
		{"192.0.2.128", 121, "192.0.3.0"},
		{"255.255.255.0", 120, NULL},
		{"2001:db8::", 48, "2001:db8:1::"},
		{"2001:db8:0:ffff::", 64, "2001:db8:1::"},
		{"2001:db8::8", 125, "2001:db8::10"},
		{"ffff:ffff::", 32, NULL},
	};
	static const bool skip[1];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct book_change c = change(BOOK_SET, rows[i].ip,
					      rows[i].prefix, false);
		size_t len = c.is_v4 ? 4 : 16;
		uint8_t keys[2][16];
		struct addr a;

		assert_int_equal(nft_batch_build(&batch, BAN_WEB, false, &c, 1,
						 skip, 1), 0);
		assert_int_equal(keys_of(msg(1), keys),
				 rows[i].behind ? 2 : 1);
		assert_memory_equal(keys[0], c.ip + 16 - len, len);
		if (!rows[i].behind)
			continue;
		assert_int_equal(addr_parse(&a, span_str(rows[i].behind), 0),
				 0);
		assert_memory_equal(keys[1], a.ip + 16 - len, len);
	}
}

/* --- answers -------------------------------------------------------------- */

static size_t put_answer(uint8_t *at, uint32_t seq, int error)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(at);
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(h, sizeof(*e));

	h->nlmsg_type = NLMSG_ERROR;
	h->nlmsg_seq = seq;
	e->error = -error;
	return h->nlmsg_len;
}

static void build_two(void)
{
	const struct book_change c[] = {
		change(BOOK_SET, "192.0.2.1", 128, false),
		change(BOOK_SET, "192.0.2.2", 128, false),
	};
	static const bool skip[2];

	assert_int_equal(nft_batch_build(&batch, BAN_WEB, false, c, 2, skip,
					 UINT32_MAX - 1), 0);
	assert_int_equal(batch.n_msgs, 4);
}

static void test_answer__names_what_was_refused(void **state)
{
	_Alignas(8) uint8_t buf[512];
	struct nft_result res = {.done = false};
	bool failed[2] = {false};
	size_t n;

	(void)state;
	build_two();		/* sequence numbers wrap */
	n = put_answer(buf, 4711, EEXIST);	/* somebody else's */
	n += put_answer(buf + n, UINT32_MAX, EEXIST);
	n += put_answer(buf + n, 0, 0);
	assert_int_equal(nft_batch_answer(&batch, span_of(buf, n), &res,
					  failed), 0);
	assert_true(res.done);
	assert_int_equal(res.error, EEXIST);
	assert_int_equal(res.refused, 1);
	assert_true(failed[0]);
	assert_false(failed[1]);
	assert_false(res.no_table);
}

static void test_answer__tells_a_missing_table_from_a_missing_right(void **state)
{
	static const struct {
		int error;
		bool no_table, denied;
	} rows[] = {
		{ENOENT, true, false}, {EPERM, false, true},
		{EOPNOTSUPP, false, true}, {ENFILE, false, false},
		{0, false, false},
	};
	_Alignas(8) uint8_t buf[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct nft_result res = {.done = false};
		bool failed[2] = {false};
		size_t n;

		build_two();
		n = put_answer(buf, 0, rows[i].error);
		assert_int_equal(nft_batch_answer(&batch, span_of(buf, n),
						  &res, failed), 0);
		assert_true(res.done);
		assert_int_equal(res.error, rows[i].error);
		assert_int_equal(res.no_table, rows[i].no_table);
		assert_int_equal(res.denied, rows[i].denied);
	}
}

static void test_answer__is_not_believed_beyond_its_length(void **state)
{
	_Alignas(8) uint8_t buf[128];
	struct nft_result res = {.done = false};
	bool failed[2] = {false};
	size_t n;

	(void)state;
	build_two();
	n = put_answer(buf, 0, ENOENT);
	for (size_t cut = 1; cut < n; cut++) {
		assert_int_equal(nft_batch_answer(&batch, span_of(buf, cut),
						  &res, failed), E_FORMAT);
		assert_false(res.done);
	}
}

static void test_look__reads_the_handle_of_its_own_question(void **state)
{
	_Alignas(8) uint8_t buf[256], ask[512];
	struct nft_look look = {.error = EIO};
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	size_t n;

	(void)state;
	assert_int_equal(nft_look_build(ask, 16, 7), 0);
	assert_true(nft_look_build(ask, sizeof(ask), 7) > 0);
	h->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE;
	h->nlmsg_seq = 7;
	(void)mnl_nlmsg_put_extra_header(h, sizeof(struct nfgenmsg));
	mnl_attr_put_u64(h, NFTA_TABLE_HANDLE, htobe64(42));
	n = h->nlmsg_len;
	n += put_answer(buf + n, 7, 0);
	assert_int_equal(nft_look_answer(&look, span_of(buf, n), 8), 0);
	assert_false(look.answered);
	assert_int_equal(nft_look_answer(&look, span_of(buf, n), 7), 0);
	assert_true(look.answered);
	assert_int_equal(look.error, 0);
	assert_true(look.handle == 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list__takes_what_core_means),
		cmocka_unit_test(test_list__refuses_what_is_malformed),
		cmocka_unit_test(test_list__refuses_a_short_address_and_too_many),
		cmocka_unit_test(test_list__never_bans_ourselves_or_the_world),
		cmocka_unit_test(test_book__sets_refreshes_and_removes),
		cmocka_unit_test(test_book__keeps_port_groups_apart),
		cmocka_unit_test(test_book__forgets_what_expired),
		cmocka_unit_test(test_book__tries_again_what_failed),
		cmocka_unit_test(test_book__a_reset_ends_what_is_not_named),
		cmocka_unit_test(test_book__a_new_table_gets_everything_again),
		cmocka_unit_test(test_book__holds_only_the_widest_prefix),
		cmocka_unit_test(test_book__hosts_leave_room_for_prefixes),
		cmocka_unit_test(test_book__is_of_fixed_size),
		cmocka_unit_test(test_book__survives_each_failing_allocation),
		cmocka_unit_test(test_batch__removes_first_and_answers_at_the_end),
		cmocka_unit_test(test_batch__holds_the_longest_list),
		cmocka_unit_test(test_batch__ends_a_prefix_behind_its_last_address),
		cmocka_unit_test(test_answer__names_what_was_refused),
		cmocka_unit_test(test_answer__tells_a_missing_table_from_a_missing_right),
		cmocka_unit_test(test_answer__is_not_believed_beyond_its_length),
		cmocka_unit_test(test_look__reads_the_handle_of_its_own_question),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
