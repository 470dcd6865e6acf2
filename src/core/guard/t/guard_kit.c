#include "core/guard/t/guard_kit.h"

#include <stdlib.h>

const uint8_t kit_boot[16] = {1}, kit_other_boot[16] = {2};

struct guard_cfg kit_cfg(void)
{
	struct guard_cfg c = GUARD_CFG_DEFAULT;

	c.sources = 1024;
	c.rooms = 32;
	c.phantoms = 32;
	c.bans = 16;
	c.line = 64;
	c.hash_key[0] = 7;
	c.hash_key[1] = 9;
	return c;
}

void kit_open(struct kit *k, const struct guard_cfg *cfg)
{
	*k = (struct kit){.cfg = *cfg, .now = 100 * S};
	k->n = guard_size(cfg);
	assert_true(k->n > 0);
	k->block = calloc(1, k->n + 64);
	assert_non_null(k->block);
	k->mem = (void *)(((uintptr_t)k->block + 63) & ~(uintptr_t)63);
	assert_int_equal(guard_attach(&k->g, cfg, k->mem, k->n, kit_boot,
				      k->now), 0);
}

void kit_close(struct kit *k)
{
	guard_detach(&k->g);
	free(k->block);
}

int kit_again(struct kit *k, const uint8_t boot[16])
{
	guard_detach(&k->g);
	return guard_attach(&k->g, &k->cfg, k->mem, k->n, boot, k->now);
}

void kit_v4(uint8_t ip[16], uint32_t a)
{
	memset(ip, 0, 16);
	ip[10] = ip[11] = 0xff;
	for (unsigned i = 0; i < 4; i++)
		ip[12 + i] = (uint8_t)(a >> (24 - 8 * i));
}

void kit_v6(uint8_t ip[16], uint32_t hi, uint64_t lo)
{
	static const uint8_t net[4] = {0x20, 0x01, 0x0d, 0xb8};

	memcpy(ip, net, 4);
	for (unsigned i = 0; i < 4; i++)
		ip[4 + i] = (uint8_t)(hi >> (24 - 8 * i));
	for (unsigned i = 0; i < 8; i++)
		ip[8 + i] = (uint8_t)(lo >> (56 - 8 * i));
}

struct guard_facts kit_facts(uint64_t room, uint32_t a)
{
	struct guard_facts f = {.room = room, .room_is_real = true,
				.pin_on = true, .scan_on = true,
				.verified = true, .face = GUARD_FACE_WEB};

	kit_v4(f.ip, UINT32_C(0x0a000000) + a);
	return f;
}

void kit_misses(struct kit *k, const struct guard_facts *f, unsigned n)
{
	while (n--)
		guard_note_pin(k->g, f, k->now, false);
}

void kit_crowd(struct kit *k, uint64_t room, bool real, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct guard_facts f = kit_facts(room, 0x800000 + 256 * i);

		f.room_is_real = real;
		kit_misses(k, &f, 1);
	}
}

enum guard_verdict kit_check(const struct kit *k, const struct guard_facts *f)
{
	return guard_check_pin(k->g, f, k->now, NULL);
}

bool kit_event(struct kit *k, enum guard_event_kind kind,
	       struct guard_event *ev)
{
	while (guard_next_event(k->g, ev))
		if (ev->kind == kind)
			return true;
	return false;
}

unsigned kit_events(struct kit *k, enum guard_event_kind kind)
{
	struct guard_event ev;
	unsigned n = 0;

	while (guard_next_event(k->g, &ev))
		n += ev.kind == kind;
	return n;
}

uint64_t kit_rand(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}
