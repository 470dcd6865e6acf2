/* core/alarm/alarm.h - what an administrator should know right now.
 *
 * A table of raised alarms and a ring of those that were lowered. An alarm is
 * known by its name and its instance ("" where there is only one): raising it
 * again renews its details and counts. Its level belongs to its name, so it
 * is not an argument. Alarms lower themselves: whoever raised one lowers it.
 *
 * Pure: the caller gives the wall clock (microseconds since 1970, records
 * only, nothing here waits for it). Nothing is written, sent or logged.
 * Not thread safe; owned by core.
 *
 * Bounds: ALARM_ACTIVE_MAX raised at once, ALARM_PER_NAME_MAX of one name, so
 * that ten thousand attackers cannot hide a full disk; ALARM_PAST_MAX lowered
 * ones are remembered. What does not fit is counted in `dropped`.
 *
 * Instance and details may hold a stranger's text. Control characters and
 * broken UTF-8 become '?' here, and what is too long is cut at a character.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum {
	ALARM_ACTIVE_MAX = 2048,
	ALARM_PER_NAME_MAX = 512,
	ALARM_PAST_MAX = 1024,
	ALARM_INSTANCE_MAX = 256,	/* bytes, with NUL */
	ALARM_DETAILS_MAX = 512,
};

enum alarm_level { ALARM_LEVEL_NONE = 0, ALARM_INFO, ALARM_WARNING,
		   ALARM_ERROR };

/* X(enumerator, name, level, what it means and what to do). The first names
 * are those of the management API; the others are ours. */
#define ALARM_TABLE(X)                                                        \
	X(SCANNER_BLOCKED, "possible_voip_scanner_ips_blocked", WARNING,      \
	  "a source tried many wrong aliases and is refused for a while")     \
	X(SERVICE_QUARANTINED, "service_access_quarantined", WARNING,         \
	  "many wrong PINs for one room; strangers are slowed or blocked")    \
	X(CAPACITY_EXHAUSTED, "capacity_exhausted", ERROR,                    \
	  "newcomers are refused so that those inside keep sound and "        \
	  "picture")                                                          \
	X(CONNECTIVITY_LOST, "connectivity_lost", ERROR,                      \
	  "a role died or cannot be reached")                                 \
	X(IO_HIGH_LATENCY, "io_high_latency", WARNING,                        \
	  "the disk is slow or full")                                         \
	X(IRREGULAR_PULSE, "irregular_pulse", WARNING,                        \
	  "the machine stopped us for too long or its wall clock leapt")      \
	X(INTEGRITY_ERROR, "integrity_error", ERROR,                          \
	  "a record does not fit its checksum: possibly an intrusion")        \
	X(CERTIFICATE_MISSING, "tls_certificate_missing", ERROR,              \
	  "no usable server certificate")                                     \
	X(CERTIFICATE_EXPIRING, "tls_certificate_expiring", WARNING,          \
	  "a certificate expires soon")                                       \
	X(ROTATE_PIN, "rotate_pin", ERROR,                                    \
	  "a room's PIN is being guessed for hours: give the room a new one") \
	X(BAN_TABLE_MISSING, "ban_table_missing", WARNING,                    \
	  "bans are not in the kernel; the faces refuse instead: run "        \
	  "conclave firewall apply --bans-only")                              \
	X(GUARD_VOLATILE, "guard_memory_volatile", WARNING,                   \
	  "what was counted and blocked is forgotten when core starts anew: " \
	  "its file cannot be used (disk full?)")                             \
	X(INSECURE_SETTING, "insecure_setting", WARNING,                      \
	  "a setting is weaker than its safe value")                          \
	X(ROOM_WITHOUT_PIN, "room_without_pin", WARNING,                      \
	  "anybody who knows an alias of this room gets in")                  \
	X(RULE_OPEN_TO_OUTSIDE, "rule_open_to_outside", WARNING,              \
	  "callers who are not registered reach outside systems by this rule")\
	X(OUTBOUND_VOLUME, "unusual_outbound_volume", ERROR,                  \
	  "far more outgoing calls than usual: possibly toll fraud")          \
	X(TOLL_LIMIT, "toll_limit_reached", WARNING,                          \
	  "a limit of a routing rule refuses calls")                          \
	X(POLICY_UNREACHABLE, "policy_server_unreachable", WARNING,           \
	  "a policy server does not answer, or not with what it should")      \
	X(POLICY_SCRIPT_FAILED, "policy_script_failed", WARNING,              \
	  "a policy script fails; its on_failure setting decides")            \
	X(RULE_REGEX, "routing_rule_unusable", WARNING,                       \
	  "a rule's pattern cannot be used or ran into its limits")           \
	X(FLOOD, "flood_refused", WARNING,                                    \
	  "a limit on connections, requests or joins in total is reached")    \
	X(AUDIT_FULL, "audit_disk_low", ERROR,                                \
	  "the audit log is short of disk space")

enum alarm_name {
	ALARM_NONE = 0,
#define X(e, ...) ALARM_##e,
	ALARM_TABLE(X)
#undef X
	ALARM_COUNT
};

struct alarm {
	uint64_t id;			/* rises; never used twice */
	enum alarm_name name;
	enum alarm_level level;
	char instance[ALARM_INSTANCE_MAX];
	char details[ALARM_DETAILS_MAX];
	int64_t raised_us;
	int64_t renewed_us;		/* raised again, the last time */
	int64_t lowered_us;		/* 0 while raised */
	uint64_t times;			/* how often raised, at least 1 */
	bool acknowledged;		/* hides it, does not lower it */
};

struct alarm_stats {
	uint64_t raised, renewed, lowered, dropped;
	uint32_t active, past;
};

struct alarms;

/* All memory is taken here. */
int  alarms_new(struct alarms **out);
void alarms_free(struct alarms **t);

/* "service_access_quarantined"; "" out of range. */
const char *alarm_text(enum alarm_name name);
const char *alarm_help(enum alarm_name name);
const char *alarm_level_text(enum alarm_level level);	/* "warning" */
enum alarm_level alarm_level_of(enum alarm_name name);
/* ALARM_NONE when unknown. */
enum alarm_name alarm_named(struct span text);

/* 1 = newly raised, 0 = it was raised (details are renewed when not empty),
 * E_FULL, E_INVAL. */
int  alarm_raise(struct alarms *t, enum alarm_name name, struct span instance,
		 struct span details, int64_t wall_us);
/* 1 = lowered, now in the past; 0 = was not raised. */
int  alarm_lower(struct alarms *t, enum alarm_name name, struct span instance,
		 int64_t wall_us);
/* Every one of this name whose instance starts with `prefix` (SPAN_NONE =
 * all). Returns how many. */
unsigned alarm_lower_all(struct alarms *t, enum alarm_name name,
			 struct span prefix, int64_t wall_us);
/* E_NOTFOUND when no raised alarm has this id. */
int  alarm_acknowledge(struct alarms *t, uint64_t id);

/* Raised ones in order of id, those lowered newest first. Start with 0, then
 * pass the last id. NULL = end. Valid until the next change. */
const struct alarm *alarm_next(const struct alarms *t, uint64_t after);
const struct alarm *alarm_past(const struct alarms *t, uint64_t before);
const struct alarm *alarm_find(const struct alarms *t, enum alarm_name name,
			       struct span instance);
void alarm_get_stats(const struct alarms *t, struct alarm_stats *out);
