#include "core/alarm/alarm.h"
#include "base/alloc.h"
#include "base/list.h"

struct slot {
	struct list at;			/* raised, in order of id; or free */
	struct alarm a;
};

struct alarms {
	struct slot slots[ALARM_ACTIVE_MAX];
	struct list raised, unused;
	uint32_t of_name[ALARM_COUNT];
	struct alarm past[ALARM_PAST_MAX];	/* a ring */
	uint64_t n_past;			/* lowered ever */
	uint64_t last_id;
	struct alarm_stats stats;
};

static const struct {
	const char *text, *help;
	enum alarm_level level;
} names[ALARM_COUNT] = {
	[ALARM_NONE] = {"", "", ALARM_LEVEL_NONE},
#define X(e, text_, level_, help_)                                            \
	[ALARM_##e] = {.text = text_, .help = help_, .level = ALARM_##level_},
	ALARM_TABLE(X)
#undef X
};

static bool is_name(enum alarm_name n)
{
	return n > ALARM_NONE && n < ALARM_COUNT;
}

const char *alarm_text(enum alarm_name name)
{
	return is_name(name) ? names[name].text : "";
}

const char *alarm_help(enum alarm_name name)
{
	return is_name(name) ? names[name].help : "";
}

enum alarm_level alarm_level_of(enum alarm_name name)
{
	return is_name(name) ? names[name].level : ALARM_LEVEL_NONE;
}

const char *alarm_level_text(enum alarm_level level)
{
	static const char *const text[] = {"", "info", "warning", "error"};
	return level >= ALARM_INFO && level <= ALARM_ERROR ? text[level] : "";
}

enum alarm_name alarm_named(struct span text)
{
	for (int i = ALARM_NONE + 1; i < ALARM_COUNT; i++)
		if (span_eq(text, span_str(names[i].text)))
			return (enum alarm_name)i;
	return ALARM_NONE;
}

int alarms_new(struct alarms **out)
{
	struct alarms *t = mem_zalloc(sizeof(*t));
	if (t == NULL)
		return E_NOMEM;
	list_init(&t->raised);
	list_init(&t->unused);
	for (int i = 0; i < ALARM_ACTIVE_MAX; i++) {
		list_init(&t->slots[i].at);
		list_add_tail(&t->unused, &t->slots[i].at);
	}
	*out = t;
	return 0;
}

void alarms_free(struct alarms **t)
{
	mem_free(*t);
	*t = NULL;
}

/* --- a stranger's text ------------------------------------------------------ */

/* Bytes of the well-formed character at the front; 0 = none. */
static size_t char_len(struct span s)
{
	size_t n = s.p[0] < 0x80 ? 1 : s.p[0] < 0xe0 ? 2 : s.p[0] < 0xf0 ? 3
								: 4;
	return n <= s.n && span_is_utf8(span_of(s.p, n)) ? n : 0;
}

static bool is_between(const uint8_t *p, uint8_t low, uint8_t high)
{
	return p[2] >= low && p[2] <= high;
}

/* Control characters, line ends, and what turns the direction of text
 * (U+200E/F, U+2028 to U+202E, U+2066 to U+2069). */
static bool is_hidden(const uint8_t *p, size_t n)
{
	if (n == 1)
		return p[0] < 0x20 || p[0] == 0x7f;
	if (n == 2)
		return p[0] == 0xc2 && p[1] < 0xa0;
	if (n != 3 || p[0] != 0xe2)
		return false;
	return p[1] == 0x80 ? is_between(p, 0x8e, 0x8f) ||
			      is_between(p, 0xa8, 0xae)
			    : p[1] == 0x81 && is_between(p, 0xa6, 0xa9);
}

static void put_text(char *dst, size_t cap, struct span s)
{
	size_t n = 0;
	while (s.n > 0) {
		size_t len = char_len(s);
		bool is_bad = len == 0 || is_hidden(s.p, len);
		size_t put = is_bad ? 1 : len;
		if (n + put + 1 > cap)
			break;
		if (is_bad)
			dst[n] = '?';
		else
			memcpy(dst + n, s.p, len);
		n += put;
		len += len == 0;
		s = span_of(s.p + len, s.n - len);
	}
	dst[n] = 0;
}

/* --- raising and lowering ------------------------------------------------------ */

static struct slot *find(const struct alarms *t, enum alarm_name name,
			 const char *instance)
{
	if (t->of_name[name] == 0)
		return NULL;
	for (struct list *it = t->raised.next; it != &t->raised;
	     it = it->next) {
		struct slot *s = list_entry(it, struct slot, at);
		if (s->a.name == name && strcmp(s->a.instance, instance) == 0)
			return s;
	}
	return NULL;
}

static int renew(struct alarms *t, struct alarm *a, struct span details,
		 int64_t wall_us)
{
	a->times++;
	a->renewed_us = wall_us;
	if (details.n > 0)
		put_text(a->details, sizeof(a->details), details);
	t->stats.renewed++;
	return 0;
}

int alarm_raise(struct alarms *t, enum alarm_name name, struct span instance,
		struct span details, int64_t wall_us)
{
	char text[ALARM_INSTANCE_MAX];
	if (!is_name(name))
		return E_INVAL;
	put_text(text, sizeof(text), instance);
	struct slot *s = find(t, name, text);
	if (s != NULL)
		return renew(t, &s->a, details, wall_us);
	if (list_is_empty(&t->unused) ||
	    t->of_name[name] >= ALARM_PER_NAME_MAX) {
		t->stats.dropped++;
		return E_FULL;
	}
	s = list_entry(t->unused.next, struct slot, at);
	list_del(&s->at);
	s->a = (struct alarm){
		.id = ++t->last_id, .name = name, .level = names[name].level,
		.raised_us = wall_us, .renewed_us = wall_us, .times = 1};
	memcpy(s->a.instance, text, sizeof(text));
	put_text(s->a.details, sizeof(s->a.details), details);
	list_add_tail(&t->raised, &s->at);
	t->of_name[name]++;
	t->stats.raised++;
	return 1;
}

static void lower(struct alarms *t, struct slot *s, int64_t wall_us)
{
	s->a.lowered_us = wall_us;
	t->past[t->n_past++ % ALARM_PAST_MAX] = s->a;
	t->of_name[s->a.name]--;
	t->stats.lowered++;
	list_del(&s->at);
	list_add_tail(&t->unused, &s->at);
}

int alarm_lower(struct alarms *t, enum alarm_name name, struct span instance,
		int64_t wall_us)
{
	char text[ALARM_INSTANCE_MAX];
	if (!is_name(name))
		return 0;
	put_text(text, sizeof(text), instance);
	struct slot *s = find(t, name, text);
	if (s == NULL)
		return 0;
	lower(t, s, wall_us);
	return 1;
}

unsigned alarm_lower_all(struct alarms *t, enum alarm_name name,
			 struct span prefix, int64_t wall_us)
{
	char text[ALARM_INSTANCE_MAX];
	unsigned n = 0;
	put_text(text, sizeof(text), prefix);
	list_each(it, tmp, &t->raised) {
		struct slot *s = list_entry(it, struct slot, at);
		if (s->a.name != name ||
		    !span_starts(span_str(s->a.instance), span_str(text)))
			continue;
		lower(t, s, wall_us);
		n++;
	}
	return n;
}

int alarm_acknowledge(struct alarms *t, uint64_t id)
{
	list_each(it, tmp, &t->raised) {
		struct slot *s = list_entry(it, struct slot, at);
		if (s->a.id != id)
			continue;
		s->a.acknowledged = true;
		return 0;
	}
	return E_NOTFOUND;
}

/* --- looking -------------------------------------------------------------------- */

const struct alarm *alarm_next(const struct alarms *t, uint64_t after)
{
	for (struct list *it = t->raised.next; it != &t->raised;
	     it = it->next) {
		struct slot *s = list_entry(it, struct slot, at);
		if (s->a.id > after)
			return &s->a;
	}
	return NULL;
}

static uint32_t past_count(const struct alarms *t)
{
	return t->n_past < ALARM_PAST_MAX ? (uint32_t)t->n_past
					  : ALARM_PAST_MAX;
}

const struct alarm *alarm_past(const struct alarms *t, uint64_t before)
{
	bool take = before == 0;
	for (uint32_t i = 1; i <= past_count(t); i++) {
		const struct alarm *a =
			&t->past[(t->n_past - i) % ALARM_PAST_MAX];
		if (take)
			return a;
		take = a->id == before;
	}
	return NULL;
}

const struct alarm *alarm_find(const struct alarms *t, enum alarm_name name,
			       struct span instance)
{
	char text[ALARM_INSTANCE_MAX];
	if (!is_name(name))
		return NULL;
	put_text(text, sizeof(text), instance);
	struct slot *s = find(t, name, text);
	return s ? &s->a : NULL;
}

void alarm_get_stats(const struct alarms *t, struct alarm_stats *out)
{
	*out = t->stats;
	out->active = 0;
	for (int i = 0; i < ALARM_COUNT; i++)
		out->active += t->of_name[i];
	out->past = past_count(t);
}
