/** The settings that few images need, folded, each where the model can do it. Loaded when the settings are opened. */
import { hiresStrengthWithout, offersOf } from "../state/offers";
import { capabilities, model, settings, values } from "../state/settings";
import { Choice, NumberField } from "./fields";
import { Check, Fold } from "./folds";
import { StartImage } from "./StartImage";

export function MoreSettings() {
  const offers = offersOf(model.value, capabilities.value);
  return (
    <>
      <StartImage offers={offers} />
      <Hires offered={offers.hires} />
      <Refiner models={offers.refiners} />
      <Fold name="Prompt and guidance" fields={["rescale", "imageGuidance", "longPrompt"]}>
        <NumberField field="rescale" placeholder="0 to 1" step="any" />
        {(offers.edits || settings.imageGuidance.value !== "") && (
          <NumberField field="imageGuidance" placeholder={model.value?.defaults.image_guidance_scale} step="any" />
        )}
        {(offers.longPrompt || settings.longPrompt.value !== "") && (
          <Check field="longPrompt" hint={`Reads up to ${model.value?.long_prompt_tokens} tokens, in chunks, instead of ${model.value?.prompt_tokens}`} />
        )}
      </Fold>
      <ToldSizes />
      <Output />
    </>
  );
}

function Hires({ offered }: { offered: boolean }) {
  const chosen = values.value;
  if (!offered && chosen.hires === "") return null;
  const own = model.value?.defaults;
  const upscalers = capabilities.value?.upscalers.map(({ name, label }): [string, string] => [name, label]) ?? [];
  return (
    <Fold name="Hires fix" fields={["hires", "hiresScale", "hiresWidth", "hiresHeight", "hiresSteps", "hiresStrength", "upscaler"]}>
      <Choice
        field="hires"
        wide
        options={[
          ["", "Off"],
          ["scale", "Enlarge by a factor"],
          ["size", "Enlarge from a size"],
        ]}
      />
      {chosen.hires === "scale" && <NumberField field="hiresScale" placeholder={2} step="any" />}
      {chosen.hires === "size" && (
        <>
          <NumberField field="hiresWidth" placeholder={own?.width} bounds={sideSteps()} />
          <NumberField field="hiresHeight" placeholder={own?.height} bounds={sideSteps()} />
        </>
      )}
      {chosen.hires !== "" && (
        <>
          <NumberField field="hiresSteps" placeholder={Number(chosen.steps) || own?.num_inference_steps} />
          <NumberField field="hiresStrength" placeholder={hiresStrengthWithout(chosen, capabilities.value)} step="any" />
          <Choice field="upscaler" wide={chosen.hires === "size"} options={[["", "Default"], ...upscalers]} />
          <p class="hint wide">Makes a smaller image first, then enlarges it and denoises it further. Width and height above are those of the finished image.</p>
        </>
      )}
    </Fold>
  );
}

function sideSteps(): { min: number | undefined; max: number | undefined; step: number | undefined } {
  const { min_side: min, max_side: max, side_multiple: step } = model.value?.limits ?? {};
  return { min, max, step };
}

function Refiner({ models }: { models: string[] }) {
  const chosen = settings.refiner.value;
  if (models.length === 0 && chosen === "") return null;
  return (
    <Fold name="Refiner" fields={["refiner", "switchAt"]}>
      <Choice field="refiner" wide options={[["", "None"], ...models.map((id): [string, string] => [id, id])]} />
      {chosen !== "" && <NumberField field="switchAt" placeholder={0.8} step="any" />}
      <p class="hint wide">Another model makes the last steps, after this share of them. It needs the same latents, as SDXL and its refiner have.</p>
    </Fold>
  );
}

function ToldSizes() {
  return (
    <Fold name="Size conditioning" fields={["originalWidth", "originalHeight", "cropLeft", "cropTop", "targetWidth", "targetHeight"]}>
      <p class="hint wide">What a model such as SDXL is told of its image. Models without size conditioning do not hear it.</p>
      <NumberField field="originalWidth" placeholder="its own" />
      <NumberField field="originalHeight" placeholder="its own" />
      <NumberField field="cropLeft" placeholder={0} />
      <NumberField field="cropTop" placeholder={0} />
      <NumberField field="targetWidth" placeholder="its own" />
      <NumberField field="targetHeight" placeholder="its own" />
    </Fold>
  );
}

function Output() {
  const [first = "png", ...others] = capabilities.value?.output_formats ?? [];
  const lossy = !["", "png"].includes(settings.format.value);
  return (
    <Fold name="File" fields={["format", "quality", "deadline"]}>
      <Choice field="format" options={[["", first.toUpperCase()], ...others.map((each): [string, string] => [each, each.toUpperCase()])]} />
      {(lossy || settings.quality.value !== "") && <NumberField field="quality" placeholder="0 to 100" />}
      <NumberField field="deadline" placeholder="never" />
    </Fold>
  );
}
