#include "courier/own.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

/* 0 or errno. */
static int try_bind(const struct addr *a)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	bool v4 = addr_is_v4(a);
	int e = 0, fd = socket(v4 ? AF_INET : AF_INET6,
			       SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	memcpy(&in4.sin_addr, a->ip + 12, 4);
	memcpy(&in6.sin6_addr, a->ip, 16);
	if (bind(fd, v4 ? (struct sockaddr *)&in4 : (struct sockaddr *)&in6,
		 v4 ? sizeof(in4) : sizeof(in6)) < 0)
		e = errno;
	close(fd);
	return e;
}

bool own_is(const struct addr *a)
{
	int e = try_bind(a);

	/* EAFNOSUPPORT: no IPv6 on this machine, so the address is not ours
	 * and cannot be reached either */
	return e != EADDRNOTAVAIL && e != EAFNOSUPPORT;
}

bool own_can_tell(void)
{
	/* RFC 5737 and RFC 3849: nobody's */
	struct addr v4 = {.ip = {[10] = 0xff, 0xff, 192, 0, 2, 255}};
	struct addr v6 = {.ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 0xff}};

	return !own_is(&v4) && !own_is(&v6);
}
