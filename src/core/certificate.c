#include "core/certificate.h"

#include <stdio.h>
#include <time.h>

#include "base/alloc.h"
#include "core/cli_int.h"

enum { DAY_S = 86400, TIME_TEXT = 32, REASON_TEXT = 160 };

static int64_t now_s(void)
{
	return clock_wall_us() / 1000000;
}

static void time_text(int64_t s, char dst[TIME_TEXT])
{
	const time_t t = (time_t)s;
	struct tm tm;

	if (s <= 0 || !gmtime_r(&t, &tm) ||
	    !strftime(dst, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm))
		(void)snprintf(dst, TIME_TEXT, "unknown");
}

/* --- alarms ------------------------------------------------------------------ */

void certificate_tick(struct core *c)
{
	const int64_t left_s = c->cert.not_after_s - now_s();
	const bool over = c->cert.known && (!c->cert.ok || left_s <= 0);
	char until[TIME_TEXT], text[96];

	time_text(c->cert.not_after_s, until);
	(void)snprintf(text, sizeof(text),
		       "until %s; then: conclave certificate reload", until);
	alert_set(c, ALARM_CERTIFICATE_MISSING, over, "expired, not valid yet, "
		  "or not of tls/server.key: replace it, then conclave "
		  "certificate reload");
	alert_set(c, ALARM_CERTIFICATE_EXPIRING, c->cert.known && !over &&
		  left_s < CERTIFICATE_SOON_DAYS * DAY_S, text);
}

/* --- reload ------------------------------------------------------------------- */

static void reply(struct core *c, int error, const char *message)
{
	struct answer *a = mem_alloc(sizeof(*a));
	char until[TIME_TEXT];

	timer_cancel(&c->cert.late);
	c->cert.waits = false;
	if (!a)
		return;
	a->c = c;
	a->client = c->cert.client;
	a->uid = c->cert.uid;
	answer_start(a);
	if (!error) {
		time_text(c->cert.not_after_s, until);
		answer_row(a);
		answer_field(a, "valid_until", span_str(until));
	}
	answer_end(a, error, message);
	mem_free(a);
}

static void on_late(struct timer *t, void *arg, uint64_t now_ns)
{
	struct core *c = arg;

	(void)t;
	(void)now_ns;
	core_turn(c);
	reply(c, E_TIMEOUT, "super or keys did not answer: see the log");
}

static void note(struct core *c, bool ok, const char *why)
{
	char who[24] = "super", until[TIME_TEXT];

	if (c->cert.waits)
		(void)snprintf(who, sizeof(who), "uid %u", c->cert.uid);
	time_text(c->cert.not_after_s, until);
	audit_note(c, "certificate.reload", ok ? AUDIT_OK : AUDIT_FAILED,
		   span_str(who), SPAN_LIT("local"), SPAN_LIT("server"),
		   span_str(ok ? until : why));
}

void certificate_message(struct core *c, const Cv__Certificate *m)
{
	char why[REASON_TEXT] = "";

	(void)span_cstr(ipc_bytes(m->why), why, sizeof(why));
	if (m->ok || !m->reload) {
		c->cert.known = true;
		c->cert.ok = m->ok;
		c->cert.not_after_s = m->not_after_s;
	}
	certificate_tick(c);
	if (!m->reload)
		return;
	note(c, m->ok, why);
	if (c->cert.waits)
		reply(c, m->ok ? 0 : E_INVAL, why);
}

void certificate_open(struct core *c)
{
	timer_init(&c->cert.late, on_late, c);
}

/* --- conclave(1) ---------------------------------------------------------------- */

static void show(struct answer *a)
{
	const struct core *c = a->c;
	const int64_t left_s = c->cert.not_after_s - now_s();
	char until[TIME_TEXT];

	time_text(c->cert.not_after_s, until);
	answer_row(a);
	answer_flag(a, "usable", c->cert.known && c->cert.ok && left_s > 0);
	answer_field(a, "valid_until", span_str(until));
	answer_number(a, "days_left", left_s > 0 ?
		      (uint64_t)left_s / DAY_S : 0);
	answer_end(a, 0, "");
}

static void reload(struct answer *a)
{
	struct core *c = a->c;

	if (c->cert.waits) {
		answer_end(a, E_BUSY, "busy, try again");
		return;
	}
	if (role_certificate_reload(c->role) < 0) {
		answer_end(a, E_CLOSED, "super cannot be told");
		return;
	}
	c->cert.waits = true;
	c->cert.client = a->client;
	c->cert.uid = a->uid;
	timer_set(c->wheel, &c->cert.late,
		  c->now_ns + CERTIFICATE_WAIT_S * NS_PER_S);
}

bool cli_certificate_verb(struct answer *a, const Cv__CliRequest *rq)
{
	if (strcmp(rq->verb, "certificate") != 0)
		return false;
	if (strcmp(rq->resource, "state") == 0)
		show(a);
	else if (strcmp(rq->resource, "reload") == 0)
		reload(a);
	else
		answer_end(a, E_UNSUPPORTED, "resource: state or reload");
	return true;
}
