#include "media/h264_level.h"

enum {
	LEVEL_OURS = 31,
	LEVEL_1B = 9,			/* of the other profiles */
	LEVEL_1_1 = 11,
	LEVEL_UNSAID = 13,
	CONSTRAINT_SET3 = 0x10,		/* in profile-iop */
};

/* Only levels whose picture or rate differ. */
static const struct {
	uint8_t level;
	struct h264_limits l;
} table[] = {
	{9, {99, 1485, 128}}, {10, {99, 1485, 64}},
	{11, {396, 3000, 192}}, {12, {396, 6000, 384}},
	{13, {396, 11880, 768}}, {20, {396, 11880, 2000}},
	{21, {792, 19800, 4000}}, {22, {1620, 20250, 4000}},
	{30, {1620, 40500, 10000}}, {31, {3600, 108000, 14000}},
	{32, {5120, 216000, 20000}}, {40, {8192, 245760, 20000}},
	{41, {8192, 245760, 50000}}, {42, {8704, 522240, 50000}},
	{50, {22080, 589824, 135000}}, {51, {36864, 983040, 240000}},
};

/* Level 1b of the baseline profiles is written as 1.1 with a flag. */
static unsigned level_of(uint32_t id)
{
	if ((id & 0xff) == LEVEL_1_1 && (id >> 8 & CONSTRAINT_SET3))
		return LEVEL_1B;
	return id ? id & 0xff : LEVEL_UNSAID;
}

void h264_level_limits(uint32_t profile_level_id, struct h264_limits *out)
{
	unsigned level = level_of(profile_level_id);

	*out = table[0].l;
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].level <= level)
			*out = table[i].l;
}

uint32_t h264_level_answer(uint32_t profile_level_id, bool is_asymmetric)
{
	struct h264_limits ours, theirs;

	if (!profile_level_id)
		return 0;
	h264_level_limits(LEVEL_OURS, &ours);
	h264_level_limits(profile_level_id, &theirs);
	if (!is_asymmetric && theirs.max_fs <= ours.max_fs &&
	    theirs.max_kbps <= ours.max_kbps)
		return profile_level_id;
	return (profile_level_id & ~(uint32_t)(CONSTRAINT_SET3 << 8 | 0xff)) |
	       LEVEL_OURS;
}
