#include "media/transport/ice.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/rand.h"
#include "base/secret.h"
#include "media/transport/flood.h"

struct creds {
	char ufrag[ICE_UFRAG_LEN + 1];
	char pwd[ICE_PWD_LEN + 1];
	uint8_t remote[ICE_REMOTE_MAX];
	size_t remote_n;
};

struct known_path {
	struct path path;
	uint64_t checked_ns;
};

struct ice_leg {
	struct ice *ice;
	void *user;
	struct creds now, before;	/* before.remote_n 0 = none */
	uint64_t opened_ns, checked_ns;
	bool is_nominated;
	uint8_t dscp;
	int selected;			/* index into paths, -1 = none */
	size_t n_paths;
	struct known_path paths[ICE_PATHS_MAX];
	struct flood_bucket strange, known;	/* checks by where they came from */
};

struct ice {
	struct map *by_ufrag, *by_path;
	struct flood *strangers;
	struct ice_stats stats;
};

static const struct flood_limits stranger_limits = {
	.per_s = ICE_SOURCE_PER_S, .burst = ICE_SOURCE_BURST,
	.total_per_s = ICE_TOTAL_PER_S, .total_burst = ICE_TOTAL_BURST,
};

int ice_new(struct ice **out)
{
	struct ice *ice = mem_zalloc(sizeof(*ice));
	int r;

	if (!ice)
		return E_NOMEM;
	r = map_new(&ice->by_ufrag, (size_t)ICE_LEGS_MAX * 2);
	if (r == 0)
		r = map_new(&ice->by_path,
			    (size_t)ICE_LEGS_MAX * ICE_PATHS_MAX);
	if (r == 0)
		r = flood_new(&ice->strangers, &stranger_limits);
	if (r < 0) {
		ice_free(&ice);
		return r;
	}
	*out = ice;
	return 0;
}

static uint32_t burst_of(uint32_t per_s, uint32_t least)
{
	return per_s * ICE_BURST_S > least ? per_s * ICE_BURST_S : least;
}

void ice_limit_strangers(struct ice *ice, uint32_t per_s,
			 uint32_t total_per_s)
{
	const struct flood_limits l = {
		.per_s = per_s, .burst = burst_of(per_s, ICE_SOURCE_BURST),
		.total_per_s = total_per_s,
		.total_burst = burst_of(total_per_s, ICE_TOTAL_BURST)};

	flood_limit(ice->strangers, &l);
}

void ice_free(struct ice **icep)
{
	struct ice *ice = *icep;

	if (!ice)
		return;
	map_free(&ice->by_ufrag);
	map_free(&ice->by_path);
	flood_free(&ice->strangers);
	mem_free(ice);
	*icep = NULL;
}

static int creds_make(struct creds *c, struct span remote)
{
	uint8_t raw[ICE_PWD_LEN];

	if (remote.n < 4 || remote.n > ICE_REMOTE_MAX)
		return E_INVAL;
	/* 64 ice-chars: 48 bits of fragment and 144 of password, where RFC 8445
	 * 5.3 wants 24 and 128 */
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789+/";

	rand_bytes(raw, ICE_UFRAG_LEN);
	for (unsigned i = 0; i < ICE_UFRAG_LEN; i++)
		c->ufrag[i] = chars[raw[i] & 63];
	rand_bytes(raw, ICE_PWD_LEN);
	for (unsigned i = 0; i < ICE_PWD_LEN; i++)
		c->pwd[i] = chars[raw[i] & 63];
	c->ufrag[ICE_UFRAG_LEN] = c->pwd[ICE_PWD_LEN] = 0;
	secret_wipe(raw, sizeof(raw));
	memcpy(c->remote, remote.p, remote.n);
	c->remote_n = remote.n;
	return 0;
}

static struct span creds_key(const struct creds *c)
{
	return span_of(c->ufrag, ICE_UFRAG_LEN);
}

int ice_leg_open(struct ice_leg **out, struct ice *ice,
		 struct span remote_ufrag, void *user, uint64_t now_ns)
{
	struct ice_leg *leg = mem_zalloc(sizeof(*leg));
	int r;

	if (!leg)
		return E_NOMEM;
	leg->ice = ice;
	leg->user = user;
	leg->opened_ns = now_ns;
	leg->selected = -1;
	r = creds_make(&leg->now, remote_ufrag);
	if (r == 0)
		r = map_put(ice->by_ufrag, creds_key(&leg->now), leg);
	if (r < 0) {
		mem_free(leg);
		return r;
	}
	*out = leg;
	return 0;
}

static void before_drop(struct ice_leg *leg)
{
	if (!leg->before.remote_n)
		return;
	map_del(leg->ice->by_ufrag, creds_key(&leg->before));
	secret_wipe(&leg->before, sizeof(leg->before));
}

static void path_unmap(struct ice_leg *leg, size_t i)
{
	uint8_t key[PATH_KEY_LEN];

	path_key(&leg->paths[i].path, key);
	map_del(leg->ice->by_path, span_of(key, sizeof(key)));
}

void ice_leg_close(struct ice_leg **legp)
{
	struct ice_leg *leg = *legp;

	if (!leg)
		return;
	for (size_t i = 0; i < leg->n_paths; i++)
		path_unmap(leg, i);
	before_drop(leg);
	map_del(leg->ice->by_ufrag, creds_key(&leg->now));
	secret_wipe(leg, sizeof(*leg));
	mem_free(leg);
	*legp = NULL;
}

int ice_leg_restart(struct ice_leg *leg, struct span remote_ufrag,
		    uint64_t now_ns)
{
	struct creds fresh;
	int r = creds_make(&fresh, remote_ufrag);

	if (r == 0)
		r = map_put(leg->ice->by_ufrag, creds_key(&fresh), leg);
	if (r < 0)
		return r;
	before_drop(leg);
	leg->before = leg->now;
	leg->now = fresh;
	/* a restart is word from the peer, though through another road */
	leg->checked_ns = leg->checked_ns ? now_ns : 0;
	leg->opened_ns = now_ns;
	secret_wipe(&fresh, sizeof(fresh));
	return 0;
}

struct span ice_leg_ufrag(const struct ice_leg *leg)
{
	return creds_key(&leg->now);
}

struct span ice_leg_pwd(const struct ice_leg *leg)
{
	return span_of(leg->now.pwd, ICE_PWD_LEN);
}

struct span ice_leg_remote_ufrag(const struct ice_leg *leg)
{
	return span_of(leg->now.remote, leg->now.remote_n);
}

void *ice_leg_user(const struct ice_leg *leg)
{
	return leg->user;
}

void ice_leg_set_dscp(struct ice_leg *leg, uint8_t dscp)
{
	leg->dscp = dscp & 63;
	for (size_t i = 0; i < leg->n_paths; i++)
		leg->paths[i].path.dscp = leg->dscp;
}

const struct path *ice_leg_path(const struct ice_leg *leg)
{
	return leg->selected < 0 ? NULL : &leg->paths[leg->selected].path;
}

enum ice_life ice_leg_life(const struct ice_leg *leg, uint64_t now_ns)
{
	uint64_t since = leg->checked_ns ? leg->checked_ns : leg->opened_ns;
	uint64_t age = now_ns > since ? now_ns - since : 0;

	if (!leg->checked_ns)
		return age < ICE_NEW_S * NS_PER_S ? ICE_NEW : ICE_GONE;
	if (age < ICE_SILENT_S * NS_PER_S)
		return ICE_ALIVE;
	return age < ICE_GONE_S * NS_PER_S ? ICE_SILENT : ICE_GONE;
}

static void path_remove(struct ice_leg *leg, size_t i)
{
	size_t last = leg->n_paths - 1;

	path_unmap(leg, i);
	if (leg->selected == (int)i)
		leg->selected = -1;
	else if (leg->selected == (int)last)
		leg->selected = (int)i;
	leg->paths[i] = leg->paths[last];
	leg->n_paths--;
}

static int path_index(const struct ice_leg *leg, const struct path *p)
{
	for (size_t i = 0; i < leg->n_paths; i++)
		if (path_eq(&leg->paths[i].path, p))
			return (int)i;
	return -1;
}

void ice_path_gone(struct ice *ice, const struct path *path)
{
	struct ice_leg *leg = ice_find(ice, path);
	int i;

	if (!leg)
		return;
	i = path_index(leg, path);
	if (i >= 0)
		path_remove(leg, (size_t)i);
}

struct ice_leg *ice_find(struct ice *ice, const struct path *from)
{
	uint8_t key[PATH_KEY_LEN];

	path_key(from, key);
	return map_get(ice->by_path, span_of(key, sizeof(key)));
}

/* The oldest one that is not in use. */
static void path_evict(struct ice_leg *leg)
{
	size_t old = leg->selected == 0 ? 1 : 0;

	for (size_t i = 0; i < leg->n_paths; i++)
		if ((int)i != leg->selected &&
		    leg->paths[i].checked_ns < leg->paths[old].checked_ns)
			old = i;
	leg->ice->stats.path_evicted++;
	path_remove(leg, old);
}

/* Whoever can forge source addresses and has a leg of his own could otherwise
 * take another one's address away, and with it his sound, packet by packet. An
 * owner that still proves his address keeps it. */
static bool is_held(struct ice *ice, const struct path *p, uint64_t now_ns)
{
	const struct ice_leg *owner = ice_find(ice, p);
	int i = owner ? path_index(owner, p) : -1;

	return i >= 0 && now_ns - owner->paths[i].checked_ns <
	       ICE_HOLD_S * NS_PER_S;
}

/* The path's index after it was noted as authenticated, or a negative error. */
static int path_note(struct ice_leg *leg, const struct path *p,
		     uint64_t now_ns)
{
	uint8_t key[PATH_KEY_LEN];
	int i = path_index(leg, p);

	if (i >= 0) {
		leg->paths[i].checked_ns = now_ns;
		memcpy(leg->paths[i].path.local, p->local, 16);
		leg->paths[i].path.ifindex = p->ifindex;
		return i;
	}
	if (is_held(leg->ice, p, now_ns)) {
		leg->ice->stats.path_held++;
		return E_BUSY;
	}
	/* a peer that made a new connection from the same port */
	ice_path_gone(leg->ice, p);
	if (leg->n_paths == ICE_PATHS_MAX)
		path_evict(leg);
	path_key(p, key);
	if (map_put(leg->ice->by_path, span_of(key, sizeof(key)), leg) < 0)
		return E_NOMEM;
	leg->paths[leg->n_paths] = (struct known_path){*p, now_ns};
	leg->paths[leg->n_paths].path.dscp = leg->dscp;
	return (int)leg->n_paths++;
}

static const struct creds *creds_of(const struct ice_leg *leg,
				    struct span local)
{
	return span_eq(local, creds_key(&leg->now)) ? &leg->now : &leg->before;
}

/* Asked before the password is tried. Whoever can read one leg's fragment on
 * the wire can spend that leg's share and no other's. */
static bool may_try(struct ice_leg *leg, const struct path *from,
		    uint64_t now_ns)
{
	if (ice_find(leg->ice, from) == leg)
		return flood_bucket_take(&leg->known, ICE_KNOWN_PER_S,
					 ICE_KNOWN_BURST, now_ns);
	return flood_bucket_take(&leg->strange, ICE_STRANGE_PER_S,
				 ICE_STRANGE_BURST, now_ns) &&
	       flood_take(leg->ice->strangers, &from->peer, now_ns);
}

/* The leg whose password signed this request, else NULL. */
static struct ice_leg *authenticate(struct ice *ice, const struct stun_msg *m,
				    const struct path *from, uint64_t now_ns,
				    const struct creds **with)
{
	struct ice_leg *leg;
	struct span local, remote;

	if (stun_username_split(m, &local, &remote) < 0) {
		ice->stats.malformed++;
		return NULL;
	}
	leg = local.n == ICE_UFRAG_LEN ? map_get(ice->by_ufrag, local) : NULL;
	if (!leg) {
		ice->stats.unknown_ufrag++;
		return NULL;
	}
	*with = creds_of(leg, local);
	if (!span_eq(remote, span_of((*with)->remote, (*with)->remote_n))) {
		ice->stats.bad_integrity++;
		return NULL;
	}
	if (!may_try(leg, from, now_ns)) {
		ice->stats.too_fast++;
		return NULL;
	}
	if (stun_check_integrity(m, span_of((*with)->pwd, ICE_PWD_LEN)) < 0) {
		ice->stats.bad_integrity++;
		return NULL;
	}
	return leg;
}

static void reply_error(struct ice_result *out, const struct stun_msg *m,
			unsigned code, struct span key)
{
	struct span s;

	if (stun_encode_error(out->reply, sizeof(out->reply), &s, m->txid, code,
			      m->unknown, code == STUN_UNKNOWN_ATTRIBUTE
			      ? m->unknown_n : 0, key) == 0)
		out->reply_n = s.n;
}

static void accept_check(struct ice_leg *leg, const struct stun_msg *m,
			 const struct path *from, uint64_t now_ns,
			 struct ice_result *out)
{
	int i = path_note(leg, from, now_ns);

	if (i < 0) {
		out->reply_n = 0;
		return;
	}
	out->leg = leg;
	out->is_first = leg->checked_ns == 0;
	leg->checked_ns = now_ns;
	/* before a nomination the latest address that proved itself is used */
	if (m->use_candidate || !leg->is_nominated || leg->selected < 0) {
		out->is_moved = leg->selected != i;
		leg->selected = i;
	}
	if (m->use_candidate)
		leg->is_nominated = true;
}

void ice_input(struct ice *ice, const struct path *from, struct span in,
	       uint64_t now_ns, struct ice_result *out)
{
	const struct creds *with = NULL;
	struct ice_leg *leg;
	struct stun_msg m;
	struct span key, s;

	*out = (struct ice_result){.leg = NULL};
	if (stun_decode(&m, in) < 0) {
		ice->stats.malformed++;
		return;
	}
	if (m.cls != STUN_REQUEST || m.method != STUN_METHOD_BINDING) {
		ice->stats.not_request++;
		return;
	}
	leg = authenticate(ice, &m, from, now_ns, &with);
	if (!leg)
		return;
	key = span_of(with->pwd, ICE_PWD_LEN);
	if (m.unknown_n) {
		reply_error(out, &m, STUN_UNKNOWN_ATTRIBUTE, key);
		return;
	}
	/* a lite agent is always the controlled one (RFC 8445 6.1.1) */
	if (m.has_controlled) {
		ice->stats.role_conflict++;
		reply_error(out, &m, STUN_ROLE_CONFLICT, key);
		return;
	}
	if (stun_encode_success(out->reply, sizeof(out->reply), &s, m.txid,
				&from->peer, key) < 0)
		return;
	out->reply_n = s.n;
	ice->stats.checks++;
	if (with == &leg->now && leg->before.remote_n) {
		/* the restart took: nominate anew */
		before_drop(leg);
		leg->is_nominated = false;
	}
	accept_check(leg, &m, from, now_ns, out);
}

void ice_get_stats(const struct ice *ice, struct ice_stats *out)
{
	*out = ice->stats;
}

uint32_t ice_priority(bool is_tcp, unsigned rank)
{
	uint32_t type = is_tcp ? 90 : 126;

	return type << 24 | (65535 - (rank & 0xffff)) << 8 | 255;
}
