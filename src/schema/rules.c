/* Rules that need more than one field. */
#include "base/rand.h"
#include "schema/schema.h"

static bool has_hash(struct span pin)
{
	return pin.n > 0 && pin.p[pin.n - 1] == '#';
}

static int pin_min_length(const struct schema_resource *r, const char *field,
			  const struct schema_value *pin, int64_t min,
			  struct schema_error *why)
{
	if (pin->is_null || (int64_t)pin->s.n >= min)
		return 0;
	schema_fail(why, r, field, "pin-length", 0,
		    "must have at least %lld characters "
		    "(global.min_pin_length)", (long long)min);
	return E_INVAL;
}

/* features.md 3.4: two PINs tell Host from Guest, so they differ, and the end
 * of an entry must be recognisable whichever of the two is being typed. */
static int pin_pair(const struct schema_resource *r, struct span host,
		    struct span guest, struct schema_error *why)
{
	if (span_eq(host, guest)) {
		schema_fail(why, r, "guest_pin", "pin-differs", 0,
			    "must differ from pin");
		return E_INVAL;
	}
	/* "1234" and "1234#" are the same to whoever ends an entry with #. */
	size_t h = host.n - has_hash(host), g = guest.n - has_hash(guest);
	if (span_eq(span_of(host.p, h), span_of(guest.p, g))) {
		schema_fail(why, r, "guest_pin", "pin-differs", 0,
			    "must differ from pin in its digits");
		return E_INVAL;
	}
	if (host.n == guest.n || (has_hash(host) && has_hash(guest)))
		return 0;
	schema_fail(why, r, "guest_pin", "pin-same-length", 0,
		    "must be as long as pin, or both must end with #");
	return E_INVAL;
}

static int check_conference(const struct schema_resource *r,
			    const struct schema_value *v,
			    const struct schema_context *ctx,
			    struct schema_error *why)
{
	const struct schema_value *pin = &v[CONFERENCE_PIN];
	const struct schema_value *guest = &v[CONFERENCE_GUEST_PIN];
	int e = pin_min_length(r, "pin", pin, ctx->min_pin_length, why);
	if (e == 0)
		e = pin_min_length(r, "guest_pin", guest, ctx->min_pin_length,
				   why);
	if (e < 0)
		return e;
	if (v[CONFERENCE_ALLOW_GUESTS].i && pin->is_null) {
		schema_fail(why, r, "pin", "pin-required", 0,
			    "is needed when allow_guests is true");
		return E_INVAL;
	}
	if (pin->is_null || guest->is_null)
		return 0;
	return pin_pair(r, pin->s, guest->s, why);
}

static int check_global(const struct schema_resource *r,
			const struct schema_value *v, struct schema_error *why)
{
	int64_t eject = v[GLOBAL_EJECT_LAST_PARTICIPANT_BACKSTOP_TIMEOUT].i;
	if (eject == 0 || eject >= 60)
		return 0;
	schema_fail(why, r, "eject_last_participant_backstop_timeout",
		    "range", 0, "must be 0 (never) or 60 to 86400 s");
	return E_INVAL;
}

int schema_check_row(const struct schema_resource *r,
		     const struct schema_value *values,
		     const struct schema_context *ctx,
		     struct schema_error *why)
{
	for (unsigned i = 0; i < r->n_fields; i++) {
		const struct schema_field *f = &r->fields[i];
		if ((f->flags & SCHEMA_F_REQUIRED) && values[i].is_null) {
			schema_fail(why, r, f->name, "required", 0,
				    "is needed");
			return E_INVAL;
		}
	}
	if (r->id == RES_CONFERENCE)
		return check_conference(r, values, ctx, why);
	if (r->id == RES_GLOBAL)
		return check_global(r, values, why);
	return 0;
}

/* --- proposing ------------------------------------------------------------ */

static bool is_guessable(const char *pin, unsigned n)
{
	bool is_flat = true, is_up = true, is_down = true;
	for (unsigned i = 1; i < n; i++) {
		int step = (pin[i] - pin[i - 1] + 10) % 10;
		is_flat &= step == 0;
		is_up &= step == 1;
		is_down &= step == 9;
	}
	return n > 1 && (is_flat || is_up || is_down);
}

void schema_propose_pin(char *dst, unsigned digits)
{
	do {
		for (unsigned i = 0; i < digits; i++)
			dst[i] = (char)('0' + rand_below(10));
		dst[digits] = 0;
	} while (is_guessable(dst, digits));
}
