// Together's package for node.
import Together from "together-ai";

const client = new Together({ apiKey: process.env.DARKROOM_KEY, baseURL: `${process.env.DARKROOM_URL}/v1` });
const made = await client.images.generate({
  model: "dall-e-3",
  prompt: "a red circle",
  width: 160,
  height: 96,
  steps: 2,
  seed: 7,
  response_format: "base64",
});

console.log(JSON.stringify({ image: made.data[0].b64_json }));
