// The list of messages: only the rows in sight are in the page, whatever the number of messages. It has one tab stop;
// the arrow keys move within it.

import { byId, element, foreign, harmless, icon, words } from "./dom.js";
import { count, nameOf, shortTime, longTime, subjectOf, number } from "./format.js";
import * as route from "./route.js";
import { selection } from "./selection.js";

// Browsers do not make an element higher than some 17 million pixels.
const greatestHeight = 15_000_000;
const spare = 8;

const scroll = byId("scroll"), rows = byId("rows"), empty = byId("empty");
let mailbox = null;
let rowHeight = 78;
let made = new Map();   // index → {row, signature}
let active = 0;
let scheduled = false;
// Where a first mail can be sent, and for whom; null until the server has said so, or if it does not know.
let smtp = null;

export function start() {
  measure();
  scroll.addEventListener("scroll", schedule, { passive: true });
  new ResizeObserver(() => { measure(); schedule(); }).observe(scroll);
  rows.addEventListener("click", clicked);
  rows.addEventListener("change", ticked);
  rows.addEventListener("focusin", (event) => {
    const index = indexOfRow(event.target);
    if (index !== null) activate(index);
  });
  selection.addEventListener("change", redraw);
}

export function show(box) {
  mailbox = box;
  active = 0;
  scroll.scrollTop = 0;
  made.forEach(({ row }) => row.remove());
  made.clear();
  mailbox.addEventListener("change", () => { if (box === mailbox) { schedule(); } });
  draw();
}

export const redraw = () => schedule();

export function setTarget(address, recipient) {
  if (!address) return;
  // Where it listens on all addresses, this page has come from one of them.
  smtp = { address: address.replace(/^(0\.0\.0\.0|\[::\])(?=:\d+$)/, location.hostname), recipient };
  empty.replaceChildren();
  redraw();
}

export const atTop = () => scroll.scrollTop < rowHeight / 2;
export const hasFocus = () => rows.contains(document.activeElement) || document.activeElement === scroll;
export const activeItem = () => mailbox?.at(active);
export const activeIndex = () => active;

export function toTop() {
  scroll.scrollTop = 0;
  active = 0;
  draw();
}

// Messages have come above: what is in sight stays where it is.
export function shift(by) {
  const focused = hasFocus();
  const kept = made.get(active)?.row.querySelector(":focus")?.type === "checkbox" ? "input" : "a";
  active += by;
  const place = atTop() ? 0 : scroll.scrollTop + by * rowHeight;
  made.forEach(({ row }) => row.remove());
  made.clear();
  draw();
  if (place) scroll.scrollTop = place;
  draw();
  if (focused) made.get(active)?.row.querySelector(kept)?.focus({ preventScroll: true });
}

// Moves the focus to the row of this index, and brings it into sight.
export function focus(index) {
  if (!mailbox?.total) return;
  activate(Math.min(Math.max(0, index), mailbox.total - 1));
  reveal(active);
  draw();
  made.get(active)?.row.querySelector("a").focus({ preventScroll: true });
}
export const move = (by) => focus(active + by);

// The row of a message becomes the one that Tab reaches.
export function point(id) {
  const index = mailbox?.indexOf(id) ?? -1;
  if (index < 0) return;
  activate(index);
  reveal(index);
  schedule();
}

function activate(index) {
  if (active === index) return;
  made.get(active)?.row.querySelector("a")?.setAttribute("tabindex", "-1");
  active = index;
  made.get(active)?.row.querySelector("a")?.setAttribute("tabindex", "0");
}

function reveal(index) {
  const top = index * rowHeight;
  if (top < scroll.scrollTop) scroll.scrollTop = top;
  else if (top + rowHeight > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top + rowHeight - scroll.clientHeight;
}

function measure() {
  const probe = element("li", { class: "row" });
  rows.append(probe);
  rowHeight = probe.offsetHeight || rowHeight;
  probe.remove();
  made.forEach(({ row }, index) => { row.style.top = `${index * rowHeight}px`; });
}

function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; draw(); });
}

function draw() {
  if (!mailbox) return;
  const total = mailbox.total ?? 0;
  const shown = Math.min(total, Math.floor(greatestHeight / rowHeight));
  const height = `${shown * rowHeight}px`;
  if (rows.style.height !== height) rows.style.height = height;
  const first = Math.max(0, Math.floor(scroll.scrollTop / rowHeight) - spare);
  const last = Math.min(shown - 1, Math.ceil((scroll.scrollTop + scroll.clientHeight) / rowHeight) + spare);
  const focused = hasFocus();
  // The row with the focus stays, wherever it is, or the focus would be lost.
  for (const [index, { row }] of made) {
    if ((index < first || index > last || index >= shown) && !(focused && index === active && index < shown)) {
      row.remove();
      made.delete(index);
    }
  }
  const open = route.current();
  let lost = false;
  for (let index = first; index <= last; index += 1) {
    const item = mailbox.at(index);
    const signature = item
      ? JSON.stringify([item, shown, selection.has(item.ID), open.id === item.ID, open.to, open.form, shortTime(item.Created)])
      : `waiting ${shown}`;
    const old = made.get(index);
    if (old?.signature === signature) continue;
    const row = item ? rowOf(item, index, shown, open) : waitingRow(index, shown);
    row.style.top = `${index * rowHeight}px`;
    if (old) {
      const element = document.activeElement;
      if (old.row.contains(element)) lost = element.type === "checkbox" ? "input" : "a";
      old.row.replaceWith(row);
    } else {
      const next = [...made.keys()].filter((key) => key > index).sort((a, b) => a - b)[0];
      rows.insertBefore(row, next === undefined ? null : made.get(next).row);
    }
    made.set(index, { row, signature });
  }
  if (lost) made.get(active)?.row.querySelector(lost)?.focus({ preventScroll: true });
  showEmpty();
  if (total) mailbox.need(first, last).catch(() => { /* the next poll says that the server is away */ });
}

function rowOf(item, index, total, open) {
  const unread = !item.Read, chosen = selection.has(item.ID);
  const people = item.Recipients?.length ? item.Recipients : [...item.To, ...item.Cc, ...item.Bcc].map((one) => one.Address);
  const to = open.to ? "" : people.length > 1 ? `${people[0]} +${people.length - 1}` : people[0] ?? "";
  return element("li", { class: `row${unread ? " unread" : ""}${chosen ? " chosen" : ""}`, "aria-posinset": index + 1, "aria-setsize": total, dataset: { index } },
    element("label", { class: "box" },
      words(`Select “${harmless(subjectOf(item))}”`),
      tick(chosen)),
    element("a", { href: route.link({ ...open, id: item.ID }), tabindex: index === active ? "0" : "-1", "aria-current": open.id === item.ID && "true" },
      element("span", { class: "l1" },
        unread && words("Unread. "),
        foreign(nameOf(item.From), { class: "who" }), " ",
        element("time", { datetime: item.Created, title: longTime(item.Created) }, shortTime(item.Created))),
      " ",
      element("span", { class: "l2" },
        foreign(subjectOf(item), { class: "subject" }),
        item.Tags.slice(0, 3).map((tag) => foreign(tag, { class: "tag" })),
        item.Attachments > 0 && [icon("clip"), words(count(item.Attachments, "attachment", "attachments"))]),
      " ",
      element("span", { class: "l3" },
        to && element("span", { class: "to" }, words("To "), foreign(to)),
        foreign(item.Snippet, { class: "snippet" }))));
}

function tick(checked) {
  const box = element("input", { type: "checkbox", tabindex: "-1" });
  box.checked = checked;
  return box;
}

const waitingRow = (index, total) =>
  element("li", { class: "row waiting", "aria-posinset": index + 1, "aria-setsize": total, dataset: { index } },
    element("a", { tabindex: index === active ? "0" : "-1", role: "link", "aria-disabled": "true" }, words("Loading")));

// Why a view could not be asked for; "" if it could.
let trouble = "";
export function setTrouble(text) {
  if (text !== trouble) empty.replaceChildren();
  trouble = text;
  schedule();
}

function showEmpty() {
  const unknown = mailbox.total === null && trouble;
  const nothing = mailbox.total === 0 || unknown;
  empty.hidden = !nothing;
  if (!nothing) return empty.replaceChildren();
  if (empty.firstChild) return;
  const { q, to } = route.current();
  if (unknown) {
    empty.append(element("h2", {}, q || to ? "Not searched" : "Not loaded"), element("p", {}, harmless(trouble)));
  } else if (q || to) {
    empty.append(element("h2", {}, "Nothing found"), element("p", {}, "No message fits. Try fewer words."));
  } else {
    empty.append(
      element("h2", {}, "No mail yet"),
      element("p", {}, "What arrives appears here by itself."));
    if (smtp) {
      empty.append(element("pre", {}, "printf 'Subject: hello\\r\\n\\r\\nIt works.\\r\\n' |\n" +
        `  curl smtp://${smtp.address} --mail-from you@example.org \\\n    --mail-rcpt ${smtp.recipient} -T -`));
    }
  }
}

function indexOfRow(target) {
  const row = target.closest?.(".row");
  return row ? Number(row.dataset.index) : null;
}

function clicked(event) {
  const index = indexOfRow(event.target);
  if (index === null) return;
  const item = mailbox.at(index);
  if (!item) return;
  if (event.target.closest("a") && (event.shiftKey || event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    if (event.shiftKey) range(index); else selection.toggle(item.ID, index);
  } else if (event.target.type === "checkbox" && event.shiftKey) {
    event.preventDefault();
    range(index);
  }
}
function ticked(event) {
  const index = indexOfRow(event.target);
  const item = mailbox.at(index);
  if (item) selection.toggle(item.ID, index);
}

// Selects from the one that was selected last to this one.
export function range(index) {
  const from = selection.last ?? active;
  const ids = [];
  for (let at = Math.min(from, index); at <= Math.max(from, index); at += 1) {
    const item = mailbox.at(at);
    if (item) ids.push(item.ID);
  }
  selection.add(ids, index);
}

export const describe = () => (mailbox?.total === null ? "" : number(mailbox.total));
