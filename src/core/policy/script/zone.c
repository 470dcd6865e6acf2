/* Civil time of a zone, from a compiled zone file (RFC 8536): the moments in
 * its table, and behind them the rule in its last line (POSIX TZ). */
#include "core/policy/script/script_int.h"

#include "base/rd.h"

enum { DAY_S = 86400, HEAD_BYTES = 44 };

bool zone_name_is_valid(struct span s)
{
	uint8_t before = '/';

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (!is_digit(c) && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z') && c != '_' && c != '+' &&
		    c != '-' && (c != '/' || before == '/'))
			return false;
		before = c;
	}
	return s.n > 0 && s.n < 64 && before != '/';
}

/* --- days --- */

/* Days since 1970 of a date of the Gregorian calendar: years begin in March,
 * so that the leap day is the last one. */
static int64_t days_of(int64_t year, int month, int day)
{
	int64_t era, of_era, of_year;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	of_era = year - era * 400;
	of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 719468;
}

static void date_of(int64_t days, struct val_time *out)
{
	int64_t era, of_era, year, of_year, m;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	of_era = days - era * 146097;
	year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) /
	       365;
	of_year = of_era - (365 * year + year / 4 - year / 100);
	m = (5 * of_year + 2) / 153;
	out->day = (uint8_t)(of_year - (153 * m + 2) / 5 + 1);
	out->month = (uint8_t)(m < 10 ? m + 3 : m - 9);
	out->year = (int32_t)(year + era * 400 + (out->month <= 2));
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static void break_down(int64_t utc_us, int32_t offset, struct val_time *out)
{
	int64_t s = floor_div(utc_us, 1000000);
	int64_t local = s + offset, days = floor_div(local, DAY_S);
	int64_t of_day = local - days * DAY_S;

	date_of(days, out);
	out->utc_us = utc_us;
	out->offset_s = offset;
	out->microsecond = (uint32_t)(utc_us - s * 1000000);
	out->hour = (uint8_t)(of_day / 3600);
	out->minute = (uint8_t)(of_day / 60 % 60);
	out->second = (uint8_t)(of_day % 60);
}

/* --- the rule of the last line --- */

struct change {
	char kind;			/* M, J or 0 */
	int month, week, day;
	int32_t time_s;
};

struct rule {
	struct span s;
	size_t at;
	bool bad;
	int32_t std, dst;		/* local minus UTC */
	bool has_dst;
	struct change start, end;
};

static int rule_byte(const struct rule *p)
{
	return p->at < p->s.n ? p->s.p[p->at] : -1;
}

static bool rule_take(struct rule *p, int c)
{
	if (rule_byte(p) != c)
		return false;
	p->at++;
	return true;
}

static int rule_number(struct rule *p, int most)
{
	int n = 0, digits = 0;

	for (; is_digit(rule_byte(p)) && digits < 4; digits++, p->at++)
		n = n * 10 + rule_byte(p) - '0';
	p->bad = p->bad || !digits || n > most;
	return n;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static int32_t rule_time(struct rule *p)
{
	int sign = rule_take(p, '-') ? -1 : 1, s;

	if (sign > 0)
		(void)rule_take(p, '+');
	s = rule_number(p, 167) * 3600;
	if (rule_take(p, ':'))
		s += rule_number(p, 59) * 60;
	if (rule_take(p, ':'))
		s += rule_number(p, 59);
	return sign * s;
}

static void rule_name(struct rule *p)
{
	size_t from = p->at;

	if (rule_take(p, '<')) {
		while (rule_byte(p) >= 0 && rule_byte(p) != '>')
			p->at++;
		p->bad = p->bad || !rule_take(p, '>');
		return;
	}
	while ((rule_byte(p) | 32) >= 'a' && (rule_byte(p) | 32) <= 'z')
		p->at++;
	p->bad = p->bad || p->at == from;
}

static void rule_change(struct rule *p, struct change *c)
{
	p->bad = p->bad || !rule_take(p, ',');
	c->time_s = 2 * 3600;
	if (rule_take(p, 'M')) {
		c->kind = 'M';
		c->month = rule_number(p, 12);
		p->bad = p->bad || c->month == 0 || !rule_take(p, '.');
		c->week = rule_number(p, 5);
		p->bad = p->bad || c->week == 0 || !rule_take(p, '.');
		c->day = rule_number(p, 6);
	} else {
		c->kind = rule_take(p, 'J') ? 'J' : 0;
		c->day = rule_number(p, 365);
	}
	if (rule_take(p, '/'))
		c->time_s = rule_time(p);
}

static int rule_read(struct rule *p)
{
	rule_name(p);
	p->std = -rule_time(p);
	if (!p->bad && rule_byte(p) >= 0) {
		p->has_dst = true;
		rule_name(p);
		p->dst = p->std + 3600;
		if (rule_byte(p) != ',')
			p->dst = -rule_time(p);
		rule_change(p, &p->start);
		rule_change(p, &p->end);
	}
	return p->bad || p->at != p->s.n ? E_FORMAT : 0;
}

static bool is_leap(int64_t y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

/* Local seconds since 1970 at which a change happens in a year. */
static int64_t change_at(const struct change *c, int64_t year)
{
	int64_t first = days_of(year, 1, 1), days;
	int weekday, month_days;

	if (c->kind != 'M') {
		days = first + c->day;
		if (c->kind == 'J')
			days += -1 + (is_leap(year) && c->day >= 60);
		return days * DAY_S + c->time_s;
	}
	first = days_of(year, c->month, 1);
	month_days = (int)(days_of(c->month == 12 ? year + 1 : year,
				   c->month == 12 ? 1 : c->month + 1, 1) -
			   first);
	weekday = (int)(((first + 4) % 7 + 7) % 7);
	days = (c->day - weekday + 7) % 7 + (c->week - 1) * 7;
	if (days >= month_days)
		days -= 7;
	return (first + days) * DAY_S + c->time_s;
}

static int rule_offset(struct span s, int64_t utc, int32_t *out)
{
	struct rule p = {.s = s};
	struct val_time t;
	int64_t start, end;
	bool is_dst;

	if (rule_read(&p) < 0)
		return E_FORMAT;
	*out = p.std;
	if (!p.has_dst)
		return 0;
	date_of(floor_div(utc + p.std, DAY_S), &t);
	start = change_at(&p.start, t.year) - p.std;
	end = change_at(&p.end, t.year) - p.dst;
	is_dst = start < end ? utc >= start && utc < end :
			       utc >= start || utc < end;
	if (is_dst)
		*out = p.dst;
	return 0;
}

/* --- the table --- */

struct head {
	uint8_t version;
	uint32_t isut, isstd, leap, time, type, chars;
};

static int read_head(struct rd *r, struct head *h)
{
	struct span magic = rd_span(r, 4);

	h->version = rd_u8(r);
	rd_skip(r, 15);
	h->isut = rd_u32(r);
	h->isstd = rd_u32(r);
	h->leap = rd_u32(r);
	h->time = rd_u32(r);
	h->type = rd_u32(r);
	h->chars = rd_u32(r);
	if (r->failed || !span_eq(magic, SPAN_LIT("TZif")) ||
	    h->time > 4096 || h->type == 0 || h->type > 256 ||
	    h->chars > 4096 || h->leap > 4096 || h->isut > 256 ||
	    h->isstd > 256)
		return E_FORMAT;
	return 0;
}

static size_t body_bytes(const struct head *h, size_t time_bytes)
{
	return h->time * (time_bytes + 1) + h->type * 6 + h->chars +
	       h->leap * (time_bytes + 4) + h->isstd + h->isut;
}

static int64_t time_at(struct span times, uint32_t i, size_t bytes)
{
	struct rd r = rd_of(span_of(times.p + i * bytes, bytes));

	return bytes == 4 ? (int32_t)rd_u32(&r) : (int64_t)rd_u64(&r);
}

static int type_offset(struct span types, uint32_t i, int32_t *out)
{
	struct rd r;

	if (i >= types.n / 6)
		return E_FORMAT;
	r = rd_of(span_of(types.p + i * 6, 6));
	*out = (int32_t)rd_u32(&r);
	return *out > -DAY_S * 2 && *out < DAY_S * 2 ? 0 : E_FORMAT;
}

static int table_offset(struct rd *r, const struct head *h, size_t bytes,
			struct span footer, int64_t utc, int32_t *out)
{
	struct span times = rd_span(r, h->time * bytes);
	struct span kinds = rd_span(r, h->time);
	struct span types = rd_span(r, h->type * 6);
	uint32_t lo = 0, hi = h->time;

	if (r->failed)
		return E_TRUNC;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (time_at(times, mid, bytes) <= utc)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == h->time && footer.n)
		return rule_offset(footer, utc, out);
	return type_offset(types, lo ? kinds.p[lo - 1] : 0, out);
}

static int zone_offset(struct span tzif, int64_t utc, int32_t *out)
{
	struct rd r = rd_of(tzif), tail;
	struct span footer = SPAN_NONE;
	struct head h;
	size_t bytes = 4;

	if (read_head(&r, &h) < 0)
		return E_FORMAT;
	if (h.version >= '2') {
		rd_skip(&r, body_bytes(&h, 4));
		if (read_head(&r, &h) < 0)
			return E_FORMAT;
		bytes = 8;
		tail = r;
		rd_skip(&tail, body_bytes(&h, 8));
		footer = rd_rest(&tail);
		if (tail.failed || footer.n < 2 || footer.p[0] != '\n' ||
		    footer.p[footer.n - 1] != '\n')
			return E_FORMAT;
		footer = span_of(footer.p + 1, footer.n - 2);
	}
	return table_offset(&r, &h, bytes, footer, utc, out);
}

int zone_local(struct span tzif, int64_t utc_us, struct val_time *out)
{
	int32_t offset = 0;
	int r = tzif.n ? zone_offset(tzif, floor_div(utc_us, 1000000),
				     &offset) : 0;

	if (r == 0)
		break_down(utc_us, offset, out);
	return r < 0 ? E_FORMAT : 0;
}
