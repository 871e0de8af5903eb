// What a reply and a forwarded message begin with (RFC 5322, 3.6.4 and appendix A.2).

import * as api from "./requests.js";
import { longTime, nameOf, writtenText } from "./format.js";
import { messageIDs } from "./strangers.js";

const greatestQuotation = 50_000, greatestForwarded = 200_000;
// References begins with the first message of the conversation, and ends with the one that is answered.
const greatestReferences = 20;

const lower = (person) => person.Address.toLowerCase();
const untagged = (address) => address.toLowerCase().replace(/\+[^@]{0,64}@/, "@");
const people = (...lists) => lists.flatMap((list) => list ?? []).filter((one) => one?.Address?.includes("@"));
const written = (list) => list.slice(0, 1000).map(writtenText).join(", ");

// Which address the answer comes from: one that the message came to, by preference the one whose mail is looked at.
function ownAddress(message, { view, user, used }) {
  const recipients = message.Recipients ?? [];
  const named = people(message.To, message.Cc);
  const reached = new Set(recipients.map((one) => one.toLowerCase()));
  const candidates = [view, ...recipients.filter((one) => one === used), ...named.filter((one) => reached.has(lower(one))).map((one) => one.Address),
    ...recipients, used, user].filter((one) => one?.includes("@"));
  const own = candidates[0] ?? "";
  const person = named.find((one) => lower(one) === own.toLowerCase());
  return { own, from: person ? writtenText(person) : own };
}

// `me`: {view, user, used}: the address whose mail is looked at, the account, the address that was written from last.
export async function reply(message, me, toAll) {
  let { own, from } = ownAddress(message, me);
  let to = message.ReplyTo?.length ? people(message.ReplyTo) : people([message.From]);
  // Who answers a mail of his own writes to the same people again.
  const mine = [me.view, me.used, me.user].find((one) => one && message.From?.Address && untagged(one) === untagged(message.From.Address));
  if (mine) [own, from, to] = [message.From.Address, writtenText(message.From), people(message.To)];
  const seen = new Set([own, me.user].filter(Boolean).map(untagged));
  to.forEach((one) => seen.add(untagged(one.Address)));
  const others = people(mine ? [] : message.To, message.Cc).filter((one) => !seen.has(untagged(one.Address)) && seen.add(untagged(one.Address)));
  return {
    key: `${toAll ? "reply to all of" : "reply to"} ${message.ID}`,
    title: toAll ? "Reply to all" : "Reply",
    from, to: written(to), cc: toAll ? written(others) : "",
    subject: /^(?:re|aw|sv|antw)(?:\[\d{1,3}\])?:/i.test(message.Subject) ? message.Subject : `Re: ${message.Subject}`,
    text: `\n\nOn ${longTime(message.Date)}, ${nameOf(message.From)} wrote:\n${quotation(message.Text)}\n`,
    headers: await threadFields(message),
  };
}

// Whether there is anybody but the sender to reply to.
export const hasOthers = (message) => people(message.To, message.Cc).length > 1;

function quotation(text) {
  const lines = text.slice(0, greatestQuotation).replaceAll("\r\n", "\n").split("\n");
  const signature = lines.indexOf("-- ");
  if (signature > 0) lines.length = signature;
  while (lines.length && !lines.at(-1).trim()) lines.pop();
  return lines.map((line) => (line.startsWith(">") ? `>${line}` : `> ${line}`.trimEnd())).join("\n");
}

async function threadFields(message) {
  if (!message.MessageID) return {};
  let before = [];
  try {
    const fields = Object.entries(await api.headers(message.ID));
    const identifiers = (name) => messageIDs(fields.find(([one]) => one.toLowerCase() === name)?.[1].join(" ") ?? "");
    before = identifiers("references");
    if (!before.length) before = identifiers("in-reply-to").length === 1 ? identifiers("in-reply-to") : [];
  } catch { /* the answer still says what it answers */ }
  const references = [...before.filter((one) => one !== message.MessageID), message.MessageID];
  const kept = references.length > greatestReferences ? [references[0], ...references.slice(1 - greatestReferences)] : references;
  return { "In-Reply-To": `<${message.MessageID}>`, References: kept.map((one) => `<${one}>`).join(" ") };
}

export function forward(message, me) {
  const about = [
    ["From", message.From ? written(people([message.From])) : ""], ["Date", longTime(message.Date)], ["Subject", message.Subject],
    ["To", written(people(message.To))], ["Cc", written(people(message.Cc))]].filter(([, value]) => value);
  const parts = [...message.Attachments, ...message.Inline].slice(0, 200);
  return {
    key: `forward ${message.ID}`,
    title: "Forward",
    from: ownAddress(message, me).from,
    subject: /^fwd?:/i.test(message.Subject) ? message.Subject : `Fwd: ${message.Subject}`,
    text: `\n\n---------- Forwarded message ----------\n${about.map(([name, value]) => `${name}: ${value}`).join("\n")}\n\n`
      + message.Text.slice(0, greatestForwarded).replaceAll("\r\n", "\n"),
    parts: [
      ...parts.map((part) => ({ path: api.partPath(message.ID, part.PartID), name: part.FileName || "attachment", type: part.ContentType, size: part.Size, taken: true })),
      { path: api.sourcePath(message.ID), name: "message.eml", type: "application/octet-stream", size: message.Size, taken: false, what: "the whole message as a file" }],
  };
}
