#include "base/alloc.h"
#include "base/clock.h"
#include "video/worker_int.h"

int room_new(struct room **out, struct worker *w, uint64_t id)
{
	struct room *room = mem_zalloc(sizeof(*room));
	int r;

	if (!room)
		return E_NOMEM;
	room->id = id;
	room->w = w;
	list_init(&room->legs);
	r = map_new(&room->legs_by_id, VIDEO_LEGS_MAX);
	if (r < 0)
		mem_free(room);
	else
		*out = room;
	return r;
}

void room_free(struct room **room)
{
	if (!*room)
		return;
	for (unsigned i = 0; i < (*room)->n_groups; i++)
		group_free(*room, &(*room)->groups[i]);
	list_each(it, tmp, &(*room)->legs) {
		struct leg *leg = list_entry(it, struct leg, at);

		leg_free(*room, &leg);
		(*room)->w->n_legs--;
	}
	map_free(&(*room)->legs_by_id);
	mem_free(*room);
	*room = NULL;
}

struct leg *room_leg(const struct room *room, uint64_t id)
{
	return id ? map_get(room->legs_by_id, KEY_OF(id)) : NULL;
}

void room_dirty(struct room *room, uint32_t groups, uint64_t now)
{
	for (unsigned i = 0; i < room->n_groups; i++)
		if (groups >> i & 1)
			group_dirty(room->groups[i], now);
}
