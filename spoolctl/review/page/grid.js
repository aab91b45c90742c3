// A grid of two variables: what the images of a filter differ in, one across and one down, and which images fall where.

import { get } from "./api.js";
import { fillCell, showIn } from "./cell.js";
import { button, el, say, settled, takesArrows } from "./dom.js";
import { axes, inOrder } from "./facts.js";
import { Filters, hashOf, queryOf } from "./filters.js";
import { counted, number } from "./format.js";
import { takeImageKey } from "./imagekeys.js";
import { keep, kept } from "./kept.js";
import { openLarge } from "./large.js";
import { FixedList, onWords } from "./list.js";
import { listen } from "./live.js";
import { marks } from "./marks.js";
import { alarm } from "./toast.js";
import { adopt } from "./words.js";

const IMAGES_MAX = 2000;
const VALUES_MAX = 60;
const NOTHING = "";

export function gridView(root, { query }) {
  const view = new Grid();
  root.append(el("h1", { class: "unseen" }, "Grid of two variables"), view.element);
  view.renew({ query });
  return { title: "Grid", renew: (route) => view.renew(route), leave: () => view.leave(), find: () => view.filters.text.focus() };
}

class Grid {
  #images = [];
  #key = null;
  #cells = [];
  #stop = [
    onWords((ids) => this.#redraw(ids)), listen(marks, "changed", () => this.#redraw()),
  ];
  #means = settled(100, () => this.#showMeans());

  constructor() {
    this.filters = new Filters((asked) => this.#write(asked, this.across.value, this.down.value));
    this.count = el("p", { class: "count", role: "status" }, "Looking.");
    this.across = el("select", { "aria-label": "Across", onchange: () => this.#chosen() });
    this.down = el("select", { "aria-label": "Down", onchange: () => this.#chosen() });
    const swap = button("Swap", () => this.#write(this.query, this.down.value, this.across.value), { class: "quiet" });
    const size = el("input", {
      type: "range", min: 60, max: 240, step: 10, value: kept("gridSize", 110), "aria-label": "Size of the thumbnails", oninput: (event) => {
        keep("gridSize", Number(event.target.value));
        this.#resize();
      },
    });
    this.back = el("a", { class: "button quiet" }, "Gallery");
    this.table = el("div", {
      class: "grid-box", tabindex: 0, role: "region", "aria-label": "Images by two variables", onkeydown: (event) => this.#keyDown(event),
    });
    this.element = el("div", { class: "grid-view" }, this.filters.element,
      el("div", { class: "tools" }, this.count, el("span", { class: "stretch" }),
        el("label", {}, "Across ", this.across), el("label", {}, "Down ", this.down), swap, this.back, size),
      this.table);
    this.#resize();
  }

  leave() {
    for (const stop of this.#stop) stop();
    this.#means.cancel();
  }

  #resize() {
    this.table.style.setProperty("--thumb", `${kept("gridSize", 110)}px`);
  }

  async renew({ query: params }) {
    const asked = queryOf(params);
    this.query = asked;
    this.filters.show(asked);
    this.back.href = hashOf("images", asked);
    if (this.#key !== JSON.stringify(asked)) {
      this.#key = JSON.stringify(asked);
      const key = this.#key;
      try {
        const answer = await get("/api/images", { ...asked, limit: IMAGES_MAX });
        if (this.#key !== key) return;
        this.#images = adopt(answer.images);
        say(this.count, answer.count > this.#images.length
          ? `the first ${number(this.#images.length)} of ${counted(answer.count, "image")}` : counted(answer.count, "image"));
      } catch (error) {
        alarm(error);
        return;
      }
    }
    this.#offer(params.get("x"), params.get("y"));
    this.#draw();
  }

  #offer(x, y) {
    this.axes = axes(this.#images);
    const fits = [...this.axes].filter(([, read]) => new Set(this.#images.map(read)).size <= VALUES_MAX).map(([name]) => name);
    const fill = (select, wanted, otherwise) => {
      select.replaceChildren(el("option", { value: NOTHING }, "nothing"), ...[...this.axes].map(([name, read]) => {
        const count = new Set(this.#images.map(read)).size;
        return el("option", { value: name, disabled: count > VALUES_MAX }, `${name} (${number(count)})`);
      }));
      const chosen = wanted ?? otherwise;
      select.value = chosen && this.axes.has(chosen) && fits.includes(chosen) ? chosen : NOTHING;
    };
    fill(this.across, x, fits[0]);
    fill(this.down, y, fits.find((name) => name !== this.across.value));
  }

  #chosen() {
    this.#write(this.query, this.across.value, this.down.value);
  }

  #write(query, x, y) {
    location.replace(hashOf("grid", { ...query, x, y }));
  }

  #draw() {
    const read = { x: this.axes.get(this.across.value) ?? (() => ""), y: this.axes.get(this.down.value) ?? (() => "") };
    const columns = inOrder(new Set(this.#images.map(read.x)));
    const rows = inOrder(new Set(this.#images.map(read.y)));
    const falls = grouped(this.#images, read);
    this.order = [];
    this.#cells = [];
    const head = el("tr", {}, el("td", { class: "corner" }, this.#corner()), columns.map((value) => el("th", { scope: "col" }, value || "–")));
    const body = rows.map((row) => el("tr", {}, el("th", { scope: "row" }, el("span", {}, row || "–")), columns.map((column) => {
      const here = falls.get(JSON.stringify([column, row])) ?? [];
      const mean = el("p", { class: "mean" });
      const cell = el("td", {}, mean, el("div", { class: "thumbs" }, here.map((image) => this.#thumb(image))));
      this.#cells.push({ mean, images: here });
      return cell;
    })));
    this.table.replaceChildren(el("table", { class: "grid" }, el("thead", {}, head), el("tbody", {}, body)));
    this.#redraw();
    this.#showMeans();
  }

  #corner() {
    return [this.down.value && `${this.down.value} ↓`, this.across.value && `${this.across.value} →`].filter(Boolean).join("  ");
  }

  #thumb(image) {
    const at = this.order.push(image) - 1;
    const cell = fillCell(el("button", {
      type: "button", class: "cell", tabindex: at ? -1 : 0, onclick: () => this.#open(at), onfocus: () => this.#focused(cell),
    }));
    cell.style.aspectRatio = image.width && image.height ? `${image.width} / ${image.height}` : "1";
    cell.dataset.at = at;
    return cell;
  }

  #open(at) {
    openLarge(new FixedList(this.order), at, (last) => this.#thumbs()[last]?.focus());
  }

  #thumbs() {
    return [...this.table.querySelectorAll("button.cell")];
  }

  #focused(cell) {
    this.table.querySelector("button.cell[tabindex='0']")?.setAttribute("tabindex", "-1");
    cell.tabIndex = 0;
  }

  #redraw(ids = null) {
    if (!this.order) return;
    for (const cell of this.#thumbs()) {
      const image = this.order[Number(cell.dataset.at)];
      if (!ids || ids.has(image.id)) showIn(cell, image, "");
    }
    this.#means();
  }

  /** Of each cell, what its rated images are worth on the average. */
  #showMeans() {
    for (const { mean, images } of this.#cells) {
      const rated = images.filter((image) => typeof image.rating === "number");
      const sum = rated.reduce((all, image) => all + image.rating, 0);
      say(mean, rated.length ? `★ ${(sum / rated.length).toFixed(1)} (${rated.length} rated)` : "");
    }
  }

  #keyDown(event) {
    const cell = event.target.closest("button.cell");
    if (!cell || takesArrows(event.target)) return;
    const thumbs = this.#thumbs();
    const at = thumbs.indexOf(cell);
    const to = {
      ArrowLeft: () => thumbs[at - 1], ArrowRight: () => thumbs[at + 1], ArrowUp: () => this.#beside(cell, -1), ArrowDown: () => this.#beside(cell, 1),
      Home: () => thumbs[0], End: () => thumbs.at(-1),
    }[event.key];
    if (to && !event.altKey) {
      event.preventDefault();
      to()?.focus();
    } else takeImageKey(event, { ids: () => [this.order[at].id], next: () => thumbs[at + 1]?.focus() });
  }

  /** The first image of the next cell up or down that has one. */
  #beside(cell, by) {
    const column = cell.closest("td").cellIndex;
    let row = cell.closest("tr");
    do row = by > 0 ? row.nextElementSibling : row.previousElementSibling;
    while (row && !row.cells[column].querySelector("button.cell"));
    return row?.cells[column].querySelector("button.cell");
  }
}

function grouped(images, read) {
  const found = new Map();
  for (const image of images) {
    const key = JSON.stringify([read.x(image), read.y(image)]);
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(image);
  }
  return found;
}
