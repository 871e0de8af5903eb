// Writing a mail. It is sent by POST /api/v1/send, or to a list by POST /api/v1/lists/NAME/send.

import * as api from "./requests.js";
import * as dialog from "./dialog.js";
import { element, harmless } from "./dom.js";
import { addressText, longTime, nameOf, size, splitAddresses } from "./format.js";
import * as route from "./route.js";
import { change, settings } from "./settings.js";
import { can } from "./actions.js";

const greatestFiles = 30_000_000;

// What a reply begins with.
export function replyTo(message) {
  const to = message.ReplyTo?.length ? message.ReplyTo : [message.From];
  const quote = message.Text.replaceAll("\r\n", "\n").trimEnd().slice(0, 50_000).split("\n").map((line) => `> ${line}`).join("\n");
  const references = [...(message.References ?? []), message.MessageID].filter(Boolean).slice(-20);
  return {
    title: "Reply",
    from: message.Recipients?.length === 1 ? message.Recipients[0] : "",
    to: to.filter((one) => one?.Address).map(addressText).join(", "),
    subject: /^re:/i.test(message.Subject) ? message.Subject : `Re: ${message.Subject}`,
    text: `\n\nOn ${longTime(message.Date)}, ${nameOf(message.From)} wrote:\n${quote}\n`,
    headers: message.MessageID
      ? { "In-Reply-To": `<${message.MessageID}>`, References: references.map((id) => `<${id}>`).join(" ") } : {},
  };
}

export async function open({ title = "New message", from = "", to = "", subject = "", text = "", headers = {}, list = null }) {
  await dialog.open(list ? `To the list ${list.Name}` : title, (box) => {
    const field = (name, label, attributes = {}) =>
      element("div", { class: "field" }, element("label", { for: `compose-${name}` }, label),
        element("input", { type: "text", id: `compose-${name}`, name, autocomplete: "off", ...attributes }));
    const wrong = element("p", { class: "notice", role: "alert", hidden: true });
    const files = element("input", { type: "file", id: "compose-files", multiple: true });
    const send = element("button", { class: "primary" }, "Send");
    const submit = async (event) => {
      event.preventDefault();
      send.disabled = true;
      wrong.hidden = true;
      try {
        const mail = await composed(event.target, files.files, headers, list);
        const answer = list ? await api.sendToList(list.Name, mail) : await api.send(mail);
        change({ from: event.target.elements.from.value.trim() });
        box.close("sent");
        dialog.toast("Sent.", { link: answer?.ID ? element("a", { href: route.link({ id: answer.ID }) }, "Look at it") : null });
      } catch (failure) {
        wrong.textContent = harmless(failure.message);
        wrong.hidden = false;
        send.disabled = false;
      }
    };
    return element("form", { onsubmit: submit, onkeydown: sendByKey },
      element("div", { class: "body" },
        field("from", "From", { value: from || settings.from || (can.user.includes("@") ? can.user : ""), required: true, placeholder: "you@example.org" }),
        !list && field("to", "To", { value: to, required: true, autofocus: !to, placeholder: "Mara <mara@example.org>, …" }),
        !list && field("cc", "Cc"),
        !list && field("bcc", "Bcc"),
        field("subject", "Subject", { value: subject, dir: "auto", autofocus: Boolean(list) }),
        element("div", { class: "field tall" }, element("label", { for: "compose-text", class: "words" }, "Text"),
          element("textarea", { id: "compose-text", name: "text", dir: "auto", value: text, autofocus: Boolean(to), placeholder: "Write…" })),
        !list && element("div", { class: "field" }, element("label", { for: "compose-files" }, "Files"), files),
        wrong),
      element("div", { class: "feet" },
        element("span", { class: "space" }),
        element("button", { type: "button", class: "plain", onclick: () => box.close("") }, "Cancel"), send));
  }, { name: "compose" });
}

function sendByKey(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.requestSubmit();
}

async function composed(form, files, headers, list) {
  const value = (name) => form.elements[name]?.value.trim() ?? "";
  const from = splitAddresses(value("from"));
  if (from.length !== 1) throw new Error("From is one address.");
  const mail = { From: from[0], Subject: value("subject"), Text: form.elements.text.value };
  if (list) return mail;
  Object.assign(mail, {
    To: splitAddresses(value("to")),
    Cc: splitAddresses(value("cc")),
    Bcc: splitAddresses(value("bcc")).map((one) => one.Email),
    Attachments: await Promise.all(checked(files).map(encoded)),
  });
  if (Object.keys(headers).length) mail.Headers = headers;
  return mail;
}

function checked(files) {
  const octets = [...files].reduce((sum, file) => sum + file.size, 0);
  if (octets > greatestFiles) throw new Error(`The files have ${size(octets)}; ${size(greatestFiles)} can be sent.`);
  return [...files];
}

function encoded(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve({
      Filename: file.name,
      ContentType: file.type || "application/octet-stream",
      Content: reader.result.slice(reader.result.indexOf(",") + 1),
    });
    reader.onerror = () => reject(new Error(`${file.name} cannot be read.`));
    reader.readAsDataURL(file);
  });
}
