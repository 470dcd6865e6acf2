// Where a person's tile stands in the composed picture. The numbers come
// from the composer's own table (layouts.json is generated from it and a test
// compares the two).
import table from './layouts.json';

export interface Rect {
  left: number;
  top: number;
  width: number;
  height: number;
}

interface Row {
  grid: number;
  cells: number[][];
}

function rowFor(view: string, used: number): Row | undefined {
  const rows = table.filter((row) => row.view === view);
  return rows.find((r) => used <= r.max_used) ?? rows[rows.length - 1];
}

function rect(grid: number, cell: number[] | undefined): Rect | null {
  if (!cell) return null;
  const [x = 0, y = 0, w = 0, h = 0] = cell;
  const unit = 100 / grid;
  return { left: x * unit, top: y * unit, width: w * unit, height: h * unit };
}

// In per cent of the picture; null when the person has no tile in it.
export function tileOf(view: string, participants: readonly string[], own: string): Rect | null {
  const slot = participants.indexOf(own);
  const row = rowFor(view, participants.length);
  return slot < 0 || !row ? null : rect(row.grid, row.cells[slot]);
}

// A place where the picture shows nobody, for the view of oneself when the
// others have the picture among themselves: the layout's next cell, or the
// room below its column. Null when there is none.
export function freeTile(view: string, used: number): Rect | null {
  const row = rowFor(view, used);
  if (!row || used < 2) return null;
  if (used < row.cells.length) return rect(row.grid, row.cells[used]);
  const [x = 0, y = 0, w = 0, h = 0] = row.cells[used - 1] ?? [];
  const below = [x, y + h, w, h];
  const full = y + 2 * h > row.grid || row.cells.some((c) => overlap(c, below));
  return full ? null : rect(row.grid, below);
}

function overlap(a: number[], b: number[]): boolean {
  const [ax = 0, ay = 0, aw = 0, ah = 0] = a;
  const [bx = 0, by = 0, bw = 0, bh = 0] = b;
  return ax < bx + bw && bx < ax + aw && ay < by + bh && by < ay + ah;
}

// The composer's gap and corners, in pixels of the picture it sends: they
// depend on the picture's shorter side (see the composer's style).
export function tileTrim(width: number, height: number): { gap: number; radius: number } {
  const side = Math.min(width, height);
  return side >= 540 ? { gap: 2, radius: 12 } : side >= 300 ? { gap: 2, radius: 6 } : { gap: 0, radius: 0 };
}
