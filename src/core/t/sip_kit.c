#include "core/t/sip_kit.h"

#include "base/clock.h"
#include "core/identity/digest.h"

static ProtobufCBinaryData text(const char *s)
{
	return ipc_data(span_str(s));
}

int sip_setup(void **state)
{
	struct kit *k;

	entry_setup(state);
	k = *state;
	kit_link(k, KIT_SIP);
	kit_free(kit_wait(k, KIT_SIP, IPC_BAN_SET));
	kit_forget(k);
	return 0;
}

void sip_guests(struct kit *k)
{
	entry_set(k, "sip_guests", "true");
	kit_forget(k);
}

static void addr_of(uint32_t ip, uint8_t dst[16], Cv__Addr *a)
{
	memset(dst, 0, 16);
	dst[10] = dst[11] = 0xff;
	for (int i = 0; i < 4; i++)
		dst[12 + i] = (uint8_t)(ip >> (24 - 8 * i));
	cv__addr__init(a);
	a->ip = ipc_data(span_of(dst, 16));
	a->port = 5061;
}

struct caller {
	Cv__SipCaller m;
	Cv__SipAuth auth;
	Cv__Addr source, local;
	uint8_t ip[16], own[16], response[DIGEST_RESPONSE_MAX];
};

static void fill_auth(struct caller *c, const struct sip_ask *ask,
		      const char *method)
{
	Cv__SipAuth *a = &c->auth;
	struct digest_facts f = {
		.alg = ask->md5 ? DIGEST_BY_MD5 : DIGEST_BY_SHA256,
		.username = span_str(ask->user), .realm = SPAN_LIT("conclave"),
		.nonce = SPAN_LIT("n0nce"), .nc = SPAN_LIT("00000001"),
		.cnonce = SPAN_LIT("c"), .uri = SPAN_LIT("sip:example.org"),
		.method = span_str(method)};

	cv__sip_auth__init(a);
	a->alg = ask->md5 ? CV__DIGEST_ALG__DIGEST_MD5 :
			    CV__DIGEST_ALG__DIGEST_SHA256;
	a->username = ipc_data(f.username);
	a->realm = ipc_data(f.realm);
	a->nonce = ipc_data(f.nonce);
	a->cnonce = ipc_data(f.cnonce);
	a->nc = ipc_data(f.nc);
	a->uri = ipc_data(f.uri);
	a->method = ipc_data(f.method);
	a->qop_auth = !ask->no_qop;
	assert_int_equal(digest_response(c->response, &f,
					 span_str(ask->password)), 0);
	a->response = ipc_data(span_of(c->response,
				       digest_response_len(f.alg)));
	c->m.auth = a;
}

static void fill_caller(struct caller *c, const struct sip_ask *ask,
			const char *method)
{
	cv__sip_caller__init(&c->m);
	addr_of(ask->ip ? ask->ip : NET(192, 0, 2, 77), c->ip, &c->source);
	addr_of(NET(192, 0, 2, 1), c->own, &c->local);
	c->m.source = &c->source;
	c->m.local = &c->local;
	c->m.transport = ask->udp ? CV__SIP_TRANSPORT__SIP_UDP :
				    CV__SIP_TRANSPORT__SIP_TLS;
	c->m.from_uri = text(ask->from ? ask->from :
			     "sip:caller@example.org");
	c->m.from_name = text("Room system");
	c->m.user_agent = text(ask->agent ? ask->agent : "kit/1");
	c->m.call_id = text("abc");
	c->m.proven = !ask->udp || ask->user;
	c->m.flow = ask->flow;
	c->m.cert_names = text(ask->cert ? ask->cert : "");
	c->m.trunk = text(ask->trunk ? ask->trunk : "");
	c->m.asserted = text(ask->asserted ? ask->asserted : "");
	if (ask->user)
		fill_auth(c, ask, method);
}

static void section(Cv__Section *s, Cv__MediaKind kind, Cv__Codec *codec,
		    Cv__Codec **list, Cv__CodecName name, Cv__SdesKey *key,
		    Cv__SdesKey **keys)
{
	static const uint8_t secret[30] = {1};

	cv__section__init(s);
	cv__codec__init(codec);
	cv__sdes_key__init(key);
	key->tag = 1;
	key->suite = CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80;
	key->key_salt = ipc_data(span_of(secret, sizeof(secret)));
	codec->name = name;
	codec->pt = 96;
	*list = codec;
	*keys = key;
	s->kind = kind;
	s->direction = CV__DIRECTION__DIR_SENDRECV;
	s->codecs = list;
	s->n_codecs = 1;
	s->sdes = keys;
	s->n_sdes = 1;
	s->profile = CV__RTP_PROFILE__PROFILE_SAVP;
}

void sip_invite(struct kit *k, uint64_t call, const struct sip_ask *ask)
{
	Cv__SipInvite m = CV__SIP_INVITE__INIT;
	Cv__LegDescription d = CV__LEG_DESCRIPTION__INIT;
	Cv__Section s[2], *sections[2] = {&s[0], &s[1]};
	Cv__Codec codec[2], *codecs[2];
	Cv__SdesKey key[2], *keys[2];
	const char *alias = ask->alias ? ask->alias : "demo@192.0.2.1";
	struct caller c;

	section(&s[0], CV__MEDIA_KIND__KIND_AUDIO, &codec[0], &codecs[0],
		CV__CODEC_NAME__CODEC_OPUS, &key[0], &keys[0]);
	section(&s[1], CV__MEDIA_KIND__KIND_VIDEO, &codec[1], &codecs[1],
		CV__CODEC_NAME__CODEC_H264, &key[1], &keys[1]);
	d.sections = sections;
	d.n_sections = 2;
	fill_caller(&c, ask, "INVITE");
	m.call = call;
	m.caller = &c.m;
	m.alias = text(alias);
	m.request_uri = text(alias);
	m.replaces = ask->replaces;
	m.replaced = ask->replaced;
	m.has_offer = !ask->no_offer;
	m.offer = ask->no_offer ? NULL : &d;
	assert_int_equal(KIT_SEND(k, SIP, SIP_INVITE, &m), 0);
}

Cv__SipVerdict *sip_verdict(struct kit *k, uint64_t call)
{
	for (;;) {
		Cv__SipVerdict *v = kit_wait(k, KIT_SIP, IPC_SIP_VERDICT);

		if (v->call == call)
			return v;
		kit_free(v);
	}
}

Cv__SipDecision sip_decision(struct kit *k, uint64_t call, uint32_t *status)
{
	Cv__SipVerdict *v = sip_verdict(k, call);
	const Cv__SipDecision d = v->decision;

	if (status)
		*status = v->status;
	kit_free(v);
	return d;
}

Cv__SipHangup *sip_hangup(struct kit *k, uint64_t call)
{
	for (;;) {
		Cv__SipHangup *h = kit_wait(k, KIT_SIP, IPC_SIP_HANGUP);

		if (h->call == call)
			return h;
		kit_free(h);
	}
}

void sip_digits(struct kit *k, uint64_t call, const char *digits)
{
	for (; *digits; digits++) {
		Cv__SipInfo m = CV__SIP_INFO__INIT;

		m.call = call;
		m.kind = CV__SIP_INFO_KIND__SIP_INFO_DTMF;
		m.digit = *digits == '*' ? 10 : *digits == '#' ? 11 :
			  (uint32_t)(*digits - '0');
		assert_int_equal(KIT_SEND(k, SIP, SIP_INFO, &m), 0);
	}
}

void sip_bye(struct kit *k, uint64_t call)
{
	Cv__SipEnded m = CV__SIP_ENDED__INIT;

	m.call = call;
	assert_int_equal(KIT_SEND(k, SIP, SIP_ENDED, &m), 0);
}

void sip_expect(struct kit *k, const char *field, const char *value)
{
	const uint64_t end = clock_mono_ns() + KIT_WAIT_MS * NS_PER_MS;

	for (;;) {
		Cv__CliReply *r = kit_cli(k, "sip", "calls", NULL);
		const bool ok = !*value ? r->n_rows == 0 : r->n_rows == 1 &&
			span_eq(entry_field_of(r->rows[0], field),
				span_str(value));

		kit_free(r);
		if (ok)
			return;
		if (clock_mono_ns() > end)
			fail_msg("%s never was %s", field, value);
	}
}

void sip_device(struct kit *k, const char *alias, const char *user,
		const char *password, const char *more, const char *value)
{
	const char *const f[] = {
		"alias", alias, "username", user, "password", password,
		"enable_sip", "true", more, value, NULL, NULL};

	entry_cli_ok(k, "create", "device", f);
}

Cv__SipRegistered *sip_register_as(struct kit *k, const struct sip_ask *ask,
				   const char *contact, uint32_t expires)
{
	Cv__SipRegister m = CV__SIP_REGISTER__INIT;
	struct caller c;

	fill_caller(&c, ask, "REGISTER");
	m.req = ++k->req;
	m.caller = &c.m;
	m.alias = text(ask->from);
	m.contact = text(contact);
	m.fetch = !contact;
	m.expires_s = expires;
	assert_int_equal(KIT_SEND(k, SIP, SIP_REGISTER, &m), 0);
	return kit_wait(k, KIT_SIP, IPC_SIP_REGISTERED);
}
