/* Bytes over fake connections into the whole face, with a fake core that
 * answers whatever comes. Input: records of one byte (where it comes from, and
 * what core does next), two bytes of length, and that many bytes. Property: no
 * crash, no leak, nothing is sent to an address that sent nothing. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "sip/t/fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RUNS = 1024 };

static struct fake k;

static void judge(uint8_t how)
{
	Cv__LegDescription leg = CV__LEG_DESCRIPTION__INIT;

	for (size_t i = 0; i < k.n_told; i++) {
		Cv__SipVerdict v = CV__SIP_VERDICT__INIT;
		Cv__SipOfferReply o = CV__SIP_OFFER_REPLY__INIT;
		Cv__SipRegistered r = CV__SIP_REGISTERED__INIT;
		const void *m = k.told[i].m;

		if (!m)
			continue;
		v.answer = o.answer = &leg;
		if (k.told[i].type == IPC_SIP_INVITE) {
			v.call = ((const Cv__SipInvite *)m)->call;
			v.decision = (Cv__SipDecision)(how % 5);
			v.status = how & 16 ? 486 : 0;
			fake_core(&k, IPC_SIP_VERDICT, &v.base);
		} else if (k.told[i].type == IPC_SIP_OFFER) {
			o.call = ((const Cv__SipOffer *)m)->call;
			o.req = ((const Cv__SipOffer *)m)->req;
			o.ok = how & 1;
			fake_core(&k, IPC_SIP_OFFER_REPLY, &o.base);
		} else if (k.told[i].type == IPC_SIP_REGISTER) {
			r.req = ((const Cv__SipRegister *)m)->req;
			r.outcome = (Cv__SipRegOutcome)(how % 5);
			fake_core(&k, IPC_SIP_REGISTERED, &r.base);
		}
	}
}

static void check_sent(void)
{
	for (size_t i = 0; i < k.n_sent; i++)
		assert(k.sent[i].to.flow == k.tls.flow ||
		       addr_ip_eq(&k.sent[i].to.source, &k.peer.source));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned runs;

	/* Its tables are large: one face serves many inputs, and forgets in
	 * between what was going on. */
	if (runs++ % RUNS == 0) {
		fake_release(&k);
		if (fake_init(&k) < 0)
			abort();
	}
	while (size >= 3) {
		uint8_t how = data[0];
		size_t n = (size_t)data[1] << 8 | data[2];

		data += 3;
		size -= 3;
		n = n < size ? n : size;
		if (how & 128)
			face_message(k.face, &k.tls, span_of(data, n),
				     k.now_ns);
		else
			face_datagram(k.face, &k.peer, span_of(data, n),
				      k.now_ns);
		judge(how);
		check_sent();
		fake_forget(&k);
		if (how & 64)
			fake_run(&k, 600);
		data += n;
		size -= n;
	}
	check_sent();
	face_core_up(k.face, false, k.now_ns);
	/* Those that wait for an ACK have a minute, then their BYE. */
	k.now_ns += 60 * NS_PER_S;
	fake_run(&k, 10);
	assert(face_calls(k.face) == 0);
	face_core_up(k.face, true, k.now_ns);
	fake_forget(&k);
	return 0;
}
