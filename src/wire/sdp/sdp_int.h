/* wire/sdp - what parse.c and attr.c share: the value grammar of each checked
 * attribute. All return 0 or E_FORMAT and write *out only on success. */
#pragma once
#include "wire/sdp/sdp.h"

/* A word and its rest, split at the first space (more spaces are eaten). */
struct span sdp_word(struct span *rest);
bool sdp_is_token(struct span s);
bool sdp_is_ice_chars(struct span s, size_t min, size_t max);

int sdp_get_rtpmap(struct sdp_rtpmap *out, struct span v);
int sdp_get_fmtp(uint8_t *pt, struct span *params, struct span v);
int sdp_get_rtcp_fb(struct sdp_rtcp_fb *out, struct span v);
int sdp_get_extmap(struct sdp_extmap *out, struct span v);
int sdp_get_ssrc(struct sdp_ssrc *out, struct span v);
int sdp_get_ssrc_group(struct sdp_ssrc_group *out, struct span v);
int sdp_get_fingerprint(struct sdp_fingerprint *out, struct span v);
int sdp_get_setup(enum sdp_setup *out, struct span v);
int sdp_get_content(unsigned *out, struct span v);
/* "sendrecv" and its like; false for another word. */
bool sdp_get_dir(enum sdp_dir *out, struct span name);

/* The words of each enum, in its order; also what the writer prints. */
extern const char *const sdp_dir_names[4];
extern const char *const sdp_setup_names[5];
extern const char *const sdp_hash_names[6];
