#include "base/alloc.h"
#include "base/clock.h"
#include "base/wr.h"
#include "web/cookie.h"
#include "web/json/in.h"
#include "web/rows.h"
#include "web/sdp_leg.h"
#include "web/web.h"

/* --- what a request carries ---------------------------------------------- */

/* A request being read. Spans point into the head, the body or `json`. */
struct asked {
	struct web *w;
	const struct http_request *req;
	struct reply_to to;
	struct route route;
	struct json_in *json;
	uint8_t token_buf[WEB_TOKEN_MAX];
	struct span token;
	Cv__Addr source, local;
	Cv__CameraMove move;
};

static bool is_same_origin(const struct asked *q, struct span origin)
{
	struct span https = SPAN_LIT("https://");
	return span_starts(origin, https) &&
	       span_eq_nocase(span_of(origin.p + https.n, origin.n - https.n),
			      q->req->head->host);
}

/* Our own page needs no permission; others only when they are on the list. */
static void read_origin(struct asked *q)
{
	struct span origin;
	if (!http_head_get(q->req->head, "origin", &origin) ||
	    is_same_origin(q, origin) ||
	    !settings_allows_origin(q->w, origin))
		return;
	(void)span_cstr(origin, q->to.origin, sizeof(q->to.origin));
}

static bool find_token(const struct http_head *h, bool in_query,
		       uint8_t buf[WEB_TOKEN_MAX], struct span *token)
{
	if (http_head_get(h, "token", token))
		return token->n > 0 && token->n <= WEB_TOKEN_MAX;
	return in_query && http_query_get(h->query, "token", buf,
					  WEB_TOKEN_MAX, token) == 0 &&
	       token->n > 0;
}

static bool read_token(struct asked *q)
{
	return find_token(q->req->head, q->route.row->query_token,
			  q->token_buf, &q->token);
}

static void put_addr(Cv__Addr *out, const struct addr *a)
{
	cv__addr__init(out);
	out->ip = ipc_data(span_of(a->ip, sizeof(a->ip)));
	out->port = a->port;
}

static enum source_rank rank_of(const struct http_request *req)
{
	return req->standing == HTTP_INSIDE ? SOURCE_INSIDE :
	       req->standing == HTTP_PROOF ? SOURCE_PROOF : SOURCE_STRANGER;
}

/* At most `max` bytes without cutting a character. */
static struct span clip(struct span s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max > 0 && (s.p[max] & 0xc0) == 0x80)
		max--;
	return span_of(s.p, max);
}

static bool read_json(struct asked *q)
{
	if (json_in_parse(&q->json, q->req->body) == 0)
		return true;
	reply_failed(q->w, &q->to, 400, "Illegal value");
	return false;
}

/* --- request_token ------------------------------------------------------- */

static void read_pin(struct asked *q, Cv__Join *m)
{
	struct span pin;
	if (!http_head_get(q->req->head, "pin", &pin) || pin.n == 0)
		return;
	m->has_pin = true;
	/* Longer than any PIN: compares unequal whatever was cut. */
	m->pin = ipc_data(clip(pin, WEB_PIN_MAX));
}

/* What says more than a name and a PIN. Too long counts as absent. */
static void read_proofs(struct asked *q, Cv__Join *m)
{
	const struct {
		const char *key;
		ProtobufCBinaryData *to;
		size_t max;
	} all[] = {
		{"reconnect", &m->reconnect, WEB_TOKEN_MAX},
		{"invitation", &m->invitation, WEB_INVITATION_MAX},
		{"token", &m->one_time_token, WEB_TOKEN_MAX},
		{"registration_token", &m->registration, WEB_TOKEN_MAX},
		{"conference_extension", &m->extension, WEB_NAME_MAX},
	};
	struct span s;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (json_in_text(q->json, all[i].key, &s) == 0 &&
		    s.n <= all[i].max)
			*all[i].to = ipc_data(s);
	/* One client library sends the one-time token as others send theirs. */
	if (m->one_time_token.len == 0 &&
	    http_head_get(q->req->head, "token", &s) && s.n <= WEB_TOKEN_MAX)
		m->one_time_token = ipc_data(s);
}

static bool has_proof(const Cv__Join *m)
{
	return m->reconnect.len || m->invitation.len || m->n_cookies ||
	       m->one_time_token.len || m->registration.len;
}

static int read_join(struct asked *q, Cv__Join *m)
{
	struct span s;
	bool direct = false;
	int r = json_in_text(q->json, "display_name", &s);
	if (r == 0)
		m->display_name = ipc_data(clip(s, WEB_NAME_MAX));
	/* `false` asks for the identity provider's name; we have none. */
	if (r == E_FORMAT && json_in_bool(q->json, "display_name",
					  &direct) < 0)
		return r;
	if (json_in_text(q->json, "call_tag", &s) == 0)
		m->call_tag = ipc_data(clip(s, WEB_NAME_MAX));
	read_proofs(q, m);
	/* Our addition: of the API's own requests none says so. */
	m->has_media = json_in_text(q->json, "call_type", &s) < 0 ||
		       !span_eq(s, SPAN_LIT("none"));
	if (json_in_bool(q->json, "supports_direct_chat", &direct) == 0)
		m->supports_direct_chat = direct;
	if (http_head_get(q->req->head, "user-agent", &s))
		m->user_agent = ipc_data(clip(s, WEB_AGENT_MAX));
	read_pin(q, m);
	return 0;
}

static bool may_join(struct asked *q, const Cv__Join *m)
{
	enum source_rank rank = rank_of(q->req);
	if (rank == SOURCE_STRANGER && has_proof(m))
		rank = SOURCE_PROOF;
	if (sources_take(q->w->sources, &q->req->source, SOURCE_JOIN, rank,
			 q->req->now_ns))
		return true;
	q->w->load.joins++;
	reply_failed(q->w, &q->to, 503, "503 Service Unavailable");
	return false;
}

static void send_join(struct asked *q, Cv__Join *m)
{
	struct pending *p = link_pending(q->w, q->route.row, &q->to, q->req);
	if (!p)
		return;
	put_addr(&q->local, &q->req->local);
	p->claims = has_proof(m);
	m->req = p->req;
	m->alias = ipc_data(q->route.alias);
	m->source = &q->source;
	m->local = &q->local;
	m->proxied = q->req->is_proxied;
	link_ask(q->w, p, IPC_JOIN, &m->base);
}

static void ask_join(struct asked *q)
{
	Cv__Join m = CV__JOIN__INIT;
	struct span cookies[COOKIES_MAX];
	ProtobufCBinaryData values[COOKIES_MAX];
	if (!read_json(q))
		return;
	m.cookies = values;
	m.n_cookies = cookie_read(q->req->head, cookies);
	for (size_t i = 0; i < m.n_cookies; i++)
		values[i] = ipc_data(cookies[i]);
	if (read_join(q, &m) < 0)
		reply_failed(q->w, &q->to, 400, "Illegal value");
	else if (may_join(q, &m))
		send_join(q, &m);
}

/* --- commands ------------------------------------------------------------ */

static int read_message(struct asked *q, Cv__Command *m)
{
	struct span payload, type = SPAN_LIT("text/plain");
	int r = json_in_text(q->json, "payload", &payload);
	if (r < 0)
		return r;
	r = json_in_text(q->json, "type", &type);
	if (r < 0 && r != E_NOTFOUND)
		return r;
	if (payload.n > WEB_TEXT_MAX || type.n > WEB_TYPE_MAX)
		return E_LIMIT;
	m->text = ipc_data(payload);
	m->type = ipc_data(type);
	return 0;
}

static int read_role(struct asked *q, Cv__Command *m)
{
	struct span role;
	int r = json_in_text(q->json, "role", &role);
	if (r < 0)
		return r;
	if (!span_eq(role, SPAN_LIT("chair")) &&
	    !span_eq(role, SPAN_LIT("guest")))
		return E_FORMAT;
	m->text = ipc_data(role);
	return 0;
}

static int read_aspect(struct asked *q)
{
	double v;
	int r = json_in_number(q->json, "aspect_ratio", &v);
	if (r < 0)
		return r;
	return v > 0.0 && v <= 2.0 ? 0 : E_LIMIT;
}

static int read_text(struct asked *q, Cv__Command *m)
{
	struct span s;
	int r = json_in_text(q->json, "text", &s);
	if (r < 0)
		return r;
	m->text = ipc_data(clip(s, WEB_OVERLAY_MAX));
	return 0;
}

static int read_layout(struct asked *q, Cv__Command *m)
{
	struct span s;
	int r = json_in_text2(q->json, "transforms", "layout", &s);
	if (r < 0)
		return r;
	if (s.n > 64)
		return E_LIMIT;
	m->text = ipc_data(s);
	return 0;
}

/* destination, role (HOST or GUEST, in the words of clients old and new),
 * protocol (sip or auto). What else a body may say is for calls that we do
 * not place. */
static int read_dial(struct asked *q, Cv__Command *m)
{
	struct span to, role = SPAN_LIT("guest"), proto = SPAN_LIT("auto");
	int r = json_in_text(q->json, "destination", &to);
	if (r < 0)
		return r;
	r = json_in_text(q->json, "role", &role);
	if (r < 0 && r != E_NOTFOUND)
		return r;
	r = json_in_text(q->json, "protocol", &proto);
	if (r < 0 && r != E_NOTFOUND)
		return r;
	m->setting = span_eq_nocase(role, SPAN_LIT("host")) ||
		     span_eq_nocase(role, SPAN_LIT("chair"));
	if (!m->setting && !span_eq_nocase(role, SPAN_LIT("guest")))
		return E_FORMAT;
	if (!span_eq(proto, SPAN_LIT("auto")) &&
	    !span_eq(proto, SPAN_LIT("sip")))
		return E_UNSUPPORTED;
	if (!to.n || to.n > WEB_NAME_MAX)
		return E_LIMIT;
	m->text = ipc_data(to);
	return 0;
}

static const struct {
	const char *axis, *minus, *plus;
} camera_axes[] = {
	{"pan", "left", "right"}, {"tilt", "down", "up"}, {"zoom", "out", "in"},
};

/* One way for an axis; said twice, the last counts. */
static int read_axis(const struct span s[2], Cv__CameraMove *m)
{
	int32_t *const to[] = {&m->pan, &m->tilt, &m->zoom};
	for (size_t i = 0; i < 3; i++) {
		if (!span_eq(s[0], span_str(camera_axes[i].axis)))
			continue;
		if (span_eq(s[1], span_str(camera_axes[i].minus)))
			*to[i] = -1;
		else if (span_eq(s[1], span_str(camera_axes[i].plus)))
			*to[i] = 1;
		else
			return E_FORMAT;
		return 0;
	}
	return E_FORMAT;
}

static int read_action(const struct asked *q, Cv__CameraMove *m)
{
	struct span s;
	int r = json_in_text(q->json, "action", &s);
	if (r < 0)
		return r;
	if (span_eq(s, SPAN_LIT("start")))
		m->action = CV__CAMERA_ACTION__CAMERA_START;
	else if (span_eq(s, SPAN_LIT("continue")))
		m->action = CV__CAMERA_ACTION__CAMERA_CONTINUE;
	else if (span_eq(s, SPAN_LIT("stop")))
		m->action = CV__CAMERA_ACTION__CAMERA_STOP;
	else
		return E_FORMAT;
	return 0;
}

/* The path names whose camera: a target that is somebody else is an error. */
static int read_fecc(struct asked *q, Cv__Command *m)
{
	static const char *const keys[2] = {"axis", "direction"};
	enum { MOVES_MAX = 3, TIMEOUT_MAX_MS = 5000 };
	Cv__CameraMove *move = &q->move;
	struct span s[2], target;
	double ms = 0;
	cv__camera_move__init(move);
	int r = read_action(q, move);
	for (size_t i = 0; r == 0 && i <= MOVES_MAX; i++) {
		r = json_in_pair(q->json, "movement", i, keys, s);
		if (r == 0)
			r = i < MOVES_MAX ? read_axis(s, move) : E_LIMIT;
	}
	if (r != E_NOTFOUND)
		return r;
	r = json_in_number(q->json, "timeout", &ms);
	if (r < 0 && r != E_NOTFOUND)
		return r;
	if (!(ms >= 0 && ms <= TIMEOUT_MAX_MS))
		return E_LIMIT;
	if (json_in_text(q->json, "target", &target) == 0 &&
	    !span_eq_nocase(target, q->route.participant))
		return E_FORMAT;
	move->timeout_ms = (uint32_t)ms;
	m->move = move;
	return 0;
}

static int read_body(struct asked *q, Cv__Command *m)
{
	struct span s;
	bool setting;
	int r;
	switch (q->route.row->body) {
	case BODY_MESSAGE: return read_message(q, m);
	case BODY_ROLE: return read_role(q, m);
	case BODY_ASPECT: return read_aspect(q);
	case BODY_TEXT: return read_text(q, m);
	case BODY_LAYOUT: return read_layout(q, m);
	case BODY_DIAL: return read_dial(q, m);
	case BODY_FECC: return read_fecc(q, m);
	case BODY_SETTING:
		r = json_in_bool(q->json, "setting", &setting);
		m->setting = r == 0 && setting;
		return r;
	case BODY_REASON:
		if (json_in_text(q->json, "reason", &s) == 0)
			m->text = ipc_data(clip(s, WEB_NAME_MAX));
		return 0;
	default:
		return 0;
	}
}

/* Whoever leaves may leave, however his last words are written. */
static bool read_command(struct asked *q, Cv__Command *m)
{
	enum route_body b = q->route.row->body;
	if (b == BODY_NONE)
		return true;
	if (b == BODY_REASON && json_in_parse(&q->json, q->req->body) < 0)
		return true;
	if (!q->json && !read_json(q))
		return false;
	if (read_body(q, m) == 0)
		return true;
	reply_failed(q->w, &q->to, 400, "Illegal value");
	return false;
}

static bool wants_annotation(const struct asked *q)
{
	uint8_t buf[8];
	struct span v;
	return http_query_get(q->req->head->query, "annotate", buf,
			      sizeof(buf), &v) == 0 &&
	       span_eq(v, SPAN_LIT("true"));
}

static void ask_command(struct asked *q)
{
	Cv__Command m = CV__COMMAND__INIT;
	if (!read_command(q, &m))
		return;
	struct pending *p = link_pending(q->w, q->route.row, &q->to, q->req);
	if (!p)
		return;
	p->annotate = wants_annotation(q);
	token_key(p->token_key, q->token);
	m.req = p->req;
	m.op = q->route.row->op;
	m.alias = ipc_data(q->route.alias);
	m.token = ipc_data(q->token);
	m.target = ipc_data(q->route.participant);
	m.call = ipc_data(q->route.call);
	m.source = &q->source;
	link_ask(q->w, p, IPC_COMMAND, &m.base);
}

/* --- calls --------------------------------------------------------------- */

static void send_call(struct asked *q, struct span sdp,
		      Cv__LegDescription *offer)
{
	Cv__Call m = CV__CALL__INIT;
	bool fecc = false;
	struct pending *p = link_pending(q->w, q->route.row, &q->to, q->req);
	if (!p)
		return;
	token_key(p->token_key, q->token);
	p->offer = mem_dup(sdp.p, sdp.n);
	p->offer_n = sdp.n;
	if (!p->offer) {
		reply_away(q->w, &q->to, q->route.row);
		link_drop(q->w, p);
		return;
	}
	m.req = p->req;
	m.alias = ipc_data(q->route.alias);
	m.token = ipc_data(q->token);
	m.target = ipc_data(q->route.participant);
	m.call = ipc_data(q->route.call);
	m.offer = offer;
	m.fecc_supported = json_in_bool(q->json, "fecc_supported", &fecc) == 0 && fecc;
	m.source = &q->source;
	link_ask(q->w, p, IPC_CALL, &m.base);
}

static void ask_call(struct asked *q)
{
	Cv__LegDescription *offer = NULL;
	struct span sdp, type;
	const char *why = "the body has no SDP";
	int r = json_in_parse(&q->json, q->req->body);
	if (r == 0 && json_in_text(q->json, "call_type", &type) == 0 &&
	    !span_eq(type, SPAN_LIT("WEBRTC"))) {
		reply_text(q->w, &q->to, 400, "only WebRTC calls are served");
		return;
	}
	if (r == 0)
		r = json_in_text(q->json, "sdp", &sdp);
	if (r == 0)
		r = sdp_leg_offer(&offer, sdp, q->w->arena, &why);
	if (r == 0)
		send_call(q, sdp, offer);
	else
		reply_text(q->w, &q->to, 400, why);
	arena_reset(q->w->arena);
}

/* --- everything ---------------------------------------------------------- */

static void answer_status(struct asked *q)
{
	if (!link_is_up(q->w)) {
		reply_failed(q->w, &q->to, 503, "Maintenance mode");
		return;
	}
	json_out_reset(&q->w->out);
	rows_text(&q->w->out, "OK");
	reply_json(q->w, &q->to, 200);
}

static void answer_preflight(struct asked *q)
{
	struct http_field f[6];
	size_t n = reply_cors(&q->to, f);
	if (n) {
		f[n++] = (struct http_field){
			SPAN_LIT("Access-Control-Allow-Methods"),
			SPAN_LIT("GET, POST, OPTIONS")};
		f[n++] = (struct http_field){
			SPAN_LIT("Access-Control-Allow-Headers"),
			SPAN_LIT("content-type, token, pin, authorization")};
		f[n++] = (struct http_field){
			SPAN_LIT("Access-Control-Max-Age"), SPAN_LIT("7200")};
	}
	reply_answer(q->w, &q->to, &(struct http_answer){
		.status = 204, .extra = f, .n_extra = n});
}

static void answer_wrong_method(struct asked *q)
{
	enum http_method m = q->route.row ? q->route.row->method : HTTP_GET;
	struct http_field f[4];
	size_t n = reply_cors(&q->to, f);
	f[n++] = (struct http_field){SPAN_LIT("Allow"),
				     span_str(http_method_name(m))};
	reply_answer(q->w, &q->to, &(struct http_answer){
		.status = 405, .type = "text/plain",
		.body = SPAN_LIT("Method Not Allowed"), .extra = f,
		.n_extra = n});
}

static bool is_known_copy(struct asked *q, const struct file *f)
{
	struct span tag;
	return http_head_get(q->req->head, "if-none-match", &tag) &&
	       span_eq(tag, span_str(f->etag));
}

static struct span file_name(const struct asked *q)
{
	struct span path = q->req->head->path;
	return q->route.kind == ROUTE_PAGE
		? SPAN_LIT("index.html") : span_of(path.p + 1, path.n - 1);
}

/* The raw path is compared with names that need no escapes, so an escaped
 * spelling of a file finds nothing, which is right. */
static void answer_file(struct asked *q)
{
	const struct file *f = files_find(q->w->files, file_name(q));
	if (!f) {
		reply_text(q->w, &q->to, 404, "Not Found");
		return;
	}
	struct http_field etag = {SPAN_LIT("ETag"), span_str(f->etag)};
	struct http_answer a = {
		.status = 200, .type = f->type, .body = span_of(f->p, f->n),
		.body_stays = true,
		.cache = f->immutable ? "public, max-age=31536000, immutable"
				      : "no-cache",
		.extra = &etag, .n_extra = 1,
	};
	if (is_known_copy(q, f)) {
		a.status = 304;
		a.type = NULL;
	}
	reply_answer(q->w, &q->to, &a);
}

static void answer_unknown(struct asked *q)
{
	/* A plain text tells a client that this is no node of the API. */
	if (!q->route.is_api || q->route.alias.n == 0)
		reply_text(q->w, &q->to, 404, "Not Found");
	else
		reply_failed(q->w, &q->to, 404, "404 Not Found");
}

/* Keeping a token and leaving are not changes that anybody may be too fast
 * with. */
static bool may_write(struct asked *q)
{
	const struct route_row *row = q->route.row;
	if (row->method != HTTP_POST ||
	    row->op == CV__OP__OP_REFRESH_TOKEN ||
	    row->op == CV__OP__OP_RELEASE_TOKEN ||
	    row->reg == CV__REG_OP__REG_REFRESH ||
	    row->reg == CV__REG_OP__REG_RELEASE ||
	    sources_take(q->w->sources, &q->req->source, SOURCE_WRITE,
			 rank_of(q->req), q->req->now_ns))
		return true;
	q->w->load.writes++;
	reply_away(q->w, &q->to, row);
	return false;
}

static void ask_reg(struct asked *q)
{
	const struct reg_request r = {
		.route = &q->route, .to = &q->to, .req = q->req,
		.token = q->token, .source = &q->source, .local = &q->local};
	put_addr(&q->local, &q->req->local);
	reg_ask(q->w, &r);
}

static void ask_core(struct asked *q)
{
	put_addr(&q->source, &q->req->source);
	if (q->route.kind == ROUTE_JOIN) {
		ask_join(q);
		return;
	}
	/* A registration begins with a password, as a join with a PIN. */
	if (q->route.row->reg == CV__REG_OP__REG_REQUEST) {
		static const Cv__Join none = CV__JOIN__INIT;
		if (may_join(q, &none))
			ask_reg(q);
		return;
	}
	if (!read_token(q)) {
		reply_failed(q->w, &q->to, 403, "Invalid token");
		return;
	}
	(void)http_mark(q->w->https, q->req->id,
			sessions_dscp(q->w, q->token));
	if (!may_write(q))
		return;
	if (q->route.kind == ROUTE_CALL)
		ask_call(q);
	else if (q->route.kind == ROUTE_REG)
		ask_reg(q);
	else if (q->route.kind == ROUTE_EVENTS ||
		 q->route.kind == ROUTE_REG_EVENTS)
		streams_open(q->w, &q->to, q->route.alias, q->token,
			     &q->req->source,
			     q->route.kind == ROUTE_REG_EVENTS,
			     q->req->now_ns);
	else
		ask_command(q);
}

static void answer(struct asked *q)
{
	if (q->route.is_api && q->req->head->method == HTTP_OPTIONS) {
		answer_preflight(q);
		return;
	}
	if (q->route.wrong_method) {
		answer_wrong_method(q);
		return;
	}
	switch (q->route.kind) {
	case ROUTE_STATUS:
		answer_status(q);
		break;
	case ROUTE_PAGE:
	case ROUTE_FILE:
		answer_file(q);
		break;
	case ROUTE_NONE:
		answer_unknown(q);
		break;
	default:
		ask_core(q);
	}
}

void api_on_request(void *arg, const struct http_request *req)
{
	struct asked q = {.w = arg, .req = req};
	q.to.http = req->id;
	if (http_path_parse(&q.w->path, req->head->path) < 0) {
		reply_text(q.w, &q.to, 400, "Bad Request");
		return;
	}
	route_find(&q.route, req->head->method, &q.w->path);
	read_origin(&q);
	answer(&q);
	json_in_free(&q.json);
	secret_wipe(q.token_buf, sizeof(q.token_buf));
}

/* --- before a request costs anything ------------------------------------- */

enum http_standing api_on_standing(void *arg, const struct http_head *h,
				   const struct addr *source, uint64_t now_ns,
				   uint64_t *holder)
{
	uint8_t buf[WEB_TOKEN_MAX];
	struct span token, cookies[COOKIES_MAX];
	enum http_standing st = HTTP_STRANGER;
	if (find_token(h, true, buf, &token))
		st = sessions_standing(arg, token, source, now_ns, holder);
	secret_wipe(buf, sizeof(buf));
	if (st == HTTP_STRANGER && cookie_read(h, cookies) > 0)
		st = HTTP_PROOF;
	return st;
}

/* A banned address with people inside is not shut: its joins go to core, where
 * a quarantined source gets the answer of an unknown alias. */
bool api_on_admit(void *arg, const struct addr *source, uint64_t now_ns)
{
	struct web *w = arg;
	return !bans_have(w->bans, source, now_ns) ||
	       sources_held(w->sources, source, SOURCE_SESSIONS) > 0 ||
	       now_ns - w->started_ns < WEB_BANS_GRACE_S * NS_PER_S;
}

/* --- the plain listener -------------------------------------------------- */

static bool make_location(const struct web *w, const struct http_head *h,
			  char *dst, size_t cap, struct span *out)
{
	struct wr b = wr_of(dst, cap);
	struct span name;
	uint16_t port;
	if (http_host_split(h->host, &name, &port) < 0)
		return false;
	bool ip6 = memchr(name.p, ':', name.n) != NULL;
	wr_str(&b, ip6 ? "https://[" : "https://");
	wr_span(&b, name);
	wr_str(&b, ip6 ? "]" : "");
	if (w->set.https_port != 443) {
		wr_str(&b, ":");
		wr_dec(&b, w->set.https_port);
	}
	wr_span(&b, h->path);
	if (h->query.n) {
		wr_str(&b, "?");
		wr_span(&b, h->query);
	}
	return wr_end(&b, out) == 0;
}

/* The API is not redirected: a client that sent its token in the clear should
 * notice, not be helped. */
void redirect_on_request(void *arg, const struct http_request *req)
{
	struct web *w = arg;
	char buf[HTTP_TARGET_MAX + 512];
	struct http_field loc = {SPAN_LIT("Location"), SPAN_NONE};
	struct http_answer a = {.status = 404, .type = "text/plain",
				.body = SPAN_LIT("Not Found"), .close = true};
	bool page = req->head->method == HTTP_GET ||
		    req->head->method == HTTP_HEAD;
	if (page && !span_starts(req->head->path, SPAN_LIT("/api")) &&
	    make_location(w, req->head, buf, sizeof(buf), &loc.value))
		a = (struct http_answer){.status = 308, .extra = &loc,
					 .n_extra = 1, .close = true};
	(void)http_reply(w->http, req->id, &a);
}
