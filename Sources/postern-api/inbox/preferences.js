// The dialog with the settings.

import * as dialog from "./dialog.js";
import { element } from "./dom.js";
import { option } from "./keys.js";
import { change, settings } from "./settings.js";

export function open() {
  const theme = (value, label) => {
    const button = element("input", { type: "radio", name: "theme", id: `theme-${value}`, onchange: () => change({ theme: value }) });
    button.checked = settings.theme === value;
    return element("div", { class: "option" }, button, element("label", { for: `theme-${value}` }, label));
  };
  dialog.open("Settings", () => element("div", { class: "body" },
    element("div", { role: "radiogroup", "aria-labelledby": "theme-label", class: "body-group" },
      element("h3", { id: "theme-label" }, "Colours"),
      theme("auto", "As the system has them"), theme("light", "Light"), theme("dark", "Dark")),
    element("h3", {}, "Reading"),
    option("markRead", "Opening marks as read", "Off: look at mail and leave it unread, for you and for everybody."),
    option("follow", "Follow", "Opens each mail as it arrives: good while one designs a mail."),
    element("h3", {}, "Keyboard"),
    option("keys", "Keys of one letter", "Off: only the arrows, Enter, Esc and Del.")), { small: true });
}
