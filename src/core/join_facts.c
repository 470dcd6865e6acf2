/* Who asks: from where, in which location, under which rules, and what he can
 * prove himself with. */
#include <stdio.h>

#include "core/caller.h"
#include "core/gateway.h"
#include "core/join_policy.h"
#include "core/reg.h"

#include "base/siphash.h"

/* --- what proves him ----------------------------------------------------------- */

struct span join_room_id(int64_t conf, char text[ROOM_ID_MAX])
{
	const int n = snprintf(text, ROOM_ID_MAX, "conference %lld",
			       (long long)conf);

	return span_of(text, (size_t)n);
}

/* A keyed hash, so that the version tells nothing about the PINs. */
uint64_t join_pin_version(const struct core *c, const struct access_cfg *a)
{
	uint8_t text[2 * (PIN_LEN_MAX + 2)] = {0};
	uint64_t v;

	if (a->host_pin.n && a->host_pin.n <= PIN_LEN_MAX)
		memcpy(text, a->host_pin.p, a->host_pin.n);
	if (a->guest_pin.n && a->guest_pin.n <= PIN_LEN_MAX)
		memcpy(text + PIN_LEN_MAX + 2, a->guest_pin.p,
		       a->guest_pin.n);
	text[PIN_LEN_MAX] = a->allow_guests;
	v = siphash(c->pin_key, span_of(text, sizeof(text)));
	secret_wipe(text, sizeof(text));
	return v;
}

bool join_returns(const struct join *j, int64_t conf,
		  struct reconnect_state *out)
{
	const struct meeting *m = conf ? meeting_of_conf(j->c, conf) : NULL;

	/* Always hashed, so that a room without a meeting costs the same. */
	return reconnect_check(j->c->sessions, m ? m->id : 0,
			       span_str(j->reconnect), out) == 0 && conf;
}

static bool has_good_cookie(struct join *j, int64_t conf, uint64_t version)
{
	char text[ROOM_ID_MAX];
	const struct ticket_room room = {.id = join_room_id(conf, text),
					 .pin_version = version};
	const struct span key = span_of(j->c->ticket_key, TICKET_KEY_LEN);
	const int64_t now_s = clock_wall_us() / 1000000;
	bool good = false;

	for (size_t i = 0; i < j->n_cookies; i++) {
		uint8_t id[TICKET_ID_LEN];

		if (ticket_check(span_str(j->cookies[i]), key, &room, now_s,
				 id) < 0)
			continue;
		memcpy(j->cookie_id, id, sizeof(id));
		good = true;
	}
	return good && conf;
}

/* Its hash names it; a row of another room, or one that has ended, is none. */
static bool has_good_invitation(struct join *j, int64_t conf, uint64_t *id)
{
	uint8_t hash[INVITATION_HASH_LEN];
	char room[ROOM_ID_MAX], hex[2 * INVITATION_HASH_LEN + 1];
	const int r = invitation_hash(hash, span_str(j->invitation),
				      span_of(j->c->ticket_key,
					      TICKET_KEY_LEN),
				      join_room_id(conf, room));
	const struct store_row *row;

	hex_encode(hex, hash, sizeof(hash));
	row = store_find(j->c->store, RES_CONFERENCE_INVITATION,
			 CONFERENCE_INVITATION_KEY_HASH, span_str(hex));
	*id = ticket_proof_id(hash);
	return r == 0 && conf && row &&
	       store_int(row, CONFERENCE_INVITATION_CONFERENCE) == conf &&
	       store_int(row, CONFERENCE_INVITATION_EXPIRY_TIME) >
	       clock_wall_us();
}

void join_prove(struct join *j, int64_t conf, uint64_t version)
{
	struct guard_facts *f = &j->facts;
	const bool cookie = has_good_cookie(j, conf, version);
	uint64_t invitation_id = 0;
	const bool invited = has_good_invitation(j, conf, &invitation_id);
	const struct reg *device = reg_of_token(j->c,
						span_str(j->registration));
	struct reconnect_state rs;

	f->proof = GUARD_PROOF_NONE;
	f->proof_id = 0;
	j->has_cookie_id = cookie;
	if (join_returns(j, conf, &rs)) {
		f->proof = GUARD_PROOF_RECONNECT;
		f->proof_id = rs.id;
	} else if (device) {
		f->proof = GUARD_PROOF_DEVICE;
		f->proof_id = (uint64_t)device->device;
	} else if (j->device || j->trunk) {
		f->proof = GUARD_PROOF_DEVICE;
		f->proof_id = j->device ? (uint64_t)j->device :
			      (uint64_t)j->trunk | UINT64_C(1) << 62;
	} else if (allow_of(j->c->allow, j->ip).is_user) {
		f->proof = GUARD_PROOF_ALLOW_LISTED;
	} else if (cookie) {
		f->proof = GUARD_PROOF_COOKIE;
		f->proof_id = ticket_proof_id(j->cookie_id);
	} else if (invited) {
		f->proof = GUARD_PROOF_INVITATION;
		f->proof_id = invitation_id;
	}
}

/* --- before the service is known ------------------------------------------------- */

static struct policy_room *policy_room(struct core *c, const char *alias,
				       uint64_t *hash)
{
	*hash = siphash(c->pin_key, span_str(alias));
	return &c->policy_rooms[*hash % CORE_POLICY_ROOMS];
}

void join_remember(struct join *j, uint64_t version)
{
	uint64_t hash;
	struct policy_room *r = policy_room(j->c, j->alias, &hash);

	if (j->by_policy)
		*r = (struct policy_room){.alias = hash, .conf = j->conf,
					  .version = version};
}

/* Against the room of our own, and against the one that policy last gave this
 * alias to somebody who knew its PIN: both looks always, so that neither tells
 * whether there is one. A guess that decides nothing but places in queues. */
static void prove_early(struct join *j)
{
	struct core *c = j->c;
	const struct store_row *conf = conf_of_alias(c, span_str(j->alias));
	struct guard_facts theirs;
	uint64_t hash;
	const struct policy_room *r = policy_room(c, j->alias, &hash);
	struct pins pins;

	join_prove(j, r->alias == hash ? r->conf : 0, r->version);
	theirs = j->facts;
	j->conf = conf ? store_row_id(conf) : 0;
	(void)pins_open(j, &pins);
	join_prove(j, j->conf, join_pin_version(c, &pins.cfg));
	pins_release(&pins);
	j->conf = 0;
	if (j->facts.proof == GUARD_PROOF_NONE)
		j->facts = theirs;
}

enum share_who join_share(const struct join *j)
{
	/* A cookie to be given: he knew a PIN. */
	return j->returns || j->cookie_name[0] ||
	       j->facts.proof != GUARD_PROOF_NONE ? SHARE_PROVEN :
		SHARE_STRANGER;
}

static bool is_shed(struct join *j)
{
	enum shed_who who = SHED_STRANGER;

	if (j->facts.proof == GUARD_PROOF_RECONNECT)
		who = SHED_RETURNING;
	else if (j->facts.proof != GUARD_PROOF_NONE)
		who = SHED_PROVEN;
	return shed_refuses(&j->c->shed, who);
}

enum join_event join_location(struct join *j)
{
	const uint8_t *ip = j->has_source ? j->ip : NULL;
	const bool is_loaded = j->c->shed.level != SHED_NOTHING;

	j->location = caller_location(j->c, j->has_local ? j->local : NULL,
				      ip);
	caller_facts(j->c, ip, j->location, &j->facts);
	if (j->way == JOIN_BY_SIP) {
		j->facts.face = GUARD_FACE_SIP;
		j->facts.verified = j->proven;
	}
	if (is_loaded)
		prove_early(j);
	/* Before anything else is spent on him. */
	if (is_loaded && is_shed(j))
		return join_busy(j);
	/* A profile that cannot be had must not be passed over. */
	if (join_policy_open(j) < 0)
		return join_busy(j);
	if (!is_loaded && (j->pol || gateways_on(j->c)))
		prove_early(j);
	return JE_NEXT;
}
