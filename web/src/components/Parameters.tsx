import type { Image, Resolved } from "../api/types";
import { capabilities } from "../state/settings";

/** What made an image, as names and values in the order in which people look for them. */
export function parametersOf(request: Resolved, image: Image): [name: string, value: string][] {
  const label = capabilities.value?.samplers.find(({ name }) => name === request.sampler)?.label ?? request.sampler;
  const tokens = image.prompt_tokens?.prompt;
  const cut = tokens && tokens.read < tokens.total ? `${tokens.read} of ${tokens.total} tokens: the rest was not read` : "";
  const listed: [string, string][] = [
    ["Prompt", image.prompt],
    ["Negative prompt", request.negative_prompt ?? ""],
    ["Read", cut],
    ["Model", request.model],
    ["Size", `${image.width} × ${image.height}`],
    ["Seed", image.seed],
    ["Steps", String(request.num_inference_steps)],
    ["Guidance", String(request.guidance_scale)],
    ["Guidance rescale", request.guidance_rescale > 0 ? String(request.guidance_rescale) : ""],
    ["Sampler", label],
    ["Schedule", request.schedule ?? ""],
    ["Starts from", startOf(request)],
    ["Strength", request.image === null ? "" : String(request.strength)],
    ["Image guidance", request.image_guidance_scale > 1 ? String(request.image_guidance_scale) : ""],
    ["Hires fix", passesOf(request)],
    ["Refiner", request.refiner === null ? "" : `${request.refiner.model}, from ${request.refiner.switch_at} of the steps`],
    ["Long prompt", request.long_prompt ? "read in chunks" : ""],
    ["Told sizes", toldOf(request)],
    ["Made in", image.timings === undefined ? "" : `${(image.timings.denoise_s + image.timings.decode_s).toFixed(1)} s`],
    ["File", `${image.mime.split("/")[1]?.toUpperCase()}, ${Math.ceil(image.size_bytes / 1024)} KiB`],
  ];
  return listed.filter(([, value]) => value !== "");
}

function startOf({ image, mask, keep_unmasked: keep }: Resolved): string {
  if (image === null) return "";
  return mask === null ? "an image" : `an image, under a mask${keep ? " that keeps the rest" : ""}`;
}

function passesOf({ hires }: Resolved): string {
  if (hires === null) return "";
  const label = capabilities.value?.upscalers.find(({ name }) => name === hires.upscaler)?.label ?? hires.upscaler;
  return `from ${hires.width} × ${hires.height}, ${hires.steps} steps, strength ${hires.strength}, ${label}`;
}

/** What a model with size conditioning was told, where that was not the image's own size. */
function toldOf({ original_size: original, crop, target_size: target }: Resolved): string {
  const told = [
    original && `original ${original.join(" × ")}`,
    crop.some((side) => side > 0) && `crop ${crop.join(", ")}`,
    target && `target ${target.join(" × ")}`,
  ];
  return told.filter(Boolean).join("; ");
}

export function Parameters({ request, image }: { request: Resolved; image: Image }) {
  const [, ...others] = parametersOf(request, image);
  return (
    <dl class="parameters">
      {others.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
