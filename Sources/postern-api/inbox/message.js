// One message: who, when, to whom, its conversation, its attachments, and its four forms.

import * as api from "./requests.js";
import * as actions from "./actions.js";
import { attachments } from "./attachments.js";
import { byId, element, foreign, harmless, icon, iconButton } from "./dom.js";
import { htmlPanel } from "./frame.js";
import { count, longTime, nameOf, shortTime, size, subjectOf } from "./format.js";
import { headersPanel, sourcePanel, textPanel } from "./panels.js";
import * as route from "./route.js";
import { whenThemeChanges } from "./settings.js";

const pane = byId("message");
const forms = [["html", "HTML"], ["text", "Text"], ["headers", "Headers"], ["source", "Source"]];
let message = null;
let form = "html";
let asked = 0;

export const current = () => message;
whenThemeChanges(() => { if (message && form === "html") showForm("html"); });

export async function show(id) {
  const turn = ++asked;
  if (!id) return nothing();
  try {
    const answer = await api.message(id);
    if (turn !== asked) return;
    message = answer;
    draw();
    actions.opened(message);
    drawThread(turn);
  } catch (failure) {
    if (turn !== asked) return;
    message = null;
    pane.replaceChildren(backBar(), element("div", { class: "nothing" }, element("p", { role: "alert" },
      failure.status === 404 ? "This message is not there any more." : harmless(failure.message))));
  }
}

function nothing() {
  message = null;
  pane.replaceChildren(element("div", { class: "nothing" }, icon("mail"), element("p", {}, "Choose a message to read it.")));
}

// The heading gets the focus when a message is opened, so that reading goes on from there.
export function focus() {
  pane.querySelector("h1")?.focus({ preventScroll: true });
}
export const hasFocus = () => pane.contains(document.activeElement);

export function showForm(name) {
  if (!message || !pane.querySelector(`#tab-${name}`)) return;
  form = name;
  for (const tab of pane.querySelectorAll("[role=tab]")) {
    const chosen = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
  }
  const panel = element("div", { class: `panel ${name}`, role: "tabpanel", id: "panel", "aria-labelledby": `tab-${name}`, tabindex: name === "html" ? null : "0" });
  pane.querySelector("#panel").replaceWith(panel);
  pane.querySelector(".widths").hidden = name !== "html";
  ({ html: htmlPanel, text: textPanel, headers: headersPanel, source: sourcePanel })[name](panel, message);
}
export const showFormAt = (position) => {
  const tab = pane.querySelectorAll("[role=tab]")[position];
  if (tab) showForm(tab.id.slice(4));
};

const backBar = () => element("div", { class: "toolbar" }, backButton());
const backButton = () => iconButton("back", "Back to the list", actions.back, { class: "icon back" });

function draw() {
  const open = route.current();
  pane.replaceChildren(
    element("div", { class: "toolbar" },
      backButton(),
      iconButton("reply", "Reply", () => actions.reply(message)),
      iconButton("release", "Release to an address", () => actions.release(message), { hidden: !actions.can.release }),
      iconButton("tag", "Tags", () => actions.tagOne(message)),
      iconButton("mail", "Mark as unread", () => actions.unread(message)),
      element("span", { class: "space" }),
      element("a", { class: "icon", href: api.sourcePath(message.ID, true), download: `${message.ID}.eml`, "aria-label": "Download as a file", title: "Download as a file" }, icon("down")),
      iconButton("trash", "Delete", () => actions.removeOne(message)),
      iconButton("close", "Close the message", actions.back, { class: "icon wide-only" })),
    element("header", { class: "about" },
      element("h1", { tabindex: "-1" }, foreign(subjectOf(message))),
      element("div", { class: "tags", hidden: !message.Tags.length },
        message.Tags.map((tag) => element("a", { class: "tag", href: route.link({ q: quoted("tag", tag) }) }, foreign(tag)))),
      element("div", { class: "from" },
        foreign(nameOf(message.From), { class: "name" }),
        message.From?.Name && foreign(message.From.Address, { class: "address" }),
        element("time", { datetime: message.Date, title: `Arrived ${longTime(message.Created ?? message.Date)}` }, longTime(message.Date), ` · ${size(message.Size)}`)),
      people(open)),
    element("div", { id: "thread-place" }),
    attachments(message) ?? "",
    element("div", { class: "tabs" },
      element("div", { role: "tablist", "aria-label": "Forms of the message", onkeydown: tabKeys },
        forms.filter(([name]) => name !== "html" || message.HTML).map(([name, label]) =>
          element("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "panel", onclick: () => showForm(name) }, label))),
      element("span", { class: "space" }),
      element("span", { class: "widths", role: "group", "aria-label": "Width" },
        [["phone", "390"], ["tablet", "768"], ["full", "Full"]].map(([name, label]) =>
          element("button", { type: "button", "aria-pressed": String(name === "full"), onclick: (event) => setWidth(name, event.currentTarget) }, label)))),
    element("div", { id: "panel" }));
  pane.scrollTop = 0;
  showForm(form === "html" && !message.HTML ? "text" : pane.querySelector(`#tab-${form}`) ? form : "html");
}

function people(open) {
  const rows = [["To", message.To], ["Cc", message.Cc], ["Bcc", message.Bcc], ["Reply to", message.ReplyTo]];
  return element("dl", { class: "people" }, rows.filter(([, list]) => list?.length).map(([label, list]) => [
    element("dt", {}, label),
    element("dd", {}, list.slice(0, 100).map((person, position) => [position > 0 && ", ",
      label === "Reply to" ? foreign(personText(person))
        : element("a", { href: route.link({ to: person.Address.toLowerCase(), id: open.id }), title: `What ${harmless(person.Address)} gets` }, foreign(personText(person)))]),
      list.length > 100 && ` and ${list.length - 100} more`)]));
}
const personText = (person) => (person.Name ? `${person.Name} <${person.Address}>` : person.Address);
export const quoted = (prefix, value) => `${prefix}:${/\s/.test(value) ? `"${value}"` : value}`;

async function drawThread(turn) {
  let mails = [];
  try { mails = await api.thread(message.ID); } catch { return; }
  if (turn !== asked || mails.length < 2) return;
  const open = route.current();
  pane.querySelector("#thread-place").replaceWith(element("details", { class: "thread", open: mails.length <= 6 },
    element("summary", {}, `Conversation: ${count(mails.length, "message", "messages")}`),
    element("ol", {}, mails.map((mail) => element("li", {},
      element("a", { href: route.link({ ...open, id: mail.ID }), "aria-current": mail.ID === message.ID && "true" },
        foreign(nameOf(mail.From), { class: "who" }), foreign(mail.Snippet, { class: "snippet" }),
        element("time", { datetime: mail.Created }, shortTime(mail.Created))))))));
}

function tabKeys(event) {
  const tabs = [...pane.querySelectorAll("[role=tab]")];
  const at = tabs.indexOf(event.target);
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key] * (getComputedStyle(pane).direction === "rtl" ? -1 : 1);
  if (at < 0 || !step) return;
  event.preventDefault();
  event.stopPropagation();
  const next = tabs[(at + step + tabs.length) % tabs.length];
  showForm(next.id.slice(4));
  next.focus();
}

function setWidth(name, button) {
  for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
  const frame = pane.querySelector("iframe");
  frame?.classList.remove("phone", "tablet");
  if (name !== "full") frame?.classList.add(name);
}
