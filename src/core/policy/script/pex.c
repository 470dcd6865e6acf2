/* The filters and functions whose names begin with pex_. */
#include "core/policy/script/script_int.h"

#include "base/addr.h"
#include "base/crypto/crypto.h"
#include "base/text.h"

enum { PIN_MAX = 64, UUID_BYTES = 16 };

static bool is_given(const struct call *c, unsigned i)
{
	return c->args[i].type != VAL_ABSENT;
}

static int arg_int(struct run *r, struct call *c, unsigned i, int64_t *out)
{
	if (c->args[i].type != VAL_INT && c->args[i].type != VAL_BOOL)
		return run_type(r, c, "an int", c->args[i]);
	*out = val_whole(c->args[i]);
	return 0;
}

/* A copy of text made on the stack. */
static int put(struct run *r, const char *s, struct val *out)
{
	struct text t = run_text(r);

	text_str(&t, s);
	return run_done(r, &t, out);
}

/* --- coding and hashing --- */

static int p_base64(struct run *r, struct call *c, struct val *out)
{
	struct span s;
	char *p;
	int code = run_str(r, c->args[0], &s);

	if (code < 0)
		return code;
	p = arena_alloc(r->mem, B64_LEN(s.n) + 1);
	if (!p)
		return run_memory(r, val_no_room(r->mem, B64_LEN(s.n) + 1));
	b64_encode(p, s.p, s.n);
	*out = val_span(span_of(p, B64_LEN(s.n)));
	return run_charge_bytes(r, out->u.s.n);
}

static int p_md5(struct run *r, struct call *c, struct val *out)
{
	uint8_t sum[MD5_LEN];
	char hex[2 * MD5_LEN + 1];
	struct span s;
	int code = run_str(r, c->args[0], &s);

	if (code < 0)
		return code;
	if (crypto_md5(sum, s) < 0)
		return run_fail(r, E_FORMAT, "MD5 is not available");
	hex_encode(hex, sum, sizeof(sum));
	code = run_charge(r, 16 + s.n / 8);
	return code < 0 ? code : put(r, hex, out);
}

/* 18 decimal digits: the first 16 bytes of SHA-256, as a number with the
 * highest byte first, modulo 10^18. Even at both ends, so that a PIN may be
 * cut from either. */
static int p_hash(struct run *r, struct call *c, struct val *out)
{
	const uint64_t modulus = UINT64_C(1000000000000000000);
	uint8_t sum[SHA256_LEN];
	unsigned __int128 v = 0;
	struct text t = run_text(r);
	struct span s;
	int code = run_str(r, c->args[0], &s);

	if (code < 0)
		return code;
	if (crypto_sha256(sum, s) < 0)
		return run_fail(r, E_FORMAT, "SHA-256 is not available");
	for (int i = 0; i < 16; i++)
		v = v << 8 | sum[i];
	text_fmt(&t, "%018llu", (unsigned long long)(v % modulus));
	code = run_charge(r, 16 + s.n / 8);
	return code < 0 ? code : run_done(r, &t, out);
}

static int p_to_json(struct run *r, struct call *c, struct val *out)
{
	struct text t = run_text(r);
	int code = show_json(&t, c->args[0]);

	if (code == E_STATE)
		return run_budget(r, "nesting");
	if (code == E_FORMAT)
		return run_fail(r, E_FORMAT, "a value inside has no JSON");
	return run_done(r, &t, out);
}

static int p_url_encode(struct run *r, struct call *c, struct val *out)
{
	struct text t = run_text(r);
	struct span s;
	int code = run_str(r, c->args[0], &s);

	if (code < 0)
		return code;
	percent_encode(&t, s);
	return run_done(r, &t, out);
}

static int p_url_decode(struct run *r, struct call *c, struct val *out)
{
	struct text t = run_text(r);
	struct span s;
	int code = run_str(r, c->args[0], &s);

	if (code < 0)
		return code;
	(void)percent_decode(&t, s);
	return run_done(r, &t, out);
}

static int p_safelinks(struct run *r, struct call *c, struct val *out)
{
	struct text t = run_text(r);
	struct span s;
	int code = run_str(r, c->args[0], &s);

	if (code < 0)
		return code;
	safelinks_decode(&t, s);
	return run_done(r, &t, out);
}

static int p_urldefense(struct run *r, struct call *c, struct val *out)
{
	struct text t = run_text(r);
	struct span s;
	int code = run_str(r, c->args[0], &s);

	if (code < 0)
		return code;
	urldefense_decode(&t, s);
	return run_done(r, &t, out);
}

/* --- texts --- */

static int p_clean_phone_number(struct run *r, struct call *c,
				struct val *out)
{
	struct text t = run_text(r);
	struct span s;
	int code = run_str(r, c->args[0], &s);

	for (size_t i = 0; code == 0 && i < s.n && !t.err; i++)
		if (is_digit(s.p[i]) || s.p[i] == '+')
			text_byte(&t, s.p[i]);
	return code < 0 ? code : run_done(r, &t, out);
}

static int head_or_tail(struct run *r, struct call *c, struct val *out,
			bool head)
{
	struct span s;
	int64_t n = 0, have;
	size_t at;
	int code = run_str(r, c->args[0], &s);

	if (code == 0)
		code = arg_int(r, c, 1, &n);
	if (code < 0)
		return code;
	have = (int64_t)utf8_count(s);
	n = n < 0 ? 0 : n > have ? have : n;
	at = utf8_offset(s, (size_t)(head ? n : have - n));
	*out = val_span(head ? span_of(s.p, at) :
			       span_of(s.p + at, s.n - at));
	return 0;
}

static int p_head(struct run *r, struct call *c, struct val *out)
{
	return head_or_tail(r, c, out, true);
}

static int p_tail(struct run *r, struct call *c, struct val *out)
{
	return head_or_tail(r, c, out, false);
}

static int p_require_min_length(struct run *r, struct call *c,
				struct val *out)
{
	struct span s;
	int64_t n = 0;
	int code = run_str(r, c->args[0], &s);

	if (code == 0)
		code = arg_int(r, c, 1, &n);
	if (code < 0)
		return code;
	if ((int64_t)utf8_count(s) < n)
		return run_abandon(r, "text is shorter than required");
	*out = val_span(s);
	return 0;
}

static int p_reverse(struct run *r, struct call *c, struct val *out)
{
	struct text t = run_text(r);
	struct span s;
	int code = run_str(r, c->args[0], &s);

	if (code < 0)
		return code;
	for (size_t end = s.n; end > 0 && !t.err;) {
		size_t from = end - 1;

		while (from && (s.p[from] & 0xc0) == 0x80)
			from--;
		text_put(&t, span_of(s.p + from, end - from));
		end = from;
	}
	return run_done(r, &t, out);
}

static int p_strlen(struct run *r, struct call *c, struct val *out)
{
	struct span s;
	int code = run_str(r, c->args[0], &s);

	if (code == 0)
		*out = val_int((int64_t)utf8_count(s));
	return code;
}

/* --- dictionaries --- */

static int p_update(struct run *r, struct call *c, struct val *out)
{
	struct val from = c->args[1], made;
	int code;

	if (c->args[0].type != VAL_DICT)
		return run_type(r, c, "a dict", c->args[0]);
	if (from.type != VAL_DICT)
		return run_type(r, c, "a dict as argument", from);
	code = val_copy_shallow(r->mem, c->args[0], &made);
	if (code < 0)
		return run_memory(r, code);
	code = run_charge(r, 1 + made.u.dict->n / 8);
	for (uint32_t i = 0; code == 0 && i < from.u.dict->n; i++)
		code = run_put(r, made, from.u.dict->pairs[i].key,
			       from.u.dict->pairs[i].value);
	*out = made;
	return code;
}

/* --- regular expressions --- */

int run_regex(struct run *r, struct call *c, unsigned i,
	      const struct regex **out, struct regex **mine)
{
	struct regex_error why = {.text = ""};
	int code;

	*mine = NULL;
	*out = c->node->re;
	if (*out)
		return 0;
	if (c->args[i].type != VAL_STR)
		return run_type(r, c, "a text as pattern", c->args[i]);
	code = run_charge(r, 100 + c->args[i].u.s.n * 4);
	if (code < 0)
		return code;
	code = regex_new(mine, c->args[i].u.s, 0, &why);
	if (code == E_NOMEM)
		return run_memory(r, code);
	if (code < 0)
		return run_fail(r, E_FORMAT, "pattern: %s at %u", why.text,
				why.at + 1);
	*out = *mine;
	return 0;
}

static int regex_begin(struct run *r, struct span s, struct regex_text *text)
{
	int code;

	if (++r->used.regex_runs > r->max.regex_runs)
		return run_budget(r, "pattern");
	if (!r->rx && regex_run_new(&r->rx) < 0)
		return run_memory(r, E_NOMEM);
	regex_run_set_work(r->rx, SCRIPT_REGEX_WORK);
	code = regex_text_of(text, s);
	if (code < 0)
		return run_fail(r, E_FORMAT, "text is too long for a pattern");
	/* what a hostile pattern may cost at each place of a long text */
	return run_charge(r, 10 + s.n * 8);
}

/* What went wrong while matching; 0 and *found otherwise. */
static int regex_end(struct run *r, int code, bool *found)
{
	*found = code == 0;
	if (code == E_TIMEOUT)
		return run_budget(r, "pattern");
	if (code == E_NOMEM)
		return run_memory(r, code);
	return code == 0 || code == E_NOTFOUND ? 0 :
	       run_fail(r, E_FORMAT, "pattern: %s", err_text(code));
}

int run_search(struct run *r, const struct regex *re, struct span s,
	       struct regex_match *m, bool *found)
{
	struct regex_text text;
	int code = regex_begin(r, s, &text);

	return code < 0 ? code :
	       regex_end(r, regex_search(re, r->rx, text, 0, m), found);
}

/* The groups as a list; a group that took no part is None. */
static int groups(struct run *r, const struct regex_match *m, struct val *out)
{
	int code = run_new_list(r, VAL_LIST, out);

	for (unsigned i = 1; code == 0 && i < m->n; i++)
		code = run_add(r, *out, m->group[i].p ?
			       val_span(m->group[i]) : VAL_NULL);
	return code;
}

static int p_regex_search(struct run *r, struct call *c, struct val *out)
{
	struct regex_match m;
	struct regex *mine;
	const struct regex *re;
	struct span s;
	bool found = false;
	int code = run_str(r, c->args[1], &s);

	if (code == 0)
		code = run_regex(r, c, 0, &re, &mine);
	if (code < 0)
		return code;
	code = run_search(r, re, s, &m, &found);
	regex_free(&mine);
	*out = VAL_NULL;
	return code == 0 && found ? groups(r, &m, out) : code;
}

static int p_find_first_match(struct run *r, struct call *c, struct val *out)
{
	struct regex *mine;
	const struct regex *re;
	struct val items;
	struct span s;
	bool found = false;
	int code = run_items(r, c->args[0], &items);

	if (code == 0)
		code = run_regex(r, c, 1, &re, &mine);
	if (code < 0)
		return code;
	*out = VAL_MISSING;
	for (uint32_t i = 0; code == 0 && !found && i < items.u.list->n;
	     i++) {
		code = run_str(r, items.u.list->items[i], &s);
		if (code == 0)
			code = run_search(r, re, s, NULL, &found);
		if (found)
			*out = items.u.list->items[i];
	}
	regex_free(&mine);
	return code;
}

/* Room for the result: first what usually is enough, then all that a text
 * and a replacement of this size can need. */
static int replaced(struct run *r, const struct regex *re, struct span s,
		    struct span to, struct val *out)
{
	size_t room = s.n * 2 + to.n * 8 + 64;
	struct regex_text text;
	bool found;
	int code = regex_begin(r, s, &text);

	if (code < 0)
		return code;
	for (; code == 0; room *= 16) {
		uint8_t *p = arena_alloc(r->mem, room);
		struct wr w = wr_of(p, p ? room : 0);

		if (!p)
			return run_memory(r, val_no_room(r->mem, room));
		code = regex_replace_all(re, r->rx, text, to, &w, NULL);
		*out = val_span(span_of(p, wr_len(&w)));
		if (code != E_FULL)
			break;
		code = run_charge(r, 10 + s.n * 8);
		if (code < 0)
			return code;
	}
	if (code == E_FORMAT)
		return run_fail(r, code, "replacement: unknown escape");
	return code < 0 ? regex_end(r, code, &found) :
			  run_charge_bytes(r, out->u.s.n);
}

static int p_regex_replace(struct run *r, struct call *c, struct val *out)
{
	struct regex *mine;
	const struct regex *re;
	struct span s, to;
	int code = run_str(r, c->args[0], &s);

	if (code == 0)
		code = run_str(r, c->args[2], &to);
	if (code == 0)
		code = run_regex(r, c, 1, &re, &mine);
	if (code < 0)
		return code;
	code = regex_replacement_check(re, to);
	if (code < 0)
		code = run_fail(r, E_FORMAT, code == E_NOTFOUND ?
				"replacement: no such group" :
				"replacement: unknown escape");
	else
		code = replaced(r, re, s, to, out);
	regex_free(&mine);
	return code;
}

/* --- addresses --- */

static int parse_network(struct span s, struct addr *net, unsigned *bits)
{
	struct span ip, mask;
	uint64_t n = 128;
	bool has_mask = span_split(s, '/', &ip, &mask);
	bool is_v4;

	if (addr_parse(net, ip, 0) < 0)
		return E_FORMAT;
	is_v4 = addr_is_v4(net);
	if (has_mask && span_u64(mask, is_v4 ? 32 : 128, &n) < 0)
		return E_FORMAT;
	*bits = (unsigned)n + (has_mask && is_v4 ? 96 : 0);
	return 0;
}

static bool is_inside(const struct addr *a, const struct addr *net,
		      unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	if (addr_is_v4(a) != addr_is_v4(net) ||
	    memcmp(a->ip, net->ip, whole) != 0)
		return false;
	return !rest || ((a->ip[whole] ^ net->ip[whole]) & mask) == 0;
}

static int p_in_subnet(struct run *r, struct call *c, struct val *out)
{
	struct addr a, net;
	struct val items = c->args[1], item = items;
	unsigned bits;
	bool known = c->args[0].type == VAL_STR &&
		     addr_parse(&a, c->args[0].u.s, 0) == 0;
	uint32_t n = val_is_list(items) ? items.u.list->n : 1;
	int code = 0;

	*out = val_bool(false);
	for (uint32_t i = 0; code == 0 && i < n; i++) {
		if (val_is_list(items))
			item = items.u.list->items[i];
		if (item.type != VAL_STR)
			return run_type(r, c, "networks as texts", item);
		if (parse_network(item.u.s, &net, &bits) < 0)
			return run_fail(r, E_FORMAT, "pex_in_subnet: network "
					"%u is none", i + 1);
		if (known && is_inside(&a, &net, bits))
			*out = val_bool(true);
		code = run_charge(r, 2);
	}
	return code;
}

/* --- time, chance, log --- */

static bool is_utc(struct span name)
{
	return span_eq(name, SPAN_LIT("UTC")) ||
	       span_eq(name, SPAN_LIT("Etc/UTC"));
}

static int p_now(struct run *r, struct call *c, struct val *out)
{
	struct val_time *t = arena_zalloc(r->mem, sizeof(*t));
	struct span name = SPAN_LIT("UTC"), file = SPAN_NONE;
	int code = 0;

	if (!t)
		return run_memory(r, val_no_room(r->mem, sizeof(*t)));
	if (is_given(c, 0) && c->args[0].type != VAL_STR)
		return run_type(r, c, "the name of a zone", c->args[0]);
	if (is_given(c, 0))
		name = c->args[0].u.s;
	if (!is_utc(name))
		code = zone_name_is_valid(name) && r->env->zone ?
		       r->env->zone(r->env->arg, name, &file) : E_NOTFOUND;
	if (code < 0 || (!is_utc(name) && !file.n))
		return run_fail(r, E_FORMAT, "pex_now: unknown time zone");
	code = zone_local(file, r->env->now_us, t);
	if (code < 0)
		return run_fail(r, E_FORMAT, "pex_now: damaged time zone");
	*out = (struct val){.type = VAL_TIME, .u.time = t};
	return run_charge(r, 10);
}

static int random_bytes(struct run *r, void *p, size_t n)
{
	if (!r->env->random)
		return run_fail(r, E_FORMAT, "there are no random numbers");
	r->env->random(r->env->arg, p, n);
	return 0;
}

static int p_random_pin(struct run *r, struct call *c, struct val *out)
{
	char pin[PIN_MAX + 1];
	uint8_t b;
	int64_t n = 0, have = 0;
	int code = arg_int(r, c, 0, &n);

	if (code < 0)
		return code;
	if (n < 1 || n > PIN_MAX)
		return run_fail(r, E_FORMAT, "pex_random_pin gives 1 to %d "
				"digits", PIN_MAX);
	while (code == 0 && have < n) {
		code = random_bytes(r, &b, 1);
		/* 250 is a multiple of ten: each digit is as likely */
		if (code == 0 && b < 250)
			pin[have++] = (char)('0' + b % 10);
		if (code == 0)
			code = run_charge(r, 1);
	}
	pin[have] = 0;
	return code < 0 ? code : put(r, pin, out);
}

static int put_uuid(struct run *r, const uint8_t b[UUID_BYTES],
		    struct val *out)
{
	static const uint8_t after[] = {4, 6, 8, 10, UUID_BYTES};
	struct text t = run_text(r);
	char hex[2 * UUID_BYTES + 1];

	hex_encode(hex, b, UUID_BYTES);
	for (size_t i = 0, from = 0; i < sizeof(after); from = after[i++]) {
		text_str(&t, from ? "-" : "");
		text_put(&t, span_of(hex + 2 * from, 2 * (after[i] - from)));
	}
	return run_done(r, &t, out);
}

static int p_uuid4(struct run *r, struct call *c, struct val *out)
{
	uint8_t b[UUID_BYTES] = {0};
	int code = random_bytes(r, b, sizeof(b));

	(void)c;
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	return code < 0 ? code : put_uuid(r, b, out);
}

/* The first three groups have their lowest byte first, as in objectGUID. */
static int p_to_uuid(struct run *r, struct call *c, struct val *out)
{
	static const uint8_t order[UUID_BYTES] = {
		3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	uint8_t raw[UUID_BYTES + 2], b[UUID_BYTES];
	struct span s;
	size_t n = 0;
	int code = run_str(r, c->args[0], &s);

	if (code < 0)
		return code;
	if (b64_decode(raw, sizeof(raw), &n, text_strip(s)) < 0 ||
	    n != UUID_BYTES)
		return run_fail(r, E_FORMAT, "pex_to_uuid needs Base64 of 16 "
				"bytes");
	for (int i = 0; i < UUID_BYTES; i++)
		b[i] = raw[order[i]];
	return put_uuid(r, b, out);
}

/* Long entries are cut between characters. */
static int p_debug_log(struct run *r, struct call *c, struct val *out)
{
	struct text t = run_text(r);
	struct span s;
	int code = 0;

	*out = val_lit("");
	if (r->debugs++ >= SCRIPT_DEBUG_MAX || !r->env->debug) {
		r->used.debug_dropped++;
		return 0;
	}
	for (unsigned i = 0; code == 0 && i < c->n; i++) {
		text_str(&t, i ? "," : "");
		code = run_str(r, c->args[i], &s);
		if (code == 0)
			text_put(&t, s);
	}
	if (code == 0 && t.err)
		code = run_memory(r, t.err);
	if (code < 0)
		return code;
	s = text_span(&t);
	if (s.n > SCRIPT_DEBUG_BYTES) {
		s.n = SCRIPT_DEBUG_BYTES;
		while (s.n && (s.p[s.n] & 0xc0) == 0x80)
			s.n--;
	}
	r->env->debug(r->env->arg, s);
	return run_charge_bytes(r, t.n);
}

const struct builtin pex_builtins[] = {
	{"pex_base64", p_base64, FORM_FILTER, 0, "", 0},
	{"pex_clean_phone_number", p_clean_phone_number, FORM_FILTER, 0, "",
	 0},
	{"pex_debug_log", p_debug_log, FORM_CALL | FORM_ANY_ARGS, 0, "", 0},
	{"pex_find_first_match", p_find_first_match, FORM_FILTER | FORM_CALL,
	 1, "regex", 1},
	{"pex_hash", p_hash, FORM_FILTER, 0, "", 0},
	{"pex_head", p_head, FORM_FILTER, 1, "n", 0},
	{"pex_in_subnet", p_in_subnet, FORM_CALL, 2, "address subnets", 0},
	{"pex_md5", p_md5, FORM_FILTER, 0, "", 0},
	{"pex_now", p_now, FORM_CALL, 0, "tz", 0},
	{"pex_random_pin", p_random_pin,
	 FORM_FILTER | FORM_CALL | FORM_NO_INPUT, 1, "n", 0},
	{"pex_regex_replace", p_regex_replace, FORM_FILTER, 2, "find replace",
	 1},
	{"pex_regex_search", p_regex_search, FORM_CALL, 2, "pattern text",
	 PATTERN_FIRST},
	{"pex_require_min_length", p_require_min_length, FORM_FILTER, 1, "n",
	 0},
	{"pex_reverse", p_reverse, FORM_FILTER, 0, "", 0},
	{"pex_safelinks_decode", p_safelinks, FORM_FILTER, 0, "", 0},
	{"pex_strlen", p_strlen, FORM_FILTER, 0, "", 0},
	{"pex_tail", p_tail, FORM_FILTER, 1, "n", 0},
	{"pex_to_json", p_to_json, FORM_FILTER, 0, "", 0},
	{"pex_to_uuid", p_to_uuid, FORM_FILTER, 0, "", 0},
	{"pex_update", p_update, FORM_FILTER, 1, "members", 0},
	{"pex_url_decode", p_url_decode, FORM_FILTER, 0, "", 0},
	{"pex_url_encode", p_url_encode, FORM_FILTER, 0, "", 0},
	{"pex_urldefense_decode", p_urldefense, FORM_FILTER, 0, "", 0},
	{"pex_uuid4", p_uuid4, FORM_CALL, 0, "", 0},
	{NULL, NULL, 0, 0, NULL, 0},
};
