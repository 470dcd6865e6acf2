#include "sip/floor.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/rand.h"

enum { SEND_MS = 1000 / FLOOR_PER_S };

/* One message that we keep. */
struct kept {
	uint8_t bytes[FLOOR_MSG_MAX];
	size_t n;
	uint16_t txn;
	uint8_t primitive;		/* of the request */
	uint64_t until_ns;		/* 0 = nothing is kept */
};

struct floor {
	struct floor_ops ops;
	struct floor_stats *stats;
	struct timer_wheel *wheel;
	uint32_t conf;
	uint16_t user;
	bool is_stream, is_heard;
	enum floor_state state;
	uint64_t now_ns;

	uint16_t request;		/* FLOOR-REQUEST-ID; 0 = none yet */
	uint8_t status;			/* of that request */
	bool is_waiting;		/* its transaction is not answered */
	uint16_t wait_txn;
	struct kept answer;
	uint64_t tokens_ns;		/* the rate: when the bucket is full */
	struct timer slow;

	/* what we begin */
	bool wants_news;		/* FloorQuery named our floor */
	bool tell_status, tell_news;	/* waiting for their turn */
	struct kept said;		/* waits for its ack */
	unsigned tries;
	uint16_t last_txn;
	struct timer again;

	bool is_held, is_self;
	uint16_t holding;		/* number of somebody else's request */
	uint8_t name[FLOOR_NAME_MAX];
	size_t name_n;
};

/* --- what is said ------------------------------------------------------ */

static struct bfcp_msg begin(const struct floor *f, enum bfcp_primitive p,
			     uint16_t txn, bool is_response)
{
	return (struct bfcp_msg){
		.version = f->is_stream ? BFCP_STREAM_VERSION
					: BFCP_DATAGRAM_VERSION,
		.is_response = is_response && !f->is_stream,
		.primitive = (uint8_t)p, .conf = f->conf, .user = f->user,
		.txn = txn};
}

static void keep(struct kept *k, struct span s, uint64_t until_ns)
{
	memcpy(k->bytes, s.p, s.n);
	k->n = s.n;
	k->until_ns = until_ns;
}

static void send_kept(struct floor *f, const struct kept *k)
{
	f->ops.send(f->ops.arg, span_of(k->bytes, k->n));
}

/* Answers the request `txn`; said again when it comes again. */
static void answer(struct floor *f, const struct bfcp_msg *m,
		   uint8_t request_primitive)
{
	uint8_t buf[FLOOR_MSG_MAX];
	struct span out;

	if (bfcp_encode(buf, sizeof(buf), &out, m) < 0) {
		f->stats->unexpected++;
		return;
	}
	if (!f->is_stream) {
		keep(&f->answer, out, f->now_ns + FLOOR_T2_MS * NS_PER_MS);
		f->answer.txn = m->txn;
		f->answer.primitive = request_primitive;
	}
	f->ops.send(f->ops.arg, out);
}

static void answer_error(struct floor *f, const struct bfcp_msg *req,
			 enum bfcp_error code, struct span details)
{
	struct bfcp_msg m = begin(f, BFCP_ERROR, req->txn, true);

	f->stats->errors++;
	/* the ids that it used: others would tell what is right */
	m.conf = req->conf;
	m.user = req->user;
	m.error = (uint8_t)code;
	m.error_details = details;
	answer(f, &m, req->primitive);
}

static void put_own(const struct floor *f, struct bfcp_msg *m)
{
	struct bfcp_request *q = &m->requests[m->requests_n++];

	*q = (struct bfcp_request){
		.id = f->request, .has_overall = true,
		.overall = {.status = f->status}, .floors_n = 1,
		.beneficiary = {.is_there = true, .user = f->user}};
	q->floors[0].id = FLOOR_ID;
}

static void put_others(const struct floor *f, struct bfcp_msg *m)
{
	struct bfcp_request *q = &m->requests[m->requests_n++];

	*q = (struct bfcp_request){
		.id = f->holding, .has_overall = true,
		.overall = {.status = BFCP_GRANTED}, .floors_n = 1,
		.beneficiary = {.is_there = true,
				.user = (uint16_t)(f->user ^ 1),
				.name = span_of(f->name, f->name_n)}};
	q->floors[0].id = FLOOR_ID;
}

static struct bfcp_msg request_status(const struct floor *f, uint16_t txn,
				      bool is_response)
{
	struct bfcp_msg m = begin(f, BFCP_FLOOR_REQUEST_STATUS, txn,
				  is_response);

	put_own(f, &m);
	return m;
}

static struct bfcp_msg floor_status(const struct floor *f, uint16_t txn,
				    bool is_response)
{
	struct bfcp_msg m = begin(f, BFCP_FLOOR_STATUS, txn, is_response);

	m.floors[0] = FLOOR_ID;
	m.floors_n = 1;
	if (f->state == FLOOR_HELD || f->is_waiting)
		put_own(f, &m);
	if (f->is_held && !f->is_self)
		put_others(f, &m);
	return m;
}

/* --- what we begin ----------------------------------------------------- */

/* Never 0, which is what streams have (RFC 8855 8.1), and never the one before. */
static uint16_t next_txn(struct floor *f)
{
	if (f->is_stream)
		return 0;
	if (++f->last_txn == 0)
		f->last_txn = 1;
	return f->last_txn;
}

static void say(struct floor *f, const struct bfcp_msg *m)
{
	uint8_t buf[FLOOR_MSG_MAX];
	struct span out;

	if (bfcp_encode(buf, sizeof(buf), &out, m) < 0) {
		f->stats->unexpected++;
		return;
	}
	if (!f->is_stream) {
		f->tries = 1;
		keep(&f->said, out, f->now_ns + FLOOR_T1_MS * NS_PER_MS);
		f->said.txn = m->txn;
		timer_set(f->wheel, &f->again, f->said.until_ns);
	}
	f->ops.send(f->ops.arg, out);
}

/* What waits, one at a time. */
static void say_next(struct floor *f)
{
	struct bfcp_msg m;

	while (f->is_heard && !f->said.until_ns &&
	       (f->tell_status || f->tell_news)) {
		if (f->tell_status) {
			f->tell_status = false;
			m = request_status(f, next_txn(f), false);
		} else {
			f->tell_news = false;
			m = floor_status(f, next_txn(f), false);
		}
		say(f, &m);
	}
}

static void on_again(struct timer *t, void *arg, uint64_t now_ns)
{
	struct floor *f = arg;

	f->now_ns = now_ns;
	if (f->tries < FLOOR_TRIES) {
		uint64_t ms = (uint64_t)FLOOR_T1_MS << f->tries;

		f->tries++;
		f->stats->again++;
		timer_set(f->wheel, t, now_ns + ms * NS_PER_MS);
		send_kept(f, &f->said);
		return;
	}
	/* It does not hear us. Media says whether it is there at all. */
	f->stats->lost++;
	f->said.until_ns = 0;
	f->tell_news = f->tell_status = false;
}

static void acked(struct floor *f, const struct bfcp_msg *m)
{
	if (!f->said.until_ns || m->txn != f->said.txn) {
		f->stats->unexpected++;
		return;
	}
	f->said.until_ns = 0;
	timer_cancel(&f->again);
	say_next(f);
}

/* --- the machine ------------------------------------------------------- */

static void waits(struct floor *f, uint16_t txn)
{
	if (++f->request == 0)
		f->request = 1;
	f->status = BFCP_PENDING;
	f->is_waiting = true;
	f->wait_txn = txn;
}

static void waited(struct floor *f, enum bfcp_status status)
{
	struct bfcp_msg m;

	f->status = (uint8_t)status;
	f->is_waiting = false;
	m = request_status(f, f->wait_txn, true);
	answer(f, &m, BFCP_FLOOR_REQUEST);
}

static void event(struct floor *f, enum floor_event e,
		  const struct bfcp_msg *req)
{
	const struct floor_step s = floor_step(f->state, e);

	if (s.todo & FLOOR_DO_REFUSED) {
		f->stats->unexpected++;
		return;
	}
	f->state = s.next;
	if (s.todo & FLOOR_DO_TOO_MANY)
		answer_error(f, req, BFCP_TOO_MANY, SPAN_NONE);
	if (s.todo & FLOOR_DO_NO_REQUEST)
		answer_error(f, req, BFCP_NO_REQUEST, SPAN_NONE);
	if (s.todo & FLOOR_DO_WAIT)
		waits(f, req->txn);
	if (s.todo & FLOOR_DO_GRANTED)
		waited(f, BFCP_GRANTED);
	if (s.todo & FLOOR_DO_DENIED)
		waited(f, BFCP_DENIED);
	if (s.todo & FLOOR_DO_RELEASED) {
		struct bfcp_msg m;

		f->status = BFCP_RELEASED;
		m = request_status(f, req->txn, true);
		answer(f, &m, BFCP_FLOOR_RELEASE);
	}
	if (s.todo & FLOOR_DO_REVOKED) {
		f->status = BFCP_REVOKED;
		f->tell_status = true;
		say_next(f);
	}
	if (s.todo & (FLOOR_DO_ASK | FLOOR_DO_GIVE)) {
		timer_set(f->wheel, &f->slow,
			  f->now_ns + FLOOR_CORE_MS * NS_PER_MS);
		f->ops.ask(f->ops.arg, s.todo & FLOOR_DO_ASK);
	} else if (s.next == FLOOR_IDLE || s.next == FLOOR_HELD) {
		timer_cancel(&f->slow);
	}
}

static void on_slow(struct timer *t, void *arg, uint64_t now_ns)
{
	struct floor *f = arg;

	(void)t;
	f->now_ns = now_ns;
	event(f, FLOOR_EV_SLOW, NULL);
}

void floor_decided(struct floor *f, enum floor_event e, uint64_t now_ns)
{
	f->now_ns = now_ns;
	if (e < FLOOR_EV_GRANTED || e > FLOOR_EV_REVOKED)
		return;
	event(f, e, NULL);
}

void floor_news(struct floor *f, const struct floor_news *n, uint64_t now_ns)
{
	const struct span was = span_of(f->name, f->name_n);
	const struct span name = n->name.n <= FLOOR_NAME_MAX ? n->name
							     : SPAN_NONE;

	f->now_ns = now_ns;
	if (n->is_held == f->is_held && n->is_self == f->is_self &&
	    span_eq(name, was))
		return;
	f->is_held = n->is_held;
	f->is_self = n->is_self;
	/* numbers of others' requests: the upper half, ours count from 1 */
	f->holding = (uint16_t)((f->holding + 1) | 0x8000);
	f->name_n = name.n;
	if (name.n)
		memcpy(f->name, name.p, name.n);
	f->tell_news = f->wants_news;
	say_next(f);
}

void floor_gone(struct floor *f, uint64_t now_ns)
{
	f->now_ns = now_ns;
	f->is_heard = f->wants_news = f->is_waiting = false;
	f->tell_status = f->tell_news = false;
	f->said.until_ns = f->answer.until_ns = 0;
	timer_cancel(&f->again);
	event(f, FLOOR_EV_GONE, NULL);
}

/* --- what it says ------------------------------------------------------ */

static void on_request(struct floor *f, const struct bfcp_msg *m)
{
	if (m->floors_n == 0)
		answer_error(f, m, BFCP_UNPARSABLE, SPAN_NONE);
	else if (m->floors_n != 1 || m->floors[0] != FLOOR_ID)
		answer_error(f, m, BFCP_BAD_FLOOR, SPAN_NONE);
	else if (m->has_beneficiary && m->beneficiary != f->user)
		answer_error(f, m, BFCP_UNAUTHORIZED, SPAN_NONE);
	else
		event(f, FLOOR_EV_REQUEST, m);
}

static bool is_known_request(const struct floor *f, const struct bfcp_msg *m)
{
	return m->has_request && f->request && m->request == f->request;
}

static void on_release(struct floor *f, const struct bfcp_msg *m)
{
	if (is_known_request(f, m))
		event(f, FLOOR_EV_RELEASE, m);
	else
		answer_error(f, m, BFCP_NO_REQUEST, SPAN_NONE);
}

static void on_request_query(struct floor *f, const struct bfcp_msg *m)
{
	struct bfcp_msg out = request_status(f, m->txn, true);

	if (is_known_request(f, m))
		answer(f, &out, m->primitive);
	else
		answer_error(f, m, BFCP_NO_REQUEST, SPAN_NONE);
}

/* Without floors it wants to hear no more (RFC 8855 12.1.2). */
static void on_query(struct floor *f, const struct bfcp_msg *m)
{
	struct bfcp_msg out;

	for (size_t i = 0; i < m->floors_n; i++)
		if (m->floors[i] != FLOOR_ID) {
			answer_error(f, m, BFCP_BAD_FLOOR, SPAN_NONE);
			return;
		}
	f->wants_news = m->floors_n > 0;
	f->tell_news &= f->wants_news;
	out = f->wants_news ? floor_status(f, m->txn, true)
			    : begin(f, BFCP_FLOOR_STATUS, m->txn, true);
	answer(f, &out, m->primitive);
}

static void on_user_query(struct floor *f, const struct bfcp_msg *m)
{
	struct bfcp_msg out = begin(f, BFCP_USER_STATUS, m->txn, true);

	if (m->has_beneficiary && m->beneficiary != f->user) {
		answer_error(f, m, BFCP_UNAUTHORIZED, SPAN_NONE);
		return;
	}
	out.beneficiary_info = (struct bfcp_who){.is_there = true,
						 .user = f->user};
	if (f->state == FLOOR_HELD || f->is_waiting)
		put_own(f, &out);
	answer(f, &out, m->primitive);
}

static void on_hello(struct floor *f, const struct bfcp_msg *m)
{
	static const uint8_t primitives[] = {
		BFCP_FLOOR_REQUEST, BFCP_FLOOR_RELEASE,
		BFCP_FLOOR_REQUEST_QUERY, BFCP_FLOOR_REQUEST_STATUS,
		BFCP_USER_QUERY, BFCP_USER_STATUS, BFCP_FLOOR_QUERY,
		BFCP_FLOOR_STATUS, BFCP_HELLO, BFCP_HELLO_ACK, BFCP_ERROR,
		BFCP_FLOOR_REQUEST_STATUS_ACK, BFCP_FLOOR_STATUS_ACK,
		BFCP_GOODBYE, BFCP_GOODBYE_ACK};
	enum { ATTRIBUTES = 18, STREAM_PRIMITIVES = 11 };
	uint8_t attributes[ATTRIBUTES];
	struct bfcp_msg out = begin(f, BFCP_HELLO_ACK, m->txn, true);

	for (unsigned i = 0; i < ATTRIBUTES; i++)
		attributes[i] = (uint8_t)((i + 1) << 1);
	out.primitives = span_of(primitives, f->is_stream
					     ? STREAM_PRIMITIVES
					     : sizeof(primitives));
	out.attributes = span_of(attributes, sizeof(attributes));
	answer(f, &out, m->primitive);
}

static void on_goodbye(struct floor *f, const struct bfcp_msg *m)
{
	struct bfcp_msg out = begin(f, BFCP_GOODBYE_ACK, m->txn, true);

	floor_gone(f, f->now_ns);
	answer(f, &out, m->primitive);
}

static void dispatch(struct floor *f, const struct bfcp_msg *m)
{
	switch (m->primitive) {
	case BFCP_FLOOR_REQUEST: on_request(f, m); break;
	case BFCP_FLOOR_RELEASE: on_release(f, m); break;
	case BFCP_FLOOR_REQUEST_QUERY: on_request_query(f, m); break;
	case BFCP_USER_QUERY: on_user_query(f, m); break;
	case BFCP_FLOOR_QUERY: on_query(f, m); break;
	case BFCP_CHAIR_ACTION:
		answer_error(f, m, BFCP_UNAUTHORIZED, SPAN_NONE);
		break;
	case BFCP_HELLO: on_hello(f, m); break;
	case BFCP_GOODBYE: on_goodbye(f, m); break;
	default:
		answer_error(f, m, BFCP_UNKNOWN_PRIMITIVE, SPAN_NONE);
		break;
	}
}

/* What answers something of ours, or is only said by servers: no answer, or
 * two servers would talk for ever. */
static bool is_no_request(const struct bfcp_msg *m)
{
	switch (m->primitive) {
	case BFCP_FLOOR_REQUEST_STATUS:
	case BFCP_USER_STATUS:
	case BFCP_FLOOR_STATUS:
	case BFCP_CHAIR_ACTION_ACK:
	case BFCP_HELLO_ACK:
	case BFCP_ERROR:
	case BFCP_FLOOR_REQUEST_STATUS_ACK:
	case BFCP_FLOOR_STATUS_ACK:
	case BFCP_GOODBYE_ACK:
		return true;
	default:
		return m->is_response;
	}
}

static bool is_again(struct floor *f, const struct bfcp_msg *m)
{
	if (f->is_stream)
		return false;
	if (f->is_waiting && m->primitive == BFCP_FLOOR_REQUEST &&
	    m->txn == f->wait_txn)
		return true;
	if (f->now_ns >= f->answer.until_ns || m->txn != f->answer.txn ||
	    m->primitive != f->answer.primitive)
		return false;
	send_kept(f, &f->answer);
	return true;
}

/* The bucket, as the moment at which it would be full again. */
static bool may_speak(struct floor *f)
{
	const uint64_t step = SEND_MS * NS_PER_MS;

	if (f->tokens_ns < f->now_ns)
		f->tokens_ns = f->now_ns;
	if (f->tokens_ns - f->now_ns > (FLOOR_BURST - 1) * step)
		return false;
	f->tokens_ns += step;
	return true;
}

static void on_unreadable(struct floor *f, struct span in, int error)
{
	struct bfcp_msg m;

	f->stats->bad++;
	/* a payload that cannot be read is told of; what is no BFCP at all, or
	 * in pieces, gets silence */
	if (bfcp_header(&m, in) < 0 || is_no_request(&m) ||
	    m.conf != f->conf || m.user != f->user)
		return;
	answer_error(f, &m, error == E_LIMIT ? BFCP_GENERIC : BFCP_UNPARSABLE,
		     SPAN_NONE);
}

static bool is_ours(struct floor *f, const struct bfcp_msg *m)
{
	const uint8_t version = f->is_stream ? BFCP_STREAM_VERSION
					     : BFCP_DATAGRAM_VERSION;
	enum bfcp_error e = BFCP_ERROR_NONE;

	if (m->version != version)
		e = BFCP_BAD_VERSION;
	else if (m->conf != f->conf)
		e = BFCP_NO_CONFERENCE;
	else if (m->user != f->user)
		e = BFCP_NO_USER;
	if (e == BFCP_ERROR_NONE)
		return true;
	f->stats->bad++;
	if (!is_no_request(m))
		answer_error(f, m, e, SPAN_NONE);
	return false;
}

static void read_message(struct floor *f, const struct bfcp_msg *m)
{
	uint8_t types[BFCP_UNKNOWN_MAX];
	size_t n = m->unknown_n < BFCP_UNKNOWN_MAX ? m->unknown_n
						   : BFCP_UNKNOWN_MAX;

	if (!is_ours(f, m) || is_again(f, m))
		return;
	f->is_heard = true;
	if (is_no_request(m)) {
		acked(f, m);
		return;
	}
	for (size_t i = 0; i < n; i++)
		types[i] = (uint8_t)(m->unknown[i] << 1);
	if (n)
		answer_error(f, m, BFCP_UNKNOWN_ATTRIBUTE, span_of(types, n));
	else
		dispatch(f, m);
	say_next(f);
}

void floor_input(struct floor *f, struct span message, uint64_t now_ns)
{
	struct bfcp_msg m;
	int r;

	f->now_ns = now_ns;
	f->stats->in++;
	if (!may_speak(f)) {
		f->stats->dropped++;
		return;
	}
	r = bfcp_decode(&m, message);
	if (r < 0)
		on_unreadable(f, message, r);
	else
		read_message(f, &m);
}

/* --- life -------------------------------------------------------------- */

int floor_new(struct floor **out, struct timer_wheel *wheel,
	      const struct floor_ops *ops, struct floor_stats *stats,
	      uint32_t conf, uint16_t user, bool is_stream)
{
	struct floor *f = mem_zalloc(sizeof(*f));

	if (!f)
		return E_NOMEM;
	f->ops = *ops;
	f->stats = stats;
	f->wheel = wheel;
	f->conf = conf;
	f->user = user;
	f->is_stream = is_stream;
	f->last_txn = (uint16_t)rand_below(UINT16_MAX);
	timer_init(&f->slow, on_slow, f);
	timer_init(&f->again, on_again, f);
	*out = f;
	return 0;
}

void floor_free(struct floor **fp)
{
	struct floor *f = *fp;

	if (!f)
		return;
	timer_cancel(&f->slow);
	timer_cancel(&f->again);
	mem_free(f);
	*fp = NULL;
}

uint32_t floor_conf(const struct floor *f)
{
	return f->conf;
}

uint16_t floor_user(const struct floor *f)
{
	return f->user;
}

bool floor_is_stream(const struct floor *f)
{
	return f->is_stream;
}

enum floor_state floor_state(const struct floor *f)
{
	return f->state;
}
