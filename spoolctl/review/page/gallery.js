// A gallery of any length: only the rows in view and a screen above and below are in the page. A listbox: one image is
// the active one (it has the focus), any number are selected; what is said goes to the selected ones, else to the active one.

import { fillCell, showIn } from "./cell.js";
import { el, mark, settled, takesArrows } from "./dom.js";
import { takeImageKey } from "./imagekeys.js";
import { listen } from "./live.js";
import { marks } from "./marks.js";
import { onWords } from "./list.js";
import { words } from "./words.js";

const GAP = 6;
const ASPECTS = [0.66, 1.5];
const SETTLE_MS = 90;

export class Gallery {
  active = 0;
  /** While set, a tap selects. */
  selecting = false;
  #list;
  #size;
  #cells = new Map();
  #selected = new Map();
  #anchor = 0;
  #toggled = 0;
  #shape = { columns: 1, width: 1, height: 1 };
  #aspect = null;
  #frame = 0;
  #top = 0;
  #isFast = false;
  #stop;
  #settle = settled(SETTLE_MS, () => this.#calm());

  /** `open(index)` opens the large view; `selection(count)` hears how many are selected. */
  constructor(list, { size, label, open, selection = () => {} }) {
    this.#list = list;
    this.#size = size;
    this.open = open;
    this.selection = selection;
    this.element = el("div", {
      class: "gallery", role: "listbox", "aria-label": label, "aria-multiselectable": "true",
      onkeydown: (event) => this.#key(event), onclick: (event) => this.#click(event), onfocusin: (event) => this.#focused(event),
    });
    const moved = () => this.#later();
    const observer = new ResizeObserver(() => this.layout());
    observer.observe(this.element);
    addEventListener("scroll", moved, { passive: true });
    addEventListener("resize", moved);
    this.#stop = [
      () => observer.disconnect(), () => removeEventListener("scroll", moved), () => removeEventListener("resize", moved),
      listen(list, "change", () => this.layout()),
      onWords((ids) => this.#redraw(ids)),
      listen(marks, "changed", () => this.#redraw()),
      listen(words, "undone", ({ ids }) => this.#back(ids[0])),
      () => this.#settle.cancel(), () => cancelAnimationFrame(this.#frame),
    ];
  }

  leave() {
    for (const stop of this.#stop) stop();
  }

  get selected() {
    return [...this.#selected.keys()];
  }

  /** The images that a word goes to. */
  ids() {
    if (this.#selected.size) return this.selected;
    const image = this.#list.get(this.active);
    return image ? [image.id] : [];
  }

  resize(size) {
    this.#size = size;
    this.layout();
    this.#show(this.active);
  }

  /** Reckons rows and columns anew, and draws. */
  layout() {
    const width = this.element.clientWidth;
    if (!width) return;
    const columns = Math.max(2, Math.floor((width + GAP) / (this.#size + GAP)));
    const cell = (width - GAP * (columns - 1)) / columns;
    this.#shape = { columns, width: cell, height: cell * this.#proportion() };
    const rows = Math.ceil((this.#list.count ?? columns * 3) / columns);
    this.element.style.height = `${Math.max(0, rows * (this.#shape.height + GAP) - GAP)}px`;
    this.element.style.setProperty("--cell-width", `${this.#shape.width}px`);
    this.element.style.setProperty("--cell-height", `${this.#shape.height}px`);
    this.active = Math.max(0, Math.min(this.active, (this.#list.count ?? 1) - 1));
    for (const [index, made] of this.#cells) this.#place(made, index);
    this.#draw();
    this.#redraw();
  }

  /** Most images' height by width: the cells have one shape, whole images are shown in it. */
  #proportion() {
    if (this.#aspect) return this.#aspect;
    const seen = new Map();
    for (let at = 0; at < 100; at += 1) {
      const image = this.#list.get(at);
      if (!image?.width || !image.height) continue;
      const aspect = (image.height / image.width).toFixed(2);
      seen.set(aspect, (seen.get(aspect) ?? 0) + 1);
    }
    if (!seen.size) return 1.25;
    const [most] = [...seen].sort((one, other) => other[1] - one[1])[0];
    this.#aspect = Math.min(ASPECTS[1], Math.max(ASPECTS[0], Number(most)));
    return this.#aspect;
  }

  #place(cell, index) {
    const { columns, width, height } = this.#shape;
    const x = (index % columns) * (width + GAP);
    const y = Math.floor(index / columns) * (height + GAP);
    cell.style.transform = `translate(${x}px, ${y}px)`;
  }

  #later() {
    const top = this.element.getBoundingClientRect().top;
    if (Math.abs(top - this.#top) > innerHeight) this.#isFast = true; // a drag of the scroll bar: pictures wait
    this.#top = top;
    this.#settle();
    if (!this.#frame) this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #calm() {
    this.#isFast = false;
    this.#draw();
  }

  #draw() {
    this.#frame = 0;
    const count = this.#list.count ?? this.#shape.columns * 3;
    const { columns, height } = this.#shape;
    const row = height + GAP;
    const top = -this.element.getBoundingClientRect().top;
    const from = (pixels) => Math.max(0, Math.floor(pixels / row)) * columns;
    const to = (pixels) => Math.min(count, Math.ceil(pixels / row) * columns);
    const [first, last] = [from(top - innerHeight), to(top + 2 * innerHeight)];
    for (const [index, cell] of this.#cells) {
      // the active one stays, wherever it is: it holds the focus
      const isFar = (index < first || index >= last) && index !== this.active;
      if (isFar || index >= count) {
        cell.remove();
        this.#cells.delete(index);
      }
    }
    const [seen, bottom] = [Math.min(from(top), last), to(top + innerHeight)];
    this.#fill(seen, bottom); // what is in view asks for its pictures first
    this.#fill(Math.max(seen, bottom), last);
    this.#fill(first, seen);
    if (count) this.#fill(this.active, this.active + 1);
    if (!this.#isFast) this.#list.want(first, last - 1);
  }

  /** Makes the cells of a range that lack, and shows in the others what has come since. */
  #fill(first, end) {
    for (let index = first; index < end; index += 1) {
      const cell = this.#cells.get(index);
      if (!cell) this.#make(index);
      else if (cell.dataset.image !== this.#list.get(index)?.id || (!this.#isFast && cell.classList.contains("later"))) this.#renew(cell, index);
    }
  }

  #make(index) {
    const cell = fillCell(el("div", { class: "cell", role: "option", tabindex: "-1", id: `image-${index}` }));
    cell.dataset.index = index;
    this.#place(cell, index);
    this.#cells.set(index, cell);
    this.#renew(cell, index);
    let after = null;
    for (const other of this.#cells.keys()) if (other > index && (after === null || other < after)) after = other;
    this.element.insertBefore(cell, this.#cells.get(after) ?? null); // the order that is read aloud
  }

  #renew(cell, index) {
    const image = this.#list.get(index);
    showIn(cell, image, "", !this.#isFast);
    cell.classList.toggle("later", this.#isFast);
    mark(cell, "aria-posinset", index + 1);
    mark(cell, "aria-setsize", this.#list.count ?? -1);
    mark(cell, "aria-selected", String(image !== undefined && this.#selected.has(image.id)));
    const tabindex = index === this.active ? 0 : -1;
    if (cell.tabIndex !== tabindex) cell.tabIndex = tabindex;
  }

  #redraw(ids = null) {
    for (const [index, cell] of this.#cells) {
      if (!ids || ids.has(cell.dataset.image)) this.#renew(cell, index);
    }
  }

  /** Makes an image the active one and brings it into view. */
  go(index, { focus = true } = {}) {
    const count = this.#list.count ?? 0;
    if (!count) return;
    const before = this.active;
    this.active = Math.max(0, Math.min(index, count - 1));
    this.#show(this.active);
    this.#draw();
    for (const at of [before, this.active]) if (this.#cells.has(at)) this.#renew(this.#cells.get(at), at);
    if (focus) this.#cells.get(this.active)?.focus({ preventScroll: true });
  }

  #show(index) {
    const row = this.#shape.height + GAP;
    const top = this.element.getBoundingClientRect().top + Math.floor(index / this.#shape.columns) * row;
    const ceiling = Math.max(0, ...[...document.querySelectorAll("[data-sticky]")].map((one) => {
      const rect = one.getBoundingClientRect();
      return getComputedStyle(one).position === "sticky" && rect.top <= 60 ? rect.bottom : 0;
    })) + 4;
    const floor = innerHeight - (document.body.classList.contains("has-tray") ? 90 : 8);
    if (top < ceiling) scrollBy({ top: top - ceiling, behavior: "instant" });
    else if (top + this.#shape.height > floor) scrollBy({ top: Math.min(top - ceiling, top + this.#shape.height - floor), behavior: "instant" });
  }

  #focused(event) {
    const index = Number(event.target.dataset?.index);
    if (!Number.isInteger(index) || index === this.active) return;
    this.active = index;
    this.#redraw();
  }

  #back(id) {
    const index = this.#list.indexOf(id);
    if (index >= 0 && this.element.contains(document.activeElement)) this.go(index);
  }

  #click(event) {
    const cell = event.target.closest(".cell");
    const index = Number(cell?.dataset.index);
    if (!cell || !this.#list.get(index)) return;
    if (event.shiftKey) {
      this.go(index);
      this.#range(this.#anchor, index);
    } else if (event.ctrlKey || event.metaKey || this.selecting) {
      this.go(index);
      this.toggle(index);
    } else {
      this.#anchor = index;
      this.go(index);
      this.open(index);
    }
  }

  #key(event) {
    if (takesArrows(event.target)) return;
    const move = this.#moves()[event.key];
    if (move !== undefined && !event.altKey && !event.metaKey) {
      event.preventDefault();
      this.go(move);
      if (event.shiftKey) this.#range(this.#anchor, this.active);
      else this.#anchor = this.active;
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.open(this.active);
    } else if (event.key === " ") {
      event.preventDefault();
      if (event.shiftKey) this.#range(this.#toggled, this.active);
      else this.toggle(this.active);
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.#range(0, (this.#list.count ?? 0) - 1);
    } else if (event.key === "Escape" && this.#selected.size) {
      event.preventDefault();
      this.selectNone();
    } else takeImageKey(event, { ids: () => this.ids(), next: () => this.go(this.active + 1) });
  }

  #moves() {
    const { columns, height } = this.#shape;
    const page = Math.max(1, Math.floor((innerHeight - 100) / (height + GAP))) * columns;
    const last = (this.#list.count ?? 1) - 1;
    const rowsMove = (by) => {
      const to = this.active + by;
      if (to >= 0 && to <= last) return to;
      if (by < 0) return this.active % columns;
      return Math.floor(this.active / columns) === Math.floor(last / columns) ? this.active : last;
    };
    return {
      ArrowLeft: this.active - 1, ArrowRight: this.active + 1, ArrowUp: rowsMove(-columns), ArrowDown: rowsMove(columns),
      PageUp: rowsMove(-page), PageDown: rowsMove(page), Home: 0, End: last,
    };
  }

  toggle(index) {
    const image = this.#list.get(index);
    if (!image) return;
    this.#anchor = this.#toggled = index;
    if (!this.#selected.delete(image.id)) this.#selected.set(image.id, image);
    this.#selectedNow();
  }

  #range(from, to) {
    this.#selected.clear();
    for (const image of this.#list.range(from, to)) this.#selected.set(image.id, image);
    this.#selectedNow();
  }

  selectNone() {
    this.#selected.clear();
    this.#selectedNow();
  }

  #selectedNow() {
    this.#redraw();
    this.selection(this.#selected.size);
  }
}
