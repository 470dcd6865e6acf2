/* wire/sdp - session descriptions (RFC 8866) as WebRTC and SIP offers carry
 * them, and a writer for answers.
 *
 * Reading: sdp_decode() keeps origin, connection, bandwidth and media lines
 * typed and every attribute as a pair of spans, and checks the attributes named
 * "checked" below, so that the typed accessors cannot fail afterwards. v=, o=,
 * s= come first; after them the order within a section is free, because old
 * devices get it wrong. Lines may end in CR LF or LF. Bytes 0 and CR inside a
 * line are refused. The text must be UTF-8.
 *
 * Ownership: arrays live in the arena given, spans point into the input text;
 * both must outlive the struct. The decoder needs at most SDP_ARENA_BYTES.
 * Pure, no clock, no log; not thread related. Work is linear in the text.
 *
 * Checked: group, mid, rtpmap, fmtp, rtcp-fb, extmap, ssrc, ssrc-group,
 * ice-ufrag, ice-pwd, fingerprint, setup, content, and that a direction or a
 * mid occurs once per section and mids are unique (rtpmap, fmtp and rtcp-fb on
 * RTP sections only). Candidates are not: one that we cannot read is left out
 * (peers invent transports).
 *
 * Errors: E_LIMIT (a bound below), E_FORMAT, E_NOMEM (arena too small). With
 * an error *err names the line (from 1) and the rule.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "base/wr.h"

enum {
	SDP_BYTES_MAX = 64 * 1024,
	SDP_SECTIONS_MAX = 64,
	SDP_ATTRS_MAX = 512,		/* of one section, or of the session */
	SDP_ATTRS_TOTAL_MAX = 4096,
	SDP_FMTS_MAX = 96,		/* formats on one m= line */
	SDP_LINE_MAX = 4096,
	SDP_BANDWIDTHS_MAX = 8,		/* b= lines of one section */
	SDP_MID_MAX = 32,
	SDP_ARENA_BYTES = 384 * 1024,
};

struct sdp_err {
	unsigned line;			/* 1.., 0 = the whole text */
	const char *rule;		/* constant English text */
};

enum sdp_kind { SDP_OTHER = 0, SDP_AUDIO, SDP_VIDEO, SDP_APPLICATION };
enum sdp_dir { SDP_INACTIVE = 0, SDP_SENDONLY = 1, SDP_RECVONLY = 2,
	       SDP_SENDRECV = 3 };
enum sdp_setup { SDP_SETUP_NONE = 0, SDP_ACTPASS, SDP_ACTIVE, SDP_PASSIVE,
		 SDP_HOLDCONN };
/* RFC 4796; several may stand in one attribute. */
enum sdp_content { SDP_CONTENT_MAIN = 1, SDP_CONTENT_SLIDES = 2,
		   SDP_CONTENT_SPEAKER = 4, SDP_CONTENT_SL = 8,
		   SDP_CONTENT_ALT = 16, SDP_CONTENT_OTHER = 32 };

struct sdp_attr {
	struct span name;
	struct span value;		/* empty for a=name */
	bool has_value;
	uint32_t line;
};

struct sdp_attrs {
	const struct sdp_attr *v;
	size_t n;
};

struct sdp_conn {			/* c=, n of addr 0 = absent */
	bool ip6;
	struct span addr;		/* text, may be a name: never resolve it */
};

struct sdp_bw {				/* b= lines, 0 = absent */
	uint32_t as_kbps;		/* AS, RFC 8866 */
	uint32_t ct_kbps;		/* CT */
	uint64_t tias_bps;		/* TIAS, RFC 3890 */
};

struct sdp_section {
	enum sdp_kind kind;
	struct span media;		/* "audio", "video", ... as written */
	uint16_t port;			/* 0 = rejected, or bundle-only */
	uint16_t ports;			/* "/<n>", else 1 */
	struct span proto;		/* "UDP/TLS/RTP/SAVPF" */
	const struct span *fmts;	/* payload types or other words */
	size_t fmts_n;
	struct sdp_conn conn;		/* the section's own only */
	struct sdp_bw bw;
	struct sdp_attrs attrs;
	struct span mid;		/* empty = none */
	enum sdp_dir dir;		/* own, else session's, else sendrecv */
	bool has_dir;			/* the section has one of its own */
	uint32_t line;
};

struct sdp {
	struct {
		struct span user, sess_id, sess_version;
		bool ip6;
		struct span addr;
	} origin;
	struct span name;		/* s= */
	struct sdp_conn conn;
	struct sdp_bw bw;
	struct sdp_attrs attrs;		/* session level */
	const struct sdp_section *sections;
	size_t sections_n;
};

/* err may be NULL. */
int sdp_decode(struct sdp *out, struct span text, struct arena *a,
	       struct sdp_err *err);

/* --- attributes by name --- */

/* The next attribute of this name at or after *it; moves *it behind it. NULL
 * when there is none. Names compare with case (RFC 8866 9). */
const struct sdp_attr *sdp_attr_next(const struct sdp_attrs *as,
				     const char *name, size_t *it);
const struct sdp_attr *sdp_attr_find(const struct sdp_attrs *as,
				     const char *name);
bool sdp_attr_has(const struct sdp_attrs *as, const char *name);
/* Of the section, else of the session: ice-ufrag, fingerprint, setup, ... */
const struct sdp_attr *sdp_attr_either(const struct sdp *s,
				       const struct sdp_section *m,
				       const char *name);

/* --- typed --- */

/* Splits off the next word (separated by single or more spaces). */
bool sdp_word_next(struct span *rest, struct span *word);

/* The mids of the n-th BUNDLE group as "0 1 2", for sdp_word_next(); false
 * when there is no such group. */
bool sdp_bundle(const struct sdp *s, size_t nth, struct span *mids);
bool sdp_bundle_has(const struct sdp *s, struct span mid);

struct sdp_rtpmap {
	uint8_t pt;			/* 0..127 */
	struct span name;		/* compare without case */
	uint32_t clock_hz;
	uint8_t channels;		/* 1 when not written */
};
bool sdp_rtpmap_next(const struct sdp_section *m, size_t *it,
		     struct sdp_rtpmap *out);
/* Also answers for the static payload types 0, 8, 9, 13 (RFC 3551) that are on
 * the m= line without rtpmap. */
bool sdp_rtpmap_find(const struct sdp_section *m, uint8_t pt,
		     struct sdp_rtpmap *out);

/* a=fmtp of a payload type: what follows the number; false when absent. */
bool sdp_fmtp_find(const struct sdp_section *m, uint8_t pt,
		   struct span *params);
/* One parameter "name=value;..." by name without case; a flag without value
 * gives an empty span. */
bool sdp_fmtp_param(struct span params, const char *name, struct span *value);
/* The same as a number: `dflt` when absent or not a number in 0..max. */
uint64_t sdp_fmtp_uint(struct span params, const char *name, uint64_t max,
		       uint64_t dflt);
/* As hex digits (profile-level-id): exactly 6. False when absent or not. */
bool sdp_fmtp_hex24(struct span params, const char *name, uint32_t *out);

struct sdp_rtcp_fb {
	bool all;			/* "*" */
	uint8_t pt;
	struct span type;		/* "nack", "ccm", "goog-remb", ... */
	struct span param;		/* "pli", "fir", or empty */
};
bool sdp_rtcp_fb_next(const struct sdp_section *m, size_t *it,
		      struct sdp_rtcp_fb *out);

struct sdp_extmap {
	uint16_t id;			/* 1..255, or 4096..4351 */
	enum sdp_dir dir;		/* sendrecv when not written */
	struct span uri;
	struct span attrs;
};
bool sdp_extmap_next(const struct sdp_attrs *as, size_t *it,
		     struct sdp_extmap *out);

struct sdp_ssrc {
	uint32_t ssrc;
	struct span name, value;	/* "cname", text; RFC 5576 */
};
bool sdp_ssrc_next(const struct sdp_section *m, size_t *it,
		   struct sdp_ssrc *out);

struct sdp_ssrc_group {
	struct span semantics;		/* "FID", "SIM", "FEC-FR" */
	struct span ssrcs;		/* "1 2", for sdp_word_next() */
};
bool sdp_ssrc_group_next(const struct sdp_section *m, size_t *it,
			 struct sdp_ssrc_group *out);

/* ICE (RFC 8839), section before session. Empty spans when absent. */
struct sdp_ice {
	struct span ufrag;		/* 4..256 ice-chars */
	struct span pwd;		/* 22..256 ice-chars */
	bool lite, trickle, renomination;
};
void sdp_ice(const struct sdp *s, const struct sdp_section *m,
	     struct sdp_ice *out);

enum sdp_hash { SDP_HASH_OTHER = 0, SDP_SHA1, SDP_SHA224, SDP_SHA256,
		SDP_SHA384, SDP_SHA512 };
struct sdp_fingerprint {
	enum sdp_hash hash;
	size_t n;			/* bytes */
	uint8_t v[64];
};
/* The nth fingerprint (RFC 8122) in force for the section. */
bool sdp_fingerprint(const struct sdp *s, const struct sdp_section *m,
		     size_t nth, struct sdp_fingerprint *out);

enum sdp_setup sdp_setup(const struct sdp *s, const struct sdp_section *m);

/* Bits of enum sdp_content, 0 when the attribute is absent. */
unsigned sdp_content(const struct sdp_section *m);

/* c= in force for the section. */
const struct sdp_conn *sdp_conn(const struct sdp *s,
				const struct sdp_section *m);
/* The section's limit for what it wants to receive, kbit/s: TIAS before AS
 * before the session's; 0 = none. */
uint32_t sdp_kbps(const struct sdp *s, const struct sdp_section *m);
uint32_t sdp_bw_kbps(const struct sdp_bw *b);	/* of one level alone */

/* a=rtcp (RFC 3605): the port for RTCP, and its address when one is written.
 * False when absent or malformed. */
bool sdp_rtcp(const struct sdp_section *m, uint16_t *port,
	      struct sdp_conn *conn);

enum sdp_cand_type { SDP_CAND_HOST = 0, SDP_CAND_SRFLX, SDP_CAND_PRFLX,
		     SDP_CAND_RELAY };
struct sdp_candidate {
	struct span foundation;		/* 1..32 ice-chars */
	uint16_t component;		/* 1..256 */
	bool tcp;
	struct span tcptype;		/* "active", "passive", "so", or empty */
	uint32_t priority;
	struct span addr;		/* an address or a .local name, as text */
	uint16_t port;
	enum sdp_cand_type type;
	struct span ufrag;		/* extension, or empty */
};
/* One candidate's text, with or without "candidate:" (or "a=candidate:") in
 * front, as a client's trickle posts it. E_FORMAT, E_UNSUPPORTED for another
 * transport. */
int  sdp_candidate_decode(struct sdp_candidate *out, struct span text);
bool sdp_candidate_next(const struct sdp_section *m, size_t *it,
			struct sdp_candidate *out);

/* --- writing --- */

/* Appends whole lines with CR LF to a struct wr. A CR, LF or NUL in any value,
 * an empty word where one is needed, or a full buffer fails the writer, and
 * only wr_end() tells. Nothing is escaped: SDP has no escapes. */

/* v, o, s and t lines. */
void sdp_wr_session(struct wr *w, uint64_t sess_id, uint64_t version,
		    struct span addr, bool ip6);
/* m=media port proto fmts. fmts: "111 0" as text, not empty. */
void sdp_wr_media(struct wr *w, struct span media, uint16_t port,
		  struct span proto, struct span fmts);
void sdp_wr_conn(struct wr *w, struct span addr, bool ip6);
/* b=<type>:<value>; 0 writes nothing. */
void sdp_wr_bw(struct wr *w, const char *type, uint64_t value);
void sdp_wr_flag(struct wr *w, const char *name);	/* a=name */
void sdp_wr_attr(struct wr *w, const char *name, struct span value);
/* Formatted value, at most SDP_LINE_MAX bytes. Spans: "%.*s", SDP_S(span). */
__attribute__((format(printf, 3, 4)))
void sdp_wr_attrf(struct wr *w, const char *name, const char *fmt, ...);
#define SDP_S(s) (int)(s).n, (const char *)(s).p
/* a=rtcp:<port>, with the section's address. */
void sdp_wr_rtcp(struct wr *w, uint16_t port);
void sdp_wr_dir(struct wr *w, enum sdp_dir dir);
void sdp_wr_setup(struct wr *w, enum sdp_setup setup);
/* channels 0 or 1 are not written. */
void sdp_wr_rtpmap(struct wr *w, const struct sdp_rtpmap *m);
void sdp_wr_rtcp_fb(struct wr *w, uint8_t pt, const char *type,
		    const char *param);
/* Only ids of the offer; the direction is written when not sendrecv. */
void sdp_wr_extmap(struct wr *w, const struct sdp_extmap *e);
void sdp_wr_fingerprint(struct wr *w, const struct sdp_fingerprint *f);
void sdp_wr_candidate(struct wr *w, const struct sdp_candidate *c);
