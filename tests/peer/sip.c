#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "sip.h"

static const struct {
	const char *name;
	const char *compact;
} forms[] = {
	{"via", "v"}, {"from", "f"}, {"to", "t"}, {"call-id", "i"},
	{"contact", "m"}, {"content-length", "l"}, {"content-type", "c"},
	{"supported", "k"}, {"subject", "s"}, {"refer-to", "r"},
};

static bool is_name(const char *line, const char *name, const char **value)
{
	size_t n = strcspn(line, ": \t");
	const char *colon = line + n + strspn(line + n, " \t");

	if (*colon != ':' || n != strlen(name) || strncasecmp(line, name, n))
		return false;
	*value = colon + 1 + strspn(colon + 1, " \t");
	return true;
}

static const char *compact(const char *name)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcasecmp(forms[i].name, name) == 0)
			return forms[i].compact;
	return name;
}

const char *sip_line(const struct sip_msg *m, const char *name, unsigned nth)
{
	const char *at = m->first + strlen(m->first) + 2, *value;

	for (; at < m->text + m->head; at += strlen(at) + 2)
		if ((is_name(at, name, &value) ||
		     is_name(at, compact(name), &value)) && nth-- == 0)
			return value;
	return NULL;
}

static const char *end_of_head(const char *p, size_t n)
{
	for (size_t i = 0; i + 4 <= n; i++)
		if (memcmp(p + i, "\r\n\r\n", 4) == 0)
			return p + i + 4;
	return NULL;
}

size_t sip_frame(const char *p, size_t n)
{
	const char *end = end_of_head(p, n);
	size_t body = 0;

	if (!end)
		return 0;
	for (const char *l = p; l < end - 2;) {
		if (strncasecmp(l, "content-length:", 15) == 0)
			body = strtoul(l + 15, NULL, 10);
		if (strncasecmp(l, "l:", 2) == 0)
			body = strtoul(l + 2, NULL, 10);
		while (memcmp(l, "\r\n", 2) != 0)
			l++;
		l += 2;
	}
	body += (size_t)(end - p);
	return body <= n ? body : 0;
}

static bool first_line(struct sip_msg *m)
{
	char method[24];

	if (sscanf(m->first, "SIP/2.0 %u", &m->code) == 1)
		return m->code >= 100 && m->code < 700;
	m->is_request = true;
	return sscanf(m->first, "%23s %*s SIP/2.0", method) == 1;
}

const char *sip_read(struct sip_msg *m, char *p, size_t n)
{
	const char *end = end_of_head(p, n), *cseq;

	*m = (struct sip_msg){.text = p, .first = p};
	if (!end)
		return "no end of a message's head";
	m->head = (size_t)(end - p) - 2;
	m->body = end;
	m->n_body = n - (size_t)(end - p);
	p[n] = 0;
	for (size_t i = 0; i + 1 < m->head; i++)
		if (memcmp(p + i, "\r\n", 2) == 0)
			p[i] = p[i + 1] = 0;
	if (!first_line(m))
		return "a first line that is none";
	cseq = sip_line(m, "CSeq", 0);
	if (!cseq || sscanf(cseq, "%u %23s", &m->cseq, m->method) != 2)
		return "no CSeq";
	if (!sip_line(m, "Via", 0) || !sip_line(m, "From", 0) ||
	    !sip_line(m, "To", 0) || !sip_line(m, "Call-ID", 0))
		return "a line that every message has is missing";
	return NULL;
}

bool sip_param(const char *value, const char *key, char *out, size_t size)
{
	size_t k = strlen(key), n;

	for (const char *at = value; (at = strcasestr(at, key)); at += k) {
		const char *v = at + k + 1;

		if (at[k] != '=' || (at > value && !strchr(" ,;\t", at[-1])))
			continue;
		if (*v == '"') {
			v++;
			n = strcspn(v, "\"");
		} else {
			n = strcspn(v, " ,;>\t");
		}
		if (n >= size)
			return false;
		memcpy(out, v, n);
		out[n] = 0;
		return true;
	}
	return false;
}

/* --- digest ------------------------------------------------------------ */

static void hash(const EVP_MD *md, char hex[65], const char *text)
{
	unsigned char d[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	EVP_Digest(text, strlen(text), d, &n, md, NULL);
	for (unsigned i = 0; i < n && i < 32; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", d[i]);
}

void sip_digest(char *out, size_t size, const char *challenge,
		const char *method, const char *uri, const char *user,
		const char *pass)
{
	char realm[256], nonce[512], alg[32] = "MD5", text[1024];
	char a1[65], a2[65], answer[65], opaque[256];
	const EVP_MD *md;
	uint32_t c;

	out[0] = 0;
	(void)sip_param(challenge, "algorithm", alg, sizeof(alg));
	md = strcasecmp(alg, "SHA-256") == 0 ? EVP_sha256()
	     : strcasecmp(alg, "MD5") == 0 ? EVP_md5() : NULL;
	if (!md || strncasecmp(challenge, "Digest ", 7) != 0 ||
	    !sip_param(challenge, "realm", realm, sizeof(realm)) ||
	    !sip_param(challenge, "nonce", nonce, sizeof(nonce)))
		return;
	RAND_bytes((unsigned char *)&c, sizeof(c));
	(void)snprintf(text, sizeof(text), "%s:%s:%s", user, realm, pass);
	hash(md, a1, text);
	(void)snprintf(text, sizeof(text), "%s:%s", method, uri);
	hash(md, a2, text);
	(void)snprintf(text, sizeof(text), "%s:%s:00000001:%08x:auth:%s", a1,
		       nonce, c, a2);
	hash(md, answer, text);
	if (!sip_param(challenge, "opaque", opaque, sizeof(opaque)))
		opaque[0] = 0;
	(void)snprintf(out, size, "Digest username=\"%s\", realm=\"%s\", "
		       "nonce=\"%s\", uri=\"%s\", response=\"%s\", "
		       "algorithm=%s, cnonce=\"%08x\", qop=auth, nc=00000001"
		       "%s%s%s", user, realm, nonce, uri, answer, alg, c,
		       opaque[0] ? ", opaque=\"" : "", opaque,
		       opaque[0] ? "\"" : "");
}
