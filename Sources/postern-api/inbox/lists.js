// Mailing lists: their members, and writing to them. Shown where the server has lists.

import * as api from "./requests.js";
import * as compose from "./compose.js";
import * as dialog from "./dialog.js";
import { element, foreign, harmless, iconButton } from "./dom.js";
import { count } from "./format.js";
import { splitAddresses } from "./strangers.js";

// Opens a list. `changed` is called when the lists of the side column must be asked for again.
export async function open(name, changed) {
  let list;
  try { list = await api.list(name); } catch (failure) { return dialog.failed(failure); }
  const done = await dialog.open(list.Name, (box) => {
    const members = element("ul", { class: "members", tabindex: "0", "aria-label": "Members" });
    const heading = element("h3", {});
    const wrong = element("p", { class: "notice", role: "alert", hidden: true });
    const input = element("input", { type: "text", id: "new-members", placeholder: "mara@example.org, …", autocomplete: "off" });
    const change = async (what) => {
      wrong.hidden = true;
      try {
        await api.changeList(name, what);
        list = await api.list(name);
        input.value = "";
        draw();
        changed();
      } catch (failure) {
        wrong.textContent = harmless(failure.message);
        wrong.hidden = false;
      }
    };
    const draw = () => {
      heading.textContent = count(list.Members.length, "member", "members");
      members.replaceChildren(...list.Members.slice(0, 1000).map((member) => element("li", {},
        foreign(member.Name ? `${member.Name} <${member.Address}>` : member.Address),
        member.Suspended && element("span", { class: "plain-label" }, "suspended"),
        iconButton("close", `Remove ${harmless(member.Address)}`, () => change({ Remove: [member.Address] })))));
      if (list.Members.length > 1000) members.append(element("li", {}, `and ${list.Members.length - 1000} more`));
    };
    draw();
    const add = (event) => {
      event.preventDefault();
      const addresses = splitAddresses(input.value).map((one) => one.Email);
      if (addresses.length) change({ Add: addresses });
    };
    return [
      element("div", { class: "body" },
        element("p", {}, foreign(list.Description || ""), list.Description && element("br"), element("span", { class: "plain-label" }, foreign(list.Address))),
        heading, members,
        element("form", { class: "field tall", onsubmit: add },
          element("label", { for: "new-members" }, "Add members"), input,
          element("div", {}, element("button", { class: "plain" }, "Add"))),
        wrong),
      element("div", { class: "feet" },
        element("button", { type: "button", class: "plain", onclick: () => box.close("delete") }, "Delete the list"),
        element("span", { class: "space" }),
        element("button", { type: "button", class: "primary", onclick: () => box.close("write") }, "Write to the list")),
    ];
  });
  if (done === "write") await compose.open({ key: `list ${list.Name}`, title: `To the list ${list.Name}`, list: list.Name });
  if (done === "delete" && await dialog.sure(`Delete the list ${list.Name}?`, "Its members are forgotten. This cannot be undone.", "Delete")) {
    try { await api.removeList(name); } catch (failure) { dialog.failed(failure); }
    changed();
  }
}

export async function create(changed) {
  const name = await dialog.line("New list", "Name", {
    yes: "Create", hint: "The part of the address before the @.",
    check: (value) => api.makeList({ Name: value.trim(), Description: "", Members: [] }),
  });
  if (name === null) return;
  changed();
  await open(name.trim(), changed);
}
