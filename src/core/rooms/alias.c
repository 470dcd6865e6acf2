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

static bool port_of(struct span s, uint16_t *port)
{
	uint64_t v;

	if (span_u64(s, 65535, &v) < 0)
		return false;
	*port = (uint16_t)v;
	return true;
}

static bool address_of(struct addr *a, struct span host)
{
	struct span in = host, rest = SPAN_NONE;
	uint16_t port = 0;

	if (host.n && host.p[0] == '[') {
		if (!span_split(span_of(host.p + 1, host.n - 1), ']', &in,
				&rest))
			return false;
		if (rest.n && rest.p[0] != ':')
			return false;
		if (rest.n && !port_of(span_of(rest.p + 1, rest.n - 1), &port))
			return false;
		return addr_parse(a, in, port) == 0;
	}
	if (addr_parse(a, host, 0) == 0)
		return true;
	return span_split(host, ':', &in, &rest) && port_of(rest, &port) &&
		addr_parse(a, in, port) == 0;
}

struct span alias_strip(struct span dialled)
{
	return cut_params(cut_scheme(span_trim(dialled)));
}

bool alias_split_address(struct span s, struct span *user, struct addr *host)
{
	for (size_t i = s.n; i-- > 0;) {
		struct addr a;

		if (s.p[i] != '@')
			continue;
		if (!address_of(&a, span_of(s.p + i + 1, s.n - i - 1)))
			return false;
		*user = span_of(s.p, i);
		*host = a;
		return true;
	}
	return false;
}

int alias_normalise(char dst[ALIAS_MAX + 1], struct span dialled)
{
	struct span s = alias_strip(dialled), user;
	struct addr host;

	dst[0] = 0;
	if (alias_split_address(s, &user, &host))
		s = user;
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
