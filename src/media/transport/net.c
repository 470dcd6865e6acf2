#include "media/transport/net.h"
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/handle.h"
#include "wire/rtp/rtp.h"

enum {
	CONTROL_MAX = CMSG_SPACE(sizeof(struct in6_pktinfo)) +
		      CMSG_SPACE(sizeof(struct in_pktinfo)) +
		      CMSG_SPACE(sizeof(int)),
	TCP_READS_MAX = 4,		/* per connection and turn */
	TCP_ACCEPTS_MAX = 16,		/* per turn */
	PORT_BATCH = 8,			/* a leg's own socket */
};

struct slot {
	uint8_t bytes[NET_PACKET_MAX + 1];
	struct iovec iov;
	struct sockaddr_in6 name;
	union {
		struct cmsghdr align;
		uint8_t bytes[CONTROL_MAX];
	} control;
};

struct conn {
	struct net *net;
	struct watch watch;
	struct path path;
	uint64_t opened_ns, heard_ns;
	bool is_trusted, is_dead;
	struct conn *next_dead;
	size_t in_n, out_n, out_at;
	uint8_t in[RTP_FRAME_HEAD_LEN + NET_PACKET_MAX];
	uint8_t out[NET_TCP_QUEUE_MAX];
};

struct net {
	struct net_cfg cfg;
	struct watch udp, tcp;
	struct handles *conns;
	struct conn *dead;
	struct net_stats stats;
	struct slot rx[NET_BATCH], tx[NET_BATCH];
	struct mmsghdr rx_msg[NET_BATCH], tx_msg[NET_BATCH];
	int tx_fd[NET_BATCH];
	unsigned tx_n;
	uint8_t tcp_slot[NET_PACKET_MAX];
};

/* --- UDP in ------------------------------------------------------------ */

static void local_of(struct msghdr *m, struct path *p)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo i;

			memcpy(&i, CMSG_DATA(c), sizeof(i));
			memset(p->local, 0, 10);
			p->local[10] = p->local[11] = 0xff;
			memcpy(p->local + 12, &i.ipi_addr, 4);
			p->ifindex = 0;
			return;
		}
		if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo i;

			memcpy(&i, CMSG_DATA(c), sizeof(i));
			if (IN6_IS_ADDR_V4MAPPED(&i.ipi6_addr))
				continue;
			memcpy(p->local, &i.ipi6_addr, 16);
			p->ifindex = IN6_IS_ADDR_LINKLOCAL(&i.ipi6_addr)
				     ? i.ipi6_ifindex : 0;
		}
	}
}

static void rx_reset(struct net *net, unsigned i)
{
	struct slot *s = &net->rx[i];

	net->rx_msg[i].msg_hdr = (struct msghdr){
		.msg_name = &s->name, .msg_namelen = sizeof(s->name),
		.msg_iov = &s->iov, .msg_iovlen = 1,
		.msg_control = s->control.bytes,
		.msg_controllen = sizeof(s->control.bytes)};
}

static void udp_one(struct net *net, unsigned i, struct net_socket *port,
		    uint64_t now_ns)
{
	struct slot *s = &net->rx[i];
	struct mmsghdr *m = &net->rx_msg[i];
	struct path from = {.kind = PATH_UDP};

	net->stats.received++;
	if (m->msg_len > NET_PACKET_MAX) {
		net->stats.oversized++;
		return;
	}
	if (addr_from_sockaddr(&from.peer, (struct sockaddr *)&s->name,
			       m->msg_hdr.msg_namelen) < 0)
		return;
	if (port) {
		from.kind = PATH_PORT;
		from.conn = (uint64_t)port->watch.fd;
		port->on_packet(port->arg, &from, s->bytes, m->msg_len,
				now_ns);
		return;
	}
	local_of(&m->msg_hdr, &from);
	net->cfg.on_packet(net->cfg.arg, &from, s->bytes, m->msg_len, now_ns);
}

static void udp_readable(void *arg, uint32_t events, uint64_t now_ns)
{
	struct net *net = arg;
	int n = NET_BATCH;

	(void)events;
	for (int turn = 0; n == NET_BATCH && turn < NET_TURN_MAX; turn++) {
		n = recvmmsg(net->udp.fd, net->rx_msg, NET_BATCH, MSG_DONTWAIT,
			     NULL);
		for (int i = 0; i < n; i++) {
			udp_one(net, (unsigned)i, NULL, now_ns);
			rx_reset(net, (unsigned)i);
		}
	}
}

/* --- sockets of legs --------------------------------------------------- */

static void port_readable(void *arg, uint32_t events, uint64_t now_ns)
{
	struct net_socket *s = arg;
	struct net *net = s->net;
	int n = PORT_BATCH;

	(void)events;
	for (int turn = 0; n == PORT_BATCH && turn < NET_TURN_MAX; turn++) {
		n = recvmmsg(s->watch.fd, net->rx_msg, PORT_BATCH,
			     MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++) {
			/* a callback may close it */
			if (s->watch.fd >= 0)
				udp_one(net, (unsigned)i, s, now_ns);
			rx_reset(net, (unsigned)i);
		}
		if (s->watch.fd < 0)
			return;
	}
}

int net_socket_open(struct net_socket *s, struct net *net, int fd,
		    net_packet_fn on_packet, void *arg)
{
	*s = (struct net_socket){
		.watch = {.fd = fd, .fn = port_readable, .arg = s},
		.net = net, .on_packet = on_packet, .arg = arg};
	if (loop_set(net->cfg.loop, &s->watch, EPOLLIN) == 0)
		return 0;
	close(fd);
	s->watch.fd = -1;
	return E_SYS;
}

void net_socket_close(struct net_socket *s)
{
	if (s->watch.fd < 0)
		return;
	/* the number may soon be another leg's */
	net_flush(s->net);
	loop_del(s->net->cfg.loop, &s->watch);
	close(s->watch.fd);
	s->watch.fd = -1;
}

/* --- sending ----------------------------------------------------------- */

static void control_add(struct slot *s, struct msghdr *m, int level, int type,
			const void *p, size_t n)
{
	struct cmsghdr *c = (struct cmsghdr *)(void *)
			    (s->control.bytes + m->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), p, n);
	m->msg_controllen += CMSG_SPACE(n);
}

static void control_set(struct slot *s, struct msghdr *m,
			const struct path *to)
{
	static const uint8_t any[16];
	struct in6_pktinfo info = {.ipi6_ifindex = to->ifindex};
	bool is_v4 = addr_is_v4(&to->peer);
	int tos = to->dscp << 2;

	m->msg_controllen = 0;
	if (memcmp(to->local, any, 16) != 0) {
		memcpy(&info.ipi6_addr, to->local, 16);
		control_add(s, m, IPPROTO_IPV6, IPV6_PKTINFO, &info,
			    sizeof(info));
	}
	if (tos)
		control_add(s, m, is_v4 ? IPPROTO_IP : IPPROTO_IPV6,
			    is_v4 ? IP_TOS : IPV6_TCLASS, &tos, sizeof(tos));
	m->msg_control = m->msg_controllen ? s->control.bytes : NULL;
}

uint8_t *net_reserve(struct net *net)
{
	return net->tx[net->tx_n].bytes;
}

static void conn_send(struct net *net, const struct path *to,
		      const uint8_t *p, size_t n);

void net_commit(struct net *net, const struct path *to, size_t n)
{
	struct slot *s = &net->tx[net->tx_n];
	struct msghdr *m = &net->tx_msg[net->tx_n].msg_hdr;

	if (to->kind == PATH_TCP) {
		conn_send(net, to, s->bytes, n);
		return;
	}
	net->tx_fd[net->tx_n] = to->kind == PATH_PORT ? (int)to->conn
						      : net->udp.fd;
	if (net->tx_fd[net->tx_n] < 0) {
		net->stats.send_dropped++;
		return;
	}
	s->iov.iov_len = n;
	s->name = (struct sockaddr_in6){.sin6_family = AF_INET6,
					.sin6_port = htons(to->peer.port),
					.sin6_scope_id = to->ifindex};
	memcpy(&s->name.sin6_addr, to->peer.ip, 16);
	control_set(s, m, to);
	if (++net->tx_n == NET_BATCH)
		net_flush(net);
}

/* What goes out by one socket, from `at` up to `end`. */
static void flush_run(struct net *net, unsigned at, unsigned end)
{
	while (at < end) {
		int n = sendmmsg(net->tx_fd[at], net->tx_msg + at, end - at,
				 MSG_DONTWAIT);

		if (n > 0) {
			at += (unsigned)n;
			net->stats.sent += (unsigned)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		net->stats.send_dropped++;
		/* a full socket: nothing more will go; else only this one */
		if (errno == EAGAIN || errno == ENOBUFS) {
			net->stats.send_dropped += end - at - 1;
			break;
		}
		at++;
	}
}

void net_flush(struct net *net)
{
	unsigned at = 0, end;

	while (at < net->tx_n) {
		for (end = at + 1; end < net->tx_n; end++)
			if (net->tx_fd[end] != net->tx_fd[at])
				break;
		flush_run(net, at, end);
		at = end;
	}
	net->tx_n = 0;
}

/* --- ICE-TCP ----------------------------------------------------------- */

static void conn_close(struct conn *c)
{
	struct net *net = c->net;

	if (c->is_dead)
		return;
	c->is_dead = true;
	loop_del(net->cfg.loop, &c->watch);
	close(c->watch.fd);
	handles_del(net->conns, c->path.conn);
	net->stats.tcp_open--;
	c->next_dead = net->dead;
	net->dead = c;
	net->cfg.on_gone(net->cfg.arg, &c->path);
}

static void conns_bury(struct net *net)
{
	while (net->dead) {
		struct conn *c = net->dead;

		net->dead = c->next_dead;
		mem_free(c);
	}
}

/* Complete frames out of the buffer. False: the connection is to be closed. */
static bool conn_frames(struct conn *c, uint64_t now_ns)
{
	struct span in = span_of(c->in, c->in_n), frame;
	int r;

	while ((r = rtp_frame_next(&in, NET_PACKET_MAX, &frame)) == 0) {
		uint8_t *p = c->net->tcp_slot;

		if (!frame.n)
			continue;
		memcpy(p, frame.p, frame.n);
		c->net->stats.received++;
		c->net->cfg.on_packet(c->net->cfg.arg, &c->path, p, frame.n,
				      now_ns);
		if (c->is_dead)
			return true;
	}
	memmove(c->in, in.p, in.n);
	c->in_n = in.n;
	return r == E_AGAIN;
}

static void conn_flush(struct conn *c)
{
	while (c->out_at < c->out_n) {
		ssize_t n = send(c->watch.fd, c->out + c->out_at,
				 c->out_n - c->out_at,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			conn_close(c);
			return;
		}
		c->out_at += (size_t)n;
	}
	if (c->out_at == c->out_n)
		c->out_at = c->out_n = 0;
	if (loop_set(c->net->cfg.loop, &c->watch,
		     EPOLLIN | (c->out_n ? (uint32_t)EPOLLOUT : 0)) < 0)
		conn_close(c);
}

static void conn_event(void *arg, uint32_t events, uint64_t now_ns)
{
	struct conn *c = arg;

	if (events & EPOLLOUT)
		conn_flush(c);
	for (int i = 0; !c->is_dead && i < TCP_READS_MAX; i++) {
		ssize_t n = recv(c->watch.fd, c->in + c->in_n,
				 sizeof(c->in) - c->in_n, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			conn_close(c);
			return;
		}
		c->in_n += (size_t)n;
		c->heard_ns = now_ns;
		if (!conn_frames(c, now_ns))
			conn_close(c);
	}
}

static void conn_send(struct net *net, const struct path *to,
		      const uint8_t *p, size_t n)
{
	struct conn *c = handles_get(net->conns, to->conn);
	bool was_empty;

	if (!c || n > NET_PACKET_MAX)
		return;
	if (c->out_at) {
		memmove(c->out, c->out + c->out_at, c->out_n - c->out_at);
		c->out_n -= c->out_at;
		c->out_at = 0;
	}
	if (sizeof(c->out) - c->out_n < n + RTP_FRAME_HEAD_LEN) {
		net->stats.tcp_dropped++;
		return;
	}
	was_empty = c->out_n == 0;
	if (rtp_frame_head(c->out + c->out_n, n) < 0)
		return;
	memcpy(c->out + c->out_n + RTP_FRAME_HEAD_LEN, p, n);
	c->out_n += n + RTP_FRAME_HEAD_LEN;
	net->stats.sent++;
	if (was_empty)
		conn_flush(c);
}

static bool source_is_crowded(struct net *net, const struct addr *a)
{
	unsigned same = 0;
	uint32_t slot = 0;
	uint64_t h;
	struct conn *c;

	while ((c = handles_next(net->conns, &slot, &h)) != NULL)
		same += addr_is_same_source(&c->path.peer, a);
	return same >= NET_TCP_PER_SOURCE_MAX;
}

static int conn_open(struct net *net, int fd, const struct addr *peer,
		     uint64_t now_ns)
{
	struct conn *c;

	if (net->stats.tcp_open >= NET_TCP_MAX || source_is_crowded(net, peer))
		return E_FULL;
	c = mem_alloc(sizeof(*c));
	if (!c)
		return E_NOMEM;
	memset(c, 0, offsetof(struct conn, in));
	c->net = net;
	c->opened_ns = c->heard_ns = now_ns;
	c->watch = (struct watch){.fd = fd, .fn = conn_event, .arg = c};
	c->path = (struct path){.kind = PATH_TCP, .peer = *peer};
	c->path.conn = handles_add(net->conns, c);
	if (!c->path.conn || loop_set(net->cfg.loop, &c->watch, EPOLLIN) < 0) {
		handles_del(net->conns, c->path.conn);
		mem_free(c);
		return E_FULL;
	}
	net->stats.tcp_open++;
	net->stats.tcp_accepted++;
	return 0;
}

static void tcp_readable(void *arg, uint32_t events, uint64_t now_ns)
{
	struct net *net = arg;

	(void)events;
	for (int i = 0; i < TCP_ACCEPTS_MAX; i++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		struct addr peer;
		int fd = accept4(net->tcp.fd, (struct sockaddr *)&ss, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		if (addr_from_sockaddr(&peer, (struct sockaddr *)&ss, len) < 0 ||
		    conn_open(net, fd, &peer, now_ns) < 0) {
			net->stats.tcp_refused++;
			close(fd);
		}
	}
}

void net_trust(struct net *net, const struct path *path)
{
	struct conn *c = path->kind == PATH_TCP
			 ? handles_get(net->conns, path->conn) : NULL;

	if (c)
		c->is_trusted = true;
}

void net_close(struct net *net, const struct path *path)
{
	struct conn *c = path->kind == PATH_TCP
			 ? handles_get(net->conns, path->conn) : NULL;

	if (c)
		conn_close(c);
}

void net_sweep(struct net *net, uint64_t now_ns)
{
	uint32_t slot = 0;
	uint64_t h;
	struct conn *c;

	while ((c = handles_next(net->conns, &slot, &h)) != NULL) {
		bool late = !c->is_trusted && now_ns - c->opened_ns >
			    NET_TCP_TRUST_S * NS_PER_S;

		if (!late && now_ns - c->heard_ns <= NET_TCP_IDLE_S * NS_PER_S)
			continue;
		net->stats.tcp_expired++;
		conn_close(c);
	}
	conns_bury(net);
}

/* --- life -------------------------------------------------------------- */

static int udp_options(int fd)
{
	int on = 1, v4, v6;

	v4 = setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	v6 = setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	return v4 < 0 || v6 < 0 ? E_SYS : 0;
}

static void slots_init(struct net *net)
{
	for (unsigned i = 0; i < NET_BATCH; i++) {
		struct slot *t = &net->tx[i];

		net->rx[i].iov = (struct iovec){net->rx[i].bytes,
						NET_PACKET_MAX + 1};
		rx_reset(net, i);
		t->iov = (struct iovec){t->bytes, 0};
		net->tx_msg[i].msg_hdr = (struct msghdr){
			.msg_name = &t->name, .msg_namelen = sizeof(t->name),
			.msg_iov = &t->iov, .msg_iovlen = 1};
	}
}

static int net_start(struct net *net)
{
	int on = 1;
	int r = handles_new(&net->conns, NET_TCP_MAX);

	if (r == 0 && net->udp.fd >= 0) {
		r = udp_options(net->udp.fd);
		if (r == 0)
			r = loop_set(net->cfg.loop, &net->udp, EPOLLIN);
	}
	if (r == 0 && net->tcp.fd >= 0) {
		/* inherited by what is accepted */
		(void)setsockopt(net->tcp.fd, IPPROTO_TCP, TCP_NODELAY, &on,
				 sizeof(on));
		/* accepting goes on until nobody waits */
		if (fcntl(net->tcp.fd, F_SETFL, O_NONBLOCK) < 0)
			r = E_SYS;
	}
	if (r == 0 && net->tcp.fd >= 0)
		r = loop_set(net->cfg.loop, &net->tcp, EPOLLIN);
	return r;
}

int net_new(struct net **out, const struct net_cfg *cfg)
{
	struct net *net = mem_zalloc(sizeof(*net));
	int r;

	if (!net) {
		if (cfg->udp_fd >= 0)
			close(cfg->udp_fd);
		if (cfg->tcp_fd >= 0)
			close(cfg->tcp_fd);
		return E_NOMEM;
	}
	net->cfg = *cfg;
	net->udp = (struct watch){.fd = cfg->udp_fd, .fn = udp_readable,
				  .arg = net};
	net->tcp = (struct watch){.fd = cfg->tcp_fd, .fn = tcp_readable,
				  .arg = net};
	slots_init(net);
	r = net_start(net);
	if (r < 0) {
		net_free(&net);
		return r;
	}
	*out = net;
	return 0;
}

void net_free(struct net **netp)
{
	struct net *net = *netp;
	uint32_t slot = 0;
	uint64_t h;
	struct conn *c;

	if (!net)
		return;
	while (net->conns && (c = handles_next(net->conns, &slot, &h)) != NULL)
		conn_close(c);
	conns_bury(net);
	loop_del(net->cfg.loop, &net->udp);
	loop_del(net->cfg.loop, &net->tcp);
	if (net->udp.fd >= 0)
		close(net->udp.fd);
	if (net->tcp.fd >= 0)
		close(net->tcp.fd);
	handles_free(&net->conns);
	mem_free(net);
	*netp = NULL;
}

void net_get_stats(const struct net *net, struct net_stats *out)
{
	*out = net->stats;
}

/* --- addresses --------------------------------------------------------- */

static bool is_link_local(const struct addr *a)
{
	if (addr_is_v4(a))
		return a->ip[12] == 169 && a->ip[13] == 254;
	return a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

static size_t gather(const struct ifaddrs *all, struct addr *out, size_t cap,
		     bool v4, bool loopback)
{
	size_t n = 0;

	for (const struct ifaddrs *i = all; i && n < cap; i = i->ifa_next) {
		struct addr a;

		if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) ||
		    addr_from_sockaddr(&a, i->ifa_addr,
				       i->ifa_addr->sa_family == AF_INET
				       ? sizeof(struct sockaddr_in)
				       : sizeof(struct sockaddr_in6)) < 0)
			continue;
		if (addr_is_v4(&a) != v4 || addr_is_loopback(&a) != loopback ||
		    is_link_local(&a))
			continue;
		a.port = 0;
		out[n++] = a;
	}
	return n;
}

size_t net_local_addresses(struct addr *out, size_t cap, bool loopback)
{
	struct ifaddrs *all = NULL;
	size_t n;

	if (getifaddrs(&all) < 0)
		return 0;
	n = gather(all, out, cap, true, false);
	n += gather(all, out + n, cap - n, false, false);
	if (loopback || n == 0) {
		n += gather(all, out + n, cap - n, true, true);
		n += gather(all, out + n, cap - n, false, true);
	}
	freeifaddrs(all);
	return n;
}

uint16_t net_port(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr a;

	if (fd < 0 || getsockname(fd, (struct sockaddr *)&ss, &len) < 0 ||
	    addr_from_sockaddr(&a, (struct sockaddr *)&ss, len) < 0)
		return 0;
	return a.port;
}
