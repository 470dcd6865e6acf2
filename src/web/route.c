#include "web/route.h"

#define OP(x) CV__OP__OP_##x
#define REG(x) CV__REG_OP__REG_##x

static const struct route_row conference_rows[] = {
	{"request_token", HTTP_POST, ROUTE_JOIN},
	{"refresh_token", HTTP_POST, ROUTE_COMMAND, OP(REFRESH_TOKEN),
	 .result = RESULT_IS_TOKEN},
	{"release_token", HTTP_POST, ROUTE_COMMAND, OP(RELEASE_TOKEN),
	 BODY_REASON, .query_token = true},
	{"events", HTTP_GET, ROUTE_EVENTS, .query_token = true},
	{"theme", HTTP_GET, ROUTE_COMMAND, OP(THEME),
	 .result = RESULT_IS_EMPTY, .query_token = true},
	{"conference_status", HTTP_GET, ROUTE_COMMAND, OP(CONFERENCE_STATUS),
	 .result = RESULT_IS_STATUS},
	{"participants", HTTP_GET, ROUTE_COMMAND, OP(PARTICIPANTS),
	 .result = RESULT_IS_ROWS},
	{"lock", HTTP_POST, ROUTE_COMMAND, OP(LOCK)},
	{"unlock", HTTP_POST, ROUTE_COMMAND, OP(UNLOCK)},
	{"start_conference", HTTP_POST, ROUTE_COMMAND, OP(START_CONFERENCE)},
	{"muteguests", HTTP_POST, ROUTE_COMMAND, OP(MUTEGUESTS)},
	{"unmuteguests", HTTP_POST, ROUTE_COMMAND, OP(UNMUTEGUESTS)},
	{"disconnect", HTTP_POST, ROUTE_COMMAND, OP(DISCONNECT_ALL)},
	{"message", HTTP_POST, ROUTE_COMMAND, OP(MESSAGE), BODY_MESSAGE},
	{"dial", HTTP_POST, ROUTE_COMMAND, OP(DIAL), BODY_DIAL,
	 .result = RESULT_IS_CALLED},
	{"clearallbuzz", HTTP_POST, ROUTE_COMMAND, OP(CLEARALLBUZZ)},
	{"set_guests_can_unmute", HTTP_POST, ROUTE_COMMAND,
	 OP(SET_GUESTS_CAN_UNMUTE), BODY_SETTING},
	{"transform_layout", HTTP_POST, ROUTE_COMMAND, OP(TRANSFORM_LAYOUT),
	 BODY_LAYOUT},
	{"available_layouts", HTTP_GET, ROUTE_COMMAND, OP(AVAILABLE_LAYOUTS),
	 .result = RESULT_IS_LAYOUTS},
	{0},
};

static const struct route_row participant_rows[] = {
	{"calls", HTTP_POST, ROUTE_CALL, .result = RESULT_IS_CALL,
	 .away = 504, .away_is_text = true},
	{"disconnect", HTTP_POST, ROUTE_COMMAND, OP(P_DISCONNECT)},
	{"mute", HTTP_POST, ROUTE_COMMAND, OP(P_MUTE)},
	{"unmute", HTTP_POST, ROUTE_COMMAND, OP(P_UNMUTE)},
	{"client_mute", HTTP_POST, ROUTE_COMMAND, OP(P_CLIENT_MUTE)},
	{"client_unmute", HTTP_POST, ROUTE_COMMAND, OP(P_CLIENT_UNMUTE)},
	{"video_muted", HTTP_POST, ROUTE_COMMAND, OP(P_VIDEO_MUTED)},
	{"video_unmuted", HTTP_POST, ROUTE_COMMAND, OP(P_VIDEO_UNMUTED)},
	{"unlock", HTTP_POST, ROUTE_COMMAND, OP(P_UNLOCK)},
	{"take_floor", HTTP_POST, ROUTE_COMMAND, OP(P_TAKE_FLOOR),
	 .result = RESULT_IS_NULL},
	{"release_floor", HTTP_POST, ROUTE_COMMAND, OP(P_RELEASE_FLOOR),
	 .result = RESULT_IS_NULL},
	{"buzz", HTTP_POST, ROUTE_COMMAND, OP(P_BUZZ)},
	{"clearbuzz", HTTP_POST, ROUTE_COMMAND, OP(P_CLEARBUZZ)},
	{"spotlighton", HTTP_POST, ROUTE_COMMAND, OP(P_SPOTLIGHTON)},
	{"spotlightoff", HTTP_POST, ROUTE_COMMAND, OP(P_SPOTLIGHTOFF)},
	{"role", HTTP_POST, ROUTE_COMMAND, OP(P_ROLE), BODY_ROLE},
	{"preferred_aspect_ratio", HTTP_POST, ROUTE_COMMAND,
	 OP(P_PREFERRED_ASPECT_RATIO), BODY_ASPECT},
	{"message", HTTP_POST, ROUTE_COMMAND, OP(P_MESSAGE), BODY_MESSAGE},
	{"avatar.jpg", HTTP_GET, ROUTE_COMMAND, OP(P_AVATAR),
	 .result = RESULT_IS_PICTURE, .query_token = true},
	{"overlaytext", HTTP_POST, ROUTE_COMMAND, OP(P_OVERLAYTEXT),
	 BODY_TEXT},
	{"allowrxpresentation", HTTP_POST, ROUTE_COMMAND,
	 OP(P_ALLOW_RX_PRESENTATION)},
	{"denyrxpresentation", HTTP_POST, ROUTE_COMMAND,
	 OP(P_DENY_RX_PRESENTATION)},
	{"fecc", HTTP_POST, ROUTE_COMMAND, OP(P_FECC), BODY_FECC},
	{0},
};

static const struct route_row call_rows[] = {
	{"ack", HTTP_POST, ROUTE_COMMAND, OP(CALL_ACK)},
	{"fecc", HTTP_POST, ROUTE_COMMAND, OP(CALL_FECC), BODY_FECC},
	{"new_candidate", HTTP_POST, ROUTE_COMMAND, OP(CALL_NEW_CANDIDATE),
	 .result = RESULT_IS_NULL, .away = 502, .away_is_text = true},
	{"update", HTTP_POST, ROUTE_CALL, .result = RESULT_IS_CALL,
	 .away = 503, .away_is_text = true},
	{"disconnect", HTTP_POST, ROUTE_COMMAND, OP(CALL_DISCONNECT),
	 .result = RESULT_IS_NULL, .away = 503, .away_is_text = true},
	{"statistics", HTTP_POST, ROUTE_COMMAND, OP(CALL_STATISTICS),
	 .result = RESULT_IS_NULL},
	{0},
};

static const struct route_row registration_rows[] = {
	{"request_token", HTTP_POST, ROUTE_REG, .reg = REG(REQUEST)},
	{"refresh_token", HTTP_POST, ROUTE_REG, .reg = REG(REFRESH)},
	{"release_token", HTTP_POST, ROUTE_REG, .reg = REG(RELEASE),
	 .query_token = true},
	{"events", HTTP_GET, ROUTE_REG_EVENTS, .reg = REG(STREAM),
	 .query_token = true},
	{0},
};

static const struct route_row directory_row[] = {
	{"registrations", HTTP_GET, ROUTE_REG, .reg = REG(SEARCH)},
	{0},
};

static bool is(const struct http_path *p, size_t i, const char *word)
{
	return i < p->n && span_eq(p->seg[i], span_str(word));
}

static void choose(struct route *out, enum http_method m, struct span name,
		   const struct route_row *rows)
{
	for (; rows->name; rows++) {
		if (!span_eq(name, span_str(rows->name)))
			continue;
		out->row = rows;
		out->kind = rows->kind;
		out->wrong_method = m != rows->method &&
			!(m == HTTP_HEAD && rows->method == HTTP_GET &&
			  rows->kind != ROUTE_EVENTS &&
			  rows->kind != ROUTE_REG_EVENTS);
		return;
	}
}

static bool fits(struct span s, size_t max)
{
	return s.n > 0 && s.n <= max;
}

static void find_conference(struct route *out, enum http_method m,
			    const struct http_path *p)
{
	const struct span *rest = p->seg + 5;
	size_t n = p->n - 5;
	out->alias = p->seg[4];
	if (!fits(out->alias, ROUTE_ALIAS_MAX))
		return;
	if (n == 1) {
		choose(out, m, rest[0], conference_rows);
		return;
	}
	if (!span_eq(rest[0], SPAN_LIT("participants")) ||
	    !fits(rest[1], ROUTE_UUID_MAX))
		return;
	out->participant = rest[1];
	if (n == 3) {
		choose(out, m, rest[2], participant_rows);
	} else if (n == 5 && span_eq(rest[2], SPAN_LIT("calls")) &&
		   fits(rest[3], ROUTE_UUID_MAX)) {
		out->call = rest[3];
		choose(out, m, rest[4], call_rows);
	}
}

static void find_registration(struct route *out, enum http_method m,
			      const struct http_path *p)
{
	if (p->n == 4)
		choose(out, m, p->seg[3], directory_row);
	if (p->n != 6)
		return;
	out->alias = p->seg[4];
	if (fits(out->alias, ROUTE_ALIAS_MAX))
		choose(out, m, p->seg[5], registration_rows);
}

static void find_page(struct route *out, enum http_method m,
		      const struct http_path *p)
{
	out->wrong_method = m != HTTP_GET && m != HTTP_HEAD;
	if (p->n == 0 || (is(p, 0, "meet") && p->n <= 2))
		out->kind = ROUTE_PAGE;
	else
		out->kind = ROUTE_FILE;
}

void route_find(struct route *out, enum http_method m,
		const struct http_path *p)
{
	*out = (struct route){0};
	out->is_api = is(p, 0, "api");
	if (!out->is_api) {
		find_page(out, m, p);
		return;
	}
	if (!is(p, 1, "client") || !is(p, 2, "v2"))
		return;
	if (p->n == 4 && is(p, 3, "status")) {
		out->kind = ROUTE_STATUS;
		out->wrong_method = m != HTTP_GET && m != HTTP_HEAD;
	} else if (p->n >= 6 && is(p, 3, "conferences")) {
		find_conference(out, m, p);
	} else if (is(p, 3, "registrations")) {
		find_registration(out, m, p);
	}
}
