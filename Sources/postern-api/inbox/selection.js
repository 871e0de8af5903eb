// Which messages are selected: some, or every message of the view, whatever is known of it.

class Selection extends EventTarget {
  #ids = new Set();
  all = false;
  last = null;   // the index that was selected last: where a range begins

  has = (id) => this.all || this.#ids.has(id);
  get size() { return this.#ids.size; }
  get some() { return this.all || this.#ids.size > 0; }

  toggle(id, index) {
    if (this.all) {
      this.all = false;
      this.#ids.clear();
    } else if (!this.#ids.delete(id)) {
      this.#ids.add(id);
    }
    this.last = index;
    this.#tell();
  }
  add(ids, index) {
    ids.forEach((id) => this.#ids.add(id));
    this.last = index;
    this.#tell();
  }
  selectAll() {
    this.#ids.clear();
    this.all = true;
    this.#tell();
  }
  clear() {
    if (!this.some) return;
    this.#ids.clear();
    this.all = false;
    this.last = null;
    this.#tell();
  }
  // What the API is asked to change.
  what = (query) => (this.all ? { query } : { ids: [...this.#ids] });
  ids = () => new Set(this.#ids);

  #tell = () => this.dispatchEvent(new Event("change"));
}

export const selection = new Selection();
