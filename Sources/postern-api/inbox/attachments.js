// The parts that a message brings: names, sizes, and pictures of pictures.

import * as api from "./requests.js";
import { byId, element, foreign, icon } from "./dom.js";
import { cut, size } from "./format.js";
import { contentIDs } from "./strangers.js";

const pictureTypes = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
const greatestPicture = 4_000_000;
const greatestNumber = 200;
// As many as leave room for the message: two rows.
const shownNumber = () => (matchMedia("(max-width: 759px)").matches ? 2 : 2 * Math.max(1, Math.floor(byId("message").clientWidth / 256)));

export function attachments(message) {
  // What the HTML shows in its place needs no second place.
  const inHTML = message.Inline.length ? contentIDs(message.HTML) : new Set();
  const inline = message.Inline.filter((part) => !inHTML.has(part.ContentID));
  const parts = [...message.Attachments, ...inline];
  if (!parts.length) return null;
  const shown = parts.length > shownNumber() + 1 ? shownNumber() : parts.length;
  const list = element("ul", { class: "files", "aria-label": "Attachments" }, items(message, parts.slice(0, shown)));
  if (shown < parts.length) {
    const more = element("button", { type: "button", class: "link", onclick: () => {
      more.parentElement.replaceWith(...items(message, parts.slice(shown, greatestNumber)),
        parts.length > greatestNumber ? element("li", {}, `and ${parts.length - greatestNumber} more`) : "");
      list.children[shown].querySelector("a").focus();
    } }, `${parts.length - shown} more files`);
    list.append(element("li", { class: "more" }, more));
  }
  return list;
}

const items = (message, parts) => parts.map((part) =>
  element("li", {}, element("a", { class: "file", href: api.partPath(message.ID, part.PartID), target: "_blank", rel: "noopener noreferrer" },
    picture(message, part),
    element("span", { class: "both" },
      foreign(cut(part.FileName || part.ContentType), { class: "name" }),
      element("span", { class: "kind" }, kindOf(part), " · ", size(part.Size))))));

function picture(message, part) {
  if (!pictureTypes.has(part.ContentType) || part.Size > greatestPicture) return element("span", { class: "picture" }, icon("file"));
  return element("img", { class: "picture", src: api.partPath(message.ID, part.PartID), alt: "", loading: "lazy", width: 44, height: 44 });
}

// "application/pdf" says less than "PDF".
function kindOf(part) {
  const ending = /\.([A-Za-z0-9]{1,5})$/.exec(part.FileName)?.[1];
  return ending ? ending.toUpperCase() : part.ContentType.slice(0, 40);
}
