// Images by replicate.

import Replicate from "replicate";

const client = new Replicate({ auth: process.env.DARKROOM_KEY, baseUrl: `${process.env.DARKROOM_URL}/replicate/v1` });
const model = `darkroom/${process.env.DARKROOM_MODEL}`;
const asked = { prompt: "a red circle", num_inference_steps: 2, seed: 7 };

const files = async (outputs) =>
  Promise.all(outputs.map(async (output) => Buffer.from(await (await output.blob()).arrayBuffer()).toString("base64")));

const actions = {
  run: async () => files(await client.run(model, { input: { ...asked, num_outputs: 2, aspect_ratio: "5:3" } })),
  poll: async () => files(await client.run(model, { input: asked, wait: { mode: "poll" } })),
  slow: async () => files(await client.run(model, { input: asked, wait: { mode: "block", timeout: 1 } })),
  version: async () => {
    const { latest_version: version } = await client.models.get("darkroom", process.env.DARKROOM_MODEL);
    return files(await client.run(`${model}:${version.id}`, { input: asked }));
  },
  file: async () => {
    const image = new Blob([Buffer.from(process.env.DARKROOM_IMAGE, "base64")], { type: "image/png" });
    return files(await client.run(model, { input: { ...asked, image, num_inference_steps: 4 } }));
  },
  stream: async () => {
    const names = [];
    for await (const { event } of client.stream(model, { input: asked })) names.push(event);
    return names;
  },
  cancel: async () => {
    const made = await client.predictions.create({ model, input: asked });
    const { status } = await client.predictions.cancel(made.id);
    const { results } = await client.predictions.list();
    return { status, listed: results.some(({ id }) => id === made.id) };
  },
  refused: async () => {
    try {
      await client.run(model, { input: { prompt: "x", width: 0 } });
    } catch (error) {
      const told = JSON.parse(error.message.slice(error.message.indexOf("{"), error.message.lastIndexOf("}") + 1));
      return { status: error.response.status, title: told.title, detail: told.detail };
    }
  },
};

console.log(JSON.stringify(await actions[process.argv[2]]()));
