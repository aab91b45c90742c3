// What people say of images: rating, choice, note. One place holds every image that the page knows, so that a word
// said here or in any other browser shows in all views. Words go to the server one after another, in the order said.

import { post } from "./api.js";
import { counted } from "./format.js";
import { live } from "./live.js";
import { alarm, outcome, toast } from "./toast.js";

const KEYS = ["rating", "choice", "note"];
const UNDO_MAX = 500;
const AT_ONCE = 500;

/** Every image seen, by id. */
const known = new Map();
const saying = new Map();
const said = [];
let chain = Promise.resolve();

/** Tells "changed" ({ids, words}) and "undone" ({ids}). */
export const words = new EventTarget();

/** Takes images from an answer; the same image is the same object everywhere. */
export function adopt(images) {
  return images.map((image) => {
    image.note ||= null;
    const before = known.get(image.id);
    if (!before) {
      known.set(image.id, image);
      return image;
    }
    const mine = saying.has(image.id) ? Object.fromEntries(KEYS.map((key) => [key, before[key]])) : {};
    return Object.assign(before, image, mine);
  });
}

/** Takes images that were asked for again, and tells which of those that are known had something said of them. */
export function tellNew(images) {
  const changed = images.filter((image) => {
    const before = known.get(image.id);
    return before && !saying.has(image.id) && KEYS.some((key) => (before[key] ?? null) !== (image[key] || null));
  });
  if (changed.length) change(changed.map((image) => pick(image, KEYS, image.id)));
}

export const imageBy = (id) => known.get(id);
export const everyImage = () => known.values();

function change(list) {
  const ids = new Set();
  for (const { id, ...told } of list) {
    const image = known.get(id);
    if (image) for (const key of KEYS) if (key in told) image[key] = told[key] || null; // an empty note is none
    ids.add(id);
  }
  words.dispatchEvent(new CustomEvent("changed", { detail: { ids, words: list } }));
}

live.addEventListener("said", (event) => change((event.detail.words ?? []).filter((one) => !saying.has(one.id))));

function hold(ids, by) {
  for (const id of ids) {
    const left = (saying.get(id) ?? 0) + by;
    if (left > 0) saying.set(id, left);
    else saying.delete(id);
  }
}

async function tell(ids, told) {
  const taken = new Map();
  try {
    for (let from = 0; from < ids.length; from += AT_ONCE) {
      const done = outcome(await post("/api/rate", { images: ids.slice(from, from + AT_ONCE), ...told }));
      for (const one of done) taken.set(one.id, one);
    }
  } catch (error) {
    alarm(error);
  }
  return taken;
}

/**
 * Says a word of images: shown at once, taken back if the server refuses it.
 * `told` holds rating, choice or note; `null` takes one back.
 */
export function sayOf(ids, told) {
  if (!ids.length) return Promise.resolve();
  const keys = Object.keys(told);
  const before = ids.map((id) => pick(known.get(id) ?? {}, keys, id));
  const entry = { text: inWords(told, ids.length), before };
  said.push(entry);
  if (said.length > UNDO_MAX) said.shift();
  entry.hide = toast(entry.text, { text: "Undo", call: () => undo(entry) });
  return send(ids, told, entry);
}

/** What was said, of these; with a rating go its parts, which the page neither shows nor loses. */
function pick(image, keys, id) {
  const found = { id, ...Object.fromEntries(keys.map((key) => [key, image[key] ?? null])) };
  if (found.rating && image.subscores && Object.keys(image.subscores).length) found.subscores = image.subscores;
  return found;
}

function send(ids, told, entry = null) {
  hold(ids, 1);
  change(ids.map((id) => ({ id, ...told })));
  chain = chain.then(async () => {
    const done = await tell(ids, told);
    hold(ids, -1);
    settle(ids, told, entry, done);
  });
  return chain;
}

function settle(ids, told, entry, done) {
  const keys = Object.keys(told);
  const free = (list) => list.filter((one) => !saying.has(one.id));
  change(free([...done.values()].map(({ before: _, ...one }) => one)));
  if (!entry) return;
  const refused = entry.before.filter((one) => !done.has(one.id));
  change(free(refused));
  entry.before = ids.filter((id) => done.has(id)).map((id) => pick(done.get(id).before ?? {}, keys, id));
  if (entry.before.length || !said.includes(entry)) return;
  said.splice(said.indexOf(entry), 1); // nothing of it was taken
  entry.hide();
}

/** Takes the last word back (or the one given), also of many images at once. */
export async function undo(entry = said.at(-1)) {
  if (!entry || !said.includes(entry)) {
    toast("Nothing to undo");
    return;
  }
  said.splice(said.indexOf(entry), 1);
  await chain; // what was there before is only sure once the server answered
  const alike = new Map();
  for (const { id, ...told } of entry.before) {
    const key = JSON.stringify(told);
    alike.set(key, { told, ids: [...(alike.get(key)?.ids ?? []), id] });
  }
  for (const { told, ids } of alike.values()) send(ids, told);
  toast(`Undone: ${entry.text}`);
  words.dispatchEvent(new CustomEvent("undone", { detail: { ids: entry.before.map((one) => one.id) } }));
}

function inWords(told, count) {
  const what = count === 1 ? "" : `, ${counted(count, "image")}`;
  if ("note" in told) return (told.note ? "Noted" : "Note taken back") + what;
  if ("choice" in told) {
    return (told.choice === "picked" ? "Picked" : told.choice === "rejected" ? "Rejected" : "Pick or reject taken back") + what;
  }
  return (told.rating ? `Rated ${told.rating}` : "Rating taken back") + what;
}
