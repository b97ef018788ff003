/** One image: finished, in the making, or the reason why there is none. */
import type { Image } from "../api/types";
import { entrySignal, isActive, type Entry } from "../state/entries";
import type { Tile } from "../state/gallery";
import { cancel, discard, sendAgain } from "../state/queue";
import { now } from "../state/status";
import { compare, compared, open } from "../state/view";
import { Icon } from "./icons";
import { ServerImage } from "./ServerImage";
import { srcOf } from "./sources";

export function GalleryTile({ tile }: { tile: Tile }) {
  const entry = entrySignal(tile.entry)?.value;
  if (entry === undefined) return null;
  const image = entry.images.find(({ index }) => index === tile.index);
  if (image !== undefined) return <Finished tile={tile} image={image} />;
  return isActive(entry) ? <InTheMaking entry={entry} index={tile.index} /> : <Missing entry={entry} />;
}

function Finished({ tile, image }: { tile: Tile; image: Image }) {
  const chosen = compared.value === tile.key;
  return (
    <>
      <button type="button" class="open" title={image.prompt} onClick={() => open({ kind: "image", tile: tile.key })}>
        <ServerImage url={image.thumbnail_url} alt={`${image.prompt}, seed ${image.seed}`} />
      </button>
      <div class="corner">
        <button
          type="button"
          class="chip"
          aria-pressed={chosen}
          aria-label={`Compare: ${image.prompt}, seed ${image.seed}`}
          title={compared.value === null ? "Compare with another image" : "Compare with the chosen image"}
          onClick={() => compare(tile.key)}
        >
          <Icon name="compare" />
        </button>
      </div>
    </>
  );
}

function InTheMaking({ entry, index }: { entry: Entry; index: number }) {
  const preview = entry.previews[index];
  const prompt = entry.prompts[index] ?? "";
  const fraction = entry.steps > 0 ? entry.step / entry.steps : 0;
  const told = stateOf(entry, now.value);
  return (
    <div class="making">
      {preview !== undefined && (
        <img class="preview" src={srcOf(`data:${preview.mime};base64,${preview.b64}`)} alt={`Preview: ${prompt}`} data-step={preview.step} />
      )}
      <div class="state">
        <progress max={1} value={fraction} aria-label={`Progress: ${prompt}`} aria-valuetext={told} />
        <span class="told">{told}</span>
      </div>
      <div class="corner">
        <button type="button" class="chip" aria-label={`Cancel: ${prompt}`} title="Cancel" onClick={() => void cancel(entry.key)}>
          <Icon name="close" />
        </button>
      </div>
    </div>
  );
}

function stateOf(entry: Entry, nowMs: number): string {
  if (entry.status === "unsent") return entry.note ?? "Sending…";
  if (entry.loadingS !== null) return `Loading the model, ${seconds(entry.loadingS)}`;
  const left = entry.etaS === null ? null : Math.max(0, entry.etaS - (nowMs - entry.etaAt) / 1000);
  const time = left === null ? "" : ` · ${seconds(left)}`;
  if (entry.status === "queued") return `${place(entry.position)}${time}`;
  return `Step ${entry.step} of ${entry.steps}${time}`;
}

const place = (position: number | null): string =>
  position === null ? "In the queue" : position === 0 ? "Next in the queue" : `${position} before it`;

function seconds(left: number): string {
  if (left >= 90) return `${Math.round(left / 60)} min left`;
  return left < 1 ? "almost done" : `${Math.round(left)} s left`;
}

function Missing({ entry }: { entry: Entry }) {
  const prompt = entry.prompts[0] ?? "";
  return (
    <div class="missing">
      <p class="told">{entry.status === "canceled" ? "Canceled." : (entry.note ?? "This image could not be made.")}</p>
      <p class="hint prompt">{prompt}</p>
      <div class="row">
        {entry.asked !== null && (
          <button type="button" class="chip" aria-label={`Make again: ${prompt}`} title="Make again" onClick={() => sendAgain(entry.key)}>
            <Icon name="again" />
          </button>
        )}
        <button type="button" class="chip" aria-label={`Remove: ${prompt}`} title="Remove" onClick={() => void discard(entry.key)}>
          <Icon name="trash" />
        </button>
      </div>
    </div>
  );
}
