#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "base/wr.h"

/* The one mutable global that house rules allow: set before threads start. */
static struct {
	int fd;
	unsigned instance;
	enum log_level max;
	char role[16];
} sink = {.fd = 2, .max = LOG_INFO, .role = "-"};
static _Atomic uint64_t dropped;
static _Atomic uint64_t untold;

void log_open(int fd, const char *role, unsigned instance)
{
	sink.fd = fd;
	sink.instance = instance;
	(void)snprintf(sink.role, sizeof(sink.role), "%s", role);
}

void log_set_level(enum log_level max)
{
	sink.max = max;
}

uint64_t log_dropped(void)
{
	return atomic_load(&dropped);
}

/* Sites are shared by threads of core; a lost count there is harmless, so
 * relaxed single-word accesses through the compiler's atomics suffice. */
static bool may_log(struct log_site *site, unsigned *before)
{
	uint64_t s = clock_mono_ns() / NS_PER_S;

	*before = 0;
	if (__atomic_load_n(&site->second, __ATOMIC_RELAXED) != s) {
		__atomic_store_n(&site->second, s, __ATOMIC_RELAXED);
		__atomic_store_n(&site->count, 0, __ATOMIC_RELAXED);
		*before = __atomic_exchange_n(&site->dropped, 0,
					      __ATOMIC_RELAXED);
	}
	if (__atomic_fetch_add(&site->count, 1, __ATOMIC_RELAXED) <
	    LOG_SITE_PER_S)
		return true;
	__atomic_fetch_add(&site->dropped, 1, __ATOMIC_RELAXED);
	return false;
}

static void put_text(struct wr *w, struct span s)
{
	char buf[512];

	text_escape(buf, sizeof(buf), s);
	wr_u8(w, '"');
	wr_str(w, buf);
	wr_u8(w, '"');
}

static void put_kv(struct wr *w, const struct log_kv *kv)
{
	char buf[32];

	wr_u8(w, ' ');
	wr_str(w, kv->key);
	wr_u8(w, '=');
	switch (kv->type) {
	case LOG_KV_UINT:
		wr_dec(w, kv->u);
		break;
	case LOG_KV_INT:
		(void)snprintf(buf, sizeof(buf), "%lld", (long long)kv->u);
		wr_str(w, buf);
		break;
	case LOG_KV_ERR:
		wr_str(w, err_name((int)(int64_t)kv->u));
		break;
	case LOG_KV_CSTR:
	case LOG_KV_TEXT:
		put_text(w, kv->s);
		break;
	}
}

static void put_head(struct wr *w, enum log_level level, const char *mod)
{
	char buf[96];
	int64_t us = clock_wall_us();

	(void)snprintf(buf, sizeof(buf), "<%d>%lld.%06lld %s/%u %s: ",
		       (int)level, (long long)(us / 1000000),
		       (long long)(us % 1000000), sink.role, sink.instance,
		       mod);
	wr_str(w, buf);
}

static void send_line(struct wr *w, uint64_t lost)
{
	ssize_t n;

	/* A record that is too long is cut at a field; one byte is kept back
	 * for the newline. */
	*w->p++ = '\n';
	n = write(sink.fd, w->begin, wr_len(w));
	if (n == (ssize_t)wr_len(w))
		return;
	atomic_fetch_add(&dropped, 1);
	atomic_fetch_add(&untold, lost + 1);
}

void log_emit(struct log_site *site, enum log_level level, const char *mod,
	      const char *msg, const struct log_kv *kv, size_t n)
{
	uint8_t line[LOG_LINE_MAX];
	struct wr w = wr_of(line, sizeof(line) - 1);
	unsigned before = 0;
	uint64_t lost;

	if (level > sink.max)
		return;
	if (site && !may_log(site, &before))
		return;
	lost = atomic_exchange(&untold, 0);
	put_head(&w, level, mod);
	wr_str(&w, msg);
	for (size_t i = 0; i < n; i++)
		put_kv(&w, &kv[i]);
	if (before)
		put_kv(&w, &(struct log_kv)LOG_U("suppressed", before));
	if (lost)
		put_kv(&w, &(struct log_kv)LOG_U("lost", lost));
	send_line(&w, lost);
}
