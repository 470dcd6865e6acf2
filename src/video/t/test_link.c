#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/alloc_test.h"
#include "video/link.h"

static const uint8_t hash[32] = {1, 2, 3};

/* A link and the test as its other end. */
struct ends {
	struct link *link;
	int fd;
	unsigned ups, frames;
	struct frame last;
};

static void on_frame(void *arg, const struct frame *f)
{
	struct ends *e = arg;

	e->frames++;
	e->last = *f;
}

static void on_up(void *arg)
{
	struct ends *e = arg;

	e->ups++;
}

static int open_link(struct ends *e)
{
	struct link_cfg cfg = {.hash = {hash, sizeof(hash)},
			       .on_frame = on_frame, .on_up = on_up,
			       .arg = e};
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
	e->fd = fd[0];
	cfg.fd = fd[1];
	return link_new(&e->link, &cfg);
}

static void close_link(struct ends *e)
{
	link_free(&e->link);
	close(e->fd);
}

static void say(struct ends *e, const struct frame *f)
{
	static uint8_t buf[FRAME_HEADER_LEN + FRAME_CHUNK_MAX];
	struct span d;

	assert_int_equal(frame_encode(f, buf, sizeof(buf), &d), 0);
	assert_int_equal(send(e->fd, d.p, d.n, 0), d.n);
}

static void say_hello(struct ends *e, uint8_t first)
{
	uint8_t h[32];
	struct frame f = {.kind = FRAME_HELLO, .chunks = 1, .total = 32,
			  .data = {h, sizeof(h)}};

	memcpy(h, hash, sizeof(h));
	h[0] = first;
	say(e, &f);
}

static bool hear(struct ends *e, struct frame *f)
{
	static uint8_t buf[FRAME_HEADER_LEN + FRAME_CHUNK_MAX];
	ssize_t n = recv(e->fd, buf, sizeof(buf), MSG_DONTWAIT);

	return n > 0 && frame_decode(f, span_of(buf, (size_t)n)) == 0;
}

static void test_link__says_hello_and_wants_one(void **state)
{
	const struct frame want = {.kind = FRAME_WANT_KEY, .chunks = 1,
				   .room = 1, .stream = 2};
	struct ends e = {0};
	struct frame f;

	(void)state;
	assert_int_equal(open_link(&e), 0);
	assert_true(hear(&e, &f));
	assert_int_equal(f.kind, FRAME_HELLO);
	assert_true(span_eq(f.data, span_of(hash, sizeof(hash))));
	assert_int_equal(link_send(e.link, &want), E_CLOSED);
	assert_int_equal(link_input(e.link), E_AGAIN);
	say_hello(&e, hash[0]);
	assert_int_equal(link_input(e.link), 0);
	assert_int_equal(e.ups, 1);
	assert_int_equal(link_send(e.link, &want), 0);
	assert_true(hear(&e, &f));
	assert_int_equal(f.stream, 2);
	say(&e, &want);
	assert_int_equal(link_input(e.link), 0);
	assert_int_equal(e.frames, 1);
	close_link(&e);
}

static void test_link__refuses_another_build_and_no_hello(void **state)
{
	const struct frame want = {.kind = FRAME_WANT_KEY, .chunks = 1};
	struct ends e = {0};

	(void)state;
	assert_int_equal(open_link(&e), 0);
	say_hello(&e, 99);
	assert_int_equal(link_input(e.link), E_VERSION);
	close_link(&e);
	assert_int_equal(open_link(&e), 0);
	say(&e, &want);
	assert_int_equal(link_input(e.link), E_STATE);
	close_link(&e);
	assert_int_equal(open_link(&e), 0);
	close(e.fd);
	e.fd = dup(2);
	assert_int_equal(link_input(e.link), E_CLOSED);
	close_link(&e);
	assert_int_equal(e.ups + e.frames, 0);
}

static void test_link__bears_rubbish_up_to_a_limit(void **state)
{
	struct ends e = {0};

	(void)state;
	assert_int_equal(open_link(&e), 0);
	say_hello(&e, hash[0]);
	assert_int_equal(link_input(e.link), 0);
	for (unsigned i = 0; i < LINK_BAD_MAX; i++) {
		assert_int_equal(send(e.fd, "rubbish", 7, 0), 7);
		assert_int_equal(link_input(e.link), 0);
	}
	assert_int_equal(link_bad(e.link), LINK_BAD_MAX);
	assert_int_equal(send(e.fd, "rubbish", 7, 0), 7);
	assert_int_equal(link_input(e.link), E_FORMAT);
	close_link(&e);
}

static void test_link__cuts_large_pictures(void **state)
{
	enum { BYTES = 2 * FRAME_CHUNK_MAX + 77 };
	uint8_t *data = mem_zalloc(BYTES);
	struct frame out = {.kind = FRAME_OUT, .codec = FRAME_VP8, .room = 1,
			    .stream = 2, .id = 9, .chunks = 1}, f, whole;
	struct frame_join *join = NULL;
	struct ends e = {0};
	bool lost;
	int r = E_AGAIN;

	(void)state;
	assert_non_null(data);
	for (unsigned i = 0; i < BYTES; i++)
		data[i] = (uint8_t)(i * 131 >> 3);
	assert_int_equal(open_link(&e), 0);
	assert_true(hear(&e, &f));
	say_hello(&e, hash[0]);
	assert_int_equal(link_input(e.link), 0);
	assert_int_equal(frame_join_new(&join), 0);
	out.data = span_of(data, BYTES);
	assert_int_equal(link_send(e.link, &out), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(r, E_AGAIN);
		assert_true(hear(&e, &f));
		r = frame_join_add(join, &f, &whole, &lost);
	}
	assert_int_equal(r, 0);
	assert_true(span_eq(whole.data, out.data));
	assert_false(hear(&e, &f));
	frame_join_free(&join);
	close_link(&e);
	mem_free(data);
}

static void test_link__full_socket_loses_the_picture_at_once(void **state)
{
	uint8_t data[4096] = {0};
	const struct frame out = {.kind = FRAME_OUT, .codec = FRAME_VP8,
				  .chunks = 1, .data = {data, sizeof(data)}};
	struct ends e = {0};
	int r = 0;

	(void)state;
	assert_int_equal(open_link(&e), 0);
	say_hello(&e, hash[0]);
	assert_int_equal(link_input(e.link), 0);
	for (unsigned i = 0; i < 100000 && r == 0; i++)
		r = link_send(e.link, &out);
	assert_int_equal(r, E_FULL);
	close_link(&e);
}

static int once(void *arg)
{
	struct ends e = {0};
	int r = open_link(&e);

	(void)arg;
	close_link(&e);
	return r;
}

static void test_link__survives_every_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(once, NULL, 10) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link__says_hello_and_wants_one),
		cmocka_unit_test(
			test_link__refuses_another_build_and_no_hello),
		cmocka_unit_test(test_link__bears_rubbish_up_to_a_limit),
		cmocka_unit_test(test_link__cuts_large_pictures),
		cmocka_unit_test(
			test_link__full_socket_loses_the_picture_at_once),
		cmocka_unit_test(test_link__survives_every_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
