#include "sip/roster.h"

/* Of the frame: everything but users and names. */
enum { FRAME_BYTES = 1024, USER_BYTES = 512, ESCAPED_MAX = 6 };

/* XML 1.0 2.2: no controls but tab and line ends, no U+FFFE and U+FFFF; what is
 * no UTF-8 is left out, too. */
static size_t take(const uint8_t *p, size_t n)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 :
		     p[0] >= 0xe0 && p[0] < 0xf0 ? 3 :
		     p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;

	if (len < 2)
		return len && p[0] >= 0x20 && p[0] != 0x7f ? len : 0;
	if (len > n || !span_is_utf8(span_of(p, len)))
		return 0;
	if (len == 3 && p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe)
		return 0;
	return len;
}

void roster_escape(struct wr *w, struct span text)
{
	for (size_t i = 0, n; i < text.n; i += n ? n : 1) {
		n = take(text.p + i, text.n - i);
		switch (n == 1 ? text.p[i] : 0) {
		case '&':
			wr_str(w, "&amp;");
			break;
		case '<':
			wr_str(w, "&lt;");
			break;
		case '>':
			wr_str(w, "&gt;");
			break;
		case '"':
			wr_str(w, "&quot;");
			break;
		case '\'':
			wr_str(w, "&apos;");
			break;
		default:
			wr_span(w, span_of(text.p + i, n));
			break;
		}
	}
}

static void user(struct wr *w, const Cv__SipRosterEntry *u)
{
	wr_str(w, "<user entity=\"urn:uuid:");
	roster_escape(w, ipc_bytes(u->entity));
	if (u->gone) {
		wr_str(w, "\" state=\"deleted\"/>");
		return;
	}
	wr_str(w, "\" state=\"full\"><display-text>");
	roster_escape(w, ipc_bytes(u->name));
	wr_str(w, "</display-text><roles><entry>");
	wr_str(w, u->host ? "host" : "guest");
	wr_str(w, "</entry></roles><endpoint entity=\"urn:uuid:");
	roster_escape(w, ipc_bytes(u->entity));
	wr_str(w, "\"><status>connected</status><media id=\"1\"><type>audio"
	       "</type><status>");
	/* As the conference sees it: who is muted only receives. */
	wr_str(w, u->muted ? "sendonly" : "sendrecv");
	wr_str(w, "</status></media></endpoint></user>");
}

static const char *state_of(bool full)
{
	return full ? "full" : "partial";
}

void roster_write(struct wr *w, const struct roster_doc *d)
{
	size_t left = d->max_bytes > FRAME_BYTES + d->conference.n *
		      ESCAPED_MAX ? d->max_bytes - FRAME_BYTES -
		      d->conference.n * ESCAPED_MAX : 0;

	wr_str(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
	       "<conference-info xmlns=\"urn:ietf:params:xml:ns:"
	       "conference-info\" entity=\"");
	roster_escape(w, d->conference);
	wr_str(w, "\" state=\"");
	wr_str(w, state_of(d->full));
	wr_str(w, "\" version=\"");
	wr_dec(w, d->version);
	wr_str(w, "\"><conference-state><user-count>");
	wr_dec(w, d->m->n_all);
	wr_str(w, "</user-count><active>true</active><locked>");
	wr_str(w, d->m->locked ? "true" : "false");
	wr_str(w, "</locked></conference-state><users state=\"");
	wr_str(w, state_of(d->full));
	wr_str(w, "\">");
	for (size_t i = 0; i < d->m->n_users; i++) {
		const Cv__SipRosterEntry *u = d->m->users[i];
		const size_t most = USER_BYTES + (u->name.len + 2 *
				    u->entity.len) * ESCAPED_MAX;

		if (most > left)
			break;
		left -= most;
		user(w, u);
	}
	wr_str(w, "</users></conference-info>\r\n");
}
