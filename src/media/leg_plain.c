/* Legs without ICE: offers and answers, ports of their own, how long they may
 * be silent. */
#include "media/media.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/secret.h"
#include "media/negotiate_offer.h"

#define MOD "leg"

struct leg_offer {
	Cv__LegDescription *d;
	struct nego_offer_keys audio, video, slides, fecc;
};

static struct nego_policy policy_of(const struct leg *leg)
{
	return (struct nego_policy){
		.crypto = leg->plain.crypto,
		.is_sdes_allowed = leg->plain.is_sdes_allowed,
		.is_sha1_32_allowed = leg->m->is_sha1_32_allowed};
}

static void offer_drop(struct leg *leg)
{
	struct leg_offer *o = leg->plain.offer;

	leg->plain.offer = NULL;
	if (!o)
		return;
	nego_answer_free(&o->d);
	secret_wipe(o, sizeof(*o));
	mem_free(o);
}

void leg_plain_release(struct leg *leg)
{
	offer_drop(leg);
}

/* --- our address ------------------------------------------------------- */

static bool is_told(const struct media *m, const uint8_t ip[16])
{
	for (size_t i = 0; i < m->n_candidates; i++)
		if (memcmp(m->candidate_ips[i], ip, 16) == 0)
			return true;
	return false;
}

/* The address that signalling came to, when it is one that we tell; behind a
 * translator it is not, and the first told one of the family stands for it. */
static int address_choose(struct leg *leg, struct span local, bool is_v4)
{
	const struct media *m = leg->m;
	struct addr a = {.port = 0};

	if (local.n == 16) {
		memcpy(a.ip, local.p, 16);
		if (is_told(m, a.ip) && addr_is_v4(&a) == is_v4) {
			memcpy(leg->plain.ip, a.ip, 16);
			memcpy(leg->plain.bind_ip, a.ip, 16);
			return 0;
		}
	}
	for (size_t i = 0; i < m->n_candidates; i++) {
		memcpy(a.ip, m->candidate_ips[i], 16);
		if (addr_is_v4(&a) != is_v4)
			continue;
		memcpy(leg->plain.ip, a.ip, 16);
		return 0;
	}
	return E_UNSUPPORTED;
}

static bool family_of(const struct leg *leg, const struct nego *n,
		      struct span local)
{
	struct addr a = leg->plain.signalling;

	if (n->audio.section >= 0 && n->audio.t.has_addr)
		return addr_is_v4(&n->audio.t.rtp);
	if (n->video.section >= 0 && n->video.t.has_addr)
		return addr_is_v4(&n->video.t.rtp);
	if (local.n == 16)
		memcpy(a.ip, local.p, 16);
	else if (!leg->plain.has_signalling)
		return true;
	return addr_is_v4(&a);
}

/* --- what was agreed --------------------------------------------------- */

static int flow_take(struct leg *leg, struct flow *f,
		     const struct nego_stream *st,
		     const struct nego_offer_keys *keys)
{
	const struct addr *signalling = leg->plain.has_signalling
					? &leg->plain.signalling : NULL;
	const uint8_t *key = keys && st->t.crypto == NEGO_SDES
			     ? nego_offer_key(keys, st->t.suite) : NULL;
	int r;

	if (st->section < 0) {
		flow_release(f);
		return 0;
	}
	r = flow_open_port(f, leg->plain.bind_ip, leg->plain.dscp);
	return r < 0 ? r : flow_agree(f, &st->t, signalling, key);
}

/* Without a port for presentation a leg has everything else. */
static void slides_take(struct leg *leg, struct nego *n)
{
	struct leg_offer *o = leg->plain.offer;
	int r = flow_take(leg, leg->slides_flow, &n->slides,
			  o ? &o->slides : NULL);

	if (r == 0)
		return;
	log_warn(MOD, "no presentation for a leg", LOG_U("leg", leg->handle),
		 LOG_E("error", r));
	flow_release(leg->slides_flow);
	n->slides.section = NEGO_NONE;
}

/* Nor without one for its camera's control. */
static void fecc_take(struct leg *leg, struct nego *n)
{
	struct leg_offer *o = leg->plain.offer;
	int r = flow_take(leg, leg->fecc_flow, &n->fecc,
			  o ? &o->fecc : NULL);

	if (r == 0)
		return;
	log_warn(MOD, "no camera control for a leg",
		 LOG_U("leg", leg->handle), LOG_E("error", r));
	flow_release(leg->fecc_flow);
	n->fecc.section = NEGO_NONE;
}

/* Ports, addresses and keys. Without a port for its picture a leg still has
 * its sound. */
static int flows_take(struct leg *leg, struct nego *n)
{
	struct leg_offer *o = leg->plain.offer;
	int r = flow_take(leg, leg->audio_flow, &n->audio,
			  o ? &o->audio : NULL);

	if (r < 0)
		return r;
	slides_take(leg, n);
	fecc_take(leg, n);
	r = flow_take(leg, leg->video_flow, &n->video, o ? &o->video : NULL);
	if (r == 0)
		return 0;
	log_warn(MOD, "no picture for a leg", LOG_U("leg", leg->handle),
		 LOG_E("error", r));
	flow_release(leg->video_flow);
	n->video.section = NEGO_NONE;
	return n->audio.section >= 0 ? 0 : r;
}

/* A leg without floor control has everything else. */
static void bfcp_take(struct leg *leg, struct nego *n)
{
	int r = leg_bfcp_agree(leg, &n->bfcp);

	if (r == 0)
		return;
	log_warn(MOD, "no floor control for a leg",
		 LOG_U("leg", leg->handle), LOG_E("error", r));
	n->bfcp.section = NEGO_NONE;
}

static int offered_make(struct leg *leg, const Cv__LegOpen *msg)
{
	const struct nego_policy policy = policy_of(leg);
	struct span local = ipc_bytes(msg->local_ip);
	int r = nego_choose_plain(&leg->nego, msg->offer, &policy);

	if (r == 0)
		r = address_choose(leg, local,
				   family_of(leg, &leg->nego, local));
	if (r == 0)
		r = flows_take(leg, &leg->nego);
	if (r == 0)
		bfcp_take(leg, &leg->nego);
	leg->plain.is_accepted = true;
	return r;
}

/* Presentation, and who may present. A call is made without when no port is
 * free. */
static void slides_offer_make(struct leg *leg)
{
	int r = flow_open_port(leg->slides_flow, leg->plain.bind_ip,
			       leg->plain.dscp);

	if (r == 0)
		r = leg_bfcp_open(leg);
	if (r < 0)
		log_warn(MOD, "no presentation for a leg",
			 LOG_U("leg", leg->handle), LOG_E("error", r));
}

/* What is open already stays. */
static int ports_open(struct leg *leg, const Cv__LegWant *want)
{
	int r = 0;

	if (want->audio)
		r = flow_open_port(leg->audio_flow, leg->plain.bind_ip,
				   leg->plain.dscp);
	if (r == 0 && want->video)
		r = flow_open_port(leg->video_flow, leg->plain.bind_ip,
				   leg->plain.dscp);
	if (r == 0 && want->video && want->slides)
		slides_offer_make(leg);
	if (r == 0 && want->video && want->fecc &&
	    flow_open_port(leg->fecc_flow, leg->plain.bind_ip,
			   leg->plain.dscp) < 0)
		log_warn(MOD, "no camera control for a leg",
			 LOG_U("leg", leg->handle));
	return r;
}

static int offering_make(struct leg *leg, const Cv__LegOpen *msg)
{
	struct span local = ipc_bytes(msg->local_ip);
	bool is_v4 = family_of(leg, &leg->nego, local);
	int r = msg->want ? address_choose(leg, local, is_v4) : E_FORMAT;

	/* nothing is known of the peer's media yet: the other family may do */
	if (r == E_UNSUPPORTED)
		r = address_choose(leg, local, !is_v4);
	if (r == 0)
		r = ports_open(leg, msg->want);
	if (msg->want && msg->want->kbps &&
	    (!leg->cap_out || msg->want->kbps < leg->cap_out))
		leg->cap_in = leg->cap_out = msg->want->kbps;
	return r;
}

int leg_plain_make(struct leg *leg, const Cv__LegOpen *msg)
{
	const Cv__Addr *s = msg->signalling;

	leg->plain.crypto = msg->crypto;
	leg->plain.is_sdes_allowed = msg->sdes_allowed;
	leg->plain.dscp = (uint8_t)(msg->dscp & 63);
	leg->plain.is_unproven = msg->unproven;
	leg->plain.since_ns = leg->m->now_ns;
	if (s && s->ip.len == 16) {
		leg->plain.has_signalling = true;
		memcpy(leg->plain.signalling.ip, s->ip.data, 16);
		leg->plain.signalling.port = (uint16_t)s->port;
	}
	return msg->make_offer ? offering_make(leg, msg)
			       : offered_make(leg, msg);
}

static struct nego_local_plain local_of(const struct leg *leg,
					const struct flow *f)
{
	struct nego_local_plain l = {
		.addr.port = f->port,
		.ufrag = f->ice ? ice_leg_ufrag(f->ice) : SPAN_NONE,
		.pwd = f->ice ? ice_leg_pwd(f->ice) : SPAN_NONE,
		.key_salt = span_of(f->tx_key, nego_suite_bytes(f->t.suite))};

	memcpy(l.addr.ip, leg->plain.ip, 16);
	return l;
}

static struct nego_local_plain bfcp_local_of(const struct leg *leg)
{
	struct nego_local_plain l = {.addr.port = leg_bfcp_port(leg)};

	memcpy(l.addr.ip, leg->plain.ip, 16);
	return l;
}

int leg_plain_answer(struct leg *leg, const Cv__LegDescription *offer,
		     Cv__LegDescription **answer)
{
	const struct nego_local_plain audio = local_of(leg, leg->audio_flow);
	const struct nego_local_plain video = local_of(leg, leg->video_flow);
	const struct nego_local_plain slides = local_of(leg, leg->slides_flow);
	const struct nego_local_plain bfcp = bfcp_local_of(leg);
	const struct nego_local_plain fecc = local_of(leg, leg->fecc_flow);
	struct nego_local local = {
		.fingerprint = span_of(leg->m->fingerprint,
				       sizeof(leg->m->fingerprint)),
		.audio_ssrc = leg->audio_out.ssrc,
		.video_ssrc = leg->video_ssrc,
		.audio_plain = &audio, .video_plain = &video,
		.slides_ssrc = leg->slides_ssrc,
		.slides_plain = &slides, .bfcp_plain = &bfcp,
		.fecc_plain = &fecc, .fecc_ssrc = leg->fecc.ssrc,
		.kbps_in = leg->kbps_in};

	return nego_answer_new(answer, &leg->nego, offer, &local);
}

/* The terms changed: streams that can go on do. */
static int terms_take(struct leg *leg, struct nego *next)
{
	int r = flows_take(leg, next);

	if (r < 0)
		return r;
	bfcp_take(leg, next);
	leg_streams_change(leg, next);
	leg->nego = *next;
	offer_drop(leg);
	leg_caps_take(leg);
	leg->plain.is_accepted = true;
	return leg_streams_open(leg);
}

static void role_keep(const struct flow *f, struct nego_transport *next)
{
	if (f->dtls && memcmp(f->t.fingerprint, next->fingerprint, 32) == 0)
		next->is_dtls_client = f->t.is_dtls_client;
}

/* Who began the handshake stays who he is while it is the same peer. */
static void roles_keep(const struct leg *leg, struct nego *next)
{
	role_keep(leg->audio_flow, &next->audio.t);
	role_keep(leg->video_flow, &next->video.t);
	role_keep(leg->slides_flow, &next->slides.t);
	role_keep(leg->fecc_flow, &next->fecc.t);
}

int leg_plain_update(struct leg *leg, const Cv__LegDescription *offer,
		     Cv__LegDescription **answer)
{
	const struct nego_policy policy = policy_of(leg);
	struct nego next;
	int r = nego_choose_plain(&next, offer, &policy);

	if (r < 0)
		return r;
	roles_keep(leg, &next);
	offer_drop(leg);
	r = terms_take(leg, &next);
	secret_wipe(&next, sizeof(next));
	return r < 0 ? r : leg_plain_answer(leg, offer, answer);
}

/* --- offers of ours ---------------------------------------------------- */

/* Keys of what is agreed are told again; the others are fresh. */
static void keys_make(struct nego_offer_keys *k, const struct flow *f)
{
	uint8_t *mine;

	rand_bytes(k, sizeof(*k));
	if (!f->is_used || f->crypto != NEGO_SDES)
		return;
	mine = (uint8_t *)(uintptr_t)nego_offer_key(k, f->t.suite);
	if (mine)
		memcpy(mine, f->tx_key, sizeof(f->tx_key));
}

static struct nego_offer_section section_of(const struct leg *leg,
					    const struct flow *f,
					    const struct nego_stream *st,
					    const struct nego_offer_keys *k)
{
	return (struct nego_offer_section){
		.is_wanted = f->port != 0, .local = local_of(leg, f),
		.agreed = st->section >= 0 ? st : NULL,
		.keys = leg->plain.is_sdes_allowed &&
			leg->plain.crypto != CV__CRYPTO_MODE__CRYPTO_OFF
			? k : NULL};
}

int leg_plain_offer(struct leg *leg, const Cv__LegWant *want,
		    Cv__LegDescription **offer)
{
	const struct nego *n = &leg->nego;
	struct nego_offer_cfg cfg = {
		.policy = policy_of(leg),
		.is_dtls = want ? want->dtls
				: leg->audio_flow->crypto == NEGO_DTLS,
		.fingerprint = span_of(leg->m->fingerprint,
				       sizeof(leg->m->fingerprint)),
		.kbps_in = leg->kbps_in};
	struct leg_offer *o = mem_zalloc(sizeof(*o));
	int r;

	if (!o)
		return E_NOMEM;
	offer_drop(leg);
	leg->plain.offer = o;
	keys_make(&o->audio, leg->audio_flow);
	keys_make(&o->video, leg->video_flow);
	keys_make(&o->slides, leg->slides_flow);
	keys_make(&o->fecc, leg->fecc_flow);
	cfg.audio = section_of(leg, leg->audio_flow, &n->audio, &o->audio);
	cfg.audio.ssrc = leg->audio_out.ssrc;
	cfg.video = section_of(leg, leg->video_flow, &n->video, &o->video);
	cfg.video.ssrc = leg->video_ssrc;
	cfg.slides = section_of(leg, leg->slides_flow, &n->slides, &o->slides);
	cfg.slides.ssrc = leg->slides_ssrc;
	cfg.fecc = section_of(leg, leg->fecc_flow, &n->fecc, &o->fecc);
	cfg.fecc.ssrc = leg->fecc.ssrc;
	cfg.bfcp_local = bfcp_local_of(leg);
	cfg.bfcp_profile = n->bfcp.section >= 0 ? n->bfcp.t.profile
						: CV__RTP_PROFILE__PROFILE_NONE;
	/* one waits for the answer, one goes to core */
	r = nego_offer_new(&o->d, &cfg);
	return r < 0 ? r : nego_offer_new(offer, &cfg);
}

int leg_plain_offer_anew(struct leg *leg, const Cv__LegWant *want,
			 Cv__LegDescription **offer)
{
	int r = want ? ports_open(leg, want) : E_FORMAT;

	if (r < 0)
		return r;
	return leg_plain_offer(leg, NULL, offer);
}

int leg_accept(struct leg *leg, const Cv__LegAccept *msg,
	       Cv__LegDescription **answer)
{
	const struct nego_policy policy = policy_of(leg);
	struct nego next;
	int r;

	(void)answer;			/* nothing to say */
	if (!leg->plain.offer || !leg->plain.offer->d || !msg->answer)
		return E_STATE;
	r = nego_accept(&next, leg->plain.offer->d, msg->answer, &policy);
	if (r < 0)
		return r;
	roles_keep(leg, &next);
	if (!leg->plain.is_accepted)
		leg->plain.since_ns = leg->m->now_ns;
	r = terms_take(leg, &next);
	secret_wipe(&next, sizeof(next));
	return r;
}

/* --- life -------------------------------------------------------------- */

static bool should_send(const struct nego_stream *st)
{
	return st->section >= 0 && st->we_receive &&
	       (st->t.has_addr || st->t.is_waiting);
}

/* When anything came last; a peer that holds need not send. */
static uint64_t heard_ns(struct leg *leg)
{
	uint64_t heard = leg->plain.since_ns;

	if (!should_send(&leg->nego.audio) && !should_send(&leg->nego.video))
		leg->plain.since_ns = heard = leg->m->now_ns;
	for (unsigned i = 0; i < LEG_FLOWS; i++)
		if (leg->flows[i].is_used && leg->flows[i].heard_ns > heard)
			heard = leg->flows[i].heard_ns;
	return heard;
}

static bool is_older(const struct leg *leg, uint64_t ns, unsigned s)
{
	return leg->m->now_ns - ns > s * NS_PER_S;
}

static void phase_step(struct leg *leg)
{
	const uint64_t heard = heard_ns(leg);
	const bool is_silent = is_older(leg, heard, MEDIA_PLAIN_SILENT_S);

	if (leg->phase == CV__LEG_PHASE__LEG_NEW &&
	    flow_is_ready(leg_main_flow(leg)))
		leg_set_phase(leg, CV__LEG_PHASE__LEG_SECURE);
	else if (leg->phase == CV__LEG_PHASE__LEG_NEW &&
		 is_older(leg, leg->plain.since_ns, MEDIA_PLAIN_NEW_S))
		leg_gone(leg, "no keys in time");
	else if (leg->phase == CV__LEG_PHASE__LEG_SECURE && is_silent)
		leg_set_phase(leg, CV__LEG_PHASE__LEG_SILENT);
	else if (leg->phase == CV__LEG_PHASE__LEG_SILENT && !is_silent)
		leg_set_phase(leg, CV__LEG_PHASE__LEG_SECURE);
	else if (leg->phase == CV__LEG_PHASE__LEG_SILENT &&
		 is_older(leg, heard, MEDIA_PLAIN_GONE_S))
		leg_gone(leg, "no packet");
}

bool leg_plain_life(struct leg *leg)
{
	if (!leg->plain.is_accepted) {
		if (is_older(leg, leg->plain.since_ns, MEDIA_OFFER_S))
			leg_gone(leg, "our offer was not answered");
		return !leg->is_dead;
	}
	for (unsigned i = 0; i < LEG_FLOWS && !leg->is_dead; i++)
		flow_service(&leg->flows[i]);
	if (!leg->is_dead)
		leg_bfcp_service(leg);
	if (!leg->is_dead)
		phase_step(leg);
	return !leg->is_dead;
}
