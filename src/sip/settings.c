/* What core says about ourselves. */
#include "base/log.h"
#include "ipc/super.pb-c.h"
#include "sip/app.h"

#define MOD "sip"

static void set_nets(struct outguard_net out[OUTGUARD_NETS_MAX], size_t *n,
		     struct span name, struct span value)
{
	struct outguard_net got[OUTGUARD_NETS_MAX];
	size_t k = 0;
	int r = outguard_nets_parse(got, OUTGUARD_NETS_MAX, &k, value);

	if (r < 0) {
		log_error(MOD, "networks cannot be read; unchanged",
			  LOG_T("setting", name), LOG_E("reason", r));
		return;
	}
	memcpy(out, got, k * sizeof(got[0]));
	*n = k;
}

static void set_one(struct app *a, struct span name, struct span value)
{
	const bool yes = span_eq(value, SPAN_LIT("true"));
	struct face_settings *f = face_settings(a->face);

	if (span_eq(name, SPAN_LIT("sip_silent_refusal")))
		f->silence = yes;
	else if (span_eq(name, SPAN_LIT("sip_challenge_first")))
		f->challenge_first = yes;
	else if (span_eq(name, SPAN_LIT("sip_tls_cert_verify_mode")))
		sip_tls_verify(a->tls, !span_eq(value, SPAN_LIT("OFF")));
	else if (span_eq(name, SPAN_LIT("ocsp_state")))
		checks_setting(a->checks, !span_eq(value, SPAN_LIT("OFF")));
	else if (span_eq(name, SPAN_LIT("srtp_allow_sha1_32")))
		a->sdes_32 = yes;
	else if (span_eq(name, SPAN_LIT("outbound_allowed_networks")))
		set_nets(a->allowed, &a->guard.n_allowed, name, value);
	else if (span_eq(name, SPAN_LIT("management_allowed_networks")))
		set_nets(a->management, &a->guard.n_management, name, value);
}

void settings_apply(struct app *a, const Cv__Settings *m)
{
	Cv__SettingsAck ack = CV__SETTINGS_ACK__INIT;

	for (size_t i = 0; i < m->n_settings; i++)
		set_one(a, span_str(m->settings[i]->name),
			ipc_bytes(m->settings[i]->value));
	ack.epoch = m->epoch;
	(void)ipc_send(ipc_ev_chan(a->core), SETTINGS_ACK, &ack);
}
