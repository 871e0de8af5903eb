// A message as text, its header fields, and its source: strings of a stranger, shown as text and bounded.

import * as api from "./requests.js";
import { element, foreign, harmless } from "./dom.js";
import { size } from "./format.js";
import { linksIn, needsOneWidth, quotations } from "./strangers.js";

// A browser that lays out more than this in one element gets slow.
const greatestText = 400_000;
const greatestLinks = 2_000;
const greatestPieces = 2_000;
const greatestFields = 500, greatestField = 20_000;

export function textPanel(panel, message) {
  const text = message.Text.replaceAll("\r\n", "\n");
  const shown = harmless(text.slice(0, greatestText));
  const box = element("div", { class: `plain-text${needsOneWidth(shown) ? " fixed" : ""}`, dir: "auto" });
  const room = { links: greatestLinks };
  for (const piece of quotations(shown, greatestPieces)) {
    const content = [...linked(piece.text, room)];
    box.append(piece.quoted ? element("span", { class: "quoted", dir: "auto" }, content) : element("span", {}, content));
  }
  panel.append(shown.trim() ? box : element("p", { class: "note" }, "This message has no text."));
  if (text.length > greatestText) panel.append(restOf(message));
}

// A text with its web and mail addresses as links; `room` says how many more there may be on this panel.
export function* linked(text, room) {
  let end = 0;
  for (const link of linksIn(text)) {
    if (room.links === 0) break;
    room.links -= 1;
    yield text.slice(end, link.start);
    yield element("a", { href: link.target, target: "_blank", rel: "noopener noreferrer" }, text.slice(link.start, link.end));
    end = link.end;
  }
  yield text.slice(end);
}

export async function headersPanel(panel, message) {
  try {
    const fields = Object.entries(await api.headers(message.ID)).flatMap(([name, values]) => values.map((value) => [name, value]));
    const list = element("dl", { class: "headers" });
    let room = greatestText, last = null;
    for (const [name, value] of fields.slice(0, greatestFields)) {
      if (room <= 0) break;
      if (name !== last) list.append(element("dt", {}, harmless(name.slice(0, 1_000))));
      list.append(element("dd", {}, foreign(value.slice(0, Math.min(room, greatestField)))));
      room -= name.length + value.length;
      last = name;
    }
    panel.append(list);
    if (room <= 0 || fields.length > greatestFields || fields.some(([, value]) => value.length > greatestField)) panel.append(restOf(message));
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
