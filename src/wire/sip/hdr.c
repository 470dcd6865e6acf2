/* The smaller headers. */
#include "wire/sip/sip_int.h"

/* --- methods and option tags --- */

static const char *const method_names[] = {
	"OTHER",
#define X(m) #m,
	SIP_METHODS(X)
#undef X
};

enum sip_method sip_method_of(struct span token)
{
	if (token.n < 3 || token.n > 9)
		return SIP_OTHER;
	for (int i = SIP_OTHER + 1; i < SIP_METHOD_COUNT; i++)
		if (method_names[i][0] == token.p[0] &&
		    span_eq(token, span_str(method_names[i])))
			return (enum sip_method)i;
	return SIP_OTHER;
}

const char *sip_method_name(enum sip_method m)
{
	return method_names[m < SIP_METHOD_COUNT ? m : SIP_OTHER];
}

uint32_t sip_option_of(struct span token)
{
	static const char *const names[] = {
#define X(id, text) text,
		SIP_OPTIONS_LIST(X)
#undef X
	};

	for (unsigned i = 0; i < SIP_OPTION_BIT_COUNT; i++)
		if (span_eq_nocase(token, span_str(names[i])))
			return UINT32_C(1) << i;
	return 0;
}

/* --- numbers --- */

static int get_number(struct lex *l, uint64_t max, uint64_t *out)
{
	const uint8_t *from = l->p;

	while (l->p < l->end && *l->p >= '0' && *l->p <= '9')
		l->p++;
	return span_u64(span_of(from, (size_t)(l->p - from)), max, out);
}

/* Seconds, never too large. */
static int get_seconds(struct lex *l, uint32_t *out)
{
	uint64_t n = 0;
	int r = get_number(l, UINT32_MAX, &n);

	if (r == E_LIMIT)
		n = UINT32_MAX;
	else if (r != 0)
		return r;
	*out = (uint32_t)n;
	return 0;
}

static uint32_t seconds_of(struct span s)
{
	struct lex l = lex_of(s);
	uint32_t n = 0;

	return get_seconds(&l, &n) == 0 && lex_end(&l) ? n : 0;
}

static int get_params(struct lex *l, struct span *params)
{
	lex_blanks(l);
	*params = lex_rest(l);
	return sip_check_params(*params);
}

int sip_seconds_decode(uint32_t *out, struct span value)
{
	struct lex l = lex_of(sip_trim(value));
	struct span params;
	uint32_t n = 0;
	int r = get_seconds(&l, &n);

	if (r == 0)
		r = get_params(&l, &params);
	if (r == 0)
		*out = n;
	return r;
}

static int get_cseq(struct lex *l, struct sip_cseq *out)
{
	struct sip_cseq c;
	uint64_t n;
	int r = get_number(l, INT32_MAX, &n);

	if (r != 0)
		return r;
	if (lex_run(l, C_BLANK).n == 0)
		return E_FORMAT;
	c.seq = (uint32_t)n;
	c.method_text = lex_run(l, C_TOKEN);
	c.method = sip_method_of(c.method_text);
	if (c.method_text.n == 0 || c.method_text.n > SIP_METHOD_MAX ||
	    !lex_end(l))
		return E_FORMAT;
	*out = c;
	return 0;
}

int sip_cseq_decode(struct sip_cseq *out, struct span value)
{
	struct lex l = lex_of(sip_trim(value));

	return get_cseq(&l, out);
}

int sip_rseq_decode(uint32_t *out, struct span value)
{
	uint64_t n;
	int r = sip_number(value, INT32_MAX, &n);

	if (r != 0 || n == 0)
		return r ? r : E_FORMAT;
	*out = (uint32_t)n;
	return 0;
}

int sip_rack_decode(struct sip_rack *out, struct span value)
{
	struct lex l = lex_of(sip_trim(value));
	struct sip_rack a;
	uint64_t n;
	int r = get_number(&l, INT32_MAX, &n);

	if (r != 0 || n == 0 || lex_run(&l, C_BLANK).n == 0)
		return r ? r : E_FORMAT;
	a.rseq = (uint32_t)n;
	r = get_cseq(&l, &a.cseq);
	if (r == 0)
		*out = a;
	return r;
}

int sip_session_expires_decode(struct sip_session_expires *out,
			       struct span value)
{
	struct sip_session_expires s = {.refresher = SIP_REFRESHER_NONE};
	struct lex l = lex_of(sip_trim(value));
	struct span params, who;
	int r = get_seconds(&l, &s.secs);

	if (r == 0)
		r = get_params(&l, &params);
	if (r != 0)
		return r;
	who = sip_param_value(params, "refresher");
	if (span_eq_nocase(who, SPAN_LIT("uac")))
		s.refresher = SIP_REFRESHER_UAC;
	else if (span_eq_nocase(who, SPAN_LIT("uas")))
		s.refresher = SIP_REFRESHER_UAS;
	else if (who.n > 0)
		return E_FORMAT;
	*out = s;
	return 0;
}

int sip_retry_after_decode(uint32_t *secs, struct span value)
{
	struct lex l = lex_of(sip_trim(value));
	uint32_t n = 0;
	int r = get_seconds(&l, &n);

	if (r != 0 || (!lex_end(&l) && *l.p != ';' && *l.p != '(' &&
		       !sip_is(*l.p, C_BLANK)))
		return E_FORMAT;
	*secs = n;
	return 0;
}

/* --- words with parameters --- */

/* A run of these classes up to the parameters; not empty. */
static int get_word(struct span value, unsigned classes, struct span *word,
		    struct span *params)
{
	struct lex l = lex_of(sip_trim(value));

	*word = lex_run(&l, classes);
	if (word->n == 0)
		return E_FORMAT;
	return get_params(&l, params);
}

int sip_replaces_decode(struct sip_replaces *out, struct span value)
{
	struct sip_replaces v;
	struct span params;
	int r = get_word(value, C_VALUE, &v.call_id, &params);

	if (r != 0)
		return r;
	v.to_tag = sip_param_value(params, "to-tag");
	v.from_tag = sip_param_value(params, "from-tag");
	v.early_only = sip_param_has(params, "early-only");
	if (v.to_tag.n == 0 || v.from_tag.n == 0)
		return E_FORMAT;
	if (v.call_id.n > SIP_CALL_ID_MAX || v.to_tag.n > SIP_TAG_MAX ||
	    v.from_tag.n > SIP_TAG_MAX)
		return E_LIMIT;
	*out = v;
	return 0;
}

int sip_event_decode(struct sip_event *out, struct span value)
{
	struct sip_event e;
	int r = get_word(value, C_TOKEN, &e.package, &e.params);

	if (r != 0)
		return r;
	e.id = sip_param_value(e.params, "id");
	*out = e;
	return 0;
}

int sip_subscription_state_decode(struct sip_subscription_state *out,
				  struct span value)
{
	struct sip_subscription_state s = {.state = SIP_SUB_OTHER};
	struct span word, params;
	struct sip_param p;
	int r = get_word(value, C_TOKEN, &word, &params);

	if (r != 0)
		return r;
	if (span_eq_nocase(word, SPAN_LIT("active")))
		s.state = SIP_SUB_ACTIVE;
	else if (span_eq_nocase(word, SPAN_LIT("pending")))
		s.state = SIP_SUB_PENDING;
	else if (span_eq_nocase(word, SPAN_LIT("terminated")))
		s.state = SIP_SUB_TERMINATED;
	s.reason = sip_param_value(params, "reason");
	s.has_expires = sip_param_find(params, "expires", &p);
	if (s.has_expires)
		s.expires = seconds_of(p.value);
	s.has_retry_after = sip_param_find(params, "retry-after", &p);
	if (s.has_retry_after)
		s.retry_after = seconds_of(p.value);
	*out = s;
	return 0;
}

int sip_reason_decode(struct sip_reason *out, struct span value)
{
	struct sip_reason v = {.cause = 0};
	struct span params;
	uint64_t n;
	int r = get_word(value, C_TOKEN, &v.protocol, &params);

	if (r != 0)
		return r;
	if (span_u64(sip_param_value(params, "cause"), 999, &n) == 0)
		v.cause = (uint16_t)n;
	v.text = sip_param_value(params, "text");
	*out = v;
	return 0;
}

int sip_priority_decode(struct sip_priority *out, struct span value)
{
	struct sip_priority p;

	/* both are tokens without a dot (RFC 4412 3.1) */
	if (!span_split(sip_trim(value), '.', &p.ns, &p.value) ||
	    !sip_is_token(p.ns) || !sip_is_token(p.value) ||
	    memchr(p.value.p, '.', p.value.n))
		return E_FORMAT;
	*out = p;
	return 0;
}

int sip_warning_decode(struct sip_warning *out, struct span value)
{
	struct lex l = lex_of(sip_trim(value));
	struct sip_warning v;
	uint64_t n;

	if (get_number(&l, 999, &n) != 0 || n < 100 ||
	    lex_run(&l, C_BLANK).n == 0)
		return E_FORMAT;
	v.code = (uint16_t)n;
	v.agent = lex_run(&l, C_VALUE);
	if (v.agent.n == 0 || lex_run(&l, C_BLANK).n == 0 ||
	    !lex_byte(&l, '"') || !sip_lex_quoted(&l, &v.text) ||
	    !lex_end(&l))
		return E_FORMAT;
	*out = v;
	return 0;
}

int sip_mime_decode(struct sip_mime *out, struct span value)
{
	struct lex l = lex_of(sip_trim(value));
	struct sip_mime m;
	int r;

	m.type = lex_run(&l, C_TOKEN);
	if (m.type.n == 0 || !lex_mark(&l, '/'))
		return E_FORMAT;
	m.subtype = lex_run(&l, C_TOKEN);
	if (m.subtype.n == 0)
		return E_FORMAT;
	r = get_params(&l, &m.params);
	if (r == 0)
		*out = m;
	return r;
}

bool sip_mime_is(const struct sip_mime *m, const char *type,
		 const char *subtype)
{
	return span_eq_nocase(m->type, span_str(type)) &&
	       span_eq_nocase(m->subtype, span_str(subtype));
}

/* --- dates --- */

static const char days[] = "ThuFriSatSunMonTueWed";	/* 1970 began on one */
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Days since 1970 of the first of March of a year, so that leap days end a
 * year. */
static uint64_t days_of(uint64_t y, uint64_t m, uint64_t d)
{
	y -= m <= 2;
	uint64_t mp = (m + 9) % 12;	/* March is 0 */
	uint64_t doy = (153 * mp + 2) / 5 + d - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + doy - 719468;
}

/* Index of a three letter word in a list of them, -1 when not in it. */
static int word3(const char *list, struct span s)
{
	if (s.n != 3)
		return -1;
	for (int i = 0; list[3 * i]; i++)
		if (memcmp(list + 3 * i, s.p, 3) == 0)
			return i;
	return -1;
}

static bool digits(struct lex *l, size_t n, uint64_t *out)
{
	struct span s = lex_rest(l);

	if (s.n < n || span_u64(span_of(s.p, n), 9999, out) != 0)
		return false;
	l->p += n;
	return true;
}

static unsigned month_days(uint64_t y, unsigned m)
{
	if (m == 2)
		return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0) ? 29 : 28;
	return m == 4 || m == 6 || m == 9 || m == 11 ? 30 : 31;
}

int sip_date_decode(uint64_t *unix_s, struct span value)
{
	struct lex l = lex_of(sip_trim(value));
	uint64_t d, y, h, min, s;
	int month;

	if (word3(days, lex_run(&l, C_ALNUM)) < 0 || !lex_byte(&l, ',') ||
	    !lex_byte(&l, ' ') || !digits(&l, 2, &d) || !lex_byte(&l, ' '))
		return E_FORMAT;
	month = word3(months, lex_run(&l, C_ALNUM)) + 1;
	if (!lex_byte(&l, ' ') || !digits(&l, 4, &y) || !lex_byte(&l, ' ') ||
	    !digits(&l, 2, &h) || !lex_byte(&l, ':') || !digits(&l, 2, &min) ||
	    !lex_byte(&l, ':') || !digits(&l, 2, &s) || !lex_byte(&l, ' ') ||
	    !span_eq(lex_rest(&l), SPAN_LIT("GMT")))
		return E_FORMAT;
	if (month < 1 || y < 1970 || d < 1 ||
	    d > month_days(y, (unsigned)month) || h > 23 || min > 59 || s > 60)
		return E_FORMAT;
	*unix_s = days_of(y, (uint64_t)month, d) * 86400 + h * 3600 +
		  min * 60 + s;
	return 0;
}

static void put_2(struct wr *w, uint64_t v)
{
	wr_u8(w, (uint8_t)('0' + v / 10 % 10));
	wr_u8(w, (uint8_t)('0' + v % 10));
}

void sip_wr_date(struct wr *w, uint64_t unix_s)
{
	uint64_t day = unix_s / 86400, t = unix_s % 86400, y, left;
	unsigned m = 1;

	if (unix_s > UINT64_C(253402300799)) {	/* the end of year 9999 */
		wr_fail(w);
		return;
	}
	y = 1970 + day / 366;			/* not too late */
	while (days_of(y + 1, 1, 1) <= day)
		y++;
	left = day - days_of(y, 1, 1);
	for (; left >= month_days(y, m); m++)
		left -= month_days(y, m);
	wr_bytes(w, days + day % 7 * 3, 3);
	wr_str(w, ", ");
	put_2(w, left + 1);
	wr_u8(w, ' ');
	wr_bytes(w, months + (m - 1) * 3, 3);
	wr_u8(w, ' ');
	wr_dec(w, y);
	wr_u8(w, ' ');
	put_2(w, t / 3600);
	wr_u8(w, ':');
	put_2(w, t / 60 % 60);
	wr_u8(w, ':');
	put_2(w, t % 60);
	wr_str(w, " GMT");
}
