// The parts that a message brings: names, sizes, and pictures of pictures.

import * as api from "./requests.js";
import { element, foreign, icon } from "./dom.js";
import { size } from "./format.js";

const pictureTypes = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
const greatestPicture = 4_000_000;
const greatestNumber = 200;

export function attachments(message) {
  // What the HTML shows in its place needs no second place.
  const inline = message.Inline.filter((part) => !(part.ContentID && message.HTML.includes(`cid:${part.ContentID}`)));
  const parts = [...message.Attachments, ...inline];
  if (!parts.length) return null;
  return element("ul", { class: "files", "aria-label": "Attachments" }, parts.slice(0, greatestNumber).map((part) =>
    element("li", {}, element("a", { class: "file", href: api.partPath(message.ID, part.PartID), target: "_blank", rel: "noopener noreferrer" },
      picture(message, part),
      element("span", { class: "both" },
        foreign(part.FileName || part.ContentType, { class: "name" }),
        element("span", { class: "kind" }, kindOf(part), " · ", size(part.Size)))))),
    parts.length > greatestNumber && element("li", {}, `and ${parts.length - greatestNumber} more`));
}

function picture(message, part) {
  if (!pictureTypes.has(part.ContentType) || part.Size > greatestPicture) return element("span", { class: "picture" }, icon("file"));
  return element("img", { class: "picture", src: api.partPath(message.ID, part.PartID), alt: "", loading: "lazy", width: 44, height: 44 });
}

// "application/pdf" says less than "PDF".
function kindOf(part) {
  const ending = /\.([A-Za-z0-9]{1,5})$/.exec(part.FileName)?.[1];
  return ending ? ending.toUpperCase() : part.ContentType.slice(0, 40);
}
