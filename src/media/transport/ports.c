#include "media/transport/ports.h"
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/clock.h"
#include "base/rand.h"

struct pair {
	bool is_out;
	uint64_t free_ns;		/* not before */
};

struct ports {
	uint16_t first;			/* even */
	uint32_t n;
	struct ports_stats stats;
	struct pair pairs[];
};

int ports_new(struct ports **out, uint16_t first, uint16_t last)
{
	uint32_t even = first + (first & 1u);
	struct ports *p;

	if (first < 1024 || last < even + 1)
		return E_INVAL;
	p = mem_zalloc(sizeof(*p) + (last + 1u - even) / 2 *
				    sizeof(p->pairs[0]));
	if (!p)
		return E_NOMEM;
	p->first = (uint16_t)even;
	p->n = (last + 1u - even) / 2;
	*out = p;
	return 0;
}

void ports_free(struct ports **p)
{
	mem_free(*p);
	*p = NULL;
}

static int bind_to(int fd, const uint8_t ip[16], uint16_t port)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6,
				 .sin6_port = htons(port)};

	memcpy(&a.sin6_addr, ip, 16);
	return bind(fd, (struct sockaddr *)&a, sizeof(a));
}

/* The descriptor, E_EXISTS when the port is taken, E_SYS. */
static int open_one(const uint8_t ip[16], uint16_t port)
{
	static const uint8_t any[16];
	int off = 0, r;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			0);

	if (fd < 0)
		return E_SYS;
	r = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (r == 0)
		r = bind_to(fd, ip, port);
	if (r < 0 && errno == EADDRNOTAVAIL)
		r = bind_to(fd, any, port);
	if (r == 0)
		return fd;
	r = errno == EADDRINUSE ? E_EXISTS : E_SYS;
	close(fd);
	return r;
}

static int open_pair(const uint8_t ip[16], bool has_rtcp,
		     struct ports_pair *out)
{
	out->rtcp_fd = -1;
	out->rtp_fd = open_one(ip, out->port);
	if (out->rtp_fd < 0 || !has_rtcp)
		return out->rtp_fd < 0 ? out->rtp_fd : 0;
	out->rtcp_fd = open_one(ip, (uint16_t)(out->port + 1));
	if (out->rtcp_fd >= 0)
		return 0;
	close(out->rtp_fd);
	return out->rtcp_fd;
}

int ports_take(struct ports *p, const uint8_t ip[16], bool has_rtcp,
	       uint64_t now_ns, struct ports_pair *out)
{
	int r = E_FULL;

	for (int i = 0; i < PORTS_TRIES && p->stats.open < PORTS_PAIRS_MAX;
	     i++) {
		uint32_t k = rand_below(p->n);

		if (p->pairs[k].is_out || now_ns < p->pairs[k].free_ns) {
			p->stats.collisions++;
			continue;
		}
		out->port = (uint16_t)(p->first + 2 * k);
		r = open_pair(ip, has_rtcp, out);
		if (r == 0) {
			p->pairs[k].is_out = true;
			p->stats.open++;
			p->stats.taken++;
			return 0;
		}
		if (r != E_EXISTS)
			break;
		p->stats.collisions++;
		r = E_FULL;
	}
	p->stats.refused++;
	return r;
}

void ports_give(struct ports *p, uint16_t port, uint64_t now_ns)
{
	uint32_t k = (uint32_t)(port - p->first) / 2;

	if (port < p->first || k >= p->n || !p->pairs[k].is_out)
		return;
	p->pairs[k] = (struct pair){
		.free_ns = now_ns + PORTS_REST_S * NS_PER_S};
	p->stats.open--;
}

void ports_get_stats(const struct ports *p, struct ports_stats *out)
{
	*out = p->stats;
}
