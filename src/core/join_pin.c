/* The PIN step: the guard's word, the comparison, what follows.
 *
 * An unknown alias, a room whose settings are invalid, a room that is blocked
 * and a source that is refused do the same work as a room that is there, and
 * get the same answer: with conceal_rooms the question for a PIN, and that it
 * is wrong; without, that there is no such meeting. */
#include "core/join_int.h"
#include "core/sip.h"

#include "base/addr.h"
#include "base/rand.h"
#include "base/siphash.h"

/* --- the room's PINs ------------------------------------------------------------ */

void pins_release(struct pins *p)
{
	secret_release(&p->host);
	secret_release(&p->guest);
}

/* Some conference with a PIN; NULL when there is none. */
static const struct store_row *row_with_pin(struct core *c)
{
	const struct store_row *row = store_get(c->store, RES_CONFERENCE,
						c->decoy);

	if (row && !store_is_null(row, CONFERENCE_PIN))
		return row;
	for (int64_t id = 0; (row = store_next(c->store, RES_CONFERENCE, id));
	     id = store_row_id(row)) {
		if (store_is_null(row, CONFERENCE_PIN))
			continue;
		c->decoy = store_row_id(row);
		return row;
	}
	return NULL;
}

/* Opens a secret, or in its place another that is thrown away. */
static int open_one(struct core *c, const struct store_row *conf,
		    unsigned field, struct secret *out)
{
	const struct store_row *decoy = row_with_pin(c);
	struct secret thrown = {NULL, 0};

	if (conf && !store_is_null(conf, field))
		return store_secret(c->store, conf, field, out);
	if (decoy)
		(void)store_secret(c->store, decoy, CONFERENCE_PIN, &thrown);
	secret_release(&thrown);
	return 0;
}

static int copy_one(const struct secret *from, struct secret *out)
{
	return from->n ? secret_init(out, from->p, from->n) : 0;
}

static int open_own(const struct join *j, struct pins *p)
{
	int r = copy_one(&j->own.host, &p->host);

	p->cfg.allow_guests = j->own.allow_guests;
	return r ? r : copy_one(&j->own.guest, &p->guest);
}

static int open_row(struct core *c, const struct store_row *conf,
		    struct pins *p)
{
	int r = open_one(c, conf, CONFERENCE_PIN, &p->host);

	if (r == 0)
		r = open_one(c, conf, CONFERENCE_GUEST_PIN, &p->guest);
	if (conf)
		p->cfg.allow_guests = store_bool(conf,
						 CONFERENCE_ALLOW_GUESTS);
	return r;
}

int pins_open(const struct join *j, struct pins *p)
{
	int r;

	*p = (struct pins){.cfg = {.allow_guests = true}};
	r = j->by_policy || j->conf < 0 ? open_own(j, p) : open_row(j->c, join_conf(j), p);
	p->cfg.host_pin = secret_span(&p->host);
	p->cfg.guest_pin = secret_span(&p->guest);
	return r;
}

/* --- telling ------------------------------------------------------------------- */

enum told { PIN_RIGHT = 0, PIN_WRONG, PIN_REFUSED, PIN_NEEDED, ALIAS_UNKNOWN };

/* Nothing was entered that could be compared: that is how everybody begins. */
static bool is_question(const struct join *j)
{
	return access_entry_of(j->has_pin, span_of(j->pin, j->pin_n)) <
		ACCESS_ENTRY_HOST;
}

/* A question is counted at one cost, whatever there is behind the alias; what
 * it is told as comes when the minute is over. A comparison is a line, also
 * of an alias that is not there. */
static enum audit_kind kind_of(const struct join *j, enum told what)
{
	if (what == PIN_NEEDED)
		return AUDIT_SILENT;
	return what != PIN_RIGHT && is_question(j) ? AUDIT_COUNT : AUDIT_PLAIN;
}

static void tell(const struct join *j, enum told what, struct span object)
{
	static const char *const actions[] = {
		[PIN_RIGHT] = "pin.right", [PIN_WRONG] = "pin.wrong",
		[PIN_REFUSED] = "pin.refused", [PIN_NEEDED] = "pin.needed",
		[ALIAS_UNKNOWN] = "alias.unknown"};
	static const enum access_line lines[] = {
		[PIN_WRONG] = ACCESS_LINE_PIN_WRONG,
		[PIN_REFUSED] = ACCESS_LINE_PIN_REFUSED,
		[PIN_NEEDED] = ACCESS_LINE_PIN_NEEDED,
		[ALIAS_UNKNOWN] = ACCESS_LINE_ALIAS_UNKNOWN};
	struct addr a = {.port = 0};
	char source[ADDR_TEXT_MAX];

	memcpy(a.ip, j->ip, sizeof(a.ip));
	addr_print_ip(&a, source);
	audit_put(j->c, &(struct audit_event){
		.source = span_str(source), .action = actions[what],
		.object = object, .kind = kind_of(j, what),
		.outcome = what == PIN_RIGHT ? AUDIT_OK : AUDIT_DENIED});
	if (what != PIN_RIGHT)
		access_log(j->c, lines[what], j->ip,
			   j->way == JOIN_BY_SIP ? "sip" : "web");
}

static void note_pin(struct join *j, bool ok)
{
	struct core *c = j->c;

	guard_note_pin(c->guard, &j->facts, c->now_ns, ok);
	c->stats.pins_wrong += !ok;
	if (j->conf)
		tell(j, ok ? PIN_RIGHT : PIN_WRONG, span_str(j->sv.name));
	else
		tell(j, ALIAS_UNKNOWN, span_str(j->alias));
}

/* --- answers -------------------------------------------------------------------- */

/* On his line he types it; three tries are all that he has. */
static enum join_event entry(struct join *j, bool wrong, bool may_hash)
{
	if (j->entries >= guard_call_tries(GUARD_FACE_SIP))
		return join_answer(j, CV__JOIN_OUTCOME__JOIN_PIN_WRONG);
	timer_cancel(&j->deadline);
	secret_wipe(j->pin, sizeof(j->pin));
	j->pin_n = 0;
	sip_join_ask(j, wrong, may_hash);
	return JE_ENTRY;
}

static enum join_event wrong(struct join *j, bool may_hash)
{
	return j->way == JOIN_BY_SIP ? entry(j, true, may_hash) :
		join_answer(j, CV__JOIN_OUTCOME__JOIN_PIN_WRONG);
}

static enum join_event prompt(struct join *j, bool host, bool guest)
{
	Cv__JoinReply r = CV__JOIN_REPLY__INIT;

	if (j->way == JOIN_BY_SIP)
		return entry(j, j->entries > 0, host && !guest);
	r.outcome = CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED;
	r.host_pin = host;
	r.guest_pin = guest;
	(void)join_reply(j, &r);
	return JE_OVER;
}

static enum join_event refuse(struct join *j)
{
	const enum access_room as = store_global(j->c->store,
		GLOBAL_CONCEAL_ROOMS) ? ACCESS_ROOM_CONCEALED :
		ACCESS_ROOM_INVALID;

	switch (access_cell(as, access_entry_of(j->has_pin,
			    span_of(j->pin, j->pin_n)))) {
	case ACCESS_ASK:
		return prompt(j, true, true);
	case ACCESS_WRONG:
		return wrong(j, false);
	default:
		return join_answer(j, CV__JOIN_OUTCOME__JOIN_NOT_FOUND);
	}
}

/* Of guests: each source is one of GUEST_IDS. Cookies are proofs, and who knows
 * the Guest PIN collects as many as he likes; were each a proof of its own, he
 * would have five tries at the Host PIN with each. Only a guess at the Host
 * PIN uses them up. */
static void guest_id(const struct join *j, uint64_t version,
		     uint8_t id[TICKET_ID_LEN])
{
	enum { GUEST_IDS = 16, V4_24 = 96 + 24, V6_48 = 48 };
	uint8_t net[16] = {0};
	struct addr a = {.port = 0};
	uint64_t slot, half[2];

	memcpy(a.ip, j->ip, sizeof(a.ip));
	memcpy(net, a.ip, addr_is_v4(&a) ? V4_24 / 8 : V6_48 / 8);
	slot = siphash(j->c->pin_key, span_of(net, sizeof(net))) % GUEST_IDS;
	half[0] = siphash_u64x2(j->c->pin_key, version, (uint64_t)j->conf);
	half[1] = siphash_u64x2(j->c->pin_key, half[0], slot);
	half[0] = siphash_u64x2(j->c->pin_key, half[1], version);
	memcpy(id, half, TICKET_ID_LEN);
}

/* His next visit passes the strangers' line. */
static void give_cookie(struct join *j, uint64_t version)
{
	char text[ROOM_ID_MAX];
	const struct ticket_room room = {.id = join_room_id(j->conf, text),
					 .pin_version = version};
	const struct span key = span_of(j->c->ticket_key, TICKET_KEY_LEN);

	join_remember(j, version);
	if (!j->has_cookie_id && j->host)
		rand_bytes(j->cookie_id, sizeof(j->cookie_id));
	else if (!j->has_cookie_id)
		guest_id(j, version, j->cookie_id);
	if (ticket_make(j->cookie, key, &room, clock_wall_us() / 1000000 +
			TICKET_LIFE_S, j->cookie_id) < 0 ||
	    ticket_name(j->cookie_name, key, room.id) < 0)
		j->cookie_name[0] = j->cookie[0] = 0;
}

static enum join_event act_on(struct join *j, const struct pins *pins,
			      enum access_outcome o, bool compared)
{
	bool host, guest;

	switch (o) {
	case ACCESS_HOST:
	case ACCESS_GUEST:
		j->host = o == ACCESS_HOST;
		if (compared && j->way == JOIN_BY_WEB)
			give_cookie(j, join_pin_version(j->c, &pins->cfg));
		return JE_NEXT;
	case ACCESS_ASK:
		access_prompt(&pins->cfg, &host, &guest);
		tell(j, PIN_NEEDED, span_str(j->alias));
		return prompt(j, host, guest);
	case ACCESS_WRONG:
		access_prompt(&pins->cfg, &host, &guest);
		return wrong(j, host && !guest);
	default:
		return refuse(j);
	}
}

/* --- deciding ------------------------------------------------------------------- */

/* Would this entry be compared? An alias that is not there is treated as a
 * room with both PINs while rooms are concealed. */
static bool compares(const struct join *j, const struct pins *pins)
{
	if (access_entry_of(j->has_pin, span_of(j->pin, j->pin_n)) <
	    ACCESS_ENTRY_HOST)
		return false;
	if (!j->conf)
		return store_global(j->c->store, GLOBAL_CONCEAL_ROOMS);
	return access_room_kind(&pins->cfg) != ACCESS_ROOM_OPEN;
}

/* PASS and REFUSE; WAIT: he has a place in the line. */
static enum guard_verdict ask_guard(struct join *j, bool compare)
{
	struct core *c = j->c;
	enum guard_verdict v = j->turn;

	if (v == GUARD_WAIT)
		v = guard_check_pin(c->guard, &j->facts, c->now_ns, NULL);
	if (v != GUARD_WAIT)
		return v;
	/* No place for who is refused anyway: others wait for it. */
	if (!compare || j->refused)
		return GUARD_PASS;
	return guard_queue(c->guard, &j->facts, j->id, c->now_ns, &j->place);
}

static enum join_event decide(struct join *j, const struct pins *pins)
{
	const bool compare = compares(j, pins);
	const enum guard_verdict v = ask_guard(j, compare);
	enum access_outcome o;

	if (v == GUARD_WAIT) {
		join_note(j, "waits for its turn", SPAN_NONE);
		defence_line(j->c);
		return JE_LATER;
	}
	o = access_decide(&pins->cfg, j->has_pin, j->pin_too_long ?
			  SPAN_LIT("?") : span_of(j->pin, j->pin_n));
	if (v == GUARD_REFUSE || j->refused) {
		join_note(j, "PIN not looked at", SPAN_LIT("guard"));
		tell(j, PIN_REFUSED, span_str(j->alias));
		return refuse(j);
	}
	join_note(j, compare ? "PIN compared" : "no PIN to compare", !compare ?
		  SPAN_NONE : j->conf && o != ACCESS_WRONG ?
		  SPAN_LIT("right") : SPAN_LIT("wrong"));
	if (compare)
		note_pin(j, j->conf && o != ACCESS_WRONG);
	else if (!j->conf)
		tell(j, ALIAS_UNKNOWN, span_str(j->alias));
	return j->conf ? act_on(j, pins, o, compare) : refuse(j);
}

enum join_event join_pin(struct join *j)
{
	struct reconnect_state rs;
	enum join_event e;
	struct pins pins;

	if (j->conf && !join_refresh(j))
		j->conf = 0;
	if (join_returns(j, j->conf, &rs) && !j->refused) {
		j->host = rs.host;
		j->returns = true;
		j->to_seat = rs.holder &&
			     handles_get(j->c->members, rs.holder);
		return JE_NEXT;
	}
	if (j->sv.kind == SERVICE_KIND_RECEPTION && j->conf && !j->refused)
		return join_reception(j);
	/* Policy said what he is. */
	if (j->has_role && j->conf && !j->refused)
		return JE_NEXT;
	if (pins_open(j, &pins) < 0)
		j->conf = 0;
	e = decide(j, &pins);
	pins_release(&pins);
	defence_events(j->c);
	return e;
}

void join_turn(struct core *c, uint64_t id, enum guard_verdict v)
{
	struct join *j = handles_get(c->joins, id);

	if (!j || j->state != JOIN_TURN_WAIT)
		return;
	j->place = 0;
	j->turn = v;
	join_resume(c, id, JOIN_TURN_WAIT);
}
