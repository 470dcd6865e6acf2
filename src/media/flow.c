/* How packets travel: by ICE, or by ports of a leg's own; sealed or clear. */
#include "media/media.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/secret.h"

#define MOD "flow"

void flow_init(struct flow *f, struct leg *leg)
{
	*f = (struct flow){.leg = leg, .crypto = NEGO_DTLS};
	f->rtp.watch.fd = f->rtcp.watch.fd = -1;
}

void flow_drop_keys(struct flow *f)
{
	dtls_free(&f->dtls);
	srtp_free(&f->rx);
	srtp_free(&f->tx);
	f->suite = NULL;
}

void flow_release(struct flow *f)
{
	flow_drop_keys(f);
	ice_leg_close(&f->ice);
	net_socket_close(&f->rtp);
	net_socket_close(&f->rtcp);
	if (f->port)
		ports_give(f->leg->m->ports, f->port, f->leg->m->now_ns);
	f->port = 0;
	f->is_used = f->is_there = false;
	f->to = f->to_rtcp = (struct latch){.is_nowhere = true};
	f->path.kind = f->rtcp_path.kind = PATH_NONE;
	f->dtls_peer.port = 0;
	secret_wipe(&f->t, sizeof(f->t));
	secret_wipe(f->tx_key, sizeof(f->tx_key));
}

/* --- sending ----------------------------------------------------------- */

const struct path *flow_path(const struct flow *f, bool is_rtcp)
{
	const struct path *p = is_rtcp && !f->t.is_mux ? &f->rtcp_path
						       : &f->path;

	if (f->leg->ice)
		return ice_leg_path(f->leg->ice);
	/* RTCP on a port of its own would need a handshake of its own
	 * (RFC 5764 3) */
	if (is_rtcp && !f->t.is_mux && f->crypto == NEGO_DTLS)
		return NULL;
	return p->kind == PATH_NONE ? NULL : p;
}

bool flow_is_ready(const struct flow *f)
{
	return f->is_used && (f->crypto == NEGO_CLEAR || f->tx);
}

static bool was_heard(const struct latch *l, const struct addr *ip)
{
	return l->is_latched && addr_ip_eq(&l->to, ip);
}

/* Who names a stranger's address shall not have him flooded. */
static bool may_flood(const struct flow *f)
{
	const struct leg *leg = f->leg;
	const struct addr *to = &f->to.to;

	if (leg->ice || (f == leg->audio_flow && !leg->plain.is_unproven))
		return true;
	for (unsigned i = 0; i < LEG_FLOWS; i++)
		if (was_heard(&leg->flows[i].to, to) ||
		    was_heard(&leg->flows[i].to_rtcp, to))
			return true;
	return !leg->plain.is_unproven && f->to.has_signalling &&
	       addr_ip_eq(to, &f->to.signalling);
}

bool flow_is_open(const struct flow *f)
{
	const struct leg *leg = f->leg;
	/* without ICE there is no consent: a peer that is silent may listen */
	bool is_up = leg->phase == CV__LEG_PHASE__LEG_SECURE ||
		     (!leg->ice && leg->phase == CV__LEG_PHASE__LEG_SILENT);

	return is_up && flow_is_ready(f) && !leg->is_dead &&
	       flow_path(f, false) != NULL && may_flood(f);
}

int flow_seal(struct flow *f, uint8_t *p, size_t *n, size_t cap, bool is_rtcp)
{
	if (f->crypto == NEGO_CLEAR)
		return 0;
	if (!f->tx)
		return E_STATE;
	return is_rtcp ? srtcp_seal(f->tx, p, n, cap)
		       : srtp_seal(f->tx, p, n, cap);
}

int flow_unseal(struct flow *f, uint8_t *p, size_t *n, bool is_rtcp)
{
	if (f->crypto == NEGO_CLEAR)
		return 0;
	if (!f->rx)
		return E_STATE;
	return is_rtcp ? srtcp_open(f->rx, p, n) : srtp_open(f->rx, p, n);
}

void flow_send(struct flow *f, size_t n, bool is_rtcp)
{
	const struct path *to = flow_path(f, is_rtcp);

	if (to)
		net_commit(f->leg->m->net, to, n);
}

/* --- DTLS -------------------------------------------------------------- */

static void dtls_send(void *arg, struct span datagram)
{
	struct flow *f = arg;
	const struct path *to = flow_path(f, false);
	struct path there = f->path;

	if (!f->leg->ice && f->dtls_peer.port) {
		there.kind = PATH_PORT;
		there.conn = (uint64_t)f->rtp.watch.fd;
		there.peer = f->dtls_peer;
		to = &there;
	}
	if (!to || datagram.n > NET_PACKET_MAX ||
	    (!f->leg->ice && f->rtp.watch.fd < 0))
		return;
	memcpy(net_reserve(f->leg->m->net), datagram.p, datagram.n);
	net_commit(f->leg->m->net, to, datagram.n);
}

static const char *profile_name(enum srtp_profile p)
{
	switch (p) {
	case SRTP_AES128_CM_SHA1_80: return "AES_CM_128_HMAC_SHA1_80";
	case SRTP_AES128_CM_SHA1_32: return "AES_CM_128_HMAC_SHA1_32";
	case SRTP_AES256_CM_SHA1_80: return "AES_256_CM_HMAC_SHA1_80";
	case SRTP_AEAD_AES_128_GCM: return "AEAD_AES_128_GCM";
	case SRTP_AEAD_AES_256_GCM: return "AEAD_AES_256_GCM";
	default: return NULL;
	}
}

static int keys_take(struct flow *f)
{
	const struct srtp_env *env = f->leg->m->srtp;
	struct dtls_keys k;
	int r = dtls_get_keys(f->dtls, &k);

	if (r < 0)
		return r;
	srtp_free(&f->rx);
	srtp_free(&f->tx);
	r = srtp_new(&f->tx, env, k.profile, SRTP_SEND,
		     span_of(k.send_key, k.key_n),
		     span_of(k.send_salt, k.salt_n));
	if (r == 0)
		r = srtp_new(&f->rx, env, k.profile, SRTP_RECEIVE,
			     span_of(k.receive_key, k.key_n),
			     span_of(k.receive_salt, k.salt_n));
	f->suite = profile_name(k.profile);
	secret_wipe(&k, sizeof(k));
	return r;
}

static void paths_update(struct flow *f);

static void dtls_after(struct flow *f, enum dtls_state s)
{
	struct leg *leg = f->leg;

	if (s == DTLS_FAILED) {
		leg_gone(leg, "dtls failed");
	} else if (s == DTLS_CLOSED) {
		leg_gone(leg, "closed by the peer");
	} else if (s == DTLS_UP && !f->tx) {
		if (keys_take(f) < 0) {
			leg_gone(leg, "no keys");
			return;
		}
		if (leg->ice) {
			leg_set_phase(leg, CV__LEG_PHASE__LEG_SECURE);
		} else if (f->dtls_peer.port) {
			/* the handshake is the proof */
			leg->is_moved |= latch_came(&f->to, &f->dtls_peer);
			f->dtls_peer.port = 0;
			paths_update(f);
		}
	}
}

/* A handshake begins with the first authenticated check; without ICE with the
 * signalled address, or with one of its IP. Never before. */
static int dtls_begin(struct flow *f, const struct addr *peer)
{
	struct media *m = f->leg->m;
	const struct nego *g = &f->leg->nego;
	const uint8_t *fp = f->leg->ice ? g->fingerprint : f->t.fingerprint;
	struct dtls_cfg cfg = {.is_client = f->leg->ice
					    ? g->is_dtls_client
					    : f->t.is_dtls_client,
			       .mtu = f->leg->datagram_max,
			       .send = dtls_send, .arg = f};

	if (!flood_take(m->handshakes, peer, m->now_ns))
		return E_BUSY;
	memcpy(cfg.fingerprint, fp, DTLS_FINGERPRINT_LEN);
	f->dtls_ns = m->now_ns;
	return dtls_new(&f->dtls, m->dtls, &cfg);
}

/* A handshake is the likeliest way to end this process. */
static void dtls_datagram(struct flow *f, const struct addr *from,
			  struct span in)
{
	struct media *m = f->leg->m;

	if (!f->dtls)
		return;
	if (m->serving && dtls_state(f->dtls) == DTLS_HANDSHAKE &&
	    !addr_eq(from, &m->served)) {
		m->served = *from;
		m->serving(m->serving_arg, from);
	}
	dtls_after(f, dtls_input(f->dtls, in));
}

void flow_checked(struct flow *f, const struct path *from)
{
	if (!f->dtls)	/* busy: tried with the next check */
		(void)dtls_begin(f, &from->peer);
}

void flow_service(struct flow *f)
{
	const struct path *to = flow_path(f, false);

	if (!f->is_used || f->crypto != NEGO_DTLS)
		return;
	/* without ICE a client speaks first, where signalling said; to who did
	 * not prove where he is not before something came from there */
	if (!f->dtls && !f->leg->ice && f->t.is_dtls_client && to) {
		if (f->is_there || !f->leg->plain.is_unproven)
			(void)dtls_begin(f, &to->peer);
		return;
	}
	if (!f->dtls || dtls_state(f->dtls) != DTLS_HANDSHAKE)
		return;
	/* Checks alone must not hold one of the few places for ever. */
	if (f->leg->m->now_ns - f->dtls_ns > MEDIA_DTLS_S * NS_PER_S)
		leg_gone(f->leg, "dtls took too long");
	else
		dtls_after(f, dtls_timer(f->dtls));
}

/* --- receiving --------------------------------------------------------- */

void flow_datagram(struct flow *f, const struct path *from, uint8_t *p,
		   size_t n)
{
	bool ok = false;

	switch (rtp_demux(span_of(p, n))) {
	case RTP_DEMUX_DTLS:
		dtls_datagram(f, &from->peer, span_of(p, n));
		ok = true;
		break;
	case RTP_DEMUX_RTP:
		ok = leg_rtp(f->leg, f, p, n);
		break;
	case RTP_DEMUX_RTCP:
		ok = leg_rtcp(f->leg, f, p, n);
		break;
	default:
		break;
	}
	if (!ok)
		f->leg->m->stats.packets_dropped++;
}

/* --- without ICE ------------------------------------------------------- */

static void path_set(const struct flow *f, struct path *p,
		     const struct latch *l, int fd)
{
	const struct addr *to = latch_to(l);

	*p = (struct path){.dscp = f->leg->plain.dscp};
	if (!to || fd < 0)
		return;
	p->kind = PATH_PORT;
	p->conn = (uint64_t)fd;
	p->peer = *to;
}

static void paths_update(struct flow *f)
{
	path_set(f, &f->path, &f->to, f->rtp.watch.fd);
	path_set(f, &f->rtcp_path, &f->to_rtcp, f->rtcp.watch.fd);
}

/* Only the owner of the handshake's address, or the signalled one, which may
 * take a handshake over from another port of the same IP. */
static bool plain_dtls(struct flow *f, const struct addr *from, struct span in)
{
	bool is_signalled = addr_eq(from, &f->to.signalled);

	if (f->crypto != NEGO_DTLS)
		return false;
	/* with ICE the address proved itself before */
	if (f->ice && latch_to(&f->to) && f->to.is_latched)
		is_signalled = true;
	if (!f->dtls && (f->t.is_dtls_client || dtls_begin(f, from) < 0))
		return false;
	if (!f->tx && (!f->dtls_peer.port || is_signalled))
		f->dtls_peer = *from;
	if (!f->tx && !addr_eq(from, &f->dtls_peer))
		return false;
	dtls_datagram(f, from, in);
	return true;
}

/* `l` latches on what proved itself. */
static void proven(struct flow *f, struct latch *l, const struct addr *from)
{
	f->heard_ns = f->leg->m->now_ns;
	if (l->is_latched)
		return;
	f->leg->is_moved |= latch_came(l, from);
	paths_update(f);
}

/* A check on this port (RFC 8445, lite); what does not authenticate gets no
 * answer. */
static void plain_stun(struct flow *f, const struct path *from, struct span in)
{
	struct media *m = f->leg->m;
	struct ice_result r;

	ice_input(m->ice, from, in, m->now_ns, &r);
	if (r.leg != f->ice) {
		m->stats.packets_dropped++;
		return;
	}
	if (r.reply_n) {
		memcpy(net_reserve(m->net), r.reply, r.reply_n);
		net_commit(m->net, from, r.reply_n);
	}
	f->heard_ns = m->now_ns;
	if ((r.is_first || r.is_moved) &&
	    latch_nominated(&f->to, &from->peer, &m->guard)) {
		f->leg->is_moved = true;
		paths_update(f);
	}
}

/* The address that checks chose stays over a new offer, whose c= line may name
 * one behind a translator. */
static void ice_agree(struct flow *f, const struct nego_transport *t)
{
	const struct span ufrag = span_of(t->ice_ufrag, t->ice_ufrag_n);
	struct media *m = f->leg->m;
	const struct path *p;
	int r = 0;

	if (!ufrag.n || f->leg->ice)
		ice_leg_close(&f->ice);
	else if (!f->ice)
		r = ice_leg_open(&f->ice, m->ice, ufrag, NULL, m->now_ns);
	else if (!span_eq(ice_leg_remote_ufrag(f->ice), ufrag))
		r = ice_leg_restart(f->ice, ufrag, m->now_ns);
	if (r < 0)		/* then without */
		ice_leg_close(&f->ice);
	p = f->ice ? ice_leg_path(f->ice) : NULL;
	if (p && p->kind == PATH_PORT)
		(void)latch_nominated(&f->to, &p->peer, &m->guard);
}

static void plain_take(struct flow *f, const struct path *from, uint8_t *p,
		       size_t n)
{
	const struct addr *peer = &from->peer;
	bool ok = false;

	switch (rtp_demux(span_of(p, n))) {
	case RTP_DEMUX_DTLS:
		ok = plain_dtls(f, peer, span_of(p, n));
		break;
	case RTP_DEMUX_RTP:
		ok = leg_rtp(f->leg, f, p, n);
		if (ok)
			proven(f, &f->to, peer);
		break;
	case RTP_DEMUX_RTCP:
		ok = leg_rtcp(f->leg, f, p, n);
		if (ok && f->t.is_mux)
			proven(f, &f->to, peer);
		break;
	default:
		break;
	}
	if (!ok)
		f->leg->m->stats.packets_dropped++;
}

static bool is_welcome(struct flow *f, const struct latch *l,
		       const struct path *from, uint64_t now_ns)
{
	struct media *m = f->leg->m;

	m->now_ns = now_ns;
	m->stats.packets_in++;
	if (!f->leg->is_dead && f->leg->plain.is_accepted &&
	    (latch_may_come(l, &from->peer, &m->guard) ||
	     (f->ice && ice_find(m->ice, from) == f->ice)))
		return true;
	m->stats.strangers++;
	m->stats.packets_dropped++;
	return false;
}

static void on_rtp_port(void *arg, const struct path *from, uint8_t *p,
			size_t n, uint64_t now_ns)
{
	struct flow *f = arg;

	if (f->ice && rtp_demux(span_of(p, n)) == RTP_DEMUX_STUN &&
	    !f->leg->is_dead) {
		f->leg->m->now_ns = now_ns;
		f->leg->m->stats.packets_in++;
		plain_stun(f, from, span_of(p, n));
	} else if (is_welcome(f, &f->to, from, now_ns)) {
		f->is_there |= addr_eq(&from->peer, &f->to.signalled);
		plain_take(f, from, p, n);
	}
}

static void on_rtcp_port(void *arg, const struct path *from, uint8_t *p,
			 size_t n, uint64_t now_ns)
{
	struct flow *f = arg;

	if (!is_welcome(f, &f->to_rtcp, from, now_ns))
		return;
	if (rtp_demux(span_of(p, n)) == RTP_DEMUX_RTCP &&
	    leg_rtcp(f->leg, f, p, n))
		proven(f, &f->to_rtcp, &from->peer);
	else
		f->leg->m->stats.packets_dropped++;
}

int flow_open_port(struct flow *f, const uint8_t bind_ip[16], uint8_t dscp)
{
	struct media *m = f->leg->m;
	struct ports_pair pair;
	int r, e;

	if (f->port)
		return 0;
	f->leg->plain.dscp = dscp;
	r = ports_take(m->ports, bind_ip, true, m->now_ns, &pair);
	if (r < 0)
		return r;
	f->port = pair.port;
	r = net_socket_open(&f->rtp, m->net, pair.rtp_fd, on_rtp_port, f);
	e = net_socket_open(&f->rtcp, m->net, pair.rtcp_fd, on_rtcp_port, f);
	return r < 0 ? r : e;
}

/* --- keys of SDES ------------------------------------------------------ */

static enum srtp_profile profile_of(Cv__SdesSuite s)
{
	switch (s) {
	case CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80:
		return SRTP_AES128_CM_SHA1_80;
	case CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_32:
		return SRTP_AES128_CM_SHA1_32;
	case CV__SDES_SUITE__SDES_AES_256_CM_HMAC_SHA1_80:
		return SRTP_AES256_CM_SHA1_80;
	case CV__SDES_SUITE__SDES_AEAD_AES_128_GCM:
		return SRTP_AEAD_AES_128_GCM;
	case CV__SDES_SUITE__SDES_AEAD_AES_256_GCM:
		return SRTP_AEAD_AES_256_GCM;
	default:
		return SRTP_NONE;
	}
}

static int sdes_make(struct srtp **out, const struct srtp_env *env,
		     Cv__SdesSuite suite, enum srtp_dir dir,
		     const uint8_t *key_salt)
{
	enum srtp_profile p = profile_of(suite);
	size_t key, salt;
	int r = srtp_profile_lengths(p, &key, &salt);

	if (r < 0)
		return r;
	return srtp_new(out, env, p, dir, span_of(key_salt, key),
			span_of(key_salt + key, salt));
}

static bool is_same_key(const struct flow *f, const struct nego_transport *t,
			const uint8_t *tx_key)
{
	if (f->t.crypto != t->crypto || !f->is_used)
		return false;
	if (t->crypto == NEGO_DTLS)
		return memcmp(f->t.fingerprint, t->fingerprint, 32) == 0;
	if (t->crypto == NEGO_CLEAR)
		return true;
	return f->rx && f->t.suite == t->suite &&
	       secret_equal(span_of(f->t.key_salt, sizeof(f->t.key_salt)),
			    span_of(t->key_salt, sizeof(t->key_salt))) &&
	       (!tx_key ||
		secret_equal(span_of(f->tx_key, sizeof(f->tx_key)),
			     span_of(tx_key, sizeof(f->tx_key))));
}

static bool is_kept(const struct srtp *s, const struct flow *f,
		    const struct nego_transport *t, const uint8_t *was,
		    const uint8_t *now)
{
	return s && f->crypto == NEGO_SDES && f->t.suite == t->suite &&
	       secret_equal(span_of(was, NEGO_KEY_SALT_MAX),
			    span_of(now, NEGO_KEY_SALT_MAX));
}

/* A direction whose key stays goes on counting: anew it would seal with the
 * same bytes of the cipher, or take packets again. */
static void keys_put(struct flow *f, struct srtp *rx, struct srtp *tx)
{
	if (!rx) {
		rx = f->rx;
		f->rx = NULL;
	}
	if (!tx) {
		tx = f->tx;
		f->tx = NULL;
	}
	flow_drop_keys(f);
	f->rx = rx;
	f->tx = tx;
}

/* Contexts for both directions; the old ones stay until both are there. */
static int sdes_take(struct flow *f, const struct nego_transport *t,
		     const uint8_t *tx_key)
{
	const struct srtp_env *env = f->leg->m->srtp;
	uint8_t fresh[NEGO_KEY_SALT_MAX];
	struct srtp *rx = NULL, *tx = NULL;
	int r = 0;

	if (tx_key)
		memcpy(fresh, tx_key, sizeof(fresh));
	else
		rand_bytes(fresh, sizeof(fresh));
	if (!is_kept(f->rx, f, t, f->t.key_salt, t->key_salt))
		r = sdes_make(&rx, env, t->suite, SRTP_RECEIVE, t->key_salt);
	if (r == 0 && !is_kept(f->tx, f, t, f->tx_key, fresh))
		r = sdes_make(&tx, env, t->suite, SRTP_SEND, fresh);
	if (r == 0) {
		keys_put(f, rx, tx);
		memcpy(f->tx_key, fresh, sizeof(fresh));
		f->suite = nego_suite_name(t->suite);
	} else {
		srtp_free(&rx);
	}
	secret_wipe(fresh, sizeof(fresh));
	return r;
}

int flow_agree(struct flow *f, const struct nego_transport *t,
	       const struct addr *signalling, const uint8_t *tx_key)
{
	struct media *m = f->leg->m;
	int r = 0;

	if (!is_same_key(f, t, tx_key)) {
		if (t->crypto == NEGO_SDES)
			r = sdes_take(f, t, tx_key);
		else
			flow_drop_keys(f);
	}
	if (r < 0)
		return r;
	f->crypto = t->crypto;
	f->t = *t;
	f->is_used = true;
	f->heard_ns = m->now_ns;
	f->is_there &= t->has_addr && addr_eq(&t->rtp, &f->to.signalled);
	if (t->is_waiting) {
		latch_wait(&f->to, signalling);
		latch_wait(&f->to_rtcp, signalling);
	} else {
		latch_signalled(&f->to, t->has_addr ? &t->rtp : NULL,
				signalling, &m->guard);
		latch_signalled(&f->to_rtcp, t->has_addr ? &t->rtcp : NULL,
				signalling, &m->guard);
	}
	ice_agree(f, t);
	paths_update(f);
	if (t->has_addr && f->to.refused != OUTGUARD_ALLOWED)
		log_info(MOD, "the signalled address is not sent to",
			 LOG_U("leg", f->leg->handle),
			 LOG_S("why", outguard_reason_text(f->to.refused)));
	return 0;
}
