#include "media/transport/srtp_int.h"
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include "base/alloc.h"
#include "base/secret.h"

enum {
	RTP_HEADER_LEN = 12,
	RTCP_HEADER_LEN = 8,
	GCM_TAG_LEN = 16,
	GCM_IV_LEN = 12,
	HMAC_TAG_LEN = 10,
	HMAC_SHORT_TAG_LEN = 4,		/* RTP only */
	RTCP_INDEX_LEN = 4,
	CM_SALT_LEN = 14,
};

/* RFC 3711 9.2: at most 2^48 RTP and 2^31 RTCP packets under one key. */
#define RTP_INDEX_END (UINT64_C(1) << 48)
#define RTCP_INDEX_MAX UINT32_C(0x7fffffff)

#define RTCP_ENCRYPTED UINT32_C(0x80000000)

struct srtp_env {
	EVP_CIPHER *ctr128, *ctr256;
	EVP_CIPHER *gcm128, *gcm256;
	EVP_MAC *hmac;
};

struct window {
	uint64_t top;			/* highest index accepted */
	bool any;
	uint64_t bits[SRTP_WINDOW_BITS / 64];	/* ring, bit = index mod size */
};

struct small_window {
	uint32_t top;
	bool any;
	uint64_t bits[SRTCP_WINDOW_BITS / 64];
};

struct source {
	uint32_t ssrc;
	struct window rtp;
	struct small_window rtcp;
};

struct half {				/* RTP or RTCP */
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac;		/* NULL for AEAD */
	uint8_t salt[CM_SALT_LEN];
};

struct srtp {
	enum srtp_dir dir;
	bool aead;
	size_t rtp_tag, rtcp_tag;	/* bytes */
	struct half rtp, rtcp;
	uint32_t rtcp_index;		/* sender: last used */
	struct srtp_stats stats;
	size_t n_sources;
	struct source sources[SRTP_SSRCS_MAX];
};

static const struct profile {
	enum srtp_profile id;
	size_t key, salt;
	bool aead;
	size_t rtp_tag, rtcp_tag;
} profiles[] = {
	{SRTP_AES128_CM_SHA1_80, 16, 14, false, HMAC_TAG_LEN, HMAC_TAG_LEN},
	{SRTP_AES128_CM_SHA1_32, 16, 14, false, HMAC_SHORT_TAG_LEN,
	 HMAC_TAG_LEN},
	{SRTP_AES256_CM_SHA1_80, 32, 14, false, HMAC_TAG_LEN, HMAC_TAG_LEN},
	{SRTP_AEAD_AES_128_GCM, 16, 12, true, GCM_TAG_LEN, GCM_TAG_LEN},
	{SRTP_AEAD_AES_256_GCM, 32, 12, true, GCM_TAG_LEN, GCM_TAG_LEN},
};

static const struct profile *profile_of(enum srtp_profile p)
{
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (profiles[i].id == p)
			return &profiles[i];
	return NULL;
}

int srtp_profile_lengths(enum srtp_profile p, size_t *key, size_t *salt)
{
	const struct profile *pr = profile_of(p);

	if (!pr)
		return E_UNSUPPORTED;
	*key = pr->key;
	*salt = pr->salt;
	return 0;
}

int srtp_env_new(struct srtp_env **out)
{
	struct srtp_env *e = mem_zalloc(sizeof(*e));

	if (!e)
		return E_NOMEM;
	e->ctr128 = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
	e->ctr256 = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
	e->gcm128 = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	e->gcm256 = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	e->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (!e->ctr128 || !e->ctr256 || !e->gcm128 || !e->gcm256 || !e->hmac) {
		srtp_env_free(&e);
		return E_CRYPTO;
	}
	*out = e;
	return 0;
}

void srtp_env_free(struct srtp_env **env)
{
	struct srtp_env *e = *env;

	if (!e)
		return;
	EVP_CIPHER_free(e->ctr128);
	EVP_CIPHER_free(e->ctr256);
	EVP_CIPHER_free(e->gcm128);
	EVP_CIPHER_free(e->gcm256);
	EVP_MAC_free(e->hmac);
	mem_free(e);
	*env = NULL;
}

static void put_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put_u32(uint8_t *p, uint32_t v)
{
	put_u16(p, (uint16_t)(v >> 16));
	put_u16(p + 2, (uint16_t)v);
}

static uint16_t get_u16(const uint8_t *p)
{
	return (uint16_t)((p[0] << 8) | p[1]);
}

static uint32_t get_u32(const uint8_t *p)
{
	return ((uint32_t)get_u16(p) << 16) | get_u16(p + 2);
}

/* RFC 3711 4.3.3 with a key derivation rate of 0; RFC 6188 3 and RFC 7714 11
 * for the 256 bit key; a salt of 96 bits is padded on the right. */
int srtp_derive(const struct srtp_env *env, struct span key, struct span salt,
		uint8_t label, uint8_t *out, size_t n)
{
	const EVP_CIPHER *c = key.n == 32 ? env->ctr256 : env->ctr128;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t iv[16] = {0};
	int r = E_CRYPTO;
	int done;

	if (!ctx)
		return E_NOMEM;
	memcpy(iv, salt.p, salt.n);
	iv[7] ^= label;
	memset(out, 0, n);
	if (EVP_EncryptInit_ex2(ctx, c, key.p, iv, NULL) == 1 &&
	    EVP_EncryptUpdate(ctx, out, &done, out, (int)n) == 1 &&
	    done == (int)n)
		r = 0;
	EVP_CIPHER_CTX_free(ctx);
	return r;
}

static int half_mac(struct half *h, const struct srtp_env *env,
		    const uint8_t *key, size_t n)
{
	char sha1[] = "SHA1";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha1, 0),
		OSSL_PARAM_construct_end(),
	};

	h->mac = EVP_MAC_CTX_new(env->hmac);
	if (!h->mac)
		return E_NOMEM;
	return EVP_MAC_init(h->mac, key, n, params) == 1 ? 0 : E_CRYPTO;
}

static int half_init(struct half *h, const struct srtp_env *env,
		     const struct srtp *s, const struct profile *p,
		     const struct srtp_session *keys)
{
	const EVP_CIPHER *c = p->key == 32 ? env->ctr256 : env->ctr128;

	if (p->aead)
		c = p->key == 32 ? env->gcm256 : env->gcm128;
	memcpy(h->salt, keys->salt, p->salt);
	h->cipher = EVP_CIPHER_CTX_new();
	if (!h->cipher)
		return E_NOMEM;
	/* counter mode encrypts both ways */
	if (EVP_CipherInit_ex2(h->cipher, c, keys->key, NULL,
			       s->dir == SRTP_SEND || !p->aead, NULL) != 1)
		return E_CRYPTO;
	return p->aead ? 0 : half_mac(h, env, keys->auth, SRTP_AUTH_LEN);
}

int srtp_new_session(struct srtp **out, const struct srtp_env *env,
		     enum srtp_profile p, enum srtp_dir dir,
		     const struct srtp_session *rtp,
		     const struct srtp_session *rtcp)
{
	const struct profile *pr = profile_of(p);
	struct srtp *s;
	int r;

	if (!pr)
		return E_UNSUPPORTED;
	s = mem_zalloc(sizeof(*s));
	if (!s)
		return E_NOMEM;
	s->dir = dir;
	s->aead = pr->aead;
	s->rtp_tag = pr->rtp_tag;
	s->rtcp_tag = pr->rtcp_tag;
	r = half_init(&s->rtp, env, s, pr, rtp);
	if (r == 0)
		r = half_init(&s->rtcp, env, s, pr, rtcp);
	if (r < 0) {
		srtp_free(&s);
		return r;
	}
	*out = s;
	return 0;
}

void srtp_set_rtcp_index(struct srtp *s, uint32_t index)
{
	s->rtcp_index = index;
}

static int session_derive(struct srtp_session *out, const struct srtp_env *env,
			  struct span key, struct span salt, uint8_t label)
{
	int r = srtp_derive(env, key, salt, label, out->key, key.n);

	if (r == 0)
		r = srtp_derive(env, key, salt,
				(uint8_t)(label + SRTP_LABEL_RTP_AUTH),
				out->auth, sizeof(out->auth));
	if (r == 0)
		r = srtp_derive(env, key, salt,
				(uint8_t)(label + SRTP_LABEL_RTP_SALT),
				out->salt, salt.n);
	return r;
}

int srtp_new(struct srtp **out, const struct srtp_env *env,
	     enum srtp_profile p, enum srtp_dir dir, struct span key,
	     struct span salt)
{
	struct srtp_session keys[2];
	size_t key_n, salt_n;
	int r = srtp_profile_lengths(p, &key_n, &salt_n);

	if (r < 0)
		return r;
	if (key.n != key_n || salt.n != salt_n)
		return E_INVAL;
	r = session_derive(&keys[0], env, key, salt, SRTP_LABEL_RTP_KEY);
	if (r == 0)
		r = session_derive(&keys[1], env, key, salt,
				   SRTP_LABEL_RTCP_KEY);
	if (r == 0)
		r = srtp_new_session(out, env, p, dir, &keys[0], &keys[1]);
	secret_wipe(keys, sizeof(keys));
	return r;
}

void srtp_free(struct srtp **sp)
{
	struct srtp *s = *sp;

	if (!s)
		return;
	EVP_CIPHER_CTX_free(s->rtp.cipher);
	EVP_CIPHER_CTX_free(s->rtcp.cipher);
	EVP_MAC_CTX_free(s->rtp.mac);
	EVP_MAC_CTX_free(s->rtcp.mac);
	secret_wipe(s, sizeof(*s));
	mem_free(s);
	*sp = NULL;
}

void srtp_get_stats(const struct srtp *s, struct srtp_stats *out)
{
	*out = s->stats;
}

static struct source *source_find(struct srtp *s, uint32_t ssrc)
{
	for (size_t i = 0; i < s->n_sources; i++)
		if (s->sources[i].ssrc == ssrc)
			return &s->sources[i];
	return NULL;
}

static struct source *source_add(struct srtp *s, uint32_t ssrc)
{
	struct source *src;

	if (s->n_sources == SRTP_SSRCS_MAX) {
		s->stats.ssrc_full++;
		return NULL;
	}
	src = &s->sources[s->n_sources++];
	*src = (struct source){.ssrc = ssrc};
	return src;
}

int srtp_set_roc(struct srtp *s, uint32_t ssrc, uint32_t roc, uint16_t seq)
{
	struct source *src = source_find(s, ssrc);

	if (!src)
		src = source_add(s, ssrc);
	if (!src)
		return E_FULL;
	src->rtp = (struct window){.top = (uint64_t)roc << 16 | seq,
				   .any = true};
	return 0;
}

/* Header with CSRCs and extension, or 0 when it does not fit. */
static size_t rtp_header_len(const uint8_t *p, size_t len)
{
	size_t n = RTP_HEADER_LEN;

	if (len < n || p[0] >> 6 != 2)
		return 0;
	n += (size_t)(p[0] & 15) * 4;
	if (p[0] & 0x10) {
		if (len < n + 4)
			return 0;
		n += 4 + (size_t)get_u16(p + n + 2) * 4;
	}
	return n <= len ? n : 0;
}

/* --- replay ------------------------------------------------------------ */

static bool window_seen(const struct window *w, uint64_t i)
{
	if (!w->any || i > w->top)
		return false;
	if (w->top - i >= SRTP_WINDOW_BITS)
		return true;
	return w->bits[i / 64 % (SRTP_WINDOW_BITS / 64)] >> (i % 64) & 1;
}

static void window_mark(struct window *w, uint64_t i)
{
	if (!w->any || i > w->top) {
		if (!w->any || i - w->top >= SRTP_WINDOW_BITS) {
			memset(w->bits, 0, sizeof(w->bits));
		} else {
			for (uint64_t k = w->top + 1; k < i; k++)
				w->bits[k / 64 % (SRTP_WINDOW_BITS / 64)] &=
					~(UINT64_C(1) << (k % 64));
		}
		w->top = i;
		w->any = true;
	}
	w->bits[i / 64 % (SRTP_WINDOW_BITS / 64)] |= UINT64_C(1) << (i % 64);
}

static bool small_seen(const struct small_window *w, uint32_t i)
{
	if (!w->any || i > w->top)
		return false;
	if (w->top - i >= SRTCP_WINDOW_BITS)
		return true;
	return w->bits[i / 64 % (SRTCP_WINDOW_BITS / 64)] >> (i % 64) & 1;
}

static void small_mark(struct small_window *w, uint32_t i)
{
	if (!w->any || i > w->top) {
		if (!w->any || i - w->top >= SRTCP_WINDOW_BITS) {
			memset(w->bits, 0, sizeof(w->bits));
		} else {
			for (uint32_t k = w->top + 1; k < i; k++)
				w->bits[k / 64 % (SRTCP_WINDOW_BITS / 64)] &=
					~(UINT64_C(1) << (k % 64));
		}
		w->top = i;
		w->any = true;
	}
	w->bits[i / 64 % (SRTCP_WINDOW_BITS / 64)] |= UINT64_C(1) << (i % 64);
}

/* RFC 3711 3.3.1: the index nearest to the highest one. E_REPLAY for one
 * before the first turn or past the key's life. */
static int estimate(const struct window *w, uint16_t seq, uint64_t *out)
{
	uint64_t roc = w->top >> 16;
	uint16_t last = (uint16_t)w->top;

	if (!w->any) {
		*out = seq;
		return 0;
	}
	if (last < 0x8000 && seq > last && seq - last > 0x8000) {
		if (roc == 0)
			return E_REPLAY;
		roc--;
	} else if (last >= 0x8000 && seq < last - 0x8000) {
		roc++;
		if (roc > UINT32_MAX)
			return E_REPLAY;
	}
	*out = roc << 16 | seq;
	return 0;
}

/* The sender's next index: larger than the last, by less than half a turn. */
static int advance(struct window *w, uint16_t seq, uint64_t *out)
{
	uint16_t step = (uint16_t)(seq - (uint16_t)w->top);

	if (!w->any) {
		*out = seq;
		return 0;
	}
	if (step == 0 || step >= 0x8000)
		return E_REPLAY;
	if (w->top + step >= RTP_INDEX_END)
		return E_REPLAY;
	*out = w->top + step;
	return 0;
}

/* --- ciphers ----------------------------------------------------------- */

/* RFC 3711 4.1.1. */
static int cm_crypt(const struct half *h, uint32_t ssrc, uint64_t index,
		    uint8_t *p, size_t n)
{
	uint8_t iv[16] = {0};
	int done;

	memcpy(iv, h->salt, CM_SALT_LEN);
	for (int i = 0; i < 4; i++)
		iv[4 + i] ^= (uint8_t)(ssrc >> (24 - 8 * i));
	for (int i = 0; i < 6; i++)
		iv[8 + i] ^= (uint8_t)(index >> (40 - 8 * i));
	if (EVP_EncryptInit_ex2(h->cipher, NULL, NULL, iv, NULL) != 1 ||
	    EVP_EncryptUpdate(h->cipher, p, &done, p, (int)n) != 1)
		return E_CRYPTO;
	return 0;
}

/* RFC 3711 4.2: over the packet and, for RTP, the roll-over counter. */
static int cm_tag(const struct half *h, const uint8_t *p, size_t n,
		  const uint8_t *roc, uint8_t tag[20])
{
	size_t tag_n;

	if (EVP_MAC_init(h->mac, NULL, 0, NULL) != 1 ||
	    EVP_MAC_update(h->mac, p, n) != 1 ||
	    (roc && EVP_MAC_update(h->mac, roc, 4) != 1) ||
	    EVP_MAC_final(h->mac, tag, &tag_n, 20) != 1)
		return E_CRYPTO;
	return 0;
}

/* RFC 7714 8.1; for RTCP 9.1 the index stands where ROC and SEQ do. */
static void gcm_iv(const struct half *h, uint32_t ssrc, uint64_t index,
		   uint8_t iv[GCM_IV_LEN])
{
	memcpy(iv, h->salt, GCM_IV_LEN);
	for (int i = 0; i < 4; i++)
		iv[2 + i] ^= (uint8_t)(ssrc >> (24 - 8 * i));
	for (int i = 0; i < 6; i++)
		iv[6 + i] ^= (uint8_t)(index >> (40 - 8 * i));
}

struct aad {
	const uint8_t *a, *b;		/* b: the SRTCP index word, or NULL */
	size_t a_n;
};

static int gcm_start(const struct half *h, const uint8_t iv[GCM_IV_LEN],
		     struct aad aad)
{
	int done;

	if (EVP_CipherInit_ex2(h->cipher, NULL, NULL, iv, -1, NULL) != 1 ||
	    EVP_CipherUpdate(h->cipher, NULL, &done, aad.a,
			     (int)aad.a_n) != 1)
		return E_CRYPTO;
	if (aad.b && EVP_CipherUpdate(h->cipher, NULL, &done, aad.b, 4) != 1)
		return E_CRYPTO;
	return 0;
}

static int gcm_seal(const struct half *h, const uint8_t iv[GCM_IV_LEN],
		    struct aad aad, uint8_t *p, size_t n)
{
	int done;

	if (gcm_start(h, iv, aad) < 0 ||
	    EVP_CipherUpdate(h->cipher, p, &done, p, (int)n) != 1 ||
	    EVP_CipherFinal_ex(h->cipher, p + n, &done) != 1 ||
	    EVP_CIPHER_CTX_ctrl(h->cipher, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_LEN,
				p + n) != 1)
		return E_CRYPTO;
	return 0;
}

/* The tag stands behind the n bytes. */
static int gcm_open(const struct half *h, const uint8_t iv[GCM_IV_LEN],
		    struct aad aad, uint8_t *p, size_t n)
{
	uint8_t none[16];
	int done;

	if (gcm_start(h, iv, aad) < 0 ||
	    EVP_CIPHER_CTX_ctrl(h->cipher, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_LEN,
				p + n) != 1 ||
	    EVP_CipherUpdate(h->cipher, p, &done, p, (int)n) != 1)
		return E_CRYPTO;
	return EVP_CipherFinal_ex(h->cipher, none, &done) == 1 ? 0 : E_AUTH;
}

/* --- RTP --------------------------------------------------------------- */

static int rtp_close(struct srtp *s, uint8_t *pkt, size_t head, size_t *len,
		    uint64_t index)
{
	uint32_t ssrc = get_u32(pkt + 8);
	uint8_t iv[GCM_IV_LEN];
	uint8_t roc[4];
	uint8_t tag[20];
	int r;

	if (s->aead) {
		gcm_iv(&s->rtp, ssrc, index, iv);
		r = gcm_seal(&s->rtp, iv, (struct aad){pkt, NULL, head},
			     pkt + head, *len - head);
		if (r == 0)
			*len += GCM_TAG_LEN;
		return r;
	}
	put_u32(roc, (uint32_t)(index >> 16));
	r = cm_crypt(&s->rtp, ssrc, index, pkt + head, *len - head);
	if (r == 0)
		r = cm_tag(&s->rtp, pkt, *len, roc, tag);
	if (r < 0)
		return r;
	memcpy(pkt + *len, tag, s->rtp_tag);
	*len += s->rtp_tag;
	return 0;
}

int srtp_seal(struct srtp *s, uint8_t *pkt, size_t *len, size_t cap)
{
	size_t head = rtp_header_len(pkt, *len);
	size_t tag = s->rtp_tag;
	struct source *src;
	uint64_t index;
	int r;

	if (!head || s->dir != SRTP_SEND)
		return E_FORMAT;
	if (cap < *len || cap - *len < tag)
		return E_LIMIT;
	src = source_find(s, get_u32(pkt + 8));
	if (!src)
		src = source_add(s, get_u32(pkt + 8));
	if (!src)
		return E_FULL;
	if (advance(&src->rtp, get_u16(pkt + 2), &index) < 0) {
		s->stats.replayed++;
		return E_REPLAY;
	}
	/* taken even when the cipher fails below: never used again */
	src->rtp.top = index;
	src->rtp.any = true;
	r = rtp_close(s, pkt, head, len, index);
	if (r == 0)
		s->stats.packets++;
	return r;
}

static int rtp_open(struct srtp *s, uint8_t *pkt, size_t head, size_t body,
		    uint64_t index)
{
	uint32_t ssrc = get_u32(pkt + 8);
	uint8_t iv[GCM_IV_LEN];
	uint8_t roc[4];
	uint8_t tag[20];
	int r;

	if (s->aead) {
		gcm_iv(&s->rtp, ssrc, index, iv);
		return gcm_open(&s->rtp, iv, (struct aad){pkt, NULL, head},
				pkt + head, body);
	}
	put_u32(roc, (uint32_t)(index >> 16));
	r = cm_tag(&s->rtp, pkt, head + body, roc, tag);
	if (r < 0)
		return r;
	if (CRYPTO_memcmp(tag, pkt + head + body, s->rtp_tag) != 0)
		return E_AUTH;
	return cm_crypt(&s->rtp, ssrc, index, pkt + head, body);
}

static int malformed(struct srtp *s)
{
	s->stats.malformed++;
	return E_FORMAT;
}

static int refused(struct srtp *s, int r)
{
	if (r == E_REPLAY)
		s->stats.replayed++;
	else
		s->stats.auth_failed++;
	return r;
}

int srtp_open(struct srtp *s, uint8_t *pkt, size_t *len)
{
	static const struct window fresh;
	size_t head = rtp_header_len(pkt, *len);
	size_t tag = s->rtp_tag;
	struct source *src;
	const struct window *w;
	uint64_t index;
	int r;

	if (!head || *len - head < tag || s->dir != SRTP_RECEIVE)
		return malformed(s);
	src = source_find(s, get_u32(pkt + 8));
	w = src ? &src->rtp : &fresh;
	if (estimate(w, get_u16(pkt + 2), &index) < 0 ||
	    window_seen(w, index))
		return refused(s, E_REPLAY);
	r = rtp_open(s, pkt, head, *len - head - tag, index);
	if (r < 0)
		return refused(s, r);
	if (!src)
		src = source_add(s, get_u32(pkt + 8));
	if (!src)
		return E_FULL;
	window_mark(&src->rtp, index);
	*len -= tag;
	s->stats.packets++;
	return 0;
}

/* --- RTCP -------------------------------------------------------------- */

int srtcp_seal(struct srtp *s, uint8_t *pkt, size_t *len, size_t cap)
{
	size_t tag = s->rtcp_tag;
	size_t body;
	uint32_t ssrc;
	uint8_t iv[GCM_IV_LEN];
	uint8_t word[4];
	uint8_t mac[20];
	int r;

	if (*len < RTCP_HEADER_LEN || pkt[0] >> 6 != 2 || s->dir != SRTP_SEND)
		return E_FORMAT;
	if (cap < *len || cap - *len < tag + RTCP_INDEX_LEN)
		return E_LIMIT;
	if (s->rtcp_index == RTCP_INDEX_MAX)
		return E_REPLAY;
	/* one counter for all our SSRCs is larger than each one's own */
	s->rtcp_index++;
	body = *len - RTCP_HEADER_LEN;
	ssrc = get_u32(pkt + 4);
	put_u32(word, s->rtcp_index | RTCP_ENCRYPTED);
	if (s->aead) {
		gcm_iv(&s->rtcp, ssrc, s->rtcp_index, iv);
		r = gcm_seal(&s->rtcp, iv,
			     (struct aad){pkt, word, RTCP_HEADER_LEN},
			     pkt + RTCP_HEADER_LEN, body);
		if (r < 0)
			return r;
		memcpy(pkt + *len + tag, word, sizeof(word));
		*len += tag + RTCP_INDEX_LEN;
		s->stats.packets++;
		return 0;
	}
	r = cm_crypt(&s->rtcp, ssrc, s->rtcp_index, pkt + RTCP_HEADER_LEN,
		     body);
	if (r < 0)
		return r;
	memcpy(pkt + *len, word, sizeof(word));
	*len += RTCP_INDEX_LEN;
	r = cm_tag(&s->rtcp, pkt, *len, NULL, mac);
	if (r < 0)
		return r;
	memcpy(pkt + *len, mac, HMAC_TAG_LEN);
	*len += HMAC_TAG_LEN;
	s->stats.packets++;
	return 0;
}

static int rtcp_open(struct srtp *s, uint8_t *pkt, size_t body,
		     const uint8_t word[4], uint32_t index)
{
	uint32_t ssrc = get_u32(pkt + 4);
	uint8_t iv[GCM_IV_LEN];
	uint8_t mac[20];
	size_t signed_n = RTCP_HEADER_LEN + body + RTCP_INDEX_LEN;
	int r;

	if (s->aead) {
		gcm_iv(&s->rtcp, ssrc, index, iv);
		return gcm_open(&s->rtcp, iv,
				(struct aad){pkt, word, RTCP_HEADER_LEN},
				pkt + RTCP_HEADER_LEN, body);
	}
	r = cm_tag(&s->rtcp, pkt, signed_n, NULL, mac);
	if (r < 0)
		return r;
	if (CRYPTO_memcmp(mac, pkt + signed_n, HMAC_TAG_LEN) != 0)
		return E_AUTH;
	return cm_crypt(&s->rtcp, ssrc, index, pkt + RTCP_HEADER_LEN, body);
}

int srtcp_open(struct srtp *s, uint8_t *pkt, size_t *len)
{
	static const struct small_window fresh;
	size_t tag = s->rtcp_tag;
	struct source *src;
	size_t body;
	uint8_t word[4];
	uint32_t index;
	int r;

	if (*len < RTCP_HEADER_LEN + tag + RTCP_INDEX_LEN ||
	    pkt[0] >> 6 != 2 || s->dir != SRTP_RECEIVE)
		return malformed(s);
	body = *len - RTCP_HEADER_LEN - tag - RTCP_INDEX_LEN;
	memcpy(word, s->aead ? pkt + *len - RTCP_INDEX_LEN
			     : pkt + RTCP_HEADER_LEN + body, sizeof(word));
	index = get_u32(word);
	/* we never agree to clear RTCP */
	if (!(index & RTCP_ENCRYPTED))
		return malformed(s);
	index &= ~RTCP_ENCRYPTED;
	src = source_find(s, get_u32(pkt + 4));
	if (small_seen(src ? &src->rtcp : &fresh, index))
		return refused(s, E_REPLAY);
	r = rtcp_open(s, pkt, body, word, index);
	if (r < 0)
		return refused(s, r);
	if (!src)
		src = source_add(s, get_u32(pkt + 4));
	if (!src)
		return E_FULL;
	small_mark(&src->rtcp, index);
	*len = RTCP_HEADER_LEN + body;
	s->stats.packets++;
	return 0;
}
