// Dialogs and short words from the page. <dialog> keeps the focus inside, and gives it back.

import { byId, element, harmless, iconButton } from "./dom.js";
import { cut } from "./format.js";

// Opens a dialog; `fill` gets it and returns what is in it. Resolves with what it was closed with, "" by Esc.
export function open(title, fill, { small = false, name = "" } = {}) {
  return new Promise((resolve) => {
    const box = element("dialog", { class: `${small ? "small " : ""}${name}`, "aria-labelledby": "dialog-title" });
    box.append(
      element("div", { class: "head" },
        element("h2", { id: "dialog-title", tabindex: "-1" }, title),
        iconButton("close", "Close", () => box.close(""))),
      ...[fill(box)].flat());
    box.addEventListener("close", () => { box.remove(); resolve(box.returnValue); });
    // A press that begins and ends on the backdrop closes it.
    box.addEventListener("mousedown", (event) => { if (event.target === box && name !== "compose") box.close(""); });
    document.body.append(box);
    box.showModal();
    (box.querySelector("[autofocus]") ?? box.querySelector("h2")).focus();
  });
}

export const isOpen = () => document.querySelector("dialog[open]") !== null;

// A question about what cannot be undone. Enter says no: it may have been meant for something else.
export async function sure(title, text, yes) {
  const answer = await open(title, (box) => [
    element("div", { class: "body" }, element("p", {}, text)),
    element("div", { class: "feet" },
      element("button", { type: "button", class: "plain", autofocus: true, onclick: () => box.close("") }, "Cancel"),
      element("button", { type: "button", class: "danger", onclick: () => box.close("yes") }, yes)),
  ], { small: true });
  return answer === "yes";
}

// One line of text to ask for. Resolves with null if there is none.
export async function line(title, label, { value = "", hint = "", yes = "OK", check = async () => {} } = {}) {
  let result = null;
  await open(title, (box) => {
    const input = element("input", { type: "text", id: "line-input", value, autofocus: true, autocomplete: "off", spellcheck: "false", "aria-describedby": hint && "line-hint" });
    const wrong = element("p", { class: "notice", role: "alert", hidden: true });
    const submit = async (event) => {
      event.preventDefault();
      try {
        await check(input.value);
        result = input.value;
        box.close("yes");
      } catch (failure) {
        wrong.textContent = harmless(failure.message);
        wrong.hidden = false;
        input.focus();
      }
    };
    return element("form", { onsubmit: submit },
      element("div", { class: "body" },
        element("div", { class: "field tall" }, element("label", { for: "line-input" }, label), input),
        hint && element("small", { id: "line-hint", class: "plain-label" }, hint), wrong),
      element("div", { class: "feet" },
        element("button", { type: "button", class: "plain", onclick: () => box.close("") }, "Cancel"),
        element("button", { class: "primary" }, yes)));
  }, { small: true });
  return result;
}

// A word in passing, which a screen reader says, too; `action`: [what a button says, what it does]. Returns how it is taken
// away. What is looked at or has the focus stays.
export function toast(text, { link = null, action = null, wrong = false, seconds = wrong || action ? 10 : 5 } = {}) {
  const gone = () => box.remove();
  const box = element("div", { class: `toast${wrong ? " wrong" : ""}` }, element("span", {}, harmless(cut(text))), link,
    action && element("button", { type: "button", class: "link", onclick: () => { gone(); action[1](); } }, action[0]));
  const place = byId("toasts");
  while (place.childElementCount >= 3) place.firstChild.remove();
  place.append(box);
  const wait = (time) => setTimeout(() => (box.matches(":hover, :focus-within") ? wait(1_000) : gone()), time);
  wait(seconds * 1_000);
  return gone;
}
export const failed = (failure) => toast(failure.message, { wrong: true });
