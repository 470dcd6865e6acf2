/* URLs: what was accepted is printed in a form that means the same. */
#include <stdlib.h>
#include <string.h>
#include "courier/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char text[URL_PRINT_MAX];
	struct url u, v;

	if (url_parse_any(&u, span_of(p, n)) < 0)
		return 0;
	if (u.is_plain == (url_parse(&v, span_of(p, n)) == 0))
		abort();
	url_print(&u, text);
	if (strlen(text) > URL_MAX)
		return 0;	/* it grew a default path */
	if (url_parse_any(&v, span_str(text)) < 0 ||
	    u.is_plain != v.is_plain ||
	    strcmp(u.host, v.host) != 0 || u.port != v.port ||
	    u.is_literal != v.is_literal ||
	    (u.is_literal && !addr_ip_eq(&u.addr, &v.addr)))
		abort();
	return 0;
}
