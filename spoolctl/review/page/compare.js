// Two to four images side by side: one zoom and one place for all, words from here, and what differs between them.

import { get, imageOf, parts } from "./api.js";
import { button, el, mark, takesArrows } from "./dom.js";
import { compared, spoken } from "./facts.js";
import { takeImageKey } from "./imagekeys.js";
import { MOST } from "./marks.js";
import { onWords } from "./list.js";
import { choiceButtons, ratingGroup } from "./rating.js";
import { alarm } from "./toast.js";
import { adopt, imageBy, sayOf } from "./words.js";
import { Lens } from "./lens.js";

const NAMES = ["A", "B", "C", "D"];

export function compareView(root, { query }) {
  const ids = [...new Set(query.getAll("id"))].slice(0, MOST);
  const view = new Compare(ids);
  root.append(el("h1", { class: "unseen" }, "Compare"), view.element);
  view.load();
  return { title: "Compare", leave: () => view.leave(), key: (event) => view.key(event) };
}

async function found(ids) {
  const jobs = new Set(ids.filter((id) => !imageBy(id)).map((id) => parts(id).job));
  for (const job of jobs) adopt((await get("/api/images", { job, limit: 2000 })).images);
  return ids.map(imageBy).filter(Boolean);
}

class Compare {
  #images = [];
  #panes = [];
  #stop = () => {};
  #lens = new Lens((isActual) => this.#zoomed(isActual));

  constructor(ids) {
    this.ids = ids;
    this.zoom = button("100 %", () => this.#lens.toggle(), { "aria-pressed": "false", "aria-keyshortcuts": "F" });
    this.panes = el("div", { class: "panes", onkeydown: (event) => this.#key(event) }, el("p", { class: "dim", role: "status" }, "Looking."));
    this.table = el("div", { class: "differences" });
    this.element = el("div", { class: "compare" },
      el("div", { class: "tools" }, button("Back", () => history.back(), { class: "quiet" }), this.zoom,
        el("span", { class: "dim" }, "Click: 100 % at that place; drag: move all.")),
      this.panes, this.table);
  }

  async load() {
    try {
      this.#images = await found(this.ids);
    } catch (error) {
      alarm(error);
    }
    if (this.#images.length < 2) {
      this.panes.replaceChildren(el("p", {}, "Two to four images are needed: mark them in the gallery with the key c."));
      return;
    }
    this.#panes = this.#images.map((image, at) => this.#pane(image, at));
    this.panes.style.setProperty("--panes", this.#panes.length);
    this.panes.replaceChildren(...this.#panes.map((pane) => pane.element));
    this.#draw();
    this.#stop = onWords(() => this.#said());
    this.#said();
    this.#panes[0].element.focus({ preventScroll: true });
  }

  leave() {
    this.#stop();
  }

  #pane(image, at) {
    const picture = el("img", { src: imageOf(image.id), alt: "", draggable: "false" });
    const glass = el("div", { class: "glass" }, picture);
    const rating = ratingGroup((value) => sayOf([image.id], { rating: value }), `Rating of ${NAMES[at]}`);
    const choice = choiceButtons((value) => sayOf([image.id], { choice: value }));
    const element = el("div", { class: "pane", role: "group", tabindex: at ? -1 : 0, "data-image": image.id, onfocusin: () => this.#active(at) },
      glass, el("div", { class: "ratebar" }, el("b", { class: "name" }, NAMES[at]), rating.element, choice.element));
    this.#lens.add(glass, picture);
    return { image, element, picture, rating, choice };
  }

  #active(at) {
    for (const [other, pane] of this.#panes.entries()) pane.element.tabIndex = other === at ? 0 : -1;
    this.active = at;
  }

  #said() {
    for (const [at, { image, element, picture, rating, choice }] of this.#panes.entries()) {
      rating.show(image.rating);
      choice.show(image.choice);
      picture.alt = spoken(image);
      mark(element, "aria-label", `${NAMES[at]}: ${spoken(image)}`);
      mark(element, "data-choice", image.choice);
    }
  }

  #zoomed(isActual) {
    mark(this.zoom, "aria-pressed", String(isActual));
  }

  #draw() {
    const rows = compared(this.#images);
    const differing = rows.filter(([, , differs]) => differs);
    const same = rows.filter(([, , differs]) => !differs);
    this.table.replaceChildren(
      el("h2", {}, `What differs (${differing.length})`), this.#rows(differing),
      el("details", {}, el("summary", {}, `The same in all (${same.length})`), this.#rows(same)));
  }

  #rows(rows) {
    return el("div", { class: "wide-table", tabindex: 0, role: "region", "aria-label": "Parameters" }, el("table", {},
      el("thead", {}, el("tr", {}, el("td"), this.#images.map((_, at) => el("th", { scope: "col" }, NAMES[at])))),
      el("tbody", {}, rows.map(([name, values, differs]) => el("tr", { class: differs ? "differs" : null },
        el("th", { scope: "row" }, differs ? el("span", { class: "sign", title: "differs" }, "≠", el("span", { class: "unseen" }, " differs: ")) : null, name),
        values.map((value, at) => el("td", { class: name.includes("rompt") ? "prose" : null },
          differs && name.includes("rompt") ? phrases(values, at) : value)))))));
  }

  #key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const pan = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (takesArrows(event.target) && pan) return;
    if (event.shiftKey && pan) {
      event.preventDefault();
      this.#lens.move(...pan);
    } else if (by) {
      event.preventDefault();
      this.#panes[Math.max(0, Math.min(this.#panes.length - 1, this.active + by))]?.element.focus({ preventScroll: true });
    } else if (event.key === "f" && !event.ctrlKey && !event.metaKey) this.#lens.toggle();
    else takeImageKey(event, { ids: () => [this.#panes[this.active ?? 0].image.id], compare: () => {} });
  }

  /** Keys that reach nobody else wake the first image. */
  key(event) {
    if (event.key === "Escape") history.back();
    else if (!/^(Arrow|[0-5pxunf]$)/.test(event.key) || !this.#panes.length) return false;
    else this.#panes[this.active ?? 0].element.focus({ preventScroll: true });
    return true;
  }
}

/** A prompt's parts; those that not all have are marked. */
function phrases(values, at) {
  const each = values.map((value) => value.split(/\s*,\s*/));
  return each[at].flatMap((part, place) => {
    const isShared = each.every((other) => other.includes(part));
    return [place ? ", " : "", isShared ? part : el("mark", {}, part)];
  });
}
