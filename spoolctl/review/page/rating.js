// Buttons that say something of images: a rating as a group of radio buttons, pick and reject as switches.

import { button, el, mark } from "./dom.js";

const STARS = [1, 2, 3, 4, 5];

/** Keeps the focus where it is when a button is clicked, so that the keys go on as before. */
const keepFocus = { onmousedown: (event) => event.preventDefault() };

/** Ratings 1 to 5; the one that stands is taken back by choosing it again. `rate(rating or null)`. */
export function ratingGroup(rate, label = "Rating") {
  let stands = null;
  const stars = STARS.map((value) => el("button", {
    type: "button", role: "radio", "aria-label": `${value} of 5`, "aria-keyshortcuts": value, class: "star",
    onclick: () => rate(value === stands ? null : value), ...keepFocus,
  }, el("span", { "aria-hidden": "true" }, "★")));
  const group = el("div", { class: "stars", role: "radiogroup", "aria-label": label, onkeydown: (event) => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    const at = stars.indexOf(event.target);
    if (!by || at < 0) return;
    event.preventDefault();
    event.stopPropagation(); // the arrows move within the group while the focus is in it
    stars[Math.max(0, Math.min(STARS.length - 1, at + by))].focus();
  } }, stars);
  const show = (rating) => {
    stands = typeof rating === "number" ? Math.round(rating) : null;
    for (const [at, star] of stars.entries()) {
      mark(star, "aria-checked", String(stands === at + 1));
      star.classList.toggle("lit", stands !== null && at < stands);
      star.tabIndex = at + 1 === (stands ?? 1) ? 0 : -1;
    }
  };
  show(null);
  return { element: group, show };
}

/** Pick and reject. `choose("picked" | "rejected" | null)`. */
export function choiceButtons(choose) {
  let stands = null;
  const make = (value, text, key) => button(text, () => choose(stands === value ? null : value), {
    class: `choice ${value}`, "aria-pressed": "false", "aria-keyshortcuts": key, ...keepFocus,
  });
  const pick = make("picked", "✓ Pick", "P");
  const reject = make("rejected", "✕ Reject", "X");
  const show = (choice) => {
    stands = choice ?? null;
    mark(pick, "aria-pressed", String(stands === "picked"));
    mark(reject, "aria-pressed", String(stands === "rejected"));
  };
  return { element: el("div", { class: "choices", role: "group", "aria-label": "Pick or reject" }, pick, reject), show };
}
