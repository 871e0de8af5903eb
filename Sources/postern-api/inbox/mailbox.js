// The messages of one view, in order, as far as they are known: an array with holes, filled page by page. Whatever
// changes on the server is noticed by the ETag of the first page.

import * as api from "./requests.js";

export const pageSize = 50;
// So many pages around the one in sight are kept.
const keptPages = 40;

export class Mailbox extends EventTarget {
  items = [];
  total = null;       // of this view
  unread = 0;         // of this view
  allUnread = 0;      // of the whole mail directory
  tags = [];
  version = 0;        // grows with each change that the server tells of
  #tag = null;
  #fresh = new Set();
  #asked = new Map();
  #era = 0;

  constructor(query) {
    super();
    this.query = query;
  }

  at = (index) => this.items[index];
  indexOf = (id) => this.items.findIndex((item) => item?.ID === id);

  // Asks whether anything is new. Returns how many messages have come in front of those that were known.
  async refresh() {
    const era = this.#era;
    const page = await api.page(this.query, 0, pageSize, this.#tag);
    if (!page || era !== this.#era) return 0;
    this.#tag = page.tag;
    this.version += 1;
    const came = this.#arrivals(page.messages);
    this.#era += 1;
    this.#fresh.clear();
    this.#asked.clear();
    if (came > 0) this.items = new Array(came).concat(this.items);
    this.#take(page, 0);
    return came;
  }

  // Makes sure that the rows from first to last come.
  async need(first, last) {
    const wanted = [];
    for (let page = Math.floor(Math.max(0, first) / pageSize); page * pageSize <= last; page += 1) {
      if (!this.#fresh.has(page) && !this.#asked.has(page) && page * pageSize < (this.total ?? 0)) wanted.push(page);
    }
    await Promise.all(wanted.map((page) => this.#ask(page)));
  }

  // Changes what is shown at once; the server's word comes with the next refresh.
  patch(ids, values) {
    for (const item of this.items) if (item && ids.has(item.ID)) Object.assign(item, values);
    this.#tell();
  }
  drop(ids) {
    const before = this.items.length;
    // filter would close the holes.
    for (let index = this.items.length - 1; index >= 0; index -= 1) {
      if (this.items[index] && ids.has(this.items[index].ID)) this.items.splice(index, 1);
    }
    this.total = Math.max(0, this.total - (before - this.items.length));
    this.#outdate();
    this.#tell();
  }
  forget() {
    this.#tag = null;
    this.#outdate();
  }

  async #ask(page) {
    const era = this.#era;
    this.#asked.set(page, true);
    try {
      const answer = await api.page(this.query, page * pageSize, pageSize);
      if (era === this.#era) this.#take(answer, page);
    } finally {
      if (era === this.#era) this.#asked.delete(page);
    }
  }

  #take(answer, page) {
    this.total = answer.messages_count;
    this.unread = answer.messages_unread;
    this.allUnread = answer.unread;
    this.tags = answer.tags;
    this.items.length = this.total;
    answer.messages.forEach((item, offset) => { this.items[page * pageSize + offset] = item; });
    this.#fresh.add(page);
    this.#prune(page);
    this.#tell();
  }

  #arrivals(messages) {
    if (this.total === null) return 0;
    const known = new Set(this.items.slice(0, pageSize).filter(Boolean).map((item) => item.ID));
    const old = messages.findIndex((item) => known.has(item.ID));
    return old < 0 ? (known.size ? 0 : messages.length) : old;
  }

  #outdate() {
    this.#era += 1;
    this.#fresh.clear();
    this.#asked.clear();
  }

  #prune(near) {
    if (this.#fresh.size <= keptPages) return;
    for (const page of this.#fresh) {
      if (page === 0 || Math.abs(page - near) <= keptPages / 2) continue;
      this.#fresh.delete(page);
      for (let index = page * pageSize; index < (page + 1) * pageSize; index += 1) delete this.items[index];
    }
  }

  #tell = () => this.dispatchEvent(new Event("change"));
}
