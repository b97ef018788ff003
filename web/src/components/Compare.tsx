/** Two images side by side, and what was different between them. */
import { useEffect } from "preact/hooks";
import { entrySignal } from "../state/entries";
import { imageOf, makeWhole, tiles } from "../state/gallery";
import { Dialog } from "./Dialog";
import { parametersOf } from "./Parameters";
import { ServerImage } from "./ServerImage";

export function Compare({ one, other }: { one: string; other: string }) {
  const both = [one, other].map((key) => {
    const tile = tiles.value.find((each) => each.key === key);
    if (tile !== undefined) void entrySignal(tile.entry)?.value;
    return tile === undefined ? null : imageOf(tile);
  });
  const entries = both.flatMap((each) => each?.entry ?? []);
  useEffect(() => entries.forEach((entry) => void makeWhole(entry)), [one, other]);
  const [left, right] = both;
  if (!left || !right) return null;
  return (
    <Dialog label="Compare two images" class="compare">
      <div class="pair">
        {[left, right].map(({ image }) => (
          <figure key={image.url}>
            <ServerImage url={image.url} alt={`${image.prompt}, seed ${image.seed}`} />
          </figure>
        ))}
      </div>
      {entries.every(({ whole }) => whole) && (
        <Differences rows={both.map((each) => new Map(parametersOf(each!.entry.request!, each!.image)))} />
      )}
    </Dialog>
  );
}

function Differences({ rows }: { rows: Map<string, string>[] }) {
  const names = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  const differ = names.filter((name) => rows[0]?.get(name) !== rows[1]?.get(name));
  if (differ.length === 0) return <p class="hint center">Both were made with the same settings.</p>;
  return (
    <table class="differences">
      <caption class="unseen">What is different</caption>
      <tbody>
        {differ.map((name) => (
          <tr key={name}>
            <td>{rows[0]?.get(name) ?? "–"}</td>
            <th scope="row">{name}</th>
            <td>{rows[1]?.get(name) ?? "–"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
