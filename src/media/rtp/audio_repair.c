#include "media/rtp/audio_repair.h"
#include "base/alloc.h"
#include "base/clock.h"

int audio_repair_new(struct audio_repair **out)
{
	struct audio_repair *a = mem_zalloc(sizeof(*a));

	if (!a)
		return E_NOMEM;
	nack_init(&a->in);
	*out = a;
	return 0;
}

void audio_repair_free(struct audio_repair **a)
{
	mem_free(*a);
	*a = NULL;
}

void audio_repair_put(struct audio_repair *a, uint16_t seq, struct span sealed)
{
	unsigned i = seq & (AUDIO_REPAIR_PACKETS - 1);

	a->at[i].seq = seq;
	a->at[i].n = 0;
	a->at[i].tries = 0;
	if (sealed.n > AUDIO_REPAIR_BYTES)
		return;
	a->at[i].n = (uint16_t)sealed.n;
	memcpy(a->at[i].p, sealed.p, sealed.n);
}

struct span audio_repair_find(struct audio_repair *a, uint16_t seq,
			      uint64_t now_ns)
{
	unsigned i = seq & (AUDIO_REPAIR_PACKETS - 1);

	if (a->at[i].seq != seq || !a->at[i].n ||
	    a->at[i].tries >= AUDIO_REPAIR_TRIES)
		return SPAN_NONE;
	if (now_ns - a->window_ns >= NS_PER_S) {
		a->window_ns = now_ns;
		a->repeats = 0;
	}
	if (a->repeats >= AUDIO_REPAIR_EACH_S)
		return SPAN_NONE;
	a->repeats++;
	a->at[i].tries++;
	return span_of(a->at[i].p, a->at[i].n);
}

bool audio_repair_packet(struct audio_repair *a, uint64_t ext, uint64_t now_ns)
{
	nack_packet(&a->in, ext, now_ns);
	if (a->in.next > AUDIO_REPAIR_BEHIND)
		nack_forget_before(&a->in, a->in.next - AUDIO_REPAIR_BEHIND);
	return a->in.n > 0;
}
