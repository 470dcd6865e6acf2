/* wire/sip/addr.h - addresses in headers: From, To, Contact, Route,
 * Record-Route, Refer-To, Referred-By, P-Asserted-Identity (RFC 3261 20.10).
 *
 *   "Display \"name\"" <sip:a@b;lr>;tag=x      name-addr
 *   sip:a@b;tag=x                              addr-spec: the parameters are
 *                                              the header's, not the URI's
 * Zero copy and pure, as uri.h.
 */
#pragma once
#include "wire/sip/uri.h"

enum { SIP_DISPLAY_MAX = 512 };		/* of one display name, raw bytes */

struct sip_addr {
	bool star;			/* Contact: *; then all else is empty */
	bool bracketed;
	bool display_quoted;
	struct span display;		/* inside the quotes, escapes kept */
	struct sip_uri uri;
	struct span params;		/* the header's, from ';', or empty */
};

/* One value, no list. A '*' only with sip_contact_decode(). E_FORMAT, E_LIMIT.
 * An addr-spec that holds a ',' or '?' or ';' belonging to the URI is
 * refused as 20 demands (a ';' starts a header parameter). */
int sip_addr_decode(struct sip_addr *out, struct span value);
int sip_contact_decode(struct sip_addr *out, struct span value);

/* tag=, empty when absent. */
struct span sip_addr_tag(const struct sip_addr *a);
/* q= in thousandths, 1000 when absent or unreadable. */
unsigned sip_addr_q(const struct sip_addr *a);
/* expires= of a Contact: false when absent; unreadable counts as 3600 (RFC
 * 3261 20.10), too large as UINT32_MAX. */
bool sip_addr_expires(const struct sip_addr *a, uint32_t *secs);
/* The display name with escapes undone, control characters left out and cut
 * at the last whole UTF-8 character that fits; bytes that are no UTF-8 become
 * '?'. Never fails: what is drawn or logged comes from here. */
struct span sip_addr_display(const struct sip_addr *a, void *buf, size_t cap);

/* "display" <uri>params. Display raw, quoted and escaped here, empty: none;
 * params start with ';' or are empty. */
void sip_wr_addr(struct wr *w, struct span display, const struct sip_uri *u,
		 struct span params);
