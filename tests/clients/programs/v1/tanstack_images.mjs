// TanStack AI with its adapter for OpenAI: images, and another one from the first.
import { generateImage } from "@tanstack/ai";
import { createOpenaiImage } from "@tanstack/ai-openai";

const { DARKROOM_URL: url, DARKROOM_KEY: apiKey } = process.env;
const adapter = createOpenaiImage("gpt-image-1", apiKey, { baseURL: `${url}/v1` });

const made = await generateImage({ adapter, prompt: "a red circle", numberOfImages: 2, size: "1536x1024" });
const images = made.images.map((image) => image.b64Json);
const source = { type: "data", value: images[0], mimeType: "image/png" };
const prompt = [{ type: "text", content: "a blue circle" }, { type: "image", source }];
const edited = await generateImage({ adapter, prompt });

console.log(JSON.stringify({ images, usage: made.usage, edited: edited.images[0].b64Json }));
