// Where a person's own tile stands in the composed picture. The numbers come
// from the composer's own table (layouts.json is generated from it and a test
// compares the two).
import table from './layouts.json';

export interface Rect {
  left: number;
  top: number;
  width: number;
  height: number;
}

// In per cent of the picture; null when the person has no tile in it.
export function ownTile(view: string, participants: readonly string[], own: string): Rect | null {
  const slot = participants.indexOf(own);
  if (slot < 0) return null;
  const rows = table.filter((row) => row.view === view);
  const row = rows.find((r) => participants.length <= r.max_used) ?? rows[rows.length - 1];
  const cell = row?.cells[slot];
  if (!row || !cell) return null;
  const [x = 0, y = 0, w = 0, h = 0] = cell;
  const unit = 100 / row.grid;
  return { left: x * unit, top: y * unit, width: w * unit, height: h * unit };
}
