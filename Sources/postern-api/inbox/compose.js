// Writing a mail. It is sent by POST /api/v1/send, or to a list by POST /api/v1/lists/NAME/send. What is written is kept as a
// draft from the first letter on: no key, and no closed tab, throws it away.

import * as api from "./requests.js";
import { can } from "./actions.js";
import * as dialog from "./dialog.js";
import { element, foreign, harmless } from "./dom.js";
import * as drafts from "./drafts.js";
import { cut, longTime, size } from "./format.js";
import * as route from "./route.js";
import { change, settings } from "./settings.js";
import { splitAddresses } from "./strangers.js";

const greatestFiles = 30_000_000;
const names = ["from", "to", "cc", "bcc", "subject", "text"];

// `mail` has a key, which says what it is of, a title, the fields' texts, and perhaps `headers`, the name of a `list`, and
// `parts` of a message that is forwarded. A draft of the same is written on.
export async function open(mail) {
  const kept = drafts.find(mail.key);
  const begun = { from: settings.from || (can.user.includes("@") ? can.user : ""), to: "", cc: "", bcc: "", subject: "", text: "", headers: {}, parts: [] };
  const first = { ...begun, ...Object.fromEntries(Object.entries(mail).filter(([, value]) => value)) };
  const result = await dialog.open(mail.title, (box) => form(box, first, kept), { name: "compose" });
  if (result === "anew") await open(mail);
}

function form(box, first, kept) {
  const mail = kept ?? first;
  const field = (name, label, attributes = {}) =>
    element("div", { class: "field" }, element("label", { for: `compose-${name}` }, label),
      element("input", { type: "text", id: `compose-${name}`, name, autocomplete: "off", spellcheck: "false", value: mail[name], ...attributes }));
  const wrong = element("p", { class: "notice", role: "alert", hidden: true });
  const files = element("input", { type: "file", id: "compose-files", multiple: true });
  const send = element("button", { class: "primary" }, "Send");
  const text = element("textarea", { id: "compose-text", name: "text", dir: "auto", value: mail.text, placeholder: "Write…" });
  const parts = mail.parts.map((part) => ({ ...part }));
  const written = () => ({ ...mail, parts, ...Object.fromEntries(names.map((name) => [name, all.elements[name]?.value ?? ""])) });

  let state = "as it was", waiting = 0, gone = false;
  const keep = () => {
    clearTimeout(waiting);
    if (state === "changed" && !gone) drafts.keep(written());
    if (state === "changed") state = "kept";
  };
  const changed = () => {
    state = "changed";
    clearTimeout(waiting);
    waiting = setTimeout(keep, 300);
  };
  const throwAway = () => {
    const last = written();
    const wasThere = kept || state !== "as it was";
    gone = true;
    drafts.forget(mail.key);
    box.close("");
    if (wasThere) dialog.toast("The draft is thrown away.", { action: ["Undo", () => { drafts.keep(last); open(last); }] });
  };

  const submit = async (event) => {
    event.preventDefault();
    send.disabled = true;
    wrong.hidden = true;
    keep();
    try {
      const content = await composed(all, files.files, parts, mail);
      const answer = mail.list ? await api.sendToList(mail.list, content) : await api.send(content);
      gone = true;
      drafts.forget(mail.key);
      change({ from: all.elements.from.value.trim() });
      box.close("sent");
      dialog.toast("Sent.", { link: answer?.ID ? element("a", { href: route.link({ id: answer.ID }) }, "Look at it") : null });
    } catch (failure) {
      if (!box.open) return dialog.toast(`Not sent: ${failure.message}`, { wrong: true });
      wrong.textContent = harmless(failure.message);
      wrong.hidden = false;
      send.disabled = false;
    }
  };

  const all = element("form", { onsubmit: submit, onkeydown: pressed, oninput: changed, novalidate: true },
    element("div", { class: "body" },
      kept && element("p", { class: "kept" }, `You wrote this on ${longTime(kept.when)}. `,
        element("button", { type: "button", class: "link", onclick: () => { gone = true; drafts.forget(mail.key); box.close("anew"); } }, "Begin anew")),
      field("from", "From", { placeholder: "you@example.org" }),
      !mail.list && field("to", "To", { placeholder: "Mara <mara@example.org>, …" }),
      !mail.list && field("cc", "Cc"),
      !mail.list && field("bcc", "Bcc"),
      field("subject", "Subject", { dir: "auto", spellcheck: "true" }),
      element("div", { class: "field tall" }, element("label", { for: "compose-text", class: "words" }, "Text"), text),
      parts.length > 0 && element("fieldset", { class: "parts" }, element("legend", {}, "With it go"), parts.map((part, at) => partBox(part, at, changed))),
      !mail.list && element("div", { class: "field" }, element("label", { for: "compose-files" }, "Files"), files),
      wrong),
    element("div", { class: "feet" },
      element("button", { type: "button", class: "quiet", onclick: throwAway }, "Throw away"),
      element("span", { class: "space" }),
      element("button", { type: "button", class: "plain", onclick: () => box.close("") }, "Keep for later"), send));

  addEventListener("pagehide", keep);
  box.addEventListener("close", () => {
    removeEventListener("pagehide", keep);
    const files_ = files.files.length && !gone ? " Choose its files again then." : "";
    keep();
    if (state === "kept" && !gone) {
      dialog.toast(`Kept as a draft.${files_}`, { action: ["Write on", () => { const draft = drafts.find(mail.key); if (draft) open(draft); }] });
    }
  });
  // Where something is to be written next: behind nothing, in front of the quotation.
  queueMicrotask(() => {
    const empty = ["to", "from", "subject"].find((name) => all.elements[name] && !all.elements[name].value && (name !== "subject" || !mail.headers["In-Reply-To"]));
    (empty ? all.elements[empty] : text).focus();
    if (!kept) text.setSelectionRange(0, 0);
    text.scrollTop = 0;
  });
  return all;
}

// What of a forwarded message goes along.
function partBox(part, at, changed) {
  const box = element("input", { type: "checkbox", id: `compose-part-${at}`, onchange: () => { part.taken = box.checked; changed(); } });
  box.checked = part.taken;
  return element("div", { class: "option" }, box, element("label", { for: box.id }, part.what ?? foreign(cut(part.name, 200)), ` (${size(part.size)})`));
}

// Enter goes on to the next field, for a mail that is sent too early cannot be called back. Ctrl+Enter sends.
function pressed(event) {
  if (event.key !== "Enter" || event.isComposing) return;
  const form = event.currentTarget;
  if (event.ctrlKey || event.metaKey) return form.requestSubmit();
  if (!event.target.matches("input[type=text]")) return;
  event.preventDefault();
  const fields = [...form.querySelectorAll("input[type=text], textarea")];
  fields[fields.indexOf(event.target) + 1]?.focus();
}

async function composed(form, files, parts, { headers, list }) {
  const value = (name) => form.elements[name]?.value.trim() ?? "";
  const from = splitAddresses(value("from"));
  if (from.length !== 1) throw new Error("From is one address.");
  const mail = { From: from[0], Subject: value("subject"), Text: form.elements.text.value };
  if (list) return mail;
  const taken = parts.filter((part) => part.taken);
  const octets = [...files, ...taken].reduce((sum, file) => sum + file.size, 0);
  if (octets > greatestFiles) throw new Error(`The files have ${size(octets)}; ${size(greatestFiles)} can be sent.`);
  Object.assign(mail, {
    To: splitAddresses(value("to")),
    Cc: splitAddresses(value("cc")),
    Bcc: splitAddresses(value("bcc")).map((one) => one.Email),
    Attachments: await Promise.all([
      ...taken.map(async ({ path, name, type }) => encoded(await api.file(path), name, type)),
      ...[...files].map((file) => encoded(file, file.name, file.type))]),
  });
  if (Object.keys(headers).length) mail.Headers = headers;
  return mail;
}

function encoded(file, name, type) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve({
      Filename: name,
      ContentType: type || "application/octet-stream",
      Content: reader.result.slice(reader.result.indexOf(",") + 1),
    });
    reader.onerror = () => reject(new Error(`${name} cannot be read.`));
    reader.readAsDataURL(file);
  });
}
