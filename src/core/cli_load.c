/* What the faces and media refused, for `conclave status`. */
#include "core/cli_int.h"
#include "core/core.h"
#include "core/fetch.h"

static const char *const reasons[CV__FACE_REASON__FACE_REASON_COUNT] = {
	[CV__FACE_REASON__FACE_FULL] = "refused_connections_full",
	[CV__FACE_REASON__FACE_CONNS_PER_SOURCE] =
		"refused_connections_per_source",
	[CV__FACE_REASON__FACE_CONN_RATE] = "refused_connection_rate",
	[CV__FACE_REASON__FACE_HANDSHAKES] = "refused_handshakes",
	[CV__FACE_REASON__FACE_HANDSHAKE_FAILED] = "failed_handshakes",
	[CV__FACE_REASON__FACE_EVICTED] = "connections_made_room",
	[CV__FACE_REASON__FACE_BANNED] = "refused_banned",
	[CV__FACE_REASON__FACE_PROXY_FULL] = "refused_proxy_connections",
	[CV__FACE_REASON__FACE_PROXY_BAD] = "forwarded_for_unusable",
	[CV__FACE_REASON__FACE_DEADLINE] = "connections_too_slow",
	[CV__FACE_REASON__FACE_MALFORMED] = "refused_malformed",
	[CV__FACE_REASON__FACE_HOST] = "refused_host",
	[CV__FACE_REASON__FACE_REQUESTS] = "refused_requests",
	[CV__FACE_REASON__FACE_JOINS] = "refused_joins",
	[CV__FACE_REASON__FACE_WRITES] = "refused_writes",
	[CV__FACE_REASON__FACE_STREAMS] = "refused_streams",
	[CV__FACE_REASON__FACE_CORE_BUSY] = "refused_core_busy",
};

static void show_faces(struct answer *a)
{
	uint64_t conns = 0, handshakes = 0, waiting = 0, n;
	const struct web *webs = a->c->webs;

	for (size_t i = 0; i < CORE_WEBS_MAX; i++) {
		conns += webs[i].load.conns;
		handshakes += webs[i].load.handshakes;
		waiting += webs[i].load.waiting;
	}
	answer_number(a, "connections", conns);
	answer_number(a, "handshakes", handshakes);
	answer_number(a, "requests_waiting", waiting);
	for (size_t r = 0; r < CV__FACE_REASON__FACE_REASON_COUNT; r++) {
		n = 0;
		for (size_t i = 0; i < CORE_WEBS_MAX; i++)
			n += webs[i].refused[r];
		answer_number(a, reasons[r], n);
	}
}

static void show_media(struct answer *a)
{
	uint64_t checks = 0, handshakes = 0, tcp = 0;

	for (size_t i = 0; i < CORE_WORKERS_MAX; i++) {
		const Cv__MediaStats *s = &a->c->workers[i].stats;

		checks += s->refused_checks;
		handshakes += s->refused_handshakes;
		tcp += s->refused_tcp;
	}
	answer_number(a, "refused_ice_checks", checks);
	answer_number(a, "refused_dtls_handshakes", handshakes);
	answer_number(a, "refused_ice_tcp", tcp);
}

static void show_share(struct answer *a, const struct share_stats *s,
		       const char *const names[3])
{
	answer_number(a, names[0], s->refused_full);
	answer_number(a, names[1], s->refused_strangers);
	answer_number(a, names[2], s->refused_source);
}

/* Places in core's own queues. */
static void show_shares(struct answer *a)
{
	static const char *const fetches[3] = {
		"refused_lookups_full", "refused_lookups_strangers",
		"refused_lookups_per_source"};
	static const char *const jobs[3] = {
		"refused_work_full", "refused_work_strangers",
		"refused_work_per_source"};
	struct share_stats asked;
	struct pool_stats pool;

	fetch_stats(a->c, &asked);
	pool_stats(a->c->pool, &pool);
	answer_number(a, "lookups_waiting", fetch_waiting(a->c));
	show_share(a, &asked, fetches);
	answer_number(a, "work_waiting", pool.waiting);
	show_share(a, &pool.share, jobs);
}

void cli_load_fields(struct answer *a)
{
	show_shares(a);
	show_faces(a);
	show_media(a);
}
