// The side column: the views, a view for each recipient, tags, lists.

import * as api from "./requests.js";
import { can } from "./actions.js";
import * as compose from "./compose.js";
import { byId, element, foreign, harmless, icon } from "./dom.js";
import * as drafts from "./drafts.js";
import { cut, number } from "./format.js";
import * as lists from "./lists.js";
import { quoted } from "./message.js";
import * as route from "./route.js";

const place = byId("views"), app = byId("app");
const shownRecipients = 12;
let recipients = { total: 0, recipients: [] };
let found = [];
let filter = "";
let signature = "";

// Asks for what stands here; tags and the count of unread come with the list.
export async function refresh(mailbox) {
  try { recipients = await api.recipients(filter, shownRecipients); } catch { /* the column stays as it was */ }
  if (can.lists) try { found = await api.lists(); } catch { found = []; }
  draw(mailbox);
}

export function draw(mailbox) {
  const open = route.current();
  const kept = drafts.all();
  const now = JSON.stringify([recipients, found, mailbox.tags, mailbox.all, mailbox.allUnread, open.q, open.to, filter, kept.map(({ key, when }) => [key, when])]);
  if (now === signature) return;
  signature = now;
  const focused = document.activeElement;
  const key = place.contains(focused) ? focused.dataset.key : null;
  const typed = place.querySelector("input")?.value;
  place.replaceChildren(
    element("ul", { "aria-label": "Mail" },
      view("inbox", "All mail", {}, open, { number: mailbox.all }),
      view("mail", "Unread", { q: "is:unread" }, open, { number: mailbox.allUnread, unread: true }),
      view("clip", "With attachments", { q: "has:attachment" }, open)),
    ...(kept.length ? [
      element("h2", { id: "side-drafts" }, "Drafts"),
      element("ul", { "aria-labelledby": "side-drafts" }, kept.map((draft) => element("li", {},
        element("button", { type: "button", dataset: { key: `draft ${draft.key}` }, onclick: () => compose.open(draft) },
          icon("pen"), foreign(cut(draft.subject || draft.text.trim() || draft.title, 100), { class: "name" }))))),
    ] : []),
    ...(recipients.total > 0 || filter ? [
      element("h2", { id: "side-recipients" }, "Recipients"),
      recipients.total > shownRecipients || filter ? element("input", {
        type: "text", class: "filter", "aria-label": "Find a recipient", placeholder: "Find a recipient", autocomplete: "off", value: typed ?? filter, dataset: { key: "filter" },
        oninput: (event) => find(event.target.value.trim(), mailbox) }) : "",
      element("ul", { "aria-labelledby": "side-recipients" }, recipients.recipients.map((one) =>
        view("person", one.Address, { to: one.Address }, open, { number: one.Unread || one.Total, unread: one.Unread > 0 }))),
      recipients.total > recipients.recipients.length ? element("p", { class: "more" }, `${number(recipients.total - recipients.recipients.length)} more`) : "",
    ] : []),
    ...(mailbox.tags.length ? [
      element("h2", { id: "side-tags" }, "Tags"),
      element("ul", { "aria-labelledby": "side-tags" }, mailbox.tags.slice(0, 50).map((tag) => view("tag", tag, { q: quoted("tag", tag) }, open))),
    ] : []),
    ...(can.lists ? [
      element("h2", { id: "side-lists" }, "Lists"),
      element("ul", { "aria-labelledby": "side-lists" },
        found.slice(0, 100).map((list) => element("li", {}, element("button", { type: "button", dataset: { key: `list ${list.Name}` }, onclick: () => lists.open(list.Name, () => refresh(mailbox)) },
          icon("people"), foreign(list.Name, { class: "name" }), element("span", { class: "number" }, number(list.Members))))),
        element("li", {}, element("button", { type: "button", dataset: { key: "new list" }, onclick: () => lists.create(() => refresh(mailbox)) },
          icon("pen"), element("span", { class: "name" }, "New list")))),
    ] : []));
  if (key) [...place.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key)?.focus();
}

function view(picture, name, to, open, figure = null) {
  const chosen = (to.q ?? "") === open.q && (to.to ?? "") === open.to;
  return element("li", {}, element("a", { href: route.link(to), title: harmless(name), "aria-current": chosen && "page", dataset: { key: route.link(to) } },
    icon(picture), foreign(name, { class: "name" }),
    figure?.number > 0 && element("span", { class: `number${figure.unread ? " unread" : ""}` }, number(figure.number),
      element("span", { class: "words" }, figure.unread ? " unread" : " messages"))));
}

let waiting = 0;
function find(text, mailbox) {
  clearTimeout(waiting);
  waiting = setTimeout(() => { filter = text; refresh(mailbox); }, 200);
}

// The drawer of narrow screens.
export function start() {
  byId("open-side").addEventListener("click", () => { toggle(true); place.querySelector("a")?.focus(); });
  byId("close-side").addEventListener("click", () => { toggle(false); byId("open-side").focus(); });
  app.addEventListener("click", (event) => { if (event.target === app) toggle(false); });
  byId("side").addEventListener("keydown", (event) => {
    if (event.key === "Escape" && app.dataset.side) { toggle(false); byId("open-side").focus(); event.stopPropagation(); }
  });
}
export function toggle(open) {
  if (open) app.dataset.side = "open"; else delete app.dataset.side;
  byId("open-side").setAttribute("aria-expanded", String(open));
}
