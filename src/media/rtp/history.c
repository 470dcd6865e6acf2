#include "media/rtp/history.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "wire/rtp/rtp.h"

struct entry {
	size_t at, cap, n;	/* in bytes[]; cap with the tail */
	uint64_t sent_ns, repeated_ns;
	bool is_sealed;
	uint8_t tries;
};

/* Numbers [first, next) are stored, [unsent, next) wait. Counters are 64 bit
 * and their low 16 bits are the sequence number. */
struct history {
	uint64_t first, unsent, next;
	size_t head;			/* where the next bytes go */
	size_t waiting_bytes;
	struct entry at[HISTORY_PACKETS];
	uint8_t bytes[HISTORY_BYTES];
};

static struct entry *entry_of(struct history *h, uint64_t i)
{
	return &h->at[i & (HISTORY_PACKETS - 1)];
}

int history_new(struct history **out, uint16_t first_seq)
{
	struct history *h = mem_alloc(sizeof(*h));

	if (!h)
		return E_NOMEM;
	h->first = h->unsent = h->next = (UINT64_C(1) << 16) | first_seq;
	h->head = h->waiting_bytes = 0;
	*out = h;
	return 0;
}

void history_free(struct history **h)
{
	mem_free(*h);
	*h = NULL;
}

bool history_has_room(const struct history *h, size_t n, size_t bytes)
{
	size_t waiting = (size_t)(h->next - h->unsent);
	size_t need = bytes + n * HISTORY_TAIL;

	/* half of each ring may wait, the rest is there to be repeated; the
	 * bytes also pay for the gap at the end of the ring */
	return waiting + n <= HISTORY_PACKETS / 2 &&
	       h->waiting_bytes + waiting * HISTORY_TAIL + need <=
	       HISTORY_BYTES / 2;
}

/* Does the stored packet overlap [at, at + n)? */
static bool overlaps(const struct entry *e, size_t at, size_t n)
{
	return e->at < at + n && at < e->at + e->cap;
}

/* What the last round left behind the head is the oldest and goes first. */
static bool wrap(struct history *h)
{
	while (h->first < h->next && entry_of(h, h->first)->at >= h->head) {
		if (h->first == h->unsent)
			return false;
		h->first++;
	}
	h->head = 0;
	return true;
}

uint8_t *history_put(struct history *h, size_t n, uint16_t *seq)
{
	size_t cap = n + HISTORY_TAIL;
	struct entry *e;

	if (cap > HISTORY_BYTES / 4)
		return NULL;
	if (h->head + cap > HISTORY_BYTES && !wrap(h))
		return NULL;
	while (h->first < h->next &&
	       (h->next - h->first == HISTORY_PACKETS ||
		overlaps(entry_of(h, h->first), h->head, cap))) {
		if (h->first == h->unsent)
			return NULL;
		h->first++;
	}
	e = entry_of(h, h->next);
	*e = (struct entry){.at = h->head, .cap = cap, .n = n};
	*seq = (uint16_t)h->next++;
	h->waiting_bytes += n;
	return h->bytes + e->at;
}

void history_put_end(struct history *h, size_t n)
{
	struct entry *e = entry_of(h, h->next - 1);

	h->waiting_bytes -= e->n - n;
	e->n = n;
	e->cap = n + HISTORY_TAIL;
	h->head = e->at + e->cap;
}

static void packet_of(struct history *h, uint64_t i,
		      struct history_packet *out)
{
	const struct entry *e = entry_of(h, i);

	*out = (struct history_packet){h->bytes + e->at, e->n, (uint16_t)i,
				       e->is_sealed};
}

bool history_next(struct history *h, struct history_packet *out)
{
	if (h->unsent == h->next)
		return false;
	packet_of(h, h->unsent, out);
	return true;
}

void history_sent(struct history *h, size_t n, bool is_sealed,
		  uint64_t now_ns)
{
	struct entry *e = entry_of(h, h->unsent);

	h->waiting_bytes -= e->n;
	e->n = n;
	e->is_sealed = is_sealed;
	e->sent_ns = now_ns;
	h->unsent++;
}

uint16_t history_next_seq(const struct history *h)
{
	return (uint16_t)h->next;
}

size_t history_waiting(const struct history *h, size_t *bytes)
{
	*bytes = h->waiting_bytes;
	return (size_t)(h->next - h->unsent);
}

int history_find(struct history *h, uint16_t seq, uint64_t now_ns,
		 struct history_packet *out)
{
	uint64_t i = rtp_seq_extend(h->next, seq);
	struct entry *e;

	if (i < h->first || i >= h->next)
		return E_NOTFOUND;
	if (i >= h->unsent)
		return E_STATE;
	e = entry_of(h, i);
	if (now_ns - e->sent_ns > HISTORY_AGE_MS * NS_PER_MS)
		return E_TIMEOUT;
	if (e->repeated_ns &&
	    now_ns - e->repeated_ns < HISTORY_REPEAT_MS * NS_PER_MS)
		return E_AGAIN;
	if (e->tries >= HISTORY_TRIES_MAX)
		return E_LIMIT;
	e->tries++;
	e->repeated_ns = now_ns;
	packet_of(h, i, out);
	return 0;
}
