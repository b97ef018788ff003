/** Makes a grid of images over two settings, and shows the grids that were made. */
import { signal, useComputed } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { randomSeed } from "../api/seeds";
import { keyOf, order } from "../state/entries";
import { AXES, axisFrom, cellsOf, drawn, labelOf, problemOf, type Axis, type AxisField, type Grid } from "../state/grid";
import { grids, keep, loadGrid } from "../state/grids";
import { problemsOf } from "../state/limits";
import { previewsWanted } from "../state/make";
import { submit } from "../state/queue";
import { requestOf } from "../state/request";
import { capabilities, modelOf, values } from "../state/settings";
import { say } from "../state/status";
import { Dialog } from "./Dialog";
import { GalleryTile } from "./GalleryTile";
import { saveGrid } from "./gridImage";

const chosen = {
  x: { field: signal<AxisField>("steps"), text: signal("") },
  y: { field: signal<AxisField>("guidance"), text: signal("") },
};
const shown = signal(0);

export function GridDialog() {
  const axes = useComputed(() => ({ x: axisOf("x"), y: axisOf("y") }));
  const { x, y } = axes.value;
  const problem = problemOf(values.value, x, y);
  const seeds = [x, y].some(({ field, values: all }) => field.startsWith("seed") && all.length > 0);
  const count = Math.max(1, x.values.length) * Math.max(1, y.values.length);
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    if (problem === null) make({ x, y });
    else say(problem, "error");
  };
  const grid = grids.value[shown.value];
  return (
    <Dialog label="X/Y grid" class="grids">
      <h2>X/Y grid</h2>
      <form class="axes" onSubmit={onSubmit}>
        <AxisFields name="x" label="Across" />
        <AxisFields name="y" label="Down" />
        <button type="submit" class="primary">
          Make {problem === null ? `${count} images` : "a grid"}
        </button>
        <p class={problem === null ? "hint" : "problem"} role="status">
          {problem ?? `All else is as in the form; ${seeds ? "each seed is the same in all images of its row or column" : "all images have one seed"}.`}
        </p>
      </form>
      {grid !== undefined && (
        <>
          <div class="row">
            <label class="field earlier">
              <span class="unseen">Grid</span>
              <select value={shown.value} onChange={({ currentTarget }) => (shown.value = Number(currentTarget.value))}>
                {grids.value.map((each, index) => (
                  <option key={index} value={index}>
                    {AXES[each.x.field]} × {AXES[each.y.field]}: {each.prompt.slice(0, 60)}
                  </option>
                ))}
              </select>
            </label>
            <button type="button" onClick={() => void saveGrid(grid)}>
              Download as one image
            </button>
          </div>
          <GridTable grid={grid} />
        </>
      )}
    </Dialog>
  );
}

const axisOf = (name: "x" | "y"): Axis => axisFrom(chosen[name].field.value, chosen[name].text.value);

function make(wanted: { x: Axis; y: Axis }): void {
  const [x, y] = [drawn(wanted.x, randomSeed), drawn(wanted.y, randomSeed)];
  const base = values.peek();
  const seeded = { ...base, seed: base.seed || randomSeed() };
  const known = capabilities.peek();
  const cells = cellsOf(seeded, x, y);
  const problem = cells.flatMap((cell) => Object.values(problemsOf(cell, known, modelOf(known, cell.model))))[0];
  if (problem !== undefined) return say(problem, "error");
  const keys = submit(cells.map((cell) => requestOf(cell, cell.seed, previewsWanted())));
  shown.value = 0;
  keep({ x, y, prompt: base.prompt, jobs: keys.map(() => null) }, keys);
  say(`${cells.length} images are queued.`);
}

const HELP: Partial<Record<AxisField, string>> = {
  prompt: "red, blue, green: the first is replaced by each",
  sampler: "euler, ddim",
  schedule: "karras, exponential",
  seeds: "How many, such as 4",
};

function AxisFields({ name, label }: { name: "x" | "y"; label: string }) {
  const { field, text } = chosen[name];
  const options = optionsOf(field.value);
  return (
    <fieldset>
      <legend class="label">{label}</legend>
      <label class="field">
        <span class="unseen">Setting</span>
        <select value={field.value} onChange={({ currentTarget }) => (field.value = currentTarget.value as AxisField)}>
          {Object.entries(AXES).map(([value, named]) => (
            <option key={value} value={value}>
              {named}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span class="unseen">Values</span>
        <input
          type="text"
          autocomplete="off"
          value={text.value}
          placeholder={HELP[field.value] ?? "4, 8, 12 or 4-12+4"}
          onInput={({ currentTarget }) => (text.value = currentTarget.value)}
        />
      </label>
      {options.length > 0 && (
        <button type="button" class="quiet" onClick={() => (text.value = options.join(", "))}>
          All {options.length}
        </button>
      )}
    </fieldset>
  );
}

/** The values that a setting can have, where they are few. */
function optionsOf(field: AxisField): string[] {
  const known = capabilities.value;
  const model = modelOf(known, values.value.model);
  if (field === "sampler") return model?.samplers.map(({ name }) => name) ?? [];
  if (field === "model") return known?.models.map(({ id }) => id) ?? [];
  return field === "schedule" ? (known?.schedules ?? []) : [];
}

function GridTable({ grid }: { grid: Grid }) {
  useEffect(() => void loadGrid(grid), [grid.x]);
  void order.value;
  const columns = grid.x.values.length > 0 ? grid.x.values : [""];
  const rows = grid.y.values.length > 0 ? grid.y.values : [""];
  return (
    <div class="scroller">
      <table class="grid">
        <caption class="unseen">
          {AXES[grid.x.field]} across, {AXES[grid.y.field]} down: {grid.prompt}
        </caption>
        <thead>
          <tr>
            <td />
            {columns.map((value, column) => (
              <th key={value} scope="col">
                {labelOf(grid.x, column)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((value, row) => (
            <tr key={value}>
              <th scope="row">{labelOf(grid.y, row)}</th>
              {columns.map((_, column) => (
                <Cell key={column} job={grid.jobs[row * columns.length + column] ?? null} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ job }: { job: string | null }) {
  const entry = job === null ? undefined : keyOf(job);
  return (
    <td>
      <div class="tile cell">{entry !== undefined && <GalleryTile tile={{ key: `${job}/0`, entry, index: 0 }} />}</div>
    </td>
  );
}
