#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc_test.h"
#include "base/wr.h"
#include "ipc/frame.h"
#include "ipc/ipc.h"
#include "ipc/super.pb-c.h"
#include "ipc/web.pb-c.h"

/* Two ends of one pair in one process, driven by hand. */
struct end {
	struct ipc_chan *ch;
	unsigned got[IPC_TYPE_COUNT];
	int down;
	uint64_t sum;
	int fd;
};

struct pair {
	struct end core, web;
	int raw;		/* the web end's socket when there is no chan */
};

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	struct end *e = arg;

	(void)ch;
	e->got[type]++;
	if (type == IPC_COMMAND_REPLY) {
		const Cv__CommandReply *r = (const Cv__CommandReply *)msg;

		for (size_t i = 0; i < r->n_rows; i++)
			e->sum += r->rows[i]->display_name.len;
	}
	for (size_t i = 0; i < n_fds; i++)
		e->fd = fds[i];
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	struct end *e = arg;

	(void)ch;
	assert_int_equal(e->down, 0);
	e->down = error;
}

static int end_open(struct end *e, int fd, enum ipc_role self,
		    enum ipc_role peer)
{
	struct ipc_chan_cfg cfg = {.fd = fd, .self = self, .peer = peer,
				   .on_msg = on_msg, .on_down = on_down,
				   .arg = e};

	return ipc_chan_new(&e->ch, &cfg);
}

static void pair_open(struct pair *p, enum ipc_role a, enum ipc_role b)
{
	int sv[2];

	memset(p, 0, sizeof(*p));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK |
				    SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(end_open(&p->core, sv[0], a, b), 0);
	assert_int_equal(end_open(&p->web, sv[1], b, a), 0);
}

static void pair_hello(struct pair *p)
{
	assert_int_equal(ipc_chan_input(p->core.ch, 64), 0);
	assert_int_equal(ipc_chan_input(p->web.ch, 64), 0);
	assert_true(ipc_chan_is_up(p->core.ch) && ipc_chan_is_up(p->web.ch));
}

static void pair_close(struct pair *p)
{
	ipc_chan_free(&p->core.ch);
	ipc_chan_free(&p->web.ch);
}

static void test_channel__hello_then_messages(void **s)
{
	struct pair p;
	Cv__Join j = CV__JOIN__INIT;

	(void)s;
	pair_open(&p, ROLE_CORE, ROLE_WEB);
	pair_hello(&p);
	j.alias = ipc_data(SPAN_LIT("room"));
	assert_int_equal(ipc_send(p.web.ch, JOIN, &j), 0);
	assert_int_equal(ipc_chan_input(p.core.ch, 64), 0);
	assert_int_equal(p.core.got[IPC_JOIN], 1);
	pair_close(&p);
}

static void test_channel__table_refuses_wrong_direction(void **s)
{
	struct pair p;
	Cv__Join j = CV__JOIN__INIT;
	Cv__JoinReply r = CV__JOIN_REPLY__INIT;

	(void)s;
	pair_open(&p, ROLE_CORE, ROLE_WEB);
	pair_hello(&p);
	assert_int_equal(ipc_send(p.core.ch, JOIN, &j), E_DENIED);
	assert_int_equal(ipc_send(p.web.ch, JOIN_REPLY, &r), E_DENIED);
	/* the type must fit the message */
	assert_int_equal(ipc_chan_send(p.web.ch, IPC_JOIN, &r.base, NULL, 0),
			 E_INVAL);
	pair_close(&p);
}

/* What a lying peer can put on the wire by hand. */
static void raw_open(struct pair *p)
{
	int sv[2];

	memset(p, 0, sizeof(*p));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK |
				    SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(end_open(&p->core, sv[0], ROLE_CORE, ROLE_WEB), 0);
	p->raw = sv[1];
}

static void raw_send(int fd, unsigned type, uint32_t total, uint32_t off,
		     struct span body)
{
	uint8_t buf[70000];
	struct wr w = wr_of(buf, sizeof(buf));

	wr_u16(&w, (uint16_t)type);
	wr_u16(&w, 0);
	wr_u32(&w, total);
	wr_u32(&w, off);
	wr_span(&w, body);
	assert_int_equal(send(fd, buf, wr_len(&w), 0), wr_len(&w));
}

static struct span packed(const ProtobufCMessage *m, uint8_t *buf)
{
	return span_of(buf, protobuf_c_message_pack(m, buf));
}

static void raw_hello(int fd, const char *build, unsigned role,
		      unsigned instance)
{
	Cv__Hello h = CV__HELLO__INIT;
	uint8_t hash[32], buf[512];
	struct span b;

	ipc_proto_hash(hash);
	h.proto_hash = ipc_data(span_of(hash, 32));
	h.build_id = build ? ipc_data(span_str(build)) :
		     ipc_data(ipc_build_id());
	h.role = role;
	h.instance = instance;
	b = packed(&h.base, buf);
	raw_send(fd, IPC_HELLO, (uint32_t)b.n, 0, b);
}

static void expect_down(struct pair *p, int error)
{
	assert_int_equal(ipc_chan_input(p->core.ch, 64), error);
	assert_int_equal(p->core.down, error);
	ipc_chan_free(&p->core.ch);
	close(p->raw);
}

static void test_channel__other_build_is_refused(void **s)
{
	struct pair p;

	(void)s;
	raw_open(&p);
	raw_hello(p.raw, "older", ROLE_WEB, 0);
	expect_down(&p, E_VERSION);
	raw_open(&p);
	raw_hello(p.raw, NULL, ROLE_MEDIA, 0);	/* claims another role */
	expect_down(&p, E_DENIED);
	raw_open(&p);
	raw_hello(p.raw, NULL, ROLE_WEB, 1);	/* another instance */
	expect_down(&p, E_DENIED);
}

static void test_channel__nothing_before_hello_and_no_second_one(void **s)
{
	struct pair p;

	(void)s;
	raw_open(&p);
	raw_send(p.raw, IPC_JOIN, 0, 0, SPAN_NONE);
	expect_down(&p, E_STATE);
	raw_open(&p);
	raw_hello(p.raw, NULL, ROLE_WEB, 0);
	raw_hello(p.raw, NULL, ROLE_WEB, 0);
	expect_down(&p, E_STATE);
}

static void lie(unsigned type, uint32_t total, uint32_t off, struct span body,
		int error)
{
	struct pair p;

	raw_open(&p);
	raw_hello(p.raw, NULL, ROLE_WEB, 0);
	raw_send(p.raw, type, total, off, body);
	expect_down(&p, error);
}

static void test_channel__lies_end_the_channel_only(void **s)
{
	static const uint8_t junk[] = {0xff, 0xff, 0xff};
	static const uint8_t unknown[] = {0xf8, 0x07, 0x01}; /* field 127 */

	(void)s;
	lie(999, 0, 0, SPAN_NONE, E_DENIED);
	lie(IPC_JOIN_REPLY, 0, 0, SPAN_NONE, E_DENIED);
	lie(IPC_BOOT, 0, 0, SPAN_NONE, E_DENIED);
	lie(IPC_JOIN, ipc_row(IPC_JOIN)->max_bytes + 1, 0, span_of(junk, 3), E_LIMIT);
	lie(IPC_JOIN, 3, 1, span_of(junk, 2), E_FORMAT);	/* no beginning */
	lie(IPC_JOIN, 2, 0, span_of(junk, 3), E_FORMAT);	/* too much */
	lie(IPC_JOIN, 3, 0, SPAN_NONE, E_FORMAT);	/* empty piece */
	lie(IPC_JOIN, 3, 0, span_of(junk, 3), E_FORMAT);
	lie(IPC_JOIN, 3, 0, span_of(unknown, 3), E_FORMAT);
}

static void test_channel__unknown_field_in_a_nested_message(void **s)
{
	/* CALL.offer (6) .sections (5) { field 127 = 1 } */
	static const uint8_t body[] = {0x32, 5, 0x2a, 3, 0xf8, 0x07, 0x01};

	(void)s;
	lie(IPC_CALL, sizeof(body), 0, span_of(body, sizeof(body)), E_FORMAT);
}

static void test_channel__piece_of_another_message_between(void **s)
{
	struct pair p;

	(void)s;
	raw_open(&p);
	raw_hello(p.raw, NULL, ROLE_WEB, 0);
	raw_send(p.raw, IPC_CALL, 10, 0, SPAN_LIT("abc"));
	raw_send(p.raw, IPC_JOIN, 0, 0, SPAN_NONE);
	expect_down(&p, E_FORMAT);
}

static void test_channel__unexpected_descriptor_is_an_error(void **s)
{
	struct pair p;
	Cv__Join j = CV__JOIN__INIT;
	int fd = open("/dev/null", O_RDONLY);

	(void)s;
	pair_open(&p, ROLE_CORE, ROLE_WEB);
	pair_hello(&p);
	assert_int_equal(ipc_chan_send(p.web.ch, IPC_JOIN, &j.base, &fd, 1),
			 0);
	assert_int_equal(ipc_chan_input(p.core.ch, 64), E_DENIED);
	close(fd);
	pair_close(&p);
}

static void test_channel__descriptors_travel_with_link(void **s)
{
	struct pair p;
	Cv__Link l = CV__LINK__INIT;
	int pipefd[2];
	char c;

	(void)s;
	pair_open(&p, ROLE_SUPER, ROLE_WEB);
	pair_hello(&p);
	assert_int_equal(pipe(pipefd), 0);
	p.web.fd = -1;
	assert_int_equal(ipc_chan_send(p.core.ch, IPC_LINK, &l.base,
				       &pipefd[1], 1), 0);
	close(pipefd[1]);
	assert_int_equal(ipc_chan_input(p.web.ch, 64), 0);
	assert_true(p.web.fd >= 0);
	assert_int_equal(write(p.web.fd, "x", 1), 1);
	assert_int_equal(read(pipefd[0], &c, 1), 1);
	close(p.web.fd);
	close(pipefd[0]);
	pair_close(&p);
}

static int send_big(struct ipc_chan *ch, size_t rows)
{
	static uint8_t name[250];
	Cv__CommandReply r = CV__COMMAND_REPLY__INIT;
	Cv__ParticipantRow *row = mem_calloc(rows, sizeof(*row));
	Cv__ParticipantRow **at = mem_calloc(rows, sizeof(*at));
	int e = E_NOMEM;

	for (size_t i = 0; row && at && i < rows; i++) {
		cv__participant_row__init(&row[i]);
		row[i].display_name = ipc_data(span_of(name, sizeof(name)));
		at[i] = &row[i];
	}
	r.n_rows = rows;
	r.rows = at;
	if (row && at)
		e = ipc_send(ch, COMMAND_REPLY, &r);
	mem_free(row);
	mem_free(at);
	return e;
}

static void drain(struct pair *p)
{
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(ipc_chan_output(p->core.ch), 0);
		assert_int_equal(ipc_chan_input(p->web.ch, 64), 0);
		if (ipc_chan_wants_write(p->core.ch))
			continue;
		assert_int_equal(ipc_chan_input(p->web.ch, 100000), 0);
		return;
	}
	fail();
}

static void test_channel__large_messages_travel_in_chunks(void **s)
{
	struct pair p;
	struct ipc_stats st;

	(void)s;
	pair_open(&p, ROLE_CORE, ROLE_WEB);
	pair_hello(&p);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_big(p.core.ch, 4000), 0);
	assert_int_equal(send_big(p.core.ch, 10000), E_LIMIT);
	assert_true(ipc_chan_wants_write(p.core.ch));
	drain(&p);
	assert_int_equal(p.web.got[IPC_COMMAND_REPLY], 3);
	assert_true(p.web.sum == 3 * 4000 * 250);
	ipc_chan_stats(p.core.ch, &st);
	assert_int_equal(st.sent, 4);		/* with Hello */
	assert_int_equal(st.queued, 0);
	pair_close(&p);
}

static void fill_socket(struct pair *p)
{
	while (!ipc_chan_wants_write(p->core.ch))
		assert_int_equal(send_big(p->core.ch, 4000), 0);
}

static void test_channel__full_queue_kills_the_peer_that_does_not_read(void **s)
{
	struct pair p;
	Cv__StreamReply r = CV__STREAM_REPLY__INIT;
	int e = 0;

	(void)s;
	pair_open(&p, ROLE_CORE, ROLE_WEB);
	pair_hello(&p);
	fill_socket(&p);
	for (unsigned i = 0; e == 0 && i < 5000; i++)
		e = ipc_send(p.core.ch, STREAM_REPLY, &r);
	assert_int_equal(e, E_CLOSED);
	assert_int_equal(p.core.down, E_FULL);
	pair_close(&p);
}

/* Few in number, but long: a thousand rosters would be two gigabytes. */
static void test_channel__queued_bytes_are_bounded(void **s)
{
	static uint8_t name[60000];
	struct pair p;
	Cv__CommandReply r = CV__COMMAND_REPLY__INIT;
	Cv__ParticipantRow row = CV__PARTICIPANT_ROW__INIT, *rows[30];
	int sent = 0, e = 0;

	(void)s;
	pair_open(&p, ROLE_CORE, ROLE_WEB);
	pair_hello(&p);
	row.display_name = ipc_data(span_of(name, sizeof(name)));
	for (int i = 0; i < 30; i++)
		rows[i] = &row;
	r.rows = rows;
	r.n_rows = 30;
	while (sent < 200 && (e = ipc_send(p.core.ch, COMMAND_REPLY, &r)) == 0)
		sent++;
	assert_int_equal(e, E_CLOSED);
	assert_int_equal(p.core.down, E_FULL);
	assert_in_range(sent, 8, IPC_QUEUE_BYTES_MAX / 1800000 + 2);
	pair_close(&p);

	/* what was read leaves its room to others */
	pair_open(&p, ROLE_CORE, ROLE_WEB);
	pair_hello(&p);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(ipc_send(p.core.ch, COMMAND_REPLY, &r), 0);
		for (int k = 0; k < 40; k++) {
			assert_int_equal(ipc_chan_input(p.web.ch, 64), 0);
			assert_int_equal(ipc_chan_output(p.core.ch), 0);
		}
	}
	assert_int_equal(p.web.got[IPC_COMMAND_REPLY], 100);
	pair_close(&p);
}

static void test_channel__full_queue_drops_and_counts(void **s)
{
	struct pair p;
	struct ipc_stats st;
	Cv__RoleUp r = CV__ROLE_UP__INIT;
	unsigned sent = 0;
	int e = 0;

	(void)s;
	pair_open(&p, ROLE_SUPER, ROLE_CORE);
	pair_hello(&p);
	for (; e == 0 && sent < 100000; sent++)
		e = ipc_send(p.core.ch, ROLE_UP, &r);
	assert_int_equal(e, E_FULL);
	assert_int_equal(p.core.down, 0);
	ipc_chan_stats(p.core.ch, &st);
	assert_int_equal(st.dropped, 1);
	assert_int_equal(st.queued, 256);
	drain(&p);
	assert_int_equal(p.web.got[IPC_ROLE_UP], sent - 1);
	pair_close(&p);
}

static void test_channel__coalesced_message_keeps_the_newest(void **s)
{
	struct pair p;
	struct ipc_stats st;
	Cv__Serving v = CV__SERVING__INIT;

	(void)s;
	pair_open(&p, ROLE_WEB, ROLE_SUPER);
	pair_hello(&p);
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(ipc_send(p.core.ch, SERVING, &v), 0);
	ipc_chan_stats(p.core.ch, &st);
	assert_int_equal(st.queued, 1);
	assert_true(st.coalesced > 0);
	drain(&p);
	pair_close(&p);
}

static int alloc_body(void *arg)
{
	struct pair p = {0};
	Cv__Join j = CV__JOIN__INIT;
	int sv[2], r;

	(void)arg;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sv) < 0)
		return E_SYS;
	r = end_open(&p.core, sv[0], ROLE_CORE, ROLE_WEB);
	if (r == 0)
		r = end_open(&p.web, sv[1], ROLE_WEB, ROLE_CORE);
	else
		close(sv[1]);
	if (r == 0)
		r = ipc_send(p.web.ch, JOIN, &j);
	if (r == 0)
		r = ipc_chan_input(p.core.ch, 64);
	if (r == 0)
		r = send_big(p.core.ch, 300);
	if (r == 0)
		r = ipc_chan_input(p.web.ch, 64);
	pair_close(&p);
	return r;
}

static void test_channel__survives_each_allocation_failing(void **s)
{
	(void)s;
	assert_true(alloc_test_every(alloc_body, NULL, 400) > 10);
}

static void test_hash__is_stable_and_not_zero(void **s)
{
	uint8_t a[32], b[32], zero[32] = {0};

	(void)s;
	ipc_proto_hash(a);
	ipc_proto_hash(b);
	assert_memory_equal(a, b, 32);
	assert_memory_not_equal(a, zero, 32);
}

static void test_frame__round_trip_and_limits(void **s)
{
	uint8_t buf[256];
	struct frame f = {.kind = FRAME_IN, .codec = FRAME_VP8, .flags = 1,
			  .width = 640, .height = 360, .chunks = 1, .id = 7,
			  .room = 1, .stream = UINT64_C(0x100000002),
			  .mono_ns = 5, .rtp_ts = 90000, .total = 3,
			  .data = SPAN_LIT("abc")}, g;
	struct span out;

	(void)s;
	assert_int_equal(frame_encode(&f, buf, sizeof(buf), &out), 0);
	assert_int_equal(out.n, FRAME_HEADER_LEN + 3);
	assert_int_equal(frame_decode(&g, out), 0);
	assert_true(g.stream == f.stream && span_eq(g.data, f.data));
	assert_int_equal(frame_decode(&g, span_of(out.p, 63)), E_TRUNC);
	f.width = 1921;
	assert_int_equal(frame_encode(&f, buf, sizeof(buf), &out), E_LIMIT);
	f.width = 640;
	f.chunk = 1;
	assert_int_equal(frame_encode(&f, buf, sizeof(buf), &out), E_FORMAT);
	f.chunk = 0;
	f.total = 2;
	assert_int_equal(frame_encode(&f, buf, sizeof(buf), &out), E_FORMAT);
}

static void test_frame__join_notices_a_lost_chunk(void **s)
{
	struct frame c = {.kind = FRAME_IN, .codec = FRAME_VP8, .chunks = 3,
			  .total = 9, .id = 1, .data = SPAN_LIT("abc")}, w;
	struct frame_join *j;
	bool lost;

	(void)s;
	assert_int_equal(frame_join_new(&j), 0);
	assert_int_equal(frame_join_add(j, &c, &w, &lost), E_AGAIN);
	c.chunk = 1;
	assert_int_equal(frame_join_add(j, &c, &w, &lost), E_AGAIN);
	c.chunk = 2;
	assert_int_equal(frame_join_add(j, &c, &w, &lost), 0);
	assert_true(span_eq(w.data, SPAN_LIT("abcabcabc")) && !lost);
	c.chunk = 0;
	c.id = 2;
	assert_int_equal(frame_join_add(j, &c, &w, &lost), E_AGAIN);
	c.chunk = 2;
	assert_int_equal(frame_join_add(j, &c, &w, &lost), E_FORMAT);
	assert_true(lost);
	c.chunk = 0;
	c.id = 3;
	assert_int_equal(frame_join_add(j, &c, &w, &lost), E_AGAIN);
	assert_false(lost);
	frame_join_free(&j);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(test_channel__hello_then_messages),
		cmocka_unit_test(test_channel__table_refuses_wrong_direction),
		cmocka_unit_test(test_channel__other_build_is_refused),
		cmocka_unit_test(test_channel__nothing_before_hello_and_no_second_one),
		cmocka_unit_test(test_channel__lies_end_the_channel_only),
		cmocka_unit_test(test_channel__unknown_field_in_a_nested_message),
		cmocka_unit_test(test_channel__piece_of_another_message_between),
		cmocka_unit_test(test_channel__unexpected_descriptor_is_an_error),
		cmocka_unit_test(test_channel__descriptors_travel_with_link),
		cmocka_unit_test(test_channel__large_messages_travel_in_chunks),
		cmocka_unit_test(test_channel__full_queue_kills_the_peer_that_does_not_read),
		cmocka_unit_test(test_channel__queued_bytes_are_bounded),
		cmocka_unit_test(test_channel__full_queue_drops_and_counts),
		cmocka_unit_test(test_channel__coalesced_message_keeps_the_newest),
		cmocka_unit_test(test_channel__survives_each_allocation_failing),
		cmocka_unit_test(test_hash__is_stable_and_not_zero),
		cmocka_unit_test(test_frame__round_trip_and_limits),
		cmocka_unit_test(test_frame__join_notices_a_lost_chunk),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
