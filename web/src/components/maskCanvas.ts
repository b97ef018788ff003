/** Draws a mask: what is painted is opaque, the rest transparent. */
import type { Change, Stroke } from "../state/strokes";

const SAMPLE_PX = 64;

type Paint = string | CanvasPattern;

export function redraw(canvas: HTMLCanvasElement, changes: readonly Change[], paint: Paint = stripes(canvas)): void {
  const context = canvas.getContext("2d")!;
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (const change of changes) draw(context, change, paint);
}

/** Draws the last piece of a stroke that goes on. */
export function drawEnd(canvas: HTMLCanvasElement, stroke: Stroke): void {
  draw(canvas.getContext("2d")!, { ...stroke, points: stroke.points.slice(-2) }, stripes(canvas));
}

/** Light and dark, so that they are seen on every color. They are as wide on the screen for images of all sizes. */
function stripes({ width, height }: HTMLCanvasElement): CanvasPattern {
  const period = Math.max(4, Math.round(Math.max(width, height) / 40));
  const tile = document.createElement("canvas");
  tile.width = tile.height = period;
  const context = tile.getContext("2d")!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, period, period);
  context.fillStyle = "#c81e5b";
  const half = period / 2;
  context.fill(new Path2D(`M0 0H${half}L0 ${half}ZM${period} 0V${half}L${half} ${period}H0Z`));
  return context.createPattern(tile, "repeat")!;
}

function draw(context: CanvasRenderingContext2D, change: Change, paint: Paint): void {
  const { width, height } = context.canvas;
  context.save();
  context.fillStyle = context.strokeStyle = paint;
  if (change.kind === "clear") context.clearRect(0, 0, width, height);
  else if (change.kind === "invert") {
    context.globalCompositeOperation = "xor";
    context.fillRect(0, 0, width, height);
  } else drawStroke(context, change);
  context.restore();
}

function drawStroke(context: CanvasRenderingContext2D, { kind, radius, points }: Stroke): void {
  const [first, ...others] = points;
  if (first === undefined) return;
  if (kind === "erase") context.globalCompositeOperation = "destination-out";
  context.beginPath();
  context.arc(first.x, first.y, radius, 0, 2 * Math.PI);
  context.fill();
  context.lineWidth = 2 * radius;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  context.moveTo(first.x, first.y);
  for (const { x, y } of others) context.lineTo(x, y);
  context.stroke();
}

/** The share of the image that is painted, nearly. It is 0 only where nothing is. */
export function shareOf(canvas: HTMLCanvasElement): number {
  const small = document.createElement("canvas");
  small.width = small.height = SAMPLE_PX;
  const context = small.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(canvas, 0, 0, SAMPLE_PX, SAMPLE_PX);
  const { data } = context.getImageData(0, 0, SAMPLE_PX, SAMPLE_PX);
  return data.reduce((sum, value, at) => (at % 4 === 3 ? sum + value : sum), 0) / (255 * SAMPLE_PX ** 2);
}

/** The mask as a file: white where it is painted, else black. */
export async function maskFile(changes: readonly Change[], width: number, height: number): Promise<Blob> {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  redraw(canvas, changes, "#fff");
  const context = canvas.getContext("2d")!;
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "#000";
  context.fillRect(0, 0, width, height);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob === null ? reject(new Error("the canvas gave no file")) : resolve(blob)), "image/png"),
  );
}
