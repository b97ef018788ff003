// OpenAI's package for node: models, images, addresses, edits, streams and errors.
import OpenAI, { AuthenticationError, AzureOpenAI, BadRequestError, toFile } from "openai";

const options = { baseURL: `${process.env.DARKROOM_URL}/v1`, apiKey: process.env.DARKROOM_KEY };
const client = new OpenAI(options);

const actions = {
  async models() {
    const found = [];
    for await (const model of client.models.list()) found.push(model.id);
    return found;
  },

  async generate() {
    const result = await client.images.generate({
      model: "gpt-image-1",
      prompt: "a red circle",
      n: 2,
      size: "1024x1024",
      seed: 7,
      steps: 2,
    });
    return { images: result.data.map((image) => image.b64_json), size: result.size };
  },

  // No response_format: what OpenAI's documentation shows for its older models.
  async address() {
    const result = await client.images.generate({
      model: "dall-e-3",
      prompt: "a red circle",
      quality: "hd",
      style: "vivid",
    });
    const [image] = result.data;
    const response = await fetch(image.url);
    const file = Buffer.from(await response.arrayBuffer());
    return { url: image.url, b64_json: image.b64_json ?? null, image: file.toString("base64") };
  },

  async edit() {
    const made = await client.images.generate({ prompt: "a red circle", response_format: "b64_json" });
    const bytes = Buffer.from(made.data[0].b64_json, "base64");
    const image = await toFile(bytes, "circle.png", { type: "image/png" });
    const mask = await toFile(bytes, "mask.png", { type: "image/png" });
    const one = await client.images.edit({ image, mask, prompt: "a blue circle" });
    const several = await client.images.edit({ model: "gpt-image-1", image: [image], prompt: "a blue circle", n: 2 });
    return { images: [one, several].flatMap((result) => result.data.map((each) => each.b64_json)) };
  },

  async stream() {
    const events = [];
    const stream = await client.images.generate({
      model: "gpt-image-1",
      prompt: "a red circle",
      stream: true,
      partial_images: 2,
    });
    for await (const event of stream) events.push({ type: event.type, image: event.b64_json });
    return events;
  },

  // The client for Azure, which names the model in the path and brings its key in a header of its own.
  async azure() {
    const endpoint = process.env.DARKROOM_URL;
    const deployed = new AzureOpenAI({ endpoint, apiKey: options.apiKey, apiVersion: "2025-04-01-preview" });
    const wish = { model: "dall-e-3", prompt: "a red circle", response_format: "b64_json" };
    const result = await deployed.images.generate(wish);
    return { images: result.data.map((image) => image.b64_json) };
  },

  async refuse() {
    try {
      return await client.images.generate({ prompt: "a red circle", steps: 0 });
    } catch (error) {
      if (!(error instanceof BadRequestError)) throw error;
      return { message: error.message, param: error.param, code: error.code, id: error.requestID };
    }
  },

  async refuse_key() {
    try {
      return await new OpenAI({ ...options, apiKey: "drk_unknown" }).models.list();
    } catch (error) {
      if (!(error instanceof AuthenticationError)) throw error;
      return { status: error.status, code: error.code };
    }
  },
};

console.log(JSON.stringify(await actions[process.argv[2]]()));
