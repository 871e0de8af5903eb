// Elements are made here, and text gets into them as text only. Nothing on this page parses HTML: the policy of
// index.html (Trusted Types) would stop it.

// element("a", {href: "…", class: "…", onclick: f, dataset: {…}}, child, …): null and false are left out.
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "dataset") Object.assign(made.dataset, value);
    else if (key === "value") made.value = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

// An icon of the sprite in index.html.
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

// A button with an icon, named for who cannot see it.
export function iconButton(name, label, onclick, attributes = {}) {
  return element("button", { type: "button", class: "icon", "aria-label": label, title: label, onclick, ...attributes }, icon(name));
}

// Text of a stranger: its direction is its own, and its characters that turn text around are shown as what they are.
export function foreign(text, attributes = {}) {
  return element("bdi", { dir: "auto", ...attributes }, harmless(text));
}

// U+202A to U+202E and U+2066 to U+2069 can make "exe.gpj" look like "jpg.exe".
export function harmless(text) {
  return String(text ?? "").replace(/[\u202a-\u202e\u2066-\u2069\u0000-\u0008\u000b-\u001f\u007f]+/g, (run) => "\ufffd".repeat(run.length));
}

export const words = (text) => element("span", { class: "words" }, text);

export const byId = (id) => document.getElementById(id);
