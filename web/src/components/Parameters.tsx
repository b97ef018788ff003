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
    ["Sampler", label],
    ["Schedule", request.schedule ?? ""],
    ["Strength", request.image === null ? "" : String(request.strength)],
    ["Made in", image.timings === undefined ? "" : `${(image.timings.denoise_s + image.timings.decode_s).toFixed(1)} s`],
    ["File", `${image.mime.split("/")[1]?.toUpperCase()}, ${Math.ceil(image.size_bytes / 1024)} KiB`],
  ];
  return listed.filter(([, value]) => value !== "");
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
