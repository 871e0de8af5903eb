// How times, sizes, numbers and addresses are written.

const locale = navigator.language;
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(locale, { weekday: "short" });
const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const date = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });
const whole = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
const plain = new Intl.NumberFormat(locale);

export const number = (value) => plain.format(value);

// The shortest that still says when: the time today, the day in this week, then the date.
export function shortTime(text, now = new Date()) {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return "";
  const days = (new Date(now).setHours(0, 0, 0, 0) - new Date(time).setHours(0, 0, 0, 0)) / 86400000;
  if (days < 1) return clock.format(time);
  if (days < 6) return weekday.format(time);
  return time.getFullYear() === now.getFullYear() ? day.format(time) : date.format(time);
}

export function longTime(text) {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? "" : whole.format(time);
}

export function size(octets) {
  if (octets < 1000) return `${octets} B`;
  const units = ["kB", "MB", "GB"];
  let value = octets / 1000, unit = 0;
  while (value >= 999.5 && unit < units.length - 1) { value /= 1000; unit += 1; }
  return `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} ${units[unit]}`;
}

export const count = (n, one, many) => `${number(n)} ${n === 1 ? one : many}`;

// A name or a subject in its place: nobody reads more, and browsers lay out much longer ones slowly.
export const cut = (text, most = 1_000) => (text.length > most ? `${text.slice(0, most)}…` : text);

// Who a mail is from, as short as it goes.
export const nameOf = (person) => cut(person?.Name || person?.Address || "(no sender)");
export const subjectOf = (message) => cut(message.Subject || "(no subject)");

// "Mara <mara@example.org>" or the address alone; as one reads it, and as one writes it to be sent (RFC 5322, 3.4).
export const personText = (person) => cut(person.Name ? `${person.Name} <${person.Address}>` : person.Address);
export const writtenText = ({ Name, Address }) =>
  Name ? `${/[",;<>()\[\]:\\@]/.test(Name) ? `"${Name.replace(/["\\]/g, "\\$&")}"` : Name} <${Address}>` : Address;
