// What the page's functions do with bombs: node Tests/Inbox/bombs.mjs [--full] [FOLDER OF THE PAGE]
//
// Each function that looks at a stranger's text gets every bomb at 1 MB and at 16 MB. At 16 MB it may take at most 20 times
// as long: what looks twice at the same text takes 256 times as long. What takes less than 5 ms for 1 MB has looked at it once,
// and is tried with 16 MB only with --full. Before that, what the functions find is checked.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const full = process.argv[2] === "--full";
const folder = process.argv[full ? 3 : 2] ?? new URL("../../Sources/postern-api/inbox", import.meta.url).pathname;
// By a URL with the module in it, since older versions take a file .js for another kind of module.
const page = (name) => import(`data:text/javascript;base64,${readFileSync(`${folder}/${name}`).toString("base64")}`);
const { linksIn, quotations, needsOneWidth, remoteHosts, knowsDark, contentIDs, messageIDs, splitAddresses } = await page("strangers.js");
const { invitation, whenText, repeatsText } = await page("calendar.js");
const { harmless } = await page("dom.js");

// What they find.

const targets = (text) => [...linksIn(text)].map((link) => link.target);
assert.deepEqual(targets("see http://a.example/x_(b)). mail joe.o'hara@b.example.: https://x.example/?u=a@b.c (https://q.example)"),
  ["http://a.example/x_(b)", "mailto:joe.o'hara@b.example", "https://x.example/?u=a@b.c", "https://q.example"]);
assert.deepEqual(targets("jörg@müller.example 連絡先はinfo@example.orgです a@b a@b..c a@-b.c @b.c xhttp://no.example http:// http://))"),
  ["mailto:jörg@müller.example", "mailto:info@example.org"]);
assert.deepEqual(targets(`javascript://x data://x http://${"a".repeat(9000)} ${"a".repeat(65)}@b.example <https://r.example/a,b.>`), ["https://r.example/a,b"]);

const pieces = (text, most = 100) => [...quotations(text, most)].map(({ quoted, text }) => `${quoted ? "+" : "-"}${text}`);
assert.deepEqual(pieces("a\n> b\n> c\nd\n"), ["-a\n", "+> b\n> c", "-d\n"]);
assert.deepEqual(pieces(">a\n\n>b"), ["+>a", "-\n", "+>b"]);
assert.deepEqual(pieces("a\n>b\nc\n>d\ne", 3), ["-a\n", "+>b", "-c\n>d\ne"]);
assert.deepEqual(pieces(""), ["-"]);

for (const text of ["host   files   size\nalder      12     3", "a\tb\nc\td", "> name   age\n> mara    41", "┌──┐", "+----+\n| a  |", "@@ -1,3 +1,4 @@",
  "Traceback:\n    at a (b.js:1)\n    at c (d.js:2)\n    at e (f.js:3)", "if (a) {\n  b();\n  c();\n}", "a  b\nc  d"]) {
  assert.ok(needsOneWidth(text), `one width for ${JSON.stringify(text)}`);
}
for (const text of ["", "Dear Mara,\n\nTen is fine.  I bring the thermos.  And the knife.\n", "- tea\n- bread\n  and butter\n1.  salt\n2.  oil\n", `${"long   line ".repeat(100)}\n`.repeat(3)]) {
  assert.ok(!needsOneWidth(text), `letters of any width for ${JSON.stringify(text.slice(0, 60))}`);
}

assert.deepEqual(remoteHosts(`<img src="https://A.example/x"><a href=https://link.example><link rel=stylesheet href="//b.example/x.css">
  <style>@import 'http://c.example/';p{background:url(  "http://user@d.example:80/x")}</style><img srcset='https://e.example/1 1x' src="cid:x">`),
["a.example", "b.example", "c.example", "d.example:80", "e.example"]);
assert.ok(knowsDark("<style>:root { color-scheme : light dark }</style>") && knowsDark("<style>@media (prefers-color-scheme: dark) {}</style>"));
assert.ok(!knowsDark('<meta name="color-scheme" content="light dark">'));
assert.deepEqual([...contentIDs(`<img src="cid:a@b"><i style="background:url(cid:c%40d)">`)], ["a@b", "c%40d", "c@d"]);
assert.deepEqual(messageIDs("<a@b>\t<c@d> <<e@f> <no> <g@h"), ["a@b", "c@d", "e@f"]);
assert.deepEqual(splitAddresses(`Mara <a@x>, "Weber, Jonas" <b@y>; c@z,, "q\\"x" <d@e>, <f@g>`), [
  { Email: "a@x", Name: "Mara" }, { Email: "b@y", Name: "Weber, Jonas" }, { Email: "c@z", Name: "" }, { Email: "d@e", Name: 'q"x' }, { Email: "f@g", Name: "" }]);

// Invitations: what, when (in the organizer's zone and here), where, who.

const event = (...lines) => invitation(["BEGIN:VCALENDAR", "METHOD:REQUEST", "BEGIN:VEVENT", ...lines, "END:VEVENT", "END:VCALENDAR"].join("\r\n")).events[0];
const when = (here, ...lines) => Object.values(whenText(event(...lines), "en-GB", here));
const meeting = invitation(["BEGIN:VCALENDAR", "METHOD:request", "BEGIN:VTIMEZONE", "TZID:x", "BEGIN:STANDARD", "DTSTART:16010101T030000", "END:STANDARD", "END:VTIMEZONE",
  "BEGIN:VEVENT", "SUMMARY:Plan\\, and", "  coffee\\nhere", "SUMMARY:second", "LOCATION;LANGUAGE=en:Room\\; 3", "ORGANIZER;CN=\"Holm: Edda\":mailto:edda@example.org",
  "ATTENDEE;CN=Mara;PARTSTAT=accepted;RSVP=TRUE:MAILTO:mara@example.org", "BEGIN:VALARM", "SUMMARY:alarm", "END:VALARM", "STATUS:CONFIRMED", "END:VEVENT", "END:VCALENDAR"].join("\r\n"));
assert.equal(meeting.method, "REQUEST");
assert.equal(meeting.events.length, 1);
assert.deepEqual([meeting.events[0].summary, meeting.events[0].location, meeting.events[0].status], ["Plan, and coffee\nhere", "Room; 3", "CONFIRMED"]);
assert.deepEqual([meeting.events[0].organizer.name, meeting.events[0].organizer.address], ["Holm: Edda", "edda@example.org"]);
assert.deepEqual(meeting.events[0].people.map(({ address, answer }) => [address, answer]), [["mara@example.org", "ACCEPTED"]]);
assert.deepEqual(when("America/New_York", "DTSTART;TZID=\"W. Europe Standard Time\":20260330T100000", "DURATION:PT1H30M"),
  ["Mon, 30 March 2026, 10:00–11:30 (W. Europe Standard Time)", "Mon, 30 March 2026, 04:00–05:30 (America/New_York)"]);
assert.deepEqual(when("Europe/Berlin", "DTSTART;TZID=Europe/Berlin:20260330T100000", "DTEND;TZID=Europe/Berlin:20260330T110000"), ["Mon, 30 March 2026, 10:00–11:00 (Europe/Berlin)", ""]);
assert.deepEqual(when("Europe/Berlin", "DTSTART:20260501T100000Z", "DTEND:20260501T110000Z"), ["Fri, 1 May 2026, 10:00–11:00 (UTC)", "Fri, 1 May 2026, 12:00–13:00 (Europe/Berlin)"]);
assert.deepEqual(when("Europe/Berlin", "DTSTART;VALUE=DATE:20260501", "DTEND;VALUE=DATE:20260502"), ["Fri, 1 May 2026", ""]);
assert.deepEqual(when("Europe/Berlin", "DTSTART;TZID=Made up:20260501T100000"), ["Fri, 1 May 2026 at 10:00 (Made up)", ""]);
assert.deepEqual(when("Europe/Berlin", "DTSTART:20260501T100000"), ["Fri, 1 May 2026 at 10:00 (by the clocks of wherever one is)", ""]);
assert.deepEqual(when("Europe/Berlin", "DTSTART:99999999T999999"), ["", ""]);
assert.equal(repeatsText("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;UNTIL=20261231T000000Z"), "every 2 weeks on Monday, Thursday, until 2026-12-31");
assert.deepEqual(invitation("no calendar").events, []);

// Bombs. Each is repeated until it is as long as is wanted.

const patterns = {
  letters: ["a"], spaces: [" "], tabs: ["\t"], lines: ["\n"], quotations: [">\n\n"], "quotation signs": ["> "],
  "URL and brackets": ["http://x", ")"], "URL and opening brackets": ["http://x", "("], "URL and stops": ["http://x", ".,"], URLs: ["http://"],
  "short URLs": ["http://a "], "URLs of brackets": ["http://))))"], "signs of addresses": ["@"], "addresses of one letter": ["a@"],
  "domain without a dot": ["a@", "b"], "domain of dots": ["a@b", ".b"], "domain of hyphens": ["a@b", "-"], addresses: ["ab@c.de "],
  "url( and spaces": ["url(", " "], "url( and newlines": ["url('", "\n"], "many url(": ["url("], "src and spaces": ["src", " "], "many src=": ["src="],
  "src = and marks": ["src =", " \"'"], "many href=": ["<a href=\"//a\">"], "many imports": ["@import "], "one host": ["src=//", "a"], "at signs in a host": ["src=//", "a@"],
  "hosts": ["<img src=//a>"], "cid:": ["cid:"], "cid: and letters": ["cid:", "a"], "cid: of percents": ["cid:%a "], "brackets": ["<"], "brackets of both kinds": ["<>"], "opened and never closed": ["<a@b", "<"],
  quotes: ["\""], "quotes and backslashes": ["\"", "\\"], commas: [","], "a and spaces": ["a", " "], "many words and spaces": ["a    b\n"],
  "list signs": ["- \n"], "braces": ["{\n"], "table": ["|", "-"], colons: [":"], "controls": ["\u202e"], "controls and letters": ["a\u202e"], "schemes": ["color-scheme"], "a scheme and spaces": ["color-scheme", " "], "BEGIN": ["BEGIN:VEVENT\n"], "folded": ["BEGIN:VEVENT\nSUMMARY:", "a\n "], "parameters": ["BEGIN:VEVENT\nATTENDEE", ";A=\"b\""], "attendees": ["BEGIN:VEVENT\n", "ATTENDEE:a\n"],
};
const bomb = ([first, rest = first], size) => first + rest.repeat(Math.ceil(size / rest.length));
const count = (iterator) => { let found = 0; for (const _ of iterator) found += 1; return found; };
const functions = {
  linksIn: (text) => count(linksIn(text)), quotations: (text) => count(quotations(text, Infinity)), needsOneWidth,
  remoteHosts: (text) => remoteHosts(text, Infinity), contentIDs, messageIDs, splitAddresses, harmless, invitation, knowsDark,
};

// The processor's time, the least of some runs, for other programs use the processor, too.
function milliseconds(run, text, rounds) {
  let least = Infinity;
  for (let round = 0; round < rounds; round += 1) {
    const begun = process.cpuUsage();
    run(text);
    const { user, system } = process.cpuUsage(begun);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

const wrong = [];
let runs = 0, slowest = ["", 0];
for (const [what, pattern] of Object.entries(patterns)) {
  const [small, large] = [bomb(pattern, 1_000_000), bomb(pattern, 16_000_000)];
  for (const [name, run] of Object.entries(functions)) {
    let begun = milliseconds(run, small, 2);
    // What takes so long for 1 MB would take minutes for 16.
    if (begun > 3_000) {
      wrong.push(`${name}, ${what}: ${begun.toFixed()} ms for 1 MB`);
      continue;
    }
    runs += 1;
    if (begun < 5 && !full) continue;
    // Below a fifth of a second the clock and the compiler count for more than the function. Where other programs, or the
    // collector of garbage, have come between, another try is better; where the function is wrong, none is. What a function
    // makes of 16 MB fills the caches of the processor, so it is compared with what it makes of sixteen times 1 MB.
    let time = milliseconds(run, large, 1);
    for (let again = 0; again < 10 && time > Math.max(200, 20 * begun); again += 1) {
      const kept = [];
      begun = milliseconds(() => { for (let each = 0; each < 16; each += 1) kept.push(run(small)); }, "", 1) / 16;
      time = milliseconds(run, large, 1);
    }
    if (time > Math.max(200, 20 * begun)) wrong.push(`${name}, ${what}: ${begun.toFixed(1)} ms for 1 MB, ${time.toFixed()} ms for 16 MB`);
    if (time > slowest[1]) slowest = [`${name}, ${what}`, time];
  }
}
console.log(wrong.length ? wrong.join("\n") : `ok: ${runs} bombs; the slowest, of 16 MB: ${slowest[0]}, ${slowest[1].toFixed()} ms`);
process.exit(wrong.length ? 1 : 0);
