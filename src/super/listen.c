#include "super/listen.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

static void explain(char error[LISTEN_ERROR_MAX], const char *what,
		    uint16_t port, const char *option)
{
	const char *text = strerror(errno), *fix = "";

	if (errno == EADDRINUSE)
		text = "in use by another program", fix = "stop it or choose another with ";
	else if (errno == EACCES)
		text = "needs root or CAP_NET_BIND_SERVICE",
		fix = "or choose one above 1023 with ";
	else if (errno == EAFNOSUPPORT)
		text = "this kernel has IPv6 switched off", fix = "boot without ipv6.disable=1; cannot use ", option = "[::]";
	else
		option = "";
	(void)snprintf(error, LISTEN_ERROR_MAX, "%s port %u: %s%s%s%s", what,
		       port, text, fix[0] ? ": " : "", fix, fix[0] ? option : "");
}

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

static int bind_patiently(int fd, uint16_t port, unsigned wait_ms)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6,
				   .sin6_port = htons(port)};
	uint64_t end = clock_mono_ns() + wait_ms * NS_PER_MS;

	while (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0) {
		if (errno != EADDRINUSE || clock_mono_ns() >= end)
			return E_SYS;
		(void)poll(NULL, 0, 50);
		errno = EADDRINUSE;
	}
	return 0;
}

static int open_bound(int *out, int type, uint16_t port, unsigned wait_ms)
{
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int keep;

	if (fd < 0)
		return E_SYS;
	if (set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0) == 0 &&
	    (type != SOCK_STREAM ||
	     set(fd, SOL_SOCKET, SO_REUSEADDR, 1) == 0) &&
	    bind_patiently(fd, port, wait_ms) == 0) {
		*out = fd;
		return 0;
	}
	keep = errno;
	close(fd);
	errno = keep;
	return E_SYS;
}

int listen_tcp(int *out, uint16_t port, unsigned wait_ms, const char *option,
	       char error[LISTEN_ERROR_MAX])
{
	int fd;

	if (open_bound(&fd, SOCK_STREAM, port, wait_ms) < 0) {
		explain(error, "TCP", port, option);
		return E_SYS;
	}
	/* Inherited by what is accepted: evhttp over TLS is 15 times slower
	 * with Nagle's algorithm. */
	(void)set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (listen(fd, LISTEN_BACKLOG) < 0) {
		explain(error, "TCP", port, option);
		close(fd);
		return E_SYS;
	}
	*out = fd;
	return 0;
}

int listen_udp(int *out, uint16_t port, unsigned wait_ms, const char *option,
	       char error[LISTEN_ERROR_MAX])
{
	int fd;

	if (open_bound(&fd, SOCK_DGRAM, port, wait_ms) < 0) {
		explain(error, "UDP", port, option);
		return E_SYS;
	}
	/* As much as the kernel gives; FORCE works for root only. */
	if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, LISTEN_UDP_BUFFER_BYTES) < 0)
		(void)set(fd, SOL_SOCKET, SO_RCVBUF, LISTEN_UDP_BUFFER_BYTES);
	if (set(fd, SOL_SOCKET, SO_SNDBUFFORCE, LISTEN_UDP_BUFFER_BYTES) < 0)
		(void)set(fd, SOL_SOCKET, SO_SNDBUF, LISTEN_UDP_BUFFER_BYTES);
	*out = fd;
	return 0;
}

/* The program sees the UDP header, then the payload. What is too short for a
 * load is dropped. */
int listen_only_ice(int fd)
{
	enum { UDP = 8, COOKIE = 0x2112a442, STUN_END = 4, DTLS = 20,
	       DTLS_END = 64, RTP = 128, RTP_END = 192, DTLS_MIN = 13,
	       RTCP_MIN = 8 };
	static const struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, UDP),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, RTP_END, 11, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, RTP, 7, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, DTLS_END, 9, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, DTLS, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, STUN_END, 7, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, UDP + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, COOKIE, 4, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, UDP + DTLS_MIN, 2, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, UDP + RTCP_MIN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	/* The kernel only reads it. */
	const struct sock_fprog p = {
		.len = sizeof(steps) / sizeof(*steps),
		.filter = (struct sock_filter *)(uintptr_t)steps,
	};
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)) < 0)
		return E_SYS;
	return 0;
}

int listen_netlink(int *out)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_NETFILTER);

	if (fd < 0)
		return E_SYS;
	/* A refusal repeats the header of what was refused, not all of it. */
	if (bind(fd, (struct sockaddr *)&nl, sizeof(nl)) < 0 ||
	    set(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1) < 0) {
		close(fd);
		return E_SYS;
	}
	/* As much as the kernel gives: in a user namespace no FORCE. */
	if (set(fd, SOL_SOCKET, SO_SNDBUFFORCE, LISTEN_NETLINK_BYTES) < 0)
		(void)set(fd, SOL_SOCKET, SO_SNDBUF, LISTEN_NETLINK_BYTES);
	if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, LISTEN_NETLINK_BYTES) < 0)
		(void)set(fd, SOL_SOCKET, SO_RCVBUF, LISTEN_NETLINK_BYTES);
	*out = fd;
	return 0;
}

int listen_cli(int *out, const char *path, char error[LISTEN_ERROR_MAX])
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd, r;

	if (strlen(path) >= sizeof(un.sun_path)) {
		(void)snprintf(error, LISTEN_ERROR_MAX,
			       "%s: longer than %zu bytes: choose a shorter --run-dir",
			       path, sizeof(un.sun_path) - 1);
		return E_LIMIT;
	}
	memcpy(un.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)unlink(path);
	mask = umask(0177);
	r = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&un, sizeof(un));
	(void)umask(mask);
	if (r == 0 && listen(fd, 16) == 0) {
		*out = fd;
		return 0;
	}
	(void)snprintf(error, LISTEN_ERROR_MAX, "%s: %s", path,
		       strerror(errno));
	if (fd >= 0)
		close(fd);
	return E_SYS;
}

static bool is_useful(const struct ifaddrs *i, const struct addr *a)
{
	/* fe80::/10 and 169.254.0.0/16 need a zone or reach nobody. */
	bool link_local = addr_is_v4(a) ?
		a->ip[12] == 169 && a->ip[13] == 254 :
		a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;

	return (i->ifa_flags & IFF_UP) && !link_local && !addr_is_loopback(a);
}

static bool take_addr(const struct ifaddrs *i, struct addr *a)
{
	sa_family_t f;

	if (!i->ifa_addr)
		return false;
	f = i->ifa_addr->sa_family;
	if (f != AF_INET && f != AF_INET6)
		return false;
	return addr_from_sockaddr(a, i->ifa_addr,
				  f == AF_INET ? sizeof(struct sockaddr_in) :
				  sizeof(struct sockaddr_in6)) == 0;
}

size_t listen_own_addrs(struct addr *out, size_t max)
{
	struct ifaddrs *all = NULL;
	size_t n = 0;

	if (getifaddrs(&all) == 0) {
		for (struct ifaddrs *i = all; i && n < max; i = i->ifa_next) {
			struct addr a;

			if (take_addr(i, &a) && is_useful(i, &a)) {
				a.port = 0;
				out[n++] = a;
			}
		}
		freeifaddrs(all);
	}
	if (n == 0 && max && addr_parse(&out[0], SPAN_LIT("127.0.0.1"), 0) == 0)
		n = 1;
	return n;
}
