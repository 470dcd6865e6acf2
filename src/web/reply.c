#include "base/log.h"
#include "base/clock.h"
#include "web/cookie.h"
#include "web/rows.h"
#include "web/sdp_leg.h"
#include "web/web.h"

#define MOD "web"

static const char json_type[] = "application/json";	/* exactly so */
static const char text_type[] = "text/plain; charset=utf-8";

size_t reply_cors(const struct reply_to *to, struct http_field f[3])
{
	if (!to->origin[0])
		return 0;
	f[0] = (struct http_field){SPAN_LIT("Access-Control-Allow-Origin"),
				   span_str(to->origin)};
	f[1] = (struct http_field){
		SPAN_LIT("Access-Control-Allow-Credentials"),
		SPAN_LIT("true")};
	f[2] = (struct http_field){SPAN_LIT("Vary"), SPAN_LIT("Origin")};
	return 3;
}

void reply_answer(struct web *w, const struct reply_to *to,
		  struct http_answer *a)
{
	struct http_field f[3];
	if (!a->extra) {
		a->n_extra = reply_cors(to, f);
		a->extra = f;
	}
	/* E_NOTFOUND: the client did not wait. */
	(void)http_reply(w->https, to->http, a);
	a->extra = NULL;
}

static void send_json(struct web *w, const struct reply_to *to,
		      unsigned status, uint32_t delay_ms)
{
	struct http_answer a = {.status = status, .type = json_type,
				.delay_ms = delay_ms};
	if (json_out_end(&w->out, &a.body) < 0) {
		reply_text(w, to, 500, "out of memory");
		return;
	}
	reply_answer(w, to, &a);
}

void reply_json(struct web *w, const struct reply_to *to, unsigned status)
{
	send_json(w, to, status, 0);
}

void reply_failed(struct web *w, const struct reply_to *to, unsigned status,
		  const char *text)
{
	json_out_reset(&w->out);
	rows_failed(&w->out, text);
	send_json(w, to, status, 0);
}

void reply_text(struct web *w, const struct reply_to *to, unsigned status,
		const char *text)
{
	reply_answer(w, to, &(struct http_answer){
		.status = status, .type = text_type, .body = span_str(text)});
}

void reply_away(struct web *w, const struct reply_to *to,
		const struct route_row *row)
{
	unsigned status = row && row->away ? row->away : 503;
	if (row && row->away_is_text)
		reply_text(w, to, status, "Service Unavailable");
	else
		reply_failed(w, to, status, "503 Service Unavailable");
}

/* Everybody who is refused is given a number, of one form (core/trace.h). */
static void refuse_join(struct web *w, struct pending *p, unsigned status,
			struct span text, const Cv__JoinReply *m)
{
	json_out_reset(&w->out);
	rows_refused(&w->out, text, ipc_bytes(m->reference));
	send_json(w, &p->to, status, 0);
}

static struct span reason_of(const Cv__JoinReply *m)
{
	struct span s = ipc_bytes(m->reject_reason);
	if (s.n == 0)
		return SPAN_LIT("Call rejected");
	return s.n > WEB_REASON_MAX ? span_of(s.p, WEB_REASON_MAX) : s;
}

/* Who was let in is known from now on, and may get a device cookie. */
static void reply_joined(struct web *w, struct pending *p,
			 const Cv__JoinReply *m)
{
	struct http_answer a = {.status = 200, .type = json_type,
				.proves = true};
	struct http_field f[4];
	struct span line;
	char cookie[COOKIE_LINE_MAX];
	a.holder = sessions_joined(w, ipc_bytes(m->token), m->expires_s,
				   &p->source, clock_mono_ns());
	sessions_mark(w, ipc_bytes(m->token), m->dscp);
	(void)http_mark(w->https, p->to.http, (uint8_t)m->dscp);
	rows_joined(&w->out, m);
	if (json_out_end(&w->out, &a.body) < 0) {
		reply_text(w, &p->to, 500, "out of memory");
		return;
	}
	a.n_extra = reply_cors(&p->to, f);
	if (m->cookie.len &&
	    cookie_print(cookie, ipc_bytes(m->cookie_name),
			 ipc_bytes(m->cookie), &line) == 0)
		f[a.n_extra++] = (struct http_field){SPAN_LIT("Set-Cookie"),
						     line};
	a.extra = f;
	reply_answer(w, &p->to, &a);
	secret_wipe(w->out.p, w->out.n);
	secret_wipe(cookie, sizeof(cookie));
}

/* Anybody can show something that looks like a proof. */
static void judge(struct web *w, const struct pending *p, Cv__JoinOutcome o)
{
	if (p->claims && o != CV__JOIN_OUTCOME__JOIN_OVERLOAD &&
	    o != CV__JOIN_OUTCOME__JOIN_ROOM_FULL)
		sources_judge(w->sources, &p->source,
			      o == CV__JOIN_OUTCOME__JOIN_OK,
			      clock_mono_ns());
}

void reply_join(struct web *w, struct pending *p, const Cv__JoinReply *m)
{
	const char *text;
	unsigned status = 403;
	judge(w, p, m->outcome);
	json_out_reset(&w->out);
	switch (m->outcome) {
	case CV__JOIN_OUTCOME__JOIN_OK:
		reply_joined(w, p, m);
		return;
	case CV__JOIN_OUTCOME__JOIN_REJECTED:
		refuse_join(w, p, 403, reason_of(m), m);
		return;
	case CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED:
		rows_pin_prompt(&w->out, m->host_pin, m->guest_pin,
				w->set.pin_entry_s);
		reply_json(w, &p->to, 403);
		return;
	case CV__JOIN_OUTCOME__JOIN_EXTENSION_REQUIRED:
		rows_extension_prompt(&w->out);
		reply_json(w, &p->to, 403);
		return;
	case CV__JOIN_OUTCOME__JOIN_PIN_WRONG:
		text = "Invalid PIN";
		break;
	case CV__JOIN_OUTCOME__JOIN_PIN_EXCEEDED:
		text = "Participant exceeded PIN entry retries";
		break;
	case CV__JOIN_OUTCOME__JOIN_ROOM_FULL:
		text = "Participant limit reached";
		break;
	case CV__JOIN_OUTCOME__JOIN_OVERLOAD:
		text = "503 Service Unavailable";
		status = 503;
		break;
	default:
		text = "Neither conference nor gateway found";
		status = 404;
	}
	refuse_join(w, p, status, span_str(text), m);
}

/* True when the code was not a success and has been answered. */
static bool failed(struct web *w, struct pending *p, Cv__ResultCode code)
{
	switch (code) {
	case CV__RESULT_CODE__RESULT_OK:
		return false;
	case CV__RESULT_CODE__RESULT_INVALID_ROLE:
		reply_failed(w, &p->to, 403, "Invalid role");
		break;
	case CV__RESULT_CODE__RESULT_REFUSED:
		reply_failed(w, &p->to, 403, "Disabled");
		break;
	case CV__RESULT_CODE__RESULT_NOT_FOUND:
		reply_failed(w, &p->to, 404, "404 Not Found");
		break;
	case CV__RESULT_CODE__RESULT_ILLEGAL_VALUE:
		if (p->row->kind == ROUTE_CALL)
			reply_text(w, &p->to, 400, "Illegal value");
		else
			reply_failed(w, &p->to, 400, "Illegal value");
		break;
	case CV__RESULT_CODE__RESULT_OVERLOAD:
	case CV__RESULT_CODE__RESULT_UNAVAILABLE:
		reply_away(w, &p->to, p->row);
		break;
	default:
		sessions_refused(w, p->token_key);
		json_out_reset(&w->out);
		rows_failed(&w->out, "Invalid token");
		/* A common client asks again at once, for two minutes, when
		 * its refresh is refused: let each question take a second. */
		send_json(w, &p->to, 403,
			  p->row->op == CV__OP__OP_REFRESH_TOKEN
			  ? WEB_REFRESH_DELAY_MS : 0);
	}
	return true;
}

static void write_result(struct web *w, const struct pending *p,
			 const Cv__CommandReply *m)
{
	json_out_reset(&w->out);
	switch (p->row->result) {
	case RESULT_IS_NULL:
		rows_null(&w->out);
		break;
	case RESULT_IS_TOKEN:
		rows_refreshed(&w->out, m);
		break;
	case RESULT_IS_STATUS:
		rows_status(&w->out, m->status);
		break;
	case RESULT_IS_ROWS:
		rows_participants(&w->out, m);
		break;
	case RESULT_IS_CALLED:
		rows_called(&w->out, ipc_bytes(m->participant));
		break;
	case RESULT_IS_LAYOUTS:
		rows_layouts(&w->out, p->annotate);
		break;
	default:
		rows_true(&w->out);
	}
}

/* Whose picture is asked for may not be there, either: the same words. */
static void reply_picture(struct web *w, struct pending *p,
			  const Cv__CommandReply *m)
{
	if (m->code == CV__RESULT_CODE__RESULT_NOT_FOUND)
		reply_failed(w, &p->to, 404, "No image available");
	else if (!failed(w, p, m->code))
		reply_answer(w, &p->to, &(struct http_answer){
			.status = 200, .type = "image/jpeg",
			.body = ipc_bytes(m->picture)});
}

void reply_command(struct web *w, struct pending *p,
		   const Cv__CommandReply *m)
{
	if (p->row->result == RESULT_IS_PICTURE) {
		reply_picture(w, p, m);
		return;
	}
	if (failed(w, p, m->code))
		return;
	if (p->row->result == RESULT_IS_EMPTY) {
		reply_answer(w, &p->to, &(struct http_answer){.status = 204});
		return;
	}
	if (p->row->result == RESULT_IS_TOKEN) {
		sessions_token_moved(w, p->token_key, ipc_bytes(m->token),
				     m->expires_s, &p->source,
				     clock_mono_ns());
		sessions_mark(w, ipc_bytes(m->token), m->dscp);
	}
	write_result(w, p, m);
	reply_json(w, &p->to, 200);
	if (p->row->result == RESULT_IS_TOKEN)
		secret_wipe(w->out.p, w->out.n);
}

/* The same for all answers of one call: from its uuid's bytes. */
static uint64_t session_id(struct span call)
{
	uint64_t h = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < call.n; i++)
		h = (h ^ call.p[i]) * UINT64_C(1099511628211);
	return h >> 2;
}

void reply_call(struct web *w, struct pending *p, const Cv__CallReply *m)
{
	struct span sdp;
	if (failed(w, p, m->code))
		return;
	if (!m->answer) {
		reply_away(w, &p->to, p->row);
		return;
	}
	int r = sdp_leg_answer(&sdp, span_of(p->offer, p->offer_n), m->answer,
			       session_id(ipc_bytes(m->call)),
			       clock_mono_ns() / NS_PER_MS, w->arena);
	if (r == 0) {
		json_out_reset(&w->out);
		rows_call(&w->out, ipc_bytes(m->call), sdp);
		reply_json(w, &p->to, 200);
	} else {
		log_error(MOD, "media's answer does not fit its offer",
			  LOG_E("reason", r));
		reply_away(w, &p->to, p->row);
	}
	arena_reset(w->arena);
}
