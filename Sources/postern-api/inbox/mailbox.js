// The messages of one view, in order, as far as they are known: an array with holes, filled page by page. Whatever
// changes on the server is noticed by the ETag of the first page. What is about to be deleted is not shown, but has its place
// in the array, for the pages are counted by the server.

import * as api from "./requests.js";

export const pageSize = 50;
// So many pages around the one in sight are kept.
const keptPages = 40;

// The ids of those that are about to be deleted, in every view.
const leaving = new Set();

export class Mailbox extends EventTarget {
  items = [];
  all = 0;            // of the whole mail directory
  tags = [];
  #total = null;      // of this view
  #allUnread = 0;     // of the whole mail directory
  #hidden = [];       // places in the array of those that are about to be deleted, in order
  version = 0;        // grows with each change that the server tells of
  #tag = null;
  #fresh = new Set();
  #asked = new Map();
  #era = 0;

  constructor(query) {
    super();
    this.query = query;
  }

  get total() { return this.#total === null ? null : Math.max(0, this.#total - this.#hidden.length); }
  get allUnread() { return Math.max(0, this.#allUnread - this.#hidden.filter((place) => !this.items[place].Read).length); }

  at = (index) => this.items[this.#place(index)];
  indexOf(id) {
    const place = leaving.has(id) ? -1 : this.items.findIndex((item) => item?.ID === id);
    return place < 0 ? -1 : place - this.#hidden.filter((hidden) => hidden < place).length;
  }
  #place(index) {
    let place = index;
    for (const hidden of this.#hidden) if (hidden <= place) place += 1; else break;
    return place;
  }

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
  async need(from, to) {
    const [first, last] = [this.#place(Math.max(0, from)), this.#place(to)];
    const wanted = [];
    for (let page = Math.floor(first / pageSize); page * pageSize <= last; page += 1) {
      if (!this.#fresh.has(page) && !this.#asked.has(page) && page * pageSize < (this.#total ?? 0)) wanted.push(page);
    }
    await Promise.all(wanted.map((page) => this.#ask(page)));
  }

  // Looks for a message that has arrived at this time, page by page: the newest are first. Returns its index, or -1.
  async locate(id, created) {
    const time = Date.parse(created);
    let first = 0, last = Math.ceil((this.#total ?? 0) / pageSize) - 1;
    // An answer counts for nothing where the list has changed meanwhile: it is asked for again.
    for (let asked = 0; asked < 50 && this.indexOf(id) < 0 && first <= last && !Number.isNaN(time); asked += 1) {
      const page = Math.floor((first + last) / 2);
      if (!this.#fresh.has(page)) await this.#ask(page);
      const [newest, oldest] = [this.items[page * pageSize], this.items[Math.min((page + 1) * pageSize, this.#total) - 1]];
      if (!newest || !oldest) continue;
      if (time > Date.parse(newest.Created)) last = page - 1;
      else if (time < Date.parse(oldest.Created)) first = page + 1;
      else break;
    }
    return this.indexOf(id);
  }

  // Changes what is shown at once; the server's word comes with the next refresh.
  patch(ids, values) {
    for (const item of this.items) if (item && ids.has(item.ID)) Object.assign(item, values);
    this.#tell();
  }
  // Before something is deleted, and where it is not deleted after all.
  hide(ids) {
    ids.forEach((id) => leaving.add(id));
    this.#tell();
  }
  showAgain(ids) {
    ids.forEach((id) => leaving.delete(id));
    this.#tell();
  }
  drop(ids) {
    const before = this.items.length;
    // filter would close the holes.
    for (let index = this.items.length - 1; index >= 0; index -= 1) {
      if (this.items[index] && ids.has(this.items[index].ID)) this.items.splice(index, 1);
    }
    this.#total = Math.max(0, this.#total - (before - this.items.length));
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
    this.#total = answer.messages_count;
    this.#allUnread = answer.unread;
    this.all = answer.total;
    this.tags = answer.tags;
    this.items.length = this.#total;
    answer.messages.forEach((item, offset) => { this.items[page * pageSize + offset] = item; });
    this.#fresh.add(page);
    this.#prune(page);
    this.#tell();
  }

  #arrivals(messages) {
    if (this.#total === null) return 0;
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

  #tell() {
    this.#hidden = [];
    if (leaving.size) this.items.forEach((item, place) => { if (leaving.has(item.ID)) this.#hidden.push(place); });
    this.dispatchEvent(new Event("change"));
  }
}
