// The keys. A letter acts only where nobody types, without Ctrl, Alt and Meta, and can be switched off (WCAG 2.1.4).

import * as actions from "./actions.js";
import * as dialog from "./dialog.js";
import { element } from "./dom.js";
import * as list from "./list.js";
import * as message from "./message.js";
import * as route from "./route.js";
import * as search from "./search.js";
import { selection } from "./selection.js";
import { change, settings } from "./settings.js";

const help = [
  [["j", "↓"], "the next message"],
  [["k", "↑"], "the message before"],
  [["Enter", "o"], "open it"],
  [["u", "Esc"], "back to the list"],
  [["/"], "search"],
  [["x"], "select"],
  [["#", "Del"], "delete"],
  [["z"], "undo the delete"],
  [["m"], "mark as read or unread"],
  [["t"], "tags"],
  [["r", "a"], "reply, reply to all"],
  [["f"], "forward"],
  [["c"], "write"],
  [["1", "2", "3", "4"], "HTML, text, headers, source"],
  [["g"], "to the first message"],
  [["?"], "this help"],
];

const letters = {
  j: () => step(1),
  k: () => step(-1),
  o: () => openActive(),
  u: () => actions.back(),
  "/": () => search.focus(),
  x: () => toggle(),
  "#": () => actions.remove(),
  m: () => actions.mark(!(message.hasFocus() ? message.current() : list.activeItem())?.Read),
  t: () => actions.tags(),
  z: () => actions.undo(),
  r: () => message.current() && actions.reply(message.current()),
  a: () => message.current() && actions.replyToAll(message.current()),
  f: () => message.current() && actions.forward(message.current()),
  c: () => actions.write(),
  g: () => { list.toTop(); list.focus(0); },
  "?": () => showHelp(),
  1: () => message.chooseForm("html"),
  2: () => message.chooseForm("text"),
  3: () => message.chooseForm("headers"),
  4: () => message.chooseForm("source"),
};

const listKeys = {
  ArrowDown: (event) => (event.shiftKey ? extend(1) : list.move(1)),
  ArrowUp: (event) => (event.shiftKey ? extend(-1) : list.move(-1)),
  Home: () => list.focus(0),
  End: () => list.focus(Infinity),
  PageDown: () => list.move(8),
  PageUp: () => list.move(-8),
  " ": () => toggle(),
};

export function start() {
  document.addEventListener("keydown", pressed);
}

function pressed(event) {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || dialog.isOpen()) return;
  const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
  if (event.key === "Escape") {
    if (search.escape()) event.preventDefault();
    else if (typing) list.focus(list.activeIndex());
    else if (selection.some) selection.clear();
    else if (route.current().id) actions.back();
    return;
  }
  if (typing) return;
  const act = list.hasFocus() && listKeys[event.key]
    || (event.key === "Delete" && (() => actions.remove()))
    || (settings.keys && Object.hasOwn(letters, event.key) && letters[event.key]);
  if (!act) return;
  event.preventDefault();
  act(event);
}

// In the list the focus moves; while a message is read the next one opens.
function step(by) {
  if (message.hasFocus() && message.current()) {
    list.point(message.current().ID);
    openAt(list.activeIndex() + by);
  } else if (list.hasFocus()) {
    list.move(by);
  } else {
    list.focus(list.activeIndex());
  }
}

let itemAt = () => undefined;
export const useItems = (at) => { itemAt = at; };

function openAt(index) {
  const item = itemAt(index);
  if (item) route.go({ ...route.current(), id: item.ID }, { replace: true });
}
function openActive() {
  const item = list.activeItem();
  if (item) route.go({ ...route.current(), id: item.ID });
}
function toggle() {
  const item = list.activeItem();
  if (item) selection.toggle(item.ID, list.activeIndex());
}
function extend(by) {
  const from = selection.last ?? list.activeIndex();
  list.move(by);
  if (selection.last === null) selection.last = from;
  list.range(list.activeIndex());
}

export function showHelp() {
  dialog.open("Keys", () => element("div", { class: "body" },
    element("dl", { class: "keys" }, help.map(([keys, meaning]) => [
      element("dt", {}, keys.map((key, position) => [position > 0 && " ", element("kbd", {}, key)])),
      element("dd", {}, meaning)])),
    option("keys", "Keys of one letter", "Off: only the arrows, Enter, Esc and Del.")), { small: true });
}

// A box to tick for a setting.
export function option(name, label, explanation) {
  const box = element("input", { type: "checkbox", id: `option-${name}`, onchange: (event) => change({ [name]: event.target.checked }) });
  box.checked = settings[name];
  return element("div", { class: "option" }, box,
    element("label", { for: `option-${name}` }, label, explanation && element("small", {}, explanation)));
}
