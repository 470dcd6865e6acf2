/* The ladder: what comes and what goes is noted, and shown to core when it
 * asks; and the numbers of refusals. */
#include "sip/face_int.h"

#include "base/siphash.h"
#include "base/text.h"

enum { WARNING_MISC = 399, ROWS_PER_MESSAGE = 32 };

/* --- what comes ------------------------------------------------------------- */

static int64_t wall_us(const struct face *f)
{
	return f->cfg.ops.wall_us ? f->cfg.ops.wall_us() : 0;
}

void note_in(struct face *f, const struct sip_peer *from)
{
	const struct sip_msg *m = &f->msg;
	const bool dialog = call_by_tag(f, m->is_request ? m->to_tag :
					m->from_tag) != NULL;

	/* Nobody's responses answer nothing of ours. */
	if (!dialog && (!m->is_request ||
			!ladder_may(f->ladder, m->call_id, from->flow != 0,
				    f->now_ns))) {
		f->unnoted = true;
		return;
	}
	ladder_put(f->ladder, from, false, dialog, m->all, wall_us(f));
}

void note_in_done(struct face *f)
{
	f->unnoted = false;
}

/* --- what goes -------------------------------------------------------------- */

/* The rest of the first line that starts so; our own writer made it. */
static struct span line_of(struct span bytes, const char *start)
{
	const size_t n = strlen(start);
	const uint8_t *p = memmem(bytes.p, bytes.n, start, n), *end;

	if (!p)
		return SPAN_NONE;
	p += n;
	end = memchr(p, '\r', bytes.n - (size_t)(p - bytes.p));
	return end ? span_of(p, (size_t)(end - p)) : SPAN_NONE;
}

static struct span tag_of(struct span value)
{
	static const char mark[] = ";tag=";
	const uint8_t *p = value.n ? memmem(value.p, value.n, mark,
					    sizeof(mark) - 1) : NULL;

	if (!p)
		return SPAN_NONE;
	p += sizeof(mark) - 1;
	return span_of(p, value.n - (size_t)(p - value.p));
}

static void note_out(struct face *f, const struct sip_peer *to,
		     struct span bytes)
{
	const bool answer = span_starts(bytes, SPAN_LIT("SIP/2.0 "));
	const struct span tag = tag_of(line_of(bytes, answer ? "\nTo: " :
					       "\nFrom: "));
	const bool dialog = call_by_tag(f, tag) != NULL;

	if (dialog || ladder_has(f->ladder, line_of(bytes, "\nCall-ID: ")))
		ladder_put(f->ladder, to, true, dialog, bytes, wall_us(f));
}

int face_send(struct face *f, const struct sip_peer *to, struct span bytes)
{
	/* What answers a message that was not noted is not either: floods. */
	if (!f->unnoted)
		note_out(f, to, bytes);
	return f->cfg.ops.send(f->cfg.ops.arg, to, bytes);
}

/* --- numbers ---------------------------------------------------------------- */

void put_warning(struct wr *w, struct span reference)
{
	sip_wr_hdrf(w, SIP_H_WARNING, "%d - \"%.*s\"", WARNING_MISC,
		    SIP_S(reference));
}

void put_reference(struct face *f, struct wr *w, const struct sip_msg *req)
{
	char text[TAG_LEN + 1];
	uint64_t v;

	/* Of the tag, which everybody sees, with our key: nobody can tell it
	 * from a random number. */
	answer_tag(f, req, text);
	v = siphash(f->hash, span_of(text, TAG_LEN));
	hex_encode(text, &v, sizeof(v));
	put_warning(w, span_of(text, TAG_LEN));
}

/* --- core asks -------------------------------------------------------------- */

struct page {
	Cv__SipLadder m;
	Cv__SipLadderRow row[ROWS_PER_MESSAGE], *list[ROWS_PER_MESSAGE];
	Cv__Addr peer[ROWS_PER_MESSAGE];
};

static void put_row(struct page *p, const struct ladder_row *r)
{
	const size_t i = p->m.n_rows++;
	Cv__SipLadderRow *x = &p->row[i];

	cv__sip_ladder_row__init(x);
	p->list[i] = x;
	p->peer[i] = addr_of(&r->peer.source);
	x->at_us = r->at_us;
	x->out = r->out;
	x->transport = r->peer.transport;
	x->peer = &p->peer[i];
	x->call_id = ipc_data(span_of(r->id, r->id_n));
	x->text = ipc_data(span_of(r->text, r->text_n));
}

static void send_pages(struct face *f, uint32_t req,
		       const struct ladder_found *found)
{
	struct page p;
	size_t at = 0;

	do {
		cv__sip_ladder__init(&p.m);
		p.m.req = req;
		p.m.rows = p.list;
		while (at < found->n && p.m.n_rows < ROWS_PER_MESSAGE)
			put_row(&p, found->rows[at++]);
		p.m.last = at == found->n;
		p.m.left_out = found->left_out;
		if (face_tell(f, SIP_LADDER, &p.m) < 0)
			return;
	} while (at < found->n);
}

void on_ladder_ask(struct face *f, const Cv__SipLadderAsk *m)
{
	enum { WORD_MAX = 128 };
	struct ladder_ask ask = {.word = ipc_bytes(m->word)};
	struct ladder_found found;
	struct addr peer = {.port = 0};

	if (ask.word.n > WORD_MAX)
		ask.word.n = WORD_MAX;
	for (size_t i = 0; i < m->n_call_ids && i < LADDER_CALLS_MAX; i++)
		ask.call_ids[ask.n_call_ids++] = ipc_bytes(m->call_ids[i]);
	if (m->peer && m->peer->ip.len == sizeof(peer.ip)) {
		memcpy(peer.ip, m->peer->ip.data, sizeof(peer.ip));
		ask.peer = &peer;
	}
	ladder_find(f->ladder, &ask, &found);
	send_pages(f, m->req, &found);
}
