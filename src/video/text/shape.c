#include "video/text/shape.h"

#include <assert.h>
#include <fcntl.h>
#include <fribidi.h>
#include <ft2build.h>
#include FT_FREETYPE_H
#include <hb.h>
#include <hb-ot.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"

/* The first two come with fonts-dejavu-core and cover Latin, Greek, Cyrillic,
 * Arabic, Hebrew, Armenian, Georgian; the others are used when an
 * administrator installed them. */
static const char *const paths[] = {
	"/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
	"/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
	"/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
	"/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
	"/usr/share/fonts/truetype/noto/NotoSansDevanagari-Regular.ttf",
	"/usr/share/fonts/truetype/noto/NotoSansThai-Regular.ttf",
	"/usr/share/fonts/truetype/noto/NotoSansBengali-Regular.ttf",
	"/usr/share/fonts/truetype/noto/NotoSansTamil-Regular.ttf",
};
enum { PATHS = sizeof(paths) / sizeof(paths[0]), FONT_TEXT = 0, FONT_BOLD = 1,
       FONT_BYTES_MAX = 64 * 1024 * 1024, ELLIPSIS = 0x2026, RUNS_MAX = 64,
       GLYPHS_MAX = 512, SUB = 64 };
static_assert((int)PATHS <= (int)SHAPE_FONTS_MAX, "table of fonts");

struct font {
	void *map;
	size_t size;
	FT_Face ft;
	hb_face_t *hb_face;
	hb_font_t *hb;
	bool bold;
};

struct fonts {
	FT_Library lib;
	struct font at[SHAPE_FONTS_MAX];
	unsigned n;
	hb_buffer_t *buf;
	hb_language_t language;
};

struct glyph {
	uint8_t font;
	uint32_t id;
	int x, y;		/* 1/64 pixel from the line's start */
};

struct line {
	struct fonts *fonts;
	unsigned px;
	int width;		/* 1/64 pixel */
	unsigned n;
	struct glyph glyphs[GLYPHS_MAX];
};

/* --- fonts --- */

static int map_file(struct font *f, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *p = MAP_FAILED;

	if (fd < 0)
		return E_NOTFOUND;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= FONT_BYTES_MAX)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd,
			 0);
	(void)close(fd);	/* read only: nothing can be lost */
	if (p == MAP_FAILED)
		return E_SYS;
	f->map = p;
	f->size = (size_t)st.st_size;
	return 0;
}

static void font_release(struct font *f)
{
	hb_font_destroy(f->hb);
	hb_face_destroy(f->hb_face);
	if (f->ft)
		(void)FT_Done_Face(f->ft);	/* fails only on NULL */
	if (f->map)
		(void)munmap(f->map, f->size);
	*f = (struct font){0};
}

static int font_open(struct fonts *fs, struct font *f, const char *path)
{
	hb_blob_t *blob;
	int r = map_file(f, path);

	if (r < 0)
		return r;
	if (FT_New_Memory_Face(fs->lib, f->map, (FT_Long)f->size, 0, &f->ft)) {
		font_release(f);
		return E_FORMAT;
	}
	blob = hb_blob_create(f->map, (unsigned)f->size,
			      HB_MEMORY_MODE_READONLY, NULL, NULL);
	f->hb_face = hb_face_create(blob, 0);
	hb_blob_destroy(blob);
	f->hb = hb_font_create(f->hb_face);
	hb_ot_font_set_funcs(f->hb);
	return 0;
}

void fonts_free(struct fonts **f)
{
	if (!*f)
		return;
	for (unsigned i = 0; i < (*f)->n; i++)
		font_release(&(*f)->at[i]);
	hb_buffer_destroy((*f)->buf);
	if ((*f)->lib)
		(void)FT_Done_FreeType((*f)->lib);
	mem_free(*f);
	*f = NULL;
}

/* Draws with every font once, so that each lazily built table of the
 * libraries is there before the walls close. */
static int warm_up(struct fonts *f)
{
	static const uint32_t some[] = {'A', 'g', 0xe9, 0x3a9, 0x416, 0x5d0,
					0x628, 0x627, 0x0915, 0x0e01, 0x4e2d,
					0xac00, ELLIPSIS, 0xffff};
	uint8_t pixels[32 * 256] = {0};
	struct mask m = {pixels, 256, 256, 32};
	struct line *l;

	for (unsigned bold = 0; bold < 2; bold++) {
		const struct line_cfg cfg = {
			some, sizeof(some) / sizeof(some[0]), 16, 200, bold,
			false};
		int r = line_new(&l, f, &cfg);

		if (r < 0)
			return r;
		line_draw(l, &m, 0, 20);
		line_free(&l);
	}
	return 0;
}

int fonts_new(struct fonts **out)
{
	struct fonts *f = mem_zalloc(sizeof(*f));
	int r = E_NOMEM;

	if (!f)
		return E_NOMEM;
	f->buf = hb_buffer_create();
	/* not hb_language_get_default(), which asks the environment */
	f->language = hb_language_from_string("en", 2);
	if (!hb_buffer_allocation_successful(f->buf) ||
	    FT_Init_FreeType(&f->lib))
		goto fail;
	for (unsigned i = 0; i < PATHS; i++) {
		r = font_open(f, &f->at[f->n], paths[i]);
		if (r < 0 && i == FONT_TEXT)
			goto fail;
		if (r < 0)
			continue;
		f->at[f->n].bold = i == FONT_BOLD;
		f->n++;
	}
	r = warm_up(f);
	if (r < 0)
		goto fail;
	*out = f;
	return 0;
fail:
	fonts_free(&f);
	return r;
}

unsigned fonts_count(const struct fonts *f)
{
	return f->n;
}

static bool font_has(const struct font *f, uint32_t cp)
{
	hb_codepoint_t glyph;

	return hb_font_get_nominal_glyph(f->hb, cp, &glyph);
}

/* The first font with a picture of it; the bold one comes first for bold
 * text and never otherwise. */
static unsigned font_for(const struct fonts *f, uint32_t cp, bool bold)
{
	for (unsigned i = 0; bold && i < f->n; i++)
		if (f->at[i].bold && font_has(&f->at[i], cp))
			return i;
	for (unsigned i = 0; i < f->n; i++)
		if (!f->at[i].bold && font_has(&f->at[i], cp))
			return i;
	return FONT_TEXT;
}

bool fonts_has(const struct fonts *f, uint32_t cp)
{
	return font_has(&f->at[font_for(f, cp, false)], cp);
}

/* --- layout --- */

/* A stretch of one direction, one script, one font. */
struct run {
	unsigned start, n;
	FriBidiLevel level;
	uint8_t font;
	hb_script_t script;
};

struct plan {
	unsigned n, runs;
	uint32_t cps[SHAPE_CPS_MAX + 1];
	FriBidiLevel levels[SHAPE_CPS_MAX + 1];
	struct run run[RUNS_MAX];
};

static int find_levels(struct plan *p)
{
	FriBidiCharType types[SHAPE_CPS_MAX + 1];
	FriBidiBracketType brackets[SHAPE_CPS_MAX + 1];
	FriBidiParType dir = FRIBIDI_PAR_ON;
	FriBidiStrIndex n = (FriBidiStrIndex)p->n;

	fribidi_get_bidi_types(p->cps, n, types);
	fribidi_get_bracket_types(p->cps, n, types, brackets);
	return fribidi_get_par_embedding_levels_ex(types, brackets, n, &dir,
						   p->levels)
		? 0 : E_NOMEM;
}

static bool is_shared(hb_script_t s)
{
	return s == HB_SCRIPT_COMMON || s == HB_SCRIPT_INHERITED ||
	       s == HB_SCRIPT_UNKNOWN;
}

/* Whether code point i goes on in run r, and with which font it is drawn.
 * Blanks, marks and punctuation follow what stands before them, as far as the
 * font there knows them. */
static bool joins_run(const struct plan *p, const struct run *r,
		      const struct fonts *f, unsigned i, hb_script_t s,
		      bool bold, unsigned *font)
{
	bool same = r && r->level == p->levels[i] &&
		    (is_shared(s) || is_shared(r->script) || s == r->script);

	if (same && is_shared(s) && font_has(&f->at[r->font], p->cps[i]))
		*font = r->font;
	else
		*font = font_for(f, p->cps[i], bold);
	return same && *font == r->font;
}

static void find_runs(struct plan *p, const struct fonts *f, bool bold)
{
	hb_unicode_funcs_t *uni = hb_unicode_funcs_get_default();
	struct run *r = NULL;
	unsigned font;

	p->runs = 0;
	for (unsigned i = 0; i < p->n; i++) {
		hb_script_t s = hb_unicode_script(uni, p->cps[i]);

		if (joins_run(p, r, f, i, s, bold, &font)) {
			if (is_shared(r->script))
				r->script = s;
			r->n++;
		} else if (p->runs < RUNS_MAX) {
			r = &p->run[p->runs++];
			*r = (struct run){i, 1, p->levels[i], (uint8_t)font,
					  s};
		} else {
			r->n++;		/* drawn with the wrong font */
		}
	}
}

static void reverse_runs(struct run *a, struct run *b)
{
	for (; a < b; a++, b--) {
		struct run t = *a;

		*a = *b;
		*b = t;
	}
}

/* UAX 9 rule L2 on whole runs. */
static void order_runs(struct plan *p)
{
	FriBidiLevel top = 0;

	for (unsigned i = 0; i < p->runs; i++)
		if (p->run[i].level > top)
			top = p->run[i].level;
	for (; top > 0; top--) {
		unsigned i = 0;

		while (i < p->runs) {
			unsigned end = i;

			while (end < p->runs && p->run[end].level >= top)
				end++;
			if (end > i)
				reverse_runs(&p->run[i], &p->run[end - 1]);
			i = end + 1;
		}
	}
}

static int shape_run(struct line *l, const struct plan *p,
		     const struct run *r)
{
	hb_buffer_t *buf = l->fonts->buf;
	const hb_glyph_info_t *info;
	const hb_glyph_position_t *pos;
	hb_font_t *font = l->fonts->at[r->font].hb;
	unsigned n;

	hb_buffer_clear_contents(buf);
	hb_buffer_add_codepoints(buf, p->cps, (int)p->n, r->start, (int)r->n);
	hb_buffer_set_direction(buf, r->level & 1 ? HB_DIRECTION_RTL
						  : HB_DIRECTION_LTR);
	hb_buffer_set_script(buf, r->script);
	hb_buffer_set_language(buf, l->fonts->language);
	hb_font_set_scale(font, (int)l->px * SUB, (int)l->px * SUB);
	hb_shape(font, buf, NULL, 0);
	if (!hb_buffer_allocation_successful(buf))
		return E_NOMEM;
	info = hb_buffer_get_glyph_infos(buf, &n);
	pos = hb_buffer_get_glyph_positions(buf, &n);
	for (unsigned i = 0; i < n && l->n < GLYPHS_MAX; i++) {
		l->glyphs[l->n++] = (struct glyph){
			r->font, info[i].codepoint,
			l->width + pos[i].x_offset, pos[i].y_offset};
		l->width += pos[i].x_advance;
	}
	return 0;
}

/* The first n code points, with an ellipsis behind when `cut`. */
static int lay_out(struct line *l, struct plan *p, const struct line_cfg *cfg,
		   unsigned n, bool cut)
{
	int r;

	while (cut && n > 0 && cfg->cps[n - 1] == ' ')
		n--;
	memcpy(p->cps, cfg->cps, n * sizeof(p->cps[0]));
	if (cut)
		p->cps[n++] = ELLIPSIS;
	p->n = n;
	l->n = 0;
	l->width = 0;
	if (n == 0)
		return 0;
	r = find_levels(p);
	if (r < 0)
		return r;
	find_runs(p, l->fonts, cfg->bold);
	order_runs(p);
	for (unsigned i = 0; i < p->runs && r == 0; i++)
		r = shape_run(l, p, &p->run[i]);
	return r;
}

/* The longest beginning that fits, by halving. */
static int fit_line(struct line *l, struct plan *p,
		    const struct line_cfg *cfg)
{
	unsigned low = 0, high = cfg->n;
	int limit = (int)cfg->max_w * SUB;
	int r = lay_out(l, p, cfg, cfg->n, cfg->cut);

	if (r < 0 || l->width <= limit)
		return r;
	while (high - low > 1) {
		unsigned mid = low + (high - low) / 2;

		r = lay_out(l, p, cfg, mid, true);
		if (r < 0)
			return r;
		if (l->width <= limit)
			low = mid;
		else
			high = mid;
	}
	return lay_out(l, p, cfg, low, true);
}

int line_new(struct line **out, struct fonts *f, const struct line_cfg *cfg)
{
	struct line *l;
	struct plan p;
	int r;

	if (cfg->n > SHAPE_CPS_MAX || cfg->px < SHAPE_PX_MIN ||
	    cfg->px > SHAPE_PX_MAX || cfg->max_w > PIC_WIDTH_MAX)
		return E_LIMIT;
	l = mem_zalloc(sizeof(*l));
	if (!l)
		return E_NOMEM;
	l->fonts = f;
	l->px = cfg->px;
	r = fit_line(l, &p, cfg);
	if (r < 0) {
		mem_free(l);
		return r;
	}
	*out = l;
	return 0;
}

void line_free(struct line **l)
{
	mem_free(*l);
	*l = NULL;
}

unsigned line_width(const struct line *l)
{
	return (unsigned)((l->width + SUB - 1) / SUB);
}

/* --- pixels --- */

static void add_row(uint8_t *dst, int w, const uint8_t *src, int x, int n)
{
	for (int col = 0; col < n; col++) {
		unsigned sum;

		if (x + col < 0 || x + col >= w)
			continue;
		sum = dst[x + col] + (unsigned)src[col];
		dst[x + col] = (uint8_t)(sum > 255 ? 255 : sum);
	}
}

static void add_bitmap(struct mask *m, const FT_Bitmap *b, int x, int y)
{
	for (int row = 0; row < (int)b->rows; row++)
		if (y + row >= 0 && y + row < m->h)
			add_row(m->p + (ptrdiff_t)(y + row) * m->stride, m->w,
				b->buffer + (ptrdiff_t)row * b->pitch, x,
				(int)b->width);
}

void line_draw(struct line *l, struct mask *m, int x, int y)
{
	for (unsigned i = 0; i < l->n; i++) {
		const struct glyph *g = &l->glyphs[i];
		FT_Face ft = l->fonts->at[g->font].ft;
		FT_Vector sub = {g->x & (SUB - 1), g->y & (SUB - 1)};

		/* a glyph that cannot be drawn is left out */
		if (FT_Set_Pixel_Sizes(ft, 0, l->px))
			continue;
		FT_Set_Transform(ft, NULL, &sub);
		if (FT_Load_Glyph(ft, g->id, FT_LOAD_NO_HINTING) ||
		    FT_Render_Glyph(ft->glyph, FT_RENDER_MODE_NORMAL) ||
		    ft->glyph->bitmap.pixel_mode != FT_PIXEL_MODE_GRAY)
			continue;
		add_bitmap(m, &ft->glyph->bitmap,
			   x + (g->x >> 6) + ft->glyph->bitmap_left,
			   y - (g->y >> 6) - ft->glyph->bitmap_top);
	}
}
