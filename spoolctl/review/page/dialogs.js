// Dialogs: asking before something is destroyed or said once and for all, and those that hold a view of their own.

import { button, el, isTyping } from "./dom.js";
import { leave } from "./toast.js";

/** Shows a dialog; it is gone from the page once it closes. Focus goes back to where it was. */
export function show(dialog) {
  const back = document.activeElement;
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    leave(dialog);
    dialog.remove();
    if (back instanceof HTMLElement && back.isConnected) back.focus({ preventScroll: true });
  }, { once: true });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog && dialog.classList.contains("small")) dialog.close();
  });
  dialog.showModal();
  return dialog;
}

/** A small dialog with a heading. */
export function framed(title, ...children) {
  const id = `title-${++framed.count}`;
  return el("dialog", { class: "small", "aria-labelledby": id }, el("h2", { id }, title), ...children);
}
framed.count = 0;

/**
 * Asks before something that cannot be taken back. The answer is true only if the person says so.
 * `lines` tell what will happen, `action` names the button, `bad` marks what destroys work.
 */
export function confirmed({ title, lines = [], action, bad = false, no = "Leave it" }) {
  return new Promise((answer) => {
    const dialog = framed(
      title,
      ...lines.map((line) => el("p", {}, line)),
      el("div", { class: "actions" },
        button(no, () => dialog.close(), { autofocus: true }),
        button(action, () => dialog.close("yes"), { class: bad ? "bad" : "main" })),
    );
    dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true });
    show(dialog);
  });
}

/** Asks for a note; `null` if the person leaves it as it is. */
export function askNote(title, text) {
  return new Promise((answer) => {
    const field = el("textarea", { rows: 4, "aria-label": "Note", maxlength: 2000, autofocus: true, value: text ?? "" });
    const dialog = framed(
      title, field,
      el("p", { class: "dim" }, "Ctrl+Enter keeps it; an empty note takes it back."),
      el("div", { class: "actions" }, button("Leave it", () => dialog.close()), button("Keep", () => dialog.close("keep"), { class: "main" })),
    );
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) dialog.close("keep");
    });
    dialog.addEventListener("close", () => answer(dialog.returnValue === "keep" ? field.value.trim() : null), { once: true });
    show(dialog);
  });
}

export const anyOpen = () => document.querySelector("dialog[open]") !== null;

const KEYS = [
  ["Everywhere", [["?", "these keys"], ["/", "find images by the text in their prompt"], ["z", "undo the last word (again: the one before)"]]],
  ["Images", [
    ["Arrows, Home, End, Page up, Page down", "move"], ["Enter", "open large"], ["1 to 5", "rate, and go on to the next"],
    ["0", "take the rating back"], ["p", "pick"], ["x", "reject"], ["u or Backspace", "neither picked nor rejected"], ["n", "note"],
    ["c", "mark for compare (two to four)"], ["Shift+C", "compare the marked ones"],
  ]],
  ["Many images at once", [
    ["Space", "select or leave out"], ["Shift+arrows, Shift+click", "select a range"], ["Ctrl+click", "select one more"],
    ["Ctrl+A", "select all that are loaded"], ["Escape", "select none"],
  ]],
  ["Large, and compare", [["← →", "previous, next"], ["f", "100 % and back"], ["Escape", "close"]]],
];

/** All keys. */
export function showKeys() {
  const dialog = framed(
    "Keys",
    el("div", { class: "keys" }, KEYS.map(([title, list]) => el("section", {},
      el("h3", {}, title),
      el("dl", {}, list.map(([key, what]) => el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, what))))))),
    el("div", { class: "actions" }, button("Close", () => dialog.close(), { autofocus: true })),
  );
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "?" && !isTyping(event.target)) dialog.close();
  });
  show(dialog);
}
