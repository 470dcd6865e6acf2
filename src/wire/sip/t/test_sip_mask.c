/* What an operator is shown of a message: no secret, whatever it is called. */
#include <stdio.h>
#include "wire/sip/mask.h"
#include "wire/t/test_help.h"

enum { CAP = 1200 };

struct fixture {
	char text[CAP + 1];
	struct span call_id;
};

static int setup(void **state)
{
	static struct fixture f;

	*state = &f;
	return 0;
}

static const char *mask(struct fixture *f, const char *message)
{
	const size_t n = sip_mask((uint8_t *)f->text, CAP, span_str(message),
				  &f->call_id);

	f->text[n] = 0;
	return f->text;
}

static void test_sip_mask__shows_where_a_message_goes(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(mask(f,
		"INVITE sip:board@example.org SIP/2.0\r\n"
		"v: SIP/2.0/TLS 192.0.2.7;branch=z9hG4bKabc\r\n"
		"Max-Forwards: 70\r\n"
		"From: \"Desk\" <sip:desk@example.org>;tag=123456789\r\n"
		"i: abc@192.0.2.7\r\nCSeq: 1 INVITE\r\n"
		"Warning: 399 - \"0123456789abcdef\"\r\n"
		"Content-Length: 0\r\n\r\n"),
		"INVITE sip:board@example.org SIP/2.0\n"
		"Via: SIP/2.0/TLS 192.0.2.7;branch=z9hG4bKabc\n"
		"From: \"Desk\" <sip:desk@example.org>;tag=1234***\n"
		"Call-ID: abc@192.0.2.7\nCSeq: 1 INVITE\n"
		"Warning: 399 - \"0123456789abcdef\"\n"
		"Content-Length: 0\n");
	assert_true(span_eq(f->call_id, SPAN_LIT("abc@192.0.2.7")));
}

static void test_sip_mask__hides_what_proves_something(void **state)
{
	static const char *const messages[] = {
		"R sip:desk:SECRET@h SIP/2.0\r\n\r\n",
		"R sips:desk:SECRET@h;x=1 SIP/2.0\r\n\r\n",
		"R sip:h SIP/2.0\r\nContact: <sip:a:SECRET@h:5061>\r\n\r\n",
		"R sip:h SIP/2.0\r\nAuthorization: Digest username=\"desk\", "
		"realm=\"r\", nonce=\"SECRET\", uri=\"sip:h\", "
		"response=\"SECRET\", cnonce=\"SECRET\"\r\n\r\n",
		"R sip:h SIP/2.0\r\nProxy-Authorization: Basic SECRET\r\n\r\n",
		"SIP/2.0 401 No\r\nWWW-Authenticate: Digest nonce=SECRET\r\n"
		"\r\n",
		"R sip:h SIP/2.0\r\nX-Room-Pin: SECRET\r\n\r\n",
		"R sip:h SIP/2.0\r\nX-Fold: a\r\n SECRET\r\n\r\n",
		"R sip:h SIP/2.0\r\nTo: <sip:a@h>;tag=abcdSECRET\r\n\r\n",
		"R sip:h SIP/2.0\r\nTo: <sip:a@h> ; TAG = abcdSECRET\r\n\r\n",
		"R sip:h SIP/2.0\r\nTo: <sip:a@h;pin=\"1 SECRET\">\r\n\r\n",
		"R sip:h SIP/2.0\r\nTo: <sip:a@h;password=SECRET>\r\n\r\n",
		"R sip:h SIP/2.0\r\nTo: <sip:a@h?Replaces=SECRET>\r\n\r\n",
		"R sip:h SIP/2.0\r\nRefer-To: <sip:a@h;SECRET>\r\n\r\n",
		"R sip:h SIP/2.0\r\nReplaces: a;from-tag=SECRET\r\n\r\n",
		"R sip:h SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n"
		"\r\nSignal=SECRET\r\n",
		"R sip:h SIP/2.0\r\nc: application/sdp\r\n\r\nv=0\r\n"
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRET\r\n"
		"a=ice-pwd:SECRET\r\ni=SECRET\r\nk=clear:SECRET\r\n"
		"m=audio 4000 RTP/SAVP SECRET\r\n",
	};

	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++)
		if (strstr(mask(*state, messages[i]), "SECRET"))
			fail_msg("%s", ((struct fixture *)*state)->text);
}

/* The place where a secret begins may stand far before its end. */
static void test_sip_mask__a_cut_shows_nothing_more(void **state)
{
	char text[8000];
	int n = snprintf(text, sizeof(text), "R sip:a:");

	for (int i = 0; i < 700; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "SECRET");
	(void)snprintf(text + n, sizeof(text) - (size_t)n,
		       "@h SIP/2.0\r\n\r\n");
	assert_null(strstr(mask(*state, text), "SECRETSECRET"));
}

static void test_sip_mask__names_the_user_and_the_shape(void **state)
{
	const char *text = mask(*state,
		"INVITE sip:h SIP/2.0\r\nAuthorization: Digest algorithm="
		"SHA-256, username=\"desk\", realm=\"conclave\", response=\"x"
		"\"\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"
		"c=IN IP4 192.0.2.7\r\nm=audio 4000 RTP/SAVP 0 8\r\n"
		"a=crypto:1 x\r\na=crypto:2 y\r\na=sendonly\r\n");

	assert_string_equal(text, "INVITE sip:h SIP/2.0\nAuthorization: "
		"Digest username=\"desk\" realm=\"conclave\" "
		"algorithm=SHA-256 ***\nContent-Type: application/sdp\nsdp: "
		"c=IN IP4 192.0.2.7 m=audio 4000 RTP/SAVP crypto*2 "
		"sendonly*1\n");
}

static void test_sip_mask__leaves_out_whole_lines(void **state)
{
	struct fixture *f = *state;
	char text[SIP_MASK_TEXT_MIN + 1];
	struct span id;
	size_t n = sip_mask((uint8_t *)text, SIP_MASK_TEXT_MIN, span_str(
		"OPTIONS sip:h SIP/2.0\r\nServer: a\r\nUser-Agent: "
		"0123456789012345678901234567890123456789\r\n\r\n"), &id);

	(void)f;
	text[n] = 0;
	assert_string_equal(text,
			    "OPTIONS sip:h SIP/2.0\nServer: a\n...\n");
	assert_int_equal(sip_mask((uint8_t *)text, 10, SPAN_LIT("x"), &id), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(test_sip_mask__##name, setup)
	const struct CMUnitTest tests[] = {
		T(shows_where_a_message_goes), T(hides_what_proves_something),
		T(a_cut_shows_nothing_more), T(names_the_user_and_the_shape),
		T(leaves_out_whole_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
