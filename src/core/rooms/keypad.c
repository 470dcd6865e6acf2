#include "core/rooms/keypad.h"

#include <string.h>

#include "base/clock.h"

static const struct {
	uint8_t first, second;
	enum keypad_action action;
} codes[] = {
	{KEYPAD_STAR, 5, KEYPAD_MUTE_GUESTS},
	{KEYPAD_STAR, 6, KEYPAD_MUTE_SELF},
	{KEYPAD_STAR, 7, KEYPAD_LOCK},
	{KEYPAD_STAR, 8, KEYPAD_LAYOUT},
	{KEYPAD_HASH, KEYPAD_HASH, KEYPAD_END},
};
enum { CODES = sizeof(codes) / sizeof(codes[0]) };

static bool begins(uint32_t key)
{
	return key == KEYPAD_STAR || key == KEYPAD_HASH;
}

enum keypad_action keypad_press(struct keypad *k, uint32_t key,
				uint64_t now_ns)
{
	const uint32_t first = k->first;
	const bool in_time = now_ns - k->first_ns <=
			     KEYPAD_GAP_MS * NS_PER_MS;

	k->first = 0;
	for (size_t i = 0; first && in_time && i < CODES; i++)
		if (codes[i].first + 1u == first && codes[i].second == key)
			return codes[i].action;
	if (begins(key)) {
		k->first = key + 1;
		k->first_ns = now_ns;
	}
	return KEYPAD_NOTHING;
}

static struct span next_view(const struct room *r)
{
	static const char *const views[] = {"1:7", "1:0", "4:0", "9:0",
					    "16:0", "25:0"};
	enum { VIEWS = sizeof(views) / sizeof(views[0]) };

	for (size_t i = 0; i < VIEWS; i++)
		if (strcmp(r->view, views[i]) == 0)
			return span_str(views[(i + 1) % VIEWS]);
	return span_str(views[0]);
}

bool keypad_command(enum keypad_action a, const struct room *r,
		    struct part *p, struct room_cmd *cmd)
{
	*cmd = (struct room_cmd){.actor = p};
	switch (a) {
	case KEYPAD_MUTE_GUESTS:
		cmd->op = r->guests_muted ? RC_UNMUTE_GUESTS : RC_MUTE_GUESTS;
		return true;
	case KEYPAD_MUTE_SELF:
		cmd->op = p->muted ? RC_P_UNMUTE : RC_P_MUTE;
		cmd->target = span_str(p->uuid);
		return true;
	case KEYPAD_LOCK:
		cmd->op = r->locked ? RC_UNLOCK : RC_LOCK;
		return true;
	case KEYPAD_LAYOUT:
		cmd->op = RC_LAYOUT;
		cmd->text = next_view(r);
		return true;
	case KEYPAD_END:
		cmd->op = RC_DISCONNECT_ALL;
		return true;
	case KEYPAD_NOTHING:
	case KEYPAD_COUNT:
		break;
	}
	return false;
}
