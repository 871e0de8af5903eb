// What can be done with messages. Each changes the list at once and the server after it; what fails is said and the
// list asked for again.

import * as api from "./requests.js";
import * as answers from "./answers.js";
import * as compose from "./compose.js";
import * as dialog from "./dialog.js";
import { count } from "./format.js";
import * as route from "./route.js";
import { selection } from "./selection.js";
import { settings } from "./settings.js";
import { splitAddresses } from "./strangers.js";

// What the server offers: asked for once, at the start.
export const can = { release: false, lists: false, user: "" };

// The page's other parts, which main.js hands in.
let page;
export const start = (parts) => { page = parts; };
const mailbox = () => page.mailbox();

async function changing(work) {
  try {
    await work();
    mailbox().forget();
  } catch (failure) {
    dialog.failed(failure);
    mailbox().forget();
  }
  page.refresh();
}

export function opened(message) {
  // The list knows best whether it is read: other clients want to hear that what they fetch is read.
  message.Read = mailbox().items.find((item) => item?.ID === message.ID)?.Read ?? false;
  if (message.Read || !settings.markRead) return;
  mailbox().patch(new Set([message.ID]), { Read: true });
  message.Read = true;
  changing(() => api.setRead({ ids: [message.ID] }, true));
}

export function unread(message) {
  mailbox().patch(new Set([message.ID]), { Read: false });
  changing(() => api.setRead({ ids: [message.ID] }, false));
  dialog.toast("Marked as unread.");
  back();
}

// The selected messages, or the one in the row that has the focus, or the open one.
function chosen() {
  if (selection.some) return { what: selection.what(mailbox().query), ids: selection.all ? null : selection.ids() };
  const id = page.inMessage() ? route.current().id : page.activeItem()?.ID ?? route.current().id;
  return id ? { what: { ids: [id] }, ids: new Set([id]) } : null;
}
const howMany = (those) => (those.ids ? those.ids.size : mailbox().total);

export function mark(read) {
  const those = chosen();
  if (!those) return;
  const ids = those.ids ?? new Set(mailbox().items.filter(Boolean).map((item) => item.ID));
  mailbox().patch(ids, { Read: read });
  changing(() => api.setRead(those.what, read));
  dialog.toast(`${count(howMany(those), "message", "messages")} marked as ${read ? "read" : "unread"}.`);
}

export async function remove() {
  const those = chosen();
  if (those) await removeThose(those);
}
export const removeOne = (message) => removeThose({ what: { ids: [message.ID] }, ids: new Set([message.ID]) });

// So long can a delete be undone.
const grace = 8_000;
let leaving = null;   // {ids, timer, takeAway}

async function removeThose(those) {
  if (!those.ids) return removeAll(those.what);
  removeNow();
  const ids = those.ids;
  const open = route.current().id;
  const at = mailbox().indexOf(open);
  selection.clear();
  mailbox().hide(ids);
  const takeAway = dialog.toast(`${count(ids.size, "message", "messages")} deleted.`, { action: ["Undo", undo], seconds: grace / 1000 });
  leaving = { ids, takeAway, timer: setTimeout(removeNow, grace) };
  if (ids.has(open)) {
    // Side by side the next message takes the place; on a narrow screen the list does.
    const next = page.isNarrow() ? null : mailbox().at(Math.min(at, mailbox().total - 1));
    route.go({ ...route.current(), id: at >= 0 ? next?.ID ?? "" : "" }, { replace: true });
  }
  page.focusList();
}

// Until now nothing is lost; now the files go. `closing`: with the page.
async function removeNow({ closing = false } = {}) {
  if (!leaving) return;
  const { ids, timer, takeAway } = leaving;
  leaving = null;
  clearTimeout(timer);
  takeAway();
  try {
    await api.remove({ ids: [...ids] }, { leaving: closing });
    mailbox().drop(ids);
  } catch (failure) {
    dialog.toast(`Not deleted: ${failure.message}`, { wrong: true });
  }
  mailbox().showAgain(ids);
  mailbox().forget();
  page.refresh();
}
addEventListener("pagehide", () => removeNow({ closing: true }));

export function undo() {
  if (!leaving) return;
  const { ids, timer, takeAway } = leaving;
  leaving = null;
  clearTimeout(timer);
  takeAway();
  mailbox().showAgain(ids);
  dialog.toast("Nothing is deleted.");
  page.focusList([...ids][0]);
}

// Everything that a view finds is too much to be kept back: this is asked.
async function removeAll(what) {
  const many = mailbox().total;
  const yes = await dialog.sure(
    mailbox().query ? `Delete ${count(many, "message", "messages")}?` : "Delete all mail?",
    `${many === 1 ? "Its file is" : "Their files are"} removed from the mail directory. This cannot be undone.`, "Delete");
  if (!yes) return;
  selection.clear();
  route.go({ ...route.current(), id: "" }, { replace: true });
  mailbox().drop(new Set(mailbox().items.filter(Boolean).map((item) => item.ID)));
  page.focusList();
  await changing(() => api.remove(what));
  dialog.toast(`${count(many, "message", "messages")} deleted.`);
}

export async function tags() {
  const those = chosen();
  if (!those) return;
  if (!those.ids) return dialog.toast("Select the messages one by one to give them tags.", { wrong: true });
  const items = mailbox().items.filter((item) => item && those.ids.has(item.ID));
  await tagItems(items.length ? items : [page.openMessage()].filter(Boolean));
}
export const tagOne = (message) => tagItems([message]);

async function tagItems(items) {
  if (!items.length) return;
  // One message: all its tags. Several: those that all have, and only what changes is changed.
  const common = items[0].Tags.filter((tag) => items.every((item) => item.Tags.includes(tag)));
  const text = await dialog.line(items.length === 1 ? "Tags" : `Tags of ${count(items.length, "message", "messages")}`, "Tags, with commas between", {
    value: common.join(", "), yes: "Save",
    hint: mailbox().tags.length ? `In use: ${mailbox().tags.slice(0, 20).join(", ")}` : "",
    check: async (value) => {
      const wanted = split(value);
      const sets = new Map();
      for (const item of items) {
        const tags = [...new Set([...item.Tags.filter((tag) => !common.includes(tag)), ...wanted])];
        const key = JSON.stringify(tags);
        sets.set(key, [...(sets.get(key) ?? []), item.ID]);
      }
      for (const [tags, ids] of sets) await api.setTags(ids, JSON.parse(tags));
    },
  });
  if (text === null) return;
  mailbox().forget();
  await page.refresh();
  page.reopen();
}
const split = (text) => text.split(",").map((tag) => tag.trim()).filter(Boolean);

export async function release(message) {
  const done = await dialog.line("Release", "Send this message on to", {
    value: can.user.includes("@") ? can.user : "", yes: "Release",
    hint: "Addresses, with commas between. The message goes out as it is, with a new date.",
    check: (value) => api.release(message.ID, splitAddresses(value).map((one) => one.Email)),
  });
  if (done !== null) dialog.toast("Released.");
}

// By which addresses its user may be known.
const me = () => ({ view: route.current().to, user: can.user.includes("@") ? can.user : "", used: splitAddresses(settings.from)[0]?.Email ?? "" });
function withRecipients(message) {
  return { ...message, Recipients: message.Recipients ?? mailbox().items.find((item) => item?.ID === message.ID)?.Recipients ?? [] };
}
export const reply = async (message) => compose.open(await answers.reply(withRecipients(message), me(), false));
export const replyToAll = async (message) => compose.open(await answers.reply(withRecipients(message), me(), true));
export const forward = (message) => compose.open(answers.forward(withRecipients(message), me()));
export const write = () => compose.open({ key: "new", title: "New message" });

export function back() {
  const { id, ...rest } = route.current();
  route.go(rest);
  page.focusList(id);
}
