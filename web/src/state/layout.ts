/** Where the gallery's tiles are, so that only those in sight need to exist. */
export interface Layout {
  columns: number;
  /** Pixels of a tile's side. */
  side: number;
  /** Pixels from the top of a row to the top of the next. */
  rowHeight: number;
  gap: number;
}

export function layoutOf(width: number): Layout {
  const narrow = width < 480;
  const gap = narrow ? 8 : 12;
  const columns = Math.max(2, Math.floor((width + gap) / ((narrow ? 150 : 180) + gap)));
  const side = Math.max(0, (width - (columns - 1) * gap) / columns);
  return { columns, side, rowHeight: side + gap, gap };
}

export function heightOf(layout: Layout, tiles: number): number {
  return Math.max(0, Math.ceil(tiles / layout.columns) * layout.rowHeight - layout.gap);
}

/** The tiles in sight, and some rows more on both sides. `top` is the gallery's first pixel in sight. */
export function rangeInSight(layout: Layout, top: number, height: number, tiles: number): [first: number, end: number] {
  const around = 3;
  const row = (pixel: number): number => Math.floor(pixel / layout.rowHeight);
  const first = Math.max(0, row(top) - around) * layout.columns;
  const end = (Math.max(0, row(top + height)) + 1 + around) * layout.columns;
  return [Math.min(first, tiles), Math.min(end, tiles)];
}

export function positionOf(layout: Layout, index: number): { left: number; top: number } {
  const row = Math.floor(index / layout.columns);
  return { left: (index % layout.columns) * (layout.side + layout.gap), top: row * layout.rowHeight };
}
