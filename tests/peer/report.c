/* The verdict as one line of JSON. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "peer.h"

static json_t *i(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *d(double v)
{
	return json_real(round(v * 100) / 100);
}

static void set(json_t *o, const char *key, json_t *v)
{
	json_object_set_new(o, key, v);
}

static json_t *source(const struct rtp_source *s)
{
	json_t *o = json_object();
	uint64_t expected = s->is_started ? (uint64_t)(s->seq - s->first_seq + 1)
					  : 0;

	set(o, "packets", i(s->packets));
	set(o, "bytes", i(s->bytes));
	set(o, "lost", i(expected > s->packets ? expected - s->packets : 0));
	set(o, "reordered", i(s->reordered));
	set(o, "padding", i(s->padding));
	set(o, "jitter_ms", d(s->hz ? s->jitter * 1000 / s->hz : 0));
	set(o, "srs", i(s->srs));
	set(o, "sr_error_ms", d(s->sr_error_ms));
	return o;
}

static json_t *tones(const struct audio_in *a)
{
	json_t *list = json_array();

	for (unsigned k = 0; k < a->n_tones; k++) {
		const struct tone *t = &a->tone[k];
		json_t *o = json_object();

		set(o, "hz", d(t->hz));
		set(o, "heard_frames", i(t->heard));
		set(o, "frames", i(t->frames));
		set(o, "seconds_heard", i(t->seconds_heard));
		set(o, "first_ms", d((double)t->first * 20));
		set(o, "last_ms", d((double)t->last * 20));
		set(o, "absent_max_ms", i(t->absent_max * 20));
		set(o, "mean_db", d(10 * log10(t->mean /
				    (double)(t->frames + !t->frames) + 1e-12)));
		set(o, "loudest_second_db", d(t->second_max_db));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *audio(const struct peer *p)
{
	const struct audio_in *a = &p->audio_in;
	json_t *o = source(&p->audio_rx);
	uint64_t frames = a->played + a->fec + a->concealed;
	double n = (double)(frames + !frames);

	set(o, "frames", i(frames));
	set(o, "fec_frames", i(a->fec));
	set(o, "concealed_ms", i(a->concealed * 20));
	set(o, "concealed_percent", d((double)a->concealed * 100 / n));
	set(o, "gap_max_ms", i(a->gap_max * 20));
	set(o, "too_late", i(a->too_late));
	set(o, "duplicates", i(a->duplicates));
	set(o, "resyncs", i(a->resyncs));
	set(o, "bad", i(a->bad));
	set(o, "ts_jumps", i(a->ts_jumps));
	set(o, "delay_mean_ms", d(a->delay_sum_ms / n));
	set(o, "delay_ms", d((double)a->target / 1e6));
	set(o, "transit_drift_ms", d((double)(a->base - a->first_base) / 1e6));
	set(o, "onsets", i(a->onsets));
	set(o, "onset_first_ms", d(a->onset_first_ms));
	set(o, "onset_last_ms", d(a->onset_last_ms));
	set(o, "tones", tones(a));
	return o;
}

static json_t *probes(const struct video_in *v)
{
	json_t *list = json_array();

	for (unsigned k = 0; k < v->n_probes; k++) {
		json_t *rgb = json_array();

		for (int c = 0; c < 3; c++)
			json_array_append_new(rgb, i(v->probe_rgb[k][c]));
		json_array_append_new(list, rgb);
	}
	return list;
}

static json_t *video(const struct peer *p)
{
	const struct video_in *v = &p->video_in;
	json_t *o = source(&p->video_rx);

	set(o, "frames", i(v->frames));
	set(o, "moved_frames", i(v->moved));
	set(o, "keyframes", i(v->keys));
	set(o, "width", i(v->width));
	set(o, "height", i(v->height));
	set(o, "blocks_max", i(v->blocks_max));
	set(o, "repaired", i(v->repaired));
	set(o, "unrepaired", i(v->skipped));
	set(o, "duplicates", i(v->duplicates));
	set(o, "bad", i(v->bad));
	set(o, "plis_sent", i(v->plis));
	set(o, "nacks_sent", i(v->nacks));
	set(o, "rtx_in", i(p->n.rtx_in));
	set(o, "freeze_max_ms", d(v->freeze_ms));
	set(o, "freeze_max_rtp_ms", d(v->freeze_ts_ms));
	set(o, "freeze_sum_ms", d(v->freeze_sum_ms));
	set(o, "still_max_ms", d(v->still_ms));
	set(o, "still_max_rtp_ms", d(v->still_ts_ms));
	set(o, "first_ms", d(p->video_ns ? (double)(p->video_ns -
						    p->connected_ns) / 1e6
					 : -1));
	set(o, "probes", probes(v));
	return o;
}

static json_t *sent(const struct peer *p)
{
	const struct counters *n = &p->n;
	json_t *o = json_object();

	set(o, "audio_packets", i(p->audio_tx.packets));
	set(o, "video_packets", i(p->video_tx.packets));
	set(o, "video_frames", i(p->video_out.frames));
	set(o, "video_keyframes", i(p->video_out.keys));
	set(o, "rtx_packets", i(n->rtx_out));
	set(o, "nacks_seen", i(n->nacks_in));
	set(o, "nacked_packets", i(n->nacked_packets));
	set(o, "plis_seen", i(n->plis_in));
	set(o, "firs_seen", i(n->firs_in));
	set(o, "rr_seen", i(n->rr_in));
	set(o, "remb_seen", i(n->remb_in));
	set(o, "remb_kbps", i(n->remb_kbps));
	set(o, "twcc_seen", i(n->twcc_in));
	set(o, "loss_reported_max", d(n->loss_max));
	set(o, "rtt_ms", d(n->rtt_ms));
	set(o, "rtt_samples", i(n->rtt_samples));
	return o;
}

static json_t *link_of(const struct peer *p)
{
	const struct counters *n = &p->n;
	json_t *o = json_object();

	set(o, "datagrams_in", i(n->datagrams_in));
	set(o, "datagrams_out", i(n->datagrams_out));
	set(o, "largest", i(n->datagrams_largest));
	set(o, "send_failed", i(n->send_failed));
	set(o, "stun_sent", i(n->stun_sent));
	set(o, "stun_ok", i(n->stun_ok));
	set(o, "stun_bad", i(n->stun_bad));
	set(o, "rtp_in", i(n->rtp_in));
	set(o, "rtcp_in", i(n->rtcp_in));
	set(o, "replays", i(n->replays));
	set(o, "auth_failures", i(n->auth_failures));
	set(o, "srtp_failures", i(n->srtp_failures));
	set(o, "byes", i(n->bye_in));
	set(o, "unknown_rtcp", i(n->unknown_rtcp));
	return o;
}

json_t *peer_verdict(struct peer *p, uint64_t now)
{
	json_t *o = json_object(), *faults = json_array();

	video_in_end(&p->video_in, now);
	for (unsigned k = 0; k < p->n_faults; k++)
		json_array_append_new(faults, json_string(p->fault[k]));
	set(o, "type", json_string("report"));
	set(o, "error", p->error ? json_string(p->error) : json_null());
	set(o, "connected", json_boolean(p->connected_ns != 0));
	set(o, "seconds", d(p->connected_ns ? (double)(now - p->connected_ns) /
						      1e9 : 0));
	set(o, "srtp", json_string(secure_profile(p->secure)));
	set(o, "closed_by_server",
	    json_boolean(secure_is_closed(p->secure)));
	set(o, "faults", faults);
	set(o, "fault_count", i(p->all_faults));
	set(o, "audio", audio(p));
	set(o, "video", video(p));
	set(o, "sent", sent(p));
	set(o, "link", link_of(p));
	set(o, "keys", json_string(p->dtmf.heard));
	return o;
}

void peer_report(struct peer *p, uint64_t now)
{
	json_t *o = peer_verdict(p, now);
	char *text;

	text = json_dumps(o, JSON_COMPACT);
	puts(text ? text : "{}");
	fflush(stdout);
	free(text);
	json_decref(o);
}
