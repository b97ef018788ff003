// Vercel's AI SDK with its providers for Azure, Together and Replicate.
import { createAzure } from "@ai-sdk/azure";
import { createReplicate } from "@ai-sdk/replicate";
import { createTogetherAI } from "@ai-sdk/togetherai";
import { generateImage } from "ai";

const { DARKROOM_URL: url, DARKROOM_KEY: apiKey, DARKROOM_MODEL: model } = process.env;
const prompt = "a red circle";
const size = "160x96";

const azure = createAzure({ baseURL: `${url}/openai`, apiKey });
const deployed = createAzure({ baseURL: `${url}/openai`, apiKey, useDeploymentBasedUrls: true });
const together = createTogetherAI({ baseURL: `${url}/v1`, apiKey });
const replicate = createReplicate({ baseURL: `${url}/replicate/v1`, apiToken: apiKey }).image(`darkroom/${model}`);
const providerOptions = { togetherai: { steps: 2 }, replicate: { num_inference_steps: 2, strength: 0.5 } };

const actions = {
  azure: async () => generateImage({ model: azure.image("dall-e-3"), prompt, size: "1024x1024" }),
  deployed: async () => generateImage({ model: deployed.image("dall-e-3"), prompt, size: "1024x1024" }),
  together: async () => generateImage({ model: together.image("dall-e-3"), prompt, size, seed: 7, providerOptions }),
  replicate: async () => generateImage({ model: replicate, prompt, size, seed: 7, providerOptions }),
  async changed() {
    const { image } = await actions.replicate();
    return generateImage({ model: replicate, prompt: { text: "a blue circle", images: [image.uint8Array] }, providerOptions });
  },
};

const { image } = await actions[process.argv[2]]();
console.log(JSON.stringify({ image: image.base64 }));
