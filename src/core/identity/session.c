#include "core/identity/session.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "base/text.h"

_Static_assert(TOKEN_TEXT_LEN == B64URL_LEN(TOKEN_RANDOM_BYTES),
	      "token text");
_Static_assert((int)TOKEN_HASH_LEN == (int)SHA256_LEN, "token hash");

struct credential {
	struct list at;
	struct reconnect_state s;
};

struct session_table {
	uint8_t key[SESSION_KEY_LEN];
	uint32_t max;
	uint64_t next_id;
	struct map *by_part;	/* handle -> struct session_state */
	struct map *by_hash;	/* token hash -> struct session_state */
	struct list creds;	/* every struct credential, oldest first */
	uint32_t n_creds;
	struct map *cred_by_hash;
	struct map *cred_by_part;
};

static struct span id_key(const uint64_t *id)
{
	return span_of(id, sizeof(*id));
}

static struct span hash_key(const uint8_t h[TOKEN_HASH_LEN])
{
	return span_of(h, TOKEN_HASH_LEN);
}

/* `use` keeps tokens and credentials apart: one is never taken for the
 * other, whatever text a client sends. */
static int hash_text(const struct session_table *t, char use,
		     struct span text, uint8_t out[TOKEN_HASH_LEN])
{
	uint8_t buf[1 + TOKEN_TEXT_LEN];
	int r;

	if (text.n != TOKEN_TEXT_LEN)
		return E_AUTH;
	buf[0] = (uint8_t)use;
	memcpy(buf + 1, text.p, TOKEN_TEXT_LEN);
	r = crypto_hmac_sha256(out, span_of(t->key, sizeof(t->key)),
			       span_of(buf, sizeof(buf)));
	secret_wipe(buf, sizeof(buf));
	return r;
}

static int make_text(const struct session_table *t, char use,
		     const uint8_t rnd[TOKEN_RANDOM_BYTES],
		     char text[TOKEN_TEXT_LEN + 1],
		     uint8_t hash[TOKEN_HASH_LEN])
{
	b64url_encode(text, rnd, TOKEN_RANDOM_BYTES);
	return hash_text(t, use, span_of(text, TOKEN_TEXT_LEN), hash);
}

int session_table_new(struct session_table **out, struct span key,
		      uint32_t max)
{
	struct session_table *t;
	int r = 0;

	if (key.n != SESSION_KEY_LEN || !max)
		return E_INVAL;
	t = mem_zalloc(sizeof(*t));
	if (!t)
		return E_NOMEM;
	memcpy(t->key, key.p, key.n);
	t->max = max;
	t->next_id = 1;
	list_init(&t->creds);
	r = r ? r : map_new(&t->by_part, max);
	r = r ? r : map_new(&t->by_hash, (size_t)max * SESSION_TOKENS_MAX);
	r = r ? r : map_new(&t->cred_by_hash, (size_t)max * 2);
	r = r ? r : map_new(&t->cred_by_part, max);
	if (r < 0) {
		session_table_free(&t);
		return r;
	}
	*out = t;
	return 0;
}

void session_table_free(struct session_table **pt)
{
	struct session_table *t = *pt;
	size_t it = 0;
	void *v;

	if (!t)
		return;
	while (t->by_part && map_next(t->by_part, &it, NULL, &v))
		mem_free(v);
	list_each(e, tmp, &t->creds)
		mem_free(list_entry(e, struct credential, at));
	map_free(&t->by_part);
	map_free(&t->by_hash);
	map_free(&t->cred_by_hash);
	map_free(&t->cred_by_part);
	secret_wipe(t->key, sizeof(t->key));
	mem_free(t);
	*pt = NULL;
}

uint32_t session_count(const struct session_table *t)
{
	return (uint32_t)map_count(t->by_part);
}

uint32_t reconnect_count(const struct session_table *t)
{
	return t->n_creds;
}

/* --- tokens -------------------------------------------------------------- */

static unsigned token_to_replace(const struct session_state *s)
{
	unsigned first = 0;

	for (unsigned i = 1; i < s->n; i++)
		if (s->tokens[i].ends_ns < s->tokens[first].ends_ns)
			first = i;
	return first;
}

/* The new hash goes in before the old one goes out, so that a failing
 * allocation leaves the session as it was. */
static int add_token(struct session_table *t, struct session_state *s,
		     const uint8_t hash[TOKEN_HASH_LEN], uint64_t ends_ns)
{
	int r = map_put(t->by_hash, hash_key(hash), s);
	unsigned at = s->n;

	if (r < 0)
		return r;
	if (s->n == SESSION_TOKENS_MAX) {
		at = token_to_replace(s);
		(void)map_del(t->by_hash, hash_key(s->tokens[at].hash));
	} else {
		s->n++;
	}
	memcpy(s->tokens[at].hash, hash, TOKEN_HASH_LEN);
	s->tokens[at].ends_ns = ends_ns;
	return 0;
}

static void drop_session(struct session_table *t, struct session_state *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		(void)map_del(t->by_hash, hash_key(s->tokens[i].hash));
	(void)map_del(t->by_part, id_key(&s->part));
	mem_free(s);
}

static int new_session(struct session_table *t, uint64_t room, uint64_t part,
		       struct session_state **out)
{
	struct session_state *s;
	int r;

	if (!room || !part)
		return E_INVAL;
	s = mem_zalloc(sizeof(*s));
	if (!s)
		return E_NOMEM;
	s->room = room;
	s->part = part;
	r = map_put(t->by_part, id_key(&part), s);
	if (r < 0) {
		mem_free(s);
		return r;
	}
	*out = s;
	return 0;
}

int session_open(struct session_table *t, uint64_t room, uint64_t part,
		 const uint8_t rnd[TOKEN_RANDOM_BYTES], uint64_t now_ns,
		 char token[TOKEN_TEXT_LEN + 1])
{
	struct session_state *s;
	int r = new_session(t, room, part, &s);

	if (r < 0)
		return r;
	r = session_refresh(t, part, rnd, now_ns, token);
	if (r < 0)
		drop_session(t, s);
	return r;
}

int session_refresh(struct session_table *t, uint64_t part,
		    const uint8_t rnd[TOKEN_RANDOM_BYTES], uint64_t now_ns,
		    char token[TOKEN_TEXT_LEN + 1])
{
	struct session_state *s = map_get(t->by_part, id_key(&part));
	char text[TOKEN_TEXT_LEN + 1];
	uint8_t hash[TOKEN_HASH_LEN];
	int r;

	if (!s)
		return E_NOTFOUND;
	r = make_text(t, 'T', rnd, text, hash);
	if (r < 0)
		return r;
	r = add_token(t, s, hash, now_ns + TOKEN_LIFE_S * NS_PER_S);
	if (r == 0)
		memcpy(token, text, sizeof(text));
	secret_wipe(text, sizeof(text));
	return r;
}

int session_find(const struct session_table *t, struct span token,
		 uint64_t now_ns, uint64_t *room, uint64_t *part)
{
	uint8_t hash[TOKEN_HASH_LEN];
	const struct session_state *s;

	if (hash_text(t, 'T', token, hash) < 0)
		return E_AUTH;
	s = map_get(t->by_hash, hash_key(hash));
	if (!s)
		return E_AUTH;
	for (uint32_t i = 0; i < s->n; i++) {
		if (!secret_equal(hash_key(s->tokens[i].hash), hash_key(hash)))
			continue;
		if (now_ns >= s->tokens[i].ends_ns)
			return E_AUTH;
		*room = s->room;
		*part = s->part;
		return 0;
	}
	return E_AUTH;
}

int session_check(const struct session_table *t, uint64_t room,
		  struct span token, uint64_t now_ns, uint64_t *part)
{
	uint64_t of, who;
	int r = session_find(t, token, now_ns, &of, &who);

	if (r < 0 || of != room)
		return E_AUTH;
	*part = who;
	return 0;
}

uint64_t session_ends_ns(const struct session_table *t, uint64_t part)
{
	const struct session_state *s = map_get(t->by_part, id_key(&part));
	uint64_t last = 0;

	for (uint32_t i = 0; s && i < s->n; i++)
		if (s->tokens[i].ends_ns > last)
			last = s->tokens[i].ends_ns;
	return last;
}

void session_close(struct session_table *t, uint64_t part)
{
	struct session_state *s = map_get(t->by_part, id_key(&part));

	if (s)
		drop_session(t, s);
}

int session_export(const struct session_table *t, uint64_t part,
		   struct session_state *out)
{
	const struct session_state *s = map_get(t->by_part, id_key(&part));

	if (!s)
		return E_NOTFOUND;
	*out = *s;
	return 0;
}

int session_restore(struct session_table *t, const struct session_state *from)
{
	struct session_state *s;
	int r;

	if (from->n > SESSION_TOKENS_MAX)
		return E_INVAL;
	r = new_session(t, from->room, from->part, &s);
	for (uint32_t i = 0; r == 0 && i < from->n; i++) {
		r = add_token(t, s, from->tokens[i].hash,
			      from->tokens[i].ends_ns);
		if (r < 0)
			drop_session(t, s);
	}
	return r;
}

/* --- reconnect credentials ------------------------------------------------ */

static void drop_credential(struct session_table *t, struct credential *c)
{
	(void)map_del(t->cred_by_hash, hash_key(c->s.hash));
	if (c->s.has_former)
		(void)map_del(t->cred_by_hash, hash_key(c->s.former));
	if (c->s.holder)
		(void)map_del(t->cred_by_part, id_key(&c->s.holder));
	list_del(&c->at);
	t->n_creds--;
	mem_free(c);
}

/* When the table is full, the oldest whose holder has left makes room. */
static int make_room(struct session_table *t)
{
	if (t->n_creds < t->max)
		return 0;
	list_each(e, tmp, &t->creds) {
		struct credential *c = list_entry(e, struct credential, at);

		if (c->s.holder)
			continue;
		drop_credential(t, c);
		return 0;
	}
	return E_FULL;
}

static int put_credential(struct session_table *t, struct credential *c)
{
	int r = map_put(t->cred_by_hash, hash_key(c->s.hash), c);

	if (r < 0)
		return r;
	if (c->s.has_former)
		r = map_put(t->cred_by_hash, hash_key(c->s.former), c);
	if (r < 0)
		goto out_hash;
	if (c->s.holder)
		r = map_put(t->cred_by_part, id_key(&c->s.holder), c);
	if (r == 0) {
		list_add_tail(&t->creds, &c->at);
		t->n_creds++;
		return 0;
	}
	if (c->s.has_former)
		(void)map_del(t->cred_by_hash, hash_key(c->s.former));
out_hash:
	(void)map_del(t->cred_by_hash, hash_key(c->s.hash));
	return r;
}

static int add_credential(struct session_table *t,
			  const struct reconnect_state *s)
{
	struct credential *c;
	int r = make_room(t);

	if (r < 0)
		return r;
	c = mem_zalloc(sizeof(*c));
	if (!c)
		return E_NOMEM;
	c->s = *s;
	r = put_credential(t, c);
	if (r < 0)
		mem_free(c);
	return r;
}

int reconnect_open(struct session_table *t, uint64_t room, uint64_t part,
		   bool host, const uint8_t rnd[TOKEN_RANDOM_BYTES],
		   char text[TOKEN_TEXT_LEN + 1])
{
	struct reconnect_state s = {.room = room, .holder = part,
				    .host = host, .id = t->next_id};
	char fresh[TOKEN_TEXT_LEN + 1];
	int r;

	if (!room || !part)
		return E_INVAL;
	r = make_text(t, 'R', rnd, fresh, s.hash);
	r = r ? r : add_credential(t, &s);
	if (r < 0)
		return r;
	t->next_id++;
	memcpy(text, fresh, sizeof(fresh));
	secret_wipe(fresh, sizeof(fresh));
	return 0;
}

static struct credential *find_credential(const struct session_table *t,
					  struct span text,
					  uint8_t hash[TOKEN_HASH_LEN])
{
	if (hash_text(t, 'R', text, hash) < 0)
		return NULL;
	return map_get(t->cred_by_hash, span_of(hash, TOKEN_HASH_LEN));
}

int reconnect_check(const struct session_table *t, uint64_t room,
		    struct span text, struct reconnect_state *out)
{
	uint8_t hash[TOKEN_HASH_LEN];
	const struct credential *c = find_credential(t, text, hash);

	if (!c || c->s.room != room)
		return E_AUTH;
	*out = c->s;
	return 0;
}

/* The text that was used becomes the former one; whatever else was good
 * before dies. */
int reconnect_use(struct session_table *t, struct span text, uint64_t part,
		  const uint8_t rnd[TOKEN_RANDOM_BYTES],
		  char fresh[TOKEN_TEXT_LEN + 1])
{
	uint8_t used[TOKEN_HASH_LEN], hash[TOKEN_HASH_LEN];
	struct credential *c = find_credential(t, text, used);
	char made[TOKEN_TEXT_LEN + 1];
	int r;

	if (!c)
		return E_AUTH;
	r = make_text(t, 'R', rnd, made, hash);
	if (r == 0 && c->s.holder != part)
		r = map_put(t->cred_by_part, id_key(&part), c);
	if (r < 0)
		return r;
	r = map_put(t->cred_by_hash, hash_key(hash), c);
	if (r < 0) {
		if (c->s.holder != part)
			(void)map_del(t->cred_by_part, id_key(&part));
		return r;
	}
	if (c->s.holder && c->s.holder != part)
		(void)map_del(t->cred_by_part, id_key(&c->s.holder));
	c->s.holder = part;
	if (!secret_equal(hash_key(c->s.hash), hash_key(used)))
		(void)map_del(t->cred_by_hash, hash_key(c->s.hash));
	else if (c->s.has_former)
		(void)map_del(t->cred_by_hash, hash_key(c->s.former));
	memcpy(c->s.former, used, sizeof(used));
	memcpy(c->s.hash, hash, sizeof(hash));
	c->s.has_former = true;
	memcpy(fresh, made, sizeof(made));
	secret_wipe(made, sizeof(made));
	return 0;
}

void reconnect_detach(struct session_table *t, uint64_t part)
{
	struct credential *c = map_del(t->cred_by_part, id_key(&part));

	if (c)
		c->s.holder = 0;
}

void reconnect_set_host(struct session_table *t, uint64_t part, bool host)
{
	struct credential *c = map_get(t->cred_by_part, id_key(&part));

	if (c)
		c->s.host = host;
}

void reconnect_revoke(struct session_table *t, uint64_t part)
{
	struct credential *c = map_get(t->cred_by_part, id_key(&part));

	if (c)
		drop_credential(t, c);
}

unsigned reconnect_revoke_room(struct session_table *t, uint64_t room)
{
	unsigned n = 0;

	list_each(e, tmp, &t->creds) {
		struct credential *c = list_entry(e, struct credential, at);

		if (c->s.room != room)
			continue;
		drop_credential(t, c);
		n++;
	}
	return n;
}

int reconnect_export(const struct session_table *t, uint64_t part,
		     struct reconnect_state *out)
{
	const struct credential *c = map_get(t->cred_by_part, id_key(&part));

	if (!c)
		return E_NOTFOUND;
	*out = c->s;
	return 0;
}

int reconnect_restore(struct session_table *t, const struct reconnect_state *s)
{
	int r;

	if (!s->room || !s->id)
		return E_INVAL;
	r = add_credential(t, s);
	if (r == 0 && s->id >= t->next_id)
		t->next_id = s->id + 1;
	return r;
}

void reconnect_each(const struct session_table *t, uint64_t room,
		    void (*fn)(void *arg, const struct reconnect_state *s),
		    void *arg)
{
	list_each(e, tmp, &t->creds) {
		const struct credential *c =
			list_entry(e, struct credential, at);

		if (c->s.room == room)
			fn(arg, &c->s);
	}
}
