#include "dtmf.h"

enum { FRAME_MS = 20, HELD_MS = 100, GAP_MS = 200, ENDS = 3 };

static const char names[] = "0123456789*#ABCD";

bool dtmf_is_busy(struct dtmf *d)
{
	if (!d->pt || !d->keys[0])
		return false;
	if (d->ms < HELD_MS)
		return true;
	d->ms += FRAME_MS;
	if (d->ms >= GAP_MS) {
		memmove(d->keys, d->keys + 1, strlen(d->keys));
		d->ms = 0;
	}
	return false;
}

unsigned dtmf_next(struct dtmf *d, uint32_t ts, uint8_t out[4], bool *is_first)
{
	const char *at = strchr(names, d->keys[0]);
	bool is_end = d->ms + FRAME_MS >= HELD_MS;

	*is_first = d->ms == 0;
	if (*is_first)
		d->ts = ts;
	d->ms += FRAME_MS;
	put16(put8(put8(out, at ? (uint32_t)(at - names) : 0),
		   is_end ? 0x8a : 0x0a), d->per_ms * d->ms);
	return is_end ? ENDS : 1;
}

bool dtmf_send(struct dtmf *d, const char *keys)
{
	size_t n = strlen(d->keys), m = strspn(keys, names);

	if (keys[m] || n + m > DTMF_KEYS_MAX)
		return false;
	memcpy(d->keys + n, keys, m + 1);
	return true;
}

void dtmf_packet(struct dtmf *d, const struct rtp *r)
{
	size_t n = strlen(d->heard);

	if (r->n < 4 || r->payload[0] > 15) {
		d->bad++;
		return;
	}
	if ((n && r->ts == d->heard_ts) || n == DTMF_KEYS_MAX)
		return;
	d->heard_ts = r->ts;
	d->heard[n] = names[r->payload[0]];
	d->heard[n + 1] = 0;
}
