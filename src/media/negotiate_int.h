/* media/negotiate_int.h - what the files of negotiation share: the codecs
 * (negotiate.c), transports and keys (negotiate_keys.c), levels of H.264
 * (h264_level.c), offers of ours (negotiate_offer.c). Pure. */
#pragma once
#include "media/h264_level.h"
#include "media/negotiate.h"

/* Points into the section, or NULL. */
const Cv__Codec *nego_pick_audio(const Cv__Section *s);
const Cv__Codec *nego_pick_video(const Cv__Section *s);

/* E_UNSUPPORTED when the policy wants keys that the section does not have, or
 * the profile is none of ours; E_FORMAT for an address that is none. */
int nego_bfcp_choose(struct nego_transport *out, const Cv__Section *s,
		     const Cv__LegDescription *d,
		     const struct nego_policy *policy);
int nego_transport_choose(struct nego_transport *out, const Cv__Section *s,
			  const Cv__LegDescription *d,
			  const struct nego_policy *policy);
