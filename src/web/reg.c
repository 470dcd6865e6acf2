/* Registrations of apps: the client API's registrations/, to core and back. */
#include "base/clock.h"
#include "web/basic.h"
#include "web/rows.h"
#include "web/web.h"

enum { SEARCH_MAX = 100 };

static void put(struct web *w, const struct reg_request *q, Cv__Reg *m)
{
	struct pending *p = link_pending(w, q->route->row, q->to, q->req);

	if (!p)
		return;
	if (q->token.n)
		token_key(p->token_key, q->token);
	m->req = p->req;
	m->op = q->route->row->reg;
	m->alias = ipc_data(q->route->alias);
	m->token = ipc_data(q->token);
	m->source = q->source;
	m->local = q->local;
	link_ask(w, p, IPC_REG, &m->base);
}

static void ask_request(struct web *w, const struct reg_request *q)
{
	uint8_t buf[BASIC_MAX];
	struct span header, user, password, agent;
	Cv__Reg m = CV__REG__INIT;

	if (!http_head_get(q->req->head, "authorization", &header) ||
	    !basic_read(header, buf, &user, &password)) {
		reply_text(w, q->to, 401, "Unauthorized");
		secret_wipe(buf, sizeof(buf));
		return;
	}
	m.username = ipc_data(user);
	m.password = ipc_data(password);
	if (http_head_get(q->req->head, "user-agent", &agent) &&
	    agent.n <= WEB_AGENT_MAX)
		m.user_agent = ipc_data(agent);
	put(w, q, &m);
	secret_wipe(buf, sizeof(buf));
}

static void ask_search(struct web *w, const struct reg_request *q)
{
	uint8_t buf[SEARCH_MAX];
	struct span text = SPAN_NONE;
	Cv__Reg m = CV__REG__INIT;

	if (http_query_get(q->req->head->query, "q", buf, sizeof(buf),
			   &text) == 0)
		m.text = ipc_data(text);
	put(w, q, &m);
}

void reg_ask(struct web *w, const struct reg_request *q)
{
	Cv__Reg m = CV__REG__INIT;

	switch (q->route->row->reg) {
	case CV__REG_OP__REG_REQUEST:
		ask_request(w, q);
		break;
	case CV__REG_OP__REG_SEARCH:
		ask_search(w, q);
		break;
	default:
		put(w, q, &m);
	}
}

/* --- answers ----------------------------------------------------------------- */

static void refused(struct web *w, struct pending *p, Cv__ResultCode code)
{
	switch (code) {
	case CV__RESULT_CODE__RESULT_REFUSED:
		reply_text(w, &p->to, 401, "Unauthorized");
		break;
	case CV__RESULT_CODE__RESULT_OVERLOAD:
	case CV__RESULT_CODE__RESULT_UNAVAILABLE:
		reply_away(w, &p->to, p->row);
		break;
	case CV__RESULT_CODE__RESULT_INVALID_TOKEN:
		sessions_refused(w, p->token_key);
		reply_failed(w, &p->to, 403, "Invalid token");
		break;
	default:
		reply_failed(w, &p->to, 404, "404 Not Found");
	}
}

void reg_reply(struct web *w, struct pending *p, const Cv__RegReply *m)
{
	const uint64_t now_ns = clock_mono_ns();

	if (m->code != CV__RESULT_CODE__RESULT_OK) {
		refused(w, p, m->code);
		return;
	}
	json_out_reset(&w->out);
	switch (p->row->reg) {
	case CV__REG_OP__REG_REQUEST:
		(void)sessions_joined(w, ipc_bytes(m->token), m->expires_s,
				&p->source, now_ns);
		sessions_mark(w, ipc_bytes(m->token), m->dscp);
		rows_registered(&w->out, m, true);
		break;
	case CV__REG_OP__REG_REFRESH:
		sessions_token_moved(w, p->token_key, ipc_bytes(m->token),
				     m->expires_s, &p->source, now_ns);
		sessions_mark(w, ipc_bytes(m->token), m->dscp);
		rows_registered(&w->out, m, false);
		break;
	case CV__REG_OP__REG_SEARCH:
		rows_directory(&w->out, m);
		break;
	default:
		rows_true(&w->out);
	}
	reply_json(w, &p->to, 200);
	if (m->token.len)
		secret_wipe(w->out.p, w->out.n);
}
