/* Bytes from outside that are no template: JSON when the first byte is odd,
 * a zone file otherwise. What was read is written and read again the same. */
#include <stdio.h>
#include <stdlib.h>

#include "core/policy/script/script_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MEMORY = 4 << 20 };

static void broken(const char *why)
{
	fprintf(stderr, "broken: %s\n", why);
	abort();
}

static void json(struct span in)
{
	struct arena *a;
	struct val v, again;
	struct span out, twice;
	size_t at;

	if (arena_new(&a, MEMORY) != 0)
		broken("arena");
	if (val_from_json(a, in, &v, &at) == 0 &&
	    val_to_json(a, v, &out) == 0) {
		if (!span_is_utf8(out))
			broken("JSON is not UTF-8");
		if (val_from_json(a, out, &again, NULL) == 0 &&
		    (val_to_json(a, again, &twice) != 0 ||
		     !span_eq(out, twice)))
			broken("JSON changed");
	}
	arena_free(&a);
}

static void zone(struct span in)
{
	static const int64_t moments[] = {0, -1, 1795439152, 4102444800,
					  -5000000000, 99999999999};
	struct val_time t;

	for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
		if (zone_local(in, moments[i] * 1000000, &t) != 0)
			continue;
		if (t.month < 1 || t.month > 12 || t.day < 1 || t.day > 31 ||
		    t.hour > 23 || t.minute > 59 || t.second > 59)
			broken("no time of any day");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	if (data[0] & 1)
		json(span_of(data + 1, n - 1));
	else if (n > 1)
		zone(span_of(data + 1, n - 1));
	return 0;
}
