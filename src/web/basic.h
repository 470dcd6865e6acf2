/* web/basic.h - user name and password of a registration.
 *
 * `Authorization: x-pexip-basic <base64(user:password)>`, in either alphabet,
 * with padding or without. Pure.
 */
#pragma once
#include "base/span.h"

enum { BASIC_MAX = 512 };	/* bytes of user:password */

/* *user and *password point into `buf`, which the caller wipes whatever
 * this answers. The user name ends at the first colon. False: something
 * else, or too long. */
bool basic_read(struct span header, uint8_t buf[BASIC_MAX], struct span *user,
		struct span *password);
