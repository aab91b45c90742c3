// The keys that say something of images; the same in the gallery, the large view, compare and the grid.

import { imageBy, sayOf, undo } from "./words.js";
import { askNote } from "./dialogs.js";
import { isTyping } from "./dom.js";
import { counted } from "./format.js";
import { kept } from "./kept.js";
import { compareThese, toggleMarks } from "./marks.js";

/** Whether rating an image goes on to the next one. */
export const goesOn = () => kept("goesOn", true);

export async function noteOn(ids) {
  const one = ids.length === 1 ? imageBy(ids[0]) : null;
  const text = await askNote(one ? "Note" : `Note on ${counted(ids.length, "image")}`, one?.note);
  if (text !== null && text !== (one?.note ?? null)) await sayOf(ids, { note: text || null });
}

/**
 * Takes a key. `where` tells: ids() that are meant, next() to go on, and optionally note() and compare().
 * True if the key meant something here.
 */
export function takeImageKey(event, where) {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return false;
  const act = acts(event, where);
  if (!act) return false;
  event.preventDefault();
  act();
  return true;
}

function acts(event, where) {
  const { key } = event;
  const ids = where.ids();
  if (key === "z" || key === "Z") return () => undo();
  if (key === "C" || (key === "c" && event.shiftKey)) return where.compare ?? (() => compareThese(ids));
  if (!ids.length) return null;
  if (/^[1-5]$/.test(key)) {
    return () => {
      sayOf(ids, { rating: Number(key) });
      if (ids.length === 1 && goesOn()) where.next?.();
    };
  }
  switch (key) {
    case "0": return () => sayOf(ids, { rating: null });
    case "p": return () => sayOf(ids, { choice: "picked" });
    case "x": return () => sayOf(ids, { choice: "rejected" });
    case "u":
    case "Backspace": return () => sayOf(ids, { choice: null });
    case "n": return () => (where.note ?? noteOn)(ids);
    case "c": return () => toggleMarks(ids);
    default: return null;
  }
}
