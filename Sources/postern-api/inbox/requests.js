// The calls of postern-api(8), which are Mailpit's and some more. All paths are relative to the page.

export class Failure extends Error {
  constructor(status, text) {
    super(text || `the server answered ${status}`);
    this.status = status;
  }
}

// A server that says nothing for so long is away: a list, anything else.
const patience = 15_000, greatestPatience = 300_000;

async function ask(path, options = {}, time = greatestPatience) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", cache: "no-store", redirect: "error", signal: AbortSignal.timeout(time), ...options });
  } catch (failure) {
    throw new Failure(0, failure.name === "TimeoutError" ? "The server does not answer." : "The server cannot be reached.");
  }
  if (answer.ok || answer.status === 304) return answer;
  let text = (await answer.text()).slice(0, 500).trim();
  try { text = JSON.parse(text).Error ?? text; } catch { /* it is plain text */ }
  throw new Failure(answer.status, text);
}

async function read(answer) {
  try { return await answer.json(); } catch { throw new Failure(0, "The answer does not come from Postern, or is cut off."); }
}
const json = async (path, options) => read(await ask(path, options));
const change = (method, path, body, options = {}) => ask(path, {
  method,
  ...options,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body ?? {}),
});
const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
const searchPath = (query, more) => `api/v1/search?${new URLSearchParams({ query, tz: zone(), ...more })}`;
const messagePath = (id) => `api/v1/message/${encodeURIComponent(id)}`;

// One page of the list. With the ETag of the last answer the answer is null where nothing has changed.
export async function page(query, start, limit, tag = null) {
  const path = query ? searchPath(query, { start, limit }) : `api/v1/messages?${new URLSearchParams({ start, limit })}`;
  const answer = await ask(path, tag ? { headers: { "If-None-Match": tag } } : {}, patience);
  if (answer.status === 304) return null;
  return { ...(await read(answer)), tag: answer.headers.get("ETag") };
}

export const message = (id) => json(`${messagePath(id)}?peek=1`);
export const headers = (id) => json(`${messagePath(id)}/headers`);
export const thread = async (id) => (await json(`${messagePath(id)}/thread`)).messages ?? [];
export const sourcePath = (id, download = false) => `${messagePath(id)}/raw${download ? "?dl=1" : ""}`;
export const partPath = (id, part) => `${messagePath(id)}/part/${encodeURIComponent(part)}`;
export const framePath = (id, options) =>
  `view/${encodeURIComponent(id)}.html?${new URLSearchParams({ peek: "1", ...options })}`;

// At most so many octets of a text, and whether there are more.
export async function text(path, limit) {
  const reader = (await ask(path)).body.getReader();
  const decoder = new TextDecoder();
  let got = "", octets = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { text: got + decoder.decode(), more: false };
    octets += value.length;
    got += decoder.decode(value, { stream: true });
    if (octets > limit) {
      reader.cancel();
      return { text: got.slice(0, limit), more: true };
    }
  }
}

export const file = async (path) => (await ask(path)).blob();

// What is changed: {ids: […]}, or {query: "…"} for all that it finds; an empty query is every message.
export async function setRead(what, read) {
  await change("PUT", "api/v1/messages", what.ids ? { Read: read, IDs: what.ids }
    : what.query ? { Read: read, Search: what.query } : { Read: read });
}
// `leaving`: the page is being closed, and the request must outlive it.
export async function remove(what, { leaving = false } = {}) {
  if (what.ids) await change("DELETE", "api/v1/messages", { IDs: what.ids }, { keepalive: leaving });
  else if (what.query) await change("DELETE", searchPath(what.query, {}));
  else await change("DELETE", "api/v1/messages");
}
export const setTags = (ids, tags) => change("PUT", "api/v1/tags", { IDs: ids, Tags: tags });
export const release = (id, to) => change("POST", `${messagePath(id)}/release`, { To: to });
export const send = async (mail) => read(await change("POST", "api/v1/send", mail));

export const recipients = (query, limit) => json(`api/v1/recipients?${new URLSearchParams({ query, limit })}`);
export const abilities = () => json("api/v1/webui");

const listPath = (name) => `api/v1/lists/${encodeURIComponent(name)}`;
export const lists = async () => (await json("api/v1/lists")).lists ?? [];
export const list = (name) => json(listPath(name));
export const makeList = (list) => change("POST", "api/v1/lists", list);
export const changeList = (name, what) => change("PUT", listPath(name), what);
export const removeList = (name) => change("DELETE", listPath(name));
export const sendToList = (name, mail) => change("POST", `${listPath(name)}/send`, mail);
