/** An image at full size, with what made it and what can be done with it. */
import { useEffect, useState } from "preact/hooks";
import type { Image } from "../api/types";
import { entrySignal, type Entry } from "../state/entries";
import { imageOf, makeWhole, tiles, type Tile } from "../state/gallery";
import { toHash } from "../state/address";
import { canStartFromImages, settingsThatMade, useSeed, useSettings, vary } from "../state/make";
import { discard } from "../state/queue";
import { startFrom } from "../state/startImage";
import { say } from "../state/status";
import { close, compare, open } from "../state/view";
import { Dialog } from "./Dialog";
import { Icon } from "./icons";
import { Parameters } from "./Parameters";
import { ServerImage } from "./ServerImage";
import { srcOf } from "./sources";

export function Viewer({ tile: key }: { tile: string }) {
  const all = tiles.value.filter((each) => imageOf(each) !== null);
  const at = all.findIndex((each) => each.key === key);
  const tile = all[at];
  if (tile !== undefined) void entrySignal(tile.entry)?.value;
  const found = tile === undefined ? null : imageOf(tile);
  useEffect(() => {
    if (found === null) close();
  }, [found === null]);
  if (tile === undefined || found === null) return null;
  return <Shown key={key} tile={tile} {...found} before={all[at - 1]} after={all[at + 1]} />;
}

interface Props {
  tile: Tile;
  entry: Entry;
  image: Image;
  before: Tile | undefined;
  after: Tile | undefined;
}

function Shown({ tile, entry, image, before, after }: Props) {
  const [sure, setSure] = useState(false);
  useEffect(() => void makeWhole(entry), [entry.key, entry.whole]);
  const go = (to: Tile | undefined): void => to && open({ kind: "image", tile: to.key });
  const remove = (): void => {
    if (!sure) return setSure(true);
    if (after ?? before) go(after ?? before);
    void discard(entry.key);
  };
  const leaving =
    (act: () => void): (() => void) =>
    () => {
      act();
      close();
    };
  const actions: Record<string, () => void> = {
    ArrowLeft: () => go(before),
    ArrowRight: () => go(after),
    u: leaving(() => useSettings(entry, image)),
    s: leaving(() => useSeed(image)),
    v: leaving(() => void vary(entry, image)),
    c: leaving(() => compare(tile.key)),
    d: () => document.querySelector<HTMLAnchorElement>("dialog .download")?.click(),
    l: () => void copyLink(entry, image),
    Delete: remove,
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const act = actions[event.key];
    if (act === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  };
  const several = entry.images.length > 1 ? ` all ${entry.images.length} images of its job` : "";
  return (
    <Dialog label={`Image: ${image.prompt}`} class="viewer" onKeyDown={onKeyDown}>
      <div class="stage">
        <ServerImage class="full" url={image.url} alt={`${image.prompt}, seed ${image.seed}`} width={image.width} height={image.height} />
        <Step name="previous" to={before} go={go} />
        <Step name="next" to={after} go={go} />
      </div>
      <aside class="facts">
        <p class="prompt">{image.prompt}</p>
        <div class="actions">
          <button type="button" class="primary" title="U" onClick={actions["u"]}>
            Use these settings
          </button>
          <button type="button" title="S" onClick={actions["s"]}>
            Same seed
          </button>
          <button type="button" title="V" onClick={actions["v"]}>
            Variations
          </button>
          {canStartFromImages(entry.request?.model ?? "") && (
            <button type="button" onClick={leaving(() => void startFrom(image))}>
              Start from it
            </button>
          )}
          <button type="button" title="C" onClick={actions["c"]}>
            Compare
          </button>
          <button type="button" title="L" onClick={actions["l"]}>
            Copy link
          </button>
          <a class="button download" title="D" href={srcOf(image.url)} download={fileName(image)}>
            Download
          </a>
          <button type="button" class={sure ? "danger" : ""} title="Delete" onClick={remove}>
            {sure ? `Delete${several} for good?` : "Delete"}
          </button>
        </div>
        {entry.request !== null && <Parameters request={entry.request} image={image} />}
        <p class="hint">Keys: ← → other images, U settings, S seed, V variations, C compare, L link, D download, Delete, Esc</p>
      </aside>
    </Dialog>
  );
}

function Step({ name, to, go }: { name: "previous" | "next"; to: Tile | undefined; go: (to: Tile | undefined) => void }) {
  return (
    <button type="button" class={`chip step ${name}`} aria-label={`The ${name} image`} disabled={to === undefined} onClick={() => go(to)}>
      <Icon name={name} />
    </button>
  );
}

export function fileName(image: Image): string {
  const words = image.prompt.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 50);
  return `${words || "image"}-${image.seed}.${image.mime.split("/")[1] ?? "png"}`;
}

async function copyLink(entry: Entry, image: Image): Promise<void> {
  const made = settingsThatMade(entry, image);
  if (made === null) return;
  const link = `${location.origin}${location.pathname}#${toHash(made)}`;
  const without = made.image === "" ? "" : " It does not carry the image that this one started from.";
  try {
    await navigator.clipboard.writeText(link);
    say(`The link to these settings is copied.${without}`);
  } catch {
    say("The browser does not let this page copy. Press Use these settings, and copy the page's address.", "error");
  }
}
