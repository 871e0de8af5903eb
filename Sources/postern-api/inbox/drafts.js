// Mails that are begun and not sent: this browser keeps them for its user until they are sent or thrown away, also where
// the tab is closed. What a draft is of (its key) is a new mail, a reply to a message, a mail to a list.

import { can } from "./actions.js";

const name = "postern-drafts";
const most = 20, greatestText = 500_000;
const listeners = [];
// For this visit only, where a browser stores nothing.
let drafts = {};

const place = (key) => `${can.user} ${key}`;

function load() {
  try { drafts = JSON.parse(localStorage.getItem(name)) ?? {}; } catch { /* as they were */ }
  return drafts;
}
function store() {
  const kept = Object.entries(drafts).sort(([, a], [, b]) => b.when - a.when).slice(0, most);
  drafts = Object.fromEntries(kept);
  try { localStorage.setItem(name, JSON.stringify(drafts)); } catch { /* no room */ }
  listeners.forEach((listener) => listener());
}

// The drafts of this user: the newest first.
export function all() {
  return Object.entries(load()).filter(([where]) => where.startsWith(place(""))).map(([, draft]) => draft)
    .sort((a, b) => b.when - a.when);
}
export const find = (key) => load()[place(key)] ?? null;

export function keep(draft) {
  load();
  drafts[place(draft.key)] = { ...draft, text: draft.text.slice(0, greatestText), when: Date.now() };
  store();
}
export function forget(key) {
  if (!find(key)) return;
  delete drafts[place(key)];
  store();
}
export const whenChanged = (listener) => listeners.push(listener);
