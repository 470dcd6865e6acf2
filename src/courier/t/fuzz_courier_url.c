/* URLs: what was accepted is printed in a form that means the same. */
#include <stdlib.h>
#include <string.h>
#include "courier/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char text[URL_PRINT_MAX];
	struct url u, v;

	if (url_parse(&u, span_of(p, n)) < 0)
		return 0;
	url_print(&u, text);
	if (strlen(text) > URL_MAX)
		return 0;	/* it grew a default path */
	if (url_parse(&v, span_str(text)) < 0 ||
	    strcmp(u.host, v.host) != 0 || u.port != v.port ||
	    u.is_literal != v.is_literal ||
	    (u.is_literal && !addr_ip_eq(&u.addr, &v.addr)))
		abort();
	return 0;
}
