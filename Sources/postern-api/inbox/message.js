// One message: who, when, to whom, its conversation, its attachments, and its four forms.

import * as api from "./requests.js";
import * as actions from "./actions.js";
import { hasOthers } from "./answers.js";
import { attachments } from "./attachments.js";
import * as dialog from "./dialog.js";
import { byId, element, foreign, harmless, icon, iconButton } from "./dom.js";
import { currentWidth, htmlPanel, setWidth, widths } from "./frame.js";
import { count, cut, longTime, nameOf, number, personText, shortTime, size, subjectOf } from "./format.js";
import { invitationOf } from "./invitation.js";
import { headersPanel, sourcePanel, textPanel } from "./panels.js";
import * as route from "./route.js";
import { whenThemeChanges } from "./settings.js";

const pane = byId("message");
const forms = [["html", "HTML"], ["text", "Text"], ["headers", "Headers"], ["source", "Source"]];
const greatestThread = 200, greatestSubject = 120, greatestPeople = 500, shownPeople = 4;
let message = null;
let form = "";
let asked = 0;

export const current = () => message;
whenThemeChanges(() => { if (message && form === "html") drawForm("html"); });

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
    drawInvitation(turn);
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

// The form that the URL asks for. A message without HTML is shown as text, and the next one as HTML again.
export function showForm() {
  if (!message) return;
  const asked = route.current().form;
  const name = pane.querySelector(`#tab-${asked}`) ? asked : message.HTML ? "html" : "text";
  if (form !== name) drawForm(name);
}
export function chooseForm(name) {
  if (!message) return;
  const isThere = pane.querySelector(`#tab-${name}`);
  if (!isThere) dialog.toast("This message has no HTML.");
  if (name !== form && (isThere || form !== "text")) route.go({ ...route.current(), form: name }, { replace: true });
}

function drawForm(name) {
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

const backBar = () => element("div", { class: "toolbar" }, backButton());
const backButton = () => iconButton("back", "Back to the list", actions.back, { class: "icon back" });

function toolbar() {
  return element("div", { class: "toolbar" },
      backButton(),
      iconButton("reply", "Reply", () => actions.reply(message)),
      iconButton("reply-all", "Reply to all", () => actions.replyToAll(message), { hidden: !hasOthers(message) }),
      iconButton("forward", "Forward", () => actions.forward(message)),
      iconButton("release", "Release to an address", () => actions.release(message), { hidden: !actions.can.release }),
      iconButton("tag", "Tags", () => actions.tagOne(message)),
      iconButton("mail", "Mark as unread", () => actions.unread(message)),
      element("span", { class: "space" }),
      element("a", { class: "icon", href: api.sourcePath(message.ID, true), download: `${message.ID}.eml`, "aria-label": "Download as a file", title: "Download as a file" }, icon("down")),
      iconButton("trash", "Delete", () => actions.removeOne(message)),
      iconButton("close", "Close the message", actions.back, { class: "icon wide-only" }));
}
// What the server offers is known a moment later than the first message.
export function drawTools() {
  if (message) pane.querySelector(".toolbar")?.replaceWith(toolbar());
}

function draw() {
  const open = route.current();
  pane.replaceChildren(
    toolbar(),
    element("header", { class: "about" },
      heading(),
      element("div", { class: "tags", hidden: !message.Tags.length },
        message.Tags.slice(0, 100).map((tag) => element("a", { class: "tag", href: route.link({ q: quoted("tag", tag) }) }, foreign(tag)))),
      element("div", { class: "from" },
        foreign(nameOf(message.From), { class: "name" }),
        message.From?.Name && foreign(message.From.Address, { class: "address" }),
        element("time", { datetime: message.Date, title: `Arrived ${longTime(message.Created ?? message.Date)}` }, longTime(message.Date), ` · ${size(message.Size)}`)),
      people(open)),
    element("div", { id: "invitation-place" }),
    element("div", { id: "thread-place" }),
    attachments(message) ?? "",
    element("div", { class: "tabs" },
      element("div", { role: "tablist", "aria-label": "Forms of the message", onkeydown: tabKeys },
        forms.filter(([name]) => name !== "html" || message.HTML).map(([name, label]) =>
          element("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "panel", onclick: () => chooseForm(name) }, label))),
      element("span", { class: "space" }),
      element("span", { class: "widths", role: "group", "aria-label": "Width" },
        widths.map(([name, label]) =>
          element("button", { type: "button", "aria-pressed": String(name === currentWidth()), onclick: (event) => chooseWidth(name, event.currentTarget) }, label)))),
    element("div", { id: "panel" }));
  pane.scrollTop = 0;
  form = "";
  showForm();
}

// A long subject would leave no room for the message.
function heading() {
  const text = harmless(subjectOf(message));
  const made = element("h1", { tabindex: "-1", dir: "auto" }, cut(text, greatestSubject));
  if (text.length > greatestSubject) {
    made.append(" ", moreButton("Show all of the subject", "more", () => { made.textContent = text; made.focus(); }));
  }
  return made;
}
const moreButton = (label, text, onclick) => element("button", { type: "button", class: "link", "aria-label": label, onclick }, text);

function people(open) {
  const rows = [["To", message.To], ["Cc", message.Cc], ["Bcc", message.Bcc], ["Reply to", message.ReplyTo]];
  return element("dl", { class: "people" }, rows.filter(([, list]) => list?.length).map(([label, list]) => [
    element("dt", {}, label),
    persons(list, label, open)]));
}
function persons(list, label, open) {
  const shown = (most) => list.slice(0, most).map((person, position) => [position > 0 && ", ",
    label === "Reply to" ? foreign(personText(person))
      : element("a", { href: route.link({ to: person.Address.toLowerCase(), id: open.id, form: open.form }), title: `What ${harmless(cut(person.Address))} gets` }, foreign(personText(person)))]);
  const place = element("dd", {});
  const rest = list.length - shownPeople;
  if (rest <= 1) place.append(...shown(list.length).flat().filter(Boolean));
  else {
    place.append(...shown(shownPeople).flat().filter(Boolean), " ", moreButton(`Show all of ${label}`, `and ${number(rest)} more`, () => {
      place.replaceChildren(...shown(greatestPeople).flat().filter(Boolean), list.length > greatestPeople ? ` and ${number(list.length - greatestPeople)} more` : "");
      place.querySelector("a")?.focus();
    }));
  }
  return place;
}
export const quoted = (prefix, value) => `${prefix}:${/\s/.test(value) ? `"${value}"` : value}`;

async function drawThread(turn) {
  let mails = [];
  try { mails = await api.thread(message.ID); } catch { return; }
  if (turn !== asked) return;
  // The message itself says no recipients of its envelope; a reply wants to know them.
  message.Recipients ??= mails.find((mail) => mail.ID === message.ID)?.Recipients;
  if (mails.length < 2) return;
  const shown = mails.slice(-greatestThread);
  const open = route.current();
  pane.querySelector("#thread-place").replaceWith(element("details", { class: "thread", open: mails.length <= 6 },
    element("summary", {}, `Conversation: ${count(mails.length, "message", "messages")}`),
    element("ol", {}, shown.map((mail) => element("li", {},
      element("a", { href: route.link({ ...open, id: mail.ID }), "aria-current": mail.ID === message.ID && "true" },
        foreign(nameOf(mail.From), { class: "who" }), foreign(cut(mail.Snippet), { class: "snippet" }),
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
  chooseForm(next.id.slice(4));
  next.focus();
}

function chooseWidth(name, button) {
  for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
  setWidth(name, pane.querySelector("iframe"));
}

// An invitation stands in front of the words about it.
async function drawInvitation(turn) {
  try {
    const box = await invitationOf(message);
    if (box && turn === asked) pane.querySelector("#invitation-place")?.replaceWith(box);
  } catch { /* its file is among the attachments */ }
}
