// The HTML of a message, in a document of its own: an opaque origin, no scripts, and a policy that lets nothing be
// fetched. Nothing is washed or parsed here; what the frame may do is in the answer's header and in `sandbox`.

import * as api from "./requests.js";
import { element, harmless } from "./dom.js";
import { subjectOf } from "./format.js";
import { isDark } from "./settings.js";
import { knowsDark, remoteHosts } from "./strangers.js";

// So much of the HTML is looked at here.
const greatestLook = 2_000_000;

// Messages whose remote pictures the user has asked for, and those to be shown in their own colours; until the page
// is loaded again.
const withPictures = new Set(), inOwnColours = new Set();

// How wide the frame is: as a telephone, as a tablet, as there is room. It stays so from message to message.
export const widths = [["phone", "390"], ["tablet", "768"], ["full", "Full"]];
let width = "full";
export const currentWidth = () => width;
export function setWidth(name, frame) {
  width = name;
  for (const [one] of widths) frame?.classList.toggle(one, one === name);
}

export function htmlPanel(panel, message) {
  const own = knowsDark(message.HTML.slice(0, greatestLook));
  const turned = isDark() && !own && !inOwnColours.has(message.ID);
  const options = {};
  if (withPictures.has(message.ID)) options.images = "1";
  if (turned) options.dark = "1";
  const frame = element("iframe", {
    sandbox: "allow-popups allow-popups-to-escape-sandbox",
    referrerpolicy: "no-referrer",
    title: `HTML of the message: ${harmless(subjectOf(message))}`,
    class: isDark() ? (own ? "own-dark" : turned ? "turned" : "") : "",
    src: api.framePath(message.ID, options),
  });
  setWidth(width, frame);
  const again = () => { panel.replaceChildren(); htmlPanel(panel, message); };
  panel.append(element("div", { class: "bars" }, [...bars(message, turned, own, again)]), frame);
}

function* bars(message, turned, own, again) {
  const hosts = remoteHosts(message.HTML.slice(0, greatestLook));
  if (hosts.length && !withPictures.has(message.ID)) {
    const named = hosts.slice(0, 4).join(", ") + (hosts.length > 4 ? ` and ${hosts.length - 4} more` : "");
    yield element("div", { class: "remote" },
      element("span", {}, "Nothing is loaded from ", element("bdi", {}, harmless(named)), "."),
      element("button", { type: "button", class: "link", onclick: () => { withPictures.add(message.ID); again(); } }, "Load pictures"));
  }
  if (isDark() && !own) {
    yield element("div", { class: "remote" },
      element("span", {}, turned ? "Shown in dark colours." : "Shown in its own colours."),
      element("button", { type: "button", class: "link", onclick: () => {
        if (turned) inOwnColours.add(message.ID); else inOwnColours.delete(message.ID);
        again();
      } }, turned ? "Show its own" : "Show dark"));
  }
}
