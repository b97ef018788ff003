/** Line icons on a grid of 24, drawn here. All are decoration: what they stand for is said beside them. */
const PATHS = {
  close: "M6 6l12 12M18 6L6 18",
  previous: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  trash: "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12",
  compare: "M4 5h7v14H4zM13 5h7v14h-7z",
  dice: "M5 5h14v14H5zM9 9h.01M15 9h.01M12 12h.01M9 15h.01M15 15h.01",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 017 0v3",
  unlock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 016.6-1.6",
  swap: "M7 4v13M4 14l3 3 3-3M17 20V7M14 10l3-3 3 3",
  grid: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z",
  moon: "M20 14.5A8 8 0 019.5 4 8 8 0 1020 14.5z",
  sun: "M12 8a4 4 0 100 8 4 4 0 000-8zM12 3v1M12 20v1M3 12h1M20 12h1M5.6 5.6l.7.7M17.7 17.7l.7.7M5.6 18.4l.7-.7M17.7 6.3l.7-.7",
  auto: "M12 4a8 8 0 100 16zM12 4a8 8 0 010 16",
  restore: "M4 15v4h16v-4M12 4v10M8 8l4-4 4 4",
  brush: "M4 20c3 0 5-1 5-4 0-1-1-2-2-2-3 0-1 4-3 6zM9 14l9-10 2 2-9 10z",
  undo: "M9 5L5 9l4 4M5 9h9a5 5 0 010 10h-3",
  again: "M5 12a7 7 0 1 1 2 5M5 12V7M5 12h5",
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
