// An image's facts: what they are called, how they read, and in which of them images differ.

import { el } from "./dom.js";
import { moment, short, size } from "./format.js";

const text = (value) => (value === null || value === undefined ? "" : String(value));

/** [name, how it reads]; in the order in which they are shown. */
const FACTS = [
  ["Model", (image) => short(image.model)],
  ["Sampler", (image) => text(image.sampler)],
  ["Scheduler", (image) => text(image.scheduler)],
  ["Steps", (image) => text(image.steps)],
  ["CFG scale", (image) => text(image.cfg_scale)],
  ["Seed", (image) => text(image.seed)],
  ["Size", size],
  ["Prompt", (image) => text(image.prompt)],
  ["Negative prompt", (image) => text(image.negative_prompt)],
  ["Stage", (image) => text(image.stage)],
  ["Pack", (image) => text(image.pack)],
  ["Experiment", (image) => text(image.experiment)],
];
const PLACE = [
  ["Group", (image) => text(image.group)],
  ["Job", (image) => text(image.job)],
  ["Image", (image) => text(image.image_index)],
  ["Worker", (image) => text(image.worker)],
  ["Made", (image) => moment(image.ended)],
  ["File", (image) => text(image.path)],
];
const SEVERAL = /^[^=,]+=[^,]*(, [^=,]+=[^,]*)+$/;

/** The swept variables of an image, {name: value}; of a sweep of several, each on its own. */
function variables(image) {
  if (!image.variable || image.value === null || image.value === undefined) return {};
  const value = String(image.value);
  if (!SEVERAL.test(value)) return { [image.variable]: value };
  return Object.fromEntries(value.split(", ").map((one) => one.split(/=(.*)/s).slice(0, 2)));
}

/** Everything about an image that is known, as [name, text]. */
function factsOf(image) {
  const swept = Object.entries(variables(image)).map(([name, value]) => [`${name} (variable)`, value]);
  const facts = [...FACTS, ...PLACE].map(([name, read]) => [name, read(image)]);
  return [...swept, ...facts].filter(([, value]) => value !== "");
}

/** Rows of [name, [text of each image], whether they differ]. */
export function compared(images) {
  const each = images.map((image) => new Map(factsOf(image)));
  const names = new Set(each.flatMap((facts) => [...facts.keys()]));
  return [...names].map((name) => {
    const values = each.map((facts) => facts.get(name) ?? "");
    return [name, values, new Set(values).size > 1];
  });
}

/** The facts that can be an axis of a grid: {name: how it reads}; only those that differ. */
export function axes(images) {
  const found = new Map();
  const swept = new Set(images.flatMap((image) => Object.keys(variables(image))));
  for (const name of swept) found.set(name, (image) => variables(image)[name] ?? "");
  for (const [name, read] of [...FACTS, ...PLACE.filter(([name]) => ["Group", "Worker"].includes(name))]) {
    if (!found.has(name)) found.set(name, read);
  }
  for (const [name, read] of found) {
    if (new Set(images.map(read)).size < 2) found.delete(name);
  }
  return found;
}

/** Numbers by size, what begins with a number too, else by letters; nothing last. */
export function inOrder(values) {
  return [...values].sort((one, other) => {
    if ((one === "") !== (other === "")) return one === "" ? 1 : -1;
    const [a, b] = [Number(one), Number(other)];
    if (!Number.isNaN(a) && !Number.isNaN(b)) return a - b;
    return one.localeCompare(other, "en", { numeric: true });
  });
}

/** A definition list. */
export function factList(image) {
  return el("dl", { class: "facts" }, factsOf(image).map(([name, value]) => el("div", {},
    el("dt", {}, name),
    el("dd", { class: name.includes("rompt") ? "prose" : null }, linked(name, value)))));
}

function linked(name, value) {
  const query = { Group: `#/group/${encodeURIComponent(value)}`, Job: `#/images?job=${encodeURIComponent(value)}` }[name];
  return query ? el("a", { href: query }, value) : value;
}

/** What is said of an image, in words, for those who hear the page. */
export function spoken(image) {
  const said = [image.rating === null ? "not rated" : `rated ${image.rating}`, image.choice, image.note ? "has a note" : null];
  const made = [short(image.model), image.prompt?.slice(0, 80)];
  return [...said, ...made].filter(Boolean).join(", ");
}
