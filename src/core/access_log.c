/* The lines of module `access` are read by fail2ban (docs/handbook/
 * security.md): constant words and our own print of an address, nothing that a
 * caller wrote. */
#include "core/core.h"

static const struct {
	enum log_level level;
	const char *text;
} lines[ACCESS_LINE_COUNT] = {
	[ACCESS_LINE_PIN_WRONG] = {LOG_NOTICE, "pin wrong"},
	[ACCESS_LINE_PIN_REFUSED] = {LOG_NOTICE, "pin refused"},
	[ACCESS_LINE_PIN_NEEDED] = {LOG_NOTICE, "pin needed"},
	[ACCESS_LINE_ALIAS_UNKNOWN] = {LOG_NOTICE, "alias unknown"},
	[ACCESS_LINE_REGISTRATION_REFUSED] = {LOG_NOTICE,
					      "registration refused"},
	[ACCESS_LINE_CREDENTIALS_WRONG] = {LOG_NOTICE, "credentials wrong"},
	[ACCESS_LINE_SOURCE_QUARANTINED] = {LOG_NOTICE, "source quarantined"},
};
static_assert((int)ACCESS_LINE_COUNT <= (int)ACCESS_KINDS_MAX, "a budget for each");

static void put(struct core *c, enum access_line what, const char *source,
		struct log_kv more)
{
	struct log_kv kv[3] = {LOG_S("source", source), more};
	const uint64_t untold = access_limit_untold(&c->access);

	kv[2] = (struct log_kv)LOG_U("suppressed", untold);
	log_emit(NULL, lines[what].level, "access", lines[what].text, kv,
		 untold ? 3 : 2);
}

void access_log(struct core *c, enum access_line what, const uint8_t ip[16],
		const char *face)
{
	struct addr a = {.port = 0};
	char source[ADDR_TEXT_MAX];

	if (!access_limit_may(&c->access, what, ip, c->now_ns))
		return;
	memcpy(a.ip, ip, sizeof(a.ip));
	addr_print_ip(&a, source);
	put(c, what, source, (struct log_kv)LOG_S("face", face));
}

void access_log_quarantined(struct core *c, const uint8_t ip[16],
			    const char *net, unsigned seconds)
{
	if (access_limit_may(&c->access, ACCESS_LINE_SOURCE_QUARANTINED, ip,
			     c->now_ns))
		put(c, ACCESS_LINE_SOURCE_QUARANTINED, net,
		    (struct log_kv)LOG_U("seconds", seconds));
}
