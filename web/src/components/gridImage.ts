/** Draws a grid with its labels into one image, and hands it over as a file. */
import { entrySignal, keyOf } from "../state/entries";
import { labelOf, type Grid } from "../state/grid";
import { say } from "../state/status";
import { srcOf } from "./sources";

const LABEL_PX = 28;
const GAP_PX = 4;

export async function saveGrid(grid: Grid): Promise<void> {
  const images = await Promise.all(grid.jobs.map(loaded));
  const first = images.find((image) => image !== null);
  if (!first) return say("None of the images of this grid is finished yet.", "error");
  const canvas = drawn(grid, images, first.naturalWidth, first.naturalHeight);
  canvas.toBlob((blob) => blob !== null && download(blob));
}

async function loaded(job: string | null): Promise<HTMLImageElement | null> {
  const entry = job === null ? undefined : entrySignal(keyOf(job) ?? "")?.peek();
  const url = entry?.images[0]?.url;
  if (url === undefined) return null;
  const image = new Image();
  image.src = srcOf(url);
  return image.decode().then(
    () => image,
    () => null,
  );
}

function drawn(grid: Grid, images: (HTMLImageElement | null)[], width: number, height: number): HTMLCanvasElement {
  const columns = Math.max(1, grid.x.values.length);
  const rows = Math.max(1, grid.y.values.length);
  const left = grid.y.values.length > 0 ? Math.max(110, width / 3) : 0;
  const canvas = document.createElement("canvas");
  canvas.width = left + columns * (width + GAP_PX);
  canvas.height = LABEL_PX + rows * (height + GAP_PX);
  const context = canvas.getContext("2d")!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = "#222";
  context.font = "13px system-ui, sans-serif";
  context.textBaseline = "middle";
  grid.x.values.forEach((_, index) => context.fillText(labelOf(grid.x, index), left + index * (width + GAP_PX) + 4, LABEL_PX / 2, width - 8));
  grid.y.values.forEach((_, index) => context.fillText(labelOf(grid.y, index), 4, LABEL_PX + index * (height + GAP_PX) + height / 2, left - 8));
  images.forEach((image, index) => {
    const [column, row] = [index % columns, Math.floor(index / columns)];
    if (image) context.drawImage(image, left + column * (width + GAP_PX), LABEL_PX + row * (height + GAP_PX), width, height);
  });
  return canvas;
}

function download(blob: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = "grid.png";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
