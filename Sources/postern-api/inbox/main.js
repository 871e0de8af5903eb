// The inbox of Postern: what belongs together is joined here. The URL says what is shown (route.js); a view's messages
// are in a Mailbox, which is asked again and again whether anything is new.

import * as actions from "./actions.js";
import * as api from "./requests.js";
import * as dialog from "./dialog.js";
import { byId, harmless } from "./dom.js";
import { count, longTime, number, subjectOf } from "./format.js";
import * as drafts from "./drafts.js";
import * as keys from "./keys.js";
import * as list from "./list.js";
import { Mailbox } from "./mailbox.js";
import * as message from "./message.js";
import * as preferences from "./preferences.js";
import * as route from "./route.js";
import * as search from "./search.js";
import { selection } from "./selection.js";
import { apply, settings } from "./settings.js";
import * as side from "./side.js";

// How often is asked whether anything is new: while the page is seen, and while it is not. A 304 costs little.
const pollVisible = 2_000, pollHidden = 30_000;

const app = byId("app"), news = byId("news"), error = byId("search-error"), selectAll = byId("select-all");
const awayBanner = byId("away"), awayText = byId("away-text");
let mailbox = null;
let shownId = null;
let unseen = 0;
let away = false;
let asOf = null;   // when the server has answered last
let timer = 0;

const isNarrow = () => matchMedia("(max-width: 959px)").matches;

function show(open) {
  const query = route.query(open);
  side.toggle(false);
  if (mailbox?.query !== query) {
    mailbox = new Mailbox(query);
    mailbox.addEventListener("change", drawHead);
    selection.clear();
    unseen = 0;
    news.hidden = true;
    error.hidden = true;
    byId("empty").replaceChildren();
    list.show(mailbox);
    refresh();
  }
  search.show(open);
  app.dataset.pane = open.id ? "message" : "list";
  if (open.id !== shownId) {
    const fromList = list.hasFocus() || message.hasFocus() || document.activeElement === document.body;
    shownId = open.id;
    message.show(open.id).then(() => {
      if (open.id && fromList && route.current().id === open.id && !dialog.isOpen()) message.focus();
      drawTitle();
      findOpen();
    });
    if (open.id) list.point(open.id);
  }
  message.showForm();
  list.redraw();
  drawHead();
  side.draw(mailbox);
}

// A link may lead to a message far down the list.
async function findOpen() {
  const asked = mailbox, open = message.current();
  if (!open || open.ID !== route.current().id || asked.indexOf(open.ID) >= 0 || asked.total === null) return;
  try {
    await asked.locate(open.ID, open.Created);
    if (asked === mailbox && message.current() === open) list.point(open.ID);
  } catch { /* the banner says it */ }
}

// While the server is away, a banner says so, and of when that is what is shown.
function serverIsAway(failure) {
  away = true;
  const since = asOf ? ` What is shown is of ${longTime(asOf)}.` : "";
  const words = failure.status === 401 || failure.status === 403 ? `${failure.message} Load the page again to sign in.` : failure.message;
  const text = harmless(`${words}${since}`);
  if (awayText.textContent !== text) awayText.textContent = text;
  awayBanner.hidden = false;
  list.setTrouble(`${words} The messages come when it answers again.`);
}
function serverIsThere() {
  asOf = Date.now();
  list.setTrouble("");
  if (!away) return;
  away = false;
  awayBanner.hidden = true;
  dialog.toast("The server is there again.");
  if (route.current().id && !message.current()) message.show(route.current().id).then(drawTitle);
  askAbilities();
}

// Asks for what is new, at most once at a time.
let running = null;
function refresh() {
  running ??= poll().finally(() => { running = null; });
  return running;
}

async function poll() {
  const asked = mailbox;
  try {
    const before = { total: asked.total, version: asked.version };
    const came = await asked.refresh();
    serverIsThere();
    if (asked !== mailbox) return;
    error.hidden = true;
    if (before.total === null) { if (route.current().id) list.point(route.current().id); findOpen(); }
    if (before.total !== null && came > 0) arrived(came);
    if (asked.version !== before.version) await side.refresh(mailbox);
  } catch (failure) {
    if (asked !== mailbox) return;
    if (failure.status === 400) {
      serverIsThere();
      error.textContent = harmless(failure.message);
      error.hidden = false;
    } else {
      serverIsAway(failure);
    }
  } finally {
    schedule();
    if (asked !== mailbox) setTimeout(refresh);
  }
}

function schedule() {
  clearTimeout(timer);
  timer = setTimeout(refresh, document.hidden ? pollHidden : pollVisible);
}

// New mail never moves what is in sight, nor the focus: where the list is not at its top, a button says so.
function arrived(came) {
  const top = list.atTop();
  list.shift(came);
  if (top) {
    dialog.toast(count(came, "new message", "new messages"));
  } else {
    unseen += came;
    news.textContent = count(unseen, "new message", "new messages");
    news.hidden = false;
  }
  if (settings.follow && !dialog.isOpen()) route.go({ ...route.current(), id: mailbox.at(0).ID }, { replace: true });
}

function drawHead() {
  const { q, to } = route.current();
  const name = { "": "All mail", "is:unread": "Unread", "has:attachment": "With attachments" }[q];
  byId("view-name").textContent = harmless(to ? to : name ?? "Found");
  const total = mailbox.total;
  byId("view-count").textContent = selection.some
    ? `${number(selection.all ? total : selection.size)} selected`
    : total === null ? "" : number(total);
  byId("selection-tools").hidden = !selection.some;
  selectAll.checked = selection.all;
  selectAll.indeterminate = !selection.all && selection.some;
  selectAll.disabled = !total;
  drawTitle();
}

function drawTitle() {
  const open = message.current();
  const place = open ? subjectOf(open) : byId("view-name").textContent;
  document.title = harmless(`${mailbox.allUnread ? `(${mailbox.allUnread}) ` : ""}${place} – Postern`);
}

async function begin() {
  apply();
  actions.start({
    mailbox: () => mailbox,
    refresh,
    isNarrow,
    activeItem: list.activeItem,
    openMessage: message.current,
    inMessage: () => message.hasFocus() || (isNarrow() && Boolean(route.current().id)),
    reopen: () => message.show(route.current().id),
    focusList: (id) => { if (id) list.point(id); list.focus(list.activeIndex()); },
  });
  keys.useItems((index) => mailbox.at(index));
  list.start();
  search.start();
  side.start();
  keys.start();
  route.start();
  route.whenChanged(show);
  selection.addEventListener("change", drawHead);
  drafts.whenChanged(() => side.draw(mailbox));

  byId("try-again").addEventListener("click", refresh);
  byId("compose").addEventListener("click", actions.write);
  byId("open-settings").addEventListener("click", preferences.open);
  byId("open-keys").addEventListener("click", keys.showHelp);
  news.addEventListener("click", () => { unseen = 0; news.hidden = true; list.toTop(); list.focus(0); });
  byId("scroll").addEventListener("scroll", () => { if (unseen && list.atTop()) { unseen = 0; news.hidden = true; } }, { passive: true });
  selectAll.addEventListener("change", () => (selectAll.checked ? selection.selectAll() : selection.clear()));
  byId("selection-tools").addEventListener("click", (event) => {
    const what = event.target.closest("button")?.dataset.do;
    ({ read: () => actions.mark(true), unread: () => actions.mark(false), tags: actions.tags, delete: actions.remove })[what]?.();
  });
  document.addEventListener("visibilitychange", refresh);
  addEventListener("focus", refresh);

  show(route.current());
  askAbilities();
}

async function askAbilities() {
  try {
    const abilities = await api.abilities();
    actions.can.release = abilities.MessageRelay?.Enabled ?? false;
    actions.can.lists = abilities.Lists ?? false;
    actions.can.user = abilities.User ?? "";
    list.setTarget(abilities.SMTPAddress, abilities.SMTPRecipient);
    message.drawTools();
    side.refresh(mailbox);
  } catch { /* the banner says that the server is away */ }
}

begin();
