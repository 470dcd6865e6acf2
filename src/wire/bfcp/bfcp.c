#include "wire/bfcp/bfcp.h"
#include "base/rd.h"
#include "base/wr.h"

enum {
	ATTR_HEADER_LEN = 2,
	FLAG_RESPONSE = 0x10,
	FLAG_FRAGMENT = 0x08,
};

enum attr {				/* RFC 8855 5.2 */
	ATTR_BENEFICIARY_ID = 1,
	ATTR_FLOOR_ID,
	ATTR_FLOOR_REQUEST_ID,
	ATTR_PRIORITY,
	ATTR_REQUEST_STATUS,
	ATTR_ERROR_CODE,
	ATTR_ERROR_INFO,
	ATTR_PARTICIPANT_INFO,
	ATTR_STATUS_INFO,
	ATTR_SUPPORTED_ATTRIBUTES,
	ATTR_SUPPORTED_PRIMITIVES,
	ATTR_USER_DISPLAY_NAME,
	ATTR_USER_URI,
	ATTR_BENEFICIARY_INFORMATION,
	ATTR_FLOOR_REQUEST_INFORMATION,
	ATTR_REQUESTED_BY_INFORMATION,
	ATTR_FLOOR_REQUEST_STATUS,
	ATTR_OVERALL_REQUEST_STATUS,
};

/* --- reading ----------------------------------------------------------- */

struct attr_in {
	uint8_t type;
	bool is_mandatory;
	struct span v;
};

/* The next attribute. Padding is not counted by its length, and of the last
 * one it may be missing in a group (RFC 8855 5.2.14: a group's length counts
 * its attributes without saying whether padded). */
static int attr_next(struct rd *r, struct attr_in *out)
{
	uint8_t head = rd_u8(r), n = rd_u8(r);
	size_t pad;

	if (r->failed || n < ATTR_HEADER_LEN)
		return E_FORMAT;
	out->type = head >> 1;
	out->is_mandatory = head & 1;
	out->v = rd_span(r, (size_t)n - ATTR_HEADER_LEN);
	if (r->failed)
		return E_FORMAT;
	pad = (4u - (n & 3u)) & 3u;
	rd_skip(r, pad < rd_left(r) ? pad : rd_left(r));
	return 0;
}

static int get_u16(struct span v, uint16_t *out)
{
	struct rd r = rd_of(v);

	*out = rd_u16(&r);
	return rd_end(&r) == 0 ? 0 : E_FORMAT;
}

static int get_state(struct span v, struct bfcp_state *out)
{
	struct rd r = rd_of(v);

	out->status = rd_u8(&r);
	out->queue = rd_u8(&r);
	return rd_end(&r) == 0 && out->status ? 0 : E_FORMAT;
}

static int get_priority(struct span v, bool *has, uint8_t *out)
{
	struct rd r = rd_of(v);

	*out = rd_u8(&r) >> 5;
	rd_u8(&r);
	*has = true;
	return rd_end(&r) == 0 ? 0 : E_FORMAT;
}

static int get_error(struct bfcp_msg *m, struct span v)
{
	struct rd r = rd_of(v);

	m->error = rd_u8(&r);
	m->error_details = rd_rest(&r);
	return rd_end(&r) == 0 && m->error ? 0 : E_FORMAT;
}

static int get_list(struct span v, struct span *out)
{
	if (v.n > BFCP_LIST_MAX)
		return E_LIMIT;
	*out = v;
	return 0;
}

static void note_unknown(struct bfcp_msg *m, const struct attr_in *a)
{
	if (!a->is_mandatory)
		return;
	if (m->unknown_n < BFCP_UNKNOWN_MAX)
		m->unknown[m->unknown_n] = a->type;
	m->unknown_n++;
}

/* BENEFICIARY-INFORMATION and REQUESTED-BY-INFORMATION. */
static int get_who(struct bfcp_msg *m, struct span v, struct bfcp_who *out)
{
	struct rd r = rd_of(v);
	struct attr_in a;

	*out = (struct bfcp_who){.is_there = true, .user = rd_u16(&r)};
	if (r.failed)
		return E_FORMAT;
	while (rd_left(&r) > 0) {
		int e = attr_next(&r, &a);

		if (e < 0)
			return e;
		if (a.type == ATTR_USER_DISPLAY_NAME)
			out->name = a.v;
		else if (a.type == ATTR_USER_URI)
			out->uri = a.v;
		else
			note_unknown(m, &a);
	}
	return 0;
}

/* FLOOR-REQUEST-STATUS and OVERALL-REQUEST-STATUS: a number, how it stands. */
static int get_standing(struct bfcp_msg *m, struct span v, uint16_t *id,
			struct bfcp_state *state, struct span *info)
{
	struct rd r = rd_of(v);
	struct attr_in a;

	*id = rd_u16(&r);
	if (r.failed)
		return E_FORMAT;
	while (rd_left(&r) > 0) {
		int e = attr_next(&r, &a);

		if (e == 0 && a.type == ATTR_REQUEST_STATUS)
			e = get_state(a.v, state);
		else if (e == 0 && a.type == ATTR_STATUS_INFO)
			*info = a.v;
		else if (e == 0)
			note_unknown(m, &a);
		if (e < 0)
			return e;
	}
	return 0;
}

static int get_request_floor(struct bfcp_msg *m, struct bfcp_request *q,
			     struct span v)
{
	size_t i = q->floors_n;
	int e;

	if (i == BFCP_REQUEST_FLOORS_MAX)
		return E_LIMIT;
	e = get_standing(m, v, &q->floors[i].id, &q->floors[i].state,
			 &q->floors[i].info);
	q->floors_n++;
	return e;
}

static int get_overall(struct bfcp_msg *m, struct bfcp_request *q,
		       struct span v)
{
	uint16_t id;
	int e = get_standing(m, v, &id, &q->overall, &q->overall_info);

	q->has_overall = true;
	return e < 0 ? e : id == q->id ? 0 : E_FORMAT;
}

static int get_request_attr(struct bfcp_msg *m, struct bfcp_request *q,
			    const struct attr_in *a)
{
	switch (a->type) {
	case ATTR_OVERALL_REQUEST_STATUS:
		return get_overall(m, q, a->v);
	case ATTR_FLOOR_REQUEST_STATUS:
		return get_request_floor(m, q, a->v);
	case ATTR_BENEFICIARY_INFORMATION:
		return get_who(m, a->v, &q->beneficiary);
	case ATTR_REQUESTED_BY_INFORMATION:
		return get_who(m, a->v, &q->by);
	case ATTR_PRIORITY:
		return get_priority(a->v, &q->has_priority, &q->priority);
	case ATTR_PARTICIPANT_INFO:
		q->info = a->v;
		return 0;
	default:
		note_unknown(m, a);
		return 0;
	}
}

static int get_request(struct bfcp_msg *m, struct span v)
{
	struct bfcp_request *q = &m->requests[m->requests_n];
	struct rd r = rd_of(v);
	struct attr_in a;

	if (m->requests_n == BFCP_REQUESTS_MAX)
		return E_LIMIT;
	*q = (struct bfcp_request){.id = rd_u16(&r)};
	m->requests_n++;
	if (r.failed)
		return E_FORMAT;
	while (rd_left(&r) > 0) {
		int e = attr_next(&r, &a);

		if (e == 0)
			e = get_request_attr(m, q, &a);
		if (e < 0)
			return e;
	}
	return 0;
}

static int get_floor(struct bfcp_msg *m, struct span v)
{
	if (m->floors_n == BFCP_FLOORS_MAX)
		return E_LIMIT;
	return get_u16(v, &m->floors[m->floors_n++]);
}

static int get_text(struct bfcp_msg *m, const struct attr_in *a)
{
	switch (a->type) {
	case ATTR_ERROR_INFO: m->error_info = a->v; return 0;
	case ATTR_PARTICIPANT_INFO: m->info = a->v; return 0;
	case ATTR_STATUS_INFO: m->status_info = a->v; return 0;
	case ATTR_USER_DISPLAY_NAME: m->name = a->v; return 0;
	case ATTR_USER_URI: m->uri = a->v; return 0;
	default: note_unknown(m, a); return 0;
	}
}

static int get_attr(struct bfcp_msg *m, const struct attr_in *a)
{
	switch (a->type) {
	case ATTR_BENEFICIARY_ID:
		m->has_beneficiary = true;
		return get_u16(a->v, &m->beneficiary);
	case ATTR_FLOOR_ID:
		return get_floor(m, a->v);
	case ATTR_FLOOR_REQUEST_ID:
		m->has_request = true;
		return get_u16(a->v, &m->request);
	case ATTR_PRIORITY:
		return get_priority(a->v, &m->has_priority, &m->priority);
	case ATTR_REQUEST_STATUS:
		return get_state(a->v, &m->state);
	case ATTR_ERROR_CODE:
		return get_error(m, a->v);
	case ATTR_SUPPORTED_ATTRIBUTES:
		return get_list(a->v, &m->attributes);
	case ATTR_SUPPORTED_PRIMITIVES:
		return get_list(a->v, &m->primitives);
	case ATTR_BENEFICIARY_INFORMATION:
		return get_who(m, a->v, &m->beneficiary_info);
	case ATTR_REQUESTED_BY_INFORMATION:
		return get_who(m, a->v, &m->by_info);
	case ATTR_FLOOR_REQUEST_INFORMATION:
		return get_request(m, a->v);
	default:
		return get_text(m, a);
	}
}

/* The header, and how long the whole is. */
static int get_header(struct bfcp_msg *m, struct rd *r, size_t *n)
{
	uint8_t bits = rd_u8(r);

	m->version = bits >> 5;
	m->is_response = bits & FLAG_RESPONSE;
	m->primitive = rd_u8(r);
	*n = BFCP_HEADER_LEN + (size_t)rd_u16(r) * 4;
	m->conf = rd_u32(r);
	m->txn = rd_u16(r);
	m->user = rd_u16(r);
	if (r->failed)
		return E_TRUNC;
	if (m->version != BFCP_STREAM_VERSION &&
	    m->version != BFCP_DATAGRAM_VERSION)
		return E_VERSION;
	/* a stream has neither: RFC 8855 5.1 has them ignored there */
	if (m->version == BFCP_STREAM_VERSION)
		m->is_response = false;
	else if (bits & FLAG_FRAGMENT)
		return E_UNSUPPORTED;
	return *n > BFCP_MSG_MAX ? E_LIMIT : 0;
}

int bfcp_header(struct bfcp_msg *out, struct span in)
{
	struct bfcp_msg m = {.version = 0};
	struct rd r = rd_of(in);
	size_t n;
	int e = get_header(&m, &r, &n);

	if (e == 0 && n != in.n)
		e = n > in.n ? E_TRUNC : E_FORMAT;
	if (e == 0)
		*out = m;
	return e;
}

int bfcp_frame(struct span in, size_t *n)
{
	struct bfcp_msg m = {.version = 0};
	struct rd r = rd_of(in);

	return get_header(&m, &r, n);
}

int bfcp_decode(struct bfcp_msg *out, struct span in)
{
	struct rd r = rd_of(in);
	struct attr_in a;
	int e = bfcp_header(out, in);

	if (e < 0)
		return e;
	rd_skip(&r, BFCP_HEADER_LEN);
	while (e == 0 && rd_left(&r) > 0) {
		e = attr_next(&r, &a);
		if (e == 0)
			e = get_attr(out, &a);
	}
	return e;
}

/* --- writing ----------------------------------------------------------- */

/* Everything is written with the M bit: all of it is in RFC 8855. */
static void put_head(struct wr *w, enum attr type, size_t n)
{
	if (n > UINT8_MAX - ATTR_HEADER_LEN) {
		wr_fail(w);
		return;
	}
	wr_u8(w, (uint8_t)((unsigned)type << 1 | 1u));
	wr_u8(w, (uint8_t)(n + ATTR_HEADER_LEN));
}

static void put_pad(struct wr *w)
{
	wr_zero(w, (4 - (wr_len(w) & 3)) & 3);
}

static void put_u16(struct wr *w, enum attr type, uint16_t v)
{
	put_head(w, type, 2);
	wr_u16(w, v);
}

static void put_bytes(struct wr *w, enum attr type, struct span v)
{
	if (v.n == 0)
		return;
	put_head(w, type, v.n);
	wr_span(w, v);
	put_pad(w);
}

static void put_state(struct wr *w, struct bfcp_state s)
{
	if (s.status)
		put_u16(w, ATTR_REQUEST_STATUS,
			(uint16_t)(s.status << 8 | s.queue));
}

static void put_priority(struct wr *w, bool has, uint8_t v)
{
	if (has)
		put_u16(w, ATTR_PRIORITY, (uint16_t)((v & 7) << 13));
}

/* A group begins with its number; its length comes when it is whole. */
static size_t group_begin(struct wr *w, enum attr type, uint16_t id)
{
	size_t at = wr_len(w);

	put_u16(w, type, id);
	return at;
}

static void group_end(struct wr *w, size_t at)
{
	size_t n = wr_len(w) - at;

	if (w->failed)
		return;
	if (n > UINT8_MAX)
		wr_fail(w);
	else
		w->begin[at + 1] = (uint8_t)n;
}

static void put_who(struct wr *w, enum attr type, const struct bfcp_who *who)
{
	size_t at;

	if (!who->is_there)
		return;
	at = group_begin(w, type, who->user);
	put_bytes(w, ATTR_USER_DISPLAY_NAME, who->name);
	put_bytes(w, ATTR_USER_URI, who->uri);
	group_end(w, at);
}

static void put_standing(struct wr *w, enum attr type, uint16_t id,
			 struct bfcp_state state, struct span info)
{
	size_t at = group_begin(w, type, id);

	put_state(w, state);
	put_bytes(w, ATTR_STATUS_INFO, info);
	group_end(w, at);
}

static void put_request(struct wr *w, const struct bfcp_request *q)
{
	size_t at = group_begin(w, ATTR_FLOOR_REQUEST_INFORMATION, q->id);

	if (q->has_overall)
		put_standing(w, ATTR_OVERALL_REQUEST_STATUS, q->id, q->overall,
			     q->overall_info);
	for (size_t i = 0; i < q->floors_n; i++)
		put_standing(w, ATTR_FLOOR_REQUEST_STATUS, q->floors[i].id,
			     q->floors[i].state, q->floors[i].info);
	put_who(w, ATTR_BENEFICIARY_INFORMATION, &q->beneficiary);
	put_who(w, ATTR_REQUESTED_BY_INFORMATION, &q->by);
	put_priority(w, q->has_priority, q->priority);
	put_bytes(w, ATTR_PARTICIPANT_INFO, q->info);
	group_end(w, at);
}

static void put_error(struct wr *w, const struct bfcp_msg *m)
{
	if (!m->error)
		return;
	put_head(w, ATTR_ERROR_CODE, 1 + m->error_details.n);
	wr_u8(w, m->error);
	wr_span(w, m->error_details);
	put_pad(w);
}

static void put_numbers(struct wr *w, const struct bfcp_msg *m)
{
	for (size_t i = 0; i < m->floors_n; i++)
		put_u16(w, ATTR_FLOOR_ID, m->floors[i]);
	if (m->has_beneficiary)
		put_u16(w, ATTR_BENEFICIARY_ID, m->beneficiary);
	if (m->has_request)
		put_u16(w, ATTR_FLOOR_REQUEST_ID, m->request);
	put_priority(w, m->has_priority, m->priority);
	put_state(w, m->state);
}

static void put_attrs(struct wr *w, const struct bfcp_msg *m)
{
	put_numbers(w, m);
	put_error(w, m);
	put_bytes(w, ATTR_ERROR_INFO, m->error_info);
	put_bytes(w, ATTR_PARTICIPANT_INFO, m->info);
	put_bytes(w, ATTR_STATUS_INFO, m->status_info);
	put_bytes(w, ATTR_USER_DISPLAY_NAME, m->name);
	put_bytes(w, ATTR_USER_URI, m->uri);
	put_bytes(w, ATTR_SUPPORTED_PRIMITIVES, m->primitives);
	put_bytes(w, ATTR_SUPPORTED_ATTRIBUTES, m->attributes);
	put_who(w, ATTR_BENEFICIARY_INFORMATION, &m->beneficiary_info);
	put_who(w, ATTR_REQUESTED_BY_INFORMATION, &m->by_info);
	for (size_t i = 0; i < m->requests_n; i++)
		put_request(w, &m->requests[i]);
}

static bool is_sane(const struct bfcp_msg *m)
{
	if (m->version != BFCP_STREAM_VERSION &&
	    m->version != BFCP_DATAGRAM_VERSION)
		return false;
	if (m->is_response && m->version == BFCP_STREAM_VERSION)
		return false;
	return m->floors_n <= BFCP_FLOORS_MAX &&
	       m->requests_n <= BFCP_REQUESTS_MAX &&
	       m->primitives.n <= BFCP_LIST_MAX &&
	       m->attributes.n <= BFCP_LIST_MAX;
}

int bfcp_encode(void *buf, size_t cap, struct span *out,
		const struct bfcp_msg *m)
{
	struct wr w = wr_of(buf, cap < BFCP_MSG_MAX ? cap : BFCP_MSG_MAX);

	if (!is_sane(m))
		return E_INVAL;
	wr_u8(&w, (uint8_t)(m->version << 5 |
			    (m->is_response ? FLAG_RESPONSE : 0)));
	wr_u8(&w, m->primitive);
	wr_u16(&w, 0);
	wr_u32(&w, m->conf);
	wr_u16(&w, m->txn);
	wr_u16(&w, m->user);
	put_attrs(&w, m);
	if (w.failed)
		return E_FULL;
	wr_at_u16(&w, 2, (uint16_t)((wr_len(&w) - BFCP_HEADER_LEN) / 4));
	return wr_end(&w, out);
}

/* --- names ------------------------------------------------------------- */

static const char *const names[BFCP_PRIMITIVE_COUNT] = {
	"?", "FloorRequest", "FloorRelease", "FloorRequestQuery",
	"FloorRequestStatus", "UserQuery", "UserStatus", "FloorQuery",
	"FloorStatus", "ChairAction", "ChairActionAck", "Hello", "HelloAck",
	"Error", "FloorRequestStatusAck", "FloorStatusAck", "Goodbye",
	"GoodbyeAck",
};

const char *bfcp_primitive_name(unsigned primitive)
{
	return names[primitive < BFCP_PRIMITIVE_COUNT ? primitive : 0];
}
