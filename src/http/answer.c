#include "http/answer.h"
#include <event2/buffer.h>
#include <stdio.h>

/* The page may load scripts, styles and pictures from us and nobody else, and
 * may be shown in nobody's frame. blob: is for a recorded preview. */
static const char always[] =
	"Content-Security-Policy: default-src 'none'; script-src 'self'; "
	"style-src 'self'; img-src 'self'; font-src 'self'; "
	"connect-src 'self'; media-src 'self' blob:; worker-src 'self'; "
	"manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
	"form-action 'none'\r\n"
	"X-Content-Type-Options: nosniff\r\n"
	"X-Frame-Options: DENY\r\n"
	"Referrer-Policy: no-referrer\r\n"
	"Cross-Origin-Opener-Policy: same-origin\r\n"
	"Cross-Origin-Resource-Policy: same-origin\r\n"
	"Permissions-Policy: camera=(self), microphone=(self), "
	"display-capture=(self), autoplay=(self), fullscreen=(self), "
	"geolocation=(), payment=(), usb=(), serial=(), midi=()\r\n";

static const char over_tls[] =
	"Strict-Transport-Security: max-age=31536000\r\n";

static const struct {
	unsigned status;
	const char *text;
} reasons[] = {
	{200, "OK"}, {204, "No Content"}, {304, "Not Modified"},
	{308, "Permanent Redirect"}, {400, "Bad Request"}, {403, "Forbidden"},
	{404, "Not Found"}, {405, "Method Not Allowed"},
	{413, "Content Too Large"}, {414, "URI Too Long"},
	{415, "Unsupported Media Type"}, {417, "Expectation Failed"},
	{421, "Misdirected Request"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"}, {501, "Not Implemented"},
	{502, "Bad Gateway"}, {503, "Service Unavailable"},
	{504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"},
};

const char *http_reason(unsigned status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Error";
}

/* Days since 1970 to a date of the proleptic Gregorian calendar. Years begin
 * in March, so that the leap day is the last of its year. */
static void civil_of(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = yoe + era * 400 + (*month <= 2);
}

void http_date_print(char dst[HTTP_DATE_LEN + 1], int64_t unix_s)
{
	static const char days[7][4] = {"Thu", "Fri", "Sat", "Sun", "Mon",
					"Tue", "Wed"};
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May",
					   "Jun", "Jul", "Aug", "Sep", "Oct",
					   "Nov", "Dec"};
	char buf[96];
	int64_t year;
	int month, day;
	/* A clock outside 1970..9999 is wrong anyway, but must not print more
	 * digits than there is room for. */
	if (unix_s < 0 || unix_s > INT64_C(253402300799))
		unix_s = 0;
	int64_t d = unix_s / 86400, s = unix_s % 86400;
	civil_of(d, &year, &month, &day);
	(void)snprintf(buf, sizeof(buf),
		       "%s, %02d %s %04d %02d:%02d:%02d GMT", days[d % 7], day,
		       months[month - 1], (int)year, (int)(s / 3600),
		       (int)(s / 60 % 60), (int)(s % 60));
	memcpy(dst, buf, HTTP_DATE_LEN);
	dst[HTTP_DATE_LEN] = 0;
}

static int add_extra(struct evbuffer *out, const struct answer_head *h)
{
	for (size_t i = 0; i < h->n_extra; i++) {
		const struct http_field *f = &h->extra[i];
		if (evbuffer_add_printf(out, "%.*s: %.*s\r\n", (int)f->name.n,
					(const char *)f->name.p,
					(int)f->value.n,
					(const char *)f->value.p) < 0)
			return E_NOMEM;
	}
	return 0;
}

int http_answer_head(struct evbuffer *out, const struct answer_head *h)
{
	char date[HTTP_DATE_LEN + 1];
	http_date_print(date, h->unix_s);
	if (evbuffer_add_printf(out, "HTTP/1.1 %u %s\r\nDate: %s\r\n%s%s",
				h->status, http_reason(h->status), date,
				h->tls ? over_tls : "", always) < 0 ||
	    evbuffer_add_printf(out, "Cache-Control: %s\r\n",
				h->cache ? h->cache : "no-store") < 0)
		return E_NOMEM;
	if (h->type && evbuffer_add_printf(out, "Content-Type: %s\r\n",
					   h->type) < 0)
		return E_NOMEM;
	if (h->has_length && evbuffer_add_printf(out, "Content-Length: %zu\r\n",
						 h->length) < 0)
		return E_NOMEM;
	if (add_extra(out, h) < 0)
		return E_NOMEM;
	return evbuffer_add_printf(out, "%s\r\n", h->close ?
				   "Connection: close\r\n" : "") < 0 ?
	       E_NOMEM : 0;
}
