/* wire/sip/mask.h - what of a SIP message may be shown to an operator.
 *
 * A message becomes a few lines of text: its first line, the headers that say
 * where it goes and why, and the shape of its body. Nothing else is copied,
 * so that a secret has to be let in and not kept out:
 *   - headers are on a list; of any other only the name and its length stand
 *     there; of those that prove something (Authorization and its kin) the
 *     scheme, the user name, realm and algorithm, and nothing more
 *   - passwords of a URI, its headers, and parameters that are called like a
 *     secret (pin, password, token, key ...) become ***
 *   - of a dialog's tags four characters stay: over TLS a tag proves a dialog
 *   - bodies are never copied. Of a session description: c= and the first
 *     words of m=, and how many lines of keys, fingerprints and candidates
 *     there are (SDES keys and ICE passwords stand there); of anything else
 *     its type and length (a DTMF digit of an INFO is a digit of a PIN)
 *
 * Reads the bytes line by line, whether they are well-formed or not. Pure:
 * no allocation, no clock, work bounded by the head's and the body's length. The text is
 * not escaped: whoever prints it does so.
 */
#pragma once
#include "base/span.h"

enum {
	SIP_MASK_VALUE_MAX = 160,	/* of one header, about */
	SIP_MASK_LINES_MAX = 48,
	SIP_MASK_TEXT_MIN = 64,		/* less room is an error of the caller */
};

/* Lines end in \n; what does not fit is left out from the first line that
 * does not, and "..." stands there instead. The number of bytes written; 0
 * when cap is below SIP_MASK_TEXT_MIN. *call_id: within `message`. */
size_t sip_mask(uint8_t *dst, size_t cap, struct span message,
		struct span *call_id);
