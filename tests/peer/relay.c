/* conclave-relay: a bad network in user space, for tests.
 *
 * Every client address gets a socket of its own towards --to. Both directions
 * lose, delay and reorder independently; each (client, direction) has a random
 * stream of its own from --seed, so a run is repeatable packet by packet.
 *
 * --delay D --jitter J: D..D+J ms. What is sent within 2 ms travels together
 * and nothing overtakes, as in a queue; --reorder P holds P % of the packets
 * back so that later ones overtake them; --shuffle draws for each packet alone.
 *
 * `on` and `off` on standard input switch loss, jitter and reordering; its end,
 * SIGTERM or --seconds ends the relay, which then prints its counters. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bytes.h"

enum { CLIENTS = 32, QUEUE = 8192, PACKET = 1600 };

struct way {
	uint64_t rng;
	uint64_t last_ns, last_due, drawn;	/* arrival, due, jitter */
	uint64_t in, out, lost, held, full, bytes;
};

struct client {
	struct sockaddr_in addr;
	int fd;
	struct way up, down;
};

struct packet {
	uint64_t due, order;
	uint16_t client, n;
	bool is_up;
	uint8_t data[PACKET];
};

struct relay {
	struct sockaddr_in listen, to;
	double loss, reorder, seconds;
	uint64_t delay, jitter, seed;
	bool is_shuffling, is_on;
	int fd;
	struct client client[CLIENTS];
	unsigned clients, refused;
	struct packet *heap[QUEUE];
	struct packet *spare[QUEUE];
	unsigned queued, spares;
	uint64_t order;
	unsigned queued_max;
};

static volatile sig_atomic_t stopping;

static void on_signal(int sig)
{
	(void)sig;
	stopping = 1;
}

/* xorshift64* */
static double draw(struct way *w)
{
	w->rng ^= w->rng >> 12;
	w->rng ^= w->rng << 25;
	w->rng ^= w->rng >> 27;
	return (double)(w->rng * 2685821657736338717ull >> 11) / 9007199254740992.;
}

static void seed(struct way *w, uint64_t s)
{
	w->rng = (s + 1) * 0x9e3779b97f4a7c15ull;
	for (int i = 0; i < 8; i++)
		draw(w);
}

/* --- the queue: a heap by due time, then order of arrival -------------- */

static bool before(const struct packet *a, const struct packet *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void push(struct relay *r, struct packet *p)
{
	unsigned i = r->queued++;

	if (r->queued > r->queued_max)
		r->queued_max = r->queued;
	for (; i && before(p, r->heap[(i - 1) / 2]); i = (i - 1) / 2)
		r->heap[i] = r->heap[(i - 1) / 2];
	r->heap[i] = p;
}

static struct packet *pop(struct relay *r)
{
	struct packet *top = r->heap[0], *last = r->heap[--r->queued];
	unsigned i = 0, k;

	while ((k = 2 * i + 1) < r->queued) {
		if (k + 1 < r->queued && before(r->heap[k + 1], r->heap[k]))
			k++;
		if (!before(r->heap[k], last))
			break;
		r->heap[i] = r->heap[k];
		i = k;
	}
	r->heap[i] = last;
	return top;
}

static struct packet *take(struct relay *r)
{
	if (r->spares)
		return r->spare[--r->spares];
	return r->queued < QUEUE ? malloc(sizeof(struct packet)) : NULL;
}

/* --- packets ----------------------------------------------------------- */

/* All three numbers are drawn whatever happens: one packet's fate does not
 * shift those of the next. */
static bool fate(struct relay *r, struct way *w, uint64_t now, uint64_t *due)
{
	bool is_lost = draw(w) * 100 < r->loss;
	bool is_held = draw(w) * 100 < r->reorder;
	uint64_t jitter = (uint64_t)(draw(w) * (double)r->jitter);

	*due = now + r->delay;
	if (!r->is_on)
		return true;
	if (r->is_shuffling || now - w->last_ns > 2 * MS)
		w->drawn = jitter;
	w->last_ns = now;
	*due += w->drawn;
	if (!r->is_shuffling && *due < w->last_due)
		*due = w->last_due;
	w->last_due = *due;
	if (is_held) {
		*due += r->jitter / 2 + 5 * MS;
		w->held++;
	}
	w->lost += is_lost;
	return !is_lost;
}

static void accept_packet(struct relay *r, unsigned c, bool is_up,
			  const uint8_t *b, size_t n, uint64_t now)
{
	struct way *w = is_up ? &r->client[c].up : &r->client[c].down;
	struct packet *p;
	uint64_t due;

	w->in++;
	w->bytes += n;
	if (!fate(r, w, now, &due))
		return;
	p = take(r);
	if (!p) {
		w->full++;
		return;
	}
	p->due = due;
	p->order = r->order++;
	p->client = (uint16_t)c;
	p->is_up = is_up;
	p->n = (uint16_t)n;
	memcpy(p->data, b, n);
	push(r, p);
}

static void deliver(struct relay *r, uint64_t now)
{
	while (r->queued && r->heap[0]->due <= now) {
		struct packet *p = pop(r);
		struct client *c = &r->client[p->client];

		if (p->is_up)
			(void)send(c->fd, p->data, p->n, MSG_DONTWAIT);
		else
			(void)sendto(r->fd, p->data, p->n, MSG_DONTWAIT,
				     (struct sockaddr *)&c->addr,
				     sizeof(c->addr));
		(p->is_up ? &c->up : &c->down)->out++;
		r->spare[r->spares++] = p;
	}
}

static int client_of(struct relay *r, const struct sockaddr_in *a)
{
	struct client *c = &r->client[r->clients];

	for (unsigned i = 0; i < r->clients; i++)
		if (r->client[i].addr.sin_port == a->sin_port &&
		    r->client[i].addr.sin_addr.s_addr == a->sin_addr.s_addr)
			return (int)i;
	if (r->clients == CLIENTS) {
		r->refused++;
		return -1;
	}
	c->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0 ||
	    connect(c->fd, (struct sockaddr *)&r->to, sizeof(r->to)) < 0)
		return -1;
	c->addr = *a;
	seed(&c->up, r->seed * 1000 + 2 * r->clients);
	seed(&c->down, r->seed * 1000 + 2 * r->clients + 1);
	return (int)r->clients++;
}

static void read_clients(struct relay *r)
{
	uint8_t b[PACKET];
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	ssize_t n;

	while ((n = recvfrom(r->fd, b, sizeof(b), MSG_DONTWAIT,
			     (struct sockaddr *)&a, &len)) >= 0) {
		int c = client_of(r, &a);

		if (c >= 0)
			accept_packet(r, (unsigned)c, true, b, (size_t)n,
				      mono_ns());
		len = sizeof(a);
	}
}

static void read_server(struct relay *r, unsigned c)
{
	uint8_t b[PACKET];
	ssize_t n;

	while ((n = recv(r->client[c].fd, b, sizeof(b), MSG_DONTWAIT)) >= 0)
		accept_packet(r, c, false, b, (size_t)n, mono_ns());
}

static void commands(struct relay *r)
{
	char b[64];
	ssize_t n = read(STDIN_FILENO, b, sizeof(b) - 1);

	if (n <= 0) {
		stopping = 1;
		return;
	}
	b[n] = 0;
	if (strncmp(b, "on", 2) == 0)
		r->is_on = true;
	if (strncmp(b, "off", 3) == 0)
		r->is_on = false;
}

static void loop(struct relay *r)
{
	uint64_t end = mono_ns() + (uint64_t)(r->seconds * 1e9);
	struct pollfd f[2 + CLIENTS];

	while (!stopping && mono_ns() < end) {
		uint64_t now = mono_ns();
		int wait = 100;

		if (r->queued && r->heap[0]->due < now + 100 * MS)
			wait = r->heap[0]->due <= now
				       ? 0 : (int)((r->heap[0]->due - now) / MS) + 1;
		f[0] = (struct pollfd){.fd = r->fd, .events = POLLIN};
		f[1] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
		for (unsigned i = 0; i < r->clients; i++)
			f[2 + i] = (struct pollfd){.fd = r->client[i].fd,
						   .events = POLLIN};
		if (poll(f, 2 + r->clients, wait) < 0 && errno != EINTR)
			return;
		if (f[1].revents)
			commands(r);
		for (unsigned i = r->clients; i-- > 0;)
			if (f[2 + i].revents)
				read_server(r, i);
		if (f[0].revents)
			read_clients(r);
		deliver(r, mono_ns());
	}
}

/* --- start and end ----------------------------------------------------- */

static void print_way(const char *name, const struct way *w)
{
	printf("\"%s\": {\"in\": %llu, \"out\": %llu, \"lost\": %llu, "
	       "\"held\": %llu, \"full\": %llu, \"bytes\": %llu}", name,
	       (unsigned long long)w->in, (unsigned long long)w->out,
	       (unsigned long long)w->lost, (unsigned long long)w->held,
	       (unsigned long long)w->full, (unsigned long long)w->bytes);
}

static void report(const struct relay *r)
{
	printf("{\"clients\": [");
	for (unsigned i = 0; i < r->clients; i++) {
		printf("%s{", i ? ", " : "");
		print_way("up", &r->client[i].up);
		printf(", ");
		print_way("down", &r->client[i].down);
		printf("}");
	}
	printf("], \"refused\": %u, \"queued_max\": %u}\n", r->refused,
	       r->queued_max);
	fflush(stdout);
}

static bool address(struct sockaddr_in *a, const char *s)
{
	char host[64];
	unsigned port;

	if (sscanf(s, "%63[^:]:%u", host, &port) != 2 || port > 65535)
		return false;
	a->sin_family = AF_INET;
	a->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &a->sin_addr) == 1;
}

static bool options(struct relay *r, int argc, char **argv)
{
	static const struct option table[] = {
		{"listen", 1, NULL, 'a'}, {"to", 1, NULL, 't'},
		{"loss", 1, NULL, 'l'}, {"delay", 1, NULL, 'd'},
		{"jitter", 1, NULL, 'j'}, {"reorder", 1, NULL, 'r'},
		{"seed", 1, NULL, 's'}, {"seconds", 1, NULL, 'n'},
		{"shuffle", 0, NULL, 'x'}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1)
		switch (c) {
		case 'a': if (!address(&r->listen, optarg)) return false; break;
		case 't': if (!address(&r->to, optarg)) return false; break;
		case 'l': r->loss = atof(optarg); break;
		case 'd': r->delay = (uint64_t)(atof(optarg) * 1e6); break;
		case 'j': r->jitter = (uint64_t)(atof(optarg) * 1e6); break;
		case 'r': r->reorder = atof(optarg); break;
		case 's': r->seed = strtoull(optarg, NULL, 10); break;
		case 'n': r->seconds = atof(optarg); break;
		case 'x': r->is_shuffling = true; break;
		default: return false;
		}
	return optind == argc && r->to.sin_port && r->listen.sin_family;
}

int main(int argc, char **argv)
{
	static struct relay r = {.is_on = true, .seconds = 3600, .seed = 1};
	socklen_t len = sizeof(r.listen);
	int size = 1 << 21;

	if (!options(&r, argc, argv)) {
		fprintf(stderr, "conclave-relay --listen IP:PORT --to IP:PORT "
			"[--loss %%] [--delay ms] [--jitter ms] [--reorder %%] "
			"[--shuffle] [--seed N] [--seconds N]\n");
		return 2;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	r.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (r.fd < 0 || bind(r.fd, (struct sockaddr *)&r.listen, len) < 0) {
		perror("conclave-relay");
		return 1;
	}
	setsockopt(r.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	getsockname(r.fd, (struct sockaddr *)&r.listen, &len);
	printf("{\"listening\": %u}\n", ntohs(r.listen.sin_port));
	fflush(stdout);
	loop(&r);
	report(&r);
	while (r.queued)
		free(pop(&r));
	while (r.spares)
		free(r.spare[--r.spares]);
	return 0;
}
