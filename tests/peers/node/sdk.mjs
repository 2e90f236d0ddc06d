// Drives the official OpenAI SDK; see ../README.md for what goes in and what comes out.

import process from "node:process";

import OpenAI from "openai";

const env = (name, otherwise) => process.env[name] ?? otherwise;
const URL_V1 = env("TOLLGATE_URL").replace(/\/+$/, "") + "/v1";
const KEY = env("TOLLGATE_KEY");
const MODEL = env("TOLLGATE_MODEL", "demo");
const EMBEDDING_MODEL = env("TOLLGATE_EMBEDDING_MODEL", "demo");
const FORBIDDEN_MODEL = env("TOLLGATE_FORBIDDEN_MODEL", "not-for-you");
const WRONG_KEY = env("TOLLGATE_WRONG_KEY", "sk-wrong");
const CALLS = Number(env("TOLLGATE_CALLS", "10"));
const CANCEL_AFTER = Number(env("TOLLGATE_CANCEL_AFTER", "3"));

const HELLO = [{ role: "user", content: "Say hello." }];
const TOOL = {
  type: "function",
  function: {
    name: "weather",
    description: "The weather in a city",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
    },
  },
};

// The SDK's client, and what it sent: its `fetch` option looks on, nothing is changed.
class Peer {
  constructor(options = {}) {
    this.retryCounts = [];
    this.statuses = [];
    this.times = [];
    this.retryAfter = null;
    const fetchAndNote = async (url, init) => {
      this.retryCounts.push(new Headers(init.headers).get("x-stainless-retry-count"));
      this.times.push(performance.now());
      const response = await fetch(url, init);
      this.statuses.push(response.status);
      this.retryAfter = response.headers.get("retry-after-ms") ?? this.retryAfter;
      return response;
    };
    this.client = new OpenAI({ baseURL: URL_V1, apiKey: KEY, fetch: fetchAndNote, ...options });
  }

  chat(options = {}) {
    return this.client.chat.completions.create({ model: MODEL, messages: HELLO, ...options });
  }
}

// The figures of either wire form.
function usageOf(usage) {
  if (!usage) return null;
  return {
    input: usage.prompt_tokens ?? usage.input_tokens,
    output: usage.completion_tokens ?? usage.output_tokens ?? null,
    total: usage.total_tokens,
  };
}

// What an application can learn from the SDK's exception.
function errorOf(error) {
  return {
    class: error.constructor.name,
    status: error.status ?? null,
    code: error.code ?? null,
    type: error.type ?? null,
    param: error.param ?? null,
    message: error.message,
    request_id: error.requestID ?? null,
    retry_after: error.headers?.get("retry-after") ?? null,
    should_retry: error.headers?.get("x-should-retry") ?? null,
  };
}

// The error that `call` throws, or null.
async function caught(call) {
  try {
    await call();
    return null;
  } catch (error) {
    if (error instanceof OpenAI.APIError) return errorOf(error);
    throw error;
  }
}

async function chat(peer) {
  const answer = await peer.chat();
  const [choice] = answer.choices;
  return {
    text: choice.message.content,
    finish_reason: choice.finish_reason,
    model: answer.model,
    usage: usageOf(answer.usage),
    request_id: answer._request_id ?? null,
  };
}

async function stream(peer, options = {}) {
  const seen = { text: "", pieces: 0, chunks: 0, finish_reason: null, usage: null };
  const { data, response } = await peer.chat({ stream: true, ...options }).withResponse();
  seen.request_id = response.headers.get("x-request-id");
  for await (const chunk of data) {
    seen.chunks += 1;
    seen.model = chunk.model;
    seen.usage = usageOf(chunk.usage) ?? seen.usage;
    for (const choice of chunk.choices) {
      seen.finish_reason = choice.finish_reason ?? seen.finish_reason;
      if (choice.delta.content) {
        seen.text += choice.delta.content;
        seen.pieces += 1;
      }
    }
  }
  return seen;
}

async function cancelMidStream(peer) {
  const seen = { text: "", pieces: 0 };
  const { data, response } = await peer.chat({ stream: true }).withResponse();
  seen.request_id = response.headers.get("x-request-id");
  for await (const chunk of data) {
    for (const choice of chunk.choices) {
      if (choice.delta.content) {
        seen.text += choice.delta.content;
        seen.pieces += 1;
      }
    }
    if (seen.pieces >= CANCEL_AFTER) break;
  }
  data.controller.abort();
  return seen;
}

async function responses(peer) {
  const answer = await peer.client.responses.create({ model: MODEL, input: "Say hello." });
  return {
    text: answer.output_text,
    status: answer.status,
    usage: usageOf(answer.usage),
    request_id: answer._request_id ?? null,
  };
}

async function responsesStream(peer) {
  const seen = { text: "", status: null, usage: null, events: [] };
  const request = { model: MODEL, input: "Say hello.", stream: true };
  const { data, response } = await peer.client.responses.create(request).withResponse();
  seen.request_id = response.headers.get("x-request-id");
  const last = ["response.completed", "response.incomplete", "response.failed"];
  for await (const event of data) {
    seen.events.push(event.type);
    if (event.type === "response.output_text.delta") seen.text += event.delta;
    if (last.includes(event.type)) {
      seen.status = event.response.status;
      seen.usage = usageOf(event.response.usage);
    }
  }
  return seen;
}

// A model that reasons calls a tool, and what it put out goes back as it came.
async function responsesLoop(peer) {
  const tools = [{ type: "function", ...TOOL.function }];
  const options = { model: MODEL, tools, reasoning: { effort: "low" } };
  const input = [{ role: "user", content: "What is the weather in Oslo?" }];
  const seen = { types: [], texts: [] };
  for (let turn = 0; turn < 3; turn += 1) {
    const answer = await peer.client.responses.create({ input, ...options });
    seen.types.push(answer.output.map((item) => item.type));
    seen.texts.push(answer.output_text);
    input.push(...answer.output);
    const calls = answer.output.filter((item) => item.type === "function_call");
    for (const { call_id } of calls) {
      input.push({ type: "function_call_output", call_id, output: "Rain, 7 °C" });
    }
    if (calls.length === 0) input.push({ role: "user", content: "Thank you." });
  }
  return seen;
}

async function embeddings(peer) {
  const request = { model: EMBEDDING_MODEL, input: ["one", "two"] };
  const answer = await peer.client.embeddings.create(request);
  return {
    count: answer.data.length,
    dimensions: answer.data[0].embedding.length,
    usage: usageOf(answer.usage),
  };
}

async function toolCall(peer) {
  const messages = [{ role: "user", content: "What is the weather in Oslo?" }];
  const wanted = { type: "function", function: { name: "weather" } };
  const first = (await peer.chat({ messages, tools: [TOOL], tool_choice: wanted })).choices[0];
  const calls = first.message.tool_calls ?? [];
  const seen = { finish_reason: first.finish_reason, tool: null, arguments: null, answer: null };
  if (calls.length > 0) {
    seen.tool = calls[0].function.name;
    seen.arguments = JSON.parse(calls[0].function.arguments);
    messages.push(first.message);
    for (const call of calls) {
      messages.push({ role: "tool", tool_call_id: call.id, content: "Rain, 7 °C" });
    }
    const second = await peer.chat({ messages, tools: [TOOL] });
    seen.answer = second.choices[0].message.content;
  }
  return seen;
}

async function modelsList(peer) {
  const models = [];
  for await (const model of peer.client.models.list()) models.push(model.id);
  const retrieved = models.length > 0 ? (await peer.client.models.retrieve(models[0])).id : null;
  return { models, retrieved };
}

async function refused(peer, options = {}) {
  return { error: await caught(() => peer.chat(options)) };
}

// Calls until one is refused; `attempts` of that one alone.
async function untilRefused(peer) {
  let error = null;
  let succeeded = 0;
  while (succeeded < CALLS && error === null) {
    peer.retryCounts.length = 0;
    error = await caught(() => peer.chat());
    if (error === null) succeeded += 1;
  }
  return { succeeded, error };
}

async function retries(peer) {
  const seen = { text: null };
  seen.error = await caught(async () => {
    seen.text = (await peer.chat()).choices[0].message.content;
  });
  const waited_ms = Math.round(peer.times.at(-1) - peer.times[0]);
  const told_ms = peer.retryAfter && Number(peer.retryAfter);
  return { ...seen, statuses: peer.statuses, retry_counts: peer.retryCounts, waited_ms, told_ms };
}

const SCENARIOS = {
  chat: [chat],
  stream: [stream],
  stream_with_usage: [(peer) => stream(peer, { stream_options: { include_usage: true } })],
  cancel_mid_stream: [cancelMidStream],
  responses: [responses],
  responses_stream: [responsesStream],
  responses_loop: [responsesLoop],
  embeddings: [embeddings],
  tool_call: [toolCall],
  models_list: [modelsList],
  wrong_key: [refused, { apiKey: WRONG_KEY }],
  model_not_allowed: [(peer) => refused(peer, { model: FORBIDDEN_MODEL })],
  rate_limit: [untilRefused, { maxRetries: 0 }],
  empty_budget: [untilRefused],
  retries: [retries],
};

for (const name of process.argv.slice(2)) {
  const [run, options] = SCENARIOS[name];
  const peer = new Peer(options);
  const seen = await run(peer);
  const line = { scenario: name, ...seen, attempts: peer.retryCounts.length };
  process.stdout.write(JSON.stringify(line) + "\n");
}
