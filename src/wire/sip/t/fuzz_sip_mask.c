/* Properties: the text fits, is whole lines, and a password that stands in the
 * Request-URI, a digest's response and SDES keys never stand in it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "wire/sip/mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAP = 1200 };

static const char secret[] = "hunter2horse";

static bool has(const uint8_t *p, size_t n)
{
	return memmem(p, n, secret, strlen(secret)) != NULL;
}

static void look(struct span message)
{
	uint8_t out[CAP];
	struct span id;
	const size_t n = sip_mask(out, CAP, message, &id);

	assert(n <= CAP && (n == 0 || out[n - 1] == '\n'));
	assert(id.n == 0 || (id.p >= message.p &&
			     id.p + id.n <= message.p + message.n));
}

/* The bytes stand around secrets where they may stand. */
static void wrap(const uint8_t *data, size_t size)
{
	static const char head[] = "INVITE sip:a:hunter2horse@h SIP/2.0\r\n"
		"Authorization: Digest username=\"u\", response=\"hunter2horse\""
		"\r\nX-Key: hunter2horse\r\nTo: <sip:b@h>;pin=hunter2horse\r\n"
		"Refer-To: <sip:c@h?Replaces=hunter2horse>\r\n";
	static const char body[] = "Content-Type: application/sdp\r\n\r\n"
		"a=crypto:1 AES inline:hunter2horse\r\n"
		"a=ice-pwd:hunter2horse\r\n";
	const size_t all = sizeof(head) + sizeof(body) + size;
	uint8_t *p = malloc(all), out[CAP];
	struct span id;
	size_t n;

	assert(p);
	memcpy(p, head, sizeof(head) - 1);
	n = sizeof(head) - 1;
	/* No header of theirs may carry the word, and no line may be left
	 * open over ours. */
	if (!has(data, size)) {
		memcpy(p + n, data, size);
		n += size;
		memcpy(p + n, "\r\n", 2);
		n += 2;
	}
	/* Behind an empty line of theirs ours is a body, and not copied. */
	memcpy(p + n, body, sizeof(body) - 3);
	n = sip_mask(out, CAP, span_of(p, n + sizeof(body) - 3), &id);
	assert(n && !has(out, n));
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	look(span_of(data, size));
	wrap(data, size);
	return 0;
}
