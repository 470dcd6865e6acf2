#include "http/head.h"

/* Fields of which a second copy could make two readers disagree. */
static const char *const singletons[] = {
	"host", "content-length", "transfer-encoding", "content-type",
	"connection", "expect", "origin", "authorization", "token", "pin",
};

size_t http_head_end(struct span in, size_t *scanned)
{
	size_t at = *scanned > 3 ? *scanned - 3 : 0;
	for (; at + 4 <= in.n; at++) {
		const uint8_t *nl = memchr(in.p + at, '\r', in.n - 3 - at);
		if (!nl)
			break;
		at = (size_t)(nl - in.p);
		if (memcmp(nl, "\r\n\r\n", 4) == 0)
			return at + 4;
	}
	*scanned = in.n;
	return 0;
}

static bool is_token_char(uint8_t c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z'))
		return true;
	return c && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_token_char(s.p[i]))
			return false;
	return s.n > 0;
}

static bool is_field_value(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

static int refuse(unsigned *status, unsigned code, int error)
{
	*status = code;
	return error;
}

/* The next line without its CRLF. A lone CR or LF is an error. */
static bool next_line(struct span *rest, struct span *line)
{
	for (size_t i = 0; i < rest->n; i++) {
		if (rest->p[i] == '\n' || rest->p[i] == 0)
			return false;
		if (rest->p[i] != '\r')
			continue;
		if (i + 1 >= rest->n || rest->p[i + 1] != '\n')
			return false;
		*line = span_of(rest->p, i);
		*rest = span_of(rest->p + i + 2, rest->n - i - 2);
		return true;
	}
	return false;
}

static enum http_method method_of(struct span s)
{
	static const char *const names[HTTP_METHOD_COUNT] = {
		[HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD",
		[HTTP_POST] = "POST", [HTTP_OPTIONS] = "OPTIONS",
	};
	for (int m = HTTP_GET; m < HTTP_METHOD_COUNT; m++)
		if (span_eq(s, span_str(names[m])))
			return (enum http_method)m;
	return HTTP_METHOD_NONE;
}

const char *http_method_name(enum http_method m)
{
	switch (m) {
	case HTTP_GET: return "GET";
	case HTTP_HEAD: return "HEAD";
	case HTTP_POST: return "POST";
	case HTTP_OPTIONS: return "OPTIONS";
	default: return "-";
	}
}

static int parse_target(struct http_head *out, struct span target,
			unsigned *status)
{
	if (target.n > HTTP_TARGET_MAX)
		return refuse(status, 414, E_LIMIT);
	if (target.n == 0 || target.p[0] != '/')
		return refuse(status, 400, E_FORMAT);
	for (size_t i = 0; i < target.n; i++)
		if (target.p[i] <= 0x20 || target.p[i] >= 0x7f ||
		    target.p[i] == '#')
			return refuse(status, 400, E_FORMAT);
	(void)span_split(target, '?', &out->path, &out->query);
	return 0;
}

static int parse_request_line(struct http_head *out, struct span line,
			      unsigned *status)
{
	struct span method, target, version;
	if (!span_split(line, ' ', &method, &version) ||
	    !span_split(version, ' ', &target, &version) || !is_token(method))
		return refuse(status, 400, E_FORMAT);
	if (!span_eq(version, SPAN_LIT("HTTP/1.1"))) {
		if (span_starts(version, SPAN_LIT("HTTP/")) && version.n == 8)
			return refuse(status, 505, E_UNSUPPORTED);
		return refuse(status, 400, E_FORMAT);
	}
	int r = parse_target(out, target, status);
	if (r < 0)
		return r;
	out->method = method_of(method);
	if (out->method == HTTP_METHOD_NONE)
		return refuse(status, 405, E_UNSUPPORTED);
	return 0;
}

static bool is_second_copy(const struct http_head *out, struct span name)
{
	for (size_t i = 0; i < sizeof(singletons) / sizeof(*singletons); i++) {
		struct span value;
		if (span_eq_nocase(name, span_str(singletons[i])))
			return http_head_get(out, singletons[i], &value);
	}
	return false;
}

static int parse_field(struct http_head *out, struct span line,
		       unsigned *status)
{
	struct http_field f;
	/* A name is a token, so a folded line and a space before the colon
	 * fail here (RFC 9112 5.1, 5.2). */
	if (!span_split(line, ':', &f.name, &f.value) || !is_token(f.name))
		return refuse(status, 400, E_FORMAT);
	f.value = span_trim(f.value);
	if (!is_field_value(f.value) || is_second_copy(out, f.name))
		return refuse(status, 400, E_FORMAT);
	if (out->n_fields == HTTP_FIELDS_MAX)
		return refuse(status, 431, E_LIMIT);
	out->fields[out->n_fields++] = f;
	return 0;
}

bool http_head_get(const struct http_head *h, const char *name,
		   struct span *value)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (span_eq_nocase(h->fields[i].name, span_str(name))) {
			*value = h->fields[i].value;
			return true;
		}
	return false;
}

static bool has_member(struct span list, struct span member)
{
	while (list.n) {
		struct span one;
		(void)span_split(list, ',', &one, &list);
		if (span_eq_nocase(span_trim(one), member))
			return true;
	}
	return false;
}

static int parse_framing(struct http_head *out, unsigned *status)
{
	struct span v;
	bool has_length = http_head_get(out, "content-length", &v);
	if (has_length && span_u64(v, UINT64_C(1) << 40, &out->body_len) < 0)
		return refuse(status, 400, E_FORMAT);
	if (http_head_get(out, "transfer-encoding", &v))
		return refuse(status, has_length ? 400 : 501, E_UNSUPPORTED);
	if (out->body_len > 0 && out->method != HTTP_POST)
		return refuse(status, 400, E_FORMAT);
	return 0;
}

static int parse_meaning(struct http_head *out, unsigned *status)
{
	struct span v;
	if (!http_head_get(out, "host", &out->host) || out->host.n == 0)
		return refuse(status, 400, E_FORMAT);
	if (http_head_get(out, "connection", &v))
		out->close = has_member(v, SPAN_LIT("close"));
	if (http_head_get(out, "expect", &v)) {
		if (!span_eq_nocase(v, SPAN_LIT("100-continue")))
			return refuse(status, 417, E_UNSUPPORTED);
		out->expects = true;
	}
	return parse_framing(out, status);
}

int http_head_parse(struct http_head *out, struct span head, unsigned *status)
{
	struct span line;
	memset(out, 0, sizeof(*out));
	if (head.n > HTTP_HEAD_MAX)
		return refuse(status, 431, E_LIMIT);
	if (!next_line(&head, &line))
		return refuse(status, 400, E_FORMAT);
	int r = parse_request_line(out, line, status);
	while (r == 0) {
		if (!next_line(&head, &line))
			return refuse(status, 400, E_FORMAT);
		if (line.n == 0)
			break;
		r = parse_field(out, line, status);
	}
	if (r == 0 && head.n > 0)
		return refuse(status, 400, E_FORMAT);
	return r < 0 ? r : parse_meaning(out, status);
}
