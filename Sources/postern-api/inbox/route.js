// The URL says what is shown: ?q=SEARCH or ?to=RECIPIENT, &id=MESSAGE, and &form=text, headers or source where it is not the
// HTML. Back and forward work.

const listeners = [];
const forms = ["text", "headers", "source"];

export function current() {
  const parameters = new URLSearchParams(location.search);
  return { q: parameters.get("q") ?? "", to: parameters.get("to") ?? "", id: parameters.get("id") ?? "", form: parameters.get("form") ?? "" };
}

export function link({ q = "", to = "", id = "", form = "" }) {
  const parameters = new URLSearchParams();
  if (q) parameters.set("q", q);
  if (to) parameters.set("to", to);
  if (id) parameters.set("id", id);
  if (forms.includes(form)) parameters.set("form", form);
  const text = parameters.toString();
  return text ? `?${text}` : "./";
}

// The search that the API is asked for.
export function query({ q, to }) {
  const recipient = to ? `recipient:${/[\s"]/.test(to) ? `"${to.replaceAll('"', "")}"` : to}` : "";
  return [recipient, q].filter(Boolean).join(" ");
}

export function go(route, { replace = false } = {}) {
  if (link(route) === link(current())) return;
  history[replace ? "replaceState" : "pushState"](null, "", link(route));
  tell();
}

export const whenChanged = (listener) => listeners.push(listener);
const tell = () => listeners.forEach((listener) => listener(current()));

// Links of this page are followed without loading it again.
export function start() {
  addEventListener("popstate", tell);
  document.addEventListener("click", (event) => {
    const target = event.target.closest("a[href]");
    if (!target || event.defaultPrevented || event.button !== 0 || target.target || target.hasAttribute("download")) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const url = new URL(target.href);
    if (url.origin !== location.origin || url.pathname !== new URL("./", location.href).pathname) return;
    if (url.hash) return;
    event.preventDefault();
    go(Object.fromEntries(url.searchParams));
  });
}
