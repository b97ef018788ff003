// LangChain's DallEAPIWrapper for node, which asks for addresses unless it is told otherwise.
import { DallEAPIWrapper } from "@langchain/openai";

const options = { apiKey: process.env.DARKROOM_KEY, baseUrl: `${process.env.DARKROOM_URL}/v1` };
const url = await new DallEAPIWrapper(options).invoke("a red circle");
const file = Buffer.from(await (await fetch(url)).arrayBuffer());
const inside = await new DallEAPIWrapper({ ...options, responseFormat: "b64_json" }).invoke("a red circle");

console.log(JSON.stringify({ url, image: file.toString("base64"), inside }));
