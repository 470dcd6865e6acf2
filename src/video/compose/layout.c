#include "video/compose/layout.h"

static const struct layout_cell full[] = {{0, 0, 1, 1}};

static const struct layout_cell main_1[] = {{0, 1, 6, 6}, {6, 3, 2, 2}};
static const struct layout_cell main_2[] = {
	{0, 1, 6, 6}, {6, 2, 2, 2}, {6, 4, 2, 2}};
static const struct layout_cell main_3[] = {
	{0, 1, 6, 6}, {6, 1, 2, 2}, {6, 3, 2, 2}, {6, 5, 2, 2}};
static const struct layout_cell main_4[] = {
	{0, 1, 6, 6}, {6, 0, 2, 2}, {6, 2, 2, 2}, {6, 4, 2, 2}, {6, 6, 2, 2}};
static const struct layout_cell main_7[] = {
	{0, 0, 3, 3}, {3, 0, 1, 1}, {3, 1, 1, 1}, {3, 2, 1, 1},
	{3, 3, 1, 1}, {0, 3, 1, 1}, {1, 3, 1, 1}, {2, 3, 1, 1}};

#define ROW2(y) {0, y, 1, 1}, {1, y, 1, 1}
#define ROW3(y) ROW2(y), {2, y, 1, 1}
#define ROW4(y) ROW3(y), {3, y, 1, 1}
#define ROW5(y) ROW4(y), {4, y, 1, 1}
static const struct layout_cell grid_2[] = {ROW2(0), ROW2(1)};
static const struct layout_cell grid_3[] = {ROW3(0), ROW3(1), ROW3(2)};
static const struct layout_cell grid_4[] = {
	ROW4(0), ROW4(1), ROW4(2), ROW4(3)};
static const struct layout_cell grid_5[] = {
	ROW5(0), ROW5(1), ROW5(2), ROW5(3), ROW5(4)};

#define L(view, used, grid, cells) \
	{view, used, grid, sizeof(cells) / sizeof(cells[0]), cells}
/* Of one view, rows stand in the order of max_used; the last is its full
 * size. */
static const struct layout table[] = {
	L("1:0", 1, 1, full),
	L("1:7", 1, 1, full),
	L("1:7", 2, 8, main_1),
	L("1:7", 3, 8, main_2),
	L("1:7", 4, 8, main_3),
	L("1:7", 5, 8, main_4),
	L("1:7", 8, 4, main_7),
	L("4:0", 1, 1, full),
	L("4:0", 4, 2, grid_2),
	L("9:0", 1, 1, full),
	L("9:0", 4, 2, grid_2),
	L("9:0", 9, 3, grid_3),
	L("16:0", 1, 1, full),
	L("16:0", 4, 2, grid_2),
	L("16:0", 9, 3, grid_3),
	L("16:0", 16, 4, grid_4),
	L("25:0", 1, 1, full),
	L("25:0", 4, 2, grid_2),
	L("25:0", 9, 3, grid_3),
	L("25:0", 16, 4, grid_4),
	L("25:0", 25, 5, grid_5),
};
#define ROWS (sizeof(table) / sizeof(table[0]))

const struct layout *layout_row(unsigned i)
{
	return i < ROWS ? &table[i] : NULL;
}

const struct layout *layout_find(struct span view, unsigned used)
{
	const struct layout *best = NULL;

	for (unsigned i = 0; i < ROWS; i++) {
		if (!span_eq(view, span_str(table[i].view)))
			continue;
		best = &table[i];
		if (used <= best->max_used)
			break;
	}
	return best;
}

unsigned layout_slots(struct span view)
{
	const struct layout *l = layout_find(view, LAYOUT_SLOTS_MAX);

	return l ? l->n : 0;
}

static uint16_t part(unsigned whole, unsigned num, unsigned den)
{
	return (uint16_t)((whole * num / den) & ~1u);
}

/* Rounding down to even keeps neighbours apart: even(a) + even(b) never
 * exceeds even(a + b). */
struct layout_rect layout_rect(const struct layout *l, unsigned slot,
			       uint16_t canvas_w, uint16_t canvas_h)
{
	const struct layout_cell *c = &l->cells[slot];

	return (struct layout_rect){
		.x = part(canvas_w, c->x, l->grid),
		.y = part(canvas_h, c->y, l->grid),
		.w = part(canvas_w, c->w, l->grid),
		.h = part(canvas_h, c->h, l->grid),
	};
}
