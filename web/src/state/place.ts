/** Where the gallery was scrolled to, kept over a reload for as long as the tab is open. */
export interface Place {
  /** Key of the first tile in sight: the job's id and the image's index. */
  tile: string;
  /** Pixels of the tile's row that are out of sight. */
  offset: number;
}

const NAME = "darkroom.place";

export const placeBefore: Place | null = read();

export function keepPlace(place: Place | null): void {
  if (place === null) sessionStorage.removeItem(NAME);
  else sessionStorage.setItem(NAME, JSON.stringify(place));
}

function read(): Place | null {
  try {
    const found = JSON.parse(sessionStorage.getItem(NAME) ?? "null") as Place | null;
    return typeof found?.tile === "string" && typeof found.offset === "number" ? found : null;
  } catch {
    return null;
  }
}
