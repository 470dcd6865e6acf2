#include "video/text/text.h"

#include "base/alloc.h"
#include "base/list.h"
#include "base/map.h"
#include "base/wr.h"
#include "video/text/draw.h"

enum kind { KIND_LABEL = 1, KIND_CARD, KIND_SPLASH };
enum { KEY_MAX = 16 + TEXT_NAME_MAX };

struct entry {
	struct list lru;		/* the front is the longest unused */
	struct sprite sprite;
	uint64_t bytes;
	size_t key_n;
	uint8_t key[KEY_MAX];
};

struct text {
	struct fonts *fonts;
	struct map *map;
	struct list lru;
	unsigned draws_left;
	struct text_stats stats;
};

/* What is to be drawn; also the key of the cache. */
struct want {
	enum kind kind;
	unsigned a, b;			/* sizes */
	unsigned color;
	struct span text;
	const struct splash_text *splash;
};

int text_new(struct text **out)
{
	struct text *t = mem_zalloc(sizeof(*t));
	int r;

	if (!t)
		return E_NOMEM;
	list_init(&t->lru);
	t->draws_left = TEXT_DRAWS_PER_TURN;
	r = map_new(&t->map, TEXT_CACHE_MAX);
	if (r == 0)
		r = fonts_new(&t->fonts);
	if (r < 0)
		text_free(&t);
	else
		*out = t;
	return r;
}

static void entry_free(struct text *t, struct entry *e)
{
	if (e->bytes) {
		t->stats.bytes -= e->bytes;
		t->stats.entries--;
	}
	list_del(&e->lru);
	sprite_release(&e->sprite);
	mem_free(e);
}

void text_free(struct text **t)
{
	if (!*t)
		return;
	list_each(it, tmp, &(*t)->lru)
		entry_free(*t, list_entry(it, struct entry, lru));
	map_free(&(*t)->map);
	fonts_free(&(*t)->fonts);
	mem_free(*t);
	*t = NULL;
}

void text_turn(struct text *t)
{
	t->draws_left = TEXT_DRAWS_PER_TURN;
}

static struct span make_key(uint8_t buf[KEY_MAX], const struct want *w)
{
	struct wr wr = wr_of(buf, KEY_MAX);
	struct span key = SPAN_NONE;

	wr_u8(&wr, (uint8_t)w->kind);
	wr_u16(&wr, (uint16_t)w->a);
	wr_u16(&wr, (uint16_t)w->b);
	wr_u8(&wr, (uint8_t)w->color);
	wr_span(&wr, w->text);
	(void)wr_end(&wr, &key);	/* cannot: text was cut to fit */
	return key;
}

static int draw(struct sprite *out, struct fonts *f, const struct want *w)
{
	struct name name;

	if (w->kind == KIND_SPLASH)
		return draw_splash(out, f, w->splash, w->a, w->b);
	name_clean(&name, w->text);
	if (w->kind == KIND_CARD)
		return draw_card(out, f, &name, w->color, w->a, w->b);
	if (name.n == 0)
		return E_NOTFOUND;
	return draw_label(out, f, &name, w->a, w->b);
}

static uint64_t sprite_bytes(const struct sprite *s)
{
	uint64_t n = sizeof(struct entry) + pic_bytes(s->pic->w, s->pic->h);

	return s->alpha ? n + (uint64_t)s->stride_alpha * s->pic->h : n;
}

static void make_room(struct text *t, uint64_t bytes)
{
	while (!list_is_empty(&t->lru) &&
	       (t->stats.entries >= TEXT_CACHE_MAX ||
		t->stats.bytes + bytes > TEXT_CACHE_BYTES_MAX)) {
		struct entry *e = list_entry(t->lru.next, struct entry, lru);

		(void)map_del(t->map, span_of(e->key, e->key_n));
		entry_free(t, e);
		t->stats.evicted++;
	}
}

static int add(struct text *t, struct span key, const struct want *w,
	       struct entry **out)
{
	struct entry *e = mem_zalloc(sizeof(*e));
	int r;

	if (!e)
		return E_NOMEM;
	list_init(&e->lru);
	memcpy(e->key, key.p, key.n);
	e->key_n = key.n;
	r = draw(&e->sprite, t->fonts, w);
	if (r == 0) {
		make_room(t, sprite_bytes(&e->sprite));
		r = map_put(t->map, key, e);
	}
	if (r < 0) {
		entry_free(t, e);
		return r;
	}
	e->bytes = sprite_bytes(&e->sprite);
	t->stats.bytes += e->bytes;
	t->stats.entries++;
	t->stats.draws++;
	*out = e;
	return 0;
}

static int get(struct text *t, struct want w, const struct sprite **out)
{
	uint8_t buf[KEY_MAX];
	struct span key;
	struct entry *e;
	int r;

	if (w.text.n > TEXT_NAME_MAX)
		w.text.n = TEXT_NAME_MAX;
	key = make_key(buf, &w);
	e = map_get(t->map, key);
	if (e) {
		t->stats.hits++;
		list_del(&e->lru);
	} else {
		if (t->draws_left == 0) {
			t->stats.put_off++;
			return E_AGAIN;
		}
		t->draws_left--;
		r = add(t, key, &w, &e);
		if (r < 0)
			return r;
	}
	list_add_tail(&t->lru, &e->lru);
	*out = &e->sprite;
	return 0;
}

int text_label(struct text *t, struct span name, unsigned cell_w,
	       unsigned cell_h, const struct sprite **out)
{
	if (cell_h < TEXT_CELL_H_MIN || name.n == 0)
		return E_NOTFOUND;
	return get(t, (struct want){.kind = KIND_LABEL, .a = draw_px(cell_h),
				    .b = cell_w * 4 / 5, .text = name}, out);
}

int text_card(struct text *t, struct span name, uint64_t leg, unsigned w,
	      unsigned h, const struct sprite **out)
{
	/* legs are handles: slot and generation, both counting up */
	unsigned color = (unsigned)((leg ^ leg >> 32) % DRAW_COLORS);

	return get(t, (struct want){.kind = KIND_CARD, .a = w, .b = h,
				    .color = color, .text = name}, out);
}

int text_splash(struct text *t, struct span key, unsigned w, unsigned h,
		const struct sprite **out)
{
	const struct splash_text *s = splash_find(key);

	if (!s)
		return E_NOTFOUND;
	return get(t, (struct want){.kind = KIND_SPLASH, .a = w, .b = h,
				    .text = span_str(s->key), .splash = s},
		   out);
}

bool text_has_splash(struct span key)
{
	return splash_find(key) != NULL;
}

void text_stats(const struct text *t, struct text_stats *out)
{
	*out = t->stats;
}
