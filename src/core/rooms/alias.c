#include "core/rooms/alias.h"

#include "base/addr.h"
#include "base/err.h"

static const char *const schemes[] = {"sip:", "sips:", "h323:", "tel:",
				      "https:", "http:", "webrtc:"};

static struct span cut_scheme(struct span s)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		const struct span p = span_str(schemes[i]);

		if (s.n < p.n || !span_eq_nocase(span_of(s.p, p.n), p))
			continue;
		s = span_of(s.p + p.n, s.n - p.n);
		if (span_starts(s, SPAN_LIT("//")))
			s = span_of(s.p + 2, s.n - 2);
		return s;
	}
	return s;
}

static struct span cut_params(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == ';' || s.p[i] == '?')
			return span_of(s.p, i);
	return s;
}

static bool is_port(struct span s)
{
	uint64_t v;

	return span_u64(s, 65535, &v) == 0;
}

static bool is_address(struct span host)
{
	struct addr a;

	if (host.n && host.p[0] == '[') {
		struct span in, port;

		if (!span_split(span_of(host.p + 1, host.n - 1), ']', &in,
				&port))
			return false;
		return addr_parse(&a, in, 0) == 0 &&
		       (!port.n || (port.p[0] == ':' &&
				    is_port(span_of(port.p + 1, port.n - 1))));
	}
	if (addr_parse(&a, host, 0) == 0)
		return true;

	struct span ip, port;

	return span_split(host, ':', &ip, &port) && is_port(port) &&
	       addr_parse(&a, ip, 0) == 0;
}

static struct span cut_host(struct span s)
{
	for (size_t i = s.n; i-- > 0;)
		if (s.p[i] == '@')
			return is_address(span_of(s.p + i + 1, s.n - i - 1)) ?
				span_of(s.p, i) : s;
	return s;
}

int alias_normalise(char dst[ALIAS_MAX + 1], struct span dialled)
{
	struct span s = cut_host(cut_params(cut_scheme(span_trim(dialled))));

	dst[0] = 0;
	if (!s.n || !span_is_utf8(s))
		return E_FORMAT;
	if (s.n > ALIAS_MAX)
		return E_LIMIT;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			return E_FORMAT;
	for (size_t i = 0; i < s.n; i++)
		dst[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ?
				s.p[i] + 32 : s.p[i]);
	dst[s.n] = 0;
	return 0;
}
