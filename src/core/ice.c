/* The STUN and TURN servers that clients in a location are told. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "core/core.h"

static Cv__IceServer *add(struct ice_list *l, bool turn)
{
	const size_t i = l->n++;
	Cv__IceServer *s = &l->servers[i];

	cv__ice_server__init(s);
	s->turn = turn;
	l->list[i] = s;
	return s;
}

/* A literal IPv6 address stands in brackets. */
static bool has_colon(struct span host)
{
	return host.n && memchr(host.p, ':', host.n) != NULL;
}

static int print_url(char dst[ICE_URL_MAX], const char *scheme,
		     struct span host, int64_t port, const char *tail)
{
	const bool v6 = has_colon(host);
	const int n = snprintf(dst, ICE_URL_MAX, "%s:%s%.*s%s:%lld%s", scheme,
			       v6 ? "[" : "", (int)host.n,
			       (const char *)host.p, v6 ? "]" : "",
			       (long long)port, tail);

	return n > 0 && n < ICE_URL_MAX ? n : E_LIMIT;
}

static void stun(struct ice_list *l, const struct store_row *row)
{
	char *url = l->url[l->n];

	if (print_url(url, "stun", store_text(row, STUN_SERVER_ADDRESS),
		      store_int(row, STUN_SERVER_PORT), "") < 0)
		return;
	add(l, false)->url = ipc_data(span_str(url));
}

/* coturn's use-auth-secret: the name says when the account ends, the password
 * is a MAC of the name. Nobody renews it while he is inside: an allocation
 * that was made in time lives on by the key that coturn holds for it, and who
 * lost his way joins again with his reconnect credential and gets a new one. */
static int shared_account(struct core *c, const struct store_row *row,
			  const char *uuid, struct ice_list *l)
{
	struct secret key = {NULL, 0};
	uint8_t mac[SHA1_LEN];
	char *user = l->user[l->n];
	int r = store_secret(c->store, row, TURN_SERVER_SECRET_KEY, &key);

	(void)snprintf(user, ICE_USER_MAX, "%lld:%s",
		       (long long)(clock_wall_us() / 1000000 +
				   store_int(row,
					TURN_SERVER_CREDENTIAL_LIFETIME)),
		       uuid);
	if (r == 0 && !key.n)
		r = E_NOTFOUND;
	r = r ? r : crypto_hmac_sha1(mac, secret_span(&key), span_str(user));
	if (r == 0)
		b64_encode(l->credential[l->n], mac, sizeof(mac));
	secret_release(&key);
	secret_wipe(mac, sizeof(mac));
	return r;
}

static int fixed_account(struct core *c, const struct store_row *row,
			 struct ice_list *l)
{
	struct secret password = {NULL, 0};
	int r = span_cstr(store_text(row, TURN_SERVER_USERNAME),
			  l->user[l->n], ICE_USER_MAX);

	r = r ? r : store_secret(c->store, row, TURN_SERVER_PASSWORD,
				 &password);
	r = r ? r : span_cstr(secret_span(&password), l->credential[l->n],
			      ICE_CREDENTIAL_MAX);
	secret_release(&password);
	return r;
}

static void turn(struct core *c, const struct store_row *row,
		 const char *uuid, struct ice_list *l)
{
	const int64_t by = store_int(row, TURN_SERVER_TRANSPORT_TYPE);
	char *url = l->url[l->n];
	Cv__IceServer *s;
	int r = store_int(row, TURN_SERVER_SERVER_TYPE) ==
		SV_TURN_COTURN_SHARED ? shared_account(c, row, uuid, l) :
		fixed_account(c, row, l);

	if (r < 0 || print_url(url, by == SV_TURN_TLS ? "turns" : "turn",
			       store_text(row, TURN_SERVER_ADDRESS),
			       store_int(row, TURN_SERVER_PORT),
			       by == SV_TURN_UDP ? "?transport=udp" :
			       "?transport=tcp") < 0)
		return;
	s = add(l, true);
	s->url = ipc_data(span_str(url));
	s->username = ipc_data(span_str(l->user[l->n - 1]));
	s->credential = ipc_data(span_str(l->credential[l->n - 1]));
}

static void each(struct core *c, const struct store_row *place,
		 unsigned field, enum schema_resource_id res, const char *uuid,
		 struct ice_list *l)
{
	struct span rest = store_text(place, field);
	int64_t id;

	while (l->n < ICE_SERVERS_MAX && schema_ref_next(&rest, &id) == 1) {
		const struct store_row *row = store_get(c->store, res, id);

		if (row && res == RES_STUN_SERVER)
			stun(l, row);
		else if (row)
			turn(c, row, uuid, l);
	}
}

void ice_fill(struct core *c, int64_t location, const char *uuid,
	      struct ice_list *l, Cv__JoinReply *r)
{
	const struct store_row *place = location ?
		store_get(c->store, RES_SYSTEM_LOCATION, location) : NULL;

	if (!place)
		return;
	each(c, place, SYSTEM_LOCATION_CLIENT_STUN_SERVERS, RES_STUN_SERVER,
	     uuid, l);
	each(c, place, SYSTEM_LOCATION_CLIENT_TURN_SERVERS, RES_TURN_SERVER,
	     uuid, l);
	r->ice_servers = l->list;
	r->n_ice_servers = l->n;
	r->relay_only = store_bool(place,
				   SYSTEM_LOCATION_USE_RELAY_CANDIDATES_ONLY);
}

void ice_wipe(struct ice_list *l)
{
	secret_wipe(l->credential, sizeof(l->credential));
}
