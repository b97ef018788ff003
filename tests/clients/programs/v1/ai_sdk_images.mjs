// Vercel's AI SDK with its provider for servers that speak OpenAI's API, and with the one for OpenAI itself.
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateImage } from "ai";

const server = { baseURL: `${process.env.DARKROOM_URL}/v1`, apiKey: process.env.DARKROOM_KEY };
const provider = createOpenAICompatible({ name: "darkroom", ...server });
const model = provider.imageModel("gpt-image-1");
const providerOptions = { darkroom: { seed: 7, steps: 2 } };

const { images } = await generateImage({ model, prompt: "a red circle", n: 2, size: "160x96", providerOptions });
const edited = await generateImage({ model, prompt: { text: "a blue circle", images: [images[0].uint8Array] } });
const linked = await generateImage({ model: provider.imageModel("dall-e-3"), prompt: "a red circle" });
const official = await generateImage({ model: createOpenAI(server).image("dall-e-3"), prompt: "a red circle" });

console.log(
  JSON.stringify({
    images: images.map((image) => image.base64),
    edited: edited.image.base64,
    linked: linked.image.base64,
    official: official.image.base64,
  }),
);
