/** The settings beside the prompt. An empty field is the model's own choice, which its placeholder shows. */
import { computed, signal } from "@preact/signals";
import { randomSeed } from "../api/seeds";
import { samplerOf } from "../state/limits";
import { lastSeed } from "../state/make";
import { sizeWithout } from "../state/offers";
import { capabilities, model, NOTHING, restore, settings, values } from "../state/settings";
import { Badge, Choice, named, NumberField } from "./fields";
import { Icon } from "./icons";
import { lazily } from "./lazily";
import { RestoreButton } from "./DropTarget";

const MoreSettings = lazily(async () => (await import("./MoreSettings")).MoreSettings);

const changed = computed(() => {
  const { prompt: _, ...others } = values.value;
  return Object.values(others).filter((value) => value !== "").length;
});

const opened = signal(false);

export function SettingsPanel() {
  const own = model.value?.defaults;
  return (
    <details class="settings" onToggle={() => (opened.value = true)}>
      <summary>
        Settings <Badge count={changed.value} />
      </summary>
      <div class="fields">
        <label class="field wide">
          <span class="label">Negative prompt</span>
          <textarea
            rows={2}
            value={settings.negative.value}
            placeholder="What to keep out of the image"
            onInput={({ currentTarget }) => (settings.negative.value = currentTarget.value)}
          />
        </label>
        <Models />
        <Samplers />
        <NumberField field="steps" placeholder={own?.num_inference_steps} />
        <NumberField field="guidance" placeholder={own?.guidance_scale} step="any" />
        <Size />
        <Seed />
        <NumberField field="count" placeholder={1} />
        <Choice
          field="priority"
          options={[
            ["", "Now"],
            ["batch", "In the background"],
          ]}
        />
        {opened.value && <MoreSettings />}
        <div class="row wide">
          <RestoreButton />
          <button type="button" class="quiet" onClick={() => reset()} disabled={changed.value === 0}>
            Reset settings
          </button>
        </div>
      </div>
    </details>
  );
}

function reset(): void {
  const { prompt } = values.peek();
  restore({ ...NOTHING, prompt });
}

function Models() {
  const models = capabilities.value?.models ?? [];
  if (models.length < 2) return null;
  const names = models.map(({ id, status }): [string, string] => [id, status === "resident" ? id : `${id} (${status})`]);
  return <Choice field="model" wide options={[["", `${models[0]!.id} (default)`], ...names]} />;
}

function Samplers() {
  const chosen = model.value;
  if (chosen === null) return null;
  const labels = new Map(capabilities.value?.samplers.map(({ name, label }) => [name, label]));
  const names = chosen.samplers.map(({ name }): [string, string] => [name, labels.get(name) ?? name]);
  const own = labels.get(chosen.defaults.sampler) ?? chosen.defaults.sampler;
  const schedules = samplerOf(values.value, chosen)?.schedules ?? [];
  return (
    <>
      <Choice field="sampler" wide options={[["", `${own} (default)`], ...names]} />
      <Choice field="schedule" wide options={[["", "The sampler's own"], ...schedules.map(named)]} />
    </>
  );
}

function Size() {
  const chosen = model.value;
  const { min_side: min, max_side: max, side_multiple: step } = chosen?.limits ?? {};
  const [width, height] = [settings.width, settings.height];
  const fromImage = settings.image.value !== "";
  const own = fromImage ? null : sizeWithout(values.value, chosen);
  const swap = (): void => {
    const before = width.value || String(own?.width ?? "");
    width.value = height.value || String(own?.height ?? "");
    height.value = before;
  };
  const preset = (text: string): void => {
    const [wide = "", high = ""] = text.split("x");
    width.value = wide;
    height.value = high;
  };
  const sizes = chosen?.sizes.map((size) => `${size.width}x${size.height}`) ?? [];
  const current = `${width.value || own?.width}x${height.value || own?.height}`;
  return (
    <fieldset class="size wide">
      <legend class="label">Size</legend>
      <NumberField field="width" placeholder={fromImage ? "its own" : own?.width} bounds={{ min, max, step }} />
      <button type="button" class="quiet square" aria-label="Swap width and height" title="Swap" onClick={swap}>
        <Icon name="swap" />
      </button>
      <NumberField field="height" placeholder={fromImage ? "its own" : own?.height} bounds={{ min, max, step }} />
      <label class="field preset">
        <span class="label">Preset</span>
        <select value={sizes.includes(current) ? current : ""} onChange={({ currentTarget }) => preset(currentTarget.value)}>
          {!sizes.includes(current) && <option value="">Custom</option>}
          {sizes.map((size) => (
            <option key={size} value={size}>
              {size.replace("x", " × ")}
            </option>
          ))}
        </select>
      </label>
    </fieldset>
  );
}

function Seed() {
  const { seed } = settings;
  const locked = seed.value !== "";
  return (
    <div class="seed wide">
      <NumberField field="seed" placeholder={lastSeed.value ? `random, last ${lastSeed.value}` : "random"} />
      <button
        type="button"
        class="quiet square"
        aria-pressed={locked}
        aria-label="Lock the seed"
        title={locked ? "Locked: the same each time" : "Lock the last seed"}
        onClick={() => (seed.value = locked ? "" : lastSeed.value || randomSeed())}
      >
        <Icon name={locked ? "lock" : "unlock"} />
      </button>
      <button
        type="button"
        class="quiet square"
        aria-label="Draw a seed"
        title="Draw a seed"
        onClick={() => (seed.value = randomSeed())}
      >
        <Icon name="dice" />
      </button>
    </div>
  );
}
