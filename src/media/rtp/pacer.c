#include "media/rtp/pacer.h"
#include "base/clock.h"

static uint64_t bytes_in(uint32_t kbps, uint64_t ns)
{
	return (uint64_t)kbps * PACER_FACTOR_TENTHS / 10 * (ns / NS_PER_US) /
	       8000;
}

void pacer_fill(struct pacer *p, uint32_t kbps, uint64_t now_ns)
{
	uint64_t d = now_ns - p->last_ns;

	if (d > NS_PER_S)
		d = NS_PER_S;
	p->last_ns = now_ns;
	p->tokens += (int64_t)bytes_in(kbps, d);
	if (p->tokens > PACER_BURST_BYTES)
		p->tokens = PACER_BURST_BYTES;
}

bool pacer_may_send(const struct pacer *p)
{
	return p->tokens > 0;
}

void pacer_sent(struct pacer *p, size_t bytes)
{
	p->tokens -= (int64_t)bytes;
}

bool pacer_is_late(uint32_t kbps, size_t waiting_bytes)
{
	return waiting_bytes > bytes_in(kbps, PACER_BACKLOG_MS * NS_PER_MS) +
			       PACER_BURST_BYTES;
}
