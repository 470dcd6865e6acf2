/* Against a stack of brackets that is kept the plain way; what passes at one
 * depth passes at every greater one. */
#include <assert.h>
#include "wire/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int plainly(struct span s, unsigned depth)
{
	uint8_t stack[JSON_DEPTH_MAX];
	unsigned n = 0;
	bool quoted = false;

	for (size_t i = 0; i < s.n; i++) {
		const uint8_t c = s.p[i];

		if (quoted) {
			i += c == '\\';
			quoted = c != '"';
		} else if (c == '"') {
			quoted = true;
		} else if (c == '[' || c == '{') {
			if (n == depth)
				return E_LIMIT;
			stack[n++] = c == '[' ? ']' : '}';
		} else if (c == ']' || c == '}') {
			if (n == 0 || stack[--n] != c)
				return E_FORMAT;
		}
	}
	return quoted || n ? E_FORMAT : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span s = span_of(data, size);
	bool passed = false;

	for (unsigned d = 1; d <= JSON_DEPTH_MAX; d++) {
		const int r = json_nesting(s, d);

		assert(r == plainly(s, d));
		assert(!passed || r == 0);
		passed = r == 0;
	}
	return 0;
}
