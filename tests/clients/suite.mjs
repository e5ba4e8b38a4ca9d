// The official Node client against a running gateway: OPENAI_BASE_URL and OPENAI_API_KEY say where and as whom.
//
// Each check prints its name; the last line counts them. A failed assertion ends the run with a stack trace.

import assert from "node:assert/strict";
import OpenAI from "openai";

const client = new OpenAI({ maxRetries: 0 });
const ask = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Name a harbour town." },
];
const town = {
  type: "object",
  properties: { name: { type: "string" }, inhabitants: { type: "integer" } },
  required: ["name", "inhabitants"],
  additionalProperties: false,
};

const budget = async () => {
  const url = client.baseURL.replace(/\/v1\/?$/, "/v1/budgets/demo");
  const answer = await fetch(url, { headers: { Authorization: `Bearer ${client.apiKey}` } });
  return answer.json();
};

const checks = {
  async models() {
    const listed = [];
    for await (const model of client.models.list()) listed.push(model.id);
    assert(listed.includes("gpt-6-luna"), listed);
    assert.equal((await client.models.retrieve("gpt-6-luna")).owned_by, "openai");
  },

  async sync() {
    const answer = await client.chat.completions.create({ model: "auto", messages: ask, max_completion_tokens: 900 });
    assert.equal(answer.object, "chat.completion");
    assert(answer.choices[0].message.content.length > 20);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  },

  async stream() {
    const stream = await client.chat.completions.create({
      model: "nano", messages: ask, stream: true, stream_options: { include_usage: true },
    });
    let [text, count, last] = ["", 0, null];
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      [count, last] = [count + 1, chunk];
    }
    assert(count > 4 && text.length > 20, text);
    assert(last.usage.total_tokens > 0);
  },

  async structured() {
    const answer = await client.chat.completions.parse({
      model: "mini", messages: ask,
      response_format: { type: "json_schema", json_schema: { name: "town", strict: true, schema: town } },
    });
    const parsed = JSON.parse(answer.choices[0].message.content);
    assert.equal(typeof parsed.name, "string");
    assert(Number.isInteger(parsed.inhabitants));
  },

  async embeddings() {
    const answer = await client.embeddings.create({ model: "text-embedding-3-small", input: ["one", "two"] });
    assert.deepEqual(answer.data.map((row) => row.embedding.length), [1536, 1536]);
  },

  async errors() {
    const refused = async (kind, code, made) => {
      const error = await made.then(() => null, (error) => error);
      assert(error instanceof kind, `${code}: ${error}`);
      assert.equal(error.code, code);
      return error;
    };
    const create = (more) => client.chat.completions.create({ model: "auto", messages: ask, ...more });
    assert.equal((await refused(OpenAI.BadRequestError, "invalid_field", create({ n: 2 }))).param, "n");
    await refused(OpenAI.BadRequestError, "unknown_model", create({ model: "gpt-9", stream: true }));
    const stranger = new OpenAI({ apiKey: "nobody", maxRetries: 0 });
    await refused(OpenAI.AuthenticationError, "unauthenticated", stranger.models.list());
  },

  async cancellation() {
    const abort = new AbortController();
    const stream = await client.chat.completions.create(
      { model: "full", messages: ask, stream: true }, { signal: abort.signal },
    );
    for await (const _ of stream) {
      abort.abort();
      break;
    }
    const until = Date.now() + 20_000;
    while ((await budget()).today_reserved > 0) {
      assert(Date.now() < until, "the hold of a cancelled stream was not released");
      await new Promise((done) => setTimeout(done, 50));
    }
  },
};

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log("ok", name);
}
console.log(`${Object.keys(checks).length} checks passed`);
