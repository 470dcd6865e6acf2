/* Addresses, names, URLs, and the lists of them and of references. */
#include "base/addr.h"
#include "schema/schema.h"
#include "schema/schema_int.h"

enum { HOST_MAX = 253, LABEL_MAX = 63, PREFIX_DIGITS_MAX = 20 };

static int refuse(const struct schema_resource *r,
		  const struct schema_field *f, const char *rule, size_t place,
		  const char *what, struct schema_error *why)
{
	schema_fail(why, r, f->name, rule, place, "must be %s (character %zu)",
		    what, place);
	return E_FORMAT;
}

/* --- networks --------------------------------------------------------------- */

/* Zeroes what stands behind the prefix; true when it was zero. */
static bool mask(uint8_t ip[16], unsigned prefix)
{
	bool clean = true;
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = prefix >= 8 * (i + 1) ? 8 :
				prefix <= 8 * i ? 0 : prefix - 8 * i;
		uint8_t m = (uint8_t)(0xff00u >> keep);
		clean &= (ip[i] & ~m & 0xff) == 0;
		ip[i] &= m;
	}
	return clean;
}

static int read_net(struct span one, uint8_t ip[16], unsigned *prefix,
		    bool *clean)
{
	struct span text, bits;
	struct addr a;
	uint64_t n;
	bool has_bits = span_split(one, '/', &text, &bits);
	if (addr_parse(&a, text, 0) < 0)
		return E_FORMAT;
	bool is_v6 = memchr(text.p, ':', text.n) != NULL;
	n = is_v6 ? 128 : 32;
	if (has_bits && (bits.n > 3 || span_u64(bits, n, &n) < 0))
		return E_FORMAT;
	memcpy(ip, a.ip, 16);
	*prefix = (unsigned)n + (is_v6 ? 0 : 96);
	*clean = mask(ip, *prefix);
	return 1;
}

int schema_net_next(struct span *rest, uint8_t ip[16], unsigned *prefix)
{
	struct span one;
	bool clean;
	if (rest->n == 0)
		return 0;
	(void)span_split(*rest, ',', &one, rest);
	return read_net(one, ip, prefix, &clean);
}

int check_nets(const struct schema_resource *r, const struct schema_field *f,
	       struct span s, struct schema_error *why)
{
	struct span rest = s, one;
	bool more = s.n > 0, clean;
	uint8_t ip[16];
	unsigned prefix;
	int64_t n = 0;
	if ((int64_t)s.n > f->max)
		return check_text(r, f, s, why);
	while (more) {
		size_t place = s.n - rest.n + 1;
		more = span_split(rest, ',', &one, &rest);
		if (read_net(one, ip, &prefix, &clean) < 0)
			return refuse(r, f, "networks", place, "addresses or "
				      "address/prefix with commas between",
				      why);
		if (!clean)
			return refuse(r, f, "network-bits", place, "networks: "
				      "what stands behind the prefix is 0",
				      why);
		if (++n > SCHEMA_NETS_MAX) {
			schema_fail(why, r, f->name, "networks", place,
				    "has more than %d networks",
				    SCHEMA_NETS_MAX);
			return E_LIMIT;
		}
	}
	return 0;
}

int check_address(const struct schema_resource *r,
		  const struct schema_field *f, struct span s,
		  struct schema_error *why)
{
	struct addr a;
	if (addr_parse(&a, s, 0) == 0)
		return 0;
	return refuse(r, f, "address", 1, "an IPv4 or IPv6 address", why);
}

/* --- names and URLs ----------------------------------------------------------- */

static bool is_alnum(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

/* RFC 1123 names, or an address. */
static bool is_host(struct span s)
{
	struct addr a;
	struct span rest = s, label;
	bool more = true;
	if (addr_parse(&a, s, 0) == 0)
		return true;
	if (s.n == 0 || s.n > HOST_MAX)
		return false;
	while (more) {
		more = span_split(rest, '.', &label, &rest);
		if (label.n == 0 || label.n > LABEL_MAX ||
		    !is_alnum(label.p[0]) || !is_alnum(label.p[label.n - 1]))
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!is_alnum(label.p[i]) && label.p[i] != '-')
				return false;
	}
	return true;
}

int check_host(const struct schema_resource *r, const struct schema_field *f,
	       struct span s, struct schema_error *why)
{
	if (is_host(s))
		return 0;
	return refuse(r, f, "host", 1, "a host name or an address", why);
}

/* What stands between "https://" and the path. */
static bool is_authority(struct span s)
{
	struct span host = s, port = SPAN_NONE;
	uint64_t n;
	if (s.n > 0 && s.p[0] == '[') {
		struct addr a;
		bool closed = span_split(span_of(s.p + 1, s.n - 1), ']',
					 &host, &port);
		if (!closed || addr_parse(&a, host, 0) < 0 || addr_is_v4(&a))
			return false;
		if (port.n == 0)
			return true;
		if (port.p[0] != ':')
			return false;
		port = span_of(port.p + 1, port.n - 1);
	} else if (!span_split(s, ':', &host, &port)) {
		return is_host(host);
	}
	return (s.p[0] == '[' || is_host(host)) && port.n > 0 && port.n <= 5 &&
	       span_u64(port, 65535, &n) == 0 && n > 0;
}

int check_url(const struct schema_resource *r, const struct schema_field *f,
	      struct span s, struct schema_error *why)
{
	static const struct span scheme = SPAN_LIT("https://");
	struct span authority, path;
	if (s.n == 0)
		return 0;
	if (!span_starts(s, scheme))
		return refuse(r, f, "https", 1, "https://...", why);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '@' ||
		    s.p[i] == '?' || s.p[i] == '#' || s.p[i] == '\\')
			return refuse(r, f, "url", i + 1, "a URL without "
				      "account, query and fragment", why);
	(void)span_split(span_of(s.p + scheme.n, s.n - scheme.n), '/',
			 &authority, &path);
	if (!is_authority(authority))
		return refuse(r, f, "host", scheme.n + 1, "https://host or "
			      "https://host:port, perhaps with a path", why);
	return check_text(r, f, s, why);
}

/* --- references, prefixes, hashes ----------------------------------------------- */

int schema_ref_next(struct span *rest, int64_t *id)
{
	struct span one;
	uint64_t n;
	if (rest->n == 0)
		return 0;
	(void)span_split(*rest, ',', &one, rest);
	if (span_u64(one, INT64_MAX, &n) < 0 || n == 0)
		return E_FORMAT;
	*id = (int64_t)n;
	return 1;
}

int check_refs(const struct schema_resource *r, const struct schema_field *f,
	       struct span s, struct schema_error *why)
{
	struct span rest = s;
	int64_t seen[SCHEMA_REFS_MAX], id, n = 0;
	while (rest.n > 0) {
		size_t place = s.n - rest.n + 1;
		if (schema_ref_next(&rest, &id) < 0)
			return refuse(r, f, "references", place,
				      "numbers with commas between", why);
		for (int64_t i = 0; i < n; i++)
			if (seen[i] == id)
				return refuse(r, f, "twice", place,
					      "different numbers", why);
		if (n >= f->max || n >= SCHEMA_REFS_MAX) {
			schema_fail(why, r, f->name, "references", place,
				    "may name %lld at most",
				    (long long)f->max);
			return E_LIMIT;
		}
		seen[n++] = id;
	}
	if (s.n > 0 && s.p[s.n - 1] == ',')
		return refuse(r, f, "references", s.n,
			      "numbers with commas between", why);
	return 0;
}

static bool is_prefix(struct span s)
{
	size_t i = s.n > 0 && s.p[0] == '+';
	size_t digits = s.n - i;
	for (; i < s.n; i++)
		if ((s.p[i] < '0' || s.p[i] > '9') && s.p[i] != '*' &&
		    s.p[i] != '#')
			return false;
	return digits > 0 && digits < PREFIX_DIGITS_MAX;
}

int check_prefixes(const struct schema_resource *r,
		   const struct schema_field *f, struct span s,
		   struct schema_error *why)
{
	struct span rest = s, one;
	bool more = s.n > 0;
	if ((int64_t)s.n > f->max)
		return check_text(r, f, s, why);
	while (more) {
		size_t place = s.n - rest.n + 1;
		more = span_split(rest, ',', &one, &rest);
		if (!is_prefix(one))
			return refuse(r, f, "prefixes", place, "digits, "
				      "perhaps + before, with commas between",
				      why);
	}
	return 0;
}

int check_hex(const struct schema_resource *r, const struct schema_field *f,
	      struct span s, struct schema_error *why)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') ||
		      (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return refuse(r, f, "hex", i + 1,
				      "lower case hexadecimal", why);
	return check_text(r, f, s, why);
}
