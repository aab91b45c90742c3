// A gallery with its tools: how many images, new ones on demand, size, selecting by touch, words for the selected ones.

import { button, el, mark, say } from "./dom.js";
import { hashOf } from "./filters.js";
import { counted, number } from "./format.js";
import { Gallery } from "./gallery.js";
import { goesOn, noteOn } from "./imagekeys.js";
import { keep, kept } from "./kept.js";
import { openLarge } from "./large.js";
import { ImageList } from "./list.js";
import { listen } from "./live.js";
import { toggleMarks } from "./marks.js";
import { choiceButtons, ratingGroup } from "./rating.js";
import { alarm } from "./toast.js";
import { sayOf } from "./words.js";

/** The list shown last, with the place in it, for coming back from compare or the grid. */
let rested = null;

export class Panel {
  #stop = [];

  constructor(query, label = "Images") {
    this.query = query;
    this.asked = JSON.stringify(query);
    const back = rested?.key === this.asked ? rested : null;
    if (rested && !back) rested.list.close();
    rested = null;
    this.list = back?.list ?? new ImageList(query);
    const size = kept("size", innerWidth < 600 ? 112 : 190);
    this.gallery = new Gallery(this.list, {
      size, label, open: (index) => this.#open(index), selection: (count) => this.#selection(count),
    });
    if (back) this.gallery.active = back.active;
    this.count = el("p", { class: "count", role: "status" }, "looking");
    this.news = button("", () => this.#renew(), { class: "main news", hidden: true });
    this.empty = el("p", { class: "empty", hidden: true }, "No image matches. ");
    this.bulk = this.#bulk();
    this.element = el("div", { class: "panel" }, this.#tools(size), this.bulk, this.empty, this.gallery.element);
    this.#stop = [
      listen(this.list, "change", () => this.#show()), listen(this.list, "news", () => this.#show()),
      listen(this.list, "trouble", (error) => this.#trouble(error)),
    ];
    this.#show();
    this.list.isResting = false;
    this.back = back;
  }

  /** To be called once the element is in the page. */
  shown() {
    this.gallery.layout();
    if (!this.back) return;
    scrollTo({ top: this.back.top, behavior: "instant" });
    this.gallery.go(this.gallery.active);
    this.list.look();
  }

  leave() {
    rested?.list.close();
    rested = { key: this.asked, list: this.list, active: this.gallery.active, top: scrollY };
    this.list.isResting = true;
    this.gallery.leave();
    for (const stop of this.#stop) stop();
  }

  #tools(size) {
    const slider = el("input", {
      type: "range", min: 90, max: 320, step: 10, value: size, "aria-label": "Size of the thumbnails",
      oninput: (event) => {
        keep("size", Number(event.target.value));
        this.gallery.resize(Number(event.target.value));
      },
    });
    this.select = button("Select", () => this.#selecting(!this.gallery.selecting), { "aria-pressed": "false", class: "quiet" });
    const next = el("label", { class: "switch" },
      el("input", { type: "checkbox", checked: goesOn(), onchange: (event) => keep("goesOn", event.target.checked) }), "Go on after rating");
    const grid = el("a", { href: hashOf("grid", this.query), class: "button quiet" }, "Grid of two variables");
    return el("div", { class: "tools", "data-sticky": true }, this.count, this.news, el("span", { class: "stretch" }), next, this.select, grid, slider);
  }

  #bulk() {
    const say_ = (told) => sayOf(this.gallery.selected, told);
    this.selected = el("b", {}, "");
    return el("div", { class: "bulk", role: "group", "aria-label": "Say of the selected images", hidden: true },
      this.selected,
      ratingGroup((rating) => say_({ rating }), "Rate the selected images").element,
      choiceButtons((choice) => say_({ choice })).element,
      button("Neither", () => say_({ choice: null }), { "aria-keyshortcuts": "U" }),
      button("Note", () => noteOn(this.gallery.selected), { "aria-keyshortcuts": "N" }),
      button("Compare", () => toggleMarks(this.gallery.selected), { "aria-label": "Mark for compare", "aria-keyshortcuts": "C" }),
      button("None", () => this.gallery.selectNone(), { "aria-label": "Select none", "aria-keyshortcuts": "Escape" }));
  }

  #selecting(on) {
    this.gallery.selecting = on;
    mark(this.select, "aria-pressed", String(on));
    if (!on) this.gallery.selectNone();
  }

  #selection(count) {
    this.bulk.hidden = !count;
    say(this.selected, `${number(count)} selected`);
  }

  #show() {
    const { count, news } = this.list;
    if (count !== null) say(this.count, counted(count, "image"));
    this.news.hidden = !news;
    say(this.news, `${counted(news, "new image")}: show`);
    this.empty.hidden = count !== 0;
    this.gallery.element.hidden = count === 0;
  }

  #renew() {
    this.gallery.selectNone();
    this.gallery.active = 0;
    this.list.renew();
    this.#show();
    this.element.scrollIntoView({ block: "start" });
    this.gallery.layout();
  }

  #trouble(error) {
    if (this.list.count === null) say(this.count, "no answer");
    alarm(error);
  }

  #open(index) {
    openLarge(this.list, index, (last) => this.gallery.go(last));
  }

  /** Keys that reach nobody else: the arrows wake the gallery. */
  key(event) {
    if (this.gallery.element.contains(document.activeElement)) return false;
    if (!event.key.startsWith("Arrow") || ![document.body, document.getElementById("main")].includes(document.activeElement)) return false;
    this.gallery.go(this.gallery.active);
    return true;
  }
}
