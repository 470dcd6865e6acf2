/* What SIP is doing, for `conclave sip` and `conclave show registration`. */
#include "core/cli_int.h"
#include "base/alloc.h"
#include "core/reg.h"
#include "core/sip_dial.h"
#include "core/sip_int.h"
#include "core/sip_reg.h"
#include "ipc/sip_stats.h"

static const char *transport_name(Cv__SipTransport t)
{
	return t == CV__SIP_TRANSPORT__SIP_TLS ? "tls" :
	       t == CV__SIP_TRANSPORT__SIP_TCP ? "tcp" : "udp";
}

static void show_addr(struct answer *a, const char *name,
		      const struct addr *from)
{
	char text[ADDR_TEXT_MAX];

	addr_print(from, text);
	answer_field(a, name, span_str(text));
}

/* --- registrations ------------------------------------------------------- */

static void show_apps(struct answer *a)
{
	for (const struct reg *r = NULL; (r = reg_each(a->c, r));) {
		char ip[ADDR_TEXT_MAX];
		struct addr from = {.port = 0};

		memcpy(from.ip, r->ip, sizeof(from.ip));
		addr_print_ip(&from, ip);
		answer_row(a);
		answer_field(a, "alias", span_str(r->alias));
		answer_field(a, "uuid", span_str(r->uuid));
		answer_field(a, "protocol", SPAN_LIT("webrtc"));
		answer_field(a, "source", span_str(ip));
		answer_number(a, "streams", r->n_streams);
	}
}

static void show_devices(struct answer *a)
{
	const uint64_t now_ns = a->c->now_ns;

	for (const struct sip_reg *r = NULL; (r = sip_reg_each(a->c, r));) {
		answer_row(a);
		answer_field(a, "alias", span_str(r->alias));
		answer_field(a, "uuid", span_str(r->uuid));
		answer_field(a, "protocol", SPAN_LIT("sip"));
		show_addr(a, "source", &r->source);
		answer_field(a, "transport", span_str(
			     transport_name(r->transport)));
		answer_flag(a, "natted", r->natted);
		answer_field(a, "vendor", span_str(r->agent));
		answer_number(a, "seconds", r->ends_ns > now_ns ?
			      (r->ends_ns - now_ns) / NS_PER_S : 0);
	}
}

/* --- calls ----------------------------------------------------------------- */

static void show_calls(struct answer *a)
{
	const struct sip_call *k;
	uint32_t slot = 0;

	while ((k = sip_next_call(a->c, &slot))) {
		answer_row(a);
		answer_number(a, "call", k->id);
		answer_field(a, "direction", k->is_out ? SPAN_LIT("out") :
			     SPAN_LIT("in"));
		answer_field(a, "state", span_str(
			     sip_call_state_name(k->state)));
		answer_field(a, "hears", span_str(lobby_word_name(k->word)));
		answer_field(a, "alias", span_str(k->alias));
		answer_field(a, "remote", span_str(k->remote));
		show_addr(a, "source", &k->source);
		answer_field(a, "known_as", k->device ? SPAN_LIT("device") :
			     k->trunk ? SPAN_LIT("trunk") :
			     SPAN_LIT("stranger"));
		answer_flag(a, "signalling_encrypted", k->is_encrypted);
		answer_flag(a, "media_encrypted", k->is_secure &&
			    !k->is_clear);
		answer_field(a, "vendor", span_str(k->agent));
	}
	answer_end(a, 0, "");
}

static void show_refusals(struct answer *a)
{
	const struct sip *s = a->c->sip;
	const size_t n = s->n_refusals < SIP_REFUSALS_MAX ? s->n_refusals :
			 SIP_REFUSALS_MAX;

	for (size_t i = 0; i < n; i++) {
		const struct sip_refusal *r = &s->refusals[
			(s->n_refusals - 1 - i) % SIP_REFUSALS_MAX];

		answer_row(a);
		answer_field(a, "reference", span_str(r->ref));
		answer_number(a, "seconds_ago", (uint64_t)
			      ((clock_wall_us() - r->at_us) / 1000000));
		answer_field(a, "source", span_str(r->source));
		answer_field(a, "alias", span_str(r->alias));
		answer_field(a, "reason", span_str(r->why));
	}
	answer_end(a, 0, "");
}

/* What the face itself counted. */
static void show_counters(struct answer *a)
{
	static const char *const names[] = {
#define X(e, name) name,
		SIP_COUNTERS(X)
#undef X
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) &&
	     i < SIP_COUNTERS_MAX; i++)
		if (a->c->sip->counters[i])
			answer_number(a, names[i], a->c->sip->counters[i]);
}

static void show_state(struct answer *a)
{
	struct core *c = a->c;
	const bool tls = store_global(c->store, GLOBAL_ENABLE_SIP);
	struct sip_figures f;

	sip_figures(c, &f);
	answer_row(a);
	answer_flag(a, "face", sip_chan(c) != NULL);
	answer_flag(a, "tls", tls);
	answer_flag(a, "tcp", tls &&
		    store_global(c->store, GLOBAL_ENABLE_SIP_TCP));
	answer_flag(a, "udp", tls &&
		    store_global(c->store, GLOBAL_ENABLE_SIP_UDP));
	answer_number(a, "registrations", sip_regs_count(c));
	answer_number(a, "calls", f.calls);
	answer_number(a, "entering_pin", f.entering);
	answer_number(a, "dialogs", c->sip->stats.dialogs);
	answer_number(a, "transactions", c->sip->stats.transactions);
	answer_number(a, "connections", c->sip->stats.flows);
	answer_number(a, "invites", f.invites);
	answer_number(a, "answered", f.answered);
	answer_number(a, "challenged", f.challenged);
	answer_number(a, "wrong_credentials", f.wrong_digests);
	answer_number(a, "refused", f.refused);
	answer_number(a, "refused_too_many", f.capped);
	answer_number(a, "media_offered_anew", f.reoffers);
	answer_number(a, "signs_of_scanners", f.scans);
	answer_number(a, "late_messages", f.bad_handles);
	show_counters(a);
	answer_end(a, 0, "");
}

/* --- calls out ------------------------------------------------------------- */

struct dialled {
	uint64_t client;
	uint32_t uid;
};

static void answer_dial(struct core *c, uint64_t who, const char *why,
			unsigned calls)
{
	struct dialled *d = (struct dialled *)(uintptr_t)who;
	struct answer *a = mem_alloc(sizeof(*a));

	if (a) {
		a->c = c;
		a->client = d->client;
		a->uid = d->uid;
		answer_start(a);
		if (!why) {
			answer_row(a);
			answer_number(a, "calls", calls);
		}
		answer_end(a, why ? E_DENIED : 0, why ? why : "");
	}
	mem_free(a);
	mem_free(d);
}

static const struct store_row *room_of(struct core *c, struct span which)
{
	char alias[ALIAS_MAX + 1];
	const struct store_row *row = which.n ?
		store_find(c->store, RES_CONFERENCE, CONFERENCE_NAME, which) :
		NULL;

	if (row || alias_normalise(alias, which) < 0)
		return row;
	return conf_of_alias(c, span_str(alias));
}

static void dial(struct answer *a, const Cv__CliRequest *rq)
{
	static const uint8_t ours[16] = {[10] = 0xff, [11] = 0xff, 127, 0, 0,
					 1};
	const struct store_row *row = room_of(a->c, cli_asked(rq, "which"));
	const struct span role = cli_asked(rq, "role");
	struct sip_invite_ask ask = {.target = cli_asked(rq, "to"),
				     .ip = ours, .known_as = UINT64_MAX};
	struct dialled *d;

	ask.host = span_eq(role, SPAN_LIT("host"));
	if (!row || !ask.target.n ||
	    (role.n && !ask.host && !span_eq(role, SPAN_LIT("guest")))) {
		answer_end(a, E_INVAL, !row ? "which: no such room" :
			   !ask.target.n ? "to: whom to call" :
			   "role: host or guest");
		return;
	}
	d = mem_alloc(sizeof(*d));
	if (!d) {
		answer_end(a, E_NOMEM, "busy, try again");
		return;
	}
	*d = (struct dialled){a->client, a->uid};
	ask.conf = store_row_id(row);
	cli_note(a->c, a->uid, "sip.dial", ask.target);
	sip_invite_out(a->c, &ask, (uint64_t)(uintptr_t)d, answer_dial);
}

bool cli_sip_verb(struct answer *a, const Cv__CliRequest *rq)
{
	static const struct {
		const char *verb, *resource;
		void (*run)(struct answer *a);
	} verbs[] = {
		{"sip", "calls", show_calls}, {"sip", "refusals", show_refusals},
		{"sip", "state", show_state},
	};

	if (strcmp(rq->verb, "show") == 0 &&
	    strcmp(rq->resource, "registration") == 0) {
		show_apps(a);
		show_devices(a);
		answer_end(a, 0, "");
		return true;
	}
	if (strcmp(rq->verb, "sip") == 0 && strcmp(rq->resource, "dial") == 0) {
		dial(a, rq);
		return true;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(rq->verb, verbs[i].verb) == 0 &&
		    strcmp(rq->resource, verbs[i].resource) == 0) {
			verbs[i].run(a);
			return true;
		}
	return false;
}
