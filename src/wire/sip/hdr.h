/* wire/sip/hdr.h - the smaller headers: one struct and one decoder each.
 *
 * Input is one header value as struct sip_hdr has it; the whole of it must
 * match. Zero copy, pure. All return 0, E_FORMAT or E_LIMIT and write *out only on
 * success. Unknown parameters are read over.
 */
#pragma once
#include "wire/sip/uri.h"

#define SIP_METHODS(X)                                                        \
	X(INVITE) X(ACK) X(BYE) X(CANCEL) X(OPTIONS) X(REGISTER) X(PRACK)     \
	X(SUBSCRIBE) X(NOTIFY) X(PUBLISH) X(INFO) X(REFER) X(MESSAGE)         \
	X(UPDATE)

enum sip_method {
	SIP_OTHER = 0,			/* a token we do not know */
#define X(m) SIP_##m,
	SIP_METHODS(X)
#undef X
	SIP_METHOD_COUNT
};

/* Methods compare with case (RFC 3261 7.1). */
enum sip_method sip_method_of(struct span token);
/* "INVITE"; "OTHER" for SIP_OTHER and what is out of range. */
const char *sip_method_name(enum sip_method m);

/* RFC 3261 20.16; seq < 2^31. */
struct sip_cseq {
	uint32_t seq;
	enum sip_method method;
	struct span method_text;
};
int sip_cseq_decode(struct sip_cseq *out, struct span value);

/* Seconds: Expires, Min-Expires, Min-SE (parameters allowed, ignored). A
 * number above 2^32-1 gives UINT32_MAX (RFC 3261 20.19 is silent on more). */
int sip_seconds_decode(uint32_t *out, struct span value);

/* RFC 4028 4. */
enum sip_refresher { SIP_REFRESHER_NONE = 0, SIP_REFRESHER_UAC,
		     SIP_REFRESHER_UAS };
struct sip_session_expires {
	uint32_t secs;
	enum sip_refresher refresher;
};
int sip_session_expires_decode(struct sip_session_expires *out,
			       struct span value);

/* RFC 3262 7.1, 7.2: numbers 1..2^31-1. */
int sip_rseq_decode(uint32_t *out, struct span value);
struct sip_rack {
	uint32_t rseq;
	struct sip_cseq cseq;
};
int sip_rack_decode(struct sip_rack *out, struct span value);

/* RFC 3891 6.1. Both tags must be there; a tag "0" stands for none. */
struct sip_replaces {
	struct span call_id, to_tag, from_tag;
	bool early_only;
};
int sip_replaces_decode(struct sip_replaces *out, struct span value);

/* RFC 6665 8.2.1. */
struct sip_event {
	struct span package;		/* "conference", "refer", ... */
	struct span id;			/* empty when absent */
	struct span params;
};
int sip_event_decode(struct sip_event *out, struct span value);

/* RFC 6665 8.2.3. */
enum sip_substate { SIP_SUB_OTHER = 0, SIP_SUB_ACTIVE, SIP_SUB_PENDING,
		    SIP_SUB_TERMINATED };
struct sip_subscription_state {
	enum sip_substate state;
	struct span reason;
	bool has_expires, has_retry_after;
	uint32_t expires, retry_after;
};
int sip_subscription_state_decode(struct sip_subscription_state *out,
				  struct span value);

/* One value of Reason (RFC 3326); a header may list several. */
struct sip_reason {
	struct span protocol;		/* "SIP", "Q.850", ... */
	uint16_t cause;			/* 0 when absent */
	struct span text;		/* raw, escapes kept */
};
int sip_reason_decode(struct sip_reason *out, struct span value);

/* One value of Resource-Priority (RFC 4412): "dsn.flash". */
struct sip_priority {
	struct span ns, value;
};
int sip_priority_decode(struct sip_priority *out, struct span value);

/* One value of Warning (RFC 3261 20.43). */
struct sip_warning {
	uint16_t code;			/* 100..999 */
	struct span agent;
	struct span text;		/* raw, escapes kept */
};
int sip_warning_decode(struct sip_warning *out, struct span value);

/* RFC 3261 20.33; comment and parameters are read over. */
int sip_retry_after_decode(uint32_t *secs, struct span value);

/* RFC 3261 20.17, GMT only. Seconds since 1970, years 1970..9999. */
int sip_date_decode(uint64_t *unix_s, struct span value);
void sip_wr_date(struct wr *w, uint64_t unix_s);

/* "type/subtype;params" (RFC 3261 20.15). */
struct sip_mime {
	struct span type, subtype, params;
};
int sip_mime_decode(struct sip_mime *out, struct span value);
bool sip_mime_is(const struct sip_mime *m, const char *type,
		 const char *subtype);	/* without case */

/* Option tags of Supported, Require, Proxy-Require, Unsupported. */
#define SIP_OPTIONS_LIST(X)                                                   \
	X(100REL, "100rel") X(TIMER, "timer") X(REPLACES, "replaces")         \
	X(NOREFERSUB, "norefersub") X(OUTBOUND, "outbound")                   \
	X(PATH, "path") X(GRUU, "gruu") X(JOIN, "join") X(ICE, "ice")         \
	X(TDIALOG, "tdialog") X(PRECONDITION, "precondition")                 \
	X(RESOURCE_PRIORITY, "resource-priority")                             \
	X(EVENTLIST, "eventlist") X(HISTINFO, "histinfo")                     \
	X(SEC_AGREE, "sec-agree") X(FROM_CHANGE, "from-change")               \
	X(EARLY_SESSION, "early-session") X(TARGET_DIALOG, "target-dialog")   \
	X(ANSWERMODE, "answermode") X(PRIVACY, "privacy")

enum sip_option_bit {
#define X(id, text) SIP_OPTION_BIT_##id,
	SIP_OPTIONS_LIST(X)
#undef X
	SIP_OPTION_BIT_COUNT
};
#define SIP_OPTION(id) (UINT32_C(1) << SIP_OPTION_BIT_##id)
/* The bit of one tag (without case), 0 when we do not know it. */
uint32_t sip_option_of(struct span token);
