// An invitation, shown as what it is: what, when, where, who. The calendar is read by calendar.js.

import * as api from "./requests.js";
import { invitation, repeatsText, whenText } from "./calendar.js";
import { element, foreign, harmless } from "./dom.js";
import { count, cut } from "./format.js";
import { linked } from "./panels.js";

const greatestCalendar = 1_000_000;
const shownPeople = 8;

const titles = {
  REQUEST: "Invitation", CANCEL: "Cancelled", REPLY: "Answer to an invitation", COUNTER: "Another time is proposed",
  ADD: "Addition to an invitation", REFRESH: "Question about an event", DECLINECOUNTER: "The other time is declined",
};
const answers = { ACCEPTED: "accepts", DECLINED: "declines", TENTATIVE: "perhaps", DELEGATED: "sends somebody else", "NEEDS-ACTION": "has not answered" };

const isCalendar = (part) => /^(?:text\/calendar|application\/ics)$/i.test(part.ContentType) || /\.ics$/i.test(part.FileName ?? "");

// What stands in front of the message; null where it brings no calendar.
export async function invitationOf(message) {
  const part = [...message.Inline, ...message.Attachments].slice(0, 500).find(isCalendar);
  if (!part) return null;
  const { text } = await api.text(api.partPath(message.ID, part.PartID), greatestCalendar);
  const found = invitation(text);
  if (!found.events.length) return null;
  return element("section", { class: "invitation", "aria-label": "Invitation" },
    found.events.map((event) => drawn(event, found.method)),
    found.more && element("p", { class: "soft" }, "The calendar has more; it is among the attachments."));
}

function drawn(event, method) {
  const when = whenText(event, navigator.language, Intl.DateTimeFormat().resolvedOptions().timeZone);
  const title = event.status === "CANCELLED" ? titles.CANCEL : titles[method] ?? "Event";
  const row = (name, ...content) => [element("dt", {}, name), element("dd", {}, ...content)];
  const text = (value, most) => element("bdi", { dir: "auto" }, [...linked(harmless(cut(value, most)), { links: 20 })]);
  return element("div", { class: "event" },
    element("p", { class: "kind" }, title),
    element("h2", { dir: "auto" }, harmless(cut(event.summary || "(no title)", 300))),
    element("dl", { class: "people" },
      when.text && row("When", foreign(cut(when.text, 300)), when.here && element("div", { class: "soft" }, `Here: ${when.here}`)),
      event.repeats && row("Again", repeatsText(event.repeats)),
      event.location && row("Where", text(event.location, 500)),
      event.organizer && row("From", foreign(nameOf(event.organizer))),
      event.people.length > 0 && row("Who", people(event.people)),
      event.url && row("Link", text(event.url, 500))),
    event.description && element("details", {}, element("summary", {}, "Notes"), element("p", { class: "notes" }, text(event.description, 5_000))));
}

const nameOf = ({ name, address }) => cut(name && name !== address ? `${name} <${address}>` : address || name, 300);

function people(all) {
  const line = (person) => element("li", {}, foreign(nameOf(person)),
    element("span", { class: "soft" }, answers[person.answer] && ` ${answers[person.answer]}`, person.role === "OPT-PARTICIPANT" && " (need not come)"));
  if (all.length <= shownPeople) return element("ul", {}, all.map(line));
  return element("details", {}, element("summary", {}, count(all.length, "person", "people")), element("ul", {}, all.map(line)));
}
