/* Hostile descriptions into the negotiation of legs without ICE (first byte
 * even), hostile events and packets into what stands behind the keys of a
 * clear leg (odd): telephone events, RTP, RTCP. Properties: an answer has as
 * many sections as its offer, keys only where they were offered and by the
 * mode, and survives packing; one press is never told twice for one stamp. */
#include <stdlib.h>
#include "base/clock.h"
#include "media/dtmf.h"
#include "media/negotiate_offer.h"
#include "wire/rtcp/rtcp.h"
#include "wire/rtp/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_section(const Cv__Section *a, const Cv__Section *o,
			  const struct nego_policy *p)
{
	bool is_off = p->crypto == CV__CRYPTO_MODE__CRYPTO_OFF;
	bool has_keys = a->n_sdes || a->fingerprint_sha256.len;

	/* of connections the face knows address and fingerprint */
	if (nego_bfcp_is_stream(a->profile))
		return;
	if (a->rejected) {
		if (a->addr || has_keys)
			abort();
		return;
	}
	if (is_off && has_keys)
		abort();
	if (p->crypto == CV__CRYPTO_MODE__CRYPTO_ON && !has_keys)
		abort();
	if (a->n_sdes > 1 || (a->n_sdes && (!o->n_sdes ||
					    !p->is_sdes_allowed)))
		abort();
	if (a->profile != o->profile)
		abort();
}

static void answer(const struct nego *n, const Cv__LegDescription *offer,
		   const struct nego_policy *p)
{
	static const uint8_t fp[32], key[46];
	struct nego_local_plain audio = {.addr.port = 40000}, video = audio,
				slides = audio, fecc = audio, bfcp = audio;
	struct nego_local local = {.fingerprint = {fp, 32}, .audio_ssrc = 1,
				   .video_ssrc = 2, .audio_plain = &audio,
				   .video_plain = &video,
				   .slides_plain = &slides,
				   .fecc_plain = &fecc, .bfcp_plain = &bfcp};
	Cv__LegDescription *a = NULL;
	uint8_t *packed;
	size_t len;

	audio.key_salt = span_of(key, nego_suite_bytes(n->audio.t.suite));
	video.key_salt = span_of(key, nego_suite_bytes(n->video.t.suite));
	slides.key_salt = span_of(key, nego_suite_bytes(n->slides.t.suite));
	fecc.key_salt = span_of(key, nego_suite_bytes(n->fecc.t.suite));
	if (nego_answer_new(&a, n, offer, &local) < 0)
		return;
	if (a->n_sections != offer->n_sections)
		abort();
	for (size_t i = 0; i < a->n_sections; i++)
		check_section(a->sections[i], offer->sections[i], p);
	len = cv__leg_description__get_packed_size(a);
	packed = malloc(len + 1);
	if (packed)
		cv__leg_description__pack(a, packed);
	free(packed);
	nego_answer_free(&a);
}

static void ours(const Cv__LegDescription *d, const struct nego_policy *p)
{
	static const struct nego_offer_keys keys;
	struct nego_offer_cfg c = {.policy = *p, .is_dtls = d->kbps & 1};
	Cv__LegDescription *o = NULL;
	struct nego n;

	c.audio.is_wanted = c.video.is_wanted = true;
	c.slides.is_wanted = c.fecc.is_wanted = d->kbps & 2;
	c.audio.keys = c.video.keys = c.slides.keys = c.fecc.keys = &keys;
	if (nego_offer_new(&o, &c) < 0)
		return;
	if (nego_accept(&n, o, d, p) == 0 &&
	    n.audio.section < 0 && n.video.section < 0)
		abort();
	nego_answer_free(&o);
}

static void descriptions(uint8_t how, struct span in)
{
	const struct nego_policy p = {.crypto = (Cv__CryptoMode)(how >> 1 & 3)
						% 3,
				      .is_sdes_allowed = how & 8,
				      .is_sha1_32_allowed = how & 16};
	Cv__LegDescription *d =
		cv__leg_description__unpack(NULL, in.n, in.p);
	struct nego n;

	if (!d)
		return;
	if (nego_choose_plain(&n, d, &p) == 0)
		answer(&n, d, &p);
	if (nego_choose(&n, d) == 0 && n.audio.section < 0 &&
	    n.video.section < 0)
		abort();
	ours(d, &p);
	cv__leg_description__free_unpacked(d, NULL);
}

/* Rows of one length byte and as many bytes, 20 ms apart. */
static void packets(struct span in)
{
	struct dtmf_in dtmf = {.has_done = false};
	uint64_t now = NS_PER_S, told = UINT64_MAX;
	struct dtmf_press press;
	struct rtp h;
	struct rtcp c;

	while (in.n > 1) {
		size_t len = in.p[0] < in.n - 1 ? in.p[0] : in.n - 1;
		struct span one = span_of(in.p + 1, len), all = one;

		in = span_of(in.p + 1 + len, in.n - 1 - len);
		now += 20 * NS_PER_MS;
		if (rtcp_check(one) == 0)
			while (rtcp_next(&all, &c) > 0)
				;
		if (rtp_decode(&h, one) < 0)
			continue;
		if (!dtmf_in_packet(&dtmf, h.ts, h.marker, h.payload, 8000,
				    now, &press) &&
		    !dtmf_in_timer(&dtmf, 8000, now, &press))
			continue;
		if (press.event >= DTMF_EVENTS || told == dtmf.done_ts)
			abort();
		told = dtmf.done_ts;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (data[0] & 1)
		packets(span_of(data + 1, size - 1));
	else
		descriptions(data[0], span_of(data + 1, size - 1));
	return 0;
}
