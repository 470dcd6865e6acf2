#include "media/rtp/nack.h"
#include "base/clock.h"

void nack_init(struct nack *n)
{
	n->next = 0;
	n->n = 0;
	n->is_lost = false;
}

static void remove_front(struct nack *n, size_t k)
{
	memmove(n->at, n->at + k, (n->n - k) * sizeof(n->at[0]));
	n->n -= k;
}

static void found(struct nack *n, uint64_t ext)
{
	for (size_t i = 0; i < n->n; i++) {
		if (n->at[i].ext != ext)
			continue;
		if (n->at[i].tries)
			n->recovered++;
		memmove(n->at + i, n->at + i + 1,
			(n->n - i - 1) * sizeof(n->at[0]));
		n->n--;
		return;
	}
}

void nack_packet(struct nack *n, uint64_t ext, uint64_t now_ns)
{
	if (!n->next || ext - n->next > NACK_MAX * 8) {
		/* the first packet, or a new run of numbers */
		if (n->next && ext > n->next)
			n->is_lost = true;
		if (n->next && ext < n->next) {
			found(n, ext);
			return;
		}
		n->n = 0;
		n->next = ext + 1;
		return;
	}
	for (uint64_t k = n->next; k < ext; k++) {
		if (n->n == NACK_MAX) {
			remove_front(n, 1);
			n->given_up++;
			n->is_lost = true;
		}
		n->at[n->n++] = (struct nack_entry){.ext = k,
						    .since_ns = now_ns};
	}
	n->next = ext + 1;
}

void nack_forget_before(struct nack *n, uint64_t ext)
{
	size_t k = 0;

	while (k < n->n && n->at[k].ext < ext)
		k++;
	remove_front(n, k);
}

static bool is_due(const struct nack_entry *e, uint64_t now_ns,
		   uint64_t rtt_ns)
{
	if (!e->tries)
		return now_ns - e->since_ns >= NACK_WAIT_MS * NS_PER_MS;
	return now_ns - e->asked_ns >= rtt_ns;
}

size_t nack_due(struct nack *n, uint64_t now_ns, uint64_t rtt_ns,
		uint16_t *out, size_t cap)
{
	size_t k = 0, kept = 0;

	if (rtt_ns < NACK_RTT_MIN_MS * NS_PER_MS)
		rtt_ns = NACK_RTT_MIN_MS * NS_PER_MS;
	if (rtt_ns > NACK_RTT_MAX_MS * NS_PER_MS)
		rtt_ns = NACK_RTT_MAX_MS * NS_PER_MS;
	/* a little more than a round trip: the answer may be under way */
	rtt_ns += rtt_ns / 4;
	for (size_t i = 0; i < n->n; i++) {
		struct nack_entry *e = &n->at[i];
		bool is_due_now = is_due(e, now_ns, rtt_ns);

		if (now_ns - e->since_ns > NACK_AGE_MS * NS_PER_MS ||
		    (is_due_now && e->tries == NACK_TRIES_MAX)) {
			n->given_up++;
			n->is_lost = true;
			continue;
		}
		if (is_due_now && k < cap) {
			out[k++] = (uint16_t)e->ext;
			e->asked_ns = now_ns;
			e->tries++;
			n->asked++;
		}
		n->at[kept++] = *e;
	}
	n->n = kept;
	return k;
}

bool nack_take_lost(struct nack *n)
{
	bool was = n->is_lost;

	n->is_lost = false;
	return was;
}
