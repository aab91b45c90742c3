// The images marked for compare, two to four, whatever view they were marked in; and the tray that shows them.

import { thumbOf } from "./api.js";
import { button, el } from "./dom.js";
import { toast } from "./toast.js";

export const MOST = 4;
const ids = [];

/** Tells "changed". */
export const marks = new EventTarget();
export const marked = () => [...ids];
export const isMarked = (id) => ids.includes(id);

/** "A" to "D" for a marked image, else ''. */
export const letterOf = (id) => "ABCD".charAt(ids.indexOf(id));

/** Marks images that are not, or takes the mark away where all are. */
export function toggleMarks(wanted) {
  if (wanted.every(isMarked)) for (const id of wanted) ids.splice(ids.indexOf(id), 1);
  else {
    const fresh = wanted.filter((id) => !isMarked(id));
    const room = MOST - ids.length;
    ids.push(...fresh.slice(0, room));
    if (fresh.length > room) toast(`No more than ${MOST} images can be compared`);
    else toast(`Marked for compare: ${ids.length}`);
  }
  marks.dispatchEvent(new Event("changed"));
}

function clearMarks() {
  ids.length = 0;
  marks.dispatchEvent(new Event("changed"));
}

/** Opens the marked ones side by side. */
function openCompare() {
  if (ids.length < 2) toast("Mark two to four images first (key c)");
  else location.hash = compareHash(ids);
}

/** Compares the marked ones; where none are marked, these, if they are two to four. */
export function compareThese(these) {
  if (!ids.length && these.length > 1 && these.length <= MOST) location.hash = compareHash(these);
  else openCompare();
}

export const compareHash = (list) => `#/compare?${new URLSearchParams(list.map((id) => ["id", id]))}`;

/** The tray at the foot of the page. */
export function showTray(tray) {
  const draw = () => {
    tray.hidden = !ids.length;
    document.body.classList.toggle("has-tray", ids.length > 0);
    tray.replaceChildren(
      el("ul", { class: "tray-images" }, ids.map((id) => el("li", {}, el("button", {
        type: "button", "aria-label": `Take the mark from ${id}`, title: "Take the mark away", onclick: () => toggleMarks([id]),
      }, el("img", { src: thumbOf(id), alt: "" }))))),
      button(`Compare (${ids.length})`, openCompare, { class: "main", disabled: ids.length < 2, "aria-keyshortcuts": "Shift+C" }),
      button("Clear", clearMarks),
    );
  };
  marks.addEventListener("changed", draw);
  draw();
}
