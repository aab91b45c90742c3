// The filters of the gallery as a form that writes the address: what is shown can be kept as a bookmark and sent to others.

import { get } from "./api.js";
import { button, el, settled } from "./dom.js";
import { short } from "./format.js";
import { everyImage } from "./words.js";

const TYPED_MS = 450;
const ORDERS = [["", "Newest"], ["oldest", "Oldest"], ["plan", "By plan"], ["best", "Best"]];
const CHOICES = [["", "Any choice"], ["picked", "Picked"], ["rejected", "Rejected"], ["neither", "Neither"]];
const RATINGS = [
  ["", "Any rating"], ["rated=false", "Not rated"], ["rated=true", "Rated"], ["rating=1", "★ 1 or better"], ["rating=2", "★ 2 or better"],
  ["rating=3", "★ 3 or better"], ["rating=4", "★ 4 or better"], ["rating=5", "★ 5"],
];
const TEXTS = [
  ["group", "Group"], ["job", "Job"], ["pack", "Prompt pack"], ["model", "Model"], ["worker", "Worker"], ["experiment", "Experiment"],
  ["since", "Made since", "12h, 2d, 2026-11-20"], ["until", "Made until", "2026-11-20T22:00"],
];
const FIELDS = ["text", "order", "choice", "rating", "rated", ...TEXTS.map(([name]) => name)];

/** The filters of an address, as the server takes them. */
export function queryOf(params) {
  return Object.fromEntries(FIELDS.filter((name) => params.get(name)).map((name) => [name, params.get(name)]));
}

/** The address of filters. */
export function hashOf(view, query) {
  const text = new URLSearchParams(query).toString();
  return `#/${view}${text ? `?${text}` : ""}`;
}

function choice(name, label, options) {
  return el("label", {}, el("span", { class: "unseen" }, label), el("select", { name, "aria-label": label },
    options.map(([value, text]) => el("option", { value }, text))));
}

function field([name, label, placeholder]) {
  const list = `known-${name}`;
  const input = el("input", { name, type: "search", placeholder, list, autocomplete: "off", spellcheck: "false" });
  return el("label", {}, el("span", {}, label), input, el("datalist", { id: list }));
}

/** The form; `asked(query)` is called when a person changes it. */
export class Filters {
  #asked;

  constructor(asked) {
    this.#asked = asked;
    const later = settled(TYPED_MS, () => this.#tell());
    this.text = el("input", {
      name: "text", type: "search", placeholder: "Text in the prompt", "aria-label": "Text in the prompt", "aria-keyshortcuts": "/", autocomplete: "off",
    });
    this.more = el("details", { class: "more" }, el("summary", {}, "More filters"), el("div", { class: "fields" }, TEXTS.map(field)));
    this.chips = el("ul", { class: "chips", "aria-label": "Filters that are set" });
    this.element = el("form", {
      class: "filters", role: "search", "aria-label": "Filters",
      onsubmit: (event) => {
        event.preventDefault();
        this.#tell();
      },
      oninput: (event) => event.target.matches("input") && later(),
      onchange: () => {
        later.cancel();
        this.#tell();
      },
    },
    this.text, choice("ratings", "Rating", RATINGS), choice("choice", "Picked or rejected", CHOICES), choice("order", "Order", ORDERS),
    button("Clear", () => this.#clear(), { class: "quiet clear" }),
    this.more, this.chips);
    this.more.addEventListener("toggle", () => this.more.open && this.#suggest());
  }

  /** Shows the filters of an address, but leaves the field that is being typed in. */
  show(query) {
    const { elements } = this.element;
    for (const name of ["text", "order", "choice", ...TEXTS.map(([one]) => one)]) {
      if (elements[name] !== document.activeElement) elements[name].value = query[name] ?? "";
    }
    elements.ratings.value = query.rating ? `rating=${query.rating}` : query.rated ? `rated=${query.rated}` : "";
    const set = TEXTS.filter(([name]) => query[name]);
    this.chips.hidden = !set.length;
    this.chips.replaceChildren(...set.map(([name, label]) => el("li", {}, button(`${label}: ${query[name]}  ✕`, () => {
      const { [name]: _, ...others } = query;
      this.#asked(others);
    }, { "aria-label": `Take away the filter ${label}: ${query[name]}`, title: "Take this filter away" }))));
    this.element.querySelector(".clear").hidden = !Object.keys(query).length;
  }

  #query() {
    const query = {};
    for (const [name, value] of new FormData(this.element)) {
      const text = value.trim();
      if (text && name === "ratings") query[text.split("=")[0]] = text.split("=")[1];
      else if (text) query[name] = text;
    }
    return query;
  }

  #tell() {
    this.#asked(this.#query());
  }

  #clear() {
    this.element.reset();
    this.#asked({});
    this.text.focus();
  }

  /** Suggests what is known: groups of the spool, and what the images seen so far were made with. */
  async #suggest() {
    const images = [...everyImage()];
    for (const name of ["pack", "model", "worker", "experiment"]) this.#offer(name, images.map((image) => image[name]));
    const { groups } = await get("/api/groups").catch(() => ({ groups: [] }));
    this.#offer("group", groups.map((group) => group.group));
  }

  #offer(name, values) {
    const list = this.element.querySelector(`#known-${name}`);
    const some = [...new Set(values.filter(Boolean))].sort().slice(0, 200);
    list.replaceChildren(...some.map((value) => el("option", { value }, short(value))));
  }
}
