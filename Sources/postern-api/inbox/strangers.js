// What is found in a stranger's text: links, quotations, hosts, addresses. These functions know no page and no browser.
// Each goes through its text once, whatever the text is: the longest name or address that it looks for has a bound, and
// no pattern here can begin again what it has already looked at (Tests/Inbox/bombs.mjs).

// A web address may be as long as browsers and servers take it, a mail address as long as RFC 5321 has it.
const greatestURL = 8_000, greatestLocalPart = 64, greatestDomain = 255;

const endsURL = /[\s<>"'`{}|\\^\ufffd]/;
const endsSentence = /[.,;:!?*_~]/;
// Letters with accents are in addresses nowadays; in other scripts a sentence runs on into an address without a space.
const inLocalPart = /[A-Za-z0-9\u00c0-\u024f._%+'-]/;
const inDomain = /[A-Za-z0-9\u00c0-\u024f.-]/;
const inWord = /[A-Za-z0-9_]/;

// The web and mail addresses of a text, in order: {start, end, target}. http, https and mail, and nothing else.
export function* linksIn(text) {
  const signs = /:\/\/|@/g;
  let from = 0;
  for (let sign = signs.exec(text); sign; sign = signs.exec(text)) {
    if (sign.index < from) continue;
    const found = sign[0] === "@" ? mailAddress(text, sign.index, from) : webAddress(text, sign.index, from);
    if (!found) continue;
    if (found.target && URL.canParse(found.target)) yield found;
    from = found.end;
    signs.lastIndex = from;
  }
}

function webAddress(text, sign, from) {
  const scheme = ["https", "http"].find((name) => text.startsWith(name, sign - name.length));
  if (!scheme) return null;
  const start = sign - scheme.length;
  if (start < from || inWord.test(text[start - 1] ?? " ")) return null;
  let end = sign + 3;
  while (end < text.length && end - start <= greatestURL && !endsURL.test(text[end])) end += 1;
  if (end - start > greatestURL) return { start, end, target: null };
  end = endOfAddress(text, sign + 3, end);
  return end > sign + 3 ? { start, end, target: text.slice(start, end) } : null;
}

// What ends a sentence does not belong to the address in front of it, nor does a bracket that it has not opened.
function endOfAddress(text, start, end) {
  let open = 0;
  for (let at = start; at < end; at += 1) open += text[at] === "(" ? 1 : text[at] === ")" ? -1 : 0;
  while (end > start) {
    if (text[end - 1] === ")" && open < 0) open += 1;
    else if (!endsSentence.test(text[end - 1])) break;
    end -= 1;
  }
  return end;
}

function mailAddress(text, sign, from) {
  let start = sign;
  while (start > from && sign - start <= greatestLocalPart && inLocalPart.test(text[start - 1])) start -= 1;
  while (start < sign && /[.']/.test(text[start])) start += 1;
  if (start === sign || sign - start > greatestLocalPart) return null;
  let end = sign + 1;
  while (end < text.length && end - sign <= greatestDomain && inDomain.test(text[end])) end += 1;
  while (end > sign + 1 && /[.-]/.test(text[end - 1])) end -= 1;
  const domain = text.slice(sign + 1, end);
  if (!domain.includes(".") || domain.includes("..") || /^[.-]/.test(domain) || domain.length > greatestDomain) return null;
  return { start, end, target: `mailto:${text.slice(start, end)}` };
}

// The text in pieces: {quoted, text}. Lines that begin with > belong together. At most so many pieces; the last of them
// is the rest of the text.
export function* quotations(text, most) {
  const isQuoted = (at) => text[at] === ">";
  let start = 0, quoted = isQuoted(0), pieces = 1;
  for (let end = text.indexOf("\n"); end >= 0 && pieces < most; end = text.indexOf("\n", end + 1)) {
    if (end + 1 === text.length || isQuoted(end + 1) === quoted) continue;
    yield { quoted, text: text.slice(start, quoted ? end : end + 1) };
    start = end + 1;
    quoted = !quoted;
    pieces += 1;
  }
  yield { quoted, text: text.slice(start) };
}

// Whether letters of one width are needed to read it: tables, drawings of signs, patches, code and what computers log.
export function needsOneWidth(text) {
  let columns = 0, indented = 0, code = 0;
  for (let start = 0; start <= text.length;) {
    let end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    // A long line is a paragraph. A quotation is looked at behind its signs.
    if (end - start <= 300) {
      const line = text.slice(start, end).replace(/^(?:> ?)+/, "").trimEnd();
      if (/[\u2500-\u259f]|^(?:diff --git |@@ -\d)|[|+][-=]{3}/.test(line)) return true;
      const words = line.trimStart();
      const space = words.search(/ {3}|\t|[^.!?:;, ] {2}[^ ]/);
      if (space >= 0 && !/^[-*\u2022]\s|^\d+[.)]\s/.test(words)) columns += /^(?: {3}|\t)/.test(words.slice(space)) ? 2 : 1;
      if (words && /^(?: {4}|\t)/.test(line)) indented += 1;
      if (/[{};]$/.test(line)) code += 1;
      if (columns >= 2 || indented >= 3 || code >= 3) return true;
    }
    start = end + 1;
  }
  return false;
}

// The hosts that HTML would have pictures from, at most so many. A hint for the user: what is stopped does not depend on it.
export function remoteHosts(html, most = 20) {
  const found = new Set();
  const places = /\b(?:src|srcset|background|poster|href)\s*=|url\(|@import\b/gi;
  for (let place = places.exec(html); place && found.size < most; place = places.exec(html)) {
    // Of `src` and many spaces without a sign the pattern has seen all, and goes on behind.
    const word = place[0].toLowerCase();
    if (word.startsWith("href") && !isStylesheet(html, place.index)) continue;
    let at = places.lastIndex;
    while (at < html.length && /[\s"']/.test(html[at])) at += 1;
    places.lastIndex = at;
    const host = /^(?:https?:)?\/\/([^\s"'<>/?#)\\]{1,300})/i.exec(html.slice(at, at + 320))?.[1];
    if (host) found.add(host.slice(host.lastIndexOf("@") + 1).toLowerCase());
  }
  return [...found];
}

// Whether the tag around this place is a link to a stylesheet; a link to click on fetches nothing.
function isStylesheet(html, at) {
  const before = html.slice(Math.max(0, at - 300), at);
  return /^<link\b/i.test(before.slice(before.lastIndexOf("<")));
}

// Whether the styles of HTML have colours for the dark: such a mail is left to darken itself. A word in its head alone has none.
export const knowsDark = (html) => /color-scheme\s*:/i.test(html);

// The Content-IDs that HTML shows (RFC 2392), as they stand there and decoded; at most about so many.
export function contentIDs(html, most = 10_000) {
  const found = new Set();
  const places = /cid:([^\s"'<>)&]{1,998})/gi;
  for (let place = places.exec(html); place && found.size < most; place = places.exec(html)) {
    if (found.has(place[1])) continue;
    found.add(place[1]);
    if (place[1].includes("%")) try { found.add(decodeURIComponent(place[1])); } catch { /* as it stands */ }
  }
  return found;
}

// The message identifiers of a field, without their brackets (RFC 5322, 3.6.4).
export function messageIDs(text) {
  const found = [];
  for (let open = text.indexOf("<"); open >= 0;) {
    const close = text.indexOf(">", open);
    if (close < 0) break;
    const start = text.lastIndexOf("<", close) + 1;
    const identifier = text.slice(start, close);
    if (identifier.length <= 900 && /^[!-;=?-~]+@[!-;=?-~]+$/.test(identifier)) found.push(identifier);
    open = text.indexOf("<", close);
  }
  return found;
}

// Splits `Mara <a@x>, "Weber, Jonas" <b@y>; c@z` at commas and semicolons that stand neither in quotation marks nor in
// angle brackets: [{Email, Name}].
export function splitAddresses(text) {
  const people = [];
  // In pieces, since a text that grows by addition is put together again at its end, which takes longer.
  let name = [], address = null, quoted = false, bracket = false, start = 0;
  const take = (end) => { if (end > start) (bracket ? address : name).push(text.slice(start, end)); };
  const finish = () => {
    const words = name.join("").trim();
    if (address !== null) people.push({ Email: address.join("").trim(), Name: words });
    else if (words) people.push({ Email: words, Name: "" });
    name = [];
    address = null;
    bracket = quoted = false;
  };
  const signs = /["\\<>,;]/g;
  for (let sign = signs.exec(text); sign; sign = signs.exec(text)) {
    const at = sign.index;
    const is = (character) => sign[0] === character;
    if (is("\\") && !quoted) continue;
    if (is("\\")) {
      take(at);
      start = at + 1;
      signs.lastIndex = at + 2;
      continue;
    }
    if (quoted ? !is("\"") : bracket ? !is(">") : is(">")) continue;
    take(at);
    start = at + 1;
    if (is("\"")) quoted = !quoted;
    else if (is("<")) { bracket = true; address ??= []; }
    else if (is(">")) bracket = false;
    else finish();
  }
  take(text.length);
  finish();
  return people;
}
