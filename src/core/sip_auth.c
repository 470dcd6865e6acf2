/* Who a SIP caller is: a device, a trunk, or a stranger. */
#include "core/sip_int.h"

#include "core/caller.h"
#include "core/guard/device.h"
#include "core/identity/digest.h"
#include "core/sip_reg.h"
#include "core/sip_trunk.h"

bool sip_addr(struct addr *out, const Cv__Addr *a)
{
	*out = (struct addr){.port = 0};
	if (!a || a->ip.len != sizeof(out->ip) || a->port > UINT16_MAX)
		return false;
	memcpy(out->ip, a->ip.data, sizeof(out->ip));
	out->port = (uint16_t)a->port;
	return true;
}

void sip_caller_facts(struct core *c, const Cv__SipCaller *who,
		      int64_t *location, struct guard_facts *out)
{
	struct addr from, local;
	const bool has_from = sip_addr(&from, who->source);
	const bool has_local = sip_addr(&local, who->local);

	*location = caller_location(c, has_local ? local.ip : NULL,
				    has_from ? from.ip : NULL);
	caller_facts(c, has_from ? from.ip : NULL, *location, out);
	out->face = GUARD_FACE_SIP;
	out->verified = has_from && who->proven;
}

/* --- devices ------------------------------------------------------------------- */

bool sip_offers_md5(struct core *c, const Cv__SipCaller *who)
{
	const struct store_row *row;

	if (who->transport != CV__SIP_TRANSPORT__SIP_TLS)
		return false;
	for (int64_t id = 0; (row = store_next(c->store, RES_DEVICE, id));
	     id = store_row_id(row))
		if (store_bool(row, DEVICE_ALLOW_MD5_DIGEST) &&
		    store_bool(row, DEVICE_ENABLE_SIP))
			return true;
	return false;
}

/* One secret is opened and one digest computed whoever asks. */
static bool compare(struct core *c, const struct store_row *device,
		    const Cv__SipAuth *a)
{
	const struct store_row *row = device ? device :
		store_next(c->store, RES_DEVICE, 0);
	const struct digest_facts f = {
		.alg = a->alg == CV__DIGEST_ALG__DIGEST_MD5 ?
			DIGEST_BY_MD5 : DIGEST_BY_SHA256,
		.username = ipc_bytes(a->username),
		.realm = ipc_bytes(a->realm), .nonce = ipc_bytes(a->nonce),
		.nc = ipc_bytes(a->nc), .cnonce = ipc_bytes(a->cnonce),
		.uri = ipc_bytes(a->uri), .method = ipc_bytes(a->method)};
	struct secret own = {NULL, 0};
	bool same;

	if (!row || store_secret(c->store, row, DEVICE_PASSWORD, &own) < 0)
		return false;
	same = digest_is_right(&f, secret_span(&own), ipc_bytes(a->response));
	same &= secret_equal(store_text(row, DEVICE_USERNAME), f.username) &&
		own.n > 0;
	secret_release(&own);
	return same && device;
}

static bool may_use(const struct store_row *device, const Cv__SipCaller *who)
{
	const Cv__SipAuth *a = who->auth;

	if (!device || !store_bool(device, DEVICE_ENABLE_SIP) || !a->qop_auth)
		return false;
	return a->alg == CV__DIGEST_ALG__DIGEST_SHA256 ||
	       (a->alg == CV__DIGEST_ALG__DIGEST_MD5 &&
		who->transport == CV__SIP_TRANSPORT__SIP_TLS &&
		store_bool(device, DEVICE_ALLOW_MD5_DIGEST));
}

static void wrong(struct core *c, const struct guard_facts *facts,
		  struct span alias)
{
	struct addr a = {.port = 0};
	char ip[ADDR_TEXT_MAX];

	memcpy(a.ip, facts->ip, sizeof(a.ip));
	addr_print_ip(&a, ip);
	c->sip->figures.wrong_digests++;
	access_log(c, ACCESS_LINE_CREDENTIALS_WRONG, facts->ip, "sip");
	audit_note(c, "digest.wrong", AUDIT_DENIED, SPAN_LIT(""),
		   span_str(ip), alias, SPAN_NONE);
}

void sip_identify_device(struct core *c, const Cv__SipCaller *who,
			 const char *alias, const struct guard_facts *facts,
			 struct sip_identity *out)
{
	const struct store_row *device = alias[0] ? store_find(c->store,
		RES_DEVICE, DEVICE_ALIAS, span_str(alias)) : NULL;
	const bool same = compare(c, device, who->auth);
	const struct guard_device d = {
		.who = facts, .alias = span_str(alias),
		.flow = device && sip_reg_on_flow(c, who->flow,
						  span_str(alias)) ?
			who->flow : 0,
		.right = may_use(device, who) && same};

	if (guard_try_device(c->guard, &d, c->now_ns)) {
		*out = (struct sip_identity){.who = SIP_DEVICE,
			.device = store_row_id(device)};
		return;
	}
	*out = (struct sip_identity){.who = SIP_WRONG};
	wrong(c, facts, span_str(alias));
	defence_events(c);
}

void sip_identify(struct core *c, const Cv__SipCaller *who, struct span alias,
		  struct guard_facts *facts, struct sip_identity *out)
{
	char name[ALIAS_MAX + 1];

	(void)alias_normalise(name, alias);
	*out = (struct sip_identity){.who = SIP_STRANGER};
	out->trunk = sip_trunk_of(c, who);
	if (out->trunk) {
		out->who = SIP_TRUNK;
		return;
	}
	if (who->auth && who->auth->alg) {
		sip_identify_device(c, who, name, facts, out);
		return;
	}
	out->device = sip_reg_on_flow(c, who->flow, span_str(name));
	if (out->device)
		out->who = SIP_DEVICE;
}
