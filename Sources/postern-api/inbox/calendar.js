// Invitations (RFC 5545, RFC 5546): what, when, where, who. Like strangers.js this knows no page, goes through its text
// once, and takes only so much of it.

const greatestText = 1_000_000, greatestLines = 20_000, greatestLine = 20_000, greatestEvents = 10, greatestPeople = 500;

// The events of a calendar: {method, events: [{summary, start, end, …}], more}. What is no calendar has none.
export function invitation(text) {
  const found = { method: "", events: [], more: text.length > greatestText };
  let event = null, depth = 0;
  for (const line of contentLines(text.slice(0, greatestText))) {
    const { name, value, parameters } = property(line);
    if (name === "BEGIN") {
      // An alarm inside an event has a summary of its own.
      if (event) depth += 1;
      else if (/^(?:VEVENT|VTODO|VJOURNAL)$/i.test(value)) {
        if (found.events.length >= greatestEvents) { found.more = true; break; }
        event = { summary: "", location: "", description: "", url: "", status: "", start: null, end: null, duration: "", repeats: "", organizer: null, people: [] };
      }
    } else if (name === "END" && event) {
      if (depth > 0) { depth -= 1; continue; }
      found.events.push(event);
      event = null;
    } else if (name === "METHOD" && !event) {
      found.method = value.toUpperCase().slice(0, 40);
    } else if (event && depth === 0) {
      take(event, name, value, parameters);
    }
  }
  if (event) found.events.push(event);
  return found;
}

function take(event, name, value, parameters) {
  switch (name) {
    case "SUMMARY": event.summary ||= plain(value); break;
    case "LOCATION": event.location ||= plain(value); break;
    case "DESCRIPTION": event.description ||= plain(value); break;
    case "URL": event.url ||= value.trim(); break;
    case "STATUS": event.status ||= value.toUpperCase(); break;
    case "DTSTART": event.start ??= time(value, parameters); break;
    case "DTEND": case "DUE": event.end ??= time(value, parameters); break;
    case "DURATION": event.duration ||= value; break;
    case "RRULE": event.repeats ||= value; break;
    case "ORGANIZER": event.organizer ??= person(value, parameters); break;
    case "ATTENDEE": if (event.people.length < greatestPeople) event.people.push(person(value, parameters)); break;
    default:
  }
}

// Lines as they were before they were folded (RFC 5545, 3.1).
function* contentLines(text) {
  let parts = [], length = 0, lines = 0;
  for (let start = 0; start < text.length && lines < greatestLines; lines += 1) {
    let end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    const line = text.slice(start, text[end - 1] === "\r" && end > start ? end - 1 : end);
    start = end + 1;
    if (line[0] === " " || line[0] === "\t") {
      if (length < greatestLine) parts.push(line.slice(1));
      length += line.length;
      continue;
    }
    if (length) yield parts.join("").slice(0, greatestLine);
    parts = [line];
    length = line.length;
  }
  if (length) yield parts.join("").slice(0, greatestLine);
}

// NAME;PARAMETER="a:b";…:VALUE
function property(line) {
  const parameters = {};
  const signs = /[";:]/g;
  let quoted = false, start = 0, name = null;
  const piece = (end) => {
    const words = line.slice(start, end);
    if (name === null) { name = words.trim().toUpperCase(); return; }
    const equals = words.indexOf("=");
    if (equals > 0) parameters[words.slice(0, equals).trim().toUpperCase()] = words.slice(equals + 1).replaceAll("\"", "").trim();
  };
  for (let sign = signs.exec(line); sign; sign = signs.exec(line)) {
    if (sign[0] === "\"") { quoted = !quoted && line.indexOf("\"", sign.index + 1) >= 0; continue; }
    if (quoted) continue;
    piece(sign.index);
    start = sign.index + 1;
    if (sign[0] === ":") return { name, parameters, value: line.slice(start) };
  }
  return { name: line.trim().toUpperCase().slice(0, 100), parameters, value: "" };
}

// The text of a value (RFC 5545, 3.3.11).
const plain = (value) => value.replace(/\\([\\;,nN])/g, (_, sign) => (sign === "n" || sign === "N" ? "\n" : sign)).trim();

function person(value, { CN = "", PARTSTAT = "", ROLE = "", RSVP = "", CUTYPE = "" }) {
  return { name: CN, address: value.trim().replace(/^mailto:/i, ""), answer: PARTSTAT.toUpperCase(), role: ROLE.toUpperCase(), asked: /^true$/i.test(RSVP), kind: CUTYPE.toUpperCase() };
}

// {year, month, day, hour, minute, second, zone, isDay}: the zone is "UTC", a name, or "" for wherever one is.
function time(value, { TZID = "" }) {
  const found = /^\s*(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z?))?/i.exec(value);
  if (!found) return null;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((digits) => Number(digits ?? 0));
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return null;
  const isDay = found[4] === undefined;
  return { year, month, day, hour, minute, second, isDay, zone: isDay ? "" : found[7] ? "UTC" : TZID.trim() };
}

// Some programs say a zone as Windows does; these are the usual ones (CLDR, windowsZones).
const windows = {
  "UTC": "UTC", "GMT Standard Time": "Europe/London", "Greenwich Standard Time": "Atlantic/Reykjavik", "W. Europe Standard Time": "Europe/Berlin",
  "Central Europe Standard Time": "Europe/Budapest", "Romance Standard Time": "Europe/Paris", "Central European Standard Time": "Europe/Warsaw",
  "E. Europe Standard Time": "Europe/Chisinau", "FLE Standard Time": "Europe/Kiev", "GTB Standard Time": "Europe/Bucharest", "Russian Standard Time": "Europe/Moscow",
  "Turkey Standard Time": "Europe/Istanbul", "Israel Standard Time": "Asia/Jerusalem", "Arabian Standard Time": "Asia/Dubai", "Arab Standard Time": "Asia/Riyadh",
  "India Standard Time": "Asia/Calcutta", "China Standard Time": "Asia/Shanghai", "Tokyo Standard Time": "Asia/Tokyo", "Korea Standard Time": "Asia/Seoul",
  "Singapore Standard Time": "Asia/Singapore", "AUS Eastern Standard Time": "Australia/Sydney", "New Zealand Standard Time": "Pacific/Auckland",
  "Eastern Standard Time": "America/New_York", "Central Standard Time": "America/Chicago", "Mountain Standard Time": "America/Denver",
  "US Mountain Standard Time": "America/Phoenix", "Pacific Standard Time": "America/Los_Angeles", "Atlantic Standard Time": "America/Halifax",
  "E. South America Standard Time": "America/Sao_Paulo", "South Africa Standard Time": "Africa/Johannesburg", "Egypt Standard Time": "Africa/Cairo",
};

// The zone as this machine knows it, or null: then the time is shown as it stands, with the name of its zone.
function knownZone(zone) {
  const name = Object.hasOwn(windows, zone) ? windows[zone] : /([A-Za-z_]+\/[A-Za-z_+\-0-9]+(?:\/[A-Za-z_]+)?)$/.exec(zone.slice(0, 100))?.[1] ?? zone;
  if (!name) return null;
  try { return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone; } catch { return null; }
}

// The moment that a clock of this zone shows; null where the zone is not known. In the hour that a clock shows twice it is
// the first.
export function moment({ year, month, day, hour, minute, second, zone }) {
  const name = knownZone(zone);
  if (!name) return null;
  const wall = Date.UTC(year, month - 1, day, hour, minute, second);
  const clock = new Intl.DateTimeFormat("en-u-hc-h23", { timeZone: name, year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" });
  const ahead = (at) => {
    const shown = Object.fromEntries(clock.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    return Date.UTC(shown.year, shown.month - 1, shown.day, shown.hour, shown.minute, shown.second) - at;
  };
  const guess = wall - ahead(wall);
  return wall - ahead(guess);
}

// When an event is, in words: as its organizer means it, and, where that differs, as clocks are here.
export function whenText(event, locale, here) {
  const { start } = event;
  if (!start) return { text: "", here: "" };
  const end = event.end ?? after(start, event.duration);
  if (start.isDay) return { text: range(start, end && dayBefore(end), locale), here: "" };
  const own = range(start, end, locale);
  if (!start.zone) return { text: `${own} (by the clocks of wherever one is)`, here: "" };
  const text = `${own} (${start.zone})`;
  const [from, to] = [moment(start), end && moment({ ...end, zone: end.zone || start.zone })];
  if (from === null || knownZone(start.zone) === here) return { text, here: "" };
  const local = range(fields(from, here), to === null || !to ? null : fields(to, here), locale);
  return { text, here: local === own ? "" : `${local} (${here})` };
}

// A time as a clock of the zone shows it.
function fields(at, zone) {
  const clock = new Intl.DateTimeFormat("en-u-hc-h23", { timeZone: zone, year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" });
  const { year, month, day, hour, minute } = Object.fromEntries(clock.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  return { year, month, day, hour, minute, second: 0, isDay: false, zone };
}
const asUTC = ({ year, month, day, hour, minute }) => Date.UTC(year, month - 1, day, hour, minute);

function range(start, end, locale) {
  const format = new Intl.DateTimeFormat(locale, { timeZone: "UTC", weekday: "short", day: "numeric", month: "long", year: "numeric", ...(start.isDay ? {} : { hour: "2-digit", minute: "2-digit" }) });
  if (!end || asUTC(end) <= asUTC(start)) return format.format(asUTC(start));
  return format.formatRange(asUTC(start), asUTC(end));
}

// The last day of an event of whole days: DTEND is the day behind it.
function dayBefore(end) {
  const day = new Date(asUTC(end) - 86_400_000);
  return { ...end, year: day.getUTCFullYear(), month: day.getUTCMonth() + 1, day: day.getUTCDate() };
}

function after(start, duration) {
  const found = /^\+?P(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?$/i.exec(duration);
  if (!found) return null;
  const [weeks, days, hours, minutes, seconds] = found.slice(1).map((digits) => Number(digits ?? 0));
  const end = new Date(asUTC(start) + (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000);
  return { ...start, year: end.getUTCFullYear(), month: end.getUTCMonth() + 1, day: end.getUTCDate(), hour: end.getUTCHours(), minute: end.getUTCMinutes() };
}

// How often it comes again, as far as a few words can say it.
export function repeatsText(rule) {
  const parts = Object.fromEntries(rule.slice(0, 500).toUpperCase().split(";").map((part) => part.split("=")));
  const unit = { DAILY: "day", WEEKLY: "week", MONTHLY: "month", YEARLY: "year" }[parts.FREQ];
  if (!unit) return rule ? "again and again" : "";
  const every = /^\d{1,3}$/.test(parts.INTERVAL ?? "") && Number(parts.INTERVAL) > 1 ? `every ${Number(parts.INTERVAL)} ${unit}s` : `every ${unit}`;
  const days = { MO: "Monday", TU: "Tuesday", WE: "Wednesday", TH: "Thursday", FR: "Friday", SA: "Saturday", SU: "Sunday" };
  const on = unit === "week" ? (parts.BYDAY ?? "").split(",").map((day) => days[day]).filter(Boolean) : [];
  const until = /^(\d{4})(\d\d)(\d\d)/.exec(parts.UNTIL ?? "");
  const times = /^\d{1,5}$/.test(parts.COUNT ?? "") ? `, ${Number(parts.COUNT)} times` : "";
  return `${every}${on.length ? ` on ${on.join(", ")}` : ""}${until ? `, until ${until[1]}-${until[2]}-${until[3]}` : times}`;
}
