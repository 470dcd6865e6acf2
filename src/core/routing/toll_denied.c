/* Which numbers may not be called. */
#include "base/alloc.h"
#include "base/err.h"
#include "base/text.h"
#include "core/routing/toll_int.h"

enum { NUMBER_MAX = 64 };	/* more digits than any network takes */

struct number {
	char c[NUMBER_MAX];
	size_t n;
};

static bool is_dialled(uint8_t c)
{
	return (c >= '0' && c <= '9') || c == '*' || c == '#';
}

static bool is_separator(uint8_t c)
{
	return c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' ||
		c == '/' || c == ',';
}

/* One character; an escaped one ("%30") as what it stands for. */
static uint8_t next_char(struct span s, size_t *i)
{
	const uint8_t c = s.p[(*i)++];
	uint8_t v;

	if (c != '%' || s.n - *i < 2 ||
	    hex_decode(&v, 1, span_of(s.p + *i, 2)) < 0)
		return c;
	*i += 2;
	return v;
}

/* What a gateway would dial: up to the first character that is neither
 * dialled nor a separator. */
static struct number number_of(struct span alias)
{
	const struct span s = alias_strip(alias);
	struct number out = {.n = 0};

	for (size_t i = 0; i < s.n && out.n < NUMBER_MAX;) {
		const uint8_t c = next_char(s, &i);

		if (is_separator(c))
			continue;
		if (!is_dialled(c) && !(c == '+' && out.n == 0))
			break;
		out.c[out.n++] = (char)c;
	}
	return out;
}

static bool starts(const char *p, size_t n, const char *prefix, size_t k)
{
	return n >= k && !memcmp(p, prefix, k);
}

/* Digits behind +, 00 or 011; NULL: not international. */
static const char *international(const struct number *num, size_t *n)
{
	static const char *const marks[] = {"+", "00", "011"};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		const size_t k = strlen(marks[i]);

		if (!starts(num->c, num->n, marks[i], k))
			continue;
		*n = num->n - k;
		return num->c + k;
	}
	return NULL;
}

static bool is_premium(const char *digits, size_t n)
{
	static const char *const list[] = {
#define X(prefix, what) prefix,
#include "core/routing/premium.def"
#undef X
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (starts(digits, n, list[i] + 1, strlen(list[i]) - 1))
			return true;
	return false;
}

bool toll_is_denied(const struct toll *t, struct span alias)
{
	const struct number num = number_of(alias);
	size_t n = 0;
	const char *abroad = international(&num, &n);

	if (abroad && t->cfg.deny_premium && is_premium(abroad, n))
		return true;
	for (size_t i = 0; i < t->n_denied; i++) {
		const struct toll_prefix *p = &t->denied[i];

		if (p->is_international ?
		    abroad && starts(abroad, n, p->digits, p->n) :
		    starts(num.c, num.n, p->digits, p->n))
			return true;
	}
	return false;
}

static int read_prefix(struct span s, struct toll_prefix *out)
{
	*out = (struct toll_prefix){.n = 0};
	if (s.n && s.p[0] == '+') {
		out->is_international = true;
		s = span_of(s.p + 1, s.n - 1);
	}
	if (!s.n || s.n > TOLL_PREFIX_MAX)
		return s.n ? E_LIMIT : E_FORMAT;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_dialled(s.p[i]))
			return E_FORMAT;
		out->digits[out->n++] = (char)s.p[i];
	}
	return 0;
}

/* `out` may be NULL: check only. */
static int read_list(struct span list, struct toll_prefix *out, size_t *n,
		     size_t *place)
{
	struct span rest = list, one;
	bool more = span_trim(list).n > 0;

	*n = 0;
	while (more) {
		struct toll_prefix p;
		int r;

		*place = (size_t)(rest.p - list.p) + 1;
		more = span_split(rest, ',', &one, &rest);
		r = read_prefix(span_trim(one), &p);
		if (r == 0 && *n == TOLL_DENIED_MAX)
			r = E_LIMIT;
		if (r < 0)
			return r;
		if (out)
			out[*n] = p;
		++*n;
	}
	*place = 0;
	return 0;
}

int toll_denied_check(struct span list, size_t *place)
{
	size_t n;

	return read_list(list, NULL, &n, place);
}

int toll_set_denied(struct toll *t, struct span list)
{
	struct toll_prefix *made;
	size_t n, place;
	int r = read_list(list, NULL, &n, &place);

	if (r < 0)
		return r;
	made = mem_calloc(n, sizeof(*made));
	if (!made)
		return E_NOMEM;
	(void)read_list(list, made, &n, &place);
	mem_free(t->denied);
	t->denied = made;
	t->n_denied = n;
	return 0;
}
