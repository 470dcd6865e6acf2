/* Any file content: no crash, and the walk is linear. The same lines chained
 * by us must verify. First byte: 0 = lines, 1 = anchors, else an event. */
#include <stdlib.h>
#include "core/audit/audit_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void walk(struct span text, bool anchors)
{
	struct chain c = {0};
	struct anchor a;
	struct span line;
	bool more = true;
	while (more) {
		more = span_split(text, '\n', &line, &text);
		if (anchors)
			(void)anchor_parse(&a, line);
		else if (chain_check(&c, line) < 0)
			c = (struct chain){0};
	}
}

static void round_trip(struct span s)
{
	char line[AUDIT_LINE_MAX];
	struct chain made = {0}, read = {0};
	struct audit_event ev = {.who = s, .source = s, .action = "fuzz",
				 .object = s, .outcome = AUDIT_OK,
				 .detail = s};
	int e;
	size_t len = chain_line(&made, line, &ev, INT64_MIN, UINT64_MAX, &e);
	if (e < 0 || len == 0 || len > sizeof(line) || line[len - 1] != '\n' ||
	    memchr(line, '\n', len - 1) != NULL ||
	    chain_check(&read, span_of(line, len - 1)) < 0 ||
	    memcmp(&made, &read, sizeof(made)) != 0)
		abort();
	line[len / 2] ^= 1;
	read = (struct chain){0};
	if (chain_check(&read, span_of(line, len - 1)) == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	struct span s = span_of(data + 1, n - 1);
	if (data[0] < 2)
		walk(s, data[0] == 1);
	else
		round_trip(s);
	return 0;
}
