/* A SIP device: sound, picture and presentation, each a peer of its own with its
 * own ports, and BFCP. */
#pragma once
#include "bfcp.h"
#include "peer.h"
#include "sdes.h"
#include "ua.h"

enum { SECTION_AUDIO, SECTION_VIDEO, SECTION_SLIDES,
       SECTION_FECC, SECTION_COUNT,
       INDEX_MAX = 16, INDEX_NONE = 99, PT_EVENT = 101, PT_H224 = 108,
       FRAME_MAX = 64 };

struct section {
	struct peer p;
	bool is_wanted, is_agreed;
	uint8_t pt_h224;
	unsigned index;			/* in the description */
	int fd[2];			/* RTP, RTCP */
	uint16_t port;
	bool is_mux;
	const char *profile;		/* of the offer that we answer */
	char suite[40];			/* "": clear */
	unsigned tag;
	uint8_t key[SDES_KEY_MAX], theirs[SDES_KEY_MAX];
	char host[64];			/* theirs */
	unsigned to_port;
	char direction[12];		/* theirs */
};

struct device {
	struct section s[SECTION_COUNT];
	struct bfcp bfcp;		/* fd -1: not wanted */
	bool has_bfcp;			/* wanted */
	unsigned bfcp_index, bfcp_to;	/* theirs; 0 = not agreed */
	char bfcp_host[64];
	struct ua ua;
	const char *ip, *suite;		/* NULL: clear */
	unsigned max_fs;		/* of its camera's section, 0 = not said */
	bool has_feedback;		/* AVPF */
	bool is_mux;
	bool is_held;
	unsigned version;
	const char *wrong;
	char sdp[4096];
};

/* Ours: an offer, or the answer to what device_read() read. */
const char *device_sdp(struct device *d, bool is_answer);
/* Theirs. NULL or what is wrong. */
const char *device_read(struct device *d, const char *sdp, bool is_answer);
