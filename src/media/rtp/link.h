/* media/rtp/link.h - what a leg's network carries, for all its pictures
 * together: transport-wide numbers and the estimate count every video packet
 * of a transport, whichever section it belongs to. Plain struct, owned by its
 * leg. */
#pragma once
#include "media/rtp/bwe.h"
#include "media/rtp/twcc.h"

struct link {
	struct bwe bwe;
	struct twcc_out out;
	struct twcc_in in;
	uint64_t feedback_ns;		/* last of ours */
};
