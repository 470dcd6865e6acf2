/* sip/app.h - the face on its sockets, with its channel to core; private to
 * main.c. */
#pragma once
#include "base/outguard.h"
#include "http/tls_key.h"
#include "ipc/super.pb-c.h"
#include "ipc/role.h"
#include "sip/check.h"
#include "sip/net.h"

enum { APP_TICK_MIN_MS = 5, APP_TICK_MAX_MS = 100, APP_OWN_MAX = 32,
       APP_UNTRUSTED_PER_S = 20 /* told to core; counters know of all */ };

struct app {
	struct event_base *base;
	struct timer_wheel *wheel;
	struct event *tick;
	struct timer second;
	struct role *role;
	uint32_t instance;
	struct tls_key *key;
	struct sip_tls *tls;
	struct net *net;
	struct checks *checks;
	uint32_t untrusted;		/* told in this second */
	struct face *face;
	struct ipc_ev *core;
	uint32_t core_instance;
	uint64_t cpu_us, cpu_ns;
	bool sdes_32;
	struct outguard_net allowed[OUTGUARD_NETS_MAX],
			    management[OUTGUARD_NETS_MAX], own[APP_OWN_MAX];
	struct outguard_rules guard;
};

/* The wheel, the face, the sockets; a->tls is there. */
int  app_open(struct app *a, const struct role_boot *boot);
void app_close(struct app *a);
void app_core(struct app *a, uint32_t instance, int fd);
void app_listen(struct app *a, uint32_t name, int fd);
void app_tick_again(struct app *a, uint64_t now_ns);
/* settings.c */
void settings_apply(struct app *a, const Cv__Settings *m);
