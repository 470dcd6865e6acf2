/* Whatever offer we understand can be answered with itself, and the answer is
 * an SDP with the same sections. */
#include <stdlib.h>
#include "ipc/ipc.h"
#include "web/sdp_leg.h"
#include "wire/sdp/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(Cv__LegDescription *d, struct span offer, struct arena *a)
{
	struct span out;
	struct sdp sdp;
	if (d->n_sections > SDP_SECTIONS_MAX)
		abort();
	for (size_t i = 0; i < d->n_sections; i++)
		if (d->sections[i]->n_codecs > SDP_LEG_CODECS_MAX ||
		    d->sections[i]->mid.len > SDP_LEG_MID_MAX)
			abort();
	int r = sdp_leg_answer(&out, offer, d, 1, 1, a);
	if (r == E_FULL || r == E_NOMEM)
		return;
	if (r < 0 || sdp_decode(&sdp, out, a, NULL) == E_FORMAT ||
	    d->n_sections == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = NULL;
	Cv__LegDescription *d = NULL;
	const char *why = NULL;
	if (arena_new(&a, 2 * SDP_LEG_ARENA_BYTES) < 0)
		return 0;
	if (sdp_leg_offer(&d, span_of(data, size), a, &why) == 0)
		check(d, span_of(data, size), a);
	else if (!why)
		abort();
	arena_free(&a);
	return 0;
}
