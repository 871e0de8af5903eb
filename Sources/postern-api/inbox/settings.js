// What this browser remembers of its user's taste. Of mail it keeps drafts alone (drafts.js).

const defaults = { theme: "auto", keys: true, markRead: true, follow: false, from: "" };
const name = "postern";
const listeners = [];
const dark = matchMedia("(prefers-color-scheme: dark)");

function stored() {
  try { return JSON.parse(localStorage.getItem(name)) ?? {}; } catch { return {}; }
}

export const settings = { ...defaults, ...stored() };

export function change(values) {
  Object.assign(settings, values);
  try { localStorage.setItem(name, JSON.stringify(settings)); } catch { /* private browsing: for this visit only */ }
  apply();
}

export const isDark = () => settings.theme === "dark" || (settings.theme === "auto" && dark.matches);
export const whenThemeChanges = (listener) => listeners.push(listener);

export function apply() {
  if (settings.theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = settings.theme;
  listeners.forEach((listener) => listener());
}
dark.addEventListener("change", apply);
