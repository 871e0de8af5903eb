// The search field, and the help with what can be asked.

import * as dialog from "./dialog.js";
import { byId, element } from "./dom.js";
import * as route from "./route.js";

const input = byId("search");

const terms = [
  ["word", "anywhere in the mail: names, subject, text, names of files"],
  ["\"two words\"", "as they stand here"],
  ["-word", "not this; works with every term"],
  ["from:mara", "also to: cc: bcc: reply-to:"],
  ["addressed:mara", "any of these"],
  ["recipient:me@example.org", "who got it, whatever the mail says"],
  ["subject:invoice", "in the subject"],
  ["tag:done", "has this tag"],
  ["is:unread", "also is:read, is:tagged"],
  ["has:attachment", "also has:inline"],
  ["after:2026-01-31", "also before:"],
  ["larger:2mb", "also smaller:"],
  ["message-id:abc", "in the Message-ID"],
];

export function start() {
  byId("search-form").addEventListener("submit", (event) => { event.preventDefault(); search(); });
  let waiting = 0;
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => search(true), 400);
  });
  byId("search-help").addEventListener("click", help);
}

// While one types, the entry of the history is replaced, not added to.
function search(typing = false) {
  const { q, to } = route.current();
  const text = input.value.trim();
  if (text !== q) route.go({ q: text, to }, { replace: typing && q !== "" });
}

export function show({ q }) {
  if (document.activeElement !== input || input.value.trim() !== q) input.value = q;
}
export const focus = () => { input.focus(); input.select(); };

// Esc empties the field, then leaves it. Returns whether there is more for Esc to do.
export function escape() {
  if (document.activeElement !== input) return false;
  if (input.value) {
    input.value = "";
    search();
    return true;
  }
  return false;
}

async function help() {
  const term = await dialog.open("How to search", (box) => element("div", { class: "body" },
    element("p", {}, "Words and terms are joined: all of them must fit. Case does not matter."),
    element("dl", { class: "terms" }, terms.map(([term, meaning]) => [
      element("dt", {}, element("button", { type: "button", onclick: () => box.close(term) }, term)),
      element("dd", {}, element("span", {}, meaning))]))));
  if (!term) return;
  input.value = [input.value.trim(), term].filter(Boolean).join(" ");
  input.focus();
  const start = input.value.length - term.length + (term.includes(":") ? term.indexOf(":") + 1 : 0);
  input.setSelectionRange(start, input.value.length);
}
