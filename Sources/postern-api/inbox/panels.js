// A message as text, its header fields, and its source: strings of a stranger, shown as text and bounded.

import * as api from "./requests.js";
import { element, foreign, harmless } from "./dom.js";
import { size } from "./format.js";

// A browser that lays out more than this in one element gets slow.
const greatestText = 400_000;
const greatestLinks = 2_000;
const greatestFields = 500;

export function textPanel(panel, message) {
  const text = message.Text.replaceAll("\r\n", "\n");
  const shown = harmless(text.slice(0, greatestText));
  // Tables and drawings of signs need letters of one width.
  const fixed = /^(?!>).*\S {3,}\S/m.test(shown) || /[|+]-{3,}/.test(shown);
  const box = element("div", { class: `plain-text${fixed ? " fixed" : ""}`, dir: "auto" });
  for (const block of blocks(shown)) {
    box.append(block.quoted ? element("span", { class: "quoted", dir: "auto" }, linked(block.text)) : element("span", {}, linked(block.text)));
  }
  panel.append(shown.trim() ? box : element("p", { class: "note" }, "This message has no text."));
  if (text.length > greatestText) panel.append(restOf(message));
}

// Lines that begin with > belong together.
function* blocks(text) {
  let lines = [], quoted = false;
  for (const line of text.split("\n")) {
    if (line.startsWith(">") !== quoted && lines.length) {
      yield { quoted, text: lines.join("\n") + (quoted ? "" : "\n") };
      lines = [];
    }
    quoted = line.startsWith(">");
    lines.push(line);
  }
  yield { quoted, text: lines.join("\n") };
}

// Web and mail addresses in a text become links: http, https and mail, and nothing else.
const trailing = /[.,;:!?*_~]+$/;
const count = (text, sign) => text.split(sign).length - 1;
export function linked(text) {
  const pieces = [];
  const address = /\bhttps?:\/\/[^\s<>"'`{}|\\^\ufffd]+|[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+/g;
  let end = 0, links = 0;
  for (const match of text.matchAll(address)) {
    if (++links > greatestLinks) break;
    let found = match[0].replace(trailing, "");
    while (found.endsWith(")") && count(found, ")") > count(found, "(")) found = found.slice(0, -1).replace(trailing, "");
    const target = found.startsWith("http") ? found : `mailto:${found}`;
    if (!URL.canParse(target)) continue;
    pieces.push(text.slice(end, match.index), element("a", { href: target, target: "_blank", rel: "noopener noreferrer" }, found));
    end = match.index + found.length;
  }
  pieces.push(text.slice(end));
  return pieces;
}

export async function headersPanel(panel, message) {
  try {
    const fields = Object.entries(await api.headers(message.ID));
    panel.append(element("dl", { class: "headers" }, fields.slice(0, greatestFields).map(([name, values]) => [
      element("dt", {}, harmless(name)),
      values.slice(0, 50).map((value) => element("dd", {}, foreign(value.slice(0, 20_000))))])));
    if (fields.length > greatestFields) panel.append(restOf(message));
  } catch (failure) {
    panel.append(element("p", { class: "note", role: "alert" }, harmless(failure.message)));
  }
}

export async function sourcePanel(panel, message) {
  try {
    const { text, more } = await api.text(api.sourcePath(message.ID), greatestText);
    panel.append(element("pre", { class: "source" }, harmless(text.replaceAll("\r\n", "\n"))));
    if (more) panel.append(restOf(message));
  } catch (failure) {
    panel.append(element("p", { class: "note", role: "alert" }, harmless(failure.message)));
  }
}

const restOf = (message) => element("p", { class: "note" }, "This is the beginning. ",
  element("a", { href: api.sourcePath(message.ID, true), download: `${message.ID}.eml` }, `Download the whole message (${size(message.Size)})`));
