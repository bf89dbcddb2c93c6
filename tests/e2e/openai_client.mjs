// OpenAI's JavaScript client, unmodified: node openai_client.mjs ADDRESS FOLDER, where FOLDER/node_modules has it.
// It asks what its users ask and prints what it got as one JSON object; the test compares.
import path from "node:path";
import { pathToFileURL } from "node:url";

const [address, folder] = process.argv.slice(2);
const { default: OpenAI } = await import(pathToFileURL(path.join(folder, "node_modules", "openai", "index.mjs")));
const client = new OpenAI({ apiKey: "none-needed", baseURL: `${address}/v1`, maxRetries: 0 });
const texts = JSON.parse(await new Response(process.stdin).text());

async function vectors(options) {
  const answer = await client.embeddings.create({ model: "nano", input: texts, ...options });
  return answer.data.map((each) => Array.from(each.embedding));
}

async function failure(options) {
  try {
    await client.embeddings.create({ model: "nano", input: texts, ...options });
  } catch (error) {
    return { name: error.constructor.name, status: error.status, code: error.code, message: error.message };
  }
  return null;
}

console.log(
  JSON.stringify({
    usual: await vectors({}),
    float: await vectors({ encoding_format: "float" }),
    short: await vectors({ dimensions: 64 }),
    untrained: await failure({ dimensions: 100 }),
    tokens: await failure({ input: [[1, 2, 3]] }),
    models: (await client.models.list()).data.map((each) => each.id),
  }),
);
