#include "core/guard/guard.h"

static const struct {
	struct span text;
	bool exact;
} agents[] = {
#define NAME(s) {{(const uint8_t *)(s), sizeof(s) - 1}, false},
#define EXACT(s) {{(const uint8_t *)(s), sizeof(s) - 1}, true},
#include "core/guard/agents.def"
#undef NAME
#undef EXACT
};

static bool is_word_byte(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z');
}

static bool matches(struct span ua, struct span text, bool exact)
{
	if (exact)
		return span_eq(ua, text);
	return ua.n >= text.n &&
	       span_eq_nocase(span_of(ua.p, text.n), text) &&
	       (ua.n == text.n || !is_word_byte(ua.p[text.n]));
}

bool guard_agent_is_scanner(struct span user_agent)
{
	const struct span ua = span_trim(user_agent);

	for (size_t i = 0; i < sizeof(agents) / sizeof(agents[0]); i++)
		if (matches(ua, agents[i].text, agents[i].exact))
			return true;
	return false;
}
