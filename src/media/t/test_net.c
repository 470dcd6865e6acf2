/* What leaves by the real socket: its bytes, and the marks in the IP header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "media/transport/net.h"

static int udp6(const char *ip, uint16_t *port)
{
	struct addr a;
	struct sockaddr_storage ss;
	socklen_t len;
	int off = 0, on = 1;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(addr_parse(&a, span_str(ip), 0), 0);
	addr_to_sockaddr(&a, &ss, &len);
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	(void)setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	*port = net_port(fd);
	return fd;
}

/* The TOS or traffic class of the next datagram, -1 = none told. */
static int received_tos(int fd)
{
	uint8_t buf[64], control[256];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int tos = -1;

	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(recvmsg(fd, &m, 0), 4);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			tos = *CMSG_DATA(c);
		if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_TCLASS)
			memcpy(&tos, CMSG_DATA(c), sizeof(tos));
	}
	return tos;
}

static void on_packet(void *arg, const struct path *from, uint8_t *p,
		      size_t n, uint64_t now_ns)
{
	(void)arg; (void)from; (void)p; (void)n; (void)now_ns;
}

static void send_to(struct net *net, const char *ip, uint16_t port,
		    bool with_local, uint8_t dscp)
{
	struct path to = {.kind = PATH_UDP, .dscp = dscp};

	assert_int_equal(addr_parse(&to.peer, span_str(ip), port), 0);
	if (with_local)
		memcpy(to.local, to.peer.ip, 16);
	memcpy(net_reserve(net), "test", 4);
	net_commit(net, &to, 4);
	net_flush(net);
}

static void marks(const char *ip)
{
	struct loop loop;
	struct net *net = NULL;
	struct net_stats st;
	uint16_t port, any;
	int fd = udp6(ip, &port);

	assert_int_equal(loop_init(&loop), 0);
	struct net_cfg cfg = {.loop = &loop, .udp_fd = udp6("::", &any),
			      .tcp_fd = -1, .on_packet = on_packet};
	assert_int_equal(net_new(&net, &cfg), 0);
	for (int local = 0; local < 2; local++) {
		send_to(net, ip, port, local, 46);
		assert_int_equal(received_tos(fd), 46 << 2);
		/* the slot is used again: nothing of the last one stays */
		for (unsigned i = 0; i < NET_BATCH; i++) {
			send_to(net, ip, port, local, 0);
			assert_int_equal(received_tos(fd), 0);
		}
	}
	net_get_stats(net, &st);
	assert_int_equal(st.send_dropped, 0);
	net_free(&net);
	loop_release(&loop);
	close(fd);
}

static void test_net__marks_packets_over_ipv4(void **state)
{
	(void)state;
	marks("127.0.0.1");
}

static void test_net__marks_packets_over_ipv6(void **state)
{
	(void)state;
	marks("::1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_net__marks_packets_over_ipv4),
		cmocka_unit_test(test_net__marks_packets_over_ipv6),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
