#include "base/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "base/err.h"

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};

bool addr_is_v4(const struct addr *a)
{
	return memcmp(a->ip, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool addr_is_same_source(const struct addr *a, const struct addr *b)
{
	if (addr_is_v4(a) || addr_is_v4(b))
		return addr_ip_eq(a, b);
	return memcmp(a->ip, b->ip, 8) == 0;
}

bool addr_ip_eq(const struct addr *a, const struct addr *b)
{
	return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return a->port == b->port && addr_ip_eq(a, b);
}

static void set_v4(struct addr *a, const void *four)
{
	memcpy(a->ip, v4_prefix, sizeof(v4_prefix));
	memcpy(a->ip + 12, four, 4);
}

int addr_from_sockaddr(struct addr *out, const struct sockaddr *sa,
		       socklen_t len)
{
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;

	if (sa->sa_family == AF_INET && len >= sizeof(in4)) {
		memcpy(&in4, sa, sizeof(in4));
		set_v4(out, &in4.sin_addr);
		out->port = ntohs(in4.sin_port);
		return 0;
	}
	if (sa->sa_family == AF_INET6 && len >= sizeof(in6)) {
		memcpy(&in6, sa, sizeof(in6));
		memcpy(out->ip, &in6.sin6_addr, sizeof(out->ip));
		out->port = ntohs(in6.sin6_port);
		return 0;
	}
	return E_UNSUPPORTED;
}

void addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ss,
		      socklen_t *len)
{
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(a->port),
	};

	memcpy(&in6.sin6_addr, a->ip, sizeof(a->ip));
	memset(ss, 0, sizeof(*ss));
	memcpy(ss, &in6, sizeof(in6));
	*len = sizeof(in6);
}

int addr_parse(struct addr *out, struct span text, uint16_t port)
{
	char buf[INET6_ADDRSTRLEN];
	uint8_t bytes[16];
	struct addr a = {.port = port};

	if (span_cstr(text, buf, sizeof(buf)) < 0)
		return E_FORMAT;
	if (inet_pton(AF_INET, buf, bytes) == 1)
		set_v4(&a, bytes);
	else if (inet_pton(AF_INET6, buf, bytes) == 1)
		memcpy(a.ip, bytes, sizeof(a.ip));
	else
		return E_FORMAT;
	*out = a;
	return 0;
}

void addr_print_ip(const struct addr *a, char dst[ADDR_TEXT_MAX])
{
	bool v4 = addr_is_v4(a);

	if (!inet_ntop(v4 ? AF_INET : AF_INET6, a->ip + (v4 ? 12 : 0), dst,
		       ADDR_TEXT_MAX))
		dst[0] = 0;
}

void addr_print(const struct addr *a, char dst[ADDR_TEXT_MAX])
{
	char ip[ADDR_TEXT_MAX];

	addr_print_ip(a, ip);
	(void)snprintf(dst, ADDR_TEXT_MAX, addr_is_v4(a) ? "%.45s:%u" :
		       "[%.45s]:%u", ip, a->port);
}

bool addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = {[15] = 1};

	if (addr_is_v4(a))
		return a->ip[12] == 127;
	return memcmp(a->ip, one, sizeof(one)) == 0;
}
