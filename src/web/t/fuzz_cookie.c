/* A Cookie field as a hostile client writes it; what is found can be given back
 * as a cookie and stays one line. */
#include <stdlib.h>
#include "base/alloc.h"
#include "web/cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_head h;
	struct span out[COOKIES_MAX], line, rest = span_of(data, size);
	char dst[COOKIE_LINE_MAX];
	h.n_fields = 0;
	while (rest.n && h.n_fields < HTTP_FIELDS_MAX) {
		struct span one;
		(void)span_split(rest, '\n', &one, &rest);
		h.fields[h.n_fields++] = (struct http_field){
			SPAN_LIT("Cookie"), one};
	}
	size_t n = cookie_read(&h, out);
	if (n > COOKIES_MAX)
		abort();
	for (size_t i = 0; i < n; i++)
		if (cookie_print(dst, SPAN_LIT("__Host-cv-0123456789abcdef"),
				 out[i], &line) < 0 ||
		    memchr(line.p, '\n', line.n))
			abort();
	return 0;
}
