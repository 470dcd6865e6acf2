#include "ban/book.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/map.h"

/* A new time this near to the known one is no change. */
#define SAME_NS NS_PER_S

enum {
	KEY_LEN = 17,
	/* An IPv6 source is a /64, and a stranger has as many as he likes: this
	 * many places for prefixes are not for him. */
	HOST6_BITS = 64, NETS_KEPT = 128,
};

struct book_entry {
	uint8_t key[KEY_LEN];	/* address, prefix */
	bool used, is_v4, stale;
	bool dirty;		/* addresses: stands in the list of dirty ones */
	uint64_t wanted_ns[BAN_GROUP_COUNT];	/* end; 0 = no ban */
	uint64_t loaded_ns[BAN_GROUP_COUNT];	/* end in the kernel; 0 = not */
	bool failed[BAN_GROUP_COUNT];
};

struct book {
	struct map *index;	/* key -> entry of addrs */
	struct book_entry *addrs, *nets;
	uint32_t *free_list, *dirty;
	size_t n_free, n_dirty, n_nets;
	size_t of_prefix[128];	/* of nets: those of one length are not asked
				 * whether they lie in each other */
	bool nets_dirty, in_reset;
	uint64_t full;
};

int book_new(struct book **out)
{
	struct book *b = mem_zalloc(sizeof(*b));

	if (!b)
		return E_NOMEM;
	b->addrs = mem_calloc(BAN_ADDRS_MAX, sizeof(*b->addrs));
	b->nets = mem_calloc(BAN_NETS_MAX, sizeof(*b->nets));
	b->free_list = mem_calloc(BAN_ADDRS_MAX, sizeof(*b->free_list));
	b->dirty = mem_calloc(BAN_ADDRS_MAX, sizeof(*b->dirty));
	if (!b->addrs || !b->nets || !b->free_list || !b->dirty ||
	    map_new(&b->index, BAN_ADDRS_MAX) < 0) {
		book_free(&b);
		return E_NOMEM;
	}
	for (uint32_t i = 0; i < BAN_ADDRS_MAX; i++)
		b->free_list[b->n_free++] = BAN_ADDRS_MAX - 1 - i;
	*out = b;
	return 0;
}

void book_free(struct book **bp)
{
	struct book *b = bp ? *bp : NULL;

	if (!b)
		return;
	map_free(&b->index);
	mem_free(b->addrs);
	mem_free(b->nets);
	mem_free(b->free_list);
	mem_free(b->dirty);
	mem_free(b);
	*bp = NULL;
}

/* --- finding -------------------------------------------------------------- */

static bool is_net(const struct book_entry *e)
{
	return e->key[16] != 128;
}

static void soil(struct book *b, struct book_entry *e)
{
	if (is_net(e)) {
		b->nets_dirty = true;
	} else if (!e->dirty) {
		e->dirty = true;
		b->dirty[b->n_dirty++] = (uint32_t)(e - b->addrs);
	}
}

static struct book_entry *find_net(struct book *b, const uint8_t key[KEY_LEN])
{
	for (size_t i = 0; i < BAN_NETS_MAX; i++)
		if (b->nets[i].used &&
		    memcmp(b->nets[i].key, key, KEY_LEN) == 0)
			return &b->nets[i];
	return NULL;
}

static struct book_entry *make_net(struct book *b, unsigned prefix)
{
	if (prefix == HOST6_BITS && b->n_nets >= BAN_NETS_MAX - NETS_KEPT)
		return NULL;
	for (size_t i = 0; i < BAN_NETS_MAX; i++)
		if (!b->nets[i].used)
			return &b->nets[i];
	return NULL;
}

static struct book_entry *make(struct book *b, const uint8_t key[KEY_LEN],
			       bool v4)
{
	struct book_entry *e;

	if (key[16] != 128) {
		e = make_net(b, key[16]);
	} else {
		if (!b->n_free)
			return NULL;
		e = &b->addrs[b->free_list[b->n_free - 1]];
		if (map_put(b->index, span_of(key, KEY_LEN), e) < 0)
			return NULL;
		b->n_free--;
	}
	if (!e)
		return NULL;
	*e = (struct book_entry){.used = true, .is_v4 = v4};
	memcpy(e->key, key, KEY_LEN);
	if (is_net(e)) {
		b->n_nets++;
		b->of_prefix[key[16]]++;
	}
	return e;
}

/* Never while it stands in the list of dirty ones. */
static void drop(struct book *b, struct book_entry *e)
{
	if (is_net(e)) {
		b->n_nets--;
		b->of_prefix[e->key[16]]--;
	} else {
		(void)map_del(b->index, span_of(e->key, KEY_LEN));
		b->free_list[b->n_free++] = (uint32_t)(e - b->addrs);
	}
	e->used = false;
}

static bool is_empty(const struct book_entry *e)
{
	for (int g = 0; g < BAN_GROUP_COUNT; g++)
		if (e->wanted_ns[g] || e->loaded_ns[g])
			return false;
	return true;
}

/* --- what core says ------------------------------------------------------- */

static void mark_stale(struct book_entry *e, size_t n)
{
	for (size_t i = 0; i < n; i++)
		e[i].stale = e[i].used;
}

void book_reset(struct book *b)
{
	b->in_reset = true;
	mark_stale(b->addrs, BAN_ADDRS_MAX);
	mark_stale(b->nets, BAN_NETS_MAX);
}

static void end_stale(struct book *b, struct book_entry *e, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!e[i].used || !e[i].stale)
			continue;
		e[i].stale = false;
		memset(e[i].wanted_ns, 0, sizeof(e[i].wanted_ns));
		soil(b, &e[i]);
	}
}

void book_last(struct book *b)
{
	if (!b->in_reset)
		return;
	b->in_reset = false;
	end_stale(b, b->addrs, BAN_ADDRS_MAX);
	end_stale(b, b->nets, BAN_NETS_MAX);
}

static bool is_near(uint64_t a, uint64_t b)
{
	return a && b && (a > b ? a - b : b - a) < SAME_NS;
}

static void want(struct book_entry *e, const struct ban_item *item,
		 uint64_t now_ns)
{
	uint64_t end = item->seconds ? now_ns + item->seconds * NS_PER_S : 0;

	for (int g = 0; g < BAN_GROUP_COUNT; g++) {
		if (!(item->ports >> g & 1))
			continue;
		e->failed[g] = false;
		if (!is_near(e->wanted_ns[g], end))
			e->wanted_ns[g] = end;
	}
}

int book_put(struct book *b, const struct ban_item *item, uint64_t now_ns)
{
	uint8_t key[KEY_LEN];
	struct book_entry *e;

	if (item->refused)
		return E_DENIED;
	memcpy(key, item->ip, 16);
	key[16] = item->prefix;
	e = item->prefix == 128 ? map_get(b->index, span_of(key, KEY_LEN)) :
	    find_net(b, key);
	if (!e && !item->seconds)
		return 0;
	if (!e)
		e = make(b, key, item->is_v4);
	if (!e) {
		b->full++;
		return E_FULL;
	}
	if (e->stale) {		/* of an earlier list: nothing of it counts */
		e->stale = false;
		for (int g = 0; g < BAN_GROUP_COUNT; g++)
			if (!(item->ports >> g & 1))
				e->wanted_ns[g] = 0;
	}
	want(e, item, now_ns);
	soil(b, e);
	return 0;
}

/* --- what the kernel shall hold ------------------------------------------- */

static bool is_within(const struct book_entry *in, const struct book_entry *of)
{
	unsigned whole = of->key[16] / 8u, rest = of->key[16] % 8u;

	if (in->is_v4 != of->is_v4 || of->key[16] >= in->key[16] ||
	    memcmp(in->key, of->key, whole) != 0)
		return false;
	return !rest || !((in->key[whole] ^ of->key[whole]) &
			  (0xff00 >> rest) & 0xff);
}

static bool is_covered(const struct book *b, const struct book_entry *e,
		       enum ban_group g, uint64_t now_ns)
{
	unsigned wider = e->key[16];

	while (wider && !b->of_prefix[wider - 1])
		wider--;
	for (size_t i = 0; wider && i < BAN_NETS_MAX; i++)
		if (b->nets[i].used && b->nets[i].wanted_ns[g] > now_ns &&
		    is_within(e, &b->nets[i]))
			return true;
	return false;
}

/* Whether the kernel must be told; *target: until when it shall be held. */
static bool differs(const struct book *b, const struct book_entry *e,
		    enum ban_group g, uint64_t now_ns, uint64_t *target)
{
	bool held = e->loaded_ns[g] > now_ns;

	*target = e->wanted_ns[g] > now_ns ? e->wanted_ns[g] : 0;
	if (e->failed[g] || (!*target && !held))
		return false;
	if (*target && is_net(e) && is_covered(b, e, g, now_ns))
		*target = 0;
	return *target ? *target != e->loaded_ns[g] : held;
}

static void fill(struct book_change *c, struct book_entry *e,
		 enum ban_group g, uint64_t target, uint64_t now_ns)
{
	*c = (struct book_change){
		.verb = target ? BOOK_SET : BOOK_REMOVE, .is_v4 = e->is_v4,
		.is_net = is_net(e), .is_known = e->loaded_ns[g] > now_ns,
		.prefix = e->key[16], .entry = e, .target_ns = target,
		.ms = target ? (target - now_ns + NS_PER_MS - 1) / NS_PER_MS :
		      0,
	};
	memcpy(c->ip, e->key, 16);
}

/* Prefixes: first what goes, so that nothing overlaps when the rest comes. */
static size_t net_changes(struct book *b, enum ban_group g, uint64_t now_ns,
			  struct book_change *out, size_t max)
{
	size_t n = 0;
	uint64_t target;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < BAN_NETS_MAX && n < max; i++) {
			struct book_entry *e = &b->nets[i];

			if (e->used && differs(b, e, g, now_ns, &target) &&
			    (pass == 0) == (target == 0))
				fill(&out[n++], e, g, target, now_ns);
		}
	return n;
}

size_t book_changes(struct book *b, enum ban_group g, uint64_t now_ns,
		    struct book_change *out, size_t max)
{
	size_t n = b->nets_dirty ? net_changes(b, g, now_ns, out, max) : 0;
	uint64_t target;

	for (size_t i = 0; i < b->n_dirty && n < max; i++) {
		struct book_entry *e = &b->addrs[b->dirty[i]];

		if (differs(b, e, g, now_ns, &target))
			fill(&out[n++], e, g, target, now_ns);
	}
	return n;
}

void book_done(struct book *b, enum ban_group g, const struct book_change *c,
	       bool failed)
{
	(void)b;
	if (failed)
		c->entry->failed[g] = true;
	else
		c->entry->loaded_ns[g] = c->target_ns;
}

bool book_is_dirty(const struct book *b)
{
	return b->n_dirty || b->nets_dirty;
}

/* --- time ----------------------------------------------------------------- */

/* True when something ended by itself. */
static bool expire(struct book_entry *e, uint64_t now_ns)
{
	bool any = false;

	for (int g = 0; g < BAN_GROUP_COUNT; g++) {
		if (e->wanted_ns[g] && e->wanted_ns[g] <= now_ns) {
			e->wanted_ns[g] = 0;
			any = true;
		}
		if (e->loaded_ns[g] && e->loaded_ns[g] <= now_ns)
			e->loaded_ns[g] = 0;
	}
	return any;
}

static bool has_failed(struct book_entry *e)
{
	bool any = false;

	for (int g = 0; g < BAN_GROUP_COUNT; g++) {
		any = any || e->failed[g];
		e->failed[g] = false;
	}
	return any;
}

void book_clean(struct book *b)
{
	for (size_t i = 0; i < b->n_dirty; i++)
		b->addrs[b->dirty[i]].dirty = false;
	b->n_dirty = 0;
	b->nets_dirty = false;
}

static void retry_nets(struct book *b, uint64_t now_ns)
{
	for (size_t i = 0; i < BAN_NETS_MAX; i++) {
		struct book_entry *e = &b->nets[i];

		if (!e->used)
			continue;
		if (expire(e, now_ns))
			b->nets_dirty = true;
		if (has_failed(e))
			b->nets_dirty = true;
		if (is_empty(e))
			drop(b, e);
	}
}

void book_retry(struct book *b, uint64_t now_ns)
{
	b->n_dirty = 0;
	for (size_t i = 0; i < BAN_ADDRS_MAX; i++) {
		struct book_entry *e = &b->addrs[i];

		bool was_dirty = e->dirty;

		if (!e->used)
			continue;
		e->dirty = false;
		(void)expire(e, now_ns);
		if (is_empty(e))
			drop(b, e);
		else if (has_failed(e) || was_dirty)
			soil(b, e);
	}
	retry_nets(b, now_ns);
}

void book_forget_kernel(struct book *b)
{
	for (size_t i = 0; i < BAN_ADDRS_MAX + BAN_NETS_MAX; i++) {
		struct book_entry *e = i < BAN_ADDRS_MAX ? &b->addrs[i] :
				       &b->nets[i - BAN_ADDRS_MAX];

		if (!e->used)
			continue;
		memset(e->loaded_ns, 0, sizeof(e->loaded_ns));
		memset(e->failed, 0, sizeof(e->failed));
		soil(b, e);
	}
}

void book_count(const struct book *b, struct book_counts *out)
{
	*out = (struct book_counts){.addrs = BAN_ADDRS_MAX - b->n_free,
				    .nets = b->n_nets, .full = b->full};
}
