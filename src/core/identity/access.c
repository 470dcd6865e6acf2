#include "core/identity/access.h"

#include "base/secret.h"

static const enum access_outcome
table[ACCESS_ROOM_COUNT][ACCESS_ENTRY_COUNT] = {
	/*			  absent        "none"
	 *			  host PIN      guest PIN     other */
	[ACCESS_ROOM_INVALID]  = {ACCESS_REFUSE, ACCESS_REFUSE,
				  ACCESS_REFUSE, ACCESS_REFUSE, ACCESS_REFUSE},
	[ACCESS_ROOM_OPEN]     = {ACCESS_HOST, ACCESS_HOST,
				  ACCESS_HOST, ACCESS_HOST, ACCESS_HOST},
	[ACCESS_ROOM_PIN]      = {ACCESS_ASK, ACCESS_ASK,
				  ACCESS_HOST, ACCESS_WRONG, ACCESS_WRONG},
	[ACCESS_ROOM_GUESTS_FREE] = {ACCESS_ASK, ACCESS_GUEST,
				  ACCESS_HOST, ACCESS_WRONG, ACCESS_WRONG},
	[ACCESS_ROOM_GUESTS_PIN] = {ACCESS_ASK, ACCESS_ASK,
				  ACCESS_HOST, ACCESS_GUEST, ACCESS_WRONG},
	[ACCESS_ROOM_CONCEALED] = {ACCESS_ASK, ACCESS_ASK,
				   ACCESS_WRONG, ACCESS_WRONG, ACCESS_WRONG},
};

static bool has_hash(struct span pin)
{
	return pin.n && pin.p[pin.n - 1] == '#';
}

static struct span digits(struct span pin)
{
	return span_of(pin.p, pin.n - has_hash(pin));
}

bool pin_is_wellformed(struct span pin)
{
	const struct span d = digits(pin);

	if (pin.n < PIN_DIGITS_MIN || pin.n > PIN_LEN_MAX || !d.n)
		return false;
	for (size_t i = 0; i < d.n; i++)
		if (d.p[i] < '0' || d.p[i] > '9')
			return false;
	return true;
}

/* Padded to one length, so that the time is the same for every length. */
static bool pin_equal(struct span set, struct span entered)
{
	uint8_t a[PIN_LEN_MAX + 1] = {0}, b[PIN_LEN_MAX + 1] = {0};
	bool fits = entered.n <= PIN_LEN_MAX, same;

	if (set.n)
		memcpy(a, set.p, set.n < PIN_LEN_MAX ? set.n : PIN_LEN_MAX);
	if (fits && entered.n)
		memcpy(b, entered.p, entered.n);
	same = secret_equal(span_of(a, sizeof(a)), span_of(b, sizeof(b)));
	secret_wipe(a, sizeof(a));
	secret_wipe(b, sizeof(b));
	return same & fits & (set.n == entered.n) & (set.n > 0);
}

enum access_room access_room_kind(const struct access_cfg *c)
{
	const struct span h = c->host_pin, g = c->guest_pin;

	if (!h.n)
		return c->allow_guests ? ACCESS_ROOM_INVALID : ACCESS_ROOM_OPEN;
	if (!pin_is_wellformed(h))
		return ACCESS_ROOM_INVALID;
	if (!c->allow_guests)
		return ACCESS_ROOM_PIN;
	if (!g.n)
		return ACCESS_ROOM_GUESTS_FREE;
	if (!pin_is_wellformed(g) || pin_equal(digits(h), digits(g)))
		return ACCESS_ROOM_INVALID;
	if (h.n != g.n && !(has_hash(h) && has_hash(g)))
		return ACCESS_ROOM_INVALID;
	return ACCESS_ROOM_GUESTS_PIN;
}

enum access_outcome access_cell(enum access_room room, enum access_entry entry)
{
	if (room >= ACCESS_ROOM_COUNT || entry >= ACCESS_ENTRY_COUNT)
		return ACCESS_REFUSE;
	return table[room][entry];
}

enum access_entry access_entry_of(bool has_pin, struct span pin)
{
	if (!has_pin || !pin.n)
		return ACCESS_ENTRY_ABSENT;
	return span_eq_nocase(pin, SPAN_LIT("none")) ? ACCESS_ENTRY_NONE :
		ACCESS_ENTRY_OTHER;
}

enum access_outcome access_decide(const struct access_cfg *c, bool has_pin,
				  struct span pin)
{
	const struct span entered = has_pin ? digits(pin) : SPAN_NONE;
	const bool host = pin_equal(digits(c->host_pin), entered);
	const bool guest = pin_equal(digits(c->guest_pin), entered);
	enum access_entry e = access_entry_of(has_pin, pin);

	if (e == ACCESS_ENTRY_OTHER && host)
		e = ACCESS_ENTRY_HOST;
	else if (e == ACCESS_ENTRY_OTHER && guest)
		e = ACCESS_ENTRY_GUEST;
	return access_cell(access_room_kind(c), e);
}

void access_prompt(const struct access_cfg *cfg, bool *host_pin,
		   bool *guest_pin)
{
	const enum access_room k = access_room_kind(cfg);

	*host_pin = k != ACCESS_ROOM_OPEN;
	*guest_pin = *host_pin && k != ACCESS_ROOM_GUESTS_FREE;
}

const char *access_room_name(enum access_room r)
{
	static const char *const names[ACCESS_ROOM_COUNT] = {
		"invalid", "open", "PIN", "PIN, guests free",
		"PIN, guest PIN", "concealed"};

	return r < ACCESS_ROOM_COUNT ? names[r] : "?";
}

const char *access_entry_name(enum access_entry e)
{
	static const char *const names[ACCESS_ENTRY_COUNT] = {
		"nothing", "\"none\"", "host PIN", "guest PIN", "other"};

	return e < ACCESS_ENTRY_COUNT ? names[e] : "?";
}

const char *access_outcome_name(enum access_outcome o)
{
	static const char *const names[ACCESS_OUTCOME_COUNT] = {
		"refuse", "host", "guest", "ask", "wrong"};

	return o < ACCESS_OUTCOME_COUNT ? names[o] : "?";
}
