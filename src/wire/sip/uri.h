/* wire/sip/uri.h - SIP, SIPS and tel URIs (RFC 3261 19.1 and 25, RFC 3966).
 *
 * Zero copy: every span points into the text that was decoded, which must
 * outlive the struct. %HH escapes stay as written; sip_unescape() and
 * sip_uri_user() undo them into a buffer of the caller. Pure, no allocation;
 * thread safe. Work is linear in the text (parameters: SIP_PARAMS_MAX).
 *
 * A URI of another scheme decodes to SIP_SCHEME_OTHER with only `text` set, so
 * that a request for one can be answered 416.
 *
 * A password in a URI (19.1.1 advises against it) is noticed, never kept: no
 * span covers it but `text`, and sip_uri_print() and sip_wr_uri() leave it
 * out. Whoever logs a URI uses those, not `text`.
 */
#pragma once
#include "base/addr.h"
#include "base/span.h"
#include "base/wr.h"

enum {
	SIP_URI_MAX = 2048,		/* bytes of one URI */
	SIP_USER_MAX = 512,		/* bytes of a user part */
	SIP_HOST_MAX = 255,
	SIP_PARAMS_MAX = 32,		/* parameters of one list */
};

/* --- parameters: ";tag=x;lr" (also of Via, name-addr and other headers) --- */

struct sip_param {
	struct span name;
	struct span value;		/* quotes stripped, escapes kept */
	bool has_value;
	bool quoted;
};

/* The next parameter; `rest` starts as the list and moves on. Blanks and folds
 * around ; and = are eaten. False at the end, and for what is no parameter. */
bool sip_param_next(struct span *rest, struct sip_param *out);
/* By name without case; the first one counts. */
bool sip_param_find(struct span params, const char *name,
		    struct sip_param *out);
bool sip_param_has(struct span params, const char *name);
/* Value of a parameter, empty when absent or without value. */
struct span sip_param_value(struct span params, const char *name);

/* --- hosts --- */

enum sip_host_kind { SIP_HOST_NONE = 0, SIP_HOST_NAME, SIP_HOST_V4,
		     SIP_HOST_V6 };

struct sip_host {
	enum sip_host_kind kind;
	struct span text;		/* IPv6 without its brackets */
	struct addr ip;			/* V4 and V6; its port is 0 */
	uint16_t port;			/* 0 = not written */
};

/* "host", "host:port", "[v6]:port", the whole span. E_FORMAT. */
int sip_host_decode(struct sip_host *out, struct span text);
/* Names compare without case, addresses as addresses; the port is not. */
bool sip_host_eq(const struct sip_host *a, const struct sip_host *b);

/* --- URIs --- */

enum sip_scheme { SIP_SCHEME_OTHER = 0, SIP_SCHEME_SIP, SIP_SCHEME_SIPS,
		  SIP_SCHEME_TEL };

struct sip_uri {
	enum sip_scheme scheme;
	struct span text;		/* all of it, as written */
	struct span user;		/* escaped; of tel: the number */
	bool has_user;
	bool has_password;
	struct sip_host host;		/* NONE for tel and other schemes */
	struct span params;		/* from the first ';', or empty */
	struct span headers;		/* behind '?', or empty */
};

/* The whole span is one URI without < >. E_FORMAT, E_LIMIT. */
int sip_uri_decode(struct sip_uri *out, struct span text);

/* Equality of RFC 3261 19.1.4: scheme, user and password with case; host
 * without; ports as written; transport, user, method, ttl and maddr must be in
 * both or in none, other parameters only need to agree where both have them;
 * headers must agree. URIs of another scheme compare byte for byte. URIs with
 * a password are never equal to anything. */
bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b);

/* Undoes %HH: 0, E_LIMIT when it does not fit, E_FORMAT for a bad escape or
 * one that gives a control character, NUL among them. */
int sip_unescape(struct span text, void *buf, size_t cap, struct span *out);
/* The user part, unescaped. SIP_USER_MAX bytes are always enough. */
int sip_uri_user(const struct sip_uri *u, void *buf, size_t cap,
		 struct span *out);
/* "user@host" or "host" as an alias to look up: escapes undone, host in lower
 * case, no port, parameters or headers; of tel the number without visual
 * separators. */
int sip_uri_alias(const struct sip_uri *u, void *buf, size_t cap,
		  struct span *out);

/* transport=; OTHER also for one we do not know, NONE when absent. */
enum sip_transport { SIP_TRANSPORT_NONE = 0, SIP_TRANSPORT_UDP,
		     SIP_TRANSPORT_TCP, SIP_TRANSPORT_TLS, SIP_TRANSPORT_WS,
		     SIP_TRANSPORT_WSS, SIP_TRANSPORT_SCTP,
		     SIP_TRANSPORT_OTHER };
enum sip_transport sip_uri_transport(const struct sip_uri *u);
bool sip_uri_is_lr(const struct sip_uri *u);

/* One header of the URI ("?Replaces=...&Subject=..."), unescaped (here tab is
 * no error, CR, LF and NUL are). E_NOTFOUND, E_LIMIT, E_FORMAT. */
int sip_uri_header(const struct sip_uri *u, const char *name, void *buf,
		   size_t cap, struct span *out);

/* Canonical text without password: scheme and host name in lower case. Of a
 * URI of another scheme its text. Fails the writer on CR, LF, NUL, blanks, <
 * and >. With headers only if asked: they do not belong in a Request-URI. */
void sip_wr_uri(struct wr *w, const struct sip_uri *u, bool with_headers);
/* The pieces: "sips:user@host:port;params". `user` is raw and gets escaped;
 * empty: none. `host` is a name or address text (IPv6 gets its brackets),
 * port 0 is left out, `params` starts with ';' or is empty. */
void sip_wr_uri_parts(struct wr *w, enum sip_scheme scheme, struct span user,
		      struct span host, uint16_t port, struct span params);
/* For a log: as sip_wr_uri() without headers, through text_escape(). Always
 * NUL-terminated; cap >= 8. */
void sip_uri_print(const struct sip_uri *u, char *dst, size_t cap);
