// Images by @huggingface/inference.

import { InferenceClient } from "@huggingface/inference";

const endpointUrl = process.env.DARKROOM_URL + (process.env.DARKROOM_PATH ?? "/hf");
const client = new InferenceClient(process.env.DARKROOM_KEY, { endpointUrl });

const shown = async (blob) => ({
  format: blob.type.replace("image/", "").toUpperCase(),
  image: Buffer.from(await blob.arrayBuffer()).toString("base64"),
});

const actions = {
  text: async () =>
    shown(
      await client.textToImage({
        inputs: "a red circle",
        parameters: {
          negative_prompt: "blurry",
          width: 160,
          height: 96,
          num_inference_steps: 2,
          guidance_scale: 3.0,
          scheduler: "EulerDiscreteScheduler",
          seed: 7,
        },
      }),
    ),
  image: async () =>
    shown(
      await client.imageToImage({
        inputs: new Blob([Buffer.from(process.env.DARKROOM_IMAGE, "base64")], { type: "image/png" }),
        parameters: { prompt: "a blue star", num_inference_steps: 4 },
      }),
    ),
  refused: async () => {
    try {
      await client.textToImage({ inputs: "x", parameters: { num_inference_steps: Number(process.env.DARKROOM_STEPS) } });
    } catch (error) {
      return { status: error.httpResponse.status, message: error.message };
    }
  },
};

console.log(JSON.stringify(await actions[process.argv[2]]()));
