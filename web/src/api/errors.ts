/** Each error as a sentence that says what to do. */
import { ApiError } from "./http";

const LABELS: Record<string, string> = {
  prompt: "Prompt",
  negative_prompt: "Negative prompt",
  num_inference_steps: "Steps",
  guidance_scale: "Guidance",
  sampler: "Sampler",
  schedule: "Schedule",
  width: "Width",
  height: "Height",
  size: "Size",
  seed: "Seed",
  model: "Model",
  image: "Start image",
  mask: "Mask",
  strength: "Strength",
  hires: "Hires fix",
  refiner: "Refiner",
  output_format: "File format",
  output_compression: "Quality",
  deadline_s: "Deadline",
};

const ADVICE: Record<string, string> = {
  unreachable: "The server cannot be reached. Check that it runs and that you are connected.",
  queue_full: "The server has too much work at the moment.",
  quota_exceeded: "You have too much work queued at the moment. Wait for some of it, or cancel it.",
  engine_unavailable: "The server is not ready yet: it is loading the model or stopping.",
  model_loading: "The model is still being loaded.",
  store_unavailable: "The server cannot store images at the moment: its disk or database is not available.",
  worker_lost: "The server has lost the process that makes images. Whoever runs it finds the reason in its log.",
  model_not_found: "This model is no longer served. Choose another one under Settings.",
  model_unusable: "The files of this model cannot be used. Choose another one under Settings.",
  content_filtered: "The policy of this server does not allow this prompt, or the image that came of it.",
  moderation_unavailable: "The service that must allow every image does not answer at the moment.",
  body_too_large: "This is too large for the server. Use a smaller image or a shorter prompt.",
  out_of_memory: "The image does not fit in the device's memory. Choose a smaller size.",
  non_finite_result: "The model's numbers overflowed. Try a lower guidance or another sampler.",
  generation_failed: "The image could not be made. Try other settings: the same ones would fail again.",
  poisoned: "Making this image crashed the server's worker twice. Try other settings.",
  deadline_exceeded: "The image could not be made in time. Try fewer steps or a smaller size.",
  gone: "This job was deleted.",
  unauthenticated: "This key is not valid: it is mistyped, was revoked or has expired.",
  forbidden: "The server does not allow this with your key, or not from this address.",
  not_found: "This no longer exists on the server. Reload the page.",
  idempotency_key_reused: "The server took this for another request. Press Generate again.",
  unsupported_media_type: "The server does not read this kind of file. Use a PNG, JPEG or WebP image.",
};

export function fieldLabel(pointer: string): string {
  const name = pointer.split("/")[1] ?? "";
  return LABELS[name] ?? name.replaceAll("_", " ");
}

export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return "Something went wrong in this page. Reload it and try again.";
  if (error.code === "invalid_value" && error.errors.length > 0) return invalid(error);
  const advice = ADVICE[error.code];
  if (advice !== undefined) return advice;
  const id = error.requestId === null ? "" : ` (${error.requestId})`;
  return error.status >= 500 || error.status === 0
    ? `The server made a mistake${id}. Try again; if it stays, tell whoever runs the server.`
    : `${sentence(error.detail)} Change it and try again.`;
}

function invalid(error: ApiError): string {
  const problems = error.errors.map(({ pointer, detail }) => `${fieldLabel(pointer)}: ${sentence(detail)}`);
  return `${problems.join(" ")} Change it and try again.`;
}

/** Of a job that failed after it was accepted. */
export function explainFailure(failure: { code: string; message: string; field: string | null }): string {
  const errors = failure.field === null ? [] : [{ pointer: `/${failure.field}`, detail: failure.message }];
  return explain(new ApiError(failure.code, failure.message, errors, 500));
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
