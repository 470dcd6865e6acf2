/* core/service.h - what a meeting is a meeting of.
 *
 * Most services are configured rooms. Others have no row: a policy server or
 * a script described them, or a routing rule places a call. They are known by
 * their name, and live as long as somebody is in them.
 *
 * Plain data, copied by value.
 */
#pragma once
#include "core/rooms/room.h"

enum { SERVICE_NAME_MAX = PART_NAME_MAX, SERVICE_TAG_MAX = PART_TAG_MAX,
       SERVICE_PATTERN_MAX = 1000 };

enum service_kind {
	SERVICE_KIND_CONFERENCE = 0,
	SERVICE_KIND_TEST,		/* each caller has his own: test_call.h */
	SERVICE_KIND_RECEPTION,		/* never a meeting: reception.h */
};

struct service {
	enum service_kind kind;
	/* Of the conference's row (> 0), or made of the name (< 0). */
	int64_t id;
	char name[SERVICE_NAME_MAX + 1];
	char tag[SERVICE_TAG_MAX + 1];
	bool gateway;			/* two legs, not a room */
	uint32_t call_type;		/* CALL_VIDEO, ... of schema.h */
	uint32_t kbps_in, kbps_out;	/* of each person; 0 = no limit */
	uint32_t pixels_step;		/* largest picture: 0 = the best */
	uint32_t crypto;		/* SV_CRYPTO_ON, ...: of SIP legs */
	bool overlay_text;
	struct room_cfg cfg;
	/* Of a reception: what may be entered, and what is called then. */
	char match[SERVICE_PATTERN_MAX + 1], replace[SERVICE_PATTERN_MAX + 1];
};

/* Does it end with core, like its legs? Nothing of it is in the journal. */
static inline bool service_is_passing(const struct service *sv)
{
	return sv->gateway || sv->kind == SERVICE_KIND_TEST;
}
