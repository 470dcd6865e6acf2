/* video/caps.h - the named maxima of one video worker. Whatever is refused
 * at one of these is counted; a person without a decoder is a name card. */
#pragma once

enum {
	VIDEO_ROOMS_MAX = 256,
	VIDEO_LEGS_MAX = 1024,			/* per room */
	VIDEO_GROUPS_MAX = 16,			/* per room */
	VIDEO_ENCODERS_MAX = 64,		/* per worker */
	VIDEO_DECODERS_ROOM_MAX = 32,
	VIDEO_DECODERS_MAX = 128,		/* per worker */
	/* Sum of all decoded sizes: 64 x 1280x720, about 480 MB at most. */
	VIDEO_DECODED_PIXELS_MAX = 64 * 1280 * 720,
	VIDEO_FPS_MAX = 30,
	VIDEO_KBPS_MAX = 8000,
	/* One H.264 picture serves receivers of packetization-mode 0 too (RFC
	 * 6184); smaller slices cost no measurable time. */
	VIDEO_NAL_MAX_BYTES = 1100,

	VIDEO_KEEPALIVE_MS = 450,	/* a still picture: over 2 fps */
	VIDEO_KEY_OUT_MS = 500,		/* between keyframes of a group */
	VIDEO_KEY_ASK_MS = 500,		/* between requests to a sender */
	VIDEO_HIDDEN_DECODER_MS = 2000,	/* then its decoder goes */
	VIDEO_HIDDEN_PICTURE_MS = 10000,	/* then its last picture */
	VIDEO_STALE_ROOM_MS = 30000,	/* unnamed by a new core */

	/* CPU time that one sender's pictures may cost. */
	VIDEO_DECODE_ONE_MS = 100,
	VIDEO_DECODE_WINDOW_MS = 1000,
	VIDEO_DECODE_IN_WINDOW_MS = 250,
	VIDEO_PAUSE_MS = 5000,
};
