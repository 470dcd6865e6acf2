/* base/log.h - structured log records to one descriptor.
 *
 * A record is a constant message and key=value pairs, one line, at most
 * LOG_LINE_MAX bytes, sent to super's log sink by one write. A full pipe drops
 * the record and counts it; the next record that fits carries the count.
 * Peer text goes through LOG_T, which escapes it. Never pass a PIN, token or
 * key. Decoders (wire/) never log. Each call site is limited to
 * LOG_SITE_PER_S records a second; the rest are counted.
 *
 *	log_warn("web", "connection refused", LOG_S("source", text),
 *		 LOG_U("open", n));
 */
#pragma once
#include "base/span.h"

enum { LOG_LINE_MAX = 2048, LOG_SITE_PER_S = 10 };
enum log_level { LOG_ERROR = 3, LOG_WARN = 4, LOG_NOTICE = 5, LOG_INFO = 6,
		 LOG_DEBUG = 7 };

struct log_kv {
	const char *key;
	enum { LOG_KV_UINT, LOG_KV_INT, LOG_KV_CSTR, LOG_KV_TEXT,
	       LOG_KV_ERR } type;
	uint64_t u;
	struct span s;
};

struct log_site {
	uint64_t second;
	unsigned count;
	unsigned dropped;
};

#define LOG_U(k, v)  {.key = (k), .type = LOG_KV_UINT, .u = (uint64_t)(v)}
#define LOG_I(k, v)  {.key = (k), .type = LOG_KV_INT, .u = (uint64_t)(int64_t)(v)}
#define LOG_S(k, v)  {.key = (k), .type = LOG_KV_CSTR, .s = span_str(v)}
#define LOG_T(k, v)  {.key = (k), .type = LOG_KV_TEXT, .s = (v)}
#define LOG_E(k, v)  {.key = (k), .type = LOG_KV_ERR, .u = (uint64_t)(int64_t)(v)}

/* Set once before any thread starts. Default: fd 2, LOG_INFO. */
void log_open(int fd, const char *role, unsigned instance);
void log_set_level(enum log_level max);
/* No site: the caller limits. */
void log_emit(struct log_site *site, enum log_level level, const char *mod,
	      const char *msg, const struct log_kv *kv, size_t n);
/* Records lost because the pipe was full. */
uint64_t log_dropped(void);

#define LOG_AT(level, mod, msg, ...)                                          \
	do {                                                                  \
		static struct log_site site_;                                 \
		const struct log_kv kv_[] = {{.key = NULL}, __VA_ARGS__};     \
		log_emit(&site_, (level), (mod), (msg), kv_ + 1,              \
			 sizeof(kv_) / sizeof(kv_[0]) - 1);                   \
	} while (0)
#define log_error(mod, ...) LOG_AT(LOG_ERROR, mod, __VA_ARGS__, )
#define log_warn(mod, ...) LOG_AT(LOG_WARN, mod, __VA_ARGS__, )
#define log_notice(mod, ...) LOG_AT(LOG_NOTICE, mod, __VA_ARGS__, )
#define log_info(mod, ...) LOG_AT(LOG_INFO, mod, __VA_ARGS__, )
#define log_debug(mod, ...) LOG_AT(LOG_DEBUG, mod, __VA_ARGS__, )
