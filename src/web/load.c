/* How full this face is, and why it refused: FACE_LOAD. */
#include <sys/resource.h>
#include "base/clock.h"
#include "web/web.h"

enum { CPU_WINDOW_MS = 1000 };

static uint64_t cpu_us(void)
{
	struct rusage u;
	if (getrusage(RUSAGE_SELF, &u) < 0)
		return 0;
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void look_at_cpu(struct load *l, uint64_t now_ns)
{
	if (now_ns - l->cpu_ns < CPU_WINDOW_MS * NS_PER_MS)
		return;
	uint64_t us = cpu_us(), wall_us = (now_ns - l->cpu_ns) / NS_PER_US;
	l->cpu_permille = (uint32_t)((us - l->cpu_us) * 1000 / wall_us);
	l->cpu_us = us;
	l->cpu_ns = now_ns;
}

static void add_server(uint64_t n[CV__FACE_REASON__FACE_REASON_COUNT],
		       const struct http_server *server)
{
	struct http_stats h;
	http_server_stats(server, &h);
	n[CV__FACE_REASON__FACE_FULL] += h.refused_full;
	n[CV__FACE_REASON__FACE_CONNS_PER_SOURCE] += h.refused_source;
	n[CV__FACE_REASON__FACE_HANDSHAKES] += h.refused_handshakes;
	n[CV__FACE_REASON__FACE_HANDSHAKE_FAILED] += h.handshake_failed;
	n[CV__FACE_REASON__FACE_EVICTED] += h.evicted;
	n[CV__FACE_REASON__FACE_BANNED] += h.refused_banned;
	n[CV__FACE_REASON__FACE_PROXY_FULL] += h.refused_proxy;
	n[CV__FACE_REASON__FACE_PROXY_BAD] += h.bad_forwarded;
	n[CV__FACE_REASON__FACE_MALFORMED] += h.bad_requests;
	n[CV__FACE_REASON__FACE_HOST] += h.bad_hosts;
	n[CV__FACE_REASON__FACE_REQUESTS] += h.too_fast;
	for (int i = 0; i < HTTP_PHASE_COUNT; i++)
		if (i != HTTP_PHASE_IDLE)
			n[CV__FACE_REASON__FACE_DEADLINE] += h.deadline[i];
}

static void count(struct web *w, uint64_t n[CV__FACE_REASON__FACE_REASON_COUNT])
{
	struct source_stats s;
	sources_stats(w->sources, &s);
	add_server(n, w->https);
	if (w->http)
		add_server(n, w->http);
	/* A connection refused by the common bucket was counted above. */
	n[CV__FACE_REASON__FACE_CONN_RATE] = s.total_refused[SOURCE_CONN];
	n[CV__FACE_REASON__FACE_CONNS_PER_SOURCE] -=
		s.total_refused[SOURCE_CONN];
	n[CV__FACE_REASON__FACE_JOINS] = w->load.joins;
	n[CV__FACE_REASON__FACE_WRITES] = w->load.writes;
	n[CV__FACE_REASON__FACE_STREAMS] = w->load.streams;
	n[CV__FACE_REASON__FACE_CORE_BUSY] = w->link.away + w->link.dropped;
}

/* The place of sent_ns is outside: equal packed bytes mean no news. */
static void send_if_new(struct web *w, const Cv__FaceLoad *m, uint64_t now_ns)
{
	struct load *l = &w->load;
	uint8_t now[sizeof(l->last)];
	size_t n = cv__face_load__get_packed_size(m);
	if (n > sizeof(now))
		return;
	(void)cv__face_load__pack(m, now);
	if (n == l->last_n && memcmp(now, l->last, n) == 0)
		return;
	if (ipc_send_to_core(w, FACE_LOAD, m) < 0)
		return;
	memcpy(l->last, now, n);
	l->last_n = n;
	l->sent_ns = now_ns;
}

void load_tell(struct web *w, uint64_t now_ns)
{
	uint64_t n[CV__FACE_REASON__FACE_REASON_COUNT] = {0};
	Cv__FaceLoad m = CV__FACE_LOAD__INIT;
	struct http_stats h;
	struct source_stats s;
	look_at_cpu(&w->load, now_ns);
	if (!link_is_up(w) ||
	    now_ns - w->load.sent_ns < WEB_LOAD_MS * NS_PER_MS)
		return;
	http_server_stats(w->https, &h);
	sources_stats(w->sources, &s);
	count(w, n);
	m.conns = h.conns;
	m.conns_max = w->set.room.conns_max;
	m.handshakes = s.held[SOURCE_HANDSHAKES];
	m.waiting = (uint32_t)map_count(w->link.by_req);
	m.cpu_permille = w->load.cpu_permille;
	m.by_reason = n;
	m.n_by_reason = CV__FACE_REASON__FACE_REASON_COUNT;
	for (size_t i = 0; i < m.n_by_reason; i++)
		m.refused += n[i];
	send_if_new(w, &m, now_ns);
}

void load_forget(struct web *w)
{
	w->load.last_n = 0;
}
