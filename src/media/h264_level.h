/* media/h264_level.h - levels of H.264 (ITU-T H.264 table A-1) as
 * profile-level-id names them (RFC 6184 8.1). Pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct h264_limits {
	uint32_t max_fs;		/* macroblocks of a picture */
	uint32_t max_mbps;		/* ... in a second */
	uint32_t max_kbps;
};

/* Of an unknown level: those of the next lower one we know. 0 (absent): level
 * 1.3, because devices that say nothing send and take CIF. */
void h264_level_limits(uint32_t profile_level_id, struct h264_limits *out);
/* What we answer to it: level 3.1, or the offer's where it is lower and levels
 * must be equal. */
uint32_t h264_level_answer(uint32_t profile_level_id, bool is_asymmetric);
