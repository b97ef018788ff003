/**
 * All images, of which only those in sight are drawn. The window scrolls, so that phones hide their address bar.
 *
 * When tiles come or go above, what is in sight stays where it is. The place also survives a reload.
 */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { loaded, loading, loadMore, complete, tiles, type Tile } from "../state/gallery";
import { heightOf, layoutOf, positionOf, rangeInSight, type Layout } from "../state/layout";
import { generated } from "../state/make";
import { keepPlace, placeBefore, type Place } from "../state/place";
import { view } from "../state/view";
import { GalleryTile } from "./GalleryTile";

/** Pages are loaded before the end comes into sight. */
const AHEAD_PX = 1_500;

export function Gallery() {
  const box = useRef<HTMLUListElement>(null);
  const [layout, setLayout] = useState<Layout>(() => layoutOf(0));
  const [range, setRange] = useState<[number, number]>([0, 0]);
  const place = useRef<Place | null>(placeBefore);
  const shown = tiles.value;

  const look = (): void => {
    const list = box.current;
    if (list === null || layout.side === 0) return;
    const top = -list.getBoundingClientRect().top;
    const next = rangeInSight(layout, top, innerHeight, shown.length);
    setRange((before) => (before[0] === next[0] && before[1] === next[1] ? before : next));
    if (view.peek() === null) rememberPlace(top);
    if (top + innerHeight + AHEAD_PX > heightOf(layout, shown.length)) void loadMore();
  };

  const rememberPlace = (top: number): void => {
    if (place.current !== null && !loaded.peek()) return; // The place of before the reload is still to come.
    const index = Math.floor(Math.max(0, top) / layout.rowHeight) * layout.columns;
    const tile = shown[index];
    place.current = top > 0 && tile !== undefined ? { tile: tile.key, offset: top % layout.rowHeight } : null;
    keepPlace(place.current);
  };

  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => setLayout(layoutOf(entry?.contentRect.width ?? 0)));
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    const list = box.current!;
    const index = place.current === null ? -1 : shown.findIndex(({ key }) => key === place.current?.tile);
    if (index >= 0 && layout.side > 0) {
      const top = list.getBoundingClientRect().top + scrollY + positionOf(layout, index).top;
      const target = Math.round(top + (place.current?.offset ?? 0));
      if (Math.abs(target - scrollY) > 1) scrollTo({ top: target, behavior: "instant" });
    }
    look();
  }, [shown, layout]);

  useEffect(() => {
    addEventListener("scroll", look, { passive: true });
    return () => removeEventListener("scroll", look);
  }, [shown, layout]);

  useEffect(() => {
    if (generated.value === 0) return;
    place.current = null;
    scrollTo({ top: 0 });
  }, [generated.value]);

  return (
    <section class="gallery" aria-label="Images" aria-busy={loading.value}>
      {loaded.value && shown.length === 0 && <Empty />}
      <ul ref={box} class="tiles" style={{ height: `${heightOf(layout, shown.length)}px` }} onKeyDown={(event) => walk(event, layout)}>
        {shown.slice(...range).map((tile, offset) => (
          <PlacedTile key={tile.key} tile={tile} index={range[0] + offset} count={shown.length} layout={layout} />
        ))}
      </ul>
      {!complete.value && <p class="hint center">Loading…</p>}
    </section>
  );
}

interface PlacedProps {
  tile: Tile;
  index: number;
  count: number;
  layout: Layout;
}

function PlacedTile({ tile, index, count, layout }: PlacedProps) {
  const { left, top } = positionOf(layout, index);
  const side = `${layout.side}px`;
  return (
    <li
      class="tile"
      data-index={index}
      aria-setsize={complete.value ? count : -1}
      aria-posinset={index + 1}
      style={{ width: side, height: side, transform: `translate(${left}px, ${top}px)` }}
    >
      <GalleryTile tile={tile} />
    </li>
  );
}

function Empty() {
  return (
    <div class="empty">
      <p>Your images appear here.</p>
      <p class="hint">Write a prompt and press Generate, or drop an image file that Darkroom made to get its settings back.</p>
    </div>
  );
}

/** Arrow keys go from tile to tile. */
function walk(event: KeyboardEvent, { columns }: Layout): void {
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  const from = event.target instanceof HTMLElement ? event.target.closest("li") : null;
  if (by === undefined || from === null) return;
  const next = document.querySelector<HTMLElement>(`li[data-index="${Number(from.dataset["index"]) + by}"] .open`);
  if (next === null) return;
  event.preventDefault();
  next.focus();
}
