// Short messages at the foot of the page: what was done (polite), and errors (at once, until they are closed).

import { button, el } from "./dom.js";

const SHOWN_MS = 6000;
const ALERT_MS = 20000;
let timer = 0;

/** A dialog makes all outside it inert: the messages move into the topmost one. */
function nearest() {
  const box = document.getElementById("toasts");
  const open = [...document.querySelectorAll("dialog[open]")].pop();
  const home = open ?? document.body;
  if (box.parentElement !== home) home.append(box);
  return box;
}

/** Brings the messages back to the page; called before a dialog goes. */
export function leave(dialog) {
  const box = document.getElementById("toasts");
  if (dialog.contains(box)) document.body.append(box);
}

/** Says what was done; only the latest is shown. `action` is {text, call}. Returns what takes it away again. */
export function toast(text, action = null) {
  const said = nearest().querySelector("#said");
  clearTimeout(timer);
  const close = () => shown.remove();
  const more = action
    ? button(action.text, () => {
        close();
        action.call();
      })
    : null;
  const shown = el("div", { class: "toast" }, el("span", {}, text), more);
  said.replaceChildren(shown);
  timer = setTimeout(close, SHOWN_MS);
  return close;
}

/** Shows an error, both its lines. */
export function alarm(error) {
  if (error?.name === "AbortError") return;
  const box = nearest().querySelector("#alerts");
  const shown = el(
    "div",
    { class: "toast bad", role: "alert" },
    el("span", {}, el("b", {}, error.message ?? String(error)), error.hint ? el("small", {}, error.hint) : null),
    button("Close", () => shown.remove()),
  );
  for (const before of [...box.children]) if (before.textContent === shown.textContent) before.remove();
  while (box.children.length > 2) box.firstChild.remove();
  box.append(shown);
  setTimeout(() => shown.remove(), ALERT_MS);
  if (error instanceof Error && error.status === undefined) console.error(error);
}

/** Shows the errors of an answer to a POST; returns what was done. */
export function outcome(answer) {
  const errors = answer.errors ?? [];
  for (const one of errors.slice(0, 2)) alarm(one.error ?? { message: String(one.asked) });
  if (errors.length > 2) alarm({ message: `and ${errors.length - 2} more of these` });
  return answer.done ?? [];
}
