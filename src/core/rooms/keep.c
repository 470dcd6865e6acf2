#include "core/rooms/room.h"

bool room_is_kept(const struct room *r)
{
	uint32_t several = 0, hosts = 0;

	for (uint32_t i = 0; i < r->n_parts; i++) {
		const struct part *p = r->parts[i];

		if (p->state == PART_GONE)
			continue;
		if (p->keeps == KEEPS_AS_EVER || p->keeps == KEEPS_ALWAYS)
			return true;
		several += p->keeps == KEEPS_IF_MULTIPLE;
		hosts += p->keeps == KEEPS_IF_MULTIPLE && p->host;
	}
	return several >= 2 && hosts > 0;
}
