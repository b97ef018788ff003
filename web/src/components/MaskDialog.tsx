/** Paints over the start image what is to be made anew: with a mouse, a finger, a pen or the keys. */
import { signal, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { settings } from "../state/settings";
import { maskWith, sent, type Sent } from "../state/startImage";
import { addChange, changes, movedBy, pixelAt, undoChange, type Point, type Stroke } from "../state/strokes";
import { close } from "../state/view";
import { Dialog } from "./Dialog";
import { Icon } from "./icons";
import { drawEnd, maskFile, redraw, shareOf } from "./maskCanvas";

/** Per cent of the image's shorter side. */
const brush = signal(14);
const kind = signal<Stroke["kind"]>("paint");
const BRUSH_STEP = 2;

export function MaskDialog() {
  const image = sent.value[settings.image.value];
  useEffect(() => {
    if (image === undefined) close();
  }, [image === undefined]);
  return image === undefined ? null : <Painter image={image} />;
}

function Painter({ image }: { image: Sent }) {
  const [share, setShare] = useState(0);
  const [saving, setSaving] = useState(false);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    undoChange();
  };
  const use = async (): Promise<void> => {
    setSaving(true);
    const done = await maskWith(await maskFile(changes.peek(), image.width, image.height));
    setSaving(false);
    if (done) close();
  };
  return (
    <Dialog label="Paint the mask" class="painter" onKeyDown={onKeyDown}>
      <h2>Paint what is to be made anew</h2>
      <Easel image={image} onShare={setShare} />
      <Tools />
      <div class="row">
        <button type="button" class="primary" disabled={share === 0 || saving} onClick={() => void use()}>
          Use this mask
        </button>
        <p class="hint grow" role="status">
          {share === 0 ? "Nothing is painted yet." : `${Math.max(1, Math.round(100 * share))} % of the image is made anew.`}
        </p>
      </div>
      <p class="hint" id="easel-help">
        Keys on the image: arrows move the brush, Space paints, Shift with an arrow paints a line, E changes to the eraser and back, [ and ] change
        the brush, Ctrl+Z undoes.
      </p>
    </Dialog>
  );
}

interface EaselProps {
  image: Sent;
  /** Told after each change. */
  onShare: (share: number) => void;
}

function Easel({ image, onShare }: EaselProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const stroke = useRef<Stroke | null>(null);
  const place = useSignal<Point | null>(null);
  const radius = (brush.value / 200) * Math.min(image.width, image.height);
  const all = changes.value;

  useLayoutEffect(() => {
    redraw(canvas.current!, all);
    onShare(shareOf(canvas.current!));
  }, [all]);

  const at = ({ clientX: x, clientY: y }: PointerEvent): Point => pixelAt({ x, y }, canvas.current!.getBoundingClientRect(), image);
  const begin = (event: PointerEvent): void => {
    if (!event.isPrimary || event.button !== 0) return;
    canvas.current!.setPointerCapture(event.pointerId);
    go({ kind: kind.peek(), radius, points: [at(event)] });
  };
  const move = (event: PointerEvent): void => {
    if (!event.isPrimary) return;
    place.value = at(event);
    if (stroke.current !== null) go({ ...stroke.current, points: [...stroke.current.points, place.value] });
  };
  const go = (next: Stroke): void => {
    drawEnd(canvas.current!, next);
    stroke.current = next;
  };
  const end = (): void => {
    if (stroke.current !== null) addChange(stroke.current);
    stroke.current = null;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const from = place.value ?? { x: image.width / 2, y: image.height / 2 };
    const to = movedBy(event.key, from, Math.max(1, radius), image);
    if (to === null && !press(event.key, from, radius)) return;
    event.preventDefault();
    place.value = to ?? from;
    if (to !== null && event.shiftKey) addChange({ kind: kind.peek(), radius, points: [from, to] });
  };
  return (
    <div class="easel" style={{ aspectRatio: `${image.width} / ${image.height}`, "--proportion": String(image.width / image.height) }}>
      <img src={image.url} alt="" draggable={false} />
      <canvas
        ref={canvas}
        width={image.width}
        height={image.height}
        tabIndex={0}
        role="application"
        aria-label="The mask over the image"
        aria-describedby="easel-help"
        onPointerDown={begin}
        onPointerMove={move}
        onPointerUp={end}
        onPointerCancel={end}
        onPointerLeave={() => (place.value = null)}
        onFocus={() => (place.value ??= { x: image.width / 2, y: image.height / 2 })}
        onKeyDown={onKeyDown}
      />
      {place.value !== null && <Brush at={place.value} radius={radius} image={image} />}
    </div>
  );
}

/** Does what a key means but for the arrows. Returns whether it means something. */
function press(key: string, place: Point, radius: number): boolean {
  if (key === " ") addChange({ kind: kind.peek(), radius, points: [place] });
  else if (key === "e" || key === "E") kind.value = kind.peek() === "paint" ? "erase" : "paint";
  else if (key === "[" || key === "]") brush.value = Math.min(80, Math.max(2, brush.peek() + (key === "]" ? BRUSH_STEP : -BRUSH_STEP)));
  else return false;
  return true;
}

/** The brush's outline, in shares of the image. */
function Brush({ at, radius, image }: { at: Point; radius: number; image: Sent }) {
  const [width, height] = [radius / image.width, radius / image.height].map((share) => `${200 * share}%`);
  const [left, top] = [(at.x - radius) / image.width, (at.y - radius) / image.height].map((share) => `${100 * share}%`);
  return <div class="outline" style={{ left, top, width, height }} />;
}

function Tools() {
  const tool = (name: Stroke["kind"], label: string) => (
    <button type="button" aria-pressed={kind.value === name} onClick={() => (kind.value = name)}>
      {label}
    </button>
  );
  const nothing = changes.value.length === 0;
  return (
    <div class="row tools" role="group" aria-label="Tools">
      {tool("paint", "Brush")}
      {tool("erase", "Eraser")}
      <label class="range">
        <span class="label">Size</span>
        <input type="range" min={2} max={80} value={brush.value} onInput={({ currentTarget }) => (brush.value = Number(currentTarget.value))} />
      </label>
      <button type="button" disabled={nothing} onClick={undoChange}>
        <Icon name="undo" />
        <span>Undo</span>
      </button>
      <button type="button" onClick={() => addChange({ kind: "invert" })}>
        Invert
      </button>
      <button type="button" disabled={nothing} onClick={() => addChange({ kind: "clear" })}>
        Clear
      </button>
    </div>
  );
}
